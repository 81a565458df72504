//! `update`, `diff` and `resolve`: what upstreams have, and what becomes of it here.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Subcommand;

use super::consent;
use super::deploy::Place;
use super::failure::Failure;
use super::follow::{self, Following, Updated};
use super::hints::allow_hint;
use super::powers::powers_text;
use super::report::Report;
use super::session::Session;
use super::text::{FAINT, NAME, WARNING, brief, clean, clean_lines, count, findings_text, runs_text, short};
use crate::model::{ArtifactRef, Class};
use crate::ops::bundle::Detail;
use crate::ops::collection::{
    self, ArtifactDiff, Decision, FileDiff, Rewritten, Sides, Update, UpdateItem, UpdatePlan, UpdateStep, Upstream,
    UpstreamCommit,
};
use crate::ops::deploy;

/// Most commits of an upstream that are listed for people; JSON has more.
const MAX_COMMITS: usize = 5;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bring in what is new upstream, and newer releases of bundles that are followed, merged with what was edited here
    #[command(after_help = "Examples:\n  git skillmeat update\n  git skillmeat update skill/pdf --dry-run\n  \
        git skillmeat update skill/pdf --strategy theirs\n\nWhat both sides changed in the same lines waits: \
        `git skillmeat resolve REF`. A bundle that is \
        followed (`git skillmeat import VAULT:BUNDLE --link`) is taken as a whole, in a commit of its own.")]
    Update {
        /// Only these artifacts
        #[arg(value_name = "REF")]
        artifacts: Vec<String>,
        /// All artifacts, as when none is named
        #[arg(long, conflicts_with = "artifacts")]
        all: bool,
        /// What happens to an artifact that was edited here
        #[arg(long, value_enum, default_value_t = Strategy::Merge)]
        strategy: Strategy,
        /// Follow tags that have moved and histories that were rewritten
        #[arg(long)]
        accept_rewritten: bool,
        /// Agree to hooks, servers, executable files, what may be done without asking, and other signers, without being asked
        #[arg(short, long)]
        yes: bool,
        /// Show what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Show what was edited here, what waits, or what differs between two commits
    #[command(after_help = "Examples:\n  git skillmeat diff\n  git skillmeat diff skill/pdf --pending\n  \
        git skillmeat diff --from HEAD~3\n  git skillmeat diff skill/pdf --from v1 --to v2")]
    Diff {
        /// Only these artifacts
        #[arg(value_name = "REF")]
        artifacts: Vec<String>,
        /// Compare with the state of the upstream that waits for `resolve`
        #[arg(long, conflicts_with = "from")]
        pending: bool,
        /// Compare with what a project, or the user's own folder, has of it
        #[arg(long, conflicts_with_all = ["from", "pending"])]
        deployed: bool,
        #[command(flatten)]
        place: DeployedPlace,
        /// Compare from this commit instead of the upstream's state
        #[arg(long, value_name = "COMMIT")]
        from: Option<String>,
        /// Compare to this commit instead of the last one
        #[arg(long, value_name = "COMMIT", requires = "from")]
        to: Option<String>,
    },
    /// Decide an update that waits because both sides changed the same lines
    #[command(
        after_help = "Examples:\n  git skillmeat resolve skill/pdf              # lays it out; on a terminal, opens your editor\n  \
        git skillmeat resolve skill/pdf --continue   # takes what you made of it\n  git skillmeat resolve skill/pdf --ours"
    )]
    Resolve {
        /// kind/name, or a name that only one artifact has
        #[arg(value_name = "REF")]
        artifact: String,
        /// Where both sides changed the same, keep what is here
        #[arg(long, group = "decision")]
        ours: bool,
        /// Where both sides changed the same, take the upstream's
        #[arg(long, group = "decision")]
        theirs: bool,
        /// Take the files as they were edited
        #[arg(long = "continue", group = "decision")]
        edited: bool,
        /// Give the update up
        #[arg(long, group = "decision")]
        abort: bool,
        /// Agree to hooks, servers and executable files without being asked
        #[arg(short, long)]
        yes: bool,
        /// Start git's merge tool: the one of `merge.tool`, or the one named
        #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", group = "decision")]
        tool: Option<String>,
    },
}

