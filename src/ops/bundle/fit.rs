//! What is checked before artifacts are published: strictly, where an `add` only warns.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::prelude::*;

use super::Error;
use super::stored::{LARGE_BYTES, Source};
use super::wish::Export;
use crate::git::{GitError, TreeFile};
use crate::model::{ArtifactRef, Compression, Digest, FileEntry, FileMode, Kind, MANIFEST_PATH, Oid, TreePath};
use crate::ops::collection::{Collection, license_in, license_words};
use crate::pack::held;
use crate::scan::{
    ArtifactFile, Finding, Level, Severity, is_definition, sort_findings, validate_definition, validate_file,
};

/// Id under which a pack that others take for a bomb may be allowed.
const RATIO_FINDING: &str = "bundle.ratio";

/// Most bytes of files for a byte of the pack: above it Claude Code refuses an archive.
const MAX_RATIO: u64 = 50;

/// What is known of artifacts that are fit to be published.
pub(super) struct Fit {
    /// Their files, with their paths in the collection.
    pub(super) files: BTreeMap<TreePath, (FileMode, Oid)>,
    /// The same files with their digests, in byte order of the paths.
    pub(super) entries: Vec<FileEntry>,
    /// The same files as a pack holds them.
    pub(super) held: Vec<FileEntry>,
    /// Licences that their files name.
    pub(super) licenses: BTreeMap<ArtifactRef, String>,
    /// What their files say of their licences, in whatever words.
    pub(super) license_words: BTreeMap<ArtifactRef, String>,
    /// Findings that were allowed and there, sorted: as the user named them, by id alone or with the place: they are recorded in the release.
    pub(super) allowed: Vec<String>,
}

