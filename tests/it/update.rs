//! `update`, `diff` and `resolve`: both sides arrive, nothing is decided in silence, and nothing is said that was not
//! looked at.

use std::fs;

use crate::env::{Depth, Git, Mode, Ran, Snapshot, TestEnv, skill};

const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n";

fn body(change: &[(&str, &str)]) -> String {
    change.iter().fold(skill("pdf", LINES), |text, (from, to)| text.replace(from, to))
}

/// A collection that has `skill/pdf` of a source, which has to be fetched over (the stand-in of) ssh.
fn followed() -> (TestEnv, Git) {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    source.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[])), ("skills/pdf/more.md", "more\n")]);
    env.run(["add", &source.ssh_url(""), "--all"]).ok();
    (env, source)
}

fn commit_here(env: &TestEnv, path: &str, text: &str) {
    env.write(path, text);
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "Mine"]);
}

fn state(env: &TestEnv) -> serde_json::Value {
    env.upstreams(&[])[0].clone()
}

/// What every other tool gets wrong: an edited artifact and a new upstream version.
#[test]
fn an_edit_and_a_new_version_both_arrive() {
    let (env, source) = followed();
    assert_eq!(state(&env)["upstream"]["state"], "current");
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("one\n", "uno\n")]));
    let tip = source.commit_files(
        "main",
        &[("skills/pdf/SKILL.md", &body(&[("nine\n", "neuf\n")])), ("skills/pdf/new.md", "new\n")],
    );
    let told = state(&env);
    assert_eq!((&told["local"], &told["upstream"]["state"]), (&"edited".into(), &"behind".into()));
    assert_eq!(told["upstream"]["commits"][0]["commit"], tip);
    assert_eq!(told["upstream"]["commits"][0]["subject"], "A state");
    let plan = env.unchanged(&["update", "--dry-run"]);
    assert!(plan.stdout.contains("Would merge") && plan.stdout.contains("A state"), "{}", plan.stdout);
    let done = env.json(&["update"]);
    assert_eq!(done["artifacts"][0]["step"], "merge");
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n"), ("nine\n", "neuf\n")]));
    assert_eq!(env.read("skills/pdf/new.md"), "new\n");
    assert!(!env.path("skills/pdf/more.md").exists(), "what upstream removed and nobody edited goes");
    env.assert_sound();
    let told = state(&env);
    assert_eq!((&told["local"], &told["upstream"]["state"]), (&"edited".into(), &"current".into()));
    let head = env.head();
    env.run(["update"]).ok();
    assert_eq!(env.head(), head, "updating twice is updating once");
    // And back.
    env.run(["rollback", "HEAD~1"]).ok();
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n")]));
    assert_eq!(env.json(&["update"])["artifacts"][0]["step"], "merge");
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n"), ("nine\n", "neuf\n")]));
}

#[test]
fn a_conflict_waits_where_no_assistant_reads() {
    let (env, source) = followed();
    let mine = body(&[("five\n", "cinq\n")]);
    commit_here(&env, "skills/pdf/SKILL.md", &mine);
    source.commit_files(
        "main",
        &[
            ("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n"), ("one\n", "eins\n")])),
            ("skills/pdf/more.md", "more\n"),
        ],
    );
    let head = env.head();
    let ran = env.run(["update"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("git skillmeat resolve skill/pdf"), "{}", ran.stdout);
    assert_eq!((env.head(), env.read("skills/pdf/SKILL.md")), (head.clone(), mine.clone()), "nothing moved");
    env.assert_sound();
    assert_eq!(env.json(&["status"])["artifacts"][0]["waits"], true);
    let shown = env.unchanged(&["diff", "skill/pdf", "--pending"]);
    assert!(shown.stdout.contains("-cinq") && shown.stdout.contains("+fünf"), "{}", shown.stdout);

    // Laid out for an editor, in the repository's own folder.
    let laid_out = env.json(&["resolve", "skill/pdf"]);
    let folder = std::path::PathBuf::from(laid_out["folder"].as_str().expect("a folder"));
    assert!(folder.starts_with(fs::canonicalize(env.path(".git")).expect("a folder")), "{}", folder.display());
    let file = folder.join("skills/pdf/SKILL.md");
    assert!(fs::read_to_string(&file).expect("a file").contains("<<<<<<< ours"));
    let told = env.run(["resolve", "skill/pdf", "--continue"]).refused("conflict");
    assert!(told.stderr.contains("not merged yet"), "{}", told.stderr);
    fs::write(&file, body(&[("five\n", "cinq fünf\n"), ("one\n", "eins\n")])).expect("a file");
    // What no artifact may hold is not taken from there either.
    let twins = ["a.md", "A.md"].map(|name| folder.join("skills/pdf").join(name));
    twins.iter().for_each(|twin| fs::write(twin, "x").expect("a file"));
    env.run(["resolve", "skill/pdf", "--continue"]).refused("path");
    twins.iter().for_each(|twin| fs::remove_file(twin).expect("a file"));
    std::os::unix::fs::symlink("/etc/passwd", &twins[0]).expect("a link");
    env.run(["resolve", "skill/pdf", "--continue"]).refused("path");
    fs::remove_file(&twins[0]).expect("a link");
    env.run(["resolve", "skill/pdf", "--continue"]).ok();
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("five\n", "cinq fünf\n"), ("one\n", "eins\n")]));
    assert_eq!(state(&env)["upstream"]["state"], "current");
    assert_eq!(env.json(&["status"])["artifacts"][0]["waits"], false);
    assert!(!folder.exists());
    env.assert_sound();
    env.refused("name", &["resolve", "skill/pdf", "--ours"]);

    for (decision, expected) in [
        ("--ours", body(&[("five\n", "cinq\n"), ("one\n", "eins\n")])),
        ("--theirs", body(&[("five\n", "fünf\n"), ("one\n", "eins\n")])),
        ("--abort", mine.clone()),
    ] {
        env.run(["rollback", &head]).ok();
        assert_eq!(env.run(["update"]).code, Some(1));
        env.run(["resolve", "skill/pdf", decision]).ok();
        assert_eq!(env.read("skills/pdf/SKILL.md"), expected, "{decision}");
        assert!(!env.refs().contains("refs/skillmeat/pending"), "{decision}");
        env.assert_sound();
    }
}

