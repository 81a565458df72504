//! A vault is checked, repaired and carried: damage of every kind is told and mended, and a copy is worth what the vault is.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::cli::assert_valid;
use crate::env::{Depth, Judged, Ran, TestEnv};
use crate::ledger::{ada, address, export, forget_seen, head, reader, vault_git};

/// Ada's vault with two releases, someone who has fetched them, and the id of the ledger.
fn pair() -> (TestEnv, TestEnv, String) {
    let (ada, id) = ada();
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    (ada, reader, id)
}

fn store(env: &TestEnv) -> PathBuf {
    env.home().join(".skillmeat/vaults/team.git")
}

fn store_git(env: &TestEnv, args: &[&str]) -> String {
    let store = store(env);
    env.git([&["-C", store.to_str().expect("a path")], args].concat())
}

/// Changes one byte in the middle of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("reads");
    let at = at.min(bytes.len() - 1);
    bytes[at] ^= 0x55;
    write(path, &bytes);
}

fn write(path: &Path, bytes: &[u8]) {
    // A pack may have a second name in a store that is being repaired: what a disk spoils is one file.
    let _ = fs::remove_file(path);
    fs::write(path, bytes).expect("writes");
}

/// Returns the largest file of packs with an ending.
fn largest(env: &TestEnv, end: &str) -> PathBuf {
    let files = fs::read_dir(store(env).join("objects/pack")).expect("a folder").flatten();
    let packs: Vec<PathBuf> =
        files.map(|file| file.path()).filter(|path| path.extension().is_some_and(|it| it == "pack")).collect();
    let size = |path: &PathBuf| fs::metadata(path).expect("is there").len();
    packs.into_iter().max_by_key(size).expect("a pack").with_extension(end)
}

/// Makes every object of the store a file of its own.
fn unpack(env: &TestEnv) {
    let packs = store(env).join("objects/pack");
    let away = env.root().join("away");
    fs::rename(&packs, &away).expect("renames");
    fs::create_dir(&packs).expect("a folder");
    for pack in fs::read_dir(&away).expect("a folder").flatten().map(|file| file.path()) {
        if pack.extension().is_some_and(|end| end == "pack") {
            let mut command = env.command("git");
            command.arg("--git-dir").arg(store(env)).arg("unpack-objects").arg("-q");
            command.stdin(fs::File::open(&pack).expect("opens"));
            let _ = Ran::of(command).ok();
        }
    }
    fs::remove_dir_all(&away).expect("removes");
}

fn loose(env: &TestEnv, id: &str) -> PathBuf {
    store(env).join("objects").join(&id[..2]).join(&id[2..])
}

fn check(env: &TestEnv, args: &[&str]) -> serde_json::Value {
    let ran = env.run([&["--format", "json", "vault", "check", "team"], args].concat());
    let value = ran.value();
    assert_valid(env, "vault-check", &value);
    let troubles = value["data"][0]["troubles"].as_array().expect("a list");
    assert_eq!(ran.code == Some(0), troubles.is_empty(), "{value:#}");
    value["data"][0].clone()
}

/// Checks that all is well: by us, with the digests of the ledger, and by git.
fn assert_well(env: &TestEnv, releases: u64) {
    let checked = check(env, &["--read-data"]);
    assert_eq!(checked["troubles"], serde_json::json!([]), "{checked:#}");
    assert_eq!(checked["whole"], releases, "{checked:#}");
    store_git(env, &["fsck", "--strict", "--no-dangling"]);
}

fn told(checked: &serde_json::Value) -> String {
    let list = checked["troubles"].as_array().expect("a list").iter();
    list.map(|one| {
        format!(
            "{} {}: {}\n",
            one["class"].as_str().expect("text"),
            one["part"].as_str().expect("text"),
            one["what"].as_str().expect("text")
        )
    })
    .collect()
}

fn repair(env: &TestEnv, args: &[&str]) -> serde_json::Value {
    let ran = env.run([&["--format", "json", "vault", "repair", "team"], args].concat());
    let value = ran.value();
    assert_valid(env, "vault-repair", &value);
    assert_eq!(ran.code == Some(0), value["data"]["left"] == serde_json::json!([]), "{value:#}");
    value["data"].clone()
}

#[test]
fn a_check_looks_at_everything_and_writes_nothing() {
    let (ada, reader, _) = pair();
    let ran = reader.unchanged(&["vault", "check"]);
    assert!(ran.stdout.contains("all is well") && ran.stdout.contains("3 entries"), "{}", ran.stdout);
    let ran = reader.unchanged(&["vault", "check", "team", "--read-data", "--remote"]);
    assert!(ran.stdout.contains("digests that the ledger names"), "{}", ran.stdout);
    assert!(ran.stdout.contains("offers entry 2, as seen here, and 2 of 2"), "{}", ran.stdout);
    reader.refused("name", &["vault", "check", "elsewhere"]);
    // The vault goes on, which is no trouble; and a tag past the ledger is nobody's release.
    ada.run(["vault", "checkpoint", "team"]).ok();
    vault_git(&ada, &["update-ref", "refs/tags/kit--v9.9.9", "refs/tags/kit--v1.0.0"]);
    let checked = check(&reader, &["--remote"]);
    assert_eq!((&checked["offered"]["ahead"], &checked["offered"]["unlisted"]), (&1.into(), &1.into()), "{checked:#}");
    // What was never fetched is counted.
    let late = TestEnv::with_collection();
    late.run(["vault", "add", "team", &address(&ada)]).ok();
    let checked = check(&late, &[]);
    assert_eq!((&checked["not_fetched"], &checked["whole"]), (&2.into(), &0.into()), "{checked:#}");
    let nobody = TestEnv::with_collection();
    assert!(nobody.run(["vault", "check"]).ok().stderr.contains("vault add"));
}

