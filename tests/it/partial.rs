//! Of a repository that is not on this machine only what is needed is moved, and what was moved works without it.

use std::fs;

use crate::env::{Depth, Git, Mode, Ran, Snapshot, TestEnv, skill};

/// A repository of two skills and a large file beside them, whose server sends parts.
fn large(env: &TestEnv) -> Git {
    env.allow_ssh();
    // Nothing that can be compressed.
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let large: Vec<u8> = (0..4_000_000).map(|_| next()).collect();
    let (one, two) = (skill("one", "first"), skill("two", "second"));
    let git = env.bare("large");
    let tree = git.tree_of(&[
        ("media/film.bin", &large, Mode::File),
        ("skills/one/SKILL.md", one.as_bytes(), Mode::File),
        ("skills/one/scripts/run.sh", b"echo one\n", Mode::File),
        ("skills/two/SKILL.md", two.as_bytes(), Mode::File),
        ("skills/two/large.bin", &large[1..], Mode::File),
    ]);
    git.commit("main", &tree);
    git.git(&["config", "uploadpack.allowFilter", "true"], b"");
    git
}

fn without_server(source: &Git) {
    fs::rename(source.folder(), source.folder().with_extension("away")).expect("a folder");
}

#[test]
fn one_skill_of_a_large_repository_moves_little() {
    let env = TestEnv::with_collection();
    let source = large(&env);
    let added = env.json(&["add", &source.ssh_url(""), "--only", "one"]);
    let bytes = added["fetched_bytes"].as_u64().expect("a number");
    assert!(bytes > 500 && bytes < 20_000, "{bytes} bytes");
    assert_eq!(env.read("skills/one/SKILL.md"), skill("one", "first"));
    env.assert_sound();
    let told: Ran = env.run(["add", &source.ssh_url(""), "--only", "two", "--dry-run"]);
    assert!(told.stderr.contains("Fetched 3.8 MiB"), "{}", told.stderr);
    // Git agrees that the store is one of its partial clones, and that what is in it is sound.
    let store = fs::read_dir(env.home().join(".skillmeat/sources")).expect("a folder");
    let store = store.flatten().find(|entry| entry.path().is_dir()).expect("a store").path();
    env.git(["-C", store.to_str().expect("UTF-8"), "fsck", "--strict", "--connectivity-only"]);
}

#[test]
fn what_was_fetched_works_without_the_server() {
    let env = TestEnv::with_collection();
    let source = large(&env);
    env.run(["add", &source.ssh_url(""), "--only", "one"]).ok();
    without_server(&source);
    env.run(["init", "../other"]).ok();
    let other = ["--collection", "../other"];
    env.refused("net", &[&other[..], &["add", &source.ssh_url(""), "--only", "one"]].concat());
    env.run([&other[..], &["--offline", "add", &source.ssh_url(""), "--only", "one"]].concat()).ok();
    let file = fs::read_to_string(env.root().join("other/skills/one/SKILL.md")).expect("a file");
    assert_eq!(file, skill("one", "first"));
    // What was not fetched is refused, and nothing is changed.
    let before = Snapshot::of(&env.root().join("other"), Depth::Objects);
    let told = env.refused("net", &[&other[..], &["--offline", "add", &source.ssh_url(""), "--only", "two"]].concat());
    assert!(told.stderr.contains("--offline"), "{}", told.stderr);
    env.refused("net", &[&other[..], &["--offline", "add", &source.ssh_url("#other"), "--all"]].concat());
    before.assert_same(&Snapshot::of(&env.root().join("other"), Depth::Objects), "offline");
    assert_eq!(env.upstreams(&["--offline"])[0]["upstream"]["state"], "cannot-check");
}

#[test]
fn an_update_fetches_what_changed() {
    let env = TestEnv::with_collection();
    let source = large(&env);
    env.run(["add", &source.ssh_url(""), "--only", "one"]).ok();
    let (one, two) = (skill("one", "newer"), skill("two", "newer"));
    let tree = source.tree_of(&[
        ("skills/one/SKILL.md", one.as_bytes(), Mode::File),
        ("skills/one/scripts/run.sh", b"echo one\n", Mode::File),
        ("skills/two/SKILL.md", two.as_bytes(), Mode::File),
        ("skills/two/large.bin", &[7; 3_000_000], Mode::File),
    ]);
    source.commit("main", &tree);
    let ran = env.run(["update", "--all"]);
    assert!(ran.stderr.contains("Fetched") && !ran.stderr.contains("MiB"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(env.read("skills/one/SKILL.md"), one);
    env.assert_sound();
}

#[test]
fn a_server_that_sends_no_parts_sends_all() {
    let env = TestEnv::with_collection();
    let source = large(&env);
    source.git(&["config", "uploadpack.allowFilter", "false"], b"");
    env.run(["add", &source.ssh_url(""), "--only", "one"]).ok();
    without_server(&source);
    env.run(["--offline", "add", &source.ssh_url(""), "--only", "two"]).ok();
    env.assert_sound();
}
