//! The ledger of a vault: who may publish, what a reader believes, and what a server cannot do unnoticed.

use crate::env::{Depth, Key, Ran, TestEnv, examples};

/// A user with the mail address and key of their own.
pub fn user(name: &str) -> TestEnv {
    let env = TestEnv::with_collection();
    let mail = format!("{name}@example.invalid");
    env.config("user.email", &mail);
    let key = Key::generate("");
    env.use_key(&key);
    env.allow(&[(&mail, &key)]);
    env
}

/// Ada, with all kinds of artifact, the release `kit` 1.0.0, and the vault `team`, whose ledger she has compared.
pub fn ada() -> (TestEnv, String) {
    let ada = user("ada");
    ada.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    export(&ada, "kit", "1.0.0");
    let made = ada.json(&["vault", "init", "../vault.git"]);
    let id = made["ledger"].as_str().expect("an id").to_owned();
    ada.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    ada.run(["vault", "push", "team", "kit"]).ok();
    (ada, id)
}

pub fn export(env: &TestEnv, bundle: &str, version: &str) {
    let pack = format!("../{bundle}-{version}.skillmeat-pack");
    env.run(["export", bundle, "--version", version, "--all", "--output", &pack]).ok();
}

pub fn address(owner: &TestEnv) -> String {
    owner.root().join("vault.git").to_str().expect("a path").to_owned()
}

/// Someone who has never heard of Ada's key.
pub fn reader(ada: &TestEnv, how: &[&str]) -> TestEnv {
    let reader = TestEnv::with_collection();
    reader.run([&["vault", "add", "team", &address(ada)], how].concat()).ok();
    reader.run(["vault", "pull", "team"]).ok();
    reader
}

pub fn public(env: &TestEnv) -> String {
    env.json(&["key", "show"])["public"].as_str().expect("a key").to_owned()
}

/// Lets a user be one who has seen no ledger yet, as on another machine: only the refs in their stores are left.
pub fn forget_seen(env: &TestEnv) {
    std::fs::remove_dir_all(env.home().join(".skillmeat/seen")).expect("removes");
}

pub fn vault_git(ada: &TestEnv, args: &[&str]) -> String {
    let mut command = ada.command("git");
    command.arg("-C").arg(ada.root().join("vault.git")).args(args);
    Ran::of(command).ok().stdout.trim().to_owned()
}

pub fn head(ada: &TestEnv) -> String {
    vault_git(ada, &["rev-parse", "skillmeat-ledger"])
}

#[test]
fn a_ledger_is_worth_what_the_user_knows_of_it() {
    let (ada, id) = ada();
    // Nobody said that it is the right one: only the user's own list counts, and it is empty.
    let stranger = reader(&ada, &[]);
    stranger.refused("untrusted", &["import", "team:kit", "--offline", "--yes"]);
    // Taken on first use.
    let first = reader(&ada, &["--first-use"]);
    let shown = first.json(&["import", "team:kit", "--offline", "--dry-run"]);
    assert_eq!(shown["principal"], "ada@example.invalid");
    assert!(first.run(["import", "team:kit", "--offline", "--yes"]).ok().stdout.contains("level 2"), "level 2");
    // Compared.
    let sure = reader(&ada, &["--ledger", &id]);
    let listed = sure.json(&["vault", "ls", "team"]);
    assert_eq!((&listed[0]["standing"], &listed[0]["level"]), (&"signed".into(), &3.into()));
    sure.run(["import", "team:kit", "--offline", "--yes"]).ok();
    sure.assert_sound();
    assert!(sure.git(["log", "-1", "--format=%B"]).contains("level 3"));
    // A pack that came another way is worth as much, because the ledger lists it.
    let pack = ada.root().join("kit-1.0.0.skillmeat-pack");
    let report = sure.json(&["verify", pack.to_str().expect("a path")]);
    assert_eq!((&report["level"], &report["vault"], &report["number"]), (&3.into(), &"team".into(), &1.into()));
    // Another id than the one that was told.
    let other = id.replace(&id[10..14], if &id[10..14] == "0000" { "1111" } else { "0000" });
    let wrong = TestEnv::with_collection();
    wrong.refused("untrusted", &["vault", "add", "team", &address(&ada), "--ledger", &other]);
    assert_eq!(wrong.json(&["vault", "list"]), serde_json::json!([]));
    stranger.refused("untrusted", &["vault", "pin", "team", "--ledger", &other]);
    stranger.run(["vault", "pin", "team", "--ledger", &id]).ok();
    stranger.run(["import", "team:kit", "--offline", "--yes"]).ok();
}

