//! `add`: artifacts of a source become part of the collection, with where they came from.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::pending::{end, kept};
use super::source::{Opened, SourceFile, open};
use super::take::{content, entries, license, placed, runs};
use super::{CanRun, Change, Collection, Error, file_entries, pristine};
use crate::model::{ArtifactName, ArtifactRef, Digest, LockEntry, ManifestEntry, Source, tree_digest};
use crate::ops::Context;
use crate::scan::{self, Discovery, Finding, Found, Note};

/// A source that was opened and searched.
pub struct Offer<'c> {
    source: Source,
    opened: Opened<'c>,
    discovery: Discovery,
    /// Bytes that this command had fetched before it came to this source.
    fetched_before: u64,
}

/// What becomes of artifacts that cannot be added as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing is added.
    Refuse,
    /// They are left out, with a note.
    LeaveOut,
}

/// What becomes of what is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Obstacles {
    /// Names that stand for different artifacts of one source.
    pub clashing: Otherwise,
    /// Artifacts that no client could load, or that hold what no collection may hold.
    pub unusable: Otherwise,
}

/// What becomes of one artifact that is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddStep {
    /// It is new here.
    Add,
    /// The collection has exactly this.
    Same,
}

/// One artifact of an [`AddPlan`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct AddItem {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Its place in the source; `.` is the root.
    pub path: String,
    /// What the source calls it, where that is no name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// What becomes of it.
    pub step: AddStep,
    /// Number of files.
    pub files: usize,
    /// Tree digest over its files, with their paths in the collection.
    pub digest: Digest,
    /// Licence it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// What was seen in it.
    pub findings: Vec<Finding>,
    #[serde(skip)]
    content: Vec<SourceFile>,
    #[serde(skip)]
    server: Option<String>,
}

/// What an `add` would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AddPlan {
    /// The source.
    pub source: String,
    /// Its commit, where it is in git.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_commit: Option<String>,
    /// Bytes that were fetched for it.
    pub fetched_bytes: u64,
    /// What happens to each artifact.
    pub artifacts: Vec<AddItem>,
    /// What was seen in the source and not taken.
    pub notes: Vec<Note>,
    /// What an agent or client will run by itself: hooks, servers, executable files.
    pub runs: Vec<CanRun>,
    /// The new commit of the collection; `None` before it is made and when nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl AddPlan {
    /// Says whether the plan changes anything.
    pub fn changes(&self) -> bool {
        self.artifacts.iter().any(|item| item.step == AddStep::Add)
    }
}

/// Opens a source and looks for artifacts. Nothing of the collection is touched.
///
/// # Errors
/// [`Error::Source`] for a text that is no source, [`Error::Discover`], [`Error::NothingFound`], and what
/// opening the source gives.
pub fn look<'c>(context: &'c Context, text: &str) -> Result<Offer<'c>, Error> {
    let exists = |path: &str| context.folder.join(path).exists();
    let source = Source::parse(text, exists, &context.forge)?;
    let fetched_before = context.traffic.get();
    let opened = open(context, &source, None)?;
    let discovery = opened.discover(source.subpath.as_ref(), source.last_name())?;
    if discovery.found.is_empty() {
        let notes = discovery.notes.iter().map(|note| format!("{}: {}", note.path, note.message)).collect();
        return Err(Error::NothingFound { place: source.to_string(), notes });
    }
    Ok(Offer { source, opened, discovery, fetched_before })
}

