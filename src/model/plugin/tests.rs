use serde_json::{Value, json};

use super::*;
use crate::model::Kind;
use crate::model::mcp::Launch;

fn facts() -> PluginFacts {
    PluginFacts {
        name: "review-kit".parse().expect("a name"),
        version: Version::new(1, 4, 0),
        description: "Review \"code\"".to_owned(),
        license: Some("MIT OR Apache-2.0".to_owned()),
        author: Some(("A".to_owned(), Some("a@example.com".to_owned()))),
        keywords: vec!["review".to_owned()],
    }
}

fn read(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON")
}

fn servers(entries: Value) -> BTreeMap<String, Launch> {
    let map = entries.as_object().expect("an object");
    map.iter().map(|(name, entry)| (name.clone(), Launch::from_client_entry(entry).expect("an entry"))).collect()
}

/// Rules of Agent Plugins 1.0.0, section 5.2 to 5.5: a closed object.
fn check_manifest(value: &Value) {
    let known = ["$schema", "name", "version", "description", "author", "license", "keywords"];
    assert!(value.as_object().expect("object").keys().all(|key| known.contains(&key.as_str())));
    assert_eq!(value["$schema"], "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json");
    let author = value["author"].as_object().expect("object");
    assert!(author.iter().all(|(key, value)| ["name", "email", "url"].contains(&key.as_str()) && value.is_string()));
    assert!(value["keywords"].as_array().expect("array").iter().all(Value::is_string));
}

#[test]
fn manifests_are_closed_and_deterministic() {
    let text = "{\n  \"$schema\": \"https://agent-plugins.org/schemas/1.0.0/plugin.schema.json\",\n  \
                \"name\": \"review-kit\",\n  \"description\": \"Review \\\"code\\\"\",\n  \"version\": \"1.4.0\",\n  \
                \"author\": {\n    \"name\": \"A\",\n    \"email\": \"a@example.com\"\n  },\n  \
                \"license\": \"MIT OR Apache-2.0\",\n  \"keywords\": [\n    \"review\"\n  ]\n}\n";
    assert_eq!(String::from_utf8(agent_plugin_json(&facts())).expect("UTF-8"), text);
    check_manifest(&read(&agent_plugin_json(&facts())));
    let claude = read(&claude_plugin_json(&facts()));
    assert_eq!(claude["name"], "review-kit");
    assert!(claude.get("$schema").is_none() && claude.get("hooks").is_none());
    let bare = PluginFacts { description: String::new(), license: None, author: None, keywords: Vec::new(), ..facts() };
    assert_eq!(read(&claude_plugin_json(&bare)), json!({"name": "review-kit", "version": "1.4.0"}));
    let mut reserved = facts();
    assert!(!reserved.is_name_reserved());
    reserved.name = "claude-kit".parse().expect("a name");
    assert!(reserved.is_name_reserved());
}

#[test]
fn generated_paths_are_sorted_and_valid() {
    let mut sorted = GENERATED_PATHS;
    sorted.sort_unstable();
    assert_eq!(sorted, GENERATED_PATHS);
    assert!(GENERATED_PATHS.iter().all(|path| path.parse::<TreePath>().is_ok()));
}

#[test]
fn portable_servers_have_only_the_members_of_their_shape() {
    let all = servers(json!({
        "a": {"command": "npx", "args": ["-y", "b", "${CLAUDE_PLUGIN_ROOT}/x"], "timeout": 5,
              "env": {"KEY": "${KEY}", "MIX": "a-${B:-c}", "LEVEL": "info", "plugin_root": "x", "DATA": "${CLAUDE_PLUGIN_DATA}/d"}},
        "b": {"command": "${CLAUDE_PLUGIN_ROOT}/bin/run", "cwd": "${CLAUDE_PLUGIN_DATA}"},
        "c": {"type": "http", "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer ${T}", "X-A": "1", "x-a": "2"}},
        "d": {"type": "sse", "url": "http://[::1]:8080/"},
    }));
    let (file, omitted) = agent_mcp_json(&all);
    let expected = json!({"$schema": AGENT_MCP_SCHEMA, "mcpServers": {
        "a": {"type": "stdio", "command": "npx", "args": ["-y", "b", "${PLUGIN_ROOT}/x"],
              "env": {"LEVEL": "info", "DATA": "${PLUGIN_DATA}/d"}},
        "b": {"type": "stdio", "command": "./bin/run", "cwd": "${PLUGIN_DATA}"},
        "c": {"type": "streamable-http", "url": "https://example.com/mcp", "headers": {"X-A": "1"}},
        "d": {"type": "sse", "url": "http://[::1]:8080/"},
    }});
    assert_eq!(read(&file.expect("servers")), expected);
    let left: Vec<_> = omitted.iter().map(|o| (o.server.as_str(), o.member.as_deref())).collect();
    let expected = [
        ("a", Some("KEY")),
        ("a", Some("MIX")),
        ("a", Some("plugin_root")),
        ("c", Some("Authorization")),
        ("c", Some("x-a")),
    ];
    assert_eq!(left, expected);
    let claude = read(&claude_mcp_json(&all).expect("servers"));
    assert_eq!(claude["mcpServers"]["a"]["env"]["KEY"], "${KEY}");
    assert_eq!(claude["mcpServers"]["c"]["type"], "http");
}

