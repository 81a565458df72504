//! Signatures of minisign, beside a file: an optional second one for people without ssh.
//!
//! The one place that uses the crate: its `verify` prints and copies to standard output unless told not to, and its default
//! comment is the clock. The untrusted comment is in nobody's signature, so nothing here gives it to anyone (row 42).

use std::fmt;
#[cfg(test)]
use std::io::Cursor;
use std::io::{Read, Seek};

use minisign::{PublicKey, SecretKey, SecretKeyBox, SignatureBox};
use ssh_key::encoding::base64::{Base64, Encoding as _};

/// Longest key file or signature, in bytes: a trusted comment has at most 8 KiB.
pub const MAX_MINISIGN_BYTES: u64 = 16 * 1024;

const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";

/// Algorithm of signatures over the BLAKE2b of a file; the older `Ed` is over the file itself.
const PREHASHED: [u8; 2] = *b"ED";

/// Lengths of what stands in base64: a secret key, a public key, a signature, a signature over that and the comment.
const SECRET_BYTES: usize = 158;
const PUBLIC_BYTES: usize = 42;
const SIGNATURE_BYTES: usize = 74;
const GLOBAL_BYTES: usize = 64;

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum MinisignError {
    /// The file is no secret key of minisign.
    #[error("it is not a secret key of minisign")]
    NotASecretKey,
    /// The text is no public key of minisign.
    #[error("it is not a public key of minisign")]
    NotAPublicKey,
    /// The key is encrypted, and no passphrase was given.
    #[error("the key needs its passphrase")]
    Encrypted,
    /// The passphrase is another one.
    #[error("the passphrase is wrong, or the key is damaged")]
    Passphrase,
    /// The file cannot be read, or the signature that was made does not hold.
    #[error("the signature cannot be made: {0}")]
    Sign(String),
}

/// What is known about a signature of minisign. Only [`MinisignVerdict::Good`] is good.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
#[must_use]
pub enum MinisignVerdict {
    /// Signed by the key that was given.
    Good {
        /// The key, as minisign writes it: 16 hex digits.
        key_id: String,
        /// The comment that is signed with it.
        comment: String,
    },
    /// Signed by another key.
    OtherKey {
        /// The key that signed, by its own word.
        key_id: String,
    },
    /// Not a signature that is accepted, or not over these bytes.
    Bad {
        /// What is wrong.
        reason: String,
    },
    /// There is no signature.
    Unsigned,
}

impl fmt::Display for MinisignVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { key_id, comment } => write!(f, "good signature by key {key_id}: {}", super::shown(comment)),
            Self::OtherKey { key_id } => write!(f, "signed by key {key_id}, which is not the one that was given"),
            Self::Bad { reason } => write!(f, "bad signature: {reason}"),
            Self::Unsigned => f.write_str("not signed"),
        }
    }
}

/// A secret key that is ready to sign.
#[derive(Clone)]
pub struct MinisignSigner(SecretKey);

impl fmt::Debug for MinisignSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MinisignSigner({})", self.key_id())
    }
}

impl MinisignSigner {
    /// Reads a secret key as minisign writes it; with `passphrase` where it is encrypted.
    ///
    /// # Errors
    /// [`MinisignError::Encrypted`] when there is none and one is needed, [`MinisignError::Passphrase`],
    /// [`MinisignError::NotASecretKey`].
    pub fn read(text: &str, passphrase: Option<&str>) -> Result<Self, MinisignError> {
        let not_a_key = || MinisignError::NotASecretKey;
        let encoded = second_line(text).ok_or_else(not_a_key)?;
        let bytes = Base64::decode_vec(encoded)
            .ok()
            .filter(|bytes| bytes.len() == SECRET_BYTES && bytes.starts_with(b"Ed"))
            .ok_or_else(not_a_key)?;
        let boxed = || SecretKeyBox::from_string(text).map_err(|_| not_a_key());
        let is_encrypted = match &bytes[2..4] {
            [0, 0] => false,
            b"Sc" => true,
            _ => return Err(not_a_key()),
        };
        match passphrase {
            // `minisign -W` writes no checksum, which the crate takes for a wrong one.
            _ if !is_encrypted && bytes[SECRET_BYTES - 32..] == [0; 32] => {
                SecretKey::from_bytes(&bytes).map(Self).map_err(|_| not_a_key())
            }
            _ if !is_encrypted => boxed()?.into_unencrypted_secret_key().map(Self).map_err(|_| not_a_key()),
            None => Err(MinisignError::Encrypted),
            Some(word) => {
                boxed()?.into_secret_key(Some(word.to_owned())).map(Self).map_err(|_| MinisignError::Passphrase)
            }
        }
    }

    /// Returns the id of the key, as minisign writes it.
    pub fn key_id(&self) -> String {
        key_id(self.0.keynum())
    }

