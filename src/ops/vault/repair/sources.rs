//! Where lost parts of a vault may still be. Nothing that comes from there is believed: object ids and the ledger decide.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::NotTaken;
use crate::fsio::{Root, read_start, scratch_folder};
use crate::git::{Download, Expect, GitError, RefChange, Remote, Repo, Store, download};
use crate::model::{Class, Oid, Release};
use crate::ops::Context;
use crate::ops::bundle::{self, Found, Place, write_objects};
use crate::ops::collection::with_causes;
use crate::ops::vault::add::address;
use crate::ops::vault::ledger::{LEDGER_REF, Objects};
use crate::ops::vault::{Error, Vault, upstream};
use crate::signature::RawTag;
use crate::trust::{Authority, Known, Ledger, TrustError, read_ledger, verify};

/// How a file begins that `git bundle create` has written, whatever its version.
const GIT_BUNDLE: [&[u8]; 2] = [b"# v2 git bundle\n", b"# v3 git bundle\n"];

/// Ending of the names of packs.
const PACK: &str = ".skillmeat-pack";

/// Where the head of a ledger waits whose objects are copied.
const SALVAGED: &str = "refs/skillmeat/salvaged";

/// A place that may have what is lost here.
pub(super) struct Source {
    /// As it is shown.
    pub(super) shown: String,
    kind: Kind,
    /// Whether the user has named it; the vault itself is asked unasked.
    pub(super) is_named: bool,
}

enum Kind {
    Pack(PathBuf),
    Repository(Remote),
    /// A place in object storage: the vault, or a mirror of it.
    Store(String),
    /// A pack to be downloaded.
    Address(String),
}

impl Kind {
    fn of(url: String) -> Result<Self, Error> {
        let is_store = upstream::store_address(&url)?.is_some();
        Ok(if is_store { Self::Store(url) } else { Self::Repository(Remote { url }) })
    }
}

/// Releases that are looked for, with the ids of their tags.
pub(super) type Wanted = BTreeMap<Release, Oid>;

/// Says whether a file is one that `git bundle create` has written.
pub(in crate::ops::vault) fn is_git_bundle(path: &Path) -> bool {
    let start = read_start(path, GIT_BUNDLE[0].len()).unwrap_or_default();
    GIT_BUNDLE.contains(&start.as_slice())
}

/// Returns the places that were named, in their order, and the vault itself and its mirrors where the network may be used.
///
/// # Errors
/// [`Error::NoSource`] for a path that holds nothing of use, [`Error::Source`] for what is no address.
pub(super) fn sources(context: &Context, vault: &Vault, from: &[String]) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for text in from {
        let path = context.folder.join(text);
        let mut add = |shown: String, kind| sources.push(Source { shown, kind, is_named: true });
        if path.is_file() && !is_git_bundle(&path) {
            add(text.clone(), Kind::Pack(path));
        } else if path.is_dir() && !is_repository(&path) {
            let files = Root::open(&path)?.list("")?;
            let packs: Vec<_> = files.into_iter().map(|(name, _)| name).filter(|name| name.ends_with(PACK)).collect();
            if packs.is_empty() {
                return Err(Error::NoSource(path));
            }
            for name in packs {
                add(path.join(&name).display().to_string(), Kind::Pack(path.join(name)));
            }
        } else if text.contains("://") && text.ends_with(PACK) {
            add(address(context, text)?, Kind::Address(address(context, text)?));
        } else {
            let url = address(context, text)?;
            if url.starts_with('/') && !Path::new(&url).exists() {
                return Err(Error::NoSource(path));
            }
            add(url.clone(), Kind::of(url)?);
        }
    }
    if !context.offline {
        for url in [&vault.url].into_iter().chain(&vault.mirrors) {
            sources.push(Source { shown: url.clone(), kind: Kind::of(url.clone())?, is_named: false });
        }
    }
    Ok(sources)
}

fn is_repository(path: &Path) -> bool {
    path.join(".git").exists() || path.join("HEAD").is_file() && path.join("objects").is_dir()
}

