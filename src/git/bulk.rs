//! Writing many objects at once: gathered in memory, then one pack instead of a file for each.
//!
//! A command that fails before it flushes has written nothing at all.

use std::io::Write as _;

use gix::object::Kind;
use gix::objs::Write as _;
use gix::odb::memory::Storage;

use super::packed::{pack, rank};
use super::{GitError, Repo};
use crate::fsio::{ensure_folder, write_fresh};
use crate::model::Oid;

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
        // What is flushed on the way is read again from disk.
        if total > MAX_GATHERED_BYTES && !self.is_memory { self.write_gathered().map(drop) } else { Ok(()) }
    }

    /// Writes what was gathered to disk. Must be called before a ref is to point to any of it.
    ///
    /// # Errors
    /// [`GitError::Gix`], [`GitError::Fs`].
    pub fn flush(&self) -> Result<(), GitError> {
        if let Some(objects) = self.write_gathered()? {
            self.flushed.replace(objects.into());
        }
        Ok(())
    }

    fn write_gathered(&self) -> Result<Option<Storage>, GitError> {
        self.gathered.set(0);
        let gathered = self.inner.objects.reset_object_memory().filter(|objects| !objects.is_empty());
        let Some(gathered) = gathered else { return Ok(None) };
        let mut objects: Vec<_> = gathered.iter().map(|(id, (kind, bytes))| (*id, *kind, bytes.as_slice())).collect();
        // The same objects make the same pack.
        objects.sort_by_key(|(id, kind, _)| (rank(*kind), *id));
        if objects.len() < PACK_FROM {
            let mut direct = self.inner.clone();
            direct.objects.take_object_memory();
            for (id, kind, bytes) in objects {
                if self.write_stored(id, kind, bytes)? {
                    continue;
                }
                direct.objects.write_buf(kind, bytes).map_err(GitError::doing("write an object"))?;
            }
        } else {
            let folder = self.inner.objects.store_ref().path().join("pack");
            ensure_folder(&folder)?;
            let packed = pack(&objects, self.hash_kind())?;
            // A pack counts from the moment its index is there.
            for (end, bytes) in [("pack", packed.pack), ("idx", packed.index)] {
                write_fresh(&folder.join(format!("pack-{}.{end}", packed.name)), "tmp_pack_", |file| {
                    file.write_all(&bytes)
                })?;
            }
        }
        Ok(Some(gathered))
    }

    /// Returns a blob of those that were flushed last.
    pub(super) fn flushed_blob(&self, id: Oid, limit: u64) -> Option<Vec<u8>> {
        let flushed = self.flushed.borrow();
        let (kind, bytes) = flushed.get(&id)?;
        (*kind == Kind::Blob && bytes.len() as u64 <= limit).then(|| bytes.clone())
    }
}
