//! Errors in three lines: what failed, what caused it, what to do next.

use std::error::Error as StdError;
use std::io::Write as _;
use std::process::ExitCode;

use schemars::JsonSchema;
use serde::Serialize;

use super::Format;
use super::report::json_text;
use super::text::clean;
use crate::model::Class;
use crate::signature::MinisignVerdict;
use crate::trust::Lack;

/// Longest message or cause, in bytes, and most causes: together with the hint an error stays under 4 KiB.
const MAX_PART_BYTES: usize = 600;
const MAX_CAUSES: usize = 4;

/// What is known of a release that was refused. Nothing of it is believed, unless the verdict is `good`.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct Standing {
    /// `good` (and too little for the policy), `bad`, `unknown-key`, `expired`, `not-yet-valid`, `wrong-namespace`, `revoked`,
    /// `unsigned`, `cannot-check`; by the ledger of a vault also `not-allowed` and `not-listed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) verdict: Option<&'static str>,
    /// Whose key signed it, by the list of allowed signers or the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<String>,
    /// The key that signed it, where the signature over its tag holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fingerprint: Option<String>,
    /// The level that it reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) level: Option<u8>,
    /// Why it is no higher one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<Lack>,
    /// What is known of the signature of minisign beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) minisign: Option<MinisignVerdict>,
}

/// A command that did not do what it was asked to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Failure {
    /// Kind of the error.
    pub(super) class: Class,
    /// What failed.
    pub(super) message: String,
    /// What caused it, nearest first.
    pub(super) causes: Vec<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
    /// What is known of a release that was refused.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(super) standing: Option<Box<Standing>>,
}

impl Failure {
    /// Makes a failure with a message of its own.
    pub(super) fn new(class: Class, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { class, message: bounded(&message.into()), causes: Vec::new(), hint: Some(hint.into()), standing: None }
    }

    /// Makes a failure from an error: its message, and those of its sources as causes.
    pub(super) fn of(error: &dyn StdError, class: Class, hint: Option<String>) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut source = error.source();
        let message = bounded(&error.to_string());
        while let Some(cause) = source.filter(|_| causes.len() < MAX_CAUSES) {
            let text = bounded(&cause.to_string());
            if !message.contains(&text) && causes.last() != Some(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self { class, message, causes, hint, standing: None }
    }

    /// Sets what caused it, nearest first; at most [`MAX_CAUSES`] are told.
    pub(super) fn caused_by(mut self, causes: &[String]) -> Self {
        self.causes = causes.iter().take(MAX_CAUSES).map(|cause| bounded(cause)).collect();
        self
    }

    /// Sets what is known of the release that was refused.
    pub(super) fn standing(self, standing: Option<Standing>) -> Self {
        Self { standing: standing.map(Box::new), ..self }
    }

    /// Adds a cause, unless so many are told already.
    pub(super) fn also(&mut self, cause: &str) {
        if self.causes.len() < MAX_CAUSES {
            self.causes.push(bounded(cause));
        }
    }

    /// Puts everything into the message: what a server says to someone who pushes is read in one line.
    pub(super) fn in_one_line(mut self) -> Self {
        for cause in self.causes.drain(..) {
            self.message.push_str(&format!(": {cause}"));
        }
        if let Some(hint) = self.hint.take() {
            self.message.push_str(&format!("; {hint}"));
        }
        self
    }

    /// Prints the failure and returns the exit status.
    pub(super) fn print(self, format: Format) -> ExitCode {
        let status = ExitCode::from(self.class.exit_status());
        if format == Format::Json {
            let value = serde_json::json!({"schema": "skillmeat.error/1", "error": self});
            let _ = writeln!(std::io::stdout(), "{}", json_text(&value));
            return status;
        }
        let mut text = format!("error: {}\n", clean(&self.message));
        for cause in &self.causes {
            text.push_str(&format!("caused by: {}\n", clean(cause)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", clean(hint)));
        }
        // Nothing is left to report to when standard error is gone.
        let _ = write!(anstream::stderr(), "{text}");
        status
    }
}

/// Returns at most [`MAX_PART_BYTES`] of the cleaned text: what came from outside must not flood the terminal.
fn bounded(text: &str) -> String {
    let mut text = clean(text);
    if text.len() > MAX_PART_BYTES {
        text.truncate(text.floor_char_boundary(MAX_PART_BYTES - '…'.len_utf8()));
        text.push('…');
    }
    text
}

/// Prints what clap says of a wrong command line; help and version are no failure.
///
/// `wants_json` tells whether the line asks for JSON: it could not be parsed, but a program still reads the answer.
pub(super) fn usage(error: &clap::Error, wants_json: bool) -> ExitCode {
    if !error.use_stderr() || !wants_json {
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
    }
    let text = error.render().to_string();
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|line| !line.is_empty())
        .collect();
    let message = lines.join(" ").trim_start_matches("error: ").to_owned();
    Failure::new(Class::Usage, message, "`--help` after the command shows how to write it").print(Format::Json)
}
