//! Replacing a file that others lock by a file of a certain name, so that a lock which was left is known as ours.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::{Access, FsError, remove_if_there};

/// A file, its lock, and the file of our own that becomes the one by way of the other.
///
/// The new content is complete before it gets the name of the lock as its second name, and then the name of the file.
#[derive(Debug, Clone, Copy)]
pub struct Linked<'a> {
    /// What is replaced.
    pub target: &'a Path,
    /// The name that locks it: nothing may have it.
    pub lock: &'a Path,
    /// Where the new content is written, on the same file system. One process at a time uses it.
    pub file: &'a Path,
}

impl Linked<'_> {
    /// Replaces or creates the file; the mode of an existing one is kept.
    ///
    /// # Errors
    /// [`FsError::Busy`] when it is locked, [`FsError::Io`]; the file is then as it was.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), FsError> {
        remove_if_there(self.file)?;
        let old = fs::metadata(self.target).ok().map(|meta| meta.permissions().mode() & 0o777);
        let at = || FsError::at("write", self.file);
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(old.unwrap_or(Access::Shared.bits()))
            .open(self.file)
            .map_err(at())?;
        // The umask may have taken bits away that the old file has.
        let done = old.map_or(Ok(()), |mode| file.set_permissions(fs::Permissions::from_mode(mode)).map_err(at()));
        let done = done.and_then(|()| file.write_all(bytes).map_err(at())).and_then(|()| self.lock()).and_then(|()| {
            fs::rename(self.lock, self.target).map_err(|error| {
                // It was ours, and nobody else takes it away.
                let _ = remove_if_there(self.lock);
                FsError::at("write", self.target)(error)
            })
        });
        // The first error is the one to report.
        let _ = remove_if_there(self.file);
        done
    }

    fn lock(&self) -> Result<(), FsError> {
        match fs::hard_link(self.file, self.lock) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(FsError::Busy(self.lock.to_owned())),
            Err(_) if fs::symlink_metadata(self.lock).is_ok() => Err(FsError::Busy(self.lock.to_owned())),
            // A file system without second names: the moment between look and rename is the shortest there is.
            Err(_) => fs::rename(self.file, self.lock).map_err(FsError::at("write", self.lock)),
            Ok(()) => Ok(()),
        }
    }

    /// Removes what a killed process left of a replacement, and the lock if it is that one's.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn give_up(&self) -> Result<(), FsError> {
        let number = |path: &Path| fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
        if number(self.lock).is_some_and(|lock| number(self.file) == Some(lock)) {
            remove_if_there(self.lock)?;
        }
        remove_if_there(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_ours_is_given_up_and_that_of_another_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let (target, lock, file) = (path("index"), path("index.lock"), path("own"));
        let linked = Linked { target: &target, lock: &lock, file: &file };
        linked.replace(b"one").expect("writes");
        fs::set_permissions(&target, fs::Permissions::from_mode(0o666)).expect("a mode");
        linked.replace(b"two").expect("writes");
        assert_eq!(fs::metadata(&target).expect("a file").permissions().mode() & 0o777, 0o666);
        assert_eq!(fs::read(&target).expect("reads"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
        fs::write(&lock, "another's").expect("writes");
        assert!(matches!(linked.replace(b"three"), Err(FsError::Busy(_))));
        linked.give_up().expect("looks");
        assert_eq!(fs::read(&lock).expect("is still there"), b"another's");
        fs::remove_file(&lock).expect("removes");
        // Killed between the two names.
        fs::write(&file, "half").expect("writes");
        fs::hard_link(&file, &lock).expect("links");
        linked.give_up().expect("looks");
        assert_eq!(fs::read(&target).expect("reads"), b"two");
        assert_eq!(fs::read_dir(folder.path()).expect("lists").count(), 1);
    }
}
