//! Finding artifacts by what they say (level 2).
//!
//! An [`Index`] holds the text of every artifact, each under the id of its tree: what has the same id has the same text,
//! so an index is never stale and only what changed is read again. It may always be deleted. [`rank`] looks through all
//! of it, on all processors: for tens of thousands of artifacts that is faster than opening an inverted index.

mod index;
mod rank;
mod similar;

pub use index::{Document, Index};
pub use rank::{Hit, Query, rank, snippet};
pub use similar::{Pair, same, similar};
