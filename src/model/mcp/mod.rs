//! MCP server definitions: the registry's `server.json`, the neutral way to launch one, and clients' entries.
//!
//! A collection keeps `server.json` because it is the one form that says what a value is for, which values are
//! secret and which package is pinned. A client's entry is a projection of it: [`ServerDefinition::launch`] goes
//! there, [`from_entry`] comes from a source that only has an entry, and [`updated_from_entry`] brings an edit of
//! a deployed entry home. Launching is data here: nothing is run, and an argument never meets a shell.

mod definition;
mod entry;
mod import;
mod launch;
mod package;
mod secret;
mod template;
mod update;

pub use definition::{Argument, Input, Package, Remote, ServerDefinition, Strictness, Transport};
pub use import::{LOCAL_NAMESPACE, from_entry};
pub use launch::{Launch, RemoteTransport};
pub use template::{Part, Template};
pub use update::updated_from_entry;

pub(crate) use launch::is_header;

use super::json_text::JsonTextError;

/// Largest `server.json` accepted, in bytes: it is written by hand, and the registry keeps 4 kB of extensions.
pub const MAX_SERVER_JSON_BYTES: usize = 1024 * 1024;

/// Schema that a new definition names (`formats` of the registry, 2025-12-11).
pub const SERVER_SCHEMA: &str = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json";

/// Key in `_meta` for a launch that no package form can say: an object of the shape of a client's entry.
pub const LAUNCH_META: &str = "dev.skillmeat/launch";

/// Key in `_meta` for members of a client's entry that have no neutral meaning, such as `timeout`.
pub const EXTRA_META: &str = "dev.skillmeat/entry";

/// Why a server definition or entry was refused. No variant holds a value of the definition: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum McpError {
    /// The text is not JSON of an object.
    #[error("cannot read the server definition")]
    Json(#[source] JsonTextError),
    /// Longer than [`MAX_SERVER_JSON_BYTES`].
    #[error("the server definition has {size_bytes} bytes, more than {MAX_SERVER_JSON_BYTES}")]
    TooLarge {
        /// Length found.
        size_bytes: usize,
    },
    /// A member has the wrong type.
    #[error("a member of the server definition has the wrong type: {reason}")]
    Shape {
        /// What serde says, which names types and members but no values of strings.
        reason: String,
    },
    /// A field breaks the rules for publishing.
    #[error("'{field}' of the server definition {rule}")]
    Field {
        /// Member of `server.json`.
        field: &'static str,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// There is no package, remote or launch.
    #[error("the server definition has no package and no remote")]
    Empty,
    /// Packages of this type cannot be started by one command line.
    #[error("packages of type '{}' cannot be launched from a client's configuration", .0.escape_debug())]
    PackageType(String),
    /// The transport is not one that can be deployed.
    #[error("transport '{}' cannot be launched from a client's configuration", .0.escape_debug())]
    Transport(String),
    /// A name, version, address or header could be taken for something else, such as an option.
    #[error("'{field}' of the server definition is empty, starts with '-', or has characters not allowed there")]
    Unsafe {
        /// Member of the definition.
        field: &'static str,
    },
    /// A required value has no value and no default.
    #[error("required argument '{}' has no value", .0.escape_debug())]
    MissingArgument(String),
    /// A literal that looks like a secret stands where only a reference to a variable may stand.
    #[error("'{}' holds a literal that looks like a secret: use a reference such as ${{NAME}}", .place.escape_debug())]
    SecretLiteral {
        /// Where: `env.NAME`, `args[3]`, `url`, `headers.NAME`.
        place: String,
    },
    /// The name cannot be a server's name.
    #[error("'{}' is not a server name: use 1 to 64 of A-Z, a-z, 0-9, '_' and '-'", .0.escape_debug())]
    Name(String),
    /// The entry is not of a shape that a client accepts.
    #[error("the entry is not one of a server: '{}' {rule}", .member.escape_debug())]
    Entry {
        /// Member of the entry.
        member: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// The edited entry cannot be said by the definition it came from.
    #[error("the edited entry cannot be expressed in the server definition")]
    NotExpressible,
}

/// Names that mean something to JavaScript objects, which most clients are built of.
const POISONED_NAMES: [&str; 3] = ["__proto__", "constructor", "prototype"];

/// Returns whether a name works as a server's name in every client (`^[A-Za-z0-9_-]{1,64}$`).
pub fn is_entry_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        && !POISONED_NAMES.contains(&name)
}

#[cfg(test)]
mod tests;
