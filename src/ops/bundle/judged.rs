//! A release as the server of a vault judges it.

use super::{Error, Stored};
use crate::git::Repo;
use crate::model::{Oid, Release};
use crate::pack::Limits;
use crate::trust::{Authority, Ledger, TrustError, TrustStore, Voucher};

/// Verifies a release as every reader of the vault will who has compared its ledger, and that its pack is the one that the
/// ledger lists: readers see that only when they are handed the pack.
///
/// # Errors
/// [`Error::Trust`], [`Error::Git`], [`Error::Pack`].
pub fn check_listed(repo: &Repo, release: &Release, tag: Oid, ledger: &Ledger, limits: &Limits) -> Result<(), Error> {
    let stored = Stored::read(repo, tag, limits)?;
    // Nobody's own list: only the ledger says who may sign.
    let store = TrustStore::parse(("", b""), None)?;
    let authority = Authority::of(&store, Some(Voucher::compared("", ledger)));
    let verified = crate::trust::verify(&stored, Some(release), &authority)?;
    let content = verified.get();
    let pack = stored.write_pack(content.manifest.compression, &mut std::io::sink())?.digest;
    Ok(ledger.check_content(release, content.digest, Some(pack)).map_err(TrustError::from)?)
}
