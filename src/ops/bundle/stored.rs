//! Releases as they stand in a repository.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use super::kept::Kept;
use crate::git::{GitError, Readers, Repo, TreeFile, WalkLimits};
use crate::model::{Compression, Digest, Oid, Release};
use crate::pack::{Contents, Limits, PackError, PackFile, Written, write_pack};
use crate::signature::{ObjectKind, RawCommit, RawTag};
use crate::trust::{Evidence, EvidenceError};

/// From this many bytes on, one file is looked at at a time: it is enough for all threads.
pub(super) const LARGE_BYTES: usize = 8 * 1024 * 1024;

/// Room for large files that is made at once, in bytes, so that it seldom has to grow. What was never used of it takes no
/// memory.
const ROOM_BYTES: usize = 128 * 1024 * 1024;

/// Files of one repository for several threads. At any time they hold no more than one large file, a file below that size
/// for each thread, what is kept in memory, and what [`Readers`] hold and have mapped.
pub(super) struct Source {
    readers: Readers,
    kept: Mutex<Kept>,
    /// Of what was looked at.
    sizes: Mutex<HashMap<Oid, u64>>,
    /// Room for a large file, held by whoever looks at one. It is used again: what an allocator is given back by another
    /// thread stays with the process for a while.
    large: Mutex<Vec<u8>>,
    limits: Limits,
}

impl Source {
    pub(super) fn new(repo: &Repo, limits: &Limits) -> Self {
        Self::keeping(repo, limits, None)
    }

    /// As [`Source::new`], and what finds no room in memory may be kept in a folder.
    pub(super) fn keeping(repo: &Repo, limits: &Limits, folder: Option<&Path>) -> Self {
        let kept = Mutex::new(Kept::new(folder.map(Path::to_owned)));
        let (sizes, large) = (Mutex::default(), Mutex::default());
        Self { readers: Readers::new(repo), kept, sizes, large, limits: *limits }
    }

    /// As [`Readers::cheapest_order`].
    pub(super) fn cheapest_order(&self, ids: &[Oid]) -> Vec<usize> {
        self.readers.cheapest_order(ids)
    }

    fn size(&self, id: Oid) -> Result<u64, GitError> {
        if let Some(size) = locked(&self.sizes).get(&id) {
            return Ok(*size);
        }
        let size = self.readers.size(id)?;
        locked(&self.sizes).insert(id, size);
        Ok(size)
    }

    /// Looks at a blob on any thread, and keeps it for the next time if there is room.
    ///
    /// `with` must not wait for a pool of threads: what runs on them may be waiting here.
    pub(super) fn look<T>(&self, id: Oid, with: impl FnOnce(&[u8]) -> T) -> Result<T, GitError> {
        let kept = locked(&self.kept).take(id);
        let bytes = if let Some(bytes) = kept {
            bytes
        } else {
            let mut bytes = Vec::new();
            let size = self.readers.small_blob_into(id, LARGE_BYTES as u64, &mut bytes)?;
            locked(&self.sizes).insert(id, size);
            if is_large(size) {
                return self.look_last(id, size, with);
            }
            if size > self.limits.file_bytes {
                return Err(GitError::TooMuch { what: "bytes in one file", limit: self.limits.file_bytes });
            }
            bytes
        };
        let looked = with(&bytes);
        locked(&self.kept).keep(id, bytes);
        Ok(looked)
    }

    /// As [`Source::look`], at a blob of a known size that is not looked at again.
    fn look_last<T>(&self, id: Oid, size: u64, with: impl FnOnce(&[u8]) -> T) -> Result<T, GitError> {
        if is_large(size) {
            let mut room = locked(&self.large);
            self.read_into(id, size, &mut room)?;
            return Ok(with(&room));
        }
        Ok(with(&self.take(id, size)?))
    }

    /// Returns a blob of a known size; a large one is to be given back.
    fn take(&self, id: Oid, size: u64) -> Result<Vec<u8>, GitError> {
        if let Some(bytes) = locked(&self.kept).take(id) {
            return Ok(bytes);
        }
        let mut bytes = if is_large(size) { std::mem::take(&mut *locked(&self.large)) } else { Vec::new() };
        self.read_into(id, size, &mut bytes)?;
        Ok(bytes)
    }

    /// Takes back what [`Source::take`] returned.
    fn give_back(&self, bytes: Vec<u8>) {
        let mut room = locked(&self.large);
        if bytes.capacity() >= LARGE_BYTES && bytes.capacity() > room.capacity() {
            *room = bytes;
        }
    }

