//! What can go wrong with a copy of a vault.

use crate::model::{Class, CopyHeadError, Digest};
use crate::ops::collection::fs_class;
use crate::store::{AddressError, StoreError};
use crate::trust::Problem;

/// A copy of a vault cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `head.json` cannot be used.
    #[error("'head.json' in '{address}' cannot be used")]
    Head {
        /// The copy.
        address: String,
        /// Why.
        source: CopyHeadError,
    },
    /// The signature in `head.json` does not hold.
    #[error("'head.json' in '{address}' is not believed: {reason}")]
    Signature {
        /// The copy.
        address: String,
        /// What is known of the signature.
        reason: String,
    },
    /// It is signed by someone who has no say in it.
    #[error("'head.json' in '{address}' is not believed")]
    Keeper {
        /// The copy.
        address: String,
        /// Why.
        source: Problem,
    },
    /// It names another entry of the ledger than the ledger has.
    #[error("'head.json' in '{address}' names another entry {number} than the ledger has")]
    Fork {
        /// The copy.
        address: String,
        /// Number of the entry.
        number: u64,
    },
    /// It is older than what was seen of the same copy.
    #[error("'{address}' has been set back: its serial number was {seen} and is {found} now")]
    SetBack {
        /// The copy.
        address: String,
        /// The serial number that was seen.
        seen: u64,
        /// The one that is offered.
        found: u64,
    },
    /// Two statements have one serial number.
    #[error("'{address}' shows two different states under the serial number {serial}")]
    Twice {
        /// The copy.
        address: String,
        /// The number.
        serial: u64,
    },
    /// A file is not the one that was named.
    #[error("'{key}' in '{address}' is {found}, not {named}")]
    Hash {
        /// The copy.
        address: String,
        /// The file.
        key: String,
        /// Its SHA-256.
        found: Digest,
        /// The one that was named.
        named: Digest,
    },
    /// What is named is not complete.
    #[error("the copy in '{address}' is not complete: its packs do not hold {what}")]
    Incomplete {
        /// The copy.
        address: String,
        /// What is missing.
        what: String,
    },
    /// The place holds something else.
    #[error("'{0}' is not empty, and holds no copy of this vault")]
    NotEmpty(String),
    /// The copy is of another vault.
    #[error("'{address}' holds a copy of the ledger {found}, not of {wanted}")]
    OtherVault {
        /// The copy.
        address: String,
        /// Id of the ledger of the copy.
        found: Digest,
        /// Id of the ledger of the vault.
        wanted: Digest,
    },
    /// The vault has no such mirror.
    #[error("the vault '{vault}' has no mirror '{}'", address.escape_debug())]
    NoMirror {
        /// The vault.
        vault: String,
        /// What was named.
        address: String,
    },
    /// The vault has this mirror already.
    #[error("the vault '{vault}' has the mirror '{address}' already")]
    Known {
        /// The vault.
        vault: String,
        /// The mirror.
        address: String,
    },
    /// The mirror is the vault.
    #[error("'{0}' is the vault itself")]
    Itself(String),
    /// Others wrote again and again while we tried.
    #[error("'{address}' kept changing; gave up after {tries} tries")]
    Raced {
        /// The copy.
        address: String,
        /// How often it was tried.
        tries: u32,
    },
}

impl CopyError {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Self::Address(_) | Self::NoMirror { .. } | Self::Known { .. } | Self::Itself(_) => Class::Name,
            Self::Store(error) => match error {
                StoreError::Net { .. } | StoreError::Denied { .. } | StoreError::Missing { .. } => Class::Net,
                StoreError::NoCredentials(_) | StoreError::Settings { .. } => Class::Usage,
                StoreError::TooLarge { .. } => Class::Limit,
                StoreError::NoConditions(_) => Class::Policy,
                StoreError::Fs(error) => fs_class(error),
            },
            Self::Head { .. } => Class::Parse,
            Self::Signature { .. } => Class::Signature,
            Self::Keeper { source, .. } => source.class(),
            Self::Fork { .. } | Self::Twice { .. } => Class::Fork,
            Self::SetBack { .. } => Class::Rollback,
            Self::Hash { .. } => Class::Hash,
            Self::Incomplete { .. } => Class::Net,
            Self::NotEmpty(_) => Class::Usage,
            Self::OtherVault { .. } => Class::Untrusted,
            Self::Raced { .. } => Class::Conflict,
        }
    }
}
