//! `restore`: what a lock names, again.

use std::path::PathBuf;

use super::consent;
use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, brief, clean, runs_text};
use crate::ops::collection::{self, Consents, RestorePlan, RestoreStep};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  git skillmeat restore                        # in a fresh clone: what updates start from\n  \
    git skillmeat restore --from ../team         # every artifact of its lock, the same trees\n  \
    git skillmeat restore skill/pdf --offline    # from what was fetched before"
)]
pub(super) struct Restore {
    /// Only these artifacts
    #[arg(value_name = "REF")]
    artifacts: Vec<String>,
    /// Take `collection.toml` and `collection.lock` of this folder instead of the collection's own
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Agree to hooks, servers and executable files without being asked
    #[arg(short, long)]
    yes: bool,
    /// Show what would be restored, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Restore {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let collection = session.collection()?;
        let from = self.from.as_ref().map(|from| session.environment.absolute(from));
        let mut plan = collection::plan_restore(&session.context, &collection, &self.artifacts, from.as_deref())?;
        if !self.dry_run {
            if !self.yes {
                consent::require(session, &Consents::of(&plan.runs), || plan_text(&plan, true))?;
            }
            let (collection, _lock) = collection.to_change(&session.context)?;
            collection::restore(&session.context, &collection, &mut plan)?;
        }
        let text = plan_text(&plan, self.dry_run);
        let left = plan.artifacts.iter().any(|item| item.step == RestoreStep::LeaveOut);
        let report = Report::new("restore", &plan, text);
        Ok(if left {
            report.note("What came from a bundle is imported again: `git skillmeat import VAULT:BUNDLE@VERSION`")
        } else {
            report
        })
    }
}

fn plan_text(plan: &RestorePlan, dry_run: bool) -> String {
    let mut text = String::new();
    for item in &plan.artifacts {
        let verb = match (item.step, dry_run) {
            (RestoreStep::Restore, false) => "Restored",
            (RestoreStep::Restore, true) => "Would restore",
            (RestoreStep::Record, false) => "Recorded the upstream's state of",
            (RestoreStep::Record, true) => "Would record the upstream's state of",
            (RestoreStep::Present, _) => "Unchanged",
            (RestoreStep::LeaveOut, _) => "Left out",
        };
        let origin = item.origin.as_ref().map(|origin| format!(", from {}", clean(origin))).unwrap_or_default();
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}{origin}\n", item.artifact));
    }
    text.push_str(&runs_text(&plan.runs));
    if let Some(commit) = &plan.commit {
        text.push_str(&format!("Commit {}\n", brief(commit)));
    }
    text
}
