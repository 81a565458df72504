//! Where a vault is: a git repository, or a place in object storage. All else of this folder sees only this.

use std::cell::RefCell;
use std::path::Path;

use super::copy::{Copy, CopyError, Next, Seen, Written};
use super::fetch::missing_files;
use super::ledger::{LEDGER_REF, Objects, seen_ref};
use super::{Error, INDEX_REF, Vault, cache};
use crate::git::{Expect, GitError, PushUpdate, RefChange, Remote, RemoteRef, Repo};
use crate::model::{Digest, Oid, Release};
use crate::ops::Context;
use crate::store::StoreAddress;
use crate::trust::{Known, Ledger, read_ledger};

/// What a vault offers, what is fetched from it, and how it changes.
///
/// Objects come into a repository of ours, and refs there get names of the caller's choice; nothing is believed for where it
/// came from.
pub(super) trait Upstream {
    /// Returns its address.
    fn address(&self) -> &str;

    /// Returns the tags of releases that the vault has now.
    ///
    /// # Errors
    /// [`Error::NotAVault`], [`Error::Git`] with `Net`, [`Error::Copy`].
    fn tags(&self, repo: &Repo) -> Result<Vec<RemoteRef>, Error>;

    /// Fetches branches as they are now, with all that they lead to: each pair is a name there and a full name here. Returns the
    /// size of what came, in bytes.
    ///
    /// # Errors
    /// As [`Upstream::tags`]; [`Error::NotAVault`] where one is not there.
    fn fetch_branches(&self, repo: &Repo, refs: &[(String, String)]) -> Result<u64, Error>;

    /// Fetches tags of releases, whole, but of their files only what is not here. Pairs and result as for branches.
    ///
    /// # Errors
    /// As [`Upstream::tags`]; an [`Error::Git`] that [`GitError::is_missing_ref`] where one is not there.
    fn fetch_releases(&self, repo: &Repo, refs: &[(String, String)]) -> Result<u64, Error>;

    /// Changes all refs or none, each only if it is where it is said to be.
    ///
    /// # Errors
    /// [`GitError::Rejected`] when the vault has moved on, else as [`Upstream::tags`].
    fn push(&self, repo: &Repo, updates: &[PushUpdate]) -> Result<(), Error>;
}

impl Vault {
    /// Returns the vault as it is reached.
    ///
    /// # Errors
    /// [`Error::Git`] without the network, [`Error::Copy`] for settings that cannot be used.
    pub(super) fn upstream<'a>(&self, context: &'a Context) -> Result<Box<dyn Upstream + 'a>, Error> {
        at(context, &self.url, Some(self.ledger))
    }
}

/// Returns a vault by its address; `ledger` is the id of the one that was seen there before.
pub(super) fn at<'a>(context: &'a Context, url: &str, ledger: Option<Digest>) -> Result<Box<dyn Upstream + 'a>, Error> {
    Ok(match store_address(url)? {
        Some(address) => {
            let copy = Copy::open(context, &address)?;
            Box::new(InStore { context, copy, ledger, now: RefCell::new(None) })
        }
        None => Box::new(InGit { context, remote: Remote { url: url.to_owned() } }),
    })
}

/// Returns the place in object storage that an address means; `None` for a git repository. A folder is the one or the other by
/// what is in it.
pub(super) fn store_address(url: &str) -> Result<Option<StoreAddress>, Error> {
    let folder = url.strip_prefix("file://").unwrap_or(url);
    let is_copy = folder.starts_with('/') && Path::new(folder).join("head.json").is_file();
    if StoreAddress::is_bucket(url) || is_copy {
        return Ok(Some(StoreAddress::parse(url).map_err(CopyError::from)?));
    }
    Ok(None)
}

/// A git repository.
struct InGit<'a> {
    context: &'a Context,
    remote: Remote,
}

