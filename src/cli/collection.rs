//! The commands of a collection.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::adopt::Consent;
use super::failure::Failure;
use super::report::Report;
use super::schemas::Snapshotted;
use super::session::Session;
use super::text::{FAINT, NAME, WARNING, brief, clean, clean_lines, count, moment, short, size};
use crate::model::Class;
use crate::ops::collection::{self, Ask, Local, Status, Upstream};
use crate::ops::vault;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a folder a collection: a git repository, usable at once
    #[command(after_help = "Examples:\n  git skillmeat init\n  git skillmeat init ~/skills --name mine\n  \
        git skillmeat init ~/skills --adopt ~/.skillmeat/collections/old   # `help adopt` tells what can be adopted")]
    Init {
        /// The folder; without it, the collection that is used outside of any repository
        path: Option<PathBuf>,
        /// Name of the collection; without it, that of the folder
        #[arg(long)]
        name: Option<String>,
        /// Take over what another manager installed: its folder, or its lock file
        #[arg(long, value_name = "FROM")]
        adopt: Option<PathBuf>,
        /// With --adopt: agree to hooks, servers and executable files without being asked
        #[arg(short, long, requires = "adopt")]
        yes: bool,
        /// With --adopt: show what would be adopted, and change nothing
        #[arg(long, requires = "adopt")]
        dry_run: bool,
    },
    /// Take over what another manager of skills installed, with where it came from
    Adopt(super::adopt::Adopt),
    /// Add artifacts from a folder or a git repository
    Add(super::add::Add),
    /// Bring artifacts back exactly as a lock names them
    Restore(super::restore::Restore),
    /// List the artifacts
    #[command(after_help = "Example: git skillmeat list")]
    List,
    /// Show one artifact: what it is, where it came from, its files
    #[command(after_help = "Example: git skillmeat show skill/pdf")]
    Show {
        /// kind/name, or a name that only one artifact has
        #[arg(value_name = "REF")]
        artifact: String,
    },
    /// Show what differs from the last commit and from the upstreams
    #[command(after_help = "Example: git skillmeat status --remote")]
    Status {
        /// Only these artifacts
        #[arg(value_name = "REF")]
        artifacts: Vec<String>,
        /// Ask the upstreams too, over the network
        #[arg(long)]
        remote: bool,
    },
    /// Remove artifacts; history keeps them
    #[command(after_help = "Example: git skillmeat remove commit-message")]
    Remove {
        /// kind/name, or a name that only one artifact has
        #[arg(value_name = "REF", required = true)]
        artifacts: Vec<String>,
        /// Show what would be removed, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show the commits of the collection
    #[command(after_help = "Example: git skillmeat history -n 5")]
    History {
        /// Only those that changed this artifact
        #[arg(value_name = "REF")]
        artifact: Option<String>,
        /// At most this many
        #[arg(short = 'n', long, default_value_t = 30)]
        limit: usize,
    },
    /// Give the present state a name to come back to
    #[command(after_help = "Example: git skillmeat snapshot before-the-update")]
    Snapshot {
        /// The name
        name: String,
    },
    /// Show what there is to know of artifacts: broken rules, secrets, hidden text, what runs
    Validate(super::validate::Validate),
    /// Give artifacts words to find them by, or take words away
    #[command(after_help = "Example: git skillmeat tag skill/pdf skill/docx --add office --remove draft")]
    Tag {
        /// kind/name, or a name that only one artifact has
        #[arg(value_name = "REF", required = true)]
        artifacts: Vec<String>,
        /// A word to give; may be given several times
        #[arg(long, value_name = "WORD", required_unless_present = "remove")]
        add: Vec<String>,
        /// A word to take away; may be given several times
        #[arg(long, value_name = "WORD")]
        remove: Vec<String>,
    },
    /// Take the last command back, by a new commit; twice brings it again
    #[command(after_help = "Example: git skillmeat undo --dry-run")]
    Undo {
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Go back to an earlier state, by a new commit
    #[command(after_help = "Examples:\n  git skillmeat rollback HEAD~1\n  git skillmeat rollback before-update\n  \
        git skillmeat rollback HEAD~3 skill/pdf      # that artifact only")]
    Rollback {
        /// A snapshot, or anything git resolves to a commit
        #[arg(value_name = "COMMIT-OR-SNAPSHOT")]
        target: String,
        /// Only these artifacts
        #[arg(value_name = "REF")]
        artifacts: Vec<String>,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Init { path, name, adopt, yes, dry_run } => {
                init(session, path, name, adopt.as_deref(), Consent { yes, dry_run })
            }
            Command::Adopt(adopt) => adopt.run(session),
            Command::Add(add) => add.run(session),
            Command::Restore(restore) => restore.run(session),
            Command::List => list(session),
            Command::Show { artifact } => show(session, &artifact),
            Command::Status { artifacts, remote } => status(session, &artifacts, remote),
            Command::Remove { artifacts, dry_run } => remove(session, &artifacts, dry_run),
            Command::History { artifact, limit } => history(session, artifact.as_deref(), limit),
            Command::Snapshot { name } => snapshot(session, &name),
            Command::Validate(validate) => validate.run(session),
            Command::Tag { artifacts, add, remove } => tag(session, &artifacts, &add, &remove),
            Command::Undo { dry_run } => {
                let (collection, _lock) = session.collection_to_change()?;
                let done = collection::undo(&session.context, &collection, dry_run)?;
                Ok(rolled_back("undo", &done, dry_run))
            }
            Command::Rollback { target, artifacts, dry_run } => {
                let (collection, _lock) = session.collection_to_change()?;
                let done = collection::rollback(&session.context, &collection, &target, &artifacts, dry_run)?;
                Ok(rolled_back("rollback", &done, dry_run))
            }
        }
    }
}

