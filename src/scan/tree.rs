//! What discovery needs to know of a source: its folders and its files.

/// A read-only tree of files, such as a git tree or a folder.
///
/// Paths are relative, `/`-separated, without `.` and `..`; `""` is the root. An implementation never follows
/// a symbolic link or a submodule, not even in the middle of a path.
pub trait Tree {
    /// Returns the items of a folder in any order; none when there is no such folder.
    ///
    /// # Errors
    /// Whatever keeps the folder from being read.
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError>;

    /// Returns the first bytes of a file, at most `max_bytes` and one more, which tells that there are more;
    /// `None` when there is no such file.
    ///
    /// # Errors
    /// Whatever keeps the file from being read.
    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError>;
}

/// Why a tree could not be read.
pub type TreeError = Box<dyn std::error::Error + Send + Sync>;

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its name, without a path.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemKind {
    /// A folder.
    Folder,
    /// A regular file.
    File {
        /// It may be run.
        executable: bool,
    },
    /// A symbolic link, to whatever.
    Symlink,
    /// A commit of another repository, or anything else that holds no files of this one.
    Submodule,
}
