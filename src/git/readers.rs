//! Many files of one repository, each read once, on several threads and in bounded memory.

use std::fs::File;
use std::io::{BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use flate2::bufread::ZlibDecoder;
use gix::odb::pack::cache::lru::StaticLinkedList;
use gix::odb::pack::data::{Entry, entry::Header};
use gix::odb::pack::index;

use super::examine::names;
use super::loose::read_whole;
use super::{GitError, Repo};
use crate::model::Oid;

/// Looks at objects that are left to gix: for few of them it is not worth opening all packs.
const FEW: usize = 32;

/// From this size on, in bytes, gix is not asked first, however few they are.
const LARGE_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes that are read at once.
const WINDOW_BYTES: u64 = 256 * 1024;

/// Longest start of an entry, in bytes: its size, and the base of a delta.
const MAX_HEADER_BYTES: u64 = 64;

/// Bytes of bases of deltas that gix keeps for each thread.
const MAX_BASES_BYTES: usize = 4 * 1024 * 1024;

/// Readers of one repository, as many as threads are reading at any time.
///
/// gix maps whole packs into memory, and all that was looked at in them counts as memory of the process as long as it lasts.
/// Readers read what is whole in a pack through a window, and leave to gix what is loose, a delta, or came later.
pub struct Readers {
    pool: Mutex<Pool>,
}

struct Pool {
    repo: Repo,
    idle: Vec<Reader>,
}

struct Reader {
    repo: Repo,
    looks: usize,
    /// Opened when there is reason to.
    packs: Option<Vec<Pack>>,
}

/// One pack of the repository.
struct Pack {
    index: index::File<gix::odb::pack::MMap>,
    file: File,
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

    /// As [`Repo::blob_into`], for a blob of `size` bytes.
    ///
    /// # Errors
    /// As [`Repo::blob_into`].
    pub fn blob_into(&self, id: Oid, size: u64, limit: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        self.with_one(|reader| reader.blob_into(id, size, limit, bytes))
    }

    fn with_one<T>(&self, with: impl FnOnce(&mut Reader) -> T) -> T {
        let mut reader = {
            let mut pool = self.pool();
            pool.idle.pop().unwrap_or_else(|| Reader::new(&pool.repo))
        };
        let done = with(&mut reader);
        self.pool().idle.push(reader);
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
        Self { repo, looks: 0, packs: None }
    }

    fn size(&mut self, id: Oid) -> Result<u64, GitError> {
        let whole = self.whole(id, 0).map(|(entry, _)| entry.decompressed_size);
        whole.map_or_else(|| self.repo.size(id), Ok)
    }

    fn blob_into(&mut self, id: Oid, size: u64, limit: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        if size <= limit
            && let Some((entry, content)) = self.whole(id, size)
            && matches!(entry.header, Header::Blob)
            && entry.decompressed_size == size
            && read_whole(ZlibDecoder::new(content), size, bytes)
        {
            return Ok(());
        }
        // What is damaged too: gix says how.
        self.repo.blob_into(id, limit, bytes)
    }

    /// Returns the entry of an object of about `size` bytes that is whole in a pack, and what reads its deflated content.
    fn whole(&mut self, id: Oid, size: u64) -> Option<(Entry, BufReader<&mut File>)> {
        self.looks += 1;
        if self.looks <= FEW && size < LARGE_BYTES {
            return None;
        }
        let hash = self.repo.hash_kind();
        let folder = self.repo.inner.objects.store_ref().path().join("pack");
        let packs = self.packs.get_or_insert_with(|| open(&folder, hash));
        let (pack, offset) = packs.iter_mut().find_map(|pack| {
            let at = pack.index.lookup(id)?;
            let offset = pack.index.pack_offset_at_index(at);
            Some((pack, offset))
        })?;
        pack.file.seek(SeekFrom::Start(offset)).ok()?;
        let window = usize::try_from((size + MAX_HEADER_BYTES).min(WINDOW_BYTES)).ok()?;
        let mut content = BufReader::with_capacity(window, &mut pack.file);
        let entry = Entry::from_read(&mut content, offset, hash.len_in_bytes()).ok()?;
        (!entry.header.is_delta()).then_some((entry, content))
    }
}

/// Opens the packs in a folder that can be opened.
fn open(folder: &Path, hash: gix::hash::Kind) -> Vec<Pack> {
    let indices = names(folder).into_iter().filter(|name| name.ends_with(".idx"));
    let open = |name| {
        let path = folder.join::<String>(name);
        Some(Pack { index: index::File::at(&path, hash).ok()?, file: File::open(path.with_extension("pack")).ok()? })
    };
    indices.filter_map(open).collect()
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
        let mut deltas = 0;
        for (path, text, id) in &files {
            assert_eq!(reader.size(*id).expect("there"), text.len() as u64, "{path}");
            let mut bytes = b"of another file".to_vec();
            reader.blob_into(*id, text.len() as u64, 1 << 30, &mut bytes).expect("there");
            assert!(bytes == text.as_bytes(), "{path}");
            deltas += usize::from(reader.looks > FEW && reader.whole(*id, 0).is_none());
        }
        // Otherwise only one of the two ways was tried.
        assert!(deltas > 0 && deltas < files.len() / 2 + FEW, "{deltas} deltas of {}", files.len());
        assert_eq!(reader.size(late).expect("there"), 35);
        let too_much = reader.blob_into(files[0].2, files[0].1.len() as u64, 10, &mut Vec::new());
        assert!(matches!(too_much, Err(GitError::TooMuch { limit: 10, .. })), "{too_much:?}");
        assert!(matches!(reader.size(Oid::null(repo.hash_kind())), Err(GitError::Missing { .. })));
    }
}
