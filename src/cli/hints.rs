//! What to do next about each error of the use cases.

mod copy;
mod hooks;
mod keys;
mod recommend;
mod release;
mod vault;

pub(super) use recommend::signer_hint;
use release::{pack_hint, trust_hint, unfit_hint};

use super::failure::{Failure, Standing};
use crate::fsio::FsError;
use crate::git::GitError;
use crate::model::foreign::ForeignError;
use crate::ops::{bundle, collection, deploy};
use crate::trust::{Lack, Level};

impl From<collection::Error> for Failure {
    fn from(error: collection::Error) -> Self {
        let hint = collection_hint(&error);
        Self::of(&error, error.class(), hint)
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        collection::Error::from(error).into()
    }
}

impl From<FsError> for Failure {
    fn from(error: FsError) -> Self {
        collection::Error::from(error).into()
    }
}

fn collection_hint(error: &collection::Error) -> Option<String> {
    use collection::Error;
    let text = match error {
        Error::NoCollection(path) => {
            format!("make one with `git skillmeat init {}`, or name another with `--collection`", word(&path.display()))
        }
        Error::IsCollection(_) => "add to it with `git skillmeat add SOURCE`".to_owned(),
        Error::NoIdentity => {
            "run `git config --global user.name \"Your Name\"` and `git config --global user.email you@example.com`"
                .to_owned()
        }
        Error::NotOffered { near, .. } if near.is_empty() => {
            "`--all --dry-run` shows what was found; a folder of it can be named, as `SOURCE//path/to/skill`".to_owned()
        }
        Error::NotOffered { near, .. } => format!("did you mean '{}'?", joined(near)),
        Error::Unknown { near, .. } if near.is_empty() => "`git skillmeat list` shows what there is".to_owned(),
        Error::Unknown { near, .. } => format!("did you mean '{}'?", joined(near)),
        Error::Ambiguous { candidates, .. } => format!("write one of '{}'", joined(candidates)),
        Error::Source(_) => {
            "a source is a path, a git URL with `#ref` and `//subpath`, or owner/repo[/path][@ref]".to_owned()
        }
        Error::NoRecord(_) => {
            "name the folder that has `collection.toml` of SkillMeat, `skills-lock.json`, `.agents/.skill-lock.json`, \
            `apm.lock.yaml` or `.claude/.skillmeat-deployed.toml`, or that file itself; other folders: `git skillmeat add`"
                .to_owned()
        }
        Error::Record { source: ForeignError::Ours, .. } => {
            "`git skillmeat collection copy REF --to COLLECTION`, run there, takes artifacts over with their origin".to_owned()
        }
        Error::Record { .. } => "update that manager, let it write the file again, then run this command again".to_owned(),
        Error::AdoptsItself(_) => "name another folder for the new collection, `git skillmeat init NEW --adopt FROM`; then `git skillmeat collection use NEW`".to_owned(),
        Error::NothingFound { notes, .. } if !notes.is_empty() => format!("seen there: {}", notes.join("; ")),
        Error::NothingFound { .. } => "name a folder of it, such as `SOURCE//path/to/skills`".to_owned(),
        Error::RenameOne(_) => "name the one artifact with `--only REF`".to_owned(),
        Error::Clash { paths, .. } => {
            format!(
                "add one of them by its place, `SOURCE//{}`, or leave all such names out with `--skip-clashing`",
                paths.first().map_or("", String::as_str)
            )
        }
        Error::Exists(artifact) => {
            format!("give it another name with `--as NAME`, or run `git skillmeat remove {artifact}` first")
        }
        Error::Unusable { source, .. } => {
            return collection_hint(source).or_else(|| {
                Some("leave such artifacts out with `--skip-unusable`, or name the others with `--only REF`".to_owned())
            });
        }
        Error::NotLocked { artifact, .. } | Error::WrongTree { artifact, .. } => format!(
            "nothing was restored; see who changed the lock with `git log -p -- collection.lock`, or take what the upstream has now with `git skillmeat add` under another name than '{artifact}'"
        ),
        Error::BadName(_) => "give it one with `--name`".to_owned(),
        Error::NotAllowed { address, .. } => allow_hint(address),
        Error::Unfit { artifact, .. } => {
            format!("mend it, or take it out: `git rm -r {}`, then commit", word(&artifact.path()))
        }
        Error::NoBase(artifact) => format!(
            "take the upstream's state with `git skillmeat update {artifact} --strategy theirs`, or keep yours with `--strategy ours`"
        ),
        Error::ByHand(_) => {
            "`git revert HEAD` undoes it; `git skillmeat rollback COMMIT` goes back to any state".to_owned()
        }
        Error::NotFound(_) => "`git skillmeat validate` shows what is found, with its ids in brackets".to_owned(),
        Error::Word(_) => "write `git skillmeat tag REF --add WORD`".to_owned(),
        Error::NothingPending(_) => "`git skillmeat status` shows what waits".to_owned(),
        Error::Undecided(path) => format!(
            "replace or remove it in the folder that `git skillmeat resolve` names, or `touch` it to keep it as it is: '{path}'"
        ),
        Error::Unresolved(_) => {
            "edit it until no line starts with `<<<<<<<` or `>>>>>>>`, or decide with `--ours`, `--theirs` or `--abort`"
                .to_owned()
        }
        Error::Stale(artifact) => format!("`git skillmeat resolve {artifact}` lays it out"),
        Error::Consent => "read what it runs, then run the command again with `--yes`".to_owned(),
        Error::Discover(_) | Error::Mcp(_) | Error::Name(_) | Error::File(_) => return None,
        Error::Git(error) => return git_hint(error),
        Error::Fs(error) => return fs_hint(error),
    };
    Some(text)
}

