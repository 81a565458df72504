//! Bundles: artifacts at a version, as a signed tag and a pack.

mod carry;
mod choice;
mod discovery;
mod error;
mod export;
mod fit;
mod generate;
mod hidden;
mod import;
mod incoming;
mod judged;
mod kept;
mod license;
mod locate;
mod minisign;
mod objects;
pub mod old;
mod origin;
mod plan;
mod portable;
mod preview;
pub mod resolve;
mod said;
mod signed;
mod signer;
mod stored;
mod texts;
mod wish;
mod words;

pub(crate) use carry::{unpack, write_release_pack};
pub use choice::{Choices, Existing};
pub use error::Error;
pub use export::{Exported, default_output, export};
pub use hidden::Hidden;
pub use import::{Allowed, Imported, ImportedNeed, Incoming, check_together, import};
pub use judged::check_listed;
pub use locate::{
    Found, Place, VerifiedReport, Wanted, check_policy, check_unsigned, find, load_trust, pack_digest, report, verify,
};
pub use minisign::{minisign_key, minisign_of_file, minisign_signer, minisign_verdict};
pub(crate) use objects::write_objects;
pub(crate) use origin::stored_manifest;
pub use plan::{Detail, Older, Plan, Planned, Step, plan};
pub use portable::{Measure, TooMuchForSome};
pub use preview::{Look, Preview, look};
pub use signed::SignedBy;
pub(crate) use signer::Signer;
pub use stored::{Stored, releases};
pub use wish::Export;
