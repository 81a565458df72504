//! What is shown before anyone agrees fits on a screen, of a small release and of a large one, and says what it leaves out.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::env::{Ran, TestEnv, skill};
use crate::ledger::{ada, address, export, reader, user};

/// A terminal, and the narrowest place that is written for where there is none.
const LINES: usize = 24;
const COLUMNS: usize = 100;

/// Someone with 45 artifacts: 20 skills, each with a program and a character that nobody sees, 10 agents, 5 commands, 5 hooks
/// and 5 servers.
fn many(name: &str) -> TestEnv {
    let env = user(name);
    let from = env.root().join("many");
    let write = |below: String, text: String| {
        let path = from.join(below);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    };
    for number in 0..20 {
        let name = format!("skill-with-a-long-name-{number}");
        write(format!("skills/{name}/SKILL.md"), skill(&name, "text\u{200b}"));
        let program = write(format!("skills/{name}/run.sh"), "#!/bin/sh\ntrue\n".to_owned());
        fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    }
    for number in 0..10 {
        let text = format!("---\nname: agent-{number}\ndescription: Judges.\ntools: Read, Bash\n---\ntext\n");
        write(format!("agents/agent-{number}.md"), text);
    }
    for number in 0..5 {
        write(format!("commands/command-{number}.md"), "---\ndescription: Does it.\n---\ntext\n".to_owned());
        let long = "and-more-".repeat(20);
        let command = json!({"type": "command", "command": format!("sh run-{number}.sh {long}")});
        let hooks = json!({"hooks": {"Stop": [{"hooks": [command]}]}});
        write(format!("hooks/hook-{number}/hooks.json"), format!("{hooks:#}\n"));
        let package = json!({"registryType": "npm", "identifier": "files", "version": "1.0.0", "runtimeHint": "npx",
            "transport": {"type": "stdio"}});
        let server = json!({"name": format!("io.example/server-{number}"), "description": "Files.", "version": "1.0.0",
            "packages": [package]});
        write(format!("mcp/server-{number}/server.json"), format!("{server:#}\n"));
    }
    env.run(["add", from.to_str().expect("UTF-8"), "--all", "--yes"]).ok();
    export(&env, "large", "1.0.0");
    env
}

fn pack_of(env: &TestEnv, name: &str) -> String {
    env.root().join(name).to_str().expect("UTF-8").to_owned()
}

fn fits(what: &str, text: &str) {
    assert!(text.lines().count() <= LINES, "{what}: {} lines\n{text}", text.lines().count());
    for line in text.lines() {
        assert!(line.chars().count() <= COLUMNS, "{what}: {} columns: {line}\n{text}", line.chars().count());
    }
}

fn has(what: &str, text: &str, wanted: &[&str]) {
    for one in wanted {
        assert!(text.contains(one), "{what}: '{one}' in\n{text}");
    }
}

