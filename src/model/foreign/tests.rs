use std::cmp::Ordering;

use super::collate::compare;
use super::*;

fn files(all: &[(&str, &str)]) -> Vec<InstalledFile> {
    let one =
        |(path, text): &(&str, &str)| (path.parse().expect("a path"), FileMode::Regular, text.as_bytes().to_vec());
    all.iter().map(one).collect()
}

/// The skill that the constants below are of: its names sort otherwise in each of the three orders.
fn alpha() -> Vec<InstalledFile> {
    files(&[
        ("README.md", "readme\n"),
        ("SKILL.md", "---\nname: alpha\ndescription: Does alpha things when asked.\n---\nAlpha.\n"),
        ("Zed.md", "zed\n"),
        ("_notes.md", "notes\n"),
        ("scripts-old.md", "under\n"),
        ("scripts/run.sh", "#!/bin/sh\necho hi\n"),
    ])
}

/// What skills 1.7.4 wrote as `computedHash`, git as the id of the tree, and the Python SkillMeat as `content_hash`.
const COMPUTED: &str = "a75f594fbdc783c4f2c06f1be041ec49ebd4513517b3ace2a252949935317263";
const TREE: &str = "0e1577a847ac3d37d84d41b70e45f943f5448197";
const CONTENT: &str = "bd73a75b7e4c458e517ebc817d6d1b76207954422d7e7f9aecd1ab16146e7f7f";

#[test]
fn hashes_are_those_of_the_other_programs() {
    for hash in [
        ForeignHash::Folder(COMPUTED.to_owned()),
        ForeignHash::GitTree(TREE.to_owned()),
        ForeignHash::Skillmeat(CONTENT.to_uppercase()),
    ] {
        assert_eq!(hash.check(&alpha(), false), Checked::AsRecorded, "{hash:?}");
        let mut edited = alpha();
        edited[5].2.push(b'x');
        assert_eq!(hash.check(&edited, false), Checked::Edited, "{hash:?}");
        assert_eq!(hash.check(&alpha()[..5], false), Checked::Edited, "{hash:?}");
    }
    for odd in ["", "x", &"z".repeat(64), &"0".repeat(128)] {
        let odd = ForeignHash::Folder(odd.to_owned());
        assert!(matches!(odd.check(&alpha(), false), Checked::NotChecked { .. }), "{odd:?}");
    }
    let mut with_packages = alpha();
    with_packages.extend(files(&[("scripts/node_modules/x/y.js", "x")]));
    assert_eq!(ForeignHash::Folder(COMPUTED.to_owned()).check(&with_packages, false), Checked::AsRecorded);
}

#[test]
fn a_hash_of_apm_takes_line_ends_of_text_as_one() {
    // What apm 0.35.0 computes for a file of these bytes.
    let recorded = "1a8b9d993e045c297efd3adb57c94cccc4c4e38c8826d0b2af9eb5f65d4c9d90";
    let hash = ForeignHash::Files([("x.md".to_owned(), recorded.to_owned())].into());
    assert_eq!(hash.check(&files(&[("x.md", "a\r\nb\rc\r\r\n")]), true), Checked::AsRecorded);
    assert_eq!(hash.check(&files(&[("x.md", "a\nb\rc\r\r\n")]), true), Checked::AsRecorded);
    assert_eq!(hash.check(&files(&[("x.md", "a\nb\nc\n")]), true), Checked::Edited);
    assert_eq!(hash.check(&files(&[("x.md", "a\nb\rc\r\n"), ("y.md", "")]), true), Checked::Edited);
}

#[test]
fn names_beyond_ascii_have_no_known_order() {
    let hash = ForeignHash::Folder(COMPUTED.to_owned());
    assert!(matches!(hash.check(&files(&[("é", ""), ("z", "")]), false), Checked::NotChecked { .. }));
    let by_javascript = ["_a", "-a", "a_b", "a-b", "a.b", "a/b", "a~b", "a1", "ab", "aB", "Ab", "AB", "abc", "b"];
    for pair in by_javascript.windows(2) {
        assert_eq!(compare(pair[0], pair[1]), Some(Ordering::Less), "{pair:?}");
    }
}

fn skills(version: u64, entry: &str) -> Result<ForeignRecord, ForeignError> {
    let text = format!("{{\"version\": {version}, \"skills\": {{\"My Skill\": {entry}}}}}");
    let manager = if version == 1 { Manager::SkillsProject } else { Manager::SkillsUser };
    ForeignRecord::parse(manager, text.as_bytes(), None)
}

