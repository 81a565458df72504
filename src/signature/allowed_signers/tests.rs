use super::super::testdata::{ECDSA_P256, ECDSA_P384, ED25519, RSA_2048};
use super::*;

/// 2026-11-22T14:00:00Z.
const NOON: u64 = 1_795_356_000;

fn parse(text: &str) -> Result<AllowedSigners, AllowedSignersError> {
    AllowedSigners::parse(text.as_bytes())
}

fn line_error(line: &str) -> LineError {
    match parse(&format!("# first\n{line}\n")) {
        Err(AllowedSignersError::Line { line: 2, source }) => source,
        other => panic!("{line}: {other:?}"),
    }
}

/// What a list of lines says about the Ed25519 key; `%` stands for that key.
fn check(lines: &str, namespace: &str, time: u64) -> Outcome {
    let signers = parse(&lines.replace('%', ED25519.key)).expect("a list");
    signers.check(&ED25519.key.parse().expect("a key"), namespace, time)
}

fn allowed(principals: &[&str]) -> Outcome {
    Outcome::Allowed { principals: principals.iter().map(|name| (*name).to_owned()).collect() }
}

#[test]
fn the_fields_of_a_line_are_read() {
    let key = ED25519.key;
    let text = format!(
        "\t\"alice@example.com,*@example.org\" Namespaces=\"git,skillmeat-*\",valid-after=\"20260101Z\",\
         VALID-BEFORE=\"20270101000000utc\" {key} her laptop\r\n#x\n\nbob cert-authority  {key}"
    );
    let signers = parse(&text).expect("a list");
    let lines: Vec<_> = signers.iter().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].principals(), "alice@example.com,*@example.org");
    assert_eq!(lines[0].namespaces(), Some("git,skillmeat-*"));
    assert_eq!(lines[0].valid_after().expect("a time").to_string(), "2026-01-01T00:00:00Z");
    assert_eq!(lines[0].valid_before().expect("a time").to_string(), "2027-01-01T00:00:00Z");
    assert_eq!((lines[1].line(), lines[1].principals(), lines[1].is_cert_authority()), (4, "bob", true));
    assert_eq!(lines[1].key().to_line(), key);
}

#[test]
fn lines_that_are_not_understood_are_named() {
    let key = ED25519.key;
    assert_eq!(line_error("alice"), LineError::Form);
    assert_eq!(line_error(&format!("\"alice {key}")), LineError::Form);
    assert_eq!(line_error("alice namespaces=\"git\""), LineError::Form);
    assert!(matches!(line_error("alice namespaces=\"git\" "), LineError::Key(_)));
    assert!(matches!(line_error(&format!("alice {}", &key[..key.len() - 4])), LineError::Key(_)));
    assert_eq!(line_error(&format!("alice\u{b}x {key}")), LineError::Text);
    assert_eq!(line_error(&format!("a\rb {key}")), LineError::Text);
    for principals in ["\"\"", ",a", "a,", "a,,b", "!", &"x".repeat(1023)] {
        assert_eq!(line_error(&format!("{principals} {key}")), LineError::Pattern, "{principals}");
    }
    for principals in ["a@x\u{3164}", "\"a@x\u{202e}\"", "a\u{fe0f}@x,b@x", "*@x\u{2800}"] {
        assert!(matches!(line_error(&format!("{principals} {key}")), LineError::Hidden(..)), "{principals}");
    }
    assert!(matches!(line_error(&format!("a@x namespaces=\"git\u{200b}\" {key}")), LineError::Hidden(_, '\u{200b}')));
    assert!(
        parse(&format!("söre@example.com {key} a remark\u{200b}")).is_ok(),
        "letters are seen, remarks name nobody"
    );
    let options = [
        "touch-required",
        "cert-authority,",
        ",cert-authority",
        "cert-authority=\"x\"",
        "cert-authorityx",
        "no-cert-authority",
        "namespaces=git",
        "namespaces=\"git\"cert-authority",
        "namespaces",
        "namespaces=\"git\",namespaces=\"git\"",
        "valid-after=\"20261301Z\"",
        "valid-after=\"\"",
        "valid-before=\"20260101Z\",valid-before=\"20260101Z\"",
        "valid-before=\"tomorrow\"",
    ];
    for option in options {
        assert!(matches!(line_error(&format!("alice {option} {key}")), LineError::Option(_)), "{option}");
    }
    assert_eq!(line_error(&format!("alice namespaces=\"\" {key}")), LineError::Pattern);
    let backwards = "valid-after=\"20270101Z\",valid-before=\"20260101Z\"";
    assert_eq!(line_error(&format!("alice {backwards} {key}")), LineError::Period);
    assert!(AllowedSigners::parse(b"alice \xff").is_err());
    assert!(matches!(parse(&"#".repeat(MAX_SIGNERS_BYTES + 1)), Err(AllowedSignersError::TooLarge(_))));
}

