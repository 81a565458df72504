//! The user's own editor, started as git starts it.

use std::path::PathBuf;
use std::process::Command;

/// Opens `files` in `editor`, a command line for the shell, and waits for its end. Returns whether it succeeded.
pub fn edit_files(editor: &str, files: &[PathBuf]) -> bool {
    // The files stand behind the command line and are never part of it.
    let status = Command::new("sh").args(["-c", &format!("{editor} \"$@\""), editor]).args(files).status();
    status.is_ok_and(|status| status.success())
}
