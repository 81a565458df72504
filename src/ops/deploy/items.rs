//! Files of an artifact at a site: how they stand, and what happens to them.

use std::collections::BTreeSet;

use super::fingerprint::{of_parts, own};
use super::site::{OnDisk, Site};
use super::transaction::{Item, Part};
use super::wanted::WantedFile;
use super::{Error, Obstacle};
use crate::model::{DeployedFile, Digest, FileMode, Oid, TreePath};

/// Most files looked at in the folder of one artifact.
pub(super) const MAX_FILES: u64 = 20_000;

/// What happens to one file or entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is new.
    Create,
    /// It gets other content.
    Replace,
    /// It is as it is to be.
    Same,
    /// It goes.
    Remove,
    /// It stays, although the artifact goes: it was there before.
    Keep,
}

/// One file: what is there, what is to be there.
pub(super) struct Work {
    pub path: TreePath,
    pub action: Action,
    pub obstacle: Option<Obstacle>,
    pub adopted: bool,
    disk: Option<(FileMode, Digest)>,
    new: Option<(FileMode, Digest, Oid)>,
}

/// Compares the files wanted with those recorded and those on disk.
pub(super) fn compare(
    site: &Site,
    unit: Option<&TreePath>,
    wanted: &[WantedFile],
    recorded: &[DeployedFile],
) -> Result<Vec<Work>, Error> {
    let fresh = unit.map_or(Ok(false), |unit| site.stat(unit).map(|stat| stat.is_none()))?;
    let look = |path: &TreePath| if fresh { Ok(OnDisk::Missing) } else { site.look(path) };
    let mut works = Vec::new();
    for file in wanted {
        let old = recorded.iter().find(|old| old.path == file.path);
        let here = look(&file.path)?;
        let (action, obstacle, adopted) = match &here {
            OnDisk::Missing => (Action::Create, None, false),
            OnDisk::Other => (Action::Replace, Some(Obstacle::NotAFile), false),
            OnDisk::File(mode, sha256) if (*mode, *sha256) == (file.mode, file.sha256) => {
                (Action::Same, None, old.is_none_or(|old| old.adopted))
            }
            OnDisk::File(mode, sha256) => match old {
                Some(old) if (old.mode, old.sha256) == (*mode, *sha256) => (Action::Replace, None, old.adopted),
                Some(old) => (Action::Replace, Some(Obstacle::Edited), old.adopted),
                None => (Action::Replace, Some(Obstacle::InTheWay), false),
            },
        };
        let new = Some((file.mode, file.sha256, file.blob));
        works.push(Work { path: file.path.clone(), action, obstacle, adopted, disk: on_disk(&here), new });
    }
    for old in recorded.iter().filter(|old| !wanted.iter().any(|file| file.path == old.path)) {
        let here = look(&old.path)?;
        let (action, obstacle) = match &here {
            _ if old.adopted => (Action::Keep, None),
            OnDisk::Missing => continue,
            OnDisk::Other => (Action::Remove, Some(Obstacle::NotAFile)),
            OnDisk::File(mode, sha256) if (old.mode, old.sha256) == (*mode, *sha256) => (Action::Remove, None),
            OnDisk::File(..) => (Action::Remove, Some(Obstacle::Edited)),
        };
        let (path, disk) = (old.path.clone(), on_disk(&here));
        works.push(Work { path, action, obstacle, adopted: old.adopted, disk, new: None });
    }
    works.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(works)
}

fn on_disk(found: &OnDisk) -> Option<(FileMode, Digest)> {
    match found {
        OnDisk::File(mode, sha256) => Some((*mode, *sha256)),
        _ => None,
    }
}

/// Returns the items that the works come to: the whole folder where it holds nothing else, else single files.
pub(super) fn items(site: &Site, unit: Option<&TreePath>, works: &[Work]) -> Result<Vec<Item>, Error> {
    if works.iter().all(|work| matches!(work.action, Action::Same | Action::Keep)) {
        return Ok(Vec::new());
    }
    if let Some(unit) = unit
        && is_whole(site, unit, works)?
    {
        let below = |work: &Work| work.path.below(unit).and_then(|rest| rest.parse::<TreePath>().ok());
        let there: Vec<_> =
            works.iter().filter_map(|work| work.disk.map(|(mode, sha)| (below(work), mode, sha))).collect();
        let parts: Vec<_> = there.iter().filter_map(|(path, mode, sha)| Some((path.clone()?, *mode, *sha))).collect();
        let new = works.iter().filter(|work| work.action != Action::Remove);
        let new = new.filter_map(|work| part(work, below(work))).collect();
        return Ok(vec![Item { path: unit.clone(), new, old_is: (!parts.is_empty()).then(|| of_parts(&parts)) }]);
    }
    let changed = works.iter().filter(|work| !matches!(work.action, Action::Same | Action::Keep));
    let item = |work: &Work| Item {
        path: work.path.clone(),
        new: part(work, None).into_iter().collect(),
        old_is: work.disk.map(|(mode, sha256)| of_parts(&[(own(), mode, sha256)])),
    };
    Ok(changed.map(item).collect())
}

fn part(work: &Work, below: Option<TreePath>) -> Option<Part> {
    let (mode, sha256, blob) = work.new?;
    Some(Part { below, mode, sha256, blob })
}

/// Says whether the folder holds exactly the files of the works, so that nothing else moves with it.
fn is_whole(site: &Site, unit: &TreePath, works: &[Work]) -> Result<bool, Error> {
    if works.iter().any(|work| work.adopted || work.obstacle.is_some() || work.path.below(unit).is_none()) {
        return Ok(false);
    }
    let there: BTreeSet<String> = match (site.root(), site.stat(unit)?) {
        (_, None) => return Ok(true),
        (Some(root), Some(_)) => {
            root.walk(unit.as_str(), MAX_FILES)?.into_iter().map(|(name, _)| format!("{unit}/{name}")).collect()
        }
        (None, Some(_)) => return Ok(false),
    };
    let known: BTreeSet<String> =
        works.iter().filter(|work| work.disk.is_some()).map(|work| work.path.to_string()).collect();
    // An empty folder of somebody else stands there: it stays.
    Ok(!there.is_empty() && there == known)
}
