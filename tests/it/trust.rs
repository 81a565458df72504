//! Whose signatures are believed: the program and `git verify-tag` side by side, and where we are stricter.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use crate::env::{Asked, Depth, KEY, Key, Ran, STRANGER, TestEnv};

/// A user with a release of one small skill, and its pack.
fn released() -> (TestEnv, PathBuf) {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let pack = env.root().join("kit.skillmeat-pack");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", pack.to_str().expect("UTF-8")]).ok();
    (env, pack)
}

/// Both forms of the release must be refused with `class`, by `verify` and by `import`.
fn assert_refused(env: &TestEnv, pack: &std::path::Path, class: &str) -> String {
    let pack = pack.to_str().expect("UTF-8");
    env.refused_leaving(class, &["verify", "kit--v1.0.0"], Depth::Objects);
    let ran = env.refused_leaving(class, &["import", pack, "--yes"], Depth::Objects);
    env.refused_leaving(class, &["verify", pack], Depth::Objects).stderr.clone() + &ran.stderr
}

fn git_verifies(env: &TestEnv) -> bool {
    let mut command = env.command("git");
    command.args(["verify-tag", "kit--v1.0.0"]);
    Ran::of(command).code == Some(0)
}

/// Returns the fingerprint as ssh-keygen prints it.
fn fingerprint(env: &TestEnv, key: &Key) -> String {
    let path = env.root().join("fingerprint");
    key.write(&path);
    let mut command = env.command("ssh-keygen");
    command.arg("-lf").arg(path.with_extension("pub"));
    let ran = Ran::of(command).ok();
    ran.stdout.split(' ').nth(1).expect("a fingerprint").to_owned()
}

#[test]
fn a_stranger_is_not_trusted_and_named() {
    let (env, pack) = released();
    env.allow(&[("tester@example.invalid", &STRANGER)]);
    assert!(!git_verifies(&env));
    let text = assert_refused(&env, &pack, "untrusted");
    assert!(text.contains(&fingerprint(&env, &KEY)), "{text}");
    assert!(!text.contains("tester@example.invalid"), "what the tag says of its tagger is no identity: {text}");
    assert!(text.contains("git skillmeat trust add"), "{text}");
}

#[test]
fn what_the_policy_would_refuse_is_said_beforehand() {
    let (env, pack) = released();
    let pack = pack.to_str().expect("UTF-8");
    let asked = [&["inspect", "kit--v1.0.0"][..], &["inspect", pack], &["import", pack, "--dry-run"]];
    for args in asked {
        assert!(!env.run(args).ok().stdout.contains("refuse"), "{args:?}");
        assert!(env.json(args).get("would_refuse").is_none(), "{args:?}");
    }
    env.config("skillmeat.policy", "team");
    for args in asked {
        let told = env.run(args).ok();
        assert!(told.stdout.contains("an import would be refused: 'kit--v1.0.0'"), "{args:?}: {}", told.stdout);
        let why = env.json(args)["would_refuse"].clone();
        assert!(why.as_str().is_some_and(|why| why.contains("'team'")), "{args:?}: {why}");
    }
    env.refused("policy", &["import", pack, "--yes"]);
    assert!(!env.run(["import", pack, "--dry-run", "--allow-level", "2"]).ok().stdout.contains("refuse"));
}

#[test]
fn a_file_with_several_keys_says_nothing_of_which_is_meant() {
    let env = TestEnv::with_key();
    let [one, two] = [&KEY.public, &STRANGER.public];
    fs::write(env.root().join("two.pub"), format!("# both\n{one}\n\n{two}\n")).expect("a file");
    let told = env.refused("name", &["trust", "add", "a@example.invalid", "--key", "../two.pub"]);
    assert!(told.stderr.contains("has 2 keys") && told.stderr.contains("hint: give each key by itself"), "{told:?}");
    env.refused("name", &["trust", "add", "a@example.invalid", "--key", &format!("{one}\n{two}")]);
    env.refused("name", &["trust", "revoke", "../two.pub"]);
    fs::write(env.root().join("one.pub"), format!("# hers\n\n{two}\r\n")).expect("a file");
    env.run(["trust", "add", "a@example.invalid", "--key", "../one.pub"]).ok();
    let listed = env.run(["trust", "list"]).ok();
    assert!(listed.stdout.contains(&fingerprint(&env, &STRANGER)), "{}", listed.stdout);
}

