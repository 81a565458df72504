//! Characters that nobody sees, however they are written.

use std::collections::BTreeSet;

use memchr::{memchr, memmem};

use super::{At, HIDDEN_UNICODE, Report};
use crate::model::TreePath;
use crate::model::hidden::{self, Hit};
use crate::scan::finding::severity_of;

/// How much of a file git looks at to say whether it is text, in bytes: there must be no NUL in it.
const LOOKED_AT: usize = 8000;

/// Start of tag characters and of the selectors that carry data, in UTF-8.
const HIDDEN_START: &[u8] = b"\xf3\xa0";

/// So many of them in a row spell something; by chance they stand in no file.
const RUN: usize = 4;

/// How code units of refused characters begin as escapes of JSON and YAML, in small letters.
const ESCAPED: [&str; 10] = ["202a", "202b", "202c", "202d", "202e", "2066", "2067", "2068", "2069", "db40"];

/// Checks a text.
pub(super) fn in_text(report: &mut Report, path: &TreePath, text: &str) {
    if !hidden::is_plain(text) {
        hidden::find(text).for_each(|hit| add(report, path, hit));
    }
}

/// Checks a file that is no UTF-8 or has a NUL in it: whoever reads it all the same reads this, so a byte must not hide it.
pub(super) fn in_bytes(report: &mut Report, path: &TreePath, bytes: &[u8], is_named_text: bool) {
    let is_text = is_named_text || memchr(0, &bytes[..bytes.len().min(LOOKED_AT)]).is_none();
    let text = match utf16(bytes) {
        Some(text) => text,
        None if is_text => String::from_utf8_lossy(bytes).into_owned(),
        None => {
            if has_run(bytes) {
                let message = "characters in a row that can spell text that nobody sees, in a file that is no text";
                report.error(HIDDEN_UNICODE, At::file(path), message);
            }
            return;
        }
    };
    hidden::find(&text).filter(|hit| hit.class.is_refused()).for_each(|hit| add(report, path, hit));
}

/// Checks a text whose escapes nobody has read, since its form is broken: another program may read them.
pub(super) fn in_escapes(report: &mut Report, path: &TreePath, bytes: &[u8]) {
    let is_one = |at: usize| {
        let digits = String::from_utf8_lossy(&bytes[at + 2..bytes.len().min(at + 10)]).to_ascii_lowercase();
        match bytes[at + 1] {
            b'U' => {
                digits.starts_with("000e0") || ESCAPED.iter().any(|code| digits.starts_with(&format!("0000{code}")))
            }
            _ => ESCAPED.iter().any(|code| digits.starts_with(code)),
        }
    };
    let mut starts = memmem::find_iter(bytes, b"\\").filter(|at| matches!(bytes.get(at + 1), Some(b'u' | b'U')));
    if starts.any(is_one) {
        let message = "an escape of a character that can spell text that nobody sees, or shows it in another order";
        report.error(HIDDEN_UNICODE, At::file(path), message);
    }
}

/// The characters of a file that stand there as themselves, and are told of for that.
pub(super) struct Told(BTreeSet<char>);

impl Told {
    pub(super) fn of(raw: &str) -> Self {
        Self(if hidden::is_plain(raw) { BTreeSet::new() } else { hidden::find(raw).map(|hit| hit.character).collect() })
    }
}

/// Checks what a text says once its escapes are read.
pub(super) fn in_value(report: &mut Report, at: At<'_>, value: &str, told: &Told) {
    if hidden::is_plain(value) {
        return;
    }
    for hit in hidden::find(value).filter(|hit| !told.0.contains(&hit.character)) {
        let code = u32::from(hit.character);
        let message = format!("U+{code:04X}, written as an escape, is {}", hit.class.words());
        report.add(HIDDEN_UNICODE, severity_of(hit.class), at, message);
    }
}

fn add(report: &mut Report, path: &TreePath, hit: Hit) {
    let code = u32::from(hit.character);
    let message = format!("U+{code:04X} in column {} is {}", hit.column, hit.class.words());
    report.add(HIDDEN_UNICODE, severity_of(hit.class), At::line(path, hit.line), message);
}

