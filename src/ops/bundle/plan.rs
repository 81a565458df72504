//! What an import would do, before anything is done.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Serialize;

use super::preview::{Preview, preview};
use super::{Error, Found, write_objects};
use crate::git::{EntryKind, Repo};
use crate::model::{ArtifactRef, Digest, FileEntry, FileMode, Kind, LockEntry, Release, tree_digest};
use crate::ops::Context;
use crate::ops::collection::{Collection, Files, Taken, file_entries, files_in, files_of, tree_of, waits};
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
    /// Those that were imported from this bundle are merged with it; of others the import is refused.
    Merge,
}

/// Whether a release is taken that is older than one that was imported before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Older {
    /// The import is refused: whoever offers it may hide a newer one.
    Refuse,
    /// It is taken.
    Take,
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
    /// It was imported before and edited since, and both changes go together.
    Merge,
    /// Both sides changed the same lines: it stays as it is until `resolve`.
    Conflict,
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
    /// Paths that both sides changed in ways that exclude each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// What would change in it, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<Preview>,
    /// What a merge makes of it.
    #[serde(skip)]
    pub(super) merged: Option<Files>,
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
    /// The newest release of this bundle that something here came from, where it is newer than this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<String>,
    /// Artifacts that came from an earlier release of this bundle and are not in this one; they stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<ArtifactRef>,
    /// What an agent or client will run by itself: hooks, servers, executable files.
    pub runs: Vec<String>,
}

impl Plan {
    /// Says whether the plan changes anything.
    pub fn changes(&self) -> bool {
        self.artifacts.iter().any(|planned| !matches!(planned.step, Step::Same | Step::Skip | Step::Refuse))
    }