impl From<bundle::Error> for Failure {
    fn from(error: bundle::Error) -> Self {
        let class = error.class();
        let hint = bundle_hint(&error);
        let failure = Self::of(&error, class, hint).standing(standing(&error));
        match &error {
            bundle::Error::Old(old) => failure.caused_by(&super::old::causes(&old.report)),
            _ => failure,
        }
    }
}

/// Returns what is known of a release that was refused; who signed it is for those who have it to add.
fn standing(error: &bundle::Error) -> Option<Standing> {
    use bundle::Error;
    let known = match error {
        Error::Trust(error) => Standing { verdict: Some(error.verdict()), ..Standing::default() },
        Error::Level { level, reason, .. } => {
            let verdict = if reason.is_some() { "good" } else { "unsigned" };
            Standing { verdict: Some(verdict), level: Some(*level), reason: *reason, ..Standing::default() }
        }
        Error::Stale { .. } => {
            let level = Some(Level::Released.number());
            Standing { verdict: Some("good"), level, reason: Some(Lack::NoCheckpoint), ..Standing::default() }
        }
        Error::Minisig { source, .. } => Standing { minisign: Some(source.0.clone()), ..Standing::default() },
        _ => return None,
    };
    Some(known)
}

/// Returns what makes a release reach a higher level, or lets it be taken as it is.
fn level_hint(level: u8, reason: Option<Lack>) -> String {
    let higher = match reason {
        Some(Lack::NoLedger) => {
            "import it from a vault that lists it and whose ledger you have compared: `git skillmeat vault add NAME URL --ledger ID`"
        }
        Some(Lack::NotCompared) => {
            "compare the id that `git skillmeat vault show NAME` shows with what its owner told you, and run `git skillmeat vault pin NAME --ledger ID`"
        }
        Some(Lack::NoCheckpoint) => {
            "fetch it again with `git skillmeat vault pull`; if it stays so, ask its owners for `git skillmeat vault checkpoint`"
        }
        Some(Lack::TooFewWitnesses) => {
            "ask someone else who reads the vault for a statement (`git skillmeat vault witness`), and name its file with `git config --global --add skillmeat.witness FILE`"
        }
        None => "ask who made it for a signed release",
    };
    format!("{higher}; or say `--allow-level {level}`")
}

