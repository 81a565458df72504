//! Bundles that are followed in a vault: newer releases come by `update`, checked as an import checks them.

use serde_json::{Value, json};

use crate::env::{Depth, Ran, STRANGER, TestEnv, skill};
use crate::import::{KINDS, commit, commit_all, main_file};

/// A user with the vault `team` at `../vault.git`, whose ledger has a name.
fn author() -> (TestEnv, String) {
    let env = TestEnv::with_key();
    let made = env.json(&["vault", "init", "../vault.git"]);
    let id = made["ledger"].as_str().expect("an id").to_owned();
    env.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    (env, id)
}

fn publish(author: &TestEnv, version: &str) {
    let pack = format!("../kit-{version}.skillmeat-pack");
    author.run(["export", "kit", "--version", version, "--all", "--output", &pack]).ok();
    author.run(["vault", "push", "team", &format!("kit@{version}")]).ok();
}

/// Another user, who has compared the vault's ledger.
fn reader((author, id): &(TestEnv, String)) -> TestEnv {
    let env = TestEnv::with_collection();
    let vault = author.root().join("vault.git");
    env.run(["vault", "add", "team", vault.to_str().expect("a path"), "--ledger", id]).ok();
    env
}

/// Returns a publisher of one release, and a collection with the same vault.
fn published() -> (TestEnv, TestEnv) {
    let both = author();
    commit_all(&both.0, "first", "last");
    publish(&both.0, "1.0.0");
    let reader = reader(&both);
    (both.0, reader)
}

/// Returns the states of all artifacts.
fn states(reader: &TestEnv) -> Vec<String> {
    let states = reader.upstreams(&[]).into_iter().map(|item| item["upstream"]["state"].clone());
    states.map(|state| state.as_str().unwrap_or("none").to_owned()).collect()
}

/// Runs `update --yes`, which must end with this status.
fn update(reader: &TestEnv, code: i32) -> Value {
    let ran = reader.run(["--format", "json", "update", "--yes"]);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    ran.value()["data"].clone()
}

