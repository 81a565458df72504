//! Files that are large, or do not get smaller.

use std::fs;
use std::path::Path;

use crate::env::{Ran, TestEnv, skill};

/// Returns bytes of no order, the same in each run.
fn noise(count: usize, mut state: u64) -> Vec<u8> {
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

fn add(env: &TestEnv, name: &str, files: &[Vec<u8>]) {
    let source = env.root().join(name);
    fs::create_dir_all(&source).expect("a folder");
    fs::write(source.join("SKILL.md"), skill(name, "text")).expect("a file");
    for (at, bytes) in files.iter().enumerate() {
        fs::write(source.join(format!("{at}.bin")), bytes).expect("a file");
    }
    env.run(["add", path(&source), "--yes"]).ok();
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn what_does_not_get_smaller_is_held_as_it_is() {
    let env = TestEnv::with_key();
    let large = [noise(3_000_000, 1), noise(2_000_000, 2), vec![7; 1_500_000]];
    add(&env, "large", &large);
    // As many as make a pack of git instead of a file for each.
    let small: Vec<_> = (0..120).map(|at| noise(5_000, at)).collect();
    add(&env, "small", &small);
    env.git(["fsck", "--strict", "--no-dangling"]);
    let count = env.git(["count-objects", "-v"]);
    let kib =
        |key: &str| count.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<usize>().ok()).expect(key);
    // The fast level of deflate would make the noise a twentieth larger, and what is even takes nearly nothing.
    let held = 1024 * (kib("size:") + kib("size-pack:"));
    let noise = 5_000_000 + 120 * 5_000;
    assert!((noise..noise + 150_000).contains(&held), "{count}");
    let pack = env.root().join("kit.skillmeat-pack");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", path(&pack)]).ok();
    env.run(["verify", path(&pack)]).ok();
    for (at, bytes) in large.iter().enumerate() {
        let name = format!("skills/large/{at}.bin");
        let read = env.command("unzip").arg("-p").arg(&pack).arg(&name).output().expect("unzip");
        assert!(read.stdout == *bytes, "{name}");
    }
}

#[test]
fn a_large_object_that_was_cut_is_told() {
    let env = TestEnv::with_key();
    add(&env, "large", &[noise(2_000_000, 1)]);
    let id = env.git(["rev-parse", "HEAD:skills/large/0.bin"]);
    let object = env.folder().join(".git/objects").join(&id[..2]).join(&id[2..]);
    let whole = fs::read(&object).expect("a loose object");
    fs::remove_file(&object).expect("removed");
    for bytes in [&whole[..whole.len() / 2], &whole[..10], &[]] {
        fs::write(&object, bytes).expect("written");
        env.refused("io", &["export", "kit", "--version", "1.0.0", "--all"]);
    }
}

/// What other clients refuse is told, to people and programs, and made all the same.
#[test]
fn what_is_too_much_for_some_readers_is_told() {
    let env = TestEnv::with_key();
    add(&env, "many", &vec![b"x".to_vec(); 995]);
    let pack = env.root().join("kit.skillmeat-pack");
    let export = |version: &'static str| ["export", "kit", "--version", version, "--all", "--output", path(&pack)];
    let quiet = env.run(export("1.0.0")).ok();
    // The skill's 996 files, both manifests of a plugin, the notice and the bundle's own manifest.
    assert!(quiet.stdout.contains("1000 files") && quiet.stderr.is_empty(), "{quiet:?}");
    add(&env, "more", &[vec![b'x'; 26 * 1024 * 1024]]);
    let told = env.run(export("1.1.0")).ok();
    for line in [
        "warning: the pack has 26.2 MiB, and some clients refuse more than 10.0 MiB;",
        "warning: its files have 26.1 MiB, and some clients refuse more than 25.0 MiB;",
        "warning: it has 1002 files, and some clients refuse more than 1000;",
    ] {
        assert!(told.stderr.contains(line), "'{line}' in {}", told.stderr);
    }
    let made = env.json(&export("1.1.0"));
    let found = made["too_much_for_some"].as_array().expect("a list");
    assert_eq!(found[0]["found"], fs::metadata(&pack).expect("a pack").len());
    // As another program counts it: all but the tag and the commit.
    let script = "import sys, zipfile\nall = [i for i in zipfile.ZipFile(sys.argv[1]).infolist() if not i.filename.startswith('.skillmeat/')]\n\
        print(sum(i.file_size for i in all), len(all))";
    let mut python = env.command("python3");
    python.args(["-c", script]).arg(&pack);
    let counted = Ran::of(python).ok();
    assert_eq!(counted.stdout.trim(), format!("{} {}", found[1]["found"], found[2]["found"]));
    let what: Vec<_> = found.iter().map(|one| (&one["what"], &one["limit"])).collect();
    let limits = [("pack-bytes", 10 << 20), ("unpacked-bytes", 25 << 20), ("files", 1000)];
    assert_eq!(serde_json::json!(what), serde_json::json!(limits));
    env.run(["verify", path(&pack)]).ok();
}
