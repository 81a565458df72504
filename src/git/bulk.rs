//! Writing many objects at once: gathered in memory, then one pack instead of a file for each.
//!
//! A command that fails before it flushes has written nothing at all.

use std::io::{BufReader, Write as _};
use std::sync::atomic::AtomicBool;

use gix::object::Kind;
use gix::objs::Write as _;
use gix::odb::pack;

use super::{GitError, Repo};

/// From this many objects on they go into a pack: git's own `transfer.unpackLimit`.
const PACK_FROM: usize = 100;

/// Bytes gathered before they are flushed on the way, so that memory stays bounded.
const MAX_GATHERED_BYTES: usize = 64 * 1024 * 1024;

impl Repo {
    /// Keeps objects that are written from now on in memory, until [`Repo::flush`].
    pub fn gather(&mut self) {
        self.inner.objects.enable_object_memory();
    }

    /// Flushes when more than the limit was gathered. `added` is the size of the object just written, in bytes.
    pub(super) fn flush_if_large(&self, added: usize) -> Result<(), GitError> {
        let total = self.gathered.get() + added;
        self.gathered.set(total);
        if total > MAX_GATHERED_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what was gathered to disk. Must be called before a ref is to point to any of it.
    ///
    /// # Errors
    /// [`GitError::Gix`], [`GitError::Fs`].
    pub fn flush(&self) -> Result<(), GitError> {
        self.gathered.set(0);
        let Some(objects) = self.inner.objects.reset_object_memory() else { return Ok(()) };
        if objects.is_empty() {
            return Ok(());
        }
        let mut objects: Vec<_> = objects.iter().map(|(id, (kind, bytes))| (*id, *kind, bytes)).collect();
        // The same objects make the same pack.
        objects.sort_by_key(|(id, kind, _)| (rank(*kind), *id));
        if objects.len() < PACK_FROM {
            let mut direct = self.inner.clone();
            direct.objects.take_object_memory();
            for (_, kind, bytes) in objects {
                direct.objects.write_buf(kind, bytes).map_err(GitError::doing("write an object"))?;
            }
            return Ok(());
        }
        let stream = self.stream(objects.iter().map(|(_, kind, bytes)| (*kind, bytes.as_slice())), objects.len())?;
        self.write_pack(&stream)
    }

    /// Returns the objects as a pack stream (`gitformat-pack`), without deltas.
    fn stream<'a>(&self, objects: impl Iterator<Item = (Kind, &'a [u8])>, count: usize) -> Result<Vec<u8>, GitError> {
        let doing = || GitError::doing::<gix::Error>("write a pack");
        let mut out = Vec::from(*b"PACK\0\0\0\x02");
        let count =
            u32::try_from(count).map_err(|_| GitError::TooMuch { what: "objects", limit: u64::from(u32::MAX) })?;
        out.extend_from_slice(&count.to_be_bytes());
        for (kind, bytes) in objects {
            out.extend(header(kind, bytes.len()));
            let mut encoder = flate2::write::ZlibEncoder::new(&mut out, flate2::Compression::fast());
            let written = encoder.write_all(bytes).and_then(|()| encoder.finish().map(drop));
            written.map_err(|error| doing()(gix::Error::from_error(error)))?;
        }
        let mut hasher = gix::hash::hasher(self.hash_kind());
        hasher.update(&out);
        let trailer = hasher.try_finalize().map_err(GitError::doing("hash a pack"))?;
        out.extend_from_slice(trailer.as_slice());
        Ok(out)
    }

    fn write_pack(&self, stream: &[u8]) -> Result<(), GitError> {
        let folder = self.inner.objects.store_ref().path().join("pack");
        crate::fsio::ensure_folder(&folder)?;
        let outcome = pack::Bundle::write_to_directory(
            &mut BufReader::new(stream),
            Some(&folder),
            &mut gix::progress::Discard,
            &AtomicBool::new(false),
            None::<gix::objs::find::Never>,
            self.hash_kind(),
            pack::bundle::write::Options::default(),
        );
        let outcome = outcome.map_err(GitError::doing("write a pack"))?;
        if let Some(keep) = outcome.keep_path {
            // The refs that need it come within this command, long before git would prune it.
            crate::fsio::remove_if_there(&keep)?;
        }
        Ok(())
    }
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
fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    }
}
