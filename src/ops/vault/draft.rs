//! Trust files in the making: the first ones, a folder of the next, and signatures on them.

use std::collections::BTreeMap;
use std::path::Path;

use super::Error;
use crate::fsio::{Access, Root, ensure_folder, read, write_atomic};
use crate::git::{GitError, Repo};
use crate::model::{Digest, FileMode, MAX_ROOT_BYTES, Oid, Role, RoleOf, RootFile, RootKey, TreePath};
use crate::ops::bundle::Signer;
use crate::signature::{MAX_SIGNERS_BYTES, PublicKey};
use crate::trust::{FilesError, Ledger, ROOT_NAMESPACE, SIGNER_NAMESPACES, TrustFiles, root_signature_path};

/// Trust files in the making, by their paths in the ledger's tree.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

pub(super) const ROOT: &str = "trust/root.toml";
pub(super) const SIGNERS: &str = "trust/allowed_signers";
pub(super) const REVOKED: &str = "trust/revoked_keys";

/// Makes the trust files of a new vault: one person is root and admin.
pub(super) fn first(name: &str, principal: &str, signer: &Signer<'_>) -> Result<Files, Error> {
    let key = signer.public()?;
    let signers = signers_line(principal, &key);
    let root = RootFile {
        format: crate::model::ROOT_FORMAT,
        version: 1,
        repo: None,
        threshold: 1,
        allowed_signers: Digest::of(signers.as_bytes()),
        revoked_keys: Digest::of(b""),
        keys: vec![RootKey { principal: principal.to_owned(), key: key.to_line() }],
        roles: vec![RoleOf { principal: principal.to_owned(), role: Role::Admin, bundles: Vec::new() }],
        revoked: Vec::new(),
    };
    let quoted = toml_edit::Value::from(name).to_string();
    let mut files = Files::from([
        ("vault.toml".to_owned(), format!("format = {}\nname = {quoted}\n", crate::model::VAULT_FORMAT).into_bytes()),
        (SIGNERS.to_owned(), signers.into_bytes()),
        (REVOKED.to_owned(), Vec::new()),
    ]);
    seal(&mut files, &root, None)?;
    add_signature(&mut files, signer)?;
    Ok(files)
}

/// Returns the line of `allowed_signers` that gives a key to someone.
pub(super) fn signers_line(principal: &str, key: &PublicKey) -> String {
    format!("{principal} namespaces=\"{SIGNER_NAMESPACES}\" {}\n", key.to_line())
}

/// Puts `root.toml` in its place, without the signatures of the version before.
pub(super) fn seal(files: &mut Files, root: &RootFile, before: Option<&TrustFiles>) -> Result<(), Error> {
    root.check().map_err(FilesError::from)?;
    let old = |path: &String| before.is_some() && path.starts_with("trust/root.") && path.ends_with(".sig");
    files.retain(|path, _| !old(path));
    files.insert(ROOT.to_owned(), root.render().into_bytes());
    Ok(())
}

/// Adds this user's signature; one that is there already is made anew.
pub(super) fn add_signature(files: &mut Files, signer: &Signer<'_>) -> Result<(), Error> {
    let root = files.get(ROOT).cloned().unwrap_or_default();
    let armour = signer.sign(ROOT_NAMESPACE, &root)?;
    files.insert(root_signature_path(&signer.public()?), armour.into_bytes());
    Ok(())
}

/// Writes the files as a tree.
pub(super) fn write_tree(repo: &Repo, files: &Files) -> Result<Oid, Error> {
    let mut entries: Vec<(TreePath, Oid)> = Vec::new();
    for (path, bytes) in files {
        entries.push((path.parse().map_err(GitError::from)?, repo.write_blob(bytes)?));
    }
    Ok(repo.edit_tree(None, entries.iter().map(|(path, id)| (path, Some((FileMode::Regular, *id)))))?)
}

/// Says whether a key is a root key of the version in force or of the next: a signature by any other is refused.
pub(super) fn holds(files: &Files, ledger: &Ledger, key: &PublicKey) -> bool {
    let next = RootFile::parse(files.get(ROOT).map_or(&[][..], Vec::as_slice));
    let is_next = next.is_ok_and(|root| root.keys.iter().any(|one| one.key == key.to_line()));
    is_next || ledger.files().holder(key).is_some()
}

/// Leaves the files in a folder, for others to sign.
pub(super) fn write_draft(folder: &Path, files: &Files) -> Result<(), Error> {
    ensure_folder(&folder.join("trust"))?;
    for (path, bytes) in files {
        write_atomic(&folder.join(path), bytes, Access::Shared)?;
    }
    Ok(())
}

/// Reads the files from a folder.
///
/// # Errors
/// [`Error::Draft`].
pub(super) fn read_draft(folder: &Path) -> Result<Files, Error> {
    let none = || Error::Draft(folder.to_owned());
    if !folder.join(ROOT).is_file() {
        return Err(none());
    }
    let mut files = Files::new();
    files.insert("vault.toml".to_owned(), read(&folder.join("vault.toml"), MAX_ROOT_BYTES as u64)?);
    for (name, _) in Root::open(&folder.join("trust"))?.list("")? {
        let path = format!("trust/{name}");
        files.insert(path.clone(), read(&folder.join(&path), MAX_SIGNERS_BYTES as u64)?);
    }
    Ok(files)
}
