//! `server.json` of the MCP registry: the form that matters, and what would be started.

use serde_json::Value;

use super::unseen::{self, Told};
use super::{ArtifactFile, At, Report, told, told_command};
use crate::model::TreePath;
use crate::scan::{Severity, parse_json};

/// Longest description, in characters, of the registry's schema.
const MAX_DESCRIPTION_CHARS: usize = 100;

/// Longest version, in characters, of the registry's schema.
const MAX_VERSION_CHARS: usize = 255;

/// Variables that make a program load or run something else (row 113 of the attack list).
const LOADER_VARIABLES: [&str; 16] = [
    "PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "DYLD_INSERT_LIBRARIES",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PERL5OPT",
    "RUBYOPT",
    "JAVA_TOOL_OPTIONS",
    "BASH_ENV",
    "ENV",
    "GIT_SSH_COMMAND",
    "HTTP_PROXY",
    "HTTPS_PROXY",
];

/// Reads the JSON file that an artifact must have; reports when it is missing or unreadable.
pub(super) fn json<'a>(
    report: &mut Report,
    files: &'a [ArtifactFile<'_>],
    name: &str,
    missing: &'static str,
    unreadable: &'static str,
) -> Option<(Value, &'a TreePath)> {
    let Some((path, _, bytes)) = files.iter().find(|(path, ..)| path.as_str() == name) else {
        if let Ok(path) = name.parse() {
            report.error(missing, At::file(&path), "the artifact has no such file");
        }
        return None;
    };
    let value = match parse_json(bytes) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("{error}: {}", told(&error.reason()));
            report.error(unreadable, At { path, line: error.line() }, message);
            unseen::in_escapes(report, path, bytes);
            return None;
        }
    };
    escapes(report, path, &value, &Told::of(std::str::from_utf8(bytes).unwrap_or_default()));
    Some((value, path))
}

/// Reports hidden characters that are written as escapes.
fn escapes(report: &mut Report, path: &TreePath, value: &Value, told: &Told) {
    match value {
        Value::String(text) => unseen::in_value(report, At::file(path), text, told),
        Value::Array(items) => items.iter().for_each(|item| escapes(report, path, item, told)),
        Value::Object(map) => {
            for (key, item) in map {
                unseen::in_value(report, At::file(path), key, told);
                escapes(report, path, item, told);
            }
        }
        _ => {}
    }
}

pub(super) fn check(report: &mut Report, files: &[ArtifactFile<'_>]) {
    let Some((value, path)) = json(report, files, "server.json", "mcp.missing-file", "mcp.unreadable") else {
        return;
    };
    let at = At::file(path);
    if !value.is_object() {
        return report.error("mcp.shape", at, "the file is not an object");
    }
    identity(report, at, &value);
    let packages = list(report, at, &value, "packages");
    let remotes = list(report, at, &value, "remotes");
    if packages.is_empty() && remotes.is_empty() && !starts_something(&value) {
        report.strict("mcp.nothing-to-run", Severity::Warning, at, "the server has neither packages nor remotes");
    }
    packages.iter().for_each(|package| self::package(report, at, package));
    remotes.iter().for_each(|remote| self::remote(report, at, remote));
    plain_commands(report, at, &value);
}

fn identity(report: &mut Report, at: At<'_>, value: &Value) {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if !is_server_name(text("name")) {
        let message = format!("'{}' is not a name such as 'io.github.owner/server'", told(text("name")));
        report.strict("mcp.name-form", Severity::Warning, at, message);
    }
    if !(1..=MAX_DESCRIPTION_CHARS).contains(&text("description").chars().count()) {
        let message = format!("the description does not have 1 to {MAX_DESCRIPTION_CHARS} characters");
        report.strict("mcp.description-length", Severity::Warning, at, message);
    }
    if !is_version(text("version")) {
        let message = format!("'{}' is not one version", told(text("version")));
        report.strict("mcp.version-form", Severity::Warning, at, message);
    }
}

/// `^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`, 3 to 200 characters.
fn is_server_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    let Some((space, server)) = name.split_once('/') else {
        return false;
    };
    let server_plain = server.bytes().all(|b| plain(b) || b == b'_');
    name.len() <= 200 && !space.is_empty() && !server.is_empty() && space.bytes().all(plain) && server_plain
}

