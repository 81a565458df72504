//! Where artifacts came from, and how those places stand now: one look for `status` and `update`.
//!
//! Each repository is asked once, all of them at the same time, and fetched only when what is followed has moved.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::compared::{Compared, UpstreamCommit};
use super::origin::{Origin, Place, source};
use super::source::{Opened, SourceFile, open};
use super::take::{entries, license};
use super::tips::{Follows, tags_of, tip};
use super::unbased::{found, missing};
use super::{Collection, Error, pristine};
use crate::git::{GitError, Remote, RemoteRef};
use crate::model::{ArtifactRef, Digest, Location, Oid, tree_digest};
use crate::ops::Context;

/// Repositories that are asked at the same time: more would look like an attack to a forge.
const ASKED_AT_ONCE: usize = 8;

/// How the upstream of an artifact stands to the state that was taken from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Upstream {
    /// Nobody asked.
    NotChecked,
    /// It has nothing new for this artifact.
    Current,
    /// It has something new.
    Behind {
        /// Its newest commit; absent for a folder without git.
        #[serde(skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// The commits that changed the artifact since, newest first, at most 100.
        commits: Vec<UpstreamCommit>,
    },
    /// It was adopted, and the state that was taken from the upstream is not recorded: nothing is said of what is new
    /// until `update` has compared.
    NoBase {
        /// The upstream's newest commit; absent for a folder without git.
        #[serde(skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// Whether the upstream has exactly what is here.
        same: bool,
        /// Whether the commit that the other manager recorded is there to merge from.
        mergeable: bool,
    },
    /// The tag followed is at another commit than it was: tags are not meant to move.
    TagMoved {
        /// Where it was.
        from: String,
        /// Where it is.
        to: String,
    },
    /// The commit that was taken is not in the history of what is followed: the history was rewritten, or this is
    /// another repository under the same address.
    Rewritten {
        /// Where the history ended.
        from: String,
        /// Where it ends now.
        to: String,
    },
    /// The vault followed has a newer release of the bundle.
    NewRelease {
        /// The release that is here.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The newest release in the range.
        to: String,
    },
    /// The release that is here was taken back, and the vault has no newer one in the range.
    TakenBack {
        /// The release.
        release: String,
        /// Why.
        reason: String,
    },
    /// The ref followed is not there any more.
    RefGone,
    /// The artifact is not there any more.
    Gone {
        /// Where an artifact of the same name is now, if there is exactly one.
        #[serde(skip_serializing_if = "Option::is_none")]
        moved_to: Option<String>,
    },
    /// `collection.toml` names an address on this machine, or an unprotected one, that nobody here has typed.
    NotAllowed {
        /// The address.
        address: String,
    },
    /// It could not be asked.
    CannotCheck {
        /// Why.
        reason: String,
    },
}

impl Upstream {
    /// Returns the address that is not followed until it is allowed.
    pub fn not_allowed(&self) -> Option<&str> {
        match self {
            Upstream::NotAllowed { address } => Some(address),
            _ => None,
        }
    }

    /// Says whether it was asked and could not answer; what it has is then not known.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Upstream::NotAllowed { .. } | Upstream::CannotCheck { .. })
    }
}

/// Whether a history that is not the one that was seen is taken all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewritten {
    /// Moved tags and rewritten histories are told and not looked into.
    Refuse,
    /// The user has agreed to them.
    Accept,
}

/// The new state of an artifact at its upstream.
pub(super) struct News {
    /// The address that it was read from.
    pub(super) upstream: String,
    /// What is followed there; `HEAD` for none.
    pub(super) reference: String,
    /// Commit that it was read from.
    pub(super) commit: Option<Oid>,
    /// Its place in the source; `.` is the root.
    pub(super) path: String,
    /// The server there, where a place has several.
    pub(super) server: Option<String>,
    /// Its files, with their paths below it.
    pub(super) content: Vec<SourceFile>,
    /// Tree digest over its files, with their paths in the collection.
    pub(super) digest: Digest,
    /// Licence it names.
    pub(super) license: Option<String>,
    /// The state that was taken before, where the collection does not have it.
    pub(super) base: Option<Vec<SourceFile>>,
}

/// What was seen of one artifact.
pub(super) struct Seen {
    pub(super) artifact: ArtifactRef,
    pub(super) upstream: Upstream,
    /// There with [`Upstream::Behind`] only.
    pub(super) news: Option<News>,
}

