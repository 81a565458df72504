//! Vaults: one atomic push, what was fetched is never replaced, and nothing is believed for where it came from.

use std::process::Stdio;

use crate::env::{Ran, TestEnv, examples};

/// A user with a key, all five kinds of artifact, the release `kit` 1.0.0, and the vault `team` at `../vault.git`.
fn author() -> TestEnv {
    let env = TestEnv::with_key();
    env.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    export(&env, "1.0.0");
    env.run(["vault", "init", "../vault.git"]).ok();
    env.run(["vault", "add", "team", "../vault.git"]).ok();
    env
}

fn export(env: &TestEnv, version: &str) {
    env.run(["export", "kit", "--version", version, "--all", "--output", "../kit.skillmeat-pack"]).ok();
}

/// Another user, who knows the vault of `author` and, if asked for, their key.
fn reader(author: &TestEnv, trusts: bool) -> TestEnv {
    let env = TestEnv::with_collection();
    let vault = author.root().join("vault.git");
    env.run(["vault", "add", "team", vault.to_str().expect("a path")]).ok();
    if trusts {
        let key = author.json(&["key", "show"])["public"].as_str().expect("a key").to_owned();
        env.run(["trust", "add", "tester@example.invalid", "--key", &key]).ok();
    }
    env
}

fn vault_git(author: &TestEnv, args: &[&str]) -> String {
    let mut command = author.command("git");
    command.arg("-C").arg(author.root().join("vault.git")).args(args);
    Ran::of(command).ok().stdout.trim().to_owned()
}

