//! From the environment and git's configuration to resolved settings (level 3).
//!
//! The only place that reads environment variables and the clock. Settings are git configuration (`skillmeat.*`),
//! so that system, global and local files, `git -c` and `GIT_CONFIG_COUNT` all work.

#![allow(clippy::disallowed_methods, reason = "this module owns the environment and the clock")]

mod parameters;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use crate::git::{GitConfig, GitError, Identity, Person, Repo};

/// The zone of this machine, as libc reads it.
const LOCAL_ZONE: &str = "/etc/localtime";

/// Largest zone file read, in bytes: a hundred times the largest there is.
const MAX_ZONE_BYTES: u64 = 1024 * 1024;

/// Returns the offset of local time from UTC at a moment, in seconds.
///
/// Without `TZ` one file says it. With it, the database of zones is opened, which takes some milliseconds.
fn offset_at(seconds: i64) -> i32 {
    if std::env::var_os("TZ").is_some_and(|zone| !zone.is_empty()) {
        return gix::date::Time::now_local_or_utc().offset;
    }
    let bytes = crate::fsio::read(Path::new(LOCAL_ZONE), MAX_ZONE_BYTES).unwrap_or_default();
    let zone = jiff::tz::TimeZone::tzif("Local", &bytes).ok();
    let moment = jiff::Timestamp::from_second(seconds).ok();
    zone.zip(moment).map_or(0, |(zone, moment)| zone.to_offset(moment).seconds())
}

/// Where shorthand sources such as `owner/repo` live when `skillmeat.forge` does not say otherwise.
const DEFAULT_FORGE: &str = "https://github.com";

/// How long a lock of another process is waited for when `skillmeat.lockTimeout` (seconds) does not say otherwise.
const DEFAULT_PATIENCE_SECONDS: u64 = 10;

/// How long a remote may send nothing when `skillmeat.networkTimeout` (seconds) does not say otherwise: one that packs a
/// large repository is silent for minutes.
const DEFAULT_SILENCE_SECONDS: u64 = 300;

/// What the process was started with.
#[derive(Debug, Clone)]
pub struct Environment {
    /// All variables.
    pub variables: Vec<(OsString, OsString)>,
    /// The folder it was started in.
    pub folder: PathBuf,
    /// The user's home folder.
    pub user_home: PathBuf,
    /// `$SKILLMEAT_HOME`, or `.skillmeat` in the home folder.
    pub home: PathBuf,
    /// Folder for temporary files.
    pub scratch: PathBuf,
    /// The moment it started, in seconds since 1970.
    pub now_seconds: i64,
    /// Offset of the local time from UTC, in seconds.
    pub offset_seconds: i32,
    /// Whether a person can answer: standard input and standard error are a terminal.
    pub interactive: bool,
    /// `key=value` settings of `git -c`.
    pub overrides: Vec<String>,
}

