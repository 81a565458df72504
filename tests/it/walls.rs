//! Keeps the walls between modules: one imports only from lower levels, and no file grows without end.
//!
//! One package has no manifests to keep its parts apart, so this test does. It reads source text and needs no
//! compiler: comments and literals are blanked, then every path that starts at the root of the crate is looked at,
//! whether written `crate::a`, `crate::{a, b::c}` or as enough `super::` to get there.

use std::fs;
use std::path::{Path, PathBuf};

/// Top-level modules and their levels. A new module gets its line here first.
const LEVELS: [(&str, u8); 16] = [
    ("model", 0),
    ("pack", 1),
    ("signature", 1),
    ("scan", 1),
    ("fsio", 1),
    ("git", 2),
    ("client", 2),
    ("trust", 2),
    ("store", 2),
    ("broker", 2),
    ("feed", 2),
    ("search", 2),
    ("config", 3),
    ("ops", 3),
    ("cli", 4),
    ("web", 4),
];

/// Most lines of a source file, its `#[cfg(test)]` modules not counted. Above this it holds more than one idea.
const MAX_LINES: usize = 400;

/// The roots of the two crates, which tie all modules together.
const EXEMPT: [&str; 2] = ["lib.rs", "main.rs"];

#[test]
fn modules_import_only_from_lower_levels() {
    let found: Vec<_> = sources().iter().flat_map(|(file, text)| upward_imports(file, text)).collect();
    assert!(found.is_empty(), "a module imports only from lower levels:\n{}", found.join("\n"));
}

#[test]
fn source_files_stay_short() {
    let found: Vec<_> = sources()
        .iter()
        // Files of tests are named so, and declared under `#[cfg(test)]` by the module they test.
        .filter(|(file, _)| !file.ends_with("/tests.rs") && !file.contains("/tests/"))
        .map(|(file, text)| (file, counted_lines(text)))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(file, lines)| format!("src/{file}: {lines} lines without tests, at most {MAX_LINES}"))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn upward_and_sideways_imports_are_found() {
    for (file, text, expected) in [
        ("pack/zip.rs", "\nuse crate::git::Store;", "src/pack/zip.rs:2: 'pack' (level 1) imports 'git' (level 2)"),
        (
            "pack.rs",
            "use crate::{\n  model::A,\n  fsio::{self, B},\n};",
            "src/pack.rs:3: 'pack' (level 1) imports 'fsio'",
        ),
        ("model/a.rs", "fn f() { crate::scan::run(); }", "src/model/a.rs:1: 'model' (level 0) imports 'scan'"),
        ("ops/add.rs", "use crate::config::Options;", "'ops' (level 3) imports 'config' (level 3)"),
        ("config/mod.rs", "use crate::ops::add;", "'config' (level 3) imports 'ops' (level 3)"),
        ("cli/a.rs", "use crate::web::Page;", "'cli' (level 4) imports 'web' (level 4)"),
        ("git/mod.rs", "use super::cli::Out;", "'git' (level 2) imports 'cli' (level 4)"),
        ("git/a/b.rs", "use super::super::super::{model::Oid, ops};", "'git' (level 2) imports 'ops' (level 3)"),
        ("git.rs", "mod tests { use super::super::trust::T; }", "'git' (level 2) imports 'trust' (level 2)"),
        ("scan/a.rs", "let q = '\"'; crate::cli::x(); let r = '\"';", "'scan' (level 1) imports 'cli' (level 4)"),
        ("scan/a.rs", "fn f<'a>(x: &'a str) { crate::cli::x() }", "'scan' (level 1) imports 'cli' (level 4)"),
        ("scan/a.rs", "let s = \"\\\"\"; crate::cli::x();", "'scan' (level 1) imports 'cli' (level 4)"),
        ("trust/a.rs", "use crate::*;", "'*' at the root of the crate is no module with a level"),
        ("trust/a.rs", "use crate as root;", "'as' at the root of the crate is no module with a level"),
        ("trust/a.rs", "use crate::Everything;", "'Everything' at the root of the crate is no module with a level"),
        ("stray.rs", "", "src/stray.rs:1: 'stray' has no level"),
    ] {
        let found = upward_imports(file, text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains(expected), "{text}: {found:?}");
    }
}

