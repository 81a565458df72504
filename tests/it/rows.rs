//! Single rows of `schema/threats.md` and promises of the README that no other file of tests is about.

use std::fs;
use std::time::{Duration, Instant};

use crate::env::{Depth, Git, Mode, Ran, TestEnv, skill};

/// A source of so many skills, reached by an ssh that writes down each call.
fn many(env: &TestEnv, name: &str, count: usize) -> Git {
    let texts: Vec<_> =
        (0..count).map(|number| (format!("skills/s{number}/SKILL.md"), skill(&format!("s{number}"), "x"))).collect();
    let source = env.bare(name);
    let files: Vec<_> = texts.iter().map(|(path, text)| (path.as_str(), text.as_bytes(), Mode::File)).collect();
    source.commit("main", &source.tree_of(&files));
    source.git(&["config", "uploadpack.allowFilter", "true"], b"");
    source
}

fn calls(env: &TestEnv, args: &[&str]) -> usize {
    let log = env.home().join("calls");
    let _ = fs::remove_file(&log);
    env.run(args).ok();
    fs::read_to_string(&log).unwrap_or_default().lines().count()
}

#[test]
fn two_hundred_skills_of_a_repository_are_as_many_fetches_as_two() {
    let counts = [2, 200].map(|count| {
        let env = TestEnv::with_collection();
        env.allow_ssh();
        let script = "#!/bin/sh\nfor last; do :; done\necho \"$last\" >>\"$HOME/calls\"\nexec sh -c \"$last\"\n";
        fs::write(env.home().join("ssh"), script).expect("a file");
        let source = many(&env, "many", count);
        let url = source.ssh_url("");
        let add = calls(&env, &["add", &url, "--all"]);
        let current = calls(&env, &["status", "--remote"]);
        let newer: Vec<_> =
            (0..count).map(|n| (format!("skills/s{n}/SKILL.md"), skill(&format!("s{n}"), "new"))).collect();
        source.commit_files("main", &newer.iter().map(|(path, text)| (&**path, &**text)).collect::<Vec<_>>());
        let update = calls(&env, &["update"]);
        assert_eq!(env.read("skills/s1/SKILL.md"), skill("s1", "new"));
        [add, current, update]
    });
    assert_eq!(counts[0], counts[1], "it does not depend on their number");
    assert!(counts[1][0] <= 3 && counts[1][1] == 1 && counts[1][2] <= 4, "{counts:?}");
}

#[test]
fn looking_writes_nothing_as_json_either() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    env.add_examples();
    let source = many(&env, "many", 2);
    env.write("skills/commit-message/SKILL.md", "edited\n");
    // A source that is far has to be fetched to be looked at, into a store that is no part of the collection.
    env.run(["add", &source.ssh_url(""), "--all", "--dry-run"]).ok();
    for args in [
        &["list"][..],
        &["show", "commit-message"],
        &["status"],
        &["status", "--remote"],
        &["search", "commit"],
        &["duplicates"],
        &["diff"],
        &["history"],
        &["validate"],
        &["update", "--dry-run"],
        &["remove", "dependency-review", "--dry-run"],
        &["add", &source.ssh_url(""), "--all", "--dry-run"],
    ] {
        let before = env.snapshot(Depth::Objects);
        let ran = env.run([&["--json"], args].concat());
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{args:?}: {ran:?}");
        let _ = ran.value();
        before.assert_same(&env.snapshot(Depth::Objects), &format!("{args:?} writes nothing"));
    }
}

