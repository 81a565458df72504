//! Hooks of git: real commits and pushes, and hooks of others that stay.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::env::{Ran, STRANGER, TestEnv, skill};

fn with_program() -> TestEnv {
    let mut env = TestEnv::with_key();
    env.find_program();
    env
}

fn git(env: &TestEnv, args: &[&str]) -> Ran {
    let mut command = env.command("git");
    command.args(args);
    Ran::of(command)
}

#[test]
fn a_commit_that_breaks_a_rule_is_not_made() {
    let env = with_program();
    env.add_skill("pdf", "text");
    env.run(["hooks", "install"]).ok();
    assert_eq!(env.json(&["hooks", "install"])["hooks"], serde_json::json!([]), "twice is once");
    env.write("skills/pdf/SKILL.md", skill("pdf", "a\u{202e}b"));
    env.git(["add", "-A"]);
    let head = env.head();
    let ran = git(&env, &["commit", "--quiet", "-m", "Mine"]);
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("U+202E") || ran.stdout.contains("U+202E"), "{ran:?}");
    assert_eq!(env.head(), head);
    env.write("skills/pdf/SKILL.md", skill("pdf", "fine"));
    env.git(["add", "-A"]);
    assert_eq!(git(&env, &["commit", "--quiet", "-m", "Mine"]).code, Some(0));
    // Our own commands make their commits without git's hooks.
    env.run(["tag", "pdf", "--add", "x"]).ok();
    env.run(["hooks", "uninstall"]).ok();
    assert!(!env.path(".git/hooks/pre-commit").exists());
}

#[test]
fn the_collection_that_is_named_gets_them() {
    let env = with_program();
    env.git(["init", "--quiet", "../elsewhere"]);
    env.run(["init", "../other"]).ok();
    let done = env.json(&["--collection", "../other", "hooks", "install"]);
    assert_eq!(done["hooks"].as_array().map(Vec::len), Some(2));
    assert!(env.root().join("other/.git/hooks/pre-commit").exists());
    assert!(!env.path(".git/hooks/pre-commit").exists());
    assert!(!env.root().join("elsewhere/.git/hooks/pre-commit").exists());
}

#[test]
fn only_releases_that_verify_are_pushed() {
    let env = with_program();
    env.add_skill("pdf", "text");
    env.run(["hooks", "install"]).ok();
    env.git(["init", "--quiet", "--bare", "../hub.git"]);
    env.git(["remote", "add", "origin", "../hub.git"]);
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit.skillmeat-pack"]).ok();
    assert_eq!(git(&env, &["push", "--quiet", "origin", "main", "kit--v1.0.0"]).code, Some(0));
    let taken_away = git(&env, &["push", "origin", ":kit--v1.0.0"]);
    assert_ne!(taken_away.code, Some(0), "{taken_away:?}");
    env.git(["tag", "-a", "-m", "Unsigned", "kit--v2.0.0"]);
    let unsigned = git(&env, &["push", "origin", "kit--v2.0.0"]);
    assert_ne!(unsigned.code, Some(0));
    assert!(unsigned.stderr.contains("kit--v2.0.0"), "{unsigned:?}");
    env.allow(&[("other@example.invalid", &STRANGER)]);
    assert_eq!(
        git(&env, &["push", "--quiet", "origin", "kit--v1.0.0:refs/tags/other"]).code,
        Some(0),
        "no release there"
    );
    env.git(["tag", "-d", "kit--v2.0.0"]);
    assert_eq!(env.git(["ls-remote", "--tags", "origin", "kit*"]).lines().count(), 2, "the tag and what it is of");
}

#[test]
fn hooks_of_others_are_never_touched() {
    let env = with_program();
    let file = env.path(".git/hooks/pre-push");
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(&file, "#!/bin/sh\n# mine\n").expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a mode");
    let told = env.refused("conflict", &["hooks", "install"]);
    assert!(told.stderr.contains("hook pre-push"), "the lines to merge: {}", told.stderr);
    assert!(!env.path(".git/hooks/pre-commit").exists(), "none or all");
    env.run(["hooks", "uninstall"]).ok();
    assert_eq!(fs::read_to_string(&file).expect("a file"), "#!/bin/sh\n# mine\n");
    // Where git looks for them.
    env.git(["config", "core.hooksPath", "our-hooks"]);
    env.run(["hooks", "install"]).ok();
    assert!(env.path("our-hooks/pre-commit").exists());
    env.run(["hooks", "uninstall"]).ok();
    assert!(!env.path("our-hooks/pre-commit").exists());
}
