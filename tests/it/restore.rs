//! What a lock names comes back byte for byte, and nothing else does.

use std::fs;

use crate::env::{Depth, Git, Mode, Snapshot, TestEnv, skill};

fn source(env: &TestEnv) -> Git {
    env.allow_ssh();
    let (one, two) = (skill("one", "first"), skill("two", "second"));
    let hook = "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"true\"}]}]}}";
    let files = [
        ("skills/one/SKILL.md", &*one, Mode::File),
        ("skills/one/scripts/run.sh", "echo one\n", Mode::Executable),
        ("skills/two/SKILL.md", &*two, Mode::File),
        ("hooks/stop/hooks.json", hook, Mode::File),
        ("commands/go.md", "---\ndescription: Goes.\n---\nGo.\n", Mode::File),
    ];
    env.source("upstream", &files)
}

/// Copies what a colleague sends: the two files and nothing else.
fn files_of_lock(env: &TestEnv, change: impl Fn(&str) -> String) {
    fs::create_dir_all(env.root().join("sent")).expect("a folder");
    for name in ["collection.toml", "collection.lock"] {
        fs::write(env.root().join("sent").join(name), change(&env.read(name))).expect("a file");
    }
}

fn tree(env: &TestEnv, folder: &str) -> String {
    env.git(["-C", folder, "rev-parse", "HEAD:skills", "HEAD:hooks", "HEAD:commands"])
}

#[test]
fn a_lock_gives_the_same_trees_on_another_machine() {
    let env = TestEnv::with_collection();
    let upstream = source(&env);
    env.run(["add", &upstream.ssh_url(""), "--all", "--yes"]).ok();
    // The upstream has moved on since.
    upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "newer"))]);
    // A checkout with other line ends changes the files and not what they say.
    files_of_lock(&env, |text| text.replace('\n', "\r\n"));
    env.run(["init", "../other"]).ok();
    let other = ["--collection", "../other", "restore", "--from", "../sent"];
    let before = Snapshot::of(&env.root().join("other"), Depth::Objects);
    env.refused("consent", &other);
    env.run([&other[..], &["--dry-run"]].concat()).ok();
    before.assert_same(&Snapshot::of(&env.root().join("other"), Depth::Objects), "nobody agreed");
    let done = env.json(&[&other[..], &["--yes"]].concat());
    assert_eq!(done["artifacts"].as_array().map(Vec::len), Some(4));
    assert_eq!(tree(&env, "../other"), tree(&env, "."));
    // Again it changes nothing, and updates go on from there.
    assert!(env.json(&[&other[..], &["--yes"]].concat())["commit"].is_null());
    env.run(["--collection", "../other", "update", "one", "--yes"]).ok();
    let file = fs::read_to_string(env.root().join("other/skills/one/SKILL.md")).expect("a file");
    assert_eq!(file, skill("one", "newer"));
}

#[test]
fn a_lock_works_with_the_network_off() {
    let env = TestEnv::with_collection();
    let upstream = source(&env);
    env.run(["add", &upstream.ssh_url(""), "--all", "--yes"]).ok();
    files_of_lock(&env, str::to_owned);
    fs::rename(upstream.folder(), env.root().join("away")).expect("a folder");
    env.run(["init", "../other"]).ok();
    env.run(["--collection", "../other", "--offline", "restore", "--from", "../sent", "--yes"]).ok();
    assert_eq!(tree(&env, "../other"), tree(&env, "."));
    // A commit that is here is not asked for, so that the network is not needed either.
    env.run(["init", "../third"]).ok();
    env.run(["--collection", "../third", "restore", "--from", "../sent", "--yes"]).ok();
}

