//! What is read of a vault: its ledger once, and of its releases those that are wanted.

use std::path::PathBuf;
use std::process::Stdio;

use sha2::{Digest as _, Sha256};

use crate::env::{Depth, Key, Ran, TestEnv};
use crate::ledger::{ada, address, export, forget_seen, head, reader, vault_git};

fn store(env: &TestEnv, vault: &str) -> PathBuf {
    env.home().join(format!(".skillmeat/vaults/{vault}.git"))
}

fn store_git(env: &TestEnv, args: &[&str]) -> String {
    let store = store(env, "team");
    env.git([&["-C", store.to_str().expect("a path")], args].concat())
}

/// The file in which a ledger is kept that was read.
fn kept(env: &TestEnv, vault: &str) -> PathBuf {
    let folder = store(env, vault).join("skillmeat");
    let mut all = std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    all.find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ledger-"))).expect("a file")
}

/// Names of the releases whose tags are in the store.
fn fetched(env: &TestEnv) -> Vec<String> {
    let tags = store_git(env, &["for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags/"]);
    tags.lines().map(str::to_owned).collect()
}

/// Ada's vault with `kit` in three versions and `other` in one.
fn several() -> (TestEnv, String) {
    let (ada, id) = ada();
    for (bundle, version) in [("kit", "1.1.0"), ("kit", "2.0.0"), ("other", "1.0.0")] {
        export(&ada, bundle, version);
        ada.run(["vault", "push", "team", &format!("{bundle}@{version}")]).ok();
    }
    (ada, id)
}

/// Someone who knows the vault, and has fetched nothing but its ledger.
fn newcomer(ada: &TestEnv, id: &str) -> TestEnv {
    let env = TestEnv::with_collection();
    env.run(["vault", "add", "team", &address(ada), "--ledger", id]).ok();
    env
}

/// Whatever becomes of the file, what is said is what the commits say, and the file is good again afterwards.
#[test]
fn what_is_kept_of_a_ledger_is_believed_only_where_it_fits() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let path = kept(&reader, "team");
    let old = std::fs::read(&path).expect("reads");
    let before = head(&ada);
    ada.run(["vault", "checkpoint", "team"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    let good = std::fs::read(&path).expect("reads");
    assert_ne!(good, old);
    let told = reader.json(&["vault", "show", "team"]);
    assert_eq!(told["number"], 2);
    // Another vault's, whole and well formed.
    reader.use_key(&Key::generate(""));
    reader.run(["vault", "init", "../theirs.git"]).ok();
    reader.run(["vault", "add", "theirs", "../theirs.git"]).ok();
    let foreign = std::fs::read(kept(&reader, "theirs")).expect("reads");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let newer_form = String::from_utf8_lossy(&good[..28]).replace(", 1", ", 2").into_bytes();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("older than what was seen", old.clone()),
        ("of another vault", foreign),
        ("with a byte changed", flipped),
        ("cut off", good[..good.len() - 1].to_vec()),
        ("longer", [&good[..], b"\n"].concat()),
        ("empty", Vec::new()),
        ("of another form", [&newer_form[..], &good[28..]].concat()),
    ];
    for (what, bytes) in cases {
        replace(&path, &bytes);
        assert_eq!(reader.json(&["vault", "show", "team"]), told, "{what}");
        assert_eq!(std::fs::read(&path).expect("reads"), good, "{what}: it is made anew");
    }
    // Newer than what was seen: a process ended between the two, or someone moved the ref back.
    let pointer = store_git(&reader, &["for-each-ref", "--format=%(refname)", "refs/skillmeat/seen/"]);
    store_git(&reader, &["update-ref", &pointer, &before]);
    reader.refused("rollback", &["vault", "show", "team"]);
    forget_seen(&reader);
    assert_eq!(reader.json(&["vault", "show", "team"])["number"], 1);
    assert_eq!(std::fs::read(&path).expect("reads"), old);
    replace(&path, &good);
    reader.run(["vault", "pull", "team"]).ok();
    // All but when it was fetched last.
    let mut now = reader.json(&["vault", "show", "team"]);
    now["fetched"] = told["fetched"].clone();
    assert_eq!(now, told);
    // What was seen is gone: nothing speaks for the ledger any more, least of all this file.
    store_git(&reader, &["update-ref", "-d", &pointer]);
    reader.refused("rollback", &["vault", "show", "team"]);
    forget_seen(&reader);
    reader.refused("usage", &["vault", "show", "team"]);
    let ran = reader.run(["vault", "pull", "team"]).ok();
    assert!(ran.stderr.contains("first contact again"), "{}", ran.stderr);
}

