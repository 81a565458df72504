//! What an agent or a client will run by itself, and what a person has to agree to for that, kind by kind.

use std::collections::BTreeSet;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};

use super::Powers;
use crate::model::{ArtifactRef, Kind, TreePath};

/// What an agent or a client will run by itself. A text in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CanRun {
    /// A hook, a server, or a document whose front matter has some.
    Artifact(ArtifactRef),
    /// An executable file.
    File(TreePath),
}

impl CanRun {
    /// Returns it for an artifact with these executable files.
    pub(crate) fn of(artifact: &ArtifactRef, executable: impl IntoIterator<Item = TreePath>) -> Vec<Self> {
        let by_client = matches!(artifact.kind, Kind::Hook | Kind::Mcp).then(|| Self::Artifact(artifact.clone()));
        by_client.into_iter().chain(executable.into_iter().map(Self::File)).collect()
    }
}

impl fmt::Display for CanRun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Artifact(artifact) => artifact.fmt(out),
            Self::File(path) => path.fmt(out),
        }
    }
}

impl Serialize for CanRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for CanRun {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CanRun".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

/// What is agreed to by itself before it is taken, counted by kind.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Consents {
    /// Who signed, where their key is new here: principal and fingerprint.
    pub signers: BTreeSet<(String, String)>,
    /// Hooks.
    pub hooks: usize,
    /// MCP servers.
    pub servers: usize,
    /// Executable files.
    pub executable: usize,
    /// Artifacts whose front matter says something else than before of what runs or may be done, or cannot be read.
    pub documents: usize,
}

impl Consents {
    /// Returns what has to be agreed to of what will be run.
    pub fn of(runs: &[CanRun]) -> Self {
        let mut consents = Self::default();
        for one in runs {
            *match one {
                CanRun::File(_) => &mut consents.executable,
                CanRun::Artifact(artifact) => match artifact.kind {
                    Kind::Hook => &mut consents.hooks,
                    Kind::Mcp => &mut consents.servers,
                    Kind::Skill | Kind::Agent | Kind::Command => &mut consents.documents,
                },
            } += 1;
        }
        consents
    }

    /// Says whether there is nothing to agree to.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what an artifact would be allowed; hooks, servers and files are counted by [`Consents::of`]. A key that goes may have
    /// been what forbade something.
    pub fn allow(&mut self, artifact: &ArtifactRef, powers: &Powers) {
        let is_document = !matches!(artifact.kind, Kind::Hook | Kind::Mcp);
        if is_document && (!powers.fields.is_empty() || powers.problem.is_some()) {
            self.documents += 1;
        }
    }

    /// Adds what others have to be agreed to.
    pub fn and(mut self, other: Self) -> Self {
        self.signers.extend(other.signers);
        self.hooks += other.hooks;
        self.servers += other.servers;
        self.executable += other.executable;
        self.documents += other.documents;
        self
    }
}
