//! Where artifacts are added from: git objects, fetched or local, or a folder that is not in git.
//!
//! Nothing of a source is checked out or run: its trees and blobs are read in process. Of a repository that is not on
//! this machine only commits and trees are fetched at first, and then the files that are wanted, many at a time.

use std::collections::BTreeSet;
use std::path::Path;

use super::Error;
use super::tips::{tags_of, tip};
use super::trees::{FolderTree, GitTree};
use crate::fsio::{Found as OnDisk, FsError, Lock, Root, ensure_folder, real_path};
use crate::git::{EntryKind, GitError, Remote, Repo, Store, WalkLimits};
use crate::model::{Digest, FileMode, Location, Oid, PathError, Source, TreePath, check_set, version_range};
use crate::ops::Context;
use crate::scan::{DiscoverError, Discovery, Limits, discover};

/// Largest file of an artifact, in bytes: the limit of a file in a bundle.
pub(super) const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// Most files and folders of a source folder that is not in git.
const MAX_FOLDER_ENTRIES: u64 = 20_000;

/// Most times that discovery starts again because a manifest led it to files that are not here yet.
const MAX_ROUNDS: usize = 10;

/// What git takes for a depth without end.
const WHOLE_HISTORY: u32 = 0x7fff_ffff;

/// One file of an artifact: where it is below the artifact, its mode, its content.
pub type SourceFile = (TreePath, FileMode, Vec<u8>);

/// An opened source.
pub enum Opened<'c> {
    /// The tree of a commit.
    Git {
        /// Its repository: the user's own, or our store of what was fetched.
        repo: Box<Repo>,
        /// The commit.
        commit: Oid,
        /// Its tree.
        tree: Oid,
        /// What `collection.toml` names as upstream.
        upstream: String,
        /// Where files come from that the repository does not have yet.
        far: Option<Far<'c>>,
    },
    /// A folder on disk.
    Folder {
        /// The folder.
        root: Root,
        /// What `collection.toml` names as upstream.
        upstream: String,
    },
}

/// A repository that is not on this machine.
#[derive(Clone)]
pub struct Far<'c> {
    context: &'c Context,
    remote: Remote,
}

/// Opens a source; one that is not local is fetched first, without history.
///
/// # Errors
/// [`Error::Git`] with `Net` for a remote, with `Unborn` for a repository without commits, [`Error::Fs`].
pub fn open<'c>(context: &'c Context, source: &Source, have: Option<Oid>) -> Result<Opened<'c>, Error> {
    match &source.location {
        Location::Local(path) => open_local(&context.folder.join(path), source),
        Location::Git { url } => match url.strip_prefix("file://") {
            Some(path) if Path::new(path).is_dir() => {
                open_repo(Repo::open_for_objects(Path::new(path))?, source, url.clone())
            }
            _ => fetch(context, source, url, have),
        },
    }
}

fn open_local(path: &Path, source: &Source) -> Result<Opened<'static>, Error> {
    let path = real_path(path);
    let upstream = path.display().to_string();
    match Repo::open_for_objects(&path) {
        Ok(repo) => open_repo(repo, source, upstream),
        Err(GitError::NotARepository(_)) => Ok(Opened::Folder { root: Root::open(&path)?, upstream }),
        Err(other) => Err(other.into()),
    }
}

fn open_repo(repo: Repo, source: &Source, upstream: String) -> Result<Opened<'static>, Error> {
    let commit = match &source.reference {
        Some(reference) if version_range(reference).is_some() => {
            let tip = tip(&tags_of(&repo)?, Some(reference)).ok_or_else(|| GitError::NoCommit(reference.clone()))?;
            tip.commit
        }
        Some(reference) => repo.resolve(reference)?,
        None => repo.head_commit()?,
    };
    let tree = repo.commit(commit)?.tree;
    Ok(Opened::Git { repo: Box::new(repo), commit, tree, upstream, far: None })
}

