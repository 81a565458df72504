//! Old packs that are a ZIP.
//!
//! A ZIP says most things twice, and readers differ in which of the two they believe. So the header before each content is
//! compared with the directory, and entries must lie one behind the other: no byte is where only some readers look. Directory
//! and contents are read by the same code as those of a pack of today.

use std::fs::File;

use super::budget::{Budget, check_ratio};
use super::{MAX_OLD_MANIFEST_BYTES, Tree, mode_of};
use crate::model::foreign::pack::OldFormat;
use crate::model::{Compression, FileMode, MAX_PATH_BYTES, RESERVED_FOLDER, TreePath};
use crate::pack::container::{CENTRAL_BYTES, END_BYTES, End, Entry, LINK, LOCAL_BYTES, REGULAR, RawEntry, TYPE_MASK};
use crate::pack::error::{LimitKind, PackError, at_most};
use crate::pack::inflate;
use crate::pack::limits::Limits;
use crate::pack::positioned::read_exact_at;

/// Flags that change nothing for a reader: how hard deflate tried, and that the name is UTF-8. Not among them: encryption, and
/// sizes that stand behind the content.
const HARMLESS_FLAGS: u16 = 0x0806;

/// `S_IFDIR` of POSIX, and the bit of DOS for a folder.
const FOLDER: u32 = 0o040_000;
const DOS_FOLDER: u32 = 0x10;

/// Returns the format whose manifest the archive has.
pub(super) fn format(file: &File, size: u64, limits: &Limits) -> Result<Option<OldFormat>, PackError> {
    let directory = match Directory::read(file, size, limits) {
        // What is no ZIP is for the reader of today's packs to name.
        Err(PackError::Io { verb, source }) => return Err(PackError::Io { verb, source }),
        Err(_) => return Ok(None),
        Ok(directory) => directory,
    };
    let entries = directory.entries()?;
    let is_reserved = |entry: &RawEntry<'_>| {
        let top = entry.name.split(|byte| *byte == b'/').next().unwrap_or_default();
        top.eq_ignore_ascii_case(RESERVED_FOLDER.as_bytes())
    };
    if entries.iter().any(is_reserved) {
        return Ok(None);
    }
    let has = |format: &OldFormat| {
        let mut named = entries.iter().filter(|entry| entry.name == format.manifest_name().as_bytes());
        named.any(|entry| may_be_manifest(file, entry, *format))
    };
    let mut found = OldFormat::ZIPPED.into_iter().filter(has);
    match (found.next(), found.next()) {
        (Some(first), Some(_)) => Err(PackError::Archive {
            name: first.manifest_name().to_owned(),
            reason: "and the manifest of another format say two things of one pack",
        }),
        (first, _) => Ok(first),
    }
}

/// Says whether a manifest is one; what cannot be read is for [`read`] to name.
fn may_be_manifest(file: &File, raw: &RawEntry<'_>, format: OldFormat) -> bool {
    let short = u64::from(raw.size) <= MAX_OLD_MANIFEST_BYTES;
    match Listed::parse(raw) {
        Ok(listed) if short => listed.content(file).map_or(true, |bytes| format.may_be(&bytes)),
        _ => true,
    }
}

/// Reads all files.
pub(super) fn read(file: &File, size: u64, limits: &Limits) -> Result<Tree, PackError> {
    let directory = Directory::read(file, size, limits)?;
    let mut tree = Tree::default();
    let mut budget = Budget::new(limits);
    let mut spans = Vec::new();
    for raw in directory.entries()? {
        budget.entry()?;
        let listed = Listed::parse(&raw)?;
        spans.push(listed.check_before_content(file, &raw)?);
        let Listed { path, entry, is_folder } = &listed;
        if *is_folder {
            tree.folders.push(path.clone());
            continue;
        }
        budget.declared(&entry.name, u64::from(entry.size))?;
        check_ratio(&entry.name, u64::from(entry.held), u64::from(entry.size))?;
        let bytes = listed.content(file)?;
        budget.spend(bytes.len() as u64);
        tree.files.push((path.clone(), entry.mode, bytes));
    }
    check_spans(spans, u64::from(directory.end.directory_offset))?;
    Ok(tree)
}

/// The directory at the end of a ZIP, not yet looked at.
struct Directory {
    end: End,
    bytes: Vec<u8>,
}

