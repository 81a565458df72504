//! `adopt` and `init --adopt`: what another manager installed comes into a collection.

use std::path::{Path, PathBuf};

use super::consent;
use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, brief, clean, count, findings_text, runs_text, short};
use crate::model::Class;
use crate::model::foreign::{Checked, Manager};
use crate::ops::collection::{self, AdoptItem, AdoptPlan, AdoptStep, Collection, Consents, Error};

/// Most notes and parts that are listed for people; JSON has all.
const MAX_LISTED: usize = 20;

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  git skillmeat adopt ~/.skillmeat/collections/old   # of the Python SkillMeat\n  \
    git skillmeat adopt .            # skills-lock.json, apm.lock.yaml, .skillmeat-deployed.toml\n  \
    git skillmeat adopt ~            # .agents/.skill-lock.json of `npx skills add -g`\n  \
    git skillmeat init ~/skills --adopt ~/old-collection\n\n\
    Nothing of the other manager is changed, and nothing is fetched. The status is 1 when something stays behind.")]
pub(super) struct Adopt {
    /// The folder that the other manager keeps its record in, or the record itself
    #[arg(value_name = "FROM")]
    from: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Consent {
    /// Agree to hooks, servers and executable files without being asked
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Show what would be adopted, and change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Adopt {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let collection = session.collection()?;
        let mut plan = collection::plan_adopt(&session.context, Some(&collection), &self.from)?;
        if self.consent.dry_run {
            return Ok(report(&plan, true));
        }
        self.consent.ask(session, &plan)?;
        carry_out(session, collection, &mut plan)?;
        Ok(report(&plan, false))
    }
}

/// Makes a collection of what another manager installed.
pub(super) fn init(
    session: &Session,
    folder: &Path,
    name: Option<String>,
    from: &Path,
    consent: Consent,
) -> Result<Report, Failure> {
    let here = |path: &Path| crate::fsio::real_path(path);
    if here(folder) == here(&session.environment.absolute(from)) {
        return Err(Error::AdoptsItself(folder.to_owned()).into());
    }
    if Collection::open(folder).is_ok() {
        return Err(Error::IsCollection(folder.to_owned()).into());
    }
    let mut plan = collection::plan_adopt(&session.context, None, from)?;
    if consent.dry_run {
        return Ok(report(&plan, true));
    }
    consent.ask(session, &plan)?;
    let name = name.or_else(|| plan.name.clone()).unwrap_or_else(|| collection::default_name(folder));
    plan.started = Some(collection::init(&session.context, folder, &name)?);
    carry_out(session, Collection::open(folder)?, &mut plan)?;
    Ok(report(&plan, false))
}

impl Consent {
    /// Asks before anything is written.
    fn ask(self, session: &Session, plan: &AdoptPlan) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        consent::require(session, &Consents::of(&plan.runs), || plan_text(plan, true))
    }
}

fn carry_out(session: &Session, collection: Collection, plan: &mut AdoptPlan) -> Result<(), Failure> {
    // Also where nothing is new: this finishes what an interrupted command left.
    let (collection, _lock) = collection.to_change(&session.context)?;
    if plan.changes() {
        collection::adopt(&session.context, &collection, plan)?;
    }
    Ok(())
}

/// The status is 1 where something stays behind, so that a script notices.
fn report(plan: &AdoptPlan, dry_run: bool) -> Report {
    let report = Report::new("adopt", plan, plan_text(plan, dry_run));
    let report = if plan.left.is_empty() { report } else { report.status(Class::Conflict.exit_status()) };
    let any = |is: fn(&AdoptItem) -> bool| plan.commit.is_some() && plan.artifacts.iter().any(is);
    let followed = any(|item| item.upstream.is_some());
    let deployed = any(|item| item.manager == Manager::SkillmeatDeployed);
    let notes = [
        (followed, "Next: `git skillmeat status --remote`, then `git skillmeat update`"),
        (deployed, "Next: `git skillmeat deploy REF` in the project records what is there, for `drift` and `sync`"),
    ];
    notes.into_iter().filter(|(fits, _)| *fits).fold(report, |report, (_, note)| report.note(note))
}

