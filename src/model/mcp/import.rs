//! A definition made from a client's entry.

use serde_json::{Map, Value, json};

use super::definition::is_address;
use super::launch::Named;
use super::package::{Registry, unpinned};
use super::secret::{looks_secret_name, refuse_secrets};
use super::{EXTRA_META, LAUNCH_META, Launch, McpError, SERVER_SCHEMA, ServerDefinition, Template, is_entry_name};

/// Namespace of definitions made from a client's entry: `local.skillmeat/<name>`.
///
/// Reversed it is a name below `.local`, which can never be registered (RFC 6762), so nobody's namespace in a
/// registry is claimed; whoever publishes the server gives it a name of their own.
pub const LOCAL_NAMESPACE: &str = "local.skillmeat";

/// Options of `docker run` that take the next word as their value.
const DOCKER_VALUE_OPTIONS: [&str; 17] = [
    "-v",
    "--volume",
    "--mount",
    "--network",
    "--net",
    "--name",
    "-p",
    "--publish",
    "-u",
    "--user",
    "-w",
    "--workdir",
    "--env-file",
    "--entrypoint",
    "--add-host",
    "--platform",
    "--pull",
];

/// Makes a `server.json` from an entry named `name` of a client's configuration.
///
/// `npx -y pkg@1.2.3`, `uvx pkg==1.2.3`, `docker run -i --rm … image` and `dnx pkg@1.2.3 --yes` become packages,
/// a `url` becomes a remote, anything else is kept in `_meta` under [`LAUNCH_META`]. The result always launches
/// as exactly this entry. `"NAME": "${NAME}"` in `env` becomes a variable without a value.
///
/// # Errors
/// [`McpError::Name`], [`McpError::Entry`], [`McpError::Transport`], and [`McpError::SecretLiteral`] when a value
/// looks like a secret: a collection is shared, so it never holds one.
pub fn from_entry(name: &str, entry: &Value) -> Result<Value, McpError> {
    if !is_entry_name(name) {
        return Err(McpError::Name(name.chars().take(80).collect()));
    }
    let launch = Launch::from_client_entry(entry)?;
    refuse_secrets(&launch)?;
    let packaged = |version: Option<String>, key: &str, body: Value| -> Option<Value> {
        let mut out = head(name, version.as_deref());
        out.insert(key.to_owned(), Value::Array(vec![body]));
        extras(&mut out, &launch);
        let out = Value::Object(out);
        let same = ServerDefinition::from_value(&out).and_then(|definition| definition.launch()) == Ok(launch.clone());
        same.then_some(out)
    };
    let form = match &launch {
        Launch::Stdio { .. } => package(&launch).and_then(|(version, body)| packaged(version, "packages", body)),
        Launch::Remote { url, .. } if is_address(&url.to_string()) => packaged(None, "remotes", remote(&launch)),
        Launch::Remote { .. } => None,
    };
    Ok(form.unwrap_or_else(|| {
        let mut out = head(name, None);
        out.insert("_meta".to_owned(), json!({LAUNCH_META: launch.to_client_entry()}));
        Value::Object(out)
    }))
}

fn head(name: &str, version: Option<&str>) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("$schema".to_owned(), SERVER_SCHEMA.into());
    out.insert("name".to_owned(), format!("{LOCAL_NAMESPACE}/{name}").into());
    out.insert("description".to_owned(), format!("MCP server {name}").into());
    out.insert("version".to_owned(), version.unwrap_or("0.0.0").into());
    out
}

fn extras(out: &mut Map<String, Value>, launch: &Launch) {
    let (Launch::Stdio { extra, .. } | Launch::Remote { extra, .. }) = launch;
    if !extra.is_empty() {
        out.insert("_meta".to_owned(), json!({EXTRA_META: extra}));
    }
}

/// Returns a variable or header with its value.
pub(super) fn key_value(what: Named, name: &str, value: &Template) -> Value {
    let mut out = Map::from_iter([("name".to_owned(), name.into())]);
    if value.is_variable(&what.variable(name)) {
        out.insert("isRequired".to_owned(), true.into());
        if looks_secret_name(name) {
            out.insert("isSecret".to_owned(), true.into());
        }
    } else {
        out.insert("value".to_owned(), value.to_string().into());
    }
    Value::Object(out)
}

pub(super) fn positional(word: &Template) -> Value {
    json!({"type": "positional", "value": word.to_string()})
}