/// Fetches the newest commit into our own bare store for this URL, and the history since `have`, where it is given.
fn fetch<'c>(context: &'c Context, source: &Source, url: &str, have: Option<Oid>) -> Result<Opened<'c>, Error> {
    let (stores, name) = (context.home.join("sources"), store_name(url));
    ensure_folder(&stores)?;
    // Beside the store: a bare repository is made only where nothing is.
    let _lock = Lock::take(&stores.join(format!("{name}.lock")), context.patience)?;
    let repo = Repo::open_store(&stores, &name, Store::Partial)?;
    let far = Far { context, remote: Remote { url: url.to_owned() } };
    let wanted = source.reference.as_deref().unwrap_or("HEAD");
    let ours = format!("refs/skillmeat/fetched/{}", &Digest::of(wanted.as_bytes()).hex()[..16]);
    let pinned = Oid::from_hex(wanted.as_bytes()).ok().filter(|commit| repo.has(*commit));
    let commit = match pinned {
        Some(commit) => commit,
        None if context.offline => repo.resolve(&ours).map_err(|_| GitError::Offline)?,
        None => {
            far.bring_commit(&repo, wanted, &ours, have)?;
            repo.resolve(&ours)?
        }
    };
    let tree = repo.commit(commit)?.tree;
    Ok(Opened::Git { repo: Box::new(repo), commit, tree, upstream: url.to_owned(), far: Some(far) })
}

impl Far<'_> {
    fn bring_commit(&self, repo: &Repo, wanted: &str, ours: &str, have: Option<Oid>) -> Result<(), Error> {
        let git = self.context.network()?;
        self.context.progress.step("fetching", 0, None);
        let tag = match version_range(wanted) {
            Some(_) => {
                let tags = self.remote.list(git, &["refs/tags/*"])?;
                Some(tip(&tags, Some(wanted)).ok_or_else(|| GitError::NoCommit(wanted.to_owned()))?.name)
            }
            None => None,
        };
        let theirs = tag.as_deref().unwrap_or(wanted);
        let fetch = |refs: (String, String), depth| repo.fetch(git, &self.remote, &[refs], depth);
        if let Some(have) = have.filter(|have| !repo.has(*have)) {
            let known = format!("refs/skillmeat/known/{have}");
            // A server that has forgotten it, or gives nothing by id, only leaves the history unknown.
            self.context.fetched(fetch((have.to_string(), known), Some(1)).unwrap_or(0));
        }
        // From a commit that is here git fetches what came after it; without one, the newest alone.
        let depth = if have.is_some_and(|have| repo.has(have)) { None } else { Some(1) };
        // Forced: what a branch was before is of no use here, the pristine states are kept in the collection.
        self.context.fetched(fetch((format!("+{theirs}"), ours.to_owned()), depth)?);
        Ok(())
    }

    /// Brings the whole history of a commit, and `others` where they are not of it.
    fn bring_history(&self, repo: &Repo, commit: Oid, others: &[Oid]) -> Result<(), Error> {
        let git = self.context.network()?;
        self.context.progress.step("fetching history", 0, None);
        let known = |id: Oid| (id.to_string(), format!("refs/skillmeat/known/{id}"));
        self.context.fetched(repo.fetch(git, &self.remote, &[known(commit)], Some(WHOLE_HISTORY))?);
        for other in others.iter().filter(|other| !repo.has(**other)) {
            // As above: what the server has forgotten stays unknown.
            self.context.fetched(repo.fetch(git, &self.remote, &[known(*other)], Some(1)).unwrap_or(0));
        }
        Ok(())
    }

    /// Brings objects that the repository does not have.
    fn bring(&self, repo: &Repo, ids: &[Oid]) -> Result<(), Error> {
        self.context.progress.step("fetching files", 0, Some(ids.len() as u64));
        self.context.fetched(repo.fetch_objects(self.context.network()?, &self.remote, ids)?);
        Ok(())
    }
}

fn store_name(url: &str) -> String {
    format!("{}.git", &Digest::of(url.as_bytes()).hex()[..32])
}

