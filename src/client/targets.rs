//! The table of targets: which client reads which kind of artifact where.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;

use super::location::{Location, Override, Places};
use super::shape::EntryShape;
use crate::model::Kind;

/// Version of the table's form that this program reads.
const TABLE_VERSION: u32 = 1;

static TABLE: LazyLock<Vec<Target>> =
    LazyLock::new(|| parse(include_str!("targets.toml")).expect("the embedded table is checked by a test"));

/// Returns all targets, in the order of the table. The table is parsed at the first call.
pub fn targets() -> &'static [Target] {
    &TABLE
}

/// Whose artifacts a target holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Those of one project.
    Project,
    /// Those of the user, in every project.
    User,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Scope::Project { "project" } else { "user" })
    }
}

/// A client and scope, written `claude-code:project`; without a scope it is the project's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId {
    /// Name of the client.
    pub client: String,
    /// Scope.
    pub scope: Scope,
}

/// Why a text names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The text is not `CLIENT` or `CLIENT:SCOPE`.
    #[error("'{}' is not a target: write CLIENT:SCOPE with scope 'project' or 'user'", .0.escape_debug())]
    Form(String),
    /// The table has no such client or scope.
    #[error("there is no target '{asked}'")]
    Unknown {
        /// The target asked for.
        asked: TargetId,
        /// All that there are, in the order of the table.
        known: Vec<TargetId>,
    },
}

impl fmt::Display for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.client, self.scope)
    }
}

impl FromStr for TargetId {
    type Err = TargetError;
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError::Form(text.chars().take(80).collect());
        let (client, scope) = text.split_once(':').unwrap_or((text, "project"));
        let scope = match scope {
            "project" => Scope::Project,
            "user" => Scope::User,
            _ => return Err(wrong()),
        };
        let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if client.is_empty() || client.len() > 64 || !client.bytes().all(named) {
            return Err(wrong());
        }
        Ok(Self { client: client.to_owned(), scope })
    }
}

/// What an artifact is at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A folder of its name.
    Folder,
    /// A file of its name.
    File,
    /// An entry of a configuration file.
    Entry,
}

/// Where skills, agents or commands go.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileTarget {
    /// The folder that holds them.
    place: Location,
    /// Folder or file.
    pub form: Form,
}

/// How a configuration file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConfigSyntax {
    /// JSON; comments and trailing commas that a user wrote are kept.
    Json,
    /// TOML.
    Toml,
}

/// Where hooks and their scripts go.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HookTarget {
    file: Location,
    /// How the file is written.
    pub syntax: ConfigSyntax,
    /// Keys from the root of the file to the events.
    pub pointer: Vec<String>,
    scripts: Location,
    script_base: Option<String>,
}

/// Where entries of MCP servers go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct McpTarget {
    file: Location,
    /// How the file is written.
    pub syntax: ConfigSyntax,
    /// Keys from the root of the file to the servers.
    pub pointer: Vec<String>,
    /// Members of an entry.
    pub shape: EntryShape,
    /// Names that the client keeps for itself.
    pub reserved: Vec<String>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Client and scope.
    pub id: TargetId,
    /// Name of the client for people.
    pub title: String,
    /// Versions of the client that the row was checked with.
    pub checked: String,
    overrides: Vec<Override>,
    files: BTreeMap<Kind, FileTarget>,
    hook: Option<HookTarget>,
    mcp: Option<McpTarget>,
}

