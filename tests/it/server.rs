//! The server of a vault that enforces its ledger: what this program pushes gets in, and of what others push only what readers
//! will believe.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use sha2::{Digest as _, Sha256};

use crate::env::{Depth, Ran, Snapshot, TestEnv};
use crate::ledger::{address, export, public, user, vault_git};

/// Makes an empty bare repository `vault.git` beside the user's collection.
pub fn bare(owner: &TestEnv) {
    owner.git(["init", "--quiet", "--bare", "--initial-branch=main", &address(owner)]);
}

/// Lets the server of the user's vault enforce the ledger.
pub fn guard(owner: &TestEnv) {
    let mut command = owner.program(["hooks", "install", "--server"]);
    command.current_dir(address(owner));
    let _ = Ran::of(command).ok();
}

/// Someone with a mail address, a key, one skill and the release `NAME-kit` 1.0.0; hooks find the program.
pub fn author(name: &str) -> TestEnv {
    let mut env = user(name);
    env.find_program();
    env.add_skill(&format!("{name}-skill"), "text");
    export(&env, &format!("{name}-kit"), "1.0.0");
    env
}

/// Ada, and her vault `team` whose server enforces the ledger, with the release `ada-kit` 1.0.0.
pub fn guarded() -> TestEnv {
    let ada = author("ada");
    bare(&ada);
    guard(&ada);
    let made = ada.json(&["vault", "init", "../vault.git"]);
    let id = made["ledger"].as_str().expect("an id");
    ada.run(["vault", "add", "team", "../vault.git", "--ledger", id]).ok();
    ada.run(["vault", "push", "team", "ada-kit"]).ok();
    ada
}

