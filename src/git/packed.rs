//! A pack and its index from objects in memory (`gitformat-pack`), without deltas.
//!
//! A library that takes any pack has to inflate it again to learn what is in it; here all of that is known.

use flate2::{Compress, CompressError, Compression, FlushCompress, Status};
use gix::object::Kind;
use rayon::prelude::*;

use super::GitError;
use crate::model::Oid;

/// Largest pack: an index has four bytes for the place of an object, with one bit taken.
const MAX_PACK_BYTES: usize = 0x7fff_ffff;

/// From this size on, in bytes, an object that does not get smaller is held as it is.
const MIN_STORED_BYTES: usize = 1024;

/// One object: its id, its type and its content.
pub(super) type Object<'a> = (Oid, Kind, &'a [u8]);

/// The two files of a pack.
pub(super) struct Packed {
    /// Content of `pack-NAME.pack`.
    pub(super) pack: Vec<u8>,
    /// Content of `pack-NAME.idx`, version 2.
    pub(super) index: Vec<u8>,
    /// `NAME`: the hash of the pack.
    pub(super) name: Oid,
}

/// Where an object is in a pack.
struct Place {
    id: Oid,
    offset: u32,
    crc32: u32,
}

/// The entries of a share of the objects, one after the other, and where each ends.
type Share = (Vec<u8>, Vec<(Oid, usize)>);

/// Packs objects in the order given.
///
/// # Errors
/// [`GitError::TooMuch`] above 2 GiB or 2^32 objects.
pub(super) fn pack(objects: &[Object<'_>], hash: gix::hash::Kind) -> Result<Packed, GitError> {
    let share = objects.len().div_ceil(rayon::current_num_threads()).max(1);
    let shares: Vec<Share> = objects.par_chunks(share).map(deflate).collect::<Result<_, _>>()?;
    let count = u32::try_from(objects.len())
        .map_err(|_| GitError::TooMuch { what: "objects in one pack", limit: u64::from(u32::MAX) })?;
    let mut pack = Vec::with_capacity(64 + shares.iter().map(|(bytes, _)| bytes.len()).sum::<usize>());
    pack.extend_from_slice(b"PACK\0\0\0\x02");
    pack.extend_from_slice(&count.to_be_bytes());
    let mut places = Vec::with_capacity(objects.len());
    for (bytes, ends) in shares {
        let mut start = 0;
        for (id, end) in ends {
            let entry = &bytes[start..end];
            let offset = u32::try_from(pack.len()).unwrap_or(u32::MAX);
            places.push(Place { id, offset, crc32: crc32fast::hash(entry) });
            pack.extend_from_slice(entry);
            start = end;
        }
    }
    let name = seal(&mut pack, hash)?;
    if pack.len() > MAX_PACK_BYTES {
        return Err(GitError::TooMuch { what: "bytes in one pack", limit: MAX_PACK_BYTES as u64 });
    }
    places.sort_by_key(|place| place.id);
    Ok(Packed { pack, index: index(&places, name, hash)?, name })
}

fn deflate(objects: &[Object<'_>]) -> Result<Share, GitError> {
    let failed = |error| GitError::doing::<gix::Error>("compress an object")(gix::Error::from_error(error));
    let mut out = Vec::with_capacity(objects.iter().map(|(_, _, bytes)| bytes.len() / 2 + 64).sum());
    let mut ends = Vec::with_capacity(objects.len());
    // One for all: to make its tables costs as much as to compress a small file.
    let mut encoder = Compress::new(Compression::fast(), true);
    let mut stored = Compress::new(Compression::none(), true);
    for (id, kind, bytes) in objects {
        out.extend(header(*kind, bytes.len()));
        let start = out.len();
        encode(&mut encoder, bytes, &mut out).map_err(failed)?;
        // What gets larger is several times slower to read, too.
        if bytes.len() >= MIN_STORED_BYTES && out.len() - start >= bytes.len() {
            out.truncate(start);
            encode(&mut stored, bytes, &mut out).map_err(failed)?;
        }
        ends.push((*id, out.len()));
    }
    Ok((out, ends))
}

/// Appends the stream of `bytes`.
fn encode(encoder: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
    encoder.reset();
    loop {
        // The vector is its own buffer: what is free in it is filled, and more asked for until all is in.
        out.reserve(bytes.len() / 2 + 64);
        let taken = usize::try_from(encoder.total_in()).unwrap_or(usize::MAX);
        if encoder.compress_vec(&bytes[taken..], out, FlushCompress::Finish)? == Status::StreamEnd {
            return Ok(());
        }
    }
}

/// Returns an index of version 2; `places` are sorted by id.
fn index(places: &[Place], pack: Oid, hash: gix::hash::Kind) -> Result<Vec<u8>, GitError> {
    let mut out = Vec::with_capacity(1100 + places.len() * (hash.len_in_bytes() + 8));
    out.extend_from_slice(b"\xfftOc\0\0\0\x02");
    for byte in 0..=u8::MAX {
        // As many ids begin with this byte or a smaller one.
        let up_to = places.partition_point(|place| place.id.first_byte() <= byte);
        out.extend_from_slice(&(up_to as u32).to_be_bytes());
    }
    places.iter().for_each(|place| out.extend_from_slice(place.id.as_slice()));
    places.iter().for_each(|place| out.extend_from_slice(&place.crc32.to_be_bytes()));
    places.iter().for_each(|place| out.extend_from_slice(&place.offset.to_be_bytes()));
    out.extend_from_slice(pack.as_slice());
    seal(&mut out, hash)?;
    Ok(out)
}

/// Appends the hash of all bytes so far, and returns it.
fn seal(bytes: &mut Vec<u8>, hash: gix::hash::Kind) -> Result<Oid, GitError> {
    let mut hasher = gix::hash::hasher(hash);
    hasher.update(bytes);
    let sum = hasher.try_finalize().map_err(GitError::doing("hash a pack"))?;
    bytes.extend_from_slice(sum.as_slice());
    Ok(sum)
}

/// Type and size of an entry: three bits of type, then the size in groups of 4, 7, 7, … bits.
fn header(kind: Kind, size: usize) -> Vec<u8> {
    let mut rest = size >> 4;
    let mut byte = rank(kind) << 4 | (size & 0x0f) as u8;
    let mut bytes = Vec::new();
    while rest > 0 {
        bytes.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    bytes.push(byte);
    bytes
}

/// The number of a type in a pack.
pub(super) fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    }
}
