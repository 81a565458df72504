//! Reading the content of one entry in pieces, never more than it declares.

use std::io;

use flate2::{Decompress, FlushDecompress, Status};

use super::container::Entry;
use super::error::PackError;
use crate::model::Compression;

/// Bytes read, and bytes inflated, at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Fills the buffer with the next bytes that the entry holds.
pub(super) type Source<'a> = dyn FnMut(&mut [u8]) -> io::Result<()> + 'a;

/// Gives the content of `entry` to `sink` in pieces, and checks its length and checksum.
///
/// What was given before an error is not to be trusted; not one byte more than declared is given.
pub(super) fn copy(entry: &Entry, source: &mut Source, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
    let mut gauge = Gauge { entry, crc: crc32fast::Hasher::new(), found: 0 };
    match entry.compression {
        Compression::Store => store(&mut gauge, source, sink)?,
        Compression::Deflate => inflate(&mut gauge, source, sink)?,
    }
    gauge.finish()
}

/// Counts and sums what comes out of an entry.
struct Gauge<'a> {
    entry: &'a Entry,
    crc: crc32fast::Hasher,
    found: u64,
}

impl Gauge<'_> {
    fn name(&self) -> String {
        self.entry.name.clone()
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.found += bytes.len() as u64;
        let declared = u64::from(self.entry.size);
        // MUST NOT pass on more, section 6: `row_19_more_than_declared_stops_while_streaming`.
        if self.found > declared {
            return Err(PackError::Longer { name: self.name(), declared });
        }
        self.crc.update(bytes);
        Ok(())
    }

    fn finish(self) -> Result<(), PackError> {
        let (name, declared) = (self.name(), u64::from(self.entry.size));
        // MUST refuse another length or CRC-32, section 6: `row_24_content_that_does_not_match_is_refused`.
        if self.found != declared {
            return Err(PackError::Shorter { name, declared, found: self.found });
        }
        if self.crc.finalize() != self.entry.crc {
            return Err(PackError::Checksum { name });
        }
        Ok(())
    }
}

/// Returns a buffer for `bytes`, or for a piece of them: what a header declares never sizes more.
fn buffer(bytes: u32) -> Vec<u8> {
    vec![0; usize::try_from(bytes).map_or(PIECE_BYTES, |bytes| bytes.min(PIECE_BYTES))]
}

/// The bytes that an entry holds, a piece at a time.
struct Input<'a> {
    source: &'a mut Source<'a>,
    buffer: Vec<u8>,
    /// Part of the buffer not taken yet.
    start: usize,
    end: usize,
    /// Bytes not read yet.
    left: u32,
}

impl Input<'_> {
    /// Returns bytes not taken yet; empty only at the end.
    fn next(&mut self) -> Result<&[u8], PackError> {
        if self.start == self.end && self.left > 0 {
            let take = self.buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            (self.source)(&mut self.buffer[..take]).map_err(PackError::read)?;
            self.left -= u32::try_from(take).expect("at most what was left");
            (self.start, self.end) = (0, take);
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn is_empty(&self) -> bool {
        self.start == self.end && self.left == 0
    }
}

fn input<'a>(entry: &Entry, source: &'a mut Source<'a>) -> Input<'a> {
    Input { source, buffer: buffer(entry.held), start: 0, end: 0, left: entry.held }
}

fn store<'a>(gauge: &mut Gauge, source: &'a mut Source<'a>, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
    let mut input = input(gauge.entry, source);
    loop {
        let piece = input.next()?;
        if piece.is_empty() {
            return Ok(());
        }
        gauge.add(piece)?;
        sink(piece);
        input.start = input.end;
    }
}

fn inflate<'a>(gauge: &mut Gauge, source: &'a mut Source<'a>, sink: &mut dyn FnMut(&[u8])) -> Result<(), PackError> {
    let mut input = input(gauge.entry, source);
    // One byte more than declared, so that a longer stream shows itself.
    let mut output = buffer(gauge.entry.size.saturating_add(1));
    let mut decoder = Decompress::new(false);
    let broken = |gauge: &Gauge| PackError::Deflate { name: gauge.name() };
    loop {
        let (taken, given) = (decoder.total_in(), decoder.total_out());
        let status = decoder.decompress(input.next()?, &mut output, FlushDecompress::None);
        let status = status.map_err(|_| broken(gauge))?;
        let [taken, given] = [decoder.total_in() - taken, decoder.total_out() - given].map(|n| n as usize);
        input.start += taken;
        gauge.add(&output[..given])?;
        sink(&output[..given]);
        if status == Status::StreamEnd {
            break;
        }
        // No step in either direction: the stream wants bytes that are not there.
        if taken == 0 && given == 0 {
            return Err(broken(gauge));
        }
    }
    // Bytes after the end could hide content from one reader and show it to another. MUST be refused, section 6:
    // `broken_deflate_streams_are_refused`.
    if input.is_empty() { Ok(()) } else { Err(PackError::Trailing { name: gauge.name() }) }
}
