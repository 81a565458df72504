//! The order in which JavaScript's `localeCompare` puts paths, for those of ASCII.
//!
//! It is the root order of the Unicode collation: marks before digits before letters, and case only where nothing else
//! differs. Beyond ASCII it depends on tables and on the language of the machine, so such paths have no known order.

use std::cmp::Ordering;

/// Printable ASCII without digits and letters, in the order of the root collation.
const MARKS: &[u8; 33] = b" _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Compares two paths; `None` where the order is not known.
pub(super) fn compare(a: &str, b: &str) -> Option<Ordering> {
    let (a, b) = (keys(a)?, keys(b)?);
    let primary = |keys: &[(u8, bool)]| keys.iter().map(|(key, _)| *key).collect::<Vec<_>>();
    let case = |keys: &[(u8, bool)]| keys.iter().map(|(_, upper)| *upper).collect::<Vec<_>>();
    Some(primary(&a).cmp(&primary(&b)).then_with(|| case(&a).cmp(&case(&b))))
}

/// Returns weight and case of each character.
fn keys(text: &str) -> Option<Vec<(u8, bool)>> {
    let key = |byte: u8| match byte {
        b'0'..=b'9' => Some((40 + byte - b'0', false)),
        b'a'..=b'z' => Some((60 + byte - b'a', false)),
        b'A'..=b'Z' => Some((60 + byte - b'A', true)),
        _ => u8::try_from(MARKS.iter().position(|mark| *mark == byte)?).ok().map(|at| (at, false)),
    };
    text.bytes().map(key).collect()
}
