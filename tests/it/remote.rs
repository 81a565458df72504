//! Vaults and sources over real ssh and https: the same way as by path, and every refusal of a server is a clear error.

use crate::env::{KEY, STRANGER, Server, TestEnv, skill};
use crate::ledger::address;
use crate::server::{self, whole_way};

const USER: &str = "reader";
const PASSWORD: &str = "cAnAry-5ecret";

/// A user with the release `kit` 1.0.0, and an empty vault at `../vault.git`, reached at no address yet.
fn author() -> TestEnv {
    let env = TestEnv::with_key();
    env.add_examples();
    export(&env, "1.0.0");
    env.run(["vault", "init", "../vault.git"]).ok();
    env
}

fn export(env: &TestEnv, version: &str) {
    env.run(["export", "kit", "--version", version, "--all", "--output", "../kit.skillmeat-pack"]).ok();
}

/// Another user, who trusts the tester's key.
fn reader() -> TestEnv {
    let env = TestEnv::with_collection();
    env.run(["trust", "add", "tester@example.invalid", "--key", &KEY.public]).ok();
    env
}

/// Publish, pull, import and update at `url`, as both users are configured to reach it.
fn round(author: &TestEnv, reader: &TestEnv, url: &str) {
    author.run(["vault", "add", "team", url]).ok();
    assert_eq!(author.json(&["vault", "push", "team", "kit"])["already_there"], false);
    assert_eq!(author.json(&["vault", "push", "team", "kit"])["already_there"], true);
    reader.run(["vault", "add", "team", url]).ok();
    assert_eq!(reader.json(&["vault", "pull", "team"])["new"][0]["standing"], "signed");
    reader.run(["import", "team:kit", "--yes"]).ok();
    reader.assert_sound();
    assert_eq!(reader.git(["rev-parse", "kit--v1.0.0"]), author.git(["rev-parse", "kit--v1.0.0"]));
    // A second release moves only forward, and a reader who knows the first gets the second.
    export(author, "1.1.0");
    author.run(["vault", "push", "team", "kit@1.1.0"]).ok();
    assert_eq!(reader.json(&["vault", "pull", "team"])["new"][0]["release"], "kit--v1.1.0");
    let vault = author.root().join("vault.git");
    author.git(["-C", vault.to_str().expect("UTF-8"), "fsck", "--strict", "--no-dangling"]);
}

/// A repository of one skill, at `../source.git` of `env`.
fn source(env: &TestEnv) {
    env.bare("source").commit_files("main", &[("skills/far/SKILL.md", &skill("far", "from a server"))]);
}

#[test]
#[ignore = "needs sshd; .ci/run installs it and runs this"]
fn a_vault_and_a_source_over_ssh() {
    let (author, reader) = (author(), reader());
    let server = Server::ssh(&KEY);
    for env in [&author, &reader] {
        server.configure_ssh(env, &KEY, true);
    }
    let url = server.ssh_url(&author.root().join("vault.git"));
    round(&author, &reader, &url);
    source(&author);
    reader.run(["add", &server.ssh_url(&author.root().join("source.git")), "--yes"]).ok();
    assert_eq!(reader.read("skills/far/SKILL.md"), skill("far", "from a server"));
    // No such repository, a key that is not let in, and a host that is not the one known.
    let missing = server.ssh_url(&author.root().join("nothing.git"));
    reader.refused("net", &["add", &missing, "--yes"]);
    server.configure_ssh(&reader, &STRANGER, true);
    let told = reader.refused("net", &["vault", "pull", "team"]);
    assert!(told.stderr.contains("Permission denied"), "{}", told.stderr);
    server.configure_ssh(&reader, &KEY, false);
    let told = reader.refused("net", &["vault", "pull", "team"]);
    assert!(told.stderr.contains("Host key verification failed"), "{}", told.stderr);
    drop(server);
    reader.refused("net", &["vault", "pull", "team"]);
    author.refused("net", &["vault", "push", "team", "kit@1.0.0"]);
    // What was fetched works without a server.
    reader.run(["import", "team:kit@1.1.0", "--offline", "--yes"]).ok();
}

