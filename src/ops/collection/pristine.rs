//! What is recorded of an upstream's state, and with it which addresses were agreed to on this machine.
//!
//! A clone brings `collection.toml`, and never the refs of pristine states. So an address in the file that the newest
//! pristine commit of the artifact names too was read here before, because someone typed it. Any other that leads to this
//! machine, or over an unprotected line, is whatever the author of the file likes: it is not followed until it is allowed.

use super::origin::{Origin, Place, source};
use super::{Collection, Error, PRISTINE_REFS};
use crate::model::{ArtifactRef, Source, Transport};
use crate::ops::Context;

/// Key of the trailer that names the address that a state was read from.
pub(super) const UPSTREAM: &str = "Skillmeat-Upstream";

/// Returns the message of the commit that records a state. `trailers` are further lines, each with its end.
pub(super) fn message(artifact: &ArtifactRef, upstream: &str, trailers: &str) -> String {
    format!("Pristine {artifact}\n\n{UPSTREAM}: {upstream}\n{trailers}")
}

/// Returns the address that the newest recorded state was read from.
pub(super) fn address(collection: &Collection, artifact: &ArtifactRef) -> Result<Option<String>, Error> {
    let newest = collection.repo.find_ref(&format!("{PRISTINE_REFS}{artifact}"))?;
    let info = newest.map(|newest| collection.repo.commit(newest)).transpose()?;
    Ok(info.and_then(|info| address_in(&info.message).map(str::to_owned)))
}

/// Returns the address that a message of [`message`] names.
pub(super) fn address_in(message: &str) -> Option<&str> {
    message
        .lines()
        .find_map(|line| line.strip_prefix(UPSTREAM)?.strip_prefix(": "))
        .filter(|address| !address.is_empty())
}

/// Makes sure that the address of an artifact may be followed.
///
/// # Errors
/// [`Error::NotAllowed`].
pub(super) fn allow(context: &Context, collection: &Collection, origin: &Origin) -> Result<(), Error> {
    let place: Place = (origin.url.clone(), None);
    let found: Source = source(context, &place)?;
    let over_the_net = matches!(found.transport(), Transport::Https | Transport::Ssh);
    let allowed = || context.allowed_sources.contains(&origin.url);
    if over_the_net || allowed() || address(collection, origin.artifact)?.as_ref() == Some(&origin.url) {
        return Ok(());
    }
    Err(Error::NotAllowed { address: origin.url.clone(), transport: found.transport() })
}