impl Upstream for InGit<'_> {
    fn address(&self) -> &str {
        &self.remote.url
    }

    fn tags(&self, _repo: &Repo) -> Result<Vec<RemoteRef>, Error> {
        Ok(self.remote.tags(self.context.git_for(&self.remote)?)?)
    }

    fn fetch_branches(&self, repo: &Repo, refs: &[(String, String)]) -> Result<u64, Error> {
        match repo.fetch_whole(self.context.git_for(&self.remote)?, &self.remote, refs) {
            Err(error) if error.is_missing_ref() => Err(Error::NotAVault(self.remote.url.clone())),
            fetched => Ok(fetched?),
        }
    }

    /// Their commits have nothing in common, so git alone would send all files of each anew: what they are comes first. A server
    /// that gives nothing by its id is asked for all of it.
    fn fetch_releases(&self, repo: &Repo, refs: &[(String, String)]) -> Result<u64, Error> {
        let git = self.context.git_for(&self.remote)?;
        let mut bytes = repo.fetch(git, &self.remote, refs, None)?;
        let missing = missing_files(repo, refs)?;
        if !missing.is_empty() {
            bytes += match repo.fetch_objects(git, &self.remote, &missing) {
                Err(GitError::Net { .. }) => repo.fetch_anew(git, &self.remote, refs)?,
                fetched => fetched?,
            };
        }
        Ok(bytes)
    }

    fn push(&self, repo: &Repo, updates: &[PushUpdate]) -> Result<(), Error> {
        Ok(repo.push(self.context.git_for(&self.remote)?, &self.remote, updates)?)
    }
}

/// A place in object storage.
struct InStore<'a> {
    context: &'a Context,
    copy: Copy<'a>,
    /// Id of the ledger that was seen there before.
    ledger: Option<Digest>,
    /// What was there when it was asked last.
    now: RefCell<Option<State>>,
}

/// What a place holds.
struct State {
    seen: Seen,
    ledger: Ledger,
    /// Size of what came for it, in bytes, until that was told.
    bytes: u64,
}

impl InStore<'_> {
    fn rejected(&self) -> Error {
        GitError::Rejected { url: self.copy.address().to_owned(), stderr: String::new() }.into()
    }

    /// Creates refs here for what is there already.
    fn name(&self, repo: &Repo, refs: Vec<(String, Oid)>) -> Result<(), Error> {
        let mut changes = Vec::new();
        for (name, id) in refs {
            match repo.find_ref(&name)? {
                Some(old) if old == id => {}
                old => {
                    let expect = old.map_or(Expect::Absent, Expect::At);
                    changes.push(RefChange { name, new: Some(id), expect });
                }
            }
        }
        Ok(repo.change_refs(&changes, "skillmeat: fetched", &self.context.recorder())?)
    }
}

impl InStore<'_> {
    /// Asks what is there now, and brings the branches.
    fn look(&self, repo: &Repo) -> Result<(), Error> {
        let not_there = || Error::NotAVault(self.copy.address().to_owned());
        let seen = self.copy.head()?.ok_or_else(not_there)?;
        if let Some(wanted) = self.ledger.filter(|wanted| *wanted != seen.head.ledger) {
            let (address, found) = (self.copy.address().to_owned(), seen.head.ledger);
            return Err(CopyError::OtherVault { address, found, wanted }.into());
        }
        let before = self.ledger.map(|id| repo.find_ref(&seen_ref(id))).transpose()?.flatten();
        let known: Vec<Oid> = before.into_iter().chain(repo.find_ref(INDEX_REF)?).collect();
        let bytes = self.copy.bring(repo, &seen.head, &known)?;
        let read = self.ledger.zip(before).and_then(|(id, head)| cache::read(repo, id, head));
        let checked = before.map_or(Known::Nothing, Known::Checked);
        let ledger = read_ledger(&Objects(repo), seen.head.head, read.as_ref().map_or(checked, Known::Read))?;
        self.copy.check(&seen, &ledger)?;
        // Only what goes on from what was seen: else someone who had a say once could raise the number for all.
        let goes_on = |head: Oid| ledger.records().iter().any(|record| record.commit == head);
        if before.is_none_or(goes_on) {
            self.copy.note(repo, &seen)?;
        }
        if seen.head.expires < u64::try_from(self.context.now_seconds).unwrap_or(0) {
            self.context.progress.warn(&format!(
                "'{}' has said nothing new for long: it may be held back; whoever publishes there says more with `git skillmeat \
                 vault checkpoint`",
                self.copy.address()
            ));
        }
        self.now.replace(Some(State { seen, ledger, bytes }));
        Ok(())
    }
}

