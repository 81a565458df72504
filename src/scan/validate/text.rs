//! Checks of every file, whatever it is for.

use memchr::memchr;
use memchr::memmem;

use super::{At, Report, told, unseen};
use crate::model::{FileMode, TreePath};
use crate::scan::{Severity, secrets};

/// Shortest run of base64 that is worth a word, in bytes.
const MIN_ENCODED_BYTES: usize = 512;

/// First bytes of programs: ELF, Windows, Mach-O in both orders, and universal Mach-O.
const PROGRAMS: [&[u8]; 5] = [b"\x7fELF", b"MZ", b"\xcf\xfa\xed\xfe", b"\xfe\xed\xfa\xcf", b"\xca\xfe\xba\xbe"];

const TEXT_EXTENSIONS: [&str; 12] = ["md", "txt", "json", "yaml", "yml", "toml", "sh", "py", "js", "ts", "html", "xml"];

/// Commands that fetch a script.
const DOWNLOADERS: [&str; 4] = ["curl ", "wget ", "iwr ", "Invoke-WebRequest "];

/// Start of a comment in HTML, and so in Markdown.
const COMMENT: &str = "<!--";

pub(super) fn file(report: &mut Report, path: &TreePath, mode: FileMode, bytes: &[u8]) {
    let at = At::file(path);
    if mode == FileMode::Executable {
        report.add("file.executable", Severity::Info, at, "the file is marked as a program");
    }
    if PROGRAMS.iter().any(|start| bytes.starts_with(start)) {
        report.add("file.program", Severity::Warning, at, "the file is a compiled program, which nobody can read");
    }
    secrets_in(report, path, bytes);
    for hit in secrets::find(path.as_str().as_bytes()) {
        report.strict(hit.id, Severity::Warning, at, format!("the name of the file looks like a {}", hit.what));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if memchr(0, bytes).is_none() => readable(report, path, text),
        _ => {
            let extension = path.file_name().rsplit_once('.').map_or("", |(_, extension)| extension);
            let is_named_text = TEXT_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str());
            unseen::in_bytes(report, path, bytes, is_named_text);
            if is_named_text {
                report.strict(
                    "text.not-utf8",
                    Severity::Warning,
                    at,
                    "the file is not UTF-8, so that its text was not checked",
                );
            }
        }
    }
}

fn secrets_in(report: &mut Report, path: &TreePath, bytes: &[u8]) {
    let (mut line, mut counted) = (1_u32, 0);
    for hit in secrets::find(bytes) {
        let ends = bytes[counted..hit.range.start].iter().filter(|b| **b == b'\n').count();
        line = line.saturating_add(u32::try_from(ends).unwrap_or(u32::MAX));
        counted = hit.range.start;
        report.strict(hit.id, Severity::Warning, At::line(path, line), hit.message(bytes));
    }
}

fn readable(report: &mut Report, path: &TreePath, text: &str) {
    unseen::in_text(report, path, text);
    // Whole-text looks are many times faster than line by line, and most texts have none of these.
    let has = |word: &str| memmem::find(text.as_bytes(), word.as_bytes()).is_some();
    let is_markdown = path.file_name().to_ascii_lowercase().ends_with(".md");
    let may_pipe = has("|") && DOWNLOADERS.iter().any(|word| has(word));
    let may_comment = is_markdown && has(COMMENT);
    if may_pipe || may_comment {
        marked_lines(report, path, text, may_comment);
    }
    if let Some(start) = encoded_data(text.as_bytes()) {
        let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
        let number = u32::try_from(line + 1).unwrap_or(u32::MAX);
        let message = "a long run of encoded data, which cannot be checked";
        report.add("text.encoded-data", Severity::Info, At::line(path, number), message);
    }
}

fn marked_lines(report: &mut Report, path: &TreePath, text: &str, may_comment: bool) {
    for (number, line) in (1_u32..).zip(text.lines()) {
        let at = At::line(path, number);
        if pipes_into_shell(line) {
            report.add(
                "text.pipe-to-shell",
                Severity::Warning,
                at,
                format!("what is downloaded is run: '{}'", told(line.trim())),
            );
        }
        if may_comment && line.contains(COMMENT) {
            report.add(
                "text.html-comment",
                Severity::Info,
                at,
                "a comment that a model reads and a rendered page hides",
            );
        }
    }
}

/// Tells `curl … | sh` and its kin.
fn pipes_into_shell(line: &str) -> bool {
    let Some(from) = DOWNLOADERS.iter().filter_map(|word| line.find(word)).min() else {
        return false;
    };
    line[from..].split('|').skip(1).any(|part| {
        let mut words = part.split_whitespace().skip_while(|word| matches!(*word, "sudo" | "env" | "-E"));
        let program = words.next().unwrap_or_default().trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '/');
        let program = program.rsplit('/').next().unwrap_or_default();
        matches!(
            program,
            "sh" | "bash" | "zsh" | "dash" | "fish" | "python" | "python3" | "node" | "perl" | "ruby" | "iex" | "pwsh"
        )
    })
}

/// Returns where the first long run of encoded data starts: letters of both cases and digits.
///
/// A run that long covers one of the places that are its least length apart, so only these are looked at.
fn encoded_data(text: &[u8]) -> Option<usize> {
    let is_code = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let mut at = MIN_ENCODED_BYTES - 1;
    while at < text.len() {
        let start = at - text[..at].iter().rev().take_while(is_code).count();
        let end = at + text[at..].iter().take_while(is_code).count();
        let run = &text[start..end.max(start)];
        let has = |test: fn(&u8) -> bool| run.iter().any(test);
        if run.len() >= MIN_ENCODED_BYTES
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_digit)
        {
            return Some(start);
        }
        at = end.max(at) + MIN_ENCODED_BYTES;
    }
    None
}
