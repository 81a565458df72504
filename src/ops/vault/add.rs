//! `vault add`, `list` and `remove`: which vaults the user knows, by name.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ledger::{self, LEDGER_REF};
use super::{Error, Opened, kept, seen, upstream};
use crate::fsio::{
    Access, FsError, Lock, Root, create_new, ensure_folder, put_back, read_optional, real_path, remove_if_there,
    write_atomic,
};
use crate::git::{Remote, Repo, Store};
use crate::model::{BundleName, Digest, Location, Source, VAULT_FORMAT};
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
    /// Copies in object storage that this user keeps up to date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<String>,
}

/// What `vault remove` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    /// The user's name for the vault.
    pub name: String,
    /// Its address; absent where its record was damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Id of its ledger; absent where its record was damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Digest>,
}

/// What `vault add` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Added {
    /// The vault.
    #[serde(flatten)]
    pub vault: Vault,
    /// Number of releases that its ledger lists.
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
    #[serde(default)]
    mirrors: Vec<String>,
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
    let url = address(context, url)?;
    let (vault, found) = first_look(context, &name, &url, ledger)?;
    let releases = found.releases().count();
    let keys = found.files().keys().iter();
    let root_keys = keys.map(|(who, key)| HeldKey { principal: who.clone(), fingerprint: key.fingerprint() }).collect();
    Ok(Added { vault, releases, root_keys })
}

