//! Trust files of a vault: the first ones, and drafts of the next that people sign one after the other.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::append::{Added, Addition, From, append, open_to_change};
use super::draft::{
    Files, REVOKED, ROOT, SIGNERS, add_signature, holds, read_draft, seal, signers_line, write_draft, write_tree,
};
use super::ledger::file;
use super::{Error, Opened};
use crate::git::Repo;
use crate::git::ssh::KeySource;
use crate::model::{Digest, EntryBody, RevokedKey, Role, RoleOf, RootFile, RootKey};
use crate::ops::Context;
use crate::ops::bundle::Signer;
use crate::signature::{AllowedSigners, PublicKey};
use crate::trust::{FilesError, Ledger, Record, SIGNER_NAMESPACES, TrustFiles, root_signature_path};

/// What is changed in the trust files.
#[derive(Debug, Clone)]
pub enum RootChange {
    /// Someone gets a role, and a key where one is given.
    Grant {
        /// The role.
        role: RoleOf,
        /// The key that they sign with.
        key: Option<PublicKey>,
    },
    /// Someone loses a role, or all.
    Withdraw {
        /// Who.
        principal: String,
        /// Which; all where `None`.
        role: Option<Role>,
    },
    /// A key is added that root files are signed with.
    AddKey(RootKey),
    /// Such a key is taken away.
    RemoveKey(PublicKey),
    /// So many people have to sign from now on.
    Threshold(u64),
    /// A signing key takes the place of another; what the old one signed stays good.
    Replace {
        /// The old key.
        old: PublicKey,
        /// The new one.
        new: PublicKey,
    },
    /// A key is believed no longer, from an entry on.
    Revoke {
        /// The key.
        key: PublicKey,
        /// The first entry that is not believed.
        since: u64,
    },
}

/// Where a change of the trust files stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RootState {
    /// Version of `root.toml`.
    pub version: u64,
    /// Who has signed it.
    pub signed_by: Vec<String>,
    /// How many people of the version before have to; of the first version itself.
    pub threshold: u64,
    /// The entry that published it; `None` while signatures are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The folder of the draft, while signatures are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draft: Option<PathBuf>,
}

/// Makes the next trust files out of the newest ones.
fn changed(repo: &Repo, ledger: &Ledger, changes: &[RootChange]) -> Result<Files, Error> {
    let mut root = ledger.files().root().clone();
    let text = |path| -> Result<String, Error> { Ok(String::from_utf8_lossy(&file(repo, ledger, path)?).into_owned()) };
    let (mut signers, mut revoked) = (text(SIGNERS)?, text(REVOKED)?);
    // What entries have revoked since the last version is carried on: a root file says all of it anew.
    root.revoked =
        ledger.revocations().into_iter().map(|one| RevokedKey { key: one.key.to_line(), since: one.since }).collect();
    for change in changes {
        apply(change, ledger.number() + 1, &mut root, &mut signers, &mut revoked)?;
    }
    let all = root.revoked.clone();
    root.revoked.retain(|one| !is_void(ledger, one, &all));
    root.revoked.sort();
    root.revoked.dedup();
    root.version += 1;
    root.repo = Some(ledger.id());
    root.allowed_signers = Digest::of(signers.as_bytes());
    root.revoked_keys = Digest::of(revoked.as_bytes());
    let mut files = Files::from([
        ("vault.toml".to_owned(), file(repo, ledger, "vault.toml")?),
        (SIGNERS.to_owned(), signers.into_bytes()),
        (REVOKED.to_owned(), revoked.into_bytes()),
    ]);
    seal(&mut files, &root, Some(ledger.files()))?;
    Ok(files)
}