/// The outside judges: git checks every commit and tag with the files that the ledger itself carries.
#[test]
fn plain_git_agrees_with_the_ledger() {
    let (ada, _) = ada();
    ada.run(["vault", "checkpoint", "team"]).ok();
    vault_git(&ada, &["fsck", "--strict", "--no-dangling"]);
    let clone = ada.root().join("clone");
    ada.git(["clone", "--quiet", &address(&ada), clone.to_str().expect("a path")]);
    let clone = clone.to_str().expect("a path");
    let file = |name: &str| ada.git(["-C", clone, "show", &format!("origin/skillmeat-ledger:trust/{name}")]);
    ada.write("../signers", format!("{}\n", file("allowed_signers")));
    ada.write("../revoked", file("revoked_keys"));
    let root = ada.root().to_str().expect("a path").to_owned();
    let judge = |args: &[&str]| {
        let settings = [
            "-C".to_owned(),
            clone.to_owned(),
            "-c".to_owned(),
            format!("gpg.ssh.allowedSignersFile={root}/signers"),
            "-c".to_owned(),
            format!("gpg.ssh.revocationFile={root}/revoked"),
        ];
        ada.git(settings.into_iter().chain(args.iter().map(|arg| (*arg).to_owned())))
    };
    assert_eq!(judge(&["verify-tag", "--format=%(tag)", "kit--v1.0.0"]), "kit--v1.0.0");
    let entries = judge(&["rev-list", "origin/skillmeat-ledger"]);
    assert_eq!(entries.lines().count(), 3);
    for entry in entries.lines() {
        judge(&["verify-commit", entry]);
    }
    // And ssh-keygen the root file.
    let signature = judge(&["ls-tree", "--name-only", "origin/skillmeat-ledger", "trust/"]);
    let signature = signature.lines().find(|path| path.ends_with(".sig")).expect("a signature");
    ada.write("../root.sig", format!("{}\n", judge(&["show", &format!("origin/skillmeat-ledger:{signature}")])));
    let text = format!("{}\n", file("root.toml"));
    let mut command = ada.command("ssh-keygen");
    command.args(["-Y", "verify", "-n", "skillmeat-root@v1", "-I", "ada@example.invalid"]);
    command.arg("-f").arg(format!("{root}/signers")).arg("-s").arg(format!("{root}/root.sig"));
    ada.write("../root.toml", &text);
    command.stdin(std::fs::File::open(ada.root().join("root.toml")).expect("opens"));
    Ran::of(command).ok();
}

