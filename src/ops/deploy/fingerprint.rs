//! One digest for a file or a folder as it stands on disk.

use crate::fsio::{Found, FsError, Root};
use crate::model::{Digest, FileEntry, FileMode, TreePath, tree_digest};

/// Most files of one artifact.
const MAX_FILES: u64 = 20_000;

/// Returns the fingerprint of what stands at `path`; `None` for nothing, and for what no artifact may hold.
pub(super) fn fingerprint(root: &Root, path: &TreePath) -> Result<Option<Digest>, FsError> {
    let mut parts = Vec::new();
    match root.stat(path)?.map(|stat| stat.found) {
        Some(Found::File(_)) => {
            let Some((mode, bytes)) = root.read(path, u64::MAX)? else { return Ok(None) };
            parts.push((own(), mode, Digest::of(&bytes)));
        }
        Some(Found::Folder) => {
            for (name, stat) in root.walk(path.as_str(), MAX_FILES)? {
                let (Found::File(_), Ok(rel), Ok(full)) = (stat.found, name.parse(), path.join(&name)) else {
                    return Ok(None);
                };
                let Some((mode, bytes)) = root.read(&full, u64::MAX)? else { return Ok(None) };
                parts.push((rel, mode, Digest::of(&bytes)));
            }
        }
        _ => return Ok(None),
    }
    Ok(Some(of_parts(&parts)))
}

/// Returns the fingerprint that a folder with these files, or a file called [`own`], will have.
pub(super) fn of_parts(parts: &[(TreePath, FileMode, Digest)]) -> Digest {
    let entry = |(path, mode, sha256): &(TreePath, FileMode, Digest)| FileEntry {
        path: path.clone(),
        mode: *mode,
        size: 0,
        sha256: *sha256,
    };
    tree_digest(&parts.iter().map(entry).collect::<Vec<_>>())
}

/// Returns the path that stands for the file itself.
pub(super) fn own() -> TreePath {
    "file".parse().expect("a plain name")
}
