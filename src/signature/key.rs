//! Public keys in the encoding of RFC 4253, section 6.6, and in the one-line form of OpenSSH.

use std::fmt;
use std::str::FromStr;

use sha2::Sha256;
use ssh_key::encoding::base64::{Base64, Base64Unpadded, Encoding as _};
use ssh_key::encoding::{Decode as _, Encode as _};
use ssh_key::public::KeyData;

use super::shown;
use crate::model::Digest;

/// Shortest RSA modulus accepted, in bits (`schema/threats.md`, row 30: shorter ones are refused; OpenSSH takes 1024).
pub const MIN_RSA_BITS: usize = 2048;

/// Longest RSA modulus and exponent that the `rsa` crate verifies with; OpenSSH takes moduli up to 16,384 bits.
const MAX_RSA_BITS: usize = 8192;
const MAX_RSA_EXPONENT: u64 = (1 << 33) - 1;

/// Longest key accepted, in bytes: RSA of 16,384 bits needs 2 KiB, a certificate a little more.
const MAX_BLOB_BYTES: usize = 16 * 1024;

/// What kind of key it is, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ed25519,
    EcdsaP256,
    EcdsaP384,
    EcdsaP521,
    Rsa,
    SkEd25519,
    SkEcdsaP256,
    Dsa,
    Certificate,
}

/// Name of the key type, kind, and the word that `ssh-keygen` prints for it (`sshkey_type`).
const TYPES: [(&str, Kind, &str); 14] = [
    ("ssh-ed25519", Kind::Ed25519, "ED25519"),
    ("ecdsa-sha2-nistp256", Kind::EcdsaP256, "ECDSA"),
    ("ssh-rsa", Kind::Rsa, "RSA"),
    ("sk-ssh-ed25519@openssh.com", Kind::SkEd25519, "ED25519-SK"),
    ("sk-ecdsa-sha2-nistp256@openssh.com", Kind::SkEcdsaP256, "ECDSA-SK"),
    ("ecdsa-sha2-nistp384", Kind::EcdsaP384, "ECDSA"),
    ("ecdsa-sha2-nistp521", Kind::EcdsaP521, "ECDSA"),
    ("ssh-dss", Kind::Dsa, "DSA"),
    ("ssh-ed25519-cert-v01@openssh.com", Kind::Certificate, "ED25519-CERT"),
    ("ecdsa-sha2-nistp256-cert-v01@openssh.com", Kind::Certificate, "ECDSA-CERT"),
    ("ecdsa-sha2-nistp384-cert-v01@openssh.com", Kind::Certificate, "ECDSA-CERT"),
    ("ecdsa-sha2-nistp521-cert-v01@openssh.com", Kind::Certificate, "ECDSA-CERT"),
    ("ssh-rsa-cert-v01@openssh.com", Kind::Certificate, "RSA-CERT"),
    ("ssh-dss-cert-v01@openssh.com", Kind::Certificate, "DSA-CERT"),
];

/// Why bytes or a text are not a public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not `TYPE BASE64 [COMMENT]`.
    #[error("'{}' is not a public key: write TYPE BASE64, for example 'ssh-ed25519 AAAA…'", shown(.0))]
    Form(String),
    /// OpenSSH 9.2 has no key type of that name.
    #[error("'{}' is not a known type of key", shown(.0))]
    Type(String),
    /// The base64 is broken, or not the one encoding of its bytes.
    #[error("the base64 of the '{0}' key is broken")]
    Base64(&'static str),
    /// The type in front is not the type inside.
    #[error("the key says '{}' inside, not '{declared}'", shown(.found))]
    Mismatch {
        /// The type in front.
        declared: &'static str,
        /// The type inside.
        found: String,
    },
    /// The bytes are not a key of that type, or not its one encoding.
    #[error("the bytes of the '{0}' key are broken")]
    Blob(&'static str),
}

/// Whether signatures of a key are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Support {
    Verified,
    /// Too weak to be believed.
    Refused(String),
    /// Not implemented: no verdict can be given.
    CannotCheck(String),
}

/// A public key. Two are equal when their bytes are, and the bytes of a key have one encoding.
#[derive(Clone)]
pub struct PublicKey {
    kind: Kind,
    name: &'static str,
    printed: &'static str,
    blob: Vec<u8>,
    data: Option<KeyData>,
}

impl PublicKey {
    /// Parses the bytes of RFC 4253, section 6.6.
    ///
    /// # Errors
    /// [`KeyError::Type`] for an unknown type, [`KeyError::Blob`] for bytes that are not the one encoding of a key.
    pub fn from_blob(blob: &[u8]) -> Result<Self, KeyError> {
        let found = inner_name(blob);
        let known = TYPES.iter().find(|(name, ..)| Some(*name) == found.as_deref());
        let &(name, kind, printed) = known.ok_or_else(|| KeyError::Type(found.unwrap_or_default()))?;
        if blob.len() > MAX_BLOB_BYTES {
            return Err(KeyError::Blob(name));
        }
        let data = match kind {
            // Never verified with, so their insides do not matter.
            Kind::Dsa | Kind::Certificate => None,
            _ => Some(canonical(blob).ok_or(KeyError::Blob(name))?),
        };
        Ok(Self { kind, name, printed, blob: blob.to_vec(), data })
    }

