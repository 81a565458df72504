//! Keys of minisign on the command line: asking for a passphrase, and what their signatures say beside the tag's.

use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::failure::Failure;
use super::session::Session;
use crate::model::Class;
use crate::ops::bundle::{self, Found};
use crate::signature::{MinisignSigner, MinisignVerdict};
use crate::trust::Level;

/// Reads the key that packs are signed with too: the one given, else the one of the settings; `None` where there is none.
pub(super) fn minisign_signer(session: &Session, given: Option<PathBuf>) -> Result<Option<MinisignSigner>, Failure> {
    let path = given.map(|path| session.environment.absolute(&path)).or_else(|| session.settings.minisign_key.clone());
    let Some(path) = path else { return Ok(None) };
    let question = format!("Passphrase of '{}':", path.display());
    Ok(Some(bundle::minisign_signer(&path, || ask(session, &question))?))
}

/// Asks for a line that is not shown. Without a terminal nobody is asked.
fn ask(session: &Session, question: &str) -> Option<String> {
    if !session.can_ask() {
        return None;
    }
    session.context.progress.pause();
    let stdin = std::io::stdin();
    let shown = tcgetattr(&stdin).ok()?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden).ok()?;
    let _ = write!(anstream::stderr(), "{} ", super::text::clean(question));
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    // The terminal shows again what is typed, whatever was read.
    let restored = tcsetattr(&stdin, OptionalActions::Now, &shown);
    let _ = writeln!(anstream::stderr());
    (read.is_ok() && restored.is_ok()).then(|| answer.trim_end_matches(['\r', '\n']).to_owned())
}

/// Checks `PACK.minisig` of a file in which no release was found.
pub(super) fn check_file(session: &Session, what: &str, key: &str) -> Result<(), Failure> {
    let key = bundle::minisign_key(&session.environment.folder, key)?;
    Ok(bundle::minisign_of_file(&session.environment.absolute(what.as_ref()), &key).map(drop)?)
}

/// Checks `PACK.minisig`; whatever is not good is an error.
pub(super) fn minisign_verdict(session: &Session, found: &Found, key: &str) -> Result<MinisignVerdict, Failure> {
    let key = bundle::minisign_key(&session.environment.folder, key)?;
    bundle::minisign_verdict(found, &key)?.ok_or_else(|| {
        Failure::new(Class::Usage, "a tag has no signature of minisign", "give the pack, with its `.minisig` beside it")
    })
}

/// Tells of a good signature of minisign where that of the tag is not believed: it is no reason to take the release.
pub(super) fn beside_minisign(mut failure: Failure, minisign: Option<&MinisignVerdict>) -> Failure {
    if let Some(verdict) = minisign {
        failure.also(&format!(
            "minisign, apart from that: {verdict}; level 1, the bytes are those that were signed, which is not enough to import them",
        ));
        let standing = failure.standing.get_or_insert_default();
        (standing.minisign, standing.level) = (Some(verdict.clone()), Some(Level::Intact.number()));
    }
    failure
}
