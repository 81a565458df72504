//! Whose work it is that comes in with a bundle, and under which licence, goes along with it through every export.

use std::fs;
use std::path::{Path, PathBuf};

use crate::env::{KEY, Key, Ran, STRANGER, TestEnv, skill};

/// A user who signs with this key, and trusts both.
fn user(key: &Key) -> TestEnv {
    let env = TestEnv::with_collection();
    env.use_key(key);
    env.allow(&[("tester@example.invalid", &KEY), ("stranger@example.invalid", &STRANGER)]);
    env
}

fn commit(env: &TestEnv, path: &str, content: &str) {
    env.write(path, content);
    env.git(["add", "--all"]);
    env.git(["commit", "--quiet", "-m", "By hand"]);
}

/// An agent that names no licence.
fn judge(text: &str) -> String {
    format!("---\nname: judge\ndescription: Judges.\n---\n{text}\n")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Exports version 1.0.0 of a bundle.
fn export(env: &TestEnv, bundle: &str, args: &[&str]) -> PathBuf {
    let pack = env.root().join(format!("{bundle}.skillmeat-pack"));
    env.run([&["export", bundle, "--version", "1.0.0", "--output", text(&pack)][..], args].concat()).ok();
    pack
}

/// Returns a file of a pack, as another program reads it; nothing where there is none.
fn in_pack(env: &TestEnv, pack: &Path, path: &str) -> String {
    let mut unzip = env.command("unzip");
    unzip.arg("-p").arg(pack).arg(path);
    Ran::of(unzip).stdout
}

fn fingerprint(env: &TestEnv) -> String {
    let mut command = env.command("ssh-keygen");
    command.arg("-lf").arg(env.home().join("signing_key.pub"));
    Ran::of(command).ok().stdout.split(' ').nth(1).expect("a fingerprint").to_owned()
}

#[test]
fn the_licence_of_a_bundle_stays_with_what_came_from_it() {
    let first = user(&STRANGER);
    commit(&first, "agents/judge.md", &judge("first"));
    let kit = export(&first, "gplkit", &["--artifact", "agent/judge", "--license", "GPL-3.0-only"]);
    assert!(in_pack(&first, &kit, "NOTICE").contains("agent/judge\n  licence: GPL-3.0-only\n"));
    let second = user(&KEY);
    second.run(["import", text(&kit), "--yes"]).ok();
    let out = second.root().join("stolen.skillmeat-pack");
    let stolen =
        |version| ["export", "stolen", "--version", version, "--all", "--license", "MIT", "--output", text(&out)];
    let told = second.refused("policy", &stolen("1.0.0"));
    assert!(told.stderr.contains("'agent/judge' is under GPL-3.0-only, which the bundle's MIT leaves out"), "{told:?}");
    // By an edit here it does not become anyone else's.
    commit(&second, "agents/judge.md", &judge("edited"));
    second.refused("policy", &stolen("1.0.0"));
    assert!(!out.exists());
    // Where nobody names a licence, it is that one; and where it was allowed, it is said.
    let quiet = export(&second, "quiet", &["--all"]);
    let manifest = in_pack(&second, &quiet, "bundle.toml");
    assert_eq!(manifest.matches("license = \"GPL-3.0-only\"").count(), 1, "{manifest}");
    second.run([&stolen("1.0.0")[..], &["--allow", "bundle.license"]].concat()).ok();
    let manifest = in_pack(&second, &out, "bundle.toml");
    assert!(manifest.contains("license = \"MIT\"") && manifest.contains("license = \"GPL-3.0-only\""), "{manifest}");
    let came = format!(
        "bundle: gplkit 1.0.0, under GPL-3.0-only, signed with key {} of who writes 'Tester <tester@example.invalid>'",
        fingerprint(&first)
    );
    let expected = format!("agent/judge\n  {came}\n  licence: GPL-3.0-only\n");
    for pack in [&quiet, &out] {
        let notice = in_pack(&second, pack, "NOTICE");
        assert!(notice.contains(&expected), "{notice}");
    }
    // A third hand names both, the nearest first.
    let third = user(&STRANGER);
    third.run(["import", text(&out), "--yes"]).ok();
    let told = third.refused("policy", &["export", "again", "--version", "1.0.0", "--all", "--license", "MIT"]);
    assert!(told.stderr.contains("'agent/judge' is under GPL-3.0-only"), "{told:?}");
    let notice = in_pack(&third, &export(&third, "again", &["--all"]), "NOTICE");
    let nearest =
        format!("agent/judge\n  bundle: stolen 1.0.0, under GPL-3.0-only, signed with key {}", fingerprint(&second));
    assert!(
        notice.contains(&nearest) && notice.contains(&format!("\n  {came}\n  licence: GPL-3.0-only\n")),
        "{notice}"
    );
}

/// What is beside another of its name is still of whom it came from.
#[test]
fn a_fork_keeps_the_licence_of_its_bundle() {
    let first = user(&STRANGER);
    commit(&first, "agents/judge.md", &judge("first"));
    let kit = export(&first, "gplkit", &["--all", "--license", "GPL-3.0-only"]);
    let second = user(&KEY);
    commit(&second, "agents/judge.md", &judge("mine"));
    second.run(["import", text(&kit), "--yes", "--existing", "fork"]).ok();
    let told = second.refused("policy", &["export", "both", "--version", "1.0.0", "--all", "--license", "MIT"]);
    assert!(told.stderr.contains("'agent/judge-from-gplkit' is under GPL-3.0-only"), "{told:?}");
    assert!(!told.stderr.contains("'agent/judge' is"), "{told:?}");
    let notice = in_pack(&second, &export(&second, "own", &["--artifact", "agent/judge"]), "NOTICE");
    assert!(!notice.contains("gplkit"), "{notice}");
}

#[test]
fn licence_texts_of_all_bundles_are_kept() {
    let (first, other) = (user(&STRANGER), user(&STRANGER));
    for (env, name) in [(&first, "one"), (&other, "two")] {
        commit(env, &format!("skills/{name}/SKILL.md"), &skill(name, "text"));
        commit(env, "LICENSE", &format!("Licence of {name}\n"));
    }
    let packs = [export(&first, "one-kit", &["--all"]), export(&other, "two-kit", &["--all"])];
    let second = user(&KEY);
    for pack in &packs {
        second.run(["import", text(pack), "--yes"]).ok();
    }
    let both = export(&second, "both", &["--all"]);
    let texts = |env: &TestEnv, pack: &Path| {
        ["LICENSE", "LICENSES/one-kit--v1.0.0/LICENSE", "LICENSES/two-kit--v1.0.0/LICENSE"]
            .map(|path| in_pack(env, pack, path))
    };
    assert_eq!(texts(&second, &both), ["", "Licence of one\n", "Licence of two\n"]);
    let single = export(&second, "single", &["--artifact", "skill/two"]);
    assert_eq!(texts(&second, &single), ["", "", "Licence of two\n"], "only of what is in it");
    commit(&second, "LICENSE", "My own\n");
    let mine = export(&second, "mine", &["--all"]);
    assert_eq!(texts(&second, &mine), ["My own\n", "Licence of one\n", "Licence of two\n"]);
    // A third hand has all of them, those of the second too.
    let third = user(&STRANGER);
    third.run(["import", text(&mine), "--yes"]).ok();
    let again = export(&third, "again", &["--all"]);
    assert_eq!(texts(&third, &again), ["", "Licence of one\n", "Licence of two\n"]);
    assert_eq!(in_pack(&third, &again, "LICENSES/mine--v1.0.0/LICENSE"), "My own\n");
    third.run(["verify", text(&again)]).ok();
}

#[test]
fn licence_texts_that_cannot_stand_together_are_refused() {
    // Two bundles of one name and version, of different people, come by way of two others.
    let last = user(&KEY);
    for (name, between) in [("one", "first-kit"), ("two", "second-kit")] {
        let author = user(&STRANGER);
        commit(&author, &format!("skills/{name}/SKILL.md"), &skill(name, "text"));
        commit(&author, "LICENSE", &format!("Licence of {name}\n"));
        let same = export(&author, "same-kit", &["--all"]);
        let hand = user(&KEY);
        hand.run(["import", text(&same), "--yes"]).ok();
        let pack = export(&hand, between, &["--all"]);
        last.run(["import", text(&pack), "--yes"]).ok();
    }
    let refused = |class: &str, env: &TestEnv| {
        env.refused(class, &["export", "all", "--version", "1.0.0", "--all", "--output", "../all.skillmeat-pack"])
    };
    let told = refused("policy", &last);
    assert!(told.stderr.contains("different texts at 'LICENSES/same-kit--v1.0.0/LICENSE'"), "{told:?}");
    // Too much of it, singly and together.
    let author = user(&STRANGER);
    let many = user(&KEY);
    for at in 0..5 {
        let name = format!("s{at}");
        commit(&author, &format!("skills/{name}/SKILL.md"), &skill(&name, "text"));
        commit(&author, "LICENSE", &format!("{at}{}", "x".repeat((1 << 20) - 1)));
        let pack = export(&author, &format!("kit-{at}"), &["--artifact", &format!("skill/{name}")]);
        many.run(["import", text(&pack), "--yes"]).ok();
    }
    assert!(refused("policy", &many).stderr.contains("more than 4194304 bytes"));
    commit(&author, "LICENSE", &"x".repeat((1 << 20) + 1));
    refused("limit", &author);
}

/// Who has thrown the tag away cannot be told any more, and is not passed over.
#[test]
fn what_nothing_says_the_licence_of_is_exported_only_when_allowed() {
    let first = user(&STRANGER);
    commit(&first, "agents/judge.md", &judge("first"));
    let kit = export(&first, "gplkit", &["--all", "--license", "GPL-3.0-only"]);
    let second = user(&KEY);
    second.run(["import", text(&kit), "--yes"]).ok();
    second.git(["tag", "-d", "gplkit--v1.0.0"]);
    second.git(["gc", "--quiet", "--prune=now"]);
    let out = second.root().join("stolen.skillmeat-pack");
    let args = ["export", "stolen", "--version", "1.0.0", "--all", "--license", "MIT", "--output", text(&out)];
    let told = second.refused("policy", &args);
    assert!(told.stderr.contains("'agent/judge' came with 'gplkit--v1.0.0', whose tag is not here"), "{told:?}");
    assert!(!out.exists());
    second.run([&args[..], &["--allow", "bundle.origin"]].concat()).ok();
    let message = second.git(["log", "-1", "--format=%B", "stolen--v1.0.0"]);
    assert!(message.contains("Skillmeat-Allowed: bundle.origin"), "{message}");
    // What the refusal names as a way out is one.
    fs::remove_file(&out).expect("a pack");
    second.git(["tag", "-d", "stolen--v1.0.0"]);
    second.run(["import", text(&kit), "--yes"]).ok();
    let told = second.refused("policy", &args);
    assert!(told.stderr.contains("is under GPL-3.0-only"), "{told:?}");
}
