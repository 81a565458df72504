//! `drift`: how deployments stand to what was written, and to the collection. Writes nothing.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use super::configs::{Configs, Standing};
use super::entries::marker;
use super::items::MAX_FILES;
use super::journal::is_interrupted;
use super::run::chosen;
use super::site::{OnDisk, Site};
use super::wanted::{Layout, tree_of};
use crate::client::TargetId;
use crate::model::{ArtifactRef, Deployment, TreePath};
use crate::ops::Context;
use crate::ops::collection::Collection;

/// How a file or an entry differs from what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Drifted {
    /// It has other content, or another mode.
    Edited,
    /// It is gone.
    Missing,
    /// It was not written by us, but is in the folder of the artifact.
    Extra,
}

/// How the collection stands to what was deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CollectionState {
    /// It has what was deployed.
    Same,
    /// It has other content now.
    Newer,
    /// It does not have the artifact any more.
    Gone,
    /// Another collection than this one was deployed from.
    Other,
}

/// One file or entry that differs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Found {
    /// The file, or the configuration file and the entry in it.
    pub place: String,
    /// How.
    pub state: Drifted,
}

/// One deployment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DriftOf {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Where.
    pub target: String,
    /// What differs from what was written.
    pub places: Vec<Found>,
    /// How the collection stands.
    pub collection: CollectionState,
}

impl DriftOf {
    /// Says whether anything differs.
    pub fn is_clean(&self) -> bool {
        self.places.is_empty() && !matches!(self.collection, CollectionState::Newer | CollectionState::Gone)
    }
}

/// What `drift` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Drift {
    /// The deployments, sorted.
    pub deployments: Vec<DriftOf>,
    /// Whether anything differs.
    pub drifted: bool,
    /// Whether a run was interrupted; the next one that changes something settles it.
    pub interrupted: bool,
}

/// Compares deployments with what was written; `names` are artifacts, all when empty.
///
/// # Errors
/// [`Error::NotDeployed`], [`Error::Record`], [`Error::Config`], [`Error::Fs`].
pub fn drift(
    context: &Context,
    collection: Option<&Collection>,
    target: &TargetId,
    project: &Path,
    names: &[String],
) -> Result<Drift, Error> {
    let site = Site::open(context, target, project)?;
    let (_, record) = site.record()?;
    let interrupted = is_interrupted(&site)?;
    let mut configs = Configs::default();
    let mut deployments = Vec::new();
    for artifact in chosen(&site, &record, names)? {
        let recorded = site.own(&record).find(|deployment| deployment.artifact == artifact);
        if let Some(deployment) = recorded {
            deployments.push(compared(&site, collection, deployment, &mut configs)?);
        }
    }
    let drifted = interrupted || deployments.iter().any(|deployment| !deployment.is_clean());
    Ok(Drift { deployments, drifted, interrupted })
}

fn compared(
    site: &Site,
    collection: Option<&Collection>,
    deployment: &Deployment,
    configs: &mut Configs,
) -> Result<DriftOf, Error> {
    let unit = Layout::of(site, &deployment.artifact)?.unit;
    let mut places = files(site, deployment, unit.as_ref())?;
    let marker = marker(site, unit.as_ref());
    let standings = configs.standings(site, &deployment.entries, marker.as_deref())?;
    for (entry, standing) in deployment.entries.iter().zip(standings) {
        let state = match standing {
            Standing::Same => continue,
            Standing::Edited(_) => Drifted::Edited,
            Standing::Missing => Drifted::Missing,
        };
        places.push(Found { place: format!("{}: {}", entry.config, entry.place()), state });
    }
    Ok(DriftOf {
        artifact: deployment.artifact.clone(),
        target: deployment.target.clone(),
        places,
        collection: collection_state(collection, deployment)?,
    })
}

/// Returns how the files of a deployment differ, sorted.
pub(super) fn files(site: &Site, deployment: &Deployment, unit: Option<&TreePath>) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    for file in &deployment.files {
        let state = match site.look(&file.path)? {
            OnDisk::File(mode, sha256) if (mode, sha256) == (file.mode, file.sha256) => continue,
            OnDisk::Missing => Drifted::Missing,
            OnDisk::File(..) | OnDisk::Other => Drifted::Edited,
        };
        found.push(Found { place: file.path.to_string(), state });
    }
    let (Some(unit), Some(root)) = (unit, site.root()) else { return Ok(found) };
    let here = match site.stat(unit)? {
        Some(_) => root.walk(unit.as_str(), MAX_FILES)?,
        None => Vec::new(),
    };
    for (name, _) in here {
        let place = format!("{unit}/{name}");
        if !deployment.files.iter().any(|file| file.path.as_str() == place) {
            found.push(Found { place, state: Drifted::Extra });
        }
    }
    found.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(found)
}

fn collection_state(collection: Option<&Collection>, deployment: &Deployment) -> Result<CollectionState, Error> {
    let Some(collection) = collection.filter(|collection| collection.manifest.name == deployment.collection) else {
        return Ok(CollectionState::Other);
    };
    Ok(match tree_of(collection, &deployment.artifact) {
        Ok(tree) if deployment.has(tree) => CollectionState::Same,
        Ok(_) => CollectionState::Newer,
        Err(Error::Collection(crate::ops::collection::Error::Unknown { .. })) => CollectionState::Gone,
        Err(error) => return Err(error),
    })
}
