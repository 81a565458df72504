//! Attacks on what a reader believes of a vault: by its server, by a thief of a key, by who may push to it, by chance.

use std::os::unix::fs::PermissionsExt;

use crate::env::{Depth, Ran, TestEnv, skill};
use crate::ledger::{ada, address, export, forget_seen, head, public, reader, user, vault_git};

/// Takes what was seen of the vault away from a user.
fn forget(env: &TestEnv) {
    let store = env.home().join(".skillmeat/vaults/team.git");
    let store = store.to_str().expect("a path");
    let pointer = env.git(["-C", store, "for-each-ref", "--format=%(refname)", "refs/skillmeat/seen/"]);
    env.git(["-C", store, "update-ref", "-d", &pointer]);
    forget_seen(env);
}

/// Puts a script in front of git for a user, with the subcommand of git as `$1`.
fn before_git(env: &mut TestEnv, script: &str) {
    let (bin, path) = (env.root().join("bin"), std::env::var("PATH").expect("PATH"));
    std::fs::create_dir_all(&bin).expect("a folder");
    let text = format!(
        "#!/bin/sh\nPATH='{path}'\ncase \" $* \" in *' ls-remote '*) step=list;; *' fetch '*) step=fetch;; *) step=;; esac\n\
         {script}\nexec git \"$@\"\n"
    );
    std::fs::write(bin.join("git"), text).expect("a file");
    std::fs::set_permissions(bin.join("git"), PermissionsExt::from_mode(0o755)).expect("a mode");
    env.set("PATH", &format!("{}:{path}", bin.display()));
}

/// Row 61: whatever the next command is, and not only `vault pull`.
#[test]
fn row_61_a_first_contact_again_is_told_by_every_command() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    forget(&reader);
    let ran = reader.run(["import", "team:kit", "--yes"]);
    assert!(ran.stderr.contains("first contact again"), "{}", ran.stderr);
    ran.refused("untrusted");
    assert!(reader.json(&["vault", "list"])[0]["pin"].is_null(), "nobody believes it");
    // Who adds an entry.
    forget(&ada);
    let ran = ada.run(["vault", "checkpoint", "team"]).ok();
    assert!(ran.stderr.contains("first contact again"), "{}", ran.stderr);
    assert!(ada.json(&["vault", "list"])[0]["pin"].is_null(), "nobody believes it");
}

/// The server lists the vault as it was, and sends the ledger as it is: the release with the mend is held back, and
/// the ledger is fresh all the same.
#[test]
fn row_55_a_release_is_not_held_back_behind_a_ledger_that_is_fresh() {
    let (ada, id) = ada();
    let old = head(&ada);
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    let (new, tag) = (head(&ada), vault_git(&ada, &["rev-parse", "kit--v1.1.0"]));
    let mut reader = TestEnv::with_collection();
    let vault = address(&ada);
    let git = format!("git -C '{vault}' update-ref");
    before_git(
        &mut reader,
        &format!(
            "case $step in list) {git} refs/heads/skillmeat-ledger {old}; {git} -d refs/tags/kit--v1.1.0;; \
             fetch) {git} refs/heads/skillmeat-ledger {new};; esac 2>/dev/null"
        ),
    );
    reader.run(["vault", "add", "team", &vault, "--ledger", &id]).ok();
    let told = reader.refused_leaving("net", &["vault", "pull", "team"], Depth::Fetched);
    assert!(told.stderr.contains("kit--v1.1.0"), "{}", told.stderr);
    reader.refused("net", &["import", "team:kit", "--yes"]);
    let told = reader.refused("name", &["import", "team:kit", "--yes", "--offline"]);
    assert!(told.stderr.contains("kit--v1.1.0"), "{}", told.stderr);
    // The one that is there can be named. An honest server that has moved on is asked once more.
    reader.run(["import", "team:kit@1.0.0", "--dry-run", "--offline"]).ok();
    before_git(
        &mut reader,
        &format!(
            "case $step in fetch) {git} refs/heads/skillmeat-ledger {new}; {git} refs/tags/kit--v1.1.0 {tag};; esac"
        ),
    );
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &old]);
    let _ = reader.run(["vault", "remove", "team"]).ok();
    reader.run(["vault", "add", "team", &vault, "--ledger", &id]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    let shown = reader.json(&["import", "team:kit", "--dry-run", "--offline"]);
    assert_eq!(shown["plan"]["release"], "kit--v1.1.0");
}

