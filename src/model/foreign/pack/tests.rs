//! What manifests say, and what is refused of them.

use super::*;
use crate::model::FileMode;
use crate::model::TreePath;
use crate::model::foreign::InstalledFile;

/// Written by Python's `json.dumps` and `hashlib`, by the rules of section 3 of `schema/old-packs.md`.
const SIGNED: &str = r#"{
  "artifacts": [
    {
      "files": ["SKILL.md", "b.txt"],
      "hash": "sha256:0000000000000000000000000000000000000000000000000000000000000001",
      "metadata": {"description": "Grüße \"x\" \\ \u0001\t", "title": "a"},
      "name": "a", "path": "artifacts/skill/a/", "scope": "user", "type": "skill", "version": "unknown"
    }
  ],
  "author": "someone", "created_at": "2025-11-16T00:00:00", "dependencies": ["other"], "description": "d",
  "bundle_hash": "BUNDLE",
  "license": "MIT", "name": "n", "signature": {"signer_name": "Bob", "signature": "AAAA"}, "tags": [], "version": "1.0"
}"#;

const BUNDLE: &str = "sha256:f14704edea21e738d07bd99dc204563189498ee364093a4f5487be093a9d99ee";

fn files(list: &[(&str, &str)]) -> Vec<InstalledFile> {
    let one =
        |(path, text): &(&str, &str)| (path.parse().expect("a path"), FileMode::Regular, text.as_bytes().to_vec());
    list.iter().map(one).collect()
}

fn refused(format: OldFormat, text: &str) -> OldPackError {
    format.parse(text.as_bytes()).expect_err("refused")
}

#[test]
fn the_digest_of_a_manifest_is_the_one_that_python_computes() {
    let text = SIGNED.replace("BUNDLE", BUNDLE);
    let manifest = OldFormat::ManifestJson.parse(text.as_bytes()).expect("its digest matches");
    assert!(manifest.is_covered);
    assert_eq!(manifest.claimed_signer.as_deref(), Some("Bob"));
    assert_eq!((manifest.name.as_str(), manifest.author.as_deref()), ("n", Some("someone")));
    assert_eq!(manifest.dependencies, ["other"]);
    for (from, to) in
        [("\"MIT\"", "\"GPL\""), ("Grüße", "Gruße"), ("\"SKILL.md\"", "\"skill.md\""), ("0001\"", "0002\"")]
    {
        let error = refused(OldFormat::ManifestJson, &text.replace(from, to));
        assert!(matches!(error, OldPackError::Digest { .. }), "{from}: {error}");
    }
    // A signature was put in afterwards, and may say anything.
    assert!(OldFormat::ManifestJson.parse(text.replace("Bob", "Eve").as_bytes()).is_ok());
    let without = OldFormat::ManifestJson.parse(SIGNED.replace("BUNDLE", "").as_bytes()).expect("no digest");
    assert!(!without.is_covered);
}

#[test]
fn manifests_that_readers_take_differently_are_refused() {
    let json = |text: &str| refused(OldFormat::ManifestJson, text);
    let deep = format!("{{\"version\": \"1.0\", \"artifacts\": {}", "[".repeat(100_000));
    for text in [
        "",
        "[]",
        "{",
        "{\"artifacts\": 1}",
        "{\"version\": \"1.0\", \"name\": \"n\", \"artifacts\": [], \"name\": \"m\"}",
        "{\"version\": \"2.0\", \"name\": \"n\", \"artifacts\": []}",
        "{\"version\": \"1.0\", \"name\": \"n\", \"artifacts\": [{\"type\": \"skill\"}]}",
        &deep,
    ] {
        assert!(matches!(json(text), OldPackError::Manifest { .. }), "{text:.60}");
    }
    let fraction = SIGNED.replace("BUNDLE", BUNDLE).replace("\"tags\": []", "\"tags\": [0.1]");
    assert!(matches!(json(&fraction), OldPackError::Manifest { source: ForeignError::Number, .. }));
    let nested = format!("[bundle]\nname = \"n\"\nx = {}{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in ["", "[bundle]", "[bundle]\nname = \"a\"\nname = \"b\"", "[bundle]\nname = 1", &nested, "\u{0}"] {
        assert!(matches!(refused(OldFormat::BundleToml, text), OldPackError::Manifest { .. }), "{text:.60}");
    }
    for version in ["2", "\"2\"", "1"] {
        let text = format!("pack-format-version = {version}\n[bundle]\nname = \"n\"\n");
        let error = refused(OldFormat::ManifestToml, &text);
        assert!(matches!(error, OldPackError::Manifest { source: ForeignError::Version(_), .. }), "{version}");
    }
    assert!(OldFormat::ManifestToml.parse(b"\xff").is_err());
}

