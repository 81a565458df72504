//! The command line of a package, and back.

use super::definition::{Argument, Input, Package};
use super::launch::{Extra, Named, named_value, value_of};
use super::template::{is_variable_name, variable_name};
use super::{Launch, McpError, Template};

/// What starts a container that talks over standard input and output and leaves nothing behind.
const DOCKER_RUN: [&str; 3] = ["run", "-i", "--rm"];

/// A registry whose packages one command line can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Registry {
    Npm,
    Pypi,
    Oci,
    Nuget,
}

impl Registry {
    pub(super) fn from_word(word: &str) -> Result<Self, McpError> {
        match word {
            "npm" => Ok(Registry::Npm),
            "pypi" => Ok(Registry::Pypi),
            "oci" => Ok(Registry::Oci),
            "nuget" => Ok(Registry::Nuget),
            // `cargo` compiles what it downloads and `mcpb` has to be unpacked first: both are a person's decision.
            other => Err(McpError::PackageType(other.chars().take(40).collect())),
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Registry::Npm => "npm",
            Registry::Pypi => "pypi",
            Registry::Oci => "oci",
            Registry::Nuget => "nuget",
        }
    }

    /// Returns the program used when the package names none.
    pub(super) fn runtime(self) -> &'static str {
        match self {
            Registry::Npm => "npx",
            Registry::Pypi => "uvx",
            Registry::Oci => "docker",
            Registry::Nuget => "dnx",
        }
    }

    /// Returns the argument that names the package.
    pub(super) fn pinned(self, identifier: &str, version: Option<&str>) -> String {
        match (self, version) {
            // A tag or digest of an image is part of its identifier.
            (Registry::Oci, _) | (_, None) => identifier.to_owned(),
            (Registry::Pypi, Some(version)) => format!("{identifier}=={version}"),
            (Registry::Npm | Registry::Nuget, Some(version)) => format!("{identifier}@{version}"),
        }
    }
}

/// Returns the command line of a package.
///
/// # Errors
/// [`McpError::PackageType`], [`McpError::Transport`] for a package that serves HTTP, [`McpError::Unsafe`] when
/// a name could be read as an option, [`McpError::MissingArgument`].
pub(super) fn package_launch(package: &Package, extra: Extra) -> Result<Launch, McpError> {
    let registry = Registry::from_word(&package.registry_type)?;
    match package.transport.as_ref().map(|transport| transport.kind.as_str()) {
        None | Some("" | "stdio") => {}
        Some(other) => return Err(McpError::Transport(other.chars().take(40).collect())),
    }
    plain("identifier", &package.identifier)?;
    package.version.as_deref().map_or(Ok(()), |version| plain("version", version))?;
    let command = package.runtime_hint.as_deref().unwrap_or(registry.runtime());
    if command.is_empty() || command.starts_with('-') || command.contains(char::is_control) {
        return Err(McpError::Unsafe { field: "runtimeHint" });
    }
    let runtime = arguments(&package.runtime_arguments)?;
    let own = arguments(&package.package_arguments)?;
    let variables = || package.environment_variables.iter().filter_map(|input| named_value(Named::Variable, input));
    if !variables().all(|(name, _)| is_variable_name(&name)) {
        return Err(McpError::Unsafe { field: "environmentVariables" });
    }
    let text = Template::parse;
    let mut args: Vec<Template> = Vec::new();
    let has = |flags: &[&str]| runtime.iter().any(|arg| arg.literal().is_some_and(|arg| flags.contains(&arg)));
    match registry {
        Registry::Npm if command == "npx" && !has(&["-y", "--yes"]) => args.push(text("-y")),
        Registry::Oci if !has(&["run"]) => args.extend(DOCKER_RUN.map(text)),
        _ => {}
    }
    args.extend(runtime);
    if registry == Registry::Oci {
        args.extend(variables().flat_map(|(name, _)| [text("-e"), text(&name)]));
    }
    args.push(Template::parse(&registry.pinned(&package.identifier, package.version.as_deref())));
    if registry == Registry::Nuget {
        args.push(text("--yes"));
        args.extend((!own.is_empty()).then(|| text("--")));
    }
    args.extend(own);
    Ok(Launch::Stdio { command: text(command), args, env: variables().collect(), cwd: None, extra })
}

/// Refuses a word that a program could read as an option or as two words.
fn plain(field: &'static str, word: &str) -> Result<(), McpError> {
    let bad = word.is_empty() || word.starts_with('-') || word.contains(|c: char| c.is_whitespace() || c.is_control());
    if bad { Err(McpError::Unsafe { field }) } else { Ok(()) }
}

fn arguments(list: &[Argument]) -> Result<Vec<Template>, McpError> {
    list.iter().map(argument).collect::<Result<Vec<_>, _>>().map(|groups| groups.concat())
}

/// Returns the words that one argument becomes: none for an optional one without a value.
pub(super) fn argument(argument: &Argument) -> Result<Vec<Template>, McpError> {
    let Argument { kind, value_hint, input } = argument;
    let name = input.name.as_deref().filter(|_| kind == "named");
    let label = name.or(value_hint.as_deref()).unwrap_or("value").to_owned();
    let value = match value_of(input) {
        Some(value) => Some(value),
        None if input.is_secret => {
            let variable = variable_name(label.trim_start_matches('-'));
            Some(Template::variable(&variable, (!input.is_required).then_some("")))
        }
        None if input.is_required => return Err(McpError::MissingArgument(label)),
        None => None,
    };
    Ok(match (name, value) {
        (Some(name), Some(value)) => vec![Template::parse(name), value],
        (Some(name), None) if is_bare_flag(input) => vec![Template::parse(name)],
        (None, Some(value)) => vec![value],
        (_, None) => Vec::new(),
    })
}

/// Tells a flag without a value from one whose value the user may give: only the latter is described.
fn is_bare_flag(input: &Input) -> bool {
    input.description.is_none() && input.format.is_none()
}

/// Reads the argument that names a package; the reverse of [`Registry::pinned`].
pub(super) fn unpinned(registry: Registry, word: &str) -> Option<(String, Option<String>)> {
    let (identifier, version) = match registry {
        Registry::Npm => match word.rfind('@') {
            Some(at) if at > 0 => (&word[..at], Some(&word[at + 1..])),
            _ => (word, None),
        },
        Registry::Pypi => word.split_once("==").map_or((word, None), |(name, version)| (name, Some(version))),
        Registry::Nuget => word.split_once('@').map_or((word, None), |(name, version)| (name, Some(version))),
        Registry::Oci => (word, None),
    };
    let known = |more: &str| identifier.bytes().all(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(&b));
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    let good = match registry {
        Registry::Npm => {
            let (scope, name) = identifier.split_once('/').unwrap_or(("@-", identifier));
            scope.len() > 1
                && scope.starts_with('@')
                && name.starts_with(alphanumeric)
                && known("@/-._~")
                && identifier.matches(['@', '/']).count() == if identifier.contains('/') { 2 } else { 0 }
        }
        Registry::Pypi | Registry::Nuget => identifier.starts_with(alphanumeric) && known("-._"),
        Registry::Oci => identifier.starts_with(alphanumeric) && known("-._/:@"),
    };
    let exact = version.is_none_or(|version| {
        let semantic = registry == Registry::Pypi || version.parse::<semver::Version>().is_ok();
        semantic && super::definition::is_single_version(version) && version.starts_with(|c: char| c.is_ascii_digit())
    });
    (good && exact).then(|| (identifier.to_owned(), version.map(str::to_owned)))
}
