//! What every use case is given.

use std::cell::{Cell, OnceCell};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fsio::{FsError, sync_store};
use crate::git::ssh::{KeySource, Prompt, SshKeygen};
use crate::git::{Git, GitError, Identity, Person, Remote, find_program};
use crate::pack::Limits;
use crate::trust::Policy;

/// Told how far long work has come.
pub trait Progress {
    /// `done` of `total` are through; `total` is `None` where it is not known.
    fn step(&self, what: &str, done: u64, total: Option<u64>);

    /// Something that a person must know although the work was done.
    fn warn(&self, what: &str);

    /// A person is asked now: nothing is drawn before the next step.
    fn pause(&self);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn step(&self, _what: &str, _done: u64, _total: Option<u64>) {}

    fn warn(&self, _what: &str) {}

    fn pause(&self) {}
}

/// Whether a command waits until its work is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The store is synced before refs move and again before success is reported.
    Synced,
    /// The system writes when it likes: for tests, benchmarks and throw-away collections.
    Lazy,
}

/// How git is configured to sign.
#[derive(Debug, Clone, Default)]
pub struct Signing {
    /// `user.signingKey`.
    pub key: Option<KeySource>,
    /// Whether `gpg.format` is `ssh`.
    pub is_ssh: bool,
    /// `gpg.ssh.program`, where it is set.
    pub program: Option<PathBuf>,
}

/// Resolved options, and the outside world as far as use cases may see it.
pub struct Context {
    /// `$SKILLMEAT_HOME`: collections, vault stores, fetched sources, records of user-wide deployments.
    pub home: PathBuf,
    /// The user's home folder, for user-wide targets.
    pub user_home: PathBuf,
    /// Folder of Claude Code's user-wide files where `CLAUDE_CONFIG_DIR` moves it.
    pub claude_config: Option<PathBuf>,
    /// Folder that relative paths of the command line start from.
    pub folder: PathBuf,
    /// Who commits; `None` when git has no `user.name` and `user.email`.
    pub identity: Option<Identity>,
    /// Folder for files that live as long as one call.
    pub scratch: PathBuf,
    /// The moment of this command: seconds since 1970, UTC.
    pub now_seconds: i64,
    /// Whether success waits for the disk.
    pub durability: Durability,
    /// Whether the trail of what changed is kept.
    pub audit: bool,
    /// How long a lock of another process is waited for.
    pub patience: Duration,
    /// How long a remote may send nothing before it is given up.
    pub silence: Duration,
    /// Where shorthand sources such as `owner/repo` live.
    pub forge: String,
    /// Addresses on this machine, and unprotected ones, that may be read when `collection.toml` names them.
    pub allowed_sources: Vec<String>,
    /// The `PATH` on which programs are looked for.
    pub path: OsString,
    /// The caller's environment, for the programs that get it.
    pub environment: Vec<(OsString, OsString)>,
    /// Whether a program may ask on the terminal.
    pub may_prompt: bool,
    /// How releases are signed.
    pub signing: Signing,
    /// The list of allowed signers.
    pub allowed_signers: PathBuf,
    /// The list of revoked keys, where one is configured.
    pub revoked_keys: Option<PathBuf>,
    /// Statements of others who saw ledgers.
    pub witnesses: Vec<PathBuf>,
    /// How many of them have to have seen the same.
    pub witness_threshold: usize,
    /// How much a pack may hold.
    pub limits: Limits,
    /// What is asked of a release before it is taken.
    pub policy: Policy,
    /// What the user's files ask, whatever was said for this command: a release that reaches less is recorded as one.
    pub usual_policy: Policy,
    /// Told how far long work has come.
    pub progress: Box<dyn Progress>,
    /// Whether the network is left alone.
    pub offline: bool,
    /// Bytes that were fetched by this command.
    pub traffic: Cell<u64>,
    /// The `git` program, once it was needed.
    pub git: OnceCell<Git>,
}

impl Context {
    /// Returns the `git` program; read paths never call this.
    ///
    /// # Errors
    /// [`GitError::NoProgram`], [`GitError::TooOld`].
    pub fn git(&self) -> Result<&Git, GitError> {
        if let Some(git) = self.git.get() {
            return Ok(git);
        }
        let git = Git::find(&self.path, self.environment.clone(), self.may_prompt, self.silence)?;
        Ok(self.git.get_or_init(|| git))
    }

    /// As [`Context::git`], for a call that uses the network.
    ///
    /// # Errors
    /// As [`Context::git`], and [`GitError::Offline`].
    pub fn network(&self) -> Result<&Git, GitError> {
        if self.offline { Err(GitError::Offline) } else { self.git() }
    }

    /// As [`Context::git`], for a call that uses what is at an address: what is on this machine needs no network.
    ///
    /// # Errors
    /// As [`Context::network`].
    pub fn git_for(&self, remote: &Remote) -> Result<&Git, GitError> {
        if remote.is_local() { self.git() } else { self.network() }
    }

    /// Returns who stands in the log of refs of our own stores, which nobody else reads: a user whom git does not know can
    /// still fetch.
    pub fn recorder(&self) -> Identity {
        let program = || Person { name: "git-skillmeat".to_owned(), email: String::new() };
        self.identity.clone().unwrap_or_else(|| Identity {
            author: program(),
            committer: program(),
            seconds: self.now_seconds,
            offset_seconds: 0,
        })
    }

    /// Counts bytes that were fetched.
    pub fn fetched(&self, bytes: u64) {
        self.traffic.set(self.traffic.get() + bytes);
    }

    /// Returns the program that signs.
    ///
    /// # Errors
    /// [`GitError::NoProgram`] when `ssh-keygen` is not on the path and no other program is configured.
    pub fn ssh_keygen(&self) -> Result<SshKeygen, GitError> {
        let program = match &self.signing.program {
            Some(program) if program.is_absolute() => program.clone(),
            _ => find_program("ssh-keygen", &self.path)?,
        };
        Ok(SshKeygen::new(program, &self.scratch, self.environment.clone()))
    }

    /// Returns whether a program may ask for a passphrase.
    pub fn prompt(&self) -> Prompt {
        if self.may_prompt { Prompt::Allow } else { Prompt::Never }
    }

    /// Waits until everything written below `folder` is on disk, unless told not to.
    ///
    /// # Errors
    /// [`FsError::Io`]; success must then not be reported.
    pub fn make_durable(&self, folder: &Path) -> Result<(), FsError> {
        match self.durability {
            Durability::Synced => sync_store(folder),
            Durability::Lazy => Ok(()),
        }
    }
}
