//! `inspect`: everything about a release on one screen, whether it is believed or not.

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use super::bundle::{is_pack, verified, verified_text};
use super::failure::Failure;
use super::old::report_text;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, clean, count, findings_text, runs_text, size};
use crate::model::{Class, Digest};
use crate::ops::bundle::old::OldReport;
use crate::ops::bundle::{
    self, Choices, Detail, Error, Existing, Found, Place, Plan, Planned, Step, VerifiedReport, Wanted,
};
use crate::ops::vault::{self, Asked, Judges, Opened, Vault};
use crate::scan::{Finding, Severity};
use crate::signature::{RawTag, shown};

/// Most artifacts, and most findings, that are named for people; JSON has all of them.
const MAX_ARTIFACTS: usize = 15;
const MAX_FINDINGS: usize = 8;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at a release: who signed it, when, what it would change here, what was seen in it
    #[command(
        after_help = "Examples:\n  git skillmeat inspect review-kit-1.0.0.skillmeat-pack\n  git skillmeat inspect team:review-kit\n  \
        git skillmeat inspect review-kit--v1.0.0\n\nExit status: 0 it is verified, 3 it is not."
    )]
    Inspect {
        /// A pack, a tag of the collection, or VAULT:BUNDLE[@VERSION or range]
        #[arg(value_name = "PACK|TAG|VAULT:BUNDLE")]
        what: String,
    },
}

/// What `inspect` returns: the release with what it would change, or why it is not believed, or an old pack.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Inspected {
    /// The release, where it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    release: Option<VerifiedReport>,
    /// What an import would do here, where there is a collection.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Plan>,
    /// Why it is not believed, and what it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_verified: Option<NotVerified>,
    /// A pack of the Python SkillMeat, which nobody has signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    old: Option<OldReport>,
}

/// A release that is not verified. Its files were not looked at.
#[derive(Debug, Serialize, JsonSchema)]
struct NotVerified {
    /// Why.
    #[serde(flatten)]
    failure: Failure,
    /// The release that its tag says it is: a claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    /// Number of its files.
    files: usize,
    /// Their size together, in bytes, as declared.
    size: u64,
    /// SHA-256 of the pack, where it came as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pack: Option<Digest>,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let Command::Inspect { what } = self;
        let context = &session.context;
        if is_pack(session, &what) {
            return match bundle::find(&session.context, &Place::Pack(session.environment.absolute(what.as_ref()))) {
                Err(Error::Old(old)) => Ok(old_report(old.report)),
                found => {
                    let found = found?;
                    inspect(session, &found, &vault::knowing(context, &found)?)
                }
            };
        }
        if let Some((name, release)) = what.split_once(':') {
            let known = Vault::find(context, name)?;
            if !context.offline {
                vault::pull(context, name, Asked::These(&[Wanted::parse(release)?]))?;
            }
            let opened = Opened::of(context, known)?;
            let found = bundle::find(
                &session.context,
                &Place::Repository(&opened.repo, release.to_owned(), opened.ledger.as_ref()),
            )?;
            return inspect(session, &found, &opened.into());
        }
        let collection = session.collection()?;
        let found = bundle::find(&session.context, &Place::Repository(&collection.repo, what, None))?;
        inspect(session, &found, &vault::knowing(context, &found)?)
    }
}

fn old_report(old: OldReport) -> Report {
    let text = format!("{}next: `git skillmeat import` or `git skillmeat convert`\n", report_text(&old));
    let inspected = Inspected { old: Some(old), ..Inspected::default() };
    Report::new("inspect", &inspected, text).status(Class::Untrusted.exit_status())
}

fn inspect(session: &Session, found: &Found, judges: &Judges) -> Result<Report, Failure> {
    let (verified, report) = match verified(session, found, judges, None) {
        Ok(verified) => verified,
        // What cannot be read is not a verdict.
        Err(failure) if failure.class.exit_status() != Class::Untrusted.exit_status() => return Err(failure),
        Err(failure) => return Ok(not_verified(found, failure)),
    };
    let mut text = verified_text(&report);
    let plan = match session.collection() {
        Ok(collection) => {
            let detail = Detail::Files;
            Some(bundle::plan(
                &session.context,
                &collection,
                found,
                &verified,
                &Choices::from(Existing::Refuse),
                detail,
            )?)
        }
        // There is none here.
        Err(failure) if failure.class == Class::Usage => None,
        Err(failure) => return Err(failure),
    };
    match &plan {
        Some(plan) => text.push_str(&plan_text(plan)),
        None => text.push_str("There is no collection here, so nothing can be said of what it would change\n"),
    }
    let inspected = Inspected { release: Some(report), plan, ..Inspected::default() };
    Ok(Report::new("inspect", &inspected, text))
}

