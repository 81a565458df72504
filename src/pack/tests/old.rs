//! Archives of old packs (`schema/old-packs.md`, section 2): what is read, and what is refused with which class.

mod gzipped;
mod zipped;

use super::*;
use crate::model::foreign::pack::OldFormat;

/// Looks for an old pack in these bytes, and reads it.
fn read_with(bytes: &[u8], limits: &Limits) -> Result<Option<(OldFormat, Vec<OldFile>)>, PackError> {
    let mut file: File = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("written");
    let Some(archive) = OldArchive::find(file, limits)? else { return Ok(None) };
    Ok(Some((archive.format(), archive.read(limits)?)))
}

fn read(bytes: &[u8]) -> Result<Option<(OldFormat, Vec<OldFile>)>, PackError> {
    read_with(bytes, &Limits::default())
}

/// Says why these bytes are refused; the message must be fit for a terminal.
fn fault_of(bytes: &[u8]) -> Fault {
    let error = read(bytes).expect_err("refused");
    let message = error.to_string();
    assert!(message.len() < 4096 && !message.chars().any(char::is_control), "{message}");
    error.fault()
}

/// Paths that no pack may hold: rows 1 to 6 of the attack list.
const BAD_PATHS: [&str; 16] = [
    "../x",
    "a/../../x",
    "./x",
    "a//b",
    "/x",
    "C:\\x",
    "c:/x",
    "\\\\h\\s\\x",
    "a\\..\\x",
    "CON",
    "nul.txt",
    "f:s",
    ".git/config",
    "a\u{202e}b",
    "a\u{7}b",
    "x. ",
];

#[test]
fn what_is_no_archive_is_no_old_pack() {
    for bytes in [&b""[..], b"PK", b"PK\x03\x04", b"\x1f\x8b\x08", b"text that is longer than any magic", &[0; 4096]] {
        assert!(read(bytes).expect("no error").is_none(), "{bytes:?}");
    }
}
