//! The signature format of `ssh-keygen -Y sign`: `PROTOCOL.sshsig` of OpenSSH, read strictly.

use ssh_key::encoding::base64::{Base64, Encoding as _};
use ssh_key::{HashAlg, Signature, SshSig};

use super::key::{KeyError, Kind, PublicKey, Support};
use super::shown;

/// Longest armour accepted, in bytes: a signature by RSA of 16,384 bits, the largest of OpenSSH, needs 6 KiB.
pub const MAX_ARMOUR_BYTES: usize = 16 * 1024;

pub(super) const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
pub(super) const END: &str = "-----END SSH SIGNATURE-----";

/// Longest line of base64 accepted (RFC 2045); `ssh-keygen` writes 70.
const MAX_LINE_BYTES: usize = 76;

/// Length of a line that `ssh-keygen` writes.
const ARMOUR_LINE_BYTES: usize = 70;

/// First bytes of the decoded armour and of what is signed.
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// Why bytes are not a signature that is checked here, or why the check failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SshSignatureError {
    /// The armour is not exactly header, base64, footer.
    #[error("the armour of the signature is broken: {0}")]
    Armour(&'static str),
    /// The decoded bytes break the format.
    #[error("the signature is broken: {0}")]
    Blob(&'static str),
    /// The version is not 1.
    #[error("the signature has version {0}; only {VERSION} is known")]
    Version(u32),
    /// The reserved field is in use; OpenSSH ignores it, we do not sign or believe what we do not understand.
    #[error("the reserved field of the signature is not empty")]
    Reserved,
    /// The hash is neither `sha256` nor `sha512`.
    #[error("the signature uses the hash '{}'; only sha256 and sha512 are accepted", shown(.0))]
    Hash(String),
    /// The key inside is broken.
    #[error("the signature holds no usable key")]
    Key(#[source] KeyError),
    /// The key is too weak.
    #[error("the signature is refused: {0}")]
    Weak(String),
    /// The signature algorithm does not belong to the key, or is the SHA-1 one of RSA.
    #[error("the signature algorithm '{}' is not accepted for a key of type '{key}'", shown(.found))]
    Algorithm {
        /// Type of the key.
        key: &'static str,
        /// Algorithm named in the signature.
        found: String,
    },
    /// Nothing is wrong, but this kind of key is not implemented: the signature cannot be checked.
    #[error("the signature cannot be checked: {0}")]
    Unsupported(String),
    /// The signature was made for another purpose.
    #[error("the signature was made for namespace '{}', not '{}'", shown(.found), shown(.expected))]
    Namespace {
        /// Namespace asked for.
        expected: String,
        /// Namespace in the signature.
        found: String,
    },
    /// The signature was not made by its key over these bytes.
    #[error("the signature does not match the signed bytes")]
    Mismatch,
}

/// A well-formed signature of a kind that is checked here. Whether it holds is for [`SshSignature::verify`] to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSignature {
    key: PublicKey,
    inner: SshSig,
}

impl SshSignature {
    /// Parses one armour block: header line, base64 lines of one length, footer line, LF at each end.
    ///
    /// Stricter than `ssh-keygen`, which takes any white space in the base64, text after the footer, version
    /// 0, a used reserved field, and RSA from 1024 bits.
    ///
    /// # Errors
    /// [`SshSignatureError::Unsupported`] for what cannot be checked here: certificates, signatures made in a
    /// browser, key types from after OpenSSH 9.2. Every other error means that the signature is refused.
    pub fn parse(armour: &[u8]) -> Result<Self, SshSignatureError> {
        let blob = unarmour(armour)?;
        let mut rest = blob.strip_prefix(MAGIC).ok_or(SshSignatureError::Blob("no SSHSIG in front"))?;
        let version = take::<4>(&mut rest).map(u32::from_be_bytes).ok_or(SshSignatureError::Blob("too short"))?;
        if version != VERSION {
            return Err(SshSignatureError::Version(version));
        }
        let mut string = || take_string(&mut rest).ok_or(SshSignatureError::Blob("too short"));
        let (key, namespace, reserved, hash, signature) = (string()?, string()?, string()?, string()?, string()?);
        if !rest.is_empty() {
            return Err(SshSignatureError::Blob("bytes after the end"));
        }
        if !reserved.is_empty() {
            return Err(SshSignatureError::Reserved);
        }
        let namespace = namespace_of(namespace)?;
        let hash = hash_of(hash)?;
        let key = key_of(key)?;
        let signature = signature_of(&key, signature)?;
        let data = key.data().ok_or(SshSignatureError::Blob("no key"))?.clone();
        let inner =
            SshSig::new(data, namespace, hash, signature).map_err(|_| SshSignatureError::Blob("no namespace"))?;
        Ok(Self { key, inner })
    }

    /// Checks that the key signed exactly `message` for exactly `namespace`.
    ///
    /// # Errors
    /// [`SshSignatureError::Namespace`] or [`SshSignatureError::Mismatch`].
    pub fn verify(&self, namespace: &str, message: &[u8]) -> Result<(), SshSignatureError> {
        if self.namespace() != namespace {
            return Err(SshSignatureError::Namespace {
                expected: namespace.to_owned(),
                found: self.namespace().to_owned(),
            });
        }
        let key = ssh_key::PublicKey::from(self.inner.public_key().clone());
        key.verify(namespace, message, &self.inner).map_err(|_| SshSignatureError::Mismatch)
    }

    /// Returns the key that the signature names.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Returns the fingerprint of the key, as [`PublicKey::fingerprint`].
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// Returns the type of the key, as [`PublicKey::key_type`].
    pub fn key_type(&self) -> &'static str {
        self.key.key_type()
    }

    /// Returns the namespace that the signature was made for; never empty.
    pub fn namespace(&self) -> &str {
        self.inner.namespace()
    }

    /// Returns whether the user touched the hardware key (flag 0x01 of `PROTOCOL.u2f`); `None` for other keys.
    ///
    /// `ssh-keygen -Y verify` does not ask for it, nor does [`SshSignature::verify`]; [`verify`](super::verify) does.
    pub fn user_present(&self) -> Option<bool> {
        let is_hardware = matches!(self.key.kind(), Kind::SkEd25519 | Kind::SkEcdsaP256);
        // Flags and counter are the last five bytes.
        let flags = self.inner.signature_bytes().iter().rev().nth(4)?;
        is_hardware.then_some(flags & 1 == 1)
    }
}

