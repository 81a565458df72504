//! The part of YAML that front matter may use, read so that nothing changes its meaning.
//!
//! Works on the events of the parser and not on its typed values: every scalar stays the text that was
//! written (`yes`, `1e3`, `0o7`, dates), as in strictyaml. What makes a small text large or two readers
//! disagree (anchors, aliases, tags, merge keys, duplicate keys, directives, a second document) is refused.

use std::collections::BTreeSet;

use serde_saphyr::granit_parser::{self as granit, ErrorKind, Event, Marker, Parser, StructureStyle};

use super::{Field, FrontMatterError, Map, Value};

/// Deepest nesting accepted. The specification needs two levels, hooks of Claude Code need five.
const MAX_DEPTH: usize = 16;

/// What one YAML text holds.
pub(super) struct Parsed {
    pub(super) map: Map,
    /// Line of the first `[…]` or `{…}`, counted from the first line of the YAML.
    pub(super) flow_line: Option<u32>,
}

/// Parses one mapping; lines are counted from 1 within `yaml`.
pub(super) fn parse(yaml: &str) -> Result<Parsed, FrontMatterError> {
    let options =
        granit::options! { disallow_directives: true, flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut reader = Reader { parser: Parser::new_from_str_with_options(yaml, options), flow_line: None };
    let map = reader.document()?;
    Ok(Parsed { map, flow_line: reader.flow_line })
}

struct Reader<'a> {
    parser: Parser<'a, granit::StrInput<'a>>,
    flow_line: Option<u32>,
}

impl<'a> Reader<'a> {
    /// Returns the next event that carries meaning, with its line.
    fn next(&mut self) -> Result<(Event<'a>, u32), FrontMatterError> {
        match self.parser.next_event() {
            // The parser writes a value that is left out as `~`.
            Some(Ok((Event::Scalar(_, style, anchor, tag), span))) if span.is_empty() => {
                Ok((Event::Scalar("".into(), style, anchor, tag), line_of(span.start)))
            }
            Some(Ok((event, span))) => Ok((event, line_of(span.start))),
            Some(Err(error)) => Err(match error.kind() {
                ErrorKind::RecursionLimitExceeded => too_deep(line_of(*error.marker())),
                kind => FrontMatterError::Syntax { line: line_of(*error.marker()), reason: kind.to_string() },
            }),
            None => Err(FrontMatterError::Syntax { line: 1, reason: "unexpected end".to_owned() }),
        }
    }

    fn document(&mut self) -> Result<Map, FrontMatterError> {
        let mut map = Map::default();
        let mut documents = 0;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(map),
                (Event::StreamStart | Event::DocumentEnd, _) => {}
                (Event::DocumentStart(..), line) => {
                    documents += 1;
                    if documents > 1 {
                        return Err(FrontMatterError::Refused { what: "a second YAML document", line });
                    }
                }
                (Event::MappingStart(style, anchor, tag), line) => {
                    refuse_properties(anchor, tag.is_some(), line)?;
                    self.note_style(style, line);
                    map = self.map(1)?;
                }
                // Comments alone make an empty document with one empty scalar.
                (Event::Scalar(text, _, 0, None), _) if text.is_empty() => {}
                (_, line) => return Err(FrontMatterError::NotMap { line }),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Map, FrontMatterError> {
        let mut fields = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let (key, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Map(fields)),
                (Event::Scalar(key, _, anchor, tag), line) => {
                    refuse_properties(anchor, tag.is_some(), line)?;
                    (key.into_owned(), line)
                }
                (Event::Alias(_), line) => return Err(FrontMatterError::Refused { what: "an alias", line }),
                (_, line) => return Err(FrontMatterError::Refused { what: "a key that is not text", line }),
            };
            if key == "<<" {
                return Err(FrontMatterError::Refused { what: "a merge key", line });
            }
            if !seen.insert(key.clone()) {
                return Err(FrontMatterError::Duplicate { key, line });
            }
            let next = self.next()?;
            let value = self.value(next, depth)?;
            fields.push(Field { key, value, line });
        }
    }

    fn value(&mut self, (event, line): (Event<'a>, u32), depth: usize) -> Result<Value, FrontMatterError> {
        if depth >= MAX_DEPTH {
            return Err(too_deep(line));
        }
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), line)?;
                Ok(Value::Text(text.into_owned()))
            }
            Event::SequenceStart(style, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), line)?;
                self.note_style(style, line);
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                        next => items.push(self.value(next, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(style, anchor, tag) => {
                refuse_properties(anchor, tag.is_some(), line)?;
                self.note_style(style, line);
                Ok(Value::Map(self.map(depth + 1)?))
            }
            Event::Alias(_) => Err(FrontMatterError::Refused { what: "an alias", line }),
            _ => Err(FrontMatterError::Refused { what: "a construct that is not text, list or map", line }),
        }
    }

    fn note_style(&mut self, style: StructureStyle, line: u32) {
        if style == StructureStyle::Flow {
            self.flow_line.get_or_insert(line);
        }
    }
}

