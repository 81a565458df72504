//! Claims of `path.rs`; rows are those of the attack list.

use proptest::prelude::*;

use super::*;

fn error(text: &str) -> PathError {
    text.parse::<TreePath>().expect_err(text)
}

fn all_refused(texts: &[&str]) {
    for text in texts {
        assert!(!error(text).is_limit(), "{text:?}");
    }
}

fn set(texts: &[&str]) -> Result<(), PathError> {
    let paths: Vec<TreePath> = texts.iter().map(|text| text.parse().expect(text)).collect();
    check_set(&paths)
}

#[test]
fn usual_paths_are_accepted() {
    let long = format!("{}/{}", "x".repeat(255), "é".repeat(127));
    for text in [
        "a",
        "skills/pdf/SKILL.md",
        ".claude-plugin/plugin.json",
        ".mcp.json",
        ".gitattributes",
        ".gitignore",
        "a b/c (1)/$x'y`.txt",
        "git",
        "github",
        "dot.git",
        "x~1",
        "concept.md",
        "com0",
        "com10",
        "console",
        "aux2",
        "日本語/ドキュメント.md",
        "naïve/Größe.md",
        "हिन्दी",
        "한국어",
        "...a",
        "-rf",
        "~",
        &long,
    ] {
        assert_eq!(text.parse::<TreePath>().map(|path| path.to_string()), Ok(text.to_owned()));
    }
}

#[test]
fn row_1_dot_and_empty_segments_are_refused() {
    all_refused(&["", ".", "..", "../x", "a/../../x", "./x", "a//b", "a/", "a/.", "a/..", "/"]);
}

#[test]
fn row_2_and_3_absolute_paths_and_backslashes_are_refused() {
    all_refused(&["/x", "C:\\x", "C:x", "c:/x", "\\\\h\\s\\x", "\\\\?\\x", "\\??\\x", "\\\\.\\x", "//h/s/x"]);
    all_refused(&["a\\..\\..\\x", "a\\b"]);
}

#[test]
fn row_4_windows_devices_and_edges_are_refused() {
    all_refused(&["CON", "a/nul.txt", "COM9.a", "conin$", "CONOUT$.x", "lpt1", "COM¹", "lpt³.txt", "aux .c", "PrN"]);
    all_refused(&["a.", "a ", " a", "x/a./y", "x/a /y", "...", "con."]);
    assert!(matches!(error("x/Nul.tar.gz"), PathError::Device { segment, .. } if segment == "Nul.tar.gz"));
}

#[test]
fn row_5_streams_and_short_names_are_refused() {
    all_refused(&["f:s", ".git::$INDEX_ALLOCATION", "GIT~1", "gi7eba~1", "GI7EB~10", "gitmod~2", "git~1.x"]);
}

#[test]
fn row_6_characters_that_hide_are_refused() {
    all_refused(&["a\0b", "a\u{1}", "a\u{7f}", "a\u{85}b", "a\nb", "a\tb", "\u{feff}a", "a\u{ad}b"]);
    all_refused(&["a\u{202e}txt", "a\u{2066}b", "a\u{200b}b", "a\u{200d}b", "a\u{2060}b", "a\u{61c}b", "a\u{e0041}"]);
    all_refused(&[
        "\u{3164}",
        "a\u{115f}",
        "a\u{fe0f}",
        "a\u{34f}b",
        "a\u{17b4}",
        "a\u{180b}",
        "\u{13441}",
        "a\u{16fe4}",
        "\u{301}a",
        "a/\u{301}",
    ]);
    all_refused(&["a\u{a0}b", "a\u{2028}b", "a\u{2215}b", "a\u{2800}b", "🙂", "a*", "a?", "a\"", "<a", "a>", "a|b"]);
}

#[test]
fn row_10_only_normal_forms_are_accepted() {
    for text in ["e\u{301}", "\u{ff21}", "ﬁ", "²", "K\u{212a}", "\u{1100}\u{1161}", "ſ"] {
        assert!(matches!(error(text), PathError::Normal { .. }), "{text}");
    }
}

