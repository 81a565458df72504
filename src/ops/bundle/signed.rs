//! Who signed a release, against who signed what was taken before.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::Release;
use crate::ops::collection::Collection;
use crate::signature::{RawTag, SshSignature};
use crate::trust::ReleaseContent;

/// Who signed a release that is to come here.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedBy {
    /// Who.
    pub principal: String,
    /// With which key.
    pub fingerprint: String,
    /// The level that it reached.
    pub level: u8,
    /// Whether it is another key than that of the release of this bundle that was last taken here, or that one is not known;
    /// where none was taken, whether nothing here was signed with it.
    pub is_new: bool,
}

impl SignedBy {
    /// Compares a verified release with those that were taken here.
    pub fn of(collection: &Collection, content: &ReleaseContent) -> Self {
        let of_artifacts = collection.lock.artifacts.values().filter_map(|entry| entry.release.as_ref()?.parse().ok());
        // A release that brought nothing new was taken too.
        let whole = collection.lock.releases.iter().filter_map(|(bundle, release)| {
            release.named().map(|(version, _)| Release { bundle: bundle.clone(), version })
        });
        let taken: BTreeSet<Release> = of_artifacts.chain(whole).collect();
        let signed_with_it = |release: &Release| key_of(collection, release).as_ref() == Some(&content.fingerprint);
        let of_bundle = taken.iter().filter(|release| release.bundle == content.release.bundle).max();
        let is_known = match of_bundle {
            Some(last) => signed_with_it(last),
            None => taken.iter().any(signed_with_it),
        };
        Self {
            principal: content.principal.clone(),
            fingerprint: content.fingerprint.clone(),
            level: content.level.number(),
            is_new: !is_known,
        }
    }
}

/// Returns the fingerprint of the key in the signature of a tag that was verified when it came; `None` where it is not here.
fn key_of(collection: &Collection, release: &Release) -> Option<String> {
    let tag = collection.repo.find_ref(&release.ref_name()).ok()??;
    let tag = collection.repo.raw_tag(tag).ok()?;
    let tag = RawTag::parse(&tag).ok()?;
    Some(SshSignature::parse(tag.signature()?).ok()?.fingerprint())
}
