//! Packs of the Python SkillMeat: recognised, imported as what they are, converted, and never believed.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::assert_valid;
use crate::env::{Depth, Ran, TestEnv, skill};

const FORMATS: [&str; 3] = ["manifest-json", "bundle-toml", "manifest-toml"];

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn put(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, content).expect("a file");
}

/// What the predecessor's user had: a skill of two files, an agent, a command, a hook, a server, and what we have no kind for.
fn things(env: &TestEnv) -> PathBuf {
    let folder = env.root().join("things");
    put(&folder, "skill/notes/SKILL.md", &skill("notes", "Take notes."));
    put(&folder, "skill/notes/reference/Größe.md", "Largest first.\n");
    put(&folder, "agent/reviewer/reviewer.md", "---\nname: reviewer\ndescription: Reviews code.\n---\nReview.\n");
    put(&folder, "command/tidy/tidy.md", "---\ndescription: Tidies up.\n---\nTidy.\n");
    put(
        &folder,
        "hook/format/hooks.json",
        "{\"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"true\"}]}]}}\n",
    );
    put(
        &folder,
        "mcp/files/.mcp.json",
        "{\"mcpServers\": {\"files\": {\"command\": \"npx\", \"args\": [\"-y\", \"files@1.0.0\"]}}}\n",
    );
    put(&folder, "workflow/ship/WORKFLOW.yaml", "stages: []\n");
    put(&folder, "project_config/claude/CLAUDE.md", "Rules.\n");
    folder
}

/// Makes an old pack of a folder.
fn old_pack(env: &TestEnv, format: &str, folder: &Path, options: &[&str]) -> PathBuf {
    // The name says nothing: what it is, stands in it.
    let out = env.root().join(format!("{format}.skillmeat-pack"));
    let judge = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/old_packs.py");
    let mut command = env.command("python3");
    command.arg(judge).arg(format).arg(folder).arg(&out).args(options);
    let _ = Ran::of(command).ok();
    out
}

fn small(env: &TestEnv, format: &str) -> PathBuf {
    let folder = env.root().join("small");
    put(&folder, "skill/notes/SKILL.md", &skill("notes", "Take notes."));
    old_pack(env, format, &folder, &[])
}

