//! `vault mirror`: copies of a vault in object storage, kept up to date by whoever publishes.
//!
//! Which ones there are is in this user's record of the vault: another user may have no access to them, and who only reads
//! needs none.

mod update;

use schemars::JsonSchema;
use serde::Serialize;

use super::copy::Copy;
use super::{CopyError, Error, Opened, Vault};
use crate::fsio::real_path;
use crate::ops::Context;
use crate::signature::rfc3339;
use crate::store::{AddressError, StoreAddress};
use crate::trust::Ledger;

pub(super) use update::follow;
pub use update::push;

/// A mirror, and how far it is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Mirror {
    /// Its address.
    pub address: String,
    /// How it stands.
    #[serde(flatten)]
    pub state: MirrorState,
}

/// How a mirror stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum MirrorState {
    /// Nothing was written there yet.
    Empty,
    /// It holds the vault up to an entry of its ledger.
    Holds {
        /// Number of its writes.
        serial: u64,
        /// Number of the newest entry of the ledger there.
        number: u64,
        /// How many entries newer ones are known here.
        behind: u64,
        /// Until when what it says of itself is worth something, RFC 3339 in UTC.
        expires: String,
        /// Whether that is still to come.
        is_fresh: bool,
        /// Number of git packs there.
        packs: usize,
        /// Whether this command has written it.
        written: bool,
    },
    /// Nobody asked it.
    NotAsked,
    /// It cannot be reached, or not be believed.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The mirrors of a vault.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mirrors {
    /// The vault.
    pub vault: String,
    /// Its mirrors, in the order in which they were added.
    pub mirrors: Vec<Mirror>,
}

/// Parses the address of a mirror: of a bucket, or of a folder, also by a path from here.
fn address(context: &Context, text: &str) -> Result<StoreAddress, CopyError> {
    if text.contains("://") {
        return Ok(StoreAddress::parse(text)?);
    }
    // It may not be there yet: as much of it as is there has one spelling, and the rest no `..`.
    let (mut there, mut rest) = (context.folder.join(text), Vec::new());
    while !there.exists() {
        rest.push(there.file_name().ok_or(AddressError::Form)?.to_owned());
        there.pop();
    }
    let mut path = real_path(&there);
    path.extend(rest.into_iter().rev());
    Ok(StoreAddress::parse(&path.display().to_string())?)
}

/// Remembers a mirror. The place must be empty and heed conditions, or hold a copy of this vault.
///
/// # Errors
/// [`CopyError::Address`], [`CopyError::Known`], [`CopyError::NotEmpty`], [`CopyError::OtherVault`], [`CopyError::Store`].
pub fn add(context: &Context, name: &str, text: &str) -> Result<Mirrors, Error> {
    let vault = Vault::find(context, name)?;
    let address = address(context, text)?;
    let shown = address.to_string();
    if vault.mirrors.contains(&shown) {
        return Err(CopyError::Known { vault: vault.name, address: shown }.into());
    }
    if vault.url == shown {
        return Err(CopyError::Itself(shown).into());
    }
    let copy = Copy::open(context, &address)?;
    match copy.head()? {
        Some(seen) if seen.head.ledger != vault.ledger => {
            let (found, wanted) = (seen.head.ledger, vault.ledger);
            return Err(CopyError::OtherVault { address: shown, found, wanted }.into());
        }
        None if !copy.bucket().is_empty().map_err(CopyError::from)? => return Err(CopyError::NotEmpty(shown).into()),
        None => copy.probe()?,
        Some(_) => {}
    }
    let mut vault = change(context, name, |mirrors| mirrors.push(shown.clone()))?;
    let shown =
        Mirror { address: shown, state: state_of(context, &copy, seen_ledger(context, &vault)?.as_ref(), false)? };
    vault.mirrors.clear();
    Ok(Mirrors { vault: vault.name, mirrors: vec![shown] })
}

/// Forgets a mirror; what is there stays.
///
/// # Errors
/// [`CopyError::NoMirror`].
pub fn remove(context: &Context, name: &str, text: &str) -> Result<Mirrors, Error> {
    let vault = Vault::find(context, name)?;
    let known = chosen(context, &vault, Some(text))?;
    change(context, name, |mirrors| mirrors.retain(|mirror| !known.contains(mirror)))?;
    let gone = known.into_iter().map(|address| Mirror { address, state: MirrorState::NotAsked });
    Ok(Mirrors { vault: vault.name, mirrors: gone.collect() })
}

fn change(context: &Context, name: &str, edit: impl FnOnce(&mut Vec<String>)) -> Result<Vault, Error> {
    let _lock = super::add::lock(context, name)?;
    let mut vault = Vault::find(context, name)?;
    edit(&mut vault.mirrors);
    vault.keep(context)?;
    Ok(vault)
}

/// Returns the mirrors that are meant: all, or the one that is named.
fn chosen(context: &Context, vault: &Vault, text: Option<&str>) -> Result<Vec<String>, Error> {
    let Some(text) = text else { return Ok(vault.mirrors.clone()) };
    // One whose folder is gone is found as it was written down.
    let spelled = address(context, text).map_or_else(|_| text.to_owned(), |address| address.to_string());
    let found = vault.mirrors.iter().find(|mirror| **mirror == spelled || mirror.as_str() == text);
    let none = || CopyError::NoMirror { vault: vault.name.clone(), address: text.chars().take(200).collect() };
    Ok(vec![found.cloned().ok_or_else(none)?])
}

fn seen_ledger(context: &Context, vault: &Vault) -> Result<Option<Ledger>, Error> {
    Ok(Opened::of(context, vault.clone())?.ledger)
}

/// Lists the mirrors of a vault, and how far each is; without the network only which there are.
///
/// # Errors
/// [`Error::Unknown`].
pub fn list(context: &Context, name: &str) -> Result<Mirrors, Error> {
    let vault = Vault::find(context, name)?;
    let ledger = seen_ledger(context, &vault)?;
    let one = |address: &String| {
        let state = match StoreAddress::parse(address).map_err(CopyError::from) {
            _ if context.offline => Ok(MirrorState::NotAsked),
            Ok(parsed) => {
                Copy::open(context, &parsed).and_then(|copy| state_of(context, &copy, ledger.as_ref(), false))
            }
            Err(error) => Err(error.into()),
        };
        Mirror { address: address.clone(), state: state.unwrap_or_else(|error| failed(&error)) }
    };
    let mirrors = vault.mirrors.iter().map(one).collect();
    Ok(Mirrors { vault: vault.name, mirrors })
}

fn failed(error: &Error) -> MirrorState {
    MirrorState::Failed { reason: crate::ops::collection::with_causes(error) }
}

fn state_of(context: &Context, copy: &Copy<'_>, ledger: Option<&Ledger>, written: bool) -> Result<MirrorState, Error> {
    let Some(seen) = copy.head()? else { return Ok(MirrorState::Empty) };
    // One that knows more than is known here is for those to judge who know as much.
    if let Some(ledger) = ledger.filter(|ledger| seen.head.number <= ledger.number()) {
        copy.check(&seen, ledger)?;
    }
    let head = &seen.head;
    let now = u64::try_from(context.now_seconds).unwrap_or(0);
    Ok(MirrorState::Holds {
        serial: head.serial,
        number: head.number,
        behind: ledger.map_or(0, |ledger| ledger.number().saturating_sub(head.number)),
        expires: rfc3339(head.expires),
        is_fresh: head.expires > now,
        packs: head.packs.len(),
        written,
    })
}
