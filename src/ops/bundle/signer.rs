//! The key that this user signs with.

use super::Error;
use crate::git::ssh::{KeySource, public_key};
use crate::ops::Context;
use crate::signature::PublicKey;

/// The user's signing key, as git's configuration names it.
pub(crate) struct Signer<'a> {
    context: &'a Context,
    source: &'a KeySource,
}

impl<'a> Signer<'a> {
    /// Finds the key that git is configured with.
    ///
    /// # Errors
    /// [`Error::NoSigningKey`].
    pub(crate) fn of(context: &'a Context) -> Result<Self, Error> {
        let source = context.signing.key.as_ref().filter(|_| context.signing.is_ssh).ok_or(Error::NoSigningKey)?;
        Ok(Self { context, source })
    }

    /// Returns another key of the same user.
    pub(crate) fn with(context: &'a Context, source: &'a KeySource) -> Self {
        Self { context, source }
    }

    /// Returns the public half.
    ///
    /// # Errors
    /// [`Error::Sign`].
    pub(crate) fn public(&self) -> Result<PublicKey, Error> {
        Ok(public_key(self.source)?.key)
    }

    /// Signs a payload for a namespace and returns the armour.
    ///
    /// # Errors
    /// [`Error::Sign`], [`Error::Git`] when there is no program that signs.
    pub(crate) fn sign(&self, namespace: &str, payload: &[u8]) -> Result<String, Error> {
        let program = self.context.ssh_keygen()?;
        Ok(program.sign(self.source, namespace, payload, self.context.prompt())?)
    }
}
