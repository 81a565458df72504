//! The state of an artifact at a target, in the form it has in a collection.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Error;
use super::configs::{Configs, Standing};
use super::drift::files as drifted_files;
use super::entries::marker;
use super::items::MAX_FILES;
use super::site::{MAX_FILE_BYTES, Site};
use super::wanted::{Layout, scripts};
use crate::fsio::Found;
use crate::git::Repo;
use crate::model::hooks::{MAX_HOOKS_JSON_BYTES, updated};
use crate::model::mcp::{MAX_SERVER_JSON_BYTES, updated_from_entry};
use crate::model::{
    ArtifactRef, DeployedEntry, DeployedFile, Deployment, Digest, EntrySlot, FileEntry, FileMode, Kind, Oid, PathError,
    TreePath, check_set, tree_digest,
};

/// Files of an artifact, by their paths in the collection.
pub(super) type ArtifactFiles = BTreeMap<TreePath, (FileMode, Oid)>;

/// What a target has of an artifact.
pub(super) struct Brought {
    /// As files of the collection; their content is in the repository given.
    pub files: ArtifactFiles,
    /// Tree digest of them.
    pub digest: Digest,
    /// As files and entries of the record.
    pub deployed: Vec<DeployedFile>,
    pub entries: Vec<DeployedEntry>,
}

/// Reads what the target has of a deployment; `None` when it is as it was deployed.
///
/// `base` are the artifact's files as they were deployed: the form that edits are put into.
pub(super) fn bring(
    site: &Site,
    repo: &Repo,
    deployment: &Deployment,
    base: &ArtifactFiles,
    configs: &mut Configs,
) -> Result<Option<Brought>, Error> {
    let artifact = &deployment.artifact;
    let layout = Layout::of(site, artifact)?;
    let marker = marker(site, layout.unit.as_ref());
    let standings = configs.standings(site, &deployment.entries, marker.as_deref())?;
    let same = drifted_files(site, deployment, layout.unit.as_ref())?.is_empty();
    if same && standings.iter().all(|standing| *standing == Standing::Same) {
        return Ok(None);
    }
    let mut reading = Reading {
        site,
        repo,
        artifact,
        layout: &layout,
        files: ArtifactFiles::new(),
        all: Vec::new(),
        deployed: Vec::new(),
    };
    match &layout.unit {
        Some(unit) => reading.folder(unit)?,
        None => deployment.files.iter().try_for_each(|file| reading.file(&file.path))?,
    }
    for file in &mut reading.deployed {
        file.adopted = deployment.files.iter().any(|old| old.path == file.path && old.adopted);
    }
    let entries = now(&deployment.entries, standings);
    match artifact.kind {
        Kind::Hook => reading.hooks(base, &entries)?,
        Kind::Mcp => reading.server(base, &entries)?,
        Kind::Agent | Kind::Command | Kind::Skill => {}
    }
    let main = artifact.main_path();
    if !reading.files.contains_key(&main) {
        let missing = main.file_name().to_owned();
        return Err(Error::Gone { artifact: artifact.clone(), missing });
    }
    let Reading { files, all, deployed, .. } = reading;
    check_set(files.keys()).map_err(|source| unfit(artifact, &main, source))?;
    Ok(Some(Brought { files, digest: tree_digest(&all), deployed, entries }))
}

/// Returns the entries with the values they have now, without those that are gone.
fn now(entries: &[DeployedEntry], standings: Vec<Standing>) -> Vec<DeployedEntry> {
    let value = |(entry, standing): (&DeployedEntry, Standing)| match standing {
        Standing::Same => Some(entry.clone()),
        Standing::Edited(value) => Some(DeployedEntry { value, ..entry.clone() }),
        Standing::Missing => None,
    };
    entries.iter().zip(standings).filter_map(value).collect()
}

fn unfit(artifact: &ArtifactRef, file: &impl ToString, source: PathError) -> Error {
    Error::Unfit { artifact: artifact.clone(), file: file.to_string(), source }
}

struct Reading<'a> {
    site: &'a Site,
    repo: &'a Repo,
    artifact: &'a ArtifactRef,
    layout: &'a Layout,
    files: ArtifactFiles,
    all: Vec<FileEntry>,
    deployed: Vec<DeployedFile>,
}

