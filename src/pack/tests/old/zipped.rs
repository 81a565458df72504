//! Old packs that are a ZIP, built from raw fields.

use super::super::raw::{Archive, Header, Raw, deflated, stored};
use super::*;

const MANIFEST: &[u8] = br#"{"version": "1.0", "name": "n", "artifacts": []}"#;

/// An archive as Python writes one: any time, mode 600 without a type.
fn python(entries: impl IntoIterator<Item = Raw>) -> Archive {
    let as_python = |entry: Raw| {
        let entry = entry.both(|header| (header.date, header.needed) = (0x5021, 20));
        if entry.attributes == 0o100_644 << 16 { entry.with(|entry| entry.attributes = 0o600 << 16) } else { entry }
    };
    Archive { entries: entries.into_iter().map(as_python).collect(), ..Archive::default() }
}

fn with(entry: Raw) -> Vec<u8> {
    python([deflated("manifest.json", MANIFEST), stored("skills/a/SKILL.md", "text"), entry]).bytes()
}

/// Changes the second entry of a good archive.
fn changed(change: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut archive = python([deflated("manifest.json", MANIFEST), deflated("a", [b'x'; 100]), stored("z", "more")]);
    change(&mut archive.entries[1]);
    archive.bytes()
}

#[test]
fn zips_as_python_writes_them_are_read() {
    let folder = stored("skills/", "").with(|entry| entry.attributes = 0o040_755 << 16 | 0x10);
    let script = stored("skills/a/run.sh", "x").with(|entry| entry.attributes = 0o100_755 << 16);
    let bytes =
        python([stored("skills/a/Größe.md", "text"), folder, script, deflated("manifest.json", MANIFEST)]).bytes();
    let (format, files) = read(&bytes).expect("good").expect("an old pack");
    assert_eq!(format, OldFormat::ManifestJson);
    let names: Vec<_> = files.iter().map(|(path, mode, _)| (path.as_str(), *mode)).collect();
    let regular = FileMode::Regular;
    let expected =
        [("manifest.json", regular), ("skills/a/Größe.md", regular), ("skills/a/run.sh", FileMode::Executable)];
    assert_eq!(names, expected);
    assert_eq!(files[0].2, MANIFEST);
}

#[test]
fn only_a_manifest_makes_a_zip_an_old_pack() {
    let is_old = |entries: Vec<Raw>| read(&python(entries).bytes()).expect("no error").is_some();
    let extension = br#"{"manifest_version": 3, "name": "n", "version": "1.0"}"#;
    let of_today = "format = 1\nname = \"kit\"\nversion = \"1.0.0\"\n[bundle]\n";
    for entries in [
        vec![stored("a", "x")],
        vec![stored("sub/manifest.json", MANIFEST)],
        vec![stored("manifest.json", extension)],
        vec![stored("bundle.toml", of_today)],
        vec![stored("bundle.toml", "name = \"x\"\n")],
        // What was a pack of today is none of the old ones, in whatever spelling.
        vec![stored("manifest.json", MANIFEST), stored(".skillmeat/tag", "x")],
        vec![stored("manifest.json", MANIFEST), stored(".SkillMeat/x", "x")],
    ] {
        assert!(!is_old(entries));
    }
    assert!(is_old(vec![stored("bundle.toml", "[bundle]\nname = \"x\"\n")]));
    let both = python([stored("manifest.json", MANIFEST), stored("bundle.toml", "[bundle]\nname = \"x\"\n")]);
    assert_eq!(fault_of(&both.bytes()), Fault::Pack);
    // What cannot be parsed is refused as what it calls itself, not passed over.
    assert!(is_old(vec![stored("manifest.json", "{")]));
}

