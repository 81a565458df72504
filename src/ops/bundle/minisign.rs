//! Signatures of minisign beside packs: for people without ssh, and never in place of the tag's.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};

use super::error::NotGood;
use super::locate::open_pack;
use super::{Error, Export, Found};
use crate::fsio::{FsError, NewFile, new_file_beside, open_file, read};
use crate::model::{Digest, Release};
use crate::signature::{
    MAX_MINISIGN_BYTES, MinisignError, MinisignKey, MinisignSigner, MinisignVerdict, verify_minisign,
};

/// Reads a secret key. `ask` is called where it needs a passphrase; it returns `None` when nobody can be asked.
///
/// # Errors
/// [`Error::Minisign`], [`Error::Fs`].
pub fn minisign_signer(path: &Path, ask: impl FnOnce() -> Option<String>) -> Result<MinisignSigner, Error> {
    let failed = |source| Error::Minisign { shown: path.display().to_string(), source };
    let bytes = zeroize::Zeroizing::new(read(path, MAX_MINISIGN_BYTES)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| failed(MinisignError::NotASecretKey))?;
    match MinisignSigner::read(text, None) {
        Err(MinisignError::Encrypted) => {
            let word = zeroize::Zeroizing::new(ask().ok_or_else(|| failed(MinisignError::Encrypted))?);
            MinisignSigner::read(text, Some(&word)).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

/// Reads a public key: its text, or the file that has it.
///
/// # Errors
/// [`Error::Minisign`], [`Error::Fs`].
pub fn minisign_key(folder: &Path, text: &str) -> Result<MinisignKey, Error> {
    let path = folder.join(text);
    let content = if path.is_file() {
        String::from_utf8_lossy(&read(&path, MAX_MINISIGN_BYTES)?).into_owned()
    } else {
        text.to_owned()
    };
    MinisignKey::parse(&content).map_err(|source| Error::Minisign { shown: text.chars().take(60).collect(), source })
}

/// Checks the signature beside the pack in which a release was found; `None` for a release that is in no pack.
///
/// It is the open file that is read: its name may lead to another one by now.
///
/// # Errors
/// [`Error::Minisig`] for every verdict that is not good; [`Error::Fs`].
pub fn minisign_verdict(found: &Found, key: &MinisignKey) -> Result<Option<MinisignVerdict>, Error> {
    let (Some((pack, ..)), Some(mut file)) = (&found.pack, found.file.as_ref()) else { return Ok(None) };
    judged(pack, &mut file, key).map(Some)
}

/// As [`minisign_verdict`], of a file in which no release was found: what is bad is refused as that, whatever else it is.
///
/// # Errors
/// As [`minisign_verdict`].
pub fn minisign_of_file(pack: &Path, key: &MinisignKey) -> Result<MinisignVerdict, Error> {
    judged(pack, &mut open_pack(pack)?, key)
}

fn judged(pack: &Path, file: &mut (impl Read + Seek), key: &MinisignKey) -> Result<MinisignVerdict, Error> {
    match verify_minisign(key, signature_of(pack)?.as_deref(), file) {
        good @ MinisignVerdict::Good { .. } => Ok(good),
        other => Err(Error::Minisig { path: pack.to_owned(), source: NotGood(other) }),
    }
}

/// Reads the signature beside a pack, if there is a file of that name: a named pipe would be waited for.
fn signature_of(pack: &Path) -> Result<Option<Vec<u8>>, FsError> {
    let path = beside(pack);
    let file = match open_file(&path) {
        Err(FsError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    file.take(MAX_MINISIGN_BYTES + 1).read_to_end(&mut bytes).map_err(FsError::at("read", &path))?;
    if bytes.len() as u64 > MAX_MINISIGN_BYTES {
        return Err(FsError::TooLarge { path, limit: MAX_MINISIGN_BYTES });
    }
    Ok(Some(bytes))
}

/// Signs a pack that has no name yet. Returns the signature, which has none either, and its place.
pub(super) fn sign(
    pack: &mut NewFile,
    wish: &Export,
    release: &Release,
    digest: Digest,
) -> Result<Option<(NewFile, PathBuf)>, Error> {
    let Some(signer) = &wish.minisign else { return Ok(None) };
    let name = wish.output.file_name().unwrap_or_default().to_string_lossy();
    let name: String =
        name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    // As minisign's own comments: members that are set apart by tabs.
    let comment = format!("file:{name}\trelease:{release}\ttree:{digest}");
    let text = signer.sign(pack.writer(), &comment);
    let text = text.map_err(|source| Error::Minisign { shown: signer.key_id(), source })?;
    let path = beside(&wish.output);
    let mut file = new_file_beside(&path)?;
    std::io::Write::write_all(file.writer(), text.as_bytes()).map_err(FsError::at("write", &path))?;
    Ok(Some((file, path)))
}

/// Returns where the signature of a pack stands, as minisign looks for it.
fn beside(pack: &Path) -> PathBuf {
    let mut path = OsString::from(pack);
    path.push(".minisig");
    path.into()
}
