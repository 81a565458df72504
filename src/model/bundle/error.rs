//! What can be wrong with a manifest.

use semver::Version;

use super::{BUNDLE_FORMAT, Compression, MANIFEST_PATH, MAX_MANIFEST_BYTES, MAX_TEXT_BYTES};
use crate::model::path::shown;
use crate::model::{ArtifactRef, Digest, PathError, TreePath, hidden};

/// Why bytes are not a manifest, or a manifest may not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// More than [`MAX_MANIFEST_BYTES`].
    #[error("'{MANIFEST_PATH}' has {found} bytes, more than {MAX_MANIFEST_BYTES}")]
    TooLarge {
        /// Length in bytes.
        found: usize,
    },
    /// Not TOML, or a key or value that the format does not have.
    #[error("'{MANIFEST_PATH}' is not valid in line {line}: {}", shown(.message))]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// Written in another version of the format.
    #[error("'{MANIFEST_PATH}' has format {found}, and this program reads format {BUNDLE_FORMAT}")]
    Format {
        /// The version found.
        found: u64,
    },
    /// The bytes are not those that `BundleManifest::render` writes for this content.
    #[error("'{MANIFEST_PATH}' is not canonical in line {line}")]
    NotCanonical {
        /// First line that differs, from 1.
        line: usize,
    },
    /// The paths break a rule.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A file that a manifest must not list: itself, or one below `.skillmeat/`.
    #[error("'{}' is reserved and cannot be a file of a bundle", shown(.path.as_str()))]
    Reserved {
        /// The path as listed.
        path: TreePath,
    },
    /// Versions that differ only in `+build` would be one release.
    #[error("version '{version}' has a '+' part")]
    Build {
        /// The version as written.
        version: Version,
    },
    /// A manifest of packs that store names a digest of packed bytes, or one that deflates does not.
    #[error("'packed' must be there if and only if the compression is 'deflate', and it is '{}'", .compression.word())]
    Packed {
        /// The compression as written.
        compression: Compression,
    },
    /// A text is too long or has control characters.
    #[error("'{field}' is longer than {MAX_TEXT_BYTES} bytes or has control characters")]
    Text {
        /// Key of the text.
        field: &'static str,
    },
    /// A text has a character that hides a message, or shows the text in another order.
    #[error("'{field}' has U+{:04X} in line {}, column {}: {}", u32::from(.hit.character), .hit.line, .hit.column, .hit.class.words())]
    Hidden {
        /// Key of the text.
        field: &'static str,
        /// The character and its place.
        hit: hidden::Hit,
    },
    /// An upstream commit is not 40 or 64 lower-case hex digits.
    #[error("artifact '{artifact}' has an upstream commit that is not an object id")]
    Commit {
        /// The artifact.
        artifact: ArtifactRef,
    },
    /// The same artifact stands twice.
    #[error("artifact '{artifact}' stands twice")]
    Duplicate {
        /// The artifact.
        artifact: ArtifactRef,
    },
    /// An artifact is not where its reference puts it.
    #[error("artifact '{artifact}' is at '{}' instead of '{}'", shown(.found.as_str()), .artifact.path())]
    Misplaced {
        /// The artifact.
        artifact: ArtifactRef,
        /// The path it claims.
        found: TreePath,
    },
    /// The file that makes the artifact is not listed.
    #[error("artifact '{artifact}' has no file '{}'", .artifact.main_path())]
    Missing {
        /// The artifact.
        artifact: ArtifactRef,
    },
    /// The digest of an artifact is not that of its listed files.
    #[error("artifact '{artifact}' has digest {found}, and its files have {expected}")]
    Digest {
        /// The artifact.
        artifact: ArtifactRef,
        /// What its files give.
        expected: Digest,
        /// What the manifest says.
        found: Digest,
    },
}
