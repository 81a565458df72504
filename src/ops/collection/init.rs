//! `init`: a new collection, in a new or an existing repository.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use super::change::Record;
use crate::git::{Expect, GitError, RefChange, Repo, Touched, Worktree};
use crate::model::{COLLECTION_FORMAT, FileMode, Lockfile, Manifest, Oid, TreePath};
use crate::ops::Context;

/// Longest name of a collection, in bytes.
const MAX_NAME_BYTES: usize = 200;

/// Bytes of artifacts must be the bytes that were hashed and signed, so no end-of-line conversion. The two files of the
/// collection are merged by their tables.
const ATTRIBUTES: &str = "* -text\n/collection.toml merge=skillmeat\n/collection.lock merge=skillmeat\n";

/// What `init` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Initialised {
    /// Folder of the collection.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// The commit that made it one.
    pub commit: String,
    /// Whether the repository was made too.
    pub new_repository: bool,
}

/// Makes the folder a collection: a git repository with `collection.toml` in its last commit.
///
/// An existing repository keeps its history and gets one more commit.
///
/// # Errors
/// [`Error::BadName`], [`Error::IsCollection`], [`Error::NoIdentity`], [`Error::Git`] when files are in the way.
pub fn init(context: &Context, folder: &Path, name: &str) -> Result<Initialised, Error> {
    if name.trim().is_empty() || name.len() > MAX_NAME_BYTES || name.chars().any(char::is_control) {
        return Err(Error::BadName(name.chars().take(80).collect()));
    }
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let (repo, new_repository) = match Repo::open(folder) {
        Ok(repo) => (repo, false),
        Err(GitError::NotARepository(_)) => {
            crate::fsio::ensure_folder(folder)?;
            (Repo::init(folder, Worktree::Beside)?, true)
        }
        Err(other) => return Err(other.into()),
    };
    repo.worktree()?;
    repo.check_idle()?;
    let head = repo.head()?;
    let base = head.commit.map(|id| repo.commit(id)).transpose()?.map(|info| info.tree);
    if let Some(tree) = base
        && repo.entry_at(tree, &Manifest::path())?.is_some()
    {
        return Err(Error::IsCollection(folder.to_owned()));
    }
    let touched = first_files(&repo, base, name)?;
    let tree = repo.edit_tree(base, touched.iter().map(|file| (&file.path, file.new)))?;
    repo.check_clean(&touched)?;
    let parents: Vec<Oid> = head.commit.into_iter().collect();
    let subject = format!("Start the collection '{name}'");
    let commit = repo.write_commit(
        tree,
        &parents,
        &Record { action: "init", subject: &subject, remarks: &[], artifacts: &[] }.message(),
        who,
    )?;
    context.make_durable(repo.git_folder())?;
    let expect = head.commit.map_or(Expect::Absent, Expect::At);
    let change = RefChange { name: "HEAD".to_owned(), new: Some(commit), expect };
    repo.change_refs(&[change], "skillmeat: init", who)?;
    repo.follow(&touched)?;
    super::driver::register(context, &repo)?;
    context.make_durable(folder)?;
    Ok(Initialised { path: folder.to_owned(), name: name.to_owned(), commit: commit.to_string(), new_repository })
}

/// Returns the files of a new collection; `.gitattributes` only where there is none.
fn first_files(repo: &Repo, base: Option<Oid>, name: &str) -> Result<Vec<Touched>, Error> {
    let lock = Lockfile { format: COLLECTION_FORMAT, ..Lockfile::default() }.render();
    let attributes: TreePath = ".gitattributes".parse().map_err(GitError::from)?;
    let mut texts = vec![(Manifest::path(), Manifest::start(name)), (Lockfile::path(), lock)];
    let has_attributes = match base {
        Some(tree) => repo.entry_at(tree, &attributes)?.is_some(),
        None => repo.worktree()?.join(".gitattributes").exists(),
    };
    if !has_attributes {
        texts.push((attributes, ATTRIBUTES.to_owned()));
    }
    let mut files = Vec::new();
    for (path, text) in texts {
        let content = repo.write_blob(text.as_bytes())?;
        files.push(Touched { path, old: None, new: Some((FileMode::Regular, content)) });
    }
    Ok(files)
}

/// Returns the name that a collection in `folder` gets when none is given: the folder's own name.
pub fn default_name(folder: &Path) -> String {
    let full = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    full.file_name().map_or_else(|| "collection".to_owned(), |name| name.to_string_lossy().into_owned())
}
