//! `adopt` and `init --adopt`: the bytes of other managers arrive with where they came from, nothing of them changes, and
//! what cannot be taken is told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::env::{Depth, Git, Mode, Ran, TestEnv, skill};

const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n";

/// The text of `skill/alpha` and what skills 1.7.4 wrote of a folder that holds it alone.
const ALPHA: &str = "---\nname: beta\ndescription: Does beta things.\n---\nBeta.\n";

fn body(change: &[(&str, &str)]) -> String {
    change.iter().fold(skill("pdf", LINES), |text, (from, to)| text.replace(from, to))
}

/// Writes files below a folder beside the collection.
fn put(env: &TestEnv, folder: &str, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = env.root().join(folder).join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

/// Runs a command that takes some things and leaves others: its status is 1, and its data are returned.
fn partial(env: &TestEnv, args: &[&str]) -> serde_json::Value {
    let ran = env.run(["--format", "json"].iter().chain(args));
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.value()["data"].take()
}

/// A source that has to be fetched, and a collection of the Python SkillMeat that has `skill/pdf` of its first commit.
fn python(env: &TestEnv, text: &str) -> (Git, String) {
    env.allow_ssh();
    let source = env.bare("source");
    let commit = source.commit_files("main", &[("tools/pdf/SKILL.md", &body(&[])), ("tools/pdf/more.md", "more\n")]);
    let page = source.ssh_url(&format!("/tree/{commit}/tools/pdf"));
    let manifest = format!(
        "[collection]\nname = \"old\"\nversion = \"1.0.0\"\n\n[[artifacts]]\nname = \"pdf\"\ntype = \"skill\"\n\
        path = \"skills/pdf\"\norigin = \"github\"\nupstream = \"{page}\"\nversion_spec = \"latest\"\n\
        resolved_sha = \"{commit}\"\ntags = [\"docs\", \"two words\"]\n"
    );
    let hash = sha256(env, &format!("SKILL.md{}more.mdmore\n", body(&[])));
    let lock = format!("[lock]\nversion = \"1.0.0\"\n[lock.entries.\"pdf::skill\"]\ncontent_hash = \"{hash}\"\n");
    put(env, "old", &[("collection.toml", &manifest), ("collection.lock", &lock)]);
    put(env, "old", &[("skills/pdf/SKILL.md", text), ("skills/pdf/more.md", "more\n")]);
    (source, commit)
}

fn upstream(env: &TestEnv) -> serde_json::Value {
    env.json(&["status", "--remote"])["artifacts"][0]["upstream"].clone()
}

#[test]
fn a_python_collection_becomes_ours_with_its_origin() {
    let env = TestEnv::new();
    let (source, commit) = python(&env, &body(&[]));
    let before = env.snapshot(Depth::Objects);
    let plan = env.run(["init", "new", "--adopt", "../old", "--dry-run"]).ok();
    assert!(plan.stdout.contains("Would adopt skill/pdf, 2 files"), "{}", plan.stdout);
    before.assert_same(&env.snapshot(Depth::Objects), "a dry run writes nothing");
    let done = env.json(&["init", ".", "--adopt", "../old"]);
    assert_eq!(done["started"]["name"], "old");
    assert_eq!(done["artifacts"][0]["commit"], commit);
    assert_eq!(done["artifacts"][0]["checked"]["state"], "as-recorded");
    assert_eq!(done["artifacts"][0]["pristine"], false, "nobody has compared it with the commit");
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[]));
    env.assert_sound();
    let shown = env.json(&["show", "skill/pdf"]);
    assert_eq!(shown["upstream"], source.ssh_url(""));
    assert_eq!((&shown["path"], &shown["ref"]), (&"tools/pdf".into(), &serde_json::Value::Null));
    assert_eq!(shown["tags"], serde_json::json!(["docs", "two-words"]));
    let trailer = env.git(["log", "-1", "--format=%(trailers:key=Skillmeat-Action,valueonly)"]);
    assert_eq!(trailer.trim(), "adopt");
    // It is at the newest commit, and that is not believed before it was compared.
    assert_eq!(env.json(&["status"])["artifacts"][0]["local"], "no-base");
    let told = upstream(&env);
    assert_eq!((&told["state"], &told["same"], &told["mergeable"]), (&"no-base".into(), &true.into(), &true.into()));
    assert_eq!(env.run(["update"]).code, Some(0));
    assert_eq!(upstream(&env)["state"], "current");
    assert_eq!(env.json(&["status"])["artifacts"][0]["local"], "unchanged");
    env.assert_sound();
}

