//! Credentials that people leave in files, found by the form that their issuers gave them.
//!
//! A small set with few false alarms, matched by hand in linear time. No pattern for passwords: a rule that
//! cries at every example teaches people to ignore it.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};

/// Longest run looked at before a match, in bytes; keeps the cost linear and is above every form below.
const MAX_BODY_BYTES: usize = 256;

/// What looks like a credential, for whoever publishes the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Rule, such as `secret.github-token`.
    pub id: &'static str,
    /// One phrase without the credential.
    pub message: String,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

/// Returns what looks like a credential in a text, in order.
pub fn find_secrets(text: &[u8]) -> Vec<Secret> {
    let told = |hit: Hit| Secret { id: hit.id, message: hit.message(text), range: hit.range };
    find(text).into_iter().map(told).collect()
}

/// A credential in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// Rule, such as `secret.github-token`.
    pub(super) id: &'static str,
    /// Who issues it, for the message.
    pub(super) what: &'static str,
    /// Bytes of the text.
    pub(super) range: Range<usize>,
}

impl Hit {
    /// Returns what it looks like, with its first four characters; `text` is what it was found in.
    pub(super) fn message(&self, text: &[u8]) -> String {
        let start = &text[self.range.start..self.range.end.min(self.range.start + 4)];
        format!("'{}…' looks like a {}", String::from_utf8_lossy(start), self.what)
    }
}

/// A run of the right form; an example is passed over whole, so that it is looked at once.
struct Run {
    hit: Hit,
    is_example: bool,
}

struct Form {
    id: &'static str,
    what: &'static str,
    prefix: &'static [u8],
    body: fn(u8) -> bool,
    min: usize,
    max: usize,
    /// Long forms of words and dashes: without a digit it is an example such as `sk-ant-your-key-here`.
    needs_digit: bool,
}

const fn form(
    id: &'static str,
    what: &'static str,
    prefix: &'static [u8],
    body: fn(u8) -> bool,
    min: usize,
    max: usize,
) -> Form {
    Form { id, what, prefix, body, min, max, needs_digit: false }
}

const fn wordy(id: &'static str, what: &'static str, prefix: &'static [u8], min: usize) -> Form {
    Form { id, what, prefix, body: is_url_safe, min, max: MAX_BODY_BYTES, needs_digit: true }
}

fn is_upper(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

fn is_url_safe(b: u8) -> bool {
    is_word(b) || b == b'-'
}

/// From the documentation of the issuers; the longer prefix of two stands first.
const FORMS: [Form; 21] = [
    form("secret.aws-key", "AWS access key id", b"AKIA", is_upper, 16, 16),
    form("secret.aws-key", "temporary AWS access key id", b"ASIA", is_upper, 16, 16),
    form("secret.github-token", "GitHub token", b"ghp_", is_word, 36, MAX_BODY_BYTES),
    form("secret.github-token", "GitHub token", b"gho_", is_word, 36, MAX_BODY_BYTES),
    form("secret.github-token", "GitHub token", b"ghu_", is_word, 36, MAX_BODY_BYTES),
    form("secret.github-token", "GitHub token", b"ghs_", is_word, 36, MAX_BODY_BYTES),
    form("secret.github-token", "GitHub token", b"ghr_", is_word, 36, MAX_BODY_BYTES),
    form("secret.github-token", "GitHub token", b"github_pat_", is_word, 60, MAX_BODY_BYTES),
    form("secret.gitlab-token", "GitLab token", b"glpat-", is_url_safe, 20, MAX_BODY_BYTES),
    form("secret.gitlab-token", "GitLab token", b"gldt-", is_url_safe, 20, MAX_BODY_BYTES),
    form("secret.gitlab-token", "GitLab token", b"glrt-", is_url_safe, 20, MAX_BODY_BYTES),
    wordy("secret.slack-token", "Slack token", b"xoxb-", 24),
    wordy("secret.slack-token", "Slack token", b"xoxp-", 24),
    wordy("secret.slack-token", "Slack token", b"xoxa-", 24),
    wordy("secret.slack-token", "Slack token", b"xapp-", 24),
    wordy("secret.anthropic-key", "Anthropic key", b"sk-ant-", 32),
    wordy("secret.openai-key", "OpenAI key", b"sk-proj-", 32),
    wordy("secret.openai-key", "OpenAI key", b"sk-svcacct-", 32),
    form("secret.openai-key", "OpenAI key", b"sk-", |b| b.is_ascii_alphanumeric(), 48, 48),
    form("secret.google-key", "Google API key", b"AIza", is_url_safe, 35, 35),
    form("secret.google-key", "Google OAuth client secret", b"GOCSPX-", is_url_safe, 28, 28),
];

/// Start of a private key in PEM.
const PEM: &[u8] = b"-----BEGIN ";

/// Finds all starts in one pass, many bytes at a time: texts of 100 MB are checked before each export.
static STARTS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let starts = FORMS.iter().map(|form| form.prefix).chain([PEM]);
    AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(starts).expect("two dozen short literals")
});

