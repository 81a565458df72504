//! A vault that travels: as one file that stock git fetches from, or as a folder on a stick.
//!
//! Neither is believed for where it comes from: it is fetched and checked as any vault is.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::add::{address, lock};
use super::check::{Depth, Looked, View, check_all, seen_ledger};
use super::init::make_repository;
use super::ledger::{self, LEDGER_REF, Objects};
use super::pull::Asked;
use super::pull::pull_at;
use super::repair::is_git_bundle;
use super::{Error, INDEX_REF, Opened, Pulled, Vault};
use crate::fsio::{Root, ensure_folder, move_file, new_file_beside, real_path, scratch_folder};
use crate::git::{Expect, PushUpdate, RefChange, Remote, Repo, Store};
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::load_trust;
use crate::trust::{Authority, Known, Ledger, Voucher, read_ledger};

/// In what form a vault travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// One file, as `git bundle create` writes it.
    File,
    /// A bare repository.
    Folder,
}

/// What `vault export` wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Carried {
    /// The vault.
    pub vault: Vault,
    /// Where.
    pub path: PathBuf,
    /// In what form.
    pub shape: Shape,
    /// Number of the newest entry of the ledger in it.
    pub number: u64,
    /// Number of releases in it.
    pub releases: usize,
    /// Whether the branch for people is in it, which only the vault itself can give.
    pub index: bool,
    /// Size of the file, in bytes; absent for a folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Refuses to publish to a vault that is one file.
pub(super) fn check_takes(vault: &Vault) -> Result<(), Error> {
    if Path::new(&vault.url).is_file() {
        return Err(Error::IsAFile { vault: vault.name.clone(), url: vault.url.clone() });
    }
    Ok(())
}

/// Writes a vault, as far as it was seen, into a file or a folder; a path that ends in `.bundle` is a file. An older copy of the
/// same vault is brought up to date.
///
/// # Errors
/// [`Error::NothingSeen`], [`Error::NotHere`] when releases are missing, [`Error::InTheWay`], [`Error::Ahead`] and
/// [`Error::Forked`] for what is there already, [`Error::Git`] and [`Error::Fs`] when it cannot be written; what was there
/// stays then.
pub fn export(context: &Context, name: &str, to: &Path) -> Result<Carried, Error> {
    let vault = Vault::find(context, name)?;
    let _lock = lock(context, name)?;
    context.progress.step("checking what is here", 0, None);
    let (view, ledger) = seen_ledger(context, &vault)?;
    let releases = all_here(context, &vault, &view, &ledger)?;
    let shape =
        if to.is_file() || to.extension().is_some_and(|end| end == "bundle") { Shape::File } else { Shape::Folder };
    let is_there = check_place(context, &vault, &ledger, to, shape)?;
    let scratch = scratch_folder(&context.scratch)?;
    let (repo, refs) = gather(context, &vault, &view, &ledger, &releases, scratch.path())?;
    context.progress.step("writing the copy", 0, None);
    let bytes = match shape {
        Shape::File => Some(write_file(context, &repo, to)?),
        Shape::Folder if is_there => update_folder(context, &repo, &refs, to).map(|()| None)?,
        Shape::Folder => write_folder(context, &repo, &refs, to).map(|()| None)?,
    };
    let index = refs.iter().any(|(name, _)| name == INDEX_REF);
    let (number, releases) = (ledger.number(), releases.len());
    Ok(Carried { vault, path: to.to_owned(), shape, number, releases, index, bytes })
}

/// Makes sure that every release of the ledger is here with its files.
fn all_here(context: &Context, vault: &Vault, view: &View, ledger: &Ledger) -> Result<Vec<(Release, Oid)>, Error> {
    let store = load_trust(context)?;
    let authority = Authority::of(&store, Some(Voucher::compared(&vault.name, ledger)));
    let at = |release: &Release| view.examined.at(&release.ref_name());
    let looked = check_all(context, &view.repo, ledger, &at, &authority, Depth::Files);
    let is_missing = |looked: &Looked| matches!(looked, Looked::NotFetched | Looked::Wrong(_));
    let missing: Vec<_> = looked.iter().filter(|(_, looked)| is_missing(looked)).collect();
    if let Some((first, _)) = missing.first() {
        let (missing, listed, first) = (missing.len(), looked.len(), first.to_string());
        return Err(Error::NotHere { vault: vault.name.clone(), missing, listed, first });
    }
    Ok(ledger.releases().map(|(release, tag)| (release.clone(), tag)).collect())
}

