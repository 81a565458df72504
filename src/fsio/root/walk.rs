//! Listing a folder and everything below it.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{AtFlags, Dir, FOLDER, FileType, Found, FsError, Mode, Root, Stat, convert, join, openat, statat};

/// Deepest folder that is looked into: deeper than any path that this program takes.
const MAX_DEPTH: usize = 64;

impl Root {
    /// Returns every file and link below `rel`, sorted, with its path from `rel`.
    ///
    /// At most `limit` entries are looked at. Names that are not UTF-8 are an error. A folder below 64 others is
    /// returned itself, as [`Found::Other`].
    ///
    /// # Errors
    /// [`FsError::Escapes`], [`FsError::TooLarge`] above the limit of entries, [`FsError::Io`].
    pub fn walk(&self, rel: &str, limit: u64) -> Result<Vec<(String, Stat)>, FsError> {
        self.walk_named(rel, "", limit)
    }

    /// As [`Root::walk`], with paths from the root.
    ///
    /// # Errors
    /// As [`Root::walk`].
    pub fn walk_from_root(&self, rel: &str, limit: u64) -> Result<Vec<(String, Stat)>, FsError> {
        self.walk_named(rel, rel, limit)
    }

    fn walk_named(&self, rel: &str, base: &str, limit: u64) -> Result<Vec<(String, Stat)>, FsError> {
        self.walk_counted(rel, base, &AtomicU64::new(0), limit)
    }

    /// As [`Root::walk`], with `base` before each path, as one of several walks that have one limit: `seen` counts for all.
    ///
    /// # Errors
    /// As [`Root::walk`].
    pub fn walk_counted(
        &self,
        rel: &str,
        base: &str,
        seen: &AtomicU64,
        limit: u64,
    ) -> Result<Vec<(String, Stat)>, FsError> {
        let mut found = Vec::new();
        let full = self.full(rel);
        let Some(dir) = self.folder(rel, false)? else { return Ok(found) };
        let mut dir = Dir::new(dir).map_err(FsError::os("list", &full))?;
        let walk = Walk { full: &full, seen, limit };
        let entries = walk.entries(&mut dir)?;
        walk.all(dir.fd().map_err(FsError::os("list", &full))?, &entries, base, 0, &mut found)?;
        Ok(found)
    }

    /// Returns what is in the folder `rel`, in the order of the paths of all that is below; folders have no [`Stat`].
    ///
    /// # Errors
    /// As [`Root::walk`].
    pub fn names(&self, rel: &str, limit: u64) -> Result<Vec<(String, Option<Stat>)>, FsError> {
        let full = self.full(rel);
        let Some(dir) = self.folder(rel, false)? else { return Ok(Vec::new()) };
        let mut dir = Dir::new(dir).map_err(FsError::os("list", &full))?;
        Walk { full: &full, seen: &AtomicU64::new(0), limit }.entries(&mut dir)
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
    seen: &'a AtomicU64,
    limit: u64,
}

impl Walk<'_> {
    /// Reads one folder, in the order of the paths of all that is below it; folders have no [`Stat`].
    fn entries(&self, dir: &mut Dir) -> Result<Vec<(String, Option<Stat>)>, FsError> {
        let mut entries = Vec::new();
        while let Some((name, kind)) = next(dir, self.full)? {
            if self.seen.fetch_add(1, Ordering::Relaxed) >= self.limit {
                return Err(FsError::TooLarge { path: self.full.to_owned(), limit: self.limit });
            }
            // Not every file system tells the kind with the name.
            let stat = if kind == FileType::Directory { None } else { Some(look(dir, &name, self.full)?) };
            entries.push((name, stat.filter(|stat| stat.found != Found::Folder)));
        }
        entries.sort_unstable_by(order);
        Ok(entries)
    }

    /// Adds what is in and below `entries` of a folder, whose path is `below`.
    fn all(
        &self,
        dir: BorrowedFd<'_>,
        entries: &[(String, Option<Stat>)],
        below: &str,
        depth: usize,
        found: &mut Vec<(String, Stat)>,
    ) -> Result<(), FsError> {
        for (name, stat) in entries {
            let path = join(below, name);
            match stat {
                Some(stat) => found.push((path, *stat)),
                None if depth < MAX_DEPTH => self.folder(dir, name, &path, depth + 1, found)?,
                None => {
                    let stat =
                        statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(FsError::os("look at", self.full))?;
                    found.push((path, Stat { found: Found::Other, ..convert(&stat) }));
                }
            }
        }
        Ok(())
    }

    fn folder(
        &self,
        above: BorrowedFd<'_>,
        name: &str,
        path: &str,
        depth: usize,
        found: &mut Vec<(String, Stat)>,
    ) -> Result<(), FsError> {
        let at = |verb| move |error| FsError::os(verb, &self.full.join(path))(error);
        let dir = openat(above, name, FOLDER, Mode::empty()).map_err(at("open"))?;
        let mut dir = Dir::new(dir).map_err(at("list"))?;
        let entries = self.entries(&mut dir)?;
        self.all(dir.fd().map_err(at("list"))?.as_fd(), &entries, path, depth, found)
    }
}

/// The order of paths below two names: that of a folder goes on with `/`.
fn order(a: &(String, Option<Stat>), b: &(String, Option<Stat>)) -> std::cmp::Ordering {
    let (one, other) = (a.0.as_bytes(), b.0.as_bytes());
    let shared = one.len().min(other.len());
    let after = |(name, stat): &(String, Option<Stat>)| {
        name.as_bytes().get(shared).copied().or(if stat.is_none() { Some(b'/') } else { None })
    };
    one[..shared].cmp(&other[..shared]).then_with(|| after(a).cmp(&after(b)))
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

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes files")]
mod tests {
    use super::*;

    #[test]
    fn paths_come_in_their_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut expected = Vec::new();
        for number in 0..3 {
            for name in ["a", "a-b", "a.b", "a0", "é"] {
                for path in [format!("{name}{number}"), format!("{name}{number}-/x"), format!("{name}{number}./y/z")] {
                    let full = folder.path().join(&path);
                    std::fs::create_dir_all(full.parent().expect("a folder")).expect("a folder");
                    std::fs::write(full, "").expect("a file");
                    expected.push(path);
                }
            }
        }
        expected.sort();
        let root = Root::open(folder.path()).expect("a folder");
        let walked: Vec<_> = root.walk("", u64::MAX).expect("walks").into_iter().map(|(path, _)| path).collect();
        assert_eq!(walked, expected);
        let below = root.walk_from_root("a1-", 10).expect("walks");
        assert_eq!(below.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["a1-/x"]);
        assert!(matches!(root.walk("", 3), Err(FsError::TooLarge { .. })));
        let inner = root.below("a1-").expect("opens").expect("is there");
        assert_eq!(inner.walk_counted("", "p", &AtomicU64::new(0), 1).expect("walks").len(), 1);
        assert!(inner.walk_counted("", "p", &AtomicU64::new(1), 1).is_err(), "what others have seen counts");
    }
}
