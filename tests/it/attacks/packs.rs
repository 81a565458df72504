//! Rows 1 to 23: containers, given to the real program. What is refused is refused with its class, and nothing changes.

use skillmeat::pack::{Fault, Limits, Pack};

use super::raw::{Archive, Raw, deflated, stored};
use crate::env::{Depth, KEY, Ran, TestEnv, assert_nothing_started, program};

/// One hostile pack: number of its row, what it is, the class that it is refused with.
pub struct Hostile {
    row: u8,
    what: String,
    class: &'static str,
    bytes: Vec<u8>,
}

/// A user who trusts a key, and a place for a pack.
pub fn reader() -> TestEnv {
    let env = TestEnv::with_collection();
    env.allow(&[("team@example.invalid", &KEY)]);
    env
}

/// Gives `bytes` to `verify` and to `import`: both refuse with `class`, and not a byte of the user's files changes.
pub fn assert_refused(env: &TestEnv, class: &str, bytes: &[u8], what: &str) -> String {
    // A failure names the file, so the file says what it is.
    let word = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = what.chars().take(60).map(word).collect();
    let file = env.root().join(format!("{name}.skillmeat-pack"));
    std::fs::write(&file, bytes).expect("a file");
    let pack = file.to_str().expect("UTF-8");
    let verified = env.refused_leaving(class, &["verify", pack], Depth::Objects);
    let imported = env.refused_leaving(class, &["import", pack, "--yes"], Depth::Objects);
    std::fs::remove_file(&file).expect("a file");
    format!("{}{}", verified.stderr, imported.stderr)
}

/// Makes one thing wrong in an entry.
type Change = fn(&mut Raw);

fn hostile(row: u8, class: &'static str, what: impl Into<String>, archive: &Archive) -> Hostile {
    Hostile { row, class, what: what.into(), bytes: archive.bytes() }
}

fn good() -> Archive {
    Archive::of([stored("a", "content"), deflated("b", [b'x'; 100]), stored("é", "more")])
}

fn changed(change: impl FnOnce(&mut Raw)) -> Archive {
    let mut archive = good();
    change(&mut archive.entries[2]);
    archive
}

