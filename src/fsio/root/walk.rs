//! Listing a folder and everything below it.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AtFlags, Dir, FOLDER, FileType, Found, FsError, Mode, Root, Stat, convert, join, openat, statat};

/// Deepest folder that is looked into: deeper than any path that this program takes.
const MAX_DEPTH: usize = 64;

/// Folders from which on several threads look at them; for fewer, starting a thread costs more than it saves.
const FOLDERS_FOR_THREADS: usize = 64;

/// Most threads: beyond, they wait for the file system.
const MAX_THREADS: usize = 8;

impl Root {
    /// Returns every file and link below `rel`, sorted, with its path from `rel`.
    ///
    /// At most `limit` entries are looked at. Names that are not UTF-8 are an error. A folder below 64 others is
    /// returned itself, as [`Found::Other`].
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::TooLarge`] above the limit of entries, [`FsError::Io`].
    pub fn walk(&self, rel: &str, limit: u64) -> Result<Vec<(String, Stat)>, FsError> {
        let full = self.full(rel);
        let Some(dir) = self.folder(rel, false)? else { return Ok(Vec::new()) };
        let mut dir = Dir::new(dir).map_err(FsError::os("list", &full))?;
        let walk = Walk { full: &full, seen: AtomicU64::new(0), limit };
        let mut found = Vec::new();
        let folders = walk.names(&mut dir, "", &mut found)?;
        let fd = dir.fd().map_err(FsError::os("list", &full))?;
        let some = |folders: &[String]| {
            let mut found = Vec::new();
            folders.iter().try_for_each(|folder| walk.folder(fd, folder, folder, 1, &mut found))?;
            Ok::<_, FsError>(found)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        if folders.len() < FOLDERS_FOR_THREADS || threads == 1 {
            found.extend(some(&folders)?);
        } else {
            let shares: Vec<_> = std::thread::scope(|scope| {
                let shares = folders.chunks(folders.len().div_ceil(threads));
                let threads: Vec<_> = shares.map(|share| scope.spawn(|| some(share))).collect();
                threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
            });
            for share in shares {
                found.extend(share.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            }
        }
        found.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// Returns the names in the folder `rel` with what they are, sorted; none when it is not there.
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::Io`] (a name that is not UTF-8 too).
    pub fn list(&self, rel: &str) -> Result<Vec<(String, Stat)>, FsError> {
        let full = self.full(rel);
        let Some(dir) = self.folder(rel, false)? else { return Ok(Vec::new()) };
        let mut dir = Dir::new(dir).map_err(FsError::os("list", &full))?;
        let mut names = Vec::new();
        while let Some((name, _)) = next(&mut dir, &full)? {
            names.push((name.clone(), look(&dir, &name, &full)?));
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }
}

struct Walk<'a> {
    full: &'a Path,
    seen: AtomicU64,
    limit: u64,
}

impl Walk<'_> {
    /// Reads one folder, whose path is `below`: what is no folder goes to `found`, the names of folders are returned.
    fn names(&self, dir: &mut Dir, below: &str, found: &mut Vec<(String, Stat)>) -> Result<Vec<String>, FsError> {
        let mut folders = Vec::new();
        while let Some((name, kind)) = next(dir, self.full)? {
            if self.seen.fetch_add(1, Ordering::Relaxed) >= self.limit {
                return Err(FsError::TooLarge { path: self.full.to_owned(), limit: self.limit });
            }
            // Not every file system tells the kind with the name.
            if kind == FileType::Directory {
                folders.push(name);
                continue;
            }
            let stat = look(dir, &name, self.full)?;
            match stat.found {
                Found::Folder => folders.push(name),
                _ => found.push((join(below, &name), stat)),
            }
        }
        Ok(folders)
    }

    fn folder(
        &self,
        above: BorrowedFd<'_>,
        name: &str,
        path: &str,
        depth: usize,
        found: &mut Vec<(String, Stat)>,
    ) -> Result<(), FsError> {
        let full = self.full.join(path);
        let at = |verb| FsError::os(verb, &full);
        let dir = openat(above, name, FOLDER, Mode::empty()).map_err(at("open"))?;
        let mut dir = Dir::new(dir).map_err(at("list"))?;
        let folders = self.names(&mut dir, path, found)?;
        for name in folders {
            let below = join(path, &name);
            if depth < MAX_DEPTH {
                self.folder(dir.fd().map_err(at("list"))?.as_fd(), &name, &below, depth + 1, found)?;
            } else {
                let stat = look(&dir, &name, self.full)?;
                found.push((below, Stat { found: Found::Other, ..stat }));
            }
        }
        Ok(())
    }
}

/// Returns the next name of a folder, with its kind where the file system tells it.
fn next(dir: &mut Dir, full: &Path) -> Result<Option<(String, FileType)>, FsError> {
    while let Some(entry) = dir.read() {
        let entry = entry.map_err(FsError::os("list", full))?;
        let bytes = entry.file_name().to_bytes();
        if bytes == b"." || bytes == b".." {
            continue;
        }
        let name = std::str::from_utf8(bytes).map_err(|_| FsError::Io {
            verb: "read a name that is not UTF-8 in",
            path: full.to_owned(),
            source: std::io::ErrorKind::InvalidData.into(),
        })?;
        return Ok(Some((name.to_owned(), entry.file_type())));
    }
    Ok(None)
}

fn look(dir: &Dir, name: &str, full: &Path) -> Result<Stat, FsError> {
    let stat = dir.fd().and_then(|fd| statat(fd, name, AtFlags::SYMLINK_NOFOLLOW));
    stat.map(|stat| convert(&stat)).map_err(FsError::os("look at", full))
}
