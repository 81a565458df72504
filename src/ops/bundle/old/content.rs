//! What of an old pack becomes artifacts, in the form that a collection has.

use super::super::Error;
use super::read::{Held, Old, OldLeft};
use crate::git::Repo;
use crate::model::foreign::InstalledFile;
use crate::model::{ArtifactName, ArtifactRef, Digest, FileEntry, Kind, Oid, TreePath, shown, tree_digest};
use crate::ops::collection::{Opened, Reason, SourceFile, entries, installed_files, license};

/// The artifacts of an old pack.
#[derive(Debug)]
pub struct OldContent {
    pub(super) artifacts: Vec<OldArtifact>,
    /// What the pack calls an artifact that gets another name.
    pub renamed: Vec<(ArtifactRef, String)>,
    /// What stays behind, that of the pack included.
    pub left: Vec<OldLeft>,
    /// Tree digest over all files with their paths in the collection: what is agreed to.
    pub digest: Digest,
}

/// One artifact, ready to be put into a collection.
#[derive(Debug)]
pub(super) struct OldArtifact {
    pub(super) artifact: ArtifactRef,
    /// Its files, with their paths below it.
    pub(super) content: Vec<SourceFile>,
    /// The same, with their paths in the collection.
    pub(super) files: Vec<FileEntry>,
    pub(super) digest: Digest,
    pub(super) license: Option<String>,
}

/// Brings the members of a pack into the form of a collection; what cannot be is left with a reason.
///
/// `repo` is only asked for the form of its ids: nothing is written into it. What comes out depends on the pack alone.
///
/// # Errors
/// [`Error::NothingToTake`].
pub fn content(repo: &Repo, old: &Old) -> Result<OldContent, Error> {
    let mut artifacts: Vec<OldArtifact> = Vec::new();
    let (mut renamed, mut left) = (Vec::new(), old.report.left.clone());
    for held in &old.members {
        let label = shown(&held.member.label());
        let taken = take(repo, held, &mut left);
        let clash = |artifact: &ArtifactRef| artifacts.iter().any(|known| known.artifact == *artifact);
        let taken = taken.and_then(|taken| {
            let reason = || format!("another member is '{}' here, and is taken", taken.artifact);
            if clash(&taken.artifact) { Err(("clash", reason())) } else { Ok(taken) }
        });
        match taken {
            Err((id, reason)) => left.push(OldLeft { name: label, id, reason }),
            Ok(taken) => {
                if taken.artifact.to_string() != held.member.label() {
                    renamed.push((taken.artifact.clone(), label));
                }
                artifacts.push(taken);
            }
        }
    }
    if artifacts.is_empty() {
        return Err(Error::NothingToTake(old.path.clone()));
    }
    artifacts.sort_by(|a, b| a.artifact.cmp(&b.artifact));
    let digest = tree_digest(artifacts.iter().flat_map(|taken| &taken.files));
    Ok(OldContent { artifacts, renamed, left, digest })
}

fn take(repo: &Repo, held: &Held, left: &mut Vec<OldLeft>) -> Result<OldArtifact, Reason> {
    let called = held.member.name.trim_end_matches(".md");
    let name = ArtifactName::normalise(held.kind, called).map_err(|error| ("name", error.to_string()))?;
    let artifact = ArtifactRef::new(held.kind, name);
    let content = match held.kind {
        Kind::Agent | Kind::Command => vec![one_file(held, called, left)?],
        Kind::Hook | Kind::Mcp | Kind::Skill => in_form(repo, &artifact, held)?,
    };
    let files = entries(&artifact, &content).map_err(|error| ("form", error.to_string()))?;
    let (digest, license) = (tree_digest(&files), license(&artifact, &content));
    Ok(OldArtifact { artifact, content, files, digest, license })
}

/// Returns the one file that an agent or a command is; others beside it stay behind.
fn one_file(held: &Held, called: &str, left: &mut Vec<OldLeft>) -> Result<InstalledFile, Reason> {
    let texts: Vec<_> = held.files.iter().filter(|(path, _, _)| path.as_str().ends_with(".md")).collect();
    let is_main = |path: &TreePath| {
        let stem = path.as_str().trim_end_matches(".md");
        stem == called || stem.eq_ignore_ascii_case(held.kind.word())
    };
    let chosen = match texts.as_slice() {
        [one] => one,
        several => {
            let mut main = several.iter().filter(|(path, _, _)| is_main(path));
            match (main.next(), main.next()) {
                (Some(one), None) => one,
                _ => {
                    return Err((
                        "form",
                        format!("a {} is one Markdown file, and it has {}", held.kind, several.len()),
                    ));
                }
            }
        }
    };
    let others = held.files.iter().filter(|(path, _, _)| *path != chosen.0);
    let label = shown(&held.member.label());
    left.extend(others.map(|(path, _, _)| OldLeft {
        name: format!("{label}/{path}"),
        id: "beside",
        reason: format!("a {} is one file, and this stands beside it", held.kind),
    }));
    Ok((*chosen).clone())
}

/// Reads a folder, or a file of hooks or servers, in whichever form it is: as a source that is added.
fn in_form(repo: &Repo, artifact: &ArtifactRef, held: &Held) -> Result<Vec<SourceFile>, Reason> {
    let unusable = |error: String| ("form", error);
    let memory = repo.in_memory();
    let place = artifact.path();
    let (mut files, mut at) = (Vec::new(), place.clone());
    for (path, mode, bytes) in &held.files {
        let path = place.join(path.as_str()).map_err(|error| unusable(error.to_string()))?;
        let blob = memory.write_blob(bytes).map_err(|error| unusable(error.to_string()))?;
        if held.is_file {
            at = path.clone();
        }
        files.push((path, Some((*mode, blob))));
    }
    let tree = memory.edit_tree(None, files.iter().map(|(path, file)| (path, *file)));
    let tree = tree.map_err(|error| unusable(error.to_string()))?;
    let commit = Oid::null(tree.kind());
    let opened = Opened::Git { repo: Box::new(memory), commit, tree, upstream: String::new(), far: None };
    let (_, content, _) = installed_files(&opened, artifact, &at, held.is_file)?;
    Ok(content)
}
