//! Vaults: git repositories where releases are published. What a vault says counts only by its ledger, and only for users who
//! know that ledger.

mod add;
mod append;
mod copy;
mod dependencies;
mod draft;
mod entries;
mod error;
mod follow;
mod init;
mod ledger;
pub mod mirror;
mod pull;
mod push;
mod root;
mod upstream;
mod witness;

pub use add::{Added, HeldKey, Vault, add, list, pin, remove, store};
pub use copy::CopyError;
pub use dependencies::{Locked, Needed, check_locked, dependencies};
pub use entries::{LedgerReport, Recorded, ShownEntry, checkpoint, key_of, log, revoke, show, yank};
pub use error::Error;
pub use follow::{BundleUpdate, Followed, FollowedArtifact, Link, follow};
pub use init::{Made, init, init_in_store};
pub use ledger::{Opened, knowing};
pub use pull::{Pulled, Standing, VaultRelease, ls, pull};
pub use push::{Pushed, push};
pub use root::{RootChange, RootState, change, publish, sign};
pub use witness::{Witnessed, witness};

/// Branch of a vault with its index for people.
pub(crate) const INDEX_REF: &str = "refs/heads/main";
