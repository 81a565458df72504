//! Which key signs: what `user.signingKey` of git means.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{SshError, shown_path};
use crate::signature::PublicKey;

/// Largest key file read, in bytes: RSA of 16,384 bits has 13 KiB.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// Where the signing key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A private key, or a public key whose private half is in the agent or beside it under the same name
    /// without `.pub`.
    File(PathBuf),
    /// A public key as text, whose private half is in the agent.
    Literal(String),
}

/// The public half of a signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicInfo {
    /// The key.
    pub key: PublicKey,
    /// The comment on it: whatever its owner wrote there; empty for a private key that hides it.
    pub comment: String,
    /// Whether the file that was named holds the private half.
    pub has_private: bool,
}

impl KeySource {
    /// Reads a value of `user.signingKey`, as `is_literal_ssh_key` in git does: text that starts with `key::` or
    /// `ssh-` is a key, everything else is a path, in which a leading `~/` is `home`.
    pub fn from_config(value: &str, home: Option<&Path>) -> Self {
        if let Some(key) = value.strip_prefix("key::") {
            return Self::Literal(key.to_owned());
        }
        if value.starts_with("ssh-") {
            return Self::Literal(value.to_owned());
        }
        match (value.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Self::File(home.join(rest)),
            _ => Self::File(value.into()),
        }
    }

    /// Returns what to call the key in a message: its file, or the fingerprint of `public`.
    pub(super) fn name(&self, public: &PublicKey) -> String {
        match self {
            Self::File(path) => shown_path(path),
            Self::Literal(_) => public.fingerprint(),
        }
    }

    /// Returns a file that `ssh-keygen -f` can take.
    pub(super) fn to_file(&self, public: &PublicKey, scratch: &Path) -> Result<KeyFile<'_>, SshError> {
        match self {
            Self::File(path) => Ok(KeyFile::Given(path)),
            Self::Literal(_) => write_temporary(public, scratch).map(KeyFile::Temporary),
        }
    }
}

/// A key file, which is removed again if we made it.
pub(super) enum KeyFile<'a> {
    Given(&'a Path),
    Temporary(NamedTempFile),
}

impl KeyFile<'_> {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(file) => file.path(),
        }
    }

    pub(super) fn is_agent_only(&self) -> bool {
        matches!(self, Self::Temporary(_))
    }
}

fn write_temporary(public: &PublicKey, scratch: &Path) -> Result<NamedTempFile, SshError> {
    let failed = |source| SshError::KeyFile { verb: "write", path: scratch.to_owned(), source };
    let mut file = NamedTempFile::new_in(scratch).map_err(failed)?;
    file.write_all(format!("{public}\n").as_bytes()).map_err(failed)?;
    Ok(file)
}

/// Returns the public half of a signing key, to show it, without asking for a passphrase or starting anything.
///
/// # Errors
/// [`SshError::NoKeyFile`], [`SshError::KeyFile`], [`SshError::NotAKey`], [`SshError::NoPublicHalf`],
/// [`SshError::NotAKeyText`].
pub fn public_key(key: &KeySource) -> Result<PublicInfo, SshError> {
    match key {
        KeySource::File(path) => from_file(path),
        KeySource::Literal(text) => {
            let text = text.strip_prefix("key::").unwrap_or(text).trim();
            let (key, comment) = PublicKey::parse_line(text).map_err(SshError::NotAKeyText)?;
            Ok(PublicInfo { key, comment: comment.to_owned(), has_private: false })
        }
    }
}

fn from_file(path: &Path) -> Result<PublicInfo, SshError> {
    let bytes = zeroize::Zeroizing::new(read(path)?);
    if !bytes.starts_with(b"-----BEGIN ") {
        return public_line(&bytes).ok_or_else(|| SshError::NotAKey(path.to_owned()));
    }
    if let Some(info) = public_half(&bytes) {
        return Ok(info);
    }
    // The older formats keep the public half in the encrypted part, or we cannot read it there.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    match read(Path::new(&beside)) {
        Ok(line) => {
            let info = public_line(&line).ok_or_else(|| SshError::NotAKey(beside.into()))?;
            Ok(PublicInfo { has_private: is_private(&bytes), ..info })
        }
        Err(SshError::NoKeyFile(_)) if is_private(&bytes) => Err(SshError::NoPublicHalf(path.to_owned())),
        Err(SshError::NoKeyFile(_)) => Err(SshError::NotAKey(path.to_owned())),
        Err(error) => Err(error),
    }
}

/// Reads the first line of a public key file.
fn public_line(bytes: &[u8]) -> Option<PublicInfo> {
    let line = std::str::from_utf8(bytes).ok()?.lines().next()?;
    let (key, comment) = PublicKey::parse_line(line).ok()?;
    Some(PublicInfo { key, comment: comment.to_owned(), has_private: false })
}

/// Reads the public half of a private key in the format of OpenSSH, where it is never encrypted.
fn public_half(bytes: &[u8]) -> Option<PublicInfo> {
    let private = ssh_key::PrivateKey::from_openssh(bytes).ok()?;
    let key = PublicKey::from_blob(&private.public_key().to_bytes().ok()?).ok()?;
    let comment = private.comment().as_str_lossy().to_owned();
    Some(PublicInfo { key, comment, has_private: true })
}

/// Returns whether the armour is that of some private key.
fn is_private(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end().ends_with(b"PRIVATE KEY-----")
}

fn read(path: &Path) -> Result<Vec<u8>, SshError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => SshError::NoKeyFile(path.to_owned()),
        _ => SshError::KeyFile { verb: "read", path: path.to_owned(), source },
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_KEY_FILE_BYTES).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
