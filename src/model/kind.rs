//! The five kinds of artifact.

use std::fmt;
use std::str::FromStr;

/// What an AI client loads an artifact as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A subagent: `agents/<name>.md`.
    Agent,
    /// A slash command: `commands/<path>.md`.
    Command,
    /// Client hooks with their scripts: `hooks/<name>/hooks.json`.
    Hook,
    /// An MCP server definition: `mcp/<name>/server.json`.
    Mcp,
    /// An Agent Skill: `skills/<name>/SKILL.md`.
    Skill,
}

/// The text names no kind of artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a kind of artifact")]
pub struct UnknownKind(pub String);

impl Kind {
    /// All kinds, in the order of their words.
    pub const ALL: [Kind; 5] = [Kind::Agent, Kind::Command, Kind::Hook, Kind::Mcp, Kind::Skill];

    /// Returns the word used in references such as `skill/pdf`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Agent => "agent",
            Kind::Command => "command",
            Kind::Hook => "hook",
            Kind::Mcp => "mcp",
            Kind::Skill => "skill",
        }
    }

    /// Returns the folder that holds this kind in a collection and in a bundle.
    pub fn folder(self) -> &'static str {
        match self {
            Kind::Agent => "agents",
            Kind::Command => "commands",
            Kind::Hook => "hooks",
            Kind::Mcp => "mcp",
            Kind::Skill => "skills",
        }
    }

    /// Returns the file that makes a folder an artifact of this kind; `None` where the artifact is one file.
    pub fn main_file(self) -> Option<&'static str> {
        match self {
            Kind::Agent | Kind::Command => None,
            Kind::Hook => Some("hooks.json"),
            Kind::Mcp => Some("server.json"),
            Kind::Skill => Some("SKILL.md"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| UnknownKind(text.chars().take(80).collect()))
    }
}

super::name::string_serde!(Kind, "^(agent|command|hook|mcp|skill)$");
