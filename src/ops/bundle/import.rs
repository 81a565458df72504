//! `import`: a verified release becomes part of the collection, in one commit or not at all.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{Existing, Plan, Step, plan};
use super::{Error, Found};
use crate::git::{Expect, RefChange};
use crate::model::{ArtifactRef, FileMode, LockEntry, ManifestEntry, Oid, TreePath};
use crate::ops::Context;
use crate::ops::collection::{Change, Collection};
use crate::pack::tree_objects;
use crate::trust::{ReleaseContent, TrustError, Verified};

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
    write_objects(context, collection, found, content)?;
    let mut change = Change::new(collection);
    let mut changed = Vec::new();
    for planned in &plan.artifacts {
        if matches!(planned.step, Step::Skip | Step::Same) {
            continue;
        }
        let files = files_of(content, &planned.artifact);
        change.replace(&planned.artifact, &files)?;
        let message = format!("Pristine {} of {}\n", planned.artifact, content.release);
        let tree = change.record_pristine(context, &planned.artifact, &files, &message)?;
        describe(&mut change, collection, content, &planned.artifact, tree, vault);
        changed.push(planned.artifact.clone());
    }
    if let Some(tag_change) = tag_change {
        change.change_ref(tag_change);
    }
    let subject = format!("Import {} signed by {}", content.release, content.principal);
    let committed = change.commit(context, "import", &subject, &changed)?;
    Ok(Imported { plan, principal: content.principal.clone(), commit: committed.map(|done| done.commit.to_string()) })
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

/// Writes every object of the release as it is, so that the ids here are the ids that were signed.
fn write_objects(
    context: &Context,
    collection: &Collection,
    found: &Found,
    content: &ReleaseContent,
) -> Result<(), Error> {
    let repo = &collection.repo;
    let total = content.files.len() as u64;
    for (index, (_, blob)) in content.files.iter().enumerate() {
        context.progress.step("importing files", index as u64, Some(total));
        if repo.has(*blob) {
            continue;
        }
        let mut bytes = Vec::new();
        found.evidence.read(index, &mut |piece| bytes.extend_from_slice(piece)).map_err(TrustError::from)?;
        // The file may have changed under us since it was verified.
        let written = repo.write_blob(&bytes)?;
        if written != *blob {
            let named = content.tree_id;
            return Err(
                TrustError::Mismatch { release: content.release.clone(), what: "tree", found: written, named }.into()
            );
        }
    }
    let files = content.files.iter().map(|(entry, blob)| (&entry.path, entry.mode, *blob));
    for tree in tree_objects(content.tree_id.kind(), files).map_err(TrustError::from)? {
        repo.write_raw(gix::object::Kind::Tree, &tree.bytes)?;
    }
    repo.write_raw(gix::object::Kind::Commit, &content.commit)?;
    repo.write_raw(gix::object::Kind::Tag, &content.tag)?;
    Ok(())
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
    let tags = collection.manifest.artifacts.get(artifact).map(|entry| entry.tags.clone()).unwrap_or_default();
    let entry = ManifestEntry {
        bundle: Some(content.release.bundle.to_string()),
        vault: vault.map(str::to_owned),
        tags,
        ..ManifestEntry::default()
    };
    change.describe(artifact, Some(entry));
    let lock = LockEntry {
        commit: None,
        release: Some(content.release.to_string()),
        tag: Some(content.tag_id.to_string()),
        tree: tree.to_string(),
        digest: bundled.digest,
        license: bundled.license.clone(),
    };
    change.lock(artifact, Some(lock));
}
