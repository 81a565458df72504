//! Reading TOML of the plain form that this program writes, many times faster than all of TOML.
//!
//! Each command reads both files of a collection, and with ten thousand artifacts a whole parser would take longer than all
//! else. Text of any other form is left to the parser: the answer is the parser's table or none, which a test holds it to.

use toml::{Table, Value};

/// Start and end of the line of an artifact's table.
const HEADER: (&str, &str) = ("[artifacts.\"", "\"]");

/// Returns the table that a whole TOML parser would return, or `None` for text that is not in the plain form: lines that are
/// empty, a comment, `[artifacts."…"]`, or a bare key with a number, a text without escapes, or a list of those in one line.
pub(super) fn parse(text: &str) -> Option<Table> {
    let (mut root, mut artifacts) = (Table::new(), Table::new());
    let mut entry: Option<(&str, Table)> = None;
    for line in text.split('\n') {
        if line.is_empty() || (line.starts_with('#') && is_plain(line)) {
            continue;
        }
        if let Some(name) = line.strip_prefix(HEADER.0).and_then(|line| line.strip_suffix(HEADER.1)) {
            finish(&mut artifacts, entry.take())?;
            entry = Some((Some(name).filter(|name| is_text(name))?, Table::new()));
            continue;
        }
        let (key, value) = line.split_once(" = ")?;
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        let table = entry.as_mut().map_or(&mut root, |(_, table)| table);
        if table.insert(key.to_owned(), value_of(value)?).is_some() {
            return None;
        }
    }
    let any = entry.is_some();
    finish(&mut artifacts, entry)?;
    if any && root.insert("artifacts".to_owned(), Value::Table(artifacts)).is_some() {
        return None;
    }
    Some(root)
}

/// Puts a table in its place, which no other may have.
fn finish(artifacts: &mut Table, entry: Option<(&str, Table)>) -> Option<()> {
    let Some((name, table)) = entry else { return Some(()) };
    artifacts.insert(name.to_owned(), Value::Table(table)).is_none().then_some(())
}

fn value_of(text: &str) -> Option<Value> {
    if let Some(items) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return items.split(", ").map(string).collect::<Option<_>>().map(Value::Array);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() < 10 && (text == "0" || !text.starts_with('0')) {
        return text.parse().ok().map(Value::Integer);
    }
    string(text)
}

fn string(text: &str) -> Option<Value> {
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    is_text(text).then(|| Value::String(text.to_owned()))
}

/// Says whether a text stands for itself between quotes.
fn is_text(text: &str) -> bool {
    is_plain(text) && !text.bytes().any(|byte| matches!(byte, b'"' | b'\\'))
}

/// Says whether a text has no character that TOML forbids, nor any that must be escaped.
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' || byte == 0x7f)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of the plain form and of others, so that many texts are nearly plain.
    fn line() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            Just("a".to_owned()),
            Just("é\u{202e}".to_owned()),
            Just("a\\nb".to_owned()),
            Just("\u{1}".to_owned()),
            Just("\"".to_owned()),
            Just("#".to_owned()),
            Just("a, b".to_owned()),
            "[ -~]{0,4}"
        ];
        let key = prop_oneof![Just("a".to_owned()), Just("artifacts".to_owned()), "[a-cA\\-_.\"]{0,3}"];
        prop_oneof![
            4 => (key, text.clone()).prop_map(|(key, text)| format!("{key} = \"{text}\"")),
            2 => text.clone().prop_map(|text| format!("[artifacts.\"{text}\"]")),
            1 => text.clone().prop_map(|text| format!("# {text}")),
            1 => (text.clone(), text).prop_map(|(a, b)| format!("b = [\"{a}\", \"{b}\"]")),
            1 => "c = [0-9a-f_+. ]{0,3}",
            1 => "[ -~\\t\\r]{0,6}",
            1 => Just(String::new()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_read_is_what_a_whole_parser_reads(lines in prop::collection::vec(line(), 0..6)) {
            let text = lines.join("\n");
            if let Some(table) = parse(&text) {
                prop_assert_eq!(Ok(table), toml::from_str::<Table>(&text).map_err(|error| error.to_string()));
            }
        }
    }

    #[test]
    fn what_this_program_writes_is_plain() {
        let text = "# mine\nformat = 1\nname = \"a\"\n\n[artifacts.\"skill/x\"]\nupstream = \"https://h/r\"\ntags = [\"a\", \"b\"]\n";
        let table = parse(text).expect("plain");
        assert_eq!(Ok(table), toml::from_str(text));
        for other in [
            "a = 'x'\n",
            "a = 1 # why\n",
            "a=1\n",
            "a = \"\"\"x\"\"\"\n",
            "a = [\"b\",]\n",
            "[artifacts.\"\\u0041\"]\n",
        ] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