/// Row 137: what a disk spoils, what is said of it, and that the vault brings it back.
#[test]
fn row_137_every_damage_of_packs_is_told_and_repaired() {
    let (_ada, reader, _) = pair();
    type Spoil = fn(&TestEnv);
    let cases: [(&str, Spoil, &str); 7] = [
        ("flipped", |env| flip(&largest(env, "pack"), 900), "does not have the bytes that it was written with"),
        (
            "cut",
            |env| {
                let pack = largest(env, "pack");
                let bytes = fs::read(&pack).expect("reads");
                write(&pack, &bytes[..bytes.len() / 2]);
            },
            "objects are lost",
        ),
        ("empty", |env| write(&largest(env, "pack"), b""), "is empty"),
        ("no index", |env| fs::remove_file(largest(env, "idx")).expect("removes"), "cannot be found"),
        ("flipped index", |env| flip(&largest(env, "idx"), 1200), ".idx' does not have the bytes"),
        ("no pack", |env| fs::remove_file(largest(env, "pack")).expect("removes"), "is an index whose pack is missing"),
        (
            "both gone",
            |env| {
                let (pack, index) = (largest(env, "pack"), largest(env, "idx"));
                for path in [pack, index] {
                    fs::remove_file(path).expect("removes");
                }
            },
            "the repository has no",
        ),
    ];
    for (name, spoil, says) in cases {
        spoil(&reader);
        let checked = check(&reader, &[]);
        assert!(told(&checked).contains(says), "{name}: {checked:#}");
        let before = reader.snapshot(Depth::Objects);
        let _ = reader.run(["vault", "check", "team"]);
        before.assert_same(&reader.snapshot(Depth::Objects), "a check writes nothing");
        let done = repair(&reader, &[]);
        assert_eq!((&done["replaced"], &done["first_contact"]), (&true.into(), &false.into()), "{name}: {done:#}");
        assert_well(&reader, 2);
        assert_eq!(repair(&reader, &[])["found"], serde_json::json!([]), "{name}");
        reader.run(["import", "team:kit", "--offline", "--dry-run"]).ok();
    }
    // Nothing of it was deleted: all that were there and damaged are kept.
    let kept = fs::read_dir(store(&reader).join("damaged")).expect("a folder").count();
    assert_eq!(kept, 5, "flipped, cut, empty, the index twice");
}

#[test]
fn row_137_every_damage_of_single_objects_is_told_and_repaired() {
    let (ada, reader, _) = pair();
    unpack(&reader);
    assert_well(&reader, 2);
    let ids = [
        ("a file", vault_git(&ada, &["rev-parse", "kit--v1.0.0:bundle.toml"]), "kit--v1.0.0"),
        ("a tree", vault_git(&ada, &["rev-parse", "kit--v1.0.0:skills"]), "kit--v1."),
        ("a commit", vault_git(&ada, &["rev-parse", "kit--v1.1.0^{commit}"]), "kit--v1.1.0"),
        ("a tag", vault_git(&ada, &["rev-parse", "kit--v1.0.0"]), "kit--v1.0.0"),
        ("an entry", vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]), "entry 1"),
        ("the root", vault_git(&ada, &["rev-parse", "skillmeat-ledger:trust/root.toml"]), "ledger"),
    ];
    for (name, id, about) in ids {
        for (how, spoil) in [
            ("flipped", (|path: &Path| flip(path, 12)) as fn(&Path)),
            ("empty", |path: &Path| write(path, b"")),
            ("longer", |path: &Path| write(path, &[fs::read(path).expect("reads"), b"x".to_vec()].concat())),
            ("gone", |path: &Path| fs::remove_file(path).expect("removes")),
        ] {
            // What is wrong with a file is the same whatever it holds.
            if matches!(how, "empty" | "longer") && name != "a file" {
                continue;
            }
            // What a repair brings back may be in a pack.
            unpack(&reader);
            let path = loose(&reader, &id);
            spoil(&path);
            let text = {
                let ran = reader.run(["vault", "check", "team"]);
                assert_eq!(ran.code, Some(3), "{name} {how}: {ran:?}");
                ran.stdout
            };
            assert!(text.contains(&id) && text.contains(about), "{name} {how}: {text}");
            assert!(text.contains("vault repair team"), "{text}");
            let done = repair(&reader, &[]);
            assert_eq!(done["first_contact"], false, "{done:#}");
            assert_well(&reader, 2);
        }
    }
}

