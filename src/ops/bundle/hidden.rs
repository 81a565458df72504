//! Text that nobody sees and an agent reads, in what is to be imported.

use super::Error;
use super::error::listed;
use super::fit::below;
use super::plan::{Plan, Planned};
use crate::git::Repo;
use crate::model::{ArtifactRef, FileEntry};
use crate::ops::collection::{Collection, Files, files_of};
use crate::scan::{Finding, HIDDEN_UNICODE, Level, Severity, is_definition, validate_definition, validate_file};

/// Whether artifacts are taken that hold text which nobody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// The import is refused.
    Refuse,
    /// They are taken, and the commit says so.
    Take,
}

impl Plan {
    /// Refuses what holds text that nobody sees, as far as the plan has the previews for it.
    ///
    /// # Errors
    /// [`Error::Hidden`], with every place.
    pub fn check_hidden(&self, hidden: Hidden) -> Result<(), Error> {
        hidden.check_previews(&self.artifacts)
    }
}

impl Hidden {
    /// # Errors
    /// [`Error::Hidden`] where the previews of these artifacts tell of such places.
    pub(super) fn check_previews(self, artifacts: &[Planned]) -> Result<(), Error> {
        let previews = artifacts.iter().filter_map(|planned| planned.preview.as_ref());
        let places: Vec<_> = previews.flat_map(|preview| preview.hidden.iter().cloned()).collect();
        self.check(&places).map(drop)
    }

    /// Returns what the commit says of these places, if they are taken.
    ///
    /// # Errors
    /// [`Error::Hidden`] where there are such places and they are not.
    pub(super) fn check(self, places: &[String]) -> Result<Option<String>, Error> {
        match self {
            _ if places.is_empty() => Ok(None),
            Hidden::Refuse => Err(Error::Hidden(places.to_vec())),
            Hidden::Take => Ok(Some(format!("With text that nobody sees: {}", listed(places)))),
        }
    }
}

/// Returns the places in an artifact with these files, of which `repo` has the content; of what the collection has already, none.
///
/// # Errors
/// [`Error::Git`], [`Error::Collection`].
pub(super) fn places(
    repo: &Repo,
    collection: &Collection,
    artifact: &ArtifactRef,
    entries: &[FileEntry],
    theirs: &Files,
) -> Result<Vec<String>, Error> {
    let ours = files_of(collection, artifact)?;
    // One file at a time; only what says what the artifact is stays, until all of it is known.
    let (mut seen, mut findings) = (Vec::new(), Vec::new());
    for entry in entries {
        let (path, is_here) = (below(artifact, &entry.path), ours.get(&entry.path).map(|(_, id)| id));
        let id = theirs.get(&entry.path).map(|(_, id)| *id).filter(|id| is_here != Some(id));
        let is_definition = is_definition(artifact.kind, &path);
        let bytes = id.map_or(Ok(Vec::new()), |id| repo.blob(id, entry.size))?;
        findings.extend(validate_file(artifact.kind, &(path.clone(), entry.mode, &bytes), Level::Lenient));
        seen.push((path, entry.mode, if is_definition { bytes } else { Vec::new() }));
    }
    let seen: Vec<_> = seen.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
    findings.extend(validate_definition(artifact, &seen, Level::Lenient));
    Ok(told(artifact, &findings))
}

fn told(artifact: &ArtifactRef, findings: &[Finding]) -> Vec<String> {
    let is_one = |finding: &&Finding| finding.id == HIDDEN_UNICODE && finding.severity == Severity::Error;
    let place = |finding: &Finding| match finding.line {
        Some(line) => format!("{artifact}: '{}' line {line}: {}", finding.path, finding.message),
        None => format!("{artifact}: '{}': {}", finding.path, finding.message),
    };
    findings.iter().filter(is_one).map(place).collect()
}
