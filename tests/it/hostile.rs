//! Sources that were made to do harm: each is refused, or left out with a note, and nothing of it lands anywhere.

use std::fs;
use std::time::{Duration, Instant};

use crate::env::{Depth, Git, Mode, Ran, Snapshot, TestEnv, skill};

/// Longest time for one refusal (invariant N).
const PATIENCE: Duration = Duration::from_secs(10);

/// A tree of one skill, `skills/one`, with one more entry in its folder.
fn with_entry(source: &Git, mode: Mode, name: &[u8], id: &str) -> String {
    let main = source.blob(skill("one", "text").as_bytes());
    let mut entries: Vec<(Mode, &[u8], &str)> = vec![(Mode::File, b"SKILL.md", &main), (mode, name, id)];
    entries.sort_by_key(|(_, name, _)| name.to_vec());
    let one = source.raw_tree(&entries);
    let skills = source.raw_tree(&[(Mode::Folder, b"one", &one)]);
    source.raw_tree(&[(Mode::Folder, b"skills", &skills)])
}

/// Adds from the local repository and through a fetch: both must be refused with `class` and change nothing.
///
/// git's own check on a fetch may refuse first, which is a network error.
fn assert_refused(env: &TestEnv, source: &Git, class: &str) -> String {
    let started = Instant::now();
    let ran = env.refused(class, &["add", source.text(), "--all", "--yes"]);
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    let fetched = env.run(["add", &source.ssh_url(""), "--all", "--yes"]);
    assert!(matches!(fetched.code, Some(1..=3)), "{fetched:?}");
    fetched.assert_message();
    ran.stderr.clone()
}

#[test]
fn entries_that_no_tree_may_hold_are_refused() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let outside = env.root().join("outside");
    fs::write(&outside, "untouched").expect("a file");
    let long = "x".repeat(300);
    let names: [&[u8]; 24] = [
        b"..",
        b".",
        b".git",
        b".GIT",
        b".Git",
        b"git~1",
        b"GIT~1",
        b"..git",
        b".gitmodules",
        ".g\u{200c}it".as_bytes(),
        b"a\\b",
        b"a:b",
        b"CON",
        b"con.txt",
        b"aux",
        b"x ",
        b"x.",
        b"a\nb",
        b"a\x1b]0;t\x07",
        b"\xff\xfe",
        "a\u{202e}b".as_bytes(),
        b"a*b",
        "e\u{301}".as_bytes(),
        long.as_bytes(),
    ];
    for (index, name) in names.iter().enumerate() {
        let source = env.bare(&format!("name{index}"));
        let blob = source.blob(b"evil\n");
        source.commit("main", &with_entry(&source, Mode::File, name, &blob));
        let shown = String::from_utf8_lossy(name).into_owned();
        let text = assert_refused(&env, &source, "path");
        assert!(text.contains("skill/one"), "{shown:?}: the artifact is named: {text}");
    }
    // What git would never write: a name that would be read as two.
    let source = env.bare("two");
    let blob = source.blob(b"evil\n");
    source.commit("main", &with_entry(&source, Mode::File, b"a/b", &blob));
    assert_refused(&env, &source, "path");
    let source = env.bare("slash");
    let blob = source.blob(b"evil\n");
    source.commit("main", &with_entry(&source, Mode::File, b"../../../outside", &blob));
    assert_refused(&env, &source, "path");
    assert_eq!(fs::read_to_string(outside).expect("a file"), "untouched");
}

#[test]
fn a_folder_with_such_a_name_is_refused_too() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    for (index, name) in [&b".."[..], b".git", b"CON", b"a\x1bb"].iter().enumerate() {
        let source = env.bare(&format!("folder{index}"));
        let blob = source.blob(b"evil\n");
        let folder = source.raw_tree(&[(Mode::File, b"x", &blob)]);
        source.commit("main", &with_entry(&source, Mode::Folder, name, &folder));
        assert_refused(&env, &source, "path");
    }
}

