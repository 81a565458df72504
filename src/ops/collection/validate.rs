//! `validate`: what there is to know of artifacts before they are used or published. Writes nothing.

use std::collections::BTreeSet;
use std::error::Error as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::update::{contents, files_of};
use super::{Change, Collection, Error};
use crate::git::GitError;
use crate::model::{ArtifactRef, Oid, TreePath};
use crate::ops::Context;
use crate::scan::{self, Finding, Level, Severity};

/// What is validated, and how strictly.
#[derive(Debug, Clone)]
pub struct Validate {
    /// Names of artifacts; all when empty.
    pub artifacts: Vec<String>,
    /// The rules for publishing instead of those for use.
    pub level: Level,
    /// The state that the next commit would have, instead of the last commit.
    pub staged: bool,
}

/// A finding, and whether it was accepted.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Judged {
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// The file in the collection.
    pub file: TreePath,
    /// Whether `collection.toml` accepts it, by its id.
    pub accepted: bool,
}

/// One artifact of a [`Validation`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct ValidatedArtifact {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What was found, sorted by file and line.
    pub findings: Vec<Judged>,
}

/// What `validate` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Validation {
    /// Number of artifacts looked at.
    pub checked: usize,
    /// Those with findings.
    pub artifacts: Vec<ValidatedArtifact>,
    /// Number of errors that are not accepted.
    pub errors: usize,
    /// Number of warnings that are not accepted.
    pub warnings: usize,
}

/// Validates artifacts of the last commit, or of the index.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Git`]; what is wrong with an artifact is no error but a finding.
pub fn validate(collection: &Collection, wish: &Validate) -> Result<Validation, Error> {
    let staged;
    let collection = if wish.staged {
        staged = collection.staged()?;
        &staged
    } else {
        collection
    };
    let artifacts = collection.select(&wish.artifacts)?;
    let mut validation = Validation { checked: artifacts.len(), artifacts: Vec::new(), errors: 0, warnings: 0 };
    for artifact in artifacts {
        let found = match files_of(collection, &artifact) {
            Ok(files) => {
                let contents = contents(&collection.repo, &artifact, &files)?;
                let seen: Vec<_> =
                    contents.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
                scan::validate(&artifact, &seen, wish.level)
            }
            Err(Error::Unfit { source, .. }) => vec![unfit(&artifact, &source)?],
            Err(other) => return Err(other),
        };
        let accepted: BTreeSet<&str> = collection
            .manifest
            .artifacts
            .get(&artifact)
            .map(|entry| entry.accept.iter().map(String::as_str).collect())
            .unwrap_or_default();
        let mut findings = Vec::new();
        for finding in found {
            let accepted = accepted.contains(finding.id);
            match finding.severity {
                _ if accepted => {}
                Severity::Error => validation.errors += 1,
                Severity::Warning => validation.warnings += 1,
                Severity::Info => {}
            }
            let file = match artifact.kind.main_file() {
                Some(_) => artifact.path().join(finding.path.as_str()).map_err(GitError::from)?,
                None => artifact.path(),
            };
            findings.push(Judged { finding, file, accepted });
        }
        if !findings.is_empty() {
            validation.artifacts.push(ValidatedArtifact { artifact, findings });
        }
    }
    Ok(validation)
}

/// The finding of an artifact whose files cannot be listed.
fn unfit(artifact: &ArtifactRef, why: &GitError) -> Result<Finding, Error> {
    let main = artifact.main_path();
    let path = main.file_name().parse().map_err(GitError::from)?;
    let why = why.source().map_or_else(|| why.to_string(), ToString::to_string);
    Ok(Finding { id: "files.unfit", severity: Severity::Error, path, line: None, message: crate::model::shown(&why) })
}

/// Records in `collection.toml` that findings of some artifacts are accepted, in one commit.
///
/// # Errors
/// [`Error::NotFound`] for an id that none of them has: an acceptance of nothing would hide a later finding.
pub fn accept(
    context: &Context,
    collection: &Collection,
    wish: &Validate,
    ids: &[String],
) -> Result<Option<Oid>, Error> {
    let validation = validate(collection, wish)?;
    for id in ids {
        if !validation.artifacts.iter().any(|item| item.findings.iter().any(|judged| judged.finding.id == id)) {
            return Err(Error::NotFound(id.chars().take(80).collect()));
        }
    }
    let mut change = Change::new(collection);
    let mut changed = Vec::new();
    for item in &validation.artifacts {
        let mut entry = collection.manifest.artifacts.get(&item.artifact).cloned().unwrap_or_default();
        let own =
            item.findings.iter().map(|judged| judged.finding.id).filter(|id| ids.iter().any(|wanted| wanted == id));
        let before = entry.accept.clone();
        entry.accept.extend(own.map(str::to_owned));
        entry.accept.sort();
        entry.accept.dedup();
        if entry.accept != before {
            change.describe(&item.artifact, Some(entry));
            changed.push(item.artifact.clone());
        }
    }
    let subject = format!("Accept {} of {}", ids.join(", "), names(&changed));
    change.commit(context, "accept", &subject, &changed)
}

fn names(artifacts: &[ArtifactRef]) -> String {
    match artifacts {
        [one] => one.to_string(),
        several => format!("{} artifacts", several.len()),
    }
}
