//! From the commits of a ledger to a [`Ledger`], entry by entry.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Epoch, Ledger, LedgerError, LedgerStore, MAX_ENTRIES, Problem, Record, TrustFiles, may_publish};
use crate::model::{Digest, EntryBody, LedgerEntry, LedgerId, Oid, Role};
use crate::signature::{GIT_NAMESPACE, PublicKey, SignedCommit, SshSignature, Verdict, signed_by, unarmour};
use crate::trust::error::NotGood;

/// What is known of a ledger before it is read.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// Nothing: every entry is checked.
    Nothing,
    /// The signatures up to this entry were checked, and are not checked again.
    Checked(Oid),
    /// All of it up to its head was read and checked, and only what comes after that is read.
    Read(&'a Ledger),
}

/// Reads a ledger from its head and checks every entry that is not known. One that does not go on from what is known is read
/// and checked whole.
///
/// # Errors
/// [`LedgerError`]: the first entry that does not hold.
pub fn read_ledger(store: &dyn LedgerStore, head: Oid, known: Known<'_>) -> Result<Ledger, LedgerError> {
    let base = match known {
        Known::Read(ledger) => Some(ledger),
        _ => None,
    };
    let (commits, base) = commits(store, head, base, MAX_LEDGER_BYTES)?;
    let first = base.map_or(0, |base| base.records().len());
    let checked = match known {
        Known::Checked(id) => commits.iter().position(|(commit, _)| *commit == id).map_or(0, |at| at + 1),
        _ => 0,
    };
    let read: Vec<Read> = commits
        .par_iter()
        .enumerate()
        .map(|(at, (id, raw))| Read::of(raw, at < checked).map_err(|problem| entry_error(first + at, *id, problem)))
        .collect::<Result<_, _>>()?;
    let mut ledger = base.cloned();
    for (at, ((id, _), read)) in commits.iter().zip(read).enumerate() {
        let added = match &mut ledger {
            None => begin(store, *id, read).map(|begun| ledger = Some(begun)),
            Some(ledger) => next(store, ledger, *id, read),
        };
        added.map_err(|error| match error {
            Failed::Problem(problem) => entry_error(first + at, *id, problem),
            Failed::Source(error) => LedgerError::Source(error),
        })?;
    }
    // A walk has at least the head.
    let mut ledger = ledger.ok_or(LedgerError::TooLong(0))?;
    ledger.note_yanks();
    Ok(ledger)
}

fn entry_error(at: usize, commit: Oid, problem: Problem) -> LedgerError {
    LedgerError::Entry { number: at as u64, commit, problem: Box::new(problem) }
}

/// Most bytes of the entries that are read at once: as many entries as there may be, of a usual size.
const MAX_LEDGER_BYTES: usize = 256 * 1024 * 1024;

/// Commits with their ids.
pub(super) type Commits = Vec<(Oid, Vec<u8>)>;

/// Returns the raw commits behind `base`, oldest first; all of them, and no base, where the history does not lead to its head.
/// They are at most `max_bytes` together.
pub(super) fn commits<'a>(
    store: &dyn LedgerStore,
    head: Oid,
    base: Option<&'a Ledger>,
    max_bytes: usize,
) -> Result<(Commits, Option<&'a Ledger>), LedgerError> {
    let mut commits = Vec::new();
    let mut bytes = 0;
    let mut next = Some(head);
    let mut met = None;
    while let Some(id) = next {
        met = base.filter(|base| base.head() == id);
        if met.is_some() {
            break;
        }
        if commits.len() == MAX_ENTRIES {
            return Err(LedgerError::TooLong(MAX_ENTRIES));
        }
        let raw = store.commit(id).map_err(LedgerError::Source)?;
        // What is malformed or has several parents is named with its number, once that is known.
        next = crate::signature::RawCommit::parse(&raw).ok().and_then(|commit| commit.parents().first().copied());
        bytes += raw.len();
        if bytes > max_bytes {
            return Err(LedgerError::TooLarge(max_bytes));
        }
        commits.push((id, raw));
    }
    if met.is_some_and(|base| base.records().len() + commits.len() > MAX_ENTRIES) {
        return Err(LedgerError::TooLong(MAX_ENTRIES));
    }
    commits.reverse();
    Ok((commits, met))
}

/// What is known of an entry without the ones before it.
struct Read {
    entry: LedgerEntry,
    digest: Digest,
    tree: Oid,
    parents: usize,
    key: PublicKey,
}

impl Read {
    fn of(raw: &[u8], is_known: bool) -> Result<Self, Problem> {
        let signed = SignedCommit::parse(raw)?.ok_or(Problem::Unsigned)?;
        let entry = LedgerEntry::parse(signed.commit.message())?;
        let armour = &signed.armour;
        // Lines of another length are the same signature in another commit: a server could show two people two heads, each
        // of which would look like a fork to whoever saw the other.
        if unarmour(armour).is_ok_and(|blob| crate::signature::armour(&blob).as_bytes() != armour) {
            let reason = "its lines are not as ssh-keygen writes them".to_owned();
            return Err(Problem::Signature(NotGood(Verdict::Bad { reason })));
        }
        let verified = || signed_by(&signed.payload, Some(armour), GIT_NAMESPACE);
        let key = match SshSignature::parse(armour) {
            Ok(signature) if is_known => Ok(signature.public_key().clone()),
            _ => verified(),
        };
        let key = key.map_err(|verdict: Verdict| Problem::Signature(NotGood(verdict)))?;
        let parents = signed.commit.parents().len();
        Ok(Self { entry, digest: Digest::of(raw), tree: signed.commit.tree(), parents, key })
    }

