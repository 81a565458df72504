//! The commands on the ledger of a vault: what it says, and single entries.

use std::path::PathBuf;

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::roles::{RoleCommand, RootCommand, roles_text};
use super::session::Session;
use super::text::{NAME, WARNING, clean, count, size};
use crate::model::{Class, Digest, Release};
use crate::ops::vault::{self, LedgerReport, Recorded};
use crate::trust::Pin;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show what is known of a vault: its ledger, who may do what, whether it is fresh, what is new in it
    #[command(after_help = "Example: git skillmeat vault show team")]
    Show {
        /// Your name for the vault
        name: String,
    },
    /// List the newest entries of its ledger
    #[command(after_help = "Example: git skillmeat vault log team -n 5")]
    Log {
        /// Your name for the vault
        name: String,
        /// At most so many
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        limit: usize,
    },
    /// Say that a vault's ledger is the one you mean, so that its word counts
    #[command(
        after_help = "Examples:\n  git skillmeat vault pin team --ledger sha256:…   # the id came another way\n  \
        git skillmeat vault pin team --first-use"
    )]
    Pin {
        /// Your name for the vault
        name: String,
        /// The id that its ledger must have, as its owner told you
        #[arg(long, value_name = "sha256:…", conflicts_with_all = ["first_use", "none"])]
        ledger: Option<Digest>,
        /// Believe the ledger that is there, without comparing its id
        #[arg(long, conflicts_with = "none")]
        first_use: bool,
        /// Believe it no longer
        #[arg(long)]
        none: bool,
    },
    /// Take a release back: nobody gets it any more without naming its version
    #[command(after_help = "Example: git skillmeat vault yank team review-kit@1.2.0 --reason 'breaks on Windows'")]
    Yank {
        /// Your name for the vault
        name: String,
        /// The release, as NAME@VERSION
        release: String,
        /// Why, for everyone to read
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say that the ledger is alive, so that readers notice one that is held back
    #[command(after_help = "Example: git skillmeat vault checkpoint team --days 14")]
    Checkpoint {
        /// Your name for the vault
        name: String,
        /// For how many days this is worth something: a year at most, or a ledger that is held back is never noticed
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(0..=366))]
        days: u32,
    },
    /// Write down, signed, how far you saw the ledger, for others to compare
    #[command(
        after_help = "Example: git skillmeat vault witness team --output team.seen\n\nOthers name the file in their configuration:\n  git config --global --add skillmeat.witness PATH"
    )]
    Witness {
        /// Your name for the vault
        name: String,
        /// Where the statement goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Say who may do what in a vault
    #[command(subcommand, after_help = "Example: git skillmeat vault role list team")]
    Role(RoleCommand),
    /// Change the keys that say who may do what
    #[command(subcommand, after_help = "Example: git skillmeat vault root threshold team 2")]
    Root(RootCommand),
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let context = &session.context;
        match self {
            Command::Show { name } => {
                let shown = vault::show(context, &name)?;
                Ok(Report::new("vault-show", &shown, shown_text(&shown)))
            }
            Command::Log { name, limit } => {
                let entries = vault::log(context, &name, limit)?;
                let text: String = entries
                    .iter()
                    .map(|entry| {
                        format!(
                            "{:>5}  {}  {NAME}{}{NAME:#} {}  by {}\n",
                            entry.number,
                            entry.time,
                            entry.kind,
                            clean(&entry.subject),
                            clean(&entry.principal)
                        )
                    })
                    .collect();
                Ok(Report::new("vault-log", &entries, text))
            }
            Command::Pin { name, ledger, first_use, none } => {
                if ledger.is_none() && !first_use && !none {
                    return Err(Failure::new(
                        Class::Usage,
                        "nothing says how the ledger is known",
                        format!(
                            "`git skillmeat vault show {name}` shows its id: compare it, and give it with `--ledger`"
                        ),
                    ));
                }
                let pinned = vault::pin(context, &name, ledger, first_use.then_some(Pin::FirstUse))?;
                let text = format!("{NAME}{}{NAME:#}: {}\n  {}\n", pinned.name, pinned.ledger, pinned.pin_text());
                Ok(Report::new("vault-pin", &pinned, text))
            }
            Command::Yank { name, release, reason } => {
                let release: Release =
                    release.replacen('@', "--v", 1).parse().map_err(crate::ops::bundle::Error::from)?;
                Ok(recorded("vault-yank", "Took back", &vault::yank(context, &name, &release, &reason)?))
            }
            Command::Checkpoint { name, days } => {
                Ok(recorded("vault-checkpoint", "Checkpoint:", &vault::checkpoint(context, &name, days)?))
            }
            Command::Witness { name, output } => {
                let done = vault::witness(context, &name, &session.environment.absolute(&output))?;
                let text = format!(
                    "Saw the ledger of {NAME}{}{NAME:#} up to entry {}\n  {}\n  in {}\n",
                    done.vault,
                    done.number,
                    done.digest,
                    done.path.display()
                );
                Ok(Report::new("vault-witness", &done, text))
            }
            Command::Role(command) => command.run(session),
            Command::Root(command) => command.run(session),
        }
    }
}