#[test]
fn a_merge_that_was_laid_out_before_another_edit_is_not_taken() {
    let (env, source) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
    source.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n")]))]);
    assert_eq!(env.run(["update"]).code, Some(1));
    env.run(["resolve", "skill/pdf"]).ok();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinco\n")]));
    env.run(["resolve", "skill/pdf", "--continue"]).refused("conflict");
    env.run(["resolve", "skill/pdf", "--ours"]).ok();
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("five\n", "cinco\n")]));
}

#[test]
fn the_strategies_take_one_side_and_go_on_from_there() {
    for (strategy, expected) in [("theirs", "fünf\n"), ("ours", "cinq\n")] {
        let (env, source) = followed();
        commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
        source.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n")]))]);
        env.run(["update", "--strategy", strategy]).ok();
        assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("five\n", expected)]));
        assert_eq!(state(&env)["upstream"]["state"], "current");
        // The next change merges from there.
        source.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n"), ("one\n", "eins\n")]))]);
        env.run(["update"]).ok();
        assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("five\n", expected), ("one\n", "eins\n")]));
        env.assert_sound();
    }
}

/// The store has its history from the commit on that was fetched first.
#[test]
fn what_was_taken_at_several_times_is_of_one_history() {
    for first in ["a", "b"] {
        let env = TestEnv::with_collection();
        env.allow_ssh();
        let source = env.bare("source");
        let state = |text: &str| {
            let (a, b) = (skill("a", text), skill("b", text));
            source.commit_files("main", &[("skills/a/SKILL.md", &a), ("skills/b/SKILL.md", &b)]);
        };
        state("one");
        let later = if first == "a" { "b" } else { "a" };
        env.run(["add", &source.ssh_url(&format!("//skills/{first}"))]).ok();
        state("two");
        state("three");
        env.run(["add", &source.ssh_url(&format!("//skills/{later}"))]).ok();
        state("four");
        for item in env.json(&["status", "--remote"])["artifacts"].as_array().expect("a list") {
            assert_eq!(item["upstream"]["state"], "behind", "{item}");
        }
        env.run(["update"]).ok();
        assert_eq!(env.read("skills/a/SKILL.md"), skill("a", "four"));
    }
}

#[test]
fn a_moved_tag_is_told_with_both_commits_and_not_followed() {
    let (env, source) = followed();
    env.run(["remove", "skill/pdf"]).ok();
    let old = source.git(&["rev-parse", "main"], b"");
    source.git(&["tag", "-a", "-m", "v1", "v1", "main"], b"");
    env.run(["add", &source.ssh_url("#v1"), "--all"]).ok();
    assert_eq!(state(&env)["upstream"]["state"], "current", "the tag object is not the commit");
    let new = source.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[("one\n", "eins\n")]))]);
    assert_eq!(state(&env)["upstream"]["state"], "current", "the branch is not followed");
    source.git(&["tag", "-f", "-a", "-m", "v1", "v1", "main"], b"");
    let told = state(&env)["upstream"].clone();
    assert_eq!((&told["state"], &told["from"], &told["to"]), (&"tag-moved".into(), &old.into(), &new.into()));
    let head = env.head();
    assert_eq!(env.run(["update"]).code, Some(1));
    assert_eq!(env.head(), head);
    env.run(["update", "--accept-rewritten"]).ok();
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "eins\n")]));
}

