//! The one function that says whether a signature holds, and its answers.

use std::fmt;

use super::allowed_signers::{AllowedSigners, Outcome};
use super::key::PublicKey;
use super::revoked::RevokedKeys;
use super::sshsig::{self, SshSignature, SshSignatureError};
use super::{rfc3339, shown};

/// What is known about a signature. Only [`Verdict::Good`] is good; the others are kept apart because each
/// calls for something else to be done.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
#[must_use]
pub enum Verdict {
    /// Signed by a key that a principal holds, for this namespace, at a time when it was valid.
    Good {
        /// The principal, as the list of allowed signers writes it.
        principal: String,
        /// The key.
        fingerprint: String,
    },
    /// Not a signature that is accepted, or not over these bytes.
    Bad {
        /// What is wrong.
        reason: String,
    },
    /// The signature holds, by a key that no principal holds.
    UnknownKey {
        /// The key.
        fingerprint: String,
    },
    /// The signature holds, but the key was no longer valid at that time.
    Expired {
        /// The key.
        fingerprint: String,
        /// Last moment at which the key was valid.
        valid_before: String,
        /// The time asked about.
        time: String,
    },
    /// The signature holds, but the key was not yet valid at that time.
    NotYetValid {
        /// The key.
        fingerprint: String,
        /// First moment at which the key is valid.
        valid_after: String,
        /// The time asked about.
        time: String,
    },
    /// The signature holds, but the key is not allowed to sign for this namespace.
    WrongNamespace {
        /// The key.
        fingerprint: String,
        /// The namespace asked about.
        namespace: String,
    },
    /// The signature holds, but the key is revoked, whether or not a principal holds it.
    Revoked {
        /// The key.
        fingerprint: String,
    },
    /// There is no signature.
    Unsigned,
    /// Nothing can be said: a format, key type or list that is not supported.
    CannotCheck {
        /// What stands in the way.
        reason: String,
    },
}

impl Verdict {
    /// Returns whether it is [`Verdict::Good`].
    pub fn is_good(&self) -> bool {
        matches!(self, Verdict::Good { .. })
    }

    /// Returns its word, as JSON has it.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Good { .. } => "good",
            Verdict::Bad { .. } => "bad",
            Verdict::UnknownKey { .. } => "unknown-key",
            Verdict::Expired { .. } => "expired",
            Verdict::NotYetValid { .. } => "not-yet-valid",
            Verdict::WrongNamespace { .. } => "wrong-namespace",
            Verdict::Revoked { .. } => "revoked",
            Verdict::Unsigned => "unsigned",
            Verdict::CannotCheck { .. } => "cannot-check",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Good { principal, fingerprint } => {
                write!(f, "good signature by '{}' with key {fingerprint}", shown(principal))
            }
            Verdict::Bad { reason } => write!(f, "bad signature: {reason}"),
            Verdict::UnknownKey { fingerprint } => {
                write!(f, "good signature by {fingerprint}, a key that no principal holds")
            }
            Verdict::Expired { fingerprint, valid_before, time } => {
                write!(f, "signed at {time} by {fingerprint}, a key that was valid until {valid_before}")
            }
            Verdict::NotYetValid { fingerprint, valid_after, time } => {
                write!(f, "signed at {time} by {fingerprint}, a key that is valid from {valid_after}")
            }
            Verdict::WrongNamespace { fingerprint, namespace } => {
                write!(f, "signed by {fingerprint}, a key that may not sign for namespace '{}'", shown(namespace))
            }
            Verdict::Revoked { fingerprint } => write!(f, "signed by {fingerprint}, a key that is revoked"),
            Verdict::Unsigned => f.write_str("not signed"),
            Verdict::CannotCheck { reason } => write!(f, "cannot check the signature: {reason}"),
        }
    }
}

/// Whose signatures are believed.
#[derive(Debug, Clone, Copy)]
pub struct Signers<'a> {
    /// The keys and who holds them.
    pub allowed: &'a AllowedSigners,
    /// The keys that are believed no longer. `None` means that there is no such list, never that one is
    /// missing or unreadable: that is for the caller to refuse (`schema/threats.md`, 2.2).
    pub revoked: Option<&'a RevokedKeys>,
}

