//! Files of a vault for people: `vault.toml` and `index.toml` (`schema/vault.md`). No reader believes them.

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use toml_edit::Value;

use super::{BundleName, Digest, Release};

/// Version of both files that this program writes and reads.
pub const VAULT_FORMAT: u32 = 1;

/// Largest `index.toml`, in bytes: about 50,000 releases.
pub const MAX_INDEX_BYTES: u64 = 16 * 1024 * 1024;

/// Why a file of a vault cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VaultFileError {
    /// It is not TOML of the expected shape.
    #[error("'{file}' of the vault cannot be read")]
    Parse {
        /// Which file.
        file: &'static str,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// It is not UTF-8.
    #[error("'{0}' of the vault is not UTF-8")]
    NotText(&'static str),
    /// It was written by a newer program.
    #[error("'{file}' of the vault has format {found}, which needs a newer git skillmeat")]
    Newer {
        /// Which file.
        file: &'static str,
        /// Its format.
        found: u32,
    },
}

/// Content of `index.toml`: the releases of a vault, as their publishers describe them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VaultIndex {
    /// Always 1.
    pub format: u32,
    /// Sorted by bundle and version.
    #[serde(default)]
    pub releases: Vec<IndexedRelease>,
}

/// One release in a vault's index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IndexedRelease {
    /// The bundle.
    pub bundle: BundleName,
    /// Its version.
    #[schemars(with = "String")]
    pub version: Version,
    /// Id of the tag object.
    pub tag: String,
    /// Tree digest of all files.
    pub tree: Digest,
    /// Licence of the whole.
    pub license: String,
    /// What it is for.
    pub description: String,
}

impl IndexedRelease {
    /// Returns which release it describes.
    pub fn release(&self) -> Release {
        Release { bundle: self.bundle.clone(), version: self.version.clone() }
    }
}

impl VaultIndex {
    /// Parses `index.toml`.
    ///
    /// # Errors
    /// [`VaultFileError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, VaultFileError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let file = "index.toml";
        let text = std::str::from_utf8(bytes).map_err(|_| VaultFileError::NotText(file))?;
        let wrong = |source| VaultFileError::Parse { file, source: Box::new(source) };
        let Format { format } = toml::from_str(text).map_err(wrong)?;
        if format != VAULT_FORMAT {
            return Err(VaultFileError::Newer { file, found: format });
        }
        toml::from_str(text).map_err(wrong)
    }

    /// Adds a release, in its place.
    pub fn insert(&mut self, release: IndexedRelease) {
        self.releases.retain(|known| known.release() != release.release());
        self.releases.push(release);
        self.releases.sort_by_key(IndexedRelease::release);
    }

    /// Returns the one text of this index.
    pub fn render(&self) -> String {
        self.releases.iter().fold(index_head(), |text, release| text + &release.block())
    }

    /// Returns the page that a forge shows for the vault, in Markdown.
    pub fn readme(&self, name: &str) -> String {
        self.releases.iter().fold(readme_head(name), |text, release| text + &release.row())
    }

    /// Adds a release to both texts, `index.toml` and `README.md`, without taking either apart: with ten thousand releases
    /// that is most of what a publish costs.
    ///
    /// `None` where they are not as this program writes them, or have the release already: then all of it is read and written.
    pub fn texts_with(index: &str, readme: &str, name: &str, release: &IndexedRelease) -> Option<(String, String)> {
        let (head, page_head) = (index_head(), readme_head(name));
        // In a text of several lines a description could look like another release.
        if !index.starts_with(&head) || index.contains("\"\"\"") || index.contains("'''") {
            return None;
        }
        let places: Vec<usize> = index.match_indices(BLOCK).map(|(at, _)| at).collect();
        let lines: Vec<&str> = readme.strip_prefix(&page_head)?.split_inclusive('\n').collect();
        if lines.len() != places.len() || places.first().is_some_and(|at| *at != head.len()) {
            return None;
        }
        let wanted = release.release();
        let (mut low, mut high) = (0, places.len());
        while low < high {
            let middle = (low + high) / 2;
            match release_at(&index[places[middle]..])?.cmp(&wanted) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return None,
            }
        }
        let at = places.get(low).copied().unwrap_or(index.len());
        let line = page_head.len() + lines[..low].iter().map(|line| line.len()).sum::<usize>();
        let put = |text: &str, at: usize, new: &str| [&text[..at], new, &text[at..]].concat();
        Some((put(index, at, &release.block()), put(readme, line, &release.row())))
    }
}

/// How a release begins in `index.toml`.
const BLOCK: &str = "\n[[releases]]\n";

fn index_head() -> String {
    format!("# Written by git skillmeat for people; readers check the signed tags instead.\nformat = {VAULT_FORMAT}\n")
}

fn readme_head(name: &str) -> String {
    format!(
        "# {}\n\nA vault of `git skillmeat`: each release is a signed tag.\nThis page is generated; check a release with \
         `git verify-tag NAME--vVERSION`.\n\n| Bundle | Version | Licence | About |\n|---|---|---|---|\n",
        escaped(name)
    )
}