impl Target {
    /// Finds the row of a target.
    ///
    /// # Errors
    /// [`TargetError::Unknown`], which lists the targets that there are.
    pub fn find(id: &TargetId) -> Result<&'static Target, TargetError> {
        let known = || targets().iter().map(|target| target.id.clone()).collect();
        let found = targets().iter().find(|target| target.id == *id);
        found.ok_or_else(|| TargetError::Unknown { asked: id.clone(), known: known() })
    }

    /// Returns what an artifact of this kind becomes; `None` when the client has no such kind.
    pub fn form(&self, kind: Kind) -> Option<Form> {
        match kind {
            Kind::Hook => self.hook.as_ref().map(|_| Form::Entry),
            Kind::Mcp => self.mcp.as_ref().map(|_| Form::Entry),
            Kind::Agent | Kind::Command | Kind::Skill => self.files.get(&kind).map(|row| row.form),
        }
    }

    /// Returns the folder for skills, agents or commands; for hooks the one that holds a folder of scripts each.
    pub fn folder(&self, kind: Kind, places: &Places) -> Option<PathBuf> {
        let place = match kind {
            Kind::Hook => &self.hook.as_ref()?.scripts,
            Kind::Mcp => return None,
            Kind::Agent | Kind::Command | Kind::Skill => &self.files.get(&kind)?.place,
        };
        place.resolve(places, &self.overrides)
    }

    /// Returns the configuration file for hooks or servers.
    pub fn config_file(&self, kind: Kind, places: &Places) -> Option<PathBuf> {
        let file = match kind {
            Kind::Hook => &self.hook.as_ref()?.file,
            Kind::Mcp => &self.mcp.as_ref()?.file,
            Kind::Agent | Kind::Command | Kind::Skill => return None,
        };
        file.resolve(places, &self.overrides)
    }

    /// Returns the row for hooks.
    pub fn hook(&self) -> Option<&HookTarget> {
        self.hook.as_ref()
    }

    /// Returns the row for servers.
    pub fn mcp(&self) -> Option<&McpTarget> {
        self.mcp.as_ref()
    }

    /// Returns what commands write for the folder of scripts of the hook `name`, to give to `hooks::relocate`.
    ///
    /// `None` when the target has no hooks, or when its folder has characters that a shell would act on inside
    /// quotes.
    pub fn script_base(&self, name: &str, places: &Places) -> Option<String> {
        match &self.hook.as_ref()?.script_base {
            Some(base) => Some(format!("{base}/{name}")),
            // Backslashes would be escapes in a shell; Windows reads slashes as well.
            None => {
                let base = self.folder(Kind::Hook, places)?.join(name).to_str()?.replace('\\', "/");
                let special = |c: char| matches!(c, '"' | '$' | '`' | '\'') || c.is_control();
                (!base.contains(special)).then_some(base)
            }
        }
    }

    /// Returns the names of the variables that move the client's files, for [`Places::overrides`].
    pub fn overriding(&self) -> impl Iterator<Item = &str> {
        self.overrides.iter().map(|entry| entry.variable.as_str())
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    version: u32,
    shapes: BTreeMap<String, EntryShape>,
    target: Vec<Row>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    client: String,
    title: String,
    scope: Scope,
    checked: String,
    #[serde(default, rename = "override")]
    overrides: Vec<Override>,
    skill: Option<FileTarget>,
    agent: Option<FileTarget>,
    command: Option<FileTarget>,
    hook: Option<HookTarget>,
    mcp: Option<McpRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct McpRow {
    file: Location,
    syntax: ConfigSyntax,
    pointer: Vec<String>,
    shape: String,
    #[serde(default)]
    reserved: Vec<String>,
}

/// Reads a table. The error is for whoever edits the table, so it is a sentence.
fn parse(text: &str) -> Result<Vec<Target>, String> {
    let table: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    if table.version != TABLE_VERSION {
        return Err(format!("the table has version {}, not {TABLE_VERSION}", table.version));
    }
    let target = |row: Row| {
        let id: TargetId = format!("{}:{}", row.client, row.scope).parse().map_err(|e: TargetError| e.to_string())?;
        let files = [(Kind::Skill, row.skill), (Kind::Agent, row.agent), (Kind::Command, row.command)];
        let mcp = row.mcp.map(|mcp| {
            let shape =
                table.shapes.get(&mcp.shape).cloned().ok_or_else(|| format!("{id}: no shape '{}'", mcp.shape))?;
            let McpRow { file, syntax, pointer, reserved, shape: _ } = mcp;
            Ok::<_, String>(McpTarget { file, syntax, pointer, shape, reserved })
        });
        Ok(Target {
            title: row.title,
            checked: row.checked,
            overrides: row.overrides,
            files: files.into_iter().filter_map(|(kind, file)| Some((kind, file?))).collect(),
            hook: row.hook,
            mcp: mcp.transpose()?,
            id,
        })
    };
    table.target.into_iter().map(target).collect()
}

#[cfg(test)]
mod tests;
