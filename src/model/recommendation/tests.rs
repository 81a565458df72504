//! Claims about the text of a recommendation.

use super::*;

const TEXT: &str = "skillmeat-ref 1\nrelease review-kit--v1.2.0\n\
    tree sha256:ed082d6f914360a87880f94f784b04bb8d449bdbfd5ff6a261b430df973e5e86\n\
    tag 5b1d3c0b6ab4fd5d4a8fbd1dc0cd2bb2a0f5d3c1\n\
    pack sha256:134dec1e838b52f7fb218a321bdc522331d2d5be65318cbb4c07fd2871e6a575\n\
    from https://git.example/team/vault.git\nabout Reviews of pull requests\nnote The one we use\n";

/// The text without the lines that start with one of `keys`.
fn without(keys: &[&str]) -> String {
    TEXT.split_inclusive('\n').filter(|line| !keys.iter().any(|key| line.starts_with(key))).collect()
}

#[test]
fn parse_and_render_are_inverse() {
    for text in
        [TEXT.to_owned(), without(&["pack"]), without(&["from", "note"]), without(&["pack", "from", "about", "note"])]
    {
        assert_eq!(Recommendation::parse(&text).expect("a recommendation").render(), text);
    }
}

#[test]
fn a_text_has_one_encoding() {
    for text in [
        TEXT.trim_end().to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}more x\n"),
        TEXT.replace('\n', "\r\n"),
        TEXT.replace("tag ", "tag  "),
        TEXT.replace("tag 5b1d3c0b", "tag 5B1D3C0B"),
        TEXT.replace("release review-kit--v1.2.0\n", "release review-kit--v1.2.0\nrelease review-kit--v1.2.0\n"),
        without(&["tree"]),
        without(&["tag"]),
        without(&["release"]),
        without(&["skillmeat-ref"]),
        without(&["from"]) + "from https://git.example/team/vault.git\n",
        TEXT.replace("--v1.2.0", "--v1.2"),
        TEXT.replace("sha256:ed", "sha256:ED"),
        TEXT.replace("https://git.example/team", "HTTPS://git.example/team"),
        TEXT.replace("https://git.example/team", "https://Git.example/team"),
        String::new(),
    ] {
        assert!(Recommendation::parse(&text).is_err(), "{text}");
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let text = TEXT.replacen("skillmeat-ref 1", "skillmeat-ref 2", 1);
    assert_eq!(Recommendation::parse(&text), Err(RecommendationError::Newer("2".to_owned())));
}

#[test]
fn words_for_the_reader_are_one_visible_line() {
    let refused = ["", " x", "x ", "a\tb", "a\u{202e}b", "a\u{200b}b", "\u{1b}[2J", &"x".repeat(MAX_LINE_BYTES + 1)];
    for words in refused.into_iter().chain(["a\u{3164}b", "a\u{34f}b", "a\u{fe00}b", "a\u{fe0f}b", "a\u{e0149}b"]) {
        let text = TEXT.replace("note The one we use", &format!("note {words}"));
        assert!(Recommendation::parse(&text).is_err(), "{words:?}");
    }
    let text = TEXT.replace("note The one we use", "note ❤\u{fe0f} 👩\u{200d}💻");
    assert!(Recommendation::parse(&text).is_ok(), "emoji are seen");
}

// Rows 62, 63 and 65: what a stranger names is no program, no option, and holds no password.
#[test]
fn addresses_are_gated_as_every_source() {
    for (address, transport) in [
        ("https://git.example/team/vault.git", Transport::Https),
        ("https://files.example/kit.skillmeat-pack", Transport::Https),
        ("git@git.example:team/vault.git", Transport::Ssh),
        ("ssh://git@git.example:2222/team/vault.git", Transport::Ssh),
        ("http://git.example/vault.git", Transport::Http),
        ("file:///srv/vault.git", Transport::File),
        ("/srv/vault.git", Transport::Local),
    ] {
        assert_eq!(Address::parse(address).map(|parsed| parsed.transport()), Ok(transport), "{address}");
    }
    for address in [
        "",
        "ext::sh -c id",
        "fd::3",
        "--upload-pack=id",
        "ssh://-oProxyCommand=id/x",
        "git@git.example:-x",
        "https://user:word@git.example/vault.git",
        "https://git.example/vault.git?token=x",
        "https://git.example/vault.git#main",
        "https://git.example/vault.git//folder",
        "https://git.example/vault.git/",
        "owner/repo",
        "ftp://git.example/vault.git",
        "file:///srv/kit.skillmeat-pack",
        "/srv/kit.skillmeat-pack",
        "git@git.example:kit.skillmeat-pack",
        "https://git.example/a\u{202e}b",
        "https://git.example/a b",
    ] {
        assert!(Address::parse(address).is_err(), "{address}");
    }
}

#[test]
fn a_description_gives_one_short_line() {
    assert_eq!(about_line("\n  Reviews\nmore").as_deref(), Some("Reviews"));
    assert_eq!(about_line("a\u{202e}\u{1b}b").as_deref(), Some("ab"));
    assert_eq!(about_line(" \n\u{200b}"), None);
    assert_eq!(about_line("a\u{3164}\u{34f}\u{fe00}b").as_deref(), Some("ab"));
    for cut in 0..20 {
        // Wherever it is cut, what is left can be read again.
        let family = "x".repeat(cut) + &"👩\u{200d}👧".repeat(20);
        let about = about_line(&family).expect("a line");
        assert!(check_line("about", about.clone()).is_ok(), "{}", about.escape_unicode());
    }
    let long = about_line(&"ä ".repeat(200)).expect("a line");
    assert!(long.len() <= 120 && long.ends_with('…') && check_line("about", long.clone()).is_ok(), "{long}");
}
