//! Any bytes as a raw tag or commit: what was signed and the signature are the tag, without a byte more.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::signature::{RawCommit, RawTag};

fuzz_target!(|bytes: &[u8]| {
    match RawTag::parse(bytes) {
        Ok(tag) => {
            let whole = [tag.payload(), tag.signature().unwrap_or_default()].concat();
            assert_eq!(whole, bytes);
            let _ = (tag.name().len(), tag.time_unix(), tag.trailer("skillmeat-tree").is_ok());
        }
        Err(error) => plain(&error),
    }
    match RawCommit::parse(bytes) {
        Ok(commit) => drop((commit.tree(), commit.parents().len())),
        Err(error) => plain(&error),
    }
});