#[test]
fn row_10_and_71_twins_are_refused() {
    for pair in [
        ["README", "readme"],
        ["a/README", "a/readme"],
        ["A/x", "a/y"],
        ["straße", "strasse"],
        ["STRASSE", "straße"],
        ["ẞ", "ss"],
        ["kapı", "kapi"],
        ["KAPI", "kapı"],
        ["İstanbul", "istanbul"],
        ["É", "é"],
        ["σας", "σασ"],
        ["a/B", "A"],
        ["ώ", "Ώ"],
    ] {
        assert!(matches!(set(&pair), Err(PathError::Twins { .. })), "{pair:?}");
    }
}

#[test]
fn row_9_duplicates_and_files_that_are_folders_are_refused() {
    assert_eq!(set(&["a", "b", "a"]), Err(PathError::Duplicate { path: "a".into() }));
    assert_eq!(set(&["a/b", "a-b", "a", "a.b"]), Err(PathError::FileAndFolder { path: "a".into() }));
    assert_eq!(set(&["a/b", "a/c/d", "ab", "a-b", "a.b", "b/c"]), Ok(()));
    assert_eq!(set(&[]), Ok(()));
}

#[test]
fn row_21_limits_are_limits() {
    let deep = |depth: usize| vec!["a"; depth].join("/");
    assert!(deep(32).parse::<TreePath>().is_ok());
    let long = |length: usize| vec!["x".repeat(127); length / 128].join("/") + "/";
    for text in [deep(33), "x".repeat(256), long(1024) + "x", "é".repeat(128), "x".repeat(5_000_000)] {
        assert!(error(&text).is_limit(), "{} bytes", text.len());
        assert!(error(&text).to_string().len() < 4096);
    }
    assert!((long(896) + &"x".repeat(128)).parse::<TreePath>().is_ok(), "1024 bytes");
}

#[test]
fn row_68_every_spelling_of_git_is_refused() {
    all_refused(&[".git", ".GIT", "a/.Git/config", "git~1", "..git", "...GIT", ".git ", ".git.", ".gitmodules"]);
    all_refused(&[".GITMODULES", "a/.gitmodules"]);
    // What HFS+ leaves out when it compares names, from git's `next_hfs_char`.
    let ignored = ['\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}']
        .into_iter()
        .chain(['\u{202e}', '\u{206a}', '\u{206b}', '\u{206c}', '\u{206d}', '\u{206e}', '\u{206f}', '\u{feff}']);
    for character in ignored {
        all_refused(&[&format!(".g{character}it"), &format!(".git{character}")]);
    }
}

#[test]
fn messages_escape_what_they_quote() {
    for text in ["a\u{1b}[2J", "a\u{202e}b", "a\nb\\", "\u{200b}"] {
        let message = error(text).to_string();
        assert!(message.chars().all(|c| !c.is_control() && !('\u{200b}'..='\u{202e}').contains(&c)), "{message}");
    }
}

#[test]
fn parts_are_taken_by_segments() {
    let path: TreePath = "skills/pdf/SKILL.md".parse().expect("a path");
    assert_eq!(path.file_name(), "SKILL.md");
    assert_eq!(path.below(&"skills/pdf".parse().expect("a path")), Some("SKILL.md"));
    assert_eq!(path.below(&"skills/pd".parse().expect("a path")), None);
    assert!(path.join("../x").is_err());
}

proptest! {
    /// Whatever is accepted stays below the folder it is joined to, in the same number of steps.
    #[test]
    fn accepted_paths_stay_inside(text in "([a./~ :\\\\\u{202e}gitCON1é-]|\\PC){0,24}") {
        if let Ok(path) = text.parse::<TreePath>() {
            let joined = std::path::Path::new("/root").join(path.as_str());
            let parts: Vec<_> = joined.components().skip(2).collect();
            prop_assert_eq!(parts.len(), path.as_str().split('/').count());
            prop_assert!(parts.iter().all(|part| matches!(part, std::path::Component::Normal(_))));
            prop_assert!(check_set([&path]).is_ok());
        }
    }

    /// Spellings that differ only by case never stand together.
    #[test]
    fn case_never_tells_two_paths_apart(text in "[a-zäöüßéıİσςǆа-я]{1,8}") {
        let upper = text.to_uppercase();
        if let (Ok(one), Ok(two)) = (text.parse::<TreePath>(), upper.parse::<TreePath>()) {
            prop_assert!(one == two || check_set([&one, &two]).is_err());
        }
    }
}
