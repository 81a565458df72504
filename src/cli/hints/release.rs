//! What to do next about a release, or a pack, that is not what it should be.

use super::io_hint;
use super::vault::refusal_hint;
use crate::pack::{Fault, PackError};
use crate::signature::Verdict;
use crate::trust::TrustError;

/// Returns what to do about what is not fit to be published: only what has an id at its end may be allowed.
pub(super) fn unfit_hint(reasons: &[String]) -> String {
    let id = |reason: &String| Some(reason.rsplit_once('[')?.1.strip_suffix(']')?.to_owned());
    let ids: std::collections::BTreeSet<String> = reasons.iter().filter_map(id).collect();
    if ids.is_empty() {
        return "mend it, or leave it out".to_owned();
    }
    let options: Vec<_> = ids.iter().map(|id| format!("--allow {id}")).collect();
    format!(
        "mend it, leave it out, or publish in spite of it with `{}`; `--allow ID:PATH` does so for one place",
        options.join(" ")
    )
}

/// Returns what to do about a file that is no pack, or not the one that was made.
pub(super) fn pack_hint(error: &PackError) -> Option<String> {
    if let PackError::Io { source, .. } = error {
        return io_hint(source);
    }
    match error.fault() {
        Fault::Io | Fault::Limit => None,
        Fault::Pack | Fault::Path | Fault::Hash => Some(
            "it was cut off or changed on its way, or is something else: get it again from where it came".to_owned(),
        ),
    }
}

/// Returns what to do about a release that is not verified.
pub(super) fn trust_hint(error: &TrustError) -> Option<String> {
    let text = match error {
        TrustError::Verdict { verdict, .. } => match &verdict.0 {
            Verdict::UnknownKey { fingerprint } => format!(
                "compare {fingerprint} with what its owner told you, then run `git skillmeat trust add NAME --key KEY` with their public key"
            ),
            Verdict::Unsigned | Verdict::Bad { .. } => {
                "get it again from its publisher; do not use this one".to_owned()
            }
            Verdict::Revoked { .. } => {
                "ask its publisher for a release signed with a key that is not revoked".to_owned()
            }
            _ => "ask its publisher which key signs now".to_owned(),
        },
        TrustError::Other { .. } => "ask for the release by its own name".to_owned(),
        TrustError::Revoked { .. } | TrustError::Signers { .. } => {
            "mend the file, or correct its path with `git config`".to_owned()
        }
        TrustError::Ledger(refusal) => return refusal_hint(refusal),
        TrustError::Objection { refusal, .. } => return refusal_hint(refusal),
        TrustError::OtherKeys { vault, fingerprint, .. } => format!(
            "ask whoever it is, another way, whether {fingerprint} is theirs; then `git skillmeat trust add NAME --key KEY`, or \
             `git skillmeat vault pin {vault} --ledger ID` with the id that the vault's owners tell you"
        ),
        TrustError::Source(_) => return None,
        _ => "get it again from its publisher; do not use this one".to_owned(),
    };
    Some(text)
}
