//! Changing a file of somebody else's program only when it still is what was looked at.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::atomic::sync_folder;
use super::{Access, FsError, read_optional};

/// Largest file that is compared, in bytes: above what a JSON text may have.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What a file has to hold now, and what it is to hold; `None` is no file.
#[derive(Debug, Clone, Copy)]
pub struct Swap<'a> {
    /// What was read when the change was planned.
    pub expected: Option<&'a [u8]>,
    /// The content after the change.
    pub new: Option<&'a [u8]>,
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
        super::remove_if_there(&target)?;
        sync_folder(folder)?;
        return Ok(true);
    };
    let at = || FsError::at("write", &target);
    let mode = fs::metadata(&target).map_or(access.bits(), |meta| meta.permissions().mode() & 0o777);
    let mode = fs::Permissions::from_mode(mode);
    let mut temporary =
        tempfile::Builder::new().prefix(".skillmeat-").permissions(mode.clone()).tempfile_in(folder).map_err(at())?;
    temporary.write_all(bytes).map_err(at())?;
    // The umask may have taken bits away that the old file had.
    temporary.as_file().set_permissions(mode).map_err(at())?;
    temporary.as_file().sync_all().map_err(at())?;
    if !unchanged()? {
        return Ok(false);
    }
    if swap.expected.is_some() {
        temporary.persist(&target).map_err(|error| at()(error.error))?;
    } else if let Err(error) = temporary.persist_noclobber(&target) {
        if error.error.kind() == ErrorKind::AlreadyExists {
            return Ok(false);
        }
        return Err(at()(error.error));
    }
    sync_folder(folder)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changed_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("a");
        let change = |expected, new| swap(&file, &Swap { expected, new }, Access::Private).expect("compares");
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
        assert!(swap(&link, &Swap { expected: Some(b"1"), new: Some(b"2") }, Access::Shared).expect("changes"));
        assert_eq!(fs::read(&file).expect("reads"), b"2");
        assert!(fs::symlink_metadata(&link).expect("is there").is_symlink());
    }
}
