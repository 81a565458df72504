//! Bytes that are read again soon, in a file that has no name and goes with the process.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::FsError;

/// Bytes that are gathered before they are written: small writes cost as much as what the spool saves.
const GATHERED_BYTES: usize = 1024 * 1024;

/// Bytes of the file system that are left to others.
const RESERVED_BYTES: u64 = 16 * 1024 * 1024;

/// A file without a name, of which the places of its content are known to who wrote it.
#[derive(Debug)]
pub struct Spool {
    file: File,
    /// Bytes in the file.
    written: u64,
    /// What comes after them.
    gathered: Vec<u8>,
}

impl Spool {
    /// Makes one on the file system of a folder.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn create_in(folder: &Path) -> Result<Self, FsError> {
        let file = tempfile::tempfile_in(folder).map_err(FsError::at("write in", folder))?;
        Ok(Self { file, written: 0, gathered: Vec::new() })
    }

    /// Returns how many bytes are in it.
    pub fn bytes(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }

    /// Writes bytes, and returns their place.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::StorageFull`] where little room is left; nothing that was put is to be relied
    /// on then.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let place = self.bytes();
        if self.gathered.len() + bytes.len() < GATHERED_BYTES {
            self.gathered.extend_from_slice(bytes);
            return Ok(place);
        }
        let system = rustix::fs::fstatvfs(&self.file)?;
        let count = (self.gathered.len() + bytes.len()) as u64;
        if system.f_bavail.saturating_mul(system.f_frsize) < count + RESERVED_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.seek(SeekFrom::Start(self.written))?;
        self.file.write_all(&self.gathered)?;
        self.file.write_all(bytes)?;
        self.written += count;
        self.gathered.clear();
        Ok(place)
    }

    /// Reads `length` bytes at a place.
    ///
    /// # Errors
    /// What the system says, also where fewer are there.
    pub fn get(&mut self, place: u64, length: usize) -> io::Result<Vec<u8>> {
        if let Some(at) = place.checked_sub(self.written) {
            let at = usize::try_from(at).map_err(io::Error::other)?;
            let gathered = self.gathered.get(at..).and_then(|rest| rest.get(..length));
            return gathered.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = Vec::with_capacity(length);
        self.file.seek(SeekFrom::Start(place))?;
        let read = (&self.file).take(length as u64).read_to_end(&mut bytes)?;
        if read == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
impl Spool {
    /// One that takes nothing: what this file is for.
    pub fn full() -> Self {
        let file = File::options().write(true).open("/dev/full").expect("Linux has it");
        Self { file, written: 0, gathered: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_got_from_its_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut spool = Spool::create_in(dir.path()).expect("a file");
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0, "it has no name");
        let part = |at: usize| vec![at as u8; GATHERED_BYTES / 3 + at];
        let places: Vec<u64> = (0..10).map(|at| spool.put(&part(at)).expect("writes")).collect();
        spool.put(b"a little").expect("writes");
        assert!(spool.written > 0 && !spool.gathered.is_empty(), "otherwise only one of the two ways is tried");
        for (at, place) in places.into_iter().enumerate().rev() {
            assert!(spool.get(place, part(at).len()).expect("reads") == part(at), "{at}");
        }
        spool.put(b"more").expect("writes after a read");
        let end = spool.bytes();
        assert_eq!(spool.get(end - 4, 4).expect("reads"), b"more");
        assert!(spool.get(end - 4, 5).is_err() && spool.get(end, 1).is_err() && spool.get(0, end as usize).is_err());
    }
}
