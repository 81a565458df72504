//! Whole folders in the place of others, and files that stand in two places.

use std::fs;
use std::path::{Path, PathBuf};

use super::FsError;
use super::atomic::sync_folder;

/// Ending of the name that a folder has while another takes its place, where the system cannot do both at once.
const BEFORE: &str = ".before";

/// Lets two folders take each other's names, in one step where system and file system can.
///
/// Where they cannot, there is a moment in which nothing has the name `one`; [`put_back`] mends what a kill leaves then.
///
/// # Errors
/// [`FsError::Io`]; both have the names then that they had.
pub fn exchange(one: &Path, other: &Path) -> Result<(), FsError> {
    match at_once(one, other) {
        Some(done) => done.map_err(FsError::at("exchange", one))?,
        None => step_by_step(one, other)?,
    }
    sync_folder(one.parent().unwrap_or(Path::new(".")))
}

/// Returns `None` where there is no such call.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn at_once(one: &Path, other: &Path) -> Option<std::io::Result<()>> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => None,
        done => Some(done.map_err(Into::into)),
    }
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn at_once(_one: &Path, _other: &Path) -> Option<std::io::Result<()>> {
    None
}

fn step_by_step(one: &Path, other: &Path) -> Result<(), FsError> {
    let before = beside(one);
    fs::rename(one, &before).map_err(FsError::at("rename", one))?;
    if let Err(error) = fs::rename(other, one) {
        fs::rename(&before, one).map_err(FsError::at("rename", &before))?;
        return Err(FsError::at("rename", other)(error));
    }
    fs::rename(&before, other).map_err(FsError::at("rename", &before))
}

/// Gives a folder its name back that was being exchanged when the process was killed.
///
/// # Errors
/// [`FsError::Io`].
pub fn put_back(path: &Path) -> Result<(), FsError> {
    let before = beside(path);
    if path.exists() || !before.exists() {
        return Ok(());
    }
    fs::rename(&before, path).map_err(FsError::at("rename", &before))
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(BEFORE);
    name.into()
}

/// Gives a file that nobody changes a second name, or copies it where the file system has no second names.
///
/// # Errors
/// [`FsError::Io`].
pub fn share_file(from: &Path, to: &Path) -> Result<(), FsError> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    fs::copy(from, to).map(drop).map_err(FsError::at("copy", from))
}

/// Gives all files of a folder a second name in another folder; what is no file and no folder is left out.
///
/// # Errors
/// [`FsError::Io`].
pub fn share_tree(from: &Path, to: &Path) -> Result<(), FsError> {
    fs::create_dir_all(to).map_err(FsError::at("create the folder", to))?;
    for entry in fs::read_dir(from).map_err(FsError::at("list", from))? {
        let entry = entry.map_err(FsError::at("list", from))?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().map_err(FsError::at("read", &path))? {
            kind if kind.is_dir() => share_tree(&path, &target)?,
            kind if kind.is_file() => share_file(&path, &target)?,
            _ => {}
        }
    }
    Ok(())
}

/// Moves a file to another place on the same file system.
///
/// # Errors
/// [`FsError::Io`]; it is then where it was.
pub fn move_file(from: &Path, to: &Path) -> Result<(), FsError> {
    fs::rename(from, to).map_err(FsError::at("move", from))?;
    sync_folder(to.parent().unwrap_or(Path::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().expect("a folder");
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        for folder in [&one, &other] {
            fs::create_dir(folder).expect("a folder");
            fs::write(folder.join("name"), folder.display().to_string()).expect("a file");
        }
        (dir, one, other)
    }

    fn is_in(folder: &Path, was: &Path) -> bool {
        fs::read_to_string(folder.join("name")).is_ok_and(|text| text == was.display().to_string())
    }

    #[test]
    fn folders_take_each_others_names() {
        let (_dir, one, other) = pair();
        exchange(&one, &other).expect("exchanges");
        assert!(is_in(&one, &other) && is_in(&other, &one));
        step_by_step(&one, &other).expect("exchanges");
        assert!(is_in(&one, &one) && is_in(&other, &other));
        assert!(exchange(&one, &one.join("nothing")).is_err() && is_in(&one, &one));
    }

    #[test]
    fn a_kill_between_the_steps_is_mended() {
        let (_dir, one, other) = pair();
        fs::rename(&one, beside(&one)).expect("renames");
        put_back(&one).expect("renames");
        assert!(is_in(&one, &one) && is_in(&other, &other));
        put_back(&one).expect("nothing to do");
        // One that has the name already keeps it.
        fs::rename(&other, beside(&one)).expect("renames");
        put_back(&one).expect("nothing to do");
        assert!(is_in(&one, &one));
    }
}
