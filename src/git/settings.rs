//! git's configuration, read in process.

use std::path::{Path, PathBuf};

use gix::config::file::Metadata;
use gix::config::source::Kind;
use gix::config::{File, Source};

use super::{GitError, Repo};
use crate::fsio::{Access, read, write_atomic};

/// Settings of all levels that apply: system, global, those of a repository if there is one, `git -c`, environment.
#[derive(Debug, Clone)]
pub struct GitConfig {
    file: File,
    from: From,
}

/// Which of the levels count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// All of them.
    Everywhere,
    /// Not those of the repository: what is in one may have come with it.
    User,
    /// Of those of the user, what stands in files.
    Files,
}

impl From {
    fn takes(self, meta: &Metadata) -> bool {
        match (self, meta.source.kind()) {
            (From::Everywhere, _) => true,
            (_, Kind::Repository) | (From::Files, Kind::Override) => false,
            _ => true,
        }
    }
}

/// How deep `include.path` may nest: git's own limit.
const MAX_INCLUDE_DEPTH: u8 = 10;

impl GitConfig {
    /// Reads the settings that apply outside a repository. `overrides` are the `key=value` pairs of `git -c`.
    ///
    /// # Errors
    /// [`GitError::Gix`] for a file that is not git configuration.
    pub fn global(home: &Path, overrides: &[String]) -> Result<Self, GitError> {
        let doing = || "read git's configuration";
        // `File::from_globals` would start a git process to find the installation's file.
        let metas = [Source::System, Source::Git, Source::User].into_iter().map(|source| gix::config::file::Metadata {
            path: source.storage_location(&mut |key| std::env::var_os(key)).filter(|path| path.is_file()),
            source,
            level: 0,
            trust: gix::sec::Trust::Full,
        });
        let mut options = gix::config::file::init::Options::default();
        options.includes.max_depth = MAX_INCLUDE_DEPTH;
        options.includes.interpolate.home_dir = Some(home);
        let mut file = File::from_paths_metadata(metas, options).map_err(GitError::doing(doing()))?.unwrap_or_default();
        let environment = File::from_environment_overrides().map_err(GitError::doing(doing()))?;
        file.append(environment).map_err(GitError::doing(doing()))?;
        let mut given = File::new(Metadata::from(Source::Cli));
        for pair in overrides {
            let (key, value) = pair.split_once('=').unwrap_or((pair, "true"));
            given.set_raw_value(key, value).map_err(GitError::doing(doing()))?;
        }
        file.append(given).map_err(GitError::doing(doing()))?;
        Ok(Self { file, from: From::Everywhere })
    }

    /// Returns the settings without those of the repository: who is believed and what is run is for the user to say.
    pub fn of_user(&self) -> Self {
        Self { file: self.file.clone(), from: From::User }
    }

    /// As [`GitConfig::of_user`], without `git -c` and the environment.
    pub fn of_user_files(&self) -> Self {
        Self { file: self.file.clone(), from: From::Files }
    }

    /// Returns the last value of a key such as `user.name`; an empty one counts as none.
    pub fn text(&self, key: &str) -> Option<String> {
        let value = self.file.string_filter(key, |meta| self.from.takes(meta));
        value.map(|value| value.to_string()).filter(|value| !value.is_empty())
    }

    /// Returns a key as a path, `~` replaced by the home folder.
    pub fn path(&self, key: &str, home: &Path) -> Option<PathBuf> {
        self.text(key).map(|text| under(&text, home))
    }

    /// Returns all values of a key that may be given several times, as paths, `~` replaced by the home folder.
    pub fn paths(&self, key: &str, home: &Path) -> Vec<PathBuf> {
        self.texts(key).iter().map(|value| under(value, home)).collect()
    }

    /// Returns all values of a key that may be given several times.
    pub fn texts(&self, key: &str) -> Vec<String> {
        let values = self.file.strings_filter(key, |meta| self.from.takes(meta));
        values.unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    /// Returns a key as a truth value; `None` when it is not set or is none.
    pub fn truth(&self, key: &str) -> Option<bool> {
        self.file.boolean_filter(key, |meta| self.from.takes(meta)).ok().flatten()
    }
}

/// Longest configuration of one repository, in bytes.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;

fn under(text: &str, home: &Path) -> PathBuf {
    text.strip_prefix("~/").map_or_else(|| PathBuf::from(text), |rest| home.join(rest))
}

impl Repo {
    /// Returns the settings that apply in this repository.
    pub fn config(&self) -> GitConfig {
        GitConfig { file: self.inner.config_snapshot().plumbing().clone(), from: From::Everywhere }
    }

    /// Gives each `section.key` its value in the repository's own configuration, where it has not that already; returns those
    /// that were changed. What stands there stays, and the last value is the one that counts.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`] for a file that is not git configuration.
    pub fn set_own(&self, settings: &[(&str, &str, &str)]) -> Result<Vec<String>, GitError> {
        let path = self.git_folder().join("config");
        let mut text = String::from_utf8_lossy(&read(&path, MAX_CONFIG_BYTES)?).into_owned();
        let doing = GitError::doing::<gix::Error>("read the configuration of the repository");
        let now = File::try_from(text.as_str()).map_err(|error| doing(gix::Error::from_error(error)))?;
        let mut changed = Vec::new();
        for (section, key, value) in settings {
            let name = format!("{section}.{key}");
            // `true` has other spellings.
            let is_on = *value == "true" && matches!(now.boolean(name.as_str()), Ok(Some(true)));
            if !is_on && now.string(name.as_str()).is_none_or(|there| there.as_slice() != value.as_bytes()) {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                text.push_str(&format!("[{section}]\n\t{key} = {value}\n"));
                changed.push(name);
            }
        }
        if !changed.is_empty() {
            write_atomic(&path, text.as_bytes(), Access::Shared)?;
        }
        Ok(changed)
    }
}
