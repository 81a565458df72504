//! What the vault itself offers now, compared with what was seen of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Checked, Depth, Looked, Part, Remedy, Trouble, View, check_all, read_all};
use crate::fsio::scratch_folder;
use crate::git::{Git, GitError, Remote, Repo, Store};
use crate::model::{Class, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::load_trust;
use crate::ops::collection::{git_class, with_causes};
use crate::ops::vault::ledger::LEDGER_REF;
use crate::ops::vault::{Error, INDEX_REF, Vault, upstream};
use crate::trust::{Authority, Ledger, Voucher};

/// Most releases that are looked for one by one when a vault does not give all of them.
const MAX_FAILED: usize = 20;

/// What a vault offers.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Offered {
    /// Number of the newest entry of its ledger.
    pub number: u64,
    /// By how many entries that is ahead of what was seen here.
    pub ahead: u64,
    /// Number of releases that its ledger lists.
    pub listed: usize,
    /// Number of those that it offers as listed.
    pub whole: usize,
    /// Number of tags that its ledger does not list.
    pub unlisted: usize,
    /// Size of what was fetched for this, in bytes; 0 for a vault on this machine.
    pub fetched_bytes: u64,
}

/// A vault's refs, and a repository that has what is behind them.
struct Theirs {
    refs: BTreeMap<String, Oid>,
    source: Source,
    depth: Depth,
    fetched_bytes: u64,
}

