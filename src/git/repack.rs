//! Packs for elsewhere, and packs from elsewhere, through the `git` program: it makes deltas, and checks each object of a pack
//! as a fetch does.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::process::escaped;
use super::{Git, GitError, Profile, Repo, WalkLimits};
use crate::model::Oid;

/// A pack and its index as files.
#[derive(Debug, Clone)]
pub struct PackFiles {
    /// The hash in the names of both.
    pub name: Oid,
    /// The pack.
    pub pack: PathBuf,
    /// Its index.
    pub index: PathBuf,
}

impl Repo {
    /// Writes what `with` leads to and `without` does not into one pack in `folder`, which needs no other to be read; `None`
    /// where that is nothing. The same objects at another `level` of compression make a pack of another name.
    ///
    /// # Errors
    /// [`GitError::Process`], also when something of it is not here.
    pub fn pack_between(
        &self,
        git: &Git,
        with: &[Oid],
        without: &[Oid],
        folder: &Path,
        level: Option<u8>,
    ) -> Result<Option<PackFiles>, GitError> {
        let mut lines: String = with.iter().map(|id| format!("{id}\n")).collect();
        lines.extend(without.iter().map(|id| format!("^{id}\n")));
        self.pack_objects(git, &["--revs"], &lines, folder, level)
    }

    /// Puts packs of this repository together into one in `folder`.
    ///
    /// # Errors
    /// [`GitError::Process`].
    pub fn pack_together(
        &self,
        git: &Git,
        packs: &[Oid],
        folder: &Path,
        level: Option<u8>,
    ) -> Result<Option<PackFiles>, GitError> {
        let lines: String = packs.iter().map(|name| format!("pack-{name}.pack\n")).collect();
        self.pack_objects(git, &["--stdin-packs"], &lines, folder, level)
    }

    fn pack_objects(
        &self,
        git: &Git,
        options: &[&str],
        lines: &str,
        folder: &Path,
        level: Option<u8>,
    ) -> Result<Option<PackFiles>, GitError> {
        let mut command = git.command_in(Profile::Closed, self.git_folder());
        command.env("GIT_NO_LAZY_FETCH", "1");
        if let Some(level) = level {
            command.arg("-c").arg(format!("pack.compression={level}"));
        }
        // The same objects make the same pack, so that what was sent before is found again: threads share deltas by chance.
        // Deltas between large files cost minutes, and memory of their size, and seldom find anything.
        command.args([
            "-c",
            "pack.threads=1",
            "-c",
            "core.bigFileThreshold=4m",
            "pack-objects",
            "--quiet",
            "--non-empty",
            "--delta-base-offset",
        ]);
        command.args(options).arg(folder.join("pack")).stdin(Stdio::piped());
        let stdout = feed(command, lines.as_bytes(), "pack-objects")?;
        let text = String::from_utf8_lossy(&stdout);
        let Some(name) = text.lines().next().and_then(|line| Oid::from_hex(line.trim().as_bytes()).ok()) else {
            return Ok(None);
        };
        let file = |end: &str| folder.join(format!("pack-{name}.{end}"));
        Ok(Some(PackFiles { name, pack: file("pack"), index: file("idx") }))
    }

    /// Takes a pack from elsewhere into this repository, after each object of it was checked; returns its name, which is made
    /// from its content.
    ///
    /// # Errors
    /// [`GitError::Process`] for one that is not sound; nothing of it stays.
    pub fn take_pack(&self, git: &Git, pack: &Path) -> Result<Oid, GitError> {
        let mut command = git.command_in(Profile::Closed, self.git_folder());
        // `--strict` would also want all that an object leads to in this pack or here, and what is older comes later.
        command.args(["index-pack", "--fsck-objects", "--stdin"]);
        let from = File::open(pack).map_err(crate::fsio::FsError::at("read", pack))?;
        let output = git.run(
            {
                command.stdin(from);
                command
            },
            "index-pack",
        )?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let name = text.split_whitespace().last().and_then(|word| Oid::from_hex(word.as_bytes()).ok());
        name.ok_or_else(|| GitError::Process { command: "index-pack".to_owned(), stderr: escaped(text.as_bytes()) })
    }

    /// Says whether a pack of this name is here.
    pub fn has_pack(&self, name: Oid) -> bool {
        self.inner.objects.store_ref().path().join(format!("pack/pack-{name}.idx")).is_file()
    }

    /// Says whether a commit and all before it are here with their files, up to one of `known`, of which that was found before.
    pub fn has_history(&self, head: Oid, known: &[Oid]) -> bool {
        let mut next = Some(head);
        let mut trees = std::collections::HashSet::new();
        while let Some(id) = next {
            if known.contains(&id) {
                return true;
            }
            match self.commit(id) {
                // Whoever can write to the place may have sent the commits alone.
                Ok(commit) if trees.insert(commit.tree) && !self.has_files(commit.tree) => return false,
                Ok(commit) => next = commit.parents.first().copied(),
                Err(_) => return false,
            }
        }
        true
    }

    /// Says whether all files of a tree are here.
    pub fn has_files(&self, tree: Oid) -> bool {
        let files = self.files(tree, WalkLimits::default());
        files.is_ok_and(|files| self.missing(files.into_iter().map(|file| file.id)).is_empty())
    }
}

/// Runs git with lines on its standard input.
fn feed(mut command: Command, lines: &[u8], name: &str) -> Result<Vec<u8>, GitError> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|_| GitError::NoProgram("git"))?;
    let mut stdin = child.stdin.take();
    let lines = lines.to_vec();
    // Apart, since git may print before it has read all of it; one that ends early says why on standard error.
    let fed = std::thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&lines)));
    let output = child.wait_with_output().map_err(|_| GitError::NoProgram("git"))?;
    let _ = fed.join();
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(GitError::Process { command: name.to_owned(), stderr: escaped(&output.stderr) })
}
