//! The bundles that a bundle needs: found in the vaults that the user knows and in the collection, verified, and put in order.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use semver::Version;

use super::locked::locked_in;
use super::{Asked, Error, Opened, Vault, bring, check_locked, list, pull};
use crate::model::{BundleName, Release};
use crate::ops::Context;
use crate::ops::bundle::resolve::{Needs, Offers, resolve};
use crate::ops::bundle::{self, Found, Place, releases};
use crate::ops::collection::Collection;
use crate::trust::{ReleaseContent, Verified};

/// A bundle that is needed.
pub struct Needed {
    /// Where it is.
    pub found: Found,
    /// What it is.
    pub verified: Verified<ReleaseContent>,
    /// The user's name for the vault that it came from; `None` for one whose tag the collection has.
    pub vault: Option<String>,
}

/// Which versions will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// The newest that fit, with those of `collection.lock` first.
    Prefer,
    /// Those of `collection.lock` and no others.
    Only,
}

/// Finds and verifies all bundles that a verified release needs, directly and through others. Each stands behind what it needs.
///
/// A name is looked for where the collection has it from, then in the vault of the release, then in all others that the user
/// knows: one that several of those offer is refused, since whoever can publish in any of them could slip something in.
///
/// # Errors
/// [`Error::Resolve`], [`Error::SeveralVaults`], [`Error::NotLocked`], [`Error::Bundle`] for one that is not verified,
/// [`Error::Git`] with `Net`.
pub fn dependencies(
    context: &Context,
    collection: &Collection,
    root: &ReleaseContent,
    vault: Option<&str>,
    locked: Locked,
) -> Result<Vec<Needed>, Error> {
    if root.manifest.dependencies.is_empty() {
        return Ok(Vec::new());
    }
    context.progress.step("finding what it needs", 0, None);
    let (opened, own, found) = (BTreeMap::new(), OnceCell::new(), BTreeMap::new());
    let mut sources = Sources { context, collection, vault, locked, opened, own, found };
    let order = resolve(&mut sources, &root.release, &root.manifest.dependencies)?;
    let mut found = sources.found;
    Ok(order.iter().filter_map(|release| found.remove(release)).collect())
}

struct Sources<'a> {
    context: &'a Context,
    collection: &'a Collection,
    /// The vault of the release that needs others.
    vault: Option<&'a str>,
    locked: Locked,
    /// Vaults that were looked into.
    opened: BTreeMap<String, Opened>,
    /// The collection's own releases, once they were asked for.
    own: OnceCell<Vec<Release>>,
    found: BTreeMap<Release, Needed>,
}

impl Sources<'_> {
    /// Opens a vault, fetching what is new in its ledger unless that was done or the network is left alone.
    fn open(&mut self, vault: &Vault) -> Result<&Opened, Error> {
        if !self.opened.contains_key(&vault.name) {
            // What is imported from a vault was fetched just now.
            if !self.context.offline && self.vault != Some(vault.name.as_str()) {
                pull(self.context, &vault.name, Asked::Any(&[]))?;
            }
            self.opened.insert(vault.name.clone(), Opened::of(self.context, vault.clone())?);
        }
        Ok(&self.opened[&vault.name])
    }

    /// As [`own_releases`], which looks into every vault: once.
    fn own_releases(&self) -> Result<&[Release], Error> {
        if let Some(own) = self.own.get() {
            return Ok(own);
        }
        let own = own_releases(self.context, self.collection)?;
        Ok(self.own.get_or_init(|| own))
    }

    /// Returns the vault that a bundle is taken from; `None` for the collection's own tags.
    fn home(&mut self, bundle: &BundleName) -> Result<Option<Vault>, Error> {
        let locked = self.collection.lock.releases.get(bundle).and_then(|locked| locked.vault.clone());
        if self.locked == Locked::Only
            && let Some(name) = &locked
        {
            // From there and from nowhere else, also what was taken back since.
            return Ok(Some(Vault::find(self.context, name)?));
        }
        let entries = self.collection.manifest.artifacts.values();
        let recorded = entries.filter(|entry| entry.bundle.as_deref() == Some(bundle.as_str()));
        let recorded = recorded.filter_map(|entry| entry.vault.clone()).next().or(locked);
        let preferred: Vec<String> = recorded.into_iter().chain(self.vault.map(str::to_owned)).collect();
        for name in preferred {
            let vault = Vault::find(self.context, &name)?;
            if offers(self.open(&vault)?, bundle)? {
                return Ok(Some(vault));
            }
        }
        if self.own_releases()?.iter().any(|release| release.bundle == *bundle) {
            return Ok(None);
        }
        let mut having = Vec::new();
        for vault in list(self.context)? {
            if offers(self.open(&vault)?, bundle)? {
                having.push(vault);
            }
        }
        if having.len() > 1 {
            let vaults = having.into_iter().map(|vault| vault.name).collect();
            return Err(Error::SeveralVaults { bundle: bundle.to_string(), vaults });
        }
        Ok(having.pop())
    }
}

