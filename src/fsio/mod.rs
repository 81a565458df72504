//! Files: atomic writes, locks, trees of files that cannot be escaped, and errors that carry the path (level 1).
//!
//! The only place that names `std::fs`. A file changes by temporary file, fsync, rename and fsync of the folder,
//! so that an interruption leaves the old content or the new (`schema/durability.md`).

#![allow(clippy::disallowed_methods, reason = "this module owns the calls that touch files")]

mod atomic;
mod error;
mod exchange;
mod linked;
mod lock;
mod root;
mod spool;
mod swap;

pub use atomic::{
    Access, NewFile, create_new, ensure_folder, new_file_beside, open_file, read, read_optional, read_start, real_path,
    remove_if_there, remove_tree, scratch_beside, scratch_folder, sync_store, write_atomic, write_fresh, write_note,
};
pub use error::FsError;
pub use exchange::{exchange, move_file, put_back, share_file, share_tree};
pub use linked::Linked;
pub use lock::Lock;
pub use root::{Found, Nearby, Root, Stat, is_temporary, remove_empty_root};
pub use spool::Spool;
pub use swap::{Swap, remove_beside, swap};
