//! Putting an item in and taking it out again.

use std::ops::Range;

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged as _;
use serde_json::{Map, Value};

use super::JsonTextError;
use super::place::{Container, Manner, Piece, has_newline, indentation, pieces};
use super::read::{decode, follow, owned, parse, value, without_lone_surrogates};
use crate::model::json::{Layout, Spacing, multi_line, one_line, quoted};

/// Where in its container an item goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slot<'a> {
    /// The property of an object with this name.
    Key(&'a str),
    /// After the last element of an array.
    Append,
}

/// What an insertion made besides the entry, so that removing the entry can take exactly that away again.
///
/// Keep it beside the entry in the ledger. When an entry goes while another one still needs the objects made
/// for it, removal hands back what is left: keep that with the other entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Created {
    /// Objects and arrays made around the entry, counted from the entry outwards.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) levels: u32,
    /// White space that stood alone in the object or array that was there before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) blank: Option<String>,
    /// White space that was the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
}

// serde passes a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(levels: &u32) -> bool {
    *levels == 0
}

impl Created {
    /// Returns whether only the entry itself was added.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Returns what has to go with an entry that takes over `left` from one that was removed.
    #[must_use]
    pub fn taking_over(self, left: Self) -> Self {
        Self {
            levels: self.levels.saturating_add(left.levels),
            blank: self.blank.or(left.blank),
            file: self.file.or(left.file),
        }
    }

    /// Returns how many objects and arrays were made around the entry.
    pub fn levels(&self) -> u32 {
        self.levels
    }

    /// Returns whether the file was missing, empty or blank before.
    pub fn is_whole_file(&self) -> bool {
        self.file.is_some()
    }
}

pub(super) type Splice = (Range<usize>, String);