fn offers(opened: &Opened, bundle: &BundleName) -> Result<bool, Error> {
    Ok(published(opened)?.iter().any(|release| release.bundle == *bundle))
}

/// Returns what a vault offers, oldest first: by its ledger, since anyone who may push can put tags past it, and without what was
/// taken back.
fn published(opened: &Opened) -> Result<Vec<Release>, Error> {
    Ok(match &opened.ledger {
        Some(ledger) => {
            let all = ledger.releases().map(|(release, _)| release);
            all.filter(|release| ledger.yanked(release).is_none()).cloned().collect()
        }
        None => releases(&opened.repo)?.into_iter().map(|(release, _)| release).collect(),
    })
}

/// Returns the releases whose tags the collection has, oldest first, without what any vault that the user knows has taken back.
fn own_releases(context: &Context, collection: &Collection) -> Result<Vec<Release>, Error> {
    let vaults = list(context)?.into_iter().map(|vault| Opened::of(context, vault)).collect::<Result<Vec<_>, _>>()?;
    let ledgers: Vec<_> = vaults.iter().filter_map(|opened| opened.ledger.as_ref()).collect();
    let is_yanked = |release: &Release| ledgers.iter().any(|ledger| ledger.yanked(release).is_some());
    let all = releases(&collection.repo)?.into_iter().map(|(release, _)| release);
    Ok(all.filter(|release| !is_yanked(release)).collect())
}

impl Offers for Sources<'_> {
    type Error = Error;

    fn versions(&mut self, bundle: &BundleName) -> Result<Vec<Version>, Error> {
        let locked = locked_in(self.collection, bundle).map(|(version, _)| version);
        if self.locked == Locked::Only {
            let not_locked = || Error::NotLocked { release: bundle.to_string(), locked: None };
            return locked.map(|version| vec![version]).ok_or_else(not_locked);
        }
        let all = match self.home(bundle)? {
            Some(vault) => published(self.open(&vault)?)?,
            None => self.own_releases()?.to_vec(),
        };
        let own = all.into_iter().filter(|release| release.bundle == *bundle);
        let mut versions: Vec<Version> = own.map(|release| release.version).collect();
        versions.reverse();
        // What is here already stays, as long as it will do.
        if let Some(at) = locked.and_then(|locked| versions.iter().position(|version| *version == locked)) {
            let locked = versions.remove(at);
            versions.insert(0, locked);
        }
        Ok(versions)
    }

    fn needs(&mut self, release: &Release) -> Result<Needs, Error> {
        let context = self.context;
        let collection = self.collection;
        let home = self.home(&release.bundle)?;
        let name = release.to_string();
        let (found, verified) = match &home {
            Some(vault) => {
                let opened = self.open(vault)?;
                if !context.offline {
                    bring(context, opened, std::slice::from_ref(release))?;
                }
                let found = bundle::find(context, &Place::Repository(&opened.repo, name, opened.ledger.as_ref()))?;
                let verified = bundle::verify(context, &found, opened.voucher(context)?, &[])?;
                (found, verified)
            }
            None => {
                let found = bundle::find(context, &Place::Repository(&collection.repo, name, None))?;
                let verified = super::knowing(context, &found)?.verify(context, &found)?;
                (found, verified)
            }
        };
        if self.locked == Locked::Only {
            check_locked(collection, verified.get())?;
        }
        let needs = verified.get().manifest.dependencies.clone();
        self.found.insert(release.clone(), Needed { found, verified, vault: home.map(|vault| vault.name) });
        Ok(needs)
    }
}
