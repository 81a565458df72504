//! Locks that a killed process leaves.
//!
//! git and gix lock a ref by a file, which outlives its process. So the locks of a transaction are written down before, in a
//! file that the process holds by a lock of the kernel: who gets that one knows that the owner is dead. The index is locked by
//! a second name of a file of our own, which nobody else can have made.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::{GitError, RefChange, Repo};
use crate::fsio::{FsError, Linked, Lock, Root, Stat, ensure_folder, read_optional, remove_if_there, write_note};
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
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let path = self.own_file(&format!("{CLAIM}{}", NUMBER.fetch_add(1, Ordering::Relaxed)))?;
        let lock = Lock::take(&path, Duration::ZERO)?;
        let mut text = "packed-refs.lock\n".to_owned();
        for change in changes {
            text.push_str(&format!("{}.lock\n", change.name));
            if change.name == "HEAD" {
                text.push_str(&format!("{}.lock\n", self.head()?.name));
            }
        }
        write_note(&path, text.as_bytes())?;
        Ok(Claim { path, _lock: lock })
    }

    /// Writes the index. The collection's own lock is held, so that no other process of ours does the same.
    pub(super) fn write_index(&self, bytes: &[u8]) -> Result<(), GitError> {
        let path = self.inner.index_path();
        let linked = Linked { target: &path, lock: &lock_of(&path), file: &self.own_file(INDEX)? };
        Ok(linked.replace(bytes)?)
    }

    /// Removes the locks of refs and of the index that killed processes of ours have left; says whether there were any.
    ///
    /// # Errors
    /// [`GitError::Fs`].
    pub fn remove_stale_locks(&self) -> Result<bool, GitError> {
        let mut removed = false;
        let Some(folder) = Root::open(self.git_folder())?.below(FOLDER)? else { return Ok(false) };
        for (name, _) in folder.list("")? {
            let path = folder.path().join(&name);
            if name.starts_with(INDEX) {
                let target = self.inner.index_path();
                removed |= Linked { target: &target, lock: &lock_of(&target), file: &path }.give_up()?;
            }
            if name.starts_with(CLAIM) {
                // Whose owner lives is left alone.
                let _lock = match Lock::take(&path, Duration::ZERO) {
                    Err(FsError::Busy(_)) => continue,
                    other => other?,
                };
                let names = read_optional(&path, MAX_CLAIM_BYTES)?.unwrap_or_default();
                removed |= self.remove_locks(&String::from_utf8_lossy(&names))?;
                remove_if_there(&path)?;
            }
        }
        Ok(removed)
    }

    /// Removes those of the locks that do not change while they are watched.
    fn remove_locks(&self, names: &str) -> Result<bool, GitError> {
        // `HEAD` is of the worktree, all other refs are shared.
        let folders = [Root::open(self.git_folder())?, Root::open(self.inner.git_dir())?];
        let paths: Vec<TreePath> = names.lines().filter_map(|name| name.parse().ok()).collect();
        let look = || {
            let mut found = Vec::new();
            for root in &folders {
                for path in &paths {
                    found.extend(root.stat(path)?.map(|stat| (root, path, identity(&stat))));
                }
            }
            Ok::<_, FsError>(found)
        };
        let mut left = look()?;
        let mut watched = Duration::ZERO;
        while !left.is_empty() && watched < WATCHED {
            sleep(PAUSE);
            watched += PAUSE;
            let now: Vec<_> = look()?.into_iter().map(|(_, path, identity)| (path, identity)).collect();
            left.retain(|(_, path, identity)| now.contains(&(path, *identity)));
        }
        for (root, path, _) in &left {
            root.remove(path)?;
        }
        Ok(!left.is_empty())
    }

    fn own_file(&self, start: &str) -> Result<PathBuf, GitError> {
        let folder = self.git_folder().join(FOLDER);
        ensure_folder(&folder)?;
        Ok(folder.join(format!("{start}{}", std::process::id())))
    }
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
