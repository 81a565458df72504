//! What is on disk, to compare before and after: the judge of "nothing changed".

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use sha2::{Digest as _, Sha256};

/// How closely repositories are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Refs, logs, index and configuration: what a refused command must leave. Unused objects may stay, since they
    /// are written before refs.
    Refs,
    /// As `Refs`, but for the heads of ledgers that are kept against a server: what must be left where something does not go on from
    /// what was seen.
    Evidence,
    /// As `Refs`, but for the branches and tags of the stores of vaults, and git's own settings for them: where a command fetches
    /// what it needs, and then refuses. What was seen of a ledger is none of that.
    Fetched,
    /// Objects too: what a command that only looks must leave.
    Objects,
}

/// Every file, folder and link below a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    pub fn of(folder: &Path, depth: Depth) -> Self {
        let mut found = BTreeMap::new();
        walk(folder, "", depth, &mut found);
        Self(found)
    }

    /// Panics with the differences when there are any.
    #[track_caller]
    pub fn assert_same(&self, after: &Self, why: &str) {
        let mut differences = String::new();
        for (path, state) in &self.0 {
            match after.0.get(path) {
                Some(now) if now == state => {}
                Some(now) => writeln!(differences, "changed: {path}\n  from {state}\n  to   {now}").expect("a string"),
                None => writeln!(differences, "gone: {path}").expect("a string"),
            }
        }
        for path in after.0.keys().filter(|path| !self.0.contains_key(*path)) {
            writeln!(differences, "new: {path}").expect("a string");
        }
        assert!(differences.is_empty(), "{why}, but:\n{differences}");
    }
}

/// Says whether a path is a store that no agent reads and that a refused command may have written to.
fn is_quarantine(path: &str, depth: Depth) -> bool {
    // Locks and caches.
    path.ends_with(".git/skillmeat")
        // What was fetched, before it was judged.
        || path.ends_with(".skillmeat/sources")
        || depth != Depth::Objects && path.ends_with(".git/objects")
        // When a vault was last reached, to the second.
        || depth != Depth::Objects && path.ends_with(".git/fetched.toml")
        || depth == Depth::Fetched && is_fetched(path)
        || depth == Depth::Evidence && path.ends_with(".git/refs/skillmeat/evidence")
}

/// Says whether a path is what git makes of a fetch in the store of a vault.
fn is_fetched(path: &str) -> bool {
    let store = path.split_once(".skillmeat/vaults/").and_then(|(_, rest)| rest.split_once(".git/"));
    store.is_some_and(|(_, rest)| ["config", "logs", "refs/heads", "refs/tags", "packed-refs"].contains(&rest))
}

fn walk(folder: &Path, below: &str, depth: Depth, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let meta = fs::symlink_metadata(entry.path()).expect("metadata");
        let mode = meta.permissions().mode() & 0o7777;
        if is_quarantine(&path, depth) {
            continue;
        }
        let is_made_for_it = path.ends_with("/.skillmeat") && depth != Depth::Objects;
        let state = if is_made_for_it {
            walk(&entry.path(), &path, depth, found);
            continue;
        } else if meta.is_symlink() {
            format!("link to {}", fs::read_link(entry.path()).expect("a link").display())
        } else if meta.is_dir() {
            walk(&entry.path(), &path, depth, found);
            format!("folder {mode:o}{}", refs(&entry.path(), depth))
        } else if meta.is_file() {
            let bytes = fs::read(entry.path()).expect("a file");
            let digest: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("file {mode:o} {} bytes {digest}", bytes.len())
        } else {
            format!("other {:o}", meta.mode())
        };
        found.insert(path, state);
    }
}

/// Returns the refs of a repository, as git sees them; nothing for other folders.
fn refs(folder: &Path, depth: Depth) -> String {
    // As git sees it: a mirror without loose refs is none in a folder.
    let is_repository =
        folder.join("HEAD").is_file() && ["objects", "refs"].iter().all(|name| folder.join(name).is_dir());
    if !is_repository {
        return String::new();
    }
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(["-c", "safe.directory=*", "for-each-ref", "--format=%(refname) %(objectname)"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    match depth {
        Depth::Evidence => drop(command.arg("--exclude=refs/skillmeat/evidence/")),
        Depth::Fetched => drop(command.args(["--exclude=refs/heads/", "--exclude=refs/tags/"])),
        Depth::Refs | Depth::Objects => {}
    }
    let output = command.output().expect("git runs");
    assert!(output.status.success(), "{}: {output:?}", folder.display());
    format!(" {}", String::from_utf8_lossy(&output.stdout))
}
