//! The ledger of a vault: a chain of signed entries, each judged by what the chain said before it (`schema/ledger.md`).

mod cached;
mod chain;
mod error;
mod files;
mod release;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{BundleName, Digest, EntryBody, Oid, Release, Role};
use crate::signature::PublicKey;

pub use cached::MAX_CACHED_BYTES;
pub use chain::{Known, read_ledger};
pub use error::{FilesError, LedgerError, Problem, Refusal};
pub use files::{TrustFiles, root_signature_path};
pub use release::Listed;

/// Namespace of the signatures of `root.toml`.
pub const ROOT_NAMESPACE: &str = "skillmeat-root@v1";

/// Namespaces of every line of a vault's `allowed_signers`: git's, and ours.
pub const SIGNER_NAMESPACES: &str = "git,skillmeat-*";

/// Most entries of a ledger: ten a day for fifty years.
pub const MAX_ENTRIES: usize = 200_000;

/// Where a ledger's objects are. Nothing of it is believed.
pub trait LedgerStore {
    /// Returns a raw commit object.
    ///
    /// # Errors
    /// Whatever keeps it from being read.
    fn commit(&self, id: Oid) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>>;

    /// Returns the files of a tree by path; a few small ones, or an error.
    ///
    /// # Errors
    /// Whatever keeps them from being read, and more or larger files than a ledger has.
    fn files(&self, tree: Oid) -> Result<BTreeMap<String, Vec<u8>>, Box<dyn std::error::Error + Send + Sync>>;
}

/// One entry of a ledger that holds.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its place, from 0.
    pub number: u64,
    /// The commit.
    pub commit: Oid,
    /// What it says.
    pub body: EntryBody,
    /// The key that signed it.
    pub key: Arc<PublicKey>,
    /// Who held that key, by the trust files before it.
    pub principal: Arc<str>,
    /// SHA-256 of the raw commit.
    pub digest: Digest,
    /// When, in seconds since 1970: what its signer wrote.
    pub time: u64,
}

/// The trust files from one entry to the next that changes them.
#[derive(Debug, Clone)]
struct Epoch {
    /// Number of the entry that brought them; it is the first that they do not judge.
    number: u64,
    files: TrustFiles,
}

/// A ledger that holds from its first entry to its head.
#[derive(Debug, Clone)]
pub struct Ledger {
    id: Digest,
    head: Oid,
    head_digest: Digest,
    tree: Oid,
    records: Vec<Record>,
    /// Oldest first; never empty.
    epochs: Vec<Epoch>,
    releases: BTreeMap<Release, Published>,
    /// Numbers of the entries that revoke, oldest first.
    revokes: Vec<u64>,
    /// Numbers of the entries that take a release back, oldest first.
    yanks: Vec<u64>,
}

/// Where a release stands in a ledger.
#[derive(Debug, Clone)]
struct Published {
    /// Number of its entry.
    number: u64,
    /// Why it was taken back, where it was.
    yanked: Option<String>,
}

/// A key that is believed no longer, from a position on.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The key.
    pub key: PublicKey,
    /// Entries from this number on are not believed.
    pub since: u64,
}

impl Record {
    /// Says whether its key is believed for it, whatever became of that key later.
    fn is_believed(&self, revoked: &[Revocation]) -> bool {
        !revoked.iter().any(|one| one.key == *self.key && one.since <= self.number)
    }
}

impl Ledger {
    /// A ledger that has no entry yet, which nobody but its makers sees.
    fn empty(id: Digest, head: Oid, tree: Oid) -> Self {
        let (records, epochs, releases) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { id, head, head_digest: id, tree, records, epochs, releases, revokes: Vec::new(), yanks: Vec::new() }
    }

    /// Returns the id of the ledger: SHA-256 of its raw first commit.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Returns the newest entry's commit.
    pub fn head(&self) -> Oid {
        self.head
    }

    /// Returns the SHA-256 of the newest entry's raw commit.
    pub fn head_digest(&self) -> Digest {
        self.head_digest
    }

    /// Returns the tree of the newest entry.
    pub fn tree(&self) -> Oid {
        self.tree
    }

    /// Returns the number of the newest entry.
    pub fn number(&self) -> u64 {
        self.records.len() as u64 - 1
    }

