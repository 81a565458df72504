//! `key` and `trust`.

use std::path::PathBuf;

use clap::Subcommand;

use super::bundle::is_pack;
use super::failure::Failure;
use super::ledger::recorded;
use super::report::Report;
use super::roles::DraftPlace;
use super::schemas::{TrustAdded, TrustRemoved};
use super::session::Session;
use super::text::{NAME, WARNING, clean, count};
use crate::model::Class;
use crate::ops::bundle::{self, Place};
use crate::ops::{introduction, keys, revocation, rotation, vault};
use crate::signature::PublicKey;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make or show the key that releases are signed with
    #[command(subcommand, after_help = "Example: git skillmeat key generate")]
    Key(Key),
    /// Say whose signatures are believed
    #[command(subcommand, after_help = "Example: git skillmeat trust add team@example.com --key team.pub")]
    Trust(Trust),
}

#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Make an Ed25519 key for someone who has none, and tell git of it where git was told nothing yet
    #[command(after_help = "Example: git skillmeat key generate")]
    Generate,
    /// Show the public half, to give to others
    #[command(after_help = "Example: git skillmeat key show")]
    Show,
}

#[derive(Debug, Subcommand)]
pub(super) enum Trust {
    /// Believe what a principal signs with a key
    #[command(after_help = "Examples:\n  git skillmeat trust add team@example.com --key team.pub\n  \
        git skillmeat trust add team@example.com --key \"ssh-ed25519 AAAA…\"\n  \
        git skillmeat trust add ada@example.com --forge ada --fingerprint SHA256:…\n  \
        git skillmeat trust add ada@example.com --from kit-1.0.0.skillmeat-pack\n  \
        git skillmeat trust add guest@example.com --key guest.pub --valid-before 2027-01-01")]
    Add {
        /// Name of the principal, usually a mail address
        principal: String,
        /// Public key: a file, or the text itself
        #[arg(long)]
        key: Option<String>,
        /// Take the keys that the forge publishes for this user of it (`skillmeat.forge`)
        #[arg(long, value_name = "USER", conflicts_with = "key")]
        forge: Option<String>,
        /// Take the key that signed this release: a pack, or a tag of the collection
        #[arg(long, value_name = "PACK|TAG", conflicts_with_all = ["key", "forge"])]
        from: Option<String>,
        /// The fingerprint that the key must have, as its owner told you
        #[arg(long, value_name = "SHA256:…", conflicts_with = "key")]
        fingerprint: Option<String>,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// List the principals and their keys
    #[command(after_help = "Example: git skillmeat trust list")]
    List,
    /// Believe a principal no longer
    #[command(after_help = "Example: git skillmeat trust remove ada@example.com")]
    Remove {
        /// Name of the principal
        principal: String,
    },
    /// Believe nothing that a stolen key has signed or will sign, of whatever date
    #[command(
        after_help = "Examples:\n  git skillmeat trust revoke SHA256:… --reason 'laptop stolen'\n  git skillmeat trust revoke old.pub\n  \
        git skillmeat trust revoke SHA256:… --vault team --since 42   # entries before 42 stay good; 0 leaves nothing"
    )]
    Revoke {
        /// A public key, the path of one, or the fingerprint of one that `trust list` shows
        key: String,
        /// Why, for whoever reads the list
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Revoke it in this vault, for all who read it, instead of here
        #[arg(long, value_name = "NAME", requires = "since")]
        vault: Option<String>,
        /// The first entry of the vault's ledger that is believed no longer; what came before stays good
        #[arg(long, value_name = "ENTRY", requires = "vault")]
        since: Option<u64>,
    },
    /// Sign with another key from now on; what the old one signed stays good
    #[command(after_help = "Examples:\n  ssh-keygen -t ed25519 -f ~/.ssh/skillmeat2\n  \
        git skillmeat trust rotate --new ~/.ssh/skillmeat2 --vault team\n\
        A key that is lost is replaced with another root key of yours, which git signs with meanwhile:\n  \
        git -c user.signingKey=~/spare skillmeat trust rotate --old lost.pub --new ~/.ssh/skillmeat2 --vault team")]
    Rotate {
        /// The new key: the file with its private half
        #[arg(long, value_name = "FILE")]
        new: PathBuf,
        /// The key that it replaces; the one that git signs with otherwise
        #[arg(long, value_name = "KEY")]
        old: Option<String>,
        /// Replace it in this vault too; may be given several times
        #[arg(long, value_name = "NAME")]
        vault: Vec<String>,
        #[command(flatten)]
        draft: DraftPlace,
    },
}

/// What a key is believed for, and when.
#[derive(Debug, clap::Args)]
pub(super) struct ScopeArgs {
    /// Believe it only from this day on, which starts at midnight in UTC: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    valid_after: Option<jiff::civil::Date>,
    /// Believe it only before this day, which starts at midnight in UTC: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    valid_before: Option<jiff::civil::Date>,
    /// Believe it only for these, such as `git` for tags, with commas between them; `git,skillmeat-*` otherwise
    #[arg(long, value_name = "LIST", value_parser = namespaces)]
    namespaces: Option<String>,
}

