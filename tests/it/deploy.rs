//! Runs of `deploy`, `undeploy`, `drift` and `sync` with all five kinds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const SETTINGS: &str = "{\n    \"permissions\": {\n        \"deny\": [\"Read(./secret/**)\"]\n    }\n}\n";
const SERVERS: &str = "{\"mcpServers\": {\"own\": {\"command\": \"own-server\", \"env\": {\"K\": \"canary-value\"}}}}";

/// A home of its own with a collection of the example artifacts, and a project beside it.
struct Env {
    dir: tempfile::TempDir,
}

/// What a command printed, and how it ended.
struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    #[track_caller]
    fn ended(self, status: i32) -> Self {
        assert_eq!(self.status, Some(status), "stdout: {}\nstderr: {}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert!(all.contains(text), "no '{text}' in:\n{all}");
        self
    }
}

/// Everything below a folder: kind, mode and content by path.
type Tree = BTreeMap<String, (u32, String)>;

fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut pending = vec![root.to_owned()];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let meta = fs::symlink_metadata(&path).expect("is there");
            let name = path.strip_prefix(root).expect("below").display().to_string();
            let content = if meta.is_dir() {
                pending.push(path);
                "a folder".to_owned()
            } else if meta.is_symlink() {
                format!("a link to {}", fs::read_link(&path).expect("a link").display())
            } else {
                String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned()
            };
            found.insert(name, (meta.permissions().mode() & 0o777, content));
        }
    }
    found
}

/// The tree of a project without what we keep there.
fn visible(project: &Path) -> Tree {
    tree(project).into_iter().filter(|(name, _)| !name.starts_with(".skillmeat")).collect()
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("cp").success());
}

impl Env {
    fn new() -> Self {
        let env = Self { dir: tempfile::tempdir().expect("a folder") };
        fs::create_dir_all(env.home()).expect("a folder");
        let config = "[user]\n\tname = someone\n\temail = someone@example.invalid\n[init]\n\tdefaultBranch = main\n";
        fs::write(env.dir.path().join("gitconfig"), config).expect("a file");
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/artifacts");
        let examples = examples.to_str().expect("UTF-8").to_owned();
        env.run_in(&env.home(), &["init", env.kit().to_str().expect("UTF-8"), "--name", "kit"]).ended(0);
        env.run(&["add", &examples, "--all", "--yes"]).ended(0);
        fs::create_dir_all(env.project().join(".claude")).expect("a folder");
        fs::write(env.project().join(".claude/settings.json"), SETTINGS).expect("a file");
        fs::write(env.project().join(".mcp.json"), SERVERS).expect("a file");
        env
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn kit(&self) -> PathBuf {
        self.dir.path().join("kit")
    }

    fn project(&self) -> PathBuf {
        self.dir.path().join("the project")
    }

    fn at(&self, path: &str) -> PathBuf {
        self.project().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).expect("a file")
    }

    fn command(&self, program: &str, folder: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").expect("a path")).env("HOME", self.home()).env("LC_ALL", "C");
        command.env("GIT_CONFIG_GLOBAL", self.dir.path().join("gitconfig")).env("GIT_CONFIG_SYSTEM", "/dev/null");
        let config = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "skillmeat.durability")];
        command.envs(config).env("GIT_CONFIG_VALUE_0", "lazy");
        command
    }

    fn program(&self, folder: &Path, args: &[&str]) -> Command {
        self.command(env!("CARGO_BIN_EXE_git-skillmeat"), folder, args)
    }

    #[must_use]
    fn run_in(&self, folder: &Path, args: &[&str]) -> Ran {
        ran(self.program(folder, args).output().expect("runs"))
    }

    /// Runs in the collection.
    #[must_use]
    fn run(&self, args: &[&str]) -> Ran {
        self.run_in(&self.kit(), args)
    }

    /// Runs in the collection, about the project.
    #[must_use]
    fn about(&self, args: &[&str]) -> Ran {
        let project = self.project();
        self.run(&[args, &["--project", project.to_str().expect("UTF-8")]].concat())
    }

    fn git(&self, args: &[&str]) -> String {
        let ran = ran(self.command("git", &self.kit(), args).output().expect("runs")).ended(0);
        ran.out.trim().to_owned()
    }

    /// Changes a file of the collection by hand and commits it.
    fn commit(&self, path: &str, content: &str) {
        let path = self.kit().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "an edit"]);
    }
}

