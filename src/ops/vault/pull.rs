//! `vault pull` and `vault ls`: what a vault offers, fetched once and never quietly replaced.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::add::lock;
use super::{Error, INDEX_REF, Vault, store};
use crate::git::{RemoteRef, Repo};
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::{load_trust, releases};
use crate::signature::{GIT_NAMESPACE, RawTag, Verdict, rfc3339, verify};
use crate::trust::TrustStore;

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
}

/// Fetches the releases of a vault that are not here yet.
///
/// # Errors
/// [`Error::Moved`] and [`Error::Gone`] when the vault takes back what it offered before, [`Error::Git`] with `Net`.
/// What was fetched before stays as it is.
pub fn pull(context: &Context, name: &str) -> Result<Pulled, Error> {
    let vault = Vault::find(context, name)?;
    context.network()?;
    let _lock = lock(context, &vault.name)?;
    let repo = store(context, &vault)?;
    context.progress.step("fetching", 0, None);
    let offered = vault.remote().list(context.network()?, &[])?;
    let new = check_offer(&vault, &repo, &offered)?;
    let mut wanted: Vec<_> = new.iter().map(|release| (release.ref_name(), release.ref_name())).collect();
    if offered.iter().any(|found| found.name == INDEX_REF) {
        wanted.push((INDEX_REF.to_owned(), INDEX_REF.to_owned()));
    }
    context.fetched(repo.fetch(context.network()?, &vault.remote(), &wanted, None)?);
    // The vault may have changed between the two questions: what was listed is what must be here.
    for found in offered.iter().filter(|found| Release::of_ref(&found.name).is_some()) {
        if let Some(here) = repo.find_ref(&found.name)?.filter(|here| *here != found.id) {
            return Err(moved(&vault, &found.name, here, found.id));
        }
    }
    context.make_durable(repo.git_folder())?;
    let all = standing(context, &repo)?;
    let is_new = |shown: &VaultRelease| new.iter().any(|release| release.to_string() == shown.release);
    Ok(Pulled { vault, releases: all.len(), new: all.into_iter().filter(is_new).collect() })
}

/// Returns the releases that are offered and not here, after checking that none was taken back.
fn check_offer(vault: &Vault, repo: &Repo, offered: &[RemoteRef]) -> Result<Vec<Release>, Error> {
    let offered: BTreeMap<Release, Oid> =
        offered.iter().filter_map(|found| Some((Release::of_ref(&found.name)?, found.id))).collect();
    let here: BTreeMap<Release, Oid> = releases(repo)?.into_iter().collect();
    for (release, old) in &here {
        match offered.get(release) {
            Some(new) if new != old => return Err(moved(vault, &release.ref_name(), *old, *new)),
            Some(_) => {}
            None => return Err(Error::Gone { vault: vault.name.clone(), release: release.to_string() }),
        }
    }
    Ok(offered.into_keys().filter(|release| !here.contains_key(release)).collect())
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
    let vault = Vault::find(context, name)?;
    let repo = store(context, &vault)?;
    standing(context, &repo)
}

fn standing(context: &Context, repo: &Repo) -> Result<Vec<VaultRelease>, Error> {
    let trust = load_trust(context)?;
    let all = releases(repo)?;
    all.into_iter().map(|(release, tag)| Ok(shown(repo, &trust, &release, tag))).collect()
}

/// Checks the signature of a tag and its name; the content is checked when it is imported.
fn shown(repo: &Repo, trust: &TrustStore, release: &Release, tag_id: Oid) -> VaultRelease {
    let describe =
        |time, standing| VaultRelease { release: release.to_string(), tag: tag_id.to_string(), time, standing };
    let refused = |reason: String| Standing::NotBelieved { reason };
    let raw = match repo.raw_tag(tag_id) {
        Ok(raw) => raw,
        Err(error) => return describe(None, refused(error.to_string())),
    };
    let tag = match RawTag::parse(&raw) {
        Ok(tag) => tag,
        Err(error) => return describe(None, refused(error.to_string())),
    };
    let time = Some(rfc3339(tag.time_unix()));
    if tag.name() != release.to_string() {
        return describe(time, refused("the tag inside has another name".to_owned()));
    }
    let verdict = verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &trust.signers());
    let standing = match verdict {
        Verdict::Good { principal, fingerprint } => Standing::Signed { principal, fingerprint },
        other => refused(other.to_string()),
    };
    describe(time, standing)
}
