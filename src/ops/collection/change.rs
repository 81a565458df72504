//! One change of a collection as one commit.
//!
//! Order: objects, then the refs in one compare-and-swap transaction, then worktree and index. A note in
//! `.git/skillmeat/pending` names the commit in between, so that the next change finishes what an interrupted
//! one left (`schema/durability.md`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{Collection, Error, PRISTINE_REFS};
use crate::fsio::{FsError, Root, is_temporary, read_optional, remove_if_there, write_note};
use crate::git::{ChangedFile, EntryKind, Expect, GitError, RefChange, Repo, Touched, TreeEntry};
use crate::model::{
    ArtifactRef, BundleName, FileMode, LockEntry, LockedRelease, Lockfile, Manifest, ManifestEntry, Oid, TreePath,
    edit_manifest,
};
use crate::ops::Context;
use crate::ops::audit::{self, Event};

/// A change that is being put together. Nothing but objects is written before [`Change::commit`].
pub struct Change<'c> {
    collection: &'c Collection,
    files: BTreeMap<TreePath, Option<(FileMode, Oid)>>,
    entries: BTreeMap<ArtifactRef, Option<ManifestEntry>>,
    lock: Lockfile,
    refs: Vec<RefChange>,
    remarks: Vec<String>,
}

impl<'c> Change<'c> {
    /// Starts a change of `collection`, which must have been opened to be changed.
    pub fn new(collection: &'c Collection) -> Self {
        Self {
            collection,
            files: BTreeMap::new(),
            entries: BTreeMap::new(),
            lock: collection.lock.clone(),
            refs: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Sets one file.
    pub fn put(&mut self, path: TreePath, mode: FileMode, content: Oid) {
        self.files.insert(path, Some((mode, content)));
    }

    /// Removes one file.
    pub fn remove(&mut self, path: TreePath) {
        self.files.insert(path, None);
    }

    /// Replaces all files of an artifact: those not in `files` are removed.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub fn replace(&mut self, artifact: &ArtifactRef, files: &[(TreePath, FileMode, Oid)]) -> Result<(), Error> {
        for old in self.collection.files(artifact)? {
            self.remove(old.path);
        }
        for (path, mode, content) in files {
            self.put(path.clone(), *mode, *content);
        }
        Ok(())
    }

    /// Sets or, with `None`, removes what `collection.toml` says of an artifact.
    pub fn describe(&mut self, artifact: &ArtifactRef, entry: Option<ManifestEntry>) {
        self.entries.insert(artifact.clone(), entry);
    }

    /// Sets or, with `None`, removes what `collection.lock` says of an artifact.
    pub fn lock(&mut self, artifact: &ArtifactRef, entry: Option<LockEntry>) {
        match entry {
            Some(entry) => drop(self.lock.artifacts.insert(artifact.clone(), entry)),
            None => {
                let removed = self.lock.artifacts.remove(artifact).and_then(|entry| entry.named());
                removed.into_iter().for_each(|(release, _)| self.take_back_release(&release.bundle, None));
            }
        }
    }

    /// Says whether `collection.lock` has an artifact of the release with this tag.
    pub(crate) fn has_artifact_of(&self, tag: &str) -> bool {
        self.lock.artifacts.values().any(|entry| entry.tag.as_deref() == Some(tag))
    }

    /// Sets what `collection.lock` says of a bundle.
    pub(crate) fn lock_release(&mut self, bundle: BundleName, release: LockedRelease) {
        self.lock.releases.insert(bundle, release);
    }

    /// As [`Change::lock_release`], unless this very release or a newer one is locked.
    pub(super) fn lock_newer_release(&mut self, bundle: BundleName, release: LockedRelease) {
        let version = |release: &LockedRelease| release.named().map(|(version, _)| version);
        if self.lock.releases.get(&bundle).is_none_or(|here| version(here) < version(&release)) {
            self.lock_release(bundle, release);
        }
    }

    /// Lets a bundle be locked as it was before, where nothing is of the release any more that is locked now.
    pub(super) fn take_back_release(&mut self, bundle: &BundleName, before: Option<&LockedRelease>) {
        let Some(now) = self.lock.releases.get(bundle) else { return };
        if self.has_artifact_of(&now.tag) {
            return;
        }
        match before {
            Some(before) => self.lock_release(bundle.clone(), before.clone()),
            None => drop(self.lock.releases.remove(bundle)),
        }
    }

    /// Adds a line to the message of the commit, for what has no place in the collection's files.
    pub fn remark(&mut self, line: String) {
        self.remarks.push(line);
    }

    /// Adds a ref to the transaction.
    pub fn change_ref(&mut self, change: RefChange) {
        self.refs.push(change);
    }

    /// Gives up the change, and returns what it would do to refs.
    pub(super) fn into_refs(self) -> Vec<RefChange> {
        self.refs
    }

    /// Records the pristine upstream state of an artifact: a commit on top of the chain under [`PRISTINE_REFS`].
    ///
    /// `files` have their paths in the collection. Returns the tree.
    ///
    /// # Errors
    /// [`Error::NoIdentity`], [`Error::Git`].
    pub fn record_pristine(
        &mut self,
        context: &Context,
        artifact: &ArtifactRef,
        files: &[(TreePath, FileMode, Oid)],
        message: &str,
    ) -> Result<Oid, Error> {
        let repo = &self.collection.repo;
        let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
        let tree = repo.edit_tree(None, files.iter().map(|(path, mode, id)| (path, Some((*mode, *id)))))?;
        let name = format!("{PRISTINE_REFS}{artifact}");
        let old = repo.find_ref(&name)?;
        if let Some(old) = old {
            let old = repo.commit(old)?;
            // The same content from another place is news: that one was agreed to, or is followed now.
            if old.tree == tree && old.message.trim_end() == message.trim_end() {
                return Ok(tree);
            }
        }
        let parents: Vec<Oid> = old.into_iter().collect();
        let commit = repo.write_commit(tree, &parents, message, who)?;
        self.refs.push(RefChange { name, new: Some(commit), expect: old.map_or(Expect::Absent, Expect::At) });
        Ok(tree)
    }

    /// Makes the commit, moves the refs, and lets worktree and index follow; `None` when no file changes.
    ///
    /// A file that someone edits in the same moment stays as it is, with a warning.
    ///
    /// # Errors
    /// [`Error::Git`] with `Dirty` or `Untracked` when people's own changes are in the way, `RefMoved` when the
    /// branch moved; the collection is then as it was.
    pub fn commit(
        mut self,
        context: &Context,
        action: &str,
        subject: &str,
        artifacts: &[ArtifactRef],
    ) -> Result<Option<Oid>, Error> {
        self.write_collection_files()?;
        let collection = self.collection;
        let repo = &collection.repo;
        let tree = repo.edit_tree(Some(collection.tree), self.files.iter().map(|(path, new)| (path, *new)))?;
        let record = Record { action, subject, remarks: &self.remarks, artifacts };
        commit_tree(context, collection, tree, self.refs, &record)
    }

    /// Writes `collection.toml` and `collection.lock` where their content changes.
    fn write_collection_files(&mut self) -> Result<(), Error> {
        let repo = &self.collection.repo;
        if !self.entries.is_empty() {
            let changes = self.entries.iter().map(|(artifact, entry)| (artifact, entry.as_ref()));
            let text = edit_manifest(&self.collection.manifest_text, changes)?;
            // What is written must be readable by the next command.
            Manifest::parse(text.as_bytes())?;
            let content = repo.write_blob(text.as_bytes())?;
            self.files.insert(Manifest::path(), Some((FileMode::Regular, content)));
        }
        let old = self.collection.lock.render();
        let new = self.lock.render();
        if old != new {
            let content = repo.write_blob(new.as_bytes())?;
            self.files.insert(Lockfile::path(), Some((FileMode::Regular, content)));
        }
        Ok(())
    }
}

/// Makes a commit whose tree is `tree`, moves the refs, and lets worktree and index follow; `None` when no file changes.
///
/// # Errors
/// As [`Change::commit`].
pub(super) fn commit_tree(
    context: &Context,
    collection: &Collection,
    tree: Oid,
    refs: Vec<RefChange>,
    record: &Record<'_>,
) -> Result<Option<Oid>, Error> {
    if tree == collection.tree {
        return move_refs(context, collection, refs, record).map(|()| None);
    }
    let touched = touched_between(&collection.repo, collection.tree, tree)?;
    finish(context, collection, tree, &touched, refs, record).map(Some)
}

/// Moves refs only: an update that waits, or content that is all here already.
fn move_refs(
    context: &Context,
    collection: &Collection,
    mut refs: Vec<RefChange>,
    record: &Record<'_>,
) -> Result<(), Error> {
    if refs.is_empty() {
        return Ok(());
    }
    let repo = &collection.repo;
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let head = repo.head_commit()?;
    refs.extend(super::undo::keep(context, repo, &refs, (head, head), record.subject)?);
    let event = Event { action: record.action, artifacts: record.artifacts, subject: &head.to_string() };
    refs.extend(audit::next(context, repo, &event)?);
    repo.flush()?;
    context.make_durable(repo.git_folder())?;
    repo.change_refs(&refs, &format!("skillmeat: {}", record.subject), who)?;
    Ok(context.make_durable(repo.git_folder())?)
}

/// What history and audit trail say of a change.
#[derive(Default)]
pub(super) struct Record<'a> {
    /// The command.
    pub(super) action: &'a str,
    /// One line for people.
    pub(super) subject: &'a str,
    /// More lines for people.
    pub(super) remarks: &'a [String],
    /// What it was about.
    pub(super) artifacts: &'a [ArtifactRef],
}

