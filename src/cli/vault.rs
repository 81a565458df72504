//! The commands of vaults.

use std::path::PathBuf;

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, brief, clean, count};
use crate::ops::collection::default_name;
use crate::ops::vault::{self, Standing, VaultRelease};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a vault: a bare git repository that others can publish to
    #[command(after_help = "Example: git skillmeat vault init /srv/git/team-vault.git")]
    Init {
        /// A folder that is empty or not there
        path: PathBuf,
        /// Name of the vault; without it, that of the folder
        #[arg(long)]
        name: Option<String>,
    },
    /// Remember a vault under a name
    #[command(
        after_help = "Examples:\n  git skillmeat vault add team git@example.com:team/vault.git\n  git skillmeat vault add disk /mnt/stick/vault.git"
    )]
    Add {
        /// Your name for it
        name: String,
        /// Path or git URL
        url: String,
    },
    /// List the vaults you know
    List,
    /// Forget a vault and what was fetched from it
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
    /// Fetch the releases that are not here yet
    Pull {
        /// Your name for the vault
        name: String,
    },
    /// List the releases that were fetched, and who signed them
    Ls {
        /// Your name for the vault
        name: String,
    },
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let context = &session.context;
        match self {
            Command::Init { path, name } => {
                let path = session.environment.absolute(&path);
                let name = name.unwrap_or_else(|| default_name(&path).trim_end_matches(".git").to_owned());
                let made = vault::init(context, &path, &name)?;
                let text = format!("Made the vault {NAME}{}{NAME:#} in {}\n", clean(&made.name), made.path.display());
                Ok(Report::new("vault-init", &made, text))
            }
            Command::Add { name, url } => {
                let added = vault::add(context, &name, &url)?;
                let text = format!(
                    "Added the vault {NAME}{name}{NAME:#}: {}, {}\n",
                    clean(&added.vault.url),
                    count(added.releases, "release")
                );
                Ok(Report::new("vault-add", &added, text))
            }
            Command::List => {
                let vaults = vault::list(context)?;
                let text: String = vaults
                    .iter()
                    .map(|vault| format!("{NAME}{}{NAME:#}  {}\n", vault.name, clean(&vault.url)))
                    .collect();
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
            Command::Pull { name } => {
                let pulled = vault::pull(context, &name)?;
                let new: String = pulled.new.iter().map(release_text).collect();
                let text = format!(
                    "{new}{} in {NAME}{name}{NAME:#}, {} of them new\n",
                    count(pulled.releases, "release"),
                    pulled.new.len()
                );
                Ok(Report::new("vault-pull", &pulled, text))
            }
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

fn release_text(release: &VaultRelease) -> String {
    let time = release.time.as_deref().unwrap_or("");
    let standing = match &release.standing {
        Standing::Signed { principal, .. } => format!("signed by {}", clean(principal)),
        Standing::NotBelieved { reason } => format!("{WARNING}not believed{WARNING:#}: {}", clean(reason)),
    };
    format!("{NAME}{}{NAME:#}  {time}  {standing}\n", release.release)
}
