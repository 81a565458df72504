//! The text of artifacts, and its form on disk.

use std::collections::HashMap;

/// Start of the file; another version is another name, and is built anew.
const MAGIC: &[u8] = b"skillmeat-index 1\n";

/// One artifact as it is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Object id of its file or folder.
    pub id: String,
    /// `kind/name`.
    pub artifact: String,
    /// What it says of itself.
    pub description: Option<String>,
    /// Text of its files, one after the other, in lower case.
    pub text: String,
}

/// The artifacts of one state of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// Names the state; the same key is the same list of documents.
    pub key: String,
    /// Sorted by artifact.
    pub documents: Vec<Document>,
}

impl Index {
    /// Returns the bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        put(&mut out, &self.key);
        for document in &self.documents {
            put(&mut out, &document.id);
            put(&mut out, &document.artifact);
            // A flag tells no description from an empty one.
            out.push(u8::from(document.description.is_some()));
            put(&mut out, document.description.as_deref().unwrap_or_default());
            put(&mut out, &document.text);
        }
        out
    }

    /// Reads the bytes of a file; `None` if they are of another version, or damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let key = take(&mut rest)?;
        let mut documents = Vec::new();
        while !rest.is_empty() {
            let (id, artifact) = (take(&mut rest)?, take(&mut rest)?);
            let (flag, after) = rest.split_first()?;
            rest = after;
            let description = take(&mut rest)?;
            let description = (*flag == 1).then_some(description);
            documents.push(Document { id, artifact, description, text: take(&mut rest)? });
        }
        Some(Self { key, documents })
    }

    /// Returns the documents by artifact and id, to take over those that did not change.
    pub fn into_known(self) -> HashMap<(String, String), Document> {
        let key = |document: &Document| (document.artifact.clone(), document.id.clone());
        self.documents.into_iter().map(|document| (key(&document), document)).collect()
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..length as usize]);
}

fn take(rest: &mut &[u8]) -> Option<String> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (text, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_damage_is_noticed() {
        let document = |description: Option<&str>| Document {
            id: "0123".to_owned(),
            artifact: "skill/pdf".to_owned(),
            description: description.map(str::to_owned),
            text: "Größe\n".to_owned(),
        };
        let index = Index { key: "k".to_owned(), documents: vec![document(None), document(Some(""))] };
        let bytes = index.encode();
        assert_eq!(Index::decode(&bytes), Some(index));
        for length in (0..bytes.len()).filter(|length| *length != MAGIC.len() + 5) {
            let cut = Index::decode(&bytes[..length]);
            assert!(cut.is_none_or(|cut| cut.documents.len() < 2), "{length}");
        }
        assert_eq!(Index::decode(b"skillmeat-index 2\n"), None);
    }
}
