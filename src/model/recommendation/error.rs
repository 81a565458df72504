//! Why a text is no recommendation.

use crate::model::{Class, DigestError, ReleaseError, SourceError};

/// A text is no recommendation, or says something that none may say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecommendationError {
    /// The word that it starts with is not there.
    #[error("there is no recommendation in it")]
    Absent,
    /// There are several that differ.
    #[error("there is more than one recommendation in it")]
    Several,
    /// It needs a newer program.
    #[error("the recommendation has version '{}', which needs a newer git skillmeat", .0.escape_debug())]
    Newer(String),
    /// Its end is missing.
    #[error("the recommendation is cut off: {found} of its {expected} characters are there")]
    CutOff {
        /// Characters found.
        found: usize,
        /// Characters that its length asks for.
        expected: usize,
    },
    /// A character in it was changed on the way.
    #[error("the recommendation was damaged on its way: its character {at} is '{}'", .found.escape_default())]
    Damaged {
        /// Which one, counted from 1.
        at: usize,
        /// What is there.
        found: char,
    },
    /// It is larger than any may be.
    #[error("a recommendation has at most {limit} bytes, found {found}")]
    TooLarge {
        /// Bytes found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// It breaks a rule of its form.
    #[error("the recommendation is malformed: {0}")]
    Malformed(&'static str),
    /// A member is missing.
    #[error("the recommendation is malformed: no '{0}' where it has to be")]
    Missing(&'static str),
    /// Words for the reader that are not one line, or too long.
    #[error("'{0}' has one line of 1 to {limit} bytes, without spaces around it and characters that cannot be seen", limit = super::MAX_LINE_BYTES)]
    Line(&'static str),
    /// The release is none.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// A digest is none.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// The address is none.
    #[error("the address in the recommendation cannot be used")]
    Address(#[from] SourceError),
    /// The address has a part that it cannot have.
    #[error("the address in a recommendation has no '#ref' and no '//subpath'")]
    NotWhole,
    /// The address is written in another way than the one it has, or too long.
    #[error("the address in a recommendation is whole, in its one spelling, and not longer than 512 bytes")]
    Spelling,
    /// A pack is somewhere where packs are not fetched from.
    #[error("a pack is fetched by https")]
    PackAddress,
}

impl RecommendationError {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Self::Absent | Self::Line(_) | Self::Release(_) => Class::Name,
            Self::Address(_) | Self::NotWhole | Self::Spelling | Self::PackAddress => Class::Name,
            Self::TooLarge { .. } => Class::Limit,
            _ => Class::Parse,
        }
    }
}