/// Says whether an older copy of this vault is at the place, and refuses what else is there.
fn check_place(context: &Context, vault: &Vault, ledger: &Ledger, to: &Path, shape: Shape) -> Result<bool, Error> {
    let in_the_way = || Error::InTheWay(to.to_owned());
    match shape {
        _ if !to.exists() => return Ok(false),
        Shape::File if !to.is_file() || !is_git_bundle(to) => return Err(in_the_way()),
        Shape::Folder if Root::open(to)?.list("")?.is_empty() => return Ok(false),
        Shape::Folder if !to.join("HEAD").is_file() => return Err(in_the_way()),
        _ => {}
    }
    let there = Remote { url: real_path(to).display().to_string() };
    let refs = there.list(context.git()?, &[LEDGER_REF])?;
    let head = refs.iter().find(|one| one.name == LEDGER_REF).map(|one| one.id).ok_or_else(in_the_way)?;
    if ledger.records().iter().any(|record| record.commit == head) {
        return Ok(true);
    }
    let found = fetch_ledger(context, &there)?;
    if found.id() != ledger.id() {
        return Err(in_the_way());
    }
    if found.records().iter().any(|record| record.commit == ledger.head()) {
        return Err(Error::Ahead { path: to.to_owned(), theirs: found.number(), ours: ledger.number() });
    }
    let pairs = ledger.records().iter().zip(found.records());
    let at = pairs.take_while(|(a, b)| a.commit == b.commit).count() as u64;
    let (old, old_number) = (ledger.head(), ledger.number());
    Err(Error::Forked {
        vault: vault.name.clone(),
        old,
        old_number,
        new: found.head(),
        new_number: found.number(),
        at: Some(at),
    })
}

/// Fetches a ledger into a folder that is thrown away, and checks all of it.
fn fetch_ledger(context: &Context, from: &Remote) -> Result<Ledger, Error> {
    let git = context.git_for(from)?;
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::open_store(scratch.path(), "ledger.git", Store::Whole)?;
    repo.fetch_whole(git, from, &[(LEDGER_REF.to_owned(), LEDGER_REF.to_owned())])?;
    let head = repo.find_ref(LEDGER_REF)?.ok_or_else(|| Error::NotAVault(from.url.clone()))?;
    Ok(read_ledger(&Objects(&repo), head, Known::Nothing)?)
}

type Refs = Vec<(String, Oid)>;

/// Makes a repository that has the names of a vault, and sees the objects of our store.
fn gather(
    context: &Context,
    vault: &Vault,
    view: &View,
    ledger: &Ledger,
    releases: &[(Release, Oid)],
    scratch: &Path,
) -> Result<(Repo, Refs), Error> {
    let folder = scratch.join("vault.git");
    ensure_folder(&folder)?;
    let repo = Repo::init_beside(&folder, &view.repo)?;
    let mut refs: Refs = vec![(LEDGER_REF.to_owned(), ledger.head())];
    refs.extend(releases.iter().map(|(release, tag)| (release.ref_name(), *tag)));
    let change = |(name, id): &(String, Oid)| RefChange { name: name.clone(), new: Some(*id), expect: Expect::Absent };
    let changes: Vec<_> = refs.iter().map(change).collect();
    repo.change_refs(&changes, "skillmeat: export", &context.recorder())?;
    // For people only, so a vault that cannot be asked is copied without it.
    let main = (INDEX_REF.to_owned(), INDEX_REF.to_owned());
    let asked = vault.upstream(context).and_then(|upstream| upstream.fetch_branches(&repo, &[main]));
    let main = match asked {
        Ok(_) => repo.find_ref(INDEX_REF)?,
        Err(_) => None,
    };
    refs.extend(main.map(|id| (INDEX_REF.to_owned(), id)));
    repo.set_head(if main.is_some() { INDEX_REF } else { LEDGER_REF })?;
    Ok((Repo::open(&folder)?, refs))
}