    /// Refuses a release that is older than one that was imported before, unless that is wanted.
    ///
    /// # Errors
    /// [`Error::Older`].
    pub fn check_age(&self, older: Older) -> Result<(), Error> {
        match &self.older_than {
            Some(here) if older == Older::Refuse && self.changes() => {
                Err(Error::Older { release: self.release.clone(), here: here.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Says whether something waits for `resolve`.
    pub fn has_conflicts(&self) -> bool {
        self.artifacts.iter().any(|planned| planned.step == Step::Conflict)
    }
}

/// How much a plan says of each artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What happens to it.
    Steps,
    /// Every file that would change, findings and licence: for someone who is to agree.
    Files,
}

/// Plans the import of a verified release. Writes nothing: what a merge makes is kept in memory.
///
/// # Errors
/// [`Error::Collection`], [`Error::Trust`] when the bytes are no longer those that were verified.
pub fn plan(
    context: &Context,
    collection: &Collection,
    found: &Found,
    verified: &Verified<ReleaseContent>,
    existing: Existing,
    detail: Detail,
) -> Result<Plan, Error> {
    let memory = (existing == Existing::Merge).then(|| collection.repo.in_memory());
    if let Some(memory) = &memory {
        write_objects(context, memory, found.evidence.as_ref(), verified)?;
    }
    let mut plan = plan_in(memory.as_ref().unwrap_or(&collection.repo), collection, verified, existing)?;
    if detail == Detail::Files {
        for planned in plan.artifacts.iter_mut().filter(|planned| planned.step != Step::Same) {
            // Without a merge one artifact at a time is held.
            let own = memory.is_none().then(|| collection.repo.in_memory());
            if let Some(memory) = memory.as_ref().or(own.as_ref()) {
                planned.preview = Some(preview(memory, collection, found, verified.get(), planned)?);
            }
        }
    }
    Ok(plan)
}

/// As [`plan`]; for a merge `repo` must have the objects of the release, and gets those of what is merged.
pub(super) fn plan_in(
    repo: &Repo,
    collection: &Collection,
    verified: &Verified<ReleaseContent>,
    existing: Existing,
) -> Result<Plan, Error> {
    let content = verified.get();
    let mut artifacts = Vec::new();
    let mut runs = Vec::new();
    for bundled in &content.manifest.artifacts {
        let artifact = &bundled.artifact;
        let own = |entry: &&FileEntry| entry.path == bundled.path || entry.path.below(&bundled.path).is_some();
        let files: Vec<FileEntry> = content.manifest.files.iter().filter(own).cloned().collect();
        let mut step = step(collection, Some(content.release.bundle.as_str()), artifact, bundled.digest, existing)?;
        let (mut conflicts, mut merged) = (Vec::new(), None);
        if step == Step::Merge && is_recorded(collection, content, artifact) {
            // Edited since it was imported: this release has nothing new for it.
            step = Step::Skip;
        }
        if step == Step::Merge {
            match merge(repo, collection, content, artifact)? {
                None => step = Step::Refuse,
                Some((files, none)) if none.is_empty() => merged = Some(files),
                Some((_, some)) => (step, conflicts) = (Step::Conflict, some),
            }
        }
        runs.extend(runs_of(step, artifact, &files));
        artifacts.push(Planned { artifact: artifact.clone(), step, files, conflicts, preview: None, merged });
    }
    let all = collection.manifest.artifacts.keys();
    let of_bundle: Vec<_> = all.filter(|artifact| is_of_bundle(collection, content, artifact)).collect();
    let is_offered = |artifact: &&ArtifactRef| content.manifest.artifacts.iter().any(|one| one.artifact == **artifact);
    let gone = of_bundle.iter().filter(|artifact| !is_offered(artifact)).map(|artifact| (*artifact).clone()).collect();
    let locked = of_bundle.iter().filter_map(|artifact| collection.lock.artifacts.get(artifact)?.release.as_deref());
    let waiting = waits(collection)?;
    let waiting = waiting.iter().filter_map(|(_, settled)| match &settled.taken {
        Taken::Release { bundle, release, .. } if *bundle == content.release.bundle.to_string() => {
            Some(release.as_str())
        }
        _ => None,
    });
    let newest = locked.chain(waiting).filter_map(|release| release.parse::<Release>().ok()).max();
    let older_than = newest.filter(|newest| *newest > content.release).map(|newest| newest.to_string());
    Ok(Plan { release: content.release.to_string(), digest: content.digest, artifacts, older_than, gone, runs })
}

/// Returns what a client or an agent will run by itself of an artifact to which this happens.
pub(super) fn runs_of(step: Step, artifact: &ArtifactRef, files: &[FileEntry]) -> Vec<String> {
    if !matches!(step, Step::Add | Step::Update | Step::Replace | Step::Merge) {
        return Vec::new();
    }
    let by_client = matches!(artifact.kind, Kind::Hook | Kind::Mcp).then(|| artifact.to_string());
    let executable = files.iter().filter(|entry| entry.mode == FileMode::Executable);
    by_client.into_iter().chain(executable.map(|entry| entry.path.to_string())).collect()
}

/// Says whether the artifact was imported from a release of this bundle.
pub(super) fn is_of_bundle(collection: &Collection, content: &ReleaseContent, artifact: &ArtifactRef) -> bool {
    let entry = collection.manifest.artifacts.get(artifact);
    entry.is_some_and(|entry| entry.bundle.as_deref() == Some(content.release.bundle.as_str()))
}

/// Says whether this very release is what the artifact was last imported from.
pub(super) fn is_recorded(collection: &Collection, content: &ReleaseContent, artifact: &ArtifactRef) -> bool {
    let tag = collection.lock.artifacts.get(artifact).and_then(|lock| lock.tag.as_deref());
    is_of_bundle(collection, content, artifact) && tag == Some(&*content.tag_id.to_string())
}

/// Returns what becomes of an artifact of a bundle, or of what is none.
pub(super) fn step(
    collection: &Collection,
    bundle: Option<&str>,
    artifact: &ArtifactRef,
    new: Digest,
    existing: Existing,
) -> Result<Step, Error> {
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
    let of = collection.manifest.artifacts.get(artifact).and_then(|entry| entry.bundle.as_deref());
    let untouched =
        bundle.is_some() && of == bundle && lock.is_some_and(|lock| lock.release.is_some() && lock.digest == here);
    Ok(match existing {
        _ if untouched => Step::Update,
        Existing::Refuse => Step::Refuse,
        Existing::Skip => Step::Skip,
        Existing::Replace => Step::Replace,
        Existing::Merge => Step::Merge,
    })
}

/// Merges an artifact of a release with what was made here of an earlier one of the same bundle: the files, and the paths that
/// both sides changed. `None` for one that did not come from this bundle, which has nothing to merge from.
fn merge(
    repo: &Repo,
    collection: &Collection,
    content: &ReleaseContent,
    artifact: &ArtifactRef,
) -> Result<Option<(Files, Vec<String>)>, Error> {
    let lock = collection.lock.artifacts.get(artifact).filter(|_| is_of_bundle(collection, content, artifact));
    let Some(base) = lock.and_then(LockEntry::tree_id).filter(|base| repo.has(*base)) else { return Ok(None) };
    let ours = tree_of(repo, &files_of(collection, artifact)?)?;
    let theirs = tree_of(repo, &released_files(content, artifact))?;
    let merged = repo.merge_trees(base, ours, theirs)?;
    Ok(Some((files_in(repo, merged.tree)?, merged.conflicts)))
}

/// Returns the files of one artifact of a release.
pub(super) fn released_files(content: &ReleaseContent, artifact: &ArtifactRef) -> Files {
    let own = &content.files[places(content, artifact)];
    own.iter().map(|(entry, blob)| (entry.path.clone(), (entry.mode, *blob))).collect()
}

/// Returns where the files of one artifact stand among those of a release, which are in byte order of their paths.
pub(super) fn places(content: &ReleaseContent, artifact: &ArtifactRef) -> Range<usize> {
    let (path, files) = (artifact.path(), &content.files);
    let below = format!("{path}/");
    let start = |text: &str| files.partition_point(|(entry, _)| entry.path.as_str() < text);
    let (file, folder) = (start(path.as_str()), start(&below));
    if files.get(file).is_some_and(|(entry, _)| entry.path == path) {
        return file..file + 1;
    }
    folder..folder + files[folder..].iter().take_while(|(entry, _)| entry.path.as_str().starts_with(&below)).count()
}
