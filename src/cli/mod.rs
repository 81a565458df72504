//! The command line: arguments in, words and JSON out, exit status (level 4).
//!
//! The only place that prints. Data goes to standard output, everything else to standard error. Every word a user
//! reads is in this folder.

mod add;
mod adopt;
mod arguments;
mod audit;
mod bundle;
mod choose;
mod collection;
mod collections;
mod consent;
mod deploy;
mod failure;
mod follow;
mod hints;
mod hooks;
mod import;
mod inspect;
mod keys;
mod ledger;
mod mirror;
mod old;
mod overview;
mod passphrase;
mod plumbing;
mod powers;
mod progress;
mod pull;
mod qr;
mod recommend;
mod report;
mod resolve;
mod restore;
mod roles;
mod sarif;
mod schemas;
mod screen;
mod search;
mod session;
mod text;
mod update;
mod upkeep;
mod validate;
mod vault;
mod verified;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::config::Environment;
use failure::Failure;
use report::Report;
use session::Session;

/// Version control, signatures and deployment for the artifacts that drive AI coding tools
#[derive(Debug, Parser)]
#[command(name = "git-skillmeat", bin_name = "git skillmeat", version, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true, disable_help_subcommand = false)]
#[command(after_help = "Exit status: 0 done, 1 failed or could not check, 2 usage, 3 checked and refused.\n\
    Start with `git skillmeat init` and `git skillmeat add owner/repo`.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Global {
    /// Work on this collection: a name, or a path
    #[arg(long, global = true, value_name = "NAME|PATH", env = "SKILLMEAT_COLLECTION")]
    collection: Option<String>,
    /// Print for people or for programs
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// The same as `--format json`
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// Print errors only
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Leave the network alone: use what was fetched before
    #[arg(long, global = true)]
    offline: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Collection(collection::Command),
    #[command(flatten)]
    Collections(collections::Command),
    #[command(flatten)]
    Update(update::Command),
    #[command(flatten)]
    Search(search::Command),
    #[command(flatten)]
    Deploy(deploy::Command),
    #[command(flatten)]
    Bundle(bundle::Command),
    #[command(flatten)]
    Inspect(inspect::Command),
    #[command(flatten)]
    Old(old::Command),
    #[command(flatten)]
    Recommend(recommend::Command),
    /// Publish releases where others find them, and fetch theirs
    #[command(
        subcommand,
        after_help = "Examples:\n  git skillmeat vault init ssh://git.example/team/vault.git\n  \
        git skillmeat vault add team ssh://git.example/team/vault.git --ledger sha256:…\n  git skillmeat vault push team review-kit\n  \
        git skillmeat vault pull team"
    )]
    Vault(vault::Command),
    #[command(flatten)]
    Keys(keys::Command),
    #[command(flatten)]
    Audit(audit::Command),
    #[command(flatten)]
    Hooks(hooks::Command),
    #[command(flatten)]
    Plumbing(plumbing::Command),
}

/// Runs the program and returns its exit status.
pub fn main() -> ExitCode {
    clap_complete::CompleteEnv::with_factory(|| Cli::command().bin_name("git-skillmeat"))
        .bin("git-skillmeat")
        .complete();
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return failure::usage(&error, asks_for_json()),
    };
    if cli.global.json {
        cli.global.format = Format::Json;
    }
    let format = cli.global.format;
    let quiet = cli.global.quiet;
    match run(cli) {
        Ok(report) => report.print(format, quiet),
        Err(failure) => failure.print(format),
    }
}

/// Says whether the command line asks for JSON, without parsing it.
fn asks_for_json() -> bool {
    let arguments: Vec<_> = Environment::arguments();
    let pair = arguments.windows(2).any(|pair| pair[0] == "--format" && pair[1] == "json");
    pair || arguments.iter().any(|argument| argument == "--format=json" || argument == "--json")
}

fn run(cli: Cli) -> Result<Report, Failure> {
    let global = cli.global;
    match cli.command {
        // Works without a home, a collection or git.
        Command::Plumbing(command) => command.run(Cli::command()),
        Command::Collection(command) => in_session(global, |session| command.run(session)),
        Command::Collections(command) => in_session(global, |session| command.run(session)),
        Command::Update(command) => in_session(global, |session| command.run(session)),
        Command::Search(command) => in_session(global, |session| command.run(session)),
        Command::Deploy(command) => in_session(global, |session| command.run(session)),
        Command::Bundle(command) => in_session(global, |session| command.run(session)),
        Command::Inspect(command) => in_session(global, |session| command.run(session)),
        Command::Old(command) => in_session(global, |session| command.run(session)),
        Command::Recommend(command) => in_session(global, |session| command.run(session)),
        Command::Vault(command) => in_session(global, |session| command.run(session)),
        Command::Audit(command) => in_session(global, |session| command.run(session)),
        Command::Hooks(command) => in_session(global, |session| command.run(session)),
        Command::Keys(command) => in_session(global, |session| command.run(session)),
    }
}

fn in_session(global: Global, command: impl FnOnce(&Session) -> Result<Report, Failure>) -> Result<Report, Failure> {
    let session = Session::start(global)?;
    let report = command(&session)?;
    Ok(report.fetched(session.context.traffic.get()))
}