    /// Signs all bytes of `data` and the comment; returns the text of the `.minisig` file. It was verified.
    ///
    /// # Errors
    /// [`MinisignError::Sign`].
    pub fn sign(&self, data: &mut (impl Read + Seek), comment: &str) -> Result<String, MinisignError> {
        let failed = |error: String| MinisignError::Sign(error);
        let public = PublicKey::from_secret_key(&self.0).map_err(|error| failed(error.to_string()))?;
        data.rewind().map_err(|error| failed(error.to_string()))?;
        // The crate's own comment would name another program.
        let signed = minisign::sign(Some(&public), &self.0, &mut *data, Some(comment), Some("signature of a pack"));
        let text = signed.map_err(|error| failed(error.to_string()))?.to_string();
        match verify_with(&MinisignKey(public), &text, data) {
            MinisignVerdict::Good { .. } => Ok(text),
            other => Err(failed(other.to_string())),
        }
    }
}

/// A public key of minisign.
#[derive(Debug, Clone)]
pub struct MinisignKey(PublicKey);

impl MinisignKey {
    /// Parses a public key: its base64, or the two lines of its file.
    ///
    /// # Errors
    /// [`MinisignError::NotAPublicKey`].
    pub fn parse(text: &str) -> Result<Self, MinisignError> {
        let encoded = second_line(text).unwrap_or(text.trim());
        let bytes =
            Base64::decode_vec(encoded).ok().filter(|bytes| bytes.len() == PUBLIC_BYTES && bytes.starts_with(b"Ed"));
        let key = bytes.and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
        key.map(Self).ok_or(MinisignError::NotAPublicKey)
    }

    /// Returns the id of the key, as minisign writes it.
    pub fn key_id(&self) -> String {
        key_id(self.0.keynum())
    }
}

/// Says whether `signature`, the text of a `.minisig` file, is one by `key` over exactly the bytes of `data`.
///
/// Stricter than minisign: signatures over the file itself are not accepted, nor anything behind the fourth line.
pub fn verify_minisign(key: &MinisignKey, signature: Option<&[u8]>, data: &mut (impl Read + Seek)) -> MinisignVerdict {
    let Some(signature) = signature else { return MinisignVerdict::Unsigned };
    match std::str::from_utf8(signature) {
        Ok(text) => verify_with(key, text, data),
        Err(_) => bad("it is not text"),
    }
}

fn verify_with(key: &MinisignKey, text: &str, data: &mut (impl Read + Seek)) -> MinisignVerdict {
    let text = text.replace("\r\n", "\n");
    let lines: Vec<&str> = text.strip_suffix('\n').unwrap_or(&text).split('\n').collect();
    let [untrusted, signature, trusted, global] = lines[..] else { return bad("it has not four lines") };
    let comment = trusted.strip_prefix(TRUSTED).filter(|comment| comment.trim() == *comment);
    let Some(comment) = comment.filter(|_| untrusted.starts_with(UNTRUSTED)) else {
        return bad("its comments are broken");
    };
    let decoded = |text: &str, length: usize| Base64::decode_vec(text).ok().filter(|bytes| bytes.len() == length);
    let (Some(bytes), Some(_)) = (decoded(signature, SIGNATURE_BYTES), decoded(global, GLOBAL_BYTES)) else {
        return bad("its base64 is broken");
    };
    if bytes[..2] != PREHASHED {
        return bad("it is of the old kind, over the file itself; only the prehashed kind is accepted");
    }
    if bytes[2..10] != *key.0.keynum() {
        return MinisignVerdict::OtherKey { key_id: key_id(&bytes[2..10]) };
    }
    if data.rewind().is_err() {
        return bad("the file cannot be read");
    }
    let boxed = match SignatureBox::from_string(&text) {
        Ok(boxed) => boxed,
        Err(_) => return bad("it is malformed"),
    };
    const QUIET: bool = true;
    const OUTPUT: bool = false;
    const LEGACY: bool = false;
    match minisign::verify(&key.0, &boxed, data, QUIET, OUTPUT, LEGACY) {
        Ok(()) => MinisignVerdict::Good { key_id: key.key_id(), comment: comment.to_owned() },
        Err(_) => bad("it does not match the signed bytes and their comment"),
    }
}

fn bad(reason: &str) -> MinisignVerdict {
    MinisignVerdict::Bad { reason: reason.to_owned() }
}

/// Returns the line below the comment of a key file.
fn second_line(text: &str) -> Option<&str> {
    let (first, rest) = text.split_once('\n')?;
    first.starts_with(UNTRUSTED).then(|| rest.lines().next().unwrap_or_default().trim())
}

/// minisign shows the eight bytes as one number, least byte first.
fn key_id(bytes: &[u8]) -> String {
    bytes.iter().rev().map(|byte| format!("{byte:02X}")).collect()
}

