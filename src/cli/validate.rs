//! `validate`: findings for people, for programs and for forges.

use super::failure::Failure;
use super::report::Report;
use super::sarif;
use super::session::Session;
use super::text::{FAINT, NAME, WARNING, clean, count};
use crate::ops::collection::{self, Validation};
use crate::scan::{Level, Severity};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  git skillmeat validate\n  git skillmeat validate skill/pdf --strict\n  \
    git skillmeat validate --sarif > findings.sarif\n  git skillmeat validate skill/pdf --accept text.html-comment\n\n\
    Exit status 3 if an error is found that is not accepted. No finding does not mean harmless.")]
pub(super) struct Validate {
    /// Only these artifacts
    #[arg(value_name = "REF")]
    artifacts: Vec<String>,
    /// The rules for publishing, not only those for use
    #[arg(long)]
    strict: bool,
    /// What the next commit would have, instead of the last one
    #[arg(long)]
    staged: bool,
    /// Print SARIF 2.1.0
    #[arg(long)]
    sarif: bool,
    /// Record that findings with this id are accepted; may be given several times
    #[arg(long, value_name = "ID", conflicts_with_all = ["staged", "sarif"])]
    accept: Vec<String>,
}

impl Validate {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        let level = if self.strict { Level::Strict } else { Level::Lenient };
        let wish = collection::Validate { artifacts: self.artifacts, level, staged: self.staged };
        if !self.accept.is_empty() {
            let (opened, _lock) = session.collection_to_change()?;
            collection::accept(&session.context, &opened, &wish, &self.accept)?;
        }
        let validation = collection::validate(&session.collection()?, &wish)?;
        let text = if self.sarif {
            serde_json::to_string_pretty(&sarif::log(&validation)).unwrap_or_default() + "\n"
        } else {
            text(&validation)
        };
        let report = Report::new("validate", &validation, text);
        Ok(if validation.errors > 0 { report.status(3) } else { report })
    }
}

fn text(validation: &Validation) -> String {
    let mut text = String::new();
    for item in &validation.artifacts {
        text.push_str(&format!("{NAME}{}{NAME:#}\n", item.artifact));
        for judged in &item.findings {
            let finding = &judged.finding;
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            let (word, style) = match finding.severity {
                _ if judged.accepted => ("accepted", FAINT),
                Severity::Error => ("error", WARNING),
                Severity::Warning => ("warning", WARNING),
                Severity::Info => ("note", FAINT),
            };
            let message = clean(&finding.message);
            text.push_str(&format!("  {style}{word:8}{style:#} {}{line}: {message} [{}]\n", finding.path, finding.id));
        }
    }
    let (errors, warnings) = (count(validation.errors, "error"), count(validation.warnings, "warning"));
    text + &format!("{}: {errors}, {warnings}\n", count(validation.checked, "artifact"))
}
