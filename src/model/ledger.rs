//! One entry of a vault's ledger: the text of its commit, and nothing else (`schema/ledger.md`).

use std::fmt::Write as _;

use super::{Digest, Oid, Release};

/// First line of every entry.
pub const LEDGER_TITLE: &str = "skillmeat-ledger v1";

/// Longest text in an entry, in bytes: a licence, a reason, a key.
pub const MAX_ENTRY_TEXT: usize = 4096;

/// Why a text is not an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The first line is another one.
    #[error("it does not begin with '{LEDGER_TITLE}'")]
    Title,
    /// A field is missing, unknown, out of its place or malformed.
    #[error("line {line} is not the field '{expected}' with a value that it can have")]
    Field {
        /// Number of the line, from 1.
        line: usize,
        /// The field that belongs there.
        expected: &'static str,
    },
    /// There is more than the fields of its type.
    #[error("there is more than the fields of its type, from line {0}")]
    More(usize),
}

/// Which ledger an entry belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LedgerId {
    /// The first entry: 32 random hex digits, so that no two ledgers begin with the same bytes.
    Nonce(String),
    /// Every other: SHA-256 of the raw first commit.
    Repo(Digest),
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// The trust files are those of this commit from here on.
    Root {
        /// Version of `root.toml`.
        version: u64,
    },
    /// A release is published.
    Publish {
        /// The release.
        release: Release,
        /// Id of its tag object.
        tag: Oid,
        /// Tree digest of its files.
        tree: Digest,
        /// SHA-256 of its pack.
        pack: Option<Digest>,
        /// Its licence, as an SPDX expression.
        license: String,
    },
    /// A release is taken back; it can still be had by whoever names it.
    Yank {
        /// The release.
        release: Release,
        /// Why.
        reason: String,
    },
    /// A key is believed no longer, from a position on.
    Revoke {
        /// The public key, as one line without a comment.
        key: String,
        /// Entries from this number on that it signed are not believed.
        since: u64,
        /// Why.
        reason: String,
    },
    /// The ledger was alive at this time.
    Checkpoint {
        /// Until when this is worth something, seconds since 1970.
        expires: u64,
    },
    /// Something else that happened, which only its digest is told of.
    Audit {
        /// Digest of a text with salt, which whoever made the entry keeps.
        digest: Digest,
    },
}

impl EntryBody {
    /// Returns the word of `type:`.
    pub fn word(&self) -> &'static str {
        match self {
            EntryBody::Root { .. } => "root",
            EntryBody::Publish { .. } => "publish",
            EntryBody::Yank { .. } => "yank",
            EntryBody::Revoke { .. } => "revoke",
            EntryBody::Checkpoint { .. } => "checkpoint",
            EntryBody::Audit { .. } => "audit",
        }
    }
}

/// One entry of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The ledger.
    pub id: LedgerId,
    /// Its place, from 0.
    pub number: u64,
    /// SHA-256 of the raw commit of the entry before it; `None` for the first.
    pub prev: Option<Digest>,
    /// What it says.
    pub body: EntryBody,
    /// When, in seconds since 1970: the clock of whoever wrote it, for information.
    pub time: u64,
}

impl LedgerEntry {
    /// Returns the one text of this entry.
    pub fn render(&self) -> String {
        let mut text = format!("{LEDGER_TITLE}\n\n");
        let mut field = |name: &str, value: &dyn std::fmt::Display| {
            writeln!(text, "{name}: {value}").expect("a String takes all that is written to it");
        };
        match &self.id {
            LedgerId::Nonce(nonce) => field("nonce", nonce),
            LedgerId::Repo(repo) => field("repo", repo),
        }
        field("number", &self.number);
        self.prev.iter().for_each(|prev| field("prev", prev));
        field("type", &self.body.word());
        match &self.body {
            EntryBody::Root { version } => field("version", version),
            EntryBody::Publish { release, tag, tree, pack, license } => {
                field("name", &release.bundle);
                field("version", &release.version);
                field("tag", tag);
                field("tree", tree);
                field("pack", &pack.map_or_else(|| "none".to_owned(), |pack| pack.to_string()));
                field("license", license);
            }
            EntryBody::Yank { release, reason } => {
                field("name", &release.bundle);
                field("version", &release.version);
                field("reason", reason);
            }
            EntryBody::Revoke { key, since, reason } => {
                field("key", key);
                field("since", since);
                field("reason", reason);
            }
            EntryBody::Checkpoint { expires } => field("expires", &rfc3339(*expires)),
            EntryBody::Audit { digest } => field("digest", digest),
        }
        field("time", &rfc3339(self.time));
        text
    }

