//! `adopt`: what another manager installed becomes part of a collection, with where it came from.
//!
//! The bytes on disk are what arrives. Nothing of the other manager is changed or run, and nothing is fetched: what an
//! upstream has is compared when `update` or `status --remote` asks it.

mod installed;
mod records;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::add::look_alikes;
use super::init::Initialised;
use super::source::SourceFile;
use super::take::{placed, runs};
use super::{CanRun, Change, Collection, Error, file_entries, pristine};
use crate::model::foreign::{Checked, Followed, Manager};
use crate::model::{ArtifactRef, Digest, LockEntry, ManifestEntry, tree_digest};
use crate::ops::Context;
use crate::scan::{Finding, Note};
use installed::installed;
pub(crate) use installed::{Reason, files};
use records::records;

/// Most bytes of all artifacts together: they are held until the commit, and a record may name one large file many times.
const MAX_TOTAL_BYTES: usize = 512 * 1024 * 1024;

/// What becomes of one artifact that is adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdoptStep {
    /// It is new here.
    Add,
    /// The collection has exactly this, and learns where it came from.
    Record,
    /// The collection has exactly this, and nothing is new.
    Same,
}

/// A record of another manager that was read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RecordRead {
    /// Who wrote it.
    pub manager: Manager,
    /// The file.
    pub path: PathBuf,
}

/// One artifact of an [`AdoptPlan`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct AdoptItem {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Which record names it.
    pub manager: Manager,
    /// What the record calls it, where that is not its name here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<String>,
    /// Its file or folder, below the record's folder.
    pub path: String,
    /// What becomes of it.
    pub step: AdoptStep,
    /// Number of files.
    pub files: usize,
    /// Tree digest over its files, with their paths in the collection.
    pub digest: Digest,
    /// How its files stand to the hash that the record has of them; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<Checked>,
    /// Where updates come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Its place there, where that is known; `.` is the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_path: Option<String>,
    /// Branch, tag, commit or range that is followed.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Commit of the upstream that the record states. Nobody has compared it with the files yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether the files are known to be those of the upstream, so that the next update merges from them.
    pub pristine: bool,
    /// Where it came from, and why no updates can be taken from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_followed: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
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

/// Something that a record names and that did not become an artifact of the collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct LeftBehind {
    /// Which record names it.
    pub manager: Manager,
    /// What it calls it.
    pub name: String,
    /// Which case, such as `missing`; stays the same over releases.
    pub id: &'static str,
    /// One sentence.
    pub reason: String,
}

/// A part of the records that a collection has no place for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct NotTaken {
    /// The part.
    pub part: String,
    /// How often it occurs.
    pub count: usize,
}

/// What an `adopt` does, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AdoptPlan {
    /// The collection that was made for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Initialised>,
    /// The records that were read.
    pub records: Vec<RecordRead>,
    /// What happens to each artifact.
    pub artifacts: Vec<AdoptItem>,
    /// What stays behind, and why.
    pub left: Vec<LeftBehind>,
    /// Parts of the records that were not taken over.
    pub not_taken: Vec<NotTaken>,
    /// What else was seen.
    pub notes: Vec<Note>,
    /// What an agent or client will run by itself: hooks, servers, executable files.
    pub runs: Vec<CanRun>,
    /// What the other manager calls the whole, where it has one name.
    #[serde(skip)]
    pub name: Option<String>,
    /// The new commit; `None` before it is made and when nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl AdoptPlan {
    /// Says whether the plan changes anything.
    pub fn changes(&self) -> bool {
        self.artifacts.iter().any(|item| item.step != AdoptStep::Same)
    }
}

/// Plans to adopt what the records in a folder name, or one record that is named itself. Writes nothing.
///
/// Without a collection the plan is for a new one. What cannot be taken stays behind with a reason.
///
/// # Errors
/// [`Error::NoRecord`], [`Error::Record`], [`Error::Fs`].
pub fn plan_adopt(context: &Context, collection: Option<&Collection>, from: &Path) -> Result<AdoptPlan, Error> {
    let found = records(context, from)?;
    let mut plan = AdoptPlan {
        started: None,
        records: Vec::new(),
        artifacts: Vec::new(),
        left: Vec::new(),
        not_taken: Vec::new(),
        notes: Vec::new(),
        runs: Vec::new(),
        name: found.iter().find_map(|one| one.record.name.clone()),
        commit: None,
    };
    let mut not_taken: BTreeMap<String, usize> = BTreeMap::new();
    let mut bytes = 0;
    for one in &found {
        plan.records.push(RecordRead { manager: one.manager, path: one.file.clone() });
        let behind = |(name, reason): &(String, String)| LeftBehind {
            manager: one.manager,
            name: name.clone(),
            id: "no-artifact",
            reason: reason.clone(),
        };
        plan.left.extend(one.record.left.iter().map(behind));
        for (part, count) in &one.record.not_taken {
            *not_taken.entry(part.clone()).or_default() += count;
        }
        let total = one.record.artifacts.len() as u64;
        for (index, artifact) in (0_u64..).zip(&one.record.artifacts) {
            context.progress.step("reading artifacts", index, Some(total));
            match installed(one, artifact) {
                Ok((item, _)) if bytes + item.bytes() > MAX_TOTAL_BYTES => plan.left.push(LeftBehind {
                    manager: one.manager,
                    name: item.artifact.to_string(),
                    id: "limit",
                    reason: format!("all together are more than {} MiB", MAX_TOTAL_BYTES >> 20),
                }),
                Ok((item, notes)) => {
                    bytes += item.bytes();
                    plan.notes.extend(notes);
                    plan.place(collection, item)?;
                }
                Err(behind) => plan.left.push(behind),
            }
        }
    }
    plan.artifacts.sort_by(|a, b| a.artifact.cmp(&b.artifact));
    plan.left.sort();
    plan.not_taken = not_taken.into_iter().map(|(part, count)| NotTaken { part, count }).collect();
    let new: Vec<_> = plan.artifacts.iter().filter(|item| item.step == AdoptStep::Add).collect();
    let names: Vec<_> = new.iter().map(|item| (&item.artifact, item.path.as_str())).collect();
    plan.notes.extend(look_alikes(collection, &names)?);
    let runs = new.iter().map(|item| runs(&item.artifact, &item.content)).collect::<Result<Vec<_>, _>>()?;
    plan.runs = runs.concat();
    plan.notes.sort();
    Ok(plan)
}