/// The level and who signed it are above everything else.
fn starts_with_level_and_signer(text: &str) {
    let at =
        |word: &str| text.lines().position(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{word}: {text}"));
    assert_eq!(at("  level      "), 1, "{text}");
    assert!(at("  signed by  ") <= 3, "{text}");
}

#[test]
fn a_small_release_is_told_on_one_screen() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let ran = reader.unchanged(&["inspect", "team:kit", "--offline"]);
    fits("inspect", &ran.stdout);
    starts_with_level_and_signer(&ran.stdout);
    has(
        "inspect",
        &ran.stdout,
        &[
            "  level      3: released as entry 1 of the ledger of 'team'; no fresh checkpoint",
            "ada@example.invalid with key SHA256:",
            "  published  2",
            "Would add 1 agent, 2 commands, 1 hook, 1 MCP server, 2 skills",
            r#"  can run    hook/format-on-edit at PostToolUse (Edit|Write): ["sh \"${CLAUDE_PLUGIN_ROOT}/"#,
            r#"  can run    mcp/filesystem at server: ["npx","#,
            "  executable skills/commit-message/scripts/check-message.sh",
        ],
    );
    let pack = pack_of(&ada, "kit-1.0.0.skillmeat-pack");
    let ran = reader.unchanged(&["verify", &pack]);
    fits("verify", &ran.stdout);
    starts_with_level_and_signer(&ran.stdout);
    // Who has no collection is told what it holds all the same.
    let bare = TestEnv::new();
    bare.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    bare.run(["vault", "pull", "team"]).ok();
    let ran = bare.unchanged(&["inspect", &pack]);
    fits("inspect without a collection", &ran.stdout);
    has(
        "inspect without a collection",
        &ran.stdout,
        &["can run    hook/format-on-edit at PostToolUse", "  executable "],
    );
    let told = bare.json(&["inspect", &pack]);
    assert_eq!(
        (&told["plan"], told["powers"].as_array().map(Vec::len)),
        (&serde_json::Value::Null, Some(7)),
        "{told:#}"
    );
    // Nobody whom this user believes.
    let stranger = TestEnv::with_collection();
    let ran = stranger.run(["inspect", &pack]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    fits("inspect of what is not believed", &ran.stdout);
    has("inspect of what is not believed", &ran.stdout, &["`git skillmeat trust add NAME --key KEY`"]);
}

#[test]
fn a_large_release_is_told_on_one_screen_too() {
    let author = many("ada");
    let pack = pack_of(&author, "large-1.0.0.skillmeat-pack");
    let reader = TestEnv::with_collection();
    reader.run(["trust", "add", "ada@example.invalid", "--key", &crate::ledger::public(&author)]).ok();
    let shown = |args: &[&str]| reader.unchanged(args).stdout.clone();
    for args in [&["inspect", &pack][..], &["verify", &pack], &["import", &pack, "--dry-run"]] {
        let text = shown(args);
        fits(args[0], &text);
        starts_with_level_and_signer(&text);
        has(args[0], &text, &["2: signed by a key you trust; no vault vouches for it"]);
    }
    for args in [&["inspect", &pack][..], &["import", &pack, "--dry-run"]] {
        let text = shown(args);
        has(
            args[0],
            &text,
            &[
                "Would add 10 agents, 5 commands, 5 hooks, 5 MCP servers, 20 skills",
                "  can run    hook/hook-0 at Stop: [",
            ],
        );
        // Hooks, servers, programs and what agents may do: 5, 5, 20 and 10; what is not shown is counted.
        let starts = ["  can run    ", "  executable ", "  may do     "];
        let told = text.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).count();
        has(args[0], &text, &[&format!("and {} more that can run or may do something", 40 - told)]);
        let found = text.lines().filter(|line| line.starts_with("  Warning ")).count();
        has(args[0], &text, &["SKILL.md:", &format!("and {} more findings", 20 - found)]);
        assert!(found > 0 && told > 4, "{text}");
    }
    let cut = shown(&["inspect", &pack]);
    assert!(
        cut.lines().any(|line| line.contains("hook/hook-0 at Stop") && line.ends_with(')') && line.contains("… (+")),
        "{cut}"
    );
    // Who is asked to agree is shown every file.
    let asked = reader.run(["import", &pack]);
    assert_eq!(asked.code, Some(3), "{asked:?}");
    has(
        "the question",
        &asked.stderr,
        &["hook/hook-4", "mcp/server-4", "skills/skill-with-a-long-name-19/run.sh", &"and-more-".repeat(20)],
    );
    // Everything, for who asks for it.
    let all = shown(&["inspect", &pack, "--all"]);
    has("--all", &all, &["hook/hook-4 at Stop", "mcp/server-4 at server", "skills/skill-with-a-long-name-19/run.sh"]);
    assert_eq!(all.matches("  Warning ").count(), 20, "{all}");
    assert!(!all.contains(" more "), "{all}");
    let told = reader.json(&["inspect", &pack]);
    let findings = told["findings"].as_array().expect("a list");
    let named = |one: &&serde_json::Value| one["severity"] == "warning" && one["path"] == "SKILL.md";
    assert_eq!(findings.iter().filter(named).count(), 20, "{told:#}");
    assert_eq!(findings[0]["artifact"].as_str().map(|name| name.starts_with("skill/")), Some(true), "{findings:?}");
    assert_eq!(told["powers"].as_array().expect("a list").len(), 40, "{told:#}");
}

/// A terminal may be narrower than a hundred columns: `script` is one that is as wide as it is told.
#[test]
fn lines_are_as_wide_as_the_terminal() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let wide = |columns: usize| {
        let line =
            format!("stty cols {columns} rows 24; '{}' inspect team:kit --offline", crate::env::program().display());
        let mut command = reader.command("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("NO_COLOR", "1");
        command.env("SHELL", Path::new("/bin/sh"));
        let text = Ran::of(command).ok().stdout.replace('\r', "");
        assert!(text.contains("Verified kit--v1.0.0"), "{text}");
        text.lines().filter(|line| !line.starts_with("  tree ")).map(|line| line.chars().count()).max().expect("lines")
    };
    assert!(wide(80) <= 80 && wide(140) > 100, "{} and {}", wide(80), wide(140));
}
