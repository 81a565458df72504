//! Reading a copy into a store of ours: what its ledger needs, and single releases.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use super::{Copy, CopyError};
use crate::fsio::{FsError, new_file_beside, scratch_folder};
use crate::git::{GitError, Repo};
use crate::model::{CopyHead, CopyPack, Digest, Hasher, Holds, Oid, Release};
use crate::ops::bundle::unpack;
use crate::ops::vault::Error;
use crate::store::Key;

impl Copy<'_> {
    /// Brings the commits of the ledger and of the branch for people, up to `known` ones, newest packs first, and stops when
    /// all are here. Nothing of it is believed for it, and no ref moves. Returns the size of what came, in bytes.
    ///
    /// # Errors
    /// [`CopyError::Hash`], [`CopyError::Incomplete`], [`CopyError::Store`], [`Error::Git`] for a pack that is not sound.
    pub(in crate::ops::vault) fn bring(&self, repo: &Repo, head: &CopyHead, known: &[Oid]) -> Result<u64, Error> {
        let is_here = || repo.has_history(head.head, known) && repo.has_history(head.main, known);
        let mut bytes = 0;
        if is_here() {
            return Ok(bytes);
        }
        let scratch = scratch_folder(&self.context.scratch)?;
        let limit = self.context.limits.unpacked_bytes;
        for pack in head.packs.iter().rev().filter(|pack| pack.holds == Holds::Ledger && !repo.has_pack(pack.name)) {
            // Nobody has judged yet who says how large it is.
            if bytes.saturating_add(pack.size) > limit {
                return Err(GitError::TooMuch { what: "bytes of a vault's ledger", limit }.into());
            }
            self.context.progress.step("fetching", bytes, None);
            bytes += self.fetch_pack(repo, pack, scratch.path())?;
            if is_here() {
                return Ok(bytes);
            }
        }
        let what = format!("entry {} of the ledger", head.number);
        if is_here() {
            Ok(bytes)
        } else {
            Err(CopyError::Incomplete { address: self.address().to_owned(), what }.into())
        }
    }

    /// Brings one release: its pack, by the digest that the ledger names, or, where it names none, the packs of releases.
    /// No ref moves. Returns the size of what came, in bytes.
    ///
    /// # Errors
    /// As [`Copy::bring`], and [`Error::Bundle`] for a pack that does not hold the tag that the ledger names.
    pub(in crate::ops::vault) fn bring_release(
        &self,
        repo: &Repo,
        head: &CopyHead,
        (release, tag, pack): (&Release, Oid, Option<Digest>),
    ) -> Result<u64, Error> {
        let scratch = scratch_folder(&self.context.scratch)?;
        if let Some(digest) = pack {
            let path = scratch.path().join("pack");
            let size = self.fetch_file(&Key::Bundle(digest), digest, self.context.limits.pack_bytes, &path)?;
            unpack(self.context, repo, &path, tag)?;
            return Ok(size);
        }
        let mut bytes = 0;
        for pack in head.packs.iter().rev().filter(|pack| pack.holds == Holds::Releases && !repo.has_pack(pack.name)) {
            if repo.has(tag) {
                break;
            }
            bytes += self.fetch_pack(repo, pack, scratch.path())?;
        }
        if repo.has(tag) {
            return Ok(bytes);
        }
        Err(CopyError::Incomplete { address: self.address().to_owned(), what: release.to_string() }.into())
    }

    /// Brings a pack into a repository, after comparing it with what `head.json` says of it. Returns its size, in bytes.
    pub(super) fn fetch_pack(&self, repo: &Repo, pack: &CopyPack, folder: &Path) -> Result<u64, Error> {
        let path = folder.join(format!("fetched-{}", pack.name));
        let size = self.fetch_file(&Key::Pack(pack.name), pack.sha256, pack.size, &path)?;
        let found = repo.take_pack(self.context.git()?, &path)?;
        crate::fsio::remove_if_there(&path)?;
        if found != pack.name {
            let what = format!("the pack {}", pack.name);
            return Err(CopyError::Incomplete { address: self.address().to_owned(), what }.into());
        }
        Ok(size)
    }

    /// Downloads a file of a known digest; nothing of another one gets the name.
    pub(super) fn fetch_file(&self, key: &Key, named: Digest, limit: u64, path: &Path) -> Result<u64, Error> {
        struct Both<'a>(&'a mut File, Hasher);
        impl std::io::Write for Both<'_> {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                let written = self.0.write(bytes)?;
                self.1.update(&bytes[..written]);
                Ok(written)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                self.0.flush()
            }
        }
        let mut file = new_file_beside(path)?;
        let mut both = Both(file.writer(), Hasher::default());
        let size = self.bucket.download(key, &mut both, limit).map_err(CopyError::from)?;
        both.flush().map_err(FsError::at("write", path))?;
        let found = both.1.finish();
        if found != named {
            return Err(
                CopyError::Hash { address: self.address().to_owned(), key: key.to_string(), found, named }.into()
            );
        }
        file.keep_as(path)?;
        Ok(size)
    }
}
