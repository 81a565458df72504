//! Releases from a repository into a pack and back, without judging who signed them: for whoever moves them on.

use std::io::BufWriter;
use std::path::Path;

use gix::object::Kind;

use super::locate::open_pack;
use super::{Error, Stored, stored_manifest};
use crate::fsio::new_file_beside;
use crate::git::{GitError, Repo};
use crate::model::Oid;
use crate::ops::Context;
use crate::pack::{Pack, Written, tree_objects};
use crate::signature::{RawCommit, RawTag};
use crate::trust::TrustError;

/// Writes the pack of a release into a file: the same bytes wherever that is done.
///
/// # Errors
/// [`Error::NoRelease`] where the tag is none of a release, [`Error::Pack`], [`Error::Git`], [`Error::Fs`].
pub(crate) fn write_release_pack(context: &Context, repo: &Repo, tag: Oid, path: &Path) -> Result<Written, Error> {
    let manifest = stored_manifest(repo, tag).ok_or_else(|| Error::NoRelease(tag.to_string()))?;
    let stored = Stored::read(repo, tag, &context.limits)?;
    let mut file = new_file_beside(path)?;
    let written = stored.write_pack(manifest.compression, &mut BufWriter::new(file.writer()))?;
    file.keep_as(path)?;
    Ok(written)
}

/// Writes the objects of a release into a repository, after checking that its tag is `wanted`, that its commit and its files
/// are those that the tag leads to, and so that what is here is to the byte what was published. No ref moves.
///
/// # Errors
/// [`Error::Pack`], [`Error::Trust`] when the parts do not belong together, [`Error::Git`]; objects without a name may stay.
pub(crate) fn unpack(context: &Context, repo: &Repo, path: &Path, wanted: Oid) -> Result<(), Error> {
    let pack = Pack::open(open_pack(path)?, &context.limits)?;
    let named = |what, found: Oid, named: Oid| {
        let release = wanted.to_string();
        if found == named { Ok(()) } else { Err(Error::from(TrustError::Mismatch { release, what, found, named })) }
    };
    let id = |kind, bytes: &[u8]| gix::objs::compute_hash(wanted.kind(), kind, bytes).map_err(GitError::doing("hash"));
    let raw_tag = pack.tag()?;
    named("tag", id(Kind::Tag, &raw_tag)?, wanted)?;
    let tag = RawTag::parse(&raw_tag)?;
    let raw_commit = pack.commit()?;
    named("commit", id(Kind::Commit, &raw_commit)?, tag.target())?;
    let commit = RawCommit::parse(&raw_commit).map_err(|error| TrustError::Object("commit", error))?;
    let mut own = repo.handle();
    own.gather();
    let mut files = Vec::new();
    for (index, file) in pack.files().iter().enumerate() {
        let mut bytes = Vec::new();
        pack.read(index, &mut |piece| bytes.extend_from_slice(piece))?;
        files.push((&file.path, file.mode, own.write_blob(&bytes)?));
    }
    let trees = tree_objects(wanted.kind(), files).map_err(TrustError::from)?;
    let root = trees.last().map_or(wanted, |tree| tree.id);
    named("tree", root, commit.tree())?;
    for tree in &trees {
        own.write_raw(Kind::Tree, &tree.bytes)?;
    }
    own.write_raw(Kind::Commit, &raw_commit)?;
    own.write_raw(Kind::Tag, &raw_tag)?;
    Ok(own.flush()?)
}
