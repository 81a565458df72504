//! Many files one after the other: those of one folder are reached through it, not each anew from the root.

use std::os::fd::{AsFd as _, OwnedFd};

use super::{FsError, Root, read_at, write_at};
use crate::model::{FileMode, TreePath};

/// A way to the files of a root that remembers the last folder. While it is used, nobody of this process may remove folders.
#[derive(Debug)]
pub struct Nearby<'r> {
    root: &'r Root,
    last: Option<(String, OwnedFd)>,
}

impl<'r> Nearby<'r> {
    /// Starts at a root.
    pub fn new(root: &'r Root) -> Self {
        Self { root, last: None }
    }

    /// As [`Root::read`].
    ///
    /// # Errors
    /// As [`Root::read`].
    pub fn read(&mut self, path: &TreePath, limit: u64) -> Result<Option<(FileMode, Vec<u8>)>, FsError> {
        let (folder, name) = parts(path);
        let full = self.root.full(path.as_str());
        if !self.go(folder, false)? {
            return Ok(None);
        }
        self.last.as_ref().map_or(Ok(None), |(_, dir)| read_at(dir.as_fd(), name, full, limit))
    }

    /// As [`Root::write`].
    ///
    /// # Errors
    /// As [`Root::write`].
    pub fn write(&mut self, path: &TreePath, mode: FileMode, bytes: &[u8]) -> Result<(), FsError> {
        let (folder, name) = parts(path);
        let full = self.root.full(path.as_str());
        self.go(folder, true)?;
        match &self.last {
            Some((_, dir)) => write_at(dir.as_fd(), name, &full, mode, bytes),
            None => Err(FsError::Escapes(full)),
        }
    }

    /// Goes to a folder, and says whether it is there.
    fn go(&mut self, folder: &str, make: bool) -> Result<bool, FsError> {
        if self.last.as_ref().is_none_or(|(last, _)| last != folder) {
            self.last = self.root.folder(folder, make)?.map(|dir| (folder.to_owned(), dir));
        }
        Ok(self.last.is_some())
    }
}

fn parts(path: &TreePath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()))
}
