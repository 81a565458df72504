//! The bytes around the contents: local headers, directory, end record (`schema/pack.md`, section 4).
//!
//! Writer and reader share these functions: the writer emits them, and the reader emits them again from what
//! it parsed and compares. So a pack that the reader takes has exactly one shape.

use crate::model::{Compression, FileMode, MANIFEST_PATH};

/// Length of the end record: it has no comment.
pub(super) const END_BYTES: usize = 22;
/// Length of an entry of the directory without its name.
pub(super) const CENTRAL_BYTES: usize = 46;
/// Length of a local header without its name.
pub(super) const LOCAL_BYTES: u64 = 30;

/// Entry that holds the raw tag object.
pub(super) const TAG_NAME: &str = ".skillmeat/tag";
/// Entry that holds the raw commit object.
pub(super) const COMMIT_NAME: &str = ".skillmeat/commit";
/// Returns whether an entry is stored even where others are deflated: each byte of these is covered by the signature
/// or proved by what is, and they say how the others are held.
pub(super) fn is_always_stored(name: &str) -> bool {
    [TAG_NAME, COMMIT_NAME, MANIFEST_PATH].contains(&name)
}

/// Most entries of a ZIP without ZIP64; 65,535 means "see there".
pub(super) const MAX_ENTRIES: usize = 65_534;

const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
const END_SIGNATURE: u32 = 0x0605_4b50;
/// 1980-01-01, the first day that the format can express; the time of day is 0.
const DATE: u16 = 0x0021;
/// Made by: Unix, by the version of the specification that brought deflate.
const MADE_BY: u16 = (3 << 8) | 20;
/// Flag bit 11: the name is UTF-8. Set only where it makes a difference.
const UTF8_FLAG: u16 = 1 << 11;
/// `S_IFMT`, `S_IFREG` and `S_IFLNK` of POSIX, which Unix puts in the high half of the attributes.
pub(super) const TYPE_MASK: u32 = 0o170_000;
pub(super) const REGULAR: u32 = 0o100_000;
pub(super) const LINK: u32 = 0o120_000;

/// What the headers say of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) mode: FileMode,
    pub(super) compression: Compression,
    pub(super) crc: u32,
    /// Length of the bytes held, compressed or not.
    pub(super) held: u32,
    /// Length of the content.
    pub(super) size: u32,
    /// Start of the local header.
    pub(super) offset: u32,
}

impl Entry {
    /// Returns where the bytes held begin.
    pub(super) fn data_offset(&self) -> u64 {
        u64::from(self.offset) + LOCAL_BYTES + self.name.len() as u64
    }

    fn attributes(&self) -> u32 {
        (REGULAR | self.mode.bits()) << 16
    }

    /// Fields that stand alike in both headers, from "version needed" to the length of the name.
    fn shared(&self, out: &mut Vec<u8>) {
        let (needed, method): (u16, u16) = match self.compression {
            Compression::Store => (10, 0),
            Compression::Deflate => (20, 8),
        };
        let flags = if self.name.is_ascii() { 0 } else { UTF8_FLAG };
        put16(out, &[needed, flags, method, 0, DATE]);
        put32(out, &[self.crc, self.held, self.size]);
        let name = u16::try_from(self.name.len()).expect("a path has at most 1,024 bytes");
        // The second is the length of the extra fields.
        put16(out, &[name, 0]);
    }

    /// Appends the header that stands before the content.
    pub(super) fn local(&self, out: &mut Vec<u8>) {
        put32(out, &[LOCAL_SIGNATURE]);
        self.shared(out);
        out.extend_from_slice(self.name.as_bytes());
    }

    /// Appends the entry of the directory.
    pub(super) fn central(&self, out: &mut Vec<u8>) {
        put32(out, &[CENTRAL_SIGNATURE]);
        put16(out, &[MADE_BY]);
        self.shared(out);
        // No comment, first disk, no internal attributes.
        put16(out, &[0, 0, 0]);
        put32(out, &[self.attributes(), self.offset]);
        out.extend_from_slice(self.name.as_bytes());
    }
}

