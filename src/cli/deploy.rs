//! `deploy`, `undeploy`, `drift`, `sync` and `targets`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::consent;
use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{FAINT, NAME, WARNING, brief, clean, clean_lines, count};
use crate::client::{Scope, TargetId};
use crate::ops::collection::{CanRun, Collection, Consents, Error as CollectionError};
use crate::ops::deploy::{
    self, Action, CollectionState, Deploy, Done, Drift, Drifted, Force, Plan, Recovered, Strategy, Sync, Synced,
    Undeploy,
};

/// Where artifacts go.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Client and scope; see `git skillmeat targets`
    #[arg(long, value_name = "TARGET", default_value = "claude-code:project")]
    pub(super) to: String,
    /// The project; without it, the repository one stands in, or this folder
    #[arg(long, value_name = "DIR")]
    pub(super) project: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// kind/name, or a name that only one artifact has
    #[arg(value_name = "REF")]
    artifacts: Vec<String>,
    /// All artifacts
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write artifacts into a client's folders
    #[command(after_help = "Examples:\n  git skillmeat deploy skill/pdf\n  git skillmeat deploy --all --dry-run\n  \
        git skillmeat deploy hook/format --to claude-code:user --yes")]
    Deploy {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        place: Place,
        /// Agree to hooks and servers without being asked
        #[arg(short, long)]
        yes: bool,
        /// Show what would be written, and write nothing
        #[arg(long)]
        dry_run: bool,
        /// Overwrite what is not ours or was edited; a copy is kept
        #[arg(long)]
        force: bool,
        /// Leave out what the client cannot hold, instead of deploying nothing
        #[arg(long)]
        skip_unusable: bool,
    },
    /// Take away what was deployed, and nothing else
    #[command(after_help = "Example: git skillmeat undeploy skill/pdf")]
    Undeploy {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        place: Place,
        /// Take everything away without being asked
        #[arg(short, long)]
        yes: bool,
        /// Show what would be taken away, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Take away what was edited too; a copy is kept
        #[arg(long)]
        force: bool,
    },
    /// Show how deployments differ from what was written, and from the collection
    #[command(after_help = "Example: git skillmeat drift --exit-code")]
    Drift {
        /// Only these artifacts
        #[arg(value_name = "REF")]
        artifacts: Vec<String>,
        #[command(flatten)]
        place: Place,
        /// End with exit status 1 if anything differs
        #[arg(long)]
        exit_code: bool,
    },
    /// Bring edits made at a client back into the collection, in one commit
    #[command(after_help = "Examples:\n  git skillmeat sync skill/pdf\n  git skillmeat sync skill/pdf --dry-run")]
    Sync {
        /// kind/name, or a name that only one deployed artifact has
        #[arg(value_name = "REF", required = true)]
        artifacts: Vec<String>,
        #[command(flatten)]
        place: Place,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// What to do when the collection has changed it too
        #[arg(long, value_enum, default_value_t = Both::Merge)]
        strategy: Both,
    },
    /// List the clients, and where each reads its artifacts
    #[command(after_help = "Example: git skillmeat targets")]
    Targets {
        /// The project; without it, the repository one stands in, or this folder
        #[arg(long, value_name = "DIR")]
        project: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Both {
    Merge,
    Overwrite,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Deploy { which, place, yes, dry_run, force, skip_unusable } => {
                let collection = session.collection()?;
                let artifacts = collection.select(&which.artifacts)?;
                let (target, project) = place.resolve(session)?;
                let wish = Deploy { artifacts, target, project, force: forced(force), agreed: yes, skip_unusable };
                if dry_run {
                    return Ok(done("deploy", &deploy::plan_deploy(&session.context, &collection, &wish)?, true));
                }
                write(session, &collection, wish)
            }
            Command::Undeploy { which, place, yes, dry_run, force } => {
                let (target, project) = place.resolve(session)?;
                let wish = Undeploy { artifacts: which.artifacts, target, project, force: forced(force) };
                take(session, &wish, which.all && !yes, dry_run)
            }
            Command::Drift { artifacts, place, exit_code } => drift(session, &artifacts, &place, exit_code),
            Command::Sync { artifacts, place, dry_run, strategy } => {
                let (target, project) = place.resolve(session)?;
                let strategy = match strategy {
                    Both::Merge => Strategy::Merge,
                    Both::Overwrite => Strategy::Overwrite,
                };
                sync(session, &Sync { artifacts, target, project, strategy, dry_run })
            }
            Command::Targets { project } => targets(session, project),
        }
    }
}

fn forced(force: bool) -> Force {
    if force { Force::Yes } else { Force::No }
}