impl AdoptPlan {
    /// Puts an artifact beside those of other records and of the collection.
    fn place(&mut self, collection: Option<&Collection>, mut item: AdoptItem) -> Result<(), Error> {
        let behind = |item: &AdoptItem, id, reason: String| LeftBehind {
            manager: item.manager,
            name: match &item.renamed_from {
                Some(called) => format!("{}/{called}", item.artifact.kind),
                None => item.artifact.to_string(),
            },
            id,
            reason,
        };
        if let Some(known) = self.artifacts.iter_mut().find(|known| known.artifact == item.artifact) {
            if known.digest != item.digest {
                let reason = format!("'{}' has something else of this name, which is taken", known.path);
                self.left.push(behind(&item, "clash", reason));
            } else if known.upstream.is_none() && item.upstream.is_some() {
                let step = if known.step == AdoptStep::Same { AdoptStep::Record } else { known.step };
                *known = AdoptItem { step, ..item };
            }
            return Ok(());
        }
        let here = match collection {
            Some(collection) => collection.repo.entry_at(collection.tree, &item.artifact.path())?.map(|_| collection),
            None => None,
        };
        if let Some(collection) = here {
            if tree_digest(&file_entries(collection, &item.artifact)?) != item.digest {
                let reason = format!("the collection has another '{}'", item.artifact);
                self.left.push(behind(&item, "exists", reason));
                return Ok(());
            }
            let entry = collection.manifest.artifacts.get(&item.artifact);
            let known = entry.is_some_and(|entry| entry.upstream.is_some() || entry.bundle.is_some());
            item.step = if item.upstream.is_some() && !known { AdoptStep::Record } else { AdoptStep::Same };
        }
        self.artifacts.push(item);
        Ok(())
    }
}

/// Carries out a plan in one commit, and writes the commit into it.
///
/// # Errors
/// [`Error::Exists`] when an artifact has come into the collection since the plan was made, [`Error::Git`] when
/// uncommitted edits are in the way; the collection is then as it was.
pub fn adopt(context: &Context, collection: &Collection, plan: &mut AdoptPlan) -> Result<(), Error> {
    let mut change = Change::new(collection);
    let mut adopted = Vec::new();
    for item in plan.artifacts.iter().filter(|item| item.step != AdoptStep::Same) {
        let artifact = &item.artifact;
        let mut files = Vec::new();
        for (path, mode, bytes) in &item.content {
            files.push((placed(artifact, path)?, *mode, collection.repo.write_blob(bytes)?));
        }
        let is_here = collection.repo.entry_at(collection.tree, &artifact.path())?.is_some();
        match item.step {
            // The plan was made before the user was asked; another process may have added one of this name since.
            AdoptStep::Add if is_here => return Err(Error::Exists(artifact.clone())),
            AdoptStep::Add => change.replace(artifact, &files)?,
            _ => {}
        }
        let entry = item.entry(collection.manifest.artifacts.get(artifact));
        if entry != ManifestEntry::default() {
            change.describe(artifact, Some(entry));
        }
        if item.pristine {
            // No address is named: a lock file may come with a clone, and nobody has typed what it says.
            let message = pristine::message(artifact, "", "");
            let tree = change.record_pristine(context, artifact, &files, &message)?;
            change.lock(artifact, Some(item.lock(Some(tree.to_string()))));
        } else if item.commit.is_some() {
            change.lock(artifact, Some(item.lock(None)));
        }
        if let Some(place) = &item.not_followed {
            change.remark(format!("{artifact} came from {}", one_line(place)));
        }
        adopted.push(artifact.clone());
    }
    let subject = match adopted.as_slice() {
        [one] => format!("Adopt {one}"),
        several => format!("Adopt {} artifacts", several.len()),
    };
    plan.commit = change.commit(context, "adopt", &subject, &adopted)?.map(|id| id.to_string());
    Ok(())
}

/// Keeps text of a record from becoming lines of its own in a commit message.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl AdoptItem {
    fn bytes(&self) -> usize {
        self.content.iter().map(|(_, _, bytes)| bytes.len()).sum()
    }

    fn entry(&self, before: Option<&ManifestEntry>) -> ManifestEntry {
        let mut entry = before.cloned().unwrap_or_default();
        entry.tags.extend(self.tags.iter().cloned());
        entry.tags.sort();
        entry.tags.dedup();
        ManifestEntry {
            upstream: self.upstream.clone(),
            path: self.upstream_path.clone(),
            server: self.server.clone(),
            reference: self.reference.clone(),
            ..entry
        }
    }

    fn lock(&self, tree: Option<String>) -> LockEntry {
        LockEntry {
            commit: self.commit.clone(),
            release: None,
            tag: None,
            digest: tree.is_some().then_some(self.digest),
            tree,
            license: self.license.clone(),
        }
    }

    fn follow(&mut self, followed: Followed) {
        self.upstream = Some(followed.url);
        self.upstream_path = followed.path;
        self.reference = followed.reference;
        self.commit = followed.commit;
    }
}
