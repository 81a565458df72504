//! Names, paths, digests and manifests, with the rules they obey (level 0).
//!
//! Everything here is pure: no file, clock, environment or process is touched. A value of one of these
//! types has passed its rules; text from outside is parsed once, at the edge, by `FromStr` or `parse`.

mod digest;
mod files;
pub mod hooks;
pub(crate) mod json;
pub(crate) mod json_text;
mod kind;
pub mod mcp;
mod name;
mod path;
pub mod plugin;
mod release;

pub use digest::{Digest, DigestError, Hasher};
pub use files::{FileEntry, FileMode, tree_digest};
pub use json_text::{JsonTextError, MAX_JSON_TEXT_BYTES};
pub use kind::{Kind, UnknownKind};
pub use name::{ArtifactName, ArtifactRef, BundleName, MAX_NAME_SEGMENT_BYTES, NameError};
pub use path::{PathError, TreePath, check_set};
pub use release::{Release, ReleaseError};

/// A git object id: SHA-1 or SHA-256, whichever the repository uses.
pub use gix::ObjectId as Oid;
