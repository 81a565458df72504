//! Merging the files of two collections that have a state in common, table by table instead of line by line.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::DocumentMut;

use super::{CollectionError, Lockfile, Manifest, ManifestEntry, edit_manifest};

/// What a merge gives: the result, and what both sides changed in ways that exclude each other, where ours stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedFile {
    /// The text of the result.
    pub text: String,
    /// Tables and keys, sorted.
    pub conflicts: Vec<String>,
}

/// Returns the value that a side changed; `Err` when both changed it, to different values.
fn pick<T: PartialEq + Clone>(base: &T, ours: &T, theirs: &T) -> Result<T, ()> {
    if ours == theirs || theirs == base {
        Ok(ours.clone())
    } else if ours == base {
        Ok(theirs.clone())
    } else {
        Err(())
    }
}

/// Merges three states of `collection.lock`. An entry is taken whole: its parts describe one state of an upstream.
pub fn merge_locks(base: &Lockfile, ours: &Lockfile, theirs: &Lockfile) -> MergedFile {
    let mut merged = ours.clone();
    let mut conflicts = Vec::new();
    for artifact in names([&base.artifacts, &ours.artifacts, &theirs.artifacts]) {
        let at = |lock: &Lockfile| lock.artifacts.get(&artifact).cloned();
        match pick(&at(base), &at(ours), &at(theirs)) {
            Ok(Some(entry)) => drop(merged.artifacts.insert(artifact, entry)),
            Ok(None) => drop(merged.artifacts.remove(&artifact)),
            Err(()) => conflicts.push(artifact.to_string()),
        }
    }
    for bundle in names([&base.releases, &ours.releases, &theirs.releases]) {
        let at = |lock: &Lockfile| lock.releases.get(&bundle).cloned();
        match pick(&at(base), &at(ours), &at(theirs)) {
            Ok(Some(release)) => drop(merged.releases.insert(bundle, release)),
            Ok(None) => drop(merged.releases.remove(&bundle)),
            // The same release, by another name for its vault, or at another level for someone else: ours stays.
            Err(()) if at(ours).zip(at(theirs)).is_some_and(|(ours, theirs)| ours.tag == theirs.tag) => {}
            Err(()) => conflicts.push(bundle.to_string()),
        }
    }
    MergedFile { text: merged.render(), conflicts }
}

fn names<K: Ord + Clone, T>(sides: [&BTreeMap<K, T>; 3]) -> BTreeSet<K> {
    sides.into_iter().flat_map(BTreeMap::keys).cloned().collect()
}

/// Merges three texts of `collection.toml`. Comments and order are those of ours.
///
/// # Errors
/// [`CollectionError`] for a text that is no such file.
pub fn merge_manifests(base: &str, ours: &str, theirs: &str) -> Result<MergedFile, CollectionError> {
    let parse = |text: &str| Manifest::parse(text.as_bytes());
    let (base, ours_parsed, theirs) = (parse(base)?, parse(ours)?, parse(theirs)?);
    let mut conflicts = Vec::new();
    let mut text = ours.to_owned();
    let mut document: DocumentMut = text.parse().map_err(Box::new)?;
    for key in ["name", "description", "license"] {
        let value = |manifest: &Manifest| match key {
            "name" => Some(manifest.name.clone()),
            "description" => manifest.description.clone(),
            _ => manifest.license.clone(),
        };
        match pick(&value(&base), &value(&ours_parsed), &value(&theirs)) {
            Ok(new) if new == value(&ours_parsed) => {}
            Ok(Some(new)) => document[key] = toml_edit::value(new),
            Ok(None) => drop(document.remove(key)),
            Err(()) => conflicts.push(key.to_owned()),
        }
    }
    if document.to_string() != text {
        text = document.to_string();
    }
    let mut changes = Vec::new();
    for artifact in names([&base.artifacts, &ours_parsed.artifacts, &theirs.artifacts]) {
        let at = |manifest: &Manifest| manifest.artifacts.get(&artifact).cloned();
        let (base, ours, theirs) = (at(&base), at(&ours_parsed), at(&theirs));
        let merged = pick(&base, &ours, &theirs).or_else(|()| match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => merge_entries(&base.clone().unwrap_or_default(), ours, theirs).map(Some),
            _ => Err(()),
        });
        match merged {
            Ok(merged) if merged == ours => {}
            Ok(merged) => changes.push((artifact, merged)),
            Err(()) => conflicts.push(artifact.to_string()),
        }
    }
    if !changes.is_empty() {
        text = edit_manifest(&text, changes.iter().map(|(artifact, entry)| (artifact, entry.as_ref())))?;
    }
    Ok(MergedFile { text, conflicts })
}

