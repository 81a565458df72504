//! Bringing an edited entry back into the definition it came from.

use serde_json::{Value, json};

use super::definition::{Argument, value as read};
use super::import::{key_value, positional};
use super::launch::{Extra, Named, Origin};
use super::package::{Registry, argument, unpinned};
use super::secret::refuse_secrets;
use super::{EXTRA_META, LAUNCH_META, Launch, McpError, ServerDefinition, Template};
use crate::model::json_text::rewrite;

/// Returns the definition `old` changed so that it launches as `entry`, an edited entry of a client.
///
/// What the edit does not touch keeps its bytes: descriptions, order, comments. An entry that already is the
/// launch of `old` (a missing `type` counts as the default) gives `old` itself.
///
/// # Errors
/// [`McpError::SecretLiteral`] when the edit put a secret in; [`McpError::NotExpressible`] when the definition's
/// form cannot say the entry, such as another kind of transport. Nothing is changed then.
pub fn updated_from_entry(old: &[u8], entry: &Value) -> Result<Vec<u8>, McpError> {
    let value = read(old)?;
    let (before, origin) = ServerDefinition::from_value(&value)?.launch_with_origin()?;
    let after = Launch::from_client_entry(entry)?;
    if before == after {
        return Ok(old.to_vec());
    }
    refuse_secrets(&after)?;
    let mut new = value;
    match origin {
        Origin::Package(index) => change_package(&mut new["packages"][index], &before, &after)?,
        Origin::Remote(index) => change_remote(&mut new["remotes"][index], &before, &after)?,
        Origin::Meta => new["_meta"][LAUNCH_META] = after.to_client_entry(),
    }
    if origin != Origin::Meta {
        let (Launch::Stdio { extra, .. } | Launch::Remote { extra, .. }) = &after;
        change_extra(&mut new, extra);
    }
    if ServerDefinition::from_value(&new)?.launch().as_ref() != Ok(&after) {
        return Err(McpError::NotExpressible);
    }
    rewrite(old, &new).map_err(McpError::Json)
}

/// Writes the extras, and takes `_meta` away when nothing is left in it.
fn change_extra(new: &mut Value, extra: &Extra) {
    if !extra.is_empty() {
        new["_meta"][EXTRA_META] = json!(extra);
        return;
    }
    let meta = new.get_mut("_meta").and_then(Value::as_object_mut);
    if meta.is_some_and(|meta| meta.remove(EXTRA_META).is_some() && meta.is_empty()) {
        put(new, "_meta", Vec::new());
    }
}

/// Sets a list; an empty one goes with its member.
fn put(object: &mut Value, key: &str, list: Vec<Value>) {
    if !list.is_empty() {
        object[key] = Value::Array(list);
    } else if let Some(map) = object.as_object_mut() {
        map.remove(key);
    }
}

