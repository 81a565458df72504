//! Files that will be read again, so that what git has deflated or made from others is worked out once.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::fsio::Spool;
use crate::model::Oid;

/// Bytes that are kept in memory.
const MAX_MEMORY_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that are kept in a file.
const MAX_SPOOL_BYTES: u64 = 256 * 1024 * 1024;

/// Kept files: in memory, and from there on in a file without a name. What finds no room is not kept.
pub(super) struct Kept {
    memory: HashMap<Oid, Vec<u8>>,
    bytes: usize,
    spool: Place,
    places: HashMap<Oid, Spooled>,
}

/// A file in the spool.
#[derive(Clone, Copy)]
struct Spooled {
    place: u64,
    length: usize,
    /// What is packed is what was looked at: a disk may lose what it took, and say so only later.
    crc: u32,
}

enum Place {
    /// A spool may be made in this folder.
    In(PathBuf),
    Open(Spool),
    /// Never wanted, or it failed: then all its room is free again.
    None,
}

impl Kept {
    /// Keeps in memory, and where there is a folder, in it.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        let spool = folder.map_or(Place::None, Place::In);
        Self { memory: HashMap::new(), bytes: 0, spool, places: HashMap::new() }
    }

    /// Keeps a file if there is room.
    pub(super) fn keep(&mut self, id: Oid, mut bytes: Vec<u8>) {
        if self.memory.contains_key(&id) || self.places.contains_key(&id) {
            return;
        }
        if self.bytes + bytes.len() <= MAX_MEMORY_BYTES {
            self.bytes += bytes.len();
            // What was made from a delta has room for what it was made from.
            bytes.shrink_to_fit();
            self.memory.insert(id, bytes);
            return;
        }
        if let Place::In(folder) = &self.spool {
            self.spool = Spool::create_in(folder).map_or(Place::None, Place::Open);
        }
        let Place::Open(spool) = &mut self.spool else { return };
        if spool.bytes() + bytes.len() as u64 > MAX_SPOOL_BYTES {
            return;
        }
        if let Ok(place) = spool.put(&bytes) {
            self.places.insert(id, Spooled { place, length: bytes.len(), crc: crc32fast::hash(&bytes) });
        } else {
            self.give_up();
        }
    }

    /// Returns a file that was kept. What is in memory is given away.
    pub(super) fn take(&mut self, id: Oid) -> Option<Vec<u8>> {
        if let Some(bytes) = self.memory.remove(&id) {
            self.bytes -= bytes.len();
            return Some(bytes);
        }
        let Spooled { place, length, crc } = *self.places.get(&id)?;
        let Place::Open(spool) = &mut self.spool else { return None };
        let bytes = spool.get(place, length).ok().filter(|bytes| crc32fast::hash(bytes) == crc);
        if bytes.is_none() {
            self.give_up();
        }
        bytes
    }

    /// Keeps nothing in a file any more. Returns whether there was one.
    pub(super) fn give_up(&mut self) -> bool {
        self.places.clear();
        matches!(std::mem::replace(&mut self.spool, Place::None), Place::Open(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(at: usize) -> Oid {
        Oid::from_hex(format!("{at:040x}").as_bytes()).expect("an id")
    }

    fn file(at: usize) -> Vec<u8> {
        vec![at as u8; MAX_MEMORY_BYTES / 3]
    }

    #[test]
    fn what_finds_no_room_in_memory_is_kept_in_a_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut kept = Kept::new(Some(dir.path().to_owned()));
        (0..8).for_each(|at| kept.keep(id(at), file(at)));
        assert_eq!((kept.memory.len(), kept.places.len()), (3, 5));
        for at in (0..8).rev() {
            assert!(kept.take(id(at)) == Some(file(at)), "{at}");
        }
        assert_eq!(kept.take(id(8)), None);
    }

    #[test]
    fn without_a_place_for_a_file_less_is_kept() {
        let dir = tempfile::tempdir().expect("a folder");
        for folder in [None, Some(dir.path().join("gone"))] {
            let mut kept = Kept::new(folder);
            (0..8).for_each(|at| kept.keep(id(at), file(at)));
            assert_eq!((0..8).filter_map(|at| kept.take(id(at))).count(), 3);
        }
    }

    #[test]
    fn a_disk_that_is_full_costs_what_was_kept_there_and_nothing_else() {
        let mut kept = Kept::new(None);
        kept.spool = Place::Open(Spool::full());
        (0..8).for_each(|at| kept.keep(id(at), file(at)));
        assert!(kept.places.is_empty() && !kept.give_up(), "the file is given up");
        assert_eq!((0..8).filter_map(|at| kept.take(id(at))).count(), 3);
    }

    #[test]
    fn what_comes_back_otherwise_than_it_went_is_not_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut kept = Kept::new(Some(dir.path().to_owned()));
        (0..8).for_each(|at| kept.keep(id(at), file(at)));
        let (one, other) = (kept.places[&id(5)], kept.places[&id(6)]);
        kept.places.insert(id(5), Spooled { place: other.place, ..one });
        assert_eq!(kept.take(id(5)), None);
        assert_eq!(kept.take(id(6)), None, "nor anything else from there");
        assert!(kept.take(id(0)).is_some());
    }
}