/// Merges two tables key by key; tags and accepted findings are sets, so both sides' come and go.
fn merge_entries(base: &ManifestEntry, ours: &ManifestEntry, theirs: &ManifestEntry) -> Result<ManifestEntry, ()> {
    let words = |words: fn(&ManifestEntry) -> &Vec<String>| {
        let (base, ours, theirs) = (words(base), words(ours), words(theirs));
        let kept = ours.iter().filter(|word| theirs.contains(word) || !base.contains(word));
        let added = theirs.iter().filter(|word| !base.contains(word) && !ours.contains(word));
        kept.chain(added).cloned().collect()
    };
    Ok(ManifestEntry {
        upstream: pick(&base.upstream, &ours.upstream, &theirs.upstream)?,
        path: pick(&base.path, &ours.path, &theirs.path)?,
        server: pick(&base.server, &ours.server, &theirs.server)?,
        reference: pick(&base.reference, &ours.reference, &theirs.reference)?,
        bundle: pick(&base.bundle, &ours.bundle, &theirs.bundle)?,
        vault: pick(&base.vault, &ours.vault, &theirs.vault)?,
        original: pick(&base.original, &ours.original, &theirs.original)?,
        pack: pick(&base.pack, &ours.pack, &theirs.pack)?,
        accept: words(|entry| &entry.accept),
        tags: words(|entry| &entry.tags),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str =
        "# mine\nformat = 1\nname = \"c\"\n\n[artifacts.\"skill/m\"]\nupstream = \"u\"\ntags = [\"a\"]\n";

    fn with(extra: &str) -> String {
        format!("{BASE}{extra}")
    }

    #[test]
    fn different_artifacts_come_together_and_comments_stay() {
        let ours = with("\n[artifacts.\"skill/a\"]\nupstream = \"o\"\n");
        let theirs =
            with("\n[artifacts.\"skill/z\"]\nupstream = \"t\" # why\n").replace("name = \"c\"", "name = \"d\"");
        let merged = merge_manifests(BASE, &ours, &theirs).expect("merges");
        assert_eq!(merged.conflicts, [""; 0]);
        let parsed = Manifest::parse(merged.text.as_bytes()).expect("parses");
        assert_eq!((parsed.name.as_str(), parsed.artifacts.len()), ("d", 3));
        assert!(merged.text.starts_with("# mine"), "{}", merged.text);
    }

    #[test]
    fn one_table_is_merged_by_key_and_tags_as_a_set() {
        let ours = BASE.replace("[\"a\"]", "[\"a\", \"b\"]");
        let theirs = BASE.replace("[\"a\"]", "[\"c\"]").replace("\"u\"", "\"v\"");
        let merged = merge_manifests(BASE, &ours, &theirs).expect("merges");
        let parsed = Manifest::parse(merged.text.as_bytes()).expect("parses");
        let entry = parsed.artifacts.values().next().expect("one");
        assert_eq!((entry.upstream.as_deref(), &entry.tags[..]), (Some("v"), &["b".to_owned(), "c".to_owned()][..]));
        let other = BASE.replace("\"u\"", "\"w\"");
        let merged = merge_manifests(BASE, &other, &theirs).expect("merges");
        assert_eq!((merged.conflicts, merged.text), (vec!["skill/m".to_owned()], other));
    }

    /// Who took the same release has no conflict, whatever it was worth to each.
    #[test]
    fn releases_come_together_by_bundle() {
        let lock = |text: &str| Lockfile::parse(format!("format = 1\n{text}").as_bytes()).expect("parses");
        let release = |bundle: &str, version: &str, level: u8| {
            format!("\n[releases.\"{bundle}\"]\nversion = \"{version}\"\ntag = \"tag of {version}\"\nlevel = {level}\n")
        };
        let (none, one) = (lock(""), lock(&release("one", "1.0.0", 2)));
        let both = lock(&(release("one", "1.0.0", 3) + &release("two", "1.0.0", 3)));
        let merged = merge_locks(&none, &one, &both);
        assert_eq!((merged.conflicts, merged.text.matches("[releases.").count()), (Vec::new(), 2), "{}", merged.text);
        assert!(merged.text.contains("level = 2"), "{}", merged.text);
        let other = lock(&release("one", "2.0.0", 2));
        assert_eq!(merge_locks(&none, &one, &other).conflicts, ["one"]);
        assert_eq!(merge_locks(&one, &one, &other).text, other.render());
        assert_eq!(merge_locks(&one, &both, &none).text.matches("[releases.").count(), 2);
    }

    #[test]
    fn removed_here_and_changed_there_is_a_conflict() {
        let removed = "# mine\nformat = 1\nname = \"c\"\n";
        let theirs = BASE.replace("\"u\"", "\"v\"");
        assert_eq!(merge_manifests(BASE, removed, &theirs).expect("merges").conflicts, ["skill/m"]);
        let merged = merge_manifests(BASE, BASE, removed).expect("merges");
        assert!(merged.conflicts.is_empty() && !merged.text.contains("skill/m"), "{}", merged.text);
    }
}
