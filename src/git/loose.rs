//! Loose objects of a size that memory and time are felt: written as they are where deflating gains nothing, and read
//! through a small window.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read, Write as _};

use flate2::bufread::ZlibDecoder;
use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, FlushCompress};
use gix::object::Kind;
use gix::objs::encode::loose_header;

use super::{GitError, Repo, WalkLimits};
use crate::fsio::{ensure_folder, write_fresh};
use crate::model::Oid;

/// From this size on, in bytes, an object is read and written here and not by gix.
pub(super) const LARGE_BYTES: usize = 1024 * 1024;

/// Bytes from the middle of an object that tell whether it gets smaller.
const SAMPLE_BYTES: usize = 64 * 1024;

/// Files that are looked into to judge many.
const SAMPLES: usize = 4;

/// Longest header of a loose object: the word, a number of 64 bits and a zero.
const MAX_HEADER_BYTES: usize = 32;

impl Repo {
    /// Writes a large object as stored blocks if it would not get smaller. Returns whether it did.
    ///
    /// The fast level of the encoder makes such objects larger, and several times slower to read.
    pub(super) fn write_stored(&self, id: Oid, kind: Kind, bytes: &[u8]) -> Result<bool, GitError> {
        if bytes.len() < LARGE_BYTES || gets_smaller(bytes) {
            return Ok(false);
        }
        let path = self.loose_path(id);
        if path.exists() {
            return Ok(true);
        }
        let write = |file: &mut File| {
            let mut encoder = ZlibEncoder::new(file, Compression::none());
            encoder.write_all(&loose_header(kind, bytes.len() as u64))?;
            encoder.write_all(bytes)?;
            encoder.finish().map(drop)
        };
        ensure_folder(path.parent().unwrap_or(&path))?;
        write_fresh(&path, "tmp_obj_", write)?;
        Ok(true)
    }

    /// Reads a large loose blob of this size into `bytes`; false if it is not loose, is damaged, or something else: gix says
    /// what.
    ///
    /// gix would hold the whole file beside what it reads from it.
    pub(super) fn large_loose_blob(&self, id: Oid, size: u64, bytes: &mut Vec<u8>) -> bool {
        if size < LARGE_BYTES as u64 {
            return false;
        }
        let Ok(file) = File::open(self.loose_path(id)) else { return false };
        let mut decoder = ZlibDecoder::new(BufReader::with_capacity(256 * 1024, file));
        let header = loose_header(Kind::Blob, size);
        debug_assert!(header.len() <= MAX_HEADER_BYTES);
        let mut start = [0; MAX_HEADER_BYTES];
        let start = &mut start[..header.len()];
        if decoder.read_exact(start).is_err() || *start != *header {
            return false;
        }
        read_whole(decoder, size, bytes)
    }

    /// Says whether nearly all bytes of some trees are in large files that do not get smaller: then deflating them for a pack
    /// takes much time for nothing. The largest stand for the others.
    ///
    /// # Errors
    /// [`GitError::Missing`] for a tree or a file that is not here.
    pub fn hardly_gets_smaller(&self, trees: &[Oid]) -> Result<bool, GitError> {
        let (mut seen, mut total, mut large) = (HashSet::new(), 0_u64, Vec::new());
        for tree in trees {
            for file in self.files(*tree, WalkLimits::default())? {
                if seen.insert(file.id) {
                    let size = self.size(file.id)?;
                    total += size;
                    large.extend((size >= LARGE_BYTES as u64).then_some((size, file.id)));
                }
            }
        }
        let bytes: u64 = large.iter().map(|(size, _)| size).sum();
        // All but an eighth: that much of text is worth less than the time.
        if large.is_empty() || bytes < total - total / 8 {
            return Ok(false);
        }
        large.sort_unstable_by(|a, b| b.cmp(a));
        for (size, id) in large.into_iter().take(SAMPLES) {
            if gets_smaller(&self.blob(id, size)?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn loose_path(&self, id: Oid) -> std::path::PathBuf {
        let hex = id.to_string();
        self.inner.objects.store_ref().path().join(&hex[..2]).join(&hex[2..])
    }
}

/// Reads all there is in the place of what `bytes` holds; false if that is more or less than `size`.
pub(super) fn read_whole(from: impl Read, size: u64, bytes: &mut Vec<u8>) -> bool {
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    bytes.clear();
    bytes.reserve_exact(length);
    // One byte more, so that what is longer than it says is seen.
    from.take(size.saturating_add(1)).read_to_end(bytes).is_ok_and(|read| read == length)
}

/// Tells from a sample whether deflating is worth it.
fn gets_smaller(bytes: &[u8]) -> bool {
    let start = (bytes.len() / 2).min(bytes.len().saturating_sub(SAMPLE_BYTES));
    let sample = &bytes[start..bytes.len().min(start + SAMPLE_BYTES)];
    let mut out = Vec::with_capacity(2 * SAMPLE_BYTES);
    let done = Compress::new(Compression::fast(), true).compress_vec(sample, &mut out, FlushCompress::Finish);
    // A twentieth: less is not worth the time of each later read.
    done.is_ok() && out.len() < sample.len() - sample.len() / 20
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Worktree;
    use crate::model::{FileMode, Hasher, TreePath};

    /// Bytes in which nobody finds anything to leave out.
    fn dense(count: usize, seed: u8) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count);
        let mut last = [seed; 32];
        while bytes.len() < count {
            let mut hasher = Hasher::default();
            hasher.update(&last);
            last = *hasher.finish().bytes();
            bytes.extend(last);
        }
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn only_what_is_nearly_all_dense_is_left_as_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let repo = Repo::init(dir.path(), Worktree::None).expect("a repository");
        let (dense, text) = (dense(3 * LARGE_BYTES, 1), b"The same words again. ".repeat(LARGE_BYTES / 11));
        let tree = |files: &[&[u8]]| {
            let blob = |bytes: &[u8]| repo.write_blob(bytes).expect("writes");
            let files: Vec<(TreePath, _)> = (files.iter().enumerate())
                .map(|(at, bytes)| (format!("f{at}").parse().expect("a path"), Some((FileMode::Regular, blob(bytes)))))
                .collect();
            repo.edit_tree(None, files.iter().map(|(path, file)| (path, *file))).expect("writes")
        };
        let is_left = |files: &[&[u8]]| repo.hardly_gets_smaller(&[tree(files)]).expect("readable");
        assert!(is_left(&[&dense]) && is_left(&[&dense, b"some words"]));
        assert!(!is_left(&[&text]) && !is_left(&[&dense, &text]) && !is_left(&[]) && !is_left(&[b"some words"]));
        // Small files are deflated whatever is in them: there is nothing to gain.
        assert!(!is_left(&[&dense[..LARGE_BYTES - 1]]));
    }
}