/// What git would not even find wrong: the content is another, under the name of the right object.
#[test]
fn data_that_another_object_took_the_place_of_is_told() {
    let (ada, reader, _) = pair();
    unpack(&reader);
    let one = loose(&reader, &vault_git(&ada, &["rev-parse", "kit--v1.0.0:bundle.toml"]));
    let other = loose(&reader, &vault_git(&ada, &["rev-parse", "kit--v1.1.0:bundle.toml"]));
    write(&one, &fs::read(other).expect("reads"));
    assert!(told(&check(&reader, &[])).contains("does not have the bytes"));
    repair(&reader, &[]);
    assert_well(&reader, 2);
}

#[test]
fn row_137_damaged_refs_and_settings_are_told_and_repaired() {
    let (_ada, reader, id) = pair();
    let seen = format!("refs/skillmeat/seen/{}", id.trim_start_matches("sha256:"));
    let head = store_git(&reader, &["rev-parse", &seen]);
    type Spoil = fn(&TestEnv);
    let cases: [(&str, Spoil, &str, &str); 10] = [
        (
            "a ref is gone",
            |env| drop(store_git(env, &["update-ref", "-d", "refs/tags/kit--v1.0.0"])),
            "hash",
            "the ref of 'kit--v1.0.0' is gone",
        ),
        (
            "a ref is spoilt",
            |env| write(&store(env).join("refs/tags/kit--v1.0.0"), b"\0\0\0\0"),
            "parse",
            "names no object",
        ),
        ("a ref is empty", |env| write(&store(env).join("refs/tags/kit--v1.0.0"), b""), "hash", "is empty"),
        (
            "a ref was moved",
            |env| drop(store_git(env, &["update-ref", "refs/tags/kit--v1.0.0", "refs/tags/kit--v1.1.0"])),
            "rollback",
            "entry 1 of the ledger names",
        ),
        (
            "packed refs",
            |env| {
                store_git(env, &["pack-refs", "--all"]);
                let path = store(env).join("packed-refs");
                let text = fs::read_to_string(&path).expect("reads");
                write(&path, text.replace(" refs/tags/kit--v1.0.0", "x refs/tags/kit--v1.0.0").as_bytes());
            },
            "parse",
            "names no object in line",
        ),
        ("no settings", |env| write(&store(env).join("config"), b""), "hash", "'config' is empty"),
        (
            "spoilt settings",
            |env| write(&store(env).join("config"), b"[core\n"),
            "parse",
            "not as this program writes it",
        ),
        (
            "no longer in part",
            |env| drop(store_git(env, &["config", "--unset", "extensions.partialClone"])),
            "parse",
            "'config' is not as",
        ),
        (
            "shallow",
            |env| {
                let commit = store_git(env, &["rev-parse", "kit--v1.0.0^{}"]);
                write(&store(env).join("shallow"), format!("{commit}\n").as_bytes());
            },
            "policy",
            "'shallow' does not belong",
        ),
        ("no HEAD", |env| fs::remove_file(store(env).join("HEAD")).expect("removes"), "hash", "'HEAD' is missing"),
    ];
    for (name, spoil, class, says) in cases {
        spoil(&reader);
        let text = told(&check(&reader, &[]));
        assert!(text.lines().any(|line| line.starts_with(class) && line.contains(says)), "{name}: {text}");
        let done = repair(&reader, &[]);
        assert_eq!(
            (&done["left"], &done["first_contact"]),
            (&serde_json::json!([]), &false.into()),
            "{name}: {done:#}"
        );
        assert_well(&reader, 2);
        assert_eq!(store_git(&reader, &["rev-parse", &seen]), head, "{name}: as far as it was seen");
        assert_eq!(reader.json(&["vault", "list"])[0]["pin"], "compared", "{name}");
    }
}

#[test]
fn row_61_a_repair_without_a_pointer_is_a_first_contact_again() {
    let (_ada, reader, id) = pair();
    let seen = format!("refs/skillmeat/seen/{}", id.trim_start_matches("sha256:"));
    store_git(&reader, &["update-ref", "-d", &seen]);
    // The user's own file says it still.
    assert!(
        told(&check(&reader, &[]))
            .starts_with("rollback ledger: the ref of the ledger is gone; it was seen up to entry 2")
    );
    assert_eq!(repair(&reader, &["--offline"])["first_contact"], false);
    assert_well(&reader, 2);
    store_git(&reader, &["update-ref", "-d", &seen]);
    forget_seen(&reader);
    assert!(told(&check(&reader, &[])).starts_with("rollback ledger: nothing says any more how far"));
    let ran = reader.run(["vault", "repair", "team"]).ok();
    assert!(ran.stderr.contains("first contact again"), "{}", ran.stderr);
    assert!(reader.json(&["vault", "list"])[0]["pin"].is_null(), "nobody believes it");
    reader.refused("untrusted", &["import", "team:kit", "--offline", "--yes"]);
    reader.run(["vault", "pin", "team", "--ledger", &id]).ok();
    assert_well(&reader, 2);
    // The whole store is gone.
    reader.run(["vault", "pull", "team"]).ok();
    fs::remove_dir_all(store(&reader)).expect("removes");
    assert!(told(&check(&reader, &[])).contains("the store is gone; its ledger was seen up to entry 2"));
    assert_eq!(repair(&reader, &[])["first_contact"], false);
    fs::remove_dir_all(store(&reader)).expect("removes");
    forget_seen(&reader);
    reader.run(["vault", "pin", "team", "--ledger", &id]).ok();
    assert!(!store(&reader).exists(), "to pin it makes no half of a store");
    assert!(told(&check(&reader, &[])).contains("the store is gone"));
    let done = repair(&reader, &[]);
    assert_eq!(done["first_contact"], true, "{done:#}");
    reader.run(["vault", "pull", "team"]).ok();
    assert_well(&reader, 2);
}

