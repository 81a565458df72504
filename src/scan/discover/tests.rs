mod servers;

use std::time::{Duration, Instant};

use super::*;
use crate::scan::{Item, ItemKind};

/// A tree in memory: paths with contents, links and submodules.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, (ItemKind, Vec<u8>)>,
}

const FILE: ItemKind = ItemKind::File { executable: false };

impl Memory {
    fn new(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, content) in files {
            tree.put(path, content);
        }
        tree
    }

    fn put(&mut self, path: &str, content: &str) {
        self.files.insert(path.to_owned(), (FILE, content.as_bytes().to_vec()));
    }

    fn link(&mut self, path: &str, kind: ItemKind) {
        self.files.insert(path.to_owned(), (kind, Vec::new()));
    }

    fn skill(&mut self, folder: &str, name: &str) {
        self.put(&join(folder, "SKILL.md"), &format!("---\nname: {name}\ndescription: Does {name}.\n---\n"));
    }

    fn agent(&mut self, path: &str) {
        let name = last(path).trim_end_matches(".md");
        self.put(path, &format!("---\nname: {name}\ndescription: Is {name}.\nmodel: inherit\n---\n"));
    }
}

impl Tree for Memory {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        let mut items = BTreeMap::new();
        for (path, (kind, _)) in &self.files {
            let rest = if folder.is_empty() {
                Some(path.as_str())
            } else {
                path.strip_prefix(folder).and_then(|p| p.strip_prefix('/'))
            };
            match rest.map(|rest| rest.split_once('/').ok_or(rest)) {
                Some(Ok((name, _))) => items.insert(name.to_owned(), ItemKind::Folder),
                Some(Err(name)) => items.insert(name.to_owned(), *kind),
                None => None,
            };
        }
        Ok(items.into_iter().map(|(name, kind)| Item { name, kind }).rev().collect())
    }

    fn read(&self, file: &str, max_bytes: u64) -> Result<Option<Vec<u8>>, TreeError> {
        let Some((kind, bytes)) = self.files.get(file) else { return Ok(None) };
        assert_eq!(*kind, FILE, "'{file}' is a link and was read");
        Ok(Some(bytes.iter().take(usize::try_from(max_bytes)? + 1).copied().collect()))
    }
}

fn find_from(tree: &dyn Tree, start: Option<&str>) -> Result<Discovery, DiscoverError> {
    let start = start.map(|start| start.parse::<TreePath>().expect("a path"));
    discover(tree, start.as_ref(), "fallback", Limits::default())
}

/// Returns `kind/name path` for everything found.
fn found(discovery: &Discovery) -> Vec<String> {
    let path = |found: &Found| found.path.as_ref().map_or(".".to_owned(), TreePath::to_string);
    discovery.found.iter().map(|found| format!("{} {}", found.artifact, path(found))).collect()
}

fn find(tree: &Memory) -> Discovery {
    find_from(tree, None).expect("searched")
}

fn ids(discovery: &Discovery) -> Vec<String> {
    discovery.notes.iter().map(|note| format!("{} {}", note.id, note.path)).collect()
}

