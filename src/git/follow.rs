//! Worktree and index follow a commit that we made.

use std::collections::{BTreeMap, BTreeSet};

use gix::bstr::ByteSlice as _;
use gix::index::entry::{Flags, Mode, Stat};

use super::changes::index_stat;
use super::sparse::left_out;
use super::worktree::{Here, MAX_FILE_BYTES};
use super::{GitError, Repo, Touched};
use crate::fsio::{FsError, Nearby, Root, Stat as OnDisk};
use crate::model::{FileMode, TreePath};

/// Files from which on several threads write them: for fewer, starting a thread costs more than it saves.
const FILES_FOR_THREADS: usize = 64;

/// Most threads: beyond, they wait for the file system.
const MAX_THREADS: usize = 8;

/// Returns how many threads look at files, or write them.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS)
}

impl Repo {
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
