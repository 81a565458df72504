//! Copies of a vault in object storage: plain git and curl read them, one small file says what they hold, and whatever ends a
//! writer leaves readers the old state or the new.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::env::{BUCKET, Cloud as _, Depth, Ran, S3, SECRET, Snapshot, TestEnv, examples};
use crate::ledger::{ada, address, export, public, user, vault_git};

/// A plain file server, as anyone may have one.
pub struct Files {
    child: Child,
    port: u16,
}

impl Files {
    pub fn serve(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let mut command = Command::new("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"]).arg(folder);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("python3 runs");
        let files = Self { child, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "it does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        files
    }

    pub fn url(&self, below: &str) -> String {
        format!("http://127.0.0.1:{}/{below}", self.port)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The outside judges of a copy: plain git clones it, checks every object and the tags; curl and sha256sum get a pack. Returns
/// where the clone is.
pub fn judge(env: &TestEnv, url: &str, releases: &[&str]) -> String {
    let name = format!("judged-{}", url.len() + releases.len());
    let clone = env.root().join(&name);
    let _ = std::fs::remove_dir_all(&clone);
    let clone = clone.to_str().expect("a path").to_owned();
    env.git(["clone", "--quiet", "--mirror", url, &clone]);
    let git = |args: &[&str]| env.git(["-C", &clone].iter().chain(args));
    git(&["fsck", "--strict", "--no-dangling"]);
    let file = |name: &str| git(&["show", &format!("skillmeat-ledger:trust/{name}")]);
    env.write("../judge-signers", format!("{}\n", file("allowed_signers")));
    let signers = format!("gpg.ssh.allowedSignersFile={}/judge-signers", env.root().display());
    for release in releases {
        assert_eq!(git(&["-c", &signers, "verify-tag", "--format=%(tag)", release]), *release);
    }
    let mut tags: Vec<_> = git(&["tag", "--list"]).lines().map(str::to_owned).collect();
    let mut wanted: Vec<_> = releases.iter().map(|release| (*release).to_owned()).collect();
    tags.sort();
    wanted.sort();
    assert_eq!(tags, wanted);
    let text = git(&["log", "--format=%B", "skillmeat-ledger"]);
    let packs: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("pack: sha256:")).collect();
    assert_eq!(packs.len(), releases.len());
    for pack in packs {
        let to = env.root().join("got.skillmeat-pack");
        let mut curl = env.command("curl");
        curl.args(["--silent", "--show-error", "--fail", "--output"]).arg(&to);
        curl.arg(format!("{url}/bundles/sha256/{}/{pack}.skillmeat-pack", &pack[..2]));
        Ran::of(curl).ok();
        let mut sum = env.command("sha256sum");
        sum.arg(&to);
        assert!(Ran::of(sum).ok().stdout.starts_with(pack));
    }
    clone
}

#[test]
fn a_folder_holds_a_mirror_that_plain_git_reads() {
    let (mut ada, _) = ada();
    // Temporary files are often on another file system than the user's.
    let device = |path: &Path| std::fs::metadata(path).expect("it is there").dev();
    let elsewhere = ["/dev/shm", "/tmp"].into_iter().find(|path| device(Path::new(path)) != device(ada.root()));
    ada.set("TMPDIR", elsewhere.expect("one of two is elsewhere"));
    let added = ada.json(&["vault", "mirror", "add", "team", "../mirror"]);
    assert_eq!(added["mirrors"][0]["state"], "empty");
    let pushed = ada.json(&["vault", "mirror", "push", "team"]);
    assert_eq!((&pushed[0]["mirrors"][0]["serial"], &pushed[0]["mirrors"][0]["behind"]), (&1.into(), &0.into()));
    let files = Files::serve(ada.root());
    judge(&ada, &files.url("mirror"), &["kit--v1.0.0"]);
    // Publishing brings it along.
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    judge(&ada, &files.url("mirror"), &["kit--v1.0.0", "kit--v1.1.0"]);
    ada.run(["vault", "yank", "team", "kit@1.0.0", "--reason", "old"]).ok();
    let listed = ada.json(&["vault", "mirror", "list", "team"]);
    assert_eq!((&listed["mirrors"][0]["number"], &listed["mirrors"][0]["is_fresh"]), (&3.into(), &true.into()));
    let shown = ada.json(&["vault", "show", "team"]);
    assert_eq!((&shown["mirrors"][0]["number"], &shown["mirrors"][0]["behind"]), (&3.into(), &0.into()));
    // Nothing new is written when nothing is new.
    let before = Snapshot::of(&ada.root().join("mirror"), Depth::Objects);
    ada.run(["vault", "mirror", "push", "team"]).ok();
    before.assert_same(&Snapshot::of(&ada.root().join("mirror"), Depth::Objects), "nothing is new");
    // Our own reader takes it through git.
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "copy", &files.url("mirror"), "--first-use"]).ok();
    reader.run(["vault", "pull", "copy"]).ok();
    reader.run(["import", "copy:kit@1.1.0", "--offline", "--yes"]).ok();
    ada.run(["vault", "mirror", "remove", "team", "../mirror"]).ok();
    assert_eq!(ada.json(&["vault", "mirror", "list", "team"])["mirrors"], serde_json::json!([]));
    ada.refused("name", &["vault", "mirror", "remove", "team", "../mirror"]);
    ada.refused("usage", &["vault", "mirror", "push", "team"]);
}

