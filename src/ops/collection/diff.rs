//! `diff`: what differs between two states of a collection, or between it and its upstreams. Writes nothing.

use schemars::JsonSchema;
use serde::Serialize;

use super::update::{Files, changed};
use super::{Collection, Error};
use crate::client::unified_diff;
use crate::git::Repo;
use crate::model::{ArtifactRef, FileMode, Oid, TreePath};

/// Largest file that is shown as a difference, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Unchanged lines around a change, as in `git diff`.
const CONTEXT_LINES: u32 = 3;

/// What is compared with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sides {
    /// The upstream state that was taken, with the last commit: our own edits.
    Upstream,
    /// The last commit with the state of the upstream that waits for `resolve`.
    Pending,
    /// Two commits, by anything git resolves; the last commit where the second is missing.
    Commits(String, Option<String>),
}

/// One file that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct FileDiff {
    /// Where, in the collection.
    pub path: TreePath,
    /// Mode before; absent for a new file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_mode: Option<FileMode>,
    /// Mode after; absent for one that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_mode: Option<FileMode>,
    /// Hunks of a unified diff; absent for files that are no text or too large.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hunks: Option<String>,
}

/// What differs in one artifact.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArtifactDiff {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Its files that differ.
    pub files: Vec<FileDiff>,
}

/// Compares the artifacts named, all when `names` is empty; those without a difference are left out.
///
/// # Errors
/// [`Error::Unknown`], [`Error::NoBase`] for an artifact that is named and has no upstream state here,
/// [`Error::NothingPending`], [`Error::Git`] with `NoCommit`.
pub fn diff(collection: &Collection, names: &[String], sides: &Sides) -> Result<Vec<ArtifactDiff>, Error> {
    let repo = &collection.repo;
    let mut diffs = Vec::new();
    let (old_tree, new_tree) = match sides {
        Sides::Commits(old, new) => {
            let tree = |name: &String| Ok::<_, Error>(repo.commit(repo.resolve(name)?)?.tree);
            (Some(tree(old)?), new.as_ref().map_or(Ok(collection.tree), tree)?)
        }
        _ => (None, collection.tree),
    };
    let artifacts = match sides {
        // What was removed meanwhile is a difference too, and has no name in the last commit.
        Sides::Commits(..) => named_in(collection, names, old_tree, new_tree)?,
        _ => collection.select(names)?,
    };
    for artifact in artifacts {
        let (old, new) = match sides {
            Sides::Commits(..) => (old_tree, Some(new_tree)),
            Sides::Upstream => (pristine(collection, &artifact), Some(collection.tree)),
            Sides::Pending => (Some(collection.tree), super::pending::waiting_tree(collection, &artifact)?),
        };
        let (Some(old), Some(new)) = (old, new) else {
            match (names.is_empty(), sides) {
                (true, _) => continue,
                (false, Sides::Pending) => return Err(Error::NothingPending(artifact)),
                (false, _) => return Err(Error::NoBase(artifact)),
            }
        };
        let (old, new) = (own(collection, old, &artifact)?, own(collection, new, &artifact)?);
        diffs.extend(compare(repo, &artifact, &old, &new)?);
    }
    Ok(diffs)
}

/// Returns the artifacts of either tree that are named.
fn named_in(collection: &Collection, names: &[String], old: Option<Oid>, new: Oid) -> Result<Vec<ArtifactRef>, Error> {
    let mut all = collection.artifacts_of(new)?;
    if let Some(old) = old {
        all.extend(collection.artifacts_of(old)?);
    }
    all.sort();
    all.dedup();
    if names.is_empty() {
        return Ok(all);
    }
    names.iter().map(|name| super::open::choose(name, &all)).collect()
}

/// Returns the tree of the upstream state that was taken, where it is here.
fn pristine(collection: &Collection, artifact: &ArtifactRef) -> Option<Oid> {
    let lock = collection.lock.artifacts.get(artifact)?;
    lock.tree_id().filter(|tree| collection.repo.has(*tree))
}

fn own(collection: &Collection, tree: Oid, artifact: &ArtifactRef) -> Result<Files, Error> {
    let files = collection.repo.files_at(tree, &artifact.path())?;
    Ok(files.into_iter().map(|file| (file.path, (file.mode, file.id))).collect())
}

/// Compares two states of an artifact, with their paths in the collection; `None` when they are the same.
///
/// # Errors
/// [`Error::Git`].
pub fn compare(repo: &Repo, artifact: &ArtifactRef, old: &Files, new: &Files) -> Result<Option<ArtifactDiff>, Error> {
    let files = files_differing(repo, old, new)?;
    Ok((!files.is_empty()).then(|| ArtifactDiff { artifact: artifact.clone(), files }))
}

fn files_differing(repo: &Repo, old: &Files, new: &Files) -> Result<Vec<FileDiff>, Error> {
    let text = |file: Option<&(FileMode, Oid)>| -> Result<Option<Vec<u8>>, Error> {
        let Some((_, id)) = file else { return Ok(Some(Vec::new())) };
        if repo.size(*id)? > MAX_FILE_BYTES {
            return Ok(None);
        }
        let bytes = repo.blob(*id, MAX_FILE_BYTES)?;
        Ok(Some(bytes).filter(|bytes| !bytes.contains(&0)))
    };
    let one = |path: TreePath| {
        let (before, after) = (old.get(&path), new.get(&path));
        let hunks = match (text(before)?, text(after)?) {
            (Some(before), Some(after)) => Some(unified_diff(&before, &after, CONTEXT_LINES, &str::to_owned)),
            _ => None,
        };
        let mode = |file: Option<&(FileMode, Oid)>| file.map(|(mode, _)| *mode);
        Ok(FileDiff { old_mode: mode(before), new_mode: mode(after), hunks, path })
    };
    changed(old, new).into_iter().map(one).collect()
}
