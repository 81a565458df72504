//! `add`: where artifacts come from, what is recorded of it, and what is asked before.

use std::fs;

use crate::env::{Depth, Git, Mode, Ran, TestEnv, skill};

const FILE: Mode = Mode::File;

fn names(listed: &serde_json::Value) -> Vec<String> {
    let artifacts = listed["artifacts"].as_array().expect("a list").iter();
    artifacts.map(|item| item["artifact"].as_str().expect("text").to_owned()).collect()
}

fn one_skill(env: &TestEnv) -> Git {
    env.source("upstream", &[("skills/one/SKILL.md", &skill("one", "text"), FILE)])
}

#[test]
fn all_five_kinds_are_found_in_the_examples() {
    let env = TestEnv::with_collection();
    env.add_examples();
    assert_eq!(
        names(&env.json(&["list"])),
        [
            "agent/code-reviewer",
            "command/git/summary",
            "command/release-notes",
            "hook/format-on-edit",
            "mcp/filesystem",
            "skill/commit-message",
            "skill/dependency-review"
        ]
    );
    env.assert_sound();
    for file in ["skills/commit-message/scripts/check-message.sh", "hooks/format-on-edit/format.sh"] {
        let from = fs::read(crate::env::examples().join(file)).expect("a file");
        assert_eq!(fs::read(env.path(file)).expect("a file"), from, "{file}");
        let mode = env.git(["ls-files", "--format=%(objectmode)", file]);
        let executable = Ran::of(test_x(&env, &crate::env::examples().join(file))).code == Some(0);
        assert_eq!(mode, if executable { "100755" } else { "100644" }, "{file}");
    }
}

fn test_x(env: &TestEnv, path: &std::path::Path) -> std::process::Command {
    let mut command = env.command("test");
    command.arg("-x").arg(path);
    command
}

#[test]
fn provenance_is_recorded_in_files_and_refs() {
    let env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    let commit = upstream.git(&["rev-parse", "main"], b"");
    env.run(["add", &upstream.url("#main")]).ok();
    let manifest: toml::Table = env.read("collection.toml").parse().expect("TOML");
    let entry = &manifest["artifacts"]["skill/one"];
    assert_eq!(entry["upstream"].as_str(), Some(upstream.url("").as_str()));
    assert_eq!(entry["path"].as_str(), Some("skills/one"));
    assert_eq!(entry["ref"].as_str(), Some("main"));
    let lock: toml::Table = env.read("collection.lock").parse().expect("TOML");
    let entry = &lock["artifacts"]["skill/one"];
    assert_eq!(entry["commit"].as_str(), Some(commit.as_str()));
    assert_eq!(entry["license"].as_str(), Some("MIT"));
    let pristine = "refs/skillmeat/upstream/skill/one";
    assert_eq!(entry["tree"].as_str(), Some(env.git(["rev-parse", &format!("{pristine}^{{tree}}")]).as_str()));
    assert_eq!(
        env.git(["rev-parse", &format!("{pristine}:skills/one")]),
        upstream.git(&["rev-parse", "main:skills/one"], b"")
    );
    let message = env.git(["log", "-1", "--format=%B", pristine]);
    assert!(message.contains(&format!("Skillmeat-Commit: {commit}")), "{message}");
    let shown = env.json(&["show", "one"]);
    assert_eq!(shown["upstream_commit"], commit);
    assert_eq!(shown["digest"].as_str(), entry["digest"].as_str());
}

#[test]
fn every_form_of_a_local_source_gives_the_same_files() {
    let env = TestEnv::new();
    let upstream = one_skill(&env);
    let clone = env.root().join("clone");
    env.git(["clone", "--quiet", upstream.text(), clone.to_str().expect("UTF-8")]);
    let plain = env.root().join("plain");
    fs::create_dir_all(plain.join("skills/one")).expect("a folder");
    fs::copy(clone.join("skills/one/SKILL.md"), plain.join("skills/one/SKILL.md")).expect("a file");
    let text = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let mut digests = Vec::new();
    for (name, source) in [
        ("bare", text(upstream.folder())),
        ("clone", text(&clone)),
        ("plain", text(&plain)),
        ("relative", "../plain".to_owned()),
        ("url", upstream.url("")),
        ("url-of-clone", format!("file://{}", clone.display())),
        ("below", upstream.url("//skills/one")),
        ("folder", text(&plain.join("skills/one"))),
    ] {
        env.run(["init", name]).ok();
        env.run(["add", "--collection", &format!("./{name}"), &source]).ok();
        digests.push(env.json(&["show", "one", "--collection", &format!("./{name}")])["digest"].clone());
    }
    digests.dedup();
    assert_eq!(digests.len(), 1, "{digests:?}");
}

