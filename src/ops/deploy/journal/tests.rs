#![allow(clippy::disallowed_methods, reason = "tests make files of their own")]
use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::ops::{Durability, Quiet, Signing};

fn context(home: &Path) -> Context {
    Context {
        home: home.join("own"),
        user_home: home.to_owned(),
        claude_config: None,
        allowed_sources: Vec::new(),
        silence: Duration::from_secs(60),
        folder: home.to_owned(),
        identity: None,
        scratch: std::env::temp_dir(),
        now_seconds: 1_800_000_000,
        durability: Durability::Lazy,
        audit: false,
        patience: Duration::ZERO,
        forge: String::new(),
        path: std::ffi::OsString::new(),
        environment: Vec::new(),
        may_prompt: false,
        signing: Signing::default(),
        allowed_signers: home.join("signers"),
        revoked_keys: None,
        witnesses: Vec::new(),
        witness_threshold: 1,
        limits: crate::pack::Limits::default(),
        policy: crate::trust::Policy::default(),
        usual_policy: crate::trust::Policy::default(),
        progress: Box::new(Quiet),
        offline: true,
        traffic: Cell::new(0),
        git: OnceCell::new(),
    }
}

fn path(text: &str) -> TreePath {
    text.parse().expect("a path")
}

const STAGE: &str = ".skillmeat/stage-1";
const NEW_CONFIG: &[u8] = b"{\"new\": 1}";

fn tree(site: &Site) -> BTreeMap<String, Vec<u8>> {
    let root = site.root().expect("a root");
    let files = root.walk("", 1000).expect("walks").into_iter().map(|(name, _)| name);
    let read = |name: String| {
        let (_, bytes) = root.read(&path(&name), 1000).expect("reads").expect("is there");
        (name, bytes)
    };
    files.filter(|name| !name.starts_with(".skillmeat/stage")).map(read).collect()
}

/// A project with an item to replace, one to remove, one to add, and a configuration file; and a journal for that.
fn prepared(dir: &Path) -> (Context, Site, Journal) {
    let context = context(dir);
    let project = dir.join("project");
    std::fs::create_dir_all(&project).expect("a folder");
    let target = "claude-code".parse().expect("a target");
    let site = Site::open(&context, &target, &project).expect("opens");
    let root = site.root().expect("a root");
    let put = |name: &str, text: &str| {
        root.create(&path(name), crate::model::FileMode::Regular, text.as_bytes()).expect("writes");
    };
    put("s/x/SKILL.md", "old");
    put("s/x/more", "old");
    put("a/gone.md", "gone");
    put(".mcp.json", "{}");
    put(&format!("{STAGE}/new/0/SKILL.md"), "new");
    put(&format!("{STAGE}/new/2"), "added");
    put(&format!("{STAGE}/config/0"), "{}");
    let staged = |name: &str| Some(path(&format!("{STAGE}/{name}")));
    let is = |name: &str| fingerprint(root, &path(name)).expect("reads");
    let mut journal = Journal::start("deploy", &site, path(STAGE));
    journal.folders = vec![path("c"), path("c/d")];
    journal.steps = vec![
        Step {
            path: path("s/x"),
            new: staged("new/0"),
            old: staged("old/0"),
            new_is: is(&format!("{STAGE}/new/0")),
            old_is: is("s/x"),
        },
        Step { path: path("a/gone.md"), new: None, old: staged("old/1"), new_is: None, old_is: is("a/gone.md") },
        Step {
            path: path("c/d/added.md"),
            new: staged("new/2"),
            old: None,
            new_is: is(&format!("{STAGE}/new/2")),
            old_is: None,
        },
    ];
    journal.configs = vec![ConfigStep {
        config: ".mcp.json".to_owned(),
        saved: staged("config/0"),
        after: Some(Digest::of(NEW_CONFIG)),
    }];
    (context, site, journal)
}

/// One change of a run.
type Made = Box<dyn Fn(&Site)>;

/// The single changes that a run makes, in its order.
fn changes(journal: &Journal) -> Vec<Made> {
    let mut all: Vec<Made> = Vec::new();
    for folder in journal.folders.clone() {
        all.push(Box::new(move |site| assert!(site.root().expect("a root").make_folder(&folder).expect("makes"))));
    }
    for step in &journal.steps {
        for (from, to) in [(Some(&step.path), step.old.as_ref()), (step.new.as_ref(), Some(&step.path))] {
            if let (Some(from), Some(to)) = (from.cloned(), to.cloned()) {
                all.push(Box::new(move |site| site.root().expect("a root").rename(&from, &to).expect("moves")));
            }
        }
    }
    all.push(Box::new(|site| {
        let swap = Swap { expected: Some(b"{}"), new: Some(NEW_CONFIG), beside: ".x.tmp" };
        assert!(site.swap_config(".mcp.json", &swap).expect("writes"));
    }));
    all
}

