//! Finding the records of other managers in a folder.

use std::path::{Path, PathBuf};

use super::super::Error;
use crate::fsio::{Found, Root, real_path};
use crate::git::GitError;
use crate::model::TreePath;
use crate::model::foreign::{ForeignError, ForeignRecord, MAX_RECORD_BYTES, Manager};
use crate::ops::Context;

/// Where records stand in a folder. The older name of a record counts only without the newer.
const PLACES: [&str; 6] = [
    "collection.toml",
    "skills-lock.json",
    ".agents/.skill-lock.json",
    ".skill-lock.json",
    "apm.lock.yaml",
    "apm.lock",
];

/// A record, and the folder that its places are below.
pub(super) struct Record {
    pub(super) manager: Manager,
    pub(super) file: PathBuf,
    pub(super) base: PathBuf,
    pub(super) record: ForeignRecord,
}

/// Reads the record that `from` is, or all records in the folder that it is.
///
/// # Errors
/// [`Error::NoRecord`], [`Error::Record`], [`Error::Fs`].
pub(super) fn records(context: &Context, from: &Path) -> Result<Vec<Record>, Error> {
    let from = real_path(&context.folder.join(from));
    let none = || Error::NoRecord(from.clone());
    if !from.is_dir() {
        let name = from.file_name().and_then(|name| name.to_str()).ok_or_else(none)?;
        Manager::of_file(name).ok_or_else(none)?;
        return Ok(vec![read(context, from.parent().ok_or_else(none)?, name)?.ok_or_else(none)?]);
    }
    let mut found: Vec<Record> = Vec::new();
    let mut ours = None;
    for place in PLACES.iter().map(|place| (*place).to_owned()).chain(deployed(&from)?) {
        if place == "apm.lock" && found.iter().any(|record| record.manager == Manager::Apm) {
            continue;
        }
        match read(context, &from, &place) {
            // A collection of this program may lie in a project that has other records.
            Err(error @ Error::Record { source: ForeignError::Ours, .. }) => ours = Some(error),
            other => found.extend(other?),
        }
    }
    match ours {
        Some(error) if found.is_empty() => Err(error),
        _ if found.is_empty() => Err(none()),
        _ => Ok(found),
    }
}

/// Returns the places of the records of a project that the Python SkillMeat deployed to, one in a client's folder each.
fn deployed(folder: &Path) -> Result<Vec<String>, Error> {
    Ok(client_folders(folder)?.into_iter().map(|name| format!("{name}/.skillmeat-deployed.toml")).collect())
}

/// Returns the folders that may be those of clients: the hidden ones.
fn client_folders(folder: &Path) -> Result<Vec<String>, Error> {
    let listed = Root::open(folder)?.list("")?.into_iter();
    let folders = listed.filter(|(name, stat)| name.starts_with('.') && stat.found == Found::Folder);
    Ok(folders.map(|(name, _)| name).collect())
}

/// Adds the places of clients that only this project has: `npx skills` writes for some eighty of them.
fn more_places(record: &mut ForeignRecord, base: &Path) -> Result<(), Error> {
    let folders = client_folders(base)?;
    for artifact in &mut record.artifacts {
        let Some(name) = artifact.places.first().and_then(|place| place.rsplit('/').next()).map(str::to_owned) else {
            continue;
        };
        let places = folders.iter().map(|folder| format!("{folder}/skills/{name}"));
        let new: Vec<_> = places.filter(|place| !artifact.places.contains(place)).collect();
        artifact.places.extend(new);
    }
    Ok(())
}

fn read(context: &Context, folder: &Path, place: &str) -> Result<Option<Record>, Error> {
    let path = |text: &str| text.parse::<TreePath>().map_err(GitError::from);
    let root = Root::open(folder)?;
    let file = folder.join(place);
    let Ok(parsed) = path(place) else { return Ok(None) };
    let Some(manager) = Manager::of_file(parsed.file_name()) else { return Ok(None) };
    let Some((_, bytes)) = root.read(&parsed, MAX_RECORD_BYTES)? else { return Ok(None) };
    let lock = match manager {
        Manager::Skillmeat => root.read(&path("collection.lock")?, MAX_RECORD_BYTES)?.map(|(_, bytes)| bytes),
        _ => None,
    };
    let wrong = |source| Error::Record { path: file.clone(), source };
    let mut record = ForeignRecord::parse(manager, &bytes, lock.as_deref()).map_err(wrong)?;
    let base = base_of(manager, &file, &context.user_home).ok_or_else(|| Error::NoRecord(file.clone()))?;
    if matches!(manager, Manager::SkillsProject | Manager::SkillsUser) {
        more_places(&mut record, &base)?;
    }
    Ok(Some(Record { manager, file, base, record }))
}

/// Returns the folder that the places of a record are below.
fn base_of(manager: Manager, file: &Path, user_home: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    let base = match manager {
        Manager::SkillmeatDeployed => folder.parent()?,
        Manager::SkillsUser if folder.file_name().is_some_and(|name| name == ".agents") => folder.parent()?,
        // Below `$XDG_STATE_HOME`, while the skills are in the home folder.
        Manager::SkillsUser => user_home,
        _ => folder,
    };
    Some(base.to_owned())
}
