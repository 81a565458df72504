//! I/O errors that say what was tried on which path.

use std::io;
use std::path::{Path, PathBuf};

/// An operation on a file failed.
#[derive(Debug, thiserror::Error)]
pub enum FsError {
    /// The system refused or failed.
    #[error("cannot {verb} '{}'", shown(.path))]
    Io {
        /// What was tried: `read`, `write`, `lock`, …
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A part of a path below a root is a symbolic link or not a folder.
    #[error("'{}' is a link or not a folder, so nothing is read or written through it", shown(.0))]
    Escapes(PathBuf),
    /// A file is larger than its limit.
    #[error("'{}' is larger than {limit} bytes", shown(.path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Another process holds the lock.
    #[error("'{}' is locked by another process", shown(.0))]
    Busy(PathBuf),
}

/// Returns `path` for a message, with control characters escaped.
fn shown(path: &Path) -> String {
    path.display()
        .to_string()
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect()
}

impl FsError {
    /// Returns a closure for `map_err` that adds the verb and the path.
    pub(crate) fn at(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FsError {
        let path = path.to_owned();
        move |source| FsError::Io { verb, path, source }
    }

    /// As [`FsError::at`], for the errors of `rustix`.
    pub(crate) fn os(verb: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> FsError {
        let path = path.to_owned();
        move |errno| match errno {
            rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR => FsError::Escapes(path),
            _ => FsError::Io { verb, path, source: errno.into() },
        }
    }
}
