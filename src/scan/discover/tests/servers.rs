//! Servers in the configuration of clients.

use super::*;

#[test]
fn mcp_servers_are_found_one_by_one() {
    let tree = Memory::new(&[
        (".mcp.json", r#"{"mcpServers": {"Git_Hub": {"command": "gh", "args": ["mcp"]}, "db": {"url": "https://x"}}}"#),
        ("plugin.json", r#"{"$schema": "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json", "name": "kit"}"#),
        ("mcp.json", r#"{"mcpServers": {"db": {"type": "stdio", "command": "db"}}}"#),
        ("plugins/p/plugin.json", r#"{"name": "p"}"#),
        ("plugins/p/.mcp.json", r#"{"bare": {"command": "x"}}"#),
        ("plugins/q/plugin.json", "{}"),
        ("plugins/q/.mcp.json", r#"{"servers": 1}"#),
    ]);
    let discovery = find(&tree);
    let expected = ["mcp/bare plugins/p/.mcp.json", "mcp/db .mcp.json", "mcp/db mcp.json", "mcp/git-hub .mcp.json"];
    assert_eq!(found(&discovery), expected);
    let renamed = &discovery.found[3];
    assert_eq!(renamed.renamed_from.as_deref(), Some("Git_Hub"));
    let entry = serde_json::json!({"command": "gh", "args": ["mcp"]});
    assert_eq!(renamed.files, FoundFiles::McpEntry { server: "Git_Hub".to_owned(), entry });
    assert_eq!(discovery.clashes.len(), 1);
}

#[test]
fn servers_of_all_clients_are_found_in_one_form() {
    let mut tree = Memory::default();
    tree.put(
        ".cursor/mcp.json",
        r#"{"mcpServers": {"cursor": {"command": "a", "env": {"K": "${env:KEY}"}, "autoApprove": ["x"]}}}"#,
    );
    tree.put(".vscode/mcp.json", "{\"servers\": {\"code\": {\"type\": \"http\", \"url\": \"https://h\", // why\n\"headers\": {\"A\": \"Bearer ${input:api-key}\"}}}}");
    tree.put(".gemini/settings.json", r#"{"mcpServers": {"one": {"httpUrl": "https://h"}, "two": {"url": "https://h", "headers": {"A": "$TOKEN"}, "trust": true}}}"#);
    tree.put(".codex/config.toml", "model = 'x'\n[mcp_servers.codex]\ncommand = 'a'\nenv_vars = ['TOKEN']\nenabled = true\n[mcp_servers.far]\nurl = 'https://h'\nbearer_token_env_var = 'T'\n");
    tree.put(
        "opencode.json",
        r#"{"mcp": {"open": {"type": "local", "command": ["npx", "-y", "p"], "environment": {"K": "{env:KEY}"}}}}"#,
    );
    tree.put(".amp/settings.json", r#"{"amp.mcpServers": {"amp": {"command": "a"}}}"#);
    let discovery = find(&tree);
    let entry = |name: &str| {
        let found = discovery.found.iter().find(|found| found.artifact.name.as_str() == name).expect(name);
        match &found.files {
            FoundFiles::McpEntry { entry, .. } => entry.clone(),
            other => panic!("{other:?}"),
        }
    };
    use serde_json::json;
    assert_eq!(entry("cursor"), json!({"command": "a", "env": {"K": "${KEY}"}}));
    assert_eq!(entry("code"), json!({"type": "http", "url": "https://h", "headers": {"A": "Bearer ${API_KEY}"}}));
    assert_eq!(entry("one"), json!({"type": "http", "url": "https://h"}));
    assert_eq!(entry("two"), json!({"type": "sse", "url": "https://h", "headers": {"A": "${TOKEN}"}}));
    assert_eq!(entry("codex"), json!({"command": "a", "env": {"TOKEN": "${TOKEN}"}}));
    assert_eq!(entry("far"), json!({"url": "https://h", "headers": {"Authorization": "Bearer ${T}"}}));
    assert_eq!(entry("open"), json!({"command": "npx", "args": ["-y", "p"], "env": {"K": "${KEY}"}}));
    assert_eq!(entry("amp"), json!({"command": "a"}));
    // What a client may do unasked is told and not taken.
    let notes: Vec<_> =
        discovery.notes.iter().filter(|note| note.id == "client-setting").map(|note| &note.message).collect();
    assert!(
        notes.iter().any(|note| note.contains("autoApprove")) && notes.iter().any(|note| note.contains("trust")),
        "{notes:?}"
    );
    // One of the files may be named itself, as updates do.
    let start = ".codex/config.toml".parse().expect("a path");
    let alone = discover(&tree, Some(&start), "x", Limits::default()).expect("found");
    assert_eq!(alone.found.len(), 2);
}

#[test]
fn a_client_configuration_that_is_none_is_a_note() {
    let mut tree = Memory::default();
    tree.put(".cursor/mcp.json", &"[".repeat(200_000));
    tree.put(".codex/config.toml", "= broken");
    tree.put(".vscode/mcp.json", r#"{"servers": {"a": {"command": "x"}, "a": {"command": "y"}}}"#);
    tree.put(".gemini/settings.json", r#"{"mcpServers": [1]}"#);
    let discovery = find(&tree);
    assert!(discovery.found.is_empty(), "{:?}", found(&discovery));
    assert_eq!(discovery.notes.iter().filter(|note| note.id == "manifest").count(), 3, "{:?}", discovery.notes);
}
