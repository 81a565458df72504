//! What an artifact makes a client run, and what it may do, before an import and after it.
//!
//! A difference of files shows the same, but in a form that hides it: this says it by event and server, as argument lists.
//! Values of variables and headers are never among it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::Files;
use crate::git::{GitError, Repo};
use crate::model::hooks::Hooks;
use crate::model::mcp::{Launch, ServerDefinition, Strictness};
use crate::model::{ArtifactRef, Document, FileMode, Kind, TreePath, Value};

/// Largest main file that is read for what it makes a client do, in bytes: what hooks and servers may have.
const MAX_MAIN_FILE_BYTES: u64 = 1024 * 1024;

/// Keys of front matter that say what may be done without asking, or what runs.
const FIELDS: [&str; 6] = ["allowed-tools", "tools", "disallowedTools", "permissionMode", "hooks", "mcpServers"];

/// Members of a handler of hooks that are its words.
const WORDS: [&str; 7] = ["type", "command", "url", "server", "tool", "prompt", "args"];

/// What would change in what an artifact makes a client run, and in what it may do.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Powers {
    /// Hooks and servers that come, go or change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunChange>,
    /// Files that become executable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executable: Vec<TreePath>,
    /// Keys of the front matter, such as `allowed-tools`, that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Why the new main file does not say what it would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Powers {
    /// Says whether nothing of that changes.
    pub fn is_empty(&self) -> bool {
        let Self { runs, executable, fields, problem } = self;
        runs.is_empty() && executable.is_empty() && fields.is_empty() && problem.is_none()
    }
}

/// A hook or a server before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunChange {
    /// When it runs: the event of a hook with its matcher, or `server`.
    pub when: String,
    /// What it runs now; absent for a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Run>,
    /// What it would run; absent for one that goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Run>,
    /// Names of variables, headers and other settings of which the value changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// What a client runs by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Run {
    /// The program and its arguments, or the address, prompt or tool: one item each.
    pub words: Vec<String>,
    /// Names of the variables or headers that it is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// A key of the front matter before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldChange {
    /// The key.
    pub field: String,
    /// Its value now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The value that it would have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Powers {
    /// Returns what an artifact runs and may do that is compared with nothing; `main` is its main file.
    pub(crate) fn of_new(artifact: &ArtifactRef, main: Option<&[u8]>, executable: Vec<TreePath>) -> Self {
        let too_large = |bytes: &&[u8]| bytes.len() as u64 > MAX_MAIN_FILE_BYTES;
        let seen = match main.filter(too_large) {
            Some(_) => Err("it is too large to be read".to_owned()),
            None => Seen::of(artifact.kind, main),
        };
        match seen {
            Ok(new) => {
                let (runs, fields) = (changed_runs(&[], &new.runs), changed_fields(&BTreeMap::new(), &new.fields));
                Self { runs, fields, executable, problem: None }
            }
            Err(problem) => Self { executable, problem: Some(problem), ..Self::default() },
        }
    }
}

/// Returns what changes between two states of an artifact.
///
/// # Errors
/// [`GitError::Missing`]; a file that cannot be understood is no error but a problem that is told.
pub(crate) fn powers(
    repo: &Repo,
    artifact: &ArtifactRef,
    (before, after): (&Files, &Files),
) -> Result<Powers, GitError> {
    let is_executable = |files: &Files, path| files.get(path).is_some_and(|(mode, _)| *mode == FileMode::Executable);
    let executable = after.keys().filter(|path| is_executable(after, path) && !is_executable(before, path)).cloned();
    let main = artifact.main_path();
    let mut out = Powers { executable: executable.collect(), ..Powers::default() };
    if before.get(&main) == after.get(&main) {
        return Ok(out);
    }
    let read = |files: &Files| -> Result<Result<Option<Vec<u8>>, String>, GitError> {
        match files.get(&main) {
            None => Ok(Ok(None)),
            Some((_, id)) if repo.size(*id)? > MAX_MAIN_FILE_BYTES => Ok(Err("it is too large to be read".to_owned())),
            Some((_, id)) => Ok(Ok(Some(repo.blob(*id, MAX_MAIN_FILE_BYTES)?))),
        }
    };
    let (old, new) = (read(before)?, read(after)?);
    // What cannot be understood now says nothing; that is no reason to be silent on what comes.
    let seen =
        |bytes: Result<Option<Vec<u8>>, String>| bytes.and_then(|bytes| Seen::of(artifact.kind, bytes.as_deref()));
    let old = seen(old).unwrap_or_default();
    match seen(new) {
        Ok(new) => {
            out.runs = changed_runs(&old.runs, &new.runs);
            out.fields = changed_fields(&old.fields, &new.fields);
        }
        Err(problem) => out.problem = Some(problem),
    }
    Ok(out)
}

