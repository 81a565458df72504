//! `deploy` and `undeploy`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::journal::{Recovered, recover};
use super::plan::{Draft, LeftOut, Plan};
use super::site::Site;
use super::transaction::Transaction;
use super::{Action, Error};
use crate::client::TargetId;
use crate::git::Repo;
use crate::model::ArtifactRef;
use crate::ops::Context;
use crate::ops::audit::{self, Event};
use crate::ops::collection::Collection;

/// Whether what is not ours, or was edited, is overwritten; a copy is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// It is refused.
    No,
    /// It is done.
    Yes,
}

/// What is to be deployed where.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The artifacts.
    pub artifacts: Vec<ArtifactRef>,
    /// The target.
    pub target: TargetId,
    /// The project; not looked at for targets of the user.
    pub project: PathBuf,
    /// Whether obstacles are overcome.
    pub force: Force,
    /// Whether somebody agreed to the hooks and servers of the plan.
    pub agreed: bool,
    /// Whether what the target cannot hold is left out; otherwise nothing is deployed.
    pub skip_unusable: bool,
}

/// What is to be taken away where.
#[derive(Debug, Clone)]
pub struct Undeploy {
    /// Names of artifacts, everything at the target when empty.
    pub artifacts: Vec<String>,
    /// The target.
    pub target: TargetId,
    /// The project; not looked at for targets of the user.
    pub project: PathBuf,
    /// Whether obstacles are overcome.
    pub force: Force,
}

/// What a run did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Done {
    /// What was planned.
    pub plan: Plan,
    /// Whether anything was written; never in a dry run.
    pub changed: bool,
    /// Where copies of what was overwritten are.
    pub backups: Vec<String>,
    /// What became of an earlier run that was interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<Recovered>,
}

/// Plans a deployment; writes nothing.
///
/// # Errors
/// [`Error::NoPlace`], [`Error::Record`], [`Error::Config`], and those of unfit artifacts. Obstacles are no error.
pub fn plan_deploy(context: &Context, collection: &Collection, wish: &Deploy) -> Result<Done, Error> {
    let site = Site::open(context, &wish.target, &wish.project)?;
    let draft = draft_deploy(&site, collection, wish)?;
    Ok(Done { plan: draft.plan, changed: false, backups: Vec::new(), recovered: None })
}

fn draft_deploy(site: &Site, collection: &Collection, wish: &Deploy) -> Result<Draft, Error> {
    let mut draft = Draft::start(site)?;
    for artifact in &wish.artifacts {
        match draft.deploy(site, collection, artifact) {
            Err(error) if wish.skip_unusable && error.is_of_artifact() => {
                let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                draft.plan.left_out.push(LeftOut { artifact: artifact.clone(), reason });
            }
            other => other?,
        }
    }
    draft.done();
    Ok(draft)
}

/// Deploys artifacts of the collection's last commit.
///
/// # Errors
/// [`Error::InTheWay`] with everything that is not ours or was edited, [`Error::Consent`] when hooks or servers
/// would change and nobody agreed, [`Error::Changed`]; nothing is changed then.
pub fn deploy(context: &Context, collection: &Collection, wish: &Deploy) -> Result<Done, Error> {
    let mut site = Site::open(context, &wish.target, &wish.project)?;
    locked(context, &mut site, |site, recovered| {
        let draft = draft_deploy(site, collection, wish)?;
        draft.check(wish.force)?;
        if !draft.plan.consent.is_empty() && !wish.agreed {
            return Err(Error::Consent(draft.plan.consent));
        }
        let done = carry_out(context, site, "deploy", draft, Some(&collection.repo), recovered)?;
        if done.changed {
            let artifacts: Vec<_> = done.plan.artifacts.iter().map(|planned| planned.artifact.clone()).collect();
            let subject = wish.target.to_string();
            let event = Event { action: "deploy", artifacts: &artifacts, subject: &subject };
            audit::record(context, &collection.repo, &event);
        }
        Ok(done)
    })
}

