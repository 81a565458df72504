//! Signing keys and the people whose signatures are believed.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::fsio::{Access, FsError, Lock, create_new, ensure_folder, read, read_optional, write_atomic};
use crate::git::GitError;
use crate::git::ssh::{GenerateError, KeySource, SshError, generate_key, public_key};
use crate::model::{Class, is_principal};
use crate::ops::Context;
use crate::ops::collection::{fs_class, git_class};
use crate::ops::revocation::revoked_keys;
use crate::signature::{AllowedSigners, AllowedSignersError, KeyError, MAX_SIGNERS_BYTES, PublicKey, RevokedError};

/// Namespaces that a line we write is valid for: git's, and ours. A line without any would be valid for all.
const NAMESPACES: &str = "git,skillmeat-*";

/// Largest public key file, in bytes.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// A use case on keys failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// git does not know who the key belongs to.
    #[error("git does not know who you are")]
    NoIdentity,
    /// A key was made before.
    #[error("there is a key already: '{}'", .0.display())]
    KeyExists(PathBuf),
    /// The key cannot be made.
    #[error("cannot make a key")]
    Generate(#[from] GenerateError),
    /// The signing key cannot be used.
    #[error("cannot use the signing key")]
    Ssh(#[from] SshError),
    /// No signing key is configured.
    #[error("git has no signing key")]
    NoKey,
    /// A text or file is no public key.
    #[error("'{}' is not a public key", .text.escape_debug())]
    NotAKey {
        /// What was given, shortened.
        text: String,
        /// What is wrong.
        source: KeyError,
    },
    /// More than one key where one is wanted: nobody has said which.
    #[error("'{}' has {found} keys, and one is wanted", .text.escape_debug())]
    Several {
        /// What was given, shortened.
        text: String,
        /// How many keys there are.
        found: usize,
    },
    /// What is named is no file, and no key either.
    #[error("there is no file '{}'", .0.display())]
    NoKeyFile(PathBuf),
    /// Nobody who is known has a key with this fingerprint.
    #[error("nobody in the list of allowed signers has the key '{}'", .0.escape_debug())]
    NoFingerprint(String),
    /// It is a private key.
    #[error("'{}' is a private key", .0.display())]
    PrivateKey(PathBuf),
    /// The name of a principal has characters with a meaning of their own in the list, or that nobody sees.
    #[error("'{}' is not the name of a principal: no spaces, quotes, commas, wildcards or characters that are not seen", .0.escape_debug())]
    Principal(String),
    /// The list cannot be read.
    #[error("the allowed signers '{}' cannot be used", path.display())]
    Signers {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: AllowedSignersError,
    },
    /// The list of revoked keys cannot be read.
    #[error("the revoked keys '{}' cannot be used", path.display())]
    Revoked {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RevokedError,
    },
    /// Nobody of that name is in the list.
    #[error("no allowed signer is called '{}'", .0.escape_debug())]
    NoPrincipal(String),
    /// No user of a forge has such a name.
    #[error("'{}' is not the name of a user", .0.escape_debug())]
    User(String),
    /// The forge is not one that is asked over http.
    #[error("'{}' is no forge that publishes keys", .0.escape_debug())]
    Forge(String),
    /// There are no keys at an address.
    #[error("'{}' names no key that can be used", .0.escape_debug())]
    NoKeys(String),
    /// A release has no signature that holds.
    #[error("nobody is known to have signed it: {0}")]
    NotSigned(String),
    /// None of the keys has the fingerprint that was given.
    #[error("none of these keys is {wanted}: {}", found.join(", "))]
    OtherKey {
        /// The fingerprint that was given.
        wanted: String,
        /// Those that there are.
        found: Vec<String>,
    },
    /// Nobody has said that these are the right keys.
    #[error("nobody has said that these are the right keys: {}", .0.join(", "))]
    Unconfirmed(Vec<String>),
    /// The list is not UTF-8 text.
    #[error("the allowed signers '{}' are not text", .0.display())]
    NotText(PathBuf),
    /// git's configuration cannot be changed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Error {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Error::NoIdentity | Error::NoKey | Error::KeyExists(_) => Class::Usage,
            Error::NotAKey { .. }
            | Error::Several { .. }
            | Error::NoKeyFile(_)
            | Error::NoFingerprint(_)
            | Error::PrivateKey(_)
            | Error::Principal(_)
            | Error::NoPrincipal(_) => Class::Name,
            Error::Signers { .. } | Error::Revoked { .. } | Error::NotText(_) => Class::Parse,
            Error::Generate(_) | Error::Ssh(_) => Class::Io,
            Error::User(_) | Error::NoKeys(_) => Class::Name,
            Error::Forge(_) => Class::Usage,
            Error::NotSigned(_) => Class::Signature,
            Error::OtherKey { .. } => Class::Untrusted,
            Error::Unconfirmed(_) => Class::Consent,
            Error::Git(error) => git_class(error),
            Error::Fs(error) => fs_class(error),
        }
    }
}

