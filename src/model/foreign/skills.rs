//! The two lock files of `npx skills`: `skills-lock.json` of a project, `.skill-lock.json` of a user.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::origin::Stated;
use super::{ForeignArtifact, ForeignError, ForeignHash, ForeignOrigin, ForeignRecord, from_json};

/// Folders that `npx skills` writes to, best first: with several clients `.agents` holds the copy that the others link
/// to, with one client its folder has the only copy.
const FOLDERS: [&str; 3] = [".agents/skills", ".claude/skills", "skills"];

/// Longest folder name that `npx skills` makes.
const MAX_FOLDER_BYTES: usize = 255;

#[derive(Deserialize)]
struct File {
    version: Value,
    skills: BTreeMap<String, Entry>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    source: String,
    source_url: Option<String>,
    source_type: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    skill_path: Option<String>,
    computed_hash: Option<String>,
    skill_folder_hash: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Parses `skills-lock.json`, version 1.
pub(super) fn parse_project(text: &str) -> Result<ForeignRecord, ForeignError> {
    parse(text, &[1])
}

/// Parses `.skill-lock.json`, version 3.
pub(super) fn parse_user(text: &str) -> Result<ForeignRecord, ForeignError> {
    parse(text, &[3])
}

fn parse(text: &str, versions: &[u64]) -> Result<ForeignRecord, ForeignError> {
    let file: File = from_json(text)?;
    if !file.version.as_u64().is_some_and(|version| versions.contains(&version)) {
        return Err(ForeignError::Version(file.version.to_string().chars().take(40).collect()));
    }
    let mut record = ForeignRecord::default();
    for key in file.rest.keys() {
        record.not_taken(key);
    }
    for (name, entry) in file.skills {
        for key in entry.rest.keys() {
            record.not_taken(key);
        }
        let folder = folder_name(&name);
        record.artifacts.push(ForeignArtifact {
            kind: "skill".to_owned(),
            places: FOLDERS.iter().map(|root| format!("{root}/{folder}")).collect(),
            origin: entry.origin(),
            hash: entry.hash(),
            tags: Vec::new(),
            description: None,
            name,
        });
    }
    Ok(record)
}

impl Entry {
    fn origin(&self) -> ForeignOrigin {
        let kind = self.source_type.as_deref().unwrap_or("github");
        let place = match (kind, self.source_url.as_deref()) {
            ("github" | "gitlab" | "git", Some(url)) => url.to_owned(),
            ("gitlab", None) if !self.source.contains(':') => format!("https://gitlab.com/{}", self.source),
            ("github" | "gitlab" | "git", None) => self.source.clone(),
            ("local", _) => self.source.clone(),
            (other, url) => {
                let reason = match other {
                    "well-known" => "it is an index of files and no repository".to_owned(),
                    "node_modules" => "it came with a package, which its package manager updates".to_owned(),
                    other => format!("'{}' is no repository", other.escape_debug()),
                };
                let place = url.unwrap_or(&self.source).chars().take(200).collect();
                return ForeignOrigin::Unfollowed { place, reason };
            }
        };
        let path = self.skill_path.as_deref().map(folder_of);
        Stated { place: &place, path, reference: self.reference.as_deref(), commit: None }.origin()
    }

    fn hash(&self) -> Option<ForeignHash> {
        let hex = self.computed_hash.as_ref().or(self.skill_folder_hash.as_ref())?;
        match hex.len() {
            0 => None,
            40 => Some(ForeignHash::GitTree(hex.clone())),
            _ => Some(ForeignHash::Folder(hex.clone())),
        }
    }
}

/// Returns the folder of a `SKILL.md`; `.` for the root.
fn folder_of(file: &str) -> String {
    let is_file = file.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("skill.md"));
    match (file.rsplit_once('/'), is_file) {
        (Some((folder, _)), true) => folder.to_owned(),
        (None, true) => ".".to_owned(),
        (_, false) => file.trim_end_matches('/').to_owned(),
    }
}

/// Returns the folder that a skill of this name was installed in.
fn folder_name(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_') {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let mut folder = out.trim_matches(['.', '-']).to_owned();
    folder.truncate(MAX_FOLDER_BYTES);
    if folder.is_empty() { "unnamed-skill".to_owned() } else { folder }
}
