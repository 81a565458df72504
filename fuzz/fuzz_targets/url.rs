//! Any text as the place of a source: what is taken is written so that it is read as the same, and never as an option.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::model::{Location, Source, check_ref_name};

fuzz_target!(|text: &str| {
    for exists in [false, true] {
        match Source::parse(text, |_| exists, "https://github.com") {
            Ok(source) => {
                let (Location::Git { url: place } | Location::Local(place)) = &source.location;
                // How git finds the name of a helper that it would run.
                let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
                let is_helper = place.trim_start_matches(name).starts_with("::");
                assert!(!place.starts_with('-') && !is_helper, "{place:?}");
                let again = Source::parse(&source.to_string(), |_| false, "https://github.com");
                assert_eq!(again.as_ref(), Ok(&source), "{source}");
                let _ = (source.transport(), source.last_name().len());
            }
            Err(error) => plain(&error),
        }
    }
    if let Err(error) = check_ref_name(text) {
        plain(&error);
    }
});
