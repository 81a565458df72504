//! JSON Schemas of every command's output, generated from the types.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::model::{Deployed, Lockfile, Manifest};
use crate::ops::{bundle, collection, deploy, keys};

/// Output of a command: the same envelope around its data.
#[derive(Serialize, JsonSchema)]
struct Output<T> {
    /// `skillmeat.<command>/<version>`.
    schema: String,
    /// What the command returns.
    data: T,
}

/// Output of a command that failed.
#[derive(Serialize, JsonSchema)]
struct Failed {
    /// `skillmeat.error/1`.
    schema: String,
    /// What failed.
    error: super::failure::Failure,
}

/// Returns all schemas by name, sorted. The files in `schema/` are these.
pub(super) fn all() -> Vec<(&'static str, Schema)> {
    let mut all = vec![
        ("add", schema_for!(Output<collection::AddPlan>)),
        ("export", schema_for!(Output<bundle::Exported>)),
        ("import", schema_for!(Output<bundle::Imported>)),
        ("key", schema_for!(Output<keys::ShownKey>)),
        ("key-generate", schema_for!(Output<keys::Generated>)),
        ("trust-list", schema_for!(Output<Vec<keys::ShownSigner>>)),
        ("verify", schema_for!(Output<bundle::VerifiedReport>)),
        ("collection.lock", schema_for!(Lockfile)),
        ("collection.toml", schema_for!(Manifest)),
        ("deploy", schema_for!(Output<deploy::Done>)),
        ("deployed.toml", schema_for!(Deployed)),
        ("drift", schema_for!(Output<deploy::Drift>)),
        ("sync", schema_for!(Output<deploy::Synced>)),
        ("targets", schema_for!(Output<Vec<deploy::ShownTarget>>)),
        ("undeploy", schema_for!(Output<deploy::Done>)),
        ("error", schema_for!(Failed)),
        ("history", schema_for!(Output<Vec<collection::Entry>>)),
        ("init", schema_for!(Output<collection::Initialised>)),
        ("list", schema_for!(Output<collection::Listing>)),
        ("man", schema_for!(Output<super::plumbing::Pages>)),
        ("remove", schema_for!(Output<collection::Removed>)),
        ("rollback", schema_for!(Output<collection::RolledBack>)),
        ("show", schema_for!(Output<collection::Shown>)),
        ("status", schema_for!(Output<collection::Status>)),
    ];
    all.sort_by_key(|(name, _)| *name);
    all
}

/// Returns the text of a schema's file.
pub(super) fn render(schema: &Schema) -> String {
    serde_json::to_string_pretty(schema).unwrap_or_default() + "\n"
}
