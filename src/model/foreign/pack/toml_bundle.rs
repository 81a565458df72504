//! `bundle.toml`: artifacts with their places, and no digest at all.

use serde::Deserialize;
use toml::Value;

use super::{OldFormat, OldManifest, OldMember, from_toml};
use crate::model::foreign::ForeignError;

#[derive(Deserialize)]
struct File {
    bundle: Head,
    #[serde(default)]
    artifacts: Vec<Entry>,
}

/// The table `[bundle]`, which two of the formats have.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// A text or a date of TOML.
    pub(super) created_at: Option<Value>,
    pub(super) creator: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: Option<String>,
    path: Option<String>,
}

impl Head {
    /// Returns the manifest that this head and these members make.
    pub(super) fn into_manifest(self, format: OldFormat, members: Vec<OldMember>) -> OldManifest {
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        OldManifest {
            format,
            name: self.name,
            version: self.version,
            author: self.creator,
            created: self.created_at.map(text),
            members,
            dependencies: Vec::new(),
            claimed_signer: None,
            is_covered: false,
        }
    }
}

pub(super) fn parse_bundle(text: &str) -> Result<OldManifest, ForeignError> {
    let file: File = from_toml(text)?;
    let member = |entry: Entry| OldMember {
        kind: entry.kind,
        name: entry.name,
        version: entry.version,
        path: entry.path,
        files: None,
        hash: None,
    };
    let members = file.artifacts.into_iter().map(member).collect();
    Ok(file.bundle.into_manifest(OldFormat::BundleToml, members))
}
