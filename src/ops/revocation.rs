//! Keys that are believed no longer, by anyone on this machine.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::Context;
use super::keys::{Error, lock_lists, read_key};
use crate::fsio::{Access, ensure_folder, read_optional, write_atomic};
use crate::signature::{AllowedSigners, MAX_REVOKED_BYTES, MAX_SIGNERS_BYTES, PublicKey, RevokedKeys};

/// What `trust revoke` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Revoked {
    /// `SHA256:…`.
    pub fingerprint: String,
    /// The list, one public key a line: git's `gpg.ssh.revocationFile`.
    pub list: PathBuf,
    /// Whether it was not in it before.
    pub new: bool,
    /// The setting of git that was made, as `key=value`; none where git had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// Principals that were allowed to sign with it; their lines stay, and are of no use any more.
    pub principals: Vec<String>,
}

/// Puts a key into the list of revoked keys, and tells git of the list where git was told of none.
///
/// `key` is a public key, the path of one, or the fingerprint of a key that someone is allowed to sign with. Whatever it has
/// signed is refused from now on, of whatever date: a date in a tag is what its signer wrote. Revoking twice changes nothing.
///
/// # Errors
/// [`Error::NoFingerprint`], [`Error::NotAKey`], [`Error::Revoked`] for a list that cannot be read.
pub fn revoke(context: &Context, key: &str, reason: Option<&str>) -> Result<Revoked, Error> {
    let signers = read_optional(&context.allowed_signers, MAX_SIGNERS_BYTES as u64)?.unwrap_or_default();
    let broken = |source| Error::Signers { path: context.allowed_signers.clone(), source };
    let signers = AllowedSigners::parse(&signers).map_err(broken)?;
    let allowed = signers.iter().find(|signer| signer.key().fingerprint() == key.trim());
    let key: PublicKey = match allowed {
        Some(signer) => signer.key().clone(),
        None if key.trim().starts_with("SHA256:") => {
            return Err(Error::NoFingerprint(key.trim().chars().take(80).collect()));
        }
        None => read_key(context, key)?,
    };
    let _lock = lock_lists(context)?;
    let list = context.revoked_keys.clone().unwrap_or_else(|| context.home.join("revoked_keys"));
    let text = text_of(&list)?;
    let new = !parse(&list, &text)?.contains(&key);
    if new {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let reason = reason.map(|reason| format!("# {}\n", one_line(reason))).unwrap_or_default();
        let text = format!("{text}{gap}{reason}{}\n", key.to_line());
        // A list that cannot be read again would refuse everyone.
        parse(&list, &text)?;
        list.parent().map_or(Ok(()), ensure_folder)?;
        write_atomic(&list, text.as_bytes(), Access::Shared)?;
    }
    let mut setting = None;
    if context.revoked_keys.is_none() {
        // The list first: git refuses everyone while it is told of one that is not there.
        let path = list.display().to_string();
        context.git()?.set_global("gpg.ssh.revocationFile", &path)?;
        setting = Some(format!("gpg.ssh.revocationFile={path}"));
    }
    let with_it = signers.iter().filter(|signer| *signer.key() == key);
    let principals = with_it.map(|signer| signer.principals().to_owned()).collect();
    Ok(Revoked { fingerprint: key.fingerprint(), list, new, setting, principals })
}

/// Returns the keys of the list, where there is one.
///
/// # Errors
/// [`Error::Revoked`].
pub(super) fn revoked_keys(context: &Context) -> Result<RevokedKeys, Error> {
    match &context.revoked_keys {
        Some(list) => parse(list, &text_of(list)?),
        None => Ok(RevokedKeys::default()),
    }
}

fn text_of(list: &Path) -> Result<String, Error> {
    let bytes = read_optional(list, MAX_REVOKED_BYTES as u64)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| Error::NotText(list.to_owned()))
}

fn parse(list: &Path, text: &str) -> Result<RevokedKeys, Error> {
    RevokedKeys::parse(text.as_bytes()).map_err(|source| Error::Revoked { path: list.to_owned(), source })
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
