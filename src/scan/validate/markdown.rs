//! Skills, agents and commands: Markdown with front matter.

use unicode_normalization::UnicodeNormalization;

use super::unseen::{self, Told};
use super::{ArtifactFile, At, Report, told};
use crate::model::{
    ArtifactRef, Document, Field, FrontMatter, FrontMatterError, MAX_NAME_SEGMENT_BYTES, TreePath, Value,
};
use crate::scan::Severity;

/// Keys of the specification; upload to claude.ai refuses all others.
const SKILL_KEYS: [&str; 6] = ["name", "description", "license", "compatibility", "metadata", "allowed-tools"];

/// Longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// Longest compatibility note, in characters.
const MAX_COMPATIBILITY_CHARS: usize = 500;

/// Lines of body that the specification recommends at most.
const MAX_BODY_LINES: usize = 500;

pub(super) fn skill(report: &mut Report, artifact: &ArtifactRef, files: &[ArtifactFile<'_>]) {
    let Some((path, bytes)) = skill_file(report, artifact, files) else {
        return;
    };
    let Some(document) = read(report, path, bytes, Severity::Error) else {
        return;
    };
    let Some(front) = &document.front else {
        report.error(
            "frontmatter.missing",
            At::file(path),
            "the file does not start with front matter between '---' lines",
        );
        return;
    };
    skill_name(report, artifact, path, front);
    skill_description(report, path, front);
    skill_fields(report, path, front);
    body(report, path, &document);
    if document.body.lines().count() > MAX_BODY_LINES {
        let message =
            format!("the body has more than {MAX_BODY_LINES} lines; move parts to files that are read when needed");
        report.add("skill.body-long", Severity::Info, At::file(path), message);
    }
    let has_licence_file = files.iter().any(|(path, ..)| is_licence(path.as_str()));
    if front.license().is_none() && !has_licence_file {
        let message = "the skill says nothing about its licence, here or in a LICENSE file";
        report.add("licence.missing", Severity::Info, At::file(path), message);
    }
}

fn skill_file<'a>(
    report: &mut Report,
    artifact: &ArtifactRef,
    files: &'a [ArtifactFile<'_>],
) -> Option<(&'a TreePath, &'a [u8])> {
    let of = |name: &str| files.iter().find(|(path, ..)| path.as_str() == name);
    if let Some((path, _, bytes)) = of("SKILL.md") {
        return Some((path, bytes));
    }
    if let Some((path, _, bytes)) = of("skill.md") {
        report.strict("skill.lower-case-file", Severity::Warning, At::file(path), "most clients read SKILL.md only");
        return Some((path, bytes));
    }
    missing(report, &artifact.main_path(), "skill.missing-file");
    None
}

/// Reports that the main file is not there; `main` is its path in a collection.
fn missing(report: &mut Report, main: &TreePath, id: &'static str) {
    if let Ok(path) = main.file_name().parse() {
        report.error(id, At::file(&path), "the artifact has no such file");
    }
}

