//! What programs are told of a release: which verdict, whose key, which level, and why it is no higher one.

use serde_json::{Value, json};

use crate::env::TestEnv;
use crate::ledger::{ada, address, public, reader, user};

fn pack_of(env: &TestEnv) -> String {
    env.root().join("kit-1.0.0.skillmeat-pack").to_str().expect("UTF-8").to_owned()
}

fn fingerprint(env: &TestEnv) -> String {
    env.json(&["key", "show"])["fingerprint"].as_str().expect("a fingerprint").to_owned()
}

/// Returns what `verify` says as JSON of what it refuses, after checking that it says the same to people and that `inspect` does.
fn refused(env: &TestEnv, class: &str, pack: &str, told: &[&str]) -> Value {
    let ran = env.refused(class, &["verify", pack]);
    for text in told {
        assert!(ran.stderr.contains(text), "'{text}' in {}", ran.stderr);
    }
    let error = env.run(["--format", "json", "verify", pack]).value()["error"].clone();
    let inspected = env.run(["--format", "json", "inspect", pack]).value()["data"]["not_verified"].clone();
    for field in ["verdict", "principal", "fingerprint"] {
        assert_eq!(error[field], inspected[field], "{field}: {error:#} {inspected:#}");
    }
    error
}

#[test]
fn verdicts_stay_apart_in_json() {
    let (ada, _) = ada();
    let (pack, key, text) = (pack_of(&ada), fingerprint(&ada), public(&ada));
    let text = text.split(' ').take(2).collect::<Vec<_>>().join(" ");
    // A stranger: their key, and nothing that they say of themselves.
    let env = TestEnv::with_collection();
    let error = refused(&env, "untrusted", &pack, &[&key]);
    assert_eq!((&error["verdict"], &error["fingerprint"]), (&json!("unknown-key"), &json!(key)), "{error:#}");
    assert_eq!((&error["principal"], &error["level"]), (&Value::Null, &Value::Null), "{error:#}");
    // A key that is too old, too new, for something else, or stolen; each is somebody's.
    for (options, verdict) in [
        ("valid-before=\"20200101Z\"", "expired"),
        ("valid-after=\"20400101Z\"", "not-yet-valid"),
        ("namespaces=\"file\"", "wrong-namespace"),
    ] {
        let env = TestEnv::with_collection();
        let list = env.home().join("signers");
        std::fs::write(&list, format!("ada@example.invalid {options} {text}\n")).expect("writes");
        env.config("gpg.ssh.allowedSignersFile", list.to_str().expect("UTF-8"));
        let error = refused(&env, "untrusted", &pack, &[&key, "'ada@example.invalid'"]);
        assert_eq!(
            (&error["verdict"], &error["fingerprint"], &error["principal"]),
            (&json!(verdict), &json!(key), &json!("ada@example.invalid")),
            "{error:#}"
        );
    }
    env.run(["trust", "add", "ada@example.invalid", "--key", &text]).ok();
    env.run(["trust", "revoke", &key]).ok();
    let error = refused(&env, "untrusted", &pack, &[&key, "'ada@example.invalid'"]);
    assert_eq!(
        (&error["verdict"], &error["principal"]),
        (&json!("revoked"), &json!("ada@example.invalid")),
        "{error:#}"
    );
    // Nobody signed it: there is no key to tell of.
    let env = TestEnv::with_collection();
    env.git(["tag", "--annotate", "--no-sign", "--message", "x", "kit--v9.0.0"]);
    let error = refused(&env, "signature", "kit--v9.0.0", &["not signed"]);
    assert_eq!((&error["verdict"], &error["fingerprint"]), (&json!("unsigned"), &Value::Null), "{error:#}");
}

