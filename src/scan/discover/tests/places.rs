//! Folders and names in which artifacts are found.

use super::*;

#[test]
fn a_collection_is_found_whole() {
    let mut tree = Memory::new(&[
        ("collection.toml", ""),
        ("commands/commit.md", "Commit."),
        ("commands/git/push.md", "Push."),
        ("commands/README.md", "About."),
        ("agents/README.md", "About."),
        ("agents/notes.md", "No front matter."),
        ("agents/half.md", "---\nname: half\n---\n"),
        ("hooks/guard/hooks.json", HOOKS),
        ("hooks/guard/run.sh", "true"),
        ("mcp/files/server.json", "{}"),
    ]);
    tree.agent("agents/reviewer.md");
    tree.skill("skills/pdf", "pdf");
    tree.put("skills/pdf/examples/SKILL.md", "---\nname: inner\ndescription: x\n---\n");
    let discovery = find(&tree);
    assert_eq!(
        found(&discovery),
        [
            "agent/reviewer agents/reviewer.md",
            "command/commit commands/commit.md",
            "command/git/push commands/git/push.md",
            "hook/guard hooks/guard",
            "mcp/files mcp/files",
            "skill/pdf skills/pdf",
        ]
    );
    assert_eq!(
        ids(&discovery),
        [
            "readme agents/README.md",
            "not-an-agent agents/half.md",
            "not-an-agent agents/notes.md",
            "readme commands/README.md"
        ]
    );
    assert!(discovery.clashes.is_empty());
}

#[test]
fn client_folders_are_searched() {
    let mut tree = Memory::default();
    for folder in [".claude", ".agents", ".cursor", ".github", ".gemini", ".opencode", ".some-new-client"] {
        let name = folder.trim_start_matches('.');
        tree.skill(&format!("{folder}/skills/{name}"), name);
    }
    tree.skill("skills/.curated/best", "best");
    tree.skill("skills/.system/base", "base");
    tree.skill("skills/office/pdf", "pdf");
    tree.agent(".claude/agents/team/lead.md");
    tree.put(".github/agents/helper.agent.md", "---\ndescription: Helps.\n---\n");
    tree.put(".claude/commands/git/commit.md", "x");
    tree.put(".github/prompts/review.prompt.md", "x");
    for folder in [".windsurf/workflows", ".clinerules/workflows", ".roo/commands"] {
        tree.put(&format!("{folder}/{}.md", &folder[1..4]), "x");
    }
    let discovery = find(&tree);
    assert_eq!(discovery.found.len(), 17, "{:?}", found(&discovery));
    assert!(found(&discovery).contains(&"command/review .github/prompts/review.prompt.md".to_owned()));
    assert!(found(&discovery).contains(&"agent/helper .github/agents/helper.agent.md".to_owned()));
    assert!(found(&discovery).contains(&"command/git/commit .claude/commands/git/commit.md".to_owned()));
}

#[test]
fn a_root_skill_takes_its_name_from_within_or_from_the_caller() {
    let mut tree = Memory::default();
    tree.skill("", "whole");
    tree.skill("deep/inside", "inside");
    assert_eq!(found(&find(&tree)), ["skill/whole ."]);
    tree.put("SKILL.md", "# No front matter");
    assert_eq!(found(&find(&tree)), ["skill/fallback ."]);
    assert_eq!(find(&tree).found[0].path, None);
}

#[test]
fn skills_in_other_places_are_walked_to() {
    let mut tree = Memory::default();
    tree.skill("a/b/c/one", "one");
    tree.skill("a/b/c/one/nested", "nested");
    tree.skill("node_modules/x", "x");
    tree.skill("target/y", "y");
    tree.skill("1/2/3/4/5/six", "six");
    tree.skill("1/2/3/4/5/6/seven", "seven");
    tree.agent("agents/also.md");
    assert_eq!(found(&find(&tree)), ["agent/also agents/also.md", "skill/one a/b/c/one", "skill/six 1/2/3/4/5/six"]);
}

