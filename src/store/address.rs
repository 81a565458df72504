//! The address of a place in object storage.

use std::fmt;
use std::path::PathBuf;

/// Longest address, in bytes; that of a git URL.
const MAX_BYTES: usize = 2048;

/// A bucket and a place in it, or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    /// `s3://bucket/prefix`: S3 and what is compatible with it.
    S3(Place),
    /// `gs://bucket/prefix`: Google Cloud Storage.
    Google(Place),
    /// `az://container/prefix`: Azure Blob Storage; the account comes from the environment.
    Azure(Place),
    /// `file:///path`, or an absolute path.
    Folder(PathBuf),
}

/// A bucket and the folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the bucket or container.
    pub bucket: String,
    /// Path in it without a slash at either end; empty for all of it.
    pub prefix: String,
}

/// Why a text is no such address. No variant repeats what may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none of the forms.
    #[error("the address is none of s3://BUCKET/PREFIX, gs://…, az://…, file:///PATH and an absolute path")]
    Form,
    /// An `@`, a query or a fragment, where tokens and passwords stand.
    #[error("the address holds '{0}', where a password or a token would stand; those belong into the environment")]
    Credentials(char),
    /// The name of the bucket is no name.
    #[error("'{}' is no name of a bucket: lower-case letters, digits, '-' and '.'", .0.escape_debug())]
    Bucket(String),
    /// The path in the bucket has a part that no key of ours has.
    #[error("'{}' in the address is no folder: letters, digits, '-', '_' and '.'", .0.escape_debug())]
    Prefix(String),
}

impl StoreAddress {
    /// Says whether a text is meant as the address of a bucket, well formed or not.
    pub fn is_bucket(text: &str) -> bool {
        ["s3://", "gs://", "az://"].iter().any(|scheme| text.starts_with(scheme))
    }

    /// Parses an address.
    ///
    /// # Errors
    /// [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return Err(AddressError::Form);
        }
        if text.starts_with('/') {
            return Ok(Self::Folder(PathBuf::from(text)));
        }
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Form)?;
        if let Some(found) = rest.chars().find(|c| matches!(c, '@' | '?' | '#')) {
            return Err(AddressError::Credentials(found));
        }
        match scheme {
            "s3" => Ok(Self::S3(place(rest)?)),
            "gs" => Ok(Self::Google(place(rest)?)),
            "az" => Ok(Self::Azure(place(rest)?)),
            "file" if rest.starts_with('/') && !rest.contains('%') => {
                Ok(Self::Folder(PathBuf::from(rest.trim_end_matches('/'))))
            }
            _ => Err(AddressError::Form),
        }
    }
}

fn place(rest: &str) -> Result<Place, AddressError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_');
    let ends_well = bucket.starts_with(|c: char| c.is_ascii_alphanumeric()) && !bucket.ends_with(['-', '.']);
    if !(3..=222).contains(&bucket.len()) || !ends_well || !bucket.chars().all(is_name) || bucket.contains("..") {
        return Err(AddressError::Bucket(bucket.chars().take(80).collect()));
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    let is_part = |part: &str| {
        let plain = part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        plain && !part.is_empty() && !part.chars().all(|c| c == '.')
    };
    match prefix.split('/').find(|part| !is_part(part)) {
        Some(part) if !prefix.is_empty() => Err(AddressError::Prefix(part.chars().take(80).collect())),
        _ => Ok(Place { bucket: bucket.to_owned(), prefix: prefix.to_owned() }),
    }
}

/// Writes the one spelling that parses back to the same address.
impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, place) = match self {
            Self::S3(place) => ("s3", place),
            Self::Google(place) => ("gs", place),
            Self::Azure(place) => ("az", place),
            Self::Folder(path) => return write!(f, "{}", path.display()),
        };
        let slash = if place.prefix.is_empty() { "" } else { "/" };
        write!(f, "{scheme}://{}{slash}{}", place.bucket, place.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for (text, spelled) in [
            ("s3://team-vault", "s3://team-vault"),
            ("s3://team-vault/", "s3://team-vault"),
            ("gs://team.vault/a/b_c/", "gs://team.vault/a/b_c"),
            ("az://vault/x", "az://vault/x"),
            ("/srv/mirror", "/srv/mirror"),
            ("file:///srv/mirror/", "/srv/mirror"),
        ] {
            let address = StoreAddress::parse(text).expect(text);
            assert_eq!(address.to_string(), spelled);
            assert_eq!(StoreAddress::parse(spelled), Ok(address));
        }
    }

    #[test]
    fn what_holds_credentials_or_leads_elsewhere_is_refused() {
        for text in ["s3://key:secret@bucket/x", "s3://bucket/x?X-Amz-Signature=secret", "gs://bucket/x#secret"] {
            let error = StoreAddress::parse(text).expect_err(text);
            assert!(matches!(error, AddressError::Credentials(_)) && !error.to_string().contains("secret"), "{error}");
        }
        for text in [
            "",
            "bucket",
            "s3:/bucket",
            "S3://bucket",
            "s3://",
            "s3:///x",
            "s3://ab",
            "s3://-bucket",
            "s3://buc..ket",
            "s3://Bucket",
            "s3://bucket//x",
            "s3://bucket/../x",
            "s3://bucket/a b",
            "s3://bucket/a%2f",
            "s3://bucket/\u{7}",
            "ftp://bucket/x",
            "file://host/x",
            "https://bucket/x",
        ] {
            assert!(StoreAddress::parse(text).is_err(), "{text:?}");
        }
    }
}
