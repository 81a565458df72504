//! Where artifacts are added from: git objects, fetched or local, or a folder that is not in git.
//!
//! Nothing of a source is checked out or run: its trees and blobs are read in process.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use super::Error;
use crate::fsio::{Found as OnDisk, FsError, Lock, Root, ensure_folder, real_path};
use crate::git::{EntryKind, GitError, Remote, RemoteRef, Repo, TreeEntry, WalkLimits};
use crate::model::{
    Digest, FileMode, Location, Oid, PathError, Source, TreePath, check_set, tag_version, version_range,
};
use crate::ops::Context;
use crate::scan::{Item, ItemKind, Tree, TreeError};

/// Largest file of an artifact, in bytes: the limit of a file in a bundle.
const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;

/// Most files and folders of a source folder that is not in git.
const MAX_FOLDER_ENTRIES: u64 = 20_000;

/// One file of an artifact: where it is below the artifact, its mode, its content.
pub type SourceFile = (TreePath, FileMode, Vec<u8>);

/// An opened source.
pub enum Opened {
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
    },
    /// A folder on disk.
    Folder {
        /// The folder.
        root: Root,
        /// What `collection.toml` names as upstream.
        upstream: String,
    },
}

/// Opens a source; one that is not local is fetched first, without history.
///
/// # Errors
/// [`Error::Git`] with `Net` for a remote, with `Unborn` for a repository without commits, [`Error::Fs`].
pub fn open(context: &Context, source: &Source, have: Option<Oid>) -> Result<Opened, Error> {
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

fn open_local(path: &Path, source: &Source) -> Result<Opened, Error> {
    let path = real_path(path);
    let upstream = path.display().to_string();
    match Repo::open_for_objects(&path) {
        Ok(repo) => open_repo(repo, source, upstream),
        Err(GitError::NotARepository(_)) => Ok(Opened::Folder { root: Root::open(&path)?, upstream }),
        Err(other) => Err(other.into()),
    }
}

fn open_repo(repo: Repo, source: &Source, upstream: String) -> Result<Opened, Error> {
    let commit = match &source.reference {
        Some(reference) if version_range(reference).is_some() => {
            let tip = tip(&tags_of(&repo)?, Some(reference)).ok_or_else(|| GitError::NoCommit(reference.clone()))?;
            tip.commit
        }
        Some(reference) => repo.resolve(reference)?,
        None => repo.head_commit()?,
    };
    let tree = repo.commit(commit)?.tree;
    Ok(Opened::Git { repo: Box::new(repo), commit, tree, upstream })
}

/// Fetches the newest commit into our own bare store for this URL, and the history since `have`, where it is given.
fn fetch(context: &Context, source: &Source, url: &str, have: Option<Oid>) -> Result<Opened, Error> {
    let git = context.git()?;
    let (stores, name) = (context.home.join("sources"), store_name(url));
    ensure_folder(&stores)?;
    // Beside the store: a bare repository is made only where nothing is.
    let _lock = Lock::take(&stores.join(format!("{name}.lock")), context.patience)?;
    let repo = Repo::open_store(&stores, &name)?;
    context.progress.step("fetching", 0, None);
    let wanted = source.reference.as_deref().unwrap_or("HEAD");
    let remote = Remote { url: url.to_owned(), typed: true };
    let tag = match version_range(wanted) {
        Some(_) => {
            let tags = remote.list(git, &["refs/tags/*"])?;
            Some(tip(&tags, Some(wanted)).ok_or_else(|| GitError::NoCommit(wanted.to_owned()))?.name)
        }
        None => None,
    };
    let theirs = tag.as_deref().unwrap_or(wanted);
    let ours = format!("refs/skillmeat/fetched/{}", &Digest::of(wanted.as_bytes()).hex()[..16]);
    if let Some(have) = have.filter(|have| !repo.has(*have)) {
        let known = format!("refs/skillmeat/known/{have}");
        // A server that has forgotten it, or gives nothing by id, only leaves the history unknown.
        let _ = repo.fetch(git, &remote, &[(have.to_string(), known)], Some(1));
    }
    // From a commit that is here git fetches what came after it; without one, the newest alone.
    let depth = if have.is_some_and(|have| repo.has(have)) { None } else { Some(1) };
    // Forced: what a branch was before is of no use here, the pristine states are kept in the collection.
    repo.fetch(git, &remote, &[(format!("+{theirs}"), ours.clone())], depth)?;
    let commit = repo.resolve(&ours)?;
    let tree = repo.commit(commit)?.tree;
    Ok(Opened::Git { repo: Box::new(repo), commit, tree, upstream: url.to_owned() })
}

/// A ref of a source, by what a person follows.
pub(super) struct Tip {
    /// Its full name.
    pub(super) name: String,
    pub(super) commit: Oid,
    pub(super) follows: Follows,
}

/// What kind of ref is followed, and with that how it may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Follows {
    /// A branch, which goes forward.
    Branch,
    /// A tag, which stays.
    Tag,
    /// The highest version of a range: to another tag, while those that there were stay. These are their commits.
    Range(BTreeSet<Oid>),
}

