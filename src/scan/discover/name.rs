//! The name that a found artifact gets.

use super::{Search, shown};
use crate::model::{ArtifactName, Kind};

/// A name, and what the source said where that is something else.
pub(super) struct Named {
    pub(super) name: ArtifactName,
    pub(super) renamed_from: Option<String>,
}

/// Returns the first of the texts that is a name, or can be made one.
pub(super) fn choose(kind: Kind, texts: &[&str]) -> Option<Named> {
    texts.iter().find_map(|text| {
        if let Ok(name) = ArtifactName::parse(kind, text) {
            return Some(Named { name, renamed_from: None });
        }
        let name = ArtifactName::normalise(kind, text).ok()?;
        Some(Named { name, renamed_from: Some((*text).to_owned()) })
    })
}

impl Search<'_> {
    /// Chooses a name, or notes that there is none.
    pub(super) fn named(&mut self, kind: Kind, path: &str, texts: &[&str]) -> Option<Named> {
        let named = choose(kind, texts);
        if named.is_none() {
            let said = texts.first().copied().unwrap_or_default();
            self.reader.note(path, "name", format!("'{}' cannot be made the name of a {kind}", shown(said, 80)));
        }
        named
    }
}
