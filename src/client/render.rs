//! Entries and hooks in the form of a target.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CommandForm, EntryShape, McpTarget, Places, Target};
use crate::model::hooks::{Hooks, relocate};
use crate::model::mcp::{Launch, Template, is_entry_name};
use crate::model::{ArtifactName, TreePath};

/// Why a server has no entry at a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The name is no name, or one that the client keeps for itself.
    #[error("'{}' cannot be the name of a server at this client", .0.escape_debug())]
    Name(String),
    /// The client does not know the transport.
    #[error("the client does not know servers of type '{0}'")]
    Transport(&'static str),
    /// The client cannot refer to a variable, and a secret is never written as a value.
    #[error("the client cannot refer to a variable in '{0}'")]
    Variable(String),
}

/// An entry, and what of the launch it does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The entry.
    pub entry: Value,
    /// Members that the client does not have and that were left out.
    pub left_out: Vec<String>,
}

/// Returns the entry of a server for a target.
///
/// For Claude Code this is `type`, `command`, `args`, `env` with `${VAR}`, or `type`, `url`, `headers`; what
/// [`Launch::from_client_entry`] reads from it is the launch again, unless something was left out.
///
/// # Errors
/// [`RenderError`]; nothing is written with a part missing that the server cannot start without.
pub fn rendered_entry(target: &McpTarget, name: &str, launch: &Launch) -> Result<Rendered, RenderError> {
    if !is_entry_name(name) || target.reserved.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(RenderError::Name(name.chars().take(80).collect()));
    }
    let shape = &target.shape;
    let mut map = Map::new();
    let mut left_out = Vec::new();
    let transport = match launch {
        Launch::Stdio { .. } => "stdio",
        Launch::Remote { transport, .. } => transport.word(),
    };
    let kind = shape.types.get(transport).ok_or(RenderError::Transport(transport))?;
    if let Some(key) = &shape.type_key {
        map.insert(key.clone(), kind.as_str().into());
    }
    let extra = match launch {
        Launch::Stdio { command, args, env, cwd, extra } => {
            program(&mut map, shape, command, args)?;
            members(&mut map, shape, &shape.env_key, env)?;
            match (&shape.cwd_key, cwd) {
                (Some(key), Some(cwd)) => drop(map.insert(key.clone(), text(shape, key, cwd)?.into())),
                (None, Some(_)) => left_out.push("cwd".to_owned()),
                (_, None) => {}
            }
            extra
        }
        Launch::Remote { url, headers, extra, .. } => {
            let key = shape.url_keys.get(transport).ok_or(RenderError::Transport(transport))?;
            map.insert(key.clone(), text(shape, key, url)?.into());
            match &shape.headers_key {
                Some(key) => members(&mut map, shape, key, headers)?,
                None if headers.is_empty() => {}
                None => left_out.push("headers".to_owned()),
            }
            extra
        }
    };
    for (name, value) in extra {
        if shape.extras.contains(name) && !map.contains_key(name) {
            map.insert(name.clone(), value.clone());
        } else {
            left_out.push(name.clone());
        }
    }
    Ok(Rendered { entry: Value::Object(map), left_out })
}

fn text(shape: &EntryShape, place: &str, template: &Template) -> Result<String, RenderError> {
    shape
        .text(template)
        .ok_or_else(|| RenderError::Variable(place.chars().take(80).flat_map(char::escape_debug).collect()))
}

fn program(
    map: &mut Map<String, Value>,
    shape: &EntryShape,
    command: &Template,
    args: &[Template],
) -> Result<(), RenderError> {
    let command = text(shape, "command", command)?;
    let args = args.iter().map(|arg| text(shape, "args", arg)).collect::<Result<Vec<_>, _>>()?;
    match shape.command_form {
        CommandForm::List => {
            let all: Vec<String> = std::iter::once(command).chain(args).collect();
            map.insert("command".to_owned(), all.into());
        }
        CommandForm::Split => {
            map.insert("command".to_owned(), command.into());
            if !args.is_empty() {
                map.insert("args".to_owned(), args.into());
            }
        }
    }
    Ok(())
}

fn members(
    map: &mut Map<String, Value>,
    shape: &EntryShape,
    key: &str,
    items: &BTreeMap<String, Template>,
) -> Result<(), RenderError> {
    let item = |(name, value): (&String, &Template)| Ok((name.clone(), Value::from(text(shape, name, value)?)));
    let out: Map<String, Value> = items.iter().map(item).collect::<Result<_, _>>()?;
    if !out.is_empty() {
        map.insert(key.to_owned(), Value::Object(out));
    }
    Ok(())
}

