//! `import`: a verified release becomes part of the collection, in one commit or not at all.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{Existing, Plan, Step, plan};
use super::{Error, Found, write_objects};
use crate::git::{Expect, RefChange};
use crate::model::{ArtifactRef, FileMode, LockEntry, ManifestEntry, Oid, TreePath};
use crate::ops::Context;
use crate::ops::collection::{Change, Collection};
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

/// Imports a verified release by the plan for it.
///
/// `vault` is the name of the vault it came from. Objects are written first, the tag, the pristine states and the
/// commit appear together. Importing twice changes nothing.
///
/// # Errors
/// [`Error::Exists`] when artifacts of other content are in the way, [`Error::Taken`] when the collection has
/// another tag of this name, [`Error::Collection`] when uncommitted edits are in the way.
pub fn import(
    context: &Context,
    collection: &Collection,
    found: &Found,
    verified: &Verified<ReleaseContent>,
    existing: Existing,
    vault: Option<&str>,
) -> Result<Imported, Error> {
    let content = verified.get();
    let plan = plan(collection, verified, existing)?;
    let refused: Vec<ArtifactRef> = plan
        .artifacts
        .iter()
        .filter(|planned| planned.step == Step::Refuse)
        .map(|planned| planned.artifact.clone())
        .collect();
    if !refused.is_empty() {
        return Err(Error::Exists(refused));
    }
    let tag_change = tag_change(collection, content)?;
    write_objects(context, &collection.repo, found.evidence.as_ref(), verified)?;
    let mut change = Change::new(collection);
    let mut changed = Vec::new();
    for planned in &plan.artifacts {
        // Unchanged in this version of the bundle it came from: only the record moves on.
        let only_record = planned.step == Step::Same && is_of_other_version(collection, content, &planned.artifact);
        if planned.step == Step::Skip || (planned.step == Step::Same && !only_record) {
            continue;
        }
        let files = files_of(content, &planned.artifact);
        change.replace(&planned.artifact, &files)?;
        let message = format!("Pristine {} of {}\n", planned.artifact, content.release);
        let tree = change.record_pristine(context, &planned.artifact, &files, &message)?;
        describe(&mut change, collection, content, &planned.artifact, tree, vault);
        if !only_record {
            changed.push(planned.artifact.clone());
        }
    }
    if let Some(tag_change) = tag_change {
        change.change_ref(tag_change);
    }
    let subject = format!("Import {} signed by {}", content.release, content.principal);
    let committed = change.commit(context, "import", &subject, &changed)?;
    Ok(Imported { plan, principal: content.principal.clone(), commit: committed.map(|done| done.to_string()) })
}

/// Says whether the artifact was imported from another version of this bundle.
fn is_of_other_version(collection: &Collection, content: &ReleaseContent, artifact: &ArtifactRef) -> bool {
    let bundle = collection.manifest.artifacts.get(artifact).and_then(|entry| entry.bundle.as_deref());
    let tag = collection.lock.artifacts.get(artifact).and_then(|lock| lock.tag.as_deref());
    bundle == Some(content.release.bundle.as_str()) && tag != Some(content.tag_id.to_string().as_str())
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

fn files_of(content: &ReleaseContent, artifact: &ArtifactRef) -> Vec<(TreePath, FileMode, Oid)> {
    let path = artifact.path();
    let own = content.files.iter().filter(|(entry, _)| entry.path == path || entry.path.below(&path).is_some());
    own.map(|(entry, blob)| (entry.path.clone(), entry.mode, *blob)).collect()
}

fn describe(
    change: &mut Change<'_>,
    collection: &Collection,
    content: &ReleaseContent,
    artifact: &ArtifactRef,
    tree: Oid,
    vault: Option<&str>,
) {
    let bundled = content.manifest.artifacts.iter().find(|bundled| bundled.artifact == *artifact);
    let Some(bundled) = bundled else { return };
    let before = collection.manifest.artifacts.get(artifact);
    let tags = before.map(|entry| entry.tags.clone()).unwrap_or_default();
    // A pack of the same bundle says nothing of the vault, so what is known of it stays.
    let known = before.filter(|entry| entry.bundle.as_deref() == Some(content.release.bundle.as_str()));
    let vault = vault.map(str::to_owned).or_else(|| known?.vault.clone());
    let entry =
        ManifestEntry { bundle: Some(content.release.bundle.to_string()), vault, tags, ..ManifestEntry::default() };
    change.describe(artifact, Some(entry));
    let lock = LockEntry {
        commit: None,
        release: Some(content.release.to_string()),
        tag: Some(content.tag_id.to_string()),
        tree: Some(tree.to_string()),
        digest: Some(bundled.digest),
        license: bundled.license.clone(),
    };
    change.lock(artifact, Some(lock));
}