fn followed(record: &ForeignRecord) -> &Followed {
    match &record.artifacts[0].origin {
        ForeignOrigin::Followed(followed) => followed,
        other => panic!("{other:?}"),
    }
}

#[test]
fn locks_of_npx_skills_are_read() {
    let record = skills(1, r#"{"source": "o/r", "sourceType": "github", "skillPath": "a/b/SKILL.md", "ref": "v1"}"#);
    let record = record.expect("parses");
    let origin = followed(&record);
    assert_eq!((origin.url.as_str(), origin.path.as_deref()), ("https://github.com/o/r", Some("a/b")));
    assert_eq!((origin.reference.as_deref(), &origin.commit), (Some("v1"), &None));
    assert_eq!(record.artifacts[0].places[0], ".agents/skills/my-skill");
    let entry = format!(
        r#"{{"source": "o/r", "sourceType": "github", "sourceUrl": "https://github.com/o/r.git", "skillPath": "SKILL.md",
        "ref": "{}", "skillFolderHash": "{TREE}", "installedAt": "x"}}"#,
        "c".repeat(40)
    );
    let record = skills(3, &entry).expect("parses");
    assert_eq!(followed(&record).path.as_deref(), Some("."));
    assert_eq!(followed(&record).commit, Some("c".repeat(40)));
    assert_eq!(record.artifacts[0].hash, Some(ForeignHash::GitTree(TREE.to_owned())));
    assert_eq!(record.not_taken.get("installedAt"), Some(&1));
    assert!(matches!(skills(2, "{}"), Err(ForeignError::Version(_) | ForeignError::Json { .. })));
    assert!(matches!(ForeignRecord::parse(Manager::SkillsProject, b"{", None), Err(ForeignError::Json { line: 1 })));
}

