//! What a person agrees to: it is seen while it is asked, and it is what lands.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::env::{Depth, Judged, KEY, Ran, STRANGER, Snapshot, TestEnv, program, skill};
use crate::import::{commit_all, main_file};

/// A vault `team` at `../vault.git` of a user with a key, and another user who has compared its ledger.
fn vault() -> (TestEnv, TestEnv) {
    let owner = TestEnv::with_key();
    let made = owner.json(&["vault", "init", "../vault.git"]);
    let id = made["ledger"].as_str().expect("an id").to_owned();
    owner.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    let reader = TestEnv::with_collection();
    let address = owner.root().join("vault.git");
    reader.run(["vault", "add", "team", address.to_str().expect("a path"), "--ledger", &id]).ok();
    (owner, reader)
}

fn publish(who: &TestEnv, version: &str) {
    let pack = format!("../notes-{version}.skillmeat-pack");
    let allow = ["--allow", "skill.unknown-field"];
    who.run(["export", "notes", "--version", version, "--all", "--output", &pack].into_iter().chain(allow)).ok();
    who.run(["vault", "push", "team", &format!("notes@{version}")]).ok();
}

/// What was fetched stays; of the collection nothing changes.
fn refused_update(reader: &TestEnv) -> Judged {
    let before = Snapshot::of(&reader.folder(), Depth::Refs);
    let refused = reader.run(["update"]).refused("consent");
    before.assert_same(&Snapshot::of(&reader.folder(), Depth::Refs), "update");
    refused
}

#[test]
fn an_update_asks_about_front_matter_that_grants_and_about_another_signer() {
    let (owner, reader) = vault();
    owner.add_skill("notes", "text");
    publish(&owner, "1.0.0");
    reader.run(["import", "team:notes", "--link", "--yes"]).ok();
    // Only words: nothing that has to be agreed to.
    owner.write("skills/notes/SKILL.md", skill("notes", "other text"));
    owner.git(["commit", "-qam", "words"]);
    publish(&owner, "1.1.0");
    reader.run(["update"]).ok();
    assert!(reader.read("skills/notes/SKILL.md").contains("other text"));

    let granting = skill("notes", "other text").replacen("---\n", "---\nallowed-tools: Bash(*)\n", 1);
    owner.write("skills/notes/SKILL.md", &granting);
    owner.git(["commit", "-qam", "more"]);
    publish(&owner, "1.2.0");
    let refused = refused_update(&reader);
    assert!(refused.stderr.contains("allowed-tools") && refused.stderr.contains("Bash(*)"), "{}", refused.stderr);
    let dry = reader.json(&["update", "--dry-run"]);
    assert_eq!(dry["bundles"][0]["signed_by"]["is_new"], false, "{dry:#}");
    reader.run(["update", "--yes"]).ok();

    // The same content by somebody else, whom the ledger lets publish it.
    let key = owner.root().join("other.pub");
    fs::write(&key, &STRANGER.public).expect("a file");
    let grant =
        ["vault", "role", "grant", "team", "tester@example.invalid", "publisher", "--bundles", "notes", "--key"];
    owner.run(grant.into_iter().chain([key.to_str().expect("a path")])).ok();
    owner.use_key(&STRANGER);
    owner.allow(&[("tester@example.invalid", &KEY), ("tester@example.invalid", &STRANGER)]);
    owner.write("skills/notes/SKILL.md", granting.replace("other text", "last text"));
    owner.git(["commit", "-qam", "by another key"]);
    publish(&owner, "1.3.0");
    let refused = refused_update(&reader);
    assert!(refused.stderr.contains("not the key of the release before"), "{}", refused.stderr);
    let dry = reader.json(&["update", "--dry-run"]);
    assert_eq!(dry["bundles"][0]["signed_by"]["is_new"], true, "{dry:#}");
    reader.run(["update", "--yes"]).ok();
    assert!(reader.read("skills/notes/SKILL.md").contains("last text"));
}

#[test]
fn a_git_source_that_grants_more_is_asked_about_as_well() {
    let env = TestEnv::with_collection();
    let source = env.bare("source");
    source.commit_files("main", &[("skills/notes/SKILL.md", &skill("notes", "text"))]);
    env.run(["add", &source.url(""), "--all", "--yes"]).ok();
    let granting = skill("notes", "text").replacen("---\n", "---\nhooks: {Stop: run}\n", 1);
    source.commit_files("main", &[("skills/notes/SKILL.md", &granting)]);
    let refused = env.refused("consent", &["update"]);
    assert!(refused.stderr.contains("hooks"), "{}", refused.stderr);
    env.run(["update", "--yes"]).ok();
    assert_eq!(env.read("skills/notes/SKILL.md"), granting);
}