    /// Parses `TYPE BASE64 [COMMENT]` and returns the key and the comment, which may be empty.
    ///
    /// # Errors
    /// [`KeyError`] for any other text. Line ends are not part of it.
    pub fn parse_line(line: &str) -> Result<(Self, &str), KeyError> {
        let blank = [' ', '\t'];
        let (declared, rest) = line.split_once(blank).ok_or_else(|| KeyError::Form(line.to_owned()))?;
        let known = TYPES.iter().find(|(name, ..)| *name == declared);
        let &(declared, ..) = known.ok_or_else(|| KeyError::Type(declared.to_owned()))?;
        let rest = rest.trim_start_matches(blank);
        let (base64, comment) = rest.split_once(blank).unwrap_or((rest, ""));
        let blob = Base64::decode_vec(base64).map_err(|_| KeyError::Base64(declared))?;
        let key = Self::from_blob(&blob).map_err(|error| match error {
            KeyError::Type(found) => KeyError::Mismatch { declared, found },
            other => other,
        })?;
        if key.name != declared {
            return Err(KeyError::Mismatch { declared, found: key.name.to_owned() });
        }
        Ok((key, comment.trim_matches(blank)))
    }

    /// Returns the bytes of the key, which [`PublicKey::from_blob`] reads.
    pub fn bytes(&self) -> &[u8] {
        &self.blob
    }

    /// Returns `SHA256:` and the unpadded base64 of the SHA-256 of the key, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", Base64Unpadded::encode_string(&<Sha256 as sha2::Digest>::digest(&self.blob)))
    }

    /// Returns the SHA-256 of the key, which its fingerprint spells in another way.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.blob)
    }

    /// Returns the word that `ssh-keygen` prints for the type, such as `ED25519` or `ED25519-SK`.
    pub fn key_type(&self) -> &'static str {
        self.printed
    }

    /// Returns the key as `TYPE BASE64`, without comment and line end.
    pub fn to_line(&self) -> String {
        format!("{} {}", self.name, Base64::encode_string(&self.blob))
    }

    /// Returns whether `word` is the name of a type of key, as the first word of a line.
    pub(super) fn is_type_name(word: &str) -> bool {
        TYPES.iter().any(|(name, ..)| *name == word)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn data(&self) -> Option<&KeyData> {
        self.data.as_ref()
    }

    /// Returns whether signatures by this key are checked, and why not.
    pub(super) fn support(&self) -> Support {
        match (self.kind, &self.data) {
            (Kind::Certificate, _) => Support::CannotCheck("certificates are not supported yet".to_owned()),
            (Kind::Dsa, _) => Support::Refused("the key is a DSA key".to_owned()),
            (Kind::Rsa, Some(KeyData::Rsa(key))) => rsa_support(key),
            (_, None) => Support::CannotCheck(format!("keys of type '{}' are not supported yet", self.name)),
            _ => Support::Verified,
        }
    }

    /// Returns an error text when no signature by this key can be checked here, so that none should be made.
    pub(crate) fn why_unusable(&self) -> Option<String> {
        match self.support() {
            Support::Verified => None,
            Support::Refused(reason) | Support::CannotCheck(reason) => Some(reason),
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.blob.cmp(&other.blob)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.printed, self.fingerprint())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_line())
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;
    /// Parses one line, with or without a line end; the comment is dropped.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::parse_line(text.trim_end_matches(['\r', '\n'])).map(|(key, _)| key)
    }
}

/// Returns the type named inside the bytes.
fn inner_name(blob: &[u8]) -> Option<String> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let name = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    String::from_utf8(name.to_vec()).ok()
}

/// Decodes a key and returns it only if encoding gives the same bytes again.
fn canonical(blob: &[u8]) -> Option<KeyData> {
    let mut rest = blob;
    let data = KeyData::decode(&mut rest).ok()?;
    let mut again = Vec::with_capacity(blob.len());
    data.encode(&mut again).ok()?;
    (rest.is_empty() && again == blob).then_some(data)
}

