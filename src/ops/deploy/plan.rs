//! What a deployment would do, before anything is done.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use super::configs::{ConfigFile, Configs, Standing};
use super::entries::{EntryWork, exchange, marker};
use super::items::{Action, Work, compare, items};
use super::journal::is_interrupted;
use super::site::Site;
use super::transaction::{Item, folders_above};
use super::wanted::{Wanted, wanted};
use super::{Conflict, Error, Force, Obstacle};
use crate::client::unified_diff;
use crate::model::{ArtifactRef, Deployed, DeployedFile, Deployment, Kind, Made, TreePath};
use crate::ops::collection::Collection;

/// One file or entry of a [`Plan`].
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedPlace {
    /// The file, or the configuration file and the entry in it.
    pub place: String,
    /// What happens to it.
    pub action: Action,
    /// Why it is only done with `--force`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
}

/// One artifact of a [`Plan`].
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PlannedArtifact {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Its files and entries.
    pub places: Vec<PlannedPlace>,
    /// What the client would run by itself, one line each.
    pub runs: Vec<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// An artifact that the target cannot hold.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LeftOut {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Why.
    pub reason: String,
}

/// The change of a configuration file.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ConfigDiff {
    /// The file.
    pub config: String,
    /// Hunks of a unified diff. Values of others are hidden.
    pub diff: String,
}

/// What a run does or would do.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Plan {
    /// The target.
    pub target: String,
    /// The folder of the project, or of the client.
    pub folder: String,
    /// The artifacts, sorted.
    pub artifacts: Vec<PlannedArtifact>,
    /// Changes of configuration files.
    pub configs: Vec<ConfigDiff>,
    /// Artifacts whose hooks or servers would be new or other, which somebody has to agree to.
    pub consent: Vec<ArtifactRef>,
    /// What is not touched without `--force`.
    pub conflicts: Vec<Conflict>,
    /// What the target cannot hold, and was left out by wish.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Whether an earlier run was interrupted, so that the plan may be another once it is settled.
    pub interrupted: bool,
}

/// A plan with everything that is needed to carry it out.
pub(super) struct Draft {
    pub plan: Plan,
    pub items: Vec<Item>,
    pub folders: Vec<TreePath>,
    pub configs: Configs,
    pub backup: Vec<TreePath>,
    pub backup_configs: BTreeSet<String>,
    pub record_before: Option<Vec<u8>>,
    pub record: Deployed,
    /// The record as it was read.
    before: Deployed,
    /// Folders that were looked for.
    looked_at: BTreeSet<String>,
}

impl Draft {
    pub fn start(site: &Site) -> Result<Self, Error> {
        let (record_before, record) = site.record()?;
        let plan = Plan {
            target: site.target.id.to_string(),
            folder: site.base.display().to_string(),
            artifacts: Vec::new(),
            configs: Vec::new(),
            consent: Vec::new(),
            conflicts: Vec::new(),
            left_out: Vec::new(),
            interrupted: is_interrupted(site)?,
        };
        Ok(Self {
            plan,
            items: Vec::new(),
            folders: Vec::new(),
            configs: Configs::default(),
            backup: Vec::new(),
            backup_configs: BTreeSet::new(),
            record_before,
            before: record.clone(),
            record,
            looked_at: BTreeSet::new(),
        })
    }

    /// Says whether anything would be written.
    pub fn changes(&self) -> bool {
        !self.items.is_empty() || self.configs.changed().next().is_some() || self.record != self.before
    }

    /// Adds the deployment of an artifact.
    pub fn deploy(&mut self, site: &Site, collection: &Collection, artifact: &ArtifactRef) -> Result<(), Error> {
        let wanted = wanted(collection, site, artifact)?;
        let old = self.taken_out(site, artifact);
        let none = (Vec::new(), Vec::new());
        let (old_files, old_entries) = old.as_ref().map_or(none, |old| (old.files.clone(), old.entries.clone()));
        let works = compare(site, wanted.unit.as_ref(), &wanted.files, &old_files)?;
        let index = self.record.deployments.len();
        self.record.deployments.push(deployment(site, collection, &wanted, &works));
        let marker = marker(site, wanted.unit.as_ref());
        let entry_works = exchange(
            site,
            &mut self.configs,
            &mut self.record,
            index,
            &wanted.entries,
            &old_entries,
            marker.as_deref(),
        )?;
        self.add_items(site, wanted.unit.as_ref(), &works)?;
        self.add_folders(site, &works, &entry_works)?;
        let planned = self.planned(&wanted, &works, &entry_works);
        let is_same = |place: &PlannedPlace| place.action == Action::Same;
        if planned.places.iter().all(is_same)
            && let Some(old) = old.filter(|old| old.has(wanted.tree) && old.collection == collection.manifest.name)
        {
            // A commit that did not touch the artifact is no reason to write the record again.
            let entries = std::mem::take(&mut self.record.deployments[index].entries);
            self.record.deployments[index] = Deployment { entries, ..old };
        } else if matches!(artifact.kind, Kind::Hook | Kind::Mcp) && !planned.places.iter().all(is_same) {
            self.plan.consent.push(artifact.clone());
        }
        self.plan.artifacts.push(planned);
        Ok(())
    }

