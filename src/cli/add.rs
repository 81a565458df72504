//! `add`: look, show, agree, add.

use std::collections::{BTreeMap, BTreeSet};

use super::consent;
use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, brief, clean, count, findings_text, runs_text, short};
use crate::model::{ArtifactName, ArtifactRef, Class, Kind};
use crate::ops::collection::{self, AddPlan, AddStep, Consents, Error, Obstacles, Offer, Otherwise};
use crate::scan::Note;

/// Most notes of one kind that are shown.
const MAX_NOTES: usize = 10;

/// Most artifacts that are listed when the user has to choose.
const MAX_LISTED: usize = 20;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  git skillmeat add owner/repo --all\n  git skillmeat add owner/repo/skills/pdf@v1.2\n  git skillmeat add 'owner/repo@^1.2'           # the newest version that fits\n  \
    git skillmeat add https://example.com/skills.git//tools#main --only skill/lint\n  git skillmeat add ./my-skill"
)]
pub(super) struct Add {
    /// A path, a git URL with `#ref` and `//subpath`, or owner/repo[/path][@ref]; a ref is a branch, tag, commit or range
    #[arg(value_name = "SOURCE", required = true)]
    sources: Vec<String>,
    /// Add everything that is found
    #[arg(long, conflicts_with = "only")]
    all: bool,
    /// Choose from a list
    #[arg(short, long, conflicts_with_all = ["all", "only"])]
    interactive: bool,
    /// Add only this artifact; may be given several times
    #[arg(long, value_name = "REF")]
    only: Vec<String>,
    /// Give the one artifact this name
    #[arg(long = "as", value_name = "NAME")]
    rename: Option<String>,
    /// Leave out names that stand for different artifacts of the source
    #[arg(long)]
    skip_clashing: bool,
    /// Leave out artifacts that cannot be used, such as servers that no client can launch
    #[arg(long)]
    skip_unusable: bool,
    /// Agree to hooks, servers and executable files without being asked
    #[arg(short, long)]
    yes: bool,
    /// Show what would be added, and change nothing
    #[arg(long)]
    dry_run: bool,
}

impl Add {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let mut plans = Vec::new();
        for source in &self.sources {
            plans.push(self.add(session, source)?);
        }
        let text: String = plans.iter().map(|plan| plan_text(plan, self.dry_run)).collect();
        Ok(match plans.as_slice() {
            [one] => Report::new("add", one, text),
            several => Report::new("add", &several, text),
        })
    }

    fn add(&self, session: &Session, source: &str) -> Result<AddPlan, Failure> {
        // The collection must be there before anything is fetched for it.
        let collection = session.collection()?;
        let offer = collection::look(&session.context, source)?;
        let only = self.choice(session, &offer)?;
        let rename = self.rename(&offer)?;
        let otherwise = |skip| if skip { Otherwise::LeaveOut } else { Otherwise::Refuse };
        let obstacles = Obstacles { clashing: otherwise(self.skip_clashing), unusable: otherwise(self.skip_unusable) };
        let mut plan = collection::plan_add(&collection, &offer, &only, rename.as_ref(), obstacles)?;
        if self.dry_run {
            return Ok(plan);
        }
        if !self.yes {
            consent::require(session, &Consents::of(&plan.runs), || plan_text(&plan, true))?;
        }
        // Also where nothing is new: this finishes what an interrupted command left.
        let (collection, _lock) = collection.to_change(&session.context)?;
        if plan.changes() {
            collection::add(&session.context, &collection, &offer, &mut plan)?;
        }
        Ok(plan)
    }

    /// Returns the artifacts that are wanted, none for all. Several are never added by accident.
    fn choice(&self, session: &Session, offer: &Offer) -> Result<Vec<String>, Failure> {
        let found = &offer.discovery().found;
        if !self.interactive && (self.all || !self.only.is_empty() || found.len() == 1) {
            return Ok(self.only.clone());
        }
        let names: Vec<_> = found.iter().map(|found| found.artifact.to_string()).collect();
        if session.can_ask() {
            return pick(session, &names);
        }
        let more = found.len().saturating_sub(MAX_LISTED);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let listed = names.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ");
        let message = format!("the source has {}: {listed}{more}", count(found.len(), "artifact"));
        Err(Failure::new(Class::Usage, message, "add all with `--all`, or some with `--only REF`"))
    }

    fn rename(&self, offer: &Offer) -> Result<Option<ArtifactName>, Failure> {
        let Some(name) = &self.rename else { return Ok(None) };
        let kind = match self.only.first().and_then(|text| text.parse::<ArtifactRef>().ok()) {
            Some(artifact) => artifact.kind,
            None => offer.discovery().found.first().map_or(Kind::Skill, |found| found.artifact.kind),
        };
        Ok(Some(ArtifactName::parse(kind, name).map_err(Error::from)?))
    }
}