impl Record<'_> {
    /// Returns the commit message with the trailers that `history` reads.
    pub(super) fn message(&self) -> String {
        let mut text = format!("{}\n\n", self.subject);
        for remark in self.remarks {
            text.push_str(&format!("{remark}\n"));
        }
        let gap = if self.remarks.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}Skillmeat-Action: {}\n", self.action));
        for artifact in self.artifacts {
            text.push_str(&format!("Skillmeat-Artifact: {artifact}\n"));
        }
        text
    }
}

/// Returns where the commit is named that a worktree is about to follow: each worktree of a repository has its own.
fn pending_note(repo: &Repo) -> Result<PathBuf, Error> {
    let folder = repo.worktree_folder().join("skillmeat");
    crate::fsio::ensure_folder(&folder)?;
    Ok(folder.join("pending"))
}

fn finish(
    context: &Context,
    collection: &Collection,
    tree: Oid,
    touched: &[Touched],
    mut refs: Vec<RefChange>,
    record: &Record<'_>,
) -> Result<Oid, Error> {
    let repo = &collection.repo;
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    repo.check_clean(touched)?;
    // Here and not where a collection is opened: a dry run opens it as well, and writes nothing.
    super::driver::register(context, repo)?;
    let parent = repo.head_commit()?;
    let commit = repo.write_commit(tree, &[parent], &record.message(), who)?;
    let event = Event { action: record.action, artifacts: record.artifacts, subject: &commit.to_string() };
    refs.extend(super::undo::keep(context, repo, &refs, (parent, commit), record.subject)?);
    refs.extend(audit::next(context, repo, &event)?);
    refs.push(RefChange { name: "HEAD".to_owned(), new: Some(commit), expect: Expect::At(parent) });
    repo.flush()?;
    let pending = pending_note(repo)?;
    write_note(&pending, format!("{commit}\n").as_bytes())?;
    // Objects and note before refs: a power cut must not leave a ref to an object that is not on disk.
    context.make_durable(repo.git_folder())?;
    let reason = format!("skillmeat: {}", record.subject);
    if let Err(error) = repo.change_refs(&refs, &reason, who) {
        remove_if_there(&pending)?;
        return Err(error.into());
    }
    let kept = match repo.follow(touched) {
        Ok(kept) => kept,
        Err(error) => {
            // A commit without its files would be half a change: all of it is taken back.
            repo.undo_refs(&refs, &reason, who)?;
            let back: Vec<Touched> = touched.iter().map(Touched::reversed).collect();
            let _ = repo.follow(&back);
            remove_if_there(&pending)?;
            return Err(error.into());
        }
    };
    remove_if_there(&pending)?;
    context.make_durable(collection.folder()?)?;
    for path in kept {
        let path = crate::model::shown(path.as_str());
        context.progress.warn(&format!("'{path}' was edited in this moment and is as it was edited, not as committed"));
    }
    Ok(commit)
}

