//! `.skillmeat-deployed.toml` of the Python SkillMeat: what it wrote into a project.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use super::{ForeignArtifact, ForeignError, ForeignHash, ForeignOrigin, ForeignRecord, from_toml};

/// Folder of the client that SkillMeat was made for.
const CLIENT_FOLDER: &str = ".claude";

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    deployed: Vec<Entry>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Entry {
    artifact_name: String,
    artifact_type: String,
    artifact_path: String,
    content_hash: Option<String>,
    collection_sha: Option<String>,
    profile_root_dir: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Parses the record of a project; its places are below the project.
pub(super) fn parse(text: &str) -> Result<ForeignRecord, ForeignError> {
    let file: File = from_toml(text)?;
    let mut record = ForeignRecord::default();
    for key in file.rest.keys() {
        record.not_taken(key);
    }
    for entry in file.deployed {
        for key in entry.rest.keys() {
            record.not_taken(key);
        }
        let root = entry.profile_root_dir.as_deref().unwrap_or(CLIENT_FOLDER);
        record.artifacts.push(ForeignArtifact {
            places: vec![format!("{root}/{}", entry.artifact_path.trim_end_matches('/'))],
            kind: entry.artifact_type,
            name: entry.artifact_name,
            // Where it came from is what the collection says that it was deployed from.
            origin: ForeignOrigin::Own,
            hash: entry.content_hash.or(entry.collection_sha).map(ForeignHash::Skillmeat),
            tags: Vec::new(),
            description: None,
        });
    }
    Ok(record)
}