#[must_use]
fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn append(path: &Path, text: &str) {
    let old = fs::read_to_string(path).expect("a file");
    fs::write(path, old + text).expect("a file");
}

fn replace(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).expect("a file");
    assert!(text.contains(old), "{text}");
    fs::write(path, text.replacen(old, new, 1)).expect("a file");
}

const SKILL: &str = ".claude/skills/commit-message/SKILL.md";

#[test]
fn all_kinds_are_deployed_and_taken_away_to_the_byte() {
    let env = Env::new();
    let before = tree(&env.project());
    env.about(&["deploy", "--all", "--yes"]).ended(0);
    for (there, here) in [
        ("skills/commit-message/SKILL.md", SKILL),
        ("skills/commit-message/scripts/check-message.sh", ".claude/skills/commit-message/scripts/check-message.sh"),
        ("agents/code-reviewer.md", ".claude/agents/code-reviewer.md"),
        ("commands/git/summary.md", ".claude/commands/git/summary.md"),
        ("hooks/format-on-edit/format.sh", ".claude/hooks/format-on-edit/format.sh"),
    ] {
        let (from, to) = (env.kit().join(there), env.at(here));
        assert_eq!(fs::read(&from).expect("a file"), fs::read(&to).expect("a file"), "{here}");
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!(mode(&from), mode(&to), "{here}");
    }
    let servers: serde_json::Value = serde_json::from_str(&env.read(".mcp.json")).expect("JSON");
    assert_eq!(servers["mcpServers"]["filesystem"]["command"], "npx");
    assert_eq!(servers["mcpServers"]["own"]["env"]["K"], "canary-value");
    let settings: serde_json::Value = serde_json::from_str(&env.read(".claude/settings.json")).expect("JSON");
    assert_eq!(settings["permissions"]["deny"][0], "Read(./secret/**)");
    assert!(settings["hooks"]["PostToolUse"][0].to_string().contains("/.claude/hooks/format-on-edit/format.sh"));
    let record = env.read(".skillmeat/deployed.toml");
    assert!(!record.contains(env.dir.path().to_str().expect("UTF-8")), "no path of this machine: {record}");
    assert!(!record.contains("canary"), "nothing of others: {record}");
    env.about(&["drift", "--exit-code"]).ended(0);
    let deployed = tree(&env.project());
    env.about(&["deploy", "--all"]).ended(0).says("Nothing to do");
    assert_eq!(tree(&env.project()), deployed, "deploying twice is deploying once");
    env.about(&["undeploy", "skill/commit-message"]).ended(0);
    assert!(!env.at(".claude/skills/commit-message").exists() && env.at(".claude/skills").exists());
    env.about(&["undeploy", "--all", "--yes"]).ended(0);
    assert_eq!(tree(&env.project()), before);
}

#[test]
fn files_made_for_entries_go_with_them_in_any_order() {
    let env = Env::new();
    fs::remove_dir_all(env.project()).expect("removed");
    fs::create_dir(env.project()).expect("a folder");
    env.commit(
        "hooks/other/hooks.json",
        r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}],
        "PostToolUse": [{"hooks": [{"type": "command", "command": "false"}]}]}}"#,
    );
    for order in [["hook/format-on-edit", "hook/other"], ["hook/other", "hook/format-on-edit"]] {
        env.about(&["deploy", "hook/other", "hook/format-on-edit", "mcp/filesystem", "--yes"]).ended(0);
        env.about(&["drift", "--exit-code"]).ended(0);
        for name in order {
            env.about(&["undeploy", name]).ended(0);
        }
        assert!(!env.at(".claude").exists());
        env.about(&["undeploy", "mcp/filesystem"]).ended(0);
        assert_eq!(tree(&env.project()), Tree::new());
    }
}

