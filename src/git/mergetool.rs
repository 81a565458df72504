//! The merge tool that a user has configured in git, started by git.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use gix::bstr::ByteSlice as _;
use gix::index::entry::{Flags, Mode, Stage, Stat};

use super::{Git, GitError, Profile, Repo, Worktree};
use crate::fsio::{ensure_folder, remove_tree, write_note};
use crate::model::{FileMode, Oid, TreePath};

/// A file with what each side made of it: base, ours, theirs. `None` is absent.
pub type Stages = (TreePath, [Option<(FileMode, Oid)>; 3]);

impl Repo {
    /// Starts `git mergetool` on files in `worktree` and waits for its end. Returns whether it merged all of them.
    ///
    /// The tool sees a repository made for it in `folder`, in whose index the files are in conflict.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`], [`GitError::NoProgram`].
    pub fn merge_tool(
        &self,
        git: &Git,
        tool: Option<&str>,
        folder: &Path,
        worktree: &Path,
        files: &[Stages],
    ) -> Result<bool, GitError> {
        remove_tree(folder)?;
        ensure_folder(folder)?;
        let made = Self::init(folder, Worktree::None)?;
        // It only reads the objects of this repository.
        let objects = self.inner.objects.store_ref().path();
        ensure_folder(&folder.join("objects/info"))?;
        write_note(&folder.join("objects/info/alternates"), format!("{}\n", objects.display()).as_bytes())?;
        let mut index = made.load_index()?;
        for (path, stages) in files {
            for (stage, file) in [Stage::Base, Stage::Ours, Stage::Theirs].into_iter().zip(stages) {
                let Some((mode, id)) = file else { continue };
                let mode = if *mode == FileMode::Executable { Mode::FILE_EXECUTABLE } else { Mode::FILE };
                let path = path.as_str().as_bytes().as_bstr();
                index.dangerously_push_entry(Stat::default(), *id, Flags::from_stage(stage), mode, path);
            }
        }
        index.sort_entries();
        index.write(gix::index::write::Options::default()).map_err(GitError::doing("write the index"))?;
        let mut command = git.command(Profile::User);
        command.arg("--git-dir").arg(folder).arg("--work-tree").arg(worktree).current_dir(worktree);
        command.args(["-c", "core.bare=false", "-c", "mergetool.keepBackup=false", "mergetool", "--no-prompt"]);
        command.args(tool.map(|tool| format!("--tool={tool}"))).arg("--");
        command.args(files.iter().map(|(path, _)| PathBuf::from(path.as_str())));
        command.stdin(Stdio::inherit());
        let status = command.status().map_err(|_| GitError::NoProgram("git"))?;
        remove_tree(folder)?;
        Ok(status.success())
    }
}
