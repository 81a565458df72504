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
    /// Where each is in the spool, and its length.
    places: HashMap<Oid, (u64, usize)>,
}

enum Place {
    /// A spool may be made beside this path.
    Beside(PathBuf),
    Open(Spool),
    /// Never wanted, or it failed: then all its room is free again.
    None,
}

impl Kept {
    /// Keeps in memory, and where there is a path, beside it.
    pub(super) fn new(beside: Option<PathBuf>) -> Self {
        let spool = beside.map_or(Place::None, Place::Beside);
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
        if let Place::Beside(path) = &self.spool {
            self.spool = Spool::beside(path).map_or(Place::None, Place::Open);
        }
        let Place::Open(spool) = &mut self.spool else { return };
        if spool.bytes() + bytes.len() as u64 > MAX_SPOOL_BYTES {
            return;
        }
        match spool.put(&bytes) {
            Ok(place) => drop(self.places.insert(id, (place, bytes.len()))),
            Err(_) => drop(self.give_up()),
        }
    }

    /// Returns a file that was kept. What is in memory is given away.
    pub(super) fn take(&mut self, id: Oid) -> Option<Vec<u8>> {
        if let Some(bytes) = self.memory.remove(&id) {
            self.bytes -= bytes.len();
            return Some(bytes);
        }
        let (place, length) = *self.places.get(&id)?;
        let Place::Open(spool) = &mut self.spool else { return None };
        let bytes = spool.get(place, length).ok();
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
        let mut kept = Kept::new(Some(dir.path().join("pack")));
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
        for beside in [None, Some(dir.path().join("gone/pack"))] {
            let mut kept = Kept::new(beside);
            (0..8).for_each(|at| kept.keep(id(at), file(at)));
            assert_eq!((0..8).filter_map(|at| kept.take(id(at))).count(), 3);
        }
    }
}
