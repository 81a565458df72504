//! `status`: what differs from the last commit and from the upstream. Writes nothing.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Collection, Error};
use crate::git::{Remote, WorkState};
use crate::model::{ArtifactRef, Kind, Oid, TreePath};
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
    /// The recorded upstream state is not in this repository (a clone without it).
    Unknown,
}

/// How the upstream stands to the state an artifact was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Upstream {
    /// Nobody asked.
    NotChecked,
    /// The ref followed is at the commit we have.
    Current,
    /// The ref followed is at another commit.
    Moved {
        /// That commit.
        commit: String,
    },
    /// The ref followed is not there any more.
    RefGone,
    /// It could not be asked.
    CannotCheck {
        /// Why.
        reason: String,
    },
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
    /// Its files with edits that are not committed.
    pub uncommitted: Vec<Uncommitted>,
}

/// A file with edits that are not committed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Uncommitted {
    /// Where.
    pub path: TreePath,
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
    let mut asked = Asked::default();
    let mut states = Vec::new();
    for artifact in artifacts {
        let own = |path: &TreePath| *path == artifact.path() || path.below(&artifact.path()).is_some();
        let (mine, rest): (Vec<_>, Vec<_>) = uncommitted.into_iter().partition(|(path, _)| own(path));
        uncommitted = rest;
        let upstream = match collection.manifest.artifacts.get(&artifact).and_then(|entry| entry.upstream.as_deref()) {
            None => None,
            Some(_) if ask == Ask::Nobody => Some(Upstream::NotChecked),
            Some(url) => Some(asked.about(context, collection, &artifact, url)),
        };
        let uncommitted = mine.into_iter().map(shown).collect();
        states.push(ArtifactStatus { local: local(collection, &artifact)?, upstream, uncommitted, artifact });
    }
    Ok(Status {
        collection: collection.manifest.name.clone(),
        artifacts: states,
        other: if names.is_empty() { uncommitted.into_iter().map(shown).collect() } else { Vec::new() },
        interrupted: collection.repo.git_folder().join("skillmeat/pending").exists(),
    })
}

fn shown((path, state): (TreePath, WorkState)) -> Uncommitted {
    Uncommitted { path, state }
}

/// Compares tree ids, so the cost does not grow with the files.
fn local(collection: &Collection, artifact: &ArtifactRef) -> Result<Local, Error> {
    let Some(lock) = collection.lock.artifacts.get(artifact) else { return Ok(Local::NoUpstream) };
    let repo = &collection.repo;
    let Ok(tree) = Oid::from_hex(lock.tree.as_bytes()) else { return Ok(Local::Unknown) };
    if !repo.has(tree) {
        return Ok(Local::Unknown);
    }
    let same = repo.entry_at(tree, &artifact.path())? == repo.entry_at(collection.tree, &artifact.path())?;
    Ok(if same { Local::Unchanged } else { Local::Edited })
}

/// Answers of upstreams, each asked once.
#[derive(Default)]
struct Asked(BTreeMap<String, Result<Vec<crate::git::RemoteRef>, String>>);

impl Asked {
    fn about(&mut self, context: &Context, collection: &Collection, artifact: &ArtifactRef, url: &str) -> Upstream {
        let entry = collection.manifest.artifacts.get(artifact);
        let Some(have) = collection.lock.artifacts.get(artifact).and_then(|lock| lock.commit.clone()) else {
            return Upstream::CannotCheck { reason: "its upstream is a folder without git".to_owned() };
        };
        let refs = self.0.entry(url.to_owned()).or_insert_with(|| {
            let remote = Remote { url: url.to_owned(), typed: true };
            let git = context.git().map_err(|error| error.to_string())?;
            remote.list(git, &[]).map_err(|error| error.to_string())
        });
        let followed = entry.and_then(|entry| entry.reference.as_deref()).unwrap_or("HEAD");
        match refs {
            Err(reason) => Upstream::CannotCheck { reason: reason.clone() },
            Ok(_) if followed == have => Upstream::Current,
            Ok(refs) => {
                let wanted = [followed.to_owned(), format!("refs/tags/{followed}"), format!("refs/heads/{followed}")];
                match refs.iter().find(|found| wanted.contains(&found.name)) {
                    None => Upstream::RefGone,
                    Some(found) if Oid::from_hex(have.as_bytes()).is_ok_and(|have| have == found.id) => {
                        Upstream::Current
                    }
                    Some(found) => Upstream::Moved { commit: found.id.to_string() },
                }
            }
        }
    }
}