/// Returns what to do about an error of a bundle.
fn bundle_hint(error: &bundle::Error) -> Option<String> {
    use bundle::Error;
    match error {
            Error::Collection(error) => collection_hint(error),
            Error::Git(error) => git_hint(error),
            Error::Fs(error) => fs_hint(error),
            Error::Trust(error) => trust_hint(error),
            Error::NoSigningKey => Some(
                "make a key with `git skillmeat key generate`, or set gpg.format=ssh and user.signingKey with `git config`".to_owned(),
            ),
            Error::Sign(error) => Some(keys::signing_hint(error)),
            Error::Minisign { source, .. } => recommend::minisign_hint(source),
            Error::Minisig { .. } => Some("get the pack and its `.minisig` again from their publisher, and their key by another way".to_owned()),
            Error::Empty => Some("name artifacts with `--artifact REF`, or take all with `--all`".to_owned()),
            Error::Taken(_) => Some("choose a higher version: a released version never changes".to_owned()),
            Error::NotFetched(release) => Some(format!(
                "fetch it with `git skillmeat vault pull VAULT {}`, or leave out `--offline`",
                release.replacen("--v", "@", 1)
            )),
            Error::NoRelease(_) => Some("`git tag --list '*--v*'` shows the releases of this collection, `git skillmeat vault ls NAME` those of a vault".to_owned()),
            Error::NoPack(_) => Some("check the path".to_owned()),
            Error::Exists(_) => Some("keep yours with `--existing skip`, take the new ones with `--existing replace`, put both together with `--existing merge`, or have both with `--existing fork`".to_owned()),
            Error::ForkTaken { fork, .. } => Some(format!("see what that is with `git skillmeat show {fork}`; keep yours with `--existing skip`, or take the new one with `--existing replace`")),
            Error::ForkName { .. } | Error::Rename { .. } => Some("keep yours with `--existing skip`, or take the new one with `--existing replace`".to_owned()),
            Error::Together { .. } => Some("tell their publishers; `--no-dependencies` takes the bundle alone".to_owned()),
            Error::Older { .. } => Some("if you want to go back, say so with `--allow-older`, or name the version: `VAULT:BUNDLE@VERSION`; one that a bundle needs you take back yourself first".to_owned()),
            Error::Consent { digest, .. } => Some(format!("look at it with `--dry-run`, then agree with `--yes` or `--accept {digest}`")),
            Error::OtherDigest { .. } => Some("look at what changed with `--dry-run` before you accept the new digest".to_owned()),
            Error::NoSuchTag(_) => Some("`git skillmeat show REF` shows the tags of an artifact; `git skillmeat tag REF --add WORD` gives it one".to_owned()),
            Error::NotOneSkill => Some("name the one skill, `--artifact skill/NAME`, or leave out `--discovery`".to_owned()),
            Error::Unfit(reasons) => Some(unfit_hint(reasons)),
            Error::Hidden(_) => Some("tell who signed it; if these characters belong there, say so with `git skillmeat import … --allow-hidden`".to_owned()),
        Error::Secret(_) => Some("replace it by a reference such as `${NAME}`; if it is no secret, say so with `--allow ID:PATH`, or `--allow ID` for all places".to_owned()),
            Error::Stale { .. } => Some(level_hint(Level::Released.number(), Some(Lack::NoCheckpoint))),
            Error::Level { level, reason, .. } => Some(level_hint(*level, *reason)),
            Error::Old(_)
            | Error::OldPack(_)
            | Error::NothingToTake(_)
            | Error::NoMerge
            | Error::NoFork
            | Error::Overwrites(_)
            | Error::Unsigned { .. } => super::old::hint(error),
            Error::Pack(error) => pack_hint(error),
            Error::Manifest(_) => Some("change what is named: `--description`, `--license`, or what `git skillmeat show REF` tells of the artifact".to_owned()),
            Error::Release(_) | Error::Tag(_) => None,
    }
}

