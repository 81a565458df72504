use serde_json::json;

use super::*;

/// The shape of a real `~/.claude.json`: two spaces, no final newline, state of the client around the servers.
const USER: &str = include_str!("golden/claude.json");
/// The shape of a real `.claude/settings.json`.
const SETTINGS: &str = include_str!("golden/settings.json");

fn entry() -> Value {
    json!({"type": "stdio", "command": "npx", "args": ["-y", "b@1.0.0"], "env": {"KEY": "${KEY}"}})
}

fn group() -> Value {
    let command = "\"${CLAUDE_PROJECT_DIR}/.claude/hooks/guard/check.sh\"";
    json!({"matcher": "Edit|Write", "hooks": [{"type": "command", "command": command, "timeout": 30}]})
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_server_goes_into_the_users_file_and_out_again() {
    let edited = set_entry(USER.as_bytes(), &["mcpServers"], "new", &entry()).expect("edited");
    assert_eq!(text(&edited.text), include_str!("golden/claude.after.json"));
    assert_eq!(get_entry(&edited.text, &["mcpServers"], "new"), Ok(Some(entry())));
    let back = remove_entry(&edited.text, &["mcpServers"], "new", &edited.created).expect("removed");
    assert_eq!(text(&back.text), USER);
    // A key with the characters of a path is one step of the pointer, not several.
    let local = ["projects", "/home/me/a.b", "mcpServers"];
    let edited = set_entry(USER.as_bytes(), &local, "new", &entry()).expect("edited");
    assert_eq!(get_entry(&edited.text, &local, "new"), Ok(Some(entry())));
    assert_eq!(get_entry(&edited.text, &["mcpServers"], "new"), Ok(None));
}

#[test]
fn hooks_go_into_the_settings_and_out_again() {
    let added = append_group(SETTINGS.as_bytes(), &["hooks"], "PreToolUse", &group()).expect("added");
    let more = append_group(&added.text, &["hooks"], "Stop", &group()).expect("added");
    assert_eq!(text(&more.text), include_str!("golden/settings.after.json"));
    assert_eq!(groups(&more.text, &["hooks"], "PreToolUse").map(|all| all.len()), Ok(2));
    let less = remove_group(&more.text, &["hooks"], "PreToolUse", &group(), &added.created).expect("removed");
    let back = remove_group(&less.text, &["hooks"], "Stop", &group(), &more.created).expect("removed");
    assert_eq!(text(&back.text), SETTINGS);
}

#[test]
fn a_group_that_was_there_before_stays() {
    let before = "{\"hooks\": {\"Stop\": [{\"a\": 1}, {\"b\": 2}]}}";
    let added = append_group(before.as_bytes(), &["hooks"], "Stop", &json!({"a": 1})).expect("added");
    let back = remove_group(&added.text, &["hooks"], "Stop", &json!({"a": 1}), &added.created).expect("removed");
    assert_eq!(text(&back.text), before);
}

#[test]
fn a_missing_file_is_made_and_unmade() {
    let edited = append_group(b"", &["hooks"], "Stop", &json!({"hooks": []})).expect("added");
    assert_eq!(
        text(&edited.text),
        "{\n  \"hooks\": {\n    \"Stop\": [\n      {\n        \"hooks\": []\n      }\n    ]\n  }\n}\n"
    );
    assert!(edited.created.is_whole_file());
    let record = serde_json::to_string(&edited.created).expect("a record");
    let created = serde_json::from_str(&record).expect("the same record");
    let back = remove_group(&edited.text, &["hooks"], "Stop", &json!({"hooks": []}), &created).expect("removed");
    assert_eq!((text(&back.text), back.created), ("", Created::default()));
    assert_eq!(groups(b"", &["hooks"], "Stop"), Ok(Vec::new()));
    assert_eq!(get_entry(b"", &["mcpServers"], "a"), Ok(None));
}

#[test]
fn names_that_are_no_names_are_refused() {
    for bad in ["", "__proto__", "constructor", "prototype", "a.b", "a/b", "a b", "é", "a\u{1b}", &"a".repeat(65)] {
        let refused = Err(EditError::Name(bad.to_owned()));
        assert_eq!(set_entry(b"{}", &["mcpServers"], bad, &entry()), refused);
        assert_eq!(remove_entry(b"{}", &["mcpServers"], bad, &Created::default()), refused);
        assert_eq!(append_group(b"{}", &["hooks"], bad, &entry()), refused);
        let shown = EditError::Name(bad.to_owned()).to_string();
        assert!(!shown.contains('\u{1b}'));
    }
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    let missing =
        |result: Result<Edited, EditError>| matches!(result, Err(EditError::Text(JsonTextError::Missing { .. })));
    assert!(missing(remove_entry(b"", &["mcpServers"], "a", &Created::default())));
    assert!(missing(remove_entry(b"{}", &["mcpServers"], "a", &Created::default())));
    assert!(missing(remove_entry(b"{\"mcpServers\": {}}", &["mcpServers"], "a", &Created::default())));
    let stop = b"{\"hooks\": {\"Stop\": [1]}}";
    assert!(missing(remove_group(stop, &["hooks"], "Stop", &json!(2), &Created::default())));
    assert!(groups(b"{\"hooks\": {\"Stop\": {}}}", &["hooks"], "Stop").is_err());
}
