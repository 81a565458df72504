//! Lists of files and the digest that names them.

use std::fmt;
use std::str::FromStr;

use super::{Digest, Hasher, TreePath};

/// The two file modes that artifacts and bundles may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileMode {
    /// 644.
    Regular,
    /// 755.
    Executable,
}

impl FileMode {
    /// Returns the permission bits.
    pub fn bits(self) -> u32 {
        match self {
            FileMode::Regular => 0o644,
            FileMode::Executable => 0o755,
        }
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:o}", self.bits())
    }
}

/// The text is neither `644` nor `755`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a file mode: 644 or 755")]
pub struct ModeError(pub String);

impl FromStr for FileMode {
    type Err = ModeError;
    fn from_str(text: &str) -> Result<Self, ModeError> {
        match text {
            "644" => Ok(FileMode::Regular),
            "755" => Ok(FileMode::Executable),
            _ => Err(ModeError(text.chars().take(20).collect())),
        }
    }
}

super::name::string_serde!(FileMode, "^(644|755)$");

/// One file of a tree: where it is and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Place below the root of the tree.
    pub path: TreePath,
    /// Permission bits.
    pub mode: FileMode,
    /// Length of the content, in bytes.
    pub size: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
}

/// Returns the digest that names a whole tree of files.
///
/// SHA-256 over `skillmeat-tree-v1\n`, then for each file in byte order of the paths
/// `MODE SP SIZE SP SHA256HEX SP PATHLEN ":" PATH "\n"` (`schema/tree-digest.md`). Lengths frame every path,
/// so that no two trees have one input. The order of `entries` does not matter.
pub fn tree_digest<'a>(entries: impl IntoIterator<Item = &'a FileEntry>) -> Digest {
    let mut sorted: Vec<_> = entries.into_iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut hasher = Hasher::default();
    hasher.update(b"skillmeat-tree-v1\n");
    for entry in sorted {
        let path = entry.path.as_str();
        let line = format!("{} {} {} {}:{path}\n", entry.mode, entry.size, entry.sha256.hex(), path.len());
        hasher.update(line.as_bytes());
    }
    hasher.finish()
}
