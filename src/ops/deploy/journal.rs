//! What a run is about to do, written before the first change that anybody can see.

use serde::{Deserialize, Serialize};

use super::site::Site;
use super::{Error, fingerprint::fingerprint};
use crate::fsio::{FsError, Root, Swap};
use crate::model::{Digest, TreePath};
use crate::ops::Context;

/// Version of the journal that this program writes and reads.
const FORMAT: u32 = 1;

/// All steps of a run. Paths are below the base of its site.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Journal {
    pub format: u32,
    /// `deploy` or `undeploy`.
    pub operation: String,
    /// The base, for a run on the user's own folders.
    pub base: Option<String>,
    /// Whether the base was made by this run.
    pub made_base: bool,
    /// The folder with new, old and saved items.
    pub stage: TreePath,
    pub record_before: Option<Digest>,
    pub record_after: Option<Digest>,
    /// Folders to make, outer ones first.
    pub folders: Vec<TreePath>,
    /// Folders to remove at the end if they are empty, inner ones first.
    pub prune: Vec<TreePath>,
    /// Whether the base goes as well if it is empty.
    pub prune_base: bool,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub configs: Vec<ConfigStep>,
}

/// One file or folder: with `old` what is there moves away, with `new` something moves in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub path: TreePath,
    pub new: Option<TreePath>,
    pub old: Option<TreePath>,
    /// Fingerprint of what moves in.
    pub new_is: Option<Digest>,
    /// Fingerprint of what moves away.
    pub old_is: Option<Digest>,
}

/// One configuration file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigStep {
    pub config: String,
    /// Copy of the content before; absent when there was no file.
    pub saved: Option<TreePath>,
    /// Digest of the content after; absent when the file goes.
    pub after: Option<Digest>,
}

/// What became of an interrupted run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Recovered {
    /// What was interrupted.
    pub operation: String,
    /// Whether it was finished; else everything is as it was before it.
    pub finished: bool,
    /// Copies of what somebody else changed meanwhile.
    pub kept: Vec<String>,
}

impl Journal {
    pub fn start(operation: &str, site: &Site, stage: TreePath) -> Self {
        Self {
            format: FORMAT,
            operation: operation.to_owned(),
            base: site.base_text(),
            made_base: false,
            stage,
            record_before: None,
            record_after: None,
            folders: Vec::new(),
            prune: Vec::new(),
            prune_base: false,
            steps: Vec::new(),
            configs: Vec::new(),
        }
    }

    /// Returns the name of the files that are written beside configuration files.
    pub fn beside(&self) -> String {
        let id = self.stage.file_name().trim_start_matches('.').trim_start_matches("skillmeat-");
        format!(".skillmeat-{id}.tmp")
    }

    pub fn render(&self) -> String {
        toml::to_string(self).unwrap_or_default()
    }

