//! A folder whose inside is reached without following links.
//!
//! Every folder on the way is opened by descriptor with `O_NOFOLLOW`, so that a link placed below the root, even
//! between a check and its use, leads nowhere.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fstat, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::FsError;
use crate::model::{FileMode, TreePath};

mod nearby;
mod tree;
mod walk;

pub use nearby::Nearby;
pub use tree::remove_empty_root;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

const TEMPORARY_START: &str = ".skillmeat-";
const TEMPORARY_END: &str = ".tmp";

/// Says whether a name is one that [`Root::write`] gives to a file which it has not finished.
pub fn is_temporary(name: &str) -> bool {
    let number = name.strip_prefix(TEMPORARY_START).and_then(|rest| rest.strip_suffix(TEMPORARY_END));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A folder and everything below it.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    dir: OwnedFd,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A regular file.
    File(FileMode),
    /// A folder.
    Folder,
    /// A link, a device, a socket.
    Other,
}

/// What a file system says of a file without reading it.
#[derive(Debug, Clone, Copy)]
pub struct Stat {
    /// Kind and mode.
    pub found: Found,
    /// Length, in bytes.
    pub size: u64,
    /// When its content changed last: seconds and nanoseconds since 1970, UTC.
    pub modified: (i64, u32),
    /// When it, its mode or its name changed last.
    pub changed: (i64, u32),
    /// Number of its device.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Numbers of the user and the group that it belongs to.
    pub owner: (u32, u32),
}

impl Stat {
    /// Returns the mode of a regular file; `None` for anything else.
    pub fn file_mode(&self) -> Option<FileMode> {
        match self.found {
            Found::File(mode) => Some(mode),
            Found::Folder | Found::Other => None,
        }
    }
}