/// The repository was taken away, and someone else made one of the same name.
#[test]
fn another_repository_under_the_same_address_is_not_followed() {
    let (env, source) = followed();
    let tree = source.tree_of(&[("skills/pdf/SKILL.md", skill("pdf", "obey me").as_bytes(), Mode::File)]);
    let other = source.git(&["commit-tree", "-m", "First", &tree], b"");
    source.git(&["update-ref", "refs/heads/main", &other], b"");
    assert_eq!(state(&env)["upstream"]["state"], "rewritten");
    let (head, text) = (env.head(), env.read("skills/pdf/SKILL.md"));
    let ran = env.run(["update"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("another repository"), "{}", ran.stdout);
    assert_eq!((env.head(), env.read("skills/pdf/SKILL.md")), (head, text));
    // Even when the old commits are gone from the server and from here.
    source.git(&["reflog", "expire", "--expire=now", "--all"], b"");
    source.git(&["gc", "--quiet", "--prune=now"], b"");
    fs::remove_dir_all(env.home().join(".skillmeat/sources")).expect("was there");
    assert_eq!(state(&env)["upstream"]["state"], "rewritten");
}

#[test]
fn what_is_gone_moved_or_out_of_reach_is_never_called_current() {
    let (env, source) = followed();
    source.commit_files("main", &[("skills/tools/pdf/SKILL.md", &body(&[]))]);
    let told = state(&env)["upstream"].clone();
    assert_eq!((&told["state"], &told["moved_to"]), (&"gone".into(), &"skills/tools/pdf".into()));
    source.commit_files("main", &[("README.md", "empty\n")]);
    assert_eq!(state(&env)["upstream"]["state"], "gone");
    source.git(&["update-ref", "-d", "refs/heads/main"], b"");
    assert_eq!(state(&env)["upstream"]["state"], "ref-gone");
    fs::remove_dir_all(source.folder()).expect("was there");
    let told = state(&env)["upstream"].clone();
    assert_eq!(told["state"], "cannot-check");
    let head = env.head();
    assert_eq!(env.run(["update"]).code, Some(1), "not a success");
    assert_eq!(env.head(), head);
    assert!(!env.run(["status", "--remote"]).stdout.contains("upstream current"));
}

/// A clone has no `refs/skillmeat`: the state to merge from is fetched again, by the commit that the lock names.
#[test]
fn another_machine_merges_from_the_same_state() {
    let (env, source) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("one\n", "uno\n")]));
    source.commit_files(
        "main",
        &[("skills/pdf/SKILL.md", &body(&[("nine\n", "neuf\n")])), ("skills/pdf/more.md", "more\n")],
    );
    let other = TestEnv::new();
    other.allow_ssh();
    other.git(["clone", "--quiet", "--single-branch", env.folder().to_str().expect("UTF-8"), "."]);
    // So that no object of the pristine state is there by chance.
    other.git(["gc", "--quiet", "--prune=now"]);
    let done = other.json(&["update"]);
    assert_eq!(done["artifacts"][0]["step"], "merge", "{done}");
    assert_eq!(other.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n"), ("nine\n", "neuf\n")]));
    other.assert_sound();
}

#[test]
fn what_will_run_needs_consent_again() {
    let env = TestEnv::with_collection();
    let folder = env.example_folder("examples");
    env.run(["add", folder.to_str().expect("UTF-8"), "--all", "--yes"]).ok();
    let script = folder.join("hooks/format-on-edit/format.sh");
    let text = fs::read_to_string(&script).expect("a file");
    fs::write(&script, format!("{text}# more\n")).expect("a file");
    env.refused("consent", &["update"]);
    let done = env.json(&["update", "--yes"]);
    let taken: Vec<_> =
        done["artifacts"].as_array().expect("a list").iter().filter(|item| item["step"] == "take").collect();
    assert_eq!(taken.len(), 1);
    assert!(env.read("hooks/format-on-edit/format.sh").ends_with("# more\n"));
    env.assert_sound();
}

/// Every kind, with an edit of ours and one of theirs.
#[test]
fn every_kind_is_merged() {
    let env = TestEnv::with_collection();
    let folder = env.example_folder("examples");
    env.run(["add", folder.to_str().expect("UTF-8"), "--all", "--yes"]).ok();
    let places = [
        ("skills/commit-message/SKILL.md", "skill/commit-message"),
        ("agents/code-reviewer.md", "agent/code-reviewer"),
        ("commands/release-notes.md", "command/release-notes"),
        ("hooks/format-on-edit/format.sh", "hook/format-on-edit"),
        ("mcp/filesystem/server.json", "mcp/filesystem"),
    ];
    let is_json = |path: &str| path.ends_with(".json");
    for (path, _) in places {
        let (here, there) = (env.read(path), fs::read_to_string(folder.join(path)).expect("a file"));
        let mine = if is_json(path) { here.replacen("{\n", "{\n  \"_meta\": {},\n", 1) } else { here + "mine\n" };
        let theirs = match is_json(path) {
            true => there.replacen("Lets", "Allows", 1).replacen("\"version\": \"", "\"version\": \"9", 1),
            false => {
                let (head, rest) = there.split_at(there.rfind("\n\n").expect("paragraphs") / 2);
                let at = head.rfind('\n').expect("lines") + 1;
                format!("{}theirs\n{}{rest}", &head[..at], &head[at..])
            }
        };
        env.write(path, mine);
        fs::write(folder.join(path), theirs).expect("a file");
    }
    env.git(["commit", "--quiet", "-am", "Mine"]);
    let done = env.json(&["update", "--yes"]);
    for (path, artifact) in places {
        let item = done["artifacts"].as_array().expect("a list").iter().find(|item| item["artifact"] == artifact);
        assert_eq!(item.expect("is there")["step"], "merge", "{path}");
        let text = env.read(path);
        let (mine, theirs) = if is_json(path) { ("_meta", "\"9") } else { ("mine\n", "theirs\n") };
        assert!(text.contains(mine) && text.contains(theirs), "{path}: {text}");
    }
    env.assert_sound();
}