/// Settings after all sources were taken together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who commits; `None` when git has no `user.name` and `user.email`.
    pub identity: Option<Identity>,
    /// The editor, in git's order: `GIT_EDITOR`, `core.editor`, `VISUAL`, `EDITOR`.
    pub editor: Option<String>,
    /// `user.signingKey`: a file, or `key::` and a public key.
    pub signing_key: Option<String>,
    /// Whether `gpg.format` is `ssh`.
    pub signs_with_ssh: bool,
    /// Whether `gpg.format` has a value at all.
    pub signing_format_is_set: bool,
    /// `gpg.ssh.program`.
    pub signing_program: Option<String>,
    /// `gpg.ssh.allowedSignersFile`, or `allowed_signers` in our home.
    pub allowed_signers: PathBuf,
    /// Whether it is git's setting that names that list.
    pub allowed_signers_is_set: bool,
    /// `gpg.ssh.revocationFile`.
    pub revoked_keys: Option<PathBuf>,
    /// `skillmeat.forge`.
    pub forge: String,
    /// `skillmeat.allowSource`, once for each: addresses that may be read when `collection.toml` names them.
    pub allowed_sources: Vec<String>,
    /// `skillmeat.project`, once for each: projects that are searched with `--projects`.
    pub projects: Vec<PathBuf>,
    /// `skillmeat.audit`: whether the trail of what changed is kept.
    pub audit: bool,
    /// `skillmeat.witness`, once for each: statements of others who saw ledgers.
    pub witnesses: Vec<PathBuf>,
    /// `skillmeat.witnessThreshold`: how many of them have to have seen the same.
    pub witness_threshold: usize,
    /// `skillmeat.maxFile`, `skillmeat.maxUnpacked` and `skillmeat.maxPack`, in MiB: the largest file, sum of files, and pack,
    /// where they are larger than what is set without them.
    pub max_mib: [Option<u64>; 3],
    /// `skillmeat.policy`, as it is written; `personal` where it is not.
    pub policy: Option<String>,
    /// The same in the configuration of a repository, which may ask for more and not for less.
    pub policy_here: Option<String>,
    /// The same in the user's files, without what was said for this command.
    pub usual_policy: Option<String>,
    /// `skillmeat.collection`: name or path of the collection used outside of one.
    pub collection: Option<String>,
    /// `skillmeat.minisignKey`: the secret key that packs are signed with too.
    pub minisign_key: Option<PathBuf>,
    /// `skillmeat.allowOtherRefs`: whether the server of a vault takes refs that a vault has no use for.
    pub allow_other_refs: bool,
    /// `skillmeat.durability` is not `lazy`.
    pub synced: bool,
    /// `skillmeat.networkTimeout`: how long nothing may come from a remote or go to it, in seconds.
    pub silence_seconds: u64,
    /// `skillmeat.lockTimeout`, in seconds.
    pub patience_seconds: u64,
}

impl Environment {
    /// Looks at the process's surroundings.
    ///
    /// # Errors
    /// An I/O error when the current folder is gone.
    pub fn look() -> std::io::Result<Self> {
        let variables: Vec<_> = std::env::vars_os().collect();
        let get = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let user_home = get("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
        let now = gix::date::Time::now_utc();
        Ok(Self {
            folder: std::env::current_dir()?,
            scratch: std::env::temp_dir(),
            home: get("SKILLMEAT_HOME").map_or_else(|| user_home.join(".skillmeat"), PathBuf::from),
            user_home,
            now_seconds: now.seconds,
            offset_seconds: offset_at(now.seconds),
            interactive: std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
            overrides: get("GIT_CONFIG_PARAMETERS")
                .map(|text| parameters::parse(&text.to_string_lossy()))
                .unwrap_or_default(),
            variables,
        })
    }

    /// Returns the words of the command line.
    pub fn arguments() -> Vec<OsString> {
        std::env::args_os().collect()
    }

    /// Returns a variable; an empty one counts as none.
    pub fn get(&self, name: &str) -> Option<&OsString> {
        self.variables.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.to_string_lossy().into_owned())
    }

