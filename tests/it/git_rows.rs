//! Rows of the list of attacks (`schema/threats.md`) on what comes from git: malformed objects, endless answers, hooks.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use crate::env::{Asked, Depth, Git, Mode, TestEnv, skill};

/// Returns the bytes of one entry of a tree, well formed or not.
fn entry(mode: &str, name: &[u8], id: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).expect("an id");
    let id: Vec<u8> = (0..id.len()).step_by(2).map(pair).collect();
    [mode.as_bytes(), b" ", name, b"\0", &id].concat()
}

/// Makes the only commit of `source` one whose skill has a folder `bad` with these bytes as its tree.
fn with_bad_tree(source: &Git, bytes: &[u8]) {
    let bad = source.git(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], bytes);
    let file = source.blob(skill("one", "text").as_bytes());
    let raw = |mode: Mode, name: &[u8], id: &str| source.raw_tree(&[(mode, name, id)]);
    let one = source.raw_tree(&[(Mode::File, b"SKILL.md", &file), (Mode::Folder, b"bad", bad.trim())]);
    let tree = raw(Mode::Folder, b"skills", &raw(Mode::Folder, b"one", &one));
    source.commit("main", &tree);
}

/// Trees that git would not make. Fetched, git refuses them; read from a folder of this machine, we do. And what an earlier
/// git has left in our store of the source is looked at like anything else (row 82).
#[test]
fn row_70_and_82_malformed_trees_are_refused_however_they_come() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.bare("bad");
    let blob = source.blob(b"text\n");
    let null = "0".repeat(40);
    let file = |name: &[u8]| entry("100644", name, &blob);
    let trees: [(&str, Vec<u8>); 9] = [
        ("twice", [file(b"a"), file(b"a")].concat()),
        ("unsorted", [file(b"b"), file(b"a")].concat()),
        ("zero-padded", entry("0100644", b"a", &blob)),
        ("null id", entry("100644", b"a", &null)),
        ("no name", file(b"")),
        ("a slash", file(b"a/b")),
        ("repository", file(b".GIT")),
        ("above", file(b"..")),
        ("cut off", file(b"a")[..12].to_vec()),
    ];
    for (what, bytes) in trees {
        with_bad_tree(&source, &bytes);
        let local = env.run(["add", source.text(), "--all", "--yes"]);
        let head = env.head();
        assert!(local.code.is_some_and(|code| code != 0), "{what}: {local:?}");
        local.assert_message();
        let fetched = env.run(["add", &source.ssh_url(""), "--all", "--yes"]);
        assert!(fetched.code.is_some_and(|code| code != 0), "{what}: {fetched:?}");
        fetched.assert_message();
        // The objects are in the store in spite of it, and will not be fetched again.
        for store in fs::read_dir(env.home().join(".skillmeat/sources")).expect("stores").flatten() {
            if store.path().extension().is_some_and(|end| end == "git") {
                let mut command = env.command("git");
                command.arg("-C").arg(store.path()).args([
                    "-c",
                    "fetch.fsckObjects=false",
                    "-c",
                    "transfer.fsckObjects=false",
                ]);
                command.args(["fetch", "--quiet", "--no-filter", source.text(), "+main:refs/heads/left"]);
                let _ = crate::env::Ran::of(command);
            }
        }
        let again = env.run(["add", &source.ssh_url(""), "--all", "--yes"]);
        assert!(again.code.is_some_and(|code| code != 0), "{what}, in the store: {again:?}");
        again.assert_message();
        assert_eq!(env.head(), head, "{what}");
        assert!(!env.path("skills").exists(), "{what}");
    }
    env.assert_sound();
}

