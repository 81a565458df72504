//! What an import would do, before anything is done.

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use crate::git::EntryKind;
use crate::model::{ArtifactRef, Digest, FileEntry, FileMode, Kind, tree_digest};
use crate::ops::collection::{Collection, file_entries};
use crate::trust::{ReleaseContent, Verified};

/// What becomes of artifacts that the collection has with other content of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// The import is refused.
    Refuse,
    /// They stay, and the rest is imported.
    Skip,
    /// They are replaced; history keeps them.
    Replace,
}

/// What happens to one artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// It is new here.
    Add,
    /// The collection has exactly this.
    Same,
    /// It was imported before, was not edited, and is replaced by another version.
    Update,
    /// The collection has other content, which is replaced.
    Replace,
    /// The collection has other content, which stays.
    Skip,
    /// The collection has other content, so nothing is imported.
    Refuse,
}

/// One artifact of a [`Plan`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct Planned {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What happens to it.
    pub step: Step,
    /// Its files, by path.
    pub files: Vec<FileEntry>,
}

/// What an import would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// The release.
    pub release: String,
    /// Tree digest of the release: what is agreed to.
    pub digest: Digest,
    /// What happens to each artifact.
    pub artifacts: Vec<Planned>,
    /// What an agent or client will run by itself: hooks, servers, executable files.
    pub runs: Vec<String>,
}

impl Plan {
    /// Says whether the plan changes anything.
    pub fn changes(&self) -> bool {
        self.artifacts.iter().any(|planned| matches!(planned.step, Step::Add | Step::Update | Step::Replace))
    }
}

/// Plans the import of a verified release.
///
/// # Errors
/// [`Error::Collection`].
pub fn plan(collection: &Collection, verified: &Verified<ReleaseContent>, existing: Existing) -> Result<Plan, Error> {
    let content = verified.get();
    let mut artifacts = Vec::new();
    let mut runs = Vec::new();
    for bundled in &content.manifest.artifacts {
        let artifact = &bundled.artifact;
        let own = |entry: &&FileEntry| entry.path == bundled.path || entry.path.below(&bundled.path).is_some();
        let files: Vec<FileEntry> = content.manifest.files.iter().filter(own).cloned().collect();
        let step = step(collection, artifact, bundled.digest, existing)?;
        if matches!(step, Step::Add | Step::Update | Step::Replace) {
            runs.extend(matches!(artifact.kind, Kind::Hook | Kind::Mcp).then(|| artifact.to_string()));
            let executable = files.iter().filter(|entry| entry.mode == FileMode::Executable);
            runs.extend(executable.map(|entry| entry.path.to_string()));
        }
        artifacts.push(Planned { artifact: artifact.clone(), step, files });
    }
    Ok(Plan { release: content.release.to_string(), digest: content.digest, artifacts, runs })
}

fn step(collection: &Collection, artifact: &ArtifactRef, new: Digest, existing: Existing) -> Result<Step, Error> {
    let path = artifact.path();
    let Some(entry) = collection.repo.entry_at(collection.tree, &path)? else { return Ok(Step::Add) };
    // Someone's folder without any file of ours in it counts as content of its own as well.
    let here = match entry.kind {
        EntryKind::File(_) | EntryKind::Folder => Some(tree_digest(&file_entries(collection, artifact)?)),
        _ => None,
    };
    if here == Some(new) {
        return Ok(Step::Same);
    }
    let lock = collection.lock.artifacts.get(artifact);
    let untouched = lock.is_some_and(|lock| lock.release.is_some() && lock.digest == here);
    Ok(match existing {
        _ if untouched => Step::Update,
        Existing::Refuse => Step::Refuse,
        Existing::Skip => Step::Skip,
        Existing::Replace => Step::Replace,
    })
}
