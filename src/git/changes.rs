//! What differs between the last commit and the worktree.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use gix::bstr::BStr;
use gix::index::entry::{Stage, Stat, stat};

use super::follow::threads;
use super::sparse::is_left_out;
use super::worktree::{MAX_FILE_BYTES, mode_of};
use super::{EntryKind, GitError, Repo, TreeEntry, WorkState};
use crate::fsio::{Found, FsError, Root, Stat as OnDisk};
use crate::model::{FileMode, Oid, TreePath};

/// Most files and folders looked at below one folder of a collection: ten times what a very large one has.
pub(super) const MAX_WALK: u64 = 1_000_000;

/// Artifacts of one kind from which on several threads look at them: for fewer, starting a thread costs more than it saves.
const UNITS_FOR_THREADS: usize = 64;

/// A file of the last commit, or, without a mode, anything else that is no folder.
type Expected = (String, Option<FileMode>, Oid);

/// A path, and how it differs.
type Change = (String, WorkState);

/// Something that stands in a folder of the commit, of the worktree or of both: an artifact.
#[derive(Debug, Default)]
struct Unit {
    /// Its name there.
    name: String,
    /// What the commit has.
    there: Option<TreeEntry>,
    /// What the worktree has; folders have no [`OnDisk`].
    here: Option<Option<OnDisk>>,
}

/// What all units are compared with.
struct Sides<'a> {
    root: &'a Root,
    index: &'a gix::index::File,
    /// Whether the index has exactly the files of the commit, as git has noted there.
    is_indexed: bool,
    /// Whether permission bits count.
    heeds_modes: bool,
    /// Files and folders seen, in the commit and in the worktree.
    seen: [AtomicU64; 2],
}

impl Repo {
    /// Returns the files below `folders` (and the files named) that differ between the tree and the worktree.
    ///
    /// Writes nothing. Cost: one `lstat` a file; content is read only where the index cannot vouch for it. Links and
    /// submodules that are committed are not looked into.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`], [`GitError::Bare`].
    pub fn work_changes(&self, tree: Oid, folders: &[&str]) -> Result<Vec<Change>, GitError> {
        let root = Root::open(self.worktree()?)?;
        let index = self.load_index()?;
        let is_indexed = index.tree().is_some_and(|cached| cached.id == tree && cached.num_entries.is_some());
        let heeds_modes = self.heeds_modes();
        let sides = Sides { root: &root, index: &index, is_indexed, heeds_modes, seen: Default::default() };
        let mut changes = Vec::new();
        for folder in folders {
            let path: TreePath = folder.parse()?;
            let there = self.entry_at(tree, &path)?;
            let here = root.stat(&path)?.map(|stat| Some(stat).filter(|stat| stat.found != Found::Folder));
            match (there, here) {
                (Some(TreeEntry { kind: EntryKind::Folder, id, .. }), Some(None)) => {
                    let units = units(self.entries(id)?, root.names(folder, MAX_WALK)?);
                    changes.extend(self.compare_all(&sides, folder, &units)?);
                }
                (there, here) => {
                    let unit = Unit { name: folder.to_string(), there, here };
                    self.compare_unit(&sides, &root, folder, &unit, &mut changes)?;
                }
            }
        }
        changes.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(changes)
    }

