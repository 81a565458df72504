//! `diff --deployed`: what a target has, against the last commit of the collection. Writes nothing.

use std::path::Path;

use super::Error;
use super::configs::Configs;
use super::project::{ArtifactFiles, bring};
use super::run::chosen;
use super::site::Site;
use super::sync::base_files;
use crate::client::TargetId;
use crate::ops::Context;
use crate::ops::collection::{self, ArtifactDiff, Collection};

/// Compares artifacts in the collection with what a target has of them; `names` are artifacts, all when empty.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Record`], [`Error::Config`], [`Error::Gone`], and [`Error::Unfit`] and
/// [`Error::NotAFile`] for what no artifact may hold.
pub fn diff(
    context: &Context,
    collection: &Collection,
    target: &TargetId,
    project: &Path,
    names: &[String],
) -> Result<Vec<ArtifactDiff>, Error> {
    let site = Site::open(context, target, project)?;
    let (_, record) = site.record()?;
    let memory = collection.repo.in_memory();
    let mut configs = Configs::default();
    let mut diffs = Vec::new();
    for artifact in chosen(&site, &record, names)? {
        let Some(deployment) = site.own(&record).find(|deployment| deployment.artifact == artifact) else { continue };
        let ours: ArtifactFiles =
            collection.files(&artifact)?.into_iter().map(|file| (file.path, (file.mode, file.id))).collect();
        let base = base_files(&memory, deployment)?;
        let base = base.as_ref().unwrap_or(&ours);
        let theirs = bring(&site, &memory, deployment, base, &mut configs)?;
        let theirs = theirs.as_ref().map_or(base, |brought| &brought.files);
        diffs.extend(collection::compare(&memory, &artifact, &ours, theirs)?);
    }
    Ok(diffs)
}
