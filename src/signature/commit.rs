//! Raw commits, as far as a release needs them: which tree, how many parents.

use crate::model::Oid;

use super::object::{ObjectError, parse_oid, parse_signature_line, take_header, text_of, trailer, value_error};

/// A well-formed commit object, borrowed from its bytes. Nothing in it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawCommit<'a> {
    tree: Oid,
    parents: Vec<Oid>,
    time_unix: u64,
    message: &'a str,
}

impl<'a> RawCommit<'a> {
    /// Takes a commit object apart: `tree`, any number of `parent`, `author`, `committer`, then headers of other
    /// names, an empty line, the message.
    ///
    /// # Errors
    /// [`ObjectError`]; a `tree`, `parent`, `author` or `committer` out of its place is one.
    pub fn parse(raw: &'a [u8]) -> Result<Self, ObjectError> {
        let mut rest = text_of(raw)?;
        let tree = parse_oid("tree", take_header(&mut rest, "tree")?)?;
        let mut parents = Vec::new();
        while rest.starts_with("parent ") {
            parents.push(parse_oid("parent", take_header(&mut rest, "parent")?)?);
        }
        if parents.iter().any(|parent| parent.kind() != tree.kind()) {
            return Err(value_error("parent", "an id of another length than that of the tree"));
        }
        parse_signature_line("author", take_header(&mut rest, "author")?)?;
        let (_, time_unix) = parse_signature_line("committer", take_header(&mut rest, "committer")?)?;
        let message = skip_headers(rest)?;
        Ok(Self { tree, parents, time_unix, message })
    }

    /// Returns the id of the tree.
    pub fn tree(&self) -> Oid {
        self.tree
    }

    /// Returns the ids of the parents, in their order.
    pub fn parents(&self) -> &[Oid] {
        &self.parents
    }

    /// Returns the date of the committer, in seconds since 1970: a claim.
    pub fn time_unix(&self) -> u64 {
        self.time_unix
    }

    /// Returns the message.
    pub fn message(&self) -> &'a str {
        self.message
    }

    /// Returns the value of a trailer, as [`super::RawTag::trailer`] does.
    ///
    /// # Errors
    /// [`ObjectError::DuplicateTrailer`].
    pub fn trailer(&self, key: &str) -> Result<Option<&'a str>, ObjectError> {
        trailer(self.message, key)
    }
}

/// A commit whose only header beyond git's own five is one signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCommit<'a> {
    /// The commit.
    pub commit: RawCommit<'a>,
    /// The bytes that were signed: the commit without the signature.
    pub payload: Vec<u8>,
    /// The signature.
    pub armour: Vec<u8>,
}

impl<'a> SignedCommit<'a> {
    /// Takes a signed commit apart; `None` for one without a signature.
    ///
    /// Stricter than git, which skips headers that it does not know: what is signed here is read completely.
    ///
    /// # Errors
    /// As [`RawCommit::parse`], and [`ObjectError::Header`] for any other header, or a second signature.
    pub fn parse(raw: &'a [u8]) -> Result<Option<Self>, ObjectError> {
        let commit = RawCommit::parse(raw)?;
        let text = text_of(raw)?;
        let head = text.len() - commit.message.len();
        let (mut payload, mut armour, mut is_inside) = (String::new(), String::new(), false);
        for line in text[..head].split_inclusive('\n') {
            let value = line.strip_prefix(signature_header(commit.tree)).and_then(|value| value.strip_prefix(' '));
            if let Some(value) = value.filter(|_| armour.is_empty()) {
                (armour, is_inside) = (value.to_owned(), true);
            } else if let Some(value) = line.strip_prefix(' ').filter(|_| is_inside) {
                armour.push_str(value);
            } else {
                is_inside = false;
                let word = line.split(' ').next().unwrap_or_default();
                if !["tree", "parent", "author", "committer", "\n"].contains(&word) {
                    return Err(ObjectError::Header { expected: "", found: line.trim_end().to_owned() });
                }
                payload.push_str(line);
            }
        }
        payload.push_str(commit.message);
        let (payload, armour) = (payload.into_bytes(), armour.into_bytes());
        Ok((!armour.is_empty()).then_some(Self { commit, payload, armour }))
    }
}

/// Returns the commit with its signature in the header where git looks for it; `payload` is a commit without one.
///
/// # Errors
/// As [`RawCommit::parse`].
pub fn attach_to_commit(payload: &[u8], armour: &str) -> Result<Vec<u8>, ObjectError> {
    let commit = RawCommit::parse(payload)?;
    // The empty line between headers and message.
    let head = payload.len() - commit.message.len() - 1;
    let header = signature_header(commit.tree);
    let lines = armour.trim_end_matches('\n').replace('\n', "\n ");
    Ok([&payload[..head], format!("{header} {lines}\n").as_bytes(), &payload[head..]].concat())
}

