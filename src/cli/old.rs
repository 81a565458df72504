//! Packs of the Python SkillMeat: what they are, importing them as that, and `convert`.

use std::path::PathBuf;

use clap::Subcommand;

use super::consent;
use super::failure::Failure;
use super::hints::word;
use super::import::{Wish, nothing_text, steps_text};
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, above_text, brief, clean, count, runs_text, short, size};
use super::verified::refusal_text;
use crate::model::{BundleName, Class};
use crate::ops::bundle::old::{self, Convert, ImportedOld, Old, OldLevel, OldPlan, OldReport};
use crate::ops::bundle::{self, Detail, Error, Place};

/// Most things that are named in one line for people; JSON has all of them.
const MAX_NAMED: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a signed pack of one that the Python SkillMeat made
    #[command(
        after_help = "Your signature stands for it from then on: look at it first, with `import --dry-run --diff`.\n\n\
        Examples:\n  git skillmeat convert old.skillmeat-pack review-kit --version 1.0.0\n  \
        git skillmeat convert old.skillmeat-pack review-kit --version 1.0.0 -o new.skillmeat-pack"
    )]
    Convert {
        /// The old pack
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// Name of the bundle
        name: String,
        /// Its version, such as 1.0.0
        #[arg(long)]
        version: semver::Version,
        /// Where the new pack goes; NAME-VERSION.skillmeat-pack in this folder otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Publish in spite of the findings with this id, or of those in one file, and record it; may be given several times
        #[arg(long, value_name = "ID[:PATH]")]
        allow: Vec<String>,
    },
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let Command::Convert { old, name, version, output, allow } = self;
        let bundle: BundleName = name.parse().map_err(crate::ops::collection::Error::from)?;
        let default = || bundle::default_output(&session.environment.folder, &bundle, &version);
        let output = output.map_or_else(default, |path| session.environment.absolute(&path));
        let path = session.environment.absolute(&old);
        let old = match bundle::find(&session.context, &Place::Pack(path.clone())) {
            Err(Error::Old(old)) => old,
            Err(other) => return Err(other.into()),
            Ok(_) => {
                return Err(Failure::new(
                    Class::Usage,
                    format!("'{}' is a pack of today", path.display()),
                    "check it with `git skillmeat verify`, import it with `git skillmeat import`",
                ));
            }
        };
        convert(session, &old, Convert { bundle, version, allowed: allow, output })
    }
}

fn convert(session: &Session, old: &Old, wish: Convert) -> Result<Report, Failure> {
    let made = old::convert(&session.context, old, wish)?;
    let new = &made.new;
    let text = format!(
        "{}Converted to {NAME}{}{NAME:#}, signed with your key: {} in {}\n  pack    {} ({})\n  sha256  {}\n  tree    {}\n",
        report_text(&made.old),
        new.release,
        count(new.artifacts.len(), "artifact"),
        count(new.files, "file"),
        new.pack.display(),
        size(new.pack_size),
        new.pack_digest.hex(),
        new.digest,
    );
    Ok(new.too_much_for_some.iter().map(above_text).fold(Report::new("convert", &made, text), Report::note))
}

/// Imports an old pack, after someone has agreed to exactly what it holds.
pub(super) fn import(session: &Session, old: &Old, wish: &Wish) -> Result<Report, Failure> {
    if wish.interactive {
        return Err(Failure::new(
            Class::Usage,
            "an unsigned pack is imported as a whole",
            "choose for all of it with `--existing skip` or `--existing replace`",
        ));
    }
    let content = old::content(&session.collection()?.repo, old)?;
    if let Some(accepted) = wish.accept.first().copied().filter(|_| !wish.accept.contains(&content.digest)) {
        let release = clean(&old.report.name);
        return Err(Error::OtherDigest { release, found: content.digest, accepted }.into());
    }
    let has_agreed = !wish.accept.is_empty() || (wish.yes && wish.allow_unsigned);
    let detail = if wish.dry_run || !has_agreed { Detail::Files } else { Detail::Steps };
    let plan = old::plan(&session.collection()?, old, &content, wish.existing, detail)?;
    let may = bundle::check_unsigned(&session.context, &old.path, old.report.meaning.level(), wish.allow_level);
    if wish.dry_run {
        let refusal = may.and_then(|()| plan.check_hidden(wish.allowed.hidden)).err();
        let would_refuse = refusal.map(|error| error.to_string());
        let text = plan_text(&plan, true, wish.diff) + &refusal_text(would_refuse.as_deref());
        return Ok(Report::new("import", &ImportedOld { plan, commit: None, would_refuse }, text));
    }
    may?;
    plan.check_hidden(wish.allowed.hidden)?;
    if plan.changes() && !has_agreed {
        let _ = std::io::Write::write_all(&mut anstream::stderr(), plan_text(&plan, true, wish.diff).as_bytes());
        if !consent::agrees(session, &plan.consents()) || !session.confirm("Import this, whoever made it?") {
            return Err(Error::Unsigned { path: old.path.clone(), digest: content.digest }.into());
        }
    }
    let (collection, _lock) = session.collection_to_change()?;
    let done = match old::import(&session.context, &collection, old, &content, wish.existing, wish.allowed.hidden) {
        // The usual hint names a merge, which needs an earlier state.
        Err(error @ Error::Exists(_)) => return Err(Failure::of(&error, error.class(), hint(&Error::NoMerge))),
        done => done?,
    };
    let commit = match &done.commit {
        Some(commit) => format!("Commit {}\n", brief(commit)),
        None => nothing_text(done.plan.artifacts.iter()),
    };
    let text = format!("{}{commit}", plan_text(&done.plan, false, false));
    Ok(Report::new("import", &done, text))
}

