//! Taking what is good out of a damaged repository.

use std::path::{Path, PathBuf};

use super::packs::{self, Pack, with};
use super::{Examined, loose_name};
use crate::fsio::{FsError, ensure_folder, remove_if_there, share_file};
use crate::git::{Git, GitError, Profile, Repo};

impl Examined {
    /// Puts all good objects into another repository, which is empty. No refs come along.
    ///
    /// `git` makes the index of a pack anew that has lost it; without it the objects of such a pack are left out.
    ///
    /// # Errors
    /// [`GitError::Fs`], [`GitError::Gix`].
    pub fn salvage(&self, to: &mut Repo, git: Option<&Git>) -> Result<(), GitError> {
        let objects = to.git_folder().join("objects");
        let place = |from: &Path, name: PathBuf| place(from, &objects.join(name));
        for id in &self.loose {
            let name = loose_name(*id);
            place(&self.folder.join(&name), PathBuf::from(name.trim_start_matches("objects/")))?;
        }
        for pack in &self.packs {
            let (Pack::Whole(path) | Pack::WithoutIndex(path) | Pack::Partly(path, _)) = pack;
            let name = |end: &str| Path::new("pack").join(with(path, end).file_name().unwrap_or_default());
            match pack {
                // A pack counts from the moment its index is there.
                Pack::Whole(_) => {
                    for end in ["promisor", "pack", "idx"].into_iter().filter(|end| with(path, end).exists()) {
                        place(&with(path, end), name(end))?;
                    }
                }
                Pack::WithoutIndex(_) => {
                    let Some(git) = git else { continue };
                    place(&with(path, "pack"), name("pack"))?;
                    if with(path, "promisor").exists() {
                        place(&with(path, "promisor"), name("promisor"))?;
                    }
                    make_index(git, to, &objects.join(name("pack")))?;
                }
                Pack::Partly(..) => {}
            }
        }
        to.gather();
        self.rescue(to)?;
        to.flush()
    }

    /// Writes the good objects of packs that are damaged as new objects of a repository, which may be this one.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn rescue(&self, to: &Repo) -> Result<(), GitError> {
        for pack in &self.packs {
            if let Pack::Partly(path, good) = pack {
                packs::read_sound(path, good, self.hash, &mut |kind, bytes| {
                    to.write_raw(kind, bytes)?;
                    to.flush_if_large(bytes.len())
                })?;
            }
        }
        Ok(())
    }

    /// Makes the indexes anew that packs of this repository have lost; `own` is a repository of ours, so that git never runs in
    /// this one.
    ///
    /// # Errors
    /// [`GitError::Process`], [`GitError::Fs`].
    pub fn index_anew(&self, git: &Git, own: &Repo) -> Result<(), GitError> {
        for pack in &self.packs {
            if let Pack::WithoutIndex(path) = pack {
                remove_if_there(&with(path, "idx"))?;
                make_index(git, own, &with(path, "pack"))?;
            }
        }
        Ok(())
    }

    /// Takes the damaged packs, and objects that have a file of their own, away from where they are. Whoever calls it has kept them
    /// elsewhere, and has put good ones in their place: those that hold by now stay.
    ///
    /// # Errors
    /// [`FsError::Io`].
    pub fn remove_damaged_objects(&self) -> Result<(), FsError> {
        for damage in self.damage.iter().filter(|damage| damage.path.starts_with("objects/")) {
            let path = self.folder.join(&damage.path);
            let is_loose = !damage.path.starts_with("objects/pack/") && !damage.path.starts_with("objects/info/");
            if is_loose && damage.objects.iter().all(|id| super::look_loose(&path, *id).is_ok()) {
                continue;
            }
            remove_if_there(&path)?;
            // A pack is of no use without its index, nor the other way round.
            if let (super::Flaw::Sum | super::Flaw::Empty, Some(stem)) =
                (&damage.flaw, damage.path.strip_suffix(".pack"))
            {
                remove_if_there(&self.folder.join(format!("{stem}.idx")))?;
                remove_if_there(&self.folder.join(format!("{stem}.rev")))?;
            }
        }
        Ok(())
    }

    /// Puts the damaged files into another folder, under the paths that they have here.
    ///
    /// # Errors
    /// [`FsError::Io`]; files that cannot be read are left out.
    pub fn keep_damaged(&self, to: &Path) -> Result<Vec<String>, FsError> {
        let mut kept = Vec::new();
        for damage in &self.damage {
            let (from, target) = (self.folder.join(&damage.path), to.join(&damage.path));
            if !from.is_file() || matches!(damage.flaw, super::Flaw::Unreadable(_)) || kept.contains(&damage.path) {
                continue;
            }
            target.parent().map_or(Ok(()), ensure_folder)?;
            share_file(&from, &target)?;
            kept.push(damage.path.clone());
        }
        Ok(kept)
    }
}

/// Makes the index of a pack, beside it.
fn make_index(git: &Git, own: &Repo, pack: &Path) -> Result<(), GitError> {
    let mut command = git.command_in(Profile::Closed, own.git_folder());
    command.args(["index-pack", "--no-rev-index"]).arg(pack);
    git.run(command, "index-pack").map(drop)
}

/// A second name for a file is enough, since nobody changes one of these: a full disk has room for it.
fn place(from: &Path, to: &Path) -> Result<(), GitError> {
    to.parent().map_or(Ok(()), ensure_folder)?;
    Ok(share_file(from, to)?)
}
