//! Bundles that need others: found, verified, imported in one commit or not at all, and the same again by the lock.

use crate::env::TestEnv;

/// A publisher with a vault whose ledger they have compared.
fn publisher() -> (TestEnv, String) {
    let env = TestEnv::with_key();
    let id = env.json(&["vault", "init", "../vault.git"])["ledger"].as_str().expect("an id").to_owned();
    env.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    (env, id)
}

/// Publishes a bundle of one skill, which says its version, and needs others.
fn publish(env: &TestEnv, bundle: &str, version: &str, needs: &[&str]) {
    publish_to(env, "team", bundle, version, needs);
}

fn publish_to(env: &TestEnv, vault: &str, bundle: &str, version: &str, needs: &[&str]) {
    let text = format!("---\nname: {bundle}\ndescription: Says {version}\nlicense: MIT\n---\n{version}\n");
    let path = format!("skills/{bundle}/SKILL.md");
    let is_new = !env.path(&path).exists();
    env.write(&path, text);
    if is_new {
        env.git(["add", "."]);
    }
    env.git(["commit", "--quiet", "--all", "--message", version]);
    let pack = format!("../{bundle}-{version}.skillmeat-pack");
    let mut args = vec!["export", bundle, "--version", version, "--output", &pack];
    let artifact = format!("skill/{bundle}");
    args.extend(["--artifact", &artifact]);
    needs.iter().for_each(|need| args.extend(["--depends", need]));
    env.run(&args).ok();
    env.run(["vault", "push", vault, &format!("{bundle}@{version}")]).ok();
}

/// Publishes a bundle of one skill that is of another bundle, as it is.
fn publish_of(env: &TestEnv, bundle: &str, version: &str, skill: &str) {
    let (pack, artifact) = (format!("../{bundle}-{version}.skillmeat-pack"), format!("skill/{skill}"));
    env.run(["export", bundle, "--version", version, "--artifact", &artifact, "--output", &pack]).ok();
    env.run(["vault", "push", "team", &format!("{bundle}@{version}")]).ok();
}

/// Returns the version of a bundle in the lock.
fn locked(env: &TestEnv, bundle: &str) -> Option<String> {
    let lock: toml::Table = env.read("collection.lock").parse().expect("TOML");
    Some(lock.get("releases")?.get(bundle)?["version"].as_str().expect("text").to_owned())
}

fn reader(publisher: &TestEnv, id: &str) -> TestEnv {
    let reader = TestEnv::with_collection();
    let vault = publisher.root().join("vault.git");
    reader.run(["vault", "add", "team", vault.to_str().expect("a path"), "--ledger", id]).ok();
    reader
}

fn text(env: &TestEnv, bundle: &str) -> String {
    env.read(&format!("skills/{bundle}/SKILL.md")).lines().last().expect("a line").to_owned()
}

