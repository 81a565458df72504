//! A repository with only those of its objects that hold.

use std::path::Path;

use super::{Part, Remedy, Trouble};
use crate::fsio::{scratch_beside, scratch_folder};
use crate::git::{Examined, Flaw, Repo, Store, Worktree, examine};
use crate::model::Class;
use crate::ops::Context;
use crate::ops::vault::Error;
use crate::trust::Ledger;

/// What can be read of a repository that may be damaged.
pub(in crate::ops::vault) struct View {
    /// What was found in its files.
    pub(in crate::ops::vault) examined: Examined,
    /// Its good objects.
    pub(in crate::ops::vault) repo: Repo,
    /// Its ledger, once it was read and as far as it holds.
    pub(in crate::ops::vault) ledger: Option<Ledger>,
    _scratch: Option<tempfile::TempDir>,
}

impl View {
    /// Looks at the repository in a folder, which is there. One that is damaged is never read as it stands: what is good in it is
    /// put together in a folder that goes with this value.
    ///
    /// # Errors
    /// [`Error::Git`], [`Error::Fs`] when there is no place for that.
    pub(in crate::ops::vault) fn of(context: &Context, folder: &Path, store: Option<Store>) -> Result<Self, Error> {
        let told = |done, total| context.progress.step("reading the store", done, Some(total));
        let examined = examine(folder, store, &told)?;
        if examined.damage().is_empty()
            && let Ok(repo) = Repo::open_for_objects(folder)
        {
            return Ok(Self { examined, repo, ledger: None, _scratch: None });
        }
        // Beside a store of ours, which is locked: no file has to be copied there. Where nothing can be written any more, elsewhere.
        let beside = store.and_then(|_| {
            let scratch = scratch_beside(folder, ".check").ok()?;
            Some((good_objects(context, &examined, scratch.path()).ok()?, scratch))
        });
        let (repo, scratch) = match beside {
            Some(found) => found,
            None => {
                let scratch = scratch_folder(&context.scratch)?;
                (good_objects(context, &examined, scratch.path())?, scratch)
            }
        };
        Ok(Self { examined, repo, ledger: None, _scratch: Some(scratch) })
    }

    /// Returns what is wrong with the files.
    pub(in crate::ops::vault) fn troubles(&self, part: Part, remedy: Remedy) -> Vec<Trouble> {
        let trouble = |damage: &crate::git::Damage| {
            let class = match damage.flaw {
                Flaw::Unreadable(_) => Class::Io,
                Flaw::Ref(_) | Flaw::Altered => Class::Parse,
                Flaw::Stray => Class::Policy,
                _ => Class::Hash,
            };
            let lost = match damage.objects.len() {
                0 => String::new(),
                1 => format!(": the object {} is lost", damage.objects[0]),
                several => format!(": {several} objects are lost, {} the first of them", damage.objects[0]),
            };
            let what = format!("'{}' {}{lost}", damage.path.escape_debug(), damage.flaw);
            let object = damage.objects.first().copied();
            Trouble::new(part, class, remedy, what).at_path(&damage.path).of_object(object)
        };
        self.examined.damage().iter().map(trouble).collect()
    }
}

/// Makes a repository of the good objects of another one.
fn good_objects(context: &Context, examined: &Examined, folder: &Path) -> Result<Repo, Error> {
    let mut repo = Repo::init(folder, Worktree::None)?;
    // Without git the objects of a pack without an index are told as missing too.
    examined.salvage(&mut repo, context.git().ok())?;
    Ok(Repo::open_for_objects(folder)?)
}
