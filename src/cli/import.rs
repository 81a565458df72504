//! `import`: what a release would change here, and making it so.

use schemars::JsonSchema;
use serde::Serialize;

use super::bundle::is_pack;
use super::choose;
use super::consent;
use super::failure::Failure;
use super::overview::{Told, finding_text, overview_text};
use super::powers::powers_text;
use super::recommend;
use super::report::Report;
use super::screen::Screen;
use super::session::Session;
use super::text::{FAINT, NAME, WARNING, brief, clean, count, runs_text};
use super::update::files_text;
use super::verified::{
    VERIFIED_LINES, check_policy, level_text, policy_refusal, refusal_text, verified, verified_text,
};
use crate::model::{ArtifactRef, Class, Digest, Recommendation};
use crate::ops::bundle::{
    self, Allowed, Choices, Detail, Error, Existing, Found, Imported, ImportedNeed, Incoming, Older, Place, Plan,
    Planned, Preview, SignedBy, Step, VerifiedReport,
};
use crate::ops::vault::{self, Asked, Judges, Locked, Opened, Vault};
use crate::scan::Severity;
use crate::trust::{Level, ReleaseContent, Verified};

/// How an import is wished for.
pub(super) struct Wish {
    /// Nothing is changed.
    pub(super) dry_run: bool,
    /// The user has agreed.
    pub(super) yes: bool,
    /// Having agreed holds for what is unsigned as well.
    pub(super) allow_unsigned: bool,
    /// The user has agreed to these tree digests, and to no others.
    pub(super) accept: Vec<Digest>,
    /// What happens to artifacts that are here with other content.
    pub(super) existing: Existing,
    /// Whether the user is asked about each of them.
    pub(super) interactive: bool,
    /// Whether the vault is followed from now on.
    pub(super) link: bool,
    /// The range of versions that is followed, once it is known.
    pub(super) follows: Option<String>,
    /// What is taken only where the user says so.
    pub(super) allowed: Allowed,
    /// Whether only what is locked is taken.
    pub(super) locked: bool,
    /// Whether what it needs is left out.
    pub(super) no_dependencies: bool,
    /// A level below that of the policy that is enough.
    pub(super) allow_level: Option<Level>,
    /// Whether every line is shown.
    pub(super) diff: bool,
}

pub(super) fn import(session: &Session, what: &str, mut wish: Wish) -> Result<Report, Failure> {
    if wish.interactive {
        choose::check_terminal(session)?;
    }
    if wish.link && (recommend::is_one(what) || is_pack(session, what)) {
        return Err(Failure::new(
            Class::Usage,
            "`--link` needs a vault that is followed",
            "name the bundle in it, `git skillmeat import VAULT:BUNDLE --link`; `git skillmeat vault list` shows your vaults",
        ));
    }
    let path = session.environment.absolute(what.as_ref());
    if !recommend::is_one(what) && is_pack(session, what) && !path.exists() {
        return Err(Error::NoPack(path).into());
    }
    let collection = session.collection()?;
    if recommend::is_one(what) {
        return recommend::import(session, what, &wish);
    }
    if is_pack(session, what) {
        let found = match bundle::find(&session.context, &Place::Pack(session.environment.absolute(what.as_ref()))) {
            Err(Error::Old(old)) => return super::old::import(session, &old, &wish),
            found => found?,
        };
        let judges = vault::knowing(&session.context, &found)?;
        return import_from(session, &found, &wish, &judges, None, None);
    }
    let Some((vault, release)) = what.split_once(':') else {
        return Err(Failure::new(
            Class::Name,
            format!("'{}' is neither a pack nor VAULT:BUNDLE", what.escape_debug()),
            "`git skillmeat vault ls NAME` shows what a vault has",
        ));
    };
    let wanted = bundle::Wanted::parse(release)?;
    match &wanted {
        bundle::Wanted::Release(_) if wish.link => {
            return Err(Failure::new(
                Class::Usage,
                format!("'{}' is one version, and it has no newer ones to follow", clean(what)),
                "follow the bundle, `VAULT:BUNDLE`, or a range of its versions, `VAULT:BUNDLE@^1.2`",
            ));
        }
        // Who names a version has it, whatever was here before.
        bundle::Wanted::Release(_) => wish.allowed.older = Older::Take,
        bundle::Wanted::Newest(..) if !wish.link => {}
        bundle::Wanted::Newest(_, None) => wish.follows = Some("*".to_owned()),
        bundle::Wanted::Newest(_, Some(range)) => wish.follows = Some(range.to_string()),
    }
    let locked = wish.locked.then(|| vault::locked_release(&collection, &wanted)).transpose()?;
    let release = locked.as_ref().map_or_else(|| release.to_owned(), |(release, _)| release.to_string());
    if !session.context.offline {
        let wanted = [wanted];
        let asked =
            locked.as_ref().map_or(Asked::These(&wanted), |locked| Asked::Exactly(std::slice::from_ref(locked)));
        vault::pull(&session.context, vault, asked)?;
    }
    // After that: a pull may find that nothing is known of it any more.
    let opened = Opened::of(&session.context, Vault::find(&session.context, vault)?)?;
    let found = bundle::find(&session.context, &Place::Repository(&opened.repo, release, opened.ledger.as_ref()))?;
    if locked.is_some() {
        // The lock names it, whatever else is here.
        wish.allowed.older = Older::Take;
    }
    import_from(session, &found, &wish, &Judges::of(&session.context, opened)?, Some(vault), None)
}

