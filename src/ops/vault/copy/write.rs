//! Writing a copy: what is named by its content first, `head.json` last.

use std::collections::BTreeSet;

use super::packs::{NewRelease, over};
use super::plain::refs_text;
use super::{Copy, CopyError, Replaced, Seen};
use crate::fsio::scratch_beside;
use crate::git::Repo;
use crate::model::{COPY_FORMAT, CopyHead, CopyPack, Digest, EntryBody, Oid, RetiredPack, SignedCopyHead, Writers};
use crate::ops::bundle::Signer;
use crate::ops::vault::Error;
use crate::store::Key;
use crate::trust::{COPY_NAMESPACE, Ledger};

/// How long a statement is worth something, in seconds: whoever keeps a copy writes it anew well before.
const VALID_SECONDS: u64 = 30 * 24 * 60 * 60;

/// What a copy is to hold.
pub(in crate::ops::vault) struct Next<'a> {
    /// The ledger, which holds.
    pub(in crate::ops::vault) ledger: &'a Ledger,
    /// The branch for people.
    pub(in crate::ops::vault) main: Oid,
    /// Whether several may write, for a copy that is made now.
    pub(in crate::ops::vault) writers: Writers,
    /// Least serial number of the statement: above all that was seen of the copy.
    pub(in crate::ops::vault) serial: u64,
}

/// How writing went.
pub(in crate::ops::vault) enum Written {
    /// The copy holds it.
    Done,
    /// Another was quicker; readers have seen nothing of ours.
    Lost,
}

impl Copy<'_> {
    /// Returns the releases that a ledger has published and a copy does not have.
    pub(in crate::ops::vault) fn lacking(ledger: &Ledger, base: Option<&Seen>) -> Vec<NewRelease> {
        let first = base.map_or(0, |base| base.head.number + 1);
        let new = ledger.records().iter().skip_while(|record| record.number < first);
        let release = |body: &EntryBody| match body {
            EntryBody::Publish { release, tag, pack, .. } => Some((release.clone(), *tag, *pack)),
            _ => None,
        };
        new.filter_map(|record| release(&record.body)).collect()
    }

    /// Makes a copy hold what `next` says, where it is at `base` or is not there yet. All that it lacks must be here.
    ///
    /// # Errors
    /// [`CopyError::Store`], [`Error::Git`] for what is not here, [`Error::Bundle`] when signing fails. Readers see the old
    /// state then, or the new one where an answer was lost.
    pub(in crate::ops::vault) fn write(
        &self,
        repo: &Repo,
        next: &Next<'_>,
        base: Option<&Seen>,
    ) -> Result<Written, Error> {
        self.write_over(repo, next, base, base)
    }

    /// As [`Copy::write`], where of what is there only `content` is built on: nothing of what nobody believes any more.
    pub(in crate::ops::vault) fn write_over(
        &self,
        repo: &Repo,
        next: &Next<'_>,
        base: Option<&Seen>,
        content: Option<&Seen>,
    ) -> Result<Written, Error> {
        let old = content.map(|content| &content.head);
        // Not where temporary files are: git moves packs there from the repository, and those may be two file systems. The
        // caller holds the lock of the vault.
        let scratch = scratch_beside(repo.git_folder(), ".send")?;
        let new = Self::lacking(next.ledger, content);
        let made: Vec<_> = [
            self.releases_pack(repo, next.ledger, &new, old, scratch.path())?,
            self.ledger_pack(repo, next.ledger, next.main, old, scratch.path())?,
        ]
        .into_iter()
        .flatten()
        .collect();
        self.send(&made.iter().flat_map(|made| made.uploads()).collect::<Vec<_>>())?;
        self.send_bundles(repo, &new, scratch.path())?;
        let mut packs: Vec<CopyPack> = old.map_or(Vec::new(), |old| old.packs.clone());
        for made in &made {
            if !packs.iter().any(|pack| pack.name == made.pack.name) {
                packs.push(made.pack.clone());
            }
        }
        let retired = old.map_or(Vec::new(), |old| old.retired.clone());
        self.commit(next, base, packs, retired)
    }

    /// Writes `head.json` with these packs, and what follows from it.
    pub(super) fn commit(
        &self,
        next: &Next<'_>,
        base: Option<&Seen>,
        packs: Vec<CopyPack>,
        retired: Vec<RetiredPack>,
    ) -> Result<Written, Error> {
        let old = base.map(|base| &base.head);
        let writers = old.map_or(next.writers, |old| old.writers);
        let names: BTreeSet<Oid> = packs.iter().map(|pack| pack.name).collect();
        self.list_packs(&names, &BTreeSet::new(), writers)?;
        let retired = self.still_there(retired, &names)?;
        let text = refs_text(next.ledger, next.main);
        let time = self.now();
        let head = CopyHead {
            format: COPY_FORMAT,
            ledger: next.ledger.id(),
            // Who is believed no more may have set it back.
            serial: old.map_or(0, |old| old.serial.saturating_add(1)).max(next.serial),
            number: next.ledger.number(),
            head: next.ledger.head(),
            digest: next.ledger.head_digest(),
            main: next.main,
            info_refs: Digest::of(text.as_bytes()),
            time,
            expires: time + VALID_SECONDS,
            writers,
            packs,
            retired,
        };
        let payload = head.render();
        // What no reader would take is not signed.
        CopyHead::parse(&payload).map_err(|source| CopyError::Head { address: self.address().to_owned(), source })?;
        let signature = Signer::of(self.context)?.sign(COPY_NAMESPACE, payload.as_bytes())?;
        let file = SignedCopyHead { payload, signature }.render();
        if base.is_none() {
            self.settle_git_head(writers)?;
        }
        let version = base.map(|base| &base.version);
        if self.replace(&Key::Head, file.as_bytes(), version, writers)? == Replaced::Lost {
            return Ok(Written::Lost);
        }
        // From here on it is true, whatever becomes of the rest: the next writer mends that.
        if let Err(error) = self.settle_refs(&head, &text) {
            self.context.progress.warn(&format!(
                "'{}' is written, but plain git sees the state before until the next write: {error}",
                self.address()
            ));
        }
        Ok(Written::Done)
    }

    /// Makes the files for plain git what they must be, where a writer was ended before it came to that.
    pub(in crate::ops::vault) fn mend(&self, ledger: &Ledger, seen: &Seen) -> Result<(), Error> {
        let head = &seen.head;
        if ledger.number() == head.number {
            self.list_packs(&head.packs.iter().map(|pack| pack.name).collect(), &BTreeSet::new(), head.writers)?;
            self.settle_git_head(head.writers)?;
            self.settle_refs(head, &refs_text(ledger, head.main))?;
        }
        Ok(())
    }

    /// Says whether what a copy says of itself should be said anew: when half of its time is over.
    pub(in crate::ops::vault) fn is_due(&self, seen: &Seen) -> bool {
        seen.head.expires < self.now() + VALID_SECONDS / 2
    }

    /// Returns the retired packs that are still there, without those that are in use again.
    fn still_there(&self, retired: Vec<RetiredPack>, in_use: &BTreeSet<Oid>) -> Result<Vec<RetiredPack>, Error> {
        let mut kept = Vec::new();
        let over = over(&retired, self.now());
        for one in retired {
            // It leaves the list only when its files are gone, so that nobody takes up its name in between.
            let is_gone =
                over.contains(&one.name) && self.bucket.size(&Key::Pack(one.name)).map_err(CopyError::from)?.is_none();
            if !in_use.contains(&one.name) && !is_gone {
                kept.push(one);
            }
        }
        Ok(kept)
    }
}
