//! `deployed.toml`: what was written into clients' folders, so that exactly that can be taken away again
//! (`schema/deployed.md`).

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml_edit::Value as Toml;

use super::json_text::Created;
use super::{ArtifactRef, Digest, FileMode, Oid, TreePath};

/// Version of the file that this program writes and reads.
pub const DEPLOYED_FORMAT: u32 = 1;

/// Largest `deployed.toml`, in bytes: about 100,000 files.
pub const MAX_DEPLOYED_BYTES: u64 = 32 * 1024 * 1024;

/// Why a `deployed.toml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeployedError {
    /// It is not TOML of the expected shape.
    #[error("the record of deployments cannot be read")]
    Parse(#[source] Box<toml::de::Error>),
    /// It is not UTF-8.
    #[error("the record of deployments is not UTF-8")]
    NotText,
    /// It was written by a newer program.
    #[error("the record of deployments has format {0}, which needs a newer git skillmeat")]
    Newer(u32),
    /// An artifact is recorded twice for one target.
    #[error("the record of deployments names '{artifact}' for '{target}' twice")]
    Twice {
        /// The artifact.
        artifact: ArtifactRef,
        /// The target.
        target: String,
    },
    /// An entry has not exactly one of `key` and `event`.
    #[error("an entry of '{0}' in the record of deployments has no place, or two")]
    Slot(ArtifactRef),
}

/// Content of `deployed.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployed {
    /// Always 1.
    pub format: u32,
    /// Folders that were made for deployments.
    #[serde(default)]
    pub made: Vec<Made>,
    /// What is deployed, sorted by target and artifact.
    #[serde(default)]
    pub deployments: Vec<Deployment>,
}

/// Folders that did not exist before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// As in [`Deployment::base`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Whether the base itself was made.
    #[serde(default)]
    pub itself: bool,
    /// Folders below the base.
    pub folders: BTreeSet<TreePath>,
}

/// One artifact at one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Where, as `client:scope`.
    pub target: String,
    /// Absolute path of the client's folder for a deployment of the user; absent in a project, whose paths are
    /// relative to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Name of the collection it came from.
    pub collection: String,
    /// Commit of the collection.
    pub commit: String,
    /// Id of the artifact's tree, or of its blob, in that commit.
    pub tree: String,
    /// Tree digest of its files, with their paths in the collection.
    pub digest: Digest,
    /// Files written, sorted.
    #[serde(default)]
    pub files: Vec<DeployedFile>,
    /// Entries written into configuration files.
    #[serde(default)]
    pub entries: Vec<DeployedEntry>,
}

/// One file of a [`Deployment`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployedFile {
    /// Where, below the base.
    pub path: TreePath,
    /// Permission bits.
    pub mode: FileMode,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// Whether it was there with this content before; such a file stays when the artifact is taken away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// One entry of a client's configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployedEntry {
    /// The file: relative to the project, or absolute for the user.
    pub config: String,
    /// Keys from its root to the object that holds the entry.
    pub pointer: Vec<String>,
    /// Name of the entry, where it is a member of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Name of the event, where the entry is one of its groups of hooks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The exact value written, as JSON.
    #[serde(with = "json")]
    #[schemars(with = "String")]
    pub value: serde_json::Value,
    /// What was made around it.
    #[serde(default)]
    pub created: Created,
    /// Whether the file existed before.
    #[serde(default)]
    pub existed: bool,
    /// Whether the entry was there with this value before; it then stays when the artifact is taken away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
}

/// Where in its object an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntrySlot<'a> {
    /// Member of this name.
    Key(&'a str),
    /// One of the groups of this event.
    Event(&'a str),
}

impl Default for Deployed {
    fn default() -> Self {
        Self { format: DEPLOYED_FORMAT, made: Vec::new(), deployments: Vec::new() }
    }
}

impl DeployedEntry {
    /// Returns where the entry is.
    pub fn slot(&self) -> EntrySlot<'_> {
        match (&self.key, &self.event) {
            (Some(key), _) => EntrySlot::Key(key),
            (None, event) => EntrySlot::Event(event.as_deref().unwrap_or_default()),
        }
    }

    /// Returns the path of the entry for people, such as `mcpServers.files`.
    pub fn place(&self) -> String {
        let (EntrySlot::Key(last) | EntrySlot::Event(last)) = self.slot();
        let mut parts: Vec<&str> = self.pointer.iter().map(String::as_str).collect();
        parts.push(last);
        parts.join(".")
    }
}

