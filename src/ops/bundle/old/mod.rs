//! Packs of the old formats: read, imported as what they are, and converted; never written (`schema/old-packs.md`).
//!
//! Nothing here gives a [`crate::trust::Verified`]: what has no signature cannot become verified by being read.

mod content;
mod convert;
mod import;
mod read;

pub use content::{OldContent, content};
pub use convert::{Convert, Converted, convert};
pub use import::{ImportedOld, OldPlan, import, plan};
pub(super) use read::instead;
pub use read::{Old, OldHeld, OldLeft, OldLevel, OldReport};