impl Directory {
    fn read(file: &File, size: u64, limits: &Limits) -> Result<Self, PackError> {
        // Python writes no comment behind the end record, and ZIP64 only for what is too large here.
        let offset = size.checked_sub(END_BYTES as u64).ok_or(PackError::NoEnd)?;
        let mut bytes = [0; END_BYTES];
        read_exact_at(file, &mut bytes, offset).map_err(PackError::read)?;
        let end = End::parse(&bytes).ok_or(PackError::NoEnd)?;
        at_most(LimitKind::Files, u64::from(end.entries), limits.files as u64)?;
        if bytes != *crate::pack::container::end_record(end.entries, end.directory_bytes, end.directory_offset)
            || u64::from(end.directory_offset) + u64::from(end.directory_bytes) != offset
        {
            return Err(PackError::NotCanonical { offset });
        }
        // No more than the longest names need, so that what is declared sizes nothing.
        let most = usize::from(end.entries) * (CENTRAL_BYTES + MAX_PATH_BYTES) + usize::from(u16::MAX);
        let length = usize::try_from(end.directory_bytes).map_or(most, |bytes| bytes.min(most));
        let mut bytes = vec![0; length];
        read_exact_at(file, &mut bytes, u64::from(end.directory_offset)).map_err(PackError::read)?;
        Ok(Self { end, bytes })
    }

    /// Returns all entries; nothing may be left over behind them.
    fn entries(&self) -> Result<Vec<RawEntry<'_>>, PackError> {
        let odd = |at: usize| PackError::NotCanonical { offset: u64::from(self.end.directory_offset) + at as u64 };
        let (mut entries, mut at) = (Vec::with_capacity(usize::from(self.end.entries)), 0);
        for _ in 0..self.end.entries {
            let entry = self.bytes.get(at..).and_then(RawEntry::parse).ok_or_else(|| odd(at))?;
            at += entry.bytes;
            entries.push(entry);
        }
        if at as u64 == u64::from(self.end.directory_bytes) { Ok(entries) } else { Err(odd(at)) }
    }
}

/// An entry of the directory that a pack may have.
struct Listed {
    path: TreePath,
    entry: Entry,
    is_folder: bool,
}

impl Listed {
    fn parse(raw: &RawEntry<'_>) -> Result<Self, PackError> {
        let at = u64::from(raw.offset);
        let name = std::str::from_utf8(raw.name).map_err(|_| PackError::Name { offset: at })?.to_owned();
        let kind = (raw.attributes >> 16) & TYPE_MASK;
        if kind == LINK {
            return Err(PackError::Link { name });
        }
        let is_folder = name.ends_with('/');
        let path: TreePath = name.strip_suffix('/').unwrap_or(&name).parse()?;
        let odd = |reason| PackError::Archive { name: name.clone(), reason };
        // Python writes no type at all for a file.
        let fits = if is_folder { kind == FOLDER || kind == 0 } else { kind == REGULAR || kind == 0 };
        if !fits || (!is_folder && raw.attributes & DOS_FOLDER != 0) {
            return Err(odd("is neither a file nor a folder"));
        }
        if raw.bytes != CENTRAL_BYTES + name.len() {
            return Err(odd("has fields that no pack has"));
        }
        if raw.flags & !HARMLESS_FLAGS != 0 {
            return Err(odd("is encrypted, or has its sizes behind its content"));
        }
        if is_folder && (raw.size != 0 || raw.held != 0) {
            return Err(odd("is a folder with content"));
        }
        let compression = match raw.method {
            0 if raw.held == raw.size => Compression::Store,
            0 => return Err(odd("is stored with two sizes")),
            8 => Compression::Deflate,
            method => return Err(PackError::Method { name, method }),
        };
        let mode = if is_folder { FileMode::Regular } else { mode_of(&name, raw.attributes >> 16)? };
        let (crc, held, size, offset) = (raw.crc, raw.held, raw.size, raw.offset);
        Ok(Self { path, entry: Entry { name, mode, compression, crc, held, size, offset }, is_folder })
    }

    /// Compares what stands before the content with the directory; returns where it begins and the content ends.
    fn check_before_content(&self, file: &File, raw: &RawEntry<'_>) -> Result<(u64, u64), PackError> {
        let odd = |reason| PackError::Archive { name: self.entry.name.clone(), reason };
        let start = u64::from(raw.offset);
        let mut local = vec![0; LOCAL_BYTES as usize + raw.name.len()];
        read_exact_at(file, &mut local, start).map_err(|_| odd("lies outside the archive"))?;
        if !raw.is_same_before_content(&local) {
            return Err(odd("is another before its content than in the directory"));
        }
        Ok((start, self.entry.data_offset() + u64::from(raw.held)))
    }

    fn content(&self, file: &File) -> Result<Vec<u8>, PackError> {
        let mut at = self.entry.data_offset();
        let mut source = |buffer: &mut [u8]| {
            read_exact_at(file, buffer, at)?;
            at += buffer.len() as u64;
            Ok(())
        };
        let mut bytes = Vec::new();
        inflate::copy(&self.entry, &mut source, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }
}

/// Checks that entries lie one behind the other, from the start of the file to the directory: no byte is hidden, none is used
/// twice.
fn check_spans(mut spans: Vec<(u64, u64)>, directory: u64) -> Result<(), PackError> {
    spans.sort_unstable();
    let mut next = 0;
    for (start, end) in spans {
        if start != next {
            return Err(PackError::NotCanonical { offset: next.min(start) });
        }
        next = end;
    }
    if next == directory { Ok(()) } else { Err(PackError::NotCanonical { offset: next.min(directory) }) }
}