/// A rewound ledger and a fork are told all the same with the file that fits what was seen.
#[test]
fn row_48_what_is_kept_hides_no_rewound_ledger() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let good = std::fs::read(kept(&reader, "team")).expect("reads");
    let (seen, before) = (head(&ada), vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]));
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &before]);
    let ran = reader.refused("rollback", &["vault", "pull", "team"]);
    assert!(ran.stderr.contains(&seen) && ran.stderr.contains(&before), "{}", ran.stderr);
    // Also for who fetches one release, or imports it.
    reader.refused("rollback", &["vault", "pull", "team", "kit"]);
    reader.refused("rollback", &["import", "team:kit", "--yes"]);
    assert_eq!(std::fs::read(kept(&reader, "team")).expect("reads"), good);
    assert_eq!(reader.json(&["vault", "show", "team"])["number"], 1);
}

/// A store whose files cannot be written is read all the same.
#[test]
fn a_store_that_cannot_be_written_is_read() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let told = reader.json(&["vault", "show", "team"]);
    let folder = store(&reader, "team").join("skillmeat");
    std::fs::remove_dir_all(&folder).expect("removes");
    // Not even root can make a file below a file.
    std::fs::write(&folder, "in the way").expect("writes");
    assert_eq!(reader.json(&["vault", "show", "team"]), told);
    assert_eq!(reader.json(&["vault", "ls", "team"])[0]["level"], 3);
}

/// Readers and someone who fetches, all at once, on a file that has to be made anew.
#[test]
fn many_at_once_read_what_was_seen() {
    let (ada, id) = several();
    let reader = reader(&ada, &["--ledger", &id]);
    for round in 0..3 {
        ada.run(["vault", "checkpoint", "team"]).ok();
        std::fs::remove_file(kept(&reader, "team")).expect("removes");
        let start = |args: &[&str]| {
            let mut command = reader.program(args);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
        };
        let mut running: Vec<_> = (0..6).map(|_| start(&["--format", "json", "vault", "show", "team"])).collect();
        running.push(start(&["vault", "pull", "team"]));
        running.push(start(&["vault", "pull", "team", "kit"]));
        for child in running {
            let output = child.wait_with_output().expect("ends");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(reader.json(&["vault", "show", "team"])["number"], 5 + round);
        store_git(&reader, &["fsck", "--no-dangling", "--connectivity-only"]);
    }
}

/// Whoever may push can put tags beside the ledger: they are not fetched, however many and large they are.
#[test]
fn tags_that_the_ledger_does_not_list_are_not_fetched() {
    let (ada, id) = ada();
    let blob = ada.root().join("large");
    let noise: String = (0..200_000_u32).map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect();
    std::fs::write(&blob, noise).expect("writes");
    let blob = vault_git(&ada, &["hash-object", "-w", blob.to_str().expect("a path")]);
    vault_git(&ada, &["update-ref", "refs/tags/kit--v8.0.0", &blob]);
    for version in 0..40 {
        vault_git(&ada, &["update-ref", &format!("refs/tags/junk--v1.{version}.0"), "refs/tags/kit--v1.0.0"]);
    }
    let reader = newcomer(&ada, &id);
    let pulled = reader.json(&["vault", "pull", "team"]);
    assert_eq!((&pulled["releases"], &pulled["listed"]), (&1.into(), &1.into()));
    assert!(pulled["bytes"].as_u64().expect("a number") < 100_000, "{pulled}");
    assert_eq!(fetched(&reader), ["kit--v1.0.0"]);
    reader.refused("name", &["import", "team:junk", "--yes"]);
    reader.refused("name", &["import", "team:kit@8.0.0", "--yes"]);
    // One that is listed later is fetched then: its tag was there first, without an entry.
    export(&ada, "kit", "1.1.0");
    ada.git(["push", "--quiet", &address(&ada), "kit--v1.1.0"]);
    assert_eq!(reader.json(&["vault", "pull", "team"])["new"], serde_json::json!([]));
    ada.run(["vault", "push", "team", "kit@1.1.0"]).ok();
    assert_eq!(reader.json(&["vault", "pull", "team"])["new"][0]["release"], "kit--v1.1.0");
    // What an earlier version of the program has fetched goes.
    store_git(&reader, &["update-ref", "refs/tags/junk--v1.0.0", "refs/tags/kit--v1.0.0"]);
    reader.run(["vault", "pull", "team"]).ok();
    assert_eq!(fetched(&reader), ["kit--v1.0.0", "kit--v1.1.0"]);
}

#[test]
fn one_release_comes_without_the_others() {
    let (ada, id) = several();
    let reader = newcomer(&ada, &id);
    let listed = reader.json(&["vault", "ls", "team"]);
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|one| one["fetched"] == false && one["standing"] == "listed"), "{listed:?}");
    let told = reader.refused("name", &["import", "team:kit", "--offline", "--yes"]);
    assert!(told.stderr.contains("kit--v2.0.0") && told.stderr.contains("vault pull"), "{}", told.stderr);
    let pulled = reader.json(&["vault", "pull", "team", "kit@^1", "other"]);
    let names: Vec<_> = pulled["new"].as_array().expect("a list").iter().map(|one| &one["release"]).collect();
    assert_eq!(names, ["kit--v1.1.0", "other--v1.0.0"]);
    assert_eq!((&pulled["releases"], &pulled["listed"]), (&2.into(), &4.into()));
    assert_eq!(fetched(&reader), ["kit--v1.1.0", "other--v1.0.0"]);
    reader.refused("name", &["vault", "pull", "team", "kit", "nothing"]);
    reader.refused("name", &["vault", "pull", "team", "kit@^7"]);
    // An import fetches what it takes.
    reader.run(["import", "team:kit", "--yes"]).ok();
    assert_eq!(fetched(&reader), ["kit--v1.1.0", "kit--v2.0.0", "other--v1.0.0"]);
    let listed = reader.json(&["vault", "ls", "team"]);
    assert_eq!(
        (&listed[0]["fetched"], &listed[2]["fetched"], &listed[2]["level"]),
        (&false.into(), &true.into(), &3.into())
    );
    // And all of it still comes for who asks for all.
    assert_eq!(reader.json(&["vault", "pull", "team"])["new"][0]["release"], "kit--v1.0.0");
}

