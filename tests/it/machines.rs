//! One collection on two machines, carried by plain git: nothing of ours is in the way, and provenance stays right.

use std::fs;

use crate::env::{Ran, TestEnv, skill};

/// Two users with clones of one bare repository; the program is where git finds it.
fn two() -> (TestEnv, TestEnv) {
    let mut first = TestEnv::with_collection();
    first.add_skill("base", "text");
    first.git(["init", "--quiet", "--bare", "--initial-branch=main", "../hub.git"]);
    first.git(["remote", "add", "origin", "../hub.git"]);
    first.git(["push", "--quiet", "-u", "origin", "main"]);
    let mut second = TestEnv::new();
    let hub = first.root().join("hub.git");
    second.git(["clone", "--quiet", hub.to_str().expect("UTF-8"), "."]);
    for env in [&mut first, &mut second] {
        env.find_program();
        env.config("pull.rebase", "false");
    }
    (first, second)
}

#[test]
fn two_machines_add_different_artifacts_and_plain_git_merges_them() {
    let (first, second) = two();
    first.add_skill("alpha", "of the first");
    second.add_skill("beta", "of the second");
    first.run(["tag", "base", "--add", "one"]).ok();
    second.run(["tag", "base", "--add", "two"]).ok();
    first.git(["push", "--quiet"]);
    second.git(["pull", "--quiet", "--no-edit"]);
    second.assert_sound();
    let listed = second.json(&["list"]);
    let names: Vec<_> = listed["artifacts"].as_array().expect("a list").iter().map(|a| a["artifact"].clone()).collect();
    assert_eq!(names, ["skill/alpha", "skill/base", "skill/beta"]);
    assert_eq!(listed["artifacts"][1]["tags"], serde_json::json!(["two", "one"]));
    for name in ["alpha", "base", "beta"] {
        assert!(second.json(&["show", name])["upstream"].is_string(), "{name}");
    }
    // The other way too, and by rebase.
    second.git(["push", "--quiet"]);
    first.add_skill("gamma", "text");
    first.git(["config", "pull.rebase", "true"]);
    first.git(["pull", "--quiet"]);
    first.assert_sound();
    assert_eq!(first.json(&["list"])["artifacts"].as_array().expect("a list").len(), 4);
}

#[test]
fn a_clone_that_was_never_changed_by_us_merges_as_text_and_is_still_right() {
    let (first, second) = two();
    // No driver is known there: git merges lines, and tables stand on lines of their own.
    assert_eq!(
        Ran::of({
            let mut git = second.command("git");
            git.args(["config", "--local", "merge.skillmeat.driver"]);
            git
        })
        .code,
        Some(1)
    );
    // A dry run in such a clone writes nothing, git's configuration included.
    second.unchanged(&["remove", "base", "--dry-run"]);
    first.add_skill("alpha", "text");
    first.git(["push", "--quiet"]);
    second.write("README.md", "mine\n");
    second.git(["add", "-A"]);
    second.git(["commit", "--quiet", "-m", "Mine"]);
    second.git(["pull", "--quiet", "--no-edit"]);
    assert!(second.json(&["show", "alpha"])["upstream"].is_string());
}

#[test]
fn the_same_table_changed_on_both_sides_is_a_conflict_of_git() {
    let (first, second) = two();
    for (env, url) in [(&first, "https://a.example/r"), (&second, "https://b.example/r")] {
        // Our command tells git of the driver.
        env.run(["tag", "base", "--add", "x"]).ok();
        let text = env.read("collection.toml");
        let line = text.lines().find(|line| line.starts_with("upstream")).expect("a line").to_owned();
        env.write("collection.toml", text.replace(&line, &format!("upstream = \"{url}\"")));
        env.git(["commit", "--quiet", "-am", "Mine"]);
    }
    first.git(["push", "--quiet"]);
    let mut pull = second.command("git");
    pull.args(["pull", "--quiet", "--no-edit"]);
    let ran = Ran::of(pull);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(second.git(["diff", "--name-only", "--diff-filter=U"]), "collection.toml");
    // While git merges, we only look.
    second.refused("conflict", &["tag", "base", "--add", "y"]);
    second.git(["checkout", "--quiet", "--theirs", "collection.toml"]);
    second.git(["commit", "--quiet", "-am", "Merged"]);
    assert_eq!(second.json(&["show", "base"])["upstream"], "https://a.example/r");
}

#[test]
fn amend_cherry_pick_rebase_and_switch_keep_provenance() {
    let mut env = TestEnv::with_collection();
    env.find_program();
    env.add_skill("base", "text");
    env.git(["switch", "--quiet", "-c", "work"]);
    env.add_skill("alpha", "text");
    env.git(["commit", "--quiet", "--amend", "--no-edit", "--allow-empty", "-m", "Reworded"]);
    let alpha = env.head();
    env.git(["switch", "--quiet", "main"]);
    assert_eq!(env.json(&["list"])["artifacts"].as_array().expect("a list").len(), 1);
    env.add_skill("beta", "text");
    env.git(["cherry-pick", &alpha]);
    env.assert_sound();
    for name in ["alpha", "beta"] {
        let state = env.json(&["status", name])["artifacts"][0].clone();
        assert_eq!(state["local"], "unchanged", "{name}: {state}");
    }
    env.git(["switch", "--quiet", "work"]);
    env.git(["rebase", "--quiet", "main"]);
    env.assert_sound();
    // The upstream goes on, and the update merges from the right state.
    let upstream = env.root().join("single/alpha/SKILL.md");
    fs::write(&upstream, skill("alpha", "newer")).expect("a file");
    assert_eq!(env.json(&["update", "alpha"])["artifacts"][0]["step"], "take");
    assert_eq!(env.read("skills/alpha/SKILL.md"), skill("alpha", "newer"));
    env.assert_sound();
}

/// A lock that was made in a checkout with CRLF is right in one without: the attributes forbid the conversion.
#[test]
fn line_ends_are_never_converted() {
    let (first, second) = two();
    second.git(["config", "core.autocrlf", "true"]);
    fs::remove_dir_all(second.path("skills")).expect("was there");
    second.git(["checkout", "--quiet", "."]);
    assert_eq!(second.read("skills/base/SKILL.md"), first.read("skills/base/SKILL.md"));
    second.add_skill("windows", "a\r\nb");
    second.git(["push", "--quiet"]);
    first.git(["pull", "--quiet"]);
    let local = |env: &TestEnv| env.json(&["status", "windows"])["artifacts"][0]["local"].clone();
    assert_eq!(local(&first), "unchanged", "the id of the tree says so");
    assert_eq!(first.read("skills/windows/SKILL.md"), second.read("skills/windows/SKILL.md"));
    assert_eq!(first.json(&["show", "windows"])["digest"], second.json(&["show", "windows"])["digest"]);
    first.write("skills/windows/SKILL.md", skill("windows", "mine"));
    first.git(["commit", "--quiet", "-am", "Mine"]);
    assert_eq!(local(&first), "unknown", "its pristine state is not here");
}