#[test]
fn links_and_submodules_are_refused() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    for (index, target) in ["/etc/passwd", "../../..", "SKILL.md", "."].iter().enumerate() {
        let source = env.bare(&format!("link{index}"));
        let blob = source.blob(target.as_bytes());
        source.commit("main", &with_entry(&source, Mode::Link, b"reference", &blob));
        assert!(assert_refused(&env, &source, "path").contains("symbolic link"));
    }
    let source = env.bare("submodule");
    let id = "0123456789012345678901234567890123456789";
    source.commit("main", &with_entry(&source, Mode::Submodule, b"module", id));
    assert!(assert_refused(&env, &source, "path").contains("submodule"));
}

#[test]
fn a_main_file_that_is_a_link_is_not_an_artifact() {
    let env = TestEnv::with_collection();
    let source = env.bare("link");
    let blob = source.blob(b"/etc/passwd");
    let one = source.raw_tree(&[(Mode::Link, b"SKILL.md", &blob)]);
    let skills = source.raw_tree(&[(Mode::Folder, b"one", &one)]);
    let tree = source.raw_tree(&[(Mode::Folder, b"skills", &skills)]);
    source.commit("main", &tree);
    let ran = env.run(["add", source.text(), "--all", "--yes"]);
    assert!(matches!(ran.code, Some(2 | 3)), "{ran:?}");
    ran.assert_message();
    assert!(!format!("{ran:?}").contains("root:"), "{ran:?}");
}

#[test]
fn a_link_and_a_folder_of_one_name_are_refused() {
    let env = TestEnv::with_collection();
    let outside = env.root().join("outside");
    fs::create_dir(&outside).expect("a folder");
    let source = env.bare("twice");
    let link = source.blob(outside.to_str().expect("UTF-8").as_bytes());
    let blob = source.blob(b"evil\n");
    let folder = source.raw_tree(&[(Mode::File, b"evil", &blob)]);
    let main = source.blob(skill("one", "text").as_bytes());
    let one =
        source.raw_tree(&[(Mode::File, b"SKILL.md", &main), (Mode::Link, b"a", &link), (Mode::Folder, b"a", &folder)]);
    let skills = source.raw_tree(&[(Mode::Folder, b"one", &one)]);
    let tree = source.raw_tree(&[(Mode::Folder, b"skills", &skills)]);
    source.commit("main", &tree);
    env.refused("path", &["add", source.text(), "--all"]);
    assert_eq!(fs::read_dir(outside).expect("lists").count(), 0);
}

#[test]
fn twins_of_names_are_refused() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    for (index, (one, other)) in
        [("readme", "README"), ("stra\u{df}e", "STRASSE"), ("a", "a"), ("x\u{130}", "xi")].iter().enumerate()
    {
        let source = env.bare(&format!("twins{index}"));
        let blob = source.blob(b"evil\n");
        let main = source.blob(skill("one", "text").as_bytes());
        let mut entries: Vec<(Mode, &[u8], &str)> = vec![
            (Mode::File, b"SKILL.md", &main),
            (Mode::File, one.as_bytes(), &blob),
            (Mode::File, other.as_bytes(), &main),
        ];
        entries.sort_by_key(|(_, name, _)| name.to_vec());
        let one = source.raw_tree(&entries);
        let skills = source.raw_tree(&[(Mode::Folder, b"one", &one)]);
        let tree = source.raw_tree(&[(Mode::Folder, b"skills", &skills)]);
        source.commit("main", &tree);
        assert_refused(&env, &source, "path");
    }
}

