//! What a team's own server takes of a push: what every reader would believe, and nothing that takes something away
//! (`schema/vault.md`, section 4).

use std::collections::BTreeMap;

use super::INDEX_REF;
use super::ledger::{LEDGER_REF, Objects};
use crate::git::{GitError, Repo};
use crate::model::{Class, EntryBody, Oid, Release};
use crate::ops::bundle;
use crate::ops::collection::git_class;
use crate::pack::Limits;
use crate::trust::{Known, Ledger, LedgerError, Record, Refusal, TrustError, read_ledger};

/// Most refs in one push: a whole vault that moves to a new server may bring all of its releases.
pub const MAX_PUSHED_REFS: usize = 10_000;

/// One line that git gives to `pre-receive` (githooks(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefUpdate {
    /// Full name.
    pub name: String,
    /// Where it is; `None` where it is not.
    pub old: Option<Oid>,
    /// Where it shall be; `None` where it shall not be any more.
    pub new: Option<Oid>,
}

/// Whether a vault takes refs that it has no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherRefs {
    /// It does not.
    Refuse,
    /// Its owners want it to.
    Take,
}

/// A push that is judged.
pub struct Gate<'a> {
    /// The vault, as it is.
    pub vault: &'a Repo,
    /// Its objects, and those that were pushed.
    pub objects: &'a Repo,
    /// How much a release may hold.
    pub limits: Limits,
    /// What else is taken.
    pub others: OtherRefs,
}

