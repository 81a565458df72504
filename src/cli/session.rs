//! One run of the program: surroundings, settings, and the collection in question.

use std::cell::{Cell, OnceCell};
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use super::failure::Failure;
use super::progress::Bar;
use super::{Format, Global};
use crate::config::{Environment, Settings};
use crate::fsio::Lock;
use crate::git::Repo;
use crate::git::ssh::KeySource;
use crate::model::Class;
use crate::ops::collection::{Collection, Error};
use crate::ops::{Context, Durability, Signing};
use crate::pack::Limits;
use crate::trust::Policy;

/// Largest size that a pack can have: there is no ZIP64.
const MAX_SIZE: u64 = u32::MAX as u64 - 1;

/// Surroundings and settings of this run.
pub(super) struct Session {
    pub(super) environment: Environment,
    pub(super) settings: Settings,
    pub(super) context: Context,
    pub(super) format: Format,
    /// Where the collection is that the command is about.
    pub(super) folder: PathBuf,
    /// Whether the command line names it.
    pub(super) named: bool,
    /// Its repository, where there is one.
    repo: Option<Repo>,
}

impl Session {
    /// Looks around and resolves the settings.
    pub(super) fn start(global: Global) -> Result<Self, Failure> {
        let environment = Environment::look().map_err(|error| {
            Failure::new(
                Class::Io,
                "cannot find out the current folder",
                format!("change to a folder that exists: {error}"),
            )
        })?;
        let (folder, repo, settings) = locate(&environment, global.collection.as_deref())?;
        let context = Context {
            home: environment.home.clone(),
            user_home: environment.user_home.clone(),
            claude_config: environment.claude_config(),
            folder: environment.folder.clone(),
            identity: settings.identity.clone(),
            scratch: environment.scratch.clone(),
            now_seconds: environment.now_seconds,
            durability: if settings.synced { Durability::Synced } else { Durability::Lazy },
            audit: settings.audit,
            patience: Duration::from_secs(settings.patience_seconds),
            silence: Duration::from_secs(settings.silence_seconds),
            forge: settings.forge.clone(),
            allowed_sources: settings.allowed_sources.clone(),
            path: environment.get("PATH").cloned().unwrap_or_default(),
            environment: environment.variables.clone(),
            may_prompt: environment.interactive,
            signing: Signing {
                key: settings
                    .signing_key
                    .as_deref()
                    .map(|key| KeySource::from_config(key, Some(&environment.user_home))),
                is_ssh: settings.signs_with_ssh,
                program: settings.signing_program.as_ref().map(PathBuf::from),
            },
            allowed_signers: settings.allowed_signers.clone(),
            revoked_keys: settings.revoked_keys.clone(),
            witnesses: settings.witnesses.clone(),
            witness_threshold: settings.witness_threshold,
            limits: limits(settings.max_mib),
            policy: policy(&settings.policy)?.max(policy(&settings.policy_here)?),
            usual_policy: policy(&settings.usual_policy)?,
            progress: Box::new(Bar::new(!global.quiet && global.format == Format::Human)),
            offline: global.offline,
            traffic: Cell::new(0),
            git: OnceCell::new(),
        };
        let named = global.collection.is_some();
        Ok(Self { environment, settings, context, format: global.format, folder, named, repo })
    }

    /// Opens the collection for reading.
    pub(super) fn collection(&self) -> Result<Collection, Failure> {
        match &self.repo {
            Some(repo) => Ok(Collection::read(repo.handle())?.ok_or_else(|| Error::NoCollection(self.folder.clone()))?),
            None => Ok(Collection::open(&self.folder)?),
        }
    }

    /// Opens the collection for a change; the lock is held until it is dropped.
    pub(super) fn collection_to_change(&self) -> Result<(Collection, Lock), Failure> {
        Ok(self.collection()?.to_change(&self.context)?)
    }

    /// Says whether there is a person to ask.
    pub(super) fn can_ask(&self) -> bool {
        self.environment.interactive && self.format == Format::Human
    }

    /// Asks a question that is answered with yes or no. Without a terminal nobody is asked and the answer is no.
    pub(super) fn confirm(&self, question: &str) -> bool {
        self.ask(&format!("{question} [y/N]")).is_some_and(|answer| matches!(answer.as_str(), "y" | "Y" | "yes"))
    }

    /// Asks a question that is answered with a line. Without a terminal nobody is asked.
    pub(super) fn ask(&self, question: &str) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        self.context.progress.pause();
        let _ = write!(anstream::stderr(), "{question} ");
        let mut answer = String::new();
        // The end of the input is no answer: who asks again on an empty line would ask for ever.
        std::io::stdin().lock().read_line(&mut answer).ok().filter(|read| *read > 0)?;
        Some(answer.trim().to_owned())
    }
}

/// Returns the limits of packs, raised where the configuration raises them; it never lowers them below what others send.
pub(super) fn limits([file, unpacked, pack]: [Option<u64>; 3]) -> Limits {
    let raised = |mib: Option<u64>, least: u64| mib.unwrap_or(0).saturating_mul(1024 * 1024).clamp(least, MAX_SIZE);
    let least = Limits::default();
    Limits {
        file_bytes: raised(file, least.file_bytes),
        unpacked_bytes: raised(unpacked, least.unpacked_bytes),
        pack_bytes: raised(pack, least.pack_bytes),
        files: least.files,
    }
}

/// Returns the policy that the configuration names; a word that is none is not taken for the weakest.
fn policy(word: &Option<String>) -> Result<Policy, Failure> {
    let Some(word) = word else { return Ok(Policy::default()) };
    Policy::of(word).ok_or_else(|| {
        Failure::new(
            Class::Usage,
            format!("'{}' is not a value for skillmeat.policy", word.escape_debug()),
            "write `personal`, `team` or `strict`: `git config --global skillmeat.policy team`",
        )
    })
}

/// Finds the collection: the flag, the repository one stands in, `skillmeat.collection`, the default.
///
/// The flag goes first, since what a person types for this command outweighs where they stand.
fn locate(environment: &Environment, flag: Option<&str>) -> Result<(PathBuf, Option<Repo>, Settings), Failure> {
    let folder = match flag {
        Some(name) => environment.collection_folder(name),
        None => {
            if let Some(repo) = environment.repository()?
                && let Ok(folder) = repo.worktree().map(PathBuf::from)
                && folder.join("collection.toml").is_file()
            {
                let settings = environment.settings(Some(&repo))?;
                return Ok((folder, Some(repo), settings));
            }
            environment.default_collection(&environment.settings(None)?)
        }
    };
    let repo = Repo::open_with(&folder, &environment.overrides).ok();
    let settings = environment.settings(repo.as_ref())?;
    Ok((folder, repo, settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_raised_and_never_lowered() {
        assert_eq!(limits([None; 3]), Limits::default());
        assert_eq!(limits([Some(1), Some(0), Some(1)]), Limits::default());
        let raised = limits([Some(200), Some(2_000), Some(u64::MAX)]);
        assert_eq!((raised.file_bytes, raised.unpacked_bytes), (200 << 20, 2_000 << 20));
        assert_eq!(raised.pack_bytes, MAX_SIZE);
    }
}
