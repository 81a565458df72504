//! Updates that wait for a decision: both sides changed the same lines.
//!
//! The upstream's state is kept in git, under [`PENDING_REFS`], and never in the folders that an assistant reads. The
//! merge is made again from it whenever it is looked at, so that later edits of ours take part.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::open::state_folder;
use super::settled::{Settled, Taken};
use super::update::{Files, files_in, files_of, tree_of};
use super::{Change, Collection, Consents, Error, Powers, powers};
use crate::fsio::{Found, FsError, Root, ensure_folder, remove_tree};
use crate::git::{Expect, GitError, RefChange, Side};
use crate::model::{ArtifactRef, FileMode, LockEntry, Oid, TreePath, check_set};
use crate::ops::Context;

/// Prefix of the refs of updates that wait.
pub const PENDING_REFS: &str = "refs/skillmeat/pending/";

/// Largest file that is taken from the folder in which a person merges, in bytes.
const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// Records a state as what the next merge starts from, and ends the wait.
pub(crate) fn settle(
    context: &Context,
    collection: &Collection,
    change: &mut Change<'_>,
    artifact: &ArtifactRef,
    settled: &Settled,
) -> Result<(), Error> {
    settled.record(context, collection, change, artifact)?;
    end(collection, change, artifact)
}

/// Keeps a state until it is decided; nothing changes when it waits already.
pub(crate) fn wait(
    context: &Context,
    collection: &Collection,
    change: &mut Change<'_>,
    artifact: &ArtifactRef,
    settled: &Settled,
) -> Result<(), Error> {
    let name = format!("{PENDING_REFS}{artifact}");
    let old = collection.repo.find_ref(&name)?;
    let waits = old.map(|old| collection.repo.commit(old)).transpose()?.and_then(|info| Settled::parse(&info));
    if waits.as_ref() != Some(settled) {
        let new = Some(settled.write(context, collection, artifact)?);
        change.change_ref(RefChange { name, new, expect: old.map_or(Expect::Absent, Expect::At) });
    }
    Ok(())
}

/// Returns the artifacts for which a state is kept, whether or not it still is of what they follow.
pub(super) fn kept(collection: &Collection) -> Result<BTreeSet<ArtifactRef>, Error> {
    let refs = collection.repo.refs_below(PENDING_REFS)?;
    Ok(refs.iter().filter_map(|(name, _)| name.strip_prefix(PENDING_REFS)?.parse().ok()).collect())
}

/// Ends the wait of an artifact, where it waits.
pub(super) fn end(collection: &Collection, change: &mut Change<'_>, artifact: &ArtifactRef) -> Result<(), Error> {
    let name = format!("{PENDING_REFS}{artifact}");
    if let Some(old) = collection.repo.find_ref(&name)? {
        change.change_ref(RefChange { name, new: None, expect: Expect::At(old) });
    }
    Ok(())
}

/// Returns the artifacts whose updates wait, sorted.
///
/// # Errors
/// [`Error::Git`].
pub fn pending(collection: &Collection) -> Result<Vec<ArtifactRef>, Error> {
    Ok(all(collection)?.into_iter().map(|(artifact, _)| artifact).collect())
}

/// Returns what waits, sorted. What was kept for an artifact that is gone, or that follows something else now, waits for nobody.
pub(crate) fn all(collection: &Collection) -> Result<Vec<(ArtifactRef, Settled)>, Error> {
    let mut found = Vec::new();
    for (name, commit) in collection.repo.refs_below(PENDING_REFS)? {
        let Some(artifact) = name.strip_prefix(PENDING_REFS).and_then(|name| name.parse().ok()) else { continue };
        let settled = Settled::parse(&collection.repo.commit(commit)?);
        found.extend(
            settled.filter(|settled| is_for(collection, &artifact, settled)).map(|settled| (artifact, settled)),
        );
    }
    Ok(found)
}