/// Returns what a file in UTF-16 says, which begins with a byte order mark.
fn utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    Some(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

fn has_run(bytes: &[u8]) -> bool {
    let is_one = |at: usize| {
        bytes
            .get(at..at + 4)
            .is_some_and(|four| four.starts_with(HIDDEN_START) && matches!(four[2], 0x80 | 0x81 | 0x84..=0x87))
    };
    memmem::find_iter(bytes, HIDDEN_START).any(|at| (0..RUN).all(|number| is_one(at + 4 * number)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::validate::{MAX_SAME, validate};
    use crate::scan::{Finding, Level, Severity};

    const SKILL: &str = "---\nname: pdf\ndescription: Fills forms.\n---\n";
    const MESSAGE: &str = "\u{e0041}\u{e0042}\u{e0043}\u{e0044}";

    /// Returns the errors in a file beside a good skill, or in the skill itself.
    fn errors(name: &str, bytes: &[u8]) -> Vec<Finding> {
        let file = |name: &str| name.parse().expect("a path");
        let mode = crate::model::FileMode::Regular;
        let mut files = vec![(file(name), mode, bytes)];
        if name != "SKILL.md" {
            files.insert(0, (file("SKILL.md"), mode, SKILL.as_bytes()));
        }
        let found = validate(&"skill/pdf".parse().expect("a name"), &files, Level::Lenient);
        found.into_iter().filter(|one| one.id == HIDDEN_UNICODE && one.severity == Severity::Error).collect()
    }

    #[test]
    fn what_is_only_invisible_does_not_use_up_what_is_refused() {
        for before in ["\u{200b}", "\u{ad}", "\u{2060}"] {
            let text = format!("{SKILL}{}{MESSAGE}\n", before.repeat(MAX_SAME + 1));
            assert_eq!(errors("SKILL.md", text.as_bytes()).len(), 4);
            let escaped = format!("{}\\U000E0041", "\\u200b".repeat(MAX_SAME + 1));
            let text = SKILL.replace("Fills forms.", &format!("\"{escaped}\""));
            assert_eq!(errors("SKILL.md", text.as_bytes()).len(), 1, "{text}");
        }
        let many = format!("{SKILL}{}\n", MESSAGE.repeat(10));
        assert_eq!(errors("SKILL.md", many.as_bytes()).len(), MAX_SAME + 1);
    }

    #[test]
    fn no_byte_and_no_form_hides_it() {
        let with = |start: &[u8]| [start, MESSAGE.as_bytes(), b"\n"].concat();
        for name in ["notes.md", "notes.markdown", "Makefile", "README", "x.rb"] {
            assert_eq!(errors(name, &with(b"\xff")).len(), 4, "{name}");
            assert_eq!(errors(name, &with(b"text")).len(), 4, "{name}");
            assert_eq!(errors(name, b"\xff text\n"), [], "{name}");
        }
        assert_eq!(errors("notes.md", &with(b"\0")).len(), 4);
        assert_eq!(errors("picture.png", &with(b"\x89PNG\0\xff")).len(), 1);
        assert_eq!(errors("picture.png", b"\x89PNG\0\xff\xf3\xa0\x81\x81\xe2\x80\xae"), [], "by chance");
        for mark in [&b"\xff\xfe"[..], b"\xfe\xff"] {
            let unit = |unit: u16| if mark[0] == 0xff { unit.to_le_bytes() } else { unit.to_be_bytes() };
            let text = |text: &str| [mark, &text.encode_utf16().flat_map(unit).collect::<Vec<_>>()].concat();
            assert_eq!(errors("notes.md", &text(MESSAGE)).len(), 4);
            assert_eq!(errors("notes.bin", &text("a\u{202e}b")).len(), 1);
            assert_eq!(errors("notes.md", &text("text")), []);
        }
    }

    #[test]
    fn escapes_are_seen_where_the_form_is_broken_too() {
        for escape in ["\\U000E0041", "\\U000e0150", "\\u202E", "\\u2066", "\\udb40\\udc41", "\\U0000202e"] {
            let text = format!("---\nname: pdf\nname: pdf\ndescription: \"{escape}\"\n---\n");
            assert_eq!(errors("SKILL.md", text.as_bytes()).len(), 1, "{escape}");
        }
        for plain in ["\\u0041", "\\user", "C:\\u", "\\u000e0041", "\\", "\\U0000"] {
            let text = format!("---\nname: pdf\nname: pdf\ndescription: \"{plain}\"\n---\n");
            assert_eq!(errors("SKILL.md", text.as_bytes()), [], "{plain}");
        }
        // A flag that stands there as itself hides no escape of its characters.
        let flag = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}";
        let text = SKILL.replace("Fills forms.", &format!("\"{flag} \\U000E0067\\U000E0062\""));
        assert_eq!(errors("SKILL.md", text.as_bytes()).len(), 2);
        assert_eq!(errors("SKILL.md", SKILL.replace("Fills", flag).as_bytes()), []);
    }
}
