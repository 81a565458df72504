//! `search` and `duplicates`.

use schemars::JsonSchema;
use serde::Serialize;

use super::catalogue::{Content, catalogue, text};
use super::{Collection, Error};
use crate::model::{ArtifactRef, Kind};
use crate::search::{Index, Query, rank, same, similar, snippet};

/// Least share of the words in common for artifacts to be called alike.
const LEAST_ALIKE: f64 = 0.8;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Words that all have to be there.
    pub text: String,
    /// Only this kind.
    pub kind: Option<Kind>,
    /// Only artifacts with all of these tags.
    pub tags: Vec<String>,
    /// At most so many hits.
    pub limit: usize,
}

/// One artifact that answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SearchHit {
    /// Name of its collection, or the folder of its project.
    pub collection: String,
    /// The artifact.
    pub artifact: ArtifactRef,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// How well it answers; comparable within one search only.
    pub score: f64,
    /// A line in which one of the words stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// Searches names, tags, descriptions and texts of the last commit; best first.
///
/// # Errors
/// [`Error::Git`].
pub fn search(collection: &Collection, wish: &Search) -> Result<Vec<SearchHit>, Error> {
    let texts = catalogue(collection, Content::Text)?;
    let index = Index::decode(&texts).unwrap_or_default();
    let query = Query::parse(&wish.text);
    let artifacts: Vec<ArtifactRef> =
        index.documents.iter().map(|document| document.artifact.parse()).collect::<Result<_, _>>()?;
    let tags: Vec<Vec<String>> = artifacts
        .iter()
        .map(|artifact| collection.manifest.artifacts.get(artifact).map(|entry| entry.tags.clone()).unwrap_or_default())
        .collect();
    let wanted = |at: usize| {
        wish.kind.is_none_or(|kind| artifacts[at].kind == kind) && wish.tags.iter().all(|tag| tags[at].contains(tag))
    };
    let mut hits = Vec::new();
    for hit in rank(&index, &tags, &query, &wanted).into_iter().take(wish.limit) {
        let (artifact, document) = (&artifacts[hit.document], &index.documents[hit.document]);
        hits.push(SearchHit {
            collection: collection.manifest.name.clone(),
            artifact: artifact.clone(),
            description: document.description.map(str::to_owned),
            tags: tags[hit.document].clone(),
            score: hit.score,
            snippet: if query.words.is_empty() {
                None
            } else {
                snippet(&text(&collection.repo, artifact.kind, document)?, &query.words)
            },
        });
    }
    Ok(hits)
}

/// Two artifacts that say nearly the same.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Alike {
    /// The first, in order.
    pub a: ArtifactRef,
    /// The second.
    pub b: ArtifactRef,
    /// Share of runs of four words that both have, of all that either has: 0.8 to 1.
    pub share: f64,
}

/// What `duplicates` found.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Duplicates {
    /// Groups of artifacts with the same bytes: the same git tree.
    pub same: Vec<Vec<ArtifactRef>>,
    /// Pairs that say nearly the same, most alike first; those of `same` are left out.
    pub alike: Vec<Alike>,
}

/// Finds artifacts that are the same, and those that are nearly.
///
/// # Errors
/// [`Error::Git`].
pub fn duplicates(collection: &Collection) -> Result<Duplicates, Error> {
    let texts = catalogue(collection, Content::Text)?;
    let index = Index::decode(&texts).unwrap_or_default();
    let artifact = |at: &usize| index.documents[*at].artifact.parse::<ArtifactRef>();
    let groups = same(&index);
    let groups = groups.iter().map(|group| group.iter().map(artifact).collect::<Result<Vec<_>, _>>());
    let mut groups: Vec<Vec<ArtifactRef>> = groups.collect::<Result<_, _>>()?;
    groups.sort();
    let mut alike = Vec::new();
    for pair in similar(&index, LEAST_ALIKE) {
        if index.documents[pair.a].id != index.documents[pair.b].id {
            alike.push(Alike { a: artifact(&pair.a)?, b: artifact(&pair.b)?, share: pair.share });
        }
    }
    Ok(Duplicates { same: groups, alike })
}
