//! `vault add`, `list` and `remove`: which vaults the user knows, by name.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Error, INDEX_REF};
use crate::fsio::{Access, Lock, Root, create_new, ensure_folder, read_optional, real_path, remove_if_there};
use crate::git::{Remote, Repo, Store};
use crate::model::{BundleName, Location, Release, Source, VAULT_FORMAT};
use crate::ops::Context;

/// Largest record of a vault, in bytes.
const MAX_RECORD_BYTES: u64 = 64 * 1024;

/// A vault the user knows.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Vault {
    /// The user's name for it.
    pub name: String,
    /// Its address.
    pub url: String,
}

/// What `vault add` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Added {
    /// The vault.
    #[serde(flatten)]
    pub vault: Vault,
    /// Number of releases that it offers.
    pub releases: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format: u32,
    url: String,
}

fn folder(context: &Context) -> PathBuf {
    context.home.join("vaults")
}

/// Remembers a vault under a name, after looking whether there is one.
///
/// # Errors
/// [`Error::Known`], [`Error::Source`], [`Error::NotAVault`], [`Error::Git`] with `Net`; nothing is remembered then.
pub fn add(context: &Context, name: &str, url: &str) -> Result<Added, Error> {
    let name: BundleName = name.parse()?;
    let record = folder(context).join(format!("{name}.toml"));
    if record.exists() {
        return Err(Error::Known(name.to_string()));
    }
    let vault = Vault { name: name.to_string(), url: address(context, url)? };
    let refs = vault.remote().list(context.network()?, &[])?;
    if !refs.iter().any(|found| found.name == INDEX_REF) {
        return Err(Error::NotAVault(vault.url));
    }
    let releases = refs.iter().filter(|found| Release::of_ref(&found.name).is_some()).count();
    ensure_folder(&folder(context))?;
    let url = toml_edit::Value::from(vault.url.as_str()).to_string();
    create_new(&record, format!("format = {VAULT_FORMAT}\nurl = {url}\n").as_bytes(), Access::Shared)?;
    Ok(Added { vault, releases })
}

fn address(context: &Context, url: &str) -> Result<String, Error> {
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
    remove_if_there(&folder(context).join(format!("{}.toml", vault.name)))?;
    crate::fsio::remove_tree(&folder(context).join(store_name(&vault.name)))?;
    Ok(vault)
}

fn store_name(name: &str) -> String {
    format!("{name}.git")
}

/// Takes the lock on what was fetched from a vault.
pub(super) fn lock(context: &Context, name: &str) -> Result<Lock, Error> {
    let patience: Duration = context.patience;
    Ok(Lock::take(&folder(context).join(format!("{name}.lock")), patience)?)
}

/// Opens our store of what was fetched from a vault, making it if needed.
///
/// # Errors
/// [`Error::Git`].
pub fn store(context: &Context, vault: &Vault) -> Result<Repo, Error> {
    ensure_folder(&folder(context))?;
    Ok(Repo::open_store(&folder(context), &store_name(&vault.name), Store::Whole)?)
}

impl Vault {
    /// Finds a vault by the user's name for it.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Record`].
    pub fn find(context: &Context, name: &str) -> Result<Self, Error> {
        let unknown = || Error::Unknown(name.chars().take(80).collect());
        let name: BundleName = name.parse().map_err(|_| unknown())?;
        let bytes =
            read_optional(&folder(context).join(format!("{name}.toml")), MAX_RECORD_BYTES)?.ok_or_else(unknown)?;
        let broken = || Error::Record(name.to_string());
        let text = String::from_utf8(bytes).map_err(|_| broken())?;
        let record: Record = toml::from_str(&text).map_err(|_| broken())?;
        if record.format != VAULT_FORMAT {
            return Err(broken());
        }
        Ok(Self { name: name.to_string(), url: record.url })
    }

    /// Returns where to fetch from and push to.
    pub(super) fn remote(&self) -> Remote {
        Remote { url: self.url.clone() }
    }
}
