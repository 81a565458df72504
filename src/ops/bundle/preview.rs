//! What an import would change, file by file, before anyone agrees to it.

use schemars::JsonSchema;
use serde::Serialize;

use super::fit::below;
use super::hidden::places;
use super::incoming::places as places_of;
use super::plan::Planned;
use super::{Error, Found};
use crate::git::Repo;
use crate::model::{ArtifactRef, FileMode, TreePath};
use crate::ops::collection::{Collection, FileDiff, Files, Powers, compare, files_of, powers};
use crate::scan::{Finding, Level, validate};
use crate::trust::{ReleaseContent, TrustError, Verified};

/// What an import would do to one artifact.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Preview {
    /// Licence that the release names for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Licence that was recorded before, where it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_license: Option<String>,
    /// What would change in what a client runs by itself, and in what the artifact may do.
    pub powers: Powers,
    /// Its files that would change; of a conflict, how the release differs from what is here.
    pub files: Vec<FileDiff>,
    /// What was seen in the release's files.
    pub findings: Vec<Finding>,
    /// Text that nobody sees and that the collection does not have yet, by its places: an import is refused for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
}

/// What an artifact of a release makes a client run, and what was seen in it.
#[derive(Debug)]
pub struct Look {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What it runs and may do.
    pub powers: Powers,
    /// What was seen in its files.
    pub findings: Vec<Finding>,
}

/// Looks at the artifacts of a release, where there is no collection to compare them with. The files of one at a time are held
/// in memory.
///
/// # Errors
/// [`Error::Trust`] when the bytes are no longer those that were verified.
pub fn look(found: &Found, verified: &Verified<ReleaseContent>) -> Result<Vec<Look>, Error> {
    let content = verified.get();
    let one = |artifact: &ArtifactRef| {
        let (mut contents, mut executable) = (Vec::new(), Vec::new());
        for index in places_of(content, artifact) {
            let (entry, _) = &content.files[index];
            let mut bytes = Vec::new();
            found.evidence.read(index, &mut |piece| bytes.extend_from_slice(piece)).map_err(TrustError::from)?;
            if entry.mode == FileMode::Executable {
                executable.push(entry.path.clone());
            }
            contents.push((&entry.path, entry.mode, bytes));
        }
        let main = contents.iter().find(|(path, ..)| **path == artifact.main_path());
        let powers = Powers::of_new(artifact, main.map(|(_, _, bytes)| bytes.as_slice()), executable);
        let seen: Vec<_> =
            contents.iter().map(|(path, mode, bytes)| (below(artifact, path), *mode, bytes.as_slice())).collect();
        Ok(Look { artifact: artifact.clone(), powers, findings: validate(artifact, &seen, Level::Lenient) })
    };
    content.manifest.artifacts.iter().map(|bundled| one(&bundled.artifact)).collect()
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
    let (artifact, offered) = (&planned.artifact, planned.offered());
    let contents = planned.incoming.contents(memory, found, content, offered)?;
    let result = planned.merged.as_ref().unwrap_or(&planned.incoming.files);
    let bundled = content.manifest.artifacts.iter().find(|bundled| bundled.artifact == *offered);
    let license = bundled.and_then(|bundled| bundled.license.clone());
    let entries = if planned.brings() { planned.files.as_slice() } else { &[] };
    let hidden = places(memory, collection, artifact, entries, &planned.incoming.files)?;
    Ok(Preview { hidden, ..of_contents(memory, collection, artifact, result, license, &contents)? })
}

/// As [`preview`], for an artifact that gets the files `result`, of which all are in `memory`; `contents` are those of the
/// release or pack.
pub(super) fn of_contents(
    memory: &Repo,
    collection: &Collection,
    artifact: &ArtifactRef,
    result: &Files,
    license: Option<String>,
    contents: &[(TreePath, FileMode, Vec<u8>)],
) -> Result<Preview, Error> {
    let seen: Vec<(TreePath, FileMode, &[u8])> =
        contents.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
    let ours = files_of(collection, artifact)?;
    let files = compare(memory, artifact, &ours, result)?.map(|diff| diff.files).unwrap_or_default();
    let before = collection.lock.artifacts.get(artifact).and_then(|lock| lock.license.clone());
    Ok(Preview {
        old_license: before.filter(|before| Some(before) != license.as_ref()),
        license,
        powers: powers(memory, artifact, (&ours, result))?,
        files,
        findings: validate(artifact, &seen, Level::Lenient),
        hidden: Vec::new(),
    })
}
