//! The releases that a ledger lists: tag, signer, commit, tree, manifest, and the content if asked for.

use rayon::prelude::*;

use super::{Part, Remedy, Trouble};
use crate::git::{GitError, Repo, WalkLimits};
use crate::model::{BundleManifest, Class, MANIFEST_PATH, MAX_MANIFEST_BYTES, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::Stored;
use crate::ops::collection::{git_class, with_causes};
use crate::pack::{Limits, tree_id};
use crate::signature::{RawCommit, RawTag, Verdict};
use crate::trust::{Authority, Ledger, Refusal, TrustError, verify, verify_tag};

/// Releases in one share of the work, for each thread.
const SHARE: usize = 16;

/// How closely a release is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops::vault) enum Depth {
    /// Tag, commit and trees; files may be missing.
    Trees,
    /// Every file is here, and the manifest names exactly these.
    Files,
    /// Every file is read, and the digests of tree and pack are worked out anew.
    Data,
}

/// How a release stands.
#[derive(Debug)]
pub(in crate::ops::vault) enum Looked {
    /// It is here and holds.
    Whole {
        /// Size of its files, where they were read, in bytes.
        bytes: u64,
    },
    /// It was not fetched.
    NotFetched,
    /// It is here, and its signer is believed no longer.
    NotBelieved {
        /// Why.
        reason: String,
    },
    /// Something is wrong with it.
    Wrong(Trouble),
}

/// Looks at all releases that a ledger lists, on all processors. `at` says what the ref of a release points to.
pub(in crate::ops::vault) fn check_all(
    context: &Context,
    repo: &Repo,
    ledger: &Ledger,
    at: &dyn Fn(&Release) -> Option<Oid>,
    authority: &Authority<'_>,
    depth: Depth,
) -> Vec<(Release, Looked)> {
    let listed: Vec<(Release, Oid, Option<Oid>)> =
        ledger.releases().map(|(release, tag)| (release.clone(), tag, at(release))).collect();
    let threads = rayon::current_num_threads().max(1);
    let mut handles: Vec<Repo> = (0..threads).map(|_| repo.handle()).collect();
    let limits = context.limits;
    let mut all = Vec::with_capacity(listed.len());
    for batch in listed.chunks(threads * SHARE) {
        context.progress.step("checking releases", all.len() as u64, Some(listed.len() as u64));
        let share = batch.len().div_ceil(threads);
        let shares = handles.par_iter_mut().zip(batch.par_chunks(share)).map(|(repo, some)| {
            let one = |(release, tag, found): &(Release, Oid, Option<Oid>)| {
                (release.clone(), look(repo, release, *tag, *found, authority, &limits, depth))
            };
            some.iter().map(one).collect::<Vec<_>>()
        });
        all.extend(shares.collect::<Vec<_>>().into_iter().flatten());
    }
    all
}

fn look(
    repo: &Repo,
    release: &Release,
    tag: Oid,
    found: Option<Oid>,
    authority: &Authority<'_>,
    limits: &Limits,
    depth: Depth,
) -> Looked {
    let wrong = |class, object, what: String| {
        Looked::Wrong(Trouble::new(Part::Release, class, Remedy::Repair, what).of_release(release).of_object(object))
    };
    match found {
        Some(found) if found != tag => {
            let number = authority.vault.and_then(|vault| vault.ledger.number_of(release)).unwrap_or_default();
            return wrong(
                Class::Rollback,
                Some(found),
                format!("the tag of '{release}' is {found} here, but entry {number} of the ledger names {tag}"),
            );
        }
        Some(_) => {}
        // Without a ref it is of no release that was fetched, unless all of it is here.
        None if structure(repo, release, tag, authority, Depth::Files).is_ok() => {
            return wrong(
                Class::Hash,
                Some(tag),
                format!("the ref of '{release}' is gone, and all else of it is here"),
            );
        }
        None => return Looked::NotFetched,
    }
    let data = || if depth == Depth::Data { content(repo, release, tag, authority, limits) } else { Ok(0) };
    match structure(repo, release, tag, authority, depth).and_then(|()| data()) {
        Ok(bytes) => Looked::Whole { bytes },
        Err(Wrong::Trust(error)) if is_revoked(&error) => Looked::NotBelieved { reason: with_causes(&error) },
        Err(Wrong::Trust(error)) => wrong(error.class(), Some(tag), with_causes(&error)),
        Err(Wrong::Git(error)) => {
            let (class, object) = match &error {
                GitError::Missing { id, .. } => (Class::Hash, Some(*id)),
                other => (git_class(other), None),
            };
            wrong(class, object, format!("'{release}' is not whole: {error}"))
        }
        Err(Wrong::Bytes { what, id, found }) => {
            wrong(Class::Hash, Some(id), format!("a {what} of '{release}' is called {id} and is {found}"))
        }
    }
}