/// Someone who may push to the vault, and has no role in it.
#[test]
fn a_tag_past_the_ledger_keeps_nobody_from_what_is_published() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    vault_git(&ada, &["update-ref", "refs/tags/kit--v9.9.9", "refs/tags/kit--v1.0.0"]);
    reader.run(["vault", "pull", "team"]).ok();
    let shown = reader.json(&["import", "team:kit", "--dry-run", "--offline"]);
    assert_eq!(shown["plan"]["release"], "kit--v1.0.0");
    // The owner takes it away again, or another comes in its place.
    let other = vault_git(&ada, &["commit-tree", "-m", "x", "main^{tree}"]);
    vault_git(&ada, &["update-ref", "refs/tags/kit--v9.9.9", &other]);
    reader.run(["vault", "pull", "team"]).ok();
    vault_git(&ada, &["update-ref", "-d", "refs/tags/kit--v9.9.9"]);
    reader.run(["vault", "pull", "team"]).ok();
    assert_eq!(reader.json(&["vault", "ls", "team"]).as_array().expect("a list").len(), 1);
}

/// A draft waits for signatures; meanwhile a key is stolen and revoked. The draft does not make it good again.
#[test]
fn a_draft_that_waited_undoes_no_revocation() {
    let (ada, id) = ada();
    let bob = user("bob");
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    let eve = user("eve");
    let (bobs, eves) = (public(&bob), public(&eve));
    let grant = ["vault", "role", "grant", "team", "eve@example.invalid", "checkpoint", "--key", &eves];
    ada.run(grant).ok();
    ada.run(["vault", "root", "add-key", "team", "bob@example.invalid", "--key", &bobs]).ok();
    ada.json(&["vault", "root", "threshold", "team", "2", "--draft", "../draft"]);
    eve.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    eve.run(["vault", "checkpoint", "team"]).ok();
    bob.run(["vault", "pull", "team"]).ok();
    let draft = ada.root().join("draft");
    let draft = draft.to_str().expect("a path");
    bob.run(["vault", "root", "sign", "team", draft]).ok();
    ada.run(["trust", "revoke", &eves, "--vault", "team", "--since", "4", "--reason", "stolen"]).ok();
    let told = ada.refused("policy", &["vault", "root", "publish", "team", draft]);
    assert!(told.stderr.contains("revoked"), "{}", told.stderr);
    bob.run(["vault", "pull", "team"]).ok();
    bob.refused("policy", &["vault", "root", "sign", "team", draft]);
    eve.run(["vault", "pull", "team"]).ok();
    eve.refused("untrusted", &["vault", "checkpoint", "team"]);
    // Made anew, it carries on what was revoked.
    ada.json(&["vault", "root", "threshold", "team", "2", "--draft", "../again"]);
    let again = ada.root().join("again");
    let again = again.to_str().expect("a path");
    bob.run(["vault", "root", "sign", "team", again]).ok();
    ada.run(["vault", "root", "publish", "team", again]).ok();
    eve.run(["vault", "pull", "team"]).ok();
    eve.refused("untrusted", &["vault", "checkpoint", "team"]);
}

#[test]
fn what_was_taken_back_is_not_recommended_unasked() {
    let (ada, _) = ada();
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    ada.run(["vault", "yank", "team", "kit@1.1.0", "--reason", "steals"]).ok();
    assert_eq!(ada.json(&["recommend", "team:kit"])["recommended"]["release"], "kit--v1.0.0");
    assert_eq!(ada.json(&["recommend", "team:kit@1.1.0"])["recommended"]["release"], "kit--v1.1.0");
}

