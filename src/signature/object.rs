//! What raw tags and raw commits have in common: limits, header lines, identities, trailers.

use crate::model::Oid;

use super::date::MAX_UNIX_TIME;
use super::shown;

/// Largest raw tag or commit accepted, in bytes: ten times the longest release notes seen in big projects.
pub const MAX_OBJECT_BYTES: usize = 256 * 1024;

/// Why bytes are not a tag or commit object that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// More than [`MAX_OBJECT_BYTES`].
    #[error("the object has {0} bytes, more than {MAX_OBJECT_BYTES}")]
    TooLarge(usize),
    /// There is a NUL in it, where some programs would stop reading.
    #[error("there is a NUL byte in the object")]
    Nul,
    /// It is not UTF-8.
    #[error("the object is not UTF-8 text")]
    Encoding,
    /// A header is missing, repeated or out of order.
    #[error("found '{}' where the header '{expected}' belongs", shown(.found))]
    Header {
        /// The header that must stand there.
        expected: &'static str,
        /// The line that stands there.
        found: String,
    },
    /// The value of a header, or of a field to be written, is broken.
    #[error("'{}' is not a value for '{field}'", shown(.value))]
    Value {
        /// The header or field.
        field: &'static str,
        /// What it has.
        value: String,
    },
    /// More than one line begins a signature.
    #[error("the object has more than one signature block")]
    TwoSignatures,
    /// Something follows the signature block; git ignores it, so one signature would fit many objects.
    #[error("there are bytes after the signature block")]
    AfterSignature,
    /// A trailer that must be unique is there more than once.
    #[error("the trailer '{}' is there more than once", shown(.0))]
    DuplicateTrailer(String),
}

pub(super) fn value_error(field: &'static str, value: &str) -> ObjectError {
    ObjectError::Value { field, value: value.to_owned() }
}

/// Checks what holds for the whole of an object and returns it as text.
pub(super) fn text_of(raw: &[u8]) -> Result<&str, ObjectError> {
    if raw.len() > MAX_OBJECT_BYTES {
        return Err(ObjectError::TooLarge(raw.len()));
    }
    if raw.contains(&0) {
        return Err(ObjectError::Nul);
    }
    std::str::from_utf8(raw).map_err(|_| ObjectError::Encoding)
}

/// Takes the header line `name VALUE`, which must be the next.
pub(super) fn take_header<'a>(rest: &mut &'a str, name: &'static str) -> Result<&'a str, ObjectError> {
    let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
    let value = line.strip_prefix(name).and_then(|value| value.strip_prefix(' '));
    let value = value.ok_or_else(|| ObjectError::Header { expected: name, found: line.to_owned() })?;
    *rest = after;
    Ok(value)
}

/// Parses an object id: 40 or 64 lower-case hex digits.
pub(super) fn parse_oid(field: &'static str, text: &str) -> Result<Oid, ObjectError> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let oid = Oid::from_hex(text.as_bytes()).ok().filter(|_| lower);
    oid.ok_or_else(|| value_error(field, text))
}

/// Splits `NAME <MAIL> SECONDS ZONE` into identity and seconds, by the rules of `git fsck`.
pub(super) fn parse_signature_line<'a>(field: &'static str, line: &'a str) -> Result<(&'a str, u64), ObjectError> {
    let bad = || value_error(field, line);
    let (identity, date) = line.split_once("> ").ok_or_else(bad)?;
    let (name, mail) = identity.split_once(" <").ok_or_else(bad)?;
    if [name, mail].iter().any(|part| part.contains(['<', '>']) || part.chars().any(char::is_control)) {
        return Err(bad());
    }
    let (seconds, zone) = date.split_once(' ').ok_or_else(bad)?;
    let plain = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    let time = seconds.parse().ok().filter(|time| plain && *time <= MAX_UNIX_TIME).ok_or_else(bad)?;
    // `git fsck` calls these `zeroPaddedDate` and `badTimezone`.
    let padded = seconds.len() > 1 && seconds.starts_with('0');
    let digits = zone.strip_prefix(['+', '-']).ok_or_else(bad)?;
    if padded || digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    Ok((&line[..=identity.len()], time))
}

/// Returns the value of a trailer of the last paragraph of `message`.
///
/// The first paragraph is the title and has no trailers, and every line of the paragraph must be
/// `KEY: VALUE`: stricter than `git interpret-trailers`, which takes a paragraph that is a quarter trailers.
/// Keys are compared without case, as git does, so that two spellings cannot hide a second value.
pub(super) fn trailer<'a>(message: &'a str, key: &str) -> Result<Option<&'a str>, ObjectError> {
    let Some((_, last)) = message.trim_end_matches('\n').rsplit_once("\n\n") else { return Ok(None) };
    let mut found = None;
    for line in last.trim_start_matches('\n').split('\n') {
        let Some((name, value)) = line.split_once(": ").filter(|(name, _)| is_token(name)) else { return Ok(None) };
        if name.eq_ignore_ascii_case(key) && found.replace(value).is_some() {
            return Err(ObjectError::DuplicateTrailer(key.to_owned()));
        }
    }
    Ok(found)
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_paragraph_has_trailers() {
        let get = |message: &str| trailer(message, "skillmeat-tree").map(|value| value.map(str::to_owned));
        assert_eq!(get("title\n\nskillmeat-tree: a\n"), Ok(Some("a".to_owned())));
        assert_eq!(
            get("title\n\ntext\n\n\nskillmeat-repo: r\nSkillmeat-Tree: a b: c\n\n"),
            Ok(Some("a b: c".to_owned()))
        );
        for none in [
            "",
            "skillmeat-tree: a\n",
            "title\nskillmeat-tree: a\n",
            "title\n\nskillmeat-tree: a\n\nother: x\n",
            "title\n\nskillmeat-tree: a\nplain text\n",
            "title\n\nskillmeat-tree: a\n more\n",
            "title\n\nskillmeat-tree:a\n",
            "title\n\nskillmeat tree: a\n",
        ] {
            assert_eq!(get(none), Ok(None), "{none:?}");
        }
    }

    #[test]
    fn a_second_value_is_refused_in_any_case_of_letters() {
        let twice = trailer("title\n\nskillmeat-tree: a\nSKILLMEAT-TREE: a\n", "skillmeat-tree");
        assert_eq!(twice, Err(ObjectError::DuplicateTrailer("skillmeat-tree".to_owned())));
        assert_eq!(trailer("t\n\nSigned-off-by: a\nSigned-off-by: b\nx: y\n", "x"), Ok(Some("y")));
    }

    #[test]
    fn identities_follow_git_fsck() {
        let parse = |line| parse_signature_line("tagger", line);
        assert_eq!(parse("A B <a@b> 12 +0000"), Ok(("A B <a@b>", 12)));
        assert_eq!(parse("A <> 0 -1130"), Ok(("A <>", 0)));
        for bad in [
            "",
            "A <a@b>",
            "A <a@b> 12",
            "A <a@b> 12 0000",
            "A <a@b> 12 +00000",
            "A <a@b> 12 +000é",
            "A <a@b>12 +0000",
            "A<a@b> 12 +0000",
            "A <a> <b> 12 +0000",
            "A> 1 +0000 <b> 12 +0000",
            "A <a@b> 012 +0000",
            "A <a@b> -12 +0000",
            "A <a@b> +12 +0000",
            "A <a@b> 253402300800 +0000",
            "A <a@b> 99999999999999999999 +0000",
            "A\u{1b}[2J <a@b> 12 +0000",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
