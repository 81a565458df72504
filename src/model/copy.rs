//! `head.json`: the signed statement of what a copy of a vault in object storage holds (`schema/mirror.md`, section 2).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::ledger::{oid, rfc3339, seconds};
use super::{Digest, Oid, Release};

/// Version of `head.json` that this program writes and reads.
pub const COPY_FORMAT: u32 = 1;

/// Largest `head.json`, in bytes: as many packs as it may list, and room to spare.
pub const MAX_COPY_HEAD_BYTES: u64 = 4 * 1024 * 1024;

/// Most packs that it lists, in use or not. A writer puts them together long before.
pub const MAX_COPY_PACKS: usize = 4_000;

/// Largest `info/refs`, in bytes: as many releases as a ledger has entries.
pub const MAX_INFO_REFS_BYTES: u64 = 64 * 1024 * 1024;

/// Branch of a copy with the ledger, and that for people.
const LEDGER_REF: &str = "refs/heads/skillmeat-ledger";
const INDEX_REF: &str = "refs/heads/main";

/// Why a text is no `head.json`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyHeadError {
    /// It is not JSON of the expected shape.
    #[error("it is not JSON of the expected shape: {0}")]
    Json(String),
    /// It was written by a newer program.
    #[error("it has format {0}, which needs a newer git skillmeat")]
    Newer(u64),
    /// The same could be said in another way, and then two readers could differ.
    #[error("it is not written in the one way that there is")]
    Spelling,
    /// A list is longer than its limit, or names something twice.
    #[error("its packs are more than {MAX_COPY_PACKS}, or one of them twice")]
    Packs,
    /// Its serial number is none that a writer reaches.
    #[error("its serial number {0} is none that is reached by writing")]
    Serial(u64),
}

/// Largest serial number: a write in each second for a hundred thousand years.
const MAX_SERIAL: u64 = 1 << 42;

/// What `head.json` says: the text that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyHead {
    /// [`COPY_FORMAT`].
    pub format: u32,
    /// Id of the ledger.
    pub ledger: Digest,
    /// One more with each write, from 1.
    pub serial: u64,
    /// Number of the newest entry of the ledger.
    pub number: u64,
    /// Its commit.
    #[serde(with = "hex")]
    pub head: Oid,
    /// SHA-256 of that raw commit.
    pub digest: Digest,
    /// The branch for people.
    #[serde(with = "hex")]
    pub main: Oid,
    /// SHA-256 of `info/refs`.
    pub info_refs: Digest,
    /// When it was written, seconds since 1970: what its writer says.
    #[serde(with = "moment")]
    pub time: u64,
    /// Until when it is worth something, seconds since 1970.
    #[serde(with = "moment")]
    pub expires: u64,
    /// Whether several may write, which the store must be able to keep apart.
    pub writers: Writers,
    /// The git packs, oldest first.
    pub packs: Vec<CopyPack>,
    /// Packs that are not needed any more, and stay for readers that are under way, by name.
    pub retired: Vec<RetiredPack>,
}

/// Who may write to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writers {
    /// Several: it changes only under conditions.
    Many,
    /// One at a time, which its owners see to: the store heeds no conditions.
    Single,
}

/// What a git pack is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// Entries of the ledger, and the branch for people.
    Ledger,
    /// Tags, commits and files of releases.
    Releases,
}

/// A git pack and its index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyPack {
    /// The hash in the names of both files.
    #[serde(with = "hex")]
    pub name: Oid,
    /// What it is for.
    pub holds: Holds,
    /// SHA-256 of the pack.
    pub sha256: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// SHA-256 of the index.
    pub index_sha256: Digest,
    /// Its size, in bytes.
    pub index_size: u64,
}

/// A pack that is not needed any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetiredPack {
    /// The hash in the names of both files.
    #[serde(with = "hex")]
    pub name: Oid,
    /// Since when, seconds since 1970.
    #[serde(with = "moment")]
    pub since: u64,
}

/// `head.json` as a file: the signed text, and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCopyHead {
    /// What is signed, to the byte.
    pub payload: String,
    /// The signature in the form of `ssh-keygen -Y sign`.
    pub signature: String,
}

impl SignedCopyHead {
    /// Returns the content of the file.
    pub fn render(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads the file; what it says is not looked at.
    ///
    /// # Errors
    /// [`CopyHeadError::Json`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CopyHeadError> {
        serde_json::from_slice(bytes).map_err(json)
    }
}