    /// Adds the removal of an artifact that is deployed.
    pub fn undeploy(&mut self, site: &Site, artifact: &ArtifactRef) -> Result<(), Error> {
        let Some(old) = self.taken_out(site, artifact) else { return Ok(()) };
        let unit = super::wanted::Layout::of(site, artifact)?.unit;
        let works = compare(site, unit.as_ref(), &[], &old.files)?;
        let entries = self.take_entries(site, &old, marker(site, unit.as_ref()).as_deref())?;
        self.add_items(site, unit.as_ref(), &works)?;
        self.note_obstacles(artifact, &works, &entries);
        let places = places(&works, &entries);
        let (runs, notes) = (Vec::new(), Vec::new());
        self.plan.artifacts.push(PlannedArtifact { artifact: artifact.clone(), places, runs, notes });
        Ok(())
    }

    /// Takes entries out one by one, so that what was made for one can go over to the next.
    fn take_entries(&mut self, site: &Site, old: &Deployment, marker: Option<&str>) -> Result<Vec<EntryWork>, Error> {
        let standings = self.configs.standings(site, &old.entries, marker)?;
        let index = self.record.deployments.len();
        self.record.deployments.push(old.clone());
        let mut works = Vec::new();
        for standing in standings {
            let entry = self.record.deployments[index].entries.remove(0);
            let (now, obstacle) = match standing {
                Standing::Missing => continue,
                Standing::Same => (entry.value.clone(), None),
                Standing::Edited(now) => (now, Some(Obstacle::Edited)),
            };
            let action = if entry.adopted { Action::Keep } else { Action::Remove };
            if action == Action::Remove {
                self.configs.take(site, &entry, &now, &mut self.record)?;
            }
            let obstacle = obstacle.filter(|_| action == Action::Remove);
            works.push(EntryWork { config: entry.config.clone(), place: entry.place(), action, obstacle });
        }
        self.record.deployments.remove(index);
        Ok(works)
    }

    /// Takes the deployment of an artifact out of the new record.
    fn taken_out(&mut self, site: &Site, artifact: &ArtifactRef) -> Option<Deployment> {
        let (target, base) = (site.target.id.to_string(), site.base_text());
        let here = |d: &Deployment| d.artifact == *artifact && d.target == target && d.base == base;
        let at = self.record.deployments.iter().position(here)?;
        Some(self.record.deployments.remove(at))
    }

    fn add_items(&mut self, site: &Site, unit: Option<&TreePath>, works: &[Work]) -> Result<(), Error> {
        self.items.extend(items(site, unit, works)?);
        let forced = works.iter().filter(|work| work.obstacle.is_some());
        self.backup.extend(forced.map(|work| work.path.clone()));
        Ok(())
    }

    /// Finds the folders that are missing for new files and configuration files.
    fn add_folders(&mut self, site: &Site, works: &[Work], entries: &[EntryWork]) -> Result<(), Error> {
        let files = works.iter().filter(|work| work.action == Action::Create).map(|work| work.path.to_string());
        let configs = entries.iter().filter_map(|entry| {
            let below = std::path::Path::new(&entry.config).strip_prefix(&site.base);
            below.map_or(Some(entry.config.clone()), |below| below.to_str().map(str::to_owned))
        });
        for folder in files.chain(configs.collect::<Vec<_>>()).flat_map(|path| folders_above(&path)) {
            let Ok(path) = folder.parse::<TreePath>() else { continue };
            if self.looked_at.insert(folder) && site.stat(&path)?.is_none() {
                self.made(site, path);
            }
        }
        Ok(())
    }

    fn made(&mut self, site: &Site, folder: TreePath) {
        let base = site.base_text();
        self.folders.push(folder.clone());
        let at = self.record.made.iter().position(|made| made.base == base).unwrap_or_else(|| {
            self.record.made.push(Made { base, itself: false, folders: BTreeSet::new() });
            self.record.made.len() - 1
        });
        self.record.made[at].folders.insert(folder);
    }

    fn planned(&mut self, wanted: &Wanted, works: &[Work], entries: &[EntryWork]) -> PlannedArtifact {
        self.note_obstacles(&wanted.artifact, works, entries);
        PlannedArtifact {
            artifact: wanted.artifact.clone(),
            places: places(works, entries),
            runs: wanted.runs.clone(),
            notes: wanted.notes.clone(),
        }
    }

