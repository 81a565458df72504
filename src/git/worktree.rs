//! The worktree and the index of a collection: noticing what people edited.

use gix::bstr::ByteSlice as _;
use gix::index::entry::Mode;

use super::changes::{MAX_WALK, index_stat};
use super::sparse::{is_folded, left_out};
use super::{GitError, Repo};
use crate::fsio::{Found, FsError, Nearby, Root};
use crate::model::{FileMode, Oid, TreePath};

/// Largest file of a worktree that is compared, in bytes: the limit of a file in a bundle.
pub(super) const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// A file that a commit changes: what it was and what it becomes; `None` is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Where.
    pub path: TreePath,
    /// Before.
    pub old: Option<(FileMode, Oid)>,
    /// After.
    pub new: Option<(FileMode, Oid)>,
}

impl Touched {
    /// Returns the change that takes this one back.
    pub fn reversed(&self) -> Self {
        Self { path: self.path.clone(), old: self.new, new: self.old }
    }
}

/// How a file of the worktree stands to the last commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkState {
    /// Its content or mode differs.
    Modified,
    /// It is gone.
    Deleted,
    /// It is new.
    Untracked,
}

impl Repo {
    pub(super) fn load_index(&self) -> Result<gix::index::File, GitError> {
        if !self.inner.index_path().exists() {
            let state = gix::index::State::new(self.inner.object_hash());
            return Ok(gix::index::File::from_state(state, self.inner.index_path()));
        }
        self.inner.open_index().map_err(GitError::doing("read the index"))
    }

    /// Writes the tree that a commit of the index would have; entries that are no file are left out.
    ///
    /// # Errors
    /// [`GitError::Gix`], [`GitError::BadPath`].
    pub fn index_tree(&self) -> Result<Oid, GitError> {
        let index = self.load_index()?;
        let mut files = Vec::new();
        for entry in index.entries() {
            let Some(mode) = mode_of(entry.mode) else { continue };
            files.push((entry.path(&index).to_string().parse::<TreePath>()?, Some((mode, entry.id))));
        }
        self.edit_tree(None, files.iter().map(|(path, file)| (path, *file)))
    }

    /// Refuses when a file that will be changed differs from the last commit, in the index or in the worktree.
    ///
    /// # Errors
    /// [`GitError::Dirty`], [`GitError::Untracked`], [`GitError::Bare`].
    pub fn check_clean(&self, touched: &[Touched]) -> Result<(), GitError> {
        let root = Root::open(self.worktree()?)?;
        let mut nearby = Nearby::new(&root);
        let index = self.load_index()?;
        let goes = |path: &str| {
            let at = touched.binary_search_by(|change| change.path.as_str().cmp(path));
            at.is_ok_and(|at| touched[at].new.is_none())
        };
        let left_out = left_out(&root, &index, touched)?;
        for change in touched {
            if is_folded(&index, change.path.as_str().as_bytes().as_bstr()) {
                return Err(GitError::Folded(change.path.clone()));
            }
            if let Some(path) = in_the_way(&index, change, goes) {
                return Err(GitError::Dirty(path));
            }
            let entry = index.entry_by_path(change.path.as_str().as_bytes().as_bstr());
            let staged = entry.and_then(|entry| Some((mode_of(entry.mode)?, entry.id)));
            if staged != change.old {
                return Err(GitError::Dirty(change.path.clone()));
            }
            if left_out.contains(&change.path) {
                continue;
            }
            if let (Some(entry), Some(_)) = (entry, change.old)
                && unchanged_by_stat(&mut nearby, &index, entry, change)?
            {
                continue;
            }
            // Where a new file comes there is mostly nothing, and that is cheap to see.
            if (staged, change.old) == (None, None) && matches!(nearby.stat(&change.path), Ok(None)) {
                continue;
            }
            let here = match self.here(&root, &change.path)? {
                Here::File(mode, id) => Some((mode, id)),
                Here::Nothing => None,
                // A file becomes a folder, or the other way round: what stands there goes by this very change.
                Here::BelowFile(file) if goes(&file) => None,
                Here::Folder if all_go(&root, &change.path, goes)? => None,
                Here::BelowFile(file) => return Err(GitError::Untracked(file.parse()?)),
                Here::Folder => return Err(GitError::Untracked(change.path.clone())),
            };
            if !self.is_same(here, change.old) && !self.is_same(here, change.new) {
                let path = change.path.clone();
                return Err(if change.old.is_some() { GitError::Dirty(path) } else { GitError::Untracked(path) });
            }
        }
        Ok(())
    }

