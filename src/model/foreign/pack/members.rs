//! `manifest.toml`: members of all tiers with their places and digests; and what a member is in all three formats.

use serde::Deserialize;
use toml::Value;

use super::toml_bundle::Head;
use super::{OldFormat, OldManifest, OldPackError, digest, from_toml};
use crate::model::foreign::ForeignError;
use crate::model::{Digest, Kind, TreePath};

const FILE: &str = "manifest.toml";

/// The only version that is known.
const VERSION: &str = "1";

/// What a manifest says of one thing that the pack holds.
#[derive(Debug, Clone)]
pub struct OldMember {
    /// What the predecessor calls its kind.
    pub kind: String,
    /// What it calls it.
    pub name: String,
    /// Its version, where one is known.
    pub version: Option<String>,
    /// Its file or folder in the pack.
    pub path: Option<String>,
    /// Paths of its files below that folder, where the format lists them.
    pub files: Option<Vec<String>>,
    /// Its digest.
    pub hash: Option<OldHash>,
}

/// A digest over the files of a member. All of them run names and contents together without a mark between: they find
/// damage, and do not keep someone from moving bytes from a name to its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldHash {
    /// Over path and content of each listed file in the order of the paths; over the content alone where an agent or command
    /// was packed as one file.
    Listed(Digest),
    /// As the predecessor keeps it in its collections: of a file its content, of a folder path and content of each file.
    Content(Digest),
}

impl OldMember {
    /// Returns what it is called in messages: the kind and the name, as they stand there.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Returns what it is here; `None` for what a collection has no kind for.
    pub fn known_kind(&self) -> Option<Kind> {
        if self.kind == "mcp_server" { Some(Kind::Mcp) } else { self.kind.parse().ok() }
    }

    /// Returns its place, `None` where none is named.
    ///
    /// # Errors
    /// [`OldPackError::Member`] for a place that no pack can have.
    pub fn place(&self) -> Result<Option<TreePath>, OldPackError> {
        let text = self.path.as_deref().map(|path| path.strip_suffix('/').unwrap_or(path));
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        let wrong = |_| OldPackError::Member { member: self.label(), reason: "its place is no path in the pack" };
        text.parse().map(Some).map_err(wrong)
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(rename = "pack-format-version")]
    version: Value,
    bundle: Head,
    #[serde(default)]
    members: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    path: Option<String>,
    content_hash: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<OldManifest, OldPackError> {
    let wrong = |source| OldPackError::Manifest { file: FILE, source };
    let file: File = from_toml(text).map_err(wrong)?;
    if file.version.as_str() != Some(VERSION) {
        return Err(wrong(ForeignError::Version(file.version.to_string().chars().take(40).collect())));
    }
    let member = |entry: Entry| {
        let reason = "its digest is none";
        let hash = entry.content_hash.filter(|text| !text.is_empty());
        let hash = hash.map(|text| digest(&text).ok_or(reason)).transpose();
        let hash = hash.map_err(|reason| OldPackError::Member { member: entry.name.clone(), reason })?;
        Ok(OldMember {
            kind: entry.kind,
            name: entry.name,
            version: None,
            path: entry.path,
            files: None,
            hash: hash.map(OldHash::Content),
        })
    };
    let members = file.members.into_iter().map(member).collect::<Result<_, OldPackError>>()?;
    Ok(file.bundle.into_manifest(OldFormat::ManifestToml, members))
}