impl Upstream for InStore<'_> {
    fn address(&self) -> &str {
        self.copy.address()
    }

    fn tags(&self, repo: &Repo) -> Result<Vec<RemoteRef>, Error> {
        self.look(repo)?;
        let now = self.now.borrow();
        let releases = now.iter().flat_map(|state| state.ledger.releases());
        Ok(releases.map(|(release, id)| RemoteRef { name: release.ref_name(), id, peeled: None }).collect())
    }

    fn fetch_branches(&self, repo: &Repo, refs: &[(String, String)]) -> Result<u64, Error> {
        self.look(repo)?;
        let mut now = self.now.borrow_mut();
        let state = now.as_mut().ok_or_else(|| self.rejected())?;
        let id = |name: &str| if name == LEDGER_REF { state.seen.head.head } else { state.seen.head.main };
        self.name(repo, refs.iter().map(|(theirs, ours)| (ours.clone(), id(theirs))).collect())?;
        Ok(std::mem::take(&mut state.bytes))
    }

    fn fetch_releases(&self, repo: &Repo, refs: &[(String, String)]) -> Result<u64, Error> {
        if self.now.borrow().is_none() {
            self.look(repo)?;
        }
        let now = self.now.borrow();
        let state = now.as_ref().ok_or_else(|| self.rejected())?;
        let mut bytes = 0;
        let all = Copy::lacking(&state.ledger, None);
        for (at, (theirs, ours)) in refs.iter().enumerate() {
            self.context.progress.step("fetching releases", at as u64, Some(refs.len() as u64));
            let wanted = Release::of_ref(theirs);
            let found = all.iter().find(|(release, ..)| Some(release) == wanted.as_ref());
            let Some((release, tag, pack)) = found else {
                let what = theirs.trim_start_matches("refs/tags/").to_owned();
                return Err(CopyError::Incomplete { address: self.copy.address().to_owned(), what }.into());
            };
            bytes += self.copy.bring_release(repo, &state.seen.head, (release, *tag, *pack))?;
            self.name(repo, vec![(ours.clone(), *tag)])?;
        }
        Ok(bytes)
    }

    fn push(&self, repo: &Repo, updates: &[PushUpdate]) -> Result<(), Error> {
        let now = self.now.borrow();
        let state = now.as_ref().ok_or_else(|| self.rejected())?;
        let head = &state.seen.head;
        let update = |name: &str| updates.iter().find(|update| update.name == name);
        let is_at = |name: &str, id: Oid| update(name).is_none_or(|update| update.old == Some(id));
        let Some(new) = update(LEDGER_REF).map(|update| update.new) else { return Err(self.rejected()) };
        if !is_at(LEDGER_REF, head.head) || !is_at(INDEX_REF, head.main) {
            return Err(self.rejected());
        }
        // As every reader will: what no one would take is not published.
        let ledger = read_ledger(&Objects(repo), new, Known::Read(&state.ledger))?;
        let main = update(INDEX_REF).map_or(head.main, |update| update.new);
        let next = Next { ledger: &ledger, main, writers: head.writers, serial: 1 };
        match self.copy.write(repo, &next, Some(&state.seen))? {
            Written::Lost => Err(self.rejected()),
            Written::Done => {
                // Only housekeeping, which the next write does as well.
                if let Err(error) = self.copy.tidy(&next) {
                    let address = self.copy.address();
                    self.context.progress.warn(&format!("the packs in '{address}' were not put together: {error}"));
                }
                Ok(())
            }
        }
    }
}
