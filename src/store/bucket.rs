//! One place in object storage, and its files.

use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, UpdateVersion};
use tokio::runtime::{Builder, Runtime};

use super::client::{client, deepest, without_secrets};
use super::folder::Folder;
use super::{Key, StoreAddress, StoreError};
use crate::fsio::FsError;

/// What a file was when it was read, in the words of its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The entity tag, or the digest in a folder.
    pub(super) tag: String,
    /// The number that Google Cloud Storage wants in its place.
    pub(super) generation: Option<String>,
}

/// How a conditional write went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// The file is what was written.
    Done,
    /// Another was quicker: the file is something else. Nothing of ours is there.
    Lost,
}

/// A place in object storage.
pub struct Bucket {
    pub(super) address: String,
    pub(super) inner: Inner,
    environment: Vec<(OsString, OsString)>,
}

/// What is behind it.
pub(super) enum Inner {
    /// A cloud: its client, the folder in the bucket, and what drives the client.
    Cloud(Cloud),
    /// A folder on this machine.
    Folder(Folder),
}

/// The client of a cloud.
pub(super) struct Cloud {
    pub(super) store: Arc<dyn ObjectStore>,
    prefix: String,
    pub(super) runtime: Runtime,
}

impl Cloud {
    pub(super) fn path(&self, key: &Key) -> Path {
        Path::from(if self.prefix.is_empty() { key.to_string() } else { format!("{}/{key}", self.prefix) })
    }

    /// Returns the folder in the bucket; `None` where it is the whole of it.
    pub(super) fn prefix(&self) -> Option<Path> {
        (!self.prefix.is_empty()).then(|| Path::from(self.prefix.as_str()))
    }

    pub(super) fn options(key: &Key) -> Attributes {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, key.content_type().into());
        attributes.insert(Attribute::CacheControl, key.cache_control().into());
        attributes
    }
}

