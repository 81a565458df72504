//! `update`: what is new at the upstreams comes into the collection, put together with what was edited here.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::pending::{end, forget_layout, kept, settle, wait, waiting_for_upstream};
use super::settled::{Settled, Taken};
use super::source::SourceFile;
use super::take::{entries, license, placed};
use super::upstream::{News, Rewritten, Seen, Upstream, look, with_causes};
use super::{CanRun, Change, Collection, Consents, Error, Powers, powers};
use crate::git::{GitError, Repo, WalkLimits};
use crate::model::{ArtifactRef, FileMode, LockEntry, Oid, TreePath, tree_digest};
use crate::ops::Context;
use crate::scan::{self, Finding, Level};

/// What happens to an artifact that was edited here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Both changes are put together as git merges; lines that both sides changed wait for a decision.
    Merge,
    /// The upstream's state replaces ours; history keeps ours.
    Theirs,
    /// Ours stays, and the next update starts from the upstream's present state.
    Ours,
}

/// What is to be updated, and how.
#[derive(Debug, Clone)]
pub struct Update {
    /// Names of artifacts; all that have an upstream when empty.
    pub artifacts: Vec<String>,
    /// What happens to edits.
    pub strategy: Strategy,
    /// Whether moved tags and rewritten histories are followed.
    pub rewritten: Rewritten,
}

/// What becomes of one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateStep {
    /// The upstream has nothing new for it, or could not be asked; see its state.
    None,
    /// It was not edited here, or is replaced: it gets the upstream's state.
    Take,
    /// Both sides changed it, and the changes go together.
    Merge,
    /// Both sides changed the same lines: it stays as it is until `resolve`.
    Conflict,
    /// It stays as it is, by wish.
    Keep,
    /// The upstream has taken back what waited for a decision: nothing waits any more.
    End,
}

/// One artifact of an [`UpdatePlan`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct UpdateItem {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What was seen at its upstream.
    pub upstream: Upstream,
    /// What becomes of it.
    pub step: UpdateStep,
    /// Its files that change.
    pub changed: Vec<TreePath>,
    /// Paths that both sides changed in ways that exclude each other.
    pub conflicts: Vec<String>,
    /// What changes in what a client runs by itself, and in what the artifact may do.
    #[serde(default, skip_serializing_if = "Powers::is_empty")]
    pub powers: Powers,
    /// What was seen in the new state.
    pub findings: Vec<Finding>,
    #[serde(skip)]
    outcome: Option<Outcome>,
}

/// What an update does, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UpdatePlan {
    /// Each artifact that has an upstream.
    pub artifacts: Vec<UpdateItem>,
    /// What an agent or client will run by itself and that changes: hooks, servers, executable files.
    pub runs: Vec<CanRun>,
    /// The new commit; `None` before it is made and when no file changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl UpdatePlan {
    /// Returns what a person should agree to first: what a client would run, or allow, that it did not before.
    pub fn consents(&self) -> Consents {
        let mut consents = Consents::of(&self.runs);
        for item in self.artifacts.iter().filter(|item| matches!(item.step, UpdateStep::Take | UpdateStep::Merge)) {
            consents.allow(&item.artifact, &item.powers);
        }
        consents
    }
}

/// Files with their paths in the collection.
pub type Files = BTreeMap<TreePath, (FileMode, Oid)>;

/// What is written for one artifact.
#[derive(Debug)]
struct Outcome {
    /// What the collection gets.
    result: Files,
    /// What is recorded of the upstream.
    settled: Settled,
    /// The state that an adopted artifact was taken from, where that was found out.
    base: Option<Settled>,
}

/// What was seen at the upstreams; kept while the user is asked.
pub struct Looked(Vec<Seen>);

/// Asks the upstreams. Nothing of the collection is touched, and no lock is held.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Ambiguous`]; an upstream that cannot be asked is no error but a state.
pub fn look_for_updates(context: &Context, collection: &Collection, wish: &Update) -> Result<Looked, Error> {
    let artifacts = collection.select(&wish.artifacts)?;
    look(context, collection, &artifacts, wish.rewritten).map(Looked)
}

/// Plans an update: merges in memory, and writes nothing.
///
/// # Errors
/// [`Error::NoBase`] for an artifact that was edited and whose pristine state is nowhere to be had, [`Error::Git`].
pub fn plan_update(collection: &Collection, looked: &Looked, wish: &Update) -> Result<UpdatePlan, Error> {
    plan_in(&collection.repo.in_memory(), collection, looked, wish)
}