    /// Returns the settings that apply in `repo`, or outside any repository.
    ///
    /// # Errors
    /// [`GitError`] for configuration that cannot be read.
    pub fn settings(&self, repo: Option<&Repo>) -> Result<Settings, GitError> {
        let config = match repo {
            Some(repo) => repo.config(),
            None => GitConfig::global(&self.user_home, &self.overrides)?,
        };
        // A repository may have come with its configuration. It does not say who is believed, and what is run.
        let (user, files) = (config.of_user(), config.of_user_files());
        let home = self.user_home.as_path();
        let seconds = |key: &str| config.text(key).and_then(|text| text.parse().ok());
        Ok(Settings {
            identity: self.identity(&config),
            editor: self
                .text("GIT_EDITOR")
                .or_else(|| user.text("core.editor"))
                .or_else(|| self.text("VISUAL"))
                .or_else(|| self.text("EDITOR")),
            signing_key: config.text("user.signingkey"),
            signs_with_ssh: config.text("gpg.format").is_some_and(|format| format == "ssh"),
            signing_format_is_set: config.text("gpg.format").is_some(),
            allowed_signers_is_set: user.text("gpg.ssh.allowedsignersfile").is_some(),
            signing_program: user.text("gpg.ssh.program"),
            allowed_signers: user
                .path("gpg.ssh.allowedsignersfile", home)
                .unwrap_or_else(|| self.home.join("allowed_signers")),
            revoked_keys: user
                .path("gpg.ssh.revocationfile", home)
                .or_else(|| config.path("gpg.ssh.revocationfile", home)),
            forge: config.text("skillmeat.forge").unwrap_or_else(|| DEFAULT_FORGE.to_owned()),
            collection: config.text("skillmeat.collection"),
            allowed_sources: config.texts("skillmeat.allowsource"),
            projects: config.paths("skillmeat.project", home),
            witnesses: user.paths("skillmeat.witness", home),
            witness_threshold: user
                .text("skillmeat.witnessthreshold")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
            max_mib: ["skillmeat.maxfile", "skillmeat.maxunpacked", "skillmeat.maxpack"].map(seconds),
            policy: user.text("skillmeat.policy"),
            policy_here: config.text("skillmeat.policy"),
            usual_policy: files.text("skillmeat.policy"),
            minisign_key: config.path("skillmeat.minisignkey", home),
            audit: config.truth("skillmeat.audit").unwrap_or(true),
            allow_other_refs: config.truth("skillmeat.allowotherrefs").unwrap_or(false),
            synced: config.text("skillmeat.durability").is_none_or(|value| value != "lazy"),
            silence_seconds: seconds("skillmeat.networktimeout").unwrap_or(DEFAULT_SILENCE_SECONDS),
            patience_seconds: seconds("skillmeat.locktimeout").unwrap_or(DEFAULT_PATIENCE_SECONDS),
        })
    }

    /// Returns who commits, by git's rules: environment, then `author.*`/`committer.*`, then `user.*`.
    ///
    /// git also guesses from the host name; a guess in a signed release is worse than a question, so we do not.
    fn identity(&self, config: &GitConfig) -> Option<Identity> {
        let person = |role: &str| {
            let upper = role.to_uppercase();
            let part = |what: &str| {
                self.text(&format!("GIT_{upper}_{}", what.to_uppercase()))
                    .or_else(|| config.text(&format!("{role}.{what}")))
                    .or_else(|| config.text(&format!("user.{what}")))
                    .map(|text| text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\0')).collect())
            };
            Some(Person { name: part("name")?, email: part("email").or_else(|| self.text("EMAIL"))? })
        };
        let given = self.text("GIT_COMMITTER_DATE").and_then(|text| gix::date::parse(&text, None).ok());
        let (seconds, offset_seconds) =
            given.map_or((self.now_seconds, self.offset_seconds), |time| (time.seconds, time.offset));
        Some(Identity { author: person("author")?, committer: person("committer")?, seconds, offset_seconds })
    }

    /// Returns the folder of a collection given by name or path.
    pub fn collection_folder(&self, name_or_path: &str) -> PathBuf {
        let looks_like_path = name_or_path.contains('/') || name_or_path.starts_with('.');
        if looks_like_path || self.folder.join(name_or_path).join("collection.toml").is_file() {
            return self.folder.join(name_or_path);
        }
        self.home.join("collections").join(name_or_path)
    }

    /// Returns the folder of the collection used when nothing names one.
    pub fn default_collection(&self, settings: &Settings) -> PathBuf {
        self.collection_folder(settings.collection.as_deref().unwrap_or("default"))
    }

    /// Returns the folder of the user's Claude Code files where a variable moves it.
    pub fn claude_config(&self) -> Option<PathBuf> {
        self.get("CLAUDE_CONFIG_DIR").map(PathBuf::from)
    }

    /// Returns the repository that the process was started in.
    ///
    /// # Errors
    /// [`GitError::NotOurs`], [`GitError::Gix`].
    pub fn repository(&self) -> Result<Option<Repo>, GitError> {
        Repo::discover(&self.folder, &self.overrides)
    }

    /// Makes a path of the command line absolute.
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.folder.join(path)
    }
}