/// Rows 52 and 55 for who asks for one: what was fetched and is another now, or is gone, or never came.
#[test]
fn row_52_and_55_hold_for_one_release_as_well() {
    let (ada, id) = several();
    let reader = newcomer(&ada, &id);
    reader.run(["vault", "pull", "team", "kit@1.1.0"]).ok();
    let (mine, other) =
        (vault_git(&ada, &["rev-parse", "kit--v1.1.0"]), vault_git(&ada, &["rev-parse", "kit--v2.0.0"]));
    vault_git(&ada, &["update-ref", "refs/tags/kit--v1.1.0", &other]);
    let told = reader.refused("rollback", &["vault", "pull", "team", "kit@1.1.0"]);
    assert!(told.stderr.contains(&mine) && told.stderr.contains(&other), "{}", told.stderr);
    reader.refused("rollback", &["import", "team:kit@1.1.0", "--yes"]);
    vault_git(&ada, &["update-ref", "-d", "refs/tags/kit--v1.1.0"]);
    let told = reader.refused("rollback", &["vault", "pull", "team", "kit@1.1.0"]);
    assert!(told.stderr.contains("removed"), "{}", told.stderr);
    reader.run(["import", "team:kit@1.1.0", "--offline", "--dry-run"]).ok();
    // The newest, which is listed, is held back: nobody gets the one before it in its place.
    vault_git(&ada, &["update-ref", "-d", "refs/tags/kit--v2.0.0"]);
    for args in [&["vault", "pull", "team", "kit"][..], &["import", "team:kit", "--yes"]] {
        let told = reader.refused("net", args);
        assert!(told.stderr.contains("kit--v2.0.0"), "{}", told.stderr);
    }
    reader.run(["vault", "pull", "team", "other"]).ok();
    // A tag of another release under the name that is listed is refused for what it is.
    vault_git(&ada, &["update-ref", "refs/tags/kit--v2.0.0", "refs/tags/kit--v1.0.0"]);
    let told = reader.refused("rollback", &["vault", "pull", "team", "kit"]);
    assert!(told.stderr.contains("kit--v2.0.0"), "{}", told.stderr);
    reader.refused("rollback", &["import", "team:kit", "--yes"]);
    vault_git(&ada, &["update-ref", "refs/tags/kit--v2.0.0", &other]);
    vault_git(&ada, &["update-ref", "refs/tags/kit--v1.1.0", &mine]);
    reader.run(["import", "team:kit", "--yes"]).ok();
}