/// The key of `vault init` is root key and admin's key in one: revoking it leaves the thief a root key.
#[test]
fn who_revokes_a_root_key_is_told_that_it_stays_one() {
    let (ada, id) = ada();
    let bob = user("bob");
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    let key = public(&bob);
    ada.run(["vault", "role", "grant", "team", "bob@example.invalid", "admin", "--key", &key]).ok();
    let stolen = public(&ada);
    let ran = bob.run(["trust", "revoke", &stolen, "--vault", "team", "--since", "3"]).ok();
    assert!(ran.stderr.contains("root key") && ran.stderr.contains("remove-key"), "{}", ran.stderr);
    let eve = public(&user("eve"));
    ada.run(["vault", "root", "add-key", "team", "ada@example.invalid", "--key", &eve]).ok();
    let ran = bob.run(["trust", "revoke", &eve, "--vault", "team", "--since", "3"]).ok();
    assert!(ran.stderr.contains("root key"), "{}", ran.stderr);
    let ran = bob.run(["trust", "revoke", &public(&user("dan")), "--vault", "team", "--since", "3"]).ok();
    assert!(!ran.stderr.contains("root key"), "{}", ran.stderr);
}

/// A pack that two vaults list is worth what the better known one makes of it, whatever they are called.
#[test]
fn the_vault_that_was_compared_speaks_first() {
    let (ada, id) = ada();
    let mallory = user("mallory");
    mallory.run(["vault", "init", "../vault.git"]).ok();
    mallory.run(["vault", "add", "own", "../vault.git"]).ok();
    // Her vault gives ada's key another name, and lists ada's release.
    let key = public(&ada);
    mallory.run(["vault", "role", "grant", "own", "mallory@example.net", "admin", "--key", &key]).ok();
    mallory.allow_text(&format!("mallory@example.net namespaces=\"git\" {key}\n"));
    mallory.git(["fetch", "--quiet", &address(&ada), "refs/tags/*:refs/tags/*"]);
    mallory.run(["vault", "push", "own", "kit@1.0.0"]).ok();
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "aaa", &address(&mallory), "--first-use"]).ok();
    reader.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    let pack = ada.root().join("kit-1.0.0.skillmeat-pack");
    let report = reader.json(&["verify", pack.to_str().expect("a path")]);
    assert_eq!((&report["level"], &report["vault"]), (&3.into(), &"team".into()), "{report}");
    assert_eq!(report["principal"], "ada@example.invalid");
}

/// What is unsigned is below every policy.
#[test]
fn a_policy_holds_for_old_packs_as_well() {
    let env = TestEnv::with_collection();
    let folder = env.root().join("small/skill/notes");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), skill("notes", "Take notes.")).expect("a file");
    let judge = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/old_packs.py");
    let mut command = env.command("python3");
    let pack = env.root().join("old.skillmeat-pack");
    command.arg(judge).arg("manifest-json").arg(env.root().join("small")).arg(&pack);
    let _ = Ran::of(command).ok();
    let pack = pack.to_str().expect("a path");
    env.config("skillmeat.policy", "team");
    let told = env.refused("policy", &["import", pack, "--yes", "--allow-unsigned"]);
    assert!(told.stderr.contains("--allow-level 1"), "{}", told.stderr);
    env.run(["import", pack, "--dry-run"]).ok();
    env.run(["import", pack, "--yes", "--allow-unsigned", "--allow-level", "1"]).ok();
}

/// Row 69 in the ledger's own tree, and what is too much: refused as what it is, not as a network that failed.
#[test]
fn row_69_a_ledger_has_no_links_and_nothing_large() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let (honest, link) = (head(&ada), vault_git(&ada, &["rev-parse", "main:README.md"]));
    let entries = vault_git(&ada, &["ls-tree", "skillmeat-ledger"]);
    let offer = |tree: &str, message: &str| {
        let commit = vault_git(&ada, &["commit-tree", "-p", &honest, "-m", message, tree]);
        vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &commit]);
    };
    let tree_of = |more: &str| {
        let mut command = ada.command("sh");
        command.arg("-c").arg("printf '%s\\n' \"$0\" | git -C \"$1\" mktree --missing");
        command.arg(format!("{entries}\n{more}")).arg(ada.root().join("vault.git"));
        Ran::of(command).ok().stdout.trim().to_owned()
    };
    // In a vault of its own, because only a first entry has its files looked at before anyone has signed for it.
    let first = |tree: &str| {
        let entry = "skillmeat-ledger v1\n\nnonce: 00000000000000000000000000000000\nnumber: 0\ntype: root\nversion: 1\n\
            time: 2026-11-22T14:00:00Z\n";
        ada.git([
            "-C",
            &address(&ada),
            "-c",
            "user.signingKey=../home/signing_key",
            "commit-tree",
            "-S",
            "-m",
            entry,
            tree,
        ])
    };
    for more in [format!("120000 blob {link}\tlink"), format!("160000 commit {honest}\tsub")] {
        let commit = first(&tree_of(&more));
        vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &commit]);
        TestEnv::new().refused("path", &["vault", "add", "x", &address(&ada)]);
    }
    // An entry that nobody needs to read.
    let tree = vault_git(&ada, &["rev-parse", &format!("{honest}^{{tree}}")]);
    offer(&tree, &"A".repeat(100_000));
    let _ = reader.refused("fork", &["vault", "pull", "team"]);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &honest]);
    reader.run(["vault", "pull", "team"]).ok();
}