#[test]
fn roles_say_who_publishes_what() {
    let (ada, id) = ada();
    let bob = user("bob");
    bob.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    export(&bob, "pdf-kit", "1.0.0");
    export(&bob, "other", "1.0.0");
    let before = (head(&ada), vault_git(&ada, &["for-each-ref"]));
    let told = bob.refused_leaving("untrusted", &["vault", "push", "team", "pdf-kit"], Depth::Fetched);
    assert!(told.stderr.contains("role grant"), "{}", told.stderr);
    assert_eq!(before, (head(&ada), vault_git(&ada, &["for-each-ref"])), "nothing was pushed");
    // Only who holds a root key gives roles.
    let key = public(&bob);
    let grant =
        ["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "pdf-*", "--key", &key];
    bob.refused("untrusted", &grant);
    ada.run(grant).ok();
    bob.run(["vault", "push", "team", "pdf-kit"]).ok();
    bob.refused("untrusted", &["vault", "push", "team", "other"]);
    let carol = reader(&ada, &["--ledger", &id]);
    carol.run(["import", "team:pdf-kit", "--offline", "--yes"]).ok();
    // What was published while the role was there stays good when it is gone.
    ada.run(["vault", "role", "revoke", "team", "bob@example.invalid"]).ok();
    export(&bob, "pdf-kit", "1.1.0");
    bob.run(["vault", "pull", "team"]).ok();
    bob.refused("untrusted", &["vault", "push", "team", "pdf-kit"]);
    let dora = reader(&ada, &["--ledger", &id]);
    dora.run(["import", "team:pdf-kit", "--offline", "--yes"]).ok();
    assert!(!dora.json(&["vault", "show", "team"])["roles"].to_string().contains("bob"));
    // A tag that was pushed past the ledger is fetched by nobody, and believed by nobody who has it.
    bob.git(["push", "--quiet", &address(&ada), "pdf-kit--v1.1.0"]);
    dora.run(["vault", "pull", "team"]).ok();
    dora.refused("name", &["import", "team:pdf-kit@1.1.0", "--offline", "--yes"]);
    let store = dora.home().join(".skillmeat/vaults/team.git");
    let tag = "refs/tags/pdf-kit--v1.1.0";
    let from = address(&ada);
    dora.git(["-C", store.to_str().expect("a path"), "fetch", "--quiet", &from, &format!("{tag}:{tag}")]);
    dora.refused("untrusted", &["import", "team:pdf-kit@1.1.0", "--offline", "--yes"]);
}

/// Row 48: the server takes back entries. Row 49: it shows others. Both heads are kept.
#[test]
fn row_48_and_49_a_rewound_and_a_forked_ledger_are_told() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let seen = head(&ada);
    let before = vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &before]);
    let evidence = |env: &TestEnv| {
        let store = env.home().join(".skillmeat/vaults/team.git");
        env.git([
            "-C",
            store.to_str().expect("a path"),
            "for-each-ref",
            "--format=%(refname)",
            "refs/skillmeat/evidence/",
        ])
    };
    let ran = reader.refused("rollback", &["vault", "pull", "team"]);
    assert!(ran.stderr.contains(&seen) && ran.stderr.contains(&before), "{}", ran.stderr);
    assert_eq!(evidence(&reader).lines().count(), 2);
    // Ada, who goes on from the rewound state on another machine, makes a fork without knowing.
    let other = user("ada2");
    other.use_key(&Key::generate(""));
    let mut command = ada.command("git");
    command.args(["clone", "--quiet", "--bare", &address(&ada)]).arg(ada.root().join("old.git"));
    Ran::of(command).ok();
    let moved = ada.home().join(".skillmeat/vaults");
    std::fs::remove_dir_all(&moved).expect("removes");
    forget_seen(&ada);
    ada.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    let ran = reader.refused("fork", &["vault", "pull", "team"]);
    assert!(ran.stderr.contains("part at entry 1"), "{}", ran.stderr);
    // What was fetched before still works, and is still at its level.
    assert_eq!(reader.json(&["vault", "ls", "team"])[0]["level"], 3);
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
    // The right ledger again.
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &seen]);
    reader.run(["vault", "pull", "team"]).ok();
}

/// Row 55: the ledger has a release whose tag is not there. Row 61: what was seen is gone here.
#[test]
fn row_55_and_61_what_is_missing_is_told() {
    let (ada, id) = ada();
    let tag = vault_git(&ada, &["rev-parse", "kit--v1.0.0"]);
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    vault_git(&ada, &["update-ref", "-d", "refs/tags/kit--v1.0.0"]);
    let ran = reader.refused("net", &["vault", "pull", "team"]);
    assert!(ran.stderr.contains("kit--v1.0.0"), "{}", ran.stderr);
    vault_git(&ada, &["update-ref", "refs/tags/kit--v1.0.0", &tag]);
    reader.run(["vault", "pull", "team"]).ok();
    let store = reader.home().join(".skillmeat/vaults/team.git");
    let store = store.to_str().expect("a path");
    let pointer = reader.git(["-C", store, "for-each-ref", "--format=%(refname)", "refs/skillmeat/seen/"]);
    reader.git(["-C", store, "update-ref", "-d", &pointer]);
    forget_seen(&reader);
    let ran = reader.run(["vault", "pull", "team"]).ok();
    assert!(ran.stderr.contains("first contact again"), "{}", ran.stderr);
    reader.refused("untrusted", &["import", "team:kit", "--offline", "--yes"]);
    reader.run(["vault", "pin", "team", "--ledger", &id]).ok();
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
}

