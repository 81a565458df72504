//! What can be wrong with a vault, and what can be done about it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Class, Oid, Release};

/// What part of a vault something is wrong with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What the user knows of the vault: its name, address and ledger.
    Record,
    /// The files of our store.
    Store,
    /// The ledger as it is here.
    Ledger,
    /// A release as it is here.
    Release,
    /// The vault itself.
    Vault,
}

/// What can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// `vault repair`.
    Repair,
    /// `vault pull`: it is a first contact again.
    Pull,
    /// The vault has to be added again.
    Add,
    /// Its owners have to be asked.
    Owners,
    /// The vault's own repository has to be mended.
    VaultSide,
    /// The network has to work.
    Network,
}

/// Something that is wrong.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Trouble {
    /// Kind of the error.
    pub class: Class,
    /// What it is about.
    pub part: Part,
    /// The file, from the folder of the store or of the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Number of the entry of the ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
    /// What can be done about it.
    pub remedy: Remedy,
}

impl Trouble {
    pub(in crate::ops::vault) fn new(part: Part, class: Class, remedy: Remedy, what: impl Into<String>) -> Self {
        let what = what.into();
        Self { class, part, path: None, release: None, object: None, entry: None, what, remedy }
    }

    pub(in crate::ops::vault) fn at_path(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    pub(in crate::ops::vault) fn of_release(mut self, release: &Release) -> Self {
        self.release = Some(release.to_string());
        self
    }

    pub(in crate::ops::vault) fn of_object(mut self, object: Option<Oid>) -> Self {
        self.object = object.map(|id| id.to_string());
        self
    }
}
