//! Bundles that a collection follows: what their vaults have that is newer, by the same checks as an import.
//!
//! `collection.toml` names the vault by the user's own name for it. A name that the user has given to no vault leads nowhere, so
//! a file from elsewhere cannot make anyone ask an address.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Asked, Error, Locked, Needed, Opened, Vault, dependencies, pull};
use crate::git::GitError;
use crate::model::{ArtifactRef, Oid, Release, version_range};
use crate::ops::Context;
use crate::ops::bundle::{
    self, Allowed, Choices, Detail, Existing, Found, Imported, Incoming, Place, Plan, SignedBy, Step, Wanted,
    check_policy, find, verify,
};
use crate::ops::collection::{Collection, Consents, Upstream, with_causes};
use crate::trust::{ReleaseContent, Verified};

/// A bundle that is followed in a vault.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Link {
    /// The user's name of the vault.
    pub vault: String,
    /// The bundle.
    pub bundle: String,
    /// The range of versions that is taken; `*` for all.
    pub range: String,
}

/// How an artifact of a bundle that is followed stands.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FollowedArtifact {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Against the newest release in the range.
    pub upstream: Upstream,
}

/// What was seen of a bundle that is followed.
pub struct Followed {
    /// The bundle.
    pub link: Link,
    /// Its artifacts here.
    pub artifacts: Vec<FollowedArtifact>,
    /// The newest release, verified, where it is newer than something here.
    news: Option<(Found, Verified<ReleaseContent>)>,
}

/// What an update of such a bundle does, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct BundleUpdate {
    /// The bundle.
    #[serde(flatten)]
    pub link: Link,
    /// Its artifacts here, as they stood before.
    pub artifacts: Vec<FollowedArtifact>,
    /// Who signed the newer release, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
    /// What happens to each artifact of the newer release, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The new commit; `None` before it is made and when no file changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why the newer release was not taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl BundleUpdate {
    /// Returns what a person should agree to first: another signer, and what a client would run or allow.
    pub fn consents(&self) -> Consents {
        match (&self.plan, &self.signed_by) {
            (Some(plan), Some(signer)) if plan.changes() => plan.consents(signer),
            _ => Consents::default(),
        }
    }
}

/// Looks at the vaults of all bundles that any of these artifacts follows. Nothing of the collection is touched.
///
/// A vault that cannot be asked, and a release that is not verified, is no error but a state of the artifacts.
pub fn follow(context: &Context, collection: &Collection, artifacts: &[ArtifactRef]) -> Vec<Followed> {
    let mut links: BTreeMap<Link, Vec<ArtifactRef>> = BTreeMap::new();
    for artifact in artifacts {
        let entry = collection.manifest.artifacts.get(artifact);
        if let Some((vault, bundle, range)) = entry.and_then(|entry| entry.link()) {
            let link = Link { vault: vault.to_owned(), bundle: bundle.to_owned(), range: range.to_owned() };
            links.entry(link).or_default().push(artifact.clone());
        }
    }
    let mut wanted: BTreeMap<&str, Vec<Wanted>> = BTreeMap::new();
    for link in links.keys() {
        // What is no range is told when it is looked for.
        wanted.entry(&link.vault).or_default().extend(Wanted::parse(&link.wanted()));
    }
    let fetched = wanted.into_iter().map(|(vault, wanted)| (vault.to_owned(), fetch(context, vault, &wanted)));
    let fetched: BTreeMap<String, Result<(), String>> = fetched.collect();
    let one = |(link, artifacts): (Link, Vec<ArtifactRef>)| {
        let fetched = fetched.get(&link.vault).cloned().unwrap_or(Ok(()));
        let seen = fetched.and_then(|()| look(context, collection, &link, &artifacts));
        let (states, news) = seen.unwrap_or_else(|reason| {
            (artifacts.iter().map(|_| Upstream::CannotCheck { reason: reason.clone() }).collect(), None)
        });
        let pairs = artifacts.into_iter().zip(states);
        let artifacts = pairs.map(|(artifact, upstream)| FollowedArtifact { artifact, upstream }).collect();
        Followed { link, artifacts, news }
    };
    links.into_iter().map(one).collect()
}

impl Link {
    /// Returns what is looked for in the vault.
    fn wanted(&self) -> String {
        format!("{}@{}", self.bundle, self.range)
    }
}

