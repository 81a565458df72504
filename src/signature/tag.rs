//! Raw annotated tags (`git-mktag(1)`): taking apart what is signed, and writing it as git writes it.

use std::fmt;

use crate::model::Oid;

use super::object::{ObjectError, parse_oid, parse_signature_line, take_header, text_of, trailer, value_error};
use super::sshsig;

/// Lines that begin a signature for git, and the lines that end it (`gpg-interface.c`).
const BLOCKS: [(&str, &str); 4] = [
    (sshsig::BEGIN, sshsig::END),
    ("-----BEGIN PGP SIGNATURE-----", "-----END PGP SIGNATURE-----"),
    ("-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"),
    ("-----BEGIN SIGNED MESSAGE-----", "-----END SIGNED MESSAGE-----"),
];

/// The four types of git objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// An annotated tag.
    Tag,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Commit => "commit",
            ObjectKind::Tree => "tree",
            ObjectKind::Blob => "blob",
            ObjectKind::Tag => "tag",
        })
    }
}

/// A well-formed tag object, borrowed from its bytes. Nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawTag<'a> {
    target: Oid,
    target_kind: ObjectKind,
    name: &'a str,
    tagger: &'a str,
    time_unix: u64,
    message: &'a str,
    payload: &'a [u8],
    signature: Option<&'a [u8]>,
}

impl<'a> RawTag<'a> {
    /// Takes a tag object apart: the headers `object`, `type`, `tag`, `tagger`, in this order and once each,
    /// an empty line, the message, and at most one signature block, with which the object ends.
    ///
    /// # Errors
    /// [`ObjectError`]. Stricter than git: it takes other headers and bytes after the signature (`schema/threats.md`,
    /// 2.4).
    pub fn parse(raw: &'a [u8]) -> Result<Self, ObjectError> {
        let text = text_of(raw)?;
        let (payload, signature) = split_signature(text)?;
        let mut rest = payload;
        let target = parse_oid("object", take_header(&mut rest, "object")?)?;
        let kind = take_header(&mut rest, "type")?;
        let kinds = [ObjectKind::Commit, ObjectKind::Tree, ObjectKind::Blob, ObjectKind::Tag];
        let found = kinds.into_iter().find(|known| known.to_string() == kind);
        let target_kind = found.ok_or_else(|| value_error("type", kind))?;
        let name = take_header(&mut rest, "tag")?;
        check_name(name)?;
        let (tagger, time_unix) = parse_signature_line("tagger", take_header(&mut rest, "tagger")?)?;
        let next = rest.split('\n').next().unwrap_or_default();
        let message = rest.strip_prefix('\n');
        let message = message.ok_or_else(|| ObjectError::Header { expected: "", found: next.to_owned() })?;
        let (payload, signature) = (payload.as_bytes(), signature.map(str::as_bytes));
        Ok(Self { target, target_kind, name, tagger, time_unix, message, payload, signature })
    }

    /// Returns the id of the tagged object.
    pub fn target(&self) -> Oid {
        self.target
    }

    /// Returns the type of the tagged object.
    pub fn target_kind(&self) -> ObjectKind {
        self.target_kind
    }

    /// Returns the name inside the tag. The caller compares it with the ref (`schema/threats.md`, 2.3).
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns `NAME <MAIL>` of the tagger: a claim of whoever wrote it, never to be shown as a fact (row 42).
    pub fn tagger(&self) -> &'a str {
        self.tagger
    }

    /// Returns the date of the tagger, in seconds since 1970: a claim too (finding 1).
    pub fn time_unix(&self) -> u64 {
        self.time_unix
    }

    /// Returns the message without the signature.
    pub fn message(&self) -> &'a str {
        self.message
    }

    /// Returns the bytes that are signed: all before the signature.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Returns the signature block of any format, for [`super::verify`].
    pub fn signature(&self) -> Option<&'a [u8]> {
        self.signature
    }

    /// Returns the value of a trailer in the last paragraph of the message, `None` when there is none.
    ///
    /// # Errors
    /// [`ObjectError::DuplicateTrailer`] when the key is there twice, in any case.
    pub fn trailer(&self, key: &str) -> Result<Option<&'a str>, ObjectError> {
        trailer(self.message, key)
    }
}

