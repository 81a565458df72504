//! From bytes that came from outside to a release that may be imported (`schema/verification.md`).
//!
//! [`verify`] is the one way to a [`Verified`]; nothing else makes one. It follows the order of `schema/verification.md`:
//! signature over the exact bytes first, then name, then tag to commit to tree, then manifest and tree digest.

mod error;
mod evidence;
mod ledger;
mod level;
mod signers;
mod verify;
mod witness;

pub use error::TrustError;
pub use evidence::{Evidence, EvidenceError};
pub use ledger::{
    COPY_NAMESPACE, FilesError, Known, Ledger, LedgerError, LedgerStore, Listed, MAX_CACHED_BYTES, MAX_ENTRIES,
    Problem, ROOT_NAMESPACE, Record, Refusal, Revocation, SIGNER_NAMESPACES, TrustFiles, read_ledger,
    root_signature_path,
};
pub use level::{Lack, Level, Pin, Policy};
pub use signers::TrustStore;
pub use verify::{Authority, ReleaseContent, SignedTag, Verified, Voucher, verify, verify_tag};
pub use witness::{Statement, WITNESS_NAMESPACE, Witness};

/// Trailer of a release tag: SHA-256 of the raw first commit of the repository it was made in.
pub const REPO_TRAILER: &str = "skillmeat-repo";

/// Trailer of a release tag: tree digest of all files, so that SHA-1 is not the last word.
pub const TREE_TRAILER: &str = "skillmeat-tree";
