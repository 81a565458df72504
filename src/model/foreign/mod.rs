//! Records of other managers of artifacts: what was installed, and where from.
//!
//! Read only, and only what a record says: nothing here looks at a disk. What a record calls a name, a path or an
//! address is text from outside until [`crate::model`] has parsed it. The facts about the formats are those of
//! `schema/adopt.md`.

mod apm;
mod collate;
mod deployed;
mod hash;
mod origin;
pub mod pack;
mod skillmeat;
mod skills;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::json_text::{self, JsonTextError};
use super::{FileMode, FrontMatterError, TreePath};
pub use hash::{Checked, ForeignHash};
pub use origin::{Followed, ForeignOrigin};

/// Largest record accepted, in bytes: as for a `collection.toml`.
pub const MAX_RECORD_BYTES: u64 = super::MAX_COLLECTION_FILE_BYTES;

/// Most artifacts of one record: ten times the largest public source known.
const MAX_ARTIFACTS: usize = 5_000;

/// A file of an installed artifact: its path below the artifact, its mode, its content.
pub type InstalledFile = (TreePath, FileMode, Vec<u8>);

/// Which program wrote a record, and which of its files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Manager {
    /// `collection.toml` of the Python SkillMeat, with its `collection.lock`.
    Skillmeat,
    /// `.skillmeat-deployed.toml` of the Python SkillMeat, in a project.
    SkillmeatDeployed,
    /// `skills-lock.json` of `npx skills`, in a project.
    SkillsProject,
    /// `.skill-lock.json` of `npx skills`, of the user.
    SkillsUser,
    /// `apm.lock.yaml` of the Agent Package Manager.
    Apm,
}

impl Manager {
    /// Returns the manager that writes files of this name.
    pub fn of_file(name: &str) -> Option<Self> {
        Some(match name {
            "collection.toml" => Self::Skillmeat,
            ".skillmeat-deployed.toml" => Self::SkillmeatDeployed,
            "skills-lock.json" => Self::SkillsProject,
            ".skill-lock.json" => Self::SkillsUser,
            "apm.lock.yaml" | "apm.lock" => Self::Apm,
            _ => return None,
        })
    }
}

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ForeignError {
    /// It is no TOML of the expected shape.
    #[error("line {line}: {}", .message.escape_debug())]
    Toml {
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// It is no JSON of the expected shape.
    #[error("it is no JSON of the expected form, at line {line}")]
    Json {
        /// Line, from 1.
        line: usize,
    },
    /// A key stands there twice.
    #[error("the key '{}' stands there twice", .0.escape_debug())]
    Twice(String),
    /// It is no YAML of the expected shape.
    #[error("it is no YAML of the expected form, at line {line}")]
    Yaml {
        /// Line, from 1.
        line: u32,
    },
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotText,
    /// Its version is not one whose form is known.
    #[error("it has version '{}', which is not known", .0.escape_debug())]
    Version(String),
    /// A part that every such record has is missing.
    #[error("it has no '{0}'")]
    Missing(&'static str),
    /// It names more artifacts than any known one.
    #[error("it names more than {MAX_ARTIFACTS} artifacts")]
    TooMany,
    /// It has a number that programs write in different ways, under a digest.
    #[error("it has a number with a fraction, which programs write in different ways, under a digest")]
    Number,
    /// It is a collection of this program.
    #[error("it is a collection of git skillmeat already")]
    Ours,
}

/// What a record says.
#[derive(Debug, Default)]
pub struct ForeignRecord {
    /// What the manager calls the whole.
    pub name: Option<String>,
    /// What it says was installed.
    pub artifacts: Vec<ForeignArtifact>,
    /// What it names and what is no artifact that was installed: what, and why it stays behind.
    pub left: Vec<(String, String)>,
    /// Parts that have no place in a collection, each with how often it occurs.
    pub not_taken: BTreeMap<String, usize>,
}

/// An artifact that a record names.
#[derive(Debug)]
pub struct ForeignArtifact {
    /// What the manager calls its kind.
    pub kind: String,
    /// What the manager calls it.
    pub name: String,
    /// Where it may be below the record's folder, best first.
    pub places: Vec<String>,
    /// Where it came from.
    pub origin: ForeignOrigin,
    /// What its files were when the manager wrote them.
    pub hash: Option<ForeignHash>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// What the record says that it is for.
    pub description: Option<String>,
}

impl From<FrontMatterError> for ForeignError {
    fn from(error: FrontMatterError) -> Self {
        // Its own words are about front matter.
        Self::Yaml { line: error.line().unwrap_or(1) }
    }
}

impl ForeignRecord {
    /// Parses a record; `lock` is the `collection.lock` beside a `collection.toml`.
    ///
    /// # Errors
    /// [`ForeignError`].
    pub fn parse(manager: Manager, bytes: &[u8], lock: Option<&[u8]>) -> Result<Self, ForeignError> {
        let text = text(bytes)?;
        let record = match manager {
            Manager::Skillmeat => skillmeat::parse(text, lock.map(self::text).transpose()?)?,
            Manager::SkillmeatDeployed => deployed::parse(text)?,
            Manager::SkillsProject => skills::parse_project(text)?,
            Manager::SkillsUser => skills::parse_user(text)?,
            Manager::Apm => apm::parse(text)?,
        };
        if record.artifacts.len() > MAX_ARTIFACTS { Err(ForeignError::TooMany) } else { Ok(record) }
    }

    /// Counts one more part that has no place in a collection.
    fn not_taken(&mut self, what: impl Into<String>) {
        *self.not_taken.entry(what.into()).or_default() += 1;
    }
}

fn text(bytes: &[u8]) -> Result<&str, ForeignError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|_| ForeignError::NotText)
}

fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ForeignError> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        ForeignError::Toml { line: 1 + before.matches('\n').count(), message: error.message().to_owned() }
    })
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ForeignError> {
    // The message of the parser quotes what stands there.
    let wrong = |error: serde_json::Error| ForeignError::Json { line: error.line() };
    let read = serde_json::from_str(text).map_err(wrong)?;
    // Of a key that stands there twice, programs take the one or the other.
    match json_text::parse_value(text.as_bytes()) {
        Err(JsonTextError::Duplicate { path }) => Err(ForeignError::Twice(path.join("."))),
        _ => Ok(read),
    }
}

#[cfg(test)]
mod tests;