#[test]
fn malformed_trees_do_not_stop_the_program() {
    let env = TestEnv::with_collection();
    let source = env.bare("malformed");
    let main = source.blob(skill("one", "text").as_bytes());
    let raw = |bytes: &[u8]| source.git(&["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], bytes);
    let id: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&main[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let entry = |head: &str| [head.as_bytes(), b"\0", &id].concat();
    for bytes in [
        entry("0100644 SKILL.md"),
        entry("100644 "),
        entry("100666 SKILL.md"),
        entry("160644 SKILL.md"),
        entry("999999 SKILL.md"),
        entry("100644 SKILL.md")[..20].to_vec(),
        [entry("100644 z"), entry("100644 SKILL.md")].concat(),
        b"100644 SKILL.md".to_vec(),
        [b"100644 SKILL.md\0".as_slice(), &[0; 20]].concat(),
    ] {
        let one = raw(&bytes);
        let skills = source.raw_tree(&[(Mode::Folder, b"one", &one)]);
        let tree = source.raw_tree(&[(Mode::Folder, b"skills", &skills)]);
        source.commit("main", &tree);
        let ran = env.run(["add", source.text(), "--all", "--yes", "--dry-run"]);
        assert!(matches!(ran.code, Some(0..=3)), "{ran:?}");
        assert!(!ran.stderr.contains("panicked"), "{ran:?}");
    }
}

#[test]
fn a_tree_of_10_to_the_10_paths_is_refused_at_once() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("bomb");
    let mut id = source.blob(b"boom\n");
    let mut mode = Mode::File;
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|index| format!("f{index}")).collect();
        let entries: Vec<_> = names.iter().map(|name| (mode, name.as_bytes(), id.as_str())).collect();
        id = source.raw_tree(&entries);
        mode = Mode::Folder;
    }
    // As the whole source, and in a skill.
    source.commit("main", &id);
    let ran = env.run(["add", source.text(), "--all", "--yes"]);
    assert!(matches!(ran.code, Some(2 | 3)), "{ran:?}");
    ran.assert_message();
    source.commit("main", &with_entry(&source, Mode::Folder, b"bomb", &id));
    assert_refused(&env, &source, "limit");
}

#[test]
fn a_tree_5000_folders_deep_is_refused() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("deep");
    let blob = source.blob(b"deep\n");
    let mut stream =
        b"blob\nmark :1\ndata 5\ndeep\n\ncommit refs/heads/deep\ncommitter A <a@example.invalid> 0 +0000\ndata 0\n"
            .to_vec();
    stream.extend_from_slice(format!("M 100644 :1 {}x\n", "d/".repeat(5_000)).as_bytes());
    source.git(&["fast-import", "--quiet"], &stream);
    let deep = source.git(&["rev-parse", "refs/heads/deep^{tree}"], b"");
    source.commit("main", &with_entry(&source, Mode::Folder, b"d", &deep));
    assert!(!blob.is_empty());
    let started = Instant::now();
    let ran = env.run(["add", source.text(), "--all", "--yes"]);
    assert!(started.elapsed() < PATIENCE);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    ran.assert_message();
    let fetched = env.run(["add", &source.ssh_url(""), "--all", "--yes"]);
    assert!(matches!(fetched.code, Some(1 | 3)), "{fetched:?}");
    fetched.assert_message();
}

#[test]
fn a_hostile_folder_on_disk_is_refused() {
    let env = TestEnv::with_collection();
    let folder = env.root().join("plain");
    let one = folder.join("skills/one");
    fs::create_dir_all(&one).expect("a folder");
    fs::write(one.join("SKILL.md"), skill("one", "text")).expect("a file");
    let text = folder.to_str().expect("UTF-8").to_owned();
    for name in ["a\\b", "CON", "a\nb", "a\u{1b}b", "x.", ".gitmodules"] {
        fs::write(one.join(name), "evil").expect("a file");
        env.refused("path", &["add", &text]);
        fs::remove_file(one.join(name)).expect("a file");
    }
    std::os::unix::fs::symlink("/etc/passwd", one.join("link")).expect("a link");
    env.refused("path", &["add", &text]);
    fs::remove_file(one.join("link")).expect("a link");
    fs::write(one.join("README"), "1").expect("a file");
    fs::write(one.join("readme"), "2").expect("a file");
    env.refused("path", &["add", &text]);
    fs::remove_file(one.join("readme")).expect("a file");
    let mut command = env.command("mkfifo");
    command.arg(one.join("pipe"));
    let _ = Ran::of(command).ok();
    env.refused("path", &["add", &text]);
    fs::remove_file(one.join("pipe")).expect("a pipe");
    fs::write(one.join(std::ffi::OsStr::new("x")), vec![0; 1]).expect("a file");
    fs::File::create(one.join("huge")).expect("a file").set_len(200 * 1024 * 1024).expect("a length");
    env.refused("limit", &["add", &text]);
    fs::remove_file(one.join("huge")).expect("a file");
    env.run(["add", &text]).ok();
    env.assert_sound();
}

