//! `inspect`: everything about a release on one screen, whether it is believed or not.

use anstyle::Style;
use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use super::bundle::is_pack;
use super::failure::Failure;
use super::import::{policy_refusal, refusal_text};
use super::old::report_text;
use super::overview::{ArtifactFinding, ArtifactPowers, Told, overview_text};
use super::report::Report;
use super::screen::{Screen, fitting};
use super::session::Session;
use super::text::{WARNING, count, size};
use super::verified::{find, verified, verified_text};
use crate::model::{Class, Digest};
use crate::ops::bundle::old::OldReport;
use crate::ops::bundle::{self, Choices, Detail, Error, Existing, Found, Place, Plan, VerifiedReport};
use crate::ops::vault::{self, Judges};
use crate::signature::{RawTag, shown};

/// Where people find what is left out.
const ALL: &str = "`--all`";

/// Most lines of why a release is not believed, and of what to do next.
const MAX_REASON_LINES: usize = 10;
const MAX_HINT_LINES: usize = 6;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at a release: who signed it, when, what it would change here, what was seen in it
    #[command(
        after_help = "Examples:\n  git skillmeat inspect review-kit-1.0.0.skillmeat-pack\n  git skillmeat inspect team:review-kit\n  \
        git skillmeat inspect review-kit--v1.0.0\n  git skillmeat inspect team:review-kit --all\n\nExit status: 0 it is verified, 3 it is not."
    )]
    Inspect {
        /// A pack, a tag of the collection, or VAULT:BUNDLE[@VERSION or range]
        #[arg(value_name = "PACK|TAG|VAULT:BUNDLE")]
        what: String,
        /// Leave nothing out, however long it gets
        #[arg(long)]
        all: bool,
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
    /// Why the policy in force would refuse to import it.
    #[serde(skip_serializing_if = "Option::is_none")]
    would_refuse: Option<String>,
    /// What would change in what its artifacts make a client run; where there is no collection, all that they do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    powers: Vec<ArtifactPowers>,
    /// What was seen in it, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<ArtifactFinding>,
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
        let Command::Inspect { what, all } = self;
        let screen = if all { Screen::here().endless() } else { Screen::here() };
        let context = &session.context;
        if is_pack(session, &what) {
            return match bundle::find(&session.context, &Place::Pack(session.environment.absolute(what.as_ref()))) {
                Err(Error::Old(old)) => {
                    let level = old.report.meaning.level();
                    let refused = bundle::check_unsigned(context, &old.path, level, None).err();
                    Ok(old_report(old.report, refused.map(|error| error.to_string())))
                }
                found => {
                    let found = found?;
                    let judges = vault::knowing(context, &found)?;
                    inspect(session, &found, &judges, screen)
                }
            };
        }
        let (found, judges) = find(session, &what)?;
        inspect(session, &found, &judges, screen)
    }
}

fn old_report(old: OldReport, would_refuse: Option<String>) -> Report {
    let refusal = refusal_text(would_refuse.as_deref());
    let text = format!("{}{refusal}next: `git skillmeat import` or `git skillmeat convert`\n", report_text(&old));
    let inspected = Inspected { old: Some(old), would_refuse, ..Inspected::default() };
    Report::new("inspect", &inspected, text).status(Class::Untrusted.exit_status())
}

fn inspect(session: &Session, found: &Found, judges: &Judges, screen: Screen) -> Result<Report, Failure> {
    let (verified, report) = match verified(session, found, judges, None) {
        Ok(verified) => verified,
        // What cannot be read is not a verdict.
        Err(failure) if failure.class.exit_status() != Class::Untrusted.exit_status() => return Err(failure),
        Err(failure) => return Ok(not_verified(found, failure, screen)),
    };
    let mut text = verified_text(&report, screen);
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
    let would_refuse = policy_refusal(&session.context, [verified.get()], None);
    text.push_str(&refusal_text(would_refuse.as_deref()));
    let used = text.lines().count();
    let told = match &plan {
        Some(plan) => {
            let told = Told::of_plan(plan);
            text.push_str(&overview_text(plan, &told, screen, used, ALL));
            told
        }
        None => {
            let told = Told::of_looks(&bundle::look(found, &verified)?);
            text.push_str("There is no collection here to compare it with; it holds:\n");
            text.push_str(&told.text(&[], screen, screen.room(used + 1), ALL));
            told
        }
    };
    let Told { powers, findings } = told;
    let inspected = Inspected { release: Some(report), plan, powers, findings, would_refuse, ..Inspected::default() };
    Ok(Report::new("inspect", &inspected, text))
}

fn not_verified(found: &Found, failure: Failure, screen: Screen) -> Report {
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
    let reasons = [std::slice::from_ref(&told.failure.message), &told.failure.causes].concat().join(": ");
    let mut text = bounded(&screen.wrapped(WARNING, "Not verified: ", &reasons), screen, MAX_REASON_LINES);
    if let Some(says) = &told.says {
        text.push_str(&screen.wrapped(Style::new(), "  ", &format!("says it is {says}, which nobody vouches for")));
    }
    let held = format!("{}, {}; they were not looked at", count(told.files, "file"), size(told.size));
    text.push_str(&screen.fact("size", &held));
    if let Some(pack) = told.pack {
        text.push_str(&format!("  pack       {pack}\n"));
    }
    if let Some(hint) = &told.failure.hint {
        text.push_str(&bounded(&screen.wrapped(Style::new(), "next: ", hint), screen, MAX_HINT_LINES));
    }
    let status = told.failure.class.exit_status();
    let inspected = Inspected { not_verified: Some(told), ..Inspected::default() };
    Report::new("inspect", &inspected, text).status(status)
}

/// Returns at most so many lines, unless the screen is endless.
fn bounded(text: &str, screen: Screen, most: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{line}\n")).collect();
    let most = if screen.is_endless() { usize::MAX } else { most };
    fitting(&lines, most, |more| format!("  and {}: {ALL} shows them\n", count(more, "more line")))
}