/// What `key generate` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Generated {
    /// The private key.
    pub path: PathBuf,
    /// The public key, as one line.
    pub public: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// The principal that was allowed to sign with it.
    pub principal: String,
    /// The settings of git that were made, as `key=value`.
    pub settings: Vec<String>,
}

/// Makes a signing key for someone who has none, allows it, and tells git of it where git was told nothing yet.
///
/// `configured` says whether a key of git's configuration already has a value.
///
/// # Errors
/// [`Error::KeyExists`]; a key is never replaced.
pub fn generate(context: &Context, configured: &dyn Fn(&str) -> bool) -> Result<Generated, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let principal = who.committer.email.clone();
    check_principal(&principal)?;
    let folder = context.home.join("keys");
    let path = folder.join("id_ed25519");
    if path.exists() {
        return Err(Error::KeyExists(path));
    }
    ensure_folder(&folder)?;
    let key = generate_key(&principal)?;
    create_new(&path, key.private_openssh.as_bytes(), Access::Private)?;
    create_new(&folder.join("id_ed25519.pub"), format!("{}\n", key.public_line).as_bytes(), Access::Shared)?;
    add(context, &principal, &key.public_line, &Scope::default())?;
    let wanted = [
        ("gpg.format", "ssh".to_owned()),
        ("user.signingKey", path.display().to_string()),
        ("gpg.ssh.allowedSignersFile", context.allowed_signers.display().to_string()),
    ];
    let mut settings = Vec::new();
    for (name, value) in wanted {
        if !configured(name) {
            context.git()?.set_global(name, &value)?;
            settings.push(format!("{name}={value}"));
        }
    }
    Ok(Generated { path, public: key.public_line.clone(), fingerprint: key.fingerprint.clone(), principal, settings })
}

/// What `key show` returns.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownKey {
    /// The public key, as one line.
    pub public: String,
    /// `SHA256:…`.
    pub fingerprint: String,
    /// `ED25519`, `RSA`, …
    pub key_type: String,
}

/// Shows the public half of the key that releases are signed with.
///
/// # Errors
/// [`Error::NoKey`], [`Error::Ssh`].
pub fn show(context: &Context) -> Result<ShownKey, Error> {
    let source: &KeySource = context.signing.key.as_ref().ok_or(Error::NoKey)?;
    let info = public_key(source)?;
    let key_type = info.key.key_type().to_owned();
    Ok(ShownKey {
        public: format!("{} {}", info.key.to_line(), info.comment).trim_end().to_owned(),
        fingerprint: info.key.fingerprint(),
        key_type,
    })
}

/// A signer as `trust` shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownSigner {
    /// Who.
    pub principals: String,
    /// With which key.
    pub fingerprint: String,
    /// For what; all namespaces when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<String>,
    /// From when on the key is valid, RFC 3339; without `Z` where the list leaves the zone open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_after: Option<String>,
    /// Until when the key is valid, in the same form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_before: Option<String>,
    /// Line of the file.
    pub line: usize,
    /// Whether the key is revoked: it is in the list, and nothing that it signed is believed.
    pub revoked: bool,
}

/// Lists the allowed signers.
///
/// # Errors
/// [`Error::Signers`].
pub fn list(context: &Context) -> Result<Vec<ShownSigner>, Error> {
    let path = &context.allowed_signers;
    let bytes = read_optional(path, MAX_SIGNERS_BYTES as u64)?.unwrap_or_default();
    let signers = AllowedSigners::parse(&bytes).map_err(|source| Error::Signers { path: path.clone(), source })?;
    let revoked = revoked_keys(context)?;
    let shown = signers.iter().map(|signer| ShownSigner {
        revoked: revoked.contains(signer.key()),
        principals: signer.principals().to_owned(),
        fingerprint: signer.key().fingerprint(),
        namespaces: signer.namespaces().map(str::to_owned),
        valid_after: signer.valid_after().map(|moment| moment.to_string()),
        valid_before: signer.valid_before().map(|moment| moment.to_string()),
        line: signer.line(),
    });
    Ok(shown.collect())
}

/// What a key is believed for, and when.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Comma-separated namespaces; git's and ours where there are none.
    pub namespaces: Option<String>,
    /// First day on which it is valid.
    pub valid_after: Option<jiff::civil::Date>,
    /// Day on which it is valid no more.
    pub valid_before: Option<jiff::civil::Date>,
}

/// As the options of a line: days start at midnight in UTC.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespaces=\"{}\"", self.namespaces.as_deref().unwrap_or(NAMESPACES))?;
        for (name, day) in [("valid-after", self.valid_after), ("valid-before", self.valid_before)] {
            if let Some(day) = day {
                write!(f, ",{name}=\"{}Z\"", day.strftime("%Y%m%d"))?;
            }
        }
        Ok(())
    }
}