/// ssh-keygen takes such a line; we are stricter, since two names that look the same are not told apart by anyone.
#[test]
fn a_name_with_a_character_that_nobody_sees_is_no_principal() {
    let (env, pack) = released();
    for hidden in ["\u{3164}", "\u{202e}", "\u{fe0f}", "\u{2800}", "\u{e0149}"] {
        let name = format!("tester@example.invalid{hidden}");
        let told = env.refused("name", &["trust", "add", &name, "--key", &STRANGER.public]);
        assert!(!told.stderr.contains(hidden), "{}", told.stderr);
        env.allow(&[(&name, &KEY)]);
        assert!(git_verifies(&env));
        let text = assert_refused(&env, &pack, "untrusted");
        assert!(text.contains("line 1") && text.contains("which is not seen") && !text.contains(hidden), "{text}");
    }
    env.allow(&[("söre@example.invalid", &KEY)]);
    env.run(["verify", "kit--v1.0.0"]).ok();
}

#[test]
fn nobody_is_trusted_without_a_list_or_with_an_empty_one() {
    let (env, pack) = released();
    env.allow_text("");
    assert_refused(&env, &pack, "untrusted");
    env.allow_text("# only a remark\n\n");
    assert_refused(&env, &pack, "untrusted");
    env.config("gpg.ssh.allowedSignersFile", "/nothing/here");
    assert_refused(&env, &pack, "untrusted");
}

#[test]
fn a_broken_list_is_not_half_read() {
    let (env, pack) = released();
    for text in ["tester@example.invalid nonsense\n", "\0", "x namespaces=\"git ssh-ed25519 AAAA\n"] {
        env.allow_text(&format!("tester@example.invalid {}\n{text}", KEY.public));
        assert_refused(&env, &pack, "untrusted");
    }
}

#[test]
fn lists_say_for_what_and_until_when() {
    let (env, pack) = released();
    let line = |options: &str| env.allow_text(&format!("tester@example.invalid {options} {}\n", KEY.public));
    for options in [
        "namespaces=\"file\"",
        "namespaces=\"skillmeat-*\"",
        "valid-before=\"20200101\"",
        "valid-after=\"20300101\"",
        "namespaces=\"git\",valid-before=\"20200101\"",
    ] {
        line(options);
        assert!(!git_verifies(&env), "{options}");
        assert_refused(&env, &pack, "untrusted");
    }
    for options in
        ["", "namespaces=\"git\"", "namespaces=\"file,git\"", "valid-before=\"20300101\"", "namespaces=\"g*\""]
    {
        line(options);
        assert!(git_verifies(&env), "{options}");
        env.unchanged(&["verify", "kit--v1.0.0"]);
    }
}

