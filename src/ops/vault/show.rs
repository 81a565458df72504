//! `vault show` and `vault list`: what is known of a vault, on one screen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::add::store_path;
use super::copy::noted_number;
use super::kept::{LastFetch, last_fetch};
use super::witness::statements;
use super::{Error, HeldKey, Opened, Vault, names};
use crate::fsio::Root;
use crate::git::Repo;
use crate::model::{Digest, Release, RevokedKey, RoleOf};
use crate::ops::Context;
use crate::ops::bundle::releases;
use crate::ops::collection::with_causes;
use crate::signature::{PublicKey, rfc3339};
use crate::trust::{Ledger, Pin};

/// Most files of a store whose sizes are added up.
const MAX_FILES: u64 = 1_000_000;

/// The newest release of a bundle that was not taken back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LatestRelease {
    /// The release.
    pub release: String,
    /// Number of its entry.
    pub number: u64,
    /// Who published it.
    pub principal: String,
    /// When, RFC 3339 in UTC: what they wrote.
    pub time: String,
    /// Whether it is here.
    pub fetched: bool,
}

/// How much of a vault is here.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Fetched {
    /// Number of releases that are here, of those that the ledger lists.
    pub releases: usize,
    /// Size of our store, in bytes.
    pub bytes: u64,
    /// When the vault was fetched last, and from where; absent where that is not known.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastFetch>,
}

/// What is known of a mirror without asking it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct KnownMirror {
    /// Its address.
    pub address: String,
    /// Number of the newest entry of the ledger that it had; absent where it was never looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// How many entries newer ones are known here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behind: Option<u64>,
}

/// What is known of a vault's ledger.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LedgerReport {
    /// The vault.
    pub vault: Vault,
    /// Number of its newest entry that was seen.
    pub number: u64,
    /// SHA-256 of that entry's raw commit: two people who see the same have the same.
    pub head: Digest,
    /// When that entry was made, RFC 3339 in UTC: what its signer wrote.
    pub head_time: String,
    /// Who signed it.
    pub head_principal: String,
    /// Version of the trust files.
    pub root_version: u64,
    /// How many people have to sign the next version.
    pub threshold: u64,
    /// Keys that it is signed with.
    pub root_keys: Vec<HeldKey>,
    /// Who may do what.
    pub roles: Vec<RoleOf>,
    /// Keys that are believed no longer, and from which entry on.
    pub revoked: Vec<RevokedKey>,
    /// Number of releases.
    pub releases: usize,
    /// Number of those that were taken back.
    pub taken_back: usize,
    /// The newest release of each bundle, the one that was published last first.
    pub latest: Vec<LatestRelease>,
    /// How much of it is here.
    pub fetched: Fetched,
    /// The mirrors that this user keeps, as they were when they were looked at last.
    pub mirrors: Vec<KnownMirror>,
    /// Until when the newest checkpoint is worth something; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<String>,
    /// Whether that is still to come.
    pub is_fresh: bool,
    /// Number of statements of witnesses on this ledger that count, of those that the configuration names.
    pub witnesses: usize,
    /// The newest entry that enough witnesses saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<u64>,
    /// How the user knows the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// One line of `vault list`.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ListedVault {
    /// The user's name for it.
    pub name: String,
    /// Its address; absent where its record is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Id of its ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Digest>,
    /// How the user knows that it is the one they mean; absent where they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Number of its newest entry that was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Number of releases that it lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub releases: Option<usize>,
    /// Until when the newest checkpoint is worth something; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<String>,
    /// Whether that is still to come.
    pub is_fresh: bool,
    /// Why nothing can be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Returns what was seen of a vault's ledger, without the network.