/// Replaces ranges that do not overlap.
pub(super) fn splice(text: &str, mut edits: Vec<Splice>) -> String {
    edits.sort_by_key(|(range, _)| (range.start, range.end));
    let mut out = String::with_capacity(text.len() + edits.iter().map(|(_, new)| new.len()).sum::<usize>());
    let mut at = 0;
    for (range, new) in edits {
        out.push_str(&text[at..range.start]);
        out.push_str(&new);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

pub(super) fn with_mark(original: &str, mark: usize, body: &str) -> Vec<u8> {
    [&original[..mark], body].concat().into_bytes()
}

/// Puts `item` at `slot` of the object or array at `path`, making what is missing on the way.
///
/// An entry that already has this value leaves the bytes as they are.
///
/// # Errors
/// [`JsonTextError`]; nothing is changed.
pub(crate) fn insert(
    bytes: &[u8],
    path: &[&str],
    slot: Slot<'_>,
    item: &Value,
) -> Result<(Vec<u8>, Created), JsonTextError> {
    let (original, mark) = decode(bytes)?;
    let text = &original[mark..];
    let copy = without_lone_surrogates(text);
    let Some(root) = parse(&copy)? else {
        let manner = Manner::of(text, None);
        let whole = wrap(path, slot, item);
        let layout = Layout { unit: &manner.unit, base: "", newline: manner.newline };
        let body = multi_line(&whole, layout) + manner.newline;
        let created = Created { levels: levels(path.len()), blank: None, file: Some(text.to_owned()) };
        return checked(with_mark(original, mark, &body), path, slot, item, None).map(|out| (out, created));
    };
    let manner = Manner::of(text, Some(&root));
    let before = elements(&root, path, slot)?;
    let (edits, created) = match follow(&root, path)? {
        Err((depth, parent)) => {
            let inner = wrap(&path[depth + 1..], slot, item);
            let (edits, blank) = add(text, &manner, parent, Some(path[depth]), &inner);
            (edits, Created { levels: levels(path.len() - depth), blank, file: None })
        }
        Ok(parent) => match existing(parent, path, slot)? {
            Some(old) if value(old, &mut owned(path))? == *item => return Ok((bytes.to_vec(), Created::default())),
            Some(old) => (vec![(old.start()..old.end(), replacement(text, &manner, old, item))], Created::default()),
            None => {
                let key = if let Slot::Key(key) = slot { Some(key) } else { None };
                let (edits, blank) = add(text, &manner, parent, key, item);
                (edits, Created { levels: 0, blank, file: None })
            }
        },
    };
    let out = with_mark(original, mark, &splice(text, edits));
    checked(out, path, slot, item, before).map(|out| (out, created))
}

fn levels(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Returns `item` inside the objects, and for an appended item the array, of `path`.
fn wrap(path: &[&str], slot: Slot<'_>, item: &Value) -> Value {
    let inner = match slot {
        Slot::Key(key) => Value::Object(Map::from_iter([(key.to_owned(), item.clone())])),
        Slot::Append => Value::Array(vec![item.clone()]),
    };
    path.iter().rev().fold(inner, |value, key| Value::Object(Map::from_iter([((*key).to_owned(), value)])))
}

/// Returns the number of elements of the array appended to.
fn elements(root: &Ast<'_>, path: &[&str], slot: Slot<'_>) -> Result<Option<usize>, JsonTextError> {
    let Slot::Append = slot else { return Ok(None) };
    Ok(follow(root, path)?.ok().and_then(Ast::as_array).map(|array| array.elements.len()))
}

/// Returns the value at the slot, after checking that the container has the right type.
fn existing<'t, 'a>(parent: &'t Ast<'a>, path: &[&str], slot: Slot<'_>) -> Result<Option<&'t Ast<'a>>, JsonTextError> {
    match (slot, parent) {
        (Slot::Key(key), Ast::Object(_)) => follow(parent, &[key])
            .map(Result::ok)
            .map_err(|_| JsonTextError::Duplicate { path: owned(&[path, &[key]].concat()) }),
        (Slot::Append, Ast::Array(_)) => Ok(None),
        (Slot::Key(_), _) => Err(JsonTextError::WrongType { path: owned(path), expected: "an object" }),
        (Slot::Append, _) => Err(JsonTextError::WrongType { path: owned(path), expected: "an array" }),
    }
}

/// Writes `item` in the place of `old`, over several lines where the line of `old` begins with its item.
pub(super) fn replacement(text: &str, manner: &Manner, old: &Ast<'_>, item: &Value) -> String {
    let line = text[..old.start()].rfind(['\n', '\r']);
    match line {
        Some(_) if !manner.one_line => {
            let base = indentation(text, old.start());
            multi_line(item, Layout { unit: &manner.unit, base, newline: manner.newline })
        }
        _ => one_line(item, manner.spacing),
    }
}

/// Adds an item behind the last one; also returns the white space that stood alone in an empty container.
pub(super) fn add(
    text: &str,
    manner: &Manner,
    parent: &Ast<'_>,
    key: Option<&str>,
    item: &Value,
) -> (Vec<Splice>, Option<String>) {
    let Some(place) = Container::of(parent) else { return (Vec::new(), None) };
    let lines = |base: &str| {
        let body = multi_line(item, Layout { unit: &manner.unit, base, newline: manner.newline });
        format!("{}{base}{}{body}", manner.newline, key.map_or(String::new(), |key| quoted(key) + ": "))
    };
    let colon = if manner.spacing == Spacing::Tight { ":" } else { ": " };
    let line = || key.map_or(String::new(), |key| quoted(key) + colon) + &one_line(item, manner.spacing);
    let tail = pieces(text, place.gap(place.items.len()));
    let Some(last) = place.items.len().checked_sub(1) else {
        let outer = indentation(text, place.open);
        let inside = place.open..place.close;
        let Some((_, comment)) = tail.iter().rfind(|(piece, _)| *piece != Piece::Space) else {
            let blank = text[inside.clone()].to_owned();
            let new = if manner.one_line {
                line()
            } else {
                lines(&format!("{outer}{}", manner.unit)) + manner.newline + outer
            };
            return (vec![(inside, new)], Some(blank).filter(|blank| !blank.is_empty()));
        };
        let new =
            if has_newline(&text[inside]) { lines(&format!("{outer}{}", manner.unit)) } else { format!(" {}", line()) };
        return (vec![(comment.end..comment.end, new)], None);
    };
    let on_lines = has_newline(&text[place.gap(last)]);
    let comma = place.comma_after(text, last);
    // Comments on the line of the last item belong to it, so the new item goes behind them.
    let after = comma.as_ref().map_or(place.items[last].end, |comma| comma.end);
    let mut at = after;
    for (piece, range) in tail.iter().filter(|(_, range)| range.start >= after) {
        match piece {
            Piece::Space if has_newline(&text[range.clone()]) => break,
            Piece::Space | Piece::Comma => {}
            Piece::LineComment | Piece::BlockComment => at = range.end,
        }
    }
    let after_line_comment = tail.iter().any(|(piece, range)| *piece == Piece::LineComment && range.end == at);
    let mut new = if on_lines || after_line_comment {
        lines(indentation(text, place.items[last].start))
    } else if manner.spacing == Spacing::Tight {
        line()
    } else {
        format!(" {}", line())
    };
    let mut edits = Vec::new();
    match comma {
        Some(_) => new.push(','),
        None if at == after => new.insert(0, ','),
        None => edits.push((after..after, ",".to_owned())),
    }
    edits.push((at..at, new));
    (edits, None)
}

/// Parses the result again and compares what stands at the slot with what was asked for.
fn checked(
    out: Vec<u8>,
    path: &[&str],
    slot: Slot<'_>,
    item: &Value,
    before: Option<usize>,
) -> Result<Vec<u8>, JsonTextError> {
    let good = inspect(&out, path, |parent| match (slot, parent) {
        (Slot::Key(key), Ast::Object(object)) => {
            object.get(key).map(|property| &property.value).is_some_and(same(item))
        }
        (Slot::Append, Ast::Array(array)) => {
            array.elements.len() == before.unwrap_or(0) + 1 && array.elements.last().is_some_and(same(item))
        }
        _ => false,
    })?;
    if good { Ok(out) } else { Err(JsonTextError::Check) }
}

fn same(item: &Value) -> impl Fn(&Ast<'_>) -> bool {
    move |ast| value(ast, &mut Vec::new()).is_ok_and(|found| found == *item)
}

/// Parses a result and asks about the value at `path`.
pub(super) fn inspect(out: &[u8], path: &[&str], ask: impl Fn(&Ast<'_>) -> bool) -> Result<bool, JsonTextError> {
    let (text, mark) = decode(out)?;
    let copy = without_lone_surrogates(&text[mark..]);
    let Ok(Some(root)) = parse(&copy) else { return Ok(false) };
    Ok(follow(&root, path)?.is_ok_and(ask))
}