/// Decodes the base64 between header and footer; what it gives is not looked at.
///
/// # Errors
/// [`SshSignatureError::Armour`].
pub fn unarmour(armour: &[u8]) -> Result<Vec<u8>, SshSignatureError> {
    use SshSignatureError::Armour;
    if armour.len() > MAX_ARMOUR_BYTES {
        return Err(Armour("it is too long"));
    }
    let text = std::str::from_utf8(armour).map_err(|_| Armour("it is not text"))?;
    let text = text.strip_prefix(BEGIN).and_then(|rest| rest.strip_prefix('\n')).ok_or(Armour("no header line"))?;
    let text = text.strip_suffix('\n').ok_or(Armour("no line end at the end"))?;
    let text = text.strip_suffix(END).ok_or(Armour("the footer line is not the last"))?;
    let text = text.strip_suffix('\n').ok_or(Armour("the footer line is not the last"))?;
    let lines: Vec<_> = text.split('\n').collect();
    let width = lines.first().map_or(0, |line| line.len());
    let (last, full) = lines.split_last().ok_or(Armour("it is empty"))?;
    let fits = full.iter().all(|line| line.len() == width) && (1..=width).contains(&last.len());
    if !fits || width > MAX_LINE_BYTES {
        return Err(Armour("its lines do not have one length"));
    }
    Base64::decode_vec(&lines.concat()).map_err(|_| Armour("its base64 is broken"))
}

