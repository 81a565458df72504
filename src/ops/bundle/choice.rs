//! What becomes of artifacts that a collection has with other content: one answer for all, and others for some.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ArtifactRef;

/// What becomes of artifacts that the collection has with other content of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The import is refused.
    Refuse,
    /// They stay, and the rest is imported.
    Skip,
    /// They are replaced; history keeps them.
    Replace,
    /// Those that were imported from this bundle are merged with it; of others the import is refused.
    Merge,
    /// They stay, and what the release has comes in beside them, under a name that is always the same. A fork that was made
    /// before and edited since is merged.
    Fork,
}

/// The answer for each artifact of a release.
#[derive(Debug, Clone)]
pub struct Choices {
    all: Existing,
    some: BTreeMap<ArtifactRef, Existing>,
    left_out: BTreeSet<ArtifactRef>,
}

impl From<Existing> for Choices {
    fn from(all: Existing) -> Self {
        Self { all, some: BTreeMap::new(), left_out: BTreeSet::new() }
    }
}

impl Choices {
    /// Sets the answer for one artifact, by its name in the release.
    pub fn choose(&mut self, offered: ArtifactRef, existing: Existing) {
        self.some.insert(offered, existing);
    }

    /// Leaves out an artifact that the collection does not have, by its name in the release.
    pub fn leave_out(&mut self, offered: ArtifactRef) {
        self.left_out.insert(offered);
    }

    /// Says whether an artifact is left out that the collection does not have.
    pub(super) fn leaves_out(&self, offered: &ArtifactRef) -> bool {
        self.left_out.contains(offered)
    }

    /// Returns the answer for an artifact, by its name in the release.
    pub fn of(&self, offered: &ArtifactRef) -> Existing {
        self.some.get(offered).copied().unwrap_or(self.all)
    }

    /// Says whether something may be merged, for which the release's objects have to be at hand.
    pub(super) fn may_merge(&self) -> bool {
        let merges = |existing: &Existing| matches!(existing, Existing::Merge | Existing::Fork);
        merges(&self.all) || self.some.values().any(merges)
    }
}
