//! Signatures of minisign beside packs: made and checked as the real program does, and never in place of the tag's.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::env::{Ran, TestEnv, program};

/// A user with a key of minisign, without a passphrase, and the pack `../kit.skillmeat-pack` signed with it.
struct Signed {
    env: TestEnv,
    pack: PathBuf,
    /// Base64 of the public key.
    public: String,
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Writes a new pair of keys and returns the file of the secret one, with the public one as text.
fn key(env: &TestEnv, name: &str, passphrase: Option<&str>) -> (PathBuf, String) {
    let pair = match passphrase {
        Some(word) => minisign::KeyPair::generate_encrypted_keypair(Some(word.to_owned())),
        None => minisign::KeyPair::generate_unencrypted_keypair(),
    };
    let pair = pair.expect("a pair");
    let path = env.home().join(name);
    fs::write(&path, pair.sk.to_box(None).expect("a box").into_string()).expect("a file");
    (path, pair.pk.to_base64())
}

fn signed() -> Signed {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let (secret, public) = key(&env, "minisign.key", None);
    let pack = env.root().join("kit.skillmeat-pack");
    let args = ["export", "kit", "--version", "1.0.0", "--all", "--output", text(&pack), "--minisign", text(&secret)];
    let made = env.json(&args);
    assert_eq!(made["minisig"], format!("{}.minisig", pack.display()));
    Signed { env, pack, public }
}

impl Signed {
    fn minisig(&self) -> PathBuf {
        PathBuf::from(format!("{}.minisig", self.pack.display()))
    }
}

#[test]
fn a_pack_is_signed_beside_and_the_verdict_stands_apart() {
    let signed = signed();
    let (env, pack) = (&signed.env, text(&signed.pack));
    let verified = env.json(&["verify", pack, "--minisign-key", &signed.public]);
    assert_eq!(verified["minisign"]["verdict"], "good", "{verified:#}");
    assert_eq!(verified["level"], 2, "it is the tag that gives the level");
    let digest = verified["digest"].as_str().expect("a digest");
    let comment = format!("file:kit.skillmeat-pack\trelease:kit--v1.0.0\ttree:{digest}");
    assert_eq!(verified["minisign"]["comment"], comment);
    assert!(env.json(&["verify", pack]).get("minisign").is_none(), "it is looked at when asked for");
    // By the file of the key; what nobody signed is not shown.
    let file = env.home().join("minisign.pub");
    fs::write(&file, format!("untrusted comment: a key of the pope\n{}\n", signed.public)).expect("a file");
    let lines = fs::read_to_string(signed.minisig()).expect("a signature");
    let (_, rest) = lines.split_once('\n').expect("lines");
    fs::write(signed.minisig(), format!("untrusted comment: signed by the pope\n{rest}")).expect("a file");
    let told = env.unchanged(&["verify", pack, "--minisign-key", text(&file)]);
    assert!(told.stdout.contains("minisign   good signature by key"), "{}", told.stdout);
    assert!(!told.stdout.contains("pope") && !told.stderr.contains("pope"), "{told:?}");
}

#[test]
fn what_was_not_signed_is_refused_whatever_the_tag_says() {
    let signed = signed();
    let (env, pack) = (&signed.env, text(&signed.pack));
    let verify = ["verify", pack, "--minisign-key", &signed.public];
    let (_, other) = key(env, "other.key", None);
    env.refused("untrusted", &["verify", pack, "--minisign-key", &other]);
    env.refused("name", &["verify", pack, "--minisign-key", "nothing"]);
    env.refused("usage", &["verify", "kit--v1.0.0", "--minisign-key", &signed.public]);
    env.refused("name", &["verify", "../missing.skillmeat-pack", "--minisign-key", &signed.public]);
    let lines = fs::read_to_string(signed.minisig()).expect("a signature");
    fs::write(signed.minisig(), lines.replace("release:kit--v1.0.0", "release:kit--v9.9.9")).expect("a file");
    env.refused("signature", &verify);
    fs::write(signed.minisig(), &lines).expect("a file");
    env.run(verify).ok();
    // Another release that its tag vouches for, under the signature of this one.
    let bytes = fs::read(&signed.pack).expect("a pack");
    env.run(["export", "kit", "--version", "1.1.0", "--all", "--output", pack]).ok();
    env.run(["verify", pack]).ok();
    env.refused("signature", &verify);
    fs::write(&signed.pack, bytes).expect("a pack");
    fs::remove_file(signed.minisig()).expect("a file");
    assert!(env.refused("signature", &verify).stderr.contains("not signed"));
}

#[test]
fn it_never_stands_in_for_the_signature_of_the_tag() {
    let signed = signed();
    let (env, pack) = (&signed.env, text(&signed.pack));
    env.allow_text("");
    let told = env.refused("untrusted", &["verify", pack, "--minisign-key", &signed.public]);
    assert!(
        told.stderr.contains("level 1") && told.stderr.contains("a key that no principal holds"),
        "{}",
        told.stderr
    );
    let error =
        env.run(["--format", "json", "verify", pack, "--minisign-key", &signed.public]).value()["error"].clone();
    assert_eq!((&error["verdict"], &error["level"]), (&"unknown-key".into(), &1.into()), "{error:#}");
    assert_eq!(error["minisign"]["verdict"], "good", "{error:#}");
    fs::remove_file(signed.minisig()).expect("a file");
    let error =
        env.run(["--format", "json", "verify", pack, "--minisign-key", &signed.public]).value()["error"].clone();
    assert_eq!(
        (&error["minisign"]["verdict"], &error["level"]),
        (&"unsigned".into(), &serde_json::Value::Null),
        "{error:#}"
    );
    env.refused("untrusted", &["import", pack, "--yes"]);
}

#[test]
fn a_key_that_cannot_sign_leaves_no_tag_and_no_pack() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let export = ["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit.skillmeat-pack"];
    let (secret, public) = key(&env, "minisign.key", Some("word"));
    let file = env.home().join("minisign.pub");
    fs::write(&file, format!("untrusted comment: x\n{public}\n")).expect("a file");
    let told = env.refused("io", &[&export[..], &["--minisign", text(&secret)]].concat());
    assert!(told.stderr.contains("passphrase") && told.stderr.contains("terminal"), "{}", told.stderr);
    env.refused("name", &[&export[..], &["--minisign", text(&file)]].concat());
    env.refused("io", &[&export[..], &["--minisign", "../nothing"]].concat());
    env.config("skillmeat.minisignKey", text(&secret));
    env.refused("io", &export);
    let (plain, public) = key(&env, "plain.key", None);
    env.config("skillmeat.minisignKey", text(&plain));
    env.run(export).ok();
    env.run(["verify", "../kit.skillmeat-pack", "--minisign-key", &public]).ok();
}

