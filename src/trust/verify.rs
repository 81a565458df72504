//! The one function that verifies a release.

use rayon::prelude::*;

use super::error::NotGood;
use super::{Evidence, Lack, Ledger, Level, Listed, Pin, REPO_TRAILER, TREE_TRAILER, TrustError, TrustStore};
use crate::model::{
    BundleManifest, Digest, FileEntry, Hasher, MANIFEST_PATH, MAX_MANIFEST_BYTES, Oid, Release, tree_digest,
};
use crate::pack::{blob_hasher, tree_id};
use crate::signature::{self, GIT_NAMESPACE, ObjectKind, PublicKey, RawCommit, RawTag, Verdict, signed_by};

/// Who decides whether a signer is believed.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// The user's own lists.
    pub store: &'a TrustStore,
    /// The vault that the release came from, with its ledger.
    pub vault: Option<Voucher<'a>>,
    /// Where no vault vouches for it: those that may speak against it all the same. Only the ones whose ids were compared do.
    pub others: &'a [Voucher<'a>],
}

impl<'a> Authority<'a> {
    /// Returns who decides of what came from a vault, or from none.
    pub fn of(store: &'a TrustStore, vault: Option<Voucher<'a>>) -> Self {
        Self { store, vault, others: &[] }
    }
}

/// A vault that may vouch for a release.
#[derive(Clone, Copy)]
pub struct Voucher<'a> {
    /// The user's name for it.
    pub name: &'a str,
    /// Its ledger, which holds.
    pub ledger: &'a Ledger,
    /// How the user knows that it is the ledger they mean; `None` where they do not.
    pub pin: Option<Pin>,
    /// Whether the newest checkpoint is still worth something.
    pub is_fresh: bool,
    /// The newest number up to which enough others saw the same ledger.
    pub witnessed: Option<u64>,
}

impl<'a> Voucher<'a> {
    /// Returns a vault whose ledger is taken for the right one, and of which nothing is known that others saw.
    pub fn compared(name: &'a str, ledger: &'a Ledger) -> Self {
        Self { name, ledger, pin: Some(Pin::Compared), is_fresh: false, witnessed: None }
    }

    /// Returns the level of a release that the ledger lists.
    fn level(&self, pin: Pin, listed: &Listed) -> Level {
        match pin {
            Pin::FirstUse => Level::Signed,
            Pin::Compared if self.is_fresh && self.witnessed.is_some_and(|number| number >= listed.number) => {
                Level::Witnessed
            }
            Pin::Compared => Level::Released,
        }
    }
}

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

/// Asks the vaults that do not list a release whether they speak against it; returns those that have another one of its name.
fn check_others(
    release: &Release,
    tag_id: Oid,
    key: &PublicKey,
    others: &[Voucher<'_>],
) -> Result<Vec<String>, TrustError> {
    let mut having = Vec::new();
    // Anybody can make a vault that a user takes on first use: such a one keeps nobody from what others vouch for.
    for vault in others.iter().filter(|vault| vault.pin == Some(Pin::Compared)) {
        let objection = |refusal| TrustError::Objection {
            vault: vault.name.to_owned(),
            release: release.to_string(),
            refusal: Box::new(refusal),
        };
        if vault.ledger.has_other(release, tag_id, key).map_err(objection)? {
            having.push(vault.name.to_owned());
        }
    }
    Ok(having)
}

/// Returns the key that signed the tag, unless the user believes it no longer.
fn check_signature(tag: &RawTag<'_>, store: &TrustStore) -> Result<PublicKey, TrustError> {
    let key = signed_by(tag.payload(), tag.signature(), GIT_NAMESPACE).map_err(|verdict| not_good(tag, verdict))?;
    if store.signers().revoked.is_some_and(|revoked| revoked.contains(&key)) {
        return Err(not_good(tag, Verdict::Revoked { fingerprint: key.fingerprint() }));
    }
    Ok(key)
}

/// Says who signed, and how much that is worth: by the ledger where the user has compared its id, else by their own list, and by a
/// ledger that was taken on first use where that list says nothing of the key and of who is said to hold it.
fn check_signer(
    tag: &RawTag<'_>,
    key: &PublicKey,
    listed: Option<&Listed>,
    authority: &Authority<'_>,
) -> Result<(String, Level), TrustError> {
    if let Some((vault, listed)) = authority.vault.zip(listed)
        && let Some(pin) = vault.pin
    {
        let principal = match pin {
            Pin::Compared => listed.principal.clone(),
            Pin::FirstUse => own_name(tag, key, &vault, listed, authority.store)?,
        };
        return Ok((principal, vault.level(pin, listed)));
    }
    let signers = authority.store.signers();
    match signature::verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &signers) {
        Verdict::Good { principal, fingerprint } if fingerprint == key.fingerprint() => Ok((principal, Level::Signed)),
        verdict => Err(not_good(tag, verdict)),
    }
}

/// Returns who signed what a ledger lists that was taken on first use. Anybody can make such a ledger, and write any name into it.
fn own_name(
    tag: &RawTag<'_>,
    key: &PublicKey,
    vault: &Voucher<'_>,
    listed: &Listed,
    store: &TrustStore,
) -> Result<String, TrustError> {
    let claimed = &listed.principal;
    match signature::verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &store.signers()) {
        Verdict::Good { principal, .. } => Ok(principal),
        Verdict::UnknownKey { .. } if store.allowed().names(claimed) => Err(TrustError::OtherKeys {
            release: signature::shown(tag.name()),
            vault: vault.name.to_owned(),
            principal: signature::shown(claimed),
            fingerprint: key.fingerprint(),
        }),
        Verdict::UnknownKey { .. } => Ok(claimed.clone()),
        // The list has the key, and says that it is not good for this, or not at that time.
        verdict => Err(not_good(tag, verdict)),
    }
}

fn not_good(tag: &RawTag<'_>, verdict: Verdict) -> TrustError {
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
