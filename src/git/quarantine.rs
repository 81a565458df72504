//! What a push has brought before anyone agreed to it: git keeps it in a folder of its own until the hook `pre-receive` has
//! said yes, and throws it away otherwise (`git help receive-pack`, "Quarantine Environment").

use std::path::Path;

use super::{GitError, Repo};
use crate::fsio::{ensure_folder, real_path, scratch_folder, write_note};

/// The objects of a repository together with those of a push that waits.
///
/// gix knows nothing of the variables by which git tells its own programs of the two places. So this is an empty repository in a
/// folder that goes with it, which borrows from both (`gitrepository-layout`, `objects/info/alternates`).
pub struct Quarantine {
    repo: Repo,
    _folder: tempfile::TempDir,
}

impl Quarantine {
    /// Opens the objects of `repo` and those in the folder `pushed`. The folder that it needs is made in `scratch`.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`].
    pub fn open(repo: &Repo, pushed: &Path, scratch: &Path) -> Result<Self, GitError> {
        let folder = scratch_folder(scratch)?;
        let own = real_path(repo.inner.objects.store_ref().path());
        let config = match repo.hash_kind() {
            gix::hash::Kind::Sha1 => "[core]\n\trepositoryformatversion = 0\n\tbare = true\n".to_owned(),
            kind => {
                format!("[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = {kind}\n")
            }
        };
        ensure_folder(&folder.path().join("objects/info"))?;
        ensure_folder(&folder.path().join("refs"))?;
        let borrowed = format!("{}\n{}\n", own.display(), real_path(pushed).display());
        for (name, text) in
            [("HEAD", "ref: refs/heads/none\n"), ("config", &config), ("objects/info/alternates", &borrowed)]
        {
            write_note(&folder.path().join(name), text.as_bytes())?;
        }
        Ok(Self { repo: Repo::open(folder.path())?, _folder: folder })
    }

    /// Returns the repository with all of these objects, and without any ref.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }
}
