//! What `update` does about bundles that are followed, in words.

use schemars::JsonSchema;
use serde::Serialize;

use super::failure::Failure;
use super::import::plan_text;
use super::session::Session;
use super::text::{NAME, WARNING, brief, clean, short};
use super::update::upstream_text;
use crate::model::Class;
use crate::ops::bundle::{Detail, Existing};
use crate::ops::collection::{Consents, Strategy, Update, UpdatePlan, Upstream, with_causes};
use crate::ops::vault::{self, BundleUpdate, Followed};

/// What `update` returns.
#[derive(Serialize, JsonSchema)]
pub(super) struct Updated {
    /// Of artifacts with an upstream.
    #[serde(flatten)]
    pub(super) plan: UpdatePlan,
    /// Of bundles that are followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bundles: Vec<BundleUpdate>,
}

/// Bundles that are followed, as they were seen, with what would become of them.
pub(super) struct Following {
    existing: Existing,
    seen: Vec<(Followed, BundleUpdate)>,
}

impl Following {
    /// Asks the vaults, and plans.
    pub(super) fn look(session: &Session, wish: &Update, detail: Detail) -> Result<Self, Failure> {
        let collection = session.collection()?;
        let existing = match wish.strategy {
            Strategy::Merge => Existing::Merge,
            Strategy::Theirs => Existing::Replace,
            Strategy::Ours => Existing::Skip,
        };
        let followed = vault::follow(&session.context, &collection, &collection.select(&wish.artifacts)?);
        let one = |followed: Followed| {
            // A bundle that cannot be taken holds up no other.
            let (plan, problem) = match followed.plan(&session.context, &collection, existing, detail) {
                Ok(plan) => (plan, None),
                Err(error) => (None, Some(with_causes(&error))),
            };
            let (link, artifacts) = (followed.link.clone(), followed.artifacts.clone());
            let signed_by = followed.signed_by(&collection);
            (followed, BundleUpdate { link, artifacts, signed_by, plan, commit: None, problem })
        };
        Ok(Self { existing, seen: followed.into_iter().map(one).collect() })
    }

    /// Says whether there is nothing to take.
    pub(super) fn is_idle(&self) -> bool {
        self.seen.iter().all(|(_, update)| update.plan.is_none())
    }

    /// Returns what a person should agree to before it is taken.
    pub(super) fn consents(&self) -> Consents {
        self.seen.iter().map(|(_, update)| update.consents()).fold(Consents::default(), Consents::and)
    }

    /// Takes what is newer, a commit for each bundle.
    pub(super) fn take(mut self, session: &Session) -> Result<Vec<BundleUpdate>, Failure> {
        for (followed, update) in self.seen.iter_mut().filter(|(_, update)| update.plan.is_some()) {
            let (collection, _lock) = session.collection_to_change()?;
            match followed.take(&session.context, &collection, self.existing) {
                Ok(done) => {
                    update.commit = done.as_ref().and_then(|done| done.commit.clone());
                    update.plan = done.map(|done| done.plan);
                }
                Err(error) => (update.plan, update.problem) = (None, Some(with_causes(&error))),
            }
        }
        Ok(self.into_updates())
    }

    pub(super) fn into_updates(self) -> Vec<BundleUpdate> {
        self.seen.into_iter().map(|(_, update)| update).collect()
    }

    pub(super) fn text(&self) -> String {
        self.seen.iter().map(|(_, update)| update_text(update, true)).collect()
    }
}

/// Returns the status that a script notices: something was not taken, could not be asked, or waits.
pub(super) fn status(bundles: &[BundleUpdate]) -> u8 {
    let open = |update: &BundleUpdate| {
        let is_settled = |state: &Upstream| matches!(state, Upstream::Current | Upstream::NewRelease { .. });
        update.problem.is_some()
            || update.plan.as_ref().is_some_and(|plan| plan.has_conflicts())
            || !update.artifacts.iter().all(|one| is_settled(&one.upstream))
    };
    if bundles.iter().any(open) { Class::Conflict.exit_status() } else { 0 }
}

pub(super) fn update_text(update: &BundleUpdate, dry_run: bool) -> String {
    let link = &update.link;
    let (bundle, vault, range) = (clean(&link.bundle), clean(&link.vault), short(&link.range, 80));
    let mut text = format!("{NAME}{bundle}{NAME:#} of the vault '{vault}', {range}: ");
    text.push_str(&match (&update.plan, &update.problem) {
        (Some(plan), _) => format!("{}\n", clean(&plan.release)),
        (None, Some(problem)) => format!("{WARNING}not taken{WARNING:#}: {}\n", short(problem, 300)),
        (None, None) if update.artifacts.iter().all(|one| one.upstream == Upstream::Current) => "current\n".to_owned(),
        (None, None) => "nothing newer to take\n".to_owned(),
    });
    if let Some(signed) = update.signed_by.as_ref().filter(|_| update.plan.is_some()) {
        let new = if signed.is_new {
            format!(", {WARNING}not the key of the release before{WARNING:#}")
        } else {
            String::new()
        };
        let (principal, key) = (clean(&signed.principal), clean(&signed.fingerprint));
        text.push_str(&format!("  signed by {principal} with key {key}{new}, level {}\n", signed.level));
    }
    let told = |state: &Upstream| !matches!(state, Upstream::Current | Upstream::NewRelease { .. });
    for one in update.artifacts.iter().filter(|one| told(&one.upstream)) {
        text.push_str(&format!("Left {NAME}{}{NAME:#}, {}\n", one.artifact, upstream_text(&one.upstream)));
    }
    text.push_str(&update.plan.as_ref().map(|plan| plan_text(plan, dry_run, false)).unwrap_or_default());
    if update.problem.is_some() {
        let what = super::hints::word(&format!("{}:{}@{}", link.vault, link.bundle, link.range));
        text.push_str(&format!("  next: `git skillmeat import {} --dry-run` shows it\n", clean(&what)));
    }
    text + &update.commit.as_ref().map(|commit| format!("Commit {}\n", brief(commit))).unwrap_or_default()
}
