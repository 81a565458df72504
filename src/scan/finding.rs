//! What a check has to say about one file.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::TreePath;
use crate::model::hidden;

/// How much is asked of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// To publish: the specification, word for word.
    Strict,
    /// To install: what clients load, however it is written.
    Lenient,
}

impl Level {
    /// Returns `Error` for strict and the severity given for lenient.
    pub(super) fn or(self, lenient: Severity) -> Severity {
        match self {
            Level::Strict => Severity::Error,
            Level::Lenient => lenient,
        }
    }
}

/// What a finding means for the artifact; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// To be known before one agrees.
    Info,
    /// Probably a mistake, or worth a look.
    Warning,
    /// Breaks a rule of the level asked for.
    Error,
}

/// Returns how bad a character is: errors have no use in the text of an artifact, the others have some.
pub(super) fn severity_of(class: hidden::Class) -> Severity {
    if class.is_refused() { Severity::Error } else { Severity::Warning }
}

/// One thing seen in an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// Which rule, such as `skill.name-mismatch`; stays the same over releases.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// File within the artifact.
    pub path: TreePath,
    /// Line in that file, from 1, when one is known.
    pub line: Option<u32>,
    /// One sentence with control and invisible characters escaped, without secrets.
    pub message: String,
}

/// Returns at most `most` characters of text from outside, control and invisible characters escaped.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut out = String::with_capacity(text.len().min(most));
    for c in text.chars().take(most) {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || hidden::is_unseen(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    let left_out = text.chars().skip(most).count();
    if left_out > 0 {
        out.push_str(&format!("… ({left_out} characters more)"));
    }
    out
}
