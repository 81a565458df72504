//! `sync`: edits made at a target come back into the collection, as one commit.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use super::configs::Configs;
use super::journal::{Recovered, is_interrupted};
use super::plan::Draft;
use super::project::{ArtifactFiles, Brought, bring};
use super::run::{carry_out, chosen, locked};
use super::site::Site;
use super::wanted::tree_of;
use crate::client::TargetId;
use crate::git::Repo;
use crate::model::{ArtifactRef, Deployed, Deployment, FileMode, Kind, Oid, TreePath};
use crate::ops::Context;
use crate::ops::collection::{Change, Collection};

/// What happens when the collection has changed an artifact as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Both changes are kept, as git merges; the same lines changed on both sides are a conflict.
    Merge,
    /// The state at the target replaces the collection's; history keeps that.
    Overwrite,
}

/// What is to come back from where.
#[derive(Debug, Clone)]
pub struct Sync {
    /// Names of artifacts that are deployed there.
    pub artifacts: Vec<String>,
    /// The target.
    pub target: TargetId,
    /// The project; not looked at for targets of the user.
    pub project: PathBuf,
    /// What to do when both sides changed.
    pub strategy: Strategy,
    /// Whether only to look.
    pub dry_run: bool,
}

/// What became of one artifact.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SyncedArtifact {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Its files in the collection that change.
    pub changed: Vec<TreePath>,
    /// Whether changes of the collection were put together with those of the target.
    pub merged: bool,
    /// Whether the target still has to get the merged state, because it holds hooks or a server to agree to.
    pub behind: bool,
}

/// What `sync` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Synced {
    /// The artifacts that were edited at the target, sorted.
    pub artifacts: Vec<SyncedArtifact>,
    /// The new commit of the collection; `None` in a dry run and when there was nothing to bring back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether an earlier run was interrupted and, in a dry run, is not settled.
    pub interrupted: bool,
    /// What became of an earlier run that was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Recovered>,
}

/// An edited artifact: what the target has, and what the collection gets.
struct Edit {
    deployment: Deployment,
    brought: Brought,
    result: ArtifactFiles,
    report: SyncedArtifact,
}

/// Brings edits at a target back into the collection, which must have been opened to be changed.
///
/// The commit comes before the record: a run that is killed in between is completed by running it again. Where both
/// sides changed an artifact, the target gets the merged state too, except for hooks and servers.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Merge`] for changes that exclude each other, [`Error::Gone`],
/// [`Error::Unfit`] and [`Error::NotAFile`] for what no artifact may hold; nothing is changed then.
pub fn sync(context: &Context, collection: &Collection, wish: &Sync) -> Result<Synced, Error> {
    let mut site = Site::open(context, &wish.target, &wish.project)?;
    if wish.dry_run {
        let (_, record) = site.record()?;
        let edits = edits(&site, collection, &collection.repo.in_memory(), &record, wish)?;
        let artifacts = edits.into_iter().map(|edit| edit.report).collect();
        return Ok(Synced { artifacts, commit: None, interrupted: is_interrupted(&site)?, recovered: None });
    }
    locked(context, &mut site, |site, recovered| {
        let (_, record) = site.record()?;
        let memory = collection.repo.in_memory();
        let edits = edits(site, collection, &memory, &record, wish)?;
        if edits.is_empty() {
            return Ok(Synced { artifacts: Vec::new(), commit: None, interrupted: false, recovered });
        }
        let commit = commit(context, site, collection, &memory, &edits)?;
        let after = Collection::open(collection.folder()?)?;
        write_record(context, site, &after, record, &edits)?;
        deploy_merged(context, site, &after, &edits)?;
        let artifacts = edits.into_iter().map(|edit| edit.report).collect();
        Ok(Synced { artifacts, commit, interrupted: false, recovered })
    })
}

fn edits(
    site: &Site,
    collection: &Collection,
    memory: &Repo,
    record: &Deployed,
    wish: &Sync,
) -> Result<Vec<Edit>, Error> {
    let mut configs = Configs::default();
    let mut edits = Vec::new();
    for artifact in chosen(site, record, &wish.artifacts)? {
        let Some(deployment) = record.find(&artifact, &site.target.id.to_string(), site.base_text().as_deref()) else {
            continue;
        };
        let base = base_files(memory, deployment)?;
        let ours: ArtifactFiles =
            collection.files(&artifact)?.into_iter().map(|file| (file.path, (file.mode, file.id))).collect();
        let from = base.as_ref().unwrap_or(&ours);
        let Some(brought) = bring(site, memory, deployment, from, &mut configs)? else { continue };
        let result = settle(memory, &artifact, base.as_ref(), &ours, &brought.files, wish.strategy)?;
        let merged = result != brought.files;
        let report = SyncedArtifact {
            changed: changed(&ours, &result),
            merged,
            behind: merged && matches!(artifact.kind, Kind::Hook | Kind::Mcp),
            artifact,
        };
        edits.push(Edit { deployment: deployment.clone(), brought, result, report });
    }
    Ok(edits)
}