/// Says whether a state is of what an artifact follows.
fn is_for(collection: &Collection, artifact: &ArtifactRef, settled: &Settled) -> bool {
    let Some(entry) = collection.manifest.artifacts.get(artifact) else { return false };
    match &settled.taken {
        Taken::Upstream { address, server, .. } => {
            entry.upstream.as_ref() == Some(address) && entry.server.as_ref() == server.as_ref()
        }
        Taken::Release { bundle, original, .. } => {
            entry.bundle.as_ref() == Some(bundle) && entry.original.as_ref() == original.as_ref()
        }
        Taken::OldPack { pack } => entry.pack.as_ref() == Some(pack),
    }
}

/// Returns the artifacts of which a state of the upstream waits, not one of a release.
pub(super) fn waiting_for_upstream(collection: &Collection) -> Result<BTreeSet<ArtifactRef>, Error> {
    let of_upstream = |(artifact, settled): (ArtifactRef, Settled)| {
        matches!(settled.taken, Taken::Upstream { .. }).then_some(artifact)
    };
    Ok(all(collection)?.into_iter().filter_map(of_upstream).collect())
}

/// Returns the tree of the upstream's state that waits; `None` when nothing does.
pub(super) fn waiting_tree(collection: &Collection, artifact: &ArtifactRef) -> Result<Option<Oid>, Error> {
    let commit = collection.repo.find_ref(&format!("{PENDING_REFS}{artifact}"))?;
    Ok(commit.map(|commit| collection.repo.commit(commit)).transpose()?.map(|info| info.tree))
}

/// How a conflict is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Where both sides changed the same, ours stays; all else of the upstream is taken.
    Ours,
    /// Where both sides changed the same, the upstream's is taken; all else of ours stays.
    Theirs,
    /// What stands in the folder in which a person merges.
    Edited,
    /// The update is given up, and ours stays as it is.
    Abort,
}

/// A conflict, or what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Resolved {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Paths that both sides changed in ways that exclude each other.
    pub conflicts: Vec<String>,
    /// The folder in which a person merges, while it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<std::path::PathBuf>,
    /// Files of the collection that changed.
    pub changed: Vec<TreePath>,
    /// The new commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A merge that waits, made again.
struct Conflict {
    settled: Settled,
    ours: Files,
    ours_tree: Oid,
    base: Oid,
    conflicts: Vec<String>,
    /// With conflict markers.
    merged: Oid,
}

impl Conflict {
    fn of(collection: &Collection, artifact: &ArtifactRef) -> Result<Self, Error> {
        let repo = &collection.repo;
        let waits = || Error::NothingPending(artifact.clone());
        let commit = repo.find_ref(&format!("{PENDING_REFS}{artifact}"))?.ok_or_else(waits)?;
        let settled = Settled::parse(&repo.commit(commit)?).filter(|settled| is_for(collection, artifact, settled));
        let settled = settled.ok_or_else(waits)?;
        let lock = collection.lock.artifacts.get(artifact);
        let base = lock.and_then(LockEntry::tree_id);
        let base = base.filter(|base| repo.has(*base)).ok_or_else(|| Error::NoBase(artifact.clone()))?;
        let ours = files_of(collection, artifact)?;
        let ours_tree = tree_of(repo, &ours)?;
        let merged = repo.merge_trees(base, ours_tree, settled.theirs)?;
        Ok(Self { settled, ours, ours_tree, base, conflicts: merged.conflicts, merged: merged.tree })
    }
}

/// Returns the folder in which a person merges, below the repository's own folder, where no assistant reads.
fn folder(collection: &Collection, artifact: &ArtifactRef) -> Result<std::path::PathBuf, Error> {
    // `+` is in no name.
    Ok(state_folder(&collection.repo)?.join("merge").join(artifact.to_string().replace('/', "+")))
}

/// Removes the folder in which a person merged, of something that waits no more.
pub(super) fn forget_layout(collection: &Collection, artifact: &ArtifactRef) -> Result<(), Error> {
    Ok(remove_tree(&folder(collection, artifact)?)?)
}

