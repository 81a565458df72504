//! `recommend`, `recommend open`, and `import` of a recommendation.

use std::io::Read as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::bundle::is_pack;
use super::failure::Failure;
use super::hints::{signer_hint, word};
use super::import::{Wish as ImportWish, dry_run_text, import_from};
use super::qr;
use super::report::Report;
use super::screen::Screen;
use super::session::Session;
use super::text::{NAME, WARNING, clean};
use super::verified::{verified, verified_text};
use crate::fsio::{Access, read, write_atomic};
use crate::model::{BundleName, Class, Recommendation, Source, holds_carrier};
use crate::ops::bundle::{self, Detail, Existing, Place, Wanted};
use crate::ops::recommend::{self, Error, Fetched, Made, Opened, Recommended, Standing, Unbelieved, Wish};
use crate::ops::vault;
use crate::signature::Verdict;

/// Ending of a file that holds a recommendation.
const FILE_END: &str = ".skillmeat-ref";

/// Largest file or input that is searched for a recommendation, in bytes: a long thread of mails.
const MAX_INPUT_BYTES: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Recommend a release: a signed reference for a chat, a mail or a screen
    #[command(
        args_conflicts_with_subcommands = true,
        subcommand_negates_reqs = true,
        after_help = "Examples:\n  git skillmeat recommend team:review-kit --note \"The one we use\"\n  \
            git skillmeat recommend review-kit@1.0.0 --from https://git.example/team/vault.git\n  \
            git skillmeat recommend team:review-kit --qr\n  git skillmeat recommend open skillmeat-ref:1/…"
    )]
    Recommend {
        #[command(subcommand)]
        open: Option<Open>,
        #[command(flatten)]
        make: Make,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Open {
    /// Look at a recommendation: who signed it, what it is, and what it would change here
    #[command(
        after_help = "Examples:\n  git skillmeat recommend open skillmeat-ref:1/…\n  git skillmeat recommend open - < mail.txt\n\n\
            Exit status: 0 the release was verified, or nothing says where it is; 1 could not check; 3 not believed."
    )]
    Open {
        /// The text, with whatever stands around it; a file that has it; or `-` for standard input
        #[arg(value_name = "TEXT|FILE|-")]
        what: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct Make {
    /// VAULT:BUNDLE[@VERSION], a pack, or a tag of the collection
    #[arg(value_name = "VAULT:BUNDLE|PACK|TAG", required = true)]
    what: Option<String>,
    /// Where it is published: a vault, or an https URL that ends in `.skillmeat-pack`
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// One line for the reader
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Write it to this file: the text, or a drawing of the QR code when it ends in `.svg`
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show it as a QR code
    #[arg(long)]
    qr: bool,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let Command::Recommend { open, make: wish } = self;
        match open {
            Some(Open::Open { what }) => look(session, &what),
            None => make(session, wish),
        }
    }
}

/// Says whether the argument of `import` is a recommendation.
pub(super) fn is_one(what: &str) -> bool {
    what == "-" || what.ends_with(FILE_END) || holds_carrier(what)
}

