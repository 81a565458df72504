//! What a server of ours does for a vault by itself, whatever program pushes.

use crate::git::{GitError, Repo};

/// git's own rules: it looks at what is pushed, takes nothing back, and sends files apart (`schema/vault.md`, section 4).
const RULES: [(&str, &str, &str); 5] = [
    ("receive", "fsckObjects", "true"),
    ("receive", "denyNonFastForwards", "true"),
    ("receive", "denyDeletes", "true"),
    ("uploadpack", "allowFilter", "true"),
    ("uploadpack", "allowAnySHA1InWant", "true"),
];

/// Where the hooks stand. Else the configuration of whoever receives pushes could name another folder, and none of them would run.
const HOOKS: [(&str, &str, &str); 1] = [("core", "hooksPath", "hooks")];

/// Turns these rules on where they are not; returns those that were not.
///
/// # Errors
/// [`GitError::Fs`], [`GitError::Gix`] for a configuration that cannot be read.
pub(super) fn turn_on_rules(repo: &Repo) -> Result<Vec<String>, GitError> {
    repo.set_own(&RULES)
}

/// Turns these rules on, and makes git take the hooks of this repository and no others; returns the settings that were changed.
///
/// # Errors
/// [`GitError::Fs`], [`GitError::Gix`] for a configuration that cannot be read.
pub fn turn_on_hooks(repo: &Repo) -> Result<Vec<String>, GitError> {
    let mut changed = turn_on_rules(repo)?;
    changed.extend(repo.set_own(&HOOKS)?);
    Ok(changed)
}
