//! What a server of ours does for a vault by itself, whatever program pushes.

use crate::git::{GitError, Repo};

/// git's own rules: it looks at what is pushed, takes nothing back, and sends files apart (`schema/vault.md`, section 4).
const RULES: [(&str, &str); 5] = [
    ("receive", "fsckObjects"),
    ("receive", "denyNonFastForwards"),
    ("receive", "denyDeletes"),
    ("uploadpack", "allowFilter"),
    ("uploadpack", "allowAnySHA1InWant"),
];

/// Turns these rules on where they are not; returns those that were not.
///
/// # Errors
/// [`GitError::Fs`], [`GitError::Gix`] for a configuration that cannot be read.
pub fn turn_on_rules(repo: &Repo) -> Result<Vec<String>, GitError> {
    repo.turn_on(&RULES)
}
