//! `history`, `snapshot` and `rollback`: nothing is ever lost.

use schemars::JsonSchema;
use serde::Serialize;

use super::change::{Change, Record, commit_tree};
use super::pending::{end, kept};
use super::update::files_of;
use super::{Collection, Error, PENDING_REFS, SNAPSHOT_REFS};
use crate::git::{CommitInfo, Expect, RefChange};
use crate::model::{ArtifactRef, LockEntry, Manifest, Oid};
use crate::ops::Context;

/// One line of `history`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The commit.
    pub commit: String,
    /// Seconds since 1970, UTC.
    pub seconds: i64,
    /// Who wrote it, as `name <email>`: what the commit claims, not checked.
    pub author: String,
    /// First line of the message.
    pub subject: String,
    /// What our command was, when it was ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The artifacts it was about.
    pub artifacts: Vec<String>,
    /// Names of snapshots of this state.
    pub snapshots: Vec<String>,
}

/// Returns the newest `limit` commits, newest first; with `artifact` only those that changed its files.
///
/// # Errors
/// [`Error::Git`].
pub fn history(collection: &Collection, artifact: Option<&ArtifactRef>, limit: usize) -> Result<Vec<Entry>, Error> {
    let repo = &collection.repo;
    let snapshots = repo.refs_below(SNAPSHOT_REFS)?;
    let mut entries = Vec::new();
    let mut next = collection.head.commit;
    while let Some(id) = next.filter(|_| entries.len() < limit) {
        let info = repo.commit(id)?;
        next = info.parents.first().copied();
        if let Some(artifact) = artifact {
            let before = next.map(|parent| repo.commit(parent)).transpose()?;
            let at = |tree: Oid| repo.entry_at(tree, &artifact.path());
            if at(info.tree)? == before.map(|info| at(info.tree)).transpose()?.flatten() {
                continue;
            }
        }
        entries.push(entry(&info, &snapshots));
    }
    Ok(entries)
}

fn entry(info: &CommitInfo, snapshots: &[(String, Oid)]) -> Entry {
    let named = snapshots.iter().filter(|(_, id)| *id == info.id);
    Entry {
        commit: info.id.to_string(),
        seconds: info.seconds,
        author: info.author.clone(),
        subject: info.subject().to_owned(),
        action: info.trailers("Skillmeat-Action").next().map(str::to_owned),
        artifacts: info.trailers("Skillmeat-Artifact").map(str::to_owned).collect(),
        snapshots: named.filter_map(|(name, _)| name.strip_prefix(SNAPSHOT_REFS)).map(str::to_owned).collect(),
    }
}

/// Gives the present state a name to come back to.
///
/// # Errors
/// [`Error::Name`], [`Error::Git`] when the name is taken.
pub fn snapshot(context: &Context, collection: &Collection, name: &str) -> Result<Oid, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let name: crate::model::BundleName = name.parse()?;
    let commit = collection.repo.head_commit()?;
    let change = RefChange { name: format!("{SNAPSHOT_REFS}{name}"), new: Some(commit), expect: Expect::Absent };
    collection.repo.change_refs(&[change], "skillmeat: snapshot", who)?;
    context.make_durable(collection.repo.git_folder())?;
    Ok(commit)
}

/// What `rollback` or `undo` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RolledBack {
    /// The state that was taken back to.
    pub to: String,
    /// The new commit; `None` when the collection was in that state already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Paths that changed.
    pub changed: Vec<String>,
    /// Artifacts with an update that waits for a decision again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits: Vec<ArtifactRef>,
    /// Artifacts with an update that waits no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<ArtifactRef>,
}

