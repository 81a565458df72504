//! Where each file of a copy of a vault stands (`schema/mirror.md`, section 1).

use std::fmt;

use crate::model::{Digest, Oid};

/// A file below the address of a copy. The only place that knows their paths, types and how long they may be kept by caches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The signed statement of what there is: the one point where a change becomes visible.
    Head,
    /// `HEAD` of the git repository.
    GitHead,
    /// Refs, for plain git.
    InfoRefs,
    /// List of packs, for plain git.
    InfoPacks,
    /// A git pack.
    Pack(Oid),
    /// The index of a git pack.
    Index(Oid),
    /// The pack of a release, by its digest.
    Bundle(Digest),
    /// A file that is written to see what the store honours, and removed.
    Probe(String),
}

impl Key {
    /// Returns the type of the content.
    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Head => "application/json",
            Self::GitHead | Self::InfoRefs | Self::InfoPacks => "text/plain",
            Self::Pack(_) | Self::Index(_) | Self::Bundle(_) | Self::Probe(_) => "application/octet-stream",
        }
    }

    /// Returns how long a cache may keep it: what is named by its content for ever, all else not without asking.
    pub(super) fn cache_control(&self) -> &'static str {
        match self {
            Self::Pack(_) | Self::Index(_) | Self::Bundle(_) => "public, max-age=31536000, immutable",
            Self::Head | Self::GitHead | Self::InfoRefs | Self::InfoPacks | Self::Probe(_) => "no-cache",
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head.json"),
            Self::GitHead => f.write_str("HEAD"),
            Self::InfoRefs => f.write_str("info/refs"),
            Self::InfoPacks => f.write_str("objects/info/packs"),
            Self::Pack(name) => write!(f, "objects/pack/pack-{name}.pack"),
            Self::Index(name) => write!(f, "objects/pack/pack-{name}.idx"),
            Self::Bundle(digest) => {
                let hex = digest.hex();
                write!(f, "bundles/sha256/{}/{hex}.skillmeat-pack", &hex[..2])
            }
            Self::Probe(name) => write!(f, "probe-{name}"),
        }
    }
}
