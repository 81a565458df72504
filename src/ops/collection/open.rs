//! Finding and reading a collection.
//!
//! Everything is read from the last commit, not from the worktree: what is shown, exported and deployed is what
//! git has. Edits that are not committed are noticed by `status`.

use std::path::{Path, PathBuf};

use super::Error;
use crate::fsio::{Found, Lock, Root};
use crate::git::{EntryKind, GitError, Head, Repo, TreeEntry, TreeFile};
use crate::model::{ArtifactName, ArtifactRef, Kind, Lockfile, MAX_COLLECTION_FILE_BYTES, Manifest, Oid, TreePath};
use crate::ops::Context;

/// Prefix of the refs that keep pristine upstream states.
pub const PRISTINE_REFS: &str = "refs/skillmeat/upstream/";

/// Prefix of the refs of named restore points.
pub const SNAPSHOT_REFS: &str = "refs/skillmeat/snapshot/";

/// Size of `collection.toml` from which on the lock is read by another thread, in bytes: starting one costs as much as 20 KiB.
const SIZE_FOR_THREADS: u64 = 64 * 1024;

/// Longest distance between a wrong name and one that is offered instead.
const NEAR: usize = 3;

/// A collection at its last commit.
#[derive(Debug)]
pub struct Collection {
    /// Its repository.
    pub repo: Repo,
    /// Its branch and commit.
    pub head: Head,
    /// The tree of that commit.
    pub tree: Oid,
    /// `collection.toml` as text, so that edits keep what people wrote.
    pub manifest_text: String,
    /// `collection.toml`.
    pub manifest: Manifest,
    /// `collection.lock`.
    pub lock: Lockfile,
}

