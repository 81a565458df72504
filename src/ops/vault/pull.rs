//! `vault pull` and `vault ls`: what a vault offers, fetched once and never quietly replaced.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::add::lock;
use super::ledger::{self, LEDGER_REF};
use super::{Error, Opened, Vault, store};
use crate::git::{Expect, GitError, RefChange, RemoteRef, Repo, WalkLimits};
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::{load_trust, releases};
use crate::signature::{RawTag, rfc3339};
use crate::trust::{Authority, Ledger, verify_tag};

/// How a release in a vault stands, before its content was looked at.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// Its tag is signed by someone the user believes.
    Signed {
        /// Who.
        principal: String,
        /// With which key.
        fingerprint: String,
        /// The level reached, before its content was looked at.
        level: u8,
    },
    /// Its tag is not, and it cannot be imported.
    NotBelieved {
        /// Why.
        reason: String,
    },
}

/// One release that was fetched from a vault.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VaultRelease {
    /// The release.
    pub release: String,
    /// Id of its tag object.
    pub tag: String,
    /// Time in the tag: what the signer wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Why it was taken back, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
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
    /// Size of what came, in bytes as sent.
    pub bytes: u64,
}

/// Releases to fetch, and refs to forget.
type Offer = (Vec<Release>, Vec<(String, Oid)>);

/// Fetches the releases of a vault that are not here yet, and its ledger.
///
/// # Errors
/// [`Error::Moved`] and [`Error::Gone`] when the vault takes back what it offered before, [`Error::Rewound`],
/// [`Error::Forked`] and [`Error::Ledger`] for a ledger that does not go on from what was seen, [`Error::Incomplete`],
/// [`Error::Git`] with `Net`. What was fetched before stays as it is.
pub fn pull(context: &Context, name: &str) -> Result<Pulled, Error> {
    let vault = Vault::find(context, name)?;
    vault.check_online(context)?;
    context.network()?;
    let _lock = lock(context, &vault.name)?;
    let repo = store(context, &vault)?;
    repo.remove_locks_of_store()?;
    context.progress.step("fetching", 0, None);
    let offered = vault.remote().list(context.network()?, &[])?;
    let (new, past) = check_offer(&vault, &repo, &offered)?;
    let before: Vec<String> = releases(&repo)?.iter().map(|(release, _)| release.to_string()).collect();
    let forgotten = past.into_iter().map(|(name, at)| RefChange { name, new: None, expect: Expect::At(at) });
    repo.change_refs(&forgotten.collect::<Vec<_>>(), "skillmeat: past the ledger", &context.recorder())?;
    let at = |name: &str| offered.iter().find(|found| found.name == name).map(|found| found.id);
    let head = at(LEDGER_REF).ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
    let mut bytes = repo.fetch_whole(context.network()?, &vault.remote(), &[ledger::wanted(LEDGER_REF, head)])?;
    bytes += fetch_releases(context, &vault, &repo, &new)?;
    // The vault may have changed between the two questions: what was listed is what must be here.
    for found in offered.iter().filter(|found| Release::of_ref(&found.name).is_some()) {
        if let Some(here) = repo.find_ref(&found.name)?.filter(|here| *here != found.id) {
            return Err(moved(&vault, &found.name, here, found.id));
        }
    }
    let ledger = ledger::take(context, &repo, &vault, head)?;
    bytes += complete(context, &vault, &repo, &ledger)?;
    context.fetched(bytes);
    context.make_durable(repo.git_folder())?;
    // How it is known may have changed.
    let vault = Vault::find(context, name)?;
    let opened = Opened { vault: vault.clone(), repo, ledger: Some(ledger) };
    let all = standing(context, &opened)?;
    let is_new = |shown: &VaultRelease| !before.contains(&shown.release);
    let releases = all.len();
    Ok(Pulled { vault, new: all.into_iter().filter(is_new).collect(), releases, bytes })
}

/// Where tags wait until their files are here too.
const INCOMING_TAGS: &str = "refs/skillmeat/incoming-tags/";

/// Fetches releases: what they are first, and then only the files that are not here. Their commits have nothing in common, so
/// git alone would send all files of each anew. A server that gives nothing by its id is asked for all of it.
///
/// A tag gets its name only when its files are here, so that a kill in between leaves no half release.
fn fetch_releases(context: &Context, vault: &Vault, repo: &Repo, new: &[Release]) -> Result<u64, Error> {
    if new.is_empty() {
        return Ok(0);
    }
    let (git, remote, who) = (context.network()?, vault.remote(), context.recorder());
    let forget = |repo: &Repo| -> Result<(), Error> {
        let left = repo.refs_below(INCOMING_TAGS)?.into_iter();
        let gone: Vec<_> = left.map(|(name, id)| RefChange { name, new: None, expect: Expect::At(id) }).collect();
        Ok(repo.change_refs(&gone, "skillmeat: fetched", &who)?)
    };
    forget(repo)?;
    let wanted: Vec<_> = new.iter().map(|release| (release.ref_name(), format!("{INCOMING_TAGS}{release}"))).collect();
    let mut bytes = repo.fetch(git, &remote, &wanted, None)?;
    let missing = missing_files(repo, &wanted)?;
    if !missing.is_empty() {
        bytes += match repo.fetch_objects(git, &remote, &missing) {
            Err(GitError::Net { .. }) => repo.fetch_anew(git, &remote, &wanted)?,
            fetched => fetched?,
        };
    }
    let mut named = Vec::new();
    for (name, here) in wanted {
        if repo.find_ref(&name)?.is_none() {
            named.push(RefChange { name, new: repo.find_ref(&here)?, expect: Expect::Absent });
        }
    }
    repo.change_refs(&named, "skillmeat: fetched", &who)?;
    forget(repo)?;
    Ok(bytes)
}

