//! `import`: a verified release becomes part of the collection, in one commit or not at all.

use schemars::JsonSchema;
use serde::Serialize;

use super::choice::Choices;
use super::plan::{Older, Plan, Planned, Step, is_of_bundle, is_recorded, plan_in};
use super::{Error, Found, write_objects};
use crate::git::{Expect, RefChange};
use crate::model::{ArtifactRef, ManifestEntry, Oid, tree_digest};
use crate::ops::Context;
use crate::ops::collection::{Change, Collection, Settled, Taken, settle, tree_of, wait};
use crate::trust::{ReleaseContent, Verified};

/// What `import` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Imported {
    /// What was planned.
    pub plan: Plan,
    /// Who signed it.
    pub principal: String,
    /// The new commit; `None` for a dry run, and when the collection had everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// On what terms a release is imported.
#[derive(Debug, Clone)]
pub struct Terms<'a> {
    /// What happens to artifacts that are here with other content.
    pub choices: Choices,
    /// Whether an older release is taken.
    pub older: Older,
    /// Name of the vault it came from.
    pub vault: Option<&'a str>,
    /// The range of versions to follow in that vault from now on.
    pub follows: Option<&'a str>,
}

/// Imports a verified release by the plan for it. The level that it reached is recorded, and that the policy asks for more.
///
/// Objects are written first, the tag, the pristine states and the
/// commit appear together. Importing twice changes nothing.
///
/// # Errors
/// [`Error::Exists`] when artifacts of other content are in the way, [`Error::Older`],
/// [`Error::ForkTaken`] and what else [`super::plan`] refuses, [`Error::Taken`] when the collection has
/// another tag of this name, [`Error::Collection`] when uncommitted edits are in the way.
pub fn import(
    context: &Context,
    collection: &Collection,
    found: &Found,
    verified: &Verified<ReleaseContent>,
    terms: &Terms<'_>,
) -> Result<Imported, Error> {
    let content = verified.get();
    let Terms { choices, older, .. } = terms;
    if choices.may_merge() {
        // What a merge needs. A collection that is open to be changed keeps it in memory until the commit.
        write_objects(context, &collection.repo, found.evidence.as_ref(), verified)?;
    }
    let plan = plan_in(&collection.repo, collection, found, verified, choices)?;
    let refused: Vec<ArtifactRef> = plan
        .artifacts
        .iter()
        .filter(|planned| planned.step == Step::Refuse)
        .map(|planned| planned.artifact.clone())
        .collect();
    if !refused.is_empty() {
        return Err(Error::Exists(refused));
    }
    plan.check_age(*older)?;
    let tag_change = tag_change(collection, content)?;
    write_objects(context, &collection.repo, found.evidence.as_ref(), verified)?;
    let mut change = Change::new(collection);
    let mut changed = Vec::new();
    for planned in &plan.artifacts {
        // Unchanged in this version of the bundle it came from: only the record moves on.
        let is_of_other_version = is_of_bundle(collection, content, &planned.artifact)
            && !is_recorded(collection, content, &planned.artifact);
        // The record of one that is the same in both does not go back either, or the next older one would not be told.
        let is_back = plan.older_than.is_some() && *older == Older::Refuse;
        let only_record = planned.step == Step::Same && is_of_other_version && !is_back;
        if planned.step == Step::Skip || (planned.step == Step::Same && !only_record) {
            if let Some(entry) = linked(collection, content, planned, terms) {
                change.describe(&planned.artifact, Some(entry));
            }
            continue;
        }
        let artifact = &planned.artifact;
        planned.incoming.write_renamed(&collection.repo)?;
        let files = &planned.incoming.files;
        let Some(settled) = settled(collection, content, planned, tree_of(&collection.repo, files)?, terms) else {
            continue;
        };
        if planned.step == Step::Conflict {
            wait(context, collection, &mut change, artifact, &settled)?;
            continue;
        }
        let result = planned.merged.as_ref().unwrap_or(files);
        let result: Vec<_> = result.iter().map(|(path, (mode, id))| (path.clone(), *mode, *id)).collect();
        change.replace(artifact, &result)?;
        settle(context, collection, &mut change, artifact, &settled)?;
        if !only_record {
            changed.push(planned.artifact.clone());
        }
    }
    if let Some(tag_change) = tag_change {
        change.change_ref(tag_change);
    }
    let subject = subject(context, content);
    let committed = change.commit(context, "import", &subject, &changed)?;
    Ok(Imported { plan, principal: content.principal.clone(), commit: committed.map(|done| done.to_string()) })
}

/// What is said of the import in history and in the trail.
fn subject(context: &Context, content: &ReleaseContent) -> String {
    let (level, needs) = (content.level, context.policy.needs());
    let text = format!("Import {} signed by {}, level {}", content.release, content.principal, level.number());
    let lowered = format!(" (policy '{}' asks for {})", context.policy.word(), needs.number());
    if level < needs { text + &lowered } else { text }
}

fn tag_change(collection: &Collection, content: &ReleaseContent) -> Result<Option<RefChange>, Error> {
    let name = content.release.ref_name();
    match collection.repo.find_ref(&name)? {
        Some(id) if id == content.tag_id => Ok(None),
        // The same release with another signature or other content: never silently the new one.
        Some(_) => Err(Error::Taken(content.release.clone())),
        None => Ok(Some(RefChange { name, new: Some(content.tag_id), expect: Expect::Absent })),
    }
}

/// What is recorded of an artifact that is imported.
fn settled(
    collection: &Collection,
    content: &ReleaseContent,
    planned: &Planned,
    theirs: Oid,
    terms: &Terms<'_>,
) -> Option<Settled> {
    let artifact = &planned.artifact;
    let bundled = content.manifest.artifacts.iter().find(|bundled| bundled.artifact == *planned.offered())?;
    let bundle = content.release.bundle.to_string();
    // A pack of the same bundle says nothing of the vault, so what is known of it stays.
    let known = collection.manifest.artifacts.get(artifact).filter(|entry| entry.bundle.as_ref() == Some(&bundle));
    let vault = terms.vault.map(str::to_owned).or_else(|| known?.vault.clone());
    // Whoever takes it from another vault has not said to follow that one.
    let same_vault = known.filter(|entry| entry.vault == vault);
    let follows = terms.follows.map(str::to_owned).or_else(|| same_vault?.reference.clone());
    let (release, tag) = (content.release.to_string(), content.tag_id.to_string());
    let original = planned.original.as_ref().map(|original| original.name.to_string());
    let taken = Taken::Release { bundle, vault, original, follows, release, tag };
    // Of what has another name here, the files are others than those of the manifest.
    Some(Settled { theirs, taken, digest: tree_digest(&planned.files), license: bundled.license.clone() })
}

/// Returns what `collection.toml` says of an artifact of the bundle that is followed from now on and else stays as it is; `None`
/// where it says so already.
fn linked(
    collection: &Collection,
    content: &ReleaseContent,
    planned: &Planned,
    terms: &Terms<'_>,
) -> Option<ManifestEntry> {
    let artifact = &planned.artifact;
    let (Some(vault), Some(follows)) = (terms.vault, terms.follows) else { return None };
    let before = collection.manifest.artifacts.get(artifact).filter(|_| is_of_bundle(collection, content, artifact))?;
    let after = ManifestEntry { vault: Some(vault.to_owned()), reference: Some(follows.to_owned()), ..before.clone() };
    (after != *before).then_some(after)
}
