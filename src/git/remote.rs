//! A repository elsewhere, and what it is asked through the `git` program.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use super::process::escaped;
use super::watch::{Stopped, Task, memory, watch};
use super::{Git, GitError, Profile};
use crate::model::{Location, Oid, Source};

/// Most times that a server may send on to another address of its own.
const MAX_REDIRECTS: usize = 3;

/// A place to fetch from or push to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// URL or absolute path, already checked by its parser.
    pub url: String,
}

/// A ref as a remote lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteRef {
    /// Full name; `HEAD` too.
    pub name: String,
    /// What it points to; for an annotated tag the tag object.
    pub id: Oid,
    /// For an annotated tag, the object that the tag is of.
    pub peeled: Option<Oid>,
}

impl Remote {
    /// Lets git use what the address asks for, and the protected ones that the user's `insteadOf` may make of it; with
    /// that no server leads from them to `http` or to this machine.
    pub(super) fn profile(&self) -> Profile {
        let protocols = match self.url.split_once("://").map(|(scheme, _)| scheme) {
            Some("http") => "https:ssh:http",
            _ if self.is_local() => "https:ssh:file",
            _ => "https:ssh",
        };
        Profile::Transport { protocols }
    }

    /// Says whether it is on this machine.
    pub fn is_local(&self) -> bool {
        self.url.starts_with('/') || self.url.starts_with("file://")
    }

    /// Returns the folder of a remote on this machine.
    pub fn local_folder(&self) -> Option<PathBuf> {
        let path = match self.url.strip_prefix("file://") {
            // As git reads a URL: `%20` is a space.
            Some(rest) => percent_decoded(rest),
            None => self.url.clone().into_bytes(),
        };
        path.starts_with(b"/").then(|| PathBuf::from(OsStr::from_bytes(&path)))
    }

    /// Returns what the remote has, by name.
    ///
    /// # Errors
    /// [`GitError::Net`], [`GitError::Redirected`], [`GitError::TooMuch`].
    pub fn list(&self, git: &Git, patterns: &[&str]) -> Result<Vec<RemoteRef>, GitError> {
        self.list_with(git, &[], patterns)
    }

    /// Returns the tags that the remote has, by name; a server of protocol version 2 sends no other refs.
    ///
    /// # Errors
    /// As [`Remote::list`].
    pub fn tags(&self, git: &Git) -> Result<Vec<RemoteRef>, GitError> {
        self.list_with(git, &["--tags"], &[])
    }

    fn list_with(&self, git: &Git, options: &[&str], patterns: &[&str]) -> Result<Vec<RemoteRef>, GitError> {
        let output = self.reach(git, |remote| {
            let mut command = git.command(remote.profile());
            command.args(["ls-remote", "--quiet"]).args(options);
            command.args(["--end-of-options", &remote.url]).args(patterns);
            remote.run(git, command, Task::List)
        })?;
        let text = String::from_utf8_lossy(&output);
        let mut refs: Vec<RemoteRef> = Vec::new();
        for line in text.lines() {
            let Some((id, name)) = line.split_once('\t') else { continue };
            let Ok(id) = Oid::from_hex(id.as_bytes()) else { continue };
            match (name.strip_suffix("^{}"), refs.last_mut()) {
                (None, _) => refs.push(RemoteRef { name: name.to_owned(), id, peeled: None }),
                // It follows the tag that it is of.
                (Some(tag), Some(last)) if last.name == tag => last.peeled = Some(id),
                (Some(_), _) => {}
            }
        }
        Ok(refs)
    }

    /// Runs git to its end and returns what it printed.
    pub(super) fn run(&self, git: &Git, command: Command, task: Task<'_>) -> Result<Vec<u8>, GitError> {
        let output = self.watched(git, command, task)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let stderr = escaped(without_progress(&output.stderr).as_bytes());
        // What needs more memory than git may have is as large as it says to be, or made to look so.
        if stderr.to_lowercase().contains("out of memory") {
            return Err(GitError::TooMuch { what: "bytes of memory for what a remote sent", limit: memory(task) });
        }
        Err(self.failed(stderr))
    }

    pub(super) fn failed(&self, stderr: String) -> GitError {
        GitError::Net { url: self.shown(), stderr }
    }

    pub(super) fn shown(&self) -> String {
        escaped_url(&self.url)
    }

    pub(super) fn watched(&self, git: &Git, command: Command, task: Task<'_>) -> Result<Output, GitError> {
        watch(command, git.silence(), task).map_err(|stopped| match stopped {
            Stopped::NotStarted => GitError::NoProgram("git"),
            Stopped::Silent => self.failed(format!("git has told nothing new for {} seconds", git.silence().as_secs())),
            Stopped::TooMuch(limit) => GitError::TooMuch { what: "bytes from a remote", limit },
        })
    }

    /// Does something with a remote; where its server has moved it to another address of its own, once more there.
    pub(super) fn reach<T>(&self, git: &Git, attempt: impl Fn(&Remote) -> Result<T, GitError>) -> Result<T, GitError> {
        let mut remote = self.clone();
        for _ in 0..=MAX_REDIRECTS {
            match attempt(&remote) {
                Err(GitError::Net { url, stderr }) if stderr.contains("returned error: 30") => {
                    remote = remote.moved(git)?.ok_or(GitError::Net { url, stderr })?;
                }
                other => return other,
            }
        }
        Err(remote.failed("it sends on from one address to the next".to_owned()))
    }

