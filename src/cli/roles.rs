//! `vault role` and `vault root`: who may do what in a vault, and who says so.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, clean, count};
use crate::model::{BundlePattern, Class, Role, RoleOf, RootKey};
use crate::ops::keys::read_key;
use crate::ops::vault::{self, RootChange, RootState};

#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Let someone do something
    #[command(
        after_help = "Examples:\n  git skillmeat vault role grant team ada@example.com publisher --bundles 'pdf-*' --key ada.pub\n  \
        git skillmeat vault role grant team ci@example.com checkpoint --key ci.pub"
    )]
    Grant {
        /// Your name for the vault
        name: String,
        /// Who: a mail address
        principal: String,
        /// What they may do
        role: RoleName,
        /// For a publisher: the bundles, as a name, `NAME-*` or `*`; may be given several times
        #[arg(long, value_name = "PATTERN")]
        bundles: Vec<String>,
        /// Their public key: a file, or the text itself
        #[arg(long)]
        key: Option<String>,
        #[command(flatten)]
        draft: DraftPlace,
    },
    /// Take a role away from someone, or all of them
    #[command(
        after_help = "Examples:\n  git skillmeat vault role revoke team ada@example.com\n  git skillmeat vault role revoke team ada@example.com publisher"
    )]
    Revoke {
        /// Your name for the vault
        name: String,
        /// Who
        principal: String,
        /// Only this role
        role: Option<RoleName>,
        #[command(flatten)]
        draft: DraftPlace,
    },
    /// List who may do what
    #[command(after_help = "Example: git skillmeat vault role list team")]
    List {
        /// Your name for the vault
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RootCommand {
    /// Add a root key; the same person counts once, so a second key of theirs is a spare
    #[command(after_help = "Example: git skillmeat vault root add-key team ada@example.com --key spare.pub")]
    AddKey {
        /// Your name for the vault
        name: String,
        /// Whose key it is
        principal: String,
        /// The public key: a file, or the text itself
        #[arg(long)]
        key: String,
        #[command(flatten)]
        draft: DraftPlace,
    },
    /// Take a root key away
    #[command(after_help = "Example: git skillmeat vault root remove-key team --key SHA256:…")]
    RemoveKey {
        /// Your name for the vault
        name: String,
        /// The public key: a file, the text itself, or the fingerprint that `vault show` prints
        #[arg(long)]
        key: String,
        #[command(flatten)]
        draft: DraftPlace,
    },
    /// Say that a key is believed no longer, with the word of the root: it stands in every later version too, and in the list
    /// for plain git, which then refuses all that the key ever signed
    #[command(after_help = "Example: git skillmeat vault root revoke-key team --key SHA256:… --since 42")]
    RevokeKey {
        /// Your name for the vault
        name: String,
        /// The public key: a file, the text itself, or the fingerprint that `vault show` prints
        #[arg(long)]
        key: String,
        /// The first entry of the ledger that is believed no longer
        #[arg(long, value_name = "ENTRY")]
        since: u64,
        #[command(flatten)]
        draft: DraftPlace,
    },
    /// Say how many people have to sign a change of the trust files
    #[command(after_help = "Example: git skillmeat vault root threshold team 2")]
    Threshold {
        /// Your name for the vault
        name: String,
        /// How many
        count: u64,
        #[command(flatten)]
        draft: DraftPlace,
    },
    /// Sign trust files that someone else has drafted
    #[command(after_help = "Example: git skillmeat vault root sign team vault-root-draft")]
    Sign {
        /// Your name for the vault
        name: String,
        /// The folder of the draft
        draft: PathBuf,
    },
    /// Publish a draft that enough people have signed
    #[command(after_help = "Example: git skillmeat vault root publish team vault-root-draft")]
    Publish {
        /// Your name for the vault
        name: String,
        /// The folder of the draft
        draft: PathBuf,
    },
}

/// Where trust files go that others have to sign as well.
#[derive(Debug, clap::Args)]
pub(super) struct DraftPlace {
    /// Folder for the new trust files, if others have to sign them as well
    #[arg(long, value_name = "FOLDER", default_value = "vault-root-draft")]
    pub(super) draft: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RoleName {
    Admin,
    Publisher,
    Checkpoint,
    Viewer,
}

impl RoleName {
    fn role(self) -> Role {
        match self {
            RoleName::Admin => Role::Admin,
            RoleName::Publisher => Role::Publisher,
            RoleName::Checkpoint => Role::Checkpoint,
            RoleName::Viewer => Role::Viewer,
        }
    }
}

impl RoleCommand {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            RoleCommand::Grant { name, principal, role, bundles, key, draft } => {
                let bundles = bundles.iter().map(|text| text.parse::<BundlePattern>());
                let bundles = bundles.collect::<Result<_, _>>().map_err(|error| {
                    Failure::of(&error, Class::Name, Some("for example `--bundles 'pdf-*'`".to_owned()))
                })?;
                let key = key.map(|key| read_key(&session.context, &key)).transpose()?;
                let role = RoleOf { principal, role: role.role(), bundles };
                change(session, &name, RootChange::Grant { role, key }, draft)
            }
            RoleCommand::Revoke { name, principal, role, draft } => {
                let role = role.map(RoleName::role);
                change(session, &name, RootChange::Withdraw { principal, role }, draft)
            }
            RoleCommand::List { name } => {
                let shown = vault::show(&session.context, &name)?;
                Ok(Report::new("vault-role-list", &shown.roles, roles_text(&shown.roles)))
            }
        }
    }
}