#[test]
fn a_branch_a_tag_or_a_commit_can_be_named() {
    let env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    let first = upstream.git(&["rev-parse", "main"], b"");
    upstream.git(&["tag", "light", &first], b"");
    upstream.git(&["tag", "-m", "Annotated", "v1", &first], b"");
    upstream.commit_files("topic", &[("skills/one/SKILL.md", &skill("one", "topic"))]);
    upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "newer"))]);
    for (reference, text) in [
        ("light", "text"),
        ("v1", "text"),
        (first.as_str(), "text"),
        ("topic", "topic"),
        ("refs/heads/topic", "topic"),
        ("main", "newer"),
    ] {
        env.run(["add", &upstream.url(&format!("#{reference}"))]).ok();
        assert!(env.read("skills/one/SKILL.md").contains(text), "{reference}");
        env.run(["remove", "one"]).ok();
    }
    for missing in ["nothing", "0123456789012345678901234567890123456789", "v1^{tree}", "-x", "a..b", "@{1}"] {
        env.refused("name", &["add", &upstream.url(&format!("#{missing}"))]);
    }
}

#[test]
fn an_mcp_configuration_becomes_definitions() {
    let env = TestEnv::with_collection();
    let config = r#"{"mcpServers": {"files": {"command": "npx", "args": ["-y", "@example/files@1.2.3"],
        "env": {"API_KEY": "${API_KEY}"}}}}"#;
    let upstream = env.source("upstream", &[(".mcp.json", config, FILE)]);
    env.run(["add", upstream.text(), "--yes"]).ok();
    let text = env.read("mcp/files/server.json");
    assert!(text.contains("@example/files") && text.contains("API_KEY"), "{text}");
    assert!(env.read("collection.toml").contains("server = \"files\""));
    env.assert_sound();
    env.unchanged(&["add", upstream.text()]);
}

#[test]
fn a_secret_in_a_configuration_is_refused_and_not_shown() {
    let env = TestEnv::with_collection();
    let config = r#"{"mcpServers": {"files": {"command": "npx", "args": ["-y", "@example/files@1.2.3"],
        "env": {"API_KEY": "canary-4f6c1a7e9b20"}}}}"#;
    let upstream = env.source("upstream", &[(".mcp.json", config, FILE)]);
    let ran = env.refused("parse", &["add", upstream.text(), "--yes"]);
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    let ran = env.run(["--format", "json", "add", upstream.text(), "--yes", "--dry-run"]);
    assert!(!format!("{ran:?}").contains("canary"), "{ran:?}");
    assert!(!env.git(["log", "--all", "-p"]).contains("canary"), "no commit holds it");
}

#[test]
fn a_plugin_and_a_marketplace_are_sources() {
    let env = TestEnv::with_collection();
    let marketplace =
        r#"{"name": "m", "owner": {"name": "o"}, "plugins": [{"name": "kit", "source": "./plugins/kit"}]}"#;
    let upstream = env.source(
        "upstream",
        &[
            (".claude-plugin/marketplace.json", marketplace, FILE),
            ("plugins/kit/.claude-plugin/plugin.json", r#"{"name": "kit", "version": "1.0.0"}"#, FILE),
            ("plugins/kit/skills/one/SKILL.md", &skill("one", "text"), FILE),
            ("plugins/kit/agents/helper.md", "---\nname: helper\ndescription: Helps.\n---\nHelp.\n", FILE),
            ("plugins/kit/commands/tidy.md", "---\ndescription: Tidies.\n---\nTidy.\n", FILE),
        ],
    );
    env.run(["add", upstream.text(), "--all"]).ok();
    assert_eq!(names(&env.json(&["list"])), ["agent/helper", "command/tidy", "skill/one"]);
    env.assert_sound();
}

#[test]
fn adding_twice_changes_nothing() {
    let env = TestEnv::with_collection();
    let from = env.example_folder("examples");
    env.add_examples();
    let ran = env.unchanged(&["add", from.to_str().expect("UTF-8"), "--all"]);
    assert!(ran.stdout.contains("Unchanged") && !ran.stdout.contains("Added"), "{ran:?}");
}

#[test]
fn other_content_under_the_name_is_a_conflict() {
    let env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    env.run(["add", upstream.text()]).ok();
    upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "newer"))]);
    let ran = env.refused("conflict", &["add", upstream.text()]);
    assert!(ran.stderr.contains("hint: give it another name with `--as NAME`"), "{ran:?}");
    env.run(["add", upstream.text(), "--as", "other"]).ok();
    assert!(env.read("skills/other/SKILL.md").contains("newer"));
    env.assert_sound();
}

