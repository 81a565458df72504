//! Finding and verifying a release: in a pack, in the collection, in a vault.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use semver::VersionReq;
use serde::Serialize;

use super::{Error, Stored, old, releases};
use crate::fsio::{FsError, open_file, read_optional};
use crate::git::Repo;
use crate::model::{ArtifactRef, BundleName, Compression, Digest, Oid, Release, version_range};
use crate::ops::Context;
use crate::pack::Pack;
use crate::signature::{MAX_REVOKED_BYTES, MAX_SIGNERS_BYTES, MinisignVerdict, rfc3339};
use crate::trust::{
    Authority, Evidence, Lack, Ledger, Level, Policy, ReleaseContent, TrustError, TrustStore, Verified, Voucher,
};

/// Where a release is looked for.
#[derive(Debug, Clone)]
pub enum Place<'a> {
    /// A pack.
    Pack(PathBuf),
    /// A repository: by the name of the tag, or by bundle, with a range of versions or not, for its newest release, which its
    /// ledger says where there is one. What that says was taken back is found only by its name.
    Repository(&'a Repo, String, Option<&'a Ledger>),
}

/// A release that was found, not verified.
pub struct Found {
    /// Its bytes.
    pub evidence: Box<dyn Evidence>,
    /// The release asked for, where the place names one.
    pub asked: Option<Release>,
    /// The pack it is in, with its size and digest.
    pub pack: Option<(PathBuf, u64, Digest)>,
    /// The open pack, for whoever reads it in another way: its name may lead to another file by then.
    pub file: Option<File>,
}

/// Finds a release.
///
/// # Errors
/// [`Error::NoPack`], [`Error::NoRelease`], [`Error::Pack`] for a container that is not canonical, [`Error::Old`] for one of
/// an old format.
pub fn find(context: &Context, place: &Place<'_>) -> Result<Found, Error> {
    match place {
        Place::Pack(path) => {
            let file = open_pack(path)?;
            let again = file.try_clone().map_err(FsError::at("read", path))?;
            let pack = match Pack::open(file, &context.limits) {
                Ok(pack) => pack,
                Err(error) => return Err(old::instead(path, error)),
            };
            let facts = (path.clone(), pack.size(), pack.digest()?);
            Ok(Found { evidence: Box::new(pack), asked: None, pack: Some(facts), file: Some(again) })
        }
        Place::Repository(repo, text, ledger) => {
            let (release, tag) = choose(repo, text, *ledger)?;
            Ok(Found {
                evidence: Box::new(Stored::read(repo, tag, &context.limits)?),
                asked: Some(release),
                pack: None,
                file: None,
            })
        }
    }
}

pub(super) fn open_pack(path: &Path) -> Result<File, Error> {
    open_file(path).map_err(|error| match error {
        FsError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => Error::NoPack(path.to_owned()),
        other => other.into(),
    })
}

/// Which release a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Exactly this one.
    Release(Release),
    /// The newest of a bundle, or the newest in a range of versions.
    Newest(BundleName, Option<VersionReq>),
}

impl Wanted {
    /// Parses `NAME--vVERSION`, `NAME@VERSION`, `NAME@RANGE` such as `kit@^1.2`, or `NAME`.
    ///
    /// # Errors
    /// [`Error::Release`], [`Error::NoRelease`] for what is no name of a bundle.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let none = || Error::NoRelease(text.chars().take(100).collect());
        let (bundle, range) = match text.split_once('@') {
            Some((bundle, range)) => (bundle, version_range(range)),
            None => (text, None),
        };
        if range.is_none() && (text.contains('@') || text.contains("--v")) {
            return Ok(Self::Release(text.replacen('@', "--v", 1).parse()?));
        }
        Ok(Self::Newest(bundle.parse().map_err(|_| none())?, range))
    }
}

impl Wanted {
    /// Returns the bundle.
    pub fn bundle(&self) -> &BundleName {
        match self {
            Self::Release(release) => &release.bundle,
            Self::Newest(bundle, _) => bundle,
        }
    }

    /// Says whether a release is one that is meant. Versions before a release (`1.0.0-rc.1`) are meant only when named.
    pub fn is_meant(&self, release: &Release) -> bool {
        match self {
            Self::Release(wanted) => wanted == release,
            Self::Newest(bundle, Some(range)) => release.bundle == *bundle && range.matches(&release.version),
            Self::Newest(bundle, None) => release.bundle == *bundle && release.version.pre.is_empty(),
        }
    }

