//! Rows 11 to 15, 22 and 23: containers that say two things, or say one thing in another way.

use super::raw::{Archive, Header, Raw, deflated, stored};
use super::*;

fn good() -> Archive {
    Archive::of([stored("a", "content"), deflated("b", [b'x'; 100]), stored("é", "more")])
}

/// Changes the entry `a`, or `b`.
fn with(at: &str, change: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut archive = good();
    let entry = archive.entries.iter_mut().find(|entry| entry.central.name == at.as_bytes());
    change(entry.expect("there"));
    archive.bytes()
}

fn not_canonical(bytes: &[u8]) {
    let error = refused(bytes);
    assert_eq!(error.fault(), Fault::Pack, "{error}");
}

#[test]
fn what_is_right_in_every_field_is_accepted() {
    assert!(read_all(&good().bytes()).is_ok());
}

#[test]
fn row_11_headers_that_differ_are_refused() {
    let changes: [fn(&mut Header); 10] = [
        |header| header.needed += 1,
        |header| header.flags ^= 2,
        |header| header.method ^= 8,
        |header| header.time = 1,
        |header| header.date += 1,
        |header| header.crc ^= 1,
        |header| header.held += 1,
        |header| header.size += 1,
        |header| header.name = b"c".to_vec(),
        |header| header.extra = vec![0xfe, 0xca, 0, 0],
    ];
    for (index, change) in changes.into_iter().enumerate() {
        for name in ["a", "b"] {
            let local = refused(&with(name, |entry| change(&mut entry.local)));
            assert_eq!(local.fault(), Fault::Pack, "local {index}: {local}");
            let central = refused(&with(name, |entry| change(&mut entry.central)));
            assert_eq!(central.fault(), Fault::Pack, "central {index}: {central}");
        }
    }
    not_canonical(&with("a", |entry| entry.offset = Some(0)));
    not_canonical(&with("a", |entry| entry.local.signature += 1));
    not_canonical(&with("a", |entry| entry.central.signature += 1));
}

#[test]
fn row_12_entries_in_one_place_only_are_refused() {
    not_canonical(&with("a", |entry| entry.in_directory = false));
    not_canonical(&with("é", |entry| entry.in_directory = false));
    not_canonical(&with("a", |entry| entry.in_body = false));
    // Counts: on this disk at 8, in all at 10.
    for at in [8, 10] {
        for count in [0, 1, 4, 6] {
            not_canonical(&Archive { end: vec![(at, count)], ..good() }.bytes());
        }
    }
}

#[test]
fn row_13_and_22_bytes_that_belong_to_nothing_are_refused() {
    let nul = vec![0];
    not_canonical(&Archive { prefix: nul.clone(), ..good() }.bytes());
    not_canonical(&Archive { suffix: nul.clone(), ..good() }.bytes());
    not_canonical(&Archive { before_directory: nul.clone(), ..good() }.bytes());
    not_canonical(&Archive { before_end: nul.clone(), ..good() }.bytes());
    not_canonical(&Archive { comment: nul.clone(), ..good() }.bytes());
    not_canonical(&with("a", |entry| entry.after = nul.clone()));
    let html = b"<html><script>alert(1)</script></html>".to_vec();
    not_canonical(&Archive { prefix: html.clone(), ..good() }.bytes());
    not_canonical(&[html, good().bytes()].concat());
    not_canonical(&[b"#!/bin/sh\nexit\n".to_vec(), good().bytes()].concat());
    // A second archive in front, behind, and in the comment.
    not_canonical(&[good().bytes(), good().bytes()].concat());
    not_canonical(&Archive { comment: good().bytes(), ..good() }.bytes());
    // ZIP64: record of 56 bytes and locator of 20 before the end record.
    let mut zip64 = b"PK\x06\x06".to_vec();
    zip64.resize(56, 0);
    zip64.extend(b"PK\x06\x07");
    zip64.resize(76, 0);
    not_canonical(&Archive { before_end: zip64, ..good() }.bytes());
    for at in [4, 6, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21] {
        not_canonical(&Archive { end: vec![(at, 0xff)], ..good() }.bytes());
    }
    for bytes in [&b""[..], b"PK\x05\x06", &[0; 22], &[0; 1000], b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        not_canonical(bytes);
    }
}

#[test]
fn row_14_descriptors_and_extra_fields_are_refused() {
    not_canonical(&with("a", |entry| {
        *entry = entry.clone().both(|header| header.flags |= 8);
        entry.after = [&b"PK\x07\x08"[..], &[0; 12]].concat();
    }));
    // Info-ZIP Unicode path with another name; the same twice; a ZIP64 field; a time.
    let path = [&b"up\x06\0\x01\0\0\0\0z"[..]].concat();
    let zip64 = [&b"\x01\0\x08\0"[..], &[0; 8]].concat();
    let extras = [path.clone(), [path.clone(), path].concat(), zip64, b"UT\x05\0\x01\0\0\0\0".to_vec()];
    for extra in extras {
        not_canonical(&with("a", |entry| entry.central.extra = extra.clone()));
        not_canonical(&with("a", |entry| entry.local.extra = extra.clone()));
        not_canonical(&with("a", |entry| *entry = entry.clone().both(|header| header.extra = extra.clone())));
    }
    not_canonical(&with("a", |entry| entry.comment = b"x".to_vec()));
}

#[test]
fn a_bad_path_after_an_extra_field_is_what_is_told() {
    let extra = stored("a", "x").both(|header| header.extra = b"UT\x05\0\x01\0\0\0\0".to_vec());
    assert_eq!(fault(&Archive::of([extra, stored("b/../../x", "y")]).bytes()), Fault::Path);
}

#[test]
fn row_15_other_methods_and_encryption_are_refused() {
    for method in [1, 9, 12, 14, 93, 95, 99, 0xffff] {
        let bytes = with("a", |entry| *entry = entry.clone().both(|header| header.method = method));
        assert!(matches!(refused(&bytes), PackError::Method { method: found, .. } if found == method));
    }
    for flags in [1, 1 << 6, 1 << 13, 1 << 3, 1 << 1] {
        not_canonical(&with("a", |entry| *entry = entry.clone().both(|header| header.flags |= flags)));
    }
    not_canonical(&with("a", |entry| entry.disk = 1));
}

#[test]
fn row_23_readable_but_not_canonical_is_refused() {
    let mut unsorted = good();
    unsorted.entries.swap(2, 3);
    assert!(matches!(refused(&unsorted.bytes()), PackError::Order { .. }));
    let changes: [fn(&mut Header); 3] =
        [|header| header.time = 0x6000, |header| header.date = 0x5aed, |header| header.needed = 45];
    for change in changes {
        not_canonical(&with("a", |entry| *entry = entry.clone().both(change)));
    }
    for made_by in [0x0014, 0x031e, 0x0b14, 0x0315] {
        not_canonical(&with("a", |entry| entry.made_by = made_by));
    }
    not_canonical(&with("a", |entry| entry.internal = 1));
    // Local entries in another order than the directory.
    let mut swapped = good();
    let offsets: Vec<u32> = swapped
        .entries
        .iter()
        .scan(0, |at, entry| {
            let start = *at;
            *at += 30 + entry.local.name.len() as u32 + entry.data.len() as u32;
            Some(start)
        })
        .collect();
    swapped.entries[2].offset = Some(offsets[3]);
    swapped.entries[3].offset = Some(offsets[2]);
    not_canonical(&swapped.bytes());
    // Deflated, although that is not smaller.
    let longer = Archive::of([deflated("a", "x")]).bytes();
    assert!(matches!(refused(&longer), PackError::Compression { .. }));
}
