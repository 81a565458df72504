//! What stands between the items of an object or array, and how a new item should look there.

use std::ops::Range;

use jsonc_parser::ast::Value as Ast;
use jsonc_parser::common::Ranged as _;

use crate::model::json::Spacing;

/// One stretch of the text between two items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    Space,
    LineComment,
    BlockComment,
    Comma,
}

/// Splits text that holds no value into its pieces; offsets are those of `text`.
pub(super) fn pieces(text: &str, range: Range<usize>) -> Vec<(Piece, Range<usize>)> {
    let mut out = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let rest = &text[at..range.end];
        let (piece, length) = if rest.starts_with("//") {
            (Piece::LineComment, rest.find(['\n', '\r']).unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (Piece::BlockComment, rest.find("*/").map_or(rest.len(), |end| end + 2))
        } else if rest.starts_with(',') {
            (Piece::Comma, 1)
        } else {
            let blank = |c: char| c.is_whitespace();
            (Piece::Space, rest.find(|c| !blank(c)).unwrap_or(rest.len()).max(1))
        };
        out.push((piece, at..at + length));
        at += length;
    }
    out
}

pub(super) fn has_newline(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// Returns where the white space that ends at `at` starts.
pub(super) fn blank_start(text: &str, at: usize) -> usize {
    text[..at].trim_end().len()
}

/// Returns the white space that the line of `at` starts with.
pub(super) fn indentation(text: &str, at: usize) -> &str {
    let line = &text[text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1)..at];
    &line[..line.len() - line.trim_start().len()]
}

/// An object or array: its brackets and its items.
#[derive(Debug)]
pub(super) struct Container {
    /// Offset after the opening bracket.
    pub open: usize,
    /// Offset of the closing bracket.
    pub close: usize,
    /// Each property or element.
    pub items: Vec<Range<usize>>,
}

impl Container {
    /// Returns `None` for a value that holds no items.
    pub(super) fn of(ast: &Ast<'_>) -> Option<Self> {
        let items = match ast {
            Ast::Object(object) => object.properties.iter().map(|p| p.start()..p.end()).collect(),
            Ast::Array(array) => array.elements.iter().map(|e| e.start()..e.end()).collect(),
            _ => return None,
        };
        Some(Self { open: ast.start() + 1, close: ast.end() - 1, items })
    }

    /// Returns the text range before item `index`; for `items.len()` the range before the closing bracket.
    pub(super) fn gap(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(self.open, |before| self.items[before].end);
        start..self.items.get(index).map_or(self.close, |item| item.start)
    }

    /// Returns the place of the comma after item `index`.
    pub(super) fn comma_after(&self, text: &str, index: usize) -> Option<Range<usize>> {
        let found = pieces(text, self.gap(index + 1)).into_iter().find(|(piece, _)| *piece == Piece::Comma);
        found.map(|(_, range)| range)
    }
}

/// How the whole text is written.
#[derive(Debug)]
pub(super) struct Manner {
    /// End of line.
    pub newline: &'static str,
    /// One step of indentation.
    pub unit: String,
    /// Spacing of values on one line.
    pub spacing: Spacing,
    /// The text has content and all of it stands on one line.
    pub one_line: bool,
}

impl Manner {
    pub(super) fn of(text: &str, root: Option<&Ast<'_>>) -> Self {
        let newline = match (text.find('\n'), text.find('\r')) {
            (Some(lf), Some(cr)) if cr + 1 == lf => "\r\n",
            (None, Some(_)) => "\r",
            _ => "\n",
        };
        let first = root.and_then(Ast::as_object).and_then(|object| object.properties.first());
        let unit = first.filter(|p| has_newline(&text[..p.start()])).map_or("", |p| indentation(text, p.start()));
        let tight = first.is_some_and(|p| text[p.name.end()..].starts_with(':') && p.value.start() == p.name.end() + 1);
        Self {
            newline,
            unit: if unit.is_empty() { "  ".to_owned() } else { unit.to_owned() },
            spacing: if tight { Spacing::Tight } else { Spacing::Loose },
            one_line: first.is_some() && !has_newline(text.trim()),
        }
    }
}
