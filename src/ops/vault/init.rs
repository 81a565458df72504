//! `vault init`: a bare repository that others can publish to, with the first entry of its ledger.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::add::address;
use super::append::write_signed;
use super::copy::{Copy, Next, Written};
use super::draft::Files;
use super::ledger::{LEDGER_REF, Objects};
use super::serve::turn_on_rules;
use super::{CopyError, Error, INDEX_REF, draft};
use crate::fsio::{Root, ensure_folder, real_path, scratch_folder};
use crate::git::ssh::random_hex;
use crate::git::{Expect, GitError, PushUpdate, RefChange, Remote, Repo, Worktree};
use crate::model::{
    Digest, EntryBody, FileMode, LedgerEntry, LedgerId, Oid, TreePath, VAULT_FORMAT, VaultIndex, Writers, is_principal,
};
use crate::ops::Context;
use crate::ops::bundle::Signer;
use crate::store::StoreAddress;
use crate::trust::{Known, Ledger, read_ledger};

/// What `vault init` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Made {
    /// Path or URL.
    pub url: String,
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

/// Where a vault is to be.
#[derive(Debug, Clone)]
pub enum NewPlace {
    /// In a folder, where the repository is made too.
    Folder(PathBuf),
    /// In a repository that is there and empty.
    Remote(Remote),
    /// In object storage, where nothing is; and how many may publish there at a time.
    Store(StoreAddress, Writers),
}

impl NewPlace {
    /// Reads what the user named: a URL; a bare repository without refs; else a folder.
    ///
    /// # Errors
    /// [`Error::Source`], [`Error::NotWhole`], [`Error::Copy`].
    pub fn of(context: &Context, text: &str, writers: Writers) -> Result<Self, Error> {
        if StoreAddress::is_bucket(text) {
            return Ok(Self::Store(StoreAddress::parse(text).map_err(CopyError::from)?, writers));
        }
        // `owner/repo` is a folder here: on a forge nobody makes a repository by pushing to it.
        let is_url = text.contains("://") || text.find([':', '/']).is_some_and(|at| text.as_bytes()[at] == b':');
        if is_url {
            return Ok(Self::Remote(Remote { url: address(context, text)? }));
        }
        let folder = context.folder.join(text);
        let is_empty = |repo: &Repo| repo.is_bare() && repo.refs_below("refs/").is_ok_and(|refs| refs.is_empty());
        match Repo::open(&folder) {
            Ok(repo) if is_empty(&repo) => Ok(Self::Remote(Remote { url: real_path(&folder).display().to_string() })),
            _ => Ok(Self::Folder(folder)),
        }
    }
}

impl fmt::Display for NewPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.display()),
            Self::Remote(remote) => f.write_str(&remote.url),
            Self::Store(address, _) => write!(f, "{address}"),
        }
    }
}

/// What was written first.
struct First {
    index: Oid,
    ledger: Ledger,
}

/// Makes a vault: in a folder that is empty or not there, in a bare repository that is empty, in such a one on a server, or in
/// object storage.
/// Whoever makes it is its root and its admin.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoIdentity`], [`Error::Bundle`] without a signing key, [`Error::Git`], [`Error::Copy`] with
/// `NotEmpty`, or with `NoConditions` for a store that keeps nobody apart.
pub fn init(context: &Context, place: &NewPlace, name: &str) -> Result<Made, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let principal = who.committer.email.clone();
    if !is_principal(&principal) {
        return Err(Error::Principal(principal.chars().take(80).collect()));
    }
    let signer = Signer::of(context)?;
    // Signed before anything is made: a passphrase that is not given leaves nothing behind.
    let files = draft::first(name, &principal, &signer)?;
    let written = match place {
        NewPlace::Folder(folder) => make(context, folder, name, &files, &signer)?,
        NewPlace::Remote(remote) => send(context, remote, name, &files, &signer)?,
        NewPlace::Store(address, writers) => store(context, (address, *writers), name, &files, &signer)?,
    };
    Ok(Made {
        url: place.to_string(),
        name: name.to_owned(),
        commit: written.index.to_string(),
        ledger: written.ledger.id(),
        principal,
        fingerprint: signer.public()?.fingerprint(),
    })
}

