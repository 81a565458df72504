//! Attribution of what a bundle contains.

use std::collections::BTreeMap;

use super::PluginFacts;
use crate::model::ArtifactRef;

/// Where an artifact came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribution {
    /// The artifact.
    pub artifact: ArtifactRef,
    /// Address of the source, without credentials; `None` for the bundle's own work.
    pub upstream: Option<String>,
    /// Commit or version taken.
    pub revision: Option<String>,
    /// The bundles that it came with, newest first, each in one line.
    pub bundles: Vec<String>,
    /// SPDX expression found; `None` is written as unknown, because unknown is never fine.
    pub license: Option<String>,
}

/// Start of a line that names a bundle which an artifact came with.
const CAME_WITH: &str = "  bundle: ";

/// Returns the text of `NOTICE`: each artifact with its source and licence, in order of kind and name.
///
/// Text of sources is foreign, so control characters are escaped and an address loses its user and password.
pub fn notice(facts: &PluginFacts, attributions: &[Attribution]) -> Vec<u8> {
    let mut sorted: Vec<_> = attributions.iter().collect();
    sorted.sort_by(|a, b| a.artifact.cmp(&b.artifact));
    let own = facts.license.as_deref().map_or_else(|| "unknown".to_owned(), clean);
    let mut out = format!("{} {}\nLicence of this bundle: {own}\n", facts.name, facts.version);
    for Attribution { artifact, upstream, revision, bundles, license } in sorted {
        out.push_str(&format!("\n{artifact}\n"));
        for bundle in bundles {
            out.push_str(&format!("{CAME_WITH}{}\n", clean(bundle)));
        }
        if let Some(upstream) = upstream {
            let revision = revision.as_deref().map(|revision| format!(" at {}", clean(revision))).unwrap_or_default();
            out.push_str(&format!("  source: {}{revision}\n", clean(&without_user(upstream))));
        }
        let license = license.as_deref().map_or_else(|| "unknown".to_owned(), clean);
        out.push_str(&format!("  licence: {license}\n"));
    }
    out.into_bytes()
}

/// Returns the bundles that artifacts came with, by `kind/name`, from the text of a `NOTICE` that [`notice`] wrote.
pub fn came_with(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for section in text.split("\n\n") {
        let mut lines = section.lines();
        let Some(artifact) = lines.next() else { continue };
        let bundles: Vec<_> = lines.filter_map(|line| line.strip_prefix(CAME_WITH)).collect();
        if !bundles.is_empty() {
            all.entry(artifact).or_insert(bundles);
        }
    }
    all
}

fn clean(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Takes `user:password@` out of an address; `git@host:path` keeps its user, which is no secret.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if scheme != "ssh" || rest[..at].contains(':') => format!("{scheme}://{}", &rest[at + 1..]),
        _ => address.to_owned(),
    }
}
