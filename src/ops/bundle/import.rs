//! `import`: a verified release becomes part of the collection, in one commit or not at all.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::choice::Choices;
use super::plan::{Older, Plan, Planned, Step, is_of_bundle, is_recorded, plan_in};
use super::{Error, Found, Hidden, hidden, write_objects};
use crate::git::{Expect, RefChange};
use crate::model::{ArtifactRef, Digest, LockedRelease, ManifestEntry, Oid, Release, tree_digest};
use crate::ops::Context;
use crate::ops::collection::{Change, Collection, Settled, Taken, settle, tree_of, wait};
use crate::trust::{ReleaseContent, Verified};

/// What `import` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Imported {
    /// What was planned.
    pub plan: Plan,
    /// Who signed it.
    pub principal: String,
    /// The releases that it needs, each behind what it needs itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<ImportedNeed>,
    /// The new commit; `None` for a dry run, and when the collection had everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Why the policy in force would refuse this, or what it needs; only of a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would_refuse: Option<String>,
}

/// What became of a release that another one needs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ImportedNeed {
    /// What was planned.
    pub plan: Plan,
    /// Who signed it.
    pub principal: String,
    /// The level that it reached.
    pub level: u8,
}

impl ImportedNeed {
    /// Returns what is told of a release that another one needs.
    pub fn of(plan: Plan, verified: &Verified<ReleaseContent>) -> Self {
        let content = verified.get();
        Self { plan, principal: content.principal.clone(), level: content.level.number() }
    }
}

/// A verified release that is to be imported.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    /// Where it is.
    pub found: &'a Found,
    /// What it is.
    pub verified: &'a Verified<ReleaseContent>,
    /// Name of the vault it came from.
    pub vault: Option<&'a str>,
    /// The range of versions to follow in that vault from now on.
    pub follows: Option<&'a str>,
    /// What happens to artifacts that are here with other content.
    pub choices: &'a Choices,
}

/// What is taken only where someone says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// A release that is older than one that was imported before.
    pub older: Older,
    /// Text that nobody sees.
    pub hidden: Hidden,
}

impl Allowed {
    /// Nothing of it.
    pub const NOTHING: Self = Self { older: Older::Refuse, hidden: Hidden::Refuse };
}

impl Plan {
    /// Refuses what is not allowed, as far as the plan tells of it.
    ///
    /// # Errors
    /// [`Error::Older`], [`Error::Hidden`].
    pub fn check(&self, allowed: Allowed) -> Result<(), Error> {
        self.check_age(allowed.older)?;
        self.check_hidden(allowed.hidden)
    }
}

