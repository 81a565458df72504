//! What differs between the last commit and the worktree.

use std::cmp::Ordering;

use gix::bstr::BStr;
use gix::index::entry::{Stage, Stat, stat};

use super::sparse::is_left_out;
use super::worktree::{MAX_FILE_BYTES, mode_of};
use super::{EntryKind, GitError, Repo, WorkState};
use crate::fsio::{Found, FsError, Root, Stat as OnDisk};
use crate::model::{FileMode, Oid, TreePath};

/// Most files and folders looked at below one folder of a collection: ten times what a very large one has.
pub(super) const MAX_WALK: u64 = 1_000_000;

/// A file of the last commit, or, without a mode, anything else that is no folder.
type Expected = (String, Option<FileMode>, Oid);

impl Repo {
    /// Returns the files below `folders` (and the files named) that differ between the tree and the worktree.
    ///
    /// Writes nothing. Cost: one `lstat` a file; content is read only where the index cannot vouch for it. Links and
    /// submodules that are committed are not looked into.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`], [`GitError::Bare`].
    pub fn work_changes(&self, tree: Oid, folders: &[&str]) -> Result<Vec<(String, WorkState)>, GitError> {
        let root = Root::open(self.worktree()?)?;
        let index = self.load_index()?;
        // Whether the index has exactly this tree, as git has noted there.
        let is_indexed = index.tree().is_some_and(|cached| cached.id == tree && cached.num_entries.is_some());
        let mut changes = Vec::new();
        for folder in folders {
            let path: TreePath = folder.parse()?;
            if is_indexed {
                let below = format!("{path}/");
                let at = index.entry_by_path(path.as_str().into()).into_iter();
                let entries = at.chain(index.prefixed_entries(below.as_str().into()).unwrap_or_default());
                let expected = entries.map(|entry| (entry.path(&index), mode_of(entry.mode), entry.id));
                self.compare_files(&root, &index, expected, here(&root, &path)?, &mut changes)?;
                continue;
            }
            // Two thirds of the time are the file system's and one is git's.
            let (expected, here) = std::thread::scope(|scope| {
                let (beside, path) = (self.handle(), &path);
                let expected = scope.spawn(move || beside.expected(tree, path));
                let here = here(&root, path);
                (expected.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), here)
            });
            let expected = expected?;
            let expected = expected.iter().map(|(path, mode, id)| (path.as_str().into(), *mode, *id));
            self.compare_files(&root, &index, expected, here?, &mut changes)?;
        }
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(changes)
    }

    /// Goes through both sorted lists, and the index beside them.
    fn compare_files<'a>(
        &self,
        root: &Root,
        index: &gix::index::File,
        expected: impl Iterator<Item = (&'a BStr, Option<FileMode>, Oid)>,
        here: Vec<(String, OnDisk)>,
        changes: &mut Vec<(String, WorkState)>,
    ) -> Result<(), GitError> {
        let mut change = |path: &str, state| changes.push((path.to_owned(), state));
        let mut expected = expected.peekable();
        // What a sparse checkout leaves out is not gone.
        let is_left_out = |path: &BStr| is_left_out(index, path);
        let mut entries = Entries { index, next: None };
        for (path, stat) in here {
            while let Some((old, ..)) = expected.next_if(|(old, ..)| *old < path.as_bytes()) {
                if !is_left_out(old) {
                    change(&old.to_string(), WorkState::Deleted);
                }
            }
            match expected.next_if(|(old, ..)| *old == path.as_bytes()) {
                None => change(&path, WorkState::Untracked),
                Some((_, None, _)) if stat.found == Found::Other => {}
                Some((_, Some(mode), id)) if entries.vouch(&path, &stat, mode, id) => {}
                Some((_, Some(mode), id)) if self.holds(root, &path, mode, id)? => {}
                Some(_) => change(&path, WorkState::Modified),
            }
        }
        let rest = expected.filter(|(old, ..)| !is_left_out(old));
        rest.for_each(|(old, ..)| change(&old.to_string(), WorkState::Deleted));
        Ok(())
    }

    /// Reads a file and says whether it is what it should be.
    fn holds(&self, root: &Root, path: &str, mode: FileMode, id: Oid) -> Result<bool, GitError> {
        match root.read_walked(path, MAX_FILE_BYTES) {
            Ok(None) => Ok(false),
            Ok(Some((found, bytes))) => Ok(found == mode && self.blob_id(&bytes)? == id),
            // A link where a file should be is a difference to report, not a reason to stop.
            Err(FsError::Escapes(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Returns what the tree has at and below `path`, sorted.
    fn expected(&self, tree: Oid, path: &TreePath) -> Result<Vec<Expected>, GitError> {
        let mut found = Vec::new();
        match self.entry_at(tree, path)? {
            None => {}
            Some(entry) if entry.kind == EntryKind::Folder => self.expected_in(entry.id, path.as_str(), &mut found)?,
            Some(entry) => found.push(expected_file(path.to_string(), entry.kind, entry.id)),
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    fn expected_in(&self, tree: Oid, path: &str, found: &mut Vec<Expected>) -> Result<(), GitError> {
        let mut pending = vec![(path.to_owned(), tree)];
        let mut seen = 0_u64;
        while let Some((folder, tree)) = pending.pop() {
            for entry in self.entries(tree)? {
                let path = format!("{folder}/{}", entry.name);
                match entry.kind {
                    EntryKind::Folder => pending.push((path, entry.id)),
                    kind => found.push(expected_file(path, kind, entry.id)),
                }
                // Counted as they are seen: trees that hold nothing but trees have paths without end as well.
                seen += 1;
                if seen > MAX_WALK {
                    return Err(GitError::TooMuch { what: "files and folders", limit: MAX_WALK });
                }
            }
        }
        Ok(())
    }
}

fn expected_file(path: String, kind: EntryKind, id: Oid) -> Expected {
    match kind {
        EntryKind::File(mode) => (path, Some(mode), id),
        _ => (path, None, id),
    }
}

/// Returns the files at and below `path`, with their paths from the root, sorted.
fn here(root: &Root, path: &TreePath) -> Result<Vec<(String, OnDisk)>, FsError> {
    match root.stat(path)? {
        None => Ok(Vec::new()),
        Some(stat) if stat.found == Found::Folder => root.walk_from_root(path.as_str(), MAX_WALK),
        Some(stat) => Ok(vec![(path.to_string(), stat)]),
    }
}

/// The entries of an index, asked for in their order.
struct Entries<'a> {
    index: &'a gix::index::File,
    next: Option<usize>,
}

impl Entries<'_> {
    /// Says whether the index knows the file with this content, and the file has not been touched since.
    fn vouch(&mut self, path: &str, here: &OnDisk, mode: FileMode, id: Oid) -> bool {
        let (index, path) = (self.index, BStr::new(path));
        let all = index.entries();
        let mut at = match self.next {
            Some(next) => next,
            None => index.entry_index_by_path(path).unwrap_or_else(|place| place),
        };
        while all.get(at).is_some_and(|entry| entry.path(index).cmp(path) == Ordering::Less) {
            at += 1;
        }
        self.next = Some(at);
        let Some(entry) = all.get(at).filter(|entry| entry.path(index) == path) else { return false };
        let options = stat::Options::default();
        entry.stage() == Stage::Unconflicted
            && entry.id == id
            && mode_of(entry.mode) == Some(mode)
            && here.found == Found::File(mode)
            && entry.stat.matches(&index_stat(here), options)
            && !entry.stat.is_racy(index.timestamp(), options)
    }
}

/// What git keeps of a file in the index, cut to 32 bits as git does.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the format of the index has 32 bits")]
pub(super) fn index_stat(here: &OnDisk) -> Stat {
    let time = |(secs, nsecs): (i64, u32)| stat::Time { secs: secs as u32, nsecs };
    Stat {
        mtime: time(here.modified),
        ctime: time(here.changed),
        dev: here.device as u32,
        ino: here.inode as u32,
        uid: here.owner.0,
        gid: here.owner.1,
        size: here.size as u32,
    }
}
