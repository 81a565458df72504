//! What a release would change here, on one screen: how many of which kind, what would run, what was seen.

use std::collections::BTreeSet;

use anstyle::Style;
use schemars::JsonSchema;
use serde::Serialize;

use super::screen::{Screen, fitting};
use super::text::{NAME, WARNING, clean, count};
use super::verified::kinds_text;
use crate::model::ArtifactRef;
use crate::ops::bundle::{Look, Plan, Planned, Step};
use crate::ops::collection::{CanRun, Powers, Run, RunChange};
use crate::scan::{Finding, Severity};

/// Lines that findings get before anything else, and that what runs gets before names.
const FINDINGS: usize = 3;
const RUNS: usize = 6;

/// What would change in what one artifact makes a client run.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ArtifactPowers {
    /// The artifact.
    artifact: ArtifactRef,
    /// What would change.
    #[serde(flatten)]
    powers: Powers,
}

/// A finding, with the artifact that it is in.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct ArtifactFinding {
    /// The artifact.
    artifact: ArtifactRef,
    /// What was seen.
    #[serde(flatten)]
    finding: Finding,
}

/// What the artifacts of a release would make a client run, and what was seen in them.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// By artifact; only those that run something or may do something.
    pub(super) powers: Vec<ArtifactPowers>,
    /// The worst first.
    pub(super) findings: Vec<ArtifactFinding>,
}

impl Told {
    /// Of what would change in a collection.
    pub(super) fn of_plan(plan: &Plan) -> Self {
        let previews = plan.artifacts.iter().filter_map(|planned| Some((planned, planned.preview.as_ref()?)));
        Self::of(previews.map(|(planned, preview)| (&planned.artifact, &preview.powers, &preview.findings[..])))
    }

    /// Of what a release holds, where there is no collection to compare it with.
    pub(super) fn of_looks(looks: &[Look]) -> Self {
        Self::of(looks.iter().map(|look| (&look.artifact, &look.powers, &look.findings[..])))
    }

    fn of<'a>(all: impl Iterator<Item = (&'a ArtifactRef, &'a Powers, &'a [Finding])>) -> Self {
        let mut told = Self::default();
        for (artifact, powers, findings) in all {
            if !powers.is_empty() {
                told.powers.push(ArtifactPowers { artifact: artifact.clone(), powers: powers.clone() });
            }
            let of_it = |finding: &Finding| ArtifactFinding { artifact: artifact.clone(), finding: finding.clone() };
            told.findings.extend(findings.iter().map(of_it));
        }
        told.findings.sort_by_key(|one| std::cmp::Reverse(one.finding.severity));
        told
    }

    /// Returns a line for each thing that would run, hooks and servers first, then programs, then what may be done unasked.
    /// `others` are things that run and do not change.
    fn runs(&self, others: &[CanRun], screen: Screen) -> Vec<String> {
        let mut lines = Vec::new();
        let mut told = BTreeSet::new();
        for ArtifactPowers { artifact, powers } in &self.powers {
            for change in &powers.runs {
                if change.after.is_some() {
                    told.insert(artifact.to_string());
                }
                let label = if change.after.is_some() { "  can run    " } else { "  no more    " };
                lines.push(screen.line(WARNING, label, &format!("{artifact} at {}", run_text(change))));
            }
            if let Some(problem) = &powers.problem {
                lines.push(screen.line(WARNING, "  not known  ", &format!("what {artifact} runs: {problem}")));
            }
        }
        for path in self.powers.iter().flat_map(|one| &one.powers.executable) {
            told.insert(path.to_string());
            lines.push(screen.line(WARNING, "  executable ", path.as_str()));
        }
        let others = others.iter().map(ToString::to_string).filter(|other| !told.contains(other));
        lines.extend(others.map(|other| screen.line(WARNING, "  can run    ", &other)));
        for ArtifactPowers { artifact, powers } in &self.powers {
            for change in &powers.fields {
                let side =
                    |value: &Option<String>| value.as_ref().map_or("not said".to_owned(), |value| format!("'{value}'"));
                let (before, after) = (side(&change.before), side(&change.after));
                let text = format!("{artifact} {} {after}, was {before}", change.field);
                lines.push(screen.line(WARNING, "  may do     ", &text));
            }
        }
        lines
    }

    /// Returns a line for each finding that is more than a remark.
    fn findings(&self, screen: Screen) -> Vec<String> {
        let told = self.findings.iter().filter(|one| one.finding.severity != Severity::Info);
        let line = |ArtifactFinding { artifact, finding }: &ArtifactFinding| {
            let label = format!("  {:10} ", format!("{:?}", finding.severity));
            screen.line(WARNING, &label, &finding_text(artifact, finding))
        };
        told.map(line).collect()
    }

    /// Returns what would run and what was seen, in `room` lines; `all` says where the rest is.
    pub(super) fn text(&self, others: &[CanRun], screen: Screen, room: usize, all: &str) -> String {
        let (runs, findings) = (self.runs(others, screen), self.findings(screen));
        let for_runs = room.saturating_sub(findings.len().min(FINDINGS)).max(1);
        let runs_text = fitting(&runs, for_runs, |more| {
            let what = format!("and {more} more that can run or may do something: {all} shows them");
            screen.line(WARNING, "  ", &what)
        });
        let for_findings = room.saturating_sub(runs_text.lines().count()).max(1);
        runs_text
            + &fitting(&findings, for_findings, |more| {
                screen.line(WARNING, "  ", &format!("and {}: {all} shows them", count(more, "more finding")))
            })
    }
}