#[test]
fn what_a_link_of_a_source_leads_to_is_nowhere() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    fs::write(env.root().join("secret"), "canary-77").expect("a file");
    let secret = env.root().join("secret").display().to_string();
    for (number, target) in [secret.as_str(), "../../../secret", "../../../../secret"].iter().enumerate() {
        let git = env.bare(&format!("link{number}"));
        let text = skill("one", "x");
        let files = [
            ("skills/one/SKILL.md", text.as_bytes(), Mode::File),
            ("skills/one/more.md", target.as_bytes(), Mode::Link),
        ];
        git.commit("main", &git.tree_of(&files));
        let plain = env.root().join(format!("plain{number}/skills/one"));
        fs::create_dir_all(&plain).expect("a folder");
        fs::write(plain.join("SKILL.md"), &text).expect("a file");
        std::os::unix::fs::symlink(target, plain.join("more.md")).expect("a link");
        let plain = env.root().join(format!("plain{number}")).display().to_string();
        for source in [git.text(), &git.ssh_url(""), &plain] {
            assert_ne!(env.run(["add", source, "--all", "--yes"]).code, Some(0), "{source}");
        }
    }
    let mut grep = env.command("grep");
    grep.args(["-rl", "canary-77"]).arg(env.root());
    assert_eq!(Ran::of(grep).stdout.trim(), secret);
}

/// Row 75: a bare repository inside the collection, with settings that would run something.
#[test]
fn row_75_a_repository_inside_the_collection_is_not_believed() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    let bare = env.bare("inner");
    let marker = env.root().join("ran");
    let run = format!("touch {}", marker.display());
    for key in ["core.fsmonitor", "core.sshCommand", "diff.external", "core.pager"] {
        bare.git(&["config", key, &run], b"");
    }
    bare.commit_files("main", &[("collection.toml", "format = 1\nname = \"inner\"\n")]);
    let inside = env.path("skills/one/inner");
    let mut copy = env.command("cp");
    copy.arg("-r").arg(bare.folder()).arg(&inside);
    let _ = Ran::of(copy).ok();
    for args in [&["list"][..], &["status"], &["validate"], &["history"]] {
        let mut command = env.program(args);
        command.current_dir(&inside);
        let ran = Ran::of(command);
        assert!(!ran.stdout.contains("inner\n"), "{ran:?}");
        assert!(!marker.exists(), "{args:?} ran something");
    }
    env.run(["status"]).ok();
    assert!(!marker.exists());
}

/// Returns what `bundle.toml` of a pack says of the licences: of the whole, and of its only artifact.
fn licenses(env: &TestEnv, pack: &str) -> [Option<String>; 2] {
    let read = env.command("unzip").args(["-p", pack, "bundle.toml"]).output().expect("unzip");
    let manifest: toml::Table = String::from_utf8(read.stdout).expect("text").parse().expect("TOML");
    let artifact = manifest["artifacts"][0].as_table().expect("a table");
    [&manifest, artifact].map(|table| table.get("license").and_then(|value| value.as_str()).map(str::to_owned))
}

/// Row 92: whatever stands for a licence in an artifact. What is no SPDX expression is taken for none, so that a release asserts
/// nothing; as the licence of a release it is refused. What the text of a licence says is looked at nowhere: it comes along as it is.
#[test]
fn row_92_licences_of_any_form_do_no_harm() {
    let good = ["MIT", "(MIT)", "LicenseRef-x", "Apache-2.0 WITH LLVM-exception"];
    let bad = ["mit", "NONE", "", "Nonsense AND", "AND", "see LICENSE", "MIT WITH", "MIT OR (Apache-2.0"];
    let with = |text: &str| skill("one", "x").replacen("license: MIT", &format!("license: \"{text}\""), 1);
    let export = ["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit"];
    for text in good.iter().chain(&bad) {
        let env = TestEnv::with_key();
        let (content, gpl) = (with(text), "GNU GENERAL PUBLIC LICENSE\nVersion 3\n");
        let files = [("skills/one/SKILL.md", &*content, Mode::File), ("skills/one/LICENSE", gpl, Mode::File)];
        let source = env.source("one", &files);
        env.run(["add", source.text(), "--all"]).ok();
        env.run(["validate"]).ok();
        let known = good.contains(text).then_some(*text);
        if known.is_none() {
            env.refused("policy", &[&export[..], &["--license", text]].concat());
        }
        env.run(export).ok();
        let expected = [Some(known.unwrap_or("NOASSERTION")), known];
        assert_eq!(licenses(&env, "../kit"), expected.map(|text| text.map(str::to_owned)), "{text}");
        let read = env.command("unzip").args(["-p", "../kit", "skills/one/LICENSE"]).output().expect("unzip");
        assert_eq!(read.stdout, gpl.as_bytes());
    }
    // One that is an expression, and too long for a manifest.
    let deep = format!("{}MIT{}", "(".repeat(10_000), ")".repeat(10_000));
    let env = TestEnv::with_key();
    let source = env.source("one", &[("skills/one/SKILL.md", &with(&deep), Mode::File)]);
    let started = Instant::now();
    env.run(["add", source.text(), "--all"]).ok();
    env.run(["validate"]).ok();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    env.refused("policy", &export);
    env.refused("policy", &[&export[..], &["--license", &deep]].concat());
}

