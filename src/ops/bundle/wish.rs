//! What is to be exported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use semver::{Version, VersionReq};

use crate::model::{ArtifactRef, BundleName, Compression};
use crate::signature::MinisignSigner;

/// What to export.
#[derive(Debug, Clone)]
pub struct Export {
    /// Name of the bundle.
    pub bundle: BundleName,
    /// Its version.
    pub version: Version,
    /// The artifacts.
    pub artifacts: Vec<ArtifactRef>,
    /// What it is for; the collection's description otherwise.
    pub description: Option<String>,
    /// SPDX expression; the collection's licence otherwise.
    pub license: Option<String>,
    /// The bundles that it needs.
    pub dependencies: BTreeMap<BundleName, VersionReq>,
    /// Findings that do not keep it from being published: `ID`, or `ID:PATH` for those in one file of the bundle.
    pub allowed: Vec<String>,
    /// How the pack holds the files.
    pub compression: Compression,
    /// Whether the only skill stands at the root too, where discovery clients look for it.
    pub discovery: bool,
    /// Where the pack goes.
    pub output: PathBuf,
    /// The key of minisign that signs the pack too.
    pub minisign: Option<MinisignSigner>,
}

impl Export {
    /// Returns what allows a finding at a path of the bundle, as the user wrote it; `None` where nothing does.
    pub(super) fn allows(&self, id: &str, path: &str) -> Option<String> {
        let at = |allowed: &&String| {
            allowed.as_str() == id || allowed.split_once(':').is_some_and(|(other, place)| other == id && place == path)
        };
        // An id alone says more: it comes first.
        self.allowed.iter().filter(at).min_by_key(|allowed| allowed.len()).cloned()
    }
}
