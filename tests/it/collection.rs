//! `init`, `list`, `show`, `status`, `remove`, `history`, `snapshot`, `rollback`: one commit per change, and nothing
//! of the user's own is lost, swallowed or moved.

use std::fs;

use crate::env::{Depth, Mode, Ran, TestEnv, skill};

#[test]
fn init_makes_a_collection_that_can_be_used_at_once() {
    let env = TestEnv::new();
    let ran = env.run(["init", ".", "--name", "mine"]).ok();
    assert!(ran.stdout.contains("'mine'") || ran.stdout.contains("mine"), "{ran:?}");
    env.assert_sound();
    assert_eq!(env.git(["rev-list", "--count", "HEAD"]), "1");
    assert_eq!(env.git(["symbolic-ref", "HEAD"]), "refs/heads/main");
    let message = env.git(["log", "-1", "--format=%(trailers:key=Skillmeat-Action,valueonly)"]);
    assert_eq!(message.trim(), "init");
    assert_eq!(env.git(["log", "-1", "--format=%an <%ae> %at"]), "Tester <tester@example.invalid> 1795356000");
    assert_eq!(env.json(&["list"])["collection"], "mine");
    assert_eq!(env.json(&["list"])["artifacts"], serde_json::json!([]));
}

#[test]
fn init_takes_the_name_of_the_folder_or_the_one_given() {
    let env = TestEnv::new();
    env.run(["init", "one"]).ok();
    env.run(["init", "two", "--name", "other"]).ok();
    assert_eq!(env.json(&["list", "--collection", "./one"])["collection"], "one");
    assert_eq!(env.json(&["list", "--collection", "./two"])["collection"], "other");
}

#[test]
fn init_without_a_folder_makes_the_default_collection() {
    let env = TestEnv::new();
    let made = env.json(&["init"]);
    assert_eq!(made["path"], env.home().join(".skillmeat/collections/default").display().to_string());
    assert_eq!(env.json(&["list"])["collection"], "default");
    assert_eq!(fs::read_dir(env.folder()).expect("lists").count(), 0, "the current folder is left alone");
}

#[test]
fn init_keeps_the_history_of_a_repository() {
    let env = TestEnv::new();
    env.git(["init", "--quiet", "."]);
    env.write("README.md", "mine\n");
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "First"]);
    let first = env.head();
    env.run(["init", "."]).ok();
    env.assert_sound();
    assert_eq!(env.git(["rev-parse", "HEAD~1"]), first);
    assert_eq!(env.read("README.md"), "mine\n");
}

#[test]
fn init_leaves_dirty_and_staged_files_as_they_are() {
    let env = TestEnv::new();
    env.git(["init", "--quiet", "."]);
    env.write("README.md", "mine\n");
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "First"]);
    env.write("README.md", "edited\n");
    env.write("staged.txt", "staged\n");
    env.git(["add", "staged.txt"]);
    env.write("loose.txt", "loose\n");
    env.run(["init", "."]).ok();
    assert_eq!(env.git(["status", "--porcelain"]), " M README.md\nA  staged.txt\n?? loose.txt");
    let files = env.git(["ls-tree", "-r", "--name-only", "HEAD"]);
    assert_eq!(files, ".gitattributes\nREADME.md\ncollection.lock\ncollection.toml");
}

#[test]
fn init_does_not_overwrite_a_file_in_its_way() {
    let env = TestEnv::new();
    env.git(["init", "--quiet", "."]);
    env.write("collection.toml", "my own\n");
    let ran = env.refused("conflict", &["init", "."]);
    assert!(ran.stderr.contains("collection.toml"), "{ran:?}");
}

#[test]
fn init_twice_is_refused() {
    let env = TestEnv::with_collection();
    let ran = env.refused_leaving("usage", &["init", "."], Depth::Objects);
    assert!(ran.stderr.contains("is a collection already"), "{ran:?}");
}

#[test]
fn init_in_a_bare_repository_is_refused() {
    let env = TestEnv::new();
    let bare = env.bare("bare");
    env.refused_leaving("usage", &["init", bare.text()], Depth::Objects);
}