/// What is followed comes alone as well.
#[test]
fn an_update_fetches_what_is_followed() {
    let (ada, id) = several();
    let reader = newcomer(&ada, &id);
    reader.run(["import", "team:kit@^1", "--link", "--yes"]).ok();
    assert_eq!(fetched(&reader), ["kit--v1.1.0"]);
    ada.write("skills/commit-message/more.md", "more\n");
    ada.git(["add", "."]);
    ada.git(["commit", "--quiet", "-m", "More"]);
    export(&ada, "kit", "1.2.0");
    ada.run(["vault", "push", "team", "kit@1.2.0"]).ok();
    reader.run(["update", "--all", "--yes"]).ok();
    assert_eq!(fetched(&reader), ["kit--v1.1.0", "kit--v1.2.0"]);
    assert_eq!(reader.read("skills/commit-message/more.md"), "more\n");
}

#[test]
fn all_vaults_are_pulled_also_when_one_fails() {
    let (ada, id) = ada();
    let reader = newcomer(&ada, &id);
    let gone = reader.root().join("gone.git");
    let mut command = ada.command("cp");
    command.arg("-r").arg(address(&ada)).arg(&gone);
    let _ = Ran::of(command).ok();
    reader.run(["vault", "add", "gone", gone.to_str().expect("a path")]).ok();
    assert_eq!(reader.json(&["vault", "pull", "--all"]).as_array().expect("a list").len(), 2);
    std::fs::remove_dir_all(&gone).expect("removes");
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    let ran = reader.run(["--format", "json", "vault", "pull", "--all"]);
    assert_eq!(ran.code, Some(1));
    let told = ran.value()["data"].clone();
    assert_eq!((&told[0]["vault"], &told[0]["failure"]["class"]), (&"gone".into(), &"net".into()));
    assert_eq!(told[1]["pulled"]["new"][0]["release"], "kit--v1.1.0");
    // The worst has the last word: something that was checked and refused.
    let before = vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &before]);
    let ran = reader.run(["vault", "pull", "--all"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().filter(|line| line.contains("failed")).collect();
    assert!(lines.len() == 2 && lines[0].starts_with("gone") && lines[1].starts_with("team"), "{lines:?}");
    // Usage.
    for args in
        [&["vault", "pull"][..], &["vault", "pull", "--all", "team"], &["vault", "pull", "team", "kit", "--locked"]]
    {
        assert_eq!(reader.run(args).code, Some(2), "{args:?}");
    }
}

/// On another machine, with the collection and nothing else: exactly what its lock names, or nothing.
#[test]
fn what_is_locked_comes_exactly() {
    let (ada, id) = several();
    let first = newcomer(&ada, &id);
    first.run(["import", "team:kit@1.1.0", "--yes"]).ok();
    let second = newcomer(&ada, &id);
    second.git([
        "pull",
        "--quiet",
        "--no-rebase",
        "-X",
        "theirs",
        "--allow-unrelated-histories",
        first.folder().to_str().expect("a path"),
        "main",
    ]);
    let pulled = second.json(&["vault", "pull", "--all", "--locked"]);
    assert_eq!(pulled[0]["pulled"]["new"][0]["release"], "kit--v1.1.0");
    assert_eq!(fetched(&second), ["kit--v1.1.0"]);
    assert_eq!(second.json(&["vault", "pull", "team", "--locked"])["new"], serde_json::json!([]));
    // Another tag is locked than the vault lists.
    let tag = vault_git(&ada, &["rev-parse", "kit--v1.1.0"]);
    let lock = second.read("collection.lock");
    assert!(lock.contains(&tag), "{lock}");
    let other = vault_git(&ada, &["rev-parse", "kit--v1.0.0"]);
    lock_as(&second, &lock.replace(&tag, &other));
    let told = second.refused("policy", &["vault", "pull", "team", "--locked"]);
    assert!(told.stderr.contains(&tag) && told.stderr.contains(&other), "{}", told.stderr);
    assert_eq!(second.run(["vault", "pull", "--all", "--locked"]).code, Some(3));
    // One that is not listed at all.
    lock_as(&second, &lock.replace("kit--v1.1.0", "kit--v1.9.0"));
    let told = second.refused("policy", &["vault", "pull", "team", "--locked"]);
    assert!(told.stderr.contains("none of that name"), "{}", told.stderr);
    // One that is offered no longer, for who has it and for who has not.
    lock_as(&second, &lock);
    vault_git(&ada, &["update-ref", "-d", "refs/tags/kit--v1.1.0"]);
    second.refused("rollback", &["vault", "pull", "team", "--locked"]);
    second.run(["vault", "remove", "team"]).ok();
    // From a vault that this user does not know.
    let ran = second.run(["--format", "json", "vault", "pull", "--all", "--locked"]);
    assert_eq!((ran.code, &ran.value()["data"][0]["failure"]["class"]), (Some(2), &"name".into()));
    second.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    // The first fetch of files into a store has git write its filter down there, whatever comes of it.
    second.refused_leaving("net", &["vault", "pull", "team", "--locked"], Depth::Fetched);
    // Another tag is offered than the ledger lists.
    vault_git(&ada, &["update-ref", "refs/tags/kit--v1.1.0", &other]);
    second.refused("rollback", &["vault", "pull", "team", "--locked"]);
}

/// A release that is there with its tag and without its entry, and one whose tag another has put there.
#[test]
fn a_publish_finds_what_is_under_its_name() {
    let (ada, _) = ada();
    export(&ada, "kit", "1.1.0");
    ada.git(["push", "--quiet", &address(&ada), "kit--v1.1.0"]);
    let pushed = ada.json(&["vault", "push", "team", "kit@1.1.0"]);
    assert_eq!((&pushed["already_there"], &pushed["number"]), (&false.into(), &2.into()));
    export(&ada, "kit", "1.2.0");
    vault_git(&ada, &["update-ref", "refs/tags/kit--v1.2.0", "refs/tags/kit--v1.0.0"]);
    let before = head(&ada);
    ada.refused("policy", &["vault", "push", "team", "kit@1.2.0"]);
    assert_eq!(head(&ada), before);
    assert_eq!(ada.json(&["vault", "push", "team", "kit@1.1.0"])["already_there"], true);
    vault_git(&ada, &["fsck", "--strict", "--no-dangling"]);
}

/// Commits another lock.
fn lock_as(env: &TestEnv, text: &str) {
    env.write("collection.lock", text);
    env.git(["commit", "--quiet", "--all", "--message", "Lock"]);
}

/// Our own files are not to be written by others, so the new bytes come under the name as we write them.
fn replace(path: &std::path::Path, bytes: &[u8]) {
    std::fs::remove_file(path).expect("removes");
    std::fs::write(path, bytes).expect("writes");
}

/// Whoever can write the file can work out its SHA-256 as well: a check reads the commits, and a repair throws the file away.
#[test]
fn a_kept_ledger_that_was_changed_with_its_digest_is_found_and_repaired() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let path = kept(&reader, "team");
    let good = std::fs::read(&path).expect("reads");
    let at = good.windows(7).position(|bytes| bytes == b"\x03\0\0\0kit").expect("names the release") + 4;
    let mut changed = good.clone();
    changed[at..at + 3].copy_from_slice(b"kat");
    let sum = Sha256::digest(&changed[60..]);
    changed[28..60].copy_from_slice(&sum);
    reader.run(["vault", "check", "team"]).ok();
    std::fs::remove_file(&path).expect("removed");
    std::fs::write(&path, &changed).expect("written");
    let listed = reader.json(&["vault", "ls", "team"]);
    assert_eq!(listed[0]["release"], "kat--v1.0.0", "it is taken for what it says: {listed}");
    let told = reader.run(["vault", "check", "team"]);
    assert_eq!(told.code, Some(3), "{told:?}");
    assert!(told.stdout.contains("its commits"), "{told:?}");
    reader.run(["vault", "repair", "team"]).ok();
    reader.run(["vault", "check", "team"]).ok();
    assert_eq!(reader.json(&["vault", "ls", "team"])[0]["release"], "kit--v1.0.0");
}
