use super::*;

const FORGE: &str = "https://github.com";

fn parse(text: &str) -> Result<Source, SourceError> {
    Source::parse(text, |path| path == "here/it-is", FORGE)
}

/// Returns `url reference subpath` with `-` for what is not there.
fn parts(text: &str) -> String {
    let source = parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    let place = match &source.location {
        Location::Local(path) => path.clone(),
        Location::Git { url } => url.clone(),
    };
    let reference = source.reference.as_deref().unwrap_or("-");
    let subpath = source.subpath.as_ref().map_or("-", TreePath::as_str);
    format!("{place} {reference} {subpath}")
}

#[test]
fn every_form_is_read() {
    let commit = "a".repeat(40);
    for (text, expected) in [
        ("./x", "./x - -"),
        ("../x#1@y", "../x#1@y - -"),
        ("/srv/skills", "/srv/skills - -"),
        (".", ". - -"),
        ("C:\\skills", "C:\\skills - -"),
        ("here/it-is", "./here/it-is - -"),
        ("anthropics/skills", "https://github.com/anthropics/skills - -"),
        ("o/r@v1.0", "https://github.com/o/r v1.0 -"),
        ("o/r/skills/pdf@feature/x", "https://github.com/o/r feature/x skills/pdf"),
        ("o/r#main", "https://github.com/o/r main -"),
        (&format!("o/.github@{commit}"), &format!("https://github.com/o/.github {commit} -")),
        ("https://example.com/o/r.git", "https://example.com/o/r.git - -"),
        ("HTTPS://Example.COM:8443/o/R/", "https://example.com:8443/o/R - -"),
        ("https://example.com/o/r.git//sub/path#v1", "https://example.com/o/r.git v1 sub/path"),
        ("https://example.com/o/r.git//my%20skill", "https://example.com/o/r.git - my skill"),
        ("https://git.sr.ht/~o/r", "https://git.sr.ht/~o/r - -"),
        ("http://localhost:3000/o/r", "http://localhost:3000/o/r - -"),
        ("http://[::1]:3000/o/r", "http://[::1]:3000/o/r - -"),
        ("ssh://git@example.com:22/o/r.git#main", "ssh://git@example.com:22/o/r.git main -"),
        ("git@example.com:o/r.git//skills/pdf#v1", "git@example.com:o/r.git v1 skills/pdf"),
        ("example.com:r.git", "example.com:r.git - -"),
        ("file:///srv/r.git", "file:///srv/r.git - -"),
        ("file://localhost/srv/r.git//a", "file:///srv/r.git - a"),
        ("https://github.com/o/r/tree/main/skills/pdf", "https://github.com/o/r main skills/pdf"),
        ("https://github.com/o/r/tree/main", "https://github.com/o/r main -"),
        ("https://github.com/o/r/blob/main/skills/pdf/SKILL.md", "https://github.com/o/r main skills/pdf"),
        ("https://github.com/o/r/blob/main/agents/a%20b.md", "https://github.com/o/r main agents/a b.md"),
        ("https://gitlab.com/g/sub/r/-/tree/v1/skills/pdf", "https://gitlab.com/g/sub/r v1 skills/pdf"),
        ("https://example.com/o/r/tree/main/x", "https://example.com/o/r/tree/main/x - -"),
    ] {
        assert_eq!(parts(text), expected, "{text}");
    }
}

#[test]
fn the_written_form_parses_back() {
    for text in [
        "./x",
        "here/it-is",
        "o/r/skills/c%20and%20d@v1",
        "https://example.com/o/r.git//a%23b/%40c/%C3%A9#v1#x",
        "git@example.com:o/r.git//skills/pdf#v1",
        "https://github.com/o/r/tree/main/skills/pdf",
        "file:///srv/r.git//a",
    ] {
        let source = parse(text).expect("a source");
        let written = source.to_string();
        assert_eq!(parse(&written).as_ref(), Ok(&source), "{written}");
        assert_eq!(parse(&written).expect("a source").to_string(), written);
    }
}

#[test]
fn transports_and_names_are_told() {
    let told =
        |text: &str| parse(text).map(|source| (source.transport(), source.last_name().to_owned())).expect("a source");
    assert_eq!(told("./a/b"), (Transport::Local, "b".to_owned()));
    assert_eq!(told("."), (Transport::Local, String::new()));
    assert_eq!(told("file:///srv/r.git"), (Transport::File, "r".to_owned()));
    assert_eq!(told("http://example.com/o/r"), (Transport::Http, "r".to_owned()));
    assert_eq!(told("o/r"), (Transport::Https, "r".to_owned()));
    assert_eq!(told("o/r/skills/pdf"), (Transport::Https, "pdf".to_owned()));
    assert_eq!(told("git@example.com:r.git"), (Transport::Ssh, "r".to_owned()));
}

/// Row 62: helpers that run programs, and schemes nobody asked for.
#[test]
fn helpers_and_unknown_schemes_are_refused() {
    for text in ["ext::sh -c id", "EXT::sh", "fd::7", "transport::https://example.com/x", "a.b+c::x", "::x"] {
        assert!(matches!(parse(text), Err(SourceError::Helper(_))), "{text}");
    }
    for text in ["git://example.com/o/r", "ftp://example.com/o/r", "javascript://x/y", "FTPS://example.com/o"] {
        assert!(matches!(parse(text), Err(SourceError::Scheme(_))), "{text}");
    }
    // An existing path does not make a helper harmless.
    assert!(Source::parse("ext::sh", |_| true, FORGE).is_err());
}

