//! Which paths can stand together.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::{PathError, TreePath};

/// Checks that the paths can stand in one folder together on every file system.
///
/// Folders count as well: `A/x` and `a/y` share a folder on one system and not on another. Costs one sort.
///
/// # Errors
/// [`PathError::Duplicate`], [`PathError::Twins`] for two that are equal after NFKC and case folding,
/// [`PathError::FileAndFolder`] for a path that is also a folder of another.
pub fn check_set<'a>(paths: impl IntoIterator<Item = &'a TreePath>) -> Result<(), PathError> {
    let mut sorted: Vec<_> = paths.into_iter().map(TreePath::as_str).collect();
    sorted.sort_unstable();
    let mut names = Vec::with_capacity(sorted.len() * 2);
    let mut before = "";
    for path in sorted {
        // All paths below one folder are neighbours in byte order, so each folder is new exactly once.
        let shared = path.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
        let folders = path.match_indices('/').map(|(end, _)| end).filter(|end| *end >= shared);
        names.extend(folders.map(|end| Name::new(&path[..end], true)));
        names.push(Name::new(path, false));
        before = path;
    }
    names.sort_unstable();
    names.windows(2).try_for_each(|pair| pair[0].beside(&pair[1]))
}

/// A file or folder under the name that all its spellings share.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a> {
    folded: Cow<'a, str>,
    path: &'a str,
    is_folder: bool,
}

impl<'a> Name<'a> {
    fn new(path: &'a str, is_folder: bool) -> Self {
        Self { folded: fold(path), path, is_folder }
    }

    fn beside(&self, next: &Self) -> Result<(), PathError> {
        if self.folded != next.folded {
            return Ok(());
        }
        let path = self.path.to_owned();
        Err(match (self.path == next.path, self.is_folder == next.is_folder) {
            (true, true) => PathError::Duplicate { path },
            (true, false) => PathError::FileAndFolder { path },
            (false, _) => PathError::Twins { first: path, second: next.path.to_owned() },
        })
    }
}

/// Returns one text for all spellings that some file system takes for the same name.
pub(in crate::model) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let upper = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if upper { text.to_ascii_lowercase().into() } else { text.into() };
    }
    // Lower, upper, lower is Unicode's full case folding for all but rare letters: `ẞ`, `ß` and `ss` become one,
    // and so do `ı` and `i`.
    let cased = text.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).flat_map(char::to_lowercase);
    let folded: String = cased.nfkc().collect();
    // `İ` lower-cases to `i` with a dot above, which a Turkish system takes for `i`.
    folded.replace("i\u{307}", "i").into()
}
