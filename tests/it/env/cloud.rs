//! What tests ask of the servers that stand for clouds.

use std::collections::BTreeMap;

use super::TestEnv;

/// A server with one bucket, which everyone may read and whoever has a key may change.
pub trait Cloud {
    /// The address of a place in the bucket, for the program.
    fn address(&self, below: &str) -> String;

    /// The address of the same place, for plain clients.
    fn public(&self, below: &str) -> String;

    /// Gives a user the keys.
    fn configure(&self, env: &mut TestEnv);

    /// All that is there, by key.
    fn objects(&self) -> BTreeMap<String, Vec<u8>>;
}
