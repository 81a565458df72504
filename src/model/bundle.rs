//! The manifest of a bundle, `bundle.toml` (`schema/bundle.md`).
//!
//! One manifest has one spelling: [`BundleManifest::parse`] accepts exactly what [`BundleManifest::render`]
//! writes, so that the bytes that were signed are the bytes that were understood.

mod check;
mod error;
mod text;

use std::collections::BTreeMap;

use semver::{Version, VersionReq};

use super::{ArtifactRef, BundleName, Digest, FileEntry, TreePath};
pub use error::ManifestError;

/// The version of the format that this program writes, and the only one it reads.
pub const BUNDLE_FORMAT: u64 = 1;

/// Name of the manifest, at the root of a bundle's tree.
pub const MANIFEST_PATH: &str = "bundle.toml";

/// Folder of a pack that holds the tag and the commit; no file of a tree may be below it.
pub const RESERVED_FOLDER: &str = ".skillmeat";

/// Largest manifest accepted, in bytes.
///
/// 10,000 files at the longest path need 12 MB; the bound holds memory before anything is believed.
pub const MAX_MANIFEST_BYTES: usize = 12 * 1024 * 1024;

/// Longest free text, in bytes: four times the description that the Agent Skills specification allows.
pub const MAX_TEXT_BYTES: usize = 4096;

/// How the files of a pack are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As they are: larger, and the bytes depend on no encoder.
    Store,
    /// By the encoder that `schema/pack.md` names, where that makes them smaller.
    Deflate,
}

impl Compression {
    /// Returns the word in the manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Deflate => "deflate",
        }
    }
}

/// One artifact of a bundle and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleArtifact {
    /// Kind and name.
    #[serde(rename = "ref")]
    pub artifact: ArtifactRef,
    /// Its file or folder in the bundle: always [`ArtifactRef::path`].
    pub path: TreePath,
    /// [`super::tree_digest`] over its files, with their paths as in the bundle.
    pub digest: Digest,
    /// SPDX expression, where the artifact has a licence of its own.
    pub license: Option<String>,
    /// URL that it was added from.
    pub upstream: Option<String>,
    /// Commit at that URL, in lower-case hex.
    pub upstream_commit: Option<String>,
}

/// What a bundle is: the content of its `bundle.toml`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BundleManifest {
    /// Name of the bundle.
    pub name: BundleName,
    /// Version, without a `+build` part.
    pub version: Version,
    /// What it is for, in the words of its author; may have several lines.
    pub description: String,
    /// SPDX expression for the whole, as text: the list of licences grows, and this format does not follow it.
    pub license: String,
    /// How its pack is written.
    pub compression: Compression,
    /// Digest of the files as the pack holds them; there if and only if `compression` is [`Compression::Deflate`].
    pub packed: Option<Digest>,
    /// Bundles that must be installed with it.
    pub dependencies: BTreeMap<BundleName, VersionReq>,
    /// What it holds, in order of the references.
    pub artifacts: Vec<BundleArtifact>,
    /// Every file of the tree except the manifest, in byte order of the paths.
    pub files: Vec<FileEntry>,
}

/// The manifest as written, before its checks.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    format: u64,
    name: BundleName,
    version: Version,
    description: String,
    license: String,
    compression: Compression,
    packed: Option<Digest>,
    #[serde(default)]
    dependencies: BTreeMap<BundleName, VersionReq>,
    #[serde(default)]
    artifacts: Vec<BundleArtifact>,
    #[serde(default)]
    files: Vec<FileEntry>,
}

/// Just enough to tell a newer format from a broken file.
#[derive(serde::Deserialize)]
struct Head {
    format: u64,
}

impl BundleManifest {
    /// Parses the bytes of a `bundle.toml`.
    ///
    /// # Errors
    /// Any variant of [`ManifestError`]; among them `NotCanonical` for bytes that say the same in another way.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ManifestError::Syntax {
            line: line_at(bytes, error.valid_up_to()),
            message: "not UTF-8".to_owned(),
        })?;
        let wire: Wire = toml::from_str(text).map_err(|error| syntax(text, &error))?;
        // MUST refuse and name another format, section 1: `another_format_is_named_even_with_unknown_keys`.
        if wire.format != BUNDLE_FORMAT {
            return Err(ManifestError::Format { found: wire.format });
        }
        let manifest = Self::from(wire);
        // MUST be this spelling, section 1: `another_spelling_of_the_same_content_is_refused`.
        manifest.check()?;
        let canonical = manifest.render();
        if canonical.as_bytes() != bytes {
            let same = canonical.bytes().zip(bytes).take_while(|(a, b)| a == *b).count();
            return Err(ManifestError::NotCanonical { line: line_at(bytes, same) });
        }
        Ok(manifest)
    }
}

impl From<Wire> for BundleManifest {
    fn from(wire: Wire) -> Self {
        let Wire {
            format: _,
            name,
            version,
            description,
            license,
            compression,
            packed,
            dependencies,
            artifacts,
            files,
        } = wire;
        Self { name, version, description, license, compression, packed, dependencies, artifacts, files }
    }
}

/// Returns the line of a byte, from 1.
fn line_at(bytes: &[u8], offset: usize) -> usize {
    1 + bytes.iter().take(offset).filter(|byte| **byte == b'\n').count()
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    // A newer format may have keys that this one does not know: say so, instead of naming a key.
    if let Ok(Head { format }) = toml::from_str(text)
        && format != BUNDLE_FORMAT
    {
        return ManifestError::Format { found: format };
    }
    let offset = error.span().map_or(0, |span| span.start);
    // Only the message: the display form quotes the line, with whatever it holds.
    ManifestError::Syntax { line: line_at(text.as_bytes(), offset), message: error.message().to_owned() }
}

#[cfg(test)]
mod tests;
