//! Fetching what is recommended, from a vault that is known, one that is not, or the address of a pack.

use tempfile::{NamedTempFile, TempDir};

use super::{Error, publishable};
use crate::fsio::FsError;
use crate::git::{Download, GitError, Remote, Repo, Store, download};
use crate::model::{Address, Oid, Recommendation, Release};
use crate::ops::Context;
use crate::ops::bundle::Place;
use crate::ops::bundle::Wanted;
use crate::ops::vault::{self, Asked, Vault};

/// A release that was fetched and is not verified.
pub enum Fetched {
    /// In our store of a vault that the user knows by a name.
    Vault {
        /// The user's name for it.
        name: String,
        /// The store.
        store: Box<Repo>,
    },
    /// In a store that is removed with this value.
    Once {
        /// The store.
        store: Box<Repo>,
        /// Its folder.
        folder: TempDir,
    },
    /// In a pack that is removed with this value.
    Pack(NamedTempFile),
}

impl Fetched {
    /// Returns where the release is now.
    pub fn place(&self, release: &Release) -> Place<'_> {
        match self {
            Fetched::Vault { store, .. } | Fetched::Once { store, .. } => {
                Place::Repository(store, release.to_string(), None)
            }
            Fetched::Pack(file) => Place::Pack(file.path().to_owned()),
        }
    }

    /// Returns the user's name for the vault that it is from.
    pub fn vault(&self) -> Option<&str> {
        match self {
            Fetched::Vault { name, .. } => Some(name),
            Fetched::Once { .. } | Fetched::Pack(_) => None,
        }
    }
}

/// Fetches the release from the address in a recommendation, whose signature is believed by the caller.
///
/// The address is a stranger's word as far as the network goes: one that leads to this machine or over an unprotected line
/// is not followed, unless the user knows it as a vault or has allowed it.
///
/// # Errors
/// [`Error::NoAddress`], [`Error::NotAllowed`], [`Error::Gone`], [`Error::OtherTag`]; [`Error::Vault`] and [`Error::Git`] with
/// `Net`.
pub fn fetch(context: &Context, recommendation: &Recommendation) -> Result<Fetched, Error> {
    let release = &recommendation.release;
    let from = recommendation.from.as_ref().ok_or_else(|| Error::NoAddress(release.to_string()))?;
    if let Some(known) = vault::list(context)?.into_iter().find(|known| known.url == from.as_str()) {
        return from_known(context, &known, recommendation);
    }
    allow(context, from)?;
    context.network()?;
    if from.is_pack() {
        let wanted = Download { url: from.as_str(), limit: context.limits.pack_bytes, silence: context.silence };
        let file = download(wanted, &context.scratch, &context.path, &context.environment)?;
        context.fetched(file.as_file().metadata().map_or(0, |meta| meta.len()));
        return Ok(Fetched::Pack(file));
    }
    once(context, from, recommendation)
}

/// Makes sure that an address which the user has not typed may be asked.
fn allow(context: &Context, from: &Address) -> Result<(), Error> {
    let transport = from.transport();
    if publishable(transport) || context.allowed_sources.iter().any(|allowed| allowed == from.as_str()) {
        return Ok(());
    }
    Err(Error::NotAllowed { address: from.as_str().to_owned(), transport })
}

fn from_known(context: &Context, known: &Vault, recommendation: &Recommendation) -> Result<Fetched, Error> {
    if !context.offline {
        let wanted = Wanted::Release(recommendation.release.clone());
        vault::pull(context, &known.name, Asked::Any(&[wanted]))?;
    }
    let store = vault::store(context, known)?;
    let here = store.find_ref(&recommendation.release.ref_name())?;
    check_tag(here, &known.url, recommendation)?;
    Ok(Fetched::Vault { name: known.name.clone(), store: Box::new(store) })
}

/// Fetches the one tag into a store of its own: nothing of a vault that the user has not added stays.
fn once(context: &Context, from: &Address, recommendation: &Recommendation) -> Result<Fetched, Error> {
    let folder = tempfile::Builder::new().prefix("skillmeat-").tempdir_in(&context.scratch);
    let folder = folder.map_err(|source| {
        GitError::from(FsError::Io { verb: "make a folder in", path: context.scratch.clone(), source })
    })?;
    let store = Repo::open_store(folder.path(), "once.git", Store::Whole)?;
    let remote = Remote { url: from.as_str().to_owned() };
    let name = recommendation.release.ref_name();
    let offered = remote.list(context.network()?, &[&name])?;
    let there = offered.iter().find(|found| found.name == name).map(|found| found.id);
    check_tag(there, from.as_str(), recommendation)?;
    context.fetched(store.fetch(context.network()?, &remote, &[(name.clone(), name.clone())], None)?);
    // It may have changed between the two questions.
    check_tag(store.find_ref(&name)?, from.as_str(), recommendation)?;
    Ok(Fetched::Once { store: Box::new(store), folder })
}

fn check_tag(there: Option<Oid>, address: &str, wanted: &Recommendation) -> Result<(), Error> {
    let (release, address) = (wanted.release.to_string(), address.to_owned());
    match there {
        Some(id) if id == wanted.tag => Ok(()),
        Some(found) => Err(Error::OtherTag { release, address, found, recommended: wanted.tag }),
        None => Err(Error::Gone { release, address }),
    }
}