    /// Returns all entries, oldest first; never empty.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Returns one entry.
    pub fn record(&self, number: u64) -> Option<&Record> {
        self.records.get(usize::try_from(number).ok()?)
    }

    /// Returns the trust files that judge the next entry.
    pub fn files(&self) -> &TrustFiles {
        self.files_at(u64::MAX)
    }

    /// Returns the trust files that judge the entry of a number.
    fn files_at(&self, number: u64) -> &TrustFiles {
        let next = self.epochs.partition_point(|epoch| epoch.number < number);
        &self.epochs[next.saturating_sub(1)].files
    }

    /// Returns the keys that are believed no longer, as of the head.
    ///
    /// A root file says all of it anew; entries after it add to it. One whose own signer is revoked by a later entry, from
    /// its number or an earlier one on, says nothing: else a thief could revoke whoever would stop them.
    pub fn revocations(&self) -> Vec<Revocation> {
        let (mut all, since) = match self.epochs.last() {
            Some(epoch) => (epoch.files.revoked().to_vec(), epoch.number),
            None => (Vec::new(), 0),
        };
        let later = self.revokes.iter().rev().take_while(|number| **number > since);
        for record in later.filter_map(|number| self.record(*number)) {
            let EntryBody::Revoke { key, since, .. } = &record.body else { continue };
            let is_void = all.iter().any(|one| one.key == *record.key && one.since <= record.number);
            // A key that cannot be read was refused with its entry.
            if let Some((key, _)) = PublicKey::parse_line(key).ok().filter(|_| !is_void) {
                all.push(Revocation { key, since: *since });
            }
        }
        all
    }

    /// Returns the newest checkpoint that is believed: its number, and until when it is worth something in seconds since 1970.
    pub fn checkpoint(&self) -> Option<(u64, u64)> {
        let revoked = self.revocations();
        self.records.iter().rev().find_map(|record| match record.body {
            EntryBody::Checkpoint { expires } if record.is_believed(&revoked) => Some((record.number, expires)),
            _ => None,
        })
    }

    /// Adds an entry that holds, with what it says of others.
    fn push(&mut self, record: Record, tree: Oid) {
        let number = record.number;
        match &record.body {
            EntryBody::Publish { release, .. } => {
                self.releases.insert(release.clone(), Published { number, yanked: None });
            }
            EntryBody::Yank { .. } => self.yanks.push(number),
            EntryBody::Revoke { .. } => self.revokes.push(number),
            _ => {}
        }
        (self.head, self.head_digest, self.tree) = (record.commit, record.digest, tree);
        self.records.push(record);
    }

    /// Notes what was taken back, once it is known which keys are believed: a thief takes nothing back for good, and what one
    /// took back before it was known that they are one is there again.
    fn note_yanks(&mut self) {
        let revoked = self.revocations();
        let records = self.yanks.iter().filter_map(|number| self.records.get(usize::try_from(*number).ok()?));
        let yanks = records.filter_map(|record| match &record.body {
            EntryBody::Yank { release, reason } => Some((release, record.is_believed(&revoked).then_some(reason))),
            _ => None,
        });
        let mut last: BTreeMap<&Release, Option<&String>> = BTreeMap::new();
        for (release, reason) in yanks {
            // The newest that is believed has the last word.
            let known = last.entry(release).or_default();
            *known = reason.or(*known);
        }
        for (release, reason) in last {
            if let Some(published) = self.releases.get_mut(release) {
                published.yanked = reason.cloned();
            }
        }
    }

    /// Says whether an entry could follow now, and who would be its signer.
    ///
    /// # Errors
    /// [`Problem`]: what a reader would refuse it for.
    pub fn authorize_next(&self, key: &PublicKey, body: &EntryBody) -> Result<String, Problem> {
        chain::authorize(self, key, body)
    }
}

/// Says whether someone may publish releases of a bundle, by the roles of a root file.
fn may_publish(files: &TrustFiles, principal: &str, bundle: &BundleName) -> bool {
    files.root().roles_of(principal).any(|role| match role.role {
        Role::Admin => true,
        Role::Publisher => role.bundles.iter().any(|pattern| pattern.matches(bundle)),
        Role::Checkpoint | Role::Viewer => false,
    })
}