pub(super) fn agent(report: &mut Report, artifact: &ArtifactRef, files: &[ArtifactFile<'_>]) {
    let [(path, _, bytes)] = files else {
        missing(report, &artifact.main_path(), "agent.missing-file");
        return;
    };
    let Some(document) = read(report, path, bytes, Severity::Error) else {
        return;
    };
    let Some(front) = &document.front else {
        report.error(
            "frontmatter.missing",
            At::file(path),
            "the file does not start with front matter between '---' lines",
        );
        return;
    };
    match front.name() {
        None => report.error("agent.name-missing", At::file(path), "an agent without a name is skipped by clients"),
        Some(name) if name != artifact.name.as_str() => {
            let message = format!("the agent calls itself '{}' and not '{}'", told(name), artifact.name);
            report.strict("agent.name-mismatch", Severity::Warning, at_key(path, front, "name"), message);
        }
        Some(_) => {}
    }
    if front.description().is_none() {
        report.error(
            "agent.description-missing",
            At::file(path),
            "an agent without a description is skipped by clients",
        );
    }
    body(report, path, &document);
}

pub(super) fn command(report: &mut Report, files: &[ArtifactFile<'_>]) {
    for (path, _, bytes) in files {
        if let Some(document) = read(report, path, bytes, report.level.or(Severity::Warning)) {
            body(report, path, &document);
        }
    }
}

/// Reads front matter and reports how it is written.
fn read<'a>(report: &mut Report, path: &TreePath, bytes: &'a [u8], unreadable: Severity) -> Option<Document<'a>> {
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(error) => {
            let id = match error {
                FrontMatterError::Unclosed => "frontmatter.unclosed",
                FrontMatterError::Duplicate { .. } => "frontmatter.duplicate-key",
                _ => "frontmatter.unreadable",
            };
            report.add(id, unreadable, At { path, line: error.line() }, error.to_string());
            unseen::in_escapes(report, path, bytes);
            return None;
        }
    };
    if document.has_bom {
        report.strict("frontmatter.bom", Severity::Info, At::line(path, 1), "the file starts with a byte order mark");
    }
    let Some(front) = &document.front else {
        return Some(document);
    };
    if front.repaired {
        let message = "this is not YAML as it stands: quote the values that hold ': '";
        report.strict("frontmatter.repaired", Severity::Warning, At::line(path, 1), message);
    }
    let raw = std::str::from_utf8(bytes).unwrap_or_default();
    let head = raw.strip_suffix(document.body).unwrap_or_default().trim_end_matches(['\n', '\r', ' ', '\t', '-']);
    if let Some(number) =
        (1_u32..).zip(head.lines()).skip(1).find(|(_, line)| line.contains("---")).map(|(number, _)| number)
    {
        let message = "'---' within the front matter, where the reference validator and others end it";
        report.add("frontmatter.dashes", Severity::Warning, At::line(path, number), message);
    }
    let told = Told::of(raw);
    for field in front.map.fields() {
        escapes(report, path, field, &told);
    }
    if let Some(field) = front.map.field("hooks") {
        let message = "the front matter holds hooks, which run commands";
        report.add("frontmatter.hooks", Severity::Warning, At::line(path, field.line), message);
    }
    Some(document)
}

/// Reports hidden characters that are written as escapes, such as `"\u202E"`.
fn escapes(report: &mut Report, path: &TreePath, field: &Field, told: &Told) {
    let at = At::line(path, field.line);
    unseen::in_value(report, at, &field.key, told);
    let mut waiting = vec![&field.value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Text(text) => unseen::in_value(report, at, text, told),
            Value::List(items) => waiting.extend(items),
            Value::Map(map) => map.fields().iter().for_each(|field| escapes(report, path, field, told)),
        }
    }
}

fn body(report: &mut Report, path: &TreePath, document: &Document<'_>) {
    let mut lines = document.body.lines().skip_while(|line| line.trim().is_empty());
    let starts_again = document.front.is_some() && lines.next().is_some_and(|line| line.trim_end() == "---");
    if starts_again && lines.next().is_some_and(|line| line.split_once(':').is_some_and(|(key, _)| !key.contains(' ')))
    {
        let message = "a second block of front matter: programs differ in which one they read";
        report.strict("frontmatter.second", Severity::Warning, At::line(path, document.body_line), message);
    }
    for (number, line) in (document.body_line..).zip(document.body.lines()) {
        for command in commands_in(line) {
            let message = format!("may run '{}' when it is loaded", super::told_command(command));
            report.add("text.runs-command", Severity::Info, At::line(path, number), message);
        }
    }
}

/// Returns what Claude Code runs before the model sees the text: !`…` that does not follow a word, and blocks
/// that start with three backquotes and `!`, of which the lines follow.
fn commands_in(line: &str) -> Vec<&str> {
    if let Some(first) = line.trim_start().strip_prefix("```!") {
        return vec![if first.trim().is_empty() { "the lines below" } else { first.trim() }];
    }
    let starts = line.match_indices("!`").filter(|(at, _)| !line[..*at].ends_with(char::is_alphanumeric));
    starts.filter_map(|(at, _)| line[at + 2..].split_once('`')).map(|(command, _)| command).collect()
}

