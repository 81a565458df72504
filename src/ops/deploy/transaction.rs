//! One run: everything is prepared aside, then renamed in, then recorded.

use std::collections::BTreeSet;

use super::Error;
use super::configs::Configs;
use super::fingerprint::{of_parts, own};
use super::journal::{ConfigStep, Journal, Step, save, save_bytes};
use super::site::{MAX_FILE_BYTES, Site};
use crate::fsio::Swap;
use crate::git::{GitError, Repo};
use crate::model::{Deployed, Digest, FileMode, Made, Oid, TreePath};
use crate::ops::Context;

/// A file that moves in: its place below the item (`None` for the item itself), mode, content.
pub(super) struct Part {
    pub below: Option<TreePath>,
    pub mode: FileMode,
    pub sha256: Digest,
    pub blob: Oid,
}

/// A file or a folder that changes as a whole.
pub(super) struct Item {
    pub path: TreePath,
    /// What moves in; nothing takes the item away.
    pub new: Vec<Part>,
    /// Fingerprint of what is there; `None` when nothing is.
    pub old_is: Option<Digest>,
}

/// Everything that one run changes.
pub(super) struct Transaction<'c> {
    pub operation: &'static str,
    pub items: Vec<Item>,
    /// Folders that the items need and that are missing, outer ones first; those inside of new items not.
    pub folders: Vec<TreePath>,
    pub configs: &'c Configs,
    /// Files that are overwritten although they are not ours: copied first.
    pub backup: Vec<TreePath>,
    /// Configuration files to copy first.
    pub backup_configs: BTreeSet<String>,
    /// Bytes of the record before.
    pub record_before: Option<Vec<u8>>,
    /// The record after, without what is pruned.
    pub record: Deployed,
}