/// As [`plan_update`], with what is merged written into `memory`.
fn plan_in(memory: &Repo, collection: &Collection, looked: &Looked, wish: &Update) -> Result<UpdatePlan, Error> {
    let mut items = Vec::new();
    let mut runs = Vec::new();
    let waiting = waiting_for_upstream(collection)?;
    for seen in &looked.0 {
        let (artifact, upstream) = (seen.artifact.clone(), seen.upstream.clone());
        let mut upstream = upstream;
        let planned = match &seen.news {
            Some(news) => match plan_one(collection, memory, seen, news, wish.strategy) {
                // What both sides together would be is what no artifact may be: told, and no other is held up.
                Err(error @ (Error::Unfit { .. } | Error::Git(GitError::BadPath(_) | GitError::BadEntry { .. }))) => {
                    upstream = Upstream::CannotCheck { reason: with_causes(&error) };
                    None
                }
                other => other?,
            },
            None => None,
        };
        let Some(item) = planned else {
            let (changed, conflicts, powers, findings) = Default::default();
            let ends = upstream == Upstream::Current && waiting.contains(&artifact);
            items.push(UpdateItem {
                artifact,
                upstream,
                step: if ends { UpdateStep::End } else { UpdateStep::None },
                changed,
                conflicts,
                powers,
                findings,
                outcome: None,
            });
            continue;
        };
        if matches!(item.step, UpdateStep::Take | UpdateStep::Merge) {
            runs.extend(runs_of(&item));
        }
        items.push(item);
    }
    Ok(UpdatePlan { artifacts: items, runs, commit: None })
}

/// Returns `None` for an adopted artifact that differs from its upstream and has nothing to merge from.
fn plan_one(
    collection: &Collection,
    memory: &Repo,
    seen: &Seen,
    news: &News,
    strategy: Strategy,
) -> Result<Option<UpdateItem>, Error> {
    let artifact = &seen.artifact;
    let old = collection.lock.artifacts.get(artifact);
    let ours = files_of(collection, artifact)?;
    let theirs = write(memory, artifact, &news.content)?;
    let tree = |files: &Files| memory.edit_tree(None, files.iter().map(|(path, file)| (path, Some(*file))));
    let (ours_tree, theirs_tree) = (tree(&ours)?, tree(&theirs)?);
    let adopted = matches!(seen.upstream, Upstream::NoBase { .. });
    let recorded = old.and_then(LockEntry::tree_id);
    let base = match (&news.base, recorded) {
        (_, Some(recorded)) if memory.has(recorded) => Some(recorded),
        (Some(content), recorded) => {
            let rebuilt = tree(&write(memory, artifact, content)?)?;
            // What the lock does not name is not the base, whatever the upstream says today. One that was adopted has a
            // lock that names the commit only.
            Some(rebuilt).filter(|rebuilt| adopted || recorded == Some(*rebuilt))
        }
        (None, _) => None,
    };
    let (step, result_tree, conflicts) = match strategy {
        Strategy::Theirs => (UpdateStep::Take, theirs_tree, Vec::new()),
        Strategy::Ours => (UpdateStep::Keep, ours_tree, Vec::new()),
        Strategy::Merge if base == Some(ours_tree) || ours_tree == theirs_tree => {
            (UpdateStep::Take, theirs_tree, Vec::new())
        }
        Strategy::Merge if adopted && base.is_none() => return Ok(None),
        Strategy::Merge => {
            let base = base.ok_or_else(|| Error::NoBase(artifact.clone()))?;
            let merged = memory.merge_trees(base, ours_tree, theirs_tree)?;
            let step = if merged.conflicts.is_empty() { UpdateStep::Merge } else { UpdateStep::Conflict };
            (step, merged.tree, merged.conflicts)
        }
    };
    let result = if step == UpdateStep::Conflict { ours.clone() } else { files_in(memory, result_tree)? };
    let seen_files = contents(memory, artifact, &result)?;
    let seen_files: Vec<_> = seen_files.iter().map(|(path, mode, bytes)| (path.clone(), *mode, &**bytes)).collect();
    let taken = |commit| Taken::Upstream {
        address: news.upstream.clone(),
        path: news.path.clone(),
        server: news.server.clone(),
        reference: news.reference.clone(),
        commit,
    };
    let settled = Settled {
        theirs: theirs_tree,
        taken: taken(news.commit.map(|id| id.to_string())),
        digest: news.digest,
        license: news.license.clone(),
    };
    let base = match (&news.base, base) {
        (Some(content), Some(theirs)) if adopted => Some(Settled {
            theirs,
            taken: taken(old.and_then(|lock| lock.commit.clone())),
            digest: tree_digest(&entries(artifact, content)?),
            license: license(artifact, content),
        }),
        _ => None,
    };
    Ok(Some(UpdateItem {
        artifact: artifact.clone(),
        upstream: seen.upstream.clone(),
        step,
        changed: changed(&ours, &result),
        conflicts,
        powers: powers(memory, artifact, (&ours, &result))?,
        findings: scan::validate(artifact, &seen_files, Level::Lenient),
        outcome: Some(Outcome { result, settled, base }),
    }))
}

