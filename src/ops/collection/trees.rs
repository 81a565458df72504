//! Sources as discovery sees them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::source::MAX_FILE_BYTES;
use crate::fsio::{Found as OnDisk, FsError, Root};
use crate::git::{EntryKind, GitError, Repo, TreeEntry};
use crate::model::{FileMode, Oid, TreePath};
use crate::scan::{Item, ItemKind, Tree, TreeError};

/// A git tree for discovery. Each folder is read once.
pub(super) struct GitTree<'a> {
    repo: &'a Repo,
    root: Oid,
    folders: RefCell<BTreeMap<String, Option<Entries>>>,
    missing: RefCell<BTreeSet<Oid>>,
}

/// The entries of a folder by name.
type Entries = Rc<BTreeMap<String, (EntryKind, Oid)>>;

impl<'a> GitTree<'a> {
    pub(super) fn new(repo: &'a Repo, root: Oid) -> Self {
        Self { repo, root, folders: RefCell::default(), missing: RefCell::default() }
    }

    /// Returns the files that were to be read and whose content is not here. They were answered as not there.
    pub(super) fn missing(&self) -> Vec<Oid> {
        self.missing.borrow().iter().copied().collect()
    }

    fn folder(&self, path: &str) -> Result<Option<Entries>, GitError> {
        if let Some(known) = self.folders.borrow().get(path) {
            return Ok(known.clone());
        }
        let id = if path.is_empty() { Some(self.root) } else { self.find(path)?.filter(is_folder).map(|(_, id)| id) };
        let entries = id.map(|id| self.repo.entries(id)).transpose()?;
        let by_name = |entry: TreeEntry| (entry.name, (entry.kind, entry.id));
        let entries = entries.map(|entries| Rc::new(entries.into_iter().map(by_name).collect()));
        self.folders.borrow_mut().insert(path.to_owned(), entries.clone());
        Ok(entries)
    }

    fn find(&self, path: &str) -> Result<Option<(EntryKind, Oid)>, GitError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(self.folder(folder)?.and_then(|entries| entries.get(name).copied()))
    }
}

fn is_folder((kind, _): &(EntryKind, Oid)) -> bool {
    *kind == EntryKind::Folder
}

impl Tree for GitTree<'_> {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        let Some(entries) = self.folder(folder)? else { return Ok(Vec::new()) };
        let item = |(name, (kind, _)): (&String, &(EntryKind, Oid))| Item {
            name: name.clone(),
            kind: match kind {
                EntryKind::Folder => ItemKind::Folder,
                EntryKind::File(mode) => ItemKind::File { executable: *mode == FileMode::Executable },
                EntryKind::Symlink => ItemKind::Symlink,
                EntryKind::Submodule => ItemKind::Submodule,
            },
        };
        Ok(entries.iter().map(item).collect())
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Some((EntryKind::File(_), id)) = self.find(file)? else { return Ok(None) };
        let mut bytes = match self.repo.blob(id, MAX_FILE_BYTES) {
            Err(GitError::Missing { .. }) => {
                self.missing.borrow_mut().insert(id);
                return Ok(None);
            }
            read => read?,
        };
        bytes.truncate(usize::try_from(max_bytes.saturating_add(1)).unwrap_or(usize::MAX));
        Ok(Some(bytes))
    }
}

/// A folder on disk for discovery.
pub(super) struct FolderTree<'a> {
    pub(super) root: &'a Root,
}

impl Tree for FolderTree<'_> {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        let listed = match self.root.list(folder) {
            // A link on the way: nothing below it is of this source.
            Err(FsError::Escapes(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let items = listed.into_iter().map(|(name, stat)| {
            let kind = match stat.found {
                OnDisk::Folder => ItemKind::Folder,
                OnDisk::File(mode) => ItemKind::File { executable: mode == FileMode::Executable },
                OnDisk::Other => ItemKind::Symlink,
            };
            Item { name, kind }
        });
        Ok(items.collect())
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Ok(path) = file.parse::<TreePath>() else { return Ok(None) };
        let read = self.root.read(&path, MAX_FILE_BYTES);
        let Some((_, mut bytes)) = (match read {
            Err(FsError::Escapes(_)) => None,
            other => other?,
        }) else {
            return Ok(None);
        };
        bytes.truncate(usize::try_from(max_bytes.saturating_add(1)).unwrap_or(usize::MAX));
        Ok(Some(bytes))
    }
}
