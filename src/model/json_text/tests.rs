use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn entry() -> Value {
    json!({"type": "stdio", "command": "npx", "args": ["-y", "a@1.0.0"]})
}

/// Puts an entry in, compares with the golden text, takes it out and compares with the start.
fn golden(before: &str, path: &[&str], after: &str) {
    let (out, created) = insert(before.as_bytes(), path, Slot::Key("new"), &entry()).expect("inserted");
    assert_eq!(text(&out), after);
    let again = insert(&out, path, Slot::Key("new"), &entry()).expect("same entry");
    assert_eq!(again, (out.clone(), Created::default()), "an equal entry changes nothing");
    let (back, left) = remove(&out, path, Pick::Key("new"), &created).expect("removed");
    assert_eq!(text(&back), before);
    assert!(left.is_nothing(), "{left:?}");
}

#[test]
fn missing_and_blank_files_become_a_skeleton() {
    let body = "{\n  \"mcpServers\": {\n    \"new\": {\n      \"type\": \"stdio\",\n      \"command\": \"npx\",\n      \
                \"args\": [\n        \"-y\",\n        \"a@1.0.0\"\n      ]\n    }\n  }\n}\n";
    golden("", &["mcpServers"], body);
    golden("\n  \n", &["mcpServers"], body);
    golden("\u{feff}", &["mcpServers"], &format!("\u{feff}{body}"));
    golden("{}", &["mcpServers"], body.trim_end());
    golden("{ }\n", &["mcpServers"], body);
    golden("{\n}", &["mcpServers"], body.trim_end());
}

#[test]
fn files_on_one_line_stay_on_one_line() {
    golden(
        r#"{"a":1}"#,
        &["mcpServers"],
        r#"{"a":1,"mcpServers":{"new":{"type":"stdio","command":"npx","args":["-y","a@1.0.0"]}}}"#,
    );
    golden(
        "{\"mcpServers\": {\"a\": {\"command\": \"x\"}}}\n",
        &["mcpServers"],
        "{\"mcpServers\": {\"a\": {\"command\": \"x\"}, \"new\": {\"type\": \"stdio\", \"command\": \"npx\", \
         \"args\": [\"-y\", \"a@1.0.0\"]}}}\n",
    );
    golden(
        r#"{"mcpServers":{ }}"#,
        &["mcpServers"],
        r#"{"mcpServers":{"new":{"type":"stdio","command":"npx","args":["-y","a@1.0.0"]}}}"#,
    );
}

#[test]
fn comments_tabs_windows_lines_and_trailing_commas_stay() {
    golden(
        "// top\r\n{\r\n\t\"mcpServers\": { // servers\r\n\t\t\"a\": {}, // first\r\n\t\t/* kept */\r\n\t},\r\n\t\"z\": 1 /* end */\r\n}",
        &["mcpServers"],
        "// top\r\n{\r\n\t\"mcpServers\": { // servers\r\n\t\t\"a\": {}, // first\r\n\t\t\"new\": {\r\n\t\t\t\"type\": \"stdio\",\r\n\
         \t\t\t\"command\": \"npx\",\r\n\t\t\t\"args\": [\r\n\t\t\t\t\"-y\",\r\n\t\t\t\t\"a@1.0.0\"\r\n\t\t\t]\r\n\t\t},\r\n\t\t/* kept */\r\n\
         \t},\r\n\t\"z\": 1 /* end */\r\n}",
    );
    golden(
        "{\n    \"a\": 1 // note\n    // tail\n}\n",
        &[],
        "{\n    \"a\": 1, // note\n    \"new\": {\n        \"type\": \"stdio\",\n        \"command\": \"npx\",\n        \
         \"args\": [\n            \"-y\",\n            \"a@1.0.0\"\n        ]\n    }\n    // tail\n}\n",
    );
    golden(
        "{ \"a\": 1 } // strict JSON has no comments\n",
        &[],
        "{ \"a\": 1, \"new\": {\"type\": \"stdio\", \"command\": \"npx\", \"args\": [\"-y\", \"a@1.0.0\"]} } \
         // strict JSON has no comments\n",
    );
    golden(
        "{\n  \"mcpServers\": {\n    // none yet\n  }\n}\n",
        &["mcpServers"],
        "{\n  \"mcpServers\": {\n    // none yet\n    \"new\": {\n      \"type\": \"stdio\",\n      \"command\": \"npx\",\n      \
         \"args\": [\n        \"-y\",\n        \"a@1.0.0\"\n      ]\n    }\n  }\n}\n",
    );
}

