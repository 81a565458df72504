//! Vaults: git repositories where releases are published. Nothing in one is trusted because of where it came from.

mod add;
mod error;
mod init;
mod pull;
mod push;

pub use add::{Added, Vault, add, list, remove, store};
pub use error::Error;
pub use init::{Made, init};
pub use pull::{Pulled, Standing, VaultRelease, ls, pull};
pub use push::{Pushed, push};

/// Branch of a vault with its index for people.
pub(crate) const INDEX_REF: &str = "refs/heads/main";
