//! `recommend`: a signed reference that somebody else can look at, import or ignore, and that makes nobody do anything.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::env::{Asked, KEY, Ran, STRANGER, TestEnv};

/// A user whose key may sign everything, with the release `kit` 1.0.0 in the vault `team` at `../vault.git`.
fn author() -> TestEnv {
    let env = TestEnv::with_key();
    trust_all(&env);
    env.add_skill("one", "text");
    env.run([
        "export",
        "kit",
        "--version",
        "1.0.0",
        "--all",
        "--description",
        "Reviews\nand more",
        "--output",
        "../kit.skillmeat-pack",
    ])
    .ok();
    env.run(["vault", "init", "../vault.git"]).ok();
    env.run(["vault", "add", "team", "../vault.git"]).ok();
    env.run(["vault", "push", "team", "kit"]).ok();
    env
}

fn trust_all(env: &TestEnv) {
    env.allow_text(&format!("team@example.invalid namespaces=\"git,skillmeat-*\" {}\n", KEY.public));
}

/// Another user, who trusts the author and knows no vault.
fn reader() -> TestEnv {
    let env = TestEnv::with_collection();
    trust_all(&env);
    env
}

fn vault(author: &TestEnv) -> String {
    author.root().join("vault.git").to_str().expect("UTF-8").to_owned()
}

/// A server for the author's vault, and its address.
fn served(author: &TestEnv) -> (Asked, String) {
    let server = Asked::git(author.root(), |_| None);
    let url = server.url("vault.git");
    (server, url)
}

/// Returns the word of a recommendation of `kit` from `url`.
fn word(author: &TestEnv, url: &str) -> String {
    let ran = author.run(["recommend", "team:kit", "--from", url, "--note", "The one we use"]).ok();
    let word = ran.stdout.trim_end().to_owned();
    assert!(word.starts_with("skillmeat-ref:1/") && word.lines().count() == 1, "{word}");
    word
}

/// Looks at a recommendation, with its data and exit status.
fn open(env: &TestEnv, text: &str) -> (serde_json::Value, Option<i32>) {
    let ran = env.run(["--format", "json", "recommend", "open", text]);
    let value = ran.value();
    let schema = env.run(["schema", "recommend-open"]).ok();
    let schema = serde_json::from_str(&schema.stdout).expect("a schema");
    let found: Vec<_> = jsonschema::validator_for(&schema)
        .expect("a schema")
        .iter_errors(&value)
        .map(|error| error.to_string())
        .collect();
    assert!(found.is_empty(), "{found:?}: {value:#}");
    (value["data"].clone(), ran.code)
}

#[test]
fn a_recommendation_is_looked_at_and_imported() {
    let author = author();
    let (_server, url) = served(&author);
    let word = word(&author, &url);
    let reader = reader();
    reader.config("skillmeat.allowSource", &url);
    let before = reader.snapshot(crate::env::Depth::Objects);
    let (opened, status) = open(&reader, &word);
    assert_eq!(status, Some(0), "{opened:#}");
    assert_eq!(opened["signature"]["principal"], "team@example.invalid");
    assert_eq!(opened["standing"]["standing"], "verified");
    assert_eq!(opened["standing"]["release"]["tag"], author.git(["rev-parse", "kit--v1.0.0"]));
    assert_eq!(opened["standing"]["plan"]["artifacts"][0]["step"], "add");
    assert_eq!(opened["recommended"]["about"], "Reviews");
    let told = reader.run(["recommend", "open", &word]).ok();
    for part in
        ["kit--v1.0.0", "The one we use", "team@example.invalid", &url, "Would add skill/one", "vault add vault"]
    {
        assert!(told.stdout.contains(part), "{part}: {}", told.stdout);
    }
    before.assert_same(&reader.snapshot(crate::env::Depth::Objects), "looking changes nothing");
    reader.refused("consent", &["import", &word]);
    reader.refused("hash", &["import", &word, "--accept", &format!("sha256:{}", "0".repeat(64))]);
    reader.unchanged(&["import", &word, "--dry-run"]);
    let ran = reader.run(["import", &word, "--yes"]).ok();
    assert!(ran.stderr.contains(&format!("`git skillmeat vault add vault {url}`")), "{ran:?}");
    reader.assert_sound();
    assert_eq!(reader.git(["rev-parse", "kit--v1.0.0"]), author.git(["rev-parse", "kit--v1.0.0"]));
    assert!(!reader.home().join(".skillmeat/vaults").exists(), "a vault that was not added leaves nothing");
    // As a file, and with the vault known.
    let file = reader.root().join("kit.skillmeat-ref");
    fs::write(&file, format!("{word}\n")).expect("a file");
    let file = file.to_str().expect("UTF-8");
    reader.run(["vault", "add", "theirs", &url]).ok();
    let head = reader.head();
    reader.run(["import", file, "--yes"]).ok();
    assert_eq!(reader.head(), head, "importing twice changes nothing");
    assert_eq!(open(&reader, file).1, Some(0));
}

