//! Paths inside a tree, by rules that hold on every system.
//!
//! The rules are those of `schema/pack.md`, section 3. They are refused, never repaired: a path that one
//! system would change is not the same path on another.

mod error;
mod set;

use std::fmt;
use std::str::FromStr;

use super::hidden::is_hidden;
use unicode_normalization::{char::is_combining_mark, is_nfkc};

pub use error::PathError;
pub(crate) use error::shown;
pub use set::check_set;
pub(super) use set::fold;

/// Longest path, in bytes: a quarter of the 4,096 of Linux, so that a tree fits below any usual folder.
pub const MAX_PATH_BYTES: usize = 1024;

/// Longest segment of a path, in bytes: the limit of ext4, XFS, APFS and NTFS.
pub const MAX_PATH_SEGMENT_BYTES: usize = 255;

/// Most segments in a path; bounds every recursion over a tree.
pub const MAX_PATH_DEPTH: usize = 32;

/// Names that Windows gives to devices, with any extension; `COM1` to `LPT9` are handled apart.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A relative path of `/`-separated segments that is the same on every file system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(String);

impl TreePath {
    /// Returns the path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `self/more`.
    ///
    /// # Errors
    /// As for parsing.
    pub fn join(&self, more: &str) -> Result<Self, PathError> {
        format!("{}/{more}", self.0).parse()
    }

    /// Returns the last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns what is left of the path below `folder`, `None` when it is not below.
    pub fn below(&self, folder: &TreePath) -> Option<&str> {
        self.0.strip_prefix(folder.as_str())?.strip_prefix('/')
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TreePath {
    type Err = PathError;
    fn from_str(text: &str) -> Result<Self, PathError> {
        check(text)?;
        Ok(Self(text.to_owned()))
    }
}

super::name::string_serde!(TreePath, "^[^/\\\\]+(/[^/\\\\]+)*$");

fn check(text: &str) -> Result<(), PathError> {
    let path = || text.to_owned();
    if text.len() > MAX_PATH_BYTES {
        // The text may be megabytes long; the error keeps what a message can show.
        let path = text.chars().take(MAX_PATH_BYTES).collect();
        return Err(PathError::TooLong { path, found: text.len() });
    }
    // A table of bytes is enough for nearly every path; Unicode costs only the paths that use it.
    if !text.is_ascii() {
        check_unicode(text)?;
    }
    for segment in text.split('/') {
        check_segment(text, segment)?;
    }
    let found = text.split('/').count();
    if found > MAX_PATH_DEPTH {
        return Err(PathError::TooDeep { path: path(), found });
    }
    Ok(())
}

/// Checks the characters beyond ASCII: letters, digits and marks that are seen, in NFKC.
fn check_unicode(text: &str) -> Result<(), PathError> {
    let mut before = '/';
    for character in text.chars() {
        let mark = is_combining_mark(character);
        let known = character.is_ascii() || character.is_alphanumeric() || mark;
        // A mark at the start of a segment is drawn on the separator.
        if !known || is_hidden(character) || (mark && before == '/') {
            return Err(PathError::Character { path: text.to_owned(), character });
        }
        before = character;
    }
    // NFKC implies NFC; it also refuses fullwidth forms, ligatures and the superscripts of `COM¹`.
    if is_nfkc(text) { Ok(()) } else { Err(PathError::Normal { path: text.to_owned() }) }
}

fn check_segment(text: &str, segment: &str) -> Result<(), PathError> {
    let path = || text.to_owned();
    if matches!(segment, "" | "." | "..") {
        return Err(PathError::Segment { path: path() });
    }
    if let Some(byte) = segment.bytes().find(|byte| !is_allowed(*byte)) {
        return Err(PathError::Character { path: path(), character: char::from(byte) });
    }
    if segment.starts_with(' ') || segment.ends_with([' ', '.']) {
        return Err(PathError::Edge { path: path() });
    }
    if segment.len() > MAX_PATH_SEGMENT_BYTES {
        return Err(PathError::SegmentTooLong { path: path(), found: segment.len() });
    }
    if is_device(segment) {
        return Err(PathError::Device { path: path(), segment: segment.to_owned() });
    }
    if is_git(segment) {
        return Err(PathError::Git { path: path(), segment: segment.to_owned() });
    }
    Ok(())
}

/// ASCII that every file system holds as it is; bytes beyond ASCII were checked as characters.
fn is_allowed(byte: u8) -> bool {
    match byte {
        b'\\' | b':' | b'*' | b'?' | b'"' | b'<' | b'>' | b'|' => false,
        _ => byte >= b' ' && byte != 0x7f,
    }
}

fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or(segment).trim_end_matches(' ');
    // Both numbered and plain names are short: most segments end here.
    if !(3..=7).contains(&stem.len()) {
        return false;
    }
    let numbered = match stem.as_bytes() {
        [head @ .., b'1'..=b'9'] => head.eq_ignore_ascii_case(b"com") || head.eq_ignore_ascii_case(b"lpt"),
        _ => false,
    };
    numbered || DEVICES.iter().any(|device| stem.eq_ignore_ascii_case(device))
}

/// Names that some system resolves to `.git` or `.gitmodules`, from git's `is_ntfs_dotgit` and `is_hfs_dotgit`.
///
/// The spellings with ignorable characters, streams and trailing dots are refused by the other rules.
fn is_git(segment: &str) -> bool {
    if let Some(rest) = segment.strip_prefix('.') {
        let rest = rest.trim_start_matches('.');
        return rest.eq_ignore_ascii_case("git") || rest.eq_ignore_ascii_case("gitmodules");
    }
    let Some((stem, number)) = segment.split_once('~') else { return false };
    let number = number.split('.').next().unwrap_or(number);
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    // NTFS falls back to a hash of the long name, which for `.gitmodules` is `gi7eba`; more digits shorten it.
    let hashed = stem.len() >= 2 && "gi7eba".get(..stem.len()).is_some_and(|part| stem.eq_ignore_ascii_case(part));
    hashed || stem.eq_ignore_ascii_case("git") || stem.eq_ignore_ascii_case("gitmod")
}

#[cfg(test)]
mod tests;