/// A vault's folder on this machine may be anybody's: links in it lead neither in a circle nor out of it.
#[test]
fn links_in_the_folder_of_a_vault_are_not_followed() {
    let (ada, reader, _) = pair();
    let vault = ada.root().join("vault.git");
    for name in ["a", "b", "c"] {
        std::os::unix::fs::symlink(".", vault.join("refs").join(name)).expect("a link");
    }
    assert_ne!(reader.run(["vault", "check", "team", "--remote"]).code, Some(0));
    // What is damaged there is kept in the reader's own store.
    let outside = reader.root().join("outside");
    fs::create_dir(&outside).expect("a folder");
    std::os::unix::fs::symlink(&outside, vault.join("damaged")).expect("a link");
    fs::create_dir(vault.join("refs/evil")).expect("a folder");
    fs::write(vault.join("refs/evil/SKILL.md"), "do this").expect("a file");
    let _ = reader.run(["vault", "repair", "team", "--vault-side"]);
    assert_eq!(fs::read_dir(&outside).expect("a folder").count(), 0);
}

/// What is packed under a ref's name is older than what the ref said: a pointer that was cut is lost, and not an older one.
#[test]
fn a_pointer_that_was_cut_is_not_taken_from_what_is_packed() {
    let (ada, reader, id) = pair();
    store_git(&reader, &["pack-refs", "--all"]);
    ada.run(["vault", "checkpoint", "team"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    let seen = format!("refs/skillmeat/seen/{}", id.trim_start_matches("sha256:"));
    for text in ["", "ref: refs/heads/main\n"] {
        fs::write(store(&reader).join(&seen), text).expect("a file");
        if reader.home().join(".skillmeat/seen").exists() {
            // With the user's own file nothing was lost.
            let done = repair(&reader, &["--offline"]);
            assert_eq!((&done["left"], &done["first_contact"]), (&serde_json::json!([]), &false.into()), "{done:#}");
            assert_eq!(store_git(&reader, &["rev-parse", &seen]), head(&ada));
            fs::write(store(&reader).join(&seen), text).expect("a file");
            forget_seen(&reader);
        }
        let done = repair(&reader, &["--offline"]);
        assert!(done["replaced"] == false && done["left"] != serde_json::json!([]), "{done:#}");
        let done = repair(&reader, &[]);
        assert_eq!(done["first_contact"], true, "{done:#}");
        assert!(reader.json(&["vault", "list"])[0]["pin"].is_null(), "nobody believes it");
    }
}

/// What was seen is not forgotten by a repair: a vault that was wound back meanwhile cannot use it.
#[test]
fn a_repair_never_goes_back_behind_what_was_seen() {
    let (ada, reader, _) = pair();
    let old = vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]);
    let new = head(&ada);
    ada.run(["vault", "checkpoint", "team"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    unpack(&reader);
    fs::remove_file(loose(&reader, &new)).expect("removes");
    let newest = head(&ada);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &old]);
    let before = reader.snapshot(Depth::Objects);
    let done = repair(&reader, &[]);
    assert_eq!(done["replaced"], false, "{done:#}");
    assert!(done["refused"][0]["what"].as_str().expect("text").contains("and not the one seen last"), "{done:#}");
    before.assert_same(&reader.snapshot(Depth::Objects), "what cannot be repaired is left");
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &newest]);
    repair(&reader, &[]);
    assert_well(&reader, 2);
}

