//! `vault repair`: what is damaged here is brought back from where it still is.
//!
//! The store is built anew beside the old one, out of what is good in that and of what the ledger lets in, and the two change
//! names in one step: a kill leaves the old one. How far the ledger was seen never goes back.

mod sources;
mod vault_side;

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::add::{first_again, lock, record_path, repair_path, store_path};
use super::check::{
    Checked, Depth, Known, Looked, Part, Remedy, Trouble, View, check_all, check_store, known, read_all,
};
use super::seen::{self, Seen};
use super::{Error, Vault, kept, ledger};
use crate::fsio::{Access, ensure_folder, exchange, put_back, remove_tree, share_file, share_tree, write_atomic};
use crate::git::{Expect, RefChange, Repo, Store};
use crate::model::{Class, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::load_trust;
use crate::trust::{Authority, Ledger, Voucher};
use sources::{Source, Wanted, not_asked, sources};

pub(super) use sources::is_git_bundle;
pub use vault_side::{VaultSide, repair_vault_side};

/// Folder of a store with the files that were found damaged.
const DAMAGED: &str = "damaged";

/// A place that had something else than what is lost, or could not be asked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NotTaken {
    /// The place.
    pub from: String,
    /// The release that it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Kind of the error.
    pub class: Class,
    /// What is wrong.
    pub what: String,
}

/// A release that was brought back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Restored {
    /// The release.
    pub release: String,
    /// From where.
    pub from: String,
}

/// What `vault repair` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Repaired {
    /// The user's name for the vault.
    pub vault: String,
    /// What was wrong.
    pub found: Vec<Trouble>,
    /// Whether the store was replaced by the one that was built anew.
    pub replaced: bool,
    /// Whether the record of the vault was written anew, from the copy in the store.
    pub record: bool,
    /// Where the ledger came from, where it could not be read here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger_from: Option<String>,
    /// Whether nothing here said any more how far the ledger was seen: the vault is believed for its ledger by nobody.
    pub first_contact: bool,
    /// Releases that were brought back.
    pub restored: Vec<Restored>,
    /// Where the damaged files are now, and which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<PathBuf>,
    /// Their paths in it.
    pub damaged_files: Vec<String>,
    /// What other places had and was not taken.
    pub refused: Vec<NotTaken>,
    /// What is still wrong.
    pub left: Vec<Trouble>,
}

impl Repaired {
    /// Returns the exit status: that of the worst class that is left.
    pub fn exit_status(&self) -> u8 {
        self.left.iter().map(|trouble| trouble.class.exit_status()).max().unwrap_or(0)
    }
}

/// Repairs what is here of a vault. `from` names places to look in before the vault itself: packs, folders of packs,
/// repositories, addresses.
///
/// # Errors
/// [`Error::Unknown`], [`Error::RecordLost`], [`Error::NoSource`], [`Error::Fs`] and [`Error::Git`] when the new store cannot be
/// written; the old one is then as it was. What cannot be repaired is no error but in what is returned.
pub fn repair(context: &Context, name: &str, from: &[String]) -> Result<Repaired, Error> {
    let known = known(context, name)?;
    let _lock = lock(context, name)?;
    let store = store_path(context, name);
    put_back(&store)?;
    let beside = repair_path(context, name);
    remove_tree(&beside)?;
    let fresh = beside.join("store.git");
    let Known { vault, ledger, troubles } = known;
    let Some(vault) = vault else {
        let refs = View::of(context, &store, Some(Store::Partial))?;
        let ledger = ledger.or_else(|| super::check::seen_id(refs.examined.refs()));
        return Err(Error::RecordLost { vault: name.to_owned(), ledger });
    };
    let sources = sources(context, &vault, from)?;
    let done = Work { context, vault: &vault, sources, fresh: &fresh, store: &store, record: !troubles.is_empty() };
    let repaired = done.run(troubles);
    // Of a store that did not get its name nothing is of use to anyone.
    let removed = remove_tree(&beside);
    let repaired = repaired?;
    removed?;
    Ok(repaired)
}

struct Work<'a> {
    context: &'a Context,
    vault: &'a Vault,
    sources: Vec<Source>,
    fresh: &'a Path,
    store: &'a Path,
    /// Whether the record has to be written anew.
    record: bool,
}

