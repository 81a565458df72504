//! Old packs that are a gzip tar, built header by header.

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::*;

const MANIFEST: &[u8] = b"pack-format-version = \"1\"\n[bundle]\nname = \"n\"\n";

/// One entry: kind, name as it stands in the header, mode, content.
type Entry<'a> = (EntryType, &'a [u8], u32, &'a [u8]);

fn block(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(512), 0);
    out
}

fn header(kind: EntryType, name: &[u8], mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_mode(mode);
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

fn tar_of(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name, mode, content) in entries {
        out.extend(header(*kind, name, *mode, content.len() as u64).as_bytes());
        out.extend(block(content));
    }
    out.extend([0; 1024]);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::new(6));
    encoder.write_all(bytes).expect("to memory");
    encoder.finish().expect("to memory")
}

fn pack_of(entries: &[Entry]) -> Vec<u8> {
    let manifest: Entry = (EntryType::Regular, b"manifest.toml", 0o644, MANIFEST);
    gzip(&tar_of(&[&[manifest], entries].concat()))
}

fn file<'a>(name: &'a str, content: &'a [u8]) -> Entry<'a> {
    (EntryType::Regular, name.as_bytes(), 0o644, content)
}

/// A PAX record.
fn record(text: &str) -> Vec<u8> {
    let length = (1..).find(|length: &usize| length.to_string().len() + 1 + text.len() + 1 == *length).expect("ends");
    format!("{length} {text}\n").into_bytes()
}

#[test]
fn tars_with_their_ways_of_long_names_are_read() {
    let long = format!("artifacts/{}/x", "n".repeat(120));
    let pax = [record("mtime=1700000000.25"), record(&format!("path={long}"))].concat();
    let gnu = format!("{long}.gnu\0");
    let bytes = pack_of(&[
        (EntryType::Directory, b"artifacts/", 0o755, b""),
        (EntryType::XHeader, b"PaxHeader", 0o644, &pax),
        file("short", b"by pax"),
        (EntryType::GNULongName, b"././@LongLink", 0o644, gnu.as_bytes()),
        (EntryType::Regular, b"short", 0o755, b"by gnu"),
    ]);
    let (format, files) = read(&bytes).expect("good").expect("an old pack");
    assert_eq!(format, OldFormat::ManifestToml);
    let found: Vec<_> = files.iter().map(|(path, mode, bytes)| (path.as_str(), *mode, bytes.as_slice())).collect();
    let gnu = format!("{long}.gnu");
    let expected = [
        (&*long, FileMode::Regular, &b"by pax"[..]),
        (&*gnu, FileMode::Executable, b"by gnu"),
        ("manifest.toml", FileMode::Regular, MANIFEST),
    ];
    assert_eq!(found, expected);
}

#[test]
fn only_a_manifest_makes_a_tar_an_old_pack() {
    let is_old = |entries: &[Entry]| read(&gzip(&tar_of(entries))).expect("no error").is_some();
    assert!(!is_old(&[file("a", b"x")]));
    assert!(!is_old(&[file("sub/manifest.toml", MANIFEST)]));
    assert!(!is_old(&[file("manifest.toml", b"[package]\nname = \"n\"\n")]));
    // Links and bad names make no other archive a pack of ours.
    assert!(!is_old(&[(EntryType::Symlink, b"../x", 0o777, b""), file("a", b"x")]));
    assert!(is_old(&[file("a", b"x"), file("manifest.toml", MANIFEST)]));
    assert!(is_old(&[file("manifest.toml", b"= junk")]));
    assert!(read(&gzip(b"no tar")).expect("no error").is_none());
    assert!(read(&tar_of(&[file("manifest.toml", MANIFEST)])).expect("no error").is_none(), "not compressed");
}

#[test]
fn bad_paths_in_a_tar_are_refused() {
    for path in BAD_PATHS {
        assert_eq!(fault_of(&pack_of(&[file(path, b"x")])), Fault::Path, "{path:?}");
        let pax = record(&format!("path={path}"));
        let bytes = pack_of(&[(EntryType::XHeader, b"p", 0o644, &pax), file("good", b"x")]);
        assert_eq!(fault_of(&bytes), Fault::Path, "{path:?} in a record");
    }
    assert_eq!(fault_of(&pack_of(&[file("a/x", b""), file("A/y", b"")])), Fault::Path, "case twins");
    assert_eq!(fault_of(&pack_of(&[file("a", b"1"), file("a", b"2")])), Fault::Pack, "the same name twice");
    assert_eq!(fault_of(&pack_of(&[file("a", b"1"), file("a/b", b"2")])), Fault::Pack, "a file and a folder");
    let (folder, mode) = (EntryType::Directory, 0o755);
    assert_eq!(fault_of(&pack_of(&[file("a", b"1"), (folder, b"a/", mode, b"")])), Fault::Pack, "a file and a folder");
    assert_eq!(fault_of(&pack_of(&[(folder, b"../", mode, b"")])), Fault::Path);
    assert_eq!(fault_of(&pack_of(&[file(&("d/".repeat(33) + "x"), b"x")])), Fault::Limit);
    assert_eq!(fault_of(&pack_of(&[(EntryType::Regular, b"a\xff", 0o644, b"x")])), Fault::Pack);
}