#[test]
fn revoked_keys_are_refused_and_a_missing_list_too() {
    let (env, pack) = released();
    let list = env.home().join("revoked");
    env.config("gpg.ssh.revocationFile", list.to_str().expect("UTF-8"));
    // Git only warns of a missing file and goes on.
    assert!(git_verifies(&env));
    assert_refused(&env, &pack, "untrusted");
    fs::write(&list, format!("{}\n", KEY.public)).expect("a file");
    assert!(!git_verifies(&env));
    let text = assert_refused(&env, &pack, "untrusted");
    assert!(text.contains("revoked"), "{text}");
    fs::write(&list, format!("{}\n", STRANGER.public)).expect("a file");
    assert!(git_verifies(&env));
    env.unchanged(&["verify", "kit"]);
    let krl = env.home().join("krl");
    let public = env.home().join("revoked.pub");
    fs::write(&public, format!("{}\n", KEY.public)).expect("a file");
    let mut command = env.command("ssh-keygen");
    command.arg("-kqf").arg(&krl).arg(&public);
    let _ = Ran::of(command).ok();
    env.config("gpg.ssh.revocationFile", krl.to_str().expect("UTF-8"));
    assert!(!git_verifies(&env));
    let ran = env.run(["verify", "kit"]);
    assert!(matches!(ran.code, Some(1 | 3)), "a list that we cannot read is no permission: {ran:?}");
    for bytes in [&b"SSHKRL\n\0garbage"[..], b"nonsense\n", b"\xff\xff"] {
        fs::write(&krl, bytes).expect("a file");
        assert_refused(&env, &pack, "untrusted");
    }
}

/// Replaces the tag of the release by an object made from its text.
fn retag(env: &TestEnv, name: &str, make: impl Fn(&str) -> Vec<u8>) {
    let old = env.git(["cat-file", "tag", "kit--v1.0.0"]) + "\n";
    let path = env.root().join("tag");
    fs::write(&path, make(&old)).expect("a file");
    let id = env.git(["hash-object", "-t", "tag", "--literally", "-w", path.to_str().expect("UTF-8")]);
    // Git itself would not let a ref point to some of them.
    fs::write(env.path(&format!(".git/refs/tags/{name}")), id + "\n").expect("a ref");
}

#[test]
fn tags_that_are_not_signed_releases_are_refused() {
    let (env, _) = released();
    let commit = env.git(["rev-parse", "kit--v1.0.0^{commit}"]);
    env.git(["tag", "other--v1.0.0", &commit]);
    let ran = env.run(["verify", "other--v1.0.0"]);
    assert!(matches!(ran.code, Some(1 | 3)), "lightweight: {ran:?}");
    ran.assert_message();
    env.git(["-c", "gpg.format=openpgp", "tag", "--no-sign", "-a", "-m", "Unsigned", "plain--v1.0.0", &commit]);
    env.refused("signature", &["verify", "plain--v1.0.0"]);
    env.git(["tag", "-s", "-m", "Signed, but not ours", "ours--v1.0.0", &commit]);
    env.git(["verify-tag", "ours--v1.0.0"]);
    env.refused("hash", &["verify", "ours--v1.0.0"]);
    env.git(["tag", "-s", "-m", "Of a tree", "tree--v1.0.0", "HEAD^{tree}"]);
    env.refused("signature", &["verify", "tree--v1.0.0"]);
    env.git(["tag", "-a", "-m", "Around a signed one", "around--v1.0.0", "kit--v1.0.0"]);
    let ran = env.run(["verify", "around--v1.0.0"]);
    assert!(matches!(ran.code, Some(1 | 3)), "{ran:?}");
    ran.assert_message();
}

#[test]
fn a_good_signature_under_another_name_is_refused() {
    let (env, _) = released();
    env.git(["update-ref", "refs/tags/kit--v9.9.9", "kit--v1.0.0"]);
    // Git only looks at the signature.
    env.git(["verify-tag", "kit--v9.9.9"]);
    let ran = env.refused("signature", &["verify", "kit--v9.9.9"]);
    assert!(ran.stderr.contains("kit--v1.0.0"), "{ran:?}");
    env.git(["update-ref", "refs/tags/other--v1.0.0", "kit--v1.0.0"]);
    env.refused("signature", &["verify", "other--v1.0.0"]);
}

#[test]
fn bytes_behind_the_signature_are_refused() {
    let (env, _) = released();
    retag(&env, "kit--v1.0.0", |tag| format!("{tag}forged: yes\n").into_bytes());
    assert!(git_verifies(&env), "git accepts them");
    env.refused("signature", &["verify", "kit--v1.0.0"]);
}

