//! `vault init`: a bare repository that others can publish to.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, INDEX_REF};
use crate::fsio::{Access, Root, ensure_folder, read, write_atomic};
use crate::git::{Expect, GitError, RefChange, Repo, Worktree};
use crate::model::{FileMode, Oid, TreePath, VAULT_FORMAT, VaultIndex};
use crate::ops::Context;

/// What a server must refuse even when the program that pushes is not ours (`schema/vault.md`).
const RECEIVE: &str = "[receive]\n\tfsckObjects = true\n\tdenyNonFastForwards = true\n\tdenyDeletes = true\n";

/// Largest configuration of a repository that we just made, in bytes.
const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// What `vault init` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Made {
    /// Where.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// Its first commit.
    pub commit: String,
}

/// Makes a vault in a folder that is empty or not there.
///
/// # Errors
/// [`Error::NotEmpty`], [`Error::NoIdentity`], [`Error::Git`].
pub fn init(context: &Context, folder: &Path, name: &str) -> Result<Made, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    ensure_folder(folder)?;
    if !Root::open(folder)?.list("")?.is_empty() {
        return Err(Error::NotEmpty(folder.to_owned()));
    }
    let repo = Repo::init(folder, Worktree::None)?;
    let config = folder.join("config");
    let mut text = String::from_utf8_lossy(&read(&config, MAX_CONFIG_BYTES)?).into_owned();
    text.push_str(RECEIVE);
    write_atomic(&config, text.as_bytes(), Access::Shared)?;
    let index = VaultIndex { format: VAULT_FORMAT, releases: Vec::new() };
    let tree = write_tree(&repo, None, name, &index)?;
    let commit = repo.write_commit(tree, &[], &format!("Start the vault '{name}'\n"), who)?;
    context.make_durable(folder)?;
    let change = RefChange { name: INDEX_REF.to_owned(), new: Some(commit), expect: Expect::Absent };
    repo.change_refs(&[change], "skillmeat: vault init", who)?;
    context.make_durable(folder)?;
    Ok(Made { path: folder.to_owned(), name: name.to_owned(), commit: commit.to_string() })
}

/// Writes the files for people into a tree.
pub(super) fn write_tree(repo: &Repo, base: Option<Oid>, name: &str, index: &VaultIndex) -> Result<Oid, Error> {
    let quoted = toml_edit::Value::from(name).to_string();
    let mut files: Vec<(TreePath, Oid)> = Vec::new();
    for (path, text) in [
        ("vault.toml", format!("format = {VAULT_FORMAT}\nname = {quoted}\n")),
        ("index.toml", index.render()),
        ("README.md", index.readme(name)),
    ] {
        files.push((path.parse().map_err(GitError::from)?, repo.write_blob(text.as_bytes())?));
    }
    Ok(repo.edit_tree(base, files.iter().map(|(path, id)| (path, Some((FileMode::Regular, *id)))))?)
}
