//! Checks of one artifact: what the formats ask for, and what a person should know before agreeing to it.
//!
//! The rules for skills are those of the Agent Skills specification and its reference validator (strict), or
//! of its client guide (lenient). Everything that would be run is listed. No finding does not mean harmless.

mod hooks;
mod markdown;
mod server;
mod text;
mod unseen;

use std::collections::BTreeMap;

use super::finding::shown;
use super::{Finding, Level, Severity, both_ends, count_blanks, secrets};
use crate::model::{ArtifactRef, FileMode, Kind, TreePath};

/// Most findings of one rule in one file; the rest is counted.
const MAX_SAME: usize = 20;

/// One file of an artifact: path below the artifact (for an agent or a command its file name), mode, content.
pub type ArtifactFile<'a> = (TreePath, FileMode, &'a [u8]);

/// Checks an artifact and returns what was found, sorted by file, line and rule.
///
/// Cost is linear in the size of the files. Never fails: what cannot be read is a finding.
pub fn validate(artifact: &ArtifactRef, files: &[ArtifactFile<'_>], level: Level) -> Vec<Finding> {
    let each = files.iter().flat_map(|file| validate_file(artifact.kind, file, level));
    let mut findings: Vec<Finding> = each.collect();
    findings.extend(validate_definition(artifact, files, level));
    sort_findings(&mut findings);
    findings
}

/// Checks one file of an artifact by itself, so that no two of them have to be in memory.
pub fn validate_file(kind: Kind, (path, mode, bytes): &ArtifactFile<'_>, level: Level) -> Vec<Finding> {
    let mut report = Report::new(level);
    text::file(&mut report, path, *mode, bytes);
    if kind == Kind::Hook {
        hooks::file(&mut report, path, bytes);
    }
    report.finish()
}

/// Checks what an artifact says of itself. Of `files`, only those that [`is_definition`] need their content.
pub fn validate_definition(artifact: &ArtifactRef, files: &[ArtifactFile<'_>], level: Level) -> Vec<Finding> {
    let mut report = Report::new(level);
    match artifact.kind {
        Kind::Skill => markdown::skill(&mut report, artifact, files),
        Kind::Agent => markdown::agent(&mut report, artifact, files),
        Kind::Command => markdown::command(&mut report, files),
        Kind::Hook => hooks::check(&mut report, artifact, files),
        Kind::Mcp => server::check(&mut report, files),
    }
    report.finish()
}

/// Says whether a file tells what the artifact is; its path is below the artifact.
pub fn is_definition(kind: Kind, path: &TreePath) -> bool {
    match kind {
        Kind::Skill => matches!(path.as_str(), "SKILL.md" | "skill.md"),
        Kind::Agent | Kind::Command => true,
        Kind::Hook => path.as_str() == "hooks.json",
        Kind::Mcp => path.as_str() == "server.json",
    }
}

/// Id of findings of characters that hide a message, or that nobody sees.
pub const HIDDEN_UNICODE: &str = "text.hidden-unicode";

/// Sorts findings as [`validate`] does.
pub fn sort_findings(findings: &mut [Finding]) {
    findings.sort_by(|a, b| (&a.path, a.line, a.id).cmp(&(&b.path, b.line, b.id)));
}

/// Findings as they come.
struct Report {
    level: Level,
    findings: Vec<Finding>,
    counts: BTreeMap<(&'static str, Severity, TreePath), usize>,
}

/// Where something was found.
#[derive(Clone, Copy)]
struct At<'a> {
    path: &'a TreePath,
    line: Option<u32>,
}

impl<'a> At<'a> {
    fn file(path: &'a TreePath) -> Self {
        Self { path, line: None }
    }

    fn line(path: &'a TreePath, line: u32) -> Self {
        Self { path, line: Some(line) }
    }
}

impl Report {
    fn new(level: Level) -> Self {
        Self { level, findings: Vec::new(), counts: BTreeMap::new() }
    }

    fn add(&mut self, id: &'static str, severity: Severity, at: At<'_>, message: impl Into<String>) {
        // Each severity by itself: what is worth a look must not use up what is refused.
        let count = self.counts.entry((id, severity, at.path.clone())).or_default();
        *count += 1;
        if *count <= MAX_SAME {
            self.findings.push(Finding { id, severity, path: at.path.clone(), line: at.line, message: message.into() });
        }
    }

    /// Adds an error of the strict level; the lenient one has the severity given.
    fn strict(&mut self, id: &'static str, lenient: Severity, at: At<'_>, message: impl Into<String>) {
        self.add(id, self.level.or(lenient), at, message);
    }

    fn error(&mut self, id: &'static str, at: At<'_>, message: impl Into<String>) {
        self.add(id, Severity::Error, at, message);
    }

    fn finish(mut self) -> Vec<Finding> {
        for ((id, severity, path), count) in self.counts {
            if count > MAX_SAME {
                let message = format!("{} more of this kind in the file", count - MAX_SAME);
                self.findings.push(Finding { id, severity, path, line: None, message });
            }
        }
        sort_findings(&mut self.findings);
        self.findings
    }
}

/// Returns text from outside for a message: short, escaped, without credentials.
fn told(text: &str) -> String {
    shown(&secrets::redacted(text), 80)
}

/// Returns a command for a message, nearly whole: it is what a person agrees to.
fn told_command(text: &str) -> String {
    let text = secrets::redacted(text);
    both_ends(&count_blanks(&text, |piece| shown(piece, usize::MAX)), 2_000)
}

#[cfg(test)]
mod tests;