/// Splits a tag before the line that begins its signature.
fn split_signature(text: &str) -> Result<(&str, Option<&str>), ObjectError> {
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        // Git too looks at the beginning of the line only.
        starts.extend(BLOCKS.iter().filter(|(begin, _)| line.starts_with(begin)).map(|(_, end)| (at, *end)));
        at += line.len();
    }
    let (start, end) = match starts[..] {
        [] => return Ok((text, None)),
        [only] => only,
        _ => return Err(ObjectError::TwoSignatures),
    };
    let (payload, signature) = text.split_at(start);
    let footer = signature.split_inclusive('\n').position(|line| line.trim_end_matches('\n') == end);
    let lines = signature.split_inclusive('\n').count();
    match footer {
        Some(footer) if footer + 1 < lines => Err(ObjectError::AfterSignature),
        // Without a footer the armour is broken; to say so is for the verdict.
        _ => Ok((payload, Some(signature))),
    }
}

/// Checks that a name can stand in a header line; which names are releases is for `model::Release` to say.
fn check_name(name: &str) -> Result<(), ObjectError> {
    if name.is_empty() || name.chars().any(char::is_control) { Err(value_error("tag", name)) } else { Ok(()) }
}

/// Who makes a tag and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tagger<'a> {
    /// Name, without `<` and `>`.
    pub name: &'a str,
    /// Mail address, without `<` and `>`.
    pub mail: &'a str,
    /// Seconds since 1970.
    pub time_unix: u64,
    /// Offset from UTC in minutes, between -1439 and 1439.
    pub offset_minutes: i16,
}

/// Returns the bytes of an unsigned tag of a commit, as `git tag -a` writes them and `git tag -s` signs them.
///
/// # Errors
/// [`ObjectError::Value`] for a message that does not end in exactly one LF (git would change it), and every
/// error of [`RawTag::parse`], through which the bytes go before they are returned.
pub fn tag_payload(target: &Oid, name: &str, tagger: Tagger<'_>, message: &str) -> Result<Vec<u8>, ObjectError> {
    if !message.ends_with('\n') || message.ends_with("\n\n") || message.starts_with('\n') {
        return Err(value_error("message", message));
    }
    let Tagger { name: person, mail, time_unix, offset_minutes } = tagger;
    let (sign, offset) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.unsigned_abs());
    if offset >= 24 * 60 {
        return Err(value_error("tagger", &offset_minutes.to_string()));
    }
    let zone = format!("{sign}{:02}{:02}", offset / 60, offset % 60);
    let payload =
        format!("object {target}\ntype commit\ntag {name}\ntagger {person} <{mail}> {time_unix} {zone}\n\n{message}");
    let tag = RawTag::parse(payload.as_bytes())?;
    // A line end in a field would have moved the borders between the fields.
    let same = tag.name == name && tag.message == message && tag.tagger == format!("{person} <{mail}>");
    if !same || tag.signature.is_some() || person.is_empty() {
        return Err(value_error("tag", name));
    }
    Ok(payload.into_bytes())
}