fn list(object: &Value, key: &str) -> Vec<Value> {
    object.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn change_remote(remote: &mut Value, before: &Launch, after: &Launch) -> Result<(), McpError> {
    let (
        Launch::Remote { transport: old_transport, url: old_url, headers: old_headers, .. },
        Launch::Remote { transport, url, headers, .. },
    ) = (before, after)
    else {
        return Err(McpError::NotExpressible);
    };
    if transport != old_transport {
        remote["type"] = transport.word().into();
    }
    if url != old_url {
        remote["url"] = url.to_string().into();
        put(remote, "variables", Vec::new());
    }
    let headers = key_values(Named::Header, list(remote, "headers"), old_headers, headers)?;
    put(remote, "headers", headers);
    Ok(())
}

type Values = std::collections::BTreeMap<String, Template>;

/// Changes variables or headers: the same stays, a new value replaces value and default, the rest goes or comes.
fn key_values(what: Named, mut items: Vec<Value>, before: &Values, after: &Values) -> Result<Vec<Value>, McpError> {
    let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
    items.retain(|item| name(item).is_none_or(|name| !before.contains_key(&name) || after.contains_key(&name)));
    for (wanted, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(value)) {
        match items.iter_mut().find(|item| name(item).as_ref() == Some(wanted)) {
            None => items.push(key_value(what, wanted, value)),
            Some(item) => {
                let plain = value.is_variable(&what.variable(wanted));
                set_value(item, (!plain).then_some(value), wanted)?;
                if plain {
                    item["isRequired"] = true.into();
                }
            }
        }
    }
    Ok(items)
}

/// Replaces value and default by `value`, or takes them away.
///
/// # Errors
/// [`McpError::SecretLiteral`] for text without a reference where the definition says that a secret stands.
fn set_value(input: &mut Value, value: Option<&Template>, place: &str) -> Result<(), McpError> {
    let secret = input.get("isSecret") == Some(&Value::Bool(true));
    if secret && value.is_some_and(|value| value.literal().is_some()) {
        return Err(McpError::SecretLiteral { place: place.to_owned() });
    }
    let map = input.as_object_mut().ok_or(McpError::NotExpressible)?;
    for key in ["value", "default", "variables"] {
        map.remove(key);
    }
    if let Some(value) = value {
        map.insert("value".to_owned(), value.to_string().into());
    }
    Ok(())
}

fn change_package(package: &mut Value, before: &Launch, after: &Launch) -> Result<(), McpError> {
    let (Launch::Stdio { command: old_command, env: old_env, .. }, Launch::Stdio { command, args, env, cwd: None, .. }) =
        (before, after)
    else {
        return Err(McpError::NotExpressible);
    };
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let registry = Registry::from_word(&text(package, "registryType"))?;
    let identifier = text(package, "identifier");
    if command != old_command {
        package["runtimeHint"] = command.literal().ok_or(McpError::NotExpressible)?.into();
    }
    let variables = key_values(Named::Variable, list(package, "environmentVariables"), old_env, env)?;
    put(package, "environmentVariables", variables);
    let (at, found, version) = find_package(registry, &identifier, args).ok_or(McpError::NotExpressible)?;
    if found != identifier {
        package["identifier"] = found.into();
    }
    if registry != Registry::Oci && package.get("version").and_then(Value::as_str) != version.as_deref() {
        // Without a version the member goes: `null` is not a string.
        put(package, "version", Vec::new());
        version.into_iter().for_each(|version| package["version"] = version.into());
    }
    let words = own_words(registry, &args[at + 1..]);
    let own = aligned(list(package, "packageArguments"), words)?;
    put(package, "packageArguments", own);
    let old = list(package, "runtimeArguments");
    let words = runtime_words(registry, command, &args[..at], env.len(), &old).ok_or(McpError::NotExpressible)?;
    let runtime = aligned(old, words)?;
    put(package, "runtimeArguments", runtime);
    Ok(())
}

/// Finds the word that names the same package, perhaps at another version.
fn find_package(registry: Registry, identifier: &str, args: &[Template]) -> Option<(usize, String, Option<String>)> {
    args.iter().enumerate().find_map(|(at, word)| {
        let (found, version) = unpinned(registry, word.literal()?)?;
        (image(registry, &found) == image(registry, identifier)).then_some((at, found, version))
    })
}

/// Returns the words behind the package that are its own.
fn own_words(registry: Registry, words: &[Template]) -> &[Template] {
    let is = |word: &Template, text: &str| word.literal() == Some(text);
    match (registry, words) {
        (Registry::Nuget, [yes, dashes, own @ ..]) if is(yes, "--yes") && is(dashes, "--") => own,
        (Registry::Nuget, [yes, own @ ..]) if is(yes, "--yes") => own,
        (_, own) => own,
    }
}

/// Returns the part of an identifier that says which package it is: an image without tag and digest.
fn image(registry: Registry, identifier: &str) -> &str {
    let plain = identifier.split('@').next().unwrap_or_default();
    match (registry, plain.rfind('/')) {
        (Registry::Oci, slash) => {
            let start = slash.map_or(0, |slash| slash + 1);
            plain[start..].find(':').map_or(plain, |colon| &plain[..start + colon])
        }
        _ => identifier,
    }
}

/// Returns the words before the package that the definition has to say itself.
fn runtime_words<'a>(
    registry: Registry,
    command: &Template,
    words: &'a [Template],
    variables: usize,
    old: &[Value],
) -> Option<&'a [Template]> {
    let said = |word: &str| {
        old.iter().any(|item| item.get("value").or(item.get("name")).and_then(Value::as_str) == Some(word))
    };
    match (registry, words) {
        (Registry::Npm, [first, rest @ ..])
            if command.literal() == Some("npx") && first.literal() == Some("-y") && !said("-y") =>
        {
            Some(rest)
        }
        (Registry::Oci, words) => {
            let words = if said("run") { words } else { words.get(3..)? };
            words.get(..words.len().checked_sub(2 * variables)?)
        }
        (_, words) => Some(words),
    }
}

/// Changes a list of arguments to give `words`, keeping those at both ends that still do.
fn aligned(old: Vec<Value>, words: &[Template]) -> Result<Vec<Value>, McpError> {
    let groups = old.iter().map(words_of).collect::<Result<Vec<_>, _>>()?;
    let (mut first, mut start) = (0, 0);
    while first < groups.len() && words[start..].starts_with(&groups[first]) {
        start += groups[first].len();
        first += 1;
    }
    let (mut last, mut end) = (groups.len(), words.len());
    while last > first && words[start..end].ends_with(&groups[last - 1]) {
        end -= groups[last - 1].len();
        last -= 1;
    }
    let middle = &words[start..end];
    let mut out = old;
    let new = match (&groups[first..last], middle.split_last()) {
        // One argument got another value: it keeps its description.
        ([group], Some((value, flag))) if group.split_last().is_some_and(|(_, old_flag)| old_flag == flag) => {
            let mut one = out[first].clone();
            set_value(&mut one, Some(value), "args")?;
            vec![one]
        }
        _ => middle.iter().map(positional).collect(),
    };
    out.splice(first..last, new);
    Ok(out)
}

fn words_of(item: &Value) -> Result<Vec<Template>, McpError> {
    argument(&serde_json::from_value::<Argument>(item.clone()).map_err(|_| McpError::NotExpressible)?)
}
