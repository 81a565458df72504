//! Three-way merges of trees.

use std::collections::BTreeMap;

use gix::diff::Rewrites;
use gix::merge::blob::builtin_driver::text::Labels;
use gix::merge::tree::{FileFavor, TreatAsUnresolved, TreeFavor};

use super::{GitError, Repo, WalkLimits};
use crate::model::{FileMode, Oid, TreePath};

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
        let mut memory = Self::new(self.inner.clone().with_object_memory());
        memory.is_memory = true;
        memory
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
        let mut plumbing: gix::merge::plumbing::tree::Options =
            self.inner.tree_merge_options().map_err(doing())?.into();
        let (base, ours, theirs) = self.with_modes_settled(base, ours, theirs, plumbing.rewrites)?;
        if self.config().text("diff.algorithm").is_none() {
            // What git merges by; gix takes the algorithm that git shows differences by.
            plumbing.blob_merge.text.diff_algorithm = gix::diff::blob::Algorithm::Histogram;
        }
        let mut options = gix::merge::tree::Options::from(plumbing);
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
            .filter(|conflict| conflict.is_unresolved(how) || is_moved_along(conflict))
            .map(|conflict| conflict.ours.location().to_string())
            .collect();
        conflicts.sort();
        conflicts.dedup();
        Ok(Merged { tree: merged.tree.write().map_err(doing())?.detach(), conflicts })
    }

    /// Returns the three trees with permission bits that are already merged: gix takes a changed bit for a conflict where
    /// git does not, and loses one that was changed here when the file is renamed there.
    fn with_modes_settled(
        &self,
        base: Oid,
        ours: Oid,
        theirs: Oid,
        rewrites: Option<Rewrites>,
    ) -> Result<(Oid, Oid, Oid), GitError> {
        type Files = BTreeMap<TreePath, (FileMode, Oid)>;
        let files = |tree| -> Result<Files, GitError> {
            let files = self.files(tree, WalkLimits::default())?;
            Ok(files.into_iter().map(|file| (file.path, (file.mode, file.id))).collect())
        };
        let old = files(base)?;
        let mut sides = [files(ours)?, files(theirs)?];
        let all = || old.values().chain(sides[0].values()).chain(sides[1].values()).map(|(mode, _)| *mode);
        if all().all(|mode| mode == FileMode::Regular) || all().all(|mode| mode == FileMode::Executable) {
            return Ok((base, ours, theirs));
        }
        let mut settled = old.clone();
        let renamed = [0, 1].map(|side| {
            // A file that is where it was has not been renamed.
            let all_there = old.keys().all(|path| sides[side].contains_key(path));
            if all_there { Ok(BTreeMap::new()) } else { self.renames(base, [ours, theirs][side], rewrites) }
        });
        let [our_names, their_names] = renamed;
        let names = [our_names?, their_names?];
        for (path, (was, _)) in &old {
            // Where each side has it now, under whatever name.
            let now = [0, 1].map(|side| {
                let new = || names[side].get(path.as_str())?.parse::<TreePath>().ok();
                if sides[side].contains_key(path) { Some(path.clone()) } else { new() }
            });
            let [Some(our_path), Some(their_path)] = now else { continue };
            let modes = [(0, &our_path), (1, &their_path)].map(|(side, path)| sides[side].get(path).map(|file| file.0));
            let [Some(our_mode), Some(their_mode)] = modes else { continue };
            let mode = if our_mode == *was { their_mode } else { our_mode };
            sides[0].entry(our_path).and_modify(|file| file.0 = mode);
            sides[1].entry(their_path).and_modify(|file| file.0 = mode);
            settled.entry(path.clone()).and_modify(|file| file.0 = mode);
        }
        let write = |files: &Files| self.edit_tree(None, files.iter().map(|(path, file)| (path, Some(*file))));
        Ok((write(&settled)?, write(&sides[0])?, write(&sides[1])?))
    }

    /// Returns the files that were renamed between two trees, edited or not: where each was, and where it is.
    fn renames(&self, old: Oid, new: Oid, rewrites: Option<Rewrites>) -> Result<BTreeMap<String, String>, GitError> {
        let doing = || GitError::doing("look for renamed files");
        let tree = |id| self.inner.find_tree(id).map_err(doing());
        let mut options = gix::diff::Options::default().with_rewrites(rewrites);
        options.track_path();
        let changes = self.inner.diff_tree_to_tree(&tree(old)?, &tree(new)?, options).map_err(doing())?;
        let renamed = changes.into_iter().filter_map(|change| match change {
            gix::diff::tree_with_rewrites::Change::Rewrite { source_location, location, copy: false, .. } => {
                Some((source_location.to_string(), location.to_string()))
            }
            _ => None,
        });
        Ok(renamed.collect())
    }
}