#[test]
fn places_that_lead_elsewhere_or_overlap_are_refused() {
    let bundle = |paths: &[&str]| {
        let one = |path: &&str| format!("[[artifacts]]\nname = \"x\"\ntype = \"skill\"\npath = '{path}'\n");
        format!("[bundle]\nname = \"n\"\n{}", paths.iter().map(one).collect::<String>())
    };
    for paths in [&["../x"][..], &["/x"], &["a//b"], &["a\\b"], &["a", "a"], &["a/", "a"], &["a", "a-b", "a/b/c"]] {
        let error = refused(OldFormat::BundleToml, &bundle(paths));
        assert!(matches!(error, OldPackError::Member { .. }), "{paths:?}: {error}");
    }
    assert!(OldFormat::BundleToml.parse(bundle(&["a", "a-b", "ab", "b/c/"]).as_bytes()).is_ok());
    let many = bundle(&["x"; 5_001]);
    let error = refused(OldFormat::BundleToml, &many);
    assert!(matches!(error, OldPackError::Manifest { source: ForeignError::TooMany, .. }), "{error}");
}

fn member(files: Option<&[&str]>, hash: Option<OldHash>) -> OldMember {
    OldMember {
        kind: "skill".to_owned(),
        name: "a".to_owned(),
        version: None,
        path: Some("artifacts/skill/a/".to_owned()),
        files: files.map(|files| files.iter().map(|file| (*file).to_owned()).collect()),
        hash,
    }
}

#[test]
fn files_are_held_against_what_is_listed() {
    let all = files(&[("SKILL.md", "text"), ("b/c.txt", "more"), (".env", "KEY=1")]);
    let digest = Digest::of(b"SKILL.mdtextb/c.txtmore");
    let listed = member(Some(&["b/c.txt", "SKILL.md"]), Some(OldHash::Listed(digest)));
    let (own, others, covered) = listed.check(all.clone(), false).expect("matches");
    assert_eq!(own, files(&[("SKILL.md", "text"), ("b/c.txt", "more")]));
    assert_eq!((others.iter().map(TreePath::as_str).collect::<Vec<_>>(), covered), (vec![".env"], true));
    let wrong = member(Some(&["SKILL.md"]), Some(OldHash::Listed(digest)));
    assert!(matches!(wrong.check(all.clone(), false), Err(OldPackError::Digest { .. })));
    let missing = member(Some(&["SKILL.md", "gone"]), None);
    assert!(
        matches!(missing.check(all.clone(), false), Err(OldPackError::Missing { path }) if path == "artifacts/skill/a/gone")
    );
    let twice = member(Some(&["SKILL.md", "SKILL.md"]), None);
    assert!(matches!(twice.check(all.clone(), false), Err(OldPackError::Member { .. })));
    let (_, _, covered) = member(None, None).check(all, false).expect("nothing to compare");
    assert!(!covered);
}

#[test]
fn a_single_file_is_hashed_with_its_name_or_without() {
    let one = files(&[("x.md", "text")]);
    for digest in [Digest::of(b"text"), Digest::of(b"x.mdtext")] {
        assert!(member(Some(&["x.md"]), Some(OldHash::Listed(digest))).check(one.clone(), false).expect("matches").2);
    }
    assert!(member(None, Some(OldHash::Content(Digest::of(b"text")))).check(one.clone(), true).expect("matches").2);
    assert!(
        member(None, Some(OldHash::Content(Digest::of(b"x.mdtext")))).check(one.clone(), false).expect("matches").2
    );
    assert!(member(None, Some(OldHash::Content(Digest::of(b"text")))).check(one, false).is_err());
}

#[test]
fn a_folder_is_hashed_in_the_order_of_the_parts_of_its_paths() {
    let all = files(&[("a-b", "2"), ("a/c", "1")]);
    let by_parts = member(None, Some(OldHash::Content(Digest::of(b"a/c1a-b2"))));
    assert!(by_parts.check(all.clone(), false).is_ok());
    let by_text = member(Some(&["a-b", "a/c"]), Some(OldHash::Listed(Digest::of(b"a-b2a/c1"))));
    assert!(by_text.check(all, false).is_ok());
}
