//! Names, paths, digests and manifests, with the rules they obey (level 0).
//!
//! Everything here is pure: no file, clock, environment or process is touched. A value of one of these
//! types has passed its rules; text from outside is parsed once, at the edge, by `FromStr` or `parse`.

mod bundle;
mod class;
mod collection;
mod copy;
mod deployed;
mod digest;
mod files;
pub mod foreign;
mod frontmatter;
pub mod hidden;
pub mod hooks;
pub(crate) mod json;
pub(crate) mod json_text;
mod kind;
mod ledger;
pub mod mcp;
mod name;
mod path;
pub mod plugin;
mod recommendation;
mod release;
mod rename;
mod root;
mod source;
mod vault;

pub use bundle::{
    BUNDLE_FORMAT, BundleArtifact, BundleManifest, Compression, MANIFEST_PATH, MAX_MANIFEST_BYTES, MAX_TEXT_BYTES,
    ManifestError, RESERVED_FOLDER,
};
pub use class::Class;
pub use collection::{
    COLLECTION_FORMAT, CollectionError, LockEntry, LockedRelease, Lockfile, MAX_COLLECTION_FILE_BYTES, Manifest,
    ManifestEntry, MergedFile, edit_manifest, merge_locks, merge_manifests,
};
pub use copy::{
    COPY_FORMAT, CopyHead, CopyHeadError, CopyPack, Holds, MAX_COPY_HEAD_BYTES, MAX_COPY_PACKS, MAX_INFO_REFS_BYTES,
    RetiredPack, SignedCopyHead, Writers, info_packs, info_refs, packs_in,
};
pub use deployed::{
    DEPLOYED_FORMAT, Deployed, DeployedEntry, DeployedError, DeployedFile, Deployment, EntrySlot, MAX_DEPLOYED_BYTES,
    Made,
};
pub use digest::{Digest, DigestError, Hasher};
pub use files::{FileEntry, FileMode, tree_digest};
pub(crate) use frontmatter::parse_yaml;
pub use frontmatter::{Document, Field, FrontMatter, FrontMatterError, MAX_FRONT_MATTER_BYTES, Map, Value};
pub use json_text::{JsonTextError, MAX_JSON_TEXT_BYTES};
pub use kind::{Kind, UnknownKind};
pub use ledger::{EntryBody, EntryError, LEDGER_TITLE, LedgerEntry, LedgerId, MAX_ENTRY_TEXT, is_plain};
pub use name::{ArtifactName, ArtifactRef, BundleName, MAX_NAME_SEGMENT_BYTES, NameError};
pub(crate) use path::shown;
pub use path::{MAX_PATH_BYTES, MAX_PATH_DEPTH, MAX_PATH_SEGMENT_BYTES, PathError, TreePath, check_set};
pub use recommendation::{
    Address, CARRIER_WORD, MAX_RECOMMENDATION_BYTES, RECOMMENDATION_NAMESPACE, Recommendation, RecommendationError,
    about_line, check_line, holds_carrier, read_carrier, write_carrier,
};
pub use release::{Release, ReleaseError};
pub use rename::RenameError;
pub use root::{
    BundlePattern, MAX_ROOT_BYTES, ROOT_FORMAT, RevokedKey, Role, RoleOf, RootError, RootFile, RootKey, is_principal,
};
pub use source::{Location, RefNameError, Source, SourceError, Transport, check_ref_name, tag_version, version_range};
pub use vault::{IndexedRelease, MAX_INDEX_BYTES, VAULT_FORMAT, VaultFileError, VaultIndex};

/// A git object id: SHA-1 or SHA-256, whichever the repository uses.
pub use gix::ObjectId as Oid;