/// Says whether a release is one that was good once: that is no damage.
fn is_revoked(error: &TrustError) -> bool {
    match error {
        TrustError::Ledger(Refusal::Revoked { .. }) => true,
        TrustError::Verdict { verdict, .. } => matches!(verdict.0, Verdict::Revoked { .. }),
        _ => false,
    }
}

/// Why a release is not as it should be.
enum Wrong {
    Trust(TrustError),
    Git(GitError),
    Bytes { what: &'static str, id: Oid, found: Oid },
}

impl From<TrustError> for Wrong {
    fn from(error: TrustError) -> Self {
        Wrong::Trust(error)
    }
}

impl From<GitError> for Wrong {
    fn from(error: GitError) -> Self {
        Wrong::Git(error)
    }
}

/// Compares an object that is read whole with its id.
fn check_id(kind: gix::object::Kind, id: Oid, raw: &[u8]) -> Result<(), Wrong> {
    let found = gix::objs::compute_hash(id.kind(), kind, raw).map_err(GitError::doing("hash an object"))?;
    let what = match kind {
        gix::object::Kind::Tag => "tag",
        gix::object::Kind::Commit => "commit",
        gix::object::Kind::Tree => "tree",
        gix::object::Kind::Blob => "file",
    };
    if found == id { Ok(()) } else { Err(Wrong::Bytes { what, id, found }) }
}

/// Checks tag, signer, commit, trees and manifest, and that all files are here, without reading these.
fn structure(repo: &Repo, release: &Release, tag: Oid, authority: &Authority<'_>, depth: Depth) -> Result<(), Wrong> {
    use gix::object::Kind;
    let raw = repo.raw_tag(tag)?;
    check_id(Kind::Tag, tag, &raw)?;
    let commit = {
        let parsed = RawTag::parse(&raw).map_err(|error| TrustError::Object("tag", error))?;
        parsed.target()
    };
    let believed = verify_tag(&raw, tag, Some(release), authority);
    let raw = repo.raw_commit(commit)?;
    check_id(Kind::Commit, commit, &raw)?;
    let tree = RawCommit::parse(&raw).map_err(|error| TrustError::Object("commit", error))?.tree();
    let files = repo.files(tree, WalkLimits::default())?;
    let found =
        tree_id(tree.kind(), files.iter().map(|file| (&file.path, file.mode, file.id))).map_err(TrustError::from)?;
    if found != tree {
        return Err(Wrong::Bytes { what: "tree", id: tree, found });
    }
    if depth == Depth::Trees {
        return Ok(believed.map(drop)?);
    }
    if let Some(id) = repo.missing(files.iter().map(|file| file.id)).first() {
        return Err(GitError::Missing { kind: "file", id: *id }.into());
    }
    let differs = |what: String| TrustError::ManifestDiffers { release: release.to_string(), what };
    let manifest = files.iter().find(|file| file.path.as_str() == MANIFEST_PATH);
    let manifest = manifest.ok_or_else(|| TrustError::NoManifest(release.to_string()))?;
    let bytes = repo.blob(manifest.id, MAX_MANIFEST_BYTES as u64)?;
    check_id(Kind::Blob, manifest.id, &bytes)?;
    let manifest = BundleManifest::parse(&bytes)
        .map_err(|source| TrustError::Manifest { release: release.to_string(), source })?;
    if manifest.name != release.bundle || manifest.version != release.version {
        return Err(differs(format!("it is for '{}' {}", manifest.name, manifest.version)).into());
    }
    let others = files.iter().filter(|file| file.path.as_str() != MANIFEST_PATH);
    if !others.map(|file| (&file.path, file.mode)).eq(manifest.files.iter().map(|entry| (&entry.path, entry.mode))) {
        return Err(differs("it lists other files than there are".to_owned()).into());
    }
    // Told last: a release whose signer is believed no longer may be damaged as well.
    Ok(believed.map(drop)?)
}

/// Reads all files and compares the digests with those of the ledger. Returns the size of the files in bytes.
fn content(repo: &Repo, release: &Release, tag: Oid, authority: &Authority<'_>, limits: &Limits) -> Result<u64, Wrong> {
    let stored = Stored::read(repo, tag, limits)?;
    let verified = verify(&stored, Some(release), authority)?;
    let content = verified.get();
    if let Some(vault) = &authority.vault {
        let sink = &mut std::io::sink();
        let packed = stored.write_pack(content.manifest.compression, sink).map_err(TrustError::from)?;
        vault.ledger.check_content(release, content.digest, Some(packed.digest)).map_err(TrustError::from)?;
    }
    Ok(content.files.iter().map(|(entry, _)| entry.size).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_under_another_id_is_told() {
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::object::Kind::Blob, b"x").expect("hashes");
        assert!(check_id(gix::object::Kind::Blob, id, b"x").is_ok());
        assert!(matches!(check_id(gix::object::Kind::Blob, id, b"y"), Err(Wrong::Bytes { what: "file", .. })));
        assert!(matches!(check_id(gix::object::Kind::Tag, id, b"x"), Err(Wrong::Bytes { what: "tag", .. })));
    }
}
