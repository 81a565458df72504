//! Asking a person, kind by kind: one yes is not taken for another.

use std::io::Write as _;

use super::failure::Failure;
use super::session::Session;
use super::text::{clean, count};
use crate::ops::bundle::{Plan, SignedBy};
use crate::ops::collection::{Consents, Error};

/// Asks about each kind by itself. Who says no to one has said no to all of it.
pub(super) fn agrees(session: &Session, consents: &Consents) -> bool {
    questions(consents).iter().all(|question| session.confirm(question))
}

/// Shows what is to be taken, and asks about each kind of it that needs it; where nothing does, it does neither.
///
/// # Errors
/// [`Error::Consent`] where nobody agrees.
pub(super) fn require(session: &Session, consents: &Consents, text: impl FnOnce() -> String) -> Result<(), Failure> {
    if consents.is_empty() {
        return Ok(());
    }
    let _ = anstream::stderr().write_all(text().as_bytes());
    if agrees(session, consents) { Ok(()) } else { Err(Error::Consent.into()) }
}

/// Asks about each kind of what these imports bring, and about all of it.
pub(super) fn imports(session: &Session, all: &[(&Plan, &SignedBy)]) -> bool {
    let consents = all.iter().map(|(plan, signer)| plan.consents(signer)).fold(Consents::default(), Consents::and);
    agrees(session, &consents) && session.confirm("Import this?")
}

fn questions(consents: &Consents) -> Vec<String> {
    let signers = consents.signers.iter().map(|(principal, key)| {
        format!("Take what {} signed with a key that is new here, {}?", clean(principal), clean(key))
    });
    let counted =
        |number: usize, what: &str, does: &str| (number > 0).then(|| format!("Take {}{does}?", count(number, what)));
    let kinds = [
        counted(consents.hooks, "hook", ", which a client runs by itself"),
        counted(consents.servers, "MCP server", ", which a client starts by itself"),
        counted(consents.executable, "executable file", ""),
        counted(consents.documents, "artifact", " whose front matter says what may be done or run"),
    ];
    signers.chain(kinds.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_question_of_its_own() {
        assert!(questions(&Consents::default()).is_empty());
        let signers = [("a\u{1b}[2J".to_owned(), "SHA256:x".to_owned())].into();
        let consents = Consents { signers, hooks: 1, servers: 2, executable: 3, documents: 1 };
        let questions = questions(&consents);
        assert_eq!(questions.len(), 5);
        assert!(
            questions.iter().all(|question| question.ends_with('?') && !question.contains('\u{1b}')),
            "{questions:?}"
        );
        assert!(questions[1].contains("1 hook,") && questions[2].contains("2 MCP servers,"), "{questions:?}");
    }
}
