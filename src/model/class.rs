//! Classes of errors and the exit status that each gives.

/// Stable word for the kind of an error, in `--format json` as `class`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The command line is wrong.
    Usage,
    /// A name, reference or URL is wrong or unknown.
    Name,
    /// A path that no tree may hold.
    Path,
    /// A pack is not well formed.
    Pack,
    /// Something is larger than its limit.
    Limit,
    /// Bytes are not those that were promised.
    Hash,
    /// A signature does not hold.
    Signature,
    /// A signature holds, by someone who is not trusted for this.
    Untrusted,
    /// Something older or other was offered in place of what was seen before.
    Rollback,
    /// There are two histories of what can have only one.
    Fork,
    /// What is offered may be old: nothing says that it is not.
    Stale,
    /// The user must agree first.
    Consent,
    /// A secret would be published.
    Secret,
    /// A rule forbids it.
    Policy,
    /// A file cannot be parsed.
    Parse,
    /// The system or the disk failed.
    Io,
    /// The network or a remote failed.
    Net,
    /// Someone else changed the same thing.
    Conflict,
    /// Another process holds the lock.
    Busy,
}

impl Class {
    /// Returns the exit status: 2 for usage, 3 for checked and refused, 1 for failed or could not check.
    pub fn exit_status(self) -> u8 {
        match self {
            Class::Usage | Class::Name => 2,
            Class::Io | Class::Net | Class::Conflict | Class::Busy => 1,
            _ => 3,
        }
    }
}