    fn read_into(&self, id: Oid, size: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        if is_large(size) && bytes.capacity() == 0 {
            bytes.reserve_exact(ROOM_BYTES);
        }
        self.readers.blob_into(id, size, self.limits.file_bytes, bytes)
    }
}

fn is_large(size: u64) -> bool {
    size >= LARGE_BYTES as u64
}

/// A thread that panicked leaves nothing half done in these.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A release in a repository: the tag, its commit and the files of its tree. Nothing of it is believed.
pub struct Stored {
    tag: Vec<u8>,
    commit: Vec<u8>,
    files: Vec<PackFile>,
    blobs: Vec<TreeFile>,
    source: Source,
}

impl Stored {
    /// Reads a release by the id of its tag object.
    ///
    /// # Errors
    /// [`GitError::Missing`] for a lightweight tag or missing objects, and what [`Repo::files`] refuses.
    pub fn read(repo: &Repo, tag_id: Oid, limits: &Limits) -> Result<Self, GitError> {
        Self::read_through(repo, tag_id, Source::new(repo, limits))
    }

    /// As [`Stored::read`], with a source that may have kept files.
    pub(super) fn read_through(repo: &Repo, tag_id: Oid, source: Source) -> Result<Self, GitError> {
        let tag = repo.raw_tag(tag_id)?;
        // A malformed tag or commit is for the verification to name; here it only has no files.
        let tagged = RawTag::parse(&tag).ok().filter(|tag| tag.target_kind() == ObjectKind::Commit);
        let commit_id = tagged.map(|tag| tag.target());
        let commit = commit_id.map(|id| repo.raw_commit(id)).transpose()?.unwrap_or_default();
        let tree = RawCommit::parse(&commit).ok().map(|commit| commit.tree());
        let blobs = tree.map(|tree| repo.files(tree, WalkLimits::default())).transpose()?.unwrap_or_default();
        let limits = source.limits;
        let mut total = 0;
        let mut files = Vec::with_capacity(blobs.len());
        for file in &blobs {
            let size = source.size(file.id)?;
            total += size;
            files.push(PackFile { path: file.path.clone(), mode: file.mode, size });
        }
        if files.len() > limits.files {
            return Err(GitError::TooMuch { what: "files", limit: limits.files as u64 });
        }
        if total > limits.unpacked_bytes {
            return Err(GitError::TooMuch { what: "bytes", limit: limits.unpacked_bytes });
        }
        Ok(Self { tag, commit, files, blobs, source })
    }
}

impl Stored {
    /// Gives back the room on disk that kept files take. Returns whether they took any.
    pub(super) fn keep_no_more(&self) -> bool {
        locked(&self.source.kept).give_up()
    }

    /// Writes the pack of the release.
    ///
    /// # Errors
    /// [`PackError`].
    pub(crate) fn write_pack(
        &self,
        compression: Compression,
        out: &mut (dyn Write + Send),
    ) -> Result<Written, PackError> {
        let files: Vec<_> = self.files.iter().map(|file| (file.path.clone(), file.mode)).collect();
        write_pack(&self.tag, &self.commit, &files, self, compression, &self.source.limits, out)
    }
}

impl Evidence for Stored {
    fn tag(&self) -> Result<Vec<u8>, EvidenceError> {
        Ok(self.tag.clone())
    }

    fn commit(&self) -> Result<Vec<u8>, EvidenceError> {
        Ok(self.commit.clone())
    }

    fn files(&self) -> &[PackFile] {
        &self.files
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[u8])) -> Result<(), EvidenceError> {
        let looked = self.source.look_last(self.blobs[index].id, self.files[index].size, sink);
        looked.map_err(|error| EvidenceError::Other(Box::new(error)))
    }

    fn check_packed(&self, _packed: Option<Digest>) -> Result<(), EvidenceError> {
        // A repository holds files in its own way.
        Ok(())
    }
}

impl Contents for Stored {
    fn size(&self, index: usize) -> u64 {
        self.files[index].size
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.source.take(self.blobs[index].id, self.files[index].size)?)
    }

    fn give_back(&self, bytes: Vec<u8>) {
        self.source.give_back(bytes);
    }
}

/// Returns the releases that a repository has tags for, with the ids of the tag objects, oldest version first.
///
/// # Errors
/// [`GitError::Gix`].
pub fn releases(repo: &Repo) -> Result<Vec<(Release, Oid)>, GitError> {
    let tags = repo.refs_below("refs/tags/")?;
    let mut releases: Vec<_> = tags
        .into_iter()
        .filter_map(|(name, id)| Some((name.strip_prefix("refs/tags/")?.parse::<Release>().ok()?, id)))
        .collect();
    releases.sort();
    Ok(releases)
}