/// Lays out a merge that waits, with conflict markers, in a folder where a person can edit it.
///
/// A folder of the same merge that is there already stays as it was edited.
///
/// # Errors
/// [`Error::NothingPending`], [`Error::NoBase`], [`Error::Fs`].
pub fn lay_out(collection: &Collection, artifact: &ArtifactRef) -> Result<Resolved, Error> {
    let conflict = Conflict::of(collection, artifact)?;
    let folder = folder(collection, artifact)?;
    let files = folder.join("files");
    if recorded(&folder)? != Some(conflict.state()) {
        remove_tree(&folder)?;
        ensure_folder(&files)?;
        let root = Root::open(&files)?;
        for (path, (mode, id)) in files_in(&collection.repo, conflict.merged)? {
            root.write(&path, mode, &collection.repo.blob(id, MAX_FILE_BYTES)?)?;
        }
        // Last, so that a folder that was not finished is made again.
        Root::open(&folder)?.write(&state_file()?, FileMode::Regular, conflict.state().as_bytes())?;
    }
    Ok(Resolved {
        artifact: artifact.clone(),
        conflicts: conflict.conflicts,
        folder: Some(files),
        changed: Vec::new(),
        commit: None,
    })
}

/// Lays out a merge that waits, and starts the merge tool that is configured in git, or the one that is named, on the files
/// that both sides changed. Returns whether the tool merged all of them.
///
/// # Errors
/// As [`lay_out`], and [`Error::Git`].
pub fn merge_tool(
    context: &Context,
    collection: &Collection,
    artifact: &ArtifactRef,
    tool: Option<&str>,
) -> Result<(Resolved, bool), Error> {
    let laid_out = lay_out(collection, artifact)?;
    let conflict = Conflict::of(collection, artifact)?;
    let [base, theirs] = [conflict.base, conflict.settled.theirs].map(|tree| files_in(&collection.repo, tree));
    let (base, theirs) = (base?, theirs?);
    let stages = |path: &TreePath| [&base, &conflict.ours, &theirs].map(|side| side.get(path).copied());
    let files = laid_out.conflicts.iter().filter_map(|path| path.parse::<TreePath>().ok());
    let files: Vec<_> = files.map(|path| (path.clone(), stages(&path))).collect();
    let folder = folder(collection, artifact)?;
    let worktree = folder.join("files");
    let merged = collection.repo.merge_tool(context.git()?, tool, &folder.join("git"), &worktree, &files)?;
    Ok((laid_out, merged))
}

fn state_file() -> Result<TreePath, Error> {
    Ok("state".parse().map_err(GitError::from)?)
}

fn recorded(folder: &std::path::Path) -> Result<Option<String>, Error> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let read = Root::open(folder)?.read(&state_file()?, 1024)?;
    Ok(read.and_then(|(_, bytes)| String::from_utf8(bytes).ok()))
}

impl Conflict {
    /// What the layout was made from: other trees make it stale.
    fn state(&self) -> String {
        format!("{} {} {}\n", self.base, self.ours_tree, self.settled.theirs)
    }
}

