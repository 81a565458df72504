//! The ledger from its first entry, all signatures anew.

use super::{Part, Remedy, Trouble};
use crate::git::{GitError, Repo};
use crate::model::{LedgerEntry, Oid};
use crate::ops::collection::with_causes;
use crate::ops::vault::Error;
use crate::ops::vault::ledger::Objects;
use crate::signature::{RawCommit, SignedCommit};
use crate::trust::{Known, Ledger, LedgerError, read_ledger};

/// Reads a ledger up to `head`. Where an entry does not hold, what stands before it is returned all the same, for what it can say
/// of releases.
pub(in crate::ops::vault) fn read_all(
    repo: &Repo,
    head: Oid,
    part: Part,
    remedy: Remedy,
) -> (Option<Ledger>, Option<Trouble>) {
    let error = match read_ledger(&Objects(repo), head, Known::Nothing) {
        Ok(ledger) => return (Some(ledger), None),
        Err(error) => error,
    };
    let place = match &error {
        LedgerError::Entry { number, commit, .. } => (Some(*commit), Some(*number)),
        LedgerError::Source(source) => {
            let (commit, number) = last_missing(repo, head);
            let named = match source.downcast_ref::<GitError>() {
                Some(GitError::Missing { id, .. }) => Some(*id),
                _ => None,
            };
            (commit.or(named), number)
        }
        LedgerError::TooLong(_) | LedgerError::TooLarge(_) => (None, None),
    };
    let before = match &error {
        LedgerError::Entry { commit, .. } => {
            repo.commit(*commit).ok().and_then(|commit| commit.parents.first().copied())
        }
        _ => None,
    };
    let before = before.and_then(|id| read_ledger(&Objects(repo), id, Known::Nothing).ok());
    let is_missing = matches!(error, LedgerError::Source(_));
    let error = Error::from(error);
    // What is missing here is damaged and not a matter of the network.
    let class = if is_missing && part != Part::Vault { crate::model::Class::Hash } else { error.class() };
    let mut trouble = Trouble::new(part, class, remedy, with_causes(&error)).of_object(place.0);
    trouble.entry = place.1;
    (before, Some(trouble))
}

/// Returns the newest commit of a ledger that cannot be read, and the number that its entry has to have.
fn last_missing(repo: &Repo, head: Oid) -> (Option<Oid>, Option<u64>) {
    let (mut id, mut number) = (head, None);
    loop {
        let Ok(raw) = repo.raw_commit(id) else { return (Some(id), number) };
        let entry = SignedCommit::parse(&raw)
            .ok()
            .flatten()
            .and_then(|signed| LedgerEntry::parse(signed.commit.message()).ok());
        number = entry.and_then(|entry| entry.number.checked_sub(1));
        match RawCommit::parse(&raw).ok().and_then(|commit| commit.parents().first().copied()) {
            Some(parent) => id = parent,
            // All commits are here, so it is the files of one.
            None => return (None, None),
        }
    }
}