    /// Returns where the server sends on to. Only git speaks to servers, so that its proxies, certificates and credentials
    /// hold; where to it says in its trace alone.
    fn moved(&self, git: &Git) -> Result<Option<Remote>, GitError> {
        const ASKED: &str = "/info/refs?service=git-upload-pack";
        let mut command = git.command(self.profile());
        command.env("GIT_TRACE_CURL", "1").env("GIT_TRACE_CURL_NO_DATA", "1");
        command.args(["ls-remote", "--quiet", "--end-of-options", &self.url, "HEAD"]);
        let trace = self.watched(git, command, Task::List)?.stderr;
        let trace = String::from_utf8_lossy(&trace);
        let header = |line: &str| {
            let (name, value) = line.split_once("Recv header: ")?.1.split_once(':')?;
            name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
        };
        let Some(location) = trace.lines().filter_map(header).next_back() else { return Ok(None) };
        let whole = absolute(&format!("{}{ASKED}", self.url), &location);
        let to = whole.strip_suffix(ASKED).and_then(|url| Source::parse(url, |_| false, "").ok());
        match to.map(|source| source.location) {
            Some(Location::Git { url }) if origin(&url).eq_ignore_ascii_case(origin(&self.url)) => {
                Ok(Some(Remote { url }))
            }
            _ => Err(GitError::Redirected { url: self.shown(), to: escaped(whole.as_bytes()) }),
        }
    }
}

/// Replaces `%20` and the like by the bytes that they stand for.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    bytes
}

/// Returns an address as messages show it.
pub(super) fn escaped_url(url: &str) -> String {
    escaped(url.as_bytes())
}

/// Returns where a `Location` leads that was the answer to a question at `asked` (RFC 3986, section 5.2).
fn absolute(asked: &str, location: &str) -> String {
    let scheme = asked.split_once("://").map_or("", |(scheme, _)| scheme);
    let folder =
        asked.rsplit_once('?').map_or(asked, |(path, _)| path).rsplit_once('/').map_or("", |(folder, _)| folder);
    match location {
        _ if location.contains("://") => location.to_owned(),
        _ if location.starts_with("//") => format!("{scheme}:{location}"),
        _ if location.starts_with('/') => format!("{}{location}", origin(asked)),
        _ => format!("{folder}/{location}"),
    }
}

/// Returns scheme, host and port of a URL.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    url[start..].find('/').map_or(url, |end| &url[..start + end])
}

/// Leaves out the lines in which git tells how far it has come, and what it has fetched. What a server says stays, also when
/// it begins alike.
pub(super) fn without_progress(stderr: &[u8]) -> String {
    const DOING: [&str; 6] = [
        "Enumerating objects: ",
        "Counting objects: ",
        "Compressing objects: ",
        "Writing objects: ",
        "Receiving objects: ",
        "Resolving deltas: ",
    ];
    let is_number = |text: &str| text.trim_start().starts_with(|c: char| c.is_ascii_digit());
    let is_progress = |line: &str| {
        let is_total = line.strip_prefix("Total ").is_some_and(|rest| is_number(rest) && rest.contains(" (delta "));
        let is_doing = DOING.iter().any(|start| line.strip_prefix(start).is_some_and(is_number));
        is_total || is_doing || line.starts_with("Delta compression using up to ")
    };
    let is_noise = |line: &str| match line.strip_prefix("remote: ") {
        Some(said) => is_progress(said),
        None => is_progress(line) || ["From ", " * ", " + "].iter().any(|start| line.starts_with(start)),
    };
    let text = String::from_utf8_lossy(stderr);
    text.split(['\n', '\r']).filter(|line| !is_noise(line)).map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_stays_when_its_progress_goes() {
        let text = "remote: Counting objects: 100% (3/3), done.\rremote: Total 3 (delta 0), reused 0 (delta 0)\n\
            remote: Total size of the release exceeds the quota\nremote: From 1 July on only admins may publish\n\
            remote:  * ask someone\nFrom /somewhere\n * [new branch] main -> main\nfatal: no\n";
        let said = without_progress(text.as_bytes());
        let said: Vec<_> = said.lines().filter(|line| !line.is_empty()).collect();
        let expected = [
            "remote: Total size of the release exceeds the quota",
            "remote: From 1 July on only admins may publish",
            "remote:  * ask someone",
            "fatal: no",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn the_folder_of_a_remote_is_where_git_looks_for_it() {
        for (url, folder) in [
            ("/srv/v%20.git", Some("/srv/v%20.git")),
            ("file:///srv/v%20%c3%a9%.git", Some("/srv/v é%.git")),
            ("ssh://host/srv/v.git", None),
            ("host:/srv/v.git", None),
            ("https://host/v.git", None),
        ] {
            let remote = Remote { url: url.to_owned() };
            assert_eq!(remote.local_folder().as_deref(), folder.map(std::path::Path::new), "{url}");
        }
    }

    #[test]
    fn a_location_is_read_from_where_it_was_given() {
        let asked = "https://host:8443/a/r.git/info/refs?service=git-upload-pack";
        for (location, whole) in [
            ("https://other/x", "https://other/x"),
            ("//other/x", "https://other/x"),
            ("/b/info/refs", "https://host:8443/b/info/refs"),
            ("refs2", "https://host:8443/a/r.git/info/refs2"),
        ] {
            assert_eq!(absolute(asked, location), whole);
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        assert_eq!(origin("https://host:8443/a/b"), "https://host:8443");
        assert_eq!(origin("https://host"), "https://host");
    }
}