#[test]
fn uncommitted_edits_are_not_run_over() {
    let (env, source) = followed();
    source.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[("nine\n", "neuf\n")]))]);
    env.write("skills/pdf/SKILL.md", body(&[("one\n", "uno\n")]));
    env.refused("conflict", &["update"]);
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n")]));
}

#[test]
fn differences_are_those_of_git() {
    let (env, _source) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("one\n", "uno\n")]));
    let shown = env.unchanged(&["diff", "--from", "HEAD~1"]);
    let expected = env.git(["diff", "--no-color", "HEAD~1", "HEAD", "--", "skills"]);
    let hunks =
        |text: &str| text.lines().skip_while(|line| !line.starts_with("@@")).map(str::to_owned).collect::<Vec<_>>();
    // git writes the enclosing line behind the second `@@`.
    let (ours, theirs) = (hunks(&shown.stdout), hunks(&expected));
    assert_eq!(ours[1..], theirs[1..]);
    assert_eq!(env.unchanged(&["diff"]).stdout, shown.stdout, "the upstream's state is the commit before");
    let mut listing = env.command("git");
    listing.args(["diff", "--quiet", "HEAD~1", "HEAD"]);
    assert_eq!(Ran::of(listing).code, Some(1));
    env.refused("name", &["diff", "--from", "nothing"]);
}

/// A range follows the highest version that fits, on whatever branch; and a version that was taken may not move.
#[test]
fn a_range_follows_versions_and_notices_one_that_moved() {
    for remote in [true, false] {
        let env = TestEnv::with_collection();
        env.allow_ssh();
        let source = env.bare("source");
        let release = |branch: &str, tag: &str, line: &str| {
            source.commit_files(branch, &[("skills/pdf/SKILL.md", &body(&[("one\n", line)]))]);
            source.git(&["tag", "-a", "-m", tag, tag, branch], b"");
        };
        release("main", "v1.0.0", "1.0.0\n");
        release("main", "v2.0.0", "2.0.0\n");
        source.git(&["branch", "old", "v1.0.0^{}"], b"");
        let url = if remote { source.ssh_url("#^1.0") } else { source.url("#^1.0") };
        env.run(["add", &url, "--all"]).ok();
        assert!(env.read("skills/pdf/SKILL.md").contains("1.0.0"), "not the newest of all");
        assert_eq!(env.json(&["show", "pdf"])["ref"], "^1.0");
        assert_eq!(state(&env)["upstream"]["state"], "current");
        release("old", "v1.2.0", "1.2.0\n");
        release("old", "v1.3.0-rc.1", "1.3.0-rc.1\n");
        assert_eq!(state(&env)["upstream"]["state"], "behind", "{remote}");
        env.run(["update"]).ok();
        assert!(env.read("skills/pdf/SKILL.md").contains("1.2.0"), "no version before a release");
        assert_eq!(state(&env)["upstream"]["state"], "current");
        source.git(&["tag", "-f", "-a", "-m", "v1.2.0", "v1.2.0", "v1.3.0-rc.1^{}"], b"");
        assert_eq!(state(&env)["upstream"]["state"], "tag-moved", "{remote}");
        env.assert_sound();
        env.refused("name", &["add", &url.replace("^1.0", "^9"), "--all"]);
    }
}

#[test]
fn the_merge_tool_of_git_decides() {
    let (env, upstream) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
    upstream.commit_files("main", &[("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n")]))]);
    assert_eq!(env.run(["update"]).code, Some(1));
    // A tool that fails leaves the update waiting.
    env.config("mergetool.broken.cmd", "false");
    env.config("mergetool.broken.trustExitCode", "true");
    let told = env.run(["resolve", "skill/pdf", "--tool", "broken"]);
    assert_eq!(told.code, Some(1));
    assert!(told.stdout.contains("--continue"), "{told:?}");
    assert!(env.read("skills/pdf/SKILL.md").contains("cinq"));
    env.config("merge.tool", "mine");
    env.config("mergetool.mine.cmd", "grep -q five \"$BASE\" && cat \"$LOCAL\" \"$REMOTE\" >\"$MERGED\"");
    env.config("mergetool.mine.trustExitCode", "true");
    env.run(["resolve", "skill/pdf", "--tool"]).ok();
    let file = env.read("skills/pdf/SKILL.md");
    assert!(file.contains("cinq") && file.contains("fünf") && !file.contains("<<<<"), "{file}");
    env.refused("name", &["resolve", "skill/pdf", "--ours"]);
    env.assert_sound();
}

#[test]
fn differences_to_a_deployment_are_shown() {
    let env = TestEnv::with_collection();
    env.add_examples();
    fs::create_dir(env.root().join("project")).expect("a folder");
    env.run(["deploy", "--all", "--project", "../project", "--yes"]).ok();
    let diff = ["diff", "--deployed", "--project", "../project"];
    assert_eq!(env.run(diff).ok().stdout, "");
    let place = env.root().join("project/.claude/skills");
    let name = fs::read_dir(&place).expect("a folder").next().expect("a skill").expect("an entry").file_name();
    let file = place.join(&name).join("SKILL.md");
    let text = fs::read_to_string(&file).expect("a file");
    fs::write(&file, format!("{text}Edited there.\n")).expect("a file");
    let before = Snapshot::of(env.root(), Depth::Objects);
    let shown = env.run(diff).ok().stdout.clone();
    before.assert_same(&Snapshot::of(env.root(), Depth::Objects), "a diff");
    assert!(shown.contains("+Edited there.") && shown.lines().count() < 12, "{shown}");
    assert!(shown.contains(&format!("+++ b/skills/{}/SKILL.md", name.display())), "{shown}");
    env.refused("usage", &["diff", "--deployed", "--from", "HEAD"]);
}

