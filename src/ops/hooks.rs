//! The hooks of git that look at what is committed, pushed and, on a server, received.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::fsio::{FsError, Root, ensure_folder};
use crate::git::{GitError, Repo};
use crate::model::{Class, FileMode, PathError, Release, TreePath};

/// Which hooks are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those of a repository that someone works in: they look at what is committed and pushed.
    Work,
    /// Those of a bare repository that others push to: they decide what it takes.
    Server,
}

/// A hook: its name and its text.
type Hook = (&'static str, &'static str);

const WORK: [Hook; 2] =
    [("pre-commit", include_str!("../../hooks/pre-commit")), ("pre-push", include_str!("../../hooks/pre-push"))];

const SERVER: [Hook; 2] = [
    ("pre-receive", include_str!("../../hooks/pre-receive")),
    ("post-receive", include_str!("../../hooks/post-receive")),
];

impl Side {
    fn hooks(self) -> [Hook; 2] {
        match self {
            Side::Work => WORK,
            Side::Server => SERVER,
        }
    }
}

/// Second line of each of our hooks starts so, in every version of this program.
const OURS: &str = "# git skillmeat: ";

/// Largest hook that is read, in bytes: it is compared, and a larger one is not ours.
const MAX_HOOK_BYTES: u64 = 1024 * 1024;

/// Hooks could not be installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There are hooks of others.
    #[error("there are hooks of others: '{}'", .files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("', '"))]
    Foreign {
        /// Their files.
        files: Vec<PathBuf>,
        /// The lines that would do the same in each of them.
        lines: String,
    },
    /// Hooks of a server are for a repository that nobody works in.
    #[error("'{}' has a worktree: nobody pushes to it", .0.display())]
    NotBare(PathBuf),
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The name of a hook is no path.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Error {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Error::Foreign { .. } => Class::Conflict,
            Error::NotBare(_) => Class::Usage,
            Error::Git(error) => super::collection::git_class(error),
            Error::Fs(error) => super::collection::fs_class(error),
            Error::Path(_) => Class::Path,
        }
    }
}

/// What was installed or removed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Changed {
    /// The folder of the hooks.
    pub folder: PathBuf,
    /// Names of the hooks that were written or removed.
    pub hooks: Vec<String>,
    /// Settings of git that were turned on in the repository; of a server only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<String>,
}

/// Installs the hooks, or brings them up to date. Hooks of others are never touched, and then none is installed.
///
/// On a server git's own rules for a vault are turned on as well, and its configuration names the folder of the hooks.
///
/// # Errors
/// [`Error::Foreign`], [`Error::NotBare`], [`Error::Fs`].
pub fn install(repo: &Repo, side: Side, user_home: &Path) -> Result<Changed, Error> {
    let folder = folder(repo, side, user_home)?;
    ensure_folder(&folder)?;
    let root = Root::open(&folder)?;
    let mut foreign = Vec::new();
    let mut wanted = Vec::new();
    for (name, text) in side.hooks() {
        let path: TreePath = name.parse()?;
        match root.read(&path, MAX_HOOK_BYTES)? {
            Some((FileMode::Executable, bytes)) if bytes == text.as_bytes() => {}
            Some((_, bytes)) if !is_ours(&bytes) => foreign.push((folder.join(name), text)),
            _ => wanted.push((path, name, text)),
        }
    }
    if !foreign.is_empty() {
        // All but the first line, which names the shell.
        let lines = foreign.iter().map(|(_, text)| text.lines().skip(1).collect::<Vec<_>>().join("\n"));
        let lines = lines.collect::<Vec<_>>().join("\n");
        return Err(Error::Foreign { files: foreign.into_iter().map(|(file, _)| file).collect(), lines });
    }
    let settings = match side {
        Side::Work => Vec::new(),
        Side::Server => super::vault::turn_on_hooks(repo)?,
    };
    for (path, _, text) in &wanted {
        root.write(path, FileMode::Executable, text.as_bytes())?;
    }
    Ok(Changed { folder, hooks: wanted.into_iter().map(|(_, name, _)| name.to_owned()).collect(), settings })
}

/// Removes our hooks, of whatever version, and nothing else: git's settings for a vault stay.
///
/// # Errors
/// [`Error::NotBare`], [`Error::Fs`].
pub fn uninstall(repo: &Repo, side: Side, user_home: &Path) -> Result<Changed, Error> {
    let folder = folder(repo, side, user_home)?;
    let mut hooks = Vec::new();
    if folder.is_dir() {
        let root = Root::open(&folder)?;
        for (name, _) in side.hooks() {
            let path: TreePath = name.parse()?;
            if root.read(&path, MAX_HOOK_BYTES)?.is_some_and(|(_, bytes)| is_ours(&bytes)) {
                root.remove(&path)?;
                hooks.push(name.to_owned());
            }
        }
    }
    Ok(Changed { folder, hooks, settings: Vec::new() })
}

fn is_ours(bytes: &[u8]) -> bool {
    let second = bytes.split(|byte| *byte == b'\n').nth(1);
    second.is_some_and(|line| line.starts_with(OURS.as_bytes()))
}

/// Returns the folder that git takes hooks from: `core.hooksPath`, from where hooks are run if it is relative.
fn folder(repo: &Repo, side: Side, user_home: &Path) -> Result<PathBuf, Error> {
    if side == Side::Server && !repo.is_bare() {
        return Err(Error::NotBare(repo.worktree()?.to_owned()));
    }
    // Whoever receives pushes may have another configuration than whoever installs the hooks: those of a server stand in the
    // repository.
    if side == Side::Server {
        return Ok(repo.git_folder().join("hooks"));
    }
    match repo.config().path("core.hookspath", user_home) {
        Some(path) => Ok(repo.worktree()?.join(path)),
        None => Ok(repo.git_folder().join("hooks")),
    }
}

/// One line that git gives to `pre-push` (githooks(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedRelease {
    /// The release whose tag is pushed.
    pub release: Release,
    /// Whether the tag is taken away from the remote.
    pub deleted: bool,
}

/// Returns the releases among the refs that are pushed.
pub fn pushed_releases(lines: &str) -> Vec<PushedRelease> {
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let (_, new, name) = (words.next()?, words.next()?, words.next()?);
        Some(PushedRelease { release: Release::of_ref(name)?, deleted: new.bytes().all(|byte| byte == b'0') })
    };
    lines.lines().filter_map(parse).collect()
}