/// Finds credentials, in order and without overlap.
pub(super) fn find(text: &[u8]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut at = 0;
    while let Some(start) = STARTS.find(Input::new(text).range(at..)) {
        at = start.start();
        let run = match text[at] {
            b'-' => private_key(text, at),
            _ if starts_word(&text[..at]) => FORMS.iter().find_map(|form| form.match_at(text, at)),
            _ => None,
        };
        at = run.as_ref().map_or(at + 1, |run| run.hit.range.end);
        hits.extend(run.filter(|run| !run.is_example).map(|run| run.hit));
    }
    hits
}

/// Says whether a credential can start behind `before`: behind no letter or digit, but for those that write another character,
/// as in `KEY_ghp_…`, `key%3Dghp_…`, and `\nghp_…` or `\u003dghp_…` in a text of JSON.
fn starts_word(before: &[u8]) -> bool {
    let is_hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match before {
        [] | [.., b'_'] => true,
        [.., last] if !is_word(*last) => true,
        [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'0'] => true,
        [.., b'%', a, b] | [.., b'\\', b'x', a, b] => is_hex(&[*a, *b]),
        [.., b'\\', b'u', a, b, c, d] => is_hex(&[*a, *b, *c, *d]),
        _ => false,
    }
}

/// Returns the text with all but the first four characters of every credential replaced by `…`.
pub(super) fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for hit in find(text.as_bytes()) {
        out.push_str(&text[end..hit.range.start]);
        out.extend(text[hit.range.clone()].chars().take(4));
        out.push('…');
        end = hit.range.end;
    }
    out.push_str(&text[end..]);
    out
}

impl Form {
    fn match_at(&self, text: &[u8], at: usize) -> Option<Run> {
        let rest = text[at..].strip_prefix(self.prefix)?;
        let length = rest.iter().take(MAX_BODY_BYTES + 1).take_while(|b| (self.body)(**b)).count();
        let ends = length >= MAX_BODY_BYTES || !rest.get(length).is_some_and(|b| is_word(*b));
        let too_long = length > self.max && self.max < MAX_BODY_BYTES;
        if length < self.min || too_long || !ends {
            return None;
        }
        let body = &rest[..length];
        let is_example = (self.needs_digit && !body.iter().any(u8::is_ascii_digit)) || is_example(body);
        // What follows belongs to it and must not be shown either.
        let whole = rest.iter().take_while(|b| (self.body)(**b)).count();
        let range = at..at + self.prefix.len() + whole;
        Some(Run { hit: Hit { id: self.id, what: self.what, range }, is_example })
    }
}

/// Tells a placeholder: few different characters, or a word that says so.
fn is_example(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().for_each(|b| seen[usize::from(*b)] = true);
    let different = seen.iter().filter(|seen| **seen).count();
    let lower = body.to_ascii_lowercase();
    let says = |word: &[u8]| lower.windows(word.len()).any(|window| window == word);
    different < 8 || [&b"example"[..], b"xxxx", b"your", b"placeholder", b"1234567890abcdef"].into_iter().any(says)
}

