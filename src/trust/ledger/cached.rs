//! A ledger as bytes, to be read again without its commits (`schema/ledger.md`, section 4).
//!
//! All numbers are little-endian: `u32` for lengths and places in a list, `u64` for the rest. A text or a key is its length and
//! its bytes. Behind the title and the SHA-256 of all that follows: the tree, the keys, the texts, the trust files as
//! (number, `root.toml`, `allowed_signers`), the entries. Releases, revocations and what was taken back are worked out again.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Epoch, Ledger, Record, TrustFiles};
use crate::model::{Digest, EntryBody, Oid, Release, RootFile};
use crate::signature::PublicKey;

/// First line; another form has another.
const TITLE: &[u8] = b"skillmeat ledger as read, 1\n";

/// Largest ledger that is kept as bytes: 200,000 entries of ordinary size are two thirds of it. A larger one is read from its
/// commits each time.
pub const MAX_CACHED_BYTES: usize = 64 * 1024 * 1024;

const SUM_BYTES: usize = 32;

impl Ledger {
    /// Returns the ledger as bytes; `None` where they would be more than [`MAX_CACHED_BYTES`].
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let (mut keys, mut texts) = (Table::default(), Table::default());
        let mut entries = Vec::with_capacity(self.records.len() * 256);
        let mut epochs = Vec::new();
        put_len(&mut epochs, self.epochs.len());
        for epoch in &self.epochs {
            epochs.extend(epoch.number.to_le_bytes());
            put_len(&mut epochs, texts.place(epoch.files.root().render().as_bytes()));
            put_len(&mut epochs, texts.place(epoch.files.signers()));
        }
        put_len(&mut entries, self.records.len());
        for record in &self.records {
            put_oid(&mut entries, record.commit);
            entries.extend(record.digest.bytes());
            entries.extend(record.time.to_le_bytes());
            put_len(&mut entries, keys.place(record.key.bytes()));
            put_len(&mut entries, texts.place(record.principal.as_bytes()));
            put_body(&mut entries, &record.body);
        }
        let mut all = [TITLE, &[0; SUM_BYTES]].concat();
        put_oid(&mut all, self.tree);
        for list in [keys.list, texts.list] {
            put_len(&mut all, list.len());
            list.iter().for_each(|bytes| put(&mut all, bytes));
        }
        all.extend(epochs);
        all.extend(entries);
        let sum = Digest::of(&all[TITLE.len() + SUM_BYTES..]);
        all[TITLE.len()..TITLE.len() + SUM_BYTES].copy_from_slice(sum.bytes());
        (all.len() <= MAX_CACHED_BYTES).then_some(all)
    }

    /// Returns the ledger of such bytes; `None` for any others. Signatures and rules are not checked again: whoever calls it
    /// knows that these are the bytes of a ledger that was.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes.strip_prefix(TITLE)?);
        let sum = rest.digest()?;
        if Digest::of(rest.0) != sum {
            return None;
        }
        let tree = rest.oid()?;
        let keys: Vec<_> = rest.list(|rest| PublicKey::from_blob(rest.bytes()?).ok().map(Arc::new))?;
        let texts: Vec<Arc<str>> = rest.list(|rest| rest.text().map(Arc::from))?;
        let epochs = rest.list(|rest| {
            let number = rest.number()?;
            let (root, signers) = (texts.get(rest.len()?)?, texts.get(rest.len()?)?);
            let files = TrustFiles::known(RootFile::parse(root.as_bytes()).ok()?, signers.as_bytes()).ok()?;
            Some(Epoch { number, files })
        })?;
        let mut number = 0;
        let records = rest.list(|rest| {
            let (commit, digest, time) = (rest.oid()?, rest.digest()?, rest.number()?);
            let (key, principal) = (keys.get(rest.len()?)?.clone(), texts.get(rest.len()?)?.clone());
            let record = Record { number, commit, body: rest.body()?, key, principal, digest, time };
            number += 1;
            Some(record)
        })?;
        let first = records.first().filter(|_| rest.0.is_empty() && !epochs.is_empty())?;
        let mut ledger = Self::empty(first.digest, first.commit, tree);
        ledger.epochs = epochs;
        records.into_iter().for_each(|record| ledger.push(record, tree));
        ledger.note_yanks();
        Some(ledger)
    }
}

