//! `collection.toml` and `collection.lock` of the Python SkillMeat.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Value;

use super::origin::{Stated, is_commit};
use super::{ForeignArtifact, ForeignError, ForeignHash, ForeignOrigin, ForeignRecord, from_toml};

#[derive(Deserialize)]
struct File {
    format: Option<Value>,
    collection: Option<Head>,
    artifacts: Option<Value>,
    #[serde(default)]
    mcp_servers: Vec<Server>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Head {
    name: Option<String>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Server {
    name: String,
    repo: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    path: Option<String>,
    upstream: Option<String>,
    version_spec: Option<String>,
    resolved_sha: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    metadata: BTreeMap<String, Value>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
struct Locks {
    #[serde(default)]
    lock: Lock,
}

#[derive(Default, Deserialize)]
struct Lock {
    #[serde(default)]
    entries: BTreeMap<String, Locked>,
}

#[derive(Default, Deserialize)]
struct Locked {
    content_hash: Option<String>,
    upstream: Option<String>,
    resolved_sha: Option<String>,
}

/// Parses a collection; without its lock nothing is known of what was edited.
pub(super) fn parse(text: &str, lock: Option<&str>) -> Result<ForeignRecord, ForeignError> {
    let file: File = from_toml(text)?;
    if file.format.is_some() {
        return Err(ForeignError::Ours);
    }
    let head = file.collection.ok_or(ForeignError::Missing("[collection]"))?;
    let entries: Vec<Entry> = match file.artifacts {
        Some(Value::Array(entries)) => {
            entries.into_iter().map(|entry| entry.try_into().map_err(wrong_entry)).collect::<Result<_, _>>()?
        }
        _ => Vec::new(),
    };
    let mut locks: Locks = lock.map(from_toml).transpose()?.unwrap_or_default();
    let mut record = ForeignRecord { name: head.name, ..ForeignRecord::default() };
    for key in head.rest.keys() {
        record.not_taken(format!("collection.{key}"));
    }
    for (key, value) in &file.rest {
        let several = value.as_array().map_or(1, Vec::len);
        (0..several).for_each(|_| record.not_taken(key));
    }
    for server in file.mcp_servers {
        let repo = server
            .repo
            .filter(|repo| !repo.contains('@'))
            .map_or_else(String::new, |repo| format!(" (its repository is '{repo}')"));
        let reason =
            format!("the record has no command that would start it{repo}; `git skillmeat add` takes a definition");
        record.left.push((format!("mcp/{}", server.name), reason));
    }
    for entry in entries {
        let locked = locks.lock.entries.remove(&format!("{}::{}", entry.name, entry.kind)).unwrap_or_default();
        let artifact = entry.artifact(locked, &mut record);
        record.artifacts.push(artifact);
    }
    for key in locks.lock.entries.into_keys() {
        record.left.push((key, "the lock has it and the collection does not".to_owned()));
    }
    Ok(record)
}

fn wrong_entry(error: toml::de::Error) -> ForeignError {
    ForeignError::Toml { line: 1, message: format!("in [[artifacts]]: {}", error.message()) }
}

impl Entry {
    fn artifact(mut self, locked: Locked, record: &mut ForeignRecord) -> ForeignArtifact {
        for key in self.rest.keys() {
            record.not_taken(key);
        }
        if let Some(Value::Array(words)) = self.metadata.remove("tags") {
            self.tags.extend(words.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        let description = self.metadata.remove("description").and_then(|text| text.as_str().map(str::to_owned));
        for key in self.metadata.keys() {
            record.not_taken(format!("metadata.{key}"));
        }
        let path = self.path.clone().unwrap_or_else(|| format!("{}s/{}", self.kind, self.name));
        let path = path.trim_end_matches('/').to_owned();
        let mut places = vec![path.clone()];
        if !path.ends_with(".md") {
            places.push(format!("{path}.md"));
        }
        ForeignArtifact {
            origin: self.origin(&locked),
            hash: locked.content_hash.map(ForeignHash::Skillmeat),
            kind: self.kind,
            name: self.name,
            places,
            tags: self.tags,
            description,
        }
    }

    fn origin(&self, locked: &Locked) -> ForeignOrigin {
        let Some(upstream) = self.upstream.as_deref().or(locked.upstream.as_deref()) else {
            return ForeignOrigin::Own;
        };
        // The page of a folder names a commit too: the one that was taken, or the one before it.
        let commit = self.resolved_sha.as_deref().or(locked.resolved_sha.as_deref());
        let page = upstream.split_once("/tree/").and_then(|(_, rest)| rest.split('/').next());
        let commit = commit.or(page).filter(|text| is_commit(text));
        let (place, path) = folder_page(upstream);
        // A page that names no commit names the branch that was followed.
        let branch = page.filter(|text| !is_commit(text));
        let reference = self.version_spec.as_deref().filter(|spec| *spec != "latest").or(branch);
        Stated { place: &place, path, reference, commit }.origin()
    }
}

/// Splits the address of a folder's page, `https://github.com/owner/repo/tree/<commit>/<path>`, into the repository and
/// the folder.
fn folder_page(upstream: &str) -> (String, Option<String>) {
    let Some((repository, rest)) = upstream.split_once("/tree/") else { return (upstream.to_owned(), None) };
    let path = rest.split_once('/').map_or(".", |(_, path)| path.trim_end_matches('/'));
    (repository.to_owned(), Some(if path.is_empty() { ".".to_owned() } else { path.to_owned() }))
}
