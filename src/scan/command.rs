//! Commands in what is told: nobody agrees to what is cut off, or pushed out of sight by blanks.

/// Longest run of white space that is told as it is, in characters: that of lines which are set in.
const MAX_BLANKS: usize = 8;

/// Returns a text in which longer runs of white space stand as their number, such as `⟦1500 blanks⟧`, and what is between
/// them as `told` makes it. The brackets of the text itself are escaped.
pub fn count_blanks(text: &str, told: impl Fn(&str) -> String) -> String {
    let piece = |text: &str| told(text).replace('⟦', r"\u27e6").replace('⟧', r"\u27e7");
    let mut out = String::new();
    let (mut start, mut blanks) = (0, 0..0);
    for (at, c) in text.char_indices().chain([(text.len(), '.')]) {
        if c.is_whitespace() {
            blanks = if blanks.end == at { blanks.start } else { at }..at + c.len_utf8();
            continue;
        }
        let found = if blanks.end == at { text[blanks.clone()].chars().count() } else { 0 };
        if found > MAX_BLANKS {
            out.push_str(&format!("{}⟦{found} blanks⟧", piece(&text[start..blanks.start])));
            start = at;
        }
    }
    out + &piece(&text[start..])
}

/// Returns at most `most` characters of a text, from its start and from its end, with the number of those between.
pub fn both_ends(text: &str, most: usize) -> String {
    let found = text.chars().count();
    if found <= most {
        return text.to_owned();
    }
    let (first, last) = (most - most / 2, most / 2);
    let start: String = text.chars().take(first).collect();
    let end: String = text.chars().skip(found - last).collect();
    format!("{start}⟦{} characters⟧{end}", found - most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_counted_and_the_end_is_told() {
        let counted = |text: &str| count_blanks(text, |piece| format!("<{piece}>"));
        let padded = format!("true{}; rm -rf x", " ".repeat(1_500));
        assert_eq!(counted(&padded), "<true>⟦1500 blanks⟧<; rm -rf x>");
        assert_eq!(counted("\u{3000}\t\n \u{a0}    x"), "<>⟦9 blanks⟧<x>");
        assert_eq!(counted(&format!("x{}", "\n".repeat(9))), "<x>⟦9 blanks⟧<>");
        assert_eq!(counted("a        b\n    c"), "<a        b\n    c>");
        assert_eq!(counted("a⟦9 blanks⟧b"), r"<a\u27e69 blanks\u27e7b>");
        assert_eq!(counted(""), "<>");
        assert_eq!(both_ends("abcdefg", 4), "ab⟦3 characters⟧fg");
        assert_eq!(both_ends("äöü", 3), "äöü");
    }
}
