//! What can be wrong with a pack.

use std::fmt;
use std::io;

use crate::model::{Compression, Digest, PathError, shown};

/// The kind of a [`PackError`]: the stable words of the error classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A path that some system cannot hold, or a link.
    Path,
    /// Not a pack, or not the one valid encoding.
    Pack,
    /// More than a limit allows.
    Limit,
    /// Content that does not match its checksum or size.
    Hash,
    /// The pack or a file could not be read or written.
    Io,
}

impl Fault {
    /// Returns the word of the class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Pack => "pack",
            Self::Limit => "limit",
            Self::Hash => "hash",
            Self::Io => "io",
        }
    }
}

/// What there was too much of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitKind {
    /// Bytes of the pack.
    Pack,
    /// Bytes of all files together.
    Unpacked,
    /// Bytes of the named file.
    File(String),
    /// Number of files.
    Files,
    /// Bytes that come out of one byte of what is compressed: of the named file, or of the whole pack.
    Ratio(String),
}

impl fmt::Display for LimitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pack => f.write_str("size of the pack in bytes"),
            Self::Unpacked => f.write_str("size of all files in bytes"),
            Self::File(path) => write!(f, "size of '{}' in bytes", shown(path)),
            Self::Files => f.write_str("number of files"),
            Self::Ratio(name) => write!(f, "bytes that one compressed byte of '{}' becomes", shown(name)),
        }
    }
}

/// Why a pack cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The pack could not be read or written.
    #[error("cannot {verb} the pack")]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The content of a file could not be had.
    #[error("cannot read the content of '{}'", shown(.path))]
    Contents {
        /// Path of the file.
        path: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A path breaks a rule, or two do together.
    #[error(transparent)]
    Path(#[from] PathError),
    /// An entry is a symbolic link.
    #[error("entry '{}' is a symbolic link", shown(.name))]
    Link {
        /// Name of the entry.
        name: String,
    },
    /// A limit is passed.
    #[error("{what}: {found} is more than {most}")]
    Limit {
        /// Of what.
        what: LimitKind,
        /// The number found, or the least that it can be.
        found: u64,
        /// The number allowed.
        most: u64,
    },
    /// The file does not end with the end record of a pack.
    #[error("the file is not a pack: it has no end record at its end")]
    NoEnd,
    /// The container is not, byte for byte, the one that a writer makes of its entries.
    #[error("the pack is not canonical at byte {offset}")]
    NotCanonical {
        /// Where it differs, in bytes from the start; the start of the header at fault.
        offset: u64,
    },
    /// The name of an entry is not UTF-8.
    #[error("the pack has an entry whose name is not UTF-8, at byte {offset}")]
    Name {
        /// Start of the entry in the directory.
        offset: u64,
    },
    /// An entry is no regular file of mode 644 or 755.
    #[error("entry '{}' has attributes {attributes:#010x}, which are not those of a file of mode 644 or 755", shown(.name))]
    Mode {
        /// Name of the entry.
        name: String,
        /// The external attributes as found.
        attributes: u32,
    },
    /// An entry is compressed by an unknown method, or encrypted by one.
    #[error("entry '{}' has method {method}, and a pack has only 0 and 8", shown(.name))]
    Method {
        /// Name of the entry.
        name: String,
        /// The method as found.
        method: u16,
    },
    /// Entries are not in byte order of their names, or one stands twice.
    #[error("entry '{}' stands twice or out of order", shown(.name))]
    Order {
        /// Name of the second entry.
        name: String,
    },
    /// A path is in the folder of the tag and commit.
    #[error("path '{}' is reserved", shown(.name))]
    Reserved {
        /// The path.
        name: String,
    },
    /// The tag or commit is not there.
    #[error("the pack has no entry '{name}'")]
    Missing {
        /// Name of the entry.
        name: &'static str,
    },
    /// An entry is deflated without being smaller, or in a pack that stores.
    #[error("entry '{}' is not held as '{}' asks", shown(.name), .compression.word())]
    Compression {
        /// Name of the entry.
        name: String,
        /// What its pack should use.
        compression: Compression,
    },
    /// An archive of an old pack is not as its writers make it, or says two things of one entry.
    #[error("'{}' in the archive {reason}", shown(.name))]
    Archive {
        /// Name of the entry; of the archive's part where it is no entry.
        name: String,
        /// What is wrong, after the name.
        reason: &'static str,
    },
    /// The bytes held are not those that the manifest names.
    #[error("the packed bytes have digest {found}, and the manifest names {expected}")]
    Packed {
        /// In the manifest.
        expected: Digest,
        /// Of the bytes held.
        found: Digest,
    },
    /// The compressed bytes are no deflate stream, or end in the middle of one.
    #[error("the compressed bytes of '{}' are broken", shown(.name))]
    Deflate {
        /// Name of the entry.
        name: String,
    },
    /// The deflate stream ends before the compressed bytes do.
    #[error("the compressed bytes of '{}' go on after their end", shown(.name))]
    Trailing {
        /// Name of the entry.
        name: String,
    },
    /// There is more content than declared.
    #[error("the content of '{}' is longer than the {declared} bytes declared", shown(.name))]
    Longer {
        /// Name of the entry.
        name: String,
        /// The declared size, in bytes.
        declared: u64,
    },
    /// There is less content than declared.
    #[error("the content of '{}' has {found} bytes, and {declared} are declared", shown(.name))]
    Shorter {
        /// Name of the entry.
        name: String,
        /// The declared size, in bytes.
        declared: u64,
        /// The size found, in bytes.
        found: u64,
    },
    /// The content does not have the CRC-32 declared.
    #[error("the content of '{}' does not match its checksum", shown(.name))]
    Checksum {
        /// Name of the entry.
        name: String,
    },
}

impl PackError {
    /// Returns the kind of refusal.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Io { .. } | Self::Contents { .. } => Fault::Io,
            Self::Path(error) if error.is_limit() => Fault::Limit,
            // A container that says two things of one name is malformed, whatever the file system.
            Self::Path(PathError::FileAndFolder { .. } | PathError::Duplicate { .. }) => Fault::Pack,
            Self::Path(_) | Self::Link { .. } => Fault::Path,
            Self::Limit { .. } | Self::Longer { .. } => Fault::Limit,
            Self::Shorter { .. } | Self::Checksum { .. } | Self::Packed { .. } => Fault::Hash,
            _ => Fault::Pack,
        }
    }

    pub(super) fn read(source: io::Error) -> Self {
        Self::Io { verb: "read", source }
    }

    pub(super) fn write(source: io::Error) -> Self {
        Self::Io { verb: "write", source }
    }
}

/// Checks one number against its limit.
pub(super) fn at_most(what: LimitKind, found: u64, most: u64) -> Result<(), PackError> {
    if found > most { Err(PackError::Limit { what, found, most }) } else { Ok(()) }
}
