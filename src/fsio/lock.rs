//! One writer at a time.

use std::fs::{File, OpenOptions, TryLockError};
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
    _file: File,
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
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if waited < patience => {
                    sleep(PAUSE);
                    waited += PAUSE;
                }
                Err(TryLockError::WouldBlock) => return Err(FsError::Busy(path.to_owned())),
                Err(TryLockError::Error(source)) => return Err(FsError::at("lock", path)(source)),
            }
        }
    }
}
