//! Releases taken apart and put together, well signed or not.

use std::process::Stdio;

use skillmeat::model::{Digest, FileEntry, FileMode, tree_digest};

use super::raw::{Archive, stored};
use crate::env::{Mode, Ran, TestEnv, skill};

/// A file of a release.
pub type File = (String, Mode, Vec<u8>);

/// A release, as the parts that a pack holds.
#[derive(Clone)]
pub struct Parts {
    pub tag: Vec<u8>,
    pub commit: Vec<u8>,
    pub files: Vec<File>,
}

impl Parts {
    /// Reads a release from the collection.
    pub fn of(env: &TestEnv, release: &str) -> Self {
        let listed = env.git(["ls-tree", "-r", release]);
        let files = listed.lines().map(|line| {
            let (head, path) = line.split_once('\t').expect("a line of ls-tree");
            let mode = if head.starts_with("100755") { Mode::Executable } else { Mode::File };
            (path.to_owned(), mode, bytes(env, &["cat-file", "blob", head.rsplit(' ').next().expect("an id")]))
        });
        Self {
            files: files.collect(),
            tag: bytes(env, &["cat-file", "tag", release]),
            commit: bytes(env, &["cat-file", "commit", &format!("{release}^{{commit}}")]),
        }
    }

    pub fn pack(&self) -> Vec<u8> {
        let own = [(".skillmeat/tag", &self.tag), (".skillmeat/commit", &self.commit)];
        let mut entries: Vec<_> = own.map(|(name, bytes)| stored(name, bytes)).into();
        entries.extend(self.files.iter().map(|(path, mode, bytes)| {
            let attributes = if *mode == Mode::Executable { 0o100_755 << 16 } else { 0o100_644 << 16 };
            stored(path, bytes).with(|entry| entry.attributes = attributes)
        }));
        entries.sort_by(|a, b| a.central.name.cmp(&b.central.name));
        Archive { entries, ..Archive::default() }.bytes()
    }

    pub fn file(&mut self, path: &str) -> &mut File {
        self.files.iter_mut().find(|(name, ..)| name == path).expect("there")
    }

    pub fn manifest(&self) -> String {
        let file = self.files.iter().find(|(name, ..)| name == "bundle.toml").expect("a manifest");
        String::from_utf8(file.2.clone()).expect("UTF-8")
    }

    pub fn digest(&self) -> Digest {
        let entries = self.files.iter().map(|(path, mode, bytes)| FileEntry {
            path: path.parse().expect("a path"),
            mode: if *mode == Mode::Executable { FileMode::Executable } else { FileMode::Regular },
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort();
        tree_digest(&entries)
    }

    /// Makes commit and tag of the files anew, signed by the key of `env`, with these trailers.
    pub fn sign(&mut self, env: &TestEnv, trailers: &str) {
        let folder = format!("forge-{}", Digest::of(trailers.as_bytes()).hex());
        let _ = std::fs::remove_dir_all(env.root().join(format!("{folder}.git")));
        let git = env.bare(&folder);
        let files: Vec<_> = self.files.iter().map(|(path, mode, bytes)| (&**path, &**bytes, *mode)).collect();
        let commit = git.git(&["commit-tree", "-m", "kit 1.0.0", &git.tree_of(&files)], b"");
        let message = env.root().join("message");
        std::fs::write(&message, format!("kit 1.0.0\n\n{trailers}")).expect("a file");
        let mut command = env.command("git");
        command.args(["-C", git.text(), "tag", "-s", "--cleanup=verbatim", "-F"]).arg(message);
        command.args(["kit--v1.0.0", &commit]);
        let _ = Ran::of(command).ok();
        self.tag = bytes(env, &["-C", git.text(), "cat-file", "tag", "kit--v1.0.0"]);
        self.commit = bytes(env, &["-C", git.text(), "cat-file", "commit", &commit]);
    }

    /// As [`Parts::sign`], with the trailers of a release.
    pub fn sign_well(&mut self, env: &TestEnv) {
        let trailers = format!("skillmeat-repo: {}\nskillmeat-tree: {}\n", Digest::of(b"a repository"), self.digest());
        self.sign(env, &trailers);
    }

    /// Replaces text in the manifest, which must be there.
    pub fn edit_manifest(&mut self, from: &str, to: &str) {
        let text = self.manifest();
        assert!(text.contains(from), "{from}: {text}");
        self.file("bundle.toml").2 = text.replacen(from, to, 1).into_bytes();
    }
}

/// Runs git in the collection and returns exactly what it writes.
fn bytes(env: &TestEnv, args: &[&str]) -> Vec<u8> {
    let mut command = env.command("git");
    let output = command.args(args).stderr(Stdio::inherit()).output().expect("git runs");
    assert!(output.status.success(), "{args:?}");
    output.stdout
}

/// Adds a skill with a script.
pub fn add_script(env: &TestEnv) {
    let folder = env.root().join("single/one");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("SKILL.md"), skill("one", "text")).expect("a file");
    std::fs::write(folder.join("run.sh"), "#!/bin/sh\necho one\n").expect("a file");
    std::fs::set_permissions(folder.join("run.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
    env.run(["add", folder.to_str().expect("UTF-8"), "--yes"]).ok();
}

/// An author with two releases of one skill that has a script, and their parts.
pub fn author() -> (TestEnv, Parts, Parts) {
    let env = TestEnv::with_key();
    add_script(&env);
    let [first, second] = ["1.0.0", "1.1.0"].map(|version| {
        let out = env.root().join(format!("{version}.skillmeat-pack"));
        let args = ["export", "kit", "--version", version, "--all", "--compression", "store", "--output"];
        env.run(args.iter().copied().chain([out.to_str().expect("UTF-8")])).ok();
        let parts = Parts::of(&env, &format!("kit--v{version}"));
        assert_eq!(parts.pack(), std::fs::read(out).expect("a pack"), "the parts make the pack that the program made");
        parts
    });
    (env, first, second)
}

pub fn changed(parts: &Parts, change: impl FnOnce(&mut Parts)) -> Parts {
    let mut parts = parts.clone();
    change(&mut parts);
    parts
}