fn init(
    session: &Session,
    path: Option<PathBuf>,
    name: Option<String>,
    adopt: Option<&Path>,
    consent: Consent,
) -> Result<Report, Failure> {
    let folder = path.map_or_else(
        || session.environment.default_collection(&session.settings),
        |path| session.environment.absolute(&path),
    );
    if let Some(from) = adopt {
        return super::adopt::init(session, &folder, name, from, consent);
    }
    let name = name.unwrap_or_else(|| collection::default_name(&folder));
    let made = collection::init(&session.context, &folder, &name)?;
    let text = format!("Started the collection {NAME}{}{NAME:#} in {}\n", clean(&made.name), made.path.display());
    Ok(Report::new("init", &made, text).note("Next: `git skillmeat add SOURCE`"))
}

fn list(session: &Session) -> Result<Report, Failure> {
    let listing = collection::list(&session.collection()?)?;
    let width = listing.artifacts.iter().map(|item| item.artifact.to_string().len()).max().unwrap_or(0);
    let mut text = String::new();
    for item in &listing.artifacts {
        let name = item.artifact.to_string();
        let about = short(item.description.as_deref().unwrap_or(""), 100);
        let fork = match (&item.original, &item.upstream) {
            (Some(original), Some(bundle)) => {
                format!("  {FAINT}'{}' of {}{FAINT:#}", short(original, 80), short(bundle, 80))
            }
            _ => String::new(),
        };
        text.push_str(&format!("{NAME}{name:width$}{NAME:#}  {about}{fork}\n"));
    }
    let report = Report::new("list", &listing, text);
    Ok(if listing.artifacts.is_empty() {
        report.note("The collection is empty: `git skillmeat add SOURCE`")
    } else {
        report
    })
}

fn show(session: &Session, artifact: &str) -> Result<Report, Failure> {
    let collection = session.collection()?;
    let shown = collection::show(&collection, &collection.find(artifact)?)?;
    let mut text = format!("{NAME}{}{NAME:#}\n", shown.artifact);
    let facts = [
        ("about", shown.description.clone()),
        ("upstream", shown.entry.upstream.clone()),
        ("path", shown.entry.path.clone()),
        ("ref", shown.entry.reference.clone()),
        ("commit", shown.upstream_commit.clone()),
        ("release", shown.release.clone()),
        ("vault", shown.entry.vault.clone()),
        ("original", shown.entry.original.clone()),
        ("license", shown.license.clone()),
        ("tags", (!shown.entry.tags.is_empty()).then(|| shown.entry.tags.join(", "))),
        ("digest", Some(shown.digest.to_string())),
    ];
    for (key, value) in facts {
        if let Some(value) = value {
            text.push_str(&format!("  {key:8}  {}\n", clean(&value)));
        }
    }
    for file in &shown.files {
        text.push_str(&format!("  {} {:>9}  {}\n", file.mode, size(file.size), file.path));
    }
    if let Some(body) = &shown.text {
        text.push('\n');
        text.push_str(&clean_lines(body));
    }
    Ok(Report::new("show", &shown, text))
}

fn status(session: &Session, artifacts: &[String], remote: bool) -> Result<Report, Failure> {
    let collection = session.collection()?;
    let ask = if remote { Ask::Upstreams } else { Ask::Nobody };
    let mut status = collection::status(&session.context, &collection, artifacts, ask)?;
    if remote {
        let followed = vault::follow(&session.context, &collection, &collection.select(artifacts)?);
        for one in followed.into_iter().flat_map(|followed| followed.artifacts) {
            if let Some(item) = status.artifacts.iter_mut().find(|item| item.artifact == one.artifact) {
                item.upstream = Some(one.upstream);
            }
        }
    }
    let mut report = Report::new("status", &status, status_text(&status));
    if status.artifacts.iter().filter_map(|item| item.upstream.as_ref()).any(Upstream::is_unknown) {
        report = report.status(Class::Conflict.exit_status());
    }
    if status.interrupted {
        report = report.note("warning: an earlier command was interrupted; the next change finishes it");
    }
    Ok(report)
}