impl Work<'_> {
    fn run(&self, troubles: Vec<Trouble>) -> Result<Repaired, Error> {
        let context = self.context;
        let mut done = Repaired {
            vault: self.vault.name.clone(),
            found: troubles,
            replaced: false,
            record: false,
            ledger_from: None,
            first_contact: false,
            restored: Vec::new(),
            damaged: None,
            damaged_files: Vec::new(),
            refused: Vec::new(),
            left: Vec::new(),
        };
        let mut checked = Checked::of(&self.vault.name);
        let view = check_store(context, self.store, Some(self.vault.ledger), Depth::Data, &mut checked)?;
        done.found.extend(checked.troubles);
        let extra = self.sources.iter().any(|source| source.is_named) && checked.not_fetched > 0;
        if done.found.is_empty() && !extra {
            return Ok(done);
        }
        self.save_record(&mut done)?;
        if done.found.iter().all(|trouble| trouble.part == Part::Record) && !extra {
            return Ok(done);
        }
        let mut repo = self.begin(view.as_ref())?;
        let seen = view.as_ref().and_then(|view| view.examined.at(&ledger::seen_ref(self.vault.ledger)));
        let kept = seen::kept(context, self.vault.ledger)?;
        let Some(ledger) = self.ledger(&repo, (seen, kept), &mut done) else {
            done.left = done.found.iter().filter(|trouble| trouble.part != Part::Record).cloned().collect();
            return Ok(done);
        };
        let at = |release: &Release| view.as_ref().and_then(|view| view.examined.at(&release.ref_name()));
        let releases = self.releases(&mut repo, &ledger, &at, &mut done)?;
        self.write_refs(&repo, view.as_ref(), &ledger, releases)?;
        self.finish(view.as_ref(), &mut done)?;
        Ok(done)
    }

    /// Writes the record of the vault anew from its copy; the damaged one is kept.
    fn save_record(&self, done: &mut Repaired) -> Result<(), Error> {
        if !self.record {
            return Ok(());
        }
        let path = record_path(self.context, &self.vault.name);
        if path.is_file() {
            let folder = self.damaged_in(self.store);
            ensure_folder(&folder)?;
            let name = format!("{}.toml", self.vault.name);
            share_file(&path, &folder.join(&name))?;
            done.damaged_files.push(name);
            done.damaged = Some(folder);
        }
        write_atomic(&path, self.vault.record().as_bytes(), Access::Shared)?;
        done.record = true;
        Ok(())
    }

    fn damaged_in(&self, store: &Path) -> PathBuf {
        // One folder for each run, so that two of them never mix.
        let of_run = |run: u32| store.join(DAMAGED).join(format!("{}-{run}", self.context.now_seconds));
        (1..).map(of_run).find(|folder| !folder.exists()).unwrap_or_else(|| store.join(DAMAGED))
    }

    /// Makes the new store, with all that is good in the old one and no refs.
    fn begin(&self, view: Option<&View>) -> Result<Repo, Error> {
        let (folder, name) = (self.fresh.parent(), self.fresh.file_name());
        let folder = folder.unwrap_or(Path::new("."));
        let name = name.unwrap_or_default().to_string_lossy();
        ensure_folder(folder)?;
        let mut repo = Repo::open_store(folder, &name, Store::Partial)?;
        if let Some(view) = view {
            self.context.progress.step("taking over what is good", 0, None);
            view.examined.salvage(&mut repo, self.context.git().ok())?;
        }
        // Opened anew, so that all packs are known.
        Ok(Repo::open(self.fresh)?)
    }

    /// Returns the ledger, up to where it was seen, from the new store: with objects from elsewhere where some are missing. What was
    /// seen is what the ref of the old store says, or the user's own file where that is further or the ref is lost.
    fn ledger(&self, repo: &Repo, (by_ref, kept): (Option<Oid>, Option<Seen>), done: &mut Repaired) -> Option<Ledger> {
        let read = |head| read_all(repo, head, Part::Ledger, Remedy::Repair);
        let holds = |head| match read(head) {
            (Some(ledger), None) if ledger.id() == self.vault.ledger => Some(ledger),
            _ => None,
        };
        let here = by_ref.and_then(holds);
        let is_behind = |seen: &Seen| by_ref.is_none() || here.as_ref().is_some_and(|ledger| !seen.is_in(ledger));
        let seen = match kept.filter(is_behind) {
            Some(kept) => Some(kept.commit),
            None if here.is_some() => return here,
            None => by_ref,
        };
        if let Some(ledger) = seen.and_then(holds) {
            return Some(ledger);
        }
        let mut newest: Option<(Ledger, String)> = None;
        for source in &self.sources {
            self.context.progress.step("looking for the ledger", 0, None);
            let found = match source.ledger(self.context, repo, self.vault) {
                Ok(Some(found)) => found,
                Ok(None) => continue,
                Err(error) => {
                    done.refused.push(not_asked(source, &error));
                    continue;
                }
            };
            match seen {
                Some(head) => match holds(head) {
                    Some(ledger) => {
                        done.ledger_from = Some(source.shown.clone());
                        return Some(ledger);
                    }
                    None => done.refused.push(NotTaken {
                        from: source.shown.clone(),
                        release: None,
                        class: Class::Rollback,
                        what: format!(
                            "has the ledger up to entry {}, and not the one seen last, {head}",
                            found.number()
                        ),
                    }),
                },
                None if newest.as_ref().is_none_or(|(known, _)| known.number() < found.number()) => {
                    newest = Some((found, source.shown.clone()));
                }
                None => {}
            }
        }
        let (ledger, from) = newest?;
        done.ledger_from = Some(from);
        done.first_contact = true;
        Some(ledger)
    }

    /// Finds out which releases hold in the new store, and brings others back. Returns those that are there in the end.
    fn releases(
        &self,
        repo: &mut Repo,
        ledger: &Ledger,
        at: &dyn Fn(&Release) -> Option<Oid>,
        done: &mut Repaired,
    ) -> Result<Vec<Release>, Error> {
        let store = load_trust(self.context)?;
        let authority = Authority::of(&store, Some(Voucher::compared(&self.vault.name, ledger)));
        // A ref that names another tag is mended: the ledger says which one it is.
        let listed = |release: &Release| at(release).and_then(|_| ledger.tag_of(release));
        let (mut good, mut wanted, mut others) = (Vec::new(), Wanted::new(), Wanted::new());
        for (release, looked) in check_all(self.context, repo, ledger, &listed, &authority, Depth::Data) {
            let tag = ledger.tag_of(&release);
            match looked {
                Looked::Whole { .. } | Looked::NotBelieved { .. } => good.push(release),
                Looked::Wrong(_) if at(&release).is_none() => good.push(release),
                Looked::Wrong(_) => wanted.extend(tag.map(|tag| (release, tag))),
                Looked::NotFetched => others.extend(tag.map(|tag| (release, tag))),
            }
        }
        for source in &self.sources {
            self.context.progress.step("looking for releases", 0, None);
            // What was never here is taken only from where the user says that it is.
            let mut all = wanted.clone();
            if source.is_named {
                all.extend(others.clone());
            }
            if all.is_empty() {
                continue;
            }
            let (found, refused) = source.restore(self.context, repo, &authority, &mut all);
            done.refused.extend(refused);
            for release in found {
                wanted.remove(&release);
                others.remove(&release);
                done.restored.push(Restored { release: release.to_string(), from: source.shown.clone() });
                good.push(release);
            }
        }
        for (release, tag) in wanted {
            let what =
                format!("'{release}' is damaged, and no place that could be asked has it as the ledger lists it");
            let trouble = Trouble::new(Part::Release, Class::Hash, Remedy::Repair, what);
            done.left.push(trouble.of_release(&release).of_object(Some(tag)));
        }
        Ok(good)
    }

    fn write_refs(
        &self,
        repo: &Repo,
        view: Option<&View>,
        ledger: &Ledger,
        releases: Vec<Release>,
    ) -> Result<(), Error> {
        let mut refs: Vec<(String, Oid)> = vec![(ledger::seen_ref(self.vault.ledger), ledger.head())];
        refs.extend(releases.into_iter().filter_map(|release| Some((release.ref_name(), ledger.tag_of(&release)?))));
        for (name, id) in view.map(|view| view.examined.refs()).unwrap_or_default() {
            let is_kept = name.starts_with(ledger::EVIDENCE) && repo.raw_commit(*id).is_ok()
                || name == super::INDEX_REF && is_whole(repo, *id);
            refs.extend(is_kept.then(|| (name.clone(), *id)));
        }
        let change = |(name, id)| RefChange { name, new: Some(id), expect: Expect::Absent };
        let changes: Vec<_> = refs.into_iter().map(change).collect();
        Ok(repo.change_refs(&changes, "skillmeat: repair", &self.context.recorder())?)
    }

    /// Lets the new store take the place of the old one.
    fn finish(&self, view: Option<&View>, done: &mut Repaired) -> Result<(), Error> {
        let context = self.context;
        if self.store.join(DAMAGED).is_dir() {
            share_tree(&self.store.join(DAMAGED), &self.fresh.join(DAMAGED))?;
        }
        if let Some(view) = view {
            let folder = done.damaged.as_ref().and_then(|folder| folder.strip_prefix(self.store).ok());
            let folder = folder.map_or_else(|| self.damaged_in(self.fresh), |below| self.fresh.join(below));
            let kept = view.examined.keep_damaged(&folder)?;
            if !kept.is_empty() {
                let below = folder.strip_prefix(self.fresh).unwrap_or(&folder);
                done.damaged = Some(self.store.join(below));
                done.damaged_files.extend(kept);
            }
        }
        if let Some(last) = kept::last_fetch(self.store) {
            kept::write_last_fetch(self.fresh, &last)?;
        }
        super::copy::carry_notes(self.store, self.fresh)?;
        // Nobody believes the ledger before it has its place.
        let vault = if done.first_contact {
            first_again(context, &self.vault.name)?;
            Vault { pin: None, ..self.vault.clone() }
        } else {
            self.vault.clone()
        };
        kept::keep_record(self.fresh, &vault)?;
        // What was built is looked at as anything else is, before it counts.
        let mut after = Checked::of(&vault.name);
        drop(check_store(context, self.fresh, Some(vault.ledger), Depth::Files, &mut after)?);
        done.left.extend(after.troubles);
        context.make_durable(self.fresh)?;
        if self.store.exists() {
            exchange(self.store, self.fresh)?;
        } else {
            crate::fsio::move_file(self.fresh, self.store)?;
        }
        context.make_durable(self.store)?;
        done.replaced = true;
        Ok(())
    }
}

/// Says whether the branch for people is here with its files.
fn is_whole(repo: &Repo, id: Oid) -> bool {
    repo.commit(id).is_ok_and(|commit| repo.has_files(commit.tree))
}
