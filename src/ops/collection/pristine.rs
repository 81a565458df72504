//! What is recorded of an upstream's state, and with it which addresses were agreed to on this machine.
//!
//! A clone brings `collection.toml`, and never the refs of pristine states. So an address in the file that the newest
//! pristine commit of the artifact names too was read here before, because someone typed it. Any other that leads to this
//! machine, or over an unprotected line, is whatever the author of the file likes: it is not followed until it is allowed.

use super::origin::{Origin, Place, source};
use super::{Collection, Error, PRISTINE_REFS};
use crate::model::{ArtifactRef, ManifestEntry, Oid, Source, Transport};
use crate::ops::Context;

/// Key of the trailer that names the address that a state was read from.
pub(super) const UPSTREAM: &str = "Skillmeat-Upstream";

/// Key of the trailer that names the place in the source.
pub(super) const PLACE: &str = "Skillmeat-Path";

/// Key of the trailer that names the server, where a place has several.
pub(super) const SERVER: &str = "Skillmeat-Server";

/// Key of the trailer that names what was followed.
pub(super) const REFERENCE: &str = "Skillmeat-Ref";

/// What is followed where nothing is named.
pub(super) const HEAD: &str = "HEAD";

/// What the newest recorded state says of where it was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorded {
    /// The address.
    pub(super) address: Option<String>,
    /// The state itself, laid out as in the collection.
    pub(super) tree: Option<Oid>,
    /// The place in the source.
    pub(super) place: Option<String>,
    /// The server there.
    pub(super) server: Option<String>,
    /// The branch, tag, commit or range that was followed; [`HEAD`] for none.
    pub(super) reference: Option<String>,
}

/// Returns the message of the commit that records a state. `trailers` are further lines, each with its end.
pub(super) fn message(artifact: &ArtifactRef, upstream: &str, trailers: &str) -> String {
    format!("Pristine {artifact}\n\n{UPSTREAM}: {upstream}\n{trailers}")
}

/// Returns the lines of a message that say where in a source something was taken, as `collection.toml` has it.
pub(super) fn place_trailers(entry: &ManifestEntry) -> String {
    let reference = entry.reference.clone().unwrap_or_else(|| HEAD.to_owned());
    trailers(&Recorded {
        address: None,
        tree: None,
        place: entry.path.clone(),
        server: entry.server.clone(),
        reference: Some(reference),
    })
}

/// Returns the lines of a message that say again what is recorded, but for the address.
pub(super) fn trailers(recorded: &Recorded) -> String {
    let Recorded { address: _, tree: _, place, server, reference } = recorded;
    let lines = [(PLACE, place), (SERVER, server), (REFERENCE, reference)];
    lines.into_iter().filter_map(|(key, value)| Some(line(key, value.as_ref()?))).collect()
}

/// Returns a trailer with its end. Values are an upstream's own words, which must not end the trailers.
pub(super) fn line(key: &str, value: &str) -> String {
    format!("{key}: {}\n", value.replace(['\n', '\r'], " "))
}

/// Reads what the newest recorded state of an artifact says; nothing where there is none.
pub(super) fn newest(collection: &Collection, artifact: &ArtifactRef) -> Result<Recorded, Error> {
    let Some(newest) = collection.repo.find_ref(&format!("{PRISTINE_REFS}{artifact}"))? else {
        return Ok(Recorded::default());
    };
    let info = collection.repo.commit(newest)?;
    let trailer = |key: &str| info.trailers(key).next().map(str::to_owned);
    let address = address_in(&info.message).map(str::to_owned);
    Ok(Recorded {
        address,
        tree: Some(info.tree),
        place: trailer(PLACE),
        server: trailer(SERVER),
        reference: trailer(REFERENCE),
    })
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
pub(super) fn allow(context: &Context, origin: &Origin, recorded: &Recorded) -> Result<(), Error> {
    let place: Place = (origin.url.clone(), None);
    let found: Source = source(context, &place)?;
    let over_the_net = matches!(found.transport(), Transport::Https | Transport::Ssh);
    let allowed = || context.allowed_sources.contains(&origin.url);
    if over_the_net || allowed() || recorded.address.as_ref() == Some(&origin.url) {
        return Ok(());
    }
    Err(Error::NotAllowed { address: origin.url.clone(), transport: found.transport() })
}
