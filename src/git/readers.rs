//! Many files of one repository, each read once, on several threads and in bounded memory.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};

use flate2::Decompress;
use gix::odb::pack::cache::lru::StaticLinkedList;
use gix::odb::pack::data::entry::Header;

use super::deltas::{Bases, inflate, is_small};
use super::open_packs::{OpenPacks, Place, base};
use super::{GitError, Repo};
use crate::model::Oid;

/// Looks at objects that are left to gix: for few of them it is not worth opening all packs.
const FEW: usize = 32;

/// From this size on, in bytes, gix is not asked first, however few they are.
const LARGE_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes of a delta that are read at once: most have fewer.
const DELTA_BYTES: u64 = 8 * 1024;

/// Deltas that are followed from one to the next: git makes no more of one object.
const MAX_CHAIN: usize = 4095;

/// Bytes of bases of deltas that gix keeps for each thread.
const MAX_BASES_BYTES: usize = 4 * 1024 * 1024;

/// Readers of one repository, as many as threads are reading at any time.
///
/// gix maps whole packs into memory, and all that was looked at in them counts as memory of the process as long as it lasts.
/// Readers read what is in a pack through a window, and leave to gix what is loose, large and a delta, or came later.
pub struct Readers {
    pool: Mutex<Pool>,
}

struct Pool {
    repo: Repo,
    /// Each with the thread that had it last, which finds in it what its deltas are made from.
    idle: Vec<(ThreadId, Reader)>,
}

struct Reader {
    repo: Repo,
    looks: usize,
    state: Decompress,
    bases: Bases,
    /// Opened when there is reason to.
    packs: Option<OpenPacks>,
}

impl Readers {
    /// Makes readers of `repo`, as it is now.
    pub fn new(repo: &Repo) -> Self {
        Self { pool: Mutex::new(Pool { repo: repo.handle(), idle: Vec::new() }) }
    }

    /// As [`Repo::size`].
    ///
    /// # Errors
    /// As [`Repo::size`].
    pub fn size(&self, id: Oid) -> Result<u64, GitError> {
        self.with_one(|reader| reader.size(id))
    }

    /// Reads a blob if it has fewer than `large` bytes. Returns its size, in bytes.
    ///
    /// # Errors
    /// As [`Repo::blob_into`].
    pub fn small_blob_into(&self, id: Oid, large: u64, bytes: &mut Vec<u8>) -> Result<u64, GitError> {
        self.with_one(|reader| reader.small_blob_into(id, large, bytes))
    }

    /// As [`Repo::blob_into`], for a blob of `size` bytes.
    ///
    /// # Errors
    /// As [`Repo::blob_into`].
    pub fn blob_into(&self, id: Oid, size: u64, limit: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        self.with_one(|reader| reader.blob_into(id, size, limit, bytes))
    }

    /// Returns the places of `ids` in the order in which reading them takes the least time: each after what it is a delta of, and
    /// soon.
    pub fn cheapest_order(&self, ids: &[Oid]) -> Vec<usize> {
        self.with_one(|reader| reader.cheapest_order(ids))
    }

    fn with_one<T>(&self, with: impl FnOnce(&mut Reader) -> T) -> T {
        let thread = thread::current().id();
        let mut reader = {
            let mut pool = self.pool();
            let last = pool.idle.len().checked_sub(1);
            let own = pool.idle.iter().position(|(user, _)| *user == thread).or(last);
            own.map(|at| pool.idle.swap_remove(at).1).unwrap_or_else(|| Reader::new(&pool.repo))
        };
        let done = with(&mut reader);
        self.pool().idle.push((thread, reader));
        done
    }

    /// A thread that panicked leaves nothing half done in it.
    fn pool(&self) -> std::sync::MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Keeps little: what is read once is not asked for again, and gix copies an object before it sees that it is too large to
    /// be kept.
    fn new(repo: &Repo) -> Self {
        let mut repo = repo.handle();
        repo.inner.object_cache_size(None);
        repo.inner.objects.set_pack_cache(|| Box::new(StaticLinkedList::<64>::new(MAX_BASES_BYTES)));
        Self { repo, looks: 0, state: Decompress::new(true), bases: Bases::default(), packs: None }
    }

    fn size(&mut self, id: Oid) -> Result<u64, GitError> {
        let place = self.place(id, 0);
        let entry = place.and_then(|place| Some(self.packs().read(place, 0)?.0));
        let whole = entry.filter(|entry| !entry.header.is_delta());
        whole.map_or_else(|| self.repo.size(id), |entry| Ok(entry.decompressed_size))
    }

    fn small_blob_into(&mut self, id: Oid, large: u64, bytes: &mut Vec<u8>) -> Result<u64, GitError> {
        if let Some(size) = self.packed_into(id, 0, |size| size < large, bytes) {
            return Ok(size);
        }
        let size = self.size(id)?;
        if size < large {
            self.repo.sized_blob_into(id, size, bytes)?;
        }
        Ok(size)
    }

    fn blob_into(&mut self, id: Oid, size: u64, limit: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        if size <= limit && self.packed_into(id, size, |found| found == size, bytes).is_some() {
            return Ok(());
        }
        // What is damaged too: gix says how.
        self.repo.blob_into(id, limit, bytes)
    }

