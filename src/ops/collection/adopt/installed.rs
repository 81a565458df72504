//! One artifact that another manager installed, read from disk.

use std::path::Path;

use super::super::Error;
use super::super::source::{Opened, SourceFile};
use super::super::take::{content, entries, license, spell};
use super::records::Record;
use super::{AdoptItem, AdoptStep, LeftBehind};
use crate::fsio::{Found as OnDisk, FsError, Root, real_path};
use crate::model::foreign::{Checked, Followed, ForeignArtifact, ForeignOrigin, Manager};
use crate::model::{ArtifactName, ArtifactRef, Document, Kind, TreePath, tree_digest};
use crate::scan::{self, Level, Note};

/// Longest word of a tag, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// Why an artifact stays behind: which case, and one sentence.
pub(crate) type Reason = (&'static str, String);

/// Reads an artifact, with what else there is to say of it.
pub(super) fn installed(record: &Record, artifact: &ForeignArtifact) -> Result<(AdoptItem, Vec<Note>), LeftBehind> {
    let reader = Reader { record, artifact };
    reader.read().map_err(|(id, reason)| LeftBehind {
        manager: record.manager,
        name: format!("{}/{}", artifact.kind, artifact.name),
        id,
        reason,
    })
}

struct Reader<'a> {
    record: &'a Record,
    artifact: &'a ForeignArtifact,
}

impl Reader<'_> {
    fn read(&self) -> Result<(AdoptItem, Vec<Note>), Reason> {
        let kind: Kind = self.artifact.kind.parse().map_err(|_| {
            ("kind", format!("a collection has no kind '{}': it stays where it is", self.artifact.kind.escape_debug()))
        })?;
        let root = Root::open(&self.record.base).map_err(unreadable)?;
        let (place, is_file) = self.place(&root, kind)?;
        let name =
            ArtifactName::normalise(kind, self.called(kind, &place)).map_err(|error| ("name", error.to_string()))?;
        let called = (*name.as_str() != *self.artifact.name).then(|| self.artifact.name.clone());
        let artifact = ArtifactRef::new(kind, name);
        let opened = Opened::Folder { root, upstream: String::new() };
        let (raw, content, server) = files(&opened, &artifact, &place, is_file)?;
        let checked = self.artifact.hash.as_ref().map(|hash| hash.check(&raw, is_file));
        let digest = tree_digest(&entries(&artifact, &content).map_err(unreadable)?);
        let mut notes = self.other_copies(&opened, &artifact, &place, &content);
        let (tags, more) = self.tags();
        notes.extend(more);
        notes.extend(self.description(&artifact, &content));
        let seen: Vec<_> = content.iter().map(|(path, mode, bytes)| (path.clone(), *mode, bytes.as_slice())).collect();
        let mut item = AdoptItem {
            manager: self.record.manager,
            renamed_from: called,
            path: place.to_string(),
            step: AdoptStep::Add,
            files: content.len(),
            digest,
            upstream: None,
            upstream_path: None,
            reference: None,
            commit: None,
            pristine: false,
            not_followed: None,
            tags,
            license: license(&artifact, &content),
            findings: scan::validate(&artifact, &seen, Level::Lenient),
            checked,
            content,
            server,
            artifact,
        };
        match &self.artifact.origin {
            ForeignOrigin::Own => {}
            ForeignOrigin::Unfollowed { place, reason } => {
                item.not_followed = Some(format!("'{place}', which is not followed: {reason}"));
            }
            ForeignOrigin::Followed(followed) => {
                item.follow(Followed { url: absolute(&self.record.base, &followed.url), ..followed.clone() });
                let of_source = self.artifact.hash.as_ref().is_some_and(|hash| hash.is_of_source());
                item.pristine = of_source && item.checked == Some(Checked::AsRecorded);
            }
        }
        Ok((item, notes))
    }

    /// Returns the first place where the artifact is, and whether it is one file.
    fn place(&self, root: &Root, kind: Kind) -> Result<(TreePath, bool), Reason> {
        let mut refused = None;
        for text in &self.artifact.places {
            let Ok(path) = text.parse::<TreePath>() else {
                let reason = format!("'{}' is no path below '{}'", text.escape_debug(), self.record.base.display());
                refused.get_or_insert(("path", reason));
                continue;
            };
            let link = || ("link", format!("'{path}' is, or lies behind, a link, which is not followed"));
            match root.stat(&path).map(|stat| stat.map(|stat| stat.found)) {
                Ok(None) => {}
                Ok(Some(OnDisk::Other)) | Err(FsError::Escapes(_)) => drop(refused.get_or_insert_with(link)),
                Ok(Some(OnDisk::Folder)) if kind.main_file().is_some() => return Ok((path, false)),
                Ok(Some(OnDisk::File(_))) if kind != Kind::Skill => return Ok((path, true)),
                Ok(Some(_)) => {
                    refused.get_or_insert(("kind", format!("'{path}' has not the form of {kind}s")));
                }
                Err(error) => return Err(unreadable(error)),
            }
        }
        let at = self.artifact.places.first().map_or("", String::as_str);
        Err(refused.unwrap_or_else(|| ("missing", format!("there is nothing at '{}'", at.escape_debug()))))
    }

    /// Returns what the artifact is called; commands are called by their path too.
    fn called<'p>(&'p self, kind: Kind, place: &'p TreePath) -> &'p str {
        let below = place.as_str().split_once("commands/").map(|(_, below)| below.trim_end_matches(".md"));
        match below {
            Some(below) if kind == Kind::Command && below.contains('/') => below,
            _ => self.artifact.name.trim_end_matches(".md"),
        }
    }

    /// Says where the same artifact stands with other content: one is taken, and the others stay.
    fn other_copies(
        &self,
        opened: &Opened,
        artifact: &ArtifactRef,
        place: &TreePath,
        taken: &[SourceFile],
    ) -> Vec<Note> {
        if matches!(self.record.manager, Manager::Skillmeat | Manager::SkillmeatDeployed) {
            return Vec::new();
        }
        let mut notes = Vec::new();
        for other in self.artifact.places.iter().filter_map(|text| text.parse::<TreePath>().ok()) {
            if other == *place {
                continue;
            }
            let Opened::Folder { root, .. } = opened else { continue };
            let is_file = match root.stat(&other) {
                Ok(Some(stat)) if stat.found == OnDisk::Folder => false,
                Ok(Some(stat)) if matches!(stat.found, OnDisk::File(_)) => true,
                _ => continue,
            };
            let same = files(opened, artifact, &other, is_file).is_ok_and(|(_, content, _)| content == taken);
            if !same {
                let message = format!("'{artifact}' stands here with other content, and stays; '{place}' was taken");
                notes.push(Note { path: other.to_string(), id: "other-copy", message });
            }
        }
        notes
    }

    /// Returns the tags that can be ours, and a note for each that had to change or was left.
    fn tags(&self) -> (Vec<String>, Vec<Note>) {
        let (mut tags, mut notes) = (Vec::new(), Vec::new());
        for word in &self.artifact.tags {
            let plain = |c: char| if c.is_control() || c.is_whitespace() || c == ',' { '-' } else { c };
            let tag: String = word.trim().chars().map(plain).collect();
            let fits = (1..=MAX_WORD_BYTES).contains(&tag.len());
            if !fits || tag != *word {
                let word = word.escape_debug();
                let message =
                    if fits { format!("the tag '{word}' becomes '{tag}'") } else { format!("no tag: '{word}'") };
                notes.push(Note { path: self.artifact.name.clone(), id: "tag", message });
            }
            if fits {
                tags.push(tag);
            }
        }
        tags.sort();
        tags.dedup();
        (tags, notes)
    }

    /// Notes a description that only the record has: ours is in the artifact itself.
    fn description(&self, artifact: &ArtifactRef, content: &[SourceFile]) -> Option<Note> {
        let recorded = self.artifact.description.as_deref().filter(|text| !text.trim().is_empty())?;
        let main = artifact.main_path();
        let main = content.iter().find(|(path, _, _)| path.as_str() == main.file_name() || content.len() == 1);
        let own = main.and_then(|(_, _, bytes)| Document::parse(bytes).ok()?.front?.description().map(str::to_owned));
        if own.is_some() {
            return None;
        }
        let message = format!("only the record describes '{artifact}': {}", recorded.escape_debug());
        Some(Note { path: self.artifact.name.clone(), id: "description", message })
    }
}

