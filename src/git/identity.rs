//! Who makes a commit or a tag, and when.

/// A name and an address as they stand in commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// `user.name`.
    pub name: String,
    /// `user.email`.
    pub email: String,
}

/// The identity git is configured with, and the moment of this command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who wrote the change.
    pub author: Person,
    /// Who recorded it.
    pub committer: Person,
    /// Seconds since 1970, UTC.
    pub seconds: i64,
    /// Offset of the local time from UTC, in seconds; shown by `git log`, never used for decisions.
    pub offset_seconds: i32,
}

impl Identity {
    pub(super) fn author_signature(&self) -> gix::actor::Signature {
        self.signature(&self.author)
    }

    pub(super) fn committer_signature(&self) -> gix::actor::Signature {
        self.signature(&self.committer)
    }

    fn signature(&self, person: &Person) -> gix::actor::Signature {
        gix::actor::Signature {
            name: person.name.as_str().into(),
            email: person.email.as_str().into(),
            time: gix::date::Time { seconds: self.seconds, offset: self.offset_seconds },
        }
    }

    /// Returns the same people at another moment, in UTC.
    pub fn at(&self, seconds: i64) -> Self {
        Self { seconds, offset_seconds: 0, ..self.clone() }
    }

    /// Returns the line of a tag object: `name <email> seconds offset`.
    pub fn tagger_line(&self) -> String {
        let Person { name, email } = &self.committer;
        let (sign, minutes) =
            if self.offset_seconds < 0 { ('-', -self.offset_seconds / 60) } else { ('+', self.offset_seconds / 60) };
        format!("{name} <{email}> {} {sign}{:02}{:02}", self.seconds, minutes / 60, minutes % 60)
    }
}