/// Imports a verified release and those that it needs, by the plans for them, in one commit. The level that it reached is
/// recorded, and that the policy asks for more.
///
/// Objects are written first, the tags, the pristine states and the commit appear together. Importing twice changes nothing.
///
/// # Errors
/// [`Error::Exists`] when artifacts of other content are in the way, [`Error::Together`] when two of the releases have one
/// artifact with different content, [`Error::Older`], [`Error::Hidden`], [`Error::ForkTaken`] and what else [`super::plan`] refuses,
/// [`Error::Taken`] when the collection has another tag of this name, [`Error::Collection`] when uncommitted edits are in the
/// way.
pub fn import(
    context: &Context,
    collection: &Collection,
    root: &Incoming<'_>,
    needed: &[Incoming<'_>],
    allowed: Allowed,
) -> Result<Imported, Error> {
    check_together(root, needed)?;
    let mut change = Change::new(collection);
    let mut done = Done::default();
    let mut dependencies = Vec::new();
    for wanted in needed {
        // Of what is needed none is older than what is here.
        let theirs = Allowed { older: Older::Refuse, ..allowed };
        let plan = apply(context, collection, wanted, theirs, &mut change, &mut done)?;
        lock(collection, wanted, &plan, Older::Refuse, &mut change);
        dependencies.push(ImportedNeed::of(plan, wanted.verified));
    }
    let plan = apply(context, collection, root, allowed, &mut change, &mut done)?;
    lock(collection, root, &plan, allowed.older, &mut change);
    let content = root.verified.get();
    let subject = subject(context, content, &dependencies);
    let committed = change.commit(context, "import", &subject, &done.changed)?;
    let commit = committed.map(|done| done.to_string());
    Ok(Imported { plan, principal: content.principal.clone(), dependencies, commit, would_refuse: None })
}

/// Refuses releases that cannot stand together.
///
/// # Errors
/// [`Error::Together`].
pub fn check_together(root: &Incoming<'_>, needed: &[Incoming<'_>]) -> Result<(), Error> {
    let mut seen: BTreeMap<&ArtifactRef, (Digest, &Release)> = BTreeMap::new();
    for content in needed.iter().chain([root]).map(|wanted| wanted.verified.get()) {
        for bundled in &content.manifest.artifacts {
            let (digest, other) = *seen.entry(&bundled.artifact).or_insert((bundled.digest, &content.release));
            if digest != bundled.digest {
                return Err(Error::Together {
                    artifact: bundled.artifact.clone(),
                    one: other.to_string(),
                    other: content.release.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// What was put into one change already.
#[derive(Default)]
struct Done {
    /// What is at each place, from which release.
    taken: BTreeMap<ArtifactRef, (Digest, String)>,
    changed: Vec<ArtifactRef>,
}

/// Puts one release into the change.
fn apply(
    context: &Context,
    collection: &Collection,
    wanted: &Incoming<'_>,
    Allowed { older, hidden }: Allowed,
    change: &mut Change<'_>,
    done: &mut Done,
) -> Result<Plan, Error> {
    let Incoming { found, verified, choices, .. } = *wanted;
    let content = verified.get();
    if choices.may_merge() {
        // What a merge needs. A collection that is open to be changed keeps it in memory until the commit.
        write_objects(context, &collection.repo, found.evidence.as_ref(), verified)?;
    }
    let plan = plan_in(&collection.repo, collection, found, verified, choices)?;
    let refused: Vec<ArtifactRef> = plan
        .artifacts
        .iter()
        .filter(|planned| planned.step == Step::Refuse)
        .map(|planned| planned.artifact.clone())
        .collect();
    if !refused.is_empty() {
        return Err(Error::Exists(refused));
    }
    plan.check_age(older)?;
    let tag_change = tag_change(collection, content)?;
    write_objects(context, &collection.repo, found.evidence.as_ref(), verified)?;
    let mut places = Vec::new();
    for planned in plan.artifacts.iter().filter(|planned| planned.brings()) {
        planned.incoming.write_renamed(&collection.repo)?;
        let (artifact, theirs) = (&planned.artifact, &planned.incoming.files);
        places.extend(hidden::places(&collection.repo, collection, artifact, &planned.files, theirs)?);
    }
    hidden.check(&places)?.into_iter().for_each(|line| change.remark(line));
    for planned in &plan.artifacts {
        if planned.step != Step::Skip {
            // By the place here and not by the name in the release: a fork of one may be what another brings.
            let (place, here) = (planned.artifact.clone(), (tree_digest(&planned.files), plan.release.clone()));
            match done.taken.get(&place) {
                Some((digest, _)) if *digest == here.0 => continue,
                Some((_, one)) => {
                    return Err(Error::Together { artifact: place, one: one.clone(), other: here.1 });
                }
                None => drop(done.taken.insert(place, here)),
            }
        }
        // Unchanged in this version of the bundle it came from: only the record moves on.
        let is_of_other_version = is_of_bundle(collection, content, &planned.artifact)
            && !is_recorded(collection, content, &planned.artifact);
        // The record of one that is the same in both does not go back either, or the next older one would not be told.
        let is_back = plan.older_than.is_some() && older == Older::Refuse;
        let only_record = planned.step == Step::Same && is_of_other_version && !is_back;
        if planned.step == Step::Skip || (planned.step == Step::Same && !only_record) {
            if let Some(entry) = linked(collection, content, planned, wanted) {
                change.describe(&planned.artifact, Some(entry));
            }
            continue;
        }
        let artifact = &planned.artifact;
        let files = &planned.incoming.files;
        let Some(settled) = settled(collection, content, planned, tree_of(&collection.repo, files)?, wanted) else {
            continue;
        };
        if planned.step == Step::Conflict {
            wait(context, collection, change, artifact, &settled)?;
            continue;
        }
        let result = planned.merged.as_ref().unwrap_or(files);
        let result: Vec<_> = result.iter().map(|(path, (mode, id))| (path.clone(), *mode, *id)).collect();
        change.replace(artifact, &result)?;
        settle(context, collection, change, artifact, &settled)?;
        if !only_record {
            done.changed.push(planned.artifact.clone());
        }
    }
    if let Some(tag_change) = tag_change {
        change.change_ref(tag_change);
    }
    Ok(plan)
}

/// Records the release itself, also where it brings nothing new: the same again is taken by that.
fn lock(collection: &Collection, wanted: &Incoming<'_>, plan: &Plan, older: Older, change: &mut Change<'_>) {
    let content = wanted.verified.get();
    let tag = content.tag_id.to_string();
    // What waits as a whole was not taken yet; and what is the same as a newer one does not go back.
    let waits = plan.has_conflicts() && !change.has_artifact_of(&tag);
    let is_kept_out = plan.artifacts.iter().all(|planned| planned.step == Step::Skip);
    if waits || is_kept_out || (plan.older_than.is_some() && older == Older::Refuse) {
        return;
    }
    let before = collection.lock.releases.get(&content.release.bundle);
    let vault = wanted.vault.or_else(|| before?.vault.as_deref()).map(str::to_owned);
    // What it was worth when it was taken stays, or each import would change the lock with the age of a checkpoint.
    if before.is_some_and(|before| before.tag == tag && before.digest.is_some()) {
        return;
    }
    let (number, level) = (content.listed.as_ref().map(|listed| listed.number), Some(content.level.number()));
    let version = content.release.version.to_string();
    let locked = LockedRelease { version, tag, digest: Some(content.digest), vault, number, level };
    change.lock_release(content.release.bundle.clone(), locked);
}

/// What is said of the import in history and in the trail.
fn subject(context: &Context, content: &ReleaseContent, needed: &[ImportedNeed]) -> String {
    let policy = context.policy.max(context.usual_policy);
    let (level, needs) = (content.level, policy.needs());
    let text = format!("Import {} signed by {}, level {}", content.release, content.principal, level.number());
    let low: Vec<_> = needed.iter().filter(|one| one.level < needs.number()).collect();
    let low: String = low.iter().map(|one| format!("; {} reaches {}", one.plan.release, one.level)).collect();
    let lowered = format!(" (policy '{}' asks for {}{low})", policy.word(), needs.number());
    let names: Vec<_> = needed.iter().take(3).map(|one| one.plan.release.as_str()).collect();
    let more = needed.len() - names.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let with = if names.is_empty() { String::new() } else { format!(", with {}{more}", names.join(", ")) };
    if level < needs || !low.is_empty() { text + &lowered + &with } else { text + &with }
}

fn tag_change(collection: &Collection, content: &ReleaseContent) -> Result<Option<RefChange>, Error> {
    let name = content.release.ref_name();
    match collection.repo.find_ref(&name)? {
        Some(id) if id == content.tag_id => Ok(None),
        // The same release with another signature or other content: never silently the new one.
        Some(_) => Err(Error::Taken(content.release.clone())),
        None => Ok(Some(RefChange { name, new: Some(content.tag_id), expect: Expect::Absent })),
    }
}

/// What is recorded of an artifact that is imported.
fn settled(
    collection: &Collection,
    content: &ReleaseContent,
    planned: &Planned,
    theirs: Oid,
    wanted: &Incoming<'_>,
) -> Option<Settled> {
    let artifact = &planned.artifact;
    let bundled = content.manifest.artifacts.iter().find(|bundled| bundled.artifact == *planned.offered())?;
    let bundle = content.release.bundle.to_string();
    // A pack of the same bundle says nothing of the vault, so what is known of it stays.
    let known = collection.manifest.artifacts.get(artifact).filter(|entry| entry.bundle.as_ref() == Some(&bundle));
    let vault = wanted.vault.map(str::to_owned).or_else(|| known?.vault.clone());
    // Whoever takes it from another vault has not said to follow that one.
    let same_vault = known.filter(|entry| entry.vault == vault);
    let follows = wanted.follows.map(str::to_owned).or_else(|| same_vault?.reference.clone());
    let (release, tag) = (content.release.to_string(), content.tag_id.to_string());
    let original = planned.original.as_ref().map(|original| original.name.to_string());
    let taken = Taken::Release { bundle, vault, original, follows, release, tag };
    // Of what has another name here, the files are others than those of the manifest.
    Some(Settled { theirs, taken, digest: tree_digest(&planned.files), license: bundled.license.clone() })
}

/// Returns what `collection.toml` says of an artifact of the bundle that is followed from now on and else stays as it is; `None`
/// where it says so already.
fn linked(
    collection: &Collection,
    content: &ReleaseContent,
    planned: &Planned,
    wanted: &Incoming<'_>,
) -> Option<ManifestEntry> {
    let artifact = &planned.artifact;
    let (Some(vault), Some(follows)) = (wanted.vault, wanted.follows) else { return None };
    let before = collection.manifest.artifacts.get(artifact).filter(|_| is_of_bundle(collection, content, artifact))?;
    let after = ManifestEntry { vault: Some(vault.to_owned()), reference: Some(follows.to_owned()), ..before.clone() };
    (after != *before).then_some(after)
}
