//! Whose signatures are believed, as the user's files say it.

use super::TrustError;
use crate::signature::{AllowedSigners, RevokedKeys, Signers};

/// The lists of allowed signers and of revoked keys.
#[derive(Debug, Clone)]
pub struct TrustStore {
    allowed: AllowedSigners,
    revoked: Option<RevokedKeys>,
}

impl TrustStore {
    /// Parses both lists; each comes with the name it has in messages.
    ///
    /// A list of revoked keys that is configured and missing (`Some` with `None` bytes) is an error: git only
    /// warns there, and believes a key that may be stolen (`schema/threats.md`, 2.2).
    ///
    /// # Errors
    /// [`TrustError::Signers`], [`TrustError::Revoked`].
    pub fn parse(allowed: (&str, &[u8]), revoked: Option<(&str, Option<&[u8]>)>) -> Result<Self, TrustError> {
        let (path, bytes) = allowed;
        let allowed =
            AllowedSigners::parse(bytes).map_err(|source| TrustError::Signers { path: path.to_owned(), source })?;
        let revoked = match revoked {
            None => None,
            Some((path, bytes)) => {
                let refused = |source| TrustError::Revoked { path: path.to_owned(), source };
                let bytes = bytes.ok_or_else(|| refused(None))?;
                Some(RevokedKeys::parse(bytes).map_err(|error| refused(Some(error)))?)
            }
        };
        Ok(Self { allowed, revoked })
    }

    /// Returns the lists for the check of a signature.
    pub fn signers(&self) -> Signers<'_> {
        Signers { allowed: &self.allowed, revoked: self.revoked.as_ref() }
    }

    /// Returns the allowed signers.
    pub fn allowed(&self) -> &AllowedSigners {
        &self.allowed
    }
}