/// Refuses artifacts that break the rules of their kind or hold secrets, unless the finding is allowed.
///
/// Reads every file once, on all processors, and keeps what there is room for in `source`; see [`Source`] for the memory.
///
/// # Errors
/// [`Error::Secret`] before [`Error::Unfit`], with every place.
pub(super) fn check(collection: &Collection, source: &Source, wish: &Export) -> Result<Fit, Error> {
    let Export { artifacts, compression, .. } = wish;
    let lists = artifacts.iter().map(|artifact| collection.files(artifact)).collect::<Result<Vec<_>, _>>()?;
    let looked = look_at_all(source, artifacts, &lists, *compression)?;
    let checked = artifacts.par_iter().zip(&lists).zip(looked);
    let checked = checked.map(|((artifact, list), looked)| conclude(source, artifact, list, looked));
    let checked: Vec<Checked> = checked.collect::<Result<_, _>>()?;
    let (mut used, mut reasons, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
    let (mut entries, mut held) = (Vec::new(), Vec::new());
    let (mut licenses, mut words) = (BTreeMap::new(), BTreeMap::new());
    for (artifact, (findings, own, (license, said))) in artifacts.iter().zip(checked) {
        licenses.extend(license.map(|license| (artifact.clone(), license)));
        words.extend(said.map(|said| (artifact.clone(), said)));
        own.into_iter().for_each(|file| {
            entries.push(file.content);
            held.push(file.held);
        });
        for finding in findings.into_iter().filter(|finding| finding.severity == Severity::Error) {
            let place = place(artifact, &finding.path);
            if let Some(allowed) = wish.allows(finding.id, &place) {
                used.push(allowed);
                continue;
            }
            let text = format!("'{place}': {} [{}]", finding.message, finding.id);
            if finding.id.starts_with("secret.") { secrets.push(text) } else { reasons.push(text) }
        }
    }
    if let Some(ratio) = suspicious_ratio(&entries, &held) {
        if let Some(allowed) = wish.allows(RATIO_FINDING, MANIFEST_PATH) {
            used.push(allowed);
        } else {
            reasons.push(format!(
                "the pack would unpack to {ratio} times its size, and Claude Code refuses archives above {MAX_RATIO}, where \
                 `--compression store` is fine [{RATIO_FINDING}]"
            ));
        }
    }
    if !secrets.is_empty() {
        return Err(Error::Secret(secrets));
    }
    if !reasons.is_empty() {
        return Err(Error::Unfit(reasons));
    }
    used.sort();
    used.dedup();
    let files = lists.into_iter().flatten().map(|file| (file.path, (file.mode, file.id))).collect();
    entries.sort_by(|a: &FileEntry, b| a.path.cmp(&b.path));
    Ok(Fit { files, entries, held, licenses, license_words: words, allowed: used })
}

/// Returns how many times larger than their pack the files are, where clients would take it for a bomb.
fn suspicious_ratio(entries: &[FileEntry], held: &[FileEntry]) -> Option<u64> {
    /// Both headers of an entry, without the names in them (`schema/pack.md`, section 4).
    const HEADERS: u64 = 30 + 46;
    let content: u64 = entries.iter().map(|entry| entry.size).sum();
    let pack: u64 = held.iter().map(|entry| entry.size + HEADERS + 2 * entry.path.as_str().len() as u64).sum();
    (content > pack.saturating_mul(MAX_RATIO)).then(|| content / pack.max(1))
}

/// Findings, files, and the licence: as an expression, and as it stands there.
type Checked = (Vec<Finding>, Vec<Hashed>, (Option<String>, Option<String>));

/// A file as it is and as a pack holds it.
pub(super) struct Hashed {
    pub(super) content: FileEntry,
    pub(super) held: FileEntry,
}

impl Hashed {
    /// Hashes a file; twice only where a pack holds other bytes.
    pub(super) fn of(path: &TreePath, mode: FileMode, bytes: &[u8], compression: Compression) -> Self {
        let entry =
            |bytes: &[u8]| FileEntry { path: path.clone(), mode, size: bytes.len() as u64, sha256: Digest::of(bytes) };
        let content = entry(bytes);
        let held = match held(path.as_str(), bytes, compression) {
            Cow::Borrowed(_) => content.clone(),
            Cow::Owned(deflated) => entry(&deflated),
        };
        Self { content, held }
    }
}

/// What was found in one file, and the file.
type Looked = (Vec<Finding>, Hashed);

/// Checks and hashes the files of all artifacts, one at a time on each thread, in the order that suits the repository.
fn look_at_all(
    source: &Source,
    artifacts: &[ArtifactRef],
    lists: &[Vec<TreeFile>],
    compression: Compression,
) -> Result<Vec<Vec<Looked>>, GitError> {
    let files: Vec<(&ArtifactRef, &TreeFile)> = artifacts
        .iter()
        .zip(lists)
        .flat_map(|(artifact, list)| list.iter().map(move |file| (artifact, file)))
        .collect();
    let ids: Vec<Oid> = files.iter().map(|(_, file)| file.id).collect();
    let order = source.cheapest_order(&ids);
    let looked = order.par_iter().map(|at| look(source, files[*at].0, files[*at].1, compression));
    let looked = looked.collect::<Result<Vec<_>, GitError>>()?;
    let mut by_place: Vec<_> = order.into_iter().zip(looked).collect();
    by_place.sort_unstable_by_key(|(at, _)| *at);
    let mut looked = by_place.into_iter().map(|(_, looked)| looked);
    Ok(lists.iter().map(|list| looked.by_ref().take(list.len()).collect()).collect())
}

fn look(
    source: &Source,
    artifact: &ArtifactRef,
    file: &TreeFile,
    compression: Compression,
) -> Result<Looked, GitError> {
    let path = below(artifact, &file.path);
    source.look(file.id, |bytes| {
        let found = || validate_file(artifact.kind, &(path.clone(), file.mode, bytes), Level::Strict);
        let hash = || Hashed::of(&file.path, file.mode, bytes, compression);
        if bytes.len() < LARGE_BYTES {
            return (found(), hash());
        }
        // On threads of their own: those of the pool might wait here for one another.
        std::thread::scope(|scope| {
            let hashed = scope.spawn(hash);
            (found(), hashed.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    })
}

/// Puts together what was found in the files of one artifact, and looks at what they say of it as a whole: of all but those that
/// say what it is, no content is needed.
fn conclude(
    source: &Source,
    artifact: &ArtifactRef,
    list: &[TreeFile],
    looked: Vec<Looked>,
) -> Result<Checked, GitError> {
    let mut contents = Vec::with_capacity(list.len());
    for file in list {
        let path = below(artifact, &file.path);
        let is_definition = is_definition(artifact.kind, &path);
        let content = if is_definition { source.look(file.id, <[u8]>::to_vec)? } else { Vec::new() };
        contents.push((path, content));
    }
    let seen: Vec<ArtifactFile<'_>> = (list.iter().zip(&contents))
        .map(|(file, (path, content))| (path.clone(), file.mode, content.as_slice()))
        .collect();
    let mut findings = validate_definition(artifact, &seen, Level::Strict);
    let main = list.iter().position(|file| file.path == artifact.main_path());
    let license = main.map(|at| (license_in(seen[at].2), license_words(seen[at].2))).unwrap_or_default();
    let mut entries = Vec::with_capacity(list.len());
    for (found, hashed) in looked {
        findings.extend(found);
        entries.push(hashed);
    }
    sort_findings(&mut findings);
    Ok((findings, entries, license))
}

/// Returns the path in the bundle of a file of an artifact.
fn place(artifact: &ArtifactRef, below: &TreePath) -> String {
    match artifact.kind {
        Kind::Agent | Kind::Command => artifact.path().to_string(),
        _ => format!("{}/{below}", artifact.path()),
    }
}

/// Returns the path of a file below its artifact; the file's own name for an agent or a command.
pub(super) fn below(artifact: &ArtifactRef, path: &TreePath) -> TreePath {
    let name = match artifact.kind {
        Kind::Agent | Kind::Command => path.file_name(),
        _ => path.below(&artifact.path()).unwrap_or(path.as_str()),
    };
    name.parse().unwrap_or_else(|_| path.clone())
}
