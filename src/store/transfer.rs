//! Sending files: several at once, large ones in parts, with memory that does not grow with them.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::ready;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectStore, PutMultipartOptions, PutOptions, WriteMultipart};

use super::bucket::{Cloud, Inner};
use super::{Bucket, Key, StoreError};
use crate::fsio::{FsError, open_file};

/// Size of a part, in bytes: eight times that is the memory of a transfer. S3 takes no smaller ones than 5 MiB.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Most parts of one file that S3 takes, with some to spare.
const MAX_PARTS: u64 = 9_000;

/// Parts, and files of one part, on the way at once.
const IN_FLIGHT: usize = 8;

/// A file to send.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Where to; it is named by its content.
    pub key: Key,
    /// From where.
    pub path: PathBuf,
    /// Its size, in bytes.
    pub size: u64,
}

/// Why a file was not sent.
enum Failed {
    Store(object_store::Error),
    Fs(FsError),
}

impl Bucket {
    /// Sends files that are named by their content; those that are there already in their size are left. `sent` is told how
    /// many bytes have gone. Returns how many that were in all.
    ///
    /// # Errors
    /// [`StoreError::Net`], [`StoreError::Denied`], [`StoreError::Fs`]. What was sent stays, and is found the next time.
    pub fn upload(&self, files: &[Upload], sent: &mut dyn FnMut(u64)) -> Result<u64, StoreError> {
        let mut total = 0;
        let cloud = match &self.inner {
            Inner::Folder(folder) => {
                for file in files {
                    if folder.size(&file.key)? != Some(file.size) {
                        folder.take(&file.key, &file.path)?;
                        total += file.size;
                    }
                    sent(total);
                }
                return Ok(total);
            }
            Inner::Cloud(cloud) => cloud,
        };
        let (small, large): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.size <= PART_BYTES);
        cloud.runtime.block_on(async {
            let mut going =
                futures_util::stream::iter(small.into_iter().map(|file| send(cloud, file))).buffer_unordered(IN_FLIGHT);
            while let Some(done) = going.next().await {
                total += done.map_err(|failed| self.explained(failed))?;
                sent(total);
            }
            for file in large {
                total += send(cloud, file).await.map_err(|failed| self.explained(failed))?;
                sent(total);
            }
            Ok(total)
        })
    }

    /// Returns those of some files that are not there, or of another size where one is named, without reading them.
    ///
    /// # Errors
    /// [`StoreError::Net`], [`StoreError::Denied`].
    pub fn missing(&self, wanted: Vec<(Key, Option<u64>)>) -> Result<Vec<Key>, StoreError> {
        let is_wrong = |there: Option<u64>, size: Option<u64>| there.is_none() || size.is_some() && size != there;
        let cloud = match &self.inner {
            Inner::Folder(folder) => {
                let look = |(key, size): (Key, Option<u64>)| match folder.size(&key) {
                    Ok(there) => is_wrong(there, size).then_some(Ok(key)),
                    Err(error) => Some(Err(error.into())),
                };
                return wanted.into_iter().filter_map(look).collect();
            }
            Inner::Cloud(cloud) => cloud,
        };
        // A list tells of a thousand files at a time, and of what else is in the bucket.
        let paths: HashSet<_> = wanted.iter().map(|(key, _)| cloud.path(key)).collect();
        let list = cloud.store.list(cloud.prefix().as_ref());
        let list = list.try_filter(|found| ready(paths.contains(&found.location)));
        let there = cloud.runtime.block_on(list.map_ok(|found| (found.location, found.size)).try_collect());
        let there: HashMap<_, _> = there.map_err(|error| self.failed(&error))?;
        let is_missing = |(key, size): &(Key, Option<u64>)| is_wrong(there.get(&cloud.path(key)).copied(), *size);
        Ok(wanted.into_iter().filter(is_missing).map(|(key, _)| key).collect())
    }

    fn explained(&self, failed: Failed) -> StoreError {
        match failed {
            Failed::Store(error) => self.failed(&error),
            Failed::Fs(error) => error.into(),
        }
    }
}

/// Sends one file, and returns how many bytes went.
async fn send(cloud: &Cloud, file: &Upload) -> Result<u64, Failed> {
    let (store, path): (&Arc<dyn ObjectStore>, _) = (&cloud.store, cloud.path(&file.key));
    match object_store::ObjectStoreExt::head(store, &path).await {
        Ok(meta) if meta.size == file.size => return Ok(0),
        Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(Failed::Store(error)),
    }
    let attributes = Cloud::options(&file.key);
    let mut from = open_file(&file.path).map_err(Failed::Fs)?;
    if file.size <= PART_BYTES {
        let options = PutOptions { attributes, ..PutOptions::default() };
        let bytes = piece(&mut from, file, PART_BYTES)?;
        store.put_opts(&path, bytes.into(), options).await.map_err(Failed::Store)?;
        return Ok(file.size);
    }
    let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
    let part = PART_BYTES.max(file.size.div_ceil(MAX_PARTS));
    let upload = store.put_multipart_opts(&path, options).await.map_err(Failed::Store)?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, usize::try_from(part).unwrap_or(usize::MAX));
    loop {
        let next = match writer.wait_for_capacity(IN_FLIGHT).await {
            Ok(()) => piece(&mut from, file, part),
            Err(error) => Err(Failed::Store(error)),
        };
        match next {
            Ok(bytes) if bytes.is_empty() => break,
            Ok(bytes) => writer.put(bytes),
            Err(failed) => {
                // Else its parts would be kept, and paid for, for nothing; the first failure is the one to tell.
                let _ = writer.abort().await;
                return Err(failed);
            }
        }
    }
    writer.finish().await.map_err(Failed::Store)?;
    Ok(file.size)
}

/// Reads the next bytes of a file, as many as asked for unless it ends.
fn piece(from: &mut std::fs::File, file: &Upload, bytes: u64) -> Result<Bytes, Failed> {
    let mut piece = Vec::with_capacity(usize::try_from(bytes.min(file.size)).unwrap_or(0));
    let read = from.take(bytes).read_to_end(&mut piece);
    read.map_err(|error| Failed::Fs(FsError::at("read", &file.path)(error)))?;
    Ok(piece.into())
}