/// The whole vault is made anew under the same address.
#[test]
fn row_41_another_vault_in_the_same_place_is_refused() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    std::fs::rename(ada.root().join("vault.git"), ada.root().join("moved.git")).expect("renames");
    ada.run(["vault", "init", "../vault.git"]).ok();
    // Its tags are gone as well, which is told first; with them it is the ledger.
    reader.refused("rollback", &["vault", "pull", "team"]);
    let pair = "refs/tags/*:refs/tags/*";
    vault_git(&ada, &["fetch", "--quiet", "../moved.git", pair]);
    let ran = reader.refused("untrusted", &["vault", "pull", "team"]);
    assert!(ran.stderr.contains(&id), "{}", ran.stderr);
}

/// Two people have to agree; one key is replaced; one alone can do nothing.
#[test]
fn a_change_of_the_root_needs_everyone_that_it_says() {
    let (ada, id) = ada();
    let bob = user("bob");
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    let key = public(&bob);
    ada.run(["vault", "root", "add-key", "team", "bob@example.invalid", "--key", &key]).ok();
    // Bob's key counts from now on: two of two.
    let state = ada.json(&["vault", "root", "threshold", "team", "2", "--draft", "../draft"]);
    assert!(state["number"].is_null(), "{state}");
    bob.run(["vault", "pull", "team"]).ok();
    let draft = ada.root().join("draft");
    let draft = draft.to_str().expect("a path");
    ada.refused("untrusted", &["vault", "root", "publish", "team", draft]);
    let state = bob.json(&["vault", "root", "sign", "team", draft]);
    assert_eq!(state["signed_by"].as_array().expect("a list").len(), 2);
    // Whoever of the two publishes it.
    ada.run(["vault", "root", "publish", "team", draft]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    let shown = reader.json(&["vault", "show", "team"]);
    assert_eq!((&shown["root_version"], &shown["threshold"]), (&3.into(), &2.into()));
    // Row 57: one of the two alone makes a draft and no more.
    let state = ada.json(&["vault", "role", "grant", "team", "eve@example.invalid", "viewer", "--draft", "../alone"]);
    assert!(state["number"].is_null(), "{state}");
    let alone = ada.root().join("alone");
    ada.refused("untrusted", &["vault", "root", "publish", "team", alone.to_str().expect("a path")]);
    // A draft in which someone has changed something since it was signed.
    let root = alone.join("trust/root.toml");
    let text = std::fs::read_to_string(&root).expect("reads").replace("threshold = 2", "threshold = 1");
    std::fs::write(&root, text).expect("writes");
    ada.refused("untrusted", &["vault", "root", "publish", "team", alone.to_str().expect("a path")]);
    bob.refused("untrusted", &["vault", "root", "sign", "team", alone.to_str().expect("a path")]);
}

#[test]
fn policies_ask_for_levels_and_lowering_them_is_recorded() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--first-use"]);
    reader.config("skillmeat.policy", "team");
    let told = reader.refused("policy", &["import", "team:kit", "--offline", "--yes"]);
    assert!(told.stderr.contains("--allow-level 2"), "{}", told.stderr);
    reader.run(["import", "team:kit", "--offline", "--yes", "--allow-level", "2"]).ok();
    assert!(reader.git(["log", "-1", "--format=%B"]).contains("level 2 (policy 'team' asks for 3)"));
    reader.run(["vault", "pin", "team", "--ledger", &id]).ok();
    let pack = ada.root().join("kit-1.0.0.skillmeat-pack");
    let pack = pack.to_str().expect("a path");
    reader.run(["verify", pack]).ok();
    // Strict: fresh and witnessed.
    reader.config("skillmeat.policy", "strict");
    reader.refused("stale", &["verify", pack]);
    ada.run(["vault", "checkpoint", "team"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    let witness = user("walt");
    witness.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    witness.run(["vault", "witness", "team", "--output", "../seen.txt"]).ok();
    let statement = witness.root().join("seen.txt");
    reader.config("skillmeat.witness", statement.to_str().expect("a path"));
    reader.refused("policy", &["verify", pack]);
    let key = public(&witness);
    reader.run(["trust", "add", "walt@example.invalid", "--key", &key]).ok();
    assert_eq!(reader.json(&["verify", pack])["level"], 4);
    // Row 50: no checkpoint that is still worth something.
    ada.run(["vault", "checkpoint", "team", "--days", "0"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    assert!(reader.run(["vault", "show", "team"]).ok().stdout.contains("stale"));
    reader.refused("stale", &["verify", pack]);
    reader.run(["verify", pack, "--allow-level", "3"]).ok();
    // A witness who saw something else.
    let text = std::fs::read_to_string(&statement).expect("reads");
    std::fs::write(&statement, text.replacen("sha256:", "sha256:0", 1)).expect("writes");
    assert_eq!(reader.json(&["vault", "show", "team"])["witnessed"], serde_json::Value::Null);
    reader.config("skillmeat.policy", "paranoid");
    reader.refused("usage", &["verify", pack]);
}

/// Row 49, between clients: who was shown a fork learns it from someone who was not.
#[test]
fn row_49_a_witness_contradicts_a_fork() {
    let (ada, id) = ada();
    let (fork, first) = (ada.root().join("fork.git"), vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]));
    ada.run(["vault", "checkpoint", "team"]).ok();
    let walt = user("walt");
    walt.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    walt.run(["vault", "witness", "team", "--output", "../seen.txt"]).ok();
    // The same people, another history after the first entry.
    let mut command = ada.command("git");
    command.args(["clone", "--quiet", "--mirror", &address(&ada)]).arg(&fork);
    Ran::of(command).ok();
    let fork = fork.to_str().expect("a path");
    ada.git(["-C", fork, "update-ref", "refs/heads/skillmeat-ledger", &first]);
    ada.git(["-C", fork, "update-ref", "-d", "refs/tags/kit--v1.0.0"]);
    ada.run(["vault", "remove", "team"]).ok();
    forget_seen(&ada);
    ada.run(["vault", "add", "fork", fork, "--ledger", &id]).ok();
    ada.run(["vault", "checkpoint", "fork"]).ok();
    ada.run(["vault", "checkpoint", "fork"]).ok();
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "team", fork, "--ledger", &id]).ok();
    reader.config("skillmeat.witness", walt.root().join("seen.txt").to_str().expect("a path"));
    reader.run(["trust", "add", "walt@example.invalid", "--key", &public(&walt)]).ok();
    let told = reader.refused("fork", &["vault", "show", "team"]);
    assert!(told.stderr.contains("walt@example.invalid"), "{}", told.stderr);
}

