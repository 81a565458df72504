//! What is checked before artifacts are published: strictly, where an `add` only warns.

use super::Error;
use crate::model::{ArtifactRef, Kind, TreePath};
use crate::ops::collection::Collection;
use crate::pack::MAX_FILE_BYTES;
use crate::scan::{Level, Severity, validate};

/// Refuses artifacts that break the rules of their kind or hold secrets, unless the finding's id is in `allowed`.
///
/// Returns the ids that were allowed and used, sorted: they are recorded in the release.
///
/// # Errors
/// [`Error::Secret`] before [`Error::Unfit`], with every place.
pub(super) fn check(
    collection: &Collection,
    artifacts: &[ArtifactRef],
    allowed: &[String],
) -> Result<Vec<String>, Error> {
    let mut used = Vec::new();
    let mut reasons = Vec::new();
    let mut secrets = Vec::new();
    for artifact in artifacts {
        let mut files = Vec::new();
        for file in collection.files(artifact)? {
            files.push((below(artifact, &file.path), file.mode, collection.repo.blob(file.id, MAX_FILE_BYTES)?));
        }
        let seen: Vec<_> = files.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
        for finding in
            validate(artifact, &seen, Level::Strict).into_iter().filter(|finding| finding.severity == Severity::Error)
        {
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
    Ok(used)
}

/// Returns the path of a file below its artifact; the file's own name for an agent or a command.
fn below(artifact: &ArtifactRef, path: &TreePath) -> TreePath {
    let name = match artifact.kind {
        Kind::Agent | Kind::Command => path.file_name(),
        _ => path.below(&artifact.path()).unwrap_or(path.as_str()),
    };
    name.parse().unwrap_or_else(|_| path.clone())
}
