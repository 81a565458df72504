//! `collection.toml` and `collection.lock` (`schema/collection.md`).

mod merge;
mod plain;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use toml_edit::{DocumentMut, Item, Table, Value};

use super::{ArtifactRef, BundleName, Digest, Oid, Release, TreePath};

pub use merge::{MergedFile, merge_locks, merge_manifests};

/// Version of both files that this program writes and reads.
pub const COLLECTION_FORMAT: u32 = 1;

/// Largest `collection.toml` or `collection.lock`, in bytes: about 40,000 artifacts.
pub const MAX_COLLECTION_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Why a collection file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CollectionError {
    /// It is not TOML of the expected shape.
    #[error("'{file}' cannot be read: line {line}: {}", .message.escape_debug())]
    Parse {
        /// `collection.toml` or `collection.lock`.
        file: &'static str,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// It is not TOML at all, found while editing it.
    #[error("'collection.toml' cannot be edited")]
    Edit(#[from] Box<toml_edit::TomlError>),
    /// It is not UTF-8.
    #[error("'{0}' is not UTF-8")]
    NotText(&'static str),
    /// It was written by a newer program.
    #[error("'{file}' has format {found}, which needs a newer git skillmeat")]
    Newer {
        /// Which file.
        file: &'static str,
        /// Its format.
        found: u32,
    },
}

/// Content of `collection.toml`: what people edit.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always 1.
    pub format: u32,
    /// Name of the collection.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// SPDX expression of what is the collection's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// One table for each artifact.
    #[serde(default)]
    pub artifacts: BTreeMap<ArtifactRef, ManifestEntry>,
}

/// What a person may say of one artifact.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestEntry {
    /// Where it came from: a git URL or a local path; absent for one of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Its place in the upstream; `.` is the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The server's name, where the place is a client's MCP configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Branch, tag, commit or range of versions followed; absent for the upstream's `HEAD`. Beside `bundle` and `vault` the range of
    /// versions of the bundle that is followed in the vault; absent where it is not followed.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The bundle it was imported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// The vault of that bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Its name in that bundle, where it came in under another because the collection had something else of that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// The unsigned pack of an old format that it was imported from: the digest of the file, `sha256:…`. Nobody vouches for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// Ids of findings that a person has looked at and accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<String>,
    /// Free words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Content of `collection.lock`: what was resolved.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lockfile {
    /// Always 1.
    pub format: u32,
    /// One table for each artifact that has an upstream or came from a bundle.
    #[serde(default)]
    pub artifacts: BTreeMap<ArtifactRef, LockEntry>,
    /// One table for each bundle that was imported, or was needed by one that was, also where it brought nothing new.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub releases: BTreeMap<BundleName, LockedRelease>,
}

/// The exact state of the upstream that an artifact was taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockEntry {
    /// Commit of the upstream; absent for a folder that is not in git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Release it was imported from, as `<bundle>--v<version>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Object id of that release's tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// Tree id of the pristine files, laid out as in the collection: the base of a three-way merge; absent for what was
    /// adopted from another manager that names a commit and whose files nobody has compared with it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Tree digest of the pristine files, with their paths in the collection; absent where `tree` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Licence found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

/// The release of a bundle that was taken last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LockedRelease {
    /// Its version.
    pub version: String,
    /// Object id of its tag.
    pub tag: String,
    /// Tree digest of all its files; absent where an update that waited was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The user's name of the vault that it came from; absent for a pack.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Number of its entry in the ledger that vouched for it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The level that it reached, 0 to 4, for whoever took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
}

impl LockedRelease {
    /// Returns the version and the id of the tag; `None` for what is neither.
    pub fn named(&self) -> Option<(Version, Oid)> {
        Some((self.version.parse().ok()?, Oid::from_hex(self.tag.as_bytes()).ok()?))
    }
}

impl ManifestEntry {
    /// Returns the vault, the bundle and the range of versions that it follows, where it follows a bundle.
    pub fn link(&self) -> Option<(&str, &str, &str)> {
        let followed = (self.vault.as_deref()?, self.bundle.as_deref()?, self.reference.as_deref()?);
        self.upstream.is_none().then_some(followed)
    }

    /// Returns where it came from, for people: a bundle, an address, or an unsigned pack.
    pub fn origin(&self) -> Option<String> {
        let pack = || self.pack.as_ref().map(|pack| format!("unsigned pack {pack}"));
        self.bundle.clone().or_else(|| self.upstream.clone()).or_else(pack)
    }
}

impl LockEntry {
    /// Returns the release that it was imported from, and the id of its tag; `None` where it came from none.
    pub fn named(&self) -> Option<(Release, Oid)> {
        Some((self.release.as_deref()?.parse().ok()?, Oid::from_hex(self.tag.as_deref()?.as_bytes()).ok()?))
    }

    /// Returns the id of the pristine tree; `None` where it is not known, and for what is no object id.
    pub fn tree_id(&self) -> Option<Oid> {
        Oid::from_hex(self.tree.as_deref()?.as_bytes()).ok()
    }
}