#[test]
fn a_git_folder_in_a_plain_folder_is_never_taken() {
    let env = TestEnv::with_collection();
    let one = env.root().join("plain/skills/one");
    fs::create_dir_all(one.join(".git/hooks")).expect("a folder");
    fs::write(one.join("SKILL.md"), skill("one", "text")).expect("a file");
    fs::write(one.join(".git/config"), "evil").expect("a file");
    let ran = env.run(["add", "../plain"]);
    assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
    assert!(!env.path("skills/one/.git").exists());
}

#[test]
fn texts_of_artifacts_cannot_steer_the_terminal() {
    let env = TestEnv::with_collection();
    let evil = "\u{1b}]0;title\u{7}\u{1b}[2J\r\u{8}\u{202e}\u{9b}31m\u{3164}\u{fe00}\u{e0149}";
    let in_yaml = r"\e]0;title\a\e[2J\r\b\u202e\x9b31m\u3164\ufe00\U000e0149";
    let text = format!("---\nname: one\ndescription: \"a {in_yaml} b\"\n---\n{evil}\n");
    let source = env.source("upstream", &[("skills/one/SKILL.md", &text, Mode::File)]);
    let ran = env.run(["add", source.text()]);
    assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
    // People may commit what `add` would not take.
    env.write("skills/two/SKILL.md", text.replace("name: one", "name: two"));
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", &format!("Mine {evil}")]);
    for args in [&["list"][..], &["show", "two"], &["status"], &["history"]] {
        let ran = env.run(args).ok();
        let unseen = ['\u{202e}', '\u{3164}', '\u{fe00}', '\u{e0149}'];
        let steering = |c: char| c.is_control() && c != '\n' && c != '\t' || unseen.contains(&c);
        assert!(!ran.stdout.contains(steering) && !ran.stderr.contains(steering), "{ran:?}");
        env.json(args);
    }
    assert!(env.json(&["show", "two"])["text"].as_str().expect("text").contains(evil), "JSON keeps the text");
}

#[test]
fn what_a_stranger_writes_shows_nothing_unseen() {
    let unseen = "\u{61c}\u{3164}\u{34f}\u{115f}\u{206a}\u{fe00}\u{fff9}\u{e0149}\u{2800}\u{fe0f}";
    let words = format!("a{unseen}b ❤\u{fe0f}");
    let (ada, _) = crate::ledger::ada();
    let pack = "../next.skillmeat-pack";
    let export = |words| ["export", "kit", "--version", "1.1.0", "--all", "--description", words, "--output", pack];
    ada.refused("policy", &export(&words));
    let said = words.replace('\u{e0149}', "");
    ada.run(export(&said)).ok();
    ada.run(["vault", "push", "team", "kit"]).ok();
    ada.run(["vault", "yank", "team", "kit@1.1.0", "--reason", &words]).ok();
    ada.refused("name", &["recommend", pack, "--note", &words]);
    let mut told = String::new();
    for args in
        [&["inspect", pack][..], &["import", pack, "--dry-run"], &["vault", "ls", "team"], &["vault", "log", "team"]]
    {
        let ran = ada.run(args).ok();
        let json = ada.run([args, &["--format", "json"]].concat()).ok();
        for text in [&ran.stdout, &ran.stderr, &json.stdout] {
            // A selector behind an emoji is how it is written.
            let plain = text.replace("❤\u{fe0f}", "");
            assert!(!plain.contains(|c| unseen.contains(c)), "{args:?}: {}", plain.escape_unicode());
        }
        told.push_str(&ran.stdout);
    }
    assert!(told.contains(r"a\u{61c}\u{3164}") && told.contains("❤\u{fe0f}"), "{told}");
    assert_eq!(ada.json(&["inspect", pack])["release"]["description"], said.as_str(), "JSON keeps the text");
}

