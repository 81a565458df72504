//! Any bytes as a signature: it never holds over what was not signed, and a key has one encoding.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::signature::{AllowedSigners, PublicKey, Signers, SshSignature, verify};

fuzz_target!(|bytes: &[u8]| {
    let none = AllowedSigners::default();
    let verdict = verify(b"message", Some(bytes), "git", 1, &Signers { allowed: &none, revoked: None });
    assert!(!verdict.is_good(), "nobody is allowed: {verdict}");
    if let Ok(key) = PublicKey::from_blob(bytes) {
        assert_eq!(key.to_line().parse::<PublicKey>().expect("its own line"), key);
    }
    match SshSignature::parse(bytes) {
        Ok(signature) => {
            assert!(!signature.namespace().is_empty());
            let _ = (signature.user_present(), signature.fingerprint());
            if let Err(error) = signature.verify("git", b"message") {
                plain(&error);
            }
        }
        Err(error) => plain(&error),
    }
});