/// Allows a principal to sign with a key, given as text or as the path of a public key file. Returns the fingerprint.
///
/// Allowing the same twice changes nothing.
///
/// # Errors
/// [`Error::Principal`], [`Error::NotAKey`], [`Error::Several`], [`Error::PrivateKey`], [`Error::Signers`] for a list that is
/// broken already.
pub fn add(context: &Context, principal: &str, key: &str, scope: &Scope) -> Result<String, Error> {
    check_principal(principal)?;
    let key = read_key(context, key)?;
    let _lock = lock_lists(context)?;
    if revoked_keys(context)?.contains(&key) {
        context.progress.warn("the key is in the list of revoked keys: nothing that it has signed is believed");
    }
    let path = &context.allowed_signers;
    let mut text = text_of(path)?;
    let line = format!("{principal} {scope} {}", key.to_line());
    if !text.lines().any(|known| known == line) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line);
        text.push('\n');
        write_signers(path, &text)?;
    }
    Ok(key.fingerprint())
}

/// Takes every line of a principal out of the list. Returns how many there were.
///
/// # Errors
/// [`Error::NoPrincipal`], [`Error::Signers`].
pub fn remove(context: &Context, principal: &str) -> Result<usize, Error> {
    let _lock = lock_lists(context)?;
    let gone: Vec<usize> =
        list(context)?.into_iter().filter(|signer| signer.principals == principal).map(|signer| signer.line).collect();
    if gone.is_empty() {
        return Err(Error::NoPrincipal(principal.to_owned()));
    }
    let text = text_of(&context.allowed_signers)?;
    let kept = text.lines().enumerate().filter(|(index, _)| !gone.contains(&(index + 1)));
    let kept: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    write_signers(&context.allowed_signers, &kept)?;
    Ok(gone.len())
}

/// Holds off other commands that change the lists of allowed signers and of revoked keys: each is read, changed and written as
/// a whole.
pub(super) fn lock_lists(context: &Context) -> Result<Lock, Error> {
    ensure_folder(&context.home)?;
    Ok(Lock::take(&context.home.join("trust.lock"), context.patience)?)
}

pub(super) fn text_of(path: &Path) -> Result<String, Error> {
    let bytes = read_optional(path, MAX_SIGNERS_BYTES as u64)?.unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| Error::NotText(path.to_owned()))
}

/// Writes the list only if it can be read again: a broken line would lock everyone out.
pub(super) fn write_signers(path: &Path, text: &str) -> Result<(), Error> {
    AllowedSigners::parse(text.as_bytes()).map_err(|source| Error::Signers { path: path.to_owned(), source })?;
    if let Some(folder) = path.parent() {
        ensure_folder(folder)?;
    }
    Ok(write_atomic(path, text.as_bytes(), Access::Shared)?)
}

fn check_principal(principal: &str) -> Result<(), Error> {
    if is_principal(principal) { Ok(()) } else { Err(Error::Principal(principal.chars().take(80).collect())) }
}

/// Reads a public key, given as text or as the path of a public key file.
///
/// # Errors
/// [`Error::NotAKey`], [`Error::NoKeyFile`], [`Error::Several`], [`Error::PrivateKey`].
pub fn read_key(context: &Context, key: &str) -> Result<PublicKey, Error> {
    one_key(key, key)?;
    if let Ok((key, _)) = PublicKey::parse_line(key.trim()) {
        return Ok(key);
    }
    let path = context.folder.join(key);
    if !path.is_file() {
        // The text of a key has a space in it.
        if !key.trim().contains(' ') {
            return Err(Error::NoKeyFile(path));
        }
        let parsed = PublicKey::parse_line(key.trim());
        return parsed
            .map(|(key, _)| key)
            .map_err(|source| Error::NotAKey { text: key.chars().take(60).collect(), source });
    }
    let bytes = read(&path, MAX_KEY_BYTES)?;
    let text = String::from_utf8_lossy(&bytes);
    if text.contains("PRIVATE KEY") {
        return Err(Error::PrivateKey(path));
    }
    one_key(&text, &path.display().to_string())?;
    let parsed = PublicKey::parse_line(key_line(&text));
    parsed.map(|(key, _)| key).map_err(|source| Error::NotAKey { text: path.display().to_string(), source })
}

/// Returns the lines of a file of public keys that are no remark.
fn key_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn key_line(text: &str) -> &str {
    key_lines(text).next().unwrap_or_default()
}

/// Refuses a text with several lines of keys: all but the first would be passed over in silence.
fn one_key(text: &str, shown: &str) -> Result<(), Error> {
    match key_lines(text).count() {
        found @ 2.. => Err(Error::Several { text: shown.chars().take(80).collect(), found }),
        _ => Ok(()),
    }
}
