//! Where a record says that an artifact came from, in our own words.

use crate::model::{Location, Oid, Source, check_ref_name, version_range};

/// Where an artifact came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignOrigin {
    /// Nowhere: it is the user's own.
    Own,
    /// A place that updates can be taken from.
    Followed(Followed),
    /// A place that no update can be taken from.
    Unfollowed {
        /// The place, as the record has it.
        place: String,
        /// Why.
        reason: String,
    },
}

/// A repository or folder that an artifact came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// URL of the repository, or path of the folder; the path may be relative to the record's folder.
    pub url: String,
    /// Its place there; `.` is the root, `None` where the record does not say.
    pub path: Option<String>,
    /// Branch, tag, commit or range that is followed; `None` for `HEAD`.
    pub reference: Option<String>,
    /// The commit, where the record states one.
    pub commit: Option<String>,
}

/// What a record says of an origin, before it was looked at.
#[derive(Debug, Default)]
pub(super) struct Stated<'a> {
    /// URL, path, or `owner/repo`.
    pub(super) place: &'a str,
    pub(super) path: Option<String>,
    pub(super) reference: Option<&'a str>,
    pub(super) commit: Option<&'a str>,
}

impl Stated<'_> {
    /// Makes an origin of it; one that this program could not fetch from, or must not, is not followed.
    pub(super) fn origin(self) -> ForeignOrigin {
        let unfollowed = |reason: String| {
            // An address may hold a password, so only one without is shown.
            let place = if self.place.contains('@') && self.place.contains("://") { "" } else { self.place };
            ForeignOrigin::Unfollowed { place: place.chars().take(200).collect(), reason }
        };
        let source = match Source::parse(self.place, |_| false, "https://github.com") {
            Ok(source) => source,
            Err(error) => return unfollowed(error.to_string()),
        };
        let url = match &source.location {
            Location::Local(path) => path.clone(),
            Location::Git { url } => url.clone(),
        };
        let commit = self.commit.filter(|text| is_commit(text)).map(str::to_ascii_lowercase);
        let reference = self.reference.filter(|text| !text.is_empty());
        if let Some(wrong) = reference.filter(|text| version_range(text).is_none() && check_ref_name(text).is_err()) {
            return unfollowed(format!("'{}' is no branch, tag or commit", wrong.escape_debug()));
        }
        // One that is followed by its commit came from that commit.
        let pinned = reference.filter(|text| is_commit(text)).map(str::to_ascii_lowercase);
        ForeignOrigin::Followed(Followed {
            url,
            path: self.path.or_else(|| source.subpath.as_ref().map(ToString::to_string)),
            reference: reference.map(str::to_owned),
            commit: commit.or(pinned),
        })
    }
}

/// Says whether a text is a whole object id.
pub(super) fn is_commit(text: &str) -> bool {
    Oid::from_hex(text.as_bytes()).is_ok()
}