/// Why a push is not taken. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// What git says is not what it says to this hook.
    #[error("git gives the hook a line that is not understood: '{}'", .0.escape_debug())]
    Line(String),
    /// There are too many refs.
    #[error("it has more than {MAX_PUSHED_REFS} refs")]
    TooMany,
    /// A ref is not where the pusher saw it. The words are those by which every git knows a lost race.
    #[error("'{0}' has moved on meanwhile, fetch first")]
    Raced(String),
    /// A ref would be taken away.
    #[error("'{0}' would be taken away, and a vault keeps what it has")]
    Deleted(String),
    /// A release would be replaced.
    #[error("the release '{0}' would be replaced, and a version is published once, for ever")]
    Replaced(Release),
    /// The ledger would be another one, or an older one.
    #[error("the ledger would not go on from entry {0}, the newest here")]
    Rewritten(u64),
    /// The branch for people would lose something.
    #[error("'{INDEX_REF}' would not go on from where it is")]
    Rewound,
    /// The branch for people would move by itself.
    #[error("'{INDEX_REF}' moves only together with an entry of the ledger")]
    IndexAlone,
    /// A ref that no vault has.
    #[error("'{0}' has no place in a vault")]
    Other(String),
    /// A ref that would keep one of a vault's from its place, or be taken for one.
    #[error("'{0}' would stand in the way of what a vault is made of")]
    InTheWay(String),
    /// The ledger does not hold.
    #[error("the ledger would not be believed")]
    Ledger(#[from] LedgerError),
    /// An entry lists a release whose tag is not there.
    #[error("entry {number} of the ledger lists '{release}', and its tag is not in the push")]
    NoTag {
        /// The release.
        release: Release,
        /// The entry.
        number: u64,
    },
    /// A tag that the ledger does not list, or lists otherwise.
    #[error(transparent)]
    NotListed(Refusal),
    /// A release does not hold.
    #[error("the release '{release}' would not be believed")]
    Release {
        /// The release.
        release: Release,
        /// What is wrong.
        #[source]
        error: Box<bundle::Error>,
    },
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Refused {
    /// Returns the class of the error.
    pub fn class(&self) -> Class {
        match self {
            Refused::Line(_) => Class::Parse,
            Refused::TooMany => Class::Limit,
            Refused::Raced(_) => Class::Conflict,
            Refused::Rewritten(_) => Class::Fork,
            Refused::Deleted(_)
            | Refused::Replaced(_)
            | Refused::Rewound
            | Refused::IndexAlone
            | Refused::Other(_)
            | Refused::InTheWay(_)
            | Refused::NoTag { .. } => Class::Policy,
            Refused::Ledger(error) => error.class(),
            Refused::NotListed(refusal) => refusal.class(),
            Refused::Release { error, .. } => error.class(),
            Refused::Git(error) => git_class(error),
        }
    }
}

impl RefUpdate {
    /// Parses what git gives to the hook, one line for each ref.
    ///
    /// # Errors
    /// [`Refused::Line`], [`Refused::TooMany`].
    pub fn parse_all(text: &str) -> Result<Vec<Self>, Refused> {
        if text.lines().count() > MAX_PUSHED_REFS {
            return Err(Refused::TooMany);
        }
        text.lines()
            .map(|line| Self::parse(line).ok_or_else(|| Refused::Line(line.chars().take(200).collect())))
            .collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(3, ' ');
        let mut id = || Oid::from_hex(words.next()?.as_bytes()).ok();
        let (old, new) = (id()?, id()?);
        let name = words.next()?.to_owned();
        let there = |id: Oid| Some(id).filter(|id| !id.is_null());
        Some(Self { name, old: there(old), new: there(new) })
    }

    /// Says whether it is one of the refs that a vault is made of.
    fn is_of_vault(&self) -> bool {
        self.name == LEDGER_REF || self.name == INDEX_REF || Release::of_ref(&self.name).is_some()
    }
}

impl Gate<'_> {
    /// Judges a push; returns the releases in it, which were verified.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn judge(&self, updates: &[RefUpdate]) -> Result<Vec<Release>, Refused> {
        for update in updates {
            self.check_move(update)?;
        }
        let tags: BTreeMap<Release, Oid> =
            updates.iter().filter_map(|update| Some((Release::of_ref(&update.name)?, update.new?))).collect();
        // As `check_move` saw it: another push may have come through since, and then git refuses this one as raced.
        let ledger = updates.iter().find(|update| update.name == LEDGER_REF);
        let before = ledger.map_or_else(|| self.vault.find_ref(LEDGER_REF), |update| Ok(update.old))?;
        let pushed = ledger.and_then(|update| update.new);
        let has_news = pushed.is_some() && pushed != before;
        self.check_index(updates, has_news)?;
        if !has_news && tags.is_empty() {
            return Ok(Vec::new());
        }
        let moved = |ledger: Option<&Ledger>| {
            // What the ledger does not list nobody believes, so it gives way to what is listed: one of two pushes that raced
            // may have left it.
            let is_moved =
                |update: &&RefUpdate| update.old.is_some() && update.new.is_some() && update.old != update.new;
            let mut releases = updates
                .iter()
                .filter(is_moved)
                .filter_map(|update| Some((Release::of_ref(&update.name)?, update.new?)));
            releases.find(|(release, new)| ledger.and_then(|ledger| ledger.tag_of(release)) != Some(*new))
        };
        let Some(head) = pushed.or(before) else {
            if let Some((release, _)) = moved(None) {
                return Err(Refused::Replaced(release));
            }
            // There are tags, or there would be nothing to judge.
            let release = tags.into_keys().next();
            return release
                .map_or(Ok(Vec::new()), |release| Err(Refused::NotListed(Refusal::Unpublished(release.to_string()))));
        };
        let ledger = read_ledger(&Objects(self.objects), head, before.map_or(Known::Nothing, Known::Checked))?;
        let new = self.entries_after(before, &ledger)?;
        if let Some((release, _)) = moved(Some(&ledger)) {
            return Err(Refused::Replaced(release));
        }
        let releases = self.to_check(&ledger, new, &tags)?;
        for (release, tag) in &releases {
            self.check_release(&ledger, release, *tag)?;
        }
        Ok(releases.into_keys().collect())
    }

    /// Checks what can be said of one ref without the others.
    fn check_move(&self, update: &RefUpdate) -> Result<(), Refused> {
        // git compares once more when it moves the ref; what is judged here has to be that state.
        if self.vault.find_ref(&update.name)? != update.old {
            return Err(Refused::Raced(shown(&update.name)));
        }
        if !update.is_of_vault() {
            return match self.others {
                // Whatever the owners allow: it would keep a release or the ledger out.
                _ if is_in_the_way(&update.name) => Err(Refused::InTheWay(shown(&update.name))),
                OtherRefs::Take => Ok(()),
                OtherRefs::Refuse => Err(Refused::Other(shown(&update.name))),
            };
        }
        if update.new.is_none() { Err(Refused::Deleted(shown(&update.name))) } else { Ok(()) }
    }

    /// The branch for people goes forward only, and with an entry, whose signer answers for it: nobody signs it itself.
    fn check_index(&self, updates: &[RefUpdate], has_news: bool) -> Result<(), Refused> {
        let Some(update) = updates.iter().find(|update| update.name == INDEX_REF) else { return Ok(()) };
        if let (Some(old), Some(new)) = (update.old, update.new)
            && !self.objects.is_ancestor(old, new)?
        {
            return Err(Refused::Rewound);
        }
        if has_news || self.others == OtherRefs::Take { Ok(()) } else { Err(Refused::IndexAlone) }
    }

    /// Returns the entries that are new.
    fn entries_after<'l>(&self, before: Option<Oid>, ledger: &'l Ledger) -> Result<&'l [Record], Refused> {
        let records = ledger.records();
        let Some(old) = before else { return Ok(records) };
        match records.iter().position(|record| record.commit == old) {
            Some(at) => Ok(&records[at + 1..]),
            None => {
                let here = read_ledger(&Objects(self.objects), old, Known::Checked(old))?;
                Err(Refused::Rewritten(here.number()))
            }
        }
    }

    /// Returns the releases to look at: those that new entries list, whose tags must be there, and those whose tags are pushed,
    /// which the ledger must list.
    fn to_check(
        &self,
        ledger: &Ledger,
        new: &[Record],
        tags: &BTreeMap<Release, Oid>,
    ) -> Result<BTreeMap<Release, Oid>, Refused> {
        let mut all = tags.clone();
        for record in new {
            let EntryBody::Publish { release, .. } = &record.body else { continue };
            let there = match tags.get(release) {
                Some(tag) => Some(*tag),
                None => self.vault.find_ref(&release.ref_name())?,
            };
            let missing = || Refused::NoTag { release: release.clone(), number: record.number };
            all.insert(release.clone(), there.ok_or_else(missing)?);
        }
        for (release, tag) in &all {
            ledger.check_tag(release, *tag).map_err(Refused::NotListed)?;
        }
        Ok(all)
    }

    fn check_release(&self, ledger: &Ledger, release: &Release, tag: Oid) -> Result<(), Refused> {
        let refused = |error| Refused::Release { release: release.clone(), error: Box::new(error) };
        match bundle::check_listed(self.objects, release, tag, ledger, &self.limits) {
            // Whoever moves a vault here brings what was revoked since, too. No reader believes it, and all keep it. It had to hold
            // by what the ledger said up to its own entry.
            Err(bundle::Error::Trust(TrustError::Ledger(Refusal::Revoked { number, .. })))
                if number < ledger.number() && ledger.record(number).is_some() =>
            {
                let then = ledger.record(number).map_or(ledger.head(), |record| record.commit);
                let then = read_ledger(&Objects(self.objects), then, Known::Checked(then))?;
                bundle::check_listed(self.objects, release, tag, &then, &self.limits).map_err(refused)
            }
            looked => looked.map_err(refused),
        }
    }
}

/// Says whether a ref would stand where one of a vault has to, or be taken for one by git's short names.
fn is_in_the_way(name: &str) -> bool {
    let short = ["refs/heads/", "refs/tags/", "refs/remotes/"].iter().find_map(|folder| name.strip_prefix(folder));
    let above = |name: &str| name.match_indices('/').any(|(at, _)| Release::of_ref(&name[..at]).is_some());
    let below_branch = [LEDGER_REF, INDEX_REF]
        .iter()
        .any(|branch| name.strip_prefix(branch).is_some_and(|rest| rest.starts_with('/')));
    below_branch
        || above(name)
        || short.is_some_and(|short| {
            short.starts_with("refs/") || short.starts_with("origin/") && name.starts_with("refs/tags/")
        })
}

fn shown(name: &str) -> String {
    name.chars().take(200).flat_map(char::escape_debug).collect()
}