/// Parses what stands between quotes in a line of the list.
fn namespaces(text: &str) -> Result<String, String> {
    let is_one =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@*?!".contains(c));
    if text.len() <= 200 && text.split(',').all(is_one) {
        Ok(text.to_owned())
    } else {
        Err("write names with commas between them, such as `git,skillmeat-*`".to_owned())
    }
}

impl From<ScopeArgs> for keys::Scope {
    fn from(args: ScopeArgs) -> Self {
        let ScopeArgs { valid_after, valid_before, namespaces } = args;
        Self { namespaces, valid_after, valid_before }
    }
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Key(Key::Generate) => generate(session),
            Command::Key(Key::Show) => {
                let key = keys::show(&session.context)?;
                let text = format!("{}\n{} {}\n", clean(&key.public), key.key_type, key.fingerprint);
                Ok(Report::new("key", &key, text))
            }
            Command::Trust(Trust::Add { principal, key: Some(key), scope, .. }) => {
                let fingerprint = keys::add(&session.context, &principal, &key, &scope.into())?;
                Ok(added(session, &principal, &[fingerprint]))
            }
            Command::Trust(Trust::Add { principal, key: None, forge, from, fingerprint, scope }) => {
                let found = match (forge, from) {
                    (Some(user), _) => introduction::keys_of_forge(&session.context, &user)?,
                    (None, Some(from)) => vec![key_of(session, &from)?],
                    (None, None) => return Err(no_key(&principal)),
                };
                let chosen = confirmed(session, &principal, found, fingerprint)?;
                let scope = scope.into();
                Ok(added(session, &principal, &introduction::introduce(&session.context, &principal, &chosen, &scope)?))
            }
            Command::Trust(Trust::List) => {
                let signers = keys::list(&session.context)?;
                let text: String = signers.iter().map(signer_text).collect();
                let report = Report::new("trust-list", &signers, text);
                Ok(match signers.is_empty() {
                    true => report.note("Nobody is believed yet: `git skillmeat trust add NAME --key KEY`"),
                    false => report,
                })
            }
            Command::Trust(Trust::Revoke { key, reason, vault: Some(name), since }) => {
                let key = vault::key_of(&session.context, &name, &key)?;
                let reason = reason.unwrap_or_default();
                let done = vault::revoke(&session.context, &name, &key, since.unwrap_or_default(), &reason)?;
                let report = recorded("vault-revoke", "Revoked", &done);
                let fingerprint = key.fingerprint();
                let root_keys = vault::show(&session.context, &name)?.root_keys;
                Ok(match root_keys.iter().any(|held| held.fingerprint == fingerprint) {
                    // Entries do not change who signs root files.
                    true => report.note(format!(
                        "{fingerprint} is still a root key of '{name}': whoever has it can undo this. \
                         `git skillmeat vault root remove-key {name} --key KEY`, or `git skillmeat trust rotate`, takes it away"
                    )),
                    false => report,
                })
            }
            Command::Trust(Trust::Rotate { new, old, vault, draft }) => {
                let absolute = |path| session.environment.absolute(path);
                let (new, draft) = (absolute(&new), absolute(&draft.draft));
                let done = rotation::rotate(&session.context, old.as_deref(), &new, &vault, &draft)?;
                Ok(rotated(&done))
            }
            Command::Trust(Trust::Revoke { key, reason, vault: None, .. }) => {
                let done = revocation::revoke(&session.context, &key, reason.as_deref())?;
                Ok(revoked(&done))
            }
            Command::Trust(Trust::Remove { principal }) => {
                let removed = keys::remove(&session.context, &principal)?;
                let text = format!("Removed {} of {}\n", count(removed, "key"), clean(&principal));
                Ok(Report::new("trust-remove", &TrustRemoved { principal: &principal, removed }, text))
            }
        }
    }
}

fn generate(session: &Session) -> Result<Report, Failure> {
    let settings = &session.settings;
    let configured = |name: &str| match name {
        "gpg.format" => settings.signs_with_ssh || settings.signing_format_is_set,
        "user.signingKey" => settings.signing_key.is_some(),
        _ => settings.allowed_signers_is_set,
    };
    let made = keys::generate(&session.context, &configured)?;
    let mut text =
        format!("Made {NAME}{}{NAME:#}\n  {}\n  {}\n", made.path.display(), clean(&made.public), made.fingerprint);
    for setting in &made.settings {
        text.push_str(&format!("  git config --global {setting}\n"));
    }
    let mut report =
        Report::new("key-generate", &made, text).note("The key has no passphrase: `ssh-keygen -p -f FILE` sets one");
    if settings.signing_key.is_some() {
        report = report.note("git keeps using the signing key it had: `git config user.signingKey`");
    }
    Ok(report)
}

