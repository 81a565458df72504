//! `export`: artifacts of a collection become a signed release and a pack.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

use super::fit::{Fit, Hashed};
use super::generate::{Facts, generated_files};
use super::origin::Origins;
use super::portable::{TooMuchForSome, too_much_for_some};
use super::said::{Said, said};
use super::stored::{Source, Stored};
use super::texts::license_texts;
use super::wish::Export;
use super::{Error, Signer, discovery, load_trust, minisign, words};
use crate::fsio::new_file_beside;
use crate::git::{Expect, GitError, Identity, RefChange, Repo};
use crate::model::{
    ArtifactRef, BundleManifest, BundleName, Compression, Digest, FileEntry, FileMode, MANIFEST_PATH, Oid, Release,
    TreePath, tree_digest,
};
use crate::ops::audit::{self, Event};
use crate::ops::collection::{self, Collection};
use crate::ops::{Context, Durability};
use crate::pack::{PackError, packed_digest};
use crate::signature::{GIT_NAMESPACE, RawTag, Tagger, attach, tag_payload};
use crate::trust::{Authority, Evidence as _, REPO_TRAILER, TREE_TRAILER, verify};

/// What `export` made.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Exported {
    /// The release; also the name of its tag.
    pub release: String,
    /// Id of the tag object.
    pub tag: String,
    /// Id of the commit.
    pub commit: String,
    /// Tree digest of all files.
    pub digest: Digest,
    /// Whether the tag is new: the same release exported again gives the same pack.
    pub new_tag: bool,
    /// The pack.
    pub pack: PathBuf,
    /// Its size, in bytes.
    pub pack_size: u64,
    /// Its SHA-256.
    pub pack_digest: Digest,
    /// The artifacts in it.
    pub artifacts: Vec<ArtifactRef>,
    /// Number of files.
    pub files: usize,
    /// What of it is above what other readers take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub too_much_for_some: Vec<TooMuchForSome>,
    /// The signature of minisign beside the pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minisig: Option<PathBuf>,
}

/// Exports artifacts of the last commit as a release: objects first, then the pack beside its place, then the tag,
/// then the pack's name.
///
/// # Errors
/// [`Error::NoSigningKey`], [`Error::Sign`], [`Error::Taken`] when the version exists with other content,
/// [`Error::Empty`], [`Error::Unfit`]. No tag and no pack is there then.
pub fn export(context: &Context, collection: &Collection, wish: &Export) -> Result<Exported, Error> {
    if wish.artifacts.is_empty() {
        return Err(Error::Empty);
    }
    let release = Release { bundle: wish.bundle.clone(), version: wish.version.clone() };
    let release: Release = release.to_string().parse()?;
    context.progress.step("checking artifacts", 0, None);
    let source = Source::keeping(&collection.repo, &context.limits, Some(collection.repo.git_folder()));
    let mut fit = super::fit::check(collection, &source, wish)?;
    let mut allowed = std::mem::take(&mut fit.allowed);
    let tree = Tree::build(context, collection, wish, &release, fit)?;
    allowed.extend(tree.allowed.iter().cloned());
    allowed.sort();
    allowed.dedup();
    let (tag_id, new_tag) = match collection.repo.find_ref(&release.ref_name())? {
        Some(tag_id) => (check_existing(context, &collection.repo, tag_id, &release, tree.digest)?, false),
        None => (sign(context, collection, &release, &tree, &allowed)?, true),
    };
    collection.repo.flush()?;
    context.progress.step("writing the pack", 0, None);
    let stored = Stored::read_through(&collection.repo, tag_id, source)?;
    let (mut pack, written) = write(&stored, wish)?;
    let minisig = minisign::sign(&mut pack, wish, &release, tree.digest)?;
    if context.durability == Durability::Synced {
        pack.sync()?;
        minisig.as_ref().map(|(file, _)| file.sync()).transpose()?;
    }
    context.make_durable(collection.repo.git_folder())?;
    if new_tag {
        let who = context.identity.as_ref().ok_or(collection::Error::NoIdentity)?;
        let change = RefChange { name: release.ref_name(), new: Some(tag_id), expect: Expect::Absent };
        let subject = release.to_string();
        let event = Event { action: "export", artifacts: &wish.artifacts, subject: &subject };
        let entry = audit::next(context, &collection.repo, &event)?;
        collection.repo.flush()?;
        let changes: Vec<_> = entry.into_iter().chain([change]).collect();
        collection.repo.change_refs(&changes, "skillmeat: export", who)?;
    }
    pack.keep_as(&wish.output)?;
    let minisig = minisig.map(|(file, path)| file.keep_as(&path).map(|()| path)).transpose()?;
    context.make_durable(collection.repo.git_folder())?;
    let unpacked = stored.files().iter().map(|file| file.size).sum();
    Ok(Exported {
        too_much_for_some: too_much_for_some(written.size, unpacked, stored.files().len()),
        release: release.to_string(),
        tag: tag_id.to_string(),
        commit: commit_of(&stored)?.to_string(),
        digest: tree.digest,
        new_tag,
        pack: wish.output.clone(),
        pack_size: written.size,
        pack_digest: written.digest,
        artifacts: wish.artifacts.clone(),
        files: stored.files().len(),
        minisig,
    })
}