/// Looks at the upstreams of artifacts, those without one left out. The collection is not touched.
///
/// # Errors
/// [`GitError::NoProgram`] and the like; an upstream that cannot be asked is no error but a state.
pub(super) fn look(
    context: &Context,
    collection: &Collection,
    artifacts: &[ArtifactRef],
    rewritten: Rewritten,
) -> Result<Vec<Seen>, Error> {
    let mut places: BTreeMap<Place, Vec<Origin>> = BTreeMap::new();
    let mut found = Vec::new();
    for artifact in artifacts {
        let Some(mut origin) = Origin::of(&collection.manifest, &collection.lock, artifact) else { continue };
        let recorded = pristine::newest(collection, artifact)?;
        origin.compare(&recorded);
        if let Err(error) = origin.place().and_then(|_| pristine::allow(context, &origin, &recorded)) {
            let state = match error {
                Error::NotAllowed { address, .. } => Upstream::NotAllowed { address },
                error => Upstream::CannotCheck { reason: with_causes(&error) },
            };
            found.push(seen(&origin, state));
            continue;
        }
        places.entry((origin.url.clone(), origin.entry.reference.clone())).or_default().push(origin);
    }
    let answers = ask(context, places.keys().map(|(url, _)| url.as_str()).collect())?;
    let total = places.len() as u64;
    for (index, (place, origins)) in places.iter().enumerate() {
        context.progress.step("looking at upstreams", index as u64, Some(total));
        found.extend(look_at(context, collection, place, origins, &answers, rewritten));
    }
    found.sort_by(|a, b| a.artifact.cmp(&b.artifact));
    Ok(found)
}

type Answers = BTreeMap<String, Result<Vec<RemoteRef>, String>>;

/// Asks each repository that is not on this machine what refs it has.
fn ask(context: &Context, urls: BTreeSet<&str>) -> Result<Answers, Error> {
    let is_remote = |url: &&str| {
        let source = source(context, &((*url).to_owned(), None));
        source.is_ok_and(|source| matches!(source.location, Location::Git { .. }) && !url.starts_with("file://"))
    };
    let urls: Vec<&str> = urls.into_iter().filter(is_remote).collect();
    if urls.is_empty() {
        return Ok(Answers::new());
    }
    if context.offline {
        let unasked = |url: &str| (url.to_owned(), Err(GitError::Offline.to_string()));
        return Ok(urls.into_iter().map(unasked).collect());
    }
    context.progress.step("asking upstreams", 0, None);
    let git = context.git()?;
    let list = |url: &str| {
        let remote = Remote { url: url.to_owned() };
        remote.list(git, &[]).map_err(|error| error.to_string())
    };
    let mut answers = Answers::new();
    for group in urls.chunks(ASKED_AT_ONCE) {
        let asked: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = group.iter().map(|url| scope.spawn(|| list(url))).collect();
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        for (url, answer) in group.iter().zip(asked) {
            let answer = answer.unwrap_or_else(|_| Err("the question was not answered".to_owned()));
            answers.insert((*url).to_owned(), answer);
        }
    }
    Ok(answers)
}

pub(super) fn seen(origin: &Origin, upstream: Upstream) -> Seen {
    Seen { artifact: origin.artifact.clone(), upstream, news: None }
}

fn look_at(
    context: &Context,
    collection: &Collection,
    place: &Place,
    origins: &[Origin],
    answers: &Answers,
    rewritten: Rewritten,
) -> Vec<Seen> {
    let all = |state: Upstream| origins.iter().map(|origin| seen(origin, state.clone())).collect();
    let cannot = |reason: String| Upstream::CannotCheck { reason };
    let mut follows = None;
    if let Some(answer) = answers.get(&place.0) {
        let refs = match answer {
            Ok(refs) => refs,
            Err(reason) => return all(cannot(reason.clone())),
        };
        match tip(refs, place.1.as_deref()) {
            Some(tip) if origins.iter().all(|origin| origin.is_at(tip.commit)) => return all(Upstream::Current),
            Some(tip) => follows = Some(tip.follows),
            // A commit that is followed by its id does not move.
            None if origins.iter().all(|origin| is_pinned(origin, place)) => return all(Upstream::Current),
            None => return all(Upstream::RefGone),
        }
    }
    let haves: Vec<_> = origins.iter().filter_map(|origin| origin.have).collect();
    let opened = source(context, place).and_then(|source| open(context, &source, haves.first().copied()));
    // Of tags it is no matter how they are related.
    let related: &[Oid] = if matches!(follows, None | Some(Follows::Branch)) { &haves } else { &[] };
    let opened = match opened.and_then(|opened| opened.join(related).map(|()| opened)) {
        Ok(opened) => opened,
        Err(Error::Git(GitError::NoCommit(_))) => return all(Upstream::RefGone),
        Err(error) => return all(cannot(with_causes(&error))),
    };
    if let (None, Opened::Git { repo, .. }) = (&follows, &opened) {
        follows = tags_of(repo).ok().and_then(|tags| tip(&tags, place.1.as_deref())).map(|tip| tip.follows);
    }
    let follows = follows.unwrap_or(Follows::Branch);
    let compared = match &opened {
        Opened::Git { repo, commit, tree, .. } => Some(Compared::new(repo, *commit, *tree)),
        Opened::Folder { .. } => None,
    };
    if let Err(error) = bring(&opened, compared.as_ref(), origins) {
        return all(cannot(with_causes(&error)));
    }
    let look = |origin: &Origin| look_into(collection, &opened, compared.as_ref(), origin, &follows, rewritten);
    origins
        .iter()
        .map(|origin| look(origin).unwrap_or_else(|error| seen(origin, cannot(with_causes(&error)))))
        .collect()
}

