//! Old packs that are a gzip tar.
//!
//! A tar has no directory: what comes first is read first, and what an entry is called may stand in another one before it. The
//! `tar` crate parses headers and nothing else here; names and sizes that stand elsewhere are read by [`super::pax`].

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;
use tar::{Archive, EntryType};

use super::budget::{Budget, FREE_BYTES, MAX_RATIO};
use super::pax::{MAX_EXTENSION_BYTES, Renamed};
use super::{MAX_OLD_MANIFEST_BYTES, OldFormat, Tree, mode_of};
use crate::model::TreePath;
use crate::pack::error::{LimitKind, PackError};
use crate::pack::limits::Limits;

/// Bytes of headers that each entry may need beside its content: its own, and a long name before it.
const HEADER_BYTES: u64 = 8 * 512;

/// Most bytes behind the end of the archive: writers fill the last record with zeros.
const MAX_PADDING_BYTES: u64 = 1024 * 1024;

type Entry<'a, 'f> = tar::Entry<'a, &'a mut Stream<'f>>;

/// Returns the format, if there is its manifest.
pub(super) fn format(file: &File, size: u64, limits: &Limits) -> Result<Option<OldFormat>, PackError> {
    let mut found = None;
    let format = OldFormat::ManifestToml;
    let result = each(file, size, limits, &mut |name, entry| {
        if name != format.manifest_name().as_bytes() || entry.header().entry_type() != EntryType::Regular {
            return Ok(Next::Go);
        }
        let mut bytes = Vec::new();
        let read = entry.take(MAX_OLD_MANIFEST_BYTES).read_to_end(&mut bytes);
        found = (read.is_err() || format.may_be(&bytes)).then_some(format);
        Ok(Next::Stop)
    });
    match result {
        Err(PackError::Io { verb, source }) => Err(PackError::Io { verb, source }),
        // What is no such archive is for the reader of today's packs to name.
        _ => Ok(found),
    }
}

/// Reads all files.
pub(super) fn read(file: &File, size: u64, limits: &Limits) -> Result<Tree, PackError> {
    let mut tree = Tree::default();
    let mut budget = Budget::new(limits);
    each(file, size, limits, &mut |name, entry| {
        budget.entry()?;
        read_entry(name, entry, &mut budget, &mut tree)?;
        Ok(Next::Go)
    })?;
    Ok(tree)
}

fn read_entry(name: &[u8], entry: &mut Entry<'_, '_>, budget: &mut Budget, tree: &mut Tree) -> Result<(), PackError> {
    let at = entry.raw_header_position();
    let name = std::str::from_utf8(name).map_err(|_| PackError::Name { offset: at })?.to_owned();
    let odd = |reason| PackError::Archive { name: name.clone(), reason };
    let size = entry.size();
    let is_folder = match entry.header().entry_type() {
        EntryType::Regular => false,
        EntryType::Directory => true,
        EntryType::Symlink | EntryType::Link => return Err(PackError::Link { name }),
        _ => return Err(odd("is neither a file nor a folder")),
    };
    let path: TreePath = if is_folder { name.strip_suffix('/').unwrap_or(&name) } else { &name }.parse()?;
    if is_folder {
        tree.folders.push(path);
        return if size == 0 { Ok(()) } else { Err(odd("is a folder with content")) };
    }
    let mode = mode_of(&name, entry.header().mode().map_err(|_| odd("has no mode"))?)?;
    budget.declared(&name, size)?;
    let mut bytes = Vec::new();
    // The crate ends an entry at its size.
    entry.read_to_end(&mut bytes).map_err(broken)?;
    let found = bytes.len() as u64;
    if found != size {
        return Err(PackError::Shorter { name, declared: size, found });
    }
    budget.spend(found);
    tree.files.push((path, mode, bytes));
    Ok(())
}

/// Whether the next entry is wanted.
enum Next {
    Go,
    Stop,
}

type Visit<'v> = dyn FnMut(&[u8], &mut Entry<'_, '_>) -> Result<Next, PackError> + 'v;

/// Shows each entry with its name.
fn each(file: &File, size: u64, limits: &Limits, visit: &mut Visit<'_>) -> Result<(), PackError> {
    let mut stream = Stream::new(file, size, limits);
    let result = walk(&mut stream, visit);
    match (result, stream.over) {
        (Err(_), Some(limit)) => Err(limit),
        (result, _) => result,
    }
}

fn walk(stream: &mut Stream<'_>, visit: &mut Visit<'_>) -> Result<(), PackError> {
    {
        let mut archive = Archive::new(&mut *stream);
        let mut renamed = Renamed::default();
        for entry in archive.entries().map_err(broken)?.raw(true) {
            let mut entry = entry.map_err(broken)?;
            let kind = entry.header().entry_type();
            if kind == EntryType::XHeader || kind == EntryType::GNULongName {
                let mut bytes = Vec::new();
                (&mut entry).take(MAX_EXTENSION_BYTES + 1).read_to_end(&mut bytes).map_err(broken)?;
                renamed.read(kind, &bytes)?;
                continue;
            }
            let name = renamed.name_of(&entry)?;
            if let Next::Stop = visit(&name, &mut entry)? {
                return Ok(());
            }
        }
        renamed.finish()?;
    }
    stream.finish()
}

/// What comes out of gzip, at most as much as a pack of this size may become.
struct Stream<'f> {
    gzip: GzDecoder<BufReader<&'f File>>,
    left: u64,
    /// Told when there is more.
    limit: Option<PackError>,
    over: Option<PackError>,
}

impl<'f> Stream<'f> {
    fn new(file: &'f File, size: u64, limits: &Limits) -> Self {
        let most = limits.unpacked_bytes.saturating_add(limits.files as u64 * HEADER_BYTES + MAX_PADDING_BYTES);
        let by_ratio = size.saturating_mul(MAX_RATIO).max(FREE_BYTES);
        let limit = if by_ratio < most {
            PackError::Limit { what: LimitKind::Ratio("the pack".to_owned()), found: MAX_RATIO + 1, most: MAX_RATIO }
        } else {
            let most = limits.unpacked_bytes;
            PackError::Limit { what: LimitKind::Unpacked, found: most.saturating_add(1), most }
        };
        // The file is read from its start, whoever has read it before.
        let mut file = file;
        let rewound = io::Seek::rewind(&mut file);
        let over = rewound.err().map(PackError::read);
        Self { gzip: GzDecoder::new(BufReader::new(file)), left: by_ratio.min(most), limit: Some(limit), over }
    }

    /// Reads to the end: only zeros may follow the archive, and nothing the gzip stream.
    fn finish(&mut self) -> Result<(), PackError> {
        let odd = |reason| PackError::Archive { name: "the end".to_owned(), reason };
        let mut rest = Vec::new();
        self.take(MAX_PADDING_BYTES + 1).read_to_end(&mut rest).map_err(broken)?;
        if rest.len() as u64 > MAX_PADDING_BYTES || rest.iter().any(|byte| *byte != 0) {
            return Err(odd("is followed by more"));
        }
        let after = self.gzip.get_mut().fill_buf().map_err(broken)?;
        if after.is_empty() { Ok(()) } else { Err(odd("is followed by more")) }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let read = self.gzip.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => {
                self.over = self.limit.take();
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        Ok(read)
    }
}

/// Tells a stream that is broken from a disk that is.
pub(super) fn broken(error: io::Error) -> PackError {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match error.kind() {
        InvalidData | InvalidInput | Other | UnexpectedEof => {
            PackError::Archive { name: "the stream".to_owned(), reason: "is cut off or broken" }
        }
        _ => PackError::read(error),
    }
}
