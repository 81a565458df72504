//! What an import would do, before anything is done.

use schemars::JsonSchema;
use serde::Serialize;

use super::choice::{Choices, Existing};
use super::incoming::{Incoming, forks, incoming};
use super::preview::{Preview, preview};
use super::{Error, Found, SignedBy, write_objects};
use crate::git::{EntryKind, Repo};
use crate::model::{
    ArtifactRef, BundleName, Digest, FileEntry, FileMode, LockEntry, LockedRelease, Oid, Release, tree_digest,
};
use crate::ops::Context;
use crate::ops::collection::{
    CanRun, Collection, Consents, Files, Taken, file_entries, files_in, files_of, tree_of, waits,
};
use crate::trust::{ReleaseContent, Verified};

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
    /// The collection has other content of its name, which stays; it comes in beside it under another.
    Fork,
    /// It was imported before and edited since, and both changes go together.
    Merge,
    /// Both sides changed the same lines: it stays as it is until `resolve`.
    Conflict,
    /// The collection has other content, which stays.
    Skip,
    /// The collection has other content, so nothing is imported.
    Refuse,
}

impl Step {
    /// Says whether something of the release comes into the collection.
    pub fn takes(self) -> bool {
        matches!(self, Step::Add | Step::Update | Step::Replace | Step::Fork | Step::Merge)
    }
}

/// One artifact of a [`Plan`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct Planned {
    /// The artifact, by its name in the collection.
    pub artifact: ArtifactRef,
    /// Its name in the release, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<ArtifactRef>,
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
    /// Whether it came from an earlier release of this bundle, so that there is something to merge from.
    #[serde(skip)]
    pub is_mergeable: bool,
    /// What the release has of it.
    #[serde(skip)]
    pub(super) incoming: Incoming,
    /// What a merge makes of it.
    #[serde(skip)]
    pub(super) merged: Option<Files>,
}

impl Planned {
    /// Returns its name in the release.
    pub fn offered(&self) -> &ArtifactRef {
        self.original.as_ref().unwrap_or(&self.artifact)
    }

    /// Says whether something of the release comes here, into the collection or beside it.
    pub(super) fn brings(&self) -> bool {
        self.step.takes() || self.step == Step::Conflict
    }
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
    pub runs: Vec<CanRun>,
}

impl Plan {
    /// Says whether the plan changes anything.
    pub fn changes(&self) -> bool {
        self.artifacts.iter().any(|planned| !matches!(planned.step, Step::Same | Step::Skip | Step::Refuse))
    }

