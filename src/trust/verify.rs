//! The one function that verifies a release.

use rayon::prelude::*;

use super::authority::{Authority, check_others, check_signature, check_signer};
use super::error::NotGood;
use super::{Evidence, Lack, Level, Listed, REPO_TRAILER, TREE_TRAILER, TrustError};
use crate::model::{
    BundleManifest, Digest, FileEntry, Hasher, MANIFEST_PATH, MAX_MANIFEST_BYTES, Oid, Release, tree_digest,
};
use crate::pack::{blob_hasher, tree_id};
use crate::signature::{self, ObjectKind, RawCommit, RawTag, Verdict};

/// What [`verify`] accepted. Only this may be imported or deployed.
#[derive(Debug, Clone)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Returns what was verified.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// All that a release is, but for the content of its files.
#[derive(Debug, Clone)]
pub struct ReleaseContent {
    /// Which release.
    pub release: Release,
    /// Its manifest.
    pub manifest: BundleManifest,
    /// Raw tag object.
    pub tag: Vec<u8>,
    /// Id of the tag object.
    pub tag_id: Oid,
    /// Raw commit object.
    pub commit: Vec<u8>,
    /// Id of the commit.
    pub commit_id: Oid,
    /// Id of the tree.
    pub tree_id: Oid,
    /// The files with their blob ids, in byte order of the paths.
    pub files: Vec<(FileEntry, Oid)>,
    /// Tree digest of all files: what the signature is over in the end.
    pub digest: Digest,
    /// The repository it was made in.
    pub repo_id: Digest,
    /// Who signed.
    pub principal: String,
    /// With which key.
    pub fingerprint: String,
    /// Time in the tag, in seconds since 1970: what the signer wrote, for information.
    pub time_unix: u64,
    /// What the ledger of the vault says of it, where it came from one.
    pub listed: Option<Listed>,
    /// Whether that ledger has a checkpoint that is worth something still.
    pub is_fresh: bool,
    /// Vaults that list another release of this name, where none lists this one.
    pub other_in: Vec<String>,
    /// The level reached.
    pub level: Level,
}

impl ReleaseContent {
    /// Returns why the level is not higher; `None` for the highest.
    pub fn lack(&self) -> Option<Lack> {
        match self.level {
            Level::Witnessed => None,
            Level::Released if self.is_fresh => Some(Lack::TooFewWitnesses),
            Level::Released => Some(Lack::NoCheckpoint),
            _ if self.listed.is_some() => Some(Lack::NotCompared),
            _ => Some(Lack::NoLedger),
        }
    }
}

/// Verifies a release: signature, name, signer, tag, commit, tree, manifest, digest, in this order.
///
/// `asked` is the release that the caller wants; a valid other one is refused. A ledger has the last word on what came from
/// its vault: it must list exactly this, and where it is pinned, it says who may sign. Memory stays bounded by the
/// manifest, whatever the size of the files.
///
/// # Errors
/// [`TrustError`]: the first check that fails. Nothing behind it was looked at.
pub fn verify(
    evidence: &dyn Evidence,
    asked: Option<&Release>,
    authority: &Authority<'_>,
) -> Result<Verified<ReleaseContent>, TrustError> {
    let raw_tag = evidence.tag()?;
    let tag = RawTag::parse(&raw_tag).map_err(|error| TrustError::Object("tag", error))?;
    let tag_id = object_id(gix::object::Kind::Tag, &raw_tag, tag.target().kind())?;
    let SignedTag { release, principal, fingerprint, listed, other_in, level } =
        verify_tag(&raw_tag, tag_id, asked, authority)?;
    let raw_commit = evidence.commit()?;
    let (commit_id, tree_id) = check_commit(&release, &tag, &raw_commit)?;
    let (files, manifest_bytes) = hash_files(evidence, commit_id.kind())?;
    check_tree(&release, tree_id, &files)?;
    let manifest = check_manifest(&release, manifest_bytes, &files)?;
    evidence.check_packed(manifest.packed)?;
    let digest = tree_digest(files.iter().map(|(entry, _)| entry));
    let signed = trailer(&release, &tag, TREE_TRAILER)?;
    if digest != signed {
        return Err(TrustError::Digest { release: release.to_string(), found: digest, signed });
    }
    if let Some(vault) = &authority.vault {
        vault.ledger.check_content(&release, digest, None)?;
    }
    let repo_id = trailer(&release, &tag, REPO_TRAILER)?;
    let time_unix = tag.time_unix();
    Ok(Verified(ReleaseContent {
        release,
        manifest,
        tag_id,
        commit: raw_commit,
        commit_id,
        tree_id,
        files,
        digest,
        repo_id,
        principal,
        fingerprint,
        time_unix,
        listed,
        is_fresh: authority.vault.is_some_and(|vault| vault.is_fresh),
        other_in,
        level,
        tag: raw_tag,
    }))
}

