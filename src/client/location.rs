//! Where a file of a client is, as data.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What a location is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Base {
    /// The folder of the project.
    Project,
    /// The user's home.
    Home,
    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    Config,
    /// `%APPDATA%`.
    AppData,
    /// `%LOCALAPPDATA%`.
    LocalAppData,
}

/// An operating system, as far as locations differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Os {
    /// Linux and other Unix systems.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

/// A base and a path below it, such as `home:.claude/skills`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Anchored {
    base: Base,
    path: String,
}

/// The text is not `BASE:PATH` with a path of plain steps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not a location: write BASE:PATH", .0.escape_debug())]
struct LocationError(String);

impl FromStr for Anchored {
    type Err = LocationError;
    fn from_str(text: &str) -> Result<Self, LocationError> {
        let wrong = || LocationError(text.chars().take(80).collect());
        let (base, path) = text.split_once(':').ok_or_else(wrong)?;
        let base = match base {
            "project" => Base::Project,
            "home" => Base::Home,
            "config" => Base::Config,
            "appdata" => Base::AppData,
            "localappdata" => Base::LocalAppData,
            _ => return Err(wrong()),
        };
        let plain = |step: &str| !step.is_empty() && step != "." && step != ".." && !step.contains(['\\', ':', '\0']);
        if !path.split('/').all(plain) {
            return Err(wrong());
        }
        Ok(Self { base, path: path.to_owned() })
    }
}

/// Where something of a client is: one place, or one for each operating system.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Written")]
pub struct Location {
    linux: Option<Anchored>,
    macos: Option<Anchored>,
    windows: Option<Anchored>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Written {
    Everywhere(String),
    Each(Systems),
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Systems {
    linux: Option<String>,
    macos: Option<String>,
    windows: Option<String>,
}

impl TryFrom<Written> for Location {
    type Error = LocationError;
    fn try_from(written: Written) -> Result<Self, LocationError> {
        let Systems { linux, macos, windows } = match written {
            Written::Everywhere(text) => {
                Systems { linux: Some(text.clone()), macos: Some(text.clone()), windows: Some(text) }
            }
            Written::Each(systems) => systems,
        };
        let parse = |text: Option<String>| text.map(|text| text.parse()).transpose();
        Ok(Self { linux: parse(linux)?, macos: parse(macos)?, windows: parse(windows)? })
    }
}

/// The folders of this machine and user, and the variables that move a client's own folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Operating system.
    pub os: Os,
    /// Folder of each base; a base that is missing makes its locations unknown.
    pub bases: BTreeMap<Base, PathBuf>,
    /// Values of the variables named by [`super::Target::overriding`], by name; unset and empty ones are absent.
    pub overrides: BTreeMap<String, PathBuf>,
}

/// A variable that moves files of a client to another folder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Override {
    /// Name of the variable.
    pub variable: String,
    /// Folders whose content moves, and what stays between the new folder and it.
    pub moves: Vec<Move>,
}

/// `from` below its base is `to` below the folder that the variable names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    from: String,
    #[serde(default)]
    to: String,
}

impl Location {
    /// Returns the path on this machine; `None` when the client has no such file there.
    pub(super) fn resolve(&self, places: &Places, overrides: &[Override]) -> Option<PathBuf> {
        let anchored = match places.os {
            Os::Linux => self.linux.as_ref(),
            Os::Macos => self.macos.as_ref(),
            Os::Windows => self.windows.as_ref(),
        }?;
        let moved = overrides.iter().find_map(|entry| {
            let folder = places.overrides.get(&entry.variable)?;
            entry.moves.iter().find_map(|to| anchored.moved(to, folder))
        });
        moved.or_else(|| Some(steps(places.bases.get(&anchored.base)?, &anchored.path)))
    }
}

impl Anchored {
    fn moved(&self, to: &Move, folder: &Path) -> Option<PathBuf> {
        let from: Anchored = to.from.parse().ok()?;
        let rest = self.path.strip_prefix(&from.path).filter(|rest| rest.is_empty() || rest.starts_with('/'))?;
        (from.base == self.base).then(|| steps(&steps(folder, &to.to), rest))
    }
}

/// Adds the steps one by one, so that the separator is the system's.
fn steps(folder: &Path, path: &str) -> PathBuf {
    path.split('/').filter(|step| !step.is_empty()).fold(folder.to_owned(), |path, step| path.join(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_stays_below_its_base() {
        for bad in
            ["", "x", "root:x", "home:", "home:/etc", "home:a/../b", "home:./a", "home:a//b", "home:a\\b", "home:C:x"]
        {
            assert!(bad.parse::<Anchored>().is_err(), "{bad}");
        }
        assert!("home:.claude/skills".parse::<Anchored>().is_ok());
    }

    #[test]
    fn systems_may_differ() {
        let text = "linux = 'config:zed/settings.json'\nmacos = 'home:.config/zed/settings.json'";
        let location: Location = toml::from_str(text).expect("a location");
        let places = |os| Places {
            os,
            bases: [(Base::Home, PathBuf::from("h")), (Base::Config, PathBuf::from("c"))].into(),
            overrides: BTreeMap::new(),
        };
        assert_eq!(location.resolve(&places(Os::Linux), &[]), Some(Path::new("c").join("zed").join("settings.json")));
        assert_eq!(location.resolve(&places(Os::Windows), &[]), None);
    }
}
