//! What can go wrong with deployments.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::client::{EditError, RenderError, TargetError, TargetId};
use crate::fsio::FsError;
use crate::git::GitError;
use crate::model::hooks::HooksError;
use crate::model::mcp::McpError;
use crate::model::{ArtifactRef, Class, DeployedError, Kind, PathError};
use crate::ops::collection::{self, fs_class, git_class};

/// A use case on deployments failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The collection failed.
    #[error(transparent)]
    Collection(#[from] collection::Error),
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A file operation failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// There is no such target.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The client has no place for this kind of artifact, here or on this machine.
    #[error("'{target}' has no place for artifacts of kind '{kind}'")]
    NoPlace {
        /// The target.
        target: TargetId,
        /// The kind.
        kind: Kind,
    },
    /// The record cannot be used.
    #[error("'{}' cannot be used", .path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DeployedError,
    },
    /// The record or journal names a place that no deployment can have.
    #[error("'{}' names '{}', which no deployment can have written", .path.display(), .place.escape_debug())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The place.
        place: String,
    },
    /// The journal of an interrupted run cannot be used.
    #[error("'{}', the journal of an interrupted run, cannot be used", .path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
    /// Files or entries are not ours, or were edited.
    #[error("{}", conflicts(.0))]
    InTheWay(Vec<Conflict>),
    /// The user has not agreed to what would run.
    #[error("nothing was deployed: nobody agreed to what {} would run", names(.0))]
    Consent(Vec<ArtifactRef>),
    /// The artifact is not deployed at the target.
    #[error("'{artifact}' is not deployed to '{target}' here")]
    NotDeployed {
        /// The artifact.
        artifact: String,
        /// The target.
        target: TargetId,
    },
    /// A configuration file cannot be edited.
    #[error("'{config}' is left as it is")]
    Config {
        /// The file.
        config: String,
        /// Why.
        source: EditError,
    },
    /// Somebody changed a file between our look and our change.
    #[error("'{0}' was changed by somebody else in the same moment, so nothing was done")]
    Changed(String),
    /// The hooks of an artifact cannot be used.
    #[error("'{artifact}' cannot be deployed or brought back")]
    Hooks {
        /// The artifact.
        artifact: ArtifactRef,
        /// Why.
        source: HooksError,
    },
    /// The server definition of an artifact, or its edited entry, cannot be used.
    #[error("'{artifact}' cannot be deployed or brought back")]
    Mcp {
        /// The artifact.
        artifact: ArtifactRef,
        /// Why.
        source: McpError,
    },
    /// The target cannot say this server.
    #[error("'{artifact}' cannot be deployed to '{target}'")]
    Render {
        /// The artifact.
        artifact: ArtifactRef,
        /// The target.
        target: TargetId,
        /// Why.
        source: RenderError,
    },
    /// A file in the project may stand in no artifact.
    #[error("'{file}' of '{artifact}' cannot be brought back into the collection")]
    Unfit {
        /// The artifact.
        artifact: ArtifactRef,
        /// The file, as it is called in the project.
        file: String,
        /// Why.
        source: PathError,
    },
    /// A link, or something else that is no file, is in the folder of an artifact.
    #[error("'{file}' of '{artifact}' is a link or no plain file, so it is not brought back")]
    NotAFile {
        /// The artifact.
        artifact: ArtifactRef,
        /// The file, as it is called in the project.
        file: String,
    },
    /// What makes the artifact one is gone from the project.
    #[error("'{missing}' is gone, so there is nothing of '{artifact}' to bring back")]
    Gone {
        /// The artifact.
        artifact: ArtifactRef,
        /// The file or entry.
        missing: String,
    },
    /// Both sides changed the same lines.
    #[error("the collection and the project changed the same parts of '{}'", .0.join("', '"))]
    Merge(Vec<String>),
    /// The state that was deployed is not in this repository, so there is nothing to merge from.
    #[error("the collection has changed '{0}', and does not have the state that was deployed here")]
    NoBase(ArtifactRef),
}

/// Why something at a target is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Obstacle {
    /// It was there before and is not ours.
    InTheWay,
    /// It is ours and was edited.
    Edited,
    /// A folder, link or device stands where a file belongs.
    NotAFile,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Obstacle::InTheWay => "is not ours",
            Obstacle::Edited => "was edited",
            Obstacle::NotAFile => "is not a file",
        })
    }
}

/// One thing that is not touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Conflict {
    /// Of which artifact.
    pub artifact: ArtifactRef,
    /// The file, or the configuration file and the entry in it.
    pub place: String,
    /// Why.
    pub obstacle: Obstacle,
}

fn conflicts(all: &[Conflict]) -> String {
    let listed: Vec<_> = all.iter().map(|c| format!("'{}' {}", c.place.escape_debug(), c.obstacle)).collect();
    format!("nothing was changed, because {}", listed.join(", "))
}

fn names(artifacts: &[ArtifactRef]) -> String {
    artifacts.iter().map(|artifact| format!("'{artifact}'")).collect::<Vec<_>>().join(", ")
}

impl Error {
    /// Says whether it is the artifact that no target of this kind can hold as it is.
    pub fn is_of_artifact(&self) -> bool {
        matches!(self, Error::Hooks { .. } | Error::Mcp { .. } | Error::Render { .. } | Error::NoPlace { .. })
    }

    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Error::Collection(error) => error.class(),
            Error::Git(error) => git_class(error),
            Error::Fs(error) => fs_class(error),
            Error::Target(_) | Error::NoPlace { .. } | Error::NotDeployed { .. } => Class::Name,
            Error::Record { .. } | Error::Journal { .. } | Error::Config { .. } | Error::Hooks { .. } => Class::Parse,
            Error::Foreign { .. } | Error::Unfit { .. } | Error::NotAFile { .. } => Class::Path,
            Error::Consent(_) => Class::Consent,
            Error::Mcp { source: McpError::SecretLiteral { .. }, .. } => Class::Secret,
            Error::Mcp { .. } => Class::Parse,
            Error::Render { .. } => Class::Policy,
            Error::InTheWay(_) | Error::Changed(_) | Error::Gone { .. } | Error::Merge(_) | Error::NoBase(_) => {
                Class::Conflict
            }
        }
    }
}
