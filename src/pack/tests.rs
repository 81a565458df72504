//! Claims of the pack; rows are those of the attack list.

mod canonical;
mod content;
mod hostile;
mod objects;
mod old;
mod paths;
mod raw;
mod round;

use std::error::Error;
use std::fs::File;
use std::io::Write;

use super::*;
use crate::model::{Compression, Digest, FileEntry, FileMode, TreePath, tree_digest};

pub(super) const TAG: &[u8] = b"object 1\ntype commit\ntag kit--v1.0.0\n";
pub(super) const COMMIT: &[u8] = b"tree 1\nauthor A <a@example.org> 0 +0000\n";

impl Contents for Vec<Vec<u8>> {
    fn size(&self, index: usize) -> u64 {
        self[index].len() as u64
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(self[index].clone())
    }
}

/// A file to pack: path, executable or not, content.
type Sample<'a> = (&'a str, FileMode, &'a [u8]);

const SAMPLES: [Sample; 5] = [
    ("LICENSE", FileMode::Regular, b"MIT\n"),
    (".claude-plugin/plugin.json", FileMode::Regular, b"{}"),
    ("skills/pdf/run.sh", FileMode::Executable, b"#!/bin/sh\necho echo echo echo echo echo echo echo\n"),
    ("skills/pdf/Größe.md", FileMode::Regular, b"abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc"),
    ("skills/pdf/empty", FileMode::Regular, b""),
];

fn list(samples: &[Sample]) -> (Vec<(TreePath, FileMode)>, Vec<Vec<u8>>) {
    let files = samples.iter().map(|(path, mode, _)| (path.parse().expect("a path"), *mode)).collect();
    (files, samples.iter().map(|(.., content)| content.to_vec()).collect())
}

fn pack(samples: &[Sample], compression: Compression) -> Vec<u8> {
    let (files, contents) = list(samples);
    let mut out = Vec::new();
    let written = write_pack(TAG, COMMIT, &files, &contents, compression, &Limits::default(), &mut out);
    let written = written.expect("written");
    assert_eq!(written, Written { size: out.len() as u64, digest: Digest::of(&out) });
    out
}

fn open_with(bytes: &[u8], limits: &Limits) -> Result<Pack, PackError> {
    let mut file: File = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).expect("written");
    Pack::open(file, limits)
}

fn open(bytes: &[u8]) -> Result<Pack, PackError> {
    open_with(bytes, &Limits::default())
}

fn content(pack: &Pack, index: usize) -> Result<Vec<u8>, PackError> {
    let mut out = Vec::new();
    pack.read(index, &mut |bytes| out.extend_from_slice(bytes))?;
    Ok(out)
}

/// Everything a pack says, read to its end.
#[derive(Debug, PartialEq, Eq)]
struct All {
    tag: Vec<u8>,
    commit: Vec<u8>,
    tree: Digest,
}

fn read_all(bytes: &[u8]) -> Result<All, PackError> {
    let pack = open(bytes)?;
    let entries: Result<Vec<_>, _> = (0..pack.files().len())
        .map(|index| {
            let file = pack.files()[index].clone();
            let sha256 = Digest::of(&content(&pack, index)?);
            Ok::<_, PackError>(FileEntry { path: file.path, mode: file.mode, size: file.size, sha256 })
        })
        .collect();
    Ok(All { tag: pack.tag()?, commit: pack.commit()?, tree: tree_digest(&entries?) })
}

/// What is wrong with these bytes; the message must be fit for a terminal.
fn refused(bytes: &[u8]) -> PackError {
    let error = read_all(bytes).expect_err("refused");
    let message = error.to_string();
    assert!(message.len() < 4096 && !message.chars().any(char::is_control), "{message}");
    error
}

fn fault(bytes: &[u8]) -> Fault {
    refused(bytes).fault()
}
