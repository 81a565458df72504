//! The golden releases: whole releases from fixed input, whose digests stand here. They cover what the program makes of it: tag,
//! commit, `bundle.toml`, NOTICE, both `plugin.json`, the merged hooks and servers, and the container (`schema/pack.md`).
//!
//! What was released keeps its digests, so a test that fails here says that the same content gives another release than before.
//! `schema/pack.md`, section 9, says when that may be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use sha2::{Digest as _, Sha256};

use crate::bundle::{accepted_flips, assert_no_cut_accepted};
use crate::env::{KEY, Key, Ran, TestEnv, program, skill};

/// The content: an artifact of each kind, a script that may run, letters beyond ASCII, an empty file, and line ends of Windows.
const FILES: [(&str, &str); 13] = [
    (
        "collection.toml",
        "format = 1\nname = \"golden\"\ndescription = \"Fixed content\"\nlicense = \"MIT AND Apache-2.0\"\n",
    ),
    // Hooks and servers have no place of their own for a licence.
    (
        "collection.lock",
        "format = 1\n\n[artifacts.\"hook/format\"]\nlicense = \"MIT\"\n\n[artifacts.\"mcp/files\"]\nlicense = \"Apache-2.0\"\n",
    ),
    ("LICENSE", "MIT License\n\nCopyright Somebody\n"),
    ("skills/pdf/scripts/fill.sh", "#!/bin/sh\necho filled\n"),
    ("skills/pdf/references/größe.md", "Größe\r\n"),
    ("skills/pdf/references/empty.md", ""),
    ("skills/pdf/LICENSE.txt", "MIT\n"),
    (
        "agents/reviewer.md",
        "---\nname: reviewer\ndescription: Reviews a change.\ntools: Read, Grep\nlicense: MIT\n---\nRead it twice.\n",
    ),
    ("commands/git/summary.md", "---\ndescription: Sums up what changed.\nlicense: MIT\n---\nSum up $ARGUMENTS.\n"),
    (
        "hooks/format/hooks.json",
        r#"{"description": "Formats", "hooks": {"PostToolUse": [{"matcher": "Edit|Write", "hooks": [{"type": "command",
            "command": "sh \"${CLAUDE_PLUGIN_ROOT}/hooks/format/format.sh\"", "timeout": 30}]}]}}"#,
    ),
    ("hooks/format/format.sh", "#!/bin/sh\nexit 0\n"),
    (
        "mcp/files/server.json",
        r#"{"$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
            "name": "io.example/files", "description": "Files", "version": "1.2.3", "packages": [{"registryType": "npm",
            "identifier": "@example/files", "version": "1.2.3", "runtimeHint": "npx", "transport": {"type": "stdio"},
            "environmentVariables": [{"name": "FILES_TOKEN", "description": "A token", "isSecret": true}]}]}"#,
    ),
    ("README.md", "Not part of any release.\n"),
];

/// What a release is known by.
#[derive(Debug, PartialEq, Eq)]
struct Golden {
    /// What follows `export`.
    args: &'static [&'static str],
    /// SHA-256 of the pack.
    pack: &'static str,
    /// Digest of the tree, as the tag's trailer has it.
    tree: &'static str,
    /// Id of the tag object.
    tag: &'static str,
    /// Id of the commit.
    commit: &'static str,
}

const GOLDEN: [Golden; 4] = [
    Golden {
        args: &["kit", "--version", "1.0.0", "--all"],
        pack: "900995e55f9cc3a513ce3309e0b9bf966d6da87cf04efbfd37981f94e2f671df",
        tree: "9d5a6da6d23516a9855fd2d5c2983528c01fb64d76793521ecd1ea2868f3b698",
        tag: "b3f31e49e2abcceb9721cdc6e544163e1908f14b",
        commit: "813ffdd4c368994a65a413df71f8fc652ed2afe4",
    },
    Golden {
        args: &["kit", "--version", "1.1.0-rc.1", "--all", "--compression", "deflate", "--description", "Größer"],
        pack: "2274dde278ab9f0eabcd6c4309c39bb53330e989c20bac9a15ddfad1ec90f32a",
        tree: "a923a75b742edd89323243bb48c3e208da03202da3aa63ab78044fe396ded5bb",
        tag: "7cbd797e266a88c5c5519c886d425cc73439eaa6",
        commit: "682dfccf340270a8dbdf2968527d8c9ee1b106ba",
    },
    Golden {
        args: &["pdf", "--version", "2.0.0", "--artifact", "skill/pdf", "--discovery", "--license", "MIT AND Zlib"],
        pack: "bbcaaa282e4d98a57f469e47f92acf916c4f1f9e8b4ec0b2bd5aefa600ed0b68",
        tree: "b1e2de60422a9ff43f348404ef67989e29f6ce4fdfb23b7f3b8b95130545eb1c",
        tag: "2f8cf18dfc0629786cdb17aa4a23926dc46d67b1",
        commit: "73706fd92d86a3134a380890ce38dc4101314058",
    },
    Golden {
        args: &["rest", "--version", "0.1.0", "--kind", "hook", "--kind", "mcp", "--depends", "base@^1.2"],
        pack: "846720c5b00704eda74d76201cdc3ff6a6dd00de67b873472b89d107fdd79430",
        tree: "3bb97930ea689ab153f2686eb239f24557b0d95d3710c368e9c2838b46bfe9c7",
        tag: "1bbcc5aeaabbde74a531dabef1d2b7da86c2f778",
        commit: "24b0bc78314673c71466b896860d4e17f87d78ca",
    },
];

