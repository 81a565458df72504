//! `restore`: artifacts exactly as a lock names them, from their upstreams or from what was fetched of those before.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::open::choose;
use super::origin::{Origin, find, source};
use super::source::{SourceFile, open};
use super::take::{entries, placed, runs};

use super::update::files_in;
use super::{CanRun, Change, Collection, Error, PRISTINE_REFS, file_entries, pristine};
use crate::fsio::Root;
use crate::model::{
    ArtifactRef, Digest, FileEntry, FileMode, LockEntry, Lockfile, MAX_COLLECTION_FILE_BYTES, Manifest, ManifestEntry,
    Oid, TreePath, tree_digest,
};
use crate::ops::Context;

/// What becomes of one artifact of a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreStep {
    /// Its files come into the collection.
    Restore,
    /// Its files are here, edited or not; the upstream's state, which updates start from, is recorded again.
    Record,
    /// It is here as the lock names it.
    Present,
    /// The lock names no upstream that it could come from.
    LeaveOut,
}

/// One artifact of a [`RestorePlan`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct RestoreItem {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What becomes of it.
    pub step: RestoreStep,
    /// Where it came from: its upstream, or the release of a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    #[serde(skip)]
    entry: Option<ManifestEntry>,
    #[serde(skip)]
    lock: Option<LockEntry>,
    #[serde(skip)]
    content: Vec<SourceFile>,
}

/// What a restore does, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RestorePlan {
    /// Each artifact of the lock that was asked for.
    pub artifacts: Vec<RestoreItem>,
    /// What an agent or client will run by itself: hooks, servers, executable files.
    pub runs: Vec<CanRun>,
    /// Bytes that were fetched for it.
    pub fetched_bytes: u64,
    /// The new commit; `None` before it is made and when no file changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Reads from the upstreams what a lock names, and checks that it is that. Nothing of the collection is touched.
///
/// The lock is the collection's own, or that beside a `collection.toml` in the folder `from`. `names` are those wanted,
/// all when empty.
///
/// # Errors
/// [`Error::NotLocked`] when an upstream has something else than the lock names, [`Error::Exists`] when the collection
/// has other content under a name of `from`, [`Error::Git`] when an upstream cannot be reached.
pub fn plan_restore(
    context: &Context,
    collection: &Collection,
    names: &[String],
    from: Option<&Path>,
) -> Result<RestorePlan, Error> {
    let foreign = from.map(read).transpose()?;
    let (manifest, lock) = foreign.as_ref().map_or((&collection.manifest, &collection.lock), |(m, l)| (m, l));
    let all: Vec<ArtifactRef> = lock.artifacts.keys().cloned().collect();
    let mut chosen = names.iter().map(|name| choose(name, &all)).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        chosen = all;
    }
    chosen.sort();
    chosen.dedup();
    let mut items = Vec::new();
    for artifact in &chosen {
        let step = step(collection, artifact, &lock.artifacts[artifact], foreign.is_some())?;
        items.push(RestoreItem {
            artifact: artifact.clone(),
            step,
            origin: lock.artifacts[artifact].release.clone(),
            entry: foreign.as_ref().and_then(|(manifest, _)| manifest.artifacts.get(artifact).cloned()),
            lock: foreign.is_some().then(|| lock.artifacts[artifact].clone()),
            content: Vec::new(),
        });
    }
    let mut groups: BTreeMap<_, Vec<(usize, Origin)>> = BTreeMap::new();
    let open_step = |step| matches!(step, RestoreStep::Restore | RestoreStep::Record);
    for (index, item) in items.iter_mut().enumerate().filter(|(_, item)| open_step(item.step)) {
        let Some(origin) = chosen.get(index).and_then(|artifact| Origin::of(manifest, lock, artifact)) else {
            item.step = RestoreStep::LeaveOut;
            continue;
        };
        pristine::allow(context, &origin, &pristine::newest(collection, origin.artifact)?)?;
        item.origin = Some(origin.url.clone());
        groups.entry((origin.url.clone(), origin.have.map(|id| id.to_string()))).or_default().push((index, origin));
    }
    let total = groups.len() as u64;
    for (done, (place, wanted)) in (0_u64..).zip(&groups) {
        context.progress.step("reading upstreams", done, Some(total));
        let opened = open(context, &source(context, place)?, None)?;
        let places = wanted.iter().map(|(_, origin)| origin.place()).collect::<Result<Vec<_>, _>>()?;
        opened.bring(&places.iter().map(Option::as_ref).collect::<Vec<_>>())?;
        for (index, origin) in wanted {
            let content = find(&opened, origin)?.map(|(_, content)| content).unwrap_or_default();
            let artifact = &items[*index].artifact.clone();
            let found = tree_digest(&entries(artifact, &content)?);
            if let Some(locked) = lock.artifacts[artifact].digest.filter(|locked| *locked != found) {
                let item = &mut items[*index];
                if item.step == RestoreStep::Record && origin.have.is_none() && opened.commit().is_some() {
                    // Adopted: the lock names the files and no commit, and the upstream has gone on since.
                    item.step = RestoreStep::LeaveOut;
                    continue;
                }
                let found = (!content.is_empty()).then_some(found);
                return Err(Error::NotLocked { artifact: artifact.clone(), locked, found });
            }
            items[*index].content = content;
        }
    }
    let restored = items.iter().filter(|item| item.step == RestoreStep::Restore);
    let runs = restored.map(|item| runs(&item.artifact, &item.content)).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(RestorePlan { artifacts: items, runs, fetched_bytes: context.traffic.get(), commit: None })
}

