//! Bringing mirrors up to date: what the vault has and they do not, and what was lost there.

use std::time::{Duration, Instant};

use super::super::append::{keep_index, next_pause};
use super::super::copy::{Copy, Next, Seen, Written, noted_serial};
use super::super::fetch::fetch;
use super::super::ledger::fetch_branches;
use super::super::pull::Asked;
use super::super::{CopyError, Error, INDEX_REF, Opened, Vault, pull};
use super::{Mirror, MirrorState, Mirrors, chosen, failed, state_of};
use crate::git::Repo;
use crate::model::{Oid, Release, Writers};
use crate::ops::Context;
use crate::store::StoreAddress;
use crate::trust::Ledger;

/// How often a copy is tried again when others write it too.
const MAX_TRIES: u32 = 40;

/// What the mirrors of a vault are to hold.
struct Source<'a> {
    vault: &'a Vault,
    repo: &'a Repo,
    ledger: &'a Ledger,
    /// The branch for people.
    main: Oid,
}

/// Brings the mirrors of a vault up to date, after fetching all that the vault has, and looks whether all files are there that
/// they should have. One that fails keeps no other from it.
///
/// # Errors
/// [`Error::Unknown`], [`CopyError::NoMirror`], and those of [`pull`]. That a single mirror failed is in its state.
pub fn push(context: &Context, name: &str, only: Option<&str>) -> Result<Mirrors, Error> {
    let vault = Vault::find(context, name)?;
    let addresses = chosen(context, &vault, only)?;
    if addresses.is_empty() {
        return Ok(Mirrors { vault: vault.name, mirrors: Vec::new() });
    }
    pull(context, name, Asked::All)?;
    let _lock = super::super::add::lock(context, name)?;
    let opened = Opened::of(context, vault)?;
    let ledger = opened.ledger.as_ref().ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    let main = fetch_index(context, &opened.vault, &opened.repo)?;
    let source = Source { vault: &opened.vault, repo: &opened.repo, ledger, main };
    let mirrors = addresses.into_iter().map(|address| {
        let state = update(context, &source, &address, Look::AtAll);
        Mirror { state: state.unwrap_or_else(|error| failed(&error)), address }
    });
    Ok(Mirrors { mirrors: mirrors.collect(), vault: opened.vault.name })
}

/// Brings the mirrors up to date after a change of the vault. That has happened already: what fails is told, and not an error.
pub(in crate::ops::vault) fn follow(context: &Context, vault: &Vault, repo: &Repo, ledger: &Ledger) {
    if vault.mirrors.is_empty() {
        return;
    }
    // As it is there now: an entry that is no release moves it not, and what is here may be old.
    let main = fetch_index(context, vault, repo);
    let behind = |address: &str, error: &Error| {
        context.progress.warn(&format!(
            "the mirror '{address}' is behind: {}; `git skillmeat vault mirror push {}` tries again",
            crate::ops::collection::with_causes(error),
            vault.name
        ));
    };
    for address in &vault.mirrors {
        match &main {
            Err(error) => behind(address, error),
            Ok(main) => {
                let source = Source { vault, repo, ledger, main: *main };
                if let Err(error) = update(context, &source, address, Look::AtHead) {
                    behind(address, &error);
                }
            }
        }
    }
}

/// Fetches the branch for people, and returns where it is.
fn fetch_index(context: &Context, vault: &Vault, repo: &Repo) -> Result<Oid, Error> {
    let upstream = vault.upstream(context)?;
    let (heads, _) = fetch_branches(context, repo, upstream.as_ref(), &[INDEX_REF])?;
    let main = heads.first().copied().ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
    keep_index(context, repo, Some(main))?;
    Ok(main)
}

/// What is looked at in a mirror.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// What it says of itself.
    AtHead,
    /// Whether its files are there, too.
    AtAll,
}

