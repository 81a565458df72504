//! Names of branches, tags and commits, by the rules of `git check-ref-format`.

use semver::{Version, VersionReq};

/// Longest name accepted, in bytes: what a file name may have where refs are files.
const MAX_REF_BYTES: usize = 255;

/// Why a text cannot name a branch, tag or commit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not the name of a branch, tag or commit: {rule}", super::shown(.name))]
pub struct RefNameError {
    /// The text.
    pub name: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

/// Checks the name of a branch or tag, with or without `refs/…` in front, or a commit id.
///
/// The rules of `git check-ref-format --allow-onelevel`, and three of ours: no part starts with `-` (an
/// option), the name is not `HEAD` (it means something else in every repository), at most 255 bytes.
///
/// # Errors
/// [`RefNameError`] with the first rule broken.
pub fn check_ref_name(name: &str) -> Result<(), RefNameError> {
    match broken_rule(name) {
        Some(rule) => Err(RefNameError { name: name.to_owned(), rule }),
        None => Ok(()),
    }
}

/// Returns the range of versions that a text asks for, in Cargo's spelling: `^1.2`, `~1.2.3`, `>=1, <3`, `=1.0.0`, `*`.
///
/// A range starts with its operator, so that no name of a branch or tag is taken for one.
pub fn version_range(text: &str) -> Option<VersionReq> {
    if !text.starts_with(['^', '~', '>', '<', '=', '*']) {
        return None;
    }
    VersionReq::parse(text).ok()
}

/// Returns the version that a tag is called after: `v1.2.3` or `1.2.3`.
pub fn tag_version(tag: &str) -> Option<Version> {
    Version::parse(tag.strip_prefix('v').unwrap_or(tag)).ok()
}

fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > MAX_REF_BYTES {
        return Some("it has 1 to 255 bytes");
    }
    if name.chars().any(|c| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\')) {
        return Some("it has no space, control character or any of ~^:?*[\\");
    }
    if name.contains("..") || name.contains("@{") || name.ends_with('.') || name == "@" {
        return Some("it has no '..' or '@{', does not end with '.' and is not '@'");
    }
    if name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock")) {
        return Some("no part is empty, starts with '.' or ends with '.lock'");
    }
    if name.split('/').any(|part| part.starts_with('-')) {
        return Some("no part starts with '-'");
    }
    (name == "HEAD").then_some("'HEAD' is not a branch or tag")
}