impl CopyHead {
    /// Returns the one text of this statement.
    pub fn render(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a statement; nothing but the text that [`CopyHead::render`] writes is one.
    ///
    /// # Errors
    /// [`CopyHeadError`].
    pub fn parse(text: &str) -> Result<Self, CopyHeadError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        let found: Format = serde_json::from_str(text).map_err(json)?;
        // Before all else: what else a newer one has is not known here.
        if found.format != u64::from(COPY_FORMAT) {
            return Err(CopyHeadError::Newer(found.format));
        }
        let head: Self = serde_json::from_str(text).map_err(json)?;
        if head.serial == 0 || head.serial > MAX_SERIAL {
            return Err(CopyHeadError::Serial(head.serial));
        }
        let names: BTreeSet<Oid> =
            head.packs.iter().map(|pack| pack.name).chain(head.retired.iter().map(|pack| pack.name)).collect();
        let all = head.packs.len() + head.retired.len();
        if all > MAX_COPY_PACKS || names.len() != all || !head.retired.is_sorted_by_key(|pack| pack.name) {
            return Err(CopyHeadError::Packs);
        }
        if head.render() == text { Ok(head) } else { Err(CopyHeadError::Spelling) }
    }
}

/// Returns the content of `info/refs` of a vault, as plain git reads it: one line for each ref, by name.
///
/// Tags have no second line with what they are of: a ledger does not say, and git asks for the tag itself.
pub fn info_refs(head: Oid, main: Oid, releases: &BTreeMap<Release, Oid>) -> String {
    let mut refs = BTreeMap::from([(LEDGER_REF.to_owned(), head), (INDEX_REF.to_owned(), main)]);
    refs.extend(releases.iter().map(|(release, tag)| (release.ref_name(), *tag)));
    refs.iter().map(|(name, id)| format!("{id}\t{name}\n")).collect()
}

/// Returns the content of `objects/info/packs`: one line for each pack, and an empty one.
pub fn info_packs(names: &BTreeSet<Oid>) -> String {
    let mut text: String = names.iter().map(|name| format!("P pack-{name}.pack\n")).collect();
    text.push('\n');
    text
}

/// Reads `objects/info/packs`; what is no line of a pack says nothing.
pub fn packs_in(text: &str) -> BTreeSet<Oid> {
    let name = |line: &str| oid(line.strip_prefix("P pack-")?.strip_suffix(".pack")?);
    text.lines().filter_map(name).collect()
}

fn json(error: serde_json::Error) -> CopyHeadError {
    CopyHeadError::Json(error.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Ids as hex digits.
mod hex {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{Oid, oid};

    pub(super) fn serialize<S: Serializer>(id: &Oid, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Oid, D::Error> {
        let text = String::deserialize(from)?;
        oid(&text).ok_or_else(|| D::Error::custom("an id is 40 or 64 lower-case hex digits"))
    }
}

/// Moments as RFC 3339 in UTC.
mod moment {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use super::{rfc3339, seconds};

    pub(super) fn serialize<S: Serializer>(moment: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&rfc3339(*moment))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        seconds(&text).ok_or_else(|| D::Error::custom("a moment is RFC 3339 in UTC to the second"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> Oid {
        Oid::from_bytes_or_panic(&[byte; 20])
    }

    fn head() -> CopyHead {
        let pack = |byte, holds| CopyPack {
            name: id(byte),
            holds,
            sha256: Digest::of(b"p"),
            size: 1,
            index_sha256: Digest::of(b"i"),
            index_size: 2,
        };
        CopyHead {
            format: COPY_FORMAT,
            ledger: Digest::of(b"l"),
            serial: 7,
            number: 6,
            head: id(1),
            digest: Digest::of(b"h"),
            main: id(2),
            info_refs: Digest::of(b"r"),
            time: 1_795_356_000,
            expires: 1_797_948_000,
            writers: Writers::Many,
            packs: vec![pack(9, Holds::Ledger), pack(3, Holds::Releases)],
            retired: vec![RetiredPack { name: id(4), since: 1 }],
        }
    }

    #[test]
    fn a_statement_has_one_spelling_and_unknown_fields_are_refused() {
        let text = head().render();
        assert_eq!(CopyHead::parse(&text), Ok(head()));
        for (from, to, expected) in [
            ("\"format\": 1", "\"format\": 2", CopyHeadError::Newer(2)),
            ("  \"serial\"", " \"serial\"", CopyHeadError::Spelling),
            ("\"serial\": 7", "\"serial\": 7.0", CopyHeadError::Json(String::new())),
            ("\"serial\": 7,", "\"serial\": 7, \"more\": 1,", CopyHeadError::Json(String::new())),
            ("\"many\"", "\"all\"", CopyHeadError::Json(String::new())),
            ("2026-11-22T", "2026-11-22t", CopyHeadError::Json(String::new())),
        ] {
            assert!(text.contains(from), "{from}: {text}");
            let found = CopyHead::parse(&text.replacen(from, to, 1)).expect_err(to);
            assert_eq!(std::mem::discriminant(&found), std::mem::discriminant(&expected), "{to}: {found:?}");
        }
        let mut twice = head();
        twice.retired[0].name = id(3);
        assert_eq!(CopyHead::parse(&twice.render()), Err(CopyHeadError::Packs));
    }

    #[test]
    fn a_list_of_packs_reads_what_it_wrote() {
        let names = BTreeSet::from([id(1), id(2)]);
        assert_eq!(packs_in(&info_packs(&names)), names);
        assert_eq!(packs_in("P pack-xyz.pack\nQ pack-\n\n"), BTreeSet::new());
    }
}