/// What was a file becomes a folder upstream, and the other way round; with something of someone in the way it is refused.
#[test]
fn a_file_becomes_a_folder_and_a_folder_a_file() {
    let (env, source) = followed();
    let text = body(&[]);
    let tree = |files: &[(&str, &[u8], Mode)]| source.commit("main", &source.tree_of(files));
    let main = ("skills/pdf/SKILL.md", text.as_bytes(), Mode::File);
    tree(&[main, ("skills/pdf/notes", b"a file", Mode::File)]);
    env.run(["update"]).ok();
    tree(&[
        main,
        ("skills/pdf/notes/one.md", b"one", Mode::File),
        ("skills/pdf/notes/deep/two.md", b"two", Mode::File),
    ]);
    env.run(["update"]).ok();
    assert_eq!(env.read("skills/pdf/notes/deep/two.md"), "two");
    env.assert_sound();
    let before = env.head();
    tree(&[main, ("skills/pdf/notes", b"a file again", Mode::File)]);
    env.write("skills/pdf/notes/mine.md", "not tracked");
    env.refused("conflict", &["update"]);
    env.git(["add", "skills/pdf/notes/mine.md"]);
    env.refused("conflict", &["update"]);
    // Staged, and then removed from the worktree only: an index cannot have both.
    fs::remove_file(env.path("skills/pdf/notes/mine.md")).expect("a file");
    env.refused("conflict", &["update"]);
    env.git(["rm", "-q", "--cached", "skills/pdf/notes/mine.md"]);
    // A folder without a file is nothing to git.
    fs::create_dir_all(env.path("skills/pdf/notes/empty/deep")).expect("a folder");
    env.run(["update"]).ok();
    assert_eq!(env.read("skills/pdf/notes"), "a file again");
    env.git(["fsck", "--strict"]);
    env.assert_sound();
    env.run(["rollback", &before]).ok();
    assert_eq!(env.read("skills/pdf/notes/one.md"), "one");
    env.assert_sound();
}

/// A licence of two lines, in which the record of what waits must not end.
#[test]
fn words_of_an_upstream_do_not_end_a_record() {
    let (env, source) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
    let head = "license: \"MIT OR\\n\\nApache-2.0\"\ndescription";
    let theirs = body(&[("five\n", "fünf\n")]).replacen("description", head, 1);
    source.commit_files("main", &[("skills/pdf/SKILL.md", &theirs)]);
    assert_eq!(env.run(["update"]).code, Some(1));
    env.run(["resolve", "skill/pdf", "--abort"]).ok();
    assert_eq!(env.json(&["status"])["artifacts"][0]["waits"], false);
}

/// One artifact of a source that holds what none may hold is told, and the others are updated.
#[test]
fn a_bad_artifact_of_a_source_holds_up_no_other() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let texts = ["a", "b", "c"].map(|name| skill(name, "text"));
    let places = ["skills/a/SKILL.md", "skills/b/SKILL.md", "skills/c/SKILL.md"];
    let files = |texts: &[String; 3]| -> Vec<(&str, Vec<u8>, Mode)> {
        places.iter().zip(texts).map(|(place, text)| (*place, text.clone().into_bytes(), Mode::File)).collect()
    };
    let source = env.bare("three");
    let commit = |files: &[(&str, Vec<u8>, Mode)]| {
        let files: Vec<_> = files.iter().map(|(path, bytes, mode)| (*path, &bytes[..], *mode)).collect();
        source.commit("main", &source.tree_of(&files))
    };
    commit(&files(&texts));
    env.run(["add", &source.ssh_url(""), "--all"]).ok();
    let mut new = files(&[texts[0].clone(), skill("b", "newer"), texts[2].clone()]);
    new.push(("skills/a/link", b"/etc/passwd".to_vec(), Mode::Link));
    commit(&new);
    let states: Vec<_> = env.upstreams(&[]).iter().map(|item| item["upstream"]["state"].clone()).collect();
    assert_eq!(states, ["cannot-check", "behind", "current"]);
    assert_eq!(env.run(["update"]).code, Some(1), "one is left");
    assert_eq!(env.read("skills/b/SKILL.md"), skill("b", "newer"));
    env.assert_sound();
}

