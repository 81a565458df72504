//! Git packs of a copy: made here, named by their content, and sent with what else is named by its content.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Copy, CopyError};
use crate::fsio::{FsError, open_file};
use crate::git::{PackFiles, Repo};
use crate::model::{BundleName, CopyHead, CopyPack, Digest, Hasher, Holds, Oid, Release, RetiredPack};
use crate::ops::bundle::write_release_pack;
use crate::ops::vault::Error;
use crate::signature::RawTag;
use crate::store::{Key, Upload};
use crate::trust::Ledger;

/// How long a pack that is not needed any more stays, in seconds: a clone that has begun may take days on a slow line.
const GRACE_SECONDS: u64 = 14 * 24 * 60 * 60;

/// Most packs that stay although they are not needed any more: of a vault with hundreds of releases a day the oldest go earlier.
const MAX_RETIRED: usize = 2_000;

/// Most packs of releases that are written before they are sent: so many lie on this machine at once.
const MAX_BUNDLES_AT_ONCE: usize = 32;

/// A release that a copy does not have yet: its name, its tag and its pack.
pub(super) type NewRelease = (Release, Oid, Option<Digest>);

/// A pack that was made, and where it lies.
pub(super) struct MadePack {
    pub(super) pack: CopyPack,
    files: PackFiles,
}

impl MadePack {
    fn of(files: PackFiles, holds: Holds) -> Result<Self, Error> {
        let (sha256, size) = digest_of(&files.pack)?;
        let (index_sha256, index_size) = digest_of(&files.index)?;
        let pack = CopyPack { name: files.name, holds, sha256, size, index_sha256, index_size };
        Ok(Self { pack, files })
    }

    /// Returns what to send, the index last: plain git takes a pack for there when its index is.
    pub(super) fn uploads(&self) -> [Upload; 2] {
        let pack = &self.pack;
        [
            Upload { key: Key::Pack(pack.name), path: self.files.pack.clone(), size: pack.size },
            Upload { key: Key::Index(pack.name), path: self.files.index.clone(), size: pack.index_size },
        ]
    }
}

/// Returns the names of retired packs whose time is over.
pub(super) fn over(retired: &[RetiredPack], now: u64) -> BTreeSet<Oid> {
    let mut newest: Vec<&RetiredPack> = retired.iter().collect();
    newest.sort_by_key(|one| (std::cmp::Reverse(one.since), one.name));
    let is_over =
        |(at, one): &(usize, &RetiredPack)| *at >= MAX_RETIRED || now.saturating_sub(one.since) > GRACE_SECONDS;
    newest.into_iter().enumerate().filter(is_over).map(|(_, one)| one.name).collect()
}

/// Returns SHA-256 and size of a file.
pub(super) fn digest_of(path: &Path) -> Result<(Digest, u64), Error> {
    struct Sink(Hasher);
    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut sink = Sink(Hasher::default());
    let size = std::io::copy(&mut open_file(path)?, &mut sink).map_err(FsError::at("read", path))?;
    Ok((sink.0.finish(), size))
}