#[test]
fn a_changed_tag_is_refused() {
    for (old, new) in [
        ("tester@example.invalid", "master@example.invalid"),
        ("kit 1.0.0", "kit 1.0.1"),
        ("skillmeat-tree: sha256:", "skillmeat-tree: sha256:0"),
        ("-----BEGIN SSH SIGNATURE-----", "-----BEGIN SSH SIGNATURF-----"),
        ("-----END SSH SIGNATURE-----", ""),
        ("U1NIU0lH", "U1NIU0lI"),
        ("object ", "object 0"),
        ("type commit", "type tree"),
        ("\n\n", "\n\r\n"),
    ] {
        let (env, _) = released();
        retag(&env, "kit--v1.0.0", |tag| {
            assert!(tag.contains(old), "{old}: {tag}");
            tag.replacen(old, new, 1).into_bytes()
        });
        assert!(!git_verifies(&env), "{old}");
        let ran = env.run(["verify", "kit--v1.0.0"]);
        assert!(matches!(ran.code, Some(1 | 3)), "{old}: {ran:?}");
        ran.assert_message();
    }
}

#[test]
fn a_file_that_is_not_the_one_signed_is_refused() {
    let (env, _) = released();
    let blob = env.git(["rev-parse", "kit--v1.0.0:skills/one/SKILL.md"]);
    let path = env.path(&format!(".git/objects/{}/{}", &blob[..2], &blob[2..]));
    let other = env.git(["hash-object", "-w", env.path("collection.toml").to_str().expect("UTF-8")]);
    let other = env.path(&format!(".git/objects/{}/{}", &other[..2], &other[2..]));
    let bytes = fs::read(other).expect("an object");
    fs::remove_file(&path).expect("an object");
    fs::write(&path, bytes).expect("an object");
    env.refused("hash", &["verify", "kit--v1.0.0"]);
    fs::remove_file(&path).expect("an object");
    env.refused("io", &["verify", "kit--v1.0.0"]);
    // Nor through a replacement.
    let evil = env.git(["hash-object", "-w", env.path("collection.toml").to_str().expect("UTF-8")]);
    env.git(["hash-object", "-w", env.path("skills/one/SKILL.md").to_str().expect("UTF-8")]);
    env.git(["replace", &blob, &evil]);
    env.run(["verify", "kit--v1.0.0"]).ok();
}

#[test]
fn key_generate_makes_a_key_that_git_uses() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    let made = env.json(&["key", "generate"]);
    assert_eq!(made["principal"], "tester@example.invalid");
    let path = made["path"].as_str().expect("a path").to_owned();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).expect("a key").permissions());
    assert_eq!(mode & 0o777, 0o600);
    for (key, value) in [("gpg.format", "ssh"), ("user.signingKey", path.as_str())] {
        assert_eq!(env.git(["config", "--global", key]), value);
    }
    let out = env.root().join("kit.skillmeat-pack");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", out.to_str().expect("UTF-8")]).ok();
    assert!(git_verifies(&env));
    env.run(["verify", "kit"]).ok();
    let mut command = env.command("ssh-keygen");
    command.args(["-lf", &path]);
    let listed = Ran::of(command).ok();
    assert!(listed.stdout.contains(made["fingerprint"].as_str().expect("text")), "{listed:?}");
    assert_eq!(env.json(&["key", "show"])["fingerprint"], made["fingerprint"]);
    let ran = env.refused("usage", &["key", "generate"]);
    assert!(ran.stderr.contains("there is a key already"), "{ran:?}");
}

#[test]
fn key_generate_keeps_what_git_was_told_before() {
    let env = TestEnv::with_key();
    let before = env.git(["config", "--global", "user.signingKey"]);
    env.run(["key", "generate"]).ok();
    assert_eq!(env.git(["config", "--global", "user.signingKey"]), before);
    let env = TestEnv::with_collection();
    env.refused("usage", &["key", "show"]);
    env.git(["config", "--global", "--remove-section", "user"]);
    env.refused("usage", &["key", "generate"]);
    assert!(!env.home().join(".skillmeat/keys").exists());
}