#[test]
fn init_without_an_identity_creates_nothing() {
    let env = TestEnv::new();
    env.git(["config", "--global", "--remove-section", "user"]);
    let ran = env.refused_leaving("usage", &["init", "new/one"], Depth::Objects);
    assert!(ran.stderr.contains("git config --global user.name"), "{ran:?}");
}

#[test]
fn init_while_a_merge_is_in_progress_is_refused() {
    let env = TestEnv::new();
    env.git(["init", "--quiet", "."]);
    env.git(["commit", "--quiet", "--allow-empty", "-m", "First"]);
    fs::write(env.path(".git/MERGE_HEAD"), format!("{}\n", env.head())).expect("a file");
    env.refused("conflict", &["init", "."]);
}

#[test]
fn every_change_is_one_commit_with_trailers_and_leaves_a_clean_worktree() {
    let env = TestEnv::with_collection();
    let count = || env.git(["rev-list", "--count", "HEAD"]).parse::<u32>().expect("a number");
    let trailers = |key: &str| env.git(["log", "-1", &format!("--format=%(trailers:key={key},valueonly)")]);
    env.add_skill("one", "text");
    assert_eq!(count(), 2);
    assert_eq!(trailers("Skillmeat-Action").trim(), "add");
    assert_eq!(trailers("Skillmeat-Artifact").trim(), "skill/one");
    env.assert_sound();
    env.add_examples();
    assert_eq!(count(), 3, "many artifacts of one source are one commit");
    env.assert_sound();
    env.run(["remove", "skill/one"]).ok();
    assert_eq!(count(), 4);
    assert_eq!(trailers("Skillmeat-Action").trim(), "remove");
    env.assert_sound();
    assert!(!env.path("skills/one").exists());
    env.run(["rollback", "HEAD~1"]).ok();
    assert_eq!(count(), 5);
    assert_eq!(trailers("Skillmeat-Action").trim(), "rollback");
    env.assert_sound();
    assert!(env.path("skills/one/SKILL.md").exists());
}

#[test]
fn the_users_edits_and_staged_changes_stay_theirs() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.write("skills/one/SKILL.md", skill("one", "edited"));
    env.write("notes.txt", "staged\n");
    env.git(["add", "notes.txt"]);
    env.write("loose.txt", "loose\n");
    env.add_skill("two", "text");
    env.run(["remove", "two"]).ok();
    assert_eq!(env.git(["status", "--porcelain"]), "A  notes.txt\n M skills/one/SKILL.md\n?? loose.txt");
    assert!(env.read("skills/one/SKILL.md").contains("edited"));
    assert!(!env.git(["ls-tree", "-r", "--name-only", "HEAD"]).contains("notes.txt"));
    assert_eq!(env.git(["show", "HEAD:skills/one/SKILL.md"]), skill("one", "text").trim_end());
}

#[test]
fn a_file_in_the_way_is_a_conflict() {
    let env = TestEnv::with_collection();
    env.write("skills/one/SKILL.md", "mine\n");
    let one = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let ran = env.refused("conflict", &["add", one.text()]);
    assert!(ran.stderr.contains("skills/one/SKILL.md"), "{ran:?}");
}

#[test]
fn a_file_where_a_folder_must_be_is_refused() {
    let env = TestEnv::with_collection();
    env.write("skills", "a file\n");
    let one = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let told = env.refused("conflict", &["add", one.text()]);
    assert!(told.stderr.contains("'skills' is in the way"), "{}", told.stderr);
}

#[test]
fn a_link_in_the_worktree_is_not_written_through() {
    let env = TestEnv::with_collection();
    let outside = env.root().join("outside");
    fs::create_dir(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, env.path("skills")).expect("a link");
    let one = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    env.refused("path", &["add", one.text()]);
    assert_eq!(fs::read_dir(outside).expect("lists").count(), 0);
}

#[test]
fn edits_are_not_removed() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.write("skills/one/SKILL.md", skill("one", "edited"));
    let ran = env.refused("conflict", &["remove", "one"]);
    assert!(ran.stderr.contains("git diff -- skills/one/SKILL.md"), "{ran:?}");
    env.git(["add", "."]);
    env.refused("conflict", &["remove", "one"]);
}