/// Returns what is followed, of the refs that a source has.
pub(super) fn tip(refs: &[RemoteRef], followed: Option<&str>) -> Option<Tip> {
    let followed = followed.unwrap_or("HEAD");
    let commit = |found: &RemoteRef| found.peeled.unwrap_or(found.id);
    if let Some(range) = version_range(followed) {
        let version = |found: &RemoteRef| tag_version(found.name.strip_prefix("refs/tags/")?);
        let mut tags: Vec<_> = refs.iter().filter_map(|found| Some((version(found)?, found))).collect();
        tags.retain(|(version, _)| range.matches(version));
        tags.sort_by(|a, b| a.0.cmp(&b.0));
        let (_, highest) = tags.last()?;
        let follows = Follows::Range(tags.iter().map(|(_, found)| commit(found)).collect());
        return Some(Tip { name: highest.name.clone(), commit: commit(highest), follows });
    }
    // In the order in which git looks for a short name.
    let names = [followed.to_owned(), format!("refs/tags/{followed}"), format!("refs/heads/{followed}")];
    let found = names.iter().find_map(|name| refs.iter().find(|found| found.name == *name))?;
    let follows = if found.name.starts_with("refs/tags/") { Follows::Tag } else { Follows::Branch };
    Some(Tip { name: found.name.clone(), commit: commit(found), follows })
}

/// Returns the tags of a repository on this machine, as a remote would list them.
pub(super) fn tags_of(repo: &Repo) -> Result<Vec<RemoteRef>, GitError> {
    let one = |(name, id): (String, Oid)| {
        let peeled = repo.resolve(&name).ok();
        RemoteRef { name, id, peeled }
    };
    Ok(repo.refs_below("refs/tags/")?.into_iter().map(one).collect())
}

fn store_name(url: &str) -> String {
    format!("{}.git", &Digest::of(url.as_bytes()).hex()[..32])
}

/// Reads a file's content and makes sure that it is what its id says: git and gix believe the name of a loose object.
fn checked_blob(repo: &Repo, id: Oid) -> Result<Vec<u8>, GitError> {
    let bytes = repo.blob(id, MAX_FILE_BYTES)?;
    if repo.blob_id(&bytes)? == id { Ok(bytes) } else { Err(GitError::Missing { kind: "blob", id }) }
}

impl Opened {
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
    pub fn at(&self, commit: Oid) -> Result<Opened, Error> {
        match self {
            Opened::Git { repo, upstream, .. } => {
                let (repo, tree) = (Box::new(repo.handle()), repo.commit(commit)?.tree);
                Ok(Opened::Git { repo, commit, tree, upstream: upstream.clone() })
            }
            Opened::Folder { root, upstream } => {
                Ok(Opened::Folder { root: Root::open(root.path())?, upstream: upstream.clone() })
            }
        }
    }

