//! `audit` and `stats`: what happened here.

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, clean, count};
use crate::ops::audit::{self, Counted, Entry, Idle, Stats};
use crate::ops::collection::Error;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show and check the trail of what changed; nothing of it leaves this machine
    #[command(subcommand, after_help = "Example: git skillmeat audit log -n 5")]
    Audit(Audit),
    /// Show what is used, from the trail
    #[command(
        after_help = "Examples:\n  git skillmeat stats\n  git skillmeat stats top -n 5\n\nTurn the trail off with `git config skillmeat.audit false`."
    )]
    Stats {
        /// At most this many of each list
        #[arg(short = 'n', long, default_value_t = 10, global = true)]
        limit: usize,
        #[command(subcommand)]
        part: Option<Part>,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum Part {
    /// How often each command was used
    #[command(after_help = "Example: git skillmeat stats usage")]
    Usage,
    /// Which artifacts were used most
    #[command(after_help = "Example: git skillmeat stats top -n 5")]
    Top,
    /// How much happened in each month
    #[command(after_help = "Example: git skillmeat stats trends")]
    Trends,
    /// Which artifacts nobody uses: never deployed, or left alone for long
    #[command(after_help = "Example: git skillmeat stats cleanup")]
    Cleanup {
        /// Left alone for this many days
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// Print all of it as CSV, for a spreadsheet
    #[command(after_help = "Example: git skillmeat stats export > usage.csv")]
    Export,
}

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show the newest entries
    #[command(after_help = "Example: git skillmeat audit log -n 5")]
    Log {
        /// At most this many
        #[arg(short = 'n', long, default_value_t = 30)]
        limit: usize,
    },
    /// Check that every entry follows the one before it
    #[command(after_help = "Example: git skillmeat audit verify")]
    Verify,
    /// Print all entries, one JSON object a line, oldest first
    #[command(after_help = "Example: git skillmeat audit export > trail.jsonl")]
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
            Command::Stats { limit, part } => {
                let present: Vec<String> = collection.artifacts()?.iter().map(ToString::to_string).collect();
                let entries = entries(usize::MAX)?;
                if let Some(Part::Cleanup { days }) = part {
                    let before = session.context.now_seconds.saturating_sub(i64::from(days) * 24 * 60 * 60);
                    let idle = audit::idle(&entries, &present, before);
                    return Ok(Report::new("stats-cleanup", &idle, idle_text(&idle, limit)));
                }
                let stats = audit::stats(&entries, &present);
                Ok(Report::new("stats", &stats, stats_text(&stats, part, limit)))
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

fn stats_text(stats: &Stats, part: Option<Part>, limit: usize) -> String {
    let list = |title: &str, counted: &[Counted]| {
        let line = |counted: &Counted| format!("  {:>6}  {}\n", counted.count, clean(&counted.name));
        format!("{NAME}{title}{NAME:#}\n{}", counted.iter().take(limit).map(line).collect::<String>())
    };
    let recent = &stats.months[stats.months.len().saturating_sub(limit)..];
    let (commands, artifacts) = (list("commands", &stats.actions), list("artifacts", &stats.artifacts));
    match part {
        Some(Part::Usage) => commands,
        Some(Part::Top) => artifacts,
        Some(Part::Trends) => list("months", recent),
        Some(Part::Export) => csv(stats),
        Some(Part::Cleanup { .. }) | None => format!(
            "{commands}{artifacts}{}{NAME}never deployed{NAME:#}: {}; see `git skillmeat stats cleanup`\n",
            list("months", recent),
            stats.never_deployed.len()
        ),
    }
}

/// All counts as CSV (RFC 4180).
fn csv(stats: &Stats) -> String {
    let mut text = "what,name,count,last\r\n".to_owned();
    for (what, counted) in [("command", &stats.actions), ("artifact", &stats.artifacts), ("month", &stats.months)] {
        for Counted { name, count, last } in counted {
            text.push_str(&format!("{what},\"{}\",{count},{last}\r\n", clean(name).replace('"', "\"\"")));
        }
    }
    text
}

fn idle_text(idle: &[Idle], limit: usize) -> String {
    if idle.is_empty() {
        return "Every artifact is in use\n".to_owned();
    }
    let line = |idle: &Idle| {
        let last = idle.last.as_deref().map_or("never in the trail", |last| last.get(..10).unwrap_or(last));
        let deployed = if idle.deployed { "" } else { ", never deployed" };
        format!("{NAME}{}{NAME:#}  {last}{deployed}\n", clean(&idle.artifact))
    };
    let mut text: String = idle.iter().take(limit).map(line).collect();
    if idle.len() > limit {
        text.push_str(&format!("{} more, see `--limit`\n", idle.len() - limit));
    }
    text
}