impl Reading<'_> {
    fn folder(&mut self, unit: &TreePath) -> Result<(), Error> {
        let Some(root) = self.site.root().filter(|_| matches!(self.site.stat(unit), Ok(Some(_)))) else {
            return Ok(());
        };
        for (name, stat) in root.walk(unit.as_str(), MAX_FILES)? {
            let place = unit.join(&name).map_err(|source| unfit(self.artifact, &name, source))?;
            match stat.found {
                Found::File(_) => self.file(&place)?,
                _ => return Err(Error::NotAFile { artifact: self.artifact.clone(), file: place.to_string() }),
            }
        }
        Ok(())
    }

    fn file(&mut self, place: &TreePath) -> Result<(), Error> {
        let read = self.site.root().map_or(Ok(None), |root| root.read(place, MAX_FILE_BYTES))?;
        let gone = || Error::Gone { artifact: self.artifact.clone(), missing: place.to_string() };
        let (mode, bytes) = read.ok_or_else(gone)?;
        let path = self.layout.back(place).map_err(|source| unfit(self.artifact, place, source))?;
        let sha256 = self.put(path, mode, &bytes)?;
        self.deployed.push(DeployedFile { path: place.clone(), mode, sha256, adopted: false });
        Ok(())
    }

    fn put(&mut self, path: TreePath, mode: FileMode, bytes: &[u8]) -> Result<Digest, Error> {
        let sha256 = Digest::of(bytes);
        if self.files.insert(path.clone(), (mode, self.repo.write_blob(bytes)?)).is_some() {
            return Err(unfit(self.artifact, &path, PathError::Duplicate { path: path.to_string() }));
        }
        self.all.push(FileEntry { path, mode, size: bytes.len() as u64, sha256 });
        Ok(sha256)
    }

    /// Returns mode and content of the main file as it was deployed.
    fn main(&self, base: &ArtifactFiles, limit: usize) -> Result<(FileMode, Vec<u8>), Error> {
        let main = self.artifact.main_path();
        let missing = || Error::Gone { artifact: self.artifact.clone(), missing: main.to_string() };
        let (mode, id) = base.get(&main).ok_or_else(missing)?;
        Ok((*mode, self.repo.blob(*id, limit as u64)?))
    }

    fn hooks(&mut self, base: &ArtifactFiles, entries: &[DeployedEntry]) -> Result<(), Error> {
        let artifact = self.artifact;
        let (mode, old) = self.main(base, MAX_HOOKS_JSON_BYTES)?;
        if entries.is_empty() {
            let missing = format!("hooks in {}", self.site.config(Kind::Hook)?);
            return Err(Error::Gone { artifact: artifact.clone(), missing });
        }
        let mut events = Map::new();
        for entry in entries {
            let (EntrySlot::Event(event) | EntrySlot::Key(event)) = entry.slot();
            let groups = events.entry(event).or_insert_with(|| Value::Array(Vec::new()));
            groups.as_array_mut().into_iter().for_each(|groups| groups.push(entry.value.clone()));
        }
        let main = artifact.main_path();
        let files = scripts(artifact, self.files.keys().chain([&main]));
        let none = || Error::NoPlace { target: self.site.target.id.clone(), kind: Kind::Hook };
        let base = self.site.target.script_base(artifact.name.as_str(), &self.site.places).ok_or_else(none)?;
        let new = updated(&old, &Value::Object(events), &artifact.name, &files, &base)
            .map_err(|source| Error::Hooks { artifact: artifact.clone(), source })?;
        self.put(main, mode, &new).map(drop)
    }

    fn server(&mut self, base: &ArtifactFiles, entries: &[DeployedEntry]) -> Result<(), Error> {
        let artifact = self.artifact;
        let (mode, old) = self.main(base, MAX_SERVER_JSON_BYTES)?;
        let Some(entry) = entries.first() else {
            let missing = format!("{} in {}", artifact.name, self.site.config(Kind::Mcp)?);
            return Err(Error::Gone { artifact: artifact.clone(), missing });
        };
        let new = updated_from_entry(&old, &entry.value)
            .map_err(|source| Error::Mcp { artifact: artifact.clone(), source })?;
        // Files beside the definition are not deployed, so they are as they were.
        for (path, (mode, id)) in base.iter().filter(|(path, _)| **path != artifact.main_path()) {
            let bytes = self.repo.blob(*id, MAX_FILE_BYTES)?;
            self.put(path.clone(), *mode, &bytes)?;
        }
        self.put(artifact.main_path(), mode, &new).map(drop)
    }
}