/// Returns the groups of hooks to add to a target's file, by event in byte order.
///
/// `files` are the artifact's files relative to its folder; commands name them where the target keeps scripts.
/// `None` when the target has no hooks or no place on this machine.
pub fn rendered_hooks(
    target: &Target,
    places: &Places,
    name: &ArtifactName,
    hooks: &Hooks,
    files: &[TreePath],
) -> Option<Vec<(String, Value)>> {
    let base = target.script_base(name.as_str(), places)?;
    let group = |(event, group): (&str, &Value)| (event.to_owned(), relocate(group, name, files, &base));
    Some(hooks.groups().map(group).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Base, Os};
    use crate::model::Kind;
    use serde_json::json;

    fn claude() -> &'static Target {
        Target::find(&"claude-code".parse().expect("a target")).expect("in the table")
    }

    fn render(entry: &Value) -> Result<Rendered, RenderError> {
        let launch = Launch::from_client_entry(entry).expect("an entry");
        rendered_entry(claude().mcp().expect("servers"), "x", &launch)
    }

    #[test]
    fn an_entry_of_claude_code_renders_as_itself() {
        for entry in [
            json!({"type": "stdio", "command": "npx", "args": ["-y", "b@1.0.0"], "env": {"KEY": "${KEY}", "L": "${L:-}"}}),
            json!({"type": "stdio", "command": "${HOME}/x", "timeout": 5}),
            json!({"type": "http", "url": "https://${H}/", "headers": {"Authorization": "Bearer ${T:-x}"}, "oauth": {}}),
            json!({"type": "sse", "url": "https://x"}),
        ] {
            assert_eq!(render(&entry), Ok(Rendered { entry, left_out: Vec::new() }));
        }
    }

    #[test]
    fn what_the_client_lacks_is_said() {
        let rendered = render(&json!({"command": "x", "cwd": "/y", "disabled": true})).expect("an entry");
        assert_eq!(rendered.entry, json!({"type": "stdio", "command": "x"}));
        assert_eq!(rendered.left_out, ["cwd", "disabled"]);
    }

    #[test]
    fn names_of_the_client_are_not_taken() {
        let launch = Launch::from_client_entry(&json!({"command": "x"})).expect("an entry");
        for name in ["workspace", "Workspace", "__proto__", "a b", ""] {
            let refused = rendered_entry(claude().mcp().expect("servers"), name, &launch);
            assert_eq!(refused, Err(RenderError::Name(name.to_owned())));
        }
    }

    #[test]
    fn another_client_is_another_row() {
        let shape: EntryShape = toml::from_str(
            "type-key = 'type'\ntypes = { stdio = 'local', streamable-http = 'remote' }\ncommand-form = 'list'\n\
             env-key = 'environment'\ncwd-key = 'cwd'\nurl-keys = { streamable-http = 'url' }\nvariable = '{env:%}'",
        )
        .expect("a shape");
        let mut target = claude().mcp().expect("servers").clone();
        target.shape = shape;
        let render = |entry: Value| rendered_entry(&target, "x", &Launch::from_client_entry(&entry).expect("an entry"));
        let rendered =
            render(json!({"command": "x", "args": ["a"], "env": {"K": "${K}"}, "cwd": "/y"})).expect("an entry");
        let expected = json!({"type": "local", "command": ["x", "a"], "environment": {"K": "{env:K}"}, "cwd": "/y"});
        assert_eq!(rendered.entry, expected);
        assert_eq!(render(json!({"type": "sse", "url": "https://x"})), Err(RenderError::Transport("sse")));
        assert_eq!(
            render(json!({"command": "x", "env": {"K": "${K:-d}"}})),
            Err(RenderError::Variable("K".to_owned()))
        );
        let remote = render(json!({"type": "http", "url": "https://x", "headers": {"A": "b"}})).expect("an entry");
        assert_eq!(remote.left_out, ["headers"]);
    }

    #[test]
    fn hooks_name_their_scripts_where_the_target_keeps_them() {
        let hooks = r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "\"${CLAUDE_PLUGIN_ROOT}/hooks/a.sh\""}]}]}}"#;
        let hooks = Hooks::parse(hooks.as_bytes()).expect("hooks");
        let name = ArtifactName::parse(Kind::Hook, "guard").expect("a name");
        let files = ["a.sh".parse().expect("a path")];
        let places = |home: &str| Places {
            os: Os::Linux,
            bases: [(Base::Home, home.into()), (Base::Project, "/p".into())].into(),
            overrides: BTreeMap::new(),
        };
        let command = |id: &str, home: &str| {
            let target = Target::find(&id.parse().expect("a target")).expect("in the table");
            let groups = rendered_hooks(target, &places(home), &name, &hooks, &files).expect("hooks");
            groups[0].1["hooks"][0]["command"].as_str().expect("a command").to_owned()
        };
        assert_eq!(command("claude-code", "/h"), "\"${CLAUDE_PROJECT_DIR}/.claude/hooks/guard/a.sh\"");
        assert_eq!(command("claude-code:user", "/h"), "\"/h/.claude/hooks/guard/a.sh\"");
    }
}
