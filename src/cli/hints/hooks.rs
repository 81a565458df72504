//! What to do about errors of git's hooks, and about pushes that they do not take.

use super::vault::{problem_hint, refusal_hint};
use super::{bundle_hint, fs_hint, git_hint};
use crate::cli::failure::Failure;
use crate::model::Release;
use crate::ops::hooks;
use crate::ops::vault::Refused;
use crate::trust::{LedgerError, Refusal};

impl From<hooks::Error> for Failure {
    fn from(error: hooks::Error) -> Self {
        use hooks::Error;
        let class = error.class();
        let hint = match &error {
            Error::Foreign { lines, .. } => {
                // A hint has one line; the lines to merge are shown as they are.
                Some(format!("put this into them yourself: {}", lines.replace('\n', " \u{23ce} ")))
            }
            Error::NotBare(_) => Some(
                "run it in the bare repository that others push to, or leave out `--server` for hooks that look at what you commit"
                    .to_owned(),
            ),
            Error::Git(error) => git_hint(error),
            Error::Fs(error) => fs_hint(error),
            Error::Path(_) => None,
        };
        Self::of(&error, class, hint)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        let hint = hint(&refused);
        Self::of(&refused, refused.class(), hint)
    }
}

/// Says what the one who pushed can do.
fn hint(refused: &Refused) -> Option<String> {
    let text = match refused {
        Refused::Raced(_) => "fetch and push again; `git skillmeat vault push` does that by itself",
        Refused::Deleted(name) if Release::of_ref(name).is_some() => {
            "to take a release back for everybody, use `git skillmeat vault yank`"
        }
        Refused::Deleted(_) => "whoever keeps the server can do it there",
        Refused::Replaced(_) => "export a higher version, and publish that",
        Refused::Rewritten(_) => "fetch it with `git skillmeat vault pull`, and add to it",
        Refused::Rewound | Refused::IndexAlone => {
            "it is generated: `git skillmeat vault push` moves it together with what it publishes"
        }
        Refused::Other(_) => {
            "a vault takes releases and their ledger; whoever keeps the server can let it take more, with `git config \
             skillmeat.allowOtherRefs true` there"
        }
        Refused::InTheWay(_) => "give it another name",
        Refused::NoTag { .. } => "push both at once, as `git skillmeat vault push` does",
        Refused::NotListed(Refusal::Unpublished(_)) => {
            "publish it with `git skillmeat vault push`, which makes its entry in the ledger"
        }
        Refused::NotListed(refusal) => return refusal_hint(refusal),
        Refused::Ledger(LedgerError::Entry { problem, .. }) => return problem_hint(problem),
        Refused::Release { error, .. } => return bundle_hint(error),
        Refused::Git(error) => return git_hint(error),
        Refused::TooMany => "push fewer at a time",
        Refused::Ledger(_) | Refused::Line(_) => return None,
    };
    Some(text.to_owned())
}