/// Returns the files as they were deployed; `None` when the repository does not have them any more.
pub(super) fn base_files(repo: &Repo, deployment: &Deployment) -> Result<Option<ArtifactFiles>, Error> {
    let Some(id) = Oid::from_hex(deployment.tree.as_bytes()).ok().filter(|id| repo.has(*id)) else { return Ok(None) };
    let path = deployment.artifact.path();
    if deployment.artifact.kind.main_file().is_none() {
        let mode = deployment.files.first().map_or(FileMode::Regular, |file| file.mode);
        return Ok(Some([(path, (mode, id))].into()));
    }
    let mut files = ArtifactFiles::new();
    for file in repo.files(id, crate::git::WalkLimits::default())? {
        let place = path.join(file.path.as_str()).map_err(crate::git::GitError::from)?;
        files.insert(place, (file.mode, file.id));
    }
    Ok(Some(files))
}

/// Returns what the collection gets.
fn settle(
    memory: &Repo,
    artifact: &ArtifactRef,
    base: Option<&ArtifactFiles>,
    ours: &ArtifactFiles,
    theirs: &ArtifactFiles,
    strategy: Strategy,
) -> Result<ArtifactFiles, Error> {
    if strategy == Strategy::Overwrite || base == Some(ours) || ours == theirs {
        return Ok(theirs.clone());
    }
    let base = base.ok_or_else(|| Error::NoBase(artifact.clone()))?;
    let merged = memory.merge_trees(tree(memory, base)?, tree(memory, ours)?, tree(memory, theirs)?)?;
    if !merged.conflicts.is_empty() {
        return Err(Error::Merge(merged.conflicts));
    }
    let files = memory.files_at(merged.tree, &artifact.path())?;
    Ok(files.into_iter().map(|file| (file.path, (file.mode, file.id))).collect())
}

fn tree(repo: &Repo, files: &ArtifactFiles) -> Result<Oid, Error> {
    Ok(repo.edit_tree(None, files.iter().map(|(path, file)| (path, Some(*file))))?)
}

fn changed(before: &ArtifactFiles, after: &ArtifactFiles) -> Vec<TreePath> {
    let mut paths: Vec<_> = before.keys().chain(after.keys()).cloned().collect();
    paths.sort();
    paths.dedup();
    paths.retain(|path| before.get(path) != after.get(path));
    paths
}

/// Writes the content that is only in memory so far, and makes the commit.
fn commit(
    context: &Context,
    site: &Site,
    collection: &Collection,
    memory: &Repo,
    edits: &[Edit],
) -> Result<Option<String>, Error> {
    let repo = &collection.repo;
    let mut change = Change::new(collection);
    for edit in edits {
        for (_, id) in edit.result.values().chain(edit.brought.files.values()) {
            if !repo.has(*id) {
                repo.write_blob(&memory.blob(*id, u64::MAX)?)?;
            }
        }
        let files: Vec<_> = edit.result.iter().map(|(path, (mode, id))| (path.clone(), *mode, *id)).collect();
        change.replace(&edit.report.artifact, &files)?;
    }
    let artifacts: Vec<_> = edits.iter().map(|edit| edit.report.artifact.clone()).collect();
    let names: Vec<_> = artifacts.iter().map(ToString::to_string).collect();
    let from = site.base.file_name().map_or_else(|| "a project".into(), |name| name.to_string_lossy());
    let from: String = from.chars().filter(|c| !c.is_control()).collect();
    let subject = format!("Sync {} from {from}", names.join(", "));
    let committed = change.commit(context, "sync", &subject, &artifacts)?;
    Ok(committed.map(|done| done.to_string()))
}

/// Records that the target has what was brought back.
fn write_record(
    context: &Context,
    site: &Site,
    after: &Collection,
    mut record: Deployed,
    edits: &[Edit],
) -> Result<(), Error> {
    for edit in edits {
        let artifact = &edit.report.artifact;
        let same = |d: &&mut Deployment| {
            (&d.artifact, &d.target, &d.base) == (artifact, &edit.deployment.target, &edit.deployment.base)
        };
        let Some(deployment) = record.deployments.iter_mut().find(same) else { continue };
        // What the target has is the base of the next merge, whether or not the collection has something newer.
        let state = tree(&after.repo, &edit.brought.files)?;
        let id = after.repo.entry_at(state, &artifact.path())?.map(|entry| entry.id);
        let newest = tree_of(after, artifact)?;
        deployment.tree = id.unwrap_or(newest).to_string();
        deployment.digest = edit.brought.digest;
        deployment.collection.clone_from(&after.manifest.name);
        deployment.commit = after.head.commit.map(|id| id.to_string()).unwrap_or_default();
        deployment.files.clone_from(&edit.brought.deployed);
        deployment.entries.clone_from(&edit.brought.entries);
    }
    site.write_state(&site.record_name(), record.render().as_bytes())?;
    site.make_durable(context)
}

/// Gives the target the merged state of what needs nobody's consent.
fn deploy_merged(context: &Context, site: &mut Site, after: &Collection, edits: &[Edit]) -> Result<(), Error> {
    let merged: Vec<_> = edits.iter().filter(|edit| edit.report.merged && !edit.report.behind).collect();
    if merged.is_empty() {
        return Ok(());
    }
    let mut draft = Draft::start(site)?;
    for edit in merged {
        draft.deploy(site, after, &edit.report.artifact)?;
    }
    draft.done();
    draft.check(super::Force::No)?;
    carry_out(context, site, "sync", draft, Some(&after.repo), None).map(drop)
}