#[test]
fn edits_are_shown_kept_and_brought_back() {
    let env = Env::new();
    let before = tree(&env.project());
    env.about(&["deploy", "--all", "--yes"]).ended(0);
    append(&env.at(SKILL), "\nskill edit\n");
    fs::write(env.at(".claude/skills/commit-message/new.md"), "a new file\n").expect("a file");
    fs::remove_file(env.at(".claude/skills/commit-message/references/form.md")).expect("removed");
    append(&env.at(".claude/agents/code-reviewer.md"), "\nagent edit\n");
    append(&env.at(".claude/commands/git/summary.md"), "\ncommand edit\n");
    append(&env.at(".claude/hooks/format-on-edit/format.sh"), "# script edit\n");
    replace(&env.at(".claude/settings.json"), "Edit|Write", "Edit|Write|NotebookEdit");
    replace(&env.at(".mcp.json"), "\".\"", "\"./docs\"");
    let edited = tree(&env.project());
    let shown = env.about(&["drift", "--exit-code"]).ended(1).out;
    for (state, place) in [
        ("edited", SKILL),
        ("extra", ".claude/skills/commit-message/new.md"),
        ("missing", ".claude/skills/commit-message/references/form.md"),
        ("edited", ".claude/agents/code-reviewer.md"),
        ("edited", ".claude/commands/git/summary.md"),
        ("edited", ".claude/hooks/format-on-edit/format.sh"),
        ("edited", ".claude/settings.json: hooks.PostToolUse"),
        ("edited", ".mcp.json: mcpServers.filesystem"),
    ] {
        assert!(shown.contains(&format!("{state} {place}\n")), "{state} {place} in:\n{shown}");
    }
    for command in [&["deploy", "--all", "--yes"][..], &["undeploy", "--all", "--yes"]] {
        env.about(command).ended(1).says(SKILL).says("mcpServers.filesystem").says("hint: bring the edits into");
        assert_eq!(tree(&env.project()), edited, "a refusal changes nothing");
    }
    let head = env.git(&["rev-parse", "HEAD"]);
    let all = ["skill/commit-message", "code-reviewer", "git/summary", "format-on-edit", "filesystem"];
    env.about(&[&["sync", "--dry-run"][..], &all].concat()).ended(0).says("Would bring back");
    assert_eq!((env.git(&["rev-parse", "HEAD"]), tree(&env.project())), (head.clone(), edited));
    for name in all {
        env.about(&["sync", name]).ended(0).says("Commit");
    }
    assert_eq!(env.git(&["rev-list", "--count", &format!("{head}..HEAD")]), "5");
    assert_eq!(env.git(&["log", "-1", "--format=%s"]), "Sync mcp/filesystem from the project");
    assert_eq!(env.git(&["log", "-1", "--format=%(trailers:key=Skillmeat-Action,valueonly)"]), "sync");
    assert_eq!(env.git(&["status", "--porcelain"]), "");
    let kept = |path: &str| fs::read_to_string(env.kit().join(path)).expect("a file");
    assert!(kept("skills/commit-message/SKILL.md").ends_with("\nskill edit\n"));
    assert_eq!(kept("skills/commit-message/new.md"), "a new file\n");
    assert!(!env.kit().join("skills/commit-message/references").exists());
    assert!(kept("agents/code-reviewer.md").ends_with("\nagent edit\n"));
    assert!(kept("commands/git/summary.md").ends_with("\ncommand edit\n"));
    assert!(kept("hooks/format-on-edit/format.sh").ends_with("# script edit\n"));
    let hooks = kept("hooks/format-on-edit/hooks.json");
    assert!(hooks.contains("NotebookEdit") && hooks.contains("${CLAUDE_PLUGIN_ROOT}/hooks/format-on-edit/"), "{hooks}");
    let server = kept("mcp/filesystem/server.json");
    assert!(server.contains("\"value\": \"./docs\"") && server.contains("Folder that the server may"), "{server}");
    env.about(&["drift", "--exit-code"]).ended(0);
    env.about(&["sync", "git/summary"]).ended(0).says("Nothing to do");
    env.about(&["deploy", "--all"]).ended(0).says("Nothing to do");
    env.run(&["rollback", &head]).ended(0);
    env.about(&["drift", "--exit-code"]).ended(1).says("other content");
    env.about(&["deploy", "--all", "--yes"]).ended(0);
    env.about(&["drift", "--exit-code"]).ended(0);
    env.about(&["undeploy", "--all", "--yes"]).ended(0);
    assert_eq!(tree(&env.project()), before);
}