/// Where something is deployed, for a command whose `--to` is something else.
#[derive(Debug, clap::Args)]
pub(super) struct DeployedPlace {
    /// The client and scope it is deployed to
    #[arg(long, value_name = "TARGET", default_value = "claude-code:project", requires = "deployed")]
    target: String,
    /// The project; without it, the repository one stands in, or this folder
    #[arg(long, value_name = "DIR", requires = "deployed")]
    project: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Strategy {
    /// Put both changes together
    Merge,
    /// Replace it by the upstream's state
    Theirs,
    /// Keep it, and merge from the upstream's present state next time
    Ours,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Update { artifacts, all: _, strategy, accept_rewritten, yes, dry_run } => {
                let strategy = match strategy {
                    Strategy::Merge => collection::Strategy::Merge,
                    Strategy::Theirs => collection::Strategy::Theirs,
                    Strategy::Ours => collection::Strategy::Ours,
                };
                let rewritten = if accept_rewritten { Rewritten::Accept } else { Rewritten::Refuse };
                update(session, &Update { artifacts, strategy, rewritten }, yes, dry_run)
            }
            Command::Diff { artifacts, deployed: true, place, .. } => {
                let collection = session.collection()?;
                let (target, project) = Place { to: place.target, project: place.project }.resolve(session)?;
                let diffs = deploy::diff(&session.context, &collection, &target, &project, &artifacts)?;
                Ok(Report::new("diff", &diffs, diffs.iter().map(diff_text).collect::<String>()))
            }
            Command::Diff { artifacts, pending, from, to, .. } => {
                let sides = match from {
                    Some(from) => Sides::Commits(from, to),
                    None if pending => Sides::Pending,
                    None => Sides::Upstream,
                };
                let diffs = collection::diff(&session.collection()?, &artifacts, &sides)?;
                Ok(Report::new("diff", &diffs, diffs.iter().map(diff_text).collect::<String>()))
            }
            Command::Resolve { artifact, tool: Some(tool), yes, .. } => {
                super::resolve::use_tool(session, &artifact, &tool, yes)
            }
            Command::Resolve { artifact, ours, theirs, edited, abort, yes, tool: None } => {
                let decision = match (ours, theirs, edited, abort) {
                    (true, ..) => Some(Decision::Ours),
                    (_, true, ..) => Some(Decision::Theirs),
                    (_, _, true, _) => Some(Decision::Edited),
                    (.., true) => Some(Decision::Abort),
                    _ => None,
                };
                super::resolve::resolve(session, &artifact, decision, yes)
            }
        }
    }
}

fn update(session: &Session, wish: &Update, yes: bool, dry_run: bool) -> Result<Report, Failure> {
    if !dry_run {
        // Finishes what an interrupted command left, even where nothing turns out to be new.
        drop(session.collection_to_change()?);
    }
    let collection = session.collection()?;
    let looked = collection::look_for_updates(&session.context, &collection, wish)?;
    let mut plan = collection::plan_update(&collection, &looked, wish)?;
    // Who has agreed already is not kept waiting for what nobody will read.
    let detail = if yes && !dry_run { Detail::Steps } else { Detail::Files };
    let following = Following::look(session, wish, detail)?;
    let is_idle = plan.artifacts.iter().all(|item| item.step == UpdateStep::None);
    if dry_run || (is_idle && following.is_idle()) {
        return Ok(report(Updated { plan, bundles: following.into_updates() }, dry_run));
    }
    if !yes {
        let consents = plan.consents().and(following.consents());
        consent::require(session, &consents, || plan_text(&plan, true) + &following.text())?;
    }
    if !is_idle {
        let (collection, _lock) = session.collection_to_change()?;
        plan = collection::update(&session.context, &collection, &looked, wish)?;
    }
    Ok(report(Updated { plan, bundles: following.take(session)? }, false))
}

