//! What was seen of a ledger is one fact for its id: it outlives the names of vaults, their stores and the refs in them.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use crate::env::{Depth, Ran, TestEnv, examples};
use crate::ledger::{ada, address, export, forget_seen, head, public, reader, user, vault_git};

/// Ada's vault in which Bob has published `good`; a copy of it from before his key was revoked; a reader who knows that it is,
/// and who has his key in their own list.
struct World {
    ada: TestEnv,
    id: String,
    /// The copy.
    old: String,
    /// Bob's pack.
    pack: String,
    reader: TestEnv,
}

fn world() -> World {
    let (ada, id) = ada();
    let bob = user("bob");
    bob.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    export(&bob, "good", "1.0.0");
    let key = public(&bob);
    ada.run(["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "*", "--key", &key])
        .ok();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    bob.run(["vault", "push", "team", "good"]).ok();
    let old = copy(&ada, "old.git");
    ada.run(["trust", "revoke", &key, "--vault", "team", "--since", "0", "--reason", "stolen"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    reader.run(["trust", "add", "bob@example.invalid", "--key", &key]).ok();
    let pack = reader.root().join("good.skillmeat-pack");
    fs::copy(bob.root().join("good-1.0.0.skillmeat-pack"), &pack).expect("copies");
    World { ada, id, old, pack: pack.to_str().expect("a path").to_owned(), reader }
}

/// Copies Ada's vault as it is now.
fn copy(ada: &TestEnv, name: &str) -> String {
    let to = ada.root().join(name);
    let mut command = ada.command("git");
    command.args(["clone", "--quiet", "--mirror", &address(ada)]).arg(&to);
    let _ = Ran::of(command).ok();
    to.to_str().expect("a path").to_owned()
}

fn store(env: &TestEnv, vault: &str) -> PathBuf {
    env.home().join(format!(".skillmeat/vaults/{vault}.git"))
}

fn store_git(env: &TestEnv, vault: &str, args: &[&str]) -> String {
    let store = store(env, vault);
    env.git([&["-C", store.to_str().expect("a path")], args].concat())
}

fn lose_ref(env: &TestEnv) {
    let pointer = store_git(env, "team", &["for-each-ref", "--format=%(refname)", "refs/skillmeat/seen/"]);
    store_git(env, "team", &["update-ref", "-d", &pointer]);
}

/// Returns the file that says how far the ledger was seen.
fn seen_file(env: &TestEnv, id: &str) -> PathBuf {
    env.home().join(".skillmeat/seen").join(id.trim_start_matches("sha256:"))
}

#[test]
fn row_48_a_rewound_ledger_comes_in_under_no_other_name() {
    let World { ada, id, old, pack, reader } = world();
    reader.refused("untrusted", &["verify", &pack]);
    let told = reader.refused("rollback", &["vault", "add", "aaa", &old, "--ledger", &id]);
    assert!(told.stderr.contains("was at entry 4") && told.stderr.contains(&head(&ada)), "{}", told.stderr);
    reader.refused("untrusted", &["verify", &pack]);
    // Nor after the name was forgotten, in the place of which it would be added.
    reader.run(["vault", "remove", "team"]).ok();
    reader.refused("rollback", &["vault", "add", "team", &old, "--ledger", &id]);
    reader.refused("rollback", &["vault", "add", "team", &old, "--first-use"]);
    // A fork is told as one.
    vault_git(&ada, &["--git-dir", &old, "fsck", "--no-dangling"]);
    let other = TestEnv::with_collection();
    other.run(["vault", "add", "team", &old, "--ledger", &id]).ok();
    ada.run(["vault", "remove", "team"]).ok();
    forget_seen(&ada);
    ada.run(["vault", "add", "old", &old, "--ledger", &id]).ok();
    ada.run(["vault", "checkpoint", "old"]).ok();
    ada.run(["vault", "checkpoint", "old"]).ok();
    let told = reader.refused("fork", &["vault", "add", "aaa", &old, "--ledger", &id]);
    assert!(told.stderr.contains("part at entry 4 or before"), "{}", told.stderr);
    // The right one is taken, under any name.
    reader.run(["vault", "add", "again", &address(&ada), "--ledger", &id]).ok();
    reader.refused("untrusted", &["verify", &pack]);
}

/// Homes of versions that kept only the ref go on working, and are no worse off.
#[test]
fn a_home_with_the_ref_alone_has_seen_as_much() {
    let World { ada: _ada, id, old, pack, reader } = world();
    let file = seen_file(&reader, &id);
    let text = fs::read_to_string(&file).expect("reads");
    forget_seen(&reader);
    reader.refused("untrusted", &["verify", &pack]);
    reader.refused("rollback", &["vault", "add", "aaa", &old, "--ledger", &id]);
    assert!(!file.exists(), "who only looks writes nothing");
    reader.run(["vault", "remove", "team"]).ok();
    assert_eq!(fs::read_to_string(&file).expect("reads"), text, "it stays behind");
    reader.refused("rollback", &["vault", "add", "team", &old, "--ledger", &id]);
    fs::remove_file(&file).expect("removes");
    reader.run(["vault", "add", "team", &old, "--ledger", &id]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    assert!(fs::read_to_string(&file).expect("reads").contains("number = 3"));
}

/// Row 61: what a vault could say is lost here, and it may be that a key was stolen.
#[test]
fn row_61_what_is_lost_here_makes_no_verdict_better() {
    let World { ada, pack, reader, .. } = world();
    let told = |class: &str, hint: &str| {
        for args in [&["verify", &pack][..], &["import", &pack, "--yes"], &["inspect", &pack]] {
            let told = reader.refused(class, args);
            assert!(told.stderr.contains(hint), "{args:?}: {}", told.stderr);
        }
    };
    let is_well = || {
        assert_eq!(reader.json(&["vault", "list"])[0]["pin"], "compared");
        reader.refused("untrusted", &["verify", &pack]);
    };
    // The ref. What comes with the next pull was seen, so it is no first contact.
    lose_ref(&reader);
    told("rollback", "vault pull team");
    reader.refused("rollback", &["vault", "ls", "team"]);
    let ran = reader.run(["vault", "pull", "team"]).ok();
    assert!(!ran.stderr.contains("first contact"), "{}", ran.stderr);
    is_well();
    // The ref, and the vault was wound back meanwhile.
    lose_ref(&reader);
    let newest = head(&ada);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", "skillmeat-ledger~1"]);
    reader.refused("rollback", &["vault", "pull", "team"]);
    told("rollback", "vault pull team");
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &newest]);
    reader.run(["vault", "pull", "team"]).ok();
    is_well();
    // The ref is an older one.
    let pointer = store_git(&reader, "team", &["for-each-ref", "--format=%(refname)", "refs/skillmeat/seen/"]);
    store_git(&reader, "team", &["update-ref", &pointer, &format!("{newest}~1")]);
    told("rollback", "is here up to entry 3 only");
    reader.run(["vault", "pull", "team"]).ok();
    is_well();
    // The store.
    fs::remove_dir_all(store(&reader, "team")).expect("removes");
    told("rollback", "is gone here");
    assert!(!store(&reader, "team").exists(), "who only looks makes no store");
    reader.run(["vault", "pull", "team"]).ok();
    is_well();
    // Objects.
    fs::remove_dir_all(store(&reader, "team").join("skillmeat")).expect("removes");
    for pack in fs::read_dir(store(&reader, "team").join("objects/pack")).expect("lists").flatten() {
        fs::remove_file(pack.path()).expect("removes");
    }
    for folder in fs::read_dir(store(&reader, "team").join("objects")).expect("lists").flatten() {
        if folder.file_name().len() == 2 {
            fs::remove_dir_all(folder.path()).expect("removes");
        }
    }
    let lost = reader.run(["verify", &pack]);
    assert_ne!(lost.code, Some(0));
    assert!(lost.stderr.contains("vault repair team"), "{}", lost.stderr);
    assert_ne!(reader.run(["import", &pack, "--yes"]).code, Some(0));
    // Bob's release does not come back, since his key is revoked; the ledger does.
    let ran = reader.run(["vault", "repair", "team"]);
    assert!(ran.code == Some(3) && ran.stdout.contains("the ledger came from"), "{ran:?}");
    is_well();
    // The record.
    let record = store(&reader, "team").with_file_name("team.toml");
    fs::write(&record, "x").expect("writes");
    told("parse", "vault repair team");
    reader.run(["vault", "repair", "team"]).ok();
    is_well();
}

/// Of two names one is behind: the other speaks for both, and the one that is behind has to be fetched before it is used.
#[test]
fn the_name_that_is_further_speaks_for_the_ledger() {
    let World { ada, id, pack, reader, .. } = world();
    let mirror = copy(&ada, "mirror.git");
    reader.run(["vault", "add", "aaa", &mirror, "--first-use"]).ok();
    reader.run(["vault", "pull", "aaa"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    reader.refused("untrusted", &["verify", &pack]);
    let kit = ada.root().join("kit-1.0.0.skillmeat-pack");
    assert_eq!(reader.json(&["verify", kit.to_str().expect("a path")])["vault"], "team");
    let told = reader.refused("rollback", &["import", "aaa:kit", "--offline", "--yes"]);
    assert!(told.stderr.contains("vault pull aaa"), "{}", told.stderr);
    // Its copy is older than what was seen, until it is brought up to date.
    reader.refused("rollback", &["vault", "pull", "aaa"]);
    vault_git(&ada, &["push", "--quiet", &mirror, "skillmeat-ledger"]);
    reader.run(["vault", "pull", "aaa"]).ok();
    reader.run(["import", "aaa:kit", "--offline", "--yes"]).ok();
    // The one that was compared is lost: the other, taken on first use, is worth less and does not stand in for it.
    lose_ref(&reader);
    reader.refused("rollback", &["verify", &pack]);
    reader.run(["vault", "pin", "aaa", "--ledger", &id]).ok();
    reader.refused("untrusted", &["verify", &pack]);
}

#[test]
fn what_says_how_far_is_not_half_read() {
    let World { ada, id, pack, reader, .. } = world();
    let file = seen_file(&reader, &id);
    let good = fs::read_to_string(&file).expect("reads");
    assert!(good.contains("number = 4") && good.contains(&head(&ada)), "{good}");
    for spoilt in ["", "\0\0", &good[..good.len() - 8], &good.replace("number", "nummer"), &good.repeat(100)] {
        fs::write(&file, spoilt).expect("writes");
        let before = reader.snapshot(Depth::Refs);
        for args in [&["verify", &pack][..], &["vault", "ls", "team"], &["vault", "check", "team"]] {
            let ran = reader.run(args);
            assert_ne!(ran.code, Some(0), "{args:?}: {ran:?}");
        }
        assert_ne!(reader.run(["vault", "pull", "team"]).code, Some(0));
        before.assert_same(&reader.snapshot(Depth::Refs), "it is left");
    }
    fs::write(&file, "").expect("writes");
    let told = reader.refused("parse", &["verify", &pack]);
    assert!(told.stderr.contains("vault pin"), "{}", told.stderr);
}

/// Those who fetch at once, under several names and from states of their own, never leave less than the most that was seen.
#[test]
fn it_never_goes_back_whoever_is_last() {
    let World { ada, id, reader, .. } = world();
    for name in ["b", "c", "d"] {
        reader.run(["vault", "add", name, &address(&ada), "--ledger", &id]).ok();
    }
    for round in 0..3 {
        let start = |name: &str| {
            let mut command = reader.program(["vault", "pull", name]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("starts")
        };
        let mut running = vec![start("team"), start("b")];
        ada.run(["vault", "checkpoint", "team"]).ok();
        running.extend([start("c"), start("d")]);
        let mut ended = 0;
        for child in running {
            let output = child.wait_with_output().expect("ends");
            // One that asked before may end after: what it got is older than what was seen by then.
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() || text.contains("was at entry"), "{text}");
            ended += usize::from(output.status.success());
        }
        assert!(ended > 0);
        reader.run(["vault", "pull", "team"]).ok();
        let text = fs::read_to_string(seen_file(&reader, &id)).expect("reads");
        assert!(text.contains(&format!("number = {}", 5 + round)) && text.contains(&head(&ada)), "{text}");
    }
}