fn step(
    collection: &Collection,
    artifact: &ArtifactRef,
    lock: &LockEntry,
    foreign: bool,
) -> Result<RestoreStep, Error> {
    let here = collection.repo.entry_at(collection.tree, &artifact.path())?.is_some();
    // Adopted, and never compared with its upstream: there is nothing exact that could be brought back.
    let Some(locked) = lock.digest else {
        return Ok(if here { RestoreStep::Present } else { RestoreStep::LeaveOut });
    };
    if !here {
        return Ok(RestoreStep::Restore);
    }
    if foreign {
        let same = tree_digest(&file_entries(collection, artifact)?) == locked;
        return if same { Ok(RestoreStep::Present) } else { Err(Error::Exists(artifact.clone())) };
    }
    let newest = collection.repo.find_ref(&format!("{PRISTINE_REFS}{artifact}"))?;
    let tree = newest.map(|commit| collection.repo.commit(commit)).transpose()?.map(|info| info.tree.to_string());
    if tree.is_none() || tree != lock.tree {
        return Ok(RestoreStep::Record);
    }
    let (Some(id), Some(locked)) = (lock.tree_id(), lock.digest) else { return Ok(RestoreStep::Present) };
    let entry = |(path, (mode, id)): (TreePath, (FileMode, Oid))| {
        let bytes = collection.repo.blob(id, u64::MAX)?;
        Ok(FileEntry { path, mode, size: bytes.len() as u64, sha256: Digest::of(&bytes) })
    };
    let files = files_in(&collection.repo, id)?.into_iter().map(entry).collect::<Result<Vec<_>, Error>>()?;
    let found = tree_digest(&files);
    if found == locked {
        Ok(RestoreStep::Present)
    } else {
        Err(Error::NotLocked { artifact: artifact.clone(), locked, found: Some(found) })
    }
}

/// Carries out a plan in one commit.
///
/// # Errors
/// [`Error::WrongTree`] when a lock names another tree than its digest says, [`Error::Git`] when uncommitted edits are in
/// the way; the collection is then as it was.
pub fn restore(context: &Context, collection: &Collection, plan: &mut RestorePlan) -> Result<(), Error> {
    let mut change = Change::new(collection);
    let mut restored = Vec::new();
    for item in plan.artifacts.iter().filter(|item| matches!(item.step, RestoreStep::Restore | RestoreStep::Record)) {
        let artifact = &item.artifact;
        let one =
            |(path, mode, bytes): &SourceFile| Ok((placed(artifact, path)?, *mode, collection.repo.write_blob(bytes)?));
        let files = item.content.iter().map(one).collect::<Result<Vec<_>, Error>>()?;
        let entry = item.entry.as_ref().or_else(|| collection.manifest.artifacts.get(artifact));
        let trailers = entry.map(pristine::place_trailers).unwrap_or_default();
        let message = pristine::message(artifact, item.origin.as_deref().unwrap_or_default(), &trailers);
        let tree = change.record_pristine(context, artifact, &files, &message)?;
        let lock = item.lock.as_ref().or_else(|| collection.lock.artifacts.get(artifact));
        if let Some(locked) = lock.filter(|lock| lock.tree_id() != Some(tree)).and_then(|lock| lock.tree.clone()) {
            return Err(Error::WrongTree { artifact: artifact.clone(), locked, found: tree });
        }
        if item.step == RestoreStep::Record {
            continue;
        }
        if collection.repo.entry_at(collection.tree, &artifact.path())?.is_some() {
            return Err(Error::Exists(artifact.clone()));
        }
        change.replace(artifact, &files)?;
        if let Some(entry) = &item.entry {
            change.describe(artifact, Some(entry.clone()));
        }
        if let Some(lock) = &item.lock {
            change.lock(artifact, Some(lock.clone()));
        }
        restored.push(artifact.clone());
    }
    let subject = match restored.as_slice() {
        [one] => format!("Restore {one}"),
        several => format!("Restore {} artifacts", several.len()),
    };
    plan.commit = change.commit(context, "restore", &subject, &restored)?.map(|id| id.to_string());
    Ok(())
}

/// Reads the two files of another collection.
fn read(folder: &Path) -> Result<(Manifest, Lockfile), Error> {
    let none = || Error::NoCollection(folder.to_owned());
    let root = Root::open(folder).map_err(|_| none())?;
    let file = |path| Ok::<_, Error>(root.read(&path, MAX_COLLECTION_FILE_BYTES)?.map(|(_, bytes)| bytes));
    let (manifest, lock) = (file(Manifest::path())?.ok_or_else(none)?, file(Lockfile::path())?.ok_or_else(none)?);
    Ok((Manifest::parse(&manifest)?, Lockfile::parse(&lock)?))
}
