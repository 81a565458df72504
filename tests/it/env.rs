//! A world of its own for each test: home, git configuration, names, dates and keys that nothing outside can change.

mod account;
mod cloud;
mod gcs;
mod http;
mod keys;
mod measured;
mod s3;
mod server;
mod sigv4;
mod snapshot;
mod source;
mod terminal;
mod wire;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

pub use cloud::Cloud;
pub use gcs::{Gcs, TOKEN};
pub use http::Asked;
pub use keys::{KEY, Key, STRANGER};
pub use measured::assert_nothing_started;
pub use s3::{BUCKET, FAULTS, Fault, S3, SECRET};
pub use server::Server;
pub use snapshot::{Depth, Snapshot};
pub use source::{Git, Mode, skill};

/// The moment of every commit and tag, in git's own form.
pub const NOW: &str = "1795356000 +0000";

/// Longest error text, in bytes (invariant N: under 4 KiB).
const MAX_ERROR_BYTES: usize = 4096;

/// Exit status for what was checked and refused.
const CHECKED: i32 = 3;

/// One user: a home folder and the collection `skills` in it, which is the current folder of every run.
pub struct TestEnv {
    root: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// A run that is over and that someone must judge.
#[must_use]
#[derive(Debug, Clone)]
pub struct Ran {
    pub stdout: String,
    pub stderr: String,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
}

/// A run that was judged.
#[derive(Debug, Clone)]
pub struct Judged(Ran);

impl std::ops::Deref for Judged {
    type Target = Ran;

    fn deref(&self) -> &Ran {
        &self.0
    }
}

impl TestEnv {
    /// Makes a user who has a name and nothing else.
    pub fn new() -> Self {
        let root = tempfile::Builder::new().prefix("skillmeat-it-").tempdir().expect("a folder");
        let env = Self { root, variables: Vec::new() };
        for folder in [env.home(), env.folder()] {
            fs::create_dir_all(folder).expect("a folder");
        }
        let config = "[user]\n\tname = Tester\n\temail = tester@example.invalid\n[init]\n\tdefaultBranch = main\n\
            [skillmeat]\n\tdurability = lazy\n";
        fs::write(env.global_config(), config).expect("a file");
        env
    }

    /// As [`TestEnv::new`], and `skills` is a collection.
    pub fn with_collection() -> Self {
        let env = Self::new();
        env.run(["init", ".", "--name", "mine"]).ok();
        env
    }

    /// As [`TestEnv::with_collection`], and git signs with a key that the user trusts.
    pub fn with_key() -> Self {
        let env = Self::with_collection();
        env.use_key(&KEY);
        env.allow(&[("tester@example.invalid", &KEY)]);
        env
    }

    /// Puts the program where git finds it.
    pub fn find_program(&mut self) {
        let folder = program().parent().expect("a folder").to_str().expect("UTF-8").to_owned();
        self.set("PATH", &format!("{folder}:{}", std::env::var("PATH").expect("PATH")));
    }

    /// Sets a variable for all later runs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Everything of this user, and the sources that tests make.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    pub fn folder(&self) -> PathBuf {
        self.root().join("skills")
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.folder().join(below)
    }

    fn global_config(&self) -> PathBuf {
        self.home().join("gitconfig")
    }

    /// Sets a value in the user's global configuration.
    pub fn config(&self, key: &str, value: &str) {
        self.git(["config", "--global", key, value]);
    }

    pub fn write(&self, below: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().expect("below the collection")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }

