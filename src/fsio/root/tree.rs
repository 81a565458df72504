//! Building trees of files and taking them away.

use std::ffi::CStr;
use std::io::Write as _;

use super::{
    AtFlags, CWD, Dir, Errno, FOLDER, File, FileMode, FileType, FsError, Mode, OFlags, OwnedFd, Root, TreePath,
    mkdirat, openat, renameat, statat, unlinkat,
};

impl Root {
    /// Creates a file that must not exist, making missing folders. Nothing is synced.
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::Io`], of kind `AlreadyExists` when something is there.
    pub fn create(&self, path: &TreePath, mode: FileMode, bytes: &[u8]) -> Result<(), FsError> {
        self.create_with(path, mode.bits(), bytes)
    }

    /// As [`Root::create`], for a file that only its owner may read.
    ///
    /// # Errors
    /// As [`Root::create`].
    pub fn create_private(&self, path: &TreePath, bytes: &[u8]) -> Result<(), FsError> {
        self.create_with(path, 0o600, bytes)
    }

    fn create_with(&self, path: &TreePath, bits: u32, bytes: &[u8]) -> Result<(), FsError> {
        let full = self.full(path.as_str());
        let (dir, name) = self.parent(path, true)?.ok_or_else(|| FsError::Escapes(full.clone()))?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let bits = Mode::from_raw_mode(bits);
        let fd = openat(&dir, name, flags, bits).map_err(FsError::os("create", &full))?;
        let mut file = File::from(fd);
        // The mode must not depend on the umask.
        let written = file.write_all(bytes).and_then(|()| rustix::fs::fchmod(&file, bits).map_err(Into::into));
        written.map_err(FsError::at("create", &full))
    }

    /// Replaces or creates a file, like [`Root::write`], through a file called [`Root::beside`].
    ///
    /// What a killed process left of that is known by its name; only one process may do this at a time.
    ///
    /// # Errors
    /// As [`Root::write`].
    pub fn replace(&self, path: &TreePath, mode: FileMode, bytes: &[u8]) -> Result<(), FsError> {
        let full = self.full(path.as_str());
        let temporary = Self::beside(path).ok_or_else(|| FsError::Escapes(full.clone()))?;
        self.remove(&temporary)?;
        self.create(&temporary, mode, bytes)?;
        let (dir, name) = self.parent(path, true)?.ok_or_else(|| FsError::Escapes(full.clone()))?;
        renameat(&dir, temporary.file_name(), &dir, name).map_err(FsError::os("write", &full))
    }

    /// Returns the name of the file that [`Root::replace`] writes first; `None` when the path is too long.
    pub fn beside(path: &TreePath) -> Option<TreePath> {
        format!("{path}.new").parse().ok()
    }

    /// Makes one folder in a folder that exists; returns whether it was missing.
    ///
    /// # Errors
    /// [`FsError::Escapes`] when something else stands there, [`FsError::Io`].
    pub fn make_folder(&self, path: &TreePath) -> Result<bool, FsError> {
        let full = self.full(path.as_str());
        let (dir, name) = self.parent(path, true)?.ok_or_else(|| FsError::Escapes(full.clone()))?;
        match mkdirat(&dir, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => {
                openat(&dir, name, FOLDER, Mode::empty()).map(|_| false).map_err(FsError::os("open", &full))
            }
            Err(errno) => Err(FsError::os("create the folder", &full)(errno)),
        }
    }

    /// Removes a file, a link, or a folder with everything in it; nothing there counts as removed.
    ///
    /// # Errors
    /// [`FsError::Escapes`] when a folder on the way is a link, [`FsError::Io`].
    pub fn remove_tree(&self, path: &TreePath) -> Result<(), FsError> {
        let full = self.full(path.as_str());
        let Some((dir, name)) = self.parent(path, false)? else { return Ok(()) };
        let stat = match statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(FsError::os("look at", &full)(errno)),
        };
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return unlinkat(&dir, name, AtFlags::empty()).map_err(FsError::os("remove", &full));
        }
        let folder = openat(&dir, name, FOLDER, Mode::empty()).map_err(FsError::os("open", &full))?;
        empty(&folder).and_then(|()| unlinkat(&dir, name, AtFlags::REMOVEDIR)).map_err(FsError::os("remove", &full))
    }

    /// Removes a folder when no file is in it, however many folders are; returns whether it is gone.
    ///
    /// # Errors
    /// [`FsError::Escapes`] when it or a folder on the way is a link, [`FsError::Io`].
    pub fn remove_hollow(&self, path: &TreePath) -> Result<bool, FsError> {
        let full = self.full(path.as_str());
        let Some((dir, name)) = self.parent(path, false)? else { return Ok(true) };
        let folder = openat(&dir, name, FOLDER, Mode::empty()).map_err(FsError::os("open", &full))?;
        without_hollow(&folder).map_err(FsError::os("remove", &full))?;
        match unlinkat(&dir, name, AtFlags::REMOVEDIR) {
            Ok(()) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(errno) => Err(FsError::os("remove", &full)(errno)),
        }
    }
}

/// Removes the folders below an open one in which no file is; all others stay.
fn without_hollow(folder: &OwnedFd) -> rustix::io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match openat(folder, name, FOLDER, Mode::empty()) {
            Ok(inner) => without_hollow(&inner)?,
            // A file or a link.
            Err(Errno::NOTDIR | Errno::LOOP) => continue,
            Err(errno) => return Err(errno),
        }
        match unlinkat(folder, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn empty(folder: &OwnedFd) -> rustix::io::Result<()> {
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            empty(&openat(folder, name, FOLDER, Mode::empty())?)?;
            unlinkat(folder, name, AtFlags::REMOVEDIR)?;
        } else {
            unlinkat(folder, name, AtFlags::empty())?;
        }
    }
    Ok(())
}

/// Opens a folder by path to remove it, used for a root that was made for one operation.
///
/// # Errors
/// [`FsError::Io`]; a folder that is not empty, or not there, is no error.
pub fn remove_empty_root(path: &std::path::Path) -> Result<(), FsError> {
    match unlinkat(CWD, path, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(FsError::os("remove", path)(errno)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a path")
    }

    #[test]
    fn a_removed_tree_takes_links_and_not_what_they_lead_to() {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("kept"), b"1").expect("a file");
        let inside = tempfile::tempdir().expect("a folder");
        let root = Root::open(inside.path()).expect("opens");
        root.create(&path("a/b/c"), FileMode::Regular, b"1").expect("creates");
        std::os::unix::fs::symlink(outside.path(), inside.path().join("a/link")).expect("a link");
        root.remove_tree(&path("a")).expect("removes");
        assert_eq!(root.list("").expect("lists").len(), 0);
        assert!(outside.path().join("kept").exists());
        root.remove_tree(&path("a")).expect("nothing there is fine");
    }

    #[test]
    fn nothing_is_created_over_something() {
        let inside = tempfile::tempdir().expect("a folder");
        let root = Root::open(inside.path()).expect("opens");
        root.create(&path("a"), FileMode::Executable, b"1").expect("creates");
        assert!(root.create(&path("a"), FileMode::Regular, b"2").is_err());
        assert!(root.make_folder(&path("a")).is_err());
        assert!(root.make_folder(&path("b")).expect("makes"));
        assert!(!root.make_folder(&path("b")).expect("is there"));
        root.create(&path("b/c.new"), FileMode::Regular, b"left by a killed process").expect("creates");
        root.replace(&path("b/c"), FileMode::Regular, b"3").expect("writes");
        assert_eq!(root.list("b").expect("lists").len(), 1);
        assert_eq!(root.read(&path("a"), 9).expect("reads"), Some((FileMode::Executable, b"1".to_vec())));
    }
}
