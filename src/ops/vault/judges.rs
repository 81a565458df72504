//! What the vaults that a user knows say of a release that came another way.

use super::{Error, Opened, Vault, names};
use crate::git::GitError;
use crate::model::{Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::{self, Found};
use crate::signature::RawTag;
use crate::trust::{Pin, ReleaseContent, Verified, Voucher};

/// Who has a say on a release: the vault that vouches for it, or those that may speak against it.
#[derive(Default)]
pub struct Judges {
    origin: Option<Opened>,
    /// Vaults whose ids were compared, where no vault that is known lists the release.
    others: Vec<Opened>,
}

impl From<Opened> for Judges {
    /// What came from a vault is judged by that.
    fn from(opened: Opened) -> Self {
        Self { origin: Some(opened), others: Vec::new() }
    }
}

impl Judges {
    /// Returns the vault that vouches for the release.
    pub fn origin(&self) -> Option<&Opened> {
        self.origin.as_ref()
    }

    /// Verifies a release by what they say, and by the user's own lists.
    ///
    /// # Errors
    /// [`Error::Bundle`]; [`Error::Contradicted`] by a witness.
    pub fn verify<'a>(&'a self, context: &Context, found: &Found) -> Result<Verified<ReleaseContent>, Error> {
        let voucher = self.origin.as_ref().map(|opened| opened.voucher(context)).transpose()?.flatten();
        let other = |opened: &'a Opened| Some(Voucher::compared(&opened.vault.name, opened.ledger.as_ref()?));
        let others: Vec<_> = self.others.iter().filter_map(other).collect();
        Ok(bundle::verify(context, found, voucher, &others)?)
    }
}

/// Returns the vault that the user knows and whose ledger lists exactly this release, so that a pack that came another way is
/// worth as much as from there. One whose id was compared speaks before any that was taken on first use. Where none lists it,
/// those that were compared may speak against it.
///
/// # Errors
/// [`Error::Behind`], [`Error::Unread`], [`Error::NothingSeen`] and [`Error::Record`] where nobody can say what one of them knows: it may
/// have revoked the key.
pub fn knowing(context: &Context, found: &Found) -> Result<Judges, Error> {
    let Some((release, tag)) = named(found)? else { return Ok(Judges::default()) };
    let lists = |opened: &Opened| opened.ledger.as_ref().is_some_and(|ledger| ledger.tag_of(&release) == Some(tag));
    let mut others = Vec::new();
    for opened in all_known(context)? {
        if lists(&opened) {
            return Ok(opened.into());
        }
        others.push(opened);
    }
    others.retain(|opened| opened.vault.pin == Some(Pin::Compared));
    Ok(Judges { origin: None, others })
}

/// Returns which release a tag says it is, and the id of the tag; `None` for what the verification will refuse.
fn named(found: &Found) -> Result<Option<(Release, Oid)>, Error> {
    let raw = found.evidence.tag().unwrap_or_default();
    let Ok(tag) = RawTag::parse(&raw) else { return Ok(None) };
    let Ok(release) = tag.name().parse::<Release>() else { return Ok(None) };
    let id = gix::objs::compute_hash(tag.target().kind(), gix::object::Kind::Tag, &raw)
        .map_err(GitError::doing("hash a tag"))?;
    Ok(Some((release, id)))
}

/// Opens the vaults whose ledgers the user knows; those that were compared come first.
///
/// What is missing here of one is an error, and not a vault less: what it could have said may be that a key was stolen. Of several
/// names for one ledger it is enough that one has it as far as it was seen.
fn all_known(context: &Context) -> Result<Vec<Opened>, Error> {
    let known = names(context)?.into_iter().map(|name| Vault::find(context, &name));
    let mut known = known.collect::<Result<Vec<_>, _>>()?;
    known.retain(|vault| vault.pin.is_some());
    known.sort_by_key(|vault| vault.pin != Some(Pin::Compared));
    let (mut opened, mut missing): (Vec<Opened>, Vec<(Vault, Error)>) = (Vec::new(), Vec::new());
    for vault in known {
        match open(context, vault.clone()) {
            Ok(one) => opened.push(one),
            Err(error) => missing.push((vault, error)),
        }
    }
    let stands_in = |one: &Opened, vault: &Vault| {
        one.vault.ledger == vault.ledger && (one.vault.pin == vault.pin || one.vault.pin == Some(Pin::Compared))
    };
    match missing.into_iter().find(|(vault, _)| !opened.iter().any(|one| stands_in(one, vault))) {
        Some((_, error)) => Err(error),
        None => Ok(opened),
    }
}

fn open(context: &Context, vault: Vault) -> Result<Opened, Error> {
    let name = vault.name.clone();
    let opened = match Opened::of(context, vault) {
        Err(source @ (Error::Ledger(_) | Error::OtherLedger { .. } | Error::Git(_) | Error::Fs(_))) => {
            return Err(Error::Unread { vault: name, source: Box::new(source) });
        }
        opened => opened?,
    };
    if opened.ledger.is_some() { Ok(opened) } else { Err(Error::NothingSeen(name)) }
}
