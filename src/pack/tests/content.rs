//! Rows 17 to 20 and 24: truncation, flips, bombs and contents that do not match.

use super::canonical::packed;
use super::raw::{Archive, deflated, stored};
use super::*;

#[test]
fn row_17_every_truncation_is_refused() {
    for compression in [Compression::Store, Compression::Deflate] {
        let bytes = pack(&SAMPLES, compression);
        for length in 0..bytes.len() {
            assert_eq!(fault(&bytes[..length]), Fault::Pack, "{length}");
        }
        assert_eq!(fault(&[&bytes[..], b"\0"].concat()), Fault::Pack);
    }
}

/// A flip is refused, or changes the tree digest, or spells the same contents in another deflate stream; the
/// last is left to the digest of the packed bytes, which no flip keeps.
#[test]
fn row_17_no_flip_passes_for_the_original() {
    let bytes = pack(&SAMPLES, Compression::Deflate);
    let original = read_all(&bytes).expect("good");
    let packed = packed(Compression::Deflate);
    let deflated = deflated_ranges(&bytes);
    let (mut modes, mut spellings) = (0, 0);
    for at in 0..bytes.len() {
        for flip in [1, 2, 4, 8, 16, 32, 64, 128, 0xff, 0x49] {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            match read_all(&flipped) {
                Err(error) => assert_ne!(error.fault(), Fault::Io, "{at} {flip}: {error}"),
                Ok(all) if all == original => {
                    assert!(deflated.iter().any(|range| range.contains(&at)), "{at} {flip}");
                    let packed = open(&flipped).expect("good").check_packed(Some(packed));
                    assert!(matches!(packed, Err(PackError::Packed { .. })), "{at} {flip}");
                    spellings += 1;
                }
                Ok(all) => {
                    // 644 ^ 755: the mode stands in the directory alone, and only the manifest can tell.
                    assert!(flip == 0x49 && all.tree != original.tree, "{at} {flip}");
                    modes += 1;
                }
            }
        }
    }
    assert_eq!(modes, SAMPLES.len());
    assert!(spellings > 0, "the digest of the packed bytes is needed");
}

/// Where the deflated bytes are, found by the local headers.
fn deflated_ranges(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four")) as usize;
    let starts = (0..bytes.len() - 30).filter(|at| bytes[*at..].starts_with(b"PK\x03\x04") && bytes[at + 8] == 8);
    starts.map(|at| (at + 30 + bytes[at + 26] as usize, number(at + 18))).map(|(at, held)| at..at + held).collect()
}

#[test]
fn row_18_high_ratio_alone_is_accepted() {
    let zeros = vec![0; 10 * 1024 * 1024];
    let bytes = pack(&[("zeros", FileMode::Regular, &zeros)], Compression::Deflate);
    assert!(bytes.len() < 12_000, "{}", bytes.len());
    let mut read = 0;
    open(&bytes)
        .expect("good")
        .read(0, &mut |piece| {
            assert!(piece.len() <= 64 * 1024);
            read += piece.len();
        })
        .expect("good");
    assert_eq!(read, zeros.len());
}

#[test]
fn row_19_limits_are_checked_before_anything_is_inflated() {
    let sized = |size: u32| stored("a", "x").both(|header| header.size = size);
    assert_eq!(fault(&Archive::of([sized(MAX_FILE_BYTES as u32 + 1)]).bytes()), Fault::Limit);
    let many = (0..6).map(|index| deflated(format!("f{index}"), [0; 1000]));
    let bomb = Archive::of(many.map(|entry| entry.both(|header| header.size = MAX_FILE_BYTES as u32)));
    assert!(matches!(refused(&bomb.bytes()), PackError::Limit { what: LimitKind::Unpacked, .. }));
    let tiny = Archive::of((0..5).map(|index| stored(format!("f{index}"), ""))).bytes();
    let limits = |files, pack_bytes| Limits { files, pack_bytes, ..Limits::default() };
    assert!(open_with(&tiny, &limits(5, 10_000)).is_ok());
    for limits in [limits(4, 10_000), limits(5, 300)] {
        assert_eq!(open_with(&tiny, &limits).expect_err("refused").fault(), Fault::Limit);
    }
    // 65,535 entries, as a ZIP64 archive of a million says.
    let million = Archive { end: vec![(8, 0xff), (9, 0xff), (10, 0xff), (11, 0xff)], ..Archive::of([]) };
    assert_eq!(fault(&million.bytes()), Fault::Limit);
}

#[test]
fn row_19_more_than_declared_stops_while_streaming() {
    for size in [2000, 100_000, 999_999] {
        let entry = deflated("a", vec![0; 1_000_000]).both(|header| header.size = size);
        let bytes = Archive::of([entry]).bytes();
        assert_eq!(fault(&bytes), Fault::Limit);
        let pack = open(&bytes).expect("the container is canonical");
        let mut given = 0;
        assert!(pack.read(0, &mut |piece| given += piece.len()).is_err());
        assert!(given <= size as usize, "{given}");
    }
}

#[test]
fn row_19_overlapping_entries_are_refused() {
    let mut archive = Archive::of([deflated("a", [0; 500]), deflated("b", [0; 500])]);
    archive.entries[3].in_body = false;
    archive.entries[3].offset = Some(30);
    assert_eq!(fault(&archive.bytes()), Fault::Pack);
}

#[test]
fn row_20_a_pack_in_a_pack_is_a_plain_file() {
    let inner = pack(&SAMPLES, Compression::Store);
    let outer = pack(&[("inner.skillmeat-pack", FileMode::Regular, &inner)], Compression::Store);
    assert_eq!(content(&open(&outer).expect("good"), 0).expect("good"), inner);
}

#[test]
fn row_24_content_that_does_not_match_is_refused() {
    let text = [b'x'; 1000];
    let with = |change: fn(&mut super::raw::Header)| Archive::of([deflated("a", text).both(change)]).bytes();
    assert!(matches!(refused(&with(|header| header.crc ^= 1)), PackError::Checksum { .. }));
    assert_eq!(fault(&with(|header| header.size += 1)), Fault::Hash);
    assert_eq!(fault(&with(|header| header.size -= 1)), Fault::Limit);
    let stored = Archive::of([stored("a", "abc").with(|entry| entry.data[0] = b'z')]).bytes();
    assert_eq!(fault(&stored), Fault::Hash);
}

#[test]
fn broken_deflate_streams_are_refused() {
    let entry = deflated("a", [b'x'; 1000]);
    let held = |data: Vec<u8>| {
        let length = data.len() as u32;
        let entry = entry.clone().both(|header| header.held = length).with(|entry| entry.data = data);
        refused(&Archive::of([entry]).bytes())
    };
    let good = entry.data.clone();
    assert!(matches!(held(good[..good.len() - 1].to_vec()), PackError::Deflate { .. }));
    assert!(matches!(held(Vec::new()), PackError::Deflate { .. }));
    assert!(matches!(held([&good[..], b"\0"].concat()), PackError::Trailing { .. }));
    assert!(matches!(held([good.clone(), good.clone()].concat()), PackError::Trailing { .. }));
    assert!(matches!(held(vec![0xff; 20]), PackError::Deflate { .. }), "block type 3");
    assert!(matches!(held(b"\x00\x00\x00\xff\xff".repeat(100)), PackError::Deflate { .. }), "empty blocks, no end");
}
