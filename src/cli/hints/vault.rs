//! What to do about errors of vaults and their ledgers.

use super::copy::copy_hint;
use super::keys::keys_hint;
use super::{bundle_hint, collection_hint, fs_hint, git_hint};
use crate::cli::failure::Failure;
use crate::ops::bundle::resolve::ResolveError;
use crate::ops::{collection, vault};
use crate::trust::{LedgerError, Problem, Refusal};

const ASK_FOR_ROLE: &str =
    "ask an owner of the vault for the role: `git skillmeat vault role grant NAME YOU publisher --bundles … --key …`";

impl From<vault::Error> for Failure {
    fn from(error: vault::Error) -> Self {
        let class = error.class();
        let hint = hint(&error);
        let standing = match &error {
            vault::Error::Bundle(error) => super::standing(error),
            _ => None,
        };
        Self::of(&error, class, hint).standing(standing)
    }
}

fn hint(error: &vault::Error) -> Option<String> {
    use vault::Error;
    let text = match error {
        Error::Unknown(_) => {
            "`git skillmeat vault list` shows those you know; `git skillmeat vault add NAME URL` adds one".to_owned()
        }
        Error::Known(name) => {
            format!("choose another name, or forget the old one with `git skillmeat vault remove {name}`")
        }
        Error::NotEmpty(_) => "name a folder that is empty or not there, or an empty bare repository".to_owned(),
        Error::NotAVault(_) => "make one with `git skillmeat vault init PATH`".to_owned(),
        Error::Moved { .. } | Error::Gone { .. } | Error::Incomplete { .. } => {
            "ask its publishers what happened; what you fetched before is kept and can be used with `--offline`".to_owned()
        }
        Error::Taken(_) => "export a higher version: a released version never changes".to_owned(),
        Error::Raced { .. } => {
            "run the command again; if nobody else publishes, a process that was killed may have left a lock there: a file that \
             ends with `.lock` below `refs` of the vault"
                .to_owned()
        }
        Error::NoIdentity => return collection_hint(&collection::Error::NoIdentity),
        Error::Bundle(error) => return bundle_hint(error),
        Error::Copy(error) => return copy_hint(error),
        Error::Keys(error) => return keys_hint(error),
        Error::Git(error) => return git_hint(error),
        Error::Fs(error) => return fs_hint(error),
        Error::Source(_) => "an address is a path or a git URL".to_owned(),
        Error::Ledger(error) => return ledger_hint(error),
        Error::OtherLedger { vault, .. } => format!(
            "someone put another vault in its place, or it was made anew: ask its owner for the id of the ledger; only then \
             `git skillmeat vault remove {vault}` and `git skillmeat vault add {vault} URL --ledger ID`"
        ),
        Error::Rewound { vault, .. } | Error::Forked { vault, .. } => format!(
            "do not publish and do not import from it; ask its owners which of the two is right. A pull keeps what it has of \
             both in refs/skillmeat/evidence/ of the store of '{vault}', and what you fetched before can be used with `--offline`"
        ),
        Error::Behind { vault, .. } => format!(
            "`git skillmeat vault pull {vault}` fetches it again, as far as it was seen; `git skillmeat vault repair {vault}` looks for \
             it in more places"
        ),
        Error::Unread { vault, .. } => format!(
            "`git skillmeat vault repair {vault}` brings it back; `git skillmeat vault remove {vault}` if you want to do without \
             what it says"
        ),
        Error::SeenFile(path) => format!(
            "what it said is lost: remove it (`rm {}`), then `git skillmeat vault pull NAME`, and compare the id of the ledger anew \
             with `git skillmeat vault pin NAME --ledger ID`",
            super::word(&path.display())
        ),
        Error::Contradicted { .. } => {
            "one of you two was shown a fork: compare `git skillmeat vault log` with theirs before you import anything"
                .to_owned()
        }
        Error::Offline(name) => {
            format!("leave it out; what was fetched before can be used without: `git skillmeat vault ls {name}`")
        }
        Error::NothingSeen(name) => format!("fetch it with `git skillmeat vault pull {name}`"),
        Error::Refused(problem) => return problem_hint(problem),
        Error::NotVouched(Refusal::UnknownKey { .. } | Refusal::NotAllowed { .. }) => ASK_FOR_ROLE.to_owned(),
        Error::NotVouched(refusal) => return refusal_hint(refusal),
        Error::NoKeyOf(_) => "give it with `--key FILE`".to_owned(),
        Error::NoRole(_) | Error::NoRootKey(_) => "`git skillmeat vault show NAME` shows who may do what".to_owned(),
        Error::NotARootKey(_) => {
            "ask someone who holds a root key; `git skillmeat vault show NAME` shows who does".to_owned()
        }
        Error::NeedsMore { vault, bundle, .. } => {
            format!("look at it, and take it along: `git skillmeat import {vault}:{bundle} --link`")
        }
        Error::Resolve(ResolveError::NoVersion { offered, .. }) if !offered.is_empty() => {
            "ask its publisher for a release in that range; one before a release has to be named".to_owned()
        }
        Error::Resolve(ResolveError::Clash { .. } | ResolveError::Cycle(_)) => {
            "tell its publisher; `--no-dependencies` takes the bundle alone".to_owned()
        }
        Error::Resolve(_) => {
            "add the vault that has it (`git skillmeat vault add`), or take the bundle alone with `--no-dependencies`".to_owned()
        }
        Error::SeveralVaults { vaults, bundle } => format!(
            "say which one you mean by importing it yourself first: `git skillmeat import {}:{bundle}`",
            vaults.first().map_or("VAULT", String::as_str)
        ),
        Error::NotLocked { .. } => "leave out `--locked` to take it and lock it anew".to_owned(),
        Error::OtherLocked { vault, .. } => format!(
            "do not use it: ask the owners of '{vault}' what happened to it. To take what the vault lists now, import it anew \
             without `--locked`"
        ),
        Error::Draft(_) => "name the folder that `vault root` or `vault role` has written".to_owned(),
        Error::Principal(_) => "set user.email to your mail address".to_owned(),
        Error::Files(_) | Error::Undone(_) => {
            "`git skillmeat vault show NAME` shows the trust files that are in force; make the change anew on top of them"
                .to_owned()
        }
        Error::Record(name) => format!(
            "`git skillmeat vault repair {name}` writes it anew from the copy in its store; `git skillmeat vault remove {name}` \
             forgets the vault"
        ),
        Error::RecordLost { vault, ledger: Some(id) } => {
            format!("`git skillmeat vault remove {vault}`, then `git skillmeat vault add {vault} URL --ledger {id}`, which its store names")
        }
        Error::RecordLost { vault, ledger: None } => {
            format!("`git skillmeat vault remove {vault}`, then `git skillmeat vault add {vault} URL`")
        }
        Error::NoSource(_) => {
            "name a `.skillmeat-pack`, a folder of them, a repository, a file of `git skillmeat vault export`, or a URL".to_owned()
        }
        Error::IsAFile { vault, .. } => format!(
            "publish where the vault lives: `git skillmeat vault add OTHER URL`, and `git skillmeat vault pull {vault} --from FILE` \
             brings what a file has to a vault that has a URL"
        ),
        Error::InTheWay(_) => "name a file or folder that is not there yet, or an older copy of the same vault".to_owned(),
        Error::Ahead { path, .. } => {
            format!("bring it here first: `git skillmeat vault pull NAME --from {}`", super::word(&path.display()))
        }
        Error::NotHere { vault, .. } => format!("fetch them first: `git skillmeat vault pull {vault}`"),
        Error::Name(_) | Error::NotWhole | Error::File(_) | Error::Random(_) => return None,
    };
    Some(text)
}