/// Hooks of the user's own templates and settings are for their git, not for what we do.
#[test]
fn row_73_no_hook_runs() {
    let env = TestEnv::with_key();
    env.allow_ssh();
    let marker = env.root().join("ran");
    let hooks = env.home().join("template/hooks");
    fs::create_dir_all(&hooks).expect("a folder");
    let names = [
        "post-checkout",
        "post-commit",
        "pre-commit",
        "commit-msg",
        "prepare-commit-msg",
        "reference-transaction",
        "post-index-change",
        "pre-push",
        "post-merge",
        "pre-auto-gc",
        "post-rewrite",
        "fsmonitor-watchman",
    ];
    for name in names {
        let hook = hooks.join(name);
        fs::write(&hook, format!("#!/bin/sh\necho {name} >> {}\n", marker.display())).expect("a hook");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    env.config("init.templateDir", hooks.parent().expect("a folder").to_str().expect("UTF-8"));
    env.config("core.hooksPath", hooks.to_str().expect("UTF-8"));
    let source = env.source("upstream", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let _ = fs::remove_file(&marker);
    env.run(["init", "../other"]).ok();
    for args in [
        &["add", &source.ssh_url(""), "--all", "--yes"][..],
        &["add", source.text(), "--all", "--yes"],
        &["status", "--remote"],
        &["update"],
        &["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit"],
        &["snapshot", "here"],
        &["vault", "init", "../vault"],
        &["vault", "add", "home", "../vault"],
        &["vault", "push", "home", "kit"],
        &["vault", "pull", "home"],
        &["rollback", "here"],
        &["undo"],
    ] {
        env.run(args).ok();
        assert!(!marker.exists(), "{args:?}: {}", fs::read_to_string(&marker).unwrap_or_default());
    }
    // The trap works: git itself runs them.
    env.git(["commit", "--quiet", "--allow-empty", "-m", "x"]);
    assert!(marker.exists());
}

/// What a server says beside its answer has no end.
#[test]
fn row_79_a_server_that_talks_without_end_is_a_limit() {
    let env = TestEnv::with_collection();
    env.allow_ssh();
    let source = env.source("upstream", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let hook = env.home().join("talk");
    fs::write(&hook, "#!/bin/sh\nexec yes 'and so on' >&2\n").expect("a file");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("a mode");
    env.config("uploadpack.packObjectsHook", hook.to_str().expect("UTF-8"));
    env.refused_leaving("limit", &["add", &source.ssh_url(""), "--all"], Depth::Refs);
}

/// A pack of some kilobytes whose one delta makes sixteen gigabytes.
#[test]
fn row_79_a_delta_that_makes_a_file_of_gigabytes_is_a_limit() {
    let env = TestEnv::with_collection();
    let source = env.source("r", &[("skills/one/SKILL.md", &skill("one", "text"), Mode::File)]);
    let root = source.folder().parent().expect("a folder").to_owned();
    let answer = bomb();
    let server = Asked::git(&root, move |body| {
        if body.windows(9).any(|nine| nine == b"packfile\n") {
            *body = answer.clone();
        }
        None
    });
    let name = source.folder().file_name().expect("a name").to_string_lossy().into_owned();
    let before = env.head();
    let ran = env.run(["--format", "json", "add", &server.url(&name), "--all", "--yes"]);
    assert_eq!(ran.value()["error"]["class"], "limit", "{ran:?}");
    assert_eq!(env.head(), before);
}

/// Returns an answer of `upload-pack`, protocol 2, with the pack.
fn bomb() -> Vec<u8> {
    let varint = |mut number: u64| {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    let deflate = |bytes: &[u8]| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
    };
    let header = |kind: u8, size: u64| {
        let mut bytes = varint(size >> 4);
        bytes.insert(0, kind << 4 | (size & 0x0f) as u8 | 0x80);
        bytes
    };
    const PIECE: usize = 0x00ff_ffff;
    let base = vec![0; PIECE];
    let copies = 1025;
    // A copy of all of the base: its place is 0 and left out, its length has three bytes.
    let delta = [varint(PIECE as u64), varint((PIECE * copies) as u64), [0b1111_0000, 0xff, 0xff, 0xff].repeat(copies)];
    let delta = delta.concat();
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x02".to_vec();
    let at = pack.len();
    pack.extend([header(3, PIECE as u64), deflate(&base)].concat());
    let back = (pack.len() - at) as u64;
    pack.extend(header(6, delta.len() as u64));
    // The distance of the base: groups of seven bits, the highest first, each but the last one less.
    let mut distance = vec![(back & 0x7f) as u8];
    let mut rest = back >> 7;
    while rest > 0 {
        rest -= 1;
        distance.insert(0, (rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    pack.extend([distance, deflate(&delta)].concat());
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&pack);
    pack.extend(hasher.try_finalize().expect("a hash").as_slice());
    let line = |bytes: &[u8]| [format!("{:04x}", bytes.len() + 4).as_bytes(), bytes].concat();
    let mut answer = line(b"packfile\n");
    for part in pack.chunks(60_000) {
        answer.extend(line(&[b"\x01", part].concat()));
    }
    answer.extend(b"0000");
    answer
}