/// Row 39 for witnesses: a key that a list gives to two people, each for another time, is one witness.
#[test]
fn row_39_one_key_is_one_witness() {
    let (ada, id) = ada();
    ada.run(["vault", "checkpoint", "team"]).ok();
    let walt = user("walt");
    walt.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    walt.run(["vault", "witness", "team", "--output", "../now"]).ok();
    // The same statement as of another time, signed by ssh-keygen with the same key and with one of someone else.
    let text = std::fs::read_to_string(walt.root().join("now")).expect("reads");
    let (line, _) = text.split_once('\n').expect("a line");
    let line = format!("{} 2024-01-01T00:00:00Z\n", line.rsplit_once(' ').expect("a time").0);
    let signed = |name: &str, key: &std::path::Path| {
        let path = walt.root().join(name);
        std::fs::write(&path, &line).expect("writes");
        let mut command = walt.command("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", "skillmeat-witness@v1", "-f"]).arg(key).arg(&path);
        Ran::of(command).ok();
        let armour = std::fs::read_to_string(path.with_extension("sig")).expect("a signature");
        std::fs::write(&path, format!("{line}{armour}")).expect("writes");
        path.to_str().expect("a path").to_owned()
    };
    let again = signed("again", &walt.home().join("signing_key"));
    let other = Key::generate("");
    let others = signed("others", &other.write(&walt.root().join("other_key")));
    let reader = reader(&ada, &["--ledger", &id]);
    let key = public(&walt);
    reader.allow_text(&format!(
        "carol valid-before=\"20250101Z\" {key}\ndora valid-after=\"20250101Z\" {key}\nerin {}\n",
        other.public
    ));
    let now = walt.root().join("now").to_str().expect("a path").to_owned();
    let witnessed = |files: &[&str], threshold: &str| {
        let _ = Ran::of({
            let mut command = reader.command("git");
            command.args(["config", "--global", "--unset-all", "skillmeat.witness"]);
            command
        });
        for file in files {
            reader.git(["config", "--global", "--add", "skillmeat.witness", file]);
        }
        reader.config("skillmeat.witnessThreshold", threshold);
        reader.json(&["vault", "show", "team"])["witnessed"].clone()
    };
    for one in [&now, &again, &others] {
        assert_eq!(witnessed(&[one], "1"), 2, "{one} is believed");
    }
    assert!(witnessed(&[&now, &again], "2").is_null(), "two names, one key");
    assert_eq!(witnessed(&[&now, &others], "2"), 2, "two people");
    assert!(witnessed(&[&now, &again, &others], "3").is_null());
}