/// Puts other bytes of the same length under the id of an object of a repository.
fn forge(env: &TestEnv, id: &str) {
    let content = env.git(["cat-file", "blob", id]);
    let other = "X".repeat(content.len() + 1);
    let (folder, name) = id.split_at(2);
    let path = env.path(&format!(".git/objects/{folder}/{name}"));
    let script = "import sys, zlib\nd = sys.stdin.buffer.read()\nsys.stdout.buffer.write(zlib.compress(b'blob %d\\0' % len(d) + d))";
    let mut python = env.command("python3");
    let mut child = python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(other.as_bytes()).expect("writes");
    let out = child.wait_with_output().expect("ends");
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let _ = fs::remove_file(&path);
    fs::write(&path, out.stdout).expect("a file");
}

#[test]
fn what_a_store_holds_under_an_id_is_not_believed() {
    let author = TestEnv::with_key();
    author.add_skill("one", "text");
    let pack = author.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("a path");
    author.run(["export", "kit", "--version", "1.0.0", "--all", "--output", pack]).ok();
    let id = author.git(["rev-parse", "HEAD:skills/one/SKILL.md"]).trim().to_owned();
    for existing in ["refuse", "merge", "fork"] {
        let reader = TestEnv::with_key();
        // As a clone of a folder on the same machine takes it over.
        fs::write(reader.root().join("SKILL.md"), author.read("skills/one/SKILL.md")).expect("a file");
        reader.git(["hash-object", "-w", "../SKILL.md"]);
        forge(&reader, &id);
        if existing == "fork" {
            reader.add_skill("one", "mine");
        }
        let refused = reader.refused_leaving("hash", &["import", pack, "--yes", "--existing", existing], Depth::Refs);
        assert!(refused.stderr.contains(&id) && refused.stderr.contains("git fsck"), "{}", refused.stderr);
    }
}

#[test]
fn a_question_stays_on_the_screen_while_it_waits() {
    let (owner, reader) = vault();
    owner.add_skill("notes", "old text");
    publish(&owner, "1.0.0");
    reader.run(["import", "team:notes", "--yes"]).ok();
    owner.write("skills/notes/SKILL.md", skill("notes", "new text"));
    owner.git(["commit", "-qam", "words"]);
    publish(&owner, "1.1.0");
    // Longer than a progress bar waits before it is drawn.
    let script = "import os, pty, sys, time\n\
        child, terminal = pty.fork()\n\
        if child == 0: os.execv(sys.argv[1], sys.argv[1:])\n\
        seen, asked = b'', None\n\
        os.set_blocking(terminal, False)\n\
        while True:\n\
        \x20   try: piece = os.read(terminal, 65536)\n\
        \x20   except BlockingIOError: piece = None\n\
        \x20   except OSError: break\n\
        \x20   if piece == b'': break\n\
        \x20   seen += piece or b''\n\
        \x20   if asked is None and seen.endswith(b'[y/N] '): asked = time.time()\n\
        \x20   if asked and asked > 0 and time.time() > asked + 1.5:\n\
        \x20       sys.stdout.buffer.write(seen)\n\
        \x20       sys.stdout.flush()\n\
        \x20       asked = -1\n\
        \x20       os.write(terminal, b'y\\n')\n\
        \x20   time.sleep(0.01)\n\
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n";
    let mut command = reader.command("python3");
    command.args(["-c", script]).arg(program()).args(["import", "team:notes"]).env("NO_COLOR", "1");
    let ran = Ran::of(command);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.ends_with("Import this? [y/N] "), "{ran:?}");
    assert!(reader.read("skills/notes/SKILL.md").contains("new text"));
}

/// Returns the questions that were asked.
fn questions(screen: &str) -> Vec<&str> {
    screen.lines().filter_map(|line| line.split_once(" [y/N] ")).map(|(question, _)| question).collect()
}

