//! `apm.lock.yaml` of the Agent Package Manager: packages, and the files that each of them wrote into a project.

use std::collections::BTreeMap;

use super::origin::Stated;
use super::{ForeignArtifact, ForeignError, ForeignHash, ForeignOrigin, ForeignRecord};
use crate::model::{Field, Map, Value, parse_yaml, version_range};

/// Versions of the file whose form is known; the first ones had none.
const VERSIONS: [&str; 3] = ["", "1", "2"];

/// Folders of clients that a package is written to, best first: the same skill often stands in several.
const ROOTS: [&str; 4] = [".agents", ".claude", ".github", ".cursor"];

/// What the file says of itself and of clients, which a collection has no use for.
const OF_ITSELF: [&str; 4] = ["lockfile_version", "generated_at", "apm_version", "deployments"];

/// Keys of the whole that are read.
const READ: [&str; 4] = ["dependencies", "mcp_servers", "local_deployed_files", "local_deployed_file_hashes"];

/// Keys of a package that are read, or that repeat what others say.
const READ_OF_PACKAGE: [&str; 20] = [
    "repo_url",
    "materialization_repo_url",
    "host",
    "port",
    "registry_prefix",
    "resolved_commit",
    "resolved_ref",
    "resolved_tag",
    "constraint",
    "virtual_path",
    "is_virtual",
    "deployed_files",
    "deployed_file_hashes",
    "source",
    "local_path",
    "resolved_url",
    "name",
    "depth",
    "package_type",
    "content_hash",
];

/// Parses the lock of a project; its places are below the project.
pub(super) fn parse(text: &str) -> Result<ForeignRecord, ForeignError> {
    let map = parse_yaml(text)?;
    let version = field(&map, "lockfile_version").unwrap_or_default();
    if !VERSIONS.contains(&version) {
        return Err(ForeignError::Version(version.chars().take(40).collect()));
    }
    let Some(Value::List(packages)) = map.field("dependencies").map(|field| &field.value) else {
        return Err(ForeignError::Missing("dependencies"));
    };
    let mut record = ForeignRecord::default();
    for key in keys(&map).filter(|key| !READ.contains(key) && !OF_ITSELF.contains(key)) {
        record.not_taken(key);
    }
    for server in texts(&map, "mcp_servers") {
        let reason = "a client's configuration has it: `git skillmeat add` takes it from there";
        record.left.push((format!("mcp/{server}"), reason.to_owned()));
    }
    for package in packages {
        let Value::Map(package) = package else { continue };
        for key in keys(package).filter(|key| !READ_OF_PACKAGE.contains(key)) {
            record.not_taken(key);
        }
        read_package(&mut record, package, "deployed_files", "deployed_file_hashes", origin);
    }
    read_package(&mut record, &map, "local_deployed_files", "local_deployed_file_hashes", |_, _| ForeignOrigin::Own);
    Ok(record)
}

/// An artifact that a package wrote: its places, each with its files and their hashes.
type Written<'a> = BTreeMap<&'a str, BTreeMap<String, String>>;

fn read_package(
    record: &mut ForeignRecord,
    package: &Map,
    files: &str,
    hashes: &str,
    origin: impl Fn(&Map, &str) -> ForeignOrigin,
) {
    let mut known = BTreeMap::new();
    if let Some(Value::Map(hashes)) = package.field(hashes).map(|field| &field.value) {
        let one = |field: &Field| Some((field.key.clone(), field.value.as_text()?.to_owned()));
        known.extend(hashes.fields().iter().filter_map(one));
    }
    let mut written: BTreeMap<(&str, String), Written> = BTreeMap::new();
    for path in texts(package, files) {
        let Some((kind, name, place)) = artifact_of(path) else {
            let reason = "it is no skill, agent or command in a form that other clients read";
            record.left.push((path.to_owned(), reason.to_owned()));
            continue;
        };
        let place = written.entry((kind, name.to_owned())).or_default().entry(place).or_default();
        let below = if kind == "skill" { skill_file(path) } else { path.rsplit('/').next() };
        let hash = known.get(path).map(|text| text.strip_prefix("sha256:").unwrap_or(text).to_owned());
        if let (Some(below), Some(hash)) = (below, hash) {
            place.insert(below.to_owned(), hash);
        }
    }
    for ((kind, name), places) in written {
        let mut places: Vec<_> = places.into_iter().collect();
        let rank = |place: &str| ROOTS.iter().position(|root| place.starts_with(&format!("{root}/")));
        places.sort_by_key(|(place, _)| (rank(place).unwrap_or(ROOTS.len()), *place));
        let hash = places.first().map(|(_, files)| files.clone()).filter(|files| !files.is_empty());
        record.artifacts.push(ForeignArtifact {
            kind: kind.to_owned(),
            places: places.iter().map(|(place, _)| (*place).to_owned()).collect(),
            origin: origin(package, &name),
            hash: hash.map(ForeignHash::Files),
            tags: Vec::new(),
            description: None,
            name,
        });
    }
}

