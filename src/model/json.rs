//! JSON written the same way every time.
//!
//! Keys stand in an order that people expect (`command` before `args`) and then by their bytes, so the bytes
//! depend on the value only and not on how a map was built.

use serde_json::{Map, Value};

/// Keys that come first, in this order, in any object; the rest follow in byte order.
const FIRST: [&str; 24] = [
    "$schema",
    "matcher",
    "type",
    "name",
    "title",
    "registryType",
    "identifier",
    "description",
    "version",
    "author",
    "repository",
    "homepage",
    "license",
    "keywords",
    "runtimeHint",
    "transport",
    "url",
    "command",
    "args",
    "env",
    "cwd",
    "headers",
    "value",
    "hooks",
];

/// White space around a value that is written over several lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout<'a> {
    /// One step of indentation.
    pub unit: &'a str,
    /// Indentation of the line that the value starts on.
    pub base: &'a str,
    /// End of line.
    pub newline: &'a str,
}

/// White space after `:` and `,` in a value written on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spacing {
    /// `{"a":1,"b":2}`.
    Tight,
    /// `{"a": 1, "b": 2}`.
    Loose,
}

/// Returns the whole text of a file: two spaces a step, `\n`, final newline.
pub(crate) fn document(value: &Value) -> Vec<u8> {
    let mut text = multi_line(value, Layout { unit: "  ", base: "", newline: "\n" });
    text.push('\n');
    text.into_bytes()
}

/// Returns the value over several lines; the first line is not indented.
pub(crate) fn multi_line(value: &Value, layout: Layout<'_>) -> String {
    let mut out = String::new();
    write_lines(&mut out, value, layout, 0);
    out
}

/// Returns the value on one line.
pub(crate) fn one_line(value: &Value, spacing: Spacing) -> String {
    let (colon, comma) = match spacing {
        Spacing::Tight => (":", ","),
        Spacing::Loose => (": ", ", "),
    };
    match value {
        Value::Object(map) => {
            let items = ordered(map).into_iter().map(|(k, v)| format!("{}{colon}{}", quoted(k), one_line(v, spacing)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(comma))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| one_line(item, spacing)).collect();
            format!("[{}]", items.join(comma))
        }
        scalar => scalar.to_string(),
    }
}

/// Returns `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn ordered(map: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut items: Vec<_> = map.iter().map(|(key, value)| (key.as_str(), value)).collect();
    items.sort_by_key(|(key, _)| (rank(key), *key));
    items
}

fn write_lines(out: &mut String, value: &Value, layout: Layout<'_>, depth: usize) {
    let line = |out: &mut String, depth: usize| {
        out.push_str(layout.newline);
        out.push_str(layout.base);
        out.push_str(&layout.unit.repeat(depth));
    };
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('{');
            for (index, (key, value)) in ordered(map).into_iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                line(out, depth + 1);
                out.push_str(&quoted(key));
                out.push_str(": ");
                write_lines(out, value, layout, depth + 1);
            }
            line(out, depth);
            out.push('}');
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                line(out, depth + 1);
                write_lines(out, item, layout, depth + 1);
            }
            line(out, depth);
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn order_does_not_depend_on_how_the_map_was_built() {
        let value = json!({"zeta": 1, "env": {}, "args": ["a", 1], "command": "x\u{1b}", "alpha": []});
        let text = String::from_utf8(document(&value)).expect("UTF-8");
        let expected = "{\n  \"command\": \"x\\u001b\",\n  \"args\": [\n    \"a\",\n    1\n  ],\n  \"env\": {},\n  \
                        \"alpha\": [],\n  \"zeta\": 1\n}\n";
        assert_eq!(text, expected);
        assert_eq!(one_line(&json!({"b": 1, "a": [1, 2]}), Spacing::Tight), r#"{"a":[1,2],"b":1}"#);
        assert_eq!(one_line(&json!({"b": 1, "a": [1, 2]}), Spacing::Loose), r#"{"a": [1, 2], "b": 1}"#);
    }
}
