//! `hooks.json`: its form, and every command in it.

use serde_json::Value;

use super::{ArtifactFile, At, Report, told, told_command};
use crate::model::hooks::{EVENTS, unresolved};
use crate::model::{ArtifactRef, TreePath};
use crate::scan::Severity;

/// Keys under which clients keep a command; the last ones choose it by system.
const COMMAND_KEYS: [&str; 7] = ["command", "bash", "powershell", "windows", "linux", "osx", "run"];

/// Places of keys and passwords that a hook has no business in.
const CREDENTIAL_PLACES: [&str; 11] = [
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    ".aws/",
    ".netrc",
    ".git-credentials",
    ".gnupg",
    "/etc/shadow",
    ".kube/config",
    ".docker/config.json",
    "find-generic-password",
];

/// Checks any file of a hook.
pub(super) fn file(report: &mut Report, path: &TreePath, bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        credentials(report, path, text);
    }
}

pub(super) fn check(report: &mut Report, artifact: &ArtifactRef, files: &[ArtifactFile<'_>]) {
    let Some((value, path)) = super::server::json(report, files, "hooks.json", "hook.missing-file", "hook.unreadable")
    else {
        return;
    };
    // Listed from anywhere in the file: a client with another form of it might run what ours does not expect.
    runs(report, path, "", &value);
    shape(report, path, &value);
    // A hook that was taken out of a plugin may call what stayed there.
    let own: Vec<TreePath> = files.iter().map(|(path, ..)| path.clone()).collect();
    for reference in unresolved(&value, &artifact.name, &own) {
        let message = format!("names '{}', which is no file of it", told(&reference));
        report.add("hook.names-no-file", Severity::Warning, At::file(path), message);
    }
}

fn credentials(report: &mut Report, path: &TreePath, text: &str) {
    for (number, line) in (1_u32..).zip(text.lines()) {
        if let Some(place) = CREDENTIAL_PLACES.iter().find(|place| line.contains(**place)) {
            let message = format!("the hook mentions '{place}', where credentials are kept");
            report.add("hook.credentials", Severity::Warning, At::line(path, number), message);
        }
    }
}

/// Reports everything that runs, asks or sends, with its place in the file.
fn runs(report: &mut Report, path: &TreePath, place: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                runs(report, path, &format!("{place}/{index}"), item);
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                let inner = format!("{place}/{key}");
                match (key.as_str(), item) {
                    (key, Value::String(text)) if COMMAND_KEYS.contains(&key) => {
                        let message = format!("{} runs {}", told(place), argv(text, map.get("args")));
                        report.add("hook.command", Severity::Info, At::file(path), message);
                    }
                    (key, Value::Array(_)) if COMMAND_KEYS.contains(&key) => {
                        let message = format!("{} runs {}", told(place), told_command(&item.to_string()));
                        report.add("hook.command", Severity::Info, At::file(path), message);
                    }
                    ("url", Value::String(url)) => {
                        let message = format!("{} sends data to '{}'", told(place), told_command(url));
                        report.add("hook.request", Severity::Info, At::file(path), message);
                    }
                    ("prompt", Value::String(text)) => {
                        let message = format!("{} asks a model '{}'", told(place), told_command(text));
                        report.add("hook.prompt", Severity::Info, At::file(path), message);
                    }
                    _ => runs(report, path, &inner, item),
                }
            }
        }
        _ => {}
    }
}

fn argv(command: &str, args: Option<&Value>) -> String {
    match args {
        Some(args) => format!("'{}' with the arguments {}", told_command(command), told_command(&args.to_string())),
        None => format!("'{}'", told_command(command)),
    }
}

fn shape(report: &mut Report, path: &TreePath, value: &Value) {
    let at = At::file(path);
    let Some(top) = value.as_object() else {
        return report.error("hook.shape", at, "the file is not an object");
    };
    for key in top.keys().filter(|key| !matches!(key.as_str(), "hooks" | "description" | "$schema")) {
        report.strict("hook.unknown-field", Severity::Warning, at, format!("'{}' is not known here", told(key)));
    }
    let Some(events) = top.get("hooks").and_then(Value::as_object) else {
        return report.error("hook.shape", at, "'hooks' is not an object of events");
    };
    for (event, groups) in events {
        if !EVENTS.contains(&event.as_str()) {
            report.add(
                "hook.unknown-event",
                Severity::Warning,
                at,
                format!("'{}' is not an event that is known", told(event)),
            );
        }
        let Some(groups) = groups.as_array() else {
            report.error("hook.shape", at, format!("'{}' is not a list", told(event)));
            continue;
        };
        for group in groups {
            match group.get("hooks").and_then(Value::as_array) {
                Some(handlers) => handlers.iter().for_each(|handler| handler_shape(report, at, event, handler)),
                None => report.error("hook.shape", at, format!("an entry of '{}' has no list of hooks", told(event))),
            }
        }
    }
}

fn handler_shape(report: &mut Report, at: At<'_>, event: &str, handler: &Value) {
    let text = |key: &str| handler.get(key).and_then(Value::as_str);
    let needed = match text("type") {
        Some("command") => "command",
        Some("http") => "url",
        Some("mcp_tool") => "tool",
        Some("prompt" | "agent") => "prompt",
        Some(other) => {
            let message = format!("'{}' is not a kind of hook", told(other));
            return report.strict("hook.unknown-type", Severity::Warning, at, message);
        }
        None => return report.error("hook.shape", at, format!("a hook of '{}' has no type", told(event))),
    };
    if text(needed).is_none_or(|text| text.trim().is_empty()) {
        report.error("hook.shape", at, format!("a hook of '{}' has no '{needed}'", told(event)));
    }
}
