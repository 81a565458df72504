//! Reading TOML of the plain form that this program writes, many times faster than all of TOML.
//!
//! Each command reads both files of a collection, and with ten thousand artifacts a whole parser would take longer than all
//! else. Text of any other form is left to the parser: the answer is the parser's or none, which a test holds it to.

use std::collections::HashSet;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Tables of which each has a name of its own.
const GROUPS: [&str; 2] = ["artifacts", "releases"];

/// A value, as it stands in the text.
#[derive(Debug)]
pub(super) enum Plain<'a> {
    Number(i64),
    Text(&'a str),
    List(Vec<&'a str>),
    Table(Vec<(&'a str, Plain<'a>)>),
}

impl Plain<'_> {
    /// Says whether `format` is this.
    pub(super) fn is_of_format(&self, format: u32) -> bool {
        let is_it = |(key, value): &(&str, Plain)| {
            *key == "format" && matches!(value, Plain::Number(number) if *number == i64::from(format))
        };
        matches!(self, Plain::Table(items) if items.iter().any(is_it))
    }
}

/// Returns the table that a whole TOML parser would return, or `None` for text that is not in the plain form: lines that are
/// empty, a comment, `[artifacts."…"]`, `[releases."…"]`, or a bare key with a number, a text without escapes, or a list of those
/// in one line.
pub(super) fn parse(text: &str) -> Option<Plain<'_>> {
    let (mut root, mut groups, mut names) = (Vec::new(), [Vec::new(), Vec::new()], HashSet::new());
    let mut entry: Option<(usize, &str, Vec<_>)> = None;
    let mut end = |entry: Option<(usize, _, _)>| {
        entry.into_iter().for_each(|(group, name, table)| groups[group].push((name, Plain::Table(table))));
    };
    for line in text.split('\n') {
        if line.is_empty() || (line.starts_with('#') && is_plain(line)) {
            continue;
        }
        if let Some((group, name)) = header(line) {
            if !is_text(name) || !names.insert((group, name)) {
                return None;
            }
            end(entry.replace((group, name, Vec::new())));
            continue;
        }
        let (key, value) = line.split_once(" = ")?;
        let table = entry.as_mut().map_or(&mut root, |(_, _, table)| table);
        let is_new = table.iter().all(|(known, _)| *known != key);
        if !is_new || key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_lowercase()) {
            return None;
        }
        table.push((key, value_of(value)?));
    }
    end(entry);
    for (group, tables) in GROUPS.into_iter().zip(groups).filter(|(_, tables)| !tables.is_empty()) {
        if root.iter().any(|(key, _)| *key == group) {
            return None;
        }
        root.push((group, Plain::Table(tables)));
    }
    Some(Plain::Table(root))
}

/// Returns the group and the name in the line of a table.
fn header(line: &str) -> Option<(usize, &str)> {
    let inner = line.strip_prefix('[')?.strip_suffix("\"]")?;
    GROUPS.iter().enumerate().find_map(|(at, group)| Some((at, inner.strip_prefix(group)?.strip_prefix(".\"")?)))
}

fn value_of(text: &str) -> Option<Plain<'_>> {
    if let Some(items) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return items.split(", ").map(string).collect::<Option<_>>().map(Plain::List);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() < 10 && (text == "0" || !text.starts_with('0')) {
        return text.parse().ok().map(Plain::Number);
    }
    string(text).map(Plain::Text)
}

fn string(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"').filter(|text| is_text(text))
}

/// Says whether a text stands for itself between quotes.
fn is_text(text: &str) -> bool {
    is_plain(text) && !text.bytes().any(|byte| matches!(byte, b'"' | b'\\'))
}

/// Says whether a text has no character that TOML forbids, nor any that must be escaped.
fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < b' ' || byte == 0x7f)
}

impl<'de> IntoDeserializer<'de, Error> for Plain<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Plain<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Plain::Number(number) => visitor.visit_i64(number),
            Plain::Text(text) => visitor.visit_borrowed_str(text),
            Plain::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter().map(Plain::Text))),
            Plain::Table(items) => visitor.visit_map(MapDeserializer::new(items.into_iter())),
        }
    }

    /// TOML has no null: what is there is some.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize as _;
    use toml::Table;

    use super::*;

    fn table(text: &str) -> Option<Table> {
        parse(text).map(|plain| Table::deserialize(plain).expect("a table"))
    }

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
        let key = prop_oneof![
            Just("a".to_owned()),
            Just("artifacts".to_owned()),
            Just("releases".to_owned()),
            "[a-cA\\-_.\"]{0,3}"
        ];
        prop_oneof![
            4 => (key, text.clone()).prop_map(|(key, text)| format!("{key} = \"{text}\"")),
            2 => text.clone().prop_map(|text| format!("[artifacts.\"{text}\"]")),
            1 => text.clone().prop_map(|text| format!("[releases.\"{text}\"]")),
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
            if let Some(table) = table(&text) {
                prop_assert_eq!(Ok(table), toml::from_str::<Table>(&text).map_err(|error| error.to_string()));
            }
        }
    }

    #[test]
    fn what_this_program_writes_is_plain() {
        let text = "# mine\nformat = 1\nname = \"a\"\n\n[artifacts.\"skill/x\"]\nupstream = \"https://h/r\"\ntags = [\"a\", \"b\"]\n";
        assert_eq!(Ok(table(text).expect("plain")), toml::from_str(text));
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
