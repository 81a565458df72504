//! What a command has to say: the same facts as text and as JSON.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use super::Format;
use crate::model::hidden::is_hidden;

/// The result of a command.
pub(super) struct Report {
    schema: String,
    data: serde_json::Value,
    text: String,
    notes: Vec<String>,
    status: u8,
    fetched_bytes: u64,
}

/// What JSON output looks like, whatever the command.
#[derive(Serialize)]
struct Envelope<'a> {
    schema: &'a str,
    #[serde(skip_serializing_if = "is_nothing")]
    fetched_bytes: u64,
    data: &'a serde_json::Value,
}

fn is_nothing(bytes: &u64) -> bool {
    *bytes == 0
}

impl Report {
    /// Makes a report whose JSON follows `schema/output/<command>.schema.json`.
    pub(super) fn new(command: &str, data: &impl Serialize, text: impl Into<String>) -> Self {
        let data = serde_json::to_value(data).unwrap_or(serde_json::Value::Null);
        Self {
            schema: format!("skillmeat.{command}/1"),
            data,
            text: text.into(),
            notes: Vec::new(),
            status: 0,
            fetched_bytes: 0,
        }
    }

    /// Adds a line for people, on standard error.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Tells how much was fetched, in bytes, where anything was.
    pub(super) fn fetched(self, bytes: u64) -> Self {
        let report = Self { fetched_bytes: bytes, ..self };
        if bytes == 0 { report } else { report.note(format!("Fetched {}", super::text::size(bytes))) }
    }

    /// Sets the exit status.
    pub(super) fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Prints the report and returns the exit status.
    pub(super) fn print(self, format: Format, quiet: bool) -> ExitCode {
        let written = match format {
            Format::Json => {
                let envelope = Envelope { schema: &self.schema, fetched_bytes: self.fetched_bytes, data: &self.data };
                writeln!(std::io::stdout(), "{}", json_text(&envelope))
            }
            Format::Human if quiet => Ok(()),
            Format::Human => print(&self.text),
        };
        let flushed = written.and_then(|()| std::io::stdout().flush());
        if !quiet && format == Format::Human {
            for note in &self.notes {
                // Nothing is left to report to when standard error is gone.
                let _ = writeln!(anstream::stderr(), "{note}");
            }
        }
        match flushed {
            Ok(()) => ExitCode::from(self.status),
            // The reader has seen enough, as `head` does.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(self.status),
            Err(error) => {
                let _ = writeln!(anstream::stderr(), "error: cannot write to standard output\ncaused by: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Returns JSON in which no character steers a terminal or cannot be seen: those are escaped, as JSON may do everywhere.
pub(super) fn json_text(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// Prints text in one piece: the stream that drops colours by itself writes line by line.
fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    match anstream::AutoStream::choice(&out) {
        anstream::ColorChoice::Never => out.write_all(anstream::adapter::strip_str(text).to_string().as_bytes()),
        _ => out.write_all(text.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_holds_no_character_that_steers_a_terminal() {
        let value = serde_json::json!({"a\u{202e}": "\u{9b}31m \u{1b} \u{e0041} é \u{7f}\n"});
        let text = json_text(&value);
        assert!(text.is_ascii() || text.chars().all(|c| c == 'é' || c.is_ascii()), "{text:?}");
        assert!(!text.contains('\u{7f}') && text.contains("\\u009b31m"), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
    }
}
