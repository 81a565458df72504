//! Refs and configuration, read line by line so that one that is damaged does not hide the others.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Damage, Flaw, names, unreadable};
use crate::fsio::{FsError, read as read_file};
use crate::git::Store;
use crate::model::Oid;

/// Largest `packed-refs`, in bytes: a million refs.
const MAX_REFS_BYTES: u64 = 128 * 1024 * 1024;

/// Largest file of one ref, or configuration, in bytes.
const MAX_SMALL_BYTES: u64 = 64 * 1024;

/// Reads a file, and says what is wrong with one that cannot be read.
fn content(path: &Path, limit: u64) -> Result<String, Flaw> {
    match read_file(path, limit) {
        Ok(bytes) if bytes.is_empty() => Err(Flaw::Empty),
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| Flaw::Altered),
        Err(FsError::Io { source, .. }) => Err(unreadable(&source)),
        Err(error) => Err(Flaw::Unreadable(error.to_string())),
    }
}

/// Checks the configuration, and returns its text in small letters.
pub(super) fn check_config(folder: &Path, store: Option<Store>, damage: &mut Vec<Damage>) -> String {
    let mut told = |flaw| damage.push(Damage { path: "config".to_owned(), flaw, objects: Vec::new() });
    let text = match content(&folder.join("config"), MAX_SMALL_BYTES) {
        Ok(text) => text,
        Err(flaw) => {
            told(flaw);
            return String::new();
        }
    };
    let metadata = gix::config::file::Metadata::from(gix::config::Source::Local);
    let parsed = gix::config::File::from_bytes_no_includes(text.as_bytes(), metadata, Default::default());
    let is_ours = |file: &gix::config::File| {
        let is = |key: &str, wanted: &str| file.string(key).is_some_and(|value| value.as_slice() == wanted.as_bytes());
        let partial = is("core.repositoryformatversion", "1")
            && is("extensions.partialClone", "skillmeat")
            && is("remote.skillmeat.promisor", "true")
            && is("remote.skillmeat.partialCloneFilter", "blob:none");
        is("core.bare", "true") && (store == Some(Store::Whole) || partial)
    };
    match parsed {
        Ok(file) if store.is_none() || is_ours(&file) => {}
        _ => told(Flaw::Altered),
    }
    text.to_ascii_lowercase()
}

/// Finds what would make git see another history, or objects of another repository.
pub(super) fn check_strays(folder: &Path, store: Option<Store>, damage: &mut Vec<Damage>) {
    if store.is_none() {
        return;
    }
    for path in ["shallow", "info/grafts", "objects/info/alternates"] {
        if std::fs::symlink_metadata(folder.join(path)).is_ok() {
            damage.push(Damage { path: path.to_owned(), flaw: Flaw::Stray, objects: Vec::new() });
        }
    }
}

/// Reads all refs that can be read, by name, and `HEAD` only to see whether it can.
pub(super) fn read(folder: &Path, damage: &mut Vec<Damage>) -> Vec<(String, Oid)> {
    let mut told = |path: &str, flaw| damage.push(Damage { path: path.to_owned(), flaw, objects: Vec::new() });
    match content(&folder.join("HEAD"), MAX_SMALL_BYTES) {
        Ok(text) if text.starts_with("ref: refs/") || id_of(text.trim_end()).is_some() => {}
        Ok(_) => told("HEAD", Flaw::Ref(None)),
        Err(flaw) => told("HEAD", flaw),
    }
    let mut refs = BTreeMap::new();
    match content(&folder.join("packed-refs"), MAX_REFS_BYTES) {
        Ok(text) => read_packed(&text, &mut refs, &mut told),
        Err(Flaw::Gone) => {}
        Err(flaw) => told("packed-refs", flaw),
    }
    if !folder.join("refs").is_dir() {
        told("refs", Flaw::Gone);
    }
    let mut pending = vec!["refs".to_owned()];
    while let Some(below) = pending.pop() {
        for name in names(&folder.join(&below)) {
            let path = format!("{below}/{name}");
            // A link is no folder of refs to git's own tools, and may lead in a circle.
            let is_link = folder.join(&path).is_symlink();
            if folder.join(&path).is_dir() {
                if is_link {
                    told(&path, Flaw::Ref(None))
                } else {
                    pending.push(path)
                }
                continue;
            }
            if path.ends_with(".lock") {
                continue;
            }
            // What is packed under the same name is older, and is not what the ref says.
            refs.remove(&path);
            match content(&folder.join(&path), MAX_SMALL_BYTES) {
                // Of another repository: we write none.
                Ok(text) if text.starts_with("ref: ") => {}
                Ok(text) => match id_of(text.trim_end()) {
                    Some(id) => drop(refs.insert(path, id)),
                    None => told(&path, Flaw::Ref(None)),
                },
                Err(flaw) => told(&path, flaw),
            }
        }
    }
    refs.into_iter().collect()
}

fn read_packed(text: &str, refs: &mut BTreeMap<String, Oid>, told: &mut dyn FnMut(&str, Flaw)) {
    let mut before = "";
    let mut is_sorted = false;
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            is_sorted |= line.contains(" sorted");
            continue;
        }
        let is_good = match line.strip_prefix('^') {
            Some(peeled) => id_of(peeled).is_some(),
            None => match line.split_once(' ').map(|(id, name)| (id_of(id), name)) {
                // What is out of order is not found by those who search.
                Some((Some(id), name)) if name.starts_with("refs/") && !(is_sorted && name <= before) => {
                    before = name;
                    refs.insert(name.to_owned(), id);
                    true
                }
                _ => false,
            },
        };
        if !is_good {
            told("packed-refs", Flaw::Ref(Some(at + 1)));
        }
    }
    // Every line of it ends, so one that was cut off in a name is noticed too.
    if !text.ends_with('\n') {
        told("packed-refs", Flaw::Ref(Some(text.lines().count())));
    }
}

fn id_of(hex: &str) -> Option<Oid> {
    Oid::from_hex(hex.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(text: &str) -> (Vec<String>, Vec<Flaw>) {
        let (mut refs, mut flaws) = (BTreeMap::new(), Vec::new());
        read_packed(text, &mut refs, &mut |_, flaw| flaws.push(flaw));
        (refs.into_keys().collect(), flaws)
    }

    #[test]
    fn a_line_that_is_damaged_does_not_hide_the_others() {
        let id = "a".repeat(40);
        let good =
            format!("# pack-refs with: peeled fully-peeled sorted \n{id} refs/tags/a\n^{id}\n{id} refs/tags/b\n");
        assert_eq!(packed(&good), (vec!["refs/tags/a".to_owned(), "refs/tags/b".to_owned()], Vec::new()));
        let bad = good.replacen("aaaa", "aaxa", 1);
        assert_eq!(packed(&bad), (vec!["refs/tags/b".to_owned()], vec![Flaw::Ref(Some(2))]));
        // Out of order: whoever searches does not find it.
        assert_eq!(packed(&good.replace("tags/a", "tags/c")).1, [Flaw::Ref(Some(4))]);
        assert_eq!(packed(good.trim_end()).1, [Flaw::Ref(Some(4))]);
        assert_eq!(packed("").1, [Flaw::Ref(Some(0))]);
    }
}