    /// Returns the release that a ledger lists for this: the one that is named, or the newest that was not taken back.
    ///
    /// # Errors
    /// [`Error::NoRelease`].
    pub fn newest_of(&self, ledger: &Ledger) -> Result<Release, Error> {
        let is_had = |release: &&Release| matches!(self, Self::Release(_)) || ledger.yanked(release).is_none();
        let meant = ledger.releases().map(|(release, _)| release).filter(|release| self.is_meant(release));
        let newest = meant.filter(is_had).max().cloned();
        newest.ok_or_else(|| Error::NoRelease(self.to_string()))
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Release(release) => release.fmt(f),
            Self::Newest(bundle, None) => bundle.fmt(f),
            Self::Newest(bundle, Some(range)) => write!(f, "{bundle}@{range}"),
        }
    }
}

/// Returns the release that `text` means.
fn choose(repo: &Repo, text: &str, ledger: Option<&Ledger>) -> Result<(Release, Oid), Error> {
    let none = || Error::NoRelease(text.chars().take(100).collect());
    let wanted = Wanted::parse(text)?;
    let release = match (&wanted, ledger) {
        (Wanted::Release(release), _) => release.clone(),
        // By what was published, not by what is here: a tag past the ledger is none, and one that is held back is missed.
        (_, Some(ledger)) => wanted.newest_of(ledger).map_err(|_| none())?,
        (_, None) => {
            let all = releases(repo)?.into_iter();
            return all.filter(|(release, _)| wanted.is_meant(release)).max().ok_or_else(none);
        }
    };
    match (repo.find_ref(&release.ref_name())?, ledger.and_then(|ledger| ledger.tag_of(&release))) {
        (Some(tag), _) => Ok((release, tag)),
        (None, Some(_)) => Err(Error::NotFetched(release.to_string())),
        (None, None) => Err(none()),
    }
}

/// Reads the lists of allowed signers and revoked keys.
///
/// # Errors
/// [`Error::Trust`] for a list that cannot be used, [`Error::Fs`].
pub fn load_trust(context: &Context) -> Result<TrustStore, Error> {
    let allowed = read_optional(&context.allowed_signers, MAX_SIGNERS_BYTES as u64)?.unwrap_or_default();
    let revoked = match &context.revoked_keys {
        None => None,
        Some(path) => Some((path.display().to_string(), read_optional(path, MAX_REVOKED_BYTES as u64)?)),
    };
    let name = context.allowed_signers.display().to_string();
    let revoked = revoked.as_ref().map(|(path, bytes)| (path.as_str(), bytes.as_deref()));
    Ok(TrustStore::parse((&name, &allowed), revoked)?)
}