#[test]
fn a_half_emoji_elsewhere_does_not_stop_an_edit() {
    let before = "{\n  \"history\": [\"\\ud83d\", \"\\\\ud83d\", \"\\ud83d\\ude00\"],\n  \"mcpServers\": {}\n}\n";
    let (out, created) = insert(before.as_bytes(), &["mcpServers"], Slot::Key("new"), &json!(1)).expect("inserted");
    assert_eq!(text(&out), before.replace("{}", "{\n    \"new\": 1\n  }"));
    let (back, _) = remove(&out, &["mcpServers"], Pick::Key("new"), &created).expect("removed");
    assert_eq!(text(&back), before);
}

#[test]
fn replacing_touches_only_the_value() {
    let before = "{\n  \"s\": {\n    \"a\": {\"x\": 1}, // mine\n    \"b\": 2,\n  },\n}";
    let (out, created) = insert(before.as_bytes(), &["s"], Slot::Key("a"), &json!({"x": 2})).expect("replaced");
    assert_eq!(text(&out), before.replace("{\"x\": 1}", "{\n      \"x\": 2\n    }"));
    assert!(created.is_nothing());
}

#[test]
fn what_was_made_for_an_entry_goes_with_the_last_one_that_needs_it() {
    let before = "{\n  \"model\": \"opus\"\n}\n";
    let path = ["hooks", "Stop"];
    let (one, first) = insert(before.as_bytes(), &path, Slot::Append, &json!({"a": 1})).expect("first");
    let (two, second) = insert(&one, &["hooks", "Setup"], Slot::Append, &json!({"b": 1})).expect("second");
    let (rest, left) = remove(&two, &path, Pick::Element(&json!({"a": 1})), &first).expect("first gone");
    assert!(!text(&rest).contains("Stop") && text(&rest).contains("Setup"));
    let second = second.taking_over(left);
    let (back, left) = remove(&rest, &["hooks", "Setup"], Pick::Element(&json!({"b": 1})), &second).expect("gone");
    assert_eq!(text(&back), before);
    assert!(left.is_nothing());
}

#[test]
fn objects_of_others_are_not_pruned() {
    let before = "{\"mcpServers\": {\"new\": 1}}";
    let (out, _) = remove(before.as_bytes(), &["mcpServers"], Pick::Key("new"), &Created::default()).expect("removed");
    assert_eq!(text(&out), "{\"mcpServers\": {}}");
    // A record that claims more than stands in the file takes away no neighbour.
    let record = json!({"levels": 9, "blank": "\"evil\": 1", "file": "evil"});
    let record: Created = serde_json::from_value(record).expect("a record");
    let (out, _) = remove(b"{\"a\":{\"b\":1},\"c\":2}", &["a"], Pick::Key("b"), &record).expect("removed");
    assert_eq!(text(&out), "{\"c\":2}");
    let (out, _) = remove(b"{\"a\":{\"b\":1}}", &["a"], Pick::Key("b"), &record).expect("removed");
    assert!(!text(&out).contains("evil"));
}

#[test]
fn removal_leaves_the_neighbours_right_wherever_the_entry_stands() {
    let cases = [
        ("{\"new\": 1}", "{}"),
        ("{\"new\": 1, \"b\": 2}", "{\"b\": 2}"),
        ("{\"a\": 1, \"new\": 2, \"b\": 3}", "{\"a\": 1, \"b\": 3}"),
        ("{\"a\": 1, \"new\": 2,}", "{\"a\": 1,}"),
        ("{\n  \"new\": 1, // mine\n  \"b\": 2\n}", "{ // mine\n  \"b\": 2\n}"),
        ("{ // c\n  \"new\": 1 }", "{ // c\n }"),
        ("{ // c\r\n  \"new\": 1, \"b\": 2 }", "{ // c\r\n  \"b\": 2 }"),
        ("{ // c\r  \"new\": 1 /* d */ }", "{ // c\r /* d */ }"),
        ("{\"a\": 1 // c\n, \"new\": 2}", "{\"a\": 1 // c\n}"),
        ("{\"a\": 1, \"new\": 2 /* c */, \"b\": 3}", "{\"a\": 1 /* c */, \"b\": 3}"),
    ];
    for (before, after) in cases {
        let (out, _) = remove(before.as_bytes(), &[], Pick::Key("new"), &Created::default()).expect(before);
        let out = text(&out);
        assert_eq!(parse_value(out.as_bytes()), parse_value(after.as_bytes()), "{before}");
        assert!(
            out == after || before.contains("// c\r ") || before.contains("// c\n,") || before.contains("/* c */,"),
            "{out}"
        );
        for comment in ["// mine", "// c", "/* c */", "/* d */"] {
            assert_eq!(before.contains(comment), out.contains(comment), "{before}");
        }
    }
}

