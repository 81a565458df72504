//! What a person follows in a source: a branch, a tag, a range of versions.

use std::collections::BTreeSet;

use crate::git::{GitError, RemoteRef, Repo};
use crate::model::{Oid, tag_version, version_range};

/// A ref of a source, by what a person follows.
pub(super) struct Tip {
    /// Its full name.
    pub(super) name: String,
    pub(super) commit: Oid,
    pub(super) follows: Follows,
}

/// What kind of ref is followed, and with that how it may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Follows {
    /// A branch, which goes forward.
    Branch,
    /// A tag, which stays.
    Tag,
    /// The highest version of a range: to another tag, while those that there were stay. These are their commits.
    Range(BTreeSet<Oid>),
}

/// Returns what is followed, of the refs that a source has.
pub(super) fn tip(refs: &[RemoteRef], followed: Option<&str>) -> Option<Tip> {
    let followed = followed.unwrap_or("HEAD");
    let commit = |found: &RemoteRef| found.peeled.unwrap_or(found.id);
    if let Some(range) = version_range(followed) {
        let version = |found: &RemoteRef| tag_version(found.name.strip_prefix("refs/tags/")?);
        let mut tags: Vec<_> = refs.iter().filter_map(|found| Some((version(found)?, found))).collect();
        tags.retain(|(version, _)| range.matches(version));
        tags.sort_by(|a, b| a.0.cmp(&b.0));
        let (_, highest) = tags.last()?;
        let follows = Follows::Range(tags.iter().map(|(_, found)| commit(found)).collect());
        return Some(Tip { name: highest.name.clone(), commit: commit(highest), follows });
    }
    // In the order in which git looks for a short name.
    let names = [followed.to_owned(), format!("refs/tags/{followed}"), format!("refs/heads/{followed}")];
    let found = names.iter().find_map(|name| refs.iter().find(|found| found.name == *name))?;
    let follows = if found.name.starts_with("refs/tags/") { Follows::Tag } else { Follows::Branch };
    Some(Tip { name: found.name.clone(), commit: commit(found), follows })
}

/// Returns the tags of a repository on this machine, as a remote would list them.
pub(super) fn tags_of(repo: &Repo) -> Result<Vec<RemoteRef>, GitError> {
    let one = |(name, id): (String, Oid)| {
        let peeled = repo.resolve(&name).ok();
        RemoteRef { name, id, peeled }
    };
    Ok(repo.refs_below("refs/tags/")?.into_iter().map(one).collect())
}