/// Plans taking artifacts away; writes nothing.
///
/// # Errors
/// As [`plan_deploy`], and [`Error::NotDeployed`].
pub fn plan_undeploy(context: &Context, wish: &Undeploy) -> Result<Done, Error> {
    let site = Site::open(context, &wish.target, &wish.project)?;
    let draft = draft_undeploy(&site, wish)?;
    Ok(Done { plan: draft.plan, changed: false, backups: Vec::new(), recovered: None })
}

fn draft_undeploy(site: &Site, wish: &Undeploy) -> Result<Draft, Error> {
    let mut draft = Draft::start(site)?;
    for artifact in chosen(site, &draft.record, &wish.artifacts)? {
        draft.undeploy(site, &artifact)?;
    }
    draft.done();
    Ok(draft)
}

/// Takes away what was deployed: files, entries, and folders that are empty then.
///
/// # Errors
/// [`Error::InTheWay`] with everything that was edited, [`Error::NotDeployed`], [`Error::Changed`]; nothing is
/// changed then.
pub fn undeploy(context: &Context, wish: &Undeploy) -> Result<Done, Error> {
    let mut site = Site::open(context, &wish.target, &wish.project)?;
    locked(context, &mut site, |site, recovered| {
        let draft = draft_undeploy(site, wish)?;
        draft.check(wish.force)?;
        carry_out(context, site, "undeploy", draft, None, recovered)
    })
}

/// Returns the deployed artifacts that a person means; all when there are no names.
pub(super) fn chosen(
    site: &Site,
    record: &crate::model::Deployed,
    names: &[String],
) -> Result<Vec<ArtifactRef>, Error> {
    let all: Vec<ArtifactRef> = site.own(record).map(|deployment| deployment.artifact.clone()).collect();
    if names.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for name in names {
        let same = |a: &&ArtifactRef| a.to_string() == *name || a.name.as_str() == name;
        let mut named: Vec<_> = all.iter().filter(same).cloned().collect();
        if named.len() > 1 {
            named.retain(|artifact| artifact.to_string() == *name);
        }
        match named.pop() {
            Some(artifact) => found.push(artifact),
            None => {
                let artifact = name.chars().take(100).flat_map(char::escape_debug).collect();
                return Err(Error::NotDeployed { artifact, target: site.target.id.clone() });
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Runs `work` with the lock held, after settling what an interrupted run left.
pub(super) fn locked<T>(
    context: &Context,
    site: &mut Site,
    work: impl FnOnce(&mut Site, Option<Recovered>) -> Result<T, Error>,
) -> Result<T, Error> {
    let lock = site.lock(context)?;
    let result = recover(context, site).and_then(|recovered| work(site, recovered));
    // Also after a refusal: a project where nothing is deployed is left without a trace of us.
    let tidied = site.tidy();
    drop(lock);
    let done = result?;
    tidied.map(|()| done)
}

pub(super) fn carry_out(
    context: &Context,
    site: &mut Site,
    operation: &'static str,
    draft: Draft,
    repo: Option<&Repo>,
    recovered: Option<Recovered>,
) -> Result<Done, Error> {
    let changed = draft.changes();
    let Draft { mut plan, items, folders, configs, backup, backup_configs, record_before, record, .. } = draft;
    plan.interrupted = false;
    let backups = if changed {
        let transaction =
            Transaction { operation, items, folders, configs: &configs, backup, backup_configs, record_before, record };
        transaction.run(context, site, repo)?
    } else {
        Vec::new()
    };
    Ok(Done { plan, changed, backups, recovered })
}

impl Plan {
    /// Says whether the plan changes anything at the target.
    pub fn changes(&self) -> bool {
        let places = self.artifacts.iter().flat_map(|planned| &planned.places);
        places.into_iter().any(|place| !matches!(place.action, Action::Same | Action::Keep))
    }
}
