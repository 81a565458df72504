//! Packs: whole ones, and what is good in damaged ones.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use gix::odb::pack::{Bundle, cache, data, index};

use super::{Damage, Flaw, PIECE_BYTES, look_summed, names};
use crate::git::GitError;
use crate::model::Oid;

/// What git works out from packs and can work out again, by the end of its name.
const DERIVED: [&str; 3] = ["rev", "bitmap", "mtimes"];

/// A pack with something good in it.
#[derive(Debug)]
pub(super) enum Pack {
    /// Pack and index hold; the path is without its ending.
    Whole(PathBuf),
    /// The pack holds, and its index is to be made anew.
    WithoutIndex(PathBuf),
    /// The index holds, and these objects of the pack, by their places in the index.
    Partly(PathBuf, Vec<u32>),
}

/// The files of one pack: its name without ending, and the endings that are there.
pub(super) type Files = (String, Vec<String>);

/// Lists the packs of a repository, and looks at what git has derived from all of them together.
pub(super) fn list(folder: &Path, damage: &mut Vec<Damage>) -> Vec<Files> {
    let mut packs: Vec<Files> = Vec::new();
    for name in names(&folder.join("objects/pack")) {
        let Some((stem, end)) = name.rsplit_once('.') else { continue };
        // What has not got its name yet is of a fetch that was killed.
        if !stem.starts_with("pack-") {
            continue;
        }
        match packs.last_mut() {
            Some((last, ends)) if last == stem => ends.push(end.to_owned()),
            _ => packs.push((stem.to_owned(), vec![end.to_owned()])),
        }
    }
    for path in ["objects/pack/multi-pack-index", "objects/info/commit-graph"] {
        let full = folder.join(path);
        if full.exists()
            && let Err(flaw) = look_summed(&full, gix::hash::Kind::Sha1)
        {
            damage.push(Damage { path: path.to_owned(), flaw, objects: Vec::new() });
        }
    }
    packs
}

/// Looks at one pack. Returns what is good in it, what is damaged, and how many bytes were read.
pub(super) fn look(folder: &Path, (stem, ends): &Files, hash: gix::hash::Kind) -> (Option<Pack>, Vec<Damage>, u64) {
    let path = folder.join("objects/pack").join(stem);
    let has = |end: &str| ends.iter().any(|known| known == end);
    let name = |end: &str| format!("objects/pack/{stem}.{end}");
    let mut damage = Vec::new();
    let mut told = |end: &str, flaw, objects| damage.push(Damage { path: name(end), flaw, objects });
    let sum = |end: &str| if has(end) { look_summed(&with(&path, end), hash) } else { Err(Flaw::Gone) };
    let (pack, index) = (sum("pack"), sum("idx"));
    let bytes = [&pack, &index].into_iter().flatten().map(|(_, bytes)| *bytes).sum();
    let found = match (&pack, &index) {
        (Err(Flaw::Gone), Err(Flaw::Gone)) => None,
        (Ok((pack, _)), Ok(_)) if pack_of(&with(&path, "idx"), hash) == Some(*pack) => Some(Pack::Whole(path.clone())),
        (Ok(_), index) => {
            match index {
                Ok(_) => told("idx", Flaw::OtherPack, Vec::new()),
                Err(Flaw::Gone) => told("idx", Flaw::NoIndex, Vec::new()),
                Err(flaw) => told("idx", flaw.clone(), Vec::new()),
            }
            Some(Pack::WithoutIndex(path.clone()))
        }
        (Err(flaw), Ok(_)) => {
            let (good, lost) = sound(&path, hash).unwrap_or_default();
            match flaw {
                Flaw::Gone => told("idx", Flaw::NoPack, lost),
                flaw => told("pack", flaw.clone(), lost),
            }
            (!good.is_empty()).then(|| Pack::Partly(path.clone(), good))
        }
        (Err(pack), Err(index)) => {
            for (end, flaw) in [("pack", pack), ("idx", index)] {
                told(end, flaw.clone(), Vec::new());
            }
            None
        }
    };
    for end in DERIVED.into_iter().filter(|end| has(end)) {
        if let Err(flaw) = look_summed(&with(&path, end), hash) {
            told(end, flaw, Vec::new());
        }
    }
    (found, damage, bytes)
}

pub(super) fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(end);
    name.into()
}

