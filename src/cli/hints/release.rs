//! What to do next about a release, or a pack, that is not what it should be.

use super::io_hint;
use super::vault::refusal_hint;
use crate::pack::{Fault, LimitKind, PackError};
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
    match error {
        PackError::Io { source, .. } => return io_hint(source),
        PackError::Limit { what, .. } => return limit_hint(what),
        _ => {}
    }
    match error.fault() {
        Fault::Io | Fault::Limit => None,
        Fault::Pack | Fault::Path | Fault::Hash => Some(
            "it was cut off or changed on its way, or is something else: get it again from where it came".to_owned(),
        ),
    }
}

fn limit_hint(what: &LimitKind) -> Option<String> {
    let setting = match what {
        LimitKind::Pack => "maxPack",
        LimitKind::Unpacked => "maxUnpacked",
        LimitKind::File(_) => "maxFile",
        LimitKind::Files => return Some("it takes several bundles".to_owned()),
        LimitKind::Ratio(_) => return Some("it fills disks; do not use it".to_owned()),
    };
    Some(format!("if it is meant to be so large, allow it with `git config --global skillmeat.{setting} MIB`"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_allowed_or_freed_is_said() {
        let limit = |what| pack_hint(&PackError::Limit { what, found: 2, most: 1 }).expect("a hint");
        for (what, said) in [
            (LimitKind::Pack, "skillmeat.maxPack"),
            (LimitKind::Unpacked, "skillmeat.maxUnpacked"),
            (LimitKind::File("a".to_owned()), "skillmeat.maxFile"),
            (LimitKind::Files, "several bundles"),
            (LimitKind::Ratio("a".to_owned()), "do not use it"),
        ] {
            assert!(limit(what.clone()).contains(said), "{what:?}");
        }
        let full = PackError::Io { verb: "write", source: std::io::ErrorKind::StorageFull.into() };
        assert!(pack_hint(&full).is_some_and(|hint| hint.contains("free some space")));
    }
}
