//! `list` and `show`: what is in a collection.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::catalogue::{Content, catalogue};
use super::{Collection, Error};
use crate::model::{ArtifactRef, Digest, Document, FileEntry, FileMode, ManifestEntry, TreePath, tree_digest};
use crate::search::Index;

/// Largest file whose front matter is read for a listing, in bytes.
const MAX_MAIN_FILE_BYTES: u64 = 1024 * 1024;

/// One line of `list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
    /// Its name in the bundle it came from, where that is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
    /// Words to find it by.
    pub tags: Vec<String>,
}

/// What `list` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listing {
    /// Name of the collection.
    pub collection: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its commit.
    pub commit: Option<String>,
    /// Its artifacts, sorted.
    pub artifacts: Vec<Listed>,
}

/// What `show` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What `collection.toml` says of it.
    #[serde(flatten)]
    pub entry: ManifestEntry,
    /// Commit of the upstream it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upstream_commit: Option<String>,
    /// Release it was imported from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Licence found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Tree digest over its files.
    pub digest: Digest,
    /// Its files.
    pub files: Vec<ShownFile>,
    /// Text of its main file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// One file of [`Shown`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownFile {
    /// Where, in the collection.
    pub path: TreePath,
    /// Permission bits.
    pub mode: FileMode,
    /// Length, in bytes.
    pub size: u64,
}

/// Lists the artifacts of a collection.
///
/// # Errors
/// [`Error::Git`].
pub fn list(collection: &Collection) -> Result<Listing, Error> {
    let mut artifacts = Vec::new();
    let names = catalogue(collection, Content::Names)?;
    for document in Index::decode(&names).unwrap_or_default().documents {
        let artifact: ArtifactRef = document.artifact.parse()?;
        let entry = collection.manifest.artifacts.get(&artifact);
        artifacts.push(Listed {
            description: document.description.map(str::to_owned),
            upstream: entry.and_then(ManifestEntry::origin),
            original: entry.and_then(|entry| entry.original.clone()),
            tags: entry.map(|entry| entry.tags.clone()).unwrap_or_default(),
            artifact,
        });
    }
    Ok(Listing {
        collection: collection.manifest.name.clone(),
        path: collection.folder()?.to_owned(),
        commit: collection.head.commit.map(|id| id.to_string()),
        artifacts,
    })
}

/// Shows one artifact.
///
/// # Errors
/// [`Error::Git`].
pub fn show(collection: &Collection, artifact: &ArtifactRef) -> Result<Shown, Error> {
    let entry = collection.manifest.artifacts.get(artifact).cloned().unwrap_or_default();
    let lock = collection.lock.artifacts.get(artifact);
    let entries = file_entries(collection, artifact)?;
    Ok(Shown {
        artifact: artifact.clone(),
        description: description(collection, artifact)?,
        entry,
        upstream_commit: lock.and_then(|lock| lock.commit.clone()),
        release: lock.and_then(|lock| lock.release.clone()),
        license: lock.and_then(|lock| lock.license.clone()),
        digest: tree_digest(&entries),
        files: entries
            .into_iter()
            .map(|file| ShownFile { path: file.path, mode: file.mode, size: file.size })
            .collect(),
        text: main_text(collection, artifact)?,
    })
}

/// Returns the files of an artifact with their digests.
///
/// # Errors
/// [`Error::Git`].
pub fn file_entries(collection: &Collection, artifact: &ArtifactRef) -> Result<Vec<FileEntry>, Error> {
    let mut entries = Vec::new();
    for file in collection.files(artifact)? {
        let bytes = collection.repo.blob(file.id, u64::MAX)?;
        entries.push(FileEntry {
            path: file.path,
            mode: file.mode,
            size: bytes.len() as u64,
            sha256: Digest::of(&bytes),
        });
    }
    Ok(entries)
}

fn main_text(collection: &Collection, artifact: &ArtifactRef) -> Result<Option<String>, Error> {
    let Some(entry) = collection.repo.entry_at(collection.tree, &artifact.main_path())? else { return Ok(None) };
    if collection.repo.size(entry.id)? > MAX_MAIN_FILE_BYTES {
        return Ok(None);
    }
    Ok(String::from_utf8(collection.repo.blob(entry.id, MAX_MAIN_FILE_BYTES)?).ok())
}

/// Returns what an artifact says of itself: the front matter's description, or that of its JSON file.
fn description(collection: &Collection, artifact: &ArtifactRef) -> Result<Option<String>, Error> {
    Ok(main_text(collection, artifact)?.and_then(|text| description_in(artifact, &text)))
}

/// Returns the description that the text of a main file gives.
pub(super) fn description_in(artifact: &ArtifactRef, text: &str) -> Option<String> {
    match artifact.main_path().as_str().rsplit_once('.') {
        Some((_, "json")) => serde_json::from_str::<serde_json::Value>(text)
            .ok()
            .and_then(|value| value.get("description")?.as_str().map(str::to_owned)),
        _ => {
            Document::parse(text.as_bytes()).ok().and_then(|document| document.front?.description().map(str::to_owned))
        }
    }
}
