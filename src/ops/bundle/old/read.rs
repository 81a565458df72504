//! Recognising a pack of an old format, and holding what it says against what it holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::super::Error;
use super::super::locate::open_pack;
use crate::model::foreign::InstalledFile;
use crate::model::foreign::pack::{OldFormat, OldMember};
use crate::model::{Digest, FileMode, Kind, TreePath, shown};
use crate::pack::{Limits, OldArchive, PackError};
use crate::trust::Level;

/// How much is known of a pack of an old format (`schema/verification.md`): never who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OldLevel {
    /// 0: it has no digest, or none over all that would be taken.
    Unverified,
    /// 1: it matches its own digests. Whoever changes it can change them too.
    Intact,
}

impl OldLevel {
    /// Returns the same level among all of them.
    pub fn level(self) -> Level {
        match self {
            Self::Unverified => Level::Unverified,
            Self::Intact => Level::Intact,
        }
    }

    /// Returns the number of the level.
    pub fn number(self) -> u8 {
        self.level().number()
    }
}

/// What a pack of an old format says of itself, and what was seen in it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OldReport {
    /// Which format.
    pub format: OldFormat,
    /// What it calls itself.
    pub name: String,
    /// The version that it says it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Who it says made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it says it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who it says signed it. Such a signature is never believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claimed_signer: Option<String>,
    /// The level reached.
    pub level: u8,
    /// What the level means.
    pub meaning: OldLevel,
    /// SHA-256 of the file.
    pub pack: Digest,
    /// Its size, in bytes.
    pub size: u64,
    /// What it holds that a collection has a kind for.
    pub holds: Vec<OldHeld>,
    /// What stays behind, and why.
    pub left: Vec<OldLeft>,
}

/// Something in a pack that a collection has a kind for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct OldHeld {
    /// What the pack calls it, as `kind/name`.
    pub name: String,
    /// Number of its files.
    pub files: usize,
    /// Their size together, in bytes.
    pub size: u64,
}

/// Something in a pack that does not become part of a collection.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct OldLeft {
    /// What the pack calls it, or its path in the pack.
    pub name: String,
    /// Which case, such as `kind`; stays the same over releases.
    pub id: &'static str,
    /// One sentence.
    pub reason: String,
}

/// A pack of an old format, all of it read and held against its own digests.
#[derive(Debug)]
pub struct Old {
    /// The file.
    pub path: PathBuf,
    /// What is known of it.
    pub report: OldReport,
    pub(super) members: Vec<Held>,
}

/// A member of a known kind with its files.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) kind: Kind,
    pub(super) member: OldMember,
    pub(super) is_file: bool,
    /// Paths below its place, in byte order.
    pub(super) files: Vec<InstalledFile>,
}

/// Returns the error for a file that is no pack of today because of `error`: the pack of an old format that it is instead, or
/// what is wrong with that, or else `error` itself.
pub(in crate::ops::bundle) fn instead(path: &Path, error: PackError) -> Error {
    if matches!(error, PackError::Io { .. }) {
        return error.into();
    }
    match read(path) {
        Ok(Some(old)) => Error::Old(Box::new(old)),
        Ok(None) => error.into(),
        Err(other) => other,
    }
}

fn read(path: &Path) -> Result<Option<Old>, Error> {
    let limits = Limits::default();
    let Some(archive) = OldArchive::find(open_pack(path)?, &limits)? else { return Ok(None) };
    let format = archive.format();
    let files = archive.read(&limits)?;
    let (size, pack) = archive.facts()?;
    let mut rest: BTreeMap<TreePath, (FileMode, Vec<u8>)> =
        files.into_iter().map(|(path, mode, bytes)| (path, (mode, bytes))).collect();
    let name: Option<TreePath> = format.manifest_name().parse().ok();
    let bytes = name.and_then(|name| rest.remove(&name)).map(|(_, bytes)| bytes).unwrap_or_default();
    let manifest = format.parse(&bytes)?;
    let (mut members, mut left) = (Vec::new(), Vec::new());
    // Where the format has a digest over the manifest, names and kinds need it too.
    let mut is_covered = manifest.is_covered || format != OldFormat::ManifestJson;
    for member in manifest.members {
        let label = shown(&member.label());
        let mut leave = |name: &str, id, reason: String| left.push(OldLeft { name: name.to_owned(), id, reason });
        let Some(place) = member.place()? else {
            leave(&label, "no-place", "the manifest does not say where its files are".to_owned());
            continue;
        };
        let (found, is_file) = files_at(&mut rest, &place);
        let (own, others, is_own_covered) = member.check(found, is_file)?;
        for path in others {
            let reason = format!("the manifest does not list it as a file of '{label}', so no digest covers it");
            leave(&format!("{place}/{path}"), "unlisted", reason);
        }
        match member.known_kind() {
            None => leave(&label, "kind", format!("a collection has no kind '{}'", shown(&member.kind))),
            Some(_) if own.is_empty() => leave(&label, "no-files", format!("the pack has no files of it at '{place}'")),
            Some(kind) => {
                is_covered &= is_own_covered;
                members.push(Held { kind, member, is_file, files: own });
            }
        }
    }
    let needed = manifest.dependencies.iter().map(|name| OldLeft {
        name: shown(name),
        id: "dependency",
        reason: "the pack needs another pack of this name, which is not looked for".to_owned(),
    });
    left.extend(needed);
    left.extend(rest.into_keys().map(|path| OldLeft {
        name: path.to_string(),
        id: "no-member",
        reason: "the manifest names nothing that it belongs to".to_owned(),
    }));
    let meaning = if is_covered && !members.is_empty() { OldLevel::Intact } else { OldLevel::Unverified };
    let report = OldReport {
        format,
        name: manifest.name,
        version: manifest.version,
        author: manifest.author,
        created: manifest.created,
        claimed_signer: manifest.claimed_signer,
        level: meaning.number(),
        meaning,
        pack,
        size,
        holds: members.iter().map(Held::shown).collect(),
        left,
    };
    Ok(Some(Old { path: path.to_owned(), report, members }))
}

/// Takes out the files at a place, with their paths below it; tells whether the place is one file.
fn files_at(rest: &mut BTreeMap<TreePath, (FileMode, Vec<u8>)>, place: &TreePath) -> (Vec<InstalledFile>, bool) {
    let name = place.file_name().parse::<TreePath>().ok();
    if let (Some((mode, bytes)), Some(name)) = (rest.remove(place), name) {
        return (vec![(name, mode, bytes)], true);
    }
    let below: Vec<(TreePath, TreePath)> = rest
        .range(place.clone()..)
        // Between a folder and what is below it stand names that go on with a character before `/`.
        .take_while(|(path, _)| path.as_str().starts_with(place.as_str()))
        .filter_map(|(path, _)| Some((path.clone(), path.below(place)?.parse().ok()?)))
        .collect();
    let take = |(path, name): (TreePath, TreePath)| rest.remove(&path).map(|(mode, bytes)| (name, mode, bytes));
    (below.into_iter().filter_map(take).collect(), false)
}

impl Held {
    fn shown(&self) -> OldHeld {
        let size = self.files.iter().map(|(_, _, bytes)| bytes.len() as u64).sum();
        OldHeld { name: shown(&self.member.label()), files: self.files.len(), size }
    }
}
