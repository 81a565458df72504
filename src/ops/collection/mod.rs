//! Collections: what is in them, and every change as one commit.

mod add;
mod change;
mod diff;
mod error;
mod history;
mod init;
mod list;
mod open;
mod pending;
mod remove;
mod source;
mod status;
mod take;
mod update;
mod upstream;

pub use add::{AddItem, AddPlan, AddStep, Clashing, Offer, add, look, plan_add};
pub use change::Change;
pub use diff::{ArtifactDiff, FileDiff, Sides, diff};
pub use error::Error;
pub(crate) use error::{fs_class, git_class};
pub use history::{Entry, RolledBack, history, rollback, snapshot};
pub use init::{Initialised, default_name, init};
pub use list::{Listed, Listing, Shown, ShownFile, file_entries, list, show};
pub use open::{Collection, PRISTINE_REFS, SNAPSHOT_REFS};
pub use pending::{Decision, PENDING_REFS, Resolved, lay_out, pending, resolve};
pub use remove::{Removed, remove};
pub use status::{ArtifactStatus, Ask, Local, Status, Uncommitted, status};
pub use update::{Looked, Strategy, Update, UpdateItem, UpdatePlan, UpdateStep, look_for_updates, plan_update, update};
pub use upstream::{Rewritten, Upstream, UpstreamCommit};
