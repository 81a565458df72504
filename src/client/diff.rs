//! A preview of a change, as a unified diff.

use std::ops::Range;

use gix::diff::blob::{Algorithm, InternedInput, diff_with_slider_heuristics};

/// Returns the hunks of a unified diff from `before` to `after`, empty when they are equal.
///
/// `context` is the number of unchanged lines around a change. Each line, without its end, passes through
/// `show` before it is written: a client's file holds secrets of others, and the preview is not to spread them,
/// nor escape sequences. There is no header with names of files.
pub fn unified_diff(before: &[u8], after: &[u8], context: u32, show: &dyn Fn(&str) -> String) -> String {
    let input = InternedInput::new(before, after);
    let diff = diff_with_slider_heuristics(Algorithm::Histogram, &input);
    let lines = |tokens: &[gix::diff::blob::Token], range: Range<u32>, sign: char, out: &mut String| {
        for token in &tokens[range.start as usize..range.end as usize] {
            let line = String::from_utf8_lossy(input.interner[*token]);
            let (text, end) = match line.strip_suffix('\n') {
                Some(text) => (text.strip_suffix('\r').unwrap_or(text), "\n"),
                None => (&*line, "\n\\ No newline at end of file\n"),
            };
            out.push(sign);
            out.push_str(&show(text));
            out.push_str(end);
        }
    };
    let total = u32::try_from(input.before.len()).unwrap_or(u32::MAX);
    let hunks: Vec<_> = diff.hunks().collect();
    let mut out = String::new();
    for group in hunks.chunk_by(|a, b| b.before.start - a.before.end <= context.saturating_mul(2)) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let lead = context.min(first.before.start);
        let tail = context.min(total - last.before.end);
        let old = first.before.start - lead..last.before.end + tail;
        let new = first.after.start - lead..last.after.end + tail;
        out.push_str(&format!("@@ -{} +{} @@\n", span(&old), span(&new)));
        let mut at = old.start;
        for hunk in group {
            lines(&input.before, at..hunk.before.start, ' ', &mut out);
            lines(&input.before, hunk.before.clone(), '-', &mut out);
            lines(&input.after, hunk.after.clone(), '+', &mut out);
            at = hunk.before.end;
        }
        lines(&input.before, at..old.end, ' ', &mut out);
    }
    out
}

/// Writes the place of a hunk as POSIX `diff -U` does: an empty one is named by the line before it.
fn span(range: &Range<u32>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => format!("{}", range.start + 1),
        length => format!("{},{length}", range.start + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(before: &str, after: &str, context: u32) -> String {
        unified_diff(before.as_bytes(), after.as_bytes(), context, &str::to_owned)
    }

    #[test]
    fn the_text_is_the_one_of_diff() {
        assert_eq!(plain("a\n", "a\n", 3), "");
        assert_eq!(plain("", "a\nb\n", 3), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(plain("a", "", 3), "@@ -1 +0,0 @@\n-a\n\\ No newline at end of file\n");
        let (before, after) = ("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\nx\n4\n5\n6\n7\n8\n9\ny");
        let expected = "@@ -2,3 +2,3 @@\n 2\n-3\n+x\n 4\n@@ -9 +9,2 @@\n 9\n+y\n\\ No newline at end of file\n";
        assert_eq!(plain(before, after, 1), expected);
        assert_eq!(plain(before, after, 3).matches("@@ -").count(), 1);
    }

    #[test]
    fn every_line_passes_through_the_filter() {
        let hide = |line: &str| if line.contains("canary") { "…".to_owned() } else { line.to_owned() };
        let text = unified_diff(b"canary\nb\r\n\xff\n", b"canary\nc\r\n\xff\n", 3, &hide);
        assert_eq!(text, "@@ -1,3 +1,3 @@\n …\n-b\n+c\n \u{fffd}\n");
    }

    proptest! {
        #[test]
        fn both_texts_can_be_read_from_a_whole_diff(before in "([ab]\n){0,8}[ab]?", after in "([ab]\n){0,8}[ab]?") {
            let text = plain(&before, &after, 100);
            let side = |sign: char| {
                let mut out = String::new();
                for line in text.lines().filter(|line| !line.starts_with("@@")) {
                    if line.starts_with('\\') {
                        continue;
                    }
                    if line.starts_with([' ', sign]) {
                        out.push_str(&line[1..]);
                        out.push('\n');
                    }
                }
                out
            };
            let whole = |text: &str| if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
            if before == after {
                prop_assert_eq!(text, "");
            } else {
                prop_assert_eq!(side('-'), whole(&before));
                prop_assert_eq!(side('+'), whole(&after));
            }
        }
    }
}
