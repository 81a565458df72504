//! The one builder for the `git` program.
//!
//! Two profiles (`schema/threats.md`, section 3). Both: the caller's `GIT_*` variables do not reach git, standard input is closed,
//! messages are in English, prompts need a terminal, replace objects are off. The program is found once, by an
//! absolute path.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use super::{GitError, Repo};
use crate::model::hidden;

/// Oldest git that has every setting used here: `safe.bareRepository` came with 2.38.
const MINIMUM: (u32, u32) = (2, 38);

/// Longest text taken from git's stderr into an error, in bytes.
const MAX_STDERR_BYTES: usize = 64 * 1024;

/// How a git process is shut in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For ls-remote, fetch and push: the user's configuration stays in force, since credential helpers, proxies
    /// and ssh settings live there. Names the protocols that may be used.
    Transport {
        /// Value of `GIT_ALLOW_PROTOCOL`.
        protocols: &'static str,
    },
    /// For everything else: no configuration but the repository's own.
    Closed,
    /// For what the user has configured to be run, such as a merge tool: their configuration, and the terminal.
    User,
}

/// The `git` program and the environment it gets.
#[derive(Debug, Clone)]
pub struct Git {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// What the user has set with `git -c`, or by variables, for this command.
    overrides: Vec<(OsString, OsString)>,
    /// Whether git may ask for a password on the terminal.
    may_prompt: bool,
    /// How long a remote may send nothing.
    silence: Duration,
}

impl Git {
    /// Finds git on `path`, checks its version, and remembers the environment it may see.
    ///
    /// Of `environment`, the variables starting `GIT_` are dropped, except the few that say where the user's
    /// configuration is.
    ///
    /// # Errors
    /// [`GitError::NoProgram`], [`GitError::TooOld`].
    pub fn find(
        path: &OsStr,
        environment: Vec<(OsString, OsString)>,
        may_prompt: bool,
        silence: Duration,
    ) -> Result<Self, GitError> {
        let program = find_program("git", path)?;
        let overrides = environment.iter().filter(|(key, _)| is_override(key)).cloned().collect();
        let environment = environment.into_iter().filter(|(key, _)| is_passed(key)).collect();
        let git = Self { program, environment, overrides, may_prompt, silence };
        git.check_version()?;
        Ok(git)
    }

    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    fn check_version(&self) -> Result<(), GitError> {
        let mut command = self.command(Profile::Closed);
        command.arg("version");
        let output = self.run(command, "version")?;
        let text = String::from_utf8_lossy(&output.stdout).trim().trim_start_matches("git version ").to_owned();
        let mut numbers = text.split(['.', ' ', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version < MINIMUM {
            return Err(GitError::TooOld { found: text, needed: format!("{}.{}", MINIMUM.0, MINIMUM.1) });
        }
        Ok(())
    }

    /// Returns a command with the settings of `profile`; the caller adds the subcommand and its arguments.
    pub(super) fn command(&self, profile: Profile) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.env("LC_ALL", "C").env("GIT_NO_REPLACE_OBJECTS", "1").stdin(Stdio::null());
        if !self.may_prompt {
            command.env("GIT_TERMINAL_PROMPT", "0").env("SSH_ASKPASS_REQUIRE", "never");
            command.env("GIT_ASKPASS", "true");
        }
        match profile {
            Profile::Transport { protocols } => {
                command.env("GIT_ALLOW_PROTOCOL", protocols);
                // Part of the user's configuration; what is set below comes later and outweighs it.
                command.envs(self.overrides.iter().map(|(key, value)| (key, value)));
                for setting in [
                    "core.hooksPath=/dev/null",
                    "core.fsmonitor=false",
                    "transfer.fsckObjects=true",
                    "fetch.recurseSubmodules=false",
                    "submodule.recurse=false",
                    "gc.auto=0",
                    "maintenance.auto=false",
                    "core.fsync=all",
                    "safe.bareRepository=explicit",
                    "transfer.credentialsInUrl=die",
                    "protocol.ext.allow=never",
                    "http.followRedirects=false",
                    "push.gpgSign=false",
                    "push.followTags=false",
                ] {
                    command.arg("-c").arg(setting);
                }
            }
            Profile::User => drop(command.envs(self.overrides.iter().map(|(key, value)| (key, value)))),
            Profile::Closed => {
                command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
                command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
            }
        }
        command
    }

    /// Returns a command that works on the given bare repository or `.git` folder.
    pub(super) fn command_in(&self, profile: Profile, git_folder: &Path) -> Command {
        let mut command = self.command(profile);
        command.arg("--git-dir").arg(git_folder);
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// [`GitError::Process`] when git reports failure, [`GitError::NoProgram`] when it cannot be started.
    pub(super) fn run(&self, mut command: Command, name: &str) -> Result<Output, GitError> {
        let output = command.output().map_err(|_| GitError::NoProgram("git"))?;
        if output.status.success() {
            return Ok(output);
        }
        Err(GitError::Process { command: name.to_owned(), stderr: escaped(&output.stderr) })
    }
}

impl Git {
    /// Sets a key of the user's own configuration, as `git config --global` does.
    ///
    /// # Errors
    /// [`GitError::Process`].
    pub fn set_global(&self, key: &str, value: &str) -> Result<(), GitError> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(key, value)| (key, value))).stdin(Stdio::null());
        command.args(["config", "--global", key, value]);
        self.run(command, "config").map(drop)
    }
}