fn plan_text(plan: &OldPlan, dry_run: bool, with_diff: bool) -> String {
    let mut text = format!("{}  tree        {}\n", report_text(&plan.pack), plan.digest);
    text.push_str(&steps_text(&plan.artifacts, dry_run, with_diff));
    for (artifact, called) in &plan.renamed {
        text.push_str(&format!("  {artifact} is called '{}' there\n", clean(called)));
    }
    text + &runs_text(&plan.runs)
}

/// Returns what to do about an error of an old pack.
pub(super) fn hint(error: &Error) -> Option<String> {
    let text = match error {
        Error::Old(old) => {
            let path = word(&old.path.display());
            format!(
                "look at it with `git skillmeat import {path} --dry-run`, or sign it yourself with `git skillmeat convert {path} NAME --version 1.0.0`"
            )
        }
        Error::OldPack(_) => "get it again from whoever made it; do not use this one".to_owned(),
        Error::NothingToTake(path) => {
            format!("`git skillmeat verify {}` tells what it holds", word(&path.display()))
        }
        Error::NoMerge | Error::NoFork => {
            "keep yours with `--existing skip`, or take the new ones with `--existing replace`".to_owned()
        }
        Error::Overwrites(_) => "name another file with `--output`".to_owned(),
        Error::Unsigned { digest, .. } => format!(
            "look at it with `--dry-run`, then agree with `--accept {digest}`; `--yes` needs `--allow-unsigned` beside it"
        ),
        _ => return None,
    };
    Some(text)
}

/// Returns what is known of an old pack.
pub(super) fn report_text(report: &OldReport) -> String {
    let mut text = format!(
        "{WARNING}Unsigned{WARNING:#} pack of the Python SkillMeat ('{}'): who made it is not known\n  says        {}\n",
        report.format.manifest_name(),
        says(report),
    );
    text.push_str(&format!("  level       {}\n", level(report)));
    text.push_str(&signature(report).map(|claim| format!("  signature   {claim}\n")).unwrap_or_default());
    text.push_str(&format!("  holds       {}\n", holds(report)));
    for left in report.left.iter().take(MAX_NAMED) {
        text.push_str(&format!("  stays       {}: {}\n", clean(&left.name), clean(&left.reason)));
    }
    if report.left.len() > MAX_NAMED {
        let more = report.left.len() - MAX_NAMED;
        text.push_str(&format!("  stays       {more} more, see `--format json`\n"));
    }
    text + &format!("  file        {}, {}\n", size(report.size), report.pack)
}

/// Returns the same in sentences, for an error.
pub(super) fn causes(report: &OldReport) -> Vec<String> {
    let left: Vec<_> = report.left.iter().map(|left| left.name.as_str()).collect();
    let left = (!left.is_empty()).then(|| format!("not for a collection: {}", named(&left)));
    let all =
        [Some(format!("level {}", level(report))), signature(report), Some(format!("it holds {}", holds(report)))];
    all.into_iter().chain([left]).flatten().collect()
}

/// What a pack says of itself; nobody stands for it.
fn says(report: &OldReport) -> String {
    let version = report.version.as_ref().map(|version| format!(" {}", short(version, 40))).unwrap_or_default();
    let author = report.author.as_ref().map(|author| format!(", by '{}'", short(author, 80))).unwrap_or_default();
    let created = report.created.as_ref().map(|time| format!(", made {}", short(time, 40))).unwrap_or_default();
    format!("'{}'{version}{author}{created}", short(&report.name, 100))
}

fn level(report: &OldReport) -> String {
    let meaning = match report.meaning {
        OldLevel::Intact => {
            "intact, author unknown: it matches its own digests, which whoever changes it can change too"
        }
        OldLevel::Unverified => "unverified: it has no digest over all that it holds",
    };
    format!("{}: {meaning}", report.level)
}

/// The signature is one over a digest that runs names and contents together.
fn signature(report: &OldReport) -> Option<String> {
    let signer = report.claimed_signer.as_ref()?;
    Some(format!(
        "it has a signature that names '{}', which is not believed: it covers neither that name nor what exactly each file holds",
        short(signer, 80)
    ))
}

fn holds(report: &OldReport) -> String {
    let one =
        |held: &old::OldHeld| format!("{} ({}, {})", clean(&held.name), count(held.files, "file"), size(held.size));
    let all: Vec<_> = report.holds.iter().map(one).collect();
    if all.is_empty() { "nothing for a collection".to_owned() } else { named(&all) }
}

/// Returns at most [`MAX_NAMED`] names; the others are counted.
fn named<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<_> = names.iter().take(MAX_NAMED).map(|name| clean(name.as_ref())).collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", shown.join(", "))
}
