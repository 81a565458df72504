mod bounds;
mod places;
mod plugins;
mod servers;

use super::*;
use crate::scan::{Item, ItemKind};

/// A tree in memory: paths with contents, links and submodules.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, (ItemKind, Vec<u8>)>,
}

const FILE: ItemKind = ItemKind::File { executable: false };

impl Memory {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, content) in files {
            tree.put(path, content);
        }
        tree
    }

    fn put(&mut self, path: &str, content: &str) {
        self.files.insert(path.to_owned(), (FILE, content.as_bytes().to_vec()));
    }

    fn link(&mut self, path: &str, kind: ItemKind) {
        self.files.insert(path.to_owned(), (kind, Vec::new()));
    }

    fn skill(&mut self, folder: &str, name: &str) {
        self.put(&join(folder, "SKILL.md"), &format!("---\nname: {name}\ndescription: Does {name}.\n---\n"));
    }

    fn agent(&mut self, path: &str) {
        let name = last(path).trim_end_matches(".md");
        self.put(path, &format!("---\nname: {name}\ndescription: Is {name}.\nmodel: inherit\n---\n"));
    }
}

impl Tree for Memory {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        let mut items = BTreeMap::new();
        for (path, (kind, _)) in &self.files {
            let rest = if folder.is_empty() {
                Some(path.as_str())
            } else {
                path.strip_prefix(folder).and_then(|p| p.strip_prefix('/'))
            };
            match rest.map(|rest| rest.split_once('/').ok_or(rest)) {
                Some(Ok((name, _))) => items.insert(name.to_owned(), ItemKind::Folder),
                Some(Err(name)) => items.insert(name.to_owned(), *kind),
                None => None,
            };
        }
        Ok(items.into_iter().map(|(name, kind)| Item { name, kind }).rev().collect())
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Some((kind, bytes)) = self.files.get(file) else { return Ok(None) };
        assert_eq!(*kind, FILE, "'{file}' is a link and was read");
        Ok(Some(bytes.iter().take(usize::try_from(max_bytes)? + 1).copied().collect()))
    }
}

fn find_from(tree: &dyn Tree, start: Option<&str>) -> Result<Discovery, DiscoverError> {
    let start = start.map(|start| start.parse::<TreePath>().expect("a path"));
    discover(tree, start.as_ref(), "fallback", Limits::default())
}

/// Returns `kind/name path` for everything found.
fn found(discovery: &Discovery) -> Vec<String> {
    let path = |found: &Found| found.path.as_ref().map_or(".".to_owned(), TreePath::to_string);
    discovery.found.iter().map(|found| format!("{} {}", found.artifact, path(found))).collect()
}

fn find(tree: &Memory) -> Discovery {
    find_from(tree, None).expect("searched")
}

fn ids(discovery: &Discovery) -> Vec<String> {
    discovery.notes.iter().map(|note| format!("{} {}", note.id, note.path)).collect()
}

const HOOKS: &str = r#"{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "./run"}]}]}}"#;
