//! `vault ls`: what a vault's ledger lists, and what of it is here.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, Opened, Vault};
use crate::git::Repo;
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::{load_trust, releases};
use crate::signature::{RawTag, rfc3339};
use crate::trust::{Authority, verify_tag};

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
    /// The ledger lists it, and it was not fetched, so its tag was not looked at.
    Listed,
}

/// One release of a vault.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct VaultRelease {
    /// The release.
    pub release: String,
    /// Id of its tag object; of one that was not fetched, as the ledger lists it.
    pub tag: String,
    /// Whether it is here.
    pub fetched: bool,
    /// Time in the tag, or of the ledger's entry for one that was not fetched: what the signer wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Why it was taken back, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub standing: Standing,
}

/// Lists the releases of a vault, by its ledger as it was seen and by what was fetched, without the network.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Git`].
pub fn ls(context: &Context, name: &str) -> Result<Vec<VaultRelease>, Error> {
    standing(context, &Opened::of(context, Vault::find(context, name)?)?, None)
}

/// Says how releases stand, in their order; all that are listed or here, or only those of `only`.
pub(super) fn standing(
    context: &Context,
    opened: &Opened,
    only: Option<&BTreeSet<Release>>,
) -> Result<Vec<VaultRelease>, Error> {
    let store = load_trust(context)?;
    let authority = Authority::of(&store, opened.voucher(context)?);
    let listed = opened.ledger.iter().flat_map(|ledger| ledger.releases());
    let mut all: BTreeMap<Release, (Oid, bool)> = BTreeMap::new();
    match only {
        None => {
            all.extend(listed.map(|(release, tag)| (release.clone(), (tag, false))));
            all.extend(releases(&opened.repo)?.into_iter().map(|(release, tag)| (release, (tag, true))));
        }
        Some(only) => {
            for release in only {
                if let Some(tag) = opened.repo.find_ref(&release.ref_name())? {
                    all.insert(release.clone(), (tag, true));
                }
            }
        }
    }
    let all: Vec<_> = all.into_iter().map(|(release, (tag, is_here))| (release, tag, is_here)).collect();
    // A handle is of one thread.
    let share = all.len().div_ceil(rayon::current_num_threads()).max(64);
    let shares: Vec<_> = all.chunks(share).map(|share| (opened.repo.handle(), share)).collect();
    let shown = shares.into_par_iter().map(|(repo, share)| {
        let one = |(release, tag, is_here): &(Release, Oid, bool)| match is_here {
            true => shown(&repo, &authority, release, *tag),
            false => unfetched(&authority, release, *tag),
        };
        share.iter().map(one).collect::<Vec<_>>()
    });
    Ok(shown.flatten().collect())
}

/// What the ledger says of a release whose tag is not here.
fn unfetched(authority: &Authority<'_>, release: &Release, tag: Oid) -> VaultRelease {
    let ledger = authority.vault.map(|vault| vault.ledger);
    let time = ledger.and_then(|ledger| ledger.published(release)).map(rfc3339);
    let yanked = ledger.and_then(|ledger| ledger.yanked(release)).map(str::to_owned);
    let (release, tag) = (release.to_string(), tag.to_string());
    VaultRelease { release, tag, fetched: false, time, yanked, standing: Standing::Listed }
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
    VaultRelease { release: release.to_string(), tag: tag_id.to_string(), fetched: true, time, yanked, standing }
}

/// Returns the innermost reason in one line.
fn reason(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