/// Row 88: TOML that is none, in both files.
#[test]
fn row_88_toml_that_is_none_is_a_parse_error() {
    let env = TestEnv::with_collection();
    for file in ["collection.toml", "collection.lock"] {
        let good = env.read(file);
        for bad in [
            "x.a = 1\nx.a = 2\n",
            "x = 99999999999999999999\n",
            "x = 2026-13-40\n",
            &format!("x = {}\n", "[".repeat(100_000)),
        ] {
            env.write(file, format!("{bad}{good}"));
            env.git(["commit", "--quiet", "-am", "Broken"]);
            let told = env.refused("parse", &["list"]);
            assert!(told.stderr.contains(file), "{}", told.stderr);
        }
        env.write(file, good);
        env.git(["commit", "--quiet", "-am", "Good"]);
    }
    env.run(["list"]).ok();
}

/// Row 72: attributes that would change bytes, in the artifact itself.
#[test]
fn row_72_attributes_in_an_artifact_change_no_byte() {
    let env = TestEnv::with_key();
    let marker = env.root().join("ran");
    let run = format!("touch {}; cat", marker.display());
    env.config("filter.run.clean", &run);
    env.config("filter.run.smudge", &run);
    let text = skill("one", "$Id$\r\nx\r\n");
    let attributes = "* text eol=crlf ident filter=run working-tree-encoding=UTF-16 export-subst export-ignore\n";
    let files = [("skills/one/SKILL.md", &*text, Mode::File), ("skills/one/.gitattributes", attributes, Mode::File)];
    let source = env.source("one", &files);
    env.run(["add", source.text(), "--all"]).ok();
    assert_eq!(env.read("skills/one/SKILL.md"), text);
    assert_eq!(env.git(["rev-parse", "HEAD:skills/one"]), source.git(&["rev-parse", "main:skills/one"], b""));
    assert_eq!(env.json(&["status"])["artifacts"][0]["local"], "unchanged");
    let pack = env.root().join("kit.skillmeat-pack").display().to_string();
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", &pack]).ok();
    env.run(["verify", &pack]).ok();
    assert!(!marker.exists(), "a filter ran");
}

/// Row 83: what a server says beside a fetch that succeeds.
#[test]
fn row_83_a_server_that_talks_steers_no_terminal() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = many(&env, "many", 1);
    let hook = env.home().join("talk");
    fs::write(&hook, "#!/bin/sh\nprintf '\\033]52;c;AAAA\\007\\033[2J' >&2\nexec \"$@\"\n").expect("a file");
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    env.config("uploadpack.packObjectsHook", hook.to_str().expect("UTF-8"));
    let ran = env.run(["add", &source.ssh_url(""), "--all"]).ok();
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{ran:?}");
}

#[test]
fn a_folder_that_was_never_ours_is_not_removed() {
    let env = TestEnv::with_collection();
    env.write("skills/mine/notes.md", "mine");
    env.refused("name", &["remove", "mine"]);
    let project = env.root().join("project/.claude/skills/pdf");
    fs::create_dir_all(&project).expect("a folder");
    fs::write(project.join("SKILL.md"), "mine").expect("a file");
    env.add_skill("pdf", "text");
    env.refused("name", &["undeploy", "pdf", "--project", "../project"]);
    assert_eq!(fs::read_to_string(project.join("SKILL.md")).expect("a file"), "mine");
}