impl Source {
    /// Copies the objects of the ledger that is there into a store, after checking all of it. Returns `None` for what has no ledger.
    ///
    /// # Errors
    /// [`Error::Ledger`], [`Error::OtherLedger`], [`Error::Git`] with `Net`.
    pub(super) fn ledger(&self, context: &Context, fresh: &Repo, vault: &Vault) -> Result<Option<Ledger>, Error> {
        let scratch = scratch_folder(&context.scratch)?;
        let repo = Repo::open_store(scratch.path(), "ledger.git", Store::Whole)?;
        let branch = [(LEDGER_REF.to_owned(), LEDGER_REF.to_owned())];
        context.fetched(match &self.kind {
            Kind::Repository(remote) => match repo.fetch_whole(context.git_for(remote)?, remote, &branch) {
                Err(error) if error.is_missing_ref() => return Ok(None),
                fetched => fetched?,
            },
            Kind::Store(url) => upstream::at(context, url, Some(vault.ledger))?.fetch_branches(&repo, &branch)?,
            Kind::Pack(_) | Kind::Address(_) => return Ok(None),
        });
        let Some(head) = repo.find_ref(LEDGER_REF)? else { return Ok(None) };
        let ledger = read_ledger(&Objects(&repo), head, Known::Nothing)?;
        if ledger.id() != vault.ledger {
            return Err(Error::OtherLedger { vault: vault.name.clone(), known: vault.ledger, found: ledger.id() });
        }
        let here = Remote { url: repo.git_folder().display().to_string() };
        fresh.fetch_whole(context.git()?, &here, &[(LEDGER_REF.to_owned(), SALVAGED.to_owned())])?;
        let gone = RefChange { name: SALVAGED.to_owned(), new: None, expect: Expect::At(head) };
        fresh.change_refs(&[gone], "skillmeat: repair", &context.recorder())?;
        Ok(Some(ledger))
    }

    /// Writes those of the wanted releases that are there and hold into a store, and takes them out of `wanted`. Returns them, and
    /// what was refused.
    pub(super) fn restore(
        &self,
        context: &Context,
        fresh: &mut Repo,
        authority: &Authority<'_>,
        wanted: &mut Wanted,
    ) -> (Vec<Release>, Vec<NotTaken>) {
        let mut refused = Vec::new();
        let mut told = |release: Option<&Release>, class, what: String| {
            let release = release.map(ToString::to_string);
            refused.push(NotTaken { from: self.shown.clone(), release, class, what });
        };
        let done = match &self.kind {
            Kind::Pack(path) => from_pack(context, path, fresh, authority, wanted, &mut told),
            Kind::Address(url) => {
                let limit = context.limits.pack_bytes;
                let what = Download { url, limit, silence: context.silence };
                let file = context
                    .network()
                    .map(drop)
                    .and_then(|()| download(what, &context.scratch, &context.path, &context.environment));
                match file {
                    Ok(file) => from_pack(context, file.path(), fresh, authority, wanted, &mut told),
                    Err(error) => Err(error.into()),
                }
            }
            Kind::Repository(remote) => from_repository(context, remote, fresh, authority, wanted, &mut told),
            Kind::Store(url) => from_store(context, url, fresh, authority, wanted, &mut told),
        };
        let done = done.unwrap_or_else(|error| {
            told(None, error.class(), with_causes(&error));
            Vec::new()
        });
        (done, refused)
    }
}

type Told<'a> = &'a mut dyn FnMut(Option<&Release>, Class, String);

fn from_pack(
    context: &Context,
    path: &Path,
    fresh: &mut Repo,
    authority: &Authority<'_>,
    wanted: &mut Wanted,
    told: Told<'_>,
) -> Result<Vec<Release>, Error> {
    let found = bundle::find(context, &Place::Pack(path.to_owned()))?;
    let raw = found.evidence.tag().map_err(TrustError::from).map_err(bundle::Error::from)?;
    let named = RawTag::parse(&raw).ok().and_then(|tag| tag.name().parse::<Release>().ok());
    let Some(release) = named.filter(|release| wanted.contains_key(release)) else { return Ok(Vec::new()) };
    take(context, fresh, authority, &release, &found, wanted, told)
}

