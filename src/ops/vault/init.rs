//! `vault init`: a bare repository that others can publish to, with the first entry of its ledger.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::append::write_signed;
use super::copy::{Copy, Next, Written};
use super::draft::Files;
use super::ledger::{LEDGER_REF, Objects};
use super::{CopyError, Error, INDEX_REF, draft};
use crate::fsio::{Access, Root, ensure_folder, read, scratch_folder, write_atomic};
use crate::git::ssh::random_hex;
use crate::git::{Expect, GitError, RefChange, Repo, Worktree};
use crate::model::{
    Digest, EntryBody, FileMode, LedgerEntry, LedgerId, Oid, TreePath, VAULT_FORMAT, VaultIndex, Writers, is_principal,
};
use crate::ops::Context;
use crate::ops::bundle::Signer;
use crate::store::StoreAddress;
use crate::trust::{Ledger, read_ledger};

/// What a server must refuse even when the program that pushes is not ours, and that it sends files apart (`schema/vault.md`).
const RECEIVE: &str = "[receive]\n\tfsckObjects = true\n\tdenyNonFastForwards = true\n\tdenyDeletes = true\n\
    [uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n";

/// Largest configuration of a repository that we just made, in bytes.
const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// What `vault init` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Made {
    /// Where.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// First commit of its branch for people.
    pub commit: String,
    /// Id of its ledger: what others compare before they believe it.
    pub ledger: Digest,
    /// Who may change who may do what.
    pub principal: String,
    /// With which key.
    pub fingerprint: String,
}

/// Makes a vault in a folder that is empty or not there. Whoever makes it is its root and its admin.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoIdentity`], [`Error::Bundle`] without a signing key, [`Error::Git`].
pub fn init(context: &Context, folder: &Path, name: &str) -> Result<Made, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let principal = who.committer.email.clone();
    if !is_principal(&principal) {
        return Err(Error::Principal(principal.chars().take(80).collect()));
    }
    let signer = Signer::of(context)?;
    // Signed before anything is made: a passphrase that is not given leaves nothing behind.
    let files = draft::first(name, &principal, &signer)?;
    ensure_folder(folder)?;
    if !Root::open(folder)?.list("")?.is_empty() {
        return Err(Error::NotEmpty(folder.to_owned()));
    }
    let repo = Repo::init(folder, Worktree::None)?;
    let config = folder.join("config");
    let mut text = String::from_utf8_lossy(&read(&config, MAX_CONFIG_BYTES)?).into_owned();
    text.push_str(RECEIVE);
    write_atomic(&config, text.as_bytes(), Access::Shared)?;
    let (commit, ledger) = write_first(context, &repo, name, &files, &signer)?;
    context.make_durable(folder)?;
    let change = |name: &str, id| RefChange { name: name.to_owned(), new: Some(id), expect: Expect::Absent };
    let changes = [change(INDEX_REF, commit), change(LEDGER_REF, ledger.head())];
    repo.change_refs(&changes, "skillmeat: vault init", who)?;
    context.make_durable(folder)?;
    Ok(Made {
        path: folder.to_owned(),
        name: name.to_owned(),
        commit: commit.to_string(),
        ledger: ledger.id(),
        principal,
        fingerprint: signer.public()?.fingerprint(),
    })
}

/// Makes a vault in a place in object storage that is empty. With `writers` [`Writers::Many`], the store is tried first: with
/// one that heeds no conditions, two who publish could undo each other's work.
///
/// # Errors
/// [`CopyError::NotEmpty`], [`CopyError::Store`] with `NoConditions`, and as [`init`].
pub fn init_in_store(context: &Context, address: &StoreAddress, name: &str, writers: Writers) -> Result<Made, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let principal = who.committer.email.clone();
    if !is_principal(&principal) {
        return Err(Error::Principal(principal.chars().take(80).collect()));
    }
    let signer = Signer::of(context)?;
    let files = draft::first(name, &principal, &signer)?;
    let copy = Copy::open(context, address)?;
    let not_empty = || Error::from(CopyError::NotEmpty(address.to_string()));
    if !copy.bucket().is_empty().map_err(CopyError::from)? {
        return Err(not_empty());
    }
    if writers == Writers::Many {
        let random = random_hex().map_err(|error| Error::Random(error.to_string()))?;
        copy.bucket().probe(&random).map_err(CopyError::from)?;
    }
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::init(scratch.path(), Worktree::None)?;
    let (commit, ledger) = write_first(context, &repo, name, &files, &signer)?;
    match copy.write(&repo, &Next { ledger: &ledger, main: commit, writers }, None)? {
        Written::Lost => Err(not_empty()),
        Written::Done => Ok(Made {
            path: PathBuf::from(address.to_string()),
            name: name.to_owned(),
            commit: commit.to_string(),
            ledger: ledger.id(),
            principal,
            fingerprint: signer.public()?.fingerprint(),
        }),
    }
}

/// Writes the first commit of the branch for people, and the first entry of the ledger.
fn write_first(
    context: &Context,
    repo: &Repo,
    name: &str,
    files: &Files,
    signer: &Signer<'_>,
) -> Result<(Oid, Ledger), Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let index = VaultIndex { format: VAULT_FORMAT, releases: Vec::new() };
    let message = format!("Start the vault '{name}'\n");
    let commit = repo.write_commit(write_tree(repo, None, name, &index)?, &[], &message, who)?;
    let entry = LedgerEntry {
        id: LedgerId::Nonce(random_hex().map_err(|error| Error::Random(error.to_string()))?),
        number: 0,
        prev: None,
        body: EntryBody::Root { version: 1 },
        time: u64::try_from(context.now_seconds).unwrap_or(0),
    };
    let head = write_signed(context, repo, draft::write_tree(repo, files)?, &[], &entry, signer)?;
    // What no reader would take is not published.
    Ok((commit, read_ledger(&Objects(repo), head, None)?))
}

/// Writes the files for people into a tree.
pub(super) fn write_tree(repo: &Repo, base: Option<Oid>, name: &str, index: &VaultIndex) -> Result<Oid, Error> {
    let mut files: Vec<(TreePath, Oid)> = Vec::new();
    for (path, text) in [("index.toml", index.render()), ("README.md", index.readme(name))] {
        files.push((path.parse().map_err(GitError::from)?, repo.write_blob(text.as_bytes())?));
    }
    Ok(repo.edit_tree(base, files.iter().map(|(path, id)| (path, Some((FileMode::Regular, *id)))))?)
}