fn remote(launch: &Launch) -> Value {
    let Launch::Remote { transport, url, headers, .. } = launch else { return Value::Null };
    let mut out = json!({"type": transport.word(), "url": url.to_string()});
    if !headers.is_empty() {
        out["headers"] = headers.iter().map(|(name, value)| key_value(Named::Header, name, value)).collect();
    }
    out
}

/// Returns the package of a command line, and its version.
fn package(launch: &Launch) -> Option<(Option<String>, Value)> {
    let Launch::Stdio { command, args, env, cwd: None, .. } = launch else { return None };
    let registry = match command.literal()? {
        "npx" => Registry::Npm,
        "uvx" => Registry::Pypi,
        "docker" | "podman" => Registry::Oci,
        "dnx" => Registry::Nuget,
        _ => return None,
    };
    let line = command_line(registry, args)?;
    let (identifier, version) = unpinned(registry, line.package)?;
    let mut out = json!({
        "registryType": registry.word(),
        "identifier": identifier,
        "transport": {"type": "stdio"},
    });
    if command.literal() != Some(registry.runtime()) {
        out["runtimeHint"] = command.to_string().into();
    }
    if let Some(version) = &version {
        out["version"] = version.as_str().into();
    }
    if !line.runtime.is_empty() {
        out["runtimeHint"] = command.to_string().into();
        out["runtimeArguments"] = line.runtime.into();
    }
    if !line.own.is_empty() {
        out["packageArguments"] = line.own.iter().map(positional).collect();
    }
    // The order of `-e` is part of a container's command line, so it decides the order of the variables.
    let position = |name: &str| line.passed.iter().position(|passed| *passed == name);
    let mut variables: Vec<_> = env.iter().collect();
    variables.sort_by_key(|(name, _)| position(name));
    if !variables.is_empty() {
        out["environmentVariables"] =
            variables.into_iter().map(|(name, value)| key_value(Named::Variable, name, value)).collect();
    }
    let tag =
        || identifier.rsplit_once('/').map_or(identifier.as_str(), |(_, image)| image).split_once(':').map(|(_, t)| t);
    let version = version.or_else(|| {
        let tag = tag().filter(|_| registry == Registry::Oci && !identifier.contains('@'))?;
        super::definition::is_single_version(tag).then(|| tag.to_owned())
    });
    Some((version, out))
}

/// A command line taken apart.
struct Line<'a> {
    runtime: Vec<Value>,
    /// Names passed into a container with `-e NAME`.
    passed: Vec<&'a str>,
    package: &'a str,
    own: &'a [Template],
}

fn command_line(registry: Registry, args: &[Template]) -> Option<Line<'_>> {
    let word = |index: usize| args.get(index).and_then(Template::literal);
    let line = |at: usize, skip: usize| {
        Some(Line { runtime: Vec::new(), passed: Vec::new(), package: word(at)?, own: args.get(at + skip..)? })
    };
    match registry {
        Registry::Npm => (word(0)? == "-y").then(|| line(1, 1))?,
        Registry::Pypi => line(0, 1),
        Registry::Nuget => (word(1)? == "--yes").then(|| line(0, if word(2) == Some("--") { 3 } else { 2 }))?,
        Registry::Oci => container(args),
    }
}

/// Takes apart `run -i --rm [options] [-e NAME]… image [arguments]`.
fn container(args: &[Template]) -> Option<Line<'_>> {
    let rest = match args {
        [run, i, rm, rest @ ..] if [run, i, rm].map(Template::literal) == [Some("run"), Some("-i"), Some("--rm")] => {
            rest
        }
        _ => return None,
    };
    let (mut runtime, mut passed, mut at) = (Vec::new(), Vec::new(), 0);
    loop {
        let option = rest.get(at)?;
        let text = option.to_string();
        let value = rest.get(at + 1);
        if text == "-e" {
            passed.push(value?.literal().filter(|name| !name.contains('='))?);
            at += 2;
        } else if DOCKER_VALUE_OPTIONS.contains(&text.as_str()) {
            runtime.push(json!({"type": "named", "name": text, "value": value?.to_string()}));
            at += 2;
        } else if text.starts_with("--") && text.contains('=') {
            runtime.push(positional(option));
            at += 1;
        } else if text.starts_with('-') {
            // Whether an unknown option takes a value is not known, so neither is where the image stands.
            return None;
        } else {
            return Some(Line { runtime, passed, package: option.literal()?, own: &rest[at + 1..] });
        }
    }
}
