//! Rows 1 to 10, 16 and 21: names and kinds of entries.

use super::raw::{Archive, deflated, stored};
use super::*;

fn named(name: impl AsRef<[u8]>) -> Vec<u8> {
    Archive::of([stored("ok", "fine"), stored(name, "x")]).bytes()
}

fn all(names: &[&str], expected: Fault) {
    for name in names {
        assert_eq!(fault(&named(name)), expected, "{name:?}");
    }
}

#[test]
fn rows_1_to_6_bad_paths_are_refused() {
    all(&["../x", "a/../../x", "./x", "a//b", "a/", "/x", "", "."], Fault::Path);
    all(&["C:\\x", "C:x", "c:/x", "\\\\h\\s\\x", "\\\\?\\x", "\\??\\x", "\\\\.\\x", "a\\..\\..\\x"], Fault::Path);
    all(&["CON", "nul.txt", "COM9.a", "conin$", "COM¹", "x.", "x "], Fault::Path);
    all(&["f:s", ".git::$INDEX_ALLOCATION", "GIT~1", "gi7eba~1", ".git/config"], Fault::Path);
    all(&["a\0b", "a\u{1}", "a\u{85}", "a\u{7f}", "a\nb", "a\u{202e}b", "a\u{200b}b", "\u{feff}a"], Fault::Path);
}

#[test]
fn row_7_links_are_refused() {
    let link = stored("a", "/etc/passwd").with(|entry| entry.attributes = 0o120_777 << 16);
    assert!(matches!(refused(&Archive::of([link.clone()]).bytes()), PackError::Link { name } if name == "a"));
    assert_eq!(fault(&Archive::of([link, stored("a/x", "y")]).bytes()), Fault::Path);
}

#[test]
fn row_8_other_kinds_and_modes_are_refused() {
    for attributes in [
        0o060_644 << 16,
        0o020_644 << 16,
        0o010_644 << 16,
        0o040_755 << 16,
        0o104_755 << 16,
        0o100_777 << 16,
        0o100_600 << 16,
        0o000_644 << 16,
        (0o100_644 << 16) | 0x10,
        (0o100_644 << 16) | 1,
        0x20,
        0,
    ] {
        let entry = stored("a", "x").with(|entry| entry.attributes = attributes);
        let error = refused(&Archive::of([entry]).bytes());
        assert!(matches!(&error, PackError::Mode { attributes: found, .. } if *found == attributes), "{error}");
        assert_eq!(error.fault(), Fault::Pack);
    }
    let folder = stored("a/", "").with(|entry| entry.attributes = (0o040_755 << 16) | 0x10);
    assert_eq!(fault(&Archive::of([folder.clone()]).bytes()), Fault::Pack);
    let bad = folder.both(|header| header.name = b"../".to_vec());
    assert_eq!(fault(&Archive::of([bad]).bytes()), Fault::Path, "the path is what to tell first");
}

#[test]
fn row_9_twice_the_same_name_is_refused() {
    let twice = Archive::of([stored("a", "x"), stored("a", "y")]).bytes();
    assert!(matches!(refused(&twice), PackError::Order { .. }));
    assert_eq!(fault(&Archive::of([stored("a", "x"), stored("a-b", ""), stored("a/b", "y")]).bytes()), Fault::Pack);
    let tags = Archive::of([stored(".skillmeat/tag", "x")]).bytes();
    assert_eq!(fault(&tags), Fault::Pack);
}

#[test]
fn row_10_twins_are_refused() {
    for (one, two) in [("README", "readme"), ("straße", "strasse"), ("kapı", "kapi"), ("A/x", "a/y")] {
        assert_eq!(fault(&Archive::of([stored(one, "1"), stored(two, "2")]).bytes()), Fault::Path, "{one}");
    }
    all(&["e\u{301}", "\u{ff21}", "ﬁ"], Fault::Path);
    all(&[".SkillMeat/tag", ".skıllmeat/x"], Fault::Path);
}

#[test]
fn row_16_names_that_are_no_text_are_refused() {
    assert!(matches!(refused(&named(b"a\xff")), PackError::Name { .. }));
    assert_eq!(fault(&named(b"a\xc0\xaf")), Fault::Pack);
    for (name, flags) in [("a", 0x800), ("é", 0)] {
        let entry = stored(name, "x").both(|header| header.flags = flags);
        assert!(matches!(refused(&Archive::of([entry]).bytes()), PackError::NotCanonical { .. }));
    }
}

#[test]
fn row_21_long_and_deep_paths_are_refused() {
    all(&[&"x".repeat(256), &vec!["a"; 33].join("/"), &"x/".repeat(600), &"x".repeat(65_000)], Fault::Limit);
}

#[test]
fn the_reserved_folder_holds_only_tag_and_commit() {
    for name in [".skillmeat/x", ".skillmeat/tag2"] {
        assert!(matches!(refused(&named(name)), PackError::Reserved { .. }), "{name}");
    }
    assert_eq!(fault(&named(".skillmeat")), Fault::Pack);
    let without = |name: &str| {
        let mut archive = Archive::of([stored("a", "x")]);
        archive.entries.retain(|entry| entry.central.name != name.as_bytes());
        archive.bytes()
    };
    for name in [".skillmeat/tag", ".skillmeat/commit"] {
        assert!(matches!(refused(&without(name)), PackError::Missing { name: found } if found == name));
        let mut archive = Archive::of([]);
        let entry = archive.entries.iter_mut().find(|entry| entry.central.name == name.as_bytes()).expect("there");
        entry.attributes = 0o100_755 << 16;
        assert_eq!(fault(&archive.bytes()), Fault::Pack);
        let long = if name.ends_with("tag") { deflated(name, vec![b'x'; 65_537]) } else { stored(name, [0; 65_537]) };
        let mut archive = Archive::of([]);
        archive.entries.retain(|entry| entry.central.name != name.as_bytes());
        archive = Archive { entries: [archive.entries, vec![long]].concat(), ..archive };
        archive.entries.sort_by(|a, b| a.central.name.cmp(&b.central.name));
        assert_eq!(fault(&archive.bytes()), Fault::Limit);
    }
}
