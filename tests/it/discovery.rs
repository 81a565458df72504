//! A pack of one skill that is an archive for discovery clients too.

use std::fs;

use crate::env::{KEY, TestEnv, skill};

const EXPORT: [&str; 7] = ["export", "pdf", "--version", "1.0.0", "--discovery", "--output", "pdf.skillmeat-pack"];

fn with_skill(more: &[(&str, &str)]) -> TestEnv {
    let env = TestEnv::with_key();
    let source = env.root().join("source/pdf");
    let main = skill("pdf", "Read `scripts/fill.py`.");
    let own = [("SKILL.md", main.as_str()), ("scripts/fill.py", "print(1)\n"), ("LICENSE.txt", "MIT\n")];
    for (path, text) in own.iter().chain(more) {
        let path = source.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    env.run(["add", source.to_str().expect("UTF-8"), "--yes"]).ok();
    env
}

#[test]
fn the_skill_of_a_pack_for_discovery_is_at_its_root() {
    let env = with_skill(&[]);
    env.write("LICENSE.txt", "of the collection");
    env.git(["add", "LICENSE.txt"]);
    env.git(["commit", "--quiet", "--message", "A licence"]);
    let pack = env.folder().join("pdf.skillmeat-pack");
    env.run(EXPORT.iter().chain(&["--artifact", "skill/pdf"])).ok();
    let list = env.command("unzip").arg("-Z1").arg(&pack).output().expect("unzip");
    let names = String::from_utf8(list.stdout).expect("UTF-8");
    for name in ["SKILL.md", "scripts/fill.py", "LICENSE.txt"] {
        assert!(names.lines().any(|line| line == name), "{names}");
        assert!(names.lines().any(|line| line == format!("skills/pdf/{name}")), "{names}");
    }
    let read = env.command("unzip").arg("-p").arg(&pack).arg("LICENSE.txt").output().expect("unzip");
    assert_eq!(read.stdout, b"MIT\n", "the skill's own licence");
    // It is a pack like any other.
    env.run(["verify", pack.to_str().expect("UTF-8")]).ok();
    let reader = TestEnv::with_collection();
    reader.allow(&[("team@example.invalid", &KEY)]);
    reader.run(["import", pack.to_str().expect("UTF-8"), "--yes"]).ok();
    let imported = reader.folder().join("skills/pdf/scripts/fill.py");
    assert_eq!(fs::read_to_string(imported).expect("imported"), "print(1)\n");
    assert!(!reader.folder().join("SKILL.md").exists(), "the copies are for others");
}

#[test]
fn what_cannot_stand_at_the_root_is_refused() {
    let env = with_skill(&[("Agents/reviewer.md", "text")]);
    env.refused("policy", &[&EXPORT[..], &["--artifact", "skill/pdf"]].concat());
    env.add_skill("other", "text");
    env.refused("policy", &[&EXPORT[..], &["--all"]].concat());
}
