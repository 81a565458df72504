//! How much memory a release takes: less than 64 MiB beside the largest file, however many files there are and however much is in
//! them.

use std::fs;

use crate::env::{Ran, TestEnv, skill};

/// Most memory beside the largest file, in KiB.
const MOST_KIB: u64 = 64 * 1024;

/// Bytes of all files together.
const ALL: usize = 40 << 20;

/// Someone with one skill of so many files that have `ALL` bytes together.
fn author(count: usize) -> TestEnv {
    let env = TestEnv::with_key();
    env.write("skills/large/SKILL.md", skill("large", "text"));
    for at in 0..count {
        // Lines that are all different, and of which deflate makes a third.
        let line = |line: usize| format!("{at:08} {:016x} some text\n", line.wrapping_mul(0x9e37_79b9_7f4a_7c15 + at));
        let mut text: String = (0..ALL / count / 36 + 1).map(line).collect();
        text.truncate(ALL / count);
        env.write(&format!("skills/large/{:02}/{at}.md", at % 50), text);
    }
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "--message", "Large"]);
    env
}

/// Runs the program, which must succeed, with less memory than that beside a file of so many bytes.
fn assert_frugal(env: &TestEnv, largest: usize, args: &[&str]) {
    let (ran, used) = Ran::measured(env.program(args));
    let _ = ran.ok();
    assert!(used.anonymous_kib > 0, "nobody looked: {args:?}");
    assert!(used.anonymous_kib < MOST_KIB + largest as u64 / 1024, "{args:?}: {used:?}");
}

/// Exports and verifies from single objects of git, and from a pack of git, stored and deflated.
fn assert_all_frugal(count: usize) {
    let env = author(count);
    for (version, compression) in [("1.0.0", "store"), ("1.1.0", "deflate")] {
        let pack = env.root().join(format!("{version}.skillmeat-pack"));
        let pack = pack.to_str().expect("UTF-8");
        let export = ["export", "kit", "--version", version, "--all", "--compression", compression, "--output", pack];
        assert_frugal(&env, ALL / count, &export);
        assert!(fs::metadata(pack).expect("a pack").len() > ALL as u64 / 5, "the pack holds the files");
        assert_frugal(&env, ALL / count, &["verify", pack]);
        assert_frugal(&env, ALL / count, &["verify", &format!("kit--v{version}")]);
        env.git(["repack", "-adq"]);
    }
}

#[test]
fn forty_megabytes_in_four_thousand_files_take_little_memory() {
    assert_all_frugal(4000);
}

#[test]
fn a_file_of_forty_megabytes_takes_little_memory_beside_it() {
    assert_all_frugal(1);
}

/// A command is one file, and that file says what it is.
#[test]
fn ninety_commands_of_a_megabyte_take_little_memory() {
    let env = TestEnv::with_key();
    for at in 0..90 {
        let line = format!("What number {at} says.\n");
        let text = format!("---\ndescription: Number {at}\n---\n{}", line.repeat((1 << 20) / line.len()));
        env.write(&format!("commands/c{at}.md"), text);
    }
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "--message", "Large"]);
    let pack = env.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8");
    let store = ["--compression", "store", "--license", "MIT", "--output", pack];
    assert_frugal(&env, 1 << 20, &[&["export", "kit", "--version", "1.0.0", "--all"][..], &store].concat());
    assert!(fs::metadata(pack).expect("a pack").len() > 80 << 20, "the pack holds them all");
}
