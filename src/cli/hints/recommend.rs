//! What to do next about each error of a recommendation, and of keys of minisign.

use super::super::failure::Failure;
use super::{allow_hint, git_hint};
use crate::model::RecommendationError;
use crate::ops::recommend::Error;
use crate::signature::{MinisignError, Verdict};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let class = error.class();
        let hint = match error {
            // These have hints of their own, with their own causes.
            Error::Vault(error) => return (*error).into(),
            Error::Bundle(error) => return error.into(),
            Error::Git(ref error) => git_hint(error),
            Error::Text(ref error) => text_hint(error),
            Error::NotTrusted { ref verdict, ref release } => Some(signer_hint(&verdict.0, release)),
            Error::Secret(_) => Some("leave it out of the note: whoever reads it can use it".to_owned()),
            Error::Bad(_) => {
                Some("ask for it again, and do not use this one: it was changed, or never signed".to_owned())
            }
            Error::Signature(_) => None,
            Error::NoAddress(ref release) => Some(format!(
                "get it from a vault you know and compare: `git skillmeat import VAULT:{release} --dry-run`"
            )),
            Error::NotAllowed { ref address, .. } => Some(allow_hint(address)),
            Error::Gone { .. } => Some("ask who recommends it where it is now".to_owned()),
            Error::OtherTag { .. } | Error::OtherRelease { .. } | Error::OtherDigest { .. } => {
                Some("ask who recommends it, and who publishes it, what happened; do not use this one".to_owned())
            }
        };
        Self::of(&error, class, hint)
    }
}

fn text_hint(error: &RecommendationError) -> Option<String> {
    let text = match error {
        RecommendationError::Absent => {
            "give the text that starts with `skillmeat-ref:`, a file that has it, or `-` for standard input"
        }
        RecommendationError::Several => "give one of them at a time",
        RecommendationError::Newer(_) => "install a newer git skillmeat",
        RecommendationError::CutOff { .. } | RecommendationError::Damaged { .. } => {
            "copy all of it once more, or ask for it as a file"
        }
        RecommendationError::Line(_) => "write one short line",
        RecommendationError::PackAddress => {
            "give the address of the vault, or an `https://` one that ends in `.skillmeat-pack`"
        }
        RecommendationError::Address(_) | RecommendationError::NotWhole | RecommendationError::Spelling => {
            "an address is that of a vault, or an `https://` one that ends in `.skillmeat-pack`"
        }
        RecommendationError::TooLarge { .. } | RecommendationError::Malformed(_) | RecommendationError::Missing(_) => {
            "ask for it again"
        }
        RecommendationError::Release(_) | RecommendationError::Digest(_) => return None,
    };
    Some(text.to_owned())
}

/// Returns what to do about a recommendation by somebody who is not believed.
pub(in crate::cli) fn signer_hint(verdict: &Verdict, release: &str) -> String {
    match verdict {
        Verdict::UnknownKey { fingerprint } => format!(
            "compare {fingerprint} with what the one who sent it told you, then run `git skillmeat trust add NAME --key KEY` with \
             their public key; or get '{release}' from a vault you know"
        ),
        Verdict::Revoked { .. } => "do not follow it; ask the one who sent it for their new key, by another way".to_owned(),
        Verdict::WrongNamespace { .. } => {
            "run `git skillmeat trust add NAME --key KEY` with their public key: their line in the list allows other uses only".to_owned()
        }
        _ => "ask the one who sent it which key they sign with now".to_owned(),
    }
}

/// Returns what to do about a key of minisign.
pub(super) fn minisign_hint(error: &MinisignError) -> Option<String> {
    let text = match error {
        MinisignError::NotASecretKey => "name the file that `minisign -G` writes with `-s`",
        MinisignError::NotAPublicKey => {
            "give the text that starts with `RW`, or the file that `minisign -G` writes with `-p`"
        }
        MinisignError::Encrypted => "run the command on a terminal, where the passphrase can be asked for",
        MinisignError::Passphrase => "run the command again",
        MinisignError::Sign(_) => return None,
    };
    Some(text.to_owned())
}
