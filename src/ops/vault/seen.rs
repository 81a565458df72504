//! How far ledgers were seen: one fact for each id of a ledger, whatever the user calls the vaults that have it.
//!
//! It is the file `seen/<id>` of the user's own folder, beside the ref in the store of each vault: so it outlives the store, the
//! vault's name and a ref that is lost (`schema/ledger.md`, section 4). It never goes back.

use std::path::PathBuf;

use serde::Deserialize;

use super::add::{list, store_path};
use super::ledger::{self, Objects};
use super::{Error, Vault, cache};
use crate::fsio::{Access, Lock, ensure_folder, read_optional, write_atomic};
use crate::git::Repo;
use crate::model::{Digest, Oid};
use crate::ops::Context;
use crate::trust::{Known, Ledger, read_ledger};

/// Largest of these files, in bytes.
const MAX_BYTES: u64 = 4 * 1024;

/// Form of these files.
const FORMAT: u32 = 1;

/// The newest entry of a ledger that was ever seen here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Its number; there is one entry more.
    pub(super) number: u64,
    /// Its commit.
    pub(super) commit: Oid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    format: u32,
    number: u64,
    commit: String,
}

fn folder(context: &Context) -> PathBuf {
    context.home.join("seen")
}

fn file(context: &Context, id: Digest) -> PathBuf {
    folder(context).join(id.hex())
}

impl Seen {
    fn of(ledger: &Ledger) -> Self {
        Self { number: ledger.number(), commit: ledger.head() }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text: Text = toml::from_str(std::str::from_utf8(bytes).ok()?).ok()?;
        let commit = Oid::from_hex(text.commit.as_bytes()).ok()?;
        (text.format == FORMAT).then_some(Self { number: text.number, commit })
    }

    fn render(&self) -> String {
        format!("format = {FORMAT}\nnumber = {}\ncommit = \"{}\"\n", self.number, self.commit)
    }

    /// Says whether a ledger has this entry in its place.
    pub(super) fn is_in(&self, ledger: &Ledger) -> bool {
        ledger.record(self.number).is_some_and(|record| record.commit == self.commit)
    }

    /// Returns the error where what is here of a vault's ledger is less than this.
    pub(super) fn behind(&self, vault: &str, here: Option<&Ledger>) -> Error {
        let (vault, here) = (vault.to_owned(), here.map(Ledger::number));
        Error::Behind { vault, commit: self.commit, number: self.number, here }
    }

    /// Refuses a ledger that ends before this entry, or has another one in its place.
    ///
    /// # Errors
    /// [`Error::Rewound`], [`Error::Forked`].
    pub(super) fn check(&self, vault: &str, ledger: &Ledger) -> Result<(), Error> {
        if self.is_in(ledger) {
            return Ok(());
        }
        let (vault, old, old_number) = (vault.to_owned(), self.commit, self.number);
        let (new, new_number) = (ledger.head(), ledger.number());
        Err(match new_number < old_number {
            true => Error::Rewound { vault, old, old_number, new, new_number },
            false => Error::Forked { vault, old, old_number, new, new_number, at: None },
        })
    }
}

/// Reads how far a ledger was seen, from its file alone.
///
/// # Errors
/// [`Error::SeenFile`], [`Error::Fs`].
pub(super) fn kept(context: &Context, id: Digest) -> Result<Option<Seen>, Error> {
    let path = file(context, id);
    let Some(bytes) = read_optional(&path, MAX_BYTES)? else { return Ok(None) };
    Seen::parse(&bytes).map(Some).ok_or(Error::SeenFile(path))
}

/// Returns how far a ledger was seen; `None` where nothing here says it.
///
/// Versions before this file kept only the refs in the stores: there the one that is furthest counts.
///
/// # Errors
/// [`Error::SeenFile`], [`Error::Fs`].
pub(super) fn seen(context: &Context, id: Digest) -> Result<Option<Seen>, Error> {
    if let Some(kept) = kept(context, id)? {
        return Ok(Some(kept));
    }
    let same = list(context)?.into_iter().filter(|vault| vault.ledger == id);
    Ok(same.filter_map(|vault| by_ref(context, &vault)).max_by_key(|seen| seen.number))
}

/// Returns what the ref in a store says; nothing where that leads to no ledger.
fn by_ref(context: &Context, vault: &Vault) -> Option<Seen> {
    let repo = Repo::open(&store_path(context, &vault.name)).ok()?;
    let head = ledger::seen_head(&repo, vault).ok()??;
    let kept = cache::read(&repo, vault.ledger, head);
    let ledger = kept.or_else(|| read_ledger(&Objects(&repo), head, Known::Checked(head)).ok())?;
    (ledger.id() == vault.ledger).then(|| Seen::of(&ledger))
}

/// Writes down how far a ledger was seen, unless more of it was seen meanwhile.
///
/// # Errors
/// [`Error::Forked`] where another process saw another entry in the same place, [`Error::SeenFile`], [`Error::Fs`].
pub(super) fn keep(context: &Context, vault: &str, ledger: &Ledger) -> Result<(), Error> {
    if kept(context, ledger.id())? == Some(Seen::of(ledger)) {
        return Ok(());
    }
    ensure_folder(&folder(context))?;
    let _lock = Lock::take(&folder(context).join("lock"), context.patience)?;
    match kept(context, ledger.id())? {
        Some(further) if further.number > ledger.number() => return Ok(()),
        Some(seen) => seen.check(vault, ledger)?,
        None => {}
    }
    Ok(write_atomic(&file(context, ledger.id()), Seen::of(ledger).render().as_bytes(), Access::Shared)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_in_no_other_form() {
        let commit = Oid::from_hex(&[b'a'; 40]).expect("an id");
        let seen = Seen { number: 7, commit };
        let text = seen.render();
        assert_eq!(Seen::parse(text.as_bytes()), Some(seen));
        for spoilt in
            ["", "\0", &text[..30], &text.replace("= 1", "= 2"), &text.replace('a', "z"), &format!("{text}more = 1\n")]
        {
            assert_eq!(Seen::parse(spoilt.as_bytes()), None, "{spoilt}");
        }
    }
}