#[test]
fn edits_are_not_rolled_back() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.write("skills/one/SKILL.md", skill("one", "edited"));
    env.refused("conflict", &["rollback", "HEAD~1"]);
}

#[test]
fn a_file_beside_a_removed_artifact_stays() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.write("skills/one/notes.txt", "mine\n");
    env.run(["remove", "one"]).ok();
    assert_eq!(env.git(["status", "--porcelain"]), "?? skills/");
    assert_eq!(env.read("skills/one/notes.txt"), "mine\n");
}

#[test]
fn hand_edits_of_the_manifest_that_are_committed_are_kept() {
    let env = TestEnv::with_collection();
    let text = env.read("collection.toml") + "# a remark of mine\n";
    env.write("collection.toml", &text);
    env.git(["commit", "--quiet", "-am", "A remark"]);
    env.add_skill("one", "text");
    assert!(env.read("collection.toml").contains("# a remark of mine\n"), "{}", env.read("collection.toml"));
    env.run(["remove", "one"]).ok();
    assert_eq!(env.read("collection.toml"), text);
}

#[test]
fn artifacts_that_people_commit_themselves_are_listed() {
    let env = TestEnv::with_collection();
    env.write("skills/own/SKILL.md", skill("own", "text"));
    env.write("commands/git/tidy.md", "---\ndescription: Tidies.\n---\nTidy.\n");
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "Mine"]);
    let listed = env.json(&["list"]);
    let names: Vec<_> = listed["artifacts"].as_array().expect("a list").iter().map(|a| &a["artifact"]).collect();
    assert_eq!(names, ["command/git/tidy", "skill/own"]);
    assert_eq!(env.json(&["status"])["artifacts"][0]["local"], "no-upstream");
    env.run(["remove", "own", "git/tidy"]).ok();
    env.assert_sound();
}

#[test]
fn snapshot_and_rollback_never_rewrite_history() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "first");
    let at = env.head();
    assert_eq!(env.json(&["snapshot", "before"])["commit"], at);
    assert_eq!(env.git(["rev-parse", "refs/skillmeat/snapshot/before"]), at);
    env.add_skill("two", "text");
    let newer = env.head();
    let done = env.json(&["rollback", "before"]);
    assert_eq!(done["to"], at);
    assert_eq!(env.git(["rev-parse", "HEAD~1"]), newer);
    assert_eq!(env.git(["rev-parse", "HEAD^{tree}"]), env.git(["rev-parse", &format!("{at}^{{tree}}")]));
    assert!(!env.path("skills/two").exists());
    env.assert_sound();
    env.run(["rollback", &newer]).ok();
    assert!(env.path("skills/two/SKILL.md").exists());
    env.assert_sound();
    assert_eq!(env.json(&["rollback", "HEAD"])["commit"], serde_json::Value::Null);
}

#[test]
fn a_snapshot_is_never_moved() {
    let env = TestEnv::with_collection();
    env.run(["snapshot", "before"]).ok();
    env.add_skill("one", "text");
    env.refused("conflict", &["snapshot", "before"]);
    for name in ["-x", "a b", "../x", "A", "a.lock", "@{1}", ""] {
        env.refused_leaving("name", &["snapshot", "--", name], Depth::Objects);
    }
}

#[test]
fn rollback_goes_only_to_states_of_a_collection() {
    let env = TestEnv::new();
    env.git(["init", "--quiet", "."]);
    env.git(["commit", "--quiet", "--allow-empty", "-m", "First"]);
    env.run(["init", "."]).ok();
    for target in ["HEAD~1", "nothing", "HEAD~9", "HEAD^{tree}", "--all", ""] {
        env.refused("name", &["rollback", "--", target]);
    }
}

