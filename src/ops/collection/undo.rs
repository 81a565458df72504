//! `undo`: the last command is taken back.
//!
//! What a command did to the files is in its commit. What it did to the updates that wait is in refs, of which nothing keeps
//! a history; so it is written down under [`UNDO_REF`] in the same transaction, for the last command that did so.

use super::change::Record;
use super::history::{RolledBack, back};
use super::{Collection, Error, PENDING_REFS};
use crate::git::{CommitInfo, Expect, GitError, RefChange, Repo};
use crate::model::{ArtifactRef, Manifest, Oid};
use crate::ops::Context;

/// The ref that keeps what the last command did to updates that wait.
const UNDO_REF: &str = "refs/skillmeat/undo";

/// What a command did to one update that waits: the commit that kept it before, and after.
struct Wait {
    artifact: ArtifactRef,
    old: Option<Oid>,
    new: Option<Oid>,
}

/// What a command did to updates that wait.
struct Kept {
    /// First line of what it said.
    subject: String,
    /// `HEAD` before it.
    before: Oid,
    /// `HEAD` after it.
    after: Oid,
    waits: Vec<Wait>,
}

/// Returns the change of refs that keeps what `refs` do to updates that wait; `None` when they do nothing to them.
pub(super) fn keep(
    context: &Context,
    repo: &Repo,
    refs: &[RefChange],
    (before, after): (Oid, Oid),
    subject: &str,
) -> Result<Option<RefChange>, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let (mut text, mut parents) =
        (format!("{subject}\n\nSkillmeat-Before: {before}\nSkillmeat-After: {after}\n"), Vec::new());
    for change in refs {
        let Some(artifact) = change.name.strip_prefix(PENDING_REFS) else { continue };
        let old = match change.expect {
            Expect::At(old) => Some(old),
            Expect::Absent => None,
        };
        let [was, is] = [old, change.new].map(|id| id.map_or_else(|| "-".to_owned(), |id| id.to_string()));
        text.push_str(&format!("Skillmeat-Wait: {artifact} {was} {is}\n"));
        // As parents they stay in the store.
        parents.extend(old.into_iter().chain(change.new).filter(|id| !parents.contains(id)).collect::<Vec<_>>());
    }
    if parents.is_empty() {
        return Ok(None);
    }
    let tree = repo.write_raw(gix::object::Kind::Tree, b"")?;
    let new = Some(repo.write_commit(tree, &parents, &text, who)?);
    let expect = repo.find_ref(UNDO_REF)?.map_or(Expect::Absent, Expect::At);
    Ok(Some(RefChange { name: UNDO_REF.to_owned(), new, expect }))
}

impl Kept {
    /// Reads what was kept last; `None` when there is nothing, or when it was of an earlier command.
    fn of(repo: &Repo, head: Oid) -> Result<Option<Self>, Error> {
        let Some(id) = repo.find_ref(UNDO_REF)? else { return Ok(None) };
        Ok(Self::parse(&repo.commit(id)?).filter(|kept| kept.after == head))
    }

    fn parse(info: &CommitInfo) -> Option<Self> {
        let id = |text: &str| Oid::from_hex(text.as_bytes()).ok();
        let head = |key: &str| info.trailers(key).next().and_then(id);
        let wait = |text: &str| {
            let mut parts = text.split(' ');
            let mut next = || parts.next();
            let (artifact, old, new) = (next()?.parse().ok()?, next()?, next()?);
            Some(Wait { artifact, old: id(old), new: id(new) })
        };
        Some(Self {
            subject: info.subject().to_owned(),
            before: head("Skillmeat-Before")?,
            after: head("Skillmeat-After")?,
            waits: info.trailers("Skillmeat-Wait").map(wait).collect::<Option<_>>()?,
        })
    }

    /// Returns the changes that take it back, of those updates that are still as it left them.
    fn back(&self, repo: &Repo) -> Result<Vec<RefChange>, GitError> {
        let mut changes = Vec::new();
        for wait in &self.waits {
            let name = format!("{PENDING_REFS}{}", wait.artifact);
            if repo.find_ref(&name)? == wait.new {
                changes.push(RefChange { name, new: wait.old, expect: wait.new.map_or(Expect::Absent, Expect::At) });
            }
        }
        Ok(changes)
    }
}

/// Takes the last command back, by a new commit with the state before it. Twice is as if nothing was undone.
///
/// # Errors
/// [`Error::ByHand`] when the last commit is none of ours, [`Error::Git`] with `NoCommit` for the first commit.
pub fn undo(context: &Context, collection: &Collection, preview: bool) -> Result<RolledBack, Error> {
    let repo = &collection.repo;
    let head = repo.head_commit()?;
    let kept = Kept::of(repo, head)?;
    let refs = kept.as_ref().map(|kept| kept.back(repo)).transpose()?.unwrap_or_default();
    if let Some(kept) = kept.filter(|kept| kept.before == head && !refs.is_empty()) {
        // It made no commit.
        let subject = format!("Undo: {}", kept.subject);
        return back(
            context,
            collection,
            head,
            refs,
            &Record { action: "undo", subject: &subject, ..Record::default() },
            preview,
        );
    }
    let last = repo.commit(head)?;
    let by_hand = || Error::ByHand(last.subject().to_owned());
    last.trailers("Skillmeat-Action").next().ok_or_else(by_hand)?;
    let none = || Error::from(GitError::NoCommit("HEAD~1".to_owned()));
    let before = *last.parents.first().ok_or_else(none)?;
    if repo.entry_at(repo.commit(before)?.tree, &Manifest::path())?.is_none() {
        return Err(none());
    }
    let subject = format!("Undo: {}", last.subject());
    back(context, collection, before, refs, &Record { action: "undo", subject: &subject, ..Record::default() }, preview)
}
