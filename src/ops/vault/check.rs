//! `vault check`: everything that is here of a vault, checked anew without believing what was checked before.
//!
//! Files of the store first (`git::examine`), then the ledger from its first entry, then each release that it lists. All that is
//! wrong is told, and not only the first.

mod content;
mod entries;
mod offered;
mod trouble;
mod view;

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::add::{lock, record_of, store_path};
use super::{Error, Vault, kept, ledger, seen};
use crate::git::Store;
use crate::model::{Class, Digest, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::load_trust;
use crate::trust::{Authority, Ledger, Voucher};

pub(super) use content::{Depth, Looked, check_all};
pub(super) use entries::read_all;
pub use offered::Offered;
pub(super) use offered::{ask, fetch_some, local_folder};
pub use trouble::{Part, Remedy, Trouble};
pub(super) use view::View;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Whether the content of every release is read, and its digests are worked out anew.
    pub data: bool,
    /// Whether the vault itself is asked too.
    pub remote: bool,
}

/// A release that is here and that nobody gets, though nothing is damaged.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotBelieved {
    /// The release.
    pub release: String,
    /// Why.
    pub reason: String,
}

/// What was found of one vault.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// The user's name for the vault.
    pub vault: String,
    /// Its address; absent where the record of the vault is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Id of its ledger, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<Digest>,
    /// Number of entries of the ledger that hold.
    pub entries: u64,
    /// Number of releases that the ledger lists.
    pub listed: usize,
    /// Number of those that are here and hold.
    pub whole: usize,
    /// Number of those that were not fetched.
    pub not_fetched: usize,
    /// Those that are here and whose signer is believed no longer.
    pub not_believed: Vec<NotBelieved>,
    /// Number of tags here that the ledger does not list: nobody believes them.
    pub unlisted: usize,
    /// Whether heads are kept here that contradict each other.
    pub has_evidence: bool,
    /// Size of the files of the store that were read, in bytes.
    pub bytes: u64,
    /// Size of the files of releases whose digests were worked out anew, in bytes; 0 where that was not asked for.
    pub data_bytes: u64,
    /// What the vault itself offers, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<Offered>,
    /// All that is wrong.
    pub troubles: Vec<Trouble>,
}

impl Checked {
    pub(super) fn of(vault: &str) -> Self {
        Self {
            vault: vault.to_owned(),
            url: None,
            ledger: None,
            entries: 0,
            listed: 0,
            whole: 0,
            not_fetched: 0,
            not_believed: Vec::new(),
            unlisted: 0,
            has_evidence: false,
            bytes: 0,
            data_bytes: 0,
            offered: None,
            troubles: Vec::new(),
        }
    }

    /// Returns the exit status: that of the worst class. What was checked and refused is worse than what could not be checked.
    pub fn exit_status(&self) -> u8 {
        self.troubles.iter().map(|trouble| trouble.class.exit_status()).max().unwrap_or(0)
    }
}

/// What is known of a vault, however much of its record is left.
pub(super) struct Known {
    pub(super) vault: Option<Vault>,
    pub(super) ledger: Option<Digest>,
    pub(super) troubles: Vec<Trouble>,
}

/// Reads the record of a vault, or else the copy in its store.
///
/// # Errors
/// [`Error::Unknown`].
pub(super) fn known(context: &Context, name: &str) -> Result<Known, Error> {
    let copy = kept::record_copy(&store_path(context, name)).and_then(|text| record_of(name, &text));
    let broken = match Vault::find(context, name) {
        // The user may have given it another address; the id of a ledger is changed by nobody.
        Ok(vault) => match &copy {
            Some(copy) if copy.ledger != vault.ledger => Error::Record(name.to_owned()),
            _ => return Ok(Known { ledger: Some(vault.ledger), vault: Some(vault), troubles: Vec::new() }),
        },
        Err(error @ (Error::Record(_) | Error::Fs(_))) => error,
        // A record that is gone altogether leaves the store.
        Err(error @ Error::Unknown(_)) if is_left(context, name) => error,
        Err(error) => return Err(error),
    };
    let remedy = if copy.is_some() { Remedy::Repair } else { Remedy::Add };
    let what = format!(
        "{}{}",
        crate::ops::collection::with_causes(&broken),
        if copy.is_some() { "; the store has a copy of it" } else { "" }
    );
    let class = if matches!(broken, Error::Fs(_)) { Class::Io } else { Class::Parse };
    let trouble = Trouble::new(Part::Record, class, remedy, what).at_path(&format!("{name}.toml"));
    Ok(Known { ledger: copy.as_ref().map(|vault| vault.ledger), vault: copy, troubles: vec![trouble] })
}