fn line_of(marker: Marker) -> u32 {
    u32::try_from(marker.line()).unwrap_or(u32::MAX)
}

fn too_deep(line: u32) -> FrontMatterError {
    FrontMatterError::Refused { what: "nesting deeper than 16 levels", line }
}

fn refuse_properties(anchor: usize, tagged: bool, line: u32) -> Result<(), FrontMatterError> {
    if anchor != 0 {
        return Err(FrontMatterError::Refused { what: "an anchor", line });
    }
    if tagged {
        return Err(FrontMatterError::Refused { what: "a tag", line });
    }
    Ok(())
}

/// Returns `yaml` with those top-level values quoted that YAML cannot read as they stand, `None` when there are none.
///
/// Covers the mistakes that clients forgive: `description: Use when: …`, `argument-hint: [a] [b]`, `hint: *`.
/// Each top-level entry is parsed alone, so the cost is linear. The number of lines does not change.
pub(super) fn repair(yaml: &str) -> Option<String> {
    let mut out = String::with_capacity(yaml.len() + 64);
    let mut changed = false;
    for entry in entries(yaml) {
        match quoted(entry) {
            Some(text) => {
                out.push_str(&text);
                changed = true;
            }
            None => out.push_str(entry),
        }
    }
    changed.then_some(out)
}

/// Splits into pieces that each start at a line without indentation.
fn entries(yaml: &str) -> Vec<&str> {
    let mut starts = vec![0];
    let mut offset = 0;
    for line in yaml.split_inclusive('\n') {
        let indented = line.starts_with([' ', '\t', '\n', '\r']);
        if offset > 0 && !indented {
            starts.push(offset);
        }
        offset += line.len();
    }
    starts.push(yaml.len());
    starts.windows(2).map(|pair| &yaml[pair[0]..pair[1]]).collect()
}

/// Returns the entry with its value in single quotes, when that makes the difference.
fn quoted(entry: &str) -> Option<String> {
    let (key, value) = entry.split_once(':')?;
    let first = value.trim_start_matches([' ', '\t']);
    let has_value = first.len() < value.len() && !first.starts_with(['"', '\'', '|', '>', '\n', '\r', '#']);
    if !is_plain_key(key) || !has_value {
        return None;
    }
    // `name: x` above an indented `key: y` is a mistake of another kind: which of the two is meant?
    let nested = |line: &str| line.split_once(':').is_some_and(|(key, _)| is_plain_key(key.trim_start()));
    if value.lines().skip(1).any(nested) {
        return None;
    }
    if !matches!(parse(entry), Err(FrontMatterError::Syntax { .. })) {
        return None;
    }
    let words: Vec<_> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let ends = "\n".repeat(entry.matches('\n').count());
    Some(format!("{key}: '{}'{ends}", words.join(" ").replace('\'', "''")))
}

fn is_plain_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
