//! `audit` and `stats`: what happened here.

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, clean, count};
use crate::ops::audit::{self, Counted, Entry, Stats};
use crate::ops::collection::Error;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show and check the trail of what changed; nothing of it leaves this machine
    #[command(subcommand)]
    Audit(Audit),
    /// Show what is used, from the trail
    #[command(after_help = "Turn the trail off with `git config skillmeat.audit false`.")]
    Stats {
        /// At most this many of each list
        #[arg(short = 'n', long, default_value_t = 10)]
        limit: usize,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show the newest entries
    Log {
        /// At most this many
        #[arg(short = 'n', long, default_value_t = 30)]
        limit: usize,
    },
    /// Check that every entry follows the one before it
    Verify,
    /// Print all entries, one JSON object a line, oldest first
    Export,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let collection = session.collection()?;
        let repo = &collection.repo;
        let entries = |limit| audit::log(repo, limit).map_err(Error::from);
        match self {
            Command::Audit(Audit::Log { limit }) => {
                let entries = entries(limit)?;
                Ok(Report::new("audit-log", &entries, entries.iter().map(line).collect::<String>()))
            }
            Command::Audit(Audit::Verify) => {
                let trail = audit::verify(repo).map_err(Error::from)?;
                let text = match (&trail.broken, &trail.head) {
                    (Some(broken), _) => format!("Broken at entry {}: {}\n", broken.number, broken.problem),
                    (None, None) => "There is no entry yet\n".to_owned(),
                    (None, Some(head)) => format!(
                        "{} follow each other; the newest is {head}\n\
                         Whether later ones are missing only that digest can tell, kept somewhere else\n",
                        count(usize::try_from(trail.entries).unwrap_or(usize::MAX), "entry")
                            .replace("entrys", "entries")
                    ),
                };
                let report = Report::new("audit-verify", &trail, text);
                Ok(if trail.broken.is_some() { report.status(3) } else { report })
            }
            Command::Audit(Audit::Export) => {
                let mut entries = entries(usize::MAX)?;
                entries.reverse();
                let line = |entry: &Entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
                Ok(Report::new("audit-log", &entries, entries.iter().map(line).collect::<String>()))
            }
            Command::Stats { limit } => {
                let present: Vec<String> = collection.artifacts()?.iter().map(ToString::to_string).collect();
                let stats = audit::stats(&entries(usize::MAX)?, &present);
                Ok(Report::new("stats", &stats, stats_text(&stats, limit)))
            }
        }
    }
}

fn line(entry: &Entry) -> String {
    let what =
        if entry.artifacts.len() == 1 { entry.artifacts[0].clone() } else { count(entry.artifacts.len(), "artifact") };
    format!(
        "{:>5}  {}  {NAME}{:9}{NAME:#} {what}  {}\n",
        entry.number,
        entry.time,
        clean(&entry.action),
        clean(&entry.subject)
    )
}

fn stats_text(stats: &Stats, limit: usize) -> String {
    let list = |title: &str, counted: &[Counted], limit: usize| {
        let line = |counted: &Counted| format!("  {:>6}  {}\n", counted.count, clean(&counted.name));
        format!("{NAME}{title}{NAME:#}\n{}", counted.iter().take(limit).map(line).collect::<String>())
    };
    let recent = stats.months.len().saturating_sub(limit);
    let mut text = list("commands", &stats.actions, limit);
    text.push_str(&list("artifacts", &stats.artifacts, limit));
    text.push_str(&list("months", &stats.months[recent..], limit));
    text.push_str(&format!("{NAME}never deployed{NAME:#}: {}\n", stats.never_deployed.len()));
    text.extend(stats.never_deployed.iter().take(limit).map(|name| format!("          {}\n", clean(name))));
    text
}
