//! Checking a container: parse its directory, make all headers again, compare all bytes (`schema/pack.md`, section 6).

use std::fs::File;

use super::container::{
    CENTRAL_BYTES, COMMIT_NAME, END_BYTES, End, Entry, LOCAL_BYTES, MAX_ENTRIES, RawEntry, TAG_NAME, end_record,
    is_always_stored,
};
use super::error::{LimitKind, PackError, at_most};
use super::limits::{Limits, MAX_OBJECT_BYTES};
use super::positioned::read_exact_at;
use crate::model::{Compression, MAX_PATH_BYTES, TreePath, check_set};

/// Reads the directory, and compares every byte of the container with what its entries make.
///
/// The MUST of section 4 ("anything else"): all tests of `tests/hostile.rs`, `row_17_every_truncation_is_refused`.
pub(super) fn read_container(file: &File, size: u64, limits: &Limits) -> Result<Found, PackError> {
    let end_offset = size.checked_sub(END_BYTES as u64).ok_or(PackError::NoEnd)?;
    let mut end_bytes = [0; END_BYTES];
    read_exact_at(file, &mut end_bytes, end_offset).map_err(PackError::read)?;
    let end = End::parse(&end_bytes).ok_or(PackError::NoEnd)?;
    let files = u64::from(end.entries).saturating_sub(2);
    at_most(LimitKind::Files, files, limits.files.min(MAX_ENTRIES - 2) as u64)?;
    let start = u64::from(end.directory_offset);
    if start + u64::from(end.directory_bytes) != end_offset {
        return Err(PackError::NotCanonical { offset: end_offset });
    }
    // No more is read than the longest names need, and one name that is too long, so that the parser can say so.
    let most = usize::from(end.entries) * (CENTRAL_BYTES + MAX_PATH_BYTES) + usize::from(u16::MAX);
    let mut directory = vec![0; usize::try_from(end.directory_bytes).map_or(most, |bytes| bytes.min(most))];
    read_exact_at(file, &mut directory, start).map_err(PackError::read)?;
    let found = Found::parse(&directory, &end, limits)?;
    found.compare_directory(&directory, &end_bytes, &end)?;
    found.compare_locals(file)?;
    Ok(found)
}

/// The entries of a directory, offsets worked out and not believed.
pub(super) struct Found {
    pub(super) paths: Vec<TreePath>,
    pub(super) entries: Vec<Entry>,
    /// Where the directory must begin: the end of the last entry.
    next: u64,
    unpacked: u64,
}

impl Found {
    fn parse(directory: &[u8], end: &End, limits: &Limits) -> Result<Self, PackError> {
        let mut found = Self { paths: Vec::new(), entries: Vec::new(), next: 0, unpacked: 0 };
        let mut at = 0;
        let mut odd = None;
        for _ in 0..end.entries {
            let offset = u64::from(end.directory_offset) + at as u64;
            let raw = directory.get(at..).and_then(RawEntry::parse).ok_or(PackError::NotCanonical { offset })?;
            at += raw.bytes;
            // Extra fields and comments are wrong, but a bad path in a later entry is what to tell first.
            if raw.bytes != CENTRAL_BYTES + raw.name.len() {
                odd.get_or_insert(offset);
            }
            found.add(&raw, offset, limits)?;
        }
        // MUST be able to stand together, section 3: `row_10_twins_are_refused`.
        check_set(&found.paths)?;
        match odd {
            Some(offset) => Err(PackError::NotCanonical { offset }),
            None => Ok(found),
        }
    }

