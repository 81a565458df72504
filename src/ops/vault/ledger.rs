//! The ledger of a vault as it was seen: read from our store, moved on only by what holds and follows.

use std::collections::BTreeMap;

use super::add::{first_again, store_path};
use super::seen;
use super::upstream::Upstream;
use super::{Error, Vault, cache, store};
use crate::fsio::put_back;
use crate::git::{EntryKind, Expect, GitError, RefChange, Repo, TreeFile, WalkLimits};
use crate::model::{Digest, MAX_ROOT_BYTES, Oid};
use crate::ops::Context;
use crate::signature::{MAX_ARMOUR_BYTES, MAX_OBJECT_BYTES, MAX_SIGNERS_BYTES};
use crate::trust::{Known, Ledger, LedgerError, LedgerStore, Pin, Voucher, read_ledger};

/// Branch of a vault with its ledger: a branch, so that every clone has it.
pub(crate) const LEDGER_REF: &str = "refs/heads/skillmeat-ledger";

/// Where branches that were fetched wait until they were checked, so that nothing here moves before.
const INCOMING: &str = "refs/skillmeat/incoming/";

/// Where heads are kept that contradict each other; the id follows.
pub(super) const EVIDENCE: &str = "refs/skillmeat/evidence/";

/// Most files of a ledger's tree: several hundred signatures would be a root of several hundred people.
const MAX_FILES: u64 = 300;

/// Where it says how far ledgers were seen; the id of the ledger follows, in hex.
pub(super) const SEEN: &str = "refs/skillmeat/seen/";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The objects of a ledger in a repository.
pub(super) struct Objects<'a>(pub(super) &'a Repo);

impl LedgerStore for Objects<'_> {
    fn commit(&self, id: Oid) -> Result<Vec<u8>, BoxError> {
        // Asked before it is read: what is larger is no entry.
        if self.0.size(id)? > MAX_OBJECT_BYTES as u64 {
            return Err(GitError::TooMuch { what: "bytes in one commit", limit: MAX_OBJECT_BYTES as u64 }.into());
        }
        Ok(self.0.raw_commit(id)?)
    }

    fn files(&self, tree: Oid) -> Result<BTreeMap<String, Vec<u8>>, BoxError> {
        let files = self.0.files(tree, WalkLimits { max_entries: MAX_FILES })?;
        // By name, so that all of them together are never much.
        let limit = |path: &str| match path {
            _ if path.ends_with(".sig") => MAX_ARMOUR_BYTES,
            "trust/allowed_signers" | "trust/revoked_keys" => MAX_SIGNERS_BYTES,
            _ => MAX_ROOT_BYTES,
        };
        let read = |file: &TreeFile| -> Result<_, BoxError> {
            let path = file.path.to_string();
            let bytes = self.0.blob(file.id, limit(&path) as u64)?;
            Ok((path, bytes))
        };
        files.iter().map(read).collect()
    }
}

/// A vault with what was seen of it.
pub struct Opened {
    /// The vault.
    pub vault: Vault,
    /// What was fetched from it.
    pub repo: Repo,
    /// Its ledger, up to where it was seen; `None` where nothing was.
    pub ledger: Option<Ledger>,
}

impl Opened {
    /// Opens a vault that the user knows, without the network. Its ledger is here as far as it was ever seen, under whatever name.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Git`], [`Error::Ledger`] when our own store is damaged; [`Error::Behind`] and
    /// [`Error::Forked`] when it is not what was seen.
    pub fn of(context: &Context, vault: Vault) -> Result<Self, Error> {
        let seen = seen::seen(context, vault.ledger)?;
        // Who only looks makes no store.
        let path = store_path(context, &vault.name);
        put_back(&path)?;
        if let Some(seen) = seen.filter(|_| !path.is_dir()) {
            return Err(seen.behind(&vault.name, None));
        }
        let opened = Self::to_fetch(context, vault)?;
        match (&seen, &opened.ledger) {
            (Some(seen), Some(ledger)) if ledger.number() >= seen.number => seen.check(&opened.vault.name, ledger)?,
            (Some(seen), here) => return Err(seen.behind(&opened.vault.name, here.as_ref())),
            (None, _) => {}
        }
        Ok(opened)
    }

