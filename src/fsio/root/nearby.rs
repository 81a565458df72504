//! Many files one after the other: a folder stays open as long as what is asked for is below it.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use super::{FsError, Root, Stat, into_folder, read_at, stat_at, write_at};
use crate::model::{FileMode, TreePath};

/// A way to the files of a root that remembers where it is. While it is used, nobody of this process may remove folders.
#[derive(Debug)]
pub struct Nearby<'r> {
    root: &'r Root,
    /// The folders on the way to where it is, each with its name; the first is in the root.
    way: Vec<(String, OwnedFd)>,
}

impl<'r> Nearby<'r> {
    /// Starts at a root.
    pub fn new(root: &'r Root) -> Self {
        Self { root, way: Vec::new() }
    }

    /// As [`Root::stat`].
    ///
    /// # Errors
    /// As [`Root::stat`].
    pub fn stat(&mut self, path: &TreePath) -> Result<Option<Stat>, FsError> {
        let (folder, name) = parts(path);
        let full = self.root.full(path.as_str());
        self.go(folder, false)?.map_or(Ok(None), |dir| stat_at(dir, name, &full))
    }

    /// As [`Root::read`], with what the file was before it was read.
    ///
    /// # Errors
    /// As [`Root::read`].
    pub fn read(&mut self, path: &TreePath, limit: u64) -> Result<Option<(Stat, Vec<u8>)>, FsError> {
        let (folder, name) = parts(path);
        let full = self.root.full(path.as_str());
        self.go(folder, false)?.map_or(Ok(None), |dir| read_at(dir, name, full, limit))
    }

    /// As [`Root::write`]; returns what the file was when it was complete. Its name, which came later, has changed no more
    /// than the time of change.
    ///
    /// # Errors
    /// As [`Root::write`].
    pub fn write(&mut self, path: &TreePath, mode: FileMode, bytes: &[u8]) -> Result<Stat, FsError> {
        let (folder, name) = parts(path);
        let full = self.root.full(path.as_str());
        match self.go(folder, true)? {
            Some(dir) => write_at(dir, name, &full, mode, bytes),
            None => Err(FsError::Escapes(full)),
        }
    }

    /// Goes to a folder, from the last one that is on the way to it; `None` when it is not there.
    fn go(&mut self, folder: &str, make: bool) -> Result<Option<BorrowedFd<'_>>, FsError> {
        let parts = || folder.split('/').filter(|part| !part.is_empty());
        let common = self.way.iter().zip(parts()).take_while(|((name, _), part)| name == part).count();
        self.way.truncate(common);
        for part in parts().skip(common) {
            let walked = || {
                let above = self.way.iter().map(|(name, _)| name.as_str());
                above.chain([part]).fold(self.root.path().to_owned(), |path, name| path.join(name))
            };
            let Some(next) = into_folder(self.here(), part, make, walked)? else { return Ok(None) };
            self.way.push((part.to_owned(), next));
        }
        Ok(Some(self.here()))
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.way.last().map_or(self.root.dir.as_fd(), |(_, dir)| dir.as_fd())
    }
}

fn parts(path: &TreePath) -> (&str, &str) {
    path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()))
}
