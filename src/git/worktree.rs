//! The worktree and the index of a collection: noticing what people edited, and following a commit we made.

use std::collections::{BTreeMap, BTreeSet};

use gix::bstr::ByteSlice as _;
use gix::index::entry::{Flags, Mode, Stat};

use super::changes::{MAX_WALK, index_stat};
use super::sparse::{is_folded, left_out};
use super::{GitError, Repo};
use crate::fsio::{Found, FsError, Nearby, Root, Stat as OnDisk};
use crate::model::{FileMode, Oid, TreePath};

/// Files from which on several threads write them: for fewer, starting a thread costs more than it saves.
const FILES_FOR_THREADS: usize = 64;

/// Most threads: beyond, they wait for the file system.
const MAX_THREADS: usize = 8;

/// Returns how many threads look at files, or write them.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
}

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
    fn is_same(&self, here: Option<(FileMode, Oid)>, expected: Option<(FileMode, Oid)>) -> bool {
        match (here, expected) {
            (Some((_, here)), Some((_, expected))) if !self.heeds_modes() => here == expected,
            _ => here == expected,
        }
    }

    /// Returns what stands in the worktree at a path.
    fn here(&self, root: &Root, path: &TreePath) -> Result<Here, GitError> {
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

    /// Makes worktree and index follow a commit in the files it changed.
    ///
    /// A file that is neither in its old nor in its new state was edited by someone and stays; its path is returned.
    /// Running this twice is the same as running it once, which is how an interrupted command is finished.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`].
    pub fn follow(&self, touched: &[Touched]) -> Result<Vec<TreePath>, GitError> {
        let root = Root::open(self.worktree()?)?;
        let (mut kept, mut seen) = (Vec::new(), BTreeMap::new());
        let left_out = left_out(&root, &self.load_index()?, touched)?;
        let here = touched.iter().filter(|change| !left_out.contains(&change.path));
        // What goes makes way for what comes.
        let (go, come): (Vec<&Touched>, Vec<_>) = here.partition(|change| change.new.is_none());
        // All that can be done is done, and the first error told: the way back must not end at the same file.
        let mut failed = None;
        for change in go {
            match self.go(&root, change) {
                Ok(true) => {}
                Ok(false) => kept.push(change.path.clone()),
                Err(error) => drop(failed.get_or_insert(error)),
            }
        }
        let mut take = |came: Came| {
            kept.extend(came.kept);
            seen.extend(came.seen);
            failed = failed.take().or(came.failed);
        };
        if come.len() < FILES_FOR_THREADS {
            take(self.come(&root, &come));
        } else {
            let shares: Vec<_> =
                come.chunks(come.len().div_ceil(threads())).map(|share| (self.handle(), share)).collect();
            let done: Vec<_> = std::thread::scope(|scope| {
                let root = &root;
                let threads: Vec<_> =
                    shares.into_iter().map(|(repo, share)| scope.spawn(move || repo.come(root, share))).collect();
                threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
            });
            done.into_iter().for_each(|share| take(share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        self.follow_index(touched, &seen, &left_out)?;
        Ok(kept)
    }

    /// Removes a file that goes; says whether it is gone, or was edited meanwhile and stays.
    fn go(&self, root: &Root, change: &Touched) -> Result<bool, GitError> {
        let here = match self.here(root, &change.path)? {
            Here::File(mode, id) => Some((mode, id)),
            Here::Nothing | Here::BelowFile(_) | Here::Folder => return Ok(true),
        };
        if !self.is_same(here, change.old) {
            return Ok(false);
        }
        root.remove(&change.path)?;
        let folder = change.path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
        root.prune(folder, "")?;
        Ok(true)
    }

    /// Writes the files that come or change.
    fn come(&self, root: &Root, changes: &[&Touched]) -> Came {
        let mut nearby = Nearby::new(root);
        let mut came = Came::default();
        for change in changes {
            match self.write_one(root, &mut nearby, change) {
                Ok(Some(stat)) => drop(came.seen.insert(change.path.clone(), stat)),
                Ok(None) => came.kept.push(change.path.clone()),
                Err(error) => drop(came.failed.get_or_insert(error)),
            }
        }
        came
    }

    /// Writes one file; returns what it then was, `None` when it was edited meanwhile and stays.
    fn write_one(&self, root: &Root, nearby: &mut Nearby<'_>, change: &Touched) -> Result<Option<OnDisk>, GitError> {
        let Some((mode, id)) = change.new else { return Ok(None) };
        let may_write = match nearby.read(&change.path, MAX_FILE_BYTES) {
            Ok(Some((stat, bytes))) => {
                let here = stat.file_mode().map(|mode| Ok::<_, GitError>((mode, self.blob_id(&bytes)?))).transpose()?;
                if self.is_same(here, change.new) {
                    return Ok(Some(stat));
                }
                self.is_same(here, change.old)
            }
            Ok(None) => change.old.is_none(),
            // A file that stayed where a folder must be, or the other way round; anything else is an error.
            Err(FsError::Escapes(_)) => match self.here(root, &change.path)? {
                Here::Nothing => change.old.is_none(),
                // What was in it has gone, and its empty folders are no part of the collection.
                Here::Folder => change.old.is_none() && root.remove_hollow(&change.path)?,
                Here::File(..) | Here::BelowFile(_) => false,
            },
            Err(other) => return Err(other.into()),
        };
        if !may_write {
            return Ok(None);
        }
        Ok(Some(nearby.write(&change.path, mode, &self.blob(id, MAX_FILE_BYTES)?)?))
    }

    fn follow_index(
        &self,
        touched: &[Touched],
        seen: &BTreeMap<TreePath, OnDisk>,
        left_out: &BTreeSet<TreePath>,
    ) -> Result<(), GitError> {
        let root = Root::open(self.worktree()?)?;
        let mut nearby = Nearby::new(&root);
        let mut index = self.load_index()?;
        let changes: BTreeMap<&[u8], &Touched> = touched.iter().map(|t| (t.path.as_str().as_bytes(), t)).collect();
        index.remove_entries(|_, path, _| changes.contains_key(path.as_bytes()));
        for change in touched {
            let Some((mode, id)) = change.new else { continue };
            // A file edited meanwhile gets no stat data, so that git compares its content.
            let stat = match (nearby.stat(&change.path), seen.get(&change.path)) {
                (Ok(Some(now)), Some(then)) if is_still(&now, then) => index_stat(&now),
                _ => Stat::default(),
            };
            let mode = if mode == FileMode::Executable { Mode::FILE_EXECUTABLE } else { Mode::FILE };
            // Without the second flag a bit of the format would not be written.
            let skip = Flags::SKIP_WORKTREE | Flags::EXTENDED;
            let flags = if left_out.contains(&change.path) { skip } else { Flags::empty() };
            index.dangerously_push_entry(stat, id, flags, mode, change.path.as_str().as_bytes().as_bstr());
        }
        index.sort_entries();
        // gix writes the tree cache as it was read, and git would believe it.
        index.remove_tree();
        let mut bytes = Vec::new();
        index
            .write_to(&mut bytes, gix::index::write::Options::default())
            .map_err(GitError::doing("write the index"))?;
        self.write_index(&bytes)
    }
}

/// What became of the files that were to come.
#[derive(Default)]
struct Came {
    /// Edited meanwhile: they stay.
    kept: Vec<TreePath>,
    /// As they should be, and what the file system said of them then.
    seen: BTreeMap<TreePath, OnDisk>,
    /// The first error.
    failed: Option<GitError>,
}

/// Says whether a file has not been written since: it may have got its name in between.
fn is_still(now: &OnDisk, then: &OnDisk) -> bool {
    (now.found, now.device, now.inode, now.size, now.modified)
        == (then.found, then.device, then.inode, then.size, then.modified)
}

/// What stands in the worktree at a path.
enum Here {
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