impl Offer<'_> {
    /// Returns what was found.
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Returns the found artifacts that `names` mean; all of them when `names` is empty.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Ambiguous`], [`Error::Clash`] when a chosen name has several places of
    /// different content in the source.
    fn choose(&self, names: &[String]) -> Result<Vec<&Found>, Error> {
        let all: Vec<ArtifactRef> = self.discovery.found.iter().map(|found| found.artifact.clone()).collect();
        let mut chosen: Vec<&Found> = Vec::new();
        for found in &self.discovery.found {
            let matches = |name: &String| found.artifact.to_string() == *name || found.artifact.name.as_str() == name;
            if names.is_empty() || names.iter().any(matches) {
                chosen.push(found);
            }
        }
        for name in names {
            super::open::choose(name, &all).map_err(|error| match error {
                Error::Unknown { text, near } => Error::NotOffered { text, near },
                other => other,
            })?;
        }
        Ok(chosen)
    }
}

/// Plans to add artifacts of a source: reads their files, checks names and paths, and says what was seen.
///
/// `names` are those wanted, all when empty; `rename` gives the only one another name; names that stand for
/// different artifacts of the source, and artifacts that cannot be used, are refused or left out.
///
/// # Errors
/// [`Error::Exists`] when the collection has other content under a name, [`Error::Clash`], [`Error::Unusable`].
pub fn plan_add(
    collection: &Collection,
    offer: &Offer,
    names: &[String],
    rename: Option<&ArtifactName>,
    obstacles: Obstacles,
) -> Result<AddPlan, Error> {
    let mut items: Vec<AddItem> = Vec::new();
    let mut clashes: BTreeMap<ArtifactRef, Vec<String>> = BTreeMap::new();
    let mut notes = offer.discovery.notes.clone();
    let chosen = offer.choose(names)?;
    if rename.is_some() && chosen.len() != 1 {
        return Err(Error::RenameOne(chosen.len()));
    }
    offer.opened.bring(&chosen.iter().map(|found| found.path.as_ref()).collect::<Vec<_>>())?;
    for found in chosen {
        let item = match item(collection, &offer.opened, found, rename) {
            Err(Error::Unusable { artifact, path, source }) if obstacles.unusable == Otherwise::LeaveOut => {
                let message = format!("left out: '{artifact}' cannot be used: {source}");
                notes.push(Note { path, id: "unusable", message });
                continue;
            }
            other => other?,
        };
        match items.iter().find(|known| known.artifact == item.artifact) {
            None => items.push(item),
            // The same skill in several plugins of one marketplace is common.
            Some(known) if known.digest == item.digest => {}
            Some(known) => clashes.entry(item.artifact).or_insert_with(|| vec![known.path.clone()]).push(item.path),
        }
    }
    for (artifact, paths) in clashes {
        if obstacles.clashing == Otherwise::Refuse {
            return Err(Error::Clash { artifact, paths });
        }
        items.retain(|item| item.artifact != artifact);
        let message = format!("left out: different artifacts called '{artifact}' at {}", paths.join(" and "));
        notes.push(Note { path: paths.join(", "), id: "clash", message });
    }
    let new = items.iter().filter(|item| item.step == AddStep::Add).map(|item| (&item.artifact, item.path.as_str()));
    notes.extend(other_refs(collection, offer, &items));
    notes.extend(look_alikes(Some(collection), &new.collect::<Vec<_>>())?);
    let added = items.iter().filter(|item| item.step == AddStep::Add);
    let runs = added.map(|item| runs(&item.artifact, &item.content)).collect::<Result<Vec<_>, _>>()?.concat();
    Ok(AddPlan {
        source: offer.source.to_string(),
        source_commit: offer.opened.commit().map(|id| id.to_string()),
        fetched_bytes: offer.opened.fetched_bytes().saturating_sub(offer.fetched_before),
        artifacts: items,
        notes,
        runs,
        commit: None,
    })
}

/// Notes artifacts that are here as they are there, and follow something else.
fn other_refs(collection: &Collection, offer: &Offer, items: &[AddItem]) -> Vec<Note> {
    let asked = offer.source.reference.as_deref().unwrap_or(pristine::HEAD);
    let follows = |item: &&AddItem| {
        let entry = collection.manifest.artifacts.get(&item.artifact)?;
        let reference = entry.reference.as_deref().unwrap_or(pristine::HEAD);
        let other = entry.upstream.as_deref() == Some(offer.opened.upstream()) && reference != asked;
        other.then(|| reference.to_owned())
    };
    let same = items.iter().filter(|item| item.step == AddStep::Same);
    let note = |(item, reference): (&AddItem, String)| Note {
        path: item.path.clone(),
        id: "other-ref",
        message: format!(
            "'{}' goes on following '{reference}'; to follow '{asked}', change its `ref` in collection.toml",
            item.artifact
        ),
    };
    same.filter_map(|item| Some((item, follows(&item)?))).map(note).collect()
}

/// Notes new names that are easily taken for one that is here, or for one another.
///
/// `new` are the names with their places; `collection` is `None` for one that is still to be made.
pub(super) fn look_alikes(collection: Option<&Collection>, new: &[(&ArtifactRef, &str)]) -> Result<Vec<Note>, Error> {
    let look = |artifact: &ArtifactRef| (artifact.kind, artifact.name.look());
    let mut kinds: Vec<_> = new.iter().map(|(artifact, _)| artifact.kind).collect();
    kinds.dedup();
    let mut known: BTreeMap<_, ArtifactRef> = BTreeMap::new();
    for (kind, collection) in kinds.into_iter().filter_map(|kind| Some((kind, collection?))) {
        known.extend(collection.names_of(kind)?.into_iter().map(|artifact| (look(&artifact), artifact)));
    }
    let mut notes = Vec::new();
    for (artifact, path) in new {
        let near = known.entry(look(artifact)).or_insert_with(|| (*artifact).clone());
        if near != *artifact {
            let message = format!("'{artifact}' is easily taken for '{near}'");
            notes.push(Note { path: (*path).to_owned(), id: "look-alike", message });
        }
    }
    Ok(notes)
}

fn item(
    collection: &Collection,
    opened: &Opened,
    found: &Found,
    rename: Option<&ArtifactName>,
) -> Result<AddItem, Error> {
    let name = rename.unwrap_or(&found.artifact.name).clone();
    let artifact = ArtifactRef::new(found.artifact.kind, name);
    let path = found.path.as_ref().map_or_else(|| ".".to_owned(), ToString::to_string);
    let unusable = |error: Error| Error::Unusable {
        artifact: found.artifact.clone(),
        path: path.clone(),
        source: Box::new(error),
    };
    let (content, server) = content(opened, found).map_err(unusable)?;
    let entries = entries(&artifact, &content)?;
    let digest = tree_digest(&entries);
    let step = match collection.repo.entry_at(collection.tree, &artifact.path())? {
        None => AddStep::Add,
        Some(_) if tree_digest(&file_entries(collection, &artifact)?) == digest => AddStep::Same,
        Some(_) => return Err(Error::Exists(artifact)),
    };
    let seen: Vec<_> = content.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
    let findings = scan::validate(&artifact, &seen, scan::Level::Lenient);
    Ok(AddItem {
        license: license(&artifact, &content),
        renamed_from: found.renamed_from.clone(),
        step,
        files: content.len(),
        digest,
        findings,
        content,
        server,
        path,
        artifact,
    })
}

/// Carries out a plan in one commit and writes the commit into it.
///
/// # Errors
/// [`Error::Exists`] when an artifact has come into the collection since the plan was made, [`Error::Git`] when
/// uncommitted edits are in the way; the collection is then as it was.
pub fn add(context: &Context, collection: &Collection, offer: &Offer, plan: &mut AddPlan) -> Result<(), Error> {
    let mut change = Change::new(collection);
    let mut added = Vec::new();
    let total = plan.artifacts.len() as u64;
    let kept = kept(collection)?;
    for (index, item) in plan.artifacts.iter().enumerate().filter(|(_, item)| item.step == AddStep::Add) {
        context.progress.step("adding artifacts", index as u64, Some(total));
        // The plan was made before the user was asked; another process may have added one of this name since.
        if collection.repo.entry_at(collection.tree, &item.artifact.path())?.is_some() {
            return Err(Error::Exists(item.artifact.clone()));
        }
        let mut files = Vec::new();
        for (path, mode, bytes) in &item.content {
            files.push((placed(&item.artifact, path)?, *mode, collection.repo.write_blob(bytes)?));
        }
        change.replace(&item.artifact, &files)?;
        let entry = ManifestEntry {
            upstream: Some(offer.opened.upstream().to_owned()),
            path: Some(item.path.clone()),
            server: item.server.clone(),
            reference: offer.source.reference.clone(),
            ..ManifestEntry::default()
        };
        let commit = offer.opened.commit().map(|id| id.to_string());
        let line = commit.as_ref().map(|commit| format!("Skillmeat-Commit: {commit}\n")).unwrap_or_default();
        let trailers = pristine::place_trailers(&entry) + &line;
        let message = pristine::message(&item.artifact, offer.opened.upstream(), &trailers);
        let tree = change.record_pristine(context, &item.artifact, &files, &message)?;
        change.describe(&item.artifact, Some(entry));
        if kept.contains(&item.artifact) {
            end(collection, &mut change, &item.artifact)?;
        }
        let lock = LockEntry {
            commit,
            release: None,
            tag: None,
            tree: Some(tree.to_string()),
            digest: Some(item.digest),
            license: item.license.clone(),
        };
        change.lock(&item.artifact, Some(lock));
        added.push(item.artifact.clone());
    }
    let subject = match added.as_slice() {
        [one] => format!("Add {one}"),
        several => format!("Add {} artifacts from {}", several.len(), offer.source.last_name()),
    };
    let committed = change.commit(context, "add", &subject, &added)?;
    plan.commit = committed.map(|done| done.to_string());
    Ok(())
}
