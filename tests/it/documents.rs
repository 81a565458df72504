//! The documents of formats name the tests that keep them true.

use std::fs;
use std::path::Path;

use crate::attacks::tests;

/// Splits a document into its paragraphs, points and rows of tables; blocks of code are left out.
fn blocks(text: &str) -> Vec<String> {
    let (mut blocks, mut is_code) = (vec![String::new()], false);
    for line in text.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
            continue;
        }
        let starts =
            line.trim().is_empty() || line.starts_with(['*', '-', '|', '#']) || line.starts_with(char::is_numeric);
        if starts {
            blocks.push(String::new());
        }
        if !is_code {
            let block = blocks.last_mut().expect("there is one");
            block.push_str(line);
            block.push(' ');
        }
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

/// A paragraph with MUST in it names a test, and every test that is named is there.
#[test]
fn every_must_names_a_test_that_there_is() {
    let tests = tests();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let (mut wrong, mut rules) = (Vec::new(), 0);
    for file in fs::read_dir(folder).expect("a folder").map(|file| file.expect("an entry").path()) {
        if file.extension().is_none_or(|end| end != "md") {
            continue;
        }
        let document = file.file_name().expect("a name").to_string_lossy().into_owned();
        for block in blocks(&fs::read_to_string(&file).expect("a document")) {
            let names = named(&block);
            let missing = names.iter().filter(|name| !tests.contains(**name));
            wrong.extend(missing.map(|name| format!("{document}: there is no test '{name}'")));
            let is_rule = block.contains("MUST") && !block.contains("RFC 2119");
            rules += usize::from(is_rule);
            if is_rule && !block.split('`').skip(1).step_by(2).any(|name| tests.contains(name)) {
                wrong.push(format!("{document}: no test is named: {block}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rules > 80, "{rules}");
}

#[test]
fn names_of_tests_and_rules_without_any_are_told_apart() {
    assert!(tests().contains("every_must_names_a_test_that_there_is"));
    assert_eq!(named("It MUST (`a_name_of_a_test`, `core.hooks_a_b_c`, `a_b`)"), ["a_name_of_a_test"]);
    assert_eq!(blocks("a\nb\n\n* c\n  d\n* e\n```\nMUST\n```\n1. f\n"), ["a b ", " ", "* c   d ", "* e ", "1. f "]);
}