/// Returns the files of releases that are not here.
fn missing_files(repo: &Repo, tags: &[(String, String)]) -> Result<Vec<Oid>, Error> {
    let mut missing = BTreeSet::new();
    for (_, here) in tags {
        // What is no release is for the verification to name; here it only has no files.
        let tag = repo.find_ref(here)?.and_then(|id| repo.raw_tag(id).ok());
        let commit = tag.as_deref().and_then(|raw| RawTag::parse(raw).ok().map(|tag| tag.target()));
        let Some(tree) = commit.and_then(|id| repo.commit(id).ok()).map(|commit| commit.tree) else { continue };
        if let Ok(files) = repo.files(tree, WalkLimits::default()) {
            missing.extend(repo.missing(files.into_iter().map(|file| file.id)));
        }
    }
    Ok(missing.into_iter().collect())
}

/// Makes sure that every release of a ledger is here. It may have gone on since the tags were listed, so those are asked for
/// once more: a server that lists less than its ledger has holds a release back, and looks fresh all the same.
fn complete(context: &Context, vault: &Vault, repo: &Repo, ledger: &Ledger) -> Result<u64, Error> {
    let here: BTreeMap<Release, Oid> = releases(repo)?.into_iter().collect();
    let missing: Vec<&Release> =
        ledger.releases().map(|(release, _)| release).filter(|release| !here.contains_key(release)).collect();
    if missing.is_empty() {
        return Ok(0);
    }
    let offered = vault.remote().list(context.network()?, &["refs/tags/*"])?;
    let is_there = |release: &Release| offered.iter().any(|found| found.name == release.ref_name());
    if let Some(release) = missing.iter().find(|release| !is_there(release)) {
        return Err(Error::Incomplete { vault: vault.name.clone(), release: release.to_string() });
    }
    let missing: Vec<Release> = missing.into_iter().cloned().collect();
    fetch_releases(context, vault, repo, &missing)
}

/// Returns the releases that are offered and not here, after checking that none was taken back; and the refs here of tags that
/// the ledger never had and the vault no longer has: whoever may push can put them there, and nobody published them.
fn check_offer(vault: &Vault, repo: &Repo, offered: &[RemoteRef]) -> Result<Offer, Error> {
    let ledger = ledger::seen(repo, vault)?;
    let is_published =
        |release: &Release, tag: Oid| ledger.as_ref().is_none_or(|ledger| ledger.tag_of(release) == Some(tag));
    let offered: BTreeMap<Release, Oid> =
        offered.iter().filter_map(|found| Some((Release::of_ref(&found.name)?, found.id))).collect();
    let here: BTreeMap<Release, Oid> = releases(repo)?.into_iter().collect();
    let mut past = Vec::new();
    for (release, old) in &here {
        match offered.get(release) {
            Some(new) if new == old => {}
            _ if !is_published(release, *old) => past.push((release.ref_name(), *old)),
            Some(new) => return Err(moved(vault, &release.ref_name(), *old, *new)),
            None => return Err(Error::Gone { vault: vault.name.clone(), release: release.to_string() }),
        }
    }
    let is_new = |release: &Release| {
        here.get(release).is_none_or(|old| past.iter().any(|(name, at)| at == old && *name == release.ref_name()))
    };
    Ok((offered.into_keys().filter(is_new).collect(), past))
}

fn moved(vault: &Vault, name: &str, old: Oid, new: Oid) -> Error {
    let release = name.trim_start_matches("refs/tags/").to_owned();
    Error::Moved { vault: vault.name.clone(), release, old, new }
}

/// Lists the releases that were fetched from a vault, without the network.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Git`].
pub fn ls(context: &Context, name: &str) -> Result<Vec<VaultRelease>, Error> {
    standing(context, &Opened::of(context, Vault::find(context, name)?)?)
}

fn standing(context: &Context, opened: &Opened) -> Result<Vec<VaultRelease>, Error> {
    let store = load_trust(context)?;
    let authority = Authority { store: &store, vault: opened.voucher(context)? };
    let all = releases(&opened.repo)?;
    Ok(all.into_iter().map(|(release, tag)| shown(&opened.repo, &authority, &release, tag)).collect())
}

/// Checks the signature of a tag, its name and its signer; the content is checked when it is imported.
fn shown(repo: &Repo, authority: &Authority<'_>, release: &Release, tag_id: Oid) -> VaultRelease {
    let raw = repo.raw_tag(tag_id).unwrap_or_default();
    let time = RawTag::parse(&raw).ok().map(|tag| rfc3339(tag.time_unix()));
    let standing = match verify_tag(&raw, tag_id, Some(release), authority) {
        Ok(signed) => Standing::Signed {
            principal: signed.principal,
            fingerprint: signed.fingerprint,
            level: signed.level.number(),
        },
        Err(error) => Standing::NotBelieved { reason: reason(&error) },
    };
    let ledger = authority.vault.map(|vault| vault.ledger);
    let yanked = ledger.and_then(|ledger| ledger.yanked(release)).map(str::to_owned);
    VaultRelease { release: release.to_string(), tag: tag_id.to_string(), time, yanked, standing }
}

/// Returns the innermost reason in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
