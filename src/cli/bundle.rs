//! `export`, `verify` and `import`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, brief, clean, count, runs_text, short, size};
use crate::model::{BundleName, Class, Compression, Digest};
use crate::ops::bundle::{self, Error, Existing, Export, Imported, Older, Place, Plan, Step, VerifiedReport};
use crate::ops::vault;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a signed release of artifacts: a tag and a pack
    #[command(after_help = "Examples:\n  git skillmeat export review-kit --version 1.0.0 --all\n  \
        git skillmeat export review-kit --version 1.1.0 --artifact skill/pdf --artifact agent/reviewer")]
    Export {
        /// Name of the bundle
        name: String,
        /// Its version, such as 1.0.0
        #[arg(long)]
        version: semver::Version,
        /// Take all artifacts of the collection
        #[arg(long, conflicts_with = "artifact")]
        all: bool,
        /// Take this artifact; may be given several times
        #[arg(long, value_name = "REF")]
        artifact: Vec<String>,
        /// Where the pack goes; NAME-VERSION.skillmeat-pack in this folder otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Licence of the whole, as an SPDX expression
        #[arg(long, value_name = "SPDX")]
        license: Option<String>,
        /// Publish in spite of the finding with this id, and record it; may be given several times
        #[arg(long, value_name = "ID")]
        allow: Vec<String>,
        /// How the pack holds the files: as they are, where any changed byte is found, or smaller
        #[arg(long, value_enum, default_value_t = Packing::Store)]
        compression: Packing,
    },
    /// Check a release: signature, signer, and every byte
    #[command(
        after_help = "Examples:\n  git skillmeat verify review-kit-1.0.0.skillmeat-pack\n  git skillmeat verify review-kit--v1.0.0"
    )]
    Verify {
        /// A pack, or a tag of the collection
        #[arg(value_name = "PACK|TAG")]
        what: String,
    },
    /// Bring a verified release into the collection, in one commit
    #[command(
        after_help = "Examples:\n  git skillmeat import review-kit-1.0.0.skillmeat-pack --dry-run\n  git skillmeat import team:review-kit@1.0.0"
    )]
    Import {
        /// A pack, or VAULT:BUNDLE[@VERSION]
        #[arg(value_name = "PACK|VAULT:BUNDLE")]
        what: String,
        /// Show what would be imported, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Agree without being asked
        #[arg(short, long)]
        yes: bool,
        /// Agree to exactly this tree digest
        #[arg(long, value_name = "sha256:…")]
        accept: Option<Digest>,
        /// What to do with artifacts that the collection has with other content
        #[arg(long, value_enum, default_value_t = Keep::Refuse)]
        existing: Keep,
        /// Take a release that is older than one that was imported before
        #[arg(long)]
        allow_older: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Packing {
    Deflate,
    Store,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Keep {
    Refuse,
    Skip,
    Replace,
    Merge,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Verify { what } => verify(session, &what),
            Command::Import { what, dry_run, yes, accept, existing, allow_older } => {
                let existing = match existing {
                    Keep::Refuse => Existing::Refuse,
                    Keep::Skip => Existing::Skip,
                    Keep::Replace => Existing::Replace,
                    Keep::Merge => Existing::Merge,
                };
                let older = if allow_older { Older::Take } else { Older::Refuse };
                import(session, &what, Wish { dry_run, yes, accept, existing, older })
            }
            Command::Export { name, version, all, artifact, output, description, license, allow, compression } => {
                if !all && artifact.is_empty() {
                    return Err(Error::Empty.into());
                }
                let bundle: BundleName = name.parse().map_err(crate::ops::collection::Error::from)?;
                let default = || bundle::default_output(&session.environment.folder, &bundle, &version);
                let output = output.map_or_else(default, |path| session.environment.absolute(&path));
                let compression = match compression {
                    Packing::Deflate => Compression::Deflate,
                    Packing::Store => Compression::Store,
                };
                check_license(license.as_deref())?;
                let (collection, _lock) = session.collection_to_change()?;
                let artifacts = collection.select(&artifact)?;
                export(
                    session,
                    &collection,
                    &Export { bundle, version, artifacts, description, license, allowed: allow, compression, output },
                )
            }
        }
    }
}

