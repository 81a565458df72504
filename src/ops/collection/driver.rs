//! The merge driver that git calls for `collection.toml` and `collection.lock` (gitattributes(5), `merge.*.driver`).

use std::path::Path;

use super::Error;
use crate::fsio::{Access, read_optional, write_atomic};
use crate::git::{Git, Repo};
use crate::model::{COLLECTION_FORMAT, Lockfile, MAX_COLLECTION_FILE_BYTES, Manifest, merge_locks, merge_manifests};
use crate::ops::Context;

/// Name of the driver in `.gitattributes`.
pub(super) const DRIVER: &str = "skillmeat";

/// Merges three states of a file of a collection into the file `ours`, and returns what both sides changed.
///
/// `name` is the path in the repository, which tells the two files apart.
///
/// # Errors
/// [`Error::File`] for a state that cannot be read; git then keeps ours and reports a conflict.
pub fn merge_file(base: &Path, ours: &Path, theirs: &Path, name: &str) -> Result<Vec<String>, Error> {
    let read = |path: &Path| Ok::<_, Error>(read_optional(path, MAX_COLLECTION_FILE_BYTES)?.unwrap_or_default());
    let (base, our_bytes, theirs) = (read(base)?, read(ours)?, read(theirs)?);
    let merged = if name.ends_with(".lock") {
        // Without a common state git gives an empty file.
        let parse = |bytes: &[u8]| match bytes {
            [] => Ok(Lockfile { format: COLLECTION_FORMAT, ..Lockfile::default() }),
            bytes => Lockfile::parse(bytes),
        };
        merge_locks(&parse(&base)?, &parse(&our_bytes)?, &parse(&theirs)?)
    } else {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let base = if base.is_empty() { Manifest::start("") } else { text(&base) };
        merge_manifests(&base, &text(&our_bytes), &text(&theirs))?
    };
    write_atomic(ours, merged.text.as_bytes(), Access::Shared)?;
    Ok(merged.conflicts)
}

/// Tells git of the driver, in the repository's own configuration, unless it knows one of this name.
///
/// A clone brings `.gitattributes`, and never configuration; so this runs before each change.
///
/// # Errors
/// [`Error::Git`].
pub(super) fn register(context: &Context, repo: &Repo) -> Result<(), Error> {
    if repo.config().text(&format!("merge.{DRIVER}.driver")).is_some() {
        return Ok(());
    }
    let git: &Git = context.git()?;
    git.set_local(repo, &format!("merge.{DRIVER}.name"), "tables of git skillmeat")?;
    git.set_local(repo, &format!("merge.{DRIVER}.driver"), "git skillmeat merge-driver %O %A %B %P")?;
    Ok(())
}
