//! What can go wrong with object storage.

use crate::fsio::FsError;

/// A call to a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, or failed.
    #[error("cannot reach '{address}'{}", about(.reason))]
    Net {
        /// The store.
        address: String,
        /// What it or its client said, escaped, without secrets.
        reason: String,
    },
    /// The store does not let us.
    #[error("'{address}' refuses access{}", about(.reason))]
    Denied {
        /// The store.
        address: String,
        /// What it said, escaped, without secrets.
        reason: String,
    },
    /// Nothing in the environment says who we are.
    #[error("there are no credentials for '{0}' in the environment")]
    NoCredentials(String),
    /// The settings in the environment cannot be used.
    #[error("the settings in the environment do not fit '{address}'{}", about(.reason))]
    Settings {
        /// The store.
        address: String,
        /// What is wrong, without secrets.
        reason: String,
    },
    /// A file that must be there is not.
    #[error("'{address}' has no '{key}'")]
    Missing {
        /// The store.
        address: String,
        /// The file.
        key: String,
    },
    /// A file is larger than its limit.
    #[error("'{key}' in '{address}' is larger than {limit} bytes")]
    TooLarge {
        /// The store.
        address: String,
        /// The file.
        key: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The store does not do what was asked of it only under a condition.
    #[error("'{0}' takes no conditions: two writers could undo each other's work")]
    NoConditions(String),
    /// A file on this machine failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

fn about(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