/// Finishes a change whose refs moved but whose worktree did not follow, because its process was killed.
///
/// # Errors
/// [`Error::Git`], [`Error::Fs`].
pub(super) fn recover(repo: &Repo) -> Result<(), Error> {
    repo.remove_stale_locks()?;
    repo.remove_stale_index_lock()?;
    let pending = pending_note(repo)?;
    let Some(note) = read_optional(&pending, 1024)? else { return Ok(()) };
    let commit = std::str::from_utf8(&note).ok().and_then(|text| Oid::from_hex(text.trim().as_bytes()).ok());
    // Any other HEAD: the refs never moved, or people have gone on from there by themselves.
    if let Some(commit) = commit.filter(|commit| repo.head().is_ok_and(|head| head.commit == Some(*commit))) {
        let info = repo.commit(commit)?;
        if let Some(parent) = info.parents.first() {
            let touched = touched_between(repo, repo.commit(*parent)?.tree, info.tree)?;
            remove_own_temporaries(repo, &touched)?;
            repo.follow(&touched)?;
        }
    }
    Ok(remove_if_there(&pending)?)
}

/// Removes the temporary files that a killed process left beside the files that it was to write.
fn remove_own_temporaries(repo: &Repo, touched: &[Touched]) -> Result<(), Error> {
    let root = Root::open(repo.worktree()?)?;
    let folder =
        |file: &Touched| file.path.as_str().rsplit_once('/').map_or(String::new(), |(folder, _)| folder.into());
    let folders: BTreeSet<String> = touched.iter().map(folder).collect();
    for folder in folders {
        let listed = match root.list(&folder) {
            // A file where a folder was, or the other way round: then nothing of ours is there.
            Err(FsError::Escapes(_)) => Vec::new(),
            other => other?,
        };
        for (name, _) in listed.into_iter().filter(|(name, _)| is_temporary(name)) {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            root.remove(&path.parse().map_err(GitError::from)?)?;
        }
    }
    Ok(())
}

fn touched_between(repo: &Repo, old: Oid, new: Oid) -> Result<Vec<Touched>, Error> {
    let file = |entry: Option<TreeEntry>| {
        entry.and_then(|entry| match entry.kind {
            EntryKind::File(mode) => Some((mode, entry.id)),
            _ => None,
        })
    };
    let one = |(path, old, new): ChangedFile| {
        let path: TreePath = path.parse().map_err(GitError::from)?;
        Ok(Touched { path, old: file(old), new: file(new) })
    };
    repo.changed_files(Some(old), new)?.into_iter().map(one).collect()
}
