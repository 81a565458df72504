//! What can go wrong with a repository.

use std::path::PathBuf;

use crate::fsio::FsError;
use crate::model::{Oid, PathError, TreePath};

/// An operation on a repository failed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no repository at the path or above it.
    #[error("'{}' is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    /// The repository belongs to someone else, so its configuration is not believed.
    #[error("the repository '{}' belongs to another user", .0.display())]
    NotOurs(PathBuf),
    /// A variable that belongs to the repository one stands in would be applied to another one.
    #[error("{variable} is set, and is not of the repository '{}'", path.display())]
    Steered {
        /// Its name.
        variable: &'static str,
        /// The repository.
        path: PathBuf,
    },
    /// A worktree is needed and the repository has none.
    #[error("the repository '{}' is bare: it has no worktree", .0.display())]
    Bare(PathBuf),
    /// The branch has no commit yet.
    #[error("the repository '{}' has no commit yet", .0.display())]
    Unborn(PathBuf),
    /// A merge, rebase or the like is under way.
    #[error("a {operation} is in progress in '{}'", path.display())]
    InProgress {
        /// Which one.
        operation: String,
        /// The repository.
        path: PathBuf,
    },
    /// An object that must be there is not, or is of another type.
    #[error("the repository has no {kind} {id}")]
    Missing {
        /// Which type was wanted.
        kind: &'static str,
        /// Its id.
        id: Oid,
    },
    /// An object has other bytes than its id says.
    #[error("the {kind} {id} in the repository is not what its id says: it was damaged, or put there to deceive")]
    Forged {
        /// Which type was wanted.
        kind: String,
        /// Its id.
        id: Oid,
    },
    /// It is not on this machine, and the network is to be left alone.
    #[error("this was not fetched before, and `--offline` leaves the network alone")]
    Offline,
    /// A name does not resolve to a commit.
    #[error("'{0}' names no commit")]
    NoCommit(String),
    /// A ref is not where it was expected to be.
    #[error("the ref '{name}' has changed meanwhile")]
    RefMoved {
        /// Full name.
        name: String,
        /// What gix said.
        source: Cause,
    },
    /// A ref cannot be locked: a lock file is there, or none can be made.
    #[error("the ref '{name}' cannot be locked")]
    RefLocked {
        /// Full name.
        name: String,
        /// What gix said.
        source: Cause,
    },
    /// A tree holds something that no artifact may hold.
    #[error("'{}' in the tree is {problem}", .path.escape_debug())]
    BadEntry {
        /// Where, from the root of the tree.
        path: String,
        /// `a symbolic link`, `a submodule`, …
        problem: &'static str,
    },
    /// A name in a tree breaks the rules for paths.
    #[error("a file of the tree cannot be used")]
    BadPath(#[from] PathError),
    /// A tree is larger than a limit.
    #[error("there are more than {limit} {what}")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The worktree differs from the last commit where it would be changed.
    #[error("'{0}' has changes that are not committed")]
    Dirty(TreePath),
    /// The index has one entry for a whole folder in which something changes.
    #[error("'{0}' is left out of the worktree and of the index")]
    Folded(TreePath),
    /// A file that git does not track stands where one would be written.
    #[error("'{0}' is in the way: it is not tracked")]
    Untracked(TreePath),
    /// The program is not installed.
    #[error("the program '{0}' was not found")]
    NoProgram(&'static str),
    /// The installed git is too old.
    #[error("git {found} is too old: {needed} or newer is needed")]
    TooOld {
        /// What is installed.
        found: String,
        /// What is needed.
        needed: String,
    },
    /// A git process failed.
    #[error("`git {command}` failed{}", about(.stderr))]
    Process {
        /// The subcommand.
        command: String,
        /// What it printed on stderr, escaped and capped.
        stderr: String,
    },
    /// A remote cannot be reached or has not what was asked for.
    #[error("cannot reach '{url}'{}", about(.stderr))]
    Net {
        /// The remote, without credentials.
        url: String,
        /// What git printed on stderr, escaped and capped.
        stderr: String,
    },
    /// A server sends on to another one.
    #[error("'{url}' sends on to '{to}', which is on another server")]
    Redirected {
        /// The remote, without credentials.
        url: String,
        /// Where to.
        to: String,
    },
    /// A remote refused a push because it has moved on.
    #[error("'{url}' has changed meanwhile and refused the push{}", about(.stderr))]
    Rejected {
        /// The remote.
        url: String,
        /// What git printed.
        stderr: String,
    },
    /// A remote was reached, and has rules of its own that do not let a push in.
    #[error("'{url}' refuses the push{}", about(.said))]
    Declined {
        /// The remote.
        url: String,
        /// What its server said.
        said: String,
    },
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// gix failed.
    #[error("cannot {doing}")]
    Gix {
        /// What was being done.
        doing: String,
        /// What gix said.
        source: Cause,
    },
}

fn about(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

/// The messages of an error of gix, outermost first, without code locations.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl Cause {
    /// Says whether the disk is full.
    pub fn is_full(&self) -> bool {
        self.0.contains("No space left on device") || self.0.contains("Disk quota exceeded")
    }

    /// Says whether the system refused to write.
    pub fn is_denied(&self) -> bool {
        self.0.contains("Permission denied") || self.0.contains("Read-only file system")
    }
}

impl GitError {
    /// Says whether git found that a remote has not what it was told to fetch.
    pub fn is_missing_ref(&self) -> bool {
        matches!(self, GitError::Net { stderr, .. } if stderr.contains("couldn't find remote ref"))
    }

    /// Returns a closure for `map_err` that says what was being done.
    pub(crate) fn doing<E: Into<gix::Error>>(doing: impl Into<String>) -> impl FnOnce(E) -> GitError {
        let doing = doing.into();
        move |error| GitError::Gix { doing, source: cause(error) }
    }

    pub(crate) fn moved<E: Into<gix::Error>>(name: &str) -> impl FnOnce(E) -> GitError {
        let name = name.to_owned();
        move |error| {
            let source = cause(error);
            // gix has no kind for it that reaches here.
            let locked = source.0.contains(".lock");
            if locked { GitError::RefLocked { name, source } } else { GitError::RefMoved { name, source } }
        }
    }
}

fn cause<E: Into<gix::Error>>(error: E) -> Cause {
    let error = error.into();
    let mut parts: Vec<String> = error.iter_errors().map(ToString::to_string).collect();
    parts.dedup();
    Cause(parts.join(": "))
}
