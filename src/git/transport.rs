//! Fetch and push, through the `git` program.

use std::process::Command;

use super::process::escaped;
use super::remote::without_progress;
use super::watch::Task;
use super::{Git, GitError, Remote, Repo};
use crate::model::Oid;

/// Most ids in one call of git: command lines are short on some systems.
const MAX_IDS: usize = 1_000;

/// One ref of a push: what it shall be and what it must be now.
#[derive(Debug, Clone)]
pub struct PushUpdate {
    /// Full name at the remote.
    pub name: String,
    /// The object to be there.
    pub new: Oid,
    /// The object that must be there now; `None` for a ref that must not exist.
    pub old: Option<Oid>,
}

/// Says whether the name of a tag means nothing to a shell, by which git starts the other side on this machine.
fn is_plain_tag(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    name.strip_prefix("refs/tags/").is_some_and(|tag| tag.bytes().all(is_plain))
}

impl Repo {
    /// Fetches refs into this repository: each pair is a name at the remote and the full name here.
    ///
    /// Unforced: a ref here only moves forward, and a tag never. `depth` 1 brings no history. A partial store gets no
    /// files. Returns the size of what came, in bytes as sent.
    ///
    /// # Errors
    /// [`GitError::Net`].
    pub fn fetch(
        &self,
        git: &Git,
        from: &Remote,
        refs: &[(String, String)],
        depth: Option<u32>,
    ) -> Result<u64, GitError> {
        self.fetch_refs(git, from, refs, depth, if self.is_partial() { &["--filter=blob:none"] } else { &[] })
    }

    /// As [`Repo::fetch`], with all files also into a partial store.
    ///
    /// # Errors
    /// [`GitError::Net`].
    pub fn fetch_whole(&self, git: &Git, from: &Remote, refs: &[(String, String)]) -> Result<u64, GitError> {
        // Said every time: for a URL from which it was once told to leave out files, git does so ever after.
        self.fetch_refs(git, from, refs, None, &["--no-filter"])
    }

    /// As [`Repo::fetch_whole`], as if nothing were here: for a server that gives nothing by its id.
    ///
    /// # Errors
    /// [`GitError::Net`].
    pub fn fetch_anew(&self, git: &Git, from: &Remote, refs: &[(String, String)]) -> Result<u64, GitError> {
        self.fetch_refs(git, from, refs, None, &["--refetch", "--no-filter"])
    }

    fn fetch_refs(
        &self,
        git: &Git,
        from: &Remote,
        refs: &[(String, String)],
        depth: Option<u32>,
        options: &[&str],
    ) -> Result<u64, GitError> {
        let before = self.packed_bytes();
        from.reach(git, |from| {
            let mut command = self.fetch_command(git, from, &[], options);
            command.args(["--refmap=", "--atomic"]);
            if let Some(depth) = depth {
                command.arg(format!("--depth={depth}"));
            }
            command.args(["--end-of-options", &from.url]);
            command.args(refs.iter().map(|(theirs, ours)| format!("{theirs}:{ours}")));
            from.run(git, command, Task::Fetch(self.git_folder()))
        })?;
        Ok(self.packed_bytes().saturating_sub(before))
    }

    /// Fetches objects by their ids into a partial store.
    ///
    /// Returns the size of what came, in bytes as sent.
    ///
    /// # Errors
    /// [`GitError::Net`], also when the server gives nothing by id, which protocol version 2 always does;
    /// [`GitError::Missing`] when it does not have them.
    pub fn fetch_objects(&self, git: &Git, from: &Remote, ids: &[Oid]) -> Result<u64, GitError> {
        let before = self.packed_bytes();
        let filter: &[&str] = if self.is_partial() { &["--filter=blob:none"] } else { &[] };
        for group in ids.chunks(MAX_IDS) {
            from.reach(git, |from| {
                // A commit that is here says nothing of its files: to name it would let the server leave them out.
                let mut command = self.fetch_command(git, from, &["-c", "fetch.negotiationAlgorithm=noop"], filter);
                command.args(["--end-of-options", &from.url]).args(group.iter().map(Oid::to_string));
                from.run(git, command, Task::Fetch(self.git_folder()))
            })?;
        }
        match self.missing(ids.iter().copied()).first() {
            Some(id) => Err(GitError::Missing { kind: "blob", id: *id }),
            None => Ok(self.packed_bytes().saturating_sub(before)),
        }
    }