    fn add(&mut self, raw: &RawEntry, at: u64, limits: &Limits) -> Result<(), PackError> {
        let name = std::str::from_utf8(raw.name).map_err(|_| PackError::Name { offset: at })?.to_owned();
        // Files of mode 644 or 755 only, section 2: `row_7_links_are_refused`, `row_8_other_kinds_and_modes_are_refused`.
        let Some(mode) = raw.mode() else { return Err(bad_mode(name, raw)) };
        let path: TreePath = name.parse()?;
        let compression = match raw.method {
            0 => Compression::Store,
            8 => Compression::Deflate,
            method => return Err(PackError::Method { name, method }),
        };
        let is_object = [TAG_NAME, COMMIT_NAME].contains(&name.as_str());
        let most = if is_object { MAX_OBJECT_BYTES } else { limits.file_bytes.min(u64::from(u32::MAX - 1)) };
        at_most(LimitKind::File(name.clone()), u64::from(raw.size), most)?;
        self.unpacked += u64::from(raw.size);
        at_most(LimitKind::Unpacked, self.unpacked, limits.unpacked_bytes)?;
        // MUST be in byte order, each once, section 2: `row_9_twice_the_same_name_is_refused`.
        if self.entries.last().is_some_and(|last| last.name >= name) {
            return Err(PackError::Order { name });
        }
        // MUST be shorter if deflated, section 5: `row_23_readable_but_not_canonical_is_refused`.
        let fits = match compression {
            Compression::Store => raw.held == raw.size,
            Compression::Deflate => raw.held < raw.size,
        };
        if !fits {
            return Err(PackError::Compression { name, compression });
        }
        // MUST be stored, section 5: `what_proves_the_rest_is_never_deflated`.
        if compression == Compression::Deflate && is_always_stored(&name) {
            return Err(PackError::Compression { name, compression: Compression::Store });
        }
        let offset = u32::try_from(self.next).map_err(|_| PackError::NotCanonical { offset: at })?;
        self.next += LOCAL_BYTES + name.len() as u64 + u64::from(raw.held);
        self.entries.push(Entry { name, mode, compression, crc: raw.crc, held: raw.held, size: raw.size, offset });
        self.paths.push(path);
        Ok(())
    }

    /// Compares the directory and the end record, and with them every offset and count.
    fn compare_directory(&self, found: &[u8], end_found: &[u8], end: &End) -> Result<(), PackError> {
        let start = u64::from(end.directory_offset);
        if self.next != start {
            return Err(PackError::NotCanonical { offset: self.next.min(start) });
        }
        let mut made = Vec::with_capacity(found.len());
        self.entries.iter().for_each(|entry| entry.central(&mut made));
        let bytes = u32::try_from(made.len()).map_err(|_| PackError::NotCanonical { offset: start })?;
        compare(&made, found, start)?;
        compare(&end_record(end.entries, bytes, end.directory_offset), end_found, start + u64::from(bytes))
    }

    /// Compares each local header; the offsets follow from the sizes, so no byte is left over or used twice.
    fn compare_locals(&self, file: &File) -> Result<(), PackError> {
        let (mut made, mut found) = (Vec::new(), Vec::new());
        for entry in &self.entries {
            made.clear();
            entry.local(&mut made);
            found.resize(made.len(), 0);
            let offset = u64::from(entry.offset);
            read_exact_at(file, &mut found, offset).map_err(PackError::read)?;
            compare(&made, &found, offset)?;
        }
        Ok(())
    }
}

fn compare(made: &[u8], found: &[u8], offset: u64) -> Result<(), PackError> {
    if made == found {
        return Ok(());
    }
    let same = made.iter().zip(found).take_while(|(a, b)| a == b).count();
    Err(PackError::NotCanonical { offset: offset + same as u64 })
}

/// Says what is wrong with an entry that is no plain file: its path, if that is wrong as well.
fn bad_mode(name: String, raw: &RawEntry) -> PackError {
    if raw.is_link() {
        return PackError::Link { name };
    }
    // The name of a folder ends with `/`, as its kind demands; what is wrong is that a pack has folders.
    match name.strip_suffix('/').unwrap_or(&name).parse::<TreePath>() {
        Err(error) => error.into(),
        Ok(_) => PackError::Mode { name, attributes: raw.attributes },
    }
}