fn steps(data: &Value) -> Vec<String> {
    let artifacts = data["plan"]["artifacts"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    artifacts.iter().map(|one| format!("{} {}", text(&one["step"]), text(&one["artifact"]))).collect()
}

fn left(data: &Value) -> Vec<String> {
    let left = data["plan"]["pack"]["left"].as_array().expect("a list");
    left.iter()
        .map(|one| format!("{} {}", one["id"].as_str().expect("text"), one["name"].as_str().expect("text")))
        .collect()
}

#[test]
fn verify_tells_what_an_old_pack_is_and_never_verifies_it() {
    let env = TestEnv::with_key();
    let folder = things(&env);
    for (format, level) in [
        ("manifest-json", "level 1: intact, author unknown"),
        ("bundle-toml", "level 0: unverified"),
        ("manifest-toml", "level 1: intact"),
    ] {
        let pack = old_pack(&env, format, &folder, &["signer=Somebody\u{1b}[31m"]);
        let told = env.refused("untrusted", &["verify", text(&pack)]).stderr.clone();
        let manifest = format.replace('-', ".");
        for part in [
            &*format!("('{manifest}'), unsigned: who made it is not known"),
            level,
            "skill/notes (2 files",
            "workflow/ship",
        ] {
            assert!(told.contains(part), "{format}: '{part}' is not in {told}");
        }
        assert!(told.contains("--dry-run`") && told.contains("git skillmeat convert"), "{told}");
        let is_claimed = format == "manifest-json";
        assert_eq!(
            told.contains("a signature that names 'Somebody") && told.contains("not believed"),
            is_claimed,
            "{told}"
        );
    }
    // No command takes it for a release.
    let pack = small(&env, "manifest-json");
    env.refused("untrusted", &["verify", text(&pack)]);
    let named = env.path("kit--v1.0.0");
    fs::copy(&pack, &named).expect("a copy");
    env.refused("untrusted", &["verify", "kit--v1.0.0"]);
}

#[test]
fn an_import_shows_everything_and_needs_consent_to_exactly_that() {
    for format in FORMATS {
        let env = TestEnv::with_collection();
        let pack = old_pack(&env, format, &things(&env), &[]);
        let pack = text(&pack);
        let shown = env.unchanged(&["import", pack, "--dry-run", "--diff"]).stdout.clone();
        for part in [
            "Unsigned",
            "Would add skill/notes, 2 files",
            "+Largest first.",
            "can run: hook/format",
            "can run: mcp/files",
            "workflow/ship: a collection has no kind 'workflow'",
        ] {
            assert!(shown.contains(part), "{format}: '{part}' is not in {shown}");
        }
        let plan = env.json(&["import", pack, "--dry-run"]);
        let digest = plan["plan"]["digest"].as_str().expect("a digest").to_owned();
        for args in [&["import", pack][..], &["import", pack, "--yes"], &["import", pack, "--allow-unsigned"]] {
            let told = env.refused("consent", args);
            assert!(told.stderr.contains(&format!("--accept {digest}")), "{told:?}");
        }
        env.refused("hash", &["import", pack, "--accept", &format!("sha256:{}", "0".repeat(64))]);
        env.refused("usage", &["import", pack, "--yes", "--allow-unsigned", "--existing", "merge"]);
        let ran = env.run(["--json", "import", pack, "--accept", &digest]).ok();
        assert_valid(&env, "import", &ran.value());
        let done = ran.value()["data"].clone();
        let expected =
            ["add agent/reviewer", "add command/tidy", "add hook/format", "add mcp/files", "add skill/notes"];
        assert_eq!(steps(&done), expected, "{format}");
        for name in ["kind workflow/ship", "kind project_config/claude"] {
            assert!(left(&done).iter().any(|one| one == name), "{format}: {name} is not in {:?}", left(&done));
        }
        assert_eq!(left(&done).iter().any(|one| one == "no-member bom.json"), format == "manifest-toml");
        env.assert_sound();
        assert_eq!(env.read("skills/notes/reference/Größe.md"), "Largest first.\n");
        assert!(env.read("mcp/files/server.json").contains("files"), "the form of a collection");
        check_records(&env, &done);
        let head = env.head();
        let again = env.json(&["import", pack, "--yes", "--allow-unsigned"]);
        assert!(again["commit"].is_null() && steps(&again).iter().all(|step| step.starts_with("same ")), "{again}");
        assert_eq!(env.head(), head, "importing twice is importing once");
        deploy(&env);
    }
}

/// What is recorded says where it came from, and names no bundle and no release.
fn check_records(env: &TestEnv, done: &Value) {
    let pack = done["plan"]["pack"]["pack"].as_str().expect("a digest");
    let manifest: toml::Table = env.read("collection.toml").parse().expect("TOML");
    let lock: toml::Table = env.read("collection.lock").parse().expect("TOML");
    for artifact in ["skill/notes", "mcp/files"] {
        let entry = manifest["artifacts"][artifact].as_table().expect("a table");
        assert_eq!(entry.keys().collect::<Vec<_>>(), ["pack"], "{entry}");
        assert_eq!(entry["pack"].as_str(), Some(pack));
        let locked: Vec<_> = lock["artifacts"][artifact].as_table().expect("a table").keys().collect();
        assert!(!locked.iter().any(|key| ["release", "tag", "commit"].contains(&key.as_str())), "{locked:?}");
    }
    let message = env.git(["log", "-1", "--format=%B"]);
    assert!(message.starts_with("Import 5 artifacts from an unsigned pack") && message.contains(pack), "{message}");
    let listed = env.json(&["list"]);
    let notes = listed["artifacts"].as_array().expect("a list").iter().find(|one| one["artifact"] == "skill/notes");
    assert_eq!(notes.expect("listed")["upstream"], format!("unsigned pack {pack}"));
    assert_eq!(env.git(["tag", "--list"]), "");
    env.json(&["status"]);
}

fn deploy(env: &TestEnv) {
    let project = env.root().join("project");
    fs::create_dir_all(&project).expect("a folder");
    let mut command = env.program(["deploy", "skill/notes", "--to", "claude-code:project", "--yes"]);
    command.env("SKILLMEAT_COLLECTION", env.folder()).current_dir(&project);
    let _ = Ran::of(command).ok();
    assert!(project.join(".claude/skills/notes/reference/Größe.md").is_file());
}

#[test]
fn what_is_here_already_is_refused_kept_or_replaced() {
    let env = TestEnv::with_collection();
    env.add_skill("notes", "Other notes.");
    let pack = small(&env, "bundle-toml");
    let import = |existing| ["import", text(&pack), "--yes", "--allow-unsigned", "--existing", existing];
    let told = env.refused("conflict", &import("refuse")).stderr.clone();
    assert!(told.contains("--existing replace") && !told.contains("merge"), "{told}");
    let kept = env.json(&import("skip"));
    assert!(kept["commit"].is_null() && steps(&kept) == ["skip skill/notes"], "{kept}");
    assert!(env.read("skills/notes/SKILL.md").contains("Other notes."));
    assert_eq!(steps(&env.json(&import("replace"))), ["replace skill/notes"]);
    assert!(env.read("skills/notes/SKILL.md").contains("Take notes."));
    let manifest: toml::Table = env.read("collection.toml").parse().expect("TOML");
    assert_eq!(manifest["artifacts"]["skill/notes"].as_table().expect("a table").keys().collect::<Vec<_>>(), ["pack"]);
    env.assert_sound();
    env.run(["undo"]).ok();
    assert!(env.read("skills/notes/SKILL.md").contains("Other notes."));
}

#[test]
fn an_old_pack_becomes_a_signed_one() {
    for format in FORMATS {
        let env = TestEnv::with_key();
        let old = old_pack(&env, format, &things(&env), &[]);
        let (before, head) = (env.snapshot(Depth::Objects), env.head());
        let new = env.root().join("new.skillmeat-pack");
        // Without a collection as well.
        let mut command = env.program(["--json", "convert", text(&old), "kit", "--version", "1.0.0", "-o", text(&new)]);
        command.current_dir(env.root());
        let ran = Ran::of(command).ok().value();
        assert_valid(&env, "convert", &ran);
        let made = ran["data"].clone();
        assert_eq!(made["new"]["release"], "kit--v1.0.0");
        assert_eq!(made["new"]["artifacts"].as_array().expect("a list").len(), 5, "{format}");
        assert!(made["old"]["left"].to_string().contains("workflow/ship"), "{made}");
        let bytes = fs::read(&new).expect("a pack");
        fs::remove_file(&new).expect("a pack");
        before.assert_same(&env.snapshot(Depth::Objects), "only the pack is new");
        fs::write(&new, bytes).expect("a pack");
        let verified = env.json(&["verify", text(&new)]);
        assert_eq!((&verified["level"], &verified["principal"]), (&2.into(), &"tester@example.invalid".into()));
        assert_eq!(verified["digest"], made["new"]["digest"]);
        let said = made["old"]["pack"].as_str().expect("a digest");
        assert!(verified["description"].as_str().expect("text").contains(said), "{verified}");
        let mut unzip = env.command("unzip");
        unzip.args(["-tqq"]).arg(&new);
        assert_eq!(Ran::of(unzip).ok().stdout, "");
        let reader = TestEnv::with_key();
        reader.json(&["import", text(&new), "--accept", made["new"]["digest"].as_str().expect("a digest")]);
        assert_eq!(reader.git(["verify-tag", "--format=%(tag)", "kit--v1.0.0"]), "kit--v1.0.0");
        assert_eq!(reader.read("skills/notes/reference/Größe.md"), "Largest first.\n");
        reader.assert_sound();
        assert_eq!(env.head(), head);
        env.refused("usage", &["convert", text(&new), "kit", "--version", "1.0.1"]);
    }
}

/// Row 89 in what nobody signed: agreeing to that is not agreeing to what nobody sees.
#[test]
fn row_89_an_old_pack_with_a_hidden_message_is_refused() {
    let folder_of = |env: &TestEnv| {
        let folder = env.root().join("hidden");
        put(&folder, "skill/notes/SKILL.md", &skill("notes", "a\u{e0041}b"));
        folder
    };
    for format in FORMATS {
        let env = TestEnv::with_key();
        let pack = old_pack(&env, format, &folder_of(&env), &[]);
        let import = ["import", text(&pack), "--yes", "--allow-unsigned"];
        let told = env.refused_leaving("policy", &import, Depth::Objects);
        assert!(told.stderr.contains("skill/notes: 'SKILL.md' line 6: U+E0041 in column 2"), "{}", told.stderr);
        assert!(env.json(&["import", text(&pack), "--dry-run"])["would_refuse"].is_string());
        env.refused("policy", &["convert", text(&pack), "kit", "--version", "1.0.0"]);
        env.run([&import[..], &["--allow-hidden"]].concat()).ok();
        assert!(env.git(["log", "-1", "--format=%B"]).contains("With text that nobody sees: skill/notes"));
        env.unchanged(&import);
    }
}

#[test]
fn what_an_export_refuses_a_conversion_refuses() {
    let env = TestEnv::with_key();
    let folder = env.root().join("secret");
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    put(&folder, "skill/notes/SKILL.md", &skill("notes", &format!("Use {token}.")));
    let old = old_pack(&env, "manifest-json", &folder, &[]);
    let told = env.refused("secret", &["convert", text(&old), "kit", "--version", "1.0.0"]).stderr.clone();
    assert!(!told.contains(&token), "{told}");
    let id = told.split('[').nth(1).and_then(|rest| rest.split(']').next()).expect("an id").to_owned();
    assert!(!env.path("kit-1.0.0.skillmeat-pack").exists());
    env.json(&["convert", text(&old), "kit", "--version", "1.0.0", "--allow", &id]);
    assert!(env.path("kit-1.0.0.skillmeat-pack").is_file());
    env.refused("usage", &["convert", text(&old), "kit", "--version", "1.0.0", "--allow", &id, "-o", text(&old)]);
    env.refused("name", &["convert", text(&old), "Kit!", "--version", "1.0.0"]);
    env.refused("name", &["convert", "../missing.skillmeat-pack", "kit", "--version", "1.0.0"]);
    let unsigned = TestEnv::with_collection();
    let small = small(&unsigned, "bundle-toml");
    let told = unsigned.refused("usage", &["convert", text(&small), "kit", "--version", "1.0.0"]).stderr.clone();
    assert!(told.contains("key generate"), "{told}");
}

#[test]
fn files_that_no_digest_covers_stay_behind() {
    let env = TestEnv::with_collection();
    let folder = env.root().join("covered");
    put(&folder, "skill/notes/SKILL.md", &skill("notes", "Take notes."));
    put(&folder, "skill/notes/.env", "KEY=1\n");
    let pack = old_pack(&env, "manifest-json", &folder, &["unlisted=.env"]);
    let done = env.json(&["import", text(&pack), "--yes", "--allow-unsigned"]);
    assert_eq!(left(&done), ["unlisted artifacts/skill/notes/.env"]);
    assert!(!env.path("skills/notes/.env").exists());
    assert_eq!(done["plan"]["pack"]["level"], 1);
}

#[test]
fn an_agent_that_was_packed_as_one_file_is_taken() {
    let env = TestEnv::with_collection();
    let folder = env.root().join("single-files");
    put(&folder, "agent/reviewer.md", "---\nname: reviewer\ndescription: Reviews code.\n---\nReview.\n");
    put(&folder, "command/Tidy_Up.md", "---\ndescription: Tidies up.\n---\nTidy.\n");
    for format in FORMATS {
        let pack = old_pack(&env, format, &folder, &["single=1"]);
        let plan = env.json(&["import", text(&pack), "--dry-run"]);
        assert_eq!(steps(&plan), ["add agent/reviewer", "add command/tidy-up"], "{format}");
        assert_eq!(plan["plan"]["renamed"], serde_json::json!([["command/tidy-up", "command/Tidy_Up"]]));
    }
}

#[test]
fn the_parts_of_a_composite_are_taken_and_the_composite_stays() {
    let env = TestEnv::with_collection();
    let folder = env.root().join("parts");
    put(&folder, "skill/notes/SKILL.md", &skill("notes", "Take notes."));
    put(&folder, "agent/reviewer.md", "---\nname: reviewer\ndescription: Reviews code.\n---\nReview.\n");
    put(&folder, "mcp_server/files/mcp.json", "{\"mcpServers\": {\"files\": {\"command\": \"files\"}}}\n");
    let pack = old_pack(&env, "manifest-json", &folder, &["composite=1", "single=1"]);
    let done = env.json(&["import", text(&pack), "--yes", "--allow-unsigned"]);
    assert_eq!(steps(&done), ["add agent/reviewer", "add mcp/files", "add skill/notes"]);
    assert_eq!(left(&done), ["no-member composite.json"]);
    assert_eq!(done["plan"]["pack"]["level"], 1);
    env.assert_sound();
}

/// Writes a ZIP with Python: names and contents, as given.
fn zip_of(env: &TestEnv, entries: &[(&str, &str)]) -> PathBuf {
    let out = env.root().join("hostile.skillmeat-pack");
    let script = "import json, sys, zipfile, warnings\nwarnings.simplefilter('ignore')\n\
        z = zipfile.ZipFile(sys.argv[1], 'w', compression=zipfile.ZIP_DEFLATED)\n\
        for name, text in json.load(open(sys.argv[2])):\n  \
        text = chr(0) * (4 << 20) if text == 'zeros' else text\n  \
        info = zipfile.ZipInfo(name); info.compress_type = zipfile.ZIP_DEFLATED\n  \
        info.external_attr = (0o120777 << 16) if text.startswith('link:') else 0\n  z.writestr(info, text)\nz.close()";
    let mut command = env.command("python3");
    let list = env.root().join("entries.json");
    fs::write(&list, serde_json::to_string(entries).expect("JSON")).expect("a file");
    command.args(["-c", script]).arg(&out).arg(&list);
    let _ = Ran::of(command).ok();
    out
}

#[test]
fn the_words_of_an_old_pack_show_nothing_unseen() {
    let env = TestEnv::with_key();
    let unseen = "\u{3164}\u{34f}\u{fe00}\u{e0149}";
    let manifest = format!(
        "[bundle]\nname = \"n{unseen}\"\nauthor = \"a{unseen}\"\nversion = \"1{unseen}\"\n\
         [[artifacts]]\nname = \"notes\"\ntype = \"skill\"\npath = \"skills/notes\"\n"
    );
    let file = skill("notes", "text");
    let pack = zip_of(&env, &[("bundle.toml", &manifest), ("skills/notes/SKILL.md", &file)]);
    for args in [&["inspect", text(&pack)][..], &["inspect", text(&pack), "--format", "json"]] {
        let ran = env.run(args);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.stdout.contains("3164") && !ran.stdout.contains(|c| unseen.contains(c)), "{ran:?}");
        assert!(!ran.stdout.contains("refuse"), "{ran:?}");
    }
    env.config("skillmeat.policy", "team");
    let ran = env.run(["inspect", text(&pack)]);
    assert!(ran.code == Some(3) && ran.stdout.contains("an import would be refused: "), "{ran:?}");
    let told = env.run(["import", text(&pack), "--dry-run"]).ok();
    assert!(told.stdout.contains("an import would be refused: "), "{told:?}");
    let why = env.json(&["import", text(&pack), "--dry-run"])["would_refuse"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains("'team'")), "{why}");
    env.refused("policy", &["import", text(&pack), "--yes", "--allow-unsigned"]);
}

