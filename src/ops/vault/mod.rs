//! Vaults: git repositories where releases are published. What a vault says counts only by its ledger, and only for users who
//! know that ledger.

mod add;
mod append;
mod check;
mod dependencies;
mod draft;
mod entries;
mod error;
mod follow;
mod init;
mod kept;
mod ledger;
mod pull;
mod push;
mod repair;
mod root;
mod show;
mod travel;
mod witness;

pub use add::{Added, HeldKey, Removed, Vault, add, list, names, pin, remove, store};
pub use check::{Checked, NotBelieved, Offered, Part, Reach, Remedy, Trouble, check};
pub use dependencies::{Locked, Needed, check_locked, dependencies};
pub use entries::{Recorded, ShownEntry, checkpoint, key_of, log, revoke, yank};
pub use error::Error;
pub use follow::{BundleUpdate, Followed, FollowedArtifact, Link, follow};
pub use init::{Made, init};
pub use kept::LastFetch;
pub use ledger::{Opened, knowing};
pub use pull::{Pulled, Standing, VaultRelease, ls, pull};
pub use push::{Pushed, push};
pub use repair::{Refused, Repaired, Restored, VaultSide, repair, repair_vault_side};
pub use root::{RootChange, RootState, change, publish, sign};
pub use show::{Fetched, LatestRelease, LedgerReport, ListedVault, overview, show};
pub use travel::{Carried, Shape, export, pull_from};
pub use witness::{Witnessed, witness};

/// Branch of a vault with its index for people.
pub(crate) const INDEX_REF: &str = "refs/heads/main";
