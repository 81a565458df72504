//! What a bundle says of its artifacts: where each came from, and under which licence.

use std::collections::{BTreeMap, BTreeSet};

use super::license::LeftOut;
use super::origin::{self, Origin, Origins};
use super::wish::Export;
use super::{Error, license};
use crate::model::{ArtifactRef, BundleArtifact, FileEntry, Kind, Release, tree_digest};
use crate::ops::collection::Collection;
use crate::signature::shown;

/// What a bundle says.
pub(super) struct Said {
    /// What its manifest says of each artifact.
    pub(super) artifacts: Vec<BundleArtifact>,
    /// The bundles that each came with, newest first, as `NOTICE` says it.
    pub(super) bundles: BTreeMap<ArtifactRef, Vec<String>>,
    /// The licence of the whole.
    pub(super) license: String,
    /// What allows what was found, as the user wrote it.
    pub(super) allowed: Vec<String>,
}

/// Returns what a bundle says that is exported as `release`; `licenses` are those that the artifacts' own files name, and `words`
/// what these say in other words.
///
/// # Errors
/// [`Error::Unfit`] for an expression that leaves out a licence of an artifact, and for an artifact of which nothing says under
/// which licence it came, unless that was allowed.
pub(super) fn said(
    collection: &Collection,
    wish: &Export,
    release: &Release,
    origins: &Origins<'_>,
    entries: &[FileEntry],
    (licenses, words): (&BTreeMap<ArtifactRef, String>, &BTreeMap<ArtifactRef, String>),
) -> Result<Said, Error> {
    let mut allowed = Vec::new();
    if let Err(error) = origins.check(&wish.artifacts) {
        if !wish.allowed.iter().any(|id| id == origin::FINDING) {
            return Err(error);
        }
        allowed.push(origin::FINDING.to_owned());
    }
    let (mut artifacts, mut bundles, mut under_bundle) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
    for artifact in &wish.artifacts {
        let mut origin = origins.of(artifact, release);
        bundles.insert(artifact.clone(), std::mem::take(&mut origin.bundles));
        let of_bundle = origin.of_bundle.take();
        let mut bundled = bundled(collection, origin, artifact, entries, licenses.get(artifact).cloned());
        if bundled.license.is_none() {
            bundled.license = of_bundle;
            under_bundle.insert(artifact);
        }
        artifacts.push(bundled);
    }
    let (license, left_out) = license_of(collection, wish, &artifacts, words)?;
    allowed.extend(left_out);
    // As in the bundle that it came with: what is under the licence of the whole need not say so.
    for bundled in artifacts.iter_mut().filter(|one| under_bundle.contains(&one.artifact)) {
        bundled.license = bundled.license.take().filter(|own| *own != license);
    }
    Ok(Said { artifacts, bundles, license, allowed })
}

/// `license` is what the files themselves name now, whatever was recorded when they were added. Where they name none, that of
/// the bundle counts which they came with, also when they were edited here.
fn bundled(
    collection: &Collection,
    origin: Origin,
    artifact: &ArtifactRef,
    entries: &[FileEntry],
    license: Option<String>,
) -> BundleArtifact {
    let path = artifact.path();
    let own: Vec<_> = entries.iter().filter(|entry| entry.path == path || entry.path.below(&path).is_some()).collect();
    let lock = collection.lock.artifacts.get(artifact).filter(|_| has_no_front_matter(artifact.kind));
    BundleArtifact {
        artifact: artifact.clone(),
        digest: tree_digest(own),
        license: license.or(origin.license).or_else(|| lock?.license.clone()),
        // A local path says where a folder was on the author's machine: of no use to anyone else.
        upstream: origin.upstream.filter(|url| url.contains("://") || url.contains('@')),
        upstream_commit: origin.commit,
        path,
    }
}

/// Hooks and servers name no licence in their files.
fn has_no_front_matter(kind: Kind) -> bool {
    matches!(kind, Kind::Hook | Kind::Mcp)
}

/// Returns the licence of the whole, and what allows it to leave out that of an artifact.
///
/// # Errors
/// [`Error::Unfit`] for one that leaves out a licence of an artifact, unless that was allowed.
fn license_of(
    collection: &Collection,
    wish: &Export,
    artifacts: &[BundleArtifact],
    words: &BTreeMap<ArtifactRef, String>,
) -> Result<(String, Vec<String>), Error> {
    let Some(license) = wish.license.clone().or_else(|| collection.manifest.license.clone()) else {
        // Made of what they name, it covers them.
        return Ok((license::joined(artifacts), Vec::new()));
    };
    let (mut allowed, mut reasons) = (Vec::new(), Vec::new());
    for LeftOut { artifact, own, is_known } in license::left_out(&license, artifacts, words) {
        if let Some(by) = wish.allows(license::FINDING, artifact.path().as_str()) {
            allowed.push(by);
            continue;
        }
        let (own, finding) = (shown(own), license::FINDING);
        reasons.push(if is_known {
            format!("'{artifact}' is under {own}, which the bundle's {license} leaves out [{finding}]")
        } else {
            format!(
                "'{artifact}' is under '{own}', which is no SPDX expression, so that nobody knows whether the bundle's \
                 {license} covers it [{finding}]"
            )
        });
    }
    if reasons.is_empty() { Ok((license, allowed)) } else { Err(Error::Unfit(reasons)) }
}