/// Makes a new commit with the state of an older one: of the whole collection, or of the artifacts named. History is
/// never rewritten.
///
/// `target` is the name of a snapshot, or anything git resolves to a commit of a collection.
///
/// # Errors
/// [`Error::Git`] with `NoCommit` for an unknown target or one that is no state of a collection, `Dirty` when
/// uncommitted edits would be lost; [`Error::Unknown`] for an artifact that is in neither state.
pub fn rollback(
    context: &Context,
    collection: &Collection,
    target: &str,
    names: &[String],
    preview: bool,
) -> Result<RolledBack, Error> {
    let repo = &collection.repo;
    let commit = match repo.find_ref(&format!("{SNAPSHOT_REFS}{target}")).ok().flatten() {
        Some(commit) => commit,
        None => repo.resolve(target)?,
    };
    if repo.entry_at(repo.commit(commit)?.tree, &Manifest::path())?.is_none() {
        return Err(crate::git::GitError::NoCommit(target.to_owned()).into());
    }
    let subject = format!("Roll back to {}: {}", &commit.to_string()[..12], repo.commit(commit)?.subject());
    if names.is_empty() {
        let record = Record { action: "rollback", subject: &subject, ..Record::default() };
        let then = collection.at(commit)?.artifacts()?;
        let mut refs = Change::new(collection);
        // What is not there any more waits for nothing.
        for artifact in kept(collection)?.iter().filter(|artifact| !then.contains(artifact)) {
            end(collection, &mut refs, artifact)?;
        }
        back(context, collection, commit, refs.into_refs(), &record, preview)
    } else {
        back_in(context, collection, commit, names, preview)
    }
}

/// Takes the whole collection to the state of a commit, with further changes of refs.
pub(super) fn back(
    context: &Context,
    collection: &Collection,
    commit: Oid,
    refs: Vec<RefChange>,
    record: &Record<'_>,
    preview: bool,
) -> Result<RolledBack, Error> {
    let tree = collection.repo.commit(commit)?.tree;
    let changed = collection.repo.changed_paths(Some(collection.tree), tree)?;
    let (waits, ended): (Vec<_>, Vec<_>) = refs.iter().partition(|change| change.new.is_some());
    let names = |changes: Vec<&RefChange>| {
        changes.into_iter().filter_map(|change| change.name.strip_prefix(PENDING_REFS)?.parse().ok()).collect()
    };
    let (waits, ended) = (names(waits), names(ended));
    let done = if preview { None } else { commit_tree(context, collection, tree, refs, record)? };
    Ok(RolledBack { to: commit.to_string(), commit: done.map(|done| done.to_string()), changed, waits, ended })
}

/// Takes some artifacts to the state of a commit, with what the collection said of them then.
fn back_in(
    context: &Context,
    collection: &Collection,
    commit: Oid,
    names: &[String],
    preview: bool,
) -> Result<RolledBack, Error> {
    let repo = &collection.repo;
    let old = collection.at(commit)?;
    let mut all = collection.artifacts()?;
    all.extend(old.artifacts()?);
    all.sort();
    all.dedup();
    let artifacts = names.iter().map(|name| super::open::choose(name, &all)).collect::<Result<Vec<_>, _>>()?;
    let mut change = Change::new(collection);
    let mut changed = Vec::new();
    for artifact in &artifacts {
        let (now, then) = (files_of(collection, artifact)?, files_of(&old, artifact)?);
        changed.extend(super::update::changed(&now, &then).iter().map(ToString::to_string));
        let files: Vec<_> = then.into_iter().map(|(path, (mode, id))| (path, mode, id)).collect();
        change.replace(artifact, &files)?;
        let entry = old.manifest.artifacts.get(artifact).cloned();
        if entry.as_ref() != collection.manifest.artifacts.get(artifact) {
            change.describe(artifact, entry);
        }
        let locked = old.lock.artifacts.get(artifact);
        change.lock(artifact, locked.cloned());
        if let Some((release, _)) = locked.and_then(LockEntry::named) {
            change.take_back_release(&release.bundle, old.lock.releases.get(&release.bundle));
        }
        if !old.manifest.artifacts.contains_key(artifact) {
            end(collection, &mut change, artifact)?;
        }
    }
    let listed = artifacts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let subject = format!("Roll back {listed} to {}", &repo.commit(commit)?.id.to_string()[..12]);
    let done = if preview { None } else { change.commit(context, "rollback", &subject, &artifacts)? };
    let (waits, ended) = (Vec::new(), Vec::new());
    Ok(RolledBack { to: commit.to_string(), commit: done.map(|done| done.to_string()), changed, waits, ended })
}
