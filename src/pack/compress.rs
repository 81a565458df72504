//! Making entries on all threads, in batches that hold little (`schema/pack.md`, section 5).

use std::borrow::Cow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use flate2::{Compress, FlushCompress, Status};

use super::container::is_always_stored;
use super::error::{LimitKind, PackError, at_most};
use super::limits::Limits;
use super::write::Contents;
use crate::model::{Compression, FileMode};

/// Level of the encoder: part of the format, since it decides the bytes (`schema/pack.md`, section 5).
const DEFLATE_LEVEL: u32 = 6;

/// Bytes that one batch may hold before its entries are written. Small in tests, so that a small pack has several.
const BATCH_BYTES: u64 = if cfg!(test) { 16 * 1024 } else { 4 * 1024 * 1024 };

/// From this many bytes on, a file is a batch of its own, and no other is in memory beside it.
const LARGE_BYTES: u64 = 2 * BATCH_BYTES;

/// What each entry counts beside its bytes, so that a batch of empty files ends too.
const ENTRY_COST: u64 = 1024;

/// One entry to make.
pub(super) struct Job<'a> {
    pub(super) name: &'a str,
    pub(super) mode: FileMode,
    pub(super) source: Source<'a>,
}

/// Where its content comes from.
pub(super) enum Source<'a> {
    /// A git object in memory.
    Object(&'a [u8]),
    /// The file at this index of the list.
    File(usize),
}

/// The bytes of one entry, and what its headers say of them.
pub(super) struct Packed<'a> {
    pub(super) compression: Compression,
    pub(super) crc: u32,
    pub(super) size: u64,
    pub(super) bytes: Cow<'a, [u8]>,
}

pub(super) type Done<'a> = (usize, Result<Packed<'a>, PackError>);

/// A run of jobs, taken in order by all threads until enough bytes are held.
pub(super) struct Batch<'a> {
    packer: &'a Packer<'a>,
    /// Up to the last job of this batch at most.
    jobs: &'a [Job<'a>],
    first: usize,
    next: AtomicUsize,
    held: AtomicU64,
    done: Mutex<Vec<Done<'a>>>,
}

impl<'a> Batch<'a> {
    /// Starts a batch with the job at `first`.
    pub(super) fn new(jobs: &'a [Job<'a>], first: usize, packer: &'a Packer<'a>) -> Self {
        let large = jobs.iter().skip(first).position(|job| packer.is_large(job));
        let end = large.map_or(jobs.len(), |at| first + at.max(1));
        let (next, held, done) = (AtomicUsize::new(first), AtomicU64::new(0), Mutex::default());
        Self { packer, jobs: &jobs[..end], first, next, held, done }
    }

    /// Says whether it is one large file.
    pub(super) fn is_large(&self) -> bool {
        self.jobs.get(self.first).is_some_and(|job| self.packer.is_large(job))
    }

    /// Puts all threads to work on it.
    pub(super) fn start<'s>(&'s self, scope: &rayon::Scope<'s>) {
        (0..rayon::current_num_threads()).for_each(|_| scope.spawn(|_| self.work()));
    }

    /// Takes jobs until the batch is full. Every job taken is done, so what is done has no gaps.
    fn work(&self) {
        // `Relaxed`: the numbers stand alone, and the scope's end orders all else.
        while self.held.load(Ordering::Relaxed) < BATCH_BYTES {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = self.jobs.get(index) else { return };
            let packed = self.packer.pack(job);
            // A failure fills the batch: nothing after it will be written.
            let cost = packed.as_ref().map_or(BATCH_BYTES, |packed| packed.bytes.len() as u64 + ENTRY_COST);
            self.held.fetch_add(cost, Ordering::Relaxed);
            if let Ok(mut done) = self.done.lock() {
                done.push((index, packed));
            }
        }
    }

    /// Returns what is done, in order.
    pub(super) fn into_done(self) -> Vec<Done<'a>> {
        let mut done = self.done.into_inner().expect("no holder of the lock panics: it only pushes");
        done.sort_unstable_by_key(|(index, _)| *index);
        done
    }
}

/// How to make entries: where contents come from, and what is allowed.
pub(super) struct Packer<'a> {
    pub(super) contents: &'a dyn Contents,
    pub(super) compression: Compression,
    pub(super) limits: &'a Limits,
}

impl Packer<'_> {
    /// Says whether the content of an entry fills a batch by itself.
    pub(super) fn is_large(&self, job: &Job<'_>) -> bool {
        match job.source {
            Source::Object(bytes) => bytes.len() as u64 >= LARGE_BYTES,
            Source::File(index) => self.contents.size(index) >= LARGE_BYTES,
        }
    }

    fn pack<'a>(&self, job: &Job<'a>) -> Result<Packed<'a>, PackError> {
        let content: Cow<[u8]> = match job.source {
            Source::Object(bytes) => bytes.into(),
            Source::File(index) => {
                let read = self.contents.read(index);
                read.map_err(|source| PackError::Contents { path: job.name.to_owned(), source })?.into()
            }
        };
        let size = content.len() as u64;
        // Below 4 GiB even if the limit is raised: the format has no ZIP64.
        let most = self.limits.file_bytes.min(u64::from(u32::MAX - 1));
        at_most(LimitKind::File(job.name.to_owned()), size, most)?;
        let crc = crc32fast::hash(&content);
        let (compression, bytes) = match held(job.name, &content, self.compression) {
            Cow::Owned(deflated) => (Compression::Deflate, deflated.into()),
            Cow::Borrowed(_) => (Compression::Store, content),
        };
        Ok(Packed { compression, crc, size, bytes })
    }
}

/// Returns the bytes that the entry `name` holds for `content`: borrowed if it is stored, owned if it is deflated.
///
/// `schema/pack.md`, section 5: what is needed to check the others is never deflated.
pub fn held<'a>(name: &str, content: &'a [u8], compression: Compression) -> Cow<'a, [u8]> {
    match compression {
        Compression::Deflate if !is_always_stored(name) => deflate(content).map_or(content.into(), Cow::Owned),
        _ => content.into(),
    }
}

/// Returns the deflate stream of `content`, `None` if it is not smaller.
fn deflate(content: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len());
    // All input in one call and a fresh encoder: the bytes depend on the content and on nothing else.
    // MUST be this encoder: `golden_digests_never_change`, `the_encoder_is_the_one_that_the_format_names`.
    let mut encoder = Compress::new(flate2::Compression::new(DEFLATE_LEVEL), false);
    let status = encoder.compress_vec(content, &mut out, FlushCompress::Finish).ok()?;
    // The capacity may be more than asked for, so the length decides.
    let smaller = status == Status::StreamEnd && out.len() < content.len();
    // A batch counts the bytes it holds, not the room that was made for them.
    out.shrink_to_fit();
    smaller.then_some(out)
}