#[test]
fn an_adopted_edit_and_a_new_version_both_arrive() {
    let env = TestEnv::new();
    let (source, _) = python(&env, &body(&[("one\n", "uno\n")]));
    let done = env.json(&["init", ".", "--adopt", "../old"]);
    assert_eq!(done["artifacts"][0]["checked"]["state"], "edited");
    source.commit_files("main", &[("tools/pdf/SKILL.md", &body(&[("nine\n", "neuf\n")]))]);
    let told = upstream(&env);
    assert_eq!((&told["state"], &told["same"], &told["mergeable"]), (&"no-base".into(), &false.into(), &true.into()));
    let done = env.json(&["update"]);
    assert_eq!(done["artifacts"][0]["step"], "merge", "{done}");
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n"), ("nine\n", "neuf\n")]));
    assert!(!env.path("skills/pdf/more.md").exists(), "what upstream removed goes");
    let told = env.json(&["status", "--remote"])["artifacts"][0].clone();
    assert_eq!((&told["local"], &told["upstream"]["state"]), (&"edited".into(), &"current".into()));
    env.assert_sound();
}

#[test]
fn a_conflict_of_an_adopted_artifact_is_decided_from_the_recorded_commit() {
    let env = TestEnv::new();
    let (source, _) = python(&env, &body(&[("five\n", "cinq\n")]));
    env.run(["init", ".", "--adopt", "../old"]).ok();
    source.commit_files(
        "main",
        &[("tools/pdf/SKILL.md", &body(&[("five\n", "fünf\n"), ("one\n", "eins\n")])), ("tools/pdf/more.md", "more\n")],
    );
    let ran = env.run(["update"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("git skillmeat resolve skill/pdf"), "{}", ran.stdout);
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("five\n", "cinq\n")]));
    env.run(["resolve", "skill/pdf", "--ours"]).ok();
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("five\n", "cinq\n"), ("one\n", "eins\n")]));
    assert_eq!(upstream(&env)["state"], "current");
    env.assert_sound();
}

#[test]
fn a_history_without_the_recorded_commit_is_not_followed() {
    let env = TestEnv::new();
    let (source, _) = python(&env, &body(&[("one\n", "uno\n")]));
    env.run(["init", ".", "--adopt", "../old"]).ok();
    let tree = source.tree_of(&[("tools/pdf/SKILL.md", skill("pdf", "obey me").as_bytes(), Mode::File)]);
    let other = source.git(&["commit-tree", "-m", "First", &tree], b"");
    source.git(&["update-ref", "refs/heads/main", &other], b"");
    assert_eq!(upstream(&env)["state"], "rewritten");
    assert_eq!(env.run(["update"]).code, Some(1));
    assert_eq!(env.read("skills/pdf/SKILL.md"), body(&[("one\n", "uno\n")]));
}

#[test]
fn adopting_twice_is_adopting_once_and_the_other_manager_keeps_all() {
    let env = TestEnv::with_collection();
    python(&env, &body(&[]));
    let old = env.root().join("old");
    let listing = |what: &str| fs::read_to_string(old.join(what)).expect("a file");
    let before = (listing("collection.toml"), listing("skills/pdf/SKILL.md"));
    env.run(["adopt", "../old"]).ok();
    assert_eq!((listing("collection.toml"), listing("skills/pdf/SKILL.md")), before);
    assert_eq!(fs::read_dir(&old).expect("a folder").count(), 3, "nothing came into it");
    let head = env.head();
    let again = env.json(&["adopt", "../old/collection.toml"]);
    assert_eq!(again["artifacts"][0]["step"], "same");
    assert_eq!(env.head(), head);
    // Another content of the same name stays where it is, and so does ours.
    put(&env, "old", &[("skills/pdf/more.md", "less\n")]);
    let told = partial(&env, &["adopt", "../old"]);
    assert_eq!(told["left"][0]["id"], "exists", "{told}");
    assert_eq!((env.head(), env.read("skills/pdf/more.md")), (head, "more\n".to_owned()));
    // What is here already, as someone's own, learns where it came from.
    env.run(["remove", "skill/pdf"]).ok();
    put(&env, "skills", &[("skills/pdf/SKILL.md", &body(&[])), ("skills/pdf/more.md", "less\n")]);
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "Mine"]);
    assert_eq!(env.json(&["adopt", "../old"])["artifacts"][0]["step"], "record");
    assert!(env.read("collection.toml").contains("tools/pdf"));
    env.assert_sound();
}

