//! Keys as people give them: a line of text, or a file.

use super::Error;
use crate::fsio::read;
use crate::ops::Context;
use crate::signature::PublicKey;

/// Largest public key file, in bytes.
const MAX_KEY_BYTES: u64 = 64 * 1024;

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
