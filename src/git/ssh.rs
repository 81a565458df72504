//! Signing with `ssh-keygen`: the only place that starts it (`schema/threats.md`, section 3).
//!
//! Agents, hardware keys and passphrases come for free with the program. Checking never needs it: that is
//! `crate::signature`, and every signature made here goes through it before it is returned.

mod generate;
mod key;
mod run;
#[cfg(all(test, unix))]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use generate::{GenerateError, GeneratedKey, generate_key, random_hex};
pub use key::{KeySource, PublicInfo, public_key};
pub use run::Prompt;

use crate::signature::{KeyError, PublicKey, SshSignature, SshSignatureError};

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// There is no such program.
    #[error("there is no program '{}'", shown_path(.0))]
    NoProgram(PathBuf),
    /// The program could not be started or talked to.
    #[error("cannot run '{}'", shown_path(program))]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// There is no such key file.
    #[error("there is no key file '{}'", shown_path(.0))]
    NoKeyFile(PathBuf),
    /// The key file cannot be read or written.
    #[error("cannot {verb} the key file '{}'", shown_path(path))]
    KeyFile {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is neither a private nor a public key.
    #[error("'{}' is not an SSH key", shown_path(.0))]
    NotAKey(PathBuf),
    /// The file is a private key that does not tell its public half, and there is no `.pub` file beside it.
    #[error("there is no public key beside the private key '{}'", shown_path(.0))]
    NoPublicHalf(PathBuf),
    /// The text given in place of a file is not a public key.
    #[error("the signing key given as text is not a public key")]
    NotAKeyText(#[source] KeyError),
    /// Signatures by the key would not be believed here.
    #[error("the key {fingerprint} cannot sign: {reason}")]
    Unusable {
        /// The key.
        fingerprint: String,
        /// Why not.
        reason: String,
    },
    /// The private key is encrypted and nobody may be asked, or the answer was wrong.
    #[error("the key '{key}' needs its passphrase")]
    Passphrase {
        /// File or fingerprint.
        key: String,
        /// Whether somebody was asked.
        asked: bool,
    },
    /// Other people can read the private key, so `ssh-keygen` does not use it.
    #[error("the permissions of the private key '{0}' are too open")]
    Permissions(String),
    /// No agent can be reached, or it does not have the key; there is no private key file either.
    #[error("no ssh agent has the private key of {0}")]
    NotInAgent(String),
    /// The agent has the key and will not sign: locked, not confirmed, not touched.
    #[error("the ssh agent refuses to sign with {0}")]
    AgentRefused(String),
    /// There was no answer in time.
    #[error("'{}' gave no answer within {seconds} s", shown_path(program))]
    Timeout {
        /// The program.
        program: PathBuf,
        /// How long it had.
        seconds: u64,
    },
    /// The program failed for another reason.
    #[error("'{}' failed: {stderr}", shown_path(program))]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its last words, control characters escaped, at most 2,000 characters.
        stderr: String,
    },
    /// The program made a signature that does not hold.
    #[error("'{}' made a signature that does not hold", shown_path(program))]
    OwnSignature {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        #[source]
        source: SshSignatureError,
    },
    /// The program signed with another key than it was asked to.
    #[error("asked for a signature by {expected}, got one by {found}")]
    OtherKey {
        /// Fingerprint of the key asked for.
        expected: String,
        /// Fingerprint in the signature.
        found: String,
    },
}

/// Returns a path as text, control characters escaped.
fn shown_path(path: &Path) -> String {
    path.to_string_lossy().chars().flat_map(char::escape_debug).collect()
}

/// Variables that `ssh-keygen` and what it starts may see; all others are withheld.
const PASSED: [&str; 10] = [
    "PATH",
    "HOME",
    "SSH_AUTH_SOCK",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "TERM",
    // Without these two no program starts properly on Windows.
    "SYSTEMROOT",
    "USERPROFILE",
];

/// The `ssh-keygen` program. OpenSSH 8.4 or newer: older ones do not know `SSH_ASKPASS_REQUIRE`.
#[derive(Debug, Clone)]
pub struct SshKeygen {
    program: PathBuf,
    scratch: PathBuf,
    env: Vec<(OsString, OsString)>,
    /// How long each output may take to end when nobody may be asked.
    timeout: Duration,
}