impl Deployed {
    /// Parses `deployed.toml`.
    ///
    /// # Errors
    /// [`DeployedError`], for an unknown format or key too.
    pub fn parse(bytes: &[u8]) -> Result<Self, DeployedError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let text = std::str::from_utf8(bytes).map_err(|_| DeployedError::NotText)?;
        let wrong = |source| DeployedError::Parse(Box::new(source));
        // A newer file may have keys that are unknown here: its version is what the user must hear of.
        let Format { format } = toml::from_str(text).map_err(wrong)?;
        if format != DEPLOYED_FORMAT {
            return Err(DeployedError::Newer(format));
        }
        let parsed: Self = toml::from_str(text).map_err(wrong)?;
        let mut seen = BTreeSet::new();
        for deployment in &parsed.deployments {
            let Deployment { artifact, target, base, entries, .. } = deployment;
            if !seen.insert((target, artifact, base)) {
                return Err(DeployedError::Twice { artifact: artifact.clone(), target: target.clone() });
            }
            if entries.iter().any(|entry| entry.key.is_some() == entry.event.is_some()) {
                return Err(DeployedError::Slot(artifact.clone()));
            }
        }
        Ok(parsed)
    }

    /// Returns the one text of this record: deployments sorted, one file or entry a line.
    pub fn render(&self) -> String {
        let mut text = format!("# Written by git skillmeat; do not edit.\nformat = {DEPLOYED_FORMAT}\n");
        let mut made: Vec<_> = self.made.iter().filter(|made| made.itself || !made.folders.is_empty()).collect();
        made.sort();
        for made in made {
            text.push_str("\n[[made]]\n");
            text.extend(made.base.as_ref().map(|base| format!("base = {}\n", quoted(base))));
            text.push_str(if made.itself { "itself = true\n" } else { "" });
            let folders: Vec<_> = made.folders.iter().map(|folder| quoted(folder.as_str())).collect();
            text.push_str(&format!("folders = [{}]\n", folders.join(", ")));
        }
        let mut sorted: Vec<_> = self.deployments.iter().collect();
        sorted.sort_by_key(|deployment| (&deployment.target, &deployment.artifact, &deployment.base));
        for deployment in sorted {
            deployment.render(&mut text);
        }
        text
    }

    /// Returns the deployment of an artifact at a target.
    pub fn find(&self, artifact: &ArtifactRef, target: &str, base: Option<&str>) -> Option<&Deployment> {
        let same = |d: &&Deployment| d.artifact == *artifact && d.target == target && d.base.as_deref() == base;
        self.deployments.iter().find(same)
    }
}

impl Deployment {
    /// Says whether this is the tree or blob that was deployed.
    pub fn has(&self, tree: Oid) -> bool {
        Oid::from_hex(self.tree.as_bytes()).is_ok_and(|id| id == tree)
    }

    fn render(&self, text: &mut String) {
        text.push_str("\n[[deployments]]\n");
        let (artifact, digest) = (self.artifact.to_string(), self.digest.to_string());
        let keys = [
            ("artifact", Some(artifact.as_str())),
            ("target", Some(self.target.as_str())),
            ("base", self.base.as_deref()),
            ("collection", Some(self.collection.as_str())),
            ("commit", Some(self.commit.as_str())),
            ("tree", Some(self.tree.as_str())),
            ("digest", Some(digest.as_str())),
        ];
        for (key, value) in keys {
            text.extend(value.map(|value| format!("{key} = {}\n", quoted(value))));
        }
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort();
        if !files.is_empty() {
            text.push_str("files = [\n");
            for file in files {
                let adopted = if file.adopted { ", adopted = true" } else { "" };
                let path = quoted(file.path.as_str());
                text.push_str(&format!(
                    "  {{ path = {path}, mode = \"{}\", sha256 = \"{}\"{adopted} }},\n",
                    file.mode, file.sha256
                ));
            }
            text.push_str("]\n");
        }
        if !self.entries.is_empty() {
            text.push_str("entries = [\n");
            self.entries.iter().for_each(|entry| entry.render(text));
            text.push_str("]\n");
        }
    }
}

