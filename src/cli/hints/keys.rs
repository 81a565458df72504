//! What to do about errors of keys.

use super::{collection_hint, fs_hint, git_hint, word};
use crate::cli::failure::Failure;
use crate::git::ssh::SshError;
use crate::ops::{collection, keys};

impl From<keys::Error> for Failure {
    fn from(error: keys::Error) -> Self {
        let class = error.class();
        let hint = keys_hint(&error);
        Self::of(&error, class, hint)
    }
}

/// Returns what to do where nothing was signed.
pub(super) fn signing_hint(error: &SshError) -> String {
    match error {
        SshError::Passphrase { key, asked: false } => format!(
            "run the command on a terminal, or give the key to your agent first: `ssh-add {}`",
            word(&key.strip_suffix(".pub").unwrap_or(key))
        ),
        _ => "`git skillmeat key show` tells which key is used; `ssh-add -l` which keys the agent has".to_owned(),
    }
}

/// Returns what to do about an error of keys.
pub(super) fn keys_hint(error: &keys::Error) -> Option<String> {
    use keys::Error;
    match error {
        Error::NoIdentity => collection_hint(&collection::Error::NoIdentity),
        Error::KeyExists(path) => {
            Some(format!("use it: `git config --global user.signingKey {}`", word(&path.display())))
        }
        Error::NoKey => Some("make one with `git skillmeat key generate`".to_owned()),
        Error::NotAKey { .. } => {
            Some("a public key is one line such as `ssh-ed25519 AAAA…`, or a file `….pub`".to_owned())
        }
        Error::Several { .. } => {
            Some("give each key by itself: a file with one line for each, and the command once for each".to_owned())
        }
        Error::NoKeyFile(_) => {
            Some("name the file of a public key, or give its text, such as `ssh-ed25519 AAAA…`".to_owned())
        }
        Error::NoFingerprint(_) => Some(
            "`git skillmeat trust list` shows those of known keys; of another give the public key, or its file"
                .to_owned(),
        ),
        Error::PrivateKey(path) => Some(format!("give the public half: '{}.pub'", path.display())),
        Error::User(_) | Error::NoKeys(_) => Some("ask them for the key itself, and give it with `--key`".to_owned()),
        Error::Forge(_) => Some("`git config --global skillmeat.forge https://…` names one".to_owned()),
        Error::NotSigned(_) => Some("get it again from its publisher; do not use this one".to_owned()),
        Error::OtherKey { .. } => {
            Some("ask them again which key is theirs: someone may have put another in its place".to_owned())
        }
        Error::Unconfirmed(found) => Some(format!(
            "compare it with one that came another way, then say so: `--fingerprint {}`",
            found.first().map_or("SHA256:…", String::as_str)
        )),
        Error::NoPrincipal(_) => Some("`git skillmeat trust list` shows them".to_owned()),
        Error::Git(error) => git_hint(error),
        Error::Fs(error) => fs_hint(error),
        Error::Revoked { path, .. } => Some(format!(
            "nobody is believed while it cannot be read; mend '{}': one public key a line",
            path.display()
        )),
        Error::Principal(_) => Some("write it as it would be typed, for example `ada@example.com`".to_owned()),
        Error::Signers { path, .. } => Some(format!("mend the line in '{}', or take it out", path.display())),
        Error::NotText(_) | Error::Generate(_) => None,
        Error::Ssh(error) => Some(signing_hint(error)),
    }
}
