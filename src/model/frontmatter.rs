//! Front matter: the YAML between two `---` lines at the top of a Markdown file.
//!
//! Follows the Agent Skills specification for where it starts and ends, and its reference validator in
//! reading every scalar as text. Says what was found; whether that makes a good artifact is for `scan` to say.

mod yaml;

use std::fmt;

/// Largest front matter accepted, in bytes. The specification allows 1,024 characters of description, and
/// clients keep every description in the context of the model, so that real ones stay far below.
pub const MAX_FRONT_MATTER_BYTES: usize = 64 * 1024;

/// A value of the front matter. Numbers, booleans, dates and nulls are the text that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A scalar.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A mapping.
    Map(Map),
}

/// Parses a whole YAML text that is one mapping, by the rules for front matter.
///
/// # Errors
/// As [`Document::parse`].
pub(crate) fn parse_yaml(text: &str) -> Result<Map, FrontMatterError> {
    Ok(yaml::parse(text)?.map)
}

impl Value {
    /// Returns the text of a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A mapping in the order of the file; no key occurs twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Map(Vec<Field>);

/// One entry of a [`Map`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The key as written.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Line of the key in the file, from 1.
    pub line: u32,
}

impl Map {
    /// Returns the entries in the order of the file.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// Returns the entry with this key.
    pub fn field(&self, key: &str) -> Option<&Field> {
        self.0.iter().find(|field| field.key == key)
    }

    /// Returns the value at a path such as `metadata.version`; a key that itself holds dots is found too.
    pub fn get(&self, path: &str) -> Option<&Value> {
        if let Some(field) = self.field(path) {
            return Some(&field.value);
        }
        path.match_indices('.').find_map(|(dot, _)| match &self.field(&path[..dot])?.value {
            Value::Map(inner) => inner.get(&path[dot + 1..]),
            _ => None,
        })
    }

    fn move_down(&mut self, lines: u32) {
        for field in &mut self.0 {
            field.line = field.line.saturating_add(lines);
            field.value.move_down(lines);
        }
    }
}

impl Value {
    fn move_down(&mut self, lines: u32) {
        match self {
            Value::Text(_) => {}
            Value::List(items) => items.iter_mut().for_each(|item| item.move_down(lines)),
            Value::Map(map) => map.move_down(lines),
        }
    }
}

/// The front matter of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatter {
    /// Its entries.
    pub map: Map,
    /// The YAML could not be read as written: values were quoted to read it.
    pub repaired: bool,
    /// Line of the first `[…]` or `{…}`, which the reference validator refuses.
    pub flow_line: Option<u32>,
    /// Line of the first tab.
    pub tab_line: Option<u32>,
}

impl FrontMatter {
    /// Returns the name, without spaces around it; `None` when it is missing, blank or not text.
    pub fn name(&self) -> Option<&str> {
        self.text("name")
    }

    /// Returns the description, without spaces around it; `None` when it is missing, blank or not text.
    pub fn description(&self) -> Option<&str> {
        self.text("description")
    }

    /// Returns the licence, without spaces around it; `None` when it is missing, blank or not text.
    pub fn license(&self) -> Option<&str> {
        self.text("license")
    }

    /// Returns the value at a path such as `metadata.version`.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.map.get(path)
    }

    fn text(&self, key: &str) -> Option<&str> {
        let text = self.map.field(key)?.value.as_text()?.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// A Markdown file, split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    /// The front matter; `None` when the file does not start with a `---` line.
    pub front: Option<FrontMatter>,
    /// Everything after the front matter.
    pub body: &'a str,
    /// Line of the file on which the body starts, from 1.
    pub body_line: u32,
    /// The file starts with a byte order mark.
    pub has_bom: bool,
}

/// Why a file cannot be read as Markdown with front matter. Lines are counted from 1 in the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontMatterError {
    /// The file is not text.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// Number of good bytes before it.
        at: usize,
    },
    /// A NUL, or within the front matter any control character but tab and line end.
    #[error("line {line} holds the control character {}", .found.escape_default())]
    Control {
        /// Where.
        line: u32,
        /// Which.
        found: char,
    },
    /// No second `---` line.
    #[error("the front matter has no closing '---' line")]
    Unclosed,
    /// More YAML than [`MAX_FRONT_MATTER_BYTES`].
    #[error("the front matter is longer than {MAX_FRONT_MATTER_BYTES} bytes")]
    TooLong,
    /// The YAML is not YAML.
    #[error("line {line} of the front matter cannot be read: {}", Escaped(.reason))]
    Syntax {
        /// Where.
        line: u32,
        /// What the YAML parser says.
        reason: String,
    },
    /// The front matter is a list or a text.
    #[error("line {line}: the front matter is not a map of keys to values")]
    NotMap {
        /// Where.
        line: u32,
    },
    /// A key occurs twice in one map.
    #[error("line {line} repeats the key '{}'", Escaped(.key))]
    Duplicate {
        /// The key.
        key: String,
        /// Where it occurs again.
        line: u32,
    },
    /// YAML that front matter must not use.
    #[error("line {line} of the front matter has {what}")]
    Refused {
        /// What it is.
        what: &'static str,
        /// Where.
        line: u32,
    },
}