#[test]
fn places_that_no_update_comes_from_are_told_without_a_secret() {
    for (entry, part) in [
        (r#"{"source": "example.com", "sourceType": "well-known", "sourceUrl": "https://example.com"}"#, "index"),
        (r#"{"source": "pkg", "sourceType": "node_modules"}"#, "package"),
        (r#"{"source": "x", "sourceType": "git", "sourceUrl": "https://me:s3cret@example.com/r.git"}"#, "'@'"),
        (r#"{"source": "x", "sourceType": "git", "sourceUrl": "ext::sh -c x"}"#, "helper"),
        (r#"{"source": "-x", "sourceType": "github"}"#, "option"),
        (r#"{"source": "o/r", "sourceType": "github", "ref": "--upload-pack=x"}"#, "no branch"),
    ] {
        match &skills(1, entry).expect("parses").artifacts[0].origin {
            ForeignOrigin::Unfollowed { place, reason } => {
                assert!(reason.contains(part), "{entry}: {reason}");
                assert!(!format!("{place}{reason}").contains("s3cret"), "{place} {reason}");
            }
            other => panic!("{entry}: {other:?}"),
        }
    }
}

const COLLECTION: &str = r#"
[collection]
name = "mine"
version = "1.0.0"
created = 2026-01-02T03:04:05

[[artifacts]]
name = "pdf"
type = "skill"
path = "skills/pdf/"
origin = "github"
upstream = "https://github.com/o/r/tree/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/tools/pdf"
version_spec = "latest"
tags = ["a"]
[artifacts.metadata]
tags = ["b"]
title = "PDF"

[[mcp_servers]]
name = "files"
repo = "o/files"
env_vars = { TOKEN = "s3cret" }

[[groups]]
name = "g"
"#;

#[test]
fn a_collection_of_skillmeat_is_read() {
    let lock = format!(
        "[lock.entries.\"pdf::skill\"]\ncontent_hash = \"{CONTENT}\"\nresolved_sha = \"{}\"\n\
        [lock.entries.\"gone::agent\"]\ncontent_hash = \"x\"\n",
        "b".repeat(40)
    );
    let record =
        ForeignRecord::parse(Manager::Skillmeat, COLLECTION.as_bytes(), Some(lock.as_bytes())).expect("parses");
    let origin = followed(&record);
    assert_eq!((origin.url.as_str(), origin.path.as_deref()), ("https://github.com/o/r", Some("tools/pdf")));
    assert_eq!((&origin.reference, &origin.commit), (&None, &Some("b".repeat(40))));
    assert_eq!(record.artifacts[0].tags, ["a", "b"]);
    assert_eq!(record.name.as_deref(), Some("mine"));
    let left: Vec<_> = record.left.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["mcp/files", "gone::agent"]);
    for part in ["groups", "metadata.title", "collection.created", "origin"] {
        assert_eq!(record.not_taken.get(part), Some(&1), "{part}: {:?}", record.not_taken);
    }
    assert!(!format!("{record:?}").contains("s3cret"));
    let without = ForeignRecord::parse(Manager::Skillmeat, COLLECTION.as_bytes(), None).expect("parses");
    assert_eq!(followed(&without).commit, Some("a".repeat(40)));
}

#[test]
fn ours_and_broken_collections_are_refused() {
    let parse = |text: &str| ForeignRecord::parse(Manager::Skillmeat, text.as_bytes(), None).expect_err("refused");
    assert!(matches!(parse("format = 1\nname = \"a\"\n"), ForeignError::Ours));
    assert!(matches!(parse("[x]\n"), ForeignError::Missing(_)));
    assert!(matches!(parse("\n[collection\n"), ForeignError::Toml { line: 2, .. }));
    assert!(matches!(ForeignRecord::parse(Manager::Apm, &[0xff], None), Err(ForeignError::NotText)));
}

#[test]
fn a_lock_of_apm_is_read() {
    let text = format!(
        "lockfile_version: '2'\ndependencies:\n- repo_url: acme/kit\n  host: git.example.com\n  resolved_ref: v1.2.0\n  \
        resolved_commit: {}\n  constraint: ^1.0.0\n  virtual_path: skills/hello\n  deployed_files:\n  \
        - .claude/skills/hello\n  - .claude/skills/hello/SKILL.md\n  - .agents/skills/hello/SKILL.md\n  \
        - .github/agents/reviewer.agent.md\n  - AGENTS.md\n  - ../../.ssh/skills/x\n  deployed_file_hashes:\n    \
        .agents/skills/hello/SKILL.md: sha256:{COMPUTED}\nmcp_servers:\n- files\nlocal_deployed_files:\n\
        - .claude/commands/go.md\n",
        "d".repeat(40)
    );
    let record = ForeignRecord::parse(Manager::Apm, text.as_bytes(), None).expect("parses");
    let names: Vec<_> =
        record.artifacts.iter().map(|artifact| format!("{}/{}", artifact.kind, artifact.name)).collect();
    assert_eq!(names, ["agent/reviewer", "skill/hello", "command/go"]);
    let hello = &record.artifacts[1];
    assert_eq!(hello.places, [".agents/skills/hello", ".claude/skills/hello"]);
    assert_eq!(hello.hash, Some(ForeignHash::Files([("SKILL.md".to_owned(), COMPUTED.to_owned())].into())));
    let ForeignOrigin::Followed(origin) = &hello.origin else { panic!("{:?}", hello.origin) };
    assert_eq!(
        (origin.url.as_str(), origin.path.as_deref()),
        ("https://git.example.com/acme/kit", Some("skills/hello"))
    );
    assert_eq!((origin.reference.as_deref(), &origin.commit), (Some("^1.0.0"), &Some("d".repeat(40))));
    assert_eq!(record.artifacts[2].origin, ForeignOrigin::Own);
    let left: Vec<_> = record.left.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(left, ["mcp/files", "AGENTS.md", "../../.ssh/skills/x"]);
    for wrong in ["lockfile_version: '3'\ndependencies: []\n", "dependencies: &a []\n", "a: [\n", "x: y\n", "- a\n"] {
        assert!(ForeignRecord::parse(Manager::Apm, wrong.as_bytes(), None).is_err(), "{wrong}");
    }
}

#[test]
fn deployments_of_skillmeat_are_read() {
    let text = "[[deployed]]\nartifact_name = \"go\"\nartifact_type = \"command\"\nfrom_collection = \"default\"\n\
        artifact_path = \"commands/go.md\"\ncollection_sha = \"x\"\nprofile_root_dir = \".codex\"\n";
    let record = ForeignRecord::parse(Manager::SkillmeatDeployed, text.as_bytes(), None).expect("parses");
    assert_eq!(record.artifacts[0].places, [".codex/commands/go.md"]);
    assert_eq!(record.not_taken.get("from_collection"), Some(&1));
}
