//! A folder that is laid out like a bucket.
//!
//! Conditions are kept by a lock of the kernel and a comparison under it, and files by a temporary file and a rename, so that
//! several processes can write, and an interruption leaves the old file or the new.

use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Key, Replaced, StoreError, Version};
use crate::fsio::{
    Access, FsError, Lock, Root, ensure_folder, new_file_beside, open_file, read_optional, remove_if_there,
    write_atomic,
};
use crate::model::Digest;

/// The file that is locked; it stays, and is empty.
const LOCK: &str = "skillmeat.lock";

/// How long a writer waits for another: each holds the lock as long as it takes to write a small file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes copied at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// A folder.
pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    pub(super) fn file(&self, key: &Key) -> PathBuf {
        self.path.join(key.to_string())
    }

    pub(super) fn get(&self, key: &Key, limit: u64) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let too_large =
            || StoreError::TooLarge { address: self.path.display().to_string(), key: key.to_string(), limit };
        // Whoever can write there may have put something else than a file in its place.
        if self.size(key)?.is_none() {
            return Ok(None);
        }
        match read_optional(&self.file(key), limit) {
            Ok(found) => Ok(found.map(|bytes| {
                let version = Version { tag: Digest::of(&bytes).to_string(), generation: None };
                (bytes, version)
            })),
            Err(FsError::TooLarge { .. }) => Err(too_large()),
            Err(other) => Err(other.into()),
        }
    }

    /// Copies at most one piece more than `limit` bytes; `None` where there is no such file.
    pub(super) fn copy(&self, key: &Key, to: &mut dyn Write, limit: u64) -> Result<Option<u64>, FsError> {
        if self.size(key)?.is_none() {
            return Ok(None);
        }
        let path = self.file(key);
        let mut from = open_file(&path)?;
        let (mut piece, mut copied) = (vec![0; PIECE_BYTES], 0_u64);
        while copied <= limit {
            let got = from.read(&mut piece).map_err(FsError::at("read", &path))?;
            if got == 0 {
                break;
            }
            to.write_all(&piece[..got]).map_err(FsError::at("copy", &path))?;
            copied += got as u64;
        }
        Ok(Some(copied))
    }

    pub(super) fn size(&self, key: &Key) -> Result<Option<u64>, FsError> {
        match open_file(&self.file(key)) {
            Ok(file) => Ok(Some(file.metadata().map_err(FsError::at("read", &self.file(key)))?.len())),
            Err(FsError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(other) => Err(other),
        }
    }

    pub(super) fn is_empty(&self) -> Result<bool, FsError> {
        Ok(!self.path.is_dir() || Root::open(&self.path)?.list("")?.iter().all(|(name, _)| name == LOCK))
    }

    pub(super) fn replace(&self, key: &Key, bytes: &[u8], expected: Option<&Version>) -> Result<Replaced, StoreError> {
        ensure_folder(&self.path)?;
        let _lock = Lock::take(&self.path.join(LOCK), PATIENCE)?;
        let there = self.get(key, u64::MAX - 1)?.map(|(_, version)| version);
        if there.as_ref() != expected {
            return Ok(Replaced::Lost);
        }
        self.write(key, bytes)?;
        Ok(Replaced::Done)
    }

    pub(super) fn write(&self, key: &Key, bytes: &[u8]) -> Result<(), FsError> {
        let path = self.file(key);
        path.parent().map_or(Ok(()), ensure_folder)?;
        write_atomic(&path, bytes, Access::Shared)
    }

    /// Copies a file from elsewhere on this machine into the folder.
    pub(super) fn take(&self, key: &Key, from: &Path) -> Result<(), FsError> {
        let path = self.file(key);
        path.parent().map_or(Ok(()), ensure_folder)?;
        let mut fresh = new_file_beside(&path)?;
        std::io::copy(&mut open_file(from)?, fresh.writer()).map_err(FsError::at("write", &path))?;
        fresh.sync()?;
        fresh.keep_as(&path)
    }

    pub(super) fn delete(&self, key: &Key) -> Result<(), FsError> {
        remove_if_there(&self.file(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_writers_lose_no_update() {
        let scratch = tempfile::tempdir().expect("a folder");
        let counter = Key::Probe("counter".to_owned());
        let count = |folder: &Folder| {
            let there = folder.get(&counter, 100).expect("readable");
            let number = |bytes: &[u8]| String::from_utf8_lossy(bytes).parse::<u32>().expect("a number");
            there.map_or((0, None), |(bytes, version)| (number(&bytes), Some(version)))
        };
        let work = || {
            let folder = Folder::at(scratch.path());
            let mut done = 0;
            while done < 10 {
                let (number, version) = count(&folder);
                let text = (number + 1).to_string();
                match folder.replace(&counter, text.as_bytes(), version.as_ref()).expect("writable") {
                    Replaced::Done => done += 1,
                    Replaced::Lost => {}
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
        assert_eq!(count(&Folder::at(scratch.path())).0, 40);
    }

    #[test]
    fn nothing_is_written_where_it_is_not_what_was_read() {
        let scratch = tempfile::tempdir().expect("a folder");
        let folder = Folder::at(scratch.path());
        let key = Key::Head;
        assert!(folder.is_empty().expect("readable"));
        assert_eq!(folder.replace(&key, b"one", None).expect("writable"), Replaced::Done);
        assert_eq!(folder.replace(&key, b"two", None).expect("writable"), Replaced::Lost);
        let (_, first) = folder.get(&key, 10).expect("readable").expect("there");
        assert_eq!(folder.replace(&key, b"two", Some(&first)).expect("writable"), Replaced::Done);
        assert_eq!(folder.replace(&key, b"three", Some(&first)).expect("writable"), Replaced::Lost);
        assert_eq!(folder.get(&key, 10).expect("readable").expect("there").0, b"two");
        assert!(matches!(folder.get(&key, 2), Err(StoreError::TooLarge { limit: 2, .. })));
        folder.delete(&key).expect("removable");
        folder.delete(&key).expect("removed already");
        assert_eq!((folder.size(&key).expect("readable"), folder.is_empty().expect("readable")), (None, true));
    }
}
