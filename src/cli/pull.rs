//! `vault pull`: one vault or all of them, all releases or some.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, clean, count, short};
use super::vault::release_text;
use crate::ops::bundle::Wanted;
use crate::ops::vault::{self, Asked, Pulled, PulledOne};

/// Fetch a vault's ledger and the releases that are not here yet
#[derive(Debug, Args)]
#[command(
    after_help = "Without a bundle all releases are fetched. `vault ls` lists the others as well.\n\nExamples:\n  \
    git skillmeat vault pull team\n  git skillmeat vault pull team review-kit pdf-kit@^1.2\n  \
    git skillmeat vault pull team --from /mnt/stick/team.bundle\n  \
    git skillmeat vault pull --all\n  git skillmeat vault pull --all --locked   # exactly what collection.lock names"
)]
pub(super) struct Arguments {
    /// Your name for the vault
    #[arg(required_unless_present = "all")]
    name: Option<String>,
    /// NAME for the newest version of a bundle, NAME@RANGE, NAME@VERSION, or the tag
    #[arg(value_name = "BUNDLE", conflicts_with_all = ["all", "locked"])]
    bundles: Vec<String>,
    /// Fetch from a copy of it instead, which `vault export` wrote; its own address stays
    #[arg(long, value_name = "FILE|FOLDER", conflicts_with_all = ["all", "locked"])]
    from: Option<String>,
    /// Every vault that you know, also when one fails
    #[arg(long, conflicts_with = "name")]
    all: bool,
    /// Only the releases in the collection's lock, and exactly those
    #[arg(long)]
    locked: bool,
}

/// What became of one of all vaults.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PulledVault {
    /// The user's name for it.
    vault: String,
    /// What was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pulled: Option<Pulled>,
    /// Why nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Report, Failure> {
    let context = &session.context;
    let collection = arguments.locked.then(|| session.collection()).transpose()?;
    let Some(name) = &arguments.name else {
        let all = vault::pull_all(context, collection.as_ref())?;
        return Ok(all_report(all));
    };
    let pulled = match &collection {
        Some(collection) => vault::pull_locked(context, collection, name)?,
        None => {
            let wanted = arguments.bundles.iter().map(|text| Wanted::parse(text)).collect::<Result<Vec<_>, _>>()?;
            let asked = if wanted.is_empty() { Asked::All } else { Asked::These(&wanted) };
            match &arguments.from {
                Some(from) => vault::pull_from(context, name, from, asked)?,
                None => vault::pull(context, name, asked)?,
            }
        }
    };
    let text = pulled_text(&pulled);
    Ok(Report::new("vault-pull", &pulled, text))
}

fn pulled_text(pulled: &Pulled) -> String {
    let new: String = pulled.new.iter().map(release_text).collect();
    let (here, name) = (count(pulled.releases, "release"), &pulled.vault.name);
    let of = if pulled.listed == pulled.releases { String::new() } else { format!(" of {}", pulled.listed) };
    format!("{new}{here}{of} in {NAME}{name}{NAME:#}, {} of them new\n", pulled.new.len())
}

/// The status is that of the worst: what was checked and refused is worse than what could not be asked.
fn all_report(all: Vec<PulledOne>) -> Report {
    let one = |(vault, pulled): PulledOne| match pulled {
        Ok(pulled) => PulledVault { vault, pulled: Some(pulled), failure: None },
        Err(error) => PulledVault { vault, pulled: None, failure: Some(error.into()) },
    };
    let all: Vec<_> = all.into_iter().map(one).collect();
    let status = all.iter().filter_map(|one| one.failure.as_ref()).map(|failure| failure.class.exit_status()).max();
    let text: String = all.iter().map(vault_text).collect();
    let report = Report::new("vault-pull-all", &all, text).status(status.unwrap_or(0));
    match all.is_empty() {
        true => report.note("You know no vault yet: `git skillmeat vault add NAME URL`"),
        false => report,
    }
}

fn vault_text(one: &PulledVault) -> String {
    if let Some(pulled) = &one.pulled {
        return pulled_text(pulled);
    }
    let mut text = format!("{NAME}{}{NAME:#} {WARNING}failed{WARNING:#}", clean(&one.vault));
    if let Some(failure) = &one.failure {
        let causes = failure.causes.iter().map(|cause| format!(": {}", short(cause, 300)));
        text.push_str(&format!(": {}{}\n", short(&failure.message, 300), causes.collect::<String>()));
        text.push_str(&failure.hint.iter().map(|hint| format!("  hint: {}\n", clean(hint))).collect::<String>());
    }
    text
}