/// Brings one mirror up to date.
fn update(context: &Context, source: &Source<'_>, address: &str, look: Look) -> Result<MirrorState, Error> {
    let Source { repo, ledger, main, .. } = *source;
    let copy = Copy::open(context, &StoreAddress::parse(address).map_err(CopyError::from)?)?;
    // Readers remember the highest number, so one that was emptied goes on from there.
    let serial = noted_serial(repo, address).saturating_add(1);
    let next = Next { ledger, main, writers: Writers::Many, serial };
    let mut pause = Duration::ZERO;
    for tries in 1..=MAX_TRIES {
        let started = Instant::now();
        context.progress.step("looking at the mirror", u64::from(tries), None);
        let seen = copy.head()?;
        let mut content = match &seen {
            Some(seen) => believed(&copy, source, seen)?,
            None => {
                if serial > 1 {
                    context.progress.warn(&format!("'{address}' has lost what it held, and is written anew"));
                }
                None
            }
        };
        if let (Some(there), Look::AtAll) = (content, look) {
            content = mended(context, &copy, source, there)?;
        }
        if let Some(there) = content.filter(|there| there.head.number == ledger.number() && there.head.main == main)
            && !copy.is_due(there)
        {
            copy.mend(ledger, there)?;
            return state_of(context, &copy, Some(ledger), false);
        }
        bring_missing(context, source, content)?;
        if let Written::Done = copy.write_over(repo, &next, seen.as_ref(), content)? {
            // Only housekeeping, which the next write does as well.
            if let Err(error) = copy.tidy(&next) {
                context.progress.warn(&format!("the packs in '{address}' were not put together: {error}"));
            }
            if let Some(written) = copy.head()? {
                copy.note(repo, &written)?;
            }
            return state_of(context, &copy, Some(ledger), true);
        }
        pause = next_pause(started.elapsed(), pause);
        std::thread::sleep(pause);
    }
    Err(CopyError::Raced { address: address.to_owned(), tries: MAX_TRIES }.into())
}

/// Judges what a mirror says of itself. What someone said who is believed no more is written over, and nothing of it is built
/// on.
fn believed<'a>(copy: &Copy<'_>, source: &Source<'_>, seen: &'a Seen) -> Result<Option<&'a Seen>, Error> {
    match copy.check(seen, source.ledger) {
        Err(CopyError::Keeper { .. }) => Ok(None),
        checked => {
            checked?;
            copy.note(source.repo, seen)?;
            Ok(Some(seen))
        }
    }
}

/// Sends packs of releases again that a mirror has lost. Where it has lost git packs, nothing of it is built on.
fn mended<'a>(
    context: &Context,
    copy: &Copy<'_>,
    source: &Source<'_>,
    seen: &'a Seen,
) -> Result<Option<&'a Seen>, Error> {
    let lost = copy.lost(seen, source.ledger)?;
    if lost.packs.is_empty() && lost.bundles.is_empty() {
        return Ok(Some(seen));
    }
    let (packs, bundles) = (lost.packs.len(), lost.bundles.len());
    context.progress.warn(&format!(
        "'{}' has lost files of {packs} git packs and {bundles} packs of releases; they are sent again",
        copy.address()
    ));
    if !lost.packs.is_empty() {
        copy.unlist(&lost.packs, seen)?;
        return Ok(None);
    }
    copy.resend(source.repo, &lost.bundles)?;
    Ok(Some(seen))
}

/// Fetches those releases from the vault that a mirror does not have and that are not here either.
fn bring_missing(context: &Context, source: &Source<'_>, seen: Option<&Seen>) -> Result<(), Error> {
    let Source { vault, repo, ledger, .. } = *source;
    let mut missing: Vec<Release> = Vec::new();
    for (release, tag, _) in Copy::lacking(ledger, seen) {
        if repo.find_ref(&release.ref_name())? != Some(tag) {
            missing.push(release);
        }
    }
    if !missing.is_empty() {
        context.fetched(fetch(context, vault, repo, ledger, &missing)?);
    }
    Ok(())
}
