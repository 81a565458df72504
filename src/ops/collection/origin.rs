//! Where one artifact came from, and finding it there.

use super::Error;
use super::pristine::{HEAD, Recorded};
use super::source::{Opened, SourceFile};
use super::take::content;
use crate::git::GitError;
use crate::model::{ArtifactRef, Digest, LockEntry, Lockfile, Manifest, ManifestEntry, Oid, Source, TreePath};
use crate::ops::Context;
use crate::scan::{DiscoverError, Found, FoundFiles};

/// A place that several artifacts may come from.
pub(super) type Place = (String, Option<String>);

/// What the collection knows of where an artifact came from.
pub(super) struct Origin<'a> {
    pub(super) artifact: &'a ArtifactRef,
    pub(super) url: String,
    pub(super) entry: &'a ManifestEntry,
    /// Commit that was taken.
    pub(super) have: Option<Oid>,
    /// Its tree digest.
    pub(super) digest: Option<Digest>,
    /// Its tree, laid out as in the collection.
    pub(super) tree: Option<Oid>,
    /// Whether people named another place in the source since it was taken, or may have.
    pub(super) is_moved: bool,
    /// Whether people named another ref since.
    pub(super) is_repinned: bool,
}

impl<'a> Origin<'a> {
    pub(super) fn of(manifest: &'a Manifest, lock: &Lockfile, artifact: &'a ArtifactRef) -> Option<Self> {
        let entry = manifest.artifacts.get(artifact)?;
        let lock = lock.artifacts.get(artifact);
        let id = |text: &str| Oid::from_hex(text.as_bytes()).ok();
        Some(Self {
            artifact,
            url: entry.upstream.clone()?,
            entry,
            have: lock.and_then(|lock| id(lock.commit.as_ref()?)),
            digest: lock.and_then(|lock| lock.digest),
            tree: lock.and_then(LockEntry::tree_id),
            is_moved: false,
            is_repinned: false,
        })
    }

    /// Says whether `commit` is what was taken: one that was adopted has to be compared first, whatever its lock says.
    pub(super) fn is_at(&self, commit: Oid) -> bool {
        self.digest.is_some() && self.have == Some(commit) && !self.is_moved
    }

    /// Compares what `collection.toml` says now with what was so when it was taken.
    pub(super) fn compare(&mut self, recorded: &Recorded) {
        // Where nothing is recorded, as in a clone, or another state than the collection has now, as after an undo, it is not
        // known whether the file says what it said then.
        self.is_moved =
            self.tree != recorded.tree || recorded.place != self.entry.path || recorded.server != self.entry.server;
        self.is_repinned = recorded.reference.as_deref().is_some_and(|recorded| recorded != self.reference());
    }

    /// Returns what is followed.
    pub(super) fn reference(&self) -> &str {
        self.entry.reference.as_deref().unwrap_or(HEAD)
    }

    /// Returns its folder or file in the source; `None` for the whole source.
    ///
    /// # Errors
    /// [`Error::Git`] with `BadPath` for what no place can be.
    pub(super) fn place(&self) -> Result<Option<TreePath>, Error> {
        let path = self.entry.path.as_deref().filter(|path| *path != ".");
        Ok(path.map(str::parse).transpose().map_err(GitError::from)?)
    }
}

pub(super) fn source(context: &Context, (url, reference): &Place) -> Result<Source, Error> {
    let source = Source::parse(url, |_| false, &context.forge)?;
    Ok(Source { reference: reference.clone(), ..source })
}

/// Finds the artifact where it was in the source, and reads its files.
pub(super) fn find(opened: &Opened, origin: &Origin) -> Result<Option<(String, Vec<SourceFile>)>, Error> {
    let place = origin.place()?;
    let found = discover(opened, place.clone())?;
    let is_it = |found: &&Found| {
        let server = match &found.files {
            FoundFiles::McpEntry { server, .. } => Some(server.as_str()),
            _ => None,
        };
        found.artifact.kind == origin.artifact.kind && found.path == place && server == origin.entry.server.as_deref()
    };
    let Some(found) = found.iter().find(is_it) else { return Ok(None) };
    let path = found.path.as_ref().map_or_else(|| ".".to_owned(), ToString::to_string);
    Ok(Some((path, content(opened, found)?.0)))
}

/// Returns the one other place of an artifact of the same kind and name.
pub(super) fn elsewhere(opened: &Opened, origin: &Origin) -> Result<Option<String>, Error> {
    let found = discover(opened, None)?;
    let name = origin.place()?.map_or_else(|| origin.artifact.name.to_string(), |path| path.file_name().to_owned());
    let is_it = |found: &&Found| {
        let last = found.path.as_ref().map_or("", |path| path.file_name());
        found.artifact.kind == origin.artifact.kind && (found.artifact.name == origin.artifact.name || last == name)
    };
    let places: Vec<_> = found.iter().filter(is_it).filter_map(|found| found.path.as_ref()).collect();
    Ok(if let [one] = places.as_slice() { Some(one.to_string()) } else { None })
}

/// Searches a place of the source; nothing is found in a place that is not there.
fn discover(opened: &Opened, place: Option<TreePath>) -> Result<Vec<Found>, Error> {
    let last = place.as_ref().map_or("", |path| path.file_name());
    match opened.discover(place.as_ref(), last) {
        Ok(discovery) => Ok(discovery.found),
        Err(Error::Discover(DiscoverError::Missing { .. })) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
