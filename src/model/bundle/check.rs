//! The rules of a manifest that its types do not hold (`schema/bundle.md`, section 3).

use std::borrow::Cow;

use super::{
    BundleArtifact, BundleManifest, Compression, MANIFEST_PATH, MAX_TEXT_BYTES, ManifestError, RESERVED_FOLDER,
};
use crate::model::path::fold;
use crate::model::{FileEntry, TreePath, check_set, hidden, tree_digest};

impl BundleManifest {
    /// Checks all rules that the types do not hold; [`Self::parse`] does so itself, a writer calls it first.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), ManifestError> {
        if !self.version.build.is_empty() {
            return Err(ManifestError::Build { version: self.version.clone() });
        }
        if self.packed.is_some() != (self.compression == Compression::Deflate) {
            return Err(ManifestError::Packed { compression: self.compression });
        }
        check_hidden("description", &self.description)?;
        // Only the description may have lines and tabs.
        check_text("description", &self.description.replace(['\n', '\t'], " "))?;
        check_text("license", &self.license)?;
        if let Some(entry) =
            self.files.iter().find(|entry| entry.path.root() == MANIFEST_PATH || entry.path.is_below_reserved())
        {
            return Err(ManifestError::Reserved { path: entry.path.clone() });
        }
        check_set(self.files.iter().map(|entry| &entry.path))?;
        let mut refs: Vec<_> = self.artifacts.iter().map(|entry| &entry.artifact).collect();
        refs.sort_unstable();
        if let Some(pair) = refs.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ManifestError::Duplicate { artifact: pair[0].clone() });
        }
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_unstable();
        self.artifacts.iter().try_for_each(|entry| check_artifact(entry, &files))
    }
}

impl TreePath {
    /// Returns whether the path is [`RESERVED_FOLDER`] or below it, in any spelling that some system takes for it.
    pub(crate) fn is_below_reserved(&self) -> bool {
        self.root() == RESERVED_FOLDER
    }

    /// Returns the first segment, folded.
    fn root(&self) -> Cow<'_, str> {
        fold(self.as_str().split('/').next().unwrap_or_default())
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), ManifestError> {
    let fits = text.len() <= MAX_TEXT_BYTES && !text.chars().any(char::is_control);
    if fits { check_hidden(field, text) } else { Err(ManifestError::Text { field }) }
}

/// Refuses what artifacts may not hold either: these texts come to an agent in the files that are made of them.
fn check_hidden(field: &'static str, text: &str) -> Result<(), ManifestError> {
    hidden::find(text)
        .find(|hit| hit.class.is_refused())
        .map_or(Ok(()), |hit| Err(ManifestError::Hidden { field, hit }))
}

fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_artifact(entry: &BundleArtifact, sorted: &[&FileEntry]) -> Result<(), ManifestError> {
    let artifact = || entry.artifact.clone();
    if entry.path != entry.artifact.path() {
        return Err(ManifestError::Misplaced { artifact: artifact(), found: entry.path.clone() });
    }
    check_text("artifacts.license", entry.license.as_deref().unwrap_or_default())?;
    check_text("artifacts.upstream", entry.upstream.as_deref().unwrap_or_default())?;
    if !entry.upstream_commit.as_deref().is_none_or(is_object_id) {
        return Err(ManifestError::Commit { artifact: artifact() });
    }
    let main = entry.artifact.main_path();
    if sorted.binary_search_by(|file| file.path.cmp(&main)).is_err() {
        return Err(ManifestError::Missing { artifact: artifact() });
    }
    let expected = tree_digest(files_of(&entry.path, sorted).iter().copied());
    if expected != entry.digest {
        return Err(ManifestError::Digest { artifact: artifact(), expected, found: entry.digest });
    }
    Ok(())
}

/// Returns the file at `path`, or the files below it, without looking at all files.
fn files_of<'a>(path: &TreePath, sorted: &'a [&'a FileEntry]) -> &'a [&'a FileEntry] {
    if let Ok(at) = sorted.binary_search_by(|file| file.path.cmp(path)) {
        return &sorted[at..=at];
    }
    // `/` is followed by `0` in ASCII, so everything below a folder sorts between the two.
    let place = |end: char| sorted.partition_point(|file| file.path.as_str() < format!("{path}{end}").as_str());
    &sorted[place('/')..place('0')]
}
