//! The contract of the command line: exit status, what goes where, JSON that follows its schema, help.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use crate::env::{KEY, Mode, Ran, TestEnv, program, skill};

/// Every command, with its subcommand.
const COMMANDS: [&str; 21] = [
    "init",
    "add",
    "list",
    "show",
    "status",
    "remove",
    "history",
    "snapshot",
    "rollback",
    "export",
    "verify",
    "import",
    "convert",
    "key generate",
    "key show",
    "trust add",
    "trust list",
    "trust remove",
    "completions",
    "man",
    "schema",
];

fn validator(env: &TestEnv, name: &str) -> jsonschema::Validator {
    let ran = env.run(["schema", name]).ok();
    let schema = serde_json::from_str(&ran.stdout).expect("a schema is JSON");
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{name}: {error}"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{name}: {error}"))
}

pub fn assert_valid(env: &TestEnv, name: &str, value: &serde_json::Value) {
    let found: Vec<_> = validator(env, name).iter_errors(value).map(|error| error.to_string()).collect();
    assert!(found.is_empty(), "{name}: {found:?}: {value:#}");
}

#[test]
fn every_json_output_follows_its_schema() {
    let env = TestEnv::new();
    let from = env.example_folder("examples");
    let from = from.to_str().expect("UTF-8");
    let pack = env.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8");
    let pages = env.root().join("pages");
    let pages = pages.to_str().expect("UTF-8");
    let project = env.root().join("project");
    std::fs::create_dir_all(project.join(".agents/skills/x")).expect("a folder");
    std::fs::write(project.join(".agents/skills/x/SKILL.md"), crate::env::skill("x", "x")).expect("a file");
    let lock = r#"{"version": 1, "skills": {"x": {"source": "o/r", "sourceType": "github", "ref": "v1"}}}"#;
    std::fs::write(project.join("skills-lock.json"), lock).expect("a file");
    let mut seen = Vec::new();
    for (schema, args) in [
        ("init", &["init", ".", "--name", "mine"][..]),
        ("list", &["list"]),
        ("key-generate", &["key", "generate"]),
        ("key", &["key", "show"]),
        ("trust-add", &["trust", "add", "team@example.invalid", "--key", &KEY.public]),
        ("trust-list", &["trust", "list"]),
        ("trust-remove", &["trust", "remove", "team@example.invalid"]),
        ("add", &["add", from, "--all", "--dry-run"]),
        ("add", &["add", from, "--all", "--yes"]),
        ("add", &["add", from, from, "--all", "--yes"]),
        ("list", &["list"]),
        ("show", &["show", "commit-message"]),
        ("show", &["show", "mcp/filesystem"]),
        ("status", &["status"]),
        ("status", &["status", "--remote"]),
        ("adopt", &["adopt", "../project", "--dry-run"]),
        ("adopt", &["adopt", "../project"]),
        ("snapshot", &["snapshot", "here"]),
        ("history", &["history"]),
        ("export", &["export", "kit", "--version", "1.0.0", "--all", "--output", pack]),
        ("verify", &["verify", pack]),
        ("inspect", &["inspect", pack]),
        ("verify", &["verify", "kit"]),
        ("import", &["import", pack, "--dry-run"]),
        ("import", &["import", pack, "--yes"]),
        ("remove", &["remove", "commit-message", "--dry-run"]),
        ("remove", &["remove", "commit-message"]),
        ("rollback", &["rollback", "here", "--dry-run"]),
        ("rollback", &["rollback", "here"]),
        ("man", &["man", "--install", pages]),
    ] {
        let ran = env.run(["--format", "json"].iter().chain(args)).ok();
        let value = ran.value();
        assert_eq!(value["schema"], format!("skillmeat.{schema}/1"), "{args:?}");
        seen.push((schema, format!("{args:?}"), value));
    }
    let known = env.run(["schema"]).ok();
    let mut missing = Vec::new();
    for (schema, args, value) in seen {
        if !known.stdout.lines().any(|name| name == schema) {
            missing.push(schema);
            continue;
        }
        let found: Vec<_> = validator(&env, schema).iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(found.is_empty(), "{args}: {found:?}: {value:#}");
    }
    assert_eq!(missing, Vec::<&str>::new(), "every output has a schema");
}

#[test]
fn every_schema_is_a_schema() {
    let env = TestEnv::new();
    let names = env.run(["schema"]).ok();
    assert!(names.stdout.lines().count() > 10);
    for name in names.stdout.lines() {
        let _ = validator(&env, name);
    }
    env.refused("name", &["schema", "nothing"]);
}

