//! Who decides whether a signer is believed: the user's own lists, the vault that a release came from, and others that know it.

use super::verify::not_good;
use super::{Ledger, Level, Listed, Pin, TrustError, TrustStore};
use crate::model::{Oid, Release};
use crate::signature::{self, GIT_NAMESPACE, PublicKey, RawTag, Verdict, signed_by};

/// Who decides whether a signer is believed.
#[derive(Clone, Copy)]
pub struct Authority<'a> {
    /// The user's own lists.
    pub store: &'a TrustStore,
    /// The vault that the release came from, with its ledger.
    pub vault: Option<Voucher<'a>>,
    /// Where no vault vouches for it: those that may speak against it all the same. Only the ones whose ids were compared do.
    pub others: &'a [Voucher<'a>],
}

impl<'a> Authority<'a> {
    /// Returns who decides of what came from a vault, or from none.
    pub fn of(store: &'a TrustStore, vault: Option<Voucher<'a>>) -> Self {
        Self { store, vault, others: &[] }
    }
}

/// A vault that may vouch for a release.
#[derive(Clone, Copy)]
pub struct Voucher<'a> {
    /// The user's name for it.
    pub name: &'a str,
    /// Its ledger, which holds.
    pub ledger: &'a Ledger,
    /// How the user knows that it is the ledger they mean; `None` where they do not.
    pub pin: Option<Pin>,
    /// Whether the newest checkpoint is still worth something.
    pub is_fresh: bool,
    /// The newest number up to which enough others saw the same ledger.
    pub witnessed: Option<u64>,
}

impl<'a> Voucher<'a> {
    /// Returns a vault whose ledger is taken for the right one, and of which nothing is known that others saw.
    pub fn compared(name: &'a str, ledger: &'a Ledger) -> Self {
        Self { name, ledger, pin: Some(Pin::Compared), is_fresh: false, witnessed: None }
    }

    /// Returns the level of a release that the ledger lists.
    fn level(&self, pin: Pin, listed: &Listed) -> Level {
        match pin {
            Pin::FirstUse => Level::Signed,
            Pin::Compared if self.is_fresh && self.witnessed.is_some_and(|number| number >= listed.number) => {
                Level::Witnessed
            }
            Pin::Compared => Level::Released,
        }
    }
}

/// Asks the vaults that do not list a release whether they speak against it; returns those that have another one of its name.
pub(super) fn check_others(
    release: &Release,
    tag_id: Oid,
    key: &PublicKey,
    others: &[Voucher<'_>],
) -> Result<Vec<String>, TrustError> {
    let mut having = Vec::new();
    // Anybody can make a vault that a user takes on first use: such a one keeps nobody from what others vouch for.
    for vault in others.iter().filter(|vault| vault.pin == Some(Pin::Compared)) {
        let objection = |refusal| TrustError::Objection {
            vault: vault.name.to_owned(),
            release: release.to_string(),
            refusal: Box::new(refusal),
        };
        if vault.ledger.has_other(release, tag_id, key).map_err(objection)? {
            having.push(vault.name.to_owned());
        }
    }
    Ok(having)
}

/// Returns the key that signed the tag, unless the user believes it no longer.
pub(super) fn check_signature(tag: &RawTag<'_>, store: &TrustStore) -> Result<PublicKey, TrustError> {
    let key = signed_by(tag.payload(), tag.signature(), GIT_NAMESPACE).map_err(|verdict| not_good(tag, verdict))?;
    if store.signers().revoked.is_some_and(|revoked| revoked.contains(&key)) {
        return Err(not_good(tag, Verdict::Revoked { fingerprint: key.fingerprint() }));
    }
    Ok(key)
}

/// Says who signed, and how much that is worth: by the ledger where the user has compared its id, else by their own list, and by a
/// ledger that was taken on first use where that list says nothing of the key and of who is said to hold it.
pub(super) fn check_signer(
    tag: &RawTag<'_>,
    key: &PublicKey,
    listed: Option<&Listed>,
    authority: &Authority<'_>,
) -> Result<(String, Level), TrustError> {
    if let Some((vault, listed)) = authority.vault.zip(listed)
        && let Some(pin) = vault.pin
    {
        let principal = match pin {
            Pin::Compared => listed.principal.clone(),
            Pin::FirstUse => own_name(tag, key, &vault, listed, authority.store)?,
        };
        return Ok((principal, vault.level(pin, listed)));
    }
    let signers = authority.store.signers();
    match signature::verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &signers) {
        Verdict::Good { principal, fingerprint } if fingerprint == key.fingerprint() => Ok((principal, Level::Signed)),
        verdict => Err(not_good(tag, verdict)),
    }
}

/// Returns who signed what a ledger lists that was taken on first use. Anybody can make such a ledger, and write any name into it.
fn own_name(
    tag: &RawTag<'_>,
    key: &PublicKey,
    vault: &Voucher<'_>,
    listed: &Listed,
    store: &TrustStore,
) -> Result<String, TrustError> {
    let claimed = &listed.principal;
    match signature::verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &store.signers()) {
        Verdict::Good { principal, .. } => Ok(principal),
        Verdict::UnknownKey { .. } if store.allowed().names(claimed) => Err(TrustError::OtherKeys {
            release: signature::shown(tag.name()),
            vault: vault.name.to_owned(),
            principal: signature::shown(claimed),
            fingerprint: key.fingerprint(),
        }),
        Verdict::UnknownKey { .. } => Ok(claimed.clone()),
        // The list has the key, and says that it is not good for this, or not at that time.
        verdict => Err(not_good(tag, verdict)),
    }
}