#[test]
fn history_tells_what_was_done_to_what() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.add_skill("two", "text");
    env.run(["snapshot", "here"]).ok();
    env.run(["remove", "one"]).ok();
    let all = env.json(&["history"]);
    let said = |key: &str| all.as_array().expect("a list").iter().map(|e| e[key].clone()).collect::<Vec<_>>();
    assert_eq!(said("action"), ["remove", "add", "add", "init"]);
    assert_eq!(all[0]["artifacts"], serde_json::json!(["skill/one"]));
    assert_eq!(all[1]["snapshots"], serde_json::json!(["here"]));
    assert_eq!(env.json(&["history", "skill/one"]).as_array().expect("a list").len(), 2, "removed ones too");
    assert_eq!(env.json(&["history", "-n", "1"]).as_array().expect("a list").len(), 1);
    assert_eq!(all[0]["commit"], env.head());
}

#[test]
fn status_tells_edits_apart() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.add_skill("two", "text");
    env.write("skills/one/SKILL.md", skill("one", "edited"));
    env.write("skills/one/new.txt", "new\n");
    fs::remove_file(env.path("skills/two/SKILL.md")).expect("a file");
    let status = env.json(&["status"]);
    assert_eq!(status["artifacts"][0]["artifact"], "skill/one");
    assert_eq!(status["artifacts"][0]["local"], "unchanged");
    assert_eq!(
        status["artifacts"][0]["uncommitted"],
        serde_json::json!([
            {"path": "skills/one/SKILL.md", "state": "modified"},
            {"path": "skills/one/new.txt", "state": "untracked"}
        ])
    );
    assert_eq!(status["artifacts"][1]["uncommitted"][0]["state"], "deleted");
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "Mine"]);
    let status = env.json(&["status"]);
    assert_eq!(status["artifacts"][0]["local"], "edited");
    assert_eq!(status["artifacts"][0]["uncommitted"], serde_json::json!([]));
    assert_eq!(status["artifacts"].as_array().expect("a list").len(), 1);
}

#[test]
fn status_remote_sees_that_the_upstream_moved_or_is_gone() {
    let env = TestEnv::with_collection();
    let one = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    env.run(["add", &one.url("")]).ok();
    let upstream = || env.upstreams(&[])[0]["upstream"].clone();
    assert_eq!(upstream()["state"], "current");
    let moved = one.commit_files("main", &[("skills/one/SKILL.md", &skill("one", "newer"))]);
    assert_eq!((&upstream()["state"], &upstream()["commit"]), (&"behind".into(), &moved.into()));
    fs::remove_dir_all(one.folder()).expect("a folder");
    assert_eq!(upstream()["state"], "cannot-check");
    assert_eq!(env.json(&["status"])["artifacts"][0]["upstream"]["state"], "not-checked");
}

#[test]
fn looking_writes_nothing() {
    let env = TestEnv::with_collection();
    env.add_examples();
    env.write("skills/commit-message/SKILL.md", "edited\n");
    for args in [
        &["list"][..],
        &["show", "commit-message"],
        &["show", "hook/format-on-edit"],
        &["show", "mcp/filesystem"],
        &["status"],
        &["status", "--remote"],
        &["history"],
        &["history", "skill/commit-message"],
        &["remove", "dependency-review", "--dry-run"],
        &["rollback", "HEAD~1", "--dry-run"],
        &["schema"],
        &["man"],
    ] {
        env.unchanged(args);
    }
}

#[test]
fn show_tells_provenance_files_and_text() {
    let env = TestEnv::with_collection();
    env.add_examples();
    let shown = env.json(&["show", "commit-message"]);
    assert_eq!(shown["artifact"], "skill/commit-message");
    let paths: Vec<_> = shown["files"].as_array().expect("files").iter().map(|f| f["path"].clone()).collect();
    assert_eq!(
        paths,
        [
            "skills/commit-message/SKILL.md",
            "skills/commit-message/references/form.md",
            "skills/commit-message/scripts/check-message.sh",
        ]
    );
    assert_eq!(shown["text"], env.read("skills/commit-message/SKILL.md"));
    assert!(shown["digest"].as_str().expect("text").starts_with("sha256:"));
    assert_eq!(shown["upstream"], env.root().join("examples").display().to_string());
}

