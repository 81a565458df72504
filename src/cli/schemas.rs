//! JSON Schemas of every command's output, generated from the types.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use crate::model::{Deployed, Lockfile, Manifest, RoleOf};
use crate::ops::{bundle, collection, deploy, keys, recommend, revocation, rotation, vault};

/// Output of a command: the same envelope around its data.
#[derive(Serialize, JsonSchema)]
struct Output<T> {
    /// `skillmeat.<command>/<version>`.
    schema: String,
    /// Bytes that were fetched for it; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetched_bytes: Option<u64>,
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

/// What `add` returns: one plan for one source, a list for several.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
enum Added {
    /// Of the one source.
    One(collection::AddPlan),
    /// Of each source, in order.
    Several(Vec<collection::AddPlan>),
}

/// What `import` returns: of a release, or of an unsigned pack of an old format.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, clippy::large_enum_variant, reason = "only its schema is used")]
enum Import {
    /// Of a release.
    Release(super::import::ImportedRelease),
    /// Of an unsigned pack.
    Unsigned(bundle::old::ImportedOld),
}

/// What `snapshot` returns.
#[derive(Serialize, JsonSchema)]
pub(super) struct Snapshotted<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// The commit that has it.
    pub(super) commit: &'a str,
}

/// What `trust add` returns.
#[derive(Serialize, JsonSchema)]
pub(super) struct TrustAdded<'a> {
    /// Who may sign.
    pub(super) principal: &'a str,
    /// With which key, `SHA256:…`; the first, where there are several.
    pub(super) fingerprint: &'a str,
    /// With which keys.
    pub(super) fingerprints: &'a [String],
}

/// What `trust remove` returns.
#[derive(Serialize, JsonSchema)]
pub(super) struct TrustRemoved<'a> {
    /// Who may sign no longer.
    pub(super) principal: &'a str,
    /// Number of keys that were taken out.
    pub(super) removed: usize,
}

/// Returns all schemas by name, sorted. The files in `schema/` are these.
pub(super) fn all() -> Vec<(&'static str, Schema)> {
    let mut all = vec![
        ("add", schema_for!(Output<Added>)),
        ("adopt", schema_for!(Output<collection::AdoptPlan>)),
        ("restore", schema_for!(Output<collection::RestorePlan>)),
        ("export", schema_for!(Output<bundle::Exported>)),
        ("convert", schema_for!(Output<bundle::old::Converted>)),
        ("import", schema_for!(Output<Import>)),
        ("key", schema_for!(Output<keys::ShownKey>)),
        ("key-generate", schema_for!(Output<keys::Generated>)),
        ("snapshot", schema_for!(Output<Snapshotted>)),
        ("trust-add", schema_for!(Output<TrustAdded>)),
        ("trust-remove", schema_for!(Output<TrustRemoved>)),
        ("trust-revoke", schema_for!(Output<revocation::Revoked>)),
        ("trust-rotate", schema_for!(Output<rotation::Rotated>)),
        ("vault-revoke", schema_for!(Output<vault::Recorded>)),
        ("trust-list", schema_for!(Output<Vec<keys::ShownSigner>>)),
        ("vault-add", schema_for!(Output<vault::Added>)),
        ("vault-init", schema_for!(Output<vault::Made>)),
        ("vault-check", schema_for!(Output<Vec<super::upkeep::CheckedVault>>)),
        ("vault-export", schema_for!(Output<vault::Carried>)),
        ("vault-repair", schema_for!(Output<vault::Repaired>)),
        ("vault-repair-vault-side", schema_for!(Output<super::upkeep::MendedVault>)),
        ("vault-list", schema_for!(Output<Vec<vault::ListedVault>>)),
        ("vault-ls", schema_for!(Output<Vec<vault::VaultRelease>>)),
        ("vault-pull", schema_for!(Output<vault::Pulled>)),
        ("vault-pull-all", schema_for!(Output<Vec<super::pull::PulledVault>>)),
        ("vault-mirror-add", schema_for!(Output<vault::mirror::Mirrors>)),
        ("vault-mirror-list", schema_for!(Output<vault::mirror::Mirrors>)),
        ("vault-mirror-push", schema_for!(Output<Vec<vault::mirror::Mirrors>>)),
        ("vault-mirror-remove", schema_for!(Output<vault::mirror::Mirrors>)),
        ("vault-log", schema_for!(Output<Vec<vault::ShownEntry>>)),
        ("vault-pin", schema_for!(Output<vault::Vault>)),
        ("vault-show", schema_for!(Output<vault::LedgerReport>)),
        ("vault-role-list", schema_for!(Output<Vec<RoleOf>>)),
        ("vault-root", schema_for!(Output<vault::RootState>)),
        ("vault-witness", schema_for!(Output<vault::Witnessed>)),
        ("vault-yank", schema_for!(Output<vault::Recorded>)),
        ("vault-checkpoint", schema_for!(Output<vault::Recorded>)),
        ("vault-push", schema_for!(Output<vault::Pushed>)),
        ("vault-remove", schema_for!(Output<vault::Removed>)),
        ("inspect", schema_for!(Output<super::inspect::Inspected>)),
        ("verify", schema_for!(Output<bundle::VerifiedReport>)),
        ("collection.lock", schema_for!(Lockfile)),
        ("collection.toml", schema_for!(Manifest)),
        ("diff", schema_for!(Output<Vec<collection::ArtifactDiff>>)),
        ("resolve", schema_for!(Output<collection::Resolved>)),
        ("tag", schema_for!(Output<collection::Tagged>)),
        ("undo", schema_for!(Output<collection::RolledBack>)),
        ("merge-driver", schema_for!(Output<super::plumbing::Conflicts>)),
        ("validate", schema_for!(Output<collection::Validation>)),
        ("update", schema_for!(Output<super::follow::Updated>)),
        ("duplicates", schema_for!(Output<collection::Duplicates>)),
        ("search", schema_for!(Output<Vec<collection::SearchHit>>)),
        ("collection-copy", schema_for!(Output<super::collections::CopiedOrMoved>)),
        ("collection-list", schema_for!(Output<Vec<collection::KnownCollection>>)),
        ("collection-use", schema_for!(Output<super::collections::Used>)),
        ("audit-log", schema_for!(Output<Vec<crate::ops::audit::Entry>>)),
        ("audit-verify", schema_for!(Output<crate::ops::audit::Trail>)),
        ("stats", schema_for!(Output<crate::ops::audit::Stats>)),
        ("stats-cleanup", schema_for!(Output<Vec<crate::ops::audit::Idle>>)),
        ("deploy", schema_for!(Output<deploy::Done>)),
        ("deployed.toml", schema_for!(Deployed)),
        ("drift", schema_for!(Output<deploy::Drift>)),
        ("sync", schema_for!(Output<deploy::Synced>)),
        ("targets", schema_for!(Output<Vec<deploy::ShownTarget>>)),
        ("undeploy", schema_for!(Output<deploy::Done>)),
        ("error", schema_for!(Failed)),
        ("hook", schema_for!(Output<Vec<String>>)),
        ("hooks", schema_for!(Output<crate::ops::hooks::Changed>)),
        ("history", schema_for!(Output<Vec<collection::Entry>>)),
        ("init", schema_for!(Output<collection::Initialised>)),
        ("list", schema_for!(Output<collection::Listing>)),
        ("man", schema_for!(Output<super::plumbing::Pages>)),
        ("recommend", schema_for!(Output<recommend::Made>)),
        ("recommend-open", schema_for!(Output<recommend::Opened>)),
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
