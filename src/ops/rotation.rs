//! A new signing key takes the place of an old one, here and in vaults.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::keys::{Error as KeysError, lock_lists, read_key, text_of, write_signers};
use super::vault::{self, RootChange, RootState};
use super::{Context, bundle};
use crate::git::ssh::{KeySource, public_key};
use crate::signature::{AllowedSigners, PublicKey};

/// What `trust rotate` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rotated {
    /// The key that was used until now.
    pub old: String,
    /// The key that is used from now on.
    pub new: String,
    /// Who may sign with it in the user's own list; the old key stays good for what it signed before.
    pub principals: Vec<String>,
    /// The setting of git that was made, as `key=value`.
    pub setting: String,
    /// What became of it in each vault.
    pub vaults: Vec<RotatedIn>,
}

/// What became of a rotation in a vault.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RotatedIn {
    /// The vault.
    pub vault: String,
    /// The trust files with the new key.
    #[serde(flatten)]
    pub state: RootState,
}

/// Puts the key in `new` in the place of the one that git signs with, or of `old`: first in the vaults, whose ledgers only
/// the old key can change, then in the user's own list, then in git's configuration.
///
/// # Errors
/// Those of a change of a vault's trust files; what was done in vaults before stays done, and doing it again changes nothing.
pub fn rotate(
    context: &Context,
    old: Option<&str>,
    new: &Path,
    vaults: &[String],
    draft: &Path,
) -> Result<Rotated, vault::Error> {
    let source = KeySource::File(new.to_owned());
    let new_key = public_key(&source).map_err(bundle::Error::from)?.key;
    let old_key = match old {
        Some(text) => read_key(context, text)?,
        None => bundle::Signer::of(context)?.public()?,
    };
    let mut done = Vec::new();
    for name in vaults {
        let change = RootChange::Replace { old: old_key.clone(), new: new_key.clone() };
        let draft = if vaults.len() == 1 { draft.to_owned() } else { draft.join(name) };
        let state = vault::change(context, name, &[change], &draft, Some(&source))?;
        done.push(RotatedIn { vault: name.clone(), state });
    }
    let principals = replace_in_list(context, &old_key, &new_key)?;
    let value = new.display().to_string();
    context.git()?.set_global("user.signingKey", &value)?;
    Ok(Rotated {
        old: old_key.fingerprint(),
        new: new_key.fingerprint(),
        principals,
        setting: format!("user.signingKey={value}"),
        vaults: done,
    })
}

/// Gives the new key to whoever holds the old one, whose lines end now: plain git goes by their dates.
fn replace_in_list(context: &Context, old: &PublicKey, new: &PublicKey) -> Result<Vec<String>, KeysError> {
    let _lock = lock_lists(context)?;
    let path = &context.allowed_signers;
    let text = text_of(path)?;
    let signers =
        AllowedSigners::parse(text.as_bytes()).map_err(|source| KeysError::Signers { path: path.clone(), source })?;
    let moment = jiff::Timestamp::from_second(context.now_seconds).unwrap_or_default();
    let until = moment.strftime("%Y%m%d%H%M%SZ").to_string();
    let (mut lines, mut added, mut principals) = (Vec::new(), Vec::new(), Vec::new());
    for (index, line) in text.lines().enumerate() {
        let held = signers.iter().find(|signer| signer.line() == index + 1 && signer.key() == old);
        let Some((signer, at)) = held.and_then(|signer| Some((signer, line.find(&old.to_line())?))) else {
            lines.push(line.to_owned());
            continue;
        };
        let (before, key) = (line[..at].trim_end(), &line[at..]);
        let new_line = format!("{before} {}", new.to_line());
        if !text.lines().any(|known| known == new_line) && signer.valid_before().is_none() {
            principals.push(signer.principals().to_owned());
            added.push(new_line);
        }
        let has_options = signer.namespaces().is_some() || signer.valid_after().is_some();
        let gap = if has_options { "," } else { " " };
        match signer.valid_before() {
            None => lines.push(format!("{before}{gap}valid-before=\"{until}\" {key}")),
            Some(_) => lines.push(line.to_owned()),
        }
    }
    if !added.is_empty() {
        let text: String = lines.into_iter().chain(added).map(|line| line + "\n").collect();
        write_signers(path, &text)?;
    }
    Ok(principals)
}