#[test]
fn what_a_bundle_needs_comes_with_it_in_one_commit() {
    let (author, id) = publisher();
    for version in ["1.0.0", "1.4.0", "2.0.0"] {
        publish(&author, "base", version, &[]);
    }
    publish(&author, "tools", "0.3.0", &["base@<1.5"]);
    publish(&author, "kit", "1.0.0", &["base@^1", "tools@*"]);
    let reader = reader(&author, &id);
    let before = reader.head();
    let shown = reader.json(&["import", "team:kit", "--dry-run"]);
    let names: Vec<_> =
        shown["dependencies"].as_array().expect("a list").iter().map(|one| &one["plan"]["release"]).collect();
    assert_eq!(names, ["base--v1.4.0", "tools--v0.3.0"]);
    assert_eq!(reader.head(), before);
    assert!(reader.run(["import", "team:kit", "--dry-run"]).ok().stdout.contains("needs      base ^1, tools *"));
    // Consent is for digests, all of them.
    let root = shown["plan"]["digest"].as_str().expect("a digest");
    let told = reader.refused("consent", &["import", "team:kit", "--offline", "--accept", root]);
    let base = shown["dependencies"][0]["plan"]["digest"].as_str().expect("a digest");
    assert!(told.stderr.contains(base), "{}", told.stderr);
    // What is still to be agreed to is shown with its files.
    assert!(told.stderr.contains("  new     skills/base/SKILL.md  +"), "{}", told.stderr);
    let tools = shown["dependencies"][1]["plan"]["digest"].as_str().expect("a digest");
    reader.run(["import", "team:kit", "--accept", root, "--accept", base, "--accept", tools]).ok();
    reader.assert_sound();
    assert_eq!(reader.git(["rev-parse", "HEAD~1"]), before, "one commit");
    assert!(reader.git(["log", "-1", "--format=%s"]).contains("with base--v1.4.0, tools--v0.3.0"));
    assert_eq!(["base", "tools", "kit"].map(|bundle| text(&reader, bundle)), ["1.4.0", "0.3.0", "1.0.0"]);
    let head = reader.head();
    reader.run(["import", "team:kit", "--yes"]).ok();
    assert_eq!(reader.head(), head, "importing twice changes nothing");
    // A newer base that fits as well: what is here stays, and the lock keeps to it.
    publish(&author, "base", "1.4.5", &[]);
    reader.run(["import", "team:kit", "--yes", "--locked"]).ok();
    assert_eq!(reader.head(), head);
    // A newer one of the bundle itself as well: what the lock names is taken, and nothing else under its name.
    publish(&author, "kit", "1.1.0", &["base@^1"]);
    reader.run(["import", "team:kit", "--yes", "--locked"]).ok();
    assert_eq!(reader.head(), head);
    reader.refused("policy", &["import", "team:kit@1.1.0", "--yes", "--locked"]);
    // What is here is left only where it does not do any more.
    publish(&author, "kit", "1.2.0", &["base@^1.4.5"]);
    reader.run(["import", "team:kit", "--yes"]).ok();
    assert_eq!(["base", "kit"].map(|bundle| text(&reader, bundle)), ["1.4.5", "1.2.0"]);
}

#[test]
fn what_cannot_be_had_changes_nothing() {
    let (author, id) = publisher();
    publish(&author, "base", "1.0.0", &[]);
    publish(&author, "kit", "1.0.0", &["base@2"]);
    publish(&author, "one", "1.0.0", &["two@1"]);
    publish(&author, "two", "1.0.0", &["one@1"]);
    publish(&author, "lost", "1.0.0", &["nowhere@1"]);
    let reader = reader(&author, &id);
    reader.run(["vault", "pull", "team"]).ok();
    let told = reader.refused("policy", &["import", "team:kit", "--yes", "--offline"]);
    assert!(told.stderr.contains("needs 'base' ^2, and there are 1.0.0"), "{}", told.stderr);
    let told = reader.refused("policy", &["import", "team:one", "--yes", "--offline"]);
    assert!(told.stderr.contains("in a circle: 'one' needs 'two' needs 'one'"), "{}", told.stderr);
    reader.refused("policy", &["import", "team:lost", "--yes", "--offline"]);
    reader.run(["import", "team:lost", "--yes", "--offline", "--no-dependencies"]).ok();
    assert_eq!(reader.json(&["list"])["artifacts"].as_array().expect("a list").len(), 1);
    // A broken range does not come as far as a release.
    for need in ["base@one", "base", "Base@1"] {
        assert_eq!(
            author.run(["export", "x", "--version", "1.0.0", "--all", "--depends", need]).code,
            Some(2),
            "{need}"
        );
    }
}

