//! What a command answers when it does nothing, or not what was meant: what is wrong, once, and what to do about that.

use std::fs;

use crate::env::{KEY, Key, TestEnv};
use crate::ledger::{ada, public, reader};

/// Checks what a refusal says.
fn says(env: &TestEnv, class: &str, args: &[&str], told: &[&str]) {
    let ran = env.refused(class, args);
    for text in told {
        assert!(ran.stderr.contains(text), "{args:?}: '{text}' in {}", ran.stderr);
    }
}

#[test]
fn a_bundle_of_a_vault_is_verified_as_it_is_inspected() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    for what in ["team:kit", "team:kit@1.0.0", "team:kit@^1"] {
        let verified = reader.json(&["verify", what, "--offline"]);
        assert_eq!(verified, reader.json(&["inspect", what, "--offline"])["release"], "{what}");
        assert_eq!((&verified["release"], &verified["level"]), (&"kit--v1.0.0".into(), &3.into()), "{what}");
    }
    says(&reader, "name", &["verify", "nobody:kit"], &["vault list"]);
    says(&reader, "name", &["verify", "team:none", "--offline"], &["none"]);
}

#[test]
fn who_keeps_theirs_is_not_told_that_it_is_the_same() {
    let author = TestEnv::with_key();
    author.add_skill("one", "first");
    let pack = author.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8");
    author.run(["export", "kit", "--version", "1.0.0", "--all", "--output", pack]).ok();
    let reader = TestEnv::with_collection();
    reader.allow(&[("team@example.invalid", &KEY)]);
    reader.add_skill("one", "mine");
    let before = reader.head();
    let ran = reader.run(["import", pack, "--yes", "--existing", "skip"]).ok();
    assert_eq!(reader.head(), before);
    assert!(ran.stdout.contains("Nothing taken: 1 artifact stayed as yours"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("all of it"), "{}", ran.stdout);
    reader.run(["import", pack, "--yes", "--existing", "replace"]).ok();
    let ran = reader.unchanged(&["import", pack, "--yes", "--existing", "skip"]);
    assert!(ran.stdout.contains("the collection has all of it"), "{}", ran.stdout);
}

#[test]
fn an_export_of_nothing_says_why() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    env.add_skill("two", "text");
    env.run(["tag", "one", "--add", "team"]).ok();
    let export = |more: &[&'static str]| [&["export", "kit", "--version", "1.0.0"], more].concat();
    says(
        &env,
        "name",
        &export(&["--tag", "nope"]),
        &["no artifact has the tag 'nope'", "git skillmeat tag REF --add WORD"],
    );
    says(&env, "name", &export(&["--tag", "team", "--tag", "nope"]), &["'nope'"]);
    says(
        &env,
        "policy",
        &export(&["--all", "--discovery"]),
        &["one skill and nothing else", "leave out `--discovery`"],
    );
    assert!(!env.refused("policy", &export(&["--all", "--discovery"])).stderr.contains("--allow"));
}

#[test]
fn a_pack_that_is_not_there_or_not_whole_is_told_as_that() {
    let env = TestEnv::new();
    says(&env, "name", &["import", "missing.skillmeat-pack"], &["there is no pack"]);
    let author = TestEnv::with_key();
    author.add_skill("one", "text");
    author.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit.skillmeat-pack"]).ok();
    let bytes = fs::read(author.root().join("kit.skillmeat-pack")).expect("reads");
    author.write("cut.skillmeat-pack", &bytes[..bytes.len() - 100]);
    for command in ["verify", "inspect", "import"] {
        says(&author, "pack", &[command, "cut.skillmeat-pack"], &["hint: it was cut off or changed on its way"]);
    }
}

#[test]
fn keys_that_are_none_are_told_once() {
    let env = TestEnv::with_collection();
    says(&env, "name", &["trust", "revoke", "SHA256:zzz"], &["has the key 'SHA256:zzz'", "trust list"]);
    let ran = env.refused("name", &["trust", "add", "ada@example.invalid", "--key", "/nonexistent"]);
    assert_eq!(ran.stderr.matches("no file '/nonexistent'").count(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("caused by"), "{}", ran.stderr);
    says(&env, "usage", &["trust", "add", "ada@example.invalid"], &["--key", "--forge", "--from"]);
    // With a passphrase, and nobody to ask.
    let locked = Key::generate("a passphrase").write(&env.root().join("locked"));
    let locked = locked.to_str().expect("UTF-8");
    env.config("gpg.format", "ssh");
    env.config("user.signingKey", locked);
    env.add_skill("one", "text");
    says(&env, "io", &["export", "kit", "--version", "1.0.0", "--all"], &[&format!("ssh-add {locked}")]);
}

#[test]
fn who_is_believed_for_what_and_when_is_shown() {
    let (ada, _) = ada();
    let env = TestEnv::with_collection();
    let pack = ada.root().join("kit-1.0.0.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8");
    let ran = env.unchanged(&["trust", "list"]);
    assert!(ran.stderr.contains("Nobody is believed yet: `git skillmeat trust add"), "{}", ran.stderr);
    let key = public(&ada);
    let add = |more: &[&str]| env.run([&["trust", "add", "ada@example.invalid", "--key", &key], more].concat());
    for wrong in [
        &["--valid-before", "soon"][..],
        &["--namespaces", "git\" x"],
        &["--namespaces", ""],
        &["--valid-after", "2026-02-31"],
    ] {
        let ran = add(wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    }
    // The tag is of 2026-11-22: the line is over before, and starts after it.
    add(&["--valid-before", "2026-11-01", "--namespaces", "git"]).ok();
    let listed = env.json(&["trust", "list"]);
    assert_eq!((&listed[0]["valid_before"], &listed[0]["namespaces"]), (&"2026-11-01T00:00:00Z".into(), &"git".into()));
    let shown = env.run(["trust", "list"]).ok().stdout.clone();
    assert!(shown.contains("for git  until 2026-11-01T00:00:00Z"), "{shown}");
    env.refused("untrusted", &["verify", pack]);
    // The outside judge says the same.
    env.git(["fetch", "--quiet", ada.folder().to_str().expect("UTF-8"), "refs/tags/*:refs/tags/*"]);
    let signers = env.home().join(".skillmeat/allowed_signers");
    let verifies = || {
        let mut command = env.command("git");
        command.arg("-c").arg(format!("gpg.ssh.allowedSignersFile={}", signers.display()));
        command.args(["verify-tag", "kit--v1.0.0"]).output().expect("git runs").status.success()
    };
    assert!(!verifies(), "git believes a key that is over");
    env.run(["trust", "remove", "ada@example.invalid"]).ok();
    add(&["--valid-after", "2026-11-01", "--valid-before", "2027-01-01"]).ok();
    let shown = env.run(["trust", "list"]).ok().stdout.clone();
    assert!(shown.contains("  from 2026-11-01T00:00:00Z  until 2027-01-01T00:00:00Z"), "{shown}");
    env.run(["verify", pack]).ok();
    assert!(verifies(), "git does not believe a key that is good");
}
