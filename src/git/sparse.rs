//! Sparse checkouts: files that are in the commit and the index, and by the user's wish not in the worktree.

use std::collections::BTreeSet;

use gix::bstr::{BStr, ByteSlice as _};
use gix::index::File;
use gix::index::entry::{Flags, Mode};

use super::{GitError, Touched};
use crate::fsio::Root;
use crate::model::TreePath;

/// Says whether the index leaves a file out of the worktree.
pub(super) fn is_left_out(index: &File, path: &BStr) -> bool {
    match index.entry_by_path(path) {
        Some(entry) => entry.flags.contains(Flags::SKIP_WORKTREE),
        None => is_folded(index, path),
    }
}

/// Says whether a file is in a folder that has one entry for all that is in it: a sparse index.
pub(super) fn is_folded(index: &File, path: &BStr) -> bool {
    let is_folder = |end| index.entry_by_path(path[..=end].as_bstr()).is_some_and(|entry| entry.mode == Mode::DIR);
    index.is_sparse() && path.find_iter("/").any(is_folder)
}

/// Returns those of the files that a sparse checkout leaves out, and that are not there in spite of it.
pub(super) fn left_out(root: &Root, index: &File, touched: &[Touched]) -> Result<BTreeSet<TreePath>, GitError> {
    let mut found = BTreeSet::new();
    if !is_sparse(index) {
        return Ok(found);
    }
    for change in touched {
        let path = change.path.as_str().as_bytes().as_bstr();
        let is_out = match index.entry_by_path(path) {
            Some(_) => is_left_out(index, path),
            None => belongs_out(index, path),
        };
        if is_out && matches!(root.stat(&change.path), Ok(None)) {
            found.insert(change.path.clone());
        }
    }
    Ok(found)
}

/// Says whether a file that the index does not have belongs where all is left out: in the nearest folder that has files.
fn belongs_out(index: &File, path: &BStr) -> bool {
    let mut folder = path;
    while let Some(end) = folder.rfind_byte(b'/') {
        if let Some(entries) = index.prefixed_entries(folder[..=end].as_bstr()) {
            return entries.iter().all(|entry| entry.flags.contains(Flags::SKIP_WORKTREE));
        }
        folder = folder[..end].as_bstr();
    }
    false
}

/// Says whether anything is left out.
fn is_sparse(index: &File) -> bool {
    index.is_sparse() || index.entries().iter().any(|entry| entry.flags.contains(Flags::SKIP_WORKTREE))
}