/// Twice what a hardware key waits for a touch.
const TIMEOUT: Duration = Duration::from_secs(60);

impl SshKeygen {
    /// Names the program, a folder for files that live as long as one call, and the environment it is to see.
    ///
    /// Of `env` only `PATH`, `HOME`, `SSH_AUTH_SOCK`, `SSH_ASKPASS`, `SSH_ASKPASS_REQUIRE`, `DISPLAY`,
    /// `WAYLAND_DISPLAY` and `TERM` are passed on (and `SYSTEMROOT`, `USERPROFILE`, which Windows needs).
    pub fn new(
        program: impl Into<PathBuf>,
        scratch: impl Into<PathBuf>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let env = env.into_iter().filter(|(name, _)| PASSED.iter().any(|passed| name == passed)).collect();
        Self { program: program.into(), scratch: scratch.into(), env, timeout: TIMEOUT }
    }

    /// Returns the program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Signs `payload` for `namespace` and returns the armour, which has been verified.
    ///
    /// With [`Prompt::Never`] nothing is asked of anybody and the call ends within two minutes at worst; with
    /// [`Prompt::Allow`] the passphrase is asked for on the terminal, or by `SSH_ASKPASS` where that is set,
    /// for as long as it takes.
    ///
    /// # Errors
    /// [`SshError`]; nothing is left behind.
    pub fn sign(&self, key: &KeySource, namespace: &str, payload: &[u8], prompt: Prompt) -> Result<String, SshError> {
        let PublicInfo { key: public, has_private, .. } = public_key(key)?;
        if let Some(reason) = public.why_unusable() {
            return Err(SshError::Unusable { fingerprint: public.fingerprint(), reason });
        }
        let file = key.to_file(&public, &self.scratch)?;
        let mut args: Vec<OsString> = vec!["-Y".into(), "sign".into(), "-n".into(), namespace.into(), "-f".into()];
        args.push(file.path().into());
        if file.is_agent_only() {
            args.push("-U".into());
        }
        let output = self.run(&args, payload, prompt)?;
        if !output.success {
            let words = String::from_utf8_lossy(&output.stderr);
            // Of a public key file with no private half `ssh-keygen` complains as of an open private key.
            let too_open = has_private && words.contains("UNPROTECTED PRIVATE KEY FILE");
            return Err(if too_open {
                SshError::Permissions(key.name(&public))
            } else {
                self.failure(&words, key.name(&public), &public, prompt)
            });
        }
        // Git removes CR too, which some builds for Windows write.
        let armour = String::from_utf8_lossy(&output.stdout).replace('\r', "");
        self.check_own(&armour, namespace, payload, &public)?;
        Ok(armour)
    }

    fn check_own(&self, armour: &str, namespace: &str, payload: &[u8], key: &PublicKey) -> Result<(), SshError> {
        let wrong = |source| SshError::OwnSignature { program: self.program.clone(), source };
        let signature = SshSignature::parse(armour.as_bytes()).map_err(wrong)?;
        signature.verify(namespace, payload).map_err(wrong)?;
        match signature.public_key() == key {
            true => Ok(()),
            false => Err(SshError::OtherKey { expected: key.fingerprint(), found: signature.fingerprint() }),
        }
    }

    /// Finds the reason in the words of OpenSSH 8.4 to 9.2, which are not translated.
    fn failure(&self, words: &str, name: String, key: &PublicKey, prompt: Prompt) -> SshError {
        let says = |wanted: &[&str]| wanted.iter().any(|wanted| words.contains(wanted));
        if says(&["incorrect passphrase"]) {
            return SshError::Passphrase { key: name, asked: prompt == Prompt::Allow };
        }
        if says(&["agent refused operation"]) {
            return SshError::AgentRefused(key.fingerprint());
        }
        if says(&["Couldn't get agent socket", "Couldn't find key in agent", "No private key found for"]) {
            return SshError::NotInAgent(key.fingerprint());
        }
        let stderr = words.trim().chars().flat_map(char::escape_debug).take(2000).collect();
        SshError::Failed { program: self.program.clone(), stderr }
    }
}