/// Returns the end record.
pub(super) fn end_record(entries: u16, directory_bytes: u32, directory_offset: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(END_BYTES);
    put32(&mut out, &[END_SIGNATURE]);
    // This disk, disk of the directory, entries here, entries in all.
    put16(&mut out, &[0, 0, entries, entries]);
    put32(&mut out, &[directory_bytes, directory_offset]);
    // No comment.
    put16(&mut out, &[0]);
    out
}

/// What the end record says.
pub(super) struct End {
    pub(super) entries: u16,
    pub(super) directory_bytes: u32,
    pub(super) directory_offset: u32,
}

impl End {
    /// Reads the end record; `None` if these are no such bytes.
    pub(super) fn parse(bytes: &[u8; END_BYTES]) -> Option<Self> {
        (get32(bytes, 0)? == END_SIGNATURE).then_some(())?;
        Some(Self {
            entries: get16(bytes, 10)?,
            directory_bytes: get32(bytes, 12)?,
            directory_offset: get32(bytes, 16)?,
        })
    }
}

/// An entry of the directory as found: only what [`Entry`] is made from. All else is compared afterwards.
pub(super) struct RawEntry<'a> {
    pub(super) name: &'a [u8],
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) held: u32,
    pub(super) size: u32,
    pub(super) attributes: u32,
    /// Not compared for a pack of today, whose flags follow from the name.
    pub(super) flags: u16,
    /// Start of the local header; worked out, and not believed, for a pack of today.
    pub(super) offset: u32,
    /// Length in the directory, extra fields and comment included.
    pub(super) bytes: usize,
}

impl<'a> RawEntry<'a> {
    /// Reads the entry at the start of `bytes`; `None` if there is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        (get32(bytes, 0)? == CENTRAL_SIGNATURE).then_some(())?;
        let [name, extra, comment] = [28, 30, 32].map(|at| get16(bytes, at).map(usize::from));
        let end = CENTRAL_BYTES + name?;
        Some(Self {
            name: bytes.get(CENTRAL_BYTES..end)?,
            method: get16(bytes, 10)?,
            crc: get32(bytes, 16)?,
            held: get32(bytes, 20)?,
            size: get32(bytes, 24)?,
            attributes: get32(bytes, 38)?,
            flags: get16(bytes, 8)?,
            offset: get32(bytes, 42)?,
            bytes: end + extra? + comment?,
        })
    }

    /// Returns whether the attributes are those of a symbolic link on Unix.
    pub(super) fn is_link(&self) -> bool {
        (self.attributes >> 16) & TYPE_MASK == LINK
    }

    /// Returns whether the header before the content says exactly what the directory does, and has no extra fields.
    pub(super) fn is_same_before_content(&self, local: &[u8]) -> bool {
        let numbers = [(14, self.crc), (18, self.held), (22, self.size), (0, LOCAL_SIGNATURE)];
        let name = u16::try_from(self.name.len()).ok();
        get16(local, 6) == Some(self.flags)
            && get16(local, 8) == Some(self.method)
            && numbers.into_iter().all(|(at, number)| get32(local, at) == Some(number))
            && get16(local, 26) == name
            && get16(local, 28) == Some(0)
            && local.get(LOCAL_BYTES as usize..) == Some(self.name)
    }

    /// Returns the mode, `None` for anything but a plain file of mode 644 or 755.
    pub(super) fn mode(&self) -> Option<FileMode> {
        let modes = [FileMode::Regular, FileMode::Executable];
        modes.into_iter().find(|mode| self.attributes == (REGULAR | mode.bits()) << 16)
    }
}

fn put16(out: &mut Vec<u8>, values: &[u16]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn put32(out: &mut Vec<u8>, values: &[u32]) {
    values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
}

fn get16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_le_bytes)
}

fn get32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}
