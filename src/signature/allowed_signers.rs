//! The list of signers: ALLOWED SIGNERS in `ssh-keygen(1)`, and `sshsig.c` of OpenSSH 9.2.

use super::date::{MAX_UNIX_TIME, Moment, Relation};
use super::key::{KeyError, PublicKey};
use super::pattern::{MAX_PATTERN_BYTES, matches_list};

mod line;
#[cfg(test)]
mod tests;

/// Largest list accepted, in bytes: several thousand signers.
pub const MAX_SIGNERS_BYTES: usize = 1024 * 1024;

/// Why a file is not a list of allowed signers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowedSignersError {
    /// The file is longer than [`MAX_SIGNERS_BYTES`].
    #[error("the list of allowed signers has {0} bytes, more than {MAX_SIGNERS_BYTES}")]
    TooLarge(usize),
    /// One line is not understood.
    #[error("line {line} of the list of allowed signers is not understood")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: LineError,
    },
}

/// What is wrong with one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not UTF-8, or with control characters.
    #[error("it is not plain text")]
    Text,
    /// A quote is opened and not closed, or nothing follows the principals.
    #[error("it is not PRINCIPALS [OPTIONS] TYPE BASE64 [COMMENT]")]
    Form,
    /// The list of principals has an empty element, or one that is too long for OpenSSH.
    #[error("a principal or namespace is empty or longer than {MAX_PATTERN_BYTES} bytes")]
    Pattern,
    /// A principal or namespace has a character that nobody sees: it would look like another one.
    #[error("'{}' holds the character U+{:04X}, which is not seen", super::shown(.0).replace(*.1, "…"), u32::from(*.1))]
    Hidden(String, char),
    /// An option is unknown, or given twice, or has a broken value.
    #[error("the option '{}' is unknown, repeated or broken", super::shown(.0))]
    Option(String),
    /// `valid-before` is not after `valid-after`.
    #[error("'valid-before' is not later than 'valid-after'")]
    Period,
    /// The key is broken.
    #[error("it has no usable key")]
    Key(#[source] KeyError),
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedSigner {
    line: usize,
    principals: String,
    namespaces: Option<String>,
    valid_after: Option<Moment>,
    valid_before: Option<Moment>,
    cert_authority: bool,
    key: PublicKey,
}

impl AllowedSigner {
    /// Returns the number of the line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Returns the comma-separated patterns of the principals, without quotes.
    pub fn principals(&self) -> &str {
        &self.principals
    }

    /// Returns the comma-separated patterns of the namespaces; `None` allows every namespace.
    pub fn namespaces(&self) -> Option<&str> {
        self.namespaces.as_deref()
    }

    /// Returns from when on the key is valid, the moment included.
    pub fn valid_after(&self) -> Option<Moment> {
        self.valid_after
    }

    /// Returns until when the key is valid, the moment included.
    pub fn valid_before(&self) -> Option<Moment> {
        self.valid_before
    }

    /// Returns whether the key signs certificates and not messages.
    pub fn is_cert_authority(&self) -> bool {
        self.cert_authority
    }

    /// Returns the key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    fn validity(&self, time: u64) -> Validity {
        if self.valid_after.is_none() && self.valid_before.is_none() {
            return Validity::Valid;
        }
        // Git passes no time at all when the date of the object is 0, and `ssh-keygen` then takes its clock.
        if time == 0 {
            return Validity::Unknown(format!("line {} limits the time, and the signed date is 0", self.line));
        }
        let unknown = || Validity::Unknown(format!("line {} has a time without 'Z', which is local time", self.line));
        match self.valid_after.map(|after| (after, after.place(time))) {
            Some((_, Relation::Unknown)) => return unknown(),
            Some((after, Relation::Before)) => return Validity::NotYet(after),
            _ => {}
        }
        match self.valid_before.map(|before| (before, before.place(time))) {
            Some((_, Relation::Unknown)) => unknown(),
            Some((before, Relation::After)) => Validity::Expired(before),
            _ => Validity::Valid,
        }
    }

    fn allows(&self, principal: &str, namespace: &str) -> bool {
        matches_list(principal, &self.principals) && self.allows_namespace(namespace)
    }

    fn allows_namespace(&self, namespace: &str) -> bool {
        self.namespaces.as_deref().is_none_or(|list| matches_list(namespace, list))
    }
}