/// The whole way of two people who share a vault that is empty yet, at an address that both can reach.
pub fn whole_way(ada: &TestEnv, bob: &TestEnv, url: &str) {
    let made = ada.json(&["vault", "init", url]);
    let id = made["ledger"].as_str().expect("an id");
    ada.run(["vault", "init", url]).refused("usage");
    ada.run(["vault", "add", "team", url, "--ledger", id]).ok();
    assert_eq!(ada.json(&["vault", "push", "team", "ada-kit"])["number"], 1);
    assert_eq!(ada.json(&["vault", "push", "team", "ada-kit"])["already_there"], true);
    export(ada, "ada-kit", "1.1.0");
    assert_eq!(ada.json(&["vault", "push", "team", "ada-kit"])["number"], 2);
    bob.run(["vault", "add", "team", url, "--ledger", id]).ok();
    assert_eq!(bob.json(&["vault", "pull", "team"])["new"].as_array().map(Vec::len), Some(2));
    bob.run(["vault", "push", "team", "bob-kit"]).refused("untrusted");
    bob.run(["import", "team:ada-kit", "--yes"]).ok();
    bob.assert_sound();
    let grant = ["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "bob-*", "--key"];
    ada.run([&grant[..], &[&public(bob)]].concat()).ok();
    assert_eq!(bob.json(&["vault", "push", "team", "bob-kit"])["number"], 4);
    ada.run(["vault", "yank", "team", "ada-kit@1.1.0", "--reason", "broken"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    bob.run(["vault", "witness", "team", "--output", "../seen"]).ok();
    ada.run(["trust", "revoke", &public(bob), "--vault", "team", "--since", "7", "--reason", "stolen"]).ok();
    assert_eq!(bob.json(&["vault", "pull", "team"])["releases"], 3);
    let shown = bob.json(&["import", "team:ada-kit", "--dry-run", "--offline"]);
    assert_eq!(shown["plan"]["release"], "ada-kit--v1.0.0", "1.1.0 was taken back");
    vault_git(ada, &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(vault_git(ada, &["rev-list", "--count", "skillmeat-ledger"]), "8");
}

#[test]
fn a_guarded_vault_takes_all_that_this_program_pushes() {
    for scheme in ["", "file://"] {
        let (ada, bob) = (author("ada"), author("bob"));
        bare(&ada);
        guard(&ada);
        whole_way(&ada, &bob, &format!("{scheme}{}", address(&ada)));
    }
}

#[test]
fn a_vault_is_made_in_an_empty_repository_that_is_there() {
    for scheme in ["", "file://"] {
        let (ada, bob) = (author("ada"), author("bob"));
        bare(&ada);
        whole_way(&ada, &bob, &format!("{scheme}{}", address(&ada)));
        // git's own rules hold without our hooks.
        let deleted = Ran::of({
            let mut command = ada.command("git");
            command.args(["push", &address(&ada), ":refs/heads/skillmeat-ledger"]);
            command
        });
        assert!(deleted.code == Some(1) && deleted.stderr.contains("deletion prohibited"), "{deleted:?}");
    }
    let ada = author("ada");
    ada.refused("net", &["vault", "init", "file:///nowhere/vault.git"]);
    ada.refused("name", &["vault", "init", "https://user:s3cretword@localhost/vault.git"]);
    ada.git(["init", "--quiet", "../worktree"]);
    ada.refused("usage", &["vault", "init", "../worktree"]);
}

/// Trust files that two people sign one after the other.
#[test]
fn a_guarded_vault_takes_what_two_owners_have_signed() {
    let (ada, bob) = (guarded(), author("bob"));
    let id = ada.json(&["vault", "list"])[0]["ledger"].as_str().expect("an id").to_owned();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    ada.run(["vault", "root", "add-key", "team", "bob@example.invalid", "--key", &public(&bob)]).ok();
    ada.run(["vault", "root", "threshold", "team", "2", "--draft", "../draft"]).ok();
    bob.run(["vault", "pull", "team"]).ok();
    let draft = ada.root().join("draft");
    let draft = draft.to_str().expect("UTF-8");
    bob.run(["vault", "root", "sign", "team", draft]).ok();
    assert_eq!(ada.json(&["vault", "root", "publish", "team", draft])["number"], 3);
}

/// Pushes with plain git from the repository `from`: the server must give its reason in one line, and nothing may change there.
#[track_caller]
pub fn declined(owner: &TestEnv, from: &str, refs: &[&str], reason: &str) {
    let vault = address(owner);
    let before = Snapshot::of(Path::new(&vault), Depth::Objects);
    let mut command = owner.command("git");
    command.args(["-C", from, "push", "--atomic", "--force", &vault]).args(refs);
    let ran = Ran::of(command);
    assert_eq!(ran.code, Some(1), "{refs:?}: {ran:?}");
    let said: Vec<_> = ran.stderr.lines().filter(|line| line.starts_with("remote: ")).collect();
    assert_eq!(said.len(), 1, "{refs:?}: {ran:#?}");
    assert!(said[0].starts_with("remote: error: ") && said[0].contains(reason), "{refs:?}: {}", said[0]);
    before.assert_same(&Snapshot::of(Path::new(&vault), Depth::Objects), "the push was refused");
}

/// As [`declined`], but the server takes it.
pub fn taken(owner: &TestEnv, from: &str, refs: &[&str]) {
    owner.git([&["-C", from, "push", "--quiet", "--atomic", &address(owner)], refs].concat());
}

/// A copy of the vault without a server that enforces anything.
pub fn copy(owner: &TestEnv) -> String {
    let copy = owner.root().join("copy.git");
    let _ = fs::remove_dir_all(&copy);
    let copy = copy.to_str().expect("UTF-8").to_owned();
    owner.git(["clone", "--quiet", "--mirror", &address(owner), &copy]);
    copy
}

fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Writes the next entry by hand into a copy of the vault, signed by this user: these fields between `prev` and `time`.
pub fn by_hand(signer: &TestEnv, copy: &str, fields: &str) {
    let raw = |commit: &str| {
        let mut command = signer.command("git");
        command.args(["-C", copy, "cat-file", "commit", commit]);
        sha256(&command.output().expect("git runs").stdout)
    };
    let branch = "refs/heads/skillmeat-ledger";
    let first = signer.git(["-C", copy, "rev-list", "--max-parents=0", branch]);
    let number = signer.git(["-C", copy, "rev-list", "--count", branch]);
    let (repo, prev) = (raw(&first), raw(branch));
    let text = format!(
        "skillmeat-ledger v1\n\nrepo: {repo}\nnumber: {number}\nprev: {prev}\n{fields}time: 2026-11-22T14:00:00Z\n"
    );
    let tree = format!("{branch}^{{tree}}");
    let commit = signer.git(["-C", copy, "commit-tree", "-S", "-p", branch, "-m", &text, &tree]);
    signer.git(["-C", copy, "update-ref", branch, &commit]);
}

/// The fields of an entry that publishes a release of the collection under the tag object `tag`.
pub fn fields(owner: &TestEnv, release: &str, tag: &str) -> String {
    let (bundle, version) = release.split_once("--v").expect("a release");
    let pack = owner.root().join(format!("{bundle}-{version}.skillmeat-pack"));
    let report = owner.json(&["verify", pack.to_str().expect("UTF-8")]);
    let text = |key: &str| report[key].as_str().expect("a text").to_owned();
    let (tree, pack, license) = (text("digest"), text("pack"), text("license"));
    format!(
        "type: publish\nname: {bundle}\nversion: {version}\ntag: {tag}\ntree: {tree}\npack: {pack}\nlicense: {license}\n"
    )
}

pub const LEDGER: &str = "refs/heads/skillmeat-ledger";

pub const NEXT: &str = "refs/tags/ada-kit--v2.0.0";

/// A copy of the vault with the release 2.0.0 and its entry, which ada may publish.
pub fn next(ada: &TestEnv) -> String {
    export(ada, "ada-kit", "2.0.0");
    let copy = copy(ada);
    ada.git(["push", "--quiet", &copy, "ada-kit--v2.0.0"]);
    let tag = ada.git(["rev-parse", "ada-kit--v2.0.0"]);
    by_hand(ada, &copy, &fields(ada, "ada-kit--v2.0.0", &tag));
    copy
}

#[test]
fn tag_and_entry_come_together_or_not_at_all() {
    let ada = guarded();
    let copy = next(&ada);
    declined(&ada, &copy, &[NEXT], "has no 'ada-kit--v2.0.0'; publish it with `git skillmeat vault push`");
    declined(&ada, &copy, &[LEDGER], "lists 'ada-kit--v2.0.0', and its tag is not in the push");
    // Another tag object of the same content, signed by the same key.
    ada.git(["-C", &copy, "tag", "-s", "-m", "other", "-f", "ada-kit--v2.0.0", "ada-kit--v2.0.0^{}"]);
    declined(&ada, &copy, &[LEDGER, NEXT], "the tag of 'ada-kit--v2.0.0' is");
    let right = ada.git(["rev-parse", "ada-kit--v2.0.0"]);
    ada.git(["-C", &copy, "update-ref", NEXT, &right]);
    taken(&ada, &copy, &[LEDGER, NEXT]);
    // And what was listed before can be put back, should the server have lost it.
    vault_git(&ada, &["update-ref", "-d", NEXT]);
    taken(&ada, &copy, &[NEXT]);
}

#[test]
fn a_tag_of_a_stranger_is_not_taken() {
    let ada = guarded();
    let eve = author("eve");
    let skills = eve.folder();
    declined(&ada, skills.to_str().expect("UTF-8"), &["refs/tags/eve-kit--v1.0.0"], "has no 'eve-kit--v1.0.0'");
    // With an entry of their own.
    let copy = copy(&ada);
    eve.git(["push", "--quiet", &copy, "eve-kit--v1.0.0"]);
    let tag = eve.git(["rev-parse", "eve-kit--v1.0.0"]);
    by_hand(&eve, &copy, &fields(&eve, "eve-kit--v1.0.0", &tag));
    declined(&ada, &copy, &[LEDGER, "refs/tags/eve-kit--v1.0.0"], "a key that nobody holds");
    // With an entry of someone who may publish, but not what another has signed.
    ada.git(["-C", &copy, "update-ref", LEDGER, &vault_git(&ada, &["rev-parse", LEDGER])]);
    by_hand(&ada, &copy, &fields(&eve, "eve-kit--v1.0.0", &tag));
    declined(&ada, &copy, &[LEDGER, "refs/tags/eve-kit--v1.0.0"], "a key that nobody held");
    // With an entry that does not follow.
    ada.git(["-C", &copy, "commit-tree", "-m", "x", "refs/heads/main^{tree}"]);
    declined(&ada, &copy, &["refs/heads/main:refs/heads/skillmeat-ledger"], "would not be believed");
}

#[test]
fn a_release_is_looked_at_as_every_reader_will() {
    let ada = guarded();
    let whole = next(&ada);
    let right = ada.git(["rev-parse", "ada-kit--v2.0.0"]);
    let listed = fields(&ada, "ada-kit--v2.0.0", &right);
    let before = vault_git(&ada, &["rev-parse", LEDGER]);
    let zeros = format!("sha256:{}", "0".repeat(64));
    let line = |key: &str| listed.lines().find(|line| line.starts_with(key)).expect("a field").to_owned();
    let offer = |fields: &str, tag: &str, reason: &str| {
        ada.git(["-C", &whole, "update-ref", LEDGER, &before]);
        by_hand(&ada, &whole, fields);
        ada.git(["-C", &whole, "update-ref", NEXT, tag]);
        declined(&ada, &whole, &[LEDGER, NEXT], reason);
    };
    for key in ["tree", "pack"] {
        let other = listed.replace(&line(&format!("{key}: ")), &format!("{key}: {zeros}"));
        offer(&other, &right, &format!("the {key} of 'ada-kit--v2.0.0' is"));
    }
    // A tag of another name.
    let first = ada.git(["rev-parse", "ada-kit--v1.0.0"]);
    offer(&listed.replace(&right, &first), &first, "'ada-kit--v2.0.0'");
    // A tag that lies about its files.
    let text = ada.git(["for-each-ref", "--format=%(contents:subject)%0a%0a%(contents:body)", NEXT]);
    let tree = line("tree: ").replace("tree: ", "");
    let text = text.replace(&tree, &zeros);
    let commit = ada.git(["rev-parse", "ada-kit--v2.0.0^{}"]);
    ada.git(["-C", &whole, "tag", "-s", "-f", "-m", &text, "ada-kit--v2.0.0", &commit]);
    let lying = ada.git(["-C", &whole, "rev-parse", NEXT]);
    offer(&listed.replace(&right, &lying), &lying, "the release 'ada-kit--v2.0.0' would not be believed");
    // A tag that nobody has signed.
    ada.git(["-C", &whole, "tag", "-a", "-f", "-m", &text, "ada-kit--v2.0.0", &commit]);
    let unsigned = ada.git(["-C", &whole, "rev-parse", NEXT]);
    offer(&listed.replace(&right, &unsigned), &unsigned, "not signed");
}

#[test]
fn a_server_gives_nothing_away_that_it_has() {
    let ada = guarded();
    let copy = copy(&ada);
    let tag = "refs/tags/ada-kit--v1.0.0";
    declined(&ada, &copy, &[&format!(":{tag}")], "would be taken away, and a vault keeps what it has");
    declined(&ada, &copy, &[&format!(":{LEDGER}")], "would be taken away");
    declined(&ada, &copy, &[":refs/heads/main"], "would be taken away");
    ada.git(["-C", &copy, "tag", "-s", "-f", "-m", "other", "ada-kit--v1.0.0", "main"]);
    declined(&ada, &copy, &[tag], "the release 'ada-kit--v1.0.0' would be replaced");
    // An older ledger, and one beside it that is as good by itself.
    declined(&ada, &copy, &[&format!("{LEDGER}~1:{LEDGER}")], "would not go on from entry 1");
    ada.git(["-C", &copy, "update-ref", LEDGER, &format!("{LEDGER}~1")]);
    by_hand(&ada, &copy, "type: checkpoint\nexpires: 2026-12-22T00:00:00Z\n");
    declined(&ada, &copy, &[LEDGER], "would not go on from entry 1");
}

#[test]
fn the_branch_for_people_moves_with_an_entry_only() {
    let ada = guarded();
    let copy = copy(&ada);
    let commit = |parent: &str| ada.git(["-C", &copy, "commit-tree", "-m", "x", "-p", parent, "main^{tree}"]);
    let (further, beside) = (commit("main"), commit("main~1"));
    declined(&ada, &copy, &[&format!("{further}:refs/heads/main")], "moves only together with an entry");
    by_hand(&ada, &copy, "type: checkpoint\nexpires: 2026-12-22T00:00:00Z\n");
    declined(&ada, &copy, &[&format!("{beside}:refs/heads/main"), LEDGER], "would not go on from where it is");
    taken(&ada, &copy, &[&format!("{further}:refs/heads/main"), LEDGER]);
}

#[test]
fn other_refs_are_taken_where_the_owner_wants_them() {
    let ada = guarded();
    let copy = copy(&ada);
    let other = "refs/heads/main:refs/heads/feature";
    for name in [other, "refs/heads/main:refs/tags/v1", "refs/heads/main:refs/skillmeat/seen/x"] {
        declined(&ada, &copy, &[name], "skillmeat.allowOtherRefs");
    }
    vault_git(&ada, &["config", "skillmeat.allowOtherRefs", "true"]);
    taken(&ada, &copy, &[other, "refs/heads/main:refs/tags/v1"]);
    let eve = author("eve");
    let skills = eve.folder();
    declined(&ada, skills.to_str().expect("UTF-8"), &["refs/tags/eve-kit--v1.0.0"], "has no 'eve-kit--v1.0.0'");
    declined(&ada, &copy, &[&format!(":{LEDGER}")], "would be taken away");
}

/// What a hook is told is not what is there: someone else was faster, or there is more than anyone pushes.
#[test]
fn a_race_and_too_much_are_told_as_such() {
    let ada = guarded();
    let head = vault_git(&ada, &["rev-parse", LEDGER]);
    let old = vault_git(&ada, &["rev-parse", &format!("{LEDGER}~1")]);
    let hook = |lines: &str| {
        let mut command = ada.program(["hook", "pre-receive"]);
        command.current_dir(address(&ada)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut pipe = child.stdin.take().expect("a pipe");
        // It may have seen enough before all is written.
        let _ = pipe.write_all(lines.as_bytes());
        drop(pipe);
        Ran::from(child.wait_with_output().expect("ends"))
    };
    // By these words this program knows that it has to look again.
    let told = hook(&format!("{old} {head} {LEDGER}\n")).refused("conflict");
    assert!(told.stderr.contains("fetch first"), "{}", told.stderr);
    let _ = hook("what\n").refused("parse");
    let zeros = "0".repeat(40);
    let many: String = (0..=10_000).map(|number| format!("{zeros} {head} refs/tags/x-{number}\n")).collect();
    let _ = hook(&many).refused("limit");
    let long = format!("{zeros} {head} refs/tags/{}\n", "x".repeat(8 * 1024 * 1024));
    let _ = hook(&long).refused("limit");
    let _ = hook("").ok();
}

/// A vault that others have kept until now moves to a server that enforces its ledger: everything at once.
#[test]
fn a_vault_can_move_to_a_guarded_server() {
    let (ada, bob) = (guarded(), author("bob"));
    let id = ada.json(&["vault", "list"])[0]["ledger"].as_str().expect("an id").to_owned();
    let grant = ["vault", "role", "grant", "team", "bob@example.invalid", "admin", "--key", &public(&bob)];
    ada.run(grant).ok();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    bob.run(["vault", "push", "team", "bob-kit"]).ok();
    // The release of a key that was stolen stays in the vault, where no reader believes it.
    ada.run(["trust", "revoke", &public(&bob), "--vault", "team", "--since", "3", "--reason", "stolen"]).ok();
    let copy = copy(&ada);
    fs::remove_dir_all(address(&ada)).expect("was there");
    bare(&ada);
    guard(&ada);
    declined(&ada, &copy, &[LEDGER, "refs/heads/main", "refs/tags/ada-kit--v1.0.0"], "lists 'bob-kit--v1.0.0'");
    taken(&ada, &copy, &["refs/heads/*", "refs/tags/*"]);
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    assert_eq!(reader.json(&["vault", "pull", "team"])["releases"], 2);
    reader.run(["import", "team:bob-kit", "--offline", "--yes"]).refused("untrusted");
    reader.run(["import", "team:ada-kit", "--offline", "--yes"]).ok();
}

#[test]
fn what_a_server_says_reaches_the_one_who_publishes() {
    let ada = guarded();
    export(&ada, "ada-kit", "2.0.0");
    let hook = Path::new(&address(&ada)).join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\necho 'only on Mondays' >&2\nexit 1\n").expect("a file");
    let told = ada.run(["vault", "push", "team", "ada-kit@2.0.0"]).refused("policy");
    assert!(told.stderr.contains("refuses the push: only on Mondays"), "{}", told.stderr);
}

#[test]
fn hooks_of_a_server_are_installed_in_bare_repositories_and_taken_away_again() {
    let ada = author("ada");
    ada.refused("usage", &["hooks", "install", "--server"]);
    bare(&ada);
    let vault = ada.root().join("vault.git");
    let server = |args: &[&str]| {
        let mut command = ada.program(args);
        command.current_dir(&vault);
        Ran::of(command)
    };
    let hook = |name: &str| vault.join("hooks").join(name);
    // Hooks of others are never touched, and then none is installed.
    fs::create_dir_all(vault.join("hooks")).expect("a folder");
    fs::write(hook("post-receive"), "#!/bin/sh\n# mine\n").expect("a file");
    let before = Snapshot::of(&vault, Depth::Objects);
    let told = server(&["hooks", "install", "--server"]).refused("conflict");
    assert!(told.stderr.contains("hook post-receive"), "{}", told.stderr);
    before.assert_same(&Snapshot::of(&vault, Depth::Objects), "there is another's hook");
    fs::remove_file(hook("post-receive")).expect("was there");
    vault_git(&ada, &["config", "receive.denyDeletes", "false"]);
    let done = server(&["--json", "hooks", "install", "--server"]).ok().value();
    assert_eq!(done["data"]["hooks"], serde_json::json!(["pre-receive", "post-receive"]));
    crate::cli::assert_valid(&ada, "hooks", &done);
    for key in ["receive.fsckObjects", "receive.denyNonFastForwards", "receive.denyDeletes", "uploadpack.allowFilter"] {
        assert_eq!(vault_git(&ada, &["config", "--get", key]), "true", "{key}");
    }
    assert_eq!(vault_git(&ada, &["config", "--local", "--get", "core.hooksPath"]), "hooks");
    let again = server(&["--json", "hooks", "install", "--server"]).ok().value();
    assert_eq!(
        (&again["data"]["hooks"], &again["data"]["settings"]),
        (&serde_json::json!([]), &serde_json::Value::Null)
    );
    server(&["hooks", "uninstall", "--server"]).ok();
    assert!(!hook("pre-receive").exists() && !hook("post-receive").exists());
    // Where the program is gone, nothing gets in, and the reason is said; also where whoever receives has hooks elsewhere.
    server(&["hooks", "install", "--server"]).ok();
    ada.git(["config", "--global", "core.hooksPath", "/nowhere"]);
    let mut command = ada.command("git");
    command.env("PATH", std::env::var("PATH").expect("PATH"));
    command.args(["push", &address(&ada), "main:refs/heads/x"]);
    let ran = Ran::of(command);
    assert!(ran.code == Some(1) && ran.stderr.contains("git-skillmeat is not installed on this server"), "{ran:?}");
}

/// Only the ledger says who may sign.
#[test]
fn lists_of_whoever_keeps_the_server_do_not_count() {
    let ada = guarded();
    let eve = author("eve");
    ada.allow_text(&format!("eve@example.invalid namespaces=\"git\" {}\n", public(&eve)));
    let skills = eve.folder();
    declined(&ada, skills.to_str().expect("UTF-8"), &["refs/tags/eve-kit--v1.0.0"], "has no 'eve-kit--v1.0.0'");
    // A list that is broken, or gone, stops nobody who may publish.
    ada.allow_text("what\n");
    let copy = copy(&ada);
    by_hand(&ada, &copy, "type: checkpoint\nexpires: 2026-12-22T00:00:00Z\n");
    taken(&ada, &copy, &[LEDGER]);
}