#[test]
fn two_artifacts_of_one_name_are_a_conflict_unless_they_are_the_same() {
    let env = TestEnv::with_collection();
    let one = skill("one", "text");
    let same = env.source("same", &[("a/one/SKILL.md", &one, FILE), ("b/one/SKILL.md", &one, FILE)]);
    env.run(["add", same.text(), "--all"]).ok();
    let other = env
        .source("other", &[("a/two/SKILL.md", &skill("two", "a"), FILE), ("b/two/SKILL.md", &skill("two", "b"), FILE)]);
    let ran = env.refused("conflict", &["add", other.text(), "--all"]);
    assert!(ran.stderr.contains("'a/two', 'b/two'"), "{ran:?}");
    env.run(["add", &other.url("//b")]).ok();
    assert!(env.read("skills/two/SKILL.md").contains('b'));
}

#[test]
fn several_artifacts_are_never_added_by_accident() {
    let env = TestEnv::with_collection();
    let from = env.example_folder("examples");
    let from = from.to_str().expect("UTF-8");
    let ran = env.refused("usage", &["add", from]);
    assert!(ran.stderr.contains("--all") && ran.stderr.contains("skill/commit-message"), "{ran:?}");
    env.run(["add", from, "--only", "skill/commit-message", "--only", "code-reviewer", "--yes"]).ok();
    assert_eq!(names(&env.json(&["list"])), ["agent/code-reviewer", "skill/commit-message"]);
    env.refused("name", &["add", from, "--only", "skill/nothing"]);
    env.refused("name", &["add", from, "--all", "--as", "one"]);
    env.refused("name", &["add", from, "--only", "skill/dependency-review", "--as", "../x"]);
}

#[test]
fn what_runs_by_itself_needs_consent() {
    let env = TestEnv::with_collection();
    let hooks = r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}}"#;
    let server = r#"{"mcpServers": {"files": {"command": "npx", "args": ["-y", "@example/files@1.2.3"]}}}"#;
    for (name, path, text, mode, shown) in [
        ("hook", "hooks/stop/hooks.json", hooks, FILE, "hook/stop"),
        ("mcp", ".mcp.json", server, FILE, "mcp/files"),
        ("executable", "skills/one/run.sh", "#!/bin/sh\n", Mode::Executable, "skills/one/run.sh"),
    ] {
        let mut files = vec![(path, text, mode)];
        let main = skill("one", "text");
        if name == "executable" {
            files.push(("skills/one/SKILL.md", &main, FILE));
        }
        let upstream = env.source(name, &files);
        let ran = env.refused("consent", &["add", upstream.text()]);
        assert!(ran.stderr.contains(shown), "{name}: what runs is shown: {ran:?}");
        env.run(["add", upstream.text(), "--yes"]).ok();
    }
    env.assert_sound();
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let env = TestEnv::with_collection();
    let from = env.example_folder("examples");
    let ran = env.unchanged(&["add", from.to_str().expect("UTF-8"), "--all", "--dry-run"]);
    assert_eq!(ran.stdout.matches("Would add").count(), 7, "{ran:?}");
    assert!(ran.stdout.contains("can run: hook/format-on-edit"), "{ran:?}");
}