fn status_text(status: &Status) -> String {
    let width = status.artifacts.iter().map(|item| item.artifact.to_string().len()).max().unwrap_or(0);
    let (mut text, mut told) = (String::new(), BTreeSet::new());
    for item in &status.artifacts {
        let local = match item.local {
            Local::NoUpstream => "our own",
            Local::Unchanged => "as upstream",
            Local::Edited => "edited since upstream",
            Local::NoBase => "adopted, not compared with upstream yet",
            Local::Unknown => "upstream state not here",
        };
        let upstream = match &item.upstream {
            None => String::new(),
            Some(Upstream::NotChecked) => format!("{FAINT}, upstream not checked{FAINT:#}"),
            Some(Upstream::Current) => ", upstream current".to_owned(),
            Some(other) => format!(", {}", super::update::upstream_text(other)),
        };
        let name = item.artifact.to_string();
        text.push_str(&format!("{NAME}{name:width$}{NAME:#}  {local}{upstream}\n"));
        if item.waits {
            let artifact = &item.artifact;
            text.push_str(&format!("    {WARNING}an update waits{WARNING:#}: `git skillmeat resolve {artifact}`\n"));
        }
        if let Some(Upstream::Behind { commits, .. }) = &item.upstream {
            text.push_str(&super::update::commits_text(commits));
        }
        // Once for an address, however many artifacts come from it.
        let address = item.upstream.as_ref().and_then(Upstream::not_allowed);
        if let Some(upstream) = item.upstream.as_ref().filter(|_| address.is_none_or(|address| told.insert(address))) {
            text.push_str(&super::update::next_step(&item.artifact, upstream));
        }
        for file in &item.uncommitted {
            text.push_str(&uncommitted(file));
        }
    }
    for file in &status.other {
        text.push_str(&uncommitted(file));
    }
    text
}

fn uncommitted(file: &collection::Uncommitted) -> String {
    let state = format!("{:?}", file.state).to_lowercase();
    format!("    {WARNING}not committed: {state}{WARNING:#} {}\n", clean(&file.path))
}

fn remove(session: &Session, artifacts: &[String], dry_run: bool) -> Result<Report, Failure> {
    let (collection, _lock) = session.collection_to_change()?;
    let chosen = collection.select(artifacts)?;
    let removed = collection::remove(&session.context, &collection, &chosen, dry_run)?;
    let verb = if dry_run { "Would remove" } else { "Removed" };
    let text: String = removed.artifacts.iter().map(|artifact| format!("{verb} {artifact}\n")).collect();
    Ok(Report::new("remove", &removed, text))
}

fn history(session: &Session, artifact: Option<&str>, limit: usize) -> Result<Report, Failure> {
    let collection = session.collection()?;
    let artifact = artifact.map(|text| text.parse().or_else(|_| collection.find(text))).transpose()?;
    let entries = collection::history(&collection, artifact.as_ref(), limit)?;
    let mut text = String::new();
    for entry in &entries {
        let snapshots =
            if entry.snapshots.is_empty() { String::new() } else { format!(" ({})", entry.snapshots.join(", ")) };
        let subject = short(&entry.subject, 100);
        text.push_str(&format!(
            "{NAME}{}{NAME:#}  {}  {subject}{snapshots}\n",
            brief(&entry.commit),
            moment(entry.seconds)
        ));
    }
    Ok(Report::new("history", &entries, text))
}

fn snapshot(session: &Session, name: &str) -> Result<Report, Failure> {
    let collection = session.collection()?;
    let commit = collection::snapshot(&session.context, &collection, name)?.to_string();
    let text = format!("Snapshot {NAME}{name}{NAME:#} is {}\n", brief(&commit));
    Ok(Report::new("snapshot", &Snapshotted { name, commit: &commit }, text))
}

fn rolled_back(command: &str, done: &collection::RolledBack, dry_run: bool) -> Report {
    let head = match (&done.commit, dry_run) {
        (Some(commit), _) => format!("Back at {} by the new commit {}", brief(&done.to), brief(commit)),
        (None, true) => format!("Would go back to {}", brief(&done.to)),
        // An update that only waited has no commit of its own.
        (None, false) if !(done.waits.is_empty() && done.ended.is_empty()) => "Undone".to_owned(),
        (None, false) => format!("Already at the state of {}", brief(&done.to)),
    };
    let mut text = format!("{head}: {}\n", count(done.changed.len(), "file"));
    let would = if dry_run { "would wait" } else { "waits" };
    done.waits.iter().for_each(|artifact| text.push_str(&format!("  {artifact} {would} for a decision again\n")));
    done.ended.iter().for_each(|artifact| text.push_str(&format!("  the update of {artifact} {would} no more\n")));
    Report::new(command, done, text)
}

fn tag(session: &Session, artifacts: &[String], add: &[String], remove: &[String]) -> Result<Report, Failure> {
    let (collection, _lock) = session.collection_to_change()?;
    let chosen = collection.select(artifacts)?;
    let tagged = collection::tag(&session.context, &collection, &chosen, add, remove)?;
    let line = |item: &collection::TaggedArtifact| {
        format!("{NAME}{}{NAME:#}  {}\n", item.artifact, clean(&item.tags.join(", ")))
    };
    let text: String = tagged.artifacts.iter().map(line).collect();
    Ok(Report::new("tag", &tagged, text))
}
