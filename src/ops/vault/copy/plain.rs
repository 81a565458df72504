//! The files of a copy that plain git reads: they follow `head.json`, and say nothing that it does not.

use std::collections::{BTreeMap, BTreeSet};

use super::{Copy, CopyError, Replaced};
use crate::model::{CopyHead, Digest, MAX_INFO_REFS_BYTES, Oid, Writers, info_packs, info_refs, packs_in};
use crate::store::Key;
use crate::trust::Ledger;

/// What `HEAD` of a copy says.
const GIT_HEAD: &[u8] = b"ref: refs/heads/main\n";

/// How often a small file is tried again that others write too.
const MAX_TRIES: u32 = 20;

/// Returns the text of `info/refs` for a ledger and a branch for people.
pub(super) fn refs_text(ledger: &Ledger, main: Oid) -> String {
    let releases: BTreeMap<_, _> = ledger.releases().map(|(release, tag)| (release.clone(), tag)).collect();
    info_refs(ledger.head(), main, &releases)
}

impl Copy<'_> {
    /// Adds names to `objects/info/packs` and takes others away. A name more than needed harms nobody, so it stands there
    /// before `head.json` names it, and as long as its file does.
    pub(super) fn list_packs(
        &self,
        more: &BTreeSet<Oid>,
        fewer: &BTreeSet<Oid>,
        writers: Writers,
    ) -> Result<BTreeSet<Oid>, CopyError> {
        for _ in 0..MAX_TRIES {
            let there = self.bucket.get(&Key::InfoPacks, MAX_INFO_REFS_BYTES)?;
            let before = there.as_ref().map(|(bytes, _)| packs_in(&String::from_utf8_lossy(bytes)));
            let mut names = before.clone().unwrap_or_default();
            names.extend(more);
            names.retain(|name| !fewer.contains(name));
            if before.as_ref() == Some(&names) {
                return Ok(names);
            }
            let (text, version) = (info_packs(&names), there.map(|(_, version)| version));
            if self.replace(&Key::InfoPacks, text.as_bytes(), version.as_ref(), writers)? == Replaced::Done {
                return Ok(names);
            }
        }
        Err(CopyError::Raced { address: self.address().to_owned(), tries: MAX_TRIES })
    }

    /// Makes `info/refs` what `head` says, unless the copy has gone on since: then that is for whoever has taken it on. It
    /// never goes back: its version is read before `head.json` is.
    pub(super) fn settle_refs(&self, head: &CopyHead, text: &str) -> Result<(), CopyError> {
        for _ in 0..MAX_TRIES {
            let there = self.bucket.get(&Key::InfoRefs, MAX_INFO_REFS_BYTES)?;
            if there.as_ref().is_some_and(|(bytes, _)| bytes == text.as_bytes()) {
                return Ok(());
            }
            let now = self.head()?.map(|seen| seen.head.info_refs);
            if now != Some(Digest::of(text.as_bytes())) {
                return Ok(());
            }
            let version = there.map(|(_, version)| version);
            if self.replace(&Key::InfoRefs, text.as_bytes(), version.as_ref(), head.writers)? == Replaced::Done {
                return Ok(());
            }
        }
        Err(CopyError::Raced { address: self.address().to_owned(), tries: MAX_TRIES })
    }

    /// Makes `HEAD` where it is missing.
    pub(super) fn settle_git_head(&self, writers: Writers) -> Result<(), CopyError> {
        match self.bucket.get(&Key::GitHead, GIT_HEAD.len() as u64) {
            Ok(Some((bytes, _))) if bytes == GIT_HEAD => Ok(()),
            Ok(there) => {
                let version = there.map(|(_, version)| version);
                self.replace(&Key::GitHead, GIT_HEAD, version.as_ref(), writers).map(drop)
            }
            Err(error) => Err(error.into()),
        }
    }
}