#[test]
fn whichever_steps_were_made_the_old_state_comes_back() {
    let count = {
        let dir = tempfile::tempdir().expect("a folder");
        let (_, _, journal) = prepared(dir.path());
        changes(&journal).len()
    };
    assert_eq!(count, 7);
    for made in 0..=count {
        let dir = tempfile::tempdir().expect("a folder");
        let (context, mut site, journal) = prepared(dir.path());
        let before = tree(&site);
        changes(&journal).iter().take(made).for_each(|change| change(&site));
        assert_eq!(tree(&site) == before, made <= 2, "{made}");
        assert_eq!(journal.undo(&context, &mut site).expect("undoes"), Vec::<String>::new(), "{made}");
        assert_eq!(tree(&site), before, "{made}");
        assert!(!dir.path().join("project/c").exists(), "{made}");
    }
}

#[test]
fn an_interrupted_undo_is_undone_again() {
    let count = 7_usize;
    // An undo makes the changes of a run backwards, so what it leaves when it is killed is a shorter run.
    for made in 0..=count {
        let dir = tempfile::tempdir().expect("a folder");
        let (context, mut site, journal) = prepared(dir.path());
        let before = tree(&site);
        let root = site.root().expect("a root");
        journal
            .apply(&site, root, &[Swap { expected: Some(b"{}"), new: Some(NEW_CONFIG), beside: ".x.tmp" }])
            .expect("applies");
        // The configuration goes back first, then the items in the opposite order.
        let swap = Swap { expected: Some(NEW_CONFIG), new: Some(b"{}"), beside: ".x.tmp" };
        let back = [("c/d/added.md", "new/2"), ("old/1", "a/gone.md"), ("s/x", "new/0"), ("old/0", "s/x")];
        let full = |name: &str| match name.starts_with("new") || name.starts_with("old") {
            true => path(&format!("{STAGE}/{name}")),
            false => path(name),
        };
        if made > 0 {
            assert!(site.swap_config(".mcp.json", &swap).expect("writes"));
        }
        for (from, to) in back.iter().take(made.saturating_sub(1)) {
            root.rename(&full(from), &full(to)).expect("moves");
        }
        assert_eq!(journal.undo(&context, &mut site).expect("undoes"), Vec::<String>::new(), "{made}");
        assert_eq!(tree(&site), before, "{made}");
    }
}

#[test]
fn what_somebody_changed_after_the_interruption_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let (context, mut site, journal) = prepared(dir.path());
    let root = site.root().expect("a root");
    journal
        .apply(&site, root, &[Swap { expected: Some(b"{}"), new: Some(NEW_CONFIG), beside: ".x.tmp" }])
        .expect("applies");
    let project = dir.path().join("project");
    std::fs::write(project.join("s/x/SKILL.md"), "an edit").expect("a file");
    std::fs::write(project.join("a/gone.md"), "written again").expect("a file");
    std::fs::write(project.join(".mcp.json"), "{\"mine\": 1}").expect("a file");
    let kept = journal.undo(&context, &mut site).expect("undoes");
    let copies: Vec<_> = kept.iter().map(|place| std::fs::read_to_string(place).expect("a copy")).collect();
    assert_eq!(copies, ["{}", "written again", "an edit"]);
    assert_eq!(std::fs::read(project.join("s/x/SKILL.md")).expect("a file"), b"old");
    assert_eq!(std::fs::read(project.join("a/gone.md")).expect("a file"), b"gone");
    assert_eq!(std::fs::read(project.join(".mcp.json")).expect("a file"), b"{\"mine\": 1}", "theirs stays");
}

#[test]
fn a_file_that_changed_since_it_was_compared_stops_the_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let (context, mut site, journal) = prepared(dir.path());
    std::fs::write(dir.path().join("project/a/gone.md"), "saved in this moment").expect("a file");
    let before = tree(&site);
    let swaps = [Swap { expected: Some(&b"{}"[..]), new: Some(NEW_CONFIG), beside: ".x.tmp" }];
    let stopped = journal.apply(&site, site.root().expect("a root"), &swaps);
    assert!(matches!(stopped, Err(Error::Changed(_))), "{stopped:?}");
    journal.undo(&context, &mut site).expect("undoes");
    assert_eq!(tree(&site), before);
    let swaps = [Swap { expected: Some(&b"{ }"[..]), new: Some(NEW_CONFIG), beside: ".x.tmp" }];
    let (context, mut site, journal) = prepared(&dir.path().join("other"));
    let before = tree(&site);
    let stopped = journal.apply(&site, site.root().expect("a root"), &swaps);
    assert!(matches!(stopped, Err(Error::Changed(_))), "{stopped:?}");
    journal.undo(&context, &mut site).expect("undoes");
    assert_eq!(tree(&site), before);
}