/// `next` is the number of the next entry.
fn apply(
    change: &RootChange,
    next: u64,
    root: &mut RootFile,
    signers: &mut String,
    revoked: &mut String,
) -> Result<(), Error> {
    match change {
        RootChange::Grant { role, key } => {
            root.roles.retain(|one| one.principal != role.principal || one.role != role.role);
            root.roles.push(role.clone());
            key.iter().for_each(|key| add_line(signers, &signers_line(&role.principal, key)));
            let known = AllowedSigners::parse(signers.as_bytes()).map_err(FilesError::from)?;
            if role.role != Role::Viewer && !known.iter().any(|line| line.principals() == role.principal) {
                return Err(Error::NoKeyOf(role.principal.clone()));
            }
        }
        RootChange::Withdraw { principal, role } => {
            let before = root.roles.len();
            root.roles.retain(|one| one.principal != *principal || role.is_some_and(|role| role != one.role));
            if root.roles.len() == before {
                return Err(Error::NoRole(principal.clone()));
            }
        }
        RootChange::AddKey(key) => {
            root.keys.push(key.clone());
            // Who signs trust files is someone whom plain git knows too.
            add_line(signers, &format!("{} namespaces=\"{SIGNER_NAMESPACES}\" {}\n", key.principal, key.key));
        }
        RootChange::RemoveKey(key) => {
            let line = key.to_line();
            let before = root.keys.len();
            root.keys.retain(|one| one.key != line);
            if root.keys.len() == before {
                return Err(Error::NoRootKey(key.fingerprint()));
            }
            root.revoked.push(RevokedKey { key: line, since: next });
        }
        RootChange::Threshold(threshold) => root.threshold = *threshold,
        RootChange::Replace { old, new } => {
            let known = AllowedSigners::parse(signers.as_bytes()).map_err(FilesError::from)?;
            let holder = known.holder(old).map(str::to_owned);
            // The old line stays: older releases are judged by it, also by plain git. For what comes it is good no more.
            root.revoked.push(RevokedKey { key: old.to_line(), since: next });
            holder.iter().for_each(|principal| add_line(signers, &signers_line(principal, new)));
            let (old, new) = (old.to_line(), new.to_line());
            let keys = root.keys.iter_mut().filter(|one| one.key == old);
            let replaced = keys.map(|one| one.key.clone_from(&new)).count();
            if holder.is_none() && replaced == 0 {
                return Err(Error::NoRootKey(old));
            }
        }
        RootChange::Revoke { key, since } => {
            root.revoked.push(RevokedKey { key: key.to_line(), since: *since });
            // For plain git, which knows no positions and refuses everything that the key ever signed.
            add_line(revoked, &format!("{}\n", key.to_line()));
        }
    }
    Ok(())
}

fn add_line(text: &mut String, line: &str) {
    if !text.lines().any(|known| known == line.trim_end()) {
        text.push_str(line);
    }
}

