//! What can go wrong with a recommendation.

use crate::git::GitError;
use crate::model::{Class, Digest, Oid, RecommendationError, Transport};
use crate::ops::collection::git_class;
use crate::ops::{bundle, vault};
use crate::signature::{SshSignatureError, Verdict};

/// A use case on a recommendation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text is no recommendation, or an address or note cannot stand in one.
    #[error(transparent)]
    Text(#[from] RecommendationError),
    /// A note holds what looks like a secret.
    #[error("the note would publish what looks like a secret: {0}")]
    Secret(String),
    /// The signature over it does not hold.
    #[error("the recommendation is not what was signed")]
    Bad(#[source] Box<Unbelieved>),
    /// Who signed it is not believed, so nothing in it is followed.
    #[error("the recommendation of '{release}' is not by anyone you trust")]
    NotTrusted {
        /// What it recommends.
        release: String,
        /// What is known of the signature.
        #[source]
        verdict: Box<Unbelieved>,
    },
    /// The signature that was made cannot be carried.
    #[error("the signature cannot be used")]
    Signature(#[from] SshSignatureError),
    /// It says what, and not where.
    #[error("the recommendation of '{0}' does not say where it is")]
    NoAddress(String),
    /// The address leads to this machine, or over an unprotected line.
    #[error("'{address}' {}, and a recommendation names it, not you", leads(*transport))]
    NotAllowed {
        /// The address.
        address: String,
        /// How it is reached.
        transport: Transport,
    },
    /// The vault has no such release.
    #[error("there is no '{release}' at '{address}'")]
    Gone {
        /// Which release.
        release: String,
        /// The address.
        address: String,
    },
    /// The vault has another release of that name.
    #[error("'{release}' at '{address}' is the tag {found}, but {recommended} is recommended")]
    OtherTag {
        /// Which release.
        release: String,
        /// The address.
        address: String,
        /// The tag object there.
        found: Oid,
        /// The one in the recommendation.
        recommended: Oid,
    },
    /// What was found is another release.
    #[error("this is '{found}', but '{recommended}' is recommended")]
    OtherRelease {
        /// What it is.
        found: String,
        /// What should be there.
        recommended: String,
    },
    /// What was found has other bytes.
    #[error("the {what} of '{release}' is {found}, but {recommended} is recommended")]
    OtherDigest {
        /// Which release.
        release: String,
        /// `tree` or `pack`.
        what: &'static str,
        /// The digest it has.
        found: Digest,
        /// The digest in the recommendation.
        recommended: Digest,
    },
    /// The vault failed.
    #[error(transparent)]
    Vault(Box<vault::Error>),
    /// The release failed.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// git or the network failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// A verdict on the signature over a recommendation that is not good, in words.
#[derive(Debug, thiserror::Error)]
#[error("{}", words(.0))]
pub struct Unbelieved(pub Verdict);

/// The moment asked about is that of reading, so a verdict must not be told as if it were that of signing.
pub(super) fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Expired { fingerprint, valid_before, .. } => {
            format!("signed by {fingerprint}, a key that was valid until {valid_before}")
        }
        Verdict::NotYetValid { fingerprint, valid_after, .. } => {
            format!("signed by {fingerprint}, a key that is valid from {valid_after}")
        }
        other => other.to_string(),
    }
}

impl From<vault::Error> for Error {
    fn from(error: vault::Error) -> Self {
        Self::Vault(Box::new(error))
    }
}

fn leads(transport: Transport) -> &'static str {
    if transport == Transport::Http { "is reached over an unprotected line" } else { "is on this machine" }
}

impl Error {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Error::Text(error) => error.class(),
            Error::Secret(_) => Class::Secret,
            Error::Bad(_) | Error::Signature(_) => Class::Signature,
            Error::NotTrusted { verdict, .. } if matches!(verdict.0, Verdict::CannotCheck { .. }) => Class::Io,
            Error::NotTrusted { .. } => Class::Untrusted,
            Error::NotAllowed { transport: Transport::Http, .. } => Class::Net,
            Error::NoAddress(_) | Error::NotAllowed { .. } | Error::Gone { .. } => Class::Name,
            Error::OtherTag { .. } | Error::OtherRelease { .. } | Error::OtherDigest { .. } => Class::Hash,
            Error::Vault(error) => error.class(),
            Error::Bundle(error) => error.class(),
            Error::Git(error) => git_class(error),
        }
    }
}
