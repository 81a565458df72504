//! The commands of vaults.

use std::path::Path;

use clap::Subcommand;

use super::failure::Failure;
use super::ledger::fresh_text;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, brief, clean, count};
use crate::model::{Digest, Writers};
use crate::ops::collection::default_name;
use crate::ops::vault::{self, ListedVault, NewPlace, Standing, VaultRelease};
use crate::trust::Pin;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a vault: a git repository, or a place in object storage, that others can publish to
    #[command(
        after_help = "Examples:\n  git skillmeat vault init /srv/git/team-vault.git\n  git skillmeat vault init git@example.com:team/vault.git\n  git skillmeat vault init s3://bucket/team"
    )]
    Init {
        /// A folder that is empty or not there; an empty bare repository, by its path or URL; or s3://BUCKET/FOLDER, gs://…,
        /// az://…, with nothing in it
        place: String,
        /// Name of the vault; without it, that of the folder
        #[arg(long)]
        name: Option<String>,
        /// One person alone will publish there: do without a store that keeps several apart
        #[arg(long)]
        single_writer: bool,
    },
    /// Remember a vault under a name
    #[command(
        after_help = "Examples:\n  git skillmeat vault add team git@example.com:team/vault.git\n  git skillmeat vault add disk /mnt/stick/vault.git\n  git skillmeat vault add disk /mnt/stick/team.bundle --ledger sha256:…\n  git skillmeat vault add team s3://bucket/team"
    )]
    Add {
        /// Your name for it
        name: String,
        /// Path or git URL, s3://BUCKET/FOLDER, gs://…, az://…; a file that `vault export` wrote too
        url: String,
        /// The id that its ledger must have, as its owner told you
        #[arg(long, value_name = "sha256:…", conflicts_with = "first_use")]
        ledger: Option<Digest>,
        /// Believe the ledger that is there, without comparing its id
        #[arg(long)]
        first_use: bool,
    },
    #[command(flatten)]
    Ledger(super::ledger::Command),
    #[command(flatten)]
    Upkeep(super::upkeep::Command),
    /// Keep copies in object storage
    #[command(subcommand, after_help = "Example: git skillmeat vault mirror add team s3://bucket/vault")]
    Mirror(super::mirror::MirrorCommand),
    /// List the vaults you know, and how far each was seen
    #[command(after_help = "Example: git skillmeat vault list")]
    List,
    /// Forget a vault and what was fetched from it
    #[command(after_help = "Example: git skillmeat vault remove team")]
    Remove {
        /// Your name for it
        name: String,
    },
    /// Publish a release of the collection
    #[command(
        after_help = "Examples:\n  git skillmeat vault push team review-kit\n  git skillmeat vault push team review-kit@1.0.0"
    )]
    Push {
        /// Your name for the vault
        name: String,
        /// NAME for the newest version, NAME@VERSION, or the tag
        bundle: String,
    },
    Pull(super::pull::Arguments),
    /// List the releases of a vault: which were fetched, and who signed them
    #[command(after_help = "Example: git skillmeat vault ls team")]
    Ls {
        /// Your name for the vault
        name: String,
    },
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let context = &session.context;
        match self {
            Command::Init { place, name, single_writer } => {
                let place = NewPlace::of(context, &place, if single_writer { Writers::Single } else { Writers::Many })?;
                let name = name.unwrap_or_else(|| name_of(&place.to_string()));
                let made = vault::init(context, &place, &name)?;
                let text = format!(
                    "Made the vault {NAME}{}{NAME:#} in {}\n  ledger  {}\n  root    {} with key {}\n",
                    clean(&made.name),
                    clean(&made.url),
                    made.ledger,
                    clean(&made.principal),
                    made.fingerprint
                );
                Ok(Report::new("vault-init", &made, text).note(
                    "Give the id of the ledger to others another way than the vault's address: they compare it with \
                     `git skillmeat vault add NAME URL --ledger ID`",
                ))
            }
            Command::Ledger(command) => command.run(session),
            Command::Upkeep(command) => command.run(session),
            Command::Mirror(command) => command.run(session),
            Command::Add { name, url, ledger, first_use } => add(session, &name, &url, ledger, first_use),
            Command::List => {
                let vaults = vault::overview(context)?;
                let text: String = vaults.iter().map(listed_text).collect();
                Ok(Report::new("vault-list", &vaults, text))
            }
            Command::Remove { name } => {
                let removed = vault::remove(context, &name)?;
                let text = format!("Forgot the vault {NAME}{}{NAME:#}\n", removed.name);
                Ok(Report::new("vault-remove", &removed, text))
            }
            Command::Push { name, bundle } => {
                let (collection, _lock) = session.collection_to_change()?;
                let pushed = vault::push(context, &collection, &name, &bundle)?;
                let verb = if pushed.already_there { "The vault had" } else { "Published" };
                let text = format!(
                    "{verb} {NAME}{}{NAME:#} ({}) in {}\n",
                    pushed.release,
                    brief(&pushed.tag),
                    clean(&pushed.vault.url)
                );
                Ok(Report::new("vault-push", &pushed, text))
            }
            Command::Pull(arguments) => super::pull::run(session, &arguments),
            Command::Ls { name } => {
                let releases = vault::ls(context, &name)?;
                let text: String = releases.iter().map(release_text).collect();
                let report = Report::new("vault-ls", &releases, text);
                Ok(if releases.is_empty() {
                    report.note("Nothing was fetched yet: `git skillmeat vault pull NAME`")
                } else {
                    report
                })
            }
        }
    }
}