/// Writes the armour around decoded bytes as `ssh-keygen` writes it, for those who carry the bytes alone.
pub fn armour(blob: &[u8]) -> String {
    let mut text = format!("{BEGIN}\n");
    let base64 = Base64::encode_string(blob);
    for (index, c) in base64.chars().enumerate() {
        if index > 0 && index % ARMOUR_LINE_BYTES == 0 {
            text.push('\n');
        }
        text.push(c);
    }
    text + "\n" + END + "\n"
}

fn take<'a, const N: usize>(from: &mut &'a [u8]) -> Option<[u8; N]> {
    let (taken, rest): (&'a [u8; N], _) = from.split_first_chunk()?;
    *from = rest;
    Some(*taken)
}

/// Takes a `string` of RFC 4251, section 5.
fn take_string<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(u32::from_be_bytes(take::<4>(from)?)).ok()?;
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

fn namespace_of(bytes: &[u8]) -> Result<String, SshSignatureError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(SshSignatureError::Blob("the namespace is empty or not text")),
    }
}

fn hash_of(bytes: &[u8]) -> Result<HashAlg, SshSignatureError> {
    match bytes {
        b"sha256" => Ok(HashAlg::Sha256),
        b"sha512" => Ok(HashAlg::Sha512),
        other => Err(SshSignatureError::Hash(String::from_utf8_lossy(other).into_owned())),
    }
}

fn key_of(blob: &[u8]) -> Result<PublicKey, SshSignatureError> {
    let key = PublicKey::from_blob(blob).map_err(|error| match error {
        KeyError::Type(name) => {
            SshSignatureError::Unsupported(format!("'{}' is not a known type of key", shown(&name)))
        }
        other => SshSignatureError::Key(other),
    })?;
    match key.support() {
        Support::Verified => Ok(key),
        Support::Refused(reason) => Err(SshSignatureError::Weak(reason)),
        Support::CannotCheck(reason) => Err(SshSignatureError::Unsupported(reason)),
    }
}

