//! Witnesses: others who say that they saw the same ledger, so that a vault cannot show one person a fork.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::{Error, Opened, Vault};
use crate::fsio::{Access, ensure_folder, read_optional, write_atomic};
use crate::model::Digest;
use crate::ops::Context;
use crate::ops::bundle::{Signer, load_trust};
use crate::trust::{Ledger, Statement, WITNESS_NAMESPACE, Witness};

/// Largest statement, in bytes: one line and the largest signature.
const MAX_STATEMENT_BYTES: u64 = 32 * 1024;

/// What `vault witness` wrote.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Witnessed {
    /// The vault.
    pub vault: String,
    /// The entry that was seen last.
    pub number: u64,
    /// SHA-256 of its raw commit.
    pub digest: Digest,
    /// The statement.
    pub path: PathBuf,
}

/// Writes a signed statement of how far this user saw a ledger, for others to compare.
///
/// # Errors
/// [`Error::NothingSeen`], [`Error::Bundle`] when signing fails, [`Error::Fs`].
pub fn witness(context: &Context, name: &str, path: &Path) -> Result<Witnessed, Error> {
    let opened = Opened::of(context, Vault::find(context, name)?)?;
    let ledger = opened.ledger.as_ref().ok_or_else(|| Error::NothingSeen(name.to_owned()))?;
    let time = u64::try_from(context.now_seconds).unwrap_or(0);
    let statement = Statement { ledger: ledger.id(), number: ledger.number(), digest: ledger.head_digest(), time };
    let line = statement.render();
    let armour = Signer::of(context)?.sign(WITNESS_NAMESPACE, line.as_bytes())?;
    path.parent().map_or(Ok(()), ensure_folder)?;
    write_atomic(path, format!("{line}{armour}").as_bytes(), Access::Shared)?;
    let Statement { number, digest, .. } = statement;
    Ok(Witnessed { vault: name.to_owned(), number, digest, path: path.to_owned() })
}

/// Returns the newest number up to which enough witnesses saw this ledger; `None` where none are configured or too few did.
///
/// A statement that is missing, or none that anyone believed has signed, counts for nothing, and that is told. One that contradicts
/// the ledger is an error: one of the two is a fork.
///
/// # Errors
/// [`Error::Contradicted`], [`Error::Bundle`] for lists that cannot be used, [`Error::Fs`].
pub(super) fn witnessed(context: &Context, ledger: &Ledger) -> Result<Option<u64>, Error> {
    if context.witnesses.is_empty() {
        return Ok(None);
    }
    let mut seen: Vec<(Witness, u64)> = Vec::new();
    for (statement, witness) in statements(context, ledger)? {
        match ledger.record(statement.number) {
            Some(record) if record.digest != statement.digest => {
                return Err(Error::Contradicted { witness: witness.principal, number: statement.number });
            }
            Some(_) => seen.push((witness, statement.number)),
            // They saw more than we did: that much they saw of ours as well, but not that it is the same.
            None => {}
        }
    }
    Ok(quorum(seen, context.witness_threshold))
}

/// Returns the statements on this ledger, each with who signed it; tells of those that are none.
///
/// # Errors
/// [`Error::Bundle`] for lists that cannot be used, [`Error::Fs`].
pub(super) fn statements(context: &Context, ledger: &Ledger) -> Result<Vec<(Statement, Witness)>, Error> {
    if context.witnesses.is_empty() {
        return Ok(Vec::new());
    }
    let store = load_trust(context)?;
    let mut statements = Vec::new();
    for path in &context.witnesses {
        let warn = |why: &str| {
            let path = path.display().to_string();
            context.progress.warn(&format!("the witness '{}' does not count: {why}", path.escape_debug()));
        };
        match read_optional(path, MAX_STATEMENT_BYTES)?.map(|bytes| Statement::verify(&bytes, &store)) {
            None => warn("there is no such file"),
            Some(None) => warn("it is no statement that someone you trust has signed"),
            // Others are configured for other vaults.
            Some(Some((statement, _))) if statement.ledger != ledger.id() => {}
            Some(Some(good)) => statements.push(good),
        }
    }
    Ok(statements)
}

/// Returns the highest number that so many different people have seen, with as many different keys: someone who holds two keys
/// counts once, and so does a key that a list gives to two people.
fn quorum(mut seen: Vec<(Witness, u64)>, threshold: usize) -> Option<u64> {
    // The newest statement of each counts; of two as new always the same one.
    seen.sort_by(|(a, at), (b, other)| {
        other.cmp(at).then_with(|| (&a.principal, &a.fingerprint).cmp(&(&b.principal, &b.fingerprint)))
    });
    let mut counted: Vec<(Witness, u64)> = Vec::new();
    for (witness, number) in seen {
        let is_same = |one: &Witness| one.principal == witness.principal || one.fingerprint == witness.fingerprint;
        if !counted.iter().any(|(one, _)| is_same(one)) {
            counted.push((witness, number));
        }
    }
    counted.get(threshold.max(1) - 1).map(|(_, number)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_counts_people_and_keys_and_not_statements() {
        let quorum = |list: &[(&str, &str, u64)], threshold| {
            let seen = list
                .iter()
                .map(|(who, key, at)| (Witness { principal: (*who).to_owned(), fingerprint: (*key).to_owned() }, *at));
            quorum(seen.collect(), threshold)
        };
        assert_eq!(quorum(&[], 1), None);
        assert_eq!(quorum(&[("a", "1", 5), ("a", "1", 9)], 1), Some(9));
        assert_eq!(quorum(&[("a", "1", 5), ("a", "2", 9)], 2), None);
        assert_eq!(quorum(&[("a", "1", 5), ("b", "2", 9), ("c", "3", 7)], 2), Some(7));
        assert_eq!(quorum(&[("a", "1", 9), ("b", "1", 9)], 1), Some(9));
        assert_eq!(quorum(&[("a", "1", 9), ("b", "1", 9)], 2), None);
        assert_eq!(quorum(&[("a", "1", 9), ("b", "1", 8), ("c", "2", 7)], 2), Some(7));
        // Three keys of one and two names of another key are two people at most.
        let mixed = [("a", "1", 9), ("a", "2", 9), ("a", "3", 9), ("b", "4", 8), ("c", "4", 8)];
        assert_eq!((quorum(&mixed, 2), quorum(&mixed, 3)), (Some(8), None));
    }
}
