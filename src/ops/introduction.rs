//! Where a stranger's keys come from when nobody has handed them over: the forge that publishes them, or what they signed.
//!
//! Neither says whose key it is. The user compares the fingerprint with one that came another way, or knows that nobody did.

use super::bundle::Found;
use super::keys::{Error, Scope};
use super::{Context, keys};
use crate::fsio::read;
use crate::git::{Download, download};
use crate::model::{Location, Source};
use crate::signature::{GIT_NAMESPACE, PublicKey, RawTag, signed_by};

/// Largest list of keys that a forge may send, in bytes: several hundred keys.
const MAX_LIST_BYTES: u64 = 256 * 1024;

/// Returns the keys that the forge of `skillmeat.forge` publishes for one of its users, as `FORGE/USER.keys`.
///
/// # Errors
/// [`Error::User`] for a name that no user has, [`Error::NoKeys`], [`Error::Git`] with `Net`.
pub fn keys_of_forge(context: &Context, user: &str) -> Result<Vec<PublicKey>, Error> {
    let is_name =
        !user.is_empty() && user.len() <= 100 && user.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !is_name || user.starts_with(['-', '.']) {
        return Err(Error::User(user.chars().take(80).collect()));
    }
    let url = format!("{}/{user}.keys", context.forge.trim_end_matches('/'));
    match Source::parse(&url, |_| false, "").map(|source| source.location) {
        Ok(Location::Git { url }) if url.starts_with("https://") || url.starts_with("http://") => {}
        _ => return Err(Error::Forge(context.forge.clone())),
    }
    // Refuses when the network is to be left alone.
    context.network()?;
    let wanted = Download { url: &url, limit: MAX_LIST_BYTES, silence: context.silence };
    let file = download(wanted, &context.scratch, &context.path, &context.environment)?;
    let bytes = read(file.path(), MAX_LIST_BYTES)?;
    // Kinds of keys that are not known here are no use here.
    let text = String::from_utf8_lossy(&bytes);
    let found: Vec<_> = text.lines().filter_map(|line| Some(PublicKey::parse_line(line.trim()).ok()?.0)).collect();
    if found.is_empty() { Err(Error::NoKeys(url)) } else { Ok(found) }
}

/// Returns the key that signed a release, if the signature holds; whose it is nobody has said.
///
/// # Errors
/// [`Error::NotSigned`].
pub fn key_of_release(found: &Found) -> Result<PublicKey, Error> {
    let raw = found.evidence.tag().unwrap_or_default();
    let tag = RawTag::parse(&raw).map_err(|error| Error::NotSigned(error.to_string()))?;
    signed_by(tag.payload(), tag.signature(), GIT_NAMESPACE).map_err(|verdict| Error::NotSigned(verdict.to_string()))
}

/// Allows a principal to sign with each of the keys. Returns their fingerprints.
///
/// # Errors
/// Those of [`keys::add`].
pub fn introduce(context: &Context, principal: &str, found: &[PublicKey], scope: &Scope) -> Result<Vec<String>, Error> {
    found.iter().map(|key| keys::add(context, principal, &key.to_line(), scope)).collect()
}
