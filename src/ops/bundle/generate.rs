//! What a bundle holds beside its artifacts: the files that make its tree a plugin, and who made what.

use std::collections::BTreeMap;

use super::Error;
use super::license::asserted;
use super::wish::Export;
use crate::git::{GitError, Identity};
use crate::model::hooks::Hooks;
use crate::model::mcp::{Launch, ServerDefinition, Strictness};
use crate::model::plugin::{
    Attribution, HookArtifact, PluginFacts, agent_mcp_json, agent_plugin_json, claude_mcp_json, claude_plugin_json,
    merged_hooks, notice,
};
use crate::model::{ArtifactRef, BundleArtifact, FileMode, Kind, Oid, TreePath};
use crate::ops::collection::Collection;

/// Largest definition of a hook or server that is read, in bytes.
const MAX_DEFINITION_BYTES: u64 = 1024 * 1024;

/// What the generated files say.
pub(super) struct Facts<'a> {
    pub(super) wish: &'a Export,
    pub(super) description: &'a str,
    pub(super) license: &'a str,
    pub(super) author: Option<&'a Identity>,
    pub(super) artifacts: &'a [BundleArtifact],
    /// Bundles that artifacts came with, newest first, as `NOTICE` says it.
    pub(super) bundles: &'a BTreeMap<ArtifactRef, Vec<String>>,
}

/// Returns the generated files of a bundle, by path, without licence texts.
///
/// # Errors
/// [`Error::Unfit`] for a hook or server that cannot be read.
pub(super) fn generated_files(
    collection: &Collection,
    facts: &Facts<'_>,
    files: &BTreeMap<TreePath, (FileMode, Oid)>,
) -> Result<Vec<(TreePath, Vec<u8>)>, Error> {
    let plugin = PluginFacts {
        name: facts.wish.bundle.clone(),
        version: facts.wish.version.clone(),
        description: facts.description.to_owned(),
        license: Some(facts.license.to_owned()),
        author: facts.author.map(|who| (who.author.name.clone(), Some(who.author.email.clone()))),
        keywords: Vec::new(),
    };
    let attributions: Vec<_> = facts.artifacts.iter().map(|one| attribution(one, facts)).collect();
    let mut out: Vec<(&str, Option<Vec<u8>>)> = vec![
        ("plugin.json", Some(agent_plugin_json(&plugin))),
        (".claude-plugin/plugin.json", Some(claude_plugin_json(&plugin))),
        ("NOTICE", Some(notice(&plugin, &attributions))),
    ];
    let servers = servers(collection, facts.artifacts)?;
    out.push((".mcp.json", claude_mcp_json(&servers)));
    out.push(("mcp.json", agent_mcp_json(&servers).0));
    out.push(("hooks/hooks.json", hooks(collection, facts.artifacts, files)?));
    let present = out.into_iter().filter_map(|(path, bytes)| bytes.map(|bytes| (path, bytes)));
    present.map(|(path, bytes)| Ok((path.parse().map_err(GitError::from)?, bytes))).collect()
}

fn attribution(artifact: &BundleArtifact, facts: &Facts<'_>) -> Attribution {
    // One that has none of its own is under that of the bundle.
    let license = artifact.license.as_deref().or_else(|| asserted(facts.license));
    Attribution {
        artifact: artifact.artifact.clone(),
        upstream: artifact.upstream.clone(),
        revision: artifact.upstream_commit.clone(),
        bundles: facts.bundles.get(&artifact.artifact).cloned().unwrap_or_default(),
        license: license.map(str::to_owned),
    }
}

fn main_file(collection: &Collection, artifact: &ArtifactRef) -> Result<Vec<u8>, Error> {
    let path = artifact.main_path();
    let missing = || unfit(artifact, format!("it has no '{path}'"));
    let entry = collection.repo.entry_at(collection.tree, &path)?.ok_or_else(missing)?;
    Ok(collection.repo.blob(entry.id, MAX_DEFINITION_BYTES)?)
}

fn unfit(artifact: &ArtifactRef, reason: String) -> Error {
    Error::Unfit(vec![format!("'{artifact}': {reason}")])
}

fn servers(collection: &Collection, artifacts: &[BundleArtifact]) -> Result<BTreeMap<String, Launch>, Error> {
    let mut servers = BTreeMap::new();
    for artifact in artifacts.iter().map(|bundled| &bundled.artifact).filter(|artifact| artifact.kind == Kind::Mcp) {
        let bytes = main_file(collection, artifact)?;
        let launch = ServerDefinition::parse(&bytes, Strictness::Lenient).and_then(|definition| definition.launch());
        servers.insert(artifact.name.to_string(), launch.map_err(|error| unfit(artifact, error.to_string()))?);
    }
    Ok(servers)
}

fn hooks(
    collection: &Collection,
    artifacts: &[BundleArtifact],
    files: &BTreeMap<TreePath, (FileMode, Oid)>,
) -> Result<Option<Vec<u8>>, Error> {
    let mut parsed: Vec<(&ArtifactRef, Hooks, Vec<TreePath>)> = Vec::new();
    for artifact in artifacts.iter().map(|bundled| &bundled.artifact).filter(|artifact| artifact.kind == Kind::Hook) {
        let bytes = main_file(collection, artifact)?;
        let hooks = Hooks::parse(&bytes).map_err(|error| unfit(artifact, error.to_string()))?;
        let place = artifact.path();
        let own = files.keys().filter_map(|path| path.below(&place)?.parse().ok()).collect();
        parsed.push((artifact, hooks, own));
    }
    let hooks: Vec<_> =
        parsed.iter().map(|(artifact, hooks, files)| HookArtifact { name: &artifact.name, hooks, files }).collect();
    Ok(merged_hooks(&hooks))
}
