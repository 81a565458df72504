use serde_json::json;

use super::*;
use crate::model::{ArtifactName, Kind, TreePath};

const BASE: &str = "${CLAUDE_PROJECT_DIR}/.claude/hooks/guard";

fn name() -> ArtifactName {
    ArtifactName::parse(Kind::Hook, "guard").expect("a name")
}

fn files() -> Vec<TreePath> {
    ["hooks.json", "check.sh", "check.sh.md", "lib/a.py", "my script.sh"]
        .iter()
        .map(|f| f.parse().expect("a path"))
        .collect()
}

fn command(text: &str) -> Value {
    json!({"hooks": {"PreToolUse": [{"matcher": "Edit", "hooks": [{"type": "command", "command": text, "timeout": 5}]}]}})
}

fn moved(text: &str) -> String {
    let new = relocate(&command(text), &name(), &files(), BASE);
    new["hooks"]["PreToolUse"][0]["hooks"][0]["command"].as_str().expect("a command").to_owned()
}

#[test]
fn both_forms_of_a_place_mean_the_file() {
    let rows = [
        ("\"${CLAUDE_PLUGIN_ROOT}/hooks/guard/check.sh\" x", format!("\"{BASE}/check.sh\" x")),
        ("\"${CLAUDE_PLUGIN_ROOT}/hooks/check.sh\"", format!("\"{BASE}/check.sh\"")),
        ("\"$CLAUDE_PLUGIN_ROOT/hooks/check.sh.md\"", format!("\"{BASE}/check.sh.md\"")),
        ("\"${CLAUDE_PLUGIN_ROOT}\"/hooks/check.sh", format!("\"{BASE}\"/check.sh")),
        // A project's path may have spaces, so a bare place gets quotes.
        ("${CLAUDE_PLUGIN_ROOT}/hooks/check.sh -v", format!("\"{BASE}\"/check.sh -v")),
        ("sh -c '${CLAUDE_PLUGIN_ROOT}/hooks/check.sh \"a\"'", format!("sh -c ''\"{BASE}\"'/check.sh \"a\"'")),
        ("python3 ${CLAUDE_PLUGIN_ROOT}/hooks/lib/a.py", format!("python3 \"{BASE}\"/lib/a.py")),
        ("\"${CLAUDE_PLUGIN_ROOT}/hooks/my script.sh\"", format!("\"{BASE}/my script.sh\"")),
        ("PYTHONPATH=\"${CLAUDE_PLUGIN_ROOT}/hooks/lib\" x", format!("PYTHONPATH=\"{BASE}/lib\" x")),
        ("cd \"${CLAUDE_PLUGIN_ROOT}/hooks/guard\" && ./check.sh", format!("cd \"{BASE}\" && ./check.sh")),
    ];
    for (text, expected) in rows {
        assert_eq!(moved(text), expected);
    }
    for other in [
        "${CLAUDE_PLUGIN_ROOT}/hooks/check.sh2",
        "${CLAUDE_PLUGIN_ROOT}/hooks/other/check.sh",
        "${CLAUDE_PLUGIN_ROOT}/hooks/guard/../../x",
        "${CLAUDE_PLUGIN_ROOT}/hooks",
        "$CLAUDE_PLUGIN_ROOTS/hooks/check.sh",
        "./hooks/check.sh",
        "echo é${CLAUDE_PLUGIN_ROOT}",
    ] {
        assert_eq!(moved(other), other);
    }
}

#[test]
fn an_argument_is_no_shell_text_and_gets_no_quotes() {
    let handler = json!({"type": "command", "command": "${CLAUDE_PLUGIN_ROOT}/hooks/check.sh", "args": ["${CLAUDE_PLUGIN_ROOT}/hooks/lib/a.py", 1]});
    let new = relocate(&handler, &name(), &files(), BASE);
    assert_eq!(new["command"], format!("{BASE}/check.sh"));
    assert_eq!(new["args"], json!([format!("{BASE}/lib/a.py"), 1]));
    // Text elsewhere is not a place.
    let prompt = json!({"type": "prompt", "prompt": "${CLAUDE_PLUGIN_ROOT}/hooks/check.sh"});
    assert_eq!(relocate(&prompt, &name(), &files(), BASE), prompt);
}

#[test]
fn in_a_bundle_every_form_becomes_the_long_one_without_quotes() {
    let base = "${CLAUDE_PLUGIN_ROOT}/hooks/guard";
    let new = relocate(&command("${CLAUDE_PLUGIN_ROOT}/hooks/check.sh"), &name(), &files(), base);
    assert_eq!(new, command("${CLAUDE_PLUGIN_ROOT}/hooks/guard/check.sh"));
    assert_eq!(relocate(&new, &name(), &files(), base), new);
}

#[test]
fn an_untouched_deployment_gives_back_the_same_bytes() {
    let spellings = [
        "${CLAUDE_PLUGIN_ROOT}/hooks/check.sh",
        "\\\"${CLAUDE_PLUGIN_ROOT}\\\"/hooks/guard/check.sh",
        "$CLAUDE_PLUGIN_ROOT/hooks/guard/check.sh; ${CLAUDE_PLUGIN_ROOT}/bin/x",
    ];
    for spelling in spellings {
        let old = format!(
            "{{ \"hooks\": {{ \"Stop\": [ {{ \"hooks\": [ {{\"type\":\"command\", \"command\":\"{spelling}\"}} ] }} ] }} }}"
        );
        let hooks = Hooks::parse(old.as_bytes()).expect("hooks");
        let deployed = relocate(&hooks.value()["hooks"], &name(), &files(), BASE);
        assert!(deployed.to_string().contains(".claude/hooks/guard"));
        let back = updated(old.as_bytes(), &deployed, &name(), &files(), BASE).expect("hooks");
        assert_eq!(String::from_utf8(back).expect("UTF-8"), old);
    }
}

