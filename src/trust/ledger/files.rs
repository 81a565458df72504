//! The trust files of a ledger: `root.toml` with its signatures, and the two lists that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{FilesError, ROOT_NAMESPACE, Revocation, SIGNER_NAMESPACES};
use crate::model::{Digest, RootFile, RootKey, is_principal};
use crate::signature::{AllowedSigners, PublicKey, RevokedKeys, signed_by};

/// Files that a ledger's tree has besides the signatures.
const ROOT: &str = "trust/root.toml";
const SIGNERS: &str = "trust/allowed_signers";
const REVOKED: &str = "trust/revoked_keys";
const VAULT: &str = "vault.toml";

/// Returns the path of the signature of `root.toml` by a key.
pub fn root_signature_path(key: &PublicKey) -> String {
    format!("trust/root.{}.sig", key.digest().hex())
}

/// Trust files that hold: every digest, every line, every signature.
#[derive(Debug, Clone)]
pub struct TrustFiles {
    root: RootFile,
    keys: Vec<(String, PublicKey)>,
    allowed: AllowedSigners,
    /// The text that `allowed` was read from.
    signers: Arc<[u8]>,
    revoked: Vec<Revocation>,
}

impl TrustFiles {
    /// Checks the files of an entry `root`: against the trust files before it, or on their own for the first.
    ///
    /// # Errors
    /// [`FilesError`].
    pub fn parse(files: &BTreeMap<String, Vec<u8>>, before: Option<(&Self, Digest)>) -> Result<Self, FilesError> {
        let read = |path: &'static str| files.get(path).ok_or(FilesError::Missing(path));
        read(VAULT)?;
        let (root_bytes, signers, revoked) = (read(ROOT)?, read(SIGNERS)?, read(REVOKED)?);
        let root = RootFile::parse(root_bytes)?;
        let expected = before.map_or(1, |(files, _)| files.root.version + 1);
        if root.version != expected {
            return Err(FilesError::Version { found: root.version, expected });
        }
        if root.repo != before.map(|(_, id)| id) {
            return Err(FilesError::OtherLedger);
        }
        for (file, bytes, named) in [(SIGNERS, signers, root.allowed_signers), (REVOKED, revoked, root.revoked_keys)] {
            let found = Digest::of(bytes);
            if found != named {
                return Err(FilesError::Digest { file, found, named });
            }
        }
        // For plain git, which reads this list and not the positions in `root.toml`; one that is broken would lock it out.
        RevokedKeys::parse(revoked)?;
        let parsed = Self::known(root, signers)?;
        check_lines(&parsed.allowed)?;
        parsed.check_signatures(files, root_bytes, before.map(|(files, _)| files))?;
        Ok(parsed)
    }

    /// Reads trust files that were checked before.
    pub(super) fn known(root: RootFile, signers: &[u8]) -> Result<Self, FilesError> {
        let allowed = AllowedSigners::parse(signers)?;
        let (keys, revoked) = (keys_of(&root.keys)?, revocations(&root)?);
        Ok(Self { root, keys, allowed, signers: signers.into(), revoked })
    }

    /// Returns the bytes of `allowed_signers`.
    pub(super) fn signers(&self) -> &[u8] {
        &self.signers
    }

    /// Counts the people who signed, with keys of this version and of the one before; every signature has to hold.
    fn check_signatures(
        &self,
        files: &BTreeMap<String, Vec<u8>>,
        root: &[u8],
        before: Option<&Self>,
    ) -> Result<(), FilesError> {
        let (mut new, mut old) = (BTreeSet::new(), BTreeSet::new());
        let others = files.iter().filter(|(path, _)| ![VAULT, ROOT, SIGNERS, REVOKED].contains(&path.as_str()));
        for (path, armour) in others {
            if !path.starts_with("trust/root.") || !path.ends_with(".sig") {
                return Err(FilesError::Stray(path.chars().take(200).collect()));
            }
            let refused = |why: String| FilesError::Signature { file: path.chars().take(200).collect(), why };
            let key = signed_by(root, Some(armour), ROOT_NAMESPACE).map_err(|verdict| refused(verdict.to_string()))?;
            if root_signature_path(&key) != *path {
                return Err(refused("it is by another key than its name says".to_owned()));
            }
            let (by_new, by_old) = (self.holder(&key), before.and_then(|files| files.holder(&key)));
            if by_new.is_none() && by_old.is_none() {
                return Err(refused(format!("{} is no root key", key.fingerprint())));
            }
            new.extend(by_new);
            old.extend(by_old);
        }
        if let Some(before) = before {
            before.reached(old.len(), "of the version before")?;
        }
        self.reached(new.len(), "of this version")
    }

    fn reached(&self, found: usize, which: &'static str) -> Result<(), FilesError> {
        let needed = self.root.threshold;
        if found as u64 >= needed { Ok(()) } else { Err(FilesError::Threshold { found, needed, which }) }
    }

    /// Returns who holds a root key.
    pub fn holder(&self, key: &PublicKey) -> Option<&str> {
        self.keys.iter().find(|(_, held)| held == key).map(|(principal, _)| principal.as_str())
    }

    /// Returns `root.toml`.
    pub fn root(&self) -> &RootFile {
        &self.root
    }

    /// Returns the keys that root files are signed with, and who holds them.
    pub fn keys(&self) -> &[(String, PublicKey)] {
        &self.keys
    }

    /// Returns who may sign entries and releases.
    pub fn allowed(&self) -> &AllowedSigners {
        &self.allowed
    }

    /// Returns the keys that `root.toml` revokes.
    pub fn revoked(&self) -> &[Revocation] {
        &self.revoked
    }
}

/// Row 38: a line of a vault names one principal, for our namespaces, and no authority that could name others.
fn check_lines(allowed: &AllowedSigners) -> Result<(), FilesError> {
    let mut holders: Vec<(&PublicKey, &str)> = Vec::new();
    for line in allowed.iter() {
        let wrong = |what| Err(FilesError::Line { line: line.line(), what });
        if line.is_cert_authority() {
            return wrong("names an authority for certificates");
        }
        if !is_principal(line.principals()) {
            return wrong("does not name exactly one principal");
        }
        if line.namespaces() != Some(SIGNER_NAMESPACES) {
            return wrong("is not for the namespaces \"git,skillmeat-*\"");
        }
        if holders.iter().any(|(key, principal)| *key == line.key() && *principal != line.principals()) {
            return wrong("gives a key to a second principal");
        }
        holders.push((line.key(), line.principals()));
    }
    Ok(())
}

fn keys_of(keys: &[RootKey]) -> Result<Vec<(String, PublicKey)>, FilesError> {
    keys.iter().map(|key| Ok((key.principal.clone(), parse_key(&key.key)?))).collect()
}

fn revocations(root: &RootFile) -> Result<Vec<Revocation>, FilesError> {
    root.revoked.iter().map(|one| Ok(Revocation { key: parse_key(&one.key)?, since: one.since })).collect()
}

/// A key in `root.toml` has one spelling, so that one key cannot stand there twice.
fn parse_key(text: &str) -> Result<PublicKey, FilesError> {
    let (key, _) = PublicKey::parse_line(text).map_err(FilesError::Key)?;
    if key.to_line() == text { Ok(key) } else { Err(FilesError::Root(crate::model::RootError::Spelling)) }
}