fn no_key(principal: &str) -> Failure {
    Failure::new(
        Class::Usage,
        format!("nothing says which key '{}' signs with", principal.escape_debug()),
        "give it with `--key KEY`, take those that a forge publishes with `--forge USER`, or the one that signed a release with `--from PACK`",
    )
}

fn signer_text(signer: &keys::ShownSigner) -> String {
    let scope = signer.namespaces.as_deref().unwrap_or("everything");
    let after = signer.valid_after.as_ref().map(|time| format!("  from {time}")).unwrap_or_default();
    let before = signer.valid_before.as_ref().map(|time| format!("  until {time}")).unwrap_or_default();
    let revoked = if signer.revoked { format!("  {WARNING}revoked{WARNING:#}") } else { String::new() };
    let who = clean(&signer.principals);
    format!("{NAME}{who}{NAME:#}  {}  for {}{after}{before}{revoked}\n", signer.fingerprint, clean(scope))
}

fn added(session: &Session, principal: &str, fingerprints: &[String]) -> Report {
    let line = |fingerprint: &String| format!("{NAME}{}{NAME:#} may sign with {fingerprint}\n", clean(principal));
    let text: String = fingerprints.iter().map(line).collect();
    let first = fingerprints.first().map_or("", String::as_str);
    let added = TrustAdded { principal, fingerprint: first, fingerprints };
    with_signers_note(session, Report::new("trust-add", &added, text))
}

/// Returns the key that signed a pack, or a tag of the collection.
fn key_of(session: &Session, what: &str) -> Result<PublicKey, Failure> {
    let collection;
    let place = if is_pack(session, what) {
        Place::Pack(session.environment.absolute(what.as_ref()))
    } else {
        collection = session.collection()?;
        Place::Repository(&collection.repo, what.to_owned(), None)
    };
    Ok(introduction::key_of_release(&bundle::find(&session.context, &place)?)?)
}

/// Returns the keys that the user takes for the principal's: the one with the fingerprint that they gave, or all when they say so.
fn confirmed(
    session: &Session,
    principal: &str,
    found: Vec<PublicKey>,
    wanted: Option<String>,
) -> Result<Vec<PublicKey>, Failure> {
    let fingerprints: Vec<_> = found.iter().map(PublicKey::fingerprint).collect();
    if let Some(wanted) = wanted {
        let chosen: Vec<_> = found.into_iter().filter(|key| key.fingerprint() == wanted.trim()).collect();
        if chosen.is_empty() {
            return Err(keys::Error::OtherKey { wanted, found: fingerprints }.into());
        }
        return Ok(chosen);
    }
    let list: String = found.iter().map(|key| format!("  {} {}\n", key.key_type(), key.fingerprint())).collect();
    let _ = std::io::Write::write_all(&mut anstream::stderr(), list.as_bytes());
    let question = format!("Nobody has compared this. Believe that it is the key of {}?", clean(principal));
    if session.confirm(&question) { Ok(found) } else { Err(keys::Error::Unconfirmed(fingerprints).into()) }
}

fn rotated(done: &rotation::Rotated) -> Report {
    let mut text = format!("{NAME}{}{NAME:#} takes the place of {}\n", done.new, done.old);
    for principal in &done.principals {
        text.push_str(&format!("  {} may sign with it\n", clean(principal)));
    }
    let mut waits = None;
    for one in &done.vaults {
        let state = &one.state;
        match state.number {
            Some(number) => text.push_str(&format!("  {}: version {}, entry {number}\n", one.vault, state.version)),
            None => {
                text.push_str(&format!("  {}: version {} waits for other signatures\n", one.vault, state.version));
                waits = waits.or(state.draft.as_ref().map(|folder| (one.vault.clone(), folder.clone())));
            }
        }
    }
    text.push_str(&format!("  git config --global {}\n", done.setting));
    let report = Report::new("trust-rotate", done, text);
    match waits {
        Some((vault, folder)) => {
            report.note(format!("Others sign with `git skillmeat vault root sign {vault} {}`", folder.display()))
        }
        None => report,
    }
}

fn revoked(done: &revocation::Revoked) -> Report {
    let verb = if done.new { "Revoked" } else { "Revoked before:" };
    let mut text = format!("{verb} {NAME}{}{NAME:#}\n  in {}\n", done.fingerprint, done.list.display());
    for principal in &done.principals {
        text.push_str(&format!("  {} could sign with it\n", clean(principal)));
    }
    if let Some(setting) = &done.setting {
        text.push_str(&format!("  git config --global {setting}\n"));
    }
    Report::new("trust-revoke", done, text).note(
        "Releases that it signed long ago are refused too, also by `git verify-tag`: no date in a tag can be believed",
    )
}

/// Plain git reads the list only if it is told where it is.
fn with_signers_note(session: &Session, report: Report) -> Report {
    if session.settings.allowed_signers_is_set {
        return report;
    }
    let path = session.settings.allowed_signers.display();
    report.note(format!("For `git verify-tag` to agree: git config --global gpg.ssh.allowedSignersFile {path}"))
}
