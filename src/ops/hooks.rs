//! The hooks of git that look at what is committed and pushed.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::fsio::{FsError, Root, ensure_folder};
use crate::git::{GitError, Repo};
use crate::model::{Class, FileMode, PathError, Release, TreePath};

/// The hooks that there are, with their text.
const HOOKS: [(&str, &str); 2] =
    [("pre-commit", include_str!("../../hooks/pre-commit")), ("pre-push", include_str!("../../hooks/pre-push"))];

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
}

/// Installs the hooks, or brings them up to date. Hooks of others are never touched, and then none is installed.
///
/// # Errors
/// [`Error::Foreign`], [`Error::Fs`].
pub fn install(repo: &Repo, user_home: &Path) -> Result<Changed, Error> {
    let folder = folder(repo, user_home)?;
    ensure_folder(&folder)?;
    let root = Root::open(&folder)?;
    let mut foreign = Vec::new();
    let mut wanted = Vec::new();
    for (name, text) in HOOKS {
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
    for (path, _, text) in &wanted {
        root.write(path, FileMode::Executable, text.as_bytes())?;
    }
    Ok(Changed { folder, hooks: wanted.into_iter().map(|(_, name, _)| name.to_owned()).collect() })
}

/// Removes our hooks, of whatever version, and nothing else.
///
/// # Errors
/// [`Error::Fs`].
pub fn uninstall(repo: &Repo, user_home: &Path) -> Result<Changed, Error> {
    let folder = folder(repo, user_home)?;
    let mut hooks = Vec::new();
    if folder.is_dir() {
        let root = Root::open(&folder)?;
        for (name, _) in HOOKS {
            let path: TreePath = name.parse()?;
            if root.read(&path, MAX_HOOK_BYTES)?.is_some_and(|(_, bytes)| is_ours(&bytes)) {
                root.remove(&path)?;
                hooks.push(name.to_owned());
            }
        }
    }
    Ok(Changed { folder, hooks })
}

fn is_ours(bytes: &[u8]) -> bool {
    let second = bytes.split(|byte| *byte == b'\n').nth(1);
    second.is_some_and(|line| line.starts_with(OURS.as_bytes()))
}

/// Returns the folder that git takes hooks from: `core.hooksPath`, from the worktree if it is relative.
fn folder(repo: &Repo, user_home: &Path) -> Result<PathBuf, Error> {
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