#[test]
fn a_release_that_was_taken_back_is_had_only_by_name() {
    let (ada, id) = ada();
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    ada.run(["vault", "yank", "team", "kit@1.1.0", "--reason", "breaks\n\u{1b}[2Jall"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    let listed = reader.run(["vault", "ls", "team"]).ok().stdout.clone();
    assert!(listed.contains("taken back") && !listed.contains('\u{1b}'), "{listed:?}");
    assert_eq!(reader.json(&["import", "team:kit", "--offline", "--dry-run"])["plan"]["release"], "kit--v1.0.0");
    let named = reader.json(&["import", "team:kit@1.1.0", "--offline", "--dry-run"]);
    assert_eq!(named["plan"]["release"], "kit--v1.1.0");
    ada.refused("policy", &["vault", "yank", "team", "kit@9.0.0", "--reason", "x"]);
}

/// A key gives way to the next, in the vault, in the user's list and in git's configuration; old releases stay good.
#[test]
fn a_key_is_rotated_and_a_lost_one_replaced() {
    let (ada, id) = ada();
    let next = Key::generate("").write(&ada.root().join("next"));
    let next = next.to_str().expect("a path");
    let old = public(&ada);
    let done = ada.json(&["trust", "rotate", "--new", next, "--vault", "team"]);
    assert_eq!((&done["vaults"][0]["version"], &done["vaults"][0]["number"]), (&2.into(), &2.into()));
    assert_eq!(ada.git(["config", "user.signingKey"]), next);
    // The old one is of no use for what comes, not even for its owner.
    ada.config("user.signingKey", ada.home().join("signing_key").to_str().expect("a path"));
    export(&ada, "kit", "1.1.0");
    ada.refused("untrusted", &["vault", "root", "threshold", "team", "1"]);
    ada.refused("untrusted", &["vault", "push", "team", "kit@1.1.0"]);
    ada.refused("untrusted", &["vault", "checkpoint", "team"]);
    ada.config("user.signingKey", next);
    export(&ada, "kit", "1.2.0");
    ada.run(["vault", "push", "team", "kit@1.2.0"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    for version in ["1.0.0", "1.2.0"] {
        reader.json(&["import", &format!("team:kit@{version}"), "--offline", "--dry-run"]);
    }
    // Plain git as well: the old line ends, so that older tags still verify.
    let signers = ada.home().join("allowed_signers");
    let list = std::fs::read_to_string(&signers).expect("reads");
    assert!(list.contains("valid-before=") && list.contains(&old), "{list}");
    ada.git(["verify-tag", "kit--v1.0.0"]);
    ada.git(["verify-tag", "kit--v1.2.0"]);
    // A spare root key replaces one that is lost.
    let spare = Key::generate("").write(&ada.root().join("spare"));
    let spare_public = format!("{}.pub", spare.display());
    ada.run(["vault", "root", "add-key", "team", "ada@example.invalid", "--key", &spare_public]).ok();
    std::fs::remove_file(next).expect("removes");
    ada.config("user.signingKey", spare.to_str().expect("a path"));
    let third = Key::generate("").write(&ada.root().join("third"));
    let (lost, third) = (format!("{next}.pub"), third.to_str().expect("a path"));
    ada.run(["trust", "rotate", "--old", &lost, "--new", third, "--vault", "team"]).ok();
    export(&ada, "kit", "1.3.0");
    ada.run(["vault", "push", "team", "kit@1.3.0"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
}

/// Row 59 through the commands: what a thief published is refused, what was published before is not.
#[test]
fn a_stolen_key_is_revoked_from_the_theft_on() {
    let (ada, id) = ada();
    let bob = user("bob");
    bob.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    let key = public(&bob);
    ada.run(["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "*", "--key", &key])
        .ok();
    export(&bob, "good", "1.0.0");
    bob.run(["vault", "push", "team", "good"]).ok();
    export(&bob, "evil", "1.0.0");
    bob.run(["vault", "push", "team", "evil"]).ok();
    let number = ada.json(&["vault", "pull", "team"]);
    assert_eq!(number["new"].as_array().expect("a list").len(), 2);
    let entry = ada.json(&["vault", "log", "team", "-n", "1"])[0]["number"].to_string();
    bob.refused("untrusted", &["trust", "revoke", &key, "--vault", "team", "--since", "0"]);
    ada.run(["trust", "revoke", &key, "--vault", "team", "--since", &entry, "--reason", "laptop stolen"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    reader.run(["import", "team:good", "--offline", "--yes"]).ok();
    let told = reader.refused("untrusted", &["import", "team:evil", "--offline", "--yes"]);
    assert!(told.stderr.contains(&format!("revoked since entry {entry}")), "{}", told.stderr);
    bob.run(["vault", "push", "team", "good@1.0.0"]).ok();
    export(&bob, "good", "1.1.0");
    bob.refused("untrusted", &["vault", "push", "team", "good@1.1.0"]);
}

/// What is looked at is told, believed or not; looking changes nothing (`screens.rs` has how much fits).
#[test]
fn inspect_says_who_when_what_and_how_much_is_known() {
    let (ada, id) = ada();
    let pack = ada.root().join("kit-1.0.0.skillmeat-pack");
    let pack = pack.to_str().expect("a path");
    // Nobody whom this user believes: the verdict, and what it says of itself.
    let stranger = TestEnv::with_collection();
    let before = stranger.snapshot(Depth::Objects);
    let ran = stranger.run(["inspect", pack]);
    before.assert_same(&stranger.snapshot(Depth::Objects), "inspect looks");
    assert_eq!(ran.code, Some(3));
    for text in ["Not verified", "SHA256:", "says it is kit--v1.0.0, which nobody vouches for", "trust add"] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
    let told = stranger.run(["--format", "json", "inspect", pack]).value();
    assert_eq!(
        (&told["data"]["not_verified"]["class"], &told["data"]["plan"]),
        (&"untrusted".into(), &serde_json::Value::Null)
    );
    // From a vault whose ledger was compared.
    let reader = reader(&ada, &["--ledger", &id]);
    let ran = reader.unchanged(&["inspect", "team:kit", "--offline"]);
    for text in ["ada@example.invalid", "level      3: released as entry 1", "published", "Would add", "can run"] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
    let told = reader.json(&["inspect", "kit--v1.0.0"]);
    assert_eq!((&told["release"]["level"], &told["release"]["vault"]), (&3.into(), &"team".into()));
    assert!(told["plan"]["artifacts"].as_array().expect("a list").iter().all(|one| one["step"] == "same"));
    // What is broken is refused, and is no verdict on its content.
    let cut = reader.root().join("cut.skillmeat-pack");
    std::fs::write(&cut, &std::fs::read(pack).expect("reads")[..5000]).expect("writes");
    reader.refused("pack", &["inspect", cut.to_str().expect("a path")]);
}