fn is_left(context: &Context, name: &str) -> bool {
    name.parse::<crate::model::BundleName>().is_ok() && store_path(context, name).is_dir()
}

/// Returns the id of a ledger that a store has seen, by the name of the ref that says so; `None` for none or several.
pub(super) fn seen_id(refs: &[(String, Oid)]) -> Option<Digest> {
    let mut ids =
        refs.iter().filter_map(|(name, _)| format!("sha256:{}", name.strip_prefix(ledger::SEEN)?).parse().ok());
    ids.next().filter(|_| ids.next().is_none())
}

/// Checks one vault. Writes nothing.
///
/// # Errors
/// [`Error::Unknown`], [`Error::SeenFile`], [`Error::Fs`] when another process works on it; what else is wrong with the vault is no error but in what is
/// returned.
pub fn check(context: &Context, name: &str, reach: Reach) -> Result<Checked, Error> {
    let known = known(context, name)?;
    let mut checked = Checked::of(name);
    checked.troubles = known.troubles;
    checked.url = known.vault.as_ref().map(|vault| vault.url.clone());
    // On a disk that can only be read any more there is no lock, and nobody who could change anything.
    let _lock = match lock(context, name) {
        Err(error @ Error::Fs(crate::fsio::FsError::Busy(_))) => return Err(error),
        other => other.ok(),
    };
    let ledger = known.vault.as_ref().map(|vault| vault.ledger).or(known.ledger);
    let depth = if reach.data { Depth::Data } else { Depth::Files };
    let seen =
        check_store(context, &store_path(context, name), ledger, depth, &mut checked)?.and_then(|view| view.ledger);
    if let (true, Some(vault)) = (reach.remote, &known.vault) {
        offered::ask(context, vault, seen.as_ref(), reach.data, &mut checked)?;
    }
    Ok(checked)
}

/// Checks a store; `None` where there is none. `id` is that of the ledger, where it is known.
pub(super) fn check_store(
    context: &Context,
    folder: &Path,
    id: Option<Digest>,
    depth: Depth,
    checked: &mut Checked,
) -> Result<Option<View>, Error> {
    let Some(mut view) = look(context, folder, id, checked)? else { return Ok(None) };
    checked.ledger = id.or_else(|| seen_id(view.examined.refs()));
    checked.has_evidence = view.examined.refs().iter().any(|(name, _)| name.starts_with(ledger::EVIDENCE));
    let ledger = match checked.ledger {
        Some(id) => check_ledger(context, &view, id, checked)?,
        None => None,
    };
    check_refs(&view, checked);
    if let Some(ledger) = &ledger {
        if super::cache::differs(&view.repo, ledger) {
            let what = "the ledger that was kept to open the vault quickly is not the one that its commits are";
            checked.troubles.push(Trouble::new(Part::Ledger, Class::Hash, Remedy::Repair, what));
        }
        check_releases(context, &view, ledger, depth, checked)?;
    }
    view.ledger = ledger;
    Ok(Some(view))
}

/// Opens what is here of a vault and checks its ledger from the first entry, for those who hand it on to others.
///
/// # Errors
/// [`Error::NothingSeen`] where there is no ledger here that holds, [`Error::Behind`] where it ends before what was seen.
pub(super) fn seen_ledger(context: &Context, vault: &Vault) -> Result<(View, Ledger), Error> {
    let seen = seen::kept(context, vault.ledger)?;
    let nothing = || match seen {
        Some(seen) => seen.behind(&vault.name, None),
        None => Error::NothingSeen(vault.name.clone()),
    };
    let mut checked = Checked::of(&vault.name);
    let view =
        look(context, &store_path(context, &vault.name), Some(vault.ledger), &mut checked)?.ok_or_else(nothing)?;
    let head = view.examined.at(&ledger::seen_ref(vault.ledger)).ok_or_else(nothing)?;
    let found = crate::trust::read_ledger(&ledger::Objects(&view.repo), head, crate::trust::Known::Nothing)?;
    if found.id() != vault.ledger {
        return Err(Error::OtherLedger { vault: vault.name.clone(), known: vault.ledger, found: found.id() });
    }
    match seen {
        Some(seen) if !seen.is_in(&found) => Err(seen.behind(&vault.name, Some(&found))),
        _ => Ok((view, found)),
    }
}

