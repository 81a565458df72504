//! `remove`: artifacts leave the collection; their history stays.

use schemars::JsonSchema;
use serde::Serialize;

use super::pending::end;
use super::{Change, Collection, Error};
use crate::model::ArtifactRef;
use crate::ops::Context;

/// What `remove` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Removed {
    /// The artifacts.
    pub artifacts: Vec<ArtifactRef>,
    /// The commit that removed them; `None` for a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Removes artifacts in one commit.
///
/// # Errors
/// [`Error::Git`] with `Dirty` when one of their files has edits that are not committed.
pub fn remove(
    context: &Context,
    collection: &Collection,
    artifacts: &[ArtifactRef],
    preview: bool,
) -> Result<Removed, Error> {
    let mut change = Change::new(collection);
    for artifact in artifacts {
        change.replace(artifact, &[])?;
        if collection.manifest.artifacts.contains_key(artifact) {
            change.describe(artifact, None);
        }
        change.lock(artifact, None);
        // What waits was for this one, and not for another of its name.
        end(collection, &mut change, artifact)?;
    }
    let names: Vec<_> = artifacts.iter().map(ToString::to_string).collect();
    let committed = if preview {
        None
    } else {
        change.commit(context, "remove", &format!("Remove {}", names.join(", ")), artifacts)?
    };
    Ok(Removed { artifacts: artifacts.to_vec(), commit: committed.map(|done| done.to_string()) })
}
