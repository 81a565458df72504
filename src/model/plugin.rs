//! Files generated into a bundle's tree, so that the tree is a plugin of existing clients.
//!
//! Root `plugin.json` and `mcp.json` follow Agent Plugins 1.0.0, `.claude-plugin/plugin.json`, `.mcp.json` and
//! `hooks/hooks.json` are the places that Claude Code reads. All of it follows from the bundle's manifest and
//! artifacts, so the same bundle gives the same bytes, and an import leaves these files aside.

mod notice;
mod servers;

pub use notice::{Attribution, came_with, notice};
pub use servers::{Omitted, agent_mcp_json, claude_mcp_json};

use std::collections::BTreeMap;

use semver::Version;
use serde_json::{Map, Value, json};

use super::hooks::{Hooks, relocate};
use super::json::document;
use super::{ArtifactName, BundleName, TreePath};

/// Files of a bundle's tree that are generated and so are no artifacts, in byte order.
pub const GENERATED_PATHS: [&str; 6] =
    [".claude-plugin/plugin.json", ".mcp.json", "NOTICE", "hooks/hooks.json", "mcp.json", "plugin.json"];

/// Schema of the manifest of Agent Plugins 1.0.0.
pub const AGENT_PLUGIN_SCHEMA: &str = "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json";

/// Schema of the servers of Agent Plugins 1.0.0; both name the same version, or clients leave the servers out.
pub const AGENT_MCP_SCHEMA: &str = "https://agent-plugins.org/schemas/1.0.0/mcp.schema.json";

/// Beginnings of names that Claude Code keeps for itself: `claude plugin validate` refuses them.
const CLAUDE_RESERVED: [&str; 3] = ["claude-", "anthropic-", "cc-plugin-"];

/// What a manifest says about a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFacts {
    /// Name of the bundle.
    pub name: BundleName,
    /// Its version.
    pub version: Version,
    /// One sentence.
    pub description: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// Name and address of who releases it.
    pub author: Option<(String, Option<String>)>,
    /// Words to find it by.
    pub keywords: Vec<String>,
}

impl PluginFacts {
    /// Returns whether Claude Code refuses the name.
    pub fn is_name_reserved(&self) -> bool {
        CLAUDE_RESERVED.iter().any(|prefix| self.name.as_str().starts_with(prefix))
    }

    fn members(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("name".to_owned(), self.name.as_str().into());
        out.insert("version".to_owned(), self.version.to_string().into());
        if !self.description.is_empty() {
            out.insert("description".to_owned(), self.description.as_str().into());
        }
        if let Some((name, email)) = &self.author {
            let mut author = json!({"name": name});
            if let Some(email) = email {
                author["email"] = email.as_str().into();
            }
            out.insert("author".to_owned(), author);
        }
        if let Some(license) = &self.license {
            out.insert("license".to_owned(), license.as_str().into());
        }
        if !self.keywords.is_empty() {
            out.insert("keywords".to_owned(), json!(self.keywords));
        }
        out
    }
}

/// Returns the root `plugin.json` of Agent Plugins 1.0.0.
pub fn agent_plugin_json(facts: &PluginFacts) -> Vec<u8> {
    let mut members = facts.members();
    members.insert("$schema".to_owned(), AGENT_PLUGIN_SCHEMA.into());
    document(&Value::Object(members))
}

/// Returns `.claude-plugin/plugin.json`. Components stand in their default places, so it names none.
pub fn claude_plugin_json(facts: &PluginFacts) -> Vec<u8> {
    document(&Value::Object(facts.members()))
}

/// One hook artifact of a bundle.
#[derive(Debug, Clone)]
pub struct HookArtifact<'a> {
    /// Its name.
    pub name: &'a ArtifactName,
    /// Its `hooks.json`.
    pub hooks: &'a Hooks,
    /// Its files, relative to its folder.
    pub files: &'a [TreePath],
}

/// Returns root `hooks/hooks.json` with the groups of all artifacts in order of their names; `None` without hooks.
///
/// Scripts are named by their place in the bundle, `${CLAUDE_PLUGIN_ROOT}/hooks/<name>/F`.
pub fn merged_hooks(artifacts: &[HookArtifact<'_>]) -> Option<Vec<u8>> {
    let mut sorted: Vec<_> = artifacts.iter().collect();
    sorted.sort_by_key(|artifact| artifact.name);
    let mut events: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for HookArtifact { name, hooks, files } in sorted {
        let base = format!("${{CLAUDE_PLUGIN_ROOT}}/hooks/{name}");
        for (event, group) in hooks.groups() {
            events.entry(event).or_default().push(relocate(group, name, files, &base));
        }
    }
    (!events.is_empty()).then(|| document(&json!({"hooks": events})))
}

#[cfg(test)]
mod tests;