#[test]
fn an_unknown_name_gets_a_suggestion() {
    let env = TestEnv::with_collection();
    env.add_skill("formatter", "text");
    for args in [&["show", "formater"][..], &["remove", "formater"], &["status", "formater"]] {
        let ran = env.refused_leaving("name", args, Depth::Objects);
        assert!(ran.stderr.contains("hint: did you mean 'skill/formatter'?"), "{ran:?}");
    }
    let ran = env.refused("name", &["show", "something-else-entirely"]);
    assert!(ran.stderr.contains("git skillmeat list"), "{ran:?}");
    env.refused("name", &["show", &"x".repeat(10_000)]);
    env.refused("name", &["show", "\u{1b}]0;x\u{7}"]);
}

#[test]
fn an_ambiguous_name_lists_the_candidates() {
    let env = TestEnv::with_collection();
    env.write("skills/same/SKILL.md", skill("same", "text"));
    env.write("agents/same.md", "---\nname: same\ndescription: An agent.\n---\nText.\n");
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "Mine"]);
    let ran = env.refused("name", &["show", "same"]);
    assert!(ran.stderr.contains("'agent/same', 'skill/same'"), "{ran:?}");
    assert_eq!(env.json(&["show", "agent/same"])["artifact"], "agent/same");
}

#[test]
fn a_detached_head_moves_and_branches_stay() {
    let env = TestEnv::with_collection();
    let before = env.head();
    env.git(["checkout", "--quiet", "--detach"]);
    env.add_skill("one", "text");
    assert_eq!(env.git(["rev-parse", "main"]), before);
    assert_eq!(env.git(["rev-parse", "HEAD~1"]), before);
    env.assert_sound();
}

#[test]
fn each_branch_has_its_own_artifacts() {
    let env = TestEnv::with_collection();
    env.git(["checkout", "--quiet", "-b", "topic"]);
    env.add_skill("one", "text");
    env.assert_sound();
    env.git(["checkout", "--quiet", "main"]);
    assert_eq!(env.json(&["list"])["artifacts"], serde_json::json!([]));
    // The pristine state of the other branch is there already.
    env.add_skill("one", "text");
    env.assert_sound();
    env.git(["merge", "--quiet", "topic"]);
    env.assert_sound();
    assert_eq!(env.json(&["list"])["artifacts"].as_array().expect("a list").len(), 1);
}

#[test]
fn nothing_is_changed_while_git_is_in_the_middle_of_something() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    for (file, text) in [
        ("MERGE_HEAD", env.head()),
        ("CHERRY_PICK_HEAD", env.head()),
        ("REVERT_HEAD", env.head()),
        ("rebase-merge/onto", env.head()),
        ("rebase-apply/next", "1".to_owned()),
    ] {
        let path = env.path(&format!(".git/{file}"));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text + "\n").expect("a file");
        let ran = env.refused("conflict", &["remove", "one"]);
        assert!(ran.stderr.contains("hint: finish or abort it with git first"), "{file}: {ran:?}");
        env.refused("conflict", &["rollback", "HEAD~1"]);
        let top = env.path(".git").join(file.split('/').next().expect("a name"));
        if top.is_dir() { fs::remove_dir_all(top) } else { fs::remove_file(top) }.expect("removed");
    }
    env.run(["remove", "one"]).ok();
}

