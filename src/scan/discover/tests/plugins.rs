//! Plugins, marketplaces and their manifests.

use super::*;

/// The layout of anthropics/skills: a marketplace whose plugins share the root and list their skills.
#[test]
fn plugins_that_share_a_root_count_each_skill_once() {
    let mut tree = Memory::new(&[(
        ".claude-plugin/marketplace.json",
        r#"{"name": "m", "owner": {"name": "o"}, "plugins": [
            {"name": "documents", "source": "./", "strict": false, "skills": ["./skills/pdf", "./skills/docx"]},
            {"name": "examples", "source": "./", "strict": false, "skills": ["./skills/art", "./extra/hidden"]}]}"#,
    )]);
    for name in ["pdf", "docx", "art"] {
        tree.skill(&format!("skills/{name}"), name);
    }
    tree.skill("extra/hidden", "hidden");
    tree.skill("template", "template");
    let discovery = find(&tree);
    let expected = [
        "skill/art skills/art",
        "skill/docx skills/docx",
        "skill/hidden extra/hidden",
        "skill/pdf skills/pdf",
        "skill/template template",
    ];
    assert_eq!(found(&discovery), expected);
    assert!(discovery.clashes.is_empty() && discovery.notes.is_empty(), "{:?}", discovery.notes);
}

/// The layout of obra/superpowers: one plugin at the root, which also lists itself in a marketplace.
#[test]
fn a_plugin_at_the_root_names_its_hooks() {
    let mut tree = Memory::new(&[
        (".claude-plugin/plugin.json", r#"{"name": "powers", "version": "6.2.0"}"#),
        (".claude-plugin/marketplace.json", r#"{"plugins": [{"name": "powers", "source": "./"}]}"#),
        ("hooks/hooks.json", HOOKS),
        ("hooks/run-hook.cmd", ""),
        ("commands/plan.md", "---\ndescription: Plan\n---\n"),
        ("AGENTS.md", "x"),
    ]);
    tree.link("CLAUDE.md", ItemKind::Symlink);
    tree.agent("agents/code-reviewer.md");
    tree.skill("skills/brainstorming", "brainstorming");
    let discovery = find(&tree);
    assert_eq!(
        found(&discovery),
        [
            "agent/code-reviewer agents/code-reviewer.md",
            "command/plan commands/plan.md",
            "hook/powers hooks",
            "skill/brainstorming skills/brainstorming",
        ]
    );
    assert_eq!(discovery.found[2].files, FoundFiles::Folder);
}

/// The layout of wshobson/agents: many plugins, many of which have an agent of the same name.
#[test]
fn names_of_several_plugins_clash_and_are_kept() {
    let mut tree = Memory::new(&[
        (
            ".claude-plugin/marketplace.json",
            r#"{"plugins": [{"name": "a", "source": "./plugins/a"}, {"name": "b", "source": "./plugins/b"},
               {"name": "gone", "source": "./plugins/gone"}, {"name": "out", "source": "../out"},
               {"name": "far", "source": {"source": "github", "repo": "o/r"}}, 7]}"#,
        ),
        ("plugins/a/commands/review.md", "x"),
        ("plugins/b/hooks/hooks.json", HOOKS),
        ("plugins/c/.claude-plugin/plugin.json", r#"{"name": "c"}"#),
        ("plugins/c/commands/only-here.md", "x"),
        ("plugins/d/commands/no-manifest.md", "x"),
    ]);
    tree.agent("plugins/a/agents/reviewer.md");
    tree.agent("plugins/b/agents/reviewer.md");
    tree.skill("plugins/b/skills/api", "api");
    let discovery = find(&tree);
    assert_eq!(
        found(&discovery),
        [
            "agent/reviewer plugins/a/agents/reviewer.md",
            "agent/reviewer plugins/b/agents/reviewer.md",
            "command/only-here plugins/c/commands/only-here.md",
            "command/review plugins/a/commands/review.md",
            "hook/b plugins/b/hooks",
            "skill/api plugins/b/skills/api",
        ]
    );
    let clash = (
        "agent/reviewer".parse().expect("a reference"),
        vec!["plugins/a/agents/reviewer.md".to_owned(), "plugins/b/agents/reviewer.md".to_owned()],
    );
    assert_eq!(discovery.clashes, [clash]);
    let market = ".claude-plugin/marketplace.json";
    let expected = [
        format!("elsewhere {market}"),
        format!("elsewhere {market}"),
        format!("manifest {market}"),
        "missing plugins/gone".to_owned(),
    ];
    assert_eq!(ids(&discovery), expected);
}

#[test]
fn plugin_root_allows_bare_names() {
    let mut tree = Memory::new(&[(
        ".claude-plugin/marketplace.json",
        r#"{"metadata": {"pluginRoot": "./kits"}, "plugins": [{"name": "a", "source": "a"}, {"name": "b", "source": "./other/b"}]}"#,
    )]);
    tree.agent("kits/a/agents/one.md");
    tree.agent("other/b/agents/two.md");
    assert_eq!(found(&find(&tree)), ["agent/one kits/a/agents/one.md", "agent/two other/b/agents/two.md"]);
}

#[test]
fn a_manifest_adds_places() {
    let mut tree = Memory::new(&[
        (
            ".claude-plugin/plugin.json",
            r#"{"name": "kit", "skills": "./more", "agents": ["./team/lead.md", "./team/none.md", "../up.md"],
               "commands": {"go": {"source": "./words/go.md"}, "inline": {"content": "x"}},
               "hooks": ["./guards/hooks.json", {"Stop": []}], "mcpServers": {"db": {"command": "db"}, "bad": 1}}"#,
        ),
        ("words/go.md", "Go."),
        ("guards/hooks.json", HOOKS),
    ]);
    tree.agent("team/lead.md");
    tree.agent("team/unlisted.md");
    tree.skill("more/x", "x");
    let discovery = find(&tree);
    assert_eq!(
        found(&discovery),
        [
            "agent/lead team/lead.md",
            "command/go words/go.md",
            "hook/kit guards",
            "mcp/db .claude-plugin/plugin.json",
            "skill/x more/x",
        ]
    );
    let manifest = ".claude-plugin/plugin.json";
    let expected = [
        format!("manifest {manifest}"),
        format!("manifest {manifest}"),
        format!("unsupported {manifest}"),
        format!("unsupported {manifest}"),
        "missing team/none.md".to_owned(),
    ];
    assert_eq!(ids(&discovery), expected);
}

#[test]
fn broken_manifests_are_notes() {
    for text in [
        "{",
        "[]",
        "{\"plugins\": 1}",
        "{\"plugins\": [{\"name\": 1, \"source\": 2}, null]}",
        "{\"a\": 1, \"a\": 2}",
        "\u{0}",
    ] {
        let mut tree = Memory::new(&[
            (".claude-plugin/marketplace.json", text),
            (".claude-plugin/plugin.json", "nonsense"),
            ("mcp.json", "[1"),
        ]);
        tree.skill("skills/x", "x");
        let discovery = find(&tree);
        assert_eq!(found(&discovery), ["skill/x skills/x"], "{text}");
        assert!(discovery.notes.len() >= 3, "{text}: {:?}", ids(&discovery));
    }
    let long = format!("{{\"mcpServers\": {{\"a\": {{\"command\": \"{}\"}}}}}}", "x".repeat(1 << 20));
    let discovery = find(&Memory::new(&[("mcp.json", &long)]));
    assert_eq!((found(&discovery), ids(&discovery)), (vec![], vec!["too-long mcp.json".to_owned()]));
}
