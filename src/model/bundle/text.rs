//! The one text of a manifest (`schema/bundle.md`, section 2).

use std::fmt::Write as _;

use super::{BUNDLE_FORMAT, BundleArtifact, BundleManifest};
use crate::model::FileEntry;

impl BundleManifest {
    /// Returns the one text for this manifest; lists are sorted, whatever order they have here.
    pub fn render(&self) -> String {
        let mut out = Toml(format!("format = {BUNDLE_FORMAT}\n"));
        out.string("name", self.name.as_str());
        out.string("version", &self.version.to_string());
        out.string("description", &self.description);
        out.string("license", &self.license);
        out.string("compression", self.compression.word());
        self.packed.iter().for_each(|packed| out.string("packed", &packed.to_string()));
        if !self.dependencies.is_empty() {
            out.header("[dependencies]");
            self.dependencies.iter().for_each(|(name, range)| out.string(name.as_str(), &range.to_string()));
        }
        let mut artifacts: Vec<_> = self.artifacts.iter().collect();
        artifacts.sort_by(|a, b| a.artifact.cmp(&b.artifact));
        artifacts.into_iter().for_each(|artifact| out.artifact(artifact));
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort();
        files.into_iter().for_each(|file| out.file(file));
        out.0
    }
}

/// TOML text in the making.
struct Toml(String);

impl Toml {
    fn header(&mut self, header: &str) {
        self.0.push('\n');
        self.0.push_str(header);
        self.0.push('\n');
    }

    fn string(&mut self, key: &str, value: &str) {
        self.0.push_str(key);
        self.0.push_str(" = \"");
        for character in value.chars() {
            match character {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\t' => self.0.push_str("\\t"),
                other => self.0.push(other),
            }
        }
        self.0.push_str("\"\n");
    }

    fn artifact(&mut self, entry: &BundleArtifact) {
        self.header("[[artifacts]]");
        self.string("ref", &entry.artifact.to_string());
        self.string("path", entry.path.as_str());
        self.string("digest", &entry.digest.to_string());
        let optional =
            [("license", &entry.license), ("upstream", &entry.upstream), ("upstream_commit", &entry.upstream_commit)];
        for (key, value) in optional {
            value.iter().for_each(|value| self.string(key, value));
        }
    }

    fn file(&mut self, entry: &FileEntry) {
        self.header("[[files]]");
        self.string("path", entry.path.as_str());
        self.string("mode", &entry.mode.to_string());
        writeln!(self.0, "size = {}", entry.size).expect("a String takes all that is written to it");
        self.string("sha256", &entry.sha256.to_string());
    }
}