#[test]
fn hostile_old_packs_are_refused_and_nothing_is_written() {
    let env = TestEnv::with_key();
    let head = "[bundle]\nname = \"n\"\n";
    let notes = format!("{head}[[artifacts]]\nname = \"notes\"\ntype = \"skill\"\npath = \"skills/notes\"\n");
    let manifest = ("bundle.toml", notes.as_str());
    let skill = skill("notes", "text");
    let file = ("skills/notes/SKILL.md", skill.as_str());
    let twice = format!("{head}name = \"m\"\n");
    let outside = notes.replace("skills/notes", "../notes");
    let json = "{\"version\": \"1.0\", \"name\": \"n\", \"artifacts\": [], \"artifacts\": []}";
    let deep = format!("{{\"artifacts\": {}", "[".repeat(100_000));
    for (class, entries) in [
        ("path", &[manifest, file, ("../../outside", "x")][..]),
        ("path", &[manifest, file, ("/outside", "x")]),
        ("path", &[manifest, file, ("skills/notes/link", "link:/etc/passwd")]),
        ("path", &[manifest, file, ("skills/NOTES/x", "x")]),
        ("pack", &[manifest, file, file]),
        ("limit", &[manifest, file, ("skills/notes/zeros", "zeros")]),
        ("parse", &[("bundle.toml", "[bundle"), file]),
        ("parse", &[("bundle.toml", twice.as_str()), file]),
        ("pack", &[("bundle.toml", outside.as_str()), file]),
        ("parse", &[("manifest.json", json), file]),
        ("parse", &[("manifest.json", deep.as_str()), file]),
        ("pack", &[("manifest.json", "{\"artifacts\": []}"), manifest, file]),
        // Neither the one nor the other.
        ("pack", &[("manifest.json", "{\"name\": \"an extension\"}"), file]),
        ("pack", &[file]),
    ] {
        let pack = zip_of(&env, entries);
        for args in [
            &["verify", text(&pack)][..],
            &["import", text(&pack), "--yes", "--allow-unsigned"],
            &["convert", text(&pack), "kit", "--version", "1.0.0"],
        ] {
            env.refused(class, args);
        }
        assert!(
            !env.root().join("outside").exists() && !env.root().parent().expect("a folder").join("outside").exists()
        );
    }
    let pack = zip_of(&env, &[("bundle.toml", head), file]);
    env.refused("policy", &["import", text(&pack), "--yes", "--allow-unsigned"]);
}