/// What people change in `collection.toml` is compared, and is neither current nor a tag that moved.
#[test]
fn a_place_or_ref_changed_by_hand_is_compared() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let (a, b) = (skill("a", "text"), skill("b", "another"));
    let source = env.source("two", &[("skills/a/SKILL.md", &a, Mode::File), ("skills/b/SKILL.md", &b, Mode::File)]);
    source.git(&["tag", "v1", "main"], b"");
    env.run(["add", &source.ssh_url("#v1"), "--only", "a"]).ok();
    let manifest = env.read("collection.toml");
    let write = |text: String| {
        env.write("collection.toml", text);
        env.git(["commit", "--quiet", "--allow-empty", "-am", "By hand"]);
    };
    assert_eq!(state(&env)["upstream"]["state"], "current");
    write(manifest.replace("skills/a", "skills/nothere"));
    assert_eq!(state(&env)["upstream"]["state"], "gone");
    write(manifest.replace("skills/a", "skills/b"));
    assert_eq!(state(&env)["upstream"]["state"], "behind");
    source.commit_files("main", &[("skills/a/SKILL.md", &skill("a", "second"))]);
    source.git(&["tag", "v2", "main"], b"");
    write(manifest.replace("\"v1\"", "\"v2\""));
    assert_eq!(state(&env)["upstream"]["state"], "behind");
    env.run(["update"]).ok();
    assert_eq!(env.read("skills/a/SKILL.md"), skill("a", "second"));
    // Now it is this tag that must not move.
    source.git(&["tag", "-f", "v2", "main~1"], b"");
    assert_eq!(state(&env)["upstream"]["state"], "tag-moved");
    source.git(&["tag", "-f", "v2", "main"], b"");
    let again = env.run(["add", &source.ssh_url("#main"), "--only", "a"]).ok();
    assert!(again.stdout.contains("goes on following 'v2'"), "{}", again.stdout);
}

/// The markers of a renamed file stand in its new place, and are not taken from there either.
#[test]
fn markers_of_a_renamed_file_are_not_taken() {
    let (env, source) = followed();
    let lines = |third: &str| {
        (1..20).map(|n| if n == 3 { format!("{third}\n") } else { format!("line {n}\n") }).collect::<String>()
    };
    let (old, theirs) = (lines("three"), lines("drei"));
    let text = body(&[]);
    let main = ("skills/pdf/SKILL.md", text.as_bytes(), Mode::File);
    source.commit("main", &source.tree_of(&[main, ("skills/pdf/x.md", old.as_bytes(), Mode::File)]));
    env.run(["update"]).ok();
    commit_here(&env, "skills/pdf/x.md", &lines("trois"));
    source.commit("main", &source.tree_of(&[main, ("skills/pdf/y.md", theirs.as_bytes(), Mode::File)]));
    assert_eq!(env.run(["update"]).code, Some(1));
    env.run(["resolve", "skill/pdf"]).ok();
    let head = env.head();
    env.run(["resolve", "skill/pdf", "--continue"]).refused("conflict");
    assert_eq!(env.head(), head);
    // What waits goes with the artifact, and is not that of another of its name.
    env.run(["remove", "pdf"]).ok();
    assert!(!env.refs().contains("refs/skillmeat/pending"));
}

/// What a client runs by itself needs consent also where it comes by a decision.
#[test]
fn a_decision_that_lets_something_run_needs_consent() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let hook = |command: &str| {
        format!(
            "{{\n\"hooks\": {{\"Stop\": [{{\"hooks\": [\n{{\"type\": \"command\",\n\"command\": \"{command}\"}}\n]}}]}}\n}}\n"
        )
    };
    let source = env.source("hook", &[("hooks/h/hooks.json", &hook("true"), Mode::File)]);
    env.run(["add", &source.ssh_url(""), "--all", "--yes"]).ok();
    commit_here(&env, "hooks/h/hooks.json", &hook("echo mine"));
    source.commit_files("main", &[("hooks/h/hooks.json", &hook("echo theirs"))]);
    assert_eq!(env.run(["update"]).code, Some(1));
    env.run(["resolve", "h", "--theirs"]).refused("consent");
    let (screen, status) = env.on_terminal(&["resolve", "h", "--theirs"], &["n"]);
    assert_eq!(status, Some(3), "{screen}");
    let question = "Take 1 hook, which a client runs by itself? [y/N] ";
    assert!(screen.contains("echo theirs") && screen.contains(question), "{screen}");
    assert_eq!(env.read("hooks/h/hooks.json"), hook("echo mine"));
    let (screen, status) = env.on_terminal(&["resolve", "h", "--theirs"], &["y"]);
    assert_eq!((status, screen.matches("[y/N]").count()), (Some(0), 1), "{screen}");
    assert_eq!(env.read("hooks/h/hooks.json"), hook("echo theirs"));
}

/// A command that was killed between refs and files, whose commit turns a file into a folder, is finished by the next.
#[test]
fn an_interrupted_change_of_a_file_to_a_folder_is_finished() {
    let (env, source) = followed();
    let text = body(&[]);
    let main = ("skills/pdf/SKILL.md", text.as_bytes(), Mode::File);
    source.commit("main", &source.tree_of(&[main, ("skills/pdf/ref", b"a file", Mode::File)]));
    env.run(["update"]).ok();
    source.commit("main", &source.tree_of(&[main, ("skills/pdf/ref/one.md", b"one", Mode::File)]));
    let before = env.head();
    env.run(["update"]).ok();
    let new = env.head();
    // The state in between: the refs have moved, worktree and index have not.
    env.git(["read-tree", "--reset", "-u", &before]);
    env.write(".git/skillmeat/pending", format!("{new}\n"));
    env.run(["tag", "pdf", "--add", "x"]).ok();
    assert_eq!(env.read("skills/pdf/ref/one.md"), "one");
    env.assert_sound();
}