fn check_license(license: Option<&str>) -> Result<(), Failure> {
    let Some(license) = license else { return Ok(()) };
    spdx::Expression::parse(license).map(drop).map_err(|_| {
        Failure::new(
            Class::Policy,
            format!("'{}' is not an SPDX expression", license.escape_debug()),
            "write for example `MIT OR Apache-2.0`",
        )
    })
}

fn export(
    session: &Session,
    collection: &crate::ops::collection::Collection,
    wish: &Export,
) -> Result<Report, Failure> {
    let made = bundle::export(&session.context, collection, wish)?;
    let tag = if made.new_tag { "signed tag" } else { "the tag that was there" };
    let text = format!(
        "Exported {NAME}{}{NAME:#}: {tag} {}, {} in {}\n  pack    {} ({})\n  sha256  {}\n  tree    {}\n",
        made.release,
        brief(&made.tag),
        count(made.artifacts.len(), "artifact"),
        count(made.files, "file"),
        made.pack.display(),
        size(made.pack_size),
        made.pack_digest.hex(),
        made.digest,
    );
    Ok(Report::new("export", &made, text))
}

/// Says whether a file is meant: no name of a release has a slash or ends like a pack.
fn is_pack(session: &Session, what: &str) -> bool {
    what.contains(std::path::is_separator)
        || what.ends_with(".skillmeat-pack")
        || session.environment.absolute(what.as_ref()).is_file()
}

fn verify(session: &Session, what: &str) -> Result<Report, Failure> {
    let collection;
    let place = if is_pack(session, what) {
        Place::Pack(session.environment.absolute(what.as_ref()))
    } else {
        collection = session.collection()?;
        Place::Repository(&collection.repo, what.to_owned())
    };
    let found = bundle::find(&place)?;
    let verified = bundle::verify(&session.context, &found)?;
    let report = bundle::report(&found, &verified);
    Ok(Report::new("verify", &report, verified_text(&report)))
}

fn verified_text(report: &VerifiedReport) -> String {
    let artifacts: Vec<_> = report.artifacts.iter().map(ToString::to_string).collect();
    format!(
        "Verified {NAME}{}{NAME:#}\n  signed by  {} with key {}\n  level      {}: signed by a key you trust; no vault vouches for it yet\n  \
         dated      {} (by the signer)\n  about      {}\n  license    {}\n  holds      {}\n  size       {}, {}\n  tree       {}\n",
        report.release,
        clean(&report.principal),
        report.fingerprint,
        report.level,
        report.time,
        short(&report.description, 100),
        clean(&report.license),
        artifacts.join(", "),
        count(report.files, "file"),
        size(report.size),
        report.digest,
    )
}

/// How an import is wished for.
struct Wish {
    dry_run: bool,
    yes: bool,
    accept: Option<Digest>,
    existing: Existing,
    older: Older,
}

fn import(session: &Session, what: &str, mut wish: Wish) -> Result<Report, Failure> {
    session.collection()?;
    if is_pack(session, what) {
        let place = Place::Pack(session.environment.absolute(what.as_ref()));
        return import_from(session, &place, &wish, None);
    }
    let Some((vault, release)) = what.split_once(':') else {
        return Err(Failure::new(
            Class::Name,
            format!("'{}' is neither a pack nor VAULT:BUNDLE", what.escape_debug()),
            "`git skillmeat vault ls NAME` shows what a vault has",
        ));
    };
    if release.contains('@') || release.contains("--v") {
        // Who names a version has it, whatever was here before.
        wish.older = Older::Take;
    }
    let known = vault::Vault::find(&session.context, vault)?;
    if !session.context.offline {
        vault::pull(&session.context, vault)?;
    }
    let store = vault::store(&session.context, &known)?;
    import_from(session, &Place::Repository(&store, release.to_owned()), &wish, Some(vault))
}