#[test]
fn changes_of_both_sides_are_merged_or_refused() {
    let env = Env::new();
    let lines =
        |first: &str, last: &str| format!("---\nname: a\ndescription: b\n---\n{first}\n1\n2\n3\n4\n5\n6\n{last}\n");
    env.commit("agents/both.md", &lines("first", "last"));
    env.about(&["deploy", "agent/both"]).ended(0);
    env.commit("agents/both.md", &lines("theirs", "last"));
    fs::write(env.at(".claude/agents/both.md"), lines("first", "mine")).expect("a file");
    env.about(&["sync", "both", "--dry-run"]).ended(0).says("merged");
    env.about(&["sync", "both"]).ended(0).says("merged");
    let merged = lines("theirs", "mine");
    assert_eq!(fs::read_to_string(env.kit().join("agents/both.md")).expect("a file"), merged);
    assert_eq!(env.read(".claude/agents/both.md"), merged, "the project gets the merged state");
    env.about(&["drift", "--exit-code"]).ended(0);
    env.commit("agents/both.md", &lines("theirs", "other"));
    fs::write(env.at(".claude/agents/both.md"), lines("theirs", "same line")).expect("a file");
    let (head, before) = (env.git(&["rev-parse", "HEAD"]), tree(&env.project()));
    env.about(&["sync", "both"]).ended(1).says("agents/both.md").says("--strategy overwrite");
    assert_eq!((env.git(&["rev-parse", "HEAD"]), tree(&env.project())), (head, before));
    env.about(&["sync", "both", "--strategy", "overwrite"]).ended(0);
    assert_eq!(fs::read_to_string(env.kit().join("agents/both.md")).expect("a file"), lines("theirs", "same line"));
    env.about(&["drift", "--exit-code"]).ended(0);
}

