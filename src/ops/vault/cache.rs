//! A ledger as it was read last, kept in our store of its vault: opening a vault of ten thousand entries reads one file then,
//! and not ten thousand commits.
//!
//! It may be believed as far as `refs/skillmeat/seen/<id>` is, which stands in the same folder. That ref alone already says
//! that the signatures up to its commit were checked: who can write it, and the objects that it leads to, makes us believe any
//! chain, with this file or without. So the file needs no signature, and only has to be exactly of that commit and whole: it
//! carries the SHA-256 of its content, and is used only where that fits and its head is the commit of the ref. Anything
//! else (cut, changed, of another vault or another form, older than the ref, newer than it because a process ended between
//! the two) is passed over, and the ledger is read from its commits (`schema/ledger.md`, section 4).

use std::io::Write as _;
use std::path::PathBuf;

use super::ledger::Objects;
use crate::fsio::{ensure_folder, read_optional, write_fresh};
use crate::git::Repo;
use crate::model::{Digest, Oid};
use crate::trust::{Ledger, LedgerStore, MAX_CACHED_BYTES};

/// How a file begins that is not complete yet; what a kill leaves of one is removed with the store.
const UNFINISHED: &str = ".ledger-";

/// Returns the folder of our own files in a store, and the file of a ledger in it.
fn place(repo: &Repo, id: Digest) -> (PathBuf, PathBuf) {
    let folder = repo.git_folder().join("skillmeat");
    let path = folder.join(format!("ledger-{}", id.hex()));
    (folder, path)
}

/// Returns the ledger with this id as it was read up to this head; `None` where that was not kept.
pub(super) fn read(repo: &Repo, id: Digest, head: Oid) -> Option<Ledger> {
    let (_, path) = place(repo, id);
    // What cannot be read is as good as not there.
    let bytes = read_optional(&path, MAX_CACHED_BYTES as u64).ok().flatten()?;
    let ledger = Ledger::from_bytes(&bytes).filter(|ledger| ledger.id() == id && ledger.head() == head)?;
    // The commit is here, and is that one: what was kept says nothing for a store from which the ledger is gone.
    let raw = Objects(repo).commit(head).ok()?;
    (Digest::of(&raw) == ledger.head_digest()).then_some(ledger)
}

/// Says whether what was kept is not what was read now from the commits: someone has changed it, and its SHA-256 with it.
pub(super) fn differs(repo: &Repo, ledger: &Ledger) -> bool {
    read(repo, ledger.id(), ledger.head()).is_some_and(|kept| kept.to_bytes() != ledger.to_bytes())
}

/// Keeps a ledger whose head is the one that was seen. A store that cannot be written only costs the time to read it again.
pub(super) fn write(repo: &Repo, ledger: &Ledger) {
    let (folder, path) = place(repo, ledger.id());
    let Some(bytes) = ledger.to_bytes() else { return };
    // Not synced: what a power cut leaves of it does not have its SHA-256.
    let written = |file: &mut std::fs::File| file.write_all(&bytes);
    let _ = ensure_folder(&folder).and_then(|()| write_fresh(&path, UNFINISHED, written));
}
