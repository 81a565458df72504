//! Opening, finding and making repositories.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::odb::memory::Storage;

use super::GitError;
use crate::fsio::{Root, read_optional, write_note};
use crate::model::Oid;

/// One repository. A handle belongs to one thread; [`Repo::handle`] makes another.
#[derive(Debug)]
pub struct Repo {
    pub(super) inner: gix::Repository,
    /// Bytes written since the last flush, while objects are gathered.
    pub(super) gathered: Cell<usize>,
    /// Whether what is written stays in memory, however much it is: nothing of it is for the disk.
    pub(super) is_memory: bool,
    /// What was flushed last: a worktree that is to follow needs the files again, and has them without inflating them.
    pub(super) flushed: RefCell<Arc<Storage>>,
}

/// Whether a new repository has a worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worktree {
    /// An ordinary repository with a `.git` folder.
    Beside,
    /// A bare repository.
    None,
}

/// How much of another repository a store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// All that its refs lead to.
    Whole,
    /// Commits and trees, and the files that were asked for: what git calls a partial clone.
    Partial,
}

/// What makes a repository a partial clone (`gitrepository-layout`, `git help partial-clone`). The remote has no address:
/// files are fetched by [`Repo::fetch_objects`] and never by git on its own.
const PARTIAL: &str = "[extensions]\n\tpartialClone = skillmeat\n[remote \"skillmeat\"]\n\tpromisor = true\n\tpartialCloneFilter = blob:none\n";

/// Where `HEAD` points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Full name of the branch, or `HEAD` when detached.
    pub name: String,
    /// Its commit; `None` on a branch without commits.
    pub commit: Option<Oid>,
}

/// Small objects read again and again in one command, in bytes.
const OBJECT_CACHE_BYTES: usize = 4 * 1024 * 1024;

/// Longest configuration of a repository that we made.
const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// gix reads no object above 16 MiB from a repository that is not trusted, unless told: a file may have 100 MiB, and a tree
/// stays below that too.
const OBJECT_LIMIT: &str = "gitoxide.objects.allocLimitIfReducedTrust=134217728";

/// An object is what its id says: `refs/replace/*` would show another in its place (`schema/threats.md`, row 76).
const NO_REPLACE: &str = "core.useReplaceRefs=false";

/// Variables by which git tells hooks where the index, worktree and refs of *its* repository are. gix applies them to every
/// repository that it opens: another one would get the first one's files (`schema/threats.md`, row 76).
const STEERING: [&str; 4] = ["GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_NAMESPACE", "GIT_SHALLOW_FILE"];

/// Room for packs that come while a repository is open: gix makes room for a tenth more than there are, or 32 in all, and finds
/// nothing that is in more. Whoever loses races for a vault fetches a pack for each.
const PACKS_TO_COME: gix::odb::store::init::Slots =
    gix::odb::store::init::Slots::AsNeededByDiskState { multiplier: 2.0, minimum: 512 };

fn options(overrides: &[String]) -> gix::open::Options {
    let overrides = overrides.iter().map(String::as_str).chain([NO_REPLACE]);
    let options = gix::open::Options::default().bail_if_untrusted(true).cli_overrides(overrides);
    options.object_store_slots(PACKS_TO_COME)
}

impl Repo {
    pub(super) fn new(mut inner: gix::Repository) -> Self {
        inner.object_cache_size_if_unset(OBJECT_CACHE_BYTES);
        // In a bare repository gix writes no reflog however it is asked to, unless told here. Which refs get one is
        // said with each change.
        inner.refs.write_reflog = gix::refs::store::WriteReflog::Normal;
        Self { inner, gathered: Cell::new(0), is_memory: false, flushed: RefCell::default() }
    }

