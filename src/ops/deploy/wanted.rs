//! What an artifact of the collection becomes at a target.

use serde_json::Value;

use super::site::Site;
use super::{Error, site::MAX_FILE_BYTES};
use crate::client::{Form, rendered_entry, rendered_hooks};
use crate::git::{Repo, TreeFile};
use crate::model::hooks::{Hooks, MAX_HOOKS_JSON_BYTES, unresolved};
use crate::model::mcp::{Launch, MAX_SERVER_JSON_BYTES, ServerDefinition, Strictness};
use crate::model::{ArtifactRef, Digest, FileEntry, FileMode, Kind, Oid, PathError, TreePath, tree_digest};
use crate::ops::collection::Collection;

/// One artifact as it is to be at a target.
pub(super) struct Wanted {
    pub artifact: ArtifactRef,
    /// Id of its tree, or of its blob.
    pub tree: Oid,
    pub digest: Digest,
    /// The folder that holds nothing but this artifact's files, for skills and hooks.
    pub unit: Option<TreePath>,
    pub files: Vec<WantedFile>,
    pub entries: Vec<WantedEntry>,
    /// What it would run by itself, one line each.
    pub runs: Vec<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

pub(super) struct WantedFile {
    pub path: TreePath,
    pub mode: FileMode,
    pub sha256: Digest,
    pub blob: Oid,
}

#[derive(Clone)]
pub(super) struct WantedEntry {
    pub config: String,
    pub pointer: Vec<String>,
    pub key: Option<String>,
    pub event: Option<String>,
    pub value: Value,
}

/// Returns where an artifact's files are at a site, and where a file of the collection goes.
pub(super) struct Layout {
    /// Place of the artifact in the collection.
    from: TreePath,
    /// Its place at the site: a folder, or the file itself; servers have none.
    to: Option<TreePath>,
    /// The file that is not deployed as a file.
    apart: Option<&'static str>,
    pub unit: Option<TreePath>,
}

impl Layout {
    pub fn of(site: &Site, artifact: &ArtifactRef) -> Result<Self, Error> {
        let none = || Error::NoPlace { target: site.target.id.clone(), kind: artifact.kind };
        let form = site.target.form(artifact.kind).ok_or_else(none)?;
        let below = |name: &str| site.folder(artifact.kind)?.join(name).map_err(|_| none());
        let name = artifact.name.as_str();
        let (to, apart, is_folder) = match (artifact.kind, form) {
            (Kind::Mcp, _) => (None, Some("server.json"), false),
            (Kind::Hook, _) => (Some(below(name)?), Some("hooks.json"), true),
            (_, Form::Folder) => (Some(below(name)?), None, true),
            (_, Form::File | Form::Entry) => (Some(below(&format!("{name}.md"))?), None, false),
        };
        Ok(Self { from: artifact.path(), unit: to.clone().filter(|_| is_folder), to, apart })
    }

    /// Returns where a file of the collection goes; `None` when it is not deployed as a file.
    pub fn place(&self, file: &TreePath) -> Result<Option<TreePath>, PathError> {
        let Some(to) = &self.to else { return Ok(None) };
        match file.below(&self.from) {
            Some(rest) if Some(rest) == self.apart => Ok(None),
            Some(rest) => to.join(rest).map(Some),
            None => Ok(Some(to.clone())),
        }
    }

