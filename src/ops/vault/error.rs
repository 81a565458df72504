//! What can go wrong with a vault.

use std::path::PathBuf;

use crate::fsio::FsError;
use crate::git::GitError;
use crate::model::{Class, NameError, Oid, Release, SourceError, VaultFileError};
use crate::ops::bundle;
use crate::ops::collection::{fs_class, git_class};

/// A use case on a vault failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name breaks the rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The address is no source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The address has a part that a vault cannot have.
    #[error("the address of a vault has no '#ref' and no '//subpath'")]
    NotWhole,
    /// No vault has this name.
    #[error("there is no vault '{}'", .0.escape_debug())]
    Unknown(String),
    /// A vault of this name is there already.
    #[error("there is a vault '{0}' already")]
    Known(String),
    /// The folder holds something.
    #[error("'{}' is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The repository at the address is no vault.
    #[error("'{0}' is not a vault")]
    NotAVault(String),
    /// A tag that was seen before is another one now.
    #[error("the release '{release}' of the vault '{vault}' has been replaced: it was {old} and is {new} now")]
    Moved {
        /// The vault.
        vault: String,
        /// The release.
        release: String,
        /// The tag object seen before.
        old: Oid,
        /// The tag object offered now.
        new: Oid,
    },
    /// A tag that was seen before is gone.
    #[error("the release '{release}' has been removed from the vault '{vault}'")]
    Gone {
        /// The vault.
        vault: String,
        /// The release.
        release: String,
    },
    /// The vault has this version, with other content.
    #[error("the vault has another '{0}'")]
    Taken(Release),
    /// Others published again and again while we tried.
    #[error("the vault '{vault}' kept changing; gave up after {tries} tries")]
    Raced {
        /// The vault.
        vault: String,
        /// How often it was tried.
        tries: u32,
    },
    /// git does not know who publishes.
    #[error("git does not know who you are")]
    NoIdentity,
    /// A file of the vault cannot be used.
    #[error(transparent)]
    File(#[from] VaultFileError),
    /// The record of a vault cannot be read.
    #[error("the record of the vault '{0}' cannot be read")]
    Record(String),
    /// A release failed.
    #[error(transparent)]
    Bundle(#[from] bundle::Error),
    /// The repository or the network failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Error {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Error::Name(_) | Error::Source(_) | Error::NotWhole | Error::Unknown(_) | Error::Known(_) => Class::Name,
            Error::NotEmpty(_) | Error::NoIdentity => Class::Usage,
            Error::NotAVault(_) | Error::File(_) | Error::Record(_) => Class::Parse,
            Error::Moved { .. } | Error::Gone { .. } => Class::Rollback,
            Error::Taken(_) => Class::Policy,
            Error::Raced { .. } => Class::Conflict,
            Error::Bundle(error) => error.class(),
            Error::Git(error) => git_class(error),
            Error::Fs(error) => fs_class(error),
        }
    }
}