    /// Opens the repository whose worktree or bare folder is exactly `path`.
    ///
    /// # Errors
    /// [`GitError::NotARepository`], [`GitError::NotOurs`], [`GitError::Gix`] for a damaged one.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        Self::open_with(path, &[])
    }

    /// As [`Repo::open`], with `key=value` settings of `git -c`.
    ///
    /// # Errors
    /// As [`Repo::open`], and [`GitError::Steered`].
    pub fn open_with(path: &Path, overrides: &[String]) -> Result<Self, GitError> {
        if let Some(variable) = STEERING.into_iter().find(|variable| std::env::var_os(variable).is_some()) {
            return Err(GitError::Steered { variable, path: path.to_owned() });
        }
        gix::ThreadSafeRepository::open_opts(path, options(overrides))
            .map(|repo| Self::new(repo.to_thread_local()))
            .map_err(|error| explain(error, path))
    }

    /// Opens someone else's repository for reading its objects: none of its configuration is used.
    ///
    /// # Errors
    /// As [`Repo::open`].
    pub fn open_for_objects(path: &Path) -> Result<Self, GitError> {
        let options = gix::open::Options::isolated().with(gix::sec::Trust::Reduced);
        let options = options.cli_overrides([NO_REPLACE, OBJECT_LIMIT]);
        gix::ThreadSafeRepository::open_opts(path, options)
            .map(|repo| Self::new(repo.to_thread_local()))
            .map_err(|error| explain(error, path))
    }

    /// Finds the repository that `folder` is in, as git does (`GIT_DIR` first, then upwards); `None` if there is none.
    ///
    /// `overrides` are `key=value` settings of `git -c`.
    ///
    /// # Errors
    /// [`GitError::NotOurs`], [`GitError::Gix`] for a damaged one.
    pub fn discover(folder: &Path, overrides: &[String]) -> Result<Option<Self>, GitError> {
        let mapping = gix::sec::trust::Mapping { full: options(overrides), reduced: options(overrides) };
        match gix::ThreadSafeRepository::discover_with_environment_overrides_opts(folder, Default::default(), mapping) {
            Ok(repo) => Ok(Some(Self::new(repo.to_thread_local()))),
            Err(error) => match explain(error, folder) {
                GitError::NotARepository(_) => Ok(None),
                other => Err(other),
            },
        }
    }

    /// Makes a repository at `path`, which may exist but must not hold one.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn init(path: &Path, worktree: Worktree) -> Result<Self, GitError> {
        let kind = match worktree {
            Worktree::Beside => gix::create::Kind::WithWorktree,
            Worktree::None => gix::create::Kind::Bare,
        };
        let create = gix::create::Options { destination_must_be_empty: Some(false), ..Default::default() };
        gix::ThreadSafeRepository::init_opts(path, kind, create, options(&[]))
            .map(|repo| Self::new(repo.to_thread_local()))
            .map_err(GitError::doing(format!("make a repository at '{}'", path.display())))
    }

    /// Opens the bare repository `name` in `folder`, making it first: it gets its name only when it is complete.
    ///
    /// The caller holds a lock on it.
    ///
    /// # Errors
    /// [`GitError::Gix`], [`GitError::Fs`].
    pub fn open_store(folder: &Path, name: &str, store: Store) -> Result<Self, GitError> {
        match Self::open(&folder.join(name)) {
            Err(GitError::NotARepository(_)) => {}
            other => return other,
        }
        let fresh = format!("{name}.new-{}", std::process::id());
        Self::init(&folder.join(&fresh), Worktree::None)?;
        if store == Store::Partial {
            make_partial(&folder.join(&fresh).join("config"))?;
        }
        Root::open(folder)?.rename(&fresh.parse()?, &name.parse()?)?;
        Self::open(&folder.join(name))
    }

    /// Says whether files may be missing here until they are asked for.
    pub(super) fn is_partial(&self) -> bool {
        self.inner.config_snapshot().string("extensions.partialClone").is_some()
    }

    /// Returns another handle on the same repository, for another thread.
    pub fn handle(&self) -> Self {
        // A clone has no cache of its own, whatever the original has.
        let mut handle = Self::new(self.inner.clone());
        handle.is_memory = self.is_memory;
        handle.flushed.replace(Arc::clone(&self.flushed.borrow()));
        handle
    }

    /// Returns the folder with objects and refs.
    pub fn git_folder(&self) -> &Path {
        self.inner.common_dir()
    }

    /// Returns the folder with what is of this worktree only, such as `HEAD` and the index.
    pub fn worktree_folder(&self) -> &Path {
        self.inner.git_dir()
    }

    /// Says whether the permission bits of the worktree mean anything: on some file systems all files have the same.
    pub(super) fn heeds_modes(&self) -> bool {
        self.inner.config_snapshot().boolean("core.fileMode").unwrap_or(true)
    }

    /// Says whether it has no worktree.
    pub fn is_bare(&self) -> bool {
        self.inner.workdir().is_none()
    }

    /// Returns the worktree.
    ///
    /// # Errors
    /// [`GitError::Bare`].
    pub fn worktree(&self) -> Result<&Path, GitError> {
        self.inner.workdir().ok_or_else(|| GitError::Bare(self.inner.git_dir().to_owned()))
    }

    /// Returns where `HEAD` points.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn head(&self) -> Result<Head, GitError> {
        let mut head = self.inner.head().map_err(GitError::doing("read HEAD"))?;
        let name = head.referent_name().map_or_else(|| "HEAD".to_owned(), |name| name.as_bstr().to_string());
        let commit = if head.is_unborn() {
            None
        } else {
            let id = head.peel_to_object().map_err(GitError::doing("read HEAD"))?;
            Some(id.id)
        };
        Ok(Head { name, commit })
    }

    /// Returns the commit of `HEAD`.
    ///
    /// # Errors
    /// [`GitError::Unborn`], [`GitError::Gix`].
    pub fn head_commit(&self) -> Result<Oid, GitError> {
        self.head()?.commit.ok_or_else(|| GitError::Unborn(self.inner.git_dir().to_owned()))
    }

    /// Refuses while a merge, rebase, cherry-pick, revert or bisect is under way.
    ///
    /// # Errors
    /// [`GitError::InProgress`].
    pub fn check_idle(&self) -> Result<(), GitError> {
        match self.inner.state() {
            None | Some(gix::state::InProgress::Bisect) => Ok(()),
            Some(state) => Err(GitError::InProgress {
                operation: format!("{state:?}").to_lowercase(),
                path: self.inner.git_dir().to_owned(),
            }),
        }
    }

    /// Returns the kind of hash that names this repository's objects.
    pub fn hash_kind(&self) -> gix::hash::Kind {
        self.inner.object_hash()
    }
}

fn make_partial(config: &Path) -> Result<(), GitError> {
    let text = read_optional(config, MAX_CONFIG_BYTES)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text).replace("repositoryformatversion = 0", "repositoryformatversion = 1");
    Ok(write_note(config, (text + PARTIAL).as_bytes())?)
}

fn explain(error: gix::Error, path: &Path) -> GitError {
    let text: String = error.iter_errors().map(|e| e.to_string().to_lowercase() + "\n").collect();
    let path = PathBuf::from(path);
    if text.contains("not owned by the current user")
        || text.contains("untrusted")
        || text.contains("insufficient trust")
        || text.contains("safe.directory")
    {
        GitError::NotOurs(path)
    } else if text.contains("could not find a git repository")
        || text.contains("does not appear to be a git repository")
        || text.contains("is not a git repository")
    {
        GitError::NotARepository(path)
    } else {
        GitError::doing(format!("open the repository '{}'", path.display()))(error)
    }
}
