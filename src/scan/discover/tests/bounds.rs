//! What is not followed, and where a search ends.

use std::time::{Duration, Instant};

use super::*;

/// Rows 67 and 69: links and submodules are told and never followed; the tree fails the test when one is read.
#[test]
fn links_and_submodules_are_not_followed() {
    let mut tree = Memory::default();
    tree.link("skills/linked", ItemKind::Symlink);
    tree.link("skills/module", ItemKind::Submodule);
    tree.link("skills/half/SKILL.md", ItemKind::Symlink);
    tree.link("agents/a.md", ItemKind::Symlink);
    tree.link("commands", ItemKind::Symlink);
    tree.link("hooks/hooks.json", ItemKind::Symlink);
    tree.link(".mcp.json", ItemKind::Symlink);
    tree.link(".claude-plugin/plugin.json", ItemKind::Symlink);
    tree.link(".claude/skills", ItemKind::Symlink);
    tree.link("plugins/p", ItemKind::Submodule);
    tree.put("real/SKILL.md", "x");
    let discovery = find(&tree);
    assert_eq!(found(&discovery), ["skill/real real"]);
    assert_eq!(discovery.notes.iter().filter(|note| note.id == "link").count(), 10, "{:?}", ids(&discovery));
    for start in ["skills/linked", "skills/module", "commands", "skills/linked/x/y"] {
        assert!(matches!(find_from(&tree, Some(start)), Err(DiscoverError::Link { .. })), "{start}");
    }
}

/// A tree in which every folder has ten folders, and asks for every one of them cost nothing.
struct Endless;

impl Tree for Endless {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        assert!(folder.split('/').count() < 20, "without a bound in depth");
        let names = ["a", "b", "c", "d", "skills", "agents", "commands", "hooks", "plugins", "mcp"];
        Ok(names.map(|name| Item { name: name.to_owned(), kind: ItemKind::Folder }).to_vec())
    }

    fn read(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, TreeError> {
        Ok(None)
    }
}

/// One folder with more entries than the limit.
struct Wide;

impl Tree for Wide {
    fn list(&self, _: &str) -> Result<Vec<Item>, TreeError> {
        Ok((0..600_000).map(|n| Item { name: format!("{n}"), kind: FILE }).collect())
    }

    fn read(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, TreeError> {
        Ok(None)
    }
}

/// Rows 77 and 78.
#[test]
fn endless_trees_are_left_soon() {
    let start = Instant::now();
    for from in [None, Some("a"), Some("commands")] {
        let discovery = find_from(&Endless, from).expect("searched within bounds");
        let told = discovery.notes.iter().any(|note| matches!(note.id, "walk-stopped" | "too-deep"));
        assert!(told && discovery.found.is_empty(), "{from:?}");
    }
    let few = discover(&Endless, None, "x", Limits { max_folders: 1_000, ..Limits::default() });
    assert!(matches!(few, Err(DiscoverError::Limit { what: "folders", limit: 1_000 })));
    assert!(matches!(find_from(&Wide, None), Err(DiscoverError::Limit { what: "files and folders", .. })));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_walk_stops_and_says_so() {
    let mut tree = Memory::default();
    for n in 0..2_100 {
        tree.put(&format!("f{n}/x/readme.txt"), "");
    }
    let limits = Limits { max_walk_folders: 50, ..Limits::default() };
    let discovery = discover(&tree, None, "x", limits).expect("searched");
    assert_eq!(ids(&discovery), ["walk-stopped "]);
}

#[test]
fn too_many_artifacts_are_refused() {
    let tree = Memory::new(&[("commands/a.md", ""), ("commands/b.md", ""), ("commands/c.md", "")]);
    let limits = Limits { max_found: 2, ..Limits::default() };
    assert!(matches!(discover(&tree, None, "x", limits), Err(DiscoverError::Limit { what: "artifacts", limit: 2 })));
}