fn write_file(context: &Context, repo: &Repo, to: &Path) -> Result<u64, Error> {
    let mut file = new_file_beside(to)?;
    let out = file.writer();
    let out = out.try_clone().map_err(crate::fsio::FsError::at("write", to))?;
    repo.write_git_bundle(context.git()?, out)?;
    file.sync()?;
    let bytes = file.writer().metadata().map_or(0, |meta| meta.len());
    file.keep_as(to)?;
    Ok(bytes)
}

/// Makes the folder beside its place first, so that a kill leaves no half of it under its name.
fn write_folder(context: &Context, repo: &Repo, refs: &Refs, to: &Path) -> Result<(), Error> {
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    ensure_folder(parent)?;
    let beside = scratch_folder(parent)?;
    let folder = beside.path().join("vault.git");
    ensure_folder(&folder)?;
    let copy = make_repository(&folder)?;
    let here = Remote { url: real_path(repo.git_folder()).display().to_string() };
    let names: Vec<_> = refs.iter().map(|(name, _)| (name.clone(), name.clone())).collect();
    copy.fetch_whole(context.git()?, &here, &names)?;
    copy.set_head(if refs.iter().any(|(name, _)| name == INDEX_REF) { INDEX_REF } else { LEDGER_REF })?;
    context.make_durable(&folder)?;
    move_file(&folder, to)?;
    Ok(())
}

/// Pushes what is new to a folder that is an older copy.
fn update_folder(context: &Context, repo: &Repo, refs: &Refs, to: &Path) -> Result<(), Error> {
    let there = Remote { url: real_path(to).display().to_string() };
    let git = context.git()?;
    let offered = there.list(git, &[])?;
    let update = |(name, new): &(String, Oid)| {
        let old = offered.iter().find(|one| one.name == *name).map(|one| one.id);
        (old != Some(*new)).then(|| PushUpdate { name: name.clone(), new: *new, old })
    };
    let updates: Vec<_> = refs.iter().filter_map(update).collect();
    if !updates.is_empty() {
        repo.push(git, &there, &updates)?;
    }
    Ok(context.make_durable(to)?)
}

/// Brings a vault up to date from a copy of it: a file, a folder, or another address. Its own address stays.
///
/// # Errors
/// [`Error::OtherLedger`] for a copy of another vault, [`Error::Rewound`] for one that is older than what was seen, and those of
/// [`super::pull`].
pub fn pull_from(context: &Context, name: &str, from: &str, asked: Asked<'_>) -> Result<Pulled, Error> {
    let vault = Vault::find(context, name)?;
    let copy = Vault { url: address(context, from)?, ..vault };
    let refs = copy.remote().list(context.git_for(&copy.remote())?, &[LEDGER_REF])?;
    let head = refs.iter().find(|one| one.name == LEDGER_REF).map(|one| one.id);
    let head = head.ok_or_else(|| Error::NotAVault(copy.url.clone()))?;
    let lock = lock(context, name)?;
    let opened = Opened::to_fetch(context, copy.clone())?;
    match &opened.ledger {
        // Looked at before its tags are: those that an older copy has not were never taken back.
        Some(seen) if seen.records().iter().any(|record| record.commit == head) => {
            ledger::follow(context, &opened.repo, &copy, Some(seen), head)?;
        }
        _ => {
            let found = fetch_ledger(context, &copy.remote())?;
            if found.id() != copy.ledger {
                return Err(Error::OtherLedger { vault: copy.name, known: copy.ledger, found: found.id() });
            }
        }
    }
    drop((opened, lock));
    pull_at(context, copy, asked)
}