/// Says whether a file was moved because the other side renamed the folder that it is in: git asks, by its default.
fn is_moved_along(conflict: &gix::merge::tree::Conflict) -> bool {
    matches!(conflict.resolution, Ok(gix::merge::tree::Resolution::SourceLocationAffectedByRename { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Worktree;

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

    #[test]
    fn permission_bits_of_both_sides_come_together() {
        use FileMode::{Executable, Regular};
        let dir = tempfile::tempdir().expect("a folder");
        let repo = Repo::init(dir.path(), Worktree::None).expect("a repository").in_memory();
        let tree = |files: &[(&str, FileMode, &[u8])]| {
            let blob = |bytes: &[u8]| repo.write_blob(bytes).expect("writes");
            let files: Vec<_> = files
                .iter()
                .map(|(path, mode, bytes)| (path.parse::<TreePath>().expect("a path"), Some((*mode, blob(bytes)))))
                .collect();
            repo.edit_tree(None, files.iter().map(|(path, file)| (path, *file))).expect("writes")
        };
        let merged = |base: &[_], ours: &[_], theirs: &[_]| {
            repo.merge_trees(tree(base), tree(ours), tree(theirs)).expect("merges")
        };
        let clean = |files: &[(&str, FileMode, &[u8])]| Merged { tree: tree(files), conflicts: Vec::new() };
        // Made executable here, other bytes there.
        let (old, new) = (b"\0old".as_slice(), b"\0new".as_slice());
        let both = merged(&[("b", Regular, old)], &[("b", Executable, old)], &[("b", Regular, new)]);
        assert_eq!(both, clean(&[("b", Executable, new)]));
        // No longer executable here, renamed there.
        let script = b"#!/bin/sh\n1\n2\n3\n".as_slice();
        let base = [("run.sh", Executable, script)];
        let both = merged(&base, &[("run.sh", Regular, script)], &[("go.sh", Executable, script)]);
        assert_eq!(both, clean(&[("go.sh", Regular, script)]));
        // The same, and edited there as well.
        let edited = b"#!/bin/sh\n1\n2\n3\n4\n".as_slice();
        let both = merged(&base, &[("run.sh", Regular, script)], &[("go.sh", Executable, edited)]);
        assert_eq!(both, clean(&[("go.sh", Regular, edited)]));
        let both = merged(&base, &[("go.sh", Executable, edited)], &[("run.sh", Regular, script)]);
        assert_eq!(both, clean(&[("go.sh", Regular, edited)]));
        // Renamed and no longer executable there, edited here; and renamed alike by both.
        let both = merged(&base, &[("run.sh", Executable, edited)], &[("go.sh", Regular, script)]);
        assert_eq!(both, clean(&[("go.sh", Regular, edited)]));
        let both = merged(&base, &[("go.sh", Executable, script)], &[("go.sh", Regular, edited)]);
        assert_eq!(both, clean(&[("go.sh", Regular, edited)]));
        // A folder that the other side has renamed, and a new file in it: git asks whether it is meant to go along.
        let folder = [("sub/a", Regular, script), ("sub/b", Regular, edited)];
        let ours = [folder[0], folder[1], ("sub/new", Regular, old)];
        let both = merged(&folder, &ours, &[("lib/a", Regular, script), ("lib/b", Regular, edited)]);
        assert_eq!(both.conflicts.len(), 1, "{both:?}");
    }
}