/// A project as skills 1.7.4 leaves it for one client: a hash over the source's files, and no commit.
fn npx(env: &TestEnv, entry: &str) {
    let lock = format!("{{\"version\": 1, \"skills\": {{\"Beta Two\": {entry}}}}}");
    put(env, "project", &[("skills-lock.json", &lock), (".claude/skills/beta-two/SKILL.md", ALPHA)]);
}

fn sha256(env: &TestEnv, text: &str) -> String {
    put(env, "hashed", &[("x", text)]);
    let mut command = env.command("sha256sum");
    command.arg(env.root().join("hashed/x"));
    Ran::of(command).ok().stdout[..64].to_owned()
}

#[test]
fn a_project_of_npx_skills_is_merged_from_the_files_that_its_hash_names() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    source.commit_files("main", &[("skills/Beta_Two/SKILL.md", ALPHA)]);
    let hash = sha256(&env, &format!("SKILL.md{ALPHA}"));
    npx(
        &env,
        &format!(
            "{{\"source\": \"x\", \"sourceUrl\": \"{}\", \"sourceType\": \"git\", \"computedHash\": \"{hash}\",
            \"skillPath\": \"skills/Beta_Two/SKILL.md\"}}",
            source.ssh_url("")
        ),
    );
    let done = env.json(&["adopt", "../project"]);
    let item = &done["artifacts"][0];
    assert_eq!((&item["artifact"], &item["renamed_from"]), (&"skill/beta-two".into(), &"Beta Two".into()));
    assert_eq!((&item["checked"]["state"], &item["pristine"]), (&"as-recorded".into(), &true.into()));
    assert_eq!(upstream(&env)["state"], "current", "compared, file by file");
    source.commit_files("main", &[("skills/Beta_Two/SKILL.md", &format!("{ALPHA}More.\n"))]);
    assert_eq!(upstream(&env)["state"], "behind");
    env.run(["update"]).ok();
    assert_eq!(env.read("skills/beta-two/SKILL.md"), format!("{ALPHA}More.\n"));
    env.assert_sound();
}

#[test]
fn an_edit_without_a_commit_is_never_called_current_and_stops_no_other_update() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    source.commit_files(
        "main",
        &[("skills/beta/SKILL.md", "---\nname: beta\n---\nOther.\n"), ("skills/z/SKILL.md", "z")],
    );
    let entry = format!(
        "{{\"source\": \"x\", \"sourceUrl\": \"{}\", \"sourceType\": \"git\", \"computedHash\": \"{}\",
        \"skillPath\": \"skills/beta/SKILL.md\"}}",
        source.ssh_url(""),
        "0".repeat(64)
    );
    npx(&env, &entry);
    let item = env.json(&["adopt", "../project"])["artifacts"][0].clone();
    assert_eq!((&item["checked"]["state"], &item["pristine"]), (&"edited".into(), &false.into()));
    env.run(["add", &source.ssh_url("//skills/z")]).ok();
    source.commit_files(
        "main",
        &[("skills/beta/SKILL.md", "---\nname: beta\n---\nOther.\n"), ("skills/z/SKILL.md", "new z")],
    );
    let told = upstream(&env);
    assert_eq!((&told["state"], &told["same"], &told["mergeable"]), (&"no-base".into(), &false.into(), &false.into()));
    let ran = env.run(["update"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("Left skill/beta-two") && ran.stdout.contains("--strategy ours"), "{}", ran.stdout);
    assert_eq!(env.read("skills/z/SKILL.md"), "new z");
    assert_eq!(env.read("skills/beta-two/SKILL.md"), ALPHA);
    env.run(["update", "skill/beta-two", "--strategy", "ours"]).ok();
    assert_eq!(env.read("skills/beta-two/SKILL.md"), ALPHA);
    assert_eq!(upstream(&env)["state"], "current");
}

