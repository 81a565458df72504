//! Any bytes as a list of signers or of revoked keys.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::signature::{AllowedSigners, Outcome, PublicKey, RevokedKeys};

fuzz_target!(|bytes: &[u8]| {
    match AllowedSigners::parse(bytes) {
        Ok(list) => {
            for signer in list.iter() {
                for (namespace, time) in [("git", 0), ("git", 1_795_356_000), ("file", u64::MAX)] {
                    let outcome = list.check(signer.key(), namespace, time);
                    if let Outcome::Allowed { principals } = outcome {
                        assert!(!principals.is_empty(), "allowed, and to nobody");
                    }
                }
                assert_eq!(&signer.key().to_line().parse::<PublicKey>().expect("its own line"), signer.key());
            }
        }
        Err(error) => plain(&error),
    }
    match RevokedKeys::parse(bytes) {
        Ok(list) => assert!(list.iter().all(|key| list.contains(key))),
        Err(error) => plain(&error),
    }
});