impl From<deploy::Error> for Failure {
    fn from(error: deploy::Error) -> Self {
        use deploy::Error;
        let class = error.class();
        let hint = match &error {
            Error::Collection(error) => collection_hint(error),
            Error::Git(error) => git_hint(error),
            Error::Fs(error) => fs_hint(error),
            Error::Target(_) | Error::NoPlace { .. } => {
                Some("`git skillmeat targets` shows the targets, and what each has a place for".to_owned())
            }
            Error::InTheWay(conflicts) => Some(obstacle_hint(conflicts)),
            Error::Consent(_) => {
                Some("read what it runs with `--dry-run`, then run the command again with `--yes`".to_owned())
            }
            Error::NotDeployed { .. } => Some("`git skillmeat drift` lists what is deployed".to_owned()),
            Error::Config { .. } => Some("mend the file, then run the command again".to_owned()),
            Error::Changed(_) => Some("run the command again".to_owned()),
            Error::Gone { artifact, .. } => Some(format!(
                "`git skillmeat deploy {artifact}` writes it again, `git skillmeat undeploy {artifact}` gives it up"
            )),
            Error::Merge(_) | Error::NoBase(_) => Some(
                "`--strategy overwrite` takes the state of the project; history keeps that of the collection"
                    .to_owned(),
            ),
            Error::NotAFile { .. } => Some("replace it by a plain file, or move it away".to_owned()),
            Error::Unfit { .. } => Some("rename it, or move it away".to_owned()),
            Error::Mcp { source: crate::model::mcp::McpError::SecretLiteral { .. }, .. } => {
                Some("set the value as a variable of the environment, and refer to it".to_owned())
            }
            Error::Record { .. } | Error::Foreign { .. } | Error::Journal { .. } => None,
            Error::Hooks { .. } | Error::Mcp { .. } | Error::Render { .. } => {
                Some("deploy the others with `--skip-unusable`".to_owned())
            }
        };
        Self::of(&error, class, hint)
    }
}

/// Returns what to do about things that are not overwritten.
fn obstacle_hint(conflicts: &[deploy::Conflict]) -> String {
    let has = |obstacle| conflicts.iter().any(|conflict| conflict.obstacle == obstacle);
    if has(deploy::Obstacle::NotAFile) {
        return "move away what is not a file".to_owned();
    }
    let edited = conflicts.iter().find(|conflict| conflict.obstacle == deploy::Obstacle::Edited);
    match edited {
        Some(edited) => format!(
            "bring the edits into the collection with `git skillmeat sync {}`, or overwrite them with `--force`, which keeps a copy",
            edited.artifact
        ),
        None => "move it away, or overwrite it with `--force`, which keeps a copy".to_owned(),
    }
}

/// Returns names joined for a message.
pub(super) fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("', '")
}