/// Changes who may do what in a vault: signs the next trust files, and publishes them where that is enough.
///
/// Where more people have to sign, the files are left in the folder `draft` for them. `also` is a second key of this user
/// that signs, so that a new key can vouch for itself.
///
/// # Errors
/// [`Error::Files`] for a change that no reader would take, [`Error::NotARootKey`], and those of a push.
pub fn change(
    context: &Context,
    name: &str,
    changes: &[RootChange],
    draft: &Path,
    also: Option<&KeySource>,
) -> Result<RootState, Error> {
    let (opened, _lock) = open_to_change(context, name)?;
    let signer = Signer::of(context)?;
    let key = signer.public()?;
    let done = std::cell::RefCell::new(None);
    let added = append(context, &opened, From::Ledger, &|now| {
        let mut files = changed(now.repo, now.ledger, changes)?;
        if now.ledger.files().holder(&key).is_none() {
            return Err(Error::NotARootKey(key.fingerprint()));
        }
        if holds(&files, now.ledger, &key) {
            add_signature(&mut files, &signer)?;
        }
        if let Some(source) = also {
            let signer = Signer::with(context, source);
            if holds(&files, now.ledger, &signer.public()?) {
                add_signature(&mut files, &signer)?;
            }
        }
        let addition = addition(now.repo, now.ledger, &files);
        done.replace(Some(files));
        match addition {
            Ok(addition) => Ok(Some(addition)),
            // Others have to sign as well.
            Err(Error::Files(FilesError::Threshold { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    })?;
    let files = done.into_inner().unwrap_or_default();
    if added.number.is_none() {
        write_draft(draft, &files)?;
    }
    state(&files, &added, draft)
}

/// Adds this user's signature to a draft.
///
/// # Errors
/// [`Error::Draft`] for a folder that holds none, [`Error::Bundle`] when signing fails.
pub fn sign(context: &Context, name: &str, draft: &Path) -> Result<RootState, Error> {
    let opened = Opened::of(context, super::Vault::find(context, name)?)?;
    let ledger = opened.ledger.as_ref().ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    let mut files = read_draft(draft)?;
    check_revocations(&files, ledger)?;
    let signer = Signer::of(context)?;
    add_signature(&mut files, &signer)?;
    // Refused here already if no reader would take it, whoever signs.
    match TrustFiles::parse(&files, Some((ledger.files(), ledger.id()))) {
        Ok(_) | Err(FilesError::Threshold { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    write_draft(draft, &files)?;
    state_of(&files, None, Some(draft))
}

/// Publishes a draft that enough people have signed.
///
/// # Errors
/// [`Error::Files`] with the threshold when signatures are missing, and those of a push.
pub fn publish(context: &Context, name: &str, draft: &Path) -> Result<RootState, Error> {
    let files = read_draft(draft)?;
    let (opened, _lock) = open_to_change(context, name)?;
    let added = append(context, &opened, From::Ledger, &|now| {
        check_revocations(&files, now.ledger)?;
        Ok(Some(addition(now.repo, now.ledger, &files)?))
    })?;
    state(&files, &added, draft)
}

/// Refuses a draft without a revocation that is in force: one that was made while it waited would be undone, because a root
/// file says all of it anew. What is void may be left out.
fn check_revocations(files: &Files, ledger: &Ledger) -> Result<(), Error> {
    let root = RootFile::parse(files.get(ROOT).map_or(&[][..], Vec::as_slice)).map_err(FilesError::from)?;
    let is_kept = |one: &RevokedKey| root.revoked.iter().any(|kept| kept.key == one.key && kept.since <= one.since);
    let undone = ledger.revocations().into_iter().find(|one| {
        let said = RevokedKey { key: one.key.to_line(), since: one.since };
        !is_kept(&said) && !is_void(ledger, &said, &root.revoked)
    });
    undone.map_or(Ok(()), |one| Err(Error::Undone(one.key.fingerprint())))
}

/// Says whether a revocation was made only by entries of keys that are revoked themselves from there on: else what a thief has
/// revoked would be carried on by every root file after it, for good.
fn is_void(ledger: &Ledger, one: &RevokedKey, all: &[RevokedKey]) -> bool {
    let makes = |body: &EntryBody| match body {
        EntryBody::Revoke { key, since, .. } => (key, since) == (&one.key, &one.since),
        _ => false,
    };
    let mut makers = ledger.records().iter().filter(|record| makes(&record.body)).peekable();
    let is_revoked = |record: &Record| {
        let key = record.key.to_line();
        all.iter().any(|other| other != one && other.key == key && other.since <= record.number)
    };
    makers.peek().is_some() && makers.all(is_revoked)
}

/// Checks the files as every reader will, and writes them.
fn addition(repo: &Repo, ledger: &Ledger, files: &Files) -> Result<Addition, Error> {
    let parsed = TrustFiles::parse(files, Some((ledger.files(), ledger.id())))?;
    let body = EntryBody::Root { version: parsed.root().version };
    Ok(Addition { body, tree: Some(write_tree(repo, files)?), refs: Vec::new() })
}

fn state(files: &Files, added: &Added, draft: &Path) -> Result<RootState, Error> {
    state_of(files, added.number, added.number.is_none().then_some(draft))
}

fn state_of(files: &Files, number: Option<u64>, draft: Option<&Path>) -> Result<RootState, Error> {
    let root = RootFile::parse(files.get(ROOT).map_or(&[][..], Vec::as_slice)).map_err(FilesError::from)?;
    let mut signed_by: Vec<_> = root
        .keys
        .iter()
        .filter(|one| {
            PublicKey::parse_line(&one.key).is_ok_and(|(key, _)| files.contains_key(&root_signature_path(&key)))
        })
        .map(|one| one.principal.clone())
        .collect();
    signed_by.dedup();
    Ok(RootState {
        version: root.version,
        signed_by,
        threshold: root.threshold,
        number,
        draft: draft.map(Path::to_owned),
    })
}
