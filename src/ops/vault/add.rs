//! `vault add`, `list` and `remove`: which vaults the user knows, by name.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Error;
use super::ledger::{self, LEDGER_REF};
use crate::fsio::{
    Access, FsError, Lock, Root, create_new, ensure_folder, read_optional, real_path, remove_if_there, write_atomic,
};
use crate::git::{Remote, Repo, Store};
use crate::model::{BundleName, Digest, Location, Oid, Release, Source, VAULT_FORMAT};
use crate::ops::Context;
use crate::trust::{Ledger, Pin};

/// Largest record of a vault, in bytes.
const MAX_RECORD_BYTES: u64 = 64 * 1024;

/// A vault the user knows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Vault {
    /// The user's name for it.
    pub name: String,
    /// Its address.
    pub url: String,
    /// Id of its ledger: SHA-256 of the ledger's raw first commit.
    pub ledger: Digest,
    /// How the user knows that it is the one they mean; absent where they do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// What `vault add` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Added {
    /// The vault.
    #[serde(flatten)]
    pub vault: Vault,
    /// Number of releases that it offers.
    pub releases: usize,
    /// Who may change who may do what, and with which keys.
    pub root_keys: Vec<HeldKey>,
}

/// A key and who holds it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HeldKey {
    /// Who.
    pub principal: String,
    /// `SHA256:…`.
    pub fingerprint: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    url: String,
    ledger: Digest,
    #[serde(default)]
    pin: Option<Pin>,
}

fn folder(context: &Context) -> PathBuf {
    context.home.join("vaults")
}

/// Remembers a vault under a name, after its ledger was checked from its first entry on.
///
/// `ledger` is the id that the ledger must have, where the user knows it from elsewhere.
///
/// # Errors
/// [`Error::Known`], [`Error::Source`], [`Error::NotAVault`], [`Error::Ledger`], [`Error::OtherLedger`], [`Error::Git`] with
/// `Net`; nothing is remembered then.
pub fn add(context: &Context, name: &str, url: &str, ledger: Option<Digest>) -> Result<Added, Error> {
    let name: BundleName = name.parse()?;
    if record_path(context, name.as_str()).exists() {
        return Err(Error::Known(name.to_string()));
    }
    let remote = Remote { url: address(context, url)? };
    let refs = remote.list(context.network()?, &[])?;
    let head = refs.iter().find(|found| found.name == LEDGER_REF).map(|found| found.id);
    let head = head.ok_or_else(|| Error::NotAVault(remote.url.clone()))?;
    let (vault, found) = first_look(context, &name, &remote, head, ledger)?;
    let releases = refs.iter().filter(|found| Release::of_ref(&found.name).is_some()).count();
    let keys = found.files().keys().iter();
    let root_keys = keys.map(|(who, key)| HeldKey { principal: who.clone(), fingerprint: key.fingerprint() }).collect();
    Ok(Added { vault, releases, root_keys })
}

/// Fetches and checks the ledger, and writes the record.
fn first_look(
    context: &Context,
    name: &BundleName,
    remote: &Remote,
    head: Oid,
    wanted: Option<Digest>,
) -> Result<(Vault, Ledger), Error> {
    // In a store that is thrown away, so that what does not hold leaves nothing behind.
    let scratch = tempfile::tempdir_in(&context.scratch).map_err(FsError::at("make a folder in", &context.scratch))?;
    let repo = Repo::open_store(scratch.path(), &store_name(name.as_str()), Store::Whole)?;
    context.fetched(repo.fetch(context.network()?, remote, &[ledger::wanted(LEDGER_REF, head)], None)?);
    let id = ledger::id_of(&repo, head)?;
    let pin = wanted.map(|_| Pin::Compared);
    let vault = Vault { name: name.to_string(), url: remote.url.clone(), ledger: wanted.unwrap_or(id), pin };
    let ledger = ledger::take(context, &repo, &vault, head)?;
    let _lock = lock(context, name.as_str())?;
    let own = store(context, &vault)?;
    own.remove_locks_of_store()?;
    let here = Remote { url: repo.git_folder().display().to_string() };
    let seen = ledger::seen_ref(vault.ledger);
    own.fetch_whole(context.git()?, &here, &[(seen.clone(), seen)])?;
    context.make_durable(own.git_folder())?;
    create_new(&record_path(context, &vault.name), vault.record().as_bytes(), Access::Shared)?;
    Ok((vault, ledger))
}