#[test]
fn trust_is_added_listed_and_removed() {
    let env = TestEnv::with_collection();
    env.allow_text(
        "# a remark of mine\nolder@example.invalid ssh-ed25519 AAAA\n".split_inclusive('\n').next().expect("a line"),
    );
    let file = || fs::read_to_string(env.home().join("allowed_signers")).expect("a file");
    let path = env.home().join("team");
    STRANGER.write(&path);
    let public = path.with_extension("pub");
    env.run(["trust", "add", "team@example.invalid", "--key", public.to_str().expect("UTF-8")]).ok();
    env.unchanged(&["trust", "add", "team@example.invalid", "--key", &STRANGER.public]);
    let listed = env.json(&["trust", "list"]);
    assert_eq!(listed[0]["principals"], "team@example.invalid");
    assert_eq!(listed[0]["fingerprint"], fingerprint(&env, &STRANGER));
    assert!(file().contains("namespaces=\"git,skillmeat-*\""), "{}", file());
    env.run(["trust", "remove", "team@example.invalid"]).ok();
    assert_eq!(file(), "# a remark of mine\n");
    env.refused("name", &["trust", "remove", "team@example.invalid"]);
}

#[test]
fn what_is_no_principal_or_no_public_key_is_refused() {
    let env = TestEnv::with_key();
    for principal in ["*", "a b", "a,b", "\"x\"", "a\nb * ssh-ed25519", "", "!x", "#x", "x\u{1b}"] {
        env.refused("name", &["trust", "add", principal, "--key", &KEY.public]);
    }
    let private = env.home().join("signing_key");
    let ran = env.refused("name", &["trust", "add", "a@example.invalid", "--key", private.to_str().expect("UTF-8")]);
    assert!(ran.stderr.contains(".pub"), "{ran:?}");
    let text = fs::read_to_string(&private).expect("a key");
    let secret = text.lines().nth(2).expect("a line").to_owned();
    for key in ["nonsense", "ssh-ed25519", "ssh-ed25519 AAAA", "/etc/passwd", &text, &"x".repeat(10_000)] {
        let ran = env.refused("name", &["trust", "add", "a@example.invalid", &format!("--key={key}")]);
        assert!(!ran.stderr.contains(&secret), "a private key is not shown");
    }
}

/// A stolen key: after one command neither we nor plain git believe anything that it has signed.
#[test]
fn a_key_is_revoked_for_us_and_for_git() {
    let (env, pack) = released();
    let print = fingerprint(&env, &KEY);
    env.run(["verify", "kit"]).ok();
    assert!(git_verifies(&env));
    env.refused("name", &["trust", "revoke", "SHA256:nobody"]);
    let done = env.json(&["trust", "revoke", &print, "--reason", "laptop\nstolen"]);
    assert_eq!((&done["new"], &done["fingerprint"]), (&true.into(), &print.as_str().into()));
    assert_eq!(done["principals"], serde_json::json!([env.json(&["trust", "list"])[0]["principals"]]));
    assert!(!git_verifies(&env));
    assert!(assert_refused(&env, &pack, "untrusted").contains("revoked"));
    assert_eq!(env.json(&["trust", "list"])[0]["revoked"], true);
    // Twice is once, also by the key itself; another key is not concerned.
    env.unchanged(&["trust", "revoke", &print]);
    env.unchanged(&["trust", "revoke", &KEY.public]);
    let list = env.home().join(".skillmeat/revoked_keys");
    assert_eq!(fs::read_to_string(&list).expect("a list").lines().count(), 2, "a remark and a key");
    env.run(["trust", "revoke", &STRANGER.public]).ok();
    let text = fs::read_to_string(&list).expect("a list");
    assert!(text.starts_with("# laptop stolen\nssh-ed25519 ") && text.lines().count() == 3, "{text}");
    // A list that is broken is neither believed nor written over.
    fs::write(&list, "nonsense\n").expect("a file");
    env.refused("parse", &["trust", "revoke", &print]);
    env.refused("parse", &["trust", "list"]);
}

