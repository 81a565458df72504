//! What of a source becomes the files of an artifact.

use super::source::{Opened, SourceFile};
use super::{CanRun, Error};
use crate::git::GitError;
use crate::model::{ArtifactRef, Digest, Document, FileEntry, FileMode, Kind, TreePath, json, mcp};
use crate::scan::{Found, FoundFiles};

/// Keys of front matter that name what runs by itself.
const BY_ITSELF: [&str; 2] = ["hooks", "mcpServers"];

/// Reads the files of a found artifact, with their paths below it.
pub(super) fn content(opened: &Opened, found: &Found) -> Result<(Vec<SourceFile>, Option<String>), Error> {
    let main = found.artifact.kind.main_file();
    match (&found.files, &found.path) {
        (FoundFiles::Folder, path) => {
            let mut files = opened.folder(path.as_ref())?;
            spell(found.artifact.kind, &mut files)?;
            Ok((files, None))
        }
        (FoundFiles::File, Some(path)) => {
            let name: TreePath = path.file_name().parse().map_err(GitError::from)?;
            let file = opened.file(path)?.map(|(mode, bytes)| (name, mode, bytes));
            Ok((file.into_iter().collect(), None))
        }
        (FoundFiles::McpEntry { server, entry }, _) => {
            let definition = mcp::from_entry(found.artifact.name.as_str(), entry)?;
            let bytes = json::document(&definition);
            let name: TreePath = main.unwrap_or("server.json").parse().map_err(GitError::from)?;
            Ok((vec![(name, FileMode::Regular, bytes)], Some(server.clone())))
        }
        (FoundFiles::File, None) => Ok((Vec::new(), None)),
    }
}

/// Gives the main file the spelling that clients look for: some write it in lower case.
pub(super) fn spell(kind: Kind, files: &mut [SourceFile]) -> Result<(), Error> {
    let Some(main) = kind.main_file() else { return Ok(()) };
    for (path, _, _) in files {
        if path.as_str() != main && path.as_str() == main.to_lowercase() {
            *path = main.parse().map_err(GitError::from)?;
        }
    }
    Ok(())
}

/// Returns the path in the collection of a file of an artifact.
pub(super) fn placed(artifact: &ArtifactRef, below: &TreePath) -> Result<TreePath, Error> {
    let place = artifact.path();
    if artifact.kind.main_file().is_none() {
        return Ok(place);
    }
    Ok(place.join(below.as_str()).map_err(GitError::from)?)
}

/// Returns the files with their digests and their paths in the collection.
pub(crate) fn entries(artifact: &ArtifactRef, content: &[SourceFile]) -> Result<Vec<FileEntry>, Error> {
    let entry = |(path, mode, bytes): &SourceFile| {
        Ok(FileEntry {
            path: placed(artifact, path)?,
            mode: *mode,
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        })
    };
    content.iter().map(entry).collect()
}

/// Returns what of an artifact a client or an agent will run by itself.
pub(super) fn runs(artifact: &ArtifactRef, content: &[SourceFile]) -> Result<Vec<CanRun>, Error> {
    let is_document = !matches!(artifact.kind, Kind::Hook | Kind::Mcp);
    let main = main_file(artifact, content).filter(|_| is_document);
    let front = main.and_then(|(_, _, bytes)| Document::parse(bytes).ok()?.front);
    let by_front = front.filter(|front| BY_ITSELF.iter().any(|key| front.map.field(key).is_some()));
    let by_front = by_front.map(|_| CanRun::Artifact(artifact.clone()));
    let executable = content.iter().filter(|(_, mode, _)| *mode == FileMode::Executable);
    let executable = executable.map(|(path, _, _)| placed(artifact, path)).collect::<Result<Vec<_>, _>>()?;
    Ok(by_front.into_iter().chain(CanRun::of(artifact, executable)).collect())
}

/// Returns the licence that an artifact names, where it is an SPDX expression.
pub(crate) fn license(artifact: &ArtifactRef, content: &[SourceFile]) -> Option<String> {
    main_file(artifact, content).and_then(|(_, _, bytes)| license_in(bytes))
}

fn main_file<'a>(artifact: &ArtifactRef, content: &'a [SourceFile]) -> Option<&'a SourceFile> {
    let main = artifact.main_path();
    content.iter().find(|(path, _, _)| path.as_str() == main.file_name() || artifact.kind.main_file().is_none())
}

/// Returns the licence that a file's front matter names, where it is an SPDX expression.
pub(crate) fn license_in(bytes: &[u8]) -> Option<String> {
    // Anything else ("see LICENSE.txt") is a remark and not a licence.
    license_words(bytes).filter(|text| spdx::Expression::parse(text).is_ok())
}

/// Returns what a file's front matter says of its licence, in whatever words.
pub(crate) fn license_words(bytes: &[u8]) -> Option<String> {
    let text = Document::parse(bytes).ok()?.front?.license()?.to_owned();
    (!text.trim().is_empty()).then_some(text)
}
