//! The pack: one canonical ZIP of a tag, its commit and its tree (level 1, `schema/pack.md`).
//!
//! Owns the container, its limits and the object ids that its files give. Knows nothing of repositories,
//! signatures or who may sign: [`write_pack`] takes bytes, and [`Pack`] gives them back, unverified.
//! What comes out of [`Pack`] is well formed, not more: the tag's signature covers it only after a check
//! against the tree digest.

mod check;
mod compress;
mod container;
mod error;
mod inflate;
mod limits;
mod objects;
mod old;
mod positioned;
mod read;
mod write;

pub use compress::held;
pub use error::{Fault, LimitKind, PackError};
pub use limits::{
    Limits, MAX_FILE_BYTES, MAX_FILES, MAX_OBJECT_BYTES, MAX_OLD_UNPACKED_BYTES, MAX_PACK_BYTES, MAX_UNPACKED_BYTES,
    PORTABLE_FILES, PORTABLE_PACK_BYTES, PORTABLE_UNPACKED_BYTES,
};
pub use objects::{BlobHasher, ObjectError, TreeObject, blob_hasher, tree_id, tree_objects};
pub use old::{OldArchive, OldFile};
pub use read::{Pack, PackFile, packed_digest};
pub use write::{Contents, Written, write_pack};

#[cfg(test)]
mod tests;