/// Rows 89 and 90: what nobody sees. It is told with its place, and what can carry a message is not published.
#[test]
fn row_89_and_90_characters_that_nobody_sees() {
    let env = TestEnv::with_key();
    let texts = [
        ("tag", "a\u{e0041}b", Some("SKILL.md:6: U+E0041 in column 2"), true),
        ("bidi", "x\u{202e}y", Some("SKILL.md:6: U+202E in column 2"), true),
        ("isolate", "x\u{2066}y", Some("SKILL.md:6: U+2066 in column 2"), true),
        ("selector", "xy\u{e0150}", Some("SKILL.md:6: U+E0150 in column 3"), true),
        ("zero-width", "a\u{200b}b", Some("SKILL.md:6: U+200B in column 2"), false),
        ("soft-hyphen", "a\u{ad}b", Some("SKILL.md:6: U+00AD in column 2"), false),
        ("filler", "a\u{3164}b", Some("SKILL.md:6: U+3164 in column 2"), false),
        ("vowel", "a\u{180e}b", Some("SKILL.md:6: U+180E in column 2"), false),
        ("mark", "a\u{feff}b", Some("SKILL.md:6: U+FEFF in column 2"), false),
        ("family", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{2764}\u{fe0f}", None, false),
        ("flag", "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}", None, false),
    ];
    for (name, text, found, is_error) in texts {
        env.add_skill(name, text);
        let ran = env.run(["validate", name]);
        assert_eq!(ran.code, Some(if is_error { 3 } else { 0 }), "{name}: {ran:?}");
        match found {
            Some(place) => assert!(ran.stdout.contains(place), "{name}: {}", ran.stdout),
            None => assert!(!ran.stdout.contains("U+"), "{name}: {}", ran.stdout),
        }
        // What is shown of it is its number, never itself.
        assert!(
            !ran.stdout.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..))
        );
        let output = format!("../{name}.pack");
        let export = ["export", name, "--version", "1.0.0", "--artifact", name, "--output", &output];
        if is_error {
            env.refused("policy", &export);
        } else {
            env.run(export).ok();
        }
    }
    // What is said of the bundle comes to agents as well, in the files that are made of it.
    for (text, place) in [("a\u{e0041}b", "U+E0041"), ("a\u{202e}b", "U+202E"), ("a\u{e0150}b", "U+E0150")] {
        let export = ["export", "said", "--version", "1.0.0", "--artifact", "family", "--description", text];
        let told = env.refused("policy", &export);
        assert!(told.stderr.contains(&format!("'description' has {place} in line 1, column 2")), "{}", told.stderr);
    }
}

/// Row 87: JSON that two programs may read differently is read by none.
#[test]
fn row_87_json_that_is_none_is_not_taken() {
    let env = TestEnv::with_collection();
    let with =
        |inner: &str, after: &str| format!(r#"{{"mcpServers": {{"files": {{"command": "npx"{inner}}}}}}}{after}"#);
    let texts = [
        with(&format!(r#", "x": {}1{}"#, "[".repeat(100_000), "]".repeat(100_000)), ""),
        with(r#", "command": "other""#, ""),
        with(r#", "env": {"A": "\ud800"}"#, ""),
        with(r#", "x": 1e999"#, ""),
        with("", " x"),
        with(",", ""),
        with(r#", "x": 01"#, ""),
        with(r#", "x": NaN"#, ""),
        with(", 'x': 1", ""),
        with("", "\u{0}"),
        r#"{"mcpServers": {"a": {"command": "x"}, "a": {"command": "y"}}}"#.to_owned(),
        String::new(),
    ];
    for text in texts {
        env.write("../source/.mcp.json", &text);
        let refused = env.refused("name", &["add", "../source", "--all", "--yes"]);
        assert!(
            refused.stderr.contains("this is not JSON that every program reads alike"),
            "{:.80}: {}",
            text,
            refused.stderr
        );
    }
    env.write("../source/.mcp.json", with("", "\n"));
    env.run(["add", "../source", "--all", "--yes"]).ok();
}