fn import_from(session: &Session, place: &Place<'_>, wish: &Wish, vault: Option<&str>) -> Result<Report, Failure> {
    let found = bundle::find(place)?;
    let verified = bundle::verify(&session.context, &found)?;
    let report = bundle::report(&found, &verified);
    let content = verified.get();
    if let Some(accepted) = wish.accept.filter(|accepted| *accepted != content.digest) {
        return Err(Error::OtherDigest { release: content.release.to_string(), found: content.digest, accepted }.into());
    }
    let plan = bundle::plan(&session.context, &session.collection()?, &found, &verified, wish.existing)?;
    if wish.dry_run {
        let text = format!("{}{}", verified_text(&report), plan_text(&plan, true));
        let imported = Imported { plan, principal: report.principal, commit: None };
        return Ok(with_status(Report::new("import", &imported, text), &imported.plan));
    }
    plan.check_age(wish.older)?;
    if plan.changes() && !wish.yes && wish.accept.is_none() {
        let preview = format!("{}{}", verified_text(&report), plan_text(&plan, true));
        let _ = std::io::Write::write_all(&mut anstream::stderr(), preview.as_bytes());
        if !session.confirm("Import this?") {
            return Err(Error::Consent { release: content.release.clone(), digest: content.digest }.into());
        }
    }
    let (collection, _lock) = session.collection_to_change()?;
    let done = bundle::import(&session.context, &collection, &found, &verified, (wish.existing, wish.older), vault)?;
    let commit = match &done.commit {
        Some(commit) => format!("Commit {}\n", brief(commit)),
        None if done.plan.has_conflicts() => String::new(),
        None => "Nothing to do: the collection has all of it\n".to_owned(),
    };
    let head = format!("{NAME}{}{NAME:#} signed by {}\n", done.plan.release, clean(&done.principal));
    let text = format!("{head}{}{commit}", plan_text(&done.plan, false));
    Ok(with_status(Report::new("import", &done, text), &done.plan))
}

/// The status is 1 where something waits, so that a script notices.
fn with_status(report: Report, plan: &Plan) -> Report {
    if plan.has_conflicts() { report.status(Class::Conflict.exit_status()) } else { report }
}

fn plan_text(plan: &Plan, dry_run: bool) -> String {
    let mut text = String::new();
    if let Some(here) = plan.older_than.as_ref().filter(|_| plan.changes()) {
        text.push_str(&format!("{WARNING}older{WARNING:#} than '{}', which was imported before\n", clean(here)));
    }
    for planned in &plan.artifacts {
        let (past, future) = match planned.step {
            Step::Add => ("Added", "Would add"),
            Step::Same => ("Unchanged", "Unchanged"),
            Step::Update => ("Updated", "Would update"),
            Step::Replace => ("Replaced", "Would replace"),
            Step::Merge => ("Merged", "Would merge"),
            Step::Conflict => ("Waits for a decision:", "Would wait for a decision:"),
            Step::Skip => ("Kept yours:", "Would keep yours:"),
            Step::Refuse => ("Refused", "Would refuse, the collection has other content:"),
        };
        let verb = if dry_run { future } else { past };
        text.push_str(&format!("{verb} {NAME}{}{NAME:#}, {}\n", planned.artifact, count(planned.files.len(), "file")));
        if planned.step == Step::Conflict {
            text.push_str(&format!("  both sides changed {}\n", clean(&planned.conflicts.join(", "))));
            text.push_str(&format!("  next: `git skillmeat resolve {}`\n", planned.artifact));
        }
    }
    for artifact in &plan.gone {
        text.push_str(&format!(
            "Stays {NAME}{artifact}{NAME:#}, which this release has no more: `git skillmeat remove {artifact}`\n"
        ));
    }
    text + &runs_text(&plan.runs)
}
