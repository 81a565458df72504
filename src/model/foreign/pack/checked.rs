//! What a manifest says, held against the files of its pack.

use std::collections::BTreeSet;

use super::{OldHash, OldManifest, OldMember, OldPackError};
use crate::model::foreign::InstalledFile;
use crate::model::foreign::hash::{content_digest, run_together};
use crate::model::{Digest, TreePath};

impl OldManifest {
    /// Checks that no two members stand in one place: one file would be two artifacts, as often as the manifest likes.
    pub(super) fn check_places(&self) -> Result<(), OldPackError> {
        let mut places: Vec<(TreePath, &OldMember)> = Vec::new();
        for member in &self.members {
            places.extend(member.place()?.map(|place| (place, member)));
        }
        // With the separator at the end, all places below one follow it.
        places.sort_by_cached_key(|(place, _)| format!("{place}/"));
        for pair in places.windows(2) {
            let [(first, _), (second, inner)] = pair else { continue };
            if first == second || second.below(first).is_some() {
                return Err(OldPackError::Member { member: inner.label(), reason: "another member has its place" });
            }
        }
        Ok(())
    }
}

impl OldMember {
    /// Picks those of the files at the member's place that the manifest lists, all of them where it lists none, and checks its
    /// digest over them.
    ///
    /// `found` have their paths below the place, and are sorted; `is_file` says that the place is one file. Returns the picked
    /// ones, the paths of the others, and whether a digest covers the picked ones.
    ///
    /// # Errors
    /// [`OldPackError::Missing`], [`OldPackError::Digest`].
    pub fn check(
        &self,
        found: Vec<InstalledFile>,
        is_file: bool,
    ) -> Result<(Vec<InstalledFile>, Vec<TreePath>, bool), OldPackError> {
        let (mut own, mut others) = (found, Vec::new());
        if let Some(listed) = &self.files {
            let names: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
            if names.len() != listed.len() {
                return Err(OldPackError::Member { member: self.label(), reason: "it lists a file twice" });
            }
            let has = |name: &&&str| own.iter().any(|(path, _, _)| path.as_str() == **name);
            if let Some(missing) = names.iter().find(|name| !has(name)) {
                let place = self.path.as_deref().unwrap_or_default().trim_end_matches('/');
                return Err(OldPackError::Missing { path: format!("{place}/{missing}") });
            }
            let (listed, rest): (Vec<_>, Vec<_>) =
                own.into_iter().partition(|(path, _, _)| names.contains(path.as_str()));
            own = listed;
            others = rest.into_iter().map(|(path, _, _)| path).collect();
        }
        // A member without files has nothing that a digest could be over.
        let Some(hash) = self.hash.filter(|_| !own.is_empty()) else { return Ok((own, others, false)) };
        match hash {
            OldHash::Listed(expected) => {
                let found = listed_digest(&own);
                // Two of the predecessor's writers: one hashes a single file with its name, one without.
                let single = if let [(_, _, bytes)] = own.as_slice() { Some(Digest::of(bytes)) } else { None };
                if found != expected && single != Some(expected) {
                    return Err(self.differs(expected, found));
                }
            }
            OldHash::Content(expected) => {
                let found = content_digest(&own, is_file);
                if found != expected {
                    return Err(self.differs(expected, found));
                }
            }
        }
        Ok((own, others, true))
    }

    fn differs(&self, expected: Digest, found: Digest) -> OldPackError {
        OldPackError::Digest { what: self.label(), expected, found }
    }
}

fn listed_digest(files: &[InstalledFile]) -> Digest {
    let mut sorted: Vec<_> = files.iter().collect();
    sorted.sort_by(|(a, _, _), (b, _, _)| a.cmp(b));
    run_together(&sorted)
}
