//! MCP servers in the configuration of clients: `.mcp.json`, and what other clients keep in a project.
//!
//! An entry is taken over in the form of `.mcp.json`. What a client keeps beside it for itself, such as which tools run
//! without being asked, is left out with a note: it is the consent of someone else.

use serde_json::{Map, Value};

use super::{DiscoverError, FoundFiles, Search, join, shown};
use crate::model::json_text::parse_value;
use crate::model::{ArtifactRef, Kind};

/// How a client writes its servers down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// JSON, perhaps with comments, with the servers under this key.
    Json(&'static str),
    /// As `Json("mcpServers")`, where a `url` alone is one of server-sent events and `$NAME` a variable.
    Gemini,
    /// JSON with `mcp`, where `command` is a list.
    OpenCode,
    /// TOML with `mcp_servers`.
    Codex,
}

/// Where clients keep servers in a project, from its root, as their manuals said in November 2026.
const CONFIGS: [(&str, Form); 14] = [
    (".agents/mcp_config.json", Form::Json("mcpServers")),
    (".amp/settings.json", Form::Json("amp.mcpServers")),
    (".codex/config.toml", Form::Codex),
    (".cursor/mcp.json", Form::Json("mcpServers")),
    (".devin/mcp_config.json", Form::Json("mcpServers")),
    (".gemini/settings.json", Form::Gemini),
    (".github/mcp.json", Form::Json("mcpServers")),
    (".kiro/settings/mcp.json", Form::Json("mcpServers")),
    (".qwen/settings.json", Form::Gemini),
    (".roo/mcp.json", Form::Json("mcpServers")),
    (".vscode/mcp.json", Form::Json("servers")),
    (".zed/settings.json", Form::Json("context_servers")),
    ("opencode.json", Form::OpenCode),
    ("opencode.jsonc", Form::OpenCode),
];

/// Members of an entry that mean the same everywhere.
const SHARED: [&str; 7] = ["type", "command", "args", "env", "cwd", "url", "headers"];

impl Search<'_> {
    /// Adds the servers of an MCP configuration: `{"mcpServers": {…}}`, or the servers alone as some plugins do.
    pub(super) fn servers_of(&mut self, file: &str) -> Result<(), DiscoverError> {
        let Some(value) = self.json(file)? else {
            return Ok(());
        };
        let is_server =
            |entry: &Value| ["command", "url"].iter().any(|key| entry.get(key).is_some_and(Value::is_string));
        match value.get("mcpServers") {
            Some(servers) => self.servers(file, servers),
            None if value.as_object().is_some_and(|map| map.values().any(is_server)) => self.servers(file, &value),
            None => Ok(()),
        }
    }

    /// Adds the servers of a map.
    pub(super) fn servers(&mut self, file: &str, servers: &Value) -> Result<(), DiscoverError> {
        let Some(servers) = servers.as_object() else {
            self.reader.note(file, "manifest", "the MCP servers are not an object");
            return Ok(());
        };
        for (server, entry) in servers {
            if !entry.is_object() {
                self.reader.note(file, "manifest", format!("the MCP server '{}' is not an object", shown(server, 80)));
            } else if let Some(named) = self.named(Kind::Mcp, file, &[server]) {
                let files = FoundFiles::McpEntry { server: server.clone(), entry: entry.clone() };
                self.add(file, ArtifactRef::new(Kind::Mcp, named.name), files, named.renamed_from)?;
            }
        }
        Ok(())
    }

    /// Adds the servers that clients have in a project.
    pub(super) fn client_servers(&mut self, base: &str) -> Result<(), DiscoverError> {
        CONFIGS.iter().try_for_each(|(file, form)| self.servers_in(&join(base, file), *form))
    }

    /// Adds the servers of one file, if it is one in which a client keeps them; tells whether it is.
    pub(super) fn client_servers_of(&mut self, file: &str) -> Result<bool, DiscoverError> {
        let is_it = |config: &str| file.strip_suffix(config).is_some_and(|base| base.is_empty() || base.ends_with('/'));
        let Some((_, form)) = CONFIGS.iter().find(|(config, _)| is_it(config)) else { return Ok(false) };
        self.servers_in(file, *form)?;
        Ok(true)
    }

    fn servers_in(&mut self, file: &str, form: Form) -> Result<(), DiscoverError> {
        if !self.reader.is_file(file)? {
            return Ok(());
        }
        let Some(bytes) = self.reader.read(file)? else { return Ok(()) };
        let (read, key) = match form {
            Form::Json(key) => (parse_value(&bytes).map_err(|error| error.to_string()), key),
            Form::Gemini => (parse_value(&bytes).map_err(|error| error.to_string()), "mcpServers"),
            Form::OpenCode => (parse_value(&bytes).map_err(|error| error.to_string()), "mcp"),
            Form::Codex => (toml(&bytes), "mcp_servers"),
        };
        let config = match read {
            Ok(config) => config,
            Err(reason) => {
                self.reader.note(file, "manifest", format!("it cannot be read: {}", shown(&reason, 160)));
                return Ok(());
            }
        };
        let Some(Value::Object(servers)) = config.get(key) else { return Ok(()) };
        let mut plain = Map::new();
        for (server, entry) in servers {
            let Some(entry) = entry.as_object() else { continue };
            let (entry, left_out) = shared(form, entry);
            if !left_out.is_empty() {
                let (server, left_out) = (shown(server, 80), shown(&left_out.join(", "), 160));
                let message = format!("of the server '{server}', what only this client knows is left out: {left_out}");
                self.reader.note(file, "client-setting", message);
            }
            plain.insert(server.clone(), Value::Object(entry));
        }
        self.servers(file, &Value::Object(plain))
    }
}