/// Returns the name of a vault that was given none: the last part of where it is.
fn name_of(place: &str) -> String {
    let last = place.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    default_name(Path::new(last.trim_end_matches(".git")))
}

fn add(session: &Session, name: &str, url: &str, ledger: Option<Digest>, first_use: bool) -> Result<Report, Failure> {
    let context = &session.context;
    let mut added = vault::add(context, name, url, ledger)?;
    let keys: String = added
        .root_keys
        .iter()
        .map(|key| format!("  root    {} with key {}\n", clean(&key.principal), key.fingerprint))
        .collect();
    let facts = format!("  ledger  {}\n{keys}", added.vault.ledger);
    if ledger.is_none() {
        let mut believed = first_use;
        if !first_use && session.can_ask() {
            let _ = std::io::Write::write_all(&mut anstream::stderr(), facts.as_bytes());
            believed = session.confirm("Nobody has compared this id. Believe what this ledger says all the same?");
        }
        if believed {
            added.vault = vault::pin(context, name, None, Some(Pin::FirstUse))?;
        }
    }
    let text = format!(
        "Added the vault {NAME}{name}{NAME:#}: {}, {}\n{facts}          {}\n",
        clean(&added.vault.url),
        count(added.releases, "release"),
        added.vault.pin_text()
    );
    let report = Report::new("vault-add", &added, text);
    Ok(match added.vault.pin {
        Some(Pin::Compared) => report,
        _ => report.note(format!(
            "Compare the id with one that came another way, and `git skillmeat vault pin {name} --ledger ID`; until then \
             {}",
            match added.vault.pin {
                None => "only those count whom you trust yourself",
                _ => "nobody has said that it is the right one",
            }
        )),
    })
}

fn listed_text(line: &ListedVault) -> String {
    let mut text = format!("{NAME}{}{NAME:#}", line.name);
    if let Some(url) = &line.url {
        text.push_str(&format!("  {}", clean(url)));
    }
    if let (Some(number), Some(releases)) = (line.number, line.releases) {
        let fresh = fresh_text(line.fresh_until.as_deref(), line.is_fresh);
        text.push_str(&format!("  {}, entry {number}, {fresh}", count(releases, "release")));
    }
    if let Some(problem) = &line.problem {
        text.push_str(&format!("  {WARNING}{}{WARNING:#}", clean(problem)));
    }
    text + "\n"
}

pub(super) fn release_text(release: &VaultRelease) -> String {
    let time = release.time.as_deref().unwrap_or("");
    let standing = match &release.standing {
        _ if release.yanked.is_some() => {
            format!("{WARNING}taken back{WARNING:#}: {}", clean(release.yanked.as_deref().unwrap_or_default()))
        }
        Standing::Signed { principal, level, .. } => format!("signed by {}, level {level}", clean(principal)),
        Standing::NotBelieved { reason } => format!("{WARNING}not believed{WARNING:#}: {}", clean(reason)),
        Standing::Listed => "listed, not fetched".to_owned(),
    };
    format!("{NAME}{}{NAME:#}  {time}  {standing}\n", release.release)
}
