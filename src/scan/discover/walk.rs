//! The search for skills in a source that keeps them in none of the usual places.

use std::collections::VecDeque;

use super::places::is_ignored;
use super::{DiscoverError, Search, join};
use crate::scan::ItemKind;

impl Search<'_> {
    /// Looks for skills in the folders of a source's root, beside the usual places: some keep a template there.
    pub(super) fn children(&mut self, base: &str) -> Result<(), DiscoverError> {
        for item in self.reader.list(base)?.iter() {
            if item.kind == ItemKind::Folder && !is_ignored(&item.name) {
                self.skill_at(&join(base, &item.name))?;
            }
        }
        Ok(())
    }

    /// Looks for skills below a folder, nearest first, within the bounds of the search.
    pub(super) fn walk(&mut self, base: &str) -> Result<(), DiscoverError> {
        let mut waiting = VecDeque::from([(base.to_owned(), 0)]);
        let mut listed = 0;
        while let Some((folder, depth)) = waiting.pop_front() {
            if listed == self.limits.max_walk_folders {
                let message = format!("the search for skills stopped after {listed} folders; name a folder to search");
                self.reader.note(base, "walk-stopped", message);
                return Ok(());
            }
            listed += 1;
            if self.skill_at(&folder)? || depth == self.limits.max_walk_depth {
                continue;
            }
            for item in self.reader.list(&folder)?.iter() {
                // Nothing beyond the bound is looked at, so nothing beyond it needs to be remembered.
                let wanted = item.kind == ItemKind::Folder && !is_ignored(&item.name);
                if wanted && waiting.len() + listed <= self.limits.max_walk_folders {
                    waiting.push_back((join(&folder, &item.name), depth + 1));
                }
            }
        }
        Ok(())
    }
}
