//! One word that carries bytes through chats, mails and codes: `skillmeat-ref:1/<bytes>/<base32>`.
//!
//! Base32 (RFC 4648) has no character that a chat makes into something else, needs no care for upper and lower case, and is
//! what a QR code holds best. The length in front tells where it ends, so that what is written around it does not matter,
//! and that its end is missing when it was cut off.

use super::{MAX_RECOMMENDATION_BYTES, RecommendationError};

/// What the word starts with.
pub const CARRIER_WORD: &str = "skillmeat-ref:";

/// Longest text that is searched for the word, in bytes: a long thread of mails.
const MAX_SEARCHED_BYTES: usize = 1024 * 1024;

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Returns the word that carries `bytes`.
pub fn write_carrier(bytes: &[u8]) -> String {
    format!("{CARRIER_WORD}1/{}/{}", bytes.len(), encode(bytes))
}

/// Says whether a text holds the word, whatever becomes of it.
pub fn holds_carrier(text: &str) -> bool {
    starts(text).next().is_some()
}

/// Returns the bytes that the one word in a text carries.
///
/// Text around it does not matter, nor do line breaks, spaces, marks of quotation (`>`, `|`) and characters that cannot be
/// seen within it, nor its case. The same word may be there several times, as in a mail with the one it answers.
///
/// # Errors
/// [`RecommendationError`]; every other change of it is told, never mended.
pub fn read_carrier(text: &str) -> Result<Vec<u8>, RecommendationError> {
    if text.len() > MAX_SEARCHED_BYTES {
        return Err(RecommendationError::TooLarge { found: text.len(), limit: MAX_SEARCHED_BYTES });
    }
    let mut found: Option<Vec<u8>> = None;
    for start in starts(text) {
        let bytes = read(&text[start..])?;
        if found.as_ref().is_some_and(|before| *before != bytes) {
            return Err(RecommendationError::Several);
        }
        found = Some(bytes);
    }
    found.ok_or(RecommendationError::Absent)
}

/// Returns where the versions of words start. The hyphen may have become another dash.
fn starts(text: &str) -> impl Iterator<Item = usize> {
    let (name, kind) = CARRIER_WORD.split_once('-').unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    let ends: Vec<usize> = lower.match_indices(name).map(|(at, _)| at + name.len()).collect();
    ends.into_iter().filter_map(move |at| {
        let dash = lower[at..].chars().next().filter(|c| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}'))?;
        let start = at + dash.len_utf8() + kind.len();
        let is_word = lower.get(start - kind.len()..start) == Some(kind);
        (is_word && lower[start..].starts_with(|c: char| c.is_ascii_digit())).then_some(start)
    })
}

fn read(rest: &str) -> Result<Vec<u8>, RecommendationError> {
    let malformed = RecommendationError::Malformed;
    let (version, rest) = rest.split_once('/').ok_or(malformed("no '/' after its version"))?;
    if version != "1" {
        return Err(RecommendationError::Newer(version.chars().take(20).collect()));
    }
    let (length, rest) = rest.split_once('/').ok_or(malformed("no '/' after its length"))?;
    let digits = !length.is_empty() && length.len() <= 6 && length.bytes().all(|b| b.is_ascii_digit());
    let length: usize = length.parse().ok().filter(|_| digits).ok_or(malformed("its length is no number"))?;
    if length > MAX_RECOMMENDATION_BYTES {
        return Err(RecommendationError::TooLarge { found: length, limit: MAX_RECOMMENDATION_BYTES });
    }
    let expected = (length * 8).div_ceil(5);
    let mut characters = String::with_capacity(expected);
    for c in rest.chars().filter(|c| !is_of_the_way(*c)).take(expected) {
        let upper = c.to_ascii_uppercase();
        if !upper.is_ascii() || !ALPHABET.contains(&(upper as u8)) {
            return Err(RecommendationError::Damaged { at: characters.len() + 1, found: c });
        }
        characters.push(upper);
    }
    if characters.len() < expected {
        return Err(RecommendationError::CutOff { found: characters.len(), expected });
    }
    let bytes = decode(&characters);
    if encode(&bytes) == characters { Ok(bytes) } else { Err(malformed("bits are set behind its end")) }
}

