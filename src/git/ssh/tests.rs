//! Runs of the real `ssh-keygen`, `ssh-agent` and `git`, which are the judges here.

mod agreement;
mod bench;

use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::signature::{AllowedSigners, GIT_NAMESPACE, Signers, Verdict, verify};
use bench::{Agent, Bench};

const PAYLOAD: &[u8] = b"first line\nsecond line\n";

fn file(path: &Path) -> KeySource {
    KeySource::File(path.to_owned())
}

#[test]
fn signatures_are_made_for_every_kind_of_key() {
    let bench = Bench::new();
    let ssh = bench.ssh_keygen();
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048")] {
        let key = bench.new_key(kind, bits, "");
        let armour = ssh.sign(&file(&key), "file", PAYLOAD, Prompt::Never).expect(kind);
        let from_public = bench.path(&format!("{}.pub", key.display()));
        assert_eq!(public_key(&file(&key)).expect(kind).key, public_key(&file(&from_public)).expect(kind).key);
        assert!(ssh.sign(&file(&from_public), "file", PAYLOAD, Prompt::Never).is_ok(), "{kind}");
        let line = format!("alice {}\n", public_key(&file(&key)).expect(kind).key);
        let (signers, signature) = (bench.write("signers", line.as_bytes()), bench.write("sig", armour.as_bytes()));
        let args = ["-Y", "verify", "-I", "alice", "-n", "file", "-f", &signers, "-s", &signature];
        assert!(bench.run("ssh-keygen", &args, PAYLOAD).success, "{kind}");
    }
}

#[test]
fn nothing_is_left_behind_and_nothing_is_read_from_the_environment() {
    let bench = Bench::new();
    let key = bench.new_key("ed25519", "256", "");
    let before = bench.files();
    let literal = std::fs::read_to_string(format!("{}.pub", key.display())).expect("the key");
    let source = KeySource::Literal(literal);
    // The agent of whoever runs the tests is not asked.
    assert!(matches!(bench.ssh_keygen().sign(&source, "git", PAYLOAD, Prompt::Never), Err(SshError::NotInAgent(_))));
    bench.ssh_keygen().sign(&file(&key), "git", PAYLOAD, Prompt::Never).expect("a signature");
    assert_eq!(bench.files(), before);
}