#[test]
fn what_no_artifact_may_hold_is_not_brought_back() {
    let env = Env::new();
    env.about(&["deploy", "skill/commit-message", "mcp/filesystem", "--yes"]).ended(0);
    let head = env.git(&["rev-parse", "HEAD"]);
    let link = env.at(".claude/skills/commit-message/link");
    symlink("/etc/passwd", &link).expect("a link");
    env.about(&["sync", "commit-message"]).ended(3).says("link");
    fs::remove_file(&link).expect("removed");
    for name in ["aux.md", "a\u{202e}b", "back\\slash"] {
        let file = env.at(".claude/skills/commit-message").join(name);
        fs::write(&file, "x").expect("a file");
        env.about(&["sync", "commit-message"]).ended(3).says("cannot be brought back");
        fs::remove_file(&file).expect("removed");
    }
    let canary = concat!("ghp", "_", "0123456789abcdefghijABCDEFGHIJ012345");
    replace(&env.at(".mcp.json"), "\".\"", &format!("\"{canary}\""));
    let refused = env.about(&["sync", "filesystem"]).ended(3);
    assert!(!format!("{}{}", refused.out, refused.err).contains(canary));
    fs::remove_file(env.at(SKILL)).expect("removed");
    env.about(&["sync", "commit-message"]).ended(1).says("is gone");
    assert_eq!(env.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn hooks_and_servers_need_consent_each_time_they_change() {
    let env = Env::new();
    let before = tree(&env.project());
    for name in ["hook/format-on-edit", "mcp/filesystem"] {
        env.about(&["deploy", name]).ended(3).says("can run").says("--yes");
    }
    assert_eq!(tree(&env.project()), before);
    env.about(&["deploy", "skill/commit-message", "agent/code-reviewer", "command/release-notes"]).ended(0);
    env.about(&["deploy", "hook/format-on-edit", "--yes"]).ended(0);
    env.about(&["deploy", "hook/format-on-edit"]).ended(0).says("Nothing to do");
    let script = "hooks/format-on-edit/format.sh";
    env.commit(script, "#!/bin/sh\nother\n");
    let before = tree(&env.project());
    env.about(&["deploy", "hook/format-on-edit"]).ended(3);
    assert_eq!(tree(&env.project()), before, "another script is agreed to again");
}

#[test]
fn what_is_not_ours_is_refused_and_with_force_kept_as_a_copy() {
    let env = Env::new();
    let skill = env.at(SKILL);
    fs::create_dir_all(skill.parent().expect("a folder")).expect("a folder");
    fs::write(&skill, "somebody's own").expect("a file");
    fs::write(skill.with_file_name("extra.md"), "stays").expect("a file");
    fs::write(env.at(".mcp.json"), r#"{"mcpServers": {"filesystem": {"command": "theirs"}}}"#).expect("a file");
    let before = tree(&env.project());
    env.about(&["deploy", "--all", "--yes"]).ended(1).says(SKILL).says("mcpServers.filesystem' is not ours");
    env.about(&["deploy", "--all", "--yes", "--dry-run"]).ended(0).says("is not ours");
    assert_eq!(tree(&env.project()), before);
    env.about(&["deploy", "--all", "--yes", "--force"]).ended(0).says("kept a copy");
    let copies: Vec<_> = tree(&env.at(".skillmeat/backup")).into_values().collect();
    assert!(copies.contains(&(0o600, "somebody's own".to_owned())), "{copies:?}");
    assert!(copies.iter().any(|(mode, text)| *mode == 0o600 && text.contains("theirs")), "{copies:?}");
    assert_eq!(
        fs::read(&skill).expect("a file"),
        fs::read(env.kit().join("skills/commit-message/SKILL.md")).expect("a file")
    );
    ran(env.command("git", &env.project(), &["init", "--quiet"]).output().expect("runs")).ended(0);
    let status = env.command("git", &env.project(), &["status", "--porcelain", "-uall", ".skillmeat"]).output();
    assert!(!ran(status.expect("runs")).ended(0).out.contains("backup"));
    append(&skill, "an edit");
    env.about(&["undeploy", "commit-message"]).ended(1);
    env.about(&["undeploy", "commit-message", "--force"]).ended(0).says("kept a copy");
    assert!(!skill.exists());
    assert_eq!(fs::read_to_string(skill.with_file_name("extra.md")).expect("a file"), "stays");
}

#[test]
fn what_was_there_with_the_same_content_stays_afterwards() {
    let env = Env::new();
    let agent = env.at(".claude/agents/code-reviewer.md");
    fs::create_dir_all(agent.parent().expect("a folder")).expect("a folder");
    fs::copy(env.kit().join("agents/code-reviewer.md"), &agent).expect("copies");
    let before = tree(&env.project());
    env.about(&["deploy", "agent/code-reviewer", "command/release-notes"]).ended(0);
    env.about(&["undeploy", "--all"]).ended(0).says("stays");
    assert_eq!(tree(&env.project()), before);
}

#[test]
fn links_are_never_written_through() {
    let env = Env::new();
    let outside = env.dir.path().join("outside");
    fs::rename(env.at(".claude"), &outside).expect("moves");
    symlink(&outside, env.at(".claude")).expect("a link");
    let (before, there) = (tree(&env.project()), tree(&outside));
    for name in ["skill/commit-message", "agent/code-reviewer", "hook/format-on-edit"] {
        env.about(&["deploy", name, "--yes", "--force"]).ended(3).says("link");
    }
    assert_eq!((tree(&env.project()), tree(&outside)), (before, there));
    // Our own folder is no way out either.
    fs::remove_file(env.at(".claude")).expect("removed");
    let own = env.dir.path().join("own");
    fs::create_dir(&own).expect("a folder");
    symlink(&own, env.at(".skillmeat")).expect("a link");
    env.about(&["deploy", "skill/commit-message"]).ended(3).says("link");
    assert_eq!(tree(&own), Tree::new());
    fs::remove_file(env.at(".skillmeat")).expect("removed");
    // A configuration file of a project may be a link inside of it, and not out of it.
    fs::rename(env.at(".mcp.json"), env.at("shared.json")).expect("moves");
    symlink("shared.json", env.at(".mcp.json")).expect("a link");
    env.about(&["deploy", "mcp/filesystem", "--yes"]).ended(0);
    assert!(fs::symlink_metadata(env.at(".mcp.json")).expect("is there").is_symlink());
    assert!(env.read("shared.json").contains("filesystem"));
    env.about(&["undeploy", "--all"]).ended(0);
    assert_eq!(env.read("shared.json"), SERVERS);
    fs::remove_file(env.at(".mcp.json")).expect("removed");
    let elsewhere = env.dir.path().join("elsewhere.json");
    fs::write(&elsewhere, SERVERS).expect("a file");
    symlink(&elsewhere, env.at(".mcp.json")).expect("a link");
    env.about(&["deploy", "mcp/filesystem", "--yes"]).ended(3).says("link");
    assert_eq!(fs::read_to_string(&elsewhere).expect("a file"), SERVERS);
}

#[test]
fn a_record_or_journal_from_elsewhere_touches_nothing_else() {
    let env = Env::new();
    env.about(&["deploy", "agent/code-reviewer", "mcp/filesystem", "--yes"]).ended(0);
    let record = env.read(".skillmeat/deployed.toml");
    fs::write(env.at("mine.md"), "mine").expect("a file");
    for (old, new) in [
        ("format = 1", "format = 2"),
        ("format = 1", "format = 1\nunknown = 1"),
        (".claude/agents/code-reviewer.md", "mine.md"),
        (".claude/agents/code-reviewer.md", "../outside.md"),
        ("\".mcp.json\"", "\"/etc/hosts\""),
        ("\".mcp.json\"", "\"package.json\""),
    ] {
        let changed = record.replacen(old, new, 1);
        assert_ne!(changed, record);
        fs::write(env.at(".skillmeat/deployed.toml"), changed).expect("a file");
        let before = tree(&env.project());
        env.about(&["undeploy", "--all", "--force"]).ended(3);
        env.about(&["deploy", "agent/code-reviewer"]).ended(3);
        env.about(&["drift"]).ended(3);
        assert_eq!(tree(&env.project()), before, "{new}");
    }
    fs::write(env.at(".skillmeat/deployed.toml"), &record).expect("a file");
    let journal = "format = 1\noperation = \"deploy\"\nmade_base = false\nstage = \".skillmeat/stage-1\"\n\
                   record_before = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n\
                   folders = []\nprune = []\nprune_base = false\n[[steps]]\npath = \"x.md\"\nnew = \"mine.md\"\n";
    fs::write(env.at(".skillmeat/journal.toml"), journal).expect("a file");
    env.about(&["undeploy", "--all"]).ended(3).says("journal");
    assert_eq!(env.read("mine.md"), "mine");
}

#[test]
fn configuration_that_cannot_be_edited_is_left_alone() {
    let env = Env::new();
    for text in ["not json", "[]", "{\"mcpServers\": 1}", "{\"mcpServers\": {}, \"mcpServers\": {}}"] {
        fs::write(env.at(".mcp.json"), text).expect("a file");
        let before = tree(&env.project());
        env.about(&["deploy", "--all", "--yes"]).ended(3).says(".mcp.json");
        assert_eq!(tree(&env.project()), before, "{text}");
    }
}

#[test]
fn a_dry_run_and_drift_write_nothing() {
    let env = Env::new();
    let before = tree(env.dir.path());
    let ran = env.about(&["deploy", "--all", "--dry-run"]).ended(0).says("+++ .mcp.json");
    assert!(!ran.out.contains("canary"), "values of others are not shown: {}", ran.out);
    env.about(&["drift", "--exit-code"]).ended(0);
    env.about(&["undeploy", "--all", "--dry-run"]).ended(0);
    env.about(&["targets"]).ended(0).says("claude-code:user");
    assert_eq!(tree(env.dir.path()), before);
    env.about(&["deploy", "--all", "--yes"]).ended(0);
    append(&env.at(SKILL), "edit");
    let before = tree(env.dir.path());
    env.about(&["undeploy", "--all", "--dry-run"]).ended(0).says("was edited");
    env.about(&["sync", "commit-message", "--dry-run"]).ended(0);
    env.about(&["drift"]).ended(0);
    assert_eq!(tree(env.dir.path()), before);
    for (command, kind) in [(&["drift"][..], "drift"), (&["deploy", "--all", "--dry-run"], "deploy")] {
        let json = env.about(&[command, &["--format", "json"]].concat()).ended(0).out;
        let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let schema = env.run(&["schema", kind]).ended(0).out;
        let schema: serde_json::Value = serde_json::from_str(&schema).expect("a schema");
        assert!(jsonschema::is_valid(&schema, &json), "{json}");
    }
}

#[test]
fn the_user_has_folders_of_their_own_also_behind_links() {
    let env = Env::new();
    let user = |args: &[&str], config: Option<&Path>| {
        let mut command = env.program(&env.kit(), &[args, &["--to", "claude-code:user"]].concat());
        command.envs(config.map(|config| ("CLAUDE_CONFIG_DIR", config)));
        ran(command.output().expect("runs"))
    };
    // The whole folder comes from a dotfile manager.
    let dotfiles = env.dir.path().join("dotfiles");
    fs::create_dir(&dotfiles).expect("a folder");
    symlink(&dotfiles, env.home().join(".claude")).expect("a link");
    fs::write(env.dir.path().join("claude.json"), SERVERS).expect("a file");
    fs::set_permissions(env.dir.path().join("claude.json"), fs::Permissions::from_mode(0o600)).expect("a mode");
    symlink("../claude.json", env.home().join(".claude.json")).expect("a link");
    let own = |tree: Tree| tree.into_iter().filter(|(name, _)| !name.starts_with(".skillmeat")).collect::<Tree>();
    let before = (own(tree(&env.home())), tree(&dotfiles), env.project());
    user(&["deploy", "--all", "--yes"], None).ended(0);
    assert!(dotfiles.join("skills/commit-message/SKILL.md").is_file());
    let servers = fs::read_to_string(env.dir.path().join("claude.json")).expect("a file");
    assert!(servers.contains("filesystem"));
    let mode = fs::metadata(env.dir.path().join("claude.json")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::symlink_metadata(env.home().join(".claude.json")).expect("is there").is_symlink());
    let settings = fs::read_to_string(dotfiles.join("settings.json")).expect("a file");
    assert!(
        settings.contains(&format!("{}/.claude/hooks/format-on-edit/format.sh", env.home().display())),
        "{settings}"
    );
    user(&["drift", "--exit-code"], None).ended(0);
    // Another folder is another place, with a record of its own.
    let other = env.dir.path().join("config dir");
    user(&["deploy", "--all", "--yes"], Some(&other)).ended(0);
    assert!(other.join("skills/commit-message/SKILL.md").is_file() && other.join(".claude.json").is_file());
    append(&other.join("agents/code-reviewer.md"), "edit\n");
    user(&["drift", "--exit-code"], None).ended(0);
    user(&["drift", "--exit-code"], Some(&other)).ended(1);
    user(&["sync", "code-reviewer"], Some(&other)).ended(0);
    user(&["undeploy", "--all"], Some(&other)).ended(0);
    assert!(!other.exists(), "the folder was made for it");
    user(&["undeploy", "--all"], None).ended(0);
    assert_eq!((own(tree(&env.home())), tree(&dotfiles), env.project()), before);
    assert_eq!(fs::read_to_string(env.dir.path().join("claude.json")).expect("a file"), SERVERS);
}

#[test]
fn the_project_is_the_repository_one_stands_in() {
    let env = Env::new();
    ran(env.command("git", &env.project(), &["init", "--quiet"]).output().expect("runs")).ended(0);
    let below = env.at("a/b");
    fs::create_dir_all(&below).expect("a folder");
    let kit = env.kit();
    let collection = ["--collection", kit.to_str().expect("UTF-8")];
    env.run_in(&below, &[&["deploy", "agent/code-reviewer"][..], &collection].concat()).ended(0);
    assert!(env.at(".claude/agents/code-reviewer.md").is_file());
    env.run_in(&below, &[&["drift", "--exit-code"][..], &collection].concat()).ended(0);
    env.about(&["deploy", "nothing"]).ended(2);
    env.about(&["undeploy", "nothing"]).ended(2);
    env.about(&["deploy"]).ended(2);
    env.about(&["deploy", "--all", "--to", "nothing"]).ended(2).says("git skillmeat targets");
}

#[test]
fn two_runs_at_once_come_one_after_the_other() {
    let env = Env::new();
    let project = env.project();
    let project = project.to_str().expect("UTF-8");
    let start = |args: &[&str]| {
        let mut command = env.program(&env.kit(), &[args, &["--project", project]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    };
    let before = tree(&env.project());
    for round in 0..5 {
        let all: Vec<_> = (0..4).map(|_| start(&["deploy", "--all", "--yes"])).collect();
        for child in all {
            ran(child.wait_with_output().expect("ends")).ended(0);
        }
        env.about(&["drift", "--exit-code"]).ended(0);
        // Taking away removes the lock's own folder under the others.
        let all: Vec<_> = (0..4).map(|_| start(&["undeploy", "--all"])).collect();
        for child in all {
            ran(child.wait_with_output().expect("ends")).ended(0);
        }
        assert_eq!(tree(&env.project()), before, "round {round}");
    }
}

#[test]
fn a_killed_run_leaves_the_old_state_or_the_new() {
    let env = Env::new();
    let skill = |index: usize, text: &str| {
        let folder = env.kit().join(format!("skills/many-{index}"));
        fs::create_dir_all(folder.join("references")).expect("a folder");
        fs::write(folder.join("SKILL.md"), format!("---\nname: many-{index}\ndescription: d\n---\n{text}\n"))
            .expect("a file");
        fs::write(folder.join(format!("references/{text}.md")), text).expect("a file");
    };
    (0..30).for_each(|index| skill(index, "old"));
    env.commit("agents/other.md", "---\nname: other\ndescription: d\n---\nold\n");
    env.about(&["deploy", "--all", "--yes"]).ended(0);
    let start = env.dir.path().join("start");
    copy(&env.project(), &start);
    (0..30).for_each(|index| {
        skill(index, "new");
        fs::remove_file(env.kit().join(format!("skills/many-{index}/references/old.md"))).expect("removed");
    });
    replace(&env.kit().join("mcp/filesystem/server.json"), "\"value\": \".\"", "\"value\": \"./docs\"");
    replace(&env.kit().join("hooks/format-on-edit/hooks.json"), "Edit|Write", "Write");
    env.commit("agents/other.md", "---\nname: other\ndescription: d\n---\nnew\n");
    let old = visible(&start);
    let began = Instant::now();
    env.about(&["deploy", "--all", "--yes"]).ended(0);
    let whole = began.elapsed();
    let new = visible(&env.project());
    assert_ne!(old, new);
    let (mut interrupted, mut undone) = (0, 0);
    for round in 0..25_u32 {
        fs::remove_dir_all(env.project()).expect("removed");
        copy(&start, &env.project());
        let project = env.project();
        let args = ["deploy", "--all", "--yes", "--project", project.to_str().expect("UTF-8")];
        let mut command = env.program(&env.kit(), &args);
        if round % 8 == 0 {
            command.env("GIT_CONFIG_VALUE_0", "synced");
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        // Most rounds wait for the journal, which the visible changes come after; the others die anywhere.
        let journal = env.at(".skillmeat/journal.toml");
        let patience = Instant::now();
        while round < 20 && !journal.exists() && patience.elapsed() < whole * 4 {
            std::thread::sleep(Duration::from_micros(50));
        }
        let delay = if round < 20 { Duration::from_micros(u64::from(round) * 700) } else { whole * (round - 20) / 5 };
        std::thread::sleep(delay);
        child.kill().expect("killed or ended");
        child.wait().expect("ends");
        let hit = journal.exists();
        interrupted += u32::from(hit);
        if hit {
            let before = tree(&env.project());
            env.about(&["drift"]).ended(0).says("interrupted");
            assert_eq!(tree(&env.project()), before, "drift only looks");
        }
        let settled = env.about(&["sync", "agent/code-reviewer"]).ended(0);
        assert_eq!(settled.err.contains("interrupted"), hit, "{}", settled.err);
        let now = visible(&env.project());
        let differs = |tree: &Tree| now.iter().filter(|item| tree.get(item.0) != Some(item.1)).count();
        assert!(
            now == old || now == new,
            "round {round}: {} not as before, {} not as after",
            differs(&old),
            differs(&new)
        );
        undone += u32::from(hit && now == old);
        let left: Vec<_> = tree(&env.at(".skillmeat")).into_keys().collect();
        assert_eq!(left, [".gitignore", "deployed.toml", "lock"], "round {round}");
        let exit = if now == old { 1 } else { 0 };
        env.about(&["drift", "--exit-code"]).ended(exit);
    }
    assert!(interrupted > 0 && undone > 0, "no kill hit a run in the middle: {interrupted}, {undone}");
}

/// Hooks in the form of another client do not keep the rest from being deployed, where the user says so.
#[test]
fn what_the_client_cannot_hold_is_left_out_by_wish() {
    let env = crate::env::TestEnv::with_collection();
    env.add_skill("pdf", "text");
    env.write("hooks/flat/hooks.json", "{\"hooks\": {\"preToolUse\": [{\"type\": \"command\", \"bash\": \"true\"}]}}");
    env.git(["add", "-A"]);
    env.git(["commit", "--quiet", "-m", "Of another client"]);
    fs::create_dir(env.root().join("project")).expect("a folder");
    let all = ["deploy", "--all", "--project", "../project", "--yes"];
    let told = env.refused("parse", &all);
    assert!(told.stderr.contains("--skip-unusable"), "{}", told.stderr);
    let done = env.json(&[&all[..], &["--skip-unusable"]].concat());
    assert_eq!(done["plan"]["left_out"][0]["artifact"], "hook/flat");
    assert!(env.root().join("project/.claude/skills/pdf/SKILL.md").exists());
}