/// Byte strings, each once, in the order in which they came.
#[derive(Default)]
struct Table {
    list: Vec<Vec<u8>>,
    places: HashMap<Vec<u8>, usize>,
}

impl Table {
    fn place(&mut self, bytes: &[u8]) -> usize {
        if let Some(place) = self.places.get(bytes) {
            return *place;
        }
        self.places.insert(bytes.to_vec(), self.list.len());
        self.list.push(bytes.to_vec());
        self.list.len() - 1
    }
}

/// Lengths are below 2^32: an entry is at most [`crate::signature::MAX_OBJECT_BYTES`] long, and there are few of them.
fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend(u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend(bytes);
}

fn put_oid(out: &mut Vec<u8>, id: Oid) {
    out.push(id.as_slice().len() as u8);
    out.extend(id.as_slice());
}

fn put_release(out: &mut Vec<u8>, release: &Release) {
    put(out, release.bundle.as_str().as_bytes());
    put(out, release.version.to_string().as_bytes());
}

fn put_body(out: &mut Vec<u8>, body: &EntryBody) {
    match body {
        EntryBody::Root { version } => {
            out.push(0);
            out.extend(version.to_le_bytes());
        }
        EntryBody::Publish { release, tag, tree, pack, license } => {
            out.push(1);
            put_release(out, release);
            put_oid(out, *tag);
            out.extend(tree.bytes());
            out.push(u8::from(pack.is_some()));
            pack.iter().for_each(|pack| out.extend(pack.bytes()));
            put(out, license.as_bytes());
        }
        EntryBody::Yank { release, reason } => {
            out.push(2);
            put_release(out, release);
            put(out, reason.as_bytes());
        }
        EntryBody::Revoke { key, since, reason } => {
            out.push(3);
            put(out, key.as_bytes());
            out.extend(since.to_le_bytes());
            put(out, reason.as_bytes());
        }
        EntryBody::Checkpoint { expires } => {
            out.push(4);
            out.extend(expires.to_le_bytes());
        }
        EntryBody::Audit { digest } => {
            out.push(5);
            out.extend(digest.bytes());
        }
    }
}

/// What was not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn len(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.len()?;
        self.take(count)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn digest(&mut self) -> Option<Digest> {
        Some(Digest::from_bytes(self.take(SUM_BYTES)?.try_into().ok()?))
    }

    fn oid(&mut self) -> Option<Oid> {
        let count = self.byte()?;
        Oid::try_from(self.take(usize::from(count))?).ok()
    }

    fn release(&mut self) -> Option<Release> {
        Some(Release { bundle: self.text()?.parse().ok()?, version: self.text()?.parse().ok()? })
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.len()?;
        // No room is made for more than a ledger has.
        let mut all = Vec::with_capacity(count.min(super::MAX_ENTRIES));
        for _ in 0..count {
            all.push(one(self)?);
        }
        Some(all)
    }

    fn body(&mut self) -> Option<EntryBody> {
        let owned = |text: &str| text.to_owned();
        Some(match self.byte()? {
            0 => EntryBody::Root { version: self.number()? },
            1 => EntryBody::Publish {
                release: self.release()?,
                tag: self.oid()?,
                tree: self.digest()?,
                pack: match self.byte()? {
                    0 => None,
                    _ => Some(self.digest()?),
                },
                license: self.text().map(owned)?,
            },
            2 => EntryBody::Yank { release: self.release()?, reason: self.text().map(owned)? },
            3 => EntryBody::Revoke {
                key: self.text().map(owned)?,
                since: self.number()?,
                reason: self.text().map(owned)?,
            },
            4 => EntryBody::Checkpoint { expires: self.number()? },
            5 => EntryBody::Audit { digest: self.digest()? },
            _ => return None,
        })
    }
}
