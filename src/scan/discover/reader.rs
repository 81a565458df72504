//! Reading a tree within bounds, each folder once.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{DiscoverError, Limits, Note, join, shown};
use crate::model::TreePath;
use crate::scan::{Item, ItemKind, Tree};

/// Most notes kept: more says nothing new, and each may be the size of a path.
const MAX_NOTES: usize = 1_000;

pub(super) struct Reader<'a> {
    tree: &'a dyn Tree,
    limits: Limits,
    folders: BTreeMap<String, Rc<[Item]>>,
    items: usize,
    notes: BTreeSet<Note>,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Folder,
    File,
    /// The path, or a folder on the way, is a symbolic link or submodule.
    Link,
    Missing,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tree: &'a dyn Tree, limits: Limits) -> Self {
        Self { tree, limits, folders: BTreeMap::new(), items: 0, notes: BTreeSet::new() }
    }

    pub(super) fn note(&mut self, path: &str, id: &'static str, message: impl Into<String>) {
        if self.notes.len() < MAX_NOTES {
            self.notes.insert(Note { path: shown(path, 300), id, message: message.into() });
        }
    }

    pub(super) fn into_notes(self) -> Vec<Note> {
        self.notes.into_iter().collect()
    }

    /// Returns the items of a folder, sorted by name; names that no path can hold are left out with a note.
    pub(super) fn list(&mut self, folder: &str) -> Result<Rc<[Item]>, DiscoverError> {
        if let Some(items) = self.folders.get(folder) {
            return Ok(Rc::clone(items));
        }
        if self.folders.len() >= self.limits.max_folders {
            return Err(DiscoverError::Limit { what: "folders", limit: self.limits.max_folders });
        }
        let read = self.tree.list(folder);
        let mut items = read.map_err(|source| DiscoverError::Tree { path: shown(folder, 300), source })?;
        self.items = self.items.saturating_add(items.len());
        if self.items > self.limits.max_items {
            return Err(DiscoverError::Limit { what: "files and folders", limit: self.limits.max_items });
        }
        items.retain(|item| {
            let usable = !item.name.contains('/') && item.name.parse::<TreePath>().is_ok();
            if !usable {
                self.note(&join(folder, &item.name), "path", "the name cannot be used on every system");
            }
            usable
        });
        items.sort();
        items.dedup_by(|a, b| a.name == b.name);
        let items: Rc<[Item]> = items.into();
        self.folders.insert(folder.to_owned(), Rc::clone(&items));
        Ok(items)
    }

    /// Returns what a path leads to; every folder on the way is looked at, so that no link is followed.
    pub(super) fn place(&mut self, path: &str) -> Result<Place, DiscoverError> {
        let mut folder = String::new();
        let mut place = Place::Folder;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if place != Place::Folder {
                return Ok(Place::Missing);
            }
            let items = self.list(&folder)?;
            let Ok(found) = items.binary_search_by(|item| item.name.as_str().cmp(part)) else {
                return Ok(Place::Missing);
            };
            place = match items[found].kind {
                ItemKind::Symlink | ItemKind::Submodule => return Ok(Place::Link),
                ItemKind::Folder => Place::Folder,
                ItemKind::File { .. } => Place::File,
            };
            folder = join(&folder, part);
        }
        Ok(place)
    }

    /// Tells whether there is a folder; a link in its place is noted.
    pub(super) fn is_folder(&mut self, path: &str) -> Result<bool, DiscoverError> {
        Ok(self.place_noted(path)? == Place::Folder)
    }

    /// Tells whether there is a file; a link in its place is noted.
    pub(super) fn is_file(&mut self, path: &str) -> Result<bool, DiscoverError> {
        Ok(self.place_noted(path)? == Place::File)
    }

    fn place_noted(&mut self, path: &str) -> Result<Place, DiscoverError> {
        let place = self.place(path)?;
        if place == Place::Link {
            self.note_link(path);
        }
        Ok(place)
    }

    pub(super) fn note_link(&mut self, path: &str) {
        self.note(path, "link", "this is behind a symbolic link or submodule, which is never followed");
    }

    /// Returns a whole file; `None`, with a note, when it is too long.
    pub(super) fn read(&mut self, file: &str) -> Result<Option<Vec<u8>>, DiscoverError> {
        let most = self.limits.max_file_bytes;
        let read = self.tree.read(file, most);
        let bytes = read.map_err(|source| DiscoverError::Tree { path: shown(file, 300), source })?;
        let too_long = bytes.as_ref().is_some_and(|bytes| bytes.len() as u64 > most);
        if too_long {
            self.note(file, "too-long", format!("the file is longer than {most} bytes and was not read"));
        }
        Ok(bytes.filter(|_| !too_long))
    }
}