impl DeployedEntry {
    fn render(&self, text: &mut String) {
        let mut table = toml_edit::InlineTable::new();
        table.insert("config", self.config.as_str().into());
        table.insert("pointer", Toml::Array(self.pointer.iter().collect()));
        self.key.iter().for_each(|key| drop(table.insert("key", key.as_str().into())));
        self.event.iter().for_each(|event| drop(table.insert("event", event.as_str().into())));
        table.insert("existed", self.existed.into());
        if self.adopted {
            table.insert("adopted", true.into());
        }
        if !self.created.is_nothing()
            && let Ok(created) = toml::to_string(&self.created)
            && let Ok(created) = created.parse::<toml_edit::DocumentMut>()
        {
            table.insert("created", Toml::InlineTable(created.as_table().clone().into_inline_table()));
        }
        table.insert("value", self.value.to_string().into());
        text.push_str(&format!("  {},\n", table.to_string().trim()));
    }
}

fn quoted(text: &str) -> String {
    Toml::from(text).to_string()
}

/// A JSON value as the string of its text: TOML cannot say `null`.
mod json {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(value: &serde_json::Value, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<serde_json::Value, D::Error> {
        let text = String::deserialize(from)?;
        crate::model::json_text::parse_value(text.as_bytes()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Deployed {
        let file = |path: &str, adopted| DeployedFile {
            path: path.parse().expect("a path"),
            mode: FileMode::Executable,
            sha256: Digest::of(path.as_bytes()),
            adopted,
        };
        let entry = |key: Option<&str>, event: Option<&str>| DeployedEntry {
            config: ".mcp.json".to_owned(),
            pointer: vec!["mcpServers".to_owned()],
            key: key.map(str::to_owned),
            event: event.map(str::to_owned),
            value: json!({"command": "x'\"\n", "args": [null, 1]}),
            created: toml::from_str("levels = 2\nblank = \" \\n\"\nfile = \"\"").expect("created"),
            existed: true,
            adopted: false,
        };
        let deployment = |artifact: &str| Deployment {
            artifact: artifact.parse().expect("a ref"),
            target: "claude-code:project".to_owned(),
            base: None,
            collection: "kit \"x\"".to_owned(),
            commit: "c".repeat(40),
            tree: "d".repeat(40),
            digest: Digest::of(b""),
            files: vec![file("b", false), file("a", true)],
            entries: vec![entry(Some("k"), None), entry(None, Some("Stop"))],
        };
        let made = Made { base: Some("/h/.claude".to_owned()), itself: true, folders: BTreeSet::new() };
        Deployed { format: 1, made: vec![made], deployments: vec![deployment("skill/z"), deployment("agent/a")] }
    }

    #[test]
    fn the_record_is_sorted_and_round_trips() {
        let text = sample().render();
        let parsed = Deployed::parse(text.as_bytes()).expect("parses");
        assert_eq!(parsed.render(), text);
        assert_eq!(parsed.deployments[0].artifact.to_string(), "agent/a");
        assert_eq!(parsed.deployments[0].files[0].path.as_str(), "a");
        assert_eq!(parsed.deployments[1].entries, sample().deployments[0].entries);
        assert_eq!(parsed.made, sample().made);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let text = sample().render();
        assert!(matches!(Deployed::parse(b"format = 2\nnew = 1"), Err(DeployedError::Newer(2))));
        assert!(matches!(Deployed::parse(&[0xff]), Err(DeployedError::NotText)));
        let twice = text.replace("agent/a", "skill/z");
        assert!(matches!(Deployed::parse(twice.as_bytes()), Err(DeployedError::Twice { .. })));
        let both = text.replacen("key = \"k\"", "key = \"k\", event = \"Stop\"", 1);
        assert!(matches!(Deployed::parse(both.as_bytes()), Err(DeployedError::Slot(_))));
        for (old, new) in [
            ("path = \"a\"", "path = \"../a\""),
            ("path = \"a\"", "path = \"/a\""),
            ("\"755\"", "\"777\""),
            ("collection =", "owner ="),
            ("artifact = \"agent/a\"", "artifact = \"agent/../a\""),
            ("format = 1", "format = 1\nnew = 1"),
        ] {
            let changed = text.replacen(old, new, 1);
            assert_ne!(changed, text, "{old}");
            assert!(matches!(Deployed::parse(changed.as_bytes()), Err(DeployedError::Parse(_))), "{new}");
        }
    }
}
