//! `import --interactive`: what is to become of each artifact that the collection has with other content.

use super::failure::Failure;
use super::import::preview_text;
use super::session::Session;
use super::text::NAME;
use super::update::files_text;
use crate::model::Class;
use crate::ops::bundle::{self, Choices, Detail, Error, Existing, Found, Planned, Step};
use crate::trust::{ReleaseContent, Verified};

/// Refuses when there is nobody to ask.
pub(super) fn check_terminal(session: &Session) -> Result<(), Failure> {
    if session.can_ask() {
        return Ok(());
    }
    Err(Failure::new(
        Class::Usage,
        "`--interactive` needs a terminal to ask on",
        "choose for all of them with `--existing skip`, `replace`, `merge` or `fork`",
    ))
}

/// Asks for each artifact of the release that is here with other content.
pub(super) fn choices(
    session: &Session,
    found: &Found,
    verified: &Verified<ReleaseContent>,
) -> Result<Choices, Failure> {
    let mut choices = Choices::from(Existing::Refuse);
    let plan = bundle::plan(&session.context, &session.collection()?, found, verified, &choices, Detail::Files)?;
    for planned in plan.artifacts.iter().filter(|planned| planned.step == Step::Refuse) {
        let Some(existing) = ask(session, planned) else {
            let (release, digest) = (verified.get().release.clone(), verified.get().digest);
            return Err(Error::Consent { release: release.to_string(), digest }.into());
        };
        choices.choose(planned.offered().clone(), existing);
    }
    Ok(choices)
}

/// Asks until there is an answer; `None` is to stop.
fn ask(session: &Session, planned: &Planned) -> Option<Existing> {
    let print = |text: String| drop(std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes()));
    print(format!("The collection has other content under {NAME}{}{NAME:#}\n", planned.artifact));
    print(planned.preview.as_ref().map(|preview| preview_text(&planned.artifact, preview, false)).unwrap_or_default());
    // A fork has its own name already, and what did not come from this bundle has nothing to merge from.
    let (merge, fork) = (planned.is_mergeable, planned.original.is_none());
    let mut question = "[k]eep yours, [t]ake theirs, ".to_owned();
    question.push_str(if merge { "[m]erge, " } else { "" });
    question.push_str(if fork { "[f]ork, " } else { "" });
    question.push_str("show the [d]ifference, [s]top?");
    loop {
        match session.ask(&question)?.as_str() {
            "k" | "keep" => return Some(Existing::Skip),
            "t" | "take" => return Some(Existing::Replace),
            "m" | "merge" if merge => return Some(Existing::Merge),
            "f" | "fork" if fork => return Some(Existing::Fork),
            "d" | "diff" => {
                print(planned.preview.as_ref().map(|preview| files_text(&preview.files)).unwrap_or_default())
            }
            "s" | "stop" => return None,
            _ => print("Answer with one of the letters in brackets\n".to_owned()),
        }
    }
}