#[test]
fn an_edit_comes_back_in_the_spelling_of_the_artifact() {
    let old = "{\n  \"hooks\": {\n    \"Stop\": [\n      {\"hooks\": [{\"type\": \"command\", \"command\": \"${CLAUDE_PLUGIN_ROOT}/hooks/check.sh\"}]}\n    ]\n  },\n  \"description\": \"d\"\n}\n";
    let hooks = Hooks::parse(old.as_bytes()).expect("hooks");
    let mut deployed = relocate(&hooks.value()["hooks"], &name(), &files(), BASE);
    deployed["Stop"][0]["hooks"][0]["command"] = format!("\"{BASE}\"/check.sh --strict").into();
    let back = updated(old.as_bytes(), &deployed, &name(), &files(), BASE).expect("hooks");
    let expected =
        old.replace("${CLAUDE_PLUGIN_ROOT}/hooks/check.sh", "\\\"${CLAUDE_PLUGIN_ROOT}\\\"/hooks/check.sh --strict");
    assert_eq!(String::from_utf8(back.clone()).expect("UTF-8"), expected);
    let again = relocate(Hooks::parse(&back).expect("hooks").value(), &name(), &files(), BASE);
    assert_eq!(again["hooks"], deployed, "what came back deploys as what was edited");
    assert!(matches!(
        updated(old.as_bytes(), &json!({"Stop": 1}), &name(), &files(), BASE),
        Err(HooksError::Shape { .. })
    ));
}

#[test]
fn places_outside_the_artifact_are_listed() {
    let text = "${CLAUDE_PLUGIN_ROOT}/bin/x; \"${CLAUDE_PLUGIN_ROOT}/hooks/check.sh\" && cd $CLAUDE_PLUGIN_ROOT | ${CLAUDE_PLUGIN_ROOT}/hooks/guard/gone.sh";
    let found = unresolved(&command(text), &name(), &files());
    assert_eq!(
        found,
        ["$CLAUDE_PLUGIN_ROOT", "${CLAUDE_PLUGIN_ROOT}/bin/x", "${CLAUDE_PLUGIN_ROOT}/hooks/guard/gone.sh"]
    );
}

#[test]
fn every_handler_is_shown() {
    let value = json!({"description": "d", "hooks": {
        "Stop": [{"matcher": "*", "hooks": [{"type": "command", "command": "a; b", "args": ["c d"]}]}],
        "Future": [{"matcher": "Edit|Write", "hooks": [{"type": "http", "url": "https://x"}, {"type": "prompt", "prompt": "p"}]}]}});
    let hooks = Hooks::from_value(value).expect("hooks");
    assert_eq!(hooks.unknown_events(), ["Future"]);
    let shown: Vec<_> = hooks.commands().into_iter().map(|c| (c.event, c.matcher, c.kind, c.words)).collect();
    let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let matcher = Some("Edit|Write".to_owned());
    assert_eq!(
        shown,
        [
            ("Future".to_owned(), matcher.clone(), "http".to_owned(), own(&["https://x"])),
            ("Future".to_owned(), matcher, "prompt".to_owned(), own(&["p"])),
            ("Stop".to_owned(), None, "command".to_owned(), own(&["a; b", "c d"])),
        ]
    );
}

#[test]
fn wrong_shapes_are_refused() {
    let place = |text: &str| match Hooks::parse(text.as_bytes()) {
        Err(HooksError::Shape { place, .. }) => place,
        other => panic!("{other:?}"),
    };
    assert_eq!(place("{}"), "hooks");
    assert_eq!(place(r#"{"hooks": []}"#), "hooks");
    assert_eq!(place(r#"{"hooks": {"Stop": {}}}"#), "hooks.Stop");
    assert_eq!(place(r#"{"hooks": {"Stop": [1]}}"#), "hooks.Stop[0]");
    assert_eq!(place(r#"{"hooks": {"Stop": [{}]}}"#), "hooks.Stop[0].hooks");
    assert_eq!(place(r#"{"hooks": {"Stop": [{"matcher": 1, "hooks": []}]}}"#), "hooks.Stop[0].matcher");
    assert_eq!(place(r#"{"hooks": {"Stop": [{"hooks": [{}]}]}}"#), "hooks.Stop[0].hooks[0].type");
    assert_eq!(place(r#"{"hooks": {"Stop": [{"hooks": [{"type": "command"}]}]}}"#), "hooks.Stop[0].hooks[0].command");
    assert_eq!(place(r#"{"hooks": {}, "description": 1}"#), "description");
    assert!(matches!(Hooks::parse(b"x"), Err(HooksError::Json(_))));
    assert!(matches!(Hooks::parse(&vec![b' '; MAX_HOOKS_JSON_BYTES + 1]), Err(HooksError::TooLarge { .. })));
}
