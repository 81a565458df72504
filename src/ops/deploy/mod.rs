//! Deployments: artifacts written into clients' folders and configuration files, and taken away again.
//!
//! A run is planned against what is on disk, prepared aside, journalled, renamed in, and recorded
//! (`schema/deployed.md`). It does all or nothing; what a killed run left is settled by the next one.

mod configs;
mod diff;
mod drift;
mod entries;
mod error;
mod fingerprint;
mod items;
mod journal;
mod plan;
mod project;
mod run;
mod site;
mod sync;
mod targets;
mod transaction;
mod wanted;

pub use diff::diff;
pub use drift::{CollectionState, Drift, DriftOf, Drifted, Found, drift};
pub use error::{Conflict, Error, Obstacle};
pub use items::Action;
pub use journal::Recovered;
pub use plan::{ConfigDiff, LeftOut, Plan, PlannedArtifact, PlannedPlace};
pub use run::{Deploy, Done, Force, Undeploy, deploy, plan_deploy, plan_undeploy, undeploy};
pub use sync::{Strategy, Sync, Synced, SyncedArtifact, sync};
pub use targets::{ShownPlace, ShownTarget, targets};