impl Manifest {
    /// Returns the path of the file in a collection.
    pub fn path() -> TreePath {
        "collection.toml".parse().expect("a plain file name")
    }

    /// Parses `collection.toml`.
    ///
    /// # Errors
    /// [`CollectionError::Parse`] for an unknown key too, [`CollectionError::Newer`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CollectionError> {
        parse("collection.toml", bytes)
    }

    /// Returns the text of a new collection's file.
    pub fn start(name: &str) -> String {
        format!("format = {COLLECTION_FORMAT}\nname = {}\n", quoted(name))
    }
}

impl Lockfile {
    /// Returns the path of the file in a collection.
    pub fn path() -> TreePath {
        "collection.lock".parse().expect("a plain file name")
    }

    /// Parses `collection.lock`.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CollectionError> {
        parse("collection.lock", bytes)
    }

    /// Returns the one text of this lock: tables sorted, one key a line.
    pub fn render(&self) -> String {
        let mut text = format!("# Written by git skillmeat; do not edit.\nformat = {COLLECTION_FORMAT}\n");
        for (artifact, entry) in &self.artifacts {
            text.push_str(&format!("\n[artifacts.\"{artifact}\"]\n"));
            let digest = entry.digest.map(|digest| digest.to_string());
            let keys = [
                ("commit", entry.commit.as_deref()),
                ("release", entry.release.as_deref()),
                ("tag", entry.tag.as_deref()),
                ("tree", entry.tree.as_deref()),
                ("digest", digest.as_deref()),
                ("license", entry.license.as_deref()),
            ];
            for (key, value) in keys {
                if let Some(value) = value {
                    text.push_str(&format!("{key} = {}\n", quoted(value)));
                }
            }
        }
        for (bundle, release) in &self.releases {
            let LockedRelease { version, tag, digest, vault, number, level } = release;
            text.push_str(&format!(
                "\n[releases.\"{bundle}\"]\nversion = {}\ntag = {}\n",
                quoted(version),
                quoted(tag)
            ));
            let digest = digest.map(|digest| quoted(&digest.to_string()));
            let vault = vault.as_deref().map(quoted);
            let (number, level) = (number.map(|number| number.to_string()), level.map(|level| level.to_string()));
            for (key, value) in [("digest", digest), ("vault", vault), ("number", number), ("level", level)] {
                text.push_str(&value.map(|value| format!("{key} = {value}\n")).unwrap_or_default());
            }
        }
        text
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn parse<T: serde::de::DeserializeOwned>(file: &'static str, bytes: &[u8]) -> Result<T, CollectionError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let text = std::str::from_utf8(bytes).map_err(|_| CollectionError::NotText(file))?;
    // Only the message: the display form quotes the line, with whatever it holds.
    let wrong = |error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        CollectionError::Parse { file, line: 1 + before.matches('\n').count(), message: error.message().to_owned() }
    };
    if let Some(plain) = plain::parse(text).filter(|plain| plain.is_of_format(COLLECTION_FORMAT))
        && let Ok(read) = T::deserialize(plain)
    {
        return Ok(read);
    }
    // What is wrong, and where, tells the parser. A newer file may have keys that are unknown here: its version is what the
    // user must hear of.
    let Format { format } = toml::from_str(text).map_err(wrong)?;
    if format != COLLECTION_FORMAT {
        return Err(CollectionError::Newer { file, found: format });
    }
    toml::from_str(text).map_err(wrong)
}

/// Changes the tables of some artifacts in the text of `collection.toml`; `None` removes one.
///
/// Comments, order of keys and everything else that people wrote stays; the tables are kept sorted.
///
/// # Errors
/// [`CollectionError::Edit`] when the text is not TOML.
pub fn edit_manifest<'a>(
    text: &str,
    changes: impl IntoIterator<Item = (&'a ArtifactRef, Option<&'a ManifestEntry>)>,
) -> Result<String, CollectionError> {
    let mut document: DocumentMut = text.parse().map_err(Box::new)?;
    let artifacts = document.entry("artifacts").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let Some(artifacts) = artifacts.as_table_mut() else { return Ok(text.to_owned()) };
    for (artifact, entry) in changes {
        let key = artifact.to_string();
        match entry {
            Some(entry) => {
                let table = artifacts.entry(&key).or_insert_with(|| Item::Table(Table::new()));
                if let Some(table) = table.as_table_mut() {
                    set_keys(table, entry);
                }
            }
            None => drop(artifacts.remove(&key)),
        }
    }
    artifacts.sort_values();
    // Tables are written in the order of their positions, and new ones have none.
    for (position, (_, item)) in artifacts.iter_mut().enumerate() {
        if let Some(table) = item.as_table_mut() {
            table.set_position(Some(isize::try_from(position + 1).unwrap_or(isize::MAX)));
        }
    }
    Ok(document.to_string())
}

