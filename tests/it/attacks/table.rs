//! The table of attacks names tests, and this holds it to that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What a row may say in the place of a test: who is to bring it.
const LATER: [&str; 2] = ["with the ledger", "with the web view"];

/// Names of all tests of the sources.
pub fn tests() -> BTreeSet<String> {
    let (mut names, mut folders) = (BTreeSet::new(), vec!["src".into(), "tests".into()]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join::<std::path::PathBuf>(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                names.extend(tests_of(&fs::read_to_string(path).expect("source")));
            }
        }
    }
    names
}

/// Functions that follow `#[test]`, with nothing but other attributes and comments between, and those of `proptest!`.
fn tests_of(text: &str) -> Vec<String> {
    let (mut names, mut marked) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            marked = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| marked) {
            names.extend(rest.split(['(', '<']).next().map(str::to_owned));
            marked = false;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            marked = false;
        }
    }
    names
}

/// Rows of the table: number, what stands under "Tests", and under "Refused as".
fn rows() -> BTreeMap<u8, (String, String)> {
    let text = include_str!("../../attacks/README.md");
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let mut rows = BTreeMap::new();
    for row in text.lines().filter(|line| line.starts_with("| ")).map(cells) {
        let Ok(number) = row[0].parse() else { continue };
        assert_eq!(row.len(), 4, "row {number} has four cells");
        assert!(rows.insert(number, (row[3].clone(), row[2].clone())).is_none(), "row {number} is there once");
    }
    rows
}

#[test]
fn every_test_that_the_table_names_is_there() {
    let (tests, rows) = (tests(), rows());
    let expected: Vec<u8> = (1..=61).chain(84..=100).collect();
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), expected);
    for (number, (named, class)) in rows {
        let names: Vec<_> = named.split('`').skip(1).step_by(2).collect();
        let missing: Vec<_> = names.iter().filter(|name| !tests.contains(**name)).collect();
        assert!(missing.is_empty(), "row {number} names what is no test: {missing:?}");
        assert!(!names.is_empty() || LATER.iter().any(|later| named.contains(later)), "row {number} has no test");
        assert!(!class.is_empty(), "row {number} has no class");
    }
}

#[test]
fn a_test_is_what_is_marked_as_one() {
    let text = "#[test]\nfn one() {}\nfn two() {}\n    #[test]\n    /// x\n    #[ignore = \"x\"]\n    fn three(\n        a: u8,\n";
    assert_eq!(tests_of(text), ["one", "three"]);
}