/// What one state of a main file says.
#[derive(Default)]
struct Seen {
    runs: Vec<SeenRun>,
    fields: BTreeMap<&'static str, String>,
}

#[derive(Clone, PartialEq)]
struct SeenRun {
    when: String,
    run: Run,
    /// Values by name: compared, and never shown.
    values: BTreeMap<String, String>,
}

impl Seen {
    fn of(kind: Kind, bytes: Option<&[u8]>) -> Result<Self, String> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        match kind {
            Kind::Hook => {
                let hooks = Hooks::parse(bytes).map_err(|error| error.to_string())?;
                Ok(Self { runs: of_hooks(&hooks), ..Self::default() })
            }
            Kind::Mcp => {
                let definition = ServerDefinition::parse(bytes, Strictness::Lenient);
                let launch =
                    definition.and_then(|definition| definition.launch()).map_err(|error| error.to_string())?;
                Ok(Self { runs: vec![of_launch(&launch)], ..Self::default() })
            }
            Kind::Skill | Kind::Agent | Kind::Command => {
                let document = Document::parse(bytes).map_err(|error| error.to_string())?;
                let front = document.front.as_ref();
                let field = |name: &'static str| Some((name, text_of(&front?.map.field(name)?.value)));
                Ok(Self { fields: FIELDS.into_iter().filter_map(field).collect(), ..Self::default() })
            }
        }
    }
}

fn of_hooks(hooks: &Hooks) -> Vec<SeenRun> {
    // Both lists go through the same handlers in the same order.
    let handlers = hooks.groups().flat_map(|(_, group)| group.get("hooks").and_then(|hooks| hooks.as_array()));
    let handlers = handlers.flatten();
    let one = |(command, handler): (crate::model::hooks::HookCommand, &serde_json::Value)| {
        let matcher = command.matcher.map(|matcher| format!(" ({matcher})")).unwrap_or_default();
        let kind = if command.kind == "command" { String::new() } else { format!(" as {}", command.kind) };
        let others = handler.as_object().into_iter().flatten().filter(|(key, _)| !WORDS.contains(&key.as_str()));
        SeenRun {
            when: format!("{}{matcher}{kind}", command.event),
            run: Run { words: command.words, names: Vec::new() },
            values: others.map(|(key, value)| (key.clone(), value.to_string())).collect(),
        }
    };
    hooks.commands().into_iter().zip(handlers).map(one).collect()
}

fn of_launch(launch: &Launch) -> SeenRun {
    let (words, named, extra, cwd) = match launch {
        Launch::Stdio { command, args, env, cwd, extra } => {
            (std::iter::once(command).chain(args).map(ToString::to_string).collect(), env, extra, cwd.as_ref())
        }
        Launch::Remote { url, headers, extra, .. } => (vec![url.to_string()], headers, extra, None),
    };
    let mut values: BTreeMap<String, String> =
        named.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
    values.extend(extra.iter().map(|(name, value)| (name.clone(), value.to_string())));
    values.extend(cwd.map(|cwd| ("cwd".to_owned(), cwd.to_string())));
    SeenRun { when: "server".to_owned(), run: Run { words, names: named.keys().cloned().collect() }, values }
}

/// Pairs what runs at the same moment, in order, after all that is the same on both sides was left out.
fn changed_runs(old: &[SeenRun], new: &[SeenRun]) -> Vec<RunChange> {
    let moments: BTreeSet<&str> = old.iter().chain(new).map(|seen| seen.when.as_str()).collect();
    let mut changes = Vec::new();
    for when in moments {
        let mut before: Vec<&SeenRun> = old.iter().filter(|seen| seen.when == when).collect();
        let mut after = Vec::new();
        for seen in new.iter().filter(|seen| seen.when == when) {
            match before.iter().position(|other| *other == seen) {
                Some(at) => drop(before.remove(at)),
                None => after.push(seen),
            }
        }
        for at in 0..before.len().max(after.len()) {
            let (before, after) = (before.get(at).copied(), after.get(at).copied());
            changes.push(RunChange {
                when: when.to_owned(),
                before: before.map(|seen| seen.run.clone()),
                after: after.map(|seen| seen.run.clone()),
                values: before.zip(after).map(|(before, after)| changed_values(before, after)).unwrap_or_default(),
            });
        }
    }
    changes
}