/// Says how the user knows the ledger of a vault: by comparing its id, because it was the first, or not at all.
///
/// # Errors
/// [`Error::Unknown`], [`Error::OtherLedger`] for another id than the vault's.
pub fn pin(context: &Context, name: &str, wanted: Option<Digest>, pin: Option<Pin>) -> Result<Vault, Error> {
    let mut vault = Vault::find(context, name)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != vault.ledger) {
        return Err(Error::OtherLedger { vault: vault.name, known: wanted, found: vault.ledger });
    }
    vault.pin = wanted.map(|_| Pin::Compared).or(pin);
    write_atomic(&record_path(context, &vault.name), vault.record().as_bytes(), Access::Shared)?;
    Ok(vault)
}

/// What was seen of a vault that is known is gone from this machine, so nobody here can say whether it was rewound since.
pub(super) fn first_again(context: &Context, name: &str) -> Result<(), Error> {
    match pin(context, name, None, None) {
        // It is being added.
        Err(Error::Unknown(_)) => return Ok(()),
        other => drop(other?),
    }
    context.progress.warn(&format!(
        "what was seen of the vault '{name}' is gone here: this is a first contact again, and nothing in it is believed for its \
         ledger until `git skillmeat vault pin {name}`"
    ));
    Ok(())
}

fn record_path(context: &Context, name: &str) -> PathBuf {
    folder(context).join(format!("{name}.toml"))
}

pub(super) fn address(context: &Context, url: &str) -> Result<String, Error> {
    let exists = |path: &str| context.folder.join(path).exists();
    let source = Source::parse(url, exists, &context.forge)?;
    if source.reference.is_some() || source.subpath.is_some() {
        return Err(Error::NotWhole);
    }
    Ok(match source.location {
        Location::Git { url } => url,
        Location::Local(path) => real_path(&context.folder.join(path)).display().to_string(),
    })
}

/// Lists the vaults the user knows, by name.
///
/// # Errors
/// [`Error::Record`], [`Error::Fs`].
pub fn list(context: &Context) -> Result<Vec<Vault>, Error> {
    let folder = folder(context);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let names = Root::open(&folder)?.list("")?;
    let names = names.iter().filter_map(|(file, _)| file.strip_suffix(".toml"));
    names.map(|name| Vault::find(context, name)).collect()
}

/// Forgets a vault and what was fetched from it.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Fs`].
pub fn remove(context: &Context, name: &str) -> Result<Vault, Error> {
    let vault = Vault::find(context, name)?;
    let _lock = lock(context, &vault.name)?;
    remove_if_there(&record_path(context, &vault.name))?;
    crate::fsio::remove_tree(&folder(context).join(store_name(&vault.name)))?;
    Ok(vault)
}

fn store_name(name: &str) -> String {
    format!("{name}.git")
}

/// Takes the lock on what was fetched from a vault.
pub(super) fn lock(context: &Context, name: &str) -> Result<Lock, Error> {
    let patience: Duration = context.patience;
    ensure_folder(&folder(context))?;
    Ok(Lock::take(&folder(context).join(format!("{name}.lock")), patience)?)
}

/// Opens our store of what was fetched from a vault, making it if needed.
///
/// # Errors
/// [`Error::Git`].
pub fn store(context: &Context, vault: &Vault) -> Result<Repo, Error> {
    ensure_folder(&folder(context))?;
    Ok(Repo::open_store(&folder(context), &store_name(&vault.name), Store::Partial)?)
}

impl Vault {
    /// Finds a vault by the user's name for it.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Record`].
    pub fn find(context: &Context, name: &str) -> Result<Self, Error> {
        let unknown = || Error::Unknown(name.chars().take(80).collect());
        let name: BundleName = name.parse().map_err(|_| unknown())?;
        let bytes = read_optional(&record_path(context, name.as_str()), MAX_RECORD_BYTES)?.ok_or_else(unknown)?;
        let broken = || Error::Record(name.to_string());
        let text = String::from_utf8(bytes).map_err(|_| broken())?;
        let record: Record = toml::from_str(&text).map_err(|_| broken())?;
        if record.format != VAULT_FORMAT {
            return Err(broken());
        }
        Ok(Self { name: name.to_string(), url: record.url, ledger: record.ledger, pin: record.pin })
    }

    /// Refuses where the network is to be left alone.
    pub(super) fn check_online(&self, context: &Context) -> Result<(), Error> {
        if context.offline { Err(Error::Offline(self.name.clone())) } else { Ok(()) }
    }

    /// Returns the text of its record.
    fn record(&self) -> String {
        let url = toml_edit::Value::from(self.url.as_str()).to_string();
        let pin = match self.pin {
            None => "",
            Some(Pin::FirstUse) => "pin = \"first-use\"\n",
            Some(Pin::Compared) => "pin = \"compared\"\n",
        };
        format!("format = {VAULT_FORMAT}\nurl = {url}\nledger = \"{}\"\n{pin}", self.ledger)
    }

    /// Returns where to fetch from and push to.
    pub(super) fn remote(&self) -> Remote {
        Remote { url: self.url.clone() }
    }
}
