//! What can go wrong with a vault.

use std::path::PathBuf;

use super::CopyError;
use crate::fsio::FsError;
use crate::git::GitError;
use crate::model::{Class, Digest, NameError, Oid, Release, SourceError, VaultFileError};
use crate::ops::bundle::resolve::ResolveError;
use crate::ops::collection::{fs_class, git_class};
use crate::ops::{bundle, keys};
use crate::trust::{FilesError, LedgerError, Problem, Refusal};

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
    /// The folder or repository holds something.
    #[error("'{}' is not empty", .0.escape_debug())]
    NotEmpty(String),
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
    /// The ledger does not hold.
    #[error("the ledger of the vault is not believed")]
    Ledger(#[from] LedgerError),
    /// The ledger is another one than the one known under this name.
    #[error("the vault '{vault}' has the ledger {found}, not {known}")]
    OtherLedger {
        /// The vault.
        vault: String,
        /// The id that is known.
        known: Digest,
        /// The id that is offered.
        found: Digest,
    },
    /// The ledger ends before the entry that was seen last.
    #[error(
        "the ledger of '{vault}' was at entry {old_number} ({old}) and is offered at entry {new_number} ({new}) now"
    )]
    Rewound {
        /// The vault.
        vault: String,
        /// The head that was seen.
        old: Oid,
        /// Its number.
        old_number: u64,
        /// The head that is offered.
        new: Oid,
        /// Its number.
        new_number: u64,
    },
    /// The ledger goes on from an earlier entry than the one that was seen last.
    #[error(
        "the ledger of '{vault}' has two histories that part at entry {}: {old} (entry {old_number}) was seen, {new} (entry \
         {new_number}) is offered",
        at.map_or_else(|| format!("{old_number} or before"), |at| at.to_string())
    )]
    Forked {
        /// The vault.
        vault: String,
        /// The head that was seen.
        old: Oid,
        /// Its number.
        old_number: u64,
        /// The head that is offered.
        new: Oid,
        /// Its number.
        new_number: u64,
        /// Number of the first entry that is not the same, where that is known.
        at: Option<u64>,
    },
    /// What is here of a ledger is not all that was seen of it.
    #[error(
        "the ledger of '{vault}' was seen up to entry {number} ({commit}), and {}",
        here.map_or_else(|| "is gone here".to_owned(), |here| format!("is here up to entry {here} only"))
    )]
    Behind {
        /// The vault.
        vault: String,
        /// The head that was seen.
        commit: Oid,
        /// Its number.
        number: u64,
        /// Number of the newest entry here; `None` where the ledger is gone.
        here: Option<u64>,
    },
    /// What was seen of a vault cannot be read, and it may say that a release must not be used.
    #[error("what was fetched from the vault '{vault}' cannot be read, so nobody can say what it knows of this")]
    Unread {
        /// The vault.
        vault: String,
        /// Why.
        source: Box<Error>,
    },
    /// The file that says how far a ledger was seen cannot be used.
    #[error("'{}', which says how far a ledger was seen, is damaged", .0.display())]
    SeenFile(PathBuf),
    /// A witness saw another ledger.
    #[error("the witness '{}' saw another entry {number} of the ledger", witness.escape_debug())]
    Contradicted {
        /// Who.
        witness: String,
        /// The entry.
        number: u64,
    },
    /// The ledger lists a release that the vault does not offer.
    #[error("the vault '{vault}' is not complete: its ledger has '{release}', and there is no such tag")]
    Incomplete {
        /// The vault.
        vault: String,
        /// The release.
        release: String,
    },
    /// It cannot be done without the network.
    #[error("the vault '{0}' has to be asked for this, and `--offline` leaves the network alone")]
    Offline(String),
    /// Nothing was fetched from the vault yet.
    #[error("nothing was fetched from the vault '{}' yet", .0.escape_debug())]
    NothingSeen(String),
    /// Readers would not take the entry.
    #[error("no reader would take this entry")]
    Refused(#[from] Problem),
    /// Readers would not believe the release.
    #[error("no reader would believe this release")]
    NotVouched(#[from] Refusal),
    /// Readers would not take the trust files.
    #[error("no reader would take these trust files")]
    Files(#[from] FilesError),
    /// The mail address cannot be the name of a principal.
    #[error("'{}' cannot be the name of a principal: no spaces, quotes, commas or wildcards", .0.escape_debug())]
    Principal(String),
    /// The system gives no random numbers.
    #[error("there are no random numbers: {0}")]
    Random(String),
    /// Someone with a role has no key.
    #[error("'{}' has no key in this vault yet", .0.escape_debug())]
    NoKeyOf(String),
    /// Someone has no such role.
    #[error("'{}' has no such role in this vault", .0.escape_debug())]
    NoRole(String),
    /// A key is none of those that root files are signed with.
    #[error("the vault knows no key {}", .0.escape_debug())]
    NoRootKey(String),
    /// The user's key is none of those that root files are signed with.
    #[error("your key {0} is no root key of this vault")]
    NotARootKey(String),
    /// A draft leaves out a revocation.
    #[error("the draft would believe {0} again, a key that was revoked since it was made")]
    Undone(String),
    /// The folder holds no draft.
    #[error("'{}' holds no draft of trust files", .0.display())]
    Draft(PathBuf),
    /// The vault has this version, with other content.
    #[error("the vault has another '{0}'")]
    Taken(Release),
    /// Others published again and again while we tried.
    #[error(
        "the vault '{vault}' did not take it in {tries} tries, as when others publish all the time; the last time: {reason}"
    )]
    Raced {
        /// The vault.
        vault: String,
        /// How often it was tried.
        tries: u32,
        /// What git said at last.
        reason: String,
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
    /// The record of a vault is lost, and there is no copy of it.
    #[error("the record of the vault '{vault}' is lost, and its store has no copy of it")]
    RecordLost {
        /// The vault.
        vault: String,
        /// The id of its ledger, where the store says it.
        ledger: Option<Digest>,
    },
    /// Nothing is there that could hold a part of a vault.
    #[error("'{}' is neither a pack nor a repository, and no folder of packs", .0.display())]
    NoSource(PathBuf),
    /// A vault in one file takes nothing.
    #[error("the vault '{vault}' is the file '{url}', and nothing can be published to a file")]
    IsAFile {
        /// The vault.
        vault: String,
        /// The file.
        url: String,
    },
    /// Something else stands where a vault is to be written.
    #[error("'{}' is there already and is not this vault", .0.display())]
    InTheWay(PathBuf),
    /// A copy of a vault knows more of its ledger than this user does.
    #[error("'{}' has the ledger at entry {theirs}, and here it was seen up to {ours}", path.display())]
    Ahead {
        /// The copy.
        path: PathBuf,
        /// Number of the newest entry there.
        theirs: u64,
        /// Number of the newest entry here.
        ours: u64,
    },
    /// Not all of a vault is here.
    #[error("{missing} of the {listed} releases of the vault '{vault}' are not here, '{first}' is one")]
    NotHere {
        /// The vault.
        vault: String,
        /// How many.
        missing: usize,
        /// Of how many.
        listed: usize,
        /// One of them.
        first: String,
    },
    /// What a bundle needs cannot be had.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A release that is followed needs more than the collection has.
    #[error("'{release}' needs what is not here: {}", missing.join(", "))]
    NeedsMore {
        /// The release.
        release: String,
        /// Its bundle.
        bundle: String,
        /// The user's name for its vault.
        vault: String,
        /// The releases that it needs.
        missing: Vec<String>,
    },
    /// A name that a bundle needs is offered by several vaults, none of which is the one it is known from.
    #[error("'{bundle}' is offered by several vaults: {}", vaults.join(", "))]
    SeveralVaults {
        /// What is needed.
        bundle: String,
        /// Who offers it.
        vaults: Vec<String>,
    },
    /// `collection.lock` names another release, or none.
    #[error("'{release}' is not the release in 'collection.lock'{}", locked.as_ref().map(|locked| format!(", which names {locked}")).unwrap_or_default())]
    NotLocked {
        /// What was to be taken.
        release: String,
        /// The version that is locked.
        locked: Option<String>,
    },
    /// `collection.lock` names a release of a vault by another tag than the vault has.
    #[error(
        "'{release}' is locked as {locked}, and the vault '{vault}' has {}",
        found.map_or_else(|| "none of that name".to_owned(), |found| found.to_string())
    )]
    OtherLocked {
        /// The vault.
        vault: String,
        /// The release.
        release: String,
        /// The tag object that is locked.
        locked: Oid,
        /// The tag object that the vault has.
        found: Option<Oid>,
    },
    /// A copy in object storage failed.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// A key or the user's own list failed.
    #[error(transparent)]
    Keys(#[from] keys::Error),
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
            Error::NotEmpty(_) | Error::NoIdentity | Error::IsAFile { .. } | Error::InTheWay(_) => Class::Usage,
            Error::NoSource(_) => Class::Name,
            Error::NotHere { .. } => Class::Net,
            Error::Ahead { .. } => Class::Rollback,
            Error::NotAVault(_) | Error::File(_) | Error::Record(_) | Error::RecordLost { .. } => Class::Parse,
            Error::SeenFile(_) => Class::Parse,
            Error::Moved { .. } | Error::Gone { .. } => Class::Rollback,
            Error::Taken(_) | Error::Undone(_) => Class::Policy,
            Error::Raced { .. } => Class::Conflict,
            // What is there and no ledger may have is not a matter of the network.
            Error::Ledger(LedgerError::Source(source)) => match source.downcast_ref::<GitError>() {
                Some(GitError::Missing { .. }) | None => Class::Net,
                Some(error) => git_class(error),
            },
            Error::Ledger(error) => error.class(),
            Error::OtherLedger { .. } => Class::Untrusted,
            Error::Rewound { .. } | Error::Behind { .. } => Class::Rollback,
            Error::Unread { source, .. } => source.class(),
            Error::Forked { .. } | Error::Contradicted { .. } => Class::Fork,
            Error::Incomplete { .. } | Error::Offline(_) => Class::Net,
            Error::Refused(problem) => problem.class(),
            Error::NotVouched(refusal) => refusal.class(),
            Error::Files(error) => error.class(),
            Error::Principal(_) | Error::NoKeyOf(_) | Error::NoRole(_) | Error::NoRootKey(_) => Class::Name,
            Error::NothingSeen(_) | Error::Draft(_) => Class::Usage,
            Error::Random(_) => Class::Io,
            Error::NeedsMore { .. } => Class::Consent,
            Error::Resolve(ResolveError::TooMuch) => Class::Limit,
            Error::Resolve(_) | Error::SeveralVaults { .. } | Error::NotLocked { .. } | Error::OtherLocked { .. } => {
                Class::Policy
            }
            Error::NotARootKey(_) => Class::Untrusted,
            Error::Copy(error) => error.class(),
            Error::Bundle(error) => error.class(),
            Error::Keys(error) => error.class(),
            Error::Git(error) => git_class(error),
            Error::Fs(error) => fs_class(error),
        }
    }
}
