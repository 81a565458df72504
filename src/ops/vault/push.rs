//! `vault push`: a release and the index that names it, in one atomic push.

use std::hash::{BuildHasher as _, Hasher as _};
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::add::lock;
use super::init::write_tree;
use super::{Error, INDEX_REF, Vault, store};
use crate::git::{Expect, GitError, Identity, PushUpdate, RefChange, RemoteRef, Repo};
use crate::model::{IndexedRelease, MAX_INDEX_BYTES, Oid, TreePath, VAULT_FORMAT, VaultIndex};
use crate::ops::Context;
use crate::ops::bundle::{self, Place, write_objects};
use crate::ops::collection::Collection;
use crate::trust::ReleaseContent;

/// How often a push is tried again when others publish in the same moment.
const MAX_TRIES: u32 = 8;

/// Longest pause after the first lost race, in milliseconds; it doubles with each.
const FIRST_PAUSE_MS: u64 = 50;

/// What `vault push` did.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pushed {
    /// The vault.
    pub vault: Vault,
    /// The release.
    pub release: String,
    /// Id of its tag object.
    pub tag: String,
    /// Whether the vault had exactly this already.
    pub already_there: bool,
    /// How often it was tried.
    pub tries: u32,
}

/// Publishes a release of the collection; `what` is `NAME` for the newest, `NAME@VERSION` or the tag.
///
/// The release is verified first, as every reader will. Tag and index move together or not at all; whoever loses a
/// race looks again and tries again.
///
/// # Errors
/// [`Error::Taken`] when the vault has this version with other content, [`Error::Raced`], [`Error::Bundle`] for a
/// release that is not verified, [`Error::Git`] with `Net`.
pub fn push(context: &Context, collection: &Collection, name: &str, what: &str) -> Result<Pushed, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let vault = Vault::find(context, name)?;
    let found = bundle::find(&Place::Repository(&collection.repo, what.to_owned()))?;
    let verified = bundle::verify(context, &found)?;
    let content = verified.get();
    // Nothing is written for a vault that could not be asked anyway.
    context.network()?;
    let _lock = lock(context, &vault.name)?;
    let mut repo = store(context, &vault)?;
    repo.gather();
    write_objects(context, &repo, found.evidence.as_ref(), &verified)?;
    let done = |already_there, tries| Pushed {
        vault: vault.clone(),
        release: content.release.to_string(),
        tag: content.tag_id.to_string(),
        already_there,
        tries,
    };
    for tries in 1..=MAX_TRIES {
        context.progress.step("publishing", u64::from(tries), None);
        let offered = vault.remote().list(context.network()?, &[])?;
        let at = |name: &str| offered.iter().find(|found: &&RemoteRef| found.name == name).map(|found| found.id);
        match at(&content.release.ref_name()) {
            Some(id) if id == content.tag_id => return Ok(done(true, tries)),
            Some(_) => return Err(Error::Taken(content.release.clone())),
            None => {}
        }
        let main = at(INDEX_REF).ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
        repo.fetch(context.network()?, &vault.remote(), &[(INDEX_REF.to_owned(), INDEX_REF.to_owned())], None)?;
        if repo.find_ref(INDEX_REF)? != Some(main) {
            continue;
        }
        let index = next_index(&repo, main, content, who)?;
        repo.flush()?;
        match repo.push(context.network()?, &vault.remote(), &updates(content, main, index)) {
            Ok(()) => {
                record(&repo, content, main, index, who)?;
                context.make_durable(repo.git_folder())?;
                return Ok(done(false, tries));
            }
            Err(GitError::Rejected { .. }) => std::thread::sleep(pause(tries)),
            Err(other) => return Err(other.into()),
        }
    }
    Err(Error::Raced { vault: vault.name, tries: MAX_TRIES })
}

fn updates(content: &ReleaseContent, main: Oid, index: Oid) -> [PushUpdate; 2] {
    [
        PushUpdate { name: content.release.ref_name(), new: content.tag_id, old: None },
        PushUpdate { name: INDEX_REF.to_owned(), new: index, old: Some(main) },
    ]
}

/// Makes the commit of the index with this release in it.
fn next_index(repo: &Repo, main: Oid, content: &ReleaseContent, who: &Identity) -> Result<Oid, Error> {
    let tree = repo.commit(main)?.tree;
    let read = |name: &str| -> Result<Option<Vec<u8>>, Error> {
        let path: TreePath = name.parse().map_err(GitError::from)?;
        let entry = repo.entry_at(tree, &path)?;
        Ok(entry.map(|entry| repo.blob(entry.id, MAX_INDEX_BYTES)).transpose()?)
    };
    let mut index = match read("index.toml")? {
        Some(bytes) => VaultIndex::parse(&bytes)?,
        None => VaultIndex { format: VAULT_FORMAT, releases: Vec::new() },
    };
    let text = String::from_utf8_lossy(&read("vault.toml")?.unwrap_or_default()).into_owned();
    let name =
        text.parse::<toml_edit::DocumentMut>().ok().and_then(|file| file.get("name")?.as_str().map(str::to_owned));
    index.insert(IndexedRelease {
        bundle: content.release.bundle.clone(),
        version: content.release.version.clone(),
        tag: content.tag_id.to_string(),
        tree: content.digest,
        license: content.manifest.license.clone(),
        description: content.manifest.description.clone(),
    });
    let tree = write_tree(repo, Some(tree), name.as_deref().unwrap_or("vault"), &index)?;
    Ok(repo.write_commit(tree, &[main], &format!("Publish {}\n", content.release), who)?)
}

/// Moves our own refs to where the vault's are now.
fn record(repo: &Repo, content: &ReleaseContent, main: Oid, index: Oid, who: &Identity) -> Result<(), Error> {
    let name = content.release.ref_name();
    let mut changes = vec![RefChange { name: INDEX_REF.to_owned(), new: Some(index), expect: Expect::At(main) }];
    if repo.find_ref(&name)?.is_none() {
        changes.push(RefChange { name, new: Some(content.tag_id), expect: Expect::Absent });
    }
    Ok(repo.change_refs(&changes, "skillmeat: vault push", who)?)
}

/// Returns a random pause, so that those who lost the same race do not meet again.
fn pause(tries: u32) -> Duration {
    let longest = FIRST_PAUSE_MS << tries.min(6);
    // The seed of a hash map is random for each process and call.
    let random = std::hash::RandomState::new().build_hasher().finish();
    Duration::from_millis(random % longest)
}
