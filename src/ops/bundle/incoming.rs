//! What a release has for one artifact of a collection, under the name that it has there.

use std::collections::BTreeMap;
use std::ops::Range;

use gix::object::Kind;

use super::fit::below;
use super::objects::read_verified;
use super::plan::is_of_bundle;
use super::{Error, Found};
use crate::git::{GitError, Repo};
use crate::model::{ArtifactName, ArtifactRef, Digest, FileEntry, FileMode, TreePath};
use crate::ops::collection::{Collection, Files};
use crate::trust::ReleaseContent;

/// The files of one artifact of a release, with their paths in the collection.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    pub(super) files: Files,
    /// The content that the artifact's other name gives to its main file.
    renamed: Option<(TreePath, Vec<u8>)>,
}

/// Returns the artifacts that came in under another name from this bundle, by their names in it.
///
/// What people wrote into `collection.toml` and is no name stands for nothing.
pub(super) fn forks(collection: &Collection, content: &ReleaseContent) -> BTreeMap<ArtifactRef, ArtifactRef> {
    let mut forks = BTreeMap::new();
    for (artifact, entry) in &collection.manifest.artifacts {
        let original = entry.original.as_ref().filter(|_| is_of_bundle(collection, content, artifact));
        let name = original.and_then(|original| ArtifactName::parse(artifact.kind, original).ok());
        if let Some(name) = name {
            forks.entry(ArtifactRef::new(artifact.kind, name)).or_insert_with(|| artifact.clone());
        }
    }
    forks
}

/// Returns the files of the artifact `offered` of a release when it is called `artifact`, with a list of them.
///
/// `repo` gets the main file where the other name changes it: whoever looks at ids and digests later sees those of what the
/// collection gets, so that "not edited since it was imported" is the same question for a fork.
///
/// # Errors
/// [`Error::Rename`], [`Error::Trust`] when the bytes are no longer those that were verified.
pub(super) fn incoming(
    repo: &Repo,
    found: &Found,
    content: &ReleaseContent,
    offered: &ArtifactRef,
    artifact: &ArtifactRef,
) -> Result<(Vec<FileEntry>, Incoming), Error> {
    let places = places(content, offered);
    let mut entries: Vec<FileEntry> = content.files[places.clone()].iter().map(|(entry, _)| entry.clone()).collect();
    let mut ids: Vec<_> = content.files[places.clone()].iter().map(|(_, blob)| *blob).collect();
    let mut renamed = None;
    if offered != artifact {
        let own: Vec<TreePath> = entries.iter().map(|entry| below(offered, &entry.path)).collect();
        let main = entries.iter().position(|entry| entry.path == offered.main_path());
        if let Some(at) = main {
            let bytes = read_verified(repo, found.evidence.as_ref(), content, places.start + at)?;
            let new = offered.renamed(&artifact.name, &own, &bytes);
            let new = new.map_err(|source| Error::Rename { artifact: offered.clone(), source })?;
            if let Some(bytes) = new {
                ids[at] = repo.write_exact(Kind::Blob, &bytes)?;
                (entries[at].size, entries[at].sha256) = (bytes.len() as u64, Digest::of(&bytes));
                renamed = Some((artifact.main_path(), bytes));
            }
        }
        for (entry, below) in entries.iter_mut().zip(&own) {
            entry.path = match artifact.kind.main_file() {
                Some(_) => artifact.path().join(below.as_str()).map_err(GitError::from)?,
                None => artifact.path(),
            };
        }
    }
    let files = entries.iter().zip(ids).map(|(entry, id)| (entry.path.clone(), (entry.mode, id))).collect();
    Ok((entries, Incoming { files, renamed }))
}

impl Incoming {
    /// Writes the files of the artifact, which is `offered` in the release, into `memory`, and returns them with their paths
    /// below it.
    ///
    /// # Errors
    /// [`Error::Trust`] when the bytes are no longer those that were verified, [`Error::Git`].
    pub(super) fn contents(
        &self,
        memory: &Repo,
        found: &Found,
        content: &ReleaseContent,
        offered: &ArtifactRef,
    ) -> Result<Vec<(TreePath, FileMode, Vec<u8>)>, Error> {
        let mut contents = Vec::new();
        for index in places(content, offered) {
            let (entry, _) = &content.files[index];
            let bytes = match &self.renamed {
                Some((_, bytes)) if entry.path == offered.main_path() => bytes.clone(),
                _ => read_verified(memory, found.evidence.as_ref(), content, index)?,
            };
            memory.write_exact(Kind::Blob, &bytes)?;
            contents.push((below(offered, &entry.path), entry.mode, bytes));
        }
        Ok(contents)
    }

    /// Writes what the artifact has and the release has not: its main file under another name.
    pub(super) fn write_renamed(&self, repo: &Repo) -> Result<(), Error> {
        if let Some((_, bytes)) = &self.renamed {
            repo.write_exact(Kind::Blob, bytes)?;
        }
        Ok(())
    }
}

/// Returns where the files of one artifact stand among those of a release, which are in byte order of their paths.
pub(super) fn places(content: &ReleaseContent, artifact: &ArtifactRef) -> Range<usize> {
    let (path, files) = (artifact.path(), &content.files);
    let below = format!("{path}/");
    let start = |text: &str| files.partition_point(|(entry, _)| entry.path.as_str() < text);
    let (file, folder) = (start(path.as_str()), start(&below));
    if files.get(file).is_some_and(|(entry, _)| entry.path == path) {
        return file..file + 1;
    }
    folder..folder + files[folder..].iter().take_while(|(entry, _)| entry.path.as_str().starts_with(&below)).count()
}
