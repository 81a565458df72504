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
        let mut text = format!(
            "# Written by git skillmeat for people; readers check the signed tags instead.\nformat = {VAULT_FORMAT}\n"
        );
        for release in &self.releases {
            let quoted = |text: &str| Value::from(text).to_string();
            let version = release.version.to_string();
            let tree = release.tree.to_string();
            text.push_str("\n[[releases]]\n");
            for (key, value) in [
                ("bundle", release.bundle.as_str()),
                ("version", &version),
                ("tag", &release.tag),
                ("tree", &tree),
                ("license", &release.license),
                ("description", &release.description),
            ] {
                text.push_str(&format!("{key} = {}\n", quoted(value)));
            }
        }
        text
    }

    /// Returns the page that a forge shows for the vault, in Markdown.
    pub fn readme(&self, name: &str) -> String {
        let plain = |text: &str| {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            line.chars()
                .flat_map(|c| if "\\`*_[]<>|#&!".contains(c) { vec!['\\', c] } else { vec![c] })
                .collect::<String>()
        };
        let mut text = format!(
            "# {}\n\nA vault of `git skillmeat`: each release is a signed tag.\nThis page is generated; check a release with \
             `git verify-tag NAME--vVERSION`.\n\n| Bundle | Version | Licence | About |\n|---|---|---|---|\n",
            plain(name)
        );
        for release in &self.releases {
            let (license, about) = (plain(&release.license), plain(&release.description));
            text.push_str(&format!("| {} | {} | {license} | {about} |\n", release.bundle, release.version));
        }
        text
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