enum Validity {
    Valid,
    NotYet(Moment),
    Expired(Moment),
    Unknown(String),
}

/// What the list says about a key, a namespace and a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The key is allowed, for these principals in the order of the line; never empty. Git names the first.
    Allowed {
        /// As written in the list, so possibly a pattern such as `*@example.com`.
        principals: Vec<String>,
    },
    /// No line gives the key to a principal.
    NotListed,
    /// The time is after `valid-before`.
    Expired {
        /// Last moment at which the key was valid.
        valid_before: Moment,
    },
    /// The time is before `valid-after`.
    NotYetValid {
        /// First moment at which the key is valid.
        valid_after: Moment,
    },
    /// The key is listed, but not for this namespace.
    WrongNamespace,
    /// The list cannot answer: it has a time without `Z`, near enough to matter.
    CannotCheck {
        /// What cannot be decided.
        reason: String,
    },
}

/// A list of keys and who holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedSigners(Vec<AllowedSigner>);

impl AllowedSigners {
    /// Parses a whole list; LF or CRLF, `#` comments, empty lines.
    ///
    /// Stricter than `ssh-keygen`: it skips a line that it does not understand, we refuse the list. Also
    /// refused: days that no calendar has, empty principals, and keys not in their one encoding.
    ///
    /// # Errors
    /// [`AllowedSignersError`], with the number of the line.
    pub fn parse(bytes: &[u8]) -> Result<Self, AllowedSignersError> {
        if bytes.len() > MAX_SIGNERS_BYTES {
            return Err(AllowedSignersError::TooLarge(bytes.len()));
        }
        let mut signers = Vec::new();
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let line_number = index + 1;
            let parsed = line::parse(line, line_number);
            signers.extend(parsed.map_err(|source| AllowedSignersError::Line { line: line_number, source })?);
        }
        Ok(Self(signers))
    }

    /// Returns the lines, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &AllowedSigner> {
        self.0.iter()
    }

    /// Returns who holds a key, by the first line that gives it to anyone, whatever its dates say.
    ///
    /// For a list whose lines each name one principal, where the place in a ledger and not a date decides.
    pub fn holder(&self, key: &PublicKey) -> Option<&str> {
        let line = self.0.iter().find(|line| !line.cert_authority && line.key == *key)?;
        Some(&line.principals)
    }

    /// Says whether any line gives a key to this principal, whatever its dates and namespaces say.
    pub fn names(&self, principal: &str) -> bool {
        self.0.iter().any(|line| !line.cert_authority && matches_list(principal, &line.principals))
    }

    /// Says whether `key` may sign for `namespace` at `time_unix`, in seconds since 1970.
    ///
    /// Decides as git does with `ssh-keygen`: `find-principals` takes the first line with this key that is
    /// valid at that time, whatever its namespaces, and `verify` then looks, for each principal of that line,
    /// for any line that has the principal, the key, the namespace and the time. Lines with `cert-authority`
    /// never speak for a plain key.
    pub fn check(&self, key: &PublicKey, namespace: &str, time_unix: u64) -> Outcome {
        if time_unix > MAX_UNIX_TIME {
            return Outcome::CannotCheck { reason: "the signed date is after the year 9999".to_owned() };
        }
        let (mut valid, mut failed) = (Vec::new(), None);
        for line in self.0.iter().filter(|line| !line.cert_authority && line.key == *key) {
            match line.validity(time_unix) {
                Validity::Valid => valid.push(line),
                Validity::Unknown(reason) => return Outcome::CannotCheck { reason },
                Validity::NotYet(valid_after) => failed = failed.or(Some(Outcome::NotYetValid { valid_after })),
                Validity::Expired(valid_before) => failed = failed.or(Some(Outcome::Expired { valid_before })),
            }
        }
        let Some(first) = valid.first() else { return failed.unwrap_or(Outcome::NotListed) };
        let allowed = |name: &&str| valid.iter().any(|line| line.allows(name, namespace));
        let principals: Vec<_> = first.principals.split(',').filter(allowed).map(str::to_owned).collect();
        match principals.is_empty() {
            false => Outcome::Allowed { principals },
            true if !first.allows_namespace(namespace) => Outcome::WrongNamespace,
            true => Outcome::NotListed,
        }
    }
}