/// Returns text of publishers as one line in which Markdown means nothing, nor what forges add to it: formulas, struck text.
fn escaped(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().flat_map(|c| if "\\`*_[]<>|#&!$~^".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

/// Returns the release that a block of `index.toml` is of, by its first two lines.
fn release_at(block: &str) -> Option<Release> {
    let mut lines = block.strip_prefix(BLOCK)?.lines();
    let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"');
    Some(Release { bundle: value("bundle")?.parse().ok()?, version: value("version")?.parse().ok()? })
}

impl IndexedRelease {
    /// Returns its table in `index.toml`.
    fn block(&self) -> String {
        let (version, tree) = (self.version.to_string(), self.tree.to_string());
        let mut text = BLOCK.to_owned();
        for (key, value) in [
            ("bundle", self.bundle.as_str()),
            ("version", &version),
            ("tag", &self.tag),
            ("tree", &tree),
            ("license", &self.license),
            ("description", &self.description),
        ] {
            text.push_str(&format!("{key} = {}\n", Value::from(value)));
        }
        text
    }

    /// Returns its line in `README.md`.
    fn row(&self) -> String {
        let (license, about) = (escaped(&self.license), escaped(&self.description));
        format!("| {} | {} | {license} | {about} |\n", self.bundle, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(bundle: &str, version: &str) -> IndexedRelease {
        IndexedRelease {
            bundle: bundle.parse().expect("a name"),
            version: version.parse().expect("a version"),
            tag: "a".repeat(40),
            tree: Digest::of(b""),
            license: "MIT".to_owned(),
            description: "<script> | \"x\"\nnext".to_owned(),
        }
    }

    #[test]
    fn the_index_round_trips_sorted_and_each_release_is_there_once() {
        let mut index = VaultIndex { format: 1, releases: Vec::new() };
        for (bundle, version) in [("b", "1.0.0"), ("a", "1.10.0"), ("a", "1.9.0"), ("b", "1.0.0")] {
            index.insert(release(bundle, version));
        }
        let back = VaultIndex::parse(index.render().as_bytes()).expect("parses");
        let names: Vec<_> = back.releases.iter().map(|release| release.release().to_string()).collect();
        assert_eq!(names, ["a--v1.9.0", "a--v1.10.0", "b--v1.0.0"]);
        assert_eq!(back.releases, index.releases);
    }

    /// Put into the texts, or written anew: the same bytes, in any order, and never where the texts are someone else's.
    #[test]
    fn a_release_that_is_put_into_the_texts_stands_where_it_would_be_written() {
        let names =
            [("b", "1.0.0"), ("a", "1.10.0"), ("a", "1.9.0"), ("c", "1.0.0-rc.1"), ("a-b", "1.0.0"), ("c", "1.0.0")];
        let mut index = VaultIndex { format: 1, releases: Vec::new() };
        for (bundle, version) in names {
            let mut new = release(bundle, version);
            new.description = "one line | \"x\"".to_owned();
            let (before, page) = (index.render(), index.readme("team <b>"));
            let (text, row) = VaultIndex::texts_with(&before, &page, "team <b>", &new).expect("its own texts");
            index.insert(new.clone());
            assert_eq!((text, row), (index.render(), index.readme("team <b>")), "{bundle} {version}");
            // Once more, under another name, with a line more, with another head.
            let (text, row) = (index.render(), index.readme("team <b>"));
            let next = release("z", "1.0.0");
            assert_eq!(VaultIndex::texts_with(&text, &row, "team <b>", &new), None);
            assert_eq!(VaultIndex::texts_with(&text, &row, "team", &next), None);
            assert_eq!(VaultIndex::texts_with(&text, &format!("{row}more\n"), "team <b>", &next), None);
            assert_eq!(VaultIndex::texts_with(&text.replacen('#', "##", 1), &row, "team <b>", &next), None);
        }
        // A description of several lines that looks like a release.
        let mut sly = release("d", "1.0.0");
        sly.description = "x\n\n[[releases]]\nbundle = \"z\"\nversion = \"9.0.0\"\n".to_owned();
        index.insert(sly);
        assert_eq!(VaultIndex::texts_with(&index.render(), &index.readme("x"), "x", &release("y", "1.0.0")), None);
        assert!(VaultIndex::parse(index.render().as_bytes()).is_ok());
    }

    #[test]
    fn the_page_holds_no_markup_of_publishers() {
        let mut index = VaultIndex { format: 1, releases: Vec::new() };
        index.insert(release("a", "1.0.0"));
        let page = index.readme("<b>");
        assert!(!page.contains("<script>") && !page.contains("\nnext") && !page.contains("# <b>"), "{page}");
    }

    #[test]
    fn newer_and_broken_indexes_are_refused() {
        assert!(matches!(VaultIndex::parse(b"format = 2\nx = 1"), Err(VaultFileError::Newer { found: 2, .. })));
        assert!(VaultIndex::parse(b"format = 1\nx = 1").is_err());
        assert!(VaultIndex::parse(&[0xff]).is_err());
    }
}
