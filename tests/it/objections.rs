//! What vaults say of packs that they do not list: of keys that they have revoked, and of names that they have given away.

use crate::env::{Key, TestEnv, examples};
use crate::ledger::{ada, address, public, user};

/// Bob, who publishes in Ada's vault, someone who has stolen his key, and a reader who has it in their own list.
struct World {
    ada: TestEnv,
    id: String,
    bob: TestEnv,
    thief: TestEnv,
    reader: TestEnv,
}

/// Someone with this key.
fn holder(mail: &str, key: &Key) -> TestEnv {
    let env = TestEnv::with_collection();
    env.config("user.email", mail);
    env.use_key(key);
    env.allow(&[(mail, key)]);
    env.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    env
}

/// Exports `good` and returns the pack's path.
fn export(env: &TestEnv, version: &str, about: &str) -> String {
    let pack = format!("../good-{version}.skillmeat-pack");
    env.run(["export", "good", "--version", version, "--all", "--description", about, "--output", &pack]).ok();
    env.root().join(&pack[3..]).to_str().expect("a path").to_owned()
}

/// `good` 1.0.0 is entry 3 of the ledger.
fn world() -> World {
    let (ada, id) = ada();
    let key = Key::generate("");
    let (bob, thief) = (holder("bob@example.invalid", &key), holder("bob@example.invalid", &key));
    let grant = ["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "*", "--key"];
    ada.run([&grant[..], &[&key.public]].concat()).ok();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    export(&bob, "1.0.0", "what bob made");
    bob.run(["vault", "push", "team", "good"]).ok();
    let reader = TestEnv::with_collection();
    reader.run(["trust", "add", "bob@example.invalid", "--key", &key.public]).ok();
    World { ada, id, bob, thief, reader }
}

fn revoke(world: &World, since: &str) {
    let key = public(&world.bob);
    world.ada.run(["trust", "revoke", &key, "--vault", "team", "--since", since, "--reason", "stolen"]).ok();
}

/// Checks that a pack is refused by every command that could use it, and what is said.
fn refused(reader: &TestEnv, class: &str, pack: &str, says: &[&str]) {
    for args in [&["verify", pack][..], &["import", pack, "--yes"]] {
        let told = reader.refused(class, args);
        for text in says {
            assert!(told.stderr.contains(text), "{text}: {}", told.stderr);
        }
    }
    let told = reader.run(["--format", "json", "inspect", pack]);
    assert_eq!((told.code, &told.value()["data"]["not_verified"]["class"]), (Some(3), &class.into()), "{told:?}");
}

#[test]
fn row_59_a_revoked_key_brings_in_no_pack_past_the_ledger() {
    let world = world();
    let World { ada, id, bob, thief, reader } = &world;
    let (listed, newer) = (bob.root().join("good-1.0.0.skillmeat-pack"), export(thief, "1.3.0", "what a thief made"));
    let listed = listed.to_str().expect("a path");
    reader.run(["vault", "add", "team", &address(ada), "--ledger", id]).ok();
    // Nothing speaks against it as long as nobody knows.
    assert_eq!(reader.json(&["verify", &newer])["level"], 2);
    revoke(&world, "4");
    reader.run(["vault", "pull", "team"]).ok();
    refused(reader, "untrusted", &newer, &["'team'", "speaks against", "revoked since entry 4", "does not list it"]);
    // What was published before that stays good.
    assert_eq!(reader.json(&["verify", listed])["level"], 3);
    // A tag in the collection is judged as a pack is.
    reader.git(["fetch", "--quiet", thief.folder().to_str().expect("a path"), "refs/tags/*:refs/tags/*"]);
    reader.refused("untrusted", &["verify", "good--v1.3.0"]);
    // A vault of the thief's own, which nobody has compared, does not make it better.
    thief.run(["vault", "init", "../own.git"]).ok();
    thief.run(["vault", "add", "own", "../own.git", "--first-use"]).ok();
    thief.run(["vault", "push", "own", "good@1.3.0"]).ok();
    let own = thief.root().join("own.git");
    reader.run(["vault", "add", "own", own.to_str().expect("a path"), "--first-use"]).ok();
    refused(reader, "untrusted", &newer, &["'team'", "speaks against"]);
    reader.run(["vault", "pull", "own"]).ok();
    reader.refused("untrusted", &["--offline", "import", "own:good", "--yes"]);
    // From the first entry on: nothing of it is.
    revoke(&world, "0");
    reader.run(["vault", "pull", "team"]).ok();
    refused(reader, "untrusted", listed, &["revoked since entry 0"]);
    refused(reader, "untrusted", &newer, &["revoked since entry 0"]);
    // Without the vault it is the user's list alone.
    reader.run(["vault", "remove", "team"]).ok();
    reader.run(["verify", &newer]).ok();
}

#[test]
fn row_58_its_people_have_one_release_of_a_name() {
    let world = world();
    let World { ada, id, bob, thief, reader } = &world;
    let (first, other) = (bob.root().join("good-1.0.0.skillmeat-pack"), export(thief, "1.0.0", "what a thief made"));
    reader.run(["vault", "add", "team", &address(ada), "--ledger", id]).ok();
    refused(reader, "hash", &other, &["'team'", "the tag of 'good--v1.0.0' is", "entry 3 of the ledger names"]);
    reader.run(["verify", first.to_str().expect("a path")]).ok();
    // Who was one of them once is bound by that.
    ada.run(["vault", "role", "revoke", "team", "bob@example.invalid"]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    refused(reader, "hash", &other, &["'team'"]);
    // A stranger may have the name elsewhere: that is said, and no more.
    let carol = user("carol");
    carol.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    let hers = export(&carol, "1.0.0", "what carol made");
    reader.refused("untrusted", &["verify", &hers]);
    reader.run(["trust", "add", "carol@example.invalid", "--key", &public(&carol)]).ok();
    let report = reader.json(&["verify", &hers]);
    assert_eq!((&report["level"], &report["other_in"]), (&2.into(), &serde_json::json!(["team"])));
    let told = reader.run(["verify", &hers]).ok().stdout.clone();
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("no vault vouches for it, and 'team' has another release of this name"), "{told}");
    reader.run(["import", &hers, "--yes"]).ok();
}

/// Anybody can make a vault and revoke any key in it.
#[test]
fn a_vault_taken_on_first_use_keeps_nobody_from_what_others_vouch_for() {
    let world = world();
    let World { ada, id, thief, reader, .. } = &world;
    let (other, newer) = (export(thief, "1.0.0", "another"), export(thief, "1.3.0", "newer"));
    revoke(&world, "0");
    reader.run(["vault", "add", "team", &address(ada), "--first-use"]).ok();
    for pack in [&other, &newer] {
        let report = reader.json(&["verify", pack]);
        assert_eq!((&report["level"], &report["other_in"]), (&2.into(), &serde_json::Value::Null), "{report}");
    }
    reader.run(["vault", "pin", "team", "--ledger", id]).ok();
    refused(reader, "untrusted", &other, &["'team'"]);
    refused(reader, "untrusted", &newer, &["'team'"]);
    // A vault that lists exactly this has the word.
    let made = thief.json(&["vault", "init", "../own.git"]);
    let own = made["ledger"].as_str().expect("an id");
    let place = thief.root().join("own.git");
    let place = place.to_str().expect("a path");
    thief.run(["vault", "add", "own", place, "--ledger", own]).ok();
    thief.run(["vault", "push", "own", "good@1.3.0"]).ok();
    reader.run(["vault", "add", "own", place, "--ledger", own]).ok();
    let report = reader.json(&["verify", &newer]);
    assert_eq!((&report["level"], &report["vault"]), (&3.into(), &"own".into()), "{report}");
    refused(reader, "untrusted", &other, &["'team'"]);
}

/// Anybody can write any name into a ledger of their own.
#[test]
fn a_ledger_taken_on_first_use_does_not_override_the_users_list() {
    let (imposter, id) = ada();
    let pack = imposter.root().join("kit-1.0.0.skillmeat-pack");
    let pack = pack.to_str().expect("a path");
    let real = Key::generate("");
    let reader = TestEnv::with_collection();
    let own = |text: &str| reader.allow_text(text);
    own(&format!("ada@example.invalid namespaces=\"git\" {}\n", real.public));
    reader.run(["vault", "add", "someones", &address(&imposter), "--first-use"]).ok();
    reader.run(["vault", "pull", "someones"]).ok();
    let says =
        ["'someones'", "says that it is a key of 'ada@example.invalid'", "your own list has other keys", "vault pin"];
    refused(&reader, "untrusted", pack, &says);
    reader.refused("untrusted", &["import", "someones:kit", "--offline", "--yes"]);
    let listed = reader.json(&["vault", "ls", "someones"]);
    assert_eq!(listed[0]["standing"], "not-believed", "{listed}");
    // A pattern names her too, and a line that is for something else, or over.
    for line in [
        "*@example.invalid",
        "ada@example.invalid namespaces=\"file\"",
        "ada@example.invalid valid-before=\"20200101Z\"",
    ] {
        own(&format!("{line} {}\n", real.public));
        refused(&reader, "untrusted", pack, &says);
    }
    // The key in the user's own list has the name that it has there.
    let key = public(&imposter);
    own(&format!("eve namespaces=\"git\" {key}\nada@example.invalid namespaces=\"git\" {}\n", real.public));
    let report = reader.json(&["verify", pack]);
    assert_eq!(
        (&report["principal"], &report["level"], &report["vault"]),
        (&"eve".into(), &2.into(), &"someones".into())
    );
    assert_eq!(reader.json(&["vault", "ls", "someones"])[0]["principal"], "eve");
    // And is good for what it is good for there.
    own(&format!("eve namespaces=\"file\" {key}\n"));
    refused(&reader, "untrusted", pack, &["may not sign for namespace 'git'"]);
    own(&format!("eve valid-before=\"20200101Z\" {key}\n"));
    refused(&reader, "untrusted", pack, &["a key that was valid until 2020"]);
    // Of others the list says nothing, and an authority for certificates is none for keys.
    for line in [format!("bob@example.invalid {}\n", real.public), format!("* cert-authority {}\n", real.public)] {
        own(&line);
        assert_eq!(reader.json(&["verify", pack])["principal"], "ada@example.invalid");
    }
    // A ledger whose id was compared says who its people are.
    own(&format!("ada@example.invalid namespaces=\"git\" {}\n", real.public));
    reader.run(["vault", "pin", "someones", "--ledger", &id]).ok();
    let report = reader.json(&["verify", pack]);
    assert_eq!((&report["principal"], &report["level"]), (&"ada@example.invalid".into(), &3.into()));
}
