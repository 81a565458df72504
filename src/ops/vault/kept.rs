//! What is kept beside the objects of a vault's store: a copy of its record, and when it was fetched last.
//!
//! Not in its folder `skillmeat`, all of which may be deleted at any time: what is lost of these cannot be worked out again.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Vault;
use crate::fsio::{Access, FsError, read_optional, write_atomic};
use crate::ops::Context;
use crate::signature::rfc3339;

/// Largest of these files, in bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// When a vault was fetched last, and from where.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LastFetch {
    /// When, RFC 3339 in UTC.
    pub time: String,
    /// From which address.
    pub from: String,
}

fn file(store: &Path, name: &str) -> PathBuf {
    store.join(name)
}

fn write(store: &Path, name: &str, text: &str) -> Result<(), FsError> {
    write_atomic(&file(store, name), text.as_bytes(), Access::Shared)
}

/// Writes a copy of a vault's record, which `vault repair` reads when the record is damaged.
///
/// # Errors
/// [`FsError::Io`].
pub(super) fn keep_record(store: &Path, vault: &Vault) -> Result<(), FsError> {
    // A store that is gone is made whole or not at all.
    if !store.is_dir() {
        return Ok(());
    }
    write(store, "record.toml", &vault.record())
}

/// Returns the text of that copy.
pub(super) fn record_copy(store: &Path) -> Option<Vec<u8>> {
    read_optional(&file(store, "record.toml"), MAX_BYTES).ok().flatten()
}

/// Notes that a vault was fetched now from an address.
///
/// # Errors
/// [`FsError::Io`].
pub(super) fn note_fetch(context: &Context, store: &Path, from: &str) -> Result<(), FsError> {
    let time = rfc3339(u64::try_from(context.now_seconds).unwrap_or(0));
    write_last_fetch(store, &LastFetch { time, from: from.to_owned() })
}

/// Writes when a vault was fetched last.
///
/// # Errors
/// [`FsError::Io`].
pub(super) fn write_last_fetch(store: &Path, last: &LastFetch) -> Result<(), FsError> {
    let from = toml_edit::Value::from(last.from.as_str()).to_string();
    write(store, "fetched.toml", &format!("time = \"{}\"\nfrom = {from}\n", last.time))
}

/// Returns when a vault was fetched last, where that is known.
pub(super) fn last_fetch(store: &Path) -> Option<LastFetch> {
    let bytes = read_optional(&file(store, "fetched.toml"), MAX_BYTES).ok().flatten()?;
    toml::from_str(std::str::from_utf8(&bytes).ok()?).ok()
}
