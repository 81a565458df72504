//! What `collection.lock` names of vaults: exactly these releases, and no others.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::{Asked, Error, Pulled, list, pull};
use crate::model::{BundleName, LockEntry, LockedRelease, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::Wanted;
use crate::ops::collection::Collection;
use crate::trust::ReleaseContent;

/// Refuses a release that is not the one in `collection.lock`.
///
/// # Errors
/// [`Error::NotLocked`].
pub fn check_locked(collection: &Collection, content: &ReleaseContent) -> Result<(), Error> {
    let bundle = &content.release.bundle;
    let locked = locked_in(collection, bundle);
    let digest = collection.lock.releases.get(bundle).and_then(|release| release.digest);
    let named = locked.as_ref().map(|(version, tag)| (version, *tag));
    // The id of a tag is a SHA-1, which is not the last word.
    let is_it = named == Some((&content.release.version, content.tag_id));
    if is_it && digest.is_none_or(|digest| digest == content.digest) {
        return Ok(());
    }
    let locked = locked.map(|(version, _)| version.to_string());
    Err(Error::NotLocked { release: content.release.to_string(), locked })
}

/// Returns the release that a collection's lock names of what is wanted, and the id of its tag.
///
/// # Errors
/// [`Error::NotLocked`] where it names none of that bundle, or one that is not meant.
pub fn locked_release(collection: &Collection, wanted: &Wanted) -> Result<(Release, Oid), Error> {
    let bundle = wanted.bundle();
    let not_locked = |locked: Option<&Version>| Error::NotLocked {
        release: wanted.to_string(),
        locked: locked.map(ToString::to_string),
    };
    let (version, tag) = locked_in(collection, bundle).ok_or_else(|| not_locked(None))?;
    let release = Release { bundle: bundle.clone(), version };
    // Whoever names only the bundle means the one that is locked, a version before a release too.
    if matches!(wanted, Wanted::Newest(_, None)) || wanted.is_meant(&release) {
        return Ok((release, tag));
    }
    Err(not_locked(Some(&release.version)))
}

/// Returns the release of a bundle that the collection's lock names: its version and the id of its tag.
pub(super) fn locked_in(collection: &Collection, bundle: &BundleName) -> Option<(Version, Oid)> {
    let recorded = collection.lock.releases.get(bundle).and_then(LockedRelease::named);
    // A lock that was written before releases stood in it says it by its artifacts. Where some stayed at an older release, the
    // newest is what was taken last.
    let by_artifacts = || {
        let all = collection.lock.artifacts.values().filter_map(LockEntry::named);
        let all = all.filter(|(release, _)| release.bundle == *bundle);
        all.map(|(release, tag)| (release.version, tag)).max_by(|a, b| a.0.cmp(&b.0))
    };
    recorded.or_else(by_artifacts)
}

/// Returns the releases that a collection's lock names, by the user's names for the vaults that they came from.
fn locked_by_vault(collection: &Collection) -> BTreeMap<String, Vec<(Release, Oid)>> {
    let mut all: BTreeMap<String, BTreeSet<(Release, Oid)>> = BTreeMap::new();
    for (artifact, entry) in &collection.lock.artifacts {
        let vault = collection.manifest.artifacts.get(artifact).and_then(|entry| entry.vault.clone());
        if let (Some(vault), Some(locked)) = (vault, entry.named()) {
            all.entry(vault).or_default().insert(locked);
        }
    }
    for (bundle, locked) in &collection.lock.releases {
        if let (Some(vault), Some((version, tag))) = (&locked.vault, locked.named()) {
            let release = Release { bundle: bundle.clone(), version };
            all.entry(vault.clone()).or_default().insert((release, tag));
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