/// Fetches and checks the ledger, and writes the record.
fn first_look(
    context: &Context,
    name: &BundleName,
    url: &str,
    wanted: Option<Digest>,
) -> Result<(Vault, Ledger), Error> {
    // In a store that is thrown away, so that what does not hold leaves nothing behind.
    let scratch = tempfile::tempdir_in(&context.scratch).map_err(FsError::at("make a folder in", &context.scratch))?;
    let repo = Repo::open_store(scratch.path(), &store_name(name.as_str()), Store::Whole)?;
    let upstream = upstream::at(context, url, None)?;
    let (heads, bytes) = ledger::fetch_branches(context, &repo, upstream.as_ref(), &[LEDGER_REF])?;
    context.fetched(bytes);
    let head = heads.into_iter().next().ok_or_else(|| Error::NotAVault(url.to_owned()))?;
    let id = ledger::id_of(&repo, head)?;
    let pin = wanted.map(|_| Pin::Compared);
    let vault =
        Vault { name: name.to_string(), url: url.to_owned(), ledger: wanted.unwrap_or(id), pin, mirrors: Vec::new() };
    let ledger = ledger::advance(context, &repo, &vault, None, head)?;
    let _lock = lock(context, name.as_str())?;
    let own = store(context, &vault)?;
    own.remove_locks_of_store()?;
    let here = Remote { url: repo.git_folder().display().to_string() };
    let pointer = ledger::seen_ref(vault.ledger);
    own.fetch_whole(context.git()?, &here, &[(pointer.clone(), pointer)])?;
    super::cache::write(&own, &ledger);
    super::copy::carry_notes(repo.git_folder(), own.git_folder())?;
    kept::keep_record(own.git_folder(), &vault)?;
    kept::note_fetch(context, own.git_folder(), &vault.url)?;
    context.make_durable(own.git_folder())?;
    create_new(&record_path(context, &vault.name), vault.record().as_bytes(), Access::Shared)?;
    seen::keep(context, &vault.name, &ledger)?;
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
    // The copy first: of the two the one that believes less must not be the older one for long.
    kept::keep_record(&store_path(context, &vault.name), &vault)?;
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

pub(super) fn record_path(context: &Context, name: &str) -> PathBuf {
    folder(context).join(format!("{name}.toml"))
}

/// Returns the address of a repository that the user has named. A vault in one file is a path, also where it is named by a URL: git
/// reads no such file from `file://`.
pub(super) fn address(context: &Context, url: &str) -> Result<String, Error> {
    if let Some(address) = upstream::store_address(&real(context, url))? {
        return Ok(address.to_string());
    }
    let exists = |path: &str| context.folder.join(path).exists();
    let source = Source::parse(url, exists, &context.forge)?;
    if source.reference.is_some() || source.subpath.is_some() {
        return Err(Error::NotWhole);
    }
    Ok(match source.location {
        Location::Git { url } => {
            match url.strip_prefix("file://").filter(|path| std::path::Path::new(path).is_file()) {
                Some(path) => path.to_owned(),
                None => url,
            }
        }
        Location::Local(path) => real_path(&context.folder.join(path)).display().to_string(),
    })
}

/// Returns the one absolute path of a folder that is there; any other text as it is.
fn real(context: &Context, text: &str) -> String {
    let folder = context.folder.join(text);
    if !text.contains("://") && folder.is_dir() { real_path(&folder).display().to_string() } else { text.to_owned() }
}

/// Lists the vaults the user knows, by name. One whose record is damaged is left out with a warning: it keeps nobody from the
/// others.
///
/// # Errors
/// [`Error::Fs`].
pub fn list(context: &Context) -> Result<Vec<Vault>, Error> {
    let mut vaults = Vec::new();
    for name in names(context)? {
        match Vault::find(context, &name) {
            Ok(vault) => vaults.push(vault),
            Err(Error::Record(name)) => context.progress.warn(&format!(
                "the record of the vault '{name}' is damaged, and it is left out: `git skillmeat vault repair {name}`"
            )),
            Err(error) => return Err(error),
        }
    }
    Ok(vaults)
}

/// Returns the names of the vaults that have a record, whatever it says.
///
/// # Errors
/// [`Error::Fs`].
pub fn names(context: &Context) -> Result<Vec<String>, Error> {
    let folder = folder(context);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let files = Root::open(&folder)?.list("")?;
    Ok(files.iter().filter_map(|(file, _)| Some(file.strip_suffix(".toml")?.to_owned())).collect())
}

/// Forgets a vault and what was fetched from it; how far its ledger was seen is not forgotten.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Fs`].
pub fn remove(context: &Context, name: &str) -> Result<Removed, Error> {
    let (name, vault) = match Vault::find(context, name) {
        Ok(vault) => (vault.name.clone(), Some(vault)),
        // One that is damaged keeps nobody from adding the vault again.
        Err(Error::Record(name)) => (name, None),
        Err(error) => return Err(error),
    };
    let _lock = lock(context, &name)?;
    if let Some(vault) = vault.as_ref().filter(|vault| store_path(context, &vault.name).is_dir()) {
        // How far its ledger was seen stays, also where only the ref said it. A store that cannot be read says nothing.
        if let Ok(Opened { ledger: Some(ledger), .. }) = Opened::to_fetch(context, vault.clone()) {
            match seen::keep(context, &name, &ledger) {
                // What its file says stays.
                Ok(()) | Err(Error::Forked { .. } | Error::SeenFile(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }
    remove_if_there(&record_path(context, &name))?;
    crate::fsio::remove_tree(&store_path(context, &name))?;
    crate::fsio::remove_tree(&repair_path(context, &name))?;
    let (url, ledger) = vault.map(|vault| (vault.url, vault.ledger)).unzip();
    Ok(Removed { name, url, ledger })
}

fn store_name(name: &str) -> String {
    format!("{name}.git")
}

/// Returns where the store of a vault is.
pub(super) fn store_path(context: &Context, name: &str) -> PathBuf {
    folder(context).join(store_name(name))
}

/// Returns where a vault's store is built anew while it is repaired.
pub(super) fn repair_path(context: &Context, name: &str) -> PathBuf {
    folder(context).join(format!("{name}.git.repair"))
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
    put_back(&store_path(context, &vault.name))?;
    Ok(Repo::open_store(&folder(context), &store_name(&vault.name), Store::Partial)?)
}

/// Reads the text of a record; `None` for one that is damaged.
pub(super) fn record_of(name: &str, bytes: &[u8]) -> Option<Vault> {
    let record: Record = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
    let is_known = record.format == VAULT_FORMAT;
    is_known.then(|| Vault {
        name: name.to_owned(),
        url: record.url,
        ledger: record.ledger,
        pin: record.pin,
        mirrors: record.mirrors,
    })
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
        record_of(name.as_str(), &bytes).ok_or_else(|| Error::Record(name.to_string()))
    }

    /// Returns it as a git repository.
    pub(super) fn remote(&self) -> Remote {
        Remote { url: self.url.clone() }
    }

    /// Refuses where the network is to be left alone.
    pub(super) fn check_online(&self, context: &Context) -> Result<(), Error> {
        if context.offline { Err(Error::Offline(self.name.clone())) } else { Ok(()) }
    }

    /// Returns the text of its record.
    pub(super) fn record(&self) -> String {
        let url = toml_edit::Value::from(self.url.as_str()).to_string();
        let pin = match self.pin {
            None => "",
            Some(Pin::FirstUse) => "pin = \"first-use\"\n",
            Some(Pin::Compared) => "pin = \"compared\"\n",
        };
        let mirrors: Vec<String> =
            self.mirrors.iter().map(|mirror| toml_edit::Value::from(mirror.as_str()).to_string()).collect();
        let mirrors = if mirrors.is_empty() { String::new() } else { format!("mirrors = [{}]\n", mirrors.join(", ")) };
        format!("format = {VAULT_FORMAT}\nurl = {url}\nledger = \"{}\"\n{pin}{mirrors}", self.ledger)
    }

    /// Writes its record anew; the caller holds the lock.
    pub(super) fn keep(&self, context: &Context) -> Result<(), Error> {
        Ok(write_atomic(&record_path(context, &self.name), self.record().as_bytes(), Access::Shared)?)
    }
}