/// Reads a file's content and makes sure that it is what its id says: git and gix believe the name of a loose object.
fn checked_blob(repo: &Repo, id: Oid) -> Result<Vec<u8>, GitError> {
    let bytes = repo.blob(id, MAX_FILE_BYTES)?;
    if repo.blob_id(&bytes)? == id { Ok(bytes) } else { Err(GitError::Missing { kind: "blob", id }) }
}

impl<'c> Opened<'c> {
    /// Returns the commit, where the source is in git.
    pub fn commit(&self) -> Option<Oid> {
        match self {
            Opened::Git { commit, .. } => Some(*commit),
            Opened::Folder { .. } => None,
        }
    }

    /// Returns the same repository at another commit that is there; a folder as it is.
    ///
    /// # Errors
    /// [`Error::Git`].
    pub fn at(&self, commit: Oid) -> Result<Opened<'c>, Error> {
        match self {
            Opened::Git { repo, upstream, far, .. } => {
                let (repo, tree) = (Box::new(repo.handle()), repo.commit(commit)?.tree);
                Ok(Opened::Git { repo, commit, tree, upstream: upstream.clone(), far: far.clone() })
            }
            Opened::Folder { root, upstream } => {
                Ok(Opened::Folder { root: Root::open(root.path())?, upstream: upstream.clone() })
            }
        }
    }

    /// Makes sure that the history between each of `haves` and the commit is here, where there is one.
    ///
    /// A store has history from the commit on that was asked for first. One that artifacts were taken from earlier would
    /// look as if it had never been of the repository.
    ///
    /// # Errors
    /// [`Error::Git`] with `Net`.
    pub fn join(&self, haves: &[Oid]) -> Result<(), Error> {
        let Opened::Git { repo, commit, far: Some(far), .. } = self else { return Ok(()) };
        for have in haves {
            if !repo.has(*have) || !repo.is_ancestor(*have, *commit)? {
                return far.bring_history(repo, *commit, haves);
            }
        }
        Ok(())
    }

    /// Returns what `collection.toml` names as upstream.
    pub fn upstream(&self) -> &str {
        match self {
            Opened::Git { upstream, .. } | Opened::Folder { upstream, .. } => upstream,
        }
    }

    /// Returns the bytes that this command fetched from repositories that are not on this machine.
    pub fn fetched_bytes(&self) -> u64 {
        match self {
            Opened::Git { far: Some(far), .. } => far.context.traffic.get(),
            _ => 0,
        }
    }

    /// Finds the artifacts of the source, or of a folder or file within it; `name` is what one without a name is called.
    ///
    /// # Errors
    /// [`Error::Discover`], and what bringing files gives.
    pub fn discover(&self, start: Option<&TreePath>, name: &str) -> Result<Discovery, Error> {
        let (repo, root, far) = match self {
            Opened::Git { repo, tree, far, .. } => (repo, *tree, far),
            Opened::Folder { root, .. } => {
                return Ok(discover(&FolderTree { root }, start, name, Limits::default())?);
            }
        };
        for _ in 0..MAX_ROUNDS {
            let tree = GitTree::new(repo, root);
            let found = discover(&tree, start, name, Limits::default());
            let missing = tree.missing();
            match (missing.first(), far) {
                (None, _) => return Ok(found?),
                (Some(_), Some(far)) => far.bring(repo, &missing)?,
                (Some(id), None) => return Err(GitError::Missing { kind: "blob", id: *id }.into()),
            }
        }
        Err(DiscoverError::Limit { what: "manifests that lead to one another", limit: MAX_ROUNDS }.into())
    }

    /// Says whether the files at a place can be listed: one that holds what none may hold cannot.
    pub fn can_list(&self, place: Option<&TreePath>) -> bool {
        let Opened::Git { repo, tree, .. } = self else { return true };
        match place {
            None => repo.files(*tree, WalkLimits::default()).is_ok(),
            Some(place) => repo.files_at(*tree, place).is_ok(),
        }
    }

    /// Makes sure that the files at some places are here, by one fetch for all of them; `None` is the whole source.
    ///
    /// # Errors
    /// As [`Opened::folder`], and [`Error::Git`] with `Net`.
    pub fn bring(&self, places: &[Option<&TreePath>]) -> Result<(), Error> {
        let Opened::Git { repo, tree, far: Some(far), .. } = self else { return Ok(()) };
        let mut ids = BTreeSet::new();
        for place in places {
            let entry = place.map(|path| repo.entry_at(*tree, path)).transpose()?.flatten();
            match (place, entry.map(|entry| (entry.kind, entry.id))) {
                (None, _) => ids.extend(repo.files(*tree, WalkLimits::default())?.iter().map(|file| file.id)),
                (_, Some((EntryKind::File(_), id))) => drop(ids.insert(id)),
                (_, Some((EntryKind::Folder, id))) => {
                    ids.extend(repo.files(id, WalkLimits::default())?.iter().map(|file| file.id));
                }
                _ => {}
            }
        }
        let missing = repo.missing(ids);
        if missing.is_empty() { Ok(()) } else { far.bring(repo, &missing) }
    }

    /// Reads one file, `None` when it is not there.
    ///
    /// # Errors
    /// As [`Opened::folder`].
    pub fn file(&self, path: &TreePath) -> Result<Option<(FileMode, Vec<u8>)>, Error> {
        match self {
            Opened::Git { repo, tree, .. } => {
                let mut files = repo.files_at(*tree, path)?;
                let Some(file) = files.pop().filter(|file| file.path == *path) else { return Ok(None) };
                self.bring(&[Some(path)])?;
                Ok(Some((file.mode, checked_blob(repo, file.id)?)))
            }
            Opened::Folder { root, .. } => Ok(root.read(path, MAX_FILE_BYTES)?),
        }
    }

    /// Reads all files of a folder, of the whole source for `None`, with their paths from that folder.
    ///
    /// # Errors
    /// [`Error::Git`] or [`Error::Fs`] for links, submodules, names that are no portable path, and sizes.
    pub fn folder(&self, path: Option<&TreePath>) -> Result<Vec<SourceFile>, Error> {
        match self {
            Opened::Git { repo, tree, .. } => {
                self.bring(&[path])?;
                git_folder(repo, *tree, path)
            }
            Opened::Folder { root, .. } => disk_folder(root, path),
        }
    }
}

