//! A repository in one file, as `git bundle` writes it (`gitformat-bundle`).

use std::fs::File;
use std::path::Path;
use std::process::Stdio;

use super::{Git, GitError, Profile, Repo, Worktree};
use crate::fsio::{ensure_folder, write_note};

impl Repo {
    /// Makes an empty repository that sees the objects of another one.
    ///
    /// # Errors
    /// [`GitError::Gix`], [`GitError::Fs`].
    pub fn init_beside(path: &Path, other: &Repo) -> Result<Self, GitError> {
        Self::init(path, Worktree::None)?;
        let info = path.join("objects/info");
        ensure_folder(&info)?;
        let objects = crate::fsio::real_path(&other.git_folder().join("objects"));
        write_note(&info.join("alternates"), format!("{}\n", objects.display()).as_bytes())?;
        Self::open(path)
    }

    /// Lets `HEAD` stand for a branch.
    ///
    /// # Errors
    /// [`GitError::Fs`].
    pub fn set_head(&self, branch: &str) -> Result<(), GitError> {
        Ok(write_note(&self.git_folder().join("HEAD"), format!("ref: {branch}\n").as_bytes())?)
    }

    /// Writes all refs and all that they lead to into a file.
    ///
    /// # Errors
    /// [`GitError::Process`], also when the disk is full and when an object is missing.
    pub fn write_git_bundle(&self, git: &Git, out: File) -> Result<(), GitError> {
        let mut command = git.command_in(Profile::Closed, self.git_folder());
        command.args(["bundle", "create", "--quiet", "-", "--all"]).stdout(Stdio::from(out));
        git.run(command, "bundle create").map(drop)
    }
}
