//! What an import would change, file by file, before anyone agrees to it.

use schemars::JsonSchema;
use serde::Serialize;

use super::fit::below;
use super::plan::{Planned, places, released_files};
use super::{Error, Found};
use crate::git::Repo;
use crate::model::{FileMode, TreePath};
use crate::ops::collection::{Collection, FileDiff, compare, files_of};
use crate::scan::{Finding, Level, validate};
use crate::trust::{ReleaseContent, TrustError};

/// What an import would do to one artifact.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// Licence that the release names for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Licence that was recorded before, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_license: Option<String>,
    /// Its files that would change; of a conflict, how the release differs from what is here.
    pub files: Vec<FileDiff>,
    /// What was seen in the release's files.
    pub findings: Vec<Finding>,
}

/// Returns what an import would do to one artifact; its files are written into `memory`.
///
/// # Errors
/// [`Error::Trust`] when the bytes are no longer those that were verified, [`Error::Git`].
pub(super) fn preview(
    memory: &Repo,
    collection: &Collection,
    found: &Found,
    content: &ReleaseContent,
    planned: &Planned,
) -> Result<Preview, Error> {
    let artifact = &planned.artifact;
    let theirs = released_files(content, artifact);
    let mut contents = Vec::new();
    for index in places(content, artifact) {
        let (entry, blob) = &content.files[index];
        // A merge has read all of it already.
        let bytes = if memory.has(*blob) {
            memory.blob(*blob, entry.size)?
        } else {
            let mut bytes = Vec::new();
            found.evidence.read(index, &mut |piece| bytes.extend_from_slice(piece)).map_err(TrustError::from)?;
            memory.write_blob(&bytes)?;
            bytes
        };
        contents.push((below(artifact, &entry.path), entry.mode, bytes));
    }
    let seen: Vec<(TreePath, FileMode, &[u8])> =
        contents.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
    let ours = files_of(collection, artifact)?;
    let result = planned.merged.as_ref().unwrap_or(&theirs);
    let files = compare(memory, artifact, &ours, result)?.map(|diff| diff.files).unwrap_or_default();
    let bundled = content.manifest.artifacts.iter().find(|bundled| bundled.artifact == *artifact);
    let license = bundled.and_then(|bundled| bundled.license.clone());
    let before = collection.lock.artifacts.get(artifact).and_then(|lock| lock.license.clone());
    Ok(Preview {
        old_license: before.filter(|before| Some(before) != license.as_ref()),
        license,
        files,
        findings: validate(artifact, &seen, Level::Lenient),
    })
}