    /// Returns where a file at the site belongs in the collection: the inverse of [`Layout::place`].
    pub fn back(&self, file: &TreePath) -> Result<TreePath, PathError> {
        match self.to.as_ref().and_then(|to| file.below(to)) {
            Some(rest) => self.from.join(rest),
            None => Ok(self.from.clone()),
        }
    }
}

/// Reads an artifact of the collection and puts it in the form of the target.
///
/// # Errors
/// [`Error::NoPlace`], [`Error::Hooks`], [`Error::Mcp`], [`Error::Render`], [`Error::Git`].
pub(super) fn wanted(collection: &Collection, site: &Site, artifact: &ArtifactRef) -> Result<Wanted, Error> {
    let repo = &collection.repo;
    let layout = Layout::of(site, artifact)?;
    let sources = collection.files(artifact)?;
    let mut all = Vec::new();
    let mut files = Vec::new();
    for source in &sources {
        let bytes = repo.blob(source.id, MAX_FILE_BYTES)?;
        let sha256 = Digest::of(&bytes);
        let TreeFile { path, mode, id } = source;
        all.push(FileEntry { path: path.clone(), mode: *mode, size: bytes.len() as u64, sha256 });
        if let Some(place) = layout.place(path).map_err(crate::git::GitError::from)? {
            files.push(WantedFile { path: place, mode: *mode, sha256, blob: *id });
        }
    }
    let mut wanted = Wanted {
        artifact: artifact.clone(),
        tree: tree_of(collection, artifact)?,
        digest: tree_digest(&all),
        unit: layout.unit,
        files,
        entries: Vec::new(),
        runs: Vec::new(),
        notes: Vec::new(),
    };
    match artifact.kind {
        Kind::Hook => hook_entries(repo, site, &sources, &mut wanted)?,
        Kind::Mcp => server_entry(repo, site, &sources, &mut wanted)?,
        Kind::Agent | Kind::Command | Kind::Skill => {}
    }
    Ok(wanted)
}

/// Returns the id of an artifact's tree or blob in the collection's last commit.
pub(super) fn tree_of(collection: &Collection, artifact: &ArtifactRef) -> Result<Oid, Error> {
    let found = collection.repo.entry_at(collection.tree, &artifact.path())?;
    let unknown = || crate::ops::collection::Error::Unknown { text: artifact.to_string(), near: Vec::new() };
    Ok(found.ok_or_else(unknown)?.id)
}

/// Returns the main file among the files of an artifact.
pub(super) fn main_file(
    repo: &Repo,
    artifact: &ArtifactRef,
    files: &[TreeFile],
    limit: usize,
) -> Result<Vec<u8>, Error> {
    let main = artifact.main_path();
    let found = files.iter().find(|file| file.path == main);
    let missing = || Error::Gone { artifact: artifact.clone(), missing: main.to_string() };
    Ok(repo.blob(found.ok_or_else(missing)?.id, limit as u64)?)
}

/// Returns the files of a hook relative to its folder, as its commands name them.
pub(super) fn scripts<'f>(artifact: &ArtifactRef, files: impl IntoIterator<Item = &'f TreePath>) -> Vec<TreePath> {
    let folder = artifact.path();
    files.into_iter().filter_map(|path| path.below(&folder)?.parse().ok()).collect()
}

fn hook_entries(repo: &Repo, site: &Site, sources: &[TreeFile], wanted: &mut Wanted) -> Result<(), Error> {
    let artifact = &wanted.artifact;
    let bytes = main_file(repo, artifact, sources, MAX_HOOKS_JSON_BYTES)?;
    let hooks = Hooks::parse(&bytes).map_err(|source| Error::Hooks { artifact: artifact.clone(), source })?;
    let files = scripts(artifact, sources.iter().map(|file| &file.path));
    let none = || Error::NoPlace { target: site.target.id.clone(), kind: Kind::Hook };
    let row = site.target.hook().ok_or_else(none)?;
    let groups = rendered_hooks(site.target, &site.places, &artifact.name, &hooks, &files).ok_or_else(none)?;
    for reference in unresolved(hooks.value(), &artifact.name, &files) {
        wanted.notes.push(format!("names '{reference}', which is no file of it"));
    }
    for command in hooks.commands() {
        let matcher = command.matcher.map_or_else(String::new, |matcher| format!(" [{matcher}]"));
        wanted.runs.push(format!("{}{matcher}: {}", command.event, words(&command.words)));
    }
    let config = site.config(Kind::Hook)?;
    wanted.entries.extend(groups.into_iter().map(|(event, value)| WantedEntry {
        config: config.clone(),
        pointer: row.pointer.clone(),
        key: None,
        event: Some(event),
        value,
    }));
    Ok(())
}

fn server_entry(repo: &Repo, site: &Site, sources: &[TreeFile], wanted: &mut Wanted) -> Result<(), Error> {
    let artifact = &wanted.artifact;
    let bytes = main_file(repo, artifact, sources, MAX_SERVER_JSON_BYTES)?;
    let mcp = |source| Error::Mcp { artifact: artifact.clone(), source };
    let launch =
        ServerDefinition::parse(&bytes, Strictness::Lenient).and_then(|definition| definition.launch()).map_err(mcp)?;
    let target = site.target.id.clone();
    let row = site.target.mcp().ok_or(Error::NoPlace { target: target.clone(), kind: Kind::Mcp })?;
    let name = artifact.name.as_str();
    let rendered = rendered_entry(row, name, &launch).map_err(|source| Error::Render {
        artifact: artifact.clone(),
        target,
        source,
    })?;
    wanted.runs.push(match &launch {
        Launch::Stdio { command, args, .. } => {
            words(&std::iter::once(command).chain(args).map(ToString::to_string).collect::<Vec<_>>())
        }
        Launch::Remote { url, .. } => format!("connects to {url}"),
    });
    let variables: Vec<_> = launch.variables().into_iter().collect();
    if !variables.is_empty() {
        wanted.notes.push(format!("needs the variables {}", variables.join(", ")));
    }
    if !rendered.left_out.is_empty() {
        wanted.notes.push(format!("the client does not know '{}', left out", rendered.left_out.join("', '")));
    }
    wanted.entries.push(WantedEntry {
        config: site.config(Kind::Mcp)?,
        pointer: row.pointer.clone(),
        key: Some(name.to_owned()),
        event: None,
        value: rendered.entry,
    });
    Ok(())
}

/// Returns words apart from each other, never as a line for a shell.
fn words(words: &[String]) -> String {
    Value::from(words.to_vec()).to_string()
}
