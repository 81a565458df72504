//! The folders in which each kind of artifact lives.

use super::{DiscoverError, FoundFiles, Search, join, last, shown};
use crate::model::{ArtifactRef, Document, FrontMatter, Kind};
use crate::scan::{ItemKind, parse_json};

/// Deepest folder below `agents/` or `commands/`: the name of a command has four parts.
const MAX_FILE_DEPTH: usize = 3;

/// Deepest folder below `skills/` in which a skill may lie, for sources that sort their skills.
const MAX_SKILL_DEPTH: usize = 2;

/// Where clients keep agents and commands in a project, beside the `skills` folder that they all have.
const CLIENT_FOLDERS: [(&str, Kind); 14] = [
    (".claude/agents", Kind::Agent),
    (".cursor/agents", Kind::Agent),
    (".gemini/agents", Kind::Agent),
    (".github/agents", Kind::Agent),
    (".opencode/agent", Kind::Agent),
    (".opencode/agents", Kind::Agent),
    (".claude/commands", Kind::Command),
    (".clinerules/workflows", Kind::Command),
    (".cursor/commands", Kind::Command),
    (".github/prompts", Kind::Command),
    (".opencode/command", Kind::Command),
    (".opencode/commands", Kind::Command),
    (".roo/commands", Kind::Command),
    (".windsurf/workflows", Kind::Command),
];

/// Folders that hold what was built or fetched, not what was written.
pub(super) fn is_ignored(folder: &str) -> bool {
    matches!(folder, ".git" | "node_modules" | "dist" | "build" | "__pycache__" | "target" | ".venv")
}

