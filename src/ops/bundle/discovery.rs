//! A bundle of one skill that is also an archive for discovery clients: they want `SKILL.md` at its root, so the skill's
//! files stand there a second time.

use std::collections::BTreeMap;

use super::Error;
use crate::model::{ArtifactRef, FileMode, Kind, Oid, TreePath};

/// Names at the root of a plugin that mean something to its readers, and those of the bundle.
const TAKEN: [&str; 19] = [
    ".claude-plugin",
    ".lsp.json",
    ".mcp.json",
    ".skillmeat",
    "agents",
    "bin",
    "bundle.toml",
    "commands",
    "hooks",
    "mcp",
    "mcp.json",
    "monitors",
    "notice",
    "output-styles",
    "plugin.json",
    "settings.json",
    "skills",
    "themes",
    "workflows",
];

/// Returns where the files of a bundle's only skill stand at its root, each with the place that it is a copy of.
///
/// # Errors
/// [`Error::NotOneSkill`], [`Error::Unfit`] for names that mean something else there.
pub(super) fn copies(
    artifacts: &[ArtifactRef],
    files: &BTreeMap<TreePath, (FileMode, Oid)>,
) -> Result<Vec<(TreePath, TreePath)>, Error> {
    let skill = match artifacts {
        [skill] if skill.kind == Kind::Skill => skill,
        _ => return Err(Error::NotOneSkill),
    };
    let folder = skill.path();
    let below = files.keys().filter_map(|path| Some((path.below(&folder)?.parse::<TreePath>().ok()?, path.clone())));
    let copies: Vec<_> = below.collect();
    let root = |copy: &TreePath| copy.as_str().split('/').next().unwrap_or_default().to_lowercase();
    let is_taken = |copy: &TreePath| TAKEN.contains(&root(copy).as_str());
    let in_the_way: Vec<_> = copies
        .iter()
        .filter(|(copy, _)| is_taken(copy))
        .map(|(copy, _)| format!("'{skill}' has '{copy}', which means something else at the root of a bundle"))
        .collect();
    if in_the_way.is_empty() { Ok(copies) } else { Err(Error::Unfit(in_the_way)) }
}