impl Transaction<'_> {
    /// Makes the change, all of it or nothing; returns the places of the copies made first.
    ///
    /// The lock must be held. `repo` has the content of what moves in.
    ///
    /// # Errors
    /// [`Error::Changed`] when somebody changed something since it was looked at; all is then as it was.
    pub fn run(mut self, context: &Context, site: &mut Site, repo: Option<&Repo>) -> Result<Vec<String>, Error> {
        let made_base = site.make_root()?;
        site.ignore_own()?;
        let stage = format!("{}{}-{}", site.stage_prefix(), context.now_seconds, std::process::id());
        let stage: TreePath = stage.parse().map_err(GitError::from)?;
        let mut journal = Journal::start(self.operation, site, stage);
        journal.made_base = made_base;
        journal.folders = std::mem::take(&mut self.folders);
        self.settle_made(site, &mut journal);
        let result = self.staged(context, site, repo, &mut journal).and_then(|copies| {
            self.committed(context, site, &journal)?;
            Ok(copies)
        });
        match result {
            Ok(copies) => journal.finish(site).map(|()| copies),
            Err(error) => {
                // The first error is the one to report; what cannot be undone now is undone by the next run.
                let _ = journal.undo(context, site);
                Err(error)
            }
        }
    }

    /// Finds out which of the folders we made stay needed, and leaves the others to be pruned.
    fn settle_made(&mut self, site: &Site, journal: &mut Journal) {
        let base = site.base_text();
        let needed: BTreeSet<String> = site
            .own(&self.record)
            .flat_map(|deployment| {
                let files = deployment.files.iter().map(|file| file.path.to_string());
                let configs = deployment.entries.iter().map(|entry| {
                    let below = std::path::Path::new(&entry.config).strip_prefix(&site.base).ok();
                    below.and_then(std::path::Path::to_str).unwrap_or(&entry.config).to_owned()
                });
                files.chain(configs).collect::<Vec<_>>()
            })
            .flat_map(|path| folders_above(&path))
            .collect();
        let empty = Made { base: base.clone(), itself: false, folders: BTreeSet::new() };
        let at = self.record.made.iter().position(|made| made.base == base);
        let mut made = at.map_or(empty, |at| self.record.made.remove(at));
        made.itself |= journal.made_base;
        let (keep, prune) = std::mem::take(&mut made.folders)
            .into_iter()
            .partition::<BTreeSet<_>, _>(|folder| needed.contains(folder.as_str()));
        made.folders = keep;
        journal.prune = prune.into_iter().rev().collect();
        if site.own(&self.record).next().is_none() {
            journal.prune_base = std::mem::take(&mut made.itself);
        }
        if made.itself || !made.folders.is_empty() {
            self.record.made.push(made);
        }
    }

    fn record_after(&self) -> Option<Vec<u8>> {
        (!self.record.deployments.is_empty()).then(|| self.record.render().into_bytes())
    }

    /// Writes everything that will move in, what is needed to go back, and the journal.
    fn staged(
        &self,
        context: &Context,
        site: &Site,
        repo: Option<&Repo>,
        journal: &mut Journal,
    ) -> Result<Vec<String>, Error> {
        let Some(root) = site.root() else { return Ok(Vec::new()) };
        let mut copies = Vec::new();
        for path in &self.backup {
            copies.extend(save(context, site, root, path, path.as_str())?);
        }
        for (name, config) in self.configs.files().filter(|(name, _)| self.backup_configs.contains(*name)) {
            copies.extend(match &config.before {
                Some(bytes) => save_bytes(context, site, name, bytes)?,
                None => None,
            });
        }
        let join = |path: &TreePath, more: &str| path.join(more).map_err(GitError::from);
        root.make_folder(&journal.stage)?;
        let total = self.items.len() as u64;
        for (index, item) in self.items.iter().enumerate() {
            context.progress.step("preparing files", index as u64, Some(total));
            let new = join(&journal.stage, &format!("new/{index}"))?;
            let mut parts = Vec::new();
            for part in &item.new {
                let place = match &part.below {
                    Some(below) => join(&new, below.as_str())?,
                    None => new.clone(),
                };
                let content = repo.map(|repo| repo.blob(part.blob, MAX_FILE_BYTES)).transpose()?.unwrap_or_default();
                root.create(&place, part.mode, &content)?;
                parts.push((part.below.clone().unwrap_or_else(own), part.mode, part.sha256));
            }
            let old = join(&journal.stage, &format!("old/{index}"))?;
            journal.steps.push(Step {
                path: item.path.clone(),
                new_is: (!parts.is_empty()).then(|| of_parts(&parts)),
                new: (!parts.is_empty()).then_some(new),
                old: item.old_is.is_some().then_some(old),
                old_is: item.old_is,
            });
        }
        for (index, (name, config)) in self.configs.changed().enumerate() {
            let saved = join(&journal.stage, &format!("config/{index}"))?;
            if let Some(before) = &config.before {
                root.create_private(&saved, before)?;
            }
            journal.configs.push(ConfigStep {
                config: name.to_owned(),
                saved: config.before.is_some().then_some(saved),
                after: config.after().map(Digest::of),
            });
        }
        journal.record_before = self.record_before.as_deref().map(Digest::of);
        journal.record_after = self.record_after().as_deref().map(Digest::of);
        site.write_state(&site.journal_name(), journal.render().as_bytes())?;
        // A power cut from here on must find the journal, and the old and new content that it names.
        site.make_durable(context)?;
        Ok(copies)
    }

    /// Makes the steps and writes the record.
    fn committed(&self, context: &Context, site: &Site, journal: &Journal) -> Result<(), Error> {
        let (Some(root), Some(state)) = (site.root(), site.state()?) else { return Ok(()) };
        let beside = journal.beside();
        let swaps: Vec<_> = self
            .configs
            .changed()
            .map(|(_, config)| Swap { expected: config.before.as_deref(), new: config.after(), beside: &beside })
            .collect();
        journal.apply(site, root, &swaps)?;
        match self.record_after() {
            Some(bytes) => site.write_state(&site.record_name(), &bytes)?,
            None => state.remove(&site.record_name())?,
        }
        site.make_durable(context)
    }
}

/// Returns the folders that a path is in, outer ones first.
pub(super) fn folders_above(path: &str) -> Vec<String> {
    path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect()
}
