//! Where artifacts come from: the text after `add`, parsed into a folder or a git URL.
//!
//! Git reads some texts as options or as programs to run (`--upload-pack=…`, `ext::…`, `-oProxyCommand=…`
//! as a host). Those are refused here by their form, before any text reaches git. Whether a place may be
//! used is the caller's decision; [`Source::transport`] tells what it would take.

mod reference;
mod url;

use std::fmt;

use super::hidden::is_hidden;
use super::{PathError, TreePath};
pub use reference::{RefNameError, check_ref_name, tag_version, version_range};

/// Longest source accepted, in bytes; the practical limit of URLs.
const MAX_SOURCE_BYTES: usize = 2048;

/// A place that artifacts are read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// The folder or repository.
    pub location: Location,
    /// Branch, tag, full commit id or range of versions; `None` follows the default branch. Always `None` for a folder.
    pub reference: Option<String>,
    /// Folder or file within the repository. Always `None` for a folder.
    pub subpath: Option<TreePath>,
}

/// Folder or repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Location {
    /// A path that starts with `/`, `./`, `../` or a drive letter.
    Local(String),
    /// A repository.
    Git {
        /// URL without credentials, query and fragment, or `user@host:path`.
        url: String,
    },
}

/// How a source is reached, for policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A folder given as a path.
    Local,
    /// `file://`.
    File,
    /// `http://`: anyone on the way can read and change what is fetched.
    Http,
    /// `https://`.
    Https,
    /// `ssh://` or `user@host:path`.
    Ssh,
}

/// Why a text is not a source. No variant repeats what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Nothing, or more than 2,048 bytes.
    #[error("a source has 1 to {MAX_SOURCE_BYTES} bytes, found {found}")]
    Length {
        /// Bytes found.
        found: usize,
    },
    /// A control or invisible character.
    #[error("the source holds the character {}", .0.escape_unicode())]
    Character(char),
    /// Git or another program would read the part as an option.
    #[error("{part} of the source starts with '-', which git would read as an option")]
    Dash {
        /// The part at fault.
        part: &'static str,
    },
    /// `ext::`, `fd::` and the like name a program for git to run.
    #[error("'{0}::' names a helper program, not a repository")]
    Helper(String),
    /// A scheme other than https, http, ssh and file.
    #[error("'{0}://' is not supported: use https, ssh or file")]
    Scheme(String),
    /// A user name or password in the URL, or an `@` where one would stand.
    #[error("the source holds '@' where a user name or password stands; leave it to a git credential helper")]
    Credentials,
    /// The host is missing or no host name.
    #[error("the host in '{0}' is not a host name")]
    Host(String),
    /// The path of the URL is missing or has `.`, `..`, `?` or other characters that it must not have.
    #[error("the path in '{0}' does not name a repository")]
    Path(String),
    /// The folder within the repository is not usable.
    #[error("the folder in '{}' is not usable", .text)]
    Subpath {
        /// The source, secrets left out.
        text: String,
        /// Which rule it breaks.
        source: PathError,
    },
    /// The branch, tag or commit is not one.
    #[error("the source names a branch, tag or commit that cannot exist")]
    Reference(#[from] RefNameError),
    /// Nothing that is known.
    #[error("'{0}' is neither a path (./x), a git URL nor owner/repo")]
    Unknown(String),
}

/// Returns at most 80 characters that hold no secret, escaped: what stands before the last `@` or from a `?` on, where
/// tokens are put, is left out.
fn shown(text: &str) -> String {
    let tail = text.rfind('@').map_or(text, |at| &text[at + 1..]);
    let tail = tail.find('?').map_or(tail, |at| &tail[..=at]);
    let mut out = String::from(if tail.len() < text.len() { "…@" } else { "" });
    out.extend(tail.chars().take(80).flat_map(char::escape_debug));
    if tail.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

impl Source {
    /// Parses what a user typed or a file says.
    ///
    /// Read in this order: a path (`/x`, `./x`, `../x`); a URL (`https://host/o/r.git//sub/path#ref`, or the page of
    /// a folder on GitHub or GitLab); a text for which `exists_here` says that there is such a path;
    /// `user@host:path`; `owner/repo[/sub/path][@ref]` on `forge_base`, such as `https://github.com`.
    ///
    /// # Errors
    /// [`SourceError`]; the text of the error holds no password.
    pub fn parse(text: &str, exists_here: impl Fn(&str) -> bool, forge_base: &str) -> Result<Self, SourceError> {
        check_characters(text)?;
        if text.starts_with('-') {
            return Err(SourceError::Dash { part: "the start" });
        }
        if is_path(text) {
            return Ok(Self::local(text));
        }
        if let Some(helper) = helper(text) {
            return Err(SourceError::Helper(helper.to_owned()));
        }
        if text.contains("://") {
            return url::parse(text, forge_base);
        }
        if text.starts_with('~') {
            return Err(SourceError::Unknown(shown(text)));
        }
        if exists_here(text) {
            let path = format!("./{text}");
            // What is taken is written down, and has to be read again.
            check_characters(&path)?;
            return Ok(Self::local(&path));
        }
        match text.find([':', '/']) {
            Some(at) if text.as_bytes()[at] == b':' => url::parse_scp(text),
            _ => url::parse_shorthand(text, forge_base),
        }
    }

    fn local(path: &str) -> Self {
        Self { location: Location::Local(path.to_owned()), reference: None, subpath: None }
    }

    /// Returns how the source is reached.
    pub fn transport(&self) -> Transport {
        match &self.location {
            Location::Local(_) => Transport::Local,
            Location::Git { url } if url.starts_with("https://") => Transport::Https,
            Location::Git { url } if url.starts_with("http://") => Transport::Http,
            Location::Git { url } if url.starts_with("file://") => Transport::File,
            Location::Git { .. } => Transport::Ssh,
        }
    }

    /// Returns the last name in the source, for an artifact that has no name of its own; it may be empty.
    pub fn last_name(&self) -> &str {
        let text = match (&self.subpath, &self.location) {
            (Some(path), _) => return path.file_name(),
            (None, Location::Local(path)) => path.trim_end_matches(['/', '.']),
            (None, Location::Git { url }) => url.strip_suffix(".git").unwrap_or(url),
        };
        text.rsplit(['/', '\\', ':']).next().unwrap_or_default()
    }
}

/// Writes the one spelling that parses back to the same source.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.location {
            Location::Local(path) => f.write_str(path)?,
            Location::Git { url } => f.write_str(url)?,
        }
        if let Some(path) = &self.subpath {
            write!(f, "//{}", url::percent_encoded(path.as_str()))?;
        }
        match &self.reference {
            Some(reference) => write!(f, "#{reference}"),
            None => Ok(()),
        }
    }
}

fn check_characters(text: &str) -> Result<(), SourceError> {
    if text.is_empty() || text.len() > MAX_SOURCE_BYTES {
        return Err(SourceError::Length { found: text.len() });
    }
    text.chars().find(|c| is_hidden(*c)).map_or(Ok(()), |c| Err(SourceError::Character(c)))
}

fn is_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive =
        bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':' && matches!(bytes[2], b'/' | b'\\');
    matches!(text, "." | "..") || ["/", "./", "../", ".\\", "..\\"].iter().any(|start| text.starts_with(start)) || drive
}

/// Returns the helper that git would run for `helper::address`.
fn helper(text: &str) -> Option<&str> {
    let (name, _) = text.split_once("::")?;
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.')).then_some(name)
}

#[cfg(test)]
mod tests;