#[test]
fn sources_without_artifacts_say_what_was_seen() {
    let env = TestEnv::with_collection();
    let empty = env.bare("empty");
    env.refused("usage", &["add", empty.text()]);
    let none = env.source("none", &[("README.md", "nothing\n", FILE)]);
    let ran = env.refused("name", &["add", none.text()]);
    assert!(ran.stderr.contains("no artifact was found"), "{ran:?}");
    fs::create_dir(env.root().join("hollow")).expect("a folder");
    env.refused("name", &["add", "../hollow"]);
    env.refused("name", &["add", &none.url("//not/there")]);
    for missing in ["../missing", "./missing", "/missing/here"] {
        let ran = env.run(["add", missing]);
        assert!(ran.code == Some(1) || ran.code == Some(2), "{ran:?}");
        ran.assert_message();
    }
}

#[test]
fn a_source_that_cannot_be_reached_is_a_network_error() {
    let env = TestEnv::with_collection();
    let missing = format!("file://{}/missing.git", env.root().display());
    for source in [missing.as_str(), "http://127.0.0.1:1/r.git", "https://127.0.0.1:1/r.git"] {
        env.refused("net", &["add", source]);
    }
}

#[test]
fn a_corrupt_repository_is_refused() {
    let env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    // Loose: cut off, emptied, not compressed, other content under the name.
    let blob = upstream.git(&["rev-parse", "main:skills/one/SKILL.md"], b"");
    let path = upstream.folder().join("objects").join(&blob[..2]).join(&blob[2..]);
    let good = fs::read(&path).expect("an object");
    let other = {
        let id = upstream.blob(b"other\n");
        fs::read(upstream.folder().join("objects").join(&id[..2]).join(&id[2..])).expect("an object")
    };
    fs::remove_file(&path).expect("an object");
    for bytes in [&good[..good.len() / 2], &[], b"nonsense", &other] {
        fs::write(&path, bytes).expect("an object");
        for source in [upstream.text().to_owned(), upstream.url("")] {
            let ran = env.run(["add", &source]);
            assert!(ran.code == Some(1) || ran.code == Some(3), "{} bytes: {ran:?}", bytes.len());
            ran.assert_message();
        }
        fs::remove_file(&path).expect("an object");
    }
    env.refused("io", &["add", upstream.text()]);
    fs::write(&path, good).expect("an object");
    upstream.git(&["repack", "-adq"], b"");
    let packs = fs::read_dir(upstream.folder().join("objects/pack")).expect("packs");
    let pack =
        packs.map(|entry| entry.expect("an entry").path()).find(|path| path.extension() == Some("pack".as_ref()));
    let pack = pack.expect("a pack");
    let good = fs::read(&pack).expect("a pack");
    fs::remove_file(&pack).expect("a pack");
    for length in [0, 12, good.len() / 2, good.len() - 1] {
        fs::write(&pack, &good[..length]).expect("a pack");
        let ran = env.run(["add", upstream.text()]);
        assert!(ran.code == Some(1) || length == good.len() - 1, "{length}: {ran:?}");
        if ran.code != Some(0) {
            ran.assert_message();
        }
    }
}

#[test]
fn texts_that_git_would_run_are_refused_before_git_sees_them() {
    let env = TestEnv::with_collection();
    let marker = env.root().join("ran");
    let touch = format!("touch {}", marker.display());
    for source in [
        format!("--upload-pack={touch}"),
        format!("ext::sh -c {touch}"),
        "EXT::x".to_owned(),
        "fd::0".to_owned(),
        "-x".to_owned(),
        format!("ssh://-oProxyCommand={touch}/x"),
        format!("-oProxyCommand={touch}:x"),
        "ftp://host/x".to_owned(),
        "git://host/x".to_owned(),
        "https://host/../x\n".to_owned(),
        String::new(),
        "x".repeat(10_000),
        "a\u{202e}b/c".to_owned(),
    ] {
        env.refused("name", &["add", "--", &source]);
        assert!(!marker.exists(), "{source}");
    }
}

