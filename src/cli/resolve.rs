//! `resolve`: a person decides what two sides changed.

use std::path::{Path, PathBuf};

use super::consent;
use super::failure::Failure;
use super::powers::powers_text;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, brief, clean, count};
use crate::git::edit_files;
use crate::model::Class;
use crate::ops::collection::{self, Consents, Decision, Powers, Resolved};

pub(super) fn resolve(session: &Session, name: &str, decision: Option<Decision>, yes: bool) -> Result<Report, Failure> {
    let decision = match decision {
        Some(decision) => decision,
        None => {
            // No lock is held while a person edits; what changes meanwhile makes the layout stale, and is noticed.
            let mut collection = session.collection()?;
            collection.repo.gather();
            let artifact = collection.find(name)?;
            let laid_out = collection::lay_out(&collection, &artifact)?;
            if !session.can_ask() {
                let text = laid_out_text(&laid_out);
                return Ok(Report::new("resolve", &laid_out, text));
            }
            edit(session, &laid_out)?;
            if !session.confirm("Take the files as they are now?") {
                return Ok(Report::new("resolve", &laid_out, laid_out_text(&laid_out)));
            }
            Decision::Edited
        }
    };
    settle(session, name, decision, yes)
}

/// Starts the user's merge tool, and takes what it made of all files.
pub(super) fn use_tool(session: &Session, name: &str, tool: &str, yes: bool) -> Result<Report, Failure> {
    let mut collection = session.collection()?;
    collection.repo.gather();
    let artifact = collection.find(name)?;
    let tool = Some(tool).filter(|tool| !tool.is_empty());
    let (laid_out, merged) = collection::merge_tool(&session.context, &collection, &artifact, tool)?;
    if merged {
        return settle(session, name, Decision::Edited, yes);
    }
    let report = Report::new("resolve", &laid_out, laid_out_text(&laid_out));
    Ok(report.note("the merge tool did not merge everything").status(Class::Conflict.exit_status()))
}

fn settle(session: &Session, name: &str, decision: Decision, yes: bool) -> Result<Report, Failure> {
    let (collection, _lock) = session.collection_to_change()?;
    let artifact = collection.find(name)?;
    let agree = |consents: &Consents, powers: &Powers| {
        yes || consent::require(session, consents, || powers_text(powers)).is_ok()
    };
    let done = collection::resolve(&session.context, &collection, &artifact, decision, agree)?;
    let text = match (&done.commit, decision) {
        (_, Decision::Abort) => format!("Gave up the update of {NAME}{artifact}{NAME:#}; it is as it was\n"),
        (Some(commit), _) => {
            format!(
                "Resolved {NAME}{artifact}{NAME:#}, {}\nCommit {}\n",
                count(done.changed.len(), "file"),
                brief(commit)
            )
        }
        (None, _) => format!("Resolved {NAME}{artifact}{NAME:#}; no file changed\n"),
    };
    Ok(Report::new("resolve", &done, text))
}

fn laid_out_text(laid_out: &Resolved) -> String {
    let mut text = String::new();
    if let Some(folder) = &laid_out.folder {
        text.push_str(&format!("Laid out in {}:\n", folder.display()));
    }
    for path in &laid_out.conflicts {
        text.push_str(&format!("  both sides changed {}\n", clean(path)));
    }
    let artifact = &laid_out.artifact;
    text + &format!(
        "Edit the files, then `git skillmeat resolve {artifact} --continue`, or `--ours`, `--theirs`, `--abort`\n"
    )
}

/// Opens the user's own editor on the files that both sides changed.
fn edit(session: &Session, laid_out: &Resolved) -> Result<(), Failure> {
    let Some(folder) = &laid_out.folder else { return Ok(()) };
    let files = laid_out.conflicts.iter().map(|path| folder.join(path)).filter(|path| Path::is_file(path));
    let files: Vec<PathBuf> = files.collect();
    let editor = session.settings.editor.clone().unwrap_or_else(|| "vi".to_owned());
    if edit_files(&editor, &files) {
        return Ok(());
    }
    let message = format!("the editor '{}' failed", clean(&editor));
    Err(Failure::new(Class::Io, message, "set another with `git config core.editor`"))
}
