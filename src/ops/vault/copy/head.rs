//! `head.json` as it is there: read, and judged by the ledger.

use std::path::{Path, PathBuf};

use super::{Copy, CopyError, Version};
use crate::fsio::{Access, FsError, Root, ensure_folder, read_optional, write_atomic};
use crate::git::Repo;
use crate::model::{CopyHead, Digest, MAX_COPY_HEAD_BYTES, SignedCopyHead};
use crate::ops::vault::Error;
use crate::signature::{PublicKey, signed_by};
use crate::store::Key;
use crate::trust::{COPY_NAMESPACE, Ledger};

/// Longest note of what was seen of a copy, in bytes: serial number, digest, and number of the newest entry.
const MAX_NOTE_BYTES: u64 = 200;

/// What a copy says of itself, signed by some key.
#[derive(Debug, Clone)]
pub(in crate::ops::vault) struct Seen {
    /// What it says.
    pub(in crate::ops::vault) head: CopyHead,
    /// Who said so; whether they may is for [`Copy::check`] to say.
    key: PublicKey,
    /// Which version of the file this is.
    pub(super) version: Version,
    /// SHA-256 of what is signed.
    digest: Digest,
}

impl Copy<'_> {
    /// Reads what the copy says of itself, and checks that it was signed; `None` where there is no copy.
    ///
    /// # Errors
    /// [`CopyError::Head`], [`CopyError::Signature`], [`CopyError::Store`].
    pub(in crate::ops::vault) fn head(&self) -> Result<Option<Seen>, CopyError> {
        let Some((bytes, version)) = self.bucket.get(&Key::Head, MAX_COPY_HEAD_BYTES)? else { return Ok(None) };
        let wrong = |source| CopyError::Head { address: self.address().to_owned(), source };
        let signed = SignedCopyHead::parse(&bytes).map_err(wrong)?;
        // The signature first: what nobody signed is not looked into.
        let (payload, signature) = (signed.payload.as_bytes(), signed.signature.as_bytes());
        let key = signed_by(payload, Some(signature), COPY_NAMESPACE).map_err(|verdict| CopyError::Signature {
            address: self.address().to_owned(),
            reason: verdict.to_string(),
        })?;
        let head = CopyHead::parse(&signed.payload).map_err(wrong)?;
        Ok(Some(Seen { head, key, version, digest: Digest::of(payload) }))
    }

    /// Judges what a copy says by a ledger that holds: it is of that ledger, names an entry of it, and its signer had a say
    /// then. A ledger that ends before that entry cannot judge.
    ///
    /// # Errors
    /// [`CopyError::OtherVault`], [`CopyError::Fork`], [`CopyError::Keeper`], [`CopyError::Incomplete`].
    pub(in crate::ops::vault) fn check(&self, seen: &Seen, ledger: &Ledger) -> Result<(), CopyError> {
        let (address, head) = (self.address().to_owned(), &seen.head);
        if head.ledger != ledger.id() {
            return Err(CopyError::OtherVault { address, found: head.ledger, wanted: ledger.id() });
        }
        match ledger.record(head.number) {
            Some(record) if record.commit == head.head && record.digest == head.digest => {}
            Some(_) => return Err(CopyError::Fork { address, number: head.number }),
            None => return Err(CopyError::Incomplete { address, what: format!("entry {}", head.number) }),
        }
        let judged = ledger.check_keeper(&seen.key, head.number);
        judged.map(drop).map_err(|source| CopyError::Keeper { address, source })
    }

    /// Checks that a copy has not been set back since it was seen last, and notes what is seen now.
    ///
    /// # Errors
    /// [`CopyError::SetBack`], [`CopyError::Twice`]; what was seen stays noted then.
    pub(in crate::ops::vault) fn note(&self, repo: &Repo, seen: &Seen) -> Result<(), Error> {
        let path = note_path(repo, self.address());
        let (serial, digest) = (seen.head.serial, seen.digest);
        let address = || self.address().to_owned();
        let note = read_optional(&path, MAX_NOTE_BYTES)?.unwrap_or_default();
        let note = String::from_utf8_lossy(&note).into_owned();
        let mut words = note.split_whitespace();
        let before: Option<(u64, Digest)> =
            words.next().zip(words.next()).and_then(|(n, d)| Some((n.parse().ok()?, d.parse().ok()?)));
        match before {
            Some((old, _)) if serial < old => {
                return Err(CopyError::SetBack { address: address(), seen: old, found: serial }.into());
            }
            Some((old, other)) if serial == old && digest != other => {
                return Err(CopyError::Twice { address: address(), serial }.into());
            }
            Some((old, _)) if serial == old => return Ok(()),
            _ => {}
        }
        ensure_folder(path.parent().unwrap_or(&path))?;
        let note = format!("{serial} {digest} {}\n", seen.head.number);
        Ok(write_atomic(&path, note.as_bytes(), Access::Shared)?)
    }
}

/// Start of the names of the notes.
const NOTE: &str = "serial-";

/// Takes along what was seen of copies, from one store of a vault to another.
pub(in crate::ops::vault) fn carry_notes(from: &Path, to: &Path) -> Result<(), FsError> {
    if !from.is_dir() {
        return Ok(());
    }
    for (name, _) in Root::open(from)?.list("")?.into_iter().filter(|(name, _)| name.starts_with(NOTE)) {
        if let Some(note) = read_optional(&from.join(&name), MAX_NOTE_BYTES)? {
            write_atomic(&to.join(&name), &note, Access::Shared)?;
        }
    }
    Ok(())
}

fn note_path(repo: &Repo, address: &str) -> PathBuf {
    repo.git_folder().join(format!("{NOTE}{}", Digest::of(address.as_bytes()).hex()))
}

/// Returns the serial number that a copy had when it was looked at last; 0 if it never was.
pub(in crate::ops::vault) fn noted_serial(repo: &Repo, address: &str) -> u64 {
    noted_word(repo, address, 0).unwrap_or(0)
}

/// Returns the number of the newest entry that a copy had when it was looked at last; `None` if it never was.
pub(in crate::ops::vault) fn noted_number(repo: &Repo, address: &str) -> Option<u64> {
    noted_word(repo, address, 2)
}

fn noted_word(repo: &Repo, address: &str, at: usize) -> Option<u64> {
    let note = read_optional(&note_path(repo, address), MAX_NOTE_BYTES).ok()??;
    String::from_utf8(note).ok()?.split_whitespace().nth(at)?.parse().ok()
}
