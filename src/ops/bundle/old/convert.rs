//! Converting: a signed pack of today with what an old one holds.

use std::path::PathBuf;

use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

use super::super::Error;
use super::super::choice::Existing;
use super::super::export::{Exported, export};
use super::super::hidden::Hidden;
use super::super::wish::Export;
use super::content::content;
use super::import::import;
use super::read::{Old, OldReport};
use crate::fsio::{real_path, scratch_folder};
use crate::model::{ArtifactRef, BundleName, Compression};
use crate::ops::Context;
use crate::ops::collection::{Collection, init};

/// What to make of an old pack.
#[derive(Debug, Clone)]
pub struct Convert {
    /// Name of the bundle.
    pub bundle: BundleName,
    /// Its version.
    pub version: Version,
    /// Findings that do not keep it from being published: `ID`, or `ID:PATH`.
    pub allowed: Vec<String>,
    /// Where the new pack goes.
    pub output: PathBuf,
}

/// What `convert` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Converted {
    /// What is known of the old pack.
    pub old: OldReport,
    /// Artifacts that got another name than the old pack gives them, with that name.
    pub renamed: Vec<(ArtifactRef, String)>,
    /// The new one.
    pub new: Exported,
}

/// Makes a signed pack of an old one, through a collection that is there only for that time.
///
/// # Errors
/// What [`export`] refuses, [`Error::NothingToTake`], [`Error::Overwrites`]. No pack is there then.
pub fn convert(context: &Context, old: &Old, wish: Convert) -> Result<Converted, Error> {
    if real_path(&wish.output) == real_path(&old.path) {
        return Err(Error::Overwrites(wish.output));
    }
    let scratch = scratch_folder(&context.scratch)?;
    let folder = scratch.path().join("collection");
    init(context, &folder, "converted")?;
    let taken = {
        let (collection, _lock) = Collection::open(&folder)?.to_change(context)?;
        let taken = content(&collection.repo, old)?;
        import(context, &collection, old, &taken, Existing::Refuse, Hidden::Take)?;
        taken
    };
    let (collection, _lock) = Collection::open(&folder)?.to_change(context)?;
    let export_wish = Export {
        minisign: None,
        dependencies: std::collections::BTreeMap::new(),
        bundle: wish.bundle,
        version: wish.version,
        artifacts: taken.artifacts.iter().map(|one| one.artifact.clone()).collect(),
        // Signed with the rest: whoever reads it learns that nobody stood for it before.
        description: Some(format!("Converted from an unsigned pack, {}", old.report.pack)),
        license: None,
        allowed: wish.allowed,
        compression: Compression::Store,
        discovery: false,
        output: wish.output,
    };
    let new = export(context, &collection, &export_wish)?;
    Ok(Converted { old: OldReport { left: taken.left, ..old.report.clone() }, renamed: taken.renamed, new })
}
