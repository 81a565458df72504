//! Packs of the Python SkillMeat: what their manifests say (`schema/old-packs.md`).
//!
//! Three programs called three formats `.skillmeat-pack`. Here are the meanings only: bytes of a manifest and of files
//! come in, and nothing is known of archives. What a manifest says of its author is a claim and is kept as one.

mod checked;
mod listed;
mod members;
mod toml_bundle;

use schemars::JsonSchema;
use serde::Serialize;

use super::{ForeignError, MAX_ARTIFACTS, from_toml};
use crate::model::{Digest, shown};
pub use members::{OldHash, OldMember};

/// Largest manifest of an old pack, in bytes: it may repeat the text of each workflow, and the largest seen has 60 KiB.
pub const MAX_OLD_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;

/// Which of the three formats a pack has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OldFormat {
    /// A ZIP with `manifest.json`.
    ManifestJson,
    /// A ZIP with `bundle.toml` that has a table `[bundle]`.
    BundleToml,
    /// A gzip tar with `manifest.toml`.
    ManifestToml,
}

impl OldFormat {
    /// The formats that are a ZIP.
    pub const ZIPPED: [Self; 2] = [Self::ManifestJson, Self::BundleToml];

    /// Returns the name of the manifest, at the root of the archive.
    pub fn manifest_name(self) -> &'static str {
        match self {
            Self::ManifestJson => "manifest.json",
            Self::BundleToml => "bundle.toml",
            Self::ManifestToml => "manifest.toml",
        }
    }

    /// Says whether the bytes of a file of that name are a manifest of this format, or nothing that can be read at all.
    ///
    /// Many archives have such a file: an extension of a browser, a release of our own whose signature was taken out. Only
    /// what stands in it tells them apart.
    pub fn may_be(self, bytes: &[u8]) -> bool {
        let Ok(text) = super::text(bytes) else { return true };
        match self {
            Self::ManifestJson => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(value) => value.get("artifacts").is_some(),
                Err(_) => true,
            },
            Self::BundleToml => match text.parse::<toml::Table>() {
                Ok(table) => table.contains_key("bundle") && !table.contains_key("format"),
                Err(_) => true,
            },
            Self::ManifestToml => match text.parse::<toml::Table>() {
                Ok(table) => table.contains_key("pack-format-version"),
                Err(_) => true,
            },
        }
    }

    /// Parses a manifest of this format.
    ///
    /// # Errors
    /// [`OldPackError::Manifest`], [`OldPackError::Member`], [`OldPackError::Digest`] for a digest over the manifest itself
    /// that does not match.
    pub fn parse(self, bytes: &[u8]) -> Result<OldManifest, OldPackError> {
        let wrong = |source| OldPackError::Manifest { file: self.manifest_name(), source };
        let text = super::text(bytes).map_err(wrong)?;
        let manifest = match self {
            Self::ManifestJson => listed::parse(text)?,
            Self::BundleToml => toml_bundle::parse_bundle(text).map_err(wrong)?,
            Self::ManifestToml => members::parse(text)?,
        };
        if manifest.members.len() > MAX_ARTIFACTS {
            return Err(wrong(ForeignError::TooMany));
        }
        manifest.check_places()?;
        Ok(manifest)
    }
}

/// What the manifest of an old pack says. Nobody has signed it.
#[derive(Debug)]
pub struct OldManifest {
    /// Which format.
    pub format: OldFormat,
    /// What the pack calls itself.
    pub name: String,
    /// Its version, where it has one.
    pub version: Option<String>,
    /// Who it says made it.
    pub author: Option<String>,
    /// When it says it was made.
    pub created: Option<String>,
    /// What it holds.
    pub members: Vec<OldMember>,
    /// Packs that it needs.
    pub dependencies: Vec<String>,
    /// Who it says signed it, where it has a signature. It is never believed.
    pub claimed_signer: Option<String>,
    /// Whether it has a digest over itself, which matches.
    pub is_covered: bool,
}

/// Why an old pack is not taken.
#[derive(Debug, thiserror::Error)]
pub enum OldPackError {
    /// The manifest cannot be read.
    #[error("'{file}' of the pack cannot be read")]
    Manifest {
        /// Its name.
        file: &'static str,
        /// Why.
        source: ForeignError,
    },
    /// The manifest says of a member what cannot be.
    #[error("the manifest says of '{}' what cannot be: {reason}", shown(.member))]
    Member {
        /// What it calls the member.
        member: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The pack has not all files that its manifest lists.
    #[error("the manifest lists '{}', which the pack does not have", shown(.path))]
    Missing {
        /// Path in the pack.
        path: String,
    },
    /// Something is not what the pack's own digest says.
    #[error("the pack names the digest {expected} for {}, which has {found}", shown(.what))]
    Digest {
        /// The manifest, or a member.
        what: String,
        /// In the pack.
        expected: Digest,
        /// Of what is there.
        found: Digest,
    },
}

/// Reads a digest as the predecessor writes it: `sha256:` and 64 digits, or the digits alone.
fn digest(text: &str) -> Option<Digest> {
    if text.contains(':') { text.parse().ok() } else { format!("sha256:{text}").parse().ok() }
}

#[cfg(test)]
mod tests;
