//! Use cases, one a file, in folders by noun (level 3).
//!
//! Each takes a [`Context`] of resolved options and returns what it did as a value that can be shown or serialised.
//! Nothing here prints, prompts, or reads the environment.

pub mod audit;
pub mod bundle;
pub mod collection;
mod context;
pub mod deploy;
pub mod hooks;
pub mod introduction;
pub mod keys;
pub mod recommend;
pub mod revocation;
pub mod rotation;
pub mod vault;

pub use context::{Context, Durability, Progress, Quiet, Signing};
