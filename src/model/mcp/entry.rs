//! A server's entry as Claude Code's `.mcp.json` and most other clients write it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::launch::Extra;
use super::{Launch, McpError, RemoteTransport, Template};

/// Most arguments, variables or headers of one entry.
const MAX_ITEMS: usize = 1_000;

impl Launch {
    /// Reads an entry: `command`, `args`, `env`, `cwd`, or `type`, `url`, `headers`; other members are extras.
    ///
    /// A missing `type` means `stdio` beside `command` and Streamable HTTP beside `url`.
    ///
    /// # Errors
    /// [`McpError::Entry`] for a member of the wrong type, [`McpError::Transport`].
    pub fn from_client_entry(entry: &Value) -> Result<Self, McpError> {
        let wrong = |member: &str, rule| McpError::Entry { member: member.to_owned(), rule };
        let map = entry.as_object().ok_or_else(|| wrong("entry", "must be an object"))?;
        let text = |key: &str| match map.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(wrong(key, "must be a string")),
        };
        let (kind, command, url) = (text("type")?, text("command")?, text("url")?);
        let extra = |known: &[&str]| -> Extra {
            map.iter().filter(|(key, _)| !known.contains(&key.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect()
        };
        match (command, url) {
            (Some(command), None) => {
                if let Some(other) = kind.filter(|kind| *kind != "stdio") {
                    return Err(McpError::Transport(other.chars().take(40).collect()));
                }
                if command.is_empty() {
                    return Err(wrong("command", "must not be empty"));
                }
                Ok(Launch::Stdio {
                    command: Template::parse(command),
                    args: strings(map, "args")?,
                    env: members(map, "env")?,
                    cwd: text("cwd")?.map(Template::parse),
                    extra: extra(&["type", "command", "args", "env", "cwd"]),
                })
            }
            (None, Some(url)) => Ok(Launch::Remote {
                transport: RemoteTransport::from_word(kind.unwrap_or("http"))?,
                url: Template::parse(url),
                headers: members(map, "headers")?,
                extra: extra(&["type", "url", "headers"]),
            }),
            (Some(_), Some(_)) => Err(wrong("url", "must not stand beside 'command'")),
            (None, None) => Err(wrong("command", "is missing, and so is 'url'")),
        }
    }

    /// Returns the entry, with `type` always and empty members never written; `http` is the word for Streamable HTTP.
    pub fn to_client_entry(&self) -> Value {
        let mut map = Map::new();
        let object = |items: &BTreeMap<String, Template>| {
            Value::Object(items.iter().map(|(name, value)| (name.clone(), value.to_string().into())).collect())
        };
        let extra = match self {
            Launch::Stdio { command, args, env, cwd, extra } => {
                map.insert("type".to_owned(), "stdio".into());
                map.insert("command".to_owned(), command.to_string().into());
                if !args.is_empty() {
                    map.insert("args".to_owned(), args.iter().map(Template::to_string).collect());
                }
                if !env.is_empty() {
                    map.insert("env".to_owned(), object(env));
                }
                if let Some(cwd) = cwd {
                    map.insert("cwd".to_owned(), cwd.to_string().into());
                }
                extra
            }
            Launch::Remote { transport, url, headers, extra } => {
                let kind = if *transport == RemoteTransport::Sse { "sse" } else { "http" };
                map.insert("type".to_owned(), kind.into());
                map.insert("url".to_owned(), url.to_string().into());
                if !headers.is_empty() {
                    map.insert("headers".to_owned(), object(headers));
                }
                extra
            }
        };
        for (name, value) in extra {
            // What the launch says itself cannot be overruled from the side.
            map.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Value::Object(map)
    }
}

fn strings(map: &Map<String, Value>, key: &str) -> Result<Vec<Template>, McpError> {
    let wrong = |rule| McpError::Entry { member: key.to_owned(), rule };
    let Some(value) = map.get(key) else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or_else(|| wrong("must be an array of strings"))?;
    if items.len() > MAX_ITEMS {
        return Err(wrong("has too many members"));
    }
    let text = |item: &Value| item.as_str().map(Template::parse).ok_or_else(|| wrong("must be an array of strings"));
    items.iter().map(text).collect()
}

fn members(map: &Map<String, Value>, key: &str) -> Result<BTreeMap<String, Template>, McpError> {
    let wrong = |rule| McpError::Entry { member: key.to_owned(), rule };
    let Some(value) = map.get(key) else { return Ok(BTreeMap::new()) };
    let items = value.as_object().ok_or_else(|| wrong("must be an object of strings"))?;
    if items.len() > MAX_ITEMS {
        return Err(wrong("has too many members"));
    }
    let text = |(name, value): (&String, &Value)| {
        let value = value.as_str().ok_or_else(|| wrong("must be an object of strings"))?;
        Ok((name.clone(), Template::parse(value)))
    };
    items.iter().map(text).collect()
}