/// Files as they are on disk, and as the collection gets them; the server where they are of an MCP configuration.
pub(crate) type Read = (Vec<SourceFile>, Vec<SourceFile>, Option<String>);

/// Reads the files of an artifact of a known kind and name at a place, in the form that a collection has.
///
/// # Errors
/// The reason why they are no such artifact.
pub(crate) fn files(opened: &Opened, artifact: &ArtifactRef, place: &TreePath, is_file: bool) -> Result<Read, Reason> {
    let broken = |what: &str| ("form", format!("'{place}' {what}"));
    if artifact.kind.main_file().is_none() {
        let (mode, bytes) = opened.file(place).map_err(unreadable)?.ok_or_else(|| broken("is gone"))?;
        let name: TreePath = place.file_name().parse().map_err(|_| broken("is no name of a file"))?;
        let files = vec![(name, mode, bytes)];
        return Ok((files.clone(), files, None));
    }
    let has_main = |files: &[SourceFile]| {
        artifact.kind.main_file().is_some_and(|main| files.iter().any(|(path, _, _)| path.as_str() == main))
    };
    let raw = if is_file { Vec::new() } else { opened.folder(Some(place)).map_err(unreadable)? };
    let mut spelled = raw.clone();
    spell(artifact.kind, &mut spelled).map_err(unreadable)?;
    if has_main(&spelled) {
        return Ok((raw, spelled, None));
    }
    let main = artifact.kind.main_file().unwrap_or_default();
    if artifact.kind == Kind::Skill {
        return Err(broken("has no 'SKILL.md'"));
    }
    // Hooks and servers are written in several forms.
    let found = opened.discover(Some(place), artifact.name.as_str()).map_err(unreadable)?.found;
    let same_kind: Vec<_> = found.iter().filter(|found| found.artifact.kind == artifact.kind).collect();
    match same_kind.as_slice() {
        [one] => {
            let (files, server) = content(opened, one).map_err(unreadable)?;
            Ok((raw, files, server))
        }
        [] => Err(broken(&format!("has no '{main}', and nothing else that is a {}", artifact.kind))),
        _ => Err(broken("holds several; take them with `git skillmeat add`")),
    }
}

/// Makes the path of a local upstream one that does not depend on where the record is.
fn absolute(base: &Path, url: &str) -> String {
    if url.starts_with('.') { real_path(&base.join(url)).display().to_string() } else { url.to_owned() }
}

/// Tells an error with its causes, in one sentence.
fn unreadable(error: impl Into<Error>) -> Reason {
    let error = error.into();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    ("unreadable", text)
}