#[test]
fn credentials_of_a_url_are_never_shown_or_stored() {
    let env = TestEnv::with_collection();
    for source in [
        "https://user:canary-5eb1@127.0.0.1:1/r.git",
        "https://canary-5eb1@127.0.0.1:1/r.git",
        "https://127.0.0.1:1/r.git?token=canary-5eb1",
        "https://user:p@canary-5eb1@127.0.0.1:1/r",
    ] {
        for format in ["human", "json"] {
            let ran = env.run(["--format", format, "add", source]);
            assert_ne!(ran.code, Some(0), "{ran:?}");
            assert!(!format!("{ran:?}").contains("canary"), "{source}: {ran:?}");
        }
    }
    let mut grep = env.command("grep");
    grep.args(["-r", "canary-5eb1"]).arg(env.root());
    let found = Ran::of(grep);
    assert_eq!(found.stdout, "");
}

/// Attributes that ask git for filters and conversions.
const ATTRIBUTES: &str =
    "* filter=run ident text eol=crlf working-tree-encoding=UTF-16 export-subst\n*.md -export-ignore\n";

#[test]
fn nothing_of_a_source_is_run_and_its_bytes_are_taken_as_they_are() {
    let env = TestEnv::with_collection();
    let text = skill("one", "$Id$ $Format:%H$\r\nline");
    let upstream =
        env.source("upstream", &[("skills/one/SKILL.md", &text, FILE), (".gitattributes", ATTRIBUTES, FILE)]);
    let marker = env.root().join("ran");
    let script = upstream.folder().join("run.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch {}\n", marker.display())).expect("a file");
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let run = script.to_str().expect("UTF-8");
    for key in [
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.editor",
        "gpg.program",
        "gpg.ssh.program",
        "filter.run.clean",
        "filter.run.smudge",
        "filter.run.process",
        "uploadpack.packObjectsHook",
        "diff.external",
        "credential.helper",
        "alias.log",
    ] {
        upstream.git(&["config", key, run], b"");
    }
    upstream.git(&["config", "core.hooksPath", upstream.folder().join("hooks").to_str().expect("UTF-8")], b"");
    for hook in ["post-checkout", "pre-receive", "post-update", "reference-transaction", "fsmonitor-watchman"] {
        fs::create_dir_all(upstream.folder().join("hooks")).expect("a folder");
        fs::copy(&script, upstream.folder().join("hooks").join(hook)).expect("a hook");
    }
    let _ = fs::remove_file(&marker);
    for source in [upstream.text().to_owned(), upstream.url("")] {
        env.run(["add", &source]).ok();
        env.run(["status", "--remote"]).ok();
        assert!(!marker.exists(), "{source}: something ran");
        assert_eq!(env.read("skills/one/SKILL.md"), text, "{source}");
        env.run(["remove", "one"]).ok();
    }
}

#[test]
fn a_clone_with_hostile_settings_and_an_edited_worktree_gives_its_last_commit() {
    let env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    let clone = env.root().join("clone");
    env.git(["clone", "--quiet", upstream.text(), clone.to_str().expect("UTF-8")]);
    let marker = env.root().join("ran");
    let config = format!(
        "[core]\n\tfsmonitor = touch {0}\n\tsshCommand = touch {0}\n[include]\n\tpath = ../../nothing\n",
        marker.display()
    );
    let path = clone.join(".git/config");
    fs::write(&path, fs::read_to_string(&path).expect("a file") + &config).expect("a file");
    fs::write(clone.join("skills/one/SKILL.md"), "not committed").expect("a file");
    std::os::unix::fs::symlink("/etc/passwd", clone.join("skills/one/link")).expect("a link");
    env.run(["add", clone.to_str().expect("UTF-8")]).ok();
    assert!(!marker.exists());
    assert_eq!(env.read("skills/one/SKILL.md"), skill("one", "text"));
}

#[test]
fn replaced_objects_and_variables_of_the_caller_are_not_believed() {
    let mut env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    let good = upstream.git(&["rev-parse", "main:skills/one/SKILL.md"], b"");
    let evil = upstream.blob(skill("one", "evil").as_bytes());
    upstream.git(&["replace", &good, &evil], b"");
    env.run(["add", upstream.text()]).ok();
    assert_eq!(env.read("skills/one/SKILL.md"), skill("one", "text"));
    env.run(["remove", "one"]).ok();
    let elsewhere = env.root().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    for name in ["GIT_OBJECT_DIRECTORY", "GIT_INDEX_FILE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"] {
        env.set(name, elsewhere.join("x").to_str().expect("UTF-8"));
    }
    let _ = env.run(["add", &upstream.url("")]);
    assert_eq!(fs::read_dir(&elsewhere).expect("lists").count(), 0, "nothing is written there");
}