#[test]
fn bad_paths_in_a_zip_are_refused() {
    for path in BAD_PATHS {
        assert_eq!(fault_of(&with(stored(path, "x"))), Fault::Path, "{path:?}");
    }
    assert_eq!(fault_of(&with(stored("SKILLS/a/other", "x"))), Fault::Path, "case twins");
    assert_eq!(fault_of(&with(stored(vec![b'a'; 1025], "x"))), Fault::Limit);
    assert_eq!(fault_of(&with(stored("d/".repeat(33) + "x", "x"))), Fault::Limit);
    assert_eq!(fault_of(&with(stored(b"a\xff", "x"))), Fault::Pack, "a name that is not UTF-8");
    assert_eq!(fault_of(&with(stored("skills/a/SKILL.md", "x"))), Fault::Pack, "the same name twice");
    assert_eq!(fault_of(&with(stored("skills/a", "x"))), Fault::Pack, "a file and a folder");
    let folder = stored("skills/a/SKILL.md/", "").with(|entry| entry.attributes = 0o040_755 << 16);
    assert_eq!(fault_of(&with(folder)), Fault::Pack, "a file and a folder");
}

#[test]
fn links_and_devices_in_a_zip_are_refused() {
    let of = |attributes: u32| fault_of(&with(stored("x", "target").with(|entry| entry.attributes = attributes)));
    assert_eq!(of(0o120_777 << 16), Fault::Path);
    for kind in [0o010_000, 0o020_000, 0o060_000, 0o140_000, 0o040_000_u32] {
        assert_eq!(of((kind | 0o644) << 16), Fault::Pack, "{kind:o}");
    }
    for bits in [0o104_755, 0o102_755, 0o101_755_u32] {
        assert_eq!(of(bits << 16), Fault::Pack, "{bits:o}");
    }
    assert_eq!(of(0x10), Fault::Pack, "a folder of DOS");
}

#[test]
fn headers_that_differ_in_a_zip_are_refused() {
    let changes: [fn(&mut Header); 7] = [
        |header| header.flags ^= 2,
        |header| header.method ^= 8,
        |header| header.crc ^= 1,
        |header| header.held += 1,
        |header| header.size += 1,
        |header| header.name = b"c".to_vec(),
        |header| header.extra = vec![0xfe, 0xca, 0, 0],
    ];
    for (index, change) in changes.into_iter().enumerate() {
        assert!(read(&changed(|entry| change(&mut entry.local))).is_err(), "local {index}");
        assert!(read(&changed(|entry| change(&mut entry.central))).is_err(), "central {index}");
    }
    assert!(read(&changed(|_| {})).is_ok());
    for flag in [1, 8, 0x40, 0x2000] {
        let bytes = with(stored("x", "x").both(|header| header.flags |= flag));
        assert_eq!(fault_of(&bytes), Fault::Pack, "flag {flag:#x}");
    }
    assert_eq!(fault_of(&with(stored("x", "x").both(|header| header.method = 12))), Fault::Pack);
    assert_eq!(fault_of(&with(stored("x", "x").with(|entry| entry.comment = b"c".to_vec()))), Fault::Pack);
    assert_eq!(fault_of(&changed(|entry| entry.offset = Some(0))), Fault::Pack, "two entries of one content");
}

#[test]
fn bytes_that_only_some_readers_see_are_refused() {
    let good = || python([deflated("manifest.json", MANIFEST), stored("a", "x"), stored("b", "y")]);
    let cases: [fn(&mut Archive); 5] = [
        |archive| archive.prefix = b"PK\x03\x04 hidden".to_vec(),
        |archive| archive.before_directory = b"hidden".to_vec(),
        |archive| archive.entries[0].after = b"hidden".to_vec(),
        |archive| archive.entries[1].in_directory = false,
        |archive| archive.entries[1].in_body = false,
    ];
    for (index, case) in cases.into_iter().enumerate() {
        let mut archive = good();
        case(&mut archive);
        assert_eq!(fault_of(&archive.bytes()), Fault::Pack, "case {index}");
    }
    // Without an end record at its end it is none of ours.
    let cases: [fn(&mut Archive); 2] =
        [|archive| archive.suffix = b"x".to_vec(), |archive| archive.comment = b"c".to_vec()];
    for case in cases {
        let mut archive = good();
        case(&mut archive);
        assert!(read(&archive.bytes()).expect("no error").is_none());
    }
    let bytes = good().bytes();
    for length in 0..bytes.len() {
        assert!(!matches!(read(&bytes[..length]), Ok(Some(_))), "cut at {length}");
    }
}

