//! `server.json` of the MCP registry (schema 2025-12-11).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{EXTRA_META, LAUNCH_META, MAX_SERVER_JSON_BYTES, McpError};
use crate::model::json_text::parse_value;

/// Which rules a definition has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Read what others wrote: only the types must be right.
    Lenient,
    /// Also the rules for name, description, version and packages that the registry checks.
    Publish,
}

/// A server definition. Members that are not listed are kept in the text and ignored here.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerDefinition {
    /// Reverse-DNS namespace, one slash, name.
    pub name: String,
    /// Name for people.
    pub title: Option<String>,
    /// One sentence, at most 100 characters when published.
    pub description: String,
    /// One version, never a range.
    pub version: String,
    /// Page of the project.
    pub website_url: Option<String>,
    /// Packages that can be run, in order of preference.
    pub packages: Vec<Package>,
    /// Servers that are already running.
    pub remotes: Vec<Remote>,
    /// Extensions by reverse-DNS key.
    #[serde(rename = "_meta")]
    pub meta: BTreeMap<String, Value>,
}

/// One way to run the server from a package registry.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Package {
    /// `npm`, `pypi`, `oci`, `nuget`, `mcpb`, `cargo`.
    pub registry_type: String,
    /// Name of the package, image, or URL.
    pub identifier: String,
    /// Exact version.
    pub version: Option<String>,
    /// Program that runs the package.
    pub runtime_hint: Option<String>,
    /// How the running package talks.
    pub transport: Option<Transport>,
    /// Arguments of the program, before the package.
    pub runtime_arguments: Vec<Argument>,
    /// Arguments of the package.
    pub package_arguments: Vec<Argument>,
    /// Environment.
    pub environment_variables: Vec<Input>,
}

/// Transport of a package.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Transport {
    /// `stdio`, `streamable-http` or `sse`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A server that is already running.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Remote {
    /// `streamable-http` or `sse`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Address, with `{variables}`.
    pub url: String,
    /// Headers sent with every request.
    pub headers: Vec<Input>,
    /// Variables of the address.
    pub variables: BTreeMap<String, Input>,
}

/// A command-line argument: `positional` is its value, `named` is a flag with or without one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Argument {
    /// `positional` or `named`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Label of a positional argument.
    pub value_hint: Option<String>,
    /// The flag, or what the value is.
    #[serde(flatten)]
    pub input: Input,
}

/// A value, or what is known about one that the user has to give.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Input {
    /// Name of the variable, header or flag.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Fixed value, with `{variables}`.
    pub value: Option<String>,
    /// Value when the user gives none.
    pub default: Option<String>,
    /// `string`, `number`, `boolean` or `filepath`.
    pub format: Option<String>,
    /// Whether the server does not work without it.
    pub is_required: bool,
    /// Whether it must never be written down.
    pub is_secret: bool,
    /// Variables of the value.
    pub variables: BTreeMap<String, Input>,
}

impl ServerDefinition {
    /// Reads a definition.
    ///
    /// # Errors
    /// [`McpError::TooLarge`], [`McpError::Json`], [`McpError::Shape`]; with [`Strictness::Publish`] also
    /// [`McpError::Field`] for the first rule of the registry that is broken.
    pub fn parse(bytes: &[u8], strictness: Strictness) -> Result<Self, McpError> {
        let definition = Self::from_value(&value(bytes)?)?;
        match strictness {
            Strictness::Lenient => Ok(definition),
            Strictness::Publish => definition.check().map(|()| definition),
        }
    }

    pub(super) fn from_value(value: &Value) -> Result<Self, McpError> {
        Self::deserialize(value).map_err(|error| McpError::Shape { reason: without_values(&error.to_string()) })
    }

    /// Returns the launch kept in `_meta`.
    pub(super) fn launch_meta(&self) -> Option<&Value> {
        self.meta.get(LAUNCH_META)
    }

    pub(super) fn extra_meta(&self) -> Option<&serde_json::Map<String, Value>> {
        self.meta.get(EXTRA_META).and_then(Value::as_object)
    }

    fn check(&self) -> Result<(), McpError> {
        let rule = |field, good: bool, rule| if good { Ok(()) } else { Err(McpError::Field { field, rule }) };
        let name = "must be a reverse-DNS namespace, one '/' and a name, 3 to 200 characters in all";
        rule("name", is_registry_name(&self.name), name)?;
        let length = self.description.chars().count();
        rule("description", (1..=100).contains(&length), "must have 1 to 100 characters")?;
        let title = self.title.as_ref().is_none_or(|title| (1..=100).contains(&title.chars().count()));
        rule("title", title, "must have 1 to 100 characters")?;
        rule("version", is_single_version(&self.version), "must be one version, not a range and not 'latest'")?;
        for package in &self.packages {
            rule("packages", !package.registry_type.is_empty(), "need a registryType")?;
            rule("packages", !package.identifier.is_empty(), "need an identifier")?;
            rule("packages", package.transport.is_some(), "need a transport")?;
            let single = package.version.as_deref().is_none_or(is_single_version);
            rule("packages", single, "need one exact version, not a range and not 'latest'")?;
        }
        for remote in &self.remotes {
            rule("remotes", ["streamable-http", "sse"].contains(&remote.kind.as_str()), "need a known type")?;
            rule(
                "remotes",
                is_address(&remote.url),
                "need a url of http or https, or one that starts with {variable}",
            )?;
        }
        Ok(())
    }
}

/// Reads the text of a definition as a value.
pub(super) fn value(bytes: &[u8]) -> Result<Value, McpError> {
    if bytes.len() > MAX_SERVER_JSON_BYTES {
        return Err(McpError::TooLarge { size_bytes: bytes.len() });
    }
    parse_value(bytes).map_err(McpError::Json)
}

/// Returns serde's sentence without the value that it quotes, which may be a secret.
fn without_values(reason: &str) -> String {
    let quote = |c: char| matches!(c, '"' | '`');
    let shown = match (reason.find(quote), reason.rfind(quote)) {
        (Some(start), Some(end)) => format!("{}…{}", &reason[..start], &reason[end + 1..]),
        _ => reason.to_owned(),
    };
    shown.chars().take(160).flat_map(char::escape_debug).collect()
}

/// Returns whether a remote may have this address: `http://`, `https://` or a `{variable}`, then no white space.
pub(super) fn is_address(url: &str) -> bool {
    let start =
        ["http://", "https://"].iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    (start || (url.starts_with('{') && url.contains('}'))) && !url.contains(char::is_whitespace)
}

/// Returns whether a name is `^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$` of 3 to 200 characters.
pub(super) fn is_registry_name(name: &str) -> bool {
    let part = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    let parts = name.split_once('/').is_some_and(|(space, name)| part(space, b".-") && part(name, b"._-"));
    parts && (3..=200).contains(&name.len())
}

/// Returns whether a text is one version: `^1`, `~1`, `>=1`, `1.x`, `1.*`, `1 - 2`, `1 || 2` and `latest` are not.
pub(super) fn is_single_version(version: &str) -> bool {
    let wildcard = |part: &str| ["x", "X", "*", ""].contains(&part);
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    (1..=255).contains(&version.len())
        && version != "latest"
        && !version.contains(|c: char| "^~<>=|*, ".contains(c) || c.is_control())
        && !numbers.split('.').any(wildcard)
}