/// Row 63: what git or ssh would read as an option.
#[test]
fn dashes_are_refused_wherever_an_option_could_stand() {
    for text in [
        "--upload-pack=touch x",
        "-oProxyCommand=x",
        "-x/y",
        "ssh://-oProxyCommand=x/r",
        "ssh://-oProxyCommand@example.com/r",
        "ssh://git@-oProxyCommand/r",
        "git@-oProxyCommand=x:r",
        "-git@example.com:r",
        "git@example.com:-r",
        "https://-x/r",
        "https://example.com/-o/r",
        "https://example.com/%2do/r",
        "https://example.com/o/r//-x",
        "https://example.com/o/r//%2dx",
        "o/-r",
        "o/r/-x",
    ] {
        assert!(matches!(parse(text), Err(SourceError::Dash { .. })), "{text}: {:?}", parse(text));
    }
    for text in ["o/r@-x", "o/r@--upload-pack=x", "https://example.com/o/r#-x", "o/r@refs/heads/-x"] {
        assert!(matches!(parse(text), Err(SourceError::Reference(_))), "{text}");
    }
    assert!(Source::parse("--help", |_| true, FORGE).is_err());
}

/// Row 65: a password must not come back in the message.
#[test]
fn credentials_are_refused_and_not_repeated() {
    for text in [
        "https://user:hunter2@example.com/o/r",
        "https://hunter2@example.com/o/r",
        "https://hunter2@example.com",
        "https://user:hunter2%40@example.com/o/r",
        "https://user:hun/hunter2@example.com/o/r",
        "https://user:hunter2@exa mple/o",
        "ssh://git:hunter2@example.com/o/r",
        "git:hunter2@example.com:o/r",
        "user:hunter2@example.com/o/r",
        "hunter2@example.com/o/r",
        "git:hunter2@x@example.com:o/r",
        "ftp://user:hunter2@example.com/o",
        "file://user:hunter2@example.com/o",
        "user:hunter2@example.com/o/r@bad..ref",
        "http:/user:hunter2@example.com",
        "https://user:p#hunter2@example.com/o",
        "git:p#hunter2@example.com:o/r",
    ] {
        let error = parse(text).expect_err(text);
        let mut told = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            told.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(!told.contains("hunter2"), "{text}: {told}");
    }
    assert_eq!(parse("https://u:p@example.com/o/r"), Err(SourceError::Credentials));
}

/// Row 66: names that no branch or tag can have.
#[test]
fn reference_names_follow_git() {
    let long = "x".repeat(256);
    for bad in [
        "", "a..b", "a@{1}", "@", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "a b", ".a", "a/.b", "a.lock",
        "a.lock/b", "a.", "/a", "a/", "a//b", "-a", "a/-b", "HEAD", "a\u{7f}", &long,
    ] {
        assert!(check_ref_name(bad).is_err(), "{bad}");
        assert!(parse(&format!("https://example.com/o/r#{bad}")).is_err(), "{bad}");
        assert!(parse(&format!("o/r@{bad}")).is_err(), "{bad}");
    }
    for good in ["main", "v1.0", "feature/x", "refs/tags/kit--v1.0.0", "a@b", "a#b", "é", "HEADS", &"0".repeat(64)] {
        assert!(check_ref_name(good).is_ok(), "{good}");
    }
}

#[test]
fn broken_texts_are_refused() {
    for text in [
        "",
        "~",
        "~/x",
        "pdf",
        "o/",
        "a b/c",
        "o/r/../x",
        "o/./r",
        "https://",
        "https:///o/r",
        "https://example.com",
        "https://example.com/",
        "https://example.com/../x",
        "https://example.com/%2e%2e/x",
        "https://example.com/a?b",
        "https://example.com/a b",
        "https://example.com/o/r//../x",
        "https://example.com/o/r//%2e%2e/x",
        "https://exa%6dple.com/o",
        "https://example.com:99999/o",
        "https://еxample.com/o/r",
        "file://host/share",
        "https://example.com/o/r//x%00y",
        "https://example.com/o%0ar/x",
        "https://example.com/o/r//x%zz",
        "o/r//x",
        "https://example.com/o@v1",
        ":x",
        "git@example.com:",
    ] {
        assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
    }
    for text in
        ["o/r\n", "o/\u{202e}r", "o/r\u{200b}", "./x\u{1b}[2J", "o/r\0", "o/r\u{3164}", "o/\u{fe00}r", "./a\u{34f}"]
    {
        assert!(matches!(parse(text), Err(SourceError::Character(_))), "{text:?}");
    }
    let long = format!("./{}", "x".repeat(2047));
    assert_eq!(parse(&long), Err(SourceError::Length { found: 2049 }));
}

proptest::proptest! {
    /// What is accepted has one written form, which is accepted again, holds no secret and is no option.
    #[test]
    fn accepted_texts_are_canonical(text in "(https?://|ssh://|file://|\\./|)[-a-z0-9@:/#.%~?_ é\\\\]{0,24}") {
        if let Ok(source) = parse(&text) {
            let written = source.to_string();
            let again = parse(&written);
            proptest::prop_assert_eq!(again.as_ref(), Ok(&source), "{}", written);
            proptest::prop_assert!(!written.starts_with('-'));
            if let Location::Git { url } = &source.location {
                proptest::prop_assert!(!url.contains("://") || !url.contains('@') || url.starts_with("ssh://"));
            }
        }
    }
}

/// Found by fuzzing: a path of the longest length got two bytes more, and was not read again.
#[test]
fn what_is_taken_is_read_again_at_any_length() {
    for length in [2_040, 2_046, 2_047, 2_048] {
        let text = "a/".repeat(length / 2) + if length % 2 == 1 { "a" } else { "" };
        if let Ok(source) = Source::parse(&text, |_| true, "https://example.org") {
            assert_eq!(Source::parse(&source.to_string(), |_| false, ""), Ok(source));
        }
    }
}