/// Returns kind, name and place of the artifact that a written file belongs to: `<client>/skills/<name>/…`,
/// `<client>/agents/<name>.md`, `<client>/commands/<name>.md`.
fn artifact_of(path: &str) -> Option<(&'static str, &str, &str)> {
    let path = path.trim_end_matches('/');
    let mut parts = path.splitn(4, '/');
    let (root, folder, name) = (parts.next()?, parts.next()?, parts.next()?);
    if !root.starts_with('.') || root == ".." {
        return None;
    }
    match (folder, parts.next()) {
        ("skills", _) => Some(("skill", name, &path[..root.len() + folder.len() + name.len() + 2])),
        ("agents", None) => {
            let stem = name.strip_suffix(".md")?;
            Some(("agent", stem.strip_suffix(".agent").unwrap_or(stem), path))
        }
        ("commands", None) => Some(("command", name.strip_suffix(".md")?, path)),
        _ => None,
    }
}

/// Returns where a file is below its skill; `None` for the skill's own folder.
fn skill_file(path: &str) -> Option<&str> {
    path.splitn(4, '/').nth(3).filter(|below| !below.is_empty())
}

fn origin(package: &Map, artifact: &str) -> ForeignOrigin {
    let text = |key| field(package, key);
    let repository = text("materialization_repo_url").or(text("repo_url")).unwrap_or_default();
    let unfollowed = |place: &str, reason: &str| ForeignOrigin::Unfollowed {
        place: place.chars().take(200).collect(),
        reason: reason.to_owned(),
    };
    match (text("source"), text("registry_prefix"), text("local_path")) {
        (Some("registry"), ..) | (_, Some(_), _) => {
            return unfollowed(text("resolved_url").unwrap_or(repository), "it came from a registry and no repository");
        }
        (Some("local"), _, Some(path)) => {
            let path = if path.starts_with(['.', '/']) { path.to_owned() } else { format!("./{path}") };
            return Stated { place: &path, ..Stated::default() }.origin();
        }
        (Some(_), ..) => return unfollowed(repository, "its kind of source is not known"),
        _ => {}
    }
    let port = text("port").map(|port| format!(":{port}")).unwrap_or_default();
    let has_host = repository.split('/').next().is_some_and(|first| first.contains('.'));
    let place = match text("host") {
        _ if repository.contains("://") => repository.to_owned(),
        Some(host) => format!("https://{host}{port}/{repository}"),
        None if has_host => format!("https://{repository}"),
        None => repository.to_owned(),
    };
    let last = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        let stem = name.strip_suffix(".md").unwrap_or(name);
        stem.strip_suffix(".agent").unwrap_or(stem).to_owned()
    };
    // A package may hold many artifacts, and the lock does not say where each of them is.
    let path = text("virtual_path").filter(|path| last(path) == artifact).map(str::to_owned);
    let range = text("constraint").filter(|range| version_range(range).is_some());
    let reference = range.or(text("resolved_tag")).or(text("resolved_ref"));
    Stated { place: &place, path, reference, commit: text("resolved_commit") }.origin()
}

fn keys(map: &Map) -> impl Iterator<Item = &str> {
    map.fields().iter().map(|field| field.key.as_str())
}

/// Returns a text by its key; paths and hashes have dots, so no path of keys is looked up.
fn field<'a>(map: &'a Map, key: &str) -> Option<&'a str> {
    map.field(key)?.value.as_text().filter(|text| !matches!(*text, "" | "null" | "~"))
}

fn texts<'a>(map: &'a Map, key: &str) -> Vec<&'a str> {
    match map.field(key).map(|field| &field.value) {
        Some(Value::List(items)) => items.iter().filter_map(Value::as_text).collect(),
        _ => Vec::new(),
    }
}
