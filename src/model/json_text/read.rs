//! Parsing, and the way from the root to a place.

use std::borrow::Cow;

use jsonc_parser::ast::{Object, Value as Ast};
use jsonc_parser::{CollectOptions, ParseOptions};
use serde_json::Value;

use super::{JsonTextError, MAX_JSON_TEXT_BYTES};

/// JSON with comments and trailing commas, and nothing of JSON5.
fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// Returns the text and the length of its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<(&str, usize), JsonTextError> {
    if bytes.len() > MAX_JSON_TEXT_BYTES {
        return Err(JsonTextError::TooLarge { size_bytes: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| JsonTextError::NotUtf8 { offset: e.valid_up_to() })?;
    Ok((text, if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }))
}

/// Returns a text of the same length in which half surrogate pairs are `\ufffd`.
///
/// JavaScript writes `\ud83d` alone where it cut a string in the middle of an emoji, as in the history kept in
/// `~/.claude.json`; the parser refuses those. Only places are taken from this copy.
pub(super) fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut out: Cow<'_, str> = Cow::Borrowed(text);
    let mut at = 0;
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|b| *b == b'\\')) {
        at += step;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + 6), Some(0xdc00..=0xdfff)) => at += 12,
            Some(0xd800..=0xdfff) => {
                out.to_mut().replace_range(at..at + 6, "\\ufffd");
                at += 6;
            }
            _ => at += 2,
        }
    }
    out
}

/// Parses a text without its byte order mark; `None` when there is only white space.
pub(super) fn parse(text: &str) -> Result<Option<Ast<'_>>, JsonTextError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let parsed = jsonc_parser::parse_to_ast(text, &CollectOptions::default(), &options()).map_err(|error| {
        let before = text.get(..error.range().start).unwrap_or(text);
        let last_line = before.rsplit('\n').next().unwrap_or(before);
        JsonTextError::Syntax {
            line: before.matches('\n').count() + 1,
            column: last_line.chars().count() + 1,
            reason: error.kind().to_string().chars().take(120).flat_map(char::escape_debug).collect(),
        }
    })?;
    match parsed.value {
        Some(value @ Ast::Object(_)) => Ok(Some(value)),
        _ => Err(JsonTextError::RootNotObject),
    }
}

/// Returns the index of the only property with this name.
pub(super) fn property(object: &Object<'_>, path: &[&str]) -> Result<Option<usize>, JsonTextError> {
    let name = path.last().copied().unwrap_or_default();
    let mut found = object.properties.iter().enumerate().filter(|(_, p)| p.name.as_str() == name).map(|(i, _)| i);
    let first = found.next();
    match found.next() {
        Some(_) => Err(JsonTextError::Duplicate { path: owned(path) }),
        None => Ok(first),
    }
}

pub(super) fn owned(path: &[&str]) -> Vec<String> {
    path.iter().map(|part| (*part).to_owned()).collect()
}

/// Follows `path` from an object; `Err(depth)` inside `Ok` says how many keys were found before one was missing.
pub(super) fn follow<'t, 'a>(
    root: &'t Ast<'a>,
    path: &[&str],
) -> Result<Result<&'t Ast<'a>, (usize, &'t Ast<'a>)>, JsonTextError> {
    let mut here = root;
    for depth in 0..path.len() {
        let Ast::Object(object) = here else {
            return Err(JsonTextError::WrongType { path: owned(&path[..depth]), expected: "an object" });
        };
        match property(object, &path[..=depth])? {
            Some(index) => here = &object.properties[index].value,
            None => return Ok(Err((depth, here))),
        }
    }
    Ok(Ok(here))
}

/// Returns the value at `path`, `None` when it or the whole text is missing.
///
/// # Errors
/// [`JsonTextError`], also for a duplicate key on the way.
pub(crate) fn find(bytes: &[u8], path: &[&str]) -> Result<Option<Value>, JsonTextError> {
    let (text, mark) = decode(bytes)?;
    let copy = without_lone_surrogates(&text[mark..]);
    let Some(root) = parse(&copy)? else { return Ok(None) };
    follow(&root, path)?.ok().map(|ast| value(ast, &mut owned(path))).transpose()
}

/// Returns the whole text as a value.
///
/// # Errors
/// As [`find`]; a text of only white space is [`JsonTextError::RootNotObject`].
pub(crate) fn parse_value(bytes: &[u8]) -> Result<Value, JsonTextError> {
    find(bytes, &[])?.ok_or(JsonTextError::RootNotObject)
}

/// Turns a tree into a value; a key that occurs twice in it is an error.
pub(super) fn value(ast: &Ast<'_>, path: &mut Vec<String>) -> Result<Value, JsonTextError> {
    Ok(match ast {
        Ast::NullKeyword(_) => Value::Null,
        Ast::BooleanLit(lit) => Value::Bool(lit.value),
        Ast::StringLit(lit) => Value::String(lit.value.to_string()),
        Ast::NumberLit(lit) => serde_json::from_str(lit.value)
            .map_err(|_| JsonTextError::WrongType { path: path.clone(), expected: "a number in range" })?,
        Ast::Array(array) => {
            let items = array.elements.iter().map(|item| value(item, path));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Ast::Object(object) => {
            let mut map = serde_json::Map::new();
            for property in &object.properties {
                path.push(property.name.as_str().to_owned());
                if map.insert(property.name.as_str().to_owned(), value(&property.value, path)?).is_some() {
                    return Err(JsonTextError::Duplicate { path: std::mem::take(path) });
                }
                path.pop();
            }
            Value::Object(map)
        }
    })
}
