//! Discovery that starts at one folder or file of the source.

use super::reader::Place;
use super::{DiscoverError, Search, join, last, parent};
use crate::model::{Kind, TreePath};

impl Search<'_> {
    /// Searches one folder or file.
    pub(super) fn start_at(&mut self, start: &TreePath) -> Result<(), DiscoverError> {
        let path = start.as_str();
        match self.reader.place(path)? {
            Place::Missing => Err(DiscoverError::Missing { path: start.clone() }),
            Place::Link => Err(DiscoverError::Link { path: start.clone() }),
            Place::File => self.start_at_file(path),
            Place::Folder => self.start_at_folder(path),
        }
    }

    fn start_at_file(&mut self, file: &str) -> Result<(), DiscoverError> {
        let folder = parent(file);
        match last(file) {
            "SKILL.md" | "skill.md" => {
                self.skill_at(folder)?;
            }
            "hooks.json" => {
                self.marked_folder(Kind::Hook, folder, hook_name(folder))?;
            }
            "server.json" => {
                self.marked_folder(Kind::Mcp, folder, last(folder))?;
            }
            _ if self.client_servers_of(file)? => {}
            ".mcp.json" | "mcp.json" => self.servers_of(file)?,
            name if name.ends_with(".md") => match kind_of(file) {
                Some((kind, top)) => self.markdown(kind, file, top)?,
                None => self.reader.note(
                    file,
                    "no-kind",
                    "only a file below 'agents' or 'commands' is an agent or a command",
                ),
            },
            _ => self.reader.note(file, "no-kind", "the file is no artifact"),
        }
        Ok(())
    }

    fn start_at_folder(&mut self, folder: &str) -> Result<(), DiscoverError> {
        if !self.is_plugin(folder)? && self.skill_at(folder)? {
            return Ok(());
        }
        if last(folder) == "hooks" {
            return self.hooks_in(folder, hook_name(folder));
        }
        if self.marked_folder(Kind::Hook, folder, last(folder))?
            || self.marked_folder(Kind::Mcp, folder, last(folder))?
        {
            return Ok(());
        }
        if let Some((kind, top)) = kind_of(&join(folder, "x.md")) {
            return self.markdown_below(kind, top, folder, 3);
        }
        match last(folder) {
            "skills" => self.skills_in(folder),
            "mcp" => self.marked_folders(Kind::Mcp, folder),
            _ => self.source(folder),
        }
    }
}

/// Returns the name for the hooks in a folder: `hooks` says nothing, what it lies in does.
fn hook_name(folder: &str) -> &str {
    if last(folder) == "hooks" { last(parent(folder)) } else { last(folder) }
}

/// Returns the kind of a Markdown file by the nearest folder that tells, and that folder.
fn kind_of(file: &str) -> Option<(Kind, &str)> {
    let mut folder = parent(file);
    while !folder.is_empty() {
        match last(folder) {
            "agents" | "agent" => return Some((Kind::Agent, folder)),
            "commands" | "command" => return Some((Kind::Command, folder)),
            _ => folder = parent(folder),
        }
    }
    None
}
