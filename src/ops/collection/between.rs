//! Several collections: which there are, and artifacts that go from one to another with where they came from.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::open::known;
use super::update::files_in;
use super::{Change, Collection, Error, pristine};
use crate::git::Repo;
use crate::model::{ArtifactRef, FileMode, Oid, TreePath};
use crate::ops::Context;

/// One collection of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KnownCollection {
    /// Name that it is called by on the command line.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Number of artifacts; absent when it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<usize>,
    /// Why it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether it is the one that commands outside of any collection are about.
    pub used: bool,
}

/// Lists the collections in the home of the program, and `used` if it is somewhere else.
///
/// # Errors
/// [`Error::Fs`]; a collection that cannot be read is listed with the reason.
pub fn collections(home: &Path, used: &Path) -> Result<Vec<KnownCollection>, Error> {
    let mut folders = known(home)?;
    if !folders.iter().any(|folder| folder == used) && used.is_dir() {
        folders.push(used.to_owned());
    }
    let describe = |path: PathBuf| {
        let counted = Collection::open(&path).and_then(|collection| Ok(collection.artifacts()?.len()));
        let name = if path.starts_with(home) {
            path.file_name().map(|name| name.to_string_lossy().into_owned())
        } else {
            None
        };
        KnownCollection {
            name: name.unwrap_or_else(|| path.display().to_string()),
            used: path == used,
            problem: counted.as_ref().err().map(ToString::to_string),
            artifacts: counted.ok(),
            path,
        }
    };
    Ok(folders.into_iter().map(describe).collect())
}

/// What was copied.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Copied {
    /// Artifacts that are new in the other collection.
    pub artifacts: Vec<ArtifactRef>,
    /// Artifacts that it had already, byte for byte.
    pub same: Vec<ArtifactRef>,
    /// The commit there; `None` when nothing was new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Copies artifacts into another collection in one commit, with what is known of their upstreams, so that updates go on.
///
/// # Errors
/// [`Error::Exists`] when the other collection has other content under a name; it is then as it was.
pub fn copy(context: &Context, from: &Collection, to: &Collection, artifacts: &[ArtifactRef]) -> Result<Copied, Error> {
    let mut change = Change::new(to);
    let (mut copied, mut same) = (Vec::new(), Vec::new());
    for artifact in artifacts {
        // Ids name content, so equal ids are equal artifacts, in whatever repository.
        let at = |collection: &Collection| collection.repo.entry_at(collection.tree, &artifact.path());
        match at(to)? {
            Some(there) if at(from)?.is_some_and(|here| here.id == there.id) => {
                same.push(artifact.clone());
                continue;
            }
            Some(_) => return Err(Error::Exists(artifact.clone())),
            None => {}
        }
        let files = from.files(artifact)?.into_iter().map(|file| (file.path, file.mode, file.id)).collect();
        change.replace(artifact, &brought(&from.repo, &to.repo, files)?)?;
        if let Some(entry) = from.manifest.artifacts.get(artifact) {
            change.describe(artifact, Some(entry.clone()));
        }
        if let Some(lock) = from.lock.artifacts.get(artifact) {
            change.lock(artifact, Some(lock.clone()));
            let tree = lock.tree_id().filter(|tree| from.repo.has(*tree));
            if let Some(tree) = tree {
                let pristine =
                    files_in(&from.repo, tree)?.into_iter().map(|(path, (mode, id))| (path, mode, id)).collect();
                let recorded = pristine::newest(from, artifact)?;
                let address = recorded.address.as_deref().unwrap_or_default();
                let message = pristine::message(artifact, address, &pristine::trailers(&recorded));
                change.record_pristine(context, artifact, &brought(&from.repo, &to.repo, pristine)?, &message)?;
            }
        }
        copied.push(artifact.clone());
    }
    let subject = match copied.as_slice() {
        [one] => format!("Copy {one} from the collection {}", from.manifest.name),
        several => format!("Copy {} artifacts from the collection {}", several.len(), from.manifest.name),
    };
    let commit = change.commit(context, "copy", &subject, &copied)?;
    Ok(Copied { artifacts: copied, same, commit: commit.map(|id| id.to_string()) })
}

type Files = Vec<(TreePath, FileMode, Oid)>;

/// Writes the blobs of files of one repository into another.
fn brought(from: &Repo, to: &Repo, files: Files) -> Result<Files, Error> {
    let one = |(path, mode, id): (TreePath, FileMode, Oid)| Ok((path, mode, to.write_blob(&from.blob(id, u64::MAX)?)?));
    files.into_iter().map(one).collect()
}