#[test]
fn a_clone_gets_back_what_updates_start_from() {
    let env = TestEnv::with_collection();
    let upstream = source(&env);
    env.run(["add", &upstream.ssh_url(""), "--all", "--yes"]).ok();
    env.git(["clone", "--quiet", ".", "../clone"]);
    let clone = ["--collection", "../clone"];
    let done = env.json(&[&clone[..], &["restore"]].concat());
    assert_eq!(done["artifacts"][3]["step"], "record");
    let refs = |folder: &str| {
        env.git(["-C", folder, "for-each-ref", "--format=%(refname) %(tree)", "refs/skillmeat/upstream"])
    };
    assert_eq!(refs("../clone"), refs("."));
    assert_eq!(env.json(&[&clone[..], &["restore"]].concat())["artifacts"][0]["step"], "present");
    // What is gone from the tree comes back too.
    env.git(["-C", "../clone", "rm", "-q", "-r", "skills/two"]);
    env.git(["-C", "../clone", "commit", "-q", "-m", "by hand"]);
    env.run([&clone[..], &["restore", "two"]].concat()).ok();
    assert_eq!(tree(&env, "../clone"), tree(&env, "."));
    let told = env.refused("name", &[&clone[..], &["restore", "tow"]].concat());
    assert!(told.stderr.contains("skill/two"), "{}", told.stderr);
}

#[test]
fn a_lock_that_was_changed_by_hand_restores_nothing() {
    let env = TestEnv::with_collection();
    let upstream = source(&env);
    env.run(["add", &upstream.ssh_url(""), "--all", "--yes"]).ok();
    let digest = first_digest(&env);
    env.run(["init", "../other"]).ok();
    let before = Snapshot::of(&env.root().join("other"), Depth::Objects);
    let restore = ["--collection", "../other", "restore", "--from", "../sent", "--yes"];
    let flip = |hex: &str| format!("{}{}", if hex.starts_with('0') { '1' } else { '0' }, &hex[1..]);
    let hex = digest.trim_start_matches("sha256:").to_owned();
    files_of_lock(&env, |text| text.replace(&hex, &flip(&hex)));
    let told = env.refused("hash", &restore);
    assert!(told.stderr.contains(&hex), "{}", told.stderr);
    // A tree that is not that of the digest.
    let tree = env.git(["rev-parse", "refs/skillmeat/upstream/skill/one^{tree}"]);
    files_of_lock(&env, |text| text.replace(tree.trim(), &flip(tree.trim())));
    env.refused("hash", &restore);
    // A commit of another state.
    let first = upstream.git(&["rev-parse", "main"], b"");
    let second = upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "newer"))]);
    files_of_lock(&env, |text| text.replace(&first, &second));
    env.refused("hash", &restore);
    fs::write(env.root().join("sent/collection.lock"), "format = 1\n[artifacts]\n\"../x\" = 1\n").expect("a file");
    env.refused("parse", &restore);
    before.assert_same(&Snapshot::of(&env.root().join("other"), Depth::Objects), "a lock that lies");
    env.refused("usage", &["--collection", "../other", "restore", "--from", "../nothing"]);
}

/// The digest of the first artifact in the lock.
fn first_digest(env: &TestEnv) -> String {
    let lock = env.read("collection.lock");
    let (_, rest) = lock.split_once("digest = \"").expect("a digest");
    rest.split('"').next().expect("its end").to_owned()
}

/// In its own collection, too, a digest that was changed by hand is told.
#[test]
fn a_digest_changed_by_hand_is_refused_where_all_is_here() {
    let env = TestEnv::with_collection();
    let upstream = source(&env);
    env.run(["add", &upstream.ssh_url(""), "--all", "--yes"]).ok();
    env.run(["restore"]).ok();
    let lock = env.read("collection.lock");
    let digest = lock.split("sha256:").nth(1).expect("a digest").split('"').next().expect("a digest");
    env.write("collection.lock", lock.replacen(digest, &"0".repeat(64), 1));
    env.git(["commit", "--quiet", "-am", "By hand"]);
    env.refused("hash", &["restore"]);
}