/// Matches `-----BEGIN … PRIVATE KEY-----` that is followed by a key: the line alone stands in many manuals.
fn private_key(text: &[u8], at: usize) -> Option<Run> {
    let rest = text[at..].strip_prefix(PEM)?;
    let label =
        rest.iter().take(40).take_while(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || **b == b' ').count();
    let after = rest[label..].strip_prefix(b"-----")?;
    if !rest[..label].ends_with(b"PRIVATE KEY") && !rest[..label].ends_with(b"PRIVATE KEY BLOCK") {
        return None;
    }
    let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    let body = &after[..after.len().min(512)];
    let key = body.split(|b| !is_base64(*b)).find(|run| run.len() >= 40)?;
    // The whole key is hidden, however long it is.
    let length = after.windows(5).position(|window| window == b"-----").unwrap_or(after.len());
    let end = text.len() - after.len() + length;
    let hit = Hit { id: "secret.private-key", what: "private key", range: at..end };
    Some(Run { hit, is_example: is_example(key) })
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// Returns made-up credentials; put together here, so that no scanner takes this file for a leak.
    pub(in crate::scan) fn fakes() -> Vec<(&'static str, String)> {
        let body = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1F2";
        let key = format!("-----BEGIN {}-----\n{body}\n", "OPENSSH PRIVATE KEY");
        let pgp = format!("-----BEGIN {}-----\\n\\n{body}", "PGP PRIVATE KEY BLOCK");
        vec![
            ("secret.aws-key", format!("AK{}", "IAZ7Q2MWX3RT5YPLK4")),
            ("secret.github-token", format!("gh{}{}", "p_", &body[..36])),
            ("secret.github-token", format!("github{}{}", "_pat_", &body[..64])),
            ("secret.gitlab-token", format!("gl{}{}", "pat-", &body[..20])),
            ("secret.slack-token", format!("xo{}{}", "xb-", &body[..40])),
            ("secret.anthropic-key", format!("sk-{}{}", "ant-api03-", &body[..60])),
            ("secret.openai-key", format!("sk-{}{}", "proj-", &body[..60])),
            ("secret.openai-key", format!("s{}{}", "k-", &body[..48])),
            ("secret.google-key", format!("AI{}{}", "za", &body[..35])),
            ("secret.private-key", key),
            ("secret.private-key", pgp),
        ]
    }

    #[test]
    fn each_form_is_found_and_hidden() {
        for (id, secret) in fakes() {
            let behind = [
                "X=",
                "KEY_",
                "key%3D",
                r#"{"env":"A=1\n"#,
                r"\t",
                r"\r",
                r"\x3d",
                r"\u003d",
                "ключ",
                "-",
                "%22",
                r"\\n",
            ];
            let behind = behind.map(|before| format!("{before}{secret}\n"));
            for text in [secret.clone(), format!("key = \"{secret}\";")].into_iter().chain(behind) {
                let hits = find(text.as_bytes());
                assert_eq!(hits.iter().map(|hit| hit.id).collect::<Vec<_>>(), [id], "{text}");
                let safe = redacted(&text);
                assert!(!safe.contains(&secret[6..]), "{id}");
            }
        }
    }

    /// The search for starts must know every form.
    #[test]
    fn no_form_is_passed_over() {
        for form in &FORMS {
            let text =
                [form.prefix, &b"a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6"[..form.min.min(50)]].concat();
            let upper = text.to_ascii_uppercase();
            let found = !find(&text).is_empty() || (form.prefix[0] == b'A' && !find(&upper).is_empty());
            assert!(found || form.min > 50, "{:?}", String::from_utf8_lossy(form.prefix));
        }
    }

    #[test]
    fn examples_and_look_alikes_pass() {
        let name = format!("AK{}", "IAIOSFODNN7EXAMPLE");
        for text in [
            name.as_str(),
            "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "sk-ant-your-api-key-goes-here-and-nowhere-else",
            "sk-ant-...",
            "task-ant-a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN PUBLIC KEY-----\na1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6",
            "MAKIAZ7Q2MWX3RT5YPLK4",
            "a3DAKIAZ7Q2MWX3RT5YPLK4",
            "%zzAKIAZ7Q2MWX3RT5YPLK4",
            r"\pAKIAZ7Q2MWX3RT5YPLK4",
            r"\u00AKIAZ7Q2MWX3RT5YPLK4",
            "AKIAZ7Q2MWX3RT5YPLK4AAAA",
            &format!("AKIAZ7Q2MWX3RT5YPLK4{}", "A".repeat(300)),
        ] {
            assert_eq!(find(text.as_bytes()), [], "{text}");
        }
    }

    /// Row 93: input made to be slow.
    #[test]
    fn the_cost_is_linear() {
        for unit in [
            "a",
            "sk-",
            "sk-ant-",
            "-",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            "AKIA",
            "ghp_ghp_",
            "_sk-",
            "%3Dsk-",
            "sk-ant-bcdefgyour1-",
        ] {
            let text = unit.repeat((1 << 18) / unit.len());
            let start = Instant::now();
            find(text.as_bytes());
            assert!(start.elapsed() < Duration::from_secs(2), "{unit}");
        }
    }
}
