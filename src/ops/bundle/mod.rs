//! Bundles: artifacts at a version, as a signed tag and a pack.

mod error;
mod export;
mod fit;
mod generate;
mod import;
mod license;
mod locate;
mod minisign;
mod objects;
pub mod old;
mod plan;
mod preview;
pub mod resolve;
mod signer;
mod stored;
mod wish;

pub use error::Error;
pub use export::{Exported, default_output, export};
pub use import::{Imported, ImportedNeed, Terms, Wanted, import};
pub use locate::{
    Found, Place, VerifiedReport, check_policy, check_unsigned, find, load_trust, pack_digest, report, verify,
};
pub use minisign::{minisign_key, minisign_signer, minisign_verdict};
pub(crate) use objects::write_objects;
pub use plan::{Detail, Existing, Older, Plan, Planned, Step, plan};
pub use preview::Preview;
pub(crate) use signer::Signer;
pub use stored::{Stored, releases};
pub use wish::Export;
