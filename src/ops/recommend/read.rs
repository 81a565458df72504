//! Reading a recommendation: signature over the exact bytes first, then what it says.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, Unbelieved};
use crate::model::{
    Class, Digest, MAX_RECOMMENDATION_BYTES, RECOMMENDATION_NAMESPACE, Recommendation, RecommendationError,
    read_carrier,
};
use crate::ops::Context;
use crate::ops::bundle::{Found, Plan, VerifiedReport, load_trust};
use crate::signature::{Verdict, armour, verify};
use crate::trust::{ReleaseContent, Verified};

/// What a recommendation says: the claims of whoever signed it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Recommended {
    /// The release.
    pub release: String,
    /// Its tree digest.
    pub tree: Digest,
    /// Id of its tag object.
    pub tag: String,
    /// SHA-256 of its pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<Digest>,
    /// Address of the vault or pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// A line for the reader.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What `recommend open` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Opened {
    /// What is recommended.
    pub recommended: Recommended,
    /// By whom.
    pub signature: Verdict,
    /// What is known of the release itself.
    pub standing: Standing,
}

/// What is known of the release that is recommended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "standing", rename_all = "kebab-case")]
pub enum Standing {
    /// It was fetched, it is the one that is recommended, and its own signature is believed.
    Verified {
        /// What it is.
        release: Box<VerifiedReport>,
        /// What an import would change; `None` where there is no collection.
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<Plan>,
    },
    /// It was not looked for.
    NotAsked {
        /// Why.
        reason: String,
    },
    /// It was looked for, and cannot be used.
    Failed {
        /// Kind of the error.
        class: Class,
        /// What failed, and why.
        reason: String,
        /// What to do next.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

impl Recommended {
    /// Returns what a recommendation says, for people and programs.
    pub(super) fn of(recommendation: &Recommendation) -> Self {
        Self {
            release: recommendation.release.to_string(),
            tree: recommendation.tree,
            tag: recommendation.tag.to_string(),
            pack: recommendation.pack,
            from: recommendation.from.as_ref().map(|from| from.as_str().to_owned()),
            about: recommendation.about.clone(),
            note: recommendation.note.clone(),
        }
    }
}

/// Puts the text and its signature together: an empty line ends the text.
pub(super) fn seal(text: &str, signature: &[u8]) -> Result<Vec<u8>, RecommendationError> {
    let bytes = [text.as_bytes(), b"\n", signature].concat();
    let (found, limit) = (bytes.len(), MAX_RECOMMENDATION_BYTES);
    if found > limit { Err(RecommendationError::TooLarge { found, limit }) } else { Ok(bytes) }
}

/// Reads the one recommendation that a text carries, and says who signed it.
///
/// A key is judged by the moment at which it is read: a recommendation is for now, and a date in it would be the word of
/// whoever signs with an old key. The verdict is never [`Verdict::Bad`].
///
/// # Errors
/// [`Error::Bad`], [`Error::Text`]; [`Error::Bundle`] when the lists of signers cannot be used.
pub fn read(context: &Context, text: &str) -> Result<(Recommendation, Recommended, Verdict), Error> {
    let bytes = read_carrier(text)?;
    let end = bytes.windows(2).position(|pair| pair == b"\n\n");
    let end = end.ok_or(RecommendationError::Malformed("no empty line ends its text"))? + 1;
    let (text, signature) = (&bytes[..end], &bytes[end + 1..]);
    let store = load_trust(context)?;
    let now = u64::try_from(context.now_seconds).unwrap_or(0);
    let armour = armour(signature);
    // MUST be checked before the text is read, section 3: `a_changed_recommendation_is_refused`.
    let verdict = verify(text, Some(armour.as_bytes()), RECOMMENDATION_NAMESPACE, now, &store.signers());
    if matches!(verdict, Verdict::Bad { .. } | Verdict::Unsigned) {
        return Err(Error::Bad(Box::new(Unbelieved(verdict))));
    }
    let text = std::str::from_utf8(text).map_err(|_| RecommendationError::Malformed("its text is not UTF-8"))?;
    let recommendation = Recommendation::parse(text)?;
    let recommended = Recommended::of(&recommendation);
    Ok((recommendation, recommended, verdict))
}

/// Checks that a verified release is the one that is recommended.
///
/// # Errors
/// [`Error::OtherRelease`], [`Error::OtherTag`], [`Error::OtherDigest`].
pub fn check(recommendation: &Recommendation, found: &Found, verified: &Verified<ReleaseContent>) -> Result<(), Error> {
    let content = verified.get();
    let release = content.release.to_string();
    if content.release != recommendation.release {
        return Err(Error::OtherRelease { found: release, recommended: recommendation.release.to_string() });
    }
    if content.tag_id != recommendation.tag {
        let address = recommendation.from.as_ref().map(|from| from.as_str().to_owned()).unwrap_or_default();
        let (found, recommended) = (content.tag_id, recommendation.tag);
        return Err(Error::OtherTag { release, address, found, recommended });
    }
    let other =
        |what, found, recommended| Err(Error::OtherDigest { release: release.clone(), what, found, recommended });
    if content.digest != recommendation.tree {
        return other("tree", content.digest, recommendation.tree);
    }
    match (found.pack.as_ref().map(|(_, _, digest)| *digest), recommendation.pack) {
        (Some(pack), Some(recommended)) if pack != recommended => other("pack", pack, recommended),
        _ => Ok(()),
    }
}
