//! Reading a pack: its files, and their contents in pieces.

use std::fs::File;

use super::check::{Found, read_container};
use super::container::{COMMIT_NAME, Entry, TAG_NAME};
use super::error::{LimitKind, PackError, at_most};
use super::inflate;
use super::limits::Limits;
use super::positioned::read_exact_at;
use crate::model::{Compression, Digest, FileMode, Hasher, TreePath};

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
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 64 * 1024];
        let mut at = 0;
        while at < self.size {
            let piece = usize::try_from(self.size - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            read_exact_at(&self.file, &mut buffer[..piece], at).map_err(PackError::read)?;
            hasher.update(&buffer[..piece]);
            at += piece as u64;
        }
        Ok(hasher.finish())
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

    /// Checks that entries are held in the way that the manifest says.
    ///
    /// # Errors
    /// [`PackError::Compression`] for an entry that is compressed in a pack that stores.
    pub fn check_compression(&self, compression: Compression) -> Result<(), PackError> {
        let mut all = [&self.tag, &self.commit].into_iter().chain(&self.entries);
        match all.find(|entry| compression == Compression::Store && entry.compression != Compression::Store) {
            Some(entry) => Err(PackError::Compression { name: entry.name.clone(), compression }),
            None => Ok(()),
        }
    }

    fn copy(&self, entry: &Entry, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
        self.copy_ending(entry, None, sink)?;
        self.check_padding(entry)
    }

    /// As [`Self::copy`], reading `last` in place of the last byte held.
    fn copy_ending(&self, entry: &Entry, last: Option<u8>, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
        let mut at = entry.data_offset();
        let end = at + u64::from(entry.held);
        let mut source = |buffer: &mut [u8]| {
            read_exact_at(&self.file, buffer, at)?;
            at += buffer.len() as u64;
            if let (Some(last), Some(byte), true) = (last, buffer.last_mut(), at == end) {
                *byte = last;
            }
            Ok(())
        };
        inflate::copy(entry, &mut source, sink)
    }

    /// Checks that the bits of the last byte behind the end of a deflate stream are zero, as the encoder leaves them.
    ///
    /// The highest bit that is set belongs to the stream, so that without it the stream does not end there; if it
    /// does, the bit was padding. MUST refuse, section 5: `row_17_no_flip_passes_for_the_original`.
    fn check_padding(&self, entry: &Entry) -> Result<(), PackError> {
        if entry.compression != Compression::Deflate || entry.held == 0 {
            return Ok(());
        }
        let mut last = [0];
        read_exact_at(&self.file, &mut last, entry.data_offset() + u64::from(entry.held) - 1)
            .map_err(PackError::read)?;
        let Some(highest) = last[0].checked_ilog2() else { return Ok(()) };
        match self.copy_ending(entry, Some(last[0] & !(1 << highest)), &mut |_| ()) {
            Ok(()) => Err(PackError::Trailing { name: entry.name.clone() }),
            Err(_) => Ok(()),
        }
    }

    /// The limit on its size was checked when the pack was opened.
    fn object(&self, entry: &Entry) -> Result<Vec<u8>, PackError> {
        let mut out = Vec::new();
        self.copy(entry, &mut |bytes| out.extend_from_slice(bytes))?;
        Ok(out)
    }
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