#[test]
fn a_vault_that_is_known_is_where_it_comes_from() {
    let author = author();
    let made = author.json(&["recommend", "team:kit"]);
    assert_eq!(made["recommended"]["from"], vault(&author));
    assert_eq!(made["is_gated"], true);
    let word = made["text"].as_str().expect("a text");
    let reader = reader();
    // What is on this machine is not read because somebody names it.
    let told = reader.refused("name", &["import", word, "--yes"]);
    assert!(told.stderr.contains("skillmeat.allowSource"), "{}", told.stderr);
    let (opened, status) = open(&reader, word);
    assert_eq!((opened["standing"]["class"].as_str(), status), (Some("name"), Some(2)), "{opened:#}");
    reader.run(["vault", "add", "theirs", &vault(&author)]).ok();
    reader.run(["import", word, "--yes"]).ok();
    assert_eq!(reader.json(&["show", "skill/one"])["vault"], "theirs");
    let (opened, status) = open(&reader, word);
    assert_eq!((opened["standing"]["standing"].as_str(), status), (Some("verified"), Some(0)));
    assert_eq!(reader.run(["--offline", "recommend", "open", word]).ok().stderr, "");
}

#[test]
fn every_verdict_is_told_apart_and_none_but_good_is_followed() {
    let author = author();
    let (server, url) = served(&author);
    let word = word(&author, &url);
    let reader = reader();
    reader.config("skillmeat.allowSource", &url);
    let asked = server.times();
    let line = |options: &str| format!("team@example.invalid {options} {}\n", KEY.public);
    for (signers, verdict) in [
        (String::new(), "unknown-key"),
        (line("namespaces=\"git,skillmeat-*\",valid-before=\"20200101Z\""), "expired"),
        (line("namespaces=\"git,skillmeat-*\",valid-after=\"20990101Z\""), "not-yet-valid"),
        (line("namespaces=\"git\""), "wrong-namespace"),
    ] {
        reader.allow_text(&signers);
        let (opened, status) = open(&reader, &word);
        assert_eq!((opened["signature"]["verdict"].as_str(), status), (Some(verdict), Some(3)), "{opened:#}");
        assert_eq!(opened["standing"]["standing"], "not-asked");
        assert!(opened["signature"]["fingerprint"].as_str().is_some_and(|text| text.starts_with("SHA256:")));
        let told = reader.run(["recommend", "open", &word]);
        assert!(told.stdout.contains("not verified") && told.stdout.contains("next: "), "{told:?}");
        assert!(!told.stdout.contains("signed at"), "the moment is that of reading: {told:?}");
        reader.refused("untrusted", &["import", &word, "--yes"]);
    }
    trust_all(&reader);
    let revoked = reader.home().join("revoked");
    fs::write(&revoked, format!("{}\n", KEY.public)).expect("a file");
    reader.config("gpg.ssh.revocationFile", revoked.to_str().expect("UTF-8"));
    assert_eq!(open(&reader, &word).0["signature"]["verdict"], "revoked");
    reader.refused("untrusted", &["import", &word, "--yes"]);
    // Without the list nobody is believed.
    fs::remove_file(&revoked).expect("a file");
    reader.refused("untrusted", &["recommend", "open", &word]);
    assert_eq!(server.times(), asked, "no address was asked");
}