/// Returns where something was seen, and what.
pub(super) fn finding_text(artifact: &ArtifactRef, finding: &Finding) -> String {
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{artifact} {}{line}: {}", finding.path, finding.message)
}

/// As a list of JSON, so that nobody takes two arguments for one.
fn run_text(change: &RunChange) -> String {
    let side = |run: &Run| {
        let words = serde_json::json!(run.words).to_string();
        if run.names.is_empty() { words } else { format!("{words} with {}", run.names.join(", ")) }
    };
    let values = if change.values.is_empty() {
        String::new()
    } else {
        format!(", other values of {}", change.values.join(", "))
    };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{}: {}{values}, was {}", change.when, side(after), side(before)),
        (None, Some(run)) | (Some(run), None) => format!("{}: {}", change.when, side(run)),
        (None, None) => change.when.clone(),
    }
}

/// Returns what an import would change, under `used` lines; `all` says where the rest is.
pub(super) fn overview_text(plan: &Plan, told: &Told, screen: Screen, used: usize, all: &str) -> String {
    let mut head = String::new();
    if let Some(here) = plan.older_than.as_ref().filter(|_| plan.changes()) {
        head.push_str(&screen.line(WARNING, "older", &format!(" than '{here}', which was imported before")));
    }
    let groups: Vec<(&str, Vec<&Planned>)> = STEPS.iter().map(|(step, words)| (*words, of_step(plan, *step))).collect();
    let groups: Vec<_> = groups.into_iter().filter(|(_, planned)| !planned.is_empty()).collect();
    if !plan.gone.is_empty() {
        let names: Vec<String> = plan.gone.iter().map(ToString::to_string).collect();
        head.push_str(&screen.names(NAME, "No more in this release, stays here: ", &names));
    }
    let room = screen.room(used + head.lines().count() + groups.len());
    let shown = told.runs(&plan.runs, screen).len().min(RUNS) + told.findings(screen).len().min(FINDINGS);
    let names = groups.iter().filter(|(_, planned)| planned.len() > 1).count();
    let is_named = room >= shown + names;
    let mut text = String::new();
    for (words, planned) in &groups {
        text.push_str(&group_text(words, planned, screen, is_named));
    }
    let room = room - if is_named { text.lines().count().saturating_sub(groups.len()) } else { 0 };
    head + &text + &told.text(&plan.runs, screen, room, all)
}

/// What happens to artifacts, in the order in which it is told: last what is the same.
const STEPS: [(Step, &str); 9] = [
    (Step::Refuse, "In the way, the collection has other content:"),
    (Step::Conflict, "Would wait for a decision:"),
    (Step::Skip, "Would keep yours:"),
    (Step::Replace, "Would replace"),
    (Step::Merge, "Would merge"),
    (Step::Fork, "Would add beside yours:"),
    (Step::Update, "Would update"),
    (Step::Add, "Would add"),
    (Step::Same, "Here already:"),
];

fn of_step(plan: &Plan, step: Step) -> Vec<&Planned> {
    plan.artifacts.iter().filter(|planned| planned.step == step).collect()
}

/// Returns how many artifacts have the same fate, of which kinds, and their names where there is room.
fn group_text(words: &str, planned: &[&Planned], screen: Screen, is_named: bool) -> String {
    let changed: usize =
        planned.iter().map(|one| one.preview.as_ref().map_or(one.files.len(), |seen| seen.files.len())).sum();
    let files = count(changed, "file");
    let kinds = kinds_text(planned.iter().map(|one| &one.artifact));
    let names: Vec<String> = planned.iter().map(|one| one.artifact.to_string()).collect();
    match &names[..] {
        [one] => format!("{words} {NAME}{}{NAME:#}, {files}\n", clean(one)),
        _ => {
            let head = screen.line(Style::new(), &format!("{words} "), &format!("{kinds}, {files}"));
            head + &if is_named { screen.names(NAME, "  ", &names) } else { String::new() }
        }
    }
}