impl Root {
    /// Opens an existing folder; links on the way to the root itself are the caller's and are followed.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn open(path: &Path) -> Result<Self, FsError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(CWD, path, flags, Mode::empty()).map_err(FsError::os("open", path))?;
        Ok(Self { path: path.to_owned(), dir })
    }

    /// Returns where the root is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the folder `rel` as a root of its own; `None` when it is not there.
    ///
    /// # Errors
    /// [`FsError::Escapes`] when it or a folder on the way is a link, [`FsError::Io`].
    pub fn below(&self, rel: &str) -> Result<Option<Self>, FsError> {
        Ok(self.folder(rel, false)?.map(|dir| Self { path: self.full(rel), dir }))
    }

    fn full(&self, rel: &str) -> PathBuf {
        self.path.join(rel)
    }

    /// Opens the folder `rel`, making missing parts when asked to; `None` when it is not there.
    fn folder(&self, rel: &str, make: bool) -> Result<Option<OwnedFd>, FsError> {
        let mut dir: Option<OwnedFd> = None;
        let parts = || rel.split('/').filter(|part| !part.is_empty());
        for (index, part) in parts().enumerate() {
            let walked = || parts().take(index + 1).fold(self.path.clone(), |path, part| path.join(part));
            let above = dir.as_ref().map_or(self.dir.as_fd(), |dir| dir.as_fd());
            let Some(next) = into_folder(above, part, make, walked)? else { return Ok(None) };
            dir = Some(next);
        }
        // The root itself is opened anew: a duplicate would share the place up to which a listing has come.
        let root = || openat(&self.dir, ".", FOLDER, Mode::empty()).map_err(FsError::os("open", &self.path));
        dir.map_or_else(root, Ok).map(Some)
    }

    fn parent<'a>(&self, path: &'a TreePath, make: bool) -> Result<Option<(OwnedFd, &'a str)>, FsError> {
        self.parent_of(path.as_str(), make)
    }

    fn parent_of<'a>(&self, path: &'a str, make: bool) -> Result<Option<(OwnedFd, &'a str)>, FsError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(self.folder(folder, make)?.map(|dir| (dir, name)))
    }

    /// Returns what stands at `path`, `None` when nothing does.
    ///
    /// # Errors
    /// [`FsError::Escapes`] when a folder on the way is a link, [`FsError::Io`].
    pub fn stat(&self, path: &TreePath) -> Result<Option<Stat>, FsError> {
        let Some((dir, name)) = self.parent(path, false)? else { return Ok(None) };
        stat_at(dir.as_fd(), name, &self.full(path.as_str()))
    }

    /// Reads a regular file of at most `limit` bytes; `None` when nothing is there.
    ///
    /// # Errors
    /// [`FsError::Escapes`] for a link or anything that is not a regular file, [`FsError::TooLarge`], [`FsError::Io`].
    pub fn read(&self, path: &TreePath, limit: u64) -> Result<Option<(FileMode, Vec<u8>)>, FsError> {
        self.read_walked(path.as_str(), limit)
    }

    /// As [`Root::read`], of a path that a walk has found, whatever names are in it.
    ///
    /// # Errors
    /// As [`Root::read`].
    pub fn read_walked(&self, path: &str, limit: u64) -> Result<Option<(FileMode, Vec<u8>)>, FsError> {
        let Some((dir, name)) = self.parent_of(path, false)? else { return Ok(None) };
        let read = read_at(dir.as_fd(), name, self.full(path), limit)?;
        Ok(read.and_then(|(stat, bytes)| Some((stat.file_mode()?, bytes))))
    }

    /// Creates or replaces a file by temporary file and rename, making missing folders.
    ///
    /// Content is not synced here: the caller makes a whole operation durable with one [`super::sync_store`].
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::Io`]; what was there before then still is.
    pub fn write(&self, path: &TreePath, mode: FileMode, bytes: &[u8]) -> Result<(), FsError> {
        let full = self.full(path.as_str());
        let (dir, name) = self.parent(path, true)?.ok_or_else(|| FsError::Escapes(full.clone()))?;
        write_at(dir.as_fd(), name, &full, mode, bytes).map(drop)
    }

    /// Moves a file or folder; the folders above the new place are made, nothing may stand there.
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::Io`]; nothing has moved then.
    pub fn rename(&self, from: &TreePath, to: &TreePath) -> Result<(), FsError> {
        let full = self.full(to.as_str());
        let missing = || FsError::Io {
            verb: "move",
            path: self.full(from.as_str()),
            source: std::io::ErrorKind::NotFound.into(),
        };
        let (from_dir, from_name) = self.parent(from, false)?.ok_or_else(missing)?;
        let (to_dir, to_name) = self.parent(to, true)?.ok_or_else(missing)?;
        if statat(&to_dir, to_name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(FsError::Io { verb: "move to", path: full, source: std::io::ErrorKind::AlreadyExists.into() });
        }
        renameat(&from_dir, from_name, &to_dir, to_name).map_err(FsError::os("move to", &full))
    }

    /// Removes a file; one that is not there counts as removed.
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::Io`].
    pub fn remove(&self, path: &TreePath) -> Result<(), FsError> {
        let Some((dir, name)) = self.parent(path, false)? else { return Ok(()) };
        match unlinkat(&dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(FsError::os("remove", &self.full(path.as_str()))(errno)),
        }
    }

    /// Removes the folder `path` and then its parents, as long as they are empty, stopping below `stop`.
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::Io`]; a folder that is not empty is no error.
    pub fn prune(&self, path: &str, stop: &str) -> Result<(), FsError> {
        let mut path = path;
        while !path.is_empty() && path != stop {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let Some(dir) = self.folder(folder, false)? else { return Ok(()) };
            match unlinkat(&dir, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => path = folder,
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => return Ok(()),
                Err(errno) => return Err(FsError::os("remove", &self.full(path))(errno)),
            }
        }
        Ok(())
    }
}

/// Opens the folder `name` in an open one, making it when asked to; `None` when it is not there. `full` is its path for
/// messages.
fn into_folder(
    dir: BorrowedFd<'_>,
    name: &str,
    make: bool,
    full: impl Fn() -> PathBuf,
) -> Result<Option<OwnedFd>, FsError> {
    let open = || openat(dir, name, FOLDER, Mode::empty());
    let opened = match open() {
        Err(Errno::NOENT) if make => match mkdirat(dir, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => open(),
            Err(errno) => return Err(FsError::os("create the folder", &full())(errno)),
        },
        Err(Errno::NOENT) => return Ok(None),
        other => other,
    };
    opened.map(Some).map_err(|errno| FsError::os("open", &full())(errno))
}

/// Returns what stands in an open folder, `None` when nothing does; `full` is its path for messages.
fn stat_at(dir: BorrowedFd<'_>, name: &str, full: &Path) -> Result<Option<Stat>, FsError> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(convert(&stat))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(FsError::os("look at", full)(errno)),
    }
}