    pub fn read(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).expect("a text file")
    }

    /// Returns a command of this user, in the collection.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").expect("PATH");
        command.env_clear().current_dir(self.folder()).stdin(Stdio::null());
        command.env("PATH", path).env("LC_ALL", "C").env("HOME", self.home());
        command.env("GIT_CONFIG_GLOBAL", self.global_config()).env("GIT_CONFIG_SYSTEM", "/dev/null");
        command.env("GIT_AUTHOR_DATE", NOW).env("GIT_COMMITTER_DATE", NOW);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Returns the program, not yet started.
    pub fn program<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Command {
        let mut command = self.command(program());
        command.args(args);
        command
    }

    /// Runs the program.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Ran {
        Ran::of(self.program(args))
    }

    /// Runs the program with `--format json`; it must succeed. Returns `data`.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let ran = self.run(["--format", "json"].iter().chain(args)).ok();
        let mut value = ran.value();
        value["data"].take()
    }

    /// Runs `status --remote` with further arguments and returns the artifacts. The exit status says whether all could be asked.
    pub fn upstreams(&self, args: &[&str]) -> Vec<serde_json::Value> {
        let ran = self.run([args, &["--format", "json", "status", "--remote"]].concat());
        let artifacts = ran.value()["data"]["artifacts"].as_array().expect("a list").clone();
        let unknown = |item: &serde_json::Value| {
            item["upstream"]["state"] == "cannot-check" || item["upstream"]["state"] == "not-allowed"
        };
        assert_eq!(ran.code, Some(i32::from(artifacts.iter().any(unknown))), "{ran:#?}");
        artifacts
    }

    /// Runs the program twice, for people and for programs: it must refuse with `class`, change nothing, and take little time and
    /// memory for it.
    ///
    /// Returns the text for people.
    pub fn refused(&self, class: &str, args: &[&str]) -> Judged {
        let is_shown_otherwise = ["fork", "rollback"].contains(&class);
        self.refused_leaving(class, args, if is_shown_otherwise { Depth::Evidence } else { Depth::Refs })
    }

    /// As [`TestEnv::refused`], with a say in how closely the folders are looked at.
    pub fn refused_leaving(&self, class: &str, args: &[&str], depth: Depth) -> Judged {
        let before = self.snapshot(depth);
        let (ran, used) = Ran::measured(self.program(args));
        let ran = ran.refused(class);
        let (value, used_for_json) = Ran::measured(self.program(["--format", "json"].iter().chain(args)));
        let value = value.value();
        assert_eq!(value["schema"], "skillmeat.error/1", "{args:?}: {value}");
        assert_eq!(value["error"]["class"], class, "{args:?}: {value}");
        before.assert_same(&self.snapshot(depth), &format!("{args:?} was refused"));
        // What is waited for or asked of others takes as long as it takes; what was looked at takes little.
        if status_of(class) == CHECKED {
            [used, used_for_json].iter().for_each(|used| used.assert_little(&format!("{args:?} was refused")));
        }
        self.trace(args, ran.code);
        before.assert_same(&self.snapshot(depth), &format!("{args:?} was refused once more"));
        ran
    }

    /// Runs the program, which must succeed and change nothing at all.
    pub fn unchanged(&self, args: &[&str]) -> Judged {
        let before = self.snapshot(Depth::Objects);
        let ran = self.run(args).ok();
        self.trace(args, ran.code);
        before.assert_same(&self.snapshot(Depth::Objects), &format!("{args:?} writes nothing"));
        ran
    }

    /// Looks at all files of this user.
    pub fn snapshot(&self, depth: Depth) -> Snapshot {
        Snapshot::of(self.root(), depth)
    }

    /// Runs git in the collection; it must succeed. Returns its output without the last line end.
    pub fn git<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> String {
        let mut command = self.command("git");
        command.args(args);
        Ran::of(command).ok().stdout.trim_end().to_owned()
    }

    /// Returns the id of the last commit.
    pub fn head(&self) -> String {
        self.git(["rev-parse", "HEAD"])
    }

    /// Returns all refs with their objects.
    pub fn refs(&self) -> String {
        self.git(["for-each-ref", "--format=%(refname) %(objectname)"])
    }

    /// Asks git whether the collection is sound, and whether worktree and index are at the last commit.
    pub fn assert_sound(&self) {
        self.git(["fsck", "--strict", "--no-dangling"]);
        assert_eq!(
            self.git(["--no-optional-locks", "status", "--porcelain", "--untracked-files=all"]),
            "",
            "the worktree is clean"
        );
    }
}

impl Ran {
    /// Runs a command to its end.
    pub fn of(mut command: Command) -> Self {
        Self::from(command.output().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Checks that it succeeded.
    pub fn ok(self) -> Judged {
        assert_eq!(self.code, Some(0), "{self:#?}");
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
        Judged(self)
    }

    /// Checks a refusal of `class`: status, form of the message, and nothing on standard output.
    pub fn refused(self, class: &str) -> Judged {
        assert_eq!(self.code, Some(status_of(class)), "{class}: {self:#?}");
        assert_eq!(self.stdout, "", "an error prints nothing for the next program: {self:#?}");
        self.assert_message();
        Judged(self)
    }

    /// Checks the form of an error message: `error:`, causes, at most one hint, no control characters.
    pub fn assert_message(&self) {
        let text = &self.stderr;
        assert!(!text.contains("panicked"), "{self:#?}");
        assert!(text.len() < MAX_ERROR_BYTES, "{} bytes: {text}", text.len());
        let steering = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(steering), "{text:?}");
        if text.lines().any(|line| line.starts_with("Usage:") || line.contains("for more information")) {
            return;
        }
        // A plan may be shown before the refusal.
        let mut lines = text.lines().skip_while(|line| !line.starts_with("error: "));
        let first = lines.next().unwrap_or_else(|| panic!("no line 'error: ': {text}"));
        assert!(!first.ends_with('.') && first.len() > "error: ".len(), "{first}");
        let rest: Vec<_> = lines.skip_while(|line| line.starts_with("caused by: ")).collect();
        assert!(rest.len() <= 1 && rest.iter().all(|line| line.starts_with("hint: ") && line.len() > 7), "{text}");
    }

    /// Returns standard output as JSON.
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
        Self { stdout: text(output.stdout), stderr: text(output.stderr), code: output.status.code() }
    }
}

/// Returns the program under test.
pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_git-skillmeat"))
}

/// Waits until no process is at work that was told of anything below `folder`: git goes on when the program that started it was
/// killed.
pub fn wait_until_nobody_works_in(folder: &Path) {
    let needle = folder.to_str().expect("UTF-8").as_bytes();
    let works = |process: fs::DirEntry| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.windows(needle.len()).any(|part| part == needle)
    };
    let started = std::time::Instant::now();
    while fs::read_dir("/proc").expect("processes").flatten().any(works) {
        assert!(started.elapsed().as_secs() < 60, "something still works in {}", folder.display());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Returns the artifacts that the repository ships as examples.
pub fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/artifacts")
}

/// Returns the exit status that a class of errors must give.
fn status_of(class: &str) -> i32 {
    match class {
        "usage" | "name" => 2,
        "io" | "net" | "conflict" | "busy" => 1,
        "path" | "pack" | "limit" | "hash" | "signature" | "untrusted" | "rollback" | "fork" | "stale" | "consent"
        | "secret" | "policy" | "parse" => CHECKED,
        other => panic!("'{other}' is no class"),
    }
}
