//! The neutral way to launch a server.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::definition::{Input, Package, Remote};
use super::package::package_launch;
use super::template::variable_name;
use super::{McpError, ServerDefinition, Template};

/// Members of a client's entry without a neutral meaning, by name.
pub(super) type Extra = BTreeMap<String, Value>;

/// How a client starts or reaches a server. No part of it is ever joined to a shell command.
#[derive(Debug, Clone, PartialEq)]
pub enum Launch {
    /// A program that talks over its standard input and output.
    Stdio {
        /// The program.
        command: Template,
        /// Its arguments, one each.
        args: Vec<Template>,
        /// Variables set for it, by name.
        env: BTreeMap<String, Template>,
        /// Folder it starts in; few clients have this.
        cwd: Option<Template>,
        /// Members of a client's entry without a neutral meaning, such as `timeout`.
        extra: BTreeMap<String, Value>,
    },
    /// A server that is already running.
    Remote {
        /// How it talks.
        transport: RemoteTransport,
        /// Its address.
        url: Template,
        /// Headers sent with every request, by name.
        headers: BTreeMap<String, Template>,
        /// Members of a client's entry without a neutral meaning, such as `oauth`.
        extra: BTreeMap<String, Value>,
    },
}

/// How a server that is already running talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RemoteTransport {
    /// Streamable HTTP.
    StreamableHttp,
    /// HTTP with server-sent events, of 2024-11-05.
    Sse,
}

impl RemoteTransport {
    /// Returns the registry's word.
    pub fn word(self) -> &'static str {
        match self {
            RemoteTransport::StreamableHttp => "streamable-http",
            RemoteTransport::Sse => "sse",
        }
    }

    pub(super) fn from_word(word: &str) -> Result<Self, McpError> {
        match word {
            "streamable-http" | "http" => Ok(RemoteTransport::StreamableHttp),
            "sse" => Ok(RemoteTransport::Sse),
            other => Err(McpError::Transport(other.chars().take(40).collect())),
        }
    }
}

/// Which part of a definition its launch comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Package(usize),
    Remote(usize),
    Meta,
}

impl ServerDefinition {
    /// Returns how a client launches the server.
    ///
    /// The first package that one command line can run, else the first remote, else the launch kept in `_meta`
    /// under [`super::LAUNCH_META`]. A value marked as secret is always a reference to a variable of its name.
    ///
    /// # Errors
    /// [`McpError::Empty`], or why the first package or remote cannot be launched.
    pub fn launch(&self) -> Result<Launch, McpError> {
        self.launch_with_origin().map(|(launch, _)| launch)
    }

    pub(super) fn launch_with_origin(&self) -> Result<(Launch, Origin), McpError> {
        let extra: Extra = self.extra_meta().map(|map| map.clone().into_iter().collect()).unwrap_or_default();
        let mut first_error = None;
        for (index, package) in self.packages.iter().enumerate() {
            match package_launch(package, extra.clone()) {
                Ok(launch) => return Ok((launch, Origin::Package(index))),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if let Some(remote) = self.remotes.first() {
            return remote_launch(remote, extra).map(|launch| (launch, Origin::Remote(0)));
        }
        match (self.launch_meta(), first_error) {
            (_, Some(error)) => Err(error),
            (Some(entry), None) => Ok((Launch::from_client_entry(entry)?, Origin::Meta)),
            (None, None) => Err(McpError::Empty),
        }
    }

    /// Returns the package that [`ServerDefinition::launch`] runs, for display; `None` for remotes and others.
    pub fn launched_package(&self) -> Option<&Package> {
        match self.launch_with_origin() {
            Ok((_, Origin::Package(index))) => self.packages.get(index),
            _ => None,
        }
    }
}

impl Launch {
    /// Returns the names of the environment variables that the launch refers to.
    pub fn variables(&self) -> BTreeSet<&str> {
        let mut templates: Vec<&Template> = Vec::new();
        match self {
            Launch::Stdio { command, args, env, cwd, .. } => {
                templates.push(command);
                templates.extend(args);
                templates.extend(env.values());
                templates.extend(cwd);
            }
            Launch::Remote { url, headers, .. } => {
                templates.push(url);
                templates.extend(headers.values());
            }
        }
        templates.into_iter().flat_map(Template::variables).collect()
    }
}

fn remote_launch(remote: &Remote, extra: Extra) -> Result<Launch, McpError> {
    let transport = RemoteTransport::from_word(&remote.kind)?;
    let url = substituted(&remote.url, &remote.variables);
    let headers: BTreeMap<_, _> =
        remote.headers.iter().filter_map(|header| named_value(Named::Header, header)).collect();
    if url.to_string().contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(McpError::Unsafe { field: "url" });
    }
    if !headers.iter().all(|(name, value)| is_header(name, &value.to_string())) {
        return Err(McpError::Unsafe { field: "headers" });
    }
    Ok(Launch::Remote { transport, url, headers, extra })
}

/// Returns whether this is a header field that cannot smuggle in another (RFC 9110, sections 5.1 and 5.5).
pub(crate) fn is_header(name: &str, value: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(token) && !value.contains(|c: char| c.is_control() && c != '\t')
}

/// What has a name and a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Variable,
    Header,
}

impl Named {
    /// Returns the environment variable that gives the value when the definition does not.
    pub(super) fn variable(self, name: &str) -> String {
        match self {
            Named::Variable => name.to_owned(),
            Named::Header => variable_name(name),
        }
    }
}

/// Returns the name and value of a variable or header; `None` for an optional one without a value.
///
/// Claude Code refuses its whole configuration when a variable that it refers to is not set, so an optional
/// secret gets an empty default and an optional other value is left to the server.
pub(super) fn named_value(what: Named, input: &Input) -> Option<(String, Template)> {
    let name = input.name.clone()?;
    let variable = what.variable(&name);
    let value = match value_of(input) {
        Some(value) => value,
        None if input.is_required => Template::variable(&variable, None),
        None if input.is_secret => Template::variable(&variable, Some("")),
        None => return None,
    };
    Some((name, value))
}

/// Returns the value or default; a secret one only when it is made of references.
pub(super) fn value_of(input: &Input) -> Option<Template> {
    let text = input.value.as_ref().or(input.default.as_ref())?;
    let value = substituted(text, &input.variables);
    if input.is_secret && value.variables().next().is_none() { None } else { Some(value) }
}

/// Replaces `{name}` by the variable of that name; braces around anything else stay.
pub(super) fn substituted(text: &str, variables: &BTreeMap<String, Input>) -> Template {
    let mut out = Template::default();
    let mut rest = text;
    loop {
        let found =
            variables.iter().filter_map(|(name, input)| Some((rest.find(&format!("{{{name}}}"))?, name, input)));
        let Some((at, name, input)) = found.min_by_key(|(at, name, _)| (*at, std::cmp::Reverse(name.len()))) else {
            out.append(Template::parse(rest));
            return out;
        };
        out.append(Template::parse(&rest[..at]));
        out.append(match value_of(&Input { variables: BTreeMap::new(), ..input.clone() }) {
            Some(value) => value,
            None => Template::variable(&variable_name(name), None),
        });
        rest = &rest[at + name.len() + 2..];
    }
}
