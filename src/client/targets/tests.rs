use std::path::Path;

use super::*;
use crate::client::{Base, Os};

fn places(overrides: &[(&str, &str)]) -> Places {
    Places {
        os: Os::Linux,
        bases: [(Base::Project, PathBuf::from("/p")), (Base::Home, PathBuf::from("/h"))].into(),
        overrides: overrides.iter().map(|(name, path)| ((*name).to_owned(), PathBuf::from(path))).collect(),
    }
}

fn target(id: &str) -> &'static Target {
    Target::find(&id.parse().expect("a target")).expect("in the table")
}

#[test]
fn the_embedded_table_is_well_formed_and_says_each_target_once() {
    let all = parse(include_str!("../targets.toml")).expect("a table");
    let mut ids: Vec<_> = all.iter().map(|target| target.id.to_string()).collect();
    assert_eq!(ids, ["claude-code:project", "claude-code:user"]);
    ids.dedup();
    assert_eq!(ids.len(), all.len());
    for target in &all {
        assert!(Kind::ALL.into_iter().all(|kind| target.form(kind).is_some()), "{}", target.id);
        for name in &target.mcp().expect("servers").reserved {
            assert!(crate::model::mcp::is_entry_name(name), "{name}");
        }
    }
}

#[test]
fn a_project_holds_everything_below_its_folder() {
    let (project, here) = (target("claude-code"), places(&[("CLAUDE_CONFIG_DIR", "/c")]));
    let folder = |kind| project.folder(kind, &here).expect("a folder");
    assert_eq!(folder(Kind::Skill), Path::new("/p/.claude/skills"));
    assert_eq!(folder(Kind::Agent), Path::new("/p/.claude/agents"));
    assert_eq!(folder(Kind::Command), Path::new("/p/.claude/commands"));
    assert_eq!(folder(Kind::Hook), Path::new("/p/.claude/hooks"));
    assert_eq!(project.folder(Kind::Mcp, &here), None);
    assert_eq!(project.config_file(Kind::Hook, &here).as_deref(), Some(Path::new("/p/.claude/settings.json")));
    assert_eq!(project.config_file(Kind::Mcp, &here).as_deref(), Some(Path::new("/p/.mcp.json")));
    assert_eq!(project.config_file(Kind::Skill, &here), None);
    assert_eq!(project.script_base("x", &here).as_deref(), Some("${CLAUDE_PROJECT_DIR}/.claude/hooks/x"));
    assert_eq!(project.overriding().count(), 0);
}

#[test]
fn the_users_files_move_with_the_variable() {
    let user = target("claude-code:user");
    assert_eq!(user.overriding().collect::<Vec<_>>(), ["CLAUDE_CONFIG_DIR"]);
    let rows = [
        (places(&[]), "/h/.claude/skills", "/h/.claude.json", "/h/.claude/settings.json", "/h/.claude/hooks/x"),
        (
            places(&[("CLAUDE_CONFIG_DIR", "/c d")]),
            "/c d/skills",
            "/c d/.claude.json",
            "/c d/settings.json",
            "/c d/hooks/x",
        ),
    ];
    for (here, skills, servers, settings, scripts) in rows {
        assert_eq!(user.folder(Kind::Skill, &here).as_deref(), Some(Path::new(skills)));
        assert_eq!(user.config_file(Kind::Mcp, &here).as_deref(), Some(Path::new(servers)));
        assert_eq!(user.config_file(Kind::Hook, &here).as_deref(), Some(Path::new(settings)));
        assert_eq!(user.script_base("x", &here).as_deref(), Some(scripts));
    }
    for hostile in ["/c\"d", "/$(x)", "/`x`", "/c'd", "/c\nd"] {
        assert_eq!(user.script_base("x", &places(&[("CLAUDE_CONFIG_DIR", hostile)])), None, "{hostile}");
    }
}

#[test]
fn targets_are_named_by_client_and_scope() {
    assert_eq!("claude-code".parse::<TargetId>().map(|id| id.to_string()), Ok("claude-code:project".to_owned()));
    for bad in ["", ":user", "claude-code:", "claude-code:local", "Claude", "a b", "a:user:x", "a\u{1b}:user"] {
        let error = bad.parse::<TargetId>().expect_err(bad);
        assert!(!error.to_string().contains('\u{1b}'));
    }
    let unknown = "zed:user".parse().expect("well formed");
    let Err(TargetError::Unknown { known, .. }) = Target::find(&unknown) else { panic!("there is no such row") };
    assert_eq!(known.len(), targets().len());
}

#[test]
fn tables_of_another_version_or_with_unknown_members_are_refused() {
    let text = include_str!("../targets.toml");
    assert!(parse(&text.replace("version = 1", "version = 2")).is_err());
    assert!(parse(&text.replace("shape = \"claude\"", "shape = \"other\"")).is_err());
    assert!(parse(&text.replace("form = \"file\"", "form = \"file\", mode = 1")).is_err());
    assert!(parse(&text.replace("home:.claude/skills", "home:../skills")).is_err());
}
