//! The packs of a repository, read through a window instead of a map.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::Path;

use gix::odb::pack::data::{Entry, entry::Header};
use gix::odb::pack::index;

use super::examine::names;
use crate::model::Oid;

/// Bytes that are read at once at most.
const WINDOW_BYTES: u64 = 256 * 1024;

/// Longest start of an entry, in bytes: its size, and the base of a delta.
const MAX_HEADER_BYTES: u64 = 64;

/// Packs with their indices, as they were when they were opened.
pub(super) struct OpenPacks {
    packs: Vec<Pack>,
    hash: gix::hash::Kind,
}

struct Pack {
    index: index::File<gix::odb::pack::MMap>,
    file: File,
}

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    /// The number of the pack.
    pub(super) pack: usize,
    /// Bytes of the pack before the object.
    pub(super) offset: u64,
}

impl OpenPacks {
    /// Opens those packs in a folder that can be opened.
    pub(super) fn open(folder: &Path, hash: gix::hash::Kind) -> Self {
        let indices = names(folder).into_iter().filter(|name| name.ends_with(".idx"));
        let open = |name| {
            let path = folder.join::<String>(name);
            Some(Pack {
                index: index::File::at(&path, hash).ok()?,
                file: File::open(path.with_extension("pack")).ok()?,
            })
        };
        Self { packs: indices.filter_map(open).collect(), hash }
    }

    /// Finds an object.
    pub(super) fn find(&self, id: Oid) -> Option<Place> {
        self.packs.iter().enumerate().find_map(|(number, pack)| {
            let at = pack.index.lookup(id)?;
            Some(Place { pack: number, offset: pack.index.pack_offset_at_index(at) })
        })
    }

    /// Returns how the object at a place is kept, and what reads its deflated content, `about` so many bytes.
    pub(super) fn read(&mut self, place: Place, about: u64) -> Option<(Entry, BufReader<&mut File>)> {
        let file = &mut self.packs.get_mut(place.pack)?.file;
        file.seek(SeekFrom::Start(place.offset)).ok()?;
        let window = usize::try_from((about + MAX_HEADER_BYTES).min(WINDOW_BYTES)).ok()?;
        let mut content = BufReader::with_capacity(window, file);
        let entry = Entry::from_read(&mut content, place.offset, self.hash.len_in_bytes()).ok()?;
        Some((entry, content))
    }

    /// Returns the numbers of `ids` in an order in which each comes after all that it is made from, and nothing between them is
    /// made from something else. What is made from a base that is named by id instead of place counts as whole.
    pub(super) fn depth_first(&mut self, ids: &[Oid]) -> Vec<usize> {
        let places: Vec<Option<Place>> = ids.iter().map(|id| self.find(*id)).collect();
        let (mut known, mut made_from) = (HashSet::new(), HashMap::<Option<Place>, Vec<Place>>::new());
        for place in places.iter().flatten() {
            let mut next = Some(*place);
            while let Some(place) = next.filter(|place| known.insert(*place)) {
                next = self.read(place, 0).and_then(|(entry, _)| base(&entry, place));
                made_from.entry(next).or_default().push(place);
            }
        }
        let mut pending = made_from.remove(&None).unwrap_or_default();
        pending.sort_unstable_by(|one, other| other.cmp(one));
        let mut ranks = HashMap::new();
        while let Some(place) = pending.pop() {
            ranks.insert(place, ranks.len());
            pending.extend(made_from.remove(&Some(place)).unwrap_or_default());
        }
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|at| places[*at].and_then(|place| ranks.get(&place)));
        order
    }
}

/// Returns what a delta is made from, if its place says where that is.
pub(super) fn base(entry: &Entry, place: Place) -> Option<Place> {
    let Header::OfsDelta { base_distance } = entry.header else { return None };
    Some(Place { offset: entry.checked_base_pack_offset(base_distance)?, ..place })
}