#[test]
fn links_and_devices_in_a_tar_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link] {
        assert_eq!(fault_of(&pack_of(&[(kind, b"x", 0o777, b"")])), Fault::Path, "{kind:?}");
    }
    let kinds = [
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::Continuous,
        EntryType::GNUSparse,
        EntryType::GNULongLink,
        EntryType::XGlobalHeader,
        EntryType::new(b'Z'),
    ];
    for kind in kinds {
        assert_eq!(fault_of(&pack_of(&[(kind, b"x", 0o644, b"")])), Fault::Pack, "{kind:?}");
    }
    for mode in [0o4755, 0o2755, 0o1755] {
        assert_eq!(fault_of(&pack_of(&[(EntryType::Regular, b"x", mode, b"")])), Fault::Pack, "{mode:o}");
    }
    assert_eq!(fault_of(&pack_of(&[(EntryType::Directory, b"x/", 0o755, b"content")])), Fault::Pack);
}

#[test]
fn headers_that_say_two_things_in_a_tar_are_refused() {
    let of = |records: &[u8]| pack_of(&[(EntryType::XHeader, b"p", 0o644, records), file("good", b"text")]);
    assert!(read(&of(&record("size=4"))).is_ok());
    let twice = [record("path=a"), record("path=b")].concat();
    let long = record(&format!("path={}", "n".repeat(20_000)));
    for records in [
        &record("size=5")[..],
        &record("size=x"),
        &record("linkpath=x"),
        &record("GNU.sparse.name=x"),
        &record("SCHILY.xattr.user.x=y"),
        &twice,
        &long,
        b"99 path=a\n",
        b"junk",
        b"8 path=a\n",
    ] {
        assert_eq!(
            fault_of(&of(records)),
            Fault::Pack,
            "{}",
            String::from_utf8_lossy(&records[..records.len().min(40)])
        );
    }
    let path = record("path=a");
    let entry = (EntryType::XHeader, &b"p"[..], 0o644, &path[..]);
    assert_eq!(fault_of(&pack_of(&[entry, entry, file("x", b"")])), Fault::Pack, "named twice");
    assert_eq!(fault_of(&pack_of(&[file("x", b""), entry])), Fault::Pack, "names nothing");
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let tar = tar_of(&[file("manifest.toml", MANIFEST), file("a", &[b'x'; 3000])]);
    let whole = gzip(&tar);
    assert!(read(&whole).is_ok());
    for length in 0..whole.len() {
        assert!(!matches!(read(&whole[..length]), Ok(Some(_))), "cut at {length}");
    }
    // Cut after the manifest, so that it is an old pack that is broken.
    assert_eq!(fault_of(&whole[..whole.len() - 4]), Fault::Pack);
    assert_eq!(fault_of(&gzip(&tar[..tar.len() - 2048])), Fault::Hash, "the content of the last file");
    let second = tar_of(&[file("hidden", b"x")]);
    assert_eq!(fault_of(&gzip(&[&tar[..], &second].concat())), Fault::Pack, "a second archive");
    assert_eq!(fault_of(&[&whole[..], &gzip(&second)].concat()), Fault::Pack, "a second stream");
    assert_eq!(fault_of(&[&whole[..], b"x"].concat()), Fault::Pack, "a byte behind it");
    assert!(read(&gzip(&[&tar[..], &[0; 10_240]].concat())).is_ok(), "zeros fill a record");
    let mut damaged = tar.clone();
    damaged[1024 + 20] ^= 1;
    assert_eq!(fault_of(&gzip(&damaged)), Fault::Pack, "the checksum of a header");
    let mut damaged = whole.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    assert_eq!(fault_of(&damaged), Fault::Pack, "the checksum of gzip");
}

#[test]
fn what_a_tar_holds_has_limits() {
    let zeros = vec![0; 8 * 1024 * 1024];
    let error = read(&pack_of(&[file("zeros", &zeros)])).expect_err("refused");
    assert!(matches!(&error, PackError::Limit { what: LimitKind::Ratio(_), .. }), "{error}");
    let mut huge = Vec::new();
    huge.extend(header(EntryType::Regular, b"manifest.toml", 0o644, MANIFEST.len() as u64).as_bytes());
    huge.extend(block(MANIFEST));
    huge.extend(header(EntryType::Regular, b"huge", 0o644, 1 << 40).as_bytes());
    assert_eq!(fault_of(&gzip(&huge)), Fault::Limit, "a size that is only declared");
    let few = Limits { files: 2, file_bytes: 60, unpacked_bytes: 80, ..Limits::default() };
    let fault = |entries: &[Entry]| read_with(&pack_of(entries), &few).expect_err("refused").fault();
    assert!(read_with(&pack_of(&[file("a", b"x")]), &few).is_ok());
    assert_eq!(fault(&[file("a", b""), file("b", b"")]), Fault::Limit);
    assert_eq!(fault(&[file("a", &[b'x'; 61])]), Fault::Limit);
    assert_eq!(fault(&[file("a", &[b'x'; 50])]), Fault::Limit);
}

proptest::proptest! {
    #[test]
    fn a_changed_byte_never_panics(at: proptest::sample::Index, byte: u8) {
        let pax = record("path=a/b");
        let entries = [file("manifest.toml", MANIFEST), (EntryType::XHeader, b"p", 0o644, &pax), file("x", b"text")];
        let mut bytes = tar_of(&entries);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&gzip(&bytes));
    }
}