/// Says whether `armour` is a signature over exactly `payload` for `namespace`, by whom, and whether `signers`
/// lets that key sign at `time_unix`, in seconds since 1970.
///
/// Good exactly when `git verify-tag` exits 0 with the same lists, if `time_unix` is the date of the tagger and
/// the lists are ones that we read; what we refuse and git takes is said at the parsers, and a signature that a
/// hardware key made without a touch is refused as well. That date is written by the signer, so a stolen key can sign as of any date (`schema/threats.md`, 2.1): once a ledger is at hand, the
/// caller must judge expiry and revocation by position in it and not by this time.
pub fn verify(
    payload: &[u8],
    armour: Option<&[u8]>,
    namespace: &str,
    time_unix: u64,
    signers: &Signers<'_>,
) -> Verdict {
    let (key, fingerprint) = match signed_by(payload, armour, namespace) {
        Ok(key) => (key.clone(), key.fingerprint()),
        Err(verdict) => return verdict,
    };
    if signers.revoked.is_some_and(|revoked| revoked.contains(&key)) {
        return Verdict::Revoked { fingerprint };
    }
    judge(signers.allowed.check(&key, namespace, time_unix), fingerprint, namespace, time_unix)
}

/// Returns the key that made a signature over exactly `payload` for `namespace`; who may sign is for the caller to judge.
///
/// # Errors
/// The verdict, where the signature does not hold: never [`Verdict::Good`].
pub fn signed_by(payload: &[u8], armour: Option<&[u8]>, namespace: &str) -> Result<PublicKey, Verdict> {
    let Some(armour) = armour else { return Err(Verdict::Unsigned) };
    if let Some(format) = foreign_format(armour) {
        return Err(Verdict::CannotCheck { reason: format!("{format} signatures are not supported") });
    }
    let signature = match SshSignature::parse(armour) {
        Ok(signature) => signature,
        Err(SshSignatureError::Unsupported(reason)) => return Err(Verdict::CannotCheck { reason }),
        Err(error) => return Err(bad(&error)),
    };
    signature.verify(namespace, payload).map_err(|error| bad(&error))?;
    // A program on the machine may have asked the hardware key without its owner. `ssh-keygen -Y verify` passes over
    // that, and its lists of signers know no option that would allow it.
    if signature.user_present() == Some(false) {
        return Err(Verdict::Bad { reason: "nobody touched the hardware key that made it".to_owned() });
    }
    Ok(signature.public_key().clone())
}

/// Turns the answer of the list of allowed signers into a verdict on a signature that holds.
fn judge(outcome: Outcome, fingerprint: String, namespace: &str, time_unix: u64) -> Verdict {
    let time = rfc3339(time_unix);
    match outcome {
        Outcome::Allowed { principals } => match principals.into_iter().next() {
            Some(principal) => Verdict::Good { principal, fingerprint },
            None => Verdict::UnknownKey { fingerprint },
        },
        Outcome::NotListed => Verdict::UnknownKey { fingerprint },
        Outcome::Expired { valid_before } => {
            Verdict::Expired { fingerprint, valid_before: valid_before.to_string(), time }
        }
        Outcome::NotYetValid { valid_after } => {
            Verdict::NotYetValid { fingerprint, valid_after: valid_after.to_string(), time }
        }
        Outcome::WrongNamespace => Verdict::WrongNamespace { fingerprint, namespace: namespace.to_owned() },
        Outcome::CannotCheck { reason } => Verdict::CannotCheck { reason },
    }
}

fn bad(error: &SshSignatureError) -> Verdict {
    let reason = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Verdict::Bad { reason }
}