#[test]
fn an_address_that_nobody_typed_is_not_asked() {
    let env = TestEnv::with_collection();
    let source = env.bare("source");
    source.commit_files("main", &[("SKILL.md", ALPHA)]);
    let hash = sha256(&env, &format!("SKILL.md{ALPHA}"));
    let entry = format!("{{\"source\": \"../source.git\", \"sourceType\": \"local\", \"computedHash\": \"{hash}\"}}");
    npx(&env, &entry);
    let done = env.json(&["adopt", "../project"]);
    let address = done["artifacts"][0]["upstream"].as_str().expect("an address").to_owned();
    assert_eq!(fs::canonicalize(source.folder()).expect("a folder").to_str(), Some(address.as_str()));
    let ran = env.run(["status", "--remote"]);
    assert!(ran.stdout.contains("nobody has typed"), "{ran:?}");
    env.config("skillmeat.allowSource", &address);
    assert_eq!(upstream(&env)["state"], "current", "found by its name, since the record has no place");
}

#[test]
fn an_origin_that_cannot_be_followed_is_kept_in_the_history() {
    let env = TestEnv::with_collection();
    npx(
        &env,
        "{\"source\": \"example.com\", \"sourceType\": \"well-known\", \"sourceUrl\": \"https://example.com/x\"}",
    );
    let done = env.json(&["adopt", "../project"]);
    assert!(done["artifacts"][0]["not_followed"].as_str().is_some_and(|text| text.contains("https://example.com/x")));
    assert!(env.git(["log", "-1", "--format=%B"]).contains("skill/beta-two came from 'https://example.com/x'"));
    assert_eq!(env.json(&["history"])[0]["action"], "adopt");
    assert_eq!(env.json(&["status"])["artifacts"][0]["local"], "no-upstream");
}

#[test]
fn the_user_s_lock_is_checked_by_the_tree_that_github_named() {
    let env = TestEnv::with_collection();
    let source = env.bare("source");
    let tree = source.tree_of(&[("SKILL.md", ALPHA.as_bytes(), Mode::File), ("run", b"#!/bin/sh\n", Mode::Executable)]);
    let lock = format!(
        "{{\"version\": 3, \"skills\": {{\"beta\": {{\"source\": \"o/r\", \"sourceType\": \"github\",
        \"sourceUrl\": \"https://github.com/o/r.git\", \"skillPath\": \"s/beta/SKILL.md\", \"skillFolderHash\": \"{tree}\",
        \"installedAt\": \"2026-01-01\"}}}}, \"dismissed\": {{}}}}"
    );
    let files = [(".agents/.skill-lock.json", lock.as_str()), (".agents/skills/beta/SKILL.md", ALPHA)];
    put(&env, "person", &files);
    put(&env, "person", &[(".agents/skills/beta/run", "#!/bin/sh\n"), (".claude/skills/x/SKILL.md", "own")]);
    let run = env.root().join("person/.agents/skills/beta/run");
    fs::set_permissions(run, PermissionsExt::from_mode(0o755)).expect("a mode");
    symlink("../../.agents/skills/beta", env.root().join("person/.claude/skills/beta")).expect("a link");
    // What a client can run is agreed to first.
    env.refused("consent", &["adopt", "../person"]);
    let done = env.json(&["adopt", "../person/.agents/.skill-lock.json", "--yes"]);
    assert_eq!(done["artifacts"][0]["checked"]["state"], "as-recorded", "{done}");
    assert_eq!(done["artifacts"][0]["upstream"], "https://github.com/o/r.git");
    assert_eq!(done["artifacts"].as_array().map(Vec::len), Some(1), "only what the record names");
    assert_eq!(done["not_taken"][0], serde_json::json!({"part": "dismissed", "count": 1}));
    assert_eq!(env.git(["ls-files", "--stage", "skills/beta/run"]).split(' ').next(), Some("100755"));
    env.assert_sound();
    // Without a network the answer is that there is none.
    let told = env.run(["--offline", "status", "--remote", "--format", "json"]).value();
    assert_eq!(told["data"]["artifacts"][0]["upstream"]["state"], "cannot-check");
}