// schema/threats.md, row 46
#[test]
fn an_encrypted_key_never_waits_for_somebody() {
    let bench = Bench::new();
    let key = bench.new_key("ed25519", "256", "secret");
    assert!(public_key(&file(&key)).is_ok());
    let start = Instant::now();
    let error = bench.ssh_keygen().sign(&file(&key), "git", PAYLOAD, Prompt::Never).expect_err("no passphrase");
    assert!(matches!(error, SshError::Passphrase { asked: false, .. }), "{error:?}");
    // Even when the payload is the passphrase, which `ssh-keygen` would otherwise read.
    let error = bench.ssh_keygen().sign(&file(&key), "git", b"secret\n", Prompt::Never).expect_err("no passphrase");
    assert!(matches!(error, SshError::Passphrase { asked: false, .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_passphrase_is_asked_for_where_it_may_be() {
    let bench = Bench::new();
    let key = bench.new_key("ed25519", "256", "secret");
    let env = |answer: &str| {
        let askpass = bench.script(&format!("askpass-{answer}"), &format!("echo {answer}"));
        bench.ssh_keygen_with(&[("SSH_ASKPASS", &askpass), ("SSH_ASKPASS_REQUIRE", "force")])
    };
    assert!(env("secret").sign(&file(&key), "git", PAYLOAD, Prompt::Allow).is_ok());
    let error = env("wrong").sign(&file(&key), "git", PAYLOAD, Prompt::Allow).expect_err("wrong passphrase");
    assert!(matches!(error, SshError::Passphrase { asked: true, .. }), "{error:?}");
    let error = env("secret").sign(&file(&key), "git", PAYLOAD, Prompt::Never).expect_err("nobody is asked");
    assert!(matches!(error, SshError::Passphrase { asked: false, .. }), "{error:?}");
}

#[test]
fn keys_in_an_agent_sign() {
    let bench = Bench::new();
    let key = bench.new_key("ed25519", "256", "");
    let line = std::fs::read_to_string(format!("{}.pub", key.display())).expect("the key");
    let public = bench.write("moved.pub", line.as_bytes());
    let literal = KeySource::from_config(&format!("key::{line}"), None);
    let agent = Agent::start(&bench);
    let ssh = bench.ssh_keygen_with(&[("SSH_AUTH_SOCK", agent.socket())]);
    for source in [&literal, &file(Path::new(&public))] {
        let error = ssh.sign(source, "git", PAYLOAD, Prompt::Never).expect_err("an empty agent");
        assert!(matches!(error, SshError::NotInAgent(_)), "{error:?}");
    }
    agent.add(&bench, &key, &[]);
    for source in [&literal, &file(Path::new(&public))] {
        ssh.sign(source, "git", PAYLOAD, Prompt::Never).expect("a signature");
    }
    // Asks for a confirmation, which nobody gives.
    agent.add(&bench, &key, &["-c"]);
    let error = ssh.sign(&literal, "git", PAYLOAD, Prompt::Never).expect_err("not confirmed");
    assert!(matches!(error, SshError::AgentRefused(_)), "{error:?}");
}

#[test]
fn what_is_no_key_is_said_to_be_none() {
    let bench = Bench::new();
    let ssh = bench.ssh_keygen();
    let sign = |source: KeySource| ssh.sign(&source, "git", PAYLOAD, Prompt::Never).expect_err("no key");
    let at = |name: &str, content: &[u8]| KeySource::File(bench.write(name, content).into());
    assert!(matches!(sign(KeySource::File(bench.path("none"))), SshError::NoKeyFile(_)));
    assert!(matches!(sign(KeySource::File(bench.path(""))), SshError::KeyFile { verb: "read", .. }));
    assert!(matches!(sign(at("text", b"hello\n")), SshError::NotAKey(_)));
    assert!(matches!(sign(at("empty", b"")), SshError::NotAKey(_)));
    assert!(matches!(sign(at("pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n")), SshError::NotAKey(_)));
    assert!(matches!(sign(at("old", b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n")), SshError::NoPublicHalf(_)));
    assert!(matches!(sign(KeySource::Literal("ssh-ed25519 AAAA".into())), SshError::NotAKeyText(_)));
    let key = bench.new_key("ed25519", "256", "");
    let public = std::fs::read(format!("{}.pub", key.display())).expect("the key");
    assert!(matches!(sign(at("lonely.pub", &public)), SshError::NotInAgent(_)));
    assert!(matches!(sign(at("lonely", &public)), SshError::NotInAgent(_)));
    bench.open_to_all(&key);
    assert!(matches!(sign(file(&key)), SshError::Permissions(_)));
    assert!(matches!(sign(file(&bench.new_key("rsa", "1024", ""))), SshError::Unusable { .. }));
    let gone = SshKeygen::new(bench.path("gone"), bench.path(""), []);
    let key = bench.new_key("ed25519", "256", "");
    assert!(matches!(gone.sign(&file(&key), "git", PAYLOAD, Prompt::Never), Err(SshError::NoProgram(_))));
}

#[test]
fn a_program_that_lies_is_found_out() {
    let bench = Bench::new();
    let (key, other) = (bench.new_key("ed25519", "256", ""), bench.new_key("ed25519", "256", ""));
    let ssh = bench.ssh_keygen();
    let lying = |armour: &str| {
        let answer = bench.write("answer", armour.as_bytes());
        let program = bench.script("lying", &format!("cat >{answer}.in; cat {answer}"));
        SshKeygen::new(program, bench.path(""), bench.env()).sign(&file(&key), "git", PAYLOAD, Prompt::Never)
    };
    let sign = |key: &Path, payload: &[u8]| ssh.sign(&file(key), "git", payload, Prompt::Never).expect("a signature");
    assert!(lying(&sign(&key, PAYLOAD)).is_ok());
    assert!(lying(&sign(&key, PAYLOAD).replace('\n', "\r\n")).is_ok());
    assert!(matches!(lying(&sign(&key, b"other")), Err(SshError::OwnSignature { .. })));
    assert!(matches!(lying(""), Err(SshError::OwnSignature { .. })));
    assert!(matches!(lying(&sign(&other, PAYLOAD)), Err(SshError::OtherKey { .. })));
    let failing = bench.script("failing", "printf 'no\\033[2J way\\n' >&2; exit 3");
    let failing = SshKeygen::new(failing, bench.path(""), bench.env());
    let error = failing.sign(&file(&key), "git", &[b'x'; 1 << 20], Prompt::Never).expect_err("it fails");
    assert!(matches!(&error, SshError::Failed { stderr, .. } if stderr == "no\\u{1b}[2J way"), "{error:?}");
}

#[test]
fn a_program_that_does_not_end_is_ended() {
    let bench = Bench::new();
    let key = bench.new_key("ed25519", "256", "");
    let pid = bench.path("pid");
    let program = bench.script("asleep", &format!("echo $$ >{}; exec sleep 100", pid.display()));
    let mut ssh = SshKeygen::new(program, bench.path(""), bench.env());
    ssh.timeout = Duration::from_secs(1);
    let error = ssh.sign(&file(&key), "git", PAYLOAD, Prompt::Never).expect_err("no answer");
    assert!(matches!(error, SshError::Timeout { seconds: 1, .. }), "{error:?}");
    let pid = std::fs::read_to_string(pid).expect("it had started");
    assert!(!bench.run("kill", &["-0", pid.trim()], b"").success);
}

#[test]
fn only_named_variables_are_passed_on() {
    let bench = Bench::new();
    let key = bench.new_key("ed25519", "256", "");
    let seen = bench.path("seen");
    let program = bench.script("env", &format!("env >{}; cat >/dev/null; exit 1", seen.display()));
    let env = [("GIT_DIR", "x"), ("LD_PRELOAD", "x"), ("LC_ALL", "x"), ("TERM", "dumb"), ("SSH_ASKPASS", "y")];
    let env = env.map(|(name, value)| (name.into(), value.into())).into_iter().chain(bench.env());
    let ssh = SshKeygen::new(program, bench.path(""), env);
    assert!(ssh.sign(&file(&key), "git", PAYLOAD, Prompt::Never).is_err());
    let seen = std::fs::read_to_string(seen).expect("what the program saw");
    let mut names: Vec<_> = seen.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    // PWD and the like are set by the shell itself.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    assert_eq!(names, ["HOME", "LC_ALL", "PATH", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "TERM"]);
    assert!(seen.contains("LC_ALL=C\n") && seen.contains("SSH_ASKPASS=/dev/null\n"), "{seen}");
}

#[test]
fn generated_keys_are_keys_for_openssh() {
    let bench = Bench::new();
    let made = generate_key("me @home").expect("a key");
    assert_ne!(made.fingerprint, generate_key("").expect("a key").fingerprint);
    let private = bench.private("made", made.private_openssh.as_bytes());
    let said = bench.run("ssh-keygen", &["-y", "-f", &private], b"");
    assert_eq!(said.stdout.trim_end(), made.public_line);
    let listed = bench.run("ssh-keygen", &["-l", "-f", &private], b"");
    assert_eq!(listed.stdout, format!("256 {} me @home (ED25519)\n", made.fingerprint));
    let info = public_key(&KeySource::File(private.clone().into())).expect("a key");
    assert_eq!((info.key.fingerprint(), info.comment.as_str()), (made.fingerprint.clone(), "me @home"));
    let armour = bench.ssh_keygen().sign(&KeySource::File(private.into()), "git", PAYLOAD, Prompt::Never);
    let allowed = AllowedSigners::parse(format!("me {}", made.public_line).as_bytes()).expect("a list");
    let signers = Signers { allowed: &allowed, revoked: None };
    let armour = armour.expect("a signature");
    let verdict = verify(PAYLOAD, Some(armour.as_bytes()), GIT_NAMESPACE, 1, &signers);
    assert_eq!(verdict, Verdict::Good { principal: "me".into(), fingerprint: made.fingerprint.clone() });
    assert!(!format!("{made:?}").contains("PRIVATE"));
    for comment in ["a\nb", "a\u{1b}", &"x".repeat(201)] {
        assert!(matches!(generate_key(comment), Err(GenerateError::Comment(_))));
    }
}

#[test]
fn signing_keys_are_configured_as_in_git() {
    let home = Path::new("/home/me");
    let read = |value: &str| KeySource::from_config(value, Some(home));
    assert_eq!(read("key::ecdsa-sha2-nistp256 AAAA"), KeySource::Literal("ecdsa-sha2-nistp256 AAAA".into()));
    assert_eq!(read("ssh-ed25519 AAAA"), KeySource::Literal("ssh-ed25519 AAAA".into()));
    assert_eq!(read("~/.ssh/id.pub"), KeySource::File(home.join(".ssh/id.pub")));
    assert_eq!(read("/keys/id"), KeySource::File("/keys/id".into()));
    assert_eq!(KeySource::from_config("~/id", None), KeySource::File("~/id".into()));
}
