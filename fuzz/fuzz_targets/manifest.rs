//! Any bytes as `bundle.toml`: what is taken is written as it was.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::model::BundleManifest;

fuzz_target!(|bytes: &[u8]| {
    match BundleManifest::parse(bytes) {
        Ok(manifest) => assert_eq!(manifest.render().as_bytes(), bytes),
        Err(error) => plain(&error),
    }
});
