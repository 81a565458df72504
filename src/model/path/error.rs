//! What can be wrong with a path, and how it is shown.

use super::{MAX_PATH_BYTES, MAX_PATH_DEPTH, MAX_PATH_SEGMENT_BYTES};

/// Why a text is not a [`super::TreePath`], or why paths cannot stand together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It is empty or absolute, or has an empty, `.` or `..` segment.
    #[error("path '{}' has an empty, '.' or '..' segment", shown(.path))]
    Segment {
        /// The path as found.
        path: String,
    },
    /// A character is outside the allow list.
    #[error("path '{}' has the character '{}', which not every system can hold or show", shown(.path), .character.escape_default())]
    Character {
        /// The path as found.
        path: String,
        /// The first such character.
        character: char,
    },
    /// The text is not what Unicode normalisation form NFKC makes of it.
    #[error("path '{}' is not in Unicode normal form NFKC", shown(.path))]
    Normal {
        /// The path as found.
        path: String,
    },
    /// A segment begins with a space, or ends with a space or a dot.
    #[error("path '{}' has a segment that begins or ends with a space, or ends with a dot", shown(.path))]
    Edge {
        /// The path as found.
        path: String,
    },
    /// A segment is the name of a device on Windows.
    #[error("path '{}' has the device name '{}' of Windows", shown(.path), shown(.segment))]
    Device {
        /// The path as found.
        path: String,
        /// The segment at fault.
        segment: String,
    },
    /// A segment is, on some system, a file or folder that git itself uses.
    #[error("path '{}' has the segment '{}', which belongs to git", shown(.path), shown(.segment))]
    Git {
        /// The path as found.
        path: String,
        /// The segment at fault.
        segment: String,
    },
    /// The path is longer than [`MAX_PATH_BYTES`].
    #[error("path '{}' has {found} bytes, more than {MAX_PATH_BYTES}", shown(.path))]
    TooLong {
        /// The path as found.
        path: String,
        /// Its length in bytes.
        found: usize,
    },
    /// A segment is longer than [`MAX_PATH_SEGMENT_BYTES`].
    #[error("path '{}' has a segment of {found} bytes, more than {MAX_PATH_SEGMENT_BYTES}", shown(.path))]
    SegmentTooLong {
        /// The path as found.
        path: String,
        /// Length of the segment in bytes.
        found: usize,
    },
    /// The path has more than [`MAX_PATH_DEPTH`] segments.
    #[error("path '{}' has {found} segments, more than {MAX_PATH_DEPTH}", shown(.path))]
    TooDeep {
        /// The path as found.
        path: String,
        /// Number of its segments.
        found: usize,
    },
    /// Two paths, or folders of them, are one on a system that ignores case or normalises.
    #[error("paths '{}' and '{}' are one on some file systems", shown(.first), shown(.second))]
    Twins {
        /// The path that sorts first.
        first: String,
        /// The other path.
        second: String,
    },
    /// The same path stands twice.
    #[error("path '{}' stands twice", shown(.path))]
    Duplicate {
        /// The path.
        path: String,
    },
    /// A path is a file and also the folder of another file.
    #[error("path '{}' is a file and a folder", shown(.path))]
    FileAndFolder {
        /// The path.
        path: String,
    },
}

impl PathError {
    /// Returns whether a limit was passed, as against a path that is bad in itself.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::TooLong { .. } | Self::SegmentTooLong { .. } | Self::TooDeep { .. })
    }
}

/// Returns at most 120 characters of `text`, with control and invisible characters escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    if text.chars().nth(120).is_some() {
        out.push('…');
    }
    out
}