#[test]
fn a_release_goes_through_a_vault_to_a_second_user() {
    let author = author();
    let pushed = author.json(&["vault", "push", "team", "kit"]);
    assert_eq!(pushed["release"], "kit--v1.0.0");
    assert_eq!(pushed["already_there"], false);
    assert_eq!(author.json(&["vault", "push", "team", "kit@1.0.0"])["already_there"], true);
    vault_git(&author, &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(
        vault_git(&author, &["rev-parse", "refs/tags/kit--v1.0.0"]),
        author.git(["rev-parse", "refs/tags/kit--v1.0.0"])
    );
    assert!(vault_git(&author, &["show", "main:README.md"]).contains("| kit | 1.0.0 |"));

    let reader = reader(&author, true);
    let pulled = reader.json(&["vault", "pull", "team"]);
    assert_eq!(pulled["new"][0]["standing"], "signed");
    assert_eq!(reader.json(&["vault", "pull", "team"])["new"], serde_json::json!([]));
    reader.run(["import", "team:kit", "--yes"]).ok();
    reader.assert_sound();
    assert_eq!(reader.json(&["list"])["artifacts"].as_array().expect("a list").len(), 7);
    let head = reader.head();
    reader.run(["import", "team:kit@1.0.0", "--yes"]).ok();
    assert_eq!(reader.head(), head, "importing twice changes nothing");
    // The outside judge, with the reader's own list.
    let signers = reader.home().join(".skillmeat/allowed_signers");
    reader.git(["-c", &format!("gpg.ssh.allowedSignersFile={}", signers.display()), "verify-tag", "kit--v1.0.0"]);
    assert_eq!(reader.json(&["show", "skill/commit-message"])["vault"], "team");
}

#[test]
fn nothing_is_believed_for_where_it_came_from() {
    let author = author();
    author.run(["vault", "push", "team", "kit"]).ok();
    let reader = reader(&author, false);
    let pulled = reader.json(&["vault", "pull", "team"]);
    assert_eq!(pulled["new"][0]["standing"], "not-believed");
    reader.refused("untrusted", &["import", "team:kit", "--offline", "--yes"]);
    // An unsigned tag, put there with plain git.
    let other = "kit--v2.0.0";
    vault_git(
        &author,
        &["-c", "user.name=x", "-c", "user.email=x@example.invalid", "tag", "-a", "-m", "x", other, "main"],
    );
    reader.run(["vault", "pull", "team"]).ok();
    reader.refused("name", &["import", "team:kit@2.0.0", "--offline", "--yes"]);
    // Nor by someone in whose store it is all the same.
    let (store, vault) = (reader.home().join(".skillmeat/vaults/team.git"), author.root().join("vault.git"));
    let (store, vault) = (store.to_str().expect("a path"), vault.to_str().expect("a path"));
    reader.git(["-C", store, "fetch", "--quiet", vault, "refs/tags/kit--v2.0.0:refs/tags/kit--v2.0.0"]);
    reader.refused("signature", &["import", "team:kit@2.0.0", "--offline", "--yes"]);
    // A signed tag under another name.
    reader.git(["-C", store, "update-ref", "refs/tags/kit--v3.0.0", "refs/tags/kit--v1.0.0"]);
    let key = author.json(&["key", "show"])["public"].as_str().expect("a key").to_owned();
    reader.run(["trust", "add", "tester@example.invalid", "--key", &key]).ok();
    reader.refused("signature", &["import", "team:kit@3.0.0", "--offline", "--yes"]);
}

#[test]
fn a_release_that_was_seen_is_never_replaced() {
    let author = author();
    author.run(["vault", "push", "team", "kit"]).ok();
    export(&author, "1.1.0");
    author.run(["vault", "push", "team", "kit"]).ok();
    let reader = reader(&author, true);
    reader.run(["vault", "pull", "team"]).ok();
    vault_git(&author, &["update-ref", "refs/tags/kit--v1.0.0", "refs/tags/kit--v1.1.0"]);
    let told = reader.refused("rollback", &["vault", "pull", "team"]);
    assert!(told.stderr.contains(&author.git(["rev-parse", "refs/tags/kit--v1.0.0"])), "{}", told.stderr);
    vault_git(&author, &["update-ref", "-d", "refs/tags/kit--v1.0.0"]);
    reader.refused("rollback", &["vault", "pull", "team"]);
    // What was fetched before still works.
    reader.run(["import", "team:kit@1.0.0", "--offline", "--yes"]).ok();
}

#[test]
fn a_version_is_published_once() {
    let author = author();
    author.run(["vault", "push", "team", "kit"]).ok();
    author.git(["tag", "-d", "kit--v1.0.0"]);
    author.write("skills/commit-message/extra.md", "more\n");
    author.git(["add", "."]);
    author.git(["commit", "--quiet", "-m", "More"]);
    export(&author, "1.0.0");
    author.refused("policy", &["vault", "push", "team", "kit@1.0.0"]);
}

#[test]
fn those_who_publish_at_once_all_get_in() {
    let author = author();
    for minor in 1..=4 {
        export(&author, &format!("1.{minor}.0"));
    }
    // Four users of their own, so that nothing but the vault is shared.
    let users: Vec<TestEnv> = (1..=4)
        .map(|_| {
            let user = TestEnv::with_key();
            let key = author.json(&["key", "show"])["public"].as_str().expect("a key").to_owned();
            user.run(["trust", "add", "tester@example.invalid", "--key", &key]).ok();
            user.git(["fetch", "--quiet", "--tags", author.folder().to_str().expect("a path")]);
            user.run(["vault", "add", "team", author.root().join("vault.git").to_str().expect("a path")]).ok();
            user
        })
        .collect();
    let running: Vec<_> = users
        .iter()
        .zip(1..)
        .map(|(user, minor)| {
            let mut command = user.program(["vault", "push", "team", &format!("kit@1.{minor}.0")]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
        })
        .collect();
    for child in running {
        let output = child.wait_with_output().expect("ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    vault_git(&author, &["fsck", "--strict", "--no-dangling"]);
    let index = vault_git(&author, &["show", "main:index.toml"]);
    for minor in 1..=4 {
        assert!(index.contains(&format!("version = \"1.{minor}.0\"")), "{index}");
        vault_git(&author, &["rev-parse", "--verify", &format!("refs/tags/kit--v1.{minor}.0")]);
    }
    assert_eq!(vault_git(&author, &["rev-list", "--count", "main"]), "5");
}

#[test]
fn what_is_not_there_is_said_and_leaves_nothing() {
    let author = author();
    author.refused("name", &["vault", "push", "team", "nothing"]);
    author.refused("name", &["vault", "push", "elsewhere", "kit"]);
    author.refused("name", &["vault", "pull", "elsewhere"]);
    author.refused("name", &["vault", "add", "team", "../vault.git"]);
    author.refused("name", &["vault", "add", "Bad Name", "../vault.git"]);
    author.refused("name", &["vault", "add", "x", "--", "--upload-pack=touch /tmp/x"]);
    author.refused("name", &["vault", "add", "x", "ext::sh -c 'touch x'"]);
    author.refused("net", &["vault", "add", "x", "../missing.git"]);
    author.refused("net", &["vault", "add", "x", "https://127.0.0.1:9/vault.git"]);
    author.refused("usage", &["vault", "init", "../vault.git"]);
    author.refused("usage", &["vault", "push", "team"]);
    let told = author.refused("name", &["vault", "add", "x", "https://user:s3cretword@127.0.0.1:9/vault.git"]);
    assert!(!told.stderr.contains("s3cretword"));
    author.git(["init", "--quiet", "--bare", "../plain.git"]);
    author.refused("parse", &["vault", "add", "x", "../plain.git"]);
    author.run(["vault", "pull", "team"]).ok();
    author.refused("name", &["import", "team:kit@9.9.9", "--offline"]);
}

#[test]
fn a_vault_that_cannot_be_reached_is_said_and_what_is_here_can_be_used() {
    let author = author();
    author.run(["vault", "push", "team", "kit"]).ok();
    let reader = reader(&author, true);
    reader.run(["vault", "pull", "team"]).ok();
    std::fs::rename(author.root().join("vault.git"), author.root().join("gone.git")).expect("moves");
    reader.refused("net", &["vault", "pull", "team"]);
    reader.refused("net", &["import", "team:kit", "--yes"]);
    let told = reader.refused("net", &["vault", "pull", "team", "--offline"]);
    assert!(told.stderr.contains("has to be asked") && told.stderr.contains("vault ls team"), "{}", told.stderr);
    author.refused("net", &["vault", "push", "team", "kit", "--offline"]);
    assert_eq!(reader.json(&["vault", "ls", "team"]).as_array().expect("a list").len(), 1);
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
}

#[test]
fn a_push_that_the_server_refuses_publishes_nothing() {
    let author = author();
    let before = vault_git(&author, &["for-each-ref"]);
    let hook = author.root().join("vault.git/hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("a folder");
    std::fs::write(&hook, "#!/bin/sh\necho no\nexit 1\n").expect("writes");
    Ran::of({
        let mut command = author.command("chmod");
        command.arg("755").arg(&hook);
        command
    })
    .ok();
    let told = author.run(["vault", "push", "team", "kit"]);
    let told = told.refused("policy");
    assert!(told.stderr.contains("refuses the push: no"), "{}", told.stderr);
    assert_eq!(vault_git(&author, &["for-each-ref"]), before);
}

#[test]
fn vaults_are_listed_and_forgotten() {
    let author = author();
    assert_eq!(author.json(&["vault", "list"])[0]["name"], "team");
    author.run(["vault", "pull", "team"]).ok();
    author.run(["vault", "remove", "team"]).ok();
    assert_eq!(author.json(&["vault", "list"]), serde_json::json!([]));
    author.refused("name", &["vault", "ls", "team"]);
}

#[test]
fn a_git_that_is_too_old_or_missing_is_named() {
    let mut author = author();
    let bin = author.root().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    std::fs::write(bin.join("git"), "#!/bin/sh\necho git version 2.20.1\n").expect("a file");
    Ran::of({
        let mut command = author.command("chmod");
        command.arg("755").arg(bin.join("git"));
        command
    })
    .ok();
    let path = std::env::var("PATH").expect("a path");
    author.set("PATH", &format!("{}:{path}", bin.display()));
    let told = author.refused("io", &["vault", "push", "team", "kit"]);
    assert!(told.stderr.contains("2.20.1") && told.stderr.contains("2.38"), "{}", told.stderr);
    // Reading needs no git at all.
    author.set("PATH", author.root().join("nothing").to_str().expect("UTF-8"));
    author.run(["list"]).ok();
    author.refused("io", &["vault", "push", "team", "kit"]);
}

/// A new version of a large bundle brings what is new in it, and not the rest again.
#[test]
fn pulling_the_next_version_moves_what_is_missing() {
    let author = author();
    // Half a megabyte that cannot be made smaller.
    let mut state = 1_u32;
    let noise: String = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        format!("{state:08x}")
    })
    .take(64 * 1024)
    .collect();
    author.write("skills/commit-message/references/noise.md", noise);
    author.git(["add", "."]);
    author.git(["commit", "--quiet", "-m", "Noise"]);
    export(&author, "1.1.0");
    author.run(["vault", "push", "team", "kit"]).ok();
    let reader = reader(&author, true);
    let first = reader.json(&["vault", "pull", "team"])["bytes"].as_u64().expect("a number");
    author.write("skills/commit-message/references/more.md", "more\n");
    author.git(["add", "."]);
    author.git(["commit", "--quiet", "-m", "More"]);
    export(&author, "1.2.0");
    author.run(["vault", "push", "team", "kit"]).ok();
    let next = reader.run(["vault", "pull", "team"]).ok();
    assert!(next.stderr.contains("Fetched "), "the bytes are shown: {}", next.stderr);
    export(&author, "1.3.0");
    author.run(["vault", "push", "team", "kit"]).ok();
    let next = reader.json(&["vault", "pull", "team"])["bytes"].as_u64().expect("a number");
    assert!(first > 200_000 && next < 20_000, "{first} bytes, then {next}");
    reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
}

/// A server that gives nothing by its id, or does not send files apart, sends more; a kill in between leaves no half release.
#[test]
fn servers_that_can_less_send_more() {
    let author = author();
    author.run(["vault", "push", "team", "kit"]).ok();
    for (filter, any, version) in
        [("true", "false", "0"), ("false", "false", "0"), ("false", "true", "2"), ("true", "true", "0")]
    {
        vault_git(&author, &["config", "uploadpack.allowFilter", filter]);
        vault_git(&author, &["config", "uploadpack.allowAnySHA1InWant", any]);
        let reader = reader(&author, true);
        reader.config("protocol.version", version);
        reader.run(["vault", "pull", "team"]).ok();
        reader.run(["import", "team:kit", "--offline", "--yes"]).ok();
        let store = reader.home().join(".skillmeat/vaults/team.git");
        let store = store.to_str().expect("a path").to_owned();
        let refs = reader.git(["-C", &store, "for-each-ref", "--format=%(refname)"]);
        assert!(!refs.contains("incoming"), "{refs}");
        // What waits from a run that was killed is no release, and is in nobody's way.
        let tag = reader.git(["-C", &store, "rev-parse", "refs/tags/kit--v1.0.0"]);
        reader.git(["-C", &store, "update-ref", "refs/skillmeat/incoming-tags/kit--v1.0.0", &tag]);
        reader.git(["-C", &store, "update-ref", "-d", "refs/tags/kit--v1.0.0"]);
        reader.refused("name", &["import", "team:kit", "--offline", "--dry-run"]);
        reader.run(["vault", "pull", "team"]).ok();
        reader.run(["import", "team:kit", "--offline", "--dry-run"]).ok();
    }
}
