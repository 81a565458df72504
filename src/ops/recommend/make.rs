//! `recommend`: signs a reference to a verified release.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use super::read::{Recommended, seal};
use crate::model::{
    Address, RECOMMENDATION_NAMESPACE, Recommendation, Transport, about_line, check_line, write_carrier,
};
use crate::ops::Context;
use crate::ops::bundle::{self, Found};
use crate::scan::find_secrets;
use crate::signature::unarmour;
use crate::trust::{ReleaseContent, Verified};

/// What to say of a release.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Where it is published.
    pub from: Option<String>,
    /// A line for the reader.
    pub note: Option<String>,
}

/// A recommendation that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Made {
    /// What it says.
    pub recommended: Recommended,
    /// The word that carries it.
    pub text: String,
    /// The file that it was written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<PathBuf>,
    /// Whether readers have to allow the address first: it is on a machine, or reached over an unprotected line.
    pub is_gated: bool,
}

/// Makes a recommendation of a release that was verified here.
///
/// # Errors
/// [`Error::Text`] for an address or a note that cannot stand in one, [`Error::Secret`] for a note with a credential,
/// [`Error::Bundle`] with `NoSigningKey` or `Sign`.
pub fn make(context: &Context, found: &Found, verified: &Verified<ReleaseContent>, wish: &Wish) -> Result<Made, Error> {
    let content = verified.get();
    let from = wish.from.as_deref().map(Address::parse).transpose()?;
    let note = wish.note.clone().map(|note| check_line("note", note)).transpose()?;
    if let Some(found) = note.as_deref().and_then(|note| find_secrets(note.as_bytes()).into_iter().next()) {
        return Err(Error::Secret(found.message));
    }
    let recommendation = Recommendation {
        release: content.release.clone(),
        tree: content.digest,
        tag: content.tag_id,
        pack: found.pack.as_ref().map(|(_, _, digest)| *digest),
        from,
        about: about_line(&content.manifest.description),
        note,
    };
    let text = recommendation.render();
    let armour = bundle::Signer::of(context)?.sign(RECOMMENDATION_NAMESPACE, text.as_bytes())?;
    let bytes = seal(&text, &unarmour(armour.as_bytes())?)?;
    let is_gated = recommendation.from.as_ref().is_some_and(|from| !publishable(from.transport()));
    Ok(Made { recommended: Recommended::of(&recommendation), text: write_carrier(&bytes), output: None, is_gated })
}

/// Says whether an address that somebody else has named may be asked without further ado.
pub(crate) fn publishable(transport: Transport) -> bool {
    matches!(transport, Transport::Https | Transport::Ssh)
}
