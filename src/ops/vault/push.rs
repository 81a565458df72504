//! `vault push`: a release, its entry in the ledger and the index that names it, in one atomic push.

use schemars::JsonSchema;
use serde::Serialize;

use super::append::{Addition, From, append, open_to_change};
use super::init::write_texts;
use super::ledger::file;
use super::{Error, INDEX_REF, Vault};
use crate::git::{GitError, Identity, PushUpdate, Repo};
use crate::model::{EntryBody, IndexedRelease, MAX_INDEX_BYTES, Oid, TreePath, VAULT_FORMAT, VaultIndex};
use crate::ops::Context;
use crate::ops::bundle::{self, Place, write_objects};
use crate::ops::collection::Collection;
use crate::signature::{GIT_NAMESPACE, RawTag, signed_by};
use crate::trust::{Ledger, ReleaseContent};

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
    /// Number of its entry in the ledger, where it was made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// How often it was tried.
    pub tries: u32,
}

/// Publishes a release of the collection; `what` is `NAME` for the newest, `NAME@VERSION` or the tag.
///
/// The release is verified first, as every reader will. Tag, ledger and index move together or not at all; whoever loses a
/// race looks again and tries again.
///
/// # Errors
/// [`Error::Taken`] when the vault has this version with other content, [`Error::Refused`] when the ledger does not let this
/// user publish it, [`Error::Raced`], [`Error::Bundle`] for a release that is not verified, [`Error::Git`] with `Net`.
pub fn push(context: &Context, collection: &Collection, name: &str, what: &str) -> Result<Pushed, Error> {
    let who = context.identity.as_ref().ok_or(Error::NoIdentity)?;
    let vault = Vault::find(context, name)?;
    let found = bundle::find(context, &Place::Repository(&collection.repo, what.to_owned(), None))?;
    let verified = bundle::verify(context, &found, None, &[])?;
    let content = verified.get();
    let pack = bundle::pack_digest(context, &collection.repo, content.tag_id, content.manifest.compression)?;
    let body = EntryBody::Publish {
        release: content.release.clone(),
        tag: content.tag_id,
        tree: content.digest,
        pack: Some(pack),
        license: content.manifest.license.clone(),
    };
    let (opened, _lock) = open_to_change(context, &vault.name)?;
    write_objects(context, &opened.repo, found.evidence.as_ref(), &verified)?;
    let added = append(context, &opened, From::Index, &|now| {
        let listed = now.ledger.tag_of(&content.release);
        if listed.is_some_and(|tag| tag != content.tag_id) {
            return Err(Error::Taken(content.release.clone()));
        }
        // A vault with ten thousand tags is not asked for all of them: what the ledger does not list should not be there, and
        // the push says so. Only where that was refused is there a reason to look.
        let there = if listed.is_some() || now.tries > 1 { now.tag(&content.release)? } else { None };
        match there {
            Some(id) if id != content.tag_id => return Err(Error::Taken(content.release.clone())),
            Some(_) if listed.is_some() => return Ok(None),
            // A tag without its entry was put there by other means, and gets one.
            _ => {}
        }
        check_signer(now.ledger, content)?;
        let main = now.index.ok_or_else(|| Error::NotAVault(vault.url.clone()))?;
        let index = next_index(now.repo, now.ledger, main, content, who)?;
        let mut refs = vec![PushUpdate { name: INDEX_REF.to_owned(), new: index, old: Some(main) }];
        if there.is_none() {
            refs.push(PushUpdate { name: content.release.ref_name(), new: content.tag_id, old: None });
        }
        Ok(Some(Addition { body: body.clone(), tree: None, refs }))
    })?;
    Ok(Pushed {
        vault,
        release: content.release.to_string(),
        tag: content.tag_id.to_string(),
        already_there: added.number.is_none(),
        number: added.number,
        tries: added.tries,
    })
}

/// Refuses what no reader would take: the entry may be this user's to make, and the tag signed by someone else.
fn check_signer(ledger: &Ledger, content: &ReleaseContent) -> Result<(), Error> {
    let tag = RawTag::parse(&content.tag).map_err(bundle::Error::from)?;
    let key =
        signed_by(tag.payload(), tag.signature(), GIT_NAMESPACE).map_err(|_| Error::Taken(content.release.clone()))?;
    Ok(ledger.check_publisher(&content.release, &key)?)
}

/// Makes the commit of the index with this release in it.
fn next_index(repo: &Repo, ledger: &Ledger, main: Oid, content: &ReleaseContent, who: &Identity) -> Result<Oid, Error> {
    let tree = repo.commit(main)?.tree;
    let read = |name: &str| -> Result<Option<Vec<u8>>, Error> {
        let path: TreePath = name.parse().map_err(GitError::from)?;
        let entry = repo.entry_at(tree, &path)?;
        Ok(entry.map(|entry| repo.blob(entry.id, MAX_INDEX_BYTES)).transpose()?)
    };
    let text = String::from_utf8_lossy(&file(repo, ledger, "vault.toml")?).into_owned();
    let name =
        text.parse::<toml_edit::DocumentMut>().ok().and_then(|file| file.get("name")?.as_str().map(str::to_owned));
    let name = name.as_deref().unwrap_or("vault");
    let release = IndexedRelease {
        bundle: content.release.bundle.clone(),
        version: content.release.version.clone(),
        tag: content.tag_id.to_string(),
        tree: content.digest,
        license: content.manifest.license.clone(),
        description: content.manifest.description.clone(),
    };
    let (before, page) = (read("index.toml")?, read("README.md")?);
    let as_text =
        |bytes: &Option<Vec<u8>>| bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok().map(str::to_owned));
    let put = as_text(&before).zip(as_text(&page));
    let put = put.and_then(|(index, page)| VaultIndex::texts_with(&index, &page, name, &release));
    let (index, page) = match (put, before) {
        (Some(texts), _) => texts,
        (None, before) => {
            let empty = || VaultIndex { format: VAULT_FORMAT, releases: Vec::new() };
            let mut index = before.map_or_else(|| Ok(empty()), |bytes| VaultIndex::parse(&bytes))?;
            index.insert(release);
            (index.render(), index.readme(name))
        }
    };
    let tree = write_texts(repo, Some(tree), &index, &page)?;
    Ok(repo.write_commit(tree, &[main], &format!("Publish {}\n", content.release), who)?)
}
