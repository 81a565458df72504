//! `export`, `verify` and `import`.

use std::path::PathBuf;

use anstyle::Style;
use clap::{Subcommand, ValueEnum};
use semver::VersionReq;

use super::arguments::{check_needs, level, need};
use super::failure::Failure;
use super::import::{Wish, import};
use super::passphrase;
use super::report::Report;
use super::screen::Screen;
use super::session::Session;
use super::text::{NAME, above_text, brief, count, size};
use super::verified::{check_policy, find, verified, verified_text};
use crate::model::{BundleName, Class, Compression, Digest, Kind};
use crate::ops::bundle::{self, Allowed, Error, Existing, Export, Hidden, Older, VerifiedReport};
use crate::trust::Level;

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one is made in each run")]
pub(super) enum Command {
    /// Make a signed release of artifacts: a tag and a pack
    #[command(after_help = "Examples:\n  git skillmeat export review-kit --version 1.0.0 --all\n  \
        git skillmeat export review-kit --version 1.1.0 --artifact skill/pdf --artifact agent/reviewer\n  \
        git skillmeat export hooks --version 1.0.0 --kind hook --tag team --depends 'base-kit@^1.2'\n  \
        git skillmeat export pdf --version 1.0.0 --artifact skill/pdf --discovery\n  \
        git skillmeat export pdf --version 1.0.0 --artifact skill/pdf --allow secret.github-token:skills/pdf/example.md")]
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
        /// Take all artifacts of this kind; may be given several times
        #[arg(long, value_name = "KIND", conflicts_with = "all")]
        kind: Vec<Kind>,
        /// Take all artifacts with this tag; may be given several times
        #[arg(long, value_name = "TAG", conflicts_with = "all")]
        tag: Vec<String>,
        /// Where the pack goes; NAME-VERSION.skillmeat-pack in this folder otherwise
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// What it is for
        #[arg(long)]
        description: Option<String>,
        /// Licence of the whole, as an SPDX expression
        #[arg(long, value_name = "SPDX")]
        license: Option<String>,
        /// A bundle that this one needs, with the versions that will do; may be given several times
        #[arg(long, value_name = "NAME@RANGE", value_parser = need)]
        depends: Vec<(BundleName, VersionReq)>,
        /// Publish in spite of the findings with this id, or of those in one file, and record it; may be given several times
        #[arg(long, value_name = "ID[:PATH]")]
        allow: Vec<String>,
        /// How the pack holds the files: as they are, where any changed byte is found, or smaller
        #[arg(long, value_enum, default_value_t = Packing::Store)]
        compression: Packing,
        /// Put the only skill at the root of the pack too, so that it is an archive for discovery clients
        #[arg(long)]
        discovery: bool,
        /// Sign the pack with this secret key of minisign too; `skillmeat.minisignKey` otherwise
        #[arg(long, value_name = "KEYFILE")]
        minisign: Option<PathBuf>,
    },
    /// Check a release: signature, signer, and every byte
    #[command(
        after_help = "Examples:\n  git skillmeat verify review-kit-1.0.0.skillmeat-pack\n  git skillmeat verify review-kit--v1.0.0\n  \
        git skillmeat verify team:review-kit"
    )]
    Verify {
        /// A pack, a tag of the collection, or VAULT:BUNDLE[@VERSION or range]
        #[arg(value_name = "PACK|TAG|VAULT:BUNDLE")]
        what: String,
        /// Be content with this level where the policy asks for more
        #[arg(long, value_name = "0-4", value_parser = level)]
        allow_level: Option<Level>,
        /// Check PACK.minisig too, with this public key of minisign: its text, or its file
        #[arg(long, value_name = "PUBKEY")]
        minisign_key: Option<String>,
    },
    /// Bring a verified release into the collection, in one commit
    #[command(after_help = "Examples:\n  git skillmeat import review-kit-1.0.0.skillmeat-pack --dry-run\n  \
            git skillmeat import team:review-kit@1.0.0\n  \
            git skillmeat import team:review-kit --existing fork     # yours stay, theirs come in as NAME-from-review-kit\n  \
            git skillmeat import team:review-kit --interactive\n  \
            git skillmeat import 'team:review-kit@^1.2' --link       # and later: git skillmeat update")]
    Import {
        /// A pack, VAULT:BUNDLE[@VERSION|@RANGE], or a recommendation: its text, its file, or `-`
        #[arg(value_name = "PACK|VAULT:BUNDLE|REF")]
        what: String,
        /// Show what would be imported, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Show every line that would change
        #[arg(long)]
        diff: bool,
        /// Agree without being asked
        #[arg(short, long)]
        yes: bool,
        /// With --yes, agree to a pack of the Python SkillMeat, which nobody has signed
        #[arg(long)]
        allow_unsigned: bool,
        /// Take text that nobody sees and an agent reads; the commit says so
        #[arg(long)]
        allow_hidden: bool,
        /// Agree to exactly this tree digest; where bundles that it needs come along, one for each
        #[arg(long, value_name = "sha256:…")]
        accept: Vec<Digest>,
        /// What to do with artifacts that the collection has with other content
        #[arg(long, value_enum, default_value_t = Keep::Refuse)]
        existing: Keep,
        /// Ask what to do with each of them
        #[arg(long, conflicts_with = "existing")]
        interactive: bool,
        /// Follow the vault: `update` takes newer releases of the bundle, in the range that is named
        #[arg(long)]
        link: bool,
        /// Take a release that is older than one that was imported before
        #[arg(long)]
        allow_older: bool,
        /// Take the releases that `collection.lock` names, and no others
        #[arg(long)]
        locked: bool,
        /// Leave out the bundles that it needs
        #[arg(long)]
        no_dependencies: bool,
        /// Be content with this level where the policy asks for more; it is recorded
        #[arg(long, value_name = "0-4", value_parser = level)]
        allow_level: Option<Level>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Packing {
    Deflate,
    Store,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Keep {
    /// Import nothing
    Refuse,
    /// Keep yours
    Skip,
    /// Take the new ones; history keeps yours
    Replace,
    /// Put both together, of what came from this bundle before
    Merge,
    /// Keep yours, and take the new ones under another name, always the same: NAME-from-BUNDLE
    Fork,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Verify { what, minisign_key, allow_level } => {
                verify(session, &what, minisign_key.as_deref(), allow_level)
            }
            Command::Import {
                what,
                dry_run,
                diff,
                yes,
                allow_unsigned,
                allow_hidden,
                accept,
                existing,
                interactive,
                link,
                allow_older,
                locked,
                no_dependencies,
                allow_level,
            } => {
                let existing = match existing {
                    Keep::Refuse => Existing::Refuse,
                    Keep::Skip => Existing::Skip,
                    Keep::Replace => Existing::Replace,
                    Keep::Merge => Existing::Merge,
                    Keep::Fork => Existing::Fork,
                };
                let older = if allow_older { Older::Take } else { Older::Refuse };
                let hidden = if allow_hidden { Hidden::Take } else { Hidden::Refuse };
                import(
                    session,
                    &what,
                    Wish {
                        dry_run,
                        yes,
                        allow_unsigned,
                        accept,
                        existing,
                        interactive,
                        link,
                        follows: None,
                        allowed: Allowed { older, hidden },
                        locked,
                        no_dependencies,
                        allow_level,
                        diff,
                    },
                )
            }
            Command::Export {
                name,
                version,
                all,
                artifact,
                kind,
                tag,
                output,
                description,
                license,
                depends,
                allow,
                compression,
                discovery,
                minisign,
            } => {
                if !all && artifact.is_empty() && kind.is_empty() && tag.is_empty() {
                    return Err(Error::Empty.into());
                }
                let bundle: BundleName = name.parse().map_err(crate::ops::collection::Error::from)?;
                check_needs(&bundle, &depends)?;
                let default = || bundle::default_output(&session.environment.folder, &bundle, &version);
                let output = output.map_or_else(default, |path| session.environment.absolute(&path));
                let compression = match compression {
                    Packing::Deflate => Compression::Deflate,
                    Packing::Store => Compression::Store,
                };
                check_license(license.as_deref())?;
                let minisign = passphrase::minisign_signer(session, minisign)?;
                let (collection, _lock) = session.collection_to_change()?;
                let mut artifacts =
                    if all || !artifact.is_empty() { collection.select(&artifact)? } else { Vec::new() };
                for tag in &tag {
                    if collection.chosen_by(&[], std::slice::from_ref(tag))?.is_empty() {
                        return Err(Error::NoSuchTag(tag.clone()).into());
                    }
                }
                artifacts.extend(collection.chosen_by(&kind, &tag)?);
                artifacts.sort();
                artifacts.dedup();
                export(
                    session,
                    &collection,
                    &Export {
                        bundle,
                        version,
                        artifacts,
                        description,
                        license,
                        dependencies: depends.into_iter().collect(),
                        allowed: allow,
                        compression,
                        discovery,
                        output,
                        minisign,
                    },
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
    let text = match &made.minisig {
        Some(path) => format!("{text}  minisig {}\n", path.display()),
        None => text,
    };
    Ok(made.too_much_for_some.iter().map(above_text).fold(Report::new("export", &made, text), Report::note))
}

/// Says whether a file is meant: no name of a release has a slash or ends like a pack.
pub(super) fn is_pack(session: &Session, what: &str) -> bool {
    what.contains(std::path::is_separator)
        || what.ends_with(".skillmeat-pack")
        || session.environment.absolute(what.as_ref()).is_file()
}

fn verify(session: &Session, what: &str, minisign_key: Option<&str>, level: Option<Level>) -> Result<Report, Failure> {
    let found = find(session, what);
    if let (Err(_), Some(key)) = (&found, minisign_key.filter(|_| is_pack(session, what))) {
        passphrase::check_file(session, what, key)?;
    }
    let (found, judges) = found?;
    // First, so that what is bad is refused whatever the tag says.
    let minisign = minisign_key.map(|key| passphrase::minisign_verdict(session, &found, key)).transpose()?;
    let (verified, report) = verified(session, &found, &judges, minisign.as_ref())?;
    check_policy(session, verified.get(), level)?;
    let report = VerifiedReport { minisign, ..report };
    let screen = Screen::here();
    let names: Vec<String> = report.artifacts.iter().map(ToString::to_string).collect();
    let text = verified_text(&report, screen) + &screen.names(Style::new(), "  artifacts  ", &names);
    Ok(Report::new("verify", &report, text))
}
