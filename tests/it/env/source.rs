//! Repositories to add from, made object by object so that they can hold what git itself would refuse.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{NOW, Ran, TestEnv, examples};

/// Mode of an entry of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    File,
    Executable,
    Link,
    Folder,
    Submodule,
}

impl Mode {
    fn octal(self) -> &'static str {
        match self {
            Mode::File => "100644",
            Mode::Executable => "100755",
            Mode::Link => "120000",
            Mode::Folder => "40000",
            Mode::Submodule => "160000",
        }
    }
}

/// A repository outside of the collection.
pub struct Git {
    folder: PathBuf,
}

/// A skill that is fit to be added.
pub fn skill(name: &str, text: &str) -> String {
    format!("---\nname: {name}\ndescription: Shows {name}.\nlicense: MIT\n---\n{text}\n")
}

impl TestEnv {
    /// Makes an empty bare repository, `name.git` beside the collection.
    pub fn bare(&self, name: &str) -> Git {
        let folder = self.root().join(format!("{name}.git"));
        self.git(["init", "--quiet", "--bare", "--initial-branch=main", folder.to_str().expect("UTF-8")]);
        Git { folder }
    }

    /// Makes a bare repository whose one commit has these files.
    pub fn source(&self, name: &str, files: &[(&str, &str, Mode)]) -> Git {
        let git = self.bare(name);
        let files: Vec<_> = files.iter().map(|(path, text, mode)| (*path, text.as_bytes(), *mode)).collect();
        let tree = git.tree_of(&files);
        git.commit("main", &tree);
        git
    }

    /// Lets `ssh://host.invalid/…` reach repositories of this machine, by a program in the place of ssh.
    pub fn allow_ssh(&self) {
        let path = self.home().join("ssh");
        // The command is the last argument.
        fs::write(&path, "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n").expect("a file");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
        self.config("core.sshCommand", path.to_str().expect("UTF-8"));
        self.config("ssh.variant", "ssh");
    }

    /// Copies the example artifacts of this repository to `name` beside the collection: a folder without git.
    pub fn example_folder(&self, name: &str) -> PathBuf {
        let to = self.root().join(name);
        copy(&examples(), &to);
        to
    }

    /// Adds the example artifacts to the collection.
    pub fn add_examples(&self) {
        let from = self.example_folder("examples");
        self.run(["add", from.to_str().expect("UTF-8"), "--all", "--yes"]).ok();
    }

    /// Adds one small skill.
    pub fn add_skill(&self, name: &str, text: &str) {
        let from = self.root().join("single").join(name);
        fs::create_dir_all(&from).expect("a folder");
        fs::write(from.join("SKILL.md"), skill(name, text)).expect("a file");
        self.run(["add", from.to_str().expect("UTF-8")]).ok();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

impl Git {
    /// A repository that is there.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the path as the text that `add` takes.
    pub fn text(&self) -> &str {
        self.folder.to_str().expect("UTF-8")
    }

    /// Returns the `file://` URL with `rest`, such as `//folder#branch`, behind it.
    pub fn url(&self, rest: &str) -> String {
        format!("file://{}{rest}", self.text())
    }

    /// As [`Git::url`], with `ssh://`, so that it has to be fetched; see [`TestEnv::allow_ssh`].
    pub fn ssh_url(&self, rest: &str) -> String {
        format!("ssh://host.invalid{}{rest}", self.text())
    }

    /// Runs git in the repository with bytes on its standard input.
    pub fn git(&self, args: &[&str], input: &[u8]) -> String {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").env("LC_ALL", "C");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Author").env(format!("GIT_{role}_EMAIL"), "a@example.invalid");
            command.env(format!("GIT_{role}_DATE"), NOW);
        }
        let mut child = command.spawn().expect("git runs");
        child.stdin.take().expect("a pipe").write_all(input).expect("git reads");
        Ran::from(child.wait_with_output().expect("git ends")).ok().stdout.trim_end().to_owned()
    }

    pub fn blob(&self, bytes: &[u8]) -> String {
        self.git(&["hash-object", "-w", "--stdin"], bytes)
    }

    /// Writes a tree of exactly these entries, in this order, with any names.
    pub fn raw_tree(&self, entries: &[(Mode, &[u8], &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.octal().as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            let digit = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).expect("an object id");
            bytes.extend((0..id.len()).step_by(2).map(digit));
        }
        self.git(&["hash-object", "-t", "tree", "--literally", "-w", "--stdin"], &bytes)
    }

    /// Writes the tree of these files, sorted as git sorts.
    pub fn tree_of(&self, files: &[(&str, &[u8], Mode)]) -> String {
        let mut input = Vec::new();
        for (path, bytes, mode) in files {
            let id = self.blob(bytes);
            input.extend_from_slice(format!("{} {id}\t{path}\n", mode.octal()).as_bytes());
        }
        self.git(&["read-tree", "--empty"], b"");
        self.git(&["update-index", "--add", "--index-info"], &input);
        self.git(&["write-tree"], b"")
    }

    /// Commits a tree on top of a branch and returns the commit.
    pub fn commit(&self, branch: &str, tree: &str) -> String {
        let name = format!("refs/heads/{branch}");
        let parent = self.git(&["for-each-ref", "--format=%(objectname)", &name], b"");
        let mut args = vec!["commit-tree", "-m", "A state", tree];
        if !parent.is_empty() {
            args.extend(["-p", &parent]);
        }
        let commit = self.git(&args, b"");
        self.git(&["update-ref", &name, &commit], b"");
        commit
    }

    /// Commits these files on a branch, in place of what it had.
    pub fn commit_files(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_bytes(), Mode::File)).collect();
        let tree = self.tree_of(&files);
        self.commit(branch, &tree)
    }
}