#[test]
fn errors_follow_their_schema_and_the_exit_status_their_class() {
    let env = TestEnv::with_collection();
    env.write("skills/one/SKILL.md", "mine\n");
    let hooks = r#"{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "true"}]}]}}"#;
    let one = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let hook = env.source("hook", &[("hooks/stop/hooks.json", hooks, Mode::File)]);
    for (status, class, args) in [
        (1, "conflict", &["add", one.text()][..]),
        (1, "net", &["add", "file:///nothing/here.git"]),
        (2, "name", &["show", "nothing"]),
        (2, "usage", &["init", "."]),
        (3, "consent", &["add", hook.text()]),
    ] {
        let ran = env.run(["--format", "json"].iter().chain(args));
        assert_eq!(ran.code, Some(status), "{ran:?}");
        let value = ran.value();
        assert_eq!(value["error"]["class"], class);
        assert_valid(&env, "error", &value);
        env.refused(class, args);
    }
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let env = TestEnv::with_collection();
    for args in [
        &["nonsense"][..],
        &["list", "--nonsense"],
        &["add"],
        &["show"],
        &["remove"],
        &["export", "kit"],
        &["list", "--format", "xml"],
        &["completions", "nonsense"],
        &["history", "-n", "x"],
        &[],
    ] {
        let ran = env.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
        assert!(!ran.stderr.is_empty());
    }
}

#[test]
fn a_wrong_command_line_is_json_when_json_was_asked_for() {
    let env = TestEnv::with_collection();
    let usages = [&["--format", "json", "show"][..], &["show", "--format=json"], &["nonsense", "--format", "json"]];
    for args in usages.into_iter().chain([&["show", "--json"][..]]) {
        let ran = env.run(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        let value = ran.value();
        assert_eq!(value["error"]["class"], "usage", "{args:?}");
        assert_valid(&env, "error", &value);
    }
}

#[test]
fn help_of_every_command_is_complete_and_succeeds() {
    let env = TestEnv::new();
    for command in COMMANDS {
        let words: Vec<_> = command.split(' ').collect();
        for flag in ["-h", "--help"] {
            let ran = env.run(words.iter().chain(&[flag])).ok();
            assert!(ran.stdout.contains("Usage: git skillmeat") && ran.stderr.is_empty(), "{command}: {ran:?}");
            assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100), "{command}: {}", ran.stdout);
            let first = ran.stdout.lines().next().expect("a line");
            assert!(!first.ends_with('.'), "{command}: {first}");
        }
        let ran = env.run(["help"].iter().chain(&words)).ok();
        assert!(ran.stdout.contains("Usage:"), "{ran:?}");
    }
    for command in
        ["init", "add", "show", "rollback", "export", "verify", "import", "convert", "trust add", "completions", "man"]
    {
        let ran = env.run(command.split(' ').chain(["-h"])).ok();
        assert!(ran.stdout.contains("Example"), "{command}: {}", ran.stdout);
        for line in ran.stdout.lines().filter(|line| line.trim_start().starts_with("git skillmeat ")) {
            let words: Vec<_> = line.trim().split(' ').skip(2).take(command.split(' ').count()).collect();
            assert_eq!(words.join(" "), command, "an example of another command");
        }
    }
    let ran = env.run(["-h"]).ok();
    for command in COMMANDS {
        let name = command.split(' ').next().expect("a word");
        assert!(ran.stdout.contains(&format!("  {name} ")), "{name}: {}", ran.stdout);
    }
    let ran = env.run(["--version"]).ok();
    assert_eq!(ran.stdout.trim(), format!("git-skillmeat {}", env!("CARGO_PKG_VERSION")));
}

/// Returns the commands that a page of help names, and that are no help themselves.
fn commands_of(page: &str) -> Vec<String> {
    let lines = page.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // What is deeper goes on with the text of the line before.
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = named.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    names.map(str::to_owned).collect()
}

#[test]
fn every_command_has_an_example() {
    let env = TestEnv::new();
    let mut pending: Vec<Vec<String>> = vec![Vec::new()];
    let (mut missing, mut seen) = (Vec::new(), 0);
    while let Some(command) = pending.pop() {
        let page = env.run(command.iter().map(String::as_str).chain(["--help"])).ok();
        let below = commands_of(&page.stdout);
        // Groups have one too; the first page says where to start.
        if !command.is_empty() {
            seen += 1;
            let example = format!("git skillmeat {}", command.join(" "));
            let after = page.stdout.split("Example").nth(1).unwrap_or_default();
            if !after.contains(&example) {
                missing.push(command.join(" "));
            }
        }
        pending.extend(below.into_iter().map(|name| [command.clone(), vec![name]].concat()));
    }
    assert!(seen > 60, "{seen} commands");
    missing.sort();
    assert_eq!(missing, Vec::<String>::new(), "commands without an example");
}