#[test]
fn a_changed_recommendation_is_refused() {
    let author = author();
    let word = word(&author, "https://git.example/vault.git");
    let data = word.rfind('/').expect("a slash") + 1;
    let reader = reader();
    for at in (data..word.len()).step_by(11).chain([data, word.len() - 1]) {
        let other = if &word[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &word[..at], &word[at + 1..]);
        let ran = reader.run(["--format", "json", "recommend", "open", &changed]);
        let value = ran.value();
        let class = value["error"]["class"].as_str();
        // The name of a key type that nobody knows cannot be judged, and is not followed either.
        let cannot_check = value["data"]["signature"]["verdict"] == "cannot-check" && ran.code == Some(1);
        assert!(matches!(class, Some("signature" | "parse")) && ran.code == Some(3) || cannot_check, "{at}: {ran:?}");
    }
    let cut = &word[..word.len() - 30];
    assert!(reader.refused("parse", &["recommend", "open", cut]).stderr.contains("cut off"));
    let damaged = word.replacen(&word[data + 5..data + 6], "\u{2014}", 400);
    assert!(reader.refused("parse", &["recommend", "open", &damaged[..]]).stderr.contains("\\u{2014}"));
    assert!(reader.refused("parse", &["import", &word.replace(":1/", ":2/"), "--yes"]).stderr.contains("newer"));
    reader.refused("name", &["recommend", "open", "nothing"]);
    reader.refused("name", &["import", "nothing.skillmeat-ref"]);
}

// Row 36: a signature for something else is none.
#[test]
fn a_signature_for_another_purpose_is_refused() {
    let author = author();
    let word = word(&author, "https://git.example/vault.git");
    let bytes = skillmeat::model::read_carrier(&word).expect("a word");
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").expect("an end") + 1;
    let folder = author.root();
    fs::write(folder.join("text"), &bytes[..end]).expect("a file");
    let mut command = author.command("ssh-keygen");
    command
        .args(["-q", "-Y", "sign", "-n", "git", "-f"])
        .arg(author.home().join("signing_key"))
        .arg(folder.join("text"));
    let _ = Ran::of(command).ok();
    let armour = fs::read(folder.join("text.sig")).expect("a signature");
    let signature = skillmeat::signature::unarmour(&armour).expect("an armour");
    let other = skillmeat::model::write_carrier(&[&bytes[..=end], &signature].concat());
    assert!(reader().refused("signature", &["import", &other, "--yes"]).stderr.contains("namespace"));
}