#[test]
fn a_newer_release_is_seen_and_merged_with_what_was_edited() {
    let (author, reader) = published();
    reader.run(["import", "team:kit", "--link", "--yes"]).ok();
    let entry = reader.json(&["show", "skill/pdf"]);
    assert_eq!((&entry["vault"], &entry["bundle"], &entry["ref"]), (&json!("team"), &json!("kit"), &json!("*")));
    assert_eq!(states(&reader), ["current"; 5]);
    assert_eq!(reader.json(&["status"])["artifacts"][0]["upstream"]["state"], "not-checked");
    let head = reader.head();
    assert_eq!(update(&reader, 0)["bundles"][0]["commit"], Value::Null);
    assert_eq!(reader.head(), head);

    commit_all(&author, "newer", "last");
    publish(&author, "1.1.0");
    commit(&reader, &[("skill/pdf", "first", "mine")]);
    let refs = reader.refs();
    let seen = reader.upstreams(&["--quiet"]);
    assert_eq!(seen[4]["upstream"], json!({"state": "new-release", "from": "kit--v1.0.0", "to": "kit--v1.1.0"}));
    let text = reader.run(["status", "--remote"]).ok();
    assert!(text.stdout.contains("behind: 'kit--v1.0.0' is here, 'kit--v1.1.0' in the vault"), "{}", text.stdout);
    let shown = reader.json(&["update", "--dry-run"]);
    assert_eq!(shown["bundles"][0]["plan"]["artifacts"][4]["step"], "merge", "{shown}");
    // Hooks and servers are not taken without consent.
    reader.run(["update"]).refused("consent");
    assert_eq!(reader.refs(), refs, "looking and refusing change nothing");
    let done = update(&reader, 0);
    assert_eq!(done["bundles"][0]["plan"]["release"], "kit--v1.1.0");
    assert_eq!(reader.head(), done["bundles"][0]["commit"].as_str().expect("a commit"));
    for (artifact, path) in KINDS {
        let last = if artifact == "skill/pdf" { "mine" } else { "last" };
        assert_eq!(reader.read(path), main_file(artifact, "newer", last), "{artifact}");
    }
    reader.assert_sound();
    assert_eq!(states(&reader), ["current"; 5]);
    // Both sides have changed the same: it waits, and is followed after it was decided.
    commit_all(&author, "newer", "theirs");
    publish(&author, "1.2.0");
    assert_eq!(update(&reader, 1)["bundles"][0]["plan"]["artifacts"][4]["step"], "conflict");
    reader.run(["resolve", "skill/pdf", "--theirs"]).ok();
    assert_eq!(reader.json(&["show", "skill/pdf"])["ref"], "*");
    assert_eq!(states(&reader), ["current"; 5]);
    // Without the network nothing is called current.
    let ran = reader.run(["--offline", "--format", "json", "status", "--remote"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.value()["data"]["artifacts"][0]["upstream"]["state"], "cannot-check");
    reader.run(["vault", "remove", "team"]).ok();
    assert_eq!(states(&reader), ["cannot-check"; 5]);
    assert_eq!(reader.run(["update"]).code, Some(1));
}

#[test]
fn a_range_of_versions_is_kept_to() {
    let both = author();
    let author = &both.0;
    for version in ["1.0.0", "1.1.0", "2.0.0", "1.2.0-rc.1"] {
        commit(author, &[("skill/pdf", version, "last")]);
        publish(author, version);
    }
    let reader = reader(&both);
    let shown = reader.json(&["import", "team:kit@^1.0", "--dry-run"]);
    assert_eq!(shown["plan"]["release"], "kit--v1.1.0");
    reader.run(["import", "team:kit@^1.0", "--link", "--yes"]).ok();
    assert_eq!(reader.json(&["show", "skill/pdf"])["ref"], "^1.0");
    assert_eq!(states(&reader), ["current"]);
    commit(author, &[("skill/pdf", "1.3.0", "last")]);
    publish(author, "1.3.0");
    assert_eq!(update(&reader, 0)["bundles"][0]["plan"]["release"], "kit--v1.3.0");
    // One that was imported by its version is followed later, and in another range.
    let other = self::reader(&both);
    other.run(["import", "team:kit@1.0.0", "--yes"]).ok();
    assert_eq!(states(&other), ["none"]);
    other.run(["import", "team:kit@=1.0.0", "--link", "--yes"]).ok();
    assert_eq!(other.json(&["show", "skill/pdf"])["ref"], "=1.0.0");
    assert_eq!(states(&other), ["current"]);
    other.run(["import", "team:kit", "--link", "--yes"]).ok();
    let shown = other.json(&["show", "skill/pdf"]);
    assert_eq!((&shown["ref"], &shown["release"]), (&json!("*"), &json!("kit--v2.0.0")));
    // What cannot be followed is said.
    let told = other.refused("usage", &["import", "team:kit@1.0.0", "--link"]);
    assert!(told.stderr.contains("@^1.2"), "{}", told.stderr);
    let pack = author.root().join("kit-1.0.0.skillmeat-pack");
    let told = other.refused("usage", &["import", pack.to_str().expect("UTF-8"), "--link"]);
    assert!(told.stderr.contains("VAULT:BUNDLE --link"), "{}", told.stderr);
    other.run(["import", "team:kit@^9", "--yes"]).refused("name");
    other.run(["import", "team:kit@^", "--yes"]).refused("name");
    // A pack of it says nothing of what is followed.
    reader.run(["import", author.root().join("kit-2.0.0.skillmeat-pack").to_str().expect("UTF-8"), "--yes"]).ok();
    assert_eq!(reader.json(&["show", "skill/pdf"])["ref"], "^1.0");
    assert_eq!(states(&reader), ["current"], "what is here is newer than the range");
    // Nor does taking it from another vault say to follow that one.
    let vault = author.root().join("vault.git");
    reader.run(["vault", "add", "other", vault.to_str().expect("a path"), "--ledger", &both.1]).ok();
    commit(author, &[("skill/pdf", "2.1.0", "last")]);
    publish(author, "2.1.0");
    reader.run(["import", "other:kit", "--yes"]).ok();
    let shown = reader.json(&["show", "skill/pdf"]);
    assert_eq!((&shown["vault"], &shown["ref"]), (&json!("other"), &Value::Null));
    assert_eq!(states(&reader), ["none"]);
}

#[test]
fn what_is_ours_stays_and_what_was_removed_does_not_come_back() {
    let (author, reader) = published();
    commit(&reader, &[("agent/judge", "own", "own")]);
    reader.run(["import", "team:kit", "--link", "--existing", "skip", "--yes"]).ok();
    reader.run(["remove", "mcp/files"]).ok();
    author.run(["remove", "command/git/note"]).ok();
    author.write("skills/fresh/SKILL.md", skill("fresh", "new"));
    commit(
        &author,
        &[("agent/judge", "newer", "last"), ("skill/pdf", "newer", "last"), ("mcp/files", "newer", "last")],
    );
    publish(&author, "1.1.0");
    for code in [1, 1] {
        // Where the command went to is for a person to say.
        let done = update(&reader, code);
        let gone = &done["bundles"][0]["artifacts"][0];
        assert_eq!((&gone["artifact"], &gone["upstream"]["state"]), (&json!("command/git/note"), &json!("gone")));
    }
    assert_eq!(reader.read("agents/judge.md"), main_file("agent/judge", "own", "own"));
    assert!(!reader.path("mcp/files").exists() && reader.path("skills/fresh/SKILL.md").exists());
    assert!(reader.path("commands/git/note.md").exists());
    assert_eq!(reader.read("skills/pdf/SKILL.md"), main_file("skill/pdf", "newer", "last"));
    assert_eq!(reader.json(&["show", "skill/fresh"])["ref"], "*");
    reader.assert_sound();
}

#[test]
fn what_was_taken_back_or_is_not_believed_is_not_taken() {
    let both = author();
    let author = &both.0;
    for version in ["1.0.0", "1.1.0"] {
        commit(author, &[("skill/pdf", version, "last")]);
        publish(author, version);
    }
    let reader = reader(&both);
    reader.run(["import", "team:kit", "--link", "--yes"]).ok();
    author.run(["vault", "yank", "team", "kit@1.1.0", "--reason", "breaks\u{1b}[2J"]).ok();
    let head = reader.head();
    let seen = reader.upstreams(&[]);
    assert_eq!(seen[0]["upstream"]["state"], "taken-back", "{seen:?}");
    let told = reader.run(["update"]);
    assert_eq!(told.code, Some(1));
    assert!(told.stdout.contains("taken back") && !told.stdout.contains('\u{1b}'), "{}", told.stdout);
    assert_eq!(reader.head(), head, "an older one is not taken instead");
    // A newer one that was taken back is as if it were not there.
    commit(author, &[("skill/pdf", "1.2.0", "last")]);
    publish(author, "1.2.0");
    update(&reader, 0);
    commit(author, &[("skill/pdf", "1.3.0", "last")]);
    publish(author, "1.3.0");
    author.run(["vault", "yank", "team", "kit@1.3.0", "--reason", "breaks"]).ok();
    assert_eq!(states(&reader), ["current"]);
    // One that somebody has pushed past the ledger.
    let head = reader.head();
    let thief = TestEnv::with_key();
    thief.use_key(&STRANGER);
    thief.allow(&[("tester@example.invalid", &STRANGER)]);
    commit(&thief, &[("skill/pdf", "evil", "evil")]);
    thief.run(["export", "kit", "--version", "1.4.0", "--all", "--output", "../kit.skillmeat-pack"]).ok();
    let vault = author.root().join("vault.git");
    let _: Ran = Ran::of({
        let mut command = thief.command("git");
        command.args(["push", "--quiet"]).arg(vault).arg("refs/tags/kit--v1.4.0");
        command
    });
    // Nobody published it, so it is neither newer nor in the way.
    assert_eq!(states(&reader), ["current"]);
    update(&reader, 0);
    assert_eq!(reader.head(), head);
}

/// Row 89 in a vault that one follows: what its people allow for themselves is not allowed for those who follow them.
#[test]
fn row_89_a_newer_release_with_a_hidden_message_is_not_taken_unasked() {
    let (author, reader) = published();
    reader.run(["import", "team:kit", "--link", "--yes"]).ok();
    commit(&author, &[("skill/pdf", "a\u{202e}b", "last")]);
    author.refused("policy", &["export", "kit", "--version", "1.1.0", "--all", "--output", "../kit.pack"]);
    let export = ["export", "kit", "--version", "1.1.0", "--all", "--allow", "text.hidden-unicode"];
    author.run([&export[..], &["--output", "../kit.pack"]].concat()).ok();
    author.run(["vault", "push", "team", "kit@1.1.0"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    let told = reader.refused_leaving("policy", &["import", "team:kit", "--yes", "--offline"], Depth::Objects);
    assert!(told.stderr.contains("U+202E in column 2") && told.stderr.contains("--allow-hidden"), "{}", told.stderr);
    let before = reader.snapshot(Depth::Refs);
    for args in [&["update", "--yes"][..], &["update", "--dry-run"], &["update"]] {
        let ran = reader.run(args);
        assert!(ran.code == Some(1) && ran.stdout.contains("not taken: it holds text that nobody sees"), "{ran:?}");
        before.assert_same(&reader.snapshot(Depth::Refs), "nothing of it is taken");
    }
    reader.run(["import", "team:kit", "--yes", "--allow-hidden"]).ok();
    assert_eq!(states(&reader), ["current"; 5]);
    // What is there already is not asked about again, and what is new is.
    author.write("skills/pdf/more.md", "more\n");
    commit(&author, &[("command/git/note", "newer", "last")]);
    let export = ["export", "kit", "--version", "1.2.0", "--all", "--allow", "text.hidden-unicode"];
    author.run([&export[..], &["--output", "../kit.pack"]].concat()).ok();
    author.run(["vault", "push", "team", "kit@1.2.0"]).ok();
    assert_eq!(reader.json(&["import", "team:kit", "--dry-run"])["would_refuse"], Value::Null);
    assert_eq!(reader.run(["update", "--dry-run"]).code, Some(0));
    update(&reader, 0);
    assert_eq!(states(&reader), ["current"; 5]);
}
