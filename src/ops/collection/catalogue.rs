//! What a collection's artifacts are called and say, kept in `.git/skillmeat/` under the ids of their trees.
//!
//! The cache is never stale: its key names the trees it was made from. It may always be deleted, and where it cannot be
//! written it is only not kept.

use rayon::prelude::*;

use super::list::description_in;
use super::open::state_folder;
use super::{Collection, Error};
use crate::fsio::{Access, read_optional, write_atomic};
use crate::git::{GitError, Repo, TreeFile, WalkLimits};
use crate::model::{ArtifactRef, Kind, Oid, TreePath};
use crate::search::{Document, Index};

/// Largest cache that is read, in bytes: texts of a hundred thousand artifacts.
const MAX_CACHE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Largest file whose text is searched, and most text of one artifact, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// How much of the artifacts is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Names and descriptions.
    Names,
    /// Their texts too.
    Text,
}

/// Returns the artifacts of the last commit as the text of an [`Index`]; only those that changed since the cache was
/// made are read.
///
/// # Errors
/// [`Error::Git`].
pub(super) fn catalogue(collection: &Collection, content: Content) -> Result<String, Error> {
    let key = key(collection)?;
    let name = if content == Content::Names { "names.index" } else { "text.index" };
    let file = collection.repo.git_folder().join("skillmeat").join(name);
    let cached = read_optional(&file, MAX_CACHE_BYTES).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    let cached = cached.unwrap_or_default();
    let known = Index::decode(&cached).unwrap_or_default();
    if known.key == key {
        return Ok(cached);
    }
    let known = known.known();
    let mut documents = Vec::new();
    let mut missing = Vec::new();
    for (artifact, id) in collection.entries_of(collection.tree)? {
        match known.get(&(&*artifact.to_string(), &*id.to_string())) {
            Some(document) => documents.push(*document),
            None => missing.push((artifact, id)),
        }
    }
    let read = read_all(collection, content, missing)?;
    documents.extend(read.iter().map(Read::document));
    documents.sort_by_cached_key(|document| order(document.artifact));
    let index = Index { key: &key, documents }.encode();
    // A collection that may only be read is searched all the same.
    if state_folder(&collection.repo).is_ok() {
        let _ = write_atomic(&file, index.as_bytes(), Access::Shared);
    }
    Ok(index)
}

/// An artifact that was read.
pub(super) struct Read {
    pub(super) id: String,
    pub(super) artifact: String,
    pub(super) description: Option<String>,
    /// In lower case.
    pub(super) text: String,
}

impl Read {
    pub(super) fn document(&self) -> Document<'_> {
        let Read { id, artifact, description, text } = self;
        Document { id, artifact, description: description.as_deref(), text }
    }
}

/// Artifacts are sorted by kind and then by name, in the order of [`ArtifactRef`].
fn order(artifact: &str) -> Option<ArtifactRef> {
    artifact.parse().ok()
}

/// Names the trees that the artifacts stand in.
fn key(collection: &Collection) -> Result<String, Error> {
    let mut key = String::new();
    for kind in Kind::ALL {
        let folder: TreePath = kind.folder().parse().map_err(GitError::from)?;
        let entry = collection.repo.entry_at(collection.tree, &folder)?;
        key.push_str(&format!("{} {}\n", kind.folder(), entry.map(|entry| entry.id.to_string()).unwrap_or_default()));
    }
    Ok(key)
}

/// Reads artifacts on all processors.
fn read_all(collection: &Collection, content: Content, missing: Vec<(ArtifactRef, Oid)>) -> Result<Vec<Read>, Error> {
    let share = missing.len().div_ceil(rayon::current_num_threads()).max(1);
    let groups: Vec<(Repo, &[(ArtifactRef, Oid)])> =
        missing.chunks(share).map(|group| (collection.repo.handle(), group)).collect();
    let read: Vec<Vec<Read>> = groups
        .into_par_iter()
        .map(|(repo, group)| group.iter().map(|(artifact, id)| read(&repo, artifact, *id, content)).collect())
        .collect::<Result<_, Error>>()?;
    Ok(read.into_iter().flatten().collect())
}

/// Reads one artifact by the id of its file or folder.
fn read(repo: &Repo, artifact: &ArtifactRef, id: Oid, content: Content) -> Result<Read, Error> {
    let text_of = |id| {
        let bytes = if repo.size(id)? > MAX_FILE_BYTES { Vec::new() } else { repo.blob(id, MAX_FILE_BYTES)? };
        Ok::<_, Error>(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).unwrap_or_default())
    };
    let file = artifact.kind.main_file().map(str::parse::<TreePath>).transpose().map_err(GitError::from)?;
    let main = match &file {
        None => Some(id),
        Some(file) => repo.entry_at(id, file)?.map(|entry| entry.id),
    };
    let main = main.map(text_of).transpose()?.unwrap_or_default();
    let description = description_in(artifact, &main);
    let mut text = String::new();
    if content == Content::Text {
        text = main.to_lowercase();
        if let Some(file) = &file {
            for other in readable(repo, id)? {
                if other.path != *file && text.len() < MAX_TEXT_BYTES {
                    text.push('\n');
                    text.push_str(&text_of(other.id)?.to_lowercase());
                }
            }
        }
    }
    Ok(Read { id: id.to_string(), artifact: artifact.to_string(), description, text })
}

/// Returns the files of an artifact. Of one that holds what none may hold only its main file is read: it must not keep the
/// others from being found, and `validate` tells of it.
fn readable(repo: &Repo, id: Oid) -> Result<Vec<TreeFile>, Error> {
    match repo.files(id, WalkLimits::default()) {
        Err(GitError::BadEntry { .. } | GitError::BadPath(_) | GitError::TooMuch { .. }) => Ok(Vec::new()),
        other => Ok(other?),
    }
}

/// Returns the original text of the files of a document, one after the other, for a snippet.
pub(super) fn text(repo: &Repo, kind: Kind, document: &Document<'_>) -> Result<String, Error> {
    let Ok(id) = Oid::from_hex(document.id.as_bytes()) else { return Ok(String::new()) };
    // By its id: to look for its path would read the list of all artifacts each time.
    let ids = match kind.main_file() {
        None => vec![id],
        Some(_) => readable(repo, id)?.into_iter().map(|file| file.id).collect(),
    };
    let mut text = String::new();
    for id in ids {
        if repo.size(id)? <= MAX_FILE_BYTES && text.len() < MAX_TEXT_BYTES {
            text.push_str(&String::from_utf8_lossy(&repo.blob(id, MAX_FILE_BYTES)?));
            text.push('\n');
        }
    }
    Ok(text)
}