/// Ends a merge that waits, by one commit. `agree` is asked where something of what comes of it needs it.
///
/// # Errors
/// [`Error::NothingPending`], [`Error::Consent`] when nobody agrees,
/// [`Error::Unresolved`] for a file that still has conflict markers, [`Error::Undecided`] for one that nobody touched, [`Error::Stale`] when the
/// collection has changed since the merge was laid out, [`Error::Git`].
pub fn resolve(
    context: &Context,
    collection: &Collection,
    artifact: &ArtifactRef,
    decision: Decision,
    agree: impl FnOnce(&Consents, &Powers) -> bool,
) -> Result<Resolved, Error> {
    let repo = &collection.repo;
    let conflict = Conflict::of(collection, artifact)?;
    let mut change = Change::new(collection);
    let favour =
        |side| repo.merge_trees_favouring(conflict.base, conflict.ours_tree, conflict.settled.theirs, Some(side));
    let result = match decision {
        Decision::Ours => files_in(repo, favour(Side::Ours)?.tree)?,
        Decision::Theirs => files_in(repo, favour(Side::Theirs)?.tree)?,
        Decision::Edited => edited(collection, artifact, &conflict)?,
        Decision::Abort => conflict.ours.clone(),
    };
    let changed = super::update::changed(&conflict.ours, &result);
    let runs = super::update::runs_among(artifact, &changed, &result);
    let mut consents = Consents::of(&runs);
    let powers = powers(repo, artifact, (&conflict.ours, &result))?;
    consents.allow(artifact, &powers);
    if !consents.is_empty() && !agree(&consents, &powers) {
        return Err(Error::Consent);
    }
    if decision == Decision::Abort {
        end(collection, &mut change, artifact)?;
    } else {
        let files: Vec<_> = result.iter().map(|(path, (mode, id))| (path.clone(), *mode, *id)).collect();
        change.replace(artifact, &files)?;
        settle(context, collection, &mut change, artifact, &conflict.settled)?;
    }
    let commit = change.commit(context, "resolve", &format!("Resolve {artifact}"), std::slice::from_ref(artifact))?;
    forget_layout(collection, artifact)?;
    Ok(Resolved {
        artifact: artifact.clone(),
        conflicts: conflict.conflicts,
        folder: None,
        changed,
        commit: commit.map(|id| id.to_string()),
    })
}

/// Reads what a person made of a merge.
fn edited(collection: &Collection, artifact: &ArtifactRef, conflict: &Conflict) -> Result<Files, Error> {
    let folder = folder(collection, artifact)?;
    if recorded(&folder)? != Some(conflict.state()) {
        return Err(Error::Stale(artifact.clone()));
    }
    let laid_out = Root::open(&folder)?.stat(&state_file()?)?.map(|stat| stat.modified);
    let root = Root::open(&folder.join("files"))?;
    let merged = files_in(&collection.repo, conflict.merged)?;
    let laid_out_with_markers = |path: &TreePath| match merged.get(path) {
        Some((_, id)) => Ok::<_, Error>(has_markers(&collection.repo.blob(*id, MAX_FILE_BYTES)?)),
        None => Ok(false),
    };
    let mut files = Files::new();
    for (name, stat) in root.walk("", 10_000)? {
        let path: TreePath = name.parse().map_err(GitError::from)?;
        let Some((mode, bytes)) = root.read(&path, MAX_FILE_BYTES)?.filter(|_| matches!(stat.found, Found::File(_)))
        else {
            return Err(FsError::Escapes(root.path().join(&name)).into());
        };
        // Of a renamed file the conflict may name one place and the markers stand in the other.
        if has_markers(&bytes) && (conflict.conflicts.contains(&name) || laid_out_with_markers(&path)?) {
            return Err(Error::Unresolved(path));
        }
        if path != artifact.path() && path.below(&artifact.path()).is_none() {
            return Err(Error::Unresolved(path));
        }
        let content = collection.repo.write_blob(&bytes)?;
        // What has no lines to mark, a picture or a file that one side has removed, lies there as one side has it.
        let is_as_laid_out = merged.get(&path) == Some(&(mode, content)) && Some(stat.modified) <= laid_out;
        if is_as_laid_out && conflict.conflicts.contains(&name) {
            return Err(Error::Undecided(path));
        }
        files.insert(path, (mode, content));
    }
    check_set(files.keys()).map_err(GitError::from)?;
    if !files.contains_key(&artifact.main_path()) {
        return Err(Error::Unresolved(artifact.main_path()));
    }
    Ok(files)
}

/// Says whether a line starts as git's conflict markers do.
fn has_markers(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> "))
}