/// A name in another vault than the one that a bundle comes from is not taken for the one that was meant.
#[test]
fn a_name_in_a_foreign_vault_does_not_win() {
    let (author, id) = publisher();
    publish(&author, "base", "1.0.0", &[]);
    publish(&author, "kit", "1.0.0", &["base@1"]);
    publish(&author, "needy", "1.0.0", &["thing@1"]);
    let reader = reader(&author, &id);
    let others: Vec<TestEnv> = (0..2)
        .map(|number| {
            let other = TestEnv::with_key();
            let id = other.json(&["vault", "init", "../vault.git"])["ledger"].as_str().expect("an id").to_owned();
            let address = other.root().join("vault.git");
            let address = address.to_str().expect("a path");
            other.run(["vault", "add", "team", address, "--ledger", &id]).ok();
            publish(&other, "base", "1.9.9", &[]);
            publish(&other, "thing", "1.0.0", &[]);
            reader.run(["vault", "add", &format!("other{number}"), address, "--ledger", &id]).ok();
            other
        })
        .collect();
    let shown = reader.json(&["import", "team:kit", "--dry-run"]);
    assert_eq!(shown["dependencies"][0]["plan"]["release"], "base--v1.0.0");
    // One that only others have: from one of them it is taken, from two it is not guessed.
    let told = reader.run(["import", "team:needy", "--yes"]).refused("policy");
    assert!(told.stderr.contains("other0, other1"), "{}", told.stderr);
    reader.run(["vault", "remove", "other1"]).ok();
    reader.run(["import", "team:needy", "--yes"]).ok();
    assert_eq!(reader.json(&["show", "skill/thing"])["vault"], "other0");
    drop(others);
}

/// What an update of a followed bundle would bring along nobody has agreed to: it is told, and not taken.
#[test]
fn an_update_brings_nothing_that_nobody_has_seen() {
    let (author, id) = publisher();
    publish(&author, "base", "1.0.0", &[]);
    publish(&author, "kit", "1.0.0", &[]);
    let reader = reader(&author, &id);
    reader.run(["import", "team:kit", "--link", "--yes"]).ok();
    publish(&author, "kit", "1.1.0", &["base@1"]);
    let head = reader.head();
    for args in [&["update", "--dry-run"][..], &["update", "--yes"], &["update", "--strategy", "theirs", "--yes"]] {
        let ran = reader.run(args);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("base--v1.0.0") || ran.stderr.contains("base--v1.0.0"), "{ran:?}");
        assert_eq!(reader.head(), head);
    }
    reader.run(["import", "team:kit", "--link", "--yes"]).ok();
    assert_eq!(["base", "kit"].map(|bundle| text(&reader, bundle)), ["1.0.0", "1.1.0"]);
    // What is needed is here now, so the next one goes through.
    publish(&author, "kit", "1.2.0", &["base@1"]);
    reader.run(["update", "--yes"]).ok();
    assert_eq!(text(&reader, "kit"), "1.2.0");
    // So does one that needs another bundle of what is here; the lock names that one then.
    publish_of(&author, "alias", "1.0.0", "base");
    publish(&author, "kit", "1.3.0", &["alias@1", "base@1"]);
    assert_eq!(locked(&reader, "alias"), None);
    reader.run(["update", "--yes"]).ok();
    assert_eq!((text(&reader, "kit"), locked(&reader, "alias")), ("1.3.0".to_owned(), Some("1.0.0".to_owned())));
}

/// Two releases never get one place, by whatever name it is theirs.
#[test]
fn a_fork_of_one_is_not_what_another_brings() {
    let (author, id) = publisher();
    publish(&author, "base", "1.0.0", &[]);
    publish(&author, "base-from-base", "1.0.0", &[]);
    publish(&author, "base-from-base", "1.1.0", &["base@1"]);
    let reader = reader(&author, &id);
    reader.add_skill("base", "mine");
    let head = reader.head();
    reader.run(["import", "team:base-from-base", "--existing", "fork", "--yes"]).refused("conflict");
    assert_eq!(reader.head(), head);
}