/// Verifies a release that was found, by the user's lists and by the ledger of the vault that it came from, or by those of `others`
/// where it came from none.
///
/// # Errors
/// [`Error::Trust`].
pub fn verify(
    context: &Context,
    found: &Found,
    vault: Option<Voucher<'_>>,
    others: &[Voucher<'_>],
) -> Result<Verified<ReleaseContent>, Error> {
    let store = load_trust(context)?;
    let authority = Authority { store: &store, vault, others };
    let verified = crate::trust::verify(found.evidence.as_ref(), found.asked.as_ref(), &authority)?;
    if let Some(vault) = vault {
        let (content, pack) = (verified.get(), found.pack.as_ref().map(|(_, _, digest)| *digest));
        vault.ledger.check_content(&content.release, content.digest, pack).map_err(TrustError::from)?;
    }
    Ok(verified)
}

/// Refuses a release whose level is below what the user's policy asks for, unless it is at least `allowed`.
///
/// # Errors
/// [`Error::Level`]; [`Error::Stale`] where only a fresh checkpoint can say that nothing newer is held back.
pub fn check_policy(context: &Context, content: &ReleaseContent, allowed: Option<Level>) -> Result<(), Error> {
    let needs = context.policy.needs();
    if content.level >= allowed.map_or(needs, |allowed| allowed.min(needs)) {
        return Ok(());
    }
    let (release, level) = (content.release.to_string(), content.level.number());
    if content.level == Level::Released && !content.is_fresh {
        return Err(Error::Stale { release });
    }
    Err(Error::Level { release, level, needs: needs.number(), policy: context.policy.word(), reason: content.lack() })
}

/// As [`check_policy`], for a file that nobody has signed. The policy `personal` leaves that to the user, who has to say so; the
/// others ask for more than it can reach.
///
/// # Errors
/// [`Error::Level`].
pub fn check_unsigned(context: &Context, path: &Path, level: Level, allowed: Option<Level>) -> Result<(), Error> {
    if context.policy == Policy::Personal || allowed.is_some_and(|allowed| level >= allowed) {
        return Ok(());
    }
    let (release, needs) = (path.display().to_string(), context.policy.needs().number());
    Err(Error::Level { release, level: level.number(), needs, policy: context.policy.word(), reason: None })
}

/// Returns the SHA-256 that the pack of a release has, wherever it is made; the release must be verified.
///
/// # Errors
/// [`Error::Pack`], [`Error::Git`].
pub fn pack_digest(context: &Context, repo: &Repo, tag: Oid, compression: Compression) -> Result<Digest, Error> {
    let stored = Stored::read(repo, tag, &context.limits)?;
    Ok(stored.write_pack(compression, &mut std::io::sink())?.digest)
}

/// What `verify` says of a release.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerifiedReport {
    /// The release.
    pub release: String,
    /// Who signed.
    pub principal: String,
    /// With which key.
    pub fingerprint: String,
    /// The level reached.
    pub level: u8,
    /// What the level means.
    pub meaning: Level,
    /// Why it is no higher one; absent for the highest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Lack>,
    /// Number of its entry in the ledger that vouches for it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// When it was published there: what its publisher wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
    /// The vault whose ledger that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Whether that ledger has a checkpoint that is worth something still.
    pub is_fresh: bool,
    /// Vaults whose ids were compared and that list another release of this name, where none lists this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_in: Vec<String>,
    /// Why it was taken back, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// Time in the tag: what the signer wrote.
    pub time: String,
    /// What it is for.
    pub description: String,
    /// Its licence.
    pub license: String,
    /// Id of the tag object.
    pub tag: String,
    /// Id of the commit.
    pub commit: String,
    /// Tree digest of all files.
    pub digest: Digest,
    /// The repository it was made in.
    pub repo_id: Digest,
    /// Its artifacts.
    pub artifacts: Vec<ArtifactRef>,
    /// The bundles that it needs, with the versions that will do.
    pub dependencies: BTreeMap<String, String>,
    /// Number of files.
    pub files: usize,
    /// Their size together, in bytes.
    pub size: u64,
    /// What is known of the signature of minisign beside the pack, where it was asked for. It stands in for no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minisign: Option<MinisignVerdict>,
    /// SHA-256 of the pack, where it came as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<Digest>,
}

/// Returns what is known of a verified release.
pub fn report(found: &Found, verified: &Verified<ReleaseContent>, vault: Option<&str>) -> VerifiedReport {
    let content = verified.get();
    VerifiedReport {
        release: content.release.to_string(),
        principal: content.principal.clone(),
        fingerprint: content.fingerprint.clone(),
        level: content.level.number(),
        meaning: content.level,
        reason: content.lack(),
        number: content.listed.as_ref().map(|listed| listed.number),
        published: content.listed.as_ref().map(|listed| rfc3339(listed.time)),
        is_fresh: content.is_fresh,
        other_in: content.other_in.clone(),
        vault: vault.filter(|_| content.listed.is_some()).map(str::to_owned),
        yanked: content.listed.as_ref().and_then(|listed| listed.yanked.clone()),
        time: rfc3339(content.time_unix),
        description: content.manifest.description.clone(),
        license: content.manifest.license.clone(),
        tag: content.tag_id.to_string(),
        commit: content.commit_id.to_string(),
        digest: content.digest,
        repo_id: content.repo_id,
        artifacts: content.manifest.artifacts.iter().map(|artifact| artifact.artifact.clone()).collect(),
        dependencies: content
            .manifest
            .dependencies
            .iter()
            .map(|(name, range)| (name.to_string(), range.to_string()))
            .collect(),
        files: content.files.len(),
        size: content.files.iter().map(|(entry, _)| entry.size).sum(),
        minisign: None,
        pack: found.pack.as_ref().map(|(_, _, digest)| *digest),
    }
}
