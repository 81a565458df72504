//! Edits of JSON text that leave every other byte alone.
//!
//! A text is parsed to find places (`jsonc-parser`: comments and trailing commas are allowed, nothing looser),
//! then pieces of it are replaced; nothing is ever printed from a tree. So what an edit does not name keeps its
//! comments, order, spacing, line ends and byte order mark, by construction. The result is parsed again before
//! it is returned.

mod edit;
mod place;
mod read;
mod remove;
mod rewrite;

pub use edit::Created;
pub(crate) use edit::{Slot, insert};
pub(crate) use read::{find, parse_value};
pub(crate) use remove::{Pick, remove};
pub(crate) use rewrite::rewrite;

/// Largest text accepted, in bytes. A client that keeps its history in its configuration stays far below; the
/// tree of a text takes several times its size in memory.
pub const MAX_JSON_TEXT_BYTES: usize = 50_000_000;

/// Why a JSON text was not read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonTextError {
    /// Longer than [`MAX_JSON_TEXT_BYTES`].
    #[error("the text has {size_bytes} bytes, more than {MAX_JSON_TEXT_BYTES}")]
    TooLarge {
        /// Length found.
        size_bytes: usize,
    },
    /// Not UTF-8.
    #[error("the text is not UTF-8 (byte {offset})")]
    NotUtf8 {
        /// Bytes that are.
        offset: usize,
    },
    /// Not JSON, even with comments and trailing commas allowed.
    #[error("the text is not JSON: line {line}, column {column}: {reason}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the parser says.
        reason: String,
    },
    /// The outermost value is not an object.
    #[error("the outermost value is not an object")]
    RootNotObject,
    /// A value on the way to the entry is not of the type needed.
    #[error("'{}' is not {expected}", shown(.path))]
    WrongType {
        /// Keys from the root.
        path: Vec<String>,
        /// `an object` or `an array`.
        expected: &'static str,
    },
    /// A key on the way to the entry occurs twice, so readers disagree about its value.
    #[error("'{}' occurs more than once", shown(.path))]
    Duplicate {
        /// Keys from the root.
        path: Vec<String>,
    },
    /// There is no such entry.
    #[error("there is no '{}'", shown(.path))]
    Missing {
        /// Keys from the root.
        path: Vec<String>,
    },
    /// The text after the edit would not hold what was asked for; nothing was changed.
    #[error("the edit would not give the text asked for")]
    Check,
}

fn shown(path: &[String]) -> String {
    path.join("/").chars().take(200).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