/// `judges` have a say on it; `vault` is where it was fetched from. Where it is `recommended`, that one and no other.
pub(super) fn import_from(
    session: &Session,
    found: &Found,
    wish: &Wish,
    judges: &Judges,
    vault: Option<&str>,
    recommended: Option<&Recommendation>,
) -> Result<Report, Failure> {
    let (verified, report) = verified(session, found, judges, None)?;
    if let Some(recommended) = recommended {
        crate::ops::recommend::check(recommended, found, &verified)?;
    }
    let (context, content) = (&session.context, verified.get());
    wish.check_accepted(content)?;
    let collection = session.collection()?;
    let locked = if wish.locked { Locked::Only } else { Locked::Prefer };
    if wish.locked {
        vault::check_locked(&collection, content)?;
    }
    let needed = match wish.no_dependencies {
        true => Vec::new(),
        false => vault::dependencies(context, &collection, content, vault, locked)?,
    };
    // Who has agreed already is not kept waiting for what nobody will read.
    let detail = |content: &ReleaseContent| {
        if wish.dry_run || !wish.has_agreed_to(content.digest) { Detail::Files } else { Detail::Steps }
    };
    let choices_of = |found: &Found, verified: &Verified<ReleaseContent>| {
        if wish.interactive { choose::choices(session, found, verified) } else { Ok(Choices::from(wish.existing)) }
    };
    let choices = choices_of(found, &verified)?;
    let plan = bundle::plan(context, &collection, found, &verified, &choices, detail(content))?;
    let (mut dependencies, mut their_choices) = (Vec::new(), Vec::new());
    for one in &needed {
        let choices = choices_of(&one.found, &one.verified)?;
        let plan = bundle::plan(context, &collection, &one.found, &one.verified, &choices, detail(one.verified.get()))?;
        their_choices.push(choices);
        dependencies.push(ImportedNeed::of(plan, &one.verified));
    }
    let root = Incoming { found, verified: &verified, vault, follows: wish.follows.as_deref(), choices: &choices };
    let incoming = needed.iter().zip(&their_choices).map(|(one, choices)| {
        let (found, verified) = (&one.found, &one.verified);
        Incoming { found, verified, vault: one.vault.as_deref(), follows: None, choices }
    });
    let incoming: Vec<_> = incoming.collect();
    bundle::check_together(&root, &incoming)?;
    let signer = SignedBy::of(&collection, content);
    let signers: Vec<_> = needed.iter().map(|one| SignedBy::of(&collection, one.verified.get())).collect();
    let reports: Vec<_> =
        needed.iter().map(|one| bundle::report(&one.found, &one.verified, one.vault.as_deref())).collect();
    let shown = |plan: &Plan| {
        if wish.dry_run { dry_run_text(plan, wish.diff, "`--diff`") } else { plan_text(plan, true, wish.diff) }
    };
    let preview = |text: &mut String| {
        for (report, planned) in reports.iter().zip(&dependencies) {
            let known = verified_text(report, Screen::here());
            text.push_str(&format!("Needs {known}{}", shown(&planned.plan)));
        }
        text.push_str(&format!("{}{}", verified_text(&report, Screen::here()), shown(&plan)));
    };
    let mut text = String::new();
    if wish.dry_run {
        preview(&mut text);
        let all = needed.iter().map(|one| one.verified.get()).chain([content]);
        let plans = dependencies.iter().map(|one| &one.plan).chain([&plan]);
        let hidden = || plans.map(|plan| plan.check_hidden(wish.allowed.hidden)).find_map(Result::err);
        let would_refuse = policy_refusal(context, all, wish.allow_level).or_else(|| Some(hidden()?.to_string()));
        text.push_str(&refusal_text(would_refuse.as_deref()));
        let principal = report.principal.clone();
        let done = Imported { plan, principal, dependencies, commit: None, would_refuse };
        return Ok(imported(done, (report, signer.is_new), reports, text));
    }
    for content in needed.iter().map(|one| one.verified.get()).chain([content]) {
        check_policy(session, content, wish.allow_level)?;
    }
    plan.check(wish.allowed)?;
    let needed_allowed = Allowed { older: Older::Refuse, ..wish.allowed };
    dependencies.iter().try_for_each(|one| one.plan.check(needed_allowed))?;
    let all = dependencies.iter().map(|one| &one.plan).zip(&signers).chain([(&plan, &signer)]);
    let asked = all.filter(|(plan, _)| plan.changes() && !wish.has_agreed_to(plan.digest));
    let asked: Vec<_> = asked.collect();
    if let Some((first, _)) = asked.first() {
        preview(&mut text);
        let _ = std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes());
        if !consent::imports(session, &asked) {
            return Err(Error::Consent { release: first.release.clone(), digest: first.digest }.into());
        }
    }
    let (collection, _lock) = session.collection_to_change()?;
    let done = bundle::import(context, &collection, &root, &incoming, wish.allowed)?;
    let commit = match &done.commit {
        Some(commit) => format!("Commit {}\n", brief(commit)),
        None if done.plan.has_conflicts() => String::new(),
        None => {
            let all = done.dependencies.iter().map(|one| &one.plan).chain([&done.plan]);
            nothing_text(all.flat_map(|plan| &plan.artifacts))
        }
    };
    let mut text = String::new();
    for one in &done.dependencies {
        let head = format!(
            "Needs {NAME}{}{NAME:#} signed by {}, level {}\n",
            one.plan.release,
            clean(&one.principal),
            one.level
        );
        text.push_str(&format!("{head}{}", plan_text(&one.plan, false, false)));
    }
    text.push_str(&format!(
        "{NAME}{}{NAME:#} signed by {}, level {}: {}\n{}{commit}",
        done.plan.release,
        clean(&done.principal),
        report.level,
        level_text(&report),
        plan_text(&done.plan, false, false)
    ));
    if let Some(reason) = &report.yanked {
        text.push_str(&format!("{WARNING}taken back{WARNING:#} by its publisher: {}\n", clean(reason)));
    }
    Ok(imported(done, (report, signer.is_new), reports, text))
}