enum Source {
    /// A folder on this machine, looked at file by file.
    Here(Box<View>),
    /// What came over the network, in a folder that goes with this value.
    Fetched(Box<Repo>, #[allow(dead_code, reason = "the folder goes when it is dropped")] tempfile::TempDir),
}

impl Source {
    fn repo(&self) -> &Repo {
        match self {
            Source::Here(view) => &view.repo,
            Source::Fetched(repo, _) => repo,
        }
    }
}

/// Returns the folder of a vault that is a repository on this machine.
pub(in crate::ops::vault) fn local_folder(vault: &Vault) -> Option<PathBuf> {
    let path = Path::new(vault.url.strip_prefix("file://").unwrap_or(&vault.url));
    (path.is_absolute() && path.is_dir()).then(|| path.to_owned())
}

/// Asks the vault, and adds what is wrong with it.
pub(in crate::ops::vault) fn ask(
    context: &Context,
    vault: &Vault,
    seen: Option<&Ledger>,
    data: bool,
    checked: &mut Checked,
) -> Result<(), Error> {
    let mut troubles = Vec::new();
    let theirs = match fetch(context, vault, data, &mut troubles) {
        Ok(theirs) => theirs,
        Err(Error::Git(
            error @ (GitError::Net { .. } | GitError::Offline | GitError::Redirected { .. } | GitError::TooMuch { .. }),
        )) => {
            troubles.push(Trouble::new(Part::Vault, git_class(&error), Remedy::Network, with_causes(&error)));
            checked.troubles.append(&mut troubles);
            return Ok(());
        }
        Err(error @ Error::Copy(_)) if error.class() == Class::Net => {
            troubles.push(Trouble::new(Part::Vault, Class::Net, Remedy::Network, with_causes(&error)));
            checked.troubles.append(&mut troubles);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    checked.offered = compare(context, vault, &theirs, seen, &mut troubles)?;
    checked.troubles.append(&mut troubles);
    Ok(())
}

fn fetch(context: &Context, vault: &Vault, data: bool, troubles: &mut Vec<Trouble>) -> Result<Theirs, Error> {
    let git = context.network()?;
    if upstream::store_address(&vault.url)?.is_some() {
        return fetch_from_store(context, vault, troubles);
    }
    if let Some(folder) = local_folder(vault) {
        let folder = if folder.join("HEAD").exists() { folder } else { folder.join(".git") };
        let view = View::of(context, &folder, None)?;
        troubles.extend(view.troubles(Part::Vault, Remedy::VaultSide));
        let refs = view.examined.refs().iter().cloned().collect();
        let depth = if data { Depth::Data } else { Depth::Files };
        return Ok(Theirs { refs, source: Source::Here(Box::new(view)), depth, fetched_bytes: 0 });
    }
    context.progress.step("asking the vault", 0, None);
    let remote = vault.remote();
    let offered = remote.list(git, &[])?;
    let scratch = scratch_folder(&context.scratch)?;
    let store = if data { Store::Whole } else { Store::Partial };
    let repo = Repo::open_store(scratch.path(), "offered.git", store)?;
    let refs: BTreeMap<String, Oid> = offered.into_iter().map(|one| (one.name, one.id)).collect();
    let mut fetched_bytes = 0;
    if refs.contains_key(LEDGER_REF) {
        fetched_bytes += repo.fetch_whole(git, &remote, &[(LEDGER_REF.to_owned(), LEDGER_REF.to_owned())])?;
    }
    let tags: Vec<_> = refs.keys().filter(|name| Release::of_ref(name).is_some()).cloned().collect();
    let mut failed = Vec::new();
    context.progress.step("fetching what it offers", 0, None);
    fetched_bytes += fetch_some(&repo, git, &remote, &tags, &mut failed)?;
    context.fetched(fetched_bytes);
    for (name, reason) in failed {
        let what = format!("the vault lists '{name}' and does not give it: {reason}");
        let trouble = Trouble::new(Part::Vault, Class::Net, Remedy::VaultSide, what).at_path(&name);
        troubles.push(match Release::of_ref(&name) {
            Some(release) => trouble.of_release(&release),
            None => trouble,
        });
    }
    // A vault in one file, or one that is not asked for parts, has sent all.
    let depth = if data { Depth::Data } else { Depth::Trees };
    Ok(Theirs { refs, source: Source::Fetched(Box::new(repo), scratch), depth, fetched_bytes })
}

/// Fetches all from a place in object storage, whose releases are files of their own.
fn fetch_from_store(context: &Context, vault: &Vault, troubles: &mut Vec<Trouble>) -> Result<Theirs, Error> {
    let upstream = vault.upstream(context)?;
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::open_store(scratch.path(), "offered.git", Store::Whole)?;
    let same = |name: &str| (name.to_owned(), name.to_owned());
    let mut fetched_bytes = upstream.fetch_branches(&repo, &[same(LEDGER_REF), same(INDEX_REF)])?;
    let mut refs = BTreeMap::new();
    for name in [LEDGER_REF, INDEX_REF] {
        refs.extend(repo.find_ref(name)?.map(|id| (name.to_owned(), id)));
    }
    for tag in upstream.tags(&repo)? {
        match upstream.fetch_releases(&repo, &[same(&tag.name)]) {
            Ok(bytes) => fetched_bytes += bytes,
            Err(error) => {
                let trouble = Trouble::new(Part::Vault, error.class(), Remedy::Owners, with_causes(&error));
                troubles.push(trouble.at_path(&tag.name));
            }
        }
        refs.insert(tag.name, tag.id);
    }
    context.fetched(fetched_bytes);
    Ok(Theirs { refs, source: Source::Fetched(Box::new(repo), scratch), depth: Depth::Data, fetched_bytes })
}

/// Fetches tags; where that fails, in ever smaller shares, so that those that are damaged are found.
pub(in crate::ops::vault) fn fetch_some(
    repo: &Repo,
    git: &Git,
    remote: &Remote,
    tags: &[String],
    failed: &mut Vec<(String, String)>,
) -> Result<u64, Error> {
    if tags.is_empty() || failed.len() >= MAX_FAILED {
        return Ok(0);
    }
    let wanted: Vec<_> = tags.iter().map(|name| (name.clone(), name.clone())).collect();
    match (repo.fetch(git, remote, &wanted, None), tags) {
        (Ok(bytes), _) => Ok(bytes),
        (Err(GitError::Net { stderr, .. }), [one]) => {
            failed.push((one.clone(), stderr));
            Ok(0)
        }
        (Err(GitError::Net { .. }), several) => {
            let (first, second) = several.split_at(several.len() / 2);
            Ok(fetch_some(repo, git, remote, first, failed)? + fetch_some(repo, git, remote, second, failed)?)
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn compare(
    context: &Context,
    vault: &Vault,
    theirs: &Theirs,
    seen: Option<&Ledger>,
    troubles: &mut Vec<Trouble>,
) -> Result<Option<Offered>, Error> {
    let mut told = |error: &Error| {
        troubles.push(Trouble::new(Part::Vault, error.class(), Remedy::Owners, with_causes(error)));
    };
    let Some(head) = theirs.refs.get(LEDGER_REF) else {
        told(&Error::NotAVault(vault.url.clone()));
        return Ok(None);
    };
    let repo = theirs.source.repo();
    let (ledger, trouble) = read_all(repo, *head, Part::Vault, Remedy::VaultSide);
    troubles.extend(trouble);
    let Some(ledger) = ledger else { return Ok(None) };
    let mut told = |error: &Error| {
        troubles.push(Trouble::new(Part::Vault, error.class(), Remedy::Owners, with_causes(error)));
    };
    if ledger.id() != vault.ledger {
        told(&Error::OtherLedger { vault: vault.name.clone(), known: vault.ledger, found: ledger.id() });
        return Ok(None);
    }
    if let Some(error) = seen.and_then(|seen| contradiction(vault, seen, &ledger)) {
        told(&error);
    }
    let tag_here = |release: &Release| theirs.refs.get(&release.ref_name()).copied();
    for (release, tag) in ledger.releases() {
        match tag_here(release) {
            None => told(&Error::Incomplete { vault: vault.name.clone(), release: release.to_string() }),
            Some(found) if found != tag => {
                told(&Error::Moved { vault: vault.name.clone(), release: release.to_string(), old: tag, new: found })
            }
            Some(_) => {}
        }
    }
    let store = load_trust(context)?;
    let authority = Authority::of(&store, Some(Voucher::compared(&vault.name, &ledger)));
    let is_there =
        |release: &Release| tag_here(release).filter(|tag| ledger.tag_of(release) == Some(*tag) && repo.has(*tag));
    let mut whole = 0;
    let at = |release: &Release| match &theirs.source {
        Source::Here(_) => tag_here(release).filter(|tag| ledger.tag_of(release) == Some(*tag)),
        Source::Fetched(..) => is_there(release),
    };
    for (release, looked) in check_all(context, repo, &ledger, &at, &authority, theirs.depth) {
        match looked {
            Looked::Whole { .. } | Looked::NotBelieved { .. } => whole += 1,
            // Told above, or when it could not be fetched.
            Looked::NotFetched => {}
            Looked::Wrong(trouble) if at(&release).is_some() => {
                troubles.push(Trouble { part: Part::Vault, remedy: Remedy::VaultSide, ..trouble });
            }
            Looked::Wrong(_) => {}
        }
    }
    let unlisted = theirs.refs.keys().filter_map(|name| Release::of_ref(name));
    Ok(Some(Offered {
        number: ledger.number(),
        ahead: seen.map_or(0, |seen| ledger.number().saturating_sub(seen.number())),
        listed: ledger.releases().count(),
        whole,
        unlisted: unlisted.filter(|release| ledger.tag_of(release).is_none()).count(),
        fetched_bytes: theirs.fetched_bytes,
    }))
}

/// Says how a ledger contradicts the one that was seen.
fn contradiction(vault: &Vault, seen: &Ledger, new: &Ledger) -> Option<Error> {
    let (old, head) = (seen.head(), new.head());
    if new.records().iter().any(|record| record.commit == old) {
        return None;
    }
    let (vault, old_number, new_number) = (vault.name.clone(), seen.number(), new.number());
    if seen.records().iter().any(|record| record.commit == head) {
        return Some(Error::Rewound { vault, old, old_number, new: head, new_number });
    }
    let pairs = seen.records().iter().zip(new.records());
    let at = pairs.take_while(|(a, b)| a.commit == b.commit).count() as u64;
    Some(Error::Forked { vault, old, old_number, new: head, new_number, at: Some(at) })
}
