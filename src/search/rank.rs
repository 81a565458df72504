//! Ranking: which documents answer a question, and where in them the answer stands.

use memchr::memmem;
use rayon::prelude::*;

use super::{Document, Index};

/// Longest snippet, in characters.
const SNIPPET_CHARS: usize = 120;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Words that all have to be there, in any order and as parts of words; letter case does not matter.
    pub words: Vec<String>,
}

/// A document that answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Its place in the index.
    pub document: usize,
    /// How well it answers: more is better. Comparable within one query only.
    pub score: f64,
}

impl Query {
    /// Makes a query from what a person typed.
    pub fn parse(text: &str) -> Self {
        Self { words: text.split_whitespace().map(str::to_lowercase).collect() }
    }
}

/// Returns the documents for which `wanted` holds and that have every word, best first.
///
/// A word counts most in a name, less in a tag or the description, least in the text; a rare one more than a common
/// one, as in BM25, where a word that stands often in one document soon adds nothing more.
pub fn rank(
    index: &Index<'_>,
    tags: &[Vec<String>],
    query: &Query,
    wanted: &(dyn Fn(usize) -> bool + Sync),
) -> Vec<Hit> {
    let scored: Vec<Vec<Option<f64>>> = index
        .documents
        .par_iter()
        .enumerate()
        .map(|(at, document)| {
            if !wanted(at) {
                return vec![None; query.words.len().max(1)];
            }
            if query.words.is_empty() {
                return vec![Some(0.0)];
            }
            let tags = tags.get(at).map_or(&[][..], Vec::as_slice);
            let about = document.description.unwrap_or_default().to_lowercase();
            query.words.iter().map(|word| weight(document, &about, tags, word)).collect()
        })
        .collect();
    let total = scored.len() as f64;
    let rarity: Vec<f64> = (0..query.words.len())
        .map(|word| {
            let having = scored.iter().filter(|weights| weights[word].is_some()).count() as f64;
            (1.0 + (total - having + 0.5) / (having + 0.5)).ln()
        })
        .collect();
    let mut hits: Vec<Hit> = scored
        .iter()
        .enumerate()
        .filter_map(|(document, weights)| {
            let weights: Vec<f64> = weights.iter().copied().collect::<Option<_>>()?;
            let score = weights.iter().zip(&rarity).map(|(weight, rarity)| weight * rarity).sum();
            Some(Hit { document, score })
        })
        .collect();
    // The order of documents breaks ties, so that the same question has the same answer.
    hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.document.cmp(&b.document)));
    hits
}

/// Returns how much one word counts in a document; `None` if it is nowhere.
fn weight(document: &Document<'_>, about: &str, tags: &[String], word: &str) -> Option<f64> {
    let name = document.artifact.rsplit_once('/').map_or(document.artifact, |(_, name)| name);
    let mut weight = 0.0;
    if name == word {
        weight += 20.0;
    } else if name.split('-').any(|part| part == word) {
        weight += 10.0;
    } else if document.artifact.contains(word) {
        weight += 5.0;
    }
    if tags.iter().any(|tag| tag.to_lowercase() == word) {
        weight += 8.0;
    }
    if about.contains(word) {
        weight += 4.0;
    }
    let times = memmem::find_iter(document.text.as_bytes(), word).take(50).count() as f64;
    weight += 2.2 * times / (times + 1.2);
    (weight > 0.0).then_some(weight)
}

/// Returns a line of the text in which one of the words stands, shortened around it.
pub fn snippet(text: &str, words: &[String]) -> Option<String> {
    let line = text.lines().find(|line| {
        let lower = line.to_lowercase();
        words.iter().any(|word| lower.contains(word.as_str()))
    })?;
    let line = line.trim();
    if line.chars().count() <= SNIPPET_CHARS {
        return Some(line.to_owned());
    }
    let lower: Vec<char> = line.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect();
    let starts = |at: usize| words.iter().any(|word| word.chars().zip(&lower[at..]).all(|(a, b)| a == *b));
    let at = (0..lower.len()).find(|at| starts(*at)).unwrap_or(0);
    let from = at.saturating_sub(SNIPPET_CHARS / 3);
    let shown: String = line.chars().skip(from).take(SNIPPET_CHARS - 2).collect();
    let end = if line.chars().count() > from + SNIPPET_CHARS - 2 { "…" } else { "" };
    Some(format!("{}{}{end}", if from > 0 { "…" } else { "" }, shown.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index<'a>(documents: &[(&'a str, &'a str, &'a str)]) -> Index<'a> {
        let document = |&(artifact, about, text): &(&'a str, &'a str, &'a str)| Document {
            id: "",
            artifact,
            description: Some(about),
            text,
        };
        Index { key: "", documents: documents.iter().map(document).collect() }
    }

    fn names(index: &Index<'_>, text: &str) -> Vec<String> {
        let hits = rank(index, &[], &Query::parse(text), &|_| true);
        hits.iter().map(|hit| index.documents[hit.document].artifact.to_owned()).collect()
    }

    #[test]
    fn a_name_counts_more_than_a_description_and_that_more_than_text() {
        let index = index(&[
            ("skill/text", "About things", "pdf pdf pdf pdf pdf pdf pdf"),
            ("skill/about", "Reads PDF files", ""),
            ("skill/pdf-tools", "Tools", ""),
            ("skill/pdf", "Forms", ""),
            ("skill/other", "Nothing", "here"),
        ]);
        assert_eq!(names(&index, "PDF"), ["skill/pdf", "skill/pdf-tools", "skill/about", "skill/text"]);
        assert_eq!(names(&index, "pdf forms"), ["skill/pdf"], "all words have to be there");
        assert_eq!(names(&index, "").len(), 5, "without words everything is listed");
    }

    #[test]
    fn snippets_show_the_word_in_its_line() {
        let long = format!("{} needle {}", "a ".repeat(200), "b ".repeat(200));
        assert_eq!(snippet("one\n  the Needle\n", &["needle".to_owned()]).as_deref(), Some("the Needle"));
        let shown = snippet(&long, &["needle".to_owned()]).expect("is there");
        assert!(shown.contains("needle") && shown.chars().count() <= SNIPPET_CHARS, "{shown}");
    }
}
