use super::*;

fn bodies() -> Vec<EntryBody> {
    let release: Release = "kit--v1.0.0-rc.1".parse().expect("a release");
    let digest = Digest::of(b"x");
    let tag = Oid::from_hex(&[b'a'; 40]).expect("an id");
    let publish = |pack| EntryBody::Publish {
        release: "kit--v1.0.0-rc.1".parse().expect("a release"),
        tag,
        tree: digest,
        pack,
        license: "MIT OR Apache-2.0".to_owned(),
    };
    vec![
        EntryBody::Root { version: 2 },
        publish(None),
        publish(Some(digest)),
        EntryBody::Yank { release, reason: "broken: see 1.0.1".to_owned() },
        EntryBody::Revoke { key: "ssh-ed25519 AAAA".to_owned(), since: 0, reason: "stolen".to_owned() },
        EntryBody::Checkpoint { expires: 1_795_356_000 },
        EntryBody::Audit { digest },
    ]
}

fn entry(body: EntryBody) -> LedgerEntry {
    let digest = Digest::of(b"x");
    LedgerEntry { id: LedgerId::Repo(digest), number: 42, prev: Some(digest), body, time: 1_795_356_000 }
}

#[test]
fn every_type_is_read_as_it_is_written() {
    let first = LedgerEntry {
        id: LedgerId::Nonce("0123456789abcdef".repeat(2)),
        number: 0,
        prev: None,
        body: EntryBody::Root { version: 1 },
        time: 0,
    };
    for entry in bodies().into_iter().map(entry).chain([first]) {
        let text = entry.render();
        assert_eq!(LedgerEntry::parse(&text).as_ref(), Ok(&entry), "{text}");
    }
}

/// Whatever is taken is exactly what would be written: one entry has one text.
#[test]
fn no_changed_byte_gives_another_text_of_an_entry() {
    for entry in bodies().into_iter().map(entry) {
        let text = entry.render();
        for at in 0..text.len() {
            for byte in [b' ', b'\n', b'0', b'A', b':', b'9'] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = byte;
                let changed = String::from_utf8(bytes).expect("ASCII");
                if let Ok(read) = LedgerEntry::parse(&changed) {
                    assert_eq!(read.render(), changed);
                }
            }
        }
    }
}

#[test]
fn what_is_unknown_missing_or_more_is_refused() {
    let text = entry(EntryBody::Root { version: 2 }).render();
    for (old, new) in [
        ("type: root", "type: reset"),
        ("version: 2\n", ""),
        ("version: 2\n", "version: 02\n"),
        ("version: 2\n", "version: 9007199254740993\n"),
        ("version: 2\n", "version: 2\nversion: 2\n"),
        ("number: 42", "number: +42"),
        ("number: 42", "number: 9223372036854775808"),
        ("T", "t"),
        ("Z\n", "Z"),
        ("Z\n", "+00:00\n"),
        ("Z\n", "Z\nmore: x\n"),
        ("Z\n", "Z\n\n"),
        ("skillmeat-ledger v1", "skillmeat-ledger v2"),
        ("repo: ", "nonce: "),
        ("prev: sha256:", "prev: SHA256:"),
    ] {
        assert!(text.contains(old), "{old}");
        let changed = text.replacen(old, new, 1);
        assert!(LedgerEntry::parse(&changed).is_err(), "{changed}");
    }
    assert!(LedgerEntry::parse(&text).is_ok());
}

#[test]
fn texts_are_one_plain_line() {
    for text in ["", " x", "x ", "a\tb", "a\u{1b}[2Jb", &"x".repeat(MAX_ENTRY_TEXT + 1)] {
        let revoke = EntryBody::Revoke { key: "k".to_owned(), since: 1, reason: text.to_owned() };
        assert!(LedgerEntry::parse(&entry(revoke).render()).is_err(), "{text:?}");
    }
}
