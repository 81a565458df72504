//! How much a pack may hold.

/// Largest pack, in bytes: the largest archive that Claude Code downloads.
pub const MAX_PACK_BYTES: u64 = 256 * 1024 * 1024;

/// Largest sum of all files, in bytes: half of what Claude Code unpacks, so that it can install every pack.
pub const MAX_UNPACKED_BYTES: u64 = 512 * 1024 * 1024;

/// Largest sum of all files of a pack of an old format, in bytes: a tar can only be read from its start, so they are held in
/// memory, where a pack of today is read in pieces.
pub const MAX_OLD_UNPACKED_BYTES: u64 = 128 * 1024 * 1024;

/// Largest single file, in bytes: the size above which the large forges refuse a pushed file.
pub const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// Most files: a tenth of what Claude Code unpacks, ten times the portable limit.
pub const MAX_FILES: usize = 10_000;

/// Largest raw tag or commit object, in bytes: a message of some pages and a signature of a large RSA key.
pub const MAX_OBJECT_BYTES: u64 = 64 * 1024;

/// Above this pack size, in bytes, some clients refuse a download; a reason to warn.
pub const PORTABLE_PACK_BYTES: u64 = 10 * 1024 * 1024;

/// Above this sum of all files, in bytes, some clients refuse to unpack; a reason to warn.
pub const PORTABLE_UNPACKED_BYTES: u64 = 25 * 1024 * 1024;

/// Above this number of files some clients refuse to unpack; a reason to warn.
pub const PORTABLE_FILES: usize = 1_000;

/// The limits in force: the constants above, unless the configuration raises them.
///
/// Whatever is set here, sizes stay below 4 GiB and files below 65,534: the format has no ZIP64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the pack, in bytes.
    pub pack_bytes: u64,
    /// Sum of all files, in bytes.
    pub unpacked_bytes: u64,
    /// Size of one file, in bytes.
    pub file_bytes: u64,
    /// Number of files, the tag and the commit not counted.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pack_bytes: MAX_PACK_BYTES,
            unpacked_bytes: MAX_UNPACKED_BYTES,
            file_bytes: MAX_FILE_BYTES,
            files: MAX_FILES,
        }
    }
}