/// Returns the name of the format when the block is one that git knows and we do not.
fn foreign_format(armour: &[u8]) -> Option<&'static str> {
    match armour {
        _ if armour.starts_with(sshsig::BEGIN.as_bytes()) => None,
        _ if armour.starts_with(b"-----BEGIN PGP ") => Some("OpenPGP"),
        _ if armour.starts_with(b"-----BEGIN SIGNED MESSAGE-----") => Some("X.509"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testdata::*;
    use super::*;

    const FINGERPRINT: &str = "SHA256:d+4mwKROjiPqEZtA18Od+Edjm9GFc6Q3ViMxPpt42B0";
    /// 2026-11-22T14:00:00Z.
    const NOON: u64 = 1_795_356_000;

    /// Verdict on an armour, with a list in which `K` stands for the Ed25519 key.
    fn verdict(armour: Option<&str>, allowed: &str, revoked: Option<&str>) -> Verdict {
        let allowed = AllowedSigners::parse(allowed.replace('K', ED25519.key).as_bytes()).expect("a list");
        let revoked = revoked.map(|text| RevokedKeys::parse(text.as_bytes()).expect("a list"));
        let signers = Signers { allowed: &allowed, revoked: revoked.as_ref() };
        verify(MESSAGE, armour.map(str::as_bytes), "git", NOON, &signers)
    }

    fn word(verdict: &Verdict) -> String {
        serde_json::to_value(verdict).expect("JSON")["verdict"].as_str().expect("a word").to_owned()
    }

    #[test]
    fn every_verdict_is_kept_apart() {
        let good = Some(ED25519.armour);
        let signed = |allowed: &str| verdict(good, allowed, None);
        assert_eq!(signed("alice K"), Verdict::Good { principal: "alice".into(), fingerprint: FINGERPRINT.into() });
        let cases = [
            (signed("alice K"), "good"),
            (signed(""), "unknown-key"),
            (signed("alice valid-before=\"20260101Z\" K"), "expired"),
            (signed("alice valid-after=\"20270101Z\" K"), "not-yet-valid"),
            (signed("alice namespaces=\"file\" K"), "wrong-namespace"),
            (signed("alice valid-before=\"20261122\" K"), "cannot-check"),
            (verdict(good, "alice K", Some(ED25519.key)), "revoked"),
            (verdict(good, "", Some(ED25519.key)), "revoked"),
            (verdict(good, "alice K", Some(RSA_2048.key)), "good"),
            (verdict(None, "alice K", None), "unsigned"),
            (verdict(Some(ED25519_FILE), "alice K", None), "bad"),
            (verdict(Some(""), "alice K", None), "bad"),
            (verdict(Some(RSA_1024.armour), "alice K", None), "bad"),
            (verdict(Some(CERTIFICATE), "alice cert-authority K", None), "cannot-check"),
            (verdict(Some(ECDSA_P384.armour), "alice K", None), "unknown-key"),
            (verdict(Some(SK_ED25519.armour), "alice K", None), "unknown-key"),
            (verdict(Some(SK_ED25519_UNTOUCHED), "alice K", None), "bad"),
            (verdict(Some("-----BEGIN PGP SIGNATURE-----\n"), "alice K", None), "cannot-check"),
            (verdict(Some("-----BEGIN SIGNED MESSAGE-----\n"), "alice K", None), "cannot-check"),
        ];
        for (verdict, expected) in cases {
            assert_eq!((word(&verdict).as_str(), verdict.word()), (expected, expected), "{verdict}");
            assert_eq!(verdict.is_good(), expected == "good");
        }
    }

    #[test]
    fn a_changed_message_is_bad_whoever_signed() {
        let allowed = AllowedSigners::default();
        let signers = Signers { allowed: &allowed, revoked: None };
        let verdict = verify(b"other", Some(ED25519.armour.as_bytes()), "git", NOON, &signers);
        assert_eq!(verdict.to_string(), "bad signature: the signature does not match the signed bytes");
    }

    #[test]
    fn lines_for_people_show_no_control_characters() {
        let principal = "a\u{202e}\u{1b}[2J".to_owned();
        let text = Verdict::Good { principal, fingerprint: FINGERPRINT.into() }.to_string();
        assert!(text.is_ascii() && !text.contains('\u{1b}'), "{text}");
        assert_eq!(
            verdict(Some(ED25519.armour), "a valid-before=\"20260101Z\" K", None).to_string(),
            format!("signed at 2026-11-22T14:00:00Z by {FINGERPRINT}, a key that was valid until 2026-01-01T00:00:00Z")
        );
    }
}
