//! The local trail of what changed: a chain of commits under [`AUDIT_REF`], an entry for each command that changed
//! something (`schema/audit.md`).
//!
//! Each entry names the SHA-256 of the one before it. The ref moves in the same transaction as the change.

mod entry;
mod log;
mod stats;

pub use entry::{AUDIT_REF, Entry, Event, next};
pub use log::{Trail, log, verify};
pub use stats::{Counted, Idle, Stats, idle, stats};

use crate::git::{GitError, Repo};
use crate::ops::Context;

/// How often an entry is made again because another process was first.
const MAX_TRIES: u32 = 20;

/// Records an event that is no commit of the collection, such as a deployment; nothing when the trail is turned off.
///
/// What was done is done: an entry that cannot be written, as in a repository that may only be read, is a warning.
pub fn record(context: &Context, repo: &Repo, event: &Event<'_>) {
    let mut tried = try_record(context, repo, event);
    for _ in 1..MAX_TRIES {
        if !matches!(tried, Err(GitError::RefMoved { .. } | GitError::RefLocked { .. })) {
            break;
        }
        tried = try_record(context, repo, event);
    }
    if let Err(error) = tried {
        context.progress.warn(&format!("the trail has no entry of this: {error}"));
    }
}

fn try_record(context: &Context, repo: &Repo, event: &Event<'_>) -> Result<(), GitError> {
    let Some(change) = next(context, repo, event)? else { return Ok(()) };
    let Some(who) = context.identity.as_ref() else { return Ok(()) };
    repo.flush()?;
    repo.change_refs(&[change], &format!("skillmeat: audit {}", event.action), who)
}
