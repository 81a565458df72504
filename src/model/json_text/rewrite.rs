//! Turning a text into one that holds another value, with as few changes as possible.

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged as _;
use serde_json::Value;

use super::JsonTextError;
use super::edit::{Splice, add, replacement, splice};
use super::place::{Container, Manner};
use super::read::{decode, parse, value, without_lone_surrogates};
use super::remove::taken_out;
use crate::model::json::document;

/// Most edits tried before the text is written anew: each one parses the text again.
const MAX_EDITS: usize = 1_000;

/// Returns a text that holds `new`; members that `new` does not change keep their bytes.
///
/// # Errors
/// [`JsonTextError`] when `bytes` is not a JSON object.
pub(crate) fn rewrite(bytes: &[u8], new: &Value) -> Result<Vec<u8>, JsonTextError> {
    let (original, mark) = decode(bytes)?;
    let mut text = original[mark..].to_owned();
    for _ in 0..MAX_EDITS {
        let copy = without_lone_surrogates(&text);
        let root = parse(&copy)?.ok_or(JsonTextError::RootNotObject)?;
        let manner = Manner::of(&text, Some(&root));
        let Some(edits) = first_difference(&text, &manner, &root, new) else {
            let same = value(&root, &mut Vec::new())? == *new;
            return if same { Ok([&original[..mark], &text].concat().into_bytes()) } else { Err(JsonTextError::Check) };
        };
        text = splice(&text, edits);
    }
    Ok(document(new))
}

fn equal(ast: &Ast<'_>, new: &Value) -> bool {
    value(ast, &mut Vec::new()).is_ok_and(|old| old == *new)
}

/// Returns the edits for the first place where the text differs from `new`.
fn first_difference(text: &str, manner: &Manner, ast: &Ast<'_>, new: &Value) -> Option<Vec<Splice>> {
    if equal(ast, new) {
        return None;
    }
    let place = Container::of(ast);
    match (ast, new, place) {
        (Ast::Object(object), Value::Object(map), Some(place)) => {
            for (index, property) in object.properties.iter().enumerate() {
                match map.get(property.name.as_str()) {
                    None => return Some(taken_out(text, &place, index)),
                    Some(wanted) if !equal(&property.value, wanted) => {
                        return first_difference(text, manner, &property.value, wanted);
                    }
                    Some(_) => {}
                }
            }
            let known = |key: &str| object.properties.iter().any(|p| p.name.as_str() == key);
            let (key, wanted) = map.iter().find(|(key, _)| !known(key))?;
            Some(add(text, manner, ast, Some(key), wanted).0)
        }
        (Ast::Array(array), Value::Array(items), Some(place)) => {
            let (have, want) = (array.elements.len(), items.len());
            let differs = array.elements.iter().zip(items).position(|(old, new)| !equal(old, new));
            match differs {
                Some(index) if have == want => first_difference(text, manner, &array.elements[index], &items[index]),
                None if have < want => Some(add(text, manner, ast, None, &items[have]).0),
                None => Some(taken_out(text, &place, have - 1)),
                Some(_) => Some(vec![(ast.start()..ast.end(), replacement(text, manner, ast, new))]),
            }
        }
        _ => Some(vec![(ast.start()..ast.end(), replacement(text, manner, ast, new))]),
    }
}