/// Returns the signature's verdict for bytes in memory.
#[cfg(test)]
fn verify_bytes(key: &str, signature: &str, data: &[u8]) -> MinisignVerdict {
    let key = MinisignKey::parse(key).expect("a key");
    verify_minisign(&key, Some(signature.as_bytes()), &mut Cursor::new(data))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by minisign 0.11: `minisign -G -W`, `minisign -S -c … -t …`, and `minisign -S -l …`.
    const KEY: &str = "RWQ83qY8TeyBSoGt3C/HyTWHtFH5pw9VkuZtuOoR9Z+CYX8OrCoK5rMA";
    const DATA: &[u8] = b"made by the real program\n";
    const SIGNATURE: &str = "untrusted comment: an untrusted one\n\
        RUQ83qY8TeyBSuX5bCmoGrvu71GT16/hH2DMlBstA1WHxLmLzdILqHQGGGoG092kUUxUXTSO3nVlftNHeqRS6Kbvdwep7dGmVws=\n\
        trusted comment: a trusted comment\n\
        kcbWRWn+v52/UqkHcmOXsNo1dEClddY9GbFJW+y2LSmvIwlOfS2oESuDaZGUfMjmWkiGFVqDxne0d7KQCce/CQ==\n";
    const LEGACY: &str = "untrusted comment: signature from minisign secret key\n\
        RWQ83qY8TeyBSgo+PijsWyYtRI2Rzt+KERWZhmskO8p0AZSCzwnfN+u+VETHaAISyGC8+C8PoFQvUqC+hGgJ9tEWIyXjwHWCLAg=\n\
        trusted comment: legacy\n\
        fVixpwOXCGpBo6Pbi6j/SNTcOnn7oyKi4TpdSL5Bkto9OTYqL6upJlBl9qjxgeZw9jTaEAngjitlrEo0v8c7Aw==\n";

    fn good() -> MinisignVerdict {
        MinisignVerdict::Good { key_id: "4A81EC4D3CA6DE3C".to_owned(), comment: "a trusted comment".to_owned() }
    }

    #[test]
    fn a_signature_of_the_real_program_holds() {
        assert_eq!(verify_bytes(KEY, SIGNATURE, DATA), good());
        assert_eq!(
            verify_bytes(&format!("untrusted comment: x\n{KEY}\n"), &SIGNATURE.replace('\n', "\r\n"), DATA),
            good()
        );
        // The untrusted comment is nobody's word: it may be anything, and is not given.
        let other = SIGNATURE.replace("an untrusted one", "signed by the pope");
        assert_eq!(verify_bytes(KEY, &other, DATA), good());
    }

    #[test]
    fn what_differs_is_bad() {
        for (signature, data) in [
            (SIGNATURE.to_owned(), &b"made by the real program"[..]),
            (SIGNATURE.replace("a trusted", "another"), DATA),
            (SIGNATURE.replace("trusted comment: a trusted comment", "trusted comment: a trusted comment "), DATA),
            (SIGNATURE.replace("RUQ83qY8TeyBSuX5", "RUQ83qY8TeyBSuX6"), DATA),
            (SIGNATURE.replace("kcbWRWn", "kcbWRWm"), DATA),
            (SIGNATURE.replace("CQ==\n", "CQ==\nmore\n"), DATA),
            (SIGNATURE.lines().take(2).map(|line| format!("{line}\n")).collect(), DATA),
            (SIGNATURE.replace("kcbWRWn", ""), DATA),
            (LEGACY.to_owned(), DATA),
            (String::new(), DATA),
        ] {
            assert!(matches!(verify_bytes(KEY, &signature, data), MinisignVerdict::Bad { .. }), "{signature}");
        }
        let key = MinisignKey::parse(KEY).expect("a key");
        assert_eq!(verify_minisign(&key, None, &mut Cursor::new(DATA)), MinisignVerdict::Unsigned);
        assert!(matches!(verify_minisign(&key, Some(b"\xff"), &mut Cursor::new(DATA)), MinisignVerdict::Bad { .. }));
        for text in ["", "x", "untrusted comment: x", &KEY[..55], &KEY.replace("RWQ", "RUQ"), "ssh-ed25519 AAAA"] {
            assert!(MinisignKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_we_sign_holds_and_another_key_is_told() {
        let pair = minisign::KeyPair::generate_encrypted_keypair(Some("word".to_owned())).expect("a pair");
        let file = pair.sk.to_box(None).expect("a box").into_string();
        let public = pair.pk.to_base64();
        assert!(matches!(MinisignSigner::read(&file, None), Err(MinisignError::Encrypted)));
        assert!(matches!(MinisignSigner::read(&file, Some("other")), Err(MinisignError::Passphrase)));
        let signer = MinisignSigner::read(&file, Some("word")).expect("the key");
        let text = signer.sign(&mut Cursor::new(DATA), "file:data").expect("a signature");
        let expected = MinisignVerdict::Good { key_id: signer.key_id(), comment: "file:data".to_owned() };
        assert_eq!(verify_bytes(&public, &text, DATA), expected);
        assert_eq!(verify_bytes(KEY, &text, DATA), MinisignVerdict::OtherKey { key_id: signer.key_id() });
        assert!(!format!("{signer:?}").contains("sk"), "{signer:?}");
        for text in ["", KEY, SIGNATURE, &file.replace("RWRT", "RWRU")] {
            assert!(matches!(MinisignSigner::read(text, Some("word")), Err(MinisignError::NotASecretKey)), "{text}");
        }
    }
}
