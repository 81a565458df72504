//! What a copy should hold and does not: somebody has removed it.

use std::collections::BTreeSet;

use super::packs::NewRelease;
use super::{Copy, CopyError, Seen};
use crate::fsio::scratch_beside;
use crate::git::Repo;
use crate::model::{EntryBody, Oid};
use crate::ops::vault::Error;
use crate::store::Key;
use crate::trust::Ledger;

/// Files that are not there, or not in their size.
pub(in crate::ops::vault) struct Lost {
    /// Names of git packs that are not there, or whose indexes are not.
    pub(in crate::ops::vault) packs: BTreeSet<Oid>,
    /// Releases whose packs are not there.
    pub(in crate::ops::vault) bundles: Vec<NewRelease>,
}

impl Copy<'_> {
    /// Looks for the files of a copy, without reading them.
    ///
    /// # Errors
    /// [`CopyError::Store`].
    pub(in crate::ops::vault) fn lost(&self, seen: &Seen, ledger: &Ledger) -> Result<Lost, CopyError> {
        let mut wanted: Vec<(Key, Option<u64>)> = Vec::new();
        for pack in &seen.head.packs {
            wanted.push((Key::Pack(pack.name), Some(pack.size)));
            wanted.push((Key::Index(pack.name), Some(pack.index_size)));
        }
        let there = ledger.records().iter().take_while(|record| record.number <= seen.head.number);
        let release = |body: &EntryBody| match body {
            EntryBody::Publish { release, tag, pack: Some(pack), .. } => Some((release.clone(), *tag, *pack)),
            _ => None,
        };
        let releases: Vec<_> = there.filter_map(|record| release(&record.body)).collect();
        // The ledger names their digests and not their sizes.
        wanted.extend(releases.iter().map(|(.., pack)| (Key::Bundle(*pack), None)));
        let missing: BTreeSet<Key> = self.bucket.missing(wanted)?.into_iter().collect();
        let pack = |key: &Key| match key {
            Key::Pack(name) | Key::Index(name) => Some(*name),
            _ => None,
        };
        let packs = missing.iter().filter_map(pack).collect();
        let bundles = releases.into_iter().filter(|(.., pack)| missing.contains(&Key::Bundle(*pack)));
        Ok(Lost { packs, bundles: bundles.map(|(release, tag, pack)| (release, tag, Some(pack))).collect() })
    }

    /// Takes packs that are gone from the list for plain git.
    ///
    /// # Errors
    /// [`CopyError::Store`].
    pub(in crate::ops::vault) fn unlist(&self, gone: &BTreeSet<Oid>, seen: &Seen) -> Result<(), CopyError> {
        self.list_packs(&BTreeSet::new(), gone, seen.head.writers).map(drop)
    }

    /// Sends packs of releases again, which are here. The caller holds the lock of the vault.
    ///
    /// # Errors
    /// [`Error::Git`] for what is not here, [`CopyError::Store`].
    pub(in crate::ops::vault) fn resend(&self, repo: &Repo, bundles: &[NewRelease]) -> Result<(), Error> {
        let scratch = scratch_beside(repo.git_folder(), ".send")?;
        self.send_bundles(repo, bundles, scratch.path())
    }
}