#[test]
fn a_record_that_is_damaged_is_written_anew_from_its_copy() {
    let (ada, reader, id) = pair();
    let record = store(&reader).with_file_name("team.toml");
    let text = fs::read(&record).expect("reads");
    // One digit of the id is another.
    let digit = if id.ends_with('0') { '1' } else { '0' };
    let other = String::from_utf8_lossy(&text).replace(&id, &format!("{}{digit}", &id[..id.len() - 1]));
    for spoilt in [&b"\0\0"[..], b"", b"format = 1\n", other.as_bytes()] {
        write(&record, spoilt);
        if spoilt.len() < 20 {
            let listed = reader.run(["vault", "list"]).ok();
            assert!(listed.stdout.contains("cannot be read"), "{listed:?}");
            reader.refused("parse", &["vault", "ls", "team"]);
        }
        assert!(told(&check(&reader, &[])).starts_with("parse record:"));
        let done = repair(&reader, &[]);
        assert_eq!((&done["record"], &done["replaced"]), (&true.into(), &false.into()), "{done:#}");
        assert_eq!(fs::read(&record).expect("reads"), text);
    }
    fs::remove_file(&record).expect("removes");
    repair(&reader, &[]);
    assert_well(&reader, 2);
    // Without its copy the store still says which ledger it was.
    write(&record, b"x");
    fs::remove_file(store(&reader).join("record.toml")).expect("removes");
    let told = reader.refused("parse", &["vault", "repair", "team"]);
    assert!(told.stderr.contains(&id), "{}", told.stderr);
    reader.run(["vault", "remove", "team"]).ok();
    reader.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
}

#[test]
fn without_the_vault_packs_and_copies_bring_releases_back() {
    let (ada, reader, _) = pair();
    unpack(&reader);
    let file = vault_git(&ada, &["rev-parse", "kit--v1.0.0:bundle.toml"]);
    fs::rename(address(&ada), ada.root().join("gone.git")).expect("renames");
    let spoil = || flip(&loose(&reader, &file), 15);
    spoil();
    // The vault cannot be asked; what is good stays.
    let done = repair(&reader, &[]);
    assert_eq!(done["left"][0]["release"], "kit--v1.0.0", "{done:#}");
    let checked = check(&reader, &["--read-data"]);
    assert_eq!((&checked["whole"], &checked["not_fetched"]), (&1.into(), &1.into()), "{checked:#}");
    // Other bytes are refused, from a pack and from a repository.
    let other = crate::ledger::user("eve");
    other.run(["add", crate::env::examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    export(&other, "kit", "1.0.0");
    let pack = other.root().join("kit-1.0.0.skillmeat-pack");
    let done = repair(&reader, &["--from", pack.to_str().expect("a path")]);
    assert_eq!(done["restored"], serde_json::json!([]), "{done:#}");
    assert_eq!(done["refused"][0]["release"], "kit--v1.0.0", "{done:#}");
    let done = repair(&reader, &["--from", other.folder().to_str().expect("a path"), "--offline"]);
    assert_eq!((&done["restored"], &done["refused"][0]["class"]), (&serde_json::json!([]), &"hash".into()), "{done:#}");
    // The right one, from a folder of packs and without any network.
    let done = repair(&reader, &["--offline", "--from", ada.root().to_str().expect("a path")]);
    assert_eq!(done["restored"][0]["release"], "kit--v1.0.0", "{done:#}");
    assert_well(&reader, 2);
    reader.refused("name", &["vault", "repair", "team", "--from", "nothing.skillmeat-pack"]);
    reader.refused("name", &["vault", "repair", "team", "--from", reader.home().to_str().expect("a path")]);
    // From Ada's collection, which has the same tags; from the vault that was moved, with the ledger.
    for from in [ada.folder(), ada.root().join("gone.git")] {
        unpack(&reader);
        spoil();
        repair(&reader, &["--from", from.to_str().expect("a path")]);
        assert_well(&reader, 2);
    }
    for path in fs::read_dir(store(&reader).join("objects/pack")).expect("a folder").flatten() {
        fs::remove_file(path.path()).expect("removes");
    }
    unpack(&reader);
    let done = repair(&reader, &["--from", ada.root().join("gone.git").to_str().expect("a path")]);
    assert_eq!((&done["left"], &done["first_contact"]), (&serde_json::json!([]), &false.into()), "{done:#}");
    assert_well(&reader, 2);
}

/// The vault's own repository has lost an object: it is told, and put back by whoever has it whole.
#[test]
fn what_the_vault_has_lost_is_told_and_put_back() {
    let (ada, reader, _) = pair();
    let there = PathBuf::from(address(&ada));
    let at = |id: &str| there.join("objects").join(&id[..2]).join(&id[2..]);
    let ids = [
        vault_git(&ada, &["rev-parse", "kit--v1.0.0:bundle.toml"]),
        vault_git(&ada, &["rev-parse", "kit--v1.1.0"]),
        vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]),
    ];
    let mend = |args: &[&str]| {
        let ran = reader.run([&["--format", "json", "vault", "repair", "team", "--vault-side"], args].concat());
        let value = ran.value();
        assert_valid(&reader, "vault-repair-vault-side", &value);
        (ran.code, value["data"].clone())
    };
    assert_eq!(mend(&[]).1["found"], serde_json::json!([]));
    for id in ids {
        for how in ["gone", "flipped"] {
            if how == "gone" {
                fs::remove_file(at(&id)).expect("removes")
            } else {
                flip(&at(&id), 14)
            }
            let checked = check(&reader, &["--remote"]);
            assert!(
                told(&checked).contains(&id) || checked["troubles"].to_string().contains(&id),
                "{how}: {checked:#}"
            );
            assert!(told(&checked).contains(" vault: "), "{checked:#}");
            let (code, done) = mend(&[]);
            assert_eq!((code, &done["left"]), (Some(0), &serde_json::json!([])), "{how} {id}: {done:#}");
            vault_git(&ada, &["fsck", "--strict", "--no-dangling"]);
            TestEnv::with_collection().run(["vault", "add", "x", &address(&ada)]).ok();
        }
    }
    vault_git(&ada, &["update-ref", "-d", "refs/tags/kit--v1.0.0"]);
    assert!(told(&check(&reader, &["--remote"])).contains("kit--v1.0.0"));
    assert_eq!(mend(&[]).1["tags"], serde_json::json!(["refs/tags/kit--v1.0.0"]));
    // A pack of the vault, with objects that nobody else has.
    vault_git(&ada, &["repack", "-a", "-d", "-q"]);
    let packs = fs::read_dir(there.join("objects/pack")).expect("a folder").flatten().map(|file| file.path());
    let pack = packs.into_iter().find(|path| path.extension().is_some_and(|end| end == "pack")).expect("a pack");
    flip(&pack, 700);
    let (code, done) = mend(&[]);
    assert_eq!((code, &done["damaged_files"].as_array().map(Vec::len)), (Some(0), &Some(1)), "{done:#}");
    vault_git(&ada, &["fsck", "--strict", "--no-dangling"]);
    // One that is wound back, or is elsewhere, is for those who run it.
    let old = vault_git(&ada, &["rev-parse", "skillmeat-ledger~1"]);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &old]);
    assert!(told(&check(&reader, &["--remote"])).contains("rollback vault:"));
    let (code, _) = mend(&[]);
    assert_eq!((code, head(&ada)), (Some(3), old), "where the ledger ends is not for a reader to say");
}

