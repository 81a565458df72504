//! What can go wrong with a collection.

use std::path::PathBuf;

use crate::fsio::FsError;
use crate::git::GitError;
use crate::model::foreign::ForeignError;
use crate::model::mcp::McpError;
use crate::model::{ArtifactRef, Class, CollectionError, Digest, NameError, Oid, SourceError, Transport, TreePath};
use crate::scan::DiscoverError;

/// A use case on a collection failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no collection at the place, or the repository there is none.
    #[error("there is no collection in '{}'", .0.display())]
    NoCollection(PathBuf),
    /// There is one already.
    #[error("'{}' is a collection already", .0.display())]
    IsCollection(PathBuf),
    /// A text that cannot be the name of a collection.
    #[error("'{}' cannot be the name of a collection: 1 to 200 bytes without control characters", .0.escape_debug())]
    BadName(String),
    /// git does not know who commits.
    #[error("git does not know who you are")]
    NoIdentity,
    /// No artifact has this name.
    #[error("no artifact '{}' in this collection", .text.escape_debug())]
    Unknown {
        /// What was asked for.
        text: String,
        /// Names that are near.
        near: Vec<ArtifactRef>,
    },
    /// The source has no artifact of this name.
    #[error("no artifact '{}' was found in the source", .text.escape_debug())]
    NotOffered {
        /// What was asked for.
        text: String,
        /// Names that are near.
        near: Vec<ArtifactRef>,
    },
    /// Several artifacts have this name.
    #[error("'{text}' is the name of several artifacts")]
    Ambiguous {
        /// What was asked for.
        text: String,
        /// All of them.
        candidates: Vec<ArtifactRef>,
    },
    /// A name breaks the rules.
    #[error(transparent)]
    Name(#[from] NameError),
    /// `collection.toml` or `collection.lock` cannot be used.
    #[error(transparent)]
    File(#[from] CollectionError),
    /// A text is no source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A source cannot be searched.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// A source holds no artifact.
    #[error("no artifact was found in '{place}'")]
    NothingFound {
        /// The source.
        place: String,
        /// What was seen there.
        notes: Vec<String>,
    },
    /// Only one artifact can get another name.
    #[error("a new name can be given to one artifact, not to {0}")]
    RenameOne(usize),
    /// A name stands for different artifacts of one source.
    #[error("the source has different artifacts called '{artifact}': '{}'", paths.join("', '"))]
    Clash {
        /// The name.
        artifact: ArtifactRef,
        /// Their places.
        paths: Vec<String>,
    },
    /// A folder holds no record of another manager.
    #[error("no record of another manager was found in '{}'", .0.display())]
    NoRecord(PathBuf),
    /// A record of another manager cannot be read.
    #[error("the record '{}' cannot be read", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ForeignError,
    },
    /// A collection shall be made in the folder that it shall be made from.
    #[error("'{}' is what is to be adopted, and is left as it is", .0.display())]
    AdoptsItself(PathBuf),
    /// The collection has another artifact of this name.
    #[error("the collection has another '{0}'")]
    Exists(ArtifactRef),
    /// An artifact of a source cannot be used.
    #[error("'{artifact}' in '{path}' cannot be added")]
    Unusable {
        /// The artifact.
        artifact: ArtifactRef,
        /// Its place in the source.
        path: String,
        /// Why.
        source: Box<Error>,
    },
    /// An artifact that is here holds what none may hold: people and clones bring what commands refuse.
    #[error("'{artifact}' cannot be used as it is")]
    Unfit {
        /// The artifact.
        artifact: ArtifactRef,
        /// Why.
        source: GitError,
    },
    /// An MCP configuration cannot be used.
    #[error(transparent)]
    Mcp(#[from] McpError),
    /// The state that a merge would start from is not here, and the upstream does not have it any more.
    #[error("the state of '{0}' that was taken from its upstream is nowhere to be had, so nothing can be merged")]
    NoBase(ArtifactRef),
    /// An upstream has something else than a lock names.
    #[error(
        "'{artifact}' is locked with the digest {locked}, and its upstream has {}",
        found.map_or_else(|| "nothing in its place".to_owned(), |found| found.to_string())
    )]
    NotLocked {
        /// The artifact.
        artifact: ArtifactRef,
        /// What the lock names.
        locked: Digest,
        /// What is there; `None` for nothing.
        found: Option<Digest>,
    },
    /// A lock names a tree and a digest that are not of the same files.
    #[error("'{artifact}' is locked with the tree {locked}, and the files of its digest are the tree {found}")]
    WrongTree {
        /// The artifact.
        artifact: ArtifactRef,
        /// The tree that the lock names.
        locked: String,
        /// The tree of the files.
        found: Oid,
    },
    /// An address of `collection.toml` that nobody here has agreed to read from.
    #[error("'{}' {}, and nobody here has typed that", address.escape_debug(), match transport {
        Transport::Http => "is read over an unprotected line",
        _ => "is on this machine",
    })]
    NotAllowed {
        /// The address.
        address: String,
        /// How it is reached.
        transport: Transport,
    },
    /// No update of this artifact waits for a decision.
    #[error("no update of '{0}' waits for a decision")]
    NothingPending(ArtifactRef),
    /// A file of a merge is not finished.
    #[error("'{0}' is not merged yet")]
    Unresolved(TreePath),
    /// A file of a merge that has no lines to put together lies there as it was laid out.
    #[error("'{0}' was changed by both sides, and lies there as one of them has it")]
    Undecided(TreePath),
    /// The collection has changed since a merge was laid out.
    #[error("the merge of '{0}' was not laid out, or the collection has changed since")]
    Stale(ArtifactRef),
    /// A word that cannot be a tag.
    #[error("'{}' cannot be a tag: 1 to 64 bytes without spaces, commas and control characters", .0.escape_debug())]
    Word(String),
    /// The last commit was not made by one of our commands.
    #[error("the last commit was made by hand: '{}'", .0.escape_debug())]
    ByHand(String),
    /// A finding that shall be accepted is not there.
    #[error("no finding '{}' in these artifacts", .0.escape_debug())]
    NotFound(String),
    /// The user has not agreed.
    #[error("nothing was changed: nobody agreed to what a client will run by itself")]
    Consent,
    /// The repository failed.
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
            Error::NoCollection(_) | Error::IsCollection(_) | Error::NoIdentity => Class::Usage,
            Error::Unknown { .. } | Error::NotOffered { .. } | Error::Ambiguous { .. } | Error::Name(_) => Class::Name,
            Error::File(_) => Class::Parse,
            Error::Source(_) | Error::RenameOne(_) => Class::Name,
            Error::Discover(error) => match error {
                DiscoverError::Tree { .. } => Class::Io,
                DiscoverError::Limit { .. } => Class::Limit,
                DiscoverError::Missing { .. } => Class::Name,
                DiscoverError::Link { .. } => Class::Path,
            },
            Error::NothingFound { .. } | Error::NoRecord(_) => Class::Name,
            Error::Record { .. } => Class::Parse,
            Error::AdoptsItself(_) => Class::Usage,
            Error::Clash { .. } | Error::Exists(_) | Error::NoBase(_) => Class::Conflict,
            Error::Unresolved(_) | Error::Undecided(_) | Error::Stale(_) => Class::Conflict,
            Error::NotLocked { .. } | Error::WrongTree { .. } => Class::Hash,
            Error::NotAllowed { transport: Transport::Http, .. } => Class::Net,
            Error::NotAllowed { .. } => Class::Name,
            Error::BadName(_) | Error::NothingPending(_) | Error::Word(_) | Error::NotFound(_) => Class::Name,
            Error::ByHand(_) => Class::Usage,
            Error::Unusable { source, .. } => source.class(),
            Error::Mcp(_) => Class::Parse,
            Error::Consent => Class::Consent,
            Error::Git(error) | Error::Unfit { source: error, .. } => git_class(error),
            Error::Fs(error) => fs_class(error),
        }
    }
}

