//! Adding an entry to a vault's ledger, in one atomic push with whatever belongs to it.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

use super::ledger::{self, LEDGER_REF};
use super::upstream::Upstream;
use super::{Error, INDEX_REF, Opened, Vault};
use crate::git::{Expect, GitError, Identity, PushUpdate, RefChange, Repo};
use crate::model::{EntryBody, LedgerEntry, LedgerId, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::Signer;
use crate::signature::{GIT_NAMESPACE, attach_to_commit};
use crate::trust::Ledger;

/// How often a push is tried when others publish in the same moments.
const MAX_TRIES: u32 = 40;

/// Longest pause between two tries, in times that a try takes: room for so many others.
const LONGEST_PAUSE: u32 = 24;

/// Longest pause whatever a try takes.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// The vault as it is now, for whoever decides what to add.
pub(super) struct Now<'a> {
    pub(super) repo: &'a Repo,
    pub(super) ledger: &'a Ledger,
    /// Head of the branch for people, where that was asked for.
    pub(super) index: Option<Oid>,
    /// Which try this is, from 1.
    pub(super) tries: u32,
    upstream: &'a dyn Upstream,
}

impl Now<'_> {
    /// Asks the vault what it offers under the name of a release. It has to list all its tags for that.
    pub(super) fn tag(&self, release: &Release) -> Result<Option<Oid>, Error> {
        let name = release.ref_name();
        Ok(self.upstream.tags(self.repo)?.into_iter().find(|found| found.name == name).map(|found| found.id))
    }
}

/// Which branches an addition is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The ledger.
    Ledger,
    /// The ledger, and the branch for people.
    Index,
}

/// What to add.
pub(super) struct Addition {
    pub(super) body: EntryBody,
    /// The files from here on; `None` where they stay.
    pub(super) tree: Option<Oid>,
    /// What moves in the same push.
    pub(super) refs: Vec<PushUpdate>,
}

/// What was added.
pub(super) struct Added {
    /// Number of the entry; `None` where nothing had to be added.
    pub(super) number: Option<u64>,
    /// How often it was tried.
    pub(super) tries: u32,
    /// The ledger with it.
    pub(super) ledger: Ledger,
}

/// Adds an entry that `decide` makes from the vault as it is now. Whoever loses a race looks again and decides again;
/// `None` adds nothing.
///
/// # Errors
/// Those of `decide`, [`Error::Refused`] when readers would not take the entry, [`Error::Raced`], [`Error::Git`] with `Net`.
pub(super) fn append(
    context: &Context,
    opened: &Opened,
    from: From,
    decide: &dyn Fn(&Now<'_>) -> Result<Option<Addition>, Error>,
) -> Result<Added, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let Opened { vault, repo, ledger: seen } = opened;
    let (signer, mut seen) = (Signer::of(context)?, seen.clone());
    let key = signer.public()?;
    let upstream = vault.upstream(context)?;
    let mut pause = Duration::ZERO;
    let mut reason = String::new();
    for tries in 1..=MAX_TRIES {
        let started = Instant::now();
        context.progress.step("publishing", u64::from(tries), None);
        let branches: &[&str] = if from == From::Index { &[LEDGER_REF, INDEX_REF] } else { &[LEDGER_REF] };
        let (heads, _) = ledger::fetch_branches(context, repo, upstream.as_ref(), branches)?;
        let head = heads.first().copied().ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
        let ledger = ledger::follow(context, repo, vault, seen.as_ref(), head)?;
        let index = heads.get(1).copied();
        keep_index(context, repo, index)?;
        let now = Now { repo, ledger: &ledger, index, tries, upstream: upstream.as_ref() };
        let Some(addition) = decide(&now)? else {
            // It is there, and whoever put it there may have been killed before it was on disk.
            make_durable(context, vault, repo)?;
            return Ok(Added { number: None, tries, ledger });
        };
        ledger.authorize_next(&key, &addition.body)?;
        let commit = write(context, repo, &ledger, &addition, &signer)?;
        repo.flush()?;
        let mut updates = addition.refs;
        updates.push(PushUpdate { name: LEDGER_REF.to_owned(), new: commit, old: Some(ledger.head()) });
        match upstream.push(repo, &updates) {
            Ok(()) => {
                let number = Some(ledger.number() + 1);
                let ledger = record(context, repo, vault, &ledger, &updates, who)?;
                make_durable(context, vault, repo)?;
                super::mirror::follow(context, vault, repo, &ledger);
                return Ok(Added { number, tries, ledger });
            }
            Err(Error::Git(GitError::Rejected { stderr, .. })) => {
                reason = stderr;
                pause = next_pause(started.elapsed(), pause);
                std::thread::sleep(pause);
            }
            Err(other) => return Err(other),
        }
        seen = Some(ledger);
    }
    Err(Error::Raced { vault: vault.name.clone(), tries: MAX_TRIES, reason })
}