    /// Returns what a person agrees to by itself, as far as the plan has the previews for it.
    pub fn consents(&self, signer: &SignedBy) -> Consents {
        let mut consents = consents(&self.artifacts, &self.runs);
        consents.signers.extend(signer.is_new.then(|| (signer.principal.clone(), signer.fingerprint.clone())));
        consents
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
/// [`Error::Collection`], [`Error::ForkTaken`], [`Error::ForkName`] and [`Error::Rename`] for what cannot come in beside
/// another, [`Error::Trust`] when the bytes are no longer those that were verified.
pub fn plan(
    context: &Context,
    collection: &Collection,
    found: &Found,
    verified: &Verified<ReleaseContent>,
    choices: &Choices,
    detail: Detail,
) -> Result<Plan, Error> {
    let memory = collection.repo.in_memory();
    if choices.may_merge() {
        write_objects(context, &memory, found.evidence.as_ref(), verified)?;
    }
    let mut plan = plan_in(&memory, collection, found, verified, choices)?;
    if detail == Detail::Files {
        for planned in plan.artifacts.iter_mut().filter(|planned| planned.step != Step::Same) {
            // Without a merge one artifact at a time is held.
            let own = (!choices.may_merge()).then(|| collection.repo.in_memory());
            let memory = own.as_ref().unwrap_or(&memory);
            planned.preview = Some(preview(memory, collection, found, verified.get(), planned)?);
        }
    }
    Ok(plan)
}

/// As [`plan`]; for a merge `repo` must have the objects of the release, and gets those of what is merged or renamed.
pub(super) fn plan_in(
    repo: &Repo,
    collection: &Collection,
    found: &Found,
    verified: &Verified<ReleaseContent>,
    choices: &Choices,
) -> Result<Plan, Error> {
    let content = verified.get();
    let forks = forks(collection, content);
    let is_offered = |artifact: &ArtifactRef| content.manifest.artifacts.iter().any(|one| one.artifact == *artifact);
    let mut artifacts = Vec::new();
    let mut runs = Vec::new();
    for bundled in &content.manifest.artifacts {
        let offered = &bundled.artifact;
        let known = forks.get(offered).filter(|known| *known != offered);
        let mut artifact = known.unwrap_or(offered).clone();
        if known.is_some() && is_offered(&artifact) {
            return Err(Error::ForkTaken { artifact: offered.clone(), fork: artifact });
        }
        let (mut files, mut incoming) = self::incoming(repo, found, content, offered, &artifact)?;
        let bundle = &content.release.bundle;
        let existing = choices.of(offered);
        let mut step = step(collection, Some(bundle.as_str()), &artifact, tree_digest(&files), existing)?;
        if step == Step::Add && choices.leaves_out(offered) {
            continue;
        }
        let is_recorded = is_recorded(collection, content, &artifact);
        if matches!(step, Step::Merge | Step::Fork) && is_recorded {
            // Edited since it was imported: this release has nothing new for it.
            step = Step::Skip;
        }
        match step {
            // One fork is enough: what was made of it here and what is new go together.
            Step::Fork if known.is_some() => step = Step::Merge,
            Step::Fork => {
                artifact = free_fork(collection, offered, bundle, is_offered)?;
                (files, incoming) = self::incoming(repo, found, content, offered, &artifact)?;
            }
            _ => {}
        }
        let base = base(repo, collection, content, &artifact);
        let (mut conflicts, mut merged) = (Vec::new(), None);
        if step == Step::Merge {
            match base.map(|base| merge(repo, collection, &artifact, base, &incoming)).transpose()? {
                None => step = Step::Refuse,
                Some((files, none)) if none.is_empty() => merged = Some(files),
                Some((_, some)) => (step, conflicts) = (Step::Conflict, some),
            }
        }
        runs.extend(runs_of(step, &artifact, &files));
        artifacts.push(Planned {
            original: (artifact != *offered).then(|| offered.clone()),
            artifact,
            step,
            files,
            conflicts,
            preview: None,
            is_mergeable: base.is_some() && !is_recorded,
            incoming,
            merged,
        });
    }
    let all = collection.manifest.artifacts.keys();
    let of_bundle: Vec<_> = all.filter(|artifact| is_of_bundle(collection, content, artifact)).collect();
    let still = |artifact: &&&ArtifactRef| {
        is_offered(artifact) || forks.iter().any(|(offered, fork)| fork == **artifact && is_offered(offered))
    };
    let gone = of_bundle.iter().filter(|artifact| !still(artifact)).map(|artifact| (*artifact).clone()).collect();
    let locked = of_bundle.iter().filter_map(|artifact| collection.lock.artifacts.get(artifact)?.release.as_deref());
    let waiting = waits(collection)?;
    let waiting = waiting.iter().filter_map(|(_, settled)| match &settled.taken {
        Taken::Release { bundle, release, .. } if *bundle == content.release.bundle.to_string() => {
            Some(release.as_str())
        }
        _ => None,
    });
    let bundle = &content.release.bundle;
    let taken = collection.lock.releases.get(bundle).and_then(LockedRelease::named);
    let taken = taken.map(|(version, _)| Release { bundle: bundle.clone(), version });
    let newest = locked.chain(waiting).filter_map(|release| release.parse::<Release>().ok()).chain(taken).max();
    let older_than = newest.filter(|newest| *newest > content.release).map(|newest| newest.to_string());
    Ok(Plan { release: content.release.to_string(), digest: content.digest, artifacts, older_than, gone, runs })
}

/// Returns the name under which an artifact comes in beside another of its name.
fn free_fork(
    collection: &Collection,
    offered: &ArtifactRef,
    bundle: &BundleName,
    is_offered: impl Fn(&ArtifactRef) -> bool,
) -> Result<ArtifactRef, Error> {
    let artifact = offered.clone();
    let fork = offered.forked(bundle).map_err(|source| Error::ForkName { artifact: artifact.clone(), source })?;
    if is_offered(&fork) || collection.repo.entry_at(collection.tree, &fork.path())?.is_some() {
        return Err(Error::ForkTaken { artifact, fork });
    }
    Ok(fork)
}

/// Returns what has to be agreed to by itself of artifacts to which this happens.
pub(super) fn consents(artifacts: &[Planned], runs: &[CanRun]) -> Consents {
    let mut consents = Consents::of(runs);
    for planned in artifacts.iter().filter(|planned| planned.step.takes()) {
        planned.preview.iter().for_each(|preview| consents.allow(&planned.artifact, &preview.powers));
    }
    consents
}

/// Returns what a client or an agent will run by itself of an artifact to which this happens.
pub(super) fn runs_of(step: Step, artifact: &ArtifactRef, files: &[FileEntry]) -> Vec<CanRun> {
    if !step.takes() {
        return Vec::new();
    }
    let executable = files.iter().filter(|entry| entry.mode == FileMode::Executable);
    CanRun::of(artifact, executable.map(|entry| entry.path.clone()))
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
        Existing::Fork => Step::Fork,
    })
}

/// Returns the pristine state to merge from; `None` for what did not come from this bundle.
fn base(repo: &Repo, collection: &Collection, content: &ReleaseContent, artifact: &ArtifactRef) -> Option<Oid> {
    let lock = collection.lock.artifacts.get(artifact).filter(|_| is_of_bundle(collection, content, artifact));
    lock.and_then(LockEntry::tree_id).filter(|base| repo.has(*base))
}

/// Merges an artifact of a release with what was made here of an earlier one of the same bundle: the files, and the paths that
/// both sides changed.
fn merge(
    repo: &Repo,
    collection: &Collection,
    artifact: &ArtifactRef,
    base: Oid,
    incoming: &Incoming,
) -> Result<(Files, Vec<String>), Error> {
    let ours = tree_of(repo, &files_of(collection, artifact)?)?;
    let theirs = tree_of(repo, &incoming.files)?;
    let merged = repo.merge_trees(base, ours, theirs)?;
    Ok((files_in(repo, merged.tree)?, merged.conflicts))
}
