//! Object storage: a bucket of S3, Google or Azure, or a folder, behind one blocking face (level 2).
//!
//! The only place that names tokio and `object_store`. It knows where files of a copy of a vault stand ([`Key`]) and nothing
//! of what is in them. Files change by condition only: made where nothing is, or replaced where what is there is what was
//! read. Credentials come from the standard chain of each cloud, are never part of an address, and stand in no error.

mod address;
mod bucket;
mod client;
mod error;
mod folder;
mod key;
mod transfer;

pub use address::{AddressError, StoreAddress};
pub use bucket::{Bucket, Replaced, Version};
pub use error::StoreError;
pub use key::Key;
pub use transfer::Upload;
