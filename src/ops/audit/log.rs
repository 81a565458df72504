//! Reading and checking the trail.

use schemars::JsonSchema;
use serde::Serialize;

use super::entry::{AUDIT_REF, Entry};
use crate::git::{GitError, Repo};
use crate::model::Digest;

/// What `audit verify` found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Trail {
    /// Number of entries that were checked.
    pub entries: u64,
    /// SHA-256 of the newest entry's raw commit, to keep somewhere else: only who has it can tell that later entries
    /// are missing, or that all were written anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<Digest>,
    /// What is wrong with the first bad entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
}

/// The first entry at which the chain does not hold.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Broken {
    /// Its place, counted from the first entry, from 0.
    pub number: u64,
    /// What is wrong.
    pub problem: String,
}

/// Returns the newest `limit` entries, newest first; what is no entry is left out here and named by [`verify`].
///
/// # Errors
/// [`GitError`].
pub fn log(repo: &Repo, limit: usize) -> Result<Vec<Entry>, GitError> {
    let Some(head) = repo.find_ref(AUDIT_REF)? else { return Ok(Vec::new()) };
    Ok(repo.first_parents(head, limit)?.iter().filter_map(Entry::of).collect())
}

/// Checks the whole chain, from the first entry on.
///
/// # Errors
/// [`GitError`] when objects are missing.
pub fn verify(repo: &Repo) -> Result<Trail, GitError> {
    let Some(head) = repo.find_ref(AUDIT_REF)? else { return Ok(Trail { entries: 0, head: None, broken: None }) };
    let mut commits = repo.first_parents(head, usize::MAX)?;
    commits.reverse();
    let mut prev: Option<Digest> = None;
    for (number, info) in (0_u64..).zip(&commits) {
        if let Some(problem) = problem(number, info, prev) {
            return Ok(Trail { entries: number, head: prev, broken: Some(Broken { number, problem }) });
        }
        prev = Some(Digest::of(&repo.raw_commit(info.id)?));
    }
    Ok(Trail { entries: commits.len() as u64, head: prev, broken: None })
}

fn problem(number: u64, info: &crate::git::CommitInfo, prev: Option<Digest>) -> Option<String> {
    let Some(entry) = Entry::of(info) else { return Some("it is no entry".to_owned()) };
    if entry.number != number {
        return Some(format!("it calls itself number {}", entry.number));
    }
    if entry.prev != prev {
        return Some("it does not follow the entry before it".to_owned());
    }
    (info.parents.len() > 1).then(|| "it has several entries before it".to_owned())
}