/// What is known of a release by its tag alone. Its files were not looked at.
#[derive(Debug, Clone)]
pub struct SignedTag {
    /// Which release.
    pub release: Release,
    /// Who signed.
    pub principal: String,
    /// With which key.
    pub fingerprint: String,
    /// What the ledger of the vault says of it, where it came from one.
    pub listed: Option<Listed>,
    /// Vaults that list another release of this name, where none lists this one.
    pub other_in: Vec<String>,
    /// The level that is reached if the files are those that were signed.
    pub level: Level,
}

/// Checks the tag of a release: signature, name, signer. The first half of [`verify`].
///
/// # Errors
/// [`TrustError`].
pub fn verify_tag(
    raw: &[u8],
    tag_id: Oid,
    asked: Option<&Release>,
    authority: &Authority<'_>,
) -> Result<SignedTag, TrustError> {
    let tag = RawTag::parse(raw).map_err(|error| TrustError::Object("tag", error))?;
    let key = check_signature(&tag, authority.store)?;
    let release = check_name(&tag, asked)?;
    let listed = authority.vault.map(|vault| vault.ledger.vouch(&release, tag_id, &key)).transpose()?;
    let other_in = check_others(&release, tag_id, &key, authority.others)?;
    let (principal, level) = check_signer(&tag, &key, listed.as_ref(), authority)?;
    Ok(SignedTag { release, principal, fingerprint: key.fingerprint(), listed, other_in, level })
}

pub(super) fn not_good(tag: &RawTag<'_>, verdict: Verdict) -> TrustError {
    TrustError::Verdict { name: signature::shown(tag.name()), verdict: NotGood(verdict) }
}

/// The name inside the tag is what was signed; the name of a ref or a file is not (`schema/threats.md`, 2.3).
fn check_name(tag: &RawTag<'_>, asked: Option<&Release>) -> Result<Release, TrustError> {
    let release: Release = tag.name().parse()?;
    if release.to_string() != tag.name() || asked.is_some_and(|asked| *asked != release) {
        let asked = asked.map_or_else(|| tag.name().to_owned(), ToString::to_string);
        return Err(TrustError::Other { asked, found: release.to_string() });
    }
    if tag.target_kind() != ObjectKind::Commit {
        return Err(TrustError::Target(release.to_string()));
    }
    Ok(release)
}

fn check_commit(release: &Release, tag: &RawTag<'_>, raw: &[u8]) -> Result<(Oid, Oid), TrustError> {
    let named = tag.target();
    let found = object_id(gix::object::Kind::Commit, raw, named.kind())?;
    if found != named {
        return Err(TrustError::Mismatch { release: release.to_string(), what: "commit", found, named });
    }
    let commit = RawCommit::parse(raw).map_err(|error| TrustError::Object("commit", error))?;
    if !commit.parents().is_empty() {
        return Err(TrustError::Parents(release.to_string()));
    }
    Ok((found, commit.tree()))
}