#[test]
fn a_broken_manifest_is_refused_and_left_alone() {
    for (file, text) in [
        ("collection.toml", "format = 1\nname = [".to_owned()),
        ("collection.toml", "format = 999\nname = \"x\"\n".to_owned()),
        ("collection.toml", "format = 1\nname = \"x\"\nfuture = true\n".to_owned()),
        ("collection.lock", "<<<<<<< ours\n".to_owned()),
        ("collection.toml", format!("a = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000))),
    ] {
        let env = TestEnv::with_collection();
        env.write(file, text);
        env.git(["commit", "--quiet", "-am", "Broken"]);
        let ran = env.refused("parse", &["list"]);
        assert!(ran.stderr.contains(file), "{ran:?}");
        env.refused("parse", &["remove", "one"]);
    }
}

#[test]
fn a_collection_without_commits_or_in_a_folder_without_git_is_explained() {
    let env = TestEnv::new();
    let ran = env.refused_leaving("usage", &["list"], Depth::Objects);
    assert!(ran.stderr.contains("hint: make one with `git skillmeat init"), "{ran:?}");
    env.write("collection.toml", "format = 1\nname = \"x\"\n");
    env.refused_leaving("usage", &["list"], Depth::Objects);
    env.git(["init", "--quiet", "."]);
    env.refused("usage", &["list"]);
}

#[test]
fn a_collection_works_from_a_folder_below_and_by_name() {
    let env = TestEnv::with_collection();
    env.add_examples();
    let mut command = env.program(["list", "--format", "json"]);
    command.current_dir(env.path("skills/commit-message/scripts"));
    assert_eq!(Ran::of(command).ok().value()["data"]["collection"], "mine");
    env.run(["init", env.home().join(".skillmeat/collections/work").to_str().expect("UTF-8")]).ok();
    assert_eq!(env.json(&["list", "--collection", "work"])["collection"], "work");
    env.config("skillmeat.collection", "work");
    let mut command = env.program(["list", "--format", "json"]);
    command.current_dir(env.home());
    assert_eq!(Ran::of(command).ok().value()["data"]["collection"], "work");
}

#[test]
fn hooks_and_filters_of_the_user_do_not_run() {
    let env = TestEnv::with_collection();
    let marker = env.home().join("ran");
    let hooks = env.home().join("hooks");
    fs::create_dir(&hooks).expect("a folder");
    let script = format!("#!/bin/sh\ntouch {}\n", marker.display());
    for name in ["pre-commit", "post-commit", "reference-transaction", "post-index-change", "prepare-commit-msg"] {
        fs::write(hooks.join(name), &script).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(hooks.join(name), mode).expect("a mode");
    }
    env.config("core.hooksPath", hooks.to_str().expect("UTF-8"));
    env.config("core.fsmonitor", hooks.join("pre-commit").to_str().expect("UTF-8"));
    env.config("filter.x.clean", &format!("touch {}; cat", marker.display()));
    env.config("filter.x.smudge", &format!("touch {}; cat", marker.display()));
    // Telling git is enough to run some of them; what counts is what our program does from here.
    let _ = fs::remove_file(&marker);
    fs::write(env.path(".git/info/attributes"), "* filter=x\n").expect("a file");
    let one = env.root().join("one");
    fs::create_dir(&one).expect("a folder");
    fs::write(one.join("SKILL.md"), skill("one", "text")).expect("a file");
    env.run(["add", one.to_str().expect("UTF-8")]).ok();
    env.run(["status"]).ok();
    env.run(["remove", "one"]).ok();
    assert!(!marker.exists(), "a hook, filter or monitor ran");
}

#[test]
fn copying_onto_itself_is_told_at_once() {
    let env = TestEnv::with_collection();
    env.add_skill("pdf", "text");
    for to in [".", "../collection/.", env.folder().to_str().expect("UTF-8")] {
        env.refused("usage", &["collection", "copy", "pdf", "--to", to]);
        env.refused("usage", &["collection", "copy", "pdf", "--to", to, "--move"]);
    }
}

#[test]
fn a_ref_that_is_locked_is_not_said_to_have_moved() {
    let env = TestEnv::with_collection();
    let folder = env.path(".git/refs/skillmeat/snapshot");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("before.lock"), "").expect("a file");
    let told = env.refused("conflict", &["snapshot", "before"]);
    assert!(told.stderr.contains("cannot be locked") && told.stderr.contains("before.lock"), "{}", told.stderr);
    env.run(["snapshot", "after"]).ok();
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_not_deleted() {
    let env = TestEnv::with_collection();
    env.add_skill("pdf", "text");
    env.add_skill("xls", "text");
    env.git(["sparse-checkout", "set", "--no-cone", "/skills/pdf", "/collection.*"]);
    assert!(!env.path("skills/xls").exists());
    let uncommitted = || {
        let status = env.json(&["status"]);
        let files = |item: &serde_json::Value| item["uncommitted"].as_array().map_or(0, Vec::len);
        status["artifacts"].as_array().expect("a list").iter().map(files).collect::<Vec<_>>()
    };
    assert_eq!(uncommitted(), [0, 0]);
    fs::remove_file(env.path("skills/pdf/SKILL.md")).expect("a file");
    assert_eq!(uncommitted(), [1, 0]);
    env.git(["checkout", "--quiet", "."]);
    env.run(["remove", "xls"]).ok();
    env.assert_sound();
}

/// What changes where a checkout is sparse changes in the commit and the index, and comes not back into the worktree.
#[test]
fn an_update_of_what_is_left_out_leaves_it_out() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    let commit = |text: &str, more: &[(&str, &str)]| {
        let [pdf, xls] = [skill("pdf", text), skill("xls", text)];
        let files = [("skills/pdf/SKILL.md", pdf.as_str()), ("skills/xls/SKILL.md", xls.as_str())];
        source.commit_files("main", &[&files[..], more].concat());
    };
    commit("one", &[("skills/xls/old.md", "old")]);
    env.run(["add", &source.ssh_url(""), "--all"]).ok();
    for sort in ["--no-sparse-index", "--sparse-index"] {
        env.git(["sparse-checkout", "set", "--cone", sort, "skills/pdf"]);
        commit(sort, &[("skills/xls/new/more.md", sort)]);
        if sort == "--sparse-index" {
            let told = env.refused("conflict", &["update"]);
            assert!(told.stderr.contains("--no-sparse-index"), "{}", told.stderr);
            assert!(env.json(&["status"]).to_string().matches("\"deleted\"").count() == 0);
            // Of what is not folded everything works.
            env.run(["update", "pdf"]).ok();
            assert!(env.git(["ls-files", "--sparse"]).lines().any(|line| line == "skills/xls/"), "still folded");
            assert!(env.json(&["status"]).to_string().matches("\"deleted\"").count() == 0);
            env.git(["sparse-checkout", "reapply", "--no-sparse-index"]);
        }
        env.run(["update"]).ok();
        assert!(env.read("skills/pdf/SKILL.md").contains(sort));
        assert!(!env.path("skills/xls").exists());
        assert_eq!(env.git(["show", "HEAD:skills/xls/new/more.md"]).trim_end(), sort);
        env.assert_sound();
    }
    env.git(["sparse-checkout", "disable"]);
    assert_eq!(env.read("skills/xls/new/more.md"), "--sparse-index");
    assert!(!env.path("skills/xls/old.md").exists());
    env.assert_sound();
}

#[test]
fn the_name_of_a_collection_has_no_control_characters() {
    let env = TestEnv::new();
    for name in ["x\n\nSkillmeat-Action: evil", "a\u{1b}[31m", " "] {
        env.refused("name", &["init", "../named", "--name", name]);
        assert!(!env.root().join("named").exists());
    }
}

#[test]
fn edits_of_files_with_names_that_no_artifact_may_have_are_told() {
    let env = TestEnv::with_collection();
    env.add_skill("pdf", "text");
    for name in ["a:b", "con.md", "x\u{1b}[31m"] {
        env.write(&format!("skills/pdf/{name}"), "1");
    }
    let uncommitted = || {
        let files = env.json(&["status"])["artifacts"][0]["uncommitted"].as_array().expect("a list").clone();
        files.iter().map(|file| file["state"].as_str().expect("a state").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(uncommitted(), ["untracked"; 3]);
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "By hand"]);
    env.write("skills/pdf/a:b", "2");
    fs::remove_file(env.path("skills/pdf/con.md")).expect("a file");
    assert_eq!(uncommitted(), ["modified", "deleted"]);
    assert!(!env.run(["status"]).ok().stdout.contains('\u{1b}'));
}

/// Git itself is the judge: what it says of each file of a large collection, with changes of every sort in it.
#[test]
fn status_says_of_many_artifacts_what_git_says() {
    let env = TestEnv::with_collection();
    for number in 0..40 {
        for name in ["a", "a-b", "a0"] {
            let folder = format!("skills/{name}{number}");
            env.write(&format!("{folder}/SKILL.md"), skill(&format!("{name}{number}"), "text"));
            env.write(&format!("{folder}/more/x.md"), "x");
            env.write(&format!("{folder}/more-/x.md"), "x");
        }
    }
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "Many"]);
    let agrees = |what: &str| {
        let status = env.json(&["status"]);
        let mut ours = Vec::new();
        let of_artifacts = status["artifacts"].as_array().expect("a list").iter().map(|item| &item["uncommitted"]);
        for files in of_artifacts.chain([&status["other"]]) {
            for file in files.as_array().into_iter().flatten() {
                let sign = match file["state"].as_str().expect("text") {
                    "modified" => " M",
                    "deleted" => " D",
                    "untracked" => "??",
                    other => panic!("{other}"),
                };
                ours.push(format!("{sign} {}", file["path"].as_str().expect("text")));
            }
        }
        ours.sort();
        ours.dedup();
        let said = env.git(["status", "--porcelain", "--untracked-files=all"]);
        let mut theirs: Vec<_> = said.lines().map(str::to_owned).collect();
        theirs.sort();
        assert_eq!(ours, theirs, "{what}");
        ours.len()
    };
    assert_eq!(agrees("nothing"), 0);
    for (number, name) in ["a3", "a-b7", "a039"].into_iter().enumerate() {
        let folder = format!("skills/{name}");
        env.write(&format!("{folder}/SKILL.md"), skill(name, "texT"));
        fs::remove_file(env.path(&format!("{folder}/more/x.md"))).expect("a file");
        env.write(&format!("{folder}/more.md"), "new");
        if number == 1 {
            fs::remove_file(env.path(&format!("{folder}/more-/x.md"))).expect("a file");
            fs::remove_dir(env.path(&format!("{folder}/more-"))).expect("a folder");
            env.write(&format!("{folder}/more-"), "a file where a folder was");
        }
    }
    fs::remove_dir_all(env.path("skills/a012")).expect("a folder");
    fs::remove_dir_all(env.path("skills/a5")).expect("a folder");
    env.write("skills/a5", "a file where an artifact was");
    env.write("skills/new/SKILL.md", skill("new", "text"));
    assert!(agrees("an index without a tree") > 15);
    // Another repository in it is one thing.
    env.git(["init", "--quiet", "skills/nested"]);
    env.write("skills/nested/a/b.md", "x");
    agrees("a repository inside");
    // Git notes in the index which tree it has, and that is read instead of the tree.
    env.git(["read-tree", "HEAD"]);
    env.git(["update-index", "-q", "--refresh"]);
    agrees("an index with its tree");
}