/// Changes every artifact of [`KINDS`], and what the skill and the hook have beside it.
fn change(author: &TestEnv, text: &str) {
    commit_all(author, text, text);
    for script in ["skills/pdf/fill.sh", "hooks/guard/run.sh"] {
        author.write(script, format!("#!/bin/sh\necho {text}\n"));
        fs::set_permissions(author.path(script), fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    author.git(["add", "--all"]);
    author.git(["commit", "--quiet", "-m", "Scripts"]);
}

#[test]
fn each_kind_is_agreed_to_by_itself() {
    let (owner, reader) = vault();
    change(&owner, "first");
    publish(&owner, "1.0.0");
    let import = ["import", "team:notes", "--link"];
    let all = [
        "Take what tester@example.invalid signed with a key that is new here, ",
        "Take 1 hook, which a client runs by itself?",
        "Take 1 MCP server, which a client starts by itself?",
        "Take 2 executable files?",
        "Take 1 artifact whose front matter says what may be done or run?",
        "Import this?",
    ];
    let asked = |screen: &str, expected: &[&str]| {
        let found = questions(screen);
        let same = found.iter().zip(expected).all(|(found, expected)| found.starts_with(expected));
        assert!(same && found.len() == expected.len(), "{expected:?}: {screen}");
    };
    reader.run(["import", "team:notes", "--dry-run"]).ok();
    for agreed in 0..all.len() {
        let mut answers = vec!["y"; agreed];
        answers.push("n");
        let before = Snapshot::of(&reader.folder(), Depth::Refs);
        let (screen, status) = reader.on_terminal(&import, &answers);
        assert_eq!(status, Some(3), "{screen}");
        asked(&screen, &all[..=agreed]);
        before.assert_same(&Snapshot::of(&reader.folder(), Depth::Refs), &screen);
    }
    assert_eq!(reader.json(&["import", "team:notes", "--dry-run"])["signer_is_new"], true);
    let (screen, status) = reader.on_terminal(&import, &["y"; 6]);
    assert_eq!(status, Some(0), "{screen}");
    asked(&screen, &all);
    assert_eq!(reader.json(&["import", "team:notes", "--dry-run"])["signer_is_new"], false);

    // The same key again is no news, and what stays as it is is not asked about.
    owner.write("mcp/files/server.json", main_file("mcp/files", "first", "second"));
    owner.git(["commit", "--quiet", "-am", "Server"]);
    publish(&owner, "1.1.0");
    let (screen, status) = reader.on_terminal(&["update"], &["n"]);
    assert_eq!(status, Some(3), "{screen}");
    asked(&screen, &all[2..3]);
    let (screen, status) = reader.on_terminal(&["update"], &["y"]);
    assert_eq!(status, Some(0), "{screen}");
    assert!(reader.read("mcp/files/server.json").contains("second"));

    let project = reader.root().join("project");
    fs::create_dir(&project).expect("a folder");
    let deploy = ["deploy", "guard", "files", "pdf", "--project", "../project"];
    let (screen, status) = reader.on_terminal(&deploy, &["y", "n"]);
    assert_eq!((status, fs::read_dir(&project).expect("a folder").count()), (Some(3), 0), "{screen}");
    asked(&screen, &all[1..3]);
    let (screen, status) = reader.on_terminal(&deploy, &["y", "y"]);
    assert_eq!(status, Some(0), "{screen}");
    asked(&screen, &all[1..3]);

    // From a folder of somebody nobody signs for.
    let other = TestEnv::with_collection();
    let folder = owner.folder();
    let folder = folder.to_str().expect("a path");
    let (screen, status) = other.on_terminal(&["add", folder, "--all"], &["y", "y", "n"]);
    assert_eq!(status, Some(3), "{screen}");
    asked(&screen, &all[1..4]);
}

/// A release whose artifacts were all here was taken too, with whose key signed it.
#[test]
fn a_release_that_brought_nothing_has_a_signer_that_is_known() {
    let author = TestEnv::with_key();
    author.add_skill("one", "text");
    let pack = |name: &str, version: &str| {
        let pack = format!("../{name}-{version}.skillmeat-pack");
        author.run(["export", name, "--version", version, "--all", "--output", &pack]).ok();
        author.root().join(&pack[3..]).display().to_string()
    };
    let first = pack("kit", "1.0.0");
    author.use_key(&STRANGER);
    author.allow(&[("tester@example.invalid", &KEY), ("other@example.invalid", &STRANGER)]);
    let (same, next) = (pack("copy", "1.0.0"), pack("copy", "1.1.0"));
    let reader = TestEnv::with_collection();
    reader.allow(&[("tester@example.invalid", &KEY), ("other@example.invalid", &STRANGER)]);
    reader.run(["import", &first, "--yes"]).ok();
    let is_new = |pack: &str| reader.json(&["import", pack, "--dry-run"])["signer_is_new"].clone();
    assert_eq!((is_new(&same), is_new(&next)), (true.into(), true.into()));
    reader.run(["import", &same, "--yes"]).ok();
    assert_eq!((is_new(&same), is_new(&next)), (false.into(), false.into()));
}