#[test]
fn an_old_pack_that_was_changed_does_not_match_its_digests() {
    let env = TestEnv::with_key();
    let folder = things(&env);
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nout = zipfile.ZipFile(sys.argv[2], 'w')\n\
        for i in z.infolist(): out.writestr(i, z.read(i).replace(sys.argv[3].encode(), sys.argv[4].encode()))\nout.close()";
    let changed = env.root().join("changed.skillmeat-pack");
    let pack = old_pack(&env, "manifest-json", &folder, &[]);
    for (from, to) in
        [("Take notes.", "Take money."), ("someone@example.org", "another@example.org"), ("stages: []", "stages: {}")]
    {
        let mut command = env.command("python3");
        command.args(["-c", script]).args([&pack, &changed]).args([from, to]);
        let _ = Ran::of(command).ok();
        for args in [&["verify", text(&changed)][..], &["import", text(&changed), "--yes", "--allow-unsigned"]] {
            env.refused("hash", args);
        }
    }
    let pack = old_pack(&env, "manifest-toml", &folder, &[]);
    let script = "import gzip, sys\nd = gzip.open(sys.argv[1]).read().replace(b'Take notes.', b'Take money.')\n\
        open(sys.argv[2], 'wb').write(gzip.compress(d))";
    let mut command = env.command("python3");
    command.args(["-c", script]).args([&pack, &changed]);
    let _ = Ran::of(command).ok();
    env.refused("hash", &["verify", text(&changed)]);
    let bytes = fs::read(&pack).expect("a pack");
    fs::write(&changed, &bytes[..bytes.len() - 9]).expect("a file");
    env.refused("pack", &["import", text(&changed), "--yes", "--allow-unsigned"]);
}

