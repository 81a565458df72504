//! Artifacts that were adopted from another manager: an upstream, and no record of the files that were taken from it.
//!
//! The other manager may have recorded a commit. Its files are then the base of a merge, once they were fetched and
//! read; until then nothing is said of what is new, and "current" is never said.

use super::origin::{Origin, elsewhere, find};
use super::source::{Opened, SourceFile};
use super::take::{entries, license};
use super::upstream::{News, Seen, Upstream, seen};
use super::{Collection, Error, file_entries};
use crate::model::tree_digest;

/// Compares what an opened source has now with what is here.
pub(super) fn look_into(collection: &Collection, opened: &Opened, origin: &Origin) -> Result<Seen, Error> {
    let Some((path, content)) = found(opened, origin)? else {
        return Ok(seen(origin, missing(opened, origin)?));
    };
    let digest = tree_digest(&entries(origin.artifact, &content)?);
    let same = tree_digest(&file_entries(collection, origin.artifact)?) == digest;
    let base = match (opened, origin.have) {
        (Opened::Git { repo, .. }, Some(have)) if repo.has(have) => found(&opened.at(have)?, origin)?,
        _ => None,
    };
    let commit = opened.commit();
    let upstream = Upstream::NoBase { commit: commit.map(|id| id.to_string()), same, mergeable: base.is_some() };
    let base = base.map(|(_, content)| content);
    let (address, license) = (origin.url.clone(), license(origin.artifact, &content));
    let reference = origin.reference().to_owned();
    let server = origin.entry.server.clone();
    let news = News { upstream: address, reference, license, commit, path, server, content, digest, base };
    Ok(Seen { artifact: origin.artifact.clone(), upstream, news: Some(news) })
}

/// Returns what there is to say of an artifact that was not found.
pub(super) fn missing(opened: &Opened, origin: &Origin) -> Result<Upstream, Error> {
    if origin.entry.path.is_none() {
        let reason = "no record says where it is there, and not exactly one there has its name".to_owned();
        return Ok(Upstream::CannotCheck { reason });
    }
    Ok(Upstream::Gone { moved_to: elsewhere(opened, origin)? })
}

/// Finds the artifact: in its place or, where the other manager recorded none, by its name.
pub(super) fn found(opened: &Opened, origin: &Origin) -> Result<Option<(String, Vec<SourceFile>)>, Error> {
    if let Some(found) = find(opened, origin)? {
        return Ok(Some(found));
    }
    if origin.entry.path.is_some() {
        return Ok(None);
    }
    let Some(path) = elsewhere(opened, origin)? else { return Ok(None) };
    let entry = crate::model::ManifestEntry { path: Some(path), ..origin.entry.clone() };
    find(opened, &Origin { entry: &entry, url: origin.url.clone(), ..*origin })
}