#[test]
fn names_are_made_usable_and_differences_told() {
    let mut tree = Memory::new(&[
        ("skills/lower/skill.md", "---\nname: lower\ndescription: x\n---\n"),
        ("skills/broken/SKILL.md", "---\nname: a\nname: b\n---\n"),
        ("skills/secret/SKILL.md", "---\nname: secret\ndescription: x\nmetadata:\n  internal: true\n---\n"),
        ("skills/Ünïcode/SKILL.md", "---\nname: …\ndescription: x\n---\n"),
        ("skills/日本/SKILL.md", "no name"),
        ("commands/a/b/c/d.md", "fits"),
        ("commands/a/b/c/d/e.md", "too deep"),
    ]);
    tree.skill("skills/folder", "other");
    tree.skill("skills/My_Skill", "My Skill");
    let discovery = find(&tree);
    assert_eq!(
        found(&discovery),
        [
            "command/a/b/c/d commands/a/b/c/d.md",
            "skill/broken skills/broken",
            "skill/lower skills/lower",
            "skill/my-skill skills/My_Skill",
            "skill/n-code skills/Ünïcode",
            "skill/other skills/folder",
        ]
    );
    assert_eq!(discovery.found[3].renamed_from.as_deref(), Some("My Skill"));
    assert_eq!(
        ids(&discovery),
        [
            "too-deep commands/a/b/c/d",
            "front-matter skills/broken/SKILL.md",
            "other-name skills/folder",
            "lower-case skills/lower/skill.md",
            "internal skills/secret",
            "name skills/日本",
        ]
    );
}

#[test]
fn a_start_narrows_the_search() {
    let mut tree = Memory::new(&[
        (".claude-plugin/plugin.json", r#"{"name": "kit"}"#),
        ("hooks/hooks.json", HOOKS),
        ("hooks/guard/hooks.json", HOOKS),
        ("mcp/files/server.json", "{}"),
        ("commands/git/commit.md", "x"),
        ("commands/top.md", "x"),
        ("docs/a.md", "x"),
        (".mcp.json", r#"{"mcpServers": {"db": {"command": "db"}}}"#),
        ("plugins/p/commands/go.md", "x"),
        ("plugins/p/hooks/hooks.json", HOOKS),
    ]);
    tree.skill("skills/pdf", "pdf");
    tree.skill("skills/docx", "docx");
    tree.agent("agents/a.md");
    for (start, expected) in [
        ("skills/pdf", vec!["skill/pdf skills/pdf"]),
        ("skills/pdf/SKILL.md", vec!["skill/pdf skills/pdf"]),
        ("skills", vec!["skill/docx skills/docx", "skill/pdf skills/pdf"]),
        ("agents/a.md", vec!["agent/a agents/a.md"]),
        ("agents", vec!["agent/a agents/a.md"]),
        ("commands/git", vec!["command/git/commit commands/git/commit.md"]),
        ("commands/git/commit.md", vec!["command/git/commit commands/git/commit.md"]),
        ("hooks/guard", vec!["hook/guard hooks/guard"]),
        ("hooks/guard/hooks.json", vec!["hook/guard hooks/guard"]),
        ("hooks", vec!["hook/fallback hooks", "hook/guard hooks/guard"]),
        ("mcp", vec!["mcp/files mcp/files"]),
        ("mcp/files/server.json", vec!["mcp/files mcp/files"]),
        (".mcp.json", vec!["mcp/db .mcp.json"]),
        ("plugins/p", vec!["command/go plugins/p/commands/go.md", "hook/p plugins/p/hooks"]),
        ("docs", vec![]),
        ("docs/a.md", vec![]),
    ] {
        assert_eq!(found(&find_from(&tree, Some(start)).expect(start)), expected, "{start}");
    }
    for start in ["nothing", "skills/pdf/SKILL.md/x", "commands/none.md"] {
        assert!(matches!(find_from(&tree, Some(start)), Err(DiscoverError::Missing { .. })), "{start}");
    }
}
