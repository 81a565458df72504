//! One valid encoding: golden bytes, threads, order, and the layout by an independent builder.

use super::raw::{Archive, deflated, stored};
use super::*;

/// SHA-256 of the pack of `SAMPLES`. A change here is a new format: old packs keep their digests for ever.
const GOLDEN: [(Compression, &str); 2] = [
    (Compression::Store, "sha256:43f2381963fa3983b7ce4c0495dda2d1d4b5bcfbf585524c8c98a731d0cebbaa"),
    (Compression::Deflate, "sha256:acdbbd9b34ee7e552248572acb3b361f0f2e488aa60c025dd5d9b8dc03e06a7d"),
];

#[test]
fn golden_digests_never_change() {
    for (compression, digest) in GOLDEN {
        assert_eq!(Digest::of(&pack(&SAMPLES, compression)).to_string(), digest, "{compression:?}");
    }
}

/// The bytes of `schema/pack.md`, section 8, which were made without this program.
#[test]
fn the_example_of_the_schema_is_what_is_written() {
    let schema = include_str!("../../../schema/pack.md");
    let (_, rest) = schema.split_once("```text\n").expect("an example");
    let (lines, after) = rest.split_once("```").expect("its end");
    let hex = lines.lines().flat_map(|line| line[6..53].split_whitespace());
    let expected: Vec<u8> = hex.map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect();
    let (files, contents) = list(&[("run.sh", FileMode::Executable, b"#!/bin/sh\n")]);
    let mut out = Vec::new();
    let limits = Limits::default();
    let written = write_pack(b"t", b"c", &files, &contents, Compression::Deflate, &limits, &mut out).expect("written");
    assert_eq!(out, expected);
    assert!(after.contains(&written.digest.hex()));
}

/// Text of many lengths and shapes: all block types of the encoder, matches at every distance, incompressible runs.
fn varied() -> Vec<(String, Vec<u8>)> {
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let lengths = [1, 2, 3, 7, 31, 258, 259, 4096, 32_767, 32_768, 65_536, 100_000];
    let mut files = Vec::new();
    for length in lengths {
        for mask in [0x00, 0x01, 0x0f, 0x3f, 0xff] {
            files.push((format!("f/{length}-{mask}"), (0..length).map(|_| random() & mask).collect()));
        }
        let words: Vec<u8> = (0..length).map(|at| b"the quick brown fox "[(at * at / 7) % 20]).collect();
        files.push((format!("f/{length}-words"), words));
    }
    files
}

/// The pinned encoder on inputs large enough to use all of it.
#[test]
fn the_encoder_is_the_one_that_the_format_names() {
    let files = varied();
    let samples: Vec<Sample> = files.iter().map(|(path, content)| (&**path, FileMode::Regular, &**content)).collect();
    let digest = Digest::of(&pack(&samples, Compression::Deflate));
    assert_eq!(digest.to_string(), "sha256:116dd0ef4e0ef8c8e291510a51597b79bb56724a91c2e57e958451a248d1da84");
}

#[test]
fn the_same_bytes_with_any_threads_and_order() {
    let files = varied();
    let mut samples: Vec<Sample> =
        files.iter().map(|(path, content)| (&**path, FileMode::Regular, &**content)).collect();
    let expected = pack(&samples, Compression::Deflate);
    samples.reverse();
    assert!(pack(&samples, Compression::Deflate) == expected, "another order");
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        assert!(pool.install(|| pack(&samples, Compression::Deflate)) == expected, "{threads} threads");
    }
}

#[test]
fn the_layout_is_that_of_an_independent_builder() {
    let executable = |entry: raw::Raw| entry.with(|entry| entry.attributes = 0o100_755 << 16);
    for (compression, packed) in [(Compression::Store, stored as fn(_, _) -> _), (Compression::Deflate, deflated)] {
        let entries = SAMPLES.map(|(path, mode, content)| {
            // Short files do not get smaller.
            let entry = if content.len() > 40 { packed(path, content) } else { stored(path, content) };
            if mode == FileMode::Executable { executable(entry) } else { entry }
        });
        assert_eq!(pack(&SAMPLES, compression), Archive::of(entries).bytes());
    }
}

#[test]
fn a_pack_that_stores_has_nothing_compressed() {
    let deflated = open(&pack(&SAMPLES, Compression::Deflate)).expect("good");
    assert_eq!(deflated.check_packed(None).expect_err("refused").fault(), Fault::Pack);
    let stored = open(&pack(&SAMPLES, Compression::Store)).expect("good");
    assert!(stored.check_packed(None).is_ok());
}

/// The digest of the samples as a pack holds them.
pub(super) fn packed(compression: Compression) -> Digest {
    let entries = SAMPLES.map(|(path, mode, content)| {
        let bytes = held(path, content, compression);
        FileEntry { path: path.parse().expect("a path"), mode, size: bytes.len() as u64, sha256: Digest::of(&bytes) }
    });
    packed_digest(&entries)
}

#[test]
fn a_pack_that_deflates_has_the_bytes_that_its_manifest_names() {
    let pack = open(&pack(&SAMPLES, Compression::Deflate)).expect("good");
    assert!(pack.check_packed(Some(packed(Compression::Deflate))).is_ok());
    let error = pack.check_packed(Some(packed(Compression::Store))).expect_err("refused");
    assert!(matches!(error, PackError::Packed { .. }) && error.fault() == Fault::Hash, "{error}");
}

#[test]
fn what_proves_the_rest_is_never_deflated() {
    let long = b"bundle bundle bundle bundle bundle bundle bundle bundle bundle".as_slice();
    let manifest = ("bundle.toml", FileMode::Regular, long);
    let bytes = pack(&[manifest], Compression::Deflate);
    assert_eq!(bytes, pack(&[manifest], Compression::Store));
    let error = refused(&Archive::of([deflated("bundle.toml", long)]).bytes());
    assert!(matches!(error, PackError::Compression { compression: Compression::Store, .. }), "{error}");
}