#[test]
fn hostile_texts_are_refused() {
    let set = |text: &[u8]| insert(text, &["mcpServers"], Slot::Key("new"), &json!(1)).map(|_| ());
    assert_eq!(set(b"[]"), Err(JsonTextError::RootNotObject));
    assert_eq!(set(b"null"), Err(JsonTextError::RootNotObject));
    assert_eq!(set(b"// only a comment\n"), Err(JsonTextError::RootNotObject));
    assert!(matches!(set(b"{\"a\": 1"), Err(JsonTextError::Syntax { .. })));
    assert!(matches!(set(b"{'a': 1}"), Err(JsonTextError::Syntax { .. })));
    assert!(matches!(set(b"{a: 1}"), Err(JsonTextError::Syntax { .. })));
    assert!(matches!(set(b"{\"a\": 1 \"b\": 2}"), Err(JsonTextError::Syntax { .. })));
    assert!(matches!(set(b"{} {}"), Err(JsonTextError::Syntax { .. })));
    assert!(matches!(set(b"mcpServers = 1"), Err(JsonTextError::Syntax { line: 1, column: 1, .. })));
    assert_eq!(set(b"{\"a\": \"\xff\"}"), Err(JsonTextError::NotUtf8 { offset: 7 }));
    let wrong = Err(JsonTextError::WrongType { path: vec!["mcpServers".to_owned()], expected: "an object" });
    assert_eq!(set(b"{\"mcpServers\": null}"), wrong);
    assert_eq!(set(b"{\"mcpServers\": []}"), wrong);
    let twice = |path: &[&str]| Err(JsonTextError::Duplicate { path: path.iter().map(|p| (*p).to_owned()).collect() });
    assert_eq!(set(b"{\"mcpServers\": {}, \"mcp\\u0053ervers\": {}}"), twice(&["mcpServers"]));
    assert_eq!(set(b"{\"mcpServers\": {\"new\": 1, \"new\": 2}}"), twice(&["mcpServers", "new"]));
    assert_eq!(set(b"{\"mcpServers\": {\"other\": 1, \"other\": 2}}"), Ok(()), "not ours to judge");
    let size_bytes = MAX_JSON_TEXT_BYTES + 1;
    assert_eq!(set(&vec![b' '; size_bytes]), Err(JsonTextError::TooLarge { size_bytes }));
    for bomb in ["[", "{\"a\":"] {
        let deep = format!("{{\"deep\": {}", bomb.repeat(100_000));
        assert!(matches!(set(deep.as_bytes()), Err(JsonTextError::Syntax { .. })));
    }
}

#[test]
fn errors_do_not_carry_escape_sequences() {
    let error = remove(b"{}", &["\u{1b}[2J"], Pick::Key("x"), &Created::default()).expect_err("missing");
    assert!(!error.to_string().contains('\u{1b}'));
}

#[test]
fn rewriting_keeps_what_does_not_change() {
    let before =
        b"{\n  \"name\": \"x\", // n\n  \"list\": [1, 2, 3],\n  \"in\": { \"b\": 1, \"a\": [ { \"k\": 1 } ] }\n}\n";
    let same = |new: Value| String::from_utf8(rewrite(before, &new).expect("rewritten")).expect("UTF-8");
    let old = parse_value(before).expect("JSON");
    assert_eq!(same(old.clone()).as_bytes(), before);
    let mut new = old.clone();
    new["in"]["a"][0]["k"] = json!(2);
    new["list"] = json!([1, 2, 3, 4]);
    let expected = text(before).replace("\"k\": 1", "\"k\": 2").replace("3]", "3, 4]");
    assert_eq!(same(new), expected);
    assert_eq!(same(json!({"other": true})), "{ // n\n  \"other\": true\n}\n", "comments are the user's");
}