impl Bucket {
    /// Opens a place; the network is not used yet. `environment` holds the settings of its cloud, and `silence` is how long
    /// nothing may come.
    ///
    /// # Errors
    /// [`StoreError::Settings`], [`StoreError::NoCredentials`].
    pub fn open(
        address: &StoreAddress,
        environment: &[(OsString, OsString)],
        silence: Duration,
    ) -> Result<Self, StoreError> {
        let inner = match (address, client(address, environment, silence)?) {
            (StoreAddress::S3(place) | StoreAddress::Google(place) | StoreAddress::Azure(place), Some(store)) => {
                let runtime = Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| StoreError::Settings {
                    address: address.to_string(),
                    reason: error.to_string(),
                })?;
                Inner::Cloud(Cloud { store, prefix: place.prefix.clone(), runtime })
            }
            (StoreAddress::Folder(path), _) => Inner::Folder(Folder::at(path)),
            (other, None) => return Err(StoreError::NoCredentials(other.to_string())),
        };
        Ok(Self { address: address.to_string(), inner, environment: environment.to_vec() })
    }

    /// Returns its address, which holds no secret.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Reads a file of at most `limit` bytes, and which version of it this is; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Net`], [`StoreError::Denied`].
    pub fn get(&self, key: &Key, limit: u64) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let cloud = match &self.inner {
            Inner::Folder(folder) => return folder.get(key, limit),
            Inner::Cloud(cloud) => cloud,
        };
        let got = cloud.runtime.block_on(async {
            let found = cloud.store.get(&cloud.path(key)).await?;
            if found.meta.size > limit {
                return Ok(None);
            }
            let (tag, generation) = (found.meta.e_tag.clone().unwrap_or_default(), found.meta.version.clone());
            Ok(Some((found.bytes().await?.to_vec(), Version { tag, generation })))
        });
        match got {
            Ok(Some((bytes, _))) if bytes.len() as u64 > limit => Err(self.too_large(key, limit)),
            Ok(None) => Err(self.too_large(key, limit)),
            Ok(found) => Ok(found),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Copies a file of at most `limit` bytes, piece by piece, and returns its size in bytes.
    ///
    /// # Errors
    /// [`StoreError::Missing`], and as [`Bucket::get`].
    pub fn download(&self, key: &Key, to: &mut dyn Write, limit: u64) -> Result<u64, StoreError> {
        let missing = || StoreError::Missing { address: self.address.clone(), key: key.to_string() };
        let cloud = match &self.inner {
            Inner::Folder(folder) => {
                let written = folder.copy(key, to, limit)?.ok_or_else(missing)?;
                return if written > limit { Err(self.too_large(key, limit)) } else { Ok(written) };
            }
            Inner::Cloud(cloud) => cloud,
        };
        cloud.runtime.block_on(async {
            let found = cloud.store.get(&cloud.path(key)).await.map_err(|error| match error {
                object_store::Error::NotFound { .. } => missing(),
                other => self.failed(&other),
            })?;
            let mut written = 0_u64;
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|error| self.failed(&error))?;
                written += piece.len() as u64;
                if written > limit {
                    return Err(self.too_large(key, limit));
                }
                to.write_all(&piece).map_err(FsError::at("write", std::path::Path::new(&key.to_string())))?;
            }
            Ok(written)
        })
    }

    /// Returns the size of a file, in bytes; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Net`], [`StoreError::Denied`].
    pub fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let cloud = match &self.inner {
            Inner::Folder(folder) => return Ok(folder.size(key)?),
            Inner::Cloud(cloud) => cloud,
        };
        match cloud.runtime.block_on(cloud.store.head(&cloud.path(key))) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Says whether nothing is there at all.
    ///
    /// # Errors
    /// As [`Bucket::size`].
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        let cloud = match &self.inner {
            Inner::Folder(folder) => return Ok(folder.is_empty()?),
            Inner::Cloud(cloud) => cloud,
        };
        let first = cloud.runtime.block_on(async { cloud.store.list(cloud.prefix().as_ref()).next().await });
        first.transpose().map(|found| found.is_none()).map_err(|error| self.failed(&error))
    }

    /// Writes a file where it is at the version that was read, or where there is none yet for `None`.
    ///
    /// Such a write cannot simply be done again: one that failed may have happened all the same, and what is tried again
    /// after that loses to itself. So whatever is not a plain success is read back and compared.
    ///
    /// # Errors
    /// [`StoreError::Net`] when it did not happen, or nobody can say; [`StoreError::NoConditions`], [`StoreError::Denied`].
    pub fn replace(&self, key: &Key, bytes: &[u8], expected: Option<&Version>) -> Result<Replaced, StoreError> {
        let cloud = match &self.inner {
            Inner::Folder(folder) => return folder.replace(key, bytes, expected),
            Inner::Cloud(cloud) => cloud,
        };
        let mode = match expected {
            None => PutMode::Create,
            Some(version) => {
                PutMode::Update(UpdateVersion { e_tag: Some(version.tag.clone()), version: version.generation.clone() })
            }
        };
        let Err(error) = self.put(cloud, key, bytes, mode) else { return Ok(Replaced::Done) };
        let is_raced = matches!(
            error,
            object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::NotModified { .. }
        );
        match &error {
            object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. } => {
                return Err(StoreError::NoConditions(self.address.clone()));
            }
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                return Err(self.failed(&error));
            }
            _ => {}
        }
        // One byte more than ours: what is larger is another's.
        let there = match self.get(key, bytes.len() as u64) {
            Err(StoreError::TooLarge { .. }) => return Ok(Replaced::Lost),
            other => other?,
        };
        match there {
            Some((found, _)) if found == bytes => Ok(Replaced::Done),
            Some((_, version)) if !is_raced && Some(&version) == expected => Err(self.failed(&error)),
            None if !is_raced && expected.is_none() => Err(self.failed(&error)),
            _ => Ok(Replaced::Lost),
        }
    }

    /// Writes a file whatever is there: for one that is named by its content, and for a store that has one writer only.
    ///
    /// # Errors
    /// [`StoreError::Net`], [`StoreError::Denied`].
    pub fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), StoreError> {
        match &self.inner {
            Inner::Folder(folder) => Ok(folder.write(key, bytes)?),
            Inner::Cloud(cloud) => self.put(cloud, key, bytes, PutMode::Overwrite).map_err(|error| self.failed(&error)),
        }
    }

    fn put(&self, cloud: &Cloud, key: &Key, bytes: &[u8], mode: PutMode) -> object_store::Result<()> {
        let options = PutOptions { mode, attributes: Cloud::options(key), ..PutOptions::default() };
        let path = cloud.path(key);
        cloud.runtime.block_on(cloud.store.put_opts(&path, bytes.to_vec().into(), options)).map(drop)
    }

    /// Removes a file; one that is not there counts as removed.
    ///
    /// # Errors
    /// [`StoreError::Net`], [`StoreError::Denied`].
    pub fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let cloud = match &self.inner {
            Inner::Folder(folder) => return Ok(folder.delete(key)?),
            Inner::Cloud(cloud) => cloud,
        };
        match cloud.runtime.block_on(cloud.store.delete(&cloud.path(key))) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Finds out whether the store heeds conditions: with one that does not, two writers could undo each other's work.
    /// `name` is random; nothing of that name is left.
    ///
    /// # Errors
    /// [`StoreError::NoConditions`], [`StoreError::Net`], [`StoreError::Denied`].
    pub fn probe(&self, name: &str) -> Result<(), StoreError> {
        let key = Key::Probe(name.to_owned());
        let tried = self.try_conditions(&key);
        let removed = self.delete(&key);
        match tried? {
            true => removed,
            false => Err(StoreError::NoConditions(self.address.clone())),
        }
    }

    fn try_conditions(&self, key: &Key) -> Result<bool, StoreError> {
        if self.replace(key, b"one", None)? != Replaced::Done || self.replace(key, b"two", None)? != Replaced::Lost {
            return Ok(false);
        }
        let Some((_, first)) = self.get(key, 16)? else { return Ok(false) };
        let moved = self.replace(key, b"three", Some(&first))? == Replaced::Done;
        Ok(moved && self.replace(key, b"four", Some(&first))? == Replaced::Lost)
    }

    pub(super) fn too_large(&self, key: &Key, limit: u64) -> StoreError {
        StoreError::TooLarge { address: self.address.clone(), key: key.to_string(), limit }
    }

    pub(super) fn failed(&self, error: &object_store::Error) -> StoreError {
        let (address, reason) = (self.address.clone(), without_secrets(&deepest(error), &self.environment));
        match error {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                StoreError::Denied { address, reason: without_body(&reason) }
            }
            _ => StoreError::Net { address, reason },
        }
    }
}

/// Leaves out what a server says about a signature: it repeats the request, keys and all.
fn without_body(reason: &str) -> String {
    let end = reason.find('<').unwrap_or(reason.len());
    let code = reason.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    format!("{}{}", reason[..end].trim_end_matches([' ', ':']), code.map_or(String::new(), |code| format!(": {code}")))
}