#[test]
fn a_policy_says_what_is_missing_and_how_it_is_had() {
    let (ada, id) = ada();
    let (pack, key) = (pack_of(&ada), fingerprint(&ada));
    let verify = |env: &TestEnv, class: &str, reason: &str, told: &[&str]| {
        let ran = env.refused(class, &["verify", &pack]);
        for text in told.iter().chain(&["'ada@example.invalid'", key.as_str()]) {
            assert!(ran.stderr.contains(text), "'{text}' in {}", ran.stderr);
        }
        assert!(!ran.stderr.contains("recorded"), "verify records nothing: {}", ran.stderr);
        let error = env.run(["--format", "json", "verify", &pack]).value()["error"].clone();
        assert_eq!(
            (&error["verdict"], &error["reason"], &error["fingerprint"], &error["principal"]),
            (&json!("good"), &json!(reason), &json!(key), &json!("ada@example.invalid")),
            "{error:#}"
        );
        error["level"].clone()
    };
    // No vault knows it.
    let env = TestEnv::with_collection();
    env.run(["trust", "add", "ada@example.invalid", "--key", &public(&ada)]).ok();
    env.config("skillmeat.policy", "team");
    assert_eq!(verify(&env, "policy", "no-ledger", &["no vault that you know vouches for it", "vault add"]), 2);
    // One does, and nobody compared it.
    let env = reader(&ada, &["--first-use"]);
    env.config("skillmeat.policy", "team");
    assert_eq!(
        verify(&env, "policy", "not-compared", &["nobody has compared the id", "vault pin NAME --ledger ID"]),
        2
    );
    env.run(["vault", "pin", "team", "--ledger", &id]).ok();
    env.run(["verify", &pack]).ok();
    env.config("skillmeat.policy", "strict");
    assert_eq!(verify(&env, "stale", "no-checkpoint", &["vault checkpoint"]), 3);
    ada.run(["vault", "checkpoint", "team"]).ok();
    env.run(["vault", "pull", "team"]).ok();
    assert_eq!(verify(&env, "policy", "too-few-witnesses", &["too few witnesses", "skillmeat.witness FILE"]), 3);
    assert_eq!(env.json(&["verify", &pack, "--allow-level", "3"])["reason"], "too-few-witnesses");
}

#[test]
fn a_witness_who_says_nothing_is_told_and_not_counted() {
    let (ada, id) = ada();
    let reader = reader(&ada, &["--ledger", &id]);
    let place = |name: &str| reader.root().join(name).to_str().expect("UTF-8").to_owned();
    let told = |count: u64, warnings: &[&str]| {
        let ran = reader.run(["--format", "json", "vault", "show", "team"]).ok();
        assert_eq!(ran.value()["data"]["witnesses"], count, "{ran:?}");
        assert_eq!(ran.stderr.matches("does not count").count(), warnings.len(), "{}", ran.stderr);
        warnings.iter().for_each(|text| assert!(ran.stderr.contains(text), "'{text}' in {}", ran.stderr));
    };
    told(0, &[]);
    for name in ["missing", "text", "seen"] {
        reader.git(["config", "--global", "--add", "skillmeat.witness", &place(name)]);
    }
    std::fs::write(place("text"), "I saw it\n").expect("writes");
    let walt = user("walt");
    walt.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    walt.run(["vault", "witness", "team", "--output", &place("seen")]).ok();
    told(
        0,
        &[
            "missing' does not count: there is no such file",
            "text' does not count: it is no statement",
            "seen' does not",
        ],
    );
    reader.run(["trust", "add", "walt@example.invalid", "--key", &public(&walt)]).ok();
    told(1, &["missing'", "text'"]);
}

#[test]
fn import_tells_programs_all_that_it_tells_people() {
    let (ada, id) = ada();
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    for args in [&["import", "team:kit", "--dry-run"][..], &["import", "team:kit", "--yes"]] {
        let value = reader.run(["--format", "json"].iter().chain(args)).ok().value();
        let told = &value["data"]["release"];
        for (field, expected) in [
            ("release", json!("kit--v1.0.0")),
            ("level", json!(3)),
            ("meaning", json!("released")),
            ("reason", json!("no-checkpoint")),
            ("fingerprint", json!(fingerprint(&ada))),
            ("principal", json!("ada@example.invalid")),
            ("vault", json!("team")),
            ("number", json!(1)),
            ("license", json!("NOASSERTION")),
        ] {
            assert_eq!(told[field], expected, "{field}: {value:#}");
        }
        assert!(
            told["published"].is_string() && told["time"].is_string() && told["size"].as_u64() > Some(1000),
            "{told:#}"
        );
        // The first one fetches it, and says how much that was.
        assert_eq!(value["fetched_bytes"].as_u64() > Some(0), args.contains(&"--dry-run"), "{value:#}");
    }
    let value = reader.run(["--format", "json", "inspect", "team:kit", "--offline"]).ok().value();
    assert_eq!(value["fetched_bytes"], Value::Null, "{value:#}");
}
