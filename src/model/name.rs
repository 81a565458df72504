//! Names of artifacts and bundles.

use std::fmt;
use std::str::FromStr;

use super::{Kind, TreePath};

/// Longest segment of a name, in bytes: the limit of the Agent Skills specification.
pub const MAX_NAME_SEGMENT_BYTES: usize = 64;

/// Most segments in the name of a command: `commands/a/b/c.md`.
const MAX_COMMAND_SEGMENTS: usize = 4;

/// Names that a checkout on Windows cannot hold, with or without an extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text breaks the form of a name.
    #[error("'{}' is not a name: use 1 to 64 of a-z, 0-9 and '-', with a letter or digit at both ends", shown(.0))]
    Form(String),
    /// The name is one that Windows reserves for a device.
    #[error("'{0}' is a device name on Windows")]
    Device(String),
    /// The text has no `kind/` in front, or an unknown one.
    #[error("'{}' does not name an artifact: write kind/name, for example 'skill/pdf'", shown(.0))]
    Reference(String),
}

/// Returns at most 80 characters of `text`, control characters escaped.
fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        out.push('…');
    }
    out
}

fn check_segment(segment: &str) -> Result<(), NameError> {
    let bytes = segment.as_bytes();
    let fits = (1..=MAX_NAME_SEGMENT_BYTES).contains(&bytes.len())
        && bytes.iter().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !segment.starts_with('-')
        && !segment.ends_with('-')
        && !segment.contains("--");
    if !fits {
        return Err(NameError::Form(segment.to_owned()));
    }
    let numbered = |stem: &str| {
        segment.strip_prefix(stem).is_some_and(|n| n.len() == 1 && n != "0" && n.as_bytes()[0].is_ascii_digit())
    };
    if DEVICES.contains(&segment) || numbered("com") || numbered("lpt") {
        return Err(NameError::Device(segment.to_owned()));
    }
    Ok(())
}

/// Name of an artifact within its kind, such as `pdf`; commands may have folders, as in `git/commit`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactName(String);

impl ArtifactName {
    /// Parses the name of an artifact of the given kind.
    ///
    /// # Errors
    /// [`NameError::Form`] or [`NameError::Device`] for the first segment that is not a name.
    pub fn parse(kind: Kind, text: &str) -> Result<Self, NameError> {
        let segments: Vec<_> = text.split('/').collect();
        let most = if kind == Kind::Command { MAX_COMMAND_SEGMENTS } else { 1 };
        if segments.len() > most {
            return Err(NameError::Form(text.to_owned()));
        }
        segments.into_iter().try_for_each(check_segment)?;
        Ok(Self(text.to_owned()))
    }

    /// Makes a name from a file or folder name found in a source.
    ///
    /// Letters go to lower case and every run of other characters becomes one `-`, so `Code_Review` is
    /// stored as `code-review`. The caller tells the user when the result differs.
    ///
    /// # Errors
    /// [`NameError`] when nothing usable is left, or the result is too long.
    pub fn normalise(kind: Kind, text: &str) -> Result<Self, NameError> {
        let segment = |part: &str| {
            let words: Vec<_> = part.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
            words.join("-").to_ascii_lowercase()
        };
        let name: Vec<_> = text.split('/').map(segment).collect();
        Self::parse(kind, &name.join("/")).map_err(|_| NameError::Form(text.to_owned()))
    }

