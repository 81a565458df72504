//! A recommendation: what one person tells another about a release (`schema/recommendation.md`).
//!
//! Owns the text that is signed and the word that carries it through chats and codes. What it names is a claim of whoever
//! signed it; nothing in it is fetched or believed here.

mod carrier;
mod error;

use std::fmt::Write as _;

pub use carrier::{CARRIER_WORD, holds_carrier, read_carrier, write_carrier};
pub use error::RecommendationError;

use super::{Digest, Location, Oid, Release, Source, Transport, hidden};

/// Namespace of the signature over a recommendation, so that no other signature can stand in for it.
pub const RECOMMENDATION_NAMESPACE: &str = "skillmeat-ref@v1";

/// Largest recommendation with its signature, in bytes: one signed with RSA of 16,384 bits, the largest of OpenSSH.
pub const MAX_RECOMMENDATION_BYTES: usize = 8 * 1024;

/// Longest line of words for the reader, in bytes: what can be read at a glance, and what a code still holds.
pub const MAX_LINE_BYTES: usize = 280;

/// Longest address, in bytes.
const MAX_ADDRESS_BYTES: usize = 512;

/// First line of the text; another version is another line.
const HEAD: &str = "skillmeat-ref 1";

/// How the address of a pack ends. Any other is that of a vault.
const PACK_END: &str = ".skillmeat-pack";

/// What is recommended, and where it can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The release.
    pub release: Release,
    /// Its tree digest.
    pub tree: Digest,
    /// Id of its tag object.
    pub tag: Oid,
    /// SHA-256 of its pack, where that is known.
    pub pack: Option<Digest>,
    /// Where it is published.
    pub from: Option<Address>,
    /// What the release says it is for: one line of its description.
    pub about: Option<String>,
    /// What the one who recommends it adds.
    pub note: Option<String>,
}

/// Address of a vault or of a pack, in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// Parses an address as every source is parsed: no option, no helper program, no password.
    ///
    /// # Errors
    /// [`RecommendationError::Address`], [`RecommendationError::NotWhole`], [`RecommendationError::Spelling`] for another
    /// spelling than the one that [`Source`] writes, [`RecommendationError::PackAddress`].
    pub fn parse(text: &str) -> Result<Self, RecommendationError> {
        // What is typed without a scheme means a forge of the user's choice, which is not the reader's.
        let source = Source::parse(text, |_| false, "")?;
        if matches!(&source.location, Location::Local(path) if !path.starts_with('/')) {
            return Err(RecommendationError::Spelling);
        }
        if source.reference.is_some() || source.subpath.is_some() {
            return Err(RecommendationError::NotWhole);
        }
        if text.len() > MAX_ADDRESS_BYTES || source.to_string() != text {
            return Err(RecommendationError::Spelling);
        }
        let address = Self(text.to_owned());
        let over_http = matches!(source.transport(), Transport::Https | Transport::Http);
        if address.is_pack() && !over_http { Err(RecommendationError::PackAddress) } else { Ok(address) }
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it is that of a pack; else it is that of a vault.
    pub fn is_pack(&self) -> bool {
        self.0.ends_with(PACK_END)
    }

    /// Returns how it is reached.
    pub fn transport(&self) -> Transport {
        // It was parsed when it was made.
        Source::parse(&self.0, |_| false, "").map_or(Transport::Local, |source| source.transport())
    }
}

impl Recommendation {
    /// Returns the text that is signed: one line for each member, in this order, `LF` after each.
    pub fn render(&self) -> String {
        let mut text = format!("{HEAD}\nrelease {}\ntree {}\ntag {}\n", self.release, self.tree, self.tag);
        let mut line = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{key} {value}");
            }
        };
        line("pack", self.pack.map(|digest| digest.to_string()).as_deref());
        line("from", self.from.as_ref().map(Address::as_str));
        line("about", self.about.as_deref());
        line("note", self.note.as_deref());
        text
    }

    /// Parses the text. It has one valid encoding: what [`Recommendation::render`] makes of its members.
    ///
    /// # Errors
    /// [`RecommendationError`].
    pub fn parse(text: &str) -> Result<Self, RecommendationError> {
        let malformed = RecommendationError::Malformed;
        let mut lines = text.strip_suffix('\n').ok_or(malformed("the last line has no end"))?.split('\n').peekable();
        // MUST refuse another version, section 1: `another_version_is_refused_by_name`.
        match lines.next().and_then(|line| line.strip_prefix("skillmeat-ref ")) {
            Some("1") => {}
            Some(other) => return Err(RecommendationError::Newer(other.chars().take(20).collect())),
            None => return Err(malformed("it does not start with its name and version")),
        }
        let mut next = |key: &str| {
            lines
                .next_if(|line| line.split(' ').next() == Some(key))
                .and_then(|line| line.split_once(' '))
                .map(|(_, value)| value.to_owned())
        };
        let missing = |key: &'static str| RecommendationError::Missing(key);
        let parsed = Self {
            release: next("release").ok_or(missing("release"))?.parse()?,
            tree: next("tree").ok_or(missing("tree"))?.parse()?,
            tag: Oid::from_hex(next("tag").ok_or(missing("tag"))?.as_bytes())
                .map_err(|_| malformed("its tag is no object id"))?,
            pack: next("pack").map(|text| text.parse()).transpose()?,
            from: next("from").map(|text| Address::parse(&text)).transpose()?,
            about: next("about").map(|text| check_line("about", text)).transpose()?,
            note: next("note").map(|text| check_line("note", text)).transpose()?,
        };
        // MUST be the one encoding, section 1: `a_text_has_one_encoding`.
        if parsed.render() == text { Ok(parsed) } else { Err(malformed("it is not written as it has to be")) }
    }
}

/// Checks words for the reader: one line, nothing that cannot be seen.
///
/// # Errors
/// [`RecommendationError::Line`].
pub fn check_line(what: &'static str, text: String) -> Result<String, RecommendationError> {
    let fits = (1..=MAX_LINE_BYTES).contains(&text.len()) && text.trim() == text;
    if fits && hidden::without(&text) == text { Ok(text) } else { Err(RecommendationError::Line(what)) }
}

/// Returns the first line of a description, as far as it may stand in a recommendation; `None` where nothing is left.
pub fn about_line(description: &str) -> Option<String> {
    /// Longest that is taken of a description, in bytes: it is there to recognise the thing, not to praise it.
    const MAX_ABOUT_BYTES: usize = 120;
    let line = description.lines().map(str::trim).find(|line| !line.is_empty())?;
    let seen = hidden::without(line);
    let seen = seen.trim();
    if seen.len() <= MAX_ABOUT_BYTES {
        return (!seen.is_empty()).then(|| seen.to_owned());
    }
    let cut = seen.floor_char_boundary(MAX_ABOUT_BYTES - '…'.len_utf8());
    // A joiner that lost what it joined is not seen any more.
    Some(hidden::without(&format!("{}…", seen[..cut].trim_end())))
}

#[cfg(test)]
mod tests;