    /// Reads an entry; nothing but the text that [`LedgerEntry::render`] writes is one.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn parse(text: &str) -> Result<Self, EntryError> {
        let rest =
            text.strip_prefix(LEDGER_TITLE).and_then(|rest| rest.strip_prefix("\n\n")).ok_or(EntryError::Title)?;
        let mut lines = Lines { rest, line: 3 };
        let id = if lines.rest.starts_with("nonce: ") {
            LedgerId::Nonce(lines.take("nonce", |text| is_nonce(text).then(|| text.to_owned()))?)
        } else {
            LedgerId::Repo(lines.take("repo", |text| text.parse().ok())?)
        };
        let number = lines.take("number", number)?;
        let prev = match id {
            LedgerId::Nonce(_) => None,
            LedgerId::Repo(_) => Some(lines.take("prev", |text| text.parse().ok())?),
        };
        let word = lines.take("type", |text| Some(text.to_owned()))?;
        let body = lines.body(&word)?;
        let time = lines.take("time", seconds)?;
        if !lines.rest.is_empty() {
            return Err(EntryError::More(lines.line));
        }
        Ok(Self { id, number, prev, body, time })
    }
}

/// The lines that were not read yet.
struct Lines<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lines<'a> {
    fn take<T>(&mut self, name: &'static str, parse: impl FnOnce(&'a str) -> Option<T>) -> Result<T, EntryError> {
        let wrong = EntryError::Field { line: self.line, expected: name };
        let (line, after) = self.rest.split_once('\n').ok_or_else(|| wrong.clone())?;
        let value = line.strip_prefix(name).and_then(|value| value.strip_prefix(": "));
        let parsed = value.and_then(parse).ok_or(wrong)?;
        (self.rest, self.line) = (after, self.line + 1);
        Ok(parsed)
    }

    fn release(&mut self) -> Result<Release, EntryError> {
        let name = self.take("name", Some)?;
        self.take("version", |version| {
            let release: Release = format!("{name}--v{version}").parse().ok()?;
            // The name of a tag has one reading; two fields that fit together otherwise are none.
            (release.bundle.as_str() == name && release.version.to_string() == version).then_some(release)
        })
    }

    fn body(&mut self, word: &str) -> Result<EntryBody, EntryError> {
        Ok(match word {
            "root" => EntryBody::Root { version: self.take("version", number)? },
            "publish" => EntryBody::Publish {
                release: self.release()?,
                tag: self.take("tag", oid)?,
                tree: self.take("tree", |text| text.parse().ok())?,
                pack: self
                    .take("pack", |text| if text == "none" { Some(None) } else { text.parse().ok().map(Some) })?,
                license: self.take("license", plain)?,
            },
            "yank" => EntryBody::Yank { release: self.release()?, reason: self.take("reason", plain)? },
            "revoke" => EntryBody::Revoke {
                key: self.take("key", plain)?,
                since: self.take("since", number)?,
                reason: self.take("reason", plain)?,
            },
            "checkpoint" => EntryBody::Checkpoint { expires: self.take("expires", seconds)? },
            "audit" => EntryBody::Audit { digest: self.take("digest", |text| text.parse().ok())? },
            _ => return Err(EntryError::Field { line: self.line - 1, expected: "type" }),
        })
    }
}

fn is_nonce(text: &str) -> bool {
    text.len() == 32 && is_lower_hex(text)
}

/// Parses a number in its one spelling, below 2^53 so that every reader of JSON has it too.
fn number(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number < 1 << 53 && number.to_string() == text).then_some(number)
}

pub(super) fn oid(text: &str) -> Option<Oid> {
    Oid::from_hex(text.as_bytes()).ok().filter(|_| is_lower_hex(text))
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn plain(text: &str) -> Option<String> {
    is_plain(text).then(|| text.to_owned())
}

/// Says whether a text can stand in an entry: one line, not empty, no control characters, no space at its edges.
pub fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ENTRY_TEXT && text.trim() == text && !text.chars().any(char::is_control)
}

/// Returns a moment as RFC 3339 in UTC.
pub(super) fn rfc3339(seconds: u64) -> String {
    let moment = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    moment.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn seconds(text: &str) -> Option<u64> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    let seconds = u64::try_from(moment.as_second()).ok()?;
    (rfc3339(seconds) == text).then_some(seconds)
}

#[cfg(test)]
mod tests;
