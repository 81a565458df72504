//! Plugins and marketplaces: manifests that say where artifacts are.
//!
//! Follows the plugin reference of Claude Code and the Agent Plugins specification 1.0.0. A manifest adds
//! places; the default places are searched too, whatever it says, since its reader decides what to take.

use serde_json::Value;

use super::{DiscoverError, Search, join, last, parent, shown};
use crate::model::{Kind, TreePath};

/// What a marketplace says about plugins within its own tree.
#[derive(Default)]
pub(super) struct Market {
    file: String,
    entries: Vec<Entry>,
}

struct Entry {
    root: String,
    name: String,
    value: Value,
}

impl Market {
    /// Returns the name of the one plugin that is rooted in a folder.
    pub(super) fn name_of(&self, root: &str) -> Option<String> {
        let mut names = self.entries.iter().filter(|entry| entry.root == root).map(|entry| &entry.name);
        let first = names.next()?;
        names.all(|name| name == first).then(|| first.clone())
    }
}

impl Search<'_> {
    /// Reads `.claude-plugin/marketplace.json`; entries whose files are elsewhere are noted.
    pub(super) fn market(&mut self, base: &str) -> Result<Market, DiscoverError> {
        let file = join(base, ".claude-plugin/marketplace.json");
        let Some(value) = self.json(&file)? else {
            return Ok(Market::default());
        };
        let Some(plugins) = value.get("plugins").and_then(Value::as_array) else {
            self.reader.note(&file, "manifest", "the marketplace has no list of plugins");
            return Ok(Market::default());
        };
        let plugin_root = value.pointer("/metadata/pluginRoot").and_then(Value::as_str).and_then(within);
        let mut market = Market { file: file.clone(), entries: Vec::new() };
        for entry in plugins {
            let name = text(entry, "name").unwrap_or_default();
            let Some(source) = text(entry, "source") else {
                let message = format!("the files of plugin '{}' are not in this source", shown(name, 80));
                self.reader.note(&file, "elsewhere", message);
                continue;
            };
            let root = match &plugin_root {
                Some(folder) if !source.starts_with('.') => {
                    within(&format!("./{source}")).map(|path| join(folder, &path))
                }
                _ => within(source),
            };
            match root {
                Some(root) => {
                    market.entries.push(Entry { root: join(base, &root), name: name.to_owned(), value: entry.clone() })
                }
                None => self.reader.note(
                    &file,
                    "manifest",
                    format!("'{}' is not a folder of this source", shown(source, 80)),
                ),
            }
        }
        Ok(market)
    }

    /// Searches the plugins of a marketplace, and the places that its entries add.
    pub(super) fn market_roots(&mut self, market: &Market) -> Result<(), DiscoverError> {
        for entry in &market.entries {
            if !self.reader.is_folder(&entry.root)? {
                self.reader.note(
                    &entry.root,
                    "missing",
                    "a marketplace names this folder as a plugin, and there is none",
                );
                continue;
            }
            self.root(&entry.root, Some(entry.name.clone()))?;
            let plugin = self.plugin_name(&entry.root, Some(entry.name.clone()))?;
            self.components(&entry.root, &entry.value, &plugin, &market.file)?;
        }
        Ok(())
    }

    /// Searches folders of `plugins/` that have a manifest and no entry in a marketplace.
    pub(super) fn unlisted_plugins(&mut self, base: &str) -> Result<(), DiscoverError> {
        let folder = join(base, "plugins");
        if !self.reader.is_folder(&folder)? {
            return Ok(());
        }
        for item in self.reader.list(&folder)?.iter() {
            let root = join(&folder, &item.name);
            if self.reader.is_folder(&root)? && self.is_plugin(&root)? {
                self.root(&root, None)?;
            }
        }
        Ok(())
    }

    pub(super) fn is_plugin(&mut self, root: &str) -> Result<bool, DiscoverError> {
        Ok(self.reader.is_file(&join(root, ".claude-plugin/plugin.json"))?
            || self.reader.is_file(&join(root, "plugin.json"))?)
    }

    /// Searches the fixed places of a plugin or collection, and those that its manifest adds; once for each root.
    pub(super) fn root(&mut self, root: &str, listed_as: Option<String>) -> Result<(), DiscoverError> {
        if !self.roots.insert(root.to_owned()) {
            return Ok(());
        }
        let plugin = self.plugin_name(root, listed_as)?;
        self.skills_in(&join(root, "skills"))?;
        self.agents_in(&join(root, "agents"))?;
        self.commands_in(&join(root, "commands"))?;
        self.hooks_in(&join(root, "hooks"), &plugin)?;
        self.marked_folders(Kind::Mcp, &join(root, "mcp"))?;
        self.servers_of(&join(root, ".mcp.json"))?;
        self.servers_of(&join(root, "mcp.json"))?;
        let file = join(root, ".claude-plugin/plugin.json");
        match self.json(&file)? {
            Some(manifest) => self.components(root, &manifest, &plugin, &file),
            None => Ok(()),
        }
    }

    /// Returns what a plugin is called: by itself, by its marketplace, by its folder, or by its source.
    fn plugin_name(&mut self, root: &str, listed_as: Option<String>) -> Result<String, DiscoverError> {
        for file in [".claude-plugin/plugin.json", "plugin.json"] {
            let manifest = self.json(&join(root, file))?;
            if let Some(name) = manifest.as_ref().and_then(|manifest| text(manifest, "name")) {
                return Ok(name.to_owned());
            }
        }
        let folder = if root.is_empty() { self.fallback_name } else { last(root) };
        Ok(listed_as.filter(|name| !name.is_empty()).unwrap_or_else(|| folder.to_owned()))
    }

    /// Searches the places that a manifest or marketplace entry names; `file` is where it says so.
    fn components(&mut self, root: &str, manifest: &Value, plugin: &str, file: &str) -> Result<(), DiscoverError> {
        for path in self.paths(root, manifest, "skills", file) {
            self.skills_in(&path)?;
        }
        for path in self.paths(root, manifest, "agents", file) {
            if path.ends_with(".md") { self.listed_file(Kind::Agent, &path)? } else { self.agents_in(&path)? }
        }
        for path in self.paths(root, manifest, "commands", file) {
            if path.ends_with(".md") { self.listed_file(Kind::Command, &path)? } else { self.commands_in(&path)? }
        }
        for path in self.paths(root, manifest, "hooks", file) {
            let is_folder_of_hooks = last(&path) == "hooks.json" && parent(&path) != root;
            if !is_folder_of_hooks {
                self.reader.note(&path, "unsupported", "hooks are taken from a folder with a hooks.json only");
            } else if !self.marked_folder(Kind::Hook, parent(&path), plugin)? {
                self.note_missing(&path);
            }
        }
        match manifest.get("mcpServers") {
            Some(servers @ Value::Object(_)) => self.servers(file, servers),
            Some(_) => {
                for path in self.paths(root, manifest, "mcpServers", file) {
                    self.servers_of(&path)?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn listed_file(&mut self, kind: Kind, file: &str) -> Result<(), DiscoverError> {
        if self.reader.is_file(file)? {
            self.markdown(kind, file, parent(file))
        } else {
            self.note_missing(file);
            Ok(())
        }
    }

    fn note_missing(&mut self, path: &str) {
        self.reader.note(path, "missing", "a manifest names this, and there is none");
    }

    /// Returns the paths under one key: a path, a list of paths, or for commands a map of names to sources.
    fn paths(&mut self, root: &str, manifest: &Value, key: &str, file: &str) -> Vec<String> {
        let values: Vec<&Value> = match manifest.get(key) {
            None => Vec::new(),
            Some(Value::Array(values)) => values.iter().collect(),
            Some(Value::Object(map)) if key == "commands" => {
                map.values().map(|one| one.get("source").unwrap_or(one)).collect()
            }
            Some(value) => vec![value],
        };
        let mut paths = Vec::new();
        for value in values {
            match value.as_str().map(within) {
                Some(Some(path)) => paths.push(join(root, &path)),
                Some(None) => self.reader.note(file, "manifest", format!("'{key}' names a path outside of the plugin")),
                None => self.reader.note(
                    file,
                    "unsupported",
                    format!("'{key}' is written into the manifest and was not taken"),
                ),
            }
        }
        paths
    }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// Reads a path of a manifest: it starts with `./`, or is `.`, and stays inside.
fn within(text: &str) -> Option<String> {
    let rest = match text {
        "." => "",
        text => text.strip_prefix("./")?.trim_end_matches('/'),
    };
    if rest.is_empty() {
        return Some(String::new());
    }
    rest.parse::<TreePath>().ok().map(|path| path.as_str().to_owned())
}