impl Git {
    /// Sets a key of a repository's own configuration, as `git config --local` does.
    ///
    /// # Errors
    /// [`GitError::Process`].
    pub fn set_local(&self, repo: &Repo, key: &str, value: &str) -> Result<(), GitError> {
        let mut command = self.command_in(Profile::Closed, repo.git_folder());
        command.args(["config", "--local", key, value]);
        self.run(command, "config").map(drop)
    }
}

/// Says whether a variable of the caller reaches git.
fn is_passed(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    let configuration = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_ASKPASS"];
    // Where certificates are; none of them names a program.
    let certificates = ["GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "GIT_PROXY_SSL_CAINFO"];
    !key.starts_with("GIT_") || configuration.contains(&&*key) || certificates.contains(&&*key)
}

/// Says whether a variable holds settings of `git -c`, in one of the two forms that git knows.
fn is_override(key: &OsStr) -> bool {
    let key = key.to_string_lossy();
    let numbered = ["GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"].iter().any(|start| key.starts_with(start));
    numbered || key == "GIT_CONFIG_PARAMETERS" || key == "GIT_CONFIG_COUNT"
}

/// Finds a program by name in the folders of `path`, as an absolute path.
pub(crate) fn find_program(name: &'static str, path: &OsStr) -> Result<PathBuf, GitError> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .ok_or(GitError::NoProgram(name))
}

/// Returns at most 64 KiB of what a program printed, control characters escaped and credentials removed.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_STDERR_BYTES)]);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("fatal: ").or_else(|| line.strip_prefix("error: ")).unwrap_or(line);
        let line = line.trim_end_matches('.');
        lines.push(hidden::escaped(&without_credentials(line)).into_owned());
    }
    lines.join("; ")
}

/// Replaces `scheme://user:secret@host` by `scheme://…@host` wherever it stands in a line.
fn without_credentials(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c == '/' || c == '\'' || c == '"' || c.is_whitespace()).unwrap_or(after.len());
        let authority = &after[..end];
        match authority.rsplit_once('@') {
            Some((_, host)) => out.push_str(&format!("…@{host}")),
            None => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_programs_are_escaped_and_hold_no_credentials() {
        let text = escaped(b"fatal: unable to access 'https://u:s3cret@host/x': \x1b]52;c;AAAA\x07\n");
        assert!(!text.contains("s3cret") && !text.contains('\u{1b}') && text.contains("host/x"), "{text}");
    }

    #[test]
    fn variables_that_steer_git_are_dropped() {
        assert!(!is_passed(OsStr::new("GIT_DIR")) && !is_passed(OsStr::new("GIT_SSH_COMMAND")));
        assert!(is_passed(OsStr::new("HOME")) && is_passed(OsStr::new("GIT_CONFIG_GLOBAL")));
    }
}