/// Rows 1 to 6 and 21: names.
fn names() -> Vec<Hostile> {
    let (long, deep) = ("x".repeat(256), vec!["a"; 33].join("/"));
    let whole = "x/".repeat(600) + "x";
    let rows: [(u8, &'static str, &[&str]); 7] = [
        (1, "path", &["../x", "a/../../x", "./x", "a//b", "b/"]),
        (2, "path", &["/x", "C:\\x", "C:x", "c:/x", "\\\\h\\s\\x", "\\\\?\\x", "\\??\\x", "\\\\.\\x"]),
        (3, "path", &["a\\..\\..\\x"]),
        (4, "path", &["CON", "nul.txt", "COM9.a", "conin$", "COM¹", "x.", "x "]),
        (5, "path", &["f:s", ".git::$INDEX_ALLOCATION", "GIT~1", "gi7eba~1", ".git/hooks/post-checkout"]),
        (6, "path", &["x\0y", "x\u{1b}]0;t\u{7}", "x\u{9b}y", "x\u{7f}", "x\ny", "x\u{202e}y", "x\u{200b}y"]),
        (21, "limit", &[&long, &deep, &whole]),
    ];
    let one = |row, class, name: &str| hostile(row, class, format!("{name:?}"), &Archive::of([stored(name, "evil")]));
    rows.iter().flat_map(|(row, class, names)| names.iter().map(move |name| one(*row, class, name))).collect()
}

/// Rows 7 to 12: kinds, twins, headers that differ.
fn entries() -> Vec<Hostile> {
    let link = |target: &str| stored("a", target).with(|entry| entry.attributes = 0o120_777 << 16);
    let mut all = vec![
        hostile(7, "path", "a link and a file through it", &Archive::of([link("/tmp"), stored("a/x", "evil")])),
        hostile(7, "path", "a link to nowhere", &Archive::of([link("nothing")])),
        hostile(7, "path", "a link to itself", &Archive::of([link("a")])),
        hostile(9, "pack", "one name twice", &Archive::of([stored("a", "1"), stored("a", "2")])),
        hostile(9, "pack", "a file and below it", &Archive::of([stored("a", "1"), stored("a/b", "2")])),
        hostile(9, "pack", "a folder's entry", &Archive::of([stored("a/", "").with(|e| e.attributes = 0x41ed_0010)])),
    ];
    for attributes in [0o060_644, 0o010_644, 0o104_755, 0o100_777, 0o040_755] {
        let entry = stored("a", "x").with(|entry| entry.attributes = attributes << 16);
        all.push(hostile(8, "pack", format!("mode {attributes:o}"), &Archive::of([entry])));
    }
    for (one, two) in [("README", "readme"), ("straße", "STRASSE"), ("kapı", "kapi"), ("x/A", "X/a")] {
        all.push(hostile(10, "path", format!("{one} and {two}"), &Archive::of([stored(one, "1"), stored(two, "2")])));
    }
    for name in ["e\u{301}", "\u{ff21}", "\u{fb01}"] {
        all.push(hostile(10, "path", format!("{name:?}"), &Archive::of([stored(name, "x")])));
    }
    let differs: [(&str, Change); 6] = [
        ("name", |entry| entry.local.name = b"c".to_vec()),
        ("size", |entry| entry.local.size += 1),
        ("method", |entry| entry.local.method = 8),
        ("checksum", |entry| entry.local.crc ^= 1),
        ("flags", |entry| entry.local.flags ^= 2),
        ("offset", |entry| entry.offset = Some(0)),
    ];
    all.extend(differs.map(|(what, change)| hostile(11, "pack", format!("another {what}"), &changed(change))));
    all.push(hostile(12, "pack", "not in the directory", &changed(|entry| entry.in_directory = false)));
    all.push(hostile(12, "pack", "only in the directory", &changed(|entry| entry.in_body = false)));
    all.push(hostile(12, "pack", "a wrong count", &Archive { end: vec![(10, 4)], ..good() }));
    all
}

/// Rows 13 to 16, 19, 22 and 23: bytes that no pack has, limits, and other spellings.
fn containers() -> Vec<Hostile> {
    let nul = || vec![0];
    let html = b"<html><script>alert(1)</script></html>".to_vec();
    let both = |change: fn(&mut super::raw::Header)| changed(|entry| *entry = entry.clone().both(change));
    let mut swapped = good();
    swapped.entries.swap(2, 3);
    let sized = |size: u32| Archive::of([deflated("a", vec![0; 200_000]).both(|header| header.size = size)]);
    let mut overlap = Archive::of([deflated("a", [0; 500]), deflated("b", [0; 500])]);
    overlap.entries[3].in_body = false;
    overlap.entries[3].offset = Some(30);
    let bombs = (0..6).map(|at| deflated(format!("f{at}"), [0; 1000]).both(|header| header.size = 100 << 20));
    vec![
        hostile(13, "pack", "a prefix", &Archive { prefix: nul(), ..good() }),
        hostile(13, "pack", "a suffix", &Archive { suffix: nul(), ..good() }),
        hostile(13, "pack", "a gap", &Archive { before_directory: nul(), ..good() }),
        hostile(13, "pack", "an archive in the comment", &Archive { comment: good().bytes(), ..good() }),
        hostile(13, "pack", "two archives", &Archive { prefix: good().bytes(), ..good() }),
        hostile(14, "pack", "an extra field", &both(|header| header.extra = b"up\x06\0\x01\0\0\0\0z".to_vec())),
        hostile(14, "pack", "a descriptor", &changed(|entry| entry.after = vec![0; 16])),
        hostile(15, "pack", "encrypted", &both(|header| header.flags |= 1)),
        hostile(15, "pack", "LZMA", &both(|header| header.method = 14)),
        hostile(15, "pack", "Zstandard", &both(|header| header.method = 93)),
        hostile(15, "pack", "another disk", &changed(|entry| entry.disk = 1)),
        hostile(16, "pack", "no UTF-8", &Archive::of([stored(b"a\xff", "x")])),
        hostile(16, "pack", "the flag for UTF-8", &both(|header| header.flags ^= 0x800)),
        hostile(19, "limit", "one too large", &sized((100 << 20) + 1)),
        hostile(19, "limit", "one of nearly 4 GiB", &sized(u32::MAX)),
        hostile(19, "limit", "all together too large", &Archive::of(bombs)),
        hostile(19, "limit", "65,535 files", &Archive { end: vec![(10, 0xff), (11, 0xff)], ..good() }),
        hostile(19, "pack", "two entries on the same bytes", &overlap),
        hostile(22, "pack", "a page in front", &Archive { prefix: html, ..good() }),
        hostile(22, "pack", "a script in front", &Archive { prefix: b"#!/bin/sh\nexit\n".to_vec(), ..good() }),
        hostile(23, "pack", "not sorted", &swapped),
        hostile(23, "pack", "a time", &both(|header| header.time = 0x6000)),
        hostile(23, "pack", "made by another system", &changed(|entry| entry.made_by = 0x0b14)),
    ]
}

fn all() -> Vec<Hostile> {
    [names(), entries(), containers()].into_iter().flatten().collect()
}

#[test]
fn rows_1_to_23_are_refused_by_the_program_and_change_nothing() {
    let env = reader();
    let hostile = all();
    for attack in &hostile {
        assert_refused(&env, attack.class, &attack.bytes, &format!("row {}: {}", attack.row, attack.what));
    }
    for row in (1..=16).chain(19..=19).chain(21..=23) {
        assert!(hostile.iter().any(|attack| attack.row == row), "row {row}");
    }
}

/// Declared sizes hold nothing back: what a stream gives more than its entry says is a limit, met while it is read.
#[test]
fn row_19_a_stream_that_gives_more_than_it_says_is_a_limit() {
    let env = TestEnv::new();
    let file = env.root().join("pack");
    for size in [2000, 100_000] {
        let archive = Archive::of([deflated("a", vec![0; 200_000]).both(|header| header.size = size)]);
        assert_eq!(super::fault(&file, &archive.bytes()), Some(Fault::Limit), "{size}");
    }
}

/// What a header declares never sizes a buffer, also where the limits allow that much: not even the address space for it is asked for.
#[test]
fn declared_lengths_size_no_buffer() {
    const DECLARED: u32 = 0xf000_0000;
    let peak_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    let env = TestEnv::new();
    let path = env.root().join("pack");
    let archive = Archive::of([deflated("a", vec![0; 200_000]).both(|header| header.size = DECLARED)]);
    std::fs::write(&path, archive.bytes()).expect("a file");
    let most = u64::from(DECLARED);
    let limits = Limits { unpacked_bytes: u64::from(u32::MAX), file_bytes: most, ..Limits::default() };
    let before = peak_kib();
    let pack = Pack::open(std::fs::File::open(&path).expect("a file"), &limits).expect("within the limits");
    assert_eq!(pack.files()[0].size, most);
    let mut found = 0;
    let error = pack.read(0, &mut |piece| found += piece.len()).expect_err("it is shorter");
    assert_eq!((error.fault(), found), (Fault::Hash, 200_000));
    // Other tests of this process take some memory at the same time, but not half of that.
    assert!(peak_kib() < before + most / 1024 / 2, "{before} and then {} KiB", peak_kib());
}

/// Invariant N, the part that only the kernel sees: which programs were started.
#[test]
#[ignore = "needs strace"]
fn nothing_of_a_hostile_pack_is_started() {
    let env = reader();
    let pack = env.root().join("hostile.skillmeat-pack");
    let trace = env.root().join("trace");
    for attack in all() {
        std::fs::write(&pack, &attack.bytes).expect("a file");
        for args in [&["verify"][..], &["import", "--yes"]] {
            let mut command = env.command("strace");
            command.args(["-f", "-qq", "-e", "trace=execve,connect", "-o"]).arg(&trace);
            command.arg(program()).args(args).arg(&pack);
            let _ = Ran::of(command).refused(attack.class);
            let calls = std::fs::read_to_string(&trace).expect("a trace");
            assert_nothing_started(&calls, &format!("row {}: {}", attack.row, attack.what));
        }
    }
}