/// Fetches the ledger, and the newest releases of what is followed.
fn fetch(context: &Context, vault: &str, wanted: &[Wanted]) -> Result<(), String> {
    if context.offline {
        return Err(GitError::Offline.to_string());
    }
    pull(context, vault, Asked::Any(wanted)).map(drop).map_err(|error| with_causes(&error))
}

type Seen = (Vec<Upstream>, Option<(Found, Verified<ReleaseContent>)>);

fn look(context: &Context, collection: &Collection, link: &Link, artifacts: &[ArtifactRef]) -> Result<Seen, String> {
    if version_range(&link.range).is_none() {
        return Err(format!("'{}' is not a range of versions", link.range));
    }
    let vault = Vault::find(context, &link.vault).map_err(|error| with_causes(&error))?;
    let opened = Opened::of(context, vault).map_err(|error| with_causes(&error))?;
    let ledger = opened.ledger.as_ref();
    let have: Vec<Option<Release>> = artifacts.iter().map(|artifact| release_of(collection, artifact)).collect();
    let taken_back = |have: &Option<Release>| {
        let release = have.as_ref()?;
        let reason = ledger?.yanked(release)?.to_owned();
        Some(Upstream::TakenBack { release: release.to_string(), reason })
    };
    let place = Place::Repository(&opened.repo, link.wanted(), ledger);
    let found = match find(context, &place) {
        Ok(found) => found,
        Err(bundle::Error::NoRelease(_)) if have.iter().any(|have| taken_back(have).is_some()) => {
            return Ok((have.iter().map(|have| taken_back(have).unwrap_or(Upstream::Current)).collect(), None));
        }
        Err(error) => return Err(with_causes(&error)),
    };
    let Some(newest) = found.asked.clone() else { return Err("the vault names no release".to_owned()) };
    let is_behind = |have: &Option<Release>| have.as_ref().is_none_or(|have| *have < newest);
    let standing = |have: &Option<Release>| taken_back(have).unwrap_or(Upstream::Current);
    if !have.iter().any(is_behind) {
        return Ok((have.iter().map(standing).collect(), None));
    }
    // What is only offered is not "newer": it has to be what an import would take.
    let voucher = opened.voucher(context).map_err(|error| with_causes(&error))?;
    let verified = verify(context, &found, voucher, &[]).map_err(|error| with_causes(&error))?;
    check_policy(context, verified.get(), None).map_err(|error| with_causes(&error))?;
    let states = artifacts.iter().zip(&have).map(|(artifact, have)| {
        if !is_behind(have) {
            return standing(have);
        }
        if !verified.get().manifest.artifacts.iter().any(|one| is_it(collection, artifact, &one.artifact)) {
            return Upstream::Gone { moved_to: None };
        }
        Upstream::NewRelease { from: have.as_ref().map(ToString::to_string), to: newest.to_string() }
    });
    let states: Vec<_> = states.collect();
    let has_news = states.iter().any(|state| matches!(state, Upstream::NewRelease { .. }));
    Ok((states, has_news.then_some((found, verified))))
}

fn release_of(collection: &Collection, artifact: &ArtifactRef) -> Option<Release> {
    collection.lock.artifacts.get(artifact)?.release.as_ref()?.parse().ok()
}

/// Says whether an artifact here is the one that a release calls `offered`.
fn is_it(collection: &Collection, artifact: &ArtifactRef, offered: &ArtifactRef) -> bool {
    let original = collection.manifest.artifacts.get(artifact).and_then(|entry| entry.original.as_deref());
    artifact.kind == offered.kind && original.unwrap_or(artifact.name.as_str()) == offered.name.as_str()
}

impl Followed {
    /// Plans the update; `None` where there is nothing newer. Writes nothing.
    ///
    /// # Errors
    /// As [`bundle::plan`], [`bundle::Error::Older`], [`bundle::Error::Exists`].
    pub fn plan(
        &self,
        context: &Context,
        collection: &Collection,
        existing: Existing,
        detail: Detail,
    ) -> Result<Option<Plan>, Error> {
        let Some((found, verified)) = &self.news else { return Ok(None) };
        self.check_needs(context, collection, verified)?;
        let choices = self.choices(context, collection, existing)?;
        let plan = bundle::plan(context, collection, found, verified, &choices, detail)?;
        plan.check(Allowed::NOTHING)?;
        let refused = plan.artifacts.iter().filter(|planned| planned.step == Step::Refuse);
        let refused: Vec<_> = refused.map(|planned| planned.artifact.clone()).collect();
        if refused.is_empty() { Ok(Some(plan)) } else { Err(bundle::Error::Exists(refused).into()) }
    }

