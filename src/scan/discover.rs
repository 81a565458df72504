//! Finding every artifact in a source, in the places where clients and other tools look for them.
//!
//! The places are those that skill managers search, of Claude Code plugins and marketplaces, of Agent
//! Plugins, and of our own collections. Nothing outside the tree is followed, every manifest is only a hint,
//! and every list, depth and file has a bound, so that a hostile tree costs a bounded time.

mod manifest;
mod name;
mod places;
mod reader;
mod servers;
mod start;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::finding::shown;
use super::{Tree, TreeError};
use crate::model::{ArtifactRef, TreePath};
use reader::Reader;

/// Bounds of one discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Folders listed in all.
    pub max_folders: usize,
    /// Entries of all folders together.
    pub max_items: usize,
    /// Artifacts found.
    pub max_found: usize,
    /// Longest manifest or Markdown file read, in bytes.
    pub max_file_bytes: u64,
    /// Folders listed in the search for skills in other places.
    pub max_walk_folders: usize,
    /// How deep that search goes below its start.
    pub max_walk_depth: usize,
}

impl Default for Limits {
    /// Ten times the largest public source known (1,200 files, 490 artifacts), and for the search the bounds
    /// of the Agent Skills client guide.
    fn default() -> Self {
        Self {
            max_folders: 10_000,
            max_items: 500_000,
            max_found: 5_000,
            max_file_bytes: 1024 * 1024,
            max_walk_folders: 2_000,
            max_walk_depth: 6,
        }
    }
}

/// What a source holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovery {
    /// Every artifact, each place once, sorted by kind, name and path. A name may occur more than once.
    pub found: Vec<Found>,
    /// What was seen and not taken, and why; sorted.
    pub notes: Vec<Note>,
    /// Names that more than one place has, with those places. The content may be the same.
    pub clashes: Vec<(ArtifactRef, Vec<String>)>,
}

/// One artifact in a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its kind and the name it gets.
    pub artifact: ArtifactRef,
    /// Where it is; `None` for the whole source.
    pub path: Option<TreePath>,
    /// Which files belong to it.
    pub files: FoundFiles,
    /// What the source calls it, when that could not be a name.
    pub renamed_from: Option<String>,
}

/// Which files belong to an artifact.
#[derive(Debug, Clone, PartialEq)]
pub enum FoundFiles {
    /// Everything below the path.
    Folder,
    /// The one file at the path.
    File,
    /// One server of the MCP configuration at the path.
    McpEntry {
        /// Its key there.
        server: String,
        /// Its value there, an object.
        entry: serde_json::Value,
    },
}

/// Something that is not an artifact, or not quite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Note {
    /// Where, control and invisible characters escaped; empty for the root.
    pub path: String,
    /// Which case, such as `link`; stays the same over releases.
    pub id: &'static str,
    /// One sentence.
    pub message: String,
}

/// Why a source could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The tree could not be read.
    #[error("cannot read '{path}' in the source")]
    Tree {
        /// Folder or file.
        path: String,
        /// Why.
        source: TreeError,
    },
    /// The source is larger than [`Limits`] allows.
    #[error("the source has more than {limit} {what}; name a folder within it")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much would do.
        limit: usize,
    },
    /// The folder or file to search is not there.
    #[error("the source has no '{path}'")]
    Missing {
        /// The path asked for.
        path: TreePath,
    },
    /// The folder or file to search is, or lies behind, a symbolic link or submodule.
    #[error("'{path}' is behind a symbolic link or submodule, which is never followed")]
    Link {
        /// The path asked for.
        path: TreePath,
    },
}

/// Finds the artifacts of a source.
///
/// With `start` only that folder or file counts. `fallback_name` is the name of a skill, or of the hooks of a
/// plugin, that has none of its own: the last name in the URL, for example.
///
/// # Errors
/// [`DiscoverError`]. A broken manifest or an unusable name is a note and no error.
pub fn discover(
    tree: &dyn Tree,
    start: Option<&TreePath>,
    fallback_name: &str,
    limits: Limits,
) -> Result<Discovery, DiscoverError> {
    let mut search = Search {
        reader: Reader::new(tree, limits),
        limits,
        fallback_name,
        found: BTreeMap::new(),
        roots: BTreeSet::new(),
    };
    match start {
        Some(start) => search.start_at(start)?,
        None => search.source("")?,
    }
    Ok(search.finish())
}

/// The state of one discovery. Paths are text here, `""` for the root.
struct Search<'a> {
    reader: Reader<'a>,
    limits: Limits,
    fallback_name: &'a str,
    /// By path and server, so that a place that is reached by two ways counts once.
    found: BTreeMap<(String, String), Found>,
    /// Plugin roots that were searched.
    roots: BTreeSet<String>,
}

impl Search<'_> {
    /// Searches a whole source, or a folder as if it were one.
    fn source(&mut self, base: &str) -> Result<(), DiscoverError> {
        let is_skill = self.skill_at(base)?;
        let market = self.market(base)?;
        self.root(base, market.name_of(base))?;
        if !is_skill {
            self.children(base)?;
        }
        self.client_folders(base)?;
        self.market_roots(&market)?;
        self.unlisted_plugins(base)?;
        let no_skill = !self.found.values().any(|found| found.artifact.kind == crate::model::Kind::Skill);
        if no_skill { self.walk(base) } else { Ok(()) }
    }

    fn add(
        &mut self,
        path: &str,
        artifact: ArtifactRef,
        files: FoundFiles,
        renamed_from: Option<String>,
    ) -> Result<(), DiscoverError> {
        let server = match &files {
            FoundFiles::McpEntry { server, .. } => server.clone(),
            FoundFiles::Folder | FoundFiles::File => String::new(),
        };
        let place = if path.is_empty() { None } else { Some(path.parse()) };
        let Ok(place) = place.transpose() else {
            self.reader.note(path, "path", "the path cannot be used on every system");
            return Ok(());
        };
        let key = (path.to_owned(), server);
        match self.found.get(&key) {
            Some(first) if first.files != files => {
                let message = format!("the source defines '{artifact}' twice in this file; the first counts");
                self.reader.note(path, "twice", message);
            }
            Some(_) => {}
            None => {
                self.found.insert(key, Found { artifact, path: place, files, renamed_from });
            }
        }
        if self.found.len() > self.limits.max_found {
            return Err(DiscoverError::Limit { what: "artifacts", limit: self.limits.max_found });
        }
        Ok(())
    }

    fn finish(self) -> Discovery {
        let mut places: BTreeMap<ArtifactRef, Vec<String>> = BTreeMap::new();
        let mut found = Vec::with_capacity(self.found.len());
        // The map is sorted by path and server, and the sort below is stable.
        for ((path, _), one) in self.found {
            places.entry(one.artifact.clone()).or_default().push(path);
            found.push(one);
        }
        found.sort_by(|a, b| a.artifact.cmp(&b.artifact));
        let clashes = places.into_iter().filter(|(_, paths)| paths.len() > 1).collect();
        Discovery { found, notes: self.reader.into_notes(), clashes }
    }
}

/// Joins two paths, either of which may be the root.
fn join(base: &str, more: &str) -> String {
    match (base, more) {
        ("", path) | (path, "") => path.to_owned(),
        (base, more) => format!("{base}/{more}"),
    }
}

/// Returns the last name of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the folder of a path.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests;
