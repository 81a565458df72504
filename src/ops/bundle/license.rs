//! The licence of a bundle, and those of its artifacts.

use std::collections::BTreeSet;

use spdx::Expression;

use crate::model::{ArtifactRef, BundleArtifact};

/// What SPDX writes where nothing is said.
const NO_ASSERTION: &str = "NOASSERTION";

/// Id under which a bundle's licence that leaves one out may be allowed.
pub(super) const FINDING: &str = "bundle.license";

/// Returns the licence that an expression asserts, where it asserts one.
pub(super) fn asserted(license: &str) -> Option<&str> {
    Some(license).filter(|license| *license != NO_ASSERTION)
}

/// Returns the expression that has the licences of all artifacts in it; none is asserted when one of them names none.
pub(super) fn joined(artifacts: &[BundleArtifact]) -> String {
    let all: Option<BTreeSet<&str>> = artifacts.iter().map(|artifact| artifact.license.as_deref()).collect();
    let Some(all) = all else { return NO_ASSERTION.to_owned() };
    if let [one] = all.iter().collect::<Vec<_>>().as_slice() {
        return (**one).to_owned();
    }
    // `AND` binds more tightly than `OR`.
    let whole = |one: &str| if one.contains(" OR ") { format!("({one})") } else { one.to_owned() };
    all.into_iter().map(whole).collect::<Vec<_>>().join(" AND ")
}

/// Returns the artifacts of which a licence is not in the bundle's expression, with what they name.
pub(super) fn left_out<'a>(license: &str, artifacts: &'a [BundleArtifact]) -> Vec<(&'a ArtifactRef, &'a str)> {
    if license == NO_ASSERTION {
        return Vec::new();
    }
    let named = |text: &str| -> Option<BTreeSet<String>> {
        let expression = Expression::parse(text).ok()?;
        Some(expression.requirements().map(|one| one.req.to_string()).collect())
    };
    let Some(of_bundle) = named(license) else { return Vec::new() };
    let licensed = artifacts.iter().filter_map(|artifact| Some((&artifact.artifact, artifact.license.as_deref()?)));
    licensed.filter(|(_, own)| named(own).is_some_and(|own| !own.is_subset(&of_bundle))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn artifacts(licenses: &[Option<&str>]) -> Vec<BundleArtifact> {
        let one = |(number, license): (usize, &Option<&str>)| {
            let artifact: ArtifactRef = format!("skill/s{number}").parse().expect("a name");
            BundleArtifact {
                path: artifact.path(),
                artifact,
                digest: Digest::of(b""),
                license: license.map(str::to_owned),
                upstream: None,
                upstream_commit: None,
            }
        };
        licenses.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_licence_of_a_bundle_has_those_of_its_artifacts_in_it() {
        let joined = |licenses: &[_]| joined(&artifacts(licenses));
        assert_eq!(joined(&[Some("MIT"), Some("MIT")]), "MIT");
        assert_eq!(joined(&[Some("MIT"), Some("Apache-2.0 OR MIT")]), "(Apache-2.0 OR MIT) AND MIT");
        assert_eq!(joined(&[Some("MIT"), None]), "NOASSERTION");
        let out = |license: &str| left_out(license, &artifacts(&[Some("MIT"), Some("GPL-3.0-only"), None])).len();
        assert_eq!([out("MIT"), out("MIT AND GPL-3.0-only"), out("Apache-2.0"), out("NOASSERTION")], [1, 0, 2, 0]);
    }
}
