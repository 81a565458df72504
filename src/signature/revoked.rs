//! Lists of revoked keys: the plain form of `gpg.ssh.revocationFile` and `RevokedKeys` in `sshd_config(5)`.

use std::collections::BTreeSet;

use super::key::{KeyError, PublicKey};
use super::shown;

/// Largest list accepted, in bytes: about ten thousand Ed25519 keys.
pub const MAX_REVOKED_BYTES: usize = 1024 * 1024;

/// First bytes of a binary key revocation list (`PROTOCOL.krl`).
const KRL_MAGIC: &[u8] = b"SSHKRL";

/// Why a file is not a list of revoked keys. None of these may be taken for "nothing is revoked".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokedError {
    /// The file is longer than [`MAX_REVOKED_BYTES`].
    #[error("the revocation list has {0} bytes, more than {MAX_REVOKED_BYTES}")]
    TooLarge(usize),
    /// The file is a binary key revocation list.
    #[error("the revocation list is a binary KRL; only plain lists of public keys are read")]
    Krl,
    /// A line is not UTF-8 or has control characters.
    #[error("line {0} of the revocation list is not plain text")]
    Text(usize),
    /// A line names a hash or a certificate. `ssh-keygen -k` reads hashes to make a KRL; in a plain list it fails too.
    #[error("line {line} of the revocation list is '{}', not a public key", shown(.found))]
    NotAKey {
        /// Number of the line, from 1.
        line: usize,
        /// First word of the line.
        found: String,
    },
    /// A line holds a broken key.
    #[error("line {line} of the revocation list has no usable key")]
    Key {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
}

/// Keys that are no longer believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevokedKeys(BTreeSet<PublicKey>);

impl RevokedKeys {
    /// Parses one public key a line, `#` comments and empty lines.
    ///
    /// Every line must be understood, as in `sshkey_in_file` of OpenSSH, which fails on the first that is not.
    /// An empty list is a list; whether it may be empty is for the caller to know (`schema/threats.md`, row 35).
    ///
    /// # Errors
    /// [`RevokedError`], with the number of the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, RevokedError> {
        if bytes.starts_with(KRL_MAGIC) {
            return Err(RevokedError::Krl);
        }
        if bytes.len() > MAX_REVOKED_BYTES {
            return Err(RevokedError::TooLarge(bytes.len()));
        }
        let mut keys = BTreeSet::new();
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            keys.extend(parse_line(line, index + 1)?);
        }
        Ok(Self(keys))
    }

    /// Returns whether the list names this key.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.contains(key)
    }

    /// Returns the number of different keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the list names no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the keys, in the order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter()
    }
}

fn parse_line(line: &[u8], number: usize) -> Result<Option<PublicKey>, RevokedError> {
    let text = std::str::from_utf8(line).map_err(|_| RevokedError::Text(number))?;
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(RevokedError::Text(number));
    }
    let word = text.split([' ', '\t']).next().unwrap_or_default();
    // A certificate would revoke the key inside it, which is not read here.
    if !PublicKey::is_type_name(word) || word.contains("-cert-") {
        return Err(RevokedError::NotAKey { line: number, found: word.to_owned() });
    }
    let (key, _) = PublicKey::parse_line(text).map_err(|source| RevokedError::Key { line: number, source })?;
    Ok(Some(key))
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{CERTIFICATE, ECDSA_P256, ED25519, RSA_2048};
    use super::*;

    fn parse(text: &str) -> Result<RevokedKeys, RevokedError> {
        RevokedKeys::parse(text.as_bytes())
    }

    #[test]
    fn keys_comments_and_blank_lines_are_read() {
        let text = format!("# stolen\n\n  \t{} laptop\n{}\r\n{}", ED25519.key, ECDSA_P256.key, ED25519.key);
        let keys = parse(&text).expect("a list");
        assert_eq!(keys.len(), 2);
        assert!(keys.contains(&ED25519.key.parse().expect("a key")));
        assert!(!keys.contains(&RSA_2048.key.parse().expect("a key")));
        assert!(parse("").expect("an empty list").is_empty());
    }

    // schema/threats.md, row 35
    #[test]
    fn what_is_not_understood_is_never_an_empty_list() {
        assert_eq!(RevokedKeys::parse(b"SSHKRL\n\0\0\0\0\x01"), Err(RevokedError::Krl));
        let key = ED25519.key;
        let hostile = [
            "SHA256:d+4mwKROjiPqEZtA18Od+Edjm9GFc6Q3ViMxPpt42B0".to_owned(),
            "hash: SHA256:d+4mwKROjiPqEZtA18Od+Edjm9GFc6Q3ViMxPpt42B0".to_owned(),
            format!("{key}\n\r\n"),
            format!("{key}\n\0"),
            format!("cert-authority {key}"),
            format!("alice {key}"),
            key[..key.len() - 4].to_owned(),
            format!("ssh-ed25519-cert-v01@openssh.com {}", CERTIFICATE.replace('\n', "")),
            format!("{key}\u{7}"),
        ];
        for text in hostile {
            assert!(parse(&text).is_err(), "{text:?}");
        }
        assert!(RevokedKeys::parse(b"\xff").is_err());
        assert!(matches!(parse(&format!("\n\nnonsense {key}")), Err(RevokedError::NotAKey { line: 3, .. })));
        assert!(matches!(parse(&"#".repeat(MAX_REVOKED_BYTES + 1)), Err(RevokedError::TooLarge(_))));
    }
}