/// Says whether a character comes from how a text was wrapped, quoted or sent.
fn is_of_the_way(c: char) -> bool {
    c.is_whitespace() || matches!(c, '>' | '|') || super::super::hidden::is_unseen(c)
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            out.push(char::from(ALPHABET[(bits >> count & 31) as usize]));
        }
    }
    if count > 0 {
        out.push(char::from(ALPHABET[(bits << (5 - count) & 31) as usize]));
    }
    out
}

/// Decodes characters of the alphabet; bits behind the last byte are left out.
fn decode(characters: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(characters.len() * 5 / 8);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in characters.bytes() {
        let value = ALPHABET.iter().zip(0_u32..).find(|(known, _)| **known == byte).map_or(0, |(_, value)| value);
        bits = bits << 5 | value;
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"skillmeat-ref 1\n\nnot a signature, but bytes \x00\xff";

    #[test]
    fn base32_is_that_of_the_rfc() {
        // RFC 4648, section 10, without padding.
        for (text, expected) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(text.as_bytes()), expected);
            assert_eq!(decode(expected), text.as_bytes());
        }
    }

    #[test]
    fn what_chats_and_mails_do_is_tolerated() {
        let word = write_carrier(BYTES);
        let (head, data) = word.rsplit_once('/').expect("a slash");
        let wrapped: Vec<_> =
            data.as_bytes().chunks(20).map(|part| std::str::from_utf8(part).expect("ASCII")).collect();
        for text in [
            word.clone(),
            word.to_lowercase(),
            word.to_uppercase(),
            format!("Have a look at this:\n{word}\nand tell me. skillmeat-ref: is the word"),
            format!("{head}/\n{}\n-- \nSomeone", wrapped.join("\n")),
            format!("> > {head}/\r\n> > {}\r\n\r\nThanks!", wrapped.join("\r\n> > ")),
            format!("«{head}/{}»", wrapped.join("\u{200b}")),
            format!("{head}/{}.", wrapped.join("\u{ad}\u{feff} ")),
            word.replace("skillmeat-ref", "skillmeat\u{2011}ref"),
            word.replace("skillmeat-ref", "skillmeat\u{2013}ref"),
            format!("{word} {word}\n> {word}"),
        ] {
            assert_eq!(read_carrier(&text).as_deref(), Ok(BYTES), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        use RecommendationError::*;
        let word = write_carrier(BYTES);
        let data = word.rfind('/').expect("a slash") + 1;
        let (found, expected) = (10, (BYTES.len() * 8).div_ceil(5));
        assert_eq!(read_carrier("nothing here"), Err(Absent));
        assert_eq!(read_carrier("the word skillmeat-ref: alone"), Err(Absent));
        assert_eq!(read_carrier(&word[..data + 10]), Err(CutOff { found, expected }));
        assert_eq!(read_carrier(&format!("{}…", &word[..data + 10])), Err(Damaged { at: 11, found: '…' }));
        assert_eq!(read_carrier(&word.replacen(&word[data..=data], "0", 2)), Err(Damaged { at: 1, found: '0' }));
        assert_eq!(read_carrier(&format!("{word} {}", write_carrier(b"other"))), Err(Several));
        assert_eq!(read_carrier("skillmeat-ref:2/5/MZXW6YQ"), Err(Newer("2".to_owned())));
        assert!(matches!(read_carrier("skillmeat-ref:1/99999/AA"), Err(TooLarge { found: 99999, .. })));
        for text in [
            "skillmeat-ref:1",
            "skillmeat-ref:1/5",
            "skillmeat-ref:1/x/AA",
            "skillmeat-ref:1//AA",
            "skillmeat-ref:1/+5/AA",
            "skillmeat-ref:1/1/MZ",
        ] {
            assert!(matches!(read_carrier(text), Err(Malformed(_))), "{text}");
        }
        assert!(matches!(read_carrier(&"x".repeat(MAX_SEARCHED_BYTES + 1)), Err(TooLarge { .. })));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_come_back(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert_eq!(read_carrier(&write_carrier(&bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_makes_it_panic(text in "(skillmeat.ref:1/[0-9]{0,4}/)?[A-Za-z2-7 \\n>]{0,40}\\PC{0,20}") {
            let _ = read_carrier(&text);
        }
    }
}