fn signature_of(key: &PublicKey, bytes: &[u8]) -> Result<Signature, SshSignatureError> {
    let name = take_string(&mut &*bytes).ok_or(SshSignatureError::Blob("too short"))?;
    let accepted: &[&[u8]] = match key.kind() {
        Kind::Ed25519 => &[b"ssh-ed25519"],
        Kind::EcdsaP256 => &[b"ecdsa-sha2-nistp256"],
        Kind::EcdsaP384 => &[b"ecdsa-sha2-nistp384"],
        Kind::EcdsaP521 => &[b"ecdsa-sha2-nistp521"],
        // RFC 8332; `ssh-rsa` is SHA-1 (row 30).
        Kind::Rsa => &[b"rsa-sha2-512", b"rsa-sha2-256"],
        Kind::SkEd25519 => &[b"sk-ssh-ed25519@openssh.com"],
        Kind::SkEcdsaP256 => &[b"sk-ecdsa-sha2-nistp256@openssh.com"],
        Kind::Dsa | Kind::Certificate => &[],
    };
    let found = String::from_utf8_lossy(name).into_owned();
    if key.kind() == Kind::SkEcdsaP256 && name.starts_with(b"webauthn-") {
        return Err(SshSignatureError::Unsupported(format!("'{}' is not supported yet", shown(&found))));
    }
    if !accepted.contains(&name) {
        return Err(SshSignatureError::Algorithm { key: key.key_type(), found });
    }
    let broken = || SshSignatureError::Blob("the signature inside is broken");
    let signature = Signature::try_from(bytes).map_err(|_| broken())?;
    // `try_from` does not look at what is left over, so compare with the one encoding.
    let again = Vec::<u8>::try_from(signature.clone()).map_err(|_| broken())?;
    if again == bytes { Ok(signature) } else { Err(broken()) }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::*;
    use super::*;

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], bytes].concat()
    }

    /// Version, key, namespace, reserved, hash, signature.
    fn parts(armour: &str) -> (u32, [Vec<u8>; 5]) {
        let blob = unarmour(armour.as_bytes()).expect("armour");
        let mut rest = &blob[MAGIC.len()..];
        let version = u32::from_be_bytes(take(&mut rest).expect("version"));
        (version, std::array::from_fn(|_| take_string(&mut rest).expect("a string").to_vec()))
    }

    fn joined(version: u32, parts: &[Vec<u8>; 5]) -> Vec<u8> {
        let strings: Vec<u8> = parts.iter().flat_map(|part| string(part)).collect();
        [MAGIC, &version.to_be_bytes(), &strings].concat()
    }

    fn parse(armour: &str) -> Result<SshSignature, SshSignatureError> {
        SshSignature::parse(armour.as_bytes())
    }

    #[test]
    fn signatures_of_ssh_keygen_hold() {
        for signed in [ED25519, ECDSA_P256, ECDSA_P384, RSA_2048, SK_ED25519, SK_ECDSA] {
            let signature = parse(signed.armour).expect("well formed");
            assert_eq!(signature.public_key().to_line(), signed.key);
            assert_eq!(signature.verify("git", MESSAGE), Ok(()), "{}", signed.key);
            assert_eq!(signature.verify("git", b"fixed messagE\n"), Err(SshSignatureError::Mismatch));
        }
        assert_eq!(parse(ED25519_SHA256).expect("well formed").verify("git", MESSAGE), Ok(()));
    }

    // schema/threats.md, row 36
    #[test]
    fn a_signature_is_for_one_namespace() {
        let file = parse(ED25519_FILE).expect("well formed");
        assert_eq!(file.verify("file", MESSAGE), Ok(()));
        assert!(matches!(file.verify("git", MESSAGE), Err(SshSignatureError::Namespace { .. })));
        let (version, mut parts) = parts(ED25519_FILE);
        parts[1] = b"git".to_vec();
        let renamed = parse(&armour(&joined(version, &parts))).expect("well formed");
        assert_eq!(renamed.verify("git", MESSAGE), Err(SshSignatureError::Mismatch));
    }

    // schema/threats.md, row 29
    #[test]
    fn armour_has_one_form() {
        let good = ED25519.armour;
        let lines: Vec<_> = good.lines().collect();
        let hostile = [
            String::new(),
            "\n".to_owned(),
            format!("{BEGIN}\n{END}\n"),
            format!("{BEGIN}\n\n{END}\n"),
            format!(" {good}"),
            format!("text\n{good}"),
            format!("{good}\n"),
            format!("{good}text\n"),
            format!("{good}{good}"),
            good.trim_end().to_owned(),
            good.replace('\n', "\r\n"),
            good.replace(END, ""),
            good.replace(END, "-----END SSH SIGNATURE----"),
            good.replace("SSH SIGNATURE", "PGP SIGNATURE"),
            good.replacen('U', " U", 1),
            good.replacen('U', "U ", 1),
            good.replacen('U', "é", 1),
            good.replacen("\n", "\n\n", 1),
            lines[..2].iter().chain(&lines[3..]).map(|line| format!("{line}\n")).collect(),
            format!("{}\n{}{}\n{}\n", lines[0], lines[1], lines[2], lines[3..].join("\n")),
            format!("{BEGIN}\n{}\n{END}\n", "A".repeat(MAX_ARMOUR_BYTES)),
        ];
        for text in hostile {
            assert!(parse(&text).is_err(), "{text:?}");
        }
        let narrow: String = lines[1..lines.len() - 1].concat();
        let narrow: Vec<_> = narrow.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
        assert_eq!(parse(&format!("{BEGIN}\n{}\n{END}\n", narrow.join("\n"))), parse(good));
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_refused() {
        let blob = unarmour(ED25519.armour.as_bytes()).expect("armour");
        for length in 0..blob.len() {
            assert!(parse(&armour(&blob[..length])).is_err(), "{length}");
        }
        assert!(parse(&armour(&[&blob[..], b"\0"].concat())).is_err());
        for at in 0..blob.len() {
            let mut changed = blob.clone();
            changed[at] ^= 1;
            let verdict = parse(&armour(&changed)).and_then(|signature| signature.verify("git", MESSAGE));
            assert!(verdict.is_err(), "{at}");
        }
    }

    #[test]
    fn the_armour_is_the_one_of_ssh_keygen() {
        for text in [ED25519.armour, RSA_2048.armour] {
            assert_eq!(armour(&unarmour(text.as_bytes()).expect("an armour")), text);
        }
    }

    // schema/threats.md, row 30
    #[test]
    fn weak_and_unknown_forms_are_refused() {
        let (_, good) = parts(ED25519.armour);
        let changed = |at: usize, value: &[u8]| {
            let mut parts = good.clone();
            parts[at] = value.to_vec();
            parse(&armour(&joined(1, &parts)))
        };
        assert_eq!(parse(&armour(&joined(1, &good))), parse(ED25519.armour));
        assert_eq!(parse(&armour(&joined(2, &good))), Err(SshSignatureError::Version(2)));
        assert_eq!(parse(&armour(&joined(0, &good))), Err(SshSignatureError::Version(0)));
        assert_eq!(changed(2, b"x"), Err(SshSignatureError::Reserved));
        for hash in [&b"sha1"[..], b"SHA512", b"sha384", b"none", b""] {
            assert!(matches!(changed(3, hash), Err(SshSignatureError::Hash(_))));
        }
        assert!(changed(1, b"").is_err());
        assert!(changed(1, b"git\0").is_err());
        let (_, rsa) = parts(RSA_2048.armour);
        let mut sha1 = rsa.clone();
        let inner = take_string(&mut &rsa[4][string(b"rsa-sha2-512").len()..]).expect("the signature");
        sha1[4] = [string(b"ssh-rsa"), string(inner)].concat();
        assert!(matches!(parse(&armour(&joined(1, &sha1))), Err(SshSignatureError::Algorithm { .. })));
        let mut crossed = good.clone();
        crossed[4] = rsa[4].clone();
        assert!(matches!(parse(&armour(&joined(1, &crossed))), Err(SshSignatureError::Algorithm { .. })));
        assert!(matches!(parse(RSA_1024.armour), Err(SshSignatureError::Weak(_))));
        let dsa = [string(b"ssh-dss"), string(b"\x01")].concat();
        assert!(matches!(changed(0, &dsa), Err(SshSignatureError::Weak(_))));
    }

    #[test]
    fn what_is_not_implemented_is_said_to_be_so() {
        let unknown = string(b"ssh-mldsa-65");
        let (_, mut parts) = parts(ED25519.armour);
        parts[0] = unknown;
        for text in [CERTIFICATE, &armour(&joined(1, &parts))] {
            assert!(matches!(parse(text), Err(SshSignatureError::Unsupported(_))), "{text}");
        }
    }

    // schema/threats.md, row 31: S and S + L are the same number to a careless verifier.
    #[test]
    fn ed25519_signatures_are_not_malleable() {
        const L: [u8; 32] = {
            let mut order = [0; 32];
            // 2^252 + 27742317777372353535851937790883648493, least byte first (RFC 8032, section 5.1).
            let low: u128 = 27_742_317_777_372_353_535_851_937_790_883_648_493;
            let bytes = low.to_le_bytes();
            let mut at = 0;
            while at < 16 {
                order[at] = bytes[at];
                at += 1;
            }
            order[31] = 0x10;
            order
        };
        let (_, mut parts) = parts(ED25519.armour);
        let s = parts[4].len() - 32;
        let mut carry = 0;
        for (byte, add) in parts[4][s..].iter_mut().zip(L) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(carry, 0);
        let shifted = parse(&armour(&joined(1, &parts))).expect("well formed");
        assert_eq!(shifted.verify("git", MESSAGE), Err(SshSignatureError::Mismatch));
    }

    #[test]
    fn touch_is_reported_for_hardware_keys() {
        assert_eq!(parse(SK_ED25519.armour).expect("well formed").user_present(), Some(true));
        assert_eq!(parse(SK_ECDSA.armour).expect("well formed").user_present(), Some(true));
        let untouched = parse(SK_ED25519_UNTOUCHED).expect("well formed");
        assert_eq!((untouched.user_present(), untouched.verify("git", MESSAGE)), (Some(false), Ok(())));
        assert_eq!(parse(ED25519.armour).expect("well formed").user_present(), None);
    }
}