///
/// # Errors
/// [`Error::Unknown`], [`Error::NothingSeen`].
pub fn show(context: &Context, name: &str) -> Result<LedgerReport, Error> {
    let opened = Opened::of(context, Vault::find(context, name)?)?;
    let voucher = opened.voucher(context)?.ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    let (ledger, root) = (voucher.ledger, voucher.ledger.files().root());
    let head = ledger.record(ledger.number()).ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    let held = |(who, key): &(String, PublicKey)| HeldKey { principal: who.clone(), fingerprint: key.fingerprint() };
    let revoked = ledger.revocations();
    let here: BTreeSet<Release> = releases(&opened.repo)?.into_iter().map(|(release, _)| release).collect();
    let listed = || ledger.releases().map(|(release, _)| release);
    Ok(LedgerReport {
        number: ledger.number(),
        head: ledger.head_digest(),
        head_time: rfc3339(head.time),
        head_principal: head.principal.to_string(),
        root_version: root.version,
        threshold: root.threshold,
        root_keys: ledger.files().keys().iter().map(held).collect(),
        roles: root.roles.clone(),
        revoked: revoked.iter().map(|one| RevokedKey { key: one.key.fingerprint(), since: one.since }).collect(),
        releases: listed().count(),
        taken_back: listed().filter(|release| ledger.yanked(release).is_some()).count(),
        latest: latest(ledger, &here),
        mirrors: opened.vault.mirrors.iter().map(|address| known(&opened.repo, ledger, address)).collect(),
        fetched: Fetched {
            releases: listed().filter(|release| here.contains(release)).count(),
            bytes: size_of(opened.repo.git_folder()),
            last: last_fetch(opened.repo.git_folder()),
        },
        fresh_until: ledger.checkpoint().map(|(_, expires)| rfc3339(expires)),
        is_fresh: voucher.is_fresh,
        witnesses: statements(context, ledger)?.len(),
        witnessed: voucher.witnessed,
        pin: voucher.pin,
        vault: opened.vault.clone(),
    })
}

fn known(repo: &Repo, ledger: &Ledger, address: &str) -> KnownMirror {
    let number = noted_number(repo, address);
    let behind = number.map(|number| ledger.number().saturating_sub(number));
    KnownMirror { address: address.to_owned(), number, behind }
}

fn latest(ledger: &Ledger, here: &BTreeSet<Release>) -> Vec<LatestRelease> {
    let mut newest: BTreeMap<&str, &Release> = BTreeMap::new();
    for (release, _) in ledger.releases().filter(|(release, _)| ledger.yanked(release).is_none()) {
        let known = newest.entry(release.bundle.as_str()).or_insert(release);
        *known = (*known).max(release);
    }
    let shown = |release: &Release| {
        let record = ledger.record(ledger.number_of(release)?)?;
        Some(LatestRelease {
            release: release.to_string(),
            number: record.number,
            principal: record.principal.to_string(),
            time: rfc3339(record.time),
            fetched: here.contains(release),
        })
    };
    let mut latest: Vec<_> = newest.into_values().filter_map(shown).collect();
    latest.sort_by_key(|one| std::cmp::Reverse(one.number));
    latest
}

/// Returns the size of all files below a folder, in bytes, as far as they can be counted.
fn size_of(folder: &Path) -> u64 {
    let objects = Root::open(folder).and_then(|root| root.walk("objects", MAX_FILES));
    objects.map_or(0, |files| files.iter().map(|(_, stat)| stat.size).sum())
}

/// Returns all vaults that the user knows, each with what can be said of it: one that is damaged hides no other.
///
/// # Errors
/// [`Error::Fs`].
pub fn overview(context: &Context) -> Result<Vec<ListedVault>, Error> {
    Ok(names(context)?.iter().map(|name| listed(context, name)).collect())
}

fn listed(context: &Context, name: &str) -> ListedVault {
    let mut line = ListedVault {
        name: name.to_owned(),
        url: None,
        ledger: None,
        pin: None,
        number: None,
        releases: None,
        fresh_until: None,
        is_fresh: false,
        problem: None,
    };
    let vault = match Vault::find(context, name) {
        Ok(vault) => vault,
        Err(error) => {
            line.problem = Some(with_causes(&error));
            return line;
        }
    };
    (line.url, line.ledger, line.pin) = (Some(vault.url.clone()), Some(vault.ledger), vault.pin);
    // A list makes nothing.
    if !store_path(context, name).is_dir() {
        line.problem = Some(Error::NothingSeen(name.to_owned()).to_string());
        return line;
    }
    match Opened::of(context, vault) {
        Ok(Opened { ledger: Some(ledger), .. }) => {
            let now = u64::try_from(context.now_seconds).unwrap_or(0);
            (line.number, line.releases) = (Some(ledger.number()), Some(ledger.releases().count()));
            line.is_fresh = ledger.checkpoint().is_some_and(|(_, expires)| expires > now);
            line.fresh_until = ledger.checkpoint().map(|(_, expires)| rfc3339(expires));
        }
        Ok(_) => line.problem = Some(Error::NothingSeen(name.to_owned()).to_string()),
        Err(error) => line.problem = Some(with_causes(&error)),
    }
    line
}