/// Returns the signed tag: the payload with the armour after it.
pub fn attach(payload: &[u8], armour: &str) -> Vec<u8> {
    [payload, armour.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::super::testdata::ED25519;
    use super::*;

    const TARGET: &str = "1111111111111111111111111111111111111111";
    const HEADERS: &str = "object 1111111111111111111111111111111111111111\ntype commit\ntag v1\n\
                           tagger A <a@example.com> 1795356000 +0100\n";

    fn refused(raw: &str) -> ObjectError {
        RawTag::parse(raw.as_bytes()).expect_err(raw)
    }

    #[test]
    fn a_tag_is_taken_apart() {
        let raw = format!("{HEADERS}\ntitle\n\nskillmeat-tree: sha256:00\n{}", ED25519.armour);
        let tag = RawTag::parse(raw.as_bytes()).expect("a tag");
        assert_eq!(tag.target().to_string(), TARGET);
        assert_eq!((tag.target_kind(), tag.name(), tag.time_unix()), (ObjectKind::Commit, "v1", 1_795_356_000));
        assert_eq!(tag.tagger(), "A <a@example.com>");
        assert_eq!(tag.message(), "title\n\nskillmeat-tree: sha256:00\n");
        assert_eq!(tag.trailer("skillmeat-tree"), Ok(Some("sha256:00")));
        assert_eq!(tag.signature(), Some(ED25519.armour.as_bytes()));
        assert_eq!([tag.payload(), ED25519.armour.as_bytes()].concat(), raw.as_bytes());
        let wide = raw.replace(TARGET, &"2".repeat(64));
        assert_eq!(RawTag::parse(wide.as_bytes()).expect("a tag").target().kind(), gix::hash::Kind::Sha256);
    }

    #[test]
    fn headers_stand_in_one_order_once_each() {
        let lines: Vec<_> = HEADERS.lines().collect();
        for at in 0..4 {
            let without: String =
                lines.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, l)| format!("{l}\n")).collect();
            assert!(matches!(refused(&format!("{without}\nm\n")), ObjectError::Header { .. }));
            let twice: String =
                lines.iter().enumerate().map(|(i, l)| format!("{l}\n").repeat(1 + usize::from(i == at))).collect();
            assert!(matches!(refused(&format!("{twice}\nm\n")), ObjectError::Header { .. }));
        }
        assert!(matches!(refused(&format!("{HEADERS}encoding latin1\n\nm\n")), ObjectError::Header { .. }));
        assert!(matches!(refused(&format!("{HEADERS}gpgsig x\n\nm\n")), ObjectError::Header { .. }));
        assert!(matches!(refused(HEADERS), ObjectError::Header { .. }));
        assert!(matches!(refused(""), ObjectError::Header { .. }));
    }

    #[test]
    fn values_are_checked() {
        for (from, to) in [
            (TARGET, "111111111111111111111111111111111111111"),
            (TARGET, "A111111111111111111111111111111111111111"),
            (TARGET, "g111111111111111111111111111111111111111"),
            ("type commit", "type Commit"),
            ("type commit", "type commit "),
            ("tag v1", "tag "),
            ("tag v1", "tag v\u{1b}1"),
            ("+0100", "0100"),
        ] {
            assert!(
                matches!(refused(&format!("{}\nm\n", HEADERS.replace(from, to))), ObjectError::Value { .. }),
                "{to}"
            );
        }
        assert_eq!(refused(&format!("{HEADERS}\nm\0\n")), ObjectError::Nul);
        assert!(matches!(refused(&format!("{HEADERS}\n{}", "m".repeat(MAX))), ObjectError::TooLarge(_)));
        assert_eq!(RawTag::parse(b"object \xff"), Err(ObjectError::Encoding));
    }

    const MAX: usize = super::super::MAX_OBJECT_BYTES;

    // schema/threats.md, rows 29 and 43, and 2.4
    #[test]
    fn a_tag_ends_with_its_only_signature() {
        let signed = format!("{HEADERS}\nm\n{}", ED25519.armour);
        assert_eq!(refused(&format!("{signed}x")), ObjectError::AfterSignature);
        assert_eq!(refused(&format!("{signed}\n")), ObjectError::AfterSignature);
        assert_eq!(refused(&format!("{signed}{}", ED25519.armour)), ObjectError::TwoSignatures);
        assert_eq!(refused(&format!("{signed}-----BEGIN PGP SIGNATURE-----\n")), ObjectError::TwoSignatures);
        assert_eq!(refused(&format!("{HEADERS}\n{}m\n", ED25519.armour)), ObjectError::AfterSignature);
        // Indented, it is text.
        let quoted = format!("{HEADERS}\nm\n {}", ED25519.armour.replace('\n', "\n "));
        assert_eq!(RawTag::parse(quoted.as_bytes()).expect("a tag").signature(), None);
    }

    #[test]
    fn payloads_are_written_only_from_fields_that_stay_in_place() {
        let tagger = Tagger { name: "A", mail: "a@example.com", time_unix: 1_795_356_000, offset_minutes: 60 };
        let target = Oid::from_hex(TARGET.as_bytes()).expect("an id");
        let payload = tag_payload(&target, "v1", tagger, "m\n").expect("a payload");
        assert_eq!(payload, format!("{HEADERS}\nm\n").into_bytes());
        let signed = attach(&payload, ED25519.armour);
        assert_eq!(RawTag::parse(&signed).expect("a tag").payload(), payload);
        let signed_message = format!("m\n{}", ED25519.armour);
        for message in ["", "m", "m\n\n", "\nm\n", "m\0\n", &signed_message] {
            assert!(tag_payload(&target, "v1", tagger, message).is_err(), "{message:?}");
        }
        for name in ["", "v1\ntagger B <b> 1 +0000", "v\t1"] {
            assert!(tag_payload(&target, name, tagger, "m\n").is_err(), "{name:?}");
        }
        for tagger in [
            Tagger { name: "A <x> 1 +0000\n", ..tagger },
            Tagger { name: "", ..tagger },
            Tagger { mail: "a> 1 +0000", ..tagger },
            Tagger { offset_minutes: 1440, ..tagger },
            Tagger { time_unix: u64::MAX, ..tagger },
        ] {
            assert!(tag_payload(&target, "v1", tagger, "m\n").is_err(), "{tagger:?}");
        }
    }
}
