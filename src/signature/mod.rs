//! SSH signatures: exact bytes and lists of keys go in, a verdict comes out (level 1).
//!
//! Owns the parsers of SSHSIG armour, `allowed_signers`, revocation lists and raw git objects, and the one
//! function [`verify`]. Knows nothing of repositories, ledgers or processes; signing is `git::ssh`. Where a
//! rule of OpenSSH is followed, the text is `PROTOCOL.sshsig` and `ssh-keygen(1)`, read beside the source of
//! OpenSSH 9.2; where we are stricter, the doc comment says so. We are never laxer.

mod allowed_signers;
mod commit;
mod date;
mod key;
mod minisign;
mod object;
mod pattern;
mod revoked;
mod sshsig;
mod tag;
#[cfg(test)]
pub(crate) mod testdata;
mod verdict;

pub use allowed_signers::{AllowedSigner, AllowedSigners, AllowedSignersError, LineError, MAX_SIGNERS_BYTES, Outcome};
pub use commit::{RawCommit, SignedCommit, attach_to_commit};
pub use date::{MAX_UNIX_TIME, Moment, rfc3339};
pub use key::{KeyError, MIN_RSA_BITS, PublicKey};
pub use minisign::{MAX_MINISIGN_BYTES, MinisignError, MinisignKey, MinisignSigner, MinisignVerdict, verify_minisign};
pub use object::{MAX_OBJECT_BYTES, ObjectError};
pub use revoked::{MAX_REVOKED_BYTES, RevokedError, RevokedKeys};
pub use sshsig::{MAX_ARMOUR_BYTES, SshSignature, SshSignatureError, armour, unarmour};
pub use tag::{ObjectKind, RawTag, Tagger, attach, tag_payload};
pub use verdict::{Signers, Verdict, signed_by, verify};

/// Namespace of every signature that git makes or checks (`gpg-interface.c`).
pub const GIT_NAMESPACE: &str = "git";

/// Returns at most 80 characters of `text`, control characters escaped.
pub fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}