/// Looks at the files of the store; `None` where there is none.
fn look(context: &Context, folder: &Path, id: Option<Digest>, checked: &mut Checked) -> Result<Option<View>, Error> {
    if !folder.is_dir() {
        let (what, remedy) = match id.map(|id| seen::kept(context, id)).transpose()?.flatten() {
            Some(seen) => {
                (format!("the store is gone; its ledger was seen up to entry {}", seen.number), Remedy::Repair)
            }
            None => ("the store is gone, and with it how far the ledger was seen".to_owned(), Remedy::Pull),
        };
        checked.troubles.push(Trouble::new(Part::Store, Class::Rollback, remedy, what));
        return Ok(None);
    }
    let view = View::of(context, folder, Some(Store::Partial))?;
    checked.bytes = view.examined.bytes();
    checked.troubles.extend(view.troubles(Part::Store, Remedy::Repair));
    Ok(Some(view))
}

/// Checks the ledger from its first entry up to where it was seen.
fn check_ledger(context: &Context, view: &View, id: Digest, checked: &mut Checked) -> Result<Option<Ledger>, Error> {
    context.progress.step("checking the ledger", 0, None);
    let seen = seen::kept(context, id)?;
    let Some(head) = view.examined.at(&ledger::seen_ref(id)) else {
        let (what, remedy) = match seen {
            Some(seen) => {
                (format!("the ref of the ledger is gone; it was seen up to entry {}", seen.number), Remedy::Repair)
            }
            None => {
                let what =
                    "nothing says any more how far the ledger was seen, so one that is wound back would not be noticed";
                (what.to_owned(), Remedy::Pull)
            }
        };
        checked.troubles.push(Trouble::new(Part::Ledger, Class::Rollback, remedy, what));
        return Ok(None);
    };
    let (found, trouble) = read_all(&view.repo, head, Part::Ledger, Remedy::Repair);
    checked.troubles.extend(trouble);
    let Some(found) = found else { return Ok(None) };
    checked.entries = found.number() + 1;
    if found.id() != id {
        let what = format!("the store holds the ledger {}, not {id}", found.id());
        checked.troubles.push(Trouble::new(Part::Ledger, Class::Untrusted, Remedy::Repair, what));
        return Ok(None);
    }
    if let Some(seen) = seen.filter(|seen| !seen.is_in(&found)) {
        let here = found.number();
        let what = format!(
            "the ledger was seen up to entry {} ({}), and is here up to {here}, without that one",
            seen.number, seen.commit
        );
        checked.troubles.push(Trouble::new(Part::Ledger, Class::Rollback, Remedy::Repair, what));
    }
    Ok(Some(found))
}

/// Checks that refs point to something that is here; tags of releases are looked at with these.
fn check_refs(view: &View, checked: &mut Checked) {
    for (name, id) in view.examined.refs() {
        if Release::of_ref(name).is_none() && !name.starts_with(ledger::SEEN) && !view.repo.has(*id) {
            let what = format!("the ref '{}' points to an object that is not here", name.escape_debug());
            let trouble = Trouble::new(Part::Store, Class::Hash, Remedy::Repair, what);
            checked.troubles.push(trouble.at_path(name).of_object(Some(*id)));
        }
    }
}

fn check_releases(
    context: &Context,
    view: &View,
    ledger: &Ledger,
    depth: Depth,
    checked: &mut Checked,
) -> Result<(), Error> {
    let store = load_trust(context)?;
    // Whether the user knows the ledger decides what it is worth, and not whether what is here is what it says.
    let authority = Authority::of(&store, Some(Voucher::compared(&checked.vault, ledger)));
    let at = |release: &Release| view.examined.at(&release.ref_name());
    checked.listed = ledger.releases().count();
    let listed =
        |(name, _): &&(String, Oid)| Release::of_ref(name).is_some_and(|release| ledger.tag_of(&release).is_none());
    checked.unlisted = view.examined.refs().iter().filter(listed).count();
    for (release, looked) in check_all(context, &view.repo, ledger, &at, &authority, depth) {
        match looked {
            Looked::Whole { bytes } => {
                checked.whole += 1;
                checked.data_bytes += bytes;
            }
            Looked::NotFetched => checked.not_fetched += 1,
            Looked::NotBelieved { reason } => {
                checked.not_believed.push(NotBelieved { release: release.to_string(), reason });
            }
            Looked::Wrong(trouble) => checked.troubles.push(trouble),
        }
    }
    Ok(())
}
