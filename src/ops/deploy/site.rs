//! One place to deploy to: its folder, its record, its lock.

use std::path::{Path, PathBuf};

use super::Error;
use crate::client::{Base, Os, Places, Scope, Target, TargetId};
use crate::fsio::{
    Access, Found, FsError, Lock, Root, Stat, Swap, ensure_folder, read_optional, real_path, remove_beside,
    remove_empty_root, swap,
};
use crate::model::{Deployed, Digest, FileMode, Kind, MAX_DEPLOYED_BYTES, TreePath};
use crate::ops::Context;

/// Our folder in a project.
const OWN: &str = ".skillmeat";

/// What git must not take from our folder: backups may hold what others keep secret in their settings.
const IGNORE: &[u8] = b"# Written by git skillmeat.\n/lock\n/journal.toml\n/stage-*\n/backup/\n";

/// Largest configuration file of a client, in bytes.
const MAX_CONFIG_BYTES: u64 = 50_000_000;

/// Largest deployed file, in bytes: the limit of a file in a bundle.
pub(super) const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// The folder that holds a project's or a client's files, and what we keep beside it.
pub(super) struct Site {
    pub target: &'static Target,
    pub places: Places,
    /// The project, or the client's folder of the user.
    pub base: PathBuf,
    /// Inside of `base`; `None` as long as it does not exist.
    root: Option<Root>,
    /// Where record, journal and backups are: the project, or our own home.
    state: PathBuf,
}

/// A file or folder, as far as it is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnDisk {
    Missing,
    File(FileMode, Digest),
    Other,
}