fn not_verified(found: &Found, failure: Failure) -> Report {
    let raw = found.evidence.tag().unwrap_or_default();
    let says = RawTag::parse(&raw).ok().map(|tag| shown(tag.name()));
    let files = found.evidence.files();
    let told = NotVerified {
        says,
        files: files.len(),
        size: files.iter().map(|file| file.size).sum(),
        pack: found.pack.as_ref().map(|(_, _, digest)| *digest),
        failure,
    };
    let mut text = format!(
        "{WARNING}Not verified{WARNING:#}: {}\n",
        [std::slice::from_ref(&told.failure.message), &told.failure.causes]
            .concat()
            .iter()
            .map(|text| clean(text))
            .collect::<Vec<_>>()
            .join(": ")
    );
    if let Some(says) = &told.says {
        text.push_str(&format!("  says it is {}, which nobody vouches for\n", clean(says)));
    }
    text.push_str(&format!(
        "  size       {}, {}; they were not looked at\n",
        count(told.files, "file"),
        size(told.size)
    ));
    if let Some(pack) = told.pack {
        text.push_str(&format!("  pack       {pack}\n"));
    }
    if let Some(hint) = &told.failure.hint {
        text.push_str(&format!("next: {}\n", clean(hint)));
    }
    let status = told.failure.class.exit_status();
    let inspected = Inspected { not_verified: Some(told), ..Inspected::default() };
    Report::new("inspect", &inspected, text).status(status)
}

/// Returns what an import would change, a line for each artifact.
fn plan_text(plan: &Plan) -> String {
    let mut text = String::new();
    if let Some(here) = &plan.older_than {
        text.push_str(&format!("{WARNING}older{WARNING:#} than '{}', which was imported before\n", clean(here)));
    }
    // What changes first: of two hundred that are the same nobody needs to read.
    let (same, changing): (Vec<_>, Vec<_>) = plan.artifacts.iter().partition(|planned| planned.step == Step::Same);
    changing.iter().take(MAX_ARTIFACTS).for_each(|planned| text.push_str(&planned_text(planned)));
    if changing.len() > MAX_ARTIFACTS {
        text.push_str(&format!("  and {} more, see `--format json`\n", changing.len() - MAX_ARTIFACTS));
    }
    if !same.is_empty() {
        text.push_str(&format!("Here already: {}\n", count(same.len(), "artifact")));
    }
    text.push_str(&runs_text(&plan.runs));
    let previews = plan.artifacts.iter().filter_map(|planned| planned.preview.as_ref());
    let all = previews.flat_map(|preview| &preview.findings);
    let mut told: Vec<&Finding> = all.filter(|finding| finding.severity != Severity::Info).collect();
    told.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let first: Vec<Finding> = told.iter().take(MAX_FINDINGS).map(|finding| (*finding).clone()).collect();
    text.push_str(&findings_text(&first));
    if told.len() > MAX_FINDINGS {
        text.push_str(&format!("  and {} more findings, see `--format json`\n", told.len() - MAX_FINDINGS));
    }
    text
}

fn planned_text(planned: &Planned) -> String {
    let step = match planned.step {
        Step::Add => "Would add",
        Step::Update => "Would update",
        Step::Refuse => "In the way:",
        _ => "Would change",
    };
    let mut text = format!("{step} {NAME}{}{NAME:#}", planned.artifact);
    if let Some(preview) = &planned.preview {
        text.push_str(&format!(", {}", count(preview.files.len(), "changed file")));
        if let Some(license) = &preview.license {
            let before = preview.old_license.as_ref().map(|old| format!(", was {}", clean(old))).unwrap_or_default();
            text.push_str(&format!(", {}{before}", clean(license)));
        }
    }
    text + "\n"
}