#[test]
fn a_bucket_holds_a_mirror_and_only_what_is_new_is_sent() {
    let (mut ada, _) = ada();
    let s3 = S3::start();
    s3.configure(&mut ada);
    ada.run(["vault", "mirror", "add", "team", &format!("s3://{BUCKET}/vault")]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let before = s3.objects();
    export(&ada, "kit", "1.1.0");
    s3.disarm();
    ada.run(["vault", "push", "team", "kit"]).ok();
    // Two packs with their indexes, the pack of the release, and the three small files; nothing else is written.
    let log = s3.log();
    let puts: Vec<_> = log.iter().filter(|line| line.starts_with("PUT") || line.starts_with("POST")).collect();
    assert_eq!(puts.len(), 8, "{log:#?}");
    for (key, bytes) in &before {
        let is_small = key.ends_with("head.json") || key.ends_with("info/refs") || key.ends_with("info/packs");
        assert!(is_small || s3.get(key).as_ref() == Some(bytes), "{key} stays as it is");
    }
    // The head is last but for what plain git reads, and that follows it.
    assert!(puts[7].contains("info/refs") && puts[6].contains("head.json") && puts[5].contains("objects/info/packs"));
    judge(&ada, &s3.public("vault"), &["kit--v1.0.0", "kit--v1.1.0"]);
    vault_git(&ada, &["fsck", "--strict"]);
}

#[test]
fn keys_come_from_the_environment_and_are_never_told() {
    let (mut ada, _) = ada();
    let s3 = S3::start();
    let address = format!("s3://{BUCKET}/vault");
    // Without keys, and without asking the machine for some.
    ada.set("AWS_EC2_METADATA_DISABLED", "true");
    ada.refused("usage", &["vault", "mirror", "add", "team", &address]);
    s3.configure(&mut ada);
    ada.run(["vault", "mirror", "add", "team", &address]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    // In an address they are refused.
    for with_key in [format!("s3://AKIA:{SECRET}@{BUCKET}/x"), format!("s3://{BUCKET}/x?X-Amz-Signature={SECRET}")] {
        let told = ada.refused("name", &["vault", "mirror", "add", "team", &with_key]);
        assert!(!told.stderr.contains(SECRET) && !told.stderr.contains("AKIA"), "{}", told.stderr);
    }
    // Unprotected only where the environment says so.
    ada.set("AWS_ALLOW_HTTP", "false");
    let told = ada.run(["vault", "mirror", "push", "team"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    ada.set("AWS_ALLOW_HTTP", "true");
    // A wrong one.
    let wrong = "wrongwrongwrongwrongwrongwrongwrongwrong";
    ada.set("AWS_SECRET_ACCESS_KEY", wrong);
    let before = s3.objects();
    let told = ada.run(["vault", "mirror", "push", "team"]);
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.stdout.contains("SignatureDoesNotMatch") && !told.stdout.contains(wrong), "{told:?}");
    assert_eq!(s3.objects(), before);
    let told = ada.refused("net", &["vault", "mirror", "add", "team", &format!("s3://{BUCKET}/other")]);
    assert!(!told.stderr.contains(wrong) && told.stderr.contains("AWS_SECRET_ACCESS_KEY"), "{}", told.stderr);
    // What is published is published, whatever becomes of the mirror.
    export(&ada, "kit", "1.1.0");
    let told = ada.run(["vault", "push", "team", "kit"]).ok();
    assert!(told.stderr.contains("vault mirror push team") && !told.stderr.contains(wrong), "{}", told.stderr);
    s3.configure(&mut ada);
    assert_eq!(ada.json(&["vault", "mirror", "list", "team"])["mirrors"][0]["behind"], 1);
    ada.run(["vault", "mirror", "push", "team"]).ok();
    judge(&ada, &s3.public("vault"), &["kit--v1.0.0", "kit--v1.1.0"]);
    // No file of the user's has any of it.
    for secret in [SECRET, wrong] {
        let mut grep = ada.command("grep");
        grep.args(["--recursive", "--files-with-matches", "--fixed-strings", secret]).arg(ada.root());
        assert_eq!(Ran::of(grep).stdout, "");
    }
}

#[test]
fn what_is_lost_here_and_at_the_vault_comes_back_from_a_mirror() {
    let (ada, _) = ada();
    ada.run(["vault", "mirror", "add", "team", "../mirror"]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    std::fs::rename(ada.root().join("vault.git"), ada.root().join("gone")).expect("moved");
    let objects = ada.home().join(".skillmeat/vaults/team.git/objects");
    std::fs::remove_dir_all(&objects).expect("removed");
    for folder in ["pack", "info"] {
        std::fs::create_dir_all(objects.join(folder)).expect("a folder");
    }
    assert_ne!(ada.run(["vault", "check", "team", "--read-data"]).code, Some(0));
    let told = ada.run(["vault", "repair", "team"]).ok();
    assert!(told.stdout.contains("kit--v1.0.0"), "{told:?}");
    ada.run(["vault", "check", "team", "--read-data"]).ok();
    let releases = ada.json(&["vault", "ls", "team"]);
    assert_eq!(releases[0]["fetched"], true, "{releases}");
}

#[test]
fn a_mirror_follows_the_branch_for_people_and_outlives_its_last_writer() {
    let (ada, _) = ada();
    ada.run(["vault", "mirror", "add", "team", "../mirror"]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let main = |ada: &TestEnv| {
        let refs = std::fs::read_to_string(ada.root().join("mirror/info/refs")).expect("refs");
        let line = refs.lines().find(|line| line.ends_with("refs/heads/main")).map(str::to_owned);
        line.expect("the branch for people")[..40].to_owned()
    };
    // Whoever has never fetched the branch for people brings it as it is now.
    let published = vault_git(&ada, &["rev-parse", "main"]);
    assert_eq!(main(&ada), published);
    let store = ada.home().join(".skillmeat/vaults/team.git");
    let _ = std::fs::remove_file(store.join("refs/heads/main"));
    let told = ada.run(["vault", "checkpoint", "team"]).ok();
    assert!(!told.stderr.contains("behind"), "{told:?}");
    assert_eq!(main(&ada), published);
    let listed = ada.json(&["vault", "mirror", "list", "team"]);
    assert_eq!(listed["mirrors"][0]["behind"], 0);
}

#[test]
fn a_number_that_nobody_reaches_is_refused_and_a_note_survives_a_repair() {
    let (ada, _) = ada();
    ada.run(["vault", "mirror", "add", "team", "../mirror"]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let reader = TestEnv::with_collection();
    let mirror = ada.root().join("mirror");
    reader.run(["vault", "add", "copy", mirror.to_str().expect("UTF-8"), "--first-use"]).ok();
    let head = mirror.join("head.json");
    let old = std::fs::read(&head).expect("a head");
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    reader.run(["vault", "pull", "copy"]).ok();
    std::fs::remove_dir_all(reader.home().join(".skillmeat/vaults/copy.git/objects/pack")).expect("removed");
    reader.run(["vault", "repair", "copy"]).ok();
    std::fs::write(&head, old).expect("set back");
    reader.refused("rollback", &["vault", "pull", "copy"]);
}

/// Returns what is signed in the `head.json` of a folder.
fn payload(mirror: &Path) -> String {
    let file = std::fs::read(mirror.join("head.json")).expect("a head");
    let file: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
    file["payload"].as_str().expect("text").to_owned()
}

/// Writes a `head.json` that says what this user has signed, as anyone with a key can.
fn say(signer: &TestEnv, mirror: &Path, payload: &str) {
    let (text, signature) = (signer.root().join("payload"), signer.root().join("payload.sig"));
    std::fs::write(&text, payload).expect("a file");
    let _ = std::fs::remove_file(&signature);
    let mut sign = signer.command("ssh-keygen");
    sign.args(["-Y", "sign", "-n", "skillmeat-head@v1", "-f", &signer.git(["config", "user.signingKey"])]).arg(&text);
    Ran::of(sign).ok();
    let signature = std::fs::read_to_string(signature).expect("a signature");
    let file = serde_json::json!({"payload": payload, "signature": signature});
    std::fs::write(mirror.join("head.json"), file.to_string()).expect("a file");
}

/// Bob may publish, keeps the mirror as well, and lies about it before his key is revoked: nobody has to make the mirror anew.
#[test]
fn what_a_revoked_writer_said_is_written_over_and_not_built_on() {
    let (ada, id) = ada();
    let mirror = ada.root().join("mirror");
    let at = mirror.to_str().expect("UTF-8");
    ada.run(["vault", "mirror", "add", "team", at]).ok();
    let bob = user("bob");
    bob.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    export(&bob, "pdf-kit", "1.0.0");
    let grant = ["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "pdf-*", "--key"];
    ada.run([&grant[..], &[&public(&bob)]].concat()).ok();
    bob.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    bob.run(["vault", "mirror", "add", "team", at]).ok();
    bob.run(["vault", "push", "team", "pdf-kit"]).ok();
    let good: serde_json::Value = serde_json::from_str(&payload(&mirror)).expect("JSON");
    assert_eq!((&good["serial"], &good["number"]), (&2.into(), &3.into()));
    // Ada has seen more of it than Bob then says there was, and his packs are not what he says.
    ada.run(["vault", "checkpoint", "team"]).ok();
    ada.run(["vault", "checkpoint", "team"]).ok();
    bob.run(["vault", "pull", "team"]).ok();
    let text = payload(&mirror).replace("\"serial\": 4", "\"serial\": 2");
    let packs: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let lie = |sum: &serde_json::Value| format!("sha256:{:0>64}", &sum.as_str().expect("a sum")[68..]);
    let packs = packs["packs"].as_array().expect("a list");
    let lies = packs
        .iter()
        .fold(text.clone(), |text, pack| text.replace(pack["sha256"].as_str().expect("a sum"), &lie(&pack["sha256"])));
    assert!(text.contains("\"serial\": 2") && lies != text && packs.len() > 4, "{text}");
    say(&bob, &mirror, &lies);
    let reader = TestEnv::with_collection();
    reader.refused("hash", &["vault", "add", "copy", at, "--ledger", &id]);
    let told =
        ada.run(["trust", "revoke", &public(&bob), "--vault", "team", "--since", "3", "--reason", "stolen"]).ok();
    assert!(!told.stderr.contains("behind"), "{told:?}");
    let listed = ada.json(&["vault", "mirror", "list", "team"])["mirrors"][0].take();
    assert_eq!((&listed["state"], &listed["number"], &listed["behind"]), (&"holds".into(), &6.into(), &0.into()));
    // All is sent anew, in as few packs as for an empty place, and it is newer than all that was ever seen there.
    assert_eq!((&listed["serial"], &listed["packs"]), (&5.into(), &2.into()));
    let files = Files::serve(ada.root());
    judge(&ada, &files.url("mirror"), &["kit--v1.0.0", "pdf-kit--v1.0.0"]);
    reader.run(["vault", "add", "copy", at, "--ledger", &id]).ok();
    reader.run(["vault", "pull", "copy"]).ok();
    reader.run(["import", "copy:kit", "--offline", "--yes"]).ok();
    reader.run(["import", "copy:pdf-kit", "--offline", "--yes"]).refused("untrusted");
    // And it goes on from there.
    ada.run(["vault", "checkpoint", "team"]).ok();
    assert_eq!(ada.json(&["vault", "mirror", "list", "team"])["mirrors"][0]["serial"], 6);
    // Bob says it again, of what is there now.
    say(&bob, &mirror, &payload(&mirror));
    reader.refused("untrusted", &["vault", "pull", "copy"]);
    ada.run(["vault", "mirror", "push", "team"]).ok();
    reader.run(["vault", "pull", "copy"]).ok();
}

#[test]
fn what_a_mirror_has_lost_is_sent_again() {
    let (mut ada, _) = ada();
    export(&ada, "kit", "1.1.0");
    ada.run(["vault", "push", "team", "kit"]).ok();
    ada.run(["vault", "mirror", "add", "team", "../mirror"]).ok();
    let s3 = S3::start();
    s3.configure(&mut ada);
    ada.run(["vault", "mirror", "add", "team", &format!("s3://{BUCKET}/vault")]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let mirror = ada.root().join("mirror");
    let files = Files::serve(ada.root());
    let releases = ["kit--v1.0.0", "kit--v1.1.0"];
    let judge_both = || {
        judge(&ada, &files.url("mirror"), &releases);
        judge(&ada, &s3.public("vault"), &releases);
    };
    judge_both();
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "copy", mirror.to_str().expect("UTF-8"), "--first-use"]).ok();
    for lost in ["bundles/", ".idx", ".pack", "objects/", ""] {
        let gone = |key: &str| key.contains(lost) && !key.ends_with("lock");
        let keys: Vec<_> = s3.objects().into_keys().filter(|key| gone(key)).collect();
        assert!(!keys.is_empty(), "{lost}");
        for key in keys {
            s3.remove(&key);
            let (_, below) = key.split_once("vault/").expect("below the vault");
            let file = mirror.join(below);
            if file.exists() {
                std::fs::remove_file(file).expect("removed");
            }
        }
        let told = ada.run(["vault", "mirror", "push", "team"]).ok();
        assert!(told.stderr.contains("again") || told.stderr.contains("anew"), "{lost}: {told:?}");
        judge_both();
        // Its number goes on, also from nothing.
        reader.run(["vault", "pull", "copy"]).ok();
        let told = ada.run(["vault", "mirror", "push", "team"]).ok();
        assert!(!told.stderr.contains("again") && !told.stderr.contains("anew"), "{lost}: {told:?}");
    }
    reader.run(["import", "copy:kit@1.1.0", "--yes"]).ok();
}

#[test]
fn a_mirror_waits_for_no_pipe() {
    let (ada, _) = ada();
    ada.run(["vault", "mirror", "add", "team", "../mirror"]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let mirror = ada.root().join("mirror");
    let reader = TestEnv::with_collection();
    let path = mirror.to_str().expect("UTF-8").to_owned();
    let pack = std::fs::read_dir(mirror.join("objects/pack")).expect("packs").next().expect("one").expect("one").path();
    for name in [mirror.join("head.json"), mirror.join("info/refs"), mirror.join("objects/info/packs"), pack] {
        let content = std::fs::read(&name).expect("a file");
        std::fs::remove_file(&name).expect("removed");
        let mut mkfifo = ada.command("mkfifo");
        mkfifo.arg(&name);
        Ran::of(mkfifo).ok();
        // Each ends by itself; whether it needs that file is another matter.
        let ends = |env: &TestEnv, args: &[&str]| {
            let mut timed = env.command("timeout");
            timed.arg("30").arg(crate::env::program()).args(args);
            let told = Ran::of(timed);
            assert!(told.code.is_some_and(|code| code != 124), "{}: {told:?}", name.display());
        };
        ends(&reader, &["vault", "add", &format!("copy{}", content.len()), &path, "--first-use"]);
        ends(&ada, &["vault", "mirror", "push", "team"]);
        let _ = std::fs::remove_file(&name);
        std::fs::write(&name, content).expect("written");
    }
    ada.run(["vault", "mirror", "push", "team"]).ok();
}

#[test]
fn a_store_that_heeds_no_conditions_is_no_mirror() {
    let (mut ada, _) = ada();
    let s3 = S3::start();
    s3.configure(&mut ada);
    s3.ignore_conditions();
    ada.refused("policy", &["vault", "mirror", "add", "team", &format!("s3://{BUCKET}/vault")]);
    assert!(s3.objects().is_empty());
}