impl Place {
    pub(super) fn resolve(&self, session: &Session) -> Result<(TargetId, PathBuf), Failure> {
        let target: TargetId = self.to.parse().map_err(deploy::Error::from)?;
        let project = match target.scope {
            Scope::Project => project(session, self.project.as_deref())?,
            // Not looked at.
            Scope::User => session.environment.folder.clone(),
        };
        Ok((target, project))
    }
}

/// Returns the project: the one named, else the repository one stands in unless it is the collection, else here.
fn project(session: &Session, named: Option<&std::path::Path>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(session.environment.absolute(named));
    }
    let repository = session.environment.repository()?;
    let worktree = repository.and_then(|repo| repo.worktree().map(PathBuf::from).ok());
    let real = crate::fsio::real_path;
    let other = worktree.filter(|worktree| real(worktree) != real(&session.folder));
    Ok(other.unwrap_or_else(|| session.environment.folder.clone()))
}

/// Asks for what needs an answer, and deploys.
fn write(session: &Session, collection: &Collection, mut wish: Deploy) -> Result<Report, Failure> {
    let needs_answer = |kind| matches!(kind, crate::model::Kind::Hook | crate::model::Kind::Mcp);
    if !wish.agreed && wish.artifacts.iter().any(|artifact| needs_answer(artifact.kind)) {
        let planned = deploy::plan_deploy(&session.context, collection, &wish)?;
        if planned.plan.conflicts.is_empty() && !planned.plan.consent.is_empty() {
            let runs: Vec<_> = planned.plan.consent.iter().cloned().map(CanRun::Artifact).collect();
            let preview = || plan_text(&planned.plan, true);
            wish.agreed = consent::require(session, &Consents::of(&runs), preview).is_ok();
        }
    }
    Ok(done("deploy", &deploy::deploy(&session.context, collection, &wish)?, false))
}

fn take(session: &Session, wish: &Undeploy, ask: bool, dry_run: bool) -> Result<Report, Failure> {
    if dry_run || (ask && session.environment.interactive) {
        let planned = deploy::plan_undeploy(&session.context, wish)?;
        if dry_run {
            return Ok(done("undeploy", &planned, true));
        }
        let preview = plan_text(&planned.plan, true);
        let _ = std::io::Write::write_all(&mut anstream::stderr(), preview.as_bytes());
        if planned.plan.changes() && !session.confirm("Take all of this away?") {
            return Ok(done("undeploy", &planned, true).note("Nothing was taken away"));
        }
    }
    Ok(done("undeploy", &deploy::undeploy(&session.context, wish)?, false))
}

fn done(command: &str, done: &Done, dry_run: bool) -> Report {
    let mut text = plan_text(&done.plan, dry_run);
    if dry_run {
        for config in &done.plan.configs {
            let name = clean(&config.config);
            text.push_str(&format!("--- {name}\n+++ {name}\n{}", clean_lines(&config.diff)));
        }
    }
    if !dry_run && !done.changed {
        text.push_str("Nothing to do\n");
    }
    let mut report = Report::new(command, done, text);
    for backup in &done.backups {
        report = report.note(format!("kept a copy: {}", clean(backup)));
    }
    if done.plan.interrupted {
        report = report.note("warning: an earlier run was interrupted; the next one that changes something settles it");
    }
    settled(report, done.recovered.as_ref())
}

/// Says what became of an interrupted run.
fn settled(mut report: Report, recovered: Option<&Recovered>) -> Report {
    let Some(recovered) = recovered else { return report };
    let how = if recovered.finished { "finished" } else { "undone" };
    report = report.note(format!("note: an earlier {} was interrupted; it was {how}", clean(&recovered.operation)));
    for kept in &recovered.kept {
        report = report.note(format!("kept a copy of what was changed meanwhile: {}", clean(kept)));
    }
    report
}

fn plan_text(plan: &Plan, dry_run: bool) -> String {
    let mut text = String::new();
    for left in &plan.left_out {
        text.push_str(&format!("{WARNING}Left out{WARNING:#} {}: {}\n", left.artifact, clean(&left.reason)));
    }
    for planned in &plan.artifacts {
        let changes = |place: &&deploy::PlannedPlace| !matches!(place.action, Action::Same | Action::Keep);
        let changed: Vec<_> = planned.places.iter().filter(changes).collect();
        let is = |action| changed.iter().all(|place| place.action == action);
        let verb = match (changed.is_empty(), is(Action::Create), is(Action::Remove), dry_run) {
            (true, ..) => "Unchanged",
            (_, true, _, true) => "Would deploy",
            (_, true, _, false) => "Deployed",
            (_, _, true, true) => "Would take away",
            (_, _, true, false) => "Took away",
            (.., true) => "Would update",
            (.., false) => "Updated",
        };
        let counted = count(planned.places.len(), "place");
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}, {counted}\n", planned.artifact));
        for place in planned.places.iter().filter(|place| dry_run || place.action == Action::Keep) {
            let action = match place.action {
                Action::Create => "new",
                Action::Replace => "change",
                Action::Same => "same",
                Action::Remove => "remove",
                Action::Keep => "stays, it was there before",
            };
            let obstacle = place.obstacle.map_or_else(String::new, |why| format!(" {WARNING}({why}){WARNING:#}"));
            text.push_str(&format!("    {FAINT}{action}{FAINT:#} {}{obstacle}\n", clean(&place.place)));
        }
        for run in &planned.runs {
            text.push_str(&format!("  {WARNING}can run{WARNING:#}: {}\n", clean(run)));
        }
        for note in &planned.notes {
            text.push_str(&format!("  note: {}\n", clean(note)));
        }
    }
    text
}