#[test]
fn a_vault_elsewhere_is_asked_for_all_that_it_offers() {
    let (ada, id) = ada();
    let reader = TestEnv::with_collection();
    reader.allow_ssh();
    let url = format!("ssh://host.invalid{}", address(&ada));
    reader.run(["vault", "add", "team", &url, "--ledger", &id]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    let checked = check(&reader, &["--remote", "--read-data"]);
    assert_eq!(
        (&checked["offered"]["whole"], &checked["troubles"]),
        (&1.into(), &serde_json::json!([])),
        "{checked:#}"
    );
    let lost = vault_git(&ada, &["rev-parse", "kit--v1.0.0^{tree}"]);
    fs::remove_file(PathBuf::from(address(&ada)).join("objects").join(&lost[..2]).join(&lost[2..])).expect("removes");
    let checked = check(&reader, &["--remote"]);
    assert_eq!(checked["troubles"][0]["release"], "kit--v1.0.0", "{checked:#}");
    let ran = reader.run(["vault", "repair", "team", "--vault-side"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("git bundle unbundle team.bundle"), "{}", ran.stdout);
    // The commands do what they say, with nothing but git.
    reader.run(["vault", "export", "team", "../team.bundle"]).ok();
    let bundle = reader.root().join("team.bundle");
    vault_git(&ada, &["bundle", "unbundle", bundle.to_str().expect("a path")]);
    vault_git(&ada, &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(check(&reader, &["--remote"])["troubles"], serde_json::json!([]));
    fs::rename(address(&ada), ada.root().join("gone.git")).expect("renames");
    assert!(told(&check(&reader, &["--remote"])).starts_with("net vault:"));
    assert!(told(&check(&reader, &["--remote", "--offline"])).contains("--offline"));
}

fn ran(env: &TestEnv, args: &[&str]) -> Judged {
    env.run(args).ok()
}

#[test]
fn a_vault_travels_as_a_file_and_as_a_folder() {
    let (ada, reader, id) = pair();
    for (name, shape) in [("team.bundle", "file"), ("stick/team.git", "folder")] {
        let path = reader.root().join(name);
        let path = path.to_str().expect("a path");
        let done = reader.run(["--format", "json", "vault", "export", "team", path]).ok().value();
        assert_valid(&reader, "vault-export", &done);
        assert_eq!((&done["data"]["shape"], &done["data"]["releases"]), (&shape.into(), &2.into()), "{done:#}");
        // Stock git: it is whole, and a clone of it is sound.
        if shape == "file" {
            reader.git(["bundle", "verify", path]);
        }
        let clone = reader.root().join(format!("clone-{shape}"));
        let clone = clone.to_str().expect("a path");
        reader.git(["clone", "--quiet", path, clone]);
        reader.git(["-C", clone, "fsck", "--strict", "--no-dangling"]);
        assert!(reader.git(["-C", clone, "show", "HEAD:README.md"]).contains("| kit |"));
        // Someone who has nothing else.
        let other = TestEnv::with_collection();
        let added = ran(&other, &["vault", "add", "team", path, "--ledger", &id, "--offline"]);
        assert!(added.stdout.contains("2 releases"), "{}", added.stdout);
        ran(&other, &["vault", "pull", "team"]);
        assert_well(&other, 2);
        assert_eq!(check(&other, &["--remote", "--read-data"])["offered"]["whole"], 2);
        // All that reads works without network; a push to a file is refused.
        for args in [
            &["vault", "ls", "team"][..],
            &["vault", "show", "team"],
            &["vault", "log", "team"],
            &["vault", "list"],
            &["vault", "check", "team"],
            &["vault", "role", "list", "team"],
            &["inspect", "team:kit"],
        ] {
            other.unchanged(&[args, &["--offline"]].concat());
        }
        ran(&other, &["import", "team:kit", "--offline", "--yes"]);
        ran(&other, &["verify", "kit"]);
        if shape == "file" {
            let told = ada.run(["vault", "add", "file", path, "--ledger", &id]);
            told.ok();
            let told = ada.refused("usage", &["vault", "checkpoint", "file"]);
            assert!(told.stderr.contains("vault pull file --from"), "{}", told.stderr);
            ada.refused("usage", &["vault", "push", "file", "kit"]);
            // Also by a URL, which git itself does not take for such a file.
            let url = format!("file://{path}");
            ran(&TestEnv::with_collection(), &["vault", "add", "url", &url, "--ledger", &id]);
        }
    }
}

#[test]
fn a_copy_is_brought_up_to_date_and_nothing_else_is_overwritten() {
    let (ada, reader, _) = pair();
    let (file, folder) = (reader.root().join("team.bundle"), reader.root().join("team.git"));
    let paths = [file.to_str().expect("a path"), folder.to_str().expect("a path")];
    for path in paths {
        ran(&reader, &["vault", "export", "team", path]);
    }
    export(&ada, "kit", "1.2.0");
    ran(&ada, &["vault", "push", "team", "kit"]);
    // A copy that knows more is not replaced by one that knows less.
    let newer = ada.root().join("newer.bundle");
    ran(&ada, &["vault", "export", "team", newer.to_str().expect("a path")]);
    let told = reader.refused("rollback", &["vault", "export", "team", newer.to_str().expect("a path")]);
    assert!(told.stderr.contains("vault pull NAME --from"), "{}", told.stderr);
    // It brings the reader up to date, whose vault keeps its address.
    let pulled = reader.json(&["vault", "pull", "team", "--from", newer.to_str().expect("a path"), "--offline"]);
    assert_eq!((&pulled["new"][0]["release"], &pulled["vault"]["url"]), (&"kit--v1.2.0".into(), &address(&ada).into()));
    let shown = reader.json(&["vault", "show", "team"]);
    assert_eq!(shown["fetched"]["from"], newer.to_str().expect("a path"), "{shown:#}");
    for path in paths {
        ran(&reader, &["vault", "export", "team", path]);
        let other = TestEnv::with_collection();
        ran(&other, &["vault", "add", "team", path, "--first-use"]);
        ran(&other, &["vault", "pull", "team"]);
        assert_well(&other, 3);
    }
    // Something else stands there.
    let (text, busy) = (reader.root().join("notes.bundle"), reader.root().join("busy"));
    fs::write(&text, "notes\n").expect("writes");
    fs::create_dir(&busy).expect("a folder");
    fs::write(busy.join("notes"), "notes\n").expect("writes");
    reader.refused("usage", &["vault", "export", "team", text.to_str().expect("a path")]);
    reader.refused("usage", &["vault", "export", "team", busy.to_str().expect("a path")]);
    // Not all of it is here.
    let late = TestEnv::with_collection();
    ran(&late, &["vault", "add", "team", &address(&ada), "--first-use"]);
    let told = late.refused("net", &["vault", "export", "team", "../late.bundle"]);
    assert!(told.stderr.contains("3 of the 3 releases"), "{}", told.stderr);
}

/// The words are those for any vault, whether it is a file or a server.
#[test]
fn a_copy_that_is_rewound_forked_or_tampered_with_is_refused() {
    let (ada, reader, id) = pair();
    ran(&ada, &["vault", "checkpoint", "team"]);
    let old = ada.root().join("old.bundle");
    let old = old.to_str().expect("a path");
    ran(&ada, &["vault", "export", "team", old]);
    let first = head(&ada);
    ran(&ada, &["vault", "checkpoint", "team"]);
    ran(&reader, &["vault", "pull", "team"]);
    let evidence =
        |env: &TestEnv| store_git(env, &["for-each-ref", "--format=%(objectname)", "refs/skillmeat/evidence/"]);
    // Older than what was seen.
    let told = reader.run(["vault", "pull", "team", "--from", old]).refused("rollback");
    assert!(told.stderr.contains("was at entry 4") && told.stderr.contains("entry 3"), "{}", told.stderr);
    assert!(evidence(&reader).contains(&first) && evidence(&reader).contains(&head(&ada)), "both are kept");
    // The same people, another history.
    let newest = head(&ada);
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &first]);
    let fork = ada.root().join("fork.git");
    let mut command = ada.command("git");
    command.args(["clone", "--quiet", "--mirror", &address(&ada)]).arg(&fork);
    let _ = Ran::of(command).ok();
    vault_git(&ada, &["update-ref", "refs/heads/skillmeat-ledger", &newest]);
    ran(&ada, &["vault", "remove", "team"]);
    forget_seen(&ada);
    ran(&ada, &["vault", "add", "fork", fork.to_str().expect("a path"), "--ledger", &id]);
    ran(&ada, &["vault", "checkpoint", "fork", "--days", "9"]);
    ran(&ada, &["vault", "pull", "fork"]);
    let forked = ada.root().join("forked.bundle");
    let forked = forked.to_str().expect("a path");
    ran(&ada, &["vault", "export", "fork", forked]);
    let told = reader.run(["vault", "pull", "team", "--from", forked]).refused("fork");
    assert!(told.stderr.contains("refs/skillmeat/evidence/"), "{}", told.stderr);
    assert_eq!(evidence(&reader).lines().count(), 3, "both are kept");
    // Another vault altogether.
    let other = crate::ledger::ada().0;
    let strange = other.root().join("strange.bundle");
    ran(&other, &["vault", "export", "team", strange.to_str().expect("a path")]);
    reader.refused_leaving(
        "untrusted",
        &["vault", "pull", "team", "--from", strange.to_str().expect("a path")],
        Depth::Refs,
    );
    // A byte of the file.
    let mut bytes = fs::read(old).expect("reads");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    let spoilt = ada.root().join("spoilt.bundle");
    fs::write(&spoilt, bytes).expect("writes");
    let fresh = TestEnv::with_collection();
    fresh.refused("net", &["vault", "add", "team", spoilt.to_str().expect("a path"), "--ledger", &id]);
    assert_well(&reader, 2);
}

#[test]
fn a_kill_leaves_the_old_store() {
    let (_ada, mut reader, _) = pair();
    flip(&largest(&reader, "pack"), 900);
    // Killed when git is asked, again and again, at every call that the repair makes of it.
    let (bin, path) = (reader.root().join("bin"), std::env::var("PATH").expect("PATH"));
    fs::create_dir_all(&bin).expect("a folder");
    let count = reader.root().join("calls");
    let script = |at: usize| {
        format!(
            "#!/bin/sh\nPATH='{path}'\necho x >> '{0}'\nif [ \"$(wc -l < '{0}')\" -eq {at} ] && grep -q git-skillmeat /proc/$PPID/comm; then\n\
             kill -9 $PPID; exit 1; fi\nexec git \"$@\"\n",
            count.display()
        )
    };
    reader.set("PATH", &format!("{}:{path}", bin.display()));
    let mut killed = 0;
    for at in 1..20 {
        let _ = fs::remove_file(&count);
        fs::write(bin.join("git"), script(at)).expect("writes");
        fs::set_permissions(bin.join("git"), fs::Permissions::from_mode(0o755)).expect("a mode");
        let ran = reader.run(["vault", "repair", "team"]);
        if ran.code.is_some() {
            ran.ok();
            break;
        }
        killed += 1;
        // The old store is untouched, and a check says what it said.
        let now = store(&reader);
        assert!(now.join("HEAD").is_file());
        assert!(!now.join("damaged").exists());
    }
    assert!(killed >= 3, "{killed} times");
    reader.set("PATH", &path);
    assert_well(&reader, 2);
    let left: Vec<_> = fs::read_dir(store(&reader).parent().expect("a folder"))
        .expect("lists")
        .flatten()
        .map(|file| file.file_name())
        .collect();
    assert_eq!(left.len(), 3, "store, record and lock: {left:?}");
}

#[test]
fn a_vault_is_seen_on_one_screen() {
    let (ada, reader, id) = pair();
    for number in 0..12 {
        export(&ada, &format!("kit-{number}"), "1.0.0");
        ran(&ada, &["vault", "push", "team", &format!("kit-{number}")]);
    }
    ran(&ada, &["vault", "yank", "team", "kit@1.1.0", "--reason", "breaks"]);
    ran(&ada, &["vault", "checkpoint", "team"]);
    let late = TestEnv::with_collection();
    ran(&late, &["vault", "add", "team", &address(&ada), "--ledger", &id]);
    let screen = late.unchanged(&["vault", "show", "team"]).stdout.clone();
    assert!(screen.lines().count() <= 40, "one screen: {screen}");
    for text in [
        "compared",
        "ada@example.invalid",
        "fresh until",
        "0 of 14 releases",
        "taken back",
        "3 bundles",
        "not fetched",
        "from ",
    ] {
        assert!(screen.contains(text), "{text}: {screen}");
    }
    let shown = late.run(["--format", "json", "vault", "show", "team"]).ok().value();
    assert_valid(&late, "vault-show", &shown);
    let latest = shown["data"]["latest"].as_array().expect("a list");
    assert_eq!((latest.len(), &latest[12]["release"]), (13, &"kit--v1.0.0".into()), "the one that was not taken back");
    let listed = late.run(["--format", "json", "vault", "list"]).ok().value();
    assert_valid(&late, "vault-list", &listed);
    assert_eq!((&listed["data"][0]["releases"], &listed["data"][0]["is_fresh"]), (&14.into(), &true.into()));
    assert!(reader.run(["vault", "list"]).ok().stdout.contains("2 releases, entry 2, no checkpoint yet"));
}
