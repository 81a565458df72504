//! `vault pull`: what a vault's ledger lists, fetched once and never quietly replaced.
//!
//! The ledger says what there is; a tag that it does not list is nobody's release, and anyone who may push could put a hundred
//! thousand of those there. So only what it lists is fetched.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::add::lock;
use super::fetch::{fetch, moved};
use super::ledger::{self, LEDGER_REF};
use super::ls::{VaultRelease, standing};
use super::upstream::Upstream;
use super::{Error, Opened, Vault};
use crate::git::{Expect, RefChange, RemoteRef, Repo};
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::{self, Wanted, releases};
use crate::trust::Ledger;

/// Which releases of a vault are fetched. Its ledger always is.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// All that its ledger lists, after looking whether the vault still offers what was fetched before.
    All,
    /// These, each of which must be there.
    These(&'a [Wanted]),
    /// Those of these that are there.
    Any(&'a [Wanted]),
    /// Exactly these, each with the id of its tag.
    Exactly(&'a [(Release, Oid)]),
}

/// What `vault pull` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pulled {
    /// The vault.
    pub vault: Vault,
    /// Releases that are new here.
    pub new: Vec<VaultRelease>,
    /// Number of releases here now.
    pub releases: usize,
    /// Number of releases that its ledger lists.
    pub listed: usize,
    /// Size of what came, in bytes as sent.
    pub bytes: u64,
}

/// Fetches the ledger of a vault, and releases that are not here yet.
///
/// # Errors
/// [`Error::Moved`] and [`Error::Gone`] when the vault takes back what it offered before, [`Error::Rewound`],
/// [`Error::Forked`] and [`Error::Ledger`] for a ledger that does not go on from what was seen, [`Error::Incomplete`] when it
/// holds back what its ledger lists, [`Error::OtherLocked`], [`Error::Bundle`] for a release that the ledger does not list,
/// [`Error::Git`] with `Net`. What was fetched before stays as it is.
pub fn pull(context: &Context, name: &str, asked: Asked<'_>) -> Result<Pulled, Error> {
    let vault = Vault::find(context, name)?;
    vault.check_online(context)?;
    pull_at(context, vault, asked)
}

/// As [`pull`], from the address that stands in `vault`, which may be on this machine.
pub(super) fn pull_at(context: &Context, vault: Vault, asked: Asked<'_>) -> Result<Pulled, Error> {
    let _lock = lock(context, &vault.name)?;
    let Opened { vault, repo, ledger: seen } = Opened::to_fetch(context, vault)?;
    let upstream = vault.upstream(context)?;
    repo.remove_locks_of_store()?;
    context.progress.step("fetching", 0, None);
    // Before anything moves here.
    let offered = match asked {
        Asked::All => Some(offer(upstream.as_ref(), &vault, &repo, seen.as_ref())?),
        _ => None,
    };
    let (heads, mut bytes) = ledger::fetch_branches(context, &repo, upstream.as_ref(), &[LEDGER_REF])?;
    let head = heads.into_iter().next().ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
    let ledger = ledger::follow(context, &repo, &vault, seen.as_ref(), head)?;
    let before: BTreeSet<Release> = releases(&repo)?.into_iter().map(|(release, _)| release).collect();
    let mut held_back = None;
    let wanted = match (asked, &offered) {
        (_, Some(offered)) => {
            forget_unpublished(context, &repo, &ledger)?;
            let wanted = not_here(&repo, &ledger)?;
            let (there, not_there) = offered_now(upstream.as_ref(), &repo, offered, wanted)?;
            held_back = not_there;
            there
        }
        (Asked::These(wanted), _) => {
            let chosen = wanted.iter().map(|wanted| wanted.newest_of(&ledger));
            chosen.collect::<Result<_, bundle::Error>>()?
        }
        (Asked::Any(wanted), _) => wanted.iter().filter_map(|wanted| wanted.newest_of(&ledger).ok()).collect(),
        (Asked::Exactly(wanted), _) => check_locked(&vault, &ledger, wanted)?,
        (Asked::All, None) => Vec::new(),
    };
    bytes += fetch(context, &vault, &repo, &ledger, &wanted)?;
    if let Some(offered) = &offered {
        check_same(&vault, &repo, offered, &wanted)?;
    }
    if let Asked::Exactly(locked) = asked {
        check_fetched(&vault, &repo, locked)?;
    }
    context.fetched(bytes);
    if held_back.is_none() {
        super::kept::note_fetch(context, repo.git_folder(), &vault.url)?;
    }
    context.make_durable(repo.git_folder())?;
    if let Some(release) = held_back {
        return Err(Error::Incomplete { vault: vault.name.clone(), release: release.to_string() });
    }
    // How it is known may have changed.
    let vault = Vault::find(context, &vault.name)?;
    let listed = ledger.releases().count();
    let opened = Opened { vault: vault.clone(), repo, ledger: Some(ledger) };
    let new: BTreeSet<Release> = wanted.into_iter().filter(|release| !before.contains(release)).collect();
    let here = before.len() + new.len();
    let new = standing(context, &opened, Some(&new))?;
    Ok(Pulled { vault, new, releases: here, listed, bytes })
}

/// What a vault offers under the names of releases.
type Offer = BTreeMap<Release, Oid>;

/// Asks for all tags, and checks that none was taken back that was published and is here.
fn offer(upstream: &dyn Upstream, vault: &Vault, repo: &Repo, seen: Option<&Ledger>) -> Result<Offer, Error> {
    let tags = upstream.tags(repo)?.into_iter();
    let offered: Offer = tags.filter_map(|RemoteRef { name, id, .. }| Some((Release::of_ref(&name)?, id))).collect();
    let is_published = |release: &Release, tag: Oid| seen.is_none_or(|ledger| ledger.tag_of(release) == Some(tag));
    for (release, old) in releases(repo)? {
        match offered.get(&release) {
            Some(new) if *new == old => {}
            // Whoever may push can put such a tag there, and nobody published it.
            _ if !is_published(&release, old) => {}
            Some(new) => return Err(moved(vault, &release, old, *new)),
            None => return Err(Error::Gone { vault: vault.name.clone(), release: release.to_string() }),
        }
    }
    Ok(offered)
}

/// Forgets tags here that the ledger does not list.
fn forget_unpublished(context: &Context, repo: &Repo, ledger: &Ledger) -> Result<(), Error> {
    let here = releases(repo)?.into_iter().filter(|(release, tag)| ledger.tag_of(release) != Some(*tag));
    let gone = here.map(|(release, tag)| RefChange { name: release.ref_name(), new: None, expect: Expect::At(tag) });
    let gone: Vec<_> = gone.collect();
    Ok(repo.change_refs(&gone, "skillmeat: past the ledger", &context.recorder())?)
}

/// Returns the releases that the ledger lists and that are not here.
fn not_here(repo: &Repo, ledger: &Ledger) -> Result<Vec<Release>, Error> {
    let here: BTreeSet<Release> = releases(repo)?.into_iter().map(|(release, _)| release).collect();
    Ok(ledger.releases().map(|(release, _)| release).filter(|release| !here.contains(release)).cloned().collect())
}

/// Returns those of the releases that the vault offers, and the first that it does not. Its ledger may have gone on since the tags
/// were listed, so those are asked for once more: a server that lists less than its ledger has holds a release back, and looks
/// fresh all the same.
fn offered_now(
    upstream: &dyn Upstream,
    repo: &Repo,
    offered: &Offer,
    wanted: Vec<Release>,
) -> Result<(Vec<Release>, Option<Release>), Error> {
    if wanted.iter().all(|release| offered.contains_key(release)) {
        return Ok((wanted, None));
    }
    let tags = upstream.tags(repo)?.into_iter();
    let again: BTreeSet<String> = tags.map(|found| found.name).collect();
    let (there, not_there): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|release| again.contains(&release.ref_name()));
    Ok((there, not_there.into_iter().next()))
}

