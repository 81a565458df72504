//! Trees: looking up, walking with checks, and building.

use gix::objs::FindExt as _;
use gix::objs::tree::EntryKind as GixKind;

use super::{GitError, Repo};
use crate::model::{FileMode, Oid, PathError, TreePath, check_set};

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File(FileMode),
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// Its name, as UTF-8 where it is, else with replacement characters.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// The object it names.
    pub id: Oid,
}

/// A file in a tree that passed the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Where, from the root of the walk.
    pub path: TreePath,
    /// Its permission bits.
    pub mode: FileMode,
    /// Its content.
    pub id: Oid,
}

/// Bounds of a walk, so that a tree of 12 objects and 10^10 paths ends early (`schema/threats.md`, row 77).
#[derive(Debug, Clone, Copy)]
pub struct WalkLimits {
    /// Most files and folders together.
    pub max_entries: u64,
}

impl Default for WalkLimits {
    /// The 10,000 files that a bundle may have, and as many folders.
    fn default() -> Self {
        Self { max_entries: 20_000 }
    }
}

/// Most entries in which two trees may differ: ten times the files of a very large collection.
const MAX_CHANGES: u64 = 1_000_000;

/// Something that is no folder and differs between two trees: its path, what it was, and what it is.
pub type ChangedFile = (String, Option<TreeEntry>, Option<TreeEntry>);

impl Repo {
    /// Returns the entries of one tree, in git's order.
    ///
    /// # Errors
    /// [`GitError::Missing`].
    pub fn entries(&self, tree: Oid) -> Result<Vec<TreeEntry>, GitError> {
        let missing = || GitError::Missing { kind: "tree", id: tree };
        let tree = self.inner.find_tree(tree).map_err(|_| missing())?;
        let decoded = tree.decode().map_err(|_| missing())?;
        Ok(decoded.entries.iter().map(|entry| entry_of(entry.filename, entry.mode, entry.oid.to_owned())).collect())
    }

    /// As [`Repo::entries`], of a tree of someone else: it must be as git writes one.
    fn strict_entries(&self, id: Oid, folder: &str) -> Result<Vec<TreeEntry>, GitError> {
        let missing = || GitError::Missing { kind: "tree", id };
        let tree = self.inner.find_tree(id).map_err(|_| missing())?;
        let decoded = tree.decode().map_err(|_| missing())?;
        let bad =
            |problem| GitError::BadEntry { path: if folder.is_empty() { "." } else { folder }.to_owned(), problem };
        let mut written = Vec::with_capacity(tree.data.len());
        for entry in &decoded.entries {
            if entry.oid.is_null() {
                return Err(bad("a folder with an entry that names no object"));
            }
            written.extend_from_slice(format!("{:o} ", entry.mode.value()).as_bytes());
            written.extend_from_slice(entry.filename);
            written.push(0);
            written.extend_from_slice(entry.oid.as_bytes());
        }
        // `TreeEntry` has the order of git: a folder counts as if its name ended with a slash.
        let in_order = decoded.entries.windows(2).all(|two| two[0].filename != two[1].filename && two[0] < two[1]);
        if !in_order || written != tree.data {
            return Err(bad("a folder that git would not write so"));
        }
        Ok(decoded.entries.iter().map(|entry| entry_of(entry.filename, entry.mode, entry.oid.to_owned())).collect())
    }

    /// Returns what stands at `path` in the tree; `None` when nothing does.
    ///
    /// # Errors
    /// [`GitError::Missing`] when a tree on the way is not here.
    pub fn entry_at(&self, tree: Oid, path: &TreePath) -> Result<Option<TreeEntry>, GitError> {
        // Not by `lookup_entry` of gix 0.90: it leaves a buffer of the size of the tree with each call.
        let mut buffer = Vec::new();
        let mut parts = path.as_str().split('/').peekable();
        let mut at = tree;
        while let Some(part) = parts.next() {
            let missing = |_| GitError::Missing { kind: "tree", id: at };
            let entries = self.inner.objects.find_tree_iter(&at, &mut buffer).map_err(missing)?;
            let mut found = None;
            for entry in entries {
                let entry = entry.map_err(|_| GitError::Missing { kind: "tree", id: at })?;
                if entry.filename == part {
                    found = Some((entry.mode, entry.oid.to_owned()));
                    break;
                }
            }
            match found {
                None => return Ok(None),
                Some((mode, id)) if parts.peek().is_none() => return Ok(Some(entry_of(part.into(), mode, id))),
                Some((mode, _)) if !mode.is_tree() => return Ok(None),
                Some((_, id)) => at = id,
            }
        }
        Ok(None)
    }

