//! Object ids, judged by ids that git itself gave.

use gix::hash::Kind;

use super::*;
use crate::model::{Oid, PathError};

fn blob(kind: Kind, content: &[u8]) -> Oid {
    let mut hasher = blob_hasher(kind, content.len() as u64);
    content.chunks(3).for_each(|piece| hasher.update(piece));
    hasher.finish().expect("no attack")
}

/// Names whose order differs between `a`, `a-b`, `a.b`, `a/` and `a0`, in several folders.
const FILES: [(&str, FileMode, &[u8]); 8] = [
    ("a0", FileMode::Regular, b"0\n"),
    ("a/z", FileMode::Executable, b"z\n"),
    ("a/b/c", FileMode::Regular, b"c\n"),
    ("a-b", FileMode::Regular, b"-\n"),
    ("a.b/x", FileMode::Regular, b"x\n"),
    ("a.b0", FileMode::Regular, b""),
    ("B", FileMode::Executable, b"B\n"),
    ("\u{e9}/\u{e9}", FileMode::Regular, b"e\n"),
];

fn trees(kind: Kind) -> Vec<TreeObject> {
    let paths: Vec<TreePath> = FILES.iter().map(|(path, ..)| path.parse().expect("a path")).collect();
    let files = paths.iter().zip(FILES).map(|(path, (_, mode, content))| (path, mode, blob(kind, content)));
    let files: Vec<_> = files.collect();
    let trees = tree_objects(kind, files.iter().copied()).expect("a tree");
    assert_eq!(trees.last().map(|tree| tree.id), tree_id(kind, files).ok());
    trees
}

#[test]
fn ids_are_those_that_git_gives() {
    assert_eq!(blob(Kind::Sha1, b"").to_string(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
    assert_eq!(tree_id(Kind::Sha1, []).expect("a tree").to_string(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    // `git write-tree` after adding the files, in a repository of each object format.
    let root = |kind| trees(kind).pop().expect("a root").id.to_string();
    assert_eq!(root(Kind::Sha1), "d28af4b01693bc359d98530252cd51e66d9f1ef9");
    assert_eq!(root(Kind::Sha256), "f0f74d80f63c46b9ee5a5b18921e75a53e19d2743e46a1aeff15305539f9b876");
}

#[test]
fn trees_come_before_those_that_name_them() {
    let trees = trees(Kind::Sha1);
    assert_eq!(trees.len(), 5);
    for (index, tree) in trees.iter().enumerate() {
        let parsed = gix::objs::TreeRef::from_bytes(&tree.bytes, Kind::Sha1).expect("a tree");
        for entry in parsed.entries.iter().filter(|entry| entry.mode.is_tree()) {
            assert!(trees[..index].iter().any(|before| before.id == entry.oid));
        }
    }
}

#[test]
fn files_that_are_folders_have_no_tree() {
    let paths: Vec<TreePath> = ["x/a", "x/a-b", "x/a/c"].map(|path| path.parse().expect("a path")).into();
    let id = blob(Kind::Sha1, b"");
    let result = tree_id(Kind::Sha1, paths.iter().map(|path| (path, FileMode::Regular, id)));
    let path = "x/a".to_owned();
    assert!(matches!(result, Err(ObjectError::Path(PathError::FileAndFolder { path: found })) if found == path));
    let twice = [&paths[0], &paths[0]].map(|path| (path, FileMode::Regular, id));
    assert!(matches!(tree_id(Kind::Sha1, twice), Err(ObjectError::Path(PathError::Duplicate { .. }))));
}

#[test]
fn a_blob_of_another_length_has_no_id() {
    let mut hasher = blob_hasher(Kind::Sha1, 3);
    hasher.update(b"ab");
    assert!(matches!(hasher.finish(), Err(ObjectError::Size { declared: 3, found: 2 })));
}