fn rsa_support(key: &ssh_key::public::RsaPublicKey) -> Support {
    let modulus = key.n().as_positive_bytes().unwrap_or_default();
    // `RsaPublicKey::key_size` rounds up to whole bytes: it says 2048 for 2041 bits.
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let exponent = key.e().as_positive_bytes().unwrap_or_default();
    let exponent = exponent.iter().try_fold(0u64, |sum, &byte| Some(sum.checked_mul(256)? + u64::from(byte)));
    if bits < MIN_RSA_BITS {
        return Support::Refused(format!("the RSA key has {bits} bits, fewer than {MIN_RSA_BITS}"));
    }
    if bits > MAX_RSA_BITS || exponent.is_none_or(|exponent| exponent > MAX_RSA_EXPONENT) {
        return Support::CannotCheck(format!("RSA keys of {bits} bits or of that exponent are not supported"));
    }
    Support::Verified
}

#[cfg(test)]
mod tests {
    use super::super::testdata::{self, ECDSA_P384, ED25519, RSA_1024, RSA_2048, SK_ED25519};
    use super::*;

    fn key(text: &str) -> PublicKey {
        text.parse().expect("a key")
    }

    #[test]
    fn fingerprint_and_type_are_those_of_ssh_keygen() {
        let key = key(ED25519.key);
        // `ssh-keygen -l`
        assert_eq!(key.fingerprint(), "SHA256:d+4mwKROjiPqEZtA18Od+Edjm9GFc6Q3ViMxPpt42B0");
        assert_eq!(key.key_type(), "ED25519");
        assert_eq!(key.to_line(), ED25519.key);
        assert_eq!(super::tests::key(SK_ED25519.key).key_type(), "ED25519-SK");
    }

    #[test]
    fn a_line_may_have_a_comment_and_a_line_end() {
        let line = format!("{} \t me @home ", ED25519.key);
        assert_eq!(PublicKey::parse_line(&line).map(|(key, comment)| (key.to_line(), comment)).expect("a key"), {
            (ED25519.key.to_owned(), "me @home")
        });
        assert_eq!(key(&format!("{}\r\n", ED25519.key)), key(ED25519.key));
    }

    #[test]
    fn broken_lines_are_refused() {
        let (kind, base64) = ED25519.key.split_once(' ').expect("two words");
        let cut = &base64[..base64.len() - 4];
        let rsa = RSA_2048.key.split_once(' ').expect("two words").1;
        let lines = [
            String::new(),
            kind.to_owned(),
            format!("{kind} "),
            format!("{kind} {cut}"),
            format!("{kind} {base64}AAAA"),
            format!("{kind} {}", base64.replace('O', "*")),
            format!("{kind} {}=", &base64[..base64.len() - 1]),
            format!("{kind}  {rsa}"),
            format!("ED25519 {base64}"),
            format!("ssh-foo {base64}"),
            format!(" {kind} {base64}"),
        ];
        for line in lines {
            assert!(line.parse::<PublicKey>().is_err(), "{line}");
        }
    }

    #[test]
    fn a_key_has_one_encoding() {
        let blob = Base64::decode_vec(RSA_2048.key.split_once(' ').expect("two words").1).expect("base64");
        // ssh-rsa, then the exponent 65537 as `00 00 00 03 01 00 01`; here with a leading zero.
        let at = blob.windows(7).position(|window| window == [0, 0, 0, 3, 1, 0, 1]).expect("the exponent");
        let padded = [&blob[..at], &[0, 0, 0, 4, 0, 1, 0, 1], &blob[at + 7..]].concat();
        assert_eq!(PublicKey::from_blob(&padded), Err(KeyError::Blob("ssh-rsa")));
        assert_eq!(PublicKey::from_blob(&[&blob[..], b"x"].concat()), Err(KeyError::Blob("ssh-rsa")));
        assert!(PublicKey::from_blob(&blob).is_ok());
    }

    #[test]
    fn weak_keys_are_refused_and_unknown_ones_not_judged() {
        assert_eq!(key(RSA_2048.key).support(), Support::Verified);
        assert!(matches!(key(RSA_1024.key).support(), Support::Refused(_)));
        assert_eq!(key(ECDSA_P384.key).support(), Support::Verified);
        let name = b"ssh-ed25519-cert-v01@openssh.com";
        let blob = [&u32::try_from(name.len()).expect("short").to_be_bytes()[..], name].concat();
        assert!(matches!(PublicKey::from_blob(&blob).expect("a certificate").support(), Support::CannotCheck(_)));
        assert!(key(testdata::ED25519.key).why_unusable().is_none());
        // A modulus of 2,041 bits fills as many bytes as one of 2,048.
        let mut blob = Base64::decode_vec(RSA_2048.key.split_once(' ').expect("two words").1).expect("base64");
        let first = blob.len() - 256;
        blob[first - 1] = 1;
        blob[first - 5..first - 1].copy_from_slice(&257u32.to_be_bytes());
        assert_eq!(PublicKey::from_blob(&blob).expect("2,049 bits").support(), Support::Verified);
        let short = [&blob[..first - 5], &256u32.to_be_bytes(), &[1], &blob[first + 1..]].concat();
        assert!(matches!(PublicKey::from_blob(&short).expect("2,041 bits").support(), Support::Refused(_)));
    }
}