#[test]
fn packages_of_apm_arrive_and_what_has_no_kind_is_told() {
    let env = TestEnv::with_collection();
    let agent = "---\nname: reviewer\ndescription: Reviews.\n---\nReview.\n";
    let lock = format!(
        "lockfile_version: '1'\ngenerated_at: x\napm_version: 0.35.0\ndependencies:\n- repo_url: acme/kit\n  \
        resolved_commit: {}\n  resolved_ref: main\n  package_type: apm_package\n  declared_license: MIT\n  \
        deployed_files:\n  - .claude/agents/reviewer.md\n  - .claude/rules/py.md\n  - .claude/skills/beta\n  \
        - .claude/skills/beta/SKILL.md\n  - .github/skills/beta/SKILL.md\n  deployed_file_hashes:\n    \
        .claude/agents/reviewer.md: sha256:{}\n    .claude/skills/beta/SKILL.md: sha256:{}\n",
        "c".repeat(40),
        sha256(&env, agent),
        sha256(&env, "before")
    );
    put(
        &env,
        "project",
        &[
            ("apm.lock.yaml", &lock),
            (".claude/agents/reviewer.md", agent),
            (".claude/skills/beta/SKILL.md", ALPHA),
            (".github/skills/beta/SKILL.md", "other"),
        ],
    );
    let done = partial(&env, &["adopt", "../project"]);
    let (agent, skill) = (&done["artifacts"][0], &done["artifacts"][1]);
    assert_eq!((&agent["artifact"], &agent["checked"]["state"]), (&"agent/reviewer".into(), &"as-recorded".into()));
    assert_eq!((&skill["artifact"], &skill["checked"]["state"]), (&"skill/beta".into(), &"edited".into()));
    assert_eq!(skill["upstream"], "https://github.com/acme/kit");
    assert_eq!((&skill["ref"], &skill["commit"]), (&"main".into(), &"c".repeat(40).into()));
    assert_eq!(done["left"][0]["name"], ".claude/rules/py.md");
    assert_eq!(done["notes"][0]["id"], "other-copy", "{done}");
    assert_eq!(done["not_taken"][0]["part"], "declared_license");
    env.assert_sound();
}

#[test]
fn deployed_files_arrive_as_they_are_in_the_project() {
    let env = TestEnv::with_collection();
    let record = "[[deployed]]\nartifact_name = \"go\"\nartifact_type = \"command\"\nfrom_collection = \"default\"\n\
        artifact_path = \"commands/git/go.md\"\ncontent_hash = \"HASH\"\n";
    let record = &record.replace("HASH", &"0".repeat(64));
    put(&env, "project", &[(".claude/.skillmeat-deployed.toml", record), (".claude/commands/git/go.md", "Go.\n")]);
    let done = env.json(&["adopt", "../project"]);
    let item = &done["artifacts"][0];
    assert_eq!((&item["artifact"], &item["checked"]["state"]), (&"command/git/go".into(), &"edited".into()));
    assert_eq!(env.read("commands/git/go.md"), "Go.\n");
    assert_eq!(env.json(&["status"])["artifacts"][0]["local"], "no-upstream");
}

#[test]
fn what_cannot_be_taken_is_told_and_the_rest_arrives() {
    let env = TestEnv::with_collection();
    let entry = |name: &str, kind: &str, path: &str| {
        format!("[[artifacts]]\nname = \"{name}\"\ntype = \"{kind}\"\npath = \"{path}\"\norigin = \"local\"\n")
    };
    let manifest = [
        "[collection]\nname = \"old\"\n".to_owned(),
        entry("fine", "skill", "skills/fine"),
        entry("flow", "workflow", "workflows/flow"),
        entry("gone", "skill", "skills/gone"),
        entry("empty", "skill", "skills/empty"),
        entry("out", "agent", "../secret.md"),
        entry("rooted", "agent", "/etc/passwd"),
        entry("linked", "agent", "agents/linked.md"),
        entry("inside", "skill", "skills/inside"),
        entry("behind", "skill", "linked/behind"),
        entry("\\u001b[…", "agent", "agents/odd.md"),
        entry("Fine", "skill", "skills/other"),
    ]
    .join("\n");
    put(&env, "old", &[("collection.toml", &manifest), ("skills/fine/SKILL.md", &skill("fine", "fine"))]);
    put(&env, "old", &[("skills/empty/README.md", "x"), ("agents/odd.md", "x"), ("skills/inside/SKILL.md", "x")]);
    put(&env, "old", &[("skills/other/SKILL.md", "other"), ("real/behind/SKILL.md", "x")]);
    put(&env, ".", &[("secret.md", "secret")]);
    let old = env.root().join("old");
    symlink("../../secret.md", old.join("agents/linked.md")).expect("a link");
    symlink("/etc/passwd", old.join("skills/inside/notes.md")).expect("a link");
    symlink("real", old.join("linked")).expect("a link");
    let done = partial(&env, &["adopt", "../old"]);
    assert_eq!(done["artifacts"].as_array().map(Vec::len), Some(1), "{done}");
    let mut told: Vec<_> = done["left"].as_array().expect("a list").iter().map(|one| one["id"].as_str()).collect();
    told.sort_unstable();
    let expected = ["clash", "form", "kind", "link", "link", "missing", "name", "path", "path", "unreadable"];
    assert_eq!(told, expected.map(Some), "{done:#}");
    assert_eq!(env.git(["ls-files", "skills", "agents"]), "skills/fine/SKILL.md");
    let text = env.run(["adopt", "../old"]);
    assert!(text.stdout.contains("Left") && !text.stdout.contains('\u{1b}'), "{text:?}");
    env.assert_sound();
}