    /// As [`Opened::of`], for those who fetch its ledger next: what is missing in the store, or behind what was seen elsewhere, may
    /// come then. What came is checked ([`follow`]).
    pub(super) fn to_fetch(context: &Context, vault: Vault) -> Result<Self, Error> {
        let repo = store(context, &vault)?;
        let ledger = seen(&repo, &vault)?;
        Ok(Self { vault, repo, ledger })
    }

    /// Returns what the vault can say of releases.
    pub fn voucher(&self, context: &Context) -> Result<Option<Voucher<'_>>, Error> {
        let Some(ledger) = &self.ledger else { return Ok(None) };
        let now = u64::try_from(context.now_seconds).unwrap_or(0);
        let is_fresh = ledger.checkpoint().is_some_and(|(_, expires)| expires > now);
        let witnessed = super::witness::witnessed(context, ledger)?;
        Ok(Some(Voucher { name: &self.vault.name, ledger, pin: self.vault.pin, is_fresh, witnessed }))
    }
}

/// Returns the ref that says how far a ledger was seen.
pub(super) fn seen_ref(id: Digest) -> String {
    format!("{SEEN}{}", id.hex())
}

/// Returns how far the ledger of a vault was seen.
pub(super) fn seen_head(repo: &Repo, vault: &Vault) -> Result<Option<Oid>, Error> {
    Ok(repo.find_ref(&seen_ref(vault.ledger))?)
}

/// Reads the ledger up to where it was seen; what was checked then is not checked again, nor read where it was kept.
pub(super) fn seen(repo: &Repo, vault: &Vault) -> Result<Option<Ledger>, Error> {
    let Some(head) = seen_head(repo, vault)? else { return Ok(None) };
    if let Some(kept) = cache::read(repo, vault.ledger, head) {
        return Ok(Some(kept));
    }
    let ledger = read_ledger(&Objects(repo), head, Known::Checked(head))?;
    if ledger.id() != vault.ledger {
        return Err(other(vault, &ledger));
    }
    cache::write(repo, &ledger);
    Ok(Some(ledger))
}

fn other(vault: &Vault, found: &Ledger) -> Error {
    Error::OtherLedger { vault: vault.name.clone(), known: vault.ledger, found: found.id() }
}

/// Returns the id of the ledger with this head; nothing of it is checked.
pub(super) fn id_of(repo: &Repo, head: Oid) -> Result<Digest, Error> {
    let first = Objects(repo).commit(repo.root_commit(head)?);
    Ok(Digest::of(&first.map_err(LedgerError::Source)?))
}

/// Fetches branches of a vault, which it is not asked for otherwise: a server with ten thousand tags lists none of them.
///
/// Returns their heads, in the same order, and the size of what came, in bytes as sent. No ref stays: it only moves when what
/// was fetched was checked.
///
/// # Errors
/// [`Error::NotAVault`] where there is no such branch, [`Error::Git`] with `Net`.
pub(super) fn fetch_branches(
    context: &Context,
    repo: &Repo,
    upstream: &dyn Upstream,
    branches: &[&str],
) -> Result<(Vec<Oid>, u64), Error> {
    repo.forget_below(INCOMING, &context.recorder())?;
    let incoming = |branch: &str| format!("{INCOMING}{}", branch.trim_start_matches("refs/heads/"));
    let wanted: Vec<_> = branches.iter().map(|branch| ((*branch).to_owned(), incoming(branch))).collect();
    let bytes = upstream.fetch_branches(repo, &wanted)?;
    let missing = || Error::NotAVault(upstream.address().to_owned());
    let head = |(_, here): &(String, String)| repo.find_ref(here)?.ok_or_else(missing);
    let heads = wanted.iter().map(head).collect::<Result<_, _>>()?;
    repo.forget_below(INCOMING, &context.recorder())?;
    Ok((heads, bytes))
}

/// Takes the ledger with a head that was just fetched: checks every entry after `seen`, which is all of it that is here
/// ([`seen`]), and that it goes on from there and from what was seen under any name.
///
/// What was seen moves on only then. Where nothing says it of a known vault, it is a first contact again, and the user has
/// to say anew that it is the one they mean.
///
/// # Errors
/// [`Error::Ledger`], [`Error::OtherLedger`], [`Error::Rewound`] and [`Error::Forked`], for which both heads are kept.
pub(super) fn follow(
    context: &Context,
    repo: &Repo,
    vault: &Vault,
    seen: Option<&Ledger>,
    head: Oid,
) -> Result<Ledger, Error> {
    let ledger = advance(context, repo, vault, seen, head)?;
    seen::keep(context, &vault.name, &ledger)?;
    Ok(ledger)
}

