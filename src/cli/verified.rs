//! What is known of a verified release, in words: the level first, and who signed it.

use anstyle::Style;

use super::bundle::is_pack;
use super::failure::{Failure, Standing};
use super::passphrase;
use super::screen::Screen;
use super::session::Session;
use super::text::{NAME, WARNING, clean, count, short, size};
use crate::model::{ArtifactRef, Kind};
use crate::ops::bundle::{self, Found, Place, VerifiedReport, Wanted};
use crate::ops::vault::{self, Asked, Judges, Opened, Vault};
use crate::ops::{introduction, keys};
use crate::signature::MinisignVerdict;
use crate::trust::{Level, ReleaseContent, Verified};

/// Most lines that [`verified_text`] takes where names are of an ordinary length.
pub(super) const VERIFIED_LINES: usize = 12;

/// Most characters of what publishers write freely; JSON has all of it.
const MAX_SAID: usize = 300;

/// Says what a level means, and why it is not higher.
pub(super) fn level_text(report: &VerifiedReport) -> String {
    let vault = report.vault.as_deref().map(clean).unwrap_or_default();
    let entry = report.number.map(|number| format!("entry {number} of the ledger of '{vault}'")).unwrap_or_default();
    match (report.meaning, report.number) {
        (Level::Witnessed, _) => format!("released as {entry}, which is fresh and witnessed"),
        (Level::Released, _) if !report.is_fresh => {
            format!("released as {entry}; no fresh checkpoint says that it is the newest")
        }
        (Level::Released, _) => format!("released as {entry}; too few witnesses saw the same ledger"),
        (Level::Signed, Some(_)) => format!("released as {entry}, whose id nobody has compared"),
        (Level::Signed, None) if report.other_in.is_empty() => {
            "signed by a key you trust; no vault vouches for it".to_owned()
        }
        (Level::Signed, None) => format!(
            "signed by a key you trust; no vault vouches for it, and '{}' has another release of this name",
            clean(&report.other_in.join("', '"))
        ),
        (Level::Intact, _) => "intact, author unknown".to_owned(),
        (Level::Unverified, _) => "unverified".to_owned(),
    }
}

/// Returns what is known of a verified release, in at most [`VERIFIED_LINES`] lines.
pub(super) fn verified_text(report: &VerifiedReport, screen: Screen) -> String {
    let line = |name: &str, text: &str| screen.line(Style::new(), &format!("  {name:10} "), text);
    let mut text = format!("Verified {NAME}{}{NAME:#}\n", report.release);
    text.push_str(&screen.fact("level", &format!("{}: {}", report.level, level_text(report))));
    text.push_str(&screen.fact("signed by", &format!("{} with key {}", report.principal, report.fingerprint)));
    if let Some(reason) = &report.yanked {
        text.push_str(&screen.line(WARNING, "  taken back ", &short(reason, MAX_SAID)));
    }
    let dated = format!("{} by its signer", report.time);
    match &report.published {
        Some(time) => text.push_str(&line("published", &format!("{time} by its publisher, dated {dated}"))),
        None => text.push_str(&line("dated", &dated)),
    }
    if let Some(minisign) = &report.minisign {
        text.push_str(&line("minisign", &minisign.to_string()));
    }
    text.push_str(&line("about", &short(&report.description, MAX_SAID)));
    text.push_str(&line("license", &report.license));
    let held = format!("{} in {}, {}", kinds_text(&report.artifacts), count(report.files, "file"), size(report.size));
    text.push_str(&line("holds", &held));
    let needs: Vec<_> = report.dependencies.iter().map(|(name, range)| format!("{name} {range}")).collect();
    if !needs.is_empty() {
        text.push_str(&screen.names(Style::new(), "  needs      ", &needs));
    }
    text + &format!("  tree       {}\n", report.digest)
}