#[test]
fn a_refused_source_among_several_leaves_those_before_it() {
    let env = TestEnv::with_collection();
    let upstream = one_skill(&env);
    let ran = env.run(["add", upstream.text(), "../missing"]);
    assert_ne!(ran.code, Some(0));
    ran.assert_message();
    env.assert_sound();
}

#[test]
fn adding_outside_of_a_collection_fetches_nothing() {
    let env = TestEnv::new();
    let upstream = one_skill(&env);
    env.refused_leaving("usage", &["add", &upstream.url("")], Depth::Objects);
    assert!(!env.home().join(".skillmeat").exists());
}

#[test]
fn a_remote_is_fetched_once_and_followed() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let upstream = one_skill(&env);
    let first = upstream.git(&["rev-parse", "main"], b"");
    env.run(["add", &upstream.ssh_url("")]).ok();
    env.assert_sound();
    let shown = env.json(&["show", "one"]);
    assert_eq!(shown["upstream"], upstream.ssh_url(""));
    assert_eq!(shown["upstream_commit"], first);
    env.run(["add", &upstream.ssh_url("")]).ok();
    let second = upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "newer"))]);
    let status = env.json(&["status", "--remote"]);
    assert_eq!(status["artifacts"][0]["upstream"]["commit"], second);
    env.refused("conflict", &["add", &upstream.ssh_url("")]);
    env.run(["remove", "one"]).ok();
    for (reference, text) in [("", "newer"), ("#main", "newer"), (&format!("#{first}"), "text")] {
        env.run(["add", &upstream.ssh_url(reference)]).ok();
        assert!(env.read("skills/one/SKILL.md").contains(text), "{reference}");
        env.run(["remove", "one"]).ok();
    }
    // History may be rewritten there.
    upstream.git(&["update-ref", "-d", "refs/heads/main"], b"");
    upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "rewritten"))]);
    env.run(["add", &upstream.ssh_url("//skills#main")]).ok();
    assert!(env.read("skills/one/SKILL.md").contains("rewritten"));
    env.assert_sound();
}

#[test]
fn a_remote_that_fails_leaves_nothing_in_the_way_of_the_next_try() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let upstream = env.bare("upstream");
    env.refused("net", &["add", &upstream.ssh_url("")]);
    env.refused("net", &["add", &upstream.ssh_url("#nothing")]);
    fs::rename(upstream.folder(), env.root().join("away")).expect("a folder");
    env.refused("net", &["add", &upstream.ssh_url("")]);
    fs::rename(env.root().join("away"), upstream.folder()).expect("a folder");
    upstream.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "text"))]);
    env.run(["add", &upstream.ssh_url("")]).ok();
    env.assert_sound();
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let script =
        "#!/bin/sh\nprintf 'fatal: \\033]52;c;AAAA\\007 \\033[2J\\r error: forged\\nerror: more\\n' >&2\nexit 1\n";
    fs::write(env.home().join("ssh"), script).expect("a file");
    let ran = env.refused("net", &["add", "ssh://host.invalid/x"]);
    assert!(ran.stderr.contains("forged"), "{ran:?}");
    let script = "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\nexit 1\n";
    fs::write(env.home().join("ssh"), script).expect("a file");
    env.refused("net", &["add", "ssh://host.invalid/x"]);
}

#[test]
fn a_name_that_the_source_does_not_have_is_told_of_the_source() {
    let env = TestEnv::with_collection();
    let source = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let told = env.refused("name", &["add", source.text(), "--only", "on"]);
    assert!(told.stderr.contains("in the source") && told.stderr.contains("skill/one"), "{}", told.stderr);
}

