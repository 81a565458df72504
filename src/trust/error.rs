//! Why a release is not verified.

use super::{EvidenceError, Refusal};
use crate::model::{Class, Digest, ManifestError, Oid, ReleaseError};
use crate::pack::{Fault, ObjectError, PackError};
use crate::signature::{self, AllowedSignersError, RevokedError, Verdict};

/// A release was not verified. Every variant means: do not use it.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The pack is not well formed, or its content is not what it declares.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The place that the release is stored in failed.
    #[error("the release cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The tag or the commit is not well formed.
    #[error("the {0} of the release is malformed")]
    Object(&'static str, #[source] signature::ObjectError),
    /// An object id could not be worked out.
    #[error("the files of the release do not make a tree")]
    Tree(#[from] ObjectError),
    /// The signature is not one that is believed.
    #[error("the release '{name}' is not verified")]
    Verdict {
        /// Name in the tag, not believed either.
        name: String,
        /// What is known of the signature.
        #[source]
        verdict: NotGood,
    },
    /// The ledger of the vault does not vouch for it.
    #[error(transparent)]
    Ledger(#[from] Refusal),
    /// A vault that does not list it speaks against it.
    #[error("the vault '{vault}', whose ledger you have compared, speaks against '{release}'")]
    Objection {
        /// The user's name for the vault.
        vault: String,
        /// The release.
        release: String,
        /// What it says.
        #[source]
        refusal: Box<Refusal>,
    },
    /// A ledger that was taken on first use gives someone a key that the user's own list does not give them.
    #[error(
        "'{release}' is signed by {fingerprint}: the vault '{vault}', whose id nobody has compared, says that it is a key of \
         '{principal}', and your own list has other keys of '{principal}'"
    )]
    OtherKeys {
        /// The release.
        release: String,
        /// The user's name for the vault.
        vault: String,
        /// Whose key the ledger says it is.
        principal: String,
        /// The key.
        fingerprint: String,
    },
    /// The tag's name is not that of a release.
    #[error("the tag has a name that no release has")]
    Name(#[from] ReleaseError),
    /// The tag says that it is another release than the one asked for.
    #[error("this is the release '{found}', not '{asked}'")]
    Other {
        /// What was asked for.
        asked: String,
        /// What it is.
        found: String,
    },
    /// The tag does not point to a commit.
    #[error("the tag of '{0}' points to something that is no commit")]
    Target(String),
    /// A git object is not the one that is named.
    #[error("the {what} of '{release}' is {found}, but {named} is named")]
    Mismatch {
        /// The release.
        release: String,
        /// `commit`, `tree` or `file`.
        what: &'static str,
        /// The id it has.
        found: Oid,
        /// The id that it should have.
        named: Oid,
    },
    /// The release's commit has parents, so it would bring history that nobody signed.
    #[error("the commit of '{0}' has parents")]
    Parents(String),
    /// `bundle.toml` is missing.
    #[error("'{0}' holds no 'bundle.toml'")]
    NoManifest(String),
    /// `bundle.toml` cannot be used.
    #[error("the manifest of '{release}' is malformed")]
    Manifest {
        /// The release.
        release: String,
        /// What is wrong.
        source: ManifestError,
    },
    /// `bundle.toml` says something else than the tag or the files.
    #[error("the manifest of '{release}' does not fit: {what}")]
    ManifestDiffers {
        /// The release.
        release: String,
        /// What differs.
        what: String,
    },
    /// A trailer of the tag is missing or malformed.
    #[error("the tag of '{release}' has no usable trailer '{trailer}'")]
    Trailer {
        /// The release.
        release: String,
        /// Which one.
        trailer: &'static str,
    },
    /// The files are not those that were signed.
    #[error("the files of '{release}' have the tree digest {found}, but {signed} is signed")]
    Digest {
        /// The release.
        release: String,
        /// The digest they have.
        found: Digest,
        /// The digest in the tag.
        signed: Digest,
    },
    /// The list of allowed signers cannot be used.
    #[error("the allowed signers '{path}' cannot be used")]
    Signers {
        /// The file.
        path: String,
        /// What is wrong.
        source: AllowedSignersError,
    },
    /// The list of revoked keys cannot be used; without it nobody is believed.
    #[error("the revoked keys '{path}' cannot be used")]
    Revoked {
        /// The file.
        path: String,
        /// What is wrong; `None` when it is missing.
        source: Option<RevokedError>,
    },
}

/// A verdict that is not good, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotGood(pub Verdict);

impl NotGood {
    /// Says whether the signature holds, by a key that no principal holds.
    pub fn is_unknown_key(&self) -> bool {
        matches!(self.0, Verdict::UnknownKey { .. })
    }
}

impl From<EvidenceError> for TrustError {
    fn from(error: EvidenceError) -> Self {
        match error {
            EvidenceError::Pack(error) => error.into(),
            EvidenceError::Other(error) => TrustError::Source(error),
        }
    }
}

impl TrustError {
    /// Returns the class of an error of a pack.
    pub fn class_of_pack(error: &PackError) -> Class {
        match error.fault() {
            Fault::Path => Class::Path,
            Fault::Pack => Class::Pack,
            Fault::Limit => Class::Limit,
            Fault::Hash => Class::Hash,
            Fault::Io => Class::Io,
        }
    }

    /// Returns what it says of the release in one word: that of the [`Verdict`] on its signature; `not-allowed` or `not-listed` where
    /// a ledger refuses what a known key has signed, and `bad` where something else is not what was signed.
    pub fn verdict(&self) -> &'static str {
        match self {
            TrustError::Verdict { verdict, .. } => verdict.0.word(),
            TrustError::Ledger(Refusal::UnknownKey { .. }) => "unknown-key",
            TrustError::Ledger(Refusal::Revoked { .. }) => "revoked",
            TrustError::Ledger(Refusal::NotAllowed { .. }) => "not-allowed",
            TrustError::Ledger(Refusal::Unpublished(_)) => "not-listed",
            TrustError::Source(_) | TrustError::Signers { .. } | TrustError::Revoked { .. } => "cannot-check",
            _ => "bad",
        }
    }

    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            TrustError::Pack(error) => Self::class_of_pack(error),
            TrustError::Source(_) => Class::Io,
            TrustError::Object(..) | TrustError::Target(_) | TrustError::Other { .. } | TrustError::Name(_) => {
                Class::Signature
            }
            TrustError::Verdict { verdict, .. } => match verdict.0 {
                Verdict::Bad { .. } | Verdict::Unsigned => Class::Signature,
                Verdict::CannotCheck { .. } => Class::Io,
                _ => Class::Untrusted,
            },
            TrustError::Ledger(refusal) => refusal.class(),
            TrustError::Objection { refusal, .. } => refusal.class(),
            TrustError::Tree(_)
            | TrustError::Mismatch { .. }
            | TrustError::ManifestDiffers { .. }
            | TrustError::Digest { .. } => Class::Hash,
            TrustError::Parents(_) | TrustError::Manifest { source: ManifestError::Hidden { .. }, .. } => Class::Policy,
            TrustError::NoManifest(_) | TrustError::Manifest { .. } | TrustError::Trailer { .. } => Class::Parse,
            TrustError::Signers { .. } | TrustError::Revoked { .. } | TrustError::OtherKeys { .. } => Class::Untrusted,
        }
    }
}
