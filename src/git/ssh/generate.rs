//! New signing keys, without a process and without a file.

use std::fmt;

use ssh_key::private::Ed25519Keypair;
use ssh_key::rand_core::TryRng as _;
use ssh_key::{LineEnding, PrivateKey, getrandom::SysRng};
use zeroize::Zeroizing;

use crate::signature::PublicKey;

/// Longest comment accepted, in bytes: it stands at the end of a line that people read.
const MAX_COMMENT_BYTES: usize = 200;

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// The comment has control characters, which could forge a second line, or is too long.
    #[error("'{}' is not a comment for a key", .0.chars().take(80).flat_map(char::escape_debug).collect::<String>())]
    Comment(String),
    /// The system gives no random numbers, or the key could not be encoded.
    #[error("cannot make a key: {0}")]
    Failed(String),
}

/// A new Ed25519 key. The private half is not encrypted and is wiped from memory when dropped.
pub struct GeneratedKey {
    /// The private key file, LF at each line end.
    pub private_openssh: Zeroizing<String>,
    /// The public key file: `ssh-ed25519 BASE64 COMMENT`, with no line end.
    pub public_line: String,
    /// `SHA256:…`.
    pub fingerprint: String,
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GeneratedKey({})", self.fingerprint)
    }
}

/// Returns 32 random hex digits from the operating system.
///
/// # Errors
/// [`GenerateError::Failed`].
pub fn random_hex() -> Result<String, GenerateError> {
    let mut bytes = [0; 16];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| GenerateError::Failed(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes an Ed25519 key from random numbers of the operating system. Writing it, with mode 600, is for the caller.
///
/// # Errors
/// [`GenerateError`].
pub fn generate_key(comment: &str) -> Result<GeneratedKey, GenerateError> {
    if comment.len() > MAX_COMMENT_BYTES || comment.chars().any(char::is_control) {
        return Err(GenerateError::Comment(comment.to_owned()));
    }
    let mut seed = Zeroizing::new([0; 32]);
    SysRng.try_fill_bytes(&mut *seed).map_err(|error| GenerateError::Failed(error.to_string()))?;
    let failed = |error: ssh_key::Error| GenerateError::Failed(error.to_string());
    let private = PrivateKey::new(Ed25519Keypair::from_seed(&seed).into(), comment).map_err(failed)?;
    let private_openssh = private.to_openssh(LineEnding::LF).map_err(failed)?;
    let blob = private.public_key().to_bytes().map_err(failed)?;
    let public = PublicKey::from_blob(&blob).map_err(|error| GenerateError::Failed(error.to_string()))?;
    let public_line = format!("{public} {comment}").trim_end().to_owned();
    Ok(GeneratedKey { private_openssh, public_line, fingerprint: public.fingerprint() })
}