#[test]
fn records_that_cannot_be_read_change_nothing() {
    let env = TestEnv::with_collection();
    put(&env, "empty", &[("README.md", "x")]);
    env.refused("name", &["adopt", "../empty"]);
    env.refused("name", &["adopt", "../empty/README.md"]);
    env.refused("name", &["adopt", "../nowhere"]);
    for (name, text) in [
        ("skills-lock.json", "{\"version\": 9, \"skills\": {}}"),
        ("skills-lock.json", "[]"),
        ("collection.toml", "format = 1\nname = \"ours\"\n"),
        ("collection.toml", "[collection]\nname = 1\n"),
        ("apm.lock.yaml", "lockfile_version: '7'\ndependencies: []\n"),
        ("apm.lock.yaml", "a: &x [*x]\n"),
    ] {
        let folder = format!("wrong-{}", name.len());
        fs::remove_dir_all(env.root().join(&folder)).ok();
        put(&env, &folder, &[(name, text)]);
        env.refused("parse", &["adopt", &format!("../{folder}")]);
    }
    symlink("../wrong-15/skills-lock.json", env.root().join("empty/skills-lock.json")).expect("a link");
    env.refused("path", &["adopt", "../empty"]);
    // A new collection is not made in what it is made from, and not at all where nothing can be read.
    put(&env, "old", &[("collection.toml", "[collection]\nname = \"old\"\n")]);
    env.refused("usage", &["init", "../old", "--adopt", "../old"]);
    env.refused("name", &["init", "../new", "--adopt", "../empty/README.md"]);
    assert!(!env.root().join("new").exists());
}

#[test]
fn artifacts_of_one_repository_at_several_commits_are_each_compared_with_their_own() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("source");
    let state = |c: &str, b: &str, a: &str| {
        source.commit_files(
            "main",
            &[("a/SKILL.md", &skill("a", a)), ("b/SKILL.md", &skill("b", b)), ("c/SKILL.md", &skill("c", c))],
        )
    };
    let commits = [state("1", "1", "1"), state("1", "1", "2"), state("1", "2", "2"), state("2", "3", "3")];
    let mut manifest = "[collection]\nname = \"old\"\n".to_owned();
    // In the order of their names: the newest, the oldest, one between.
    for (name, text, commit) in [("a", "2", &commits[2]), ("b", "1", &commits[0]), ("c", "1", &commits[1])] {
        let page = source.ssh_url(&format!("/tree/{commit}/{name}"));
        manifest.push_str(&format!(
            "[[artifacts]]\nname = \"{name}\"\ntype = \"skill\"\npath = \"skills/{name}\"\nupstream = \"{page}\"\n"
        ));
        put(&env, "old", &[(&format!("skills/{name}/SKILL.md"), &skill(name, text))]);
    }
    put(&env, "old", &[("collection.toml", &manifest)]);
    env.run(["adopt", "../old"]).ok();
    for item in env.json(&["status", "--remote"])["artifacts"].as_array().expect("a list") {
        assert_eq!(
            (&item["upstream"]["state"], &item["upstream"]["mergeable"]),
            (&"no-base".into(), &true.into()),
            "{item}"
        );
    }
    env.run(["update"]).ok();
    for (name, text) in [("a", "3"), ("b", "3"), ("c", "2")] {
        assert_eq!(env.read(&format!("skills/{name}/SKILL.md")), skill(name, text));
    }
    env.assert_sound();
}

#[test]
fn a_key_that_stands_twice_in_a_record_is_refused() {
    let env = TestEnv::with_collection();
    let project = env.root().join("project");
    fs::create_dir_all(&project).expect("a folder");
    let skills = "{\"good\": {\"source\": \"a/b\"}, \"good\": {\"source\": \"c/d\"}}";
    fs::write(project.join("skills-lock.json"), format!("{{\"version\": 1, \"skills\": {skills}}}")).expect("a file");
    let told = env.refused("parse", &["adopt", "../project"]);
    assert!(told.stderr.contains("skills.good"), "{}", told.stderr);
}
