//! Writing the objects of a verified release into a repository.

use super::Error;
use crate::git::Repo;
use crate::ops::Context;
use crate::pack::tree_objects;
use crate::trust::{Evidence, ReleaseContent, TrustError, Verified};

/// Writes every object of the release as it is, so that the ids here are the ids that were signed. No ref moves.
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
    for (index, (_, blob)) in content.files.iter().enumerate() {
        context.progress.step("writing files", index as u64, Some(total));
        if repo.has(*blob) {
            continue;
        }
        let mut bytes = Vec::new();
        evidence.read(index, &mut |piece| bytes.extend_from_slice(piece)).map_err(TrustError::from)?;
        // The file may have changed under us since it was verified.
        let written = repo.write_blob(&bytes)?;
        if written != *blob {
            let named = content.tree_id;
            let release = content.release.to_string();
            return Err(TrustError::Mismatch { release, what: "tree", found: written, named }.into());
        }
    }
    let files = content.files.iter().map(|(entry, blob)| (&entry.path, entry.mode, *blob));
    for tree in tree_objects(content.tree_id.kind(), files).map_err(TrustError::from)? {
        repo.write_raw(gix::object::Kind::Tree, &tree.bytes)?;
    }
    repo.write_raw(gix::object::Kind::Commit, &content.commit)?;
    repo.write_raw(gix::object::Kind::Tag, &content.tag)?;
    Ok(())
}
