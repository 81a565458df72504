//! Writing the objects of a verified release into a repository.

use gix::object::Kind;

use super::Error;
use crate::git::Repo;
use crate::model::Oid;
use crate::ops::Context;
use crate::pack::tree_objects;
use crate::trust::{Evidence, ReleaseContent, TrustError, Verified};

/// Writes every object of the release as it is, so that the ids here are the ids that were signed. No ref moves.
///
/// What is here already is read and compared: a store may hold anything under an id.
///
/// # Errors
/// [`Error::Trust`] when the bytes are no longer those that were verified, [`Error::Git`].
pub(crate) fn write_objects(
    context: &Context,
    repo: &Repo,
    evidence: &dyn Evidence,
    verified: &Verified<ReleaseContent>,
) -> Result<(), Error> {
    let content = verified.get();
    let total = content.files.len() as u64;
    for index in 0..content.files.len() {
        context.progress.step("writing files", index as u64, Some(total));
        repo.write_exact(Kind::Blob, &read_verified(repo, evidence, content, index)?)?;
    }
    let files = content.files.iter().map(|(entry, blob)| (&entry.path, entry.mode, *blob));
    for tree in tree_objects(content.tree_id.kind(), files).map_err(TrustError::from)? {
        repo.write_exact(Kind::Tree, &tree.bytes)?;
    }
    repo.write_exact(Kind::Commit, &content.commit)?;
    repo.write_exact(Kind::Tag, &content.tag)?;
    Ok(())
}

/// Reads a file of a verified release once more: it may have changed under us since then.
///
/// # Errors
/// As [`write_objects`].
pub(super) fn read_verified(
    repo: &Repo,
    evidence: &dyn Evidence,
    content: &ReleaseContent,
    index: usize,
) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    evidence.read(index, &mut |piece| bytes.extend_from_slice(piece)).map_err(TrustError::from)?;
    let (found, named): (Oid, Oid) = (repo.blob_id(&bytes)?, content.files[index].1);
    if found != named {
        let release = content.release.to_string();
        return Err(TrustError::Mismatch { release, what: "file", found, named }.into());
    }
    Ok(bytes)
}