fn set_keys(table: &mut Table, entry: &ManifestEntry) {
    let texts = [
        ("upstream", &entry.upstream),
        ("path", &entry.path),
        ("server", &entry.server),
        ("ref", &entry.reference),
        ("bundle", &entry.bundle),
        ("vault", &entry.vault),
        ("original", &entry.original),
        ("pack", &entry.pack),
    ];
    for (key, value) in texts {
        match value {
            Some(value) => table[key] = toml_edit::value(value.as_str()),
            None => drop(table.remove(key)),
        }
    }
    for (key, words) in [("accept", &entry.accept), ("tags", &entry.tags)] {
        if words.is_empty() {
            table.remove(key);
        } else {
            table[key] = toml_edit::value(words.iter().collect::<toml_edit::Array>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(upstream: &str) -> ManifestEntry {
        ManifestEntry { upstream: Some(upstream.to_owned()), path: Some("x".to_owned()), ..ManifestEntry::default() }
    }

    #[test]
    fn tables_are_sorted_and_comments_stay() {
        let text = "# mine\nformat = 1\nname = \"a\" # here\n\n[artifacts.\"skill/m\"]\n# why\ntags = [\"t\"]\n";
        let (first, last) = ("agent/a".parse().expect("a ref"), "skill/z".parse().expect("a ref"));
        let edited = edit_manifest(text, [(&last, Some(&entry("u"))), (&first, Some(&entry("v")))]).expect("edits");
        assert!(edited.contains("# mine") && edited.contains("# here") && edited.contains("# why"), "{edited}");
        let order: Vec<_> = edited.lines().filter(|line| line.starts_with("[artifacts")).collect();
        assert_eq!(
            order,
            ["[artifacts.\"agent/a\"]", "[artifacts.\"skill/m\"]", "[artifacts.\"skill/z\"]"],
            "{edited}"
        );
        let manifest = Manifest::parse(edited.as_bytes()).expect("parses");
        assert_eq!(manifest.artifacts.len(), 3);
        let back = edit_manifest(&edited, [(&last, None), (&first, None)]).expect("edits");
        assert_eq!(Manifest::parse(back.as_bytes()).expect("parses").artifacts.len(), 1);
    }

    #[test]
    fn unknown_keys_and_newer_formats_are_refused() {
        assert!(matches!(
            Manifest::parse(b"format = 2\nname = \"a\"\nnew = 1"),
            Err(CollectionError::Newer { found: 2, .. })
        ));
        assert!(Manifest::parse(b"format = 1\nname = \"a\"\nnew = 1").is_err());
        assert!(Manifest::parse(b"format = 1\nname = \"a\"\n[artifacts.\"tool/x\"]").is_err());
        assert!(Manifest::parse(&[0xff]).is_err());
    }

    #[test]
    fn lock_round_trips() {
        let mut lock = Lockfile { format: 1, ..Lockfile::default() };
        let entry = LockEntry {
            commit: Some("c".repeat(40)),
            release: None,
            tag: None,
            tree: Some("d".repeat(40)),
            digest: Some(Digest::of(b"")),
            license: Some("MIT \"x\"".to_owned()),
        };
        lock.artifacts.insert("skill/pdf".parse().expect("a ref"), entry);
        let check = |lock: &Lockfile| {
            let text = lock.render();
            // Quotes are no plain text, and all else that is written is.
            assert_eq!(plain::parse(&text).is_some(), lock.artifacts.is_empty(), "{text}");
            let back = Lockfile::parse(text.as_bytes()).expect("parses");
            assert_eq!((&back.artifacts, &back.releases), (&lock.artifacts, &lock.releases));
            assert_eq!(back.render(), text);
        };
        check(&lock);
        let short = LockedRelease {
            version: "1.0.0".to_owned(),
            tag: "e".repeat(40),
            digest: None,
            vault: None,
            number: None,
            level: None,
        };
        let long = LockedRelease {
            digest: Some(Digest::of(b"")),
            vault: Some("team".to_owned()),
            number: Some(42),
            level: Some(3),
            ..short.clone()
        };
        lock.releases = [("kit".parse().expect("a name"), long), ("base".parse().expect("a name"), short)].into();
        check(&lock);
        lock.artifacts.clear();
        check(&lock);
    }

    /// What was written before there were releases in it is read as before, and written as before.
    #[test]
    fn a_lock_without_releases_is_one() {
        let text = "# Written by git skillmeat; do not edit.\nformat = 1\n\n[artifacts.\"skill/x\"]\nrelease = \"kit--v1.0.0\"\n";
        let lock = Lockfile::parse(text.as_bytes()).expect("parses");
        assert!(lock.releases.is_empty());
        assert_eq!(lock.render(), text);
        let wrong = format!("{text}\n[releases.\"kit\"]\nversion = \"1.0.0\"\ntag = \"x\"\nnew = 1\n");
        assert!(Lockfile::parse(wrong.as_bytes()).is_err());
    }
}
