//! One entry of the trail: its text, and how the next is made.

use schemars::JsonSchema;
use serde::Serialize;

use crate::git::{CommitInfo, Expect, GitError, RefChange, Repo};
use crate::model::{ArtifactRef, Digest, Oid};
use crate::ops::Context;
use crate::signature::rfc3339;

/// The ref of the newest entry.
pub const AUDIT_REF: &str = "refs/skillmeat/audit";

/// First line of every entry.
const TITLE: &str = "skillmeat-audit v1";

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The command, such as `add`.
    pub action: &'a str,
    /// The artifacts it was about.
    pub artifacts: &'a [ArtifactRef],
    /// What it made or took: a commit, a release, a target.
    pub subject: &'a str,
}

/// An entry as it stands in the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Entry {
    /// Its place, from 0.
    pub number: u64,
    /// SHA-256 of the raw commit of the entry before it; absent for the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev: Option<Digest>,
    /// When, RFC 3339 in UTC: the clock of this machine.
    pub time: String,
    /// The command.
    pub action: String,
    /// What it made or took.
    pub subject: String,
    /// The artifacts it was about.
    pub artifacts: Vec<String>,
}

impl Entry {
    fn render(&self) -> String {
        let mut text = format!("{TITLE}\n\nnumber: {}\n", self.number);
        self.prev.iter().for_each(|prev| text.push_str(&format!("prev: {prev}\n")));
        text.push_str(&format!("time: {}\naction: {}\nsubject: {}\n", self.time, self.action, self.subject));
        self.artifacts.iter().for_each(|artifact| text.push_str(&format!("artifact: {artifact}\n")));
        text
    }

    /// Reads an entry; `None` for anything but the text that [`Entry::render`] writes.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_prefix(TITLE)?.strip_prefix("\n\n")?.lines().peekable();
        let mut take = |key: &str| -> Option<String> {
            let value = lines.peek()?.strip_prefix(key)?.strip_prefix(": ")?.to_owned();
            lines.next();
            Some(value)
        };
        let number = take("number")?.parse().ok()?;
        let prev = take("prev").map(|text| text.parse()).transpose().ok()?;
        let (time, action, subject) = (take("time")?, take("action")?, take("subject")?);
        let mut artifacts = Vec::new();
        while let Some(artifact) = take("artifact") {
            artifacts.push(artifact);
        }
        let entry = Self { number, prev, time, action, subject, artifacts };
        (entry.render() == text).then_some(entry)
    }

    pub(super) fn of(info: &CommitInfo) -> Option<Self> {
        Self::parse(&info.message)
    }
}

/// Returns one line without control characters: a name from outside must not make a second line.
fn line(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// Writes the next entry and returns the change of the ref; `None` when the trail is turned off.
///
/// # Errors
/// [`GitError`].
pub fn next(context: &Context, repo: &Repo, event: &Event<'_>) -> Result<Option<RefChange>, GitError> {
    let Some(who) = context.identity.as_ref().filter(|_| context.audit) else { return Ok(None) };
    let last = repo.find_ref(AUDIT_REF)?;
    let (number, prev) = match last {
        None => (0, None),
        Some(last) => {
            // A broken trail is for `audit verify` to name; it goes on behind what is there.
            let number = Entry::of(&repo.commit(last)?).map_or(0, |entry| entry.number.saturating_add(1));
            (number, Some(Digest::of(&repo.raw_commit(last)?)))
        }
    };
    let entry = Entry {
        number,
        prev,
        time: rfc3339(u64::try_from(context.now_seconds).unwrap_or(0)),
        action: line(event.action),
        subject: line(event.subject),
        artifacts: event.artifacts.iter().map(ToString::to_string).collect(),
    };
    let parents: Vec<Oid> = last.into_iter().collect();
    // Every git knows the empty tree without its object, but `git fsck` wants to see it.
    let tree = repo.write_raw(gix::object::Kind::Tree, b"")?;
    let commit = repo.write_commit(tree, &parents, &entry.render(), who)?;
    let expect = last.map_or(Expect::Absent, Expect::At);
    Ok(Some(RefChange { name: AUDIT_REF.to_owned(), new: Some(commit), expect }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_one_spelling() {
        let entry = Entry {
            number: 7,
            prev: Some(Digest::of(b"x")),
            time: "2026-11-25T00:00:00Z".to_owned(),
            action: "add".to_owned(),
            subject: "a".to_owned(),
            artifacts: vec!["skill/a".to_owned(), "skill/b".to_owned()],
        };
        let text = entry.render();
        assert_eq!(Entry::parse(&text), Some(entry.clone()));
        for (from, to) in [("number: 7", "number: 07"), ("action: add\n", ""), ("artifact", "artefact"), ("\n\n", "\n")]
        {
            assert_eq!(Entry::parse(&text.replacen(from, to, 1)), None, "{to}");
        }
        assert_eq!(line("a\nnumber: 8\u{1b}"), "a\\nnumber: 8\\u{1b}");
    }
}