/// Keys that a forge publishes, and the key that signed a pack: never taken without a word about the fingerprint.
#[test]
fn keys_of_strangers_are_taken_by_their_fingerprint() {
    let author = TestEnv::with_key();
    author.add_examples();
    author.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit.skillmeat-pack"]).ok();
    let shown = author.json(&["key", "show"]);
    let (public, fingerprint) = (shown["public"].as_str().expect("a key"), shown["fingerprint"].as_str().expect("one"));
    let (list, other) = (format!("{public}\nssh-dss AAAA broken\n{}\n", STRANGER.public), STRANGER.public.clone());
    let forge = Asked::by(move |stream, request| {
        let body = if request.starts_with(b"GET /ada.keys ") { list.as_str() } else { "" };
        let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
        let _ =
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    });
    let reader = TestEnv::with_collection();
    reader.config("skillmeat.forge", forge.url("").trim_end_matches('/'));
    let told = reader.refused("consent", &["trust", "add", "ada@example.invalid", "--forge", "ada"]);
    assert!(told.stderr.contains(fingerprint), "{}", told.stderr);
    reader
        .refused("untrusted", &["trust", "add", "ada@example.invalid", "--forge", "ada", "--fingerprint", "SHA256:x"]);
    reader.refused("name", &["trust", "add", "ada@example.invalid", "--forge", "../ada"]);
    reader.refused("net", &["trust", "add", "ada@example.invalid", "--forge", "nobody"]);
    reader.run(["trust", "add", "ada@example.invalid", "--forge", "ada", "--fingerprint", fingerprint]).ok();
    let listed = reader.json(&["trust", "list"]);
    assert_eq!((listed.as_array().expect("a list").len(), &listed[0]["fingerprint"]), (1, &fingerprint.into()));
    assert!(!reader.read("../home/.skillmeat/allowed_signers").contains(&other), "only the one that was compared");
    let pack = author.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("a path");
    reader.run(["verify", pack]).ok();
    // First use, from what somebody sent.
    let late = TestEnv::with_collection();
    let told = late.refused("consent", &["trust", "add", "ada@example.invalid", "--from", pack]);
    assert!(told.stderr.contains(&format!("--fingerprint {fingerprint}")), "{}", told.stderr);
    late.run(["trust", "add", "ada@example.invalid", "--from", pack, "--fingerprint", fingerprint]).ok();
    late.run(["verify", pack]).ok();
}

