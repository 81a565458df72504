//! A bucket alone as the vault: everything that a vault can, by compare-and-swap on one small file, and no server of anyone's.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::env::{BUCKET, Cloud, Depth, FAULTS, Fault, Ran, S3, TestEnv, examples};
use crate::ledger::{export, public, user};
use crate::mirror::judge;

/// The folder in the bucket.
pub const PREFIX: &str = "vault";

pub fn address() -> String {
    format!("s3://{BUCKET}/{PREFIX}")
}

/// Ada, whose vault is a bucket, with the release `kit` 1.0.0 in it.
pub fn ada(cloud: &impl Cloud) -> (TestEnv, String) {
    let mut ada = user("ada");
    cloud.configure(&mut ada);
    let address = cloud.address(PREFIX);
    ada.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    export(&ada, "kit", "1.0.0");
    let made = ada.json(&["vault", "init", &address]);
    let id = made["ledger"].as_str().expect("an id").to_owned();
    ada.run(["vault", "add", "team", &address, "--ledger", &id]).ok();
    ada.run(["vault", "push", "team", "kit"]).ok();
    (ada, id)
}

pub fn reader(cloud: &impl Cloud, id: &str) -> TestEnv {
    let mut reader = TestEnv::with_collection();
    cloud.configure(&mut reader);
    reader.run(["vault", "add", "team", &cloud.address(PREFIX), "--ledger", id]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    reader
}

#[test]
fn a_bucket_alone_is_a_vault() {
    let s3 = S3::start();
    let (ada, id) = ada(&s3);
    assert!(!s3.objects().keys().any(|key| key.contains("probe")), "nothing is left of the probe");
    let reader = reader(&s3, &id);
    let listed = reader.json(&["vault", "ls", "team"]);
    assert_eq!((&listed[0]["standing"], &listed[0]["level"]), (&"signed".into(), &3.into()));
    reader.run(["import", "team:kit", "--yes"]).ok();
    reader.assert_sound();
    // Bob gets a role, and publishes; Ada takes it back, and says that the vault is alive.
    let mut bob = user("bob");
    s3.configure(&mut bob);
    bob.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    bob.run(["vault", "add", "team", &address(), "--ledger", &id]).ok();
    export(&bob, "pdf-kit", "1.0.0");
    let before = s3.objects();
    bob.run(["vault", "push", "team", "pdf-kit"]).refused("untrusted");
    assert_eq!(s3.objects(), before, "nothing was sent");
    let key = public(&bob);
    ada.run([
        "vault",
        "role",
        "grant",
        "team",
        "bob@example.invalid",
        "publisher",
        "--bundles",
        "pdf-*",
        "--key",
        &key,
    ])
    .ok();
    assert_eq!(bob.json(&["vault", "push", "team", "pdf-kit"])["number"], 3);
    assert_eq!(bob.json(&["vault", "push", "team", "pdf-kit"])["already_there"], true);
    ada.run(["vault", "yank", "team", "kit@1.0.0", "--reason", "old"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    ada.run(["vault", "witness", "team", "--output", "../statement"]).ok();
    let pulled = reader.json(&["vault", "pull", "team"]);
    assert_eq!((&pulled["new"][0]["release"], &pulled["releases"]), (&"pdf-kit--v1.0.0".into(), &2.into()));
    reader.run(["import", "team:pdf-kit", "--offline", "--dry-run"]).ok();
    reader.refused("name", &["import", "team:kit", "--offline", "--dry-run"]);
    assert_eq!(reader.json(&["vault", "show", "team"])["number"], 5);
    judge(&ada, &s3.public(PREFIX), &["kit--v1.0.0", "pdf-kit--v1.0.0"]);
    // A folder with its files is the same vault: on a stick, without any server.
    let stick = ada.root().join("stick");
    for (key, bytes) in s3.objects() {
        let file = stick.join(key.trim_start_matches(&format!("{PREFIX}/")));
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, bytes).expect("a file");
    }
    let other = TestEnv::with_collection();
    other.run(["vault", "add", "stick", stick.to_str().expect("a path"), "--ledger", &id]).ok();
    other.run(["vault", "pull", "stick"]).ok();
    other.run(["import", "stick:pdf-kit", "--offline", "--yes"]).ok();
}

#[test]
fn a_store_that_heeds_no_conditions_is_found_out() {
    let s3 = S3::start();
    let mut ada = user("ada");
    s3.configure(&mut ada);
    s3.ignore_conditions();
    let told = ada.refused("policy", &["vault", "init", &address()]);
    assert!(told.stderr.contains("--single-writer"), "{}", told.stderr);
    assert!(s3.objects().is_empty(), "nothing is left");
    ada.run(["vault", "init", &address(), "--single-writer"]).ok();
    let head = String::from_utf8(s3.get("vault/head.json").expect("a head")).expect("text");
    assert!(head.contains("\\\"writers\\\": \\\"single\\\""), "{head}");
    ada.run(["vault", "add", "team", &address(), "--first-use"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    ada.refused("usage", &["vault", "init", &address()]);
}

/// What is signed in a `head.json`.
pub fn payload(head: &[u8]) -> serde_json::Value {
    let file: serde_json::Value = serde_json::from_slice(head).expect("JSON");
    serde_json::from_str(file["payload"].as_str().expect("text")).expect("JSON")
}

/// A server, or whoever can write to the bucket, changes what is there: it is noticed, and what was fetched stays.
#[test]
fn what_is_changed_in_a_bucket_is_noticed() {
    let s3 = S3::start();
    let (ada, id) = ada(&s3);
    let first = s3.objects();
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    let good = s3.objects();
    let reader = reader(&s3, &id);
    let before = reader.snapshot(Depth::Refs);
    let head = |objects: &BTreeMap<String, Vec<u8>>| objects["vault/head.json"].clone();
    let refused = |env: &TestEnv, class: &str, why: &str| {
        let told = env.run(["vault", "pull", "team"]);
        assert_eq!(told.code, Some(if class == "net" { 1 } else { 3 }), "{why}: {told:?}");
        let value = env.run(["--format", "json", "vault", "pull", "team"]).value();
        assert_eq!(value["error"]["class"], class, "{why}: {value}");
    };
    // An old state, whole.
    s3.set_objects(first.clone());
    refused(&reader, "rollback", "all is as it was before");
    s3.set_objects(good.clone());
    s3.put("vault/head.json", head(&first));
    refused(&reader, "rollback", "the head is as it was before");
    // A head that somebody has changed.
    let text = String::from_utf8(head(&good)).expect("text");
    s3.put("vault/head.json", text.replace("\\\"serial\\\": 3", "\\\"serial\\\": 4").into_bytes());
    refused(&reader, "signature", "the serial number is another");
    for broken in ["{}", "", "[1]", "{\"payload\": 1, \"signature\": 2}"] {
        s3.put("vault/head.json", broken.as_bytes().to_vec());
        refused(&reader, "parse", broken);
    }
    s3.put("vault/head.json", text.replace("\"signature\":", "\"more\": 1, \"signature\":").into_bytes());
    refused(&reader, "parse", "an unknown field");
    s3.remove("vault/head.json");
    refused(&reader, "parse", "no head at all");
    // The head of another vault, by the same person.
    let elsewhere = S3::start();
    let (_other, _) = self::ada(&elsewhere);
    s3.set_objects(elsewhere.objects());
    refused(&reader, "untrusted", "another vault");
    before.assert_same(&reader.snapshot(Depth::Refs), "all of it was refused");
    // Packs and bundles: for someone who needs them.
    let fresh = || {
        let mut fresh = TestEnv::with_collection();
        s3.configure(&mut fresh);
        fresh
    };
    let bundle = good.keys().find(|key| key.contains("/bundles/")).expect("a bundle").clone();
    s3.set_objects(good.clone());
    let one = fresh();
    one.run(["vault", "add", "team", &address(), "--ledger", &id]).ok();
    let mut bytes = good[&bundle].clone();
    bytes[100] ^= 1;
    s3.put(&bundle, bytes);
    refused(&one, "hash", "a bundle is another");
    s3.remove(&bundle);
    refused(&one, "net", "a bundle is missing");
    s3.set_objects(good.clone());
    one.run(["vault", "pull", "team"]).ok();
    one.run(["import", "team:kit", "--offline", "--yes"]).ok();
    for pack in good.keys().filter(|key| key.ends_with(".pack")) {
        let is_ledger = payload(&head(&good))["packs"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|one| one["holds"] == "ledger" && pack.contains(one["name"].as_str().expect("a name")));
        if !is_ledger {
            continue;
        }
        let mut bytes = good[pack].clone();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        s3.put(pack, bytes);
        let two = fresh();
        two.refused("hash", &["vault", "add", "team", &address(), "--ledger", &id]);
        s3.remove(pack);
        two.refused("net", &["vault", "add", "team", &address(), "--ledger", &id]);
        s3.set_objects(good.clone());
    }
    // Someone with keys for the bucket and no say in the vault.
    let mut mallory = user("mallory");
    s3.configure(&mut mallory);
    mallory.run(["vault", "add", "team", &address(), "--ledger", &id]).ok();
    let told = mallory.run(["vault", "checkpoint", "team"]);
    assert_eq!(told.code, Some(3), "{told:?}");
    assert_eq!(s3.objects(), good);
    let forged = mallory.root().join("payload");
    let file: serde_json::Value = serde_json::from_slice(&head(&good)).expect("JSON");
    let text = file["payload"].as_str().expect("text").replace("\"serial\": 3", "\"serial\": 9");
    std::fs::write(&forged, &text).expect("a file");
    let mut sign = mallory.command("ssh-keygen");
    let key = mallory.git(["config", "user.signingKey"]);
    sign.args(["-Y", "sign", "-n", "skillmeat-head@v1", "-f", &key]).arg(&forged);
    Ran::of(sign).ok();
    let signature = std::fs::read_to_string(mallory.root().join("payload.sig")).expect("a signature");
    let file = serde_json::json!({"payload": text, "signature": signature});
    s3.put("vault/head.json", file.to_string().into_bytes());
    refused(&reader, "untrusted", "a stranger signed");
}

/// The outside judge of the signature: `jq` is not everywhere, so python takes the file apart and ssh-keygen checks it.
#[test]
fn the_signature_of_the_head_is_one_of_ssh_keygen() {
    let s3 = S3::start();
    let (ada, _) = ada(&s3);
    let head = ada.root().join("head.json");
    std::fs::write(&head, s3.get("vault/head.json").expect("a head")).expect("a file");
    let mut python = ada.command("python3");
    python.args(["-c", "import json,sys; h=json.load(open(sys.argv[1])); open(sys.argv[1]+'.p','w').write(h['payload']); open(sys.argv[1]+'.s','w').write(h['signature'])"]);
    python.arg(&head);
    Ran::of(python).ok();
    std::fs::write(ada.root().join("allowed"), format!("ada@example.invalid {}\n", public(&ada))).expect("a file");
    let mut verify = ada.command("ssh-keygen");
    let at = |name: &str| ada.root().join(name);
    verify.args(["-Y", "verify", "-n", "skillmeat-head@v1", "-I", "ada@example.invalid", "-f"]).arg(at("allowed"));
    verify.arg("-s").arg(at("head.json.s")).stdin(std::fs::File::open(at("head.json.p")).expect("opens"));
    Ran::of(verify).ok();
}

/// Checks that what `head.json` names is all there, and that plain git is shown nothing that is not.
pub fn assert_complete(objects: &BTreeMap<String, Vec<u8>>, why: &str) -> u64 {
    let head = payload(&objects["vault/head.json"]);
    let sha256 = |key: &str| {
        let bytes = objects.get(key).unwrap_or_else(|| panic!("{why}: no {key}"));
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    };
    let listed = String::from_utf8_lossy(&objects["vault/objects/info/packs"]).into_owned();
    for pack in head["packs"].as_array().expect("a list") {
        let name = pack["name"].as_str().expect("a name");
        assert_eq!(sha256(&format!("vault/objects/pack/pack-{name}.pack")), pack["sha256"], "{why}");
        assert_eq!(sha256(&format!("vault/objects/pack/pack-{name}.idx")), pack["index_sha256"], "{why}");
        assert!(listed.contains(name), "{why}: {name} is listed");
    }
    head["number"].as_u64().expect("a number")
}

/// What a publish that went wrong at one request may end with.
fn expected(request: &str, fault: Fault) -> &'static [(i32, u64)] {
    let is_put = request.starts_with("PUT");
    let is_head = is_put && request.contains("head.json");
    let is_conditional = is_head || is_put && request.contains("/info/");
    let is_after = request.contains("info/refs");
    match fault {
        // The client tries again; what is conditional is read back and compared.
        Fault::Failed | Fault::FailedAndDone | Fault::AnswerLost | Fault::Twice | Fault::Slow => &[(0, 2)],
        // What is named by its content, and what only reads, is sent again. A conditional write is not, since it may still
        // come: then it has failed, and happens later.
        Fault::Late if is_after => &[(0, 2)],
        Fault::Late if is_head => &[(1, 2), (0, 2)],
        Fault::Late if is_conditional => &[(1, 1), (0, 2)],
        Fault::Late => &[(0, 2)],
        // Nothing is allowed from there on.
        Fault::Refused if is_after => &[(0, 2)],
        Fault::Refused => &[(1, 1), (0, 2)],
    }
}

/// Which requests go wrong in which ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// Those that change what readers see in all ways; all others in the ways that end a publish.
    Telling,
    /// All in all ways.
    All,
}

#[test]
fn whatever_goes_wrong_readers_see_the_old_state_or_the_new() {
    go_wrong(Cells::Telling);
}

#[test]
#[ignore = "takes minutes: each request of a publish goes wrong in each way"]
fn whatever_goes_wrong_anywhere_readers_see_the_old_state_or_the_new() {
    go_wrong(Cells::All);
}

/// Requests of a publish go wrong. Readers then see the old state or the new one, whole, and publishing once more puts right
/// whatever is left to put right.
fn go_wrong(which: Cells) {
    let s3 = S3::start();
    let (ada, _) = ada(&s3);
    export(&ada, "kit", "1.1.0");
    let start = s3.objects();
    s3.disarm();
    let twin = |s3: &S3| {
        let mut twin = TestEnv::new();
        let mut copy = twin.command("cp");
        copy.args(["-a", &format!("{}/.", ada.root().display()), twin.root().to_str().expect("a path")]);
        Ran::of(copy).ok();
        s3.configure(&mut twin);
        let key = twin.git(["config", "user.signingKey"]);
        let moved = key.replace(ada.root().to_str().expect("a path"), twin.root().to_str().expect("a path"));
        twin.config("user.signingKey", &moved);
        let list = twin.git(["config", "--default", "", "gpg.ssh.allowedSignersFile"]);
        let moved = list.replace(ada.root().to_str().expect("a path"), twin.root().to_str().expect("a path"));
        twin.config("gpg.ssh.allowedSignersFile", &moved);
        twin
    };
    let clean = twin(&s3);
    clean.run(["vault", "push", "team", "kit"]).ok();
    let requests = s3.log();
    assert!(requests.len() > 12, "{requests:#?}");
    let mut cells = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let is_telling = request.starts_with("PUT")
            && (request.contains("head.json") || request.contains("/info/") || request.contains("info/refs"));
        let is_needed = |fault: Fault| is_telling || which == Cells::All || fault == Fault::Refused;
        cells.extend(FAULTS.into_iter().filter(|fault| is_needed(*fault)).map(|fault| (at, request.clone(), fault)));
    }
    assert!(cells.len() > if which == Cells::All { 100 } else { 30 }, "{}", cells.len());
    let next = std::sync::Mutex::new(cells.into_iter());
    let run = || {
        while let Some((at, request, fault)) = { next.lock().expect("no panic").next() } {
            let why = format!("{fault:?} at request {at}, {request}");
            let s3 = S3::start();
            s3.set_objects(start.clone());
            let env = twin(&s3);
            s3.arm(at, fault);
            let ran = env.run(["vault", "push", "team", "kit"]);
            let code = ran.code.expect("it ended by itself");
            if fault == Fault::Late {
                // What is on the way arrives.
                std::thread::sleep(std::time::Duration::from_millis(250));
            }
            s3.disarm();
            let number = assert_complete(&s3.objects(), &why);
            assert!(expected(&request, fault).contains(&(code, number)), "{why}: exit {code}, entry {number}: {ran:?}");
            if fault == Fault::Refused {
                let seen: &[&str] = if s3.get("vault/info/refs") == start.get("vault/info/refs").cloned() {
                    &["kit--v1.0.0"]
                } else {
                    &["kit--v1.0.0", "kit--v1.1.0"]
                };
                judge(&env, &s3.public(PREFIX), seen);
            }
            let again = env.json(&["vault", "push", "team", "kit"]);
            assert_eq!(again["already_there"], number == 2, "{why}: {again}");
            assert_eq!(assert_complete(&s3.objects(), &why), 2, "{why}");
            let head = payload(&s3.get("vault/head.json").expect("a head"));
            let is_behind = |head: &serde_json::Value| {
                let refs = s3.get("vault/info/refs").expect("refs");
                !String::from_utf8_lossy(&refs).contains(head["head"].as_str().expect("an id"))
            };
            if is_behind(&head) {
                env.run(["vault", "checkpoint", "team"]).ok();
            }
            assert!(!is_behind(&payload(&s3.get("vault/head.json").expect("a head"))), "{why}");
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        workers.into_iter().for_each(|worker| worker.join().expect("no cell failed"));
    });
}

/// Signs another head for Ada, as she could.
fn sign(ada: &TestEnv, s3: &S3, change: impl Fn(&mut serde_json::Value)) {
    let file: serde_json::Value = serde_json::from_slice(&s3.get("vault/head.json").expect("a head")).expect("JSON");
    let text = file["payload"].as_str().expect("text");
    let mut value: serde_json::Value = serde_json::from_str(text).expect("JSON");
    change(&mut value);
    // The order of the fields is part of the format, and a map has another.
    let since = value["retired"][0]["since"].as_str().expect("a time").to_owned();
    let mut changed = String::new();
    for line in text.lines() {
        match line.trim_start().strip_prefix("\"since\":") {
            Some(_) => changed.push_str(&format!("      \"since\": \"{since}\"\n")),
            None => changed.push_str(&format!("{line}\n")),
        }
    }
    let path = ada.root().join("payload");
    std::fs::write(&path, &changed).expect("a file");
    let _ = std::fs::remove_file(ada.root().join("payload.sig"));
    let mut sign = ada.command("ssh-keygen");
    let key = ada.git(["config", "user.signingKey"]);
    sign.args(["-Y", "sign", "-n", "skillmeat-head@v1", "-f", &key]).arg(&path);
    Ran::of(sign).ok();
    let signature = std::fs::read_to_string(ada.root().join("payload.sig")).expect("a signature");
    let file = serde_json::json!({"payload": changed, "signature": signature});
    s3.put("vault/head.json", file.to_string().into_bytes());
}

/// Many small packs become one; the old ones stay for a while, and are removed by whoever writes after that.
#[test]
fn packs_are_put_together_and_old_ones_go() {
    let s3 = S3::start();
    let (ada, id) = ada(&s3);
    let packs = |s3: &S3| s3.objects().keys().filter(|key| key.ends_with(".pack")).count();
    let mut entries = 1;
    while payload(&s3.get("vault/head.json").expect("a head"))["retired"].as_array().expect("a list").is_empty() {
        ada.run(["vault", "checkpoint", "team"]).ok();
        entries += 1;
        assert!(entries < 30, "nothing was put together");
    }
    let head = payload(&s3.get("vault/head.json").expect("a head"));
    let (used, retired) =
        (&head["packs"].as_array().expect("a list").len(), head["retired"].as_array().expect("a list").len());
    assert!(*used < 6 && retired > 20, "{used} used, {retired} retired");
    assert_eq!(packs(&s3), used + retired, "the old ones stay");
    assert_complete(&s3.objects(), "put together");
    judge(&ada, &s3.public(PREFIX), &["kit--v1.0.0"]);
    // Two weeks and a day later.
    sign(&ada, &s3, |head| head["retired"][0]["since"] = "2020-01-01T00:00:00Z".into());
    ada.run(["vault", "checkpoint", "team"]).ok();
    assert_eq!(packs(&s3), used + 1, "they are gone, and that of the checkpoint has come");
    ada.run(["vault", "checkpoint", "team"]).ok();
    let head = payload(&s3.get("vault/head.json").expect("a head"));
    assert_eq!(head["retired"], serde_json::json!([]));
    assert_complete(&s3.objects(), "cleaned");
    judge(&ada, &s3.public(PREFIX), &["kit--v1.0.0"]);
    let reader = reader(&s3, &id);
    assert_eq!(reader.json(&["vault", "show", "team"])["number"], entries + 2);
}