#[test]
#[ignore = "needs lighttpd; .ci/run installs it and runs this"]
fn a_vault_and_a_source_over_https() {
    let (author, reader) = (author(), reader());
    let server = Server::https(author.root(), USER, PASSWORD);
    for env in [&author, &reader] {
        server.configure_https(env, USER, PASSWORD);
    }
    round(&author, &reader, &server.https_url("vault.git"));
    source(&author);
    reader.run(["add", &server.https_url("source.git"), "--yes"]).ok();
    assert_eq!(reader.read("skills/far/SKILL.md"), skill("far", "from a server"));
    reader.refused("net", &["add", &server.https_url("nothing.git"), "--yes"]);
    // The server has moved it to another of its addresses.
    reader.run(["add", &server.https_url("moved/source.git"), "--as", "further"]).ok();
    reader.run(["vault", "add", "moved", &server.https_url("moved/vault.git")]).ok();
    assert_eq!(reader.json(&["vault", "pull", "moved"])["new"].as_array().map(Vec::len), Some(2));
    // Another certificate than the one believed, then a wrong password, then none.
    let other = Server::https(author.root(), USER, PASSWORD);
    other.configure_https(&reader, USER, PASSWORD);
    let told = reader.refused("net", &["vault", "pull", "team"]);
    assert!(told.stderr.contains("certificate"), "{}", told.stderr);
    server.configure_https(&reader, USER, "wr0ng-5ecret");
    let told = reader.refused("net", &["vault", "pull", "team"]);
    assert!(!told.stderr.contains("wr0ng-5ecret"), "{}", told.stderr);
    reader.config("credential.helper", "");
    let told = reader.refused("net", &["vault", "pull", "team"]);
    assert!(told.stderr.contains("Authentication failed"), "{}", told.stderr);
    // A password in an address is refused before it can be stored anywhere.
    let with_password = server.https_url("vault.git").replacen("https://", &format!("https://{USER}:{PASSWORD}@"), 1);
    let told = reader.refused("name", &["vault", "add", "other", &with_password]);
    assert!(!told.stderr.contains(PASSWORD), "{}", told.stderr);
}

/// Two push at once: the one who comes second fetches and tries again, and both releases are there.
#[test]
#[ignore = "needs sshd; .ci/run installs it and runs this"]
fn two_authors_race_over_ssh() {
    let authors = [author(), author()];
    let server = Server::ssh(&KEY);
    let url = server.ssh_url(&authors[0].root().join("vault.git"));
    for (index, env) in authors.iter().enumerate() {
        server.configure_ssh(env, &KEY, true);
        env.run(["vault", "add", "team", &url]).ok();
        let name = format!("kit{index}");
        env.run(["export", &name, "--version", "1.0.0", "--all", "--output", "../other.skillmeat-pack"]).ok();
    }
    let runs: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = authors
            .iter()
            .enumerate()
            .map(|(index, env)| scope.spawn(move || env.run(["vault", "push", "team", &format!("kit{index}")])))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("ends")).collect()
    });
    for ran in runs {
        ran.ok();
    }
    let reader = reader();
    server.configure_ssh(&reader, &KEY, true);
    reader.run(["vault", "add", "team", &url]).ok();
    let new = reader.json(&["vault", "pull", "team"])["new"].as_array().expect("a list").len();
    assert_eq!(new, 2, "both are there");
}

/// A server that lets nobody install hooks, as forges do, and one of the team's own that enforces the ledger.
#[test]
#[ignore = "needs sshd; .ci/run installs it and runs this"]
fn the_whole_way_over_ssh_with_hooks_and_without() {
    for guarded in [false, true] {
        let (ada, bob) = (server::author("ada"), server::author("bob"));
        let ssh = Server::ssh(&KEY);
        for env in [&ada, &bob] {
            ssh.configure_ssh(env, &KEY, true);
        }
        server::bare(&ada);
        if guarded {
            server::guard(&ada);
        }
        let url = ssh.ssh_url(&ada.root().join("vault.git"));
        whole_way(&ada, &bob, &url);
        pushed_past_the_ledger(&bob, &url, guarded);
    }
}

#[test]
#[ignore = "needs lighttpd; .ci/run installs it and runs this"]
fn the_whole_way_over_https_with_hooks_and_without() {
    for guarded in [false, true] {
        let (ada, bob) = (server::author("ada"), server::author("bob"));
        let https = Server::https(ada.root(), USER, PASSWORD);
        for env in [&ada, &bob] {
            https.configure_https(env, USER, PASSWORD);
        }
        server::bare(&ada);
        ada.git(["-C", &address(&ada), "config", "http.receivepack", "true"]);
        if guarded {
            server::guard(&ada);
        }
        whole_way(&ada, &bob, &https.https_url("vault.git"));
        pushed_past_the_ledger(&bob, &https.https_url("vault.git"), guarded);
    }
}

/// Plain git pushes a tag of someone who may not publish it.
fn pushed_past_the_ledger(bob: &TestEnv, url: &str, guarded: bool) {
    bob.run(["export", "other-kit", "--version", "1.0.0", "--all", "--output", "../other.skillmeat-pack"]).ok();
    let mut command = bob.command("git");
    command.args(["push", url, "other-kit--v1.0.0"]);
    let ran = crate::env::Ran::of(command);
    assert_eq!(ran.code, Some(i32::from(guarded)), "{ran:?}");
    assert_eq!(guarded, ran.stderr.contains("remote: error: the vault's ledger has no 'other-kit--v1.0.0'"), "{ran:?}");
}