fn changed_values(before: &SeenRun, after: &SeenRun) -> Vec<String> {
    let names: BTreeSet<&String> = before.values.keys().chain(after.values.keys()).collect();
    // A name that only one side has is told as that.
    let is_told = |name: &str| {
        let has = |seen: &SeenRun| seen.run.names.iter().any(|known| known == name);
        has(before) != has(after)
    };
    let differs = |name: &&String| before.values.get(*name) != after.values.get(*name) && !is_told(name);
    names.into_iter().filter(differs).cloned().collect()
}

fn changed_fields(old: &BTreeMap<&'static str, String>, new: &BTreeMap<&'static str, String>) -> Vec<FieldChange> {
    let change = |field: &'static str| {
        let (before, after) = (old.get(field).cloned(), new.get(field).cloned());
        (before != after).then(|| FieldChange { field: field.to_owned(), before, after })
    };
    FIELDS.into_iter().filter_map(change).collect()
}

/// Returns a value of front matter on one line.
fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::List(items) => items.iter().map(text_of).collect::<Vec<_>>().join(", "),
        Value::Map(map) => {
            let fields = map.fields().iter().map(|field| format!("{}: {}", field.key, text_of(&field.value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(kind: Kind, old: &str, new: &str) -> Vec<RunChange> {
        let seen = |text: &str| Seen::of(kind, (!text.is_empty()).then_some(text.as_bytes())).expect("readable");
        changed_runs(&seen(old).runs, &seen(new).runs)
    }

    fn words(run: &Option<Run>) -> Vec<&str> {
        run.iter().flat_map(|run| &run.words).map(String::as_str).collect()
    }

    #[test]
    fn a_hook_that_changes_is_told_beside_what_it_ran() {
        let hooks = |handlers: &str| {
            format!("{{\"hooks\": {{\"Stop\": [{{\"matcher\": \"Edit\", \"hooks\": [{handlers}]}}]}}}}")
        };
        let (same, old) = (r#"{"type": "command", "command": "lint"}"#, r#"{"type": "command", "command": "a b"}"#);
        let new = r#"{"type": "command", "command": "curl", "args": ["x y", "z"]}"#;
        let changes = runs(Kind::Hook, &hooks(&format!("{same}, {old}")), &hooks(&format!("{new}, {same}")));
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(changes[0].when, "Stop (Edit)");
        assert_eq!((words(&changes[0].before), words(&changes[0].after)), (vec!["a b"], vec!["curl", "x y", "z"]));
        let changes = runs(Kind::Hook, &hooks(same), &hooks(&same.replace('}', ", \"timeout\": 5}")));
        assert_eq!(changes[0].values, ["timeout"]);
        assert!(runs(Kind::Hook, &hooks(same), "{\"hooks\": {}}")[0].after.is_none());
        assert!(runs(Kind::Hook, "", &hooks(same))[0].before.is_none());
    }

    #[test]
    fn of_a_server_names_are_told_and_values_never() {
        let server = |args: &str, env: &str| {
            format!(
                "{{\"name\": \"x/y\", \"_meta\": {{\"dev.skillmeat/launch\": {{\"command\": \"npx\", \"args\": [{args}], \"env\": {{{env}}}}}}}}}"
            )
        };
        let old = server("\"-y\", \"pkg@1\"", "\"MODE\": \"hidden-one\", \"GONE\": \"x\"");
        let new = server("\"-y\", \"pkg@2\"", "\"MODE\": \"hidden-two\", \"NEW\": \"x\"");
        let changes = runs(Kind::Mcp, &old, &new);
        assert_eq!(words(&changes[0].after), ["npx", "-y", "pkg@2"]);
        assert_eq!(changes[0].after.as_ref().map(|run| run.names.clone()), Some(vec!["MODE".into(), "NEW".into()]));
        assert_eq!(changes[0].values, ["MODE"]);
        assert!(!format!("{changes:?}").contains("hidden"), "{changes:?}");
        assert!(runs(Kind::Mcp, &new, &new).is_empty());
        assert!(Seen::of(Kind::Mcp, Some(b"{}")).is_err(), "not taken for one that runs nothing");
    }

    #[test]
    fn what_may_be_done_without_asking_is_told() {
        let seen = |text: &str| Seen::of(Kind::Skill, Some(text.as_bytes())).expect("readable").fields;
        let old = seen("---\nname: a\nallowed-tools: Read\n---\n");
        let new = seen("---\nname: b\nallowed-tools: Read Bash(*)\nhooks:\n  Stop:\n    - run\n---\n");
        let changes = changed_fields(&old, &new);
        let told: Vec<_> = changes.iter().map(|change| (change.field.as_str(), change.after.as_deref())).collect();
        assert_eq!(told, [("allowed-tools", Some("Read Bash(*)")), ("hooks", Some("{Stop: run}"))]);
        assert_eq!(changed_fields(&new, &old)[1].after, None);
    }
}