impl Site {
    /// Opens the site of a target; writes nothing.
    pub fn open(context: &Context, id: &TargetId, project: &Path) -> Result<Self, Error> {
        let target = Target::find(id)?;
        let absolute = |path: &PathBuf| context.folder.join(path);
        let project = context.folder.join(project);
        let overrides = target.overriding().filter_map(|name| {
            let value = context.claude_config.as_ref().filter(|_| name == "CLAUDE_CONFIG_DIR")?;
            Some((name.to_owned(), absolute(value)))
        });
        let places = Places {
            os: if cfg!(target_os = "macos") { Os::Macos } else { Os::Linux },
            bases: [
                (Base::Project, project.clone()),
                (Base::Home, context.user_home.clone()),
                (Base::Config, context.user_home.join(".config")),
            ]
            .into(),
            overrides: overrides.collect(),
        };
        let base = match id.scope {
            Scope::Project => project.clone(),
            Scope::User => client_folder(target, &places)?,
        };
        let state = match id.scope {
            Scope::Project => project,
            Scope::User => context.home.clone(),
        };
        let root = match Root::open(&base) {
            Ok(root) => Some(root),
            Err(FsError::Io { source, .. })
                if id.scope == Scope::User && source.kind() == std::io::ErrorKind::NotFound =>
            {
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { target, places, base, root, state })
    }

    /// Returns the same place with another base.
    pub fn at(&self, base: &str) -> Self {
        let base = PathBuf::from(base);
        let (places, state) = (self.places.clone(), self.state.clone());
        Self { target: self.target, places, root: Root::open(&base).ok(), base, state }
    }

    pub fn scope(&self) -> Scope {
        self.target.id.scope
    }

    /// Returns [`crate::model::Deployment::base`] of what is deployed here.
    pub fn base_text(&self) -> Option<String> {
        (self.scope() == Scope::User).then(|| self.base.to_string_lossy().into_owned())
    }

    /// Returns the folder of a kind, below the base.
    pub fn folder(&self, kind: Kind) -> Result<TreePath, Error> {
        let none = || Error::NoPlace { target: self.target.id.clone(), kind };
        let full = self.target.folder(kind, &self.places).ok_or_else(none)?;
        let below = full.strip_prefix(&self.base).ok().and_then(Path::to_str).ok_or_else(none)?;
        below.parse().map_err(|_| none())
    }

    /// Returns the configuration file of a kind as it is written in the record.
    pub fn config(&self, kind: Kind) -> Result<String, Error> {
        let none = || Error::NoPlace { target: self.target.id.clone(), kind };
        let full = self.target.config_file(kind, &self.places).ok_or_else(none)?;
        let named = match self.scope() {
            Scope::Project => full.strip_prefix(&self.base).ok(),
            Scope::User => Some(full.as_path()),
        };
        named.and_then(Path::to_str).map(str::to_owned).ok_or_else(none)
    }

    /// Returns where a configuration file of the record is.
    ///
    /// In a project only files of the project are: neither the record nor a link, which come with a project from
    /// anywhere, lead out of it. The user's own may be links, as dotfile managers make them.
    fn config_path(&self, config: &str) -> Result<PathBuf, Error> {
        let foreign = || Error::Foreign { path: self.record_path(), place: config.to_owned() };
        if self.scope() == Scope::User {
            let path = PathBuf::from(config);
            return if path.is_absolute() { Ok(path) } else { Err(foreign()) };
        }
        let rel: TreePath = config.parse().map_err(|_| foreign())?;
        let full = self.base.join(config);
        let stat = self.root.as_ref().map_or(Ok(None), |root| root.stat(&rel))?;
        let linked = stat.is_some_and(|stat| stat.found == Found::Other);
        if linked && !real_path(&full).starts_with(real_path(&self.base)) {
            return Err(FsError::Escapes(full).into());
        }
        Ok(full)
    }

    /// Reads a configuration file; `None` when there is none.
    pub fn read_config(&self, config: &str) -> Result<Option<Vec<u8>>, Error> {
        Ok(read_optional(&self.config_path(config)?, MAX_CONFIG_BYTES)?)
    }

    /// Changes a configuration file if it still holds what was read; returns whether it did.
    pub fn swap_config(&self, config: &str, change: &Swap<'_>) -> Result<bool, Error> {
        let access = match self.scope() {
            Scope::Project => Access::Shared,
            Scope::User => Access::Private,
        };
        Ok(swap(&self.config_path(config)?, change, access)?)
    }

    /// Removes what a killed run left beside a configuration file.
    pub fn remove_beside(&self, config: &str, beside: &str) -> Result<(), Error> {
        Ok(remove_beside(&self.config_path(config)?, beside)?)
    }

    pub fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// Makes the base where it is missing; returns the root and whether the base was made.
    pub fn make_root(&mut self) -> Result<bool, Error> {
        if self.root.is_some() {
            return Ok(false);
        }
        ensure_folder(&self.base)?;
        self.root = Some(Root::open(&self.base)?);
        Ok(true)
    }

    /// Takes the base away when it is empty.
    pub fn remove_root(&mut self) -> Result<(), Error> {
        self.root = None;
        Ok(remove_empty_root(&self.base)?)
    }

    /// Returns what stands at a path.
    pub fn stat(&self, path: &TreePath) -> Result<Option<Stat>, Error> {
        Ok(self.root.as_ref().map_or(Ok(None), |root| root.stat(path))?)
    }

    /// Looks at a file.
    pub fn look(&self, path: &TreePath) -> Result<OnDisk, Error> {
        let Some(root) = &self.root else { return Ok(OnDisk::Missing) };
        match root.stat(path)?.map(|stat| stat.found) {
            None => Ok(OnDisk::Missing),
            Some(Found::File(_)) => match root.read(path, MAX_FILE_BYTES) {
                Ok(None) => Ok(OnDisk::Missing),
                Ok(Some((mode, bytes))) => Ok(OnDisk::File(mode, Digest::of(&bytes))),
                Err(FsError::TooLarge { .. }) => Ok(OnDisk::Other),
                Err(error) => Err(error.into()),
            },
            Some(_) => Ok(OnDisk::Other),
        }
    }

    fn named(&self, project: &str, user: &str) -> TreePath {
        let text = if self.scope() == Scope::Project { format!("{OWN}/{project}") } else { user.to_owned() };
        text.parse().expect("our own names are plain")
    }

    pub fn record_name(&self) -> TreePath {
        self.named("deployed.toml", "deployed.toml")
    }

    pub fn journal_name(&self) -> TreePath {
        self.named("journal.toml", "deploy-journal.toml")
    }

    pub fn backup_name(&self) -> TreePath {
        self.named("backup", "backup")
    }

    /// Returns where new stages go: folders below the base whose path starts so.
    pub fn stage_prefix(&self) -> TreePath {
        self.named("stage-", ".skillmeat-stage-")
    }

    pub fn state_path(&self, name: &TreePath) -> PathBuf {
        self.state.join(name.as_str())
    }

    pub fn record_path(&self) -> PathBuf {
        self.state_path(&self.record_name())
    }

    /// Opens the folder of record and journal; `None` when there is none.
    pub fn state(&self) -> Result<Option<Root>, Error> {
        match Root::open(&self.state) {
            Ok(root) => Ok(Some(root)),
            Err(FsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a file of our own, following no link.
    pub fn read_state(&self, name: &TreePath) -> Result<Option<Vec<u8>>, Error> {
        let Some(state) = self.state()? else { return Ok(None) };
        Ok(state.read(name, MAX_DEPLOYED_BYTES)?.map(|(_, bytes)| bytes))
    }

    /// Writes a file of our own; a whole run is made durable at once.
    pub fn write_state(&self, name: &TreePath, bytes: &[u8]) -> Result<(), Error> {
        let state = self.state()?.ok_or_else(|| FsError::Escapes(self.state.clone()))?;
        Ok(state.replace(name, FileMode::Regular, bytes)?)
    }

    /// Waits until everything of a run is on disk.
    pub fn make_durable(&self, context: &Context) -> Result<(), Error> {
        context.make_durable(&self.base)?;
        if self.state == self.base { Ok(()) } else { Ok(context.make_durable(&self.state)?) }
    }

    /// Removes what a killed run left beside the files of our own; the lock must be held.
    pub fn remove_unfinished(&self) -> Result<(), Error> {
        let Some(state) = self.state()? else { return Ok(()) };
        for name in [self.record_name(), self.journal_name()] {
            Root::beside(&name).map_or(Ok(()), |beside| state.remove(&beside))?;
        }
        Ok(())
    }

    /// Reads the record: its bytes, and what it says.
    pub fn record(&self) -> Result<(Option<Vec<u8>>, Deployed), Error> {
        let bytes = self.read_state(&self.record_name())?;
        let parsed = bytes.as_deref().map_or_else(|| Ok(Deployed::default()), Deployed::parse);
        let record = parsed.map_err(|source| Error::Record { path: self.record_path(), source })?;
        self.check(&record)?;
        Ok((bytes, record))
    }

    /// Refuses a record that names places where its target keeps no artifacts: a project comes from anywhere.
    fn check(&self, record: &Deployed) -> Result<(), Error> {
        for deployment in self.own(record) {
            let kind = deployment.artifact.kind;
            let foreign = |place: &str| Error::Foreign { path: self.record_path(), place: place.to_owned() };
            for file in &deployment.files {
                if file.path.below(&self.folder(kind)?).is_none() {
                    return Err(foreign(file.path.as_str()));
                }
            }
            for entry in &deployment.entries {
                if self.config(kind)? != entry.config {
                    return Err(foreign(&entry.config));
                }
            }
        }
        Ok(())
    }

    /// Returns the deployments of a record that are at this site.
    pub fn own<'r>(&self, record: &'r Deployed) -> impl Iterator<Item = &'r crate::model::Deployment> {
        let (target, base) = (self.target.id.to_string(), self.base_text());
        record.deployments.iter().filter(move |d| d.target == target && d.base == base)
    }

    /// Takes the lock, making our folder.
    pub fn lock(&self, context: &Context) -> Result<Lock, Error> {
        let path = self.state_path(&self.named("lock", "deploy-lock"));
        loop {
            self.make_own()?;
            let lock = match Lock::take(&path, context.patience) {
                // The last deployment was taken away, and our folder with it, in this moment.
                Err(FsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => continue,
                other => other?,
            };
            if lock.is_at(&path) {
                return Ok(lock);
            }
        }
    }

    fn make_own(&self) -> Result<(), Error> {
        if self.scope() == Scope::User {
            return Ok(ensure_folder(&self.state)?);
        }
        if let Some(root) = &self.root {
            root.make_folder(&OWN.parse().expect("a plain name"))?;
        }
        Ok(())
    }

    /// Keeps git from taking our lock, stages and backups.
    pub fn ignore_own(&self) -> Result<(), Error> {
        let name: TreePath = format!("{OWN}/.gitignore").parse().expect("a plain name");
        match &self.root {
            Some(root) if self.scope() == Scope::Project && root.stat(&name)?.is_none() => {
                Ok(root.write(&name, FileMode::Regular, IGNORE)?)
            }
            _ => Ok(()),
        }
    }

    /// Takes our folder out of a project when it holds nothing that somebody needs; the lock must be held.
    pub fn tidy(&self) -> Result<(), Error> {
        let Some(root) = self.root.as_ref().filter(|_| self.scope() == Scope::Project) else { return Ok(()) };
        let name = |name: &str| format!("{OWN}/{name}").parse::<TreePath>().expect("a plain name");
        let left = root.list(OWN)?;
        if left.iter().any(|(name, _)| name != "lock" && name != ".gitignore") {
            return Ok(());
        }
        match root.read(&name(".gitignore"), 4096)? {
            Some((_, bytes)) if bytes != IGNORE => return Ok(()),
            _ => root.remove(&name(".gitignore"))?,
        }
        root.remove(&name("lock"))?;
        Ok(root.prune(OWN, "")?)
    }
}

/// Returns the folder that holds all files of a client of the user.
fn client_folder(target: &'static Target, places: &Places) -> Result<PathBuf, Error> {
    let folder = Kind::ALL.into_iter().find_map(|kind| target.folder(kind, places)?.parent().map(Path::to_owned));
    folder.ok_or_else(|| Error::NoPlace { target: target.id.clone(), kind: Kind::Skill })
}
