//! `search` and `duplicates`.

use std::path::PathBuf;

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{FAINT, NAME, clean, short};
use crate::model::Kind;
use crate::ops::collection::{self, Answers, Duplicates, Elsewhere, Error, Search, SearchHit};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find artifacts by what they are called and what they say
    #[command(
        after_help = "Examples:\n  git skillmeat search pdf forms\n  git skillmeat search review --kind agent\n  \
        git skillmeat search --tag office\n\nAll words have to be there. Names count most, then tags, descriptions and texts."
    )]
    Search {
        /// Words that all have to be there
        words: Vec<String>,
        /// Only this kind
        #[arg(long, value_parser = clap::value_parser!(Kind))]
        kind: Option<Kind>,
        /// Only artifacts with this tag; may be given several times
        #[arg(long, value_name = "WORD")]
        tag: Vec<String>,
        /// Search every collection in the home of this program too
        #[arg(long)]
        all_collections: bool,
        /// Search what clients find in this project too; may be given several times
        #[arg(long, value_name = "DIR")]
        project: Vec<PathBuf>,
        /// Search the projects of `git config --get-all skillmeat.project` too
        #[arg(long)]
        projects: bool,
        /// At most this many
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// Find artifacts that are the same, or say nearly the same
    #[command(after_help = "Example: git skillmeat duplicates")]
    Duplicates,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Search { words, kind, tag, all_collections, project, projects, limit } => {
                let wish = Search { text: words.join(" "), kind, tags: tag, limit };
                let mut folders: Vec<_> = project.iter().map(|dir| session.environment.absolute(dir)).collect();
                folders.extend(session.settings.projects.iter().filter(|_| projects).cloned());
                search(session, &wish, &Elsewhere { collections: all_collections, projects: folders })
            }
            Command::Duplicates => {
                let found = collection::duplicates(&session.collection()?)?;
                Ok(Report::new("duplicates", &found, duplicates_text(&found)))
            }
        }
    }
}

fn search(session: &Session, wish: &Search, elsewhere: &Elsewhere) -> Result<Report, Failure> {
    let far = elsewhere.collections || !elsewhere.projects.is_empty();
    let here = match session.collection() {
        Err(failure) if !far => return Err(failure),
        here => here.ok(),
    };
    let Answers { hits, failed } = collection::search_all(&session.context, here.as_ref(), elsewhere, wish)?;
    let text: String = hits.iter().map(|hit| hit_text(hit, far)).collect();
    let report = Report::new("search", &hits, text);
    let report =
        if hits.is_empty() { report.note("nothing found; `git skillmeat list` shows all there is") } else { report };
    let note = |(place, error): (PathBuf, Error)| format!("warning: '{}' was not searched: {error}", place.display());
    Ok(failed.into_iter().map(note).fold(report, Report::note))
}

fn hit_text(hit: &SearchHit, with_collection: bool) -> String {
    let of = if with_collection { format!(" {FAINT}in {}{FAINT:#}", clean(&hit.collection)) } else { String::new() };
    let tags = if hit.tags.is_empty() { String::new() } else { format!(" [{}]", clean(&hit.tags.join(", "))) };
    let about = hit.description.as_deref().unwrap_or_default();
    let mut text = format!("{NAME}{}{NAME:#}{of}{tags}  {}\n", hit.artifact, short(about, 90));
    if let Some(snippet) = hit.snippet.as_ref().filter(|snippet| !about.contains(snippet.as_str())) {
        text.push_str(&format!("    {FAINT}{}{FAINT:#}\n", short(snippet, 120)));
    }
    text
}

fn duplicates_text(found: &Duplicates) -> String {
    let mut text = String::new();
    for group in &found.same {
        let names: Vec<_> = group.iter().map(ToString::to_string).collect();
        text.push_str(&format!("the same bytes: {NAME}{}{NAME:#}\n", names.join(", ")));
    }
    for pair in &found.alike {
        let percent = (pair.share * 100.0).floor();
        text.push_str(&format!("{percent:.0} % of the words in common: {NAME}{}, {}{NAME:#}\n", pair.a, pair.b));
    }
    if text.is_empty() { "No duplicates\n".to_owned() } else { text }
}
