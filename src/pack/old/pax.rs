//! Names that stand before an entry of a tar, in one of their own: PAX records, and long names of GNU.

use std::io::Read;

use tar::{Entry, EntryType};

use crate::pack::error::PackError;

/// Largest such entry, in bytes: some times the longest path.
pub(super) const MAX_EXTENSION_BYTES: u64 = 16 * 1024;

/// PAX keys that say nothing of names and contents: Python writes times with a fraction so.
const HARMLESS: [&str; 8] = ["atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment"];

/// What was said of the entry that comes next.
#[derive(Default)]
pub(super) struct Renamed {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    /// Whether anything was said at all.
    is_pending: bool,
}

impl Renamed {
    /// Reads what is said of the next entry.
    pub(super) fn read(&mut self, kind: EntryType, bytes: &[u8]) -> Result<(), PackError> {
        if bytes.len() as u64 > MAX_EXTENSION_BYTES {
            return Err(odd("is longer than any name"));
        }
        if self.is_pending {
            return Err(odd("names an entry twice"));
        }
        self.is_pending = true;
        if kind == EntryType::GNULongName {
            self.path = Some(bytes.strip_suffix(b"\0").unwrap_or(bytes).to_vec());
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (key, value, after) = record(rest).ok_or_else(|| odd("is no list of PAX records"))?;
            rest = after;
            match key {
                "path" if self.path.is_none() => self.path = Some(value.to_vec()),
                "size" if self.size.is_none() => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or_else(|| odd("has a size that is no number"))?);
                }
                key if HARMLESS.contains(&key) => {}
                _ => return Err(odd("has a record that no pack has")),
            }
        }
        Ok(())
    }

    /// Returns the name of an entry, and forgets it.
    pub(super) fn name_of<R: Read>(&mut self, entry: &Entry<'_, R>) -> Result<Vec<u8>, PackError> {
        let said = std::mem::take(self);
        // Readers differ in which of two sizes they believe, and then see other entries.
        if said.size.is_some_and(|size| size != entry.size()) {
            return Err(odd("has another size than its header"));
        }
        Ok(said.path.unwrap_or_else(|| entry.header().path_bytes().into_owned()))
    }

    /// Checks that nothing was said of an entry that did not come.
    pub(super) fn finish(&self) -> Result<(), PackError> {
        if self.is_pending { Err(odd("names no entry")) } else { Ok(()) }
    }
}

/// Splits off the first record: its length in decimal, a space, `key=value`, and the end of the line.
fn record(bytes: &[u8]) -> Option<(&str, &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let line = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = line.iter().position(|byte| *byte == b'=')?;
    Some((std::str::from_utf8(&line[..equals]).ok()?, &line[equals + 1..], &bytes[length..]))
}

fn odd(reason: &'static str) -> PackError {
    PackError::Archive { name: "an extended header".to_owned(), reason }
}