/// The status is 1 where something could not be done or asked, so that a script notices.
fn report(updated: Updated, dry_run: bool) -> Report {
    let open = |item: &UpdateItem| {
        item.step == UpdateStep::Conflict
            || item.step == UpdateStep::None && !matches!(item.upstream, Upstream::Current)
    };
    let Updated { plan, bundles } = &updated;
    let text: String = bundles.iter().map(|bundle| follow::update_text(bundle, dry_run)).collect();
    let report = Report::new("update", &updated, plan_text(plan, dry_run) + &text);
    let status = follow::status(bundles);
    if plan.artifacts.iter().any(open) { report.status(Class::Conflict.exit_status()) } else { report.status(status) }
}

fn plan_text(plan: &UpdatePlan, dry_run: bool) -> String {
    let (mut text, mut told) = (String::new(), BTreeSet::new());
    let mut current = 0;
    for item in &plan.artifacts {
        let (done, will) = match item.step {
            UpdateStep::None if item.upstream == Upstream::Current => {
                current += 1;
                continue;
            }
            UpdateStep::None => ("Left", "Would leave"),
            UpdateStep::Take | UpdateStep::Merge if is_recorded(item) => {
                ("Recorded the upstream's state of", "Would record the upstream's state of")
            }
            UpdateStep::Take => ("Updated", "Would update"),
            UpdateStep::Merge => ("Merged", "Would merge"),
            UpdateStep::Conflict => ("Waits for a decision:", "Would wait for a decision:"),
            UpdateStep::Keep => ("Kept", "Would keep"),
            UpdateStep::End => ("Ended", "Would end"),
        };
        let verb = if dry_run { will } else { done };
        let what = match item.step {
            UpdateStep::None => upstream_text(&item.upstream),
            UpdateStep::Take | UpdateStep::Merge if is_recorded(item) => "nothing here changes".to_owned(),
            UpdateStep::End => "the upstream has taken back what waited".to_owned(),
            UpdateStep::Conflict => format!("both sides changed {}", clean(&item.conflicts.join(", "))),
            _ => count(item.changed.len(), "file"),
        };
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}, {what}\n", item.artifact));
        if let Upstream::Behind { commits, .. } = &item.upstream {
            text.push_str(&commits_text(commits));
        }
        text.push_str(&powers_text(&item.powers));
        text.push_str(&findings_text(&item.findings));
        if item.step == UpdateStep::Conflict && !dry_run {
            text.push_str(&format!("  next: `git skillmeat resolve {}`\n", item.artifact));
        }
        // Once for an address, however many artifacts come from it.
        let is_new = item.upstream.not_allowed().is_none_or(|address| told.insert(address));
        if item.step == UpdateStep::None && is_new {
            text.push_str(&next_step(&item.artifact, &item.upstream));
        }
    }
    if current > 0 {
        text.push_str(&format!("{} current\n", count(current, "artifact")));
    }
    text.push_str(&runs_text(&plan.runs));
    if let Some(commit) = &plan.commit {
        text.push_str(&format!("Commit {}\n", brief(commit)));
    }
    text
}

/// Says whether an adopted artifact stays as it is, and only what it was taken from becomes known.
fn is_recorded(item: &UpdateItem) -> bool {
    item.changed.is_empty() && matches!(item.upstream, Upstream::NoBase { .. })
}

/// Returns what to do about an upstream that cannot be followed as it is, as a line.
pub(super) fn next_step(artifact: &ArtifactRef, upstream: &Upstream) -> String {
    match upstream {
        Upstream::TagMoved { .. } | Upstream::Rewritten { .. } => {
            format!("  next: if that is meant to be, `git skillmeat update {artifact} --accept-rewritten`\n")
        }
        Upstream::NotAllowed { address } => format!("  next: {}\n", clean(&allow_hint(address))),
        Upstream::NoBase { same, mergeable, .. } if *same || *mergeable => {
            format!("  next: `git skillmeat update {artifact}` compares it, and follows from here\n")
        }
        Upstream::NoBase { .. } => format!(
            "  next: `git skillmeat update {artifact} --strategy ours` keeps it and follows from here, `--strategy theirs` \
            takes the upstream's\n"
        ),
        _ => String::new(),
    }
}

