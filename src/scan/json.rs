//! JSON from outside, read so that every reader sees the same.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Why bytes are not JSON that may be used.
#[derive(Debug, thiserror::Error)]
#[error("this is not JSON that every program reads alike")]
pub struct JsonError(#[source] serde_json::Error);

impl JsonError {
    /// Returns the line at fault, from 1.
    pub fn line(&self) -> Option<u32> {
        u32::try_from(self.0.line()).ok().filter(|line| *line > 0)
    }

    /// Returns what is wrong, in the words of the JSON parser; from outside, so escape it.
    pub fn reason(&self) -> String {
        self.0.to_string()
    }
}

/// Parses JSON; a byte order mark is left out.
///
/// # Errors
/// What RFC 8259 forbids, nesting deeper than 128, and a key that occurs twice in one object: programs differ
/// in which of the two they take, so that a check of one says nothing about the other.
pub fn parse_json(bytes: &[u8]) -> Result<Value, JsonError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    serde_json::from_slice::<Unique>(bytes).map(|unique| unique.0).map_err(JsonError)
}

struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut out = Vec::new();
        while let Some(Unique(value)) = items.next_element()? {
            out.push(value);
        }
        Ok(Value::Array(out))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some((key, Unique(value))) = entries.next_entry::<String, _>()? {
            if out.contains_key(&key) {
                return Err(A::Error::custom("a key occurs twice"));
            }
            out.insert(key, value);
        }
        Ok(Value::Object(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read() {
        let value = parse_json("\u{feff}{\"a\": [1, -2, 1.5, null, true, \"é\"]}".as_bytes()).expect("JSON");
        assert_eq!(value, serde_json::json!({"a": [1, -2, 1.5, null, true, "é"]}));
    }

    /// Row 87 of the attack list.
    #[test]
    fn hostile_json_is_refused() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "{\"a\": 1, \"a\": 2}",
            "{\"a\": 1, \"\\u0061\": 2}",
            "\"\\ud800\"",
            "1e999",
            "{} x",
            "{'a': 1}",
            "[1,]",
            "NaN",
            &deep,
        ] {
            assert!(parse_json(text.as_bytes()).is_err(), "{text:.20}");
        }
        assert!(parse_json(b"\"\xff\"").is_err());
        assert_eq!(parse_json(b"{\n\"a\": 1,\n\"a\": 2}").expect_err("refused").line(), Some(3));
    }
}
