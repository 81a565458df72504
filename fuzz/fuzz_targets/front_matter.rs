//! Any bytes as a file with front matter: the body is the end of the file, and lines are those of the file.
#![no_main]

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::model::Document;

fuzz_target!(|bytes: &[u8]| {
    match Document::parse(bytes) {
        Ok(document) => {
            assert!(bytes.ends_with(document.body.as_bytes()));
            let before = &bytes[..bytes.len() - document.body.len()];
            let lines = before.iter().filter(|byte| **byte == b'\n').count();
            assert!(document.body_line as usize <= lines + 2, "line {} after {lines}", document.body_line);
            if let Some(front) = document.front {
                for field in front.map.fields() {
                    assert!(front.map.field(&field.key).is_some(), "{:?}", field.key);
                }
                let _ = (front.name().map(str::len), front.description().map(str::len), front.get("metadata.version"));
            }
        }
        Err(error) => plain(&error),
    }
});
