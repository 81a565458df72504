//! Writing a pack: plan its entries, and write them in order while the next are compressed.

use std::borrow::Cow;
use std::error::Error;
use std::io::{BufWriter, Write};

use super::compress::{Batch, Done, Job, Packed, Packer, Source};
use super::container::{COMMIT_NAME, Entry, MAX_ENTRIES, TAG_NAME, end_record};
use super::error::{LimitKind, PackError, at_most};
use super::limits::{Limits, MAX_OBJECT_BYTES};
use crate::model::{Compression, Digest, FileMode, Hasher, TreePath, check_set};

/// Most bytes that are written at once. In one call for a file of 90 MB, Linux takes several times as long for each byte.
const WRITE_BYTES: usize = 256 * 1024;

/// The contents of the files to pack, read from several threads.
pub trait Contents: Sync {
    /// Returns the size of the file at `index` of the list given to [`write_pack`], in bytes. It says how much is read at
    /// once; what counts is what is read.
    fn size(&self, index: usize) -> u64;

    /// Returns the whole content of the file at `index` of the list given to [`write_pack`].
    ///
    /// # Errors
    /// Whatever kept the content from being read; it becomes the source of [`PackError::Contents`].
    fn read(&self, index: usize) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>>;

    /// Takes back a content when it is written, so that its room can be used for the next.
    fn give_back(&self, bytes: Vec<u8>) {
        drop(bytes);
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Length of the pack, in bytes.
    pub size: u64,
    /// SHA-256 of the pack.
    pub digest: Digest,
}

/// Writes the pack of a raw tag object, its raw commit object and the files of its tree.
///
/// The same input gives the same bytes: `files` may be in any order, and neither threads nor machine matter.
/// Contents are read once each, about in order of the paths.
///
/// # Errors
/// [`PackError`] for paths that cannot stand together or are reserved, before anything is read; for a limit,
/// a content or `out` that fails, when part of the pack is written already: the caller throws it away.
pub fn write_pack(
    tag: &[u8],
    commit: &[u8],
    files: &[(TreePath, FileMode)],
    contents: &dyn Contents,
    compression: Compression,
    limits: &Limits,
    out: &mut (dyn Write + Send),
) -> Result<Written, PackError> {
    let jobs = plan(tag, commit, files, limits)?;
    let packer = Packer { contents, compression, limits };
    let mut container = Container::new(out, limits);
    let mut ready = Vec::new();
    let mut started = 0;
    loop {
        // While this thread writes a batch, another hashes it, and the next one is compressed; not beside a large file.
        let pieces = container.pieces(&jobs, std::mem::take(&mut ready))?;
        let Container { out, hasher, .. } = &mut container;
        let batch = Batch::new(&jobs, started, &packer);
        let is_beside_large = started > 0 && packer.is_large(&jobs[started - 1]) || batch.is_large();
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| pieces.iter().for_each(|piece| hasher.update(piece)));
            if !is_beside_large {
                batch.start(scope);
            }
            let mut parts = pieces.iter().flat_map(|piece| piece.chunks(WRITE_BYTES));
            parts.try_for_each(|part| out.write_all(part)).map_err(PackError::write)
        })?;
        pieces.into_iter().filter_map(owned).for_each(|bytes| contents.give_back(bytes));
        if is_beside_large {
            rayon::in_place_scope(|scope| batch.start(scope));
        }
        ready = batch.into_done();
        if ready.is_empty() {
            return container.finish();
        }
        started += ready.len();
    }
}

fn owned(piece: Cow<'_, [u8]>) -> Option<Vec<u8>> {
    match piece {
        Cow::Owned(bytes) => Some(bytes),
        Cow::Borrowed(_) => None,
    }
}

/// Returns the entries in their order in the pack.
fn plan<'a>(
    tag: &'a [u8],
    commit: &'a [u8],
    files: &'a [(TreePath, FileMode)],
    limits: &Limits,
) -> Result<Vec<Job<'a>>, PackError> {
    at_most(LimitKind::Files, files.len() as u64, limits.files.min(MAX_ENTRIES - 2) as u64)?;
    check_set(files.iter().map(|(path, _)| path))?;
    let mut jobs = Vec::with_capacity(files.len() + 2);
    for (name, object) in [(TAG_NAME, tag), (COMMIT_NAME, commit)] {
        at_most(LimitKind::File(name.to_owned()), object.len() as u64, MAX_OBJECT_BYTES)?;
        jobs.push(Job { name, mode: FileMode::Regular, source: Source::Object(object) });
    }
    for (index, (path, mode)) in files.iter().enumerate() {
        if path.is_below_reserved() {
            return Err(PackError::Reserved { name: path.to_string() });
        }
        jobs.push(Job { name: path.as_str(), mode: *mode, source: Source::File(index) });
    }
    jobs.sort_unstable_by_key(|job| job.name);
    Ok(jobs)
}

/// The pack in the making.
struct Container<'a> {
    out: BufWriter<&'a mut (dyn Write + Send)>,
    hasher: Hasher,
    size: u64,
    unpacked: u64,
    limits: &'a Limits,
    entries: u16,
    directory: Vec<u8>,
}

impl<'a> Container<'a> {
    fn new(out: &'a mut (dyn Write + Send), limits: &'a Limits) -> Self {
        let out = BufWriter::with_capacity(64 * 1024, out);
        let (hasher, directory) = (Hasher::default(), Vec::new());
        Self { out, hasher, size: 0, unpacked: 0, limits, entries: 0, directory }
    }

    /// Counts bytes that are to come.
    fn add(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.size += bytes.len() as u64;
        at_most(LimitKind::Pack, self.size, self.limits.pack_bytes.min(u64::from(u32::MAX - 1)))
    }

    /// Returns the next bytes of the pack, a header and what it holds in turn. An entry that failed ends them, and all.
    fn pieces<'b>(&mut self, jobs: &[Job<'b>], ready: Vec<Done<'b>>) -> Result<Vec<Cow<'b, [u8]>>, PackError> {
        let mut pieces = Vec::with_capacity(2 * ready.len());
        for (index, packed) in ready {
            let packed = packed?;
            pieces.push(Cow::Owned(self.header(&jobs[index], &packed)?));
            self.add(&packed.bytes)?;
            pieces.push(packed.bytes);
        }
        Ok(pieces)
    }

    fn header(&mut self, job: &Job, packed: &Packed) -> Result<Vec<u8>, PackError> {
        self.unpacked += packed.size;
        at_most(LimitKind::Unpacked, self.unpacked, self.limits.unpacked_bytes)?;
        let entry = Entry {
            name: job.name.to_owned(),
            mode: job.mode,
            compression: packed.compression,
            crc: packed.crc,
            held: narrow(packed.bytes.len() as u64),
            size: narrow(packed.size),
            offset: narrow(self.size),
        };
        let mut header = Vec::new();
        entry.local(&mut header);
        self.add(&header)?;
        entry.central(&mut self.directory);
        self.entries += 1;
        Ok(header)
    }

    fn finish(mut self) -> Result<Written, PackError> {
        let mut tail = std::mem::take(&mut self.directory);
        let end = end_record(self.entries, narrow(tail.len() as u64), narrow(self.size));
        tail.extend(end);
        self.add(&tail)?;
        self.hasher.update(&tail);
        self.out.write_all(&tail).and_then(|()| self.out.flush()).map_err(PackError::write)?;
        Ok(Written { size: self.size, digest: self.hasher.finish() })
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("sizes of files and of the pack were held below 4 GiB")
}