#[test]
fn one_server_that_no_client_can_launch_does_not_keep_the_rest_away() {
    let env = TestEnv::with_collection();
    let servers =
        r#"{"mcpServers": {"odd": {"type": "local"}, "good": {"command": "npx", "args": ["-y", "a@1.0.0"]}}}"#;
    let files = [("mcp.json", servers, Mode::File), ("skills/one/SKILL.md", &skill("one", "text"), Mode::File)];
    let source = env.source("mixed", &files);
    let told = env.run(["add", source.text(), "--all", "--yes"]);
    assert_ne!(told.code, Some(0));
    assert!(told.stderr.contains("--skip-unusable"), "{}", told.stderr);
    let done = env.json(&["add", source.text(), "--all", "--yes", "--skip-unusable"]);
    let names: Vec<_> =
        done["artifacts"].as_array().expect("a list").iter().map(|item| item["artifact"].clone()).collect();
    assert_eq!(names, ["mcp/good", "skill/one"]);
    let notes = done["notes"].as_array().expect("a list");
    assert!(
        notes
            .iter()
            .any(|note| note["id"] == "unusable" && note["message"].as_str().expect("text").contains("mcp/odd"))
    );
}

/// On a terminal, by numbers: real keys into a real pseudo-terminal.
#[test]
fn artifacts_are_picked_from_a_list_on_a_terminal() {
    let env = TestEnv::with_collection();
    let skills = ["a", "b", "c", "d"].map(|name| (format!("skills/{name}/SKILL.md"), skill(name, "text")));
    let files: Vec<_> = skills.iter().map(|(path, text)| (path.as_str(), text.as_str(), Mode::File)).collect();
    let source = env.source("several", &files);
    let answer = |keys: &str| {
        let line = format!("'{}' add {}", crate::env::program().display(), source.text());
        let mut command = env.command("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "dumb").stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped());
        let mut child = command.spawn().expect("script runs");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), keys.as_bytes()).expect("is typed");
        child.wait_with_output().expect("ends")
    };
    assert!(!answer("7\n").status.success());
    assert_eq!(names_of(&env), [""; 0]);
    let output = answer("1,3-4\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(names_of(&env), ["skill/a", "skill/c", "skill/d"]);
    env.refused("usage", &["add", source.text()]);
}

fn names_of(env: &TestEnv) -> Vec<String> {
    names(&env.json(&["list"]))
}

#[test]
fn what_is_written_at_once_is_a_pack_with_the_index_that_git_makes_of_it() {
    let env = TestEnv::with_collection();
    // Sizes around the ends of the length that an entry begins with, texts that shrink and bytes that do not.
    let sizes = [1, 15, 16, 17, 2047, 2048, 2049, 32_767, 32_768, 70_000, 262_143, 262_144, 300_000];
    let mut state = 1_u32;
    let noise = |size: usize| -> Vec<u8> {
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..size).map(next).collect()
    };
    let noises: Vec<Vec<u8>> = sizes.into_iter().map(noise).collect();
    for number in 0..40 {
        let folder = format!("../many/skills/skill-{number}");
        env.write(&format!("{folder}/SKILL.md"), skill(&format!("skill-{number}"), "text"));
        let size = sizes[number % sizes.len()];
        env.write(&format!("{folder}/text"), format!("{number} ").repeat(size));
        env.write(&format!("{folder}/noise"), [noises[number % sizes.len()].as_slice(), &[number as u8]].concat());
        env.write(&format!("{folder}/empty"), "");
    }
    env.run(["add", &env.path("../many").display().to_string(), "--all", "--yes"]).ok();
    env.assert_sound();
    let folder = env.folder().join(".git/objects/pack");
    let packs = fs::read_dir(&folder).expect("packs").map(|entry| entry.expect("an entry").path());
    let packs: Vec<_> = packs.filter(|path| path.extension().is_some_and(|end| end == "pack")).collect();
    assert_eq!(packs.len(), 1, "{packs:?}");
    let other = env.path("other.idx");
    let made = env.git(["index-pack", "--strict", "-o", &other.display().to_string(), &packs[0].display().to_string()]);
    assert_eq!(format!("pack-{}", made.trim()), packs[0].file_stem().expect("a name").display().to_string());
    assert_eq!(fs::read(other).expect("an index"), fs::read(packs[0].with_extension("idx")).expect("an index"));
}