    /// Makes the steps; the caller undoes them after an error.
    pub fn apply(&self, site: &Site, root: &Root, configs: &[Swap<'_>]) -> Result<(), Error> {
        for folder in &self.folders {
            root.make_folder(folder)?;
        }
        for step in &self.steps {
            if let Some(old) = &step.old {
                root.rename(&step.path, old)?;
                // Somebody may have saved the file since it was compared.
                if fingerprint(root, old)? != step.old_is {
                    return Err(Error::Changed(step.path.to_string()));
                }
            }
            if let Some(new) = &step.new {
                root.rename(new, &step.path)?;
            }
        }
        for (step, swap) in self.configs.iter().zip(configs) {
            if !site.swap_config(&step.config, swap)? {
                return Err(Error::Changed(step.config.clone()));
            }
        }
        Ok(())
    }

    fn settle(&self, context: &Context, site: &mut Site, finished: bool) -> Result<Vec<String>, Error> {
        if site.root().is_none() && !self.made_base {
            // Not there now, perhaps not mounted: the journal must stay until it is.
            Root::open(&site.base)?;
        }
        if finished { self.finish(site).map(|()| Vec::new()) } else { self.undo(context, site) }
    }

    /// Brings everything back to what it was, whichever steps were made. May be interrupted and run again.
    ///
    /// What somebody changed after the interruption is not overwritten without a copy, whose place is returned.
    pub fn undo(&self, context: &Context, site: &mut Site) -> Result<Vec<String>, Error> {
        let mut kept = Vec::new();
        let Some(root) = site.root() else { return self.close(site, false).map(|()| kept) };
        let there = |path: &TreePath| root.stat(path).map(|stat| stat.is_some());
        for step in self.configs.iter().rev() {
            let now = site.read_config(&step.config)?;
            let saved = match &step.saved {
                Some(saved) => root.read(saved, u64::MAX)?.map(|(_, bytes)| bytes),
                None => None,
            };
            if now == saved {
                continue;
            }
            if now.as_deref().map(Digest::of) == step.after {
                let swap = Swap { expected: now.as_deref(), new: saved.as_deref(), beside: &self.beside() };
                if site.swap_config(&step.config, &swap)? {
                    continue;
                }
            }
            if let Some(saved) = &step.saved {
                kept.extend(save(context, site, root, saved, step.config.trim_start_matches('/'))?);
            }
        }
        for step in self.steps.iter().rev() {
            let old_is_away = match &step.old {
                Some(old) => there(old)?,
                None => true,
            };
            if let Some(new) = &step.new
                && !there(new)?
                && old_is_away
                && there(&step.path)?
            {
                if fingerprint(root, &step.path)? != step.new_is {
                    kept.extend(save(context, site, root, &step.path, step.path.as_str())?);
                }
                root.rename(&step.path, new)?;
            }
            if let Some(old) = &step.old
                && there(old)?
            {
                if there(&step.path)? {
                    kept.extend(save(context, site, root, &step.path, step.path.as_str())?);
                    root.remove_tree(&step.path)?;
                }
                root.rename(old, &step.path)?;
            }
        }
        for folder in self.folders.iter().rev() {
            prune(root, folder);
        }
        self.close(site, self.made_base)?;
        Ok(kept)
    }

    /// Does what is left when the record has been written.
    pub fn finish(&self, site: &mut Site) -> Result<(), Error> {
        if let Some(root) = site.root() {
            self.prune.iter().for_each(|folder| prune(root, folder));
        }
        self.close(site, self.prune_base)
    }

    /// Removes the journal and then the stage: without a journal, a stage is rubbish.
    fn close(&self, site: &mut Site, base_too: bool) -> Result<(), Error> {
        for step in &self.configs {
            site.remove_beside(&step.config, &self.beside())?;
        }
        if let Some(state) = site.state()? {
            state.remove(&site.journal_name())?;
        }
        if let Some(root) = site.root() {
            root.remove_tree(&self.stage)?;
        }
        if base_too { site.remove_root() } else { Ok(()) }
    }
}

/// A folder that cannot be removed stays, which is no reason to fail.
fn prune(root: &Root, folder: &TreePath) {
    let parent = folder.as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
    let _ = root.prune(folder.as_str(), parent);
}

/// Copies a file or folder to where backups are; returns the places of the copies.
pub(super) fn save(
    context: &Context,
    site: &Site,
    root: &Root,
    from: &TreePath,
    name: &str,
) -> Result<Vec<String>, Error> {
    let Some(state) = site.state()? else { return Ok(Vec::new()) };
    let folder = backup_folder(context, site)?;
    let place = |rest: &str| format!("{folder}/{name}{rest}").parse().map_err(crate::git::GitError::from);
    let mut copies = Vec::new();
    let mut copy = |from: &TreePath, to: TreePath| -> Result<(), Error> {
        let Some((_, bytes)) = root.read(from, u64::MAX)? else { return Ok(()) };
        match state.create_private(&to, &bytes) {
            // Saved by an undo that was interrupted itself.
            Err(FsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        copies.push(site.state_path(&to).display().to_string());
        Ok(())
    };
    match root.stat(from)?.map(|stat| stat.found) {
        Some(crate::fsio::Found::Folder) => {
            for (file, stat) in root.walk(from.as_str(), 1_000_000)? {
                if let (crate::fsio::Found::File(_), Ok(file_at)) = (stat.found, from.join(&file)) {
                    copy(&file_at, place(&format!("/{file}"))?)?;
                }
            }
        }
        Some(crate::fsio::Found::File(_)) => copy(from, place("")?)?,
        _ => {}
    }
    Ok(copies)
}

/// Copies bytes to where backups are; returns the place of the copy.
pub(super) fn save_bytes(context: &Context, site: &Site, name: &str, bytes: &[u8]) -> Result<Option<String>, Error> {
    let Some(state) = site.state()? else { return Ok(None) };
    let to = format!("{}/{}", backup_folder(context, site)?, name.trim_start_matches('/'));
    let to: TreePath = to.parse().map_err(crate::git::GitError::from)?;
    state.create_private(&to, bytes)?;
    Ok(Some(site.state_path(&to).display().to_string()))
}

/// Returns the folder for the backups of this command.
fn backup_folder(context: &Context, site: &Site) -> Result<TreePath, Error> {
    let name = format!("{}-{}", context.now_seconds, std::process::id());
    Ok(site.backup_name().join(&name).map_err(crate::git::GitError::from)?)
}

/// Finishes or undoes what an interrupted run left; the lock must be held.
///
/// # Errors
/// [`Error::Journal`], [`Error::Foreign`], [`Error::Fs`].
pub(super) fn recover(context: &Context, site: &mut Site) -> Result<Option<Recovered>, Error> {
    site.remove_unfinished()?;
    let name = site.journal_name();
    let Some(bytes) = site.read_state(&name)? else {
        remove_stages(site)?;
        return Ok(None);
    };
    let path = site.state_path(&name);
    let text = String::from_utf8_lossy(&bytes);
    let journal: Journal =
        toml::from_str(&text).map_err(|source| Error::Journal { path: path.clone(), source: Box::new(source) })?;
    check(&journal, site, &path)?;
    let record = site.read_state(&site.record_name())?.as_deref().map(Digest::of);
    let finished = journal.record_before != journal.record_after && record == journal.record_after;
    // A run of the user may have been for another folder than the one that is asked for now.
    let kept = match journal.base.as_deref().filter(|base| Some(*base) != site.base_text().as_deref()) {
        Some(base) => journal.settle(context, &mut site.at(base), finished)?,
        None => journal.settle(context, site, finished)?,
    };
    Ok(Some(Recovered { operation: journal.operation, finished, kept }))
}

/// Refuses a journal whose steps lead out of its stage: a project comes from anywhere.
fn check(journal: &Journal, site: &Site, path: &std::path::Path) -> Result<(), Error> {
    let foreign = |place: &str| Error::Foreign { path: path.to_owned(), place: place.to_owned() };
    if journal.format != FORMAT || journal.base.is_some() != site.base_text().is_some() {
        return Err(foreign(&format!("format {}", journal.format)));
    }
    if !journal.stage.as_str().starts_with(site.stage_prefix().as_str()) {
        return Err(foreign(journal.stage.as_str()));
    }
    let staged = journal.steps.iter().flat_map(|step| [&step.new, &step.old]);
    let staged = staged.chain(journal.configs.iter().map(|step| &step.saved));
    match staged.flatten().find(|staged| staged.below(&journal.stage).is_none()) {
        Some(outside) => Err(foreign(outside.as_str())),
        None => Ok(()),
    }
}

/// Removes stages of runs that were interrupted before their first visible change.
fn remove_stages(site: &Site) -> Result<(), Error> {
    let Some(root) = site.root() else { return Ok(()) };
    let prefix = site.stage_prefix();
    let (folder, start) = prefix.as_str().rsplit_once('/').unwrap_or(("", prefix.as_str()));
    for (name, _) in root.list(folder)?.iter().filter(|(name, _)| name.starts_with(start)) {
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        if let Ok(path) = path.parse() {
            root.remove_tree(&path)?;
        }
    }
    Ok(())
}

/// Says whether a run was interrupted; writes nothing.
pub(super) fn is_interrupted(site: &Site) -> Result<bool, Error> {
    Ok(site.read_state(&site.journal_name())?.is_some())
}

#[cfg(test)]
mod tests;
