//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::FsError;

/// How often a held lock is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// An exclusive advisory lock, given back when dropped or when the process ends.
///
/// The kernel holds it, so that a killed process leaves nothing stale behind; the empty file stays.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock at `path`, waiting up to `patience` for another process.
    ///
    /// # Errors
    /// [`FsError::Busy`] when another process still holds it, [`FsError::Io`] when locks do not work here.
    pub fn take(path: &Path, patience: Duration) -> Result<Self, FsError> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(FsError::at("lock", path))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { file }),
                Err(TryLockError::WouldBlock) if waited < patience => {
                    sleep(PAUSE);
                    waited += PAUSE;
                }
                Err(TryLockError::WouldBlock) => return Err(FsError::Busy(path.to_owned())),
                Err(TryLockError::Error(source)) => return Err(FsError::at("lock", path)(source)),
            }
        }
    }

    /// Makes the file at `path` and takes the lock on it; `None` when it is there already, or another was quicker.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn take_new(path: &Path) -> Result<Option<Self>, FsError> {
        let file = match OpenOptions::new().create_new(true).write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(None),
            other => other.map_err(FsError::at("lock", path))?,
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(FsError::at("lock", path)(source)),
        }
    }

    /// Returns whether the file at `path` still is the one that is locked.
    ///
    /// Where lock files are removed, the one that was waited for may have gone meanwhile, and its lock is worth
    /// nothing.
    pub fn is_at(&self, path: &Path) -> bool {
        let same = |here: &std::fs::Metadata, there: &std::fs::Metadata| {
            here.dev() == there.dev() && here.ino() == there.ino()
        };
        match (self.file.metadata(), std::fs::symlink_metadata(path)) {
            (Ok(here), Ok(there)) => same(&here, &there),
            _ => false,
        }
    }
}