    /// Reads a blob of about `about` bytes from a pack, if its size is one that fits. Returns its size.
    ///
    /// A delta is made from what is still here, or from the whole blob that it starts from.
    fn packed_into(&mut self, id: Oid, about: u64, fits: impl Fn(u64) -> bool, bytes: &mut Vec<u8>) -> Option<u64> {
        let mut next = self.place(id, about)?;
        let Self { packs, state, bases, .. } = self;
        let packs = packs.as_mut()?;
        let (mut deltas, mut held) = (Vec::new(), 0_u64);
        while !bases.has(next) {
            let (entry, mut content) = packs.read(next, about.max(DELTA_BYTES))?;
            let (size, is_blob) = (entry.decompressed_size, matches!(entry.header, Header::Blob));
            if is_blob && deltas.is_empty() {
                return (fits(size) && inflate(state, &mut content, size, bytes)).then_some(size);
            }
            held = held.saturating_add(size);
            let mut piece = Vec::new();
            if deltas.len() >= MAX_CHAIN || !is_small(held) || !inflate(state, &mut content, size, &mut piece) {
                return None;
            }
            if is_blob {
                bases.start(next, piece);
            } else {
                deltas.push((next, piece));
                next = base(&entry, next)?;
            }
        }
        deltas.iter().rev().try_for_each(|(place, delta)| bases.make(*place, delta))?;
        let made = bases.last().filter(|made| fits(made.len() as u64))?;
        made.clone_into(bytes);
        Some(made.len() as u64)
    }

    /// Returns where an object of about `size` bytes is in a pack.
    fn place(&mut self, id: Oid, size: u64) -> Option<Place> {
        self.looks += 1;
        if self.looks <= FEW && size < LARGE_BYTES { None } else { self.packs().find(id) }
    }

    fn cheapest_order(&mut self, ids: &[Oid]) -> Vec<usize> {
        if ids.len() > FEW { self.packs().depth_first(ids) } else { (0..ids.len()).collect() }
    }

    fn packs(&mut self) -> &mut OpenPacks {
        let hash = self.repo.hash_kind();
        let folder = self.repo.inner.objects.store_ref().path().join("pack");
        self.packs.get_or_insert_with(|| OpenPacks::open(&folder, hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Worktree;
    use crate::model::{FileMode, TreePath};

    #[test]
    fn what_is_whole_or_a_delta_in_a_pack_or_loose_is_read_as_it_is() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut repo = Repo::init(dir.path(), Worktree::None).expect("a repository");
        repo.gather();
        let long = "The same words again, and again. ".repeat(100);
        let large = long.repeat(LARGE_BYTES as usize / long.len() + 1);
        let texts = (0..2 * FEW).map(|at| format!("{at}\n{long}{at}\n")).chain([large, String::new()]);
        let files: Vec<(TreePath, String, Oid)> = texts
            .enumerate()
            .map(|(at, text)| {
                let id = repo.write_blob(text.as_bytes()).expect("writes");
                (format!("f{at}").parse().expect("a path"), text, id)
            })
            .collect();
        let edits = files.iter().map(|(path, _, id)| (path, Some((FileMode::Regular, *id))));
        let tree = repo.edit_tree(None, edits).expect("writes");
        repo.flush().expect("writes");
        // git may point a ref at a tree; then it packs all again, with deltas.
        for arguments in [&["update-ref", "refs/all", &tree.to_string()][..], &["repack", "-adfq"]] {
            let mut git = std::process::Command::new("git");
            let done =
                git.args(["-c", "core.bigFileThreshold=1m", "--git-dir"]).arg(dir.path()).args(arguments).status();
            assert!(done.expect("git starts").success(), "{arguments:?}");
        }

        let repo = Repo::open(dir.path()).expect("a repository");
        let late = repo.write_blob(b"written after the packs were opened").expect("writes");
        let mut reader = Reader::new(&repo);
        let ids: Vec<Oid> = files.iter().map(|(.., id)| *id).collect();
        let order = reader.cheapest_order(&ids);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..files.len()), "{order:?}");
        let mut seen = std::collections::HashSet::new();
        for at in order {
            let (place, entry) = reader
                .packs()
                .find(ids[at])
                .and_then(|place| Some((place, reader.packs().read(place, 0)?.0)))
                .expect("there");
            let is_late = base(&entry, place).is_some_and(|base| !seen.contains(&base));
            assert!(!is_late, "{} comes before what it is made from", files[at].0);
            seen.insert(place);
        }
        let mut deltas = 0;
        for (path, text, id) in &files {
            assert_eq!(reader.size(*id).expect("there"), text.len() as u64, "{path}");
            let mut bytes = b"of another file".to_vec();
            reader.blob_into(*id, text.len() as u64, 1 << 30, &mut bytes).expect("there");
            assert!(bytes == text.as_bytes(), "{path}");
            let place = reader.packs().find(*id).expect("there");
            let (entry, _) = reader.packs().read(place, 0).expect("there");
            if entry.header.is_delta() && reader.looks >= FEW {
                assert!(
                    reader.packed_into(*id, 0, |_| true, &mut bytes).is_some() && bytes == text.as_bytes(),
                    "{path}"
                );
                deltas += 1;
            }
            assert_eq!(
                reader.small_blob_into(*id, LARGE_BYTES, &mut bytes).expect("there"),
                text.len() as u64,
                "{path}"
            );
        }
        // Otherwise only one of the two ways was tried.
        assert!(deltas > FEW && deltas < files.len(), "{deltas} deltas of {}", files.len());
        assert_eq!(reader.size(late).expect("there"), 35);
        let too_much = reader.blob_into(files[0].2, files[0].1.len() as u64, 10, &mut Vec::new());
        assert!(matches!(too_much, Err(GitError::TooMuch { limit: 10, .. })), "{too_much:?}");
        assert!(matches!(reader.size(Oid::null(repo.hash_kind())), Err(GitError::Missing { .. })));
    }
}