    fn fetch_command(&self, git: &Git, from: &Remote, settings: &[&str], options: &[&str]) -> Command {
        let mut command = git.command_in(from.profile(), self.git_folder());
        command.args(settings);
        // What comes stays one pack, so that its size is what was sent. Its progress is the sign that it still works, also
        // when all has come and large deltas are put together.
        command.args(["-c", "fetch.unpackLimit=1", "fetch", "--progress", "--no-tags", "--no-write-fetch-head"]);
        command.arg("--no-auto-maintenance");
        if self.is_partial() {
            command.env("GIT_NO_LAZY_FETCH", "1");
        }
        command.args(options);
        command
    }

    fn packed_bytes(&self) -> u64 {
        let folder = self.inner.objects.store_ref().path().join("pack");
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let packs = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "pack"));
        packs.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum()
    }

    /// Pushes all updates or none; each only if the remote's ref is where it is said to be.
    ///
    /// # Errors
    /// [`GitError::Rejected`] when the remote has moved on, [`GitError::Net`] otherwise.
    pub fn push(&self, git: &Git, to: &Remote, updates: &[PushUpdate]) -> Result<(), GitError> {
        to.reach(git, |to| self.push_once(git, to, updates))
    }

    fn push_once(&self, git: &Git, to: &Remote, updates: &[PushUpdate]) -> Result<(), GitError> {
        let mut command = git.command_in(to.profile(), self.git_folder());
        // Its progress is the sign that the server still takes what is sent.
        command.args(["push", "--progress", "--porcelain", "--atomic", "--no-verify"]);
        if to.is_local() {
            // On this machine git starts the other side too, and leaves it without the settings of this one. Hooks that the
            // other repository has of its own are its say in what it takes; those of the user's settings are not.
            // Nor need it tell of tags that do not move: in a vault with ten thousand they would be most of the work.
            let mut other_side = "--receive-pack=git -c core.hooksPath=hooks -c receive.hideRefs=refs/tags/".to_owned();
            for update in updates.iter().filter(|update| is_plain_tag(&update.name)) {
                other_side.push_str(&format!(" -c receive.hideRefs=!{}", update.name));
            }
            command.arg(other_side + " receive-pack");
        }
        for update in updates {
            let old = update.old.map_or(String::new(), |id| id.to_string());
            command.arg(format!("--force-with-lease={}:{old}", update.name));
        }
        command.args(["--end-of-options", &to.url]);
        command.args(updates.iter().map(|update| format!("{}:{}", update.new, update.name)));
        let output = to.watched(git, command, Task::Push)?;
        if output.status.success() {
            return Ok(());
        }
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = escaped(without_progress(&output.stderr).as_bytes());
        let url = to.shown();
        // Porcelain lines start with `!` for a refused ref; anything else is the connection or the server.
        let refused = report.lines().any(|line| line.starts_with('!'));
        let says = |word: &&str| report.contains(*word) || stderr.contains(*word);
        match () {
            () if refused && RACED.iter().any(&says) && !FAILED.iter().any(&says) => {
                Err(GitError::Rejected { url, stderr: said(&report, &stderr) })
            }
            () if refused && report.contains("[remote rejected]") => {
                Err(GitError::Declined { url, said: said(&report, &stderr) })
            }
            () => Err(GitError::Net { url, stderr }),
        }
    }
}

/// What git and servers say when a ref has moved since it was listed.
const RACED: [&str; 6] =
    ["stale info", "fetch first", "non-fast-forward", "cannot lock ref", "failed to update ref", "incorrect old value"];

/// What they say when it cannot be moved at all, and trying again would change nothing.
const FAILED: [&str; 3] = ["Permission denied", "Read-only file system", "No space left on device"];

/// Returns what the server said: its own words, and where it has none, the reason that git gives for a ref.
fn said(report: &str, stderr: &str) -> String {
    let words: Vec<_> = stderr.split("; ").filter_map(|line| line.strip_prefix("remote: ")).collect();
    let words: Vec<_> = words.iter().map(|line| line.trim().trim_start_matches("error: ")).collect();
    if words.iter().any(|word| !word.is_empty()) {
        return words.join("; ");
    }
    let reason = report.lines().find_map(|line| line.split_once("rejected] ("));
    escaped(reason.map_or(report, |(_, reason)| reason.trim_end_matches(')')).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_quoted_and_without_words_git_gives_the_reason() {
        let report =
            "To /srv/v.git\n!\tabc:refs/heads/main\trefs/heads/main\t[remote rejected] (pre-receive hook declined)\n";
        assert_eq!(said(report, "remote: error: only on Mondays; To /srv/v.git; failed to push"), "only on Mondays");
        assert_eq!(said(report, "failed to push some refs"), "pre-receive hook declined");
        assert_eq!(said("!\ta:b\tc\t[rejected] (stale info)\nDone\n", "failed"), "stale info");
    }
}