#[test]
fn output_that_is_no_terminal_has_no_escapes() {
    let env = TestEnv::with_collection();
    env.add_examples();
    for args in
        [&["list"][..], &["show", "code-reviewer"], &["status"], &["history"], &["-h"], &["add", "-h"], &["nonsense"]]
    {
        let ran = env.run(args);
        assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{ran:?}");
    }
}

#[test]
fn colour_is_for_terminals_and_not_with_no_color() {
    let mut env = TestEnv::with_collection();
    env.add_examples();
    let on_terminal = |env: &TestEnv| {
        let mut command = env.command("script");
        command.args(["-qec", &format!("'{}' list", program().display()), "/dev/null"]).env("TERM", "xterm");
        Ran::of(command).ok()
    };
    assert!(on_terminal(&env).stdout.contains('\u{1b}'));
    env.set("NO_COLOR", "1");
    assert!(!on_terminal(&env).stdout.contains('\u{1b}'));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let env = TestEnv::with_collection();
    for index in 0..300 {
        let name = format!("skill-{index}");
        env.write(&format!("skills/{name}/SKILL.md"), skill(&name, "text"));
    }
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "Many"]);
    for args in [&["list"][..], &["--format", "json", "list"], &["completions", "bash"], &["man"]] {
        let mut command = env.program(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let mut first = [0];
        let mut stdout = child.stdout.take().expect("a pipe");
        stdout.read_exact(&mut first).expect("a byte");
        drop(stdout);
        let ran = Ran::from(child.wait_with_output().expect("ends"));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn a_full_standard_output_is_an_error() {
    let env = TestEnv::with_collection();
    env.add_examples();
    let mut command = env.program(["list"]);
    command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full"));
    let ran = Ran::from(command.output().expect("runs"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("cannot write to standard output"), "{ran:?}");
}

#[test]
fn quiet_prints_errors_only() {
    let env = TestEnv::with_collection();
    let ran = env.run(["list", "-q"]).ok();
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    assert!(env.run(["show", "nothing", "-q"]).refused("name").stderr.starts_with("error: "));
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let env = TestEnv::new();
    for shell in ["bash", "zsh", "fish"] {
        let ran = env.run(["completions", shell]).ok();
        assert!(ran.stdout.contains("git-skillmeat") && ran.stdout.len() > 1000, "{shell}");
        let path = env.root().join(shell);
        fs::write(&path, &ran.stdout).expect("a file");
        if shell == "bash" {
            let mut command = env.command("bash");
            command.arg("-n").arg(&path);
            let _ = Ran::of(command).ok();
        }
    }
}

#[test]
fn man_pages_are_installed_for_every_command() {
    let env = TestEnv::new();
    let folder = env.root().join("man");
    env.run(["man", "--install", folder.to_str().expect("UTF-8")]).ok();
    for command in COMMANDS {
        let name = command.split(' ').next().expect("a word");
        let text = fs::read_to_string(folder.join(format!("man1/git-skillmeat-{name}.1"))).expect("a page");
        assert!(text.contains(".TH git-skillmeat"), "{name}");
    }
    let page = fs::read_to_string(folder.join("man1/git-skillmeat.1")).expect("a page");
    assert_eq!(page, env.run(["man"]).ok().stdout);
    env.unchanged(&["man", "--install", folder.to_str().expect("UTF-8")]);
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs groff")]
fn groff_accepts_the_man_pages() {
    let env = TestEnv::new();
    let folder = env.root().join("man");
    env.run(["man", "--install", folder.to_str().expect("UTF-8")]).ok();
    for entry in fs::read_dir(folder.join("man1")).expect("pages") {
        let path = entry.expect("an entry").path();
        let mut command = env.command("groff");
        command.args(["-man", "-Kutf8", "-Tutf8", "-ww", "-z"]).arg(&path);
        let ran = Ran::of(command).ok();
        assert_eq!(ran.stderr, "", "{}", path.display());
    }
}

#[test]
fn git_runs_the_program_and_passes_its_settings_on() {
    let mut env = TestEnv::with_collection();
    env.add_skill("one", "text");
    let bin = program().parent().expect("a folder").display().to_string();
    let path = std::env::var("PATH").expect("PATH");
    env.set("PATH", &format!("{bin}:{path}"));
    assert!(env.git(["skillmeat", "list"]).contains("skill/one"));
    env.git(["-c", "user.name=Someone O'Else", "-c", "user.email=else@example.invalid", "skillmeat", "remove", "one"]);
    assert_eq!(env.git(["log", "-1", "--format=%an <%ae>"]), "Someone O'Else <else@example.invalid>");
    env.assert_sound();
    let mut command = env.command("git");
    command.args(["skillmeat", "show", "nothing"]);
    assert_eq!(Ran::of(command).code, Some(2), "git passes the exit status on");
}

#[test]
fn settings_of_git_c_hold_for_a_collection_named_by_option_too() {
    let mut env = TestEnv::with_collection();
    env.run(["init", "../other"]).ok();
    env.run(["init"]).ok();
    let bin = program().parent().expect("a folder").display().to_string();
    let path = std::env::var("PATH").expect("PATH");
    env.set("PATH", &format!("{bin}:{path}"));
    let one = env.source("one", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let as_else = ["-c", "user.name=Else", "-c", "user.email=else@example.invalid", "skillmeat"];
    env.git(as_else.iter().chain(&["add", one.text(), "--collection", "../other"]));
    assert_eq!(env.git(["-C", "../other", "log", "-1", "--format=%an"]), "Else");
    let mut command = env.command("git");
    command.args(as_else).args(["add", one.text()]).current_dir(env.home());
    let _ = Ran::of(command).ok();
    let default = env.home().join(".skillmeat/collections/default");
    assert_eq!(env.git(["-C", default.to_str().expect("UTF-8"), "log", "-1", "--format=%an"]), "Else");
}

#[test]
fn variables_of_git_are_honoured() {
    let mut env = TestEnv::with_collection();
    env.add_skill("one", "text");
    let mut command = env.program(["--format", "json", "list"]);
    command.current_dir(env.home()).env("GIT_DIR", env.path(".git")).env("GIT_WORK_TREE", env.folder());
    assert_eq!(Ran::of(command).ok().value()["data"]["collection"], "mine");
    env.set("GIT_CONFIG_COUNT", "1");
    env.set("GIT_CONFIG_KEY_0", "user.name");
    env.set("GIT_CONFIG_VALUE_0", "Counted");
    env.run(["remove", "one"]).ok();
    assert_eq!(env.git(["log", "-1", "--format=%an"]), "Counted");
    env.set("GIT_AUTHOR_NAME", "Named");
    env.run(["rollback", "HEAD~1"]).ok();
    assert_eq!(env.git(["log", "-1", "--format=%an %cn"]), "Named Counted");
}

#[test]
fn a_collection_named_by_variable_or_option_is_used() {
    let mut env = TestEnv::with_collection();
    env.run(["init", "../other"]).ok();
    env.set("SKILLMEAT_COLLECTION", "../other");
    assert_eq!(env.json(&["list"])["collection"], "other");
    assert_eq!(env.json(&["list", "--collection", "."])["collection"], "mine");
    env.refused("usage", &["list", "--collection", "nothing"]);
}

#[test]
fn paths_that_are_not_utf8_or_hold_control_characters_do_no_harm() {
    let env = TestEnv::new();
    let strange = env.root().join("st\u{1b}[2Jrange\n");
    fs::create_dir(&strange).expect("a folder");
    let ran = env.run(["init".as_ref(), strange.join("c").as_os_str()]).ok();
    assert!(!ran.stdout.contains('\u{1b}'), "{ran:?}");
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(env.root().as_os_str()).to_vec();
    let path: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec([bytes, b"/\xff\xfe".to_vec()].concat());
    let ran = env.run(["init".as_ref(), path.as_os_str()]);
    assert!(matches!(ran.code, Some(0..=3)) && !ran.stderr.contains("panicked"), "{ran:?}");
    let ran = env.run(["list".as_ref(), "--collection".as_ref(), path.as_os_str()]);
    assert!(matches!(ran.code, Some(0..=3)) && !ran.stderr.contains("panicked"), "{ran:?}");
}

#[test]
fn reading_starts_no_program() {
    let env = TestEnv::with_key();
    env.add_examples();
    let pack = env.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", pack]).ok();
    for args in
        [&["list"][..], &["show", "code-reviewer"], &["status"], &["history"], &["verify", pack], &["verify", "kit"]]
    {
        let mut command = env.program(args);
        // No program can be found.
        command.env("PATH", "/nothing");
        let _ = Ran::of(command).ok();
    }
}

#[test]
fn json_has_a_short_form() {
    let env = TestEnv::with_collection();
    assert_eq!(env.run(["list", "--json"]).ok().stdout, env.run(["--format", "json", "list"]).ok().stdout);
}
