//! What can go wrong with a bundle.

use std::path::PathBuf;

use super::old::Old;
use crate::fsio::FsError;
use crate::git::GitError;
use crate::git::ssh::SshError;
use crate::model::foreign::pack::OldPackError;
use crate::model::{ArtifactRef, Class, Digest, ManifestError, NameError, Release, ReleaseError, RenameError};
use crate::ops::collection::{self, fs_class, git_class};
use crate::pack::PackError;
use crate::signature::{MinisignError, MinisignVerdict, ObjectError};
use crate::trust::{Lack, TrustError};

/// A use case on a bundle failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collection failed.
    #[error(transparent)]
    Collection(#[from] collection::Error),
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A release is not verified.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The pack is one of an old format, which nobody has signed.
    #[error("'{}' is a pack of the Python SkillMeat ('{}'), unsigned: who made it is not known", .0.path.display(), .0.report.format.manifest_name())]
    Old(Box<Old>),
    /// A pack of an old format is not what it says.
    #[error(transparent)]
    OldPack(#[from] OldPackError),
    /// Nothing in a pack of an old format can be taken.
    #[error("'{}' holds nothing that a collection has a kind for", .0.display())]
    NothingToTake(PathBuf),
    /// What is unsigned has no earlier state to merge from.
    #[error("an unsigned pack has nothing to merge from")]
    NoMerge,
    /// The new pack would take the place of the old one.
    #[error("'{}' would be overwritten", .0.display())]
    Overwrites(PathBuf),
    /// The user has not agreed to exactly this.
    #[error("'{}' was not imported: it is unsigned, and nobody agreed to exactly this", .path.display())]
    Unsigned {
        /// The pack.
        path: PathBuf,
        /// What to agree to.
        digest: Digest,
    },
    /// A pack cannot be read or written.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A name is not that of a release.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The manifest would not be valid.
    #[error("the bundle's manifest would not be valid")]
    Manifest(#[from] ManifestError),
    /// The tag would not be valid.
    #[error("the release's tag would not be valid")]
    Tag(#[from] ObjectError),
    /// git is not configured to sign with ssh.
    #[error("git is not configured to sign with an ssh key")]
    NoSigningKey,
    /// Signing failed.
    #[error("cannot sign")]
    Sign(#[from] SshError),
    /// A key of minisign cannot be used.
    #[error("cannot use the minisign key '{}'", shown.escape_debug())]
    Minisign {
        /// The file, or the start of the text.
        shown: String,
        /// What is wrong.
        source: MinisignError,
    },
    /// The signature of minisign beside a pack does not hold.
    #[error("the pack '{}' is not what was signed with minisign", path.display())]
    Minisig {
        /// The pack.
        path: PathBuf,
        /// What is known of the signature.
        source: NotGood,
    },
    /// A bundle needs at least one artifact.
    #[error("the bundle would be empty")]
    Empty,
    /// No artifact has a tag.
    #[error("no artifact has the tag '{}'", .0.escape_debug())]
    NoSuchTag(String),
    /// An archive for discovery clients is one skill.
    #[error("an archive for discovery holds one skill and nothing else")]
    NotOneSkill,
    /// Artifacts are not fit to be published.
    #[error("not fit to be published: {}", listed(.0))]
    Unfit(Vec<String>),
    /// An artifact that is to be imported holds text that nobody sees.
    #[error("it holds text that nobody sees and an agent reads: {}", listed(.0))]
    Hidden(Vec<String>),
    /// An artifact holds what looks like a secret.
    #[error("what looks like a secret would be published: {}", listed(.0))]
    Secret(Vec<String>),
    /// This version exists, with other content.
    #[error("'{0}' exists already, with other content")]
    Taken(Release),
    /// There is no such release here.
    #[error("there is no release '{}'", .0.escape_debug())]
    NoRelease(String),
    /// A vault's ledger lists it, and it is not here.
    #[error("the release '{0}' was not fetched yet")]
    NotFetched(String),
    /// There is no such pack.
    #[error("there is no pack '{}'", .0.display())]
    NoPack(PathBuf),
    /// Artifacts of other content are in the collection.
    #[error("the collection has other content under {}", names(.0))]
    Exists(Vec<ArtifactRef>),
    /// Two releases that are imported together hold one artifact with different content.
    #[error("'{one}' and '{other}' both hold '{artifact}', with different content")]
    Together {
        /// The artifact.
        artifact: ArtifactRef,
        /// One release.
        one: String,
        /// The other.
        other: String,
    },
    /// What an artifact would be called beside another of its name is taken too.
    #[error("'{artifact}' cannot come in beside yours: '{fork}' is taken by something else")]
    ForkTaken {
        /// The artifact, by its name in the release.
        artifact: ArtifactRef,
        /// The name that it would get.
        fork: ArtifactRef,
    },
    /// What an artifact would be called beside another of its name is no name.
    #[error("'{artifact}' cannot come in beside yours")]
    ForkName {
        /// The artifact, by its name in the release.
        artifact: ArtifactRef,
        /// What is wrong with the name.
        source: NameError,
    },
    /// An artifact cannot be given another name.
    #[error("'{artifact}' cannot come in beside yours")]
    Rename {
        /// The artifact, by its name in the release.
        artifact: ArtifactRef,
        /// Why.
        source: RenameError,
    },
    /// What is unsigned has no bundle to be named after.
    #[error("what an unsigned pack holds has no bundle to be named after")]
    NoFork,
    /// A newer release of the bundle was imported before.
    #[error("'{release}' is older than '{here}', which was imported before")]
    Older {
        /// Which release.
        release: String,
        /// The newer one.
        here: String,
    },
    /// Less is known of the release than the user's policy asks for.
    #[error("'{release}' reaches level {level}, and the policy '{policy}' asks for level {needs}")]
    Level {
        /// Which release.
        release: String,
        /// The level that it reaches.
        level: u8,
        /// The level that is asked for.
        needs: u8,
        /// The policy.
        policy: &'static str,
        /// Why it reaches no higher level; `None` where nobody has signed it.
        #[source]
        reason: Option<Lack>,
    },
    /// The vault's ledger may be held back.
    #[error("'{release}' is released, but the vault's ledger has no checkpoint that is worth something still")]
    Stale {
        /// Which release.
        release: String,
    },
    /// The user has not agreed.
    #[error("'{release}' was not imported: nobody agreed to it")]
    Consent {
        /// Which release.
        release: String,
        /// What to agree to.
        digest: Digest,
    },
    /// The digest agreed to is another.
    #[error("'{release}' has the digest {found}, but {accepted} was accepted")]
    OtherDigest {
        /// Which release.
        release: String,
        /// The digest it has.
        found: Digest,
        /// The digest agreed to.
        accepted: Digest,
    },
}

/// A verdict on a signature of minisign that is not good, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotGood(pub MinisignVerdict);

/// Returns at most ten reasons; the others are counted.
pub(super) fn listed(reasons: &[String]) -> String {
    let mut text = reasons.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("; ");
    if reasons.len() > 10 {
        text.push_str(&format!("; and {} more", reasons.len() - 10));
    }
    text
}

fn names(artifacts: &[ArtifactRef]) -> String {
    artifacts.iter().map(|artifact| format!("'{artifact}'")).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Error::Collection(error) => error.class(),
            Error::Git(error) => git_class(error),
            Error::Fs(error) => fs_class(error),
            Error::Trust(error) => error.class(),
            Error::Pack(error) => TrustError::class_of_pack(error),
            Error::Old(_) => Class::Untrusted,
            Error::OldPack(OldPackError::Manifest { .. }) => Class::Parse,
            Error::OldPack(OldPackError::Digest { .. }) => Class::Hash,
            Error::OldPack(_) => Class::Pack,
            Error::NothingToTake(_) => Class::Policy,
            Error::NoMerge | Error::NoFork | Error::Overwrites(_) => Class::Usage,
            Error::Unsigned { .. } => Class::Consent,
            Error::Release(_) | Error::NoSuchTag(_) | Error::NoRelease(_) | Error::NotFetched(_) | Error::NoPack(_) => {
                Class::Name
            }
            Error::NoSigningKey | Error::Empty => Class::Usage,
            Error::Manifest(_)
            | Error::Tag(_)
            | Error::NotOneSkill
            | Error::Unfit(_)
            | Error::Hidden(_)
            | Error::Taken(_)
            | Error::Level { .. } => Class::Policy,
            Error::Sign(_) | Error::Minisign { source: MinisignError::Encrypted | MinisignError::Sign(_), .. } => {
                Class::Io
            }
            Error::Minisign { source: MinisignError::Passphrase, .. } => Class::Io,
            Error::Minisign { .. } => Class::Name,
            Error::Minisig { source: NotGood(MinisignVerdict::OtherKey { .. }), .. } => Class::Untrusted,
            Error::Minisig { .. } => Class::Signature,
            Error::Secret(_) => Class::Secret,
            Error::Stale { .. } => Class::Stale,
            Error::Exists(_)
            | Error::Together { .. }
            | Error::ForkTaken { .. }
            | Error::ForkName { .. }
            | Error::Rename { .. } => Class::Conflict,
            Error::Older { .. } => Class::Rollback,
            Error::Consent { .. } => Class::Consent,
            Error::OtherDigest { .. } => Class::Hash,
        }
    }
}