/// Names that come together and may not: of one artifact, and the others are updated all the same.
#[test]
fn a_clash_of_names_in_one_artifact_holds_up_no_other() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let (a, b) = (skill("a", "text"), skill("b", "text"));
    let source = env.source("two", &[("skills/a/SKILL.md", &a, Mode::File), ("skills/b/SKILL.md", &b, Mode::File)]);
    env.run(["add", &source.ssh_url(""), "--all"]).ok();
    commit_here(&env, "skills/a/README.md", "mine");
    source.commit_files(
        "main",
        &[("skills/a/SKILL.md", &a), ("skills/a/readme.md", "theirs"), ("skills/b/SKILL.md", &skill("b", "newer"))],
    );
    let ran = env.run(["update"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("skill/a") && ran.stdout.to_lowercase().contains("readme.md"), "{}", ran.stdout);
    assert_eq!(
        (env.read("skills/a/README.md"), env.read("skills/b/SKILL.md")),
        ("mine".to_owned(), skill("b", "newer"))
    );
    env.assert_sound();
}

/// A command that only lets an update wait made no commit; what was before it must not be taken back in its place.
#[test]
fn undo_takes_back_what_only_waits_and_gives_back_what_was_decided() {
    let (env, source) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
    source.commit_files(
        "main",
        &[("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n")])), ("skills/pdf/more.md", "more\n")],
    );
    let waits = || env.json(&["status"])["artifacts"][0]["waits"] == true;
    assert_eq!(env.run(["update"]).code, Some(1));
    let (head, refs) = (env.head(), env.refs());
    assert!(waits());
    assert_eq!(env.run(["update"]).code, Some(1));
    assert_eq!(env.refs(), refs, "twice is once");
    let shown = env.unchanged(&["undo", "--dry-run"]);
    assert!(shown.stdout.contains("the update of skill/pdf would wait no more"), "{}", shown.stdout);
    let undone = env.json(&["undo"]);
    assert_eq!((&undone["ended"], &undone["changed"]), (&serde_json::json!(["skill/pdf"]), &serde_json::json!([])));
    assert!(!waits());
    env.run(["undo"]).ok();
    assert!(waits(), "an undo is undone");
    assert_eq!(env.head(), head);
    // Decided, and taken back: it waits again, and is decided otherwise.
    env.run(["resolve", "skill/pdf", "--theirs"]).ok();
    assert!(!waits());
    let undone = env.json(&["undo"]);
    assert_eq!(undone["waits"], serde_json::json!(["skill/pdf"]));
    assert!(waits());
    assert!(env.read("skills/pdf/SKILL.md").contains("cinq"));
    // What a person did since is not ours to take back, and a wait of before is none of it.
    commit_here(&env, "skills/pdf/more.md", "mine\n");
    env.refused("usage", &["undo"]);
    assert!(waits());
    env.git(["gc", "--quiet", "--prune=now"]);
    env.run(["resolve", "skill/pdf", "--ours"]).ok();
    assert!(env.read("skills/pdf/SKILL.md").contains("cinq"));
    let actions: Vec<_> =
        env.json(&["audit", "log"]).as_array().expect("a list").iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(actions, ["resolve", "undo", "resolve", "undo", "undo", "update", "add"], "waiting is an event, too");
    env.assert_sound();
}

#[test]
fn a_wait_ends_when_the_upstream_takes_its_change_back() {
    let (env, source) = followed();
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
    let theirs =
        |text: &str| source.commit_files("main", &[("skills/pdf/SKILL.md", text), ("skills/pdf/more.md", "more\n")]);
    theirs(&body(&[("five\n", "fünf\n")]));
    assert_eq!(env.run(["update"]).code, Some(1));
    let layout = env.json(&["resolve", "skill/pdf"])["folder"].as_str().expect("a folder").to_owned();
    theirs(&body(&[]));
    let ran = env.run(["update"]).ok();
    assert!(ran.stdout.contains("Ended skill/pdf"), "{}", ran.stdout);
    assert!(!std::path::Path::new(&layout).exists(), "what was laid out goes with it");
    assert_eq!(env.json(&["status"])["artifacts"][0]["waits"], false);
    assert!(env.run(["update"]).ok().stdout.contains("current"));
    env.run(["undo"]).ok();
    assert_eq!(env.json(&["status"])["artifacts"][0]["waits"], true);
}

/// What `collection.toml` says of the place may be changed by hand, also in a clone, which has no record of what it was.
#[test]
fn another_place_in_the_source_is_not_called_current() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    let servers = r#"{"mcpServers": {"one": {"command": "npx", "args": ["-y", "one@1.0.0"]},
        "two": {"command": "npx", "args": ["-y", "two@1.0.0"]}}}"#;
    source.commit_files(
        "main",
        &[
            ("skills/pdf/SKILL.md", &body(&[])),
            ("other/pdf/SKILL.md", &body(&[("five\n", "fünf\n")])),
            (".mcp.json", servers),
        ],
    );
    env.run(["add", &source.ssh_url("//skills/pdf"), "--yes"]).ok();
    env.run(["add", &source.ssh_url(""), "--only", "one", "--yes"]).ok();
    let states = |folder: &str| -> Vec<serde_json::Value> {
        let all = env.upstreams(&["--collection", folder]);
        all.iter().map(|item| item["upstream"]["state"].clone()).collect()
    };
    env.git(["clone", "--quiet", ".", "../clone"]);
    assert_eq!(states("."), ["current", "current"]);
    assert_eq!(states("../clone"), ["current", "current"]);
    let changed =
        env.read("collection.toml").replace("skills/pdf", "other/pdf").replace("server = \"one\"", "server = \"two\"");
    for folder in [".", "../clone"] {
        env.write(&format!("{folder}/collection.toml"), &changed);
        env.git(["-C", folder, "commit", "--quiet", "-am", "Another place"]);
        assert_eq!(states(folder), ["behind", "behind"], "{folder}");
    }
    env.run(["update", "--yes"]).ok();
    assert!(env.read("skills/pdf/SKILL.md").contains("fünf") && env.read("mcp/one/server.json").contains("\"two\""));
    assert_eq!(states("."), ["current", "current"]);
    env.run(["init", "../copy"]).ok();
    env.run(["collection", "copy", "skill/pdf", "mcp/one", "--to", "../copy"]).ok();
    assert_eq!(states("../copy"), ["current", "current"]);
}