#[test]
fn servers_that_the_portable_form_cannot_start_are_left_out() {
    for entry in [
        json!({"command": "${HOME}/x"}),
        json!({"command": "/usr/bin/x"}),
        json!({"command": "./../x"}),
        json!({"command": "${CLAUDE_PLUGIN_ROOT}/../x"}),
        json!({"command": "..\\x"}),
        json!({"command": "x", "args": ["${HOME}"]}),
        json!({"command": "x", "cwd": "data"}),
        json!({"command": "x", "cwd": "${CLAUDE_PLUGIN_DATA}/x/../.."}),
        json!({"command": "x", "cwd": "/"}),
        json!({"type": "http", "url": "http://example.com"}),
        json!({"type": "http", "url": "http://localhost.example.com"}),
        json!({"type": "http", "url": "https://user@example.com"}),
        json!({"type": "http", "url": "https://example.com/#x"}),
        json!({"type": "http", "url": "https://${HOST}/"}),
        json!({"type": "http", "url": "file:///x"}),
        json!({"type": "http", "url": "https:///x"}),
    ] {
        let (file, omitted) = agent_mcp_json(&servers(json!({"a": entry.clone()})));
        assert_eq!(file, None, "{entry}");
        assert!(omitted.iter().any(|omitted| omitted.member.is_none()), "{entry}");
    }
    assert_eq!(agent_mcp_json(&BTreeMap::new()), (None, Vec::new()));
    assert_eq!(claude_mcp_json(&BTreeMap::new()), None);
}

#[test]
fn hooks_of_all_artifacts_are_merged_in_order_of_their_names() {
    let hooks = |text: &str| Hooks::parse(text.as_bytes()).expect("hooks");
    let name = |text: &str| ArtifactName::parse(Kind::Hook, text).expect("a name");
    let files: Vec<TreePath> = vec!["hooks.json".parse().expect("a path"), "a.sh".parse().expect("a path")];
    let one = hooks(
        r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "${CLAUDE_PLUGIN_ROOT}/hooks/a.sh"}]}]}}"#,
    );
    let two = hooks(r#"{"hooks": {"Stop": [{"matcher": "x", "hooks": []}], "Setup": [{"hooks": []}]}}"#);
    let (zeta, alpha) = (name("zeta"), name("alpha"));
    let artifacts = [
        HookArtifact { name: &zeta, hooks: &one, files: &files },
        HookArtifact { name: &alpha, hooks: &two, files: &files },
    ];
    let merged = merged_hooks(&artifacts).expect("hooks");
    let expected = json!({"hooks": {"Setup": [{"hooks": []}], "Stop": [
        {"matcher": "x", "hooks": []},
        {"hooks": [{"type": "command", "command": "${CLAUDE_PLUGIN_ROOT}/hooks/zeta/a.sh"}]}]}});
    assert_eq!(read(&merged), expected);
    let reversed: Vec<_> = artifacts.iter().rev().cloned().collect();
    assert_eq!(merged_hooks(&reversed), Some(merged));
    assert_eq!(merged_hooks(&[]), None);
}

#[test]
fn the_notice_names_sources_and_hides_credentials() {
    let attribution = |artifact: &str, upstream: Option<&str>, license: Option<&str>| Attribution {
        artifact: artifact.parse().expect("a reference"),
        upstream: upstream.map(str::to_owned),
        revision: Some("0a1b".to_owned()),
        bundles: Vec::new(),
        license: license.map(str::to_owned),
    };
    let bundles = vec!["new 2.0.0, under MIT".to_owned(), "old 1.0.0\n\nagent/own\n  bundle: forged".to_owned()];
    let text = notice(
        &facts(),
        &[
            Attribution {
                bundles: bundles.clone(),
                ..attribution("skill/pdf", Some("https://me:canary@example.com/x"), Some("MIT\n\u{1b}[2J"))
            },
            attribution("agent/own", None, Some("MIT")),
            attribution("mcp/x", Some("ssh://git@example.com/x"), None),
        ],
    );
    let expected = "review-kit 1.4.0\nLicence of this bundle: MIT OR Apache-2.0\n\nagent/own\n  licence: MIT\n\n\
                    mcp/x\n  source: ssh://git@example.com/x at 0a1b\n  licence: unknown\n\n\
                    skill/pdf\n  bundle: new 2.0.0, under MIT\n  bundle: old 1.0.0\\n\\nagent/own\\n  bundle: forged\n  \
                    source: https://example.com/x at 0a1b\n  licence: MIT\\n\\u{1b}[2J\n";
    let text = String::from_utf8(text).expect("UTF-8");
    assert_eq!(text, expected);
    let came = came_with(&text);
    assert_eq!(came["skill/pdf"], [bundles[0].clone(), bundles[1].replace('\n', "\\n")]);
    assert_eq!(came.len(), 1, "{came:?}");
}
