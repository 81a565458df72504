//! The licence of a bundle, and those of its artifacts.

use std::collections::{BTreeMap, BTreeSet};

use spdx::Expression;
use spdx::expression::{ExprNode, Operator};
use spdx::identifiers::{EXCEPTIONS, LICENSES};

use crate::model::{ArtifactRef, BundleArtifact};

/// What SPDX writes where nothing is said.
const NO_ASSERTION: &str = "NOASSERTION";

/// Id under which a bundle's licence that leaves one out may be allowed.
pub(super) const FINDING: &str = "bundle.license";

/// Most choices that an expression may leave: each `AND` of two `OR`s multiplies them.
const MAX_CHOICES: usize = 256;

/// Longest expression that is read, in bytes: what a manifest may hold.
const MAX_EXPRESSION_BYTES: usize = 4_096;

/// Licences that hold together, each in lower case with its exception and `+`.
type Choice = BTreeSet<String>;

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

/// An artifact that a bundle's licence does not cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeftOut<'a> {
    pub(super) artifact: &'a ArtifactRef,
    /// What its files say.
    pub(super) own: &'a str,
    /// Whether that is an expression, so that it is known what it asks for.
    pub(super) is_known: bool,
}

/// Returns the artifacts that a licence does not cover. `named` is what the files of artifacts say, in whatever words.
///
/// A licence covers another if, whatever choice it leaves, that is a choice of the other: who takes the bundle under one
/// branch of an `OR` must not find an artifact there that is under another. What is no expression is covered by the same words.
pub(super) fn left_out<'a>(
    license: &str,
    artifacts: &'a [BundleArtifact],
    named: &'a BTreeMap<ArtifactRef, String>,
) -> Vec<LeftOut<'a>> {
    if license == NO_ASSERTION {
        return Vec::new();
    }
    let of_bundle = choices(license);
    let own = |one: &'a BundleArtifact| named.get(&one.artifact).map(String::as_str).or(one.license.as_deref());
    let licensed = artifacts.iter().filter_map(|one| Some((&one.artifact, own(one)?)));
    let says = |own: &str| !own.eq_ignore_ascii_case(NO_ASSERTION) && !own.trim().eq_ignore_ascii_case(license.trim());
    licensed
        .filter(|(_, own)| says(own))
        .map(|(artifact, own)| (artifact, own, choices(own)))
        .filter(|(.., choices)| match (&of_bundle, choices) {
            (Some(bundle), Some(own)) => !bundle.iter().all(|whole| own.iter().any(|part| part.is_subset(whole))),
            _ => true,
        })
        .map(|(artifact, own, choices)| LeftOut { artifact, own, is_known: choices.is_some() })
        .collect()
}

/// Returns the choices that an expression leaves; `None` where it is none, or leaves more than [`MAX_CHOICES`].
fn choices(text: &str) -> Option<BTreeSet<Choice>> {
    if text.len() > MAX_EXPRESSION_BYTES {
        return None;
    }
    let expression = Expression::parse(&spelled(text)).ok()?;
    let mut stack: Vec<BTreeSet<Choice>> = Vec::new();
    // What stands behind an operator's two sides is the operator.
    for node in expression.iter() {
        let next = match node {
            ExprNode::Req(one) => BTreeSet::from([Choice::from([one.req.to_string().to_ascii_lowercase()])]),
            ExprNode::Op(operator) => {
                let (right, mut left) = (stack.pop()?, stack.pop()?);
                match operator {
                    Operator::Or => {
                        left.extend(right);
                        left
                    }
                    Operator::And if left.len() * right.len() > MAX_CHOICES => return None,
                    Operator::And => left
                        .iter()
                        .flat_map(|one| right.iter().map(move |other| one.union(other).cloned().collect()))
                        .collect(),
                }
            }
        };
        if next.len() > MAX_CHOICES {
            return None;
        }
        stack.push(next);
    }
    stack.pop()
}