    /// Returns what `collection.toml` names as upstream.
    pub fn upstream(&self) -> &str {
        match self {
            Opened::Git { upstream, .. } | Opened::Folder { upstream, .. } => upstream,
        }
    }

    /// Returns the source as discovery sees it.
    pub fn tree(&self) -> Box<dyn Tree + '_> {
        match self {
            Opened::Git { repo, tree, .. } => Box::new(GitTree { repo, root: *tree, folders: RefCell::default() }),
            Opened::Folder { root, .. } => Box::new(FolderTree { root }),
        }
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
            Opened::Git { repo, tree, .. } => git_folder(repo, *tree, path),
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

/// A git tree for discovery. Each folder is read once.
struct GitTree<'a> {
    repo: &'a Repo,
    root: Oid,
    folders: RefCell<BTreeMap<String, Option<Entries>>>,
}

/// The entries of a folder by name.
type Entries = Rc<BTreeMap<String, (EntryKind, Oid)>>;

impl GitTree<'_> {
    fn folder(&self, path: &str) -> Result<Option<Entries>, GitError> {
        if let Some(known) = self.folders.borrow().get(path) {
            return Ok(known.clone());
        }
        let id = if path.is_empty() { Some(self.root) } else { self.find(path)?.filter(is_folder).map(|(_, id)| id) };
        let entries = id.map(|id| self.repo.entries(id)).transpose()?;
        let by_name = |entry: TreeEntry| (entry.name, (entry.kind, entry.id));
        let entries = entries.map(|entries| Rc::new(entries.into_iter().map(by_name).collect()));
        self.folders.borrow_mut().insert(path.to_owned(), entries.clone());
        Ok(entries)
    }

    fn find(&self, path: &str) -> Result<Option<(EntryKind, Oid)>, GitError> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        Ok(self.folder(folder)?.and_then(|entries| entries.get(name).copied()))
    }
}

fn is_folder((kind, _): &(EntryKind, Oid)) -> bool {
    *kind == EntryKind::Folder
}

impl Tree for GitTree<'_> {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        let Some(entries) = self.folder(folder)? else { return Ok(Vec::new()) };
        let item = |(name, (kind, _)): (&String, &(EntryKind, Oid))| Item {
            name: name.clone(),
            kind: match kind {
                EntryKind::Folder => ItemKind::Folder,
                EntryKind::File(mode) => ItemKind::File { executable: *mode == FileMode::Executable },
                EntryKind::Symlink => ItemKind::Symlink,
                EntryKind::Submodule => ItemKind::Submodule,
            },
        };
        Ok(entries.iter().map(item).collect())
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Some((EntryKind::File(_), id)) = self.find(file)? else { return Ok(None) };
        let mut bytes = self.repo.blob(id, MAX_FILE_BYTES)?;
        bytes.truncate(usize::try_from(max_bytes.saturating_add(1)).unwrap_or(usize::MAX));
        Ok(Some(bytes))
    }
}

/// A folder on disk for discovery.
struct FolderTree<'a> {
    root: &'a Root,
}

impl Tree for FolderTree<'_> {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        let listed = match self.root.list(folder) {
            // A link on the way: nothing below it is of this source.
            Err(FsError::Escapes(_)) => return Ok(Vec::new()),
            other => other?,
        };
        let items = listed.into_iter().map(|(name, stat)| {
            let kind = match stat.found {
                OnDisk::Folder => ItemKind::Folder,
                OnDisk::File(mode) => ItemKind::File { executable: mode == FileMode::Executable },
                OnDisk::Other => ItemKind::Symlink,
            };
            Item { name, kind }
        });
        Ok(items.collect())
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Ok(path) = file.parse::<TreePath>() else { return Ok(None) };
        let read = self.root.read(&path, MAX_FILE_BYTES);
        let Some((_, mut bytes)) = (match read {
            Err(FsError::Escapes(_)) => None,
            other => other?,
        }) else {
            return Ok(None);
        };
        bytes.truncate(usize::try_from(max_bytes.saturating_add(1)).unwrap_or(usize::MAX));
        Ok(Some(bytes))
    }
}
