//! The commands of a vault's mirrors.

use clap::Subcommand;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, clean, count};
use crate::model::Class;
use crate::ops::vault::{self, mirror, mirror::Mirror, mirror::MirrorState, mirror::Mirrors};

#[derive(Debug, Subcommand)]
pub(super) enum MirrorCommand {
    /// Keep a copy of a vault in object storage or a folder, which plain git and curl can read
    #[command(
        after_help = "Examples:\n  git skillmeat vault mirror add team s3://bucket/vault\n  git skillmeat vault mirror add team \
        /mnt/stick/vault\nKeys come from the environment: AWS_…, GOOGLE_…, AZURE_…. A server of your own: AWS_ENDPOINT_URL, \
        GOOGLE_BASE_URL, AZURE_STORAGE_ENDPOINT."
    )]
    Add {
        /// Your name for the vault
        name: String,
        /// s3://BUCKET/FOLDER, gs://…, az://…, file:///… or a path
        url: String,
    },
    /// Keep it up to date no longer; what is there stays
    #[command(after_help = "Example: git skillmeat vault mirror remove team s3://bucket/vault")]
    Remove {
        /// Your name for the vault
        name: String,
        /// The mirror
        url: String,
    },
    /// List the mirrors of a vault, and how far each is
    #[command(after_help = "Example: git skillmeat vault mirror list team")]
    List {
        /// Your name for the vault
        name: String,
    },
    /// Bring mirrors up to date
    #[command(
        after_help = "Examples:\n  git skillmeat vault mirror push team\n  git skillmeat vault mirror push --all\nPublishing does this \
        by itself; this is for a mirror that could not be reached then, or that is about to expire."
    )]
    Push {
        /// Your name for the vault
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        name: Option<String>,
        /// This mirror only
        #[arg(requires = "name")]
        url: Option<String>,
        /// The mirrors of all vaults
        #[arg(long)]
        all: bool,
    },
}

impl MirrorCommand {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let context = &session.context;
        match self {
            Self::Add { name, url } => {
                let added = mirror::add(context, &name, &url)?;
                let text: String = added.mirrors.iter().map(text).collect();
                Ok(Report::new("vault-mirror-add", &added, format!("Added the mirror\n{text}"))
                    .note(format!("Fill it with `git skillmeat vault mirror push {name}`; publishing does that too")))
            }
            Self::Remove { name, url } => {
                let gone = mirror::remove(context, &name, &url)?;
                let text: String =
                    gone.mirrors.iter().map(|gone| format!("Forgot the mirror {}\n", clean(&gone.address))).collect();
                Ok(Report::new("vault-mirror-remove", &gone, text))
            }
            Self::List { name } => {
                let found = mirror::list(context, &name)?;
                let text: String = found.mirrors.iter().map(text).collect();
                let is_empty = found.mirrors.is_empty();
                let report = Report::new("vault-mirror-list", &found, text).status(u8::from(has_failed(&[&found])));
                Ok(if is_empty {
                    report.note(format!("There is none yet: `git skillmeat vault mirror add {name} URL`"))
                } else {
                    report
                })
            }
            Self::Push { name, url, all: _ } => {
                let names = match name {
                    Some(name) => vec![name],
                    None => vault::list(context)?.into_iter().map(|vault| vault.name).collect(),
                };
                let mut pushed: Vec<Mirrors> = Vec::new();
                for name in names {
                    pushed.push(mirror::push(context, &name, url.as_deref())?);
                }
                let every: Vec<&Mirrors> = pushed.iter().collect();
                if every.iter().all(|one| one.mirrors.is_empty()) {
                    let hint = "add one: `git skillmeat vault mirror add NAME URL`";
                    return Err(Failure::new(Class::Usage, "there is no mirror to push to", hint));
                }
                let text: String = pushed.iter().flat_map(|one| &one.mirrors).map(text).collect();
                let status = u8::from(has_failed(&every));
                Ok(Report::new("vault-mirror-push", &pushed, text).status(status))
            }
        }
    }
}

fn has_failed(all: &[&Mirrors]) -> bool {
    let mut mirrors = all.iter().flat_map(|one| &one.mirrors);
    mirrors.any(|mirror| matches!(mirror.state, MirrorState::Failed { .. }))
}

fn text(mirror: &Mirror) -> String {
    let state = match &mirror.state {
        MirrorState::Empty => "nothing there yet".to_owned(),
        MirrorState::NotAsked => "not asked".to_owned(),
        MirrorState::Failed { reason } => format!("{WARNING}failed{WARNING:#}: {}", clean(reason)),
        MirrorState::Holds { serial, number, behind, expires, is_fresh, packs, written } => {
            let lag = match behind {
                0 => "up to date".to_owned(),
                _ => format!("{WARNING}{} behind{WARNING:#}", count_entries(*behind)),
            };
            let fresh = if *is_fresh {
                format!("fresh until {expires}")
            } else {
                format!("{WARNING}stale{WARNING:#} since {expires}")
            };
            let verb = if *written { "written, " } else { "" };
            let packs = count(*packs, "git pack");
            format!("{verb}{lag}: entry {number}, write {serial}, {packs}, {fresh}")
        }
    };
    format!("{NAME}{}{NAME:#}  {state}\n", clean(&mirror.address))
}

fn count_entries(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}
