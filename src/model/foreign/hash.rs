//! Hashes that other managers keep of what they installed, computed the way each of them does.
//!
//! They tell whether something was edited, and no more: most of them run path and content together without a mark
//! between, so they are no proof of what a tree is.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use gix::objs::Kind as ObjectKind;
use schemars::JsonSchema;
use serde::Serialize;

use super::InstalledFile;
use super::collate::compare;
use crate::model::{Digest, FileMode, Hasher, Oid};

/// What a manager recorded of an artifact's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignHash {
    /// Python SkillMeat: the content of one file, or path and content of each file of a folder by the parts of the paths.
    Skillmeat(String),
    /// `npx skills`: path and content of each file, in the order of JavaScript's `localeCompare`.
    Folder(String),
    /// `npx skills` for what came from GitHub: the id of the folder's git tree.
    GitTree(String),
    /// `apm`: a hash of each file, line ends of text taken as `\n`; paths are below the artifact.
    Files(BTreeMap<String, String>),
}

/// How an installed artifact stands to the hash that was recorded of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Checked {
    /// The files are those that the manager recorded.
    AsRecorded,
    /// The files are others: edited since, or installed in part.
    Edited,
    /// Nothing can be said.
    NotChecked {
        /// Why.
        reason: &'static str,
    },
}

impl ForeignHash {
    /// Says whether the hash is one over the source's own files, so that files that have it are those of the source.
    pub fn is_of_source(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::GitTree(_))
    }

    /// Compares installed files with the hash.
    ///
    /// `is_file` tells whether the artifact is one file and not a folder.
    pub fn check(&self, files: &[InstalledFile], is_file: bool) -> Checked {
        let verdict = |same| if same { Checked::AsRecorded } else { Checked::Edited };
        if !self.has_known_form() {
            return Checked::NotChecked { reason: "the form of its hash is not known" };
        }
        match self {
            Self::Skillmeat(hex) => verdict(skillmeat(files, is_file) == hex.to_ascii_lowercase()),
            Self::Folder(hex) => match folder(files) {
                Some(found) => verdict(found == hex.to_ascii_lowercase()),
                None => Checked::NotChecked { reason: "the order of its file names depends on the other machine" },
            },
            Self::GitTree(hex) => match git_tree(files) {
                Some(found) => verdict(Oid::from_hex(hex.as_bytes()).is_ok_and(|id| id == found)),
                None => Checked::NotChecked { reason: "its git tree cannot be computed" },
            },
            Self::Files(hashes) => {
                let known = |(path, _, bytes): &InstalledFile| hashes.get(path.as_str()) == Some(&text_hash(bytes));
                verdict(files.len() == hashes.len() && files.iter().all(known))
            }
        }
    }
}

impl ForeignHash {
    fn has_known_form(&self) -> bool {
        let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match self {
            Self::Skillmeat(hex) | Self::Folder(hex) => digits(hex, 64),
            Self::GitTree(hex) => digits(hex, 40),
            Self::Files(hashes) => hashes.values().all(|hex| digits(hex, 64)),
        }
    }
}

fn skillmeat(files: &[InstalledFile], is_file: bool) -> String {
    content_digest(files, is_file).hex()
}

/// Returns the digest that Python SkillMeat keeps of an artifact: of one file, or of a folder.
pub(super) fn content_digest(files: &[InstalledFile], is_file: bool) -> Digest {
    if let ([(_, _, bytes)], true) = (files, is_file) {
        return Digest::of(bytes);
    }
    let mut sorted: Vec<_> = files.iter().collect();
    // Python compares paths by their parts.
    sorted.sort_by(|(a, _, _), (b, _, _)| a.as_str().split('/').cmp(b.as_str().split('/')));
    run_together(&sorted)
}

/// Returns `None` for names whose order is not known.
fn folder(files: &[InstalledFile]) -> Option<String> {
    let ignored = |path: &str| path.split('/').rev().skip(1).any(|part| matches!(part, ".git" | "node_modules"));
    let mut sorted: Vec<_> = files.iter().filter(|(path, _, _)| !ignored(path.as_str())).collect();
    // A single name is in order, whatever it is.
    if sorted.len() > 1 && sorted.iter().any(|(path, _, _)| compare(path.as_str(), "").is_none()) {
        return None;
    }
    sorted.sort_by(|(a, _, _), (b, _, _)| compare(a.as_str(), b.as_str()).unwrap_or(Ordering::Equal));
    Some(run_together(&sorted).hex())
}

/// Returns the digest over paths and contents, one after the other, without a mark between.
pub(super) fn run_together(files: &[&InstalledFile]) -> Digest {
    let mut hasher = Hasher::default();
    for (path, _, bytes) in files {
        hasher.update(path.as_str().as_bytes());
        hasher.update(bytes);
    }
    hasher.finish()
}

/// Hashes one file as `apm` does: text with `\r\n` taken as `\n`, anything else as it is.
fn text_hash(bytes: &[u8]) -> String {
    let is_text = !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok();
    if !is_text || !bytes.windows(2).any(|pair| pair == b"\r\n") {
        return Digest::of(bytes).hex();
    }
    let ends = |at: usize| bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
    let plain: Vec<u8> = (0..bytes.len()).filter(|at| !ends(*at)).map(|at| bytes[at]).collect();
    Digest::of(&plain).hex()
}

/// Returns the SHA-1 id of the git tree that has these files, as GitHub names it.
fn git_tree(files: &[InstalledFile]) -> Option<Oid> {
    let object = |kind, data: &[u8]| gix::objs::compute_hash(gix::hash::Kind::Sha1, kind, data).ok();
    let mut here = BTreeMap::new();
    let mut below: BTreeMap<&str, Vec<InstalledFile>> = BTreeMap::new();
    for (path, mode, bytes) in files {
        match path.as_str().split_once('/') {
            Some((folder, rest)) => {
                below.entry(folder).or_default().push((rest.parse().ok()?, *mode, bytes.clone()));
            }
            None => {
                let mode = if *mode == FileMode::Executable { "100755" } else { "100644" };
                here.insert(path.as_str().to_owned(), (mode, path.as_str(), object(ObjectKind::Blob, bytes)?));
            }
        }
    }
    for (folder, files) in &below {
        // Git sorts a folder as if its name ended with a slash.
        here.insert(format!("{folder}/"), ("40000", *folder, git_tree(files)?));
    }
    let mut data = Vec::new();
    for (mode, name, id) in here.values() {
        data.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        data.extend_from_slice(id.as_slice());
    }
    object(ObjectKind::Tree, &data)
}