/// Makes sure that the files of all artifacts that changed are here, by one fetch.
fn bring(opened: &Opened, compared: Option<&Compared>, origins: &[Origin]) -> Result<(), Error> {
    let Some(compared) = compared else { return Ok(()) };
    let mut places = Vec::new();
    for origin in origins {
        // Where it is there may not be recorded; it is then found by its name, and brought when it was.
        let is_known = origin.entry.path.is_some();
        if is_known && !origin.have.is_some_and(|have| compared.is_same(origin, have).unwrap_or(false)) {
            // One that is no place, or holds what none may hold, is told when it is looked into.
            places.extend(origin.place().ok().filter(|place| opened.can_list(place.as_ref())));
        }
    }
    opened.bring(&places.iter().map(Option::as_ref).collect::<Vec<_>>())
}

fn is_pinned(origin: &Origin, place: &Place) -> bool {
    origin.have.is_some_and(|have| origin.is_at(have) && place.1.as_deref() == Some(&have.to_string()))
}

pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

/// Compares what an opened source has now with what was taken from it.
fn look_into(
    collection: &Collection,
    opened: &Opened,
    compared: Option<&Compared>,
    origin: &Origin,
    follows: &Follows,
    rewritten: Rewritten,
) -> Result<Seen, Error> {
    let mut commits = Vec::new();
    if let (Opened::Git { repo, commit, .. }, Some(compared), Some(have)) = (opened, compared, origin.have) {
        if origin.is_at(*commit) {
            return Ok(seen(origin, Upstream::Current));
        }
        let (from, to) = (have.to_string(), commit.to_string());
        let known = repo.has(have);
        let moved = match follows {
            // Adopted, or named anew by people, and only to be compared.
            _ if *commit == have || origin.is_repinned => false,
            Follows::Tag => true,
            // The version that was taken is still there: a higher one is an update, on whatever branch.
            Follows::Range(commits) => !commits.contains(&have),
            Follows::Branch if !known || !compared.descends_from(have)? => {
                if rewritten == Rewritten::Refuse {
                    return Ok(seen(origin, Upstream::Rewritten { from, to }));
                }
                false
            }
            Follows::Branch => false,
        };
        if moved && rewritten == Rewritten::Refuse {
            return Ok(seen(origin, Upstream::TagMoved { from, to }));
        }
        if known && origin.digest.is_some() && compared.is_same(origin, have)? {
            return Ok(seen(origin, Upstream::Current));
        }
        if known {
            commits = compared.commits(origin, have)?;
        }
    }
    if origin.digest.is_none() {
        return super::unbased::look_into(collection, opened, origin);
    }
    let Some((path, content)) = found(opened, origin)? else {
        return Ok(seen(origin, missing(opened, origin)?));
    };
    let digest = tree_digest(&entries(origin.artifact, &content)?);
    if Some(digest) == origin.digest {
        return Ok(seen(origin, Upstream::Current));
    }
    let base = match (opened, origin.have, origin.tree) {
        (Opened::Git { repo, .. }, Some(have), Some(tree)) if !collection.repo.has(tree) && repo.has(have) => {
            found(&opened.at(have)?, origin)?.map(|(_, content)| content)
        }
        _ => None,
    };
    let commit = opened.commit();
    let (upstream, license) = (origin.url.clone(), license(origin.artifact, &content));
    let reference = origin.reference().to_owned();
    let server = origin.entry.server.clone();
    let news = News { upstream, reference, license, commit, path, server, content, digest, base };
    let upstream = Upstream::Behind { commit: commit.map(|id| id.to_string()), commits };
    Ok(Seen { artifact: origin.artifact.clone(), upstream, news: Some(news) })
}