/// Runs the program on a terminal on which somebody types a line.
fn on_terminal(env: &TestEnv, args: &str, typed: &str) -> Ran {
    let mut command = env.command("script");
    command.args(["-qec", &format!("'{}' {args}", program().display()), "/dev/null"]).env("TERM", "xterm");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("script runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    // What is typed before the question is thrown away, as it is when a password is asked for.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    stdin.write_all(format!("{typed}\n").as_bytes()).expect("it reads");
    drop(stdin);
    Ran::from(child.wait_with_output().expect("ends"))
}

#[test]
fn a_passphrase_is_asked_for_on_a_terminal_and_not_shown() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let (secret, public) = key(&env, "minisign.key", Some("s3cretword"));
    let args =
        format!("export kit --version 1.0.0 --all --output ../kit.skillmeat-pack --minisign {}", secret.display());
    let ran = on_terminal(&env, &args, "another");
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("passphrase is wrong"), "{ran:?}");
    assert!(!env.root().join("kit.skillmeat-pack").exists());
    let ran = on_terminal(&env, &args, "s3cretword").ok();
    assert!(ran.stdout.contains("Passphrase of") && !ran.stdout.contains("s3cretword"), "{ran:?}");
    env.run(["verify", "../kit.skillmeat-pack", "--minisign-key", &public]).ok();
}

#[test]
#[ignore = "needs minisign"]
fn the_real_program_verifies_ours_and_we_verify_its() {
    let signed = signed();
    let (env, pack) = (&signed.env, text(&signed.pack));
    let minisign = |args: &[&str], input: &str| {
        let mut command = env.command("minisign");
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("minisign runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
        Ran::from(child.wait_with_output().expect("ends"))
    };
    let ran = minisign(&["-V", "-H", "-m", pack, "-P", &signed.public], "").ok();
    assert!(ran.stdout.contains("release:kit--v1.0.0"), "{ran:?}");
    let home = env.home();
    for (name, passphrase) in [("plain", None), ("locked", Some("word\n"))] {
        let (secret, public) = (home.join(format!("{name}.key")), home.join(format!("{name}.pub")));
        let word = passphrase.unwrap_or("");
        let make = ["-G", "-p", text(&public), "-s", text(&secret)];
        let make = if passphrase.is_none() { [&make[..], &["-W"]].concat() } else { make.to_vec() };
        minisign(&make, &word.repeat(2)).ok();
        // Its signature over our pack.
        minisign(&["-S", "-s", text(&secret), "-m", pack, "-t", "by the real one"], word).ok();
        let verified = env.json(&["verify", pack, "--minisign-key", text(&public)]);
        assert_eq!(verified["minisign"]["comment"], "by the real one", "{name}: {verified:#}");
        // Ours with its key.
        let args = format!("export kit --version 1.0.0 --all --output {pack} --minisign {}", secret.display());
        if passphrase.is_some() {
            on_terminal(env, &args, "word").ok();
        } else {
            env.run(args.split(' ')).ok();
        }
        minisign(&["-V", "-H", "-m", pack, "-p", text(&public)], "").ok();
    }
    let mut bytes = fs::read(&signed.pack).expect("a pack");
    bytes.push(b'x');
    fs::write(&signed.pack, bytes).expect("a pack");
    let ran = minisign(&["-V", "-H", "-m", pack, "-p", text(&home.join("locked.pub"))], "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    env.refused("signature", &["verify", pack, "--minisign-key", text(&home.join("locked.pub"))]);
}

#[test]
fn a_named_pipe_is_not_waited_for() {
    let signed = signed();
    let minisig = signed.minisig();
    fs::remove_file(&minisig).expect("it is there");
    let mut command = signed.env.command("mkfifo");
    command.arg(&minisig);
    let _ = Ran::of(command).ok();
    signed.env.refused("io", &["verify", text(&signed.pack), "--minisign-key", &signed.public]);
}