fn toml(bytes: &[u8]) -> Result<Value, String> {
    let text = str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    serde_json::to_value(table).map_err(|error| error.to_string())
}

/// Returns an entry in the form of `.mcp.json`, and the members that have no place in it.
fn shared(form: Form, entry: &Map<String, Value>) -> (Map<String, Value>, Vec<String>) {
    let mut plain = Map::new();
    let mut left_out = Vec::new();
    for (key, value) in entry {
        match (form, key.as_str(), value) {
            (Form::OpenCode, "command", Value::Array(words)) => {
                let mut words = words.iter().cloned();
                plain.extend(words.next().map(|command| ("command".to_owned(), command)));
                plain.insert("args".to_owned(), words.collect());
            }
            (Form::OpenCode, "environment", _) => drop(plain.insert("env".to_owned(), value.clone())),
            // Which it is tell `command` and `url`; a remote one of this client speaks Streamable HTTP.
            (Form::OpenCode, "type", _) => {}
            (Form::Codex, "http_headers", Value::Object(headers)) => extend(&mut plain, "headers", headers.clone()),
            (Form::Codex, "env_http_headers", Value::Object(headers)) => {
                let named = headers.iter().filter_map(|(name, value)| Some((name.clone(), variable(value.as_str()?))));
                extend(&mut plain, "headers", named);
            }
            (Form::Codex, "bearer_token_env_var", Value::String(name)) => {
                let value = format!("Bearer ${{{name}}}");
                extend(&mut plain, "headers", [("Authorization".to_owned(), value.into())]);
            }
            (Form::Codex, "env_vars", Value::Array(names)) => {
                let named = names.iter().filter_map(|name| Some((name.as_str()?.to_owned(), variable(name.as_str()?))));
                extend(&mut plain, "env", named);
            }
            (Form::Codex, "env", Value::Object(env)) => extend(&mut plain, "env", env.clone()),
            (_, "httpUrl", _) => {
                plain.insert("url".to_owned(), value.clone());
                plain.insert("type".to_owned(), "http".into());
            }
            (_, "serverUrl", _) => drop(plain.insert("url".to_owned(), value.clone())),
            (_, "transport", _) => drop(plain.insert("type".to_owned(), value.clone())),
            _ if SHARED.contains(&key.as_str()) => drop(plain.insert(key.clone(), value.clone())),
            _ => left_out.push(key.clone()),
        }
    }
    if form == Form::Gemini && plain.contains_key("url") && !plain.contains_key("type") {
        plain.insert("type".to_owned(), "sse".into());
    }
    plain.values_mut().for_each(|value| variables(form, value));
    (plain, left_out)
}

/// Adds to an object, which is made when it is not there.
fn extend(plain: &mut Map<String, Value>, key: &str, items: impl IntoIterator<Item = (String, Value)>) {
    let mut map = match plain.remove(key) {
        Some(Value::Object(map)) => map,
        _ => Map::new(),
    };
    map.extend(items);
    plain.insert(key.to_owned(), Value::Object(map));
}

fn variable(name: &str) -> Value {
    format!("${{{name}}}").into()
}

/// Writes the references of a client as `${NAME}`, in all texts of a value.
fn variables(form: Form, value: &mut Value) {
    match value {
        Value::String(text) => *text = with_variables(form, text),
        Value::Array(items) => items.iter_mut().for_each(|item| variables(form, item)),
        Value::Object(map) => map.values_mut().for_each(|item| variables(form, item)),
        _ => {}
    }
}

/// Reads `${env:NAME}`, `${input:some-id}`, OpenCode's `{env:NAME}` and Gemini's `$NAME`; what is none of them stays as it is.
fn with_variables(form: Form, text: &str) -> String {
    let starts: &[&str] = match form {
        Form::OpenCode => &["{env:"],
        Form::Gemini => &["$"],
        _ => &["${env:", "${input:"],
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, start)) = starts.iter().filter_map(|start| Some((rest.find(start)?, *start))).min() {
        let after = &rest[at + start.len()..];
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || (start == "${input:" && c == '-');
        let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
        let (word, tail) = after.split_at(end);
        let tail = if form == Form::Gemini { Some(tail) } else { tail.strip_prefix('}') };
        match tail {
            Some(tail) if !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()) => {
                let name =
                    if start == "${input:" { word.to_ascii_uppercase().replace('-', "_") } else { word.to_owned() };
                out.push_str(&format!("{}${{{name}}}", &rest[..at]));
                rest = tail;
            }
            _ => {
                out.push_str(&rest[..at + start.len()]);
                rest = after;
            }
        }
    }
    out + rest
}
