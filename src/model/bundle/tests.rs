//! Claims of the manifest.

use proptest::prelude::*;

use super::*;
use crate::model::{FileMode, PathError, tree_digest};

/// The example of `schema/bundle.md`, section 4.
static EXAMPLE: std::sync::LazyLock<&str> = std::sync::LazyLock::new(|| {
    let schema = include_str!("../../../schema/bundle.md");
    let (_, rest) = schema.split_once("```toml\n").expect("an example");
    rest.split_once("```").expect("its end").0
});

fn file(path: &str, content: &str) -> FileEntry {
    let path = path.parse().expect("a path");
    FileEntry { path, mode: FileMode::Regular, size: content.len() as u64, sha256: Digest::of(content.as_bytes()) }
}

fn example() -> BundleManifest {
    let skill = file("skills/pdf/SKILL.md", "---\nname: pdf\n---\n");
    let mut script = file("skills/pdf/scripts/run.sh", "#!/bin/sh\n");
    script.mode = FileMode::Executable;
    let command = file("commands/git/commit.md", "Write the message.\n");
    let artifact = |text: &str, files: &[&FileEntry]| {
        let artifact: ArtifactRef = text.parse().expect("a reference");
        let digest = tree_digest(files.iter().copied());
        BundleArtifact { path: artifact.path(), artifact, digest, license: None, upstream: None, upstream_commit: None }
    };
    let mut pdf = artifact("skill/pdf", &[&skill, &script]);
    pdf.license = Some("Apache-2.0".into());
    pdf.upstream = Some("https://example.org/skills.git".into());
    pdf.upstream_commit = Some("0123456789abcdef0123456789abcdef01234567".into());
    let dependencies = [("base-kit", "^1.2"), ("style", ">=2, <4")];
    let artifacts = vec![artifact("command/git/commit", &[&command]), pdf];
    BundleManifest {
        name: "review-kit".parse().expect("a name"),
        version: "1.4.0".parse().expect("a version"),
        description: "Reviews a change.\nSays \"why\".".into(),
        license: "MIT AND Apache-2.0".into(),
        compression: Compression::Deflate,
        packed: Some(Digest::of(b"as packed")),
        dependencies: dependencies.map(|(k, v)| (k.parse().expect("a name"), v.parse().expect("a range"))).into(),
        artifacts,
        files: vec![file("LICENSE", "MIT\n"), command, skill, script],
    }
}

fn error_with(change: impl FnOnce(&mut BundleManifest)) -> ManifestError {
    let mut manifest = example();
    change(&mut manifest);
    let error = manifest.check().expect_err("refused by the writer");
    let read = BundleManifest::parse(manifest.render().as_bytes()).expect_err("refused by the reader");
    assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&read), "{error} / {read}");
    error
}

fn parse_error(from: &str, to: &str) -> ManifestError {
    assert!(EXAMPLE.contains(from), "{from}");
    BundleManifest::parse(EXAMPLE.replacen(from, to, 1).as_bytes()).expect_err(to)
}

#[test]
fn the_example_of_the_schema_is_what_is_written_and_read() {
    assert_eq!(example().render(), *EXAMPLE);
    assert_eq!(BundleManifest::parse(EXAMPLE.as_bytes()), Ok(example()));
}

/// `schema/tree-digest.md`, section 2; its digests were made without this program.
#[test]
fn the_tree_digest_of_the_schema_is_what_is_made() {
    let schema = include_str!("../../../schema/tree-digest.md");
    let mut script = file("skills/pdf/run.sh", "#!/bin/sh\n");
    script.mode = FileMode::Executable;
    let files = [script, file("skills/pdf/SKILL.md", "---\nname: pdf\n---\n"), file("LICENSE", "MIT\n")];
    assert!(schema.contains(&format!("The digest is `{}`", tree_digest(&files))));
    assert!(schema.contains(&format!("give\n`{}`", tree_digest([]))));
    let (_, rest) = schema.split_once("```text\n").expect("an example");
    let (input, _) = rest.split_once("```").expect("its end");
    assert_eq!(Digest::of(input.as_bytes()), tree_digest(&files));
}

#[test]
fn row_26_framing_twins_have_other_digests() {
    let digest =
        |files: &[(&str, &str)]| tree_digest(&files.iter().map(|(path, text)| file(path, text)).collect::<Vec<_>>());
    let twins: [&[(&str, &str)]; 7] = [
        &[("a", "bc")],
        &[("ab", "c")],
        &[("a", "b"), ("c", "")],
        &[("a", "bc"), ("c", "")],
        &[("a b", "c")],
        &[("644 1 a", "c")],
        &[],
    ];
    let digests: std::collections::BTreeSet<_> = twins.into_iter().map(digest).collect();
    assert_eq!(digests.len(), twins.len());
}