/// The tree of a release.
struct Tree {
    id: Oid,
    digest: Digest,
    /// Findings on the whole that were allowed and there, as the user named them.
    allowed: Vec<String>,
}

impl Tree {
    /// Puts together the artifacts' files, those that make it a plugin, and the manifest.
    fn build(
        context: &Context,
        collection: &Collection,
        wish: &Export,
        release: &Release,
        fit: Fit,
    ) -> Result<Self, Error> {
        let repo = &collection.repo;
        let Fit { mut files, mut entries, mut held, licenses, license_words, .. } = fit;
        let origins = Origins::read(collection, &wish.artifacts);
        let Said { artifacts, bundles, license, mut allowed } =
            said(collection, wish, release, &origins, &entries, (&licenses, &license_words))?;
        let description = description(collection, wish);
        let facts = Facts {
            wish,
            description: &description,
            license: &license,
            author: context.identity.as_ref(),
            artifacts: &artifacts,
            bundles: &bundles,
        };
        let copies = if wish.discovery { discovery::copies(&wish.artifacts, &files)? } else { Vec::new() };
        for (copy, of) in copies {
            for list in [&mut entries, &mut held] {
                let original = list.iter().find(|entry| entry.path == of).cloned();
                list.extend(original.map(|entry| FileEntry { path: copy.clone(), ..entry }));
            }
            files.extend(files.get(&of).copied().map(|file| (copy, file)));
        }
        let mut generated = generated_files(collection, &facts, &files)?;
        generated.extend(license_texts(collection, &origins, release)?);
        // A skill's own licence at the root is that of the bundle.
        generated.retain(|(path, _)| !files.contains_key(path));
        allowed.extend(words::check(&facts, &generated)?);
        for (path, bytes) in generated {
            let id = repo.write_blob(&bytes)?;
            let hashed = Hashed::of(&path, FileMode::Regular, &bytes, wish.compression);
            entries.push(hashed.content);
            held.push(hashed.held);
            files.insert(path, (FileMode::Regular, id));
        }
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        let manifest = BundleManifest {
            name: wish.bundle.clone(),
            version: wish.version.clone(),
            description,
            license,
            compression: wish.compression,
            packed: (wish.compression == Compression::Deflate).then(|| packed_digest(&held)),
            dependencies: wish.dependencies.clone(),
            artifacts,
            files: entries.clone(),
        };
        manifest.check()?;
        let text = manifest.render();
        let path: TreePath = MANIFEST_PATH.parse().map_err(GitError::from)?;
        entries.push(Hashed::of(&path, FileMode::Regular, text.as_bytes(), wish.compression).content);
        files.insert(path, (FileMode::Regular, repo.write_blob(text.as_bytes())?));
        let id = repo.edit_tree(None, files.iter().map(|(path, file)| (path, Some(*file))))?;
        Ok(Self { id, digest: tree_digest(&entries), allowed })
    }
}

