//! Entries of clients' JSON files, put in and taken out without touching another byte.
//!
//! Comments and trailing commas are accepted in strict JSON files too: a client that does not mind them must not
//! lose them to us. A file that is not JSON, or that says a key on the way twice, is refused and left alone.

use serde_json::Value;

use crate::model::json_text::{self, JsonTextError, Pick, Slot, find};
use crate::model::mcp::is_entry_name;

pub use crate::model::json_text::Created;

/// Why an entry was not read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The name cannot be the name of an entry.
    #[error("'{}' is not a name for an entry: use 1 to 64 of A-Z, a-z, 0-9, '_' and '-'", .0.escape_debug())]
    Name(String),
    /// The text cannot be edited.
    #[error("the configuration cannot be edited")]
    Text(#[source] JsonTextError),
}

/// A changed text, and what was made besides the entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The whole text after the edit.
    pub text: Vec<u8>,
    /// After putting in: what was made around the entry, to keep in the ledger. After taking out: what is left of
    /// it because other entries stand in it, to keep with one of those ([`Created::taking_over`]).
    pub created: Created,
}

impl From<(Vec<u8>, Created)> for Edited {
    fn from((text, created): (Vec<u8>, Created)) -> Self {
        Self { text, created }
    }
}

fn name(key: &str) -> Result<(), EditError> {
    if is_entry_name(key) { Ok(()) } else { Err(EditError::Name(key.chars().take(80).collect())) }
}

/// Puts the entry `key` into the object at `pointer`, or replaces its value; an empty text becomes a skeleton.
///
/// An entry with this value already leaves the text as it is. Refusing to overwrite an entry of somebody else is
/// the caller's: it asks [`get_entry`] first.
///
/// # Errors
/// [`EditError`]; nothing is changed.
pub fn set_entry(text: &[u8], pointer: &[&str], key: &str, value: &Value) -> Result<Edited, EditError> {
    name(key)?;
    json_text::insert(text, pointer, Slot::Key(key), value).map(Edited::from).map_err(EditError::Text)
}

/// Takes the entry `key` out of the object at `pointer`, and the objects that `created` says were made for it.
///
/// Right after [`set_entry`] added it, the text is again what it was, byte for byte; where the file was missing
/// the text is empty.
///
/// # Errors
/// [`EditError`], of it [`JsonTextError::Missing`] when there is no such entry; nothing is changed.
pub fn remove_entry(text: &[u8], pointer: &[&str], key: &str, created: &Created) -> Result<Edited, EditError> {
    name(key)?;
    json_text::remove(text, pointer, Pick::Key(key), created).map(Edited::from).map_err(EditError::Text)
}

/// Returns the entry `key` of the object at `pointer`.
///
/// # Errors
/// [`EditError`] when the text cannot be read or says a key on the way twice.
pub fn get_entry(text: &[u8], pointer: &[&str], key: &str) -> Result<Option<Value>, EditError> {
    name(key)?;
    find(text, &[pointer, &[key]].concat()).map_err(EditError::Text)
}

/// Adds a group of hooks behind the others of `event`, in the object at `pointer`.
///
/// # Errors
/// [`EditError`]; nothing is changed.
pub fn append_group(text: &[u8], pointer: &[&str], event: &str, group: &Value) -> Result<Edited, EditError> {
    name(event)?;
    let path = [pointer, &[event]].concat();
    json_text::insert(text, &path, Slot::Append, group).map(Edited::from).map_err(EditError::Text)
}

/// Takes out the last group of hooks of `event` that equals `group`, and what `created` says was made for it.
///
/// # Errors
/// [`EditError`], of it [`JsonTextError::Missing`] when no group equals it; nothing is changed.
pub fn remove_group(
    text: &[u8],
    pointer: &[&str],
    event: &str,
    group: &Value,
    created: &Created,
) -> Result<Edited, EditError> {
    name(event)?;
    let path = [pointer, &[event]].concat();
    json_text::remove(text, &path, Pick::Element(group), created).map(Edited::from).map_err(EditError::Text)
}

/// Returns the groups of hooks of `event`, none when the event or the file is missing.
///
/// # Errors
/// [`EditError`] when the text cannot be read or there is something else than an array.
pub fn groups(text: &[u8], pointer: &[&str], event: &str) -> Result<Vec<Value>, EditError> {
    name(event)?;
    let path = [pointer, &[event]].concat();
    match find(text, &path).map_err(EditError::Text)? {
        None => Ok(Vec::new()),
        Some(Value::Array(groups)) => Ok(groups),
        Some(_) => {
            let path = path.iter().map(|part| (*part).to_owned()).collect();
            Err(EditError::Text(JsonTextError::WrongType { path, expected: "an array" }))
        }
    }
}

#[cfg(test)]
mod tests;
