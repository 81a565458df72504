//! A state of what an artifact follows, and what is recorded of it once it is settled: the base of the next merge.

use super::update::files_in;
use super::{Change, Collection, Error, PRISTINE_REFS, pristine};
use crate::git::CommitInfo;
use crate::model::{ArtifactRef, Digest, LockEntry, LockedRelease, ManifestEntry, Oid, Release};
use crate::ops::Context;

/// Where a state came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// From its upstream.
    Upstream {
        /// The address it was read from.
        address: String,
        /// Its place in the source.
        path: String,
        /// The server there, where a place has several.
        server: Option<String>,
        /// The branch, tag, commit or range that is followed; `HEAD` for none.
        reference: String,
        /// The commit it was read from.
        commit: Option<String>,
    },
    /// From a release of a bundle.
    Release {
        /// The bundle.
        bundle: String,
        /// The user's name of the vault, where one is known.
        vault: Option<String>,
        /// The artifact's name in the bundle, where it has another here.
        original: Option<String>,
        /// The range of versions that is followed in the vault, where it is.
        follows: Option<String>,
        /// The release, such as `kit--v1.0.0`.
        release: String,
        /// Object id of its tag.
        tag: String,
    },
    /// From an unsigned pack of an old format.
    OldPack {
        /// Digest of the file.
        pack: String,
    },
}

/// A state, and what is recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Its tree, laid out as in the collection.
    pub(crate) theirs: Oid,
    /// Where it came from.
    pub(crate) taken: Taken,
    /// Its tree digest.
    pub(crate) digest: Digest,
    /// Licence found.
    pub(crate) license: Option<String>,
}

impl Settled {
    /// Records it as what the next merge starts from.
    pub(crate) fn record(
        &self,
        context: &Context,
        collection: &Collection,
        change: &mut Change<'_>,
        artifact: &ArtifactRef,
    ) -> Result<(), Error> {
        let theirs: Vec<_> =
            files_in(&collection.repo, self.theirs)?.into_iter().map(|(p, (m, id))| (p, m, id)).collect();
        change.record_pristine(context, artifact, &theirs, &format!("Pristine {artifact}\n\n{}", self.trailers()))?;
        let before = collection.manifest.artifacts.get(artifact).cloned().unwrap_or_default();
        let (entry, commit, release, tag) = match &self.taken {
            Taken::Upstream { path, commit, .. } => {
                (ManifestEntry { path: Some(path.clone()), ..before }, commit.clone(), None, None)
            }
            Taken::Release { bundle, vault, original, follows, release, tag } => {
                let entry = ManifestEntry {
                    bundle: Some(bundle.clone()),
                    vault: vault.clone(),
                    original: original.clone(),
                    reference: follows.clone(),
                    tags: before.tags,
                    accept: before.accept,
                    ..ManifestEntry::default()
                };
                (entry, None, Some(release.clone()), Some(tag.clone()))
            }
            Taken::OldPack { pack } => {
                let pack = Some(pack.clone());
                let entry =
                    ManifestEntry { pack, tags: before.tags, accept: before.accept, ..ManifestEntry::default() };
                (entry, None, None, None)
            }
        };
        change.describe(artifact, Some(entry));
        if let Taken::Release { vault, release, tag, .. } = &self.taken
            && let Ok(Release { bundle, version }) = release.parse()
        {
            // Of what waited, no more is known when it is decided.
            let (version, tag, vault) = (version.to_string(), tag.clone(), vault.clone());
            let locked = LockedRelease { version, tag, vault, digest: None, number: None, level: None };
            change.lock_newer_release(bundle, locked);
        }
        let (tree, digest, license) = (Some(self.theirs.to_string()), Some(self.digest), self.license.clone());
        change.lock(artifact, Some(LockEntry { commit, release, tag, tree, digest, license }));
        Ok(())
    }

    /// Returns the commit that keeps it until it is decided.
    pub(super) fn write(
        &self,
        context: &Context,
        collection: &Collection,
        artifact: &ArtifactRef,
    ) -> Result<Oid, Error> {
        let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
        let repo = &collection.repo;
        let parents: Vec<Oid> = repo.find_ref(&format!("{PRISTINE_REFS}{artifact}"))?.into_iter().collect();
        let message = format!("Pending {artifact}\n\n{}", self.trailers());
        Ok(repo.write_commit(self.theirs, &parents, &message, who)?)
    }

    /// Reads what [`Settled::write`] wrote.
    pub(super) fn parse(info: &CommitInfo) -> Option<Self> {
        let trailer = |key: &str| info.trailers(key).next().map(str::to_owned);
        let taken = match trailer("Skillmeat-Release") {
            None if trailer("Skillmeat-Pack").is_some() => Taken::OldPack { pack: trailer("Skillmeat-Pack")? },
            Some(release) => Taken::Release {
                bundle: trailer("Skillmeat-Bundle")?,
                vault: trailer("Skillmeat-Vault"),
                original: trailer("Skillmeat-Original"),
                follows: trailer("Skillmeat-Follows"),
                release,
                tag: trailer("Skillmeat-Tag")?,
            },
            None => Taken::Upstream {
                address: trailer(pristine::UPSTREAM)?,
                path: trailer(pristine::PLACE)?,
                server: trailer(pristine::SERVER),
                reference: trailer(pristine::REFERENCE)?,
                commit: trailer("Skillmeat-Commit"),
            },
        };
        let (digest, license) = (trailer("Skillmeat-Digest")?.parse().ok()?, trailer("Skillmeat-License"));
        Some(Self { theirs: info.tree, taken, digest, license })
    }

    fn trailers(&self) -> String {
        let taken = match &self.taken {
            Taken::Upstream { address, path, server, reference, commit } => vec![
                (pristine::UPSTREAM, Some(address)),
                (pristine::PLACE, Some(path)),
                (pristine::SERVER, server.as_ref()),
                (pristine::REFERENCE, Some(reference)),
                ("Skillmeat-Commit", commit.as_ref()),
            ],
            Taken::Release { bundle, vault, original, follows, release, tag } => vec![
                ("Skillmeat-Bundle", Some(bundle)),
                ("Skillmeat-Vault", vault.as_ref()),
                ("Skillmeat-Original", original.as_ref()),
                ("Skillmeat-Follows", follows.as_ref()),
                ("Skillmeat-Release", Some(release)),
                ("Skillmeat-Tag", Some(tag)),
            ],
            Taken::OldPack { pack } => vec![("Skillmeat-Pack", Some(pack))],
        };
        let digest = self.digest.to_string();
        let rest = [("Skillmeat-Digest", Some(&digest)), ("Skillmeat-License", self.license.as_ref())];
        let lines = taken.into_iter().chain(rest).filter_map(|(key, value)| Some(pristine::line(key, value?)));
        lines.collect()
    }
}
