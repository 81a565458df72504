//! What a vault's ledger says, and the entries that are not releases: taking back, revoking, showing that it is alive.

use schemars::JsonSchema;
use serde::Serialize;

use super::append::{Addition, From, append, open_to_change};
use super::{Error, Opened, Vault};
use crate::model::{EntryBody, Release, is_plain};
use crate::ops::Context;
use crate::ops::keys::read_key;
use crate::signature::{PublicKey, rfc3339};
use crate::trust::Record;

/// An entry that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Recorded {
    /// The vault.
    pub vault: String,
    /// Number of the entry.
    pub number: u64,
    /// What it is about.
    pub subject: String,
}

/// One entry as commands show it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ShownEntry {
    /// Its place, from 0.
    pub number: u64,
    /// `root`, `publish`, `yank`, `revoke`, `checkpoint` or `audit`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Who signed it, as the trust files before it say.
    pub principal: String,
    /// What it is about: a release, a key, a version of the trust files.
    pub subject: String,
    /// When, RFC 3339 in UTC: what its signer wrote.
    pub time: String,
}

/// Returns a key that a vault's trust files know, by its fingerprint; any other text is a key, or the path of one.
///
/// # Errors
/// [`Error::NoRootKey`] for a fingerprint of none of them, [`Error::Keys`].
pub fn key_of(context: &Context, name: &str, text: &str) -> Result<PublicKey, Error> {
    if !text.starts_with("SHA256:") {
        return Ok(read_key(context, text)?);
    }
    let opened = Opened::of(context, Vault::find(context, name)?)?;
    let ledger = opened.ledger.as_ref().ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    let signed = ledger.records().iter().map(|record| record.key.as_ref());
    let listed = ledger.files().allowed().iter().map(|line| line.key());
    let root = ledger.files().keys().iter().map(|(_, key)| key);
    let found = listed.chain(root).chain(signed).find(|key| key.fingerprint() == text.trim());
    found.cloned().ok_or_else(|| Error::NoRootKey(text.chars().take(80).collect()))
}

/// Returns the newest entries of a vault's ledger that were seen, newest first.
///
/// # Errors
/// [`Error::Unknown`], [`Error::NothingSeen`].
pub fn log(context: &Context, name: &str, limit: usize) -> Result<Vec<ShownEntry>, Error> {
    let opened = Opened::of(context, Vault::find(context, name)?)?;
    let ledger = opened.ledger.as_ref().ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    Ok(ledger.records().iter().rev().take(limit).map(shown).collect())
}

fn shown(record: &Record) -> ShownEntry {
    let subject = match &record.body {
        EntryBody::Root { version } => format!("version {version} of the trust files"),
        EntryBody::Publish { release, .. } => release.to_string(),
        EntryBody::Yank { release, reason } => format!("{release}: {reason}"),
        EntryBody::Revoke { key, since, reason } => {
            let key = PublicKey::parse_line(key).map(|(key, _)| key.fingerprint());
            format!("{} since entry {since}: {reason}", key.unwrap_or_default())
        }
        EntryBody::Checkpoint { expires } => format!("fresh until {}", rfc3339(*expires)),
        EntryBody::Audit { digest } => digest.to_string(),
    };
    ShownEntry {
        number: record.number,
        kind: record.body.word(),
        principal: record.principal.to_string(),
        subject,
        time: rfc3339(record.time),
    }
}

/// Takes a release back: who names it can still have it, nobody else gets it.
///
/// # Errors
/// [`Error::Refused`] when this user may not or it was never published, [`Error::Git`] with `Net`.
pub fn yank(context: &Context, name: &str, release: &Release, reason: &str) -> Result<Recorded, Error> {
    let body = EntryBody::Yank { release: release.clone(), reason: one_line(reason) };
    record(context, name, release.to_string(), body)
}

/// Says that a key is believed no longer, from an entry on: what it signed before stays good.
///
/// # Errors
/// [`Error::Refused`] when this user may not, [`Error::Git`] with `Net`.
pub fn revoke(context: &Context, name: &str, key: &PublicKey, since: u64, reason: &str) -> Result<Recorded, Error> {
    let body = EntryBody::Revoke { key: key.to_line(), since, reason: one_line(reason) };
    record(context, name, format!("{} since entry {since}", key.fingerprint()), body)
}

/// Says that the ledger is alive, for so many days.
///
/// # Errors
/// [`Error::Refused`] when this user may not, [`Error::Git`] with `Net`.
pub fn checkpoint(context: &Context, name: &str, days: u32) -> Result<Recorded, Error> {
    let now = u64::try_from(context.now_seconds).unwrap_or(0);
    let expires = now + u64::from(days) * 24 * 60 * 60;
    record(context, name, format!("fresh until {}", rfc3339(expires)), EntryBody::Checkpoint { expires })
}

fn record(context: &Context, name: &str, subject: String, body: EntryBody) -> Result<Recorded, Error> {
    let (opened, _lock) = open_to_change(context, name)?;
    let added = append(context, &opened, From::Ledger, &|_| {
        Ok(Some(Addition { body: body.clone(), tree: None, refs: Vec::new() }))
    })?;
    Ok(Recorded { vault: name.to_owned(), number: added.number.unwrap_or(added.ledger.number()), subject })
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    let line = line.trim().to_owned();
    if is_plain(&line) { line } else { "no reason given".to_owned() }
}
