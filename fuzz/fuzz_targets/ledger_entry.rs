//! Any text as an entry of a ledger, or as a root file: what is taken is exactly what would be written.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::model::{LedgerEntry, RootFile};
use skillmeat::signature::SignedCommit;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        match LedgerEntry::parse(text) {
            Ok(entry) => assert_eq!(entry.render(), text),
            Err(error) => plain(&error),
        }
    }
    match RootFile::parse(bytes) {
        Ok(root) => assert_eq!(root.render().as_bytes(), bytes),
        Err(error) => plain(&error),
    }
    // What a commit is without its signature, and the signature, are the commit: no line of it is lost or read twice.
    if let Ok(Some(signed)) = SignedCommit::parse(bytes) {
        assert!(signed.payload.len() + signed.armour.len() < bytes.len());
    }
});