fn from_repository(
    context: &Context,
    remote: &Remote,
    fresh: &mut Repo,
    authority: &Authority<'_>,
    wanted: &mut Wanted,
    told: Told<'_>,
) -> Result<Vec<Release>, Error> {
    let git = context.git_for(remote)?;
    let offered = remote.list(git, &["refs/tags/*"])?;
    let mut names = Vec::new();
    for (release, tag) in wanted.iter() {
        match offered.iter().find(|one| one.name == release.ref_name()) {
            Some(one) if one.id == *tag => names.push(release.ref_name()),
            Some(one) => {
                let what = format!("has the tag {} for '{release}', and the ledger names {tag}", one.id);
                told(Some(release), Class::Hash, what);
            }
            None => {}
        }
    }
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::open_store(scratch.path(), "lost.git", Store::Whole)?;
    let mut failed = Vec::new();
    context.fetched(super::super::check::fetch_some(&repo, git, remote, &names, &mut failed)?);
    for (name, reason) in failed {
        told(Release::of_ref(&name).as_ref(), Class::Net, format!("does not give '{name}': {reason}"));
    }
    take_all(context, &repo, fresh, authority, wanted, told)
}

fn from_store(
    context: &Context,
    url: &str,
    fresh: &mut Repo,
    authority: &Authority<'_>,
    wanted: &mut Wanted,
    told: Told<'_>,
) -> Result<Vec<Release>, Error> {
    let upstream = upstream::at(context, url, authority.vault.map(|vault| vault.ledger.id()))?;
    let scratch = scratch_folder(&context.scratch)?;
    let repo = Repo::open_store(scratch.path(), "lost.git", Store::Whole)?;
    for release in wanted.keys() {
        match upstream.fetch_releases(&repo, &[(release.ref_name(), release.ref_name())]) {
            Ok(bytes) => context.fetched(bytes),
            Err(error) => told(Some(release), error.class(), with_causes(&error)),
        }
    }
    take_all(context, &repo, fresh, authority, wanted, told)
}

/// Takes what was fetched and holds.
fn take_all(
    context: &Context,
    repo: &Repo,
    fresh: &mut Repo,
    authority: &Authority<'_>,
    wanted: &mut Wanted,
    told: Told<'_>,
) -> Result<Vec<Release>, Error> {
    let mut done = Vec::new();
    for (release, _) in wanted.clone() {
        if repo.find_ref(&release.ref_name())?.is_none() {
            continue;
        }
        match bundle::find(context, &Place::Repository(repo, release.to_string(), None)) {
            Ok(found) => done.extend(take(context, fresh, authority, &release, &found, wanted, told)?),
            Err(error) => told(Some(&release), error.class(), with_causes(&error)),
        }
    }
    Ok(done)
}

/// Verifies a release by the ledger, and writes it.
fn take(
    context: &Context,
    fresh: &mut Repo,
    authority: &Authority<'_>,
    release: &Release,
    found: &Found,
    wanted: &mut Wanted,
    told: Told<'_>,
) -> Result<Vec<Release>, Error> {
    let pack = found.pack.as_ref().map(|(_, _, digest)| *digest);
    let verified = verify(found.evidence.as_ref(), Some(release), authority).and_then(|verified| {
        if let Some(vault) = &authority.vault {
            vault.ledger.check_content(release, verified.get().digest, pack)?;
        }
        Ok(verified)
    });
    match verified {
        Ok(verified) => {
            fresh.gather();
            write_objects(context, fresh, found.evidence.as_ref(), &verified)?;
            fresh.flush()?;
            wanted.remove(release);
            Ok(vec![release.clone()])
        }
        Err(error) => {
            let error = bundle::Error::from(error);
            told(Some(release), error.class(), with_causes(&error));
            Ok(Vec::new())
        }
    }
}

/// Says what a place has that could not be asked.
pub(super) fn not_asked(source: &Source, error: &Error) -> NotTaken {
    let class = match error {
        Error::Git(GitError::Offline) => Class::Net,
        other => other.class(),
    };
    NotTaken { from: source.shown.clone(), release: None, class, what: with_causes(error) }
}
