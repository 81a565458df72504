//! Locks that a killed process leaves.
//!
//! git and gix lock a ref by a file, which outlives its process. So the locks of a transaction are written down before, in a
//! file that the process holds by a lock of the kernel: who gets that one knows that the owner is dead. The index is locked by
//! a second name of a file of our own, which nobody else can have made.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::{GitError, RefChange, Repo};
use crate::fsio::{
    Found, FsError, Linked, Lock, Root, Stat, ensure_folder, read_optional, real_path, remove_if_there, write_note,
};
use crate::model::TreePath;

/// Folder of our own files in a repository.
const FOLDER: &str = "skillmeat";

/// How a file begins that names locks.
const CLAIM: &str = "claim-";

/// How a file begins that becomes the index.
const INDEX: &str = "index-";

/// Longest list of locks, in bytes: a hundred thousand refs.
const MAX_CLAIM_BYTES: u64 = 16 * 1024 * 1024;

/// How long a lock without an owner is watched before it is removed: another program may just have made it, and holds it as
/// long as it takes to write a line.
const WATCHED: Duration = Duration::from_secs(1);

/// How long after its claim a lock of ours may be made, in seconds: each ref may be waited for. A later one is another's.
const MADE_WITHIN: i64 = 10;

/// How often it is looked at.
const PAUSE: Duration = Duration::from_millis(50);

/// The locks of one transaction, written down while it lasts.
pub(super) struct Claim {
    path: PathBuf,
    _lock: Lock,
}

impl Drop for Claim {
    fn drop(&mut self) {
        // One that stays names locks that are not there, and goes with the next look.
        let _ = remove_if_there(&self.path);
    }
}

impl Repo {
    /// Writes down the locks that a change of refs takes.
    pub(super) fn claim(&self, changes: &[RefChange]) -> Result<Claim, GitError> {
        let folder = own_folder(self.git_folder())?;
        // In containers two processes may have one number.
        let (path, lock) = (0_u32..)
            .find_map(|number| {
                let path = folder.join(format!("{CLAIM}{}-{number}", std::process::id()));
                match Lock::take_new(&path) {
                    Ok(Some(lock)) if lock.is_at(&path) => Some(Ok((path, lock))),
                    Ok(_) => None,
                    Err(error) => Some(Err(error)),
                }
            })
            .ok_or(GitError::TooMuch { what: "claims of locks", limit: u64::from(u32::MAX) })??;
        let mut text = "packed-refs.lock\n".to_owned();
        for change in changes {
            if change.name == "HEAD" {
                // `HEAD` is of one worktree, and all other refs are shared.
                let (own, all) = (real_path(self.inner.git_dir()), real_path(self.git_folder()));
                let own = own.strip_prefix(all).unwrap_or(Path::new(""));
                text.push_str(&format!("{}\n{}.lock\n", own.join("HEAD.lock").display(), self.head()?.name));
            } else {
                text.push_str(&format!("{}.lock\n", change.name));
            }
        }
        let claim = Claim { path, _lock: lock };
        write_note(&claim.path, text.as_bytes())?;
        Ok(claim)
    }

    /// Writes the index. The collection's own lock is held, so that no other process of ours does the same.
    pub(super) fn write_index(&self, bytes: &[u8]) -> Result<(), GitError> {
        let path = self.inner.index_path();
        let file = own_folder(self.inner.git_dir())?.join(format!("{INDEX}{}", std::process::id()));
        Ok(Linked { target: &path, lock: &lock_of(&path), file: &file }.replace(bytes)?)
    }

    /// Removes the lock of this worktree's index that a killed process of ours has left. The collection's own lock is held.
    ///
    /// # Errors
    /// [`GitError::Fs`].
    pub fn remove_stale_index_lock(&self) -> Result<(), GitError> {
        let Some(folder) = Root::open(self.inner.git_dir())?.below(FOLDER)? else { return Ok(()) };
        let target = self.inner.index_path();
        for (name, _) in folder.list("")?.into_iter().filter(|(name, _)| name.starts_with(INDEX)) {
            Linked { target: &target, lock: &lock_of(&target), file: &folder.path().join(name) }.give_up()?;
        }
        Ok(())
    }

    /// Removes the locks of refs that killed processes of ours have left; says whether there were any.
    ///
    /// # Errors
    /// [`GitError::Fs`].
    pub fn remove_stale_locks(&self) -> Result<bool, GitError> {
        let mut removed = false;
        let Some(folder) = Root::open(self.git_folder())?.below(FOLDER)? else { return Ok(false) };
        for (name, stat) in folder.list("")?.into_iter().filter(|(name, _)| name.starts_with(CLAIM)) {
            let path = folder.path().join(name);
            // Whose owner lives is left alone.
            let lock = match Lock::take(&path, Duration::ZERO) {
                Err(FsError::Busy(_)) => continue,
                other => other?,
            };
            if lock.is_at(&path) {
                let names = read_optional(&path, MAX_CLAIM_BYTES)?.unwrap_or_default();
                removed |= self.remove_locks(&String::from_utf8_lossy(&names), stat.modified.0)?;
                remove_if_there(&path)?;
            }
        }
        Ok(removed)
    }

    /// Removes all locks of refs of a store of ours. The lock on the store is held, so they are of a git that was killed with the
    /// process of ours that had started it: git claims nothing.
    ///
    /// # Errors
    /// [`GitError::Fs`].
    pub fn remove_locks_of_store(&self) -> Result<(), GitError> {
        let root = Root::open(self.git_folder())?;
        let mut names = String::from("packed-refs.lock\n");
        let mut folders = vec!["refs".to_owned()];
        while let Some(folder) = folders.pop() {
            for (name, stat) in root.list(&folder)? {
                let path = format!("{folder}/{name}");
                match stat.found {
                    Found::Folder => folders.push(path),
                    _ if name.ends_with(".lock") => names.push_str(&format!("{path}\n")),
                    _ => {}
                }
            }
        }
        self.remove_locks(&names, i64::MAX).map(drop)
    }

    /// Removes those of the locks that were made when they were claimed and do not change while they are watched.
    fn remove_locks(&self, names: &str, claimed: i64) -> Result<bool, GitError> {
        let root = Root::open(self.git_folder())?;
        let paths: Vec<TreePath> = names.lines().filter_map(|name| name.parse().ok()).collect();
        let look = || {
            let mut found = Vec::new();
            for path in &paths {
                let stat = root.stat(path)?.filter(|stat| stat.modified.0 <= claimed.saturating_add(MADE_WITHIN));
                found.extend(stat.map(|stat| (path, identity(&stat))));
            }
            Ok::<_, FsError>(found)
        };
        let mut left = look()?;
        let mut watched = Duration::ZERO;
        while !left.is_empty() && watched < WATCHED {
            sleep(PAUSE);
            watched += PAUSE;
            let now = look()?;
            left.retain(|lock| now.contains(lock));
        }
        for (path, _) in &left {
            root.remove(path)?;
        }
        Ok(!left.is_empty())
    }
}

/// Returns the folder of our own files in a repository, making it first.
fn own_folder(of: &Path) -> Result<PathBuf, GitError> {
    let folder = of.join(FOLDER);
    ensure_folder(&folder)?;
    Ok(folder)
}

fn lock_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// What tells a file from another that has its name later.
fn identity(stat: &Stat) -> (u64, u64, u64, (i64, u32)) {
    (stat.device, stat.inode, stat.size, stat.modified)
}