/// Returns an expression with the identifiers as SPDX spells them, which compares them in whatever case.
fn spelled(text: &str) -> String {
    let known = |id: &str| {
        let mut names = LICENSES.iter().map(|one| one.name).chain(EXCEPTIONS.iter().map(|one| one.name));
        names.find(|name| name.eq_ignore_ascii_case(id))
    };
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '(' | ')')) {
        let word = piece.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '(' | ')'));
        let (id, plus) = word.strip_suffix('+').map_or((word, ""), |id| (id, "+"));
        out.push_str(known(id).unwrap_or(id));
        out.push_str(plus);
        out.push_str(&piece[word.len()..]);
    }
    out
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
        let out = |license: &str| {
            left_out(license, &artifacts(&[Some("MIT"), Some("GPL-3.0-only"), None]), &BTreeMap::new()).len()
        };
        assert_eq!([out("MIT"), out("MIT AND GPL-3.0-only"), out("Apache-2.0"), out("NOASSERTION")], [1, 0, 2, 0]);
    }

    #[test]
    fn whatever_choice_a_bundle_leaves_must_be_one_of_the_artifact() {
        for (own, bundle, covered) in [
            ("GPL-3.0-only", "MIT OR GPL-3.0-only", false),
            ("GPL-3.0-only", "MIT AND GPL-3.0-only", true),
            ("MIT OR GPL-3.0-only", "MIT", true),
            ("MIT OR GPL-3.0-only", "GPL-3.0-only OR MIT", true),
            ("MIT OR GPL-3.0-only", "MIT OR Apache-2.0", false),
            ("MIT", "MIT OR (MIT AND Apache-2.0)", true),
            ("MIT AND Apache-2.0", "MIT", false),
            ("MIT AND Apache-2.0", "Apache-2.0 AND (MIT OR ISC)", false),
            ("MIT AND (Apache-2.0 OR ISC)", "MIT AND ISC", true),
            ("mit", "MIT", true),
            ("apache-2.0 AND mit", "MIT AND Apache-2.0", true),
            ("licenseref-Own", "LicenseRef-own", true),
            ("LicenseRef-own", "LicenseRef-other", false),
            ("Apache-2.0+", "Apache-2.0", false),
            ("Apache-2.0+", "Apache-2.0+", true),
            ("GPL-2.0-only", "GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("GPL-2.0-only WITH classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", true),
        ] {
            let all = artifacts(&[Some(own)]);
            let none = BTreeMap::new();
            let out = left_out(bundle, &all, &none);
            assert_eq!(out.is_empty(), covered, "'{own}' in '{bundle}'");
            assert!(out.iter().all(|one| one.is_known), "'{own}' in '{bundle}'");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_known_to_be_covered() {
        let all = artifacts(&[None]);
        for own in ["GPL-3.0", "Proprietary, all rights reserved", "see LICENSE.txt"] {
            let named = BTreeMap::from([(all[0].artifact.clone(), own.to_owned())]);
            let out = left_out("MIT", &all, &named);
            assert_eq!(out, [LeftOut { artifact: &all[0].artifact, own, is_known: false }]);
            assert!(left_out(own, &all, &named).is_empty(), "the same words");
            assert!(left_out("NOASSERTION", &all, &named).is_empty());
        }
        assert!(left_out("MIT", &all, &BTreeMap::new()).is_empty(), "one that says nothing");
    }

    #[test]
    fn an_expression_of_many_choices_is_not_counted_out() {
        let pairs = |count: usize| vec!["(MIT OR ISC)"; count].join(" AND ");
        let wide: String =
            LICENSES.iter().filter(|one| one.flags == 0).take(20).map(|one| one.name).collect::<Vec<_>>().join(" OR ");
        assert_eq!(choices(&pairs(100)).expect("the same two again and again").len(), 3);
        assert!(choices(&wide).is_some_and(|choices| choices.len() == 20));
        assert_eq!(choices(&format!("({wide}) AND ({wide})")), None);
        assert_eq!(choices(&"(".repeat(4_000)), None);
        assert_eq!(choices(&pairs(400)), None, "too long");
    }
}
