//! Where artifacts came from that came in with a bundle, and under which licence: as the release says that they were imported
//! from.

use std::collections::BTreeMap;

use super::Error;
use super::license::asserted;
use crate::git::Repo;
use crate::model::plugin::came_with;
use crate::model::{
    ArtifactRef, BundleArtifact, BundleManifest, LockEntry, MANIFEST_PATH, MAX_MANIFEST_BYTES, Oid, Release, TreePath,
};
use crate::ops::collection::Collection;
use crate::signature::{GIT_NAMESPACE, RawTag, SshSignature};

/// Id under which artifacts may be exported whose release is gone from the repository.
pub(super) const FINDING: &str = "bundle.origin";

/// Largest file of a release that is read for what it says of others, in bytes.
pub(super) const MAX_TEXT_FILE_BYTES: u64 = 1024 * 1024;

/// What is known of where an artifact came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// Its address.
    pub(super) upstream: Option<String>,
    /// The commit there.
    pub(super) commit: Option<String>,
    /// The licence that the bundle named for it.
    pub(super) license: Option<String>,
    /// The licence of the whole bundle, where one is asserted.
    pub(super) of_bundle: Option<String>,
    /// The bundles that it came with, newest first, as `NOTICE` says it.
    pub(super) bundles: Vec<String>,
}

/// A release that artifacts came from.
pub(super) struct Came {
    pub(super) release: Release,
    pub(super) tree: Oid,
    pub(super) manifest: BundleManifest,
    /// Who signed it, for people.
    signer: String,
    /// The bundles that its artifacts came with before, by `kind/name`.
    before: BTreeMap<String, Vec<String>>,
}

/// The releases that artifacts of a collection came from; each is read once.
pub(super) struct Origins<'a> {
    collection: &'a Collection,
    /// By the ids of their tags; `None` for one that is gone from the repository.
    came: BTreeMap<String, Option<Came>>,
}

impl<'a> Origins<'a> {
    pub(super) fn read(collection: &'a Collection, artifacts: &[ArtifactRef]) -> Self {
        let mut came = BTreeMap::new();
        for tag in artifacts.iter().filter_map(|artifact| tag_of(collection, artifact)) {
            came.entry(tag.to_owned()).or_insert_with(|| Came::read(&collection.repo, tag));
        }
        Self { collection, came }
    }

    /// Returns the releases, in the order of their names.
    pub(super) fn releases(&self) -> Vec<&Came> {
        let mut all: Vec<_> = self.came.values().flatten().collect();
        all.sort_by(|a, b| a.release.cmp(&b.release));
        all
    }

    /// Refuses artifacts whose release is gone from the repository, since nothing says any more under which licence they came.
    ///
    /// # Errors
    /// [`Error::Unfit`].
    pub(super) fn check(&self, artifacts: &[ArtifactRef]) -> Result<(), Error> {
        let is_gone = |artifact: &&ArtifactRef| {
            tag_of(self.collection, artifact).is_some_and(|tag| self.came.get(tag).is_some_and(Option::is_none))
        };
        let reason = |artifact: &ArtifactRef| {
            let lock = self.collection.lock.artifacts.get(artifact);
            let release = lock.and_then(|lock| lock.release.clone()).unwrap_or_default();
            let release = release.escape_debug();
            format!(
                "'{artifact}' came with '{release}', whose tag is not here to say under which licence: `git fetch --tags`, or \
                 import it again [{FINDING}]"
            )
        };
        let gone: Vec<_> = artifacts.iter().filter(is_gone).map(reason).collect();
        if gone.is_empty() { Ok(()) } else { Err(Error::Unfit(gone)) }
    }

