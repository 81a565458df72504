//! What changed in a source between what was taken of it and what it has now.
//!
//! Thousands of artifacts may come from one repository. What two of its states differ in is found once and asked for each,
//! so that the work grows with what changed and not with what there is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use super::origin::Origin;
use crate::git::{CommitInfo, GitError, Repo};
use crate::model::{Oid, TreePath};

/// Most commits of an upstream that are listed for one artifact.
const MAX_COMMITS: usize = 100;

/// A commit of an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UpstreamCommit {
    /// Its id.
    pub commit: String,
    /// First line of its message: the author's words.
    pub subject: String,
}

/// Paths that changed, sorted; `None` for more than can be listed.
type Changed = Option<Rc<Vec<String>>>;

/// A source at the commit that it is at now, compared with earlier ones.
pub(super) struct Compared<'r> {
    repo: &'r Repo,
    commit: Oid,
    tree: Oid,
    /// By pairs of trees.
    changed: RefCell<BTreeMap<(Oid, Oid), Changed>>,
    /// Names in the trees of the present state, with what they stand for.
    names: RefCell<BTreeMap<Oid, Rc<BTreeMap<String, Oid>>>>,
    /// By the earlier commit: whether it is in the history of the present one.
    before: RefCell<BTreeMap<Oid, bool>>,
    /// By the earlier commit: the commits since.
    since: RefCell<BTreeMap<Oid, Rc<Vec<CommitInfo>>>>,
}

impl<'r> Compared<'r> {
    pub(super) fn new(repo: &'r Repo, commit: Oid, tree: Oid) -> Self {
        let (changed, names, before, since) = Default::default();
        Self { repo, commit, tree, changed, names, before, since }
    }

    /// Says whether the present state was made on top of an earlier one.
    pub(super) fn descends_from(&self, have: Oid) -> Result<bool, Error> {
        if let Some(known) = self.before.borrow().get(&have) {
            return Ok(*known);
        }
        let is_before = self.repo.is_ancestor(have, self.commit)?;
        self.before.borrow_mut().insert(have, is_before);
        Ok(is_before)
    }

    /// Says whether the artifact's place has now what it had in an earlier commit.
    pub(super) fn is_same(&self, origin: &Origin, have: Oid) -> Result<bool, Error> {
        let place = origin.place()?;
        let old = self.repo.commit(have)?.tree;
        if origin.is_moved || self.differs(place.as_ref(), old, self.tree)? {
            return Ok(false);
        }
        place.map_or(Ok(true), |place| self.has(&place))
    }

    /// Returns the commits since an earlier one that changed the artifact's place.
    pub(super) fn commits(&self, origin: &Origin, have: Oid) -> Result<Vec<UpstreamCommit>, Error> {
        let place = origin.place()?;
        let mut found = Vec::new();
        for info in self.since(have)?.iter() {
            // A parent behind the edge of a shallow history cannot be compared; such a commit is listed.
            let parent = info.parents.first().and_then(|parent| self.repo.commit(*parent).ok());
            if parent.is_some_and(|parent| !self.differs(place.as_ref(), parent.tree, info.tree).unwrap_or(true)) {
                continue;
            }
            found.push(UpstreamCommit { commit: info.id.to_string(), subject: info.subject().to_owned() });
            if found.len() == MAX_COMMITS {
                break;
            }
        }
        Ok(found)
    }

    fn since(&self, have: Oid) -> Result<Rc<Vec<CommitInfo>>, Error> {
        if let Some(known) = self.since.borrow().get(&have) {
            return Ok(Rc::clone(known));
        }
        let commits = Rc::new(self.repo.commits_since(have, self.commit, 10 * MAX_COMMITS)?);
        self.since.borrow_mut().insert(have, Rc::clone(&commits));
        Ok(commits)
    }

    /// Says whether two trees differ at or below a place; `None` is the whole.
    fn differs(&self, place: Option<&TreePath>, old: Oid, new: Oid) -> Result<bool, Error> {
        let Some(place) = place.filter(|_| old != new) else { return Ok(old != new) };
        let Some(changed) = self.changed(old, new)? else { return Ok(true) };
        let place = place.as_str();
        let below = format!("{place}/");
        let from = |start: &str| changed.get(changed.partition_point(|path| path.as_str() < start));
        Ok(from(place).is_some_and(|path| path == place) || from(&below).is_some_and(|path| path.starts_with(&below)))
    }

    fn changed(&self, old: Oid, new: Oid) -> Result<Changed, Error> {
        if let Some(known) = self.changed.borrow().get(&(old, new)) {
            return Ok(known.clone());
        }
        let changed = match self.repo.changed_paths(Some(old), new) {
            Ok(paths) => Some(Rc::new(paths)),
            Err(GitError::TooMuch { .. }) => None,
            Err(other) => return Err(other.into()),
        };
        self.changed.borrow_mut().insert((old, new), changed.clone());
        Ok(changed)
    }

    /// Says whether there is anything at a place now.
    fn has(&self, place: &TreePath) -> Result<bool, Error> {
        let mut at = self.tree;
        let (folder, name) = place.as_str().rsplit_once('/').unwrap_or(("", place.as_str()));
        for part in folder.split('/').filter(|part| !part.is_empty()) {
            let Some(id) = self.names(at)?.get(part).copied() else { return Ok(false) };
            at = id;
        }
        Ok(self.names(at)?.contains_key(name))
    }

    fn names(&self, tree: Oid) -> Result<Rc<BTreeMap<String, Oid>>, Error> {
        if let Some(known) = self.names.borrow().get(&tree) {
            return Ok(Rc::clone(known));
        }
        let entries = self.repo.entries(tree)?;
        let names: Rc<BTreeMap<_, _>> = Rc::new(entries.into_iter().map(|entry| (entry.name, entry.id)).collect());
        self.names.borrow_mut().insert(tree, Rc::clone(&names));
        Ok(names)
    }
}
