//! Families C: where entries are, in the directory, in the stream and at the end.

use super::families::{CHANGED, also, with};
use super::raw::{Archive, deflated, stored};

pub fn streams(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for at in 0..good.entries.len() {
        let mut hidden = good.clone();
        hidden.entries[at].in_directory = false;
        out.push(hidden.bytes());
        let mut missing = good.clone();
        missing.entries[at].in_body = false;
        out.push(missing.bytes());
    }
    // An entry inside the content of another, which only one of two ways of reading finds.
    let inner = Archive { entries: vec![stored("a", "inner")], ..Archive::default() }.bytes();
    for overlap in [false, true] {
        for host in [stored("junk", &inner), deflated("junk", [&inner[..], &[b'x'; 200]].concat())] {
            let start = u32::try_from(30 + host.local.name.len()).expect("small");
            let mut archive = Archive { entries: vec![host, stored("a", "inner")], ..Archive::default() };
            archive.entries[1].in_body = false;
            archive.entries[1].offset = Some(start);
            archive.entries[0].in_directory = overlap;
            archive.entries.extend(good.entries.clone());
            out.push(archive.bytes());
        }
    }
    // Bytes between, before and behind entries, that a reader of the stream takes for something.
    for piece in [&b"\0"[..], b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06", &inner] {
        out.push(with(good, |entry| entry.after = piece.to_vec()));
        out.push(with(good, |entry| entry.comment = piece.to_vec()));
        out.push(Archive { before_directory: piece.to_vec(), ..good.clone() }.bytes());
        out.push(Archive { before_end: piece.to_vec(), ..good.clone() }.bytes());
        out.push(Archive { prefix: piece.to_vec(), ..good.clone() }.bytes());
        out.push(Archive { suffix: piece.to_vec(), ..good.clone() }.bytes());
    }
    out
}

/// Changes the length of the comment in the end record of `bytes`, which has none.
fn comment_length(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    let at = bytes.len() - 2;
    bytes[at..].copy_from_slice(&u16::try_from(length).expect("short").to_le_bytes());
    bytes
}

pub fn several_ends(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let small = |name: &str| Archive { entries: vec![stored(name, "x")], ..Archive::default() };
    for (first, second) in [(good.clone(), small("b")), (small("a"), good.clone())] {
        let (head, tail) = (first.bytes(), second.bytes());
        let moved = Archive { prefix: head.clone(), ..second.clone() }.bytes()[head.len()..].to_vec();
        for tail in [tail, moved] {
            for length in [0, tail.len(), tail.len() + 1, tail.len() - 1, 1] {
                out.push([comment_length(head.clone(), length), tail.clone()].concat());
                out.push([comment_length(head.clone(), length), comment_length(tail.clone(), 1), vec![0]].concat());
            }
        }
    }
    for comment in [&b"\0"[..], b"PK\x05\x06", &small("c").bytes(), &good.bytes()] {
        out.push(Archive { comment: comment.to_vec(), ..good.clone() }.bytes());
    }
    out
}

/// Offset and bytes of the changed end record.
fn end(good: &Archive, changes: &[(usize, &[u8])]) -> Vec<u8> {
    let bytes = |(at, bytes): &(usize, &[u8])| bytes.iter().enumerate().map(|(i, b)| (at + i, *b)).collect::<Vec<_>>();
    Archive { end: changes.iter().flat_map(bytes).collect(), ..good.clone() }.bytes()
}

/// Length of an archive's directory and of its last entry there.
fn directory(archive: &Archive) -> (u32, u32) {
    let lengths = archive.entries.iter().map(|entry| 46 + u32::try_from(entry.central.name.len()).expect("short"));
    (lengths.clone().sum(), lengths.clone().next_back().unwrap_or_default())
}

pub fn counts(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let count = u16::try_from(good.entries.len()).expect("few");
    let (length, last) = directory(good);
    for bits in 1..8 {
        for less in [1, 2, u16::MAX] {
            let fewer = count.wrapping_sub(less).to_le_bytes();
            let shorter = (length - last).to_le_bytes();
            let all: [(usize, &[u8]); 3] = [(8, &fewer), (10, &fewer), (12, &shorter)];
            let chosen: Vec<_> = (0..3).filter(|bit| bits >> bit & 1 == 1).map(|bit| all[bit]).collect();
            out.push(end(good, &chosen));
        }
    }
    // 65,536 entries more than two bytes can count; once is enough, it has six megabytes.
    if good.entries[CHANGED].local.method == 0 {
        out.push(also(good, (0..65_536).map(|number| stored(format!("f/{number:05}"), ""))).bytes());
    }
    out
}

