//! Vaults: git repositories where releases are published. What a vault says counts only by its ledger, and only for users who
//! know that ledger.

mod add;
mod append;
mod cache;
mod check;
mod copy;
mod dependencies;
mod draft;
mod entries;
mod error;
mod fetch;
mod follow;
mod init;
mod judges;
mod kept;
mod ledger;
mod locked;
mod ls;
pub mod mirror;
mod pull;
mod push;
mod receive;
mod repair;
mod root;
mod seen;
mod serve;
mod show;
mod travel;
mod upstream;
mod witness;

pub use add::{Added, HeldKey, Removed, Vault, add, list, names, pin, remove, store};
pub use check::{Checked, NotBelieved, Offered, Part, Reach, Remedy, Trouble, check};
pub use copy::CopyError;
pub use dependencies::{Locked, Needed, dependencies};
pub use entries::{Recorded, ShownEntry, checkpoint, key_of, log, revoke, yank};
pub use error::Error;
pub use fetch::bring;
pub use follow::{BundleUpdate, Followed, FollowedArtifact, Link, follow};
pub use init::{Made, NewPlace, init};
pub use judges::{Judges, knowing};
pub use kept::LastFetch;
pub use ledger::Opened;
pub use locked::{PulledOne, check_locked, locked_release, pull_all, pull_locked};
pub use ls::{Standing, VaultRelease, ls};
pub use pull::{Asked, Pulled, pull};
pub use push::{Pushed, push};
pub use receive::{Gate, MAX_PUSHED_REFS, OtherRefs, RefUpdate, Refused};
pub use repair::{NotTaken, Repaired, Restored, VaultSide, repair, repair_vault_side};
pub use root::{RootChange, RootState, change, publish, sign};
pub use serve::turn_on_hooks;
pub use show::{Fetched, KnownMirror, LatestRelease, LedgerReport, ListedVault, overview, show};
pub use travel::{Carried, Shape, export, pull_from};
pub use witness::{Witnessed, witness};

/// Branch of a vault with its index for people.
pub(crate) const INDEX_REF: &str = "refs/heads/main";