fn ledger_hint(error: &LedgerError) -> Option<String> {
    Some(match error {
        LedgerError::Source(_) => {
            "fetch it again with `git skillmeat vault pull NAME`, or bring back what is damaged here with `git skillmeat vault repair NAME`; \
             if it stays so, tell the vault's owners"
                .to_owned()
        }
        LedgerError::TooLong(_) => {
            "nothing was taken; ask the vault's owners for one with what is still in use".to_owned()
        }
        LedgerError::TooLarge(_) => {
            "nothing was taken; ask the vault's owners what fills it: an ordinary entry is a thousand bytes or two"
                .to_owned()
        }
        LedgerError::Entry { .. } => {
            "nothing was taken; tell the vault's owners, and use what you fetched before with `--offline`".to_owned()
        }
    })
}

pub(super) fn problem_hint(problem: &Problem) -> Option<String> {
    Some(match problem {
        Problem::UnknownKey(_) | Problem::NotAllowed { .. } => ASK_FOR_ROLE.to_owned(),
        Problem::Revoked(_) => "sign with a new key, which an owner of the vault has to let in".to_owned(),
        Problem::Again(_) => "export a higher version: a released version never changes".to_owned(),
        Problem::Unpublished(_) => "`git skillmeat vault ls NAME` shows what was published".to_owned(),
        Problem::Since(_) => "`git skillmeat vault log NAME` shows the numbers of the entries".to_owned(),
        _ => return None,
    })
}

/// Returns what to do about a release that a ledger does not vouch for.
pub(super) fn refusal_hint(refusal: &Refusal) -> Option<String> {
    Some(match refusal {
        Refusal::Unpublished(_) => {
            "someone put the tag there past the ledger: ask who, or have it published with `git skillmeat vault push`"
                .to_owned()
        }
        Refusal::Differs { .. } => "do not use it: fetch it again, and ask the vault's owners".to_owned(),
        Refusal::UnknownKey { .. } | Refusal::NotAllowed { .. } => {
            "its signer has no role for it in the vault: `git skillmeat vault show NAME` shows who has".to_owned()
        }
        Refusal::Revoked { .. } | Refusal::KeyRevoked { .. } => {
            "wait for a release that is signed with another key".to_owned()
        }
    })
}