impl RootCommand {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let context = &session.context;
        match self {
            RootCommand::AddKey { name, principal, key, draft } => {
                let key = read_key(context, &key)?.to_line();
                change(session, &name, RootChange::AddKey(RootKey { principal, key }), draft)
            }
            RootCommand::RemoveKey { name, key, draft } => {
                let key = vault::key_of(context, &name, &key)?;
                change(session, &name, RootChange::RemoveKey(key), draft)
            }
            RootCommand::RevokeKey { name, key, since, draft } => {
                let key = vault::key_of(context, &name, &key)?;
                change(session, &name, RootChange::Revoke { key, since }, draft)
            }
            RootCommand::Threshold { name, count, draft } => {
                change(session, &name, RootChange::Threshold(count), draft)
            }
            RootCommand::Sign { name, draft } => {
                let draft = session.environment.absolute(&draft);
                Ok(root_state(&name, &vault::sign(context, &name, &draft)?))
            }
            RootCommand::Publish { name, draft } => {
                let draft = session.environment.absolute(&draft);
                Ok(root_state(&name, &vault::publish(context, &name, &draft)?))
            }
        }
    }
}

fn change(session: &Session, name: &str, change: RootChange, draft: DraftPlace) -> Result<Report, Failure> {
    let draft = session.environment.absolute(&draft.draft);
    Ok(root_state(name, &vault::change(&session.context, name, &[change], &draft, None)?))
}

pub(super) fn root_state(name: &str, state: &RootState) -> Report {
    let signers: Vec<_> = state.signed_by.iter().map(|who| clean(who)).collect();
    let mut text = match state.number {
        Some(number) => {
            format!("Version {} of the trust files of {NAME}{name}{NAME:#} is entry {number}\n", state.version)
        }
        None => format!("Version {} of the trust files of {NAME}{name}{NAME:#} is a draft\n", state.version),
    };
    text.push_str(&format!("  signed by {}\n", signers.join(", ")));
    let report = |text| Report::new("vault-root", state, text);
    match &state.draft {
        Some(folder) => {
            let folder = folder.display();
            text.push_str(&format!("  in        {folder}\n"));
            report(text).note(format!(
                "{} needed, by keys of the version before and of this one. Others sign with `git skillmeat vault root sign \
                 {name} {folder}`; then `git skillmeat vault root publish {name} {folder}`",
                count(usize::try_from(state.threshold).unwrap_or(usize::MAX), "signature")
            ))
        }
        None => report(text),
    }
}

pub(super) fn roles_text(roles: &[RoleOf]) -> String {
    let line = |role: &RoleOf| {
        let bundles: Vec<_> = role.bundles.iter().map(ToString::to_string).collect();
        let word = match role.role {
            Role::Admin => "admin",
            Role::Publisher => "publisher",
            Role::Checkpoint => "checkpoint",
            Role::Viewer => "viewer",
        };
        format!(
            "  {word:10} {}{}\n",
            clean(&role.principal),
            bundles.iter().map(|text| format!("  {text}")).collect::<String>()
        )
    };
    roles.iter().map(line).collect()
}
