//! `tag`: words to find artifacts by.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Change, Collection, Error};
use crate::model::ArtifactRef;
use crate::ops::Context;

/// Longest word, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// What `tag` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Tagged {
    /// Each artifact with its words now.
    pub artifacts: Vec<TaggedArtifact>,
    /// The new commit; `None` when nothing changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// One artifact of [`Tagged`].
#[derive(Debug, Serialize, JsonSchema)]
pub struct TaggedArtifact {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Its words, sorted.
    pub tags: Vec<String>,
}

/// Gives words to artifacts and takes others away, in one commit.
///
/// # Errors
/// [`Error::Word`], [`Error::Git`].
pub fn tag(
    context: &Context,
    collection: &Collection,
    artifacts: &[ArtifactRef],
    add: &[String],
    remove: &[String],
) -> Result<Tagged, Error> {
    let fits = |word: &&String| {
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && c != ',';
        (1..=MAX_WORD_BYTES).contains(&word.len()) && word.chars().all(plain)
    };
    if let Some(wrong) = add.iter().find(|word| !fits(word)) {
        return Err(Error::Word(wrong.chars().take(80).collect()));
    }
    let mut change = Change::new(collection);
    let mut tagged = Vec::new();
    for artifact in artifacts {
        let mut entry = collection.manifest.artifacts.get(artifact).cloned().unwrap_or_default();
        let before = entry.tags.clone();
        entry.tags.retain(|tag| !remove.contains(tag));
        entry.tags.extend(add.iter().cloned());
        entry.tags.sort();
        entry.tags.dedup();
        tagged.push(TaggedArtifact { artifact: artifact.clone(), tags: entry.tags.clone() });
        if entry.tags != before {
            change.describe(artifact, Some(entry));
        }
    }
    let names: Vec<_> = artifacts.iter().map(ToString::to_string).collect();
    let commit = change.commit(context, "tag", &format!("Tag {}", names.join(", ")), artifacts)?;
    Ok(Tagged { artifacts: tagged, commit: commit.map(|id| id.to_string()) })
}