    /// Returns every file below `tree`, sorted by path, after checking that all of it may stand in a bundle.
    ///
    /// # Errors
    /// [`GitError::BadEntry`] for links and submodules, [`GitError::BadPath`] for names, [`GitError::TooMuch`].
    pub fn files(&self, tree: Oid, limits: WalkLimits) -> Result<Vec<TreeFile>, GitError> {
        let mut files = Vec::new();
        let mut pending = vec![(String::new(), tree)];
        let mut seen = 0_u64;
        while let Some((folder, tree)) = pending.pop() {
            for entry in self.strict_entries(tree, &folder)? {
                seen += 1;
                if seen > limits.max_entries {
                    return Err(GitError::TooMuch { what: "files and folders", limit: limits.max_entries });
                }
                let is_one_name = !entry.name.is_empty() && !entry.name.contains('/');
                let path = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
                if !is_one_name {
                    return Err(GitError::BadEntry { path, problem: "not one name" });
                }
                let bad = |problem| GitError::BadEntry { path: path.clone(), problem };
                match entry.kind {
                    EntryKind::Symlink => return Err(bad("a symbolic link")),
                    EntryKind::Submodule => return Err(bad("a submodule")),
                    // Parsing bounds the depth as well.
                    EntryKind::Folder => {
                        path.parse::<TreePath>()?;
                        pending.push((path, entry.id));
                    }
                    EntryKind::File(mode) => files.push(TreeFile { path: path.parse()?, mode, id: entry.id }),
                }
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        check_set(files.iter().map(|file| &file.path))?;
        Ok(files)
    }

    /// Returns the files of `path` in `tree`, with their paths from the root: one for a file, all below for a folder.
    ///
    /// # Errors
    /// As [`Repo::files`]; an empty list when nothing is there.
    pub fn files_at(&self, tree: Oid, path: &TreePath) -> Result<Vec<TreeFile>, GitError> {
        let Some(entry) = self.entry_at(tree, path)? else { return Ok(Vec::new()) };
        let bad = |problem| GitError::BadEntry { path: path.to_string(), problem };
        match entry.kind {
            EntryKind::Symlink => Err(bad("a symbolic link")),
            EntryKind::Submodule => Err(bad("a submodule")),
            EntryKind::File(mode) => Ok(vec![TreeFile { path: path.clone(), mode, id: entry.id }]),
            EntryKind::Folder => {
                let files = self.files(entry.id, WalkLimits::default())?;
                let whole =
                    |file: TreeFile| Ok::<_, PathError>(TreeFile { path: path.join(file.path.as_str())?, ..file });
                Ok(files.into_iter().map(whole).collect::<Result<_, _>>()?)
            }
        }
    }

    /// Writes the tree that `base` becomes when each path is removed (`None`) or set to a file.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn edit_tree<'a>(
        &self,
        base: Option<Oid>,
        changes: impl IntoIterator<Item = (&'a TreePath, Option<(FileMode, Oid)>)>,
    ) -> Result<Oid, GitError> {
        let doing = || GitError::doing("write a tree");
        let base = base.unwrap_or_else(|| Oid::empty_tree(self.hash_kind()));
        let mut editor = self.inner.edit_tree(base).map_err(doing())?;
        for (path, change) in changes {
            match change {
                Some((mode, id)) => editor.upsert(path.as_str(), kind_of(mode), id).map_err(doing())?,
                None => editor.remove(path.as_str()).map_err(doing())?,
            };
        }
        Ok(editor.write().map_err(doing())?.detach())
    }

    /// Returns the id that a tree has in which a folder stands at `path`, and nothing else. Nothing is read or written.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn tree_around(&self, path: &TreePath, folder: Oid) -> Result<Oid, GitError> {
        let mut id = folder;
        for name in path.as_str().rsplit('/') {
            let content = [b"40000 ", name.as_bytes(), b"\0", id.as_slice()].concat();
            let hashed = gix::objs::compute_hash(self.inner.object_hash(), gix::objs::Kind::Tree, &content);
            id = hashed.map_err(GitError::doing("hash a tree"))?;
        }
        Ok(id)
    }

    /// Returns the paths of the files that differ between two trees, sorted.
    ///
    /// # Errors
    /// [`GitError::Missing`], [`GitError::TooMuch`].
    pub fn changed_paths(&self, old: Option<Oid>, new: Oid) -> Result<Vec<String>, GitError> {
        let mut paths: Vec<String> = self.changed_files(old, new)?.into_iter().map(|(path, ..)| path).collect();
        paths.dedup();
        Ok(paths)
    }

    /// Returns what is no folder and differs between two trees, sorted by path: what it was and what it is.
    ///
    /// # Errors
    /// As [`Repo::changed_paths`].
    pub fn changed_files(&self, old: Option<Oid>, new: Oid) -> Result<Vec<ChangedFile>, GitError> {
        let mut changed = Changed { files: Vec::new(), seen: 0 };
        self.compare(old, Some(new), "", &mut changed)?;
        let mut changed = changed.files;
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(changed)
    }

    /// Descends only where ids differ, so that the cost grows with the change and not with the tree.
    fn compare(&self, old: Option<Oid>, new: Option<Oid>, folder: &str, changed: &mut Changed) -> Result<(), GitError> {
        let list = |tree: Option<Oid>| tree.map_or_else(|| Ok(Vec::new()), |id| self.entries(id));
        let by_name = |entries: Vec<TreeEntry>| {
            entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect::<std::collections::BTreeMap<_, _>>()
        };
        let (mut before, after) = (by_name(list(old)?), by_name(list(new)?));
        for (name, entry) in &after {
            let was = before.remove(name);
            if was.as_ref() != Some(entry) {
                self.compare_entry(was.as_ref(), Some(entry), &under(folder, name), changed)?;
            }
        }
        for (name, gone) in &before {
            self.compare_entry(Some(gone), None, &under(folder, name), changed)?;
        }
        Ok(())
    }

    fn compare_entry(
        &self,
        old: Option<&TreeEntry>,
        new: Option<&TreeEntry>,
        path: &str,
        changed: &mut Changed,
    ) -> Result<(), GitError> {
        let folder = |entry: Option<&TreeEntry>| entry.filter(|e| e.kind == EntryKind::Folder).map(|e| e.id);
        let file = |entry: Option<&TreeEntry>| entry.filter(|e| e.kind != EntryKind::Folder).cloned();
        // Counted as they are seen: trees of nothing but trees have paths without end, and no files.
        changed.seen += 1;
        if changed.seen > MAX_CHANGES {
            return Err(GitError::TooMuch { what: "files and folders that differ", limit: MAX_CHANGES });
        }
        let (was, is) = (file(old), file(new));
        if was.is_some() || is.is_some() {
            changed.files.push((path.to_owned(), was, is));
        }
        match (folder(old), folder(new)) {
            (None, None) => Ok(()),
            (before, after) => self.compare(before, after, path, changed),
        }
    }
}

/// What a comparison has found so far.
struct Changed {
    files: Vec<ChangedFile>,
    /// Entries that differ, folders too.
    seen: u64,
}

fn under(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn kind_of(mode: FileMode) -> GixKind {
    match mode {
        FileMode::Regular => GixKind::Blob,
        FileMode::Executable => GixKind::BlobExecutable,
    }
}

fn entry_of(name: &gix::bstr::BStr, mode: gix::objs::tree::EntryMode, id: Oid) -> TreeEntry {
    let kind = match mode.kind() {
        GixKind::Blob => EntryKind::File(FileMode::Regular),
        GixKind::BlobExecutable => EntryKind::File(FileMode::Executable),
        GixKind::Tree => EntryKind::Folder,
        GixKind::Link => EntryKind::Symlink,
        GixKind::Commit => EntryKind::Submodule,
    };
    TreeEntry { name: name.to_string(), kind, id }
}