pub(super) fn recorded(command: &str, verb: &str, done: &Recorded) -> Report {
    let text = format!("{verb} {}, entry {} of {NAME}{}{NAME:#}\n", clean(&done.subject), done.number, done.vault);
    Report::new(command, done, text)
}

/// Most bundles whose newest release is shown for people; JSON has all of them.
const MAX_LATEST: usize = 10;

/// Returns until when a checkpoint is worth something, in words.
pub(super) fn fresh_text(until: Option<&str>, is_fresh: bool) -> String {
    match (until, is_fresh) {
        (None, _) => "no checkpoint yet".to_owned(),
        (Some(until), true) => format!("fresh until {until}"),
        (Some(until), false) => format!("{WARNING}stale{WARNING:#} since {until}"),
    }
}

fn shown_text(shown: &LedgerReport) -> String {
    let pin = if shown.pin.is_some() { String::new() } else { format!("{WARNING}not pinned{WARNING:#}: ") };
    let fresh = fresh_text(shown.fresh_until.as_deref(), shown.is_fresh);
    let witnessed = match (shown.witnessed, shown.witnesses) {
        (Some(number), _) => format!("up to entry {number}"),
        (None, 0) => "by nobody: no statement of a witness counts".to_owned(),
        (None, witnesses) => format!("by too few: {} configured", count(witnesses, "statement")),
    };
    let mut text = format!(
        "{NAME}{}{NAME:#}  {}\n  ledger    {}\n            {pin}{}\n  entries   {}, the newest is {}, {} by {}\n            {}\n  \
         fresh     {fresh}\n  witnessed {witnessed}\n  fetched   {}\n  root      version {}, {} to change it\n",
        shown.vault.name,
        clean(&shown.vault.url),
        shown.vault.ledger,
        shown.vault.pin_text(),
        shown.number + 1,
        shown.number,
        shown.head_time,
        clean(&shown.head_principal),
        shown.head,
        fetched_text(shown),
        shown.root_version,
        count(usize::try_from(shown.threshold).unwrap_or(usize::MAX), "signature"),
    );
    for mirror in &shown.mirrors {
        let state = match (mirror.number, mirror.behind) {
            (Some(number), Some(0)) => format!("entry {number}"),
            (Some(number), Some(behind)) => format!("entry {number}, {WARNING}{behind} behind{WARNING:#}"),
            _ => format!("{WARNING}never looked at{WARNING:#}"),
        };
        text.push_str(&format!("  mirror    {}: {state}\n", clean(&mirror.address)));
    }
    for key in &shown.root_keys {
        text.push_str(&format!("  {:10} {}  {}\n", "root key", clean(&key.principal), key.fingerprint));
    }
    text.push_str(&roles_text(&shown.roles));
    for revoked in &shown.revoked {
        text.push_str(&format!(
            "  {WARNING}revoked{WARNING:#}    {} since entry {}\n",
            clean(&revoked.key),
            revoked.since
        ));
    }
    let back = match shown.taken_back {
        0 => String::new(),
        back => format!(", {back} taken back"),
    };
    text.push_str(&format!("  releases  {}{back}\n", shown.releases));
    for one in shown.latest.iter().take(MAX_LATEST) {
        let here = if one.fetched { "" } else { ", not fetched" };
        let (release, who) = (clean(&one.release), clean(&one.principal));
        text.push_str(&format!("    {NAME}{release}{NAME:#}  {} by {who}{here}\n", one.time));
    }
    if shown.latest.len() > MAX_LATEST {
        text.push_str(&format!("    and the newest of {} more\n", count(shown.latest.len() - MAX_LATEST, "bundle")));
    }
    text
}

fn fetched_text(shown: &LedgerReport) -> String {
    let fetched = &shown.fetched;
    let much = format!("{} of {}, {}", fetched.releases, count(shown.releases, "release"), size(fetched.bytes));
    match &fetched.last {
        Some(last) => format!("{much}, last at {}\n            from {}", clean(&last.time), clean(&last.from)),
        None => much,
    }
}