/// Returns what to do about an error of the git layer.
pub(super) fn git_hint(error: &GitError) -> Option<String> {
    let text = match error {
        GitError::NotARepository(_) => "check the path".to_owned(),
        GitError::NotOurs(path) => format!("if you trust it, run `git config --global --add safe.directory {}`", word(&path.display())),
        GitError::Steered { variable, .. } => format!("git sets it for its hooks; run the command as `env -u {variable} git skillmeat …`"),
        GitError::Bare(_) => "use a clone with a worktree".to_owned(),
        GitError::Unborn(_) => "commit something first, or run `git skillmeat init` there".to_owned(),
        GitError::InProgress { .. } => "finish or abort it with git first".to_owned(),
        GitError::RefLocked { source, .. } if source.is_denied() => "check who may write there".to_owned(),
        GitError::RefLocked { .. } => {
            "if no git is running there, a killed one left the '.lock' file: remove it and run the command again".to_owned()
        }
        GitError::RefMoved { .. } | GitError::Rejected { .. } => "run the command again".to_owned(),
        GitError::Dirty(path) => {
            let path = word(path);
            format!("see `git diff -- {path}`, then commit it or run `git checkout -- {path}`")
        }
        GitError::Folded(_) => {
            "run `git sparse-checkout reapply --no-sparse-index`: the worktree stays as it is, and the index names each file".to_owned()
        }
        GitError::Untracked(path) => format!("move '{path}' away, or commit it with git"),
        GitError::NoProgram("curl") => "install curl and put it on PATH, or fetch the pack by hand and import the file".to_owned(),
        GitError::NoProgram("git") => "install git and put it on PATH".to_owned(),
        GitError::NoProgram(_) => "install OpenSSH and put it on PATH".to_owned(),
        GitError::TooOld { .. } => "install a newer git".to_owned(),
        GitError::Offline => "run it once with the network; later runs find what was fetched".to_owned(),
        GitError::Net { .. } => "check the address, the network and your credentials: `git ls-remote` on the same address shows git's own view".to_owned(),
        GitError::Declined { .. } => "do what the server says, or ask whoever keeps it".to_owned(),
        GitError::Redirected { .. } => "if you trust that server, give its address instead".to_owned(),
        GitError::BadEntry { .. } | GitError::BadPath(_) => "ask its author to replace it by a plain file with a portable name".to_owned(),
        GitError::Missing { .. } => "run `git fsck` in the repository".to_owned(),
        GitError::Forged { .. } => {
            "do not use this repository: `git fsck` names what else is wrong; clone it again over a network, or with `--no-local`".to_owned()
        }
        GitError::NoCommit(_) => "`git skillmeat history` shows commits and snapshots".to_owned(),
        GitError::Fs(error) => return fs_hint(error),
        GitError::Gix { source, .. } if source.is_full() => "free some space, then run the command again".to_owned(),
        GitError::TooMuch { .. } | GitError::Process { .. } | GitError::Gix { .. } => return None,
    };
    Some(text)
}

/// Returns how an address is allowed that nobody has typed.
pub(super) fn allow_hint(address: &str) -> String {
    let address = word(&address);
    format!("if you know it and agree, run `git config --add skillmeat.allowSource {address}` and the command again")
}

/// Returns a text from outside as one word of a shell, whatever it holds: people run what a hint tells them.
pub(super) fn word(text: &impl std::fmt::Display) -> String {
    let text = text.to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_/.:@%+=,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// Returns what to do about a file error.
pub(super) fn fs_hint(error: &FsError) -> Option<String> {
    match error {
        FsError::Busy(_) => Some("wait for the other git skillmeat to finish, then run the command again".to_owned()),
        FsError::Escapes(_) => Some("replace the link by a folder or a plain file".to_owned()),
        FsError::Io { source, .. } => io_hint(source),
        FsError::TooLarge { .. } => None,
    }
}

/// Returns what to do about a refusal of the system.
fn io_hint(error: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind;
    let text = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space, then run the command again",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "check who may write there",
        ErrorKind::NotFound => "check the path, or make what is missing first",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hint_tells_to_run_is_one_word() {
        for (text, expected) in [
            ("/srv/skills", "/srv/skills"),
            ("/tmp/x'; touch /tmp/y; echo '", r"'/tmp/x'\''; touch /tmp/y; echo '\'''"),
            ("a b$(id)`id`", "'a b$(id)`id`'"),
            ("", "''"),
        ] {
            assert_eq!(word(&text), expected);
        }
        assert!(allow_hint("/x'; id '").contains(r"allowSource '/x'\''; id '\''"));
    }
}