fn description(collection: &Collection, wish: &Export) -> String {
    let named = wish.description.clone().or_else(|| collection.manifest.description.clone());
    named.unwrap_or_else(|| {
        let names: Vec<_> = wish.artifacts.iter().take(5).map(|artifact| artifact.name.as_str()).collect();
        let more = wish.artifacts.len() - names.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}", names.join(", "))
    })
}

/// Signs the release and writes its commit and tag objects; no ref moves yet.
///
/// All times are those of the collection's commit, so that the same commit gives the same release.
fn sign(
    context: &Context,
    collection: &Collection,
    release: &Release,
    tree: &Tree,
    allowed: &[String],
) -> Result<Oid, Error> {
    let repo = &collection.repo;
    let who = context.identity.as_ref().ok_or(collection::Error::NoIdentity)?;
    let signer = Signer::of(context)?;
    let head = repo.head_commit()?;
    let who: Identity = who.at(repo.commit(head)?.seconds);
    let title = format!("{} {}", release.bundle, release.version);
    let allowed: String = allowed.iter().map(|id| format!("Skillmeat-Allowed: {id}\n")).collect();
    let commit = repo.write_commit(tree.id, &[], &format!("{title}\n\nSkillmeat-Source: {head}\n{allowed}"), &who)?;
    let repo_id = Digest::of(&repo.raw_commit(repo.root_commit(head)?)?);
    let message = format!("{title}\n\n{REPO_TRAILER}: {repo_id}\n{TREE_TRAILER}: {}\n", tree.digest);
    let tagger = Tagger {
        name: &who.committer.name,
        mail: &who.committer.email,
        time_unix: u64::try_from(who.seconds).unwrap_or(0),
        offset_minutes: 0,
    };
    let payload = tag_payload(&commit, &release.to_string(), tagger, &message)?;
    let armour = signer.sign(GIT_NAMESPACE, &payload)?;
    Ok(repo.write_raw(gix::object::Kind::Tag, &attach(&payload, &armour))?)
}

/// Refuses to make a version again with other content.
fn check_existing(
    context: &Context,
    repo: &Repo,
    tag_id: Oid,
    release: &Release,
    digest: Digest,
) -> Result<Oid, Error> {
    let stored = Stored::read(repo, tag_id, &context.limits)?;
    let verified = verify(&stored, Some(release), &Authority::of(&load_trust(context)?, None))?;
    if verified.get().digest == digest { Ok(tag_id) } else { Err(Error::Taken(release.clone())) }
}

/// Returns the commit that the tag of a release points to.
fn commit_of(stored: &Stored) -> Result<Oid, Error> {
    let raw = stored.tag().unwrap_or_default();
    Ok(RawTag::parse(&raw)?.target())
}

fn write(stored: &Stored, wish: &Export) -> Result<(crate::fsio::NewFile, crate::pack::Written), Error> {
    let write = || -> Result<_, Error> {
        let mut pack = new_file_beside(&wish.output)?;
        let written = stored.write_pack(wish.compression, pack.writer())?;
        Ok((pack, written))
    };
    let written = write();
    let is_kept = stored.keep_no_more();
    match written {
        // What was kept may have taken the room of the pack.
        Err(error) if is_kept && is_disk_full(&error) => write(),
        written => written,
    }
}

fn is_disk_full(error: &Error) -> bool {
    let Error::Pack(PackError::Io { source, .. }) = error else { return false };
    matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Returns the name that a pack gets when none is given: `<bundle>-<version>.skillmeat-pack` in `folder`.
pub fn default_output(folder: &Path, bundle: &BundleName, version: &Version) -> PathBuf {
    folder.join(format!("{bundle}-{version}.skillmeat-pack"))
}
