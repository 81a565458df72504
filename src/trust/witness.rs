//! The statement of someone who saw a ledger (`schema/ledger.md`).

use super::TrustStore;
use crate::model::Digest;
use crate::signature::{self, Verdict, rfc3339};

/// Namespace of the signatures of statements.
pub const WITNESS_NAMESPACE: &str = "skillmeat-witness@v1";

/// First word of a statement.
const TITLE: &str = "skillmeat-witness-v1";

/// What someone says that they saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The ledger.
    pub ledger: Digest,
    /// Number of the entry that was seen last.
    pub number: u64,
    /// SHA-256 of its raw commit.
    pub digest: Digest,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// Who says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Who, by the user's own list.
    pub principal: String,
    /// The key, `SHA256:…`.
    pub fingerprint: String,
}

impl Statement {
    /// Returns the one line that is signed.
    pub fn render(&self) -> String {
        let Self { ledger, number, digest, time } = self;
        format!("{TITLE} {ledger} {number} {digest} {}\n", rfc3339(*time))
    }

    /// Reads a statement and its signature; `None` for anything but a good one of someone in `store`. Returns also who that is, and
    /// with which key.
    ///
    /// Dates of keys are judged at the time that the statement names: it only says how far its signer saw, and a thief who
    /// says more than is true is contradicted by the ledger.
    pub fn verify(bytes: &[u8], store: &TrustStore) -> Option<(Self, Witness)> {
        let end = bytes.iter().position(|byte| *byte == b'\n')? + 1;
        let (line, armour) = bytes.split_at(end);
        let statement = Self::parse(std::str::from_utf8(line).ok()?)?;
        let verdict = signature::verify(line, Some(armour), WITNESS_NAMESPACE, statement.time, &store.signers());
        match verdict {
            Verdict::Good { principal, fingerprint } => Some((statement, Witness { principal, fingerprint })),
            _ => None,
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let [TITLE, ledger, number, digest, time] = words.as_slice() else { return None };
        let time = u64::try_from(time.parse::<jiff::Timestamp>().ok()?.as_second()).ok()?;
        let statement =
            Self { ledger: ledger.parse().ok()?, number: number.parse().ok()?, digest: digest.parse().ok()?, time };
        (statement.render() == line).then_some(statement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_has_one_spelling() {
        let statement =
            Statement { ledger: Digest::of(b"a"), number: 7, digest: Digest::of(b"b"), time: 1_795_356_000 };
        let line = statement.render();
        assert_eq!(Statement::parse(&line), Some(statement));
        for changed in
            [line.replace(" 7 ", " 07 "), line.replace(' ', "  "), line.replace('Z', "+00:00"), format!("{line}\n")]
        {
            assert_eq!(Statement::parse(&changed), None, "{changed}");
        }
    }
}