fn at_key<'a>(path: &'a TreePath, front: &FrontMatter, key: &str) -> At<'a> {
    At { path, line: front.map.field(key).map(|field| field.line) }
}

/// The rules of the reference validator for names, in its order, on the NFKC form.
fn skill_name(report: &mut Report, artifact: &ArtifactRef, path: &TreePath, front: &FrontMatter) {
    let at = at_key(path, front, "name");
    let Some(name) = front.name() else {
        report.strict("skill.name-missing", Severity::Warning, at, "the skill has no name");
        return;
    };
    let is_ascii = name.is_ascii();
    let name: String = name.nfkc().collect();
    if name.chars().count() > MAX_NAME_SEGMENT_BYTES {
        let message = format!("the name is longer than {MAX_NAME_SEGMENT_BYTES} characters");
        report.strict("skill.name-long", Severity::Warning, at, message);
    }
    let dashes = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    let characters = name.chars().all(|c| c == '-' || c.is_alphanumeric());
    if name.to_lowercase() != name || dashes || !characters {
        let message =
            format!("'{}' is not a name of lower-case letters, digits and single '-' between them", told(&name));
        report.strict("skill.name-form", Severity::Warning, at, message);
    } else if !is_ascii {
        let message = format!("'{}' has letters that many clients do not accept; use a to z", told(&name));
        report.strict("skill.name-not-ascii", Severity::Warning, at, message);
    }
    if name != artifact.name.as_str() {
        let message = format!("the skill calls itself '{}' in a folder called '{}'", told(&name), artifact.name);
        report.strict("skill.name-mismatch", Severity::Warning, at, message);
    }
}

fn skill_description(report: &mut Report, path: &TreePath, front: &FrontMatter) {
    let at = at_key(path, front, "description");
    match front.description() {
        None => report.error("skill.description-missing", at, "a skill without a description is never chosen"),
        Some(text) if text.chars().count() > MAX_DESCRIPTION_CHARS => {
            let message = format!("the description is longer than {MAX_DESCRIPTION_CHARS} characters");
            report.strict("skill.description-long", Severity::Warning, at, message);
        }
        Some(_) => {}
    }
}

fn skill_fields(report: &mut Report, path: &TreePath, front: &FrontMatter) {
    if let Some(line) = front.tab_line {
        report.strict("frontmatter.tab", Severity::Warning, At::line(path, line), "the front matter holds a tab");
    }
    if let Some(line) = front.flow_line {
        let message = "lists and maps in brackets are refused by the reference validator";
        report.strict("frontmatter.flow", Severity::Info, At::line(path, line), message);
    }
    for Field { key, value, line } in front.map.fields() {
        let at = At::line(path, *line);
        if !SKILL_KEYS.contains(&key.as_str()) {
            let message = format!("'{}' is not one of {}", told(key), SKILL_KEYS.join(", "));
            report.strict("skill.unknown-field", Severity::Info, at, message);
            continue;
        }
        let is_right = match (key.as_str(), value) {
            ("metadata", Value::Map(map)) => map.fields().iter().all(|field| field.value.as_text().is_some()),
            ("metadata", _) => false,
            (_, value) => value.as_text().is_some(),
        };
        if !is_right {
            let wanted = if key == "metadata" { "a map of keys to text" } else { "text" };
            report.strict("skill.field-type", Severity::Warning, at, format!("'{key}' is not {wanted}"));
        }
        let length = value.as_text().map_or(1, |text| text.trim().chars().count());
        if key == "compatibility" && !(1..=MAX_COMPATIBILITY_CHARS).contains(&length) {
            let message = format!("the compatibility note does not have 1 to {MAX_COMPATIBILITY_CHARS} characters");
            report.strict("skill.compatibility-length", Severity::Warning, at, message);
        }
    }
}

fn is_licence(path: &str) -> bool {
    let upper = path.to_ascii_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "UNLICENSE"].iter().any(|start| upper.starts_with(start))
}
