//! What is checked before artifacts are published: strictly, where an `add` only warns.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Error;
use super::stored::Handles;
use crate::git::TreeFile;
use crate::model::{ArtifactRef, Digest, FileEntry, FileMode, Kind, Oid, TreePath};
use crate::ops::collection::Collection;
use crate::scan::{Finding, Level, Severity, validate};

/// What is known of artifacts that are fit to be published.
pub(super) struct Fit {
    /// Their files, with their paths in the collection.
    pub(super) files: BTreeMap<TreePath, (FileMode, Oid)>,
    /// The same files with their digests, in byte order of the paths.
    pub(super) entries: Vec<FileEntry>,
    /// Ids of findings that were allowed and there, sorted: they are recorded in the release.
    pub(super) allowed: Vec<String>,
}

/// Refuses artifacts that break the rules of their kind or hold secrets, unless the finding's id is in `allowed`.
///
/// Reads every file once, on all processors, and keeps what there is room for in `handles`.
///
/// # Errors
/// [`Error::Secret`] before [`Error::Unfit`], with every place.
pub(super) fn check(
    collection: &Collection,
    handles: &Handles,
    artifacts: &[ArtifactRef],
    allowed: &[String],
) -> Result<Fit, Error> {
    let lists = artifacts.iter().map(|artifact| collection.files(artifact)).collect::<Result<Vec<_>, _>>()?;
    let checked: Vec<Checked> = artifacts
        .par_iter()
        .zip(&lists)
        .map(|(artifact, list)| look(handles, artifact, list))
        .collect::<Result<_, _>>()?;
    let (mut used, mut reasons, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
    let mut entries = Vec::new();
    for (artifact, (findings, own)) in artifacts.iter().zip(checked) {
        entries.extend(own);
        for finding in findings.into_iter().filter(|finding| finding.severity == Severity::Error) {
            if allowed.iter().any(|id| id == finding.id) {
                used.push(finding.id.to_owned());
                continue;
            }
            let text = format!("'{artifact}' {}: {} [{}]", finding.path, finding.message, finding.id);
            if finding.id.starts_with("secret.") { secrets.push(text) } else { reasons.push(text) }
        }
    }
    if !secrets.is_empty() {
        return Err(Error::Secret(secrets));
    }
    if !reasons.is_empty() {
        return Err(Error::Unfit(reasons));
    }
    used.sort();
    used.dedup();
    let files = lists.into_iter().flatten().map(|file| (file.path, (file.mode, file.id))).collect();
    entries.sort_by(|a: &FileEntry, b| a.path.cmp(&b.path));
    Ok(Fit { files, entries, allowed: used })
}

type Checked = (Vec<Finding>, Vec<FileEntry>);

/// Checks and hashes the files of one artifact.
fn look(handles: &Handles, artifact: &ArtifactRef, list: &[TreeFile]) -> Result<Checked, Error> {
    let contents = list.iter().map(|file| handles.blob(file.id)).collect::<Result<Vec<_>, _>>()?;
    let seen: Vec<_> = list
        .iter()
        .zip(&contents)
        .map(|(file, bytes)| (below(artifact, &file.path), file.mode, bytes.as_slice()))
        .collect();
    let findings = validate(artifact, &seen, Level::Strict);
    let entry = |(file, bytes): (&TreeFile, &Vec<u8>)| FileEntry {
        path: file.path.clone(),
        mode: file.mode,
        size: bytes.len() as u64,
        sha256: Digest::of(bytes),
    };
    let entries = list.iter().zip(&contents).map(entry).collect();
    for (file, bytes) in list.iter().zip(contents) {
        handles.keep(file.id, bytes);
    }
    Ok((findings, entries))
}

/// Returns the path of a file below its artifact; the file's own name for an agent or a command.
fn below(artifact: &ArtifactRef, path: &TreePath) -> TreePath {
    let name = match artifact.kind {
        Kind::Agent | Kind::Command => path.file_name(),
        _ => path.below(&artifact.path()).unwrap_or(path.as_str()),
    };
    name.parse().unwrap_or_else(|_| path.clone())
}