/// A program that runs with this mask for the modes of new files.
fn masked(env: &TestEnv, umask: &str, program: &str, args: &[&str]) -> Ran {
    let mut command = env.command("sh");
    command.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh", program]).args(args);
    Ran::of(command)
}

/// Someone with a fixed key and a collection that was made by hand, in a place of this kind.
fn author(zone: &str, locale: &str, umask: &str) -> TestEnv {
    let mut env = TestEnv::new();
    let key = Key::of_seed(7);
    env.use_key(&key);
    env.allow(&[("tester@example.invalid", &key)]);
    for (name, value) in [("TZ", zone), ("LC_ALL", locale), ("LANG", locale)] {
        env.set(name, value);
    }
    let main = skill("pdf", "Fill forms with `scripts/fill.sh`.");
    for (path, text) in FILES.iter().chain(&[("skills/pdf/SKILL.md", &*main)]) {
        env.write(path, text);
        let mode = if path.ends_with(".sh") { 0o755 } else { 0o644 };
        fs::set_permissions(env.path(path), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    // Git and not `init`: what is golden is the release, not how a collection begins.
    for args in
        [&["init", "--quiet", "--object-format=sha1"][..], &["add", "."], &["commit", "--quiet", "--message", "Golden"]]
    {
        let _ = masked(&env, umask, "git", args).ok();
    }
    env
}

/// Makes a release and returns what it is known by, in the order of the fields of [`Golden`].
fn release(env: &TestEnv, umask: &str, golden: &Golden) -> [String; 4] {
    let pack = env.root().join("golden.skillmeat-pack");
    let output = ["--output", pack.to_str().expect("UTF-8")];
    let args = [&["export"], golden.args, &output].concat();
    let _ = masked(env, umask, program().to_str().expect("UTF-8"), &args).ok();
    let digest: String =
        Sha256::digest(fs::read(&pack).expect("a pack")).iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("{}--v{}", golden.args[0], golden.args[2]);
    let message = env.git(["tag", "--list", "--format=%(contents:body)", &tag]);
    let tree = message.lines().find_map(|line| line.strip_prefix("skillmeat-tree: sha256:")).expect("a trailer");
    env.run(["verify", pack.to_str().expect("UTF-8")]).ok();
    env.run(["verify", &tag]).ok();
    env.git(["verify-tag", &tag]);
    [digest, tree.to_owned(), env.git(["rev-parse", &tag]), env.git(["rev-parse", &format!("{tag}^{{commit}}")])]
}

#[test]
fn golden_releases_never_change() {
    let places =
        [("UTC", "C", "022"), ("Pacific/Chatham", "tr_TR.UTF-8", "077"), ("America/St_Johns", "C.UTF-8", "000")];
    for (zone, locale, umask) in places {
        let env = author(zone, locale, umask);
        let mut wrong = Vec::new();
        for golden in &GOLDEN {
            let found = release(&env, umask, golden);
            let expected = [golden.pack, golden.tree, golden.tag, golden.commit];
            if found.each_ref().map(String::as_str) != expected {
                wrong.push(format!("{:?}:\n  found    {found:#?}\n  expected {expected:#?}", golden.args));
            }
        }
        assert!(wrong.is_empty(), "in {zone}, {locale}, umask {umask}:\n{}", wrong.join("\n"));
    }
}

/// Three of them: files as they are, deflated ones, and a discovery archive.
#[test]
fn no_byte_of_a_golden_pack_can_be_changed_or_left_out() {
    let env = author("UTC", "C", "022");
    for golden in &GOLDEN[..3] {
        let _ = release(&env, "022", golden);
        let pack = env.root().join("golden.skillmeat-pack");
        assert_eq!(accepted_flips(&env, &pack), Vec::<usize>::new(), "{:?}", golden.args);
        assert_no_cut_accepted(&env, &pack);
    }
}

/// Without its input a digest says nothing: another key, or one more letter, gives another release.
#[test]
fn golden_releases_are_those_of_their_input() {
    let env = author("UTC", "C", "022");
    env.use_key(&KEY);
    env.allow(&[("tester@example.invalid", &KEY)]);
    let first = release(&env, "022", &GOLDEN[0]);
    assert_eq!([&first[1], &first[3]], [GOLDEN[0].tree, GOLDEN[0].commit], "tree and commit do not know the key");
    assert_ne!([&first[0], &first[2]], [GOLDEN[0].pack, GOLDEN[0].tag]);
    let env = author("UTC", "C", "022");
    env.write("agents/reviewer.md", FILES[7].1.replace("twice", "three times"));
    env.git(["commit", "--quiet", "--all", "--message", "Golden"]);
    let other = release(&env, "022", &GOLDEN[0]);
    let expected = [GOLDEN[0].pack, GOLDEN[0].tree, GOLDEN[0].tag, GOLDEN[0].commit];
    assert!(other.iter().zip(expected).all(|(found, golden)| found != golden), "{other:#?}");
}