/// Returns how many artifacts of each kind there are.
pub(super) fn kinds_text<'a>(artifacts: impl IntoIterator<Item = &'a ArtifactRef>) -> String {
    let kinds: Vec<Kind> = artifacts.into_iter().map(|artifact| artifact.kind).collect();
    let told = |kind: Kind| {
        let number = kinds.iter().filter(|one| **one == kind).count();
        let noun = if kind == Kind::Mcp { "MCP server".to_owned() } else { kind.to_string() };
        (number > 0).then(|| count(number, &noun))
    };
    Kind::ALL.into_iter().filter_map(told).collect::<Vec<_>>().join(", ")
}

/// Finds what is named, with the vaults that have a say on it: a pack, VAULT:BUNDLE, which is fetched first, or a tag of the
/// collection.
pub(super) fn find(session: &Session, what: &str) -> Result<(Found, Judges), Failure> {
    let context = &session.context;
    let found = if is_pack(session, what) {
        bundle::find(context, &Place::Pack(session.environment.absolute(what.as_ref())))?
    } else if let Some((name, release)) = what.split_once(':') {
        let known = Vault::find(context, name)?;
        if !context.offline {
            vault::pull(context, name, Asked::These(&[Wanted::parse(release)?]))?;
        }
        let opened = Opened::of(context, known)?;
        let place = Place::Repository(&opened.repo, release.to_owned(), opened.ledger.as_ref());
        let found = bundle::find(context, &place)?;
        return Ok((found, opened.into()));
    } else {
        let collection = session.collection()?;
        bundle::find(context, &Place::Repository(&collection.repo, what.to_owned(), None))?
    };
    let judges = vault::knowing(context, &found)?;
    Ok((found, judges))
}

/// Verifies a release, by what the vaults say that have a say on it. What is known of a signature of minisign beside it is said
/// with a refusal too.
pub(super) fn verified(
    session: &Session,
    found: &Found,
    judges: &Judges,
    minisign: Option<&MinisignVerdict>,
) -> Result<(Verified<ReleaseContent>, VerifiedReport), Failure> {
    let verified =
        judges.verify(&session.context, found).map_err(|error| refused(session, found, error.into(), minisign))?;
    let report = bundle::report(found, &verified, judges.origin().map(|opened| opened.vault.name.as_str()));
    Ok((verified, report))
}

/// Says who signed what is refused, as far as the signature holds.
fn refused(session: &Session, found: &Found, mut failure: Failure, minisign: Option<&MinisignVerdict>) -> Failure {
    if let Some(mut known) = failure.standing.take() {
        if let Ok(key) = introduction::key_of_release(found) {
            let fingerprint = key.fingerprint();
            let signers = keys::list(&session.context).unwrap_or_default();
            let holder = signers.into_iter().find(|signer| signer.fingerprint == fingerprint);
            known.principal = holder.map(|signer| signer.principals);
            known.fingerprint = Some(fingerprint);
        }
        seen(&mut failure, *known);
    }
    passphrase::beside_minisign(failure, minisign)
}

/// Refuses a verified release of which less is known than the policy asks for, unless its level is at least `allowed`.
pub(super) fn check_policy(session: &Session, content: &ReleaseContent, allowed: Option<Level>) -> Result<(), Failure> {
    bundle::check_policy(&session.context, content, allowed).map_err(|error| {
        let mut failure = Failure::from(error);
        if let Some(mut known) = failure.standing.take() {
            (known.principal, known.fingerprint) = (Some(content.principal.clone()), Some(content.fingerprint.clone()));
            seen(&mut failure, *known);
        }
        failure
    })
}

/// Tells the signer among the causes, where they do not tell of them yet.
fn seen(failure: &mut Failure, known: Standing) {
    let is_told =
        |what: &str| failure.message.contains(what) || failure.causes.iter().any(|cause| cause.contains(what));
    // What the tag says of its tagger is no identity, and not told.
    let cause = match (&known.fingerprint, &known.principal) {
        (Some(key), Some(who)) if !is_told(key) || !is_told(who) => {
            Some(format!("it is signed by '{}' with key {key}", clean(who)))
        }
        (Some(key), None) if !is_told(key) => Some(format!("it is signed with key {key}")),
        _ => None,
    };
    if let Some(cause) = cause {
        failure.also(&cause);
    }
    failure.standing = Some(Box::new(known));
}