#[test]
fn ssh_keygen_verifies_what_is_signed() {
    let author = author();
    let file = author.root().join("kit.skillmeat-ref");
    author.run(["recommend", "team:kit", "--note", "Größe", "-o", file.to_str().expect("UTF-8")]).ok();
    // The recipe of schema/recommendation.md, section 5.
    let script = r#"
import base64, re, sys
size, data = re.search(r"skillmeat-ref:1/(\d+)/([A-Z2-7]+)", open(sys.argv[1]).read()).groups()
raw = base64.b32decode(data + "=" * (-len(data) % 8))
assert len(raw) == int(size)
end = raw.index(b"\n\n") + 1
open("text", "wb").write(raw[:end])
blob = base64.encodebytes(raw[end + 1:]).decode()
open("text.sig", "w").write(f"-----BEGIN SSH SIGNATURE-----\n{blob}-----END SSH SIGNATURE-----\n")
"#;
    let mut python = author.command("python3");
    python.current_dir(author.root()).args(["-c", script]).arg(&file);
    let _ = Ran::of(python).ok();
    let text = fs::File::open(author.root().join("text")).expect("the text");
    let mut keygen = author.command("ssh-keygen");
    keygen.args(["-Y", "verify", "-n", "skillmeat-ref@v1", "-I", "team@example.invalid", "-f"]);
    keygen.arg(author.home().join("allowed_signers")).arg("-s").arg(author.root().join("text.sig")).stdin(text);
    let ran = Ran::of(keygen).ok();
    assert!(ran.stdout.contains("Good \"skillmeat-ref@v1\" signature for team@example.invalid"), "{ran:?}");
    let text = fs::read_to_string(author.root().join("text")).expect("text");
    let tag = author.git(["rev-parse", "kit--v1.0.0"]);
    assert!(text.starts_with("skillmeat-ref 1\nrelease kit--v1.0.0\ntree sha256:") && text.contains(&tag), "{text}");
    assert!(text.ends_with("about Reviews\nnote Größe\n"), "{text}");
}

#[test]
fn what_is_offered_in_place_of_it_is_refused() {
    let author = author();
    let (_server, url) = served(&author);
    let word = word(&author, &url);
    let reader = reader();
    reader.config("skillmeat.allowSource", &url);
    author.run(["export", "kit", "--version", "1.1.0", "--all", "--output", "../new.skillmeat-pack"]).ok();
    author.run(["vault", "push", "team", "kit@1.1.0"]).ok();
    let in_vault = |args: &[&str]| {
        let mut command = author.command("git");
        command.arg("-C").arg(vault(&author)).args(args);
        let _ = Ran::of(command).ok();
    };
    in_vault(&["update-ref", "refs/tags/kit--v1.0.0", "refs/tags/kit--v1.1.0"]);
    assert!(reader.refused("hash", &["import", &word, "--yes"]).stderr.contains("is recommended"));
    in_vault(&["update-ref", "-d", "refs/tags/kit--v1.0.0"]);
    reader.refused("name", &["import", &word, "--yes"]);
    let (opened, status) = open(&reader, &word);
    assert_eq!((opened["standing"]["class"].as_str(), status), (Some("name"), Some(2)), "{opened:#}");
    fs::rename(author.root().join("vault.git"), author.root().join("gone.git")).expect("moves");
    reader.refused("net", &["import", &word, "--yes"]);
    reader.refused("net", &["--offline", "import", &word, "--yes"]);
    assert_eq!(open(&reader, &word).1, Some(1));
}

// A recommendation is one signature, the release another: believing the first is not believing the second.
#[test]
fn the_release_is_still_verified_by_its_own_signature() {
    let author = author();
    let (_server, url) = served(&author);
    let word = word(&author, &url);
    // Somebody else recommends what the author has signed.
    let other = TestEnv::with_collection();
    other.use_key(&STRANGER);
    trust_all(&other);
    let pack = author.root().join("kit.skillmeat-pack");
    let made = other.json(&["recommend", pack.to_str().expect("UTF-8"), "--from", &url]);
    let theirs = made["text"].as_str().expect("a text");
    let reader = TestEnv::with_collection();
    reader.config("skillmeat.allowSource", &url);
    reader.allow_text(&format!("other@example.invalid namespaces=\"git,skillmeat-*\" {}\n", STRANGER.public));
    let (opened, status) = open(&reader, theirs);
    assert_eq!((opened["signature"]["verdict"].as_str(), status), (Some("good"), Some(3)), "{opened:#}");
    assert_eq!(opened["standing"]["class"], "untrusted");
    reader.refused("untrusted", &["import", theirs, "--yes"]);
    reader.refused("untrusted", &["import", &word, "--yes"]);
    let both = format!(
        "other@example.invalid namespaces=\"skillmeat-*\" {}\nteam@example.invalid {}\n",
        STRANGER.public, KEY.public
    );
    reader.allow_text(&both);
    let (opened, status) = open(&reader, theirs);
    assert_eq!(
        (opened["signature"]["principal"].as_str(), status),
        (Some("other@example.invalid"), Some(0)),
        "{opened:#}"
    );
    assert_eq!(opened["standing"]["release"]["principal"], "team@example.invalid");
}