/// Says why nothing was changed: what was kept is not what the release has.
pub(super) fn nothing_text<'a>(artifacts: impl Iterator<Item = &'a Planned>) -> String {
    match artifacts.filter(|planned| planned.step == Step::Skip).count() {
        0 => "Nothing to do: the collection has all of it\n".to_owned(),
        kept => {
            format!(
                "Nothing taken: {} stayed as yours, with other content than the release has\n",
                count(kept, "artifact")
            )
        }
    }
}

impl Wish {
    /// Refuses a release whose digest is not among those that were accepted, where some were.
    pub(super) fn check_accepted(&self, content: &ReleaseContent) -> Result<(), Error> {
        match self.accept.first() {
            Some(accepted) if !self.accept.contains(&content.digest) => Err(Error::OtherDigest {
                release: content.release.to_string(),
                found: content.digest,
                accepted: *accepted,
            }),
            _ => Ok(()),
        }
    }

    /// Says whether the user has agreed to what has this digest.
    fn has_agreed_to(&self, digest: Digest) -> bool {
        if self.accept.is_empty() { self.yes } else { self.accept.contains(&digest) }
    }
}

/// What `import` returns of a release.
#[derive(Serialize, JsonSchema)]
pub(super) struct ImportedRelease {
    #[serde(flatten)]
    done: Imported,
    /// What is known of it.
    release: VerifiedReport,
    /// Whether it is signed with another key than the release of this bundle that was last taken here, or with one by which nothing
    /// here is signed.
    signer_is_new: bool,
    /// What is known of the releases that it needs, in the order of `dependencies`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    needs: Vec<VerifiedReport>,
}

/// The status is 1 where something waits, so that a script notices.
fn imported(
    done: Imported,
    (release, signer_is_new): (VerifiedReport, bool),
    needs: Vec<VerifiedReport>,
    text: String,
) -> Report {
    let done = ImportedRelease { done, release, signer_is_new, needs };
    let (report, done) = (Report::new("import", &done, text), &done.done);
    let needed = done.dependencies.iter().map(|one| &one.plan);
    if needed.chain([&done.plan]).any(Plan::has_conflicts) {
        report.status(Class::Conflict.exit_status())
    } else {
        report
    }
}

