//! `hooks` and `hook`: git's hooks, and what they call.

use std::io::Read as _;

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::NAME;
use crate::git::Repo;
use crate::model::Class;
use crate::ops::bundle::{self, Place};
use crate::ops::hooks;

/// Most that is read of what git says to a hook, in bytes: 10,000 refs of the longest names.
const MAX_INPUT_BYTES: u64 = 8 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let git validate what is committed and verify the releases that are pushed
    #[command(subcommand)]
    Hooks(Hooks),
    /// What git's hooks call
    #[command(subcommand, hide = true)]
    Hook(Hook),
}

#[derive(Debug, Subcommand)]
pub(super) enum Hooks {
    /// Install the hooks in this repository; those of others are never touched
    #[command(after_help = "Example: git skillmeat hooks install")]
    Install,
    /// Remove our hooks from this repository
    #[command(after_help = "Example: git skillmeat hooks uninstall")]
    Uninstall,
}

#[derive(Debug, Subcommand)]
pub(super) enum Hook {
    /// Verify the releases that are pushed, as git lists them on standard input
    PrePush {
        /// Name and URL of the remote
        remote: Vec<String>,
    },
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Hooks(hooks) => {
                let repo = repository(session)?;
                let home = &session.environment.user_home;
                let (done, verb) = match hooks {
                    Hooks::Install => (hooks::install(&repo, home)?, "Installed"),
                    Hooks::Uninstall => (hooks::uninstall(&repo, home)?, "Removed"),
                };
                let names = if done.hooks.is_empty() { "nothing to do".to_owned() } else { done.hooks.join(", ") };
                let text = format!("{verb} {NAME}{names}{NAME:#} in {}\n", done.folder.display());
                Ok(Report::new("hooks", &done, text))
            }
            Command::Hook(Hook::PrePush { remote: _ }) => pre_push(session),
        }
    }
}

/// The repository one stands in, or that of the collection which the command line names.
fn repository(session: &Session) -> Result<Repo, Failure> {
    if session.named {
        return Ok(session.collection()?.repo);
    }
    let found = session.environment.repository().map_err(crate::ops::collection::Error::from)?;
    found.ok_or_else(|| {
        Failure::new(Class::Usage, "there is no git repository here", "change to one, or make one with `git init`")
    })
}

fn pre_push(session: &Session) -> Result<Report, Failure> {
    let mut lines = String::new();
    let read = std::io::stdin().lock().take(MAX_INPUT_BYTES).read_to_string(&mut lines);
    read.map_err(|error| Failure::of(&error, Class::Io, None))?;
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
            bundle::verify(&session.context, &found, None)?;
            verified.push(item.release.to_string());
        }
    }
    let text: String = verified.iter().map(|release| format!("Verified {NAME}{release}{NAME:#}\n")).collect();
    Ok(Report::new("hook", &verified, text))
}