    /// Says whether a file is what it is expected to be.
    pub(super) fn is_same(&self, here: Option<(FileMode, Oid)>, expected: Option<(FileMode, Oid)>) -> bool {
        let content = |file: Option<(FileMode, Oid)>| file.map(|(_, id)| id);
        here == expected || (content(here) == content(expected) && !self.heeds_modes())
    }

    /// Returns what stands in the worktree at a path.
    pub(super) fn here(&self, root: &Root, path: &TreePath) -> Result<Here, GitError> {
        let error = match self.hash_of(root, path) {
            Ok(Some((mode, id))) => return Ok(Here::File(mode, id)),
            Ok(None) => return Ok(Here::Nothing),
            Err(GitError::Fs(error @ FsError::Escapes(_))) => error,
            Err(other) => return Err(other),
        };
        let mut at = 0;
        while let Some(end) = path.as_str()[at..].find('/').map(|end| at + end) {
            let above: TreePath = path.as_str()[..end].parse()?;
            match root.stat(&above)?.map(|stat| stat.found) {
                Some(Found::File(_)) => return Ok(Here::BelowFile(above.to_string())),
                Some(Found::Folder) => at = end + 1,
                _ => return Err(error.into()),
            }
        }
        match root.stat(path)?.map(|stat| stat.found) {
            Some(Found::Folder) => Ok(Here::Folder),
            _ => Err(error.into()),
        }
    }

    /// Returns mode and blob id of a file in the worktree; `None` when nothing is there.
    pub(super) fn hash_of(&self, root: &Root, path: &TreePath) -> Result<Option<(FileMode, Oid)>, GitError> {
        let Some((mode, bytes)) = root.read(path, MAX_FILE_BYTES)? else { return Ok(None) };
        Ok(Some((mode, self.blob_id(&bytes)?)))
    }

    /// Returns the id that `bytes` have as a blob, without writing them.
    ///
    /// # Errors
    /// [`GitError::Gix`] for bytes that are a known SHA-1 collision.
    pub fn blob_id(&self, bytes: &[u8]) -> Result<Oid, GitError> {
        gix::objs::compute_hash(self.inner.object_hash(), gix::object::Kind::Blob, bytes)
            .map_err(GitError::doing("hash a file"))
    }
}

/// What stands in the worktree at a path.
pub(super) enum Here {
    Nothing,
    File(FileMode, Oid),
    Folder,
    /// There is a file where a folder above it should be.
    BelowFile(String),
}

/// Says whether the index vouches for a file. No link on the way to it is followed: what stands behind one is not the file.
fn unchanged_by_stat(
    nearby: &mut Nearby<'_>,
    index: &gix::index::File,
    entry: &gix::index::Entry,
    change: &Touched,
) -> Result<bool, GitError> {
    let Some(here) = nearby.stat(&change.path)? else { return Ok(false) };
    let options = gix::index::entry::stat::Options::default();
    let is_file = matches!(here.found, Found::File(_));
    Ok(is_file && entry.stat.matches(&index_stat(&here), options) && !entry.stat.is_racy(index.timestamp(), options))
}

/// Returns what is staged where a file comes and cannot be beside it: a file below it, or one in place of a folder above it.
fn in_the_way(index: &gix::index::File, change: &Touched, goes: impl Fn(&str) -> bool) -> Option<TreePath> {
    change.new?;
    let stays = |path: &str| (!goes(path)).then(|| path.parse().unwrap_or_else(|_| change.path.clone()));
    let path = change.path.as_str();
    let above = path.match_indices('/').map(|(end, _)| &path[..end]);
    let mut above = above.filter(|above| index.entry_by_path(above.as_bytes().as_bstr()).is_some());
    let below = index.prefixed_entries(format!("{path}/").as_bytes().as_bstr()).unwrap_or_default();
    above.find_map(stays).or_else(|| below.iter().find_map(|entry| stays(&entry.path(index).to_string())))
}

/// Says whether all files below a folder go.
fn all_go(root: &Root, folder: &TreePath, goes: impl Fn(&str) -> bool) -> Result<bool, GitError> {
    let files = root.walk_from_root(folder.as_str(), MAX_WALK)?;
    Ok(files.iter().all(|(path, _)| goes(path)))
}

pub(super) fn mode_of(mode: Mode) -> Option<FileMode> {
    match mode {
        Mode::FILE => Some(FileMode::Regular),
        Mode::FILE_EXECUTABLE => Some(FileMode::Executable),
        _ => None,
    }
}