/// A picture has no lines: what lies in the folder is one side's, and is no decision until someone has touched it.
#[test]
fn what_cannot_be_put_together_is_not_decided_by_going_on() {
    let (env, source) = followed();
    let commit = |files: &[(&str, &[u8], Mode)]| source.commit("main", &source.tree_of(files));
    let text = body(&[]);
    let main = ("skills/pdf/SKILL.md", text.as_bytes(), Mode::File);
    let (picture, notes) = ("skills/pdf/a.png", "skills/pdf/notes.md");
    commit(&[main, (picture, b"\0old", Mode::File), (notes, b"old", Mode::File)]);
    env.run(["update"]).ok();
    env.write(picture, b"\0ours");
    fs::remove_file(env.path(notes)).expect("a file");
    env.git(["commit", "--quiet", "-am", "Mine"]);
    commit(&[main, (picture, b"\0theirs", Mode::File), (notes, b"theirs", Mode::File)]);
    assert_eq!(env.run(["update"]).code, Some(1));
    let folder = env.json(&["resolve", "skill/pdf"])["folder"].as_str().expect("a folder").to_owned();
    let lies = |path: &str| std::path::Path::new(&folder).join(path);
    let told = env.refused("conflict", &["resolve", "skill/pdf", "--continue"]);
    assert!(told.stderr.contains("touch"), "{}", told.stderr);
    fs::write(lies(picture), b"\0both").expect("a file");
    env.refused("conflict", &["resolve", "skill/pdf", "--continue"]);
    // Kept as it lies there.
    fs::File::open(lies(notes)).and_then(|file| file.set_modified(std::time::SystemTime::now())).expect("a file");
    env.run(["resolve", "skill/pdf", "--continue"]).ok();
    assert_eq!((env.read(picture).as_str(), env.read(notes).as_str()), ("\0both", "theirs"));
    env.assert_sound();
}

/// What waits is of one upstream: it is not put into an artifact of the same name that follows another.
#[test]
fn a_wait_does_not_pass_to_another_artifact_of_the_same_name() {
    let (env, source) = followed();
    let before = env.git(["rev-parse", "HEAD~1"]);
    commit_here(&env, "skills/pdf/SKILL.md", &body(&[("five\n", "cinq\n")]));
    source.commit_files(
        "main",
        &[("skills/pdf/SKILL.md", &body(&[("five\n", "fünf\n")])), ("skills/pdf/more.md", "more\n")],
    );
    assert_eq!(env.run(["update"]).code, Some(1));
    let waits = || env.refs().contains("refs/skillmeat/pending/");
    assert!(waits());
    env.run(["rollback", &before]).ok();
    assert!(!waits(), "what is not there waits for nothing");
    env.run(["undo"]).ok();
    assert!(waits() && env.json(&["status"])["artifacts"][0]["waits"] == true);
    // Removed by hand, and another one added.
    env.git(["rm", "-rq", "skills/pdf"]);
    env.git(["commit", "--quiet", "-m", "Gone"]);
    assert_eq!(env.run(["resolve", "skill/pdf", "--theirs"]).code, Some(2));
    env.write("../other/pdf/SKILL.md", body(&[("five\n", "five of another\n")]));
    env.run(["add", "../other", "--all"]).ok();
    assert!(!waits());
    env.refused("name", &["resolve", "skill/pdf", "--theirs"]);
    assert!(env.read("skills/pdf/SKILL.md").contains("of another"));
}

/// After an undo the newest recorded state is not the one that the collection has.
#[test]
fn what_an_undo_brought_back_is_not_called_current_of_another_place() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    source.commit_files(
        "main",
        &[("skills/pdf/SKILL.md", &body(&[])), ("other/pdf/SKILL.md", &body(&[("five\n", "fünf\n")]))],
    );
    env.run(["add", &source.ssh_url("//skills/pdf"), "--yes"]).ok();
    env.write("collection.toml", env.read("collection.toml").replace("skills/pdf", "other/pdf"));
    env.git(["commit", "--quiet", "-am", "Another place"]);
    env.run(["update"]).ok();
    env.run(["undo"]).ok();
    assert!(!env.read("skills/pdf/SKILL.md").contains("fünf"));
    assert_eq!(env.upstreams(&[])[0]["upstream"]["state"], "behind");
    env.run(["update"]).ok();
    assert!(env.read("skills/pdf/SKILL.md").contains("fünf"));
}
