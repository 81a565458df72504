//! Taking an item out, with what was made for it.

use std::ops::Range;

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged as _;
use serde_json::Value;

use super::JsonTextError;
use super::edit::{Created, Splice, inspect, splice, with_mark};
use super::place::{Container, Piece, blank_start, pieces};
use super::read::{decode, follow, owned, parse, property, value, without_lone_surrogates};

/// Which item to take out.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pick<'a> {
    /// The property with this name.
    Key(&'a str),
    /// The last element that equals this value.
    Element(&'a Value),
}

/// Takes an item out of the object or array at `path`, and what `created` says was made for it.
///
/// Returns the new text and the part of `created` that other entries still use.
///
/// # Errors
/// [`JsonTextError::Missing`] when there is no such item, or the others; nothing is changed.
pub(crate) fn remove(
    bytes: &[u8],
    path: &[&str],
    pick: Pick<'_>,
    created: &Created,
) -> Result<(Vec<u8>, Created), JsonTextError> {
    let (original, mark) = decode(bytes)?;
    let text = &original[mark..];
    let copy = without_lone_surrogates(text);
    let full = |last: &str| owned(&[path, &[last]].concat());
    let missing = || JsonTextError::Missing { path: full(if let Pick::Key(key) = pick { key } else { "[]" }) };
    let root = parse(&copy)?.ok_or_else(missing)?;
    let parent = follow(&root, path)?.map_err(|_| missing())?;
    let mut index = match (pick, parent) {
        (Pick::Key(key), Ast::Object(object)) => property(object, &[path, &[key]].concat())?,
        (Pick::Element(wanted), Ast::Array(array)) => {
            array.elements.iter().rposition(|e| value(e, &mut owned(path)).is_ok_and(|found| found == *wanted))
        }
        (Pick::Key(_), _) => return Err(JsonTextError::WrongType { path: owned(path), expected: "an object" }),
        (Pick::Element(_), _) => return Err(JsonTextError::WrongType { path: owned(path), expected: "an array" }),
    }
    .ok_or_else(missing)?;
    let mut place = Container::of(parent).ok_or_else(missing)?;
    let mut depth = path.len();
    let mut left = created.clone();
    while left.levels > 0 && depth > 0 && place.items.len() == 1 && blank_around(text, &place) {
        depth -= 1;
        left.levels -= 1;
        let Ok(outer) = follow(&root, &path[..depth])? else { return Err(missing()) };
        let Ast::Object(object) = outer else { return Err(missing()) };
        index = property(object, &path[..=depth])?.ok_or_else(missing)?;
        place = Container::of(outer).ok_or_else(missing)?;
    }
    let alone = place.items.len() == 1 && blank_around(text, &place);
    let blank = |text: &Option<String>| text.clone().filter(|text| text.trim().is_empty());
    if alone && left.levels == 0 && depth == 0 && left.file.is_some() && only_value(text, &root) {
        let file = blank(&left.file).unwrap_or_default();
        return Ok((with_mark(original, mark, &file), Created::default()));
    }
    let edits = if alone {
        let new = if left.levels == 0 { blank(&left.blank).unwrap_or_default() } else { String::new() };
        vec![(place.open..place.close, new)]
    } else {
        taken_out(text, &place, index)
    };
    if alone && left.levels == 0 {
        left.blank = None;
    }
    let count = place.items.len();
    let out = with_mark(original, mark, &splice(text, edits));
    removed(&out, &path[..depth], count)?;
    Ok((out, left))
}

/// Returns whether only white space and commas surround the one item.
fn blank_around(text: &str, place: &Container) -> bool {
    let both = [place.gap(0), place.gap(place.items.len())];
    both.into_iter().flat_map(|gap| pieces(text, gap)).all(|(piece, _)| matches!(piece, Piece::Space | Piece::Comma))
}

fn only_value(text: &str, root: &Ast<'_>) -> bool {
    text[..root.start()].trim().is_empty() && text[root.end()..].trim().is_empty()
}

/// Returns the edits that take item `index` out and leave comments and the neighbours' commas right.
pub(super) fn taken_out(text: &str, place: &Container, index: usize) -> Vec<Splice> {
    let item = &place.items[index];
    let own_comma = place.comma_after(text, index);
    let next = place.items.get(index + 1);
    if let (0, Some(next), Some(comma)) = (index, next, &own_comma) {
        let blank = |range: Range<usize>| text[range].trim().is_empty();
        if blank(item.end..comma.start) && blank(comma.end..next.start) {
            return vec![(item.start..next.start, String::new())];
        }
    }
    let mut edits = Vec::new();
    if next.is_none() && own_comma.is_none() && index > 0 {
        edits.extend(place.comma_after(text, index - 1).map(|comma| (comma, String::new())));
    }
    let mut end = item.end;
    match own_comma {
        Some(comma) if text[item.end..comma.start].trim().is_empty() => end = comma.end,
        Some(comma) => edits.push((comma, String::new())),
        None => {}
    }
    let before = pieces(text, place.gap(index));
    let mut start = blank_start(text, item.start);
    let line_comment = before.iter().any(|(piece, range)| *piece == Piece::LineComment && range.end == start);
    if line_comment && !text[end..].starts_with(['\n', '\r']) {
        // What follows must not become part of the comment.
        start += if text[start..].starts_with("\r\n") { 2 } else { 1 };
    }
    if start < end {
        edits.push((start..end, String::new()));
    }
    edits
}

/// Parses the result again and counts the items.
fn removed(out: &[u8], path: &[&str], before: usize) -> Result<(), JsonTextError> {
    let good = inspect(out, path, |ast| Container::of(ast).is_some_and(|place| place.items.len() + 1 == before))?;
    if good { Ok(()) } else { Err(JsonTextError::Check) }
}