/// One entry within the content of another: a few bytes that become many files.
#[test]
fn entries_that_share_bytes_are_refused() {
    let inner = python([stored("b", "y")]);
    let header_and_content = inner.bytes()[..30 + 1 + 1].to_vec();
    let outer = python([deflated("manifest.json", MANIFEST), stored("a", &header_and_content)]);
    let start = outer.bytes().windows(header_and_content.len()).position(|window| window == header_and_content);
    let mut archive = outer;
    let within = inner.entries[0].clone().with(|entry| {
        (entry.in_body, entry.offset) = (false, Some(start.expect("there") as u32));
    });
    archive.entries.push(within);
    assert_eq!(fault_of(&archive.bytes()), Fault::Pack);
}

#[test]
fn what_a_zip_holds_has_limits() {
    let bytes = with(deflated("zeros", vec![0; 2 * 1024 * 1024]));
    let error = read(&bytes).expect_err("refused");
    assert!(matches!(&error, PackError::Limit { what: LimitKind::Ratio(name), .. } if name == "zeros"), "{error}");
    assert!(read(&with(deflated("zeros", vec![0; 512 * 1024]))).is_ok(), "too small to matter");
    let huge = with(stored("huge", "x").both(|header| header.size = u32::MAX));
    assert!(matches!(fault_of(&huge), Fault::Limit | Fault::Pack));
    let huge = with(deflated("huge", [b'x'; 100]).both(|header| header.size = u32::MAX));
    assert_eq!(fault_of(&huge), Fault::Limit);
    let more = with(deflated("x", [b'x'; 100]).both(|header| header.size = 99));
    assert_eq!(fault_of(&more), Fault::Limit, "more than declared");
    let less = with(deflated("x", [b'x'; 100]).both(|header| header.size = 101));
    assert_eq!(fault_of(&less), Fault::Hash, "less than declared");
    let few = Limits { files: 3, ..Limits::default() };
    assert!(read_with(&with(stored("x", "x")), &few).is_ok());
    let small = Limits { file_bytes: 60, unpacked_bytes: 80, ..few };
    let fault = |bytes: &[u8], limits| read_with(bytes, &limits).expect_err("refused").fault();
    assert_eq!(fault(&with(stored("x", [b'x'; 61])), small), Fault::Limit);
    assert_eq!(fault(&with(stored("x", [b'x'; 50])), small), Fault::Limit);
    assert_eq!(fault(&with(stored("x", "x")), Limits { pack_bytes: 100, ..few }), Fault::Limit);
    // More entries than a pack may have is for the reader of today's packs to refuse, which has the same limit.
    let many = python([stored("manifest.json", MANIFEST), stored("a", ""), stored("b", ""), stored("c", "")]).bytes();
    assert!(read_with(&many, &few).expect("no error").is_none());
    assert_eq!(open_with(&many, &Limits { files: 1, ..few }).expect_err("refused").fault(), Fault::Limit);
    let half = |name| stored(name, vec![b'x'; 65 << 20]);
    let error = read(&python([stored("manifest.json", MANIFEST), half("x"), half("y")]).bytes()).expect_err("refused");
    let of_memory = |most: &u64| *most == MAX_OLD_UNPACKED_BYTES;
    assert!(matches!(&error, PackError::Limit { what: LimitKind::Unpacked, most, .. } if of_memory(most)), "{error}");
    let long = stored("manifest.json", vec![b'{'; 5 * 1024 * 1024]);
    assert_eq!(fault_of(&python([long]).bytes()), Fault::Limit, "a manifest");
}

#[test]
fn content_in_a_zip_that_is_damaged_is_refused() {
    assert_eq!(fault_of(&with(stored("x", "x").both(|header| header.crc ^= 1))), Fault::Hash);
    let fault = fault_of(&changed(|entry| entry.data[1] ^= 0xff));
    assert!(matches!(fault, Fault::Pack | Fault::Hash), "{fault:?}");
}

proptest::proptest! {
    #[test]
    fn a_changed_byte_never_panics(at: proptest::sample::Index, byte: u8) {
        let mut bytes = changed(|_| {});
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read(&bytes);
    }
}
