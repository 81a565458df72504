//! Whole files: read, replace, create.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::FsError;

/// Who may read a file that is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// 644: everyone.
    Shared,
    /// 600: the owner only.
    Private,
    /// 444: everyone, and nobody writes.
    Fixed,
}

impl Access {
    pub(super) fn bits(self) -> u32 {
        match self {
            Access::Shared => 0o644,
            Access::Private => 0o600,
            Access::Fixed => 0o444,
        }
    }
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// [`FsError::Io`] when it cannot be read, [`FsError::TooLarge`] above the limit.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FsError> {
    let at = || FsError::at("read", path);
    let file = File::open(path).map_err(at())?;
    // A file without end, such as a pipe, has the length 0.
    let length = file.metadata().map_or(0, |meta| meta.len());
    if length > limit {
        return Err(FsError::TooLarge { path: path.to_owned(), limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(at())?;
    if bytes.len() as u64 > limit {
        return Err(FsError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// As [`read`], but a missing file is `None`.
///
/// # Errors
/// As [`read`], except for a missing file.
pub fn read_optional(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FsError> {
    match read(path, limit) {
        Err(FsError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Reads at most `count` bytes from the start of a file.
///
/// # Errors
/// [`FsError::Io`].
pub fn read_start(path: &Path, count: usize) -> Result<Vec<u8>, FsError> {
    let mut bytes = Vec::with_capacity(count);
    let file = File::open(path).map_err(FsError::at("read", path))?;
    file.take(count as u64).read_to_end(&mut bytes).map_err(FsError::at("read", path))?;
    Ok(bytes)
}

/// Replaces or creates a file as a whole.
///
/// A link is followed, so that a file kept elsewhere stays where it is; the mode of an existing file is kept.
///
/// # Errors
/// [`FsError::Io`]; the file is then as it was.
pub fn write_atomic(path: &Path, bytes: &[u8], access: Access) -> Result<(), FsError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let at = || FsError::at("write", &target);
    let folder = target.parent().unwrap_or(Path::new("."));
    let mode = fs::metadata(&target).map_or(access.bits(), |meta| meta.permissions().mode() & 0o777);
    let mut temporary = tempfile::Builder::new()
        .prefix(".skillmeat-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
        .map_err(at())?;
    temporary.write_all(bytes).map_err(at())?;
    // The umask may have taken bits away that the old file had.
    temporary.as_file().set_permissions(fs::Permissions::from_mode(mode)).map_err(at())?;
    temporary.as_file().sync_all().map_err(at())?;
    temporary.persist(&target).map_err(|error| FsError::at("write", &target)(error.error))?;
    sync_folder(folder)
}

/// Writes a file whose name stands for its content, and which nobody changes; the caller makes it durable ([`sync_store`]).
///
/// Until it is complete its name begins with `temporary`.
///
/// # Errors
/// [`FsError::Io`]; nothing has the name then.
pub fn write_fresh(
    path: &Path,
    temporary: &str,
    write: impl FnOnce(&mut fs::File) -> std::io::Result<()>,
) -> Result<(), FsError> {
    let at = || FsError::at("write", path);
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix(temporary).permissions(fs::Permissions::from_mode(Access::Fixed.bits()));
    let mut file = builder.tempfile_in(path.parent().unwrap_or(Path::new("."))).map_err(at())?;
    write(file.as_file_mut()).map_err(at())?;
    file.persist(path).map(drop).map_err(|error| FsError::at("write", path)(error.error))
}

/// Writes a file in place, or creates it; the caller makes it durable ([`sync_store`]) and can live with half of it.
///
/// # Errors
/// [`FsError::Io`].
pub fn write_note(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    fs::write(path, bytes).map_err(FsError::at("write", path))
}

/// Creates a file that must not exist.
///
/// # Errors
/// [`FsError::Io`], of kind `AlreadyExists` when something is there.
pub fn create_new(path: &Path, bytes: &[u8], access: Access) -> Result<(), FsError> {
    let at = || FsError::at("create", path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(access.bits()).open(path).map_err(at())?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(at())?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// A file that gets its name only when it is complete.
#[derive(Debug)]
pub struct NewFile {
    file: tempfile::NamedTempFile,
}

/// Starts a file in the folder of `path`, without the name yet.
///
/// # Errors
/// [`FsError::Io`].
pub fn new_file_beside(path: &Path) -> Result<NewFile, FsError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let builder = &mut tempfile::Builder::new();
    let shared = fs::Permissions::from_mode(Access::Shared.bits());
    let file =
        builder.prefix(".skillmeat-").permissions(shared).tempfile_in(folder).map_err(FsError::at("write", path))?;
    Ok(NewFile { file })
}

impl NewFile {
    /// Returns where to write.
    pub fn writer(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Waits until the content is on disk.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn sync(&self) -> Result<(), FsError> {
        self.file.as_file().sync_all().map_err(FsError::at("write", self.file.path()))
    }

    /// Gives the file its name, replacing what had it.
    ///
    /// # Errors
    /// [`FsError::Io`]; what had the name then still has it.
    pub fn keep_as(self, path: &Path) -> Result<(), FsError> {
        self.file.persist(path).map_err(|error| FsError::at("write", path)(error.error))?;
        sync_folder(path.parent().unwrap_or(Path::new(".")))
    }
}

/// Opens a file for reading, and waits for nobody: opening a named pipe would, for who writes into it.
///
/// # Errors
/// [`FsError::Io`], for a folder too.
pub fn open_file(path: &Path) -> Result<File, FsError> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(FsError::at("read", path))?;
    let meta = file.metadata().map_err(FsError::at("read", path))?;
    if !meta.is_file() {
        return Err(FsError::at("read", path)(ErrorKind::InvalidInput.into()));
    }
    Ok(file)
}

/// Returns the one absolute path of something that exists, links resolved; the path itself when there is nothing.
pub fn real_path(path: &Path) -> std::path::PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Makes a folder and its parents where they are missing.
///
/// # Errors
/// [`FsError::Io`].
pub fn ensure_folder(path: &Path) -> Result<(), FsError> {
    fs::create_dir_all(path).map_err(FsError::at("create the folder", path))
}

/// Removes a file; one that is not there counts as removed.
///
/// # Errors
/// [`FsError::Io`].
pub fn remove_if_there(path: &Path) -> Result<(), FsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FsError::at("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a folder that only the user may enter and that goes, with everything in it, when it is dropped.
///
/// # Errors
/// [`FsError::Io`].
pub fn scratch_folder(parent: &Path) -> Result<tempfile::TempDir, FsError> {
    let builder = &mut tempfile::Builder::new();
    builder.prefix("skillmeat-").tempdir_in(parent).map_err(FsError::at("create a folder in", parent))
}

/// As [`scratch_folder`], beside a folder and with its name and an ending: on the same file system, so that files can be shared with
/// it. What a killed process has left there goes first; the caller holds a lock on it.
///
/// # Errors
/// [`FsError::Io`].
pub fn scratch_beside(path: &Path, ending: &str) -> Result<tempfile::TempDir, FsError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    let parent = path.parent().unwrap_or(Path::new("."));
    remove_tree(&parent.join(&name))?;
    let builder = &mut tempfile::Builder::new();
    builder.prefix(&name).rand_bytes(0).tempdir_in(parent).map_err(FsError::at("create a folder in", parent))
}

/// Removes a folder of our own with everything in it; links inside are removed and not followed.
///
/// # Errors
/// [`FsError::Io`]; a folder that is not there counts as removed.
pub fn remove_tree(path: &Path) -> Result<(), FsError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FsError::at("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), FsError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder).and_then(|dir| dir.sync_all()).map_err(FsError::at("sync", folder))
}

/// Makes everything written below `folder` durable before success is reported.
///
/// One `syncfs` on Linux: git's own fsync settings lose acknowledged commits on a power cut, because they never
/// sync folders. Elsewhere the folder itself is synced, which is weaker.
///
/// # Errors
/// [`FsError::Io`]; success must then not be reported.
pub fn sync_store(folder: &Path) -> Result<(), FsError> {
    let dir = File::open(folder).map_err(FsError::at("sync", folder))?;
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(&dir).map_err(FsError::os("sync", folder))?;
    #[cfg(not(target_os = "linux"))]
    dir.sync_all().map_err(FsError::at("sync", folder))?;
    Ok(())
}