/// Tags that no ledger lists, and what was taken back, are no versions for anyone.
#[test]
fn only_what_is_published_is_a_version() {
    let (author, id) = publisher();
    publish(&author, "base", "1.0.0", &[]);
    publish(&author, "base", "1.1.0", &[]);
    publish(&author, "kit", "1.0.0", &["base@1"]);
    // One who may push and has no role.
    author
        .run(["export", "base", "--version", "1.9.0", "--artifact", "skill/base", "--output", "../x.skillmeat-pack"])
        .ok();
    let vault = author.root().join("vault.git");
    author.git(["push", "--quiet", vault.to_str().expect("a path"), "refs/tags/base--v1.9.0"]);
    author.run(["vault", "yank", "team", "base@1.1.0", "--reason", "broken"]).ok();
    let reader = reader(&author, &id);
    let shown = reader.json(&["import", "team:kit", "--dry-run"]);
    assert_eq!(shown["dependencies"][0]["plan"]["release"], "base--v1.0.0");
    // Not out of the collection's own tags either, once a vault that is known has taken it back.
    let pack = author.root().join("base-1.1.0.skillmeat-pack");
    reader.run(["import", pack.to_str().expect("a path"), "--yes", "--existing", "replace"]).ok();
    reader.run(["undo"]).ok();
    let pack = author.root().join("kit-1.0.0.skillmeat-pack");
    let shown = reader.json(&["import", pack.to_str().expect("a path"), "--dry-run"]);
    assert_eq!(shown["dependencies"][0]["plan"]["release"], "base--v1.0.0", "{shown}");
    author
        .run(["export", "self", "--version", "1.0.0", "--artifact", "skill/base", "--depends", "self@1"])
        .refused("usage");
}

/// Where an edited artifact stayed at an older release, the lock means the newest.
#[test]
fn a_bundle_at_two_releases_is_the_newest_of_them() {
    let (author, id) = publisher();
    let both = |version: &str| {
        for name in ["one", "two"] {
            let text = format!("---\nname: {name}\ndescription: Says {version}\nlicense: MIT\n---\n{version}\n");
            author.write(&format!("skills/{name}/SKILL.md"), text);
        }
        author.git(["add", "."]);
        author.git(["commit", "--quiet", "--message", version]);
        let pack = format!("../mix-{version}.skillmeat-pack");
        let args = ["export", "mix", "--version", version, "--artifact", "skill/one", "--artifact", "skill/two"];
        author.run([&args[..], &["--output", &pack]].concat()).ok();
        author.run(["vault", "push", "team", &format!("mix@{version}")]).ok();
    };
    both("1.0.0");
    publish(&author, "kit", "1.0.0", &["mix@*"]);
    let reader = reader(&author, &id);
    reader.run(["import", "team:mix", "--yes"]).ok();
    let edited = reader.read("skills/one/SKILL.md") + "mine\n";
    reader.write("skills/one/SKILL.md", edited);
    reader.git(["commit", "--quiet", "--all", "--message", "Mine"]);
    both("1.1.0");
    reader.run(["import", "team:mix", "--existing", "skip", "--yes"]).ok();
    reader.run(["import", "team:kit", "--existing", "skip", "--yes"]).ok();
    reader.run(["import", "team:mix", "--existing", "skip", "--locked", "--yes"]).ok();
}