    /// Returns the origin of an artifact that is exported as part of `release`: where it is followed, else what the bundle said
    /// that it came with.
    ///
    /// What came with this very release is handed on as it came: it is no further bundle on the way.
    pub(super) fn of(&self, artifact: &ArtifactRef, release: &Release) -> Origin {
        let said = self.collection.manifest.artifacts.get(artifact);
        let Some(tag) = tag_of(self.collection, artifact) else {
            let commit = self.collection.lock.artifacts.get(artifact).and_then(|lock: &LockEntry| lock.commit.clone());
            return Origin { upstream: said.and_then(|entry| entry.upstream.clone()), commit, ..Origin::default() };
        };
        let Some(came) = self.came.get(tag).and_then(Option::as_ref) else { return Origin::default() };
        let original = said.and_then(|entry| entry.original.as_deref()).unwrap_or(artifact.name.as_str());
        let is_it =
            |one: &&BundleArtifact| one.artifact.kind == artifact.kind && one.artifact.name.as_str() == original;
        let Some(bundled) = came.manifest.artifacts.iter().find(is_it) else { return Origin::default() };
        let of_bundle = asserted(&came.manifest.license).map(str::to_owned);
        let mut bundles = came.before.get(&bundled.artifact.to_string()).cloned().unwrap_or_default();
        if came.release != *release {
            let license = bundled.license.as_ref().or(of_bundle.as_ref());
            let license = license.map_or_else(|| "licence unknown".to_owned(), |license| format!("under {license}"));
            let Release { bundle, version } = &came.release;
            bundles.insert(0, format!("{bundle} {version}, {license}, {}", came.signer));
        }
        Origin {
            upstream: bundled.upstream.clone(),
            commit: bundled.upstream_commit.clone(),
            license: bundled.license.clone(),
            of_bundle,
            bundles,
        }
    }
}

fn tag_of<'c>(collection: &'c Collection, artifact: &ArtifactRef) -> Option<&'c str> {
    collection.lock.artifacts.get(artifact)?.tag.as_deref()
}

impl Came {
    /// Reads a release by the id of its tag; `None` where it is gone, or is not what somebody signed.
    fn read(repo: &Repo, tag: &str) -> Option<Self> {
        let tag = Oid::from_hex(tag.as_bytes()).ok()?;
        let manifest = stored_manifest(repo, tag)?;
        let raw = repo.raw_tag(tag).ok()?;
        let tag = RawTag::parse(&raw).ok()?;
        let signature = SshSignature::parse(tag.signature()?).ok()?;
        signature.verify(GIT_NAMESPACE, tag.payload()).ok()?;
        // The key is a fact, the name is what its owner wrote (`trust.md`, row 42), so that is how both are told.
        let signer = format!("signed with key {} of who writes '{}'", signature.fingerprint(), tag.tagger());
        let tree = repo.commit(tag.target()).ok()?.tree;
        let path: TreePath = "NOTICE".parse().ok()?;
        let notice = match repo.entry_at(tree, &path).ok()? {
            Some(entry) => repo.blob(entry.id, MAX_MANIFEST_BYTES as u64).ok()?,
            None => Vec::new(),
        };
        let owned = |(artifact, bundles): (&str, Vec<&str>)| {
            (artifact.to_owned(), bundles.into_iter().map(str::to_owned).collect())
        };
        let before = came_with(&String::from_utf8_lossy(&notice)).into_iter().map(owned).collect();
        let release = Release { bundle: manifest.name.clone(), version: manifest.version.clone() };
        Some(Self { release, tree, manifest, signer, before })
    }
}

/// Returns the manifest of a release that was verified when its tag came into a repository; `None` where it is gone.
pub(crate) fn stored_manifest(repo: &Repo, tag: Oid) -> Option<BundleManifest> {
    let raw = repo.raw_tag(tag).ok()?;
    let tree = repo.commit(RawTag::parse(&raw).ok()?.target()).ok()?.tree;
    let entry = repo.entry_at(tree, &MANIFEST_PATH.parse().ok()?).ok()??;
    BundleManifest::parse(&repo.blob(entry.id, MAX_MANIFEST_BYTES as u64).ok()?).ok()
}
