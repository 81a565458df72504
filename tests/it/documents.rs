//! The documents of formats name the tests that keep them true.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Documents in which each rule names its test.
const WITH_TESTS: [&str; 2] = ["ledger.md", "vault.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the names of all tests.
fn tests() -> BTreeSet<String> {
    let mut folders: Vec<PathBuf> = vec![root().join("src"), root().join("tests")];
    let mut names = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).expect("a file");
                let after: Vec<_> = text.split("#[test]").skip(1).collect();
                let name =
                    |rest: &str| rest.split_once("fn ").and_then(|(_, rest)| rest.split('(').next()).map(str::to_owned);
                names.extend(after.into_iter().filter_map(name));
            }
        }
    }
    names
}

/// Splits a document into its paragraphs and points.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        if line.is_empty() || line.starts_with("* ") || line.starts_with('|') {
            blocks.push(String::new());
        }
        let block = blocks.last_mut().expect("there is one");
        block.push_str(line);
        block.push(' ');
    }
    blocks
}

/// Returns what stands between backquotes and reads like the name of a test.
fn named(block: &str) -> Vec<&str> {
    let quoted = block.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.matches('_').count() >= 3
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    quoted.filter(is_name).collect()
}

#[test]
fn every_must_names_a_test_that_there_is() {
    let tests = tests();
    let mut wrong = Vec::new();
    for document in WITH_TESTS {
        let text = fs::read_to_string(root().join("schema").join(document)).expect("a document");
        for block in blocks(&text) {
            let names = named(&block);
            wrong.extend(
                names
                    .iter()
                    .filter(|name| !tests.contains(**name))
                    .map(|name| format!("{document}: there is no test '{name}'")),
            );
            let is_definition = block.contains("RFC 2119");
            if block.contains("MUST") && names.is_empty() && !is_definition {
                wrong.push(format!("{document}: no test is named: {block}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_of_tests_and_rules_without_any_are_told_apart() {
    assert!(tests().contains("every_must_names_a_test_that_there_is"));
    assert_eq!(named("It MUST (`a_name_of_a_test`, `core.hooks_a_b_c`, `a_b`)"), ["a_name_of_a_test"]);
    assert_eq!(blocks("a\nb\n\n* c\n  d\n* e\n"), ["a b ", " ", "* c   d ", "* e "]);
}