/// The vault may have changed between the two questions: what was listed is what must be here.
fn check_same(vault: &Vault, repo: &Repo, offered: &Offer, fetched: &[Release]) -> Result<(), Error> {
    for release in fetched {
        if let (Some(listed), Some(here)) = (offered.get(release), repo.find_ref(&release.ref_name())?)
            && *listed != here
        {
            return Err(moved(vault, release, here, *listed));
        }
    }
    Ok(())
}

/// Checks that the ledger lists exactly what is locked, before any of it is fetched.
fn check_locked(vault: &Vault, ledger: &Ledger, locked: &[(Release, Oid)]) -> Result<Vec<Release>, Error> {
    for (release, tag) in locked {
        let found = ledger.tag_of(release);
        if found != Some(*tag) {
            return Err(other_locked(vault, release, *tag, found));
        }
    }
    Ok(locked.iter().map(|(release, _)| release.clone()).collect())
}

/// A server can offer another tag than its ledger lists.
fn check_fetched(vault: &Vault, repo: &Repo, locked: &[(Release, Oid)]) -> Result<(), Error> {
    for (release, tag) in locked {
        let found = repo.find_ref(&release.ref_name())?;
        if found != Some(*tag) {
            return Err(other_locked(vault, release, *tag, found));
        }
    }
    Ok(())
}

fn other_locked(vault: &Vault, release: &Release, locked: Oid, found: Option<Oid>) -> Error {
    Error::OtherLocked { vault: vault.name.clone(), release: release.to_string(), locked, found }
}