#[test]
fn front_matter_bombs_end_quickly() {
    let env = TestEnv::with_collection();
    let laughs: String = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
        text + &format!("a{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}]\n", m = n - 1)
    });
    let deep = format!("x: {}{}\n", "[".repeat(100_000), "]".repeat(100_000));
    for (index, yaml) in [laughs, deep, "x: !!python/object:os.system x\n".to_owned()].iter().enumerate() {
        let text = format!("---\nname: one\ndescription: d\n{yaml}---\ntext\n");
        let source = env.source(&format!("yaml{index}"), &[("skills/one/SKILL.md", &text, Mode::File)]);
        let started = Instant::now();
        let ran = env.run(["add", source.text(), "--dry-run"]);
        assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
        assert!(matches!(ran.code, Some(0..=3)), "{:?}", ran.code);
        assert!(ran.stdout.len() < 10_000 && ran.stderr.len() < 10_000, "{} {}", ran.stdout.len(), ran.stderr.len());
    }
    let before = env.snapshot(Depth::Refs);
    env.run(["list"]).ok();
    before.assert_same(&env.snapshot(Depth::Refs), "nothing was added");
}

#[test]
fn row_91_a_name_that_is_easily_taken_for_another_is_told() {
    let env = TestEnv::with_collection();
    env.add_skill("pdf-processing", "text");
    let (near, other) = (skill("pdf-proccessing", "text"), skill("pdf-reading", "text"));
    let files = [("skills/a/SKILL.md", &*near, Mode::File), ("skills/b/SKILL.md", &*other, Mode::File)];
    let source = env.source("near", &files);
    let told = env.run(["add", source.text(), "--all"]);
    assert!(told.stdout.contains("'skill/pdf-proccessing' is easily taken for 'skill/pdf-processing'"));
    assert!(!told.stdout.contains("pdf-reading' is"), "{}", told.stdout);
}

#[test]
fn row_79_a_file_that_is_too_large_is_refused_before_it_is_read() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let text = skill("large", "text");
    let zeros = vec![0; 101 * 1024 * 1024];
    let git = env.bare("large");
    let tree = git.tree_of(&[
        ("skills/large/SKILL.md", text.as_bytes(), Mode::File),
        ("skills/large/zeros.bin", &zeros, Mode::File),
    ]);
    git.commit("main", &tree);
    drop(zeros);
    env.refused_leaving("limit", &["add", git.text()], Depth::Objects);
    env.refused("limit", &["add", &git.ssh_url("")]);
    env.assert_sound();
}

