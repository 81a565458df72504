//! Reading a pack: its files, and their contents in pieces.

use std::fs::File;

use rayon::prelude::*;

use super::check::{Found, read_container};
use super::container::{COMMIT_NAME, Entry, TAG_NAME};
use super::error::{LimitKind, PackError, at_most};
use super::inflate;
use super::limits::Limits;
use super::positioned::read_exact_at;
use crate::model::{Compression, Digest, FileEntry, FileMode, Hasher, MANIFEST_PATH, TreePath, tree_digest};

/// Bytes hashed at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// One file of a pack's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackFile {
    /// Place below the root of the tree.
    pub path: TreePath,
    /// Permission bits.
    pub mode: FileMode,
    /// Declared length of the content, in bytes; [`Pack::read`] checks it.
    pub size: u64,
}

/// A pack whose container is canonical. Its contents are checked as they are read.
///
/// Reads are positioned and do not share state: any number of threads may read at once.
#[derive(Debug)]
pub struct Pack {
    file: File,
    size: u64,
    tag: Entry,
    commit: Entry,
    files: Vec<PackFile>,
    /// Headers of `files`, in the same order.
    entries: Vec<Entry>,
}

impl Pack {
    /// Opens a pack and checks every byte of its container; nothing is inflated.
    ///
    /// Costs one small read for each entry, and memory for the directory, which the limits bound.
    ///
    /// # Errors
    /// [`PackError`]: paths and links first, then limits, then everything that is not as a writer makes it.
    pub fn open(file: File, limits: &Limits) -> Result<Self, PackError> {
        let size = file.metadata().map_err(PackError::read)?.len();
        at_most(LimitKind::Pack, size, limits.pack_bytes)?;
        let Found { paths, entries, .. } = read_container(&file, size, limits)?;
        let mut pack = Pick::default();
        for (path, entry) in paths.into_iter().zip(entries) {
            pack.put(path, entry)?;
        }
        let missing = |name| PackError::Missing { name };
        let tag = pack.tag.ok_or_else(|| missing(TAG_NAME))?;
        let commit = pack.commit.ok_or_else(|| missing(COMMIT_NAME))?;
        Ok(Self { file, size, tag, commit, files: pack.files, entries: pack.entries })
    }

    /// Returns the length of the pack, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the SHA-256 of the pack; reads all of it.
    ///
    /// # Errors
    /// [`PackError::Io`].
    pub fn digest(&self) -> Result<Digest, PackError> {
        self.hash(0, self.size)
    }

    /// Returns the raw tag object.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn tag(&self) -> Result<Vec<u8>, PackError> {
        self.object(&self.tag)
    }

    /// Returns the raw commit object.
    ///
    /// # Errors
    /// As for [`Self::read`].
    pub fn commit(&self) -> Result<Vec<u8>, PackError> {
        self.object(&self.commit)
    }

    /// Returns the files of the tree in byte order of their paths.
    pub fn files(&self) -> &[PackFile] {
        &self.files
    }

    /// Gives the content of the file at `index` of [`Self::files`] to `sink`, in pieces of at most 64 KiB.
    ///
    /// Until this returns `Ok`, what the sink got is not to be trusted. It never gets more than declared.
    ///
    /// # Errors
    /// [`PackError::Io`], or the variant that says how length, checksum or compression are wrong.
    ///
    /// # Panics
    /// If there is no such file.
    pub fn read(&self, index: usize, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
        self.copy(&self.entries[index], sink)
    }

    /// Checks that files are held in the way that the manifest says: all stored, or those of the digest `packed`.
    ///
    /// With this, no byte of a pack can change and leave its meaning: containers have one encoding, and what is not
    /// stored has this digest (`schema/pack.md`, section 5).
    ///
    /// # Errors
    /// [`PackError::Compression`] for an entry that is compressed in a pack that stores, [`PackError::Packed`],
    /// [`PackError::Io`].
    pub fn check_packed(&self, packed: Option<Digest>) -> Result<(), PackError> {
        let Some(expected) = packed else {
            let deflated = self.entries.iter().find(|entry| entry.compression != Compression::Store);
            let error =
                |entry: &Entry| PackError::Compression { name: entry.name.clone(), compression: Compression::Store };
            return deflated.map_or(Ok(()), |entry| Err(error(entry)));
        };
        let held = self.files.par_iter().zip(&self.entries).map(|(file, entry)| {
            let sha256 = self.hash(entry.data_offset(), u64::from(entry.held))?;
            Ok(FileEntry { path: file.path.clone(), mode: file.mode, size: u64::from(entry.held), sha256 })
        });
        let found = packed_digest(&held.collect::<Result<Vec<_>, PackError>>()?);
        if found == expected { Ok(()) } else { Err(PackError::Packed { expected, found }) }
    }

    fn copy(&self, entry: &Entry, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
        let mut at = entry.data_offset();
        let mut source = |buffer: &mut [u8]| {
            read_exact_at(&self.file, buffer, at)?;
            at += buffer.len() as u64;
            Ok(())
        };
        inflate::copy(entry, &mut source, sink)
    }

    fn hash(&self, start: u64, length: u64) -> Result<Digest, PackError> {
        hash(&self.file, start, length)
    }

    /// The limit on its size was checked when the pack was opened.
    fn object(&self, entry: &Entry) -> Result<Vec<u8>, PackError> {
        let mut out = Vec::new();
        self.copy(entry, &mut |bytes| out.extend_from_slice(bytes))?;
        Ok(out)
    }
}

/// Returns the SHA-256 of a part of a file.
pub(super) fn hash(file: &File, start: u64, length: u64) -> Result<Digest, PackError> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; usize::try_from(length).map_or(PIECE_BYTES, |length| length.min(PIECE_BYTES))];
    let mut at = start;
    while at < start + length {
        let piece = usize::try_from(start + length - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        read_exact_at(file, &mut buffer[..piece], at).map_err(PackError::read)?;
        hasher.update(&buffer[..piece]);
        at += piece as u64;
    }
    Ok(hasher.finish())
}

/// Returns the digest over the bytes that the entries of files hold, deflated or not: the tree digest of the files as
/// they are held, without the manifest, in which it stands.
pub fn packed_digest(held: &[FileEntry]) -> Digest {
    tree_digest(held.iter().filter(|entry| entry.path.as_str() != MANIFEST_PATH))
}

/// Sorts entries into the tag, the commit and the tree.
#[derive(Default)]
struct Pick {
    tag: Option<Entry>,
    commit: Option<Entry>,
    files: Vec<PackFile>,
    entries: Vec<Entry>,
}

impl Pick {
    fn put(&mut self, path: TreePath, entry: Entry) -> Result<(), PackError> {
        let object = match entry.name.as_str() {
            TAG_NAME => &mut self.tag,
            COMMIT_NAME => &mut self.commit,
            // MUST hold nothing else there, section 2: `the_reserved_folder_holds_only_tag_and_commit`.
            _ if path.is_below_reserved() => return Err(PackError::Reserved { name: entry.name }),
            _ => {
                self.files.push(PackFile { path, mode: entry.mode, size: u64::from(entry.size) });
                self.entries.push(entry);
                return Ok(());
            }
        };
        // Git's own objects are data, whatever they are: no system may run them.
        if entry.mode != FileMode::Regular {
            return Err(PackError::Reserved { name: entry.name });
        }
        *object = Some(entry);
        Ok(())
    }
}