fn object_id(kind: gix::object::Kind, raw: &[u8], hash: gix::hash::Kind) -> Result<Oid, TrustError> {
    gix::objs::compute_hash(hash, kind, raw).map_err(|error| TrustError::Source(Box::new(error)))
}

type Hashed = (Vec<(FileEntry, Oid)>, Option<Vec<u8>>);

/// Hashes every file twice, for git's tree and for the tree digest, on all processors; keeps the manifest's bytes.
fn hash_files(evidence: &dyn Evidence, hash: gix::hash::Kind) -> Result<Hashed, TrustError> {
    let all = evidence.files();
    let files = (0..all.len()).into_par_iter().map(|index| {
        let file = &all[index];
        let (mut sha256, mut blob) = (Hasher::default(), blob_hasher(hash, file.size));
        evidence.read(index, &mut |bytes| {
            sha256.update(bytes);
            blob.update(bytes);
        })?;
        let entry = FileEntry { path: file.path.clone(), mode: file.mode, size: file.size, sha256: sha256.finish() };
        Ok((entry, blob.finish()?))
    });
    let files: Vec<_> = files.collect::<Result<_, TrustError>>()?;
    let manifest = all.iter().position(|file| file.path.as_str() == MANIFEST_PATH);
    let manifest = manifest.map(|index| {
        let mut bytes = Vec::new();
        let read = evidence.read(index, &mut |piece| {
            // One byte over the limit is enough for the parser to refuse.
            let room = (MAX_MANIFEST_BYTES + 1).saturating_sub(bytes.len());
            bytes.extend_from_slice(&piece[..piece.len().min(room)]);
        });
        read.map(|()| bytes).map_err(TrustError::from)
    });
    Ok((files, manifest.transpose()?))
}

fn check_tree(release: &Release, named: Oid, files: &[(FileEntry, Oid)]) -> Result<(), TrustError> {
    let found = tree_id(named.kind(), files.iter().map(|(entry, blob)| (&entry.path, entry.mode, *blob)))?;
    if found == named {
        Ok(())
    } else {
        Err(TrustError::Mismatch { release: release.to_string(), what: "tree", found, named })
    }
}

fn check_manifest(
    release: &Release,
    bytes: Option<Vec<u8>>,
    files: &[(FileEntry, Oid)],
) -> Result<BundleManifest, TrustError> {
    let bytes = bytes.ok_or_else(|| TrustError::NoManifest(release.to_string()))?;
    let manifest = BundleManifest::parse(&bytes)
        .map_err(|source| TrustError::Manifest { release: release.to_string(), source })?;
    let differs = |what: String| TrustError::ManifestDiffers { release: release.to_string(), what };
    if manifest.name != release.bundle || manifest.version != release.version {
        return Err(differs(format!("it is for '{}' {}", manifest.name, manifest.version)));
    }
    let mut present = files.iter().map(|(entry, _)| entry).filter(|entry| entry.path.as_str() != MANIFEST_PATH);
    for listed in &manifest.files {
        match present.next() {
            Some(entry) if entry == listed => {}
            Some(entry) => return Err(differs(format!("'{}' is not as listed", entry.path))),
            None => return Err(differs(format!("'{}' is listed and missing", listed.path))),
        }
    }
    if let Some(entry) = present.next() {
        return Err(differs(format!("'{}' is not listed", entry.path)));
    }
    for artifact in &manifest.artifacts {
        let own = manifest
            .files
            .iter()
            .filter(|entry| entry.path == artifact.path || entry.path.below(&artifact.path).is_some());
        if tree_digest(own) != artifact.digest {
            return Err(differs(format!("'{}' has another digest", artifact.artifact)));
        }
    }
    Ok(manifest)
}

fn trailer(release: &Release, tag: &RawTag<'_>, key: &'static str) -> Result<Digest, TrustError> {
    let missing = || TrustError::Trailer { release: release.to_string(), trailer: key };
    let text = tag.trailer(key).map_err(|_| missing())?.ok_or_else(missing)?;
    text.parse().map_err(|_| missing())
}