    fn note_obstacles(&mut self, artifact: &ArtifactRef, works: &[Work], entries: &[EntryWork]) {
        let forced = entries.iter().filter(|entry| entry.obstacle.is_some());
        self.backup_configs.extend(forced.map(|entry| entry.config.clone()));
        let all = places(works, entries).into_iter().filter_map(|place| Some((place.place, place.obstacle?)));
        let artifact = artifact.clone();
        let conflict = |(place, obstacle)| Conflict { artifact: artifact.clone(), place, obstacle };
        self.plan.conflicts.extend(all.map(conflict));
    }

    /// Ends planning: folders inside of new items come with them, and diffs are made.
    pub fn done(&mut self) {
        // In the order of the file, so that the same record is equal to what was read.
        self.record.deployments.sort_by_key(|d| (d.target.clone(), d.artifact.clone(), d.base.clone()));
        let items = &self.items;
        self.folders
            .retain(|folder| !items.iter().any(|item| *folder == item.path || folder.below(&item.path).is_some()));
        self.folders.sort();
        let ours = own_lines(&self.record, &self.before);
        let diff = |(config, file): (&str, &ConfigFile)| ConfigDiff {
            config: config.to_owned(),
            diff: unified_diff(
                file.before.as_deref().unwrap_or_default(),
                file.after().unwrap_or_default(),
                1,
                &|line| shown(line, &ours),
            ),
        };
        self.plan.configs = self.configs.changed().map(diff).collect();
    }

    /// Refuses what stands in the way.
    pub fn check(&self, force: Force) -> Result<(), Error> {
        let stays = |conflict: &&Conflict| force == Force::No || conflict.obstacle == Obstacle::NotAFile;
        let conflicts: Vec<_> = self.plan.conflicts.iter().filter(stays).cloned().collect();
        if conflicts.is_empty() { Ok(()) } else { Err(Error::InTheWay(conflicts)) }
    }
}

fn deployment(site: &Site, collection: &Collection, wanted: &Wanted, works: &[Work]) -> Deployment {
    let adopted = |path: &TreePath| works.iter().any(|work| work.path == *path && work.adopted);
    let file = |file: &super::wanted::WantedFile| DeployedFile {
        path: file.path.clone(),
        mode: file.mode,
        sha256: file.sha256,
        adopted: adopted(&file.path),
    };
    Deployment {
        artifact: wanted.artifact.clone(),
        target: site.target.id.to_string(),
        base: site.base_text(),
        collection: collection.manifest.name.clone(),
        commit: collection.head.commit.map(|id| id.to_string()).unwrap_or_default(),
        tree: wanted.tree.to_string(),
        digest: wanted.digest,
        files: wanted.files.iter().map(file).collect(),
        entries: Vec::new(),
    }
}

fn places(works: &[Work], entries: &[EntryWork]) -> Vec<PlannedPlace> {
    let files = works.iter().map(|work| PlannedPlace {
        place: work.path.to_string(),
        action: work.action,
        obstacle: work.obstacle,
    });
    let entries = entries.iter().map(|entry| PlannedPlace {
        place: format!("{}: {}", entry.config, entry.place),
        action: entry.action,
        obstacle: entry.obstacle,
    });
    files.chain(entries).collect()
}

/// Returns the lines that our own entries are written as, without indentation and commas.
fn own_lines(after: &Deployed, before: &Deployed) -> BTreeSet<String> {
    let entries = after.deployments.iter().chain(&before.deployments).flat_map(|deployment| &deployment.entries);
    let mut lines = BTreeSet::new();
    for entry in entries {
        let text = serde_json::to_string_pretty(&entry.value).unwrap_or_default();
        lines.extend(text.lines().map(bare));
        lines.extend(entry.key.iter().map(|key| format!("\"{key}\": {{")));
        lines.extend(entry.event.iter().map(|event| format!("\"{event}\": [")));
        lines.extend(entry.pointer.iter().map(|key| format!("\"{key}\": {{")));
    }
    lines
}

fn bare(line: &str) -> String {
    line.trim().trim_end_matches(',').to_owned()
}

/// Returns a line of a preview: whole where it is ours or only brackets, else without its value.
fn shown(line: &str, ours: &BTreeSet<String>) -> String {
    let text = bare(line);
    let brackets = text.chars().all(|c| "{}[]".contains(c));
    let clean: String = line
        .chars()
        .flat_map(|c| if c.is_control() && c != '\t' { c.escape_default().collect() } else { vec![c] })
        .collect();
    if brackets || ours.contains(&text) {
        return clean;
    }
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    match text.split_once("\": ") {
        Some((key, "{" | "[")) if key.starts_with('"') && !key[1..].contains('"') => clean,
        Some((key, _)) if key.starts_with('"') && !key[1..].contains('"') => {
            let key: String = key.chars().flat_map(char::escape_debug).collect::<String>().replace("\\\"", "\"");
            format!("{indent}{key}\": …")
        }
        _ => format!("{indent}…"),
    }
}