#[test]
fn keys_that_are_not_verified_here_may_stand_in_a_list() {
    assert!(parse(&format!("alice {}\n", ECDSA_P384.key)).is_ok());
}

#[test]
fn the_key_decides_and_not_the_place() {
    let others = format!("bob {}\ncarol {}\n", RSA_2048.key, ECDSA_P256.key);
    assert_eq!(check(&format!("{others}alice %"), "git", NOON), allowed(&["alice"]));
    assert_eq!(check(&others, "git", NOON), Outcome::NotListed);
    assert_eq!(check("", "git", NOON), Outcome::NotListed);
    assert_eq!(check("alice cert-authority %", "git", NOON), Outcome::NotListed);
    assert_eq!(check("a,b,*@x %", "git", NOON), allowed(&["a", "b", "*@x"]));
    assert_eq!(check("!a,b* %", "git", NOON), allowed(&["b*"]));
    assert_eq!(check("a,!a %", "git", NOON), Outcome::NotListed);
}

#[test]
fn namespaces_are_patterns() {
    assert_eq!(check("a namespaces=\"file,git\" %", "git", NOON), allowed(&["a"]));
    assert_eq!(check("a namespaces=\"file\" %", "git", NOON), Outcome::WrongNamespace);
    assert_eq!(check("a namespaces=\"*,!git\" %", "git", NOON), Outcome::WrongNamespace);
    assert_eq!(check("a namespaces=\"skillmeat-*\" %", "skillmeat-root@v1", NOON), allowed(&["a"]));
    assert_eq!(check("a namespaces=\"Git\" %", "git", NOON), Outcome::WrongNamespace);
}

#[test]
fn only_a_principal_of_the_first_line_counts() {
    // `find-principals` does not look at the namespace, so the second principal is never asked about.
    assert_eq!(check("a namespaces=\"file\" %\nb %", "git", NOON), Outcome::WrongNamespace);
    assert_eq!(check("a namespaces=\"file\" %\na %", "git", NOON), allowed(&["a"]));
    assert_eq!(check("a,b namespaces=\"file\" %\nb %", "git", NOON), allowed(&["b"]));
    assert_eq!(check("a valid-before=\"20200101Z\" %\nb %", "git", NOON), allowed(&["b"]));
}

#[test]
fn both_ends_of_the_time_are_valid() {
    let at = |lines: &str, time| check(lines, "git", time);
    let (after, before) = ("a valid-after=\"20261122140000Z\" %", "a valid-before=\"20261122140000Z\" %");
    assert_eq!(at(after, NOON), allowed(&["a"]));
    assert!(matches!(at(after, NOON - 1), Outcome::NotYetValid { .. }));
    assert_eq!(at(before, NOON), allowed(&["a"]));
    assert!(matches!(at(before, NOON + 1), Outcome::Expired { .. }));
}

#[test]
fn local_time_near_enough_to_matter_is_not_guessed() {
    let at = |time| check("a valid-before=\"20261122\" %", "git", time);
    assert!(matches!(at(NOON), Outcome::CannotCheck { .. }));
    assert_eq!(at(NOON - 3 * 86_400), allowed(&["a"]));
    assert!(matches!(at(NOON + 3 * 86_400), Outcome::Expired { .. }));
}

#[test]
fn a_signed_date_of_zero_decides_nothing() {
    assert!(matches!(check("a valid-before=\"20261122Z\" %", "git", 0), Outcome::CannotCheck { .. }));
    assert_eq!(check("a %", "git", 0), allowed(&["a"]));
    assert!(matches!(check("a %", "git", MAX_UNIX_TIME + 1), Outcome::CannotCheck { .. }));
}
