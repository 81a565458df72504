//! Searching more than one collection, and projects.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::catalogue::Read;
use super::list::description_in;
use super::search::search;
use super::source::Opened;
use super::take::content;
use super::{Collection, Error, Search, SearchHit, known};
use crate::fsio::{Root, real_path};
use crate::ops::Context;
use crate::search::{Hit, Index, Query, rank, snippet};

/// Searches what the clients of a project find in its folders, as it is on disk; best first.
///
/// # Errors
/// [`Error::Fs`], [`Error::Discover`].
pub fn search_project(folder: &Path, wish: &Search) -> Result<Vec<SearchHit>, Error> {
    let folder = &real_path(folder);
    let name = folder.display().to_string();
    let opened = Opened::Folder { root: Root::open(folder)?, upstream: name.clone() };
    let found = opened.discover(None, folder.file_name().and_then(OsStr::to_str).unwrap_or_default())?.found;
    let mut texts = Vec::new();
    for found in found.iter().filter(|found| wish.kind.is_none_or(|kind| found.artifact.kind == kind)) {
        // What cannot be read as an artifact is no answer.
        let Ok((files, _)) = content(&opened, found) else { continue };
        let files = files.iter().filter_map(|(path, _, bytes)| Some((path, str::from_utf8(bytes).ok()?)));
        let main = found.artifact.main_path();
        let (main, others): (Vec<_>, Vec<_>) = files.partition(|(path, _)| path.as_str() == main.file_name());
        let original = main.iter().chain(&others).map(|(_, text)| format!("{text}\n")).collect::<String>();
        let read = Read {
            id: String::new(),
            artifact: found.artifact.to_string(),
            description: main.first().and_then(|(_, main)| description_in(&found.artifact, main)),
            text: original.to_lowercase(),
        };
        texts.push((found.artifact.clone(), read, original));
    }
    let query = Query::parse(&wish.text);
    let index = Index { key: "", documents: texts.iter().map(|(_, read, _)| read.document()).collect() };
    // Nobody gives tags in a project.
    let hits = rank(&index, &[], &query, &|_| wish.tags.is_empty()).into_iter().take(wish.limit);
    let shown = |hit: Hit| {
        let (artifact, read, original) = &texts[hit.document];
        SearchHit {
            collection: name.clone(),
            artifact: artifact.clone(),
            description: read.description.clone(),
            tags: Vec::new(),
            score: hit.score,
            snippet: snippet(original, &query.words).filter(|_| !query.words.is_empty()),
        }
    };
    Ok(hits.map(shown).collect())
}

/// Where else is searched than in the collection.
#[derive(Debug, Clone, Default)]
pub struct Elsewhere {
    /// Every collection in the home of this program.
    pub collections: bool,
    /// These projects.
    pub projects: Vec<PathBuf>,
}

/// What was found.
#[derive(Debug)]
pub struct Answers {
    /// Best first.
    pub hits: Vec<SearchHit>,
    /// What could not be searched, and why.
    pub failed: Vec<(PathBuf, Error)>,
}

/// Searches a collection, where there is one, and elsewhere.
///
/// # Errors
/// [`Error::Git`] for the collection itself.
pub fn search_all(
    context: &Context,
    here: Option<&Collection>,
    elsewhere: &Elsewhere,
    wish: &Search,
) -> Result<Answers, Error> {
    let mut hits = here.map(|here| search(here, wish)).transpose()?.unwrap_or_default();
    let mut failed = Vec::new();
    let mut add = |place: &Path, found: Result<Vec<SearchHit>, Error>| match found {
        Ok(found) => hits.extend(found),
        Err(error) => failed.push((place.to_owned(), error)),
    };
    let known = if elsewhere.collections { known(&context.home)? } else { Vec::new() };
    let own = here.map(Collection::folder).transpose()?.map(real_path);
    for folder in known.iter().filter(|folder| own.as_deref() != Some(&real_path(folder))) {
        add(folder, Collection::open(folder).and_then(|collection| search(&collection, wish)));
    }
    elsewhere.projects.iter().for_each(|folder| add(folder, search_project(folder, wish)));
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(wish.limit);
    Ok(Answers { hits, failed })
}
