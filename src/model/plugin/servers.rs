//! The servers of a bundle in the two forms.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::AGENT_MCP_SCHEMA;
use crate::model::json::document;
use crate::model::mcp::{Launch, Part, Template, is_header};

/// Variables of a plugin's folders, by the names that the two formats give them.
const FOLDERS: [(&str, &str); 2] = [("CLAUDE_PLUGIN_ROOT", "PLUGIN_ROOT"), ("CLAUDE_PLUGIN_DATA", "PLUGIN_DATA")];

/// Something that Agent Plugins 1.0.0 cannot say and that was left out of `mcp.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Omitted {
    /// Name of the server.
    pub server: String,
    /// Variable or header left out; `None` when the whole server is.
    pub member: Option<String>,
    /// Why.
    pub reason: &'static str,
}

/// Returns `.mcp.json`: what Claude Code reads, with `${VAR}` for variables; `None` without servers.
pub fn claude_mcp_json(servers: &BTreeMap<String, Launch>) -> Option<Vec<u8>> {
    let entries: Map<String, Value> = servers.iter().map(|(n, launch)| (n.clone(), launch.to_client_entry())).collect();
    (!entries.is_empty()).then(|| document(&json!({"mcpServers": entries})))
}

/// Returns `mcp.json` of Agent Plugins 1.0.0, `None` when no server can be said in it, and what was left out.
///
/// That format expands nothing but the plugin's own folders, and no secret may stand in it. So a variable or
/// header that refers to the environment is left out, because it would arrive as the text `${NAME}`; a server
/// that cannot start without an expansion is left out whole.
pub fn agent_mcp_json(servers: &BTreeMap<String, Launch>) -> (Option<Vec<u8>>, Vec<Omitted>) {
    let mut omitted = Vec::new();
    let mut entries = Map::new();
    for (name, launch) in servers {
        let mut leave = |member: Option<&str>, reason| {
            omitted.push(Omitted { server: name.clone(), member: member.map(str::to_owned), reason });
        };
        match entry(launch, &mut leave) {
            Ok(entry) => drop(entries.insert(name.clone(), entry)),
            Err(reason) => leave(None, reason),
        }
    }
    let file = document(&json!({"$schema": AGENT_MCP_SCHEMA, "mcpServers": entries}));
    ((!entries.is_empty()).then_some(file), omitted)
}

type Leave<'a> = &'a mut dyn FnMut(Option<&str>, &'static str);

fn entry(launch: &Launch, leave: Leave<'_>) -> Result<Value, &'static str> {
    match launch {
        Launch::Stdio { command, args, env, cwd, extra: _ } => {
            let mut out = json!({"type": "stdio", "command": program(command)?});
            let args: Option<Vec<String>> = args.iter().map(expanded).collect();
            let args = args.ok_or("an argument refers to the environment")?;
            if !args.is_empty() {
                out["args"] = args.into();
            }
            let mut kept = Map::new();
            for (name, value) in env {
                match expanded(value) {
                    _ if FOLDERS.iter().any(|(_, own)| own.eq_ignore_ascii_case(name)) => {
                        leave(Some(name), "the client sets this variable itself");
                    }
                    Some(text) => drop(kept.insert(name.clone(), text.into())),
                    None => leave(Some(name), "refers to the environment"),
                }
            }
            if !kept.is_empty() {
                out["env"] = kept.into();
            }
            if let Some(cwd) = cwd {
                out["cwd"] = folder(cwd)?.into();
            }
            Ok(out)
        }
        Launch::Remote { transport, url, headers, extra: _ } => {
            let url = url.literal().filter(|url| is_portable_url(url)).ok_or("the address is not portable")?;
            let mut out = json!({"type": transport.word(), "url": url});
            let mut kept: Map<String, Value> = Map::new();
            for (name, value) in headers {
                let text = value.literal().filter(|text| is_header(name, text));
                let twice = kept.keys().any(|other| other.eq_ignore_ascii_case(name));
                match text {
                    Some(text) if !twice => drop(kept.insert(name.clone(), text.into())),
                    Some(_) => leave(Some(name), "the name occurs twice"),
                    None => leave(Some(name), "refers to the environment, or is no header"),
                }
            }
            if !kept.is_empty() {
                out["headers"] = kept.into();
            }
            Ok(out)
        }
    }
}

/// Returns the text with the plugin's folders under their portable names; `None` when it refers to anything else.
///
/// Text that only looks like a reference to those folders would be expanded, so it counts as one.
fn expanded(template: &Template) -> Option<String> {
    let part = |part: &Part| match part {
        Part::Text(text) => Some(text.clone()),
        Part::Variable { name, default: None } => {
            let own = FOLDERS.iter().find(|(claude, own)| claude == name || own == name)?.1;
            Some(format!("${{{own}}}"))
        }
        Part::Variable { .. } => None,
    };
    template.parts().iter().map(part).collect()
}

/// Returns a bare name or `./path`: `command` is never expanded.
fn program(command: &Template) -> Result<String, &'static str> {
    let text = expanded(command).ok_or("the program refers to the environment")?;
    let own = text.strip_prefix("${PLUGIN_ROOT}/").map(|path| format!("./{path}"));
    let text = own.unwrap_or(text);
    let inside = text.strip_prefix("./").is_some_and(|path| path.split('/').all(is_step));
    let bare = !text.contains(['/', '\\', '$']) && !text.is_empty() && text != "." && text != "..";
    if inside || bare { Ok(text) } else { Err("the program is neither a name nor a file of the plugin") }
}

/// Returns a working folder in the plugin's folders.
fn folder(cwd: &Template) -> Result<String, &'static str> {
    let wrong = "the working folder is outside the plugin";
    let text = expanded(cwd).ok_or(wrong)?;
    let below = ["./", "${PLUGIN_ROOT}/", "${PLUGIN_DATA}/"].iter().find_map(|root| text.strip_prefix(root));
    let whole = ["./", "${PLUGIN_ROOT}", "${PLUGIN_DATA}"].contains(&text.as_str());
    let inside = below.is_some_and(|path| path.trim_end_matches('/').split('/').all(is_step));
    if whole || inside { Ok(text) } else { Err(wrong) }
}

fn is_step(step: &str) -> bool {
    !step.is_empty() && step != ".." && !step.contains('\\') && !step.contains("${")
}

/// Returns whether this is an absolute `https` address, or `http` to this machine, without user and fragment.
fn is_portable_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, _)) => host,
        None => authority.split(':').next().unwrap_or_default(),
    };
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let clean =
        !authority.contains('@') && !url.contains(|c: char| c == '#' || c == '\\' || c.is_control() || c == ' ');
    let scheme = scheme.to_ascii_lowercase();
    clean && !host.is_empty() && (scheme == "https" || (scheme == "http" && local))
}
