//! Moving the scripts that commands name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Hooks, HooksError};
use crate::model::ArtifactName;
use crate::model::TreePath;
use crate::model::json_text::rewrite;

/// Both ways in which commands write the plugin's folder; the second is left to the shell.
const ROOTS: [&str; 2] = ["${CLAUDE_PLUGIN_ROOT}", "$CLAUDE_PLUGIN_ROOT"];

/// Returns `hooks` with every reference to a file of the artifact replaced by `<base>/F`.
///
/// `hooks` is a whole `hooks.json` or any part of one; only `command` and `args` of handlers change. `files` are
/// the artifact's files, relative to its folder; a folder of them counts too. `base` is written as it is, except
/// that a shell command gets quotes around a base with a variable or white space in it where it has none.
#[must_use]
pub fn relocate(hooks: &Value, name: &ArtifactName, files: &[TreePath], base: &str) -> Value {
    let forward = Forward { name, files, base };
    mapped(hooks, &|text, shell| forward.text(text, shell))
}

/// Returns `deployed` with `<base>/F` replaced by the place in a plugin: the inverse of [`relocate`].
///
/// A command that `old`, the artifact's `hooks.json`, would be deployed as becomes the command that stands there;
/// the others get the spelling that `old` mostly uses.
#[must_use]
pub fn relocate_back(deployed: &Value, old: &Value, name: &ArtifactName, files: &[TreePath], base: &str) -> Value {
    let forward = Forward { name, files, base };
    let known = std::cell::RefCell::new(BTreeMap::new());
    let counts = std::cell::Cell::new((0usize, 0usize));
    mapped(old, &|text, shell| {
        known.borrow_mut().entry((forward.text(text, shell), shell)).or_insert_with(|| text.to_owned());
        let (long, short) = counts.get();
        let is_long = text.contains(&format!("/hooks/{name}"));
        counts.set(if is_long { (long + 1, short) } else { (long, short + usize::from(text.contains("/hooks/"))) });
        text.to_owned()
    });
    let (known, (long, short)) = (known.into_inner(), counts.get());
    let canonical = format!("/hooks/{name}");
    let preferred = if short > long { "/hooks" } else { canonical.as_str() };
    let back = |text: &str, place: &str| {
        let single = text.replace(&format!("'\"{base}\"'"), &format!("{}{place}", ROOTS[0]));
        let quoted = single.replace(&format!("\"{base}\"/"), &format!("\"{}\"{place}/", ROOTS[0]));
        quoted.replace(base, &format!("{}{place}", ROOTS[0]))
    };
    mapped(deployed, &|text, shell| match known.get(&(text.to_owned(), shell)) {
        Some(original) => original.clone(),
        None => {
            let short = back(text, preferred);
            if forward.text(&short, shell) == text { short } else { back(text, &canonical) }
        }
    })
}

/// Returns the `hooks.json` that deploys as `deployed`: `{EVENT: [group, …]}` as found at a client.
///
/// What did not change keeps its bytes; an untouched deployment gives `old` itself.
///
/// # Errors
/// [`HooksError`] when `old` or `deployed` is not hooks.
pub fn updated(
    old: &[u8],
    deployed: &Value,
    name: &ArtifactName,
    files: &[TreePath],
    base: &str,
) -> Result<Vec<u8>, HooksError> {
    let before = Hooks::parse(old)?;
    let mut new = before.value().clone();
    new["hooks"] = relocate_back(deployed, before.value(), name, files, base);
    let new = Hooks::from_value(new)?;
    rewrite(old, new.value()).map_err(HooksError::Json)
}

/// Returns the `hooks.json` of an artifact that is called `to` and no longer `from`; `None` for what is no hooks.
///
/// `files` are the artifact's files, relative to its folder. Scripts that commands name by its folder are named by the new one.
pub fn renamed_hooks(bytes: &[u8], from: &ArtifactName, to: &ArtifactName, files: &[TreePath]) -> Option<Vec<u8>> {
    let old = Hooks::parse(bytes).ok()?;
    let new = relocate(old.value(), from, files, &format!("{}/hooks/{to}", ROOTS[0]));
    rewrite(bytes, &new).ok()
}

/// Returns the references to the plugin's folder that are not files of the artifact, sorted.
///
/// They name something that is not deployed with it, so the command would fail.
pub fn unresolved(hooks: &Value, name: &ArtifactName, files: &[TreePath]) -> Vec<String> {
    let found = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let forward = Forward { name, files, base: "" };
    mapped(hooks, &|text, _| {
        let mut rest = text;
        while let Some((at, root)) = next_root(rest) {
            let here = &rest[at..];
            if forward.reference(here, root).is_none() {
                let after = &here[root.len()..];
                let end = after.find(|c: char| c.is_whitespace() || "\"'`;&|<>()$".contains(c)).unwrap_or(after.len());
                found.borrow_mut().insert(format!("{root}{}", &after[..end]));
            }
            rest = &here[root.len()..];
        }
        text.to_owned()
    });
    found.into_inner().into_iter().collect()
}

