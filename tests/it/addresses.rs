//! Which addresses are followed: none that only a file names and that leads to this machine or over an unprotected line, none
//! on another server, and none without end (rows 62, 64 and 79 of `schema/threats.md`).

use std::io::{Read, Write};
use std::time::Instant;

use crate::env::{Asked, Depth, Git, Mode, Snapshot, TestEnv, skill};

/// A clone at `../clone` of a collection whose file names `address` as the upstream of the skill `pdf`.
fn clone_naming(env: &TestEnv, address: &str) {
    env.add_skill("pdf", "from a colleague");
    let own = env.root().join("single/pdf").display().to_string();
    let text = env.read("collection.toml").replace(&own, address).replace("path = \".\"", "path = \"skills/pdf\"");
    assert!(text.contains(address) && text.contains("skills/pdf"), "{text}");
    env.write("collection.toml", text);
    env.git(["commit", "--quiet", "-am", "Names an upstream"]);
    env.git(["clone", "--quiet", ".", "../clone"]);
}

fn private(env: &TestEnv) -> Git {
    env.source("private", &[("skills/pdf/SKILL.md", &skill("pdf", "canary-8d21, of this machine"), Mode::File)])
}

#[test]
fn a_file_leads_to_nothing_on_this_machine() {
    let listening = Asked::by(|_, _| {});
    let env = TestEnv::with_collection();
    let git = private(&env);
    let plain = env.root().join("plain/skills/pdf");
    std::fs::create_dir_all(&plain).expect("a folder");
    std::fs::write(plain.join("SKILL.md"), skill("pdf", "canary-8d21")).expect("a file");
    let folder = env.root().join("plain").display().to_string();
    for address in [git.text(), &git.url(""), &folder, &listening.url("r.git")] {
        let env = TestEnv::with_collection();
        clone_naming(&env, address);
        let clone = ["--collection", "../clone"];
        let before = Snapshot::of(&env.root().join("clone"), Depth::Refs);
        let upstream = &env.upstreams(&clone)[0]["upstream"];
        assert_eq!((&upstream["state"], &upstream["address"]), (&"not-allowed".into(), &address.into()));
        let update = env.run([&clone[..], &["update"]].concat());
        assert_eq!(update.code, Some(1));
        assert!(update.stdout.contains("skillmeat.allowSource"), "{}", update.stdout);
        let class = if address.starts_with("http:") { "net" } else { "name" };
        let told = restore(&env, class);
        assert!(told.contains("skillmeat.allowSource"), "{told}");
        before.assert_same(&Snapshot::of(&env.root().join("clone"), Depth::Refs), address);
    }
    assert_eq!(listening.times(), 0, "nobody spoke to it");
}

/// Restores what the files of the collection name into a third one, which is refused.
fn restore(env: &TestEnv, class: &str) -> String {
    std::fs::create_dir_all(env.root().join("sent")).expect("a folder");
    for name in ["collection.toml", "collection.lock"] {
        std::fs::copy(env.path(name), env.root().join("sent").join(name)).expect("a file");
    }
    env.run(["init", "../third"]).ok();
    env.refused(class, &["--collection", "../third", "restore", "--from", "../sent"]).stderr.clone()
}

#[test]
fn what_a_person_allows_or_has_typed_is_followed() {
    let env = TestEnv::with_collection();
    let git = private(&env);
    clone_naming(&env, git.text());
    let clone = ["--collection", "../clone"];
    env.git(["-C", "../clone", "config", "--add", "skillmeat.allowSource", git.text()]);
    env.run([&clone[..], &["update", "--strategy", "theirs"]].concat()).ok();
    // Read once with consent, it is known: the setting may go, and another address is still none that was typed.
    env.git(["-C", "../clone", "config", "--unset", "skillmeat.allowSource"]);
    let state = |env: &TestEnv| env.upstreams(&clone)[0]["upstream"]["state"].clone();
    assert_eq!(state(&env), "current");
    let file = env.root().join("clone/collection.toml");
    let text = std::fs::read_to_string(&file).expect("a file").replace("private", "private2");
    std::fs::write(&file, text).expect("a file");
    env.git(["-C", "../clone", "commit", "--quiet", "-am", "Names another"]);
    assert_eq!(state(&env), "not-allowed");
}