/// Returns the sum of the pack that an index is of.
fn pack_of(path: &Path, hash: gix::hash::Kind) -> Option<Oid> {
    let mut file = File::open(path).ok()?;
    let len = hash.len_in_bytes();
    file.seek(SeekFrom::End(-(i64::try_from(len).ok()? * 2))).ok()?;
    let mut sum = vec![0; len];
    file.read_exact(&mut sum).ok()?;
    Oid::try_from(sum.as_slice()).ok()
}

/// Tells the objects of a damaged pack apart, by an index that holds: those whose bytes are good, and the bytes of all that they
/// are made from, by their places; and the ids of the others.
///
/// Only what has the sum that the index has for it is ever decoded.
fn sound(path: &Path, hash: gix::hash::Kind) -> Option<(Vec<u32>, Vec<Oid>)> {
    let index = index::File::at(with(path, "idx"), hash).ok()?;
    let all = || (0..index.num_objects()).map(|at| index.oid_at_index(at).to_owned()).collect();
    let Ok(mut file) = File::open(with(path, "pack")) else { return Some((Vec::new(), all())) };
    let end = file.metadata().ok()?.len().saturating_sub(hash.len_in_bytes() as u64);
    let Ok(pack) = data::File::at(with(path, "pack"), hash) else { return Some((Vec::new(), all())) };
    let offsets = index.sorted_offsets();
    let mut bases: HashMap<u64, Base> = HashMap::new();
    for at in 0..index.num_objects() {
        let start = index.pack_offset_at_index(at);
        let next = offsets.get(offsets.partition_point(|offset| *offset <= start)).copied().unwrap_or(end);
        let is_good =
            next <= end && crc32(&mut file, start, next).is_some_and(|sum| Some(sum) == index.crc32_at_index(at));
        bases.insert(start, if is_good { base(&pack, &index, start) } else { Base::Bad });
    }
    let is_sound = |at: u32| {
        let mut place = index.pack_offset_at_index(at);
        // A chain is at most as long as there are objects: one that is longer goes in a circle.
        for _ in 0..=index.num_objects() {
            match bases.get(&place) {
                Some(Base::None) => return true,
                Some(Base::At(next)) => place = *next,
                _ => return false,
            }
        }
        false
    };
    let (good, bad): (Vec<u32>, Vec<u32>) = (0..index.num_objects()).partition(|at| is_sound(*at));
    Some((good, bad.into_iter().map(|at| index.oid_at_index(at).to_owned()).collect()))
}

/// What an entry is made from.
enum Base {
    /// Nothing: it is whole.
    None,
    /// The entry at this place.
    At(u64),
    /// It is damaged, or made from what is not here.
    Bad,
}

fn base(pack: &data::File, index: &index::File, start: u64) -> Base {
    let Ok(entry) = pack.entry(start) else { return Base::Bad };
    let place = match entry.header {
        data::entry::Header::OfsDelta { base_distance } => entry.checked_base_pack_offset(base_distance),
        data::entry::Header::RefDelta { base_id } => index.lookup(base_id).map(|at| index.pack_offset_at_index(at)),
        _ => return Base::None,
    };
    place.map_or(Base::Bad, Base::At)
}

fn crc32(file: &mut File, start: u64, end: u64) -> Option<u32> {
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut hasher = crc32fast::Hasher::new();
    let mut rest = end.checked_sub(start)?;
    let mut piece = vec![0; PIECE_BYTES];
    while rest > 0 {
        let want = usize::try_from(rest).unwrap_or(usize::MAX).min(PIECE_BYTES);
        file.read_exact(&mut piece[..want]).ok()?;
        hasher.update(&piece[..want]);
        rest -= want as u64;
    }
    Some(hasher.finalize())
}

/// Takes the type and the content of objects.
type Sink<'a> = &'a mut dyn FnMut(gix::object::Kind, &[u8]) -> Result<(), GitError>;

/// Gives the good objects of a damaged pack to `take`, each with its hash compared.
pub(super) fn read_sound(path: &Path, good: &[u32], hash: gix::hash::Kind, take: Sink<'_>) -> Result<(), GitError> {
    let bundle = Bundle::at(with(path, "idx"), hash).map_err(GitError::doing("open a pack"))?;
    let mut bytes = Vec::new();
    for at in good {
        let id = bundle.index.oid_at_index(*at).to_owned();
        let read = bundle.get_object_by_index(*at, &mut bytes, &mut Default::default(), &mut cache::Never);
        let Ok((object, _)) = read else { continue };
        if gix::objs::compute_hash(hash, object.kind, object.data).is_ok_and(|found| found == id) {
            take(object.kind, object.data)?;
        }
    }
    Ok(())
}
