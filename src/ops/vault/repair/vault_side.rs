//! `vault repair --vault-side`: the vault's own repository, where it is a folder on this machine.
//!
//! Git sends nothing of what the other side says it has, so a push brings no lost object back. What can be done right from outside
//! is to put the objects there, as `git bundle unbundle` does: an object that has its id can only be the one that is missing.
//! Where its ledger ends is for its owners to say, so that ref is never written here.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::git::{Expect, RefChange, Repo};
use crate::model::{Class, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::load_trust;
use crate::ops::vault::add::lock;
use crate::ops::vault::check::{
    Checked, Depth, Looked, Part, Remedy, Trouble, View, ask, check_all, local_folder, seen_ledger,
};
use crate::ops::vault::ledger::LEDGER_REF;
use crate::ops::vault::{Error, Vault};
use crate::trust::{Authority, Ledger, Voucher};

/// What became of the vault's own repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VaultSide {
    /// The user's name for the vault.
    pub vault: String,
    /// What was wrong.
    pub found: Vec<Trouble>,
    /// Number of objects that were put back.
    pub objects: usize,
    /// Tags that were put back.
    pub tags: Vec<String>,
    /// Where the damaged files are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<PathBuf>,
    /// Their paths in it.
    pub damaged_files: Vec<String>,
    /// What is still wrong.
    pub left: Vec<Trouble>,
    /// Whether the repository is elsewhere, so that whoever runs it has to mend it.
    pub is_elsewhere: bool,
}

impl VaultSide {
    /// Returns the exit status: that of the worst class that is left.
    pub fn exit_status(&self) -> u8 {
        self.left.iter().map(|trouble| trouble.class.exit_status()).max().unwrap_or(0)
    }
}

/// Puts objects that the vault has lost back into it, from what is here and holds.
///
/// # Errors
/// [`Error::Unknown`], [`Error::NothingSeen`], [`Error::Git`] and [`Error::Fs`] when it cannot be written there.
pub fn repair_vault_side(context: &Context, name: &str) -> Result<VaultSide, Error> {
    let vault = Vault::find(context, name)?;
    context.network()?;
    let _lock = lock(context, name)?;
    let (ours, seen) = seen_ledger(context, &vault)?;
    let mut checked = Checked::of(name);
    ask(context, &vault, Some(&seen), false, &mut checked)?;
    let mut side = VaultSide {
        vault: name.to_owned(),
        found: checked.troubles,
        objects: 0,
        tags: Vec::new(),
        damaged: None,
        damaged_files: Vec::new(),
        left: Vec::new(),
        is_elsewhere: false,
    };
    if side.found.is_empty() {
        return Ok(side);
    }
    let Some(folder) = local_folder(&vault) else {
        side.is_elsewhere = true;
        side.left = side.found.clone();
        return Ok(side);
    };
    let folder = if folder.join("HEAD").exists() { folder } else { folder.join(".git") };
    let theirs = View::of(context, &folder, None)?;
    let Some(mut repo) = open(&folder, &mut side) else { return Ok(side) };
    let (whole, lost) = lost_objects(context, &ours, &seen, &theirs)?;
    // In our own store: what stands in the vault's folder may lead anywhere.
    let own = super::super::add::store_path(context, &vault.name);
    let place = own.join("damaged").join(format!("{}-vault", context.now_seconds));
    side.damaged_files = theirs.examined.keep_damaged(&place)?;
    side.damaged = (!side.damaged_files.is_empty()).then_some(place);
    // First all that is good, and only then what is damaged goes.
    theirs.examined.index_anew(context.git()?, &super::super::store(context, &vault)?)?;
    repo.gather();
    theirs.examined.rescue(&repo)?;
    for (kind, id) in &lost {
        repo.write_raw(*kind, &ours.repo.raw_object(*id)?.1)?;
    }
    side.objects = lost.len();
    repo.flush()?;
    context.make_durable(&folder)?;
    theirs.examined.remove_damaged_objects()?;
    let changes = lost_tags(&whole, &seen, &theirs);
    repo.change_refs(&changes, "skillmeat: repair", &context.recorder())?;
    side.tags = changes.into_iter().map(|change| change.name).collect();
    context.make_durable(&folder)?;
    let mut after = Checked::of(name);
    ask(context, &vault, Some(&seen), false, &mut after)?;
    side.left = after.troubles;
    Ok(side)
}

/// Opens the vault's repository for writing; what keeps it from being opened is left to its owners.
fn open(folder: &std::path::Path, side: &mut VaultSide) -> Option<Repo> {
    match Repo::open(folder) {
        Ok(repo) => Some(repo),
        Err(error) => {
            let what = crate::ops::collection::with_causes(&error);
            side.left = side.found.clone();
            side.left.push(Trouble::new(Part::Vault, Class::Io, Remedy::Owners, what));
            None
        }
    }
}

type Lost = Vec<(gix::object::Kind, Oid)>;

/// Returns the releases that are whole here, and the objects of these and of the ledger that the vault has not.
fn lost_objects(context: &Context, ours: &View, seen: &Ledger, theirs: &View) -> Result<(Vec<Release>, Lost), Error> {
    let store = load_trust(context)?;
    let authority = Authority::of(&store, Some(Voucher::compared("", seen)));
    let at = |release: &Release| ours.examined.at(&release.ref_name());
    let looked = check_all(context, &ours.repo, seen, &at, &authority, Depth::Data);
    let whole: Vec<Release> = looked
        .into_iter()
        .filter(|(_, looked)| matches!(looked, Looked::Whole { .. } | Looked::NotBelieved { .. }))
        .map(|(release, _)| release)
        .collect();
    let commits = seen.records().iter().map(|record| record.commit);
    let tags = whole.iter().filter_map(|release| seen.tag_of(release));
    let reached = ours.repo.reached(commits.chain(tags))?;
    let missing = theirs.repo.missing(reached.iter().map(|(_, id)| *id));
    let missing: std::collections::BTreeSet<Oid> = missing.into_iter().collect();
    Ok((whole, reached.into_iter().filter(|(_, id)| missing.contains(id)).collect()))
}

/// Returns the tags that the ledger of both lists, that are whole here, and that the vault no longer has.
fn lost_tags(whole: &[Release], seen: &Ledger, theirs: &View) -> Vec<RefChange> {
    if theirs.examined.at(LEDGER_REF).is_none() {
        return Vec::new();
    }
    let gone = whole.iter().filter(|release| theirs.examined.at(&release.ref_name()).is_none());
    let change = |release: &Release| {
        Some(RefChange { name: release.ref_name(), new: Some(seen.tag_of(release)?), expect: Expect::Absent })
    };
    gone.filter_map(change).collect()
}