fn drift(session: &Session, artifacts: &[String], place: &Place, exit_code: bool) -> Result<Report, Failure> {
    let (target, project) = place.resolve(session)?;
    let collection = match Collection::open(&session.folder) {
        Ok(collection) => Some(collection),
        Err(CollectionError::NoCollection(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let found = deploy::drift(&session.context, collection.as_ref(), &target, &project, artifacts)?;
    let mut report = Report::new("drift", &found, drift_text(&found));
    if found.deployments.is_empty() {
        report = report.note("Nothing is deployed there");
    }
    if found.interrupted {
        report = report.note("warning: a run was interrupted; the next one that changes something settles it");
    }
    Ok(report.status(u8::from(exit_code && found.drifted)))
}

fn drift_text(found: &Drift) -> String {
    let width = found.deployments.iter().map(|item| item.artifact.to_string().len()).max().unwrap_or(0);
    let mut text = String::new();
    for item in &found.deployments {
        let here = if item.places.is_empty() { "as deployed" } else { "changed here" };
        let collection = match item.collection {
            CollectionState::Same => String::new(),
            CollectionState::Newer => format!("{WARNING}, the collection has other content{WARNING:#}"),
            CollectionState::Gone => format!("{WARNING}, the collection does not have it any more{WARNING:#}"),
            CollectionState::Other => format!("{FAINT}, from another collection{FAINT:#}"),
        };
        let name = item.artifact.to_string();
        text.push_str(&format!("{NAME}{name:width$}{NAME:#}  {here}{collection}\n"));
        for place in &item.places {
            let state = match place.state {
                Drifted::Edited => "edited",
                Drifted::Missing => "missing",
                Drifted::Extra => "extra",
            };
            text.push_str(&format!("    {WARNING}{state}{WARNING:#} {}\n", clean(&place.place)));
        }
    }
    text
}

fn sync(session: &Session, wish: &Sync) -> Result<Report, Failure> {
    let synced = if wish.dry_run {
        deploy::sync(&session.context, &session.collection()?, wish)?
    } else {
        let (collection, _lock) = session.collection_to_change()?;
        deploy::sync(&session.context, &collection, wish)?
    };
    let mut report = Report::new("sync", &synced, sync_text(&synced, wish.dry_run));
    for artifact in synced.artifacts.iter().filter(|artifact| artifact.behind) {
        let name = &artifact.artifact;
        report = report.note(format!("note: the collection had changes of its own: `git skillmeat deploy {name}`"));
    }
    if synced.interrupted {
        report = report.note("warning: an earlier run was interrupted; the next one that changes something settles it");
    }
    Ok(settled(report, synced.recovered.as_ref()))
}

fn sync_text(synced: &Synced, dry_run: bool) -> String {
    let verb = if dry_run { "Would bring back" } else { "Brought back" };
    let mut text = String::new();
    for item in &synced.artifacts {
        let merged = if item.merged { ", merged with changes of the collection" } else { "" };
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}{merged}\n", item.artifact));
        for path in &item.changed {
            text.push_str(&format!("    {path}\n"));
        }
    }
    match &synced.commit {
        Some(commit) => text.push_str(&format!("Commit {}\n", brief(commit))),
        None if synced.artifacts.is_empty() => text.push_str("Nothing to do: nothing was edited there\n"),
        None => {}
    }
    text
}

fn targets(session: &Session, named: Option<PathBuf>) -> Result<Report, Failure> {
    let found = deploy::targets(&session.context, &project(session, named.as_deref())?)?;
    let mut text = String::new();
    for target in &found {
        let (title, checked) = (clean(&target.title), clean(&target.checked));
        text.push_str(&format!("{NAME}{}{NAME:#}  {title} {FAINT}(checked with {checked}){FAINT:#}\n", target.target));
        for place in &target.places {
            let places: Vec<_> = [&place.folder, &place.config].into_iter().flatten().map(|path| clean(path)).collect();
            text.push_str(&format!("  {:8} {}\n", place.kind.word(), places.join(", ")));
        }
    }
    Ok(Report::new("targets", &found, text))
}
