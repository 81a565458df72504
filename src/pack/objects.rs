//! Git object ids of files and trees, without a repository.

use gix::hash::{Hasher, Kind};

use crate::model::{FileMode, Oid, PathError, TreePath};

/// Why an object id could not be worked out.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The bytes are made so that their SHA-1 collides with that of others.
    #[error("the bytes are part of a SHA-1 collision attack")]
    Collision,
    /// A blob was not as long as announced.
    #[error("a file has {found} bytes instead of {declared}")]
    Size {
        /// The size announced, in bytes.
        declared: u64,
        /// The bytes that came.
        found: u64,
    },
    /// Files that cannot be in one tree: the same path twice, or a file that is a folder of another.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// The id of a blob whose bytes arrive in pieces.
pub struct BlobHasher {
    hasher: Hasher,
    declared: u64,
    found: u64,
}

/// Starts the id of a blob of `size` bytes.
pub fn blob_hasher(kind: Kind, size: u64) -> BlobHasher {
    BlobHasher { hasher: header(kind, "blob", size), declared: size, found: 0 }
}

impl BlobHasher {
    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.found += bytes.len() as u64;
    }

    /// Returns the id of all bytes added.
    ///
    /// # Errors
    /// [`ObjectError::Size`] if they are more or fewer than announced, [`ObjectError::Collision`].
    pub fn finish(self) -> Result<Oid, ObjectError> {
        if self.found != self.declared {
            return Err(ObjectError::Size { declared: self.declared, found: self.found });
        }
        finish(self.hasher)
    }
}

fn header(kind: Kind, word: &str, size: u64) -> Hasher {
    let mut hasher = gix::hash::hasher(kind);
    hasher.update(format!("{word} {size}\0").as_bytes());
    hasher
}

fn finish(hasher: Hasher) -> Result<Oid, ObjectError> {
    // The only failure of the hasher is its collision detection.
    hasher.try_finalize().map_err(|_| ObjectError::Collision)
}

/// A git tree object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeObject {
    /// Its id.
    pub id: Oid,
    /// Its raw bytes, without git's header.
    pub bytes: Vec<u8>,
}

/// Returns the id of the tree that holds these files.
///
/// # Errors
/// As for [`tree_objects`].
pub fn tree_id<'a>(
    kind: Kind,
    files: impl IntoIterator<Item = (&'a TreePath, FileMode, Oid)>,
) -> Result<Oid, ObjectError> {
    build(kind, files, &mut |_| ())
}

/// Returns the trees that hold these files: subtrees before the trees that name them, the root last.
///
/// A subtree that stands in several places is there several times. No files give the empty tree.
///
/// # Errors
/// [`ObjectError::Path`] for the same path twice or a file that is also a folder, [`ObjectError::Collision`].
pub fn tree_objects<'a>(
    kind: Kind,
    files: impl IntoIterator<Item = (&'a TreePath, FileMode, Oid)>,
) -> Result<Vec<TreeObject>, ObjectError> {
    let mut trees = Vec::new();
    build(kind, files, &mut |tree| trees.push(tree))?;
    Ok(trees)
}

type File<'a> = (&'a str, FileMode, Oid);

fn build<'a>(
    kind: Kind,
    files: impl IntoIterator<Item = (&'a TreePath, FileMode, Oid)>,
    done: &mut dyn FnMut(TreeObject),
) -> Result<Oid, ObjectError> {
    let mut files: Vec<File> = files.into_iter().map(|(path, mode, id)| (path.as_str(), mode, id)).collect();
    // Byte order of whole paths is git's order in every tree: there a subtree sorts as if it ended with `/`.
    files.sort_unstable_by_key(|(path, ..)| *path);
    if let Some(pair) = files.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(PathError::Duplicate { path: pair[0].0.to_owned() }.into());
    }
    Builder { kind, all: &files, done }.tree(&files, 0)
}

struct Builder<'a> {
    kind: Kind,
    all: &'a [File<'a>],
    done: &'a mut dyn FnMut(TreeObject),
}

impl Builder<'_> {
    /// Makes the tree of `files`, which share the first `below` bytes of their paths. As deep as paths are: 32.
    fn tree(&mut self, mut files: &[File], below: usize) -> Result<Oid, ObjectError> {
        let mut bytes = Vec::new();
        while let Some((path, mode, id)) = files.first() {
            let rest = &path[below..];
            let Some(length) = rest.find('/') else {
                push(&mut bytes, &format!("100{mode}"), rest, id);
                files = &files[1..];
                continue;
            };
            let (folder, inside) = (&path[..below + length], &path[..=below + length]);
            if self.all.binary_search_by_key(&folder, |(path, ..)| path).is_ok() {
                return Err(PathError::FileAndFolder { path: folder.to_owned() }.into());
            }
            let count = files.partition_point(|(path, ..)| path.starts_with(inside));
            let id = self.tree(&files[..count], inside.len())?;
            push(&mut bytes, "40000", &rest[..length], &id);
            files = &files[count..];
        }
        let mut hasher = header(self.kind, "tree", bytes.len() as u64);
        hasher.update(&bytes);
        let id = finish(hasher)?;
        (self.done)(TreeObject { id, bytes });
        Ok(id)
    }
}

fn push(bytes: &mut Vec<u8>, mode: &str, name: &str, id: &Oid) {
    bytes.extend_from_slice(mode.as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(id.as_slice());
}