/// Every release that was resolved is in the lock, also one that brings only what is here already; and from there all of them
/// are had again, on another machine too, whatever is newer by then.
#[test]
fn what_brings_nothing_new_is_locked_as_well() {
    let (author, id) = publisher();
    publish(&author, "five", "1.0.0", &[]);
    publish_of(&author, "base", "1.0.0", "five");
    publish(&author, "whole", "1.0.0", &["base@1"]);
    let reader = reader(&author, &id);
    reader.refused("policy", &["import", "team:five", "--locked", "--yes"]);
    reader.run(["import", "team:five@1.0.0", "--yes"]).ok();
    reader.run(["import", "team:whole", "--yes"]).ok();
    reader.assert_sound();
    let lock = reader.read("collection.lock");
    let table: toml::Table = lock.parse().expect("TOML");
    for bundle in ["base", "five", "whole"] {
        let (locked, told) = (&table["releases"][bundle], reader.json(&["verify", &format!("{bundle}--v1.0.0")]));
        for key in ["tag", "digest"] {
            assert_eq!(locked[key].as_str(), told[key].as_str(), "{bundle}: {key}");
        }
        for key in ["number", "level"] {
            assert_eq!(locked[key].as_integer(), told[key].as_i64(), "{bundle}: {key}");
        }
        assert_eq!((locked["version"].as_str(), locked["vault"].as_str()), (Some("1.0.0"), Some("team")));
    }
    for bundle in ["base", "five", "whole"] {
        if bundle == "base" {
            publish_of(&author, bundle, "1.1.0", "whole")
        } else {
            publish(&author, bundle, "1.1.0", &["base@1"])
        }
    }
    // A checkpoint makes all of it worth more; what was recorded stays.
    author.run(["vault", "checkpoint", "team"]).ok();
    let head = reader.head();
    for args in [&["--locked"][..], &["--locked", "--offline"]] {
        for bundle in ["team:five", "team:whole", "team:whole@^1", "team:whole@1.0.0"] {
            let done = reader.json(&[&["import", bundle, "--yes"][..], args].concat());
            assert!(done["plan"]["release"].as_str().expect("text").ends_with("--v1.0.0"), "{done}");
            assert_eq!(reader.head(), head, "{bundle}");
        }
    }
    for other in ["team:five@1.1.0", "team:whole@>1", "team:other"] {
        reader.refused("policy", &["import", other, "--locked", "--yes"]);
    }
    // On another machine, with the collection and nothing else.
    let second = self::reader(&author, &id);
    let folder = reader.folder();
    second.git([
        "pull",
        "--quiet",
        "--no-rebase",
        "-X",
        "theirs",
        "--allow-unrelated-histories",
        folder.to_str().expect("a path"),
        "main",
    ]);
    let pulled = second.json(&["vault", "pull", "team", "--locked"]);
    let new: Vec<_> = pulled["new"].as_array().expect("a list").iter().map(|one| &one["release"]).collect();
    assert_eq!(new, ["base--v1.0.0", "five--v1.0.0", "whole--v1.0.0"]);
    let head = second.head();
    let done = second.json(&["import", "team:whole", "--locked", "--yes", "--offline"]);
    assert_eq!(done["dependencies"][0]["plan"]["release"], "base--v1.0.0");
    assert_eq!((second.head(), second.read("collection.lock")), (head, lock.clone()));
    second.assert_sound();
    // What the lock does not have, and what it has otherwise, is not made up.
    let without = lock.split("[releases.\"five\"]").nth(1).expect("a table");
    let before = lock.split("\n[releases.\"base\"]").next().expect("a part");
    let tag = table["releases"]["base"]["tag"].as_str().expect("text");
    let digest = table["releases"]["base"]["digest"].as_str().expect("text");
    let other = |text: &str| text.chars().rev().collect::<String>();
    for changed in [
        format!("{before}\n[releases.\"five\"]{without}"),
        lock.replace(tag, &other(tag)),
        lock.replace(digest, &format!("sha256:{}", other(&digest[7..]))),
    ] {
        assert_ne!(changed, lock);
        second.write("collection.lock", changed);
        second.git(["commit", "--quiet", "-am", "Another lock"]);
        second.refused("policy", &["import", "team:whole", "--locked", "--yes", "--offline"]);
    }
}

/// The lock of a bundle goes back with what is of it.
#[test]
fn what_is_taken_back_is_locked_as_before() {
    let (author, id) = publisher();
    publish(&author, "kit", "1.0.0", &[]);
    let reader = reader(&author, &id);
    reader.run(["import", "team:kit", "--yes"]).ok();
    let first = reader.read("collection.lock");
    let before = reader.head();
    publish(&author, "kit", "1.1.0", &[]);
    reader.run(["import", "team:kit", "--yes"]).ok();
    assert_eq!(locked(&reader, "kit").as_deref(), Some("1.1.0"));
    reader.run(["rollback", &before, "skill/kit"]).ok();
    assert_eq!(reader.read("collection.lock"), first);
    reader.run(["import", "team:kit", "--yes"]).ok();
    reader.run(["undo"]).ok();
    assert_eq!(reader.read("collection.lock"), first);
    reader.run(["remove", "skill/kit"]).ok();
    assert_eq!(locked(&reader, "kit"), None);
}
