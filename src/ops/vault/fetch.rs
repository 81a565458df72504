//! Fetching releases that the ledger lists: their tags first, and then only the files that are not here.

use std::collections::BTreeSet;

use super::upstream::Upstream;
use super::{Error, Opened, Vault};
use crate::git::{Expect, GitError, RefChange, Repo, WalkLimits};
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::signature::RawTag;
use crate::trust::Ledger;

/// Where tags wait until their files are here too.
const INCOMING_TAGS: &str = "refs/skillmeat/incoming-tags/";

/// Most releases in one call of git: their names are on its command line, and some systems allow no more than a quarter of a
/// megabyte there.
const MAX_AT_ONCE: usize = 1_000;

/// Fetches those of the releases that are not here, without looking for new entries of the ledger: for releases that it is known
/// to list.
///
/// # Errors
/// As [`super::pull`].
pub fn bring(context: &Context, opened: &Opened, releases: &[Release]) -> Result<(), Error> {
    let Some(ledger) = &opened.ledger else { return Ok(()) };
    let mut missing = Vec::new();
    for release in releases.iter().filter(|release| ledger.tag_of(release).is_some()) {
        if !is_here(&opened.repo, ledger, release)? {
            missing.push(release.clone());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    opened.vault.check_online(context)?;
    let _lock = super::add::lock(context, &opened.vault.name)?;
    opened.repo.remove_locks_of_store()?;
    context.fetched(fetch(context, &opened.vault, &opened.repo, ledger, &missing)?);
    Ok(context.make_durable(opened.repo.git_folder())?)
}

/// Says whether the tag is here that the ledger lists.
pub(super) fn is_here(repo: &Repo, ledger: &Ledger, release: &Release) -> Result<bool, Error> {
    let here = repo.find_ref(&release.ref_name())?;
    Ok(here.is_some() && here == ledger.tag_of(release))
}

/// Asks a vault for releases that its ledger lists, and takes what is not here. The caller holds the lock on the store.
///
/// A tag gets its name only when its files are here, so that a kill in between leaves no half release.
///
/// Returns the size of what came, in bytes as sent.
///
/// # Errors
/// [`Error::Moved`], [`Error::Gone`] and [`Error::Incomplete`] when the vault does not have what its ledger lists,
/// [`Error::Git`] with `Net`.
pub(super) fn fetch(
    context: &Context,
    vault: &Vault,
    repo: &Repo,
    ledger: &Ledger,
    releases: &[Release],
) -> Result<u64, Error> {
    let mut bytes = 0;
    let upstream = vault.upstream(context)?;
    for some in releases.chunks(MAX_AT_ONCE) {
        bytes += fetch_some(context, (vault, upstream.as_ref()), repo, ledger, some)?;
    }
    Ok(bytes)
}

fn fetch_some(
    context: &Context,
    (vault, upstream): (&Vault, &dyn Upstream),
    repo: &Repo,
    ledger: &Ledger,
    releases: &[Release],
) -> Result<u64, Error> {
    let who = context.recorder();
    repo.forget_below(INCOMING_TAGS, &who)?;
    let incoming = |release: &Release| format!("{INCOMING_TAGS}{release}");
    let wanted: Vec<_> = releases.iter().map(|release| (release.ref_name(), incoming(release))).collect();
    let bytes = match upstream.fetch_releases(repo, &wanted) {
        Err(Error::Git(error)) if error.is_missing_ref() => {
            return Err(missing(vault, upstream, repo, releases, error)?);
        }
        fetched => fetched?,
    };
    let mut named = Vec::new();
    let mut other = None;
    for (release, (name, incoming)) in releases.iter().zip(&wanted) {
        let (old, new) = (repo.find_ref(name)?, repo.find_ref(incoming)?);
        match (old, new) {
            (Some(old), Some(new)) if old == new => {}
            // What was published and is here is never replaced; what stands in its place without having been is.
            (Some(old), Some(new)) if ledger.tag_of(release) == Some(old) => {
                repo.forget_below(INCOMING_TAGS, &who)?;
                return Err(moved(vault, release, old, new));
            }
            // In the place of what it lists a vault may offer something else, and so hold it back.
            (_, Some(new)) if ledger.tag_of(release).is_some_and(|listed| listed != new) => {
                other = ledger.tag_of(release).map(|listed| moved(vault, release, listed, new));
            }
            (old, new) => {
                let expect = old.map_or(Expect::Absent, Expect::At);
                named.push(RefChange { name: name.clone(), new, expect });
            }
        }
    }
    repo.change_refs(&named, "skillmeat: fetched", &who)?;
    repo.forget_below(INCOMING_TAGS, &who)?;
    other.map_or(Ok(bytes), Err)
}

/// Says which of the releases the vault does not have, after git has found that one is missing.
fn missing(
    vault: &Vault,
    upstream: &dyn Upstream,
    repo: &Repo,
    releases: &[Release],
    error: GitError,
) -> Result<Error, Error> {
    let offered: BTreeSet<String> = upstream.tags(repo)?.into_iter().map(|found| found.name).collect();
    let Some(release) = releases.iter().find(|release| !offered.contains(&release.ref_name())) else {
        return Ok(error.into());
    };
    Ok(match repo.find_ref(&release.ref_name())? {
        Some(_) => Error::Gone { vault: vault.name.clone(), release: release.to_string() },
        None => Error::Incomplete { vault: vault.name.clone(), release: release.to_string() },
    })
}

/// Returns the files of releases that are not here.
pub(super) fn missing_files(repo: &Repo, tags: &[(String, String)]) -> Result<Vec<Oid>, Error> {
    let mut files = BTreeSet::new();
    for (_, here) in tags {
        // What is no release is for the verification to name; here it only has no files.
        let tag = repo.find_ref(here)?.and_then(|id| repo.raw_tag(id).ok());
        let commit = tag.as_deref().and_then(|raw| RawTag::parse(raw).ok().map(|tag| tag.target()));
        let Some(tree) = commit.and_then(|id| repo.commit(id).ok()).map(|commit| commit.tree) else { continue };
        files.extend(repo.files(tree, WalkLimits::default()).into_iter().flatten().map(|file| file.id));
    }
    // All at once: each question about something that is not here would look at the disk anew.
    Ok(repo.missing(files))
}

pub(super) fn moved(vault: &Vault, release: &Release, old: Oid, new: Oid) -> Error {
    Error::Moved { vault: vault.name.clone(), release: release.to_string(), old, new }
}