fn make(session: &Session, args: Make) -> Result<Report, Failure> {
    let what = args.what.unwrap_or_default();
    let mut wish = Wish { from: args.from, note: args.note };
    let context = &session.context;
    let (opened, collection);
    let place = match what.split_once(':') {
        _ if is_pack(session, &what) => Place::Pack(session.environment.absolute(what.as_ref())),
        Some((name, release)) => {
            let known = vault::Vault::find(context, name)?;
            if !context.offline {
                vault::pull(context, name, vault::Asked::These(&[Wanted::parse(release)?]))?;
            }
            wish.from.get_or_insert_with(|| known.url.clone());
            opened = vault::Opened::of(context, known)?;
            Place::Repository(&opened.repo, release.to_owned(), opened.ledger.as_ref())
        }
        None => {
            collection = session.collection()?;
            Place::Repository(&collection.repo, what, None)
        }
    };
    let found = bundle::find(&session.context, &place)?;
    let judges = vault::knowing(context, &found)?;
    let (verified, _) = verified(session, &found, &judges, None)?;
    let mut made = recommend::make(context, &found, &verified, &wish)?;
    let is_drawing = args.output.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "svg"));
    let code = if args.qr || is_drawing { Some(qr::code(&made.text)?) } else { None };
    let mut text = format!("{}\n", made.text);
    if let Some(path) = args.output.map(|path| session.environment.absolute(&path)) {
        let drawing = code.as_ref().filter(|_| is_drawing).map(qr::drawing);
        write_atomic(&path, drawing.as_ref().unwrap_or(&text).as_bytes(), Access::Shared)?;
        text = format!(
            "Wrote the recommendation of {NAME}{}{NAME:#} to {}\n",
            made.recommended.release,
            clean(&path.display().to_string())
        );
        made.output = Some(path);
    }
    if let Some(code) = code.filter(|_| args.qr && !is_drawing) {
        text.push_str(&qr::terminal(&code));
    }
    let report = Report::new("recommend", &made, text);
    Ok(match notice(&made) {
        Some(notice) => report.note(notice),
        None => report,
    })
}

/// Returns what the one who recommends should know.
fn notice(made: &Made) -> Option<String> {
    match &made.recommended.from {
        None => Some("It says what, and not where: `--from URL` adds that".to_owned()),
        Some(from) if made.is_gated => Some(format!(
            "Readers must allow '{}' before they can use it, since it is on a machine or not protected: `--from URL` names another",
            clean(from)
        )),
        Some(_) => None,
    }
}

