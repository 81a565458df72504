//! Artifacts that say nearly the same: MinHash over runs of words (Broder 1997), candidates checked exactly.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rayon::prelude::*;

use super::Index;

/// Words of a run: long enough that runs in common mean text in common.
const RUN_WORDS: usize = 4;

/// Bands of the signature and rows of a band: two texts that share four fifths of their runs meet in one band with a
/// probability of 0.9999, two that share a third with 0.2.
const BANDS: usize = 16;
const ROWS: usize = 4;

/// Two documents that say nearly the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Place of the first in the index.
    pub a: usize,
    /// Place of the second, which is greater.
    pub b: usize,
    /// Share of the runs of words that both have, of all that either has: 0 to 1.
    pub share: f64,
}

/// Returns the pairs that share at least `least` of their runs of words, most alike first.
///
/// Texts shorter than a run are never alike. Cost grows with the text, and with the pairs that are candidates.
pub fn similar(index: &Index<'_>, least: f64) -> Vec<Pair> {
    let runs: Vec<BTreeSet<u64>> = index.documents.par_iter().map(|document| runs(document.text)).collect();
    let signatures: Vec<Option<Vec<u64>>> = runs.par_iter().map(signature).collect();
    let mut bands: HashMap<(usize, u64), Vec<usize>> = HashMap::new();
    for (at, signature) in signatures.iter().enumerate() {
        for (band, rows) in signature.iter().flat_map(|signature| signature.chunks(ROWS).enumerate()) {
            let mut hasher = DefaultHasher::new();
            rows.hash(&mut hasher);
            bands.entry((band, hasher.finish())).or_default().push(at);
        }
    }
    let mut candidates: BTreeSet<(usize, usize)> = BTreeSet::new();
    for members in bands.values() {
        for (place, a) in members.iter().enumerate() {
            candidates.extend(members[place + 1..].iter().map(|b| (*a, *b)));
        }
    }
    let mut pairs: Vec<Pair> = candidates
        .into_par_iter()
        .map(|(a, b)| {
            let both = runs[a].intersection(&runs[b]).count() as f64;
            let either = (runs[a].len() + runs[b].len()) as f64 - both;
            Pair { a, b, share: both / either }
        })
        .filter(|pair| pair.share >= least)
        .collect();
    pairs.sort_by(|x, y| y.share.total_cmp(&x.share).then((x.a, x.b).cmp(&(y.a, y.b))));
    pairs
}

/// Returns the hashes of all runs of words, without punctuation.
fn runs(text: &str) -> BTreeSet<u64> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words
        .windows(RUN_WORDS)
        .map(|run| {
            let mut hasher = DefaultHasher::new();
            run.hash(&mut hasher);
            hasher.finish()
        })
        .collect()
}

/// Returns the least value of each of the hash functions over the runs.
fn signature(runs: &BTreeSet<u64>) -> Option<Vec<u64>> {
    if runs.is_empty() {
        return None;
    }
    // Multiplication by an odd number permutes the 64-bit numbers; each function has its own.
    let functions = (0..BANDS * ROWS).map(|n| (0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * n as u64 + 1)) | 1);
    Some(functions.map(|odd| runs.iter().map(|run| mix(run.wrapping_mul(odd))).min().unwrap_or(u64::MAX)).collect())
}

/// The finaliser of SplitMix64: without it the least of products would depend on few bits.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// Groups the places of documents that have the same id: the same bytes.
pub fn same(index: &Index<'_>) -> Vec<Vec<usize>> {
    let mut by_id: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, document) in index.documents.iter().enumerate() {
        by_id.entry(document.id).or_default().push(at);
    }
    by_id.into_values().filter(|group| group.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;

    fn index(texts: &[String]) -> Index<'_> {
        let document = |(id, text)| Document { id, artifact: "skill/s", description: None, text: String::as_str(text) };
        Index { key: "", documents: ["0", "1", "2", "3", "4"].into_iter().zip(texts).map(document).collect() }
    }

    fn words(seed: u64, count: u64) -> String {
        (0..count).map(|n| format!("w{} ", mix(seed * 1000 + n) % 5000)).collect()
    }

    #[test]
    fn texts_that_share_most_of_their_words_are_found_and_others_are_not() {
        let base = words(1, 400);
        let near = base.replacen("w", "changed", 5);
        let texts = [base.clone(), words(2, 400), near, base.replace(' ', ", "), String::new()];
        let pairs = similar(&index(&texts), 0.8);
        let found: Vec<_> = pairs.iter().map(|pair| (pair.a, pair.b)).collect();
        assert_eq!(found, [(0, 3), (0, 2), (2, 3)]);
        assert_eq!(pairs[0].share, 1.0);
    }

    #[test]
    fn the_same_bytes_are_grouped() {
        let texts = [words(1, 5), words(2, 5), words(1, 5)];
        let mut index = index(&texts);
        index.documents[2].id = "0";
        assert_eq!(same(&index), [[0, 2]]);
    }
}
