//! `targets`: which clients there are, and where they read what.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use super::Error;
use super::site::Site;
use crate::client::targets as table;
use crate::model::Kind;
use crate::ops::Context;

/// One target.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownTarget {
    /// Its name, as `client:scope`.
    pub target: String,
    /// Name of the client for people.
    pub title: String,
    /// Versions of the client that its places were checked with.
    pub checked: String,
    /// Where each kind goes; kinds that the client does not have are missing.
    pub places: Vec<ShownPlace>,
}

/// Where a kind of artifact goes at a target.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ShownPlace {
    /// The kind.
    pub kind: Kind,
    /// The folder, absent for servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The configuration file, for hooks and servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

/// Returns all targets with their places for this user and project.
///
/// # Errors
/// [`Error::Fs`] when the project cannot be opened.
pub fn targets(context: &Context, project: &Path) -> Result<Vec<ShownTarget>, Error> {
    let mut all = Vec::new();
    for target in table() {
        let site = Site::open(context, &target.id, project)?;
        let shown = |path: std::path::PathBuf| path.display().to_string();
        let place = |kind: Kind| {
            target.form(kind)?;
            let folder = target.folder(kind, &site.places).map(shown);
            let config = target.config_file(kind, &site.places).map(shown);
            (folder.is_some() || config.is_some()).then_some(ShownPlace { kind, folder, config })
        };
        all.push(ShownTarget {
            target: target.id.to_string(),
            title: target.title.clone(),
            checked: target.checked.clone(),
            places: Kind::ALL.into_iter().filter_map(place).collect(),
        });
    }
    Ok(all)
}