/// Row 131: git, killed with us in the middle of a fetch, leaves locks behind; nobody should have to remove them.
#[test]
fn row_131_the_locks_of_a_killed_fetch_keep_nobody_out() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    for env in [&reader, &ada] {
        let store = env.home().join(".skillmeat/vaults/team.git");
        std::fs::create_dir_all(store.join("refs/skillmeat/incoming")).expect("a folder");
        for name in [&format!("refs/skillmeat/incoming/{}", head(&ada)), "refs/tags/kit--v1.1.0", "packed-refs"] {
            std::fs::write(store.join(format!("{name}.lock")), "").expect("a lock");
        }
    }
    assert_eq!(reader.json(&["vault", "pull", "team"])["releases"], 2);
    ada.run(["vault", "checkpoint", "team"]).ok();
}

/// A thief with an admin's key revokes all the others. Whatever the owner does first, what was published comes back.
#[test]
fn what_a_thief_revoked_is_not_carried_on_for_good() {
    let (ada, id) = ada();
    let (bob, eve) = (user("bob"), user("eve"));
    for (who, env) in [("bob@example.invalid", &bob), ("eve@example.invalid", &eve)] {
        ada.run(["vault", "role", "grant", "team", who, "admin", "--key", &public(env)]).ok();
        env.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    }
    // Entries 4 and 5.
    eve.run(["trust", "revoke", &public(&ada), "--vault", "team", "--since", "0"]).ok();
    eve.run(["trust", "revoke", &public(&bob), "--vault", "team", "--since", "0"]).ok();
    ada.run(["vault", "role", "revoke", "team", "eve@example.invalid"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    reader.refused("untrusted", &["import", "team:kit", "--offline", "--yes"]);
    // The owner holds a root key, and lets in a new admin, who revokes the thief's.
    let dan = user("dan");
    ada.run(["vault", "role", "grant", "team", "dan@example.invalid", "admin", "--key", &public(&dan)]).ok();
    dan.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    dan.run(["trust", "revoke", &public(&eve), "--vault", "team", "--since", "4"]).ok();
    // The next root file leaves out what is void, and keeps what is not.
    ada.run(["vault", "role", "grant", "team", "bob@example.invalid", "viewer"]).ok();
    let revoked = ada.json(&["vault", "show", "team"])["revoked"].clone();
    assert_eq!(revoked.as_array().expect("a list").len(), 1, "{revoked}");
    reader.run(["vault", "pull", "team"]).ok();
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
    bob.run(["vault", "checkpoint", "team"]).ok();
    eve.run(["vault", "pull", "team"]).ok();
    eve.refused("untrusted", &["vault", "checkpoint", "team"]);
    // Who revokes their own key has revoked it.
    bob.run(["trust", "revoke", &public(&bob), "--vault", "team", "--since", "0"]).ok();
    ada.run(["vault", "role", "revoke", "team", "bob@example.invalid", "viewer"]).ok();
    bob.run(["vault", "pull", "team"]).ok();
    bob.refused("untrusted", &["vault", "checkpoint", "team"]);
}

/// Row 50: one that is worth something for ever would say nothing of a ledger that is held back.
#[test]
fn row_50_no_checkpoint_is_for_ever() {
    let (ada, _) = ada();
    let before = head(&ada);
    let ran = ada.run(["vault", "checkpoint", "team", "--days", "367"]);
    assert!(ran.code == Some(2) && ran.stderr.contains("366"), "{ran:?}");
    assert_eq!(head(&ada), before);
    ada.run(["vault", "checkpoint", "team", "--days", "366"]).ok();
}