/// Serves bytes as one file.
fn file_server(bytes: Vec<u8>) -> Asked {
    Asked::by(move |stream, request| {
        let head = String::from_utf8_lossy(request).into_owned();
        if head.starts_with("GET /moved") {
            let _ = stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            return;
        }
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", bytes.len());
        let _ = stream.write_all(answer.as_bytes());
        let _ = stream.write_all(&bytes);
    })
}

#[test]
fn a_pack_is_fetched_from_its_address() {
    let author = author();
    let pack = author.root().join("kit.skillmeat-pack");
    let text = |path: &PathBuf| path.to_str().expect("UTF-8").to_owned();
    let server = file_server(fs::read(&pack).expect("a pack"));
    let url = server.url("kit-1.0.0.skillmeat-pack");
    let made = author.json(&["recommend", &text(&pack), "--from", &url]);
    let word = made["text"].as_str().expect("a text");
    assert!(made["recommended"]["pack"].as_str().is_some_and(|text| text.starts_with("sha256:")), "{made:#}");
    let mut reader = reader();
    let scratch = reader.root().join("scratch");
    fs::create_dir(&scratch).expect("a folder");
    reader.set("TMPDIR", &text(&scratch));
    let allow = |url: &str| reader.git(["config", "--global", "--add", "skillmeat.allowSource", url]);
    assert!(reader.refused("net", &["import", word, "--yes"]).stderr.contains("unprotected"));
    assert_eq!(server.times(), 0);
    allow(&url);
    assert_eq!(open(&reader, word).0["standing"]["standing"], "verified");
    // Another release that is signed just as well, from the same address.
    author.write("skills/one/more.md", "more\n");
    author.git(["add", "."]);
    author.git(["commit", "--quiet", "-m", "More"]);
    let newer = author.root().join("new.skillmeat-pack");
    author.run(["export", "kit", "--version", "1.1.0", "--all", "--output", &text(&newer)]).ok();
    let made_of = |bytes: Vec<u8>, path: &str| {
        let other = file_server(bytes);
        let url = other.url(path);
        allow(&url);
        let made = author.json(&["recommend", &text(&pack), "--from", &url]);
        (other, made["text"].as_str().expect("a text").to_owned())
    };
    let (_first, other) = made_of(fs::read(&newer).expect("a pack"), "kit.skillmeat-pack");
    reader.refused("hash", &["import", &other, "--yes"]);
    let (_second, broken) = made_of(b"no pack".to_vec(), "kit.skillmeat-pack");
    reader.refused("pack", &["import", &broken, "--yes"]);
    let (_third, moved) = made_of(Vec::new(), "moved/kit.skillmeat-pack");
    reader.refused("net", &["import", &moved, "--yes"]);
    reader.run(["import", word, "--yes"]).ok();
    reader.assert_sound();
    assert_eq!(fs::read_dir(&scratch).expect("a folder").count(), 0, "no pack stays");
}

#[test]
fn a_file_that_does_not_end_is_given_up_at_the_limit() {
    use skillmeat::git::{Download, GitError, download};
    let server = Asked::by(|stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[0; 4096]).is_ok() {}
    });
    let url = server.url("x.skillmeat-pack");
    let folder = tempfile::tempdir().expect("a folder");
    let path = std::env::var_os("PATH").expect("PATH");
    let wanted = Download { url: &url, limit: 100_000, silence: Duration::from_secs(20) };
    let found = download(wanted, folder.path(), &path, &[]);
    assert!(matches!(found, Err(GitError::TooMuch { limit: 100_000, .. })), "{found:?}");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left");
    let none = download(wanted, folder.path(), std::ffi::OsStr::new("/nothing"), &[]);
    assert!(matches!(none, Err(GitError::NoProgram("curl"))), "{none:?}");
}

