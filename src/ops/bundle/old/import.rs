//! Importing an old pack: as what it is, from nobody known, in one commit or not at all.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::Error;
use super::super::choice::Existing;
use super::super::hidden::{Hidden, places};
use super::super::incoming::Incoming;
use super::super::plan::{Detail, Planned, Step, consents, runs_of, step};
use super::super::preview::{Preview, of_contents};
use super::content::{OldArtifact, OldContent};
use super::read::{Old, OldReport};
use crate::git::Repo;
use crate::model::{ArtifactRef, Digest};
use crate::ops::Context;
use crate::ops::collection::{CanRun, Change, Collection, Consents, Files, Settled, Taken, settle, tree_of};
use crate::trust::Policy;

/// What an import of an old pack would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OldPlan {
    /// What is known of the pack.
    pub pack: OldReport,
    /// Tree digest over all that would be taken: what is agreed to.
    pub digest: Digest,
    /// What happens to each artifact.
    pub artifacts: Vec<Planned>,
    /// Artifacts that get another name than the pack gives them, with that name.
    pub renamed: Vec<(ArtifactRef, String)>,
    /// What an agent or client will run by itself: hooks, servers, executable files.
    pub runs: Vec<CanRun>,
}

impl OldPlan {
    /// Says whether the plan changes anything.
    pub fn changes(&self) -> bool {
        self.artifacts.iter().any(|planned| matches!(planned.step, Step::Add | Step::Replace))
    }

    /// Refuses what holds text that nobody sees, as far as the plan has the previews for it.
    ///
    /// # Errors
    /// [`Error::Hidden`], with every place.
    pub fn check_hidden(&self, hidden: Hidden) -> Result<(), Error> {
        hidden.check_previews(&self.artifacts)
    }

    /// Returns what a person agrees to by itself, as far as the plan has the previews for it.
    pub fn consents(&self) -> Consents {
        consents(&self.artifacts, &self.runs)
    }
}

/// What an import of an old pack did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportedOld {
    /// What was planned.
    pub plan: OldPlan,
    /// The new commit; `None` for a dry run, and when the collection had everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why the policy in force would refuse this; only of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_refuse: Option<String>,
}

/// Plans the import of an old pack. Writes nothing.
///
/// # Errors
/// [`Error::NoMerge`], [`Error::NoFork`], [`Error::Collection`].
pub fn plan(
    collection: &Collection,
    old: &Old,
    content: &OldContent,
    existing: Existing,
    detail: Detail,
) -> Result<OldPlan, Error> {
    match existing {
        Existing::Merge => return Err(Error::NoMerge),
        Existing::Fork => return Err(Error::NoFork),
        Existing::Refuse | Existing::Skip | Existing::Replace => {}
    }
    let (mut artifacts, mut runs) = (Vec::new(), Vec::new());
    for taken in &content.artifacts {
        let artifact = &taken.artifact;
        let step = step(collection, None, artifact, taken.digest, existing)?;
        runs.extend(runs_of(step, artifact, &taken.files));
        let preview = match detail {
            Detail::Files if step != Step::Same => Some(preview(collection, taken, step)?),
            _ => None,
        };
        let (artifact, files) = (artifact.clone(), taken.files.clone());
        artifacts.push(Planned {
            artifact,
            original: None,
            step,
            files,
            conflicts: Vec::new(),
            preview,
            is_mergeable: false,
            incoming: Incoming::default(),
            merged: None,
        });
    }
    let pack = OldReport { left: content.left.clone(), ..old.report.clone() };
    Ok(OldPlan { pack, digest: content.digest, artifacts, renamed: content.renamed.clone(), runs })
}

fn preview(collection: &Collection, taken: &OldArtifact, step: Step) -> Result<Preview, Error> {
    let memory = collection.repo.in_memory();
    let (artifact, theirs) = (&taken.artifact, write(&memory, taken)?);
    let entries = if step.takes() { taken.files.as_slice() } else { &[] };
    let hidden = places(&memory, collection, artifact, entries, &theirs)?;
    let preview = of_contents(&memory, collection, artifact, &theirs, taken.license.clone(), &taken.content)?;
    Ok(Preview { hidden, ..preview })
}

/// Writes the files of an artifact as blobs.
fn write(repo: &Repo, taken: &OldArtifact) -> Result<Files, Error> {
    // Both lists are of the same files in the same order.
    let pairs = taken.files.iter().zip(&taken.content);
    pairs.map(|(entry, (_, mode, bytes))| Ok((entry.path.clone(), (*mode, repo.write_blob(bytes)?)))).collect()
}

/// Imports an old pack in one commit. Importing twice changes nothing.
///
/// # Errors
/// [`Error::Exists`] when artifacts of other content are in the way, [`Error::NoMerge`], [`Error::Hidden`], [`Error::Collection`]
/// when uncommitted edits are in the way.
pub fn import(
    context: &Context,
    collection: &Collection,
    old: &Old,
    content: &OldContent,
    existing: Existing,
    hidden: Hidden,
) -> Result<ImportedOld, Error> {
    let plan = plan(collection, old, content, existing, Detail::Steps)?;
    let refused = plan.artifacts.iter().filter(|planned| planned.step == Step::Refuse);
    let refused: Vec<ArtifactRef> = refused.map(|planned| planned.artifact.clone()).collect();
    if !refused.is_empty() {
        return Err(Error::Exists(refused));
    }
    let mut found = Vec::new();
    for (_, taken) in plan.artifacts.iter().zip(&content.artifacts).filter(|(planned, _)| planned.brings()) {
        let theirs = write(&collection.repo, taken)?;
        found.extend(places(&collection.repo, collection, &taken.artifact, &taken.files, &theirs)?);
    }
    let mut change = Change::new(collection);
    hidden.check(&found)?.into_iter().for_each(|line| change.remark(line));
    let mut changed = Vec::new();
    for (planned, taken) in plan.artifacts.iter().zip(&content.artifacts) {
        if !matches!(planned.step, Step::Add | Step::Replace) {
            continue;
        }
        let files = write(&collection.repo, taken)?;
        let theirs = tree_of(&collection.repo, &files)?;
        let files: Vec<_> = files.into_iter().map(|(path, (mode, id))| (path, mode, id)).collect();
        change.replace(&taken.artifact, &files)?;
        let taken_from = Taken::OldPack { pack: old.report.pack.to_string() };
        let settled = Settled { theirs, taken: taken_from, digest: taken.digest, license: taken.license.clone() };
        settle(context, collection, &mut change, &taken.artifact, &settled)?;
        changed.push(taken.artifact.clone());
    }
    change.remark(format!("From an unsigned pack ({}), {}", old.report.format.manifest_name(), old.report.pack));
    if context.policy != Policy::Personal {
        let (level, needs) = (old.report.level, context.policy.needs().number());
        change.remark(format!("Level {level} (policy '{}' asks for {needs})", context.policy.word()));
    }
    let subject = match changed.as_slice() {
        [one] => format!("Import {one} from an unsigned pack"),
        several => format!("Import {} artifacts from an unsigned pack", several.len()),
    };
    let committed = change.commit(context, "import", &subject, &changed)?;
    Ok(ImportedOld { plan, commit: committed.map(|done| done.to_string()), would_refuse: None })
}