fn plan_text(plan: &AdoptPlan, dry_run: bool) -> String {
    let mut text = String::new();
    if let Some(made) = &plan.started {
        text.push_str(&format!(
            "Started the collection {NAME}{}{NAME:#} in {}\n",
            clean(&made.name),
            made.path.display()
        ));
    }
    for record in &plan.records {
        text.push_str(&format!("Read {}, {}\n", clean(&record.path.display().to_string()), manager(record.manager)));
    }
    plan.artifacts.iter().for_each(|item| text.push_str(&item_text(item, dry_run)));
    text.push_str(&runs_text(&plan.runs));
    for left in &plan.left {
        let (name, reason) = (short(&left.name, 120), short(&left.reason, 300));
        text.push_str(&format!("{WARNING}Left{WARNING:#} {name}: {reason}\n"));
    }
    for note in plan.notes.iter().take(MAX_LISTED) {
        text.push_str(&format!("  note: {}: {}\n", short(&note.path, 120), short(&note.message, 300)));
    }
    if plan.notes.len() > MAX_LISTED {
        text.push_str(&format!("  note: {} more, see `--format json`\n", plan.notes.len() - MAX_LISTED));
    }
    if !plan.not_taken.is_empty() {
        let part = |part: &collection::NotTaken| format!("{} ({})", short(&part.part, 60), part.count);
        let parts: Vec<_> = plan.not_taken.iter().take(MAX_LISTED).map(part).collect();
        let more = plan.not_taken.len().saturating_sub(MAX_LISTED);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        text.push_str(&format!("Not taken over, since a collection has no place for it: {}{more}\n", parts.join(", ")));
    }
    if let Some(commit) = &plan.commit {
        text.push_str(&format!("Commit {}\n", brief(commit)));
    }
    text
}

fn item_text(item: &AdoptItem, dry_run: bool) -> String {
    let verb = match (item.step, dry_run) {
        (AdoptStep::Add, false) => "Adopted",
        (AdoptStep::Add, true) => "Would adopt",
        (AdoptStep::Record, false) => "Recorded the origin of",
        (AdoptStep::Record, true) => "Would record the origin of",
        (AdoptStep::Same, _) => "Unchanged",
    };
    let renamed = item.renamed_from.as_ref().map(|old| format!(" (called '{}' there)", short(old, 80)));
    let origin = match (&item.upstream, &item.not_followed) {
        (Some(upstream), _) => {
            let reference = item.reference.as_ref().map(|name| format!(" at {name}")).unwrap_or_default();
            let commit = item.commit.as_ref().map(|id| format!(", commit {}", brief(id))).unwrap_or_default();
            format!(", from {upstream}{reference}{commit}")
        }
        (None, Some(place)) => format!(", from {place}"),
        (None, None) => String::new(),
    };
    let checked = match &item.checked {
        None | Some(Checked::AsRecorded) => String::new(),
        Some(Checked::Edited) => format!(", {WARNING}edited{WARNING:#} since it was installed, or installed in part"),
        Some(Checked::NotChecked { reason }) => format!(", not compared with its record: {reason}"),
    };
    let mut text = format!(
        "{verb} {NAME}{}{NAME:#}{}, {}{}{checked}\n",
        item.artifact,
        renamed.unwrap_or_default(),
        count(item.files, "file"),
        clean(&origin)
    );
    text.push_str(&findings_text(&item.findings));
    text
}

fn manager(manager: Manager) -> &'static str {
    match manager {
        Manager::Skillmeat => "a collection of the Python SkillMeat",
        Manager::SkillmeatDeployed => "deployments of the Python SkillMeat",
        Manager::SkillsProject => "a project of `npx skills`",
        Manager::SkillsUser => "the user's skills of `npx skills`",
        Manager::Apm => "packages of `apm`",
    }
}