/// Rewrites the strings of handlers that name programs; `shell` says whether a shell reads the string.
fn mapped(value: &Value, change: &dyn Fn(&str, bool) -> String) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| mapped(item, change)).collect(),
        Value::Object(map) => {
            let shell = !map.contains_key("args") && map.get("shell").is_none_or(|shell| shell == "bash");
            let member = |(key, value): (&String, &Value)| {
                let new = match (key.as_str(), value) {
                    ("command", Value::String(text)) => change(text, shell).into(),
                    ("args", Value::Array(args)) => args
                        .iter()
                        .map(|arg| arg.as_str().map_or_else(|| arg.clone(), |text| change(text, false).into()))
                        .collect(),
                    _ => mapped(value, change),
                };
                (key.clone(), new)
            };
            map.iter().map(member).collect()
        }
        other => other.clone(),
    }
}

/// Returns the place and spelling of the next reference to the plugin's folder.
fn next_root(text: &str) -> Option<(usize, &'static str)> {
    let boundary = |end: usize| !text[end..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let found = ROOTS.iter().flat_map(|root| text.match_indices(root).map(move |(at, _)| (at, *root)));
    found.filter(|(at, root)| root.ends_with('}') || boundary(at + root.len())).min()
}

struct Forward<'a> {
    name: &'a ArtifactName,
    files: &'a [TreePath],
    base: &'a str,
}

/// A reference to a file of the artifact.
struct Reference<'t> {
    /// Its length in the text.
    length: usize,
    /// Whether a quote stands between the plugin's folder and the rest: `"${CLAUDE_PLUGIN_ROOT}"/hooks/F`.
    quote: &'t str,
    /// What follows the artifact's folder: `/F`, or nothing.
    rest: &'t str,
}

impl Forward<'_> {
    fn text(&self, text: &str, shell: bool) -> String {
        let (mut out, mut at) = (String::new(), 0);
        while let Some((step, root)) = next_root(&text[at..]) {
            let start = at + step;
            out.push_str(&text[at..start]);
            at = start + root.len();
            match self.reference(&text[start..], root) {
                None => out.push_str(root),
                Some(found) => {
                    at = start + found.length;
                    let variable = self.base.contains(|c: char| c == '$' || c.is_whitespace());
                    let ours = self.base.starts_with(ROOTS[0]);
                    let quotes = if shell && variable && !ours { quotes(&text[..start]) } else { Quotes::Double };
                    out.push_str(&match quotes {
                        Quotes::None => format!("\"{}\"{}", self.base, found.rest),
                        // Single quotes would keep the variable from being expanded.
                        Quotes::Single => format!("'\"{}\"'{}", self.base, found.rest),
                        Quotes::Double => format!("{}{}{}", self.base, found.quote, found.rest),
                    });
                }
            }
        }
        out.push_str(&text[at..]);
        out
    }

    /// Reads a reference that `text` starts with.
    fn reference<'t>(&self, text: &'t str, root: &str) -> Option<Reference<'t>> {
        let after = &text[root.len()..];
        let quote = if after.starts_with("\"/") { "\"" } else { "" };
        let inside = after[quote.len()..].strip_prefix("/hooks")?;
        let long = inside.strip_prefix('/').and_then(|inside| inside.strip_prefix(self.name.as_str()));
        let (inside, rest) = match (long.and_then(|inside| Some((inside, self.known(inside)?))), self.known(inside)) {
            (Some((inside, length)), _) => (inside, &inside[..length]),
            // The folder itself is only ours in the long form.
            (None, Some(length)) if length > 0 => (inside, &inside[..length]),
            _ => return None,
        };
        let length = text.len() - inside.len() + rest.len();
        Some(Reference { length, quote, rest })
    }

    /// Returns the length of the longest `/F` that `text` starts with, 0 for the folder itself.
    fn known(&self, text: &str) -> Option<usize> {
        let ends = |length: usize| {
            !text[length..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))
        };
        let slash = text.strip_prefix('/');
        let file = |path: &str| {
            let length = path.len() + 1;
            (slash?.starts_with(path) && ends(length)).then_some(length)
        };
        let folders = |path: &str| -> Vec<usize> { path.match_indices('/').map(|(at, _)| at).collect() };
        let all = self.files.iter().map(TreePath::as_str).flat_map(|path| {
            std::iter::once(file(path)).chain(folders(path).into_iter().map(move |at| file(&path[..at])))
        });
        let longest = all.flatten().max();
        longest.or_else(|| ends(0).then_some(0))
    }
}

/// Quotes that are open somewhere in shell text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// Returns which quotes are open at the end of a piece of shell text.
fn quotes(text: &str) -> Quotes {
    let (mut open, mut escaped) = (Quotes::None, false);
    for c in text.chars() {
        open = match (c, open) {
            _ if escaped => {
                escaped = false;
                open
            }
            ('\\', Quotes::None | Quotes::Double) => {
                escaped = true;
                open
            }
            ('"', Quotes::None) => Quotes::Double,
            ('\'', Quotes::None) => Quotes::Single,
            ('"', Quotes::Double) | ('\'', Quotes::Single) => Quotes::None,
            _ => open,
        };
    }
    open
}