#[test]
fn what_a_mail_makes_of_it_is_read() {
    let author = author();
    let (_server, url) = served(&author);
    let word = word(&author, &url);
    let reader = reader();
    reader.config("skillmeat.allowSource", &url);
    let lines: Vec<_> = word.as_bytes().chunks(60).map(|part| std::str::from_utf8(part).expect("ASCII")).collect();
    let mail = format!("Someone wrote:\r\n> > Look:\r\n> >\r\n> > {}\r\n> >\r\n> > Bye\r\n", lines.join("\r\n> > "));
    let mut command = reader.program(["recommend", "open", "-"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    child.stdin.take().expect("a pipe").write_all(mail.as_bytes()).expect("it reads");
    let ran = Ran::from(child.wait_with_output().expect("ends")).ok();
    assert!(ran.stdout.contains("Would add skill/one"), "{ran:?}");
}

#[test]
fn what_cannot_be_recommended_is_said_and_nothing_is_written() {
    let author = author();
    for (class, args) in [
        ("usage", &["recommend"][..]),
        ("name", &["recommend", "nothing"]),
        ("name", &["recommend", "nowhere:kit"]),
        ("name", &["recommend", "team:nothing"]),
        ("name", &["recommend", "kit@9.9.9"]),
        ("name", &["recommend", "kit", "--note", "two\nlines"]),
        ("name", &["recommend", "kit", "--note", "\u{1b}[2J"]),
        ("name", &["recommend", "kit", "--from", "ext::sh -c id"]),
        ("name", &["recommend", "kit", "--from", "https://user:s3cretword@git.example/vault.git"]),
        ("name", &["recommend", "kit", "--from", "https://git.example/kit.skillmeat-pack?token=s3cretword"]),
        ("name", &["recommend", "kit", "--from", "../vault.git"]),
    ] {
        let args = [args, &["-o", "../out.skillmeat-ref"]].concat();
        let told = author.refused(class, &args);
        assert!(!told.stderr.contains("s3cretword"), "{}", told.stderr);
    }
    let made = author.unchanged(&["recommend", "kit"]);
    assert!(made.stderr.contains("not where"), "{made:?}");
    let word = made.stdout.trim_end();
    assert_eq!(open(&author, word).0["standing"]["standing"], "not-asked");
    assert!(author.refused("name", &["import", word, "--yes"]).stderr.contains("does not say where"));
    author.allow_text("");
    author.refused("untrusted", &["recommend", "kit"]);
    trust_all(&author);
    author.git(["config", "--global", "--unset", "user.signingKey"]);
    author.refused("usage", &["recommend", "kit"]);
}

/// Reads a picture of modules, `true` for dark, as a camera would.
fn read_code(size: usize, is_dark: impl Fn(usize, usize) -> bool) -> String {
    const SCALE: usize = 4;
    let pixel = |x: usize, y: usize| if is_dark(x / SCALE, y / SCALE) { 0 } else { 255 };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(size * SCALE, size * SCALE, pixel);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "there is one code");
    grids[0].decode().expect("a code").1
}

/// Returns the lines of a code on a terminal as modules, `true` for dark.
fn modules(text: &str) -> Vec<Vec<bool>> {
    let of = |c: char| match c {
        '█' => (false, false),
        '▀' => (false, true),
        '▄' => (true, false),
        ' ' => (true, true),
        other => panic!("'{other}' is no half block"),
    };
    let rows = text.lines().map(|line| line.chars().map(of).collect::<Vec<_>>());
    rows.flat_map(|row| [row.iter().map(|pair| pair.0).collect(), row.iter().map(|pair| pair.1).collect()]).collect()
}

/// Returns a code of the author's release on a terminal, and its text.
fn shown_code(author: &TestEnv) -> (String, String) {
    let ran = author
        .run([
            "recommend",
            "team:kit",
            "--from",
            "https://git.example/team/vault.git",
            "--note",
            "The one we use",
            "--qr",
        ])
        .ok();
    let (word, code) = ran.stdout.split_once('\n').expect("a line");
    (word.to_owned(), code.to_owned())
}

#[test]
fn a_code_holds_the_text_and_another_program_reads_it() {
    let author = author();
    let (word, code) = shown_code(&author);
    assert!(word.len() < 1_000, "{} characters", word.len());
    let rows = modules(&code);
    let size = rows[0].len();
    assert!(size <= 93, "{size} modules with the quiet zone");
    let text = read_code(size, |x, y| rows[y][x]);
    assert_eq!(text, word.to_uppercase());
    // What a camera gives is what `open` reads.
    let reader = reader();
    let ran = reader.run(["--offline", "--format", "json", "recommend", "open", &text]);
    assert_eq!(ran.value()["data"]["signature"]["verdict"], "good", "{ran:?}");
    let drawing = author.root().join("kit.svg");
    author.run(["recommend", "team:kit", "-o", drawing.to_str().expect("UTF-8"), "--qr"]).ok();
    let svg = fs::read_to_string(&drawing).expect("a drawing");
    let width: usize = svg
        .split("width=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a width")
        .parse()
        .expect("a number");
    let mut dark = vec![false; width * width];
    let path = svg.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a path");
    for part in path.split('M').skip(1) {
        let numbers: Vec<usize> =
            part.split(|c: char| !c.is_ascii_digit()).filter_map(|text| text.parse().ok()).collect();
        let [left, top, wide, high, ..] = numbers[..] else { panic!("{part}") };
        for y in top..top + high {
            dark[y * width + left..y * width + left + wide].fill(true);
        }
    }
    let read = read_code(width, |x, y| dark[y * width + x]);
    assert!(read.starts_with("SKILLMEAT-REF:1/"), "{read}");
}

#[test]
#[ignore = "needs zbarimg"]
fn zbar_reads_the_code() {
    let author = author();
    let (word, code) = shown_code(&author);
    let rows = modules(&code);
    const SCALE: usize = 4;
    let size = rows[0].len();
    let mut image = format!("P5\n{0} {0}\n255\n", size * SCALE).into_bytes();
    for y in 0..size * SCALE {
        image.extend((0..size * SCALE).map(|x| if rows[y / SCALE][x / SCALE] { 0 } else { 255 }));
    }
    let path = author.root().join("code.pgm");
    fs::write(&path, image).expect("a file");
    let mut command = author.command("zbarimg");
    command.args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"]).arg(&path);
    assert_eq!(Ran::of(command).ok().stdout.trim_end(), word.to_uppercase());
}

#[test]
fn the_example_of_the_schema_is_one() {
    use skillmeat::{model, signature};
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/recommendation.md");
    let document = fs::read_to_string(path).expect("the schema");
    let example = document.split("## 6. Example").nth(1).expect("the example");
    let bytes = model::read_carrier(example).expect("one word");
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").expect("an end") + 1;
    let text = std::str::from_utf8(&bytes[..end]).expect("text");
    assert!(example.contains(&format!("```text\n{text}```\n")), "{text}");
    assert_eq!(model::Recommendation::parse(text).expect("a recommendation").render(), text);
    let key = example.lines().map(str::trim).find(|line| line.starts_with("ssh-ed25519 ")).expect("a key");
    let armour = signature::armour(&bytes[end + 1..]);
    let parsed = signature::SshSignature::parse(armour.as_bytes()).expect("a signature");
    assert_eq!(parsed.verify(model::RECOMMENDATION_NAMESPACE, text.as_bytes()), Ok(()));
    assert_eq!(parsed.public_key().to_line(), key);
}