impl Search<'_> {
    /// Adds the skill in a folder, if there is one; tells whether there is.
    pub(super) fn skill_at(&mut self, folder: &str) -> Result<bool, DiscoverError> {
        let items = self.reader.list(folder)?;
        let of = |name: &str| items.iter().find(|item| item.name == name).map(|item| item.kind);
        let file = match (of("SKILL.md"), of("skill.md")) {
            (Some(ItemKind::File { .. }), _) => "SKILL.md",
            (Some(ItemKind::Symlink | ItemKind::Submodule), _) => {
                self.reader.note_link(&join(folder, "SKILL.md"));
                return Ok(false);
            }
            (_, Some(ItemKind::File { .. })) => {
                self.reader.note(&join(folder, "skill.md"), "lower-case", "most clients read SKILL.md only");
                "skill.md"
            }
            _ => return Ok(false),
        };
        let front = self.front_matter(&join(folder, file))?;
        if is_internal(front.as_ref()) {
            self.reader.note(folder, "internal", "the skill is marked as internal to its source");
            return Ok(true);
        }
        let folder_name = if folder.is_empty() { self.fallback_name } else { last(folder) };
        let said = front.as_ref().and_then(FrontMatter::name);
        let texts: Vec<&str> = said.into_iter().chain([folder_name]).collect();
        let Some(named) = self.named(Kind::Skill, folder, &texts) else {
            return Ok(true);
        };
        if !folder.is_empty() && named.name.as_str() != folder_name && named.renamed_from.is_none() {
            let message = format!("the skill in folder '{}' calls itself '{}'", shown(folder_name, 80), named.name);
            self.reader.note(folder, "other-name", message);
        }
        self.add(folder, ArtifactRef::new(Kind::Skill, named.name), FoundFiles::Folder, named.renamed_from)?;
        Ok(true)
    }

    /// Adds the skills below a folder, which may itself be a skill.
    pub(super) fn skills_in(&mut self, folder: &str) -> Result<(), DiscoverError> {
        if self.reader.is_folder(folder)? && !self.skill_at(folder)? {
            self.skills_below(folder, MAX_SKILL_DEPTH)?;
        }
        Ok(())
    }

    fn skills_below(&mut self, folder: &str, depth_left: usize) -> Result<(), DiscoverError> {
        for item in self.reader.list(folder)?.iter() {
            let path = join(folder, &item.name);
            match item.kind {
                ItemKind::Folder if is_ignored(&item.name) => {}
                ItemKind::Folder => {
                    if !self.skill_at(&path)? && depth_left > 0 {
                        self.skills_below(&path, depth_left - 1)?;
                    }
                }
                ItemKind::Symlink | ItemKind::Submodule => self.reader.note_link(&path),
                ItemKind::File { .. } => {}
            }
        }
        Ok(())
    }

    /// Adds the agents below a folder.
    pub(super) fn agents_in(&mut self, folder: &str) -> Result<(), DiscoverError> {
        if self.reader.is_folder(folder)? {
            self.markdown_below(Kind::Agent, folder, folder, MAX_FILE_DEPTH)
        } else {
            Ok(())
        }
    }

    /// Adds the commands below a folder; their names are relative to it.
    pub(super) fn commands_in(&mut self, folder: &str) -> Result<(), DiscoverError> {
        if self.reader.is_folder(folder)? {
            self.markdown_below(Kind::Command, folder, folder, MAX_FILE_DEPTH)
        } else {
            Ok(())
        }
    }

    pub(super) fn markdown_below(
        &mut self,
        kind: Kind,
        top: &str,
        folder: &str,
        depth_left: usize,
    ) -> Result<(), DiscoverError> {
        for item in self.reader.list(folder)?.iter() {
            let path = join(folder, &item.name);
            let is_markdown = item.name.ends_with(".md");
            match item.kind {
                ItemKind::Folder if is_ignored(&item.name) => {}
                ItemKind::Folder if depth_left > 0 => self.markdown_below(kind, top, &path, depth_left - 1)?,
                ItemKind::Folder => self.reader.note(&path, "too-deep", format!("the folder is too deep for a {kind}")),
                ItemKind::File { .. } if is_markdown => self.markdown(kind, &path, top)?,
                ItemKind::Symlink | ItemKind::Submodule => self.reader.note_link(&path),
                ItemKind::File { .. } => {}
            }
        }
        Ok(())
    }

    /// Adds an agent or command; `top` is the folder that its name is relative to.
    pub(super) fn markdown(&mut self, kind: Kind, file: &str, top: &str) -> Result<(), DiscoverError> {
        if last(file).eq_ignore_ascii_case("README.md") {
            self.reader.note(file, "readme", format!("a README is no {kind}"));
            return Ok(());
        }
        let relative = file.strip_prefix(top).unwrap_or(file).trim_start_matches('/');
        let stem = relative.strip_suffix(".md").unwrap_or(relative);
        if kind == Kind::Command {
            // Copilot names its prompts `<name>.prompt.md`.
            return self.file(kind, file, &[stem.strip_suffix(".prompt").unwrap_or(stem)]);
        }
        let Some(front) = self.front_matter(file)? else {
            self.reader.note(file, "not-an-agent", "an agent has front matter with a description");
            return Ok(());
        };
        if front.description().is_none() {
            self.reader.note(file, "not-an-agent", "an agent has a description in its front matter");
            return Ok(());
        }
        // Copilot names its agents `<name>.agent.md`.
        let stem = last(stem);
        let stem = stem.strip_suffix(".agent").unwrap_or(stem);
        let texts: Vec<&str> = front.name().into_iter().chain([stem]).collect();
        self.file(kind, file, &texts)
    }

    pub(super) fn file(&mut self, kind: Kind, file: &str, texts: &[&str]) -> Result<(), DiscoverError> {
        match self.named(kind, file, texts) {
            Some(named) => self.add(file, ArtifactRef::new(kind, named.name), FoundFiles::File, named.renamed_from),
            None => Ok(()),
        }
    }

    /// Adds `hooks.json` in a folder under the name of the plugin, and those in its folders under theirs.
    pub(super) fn hooks_in(&mut self, folder: &str, plugin: &str) -> Result<(), DiscoverError> {
        if !self.reader.is_folder(folder)? {
            return Ok(());
        }
        self.marked_folder(Kind::Hook, folder, plugin)?;
        self.marked_folders(Kind::Hook, folder)
    }

    /// Adds the folders in a folder that hold the main file of their kind.
    pub(super) fn marked_folders(&mut self, kind: Kind, folder: &str) -> Result<(), DiscoverError> {
        if !self.reader.is_folder(folder)? {
            return Ok(());
        }
        for item in self.reader.list(folder)?.iter() {
            let path = join(folder, &item.name);
            match item.kind {
                ItemKind::Folder => {
                    self.marked_folder(kind, &path, &item.name)?;
                }
                ItemKind::Symlink | ItemKind::Submodule => self.reader.note_link(&path),
                ItemKind::File { .. } => {}
            }
        }
        Ok(())
    }

    /// Adds a folder that holds the main file of its kind; tells whether it does.
    pub(super) fn marked_folder(&mut self, kind: Kind, folder: &str, name: &str) -> Result<bool, DiscoverError> {
        let main = join(folder, kind.main_file().unwrap_or_default());
        if !self.reader.is_file(&main)? {
            return Ok(false);
        }
        if let Some(named) = self.named(kind, folder, &[name, self.fallback_name]) {
            self.add(folder, ArtifactRef::new(kind, named.name), FoundFiles::Folder, named.renamed_from)?;
        }
        Ok(true)
    }

    /// Adds what lies in the folders of clients, such as `.claude/skills`.
    pub(super) fn client_folders(&mut self, base: &str) -> Result<(), DiscoverError> {
        for item in self.reader.list(base)?.iter() {
            let is_client = item.kind == ItemKind::Folder && item.name.starts_with('.') && !is_ignored(&item.name);
            if is_client {
                self.skills_in(&join(base, &format!("{}/skills", item.name)))?;
            }
        }
        self.skills_in(&join(base, ".opencode/skill"))?;
        for (folder, kind) in CLIENT_FOLDERS {
            let folder = join(base, folder);
            match kind {
                Kind::Agent => self.agents_in(&folder)?,
                _ => self.commands_in(&folder)?,
            }
        }
        self.client_servers(base)
    }

    /// Reads the front matter of a file; what keeps it from being read is noted.
    fn front_matter(&mut self, file: &str) -> Result<Option<FrontMatter>, DiscoverError> {
        let Some(bytes) = self.reader.read(file)? else {
            return Ok(None);
        };
        match Document::parse(&bytes) {
            Ok(document) => Ok(document.front),
            Err(error) => {
                self.reader.note(file, "front-matter", error.to_string());
                Ok(None)
            }
        }
    }

    /// Reads JSON; `None` when there is no such file, and with a note when it is no JSON.
    pub(super) fn json(&mut self, file: &str) -> Result<Option<serde_json::Value>, DiscoverError> {
        if !self.reader.is_file(file)? {
            return Ok(None);
        }
        let Some(bytes) = self.reader.read(file)? else {
            return Ok(None);
        };
        match parse_json(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                self.reader.note(file, "manifest", format!("{error}: {}", shown(&error.reason(), 120)));
                Ok(None)
            }
        }
    }
}

fn is_internal(front: Option<&FrontMatter>) -> bool {
    let value = front.and_then(|front| front.get("metadata.internal"));
    value.and_then(|value| value.as_text()).is_some_and(|text| text.trim().eq_ignore_ascii_case("true"))
}