/// As [`follow`], for a store that may yet be thrown away: the ref in it moves, and nothing else.
pub(super) fn advance(
    context: &Context,
    repo: &Repo,
    vault: &Vault,
    seen: Option<&Ledger>,
    head: Oid,
) -> Result<Ledger, Error> {
    let ledger = read_ledger(&Objects(repo), head, seen.map_or(Known::Nothing, Known::Read))?;
    if ledger.id() != vault.ledger {
        return Err(other(vault, &ledger));
    }
    if let Some(seen) = seen {
        follows(context, repo, vault, seen, &ledger)?;
    }
    match seen::seen(context, vault.ledger)? {
        Some(known) if !known.is_in(&ledger) => {
            keep_evidence(context, repo, [known.commit, head])?;
            known.check(&vault.name, &ledger)?;
        }
        // Before the pointer moves: else a crash between the two would keep it quiet for ever.
        None if seen.is_none() => first_again(context, &vault.name)?,
        _ => {}
    }
    if seen.is_some_and(|seen| seen.head() == head) {
        return Ok(ledger);
    }
    let expect = seen.map_or(Expect::Absent, |seen| Expect::At(seen.head()));
    let change = RefChange { name: seen_ref(vault.ledger), new: Some(head), expect };
    repo.change_refs(&[change], "skillmeat: seen", &context.recorder())?;
    // After it: what is kept of a head that nobody has seen would be of no use.
    cache::write(repo, &ledger);
    Ok(ledger)
}

/// Checks that a ledger goes on from the entry that was seen last.
fn follows(context: &Context, repo: &Repo, vault: &Vault, seen: &Ledger, new: &Ledger) -> Result<(), Error> {
    if new.record(seen.number()).is_some_and(|record| record.commit == seen.head()) {
        return Ok(());
    }
    let old = seen.head();
    keep_evidence(context, repo, [old, new.head()])?;
    let vault = vault.name.clone();
    let (old_number, new_number) = (seen.number(), new.number());
    if seen.record(new_number).is_some_and(|record| record.commit == new.head()) {
        return Err(Error::Rewound { vault, old, old_number, new: new.head(), new_number });
    }
    let pairs = seen.records().iter().zip(new.records());
    let common = pairs.take_while(|(a, b)| a.commit == b.commit).count() as u64;
    Err(Error::Forked { vault, old, old_number, new: new.head(), new_number, at: Some(common) })
}

/// Keeps heads that contradict each other, for people to look at, as far as they are here.
fn keep_evidence(context: &Context, repo: &Repo, heads: [Oid; 2]) -> Result<(), Error> {
    let who = context.recorder();
    for head in heads {
        let name = format!("{EVIDENCE}{head}");
        if repo.find_ref(&name)?.is_none() && repo.has(head) {
            let change = RefChange { name, new: Some(head), expect: Expect::Absent };
            repo.change_refs(&[change], "skillmeat: evidence", &who)?;
        }
    }
    Ok(())
}

/// Returns the bytes of a file of the ledger's newest tree.
pub(super) fn file(repo: &Repo, ledger: &Ledger, path: &str) -> Result<Vec<u8>, Error> {
    let path: crate::model::TreePath = path.parse().map_err(GitError::from)?;
    let missing = || GitError::Missing { kind: "file", id: ledger.tree() };
    let entry = repo.entry_at(ledger.tree(), &path)?.ok_or_else(missing)?;
    match entry.kind {
        EntryKind::File(_) => Ok(repo.blob(entry.id, MAX_SIGNERS_BYTES as u64)?),
        _ => Err(missing().into()),
    }
}

impl Vault {
    /// Says how the user knows the vault's ledger, in words for a message.
    pub fn pin_text(&self) -> &'static str {
        match self.pin {
            None => "nobody said that it is the one you mean",
            Some(Pin::FirstUse) => "taken on first use, its id was not compared",
            Some(Pin::Compared) => "its id was compared",
        }
    }
}
