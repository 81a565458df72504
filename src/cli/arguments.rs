//! Arguments that clap does not know how to read.

use semver::VersionReq;

use super::failure::Failure;
use crate::model::{BundleName, Class};
use crate::trust::Level;

/// Refuses needs that no reader can meet.
pub(super) fn check_needs(bundle: &BundleName, depends: &[(BundleName, VersionReq)]) -> Result<(), Failure> {
    let is_twice = |name: &BundleName| depends.iter().filter(|(other, _)| other == name).count() > 1;
    let wrong = depends.iter().find(|(name, _)| name == bundle || is_twice(name));
    wrong.map_or(Ok(()), |(name, _)| {
        let message = format!("'{name}' is named twice, or is the bundle itself");
        Err(Failure::new(Class::Usage, message, "name each bundle once: `--depends 'base-kit@>=1.2, <2'`"))
    })
}

/// Reads a bundle that is needed: `NAME@RANGE`.
pub(super) fn need(text: &str) -> Result<(BundleName, VersionReq), String> {
    let (name, range) = text.split_once('@').ok_or("write NAME@RANGE, for example 'base-kit@^1.2'")?;
    let name = name.parse::<BundleName>().map_err(|error| error.to_string())?;
    let range = range.parse::<VersionReq>().map_err(|error| format!("'{range}' is no range of versions: {error}"))?;
    Ok((name, range))
}

/// Reads a level of verification.
pub(super) fn level(text: &str) -> Result<Level, String> {
    text.parse().ok().and_then(Level::of).ok_or_else(|| "a level is a number from 0 to 4".to_owned())
}
