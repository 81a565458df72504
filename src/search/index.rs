//! The text of artifacts, and its form on disk.
//!
//! The file is text: a first line, a line with the length of the key and the number of documents, a line for each
//! document, and then the key and all contents one after the other. So it is checked to be UTF-8 in one go, and what is
//! searched is borrowed from it.

use std::collections::HashMap;
use std::fmt::Write as _;

/// First line of the file; another version is built anew.
const MAGIC: &str = "skillmeat-index 2\n";

/// One artifact as it is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// Object id of its file or folder.
    pub id: &'a str,
    /// `kind/name`.
    pub artifact: &'a str,
    /// What it says of itself.
    pub description: Option<&'a str>,
    /// Text of its files, one after the other, in lower case.
    pub text: &'a str,
}

/// The artifacts of one state of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index<'a> {
    /// Names the state; the same key is the same list of documents.
    pub key: &'a str,
    /// Sorted by artifact.
    pub documents: Vec<Document<'a>>,
}

impl<'a> Index<'a> {
    /// Returns the text of the file.
    pub fn encode(&self) -> String {
        let contents = |document: &Document<'_>| document.description.map_or(0, str::len) + document.text.len() + 100;
        let mut out = String::with_capacity(MAGIC.len() + self.documents.iter().map(contents).sum::<usize>());
        // Writing into a string does not fail.
        let _ = writeln!(out, "{MAGIC}{} {}", self.key.len(), self.documents.len());
        for Document { id, artifact, description, text } in &self.documents {
            let description = description.map_or_else(|| "-".to_owned(), |description| description.len().to_string());
            let _ = writeln!(out, "{id} {artifact} {description} {}", text.len());
        }
        out.push_str(self.key);
        for document in &self.documents {
            out.push_str(document.description.unwrap_or_default());
            out.push_str(document.text);
        }
        out
    }

    /// Reads the text of a file; `None` if it is of another version, or damaged.
    pub fn decode(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(MAGIC)?;
        let (first, mut lines) = rest.split_once('\n')?;
        let (key, count) = first.split_once(' ')?;
        let count: usize = count.parse().ok()?;
        let mut documents = Vec::new();
        let mut lengths = Vec::new();
        for _ in 0..count {
            let (line, rest) = lines.split_once('\n')?;
            lines = rest;
            let mut words = line.split(' ');
            let (id, artifact, description, text) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let description = if description == "-" { None } else { Some(description.parse().ok()?) };
            lengths.push((description, text.parse().ok()?));
            documents.push(Document { id, artifact, description: None, text: "" });
        }
        let mut rest = lines;
        let key = take(&mut rest, key.parse().ok()?)?;
        for (document, (description, text)) in documents.iter_mut().zip(lengths) {
            document.description =
                description.map(|length| take(&mut rest, length)).map_or(Some(None), |text| text.map(Some))?;
            document.text = take(&mut rest, text)?;
        }
        rest.is_empty().then_some(Self { key, documents })
    }

    /// Returns the documents by artifact and id, to take over those that did not change.
    pub fn known(&self) -> HashMap<(&'a str, &'a str), Document<'a>> {
        self.documents.iter().map(|document| ((document.artifact, document.id), *document)).collect()
    }
}

fn take<'a>(rest: &mut &'a str, length: usize) -> Option<&'a str> {
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_damage_is_noticed() {
        let document = |description| Document { id: "0123", artifact: "skill/pdf", description, text: "Größe\n" };
        let index = Index { key: "k 1\n", documents: vec![document(None), document(Some("")), document(Some("ü\n"))] };
        let text = index.encode();
        assert_eq!(Index::decode(&text), Some(index));
        for (length, _) in text.char_indices() {
            assert_eq!(Index::decode(&text[..length]), None, "{length}");
        }
        for damaged in [text.clone() + "x", text.replace(" 0 ", " 1 "), text.replace("index 2", "index 1")] {
            assert_eq!(Index::decode(&damaged), None, "{damaged}");
        }
    }
}
