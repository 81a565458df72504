//! What a ledger says of a release.

use super::{Ledger, Refusal, may_publish};
use crate::model::{Digest, EntryBody, Oid, Release};
use crate::signature::PublicKey;

/// What a ledger says of a release that it vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Number of its entry.
    pub number: u64,
    /// Who signed the tag, by the trust files before that entry.
    pub principal: String,
    /// When it was published, in seconds since 1970: what the publisher wrote.
    pub time: u64,
    /// Why it was taken back, where it was.
    pub yanked: Option<String>,
}

impl Ledger {
    /// Returns the releases that were published, with the ids of their tag objects.
    pub fn releases(&self) -> impl Iterator<Item = (&Release, Oid)> {
        self.releases.iter().filter_map(|(release, published)| Some((release, self.entry_of(published.number)?.0)))
    }

    /// Returns the tag object under which a release was published.
    pub fn tag_of(&self, release: &Release) -> Option<Oid> {
        Some(self.entry_of(self.releases.get(release)?.number)?.0)
    }

    /// Returns when a release was published, in seconds since 1970: what its publisher wrote.
    pub fn published(&self, release: &Release) -> Option<u64> {
        Some(self.record(self.releases.get(release)?.number)?.time)
    }

    /// Returns the number of the entry that published a release.
    pub fn number_of(&self, release: &Release) -> Option<u64> {
        Some(self.releases.get(release)?.number)
    }

    /// Says whether a release that this key has signed could be published now.
    ///
    /// # Errors
    /// [`Refusal`], with the number that its entry would have.
    pub fn check_publisher(&self, release: &Release, key: &PublicKey) -> Result<(), Refusal> {
        let number = self.number() + 1;
        self.publisher(release, key, number)?;
        match self.revocations().into_iter().find(|revoked| revoked.key == *key && revoked.since <= number) {
            Some(revoked) => Err(Refusal::Revoked {
                release: release.to_string(),
                number,
                fingerprint: key.fingerprint(),
                since: revoked.since,
            }),
            None => Ok(()),
        }
    }

    /// Returns who held a key just before an entry, if they could publish the release.
    fn publisher(&self, release: &Release, key: &PublicKey, number: u64) -> Result<&str, Refusal> {
        let files = self.files_at(number);
        let principal = files.allowed().holder(key).ok_or_else(|| Refusal::UnknownKey {
            release: release.to_string(),
            fingerprint: key.fingerprint(),
            number,
        })?;
        if may_publish(files, principal, &release.bundle) {
            Ok(principal)
        } else {
            Err(Refusal::NotAllowed { principal: principal.to_owned(), release: release.to_string() })
        }
    }

    /// Says why a release was taken back.
    pub fn yanked(&self, release: &Release) -> Option<&str> {
        self.releases.get(release)?.yanked.as_deref()
    }

    fn entry_of(&self, number: u64) -> Option<(Oid, Digest, Option<Digest>)> {
        match &self.record(number)?.body {
            EntryBody::Publish { tag, tree, pack, .. } => Some((*tag, *tree, *pack)),
            _ => None,
        }
    }

    /// Returns the number of a release's entry, if that lists exactly this tag object.
    ///
    /// # Errors
    /// [`Refusal::Unpublished`], [`Refusal::Differs`].
    pub fn check_tag(&self, release: &Release, tag: Oid) -> Result<u64, Refusal> {
        let unpublished = || Refusal::Unpublished(release.to_string());
        let number = self.releases.get(release).ok_or_else(unpublished)?.number;
        let (named, ..) = self.entry_of(number).ok_or_else(unpublished)?;
        if named == tag { Ok(number) } else { Err(differs(release, "tag", &tag, &named, number)) }
    }

    /// Says whether the ledger vouches for a release: its tag and the signer of that, judged by position and never by a date.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn vouch(&self, release: &Release, tag: Oid, key: &PublicKey) -> Result<Listed, Refusal> {
        let number = self.check_tag(release, tag)?;
        let unpublished = || Refusal::Unpublished(release.to_string());
        let principal = self.publisher(release, key, number)?;
        let record = self.record(number).ok_or_else(unpublished)?;
        let revoked = self
            .revocations()
            .into_iter()
            .find(|revoked| (revoked.key == *key || revoked.key == *record.key) && revoked.since <= number);
        if let Some(revoked) = revoked {
            let fingerprint = revoked.key.fingerprint();
            return Err(Refusal::Revoked { release: release.to_string(), number, fingerprint, since: revoked.since });
        }
        let (principal, time) = (principal.to_owned(), record.time);
        let yanked = self.yanked(release).map(str::to_owned);
        Ok(Listed { number, principal, time, yanked })
    }

    /// Says whether the ledger lists another release of this name, where the one at hand came another way.
    ///
    /// Names of bundles are not the same for all vaults, so that alone speaks against nobody. It does where the key belongs to the
    /// people of this one: they publish a version once.
    ///
    /// # Errors
    /// [`Refusal::KeyRevoked`] where the key is believed no longer: only what is listed has a place before that.
    /// [`Refusal::Differs`].
    pub fn has_other(&self, release: &Release, tag: Oid, key: &PublicKey) -> Result<bool, Refusal> {
        let Err(refusal) = self.check_tag(release, tag) else { return Ok(false) };
        if let Some(revoked) = self.revocations().into_iter().find(|revoked| revoked.key == *key) {
            let (release, fingerprint) = (release.to_string(), key.fingerprint());
            return Err(Refusal::KeyRevoked { release, fingerprint, since: revoked.since });
        }
        match refusal {
            Refusal::Differs { .. } if self.ever_held(key) => Err(refusal),
            Refusal::Differs { .. } => Ok(true),
            _ => Ok(false),
        }
    }

    /// Says whether someone in this vault holds a key or ever held it.
    fn ever_held(&self, key: &PublicKey) -> bool {
        let mut all = self.epochs.iter().map(|epoch| &epoch.files);
        all.any(|files| files.allowed().holder(key).is_some() || files.holder(key).is_some())
    }

    /// Says whether files and pack of a release are those that were published.
    ///
    /// # Errors
    /// [`Refusal::Differs`].
    pub fn check_content(&self, release: &Release, tree: Digest, pack: Option<Digest>) -> Result<(), Refusal> {
        let unpublished = || Refusal::Unpublished(release.to_string());
        let number = self.releases.get(release).ok_or_else(unpublished)?.number;
        let (_, named_tree, named_pack) = self.entry_of(number).ok_or_else(unpublished)?;
        if named_tree != tree {
            return Err(differs(release, "tree", &tree, &named_tree, number));
        }
        match (pack, named_pack) {
            (Some(found), Some(named)) if found != named => Err(differs(release, "pack", &found, &named, number)),
            _ => Ok(()),
        }
    }
}

fn differs(
    release: &Release,
    what: &'static str,
    found: &dyn std::fmt::Display,
    named: &dyn std::fmt::Display,
    number: u64,
) -> Refusal {
    Refusal::Differs { release: release.to_string(), what, found: found.to_string(), named: named.to_string(), number }
}
