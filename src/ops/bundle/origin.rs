//! Where artifacts came from that came in with a bundle: as the release says that they were imported from.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::git::Repo;
use crate::model::{ArtifactRef, BundleManifest, LockEntry, MANIFEST_PATH, MAX_MANIFEST_BYTES, Oid};
use crate::ops::collection::Collection;
use crate::signature::RawTag;

/// An address, and the commit there.
pub(super) type Origin = (Option<String>, Option<String>);

/// The manifests of releases that artifacts of a collection came from; each is read once.
pub(super) struct Origins<'a> {
    collection: &'a Collection,
    read: RefCell<BTreeMap<String, Option<BundleManifest>>>,
}

impl<'a> Origins<'a> {
    pub(super) fn new(collection: &'a Collection) -> Self {
        Self { collection, read: RefCell::default() }
    }

    /// Returns the origin of an artifact: where it is followed, else what the bundle said that it came with.
    ///
    /// A release that is gone from the repository says nothing any more.
    pub(super) fn of(&self, artifact: &ArtifactRef) -> Origin {
        let said = self.collection.manifest.artifacts.get(artifact);
        let lock = self.collection.lock.artifacts.get(artifact);
        let Some(tag) = lock.and_then(|lock| lock.tag.clone()) else {
            let upstream = said.and_then(|entry| entry.upstream.clone());
            return (upstream, lock.and_then(|lock: &LockEntry| lock.commit.clone()));
        };
        let mut read = self.read.borrow_mut();
        let manifest = read.entry(tag.clone()).or_insert_with(|| self.manifest(&tag));
        let original = said.and_then(|entry| entry.original.as_deref()).unwrap_or(artifact.name.as_str());
        let bundled = manifest.iter().flat_map(|manifest| &manifest.artifacts);
        let bundled = bundled
            .into_iter()
            .find(|one| one.artifact.kind == artifact.kind && one.artifact.name.as_str() == original);
        bundled.map_or((None, None), |one| (one.upstream.clone(), one.upstream_commit.clone()))
    }

    fn manifest(&self, tag: &str) -> Option<BundleManifest> {
        stored_manifest(&self.collection.repo, Oid::from_hex(tag.as_bytes()).ok()?)
    }
}

/// Returns the manifest of a release that was verified when its tag came into a repository; `None` where it is gone.
pub(crate) fn stored_manifest(repo: &Repo, tag: Oid) -> Option<BundleManifest> {
    let raw = repo.raw_tag(tag).ok()?;
    let tree = repo.commit(RawTag::parse(&raw).ok()?.target()).ok()?.tree;
    let entry = repo.entry_at(tree, &MANIFEST_PATH.parse().ok()?).ok()??;
    BundleManifest::parse(&repo.blob(entry.id, MAX_MANIFEST_BYTES as u64).ok()?).ok()
}
