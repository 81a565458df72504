//! Credentials in what a release says beside its artifacts: words of the user and of the collection, and files that are made
//! of them.

use std::collections::BTreeSet;

use super::Error;
use super::generate::Facts;
use crate::model::{MANIFEST_PATH, TreePath};
use crate::scan::find_secrets;

/// Refuses words and generated files that hold what looks like a credential. Returns what allows those that are there.
///
/// # Errors
/// [`Error::Secret`], with every place. Words are told once, however many files repeat them.
pub(super) fn check(facts: &Facts<'_>, files: &[(TreePath, Vec<u8>)]) -> Result<Vec<String>, Error> {
    let author = facts.author.map(|who| format!("{} {}", who.author.name, who.author.email)).unwrap_or_default();
    let words = [
        ("description", MANIFEST_PATH, facts.description),
        ("licence", MANIFEST_PATH, facts.license),
        ("author", "plugin.json", &author),
    ];
    let (mut known, mut allowed, mut reasons) = (BTreeSet::new(), Vec::new(), Vec::new());
    let mut judge = |id: &str, place: &str, text: String| match facts.wish.allows(id, place) {
        Some(by) => allowed.push(by),
        None => reasons.push(format!("{text} [{id}]")),
    };
    for (what, path, text) in words {
        for found in find_secrets(text.as_bytes()) {
            known.insert(&text.as_bytes()[found.range.clone()]);
            judge(found.id, path, format!("the {what} in '{path}': {}", found.message));
        }
    }
    for (path, bytes) in files {
        for found in find_secrets(bytes).into_iter().filter(|found| !known.contains(&bytes[found.range.clone()])) {
            judge(found.id, path.as_str(), format!("'{path}': {}", found.message));
        }
    }
    if reasons.is_empty() { Ok(allowed) } else { Err(Error::Secret(reasons)) }
}