/// Most artifacts of which a dry run shows every file; of more than these it shows what fits on a screen.
const MAX_DETAILED: usize = 10;

/// Returns what an import would change, for someone who looks; `all` says where they find what is left out. Who is asked to agree
/// sees every file, by [`plan_text`].
pub(super) fn dry_run_text(plan: &Plan, with_diff: bool, all: &str) -> String {
    if with_diff || plan.artifacts.len() <= MAX_DETAILED {
        return plan_text(plan, true, with_diff);
    }
    overview_text(plan, &Told::of_plan(plan), Screen::here(), VERIFIED_LINES, all)
}

pub(super) fn plan_text(plan: &Plan, dry_run: bool, with_diff: bool) -> String {
    let mut text = String::new();
    if let Some(here) = plan.older_than.as_ref().filter(|_| plan.changes()) {
        text.push_str(&format!("{WARNING}older{WARNING:#} than '{}', which was imported before\n", clean(here)));
    }
    text.push_str(&steps_text(&plan.artifacts, dry_run, with_diff));
    for artifact in &plan.gone {
        text.push_str(&format!(
            "Stays {NAME}{artifact}{NAME:#}, which this release has no more: `git skillmeat remove {artifact}`\n"
        ));
    }
    text + &runs_text(&plan.runs)
}

/// Returns what happens to each artifact.
pub(super) fn steps_text(artifacts: &[Planned], dry_run: bool, with_diff: bool) -> String {
    let mut text = String::new();
    for planned in artifacts {
        let (past, future) = match planned.step {
            Step::Add => ("Added", "Would add"),
            Step::Same => ("Unchanged", "Unchanged"),
            Step::Update => ("Updated", "Would update"),
            Step::Replace => ("Replaced", "Would replace"),
            Step::Fork => ("Added beside yours:", "Would add beside yours:"),
            Step::Merge => ("Merged", "Would merge"),
            Step::Conflict => ("Waits for a decision:", "Would wait for a decision:"),
            Step::Skip => ("Kept yours:", "Would keep yours:"),
            Step::Refuse => ("Refused", "Would refuse, the collection has other content:"),
        };
        let verb = if dry_run { future } else { past };
        let original = planned.original.as_ref().map(|original| format!(", '{original}' there")).unwrap_or_default();
        let files = count(planned.files.len(), "file");
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}{original}, {files}\n", planned.artifact));
        if let Some(preview) = &planned.preview {
            text.push_str(&preview_text(&planned.artifact, preview, with_diff));
        }
        if planned.step == Step::Conflict {
            text.push_str(&format!("  both sides changed {}\n", clean(&planned.conflicts.join(", "))));
            text.push_str(&format!("  next: `git skillmeat resolve {}`\n", planned.artifact));
        }
    }
    text
}

/// Returns what an import would change in one artifact: licence, files with the lines that come and go, findings.
pub(super) fn preview_text(artifact: &ArtifactRef, preview: &Preview, with_diff: bool) -> String {
    let mut text = String::new();
    if let Some(license) = &preview.license {
        let before = preview.old_license.as_ref().map(|old| format!(", was {}", clean(old))).unwrap_or_default();
        text.push_str(&format!("  licence {}{before}\n", clean(license)));
    }
    text.push_str(&powers_text(&preview.powers));
    for file in &preview.files {
        let sign = match (file.old_mode, file.new_mode) {
            (None, _) => "new",
            (_, None) => "gone",
            _ => "changed",
        };
        let lines =
            |start: char| file.hunks.as_ref().map(|hunks| hunks.lines().filter(|line| line.starts_with(start)).count());
        let counts = match (lines('+'), lines('-')) {
            (Some(more), Some(less)) => format!("+{more} -{less}"),
            _ => "no text, or too large".to_owned(),
        };
        text.push_str(&format!("  {sign:7} {}  {FAINT}{counts}{FAINT:#}\n", file.path));
    }
    for finding in preview.findings.iter().filter(|finding| finding.severity != Severity::Info) {
        let severity = finding.severity;
        text.push_str(&format!("  {WARNING}{severity:?}{WARNING:#} {}\n", clean(&finding_text(artifact, finding))));
    }
    if with_diff {
        text.push_str(&files_text(&preview.files));
    }
    text
}
