//! What `collection.lock` names of vaults: exactly these releases, and no others.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::{Asked, Error, Pulled, list, pull};
use crate::model::{BundleName, LockEntry, Oid, Release};
use crate::ops::Context;
use crate::ops::collection::Collection;
use crate::trust::ReleaseContent;

/// Refuses a release that is not the one in `collection.lock`.
///
/// # Errors
/// [`Error::NotLocked`].
pub fn check_locked(collection: &Collection, content: &ReleaseContent) -> Result<(), Error> {
    match locked_in(collection, &content.release.bundle) {
        Some((version, tag)) if version == content.release.version && tag == content.tag_id => Ok(()),
        other => Err(Error::NotLocked {
            release: content.release.to_string(),
            locked: other.map(|(version, _)| version.to_string()),
        }),
    }
}

/// Returns the release of a bundle that the collection's lock names: its version and the id of its tag.
pub(super) fn locked_in(collection: &Collection, bundle: &BundleName) -> Option<(Version, Oid)> {
    // Where some stayed at an older release, the newest is what was taken last.
    let all = collection.lock.artifacts.values().filter_map(locked).filter(|(release, _)| release.bundle == *bundle);
    all.map(|(release, tag)| (release.version, tag)).max_by(|a, b| a.0.cmp(&b.0))
}

/// Returns the release that an entry of the lock names, and the id of its tag.
fn locked(entry: &LockEntry) -> Option<(Release, Oid)> {
    let release = entry.release.as_deref()?.parse().ok()?;
    Some((release, Oid::from_hex(entry.tag.as_deref()?.as_bytes()).ok()?))
}

/// Returns the releases that a collection's lock names, by the user's names for the vaults that they came from.
fn locked_by_vault(collection: &Collection) -> BTreeMap<String, Vec<(Release, Oid)>> {
    let mut all: BTreeMap<String, BTreeSet<(Release, Oid)>> = BTreeMap::new();
    for (artifact, entry) in &collection.lock.artifacts {
        let vault = collection.manifest.artifacts.get(artifact).and_then(|entry| entry.vault.clone());
        if let (Some(vault), Some(locked)) = (vault, locked(entry)) {
            all.entry(vault).or_default().insert(locked);
        }
    }
    all.into_iter().map(|(vault, releases)| (vault, releases.into_iter().collect())).collect()
}

/// Fetches exactly what the lock of a collection names of a vault, and its ledger.
///
/// # Errors
/// As [`pull`]; [`Error::OtherLocked`] where the vault has another tag, or none, under the name of a release that is locked.
pub fn pull_locked(context: &Context, collection: &Collection, name: &str) -> Result<Pulled, Error> {
    let all = locked_by_vault(collection);
    pull(context, name, Asked::Exactly(all.get(name).map_or(&[], Vec::as_slice)))
}

/// What became of one of several vaults, by the user's name for it.
pub type PulledOne = (String, Result<Pulled, Error>);

/// Fetches from all vaults that the user knows, one after the other, also when one fails: all that they list, or exactly what
/// the lock of a collection names. One that is named there and that the user does not know is among those that fail.
///
/// # Errors
/// [`Error::Record`], [`Error::Fs`] when the vaults cannot be listed.
pub fn pull_all(context: &Context, locked: Option<&Collection>) -> Result<Vec<PulledOne>, Error> {
    let mut names: BTreeSet<String> = list(context)?.into_iter().map(|vault| vault.name).collect();
    names.extend(locked.into_iter().flat_map(|collection| locked_by_vault(collection).into_keys()));
    let one = |name: String| {
        let pulled = match locked {
            Some(collection) => pull_locked(context, collection, &name),
            None => pull(context, &name, Asked::All),
        };
        (name, pulled)
    };
    Ok(names.into_iter().map(one).collect())
}
