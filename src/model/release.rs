//! A bundle at a version, and the tag that carries it.

use std::fmt;
use std::str::FromStr;

use semver::Version;

use super::{BundleName, NameError};

/// A bundle at one version. Its tag is `<bundle>--v<version>`, the form by which Claude Code resolves plugin versions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Release {
    /// The bundle.
    pub bundle: BundleName,
    /// Its version.
    pub version: Version,
}

/// Why a text is not `<bundle>--v<version>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// There is no `--v` in it.
    #[error("'{0}' is not the name of a release: write NAME--vVERSION, for example 'review-kit--v1.0.0'")]
    Form(String),
    /// The part before `--v` is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The part after `--v` is not a semantic version.
    #[error("'{0}' is not a semantic version such as 1.0.0")]
    Version(String),
}

impl Release {
    /// Returns the release that a ref is the tag of, by its full name.
    pub fn of_ref(name: &str) -> Option<Self> {
        name.strip_prefix("refs/tags/")?.parse().ok()
    }

    /// Returns the full name of the tag's ref.
    pub fn ref_name(&self) -> String {
        format!("refs/tags/{self}")
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}--v{}", self.bundle, self.version)
    }
}

impl FromStr for Release {
    type Err = ReleaseError;
    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        let short = || text.chars().take(80).flat_map(char::escape_debug).collect::<String>();
        let (bundle, version) = text.split_once("--v").ok_or_else(|| ReleaseError::Form(short()))?;
        let version: Version = version.parse().map_err(|_| ReleaseError::Version(short()))?;
        // A `+build` part does not order versions, so two tags would be one version.
        if !version.build.is_empty() {
            return Err(ReleaseError::Version(short()));
        }
        Ok(Self { bundle: bundle.parse()?, version })
    }
}