/// Tells one version from a range, a tag that moves, and nothing.
fn is_version(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let range = version.contains(|c: char| "^~<>=*|, ".contains(c) || c.is_control());
    let wild = core.split('.').any(|part| part.eq_ignore_ascii_case("x"));
    (1..=MAX_VERSION_CHARS).contains(&version.chars().count()) && !range && !wild && version != "latest"
}

fn list<'a>(report: &mut Report, at: At<'_>, value: &'a Value, key: &str) -> &'a [Value] {
    match value.get(key) {
        None => &[],
        Some(Value::Array(items)) => items,
        Some(_) => {
            report.error("mcp.shape", at, format!("'{key}' is not a list"));
            &[]
        }
    }
}

fn package(report: &mut Report, at: At<'_>, package: &Value) {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let (Some(registry), Some(identifier)) = (text("registryType"), text("identifier")) else {
        return report.error("mcp.shape", at, "a package has no registryType or no identifier");
    };
    let is_pinned = match registry {
        "oci" => {
            identifier.contains("@sha256:")
                || identifier.rsplit_once(':').is_some_and(|(_, tag)| is_version(tag) && !tag.contains('/'))
        }
        "mcpb" => text("fileSha256").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())),
        _ => text("version").is_some_and(is_version),
    };
    if !is_pinned {
        let message =
            format!("package '{}' is not pinned to one version: what it runs can change any day", told(identifier));
        report.strict("mcp.unpinned", Severity::Warning, at, message);
    }
    let argv = Value::from(command_line(package, registry, identifier));
    report.add("mcp.command", Severity::Info, at, format!("starts {}", told_command(&argv.to_string())));
    for variable in list(report, at, package, "environmentVariables") {
        self::variable(report, at, variable);
    }
    for key in ["runtimeArguments", "packageArguments"] {
        list(report, at, package, key).iter().for_each(|argument| secret_value(report, at, argument));
    }
    if let Some(transport) = package.get("transport").filter(|transport| transport.get("url").is_some()) {
        remote(report, at, transport);
    }
}

/// Returns what a client would start, by the mapping of the MCP registry's `server.json`.
fn command_line(package: &Value, registry: &str, identifier: &str) -> Vec<String> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let version = text("version").unwrap_or("latest");
    let (program, item) = match registry {
        "npm" => ("npx", format!("{identifier}@{version}")),
        "pypi" => ("uvx", format!("{identifier}=={version}")),
        "oci" => ("docker", identifier.to_owned()),
        "nuget" => ("dnx", format!("{identifier}@{version}")),
        other => (other, identifier.to_owned()),
    };
    let mut argv = vec![text("runtimeHint").unwrap_or(program).to_owned()];
    argv.extend(arguments(package, "runtimeArguments"));
    argv.push(item);
    argv.extend(arguments(package, "packageArguments"));
    argv
}

fn arguments(package: &Value, key: &str) -> Vec<String> {
    let mut argv = Vec::new();
    for argument in package.get(key).and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| argument.get(key).and_then(Value::as_str);
        let is_secret = argument.get("isSecret").and_then(Value::as_bool) == Some(true);
        if text("type") == Some("named") {
            argv.extend(text("name").map(str::to_owned));
        }
        match (text("value").or(text("default")), text("valueHint")) {
            (Some(_), _) if is_secret => argv.push("…".to_owned()),
            (Some(value), _) => argv.push(value.to_owned()),
            (None, Some(hint)) => argv.push(format!("<{hint}>")),
            (None, None) => {}
        }
    }
    argv
}

fn variable(report: &mut Report, at: At<'_>, variable: &Value) {
    let name = variable.get("name").and_then(Value::as_str).unwrap_or_default();
    if LOADER_VARIABLES.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        let message = format!("sets '{}', which decides what programs load or where they connect", told(name));
        report.add("mcp.environment", Severity::Warning, at, message);
    }
    secret_value(report, at, variable);
}