impl Copy<'_> {
    /// Makes a pack by `make`, which gets a level of compression. Where a pack of the name that this gives was retired long
    /// ago, somebody may just be removing it: then another level gives it another name.
    pub(super) fn make(
        &self,
        holds: Holds,
        retired: &[RetiredPack],
        make: impl Fn(Option<u8>) -> Result<Option<PackFiles>, Error>,
    ) -> Result<Option<MadePack>, Error> {
        let is_going = |name: Oid| {
            retired.iter().any(|one| one.name == name && self.now().saturating_sub(one.since) > GRACE_SECONDS / 2)
        };
        let mut made = None;
        for level in std::iter::once(None).chain((1..=9).map(Some)) {
            made = make(level)?;
            if !made.as_ref().is_some_and(|files| is_going(files.name)) {
                break;
            }
        }
        made.map(|files| MadePack::of(files, holds)).transpose()
    }

    /// Makes the pack of the entries of a ledger that a copy does not have, with the branch for people.
    pub(super) fn ledger_pack(
        &self,
        repo: &Repo,
        ledger: &Ledger,
        main: Oid,
        base: Option<&CopyHead>,
        folder: &Path,
    ) -> Result<Option<MadePack>, Error> {
        let git = self.context.git()?;
        let without = base.map_or(Vec::new(), |base| vec![base.head, base.main]);
        // The branch for people may have been made anew, and its old commits may not be here.
        let without: Vec<Oid> = without.into_iter().filter(|id| repo.has(*id)).collect();
        self.make(Holds::Ledger, retired(base), |level| {
            Ok(repo.pack_between(git, &[ledger.head(), main], &without, folder, level)?)
        })
    }

    /// Makes the pack of releases that a copy does not have; files of an earlier release of the same bundle are there.
    pub(super) fn releases_pack(
        &self,
        repo: &Repo,
        ledger: &Ledger,
        new: &[NewRelease],
        base: Option<&CopyHead>,
        folder: &Path,
    ) -> Result<Option<MadePack>, Error> {
        if new.is_empty() {
            return Ok(None);
        }
        let git = self.context.git()?;
        let tags: Vec<Oid> = new.iter().map(|(_, tag, _)| *tag).collect();
        let mut before: BTreeMap<&BundleName, Oid> = BTreeMap::new();
        for (release, tag) in ledger.releases().filter(|(_, tag)| !tags.contains(tag)) {
            if new.iter().any(|(one, ..)| one.bundle == release.bundle)
                && let Some(tree) = tree_of(repo, tag)
            {
                // In order of versions, so that the newest one that is here stays.
                before.insert(&release.bundle, tree);
            }
        }
        let without: Vec<Oid> = before.into_values().collect();
        let trees: Vec<Oid> = tags.iter().filter_map(|tag| tree_of(repo, *tag)).collect();
        // As they are, where deflating would only take time. Whatever keeps that from being told is for git to name.
        let level = repo.hardly_gets_smaller(&trees).unwrap_or(false).then_some(0);
        self.make(Holds::Releases, retired(base), |other| {
            Ok(repo.pack_between(git, &tags, &without, folder, other.or(level))?)
        })
    }

    /// Sends the packs of releases, by their digests; those that are there are not made.
    pub(super) fn send_bundles(&self, repo: &Repo, new: &[NewRelease], folder: &Path) -> Result<(), Error> {
        for some in new.chunks(MAX_BUNDLES_AT_ONCE) {
            let mut uploads = Vec::new();
            for (release, tag, digest) in some {
                let Some(digest) = *digest else { continue };
                let key = Key::Bundle(digest);
                if self.bucket.size(&key).map_err(CopyError::from)?.is_some() {
                    continue;
                }
                let path = folder.join(digest.hex());
                let written = write_release_pack(self.context, repo, *tag, &path)?;
                if written.digest != digest {
                    let (found, named) = (written.digest.to_string(), digest.to_string());
                    let (release, number) = (release.to_string(), 0);
                    return Err(crate::trust::Refusal::Differs { release, what: "pack", found, named, number }.into());
                }
                uploads.push(Upload { key, path, size: written.size });
            }
            self.send(&uploads)?;
            uploads.iter().try_for_each(|upload| crate::fsio::remove_if_there(&upload.path))?;
        }
        Ok(())
    }

    /// Sends files, and tells how far that is.
    pub(super) fn send(&self, uploads: &[Upload]) -> Result<u64, Error> {
        let total = uploads.iter().map(|upload| upload.size).sum();
        let progress = &self.context.progress;
        let mut tell = |sent| progress.step("sending", sent, Some(total));
        Ok(self.bucket.upload(uploads, &mut tell).map_err(CopyError::from)?)
    }
}

fn retired(base: Option<&CopyHead>) -> &[RetiredPack] {
    base.map_or(&[], |base| &base.retired)
}

/// Returns the tree of a release that is here.
fn tree_of(repo: &Repo, tag: Oid) -> Option<Oid> {
    let raw = repo.raw_tag(tag).ok()?;
    let tree = repo.commit(RawTag::parse(&raw).ok()?.target()).ok()?.tree;
    repo.has(tree).then_some(tree)
}