    /// Returns who signed the newer release; `None` where there is none.
    pub fn signed_by(&self, collection: &Collection) -> Option<SignedBy> {
        Some(SignedBy::of(collection, self.news.as_ref()?.1.get()))
    }

    /// Returns what a release needs, all of which is here, and refuses one that needs more: what it would bring along nobody has
    /// seen, let alone agreed to.
    fn check_needs(
        &self,
        context: &Context,
        collection: &Collection,
        verified: &Verified<ReleaseContent>,
    ) -> Result<Vec<Needed>, Error> {
        let mut missing = Vec::new();
        let needed = dependencies(context, collection, verified.get(), Some(&self.link.vault), Locked::Prefer)?;
        for one in &needed {
            let choices = Choices::from(Existing::Skip);
            let plan = bundle::plan(context, collection, &one.found, &one.verified, &choices, Detail::Steps)?;
            missing.extend(plan.changes().then_some(plan.release));
        }
        if missing.is_empty() {
            return Ok(needed);
        }
        let (release, vault) = (verified.get().release.to_string(), self.link.vault.clone());
        Err(Error::NeedsMore { release, bundle: self.link.bundle.clone(), vault, missing })
    }

    /// Takes the newer release in one commit; `None` where there is none.
    ///
    /// # Errors
    /// As [`bundle::import`]; [`Error::NeedsMore`].
    pub fn take(
        &self,
        context: &Context,
        collection: &Collection,
        existing: Existing,
    ) -> Result<Option<Imported>, Error> {
        let Some((found, verified)) = &self.news else { return Ok(None) };
        let needed = self.check_needs(context, collection, verified)?;
        let choices = self.choices(context, collection, existing)?;
        let (vault, follows) = (Some(self.link.vault.as_str()), Some(self.link.range.as_str()));
        let root = Incoming { found, verified, vault, follows, choices: &choices };
        // They bring nothing; the lock names them.
        let all_here = Choices::from(Existing::Skip);
        let needed = needed.iter().map(|one| {
            let (found, verified, vault) = (&one.found, &one.verified, one.vault.as_deref());
            Incoming { found, verified, vault, follows: None, choices: &all_here }
        });
        let needed: Vec<_> = needed.collect();
        Ok(Some(bundle::import(context, collection, &root, &needed, Allowed::NOTHING)?))
    }

    /// Nobody is there to say what becomes of the collection's own artifacts, so they stay; and what was removed after an
    /// earlier release had brought it does not come back.
    fn choices(
        &self,
        context: &Context,
        collection: &Collection,
        existing: Existing,
    ) -> Result<Choices, bundle::Error> {
        let mut choices = Choices::from(existing);
        let Some((found, verified)) = &self.news else { return Ok(choices) };
        let plan = bundle::plan(context, collection, found, verified, &choices, Detail::Steps)?;
        let known = self.known(collection)?;
        for planned in &plan.artifacts {
            let offered = planned.offered();
            let entry = collection.manifest.artifacts.get(&planned.artifact);
            let is_ours = entry.is_none_or(|entry| entry.bundle.as_deref() != Some(self.link.bundle.as_str()));
            match planned.step {
                Step::Add if known.contains(offered) => choices.leave_out(offered.clone()),
                Step::Add | Step::Same => {}
                _ if is_ours => choices.choose(offered.clone(), Existing::Skip),
                _ => {}
            }
        }
        Ok(choices)
    }

    /// Returns what the release had that was last taken here, by the names in it; nothing where its tag is not here.
    fn known(&self, collection: &Collection) -> Result<Vec<ArtifactRef>, bundle::Error> {
        let tag = self.last_tag(collection)?;
        let manifest = tag.and_then(|tag| bundle::stored_manifest(&collection.repo, tag));
        let Some(manifest) = manifest else { return Ok(Vec::new()) };
        Ok(manifest.artifacts.into_iter().map(|bundled| bundled.artifact).collect())
    }

    /// Returns the tag of the release that was last taken here; `None` where it is not here.
    fn last_tag(&self, collection: &Collection) -> Result<Option<Oid>, GitError> {
        let releases = self.artifacts.iter().filter_map(|one| release_of(collection, &one.artifact));
        releases.max().map_or(Ok(None), |newest| collection.repo.find_ref(&newest.ref_name()))
    }
}