/// Reads the input of a tree digest by the rules of `schema/tree-digest.md` alone: lengths say where a path ends, whatever is in it.
fn framed(input: &[u8]) -> Option<Vec<FileEntry>> {
    fn until<'a>(rest: &mut &'a [u8], end: u8) -> Option<&'a str> {
        let at = rest.iter().position(|byte| *byte == end)?;
        let (taken, after) = rest.split_at(at);
        *rest = &after[1..];
        std::str::from_utf8(taken).ok()
    }
    let mut rest = input.strip_prefix(b"skillmeat-tree-v1\n")?;
    let mut files = Vec::new();
    while !rest.is_empty() {
        let mode = match until(&mut rest, b' ')? {
            "644" => FileMode::Regular,
            "755" => FileMode::Executable,
            _ => return None,
        };
        let size = until(&mut rest, b' ')?.parse().ok()?;
        let sha256 = format!("sha256:{}", until(&mut rest, b' ')?).parse().ok()?;
        let length = until(&mut rest, b':')?.parse().ok()?;
        let (path, after) = rest.split_at_checked(length)?;
        rest = after.strip_prefix(b"\n")?;
        files.push(FileEntry { path: std::str::from_utf8(path).ok()?.parse().ok()?, mode, size, sha256 });
    }
    Some(files)
}

proptest! {
    /// The input can be read back, so no two sets of files have the same, and in no order another. Paths look like what stands
    /// between them: modes, sizes, digests, blanks.
    #[test]
    fn row_26_the_input_of_a_tree_digest_is_that_of_one_set_of_files(
        files in proptest::collection::btree_map(
            "(644 |755 |[0-9]{1,2} )?([0-9a-f]{1,3}|[0-9a-f]{64})( 1)?(/[0-9a-c]( [0-9a-c])?){0,2}",
            (any::<bool>(), "[a-c \n]{0,3}"),
            0..8,
        ),
        turn in any::<prop::sample::Index>(),
    ) {
        let entry = |(path, (executable, content)): (&String, &(bool, String))| {
            let mode = if *executable { FileMode::Executable } else { FileMode::Regular };
            FileEntry { mode, ..file(path, content) }
        };
        let files: Vec<_> = files.iter().map(entry).collect();
        let mut input = b"skillmeat-tree-v1\n".to_vec();
        for FileEntry { path, mode, size, sha256 } in &files {
            let path = path.as_str();
            input.extend(format!("{mode} {size} {} {}:{path}\n", sha256.hex(), path.len()).into_bytes());
        }
        prop_assert_eq!(tree_digest(&files), Digest::of(&input));
        prop_assert_eq!(framed(&input), Some(files.clone()));
        let mut turned = files.clone();
        turned.rotate_left(if files.is_empty() { 0 } else { turn.index(files.len()) });
        prop_assert_eq!(tree_digest(&turned), tree_digest(&files));
    }
}

#[test]
fn another_spelling_of_the_same_content_is_refused() {
    for (from, to) in [
        ("format = 1\n", "format = 0x1\n"),
        ("format = 1\n", "# comment\nformat = 1\n"),
        ("format = 1\n", "\u{feff}format = 1\n"),
        ("name = \"review-kit\"", "name = 'review-kit'"),
        ("name = \"review-kit\"", "name  = \"review-kit\""),
        ("name = \"review-kit\"", "name = \"r\\u0065view-kit\""),
        ("\"^1.2\"", "\"1.2\""),
        ("base-kit", "\"base-kit\""),
        ("size = 4\n", "size = +4\n"),
        ("size = 4\n", "size = 4\r\n"),
        ("\n\n[[files]]", "\n[[files]]"),
    ] {
        let error = parse_error(from, to);
        assert!(matches!(error, ManifestError::NotCanonical { line } if line >= 1), "{to}: {error}");
    }
    let text = EXAMPLE.to_string() + "\n";
    assert!(matches!(BundleManifest::parse(text.as_bytes()), Err(ManifestError::NotCanonical { .. })));
}