fn git_folder(repo: &Repo, tree: Oid, path: Option<&TreePath>) -> Result<Vec<SourceFile>, Error> {
    let folder = match path {
        None => tree,
        Some(path) => match repo.entry_at(tree, path)? {
            Some(entry) if entry.kind == EntryKind::Folder => entry.id,
            _ => return Ok(Vec::new()),
        },
    };
    let files = repo.files(folder, WalkLimits::default())?;
    files.into_iter().map(|file| Ok((file.path, file.mode, checked_blob(repo, file.id)?))).collect()
}

fn disk_folder(root: &Root, path: Option<&TreePath>) -> Result<Vec<SourceFile>, Error> {
    let folder = path.map_or("", TreePath::as_str);
    let mut files = Vec::new();
    for (name, stat) in root.walk(folder, MAX_FOLDER_ENTRIES)? {
        if name.split('/').any(|part| part == ".git") {
            continue;
        }
        if !matches!(stat.found, OnDisk::File(_)) {
            return Err(FsError::Escapes(root.path().join(folder).join(&name)).into());
        }
        let below: TreePath = name.parse().map_err(GitError::from)?;
        let whole = path.map_or_else(|| Ok(below.clone()), |path| path.join(&name)).map_err(GitError::from)?;
        if let Some((mode, bytes)) = root.read(&whole, MAX_FILE_BYTES)? {
            files.push((below, mode, bytes));
        }
    }
    check_set(files.iter().map(|(path, _, _)| path)).map_err(|error: PathError| GitError::from(error))?;
    Ok(files)
}