/// Git keeps the signatures of the two kinds of object ids apart (`gpgsig` in git's `commit.c`).
fn signature_header(tree: Oid) -> &'static str {
    match tree.kind() {
        gix::hash::Kind::Sha1 => "gpgsig",
        _ => "gpgsig-sha256",
    }
}

/// Skips `encoding`, `gpgsig` and whatever else git may add, continuation lines included.
fn skip_headers(mut rest: &str) -> Result<&str, ObjectError> {
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.is_empty() && !rest.is_empty() {
            return Ok(after);
        }
        let word = line.split(' ').next().unwrap_or_default();
        let misplaced = ["tree", "parent", "author", "committer"].contains(&word);
        if misplaced || rest.is_empty() || !line.contains(' ') {
            return Err(ObjectError::Header { expected: "", found: line.to_owned() });
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "tree 1111111111111111111111111111111111111111\n";
    const PARENT: &str = "parent 2222222222222222222222222222222222222222\n";
    const PEOPLE: &str = "author A <a@b> 1 +0000\ncommitter C <c@d> 2 -0100\n";

    fn parse(raw: &str) -> Result<RawCommit<'_>, ObjectError> {
        RawCommit::parse(raw.as_bytes())
    }

    #[test]
    fn a_commit_is_taken_apart() {
        let extra = "encoding UTF-8\ngpgsig -----BEGIN SSH SIGNATURE-----\n U1NI\n \n -----END SSH SIGNATURE-----\n";
        let raw = format!("{TREE}{PARENT}{PARENT}{PEOPLE}{extra}\ntitle\n\nkey: value\n");
        let commit = parse(&raw).expect("a commit");
        assert_eq!(commit.tree().to_string(), "1".repeat(40));
        assert_eq!((commit.parents().len(), commit.time_unix()), (2, 2));
        assert_eq!(commit.message(), "title\n\nkey: value\n");
        assert_eq!(commit.trailer("key"), Ok(Some("value")));
        let root = format!("{TREE}{PEOPLE}\n");
        assert!(parse(&root).expect("a commit").parents().is_empty());
    }

    #[test]
    fn a_signature_is_taken_out_and_put_back() {
        let armour = "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n";
        let payload = format!("{TREE}{PARENT}{PEOPLE}\ntitle\n\n gpgsig of a message\ngpgsig x\n");
        for payload in [
            payload.clone(),
            payload.replace(&"1".repeat(40), &"1".repeat(64)).replace(&"2".repeat(40), &"2".repeat(64)),
        ] {
            let raw = attach_to_commit(payload.as_bytes(), armour).expect("a commit");
            let signed = SignedCommit::parse(&raw).expect("a commit").expect("a signature");
            assert_eq!(String::from_utf8_lossy(&signed.payload), payload);
            assert_eq!(String::from_utf8_lossy(&signed.armour), armour);
            assert_eq!(SignedCommit::parse(payload.as_bytes()), Ok(None));
        }
    }

    #[test]
    fn a_signed_commit_has_no_other_headers_and_one_signature() {
        let armour = "gpgsig A\n B\n";
        for headers in [
            format!("{armour}{armour}"),
            format!("encoding x\n{armour}"),
            format!("{armour}encoding x\n"),
            format!("gpgsig-sha256 A\n B\n{armour}"),
            format!("{armour}mergetag x\n y\n"),
        ] {
            let raw = format!("{TREE}{PEOPLE}{headers}\nm\n");
            assert!(SignedCommit::parse(raw.as_bytes()).is_err(), "{raw}");
        }
    }

    #[test]
    fn headers_out_of_place_are_refused() {
        for raw in [
            String::new(),
            TREE.to_owned(),
            format!("{TREE}{PEOPLE}"),
            format!("{PARENT}{TREE}{PEOPLE}\nm\n"),
            format!("{TREE}{TREE}{PEOPLE}\nm\n"),
            format!("{TREE}{PEOPLE}{PARENT}\nm\n"),
            format!("{TREE}{PEOPLE}{PEOPLE}\nm\n"),
            format!("{TREE}{PEOPLE}junk\n\nm\n"),
            format!("{TREE}parent {}\n{PEOPLE}\nm\n", "2".repeat(64)),
            format!("{TREE}parent  {}\n{PEOPLE}\nm\n", "2".repeat(40)),
            format!("{TREE}{PEOPLE}\nm\0\n"),
        ] {
            assert!(parse(&raw).is_err(), "{raw:?}");
        }
    }
}
