//! git: objects, refs, index and worktree through gix, and the one builder for the programs `git` and `ssh-keygen` (level 2).
//!
//! Reads never start a process. Refs change by compare-and-swap only. Trees that came from outside are walked by
//! [`Repo::files`], which refuses what git itself lets through (`schema/threats.md`, 2.5): links, submodules, names that are
//! no [`crate::model::TreePath`].

#![allow(
    clippy::disallowed_methods,
    reason = "this module owns the calls that start programs, and reads what git and ssh read"
)]

mod bulk;
mod carry;
mod changes;
mod claim;
mod deltas;
mod download;
mod editor;
mod error;
mod examine;
mod files;
mod follow;
mod identity;
mod loose;
mod merge;
mod mergetool;
mod objects;
mod open_packs;
mod packed;
mod process;
mod quarantine;
mod readers;
mod refs;
mod remote;
mod repack;
mod repo;
mod settings;
mod sparse;
pub mod ssh;
mod transport;
mod watch;
mod worktree;

pub use download::{Download, download};
pub use editor::edit_files;
pub use error::GitError;
pub use examine::{Damage, Examined, Flaw, examine};
pub use files::{ChangedFile, EntryKind, TreeEntry, TreeFile, WalkLimits};
pub use identity::{Identity, Person};
pub use merge::{Merged, Side};
pub use mergetool::Stages;
pub use objects::CommitInfo;
pub(crate) use process::find_program;
pub use process::{Git, Profile};
pub use quarantine::Quarantine;
pub use readers::Readers;
pub use refs::{Expect, RefChange};
pub use remote::{Remote, RemoteRef};
pub use repack::PackFiles;
pub use repo::{Head, Repo, Store, Worktree};
pub use settings::GitConfig;
pub use transport::PushUpdate;
pub use worktree::{Touched, WorkState};
