//! What every target demands of an error.

use std::error::Error;

/// Longest message, in bytes; `schema/threats.md`, section 1.
const MAX_MESSAGE_BYTES: usize = 4096;

/// Panics when the messages of an error could steer a terminal or fill it.
pub fn plain(error: &dyn Error) {
    let (mut next, mut length) = (Some(error), 0);
    while let Some(error) = next {
        let text = error.to_string();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        length += text.len();
        next = error.source();
    }
    assert!(length < MAX_MESSAGE_BYTES, "{length} bytes");
}