/// Returns the text that an argument means.
fn text_of(session: &Session, what: &str) -> Result<String, Failure> {
    if holds_carrier(what) {
        return Ok(what.to_owned());
    }
    let bytes = if what == "-" {
        let mut bytes = Vec::new();
        // One byte over the limit is enough for the reader to refuse.
        std::io::stdin().lock().take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| {
            Failure::new(Class::Io, format!("cannot read standard input: {error}"), "give the text as an argument")
        })?;
        bytes
    } else {
        let path = session.environment.absolute(what.as_ref());
        if !path.is_file() {
            return Err(Failure::new(
                Class::Name,
                format!(
                    "'{}' is neither a recommendation nor a file",
                    what.chars().take(80).collect::<String>().escape_debug()
                ),
                "give the text that starts with `skillmeat-ref:`, a file that has it, or `-` for standard input",
            ));
        }
        read(&path, MAX_INPUT_BYTES)?
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Imports what is recommended, and nothing else.
pub(super) fn import(session: &Session, what: &str, wish: &ImportWish) -> Result<Report, Failure> {
    let (recommendation, recommended, verdict) = recommend::read(&session.context, &text_of(session, what)?)?;
    if !verdict.is_good() {
        let release = recommendation.release.to_string();
        return Err(Error::NotTrusted { release, verdict: Box::new(Unbelieved(verdict)) }.into());
    }
    let fetched = recommend::fetch(&session.context, &recommendation)?;
    let found = bundle::find(&session.context, &fetched.place(&recommendation.release))?;
    let judges = vault::knowing(&session.context, &found)?;
    let report = import_from(session, &found, wish, &judges, fetched.vault(), Some(&recommendation))?;
    Ok(match vault_hint(&fetched, &recommended) {
        Some(hint) => report.note(format!("To follow the vault: {hint}")),
        None => report,
    })
}

/// Returns the command that adds a vault which was asked once.
fn vault_hint(fetched: &Fetched, recommended: &Recommended) -> Option<String> {
    let url = recommended.from.as_deref().filter(|_| matches!(fetched, Fetched::Once { .. }))?;
    let source = Source::parse(url, |_| false, "").ok()?;
    let name = source.last_name().to_ascii_lowercase();
    let name: Option<BundleName> = name.trim_end_matches(".git").parse().ok();
    let name = name.map_or_else(|| "NAME".to_owned(), |name| name.to_string());
    Some(format!("`git skillmeat vault add {name} {}`", word(&clean(url))))
}

fn look(session: &Session, what: &str) -> Result<Report, Failure> {
    let (recommendation, recommended, signature) = recommend::read(&session.context, &text_of(session, what)?)?;
    let mut next = None;
    let (standing, status) = if !signature.is_good() {
        next = Some(signer_hint(&signature, &recommended.release));
        let reason = "its address is not asked before you trust who recommends it".to_owned();
        (Standing::NotAsked { reason }, if matches!(signature, Verdict::CannotCheck { .. }) { 1 } else { 3 })
    } else if recommendation.from.is_none() {
        (Standing::NotAsked { reason: "nothing says where it is".to_owned() }, 0)
    } else {
        match standing(session, &recommendation, &recommended, &mut next) {
            Ok(standing) => (standing, 0),
            Err(failure) => {
                let status = failure.class.exit_status();
                let reason = [&[failure.message][..], &failure.causes].concat().join(": ");
                (Standing::Failed { class: failure.class, reason, hint: failure.hint }, status)
            }
        }
    };
    let opened = Opened { recommended, signature, standing };
    let mut text = opened_text(&opened);
    if let Some(next) = next {
        text.push_str(&format!("next: {}\n", clean(&next)));
    }
    Ok(Report::new("recommend-open", &opened, text).status(status))
}

/// Fetches and verifies what is recommended, and looks what it would change.
fn standing(
    session: &Session,
    recommendation: &Recommendation,
    recommended: &Recommended,
    next: &mut Option<String>,
) -> Result<Standing, Failure> {
    let context = &session.context;
    let fetched = recommend::fetch(context, recommendation)?;
    let found = bundle::find(&session.context, &fetched.place(&recommendation.release))?;
    let judges = vault::knowing(context, &found)?;
    let (verified, report) = verified(session, &found, &judges, None)?;
    recommend::check(recommendation, &found, &verified)?;
    let plan = match session.collection() {
        Ok(collection) => {
            Some(bundle::plan(context, &collection, &found, &verified, &Existing::Refuse.into(), Detail::Files)?)
        }
        // There is none here.
        Err(failure) if failure.class == Class::Usage => None,
        Err(failure) => return Err(failure),
    };
    let adding =
        vault_hint(&fetched, recommended).map(|hint| format!(", {hint} to follow its vault")).unwrap_or_default();
    *next = Some(format!("`git skillmeat import` with the same text or file takes exactly this{adding}"));
    Ok(Standing::Verified { release: Box::new(report), plan })
}

fn opened_text(opened: &Opened) -> String {
    let said = &opened.recommended;
    let by = match &opened.signature {
        Verdict::Good { principal, fingerprint } => {
            format!("{NAME}{}{NAME:#} with key {fingerprint}", clean(principal))
        }
        other => format!("{WARNING}not verified{WARNING:#}: {}", clean(&Unbelieved(other.clone()).to_string())),
    };
    let mut text = format!("Recommended: {NAME}{}{NAME:#}\n  by         {by}\n", clean(&said.release));
    let pack = said.pack.map(|digest| digest.to_string());
    for (what, value) in [
        ("says", &said.note),
        ("about", &said.about),
        ("from", &said.from),
        ("tree", &Some(said.tree.to_string())),
        ("tag", &Some(said.tag.clone())),
        ("pack", &pack),
    ] {
        if let Some(value) = value {
            text.push_str(&format!("  {what:10} {}\n", clean(value)));
        }
    }
    match &opened.standing {
        Standing::Verified { release, plan } => {
            text.push_str(&verified_text(release, Screen::here()));
            match plan {
                Some(plan) => text.push_str(&dry_run_text(plan, false, "`--format json`")),
                None => text.push_str("There is no collection here, so nothing can be said of what it would change\n"),
            }
        }
        Standing::NotAsked { reason } => {
            text.push_str(&format!("{WARNING}Not checked{WARNING:#}: the release itself; {reason}\n"));
        }
        Standing::Failed { reason, hint, .. } => {
            text.push_str(&format!("{WARNING}Not verified{WARNING:#}: the release itself; {}\n", clean(reason)));
            if let Some(hint) = hint {
                text.push_str(&format!("next: {}\n", clean(hint)));
            }
        }
    }
    text
}