/// Makes the repository too.
fn make(context: &Context, folder: &Path, name: &str, files: &Files, signer: &Signer<'_>) -> Result<First, Error> {
    ensure_folder(folder)?;
    if !Root::open(folder)?.list("")?.is_empty() {
        return Err(Error::NotEmpty(folder.display().to_string()));
    }
    let repo = make_repository(folder)?;
    let first = write(context, &repo, name, files, signer)?;
    context.make_durable(folder)?;
    let change = |name: &str, id| RefChange { name: name.to_owned(), new: Some(id), expect: Expect::Absent };
    let changes = [change(INDEX_REF, first.index), change(LEDGER_REF, first.ledger.head())];
    repo.change_refs(&changes, "skillmeat: vault init", &context.recorder())?;
    context.make_durable(folder)?;
    Ok(first)
}

/// Sends it to a repository that is there.
fn send(context: &Context, to: &Remote, name: &str, files: &Files, signer: &Signer<'_>) -> Result<First, Error> {
    if !to.list(context.network()?, &[])?.is_empty() {
        return Err(Error::NotEmpty(to.url.clone()));
    }
    let local = to.local_folder().filter(|folder| folder.is_dir());
    if let Some(folder) = &local {
        turn_on_rules(&Repo::open(folder)?)?;
    }
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::init(scratch.path(), Worktree::None)?;
    let first = write(context, &repo, name, files, signer)?;
    let update = |name: &str, new| PushUpdate { name: name.to_owned(), new, old: None };
    let updates = [update(INDEX_REF, first.index), update(LEDGER_REF, first.ledger.head())];
    repo.push(context.network()?, to, &updates)?;
    local.map_or(Ok(()), |folder| context.make_durable(&folder))?;
    Ok(first)
}

/// Writes the first entry of the ledger, and the first commit of the branch for people.
fn write(context: &Context, repo: &Repo, name: &str, files: &Files, signer: &Signer<'_>) -> Result<First, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let index = VaultIndex { format: VAULT_FORMAT, releases: Vec::new() };
    let message = format!("Start the vault '{name}'\n");
    let index =
        repo.write_commit(write_texts(repo, None, &index.render(), &index.readme(name))?, &[], &message, who)?;
    let entry = LedgerEntry {
        id: LedgerId::Nonce(random_hex().map_err(|error| Error::Random(error.to_string()))?),
        number: 0,
        prev: None,
        body: EntryBody::Root { version: 1 },
        time: u64::try_from(context.now_seconds).unwrap_or(0),
    };
    let head = write_signed(context, repo, draft::write_tree(repo, files)?, &[], &entry, signer)?;
    // What no reader would take is not published.
    Ok(First { index, ledger: read_ledger(&Objects(repo), head, Known::Nothing)? })
}

/// Makes the repository of a vault, without anything in it.
pub(super) fn make_repository(folder: &Path) -> Result<Repo, Error> {
    let repo = Repo::init(folder, Worktree::None)?;
    turn_on_rules(&repo)?;
    Ok(repo)
}

/// Makes it in object storage. With [`Writers::Many`], the store is tried first: with one that heeds no conditions, two who
/// publish could undo each other's work.
fn store(
    context: &Context,
    (address, writers): (&StoreAddress, Writers),
    name: &str,
    files: &Files,
    signer: &Signer<'_>,
) -> Result<First, Error> {
    let copy = Copy::open(context, address)?;
    let not_empty = || Error::from(CopyError::NotEmpty(address.to_string()));
    if !copy.bucket().is_empty().map_err(CopyError::from)? {
        return Err(not_empty());
    }
    if writers == Writers::Many {
        copy.probe()?;
    }
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::init(scratch.path(), Worktree::None)?;
    let first = write(context, &repo, name, files, signer)?;
    match copy.write(&repo, &Next { ledger: &first.ledger, main: first.index, writers, serial: 1 }, None)? {
        Written::Lost => Err(not_empty()),
        Written::Done => Ok(first),
    }
}

/// Writes the files for people into a tree.
pub(super) fn write_texts(repo: &Repo, base: Option<Oid>, index: &str, readme: &str) -> Result<Oid, Error> {
    let mut files: Vec<(TreePath, Oid)> = Vec::new();
    for (path, text) in [("index.toml", index), ("README.md", readme)] {
        files.push((path.parse().map_err(GitError::from)?, repo.write_blob(text.as_bytes())?));
    }
    Ok(repo.edit_tree(base, files.iter().map(|(path, id)| (path, Some((FileMode::Regular, *id)))))?)
}