#[test]
fn lower_modules_own_modules_and_mere_words_are_fine() {
    for (file, text) in [
        ("cli/a.rs", "use crate::{config::Options, ops::{self, add}, model::Kind};"),
        ("ops/add.rs", "pub(crate) use crate::ops::list::List; use crate::git::Store;"),
        ("git/a.rs", "use super::Store; pub(in crate::git) fn f() {} pub(super) fn g() {}"),
        ("git/mod.rs", "mod a { use super::b; mod c { use super::super::b; } } use self::a::d;"),
        ("pack.rs", "// crate::git\n/* crate::git /* nested */ crate::cli */\n/// [`crate::cli`]\nfn f() {}"),
        (
            "pack.rs",
            "const A: &str = \"crate::git\"; const B: &str = r#\"\"crate::git\"#; const C: &[u8] = b\"crate::git\";",
        ),
        ("pack.rs", "use other::krate::git; extern crate alloc; struct S { r#crate_: u8 }"),
        ("lib.rs", "pub use crate::cli::run;"),
    ] {
        assert_eq!(upward_imports(file, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn lines_of_test_modules_are_not_counted() {
    let code = "fn f() {}\n".repeat(MAX_LINES);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    fn t() {}\n".repeat(50));
    assert_eq!(counted_lines(&code), MAX_LINES);
    assert_eq!(counted_lines(&format!("{code}{tests}")), MAX_LINES);
    assert_eq!(counted_lines(&format!("{tests}{code}// after\n")), MAX_LINES + 1);
    assert_eq!(counted_lines("#[cfg(test)]\nuse a::b;\nfn f() {}\n"), 3);
}

/// Returns every source file with its path below `src`, `/` between folders, in order of the paths.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be listed") {
            let path = entry.expect("src can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 2, "the walk found no modules");
    let name = |path: &Path| {
        let parts = path.strip_prefix(&root).expect("found below src").iter();
        parts.map(|part| part.to_str().expect("our names are ASCII")).collect::<Vec<_>>().join("/")
    };
    files.iter().map(|path| (name(path), fs::read_to_string(path).expect("source is text"))).collect()
}

/// Returns one line for each import in `text` that does not go to a lower level or to the module itself.
fn upward_imports(file: &str, text: &str) -> Vec<String> {
    if EXEMPT.contains(&file) {
        return Vec::new();
    }
    let own = file.split('/').next().unwrap_or(file).trim_end_matches(".rs");
    let Some(level) = level_of(own) else {
        return vec![format!("src/{file}:1: '{own}' has no level")];
    };
    let depth = file.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
    let mut found = Vec::new();
    for (line, module) in root_paths(text, depth) {
        match level_of(&module) {
            None => {
                found.push(format!("src/{file}:{line}: '{module}' at the root of the crate is no module with a level"))
            }
            Some(other) if module != own && other >= level => {
                found.push(format!("src/{file}:{line}: '{own}' (level {level}) imports '{module}' (level {other})"));
            }
            Some(_) => {}
        }
    }
    found
}

fn level_of(module: &str) -> Option<u8> {
    LEVELS.iter().find(|(name, _)| *name == module).map(|(_, level)| *level)
}

/// Returns line and first name of every path that starts at the root of the crate; `depth` is the file's own.
fn root_paths(text: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(&blanked(text));
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| word.as_str());
    let mut found = Vec::new();
    let (mut braces, mut inline) = (0_usize, Vec::new());
    for at in 0..tokens.len() {
        match word(at) {
            "{" => {
                braces += 1;
                if at >= 2 && word(at - 2) == "mod" {
                    inline.push(braces);
                }
            }
            "}" => {
                inline.pop_if(|opened| *opened == braces);
                braces = braces.saturating_sub(1);
            }
            "crate" if word(at + 1) == "::" => names_after(at + 2, &tokens, &mut found),
            "crate" if word(at + 1) == "as" => found.push((tokens[at + 1].0, "as".to_owned())),
            "super" if at < 2 || word(at - 2) != "super" => {
                let steps = (0..).take_while(|step| word(at + 2 * step) == "super").count();
                if steps == depth + inline.len() && word(at + 2 * steps - 1) == "::" {
                    names_after(at + 2 * steps, &tokens, &mut found);
                }
            }
            _ => {}
        }
    }
    found
}

/// Adds the name at `at`, or the first names of all parts when a group starts there.
fn names_after(at: usize, tokens: &[(usize, String)], found: &mut Vec<(usize, String)>) {
    if tokens.get(at).is_none_or(|(_, word)| word != "{") {
        found.extend(tokens.get(at).cloned());
        return;
    }
    let (mut depth, mut first) = (0, true);
    for (line, word) in &tokens[at..] {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => first = true,
            name if depth == 1 && first => {
                found.push((*line, name.to_owned()));
                first = false;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// Splits code into words, `::` and single signs, each with its line.
fn tokens(code: &str) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    for (index, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let in_word = |c: char| c.is_alphanumeric() || c == '_';
            let end = if in_word(first) {
                rest.find(|c| !in_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            out.push((index + 1, rest[..end].to_owned()));
            rest = rest[end..].trim_start();
        }
    }
    out
}

/// Returns the text with comments and literals replaced by spaces; lines stay where they are.
fn blanked(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => end_of_line(&chars, at),
            '/' if chars.get(at + 1) == Some(&'*') => end_of_block(&chars, at),
            '"' => end_of_string(&chars, at),
            'r' => end_of_raw_string(&chars, at),
            '\'' => end_of_char(&chars, at),
            _ => at,
        };
        if end == at {
            out.push(chars[at]);
            at += 1;
        }
        while at < end.min(chars.len()) {
            out.push(if chars[at] == '\n' { '\n' } else { ' ' });
            at += 1;
        }
    }
    out
}

fn end_of_line(chars: &[char], at: usize) -> usize {
    chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |length| at + length)
}

/// Block comments nest.
fn end_of_block(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], at: usize) -> usize {
    let mut end = at + 1;
    while end < chars.len() && chars[end] != '"' {
        end += if chars[end] == '\\' { 2 } else { 1 };
    }
    end + 1
}

/// `r"…"` and `r#"…"#`; returns `at` for a name that only begins with r.
fn end_of_raw_string(chars: &[char], at: usize) -> usize {
    let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
    let quote = at + 1 + hashes;
    // `for"` cannot be: a name before the r means that this r is its last letter.
    let in_name =
        at > 0 && (chars[at - 1].is_alphanumeric() && !matches!(chars[at - 1], 'b' | 'c') || chars[at - 1] == '_');
    if in_name || chars.get(quote) != Some(&'"') {
        return at;
    }
    let closes = |end: &usize| {
        chars[*end] == '"' && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    (quote + 1..chars.len()).find(closes).map_or(chars.len(), |end| end + 1 + hashes)
}

/// A character literal; returns `at` for a lifetime.
fn end_of_char(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), Some(_)) => {
            chars[at + 3..].iter().position(|c| *c == '\'').map_or(chars.len(), |length| at + 4 + length)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

/// Counts lines, leaving out modules under `#[cfg(test)]`; relies on rustfmt putting their last `}` first in a line.
fn counted_lines(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let (mut count, mut at) = (0, 0);
    while at < lines.len() {
        let module = lines[at] == "#[cfg(test)]"
            && lines.get(at + 1).is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
        if module {
            at += lines[at..].iter().position(|line| *line == "}").unwrap_or(lines.len() - at);
        } else {
            count += 1;
        }
        at += 1;
    }
    count
}
