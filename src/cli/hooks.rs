//! `hooks` and `hook`: git's hooks, and what they call.

use std::io::Read as _;

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::{Session, limits};
use super::text::NAME;
use crate::fsio::sync_store;
use crate::git::{Quarantine, Repo};
use crate::model::{Class, Release};
use crate::ops::bundle::{self, Place};
use crate::ops::hooks::{self, Side};
use crate::ops::vault::{Gate, OtherRefs, RefUpdate, Refused};

/// Most that is read of what git says to a hook, in bytes: 10,000 refs of the longest names.
const MAX_INPUT_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let git validate what is committed and verify the releases that are pushed
    #[command(subcommand, after_help = "Example: git skillmeat hooks install")]
    Hooks(Hooks),
    /// What git's hooks call
    #[command(subcommand, hide = true)]
    Hook(Hook),
}

#[derive(Debug, Subcommand)]
pub(super) enum Hooks {
    /// Install the hooks in this repository; those of others are never touched
    #[command(
        after_help = "Examples:\n  git skillmeat hooks install\n  git -C /srv/git/vault.git skillmeat hooks install --server"
    )]
    Install {
        /// In a bare repository that others push to: take only what every reader of the vault will believe
        #[arg(long)]
        server: bool,
    },
    /// Remove our hooks from this repository
    #[command(after_help = "Example: git -C /srv/git/vault.git skillmeat hooks uninstall --server")]
    Uninstall {
        /// Those of a server
        #[arg(long)]
        server: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Hook {
    /// Verify the releases that are pushed, as git lists them on standard input
    PrePush {
        /// Name and URL of the remote
        remote: Vec<String>,
    },
    /// Judge what is pushed to a vault, as git lists it on standard input
    PreReceive,
    /// Wait until what was pushed to a vault is on disk
    PostReceive,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Hooks(Hooks::Install { server }) => {
                let (repo, side) = repository_of(session, server)?;
                let done = hooks::install(&repo, side, &session.environment.user_home)?;
                Ok(changed_report("Installed", &done))
            }
            Command::Hooks(Hooks::Uninstall { server }) => {
                let (repo, side) = repository_of(session, server)?;
                let done = hooks::uninstall(&repo, side, &session.environment.user_home)?;
                Ok(changed_report("Removed", &done))
            }
            Command::Hook(Hook::PrePush { remote: _ }) => pre_push(session),
            Command::Hook(Hook::PreReceive) => pre_receive(session).map_err(Failure::in_one_line),
            Command::Hook(Hook::PostReceive) => post_receive(session).map_err(Failure::in_one_line),
        }
    }
}

fn repository_of(session: &Session, server: bool) -> Result<(Repo, Side), Failure> {
    Ok(if server { (here(session)?, Side::Server) } else { (repository(session)?, Side::Work) })
}

fn changed_report(verb: &str, done: &hooks::Changed) -> Report {
    let names = if done.hooks.is_empty() { "nothing to do".to_owned() } else { done.hooks.join(", ") };
    let mut text = format!("{verb} {NAME}{names}{NAME:#} in {}\n", done.folder.display());
    if !done.settings.is_empty() {
        text.push_str(&format!("Turned on {}\n", done.settings.join(", ")));
    }
    Report::new("hooks", done, text)
}

/// The repository one stands in, or that of the collection which the command line names.
fn repository(session: &Session) -> Result<Repo, Failure> {
    if session.named { Ok(session.collection()?.repo) } else { here(session) }
}

/// The repository one stands in; git's hooks on a server stand in theirs.
fn here(session: &Session) -> Result<Repo, Failure> {
    let found = session.environment.repository().map_err(crate::ops::collection::Error::from)?;
    found.ok_or_else(|| {
        Failure::new(Class::Usage, "there is no git repository here", "change to one, or make one with `git init`")
    })
}

fn pre_push(session: &Session) -> Result<Report, Failure> {
    let lines = lines_of_git()?;
    let pushed = hooks::pushed_releases(&lines);
    let mut verified = Vec::new();
    if !pushed.is_empty() {
        let repo = repository(session)?;
        for item in pushed {
            if item.deleted {
                let message = format!("the release '{}' would be taken away from the remote", item.release);
                let hint = "others may have it already: publish a higher version instead";
                return Err(Failure::new(Class::Policy, message, hint));
            }
            let found = bundle::find(&session.context, &Place::Repository(&repo, item.release.to_string(), None))?;
            bundle::verify(&session.context, &found, None, &[])?;
            verified.push(item.release.to_string());
        }
    }
    let text: String = verified.iter().map(|release| format!("Verified {NAME}{release}{NAME:#}\n")).collect();
    Ok(Report::new("hook", &verified, text))
}

/// Reads what git says to a hook; more than a part of it must never be judged as if it were all.
fn lines_of_git() -> Result<String, Failure> {
    let mut lines = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_string(&mut lines);
    read.map_err(|error| Failure::of(&error, Class::Io, None))?;
    if lines.len() as u64 > MAX_INPUT_BYTES { Err(Refused::TooMany.into()) } else { Ok(lines) }
}

/// What counts is the configuration of the repository that is pushed to, and not that of a collection of whoever runs git there.
fn pre_receive(session: &Session) -> Result<Report, Failure> {
    let updates = RefUpdate::parse_all(&lines_of_git()?)?;
    let repo = here(session)?;
    let settings = session.environment.settings(Some(&repo))?;
    let pushed = session.environment.get("GIT_QUARANTINE_PATH");
    let pushed = pushed.map(|path| Quarantine::open(&repo, path.as_ref(), &session.context.scratch)).transpose()?;
    let gate = Gate {
        vault: &repo,
        // Without a quarantine nothing was sent: refs are taken away, or lead to what is there.
        objects: pushed.as_ref().map_or(&repo, Quarantine::repo),
        limits: limits(settings.max_mib),
        others: if settings.allow_other_refs { OtherRefs::Take } else { OtherRefs::Refuse },
    };
    let releases = gate.judge(&updates)?;
    Ok(Report::new("hook", &releases.iter().map(Release::to_string).collect::<Vec<_>>(), ""))
}

/// git moves refs without waiting for the disk, and tells whoever pushed when this has ended (`schema/durability.md`).
fn post_receive(session: &Session) -> Result<Report, Failure> {
    let repo = here(session)?;
    if session.environment.settings(Some(&repo))?.synced {
        sync_store(repo.git_folder())?;
    }
    Ok(Report::new("hook", &Vec::<String>::new(), ""))
}