#[test]
fn unsorted_lists_are_refused_and_written_sorted() {
    let mut manifest = example();
    manifest.files.reverse();
    manifest.artifacts.reverse();
    assert_eq!(manifest.render(), *EXAMPLE);
    let (head, files) = EXAMPLE.split_once("[[files]]").expect("files");
    let swapped: Vec<_> = files.rsplit("\n[[files]]").map(|part| part.trim_matches('\n')).collect();
    let text = format!("{head}[[files]]\n{}\n", swapped.join("\n\n[[files]]\n"));
    assert!(matches!(BundleManifest::parse(text.as_bytes()), Err(ManifestError::NotCanonical { .. })));
}

#[test]
fn row_27_unknown_keys_and_wrong_types_are_refused() {
    for (from, to) in [
        ("format = 1\n", "format = 1\nextra = 1\n"),
        ("format = 1\n", "format = 1\nformat = 1\n"),
        ("format = 1\n", ""),
        ("format = 1\n", "format = \"1\"\n"),
        ("size = 4\n", "size = \"4\"\n"),
        ("size = 4\n", "size = -4\n"),
        ("size = 4\n", "size = nan\n"),
        ("size = 4\n", "size = 4\nowner = \"x\"\n"),
        ("mode = \"644\"", "mode = \"777\""),
        ("mode = \"644\"", "mode = 644"),
        ("compression = \"deflate\"", "compression = \"zstd\""),
        ("sha256 = \"sha256:", "sha256 = \"md5:"),
        ("sha256 = \"sha256:", "sha256 = \"SHA256:"),
        ("[[artifacts]]", "[[artifact]]"),
        ("path = \"LICENSE\"", "path = \"../LICENSE\""),
        ("version = \"1.4.0\"", "version = \"1.4\""),
    ] {
        let error = parse_error(from, to);
        assert!(matches!(error, ManifestError::Syntax { .. }), "{to}: {error:?}");
    }
    let nested = EXAMPLE.replacen("size = 4\n", &format!("size = {}4\n", "[".repeat(100_000)), 1);
    assert!(matches!(BundleManifest::parse(nested.as_bytes()), Err(ManifestError::Syntax { .. })));
    assert!(matches!(BundleManifest::parse(b"a\xff"), Err(ManifestError::Syntax { line: 1, .. })));
}

#[test]
fn another_format_is_named_even_with_unknown_keys() {
    assert_eq!(parse_error("format = 1\n", "format = 2\n"), ManifestError::Format { found: 2 });
    assert_eq!(parse_error("format = 1\n", "format = 3\nnew = true\n"), ManifestError::Format { found: 3 });
    assert_eq!(parse_error("format = 1\n", "format = 0\n"), ManifestError::Format { found: 0 });
}

#[test]
fn a_huge_manifest_is_refused_before_it_is_parsed() {
    let bytes = vec![b'['; MAX_MANIFEST_BYTES + 1];
    let error = BundleManifest::parse(&bytes).expect_err("refused");
    assert_eq!(error, ManifestError::TooLarge { found: bytes.len() });
}

#[test]
fn messages_do_not_repeat_control_characters() {
    let text = EXAMPLE.replacen("format = 1\n", "format = 1\n\"a\u{1b}[2J\u{202e}\" = 1\n", 1);
    let message = BundleManifest::parse(text.as_bytes()).expect_err("refused").to_string();
    assert!(!message.contains('\u{1b}') && !message.contains('\u{202e}') && message.len() < 4096, "{message}");
}

#[test]
fn files_that_cannot_stand_together_are_refused() {
    let twins = error_with(|manifest| manifest.files.push(file("license", "")));
    assert!(matches!(&twins, ManifestError::Path(PathError::Twins { .. })));
    let twice = error_with(|manifest| manifest.files.push(file("LICENSE", "MIT\n")));
    assert!(matches!(twice, ManifestError::Path(PathError::Duplicate { .. })));
    let both = error_with(|manifest| manifest.files.push(file("LICENSE/x", "")));
    assert!(matches!(both, ManifestError::Path(PathError::FileAndFolder { .. })));
    for path in ["bundle.toml", "Bundle.TOML", "bundle.toml/x", ".skillmeat/tag", ".SKILLMEAT/x", ".skıllmeat"] {
        let error = error_with(|manifest| manifest.files.push(file(path, "")));
        assert!(matches!(error, ManifestError::Reserved { .. }), "{path}: {error}");
    }
    let mut manifest = example();
    manifest.files.push(file("skills/pdf/bundle.toml", ""));
    assert!(matches!(manifest.check(), Err(ManifestError::Digest { .. })), "only the root is reserved");
}