/// git tells its hooks where its own index is. A command in a hook that is about another collection must not write there.
#[test]
fn row_76_the_index_of_a_hook_is_not_taken_for_that_of_another_collection() {
    let env = TestEnv::with_collection();
    env.add_skill("first", "text");
    env.run(["init", "../other"]).ok();
    let program = env!("CARGO_BIN_EXE_git-skillmeat");
    let from = env.root().join("single/first");
    let hook = format!("#!/bin/sh\n'{program}' --collection ../other add '{}' >../said 2>&1\ntrue\n", from.display());
    env.write(".git/hooks/pre-commit", hook);
    fs::set_permissions(env.path(".git/hooks/pre-commit"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    let before = Snapshot::of(&env.root().join("other"), Depth::Objects);
    env.write("notes.txt", "x");
    env.git(["add", "notes.txt"]);
    env.git(["commit", "--quiet", "-m", "With a hook"]);
    let said = fs::read_to_string(env.root().join("said")).expect("a file");
    assert!(said.contains("GIT_INDEX_FILE is set") && said.contains("env -u GIT_INDEX_FILE"), "{said}");
    before.assert_same(&Snapshot::of(&env.root().join("other"), Depth::Objects), "a hook of another repository");
    env.assert_sound();
}

/// A tree that has more paths than there is time for, committed in the collection itself.
#[test]
fn row_77_a_bomb_in_the_collection_is_a_limit() {
    let env = TestEnv::with_collection();
    env.add_skill("first", "text");
    let git = env.bare("bomb");
    let mut tree = git.raw_tree(&[(Mode::File, b"x", &git.blob(b"x"))]);
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
        tree = git.raw_tree(&names.iter().map(|name| (Mode::Folder, name.as_bytes(), &*tree)).collect::<Vec<_>>());
    }
    let skill = git.blob(skill("bomb", "text").as_bytes());
    let bomb = git.raw_tree(&[(Mode::File, b"SKILL.md", &skill), (Mode::Folder, b"bomb", &tree)]);
    let skills = git.raw_tree(&[(Mode::Folder, b"bomb", &bomb)]);
    let manifest = git.blob(env.read("collection.toml").as_bytes());
    let root = git.raw_tree(&[(Mode::File, b"collection.toml", &manifest), (Mode::Folder, b"skills", &skills)]);
    git.commit("main", &root);
    env.git(["fetch", "--quiet", git.text(), "main:bomb"]);
    let head = env.head();
    env.git(["symbolic-ref", "HEAD", "refs/heads/bomb"]);
    let started = Instant::now();
    env.refused("limit", &["status"]);
    env.refused("limit", &["rollback", &head, "--dry-run"]);
    assert!(started.elapsed() < 6 * PATIENCE, "{:?}", started.elapsed());
}

#[test]
fn a_file_above_gix_own_limit_is_read_from_a_local_repository() {
    let env = TestEnv::with_collection();
    let (text, zeros) = (skill("large", "text"), vec![0; 17 * 1024 * 1024]);
    let git = env.bare("large");
    let files =
        [("skills/large/SKILL.md", text.as_bytes(), Mode::File), ("skills/large/zeros.bin", &*zeros, Mode::File)];
    git.commit("main", &git.tree_of(&files));
    env.run(["add", git.text()]).ok();
    assert_eq!(fs::metadata(env.path("skills/large/zeros.bin")).expect("a file").len(), 17 * 1024 * 1024);
}

#[test]
fn a_place_that_is_no_path_is_never_called_current() {
    let env = TestEnv::with_collection();
    let source = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    env.run(["add", source.text()]).ok();
    let text = env.read("collection.toml").replace("skills/one", "../../etc");
    env.write("collection.toml", text);
    env.git(["commit", "--quiet", "-am", "By hand"]);
    assert_eq!(env.upstreams(&[])[0]["upstream"]["state"], "cannot-check");
    assert_eq!(env.run(["update"]).code, Some(1));
}

/// Other people commit what our commands refuse; it is named, and does not keep the rest from being used.
#[test]
fn an_artifact_that_holds_what_none_may_hold_is_named_and_the_others_stay_in_use() {
    let env = TestEnv::with_collection();
    env.add_skill("good", "of invoices");
    std::os::unix::fs::symlink("/etc/passwd", env.path("skills/good/link")).expect("a link");
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "A link"]);
    fs::create_dir_all(env.path("skills/twins")).expect("a folder");
    for name in ["SKILL.md", "Readme.md", "README.md"] {
        env.write(&format!("skills/twins/{name}"), skill("twins", name));
    }
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "Twins"]);
    env.add_skill("other", "of invoices too");
    let ran = env.run(["--format", "json", "validate"]);
    assert_ne!(ran.code, Some(0));
    let artifacts = ran.value()["data"]["artifacts"].clone();
    for (artifact, why) in [("skill/good", "symbolic link"), ("skill/twins", "README.md")] {
        let item =
            artifacts.as_array().expect("a list").iter().find(|item| item["artifact"] == artifact).expect(artifact);
        let finding = &item["findings"][0];
        assert_eq!((&finding["id"], &finding["severity"]), (&"files.unfit".into(), &"error".into()), "{item}");
        assert!(finding["message"].as_str().is_some_and(|text| text.contains(why)), "{item}");
    }
    let hits = env.json(&["search", "invoices"]);
    assert_eq!(hits.as_array().map(Vec::len), Some(2), "{hits}");
    env.unchanged(&["duplicates"]);
    env.unchanged(&["list"]);
    env.unchanged(&["status"]);
    for command in [&["remove", "good"][..], &["show", "twins"], &["export", "kit", "--version", "1.0.0", "--all"]] {
        let told = env.run(command).refused("path");
        assert!(told.stderr.contains("git rm -r skills/"), "{}", told.stderr);
    }
    env.git(["rm", "--quiet", "-r", "skills/good", "skills/twins"]);
    env.git(["commit", "--quiet", "-m", "Out"]);
    env.run(["validate"]).ok();
}
