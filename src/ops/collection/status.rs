//! `status`: what differs from the last commit and from the upstream. Writes nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::pending::pending;
use super::upstream::{Rewritten, Upstream, look};
use super::{Collection, Error};
use crate::git::WorkState;
use crate::model::{ArtifactRef, Kind, Oid};
use crate::ops::Context;

/// How an artifact stands to the upstream state it was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Local {
    /// It is our own.
    NoUpstream,
    /// As taken.
    Unchanged,
    /// Changed here since.
    Edited,
    /// It follows an upstream, and which state of it was taken is not recorded: it was adopted from another manager.
    NoBase,
    /// The recorded upstream state is not in this repository (a clone without it).
    Unknown,
}

/// One artifact in [`Status`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct ArtifactStatus {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Against the upstream state it was taken from.
    pub local: Local,
    /// Against the upstream now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<Upstream>,
    /// Whether an update waits for `resolve`.
    pub waits: bool,
    /// Its files with edits that are not committed.
    pub uncommitted: Vec<Uncommitted>,
}

/// A file with edits that are not committed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Uncommitted {
    /// Where. Names that no artifact may have are told, too: they are there.
    pub path: String,
    /// How it differs.
    pub state: WorkState,
}

/// What `status` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Status {
    /// Name of the collection.
    pub collection: String,
    /// Its artifacts, sorted.
    pub artifacts: Vec<ArtifactStatus>,
    /// Uncommitted edits of files that belong to no artifact of the last commit.
    pub other: Vec<Uncommitted>,
    /// Whether an earlier command was interrupted; the next change finishes it.
    pub interrupted: bool,
}

/// Whether the upstreams are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Only what is here.
    Nobody,
    /// Each upstream once.
    Upstreams,
}

/// Returns the status of the artifacts named, of all when `names` is empty.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Git`]. An upstream that cannot be asked is no error but a state.
pub fn status(context: &Context, collection: &Collection, names: &[String], ask: Ask) -> Result<Status, Error> {
    let artifacts = collection.select(names)?;
    let mut folders: Vec<&str> = Kind::ALL.iter().map(|kind| kind.folder()).collect();
    folders.extend(["collection.toml", "collection.lock"]);
    let mut uncommitted = collection.repo.work_changes(collection.tree, &folders)?;
    let mut asked = match ask {
        Ask::Nobody => BTreeMap::new(),
        Ask::Upstreams => look(context, collection, &artifacts, Rewritten::Refuse)?
            .into_iter()
            .map(|seen| (seen.artifact, seen.upstream))
            .collect(),
    };
    let waiting = pending(collection)?;
    let ids: BTreeMap<_, _> = collection.entries_of(collection.tree)?.into_iter().collect();
    let mut states = Vec::new();
    for artifact in artifacts {
        let place = artifact.path();
        let own = |path: &String| {
            path.strip_prefix(place.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let (mine, rest): (Vec<_>, Vec<_>) = uncommitted.into_iter().partition(|(path, _)| own(path));
        uncommitted = rest;
        let entry = collection.manifest.artifacts.get(&artifact);
        let followed = entry.is_some_and(|entry| entry.upstream.is_some() || entry.link().is_some());
        let upstream = asked.remove(&artifact).or_else(|| followed.then_some(Upstream::NotChecked));
        let uncommitted = mine.into_iter().map(shown).collect();
        let waits = waiting.contains(&artifact);
        states.push(ArtifactStatus {
            local: local(collection, &artifact, ids.get(&artifact).copied())?,
            upstream,
            waits,
            uncommitted,
            artifact,
        });
    }
    Ok(Status {
        collection: collection.manifest.name.clone(),
        artifacts: states,
        other: if names.is_empty() { uncommitted.into_iter().map(shown).collect() } else { Vec::new() },
        interrupted: collection.repo.worktree_folder().join("skillmeat/pending").exists(),
    })
}

fn shown((path, state): (String, WorkState)) -> Uncommitted {
    Uncommitted { path, state }
}

/// Compares tree ids, so the cost does not grow with the files.
fn local(collection: &Collection, artifact: &ArtifactRef, id: Option<Oid>) -> Result<Local, Error> {
    let followed = collection.manifest.artifacts.get(artifact).is_some_and(|entry| entry.upstream.is_some());
    let lock = collection.lock.artifacts.get(artifact);
    let Some(lock) = lock.filter(|lock| lock.tree.is_some()) else {
        return Ok(if followed { Local::NoBase } else { Local::NoUpstream });
    };
    let repo = &collection.repo;
    let Some(tree) = lock.tree_id() else { return Ok(Local::Unknown) };
    // As it was taken, which is seen without reading: the recorded tree holds it and nothing else.
    if let (Some(_), Some(id)) = (artifact.kind.main_file(), id)
        && repo.tree_around(&artifact.path(), id)? == tree
    {
        return Ok(Local::Unchanged);
    }
    if !repo.has(tree) {
        return Ok(Local::Unknown);
    }
    // An agent or command is one file, whose mode counts too; of a folder the id says all.
    let same = match artifact.kind.main_file() {
        Some(_) => repo.entry_at(tree, &artifact.path())?.map(|entry| entry.id) == id,
        None => repo.entry_at(tree, &artifact.path())? == repo.entry_at(collection.tree, &artifact.path())?,
    };
    Ok(if same { Local::Unchanged } else { Local::Edited })
}
