//! Who may say what a copy of a vault holds.

use super::{Ledger, Problem};
use crate::model::Role;
use crate::signature::PublicKey;

/// Namespace of the signature in `head.json`.
pub const COPY_NAMESPACE: &str = "skillmeat-head@v1";

impl Ledger {
    /// Says who a key is, if its holder could say just after the entry `number` what a copy of this ledger holds: whoever
    /// may add entries of any kind but a release that is only theirs to read.
    ///
    /// Roles are judged by the trust files of that moment, so that a copy that lags behind stays what it was; a key that is
    /// revoked from that entry on or an earlier one is believed no more, whenever that was found out.
    ///
    /// # Errors
    /// [`Problem::UnknownKey`], [`Problem::Revoked`], [`Problem::NotAllowed`].
    pub fn check_keeper(&self, key: &PublicKey, number: u64) -> Result<String, Problem> {
        let next = number.saturating_add(1);
        let files = self.files_at(next);
        let holder = files.allowed().holder(key).or_else(|| files.holder(key));
        let principal = holder.ok_or_else(|| Problem::UnknownKey(key.fingerprint()))?.to_owned();
        if self.revocations().iter().any(|revoked| revoked.key == *key && revoked.since <= next) {
            return Err(Problem::Revoked(key.fingerprint()));
        }
        let adds = files.root().roles_of(&principal).any(|role| role.role != Role::Viewer);
        if adds || files.holder(key).is_some() {
            return Ok(principal);
        }
        Err(Problem::NotAllowed { principal, what: "the head of a copy".to_owned() })
    }
}
