//! How much is known of a release, in one number.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much is known of a release (`schema/verification.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 0: there is no digest to compare.
    Unverified,
    /// 1: the bytes are those of a digest; who made them is not known.
    Intact,
    /// 2: signed by a key that the user believes.
    Signed,
    /// 3: released by someone whom a vault's ledger lets publish it, at a position where the key was good.
    Released,
    /// 4: released, by a ledger that is fresh and that enough others saw as we do.
    Witnessed,
}

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 5] = [Self::Unverified, Self::Intact, Self::Signed, Self::Released, Self::Witnessed];

    /// Returns the number of the level.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the level of a number.
    pub fn of(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.number() == number)
    }
}

/// Why a release reaches no higher level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// Level 2: no ledger lists it.
    #[error("no vault that you know vouches for it")]
    NoLedger,
    /// Level 2: a ledger lists it, of which nobody compared the id.
    #[error("nobody has compared the id of the vault's ledger")]
    NotCompared,
    /// Level 3: the ledger may be held back.
    #[error("the vault's ledger has no checkpoint that is worth something still")]
    NoCheckpoint,
    /// Level 3: it may be one that only this user is shown.
    #[error("too few witnesses saw the same ledger")]
    TooFewWitnesses,
}

/// How a user knows that a ledger is the one they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// It was the first one that was offered under this address.
    FirstUse,
    /// The user compared its id with one that came another way.
    Compared,
}

/// What a user asks of a release before it is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// Signed by a key that the user believes.
    #[default]
    Personal,
    /// Released by someone whom a vault's ledger lets publish it.
    Team,
    /// Released, fresh and witnessed.
    Strict,
}

impl Policy {
    /// Returns the policy of a word in the configuration.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Personal, Self::Team, Self::Strict].into_iter().find(|policy| policy.word() == word)
    }

    /// Returns its word.
    pub fn word(self) -> &'static str {
        match self {
            Policy::Personal => "personal",
            Policy::Team => "team",
            Policy::Strict => "strict",
        }
    }

    /// Returns the level that it asks for.
    pub fn needs(self) -> Level {
        match self {
            Policy::Personal => Level::Signed,
            Policy::Team => Level::Released,
            Policy::Strict => Level::Witnessed,
        }
    }
}