/// Updates in one commit. Conflicts are kept beside the branch, for `resolve`.
///
/// # Errors
/// As [`plan_update`], and [`Error::Git`] when uncommitted edits are in the way; the collection is then as it was.
pub fn update(context: &Context, collection: &Collection, looked: &Looked, wish: &Update) -> Result<UpdatePlan, Error> {
    // What a collection that is open to be changed writes stays in memory until the commit.
    let mut plan = plan_in(&collection.repo, collection, looked, wish)?;
    let before = kept(collection)?;
    let mut change = Change::new(collection);
    let mut updated = Vec::new();
    for item in plan.artifacts.iter().filter(|item| item.step != UpdateStep::None) {
        updated.push(item.artifact.clone());
        if item.step == UpdateStep::End {
            end(collection, &mut change, &item.artifact)?;
        }
        let Some(outcome) = &item.outcome else { continue };
        if item.step == UpdateStep::Conflict {
            if let Some(base) = &outcome.base {
                base.record(context, collection, &mut change, &item.artifact)?;
            }
            wait(context, collection, &mut change, &item.artifact, &outcome.settled)?;
            continue;
        }
        let files: Vec<_> = outcome.result.iter().map(|(path, (mode, id))| (path.clone(), *mode, *id)).collect();
        change.replace(&item.artifact, &files)?;
        settle(context, collection, &mut change, &item.artifact, &outcome.settled)?;
    }
    let subject = match updated.as_slice() {
        [one] => format!("Update {one}"),
        several => format!("Update {} artifacts", several.len()),
    };
    plan.commit = change.commit(context, "update", &subject, &updated)?.map(|id| id.to_string());
    let ended = |item: &&UpdateItem| !matches!(item.step, UpdateStep::None | UpdateStep::Conflict);
    for item in plan.artifacts.iter().filter(ended).filter(|item| before.contains(&item.artifact)) {
        forget_layout(collection, &item.artifact)?;
    }
    Ok(plan)
}

pub(crate) fn tree_of(repo: &Repo, files: &Files) -> Result<Oid, Error> {
    Ok(repo.edit_tree(None, files.iter().map(|(path, file)| (path, Some(*file))))?)
}

/// Returns the files of an artifact of the collection.
pub(crate) fn files_of(collection: &Collection, artifact: &ArtifactRef) -> Result<Files, Error> {
    Ok(collection.files(artifact)?.into_iter().map(|file| (file.path, (file.mode, file.id))).collect())
}

/// Returns the files of a tree that is laid out as a collection.
pub(crate) fn files_in(repo: &Repo, tree: Oid) -> Result<Files, Error> {
    let files = repo.files(tree, WalkLimits::default())?;
    Ok(files.into_iter().map(|file| (file.path, (file.mode, file.id))).collect())
}

/// Writes the files of a source as blobs, with their paths in the collection.
fn write(repo: &Repo, artifact: &ArtifactRef, content: &[SourceFile]) -> Result<Files, Error> {
    let one = |(path, mode, bytes): &SourceFile| Ok((placed(artifact, path)?, (*mode, repo.write_blob(bytes)?)));
    content.iter().map(one).collect()
}

/// Returns the contents of files, with their paths below the artifact.
pub(super) fn contents(repo: &Repo, artifact: &ArtifactRef, files: &Files) -> Result<Vec<SourceFile>, Error> {
    let mut out = Vec::new();
    for (path, (mode, id)) in files {
        let below = path.below(&artifact.path()).unwrap_or_else(|| path.file_name());
        out.push((below.parse().map_err(crate::git::GitError::from)?, *mode, repo.blob(*id, u64::MAX)?));
    }
    Ok(out)
}

pub(super) fn changed(old: &Files, new: &Files) -> Vec<TreePath> {
    let paths: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
    paths.into_iter().filter(|path| old.get(*path) != new.get(*path)).cloned().collect()
}

/// Returns what will be run and was not so before.
fn runs_of(item: &UpdateItem) -> Vec<CanRun> {
    item.outcome.as_ref().map(|outcome| runs_among(&item.artifact, &item.changed, &outcome.result)).unwrap_or_default()
}

/// Returns what of an artifact's changed files a client will run by itself.
pub(super) fn runs_among(artifact: &ArtifactRef, changed: &[TreePath], result: &Files) -> Vec<CanRun> {
    if changed.is_empty() {
        return Vec::new();
    }
    let is_executable = |path: &&TreePath| result.get(*path).is_some_and(|(mode, _)| *mode == FileMode::Executable);
    CanRun::of(artifact, changed.iter().filter(is_executable).cloned())
}