    fn record(&self, commit: Oid, principal: String) -> Record {
        let LedgerEntry { number, body, time, .. } = self.entry.clone();
        let (key, principal) = (Arc::new(self.key.clone()), principal.into());
        Record { number, commit, body, key, principal, digest: self.digest, time }
    }
}

enum Failed {
    Problem(Problem),
    Source(Box<dyn std::error::Error + Send + Sync>),
}

impl<T: Into<Problem>> From<T> for Failed {
    fn from(problem: T) -> Self {
        Failed::Problem(problem.into())
    }
}

/// Begins a ledger: its first entry is vouched for by the root keys that it names itself.
fn begin(store: &dyn LedgerStore, id: Oid, read: Read) -> Result<Ledger, Failed> {
    if !matches!(read.entry.id, LedgerId::Nonce(_)) || read.entry.number != 0 || read.parents != 0 {
        return Err(Problem::First.into());
    }
    let EntryBody::Root { version } = read.entry.body else { return Err(Problem::First.into()) };
    let files = TrustFiles::parse(&store.files(read.tree).map_err(Failed::Source)?, None)?;
    check_version(&files, version)?;
    let principal = root_holder(&files, &read.key)?;
    let mut ledger = Ledger::empty(read.digest, id, read.tree);
    ledger.epochs.push(Epoch { number: 0, files });
    ledger.push(read.record(id, principal), read.tree);
    Ok(ledger)
}

fn next(store: &dyn LedgerStore, ledger: &mut Ledger, id: Oid, read: Read) -> Result<(), Failed> {
    let number = ledger.number() + 1;
    match read.entry.id {
        LedgerId::Repo(repo) if repo == ledger.id => {}
        LedgerId::Repo(repo) => return Err(Problem::OtherLedger(repo).into()),
        LedgerId::Nonce(_) => return Err(Problem::First.into()),
    }
    if read.parents != 1 {
        return Err(Problem::Parents(read.parents).into());
    }
    if read.entry.number != number {
        return Err(Problem::Number(read.entry.number).into());
    }
    if read.entry.prev != Some(ledger.head_digest) {
        return Err(Problem::Prev.into());
    }
    let principal = authorize(ledger, &read.key, &read.entry.body)?;
    if let EntryBody::Root { version } = read.entry.body {
        let files = store.files(read.tree).map_err(Failed::Source)?;
        let files = TrustFiles::parse(&files, Some((ledger.files(), ledger.id)))?;
        check_version(&files, version)?;
        ledger.epochs.push(Epoch { number, files });
    } else if read.tree != ledger.tree {
        return Err(Problem::Tree.into());
    }
    ledger.push(read.record(id, principal), read.tree);
    Ok(())
}

fn check_version(files: &TrustFiles, named: u64) -> Result<(), Problem> {
    let found = files.root().version;
    if found == named { Ok(()) } else { Err(super::FilesError::Named { named, found }.into()) }
}

fn root_holder(files: &TrustFiles, key: &PublicKey) -> Result<String, Problem> {
    let holder = files.holder(key).ok_or_else(|| Problem::UnknownKey(key.fingerprint()))?;
    Ok(holder.to_owned())
}

/// Says who signs the entry after the head with this key, and whether they may: by what the ledger says up to its head.
pub(super) fn authorize(ledger: &Ledger, key: &PublicKey, body: &EntryBody) -> Result<String, Problem> {
    let (files, number) = (ledger.files(), ledger.number() + 1);
    if let EntryBody::Root { .. } = body {
        return root_holder(files, key);
    }
    let unknown = || Problem::UnknownKey(key.fingerprint());
    let principal = files.allowed().holder(key).ok_or_else(unknown)?.to_owned();
    if ledger.revocations().iter().any(|revoked| revoked.key == *key && revoked.since <= number) {
        return Err(Problem::Revoked(key.fingerprint()));
    }
    let has = |wanted: Role| files.root().roles_of(&principal).any(|role| role.role == wanted);
    let is_admin = has(Role::Admin);
    let (is_allowed, subject) = match body {
        EntryBody::Publish { release, .. } | EntryBody::Yank { release, .. } => {
            (may_publish(files, &principal, &release.bundle), format!(" {release}"))
        }
        EntryBody::Revoke { .. } => (is_admin, String::new()),
        EntryBody::Checkpoint { .. } => (is_admin || has(Role::Checkpoint), String::new()),
        EntryBody::Audit { .. } => (is_admin || has(Role::Publisher), String::new()),
        EntryBody::Root { .. } => (false, String::new()),
    };
    if !is_allowed {
        return Err(Problem::NotAllowed { principal, what: format!("{}{subject}", body.word()) });
    }
    match body {
        EntryBody::Publish { release, .. } if ledger.releases.contains_key(release) => {
            Err(Problem::Again(release.clone()))
        }
        EntryBody::Yank { release, .. } if !ledger.releases.contains_key(release) => {
            Err(Problem::Unpublished(release.clone()))
        }
        EntryBody::Revoke { since, .. } if *since > number => Err(Problem::Since(*since)),
        EntryBody::Revoke { key, .. } => match PublicKey::parse_line(key) {
            Ok(_) => Ok(principal),
            Err(error) => Err(Problem::Key(error)),
        },
        _ => Ok(principal),
    }
}