impl FrontMatterError {
    /// Returns the line at fault, from 1, when there is one.
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::NotUtf8 { .. } | Self::Unclosed | Self::TooLong => None,
            Self::Control { line, .. }
            | Self::Syntax { line, .. }
            | Self::NotMap { line }
            | Self::Duplicate { line, .. }
            | Self::Refused { line, .. } => Some(*line),
        }
    }

    fn moved_down(mut self, lines: u32) -> Self {
        match &mut self {
            Self::NotUtf8 { .. } | Self::Unclosed | Self::TooLong => {}
            Self::Control { line, .. }
            | Self::Syntax { line, .. }
            | Self::NotMap { line }
            | Self::Duplicate { line, .. }
            | Self::Refused { line, .. } => *line = line.saturating_add(lines),
        }
        self
    }
}

/// Writes at most 120 characters, control characters escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().take(120).flat_map(char::escape_debug).try_for_each(|c| write!(f, "{c}"))
    }
}

impl<'a> Document<'a> {
    /// Splits a file and reads its front matter.
    ///
    /// A byte order mark, CRLF line ends and spaces after `---` are accepted. The front matter ends at the
    /// first line that is `---`, so that `---` within a value or an indented block does not end it. When the
    /// YAML cannot be read, it is tried again with the plain top-level values quoted that are at fault, and
    /// [`FrontMatter::repaired`] says so.
    ///
    /// # Errors
    /// [`FrontMatterError`]; a file without front matter is not an error.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrontMatterError> {
        let text = std::str::from_utf8(bytes).map_err(|error| FrontMatterError::NotUtf8 { at: error.valid_up_to() })?;
        if let Some(at) = text.find('\0') {
            return Err(FrontMatterError::Control { line: line_at(text, at), found: '\0' });
        }
        let has_bom = text.starts_with('\u{feff}');
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let Some((yaml, body)) = split(text)? else {
            return Ok(Self { front: None, body: text, body_line: 1, has_bom });
        };
        let front = read(yaml).map_err(|error| error.moved_down(1))?;
        let body_line = line_at(yaml, yaml.len()) + 2;
        Ok(Self { front: Some(front), body, body_line, has_bom })
    }
}

/// Returns the line, from 1, of the byte at an offset.
fn line_at(text: &str, offset: usize) -> u32 {
    let ends = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    u32::try_from(ends).unwrap_or(u32::MAX - 2).saturating_add(1)
}

fn is_fence(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.trim_end_matches(['\n', '\r', ' ', '\t']).is_empty())
}

/// Returns the YAML and the body; `None` when the text does not start with a fence.
fn split(text: &str) -> Result<Option<(&str, &str)>, FrontMatterError> {
    let first = text.split_inclusive('\n').next().unwrap_or_default();
    if !is_fence(first) {
        return Ok(None);
    }
    let rest = &text[first.len()..];
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if is_fence(line) {
            return Ok(Some((&rest[..end], &rest[end + line.len()..])));
        }
        end += line.len();
        if end > MAX_FRONT_MATTER_BYTES {
            return Err(FrontMatterError::TooLong);
        }
    }
    Err(FrontMatterError::Unclosed)
}

fn read(yaml: &str) -> Result<FrontMatter, FrontMatterError> {
    if let Some((at, found)) = control(yaml) {
        return Err(FrontMatterError::Control { line: line_at(yaml, at), found });
    }
    let (parsed, repaired) = match yaml::parse(yaml) {
        Ok(parsed) => (parsed, false),
        Err(error @ FrontMatterError::Syntax { .. }) => {
            let text = yaml::repair(yaml).ok_or_else(|| error.clone())?;
            (yaml::parse(&text).map_err(|_| error)?, true)
        }
        Err(error) => return Err(error),
    };
    let mut map = parsed.map;
    map.move_down(1);
    let tab_line = yaml.find('\t').map(|at| line_at(yaml, at) + 1);
    Ok(FrontMatter { map, repaired, flow_line: parsed.flow_line.map(|line| line + 1), tab_line })
}