const HOOKS: &str = r#"{"hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "./run"}]}]}}"#;

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
fn mcp_servers_are_found_one_by_one() {
    let tree = Memory::new(&[
        (".mcp.json", r#"{"mcpServers": {"Git_Hub": {"command": "gh", "args": ["mcp"]}, "db": {"url": "https://x"}}}"#),
        ("plugin.json", r#"{"$schema": "https://agent-plugins.org/schemas/1.0.0/plugin.schema.json", "name": "kit"}"#),
        ("mcp.json", r#"{"mcpServers": {"db": {"type": "stdio", "command": "db"}}}"#),
        ("plugins/p/plugin.json", r#"{"name": "p"}"#),
        ("plugins/p/.mcp.json", r#"{"bare": {"command": "x"}}"#),
        ("plugins/q/plugin.json", "{}"),
        ("plugins/q/.mcp.json", r#"{"servers": 1}"#),
    ]);
    let discovery = find(&tree);
    let expected = ["mcp/bare plugins/p/.mcp.json", "mcp/db .mcp.json", "mcp/db mcp.json", "mcp/git-hub .mcp.json"];
    assert_eq!(found(&discovery), expected);
    let renamed = &discovery.found[3];
    assert_eq!(renamed.renamed_from.as_deref(), Some("Git_Hub"));
    let entry = serde_json::json!({"command": "gh", "args": ["mcp"]});
    assert_eq!(renamed.files, FoundFiles::McpEntry { server: "Git_Hub".to_owned(), entry });
    assert_eq!(discovery.clashes.len(), 1);
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

/// Rows 67 and 69: links and submodules are told and never followed; the tree fails the test when one is read.
#[test]
fn links_and_submodules_are_not_followed() {
    let mut tree = Memory::default();
    tree.link("skills/linked", ItemKind::Symlink);
    tree.link("skills/module", ItemKind::Submodule);
    tree.link("skills/half/SKILL.md", ItemKind::Symlink);
    tree.link("agents/a.md", ItemKind::Symlink);
    tree.link("commands", ItemKind::Symlink);
    tree.link("hooks/hooks.json", ItemKind::Symlink);
    tree.link(".mcp.json", ItemKind::Symlink);
    tree.link(".claude-plugin/plugin.json", ItemKind::Symlink);
    tree.link(".claude/skills", ItemKind::Symlink);
    tree.link("plugins/p", ItemKind::Submodule);
    tree.put("real/SKILL.md", "x");
    let discovery = find(&tree);
    assert_eq!(found(&discovery), ["skill/real real"]);
    assert_eq!(discovery.notes.iter().filter(|note| note.id == "link").count(), 10, "{:?}", ids(&discovery));
    for start in ["skills/linked", "skills/module", "commands", "skills/linked/x/y"] {
        assert!(matches!(find_from(&tree, Some(start)), Err(DiscoverError::Link { .. })), "{start}");
    }
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

/// A tree in which every folder has ten folders, and asks for every one of them cost nothing.
struct Endless;

impl Tree for Endless {
    fn list(&self, folder: &str) -> Result<Vec<Item>, TreeError> {
        assert!(folder.split('/').count() < 20, "without a bound in depth");
        let names = ["a", "b", "c", "d", "skills", "agents", "commands", "hooks", "plugins", "mcp"];
        Ok(names.map(|name| Item { name: name.to_owned(), kind: ItemKind::Folder }).to_vec())
    }

    fn read(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, TreeError> {
        Ok(None)
    }
}

/// One folder with more entries than the limit.
struct Wide;

impl Tree for Wide {
    fn list(&self, _: &str) -> Result<Vec<Item>, TreeError> {
        Ok((0..600_000).map(|n| Item { name: format!("{n}"), kind: FILE }).collect())
    }

    fn read(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, TreeError> {
        Ok(None)
    }
}

/// Rows 77 and 78.
#[test]
fn endless_trees_are_left_soon() {
    let start = Instant::now();
    for from in [None, Some("a"), Some("commands")] {
        let discovery = find_from(&Endless, from).expect("searched within bounds");
        let told = discovery.notes.iter().any(|note| matches!(note.id, "walk-stopped" | "too-deep"));
        assert!(told && discovery.found.is_empty(), "{from:?}");
    }
    let few = discover(&Endless, None, "x", Limits { max_folders: 1_000, ..Limits::default() });
    assert!(matches!(few, Err(DiscoverError::Limit { what: "folders", limit: 1_000 })));
    assert!(matches!(find_from(&Wide, None), Err(DiscoverError::Limit { what: "files and folders", .. })));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_walk_stops_and_says_so() {
    let mut tree = Memory::default();
    for n in 0..2_100 {
        tree.put(&format!("f{n}/x/readme.txt"), "");
    }
    let limits = Limits { max_walk_folders: 50, ..Limits::default() };
    let discovery = discover(&tree, None, "x", limits).expect("searched");
    assert_eq!(ids(&discovery), ["walk-stopped "]);
}

#[test]
fn too_many_artifacts_are_refused() {
    let tree = Memory::new(&[("commands/a.md", ""), ("commands/b.md", ""), ("commands/c.md", "")]);
    let limits = Limits { max_found: 2, ..Limits::default() };
    assert!(matches!(discover(&tree, None, "x", limits), Err(DiscoverError::Limit { what: "artifacts", limit: 2 })));
}
