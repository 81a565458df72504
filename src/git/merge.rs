//! Three-way merges of trees.

use gix::merge::blob::builtin_driver::text::Labels;
use gix::merge::tree::{FileFavor, TreatAsUnresolved, TreeFavor};

use super::{GitError, Repo};
use crate::model::Oid;

/// What [`Repo::merge_trees`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The merged tree; with conflicts it holds conflict markers and is only to be looked at.
    pub tree: Oid,
    /// Paths that both sides changed in ways that cannot be put together, sorted.
    pub conflicts: Vec<String>,
}

/// One side of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What is here.
    Ours,
    /// What comes.
    Theirs,
}

impl Repo {
    /// Returns a handle on the same repository that keeps what it writes in memory.
    pub fn in_memory(&self) -> Self {
        Self::new(self.inner.clone().with_object_memory())
    }

    /// Merges what `ours` and `theirs` changed since `base`: line by line, with renames, as git does.
    ///
    /// # Errors
    /// [`GitError::Gix`], for a tree that is not here too.
    pub fn merge_trees(&self, base: Oid, ours: Oid, theirs: Oid) -> Result<Merged, GitError> {
        self.merge_trees_favouring(base, ours, theirs, None)
    }

    /// As [`Repo::merge_trees`]; what cannot be put together is taken from one side.
    ///
    /// # Errors
    /// As [`Repo::merge_trees`].
    pub fn merge_trees_favouring(
        &self,
        base: Oid,
        ours: Oid,
        theirs: Oid,
        favour: Option<Side>,
    ) -> Result<Merged, GitError> {
        let doing = || GitError::doing("merge the trees");
        let mut options = self.inner.tree_merge_options().map_err(doing())?;
        if favour.is_some() {
            options = options.with_file_favor(Some(FileFavor::Ours)).with_tree_favor(Some(TreeFavor::Ours));
        }
        // gix can favour ours in everything, so the side that is favoured stands there.
        let (ours, theirs) = if favour == Some(Side::Theirs) { (theirs, ours) } else { (ours, theirs) };
        let labels =
            Labels { ancestor: Some("base".into()), current: Some("ours".into()), other: Some("theirs".into()) };
        let mut merged = self.inner.merge_trees(base, ours, theirs, labels, options).map_err(doing())?;
        let how = TreatAsUnresolved::git();
        let mut conflicts: Vec<String> = merged
            .conflicts
            .iter()
            .filter(|conflict| conflict.is_unresolved(how))
            .map(|conflict| conflict.ours.location().to_string())
            .collect();
        conflicts.sort();
        conflicts.dedup();
        Ok(Merged { tree: merged.tree.write().map_err(doing())?.detach(), conflicts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Worktree;
    use crate::model::{FileMode, TreePath};

    fn tree(repo: &Repo, text: &str) -> Oid {
        let path: TreePath = "skills/a/SKILL.md".parse().expect("a path");
        let blob = repo.write_blob(text.as_bytes()).expect("writes");
        repo.edit_tree(None, [(&path, Some((FileMode::Regular, blob)))]).expect("writes")
    }

    #[test]
    fn lines_of_both_sides_come_together_and_one_line_is_a_conflict() {
        let dir = tempfile::tempdir().expect("a folder");
        let repo = Repo::init(dir.path(), Worktree::None).expect("a repository").in_memory();
        let base = tree(&repo, "1\n2\n3\n4\n5\n6\n7\n");
        let (ours, theirs) = (tree(&repo, "one\n2\n3\n4\n5\n6\n7\n"), tree(&repo, "1\n2\n3\n4\n5\n6\nseven\n"));
        let merged = repo.merge_trees(base, ours, theirs).expect("merges");
        assert_eq!(merged, Merged { tree: tree(&repo, "one\n2\n3\n4\n5\n6\nseven\n"), conflicts: Vec::new() });
        let other = tree(&repo, "uno\n2\n3\n4\n5\n6\n7\n");
        assert_eq!(repo.merge_trees(base, ours, other).expect("merges").conflicts, ["skills/a/SKILL.md"]);
        assert_eq!(std::fs::read_dir(dir.path().join("objects")).expect("lists").count(), 2, "info and pack only");
    }
}