    /// Returns what a hurried reader sees of the name: without hyphens and doubled letters, `rn` as `m`, and within a word
    /// `0` as `o` and `1` as `l`. Names of the same look are easily taken for each other (`schema/threats.md`, row 91).
    pub fn look(&self) -> String {
        let mut single = String::new();
        for c in self.0.chars() {
            if !(c.is_ascii_lowercase() && single.ends_with(c)) {
                single.push(c);
            }
        }
        let bytes = single.as_bytes();
        let letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
        let seen = |(at, byte): (usize, &u8)| match byte {
            b'-' => None,
            b'0' if at > 0 && letter(at - 1) && letter(at + 1) => Some('o'),
            b'1' if at > 0 && letter(at - 1) && letter(at + 1) => Some('l'),
            other => Some(char::from(*other)),
        };
        bytes.iter().enumerate().filter_map(seen).collect::<String>().replace("rn", "m")
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One artifact of a collection or bundle, written `kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactRef {
    /// What it is loaded as.
    pub kind: Kind,
    /// Its name, unique within the kind.
    pub name: ArtifactName,
}

impl ArtifactRef {
    /// Joins a kind and a name.
    pub fn new(kind: Kind, name: ArtifactName) -> Self {
        Self { kind, name }
    }

    /// Returns the place in a collection: a folder, or a file for agents and commands.
    pub fn path(&self) -> TreePath {
        let folder = self.kind.folder();
        let text = match self.kind.main_file() {
            Some(_) => format!("{folder}/{}", self.name),
            None => format!("{folder}/{}.md", self.name),
        };
        text.parse().expect("a name has only characters that a path may have")
    }

    /// Returns the path of the file that defines the artifact.
    pub fn main_path(&self) -> TreePath {
        let path = self.path();
        match self.kind.main_file() {
            Some(file) => path.join(file).expect("the main file is a plain name"),
            None => path,
        }
    }
}

impl fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for ArtifactRef {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = || NameError::Reference(text.to_owned());
        let (kind, name) = text.split_once('/').ok_or_else(wrong)?;
        let kind = kind.parse().map_err(|_| wrong())?;
        Ok(Self { kind, name: ArtifactName::parse(kind, name)? })
    }
}

/// Name of a bundle: one segment of the same form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BundleName(String);

impl BundleName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BundleName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        check_segment(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// Writes and reads a type as the string of its `Display` and `FromStr`.
macro_rules! string_serde {
    ($type:ty, $pattern:literal) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = String::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    };
}
pub(crate) use string_serde;

string_serde!(ArtifactRef, "^(agent|command|hook|mcp|skill)/[a-z0-9-]+(/[a-z0-9-]+)*$");
string_serde!(BundleName, "^[a-z0-9]+(-[a-z0-9]+)*$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_91_names_that_look_alike_have_one_look() {
        let look = |text: &str| ArtifactName::parse(Kind::Skill, text).expect("a name").look();
        for (a, b) in
            [("pdf-processing", "pdf-proccessing"), ("modern", "modem"), ("git-hub", "github"), ("log-in", "l0g-in")]
        {
            assert_eq!(look(a), look(b), "{a} {b}");
        }
        for (a, b) in [("skill-1", "skill-11"), ("v1", "vl"), ("skill-10", "skill-100"), ("pdf", "pdfs")] {
            assert_ne!(look(a), look(b), "{a} {b}");
        }
    }

    #[test]
    fn names_follow_the_agent_skills_rule() {
        for good in ["a", "pdf", "commit-message", "9", &"x".repeat(64)] {
            assert!(ArtifactName::parse(Kind::Skill, good).is_ok(), "{good}");
        }
        let long = "x".repeat(65);
        for bad in ["", "-a", "a-", "a--b", "A", "a_b", "a.b", "é", "a/b", "a\u{1b}[2J", "..", &long, "con", "com1"] {
            assert!(ArtifactName::parse(Kind::Skill, bad).is_err(), "{bad}");
        }
        assert!(ArtifactName::parse(Kind::Command, "git/commit").is_ok());
        assert!(ArtifactName::parse(Kind::Command, "a/b/c/d/e").is_err());
    }

    #[test]
    fn found_names_are_normalised() {
        let name = ArtifactName::normalise(Kind::Agent, "Code_Review (v2)").expect("usable");
        assert_eq!(name.as_str(), "code-review-v2");
        assert!(ArtifactName::normalise(Kind::Agent, "…").is_err());
    }

    #[test]
    fn references_name_their_files() {
        let path = |text: &str| text.parse::<ArtifactRef>().expect("a reference").main_path().to_string();
        assert_eq!(path("skill/pdf"), "skills/pdf/SKILL.md");
        assert_eq!(path("command/git/commit"), "commands/git/commit.md");
        assert_eq!(path("mcp/files"), "mcp/files/server.json");
        assert!("tool/x".parse::<ArtifactRef>().is_err());
        assert!("pdf".parse::<ArtifactRef>().is_err());
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        let error = ArtifactName::parse(Kind::Skill, "a\u{1b}]0;x\n").expect_err("refused");
        assert!(!error.to_string().contains('\u{1b}'));
    }
}