#[test]
fn commands_that_change_the_lists_at_once_lose_nothing() {
    let env = TestEnv::with_key();
    let keys: Vec<Key> = (0..12).map(|_| Key::generate("")).collect();
    let at_once = |args: &(dyn Fn(usize, &Key) -> Vec<String> + Sync)| {
        std::thread::scope(|scope| {
            for (at, key) in keys.iter().enumerate() {
                let env = &env;
                scope.spawn(move || env.run(args(at, key)).ok());
            }
        });
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    at_once(&|at, key| words(&["trust", "add", &format!("n{at}@example.invalid"), "--key", &key.public]));
    assert_eq!(env.json(&["trust", "list"]).as_array().expect("a list").len(), 13);
    at_once(&|_, key| words(&["trust", "revoke", &key.public]));
    let list = env.json(&["trust", "list"]);
    let revoked = list.as_array().expect("a list").iter().filter(|signer| signer["revoked"] == true);
    assert_eq!(revoked.count(), 12, "{list:#}");
    // Whoever allows one of them is told that it is of no use.
    let told = env.run(["trust", "add", "again@example.invalid", "--key", &keys[0].public]).ok();
    assert!(told.stderr.contains("revoked"), "{}", told.stderr);
}

#[test]
fn the_configuration_of_a_repository_does_not_say_who_is_believed_and_what_is_run() {
    let (env, pack) = released();
    let local = |key: &str, value: &str| drop(env.git(["config", key, value]));
    let list = env.root().join("other-signers");
    fs::write(&list, format!("owner@example.invalid {}\n", KEY.public)).expect("a file");
    local("gpg.ssh.allowedSignersFile", list.to_str().expect("UTF-8"));
    let verified = env.json(&["verify", "kit--v1.0.0"]);
    assert_eq!(verified["principal"], "tester@example.invalid");
    // It may ask for more, and not for less.
    env.config("skillmeat.policy", "team");
    local("skillmeat.policy", "personal");
    assert_refused(&env, &pack, "policy");
    env.config("skillmeat.policy", "personal");
    local("skillmeat.policy", "team");
    assert_refused(&env, &pack, "policy");
    env.git(["config", "--unset", "skillmeat.policy"]);
    let mark = env.root().join("was-run");
    let evil = env.root().join("evil");
    fs::write(&evil, format!("#!/bin/sh\ntouch '{}'\nexit 1\n", mark.display())).expect("a file");
    fs::set_permissions(&evil, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    for key in ["gpg.ssh.program", "core.editor"] {
        local(key, evil.to_str().expect("UTF-8"));
    }
    env.run(["export", "kit", "--version", "1.1.0", "--all", "--output", "../other.skillmeat-pack"]).ok();
    assert!(!mark.exists());
}

#[test]
fn a_policy_that_is_lowered_for_one_command_is_recorded() {
    let (env, pack) = released();
    let mut reader = TestEnv::with_key();
    reader.find_program();
    reader.config("skillmeat.policy", "strict");
    let import = ["import", pack.to_str().expect("UTF-8"), "--yes"];
    reader.refused("policy", &import);
    reader.git(["-c", "skillmeat.policy=personal", "skillmeat"].into_iter().chain(import));
    let subject = reader.git(["log", "-1", "--format=%s"]);
    assert!(subject.contains("(policy 'strict' asks for 4)"), "{subject}");
    drop(env);
}

#[test]
fn the_steps_by_hand_give_the_same() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    env.write("skills/one/run.sh", "#!/bin/sh\n");
    env.write("skills/one/größe.md", "a name that is not ASCII\n");
    env.git(["add", "--all"]);
    env.git(["update-index", "--chmod=+x", "skills/one/run.sh"]);
    env.git(["commit", "-qm", "more"]);
    let document = include_str!("../../schema/verification.md");
    let (_, script) = document.split_once("```sh\n").expect("the steps");
    let (script, _) = script.split_once("```").expect("their end");
    for compression in ["store", "deflate"] {
        let pack = env.root().join(format!("{compression}.skillmeat-pack"));
        let (name, pack) = (format!("kit-{compression}"), pack.to_str().expect("UTF-8"));
        let export = ["export", &name, "--version", "1.0.0", "--all", "--compression", compression, "--output", pack];
        env.run(export).ok();
        let digest = env.json(&["verify", pack])["digest"].as_str().expect("a digest").to_owned();
        let folder = env.root().join(&name);
        fs::create_dir(&folder).expect("a folder");
        let mut command = env.command("bash");
        command.args(["-ec", script]).current_dir(&folder).env("PACK", pack);
        command.env("SIGNERS", env.home().join("allowed_signers"));
        let ran = Ran::of(command).ok();
        let hex = digest.trim_start_matches("sha256:");
        let told = [format!("{name}--v1.0.0\n"), format!("skillmeat-tree: {digest}\n"), format!("{hex}  -\n")].concat();
        assert_eq!(ran.stdout, told, "{}", ran.stderr);
    }
}
