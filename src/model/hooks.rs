//! Client hooks: `hooks.json`, what it runs, and where its scripts are.
//!
//! A hook artifact is a folder with `hooks.json` and its scripts. Commands name a script by the place it has in a
//! plugin, `${CLAUDE_PLUGIN_ROOT}/hooks/<name>/F`, or `${CLAUDE_PLUGIN_ROOT}/hooks/F` where the whole `hooks/`
//! folder of a plugin became the artifact. [`relocate`] writes the place that the script is deployed to instead,
//! [`relocate_back`] is its inverse onto the spelling that the artifact uses.

mod place;

pub use place::{relocate, relocate_back, renamed_hooks, unresolved, updated};

use serde_json::{Map, Value};

use super::json_text::{JsonTextError, parse_value};

/// Largest `hooks.json` accepted, in bytes: hooks name scripts, they do not hold them.
pub const MAX_HOOKS_JSON_BYTES: usize = 1024 * 1024;

/// Events known to Claude Code 2.1.330. The list grows, so an unknown event is a note and never an error.
pub const EVENTS: [&str; 33] = [
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Notification",
    "UserPromptSubmit",
    "UserPromptExpansion",
    "SessionStart",
    "SessionEnd",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "PreCompact",
    "PostCompact",
    "PreModelSwitch",
    "PostModelSwitch",
    "PermissionRequest",
    "PermissionDenied",
    "Setup",
    "TeammateIdle",
    "TaskCreated",
    "TaskCompleted",
    "Elicitation",
    "ElicitationResult",
    "ConfigChange",
    "WorktreeCreate",
    "WorktreeRemove",
    "InstructionsLoaded",
    "CwdChanged",
    "FileChanged",
    "DirectoryAdded",
    "MessageDisplay",
];

/// Why a `hooks.json` was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HooksError {
    /// The text is not JSON of an object.
    #[error("cannot read the hooks")]
    Json(#[source] JsonTextError),
    /// Longer than [`MAX_HOOKS_JSON_BYTES`].
    #[error("the hooks have {size_bytes} bytes, more than {MAX_HOOKS_JSON_BYTES}")]
    TooLarge {
        /// Length found.
        size_bytes: usize,
    },
    /// A member is missing or has the wrong type.
    #[error("'{}' of the hooks must be {expected}", .place.escape_debug())]
    Shape {
        /// Path from the root.
        place: String,
        /// What belongs there.
        expected: &'static str,
    },
}

/// A `hooks.json` whose shape has been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Hooks {
    value: Value,
}

/// One handler, for showing what an installation would run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HookCommand {
    /// When it runs.
    pub event: String,
    /// For which tools; `None` for all.
    pub matcher: Option<String>,
    /// `command`, `http`, `mcp_tool`, `prompt`, `agent`.
    pub kind: String,
    /// The command and its arguments, address, tool or prompt: one item each, never joined for a shell.
    pub words: Vec<String>,
}

impl Hooks {
    /// Reads a `hooks.json`: `{"description"?, "hooks": {EVENT: [{"matcher"?, "hooks": [{"type", …}]}]}}`.
    ///
    /// # Errors
    /// [`HooksError::TooLarge`], [`HooksError::Json`], and [`HooksError::Shape`] for the first wrong member.
    pub fn parse(bytes: &[u8]) -> Result<Self, HooksError> {
        if bytes.len() > MAX_HOOKS_JSON_BYTES {
            return Err(HooksError::TooLarge { size_bytes: bytes.len() });
        }
        Self::from_value(parse_value(bytes).map_err(HooksError::Json)?)
    }

    /// Checks the shape of a value.
    ///
    /// # Errors
    /// [`HooksError::Shape`].
    pub fn from_value(value: Value) -> Result<Self, HooksError> {
        let events = value.get("hooks").and_then(Value::as_object).ok_or_else(|| shape("hooks", "an object"))?;
        for (event, groups) in events {
            let groups = groups.as_array().ok_or_else(|| shape(format!("hooks.{event}"), "an array"))?;
            for (index, group) in groups.iter().enumerate() {
                check_group(group, &format!("hooks.{event}[{index}]"))?;
            }
        }
        if value.get("description").is_some_and(|text| !text.is_string()) {
            return Err(shape("description", "a string"));
        }
        Ok(Self { value })
    }

    /// Returns the whole value, with members that are not known here.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns what the hooks are for.
    pub fn description(&self) -> Option<&str> {
        self.value.get("description").and_then(Value::as_str)
    }

    /// Returns the groups of handlers, by event in byte order.
    pub fn groups(&self) -> impl Iterator<Item = (&str, &Value)> {
        let events = self.value.get("hooks").and_then(Value::as_object);
        let mut all: Vec<_> = events
            .into_iter()
            .flatten()
            .flat_map(|(event, groups)| groups.as_array().into_iter().flatten().map(|group| (event.as_str(), group)))
            .collect();
        all.sort_by_key(|(event, _)| *event);
        all.into_iter()
    }

    /// Returns every handler, for display before anything is installed.
    pub fn commands(&self) -> Vec<HookCommand> {
        let text = |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut out = Vec::new();
        for (event, group) in self.groups() {
            let matcher = group.get("matcher").and_then(Value::as_str).filter(|text| !text.is_empty() && *text != "*");
            for handler in group.get("hooks").and_then(Value::as_array).into_iter().flatten() {
                let Some(map) = handler.as_object() else { continue };
                let mut words: Vec<String> =
                    ["command", "url", "server", "tool", "prompt"].iter().filter_map(|key| text(map, key)).collect();
                let args = map.get("args").and_then(Value::as_array).into_iter().flatten();
                words.extend(args.map(|arg| arg.as_str().map_or_else(|| arg.to_string(), str::to_owned)));
                out.push(HookCommand {
                    event: event.to_owned(),
                    matcher: matcher.map(str::to_owned),
                    kind: text(map, "type").unwrap_or_default(),
                    words,
                });
            }
        }
        out
    }

    /// Returns the events that the client may not know; it warns about them and goes on.
    pub fn unknown_events(&self) -> Vec<&str> {
        let events = self.value.get("hooks").and_then(Value::as_object);
        events.into_iter().flat_map(Map::keys).map(String::as_str).filter(|event| !EVENTS.contains(event)).collect()
    }
}

fn shape(place: impl Into<String>, expected: &'static str) -> HooksError {
    HooksError::Shape { place: place.into().chars().take(200).collect(), expected }
}

fn check_group(group: &Value, place: &str) -> Result<(), HooksError> {
    let map = group.as_object().ok_or_else(|| shape(place, "an object"))?;
    if map.get("matcher").is_some_and(|matcher| !matcher.is_string()) {
        return Err(shape(format!("{place}.matcher"), "a string"));
    }
    let place = format!("{place}.hooks");
    let handlers = map.get("hooks").and_then(Value::as_array).ok_or_else(|| shape(&place, "an array"))?;
    for (index, handler) in handlers.iter().enumerate() {
        let place = format!("{place}[{index}]");
        let map = handler.as_object().ok_or_else(|| shape(&place, "an object"))?;
        let kind = map.get("type").and_then(Value::as_str).ok_or_else(|| shape(format!("{place}.type"), "a string"))?;
        if kind == "command" && map.get("command").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(shape(format!("{place}.command"), "a string that is not empty"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
