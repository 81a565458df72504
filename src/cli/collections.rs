//! `collection`: several collections.

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{FAINT, NAME, WARNING, brief, clean, count};
use crate::fsio::real_path;
use crate::model::Class;
use crate::ops::collection::{self, Collection, KnownCollection};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the collections, use another one, copy artifacts between them
    #[command(subcommand, after_help = "Example: git skillmeat collection list")]
    Collection(Several),
}

#[derive(Debug, Subcommand)]
pub(super) enum Several {
    /// List the collections in the home of this program
    #[command(after_help = "Example: git skillmeat collection list")]
    List,
    /// Show which collection commands are about here
    #[command(after_help = "Example: git skillmeat collection show")]
    Show,
    /// Let commands outside of any collection be about this one
    #[command(after_help = "Examples:\n  git skillmeat collection use work\n  git skillmeat collection use ~/skills")]
    Use {
        /// A name from `collection list`, or a path
        #[arg(value_name = "NAME|PATH")]
        collection: String,
    },
    /// Copy artifacts into another collection, with where they came from
    #[command(after_help = "Examples:\n  git skillmeat collection copy skill/pdf --to work\n  \
        git skillmeat collection copy skill/pdf --to work --move")]
    Copy {
        /// kind/name, or a name that only one artifact has
        #[arg(value_name = "REF", required = true)]
        artifacts: Vec<String>,
        /// The other collection: a name, or a path
        #[arg(long, value_name = "NAME|PATH")]
        to: String,
        /// Remove them here afterwards
        #[arg(long = "move")]
        moves: bool,
    },
}

/// What `collection use` set.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct Used {
    /// The collection.
    collection: String,
}

/// What `collection copy` did.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct CopiedOrMoved {
    /// In the other collection.
    #[serde(flatten)]
    copied: collection::Copied,
    /// The commit that removed them here.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<String>,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let Command::Collection(command) = self;
        match command {
            Several::List => list(session),
            Several::Show => {
                let collection = session.collection()?;
                let listed = collection::list(&collection)?;
                let text = format!(
                    "{NAME}{}{NAME:#} in {}, {}\n",
                    clean(&listed.collection),
                    listed.path.display(),
                    count(listed.artifacts.len(), "artifact")
                );
                Ok(Report::new("list", &listed, text))
            }
            Several::Use { collection } => {
                let folder = session.environment.collection_folder(&collection);
                Collection::open(&folder)?;
                // A path has to mean the same from everywhere.
                let is_name = folder == session.context.home.join("collections").join(&collection);
                let value = if is_name { collection } else { folder.display().to_string() };
                session.context.git()?.set_global("skillmeat.collection", &value)?;
                let text =
                    format!("Commands outside of any collection are about {NAME}{}{NAME:#} now\n", clean(&value));
                Ok(Report::new("collection-use", &Used { collection: value }, text))
            }
            Several::Copy { artifacts, to, moves } => copy(session, &artifacts, &to, moves),
        }
    }
}

fn list(session: &Session) -> Result<Report, Failure> {
    let used = session.environment.default_collection(&session.settings);
    let all = collection::collections(&session.context.home, &used)?;
    let line = |item: &KnownCollection| {
        let mark = if item.used { "*" } else { " " };
        let state = match (&item.artifacts, &item.problem) {
            (Some(number), _) => count(*number, "artifact"),
            (None, problem) => format!("{WARNING}{}{WARNING:#}", clean(problem.as_deref().unwrap_or_default())),
        };
        format!("{mark} {NAME}{}{NAME:#}  {state}  {FAINT}{}{FAINT:#}\n", clean(&item.name), item.path.display())
    };
    let text: String = all.iter().map(line).collect();
    let report = Report::new("collection-list", &all, text);
    Ok(if all.is_empty() { report.note("there is none yet; `git skillmeat init` makes one") } else { report })
}

fn copy(session: &Session, artifacts: &[String], to: &str, moves: bool) -> Result<Report, Failure> {
    let folder = session.environment.collection_folder(to);
    // The lock of one collection cannot be taken twice.
    if real_path(&folder) == real_path(session.collection()?.folder()?) {
        let hint = "`git skillmeat collection list` shows the others";
        return Err(Failure::new(Class::Usage, format!("'{to}' is the collection to copy from"), hint));
    }
    let (from, lock) = session.collection_to_change()?;
    let chosen = from.select(artifacts)?;
    let copied = {
        let (to, _lock) = Collection::open_to_change(&session.context, &folder)?;
        collection::copy(&session.context, &from, &to, &chosen)?
    };
    let removed = if moves { collection::remove(&session.context, &from, &chosen, false)?.commit } else { None };
    drop(lock);
    let verb = if moves { "Moved" } else { "Copied" };
    let mut text: String =
        copied.artifacts.iter().map(|artifact| format!("{verb} {NAME}{artifact}{NAME:#}\n")).collect();
    text.extend(copied.same.iter().map(|artifact| format!("{NAME}{artifact}{NAME:#} was there already\n")));
    if let Some(commit) = &copied.commit {
        text.push_str(&format!("Commit {} in {}\n", brief(commit), folder.display()));
    }
    Ok(Report::new("collection-copy", &CopiedOrMoved { copied, removed }, text))
}
