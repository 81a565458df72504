//! `manifest.json`: artifacts with their files and a digest each, and a digest over the manifest.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{OldFormat, OldHash, OldManifest, OldMember, OldPackError, digest};
use crate::model::foreign::{ForeignError, from_json};
use crate::model::{Digest, Hasher};

const FILE: &str = "manifest.json";

/// The only version that was ever written.
const VERSION: &str = "1.0";

#[derive(Deserialize)]
struct File {
    version: String,
    name: String,
    author: Option<String>,
    created_at: Option<String>,
    artifacts: Vec<Entry>,
    #[serde(default)]
    dependencies: Vec<String>,
    bundle_hash: Option<String>,
    signature: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    version: Option<String>,
    path: Option<String>,
    files: Option<Vec<String>>,
    hash: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<OldManifest, OldPackError> {
    let wrong = |source| OldPackError::Manifest { file: FILE, source };
    let file: File = from_json(text).map_err(wrong)?;
    if file.version != VERSION {
        return Err(wrong(ForeignError::Version(file.version.chars().take(40).collect())));
    }
    let is_covered = match file.bundle_hash.as_deref().filter(|text| !text.is_empty()) {
        None => false,
        Some(named) => {
            let bad = "its digest 'bundle_hash' is none";
            let expected = digest(named).ok_or(OldPackError::Member { member: file.name.clone(), reason: bad })?;
            let values: BTreeMap<String, Value> = from_json(text).map_err(wrong)?;
            let found = own_digest(&values, &file.artifacts).map_err(wrong)?;
            if found != expected {
                return Err(OldPackError::Digest { what: FILE.to_owned(), expected, found });
            }
            true
        }
    };
    // What stands there is a claim: the signature covers neither this name nor files that are not listed.
    let signer = |value: &Value| value.get("signer_name").and_then(Value::as_str).unwrap_or("someone").to_owned();
    let members = file.artifacts.into_iter().map(member).collect::<Result<_, _>>()?;
    Ok(OldManifest {
        format: OldFormat::ManifestJson,
        name: file.name,
        // `version` is that of the format, and the pack's own was never written.
        version: None,
        author: file.author,
        created: file.created_at,
        members,
        dependencies: file.dependencies,
        claimed_signer: file.signature.as_ref().filter(|value| !value.is_null()).map(signer),
        is_covered,
    })
}

fn member(entry: Entry) -> Result<OldMember, OldPackError> {
    let hash = match entry.hash {
        None => None,
        Some(text) => {
            let reason = "its digest is none";
            Some(OldHash::Listed(
                digest(&text).ok_or_else(|| OldPackError::Member { member: entry.name.clone(), reason })?,
            ))
        }
    };
    let (kind, name, version) = (entry.kind, entry.name, entry.version.filter(|version| version != "unknown"));
    // A list that is empty names no file at all.
    Ok(OldMember { kind, name, version, path: entry.path, files: Some(entry.files.unwrap_or_default()), hash })
}

/// Returns the digest that the predecessor calls `bundle_hash`: over the digest of the manifest without it, then over the
/// digests of the artifacts, sorted; all of them as text.
///
/// The signature is put in after that digest was taken, so it is left out as well.
fn own_digest(values: &BTreeMap<String, Value>, artifacts: &[Entry]) -> Result<Digest, ForeignError> {
    let own = ["bundle_hash", "signature"];
    let kept = values.iter().filter(|(key, _)| !own.contains(&key.as_str()));
    let kept: BTreeMap<&String, &Value> = kept.collect();
    let mut text = String::new();
    write_object(&mut text, kept.into_iter())?;
    let mut hashes: Vec<&str> = artifacts.iter().filter_map(|entry| entry.hash.as_deref()).collect();
    hashes.sort_unstable();
    let mut hasher = Hasher::default();
    hasher.update(Digest::of(text.as_bytes()).to_string().as_bytes());
    hashes.into_iter().for_each(|hash| hasher.update(hash.as_bytes()));
    Ok(hasher.finish())
}

/// Writes JSON as Python's `json.dumps` does with sorted keys, without spaces, and with letters as they are.
fn write(out: &mut String, value: &Value) -> Result<(), ForeignError> {
    match value {
        // Two programs write such a number in two ways, so a digest over it says nothing. None was ever written.
        Value::Number(number) if number.is_f64() => return Err(ForeignError::Number),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            // Sorted by code points, which is the order of the bytes of UTF-8.
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            write_object(out, sorted.into_iter())?;
        }
        scalar => out.push_str(&scalar.to_string()),
    }
    Ok(())
}

fn write_object<'a>(
    out: &mut String,
    items: impl Iterator<Item = (&'a String, &'a Value)>,
) -> Result<(), ForeignError> {
    out.push('{');
    for (index, (key, value)) in items.enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        out.push_str(&Value::from(key.as_str()).to_string());
        out.push(':');
        write(out, value)?;
    }
    out.push('}');
    Ok(())
}