/// A pack of today whose signature was taken out is none of the old ones.
#[test]
fn a_pack_of_today_goes_its_own_way_only() {
    let env = TestEnv::with_key();
    env.add_skill("notes", "text");
    let pack = env.root().join("kit.skillmeat-pack");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", text(&pack)]).ok();
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nout = zipfile.ZipFile(sys.argv[2], 'w')\n\
        for i in z.infolist():\n  if not i.filename.startswith(sys.argv[3]): out.writestr(i, z.read(i))\n\
        if sys.argv[4:]: out.writestr(*sys.argv[4:])\nout.close()";
    let other = env.root().join("other.skillmeat-pack");
    for rest in [&[".skillmeat/tag"][..], &[".skillmeat/"], &["none", "manifest.json", "{\"artifacts\": []}"]] {
        let mut command = env.command("python3");
        command.args(["-c", script]).args([&pack, &other]).args(rest);
        let _ = Ran::of(command).ok();
        env.refused("pack", &["verify", text(&other)]);
        env.refused("pack", &["import", text(&other), "--yes", "--allow-unsigned"]);
    }
    let mut bytes = fs::read(&pack).expect("a pack");
    bytes[40] ^= 1;
    fs::write(&other, bytes).expect("a file");
    assert!(!env.run(["import", text(&other), "--yes", "--allow-unsigned"]).stderr.contains("Python"));
    assert_eq!(env.json(&["verify", text(&pack)])["level"], 2);
}