#[test]
fn no_server_sends_on_to_another_one() {
    let other = Asked::by(|_, _| {});
    let to = other.url("r.git");
    let moved = Asked::by(move |stream, request| {
        let request = String::from_utf8_lossy(request);
        let path = request.split(' ').nth(1).unwrap_or_default();
        let tail = path.strip_prefix("/r.git").unwrap_or_default();
        let answer =
            format!("HTTP/1.1 302 Found\r\nLocation: {to}{tail}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes());
    });
    let env = TestEnv::with_collection();
    let told = env.refused("net", &["add", &moved.url("r.git"), "--all"]);
    assert!(told.stderr.contains("on another server") && told.stderr.contains(&other.url("r.git")), "{}", told.stderr);
    env.refused("net", &["vault", "add", "team", &moved.url("r.git")]);
    assert!(moved.times() > 0);
    assert_eq!(other.times(), 0, "nobody spoke to it");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = Asked::by(|stream, _| {
        let _ = stream.read(&mut [0; 1]);
    });
    let env = TestEnv::with_collection();
    env.config("skillmeat.networkTimeout", "1");
    let started = Instant::now();
    let told = env.refused("net", &["add", &silent.url("r.git"), "--all"]);
    assert!(told.stderr.contains("git has told nothing new for 1 seconds"), "{}", told.stderr);
    env.refused("net", &["vault", "add", "team", &silent.url("r.git")]);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    // Nobody is left who listens to it.
    let port = silent.url("").rsplit(':').next().expect("a port").trim_end_matches('/').to_owned();
    let still = || {
        let processes = std::fs::read_dir("/proc").expect("a folder").flatten();
        let lines = processes.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&format!("127.0.0.1:{port}/"))).collect::<Vec<_>>()
    };
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(still(), Vec::<String>::new());
}

#[test]
fn a_list_of_refs_without_end_is_cut_off() {
    let env = TestEnv::with_collection();
    let path = env.home().join("ssh");
    // A first line of git's protocol, version 0, and then a ref after the other.
    let script = "#!/bin/sh\nexec python3 -c '\nimport os\nn = 0\ntry:\n while True:\n  \
        line = (\"%040d refs/heads/%s%d\" % (n + 1, \"x\" * 60000, n)) + (\"\\0\" if n == 0 else \"\") + \"\\n\"\n  \
        os.write(1, (\"%04x\" % (len(line) + 4) + line).encode())\n  n += 1\nexcept OSError: pass'\n";
    env.allow_ssh();
    std::fs::write(&path, script).expect("a file");
    env.config("protocol.version", "0");
    let started = Instant::now();
    let ran = env.run(["vault", "add", "team", "ssh://host.invalid/r.git"]).refused("limit");
    assert!(ran.stderr.to_lowercase().contains("memory"), "{}", ran.stderr);
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

/// The server takes what comes and says nothing more.
#[test]
fn a_push_that_is_not_answered_is_given_up() {
    let env = TestEnv::with_key();
    env.add_skill("pdf", "text");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit.skillmeat-pack"]).ok();
    env.run(["vault", "init", "../vault.git"]).ok();
    env.allow_ssh();
    let vault = env.root().join("vault.git");
    env.run(["vault", "add", "team", &format!("ssh://host.invalid{}", vault.display())]).ok();
    // What is asked for is answered, what is sent is taken, and then it hangs.
    let script = "#!/bin/sh\nfor last; do :; done\ncase $last in *receive-pack*) git receive-pack --http-backend-info-refs \
        \"$(echo \"$last\" | cut -d\"'\" -f2)\"; cat >/dev/null; sleep 60 ;; *) exec sh -c \"$last\" ;; esac\n";
    std::fs::write(env.home().join("ssh"), script).expect("a file");
    env.config("skillmeat.networkTimeout", "2");
    let started = Instant::now();
    let ran = env.run(["vault", "push", "team", "kit"]).refused("net");
    assert!(ran.stderr.contains("git has told nothing new for 2 seconds"), "{}", ran.stderr);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

/// What a person sets for one command holds for the network too.
#[test]
fn settings_of_git_c_reach_the_network() {
    let env = TestEnv::with_collection();
    let source = env.source("far", &[("skills/far/SKILL.md", &skill("far", "text"), Mode::File)]);
    let rewrite = format!("url.ssh://host.invalid{}.insteadOf", env.root().display());
    env.allow_ssh();
    let mut command = env.program(["add", "https://nowhere.invalid/far.git", "--all"]);
    command.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", rewrite);
    command.env("GIT_CONFIG_VALUE_0", "https://nowhere.invalid");
    crate::env::Ran::of(command).ok();
    assert_eq!(env.read("skills/far/SKILL.md"), skill("far", "text"));
    assert!(source.folder().exists());
}