/// Returns how an upstream stands, as the end of a line.
pub(super) fn upstream_text(upstream: &Upstream) -> String {
    let text = match upstream {
        Upstream::NotChecked => return format!("{FAINT}upstream not checked{FAINT:#}"),
        Upstream::Current => return "upstream current".to_owned(),
        Upstream::Behind { commits, .. } if commits.is_empty() => "upstream has changed".to_owned(),
        Upstream::Behind { commits, .. } => format!("behind by {}", count(commits.len(), "commit")),
        Upstream::NoBase { same: true, .. } => "the upstream has the same".to_owned(),
        Upstream::NoBase { mergeable: true, .. } => "the upstream has something else".to_owned(),
        Upstream::NoBase { .. } => "the upstream has something else, and no state to merge from is known".to_owned(),
        Upstream::TagMoved { from, to } => {
            format!("the tag followed has moved from {} to {}", brief(from), brief(to))
        }
        Upstream::Rewritten { from, to } => format!(
            "the history at {} does not lead to {}: it was rewritten, or this is another repository",
            brief(from),
            brief(to)
        ),
        Upstream::NewRelease { from: Some(from), to } => {
            format!("behind: '{}' is here, '{}' in the vault", short(from, 80), short(to, 80))
        }
        Upstream::NewRelease { from: None, to } => format!("behind: '{}' is in the vault", short(to, 80)),
        Upstream::TakenBack { release, reason } => {
            format!("'{}' was taken back: {}", short(release, 80), short(reason, 120))
        }
        Upstream::RefGone => "the ref followed is gone".to_owned(),
        Upstream::Gone { moved_to: Some(path) } => {
            format!("it is gone from its place upstream; '{}' has the same name", clean(path))
        }
        Upstream::Gone { moved_to: None } => "it is gone upstream".to_owned(),
        Upstream::NotAllowed { address } => {
            format!("not asked: nobody has typed for this collection '{}'", short(address, 120))
        }
        Upstream::CannotCheck { reason } => format!("cannot check: {}", short(reason, 120)),
    };
    format!("{WARNING}{text}{WARNING:#}")
}

/// Returns the newest commits of an upstream, a line each.
pub(super) fn commits_text(commits: &[UpstreamCommit]) -> String {
    let line = |commit: &UpstreamCommit| format!("    {} {}\n", brief(&commit.commit), short(&commit.subject, 90));
    let mut text: String = commits.iter().take(MAX_COMMITS).map(line).collect();
    if commits.len() > MAX_COMMITS {
        text.push_str(&format!("    and {} more\n", commits.len() - MAX_COMMITS));
    }
    text
}

fn diff_text(diff: &ArtifactDiff) -> String {
    files_text(&diff.files)
}

/// Returns files as `git diff` shows them.
pub(super) fn files_text(files: &[FileDiff]) -> String {
    let mut text = String::new();
    for file in files {
        let side = |mode: Option<_>, prefix: &str| match mode {
            Some(_) => format!("{prefix}/{}", file.path),
            None => "/dev/null".to_owned(),
        };
        let (old, new) = (side(file.old_mode, "a"), side(file.new_mode, "b"));
        text.push_str(&format!("{NAME}--- {old}{NAME:#}\n{NAME}+++ {new}{NAME:#}\n"));
        if let (Some(old), Some(new)) = (file.old_mode, file.new_mode)
            && old != new
        {
            text.push_str(&format!("mode {old} becomes {new}\n"));
        }
        match &file.hunks {
            Some(hunks) => text.push_str(&clean_lines(hunks)),
            None => text.push_str("not shown: no text, or too large\n"),
        }
    }
    text
}