/// Returns the class of an error of the git layer.
pub(crate) fn git_class(error: &GitError) -> Class {
    match error {
        GitError::NotARepository(_) | GitError::Bare(_) | GitError::Unborn(_) | GitError::Steered { .. } => {
            Class::Usage
        }
        GitError::NoCommit(_) => Class::Name,
        GitError::BadEntry { .. } => Class::Path,
        GitError::BadPath(_) => Class::Path,
        GitError::TooMuch { .. } => Class::Limit,
        GitError::NotOurs(_) | GitError::Declined { .. } => Class::Policy,
        GitError::RefLocked { source, .. } if source.is_denied() => Class::Io,
        GitError::RefLocked { .. }
        | GitError::RefMoved { .. }
        | GitError::Dirty(_)
        | GitError::Folded(_)
        | GitError::Untracked(_)
        | GitError::InProgress { .. }
        | GitError::Rejected { .. } => Class::Conflict,
        GitError::Forged { .. } => Class::Hash,
        GitError::Net { .. } | GitError::Redirected { .. } | GitError::Offline => Class::Net,
        GitError::Fs(error) => fs_class(error),
        GitError::NoProgram(_)
        | GitError::TooOld { .. }
        | GitError::Process { .. }
        | GitError::Missing { .. }
        | GitError::Gix { .. } => Class::Io,
    }
}

/// Returns the class of a file error.
pub(crate) fn fs_class(error: &FsError) -> Class {
    match error {
        FsError::Io { .. } => Class::Io,
        FsError::Escapes(_) => Class::Path,
        FsError::TooLarge { .. } => Class::Limit,
        FsError::Busy(_) => Class::Busy,
    }
}
