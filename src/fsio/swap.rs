//! Changing a file of somebody else's program only when it still is what was looked at.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::atomic::sync_folder;
use super::{Access, FsError, read_optional, remove_if_there};

/// Largest file that is compared, in bytes: above what a JSON text may have.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What a file has to hold now, and what it is to hold; `None` is no file.
#[derive(Debug, Clone, Copy)]
pub struct Swap<'a> {
    /// What was read when the change was planned.
    pub expected: Option<&'a [u8]>,
    /// The content after the change.
    pub new: Option<&'a [u8]>,
    /// Name of the file that is written beside it meanwhile, the caller's own: what a killed process left of it is
    /// found and removed by this name.
    pub beside: &'a str,
}

/// Replaces, creates or removes a file when it holds what is expected; returns whether it did.
///
/// A link is followed and stays; the mode of an existing file is kept. The file is read again when the new one is
/// complete beside it, so that an editor that saves meanwhile is noticed up to the rename.
///
/// # Errors
/// [`FsError::Io`], [`FsError::TooLarge`]; the file is then as it was.
pub fn swap(path: &Path, swap: &Swap<'_>, access: Access) -> Result<bool, FsError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().unwrap_or(Path::new("."));
    let unchanged = || Ok(read_optional(&target, MAX_BYTES)?.as_deref() == swap.expected);
    let Some(bytes) = swap.new else {
        if !unchanged()? {
            return Ok(false);
        }
        remove_if_there(&target)?;
        sync_folder(folder)?;
        return Ok(true);
    };
    let temporary = folder.join(swap.beside);
    remove_if_there(&temporary)?;
    let mode = fs::metadata(&target).map_or(access.bits(), |meta| meta.permissions().mode() & 0o777);
    let done = complete(&temporary, bytes, mode).and_then(|()| {
        if !unchanged()? {
            return Ok(false);
        }
        match swap.expected {
            Some(_) => fs::rename(&temporary, &target).map(|()| true).map_err(FsError::at("write", &target)),
            None => name(&temporary, &target),
        }
    });
    // After a rename there is nothing; else the first error is the one to report.
    let _ = remove_if_there(&temporary);
    sync_folder(folder)?;
    done
}

/// Writes a whole new file that only then may be read by others.
fn complete(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FsError> {
    let at = || FsError::at("write", path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(at())?;
    file.write_all(bytes).map_err(at())?;
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(at())?;
    file.sync_all().map_err(at())
}

/// Gives a file a name that must be free; returns whether it was.
fn name(from: &Path, to: &Path) -> Result<bool, FsError> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        // A file system without hard links: the moment between look and rename is the shortest there is.
        Err(_) if fs::symlink_metadata(to).is_ok() => Ok(false),
        Err(_) => fs::rename(from, to).map(|()| true).map_err(FsError::at("write", to)),
    }
}

/// Removes what a killed process left beside a file that it was about to [`swap`].
///
/// # Errors
/// [`FsError::Io`].
pub fn remove_beside(path: &Path, beside: &str) -> Result<(), FsError> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    target.parent().map_or(Ok(()), |folder| remove_if_there(&folder.join(beside)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("a");
        let change =
            |expected, new| swap(&file, &Swap { expected, new, beside: ".x.tmp" }, Access::Private).expect("compares");
        fs::write(dir.path().join(".x.tmp"), b"left by a killed process").expect("a file");
        assert!(!change(Some(b"old"), Some(b"new")));
        assert!(change(None, Some(b"1")));
        assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o600);
        assert!(!change(None, Some(b"2")));
        assert!(!change(Some(b"0"), None));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("changes the mode");
        assert!(change(Some(b"1"), Some(b"3")));
        assert_eq!(fs::read(&file).expect("reads"), b"3");
        assert_eq!(fs::metadata(&file).expect("is there").permissions().mode() & 0o777, 0o640);
        assert!(change(Some(b"3"), None));
        assert_eq!(fs::read_dir(dir.path()).expect("lists").count(), 0);
    }

    #[test]
    fn a_link_stays_and_its_target_changes() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&file, b"1").expect("a file");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        assert!(
            swap(&link, &Swap { expected: Some(b"1"), new: Some(b"2"), beside: ".x.tmp" }, Access::Shared)
                .expect("changes")
        );
        assert_eq!(fs::read(&file).expect("reads"), b"2");
        assert!(fs::symlink_metadata(&link).expect("is there").is_symlink());
    }
}