/// Shows a numbered list and asks for numbers.
fn pick(session: &Session, names: &[String]) -> Result<Vec<String>, Failure> {
    let nothing = || Failure::new(Class::Consent, "nothing was chosen", "choose by numbers, such as `1,3-5`, or `all`");
    let mut list = String::new();
    for (number, name) in (1..).zip(names) {
        list.push_str(&format!("{number:>4}  {NAME}{name}{NAME:#}\n"));
    }
    let answer = session.ask(&format!("{list}Which of them? (numbers such as 1,3-5, or all)")).ok_or_else(nothing)?;
    if answer == "all" {
        return Ok(names.to_vec());
    }
    let chosen = numbers(&answer, names.len()).ok_or_else(nothing)?;
    Ok(chosen.into_iter().map(|number| names[number - 1].clone()).collect())
}

/// Parses numbers from 1 to `most`, with commas, spaces and ranges; `None` for anything else, and for nothing.
fn numbers(text: &str, most: usize) -> Option<BTreeSet<usize>> {
    let mut chosen = BTreeSet::new();
    for part in text.split([',', ' ']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first == 0 || first > last || last > most {
            return None;
        }
        chosen.extend(first..=last);
    }
    (!chosen.is_empty()).then_some(chosen)
}

fn plan_text(plan: &AddPlan, dry_run: bool) -> String {
    let mut text = String::new();
    for item in &plan.artifacts {
        let verb = match (item.step, dry_run) {
            (AddStep::Add, false) => "Added",
            (AddStep::Add, true) => "Would add",
            (AddStep::Same, _) => "Unchanged",
        };
        let renamed =
            item.renamed_from.as_ref().map(|old| format!(" (called '{}' there)", short(old, 80))).unwrap_or_default();
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}{renamed}, {}\n", item.artifact, count(item.files, "file")));
        text.push_str(&findings_text(&item.findings));
    }
    text.push_str(&runs_text(&plan.runs));
    text.push_str(&notes_text(&plan.notes));
    if let Some(commit) = &plan.commit {
        text.push_str(&format!("Commit {}\n", brief(commit)));
    }
    text
}

/// Returns the notes, of each kind so many: what was left out must not be lost among hundreds that say the same.
fn notes_text(notes: &[Note]) -> String {
    let mut text = String::new();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for note in notes {
        let number = kinds.entry(note.id).or_default();
        *number += 1;
        if *number <= MAX_NOTES {
            text.push_str(&format!("  note: {}: {}\n", clean(&note.path), clean(&note.message)));
        }
    }
    for (id, number) in kinds.into_iter().filter(|(_, number)| *number > MAX_NOTES) {
        text.push_str(&format!("  note: {} more of '{id}', see `--json`\n", number - MAX_NOTES));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read_and_nothing_else() {
        let chosen = |text: &str| numbers(text, 5).map(|chosen| chosen.into_iter().collect::<Vec<_>>());
        assert_eq!(chosen("1,3-5"), Some(vec![1, 3, 4, 5]));
        assert_eq!(chosen(" 2  2 "), Some(vec![2]));
        for wrong in ["", "0", "6", "3-1", "1-6", "x", "1-", "-1", "1,,x"] {
            assert_eq!(chosen(wrong), None, "{wrong}");
        }
    }
}