    /// Compares what is in a folder, on several threads.
    fn compare_all(&self, sides: &Sides<'_>, folder: &str, units: &[Unit]) -> Result<Vec<Change>, GitError> {
        let Some(below) = sides.root.below(folder)? else { return Ok(Vec::new()) };
        let some = |repo: &Self, units: &[Unit]| {
            let mut changes = Vec::new();
            for unit in units {
                repo.compare_unit(sides, &below, &format!("{folder}/{}", unit.name), unit, &mut changes)?;
            }
            Ok::<_, GitError>(changes)
        };
        if units.len() < UNITS_FOR_THREADS || threads() == 1 {
            return some(self, units);
        }
        let shares: Vec<_> = std::thread::scope(|scope| {
            let shares = units.chunks(units.len().div_ceil(threads())).map(|share| (self.handle(), share));
            let threads: Vec<_> = shares.map(|(repo, share)| scope.spawn(move || some(&repo, share))).collect();
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut changes = Vec::new();
        for share in shares {
            changes.extend(share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(changes)
    }

    /// Compares one unit, whose path is `path` and which is in `below` by its name.
    fn compare_unit(
        &self,
        sides: &Sides<'_>,
        below: &Root,
        path: &str,
        unit: &Unit,
        changes: &mut Vec<Change>,
    ) -> Result<(), GitError> {
        match (&unit.there, &unit.here) {
            // What is in another repository is not ours to say, committed as a submodule or not.
            (Some(entry), Some(None)) if entry.kind == EntryKind::Submodule => return Ok(()),
            (None, Some(None)) if below.names(&unit.name, MAX_WALK)?.iter().any(|(name, _)| name == ".git") => {
                changes.push((format!("{path}/"), WorkState::Untracked));
                return Ok(());
            }
            _ => {}
        }
        let here = match unit.here {
            None => Vec::new(),
            Some(None) => below.walk_counted(&unit.name, path, &sides.seen[1], MAX_WALK)?,
            Some(Some(stat)) => vec![(path.to_owned(), stat)],
        };
        let index = sides.index;
        if sides.is_indexed {
            let at = index.entry_by_path(path.into()).into_iter();
            let entries = at.chain(index.prefixed_entries(format!("{path}/").as_str().into()).unwrap_or_default());
            let expected = entries.map(|entry| (entry.path(index), mode_of(entry.mode), entry.id));
            return self.compare_files(sides, expected, &here, changes);
        }
        let expected = self.expected(unit.there.as_ref(), path, &sides.seen[0])?;
        let expected = expected.iter().map(|(path, mode, id)| (path.as_str().into(), *mode, *id));
        self.compare_files(sides, expected, &here, changes)
    }

    /// Goes through both sorted lists, and the index beside them.
    fn compare_files<'a>(
        &self,
        sides: &Sides<'_>,
        expected: impl Iterator<Item = (&'a BStr, Option<FileMode>, Oid)>,
        here: &[(String, OnDisk)],
        changes: &mut Vec<Change>,
    ) -> Result<(), GitError> {
        let (root, index) = (sides.root, sides.index);
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
                None => change(path, WorkState::Untracked),
                Some((_, None, _)) if stat.found == Found::Other => {}
                Some((_, Some(mode), id)) => {
                    // Where they do not count, the file has the bits that the commit wants.
                    let real = stat.file_mode().filter(|_| sides.heeds_modes);
                    let found = real.unwrap_or(mode);
                    let is_file = stat.file_mode().is_some() && found == mode;
                    if !is_file || !entries.vouch(path, stat, mode, id) && !self.holds(root, path, id)? {
                        change(path, WorkState::Modified);
                    }
                }
                Some(_) => change(path, WorkState::Modified),
            }
        }
        let rest = expected.filter(|(old, ..)| !is_left_out(old));
        rest.for_each(|(old, ..)| change(&old.to_string(), WorkState::Deleted));
        Ok(())
    }

    /// Reads a file and says whether it is what it should be.
    fn holds(&self, root: &Root, path: &str, id: Oid) -> Result<bool, GitError> {
        match root.read_walked(path, MAX_FILE_BYTES) {
            Ok(None) => Ok(false),
            Ok(Some((_, bytes))) => Ok(self.blob_id(&bytes)? == id),
            // A link where a file should be is a difference to report, not a reason to stop.
            Err(FsError::Escapes(_)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Returns what the commit has at and below `path`, sorted.
    fn expected(&self, entry: Option<&TreeEntry>, path: &str, seen: &AtomicU64) -> Result<Vec<Expected>, GitError> {
        let mut found = Vec::new();
        match entry {
            None => {}
            Some(entry) if entry.kind == EntryKind::Folder => self.expected_in(entry.id, path, seen, &mut found)?,
            Some(entry) => found.push((path.to_owned(), file_mode(entry.kind), entry.id)),
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    fn expected_in(&self, tree: Oid, path: &str, seen: &AtomicU64, found: &mut Vec<Expected>) -> Result<(), GitError> {
        let mut pending = vec![(path.to_owned(), tree)];
        while let Some((folder, tree)) = pending.pop() {
            for entry in self.entries(tree)? {
                let path = format!("{folder}/{}", entry.name);
                match entry.kind {
                    EntryKind::Folder => pending.push((path, entry.id)),
                    kind => found.push((path, file_mode(kind), entry.id)),
                }
                // Counted as they are seen: trees that hold nothing but trees have paths without end as well.
                if seen.fetch_add(1, Relaxed) >= MAX_WALK {
                    return Err(GitError::TooMuch { what: "files and folders", limit: MAX_WALK });
                }
            }
        }
        Ok(())
    }
}

fn file_mode(kind: EntryKind) -> Option<FileMode> {
    match kind {
        EntryKind::File(mode) => Some(mode),
        _ => None,
    }
}

/// Puts together what a folder has in the commit and in the worktree, by name.
fn units(there: Vec<TreeEntry>, here: Vec<(String, Option<OnDisk>)>) -> Vec<Unit> {
    let mut units: BTreeMap<String, Unit> = BTreeMap::new();
    for entry in there {
        let name = entry.name.clone();
        units.insert(name.clone(), Unit { name, there: Some(entry), here: None });
    }
    for (name, stat) in here {
        units.entry(name.clone()).or_insert_with(|| Unit { name, ..Unit::default() }).here = Some(stat);
    }
    units.into_values().collect()
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
