//! The licence texts of a bundle: the collection's own at its root, and those of the bundles that its artifacts came with
//! (`schema/bundle.md`, section 3).

use std::collections::BTreeMap;

use super::Error;
use super::origin::{Came, MAX_TEXT_FILE_BYTES, Origins};
use crate::git::GitError;
use crate::model::{Oid, Release, TreePath};
use crate::ops::collection::Collection;

/// Names of a licence file at the root of a collection or a bundle.
const NAMES: [&str; 3] = ["LICENSE", "LICENSE.md", "LICENSE.txt"];

/// Folder with those of other bundles, each in a folder of the name of its release.
const FOLDER: &str = "LICENSES";

/// Most licence texts of one bundle, in bytes: a hundred of the longest, and they are held in memory.
const MAX_ALL_BYTES: usize = 4 * 1024 * 1024;

/// Returns the licence texts of a bundle that is exported as `release`, by path.
///
/// # Errors
/// [`Error::Unfit`] for two texts in one place and for too many of them, [`Error::Git`].
pub(super) fn license_texts(
    collection: &Collection,
    origins: &Origins<'_>,
    release: &Release,
) -> Result<BTreeMap<TreePath, Vec<u8>>, Error> {
    let repo = &collection.repo;
    let mut places: BTreeMap<TreePath, Oid> = BTreeMap::new();
    for name in NAMES {
        let path: TreePath = name.parse().map_err(GitError::from)?;
        if let Some(entry) = repo.entry_at(collection.tree, &path)? {
            places.insert(path, entry.id);
        }
    }
    for came in origins.releases() {
        for path in came.manifest.files.iter().map(|file| &file.path) {
            let is_at_root = NAMES.contains(&path.as_str());
            if !is_at_root && !is_of_another(path) {
                continue;
            }
            let Some(entry) = repo.entry_at(came.tree, path)? else { continue };
            let Some(place) = place(came, path, entry.id, release, &places)? else { continue };
            let here = *places.entry(place.clone()).or_insert(entry.id);
            if here != entry.id {
                let reason = format!("the bundles that its artifacts came with have different texts at '{place}'");
                return Err(Error::Unfit(vec![reason]));
            }
        }
    }
    let (mut texts, mut size) = (BTreeMap::new(), 0);
    for (path, id) in places {
        let text = repo.blob(id, MAX_TEXT_FILE_BYTES)?;
        size += text.len();
        if size > MAX_ALL_BYTES {
            return Err(Error::Unfit(vec![format!("its licence texts are more than {MAX_ALL_BYTES} bytes")]));
        }
        texts.insert(path, text);
    }
    Ok(texts)
}

/// Returns where a licence text of an earlier bundle goes; `None` where that very text is at the root already.
fn place(
    came: &Came,
    path: &TreePath,
    text: Oid,
    release: &Release,
    places: &BTreeMap<TreePath, Oid>,
) -> Result<Option<TreePath>, Error> {
    if !NAMES.contains(&path.as_str()) {
        return Ok(Some(path.clone()));
    }
    match places.get(path) {
        Some(here) if *here == text => Ok(None),
        // The same release again is as it was.
        None if came.release == *release => Ok(Some(path.clone())),
        _ => Ok(Some(format!("{FOLDER}/{}/{path}", came.release).parse().map_err(GitError::from)?)),
    }
}

/// Says whether a file of a bundle is the licence text of a bundle before it.
fn is_of_another(path: &TreePath) -> bool {
    let parts: Vec<_> = path.as_str().split('/').collect();
    matches!(parts.as_slice(), [FOLDER, release, name] if NAMES.contains(name) && release.parse::<Release>().is_ok())
}