/// A JSON value with names and strings that look like syntax.
fn any_value() -> impl Strategy<Value = Value> {
    let word =
        prop::sample::select(vec!["a", "b", "mcpServers", "hooks", "//", "/*", "\u{feff}", "x,y", "}", "\"", "é\n"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        word.clone().prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Prints a value with white space, comments and trailing commas taken from `noise`.
fn noisy(value: &Value, noise: &mut impl Iterator<Item = u8>, newline: &str, out: &mut String) {
    let mut blank = |out: &mut String| match noise.next().unwrap_or(0) % 9 {
        0 | 1 => {}
        2 => out.push(' '),
        3 => out.push('\t'),
        4 => out.push_str(newline),
        5 => out.push_str(&format!("{newline}  ")),
        6 => out.push_str("/* , } */"),
        7 => out.push_str(&format!(" // \" {{{newline}")),
        _ => out.push_str("  "),
    };
    blank(out);
    let items: Vec<(Option<&String>, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, value)| (Some(key), value)).collect(),
        Value::Array(items) => items.iter().map(|item| (None, item)).collect(),
        scalar => {
            out.push_str(&scalar.to_string());
            return blank(out);
        }
    };
    out.push(if value.is_object() { '{' } else { '[' });
    let trailing = !items.is_empty() && noise.next().unwrap_or(0).is_multiple_of(3);
    for (index, (key, item)) in items.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        if let Some(key) = key {
            let mut blank_key = |out: &mut String| noisy(&Value::from(key.as_str()), noise, newline, out);
            blank_key(out);
            out.push(':');
        }
        noisy(item, noise, newline, out);
    }
    out.push_str(if trailing { "," } else { "" });
    if noise.next().unwrap_or(0).is_multiple_of(4) {
        out.push_str(newline);
    }
    out.push(if value.is_object() { '}' } else { ']' });
}

fn any_text() -> impl Strategy<Value = (String, Value)> {
    let object = prop::collection::btree_map("[a-c]|mcpServers|hooks", any_value(), 0..4);
    let noise = prop::collection::vec(any::<u8>(), 0..120);
    let newline = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    (object, noise, newline, any::<bool>()).prop_map(|(map, noise, newline, mark)| {
        let value = Value::Object(map.into_iter().collect());
        let mut out = String::from(if mark { "\u{feff}" } else { "" });
        noisy(&value, &mut noise.into_iter(), newline, &mut out);
        (out, value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_noisy_text_is_read((text, value) in any_text()) {
        prop_assert_eq!(parse_value(text.as_bytes()), Ok(value));
    }

    #[test]
    fn putting_in_and_taking_out_gives_the_same_bytes(
        (text, value) in any_text(),
        path in prop::sample::select(vec![vec![], vec!["mcpServers"], vec!["hooks"], vec!["a", "b"]]),
        item in any_value(),
        append in any::<bool>(),
    ) {
        let slot = if append { Slot::Append } else { Slot::Key("new") };
        let pick = if append { Pick::Element(&item) } else { Pick::Key("new") };
        match insert(text.as_bytes(), &path, slot, &item) {
            Err(error) => {
                let refused = matches!(error, JsonTextError::WrongType { .. });
                prop_assert!(refused, "{}", error);
            }
            Ok((out, created)) => {
                let (back, left) = remove(&out, &path, pick, &created).expect("what was put in can be taken out");
                prop_assert_eq!(std::str::from_utf8(&back).expect("UTF-8"), text.as_str());
                prop_assert!(left.is_nothing());
                let mut now = parse_value(&out).expect("JSON");
                prop_assert_ne!(&now, &value);
                if created.is_nothing() && !append && path.is_empty() {
                    now.as_object_mut().expect("object").remove("new");
                    prop_assert_eq!(now, value);
                }
            }
        }
    }

    #[test]
    fn any_text_can_be_rewritten_to_any_object((text, _) in any_text(), (_, new) in any_text()) {
        let out = rewrite(text.as_bytes(), &new).expect("rewritten");
        prop_assert_eq!(parse_value(&out), Ok(new));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[\\[\\]{}:,\"\\\\/*a0 \n\r\u{feff}ud8]{0,40}") {
        let _ = insert(text.as_bytes(), &["a"], Slot::Key("b"), &json!(1));
        let _ = remove(text.as_bytes(), &["a"], Pick::Key("b"), &Created::default());
    }
}
