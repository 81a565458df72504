//! Why a ledger, or a release by its ledger, is not believed.

use crate::model::{Class, Digest, EntryError, Oid, Release, RootError};
use crate::signature::{self, AllowedSignersError, KeyError, RevokedError};
use crate::trust::error::NotGood;

/// A ledger is not believed. What was seen of it before stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Objects are missing, or are none that a ledger may have.
    #[error("the ledger cannot be read")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There are more entries than any ledger has.
    #[error("the ledger has more than {0} entries")]
    TooLong(usize),
    /// The entries that would have to be read are more bytes than are held in memory.
    #[error("the entries of the ledger that are to be read are more than {0} bytes")]
    TooLarge(usize),
    /// One entry does not hold, so nothing after it does.
    #[error("entry {number} of the ledger ({commit}) does not hold")]
    Entry {
        /// Its place, from 0.
        number: u64,
        /// The commit.
        commit: Oid,
        /// What is wrong.
        #[source]
        problem: Box<Problem>,
    },
}

/// What is wrong with an entry.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The commit is malformed, or has headers that an entry has not.
    #[error("its commit is malformed")]
    Object(#[from] signature::ObjectError),
    /// It does not have exactly one entry before it.
    #[error("it has {0} entries before it")]
    Parents(usize),
    /// Its text is not that of an entry.
    #[error("its text is not understood")]
    Text(#[from] EntryError),
    /// It has another number than its place.
    #[error("it calls itself number {0}")]
    Number(u64),
    /// It does not name the entry before it.
    #[error("it does not follow the entry before it")]
    Prev,
    /// The first entry is not one, or a later one is a first one.
    #[error("only the first entry is a first entry")]
    First,
    /// It belongs to another ledger.
    #[error("it belongs to the ledger {0}")]
    OtherLedger(Digest),
    /// It is not signed.
    #[error("it is not signed")]
    Unsigned,
    /// Its signature does not hold.
    #[error("its signature does not hold")]
    Signature(#[source] NotGood),
    /// Nobody holds its key.
    #[error("it is signed by {0}, a key that nobody holds")]
    UnknownKey(String),
    /// Its key was revoked before.
    #[error("it is signed by {0}, a key that was revoked before")]
    Revoked(String),
    /// Its signer may not do this.
    #[error("'{principal}' may not make an entry '{what}'")]
    NotAllowed {
        /// Who signed.
        principal: String,
        /// Type and subject.
        what: String,
    },
    /// It changes files and is no entry that may.
    #[error("it changes the files of the ledger, and only an entry 'root' may")]
    Tree,
    /// Its trust files do not hold.
    #[error("its trust files do not hold")]
    Files(#[from] FilesError),
    /// The release was published before.
    #[error("'{0}' was published before, and a version is published once")]
    Again(Release),
    /// The release was never published.
    #[error("'{0}' was never published")]
    Unpublished(Release),
    /// The key to revoke is no key.
    #[error("it revokes something that is no key")]
    Key(#[source] KeyError),
    /// It revokes a key from a position that does not exist yet.
    #[error("it revokes a key from entry {0} on, which is not there yet")]
    Since(u64),
}

/// What is wrong with trust files.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file is missing.
    #[error("'{0}' is missing")]
    Missing(&'static str),
    /// There is a file that has no meaning.
    #[error("'{}' does not belong there", .0.escape_debug())]
    Stray(String),
    /// `root.toml` cannot be used.
    #[error("'root.toml' cannot be used")]
    Root(#[from] RootError),
    /// A file is not the one that `root.toml` names.
    #[error("'{file}' has the digest {found}, but 'root.toml' names {named}")]
    Digest {
        /// Which file.
        file: &'static str,
        /// The digest it has.
        found: Digest,
        /// The digest it should have.
        named: Digest,
    },
    /// `allowed_signers` cannot be used.
    #[error("'allowed_signers' cannot be used")]
    Signers(#[from] AllowedSignersError),
    /// `revoked_keys` cannot be used.
    #[error("'revoked_keys' cannot be used")]
    Revoked(#[from] RevokedError),
    /// A key in `root.toml` cannot be used.
    #[error("a key in 'root.toml' cannot be used")]
    Key(#[source] KeyError),
    /// A line of `allowed_signers` gives away more than a vault may.
    #[error("line {line} of 'allowed_signers' {what}")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The version is not the one after the version before.
    #[error("'root.toml' has version {found}, and {expected} is next")]
    Version {
        /// The one it has.
        found: u64,
        /// The one it must have.
        expected: u64,
    },
    /// The entry names another version than the file has.
    #[error("the entry names version {named} of 'root.toml', which has {found}")]
    Named {
        /// In the entry.
        named: u64,
        /// In the file.
        found: u64,
    },
    /// It is for another ledger.
    #[error("'root.toml' is for another ledger")]
    OtherLedger,
    /// A signature of `root.toml` does not hold, or is by nobody's key.
    #[error("the signature '{}' of 'root.toml' does not hold: {why}", .file.escape_debug())]
    Signature {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// Too few people signed.
    #[error("{found} of {needed} people with a root key {which} signed 'root.toml'")]
    Threshold {
        /// Who signed.
        found: usize,
        /// Who had to.
        needed: u64,
        /// `of the version before` or `of this version`.
        which: &'static str,
    },
}

/// Why a ledger does not vouch for a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The ledger does not know it.
    #[error("the vault's ledger has no '{0}'")]
    Unpublished(String),
    /// The ledger names something else.
    #[error("the {what} of '{release}' is {found}, but entry {number} of the ledger names {named}")]
    Differs {
        /// The release.
        release: String,
        /// `tag`, `tree` or `pack`.
        what: &'static str,
        /// What it is.
        found: String,
        /// What the ledger names.
        named: String,
        /// The entry.
        number: u64,
    },
    /// Nobody held the key that signed the tag.
    #[error("'{release}' is signed by {fingerprint}, a key that nobody held at entry {number}")]
    UnknownKey {
        /// The release.
        release: String,
        /// The key.
        fingerprint: String,
        /// The entry.
        number: u64,
    },
    /// The signer may not publish it.
    #[error("'{principal}' may not publish '{release}'")]
    NotAllowed {
        /// Who.
        principal: String,
        /// The release.
        release: String,
    },
    /// A key that signed it is revoked.
    #[error("'{release}' is entry {number}, signed by {fingerprint}, a key that is revoked since entry {since}")]
    Revoked {
        /// The release.
        release: String,
        /// Its entry.
        number: u64,
        /// The key.
        fingerprint: String,
        /// From where on the key is not believed.
        since: u64,
    },
    /// The key that signed it is revoked, and the ledger does not list it from before that.
    #[error(
        "'{release}' is signed by {fingerprint}, a key that is revoked since entry {since}, and the ledger does not list it"
    )]
    KeyRevoked {
        /// The release.
        release: String,
        /// The key.
        fingerprint: String,
        /// From where on the key is not believed.
        since: u64,
    },
}

impl LedgerError {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            LedgerError::Source(_) => Class::Net,
            LedgerError::TooLong(_) | LedgerError::TooLarge(_) => Class::Limit,
            LedgerError::Entry { problem, .. } => problem.class(),
        }
    }
}

impl Problem {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Problem::Object(_) | Problem::Text(_) | Problem::Key(_) => Class::Parse,
            Problem::Parents(_) | Problem::Number(_) | Problem::Prev | Problem::First | Problem::Unsigned => {
                Class::Fork
            }
            Problem::Signature(_) => Class::Signature,
            Problem::OtherLedger(_)
            | Problem::UnknownKey(_)
            | Problem::Revoked(_)
            | Problem::NotAllowed { .. }
            | Problem::Since(_) => Class::Untrusted,
            Problem::Tree | Problem::Again(_) | Problem::Unpublished(_) => Class::Policy,
            Problem::Files(error) => error.class(),
        }
    }
}

impl FilesError {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            FilesError::Missing(_)
            | FilesError::Signers(_)
            | FilesError::Revoked(_)
            | FilesError::Digest { .. }
            | FilesError::Version { .. }
            | FilesError::Named { .. }
            | FilesError::OtherLedger
            | FilesError::Signature { .. }
            | FilesError::Threshold { .. } => Class::Untrusted,
            FilesError::Root(_) | FilesError::Key(_) => Class::Parse,
            FilesError::Line { .. } | FilesError::Stray(_) => Class::Policy,
        }
    }
}

impl Refusal {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Refusal::Differs { .. } => Class::Hash,
            _ => Class::Untrusted,
        }
    }
}
