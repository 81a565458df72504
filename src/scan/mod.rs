//! Artifacts in foreign text: where they are, and what is to be said about them (level 1).
//!
//! Everything here is pure: it reads through [`Tree`] or from bytes given, runs nothing and follows no link.
//! Findings tell what was seen; none of them says that an artifact does no harm, because no scan can.

mod command;
mod discover;
mod finding;
mod json;
mod secrets;
mod tree;
mod validate;

pub use command::{both_ends, count_blanks};
pub use discover::{DiscoverError, Discovery, Found, FoundFiles, Limits, Note, discover};
pub use finding::{Finding, Level, Severity};
pub use json::{JsonError, parse_json};
pub use secrets::{Secret, find_secrets};
pub use tree::{Item, ItemKind, Tree, TreeError};
pub use validate::{
    ArtifactFile, HIDDEN_UNICODE, is_definition, sort_findings, validate, validate_definition, validate_file,
};