/// Where the file system has no permission bits of its own, git is told not to look at them, and neither do we.
#[test]
fn permission_bits_count_only_where_git_looks_at_them() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    let main = skill("pdf", "text");
    let commit = |script: &[u8]| {
        let files =
            [("skills/pdf/SKILL.md", main.as_bytes(), Mode::File), ("skills/pdf/run.sh", script, Mode::Executable)];
        source.commit("main", &source.tree_of(&files))
    };
    commit(b"one");
    env.run(["add", &source.ssh_url(""), "--all", "--yes"]).ok();
    fs::set_permissions(env.path("skills/pdf/run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("a mode");
    let uncommitted = || env.json(&["status"])["artifacts"][0]["uncommitted"].as_array().map_or(0, Vec::len);
    assert_eq!(uncommitted(), 1);
    env.git(["config", "core.fileMode", "false"]);
    assert_eq!(uncommitted(), 0);
    assert_eq!(env.git(["status", "--porcelain"]), "");
    commit(b"two");
    env.run(["update", "--yes"]).ok();
    assert_eq!(env.read("skills/pdf/run.sh"), "two");
    assert!(env.git(["ls-tree", "HEAD", "skills/pdf/run.sh"]).starts_with("100755"));
    env.run(["rollback", "HEAD~1"]).ok();
    env.assert_sound();
}
