//! What a browser gets to see before there is a web view: the page that forges show of a vault, and what programs take from JSON.

use std::os::unix::fs::PermissionsExt;

use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::env::{TestEnv, examples, skill};
use crate::ledger::{address, user, vault_git};

/// Texts of strangers that would run something, or lead to it.
const SCRIPTS: [&str; 15] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<math><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
    "<style>*{display:none}</style><base href=//evil.example><meta http-equiv=refresh content=0><form action=//evil.example>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<!-- hidden --> <![CDATA[ x ]]> <?x?>",
    "[click](javascript:alert(1)) [click](data:text/html,x) [click](vbscript:x)",
    "[click](java\tscript:alert(1)) [click](&#106;avascript:alert(1)) [click](&Tab;javascript:x)",
    "![image](//evil.example/x.svg) <javascript:alert(1)> <https://evil.example>",
    "[click]: javascript:alert(1) \"[click]\"",
    "x | y |\n|---|---|\n# Heading\n```\n&lt;script&gt;",
    "</script><script>alert(1)</script> ]]> \\` ` ``` \\<b> \\\\<b>",
    "$\\href{javascript:alert(1)}{x}$ $$x$$ ~~struck~~ ~sub~ ^sup^ [^note] [[wiki]] {#id} :smile:",
    "* item\n\n    code\n\n> quote\n\n---\n\n1. one",
];

/// Publishes a release whose description is each of the texts.
fn published(texts: &[&str]) -> (TestEnv, String) {
    let ada = user("ada");
    ada.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    let made = ada.json(&["vault", "init", "../vault.git", "--name", "<b>vault</b> [x](javascript:x)"]);
    let id = made["ledger"].as_str().expect("an id");
    ada.run(["vault", "add", "team", "../vault.git", "--ledger", id]).ok();
    for (number, text) in texts.iter().enumerate() {
        let version = format!("1.{number}.0");
        ada.run(["export", "kit", "--version", &version, "--all", "--description", text]).ok();
        ada.run(["vault", "push", "team", &format!("kit@{version}")]).ok();
    }
    let page = vault_git(&ada, &["show", "main:README.md"]);
    (ada, page)
}

/// Rows 97, 98 and 100: another program reads the page, and finds one table with the texts in it as they were given, and nothing else.
#[test]
fn rows_97_to_100_texts_of_strangers_are_only_text_on_the_page_of_a_vault() {
    let (ada, page) = published(&SCRIPTS);
    let all = Options::all() - Options::ENABLE_SMART_PUNCTUATION;
    let (mut shown, mut cell) = (Vec::new(), None);
    for event in Parser::new_ext(&page, all) {
        match event {
            Event::Html(text) | Event::InlineHtml(text) => panic!("{text}"),
            Event::Start(tag @ (Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock | Tag::Emphasis)) => {
                panic!("{tag:?}")
            }
            Event::Start(Tag::TableCell) => cell = Some(String::new()),
            Event::End(pulldown_cmark::TagEnd::TableCell) => shown.extend(cell.take()),
            Event::Text(text) => cell.iter_mut().for_each(|cell| cell.push_str(&text)),
            _ => {}
        }
    }
    let html = {
        let mut html = String::new();
        pulldown_cmark::html::push_html(&mut html, Parser::new_ext(&page, all));
        html
    };
    for mark in ["<script", "<img", "<svg", "<math", "<style", "<form", "<a ", "<!--", "<b>", "<base"] {
        assert!(!html.contains(mark), "{mark}: {html}");
    }
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let about: Vec<_> = shown.chunks(4).skip(1).map(|row| row[3].clone()).collect();
    let expected: Vec<_> = SCRIPTS.iter().map(|text| one_line(text)).collect();
    assert_eq!(about, expected);
    // And a program that reads JSON finds the texts as they were given.
    for (number, text) in SCRIPTS.iter().enumerate() {
        let shown = ada.json(&["inspect", &format!("kit--v1.{number}.0")]);
        let told = &shown["release"]["description"];
        assert_eq!(told.as_str(), Some(*text), "{shown}");
    }
}

/// Row 99: what a browser would run stays a plain file of an artifact. A web server that hands out a mirror has it under no name of its own, and
/// nothing that it hands out begins as a page does, which is how browsers tell.
#[test]
fn row_99_files_that_a_browser_would_run_lie_nowhere_as_such() {
    let files = [
        ("page.html", "<!DOCTYPE html><script>alert(1)</script>\n"),
        ("image.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>\n"),
        ("form.pdf", "%PDF-1.7\n1 0 obj <</OpenAction <</S /JavaScript /JS (app.alert\\(1\\))>>>>\n"),
        ("feed.xml", "<?xml version=\"1.0\"?><x:script xmlns:x=\"http://www.w3.org/1999/xhtml\">alert(1)</x:script>\n"),
        ("text.txt", "<html><script>alert(1)</script>\n"),
    ];
    let ada = user("ada");
    let source = ada.root().join("source/skills/pages");
    std::fs::create_dir_all(source.join("assets")).expect("a folder");
    std::fs::write(source.join("SKILL.md"), skill("pages", "Show pages.")).expect("a file");
    for (name, text) in files {
        std::fs::write(source.join("assets").join(name), text).expect("a file");
    }
    ada.run(["add", "../source", "--all", "--yes"]).ok();
    let id = ada.json(&["vault", "init", "../vault.git"])["ledger"].as_str().expect("an id").to_owned();
    ada.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    ada.run(["export", "pages", "--version", "1.0.0", "--all", "--output", "../pages.skillmeat-pack"]).ok();
    ada.run(["vault", "mirror", "add", "team", "../mirror"]).ok();
    ada.run(["vault", "push", "team", "pages"]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let mut folders = vec![ada.root().join("mirror")];
    let mut served = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().expect("a name").to_string_lossy().to_lowercase();
            let ends = [".html", ".htm", ".svg", ".pdf", ".xml", ".xhtml", ".txt", ".js"];
            assert!(!ends.iter().any(|end| name.ends_with(end)), "{}", path.display());
            // Browsers skip blanks before they look for a tag, or for `%PDF-`.
            let bytes = std::fs::read(&path).expect("a file");
            let start = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            assert!(!matches!(start, Some(b'<' | b'%')), "{}", path.display());
            served += 1;
        }
    }
    assert!(served > 5, "{served} files");
    let reader = TestEnv::with_collection();
    reader.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    reader.run(["vault", "pull", "team"]).ok();
    for args in [&["inspect", "team:pages"][..], &["import", "team:pages", "--dry-run"]] {
        let told = reader.unchanged(&[args, &["--offline"]].concat());
        assert!(!told.stdout.contains("<script") && !told.stdout.contains("<svg"), "{}", told.stdout);
    }
    reader.run(["import", "team:pages", "--offline", "--yes"]).ok();
    std::fs::create_dir(reader.root().join("project")).expect("a folder");
    reader.run(["deploy", "--all", "--project", "../project", "--yes"]).ok();
    for folder in [reader.path("skills/pages/assets"), reader.root().join("project/.claude/skills/pages/assets")] {
        for (name, text) in files {
            let file = folder.join(name);
            assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
            assert_eq!(std::fs::metadata(&file).expect("metadata").permissions().mode() & 0o111, 0, "{name}");
        }
    }
}
