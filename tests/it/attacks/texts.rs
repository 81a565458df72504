//! Rows 84 to 86: front matter, given to the real program.

use std::time::{Duration, Instant};

use crate::env::{Mode, TestEnv, skill};

/// Front matter that cannot be read is told with its file, and gets into no release.
#[test]
fn rows_84_to_86_front_matter_of_any_form_does_no_harm() {
    let with = |yaml: &str| format!("---\nname: one\ndescription: d\n{yaml}\n---\ntext\n");
    let laughs: String = (1..30).fold("a0: &a0 [x, x]".to_owned(), |text, n| {
        text + &format!("\na{n}: &a{n} [*a{m}, *a{m}, *a{m}, *a{m}]", m = n - 1)
    });
    let nested = |depth: usize| format!("x: {}{}", "[".repeat(depth), "]".repeat(depth));
    let yaml = [
        laughs,
        nested(100_000),
        "x: &x [*x]".to_owned(),
        "--- {}\n".repeat(100_000),
        "x: {y: 1, y: 2}".to_owned(),
        "a: &a {b: 1}\nx: {<<: *a}".to_owned(),
        "x: !!python/object/apply:os.system [id]".to_owned(),
        "x: !!int \"1\"".to_owned(),
    ];
    let yaml = yaml.map(|yaml| with(&yaml).into_bytes());
    let long = format!("---\nname: one\ndescription: {}\n---\n", "x".repeat(10 << 20));
    let bytes: [&[u8]; 8] = [
        b"---\nname: one\ndescription: never closed\n",
        b"---",
        b"---\nname: one\xff\n---\n",
        b"---\nname: one\ndescription: a\0b\n---\n",
        b"---\nname: one\ndescription: a\rb\n---\n",
        b"---\nname: one\nname: two\ndescription: x\n---\n",
        b"---\nname: &a one\ndescription: *a\n---\n",
        long.as_bytes(),
    ];
    for (at, text) in yaml.iter().map(Vec::as_slice).chain(bytes).enumerate() {
        let env = TestEnv::with_key();
        let source = env.bare("bad");
        source.commit("main", &source.tree_of(&[("skills/one/SKILL.md", text, Mode::File)]));
        let started = Instant::now();
        let added = env.run(["add", source.text(), "--all", "--yes"]);
        assert!(started.elapsed() < Duration::from_secs(5), "{at}: {:?}", started.elapsed());
        assert!(matches!(added.code, Some(0 | 3)), "{at}: {added:?}");
        assert!(added.stdout.contains("Error SKILL.md"), "{at}: {added:?}");
        // It may lie in a collection, to be mended there; it is in no release.
        let told = env.run(["validate", "one"]);
        assert_eq!(told.code, Some(3), "{at}: {told:?}");
        env.refused("policy", &["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit"]);
    }
    // A mark in front, line ends of Windows and a second block are read: the second is text.
    let env = TestEnv::with_collection();
    let text = format!("\u{feff}{}---\nname: two\n---\n", skill("one", "text").replace('\n', "\r\n"));
    let source = env.source("good", &[("skills/one/SKILL.md", &text, Mode::File)]);
    env.run(["add", source.text(), "--all", "--yes"]).ok();
    assert_eq!(env.read("skills/one/SKILL.md"), text);
    assert_eq!(env.json(&["list"])["artifacts"].as_array().map(Vec::len), Some(1));
}
