//! Pattern lists of OpenSSH: `ssh_config(5)`, PATTERNS, and `match.c`.

/// Longest pattern that OpenSSH matches, in bytes: a longer one makes its whole list match nothing.
pub(super) const MAX_PATTERN_BYTES: usize = 1022;

/// Returns whether `text` matches `pattern`, where `*` is any run of bytes and `?` is any one byte.
///
/// Bytes and not characters, because `match_pattern` in OpenSSH counts bytes. Linear in
/// `text.len() * pattern.len()`, where the original may take exponential time.
pub(super) fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where to resume when the bytes after the last `*` do not fit: (pattern after it, text it has taken).
    let mut resume: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(from) {
            Some(b'*') => {
                from += 1;
                resume = Some((from, at));
            }
            Some(&byte) if byte == b'?' || byte == text[at] => {
                at += 1;
                from += 1;
            }
            _ => match resume {
                Some((star, taken)) => {
                    resume = Some((star, taken + 1));
                    (from, at) = (star, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[from..].iter().all(|&byte| byte == b'*')
}

/// Returns whether `text` matches a comma-separated list: at least one pattern, and none of those after `!`.
pub(super) fn matches_list(text: &str, list: &str) -> bool {
    let mut found = false;
    for element in list.split(',') {
        let (negated, pattern) = match element.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, element),
        };
        if matches(text.as_bytes(), pattern.as_bytes()) {
            if negated {
                return false;
            }
            found = true;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `match_pattern` of OpenSSH written as plainly as possible, to compare with.
    fn plain(text: &[u8], pattern: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|skip| plain(&text[skip..], rest)),
            Some((b'?', rest)) => !text.is_empty() && plain(&text[1..], rest),
            Some((byte, rest)) => text.first() == Some(byte) && plain(&text[1..], rest),
        }
    }

    /// Every word of up to `most` letters of `alphabet`.
    fn words(alphabet: &[u8], most: usize) -> Vec<Vec<u8>> {
        let mut all = vec![Vec::new()];
        let mut last = all.clone();
        for _ in 0..most {
            last = last.iter().flat_map(|word| alphabet.iter().map(|b| [&word[..], &[*b]].concat())).collect();
            all.extend(last.clone());
        }
        all
    }

    #[test]
    fn every_short_pattern_agrees_with_the_recursive_definition() {
        let texts = words(b"ab", 5);
        for pattern in words(b"ab*?", 4) {
            for text in &texts {
                assert_eq!(matches(text, &pattern), plain(text, &pattern), "{text:?} {pattern:?}");
            }
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        assert!(!matches(&[b'a'; 1000], &b"a*".repeat(500).into_iter().chain(*b"b").collect::<Vec<_>>()));
    }

    #[test]
    fn a_negated_pattern_wins_wherever_it_stands() {
        assert!(matches_list("git", "git,skillmeat-*"));
        assert!(matches_list("skillmeat-root@v1", "git,skillmeat-*"));
        assert!(!matches_list("Git", "git"));
        assert!(!matches_list("file", "*,!file"));
        assert!(!matches_list("file", "!file,*"));
        assert!(!matches_list("git", "!file"));
        assert!(!matches_list("git", ""));
    }
}