/// Reports a value that is declared secret and stands there for everyone to read.
fn secret_value(report: &mut Report, at: At<'_>, input: &Value) {
    let is_secret = input.get("isSecret").and_then(Value::as_bool) == Some(true);
    let literal = ["value", "default"]
        .iter()
        .any(|key| input.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty() && !text.contains('{')));
    if is_secret && literal {
        let name = input.get("name").and_then(Value::as_str).unwrap_or_default();
        report.error(
            "mcp.secret-value",
            at,
            format!("'{}' is declared secret and has its value written down", told(name)),
        );
    }
}

fn remote(report: &mut Report, at: At<'_>, remote: &Value) {
    let Some(url) = remote.get("url").and_then(Value::as_str) else {
        return report.error("mcp.shape", at, "a remote has no url");
    };
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return report.error("mcp.credentials", at, "the url of a remote holds a user name or password");
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match scheme {
        "https" => {}
        "http" if is_local => {}
        "http" => report.strict(
            "mcp.plain-http",
            Severity::Warning,
            at,
            format!("'{}' can be read and changed on the way", told(url)),
        ),
        _ => report.error("mcp.shape", at, format!("'{}' is neither https nor http", told(url))),
    }
    report.add("mcp.remote", Severity::Info, at, format!("connects to '{}'", told_command(url)));
    for header in list(report, at, remote, "headers") {
        secret_value(report, at, header);
    }
}

/// Reports `command` and `args` as clients write them, wherever they stand.
fn plain_commands(report: &mut Report, at: At<'_>, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| plain_commands(report, at, item)),
        Value::Object(map) => {
            if let Some(command) = map.get("command").filter(|command| command.is_string()) {
                let mut argv = vec![command.clone()];
                argv.extend(map.get("args").and_then(Value::as_array).into_iter().flatten().cloned());
                let message = format!("starts {}", told_command(&Value::from(argv.clone()).to_string()));
                report.add("mcp.command", Severity::Info, at, message);
                let words: Vec<&str> = argv.iter().filter_map(Value::as_str).collect();
                plain_command(report, at, &words, map.get("env"));
            }
            map.values().for_each(|item| plain_commands(report, at, item));
        }
        _ => {}
    }
}

/// Says whether a client's command stands anywhere in it.
fn starts_something(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(starts_something),
        Value::Object(map) => map.get("command").is_some_and(Value::is_string) || map.values().any(starts_something),
        _ => false,
    }
}

/// Reports what there is to know of a command beside its words.
fn plain_command(report: &mut Report, at: At<'_>, words: &[&str], env: Option<&Value>) {
    let Some((command, arguments)) = words.split_first() else { return };
    let is_absolute = command.starts_with('/') || command.starts_with('~') || command.contains(":\\");
    if !is_absolute && command.contains(['/', '\\']) {
        let message = format!("what '{}' is depends on the folder that the client was started in", told(command));
        report.add("mcp.relative-command", Severity::Warning, at, message);
    }
    // Runners that fetch what they are to run.
    if let Some(package) = matches!(*command, "npx" | "bunx" | "uvx" | "pipx")
        .then(|| arguments.iter().find(|word| !word.starts_with('-') && **word != "run"))
        .flatten()
    {
        let version =
            package.split_once("==").or_else(|| package.rsplit_once('@').filter(|(name, _)| !name.is_empty()));
        if !version.is_some_and(|(_, version)| is_version(version)) {
            let message =
                format!("package '{}' is not pinned to one version: what it runs can change any day", told(package));
            report.strict("mcp.unpinned", Severity::Warning, at, message);
        }
    }
    let names: Vec<&str> =
        env.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let (loaders, others): (Vec<&str>, Vec<&str>) =
        names.into_iter().partition(|name| LOADER_VARIABLES.iter().any(|known| known.eq_ignore_ascii_case(name)));
    for name in loaders {
        let message = format!("sets '{}', which decides what programs load or where they connect", told(name));
        report.add("mcp.environment", Severity::Warning, at, message);
    }
    if !others.is_empty() {
        report.add("mcp.environment", Severity::Info, at, format!("sets {}", told(&others.join(", "))));
    }
}