impl Collection {
    /// Opens a collection for reading.
    ///
    /// # Errors
    /// [`Error::NoCollection`], [`Error::File`], [`Error::Git`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let none = || Error::NoCollection(path.to_owned());
        let repo = Repo::open(path).map_err(|error| match error {
            GitError::NotARepository(_) => none(),
            other => other.into(),
        })?;
        Self::read(repo)?.ok_or_else(none)
    }

    /// Returns the collection of a repository; `None` when its last commit has no `collection.toml`.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Git`].
    pub fn read(repo: Repo) -> Result<Option<Self>, Error> {
        let head = repo.head()?;
        Self::read_at(repo, head)
    }

    fn read_at(repo: Repo, head: Head) -> Result<Option<Self>, Error> {
        let Some(commit) = head.commit else { return Ok(None) };
        let tree = repo.commit(commit)?.tree;
        let Some((manifest_text, manifest, lock)) = read_files(&repo, tree)? else { return Ok(None) };
        repo.worktree()?;
        Ok(Some(Self { repo, head, tree, manifest_text, manifest, lock }))
    }

    /// Returns the same collection at another of its commits.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Git`] with `NoCommit` for a commit that is no state of a collection.
    pub(super) fn at(&self, commit: Oid) -> Result<Self, Error> {
        let none = || Error::from(GitError::NoCommit(commit.to_string()));
        let head = Head { commit: Some(commit), ..self.head.clone() };
        Self::read_at(self.repo.handle(), head)?.ok_or_else(none)
    }

    /// Returns the same collection as the next commit would have it: the state of git's index.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Git`].
    pub(super) fn staged(&self) -> Result<Self, Error> {
        let repo = self.repo.in_memory();
        let tree = repo.index_tree()?;
        let (manifest_text, manifest, lock) = read_files(&repo, tree)?
            .ok_or_else(|| Error::NoCollection(self.repo.worktree().map_or_else(|_| PathBuf::new(), Path::to_owned)))?;
        Ok(Self { repo, head: self.head.clone(), tree, manifest_text, manifest, lock })
    }

    /// Opens a collection for a change: takes its lock, finishes what an interrupted command left, and reads it.
    ///
    /// # Errors
    /// As [`Collection::open`], and [`Error::Fs`] with `Busy` when another process changes it.
    pub fn open_to_change(context: &Context, path: &Path) -> Result<(Self, Lock), Error> {
        Self::open(path)?.to_change(context)
    }

    /// As [`Collection::open_to_change`], of one that was opened for reading.
    ///
    /// # Errors
    /// As [`Collection::open_to_change`].
    pub fn to_change(self, context: &Context) -> Result<(Self, Lock), Error> {
        self.repo.check_idle()?;
        let state = state_folder(&self.repo)?;
        let lock = Lock::take(&state.join("lock"), context.patience)?;
        super::change::recover(&self.repo)?;
        let head = self.repo.head()?;
        // Another process may have committed since.
        let mut collection = if head == self.head { self } else { self.at_head(head)? };
        collection.repo.gather();
        Ok((collection, lock))
    }

    fn at_head(self, head: Head) -> Result<Self, Error> {
        let folder = self.folder()?.to_owned();
        Self::read_at(self.repo, head)?.ok_or(Error::NoCollection(folder))
    }

    /// Returns every artifact, sorted by kind and name.
    ///
    /// An artifact is what stands in the kind's folder in the right form, whether or not `collection.toml` has a
    /// table for it: people add their own by hand.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub fn artifacts(&self) -> Result<Vec<ArtifactRef>, Error> {
        self.artifacts_of(self.tree)
    }

    /// As [`Collection::artifacts`], of another tree of the collection.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub(super) fn artifacts_of(&self, tree: Oid) -> Result<Vec<ArtifactRef>, Error> {
        Ok(self.entries_of(tree)?.into_iter().map(|(artifact, _)| artifact).collect())
    }

    /// Returns every artifact of a tree with the object id of its file or folder, sorted.
    ///
    /// Reads each tree once: to look for each artifact by its path would read the list of all of them each time.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub(super) fn entries_of(&self, tree: Oid) -> Result<Vec<(ArtifactRef, Oid)>, Error> {
        let mut found = Vec::new();
        for kind in Kind::ALL {
            let folder: TreePath = kind.folder().parse().map_err(GitError::from)?;
            let Some(entry) = self.repo.entry_at(tree, &folder)? else { continue };
            if entry.kind == EntryKind::Folder {
                self.entries_in(kind, entry.id, "", &mut found)?;
            }
        }
        found.sort();
        Ok(found)
    }

    /// Returns the names that stand in the folder of a kind, whether or not artifacts stand behind them, without those of
    /// commands in folders: one tree is read, however many there are.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub(super) fn names_of(&self, kind: Kind) -> Result<Vec<ArtifactRef>, Error> {
        let folder: TreePath = kind.folder().parse().map_err(GitError::from)?;
        let entry = self.repo.entry_at(self.tree, &folder)?.filter(|entry| entry.kind == EntryKind::Folder);
        let entries = entry.map(|entry| self.repo.entries(entry.id)).transpose()?.unwrap_or_default();
        Ok(entries.iter().filter_map(|entry| reference(kind, entry.name.trim_end_matches(".md"))).collect())
    }

    fn entries_in(
        &self,
        kind: Kind,
        tree: Oid,
        prefix: &str,
        found: &mut Vec<(ArtifactRef, Oid)>,
    ) -> Result<(), Error> {
        for entry in self.repo.entries(tree)? {
            let name = format!("{prefix}{}", entry.name);
            match (kind.main_file(), entry.kind) {
                (Some(file), EntryKind::Folder) => {
                    let file = file.parse().map_err(GitError::from)?;
                    if self.repo.entry_at(entry.id, &file)?.is_some() {
                        found.extend(reference(kind, &name).map(|artifact| (artifact, entry.id)));
                    }
                }
                (None, EntryKind::File(_)) => {
                    let artifact = name.strip_suffix(".md").and_then(|name| reference(kind, name));
                    found.extend(artifact.map(|artifact| (artifact, entry.id)));
                }
                (None, EntryKind::Folder) if kind == Kind::Command && prefix.split('/').count() < 4 => {
                    self.entries_in(kind, entry.id, &format!("{name}/"), found)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the artifact that a person means: `kind/name`, or a bare name that only one artifact has.
    ///
    /// # Errors
    /// [`Error::Unknown`] with names that are near, [`Error::Ambiguous`].
    pub fn find(&self, text: &str) -> Result<ArtifactRef, Error> {
        choose(text, &self.artifacts()?)
    }

    /// Returns the artifacts that `texts` name, sorted, each once; all of them when `texts` is empty.
    ///
    /// # Errors
    /// As [`Collection::find`].
    pub fn select(&self, texts: &[String]) -> Result<Vec<ArtifactRef>, Error> {
        if texts.is_empty() {
            return self.artifacts();
        }
        let mut chosen = texts.iter().map(|text| self.find(text)).collect::<Result<Vec<_>, _>>()?;
        chosen.sort();
        chosen.dedup();
        Ok(chosen)
    }

    /// Returns the artifacts of one of these kinds, and those with one of these tags.
    ///
    /// # Errors
    /// As [`Collection::artifacts`].
    pub fn chosen_by(&self, kinds: &[Kind], tags: &[String]) -> Result<Vec<ArtifactRef>, Error> {
        let has_tag = |artifact: &ArtifactRef| {
            let entry = self.manifest.artifacts.get(artifact);
            entry.is_some_and(|entry| entry.tags.iter().any(|tag| tags.contains(tag)))
        };
        let all = self.artifacts()?;
        Ok(all.into_iter().filter(|artifact| kinds.contains(&artifact.kind) || has_tag(artifact)).collect())
    }

    /// Returns the files of an artifact, with their paths in the collection.
    ///
    /// # Errors
    /// [`Error::Unfit`] for anything in it that no bundle may hold, [`Error::Git`].
    pub fn files(&self, artifact: &ArtifactRef) -> Result<Vec<TreeFile>, Error> {
        self.repo.files_at(self.tree, &artifact.path()).map_err(|error| match error {
            GitError::BadEntry { .. } | GitError::BadPath(_) | GitError::TooMuch { .. } => {
                Error::Unfit { artifact: artifact.clone(), source: error }
            }
            other => other.into(),
        })
    }

    /// Returns where the worktree is.
    ///
    /// # Errors
    /// [`Error::Git`] for a bare repository.
    pub fn folder(&self) -> Result<&Path, Error> {
        Ok(self.repo.worktree()?)
    }
}

/// Returns the folders of the collections in the home of the program, sorted.
///
/// # Errors
/// [`Error::Fs`].
pub fn known(home: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = home.join("collections");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let listed = Root::open(&folder)?.list("")?;
    Ok(listed.into_iter().filter(|(_, stat)| stat.found == Found::Folder).map(|(name, _)| folder.join(name)).collect())
}

/// Returns the one of `all` that a person means by `text`.
///
/// # Errors
/// [`Error::Unknown`] with names that are near, [`Error::Ambiguous`].
pub(super) fn choose(text: &str, all: &[ArtifactRef]) -> Result<ArtifactRef, Error> {
    let mut named: Vec<_> = all.iter().filter(|a| a.to_string() == text || a.name.as_str() == text).cloned().collect();
    named.dedup();
    match named.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::Unknown { text: text.chars().take(100).collect(), near: near(text, all) }),
        several => match several.iter().find(|a| a.to_string() == text) {
            Some(exact) => Ok(exact.clone()),
            None => Err(Error::Ambiguous { text: text.to_owned(), candidates: several.to_vec() }),
        },
    }
}

fn reference(kind: Kind, name: &str) -> Option<ArtifactRef> {
    ArtifactName::parse(kind, name).ok().map(|name| ArtifactRef::new(kind, name))
}

/// Returns the folder for locks, journals and caches of a repository, making it if needed.
pub(super) fn state_folder(repo: &Repo) -> Result<PathBuf, Error> {
    let folder = repo.git_folder().join("skillmeat");
    crate::fsio::ensure_folder(&folder)?;
    Ok(folder)
}

/// Reads `collection.toml`, as text and as what it says, and `collection.lock`; `None` when the tree has no such file.
fn read_files(repo: &Repo, tree: Oid) -> Result<Option<(String, Manifest, Lockfile)>, Error> {
    let Some(entry) = repo.entry_at(tree, &Manifest::path())?.filter(is_file) else { return Ok(None) };
    let manifest = || {
        let bytes = repo.blob(entry.id, MAX_COLLECTION_FILE_BYTES)?;
        let parsed = Manifest::parse(&bytes)?;
        Ok::<_, Error>((String::from_utf8_lossy(&bytes).into_owned(), parsed))
    };
    let (manifest, lock) = if repo.size(entry.id)? < SIZE_FOR_THREADS {
        (manifest(), read_lock(repo, tree))
    } else {
        std::thread::scope(|scope| {
            let beside = repo.handle();
            let lock = scope.spawn(move || read_lock(&beside, tree));
            (manifest(), lock.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    };
    let ((text, manifest), lock) = (manifest?, lock?);
    Ok(Some((text, manifest, lock)))
}

fn read_lock(repo: &Repo, tree: Oid) -> Result<Lockfile, Error> {
    match repo.entry_at(tree, &Lockfile::path())?.filter(is_file) {
        Some(entry) => Ok(Lockfile::parse(&repo.blob(entry.id, MAX_COLLECTION_FILE_BYTES)?)?),
        None => Ok(Lockfile { format: crate::model::COLLECTION_FORMAT, ..Lockfile::default() }),
    }
}

fn is_file(entry: &TreeEntry) -> bool {
    matches!(entry.kind, EntryKind::File(_))
}

/// Returns the artifacts whose names differ from `text` by at most [`NEAR`] edits, nearest first.
fn near(text: &str, all: &[ArtifactRef]) -> Vec<ArtifactRef> {
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    if name.len() > 100 {
        return Vec::new();
    }
    let mut scored: Vec<_> =
        all.iter().map(|a| (distance(name, a.name.as_str()), a)).filter(|(d, _)| *d <= NEAR).collect();
    scored.sort();
    scored.into_iter().take(3).map(|(_, artifact)| artifact.clone()).collect()
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