pub fn offsets(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let bytes = good.bytes();
    let (length, _) = directory(good);
    let start = bytes.len() - 22 - length as usize;
    let (body, rest) = bytes.split_at(start);
    let (found, last) = rest.split_at(length as usize);
    // Two directories of one length: that at the offset, and that before the end record.
    let mut other = found.to_vec();
    let name = other.windows(7).position(|window| window == b"LICENSE").expect("there");
    other[name..name + 7].copy_from_slice(b"LICENSF");
    out.push([body, &other, found, last].concat());
    out.push([body, found, &other, last].concat());
    for prefix in [&b"x"[..], b"#!/bin/sh\nexit\n", b"<html></html>", b"%PDF-1.7\n", &bytes] {
        // Offsets that count the prefix, and offsets that do not.
        out.push([prefix, &bytes].concat());
        out.push(Archive { prefix: prefix.to_vec(), ..good.clone() }.bytes());
        out.push([body, prefix, found, last].concat());
        out.push([body, found, prefix, last].concat());
    }
    for offset in [0, 1, start as u32 - 1, start as u32 + 1, u32::MAX] {
        out.push(end(good, &[(16, &offset.to_le_bytes())]));
    }
    for at in 0..good.entries.len() {
        for offset in [0, 1, u32::MAX] {
            let mut archive = good.clone();
            archive.entries[at].offset = Some(offset);
            out.push(archive.bytes());
        }
    }
    let same = good.bytes();
    out.retain(|bytes| *bytes != same);
    out
}

/// The end record of ZIP64 and its locator, for a directory of `count` entries.
fn zip64_end(count: u64, length: u64, start: u64, record_at: u64, extensible: &[u8]) -> Vec<u8> {
    let mut out = b"PK\x06\x06".to_vec();
    out.extend((44 + extensible.len() as u64).to_le_bytes());
    out.extend([45, 3, 45, 0]);
    out.extend([0; 8]);
    for number in [count, count, length, start] {
        out.extend(number.to_le_bytes());
    }
    out.extend(extensible);
    out.extend(b"PK\x06\x07");
    out.extend([0; 4]);
    out.extend(record_at.to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out
}

pub fn zip64(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let (length, last) = directory(good);
    let start = (good.bytes().len() - 22) as u64 - u64::from(length);
    let (count, length, last) = (good.entries.len() as u64, u64::from(length), u64::from(last));
    let record = start + length;
    let records = [
        zip64_end(count, length, start, record, b""),
        zip64_end(count - 1, length - last, start, record, b""),
        zip64_end(count, length, start, record - 1, b""),
        zip64_end(count, length, start, 0, b""),
        zip64_end(count, length, 0, record, b""),
        zip64_end(count, length, start, record, &[0x37, 0x13, 4, 0, 0, 0, b'P', b'K', 5, 6]),
        // A gap between record and locator, and one behind it.
        [&zip64_end(count, length, start, record, b"")[..56], b"\0", &zip64_end(0, 0, 0, record, b"")[56..]].concat(),
        [&zip64_end(count, length, start, record, b"")[..], b"\0"].concat(),
    ];
    for before_end in &records {
        for bits in 0..16 {
            let whole = [0xff; 4];
            let all: [&[(usize, &[u8])]; 4] =
                [&[(4, &whole)], &[(8, &whole[..2]), (10, &whole[..2])], &[(12, &whole)], &[(16, &whole)]];
            let chosen: Vec<_> = (0..4).filter(|bit| bits >> bit & 1 == 1).flat_map(|bit| all[bit].to_vec()).collect();
            out.push(end(&Archive { before_end: before_end.clone(), ..good.clone() }, &chosen));
        }
    }
    for bits in 1..8 {
        let whole: &[u8] = &[0xff; 4];
        let all = [(8, &whole[..2]), (12, whole), (16, whole)];
        let chosen: Vec<_> = (0..3).filter(|bit| bits >> bit & 1 == 1).map(|bit| all[bit]).collect();
        out.push(end(good, &chosen));
    }
    out
}
