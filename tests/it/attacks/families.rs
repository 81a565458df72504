//! The fourteen families: A, what an entry is; B, what names mean; C, in `places.rs`, where entries are.

use super::places::{counts, offsets, several_ends, streams, zip64};
use super::raw::{Archive, Header, Raw, stored};

/// Makes the archives of one family from a good one.
type Family = fn(&Archive) -> Vec<Vec<u8>>;

/// Names of the paper.
pub const ALL: [(&str, Family); 14] = [
    ("A1", methods),
    ("A2", sizes),
    ("A3", other_names),
    ("A4", kinds),
    ("A5", encryption),
    ("B1", twice),
    ("B2", special_bytes),
    ("B3", spellings),
    ("B4", letter_case),
    ("C1", streams),
    ("C2", several_ends),
    ("C3", counts),
    ("C4", offsets),
    ("C5", zip64),
];

/// The entry that families change: `LICENSE`, the third.
pub const CHANGED: usize = 2;

/// Changes that entry.
pub fn with(good: &Archive, change: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut archive = good.clone();
    change(&mut archive.entries[CHANGED]);
    archive.bytes()
}

/// Adds entries in the order of their names.
pub fn also(good: &Archive, entries: impl IntoIterator<Item = Raw>) -> Archive {
    let mut archive = good.clone();
    archive.entries.extend(entries);
    archive.entries.sort_by(|a, b| a.central.name.cmp(&b.central.name));
    archive
}

/// Both headers, or one of them.
fn headers(entry: &mut Raw, which: usize, change: impl Fn(&mut Header)) {
    if which != 1 {
        change(&mut entry.local);
    }
    if which != 0 {
        change(&mut entry.central);
    }
}

fn methods(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for which in [0, 1, 2] {
        for method in [0, 1, 8, 9, 12, 93, 99] {
            for same_size in [false, true] {
                let bytes = with(good, |entry| {
                    headers(entry, which, |header| {
                        header.method = method;
                        header.held = if same_size { header.size } else { header.held };
                    });
                });
                out.push(bytes);
            }
        }
    }
    // Those that changed nothing are not of the family.
    let same = good.bytes();
    out.retain(|bytes| *bytes != same);
    out
}

/// What stands behind an entry of unknown length: CRC and sizes, with or without signature, in 32 or 64 bits.
fn descriptor(entry: &Raw, signed: bool, wide: bool, zero: bool) -> Vec<u8> {
    let mut out = if signed { b"PK\x07\x08".to_vec() } else { Vec::new() };
    out.extend(entry.central.crc.to_le_bytes());
    for size in [entry.central.held, entry.central.size] {
        let size = if zero { 0 } else { size };
        out.extend(if wide { u64::from(size).to_le_bytes().to_vec() } else { size.to_le_bytes().to_vec() });
    }
    out
}

fn sizes(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    // Each of the four sizes gone, or one more.
    for bits in 1..16 {
        for value in [None, Some(1)] {
            let of = |bit: u32, size: &mut u32| {
                if bits >> bit & 1 == 1 {
                    *size = value.map_or(0, |more| *size + more);
                }
            };
            out.push(with(good, |entry| {
                of(0, &mut entry.local.held);
                of(1, &mut entry.local.size);
                of(2, &mut entry.central.held);
                of(3, &mut entry.central.size);
            }));
        }
    }
    for bits in 0..16 {
        let flag = |bit: u32| bits >> bit & 1 == 1;
        out.push(with(good, |entry| {
            entry.after = descriptor(entry, flag(0), flag(1), flag(2));
            headers(entry, 2, |header| header.flags |= 8);
            if flag(3) {
                (entry.local.crc, entry.local.held, entry.local.size) = (0, 0, 0);
            }
        }));
    }
    for which in [0, 1, 2] {
        for wrong in [0, 1] {
            out.push(with(good, |entry| {
                headers(entry, which, |header| {
                    header.extra = vec![1, 0, 16, 0];
                    header.extra.extend((u64::from(header.size) + wrong).to_le_bytes());
                    header.extra.extend((u64::from(header.held) + wrong).to_le_bytes());
                    (header.held, header.size) = (u32::MAX, u32::MAX);
                });
            }));
        }
    }
    out
}

/// The extra field of Info-ZIP for a name in UTF-8.
fn unicode_path(version: u8, crc: u32, name: &[u8]) -> Vec<u8> {
    let mut out = b"up".to_vec();
    out.extend((5 + name.len() as u16).to_le_bytes());
    out.push(version);
    out.extend(crc.to_le_bytes());
    out.extend(name);
    out
}