/// Reads a regular file in an open folder; `full` is its path for messages.
fn read_at(dir: BorrowedFd<'_>, name: &str, full: PathBuf, limit: u64) -> Result<Option<(Stat, Vec<u8>)>, FsError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(dir, name, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(FsError::os("read", &full)(errno)),
    };
    let stat = convert(&fstat(&file).map_err(FsError::os("read", &full))?);
    if !matches!(stat.found, Found::File(_)) {
        return Err(FsError::Escapes(full));
    }
    if stat.size > limit {
        return Err(FsError::TooLarge { path: full, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stat.size).unwrap_or(0).saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FsError::at("read", &full))?;
    // It may have grown meanwhile.
    if bytes.len() as u64 > limit {
        return Err(FsError::TooLarge { path: full, limit });
    }
    Ok(Some((stat, bytes)))
}

/// Writes a file in an open folder by temporary file and rename; returns what it was when it was complete.
fn write_at(dir: BorrowedFd<'_>, name: &str, full: &Path, mode: FileMode, bytes: &[u8]) -> Result<Stat, FsError> {
    // Threads of this process may write into the same folder.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = format!("{TEMPORARY_START}{}{number:08}{TEMPORARY_END}", std::process::id());
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let bits = Mode::from_raw_mode(mode.bits());
    let fd = openat(dir, temporary.as_str(), flags, bits).map_err(FsError::os("write", full))?;
    let mut file = File::from(fd);
    let written = file
        .write_all(bytes)
        // The mode must not depend on the umask.
        .and_then(|()| rustix::fs::fchmod(&file, bits).map_err(Into::into))
        .map_err(FsError::at("write", full))
        .and_then(|()| fstat(&file).map_err(FsError::os("write", full)))
        .and_then(|stat| {
            renameat(dir, temporary.as_str(), dir, name).map_err(FsError::os("write", full)).map(|()| convert(&stat))
        });
    if written.is_err() {
        // The first error is the one to report.
        let _ = unlinkat(dir, temporary.as_str(), AtFlags::empty());
    }
    written
}

fn join(folder: &str, name: &str) -> String {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => folder.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

fn mode_of(bits: u32) -> FileMode {
    if bits & 0o100 == 0 { FileMode::Regular } else { FileMode::Executable }
}

fn convert(stat: &rustix::fs::Stat) -> Stat {
    let found = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => Found::File(mode_of(stat.st_mode)),
        FileType::Directory => Found::Folder,
        _ => Found::Other,
    };
    let time = |seconds, nanoseconds| (seconds, u32::try_from(nanoseconds).unwrap_or(0));
    Stat {
        found,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
        device: stat.st_dev,
        inode: stat.st_ino,
        owner: (stat.st_uid, stat.st_gid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        text.parse().expect("a path")
    }

    #[test]
    fn a_link_below_the_root_is_never_followed() {
        let outside = tempfile::tempdir().expect("a folder");
        let inside = tempfile::tempdir().expect("a folder");
        std::os::unix::fs::symlink(outside.path(), inside.path().join("skills")).expect("a link");
        let root = Root::open(inside.path()).expect("opens");
        let refused = root.write(&path("skills/x"), FileMode::Regular, b"1");
        assert!(matches!(refused, Err(FsError::Escapes(_))), "{refused:?}");
        assert!(matches!(root.read(&path("skills/x"), 9), Err(FsError::Escapes(_))));
        assert_eq!(std::fs::read_dir(outside.path()).expect("lists").count(), 0);
    }

    #[test]
    fn files_keep_their_mode_under_any_umask_and_folders_are_pruned() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = Root::open(dir.path()).expect("opens");
        root.write(&path("a/b/run"), FileMode::Executable, b"#!").expect("writes");
        assert_eq!(root.read(&path("a/b/run"), 9).expect("reads"), Some((FileMode::Executable, b"#!".to_vec())));
        root.remove(&path("a/b/run")).expect("removes");
        root.prune("a/b", "").expect("prunes");
        assert_eq!(root.list("").expect("lists").len(), 0);
    }

    #[test]
    fn nothing_is_moved_onto_something() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = Root::open(dir.path()).expect("opens");
        root.write(&path("a"), FileMode::Regular, b"a").expect("writes");
        root.write(&path("b"), FileMode::Regular, b"b").expect("writes");
        assert!(root.rename(&path("a"), &path("b")).is_err());
        root.rename(&path("a"), &path("c/d")).expect("moves");
        assert_eq!(root.read(&path("c/d"), 9).expect("reads").expect("is there").1, b"a");
    }
}
