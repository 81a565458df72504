//! Refs: reading, and changing by compare-and-swap.

use std::time::Duration;

use gix::refs::Target;
use gix::refs::file::transaction::PackedRefs;
use gix::refs::transaction::{LogChange, PreviousValue, RefEdit, RefLog};

use super::{GitError, Identity, Repo};
use crate::model::Oid;

/// From this many refs on they are written into `packed-refs`.
const PACK_FROM: usize = 50;

/// How long a lock on a ref is waited for: git's `core.filesRefLockTimeout`, and for `packed-refs` too.
const LOCK_PATIENCE: gix::lock::acquire::Fail =
    gix::lock::acquire::Fail::AfterDurationWithBackoff(Duration::from_millis(1000));

/// What must be true of a ref for a change to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// It does not exist.
    Absent,
    /// It points to this object.
    At(Oid),
}

/// One ref to be changed.
#[derive(Debug, Clone)]
pub struct RefChange {
    /// Full name.
    pub name: String,
    /// What it shall point to; `None` deletes it.
    pub new: Option<Oid>,
    /// What it must point to now.
    pub expect: Expect,
}

impl Repo {
    /// Changes all refs, or none.
    ///
    /// `log` goes into the reflogs. The refs are locked and compared first; when the disk fails while they are
    /// written one by one, those that have moved are moved back.
    ///
    /// # Errors
    /// [`GitError::RefMoved`] when one of them is not where it was expected, or is locked.
    pub fn change_refs(&self, changes: &[RefChange], log: &str, who: &Identity) -> Result<(), GitError> {
        let mut changed = self.try_change_refs(changes, log, who);
        if matches!(changed, Err(GitError::RefLocked { .. })) && self.remove_stale_locks()? {
            changed = self.try_change_refs(changes, log, who);
        }
        if changed.is_err() {
            // The first error is the one to report; a ref that cannot be moved back either is of the same disk.
            let _ = self.undo_refs(changes, log, who);
        }
        changed
    }

    /// Removes all refs below `prefix`, where what was fetched waits.
    ///
    /// # Errors
    /// As [`Repo::change_refs`].
    pub fn forget_below(&self, prefix: &str, who: &Identity) -> Result<(), GitError> {
        let left = self.refs_below(prefix)?.into_iter();
        let gone: Vec<_> = left.map(|(name, id)| RefChange { name, new: None, expect: Expect::At(id) }).collect();
        if gone.is_empty() { Ok(()) } else { self.change_refs(&gone, "skillmeat: fetched", who) }
    }

    /// Moves those refs back that stand where `changes` wanted them.
    ///
    /// # Errors
    /// As [`Repo::change_refs`].
    pub fn undo_refs(&self, changes: &[RefChange], log: &str, who: &Identity) -> Result<(), GitError> {
        let mut back = Vec::new();
        for change in changes {
            let before = match change.expect {
                Expect::At(id) => Some(id),
                Expect::Absent => None,
            };
            if let (Some(new), true) = (change.new, change.new != before)
                && self.find_ref(&change.name)? == Some(new)
            {
                back.push(RefChange { name: change.name.clone(), new: before, expect: Expect::At(new) });
            }
        }
        if back.is_empty() { Ok(()) } else { self.try_change_refs(&back, &format!("{log} (undone)"), who) }
    }

    fn try_change_refs(&self, changes: &[RefChange], log: &str, who: &Identity) -> Result<(), GitError> {
        let mut names = changes.iter().take(2).map(|change| change.name.as_str()).collect::<Vec<_>>().join("', '");
        if changes.len() > 2 {
            names.push_str(&format!("' and {} more, '{}", changes.len() - 2, changes[changes.len() - 1].name));
        }
        let edits = changes.iter().map(|change| edit(change, log)).collect::<Result<Vec<_>, _>>()?;
        let committer = who.committer_signature();
        let _claim = self.claim(changes)?;
        let mut time = gix::date::parse::TimeBuf::default();
        let committer = Some(committer.to_ref(&mut time));
        if changes.len() < PACK_FROM {
            self.inner.edit_references_as(edits, committer).map_err(GitError::moved(&names))?;
            return Ok(());
        }
        // Many refs are one file instead of one for each.
        let packed =
            PackedRefs::DeletionsAndNonSymbolicUpdatesRemoveLooseSourceReference(Box::new(&self.inner.objects));
        let transaction = self.inner.refs.transaction().packed_refs(packed);
        let prepared = transaction.prepare(edits, LOCK_PATIENCE, LOCK_PATIENCE).map_err(GitError::moved(&names))?;
        prepared.commit(committer).map_err(GitError::moved(&names))?;
        Ok(())
    }

    /// Returns what a ref points to, following symbolic refs but not tags; `None` when it does not exist.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn find_ref(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let found = self.inner.try_find_reference(name).map_err(GitError::doing(format!("read the ref '{name}'")))?;
        let Some(mut reference) = found else { return Ok(None) };
        let id = reference.follow_to_object().map_err(GitError::doing(format!("read the ref '{name}'")))?;
        Ok(Some(id.detach()))
    }

    /// Returns the refs below `prefix` with what they point to, by name.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        let doing = || format!("list the refs below '{prefix}'");
        let platform = self.inner.references().map_err(GitError::doing(doing()))?;
        let mut refs = Vec::new();
        for reference in platform.prefixed(prefix).map_err(GitError::doing(doing()))? {
            let reference = reference.map_err(|error| GitError::NoCommit(format!("{prefix}: {error}")))?;
            if let Some(id) = reference.try_id() {
                refs.push((reference.name().as_bstr().to_string(), id.detach()));
            }
        }
        refs.sort();
        Ok(refs)
    }
}

fn edit(change: &RefChange, log: &str) -> Result<RefEdit, GitError> {
    let name = gix::refs::FullName::try_from(change.name.as_str())
        .map_err(|_| GitError::NoCommit(change.name.escape_debug().to_string()))?;
    let expected = match change.expect {
        Expect::Absent => PreviousValue::MustNotExist,
        Expect::At(id) => PreviousValue::MustExistAndMatch(Target::Object(id)),
    };
    let edit = match change.new {
        Some(new) => {
            // The chains under refs/skillmeat are their own history.
            let force_create_reflog = !change.name.starts_with("refs/skillmeat/");
            let log = LogChange { mode: RefLog::AndReference, force_create_reflog, message: log.into() };
            RefEdit::update_with_log(name, new, expected, log)
        }
        None => RefEdit::delete(name, expected),
    };
    // `HEAD` stands for its branch, and both reflogs are written, as git does it; what we make is never symbolic.
    Ok(edit.with_deref(!change.name.starts_with("refs/skillmeat/")))
}