#[test]
fn artifacts_must_be_where_and_what_they_say() {
    let moved = error_with(|manifest| manifest.artifacts[1].path = "skills/pdf2".parse().expect("a path"));
    assert!(matches!(moved, ManifestError::Misplaced { .. }));
    let missing = error_with(|manifest| manifest.files.retain(|file| file.path.file_name() != "SKILL.md"));
    assert!(matches!(missing, ManifestError::Missing { .. }));
    let twice = error_with(|manifest| manifest.artifacts.push(manifest.artifacts[1].clone()));
    assert!(matches!(twice, ManifestError::Duplicate { .. }));
    for change in [
        (|manifest: &mut BundleManifest| manifest.files[3].mode = FileMode::Regular) as fn(&mut BundleManifest),
        |manifest| manifest.files[3].size += 1,
        |manifest| manifest.files[3].sha256 = Digest::of(b"other"),
        |manifest| drop(manifest.files.pop()),
        |manifest| manifest.files.push(file("skills/pdf/extra", "")),
    ] {
        let error = error_with(change);
        assert!(matches!(error, ManifestError::Digest { .. }), "{error}");
    }
    let mut manifest = example();
    // Neighbours of the folder in byte order are not in it.
    manifest.files.extend([file("skills/pdf-x", ""), file("skills/pdf0", ""), file("skills/pdf.txt", "")]);
    assert_eq!(manifest.check(), Ok(()));
}

#[test]
fn texts_are_bounded_and_plain() {
    for change in [
        (|manifest: &mut BundleManifest| manifest.description = "a\u{1b}".into()) as fn(&mut BundleManifest),
        |manifest| manifest.description = "x".repeat(MAX_TEXT_BYTES + 1),
        |manifest| manifest.license = "MIT\nx".into(),
        |manifest| manifest.artifacts[0].license = Some("\u{85}".into()),
        |manifest| manifest.artifacts[0].upstream = Some("a\tb".into()),
    ] {
        let mut manifest = example();
        change(&mut manifest);
        assert!(matches!(manifest.check(), Err(ManifestError::Text { .. })));
        assert!(BundleManifest::parse(manifest.render().as_bytes()).is_err());
    }
    for (text, place) in [
        ("a\u{e0041}b", "U+E0041 in line 1, column 2"),
        ("a\n\u{202e}b", "U+202E in line 2, column 1"),
        ("x\u{2066}", "U+2066 in line 1, column 2"),
        ("x\u{e0150}", "U+E0150 in line 1, column 2"),
    ] {
        let error = error_with(|manifest| manifest.description = text.into());
        assert!(matches!(error, ManifestError::Hidden { field: "description", .. }), "{error}");
        assert!(error.to_string().contains(place), "{error}");
        let line = text.replace('\n', "");
        for change in [
            (|manifest, text| manifest.license = text) as fn(&mut BundleManifest, String),
            |manifest, text| manifest.artifacts[0].license = Some(text),
            |manifest, text| manifest.artifacts[0].upstream = Some(text),
        ] {
            assert!(matches!(error_with(|manifest| change(manifest, line.clone())), ManifestError::Hidden { .. }));
        }
    }
    // What emoji and scripts need.
    let mut manifest = example();
    manifest.description =
        "\u{1f468}\u{200d}\u{1f469} \u{2764}\u{fe0f} \u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}"
            .into();
    assert_eq!(manifest.check(), Ok(()));
    for id in ["", "abc", &"A".repeat(40), &"g".repeat(64)] {
        let error = error_with(|manifest| manifest.artifacts[0].upstream_commit = Some(id.to_owned()));
        assert!(matches!(error, ManifestError::Commit { .. }));
    }
    let build = error_with(|manifest| manifest.version = "1.0.0+b".parse().expect("a version"));
    assert!(matches!(build, ManifestError::Build { .. }));
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(
        description in "([a-z\"\\\\\n\t#'é🙂 ]){0,40}",
        license in "[ -~]{0,20}",
        paths in proptest::collection::btree_set("[a-zé '$]{1,6}(/[a-z]{1,3}){0,2}", 0..6),
        size in 0..=i64::MAX as u64,
    ) {
        let mut manifest = example();
        manifest.description = description;
        manifest.license = license;
        let paths = paths.iter().filter_map(|path| path.parse().ok());
        manifest.files.extend(paths.map(|path| FileEntry { path, mode: FileMode::Regular, size, sha256: Digest::of(b"") }));
        manifest.files.sort();
        if manifest.check().is_ok() {
            prop_assert_eq!(BundleManifest::parse(manifest.render().as_bytes()), Ok(manifest));
        }
    }

    #[test]
    fn any_bytes_are_parsed_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(BundleManifest::parse(&bytes).is_err());
    }
}