/// Waits until all is on disk: here, and there where that is this machine. Elsewhere it is for the server's `post-receive`.
fn make_durable(context: &Context, vault: &Vault, repo: &Repo) -> Result<(), Error> {
    if let Some(folder) = vault.remote().local_folder().filter(|folder| folder.is_dir()) {
        context.make_durable(&folder)?;
    }
    Ok(context.make_durable(repo.git_folder())?)
}

/// Writes the signed commit of the next entry.
fn write(
    context: &Context,
    repo: &Repo,
    ledger: &Ledger,
    addition: &Addition,
    signer: &Signer<'_>,
) -> Result<Oid, Error> {
    let entry = LedgerEntry {
        id: LedgerId::Repo(ledger.id()),
        number: ledger.number() + 1,
        prev: Some(ledger.head_digest()),
        body: addition.body.clone(),
        time: u64::try_from(context.now_seconds).unwrap_or(0),
    };
    write_signed(context, repo, addition.tree.unwrap_or(ledger.tree()), &[ledger.head()], &entry, signer)
}

/// Writes the signed commit of an entry.
pub(super) fn write_signed(
    context: &Context,
    repo: &Repo,
    tree: Oid,
    parents: &[Oid],
    entry: &LedgerEntry,
    signer: &Signer<'_>,
) -> Result<Oid, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let payload = repo.commit_bytes(tree, parents, &entry.render(), who)?;
    let armour = signer.sign(GIT_NAMESPACE, &payload)?;
    let raw = attach_to_commit(&payload, &armour).map_err(crate::ops::bundle::Error::from)?;
    Ok(repo.write_raw(gix::object::Kind::Commit, &raw)?)
}

/// Moves our own refs to where the vault's are now: what we wrote is checked like what anybody wrote.
fn record(
    context: &Context,
    repo: &Repo,
    vault: &Vault,
    before: &Ledger,
    updates: &[PushUpdate],
    who: &Identity,
) -> Result<Ledger, Error> {
    let mut changes = Vec::new();
    let mut head = None;
    for update in updates {
        if update.name == LEDGER_REF {
            head = Some(update.new);
            continue;
        }
        let expect = match repo.find_ref(&update.name)? {
            Some(id) if id == update.new => continue,
            Some(id) => Expect::At(id),
            None => Expect::Absent,
        };
        changes.push(RefChange { name: update.name.clone(), new: Some(update.new), expect });
    }
    repo.change_refs(&changes, "skillmeat: published", who)?;
    let head = head.ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
    ledger::follow(context, repo, vault, Some(before), head)
}

/// Keeps the branch for people as it is there, wherever it was before: nobody believes it, and a ref spares the next fetch.
pub(super) fn keep_index(context: &Context, repo: &Repo, index: Option<Oid>) -> Result<(), Error> {
    let before = repo.find_ref(INDEX_REF)?;
    if index.is_none() || index == before {
        return Ok(());
    }
    let expect = before.map_or(Expect::Absent, Expect::At);
    let change = RefChange { name: INDEX_REF.to_owned(), new: index, expect };
    Ok(repo.change_refs(&[change], "skillmeat: fetched", &context.recorder())?)
}

/// Opens a vault to change it; the lock is held until it is dropped.
pub(super) fn open_to_change(context: &Context, name: &str) -> Result<(Opened, crate::fsio::Lock), Error> {
    let vault = Vault::find(context, name)?;
    super::travel::check_takes(&vault)?;
    // Nothing is written for a vault that could not be asked anyway.
    vault.check_online(context)?;
    context.network()?;
    let lock = super::add::lock(context, &vault.name)?;
    let mut opened = Opened::to_fetch(context, vault)?;
    opened.repo.remove_locks_of_store()?;
    opened.repo.gather();
    Ok((opened, lock))
}

/// Returns how long to wait after a lost race: at random between the time that the try took and three times the pause before, so
/// that those who lost together do not meet again, and many of them spread over the time that they need one after the other.
pub(super) fn next_pause(took: Duration, before: Duration) -> Duration {
    let longest = (before * 3).max(took * 3).min(took * LONGEST_PAUSE).min(MAX_PAUSE);
    let shortest = took.min(longest);
    // The seed of a hash map is random for each process and call.
    let random = std::hash::RandomState::new().build_hasher().finish();
    let room = u64::try_from((longest - shortest).as_micros()).unwrap_or(u64::MAX);
    shortest + Duration::from_micros(random % room.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_what_is_lost_and_not_for_ever() {
        let took = Duration::from_millis(100);
        let mut sum = Duration::ZERO;
        for _ in 0..200 {
            let mut pause = Duration::ZERO;
            for _ in 0..12 {
                let next = next_pause(took, pause);
                assert!(next >= took && next <= (pause * 3).max(took * 3) && next <= took * LONGEST_PAUSE, "{next:?}");
                pause = next;
            }
            sum += pause;
        }
        assert!(sum / 200 > took * 5, "after twelve lost races there is room for others: {:?}", sum / 200);
        assert_eq!(next_pause(Duration::from_secs(60), Duration::ZERO), MAX_PAUSE);
    }
}