fn other_names(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for which in [0, 1] {
        for name in [&b"LICENSF"[..], b"LICENSE.md", b"../LICENSE", b"L"] {
            out.push(with(good, |entry| headers(entry, which, |header| header.name = name.to_vec())));
        }
    }
    let crc = crc32fast::hash(&good.entries[CHANGED].central.name);
    for which in [0, 1, 2] {
        for version in [0, 1, 2] {
            for crc in [crc, 0] {
                let field = |name| unicode_path(version, crc, name);
                for extra in [field(b"other"), [field(b"one"), field(b"two")].concat(), field(b"LICENSE")] {
                    out.push(with(good, |entry| headers(entry, which, |header| header.extra = extra.clone())));
                }
            }
        }
    }
    for which in [0, 1, 2] {
        // One name, as UTF-8 for some and as the code page of the first PCs for others.
        out.push(with(good, |entry| headers(entry, which, |header| header.flags ^= 0x800)));
        let mut archive = good.clone();
        headers(&mut archive.entries[3], which, |header| header.flags ^= 0x800);
        out.push(archive.bytes());
    }
    out
}

fn kinds(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for name in ["x/", "x\\", "LICENSE/", "skills\\pdf\\run.sh"] {
        for content in ["", "content"] {
            out.push(also(good, [stored(name, content)]).bytes());
        }
    }
    for attributes in [0x10, 0o040_755 << 16, (0o040_755 << 16) | 0x10, (0o100_644 << 16) | 0x10, 0o120_777 << 16, 0] {
        for made_by in [0x0014, 0x0314, 0x1314, 0x0b14] {
            out.push(with(good, |entry| (entry.attributes, entry.made_by) = (attributes, made_by)));
        }
    }
    out
}

fn encryption(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for which in [0, 1, 2] {
        for flags in [1, 1 | 1 << 6, 1 << 13, 1 << 6, 1 | 8] {
            out.push(with(good, |entry| headers(entry, which, |header| header.flags |= flags)));
            // All entries, so that no reader gets past the first.
            let mut archive = good.clone();
            archive.entries.iter_mut().for_each(|entry| headers(entry, which, |header| header.flags |= flags));
            out.push(archive.bytes());
        }
    }
    out
}

fn twice(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for at in 0..good.entries.len() {
        let name = good.entries[at].central.name.clone();
        for content in ["", "other content", "MIT"] {
            let mut archive = good.clone();
            archive.entries.insert(at, stored(&name, content));
            out.push(archive.bytes());
            let mut archive = good.clone();
            archive.entries.push(stored(&name, content));
            out.push(archive.bytes());
        }
    }
    out
}

/// Bytes that a path may hold as they are, so that with the host Unix the archive would say one thing.
fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/ !#$%&'()+,-.;=@[]^_`{}~".contains(&byte)
}

fn special_bytes(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for byte in 0..=u8::MAX {
        let named = |name: [u8; 3]| stored(name, "x");
        if !byte.is_ascii_alphanumeric() {
            out.push(also(good, [named([b'a', byte, b'b']).with(|entry| entry.made_by = 0x0014)]).bytes());
        }
        if !may_stand(byte) {
            out.push(also(good, [named([b'a', byte, b'b'])]).bytes());
            out.push(also(good, [named([b'a', byte, b'b']), named([b'a', b'_', b'b'])]).bytes());
        }
    }
    out
}

fn spellings(good: &Archive) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let other = [
        "/a/b",
        "a//b",
        "a\\b",
        "./a/b",
        "a/./b",
        "a/b/.",
        "../a/b",
        "a/b/",
        "c/../a/b",
        "a/b.",
        "a/b ",
        "a /b",
        "a./b",
        "\\a\\b",
        "//a/b",
        "a/b::$DATA",
        "c:a/b",
        "a/b\0",
        "a/B\u{200d}",
        "a/ｂ",
    ];
    for name in other {
        for (first, second) in [("a", "b"), ("b", "a")] {
            out.push(also(good, [stored("a/b", first), stored(name, second)]).bytes());
        }
        let mut archive = good.clone();
        archive.entries.extend([stored(name, "1"), stored("a/b", "2")]);
        out.push(archive.bytes());
    }
    out
}

fn letter_case(good: &Archive) -> Vec<Vec<u8>> {
    let pairs = [
        ("test.txt", "test.TXT"),
        ("License", "license"),
        ("a/x", "A/y"),
        ("straße", "STRASSE"),
        ("é", "É"),
        ("k", "\u{212a}"),
        ("kapı", "kapi"),
        ("ǆ", "ǅ"),
    ];
    pairs.iter().map(|(one, other)| also(good, [stored(one, "1"), stored(other, "2")]).bytes()).collect()
}