/// Finds a control character that YAML readers treat in different ways, such as a CR without LF.
fn control(yaml: &str) -> Option<(usize, char)> {
    let mut chars = yaml.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let line_end = c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n');
        if c.is_control() && !matches!(c, '\n' | '\t') && !line_end {
            return Some((at, c));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn front(text: &str) -> FrontMatter {
        Document::parse(text.as_bytes()).expect("readable").front.expect("has front matter")
    }

    fn error(text: &str) -> FrontMatterError {
        Document::parse(text.as_bytes()).expect_err("refused")
    }

    #[test]
    fn splits_front_matter_from_body() {
        let document = Document::parse(b"---\nname: pdf\ndescription: Fill forms.\n---\n# Body\n").expect("readable");
        assert_eq!(document.body, "# Body\n");
        assert_eq!(document.body_line, 5);
        let front = document.front.expect("has front matter");
        assert_eq!(front.name(), Some("pdf"));
        assert_eq!(front.description(), Some("Fill forms."));
        assert_eq!(front.map.field("description").map(|field| field.line), Some(3));
        assert!(!front.repaired);
    }

    #[test]
    fn a_file_without_a_fence_has_no_front_matter() {
        for text in ["", "# Title\n", "----\nname: x\n---\n", " ---\nname: x\n---\n", "---name: x\n---\n"] {
            let document = Document::parse(text.as_bytes()).expect("readable");
            assert_eq!((document.front, document.body), (None, text));
        }
    }

    #[test]
    fn byte_order_mark_and_crlf_are_accepted() {
        let document = Document::parse("\u{feff}---\r\nname: pdf\r\n---\r\nBody\r\n".as_bytes()).expect("readable");
        assert!(document.has_bom);
        assert_eq!(document.body, "Body\r\n");
        assert_eq!(document.front.expect("has front matter").name(), Some("pdf"));
        let end = Document::parse(b"---\nname: pdf\n---").expect("readable");
        assert_eq!((end.body, end.front.is_some()), ("", true));
    }

    #[test]
    fn dashes_within_a_value_do_not_end_it() {
        let front = front("---\ndescription: before --- after\nnotes: |\n  ---\n  still\nname: x\n---\n---\n");
        assert_eq!(front.description(), Some("before --- after"));
        assert_eq!(front.get("notes"), Some(&Value::Text("---\nstill\n".to_owned())));
        assert_eq!(front.name(), Some("x"));
    }

    #[test]
    fn scalars_stay_the_text_that_was_written() {
        let front = front(
            "---\na: yes\nb: 1e3\nc: 0o7\nd: 2026-11-22\ne: 1.10\nf: null\ng: ~\nh: .inf\ni:\nj: 0x1F\nk: True\n---\n",
        );
        let texts: Vec<_> = front.map.fields().iter().map(|field| field.value.as_text().expect("text")).collect();
        assert_eq!(texts, ["yes", "1e3", "0o7", "2026-11-22", "1.10", "null", "~", ".inf", "", "0x1F", "True"]);
    }

    #[test]
    fn nested_values_are_found_by_path() {
        let front = front(
            "---\nmetadata:\n  version: 1.0\n  dev.skillmeat:\n    digest: x\ntools: [Read, Write]\nmore:\n- a\n---\n",
        );
        assert_eq!(front.get("metadata.version").and_then(Value::as_text), Some("1.0"));
        assert_eq!(front.get("metadata.dev.skillmeat.digest").and_then(Value::as_text), Some("x"));
        assert_eq!(front.get("metadata.nothing"), None);
        assert_eq!(front.get("tools.x"), None);
        assert_eq!(front.flow_line, Some(6));
        let items = [Value::Text("Read".to_owned()), Value::Text("Write".to_owned())];
        assert_eq!(front.get("tools"), Some(&Value::List(items.to_vec())));
    }

    #[test]
    fn unquoted_colons_are_repaired_and_said() {
        let text = "---\nname: x\ndescription: Use when: it's a PDF\n  and more: here\n\nargument-hint: [a] [b]\nkind: *\nlast: ok\n---\n";
        let front = front(text);
        assert!(front.repaired);
        assert_eq!(front.description(), Some("Use when: it's a PDF and more: here"));
        assert_eq!(front.get("argument-hint").and_then(Value::as_text), Some("[a] [b]"));
        assert_eq!(front.get("kind").and_then(Value::as_text), Some("*"));
        assert_eq!(front.map.field("last").map(|field| field.line), Some(8));
    }

    #[test]
    fn what_cannot_be_repaired_keeps_its_first_error() {
        assert!(matches!(error("---\nname: x\ndescription: \"open\n---\n"), FrontMatterError::Syntax { .. }));
        assert!(matches!(error("---\nname: x\n\tb: c\n  d\n---\n"), FrontMatterError::Syntax { .. }));
    }

    #[test]
    fn duplicate_keys_are_refused() {
        let expected = FrontMatterError::Duplicate { key: "name".to_owned(), line: 4 };
        assert_eq!(error("---\nname: a\nx: y\nname: b\n---\n"), expected);
        assert_eq!(error("---\nname: a\nx: y\n\"name\": b\n---\n"), expected);
        assert!(matches!(error("---\nm:\n  a: 1\n  a: 2\n---\n"), FrontMatterError::Duplicate { line: 4, .. }));
    }

    #[test]
    fn yaml_that_changes_meaning_is_refused() {
        let refused = |yaml: &str| matches!(error(&format!("---\n{yaml}\n---\n")), FrontMatterError::Refused { .. });
        for yaml in [
            "a: &x 1\nb: *x",
            "a: &x [*x]",
            "base: {a: 1}\n<<: {name: x}",
            "name: !!python/object:os.system x",
            "name: !!str x",
            "? [a]\n: b",
            "name: x\n...\nname: y",
        ] {
            assert!(refused(yaml), "{yaml}");
        }
        assert!(matches!(error("---\n- a\n---\n"), FrontMatterError::NotMap { line: 2 }));
        assert!(matches!(error("---\njust text\n---\n"), FrontMatterError::NotMap { .. }));
        assert!(matches!(error("---\n%YAML 1.1\n---\n"), FrontMatterError::Syntax { .. }));
    }

    #[test]
    fn broken_bytes_are_refused() {
        let not_utf8 = Document::parse(b"---\nname: \xff\n---\n").expect_err("refused");
        assert_eq!(not_utf8, FrontMatterError::NotUtf8 { at: 10 });
        assert_eq!(error("---\nname: x\n---\nbo\0dy"), FrontMatterError::Control { line: 4, found: '\0' });
        assert_eq!(error("---\nname: x\rlicense: MIT\n---\n"), FrontMatterError::Control { line: 2, found: '\r' });
        assert!(matches!(error("---\nname: x\u{1b}[2J\n---\n"), FrontMatterError::Control { .. }));
        assert_eq!(error("---\nname: x\n"), FrontMatterError::Unclosed);
        assert_eq!(error("---"), FrontMatterError::Unclosed);
    }

    #[test]
    fn bombs_are_refused_quickly() {
        let laughs: String =
            (1..30).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(9))).collect();
        let keys: String = (0..9_000).map(|n| format!("k{n}: 1\n")).collect();
        let texts = [
            format!("---\na0: &a0 x\n{laughs}---\n"),
            format!("---\na: {}\n---\n", "[".repeat(30_000)),
            format!("---\na:\n  {}\n---\n", "- ".repeat(30_000)),
            format!("---\n{}\n---\n", (0..200).map(|n| format!("{}a:\n", " ".repeat(n))).collect::<String>()),
            format!("---\n{}---\n", "a: b: c\n".repeat(8_000)),
            format!("---\n{keys}k1: 2\n---\n"),
            format!("---\ndescription: {}\n---\n", "x".repeat(MAX_FRONT_MATTER_BYTES)),
            format!("---\n{}", "x: y\n".repeat(2_000_000)),
        ];
        for text in texts {
            let start = Instant::now();
            assert!(Document::parse(text.as_bytes()).is_err(), "{:.40}", text);
            assert!(start.elapsed() < Duration::from_secs(1), "{:.40}", text);
        }
    }

    #[test]
    fn a_large_body_is_not_limited() {
        let text = format!("---\nname: x\n---\n{}", "a".repeat(1 << 20));
        assert_eq!(Document::parse(text.as_bytes()).expect("readable").body.len(), 1 << 20);
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        let text = error("---\n\"a\\eb\": 1\n\"a\\eb\": 2\n---\n").to_string();
        assert!(text.contains("\\u{1b}") && !text.contains('\u{1b}'), "{text}");
    }
}
