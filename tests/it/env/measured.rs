//! What a run takes, in time and memory: the last part of invariant N.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Ran, TestEnv, program};

/// Most time of the processor in which hostile input is refused, whatever it is.
const MAX_PROCESSOR: Duration = Duration::from_secs(10);

/// Longest time until then by the clock: longer, since a machine may do much else at the same time.
const MAX_TIME: Duration = Duration::from_secs(60);

/// What Linux counts the time of processors in, in milliseconds (`USER_HZ` of proc(5), 100 everywhere).
const TICK_MS: u64 = 10;

/// Most memory that is resident while it is refused, in KiB. What the program maps of its own file counts too.
const MAX_RESIDENT_KIB: u64 = 256 * 1024;

/// Programs that may be started.
const KNOWN: [&str; 3] = ["git", "ssh-keygen", "git-skillmeat"];

/// What is started to ask somebody, by git for repositories and by the program for single files.
const TRANSPORT: [&str; 6] =
    ["git-upload-pack", "git-receive-pack", "git-remote-https", "git-remote-http", "ssh", "curl"];

/// Words of commands that have to ask somebody.
const ASKING: [&str; 4] = ["update", "--remote", "--vault", "--forge"];

/// How the addresses begin that somebody is asked at.
const REMOTE: [&str; 7] = ["skillmeat-ref:", "team:", "ssh://", "https://", "http://", "file://", "s3://"];

/// Commands on vaults that ask nobody.
const READING: [&str; 4] = ["list", "show", "ls", "log"];

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_micros(500);

/// What a run took; nothing of the programs that it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    pub time: Duration,
    /// Time of the processor, of all threads.
    pub processor: Duration,
    /// Most memory that was resident, in KiB; 0 where the run was over before anyone looked.
    pub resident_kib: u64,
    /// Most of it that no file stands behind, in KiB, as far as it was seen.
    pub anonymous_kib: u64,
}

impl Used {
    /// Checks what hostile input may take at most.
    #[track_caller]
    pub fn assert_little(&self, what: &str) {
        assert!(self.time < MAX_TIME && self.processor < MAX_PROCESSOR, "{what}: {self:?}");
        assert!(self.resident_kib < MAX_RESIDENT_KIB, "{what}: {self:?}");
    }
}

impl Ran {
    /// Runs a command to its end and looks at what it takes. Linux keeps the most that was resident, so that only what comes in
    /// the very last moment is missed; of the other number each look is one.
    pub fn measured(mut command: Command) -> (Self, Used) {
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let started = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let folder = format!("/proc/{}", child.id());
        let read = |name: &str| fs::read_to_string(format!("{folder}/{name}")).unwrap_or_default();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut used = Used::default();
                while !is_over.load(Ordering::Relaxed) {
                    let text = read("status");
                    used.resident_kib = used.resident_kib.max(kib(&text, "VmHWM:"));
                    used.anonymous_kib = used.anonymous_kib.max(kib(&text, "RssAnon:"));
                    used.processor = used.processor.max(processor(&read("stat")));
                    std::thread::sleep(PAUSE);
                }
                used
            });
            let output = child.wait_with_output().expect("it ends");
            let time = started.elapsed();
            is_over.store(true, Ordering::Relaxed);
            (Self::from(output), Used { time, ..watch.join().expect("no panic") })
        })
    }
}

/// With this variable each refusal, and what only reads, is looked at by strace as well. `.ci/run` sets it for the rows of
/// `tests/attacks`.
const TRACE: &str = "SKILLMEAT_TEST_TRACE";

impl TestEnv {
    /// Runs the program once more, and checks that it starts nothing but git and ssh-keygen and talks to nobody; where it has to
    /// ask somebody, nothing but what git needs for that either, and to nobody else.
    ///
    /// It must end with the same status as before, or it was another run.
    pub fn trace(&self, args: &[&str], code: Option<i32>) {
        if std::env::var_os(TRACE).is_none() {
            return;
        }
        let trace = tempfile::NamedTempFile::new().expect("a file");
        let mut command = self.command("strace");
        command.args(["-f", "-qq", "-s", "300", "-e", "trace=execve,connect", "-o"]).arg(trace.path());
        command.arg(program()).args(args);
        let ran = Ran::of(command);
        let calls = fs::read_to_string(trace.path()).expect("a trace");
        let what = format!("{args:?}: {ran:?}");
        assert_eq!(ran.code, code, "{what}");
        // The user's own settings name programs too: the one that signs, and ssh.
        let settings = fs::read_to_string(self.home().join("gitconfig")).unwrap_or_default();
        assert_started(&calls, &what, |name, call| {
            // Git hands the other side of a repository in a folder to a shell, and quotes itself what it is about.
            let is_other_side = name.ends_with("/sh") && call.contains("\"-c\", \"git") && call.contains("-pack '");
            settings.contains(&format!("= {name}\n")) || asks(args) && (is_one_of(&TRANSPORT, name) || is_other_side)
        });
        assert_asked(&calls, &what, &if asks(args) { self.addresses(args) } else { String::new() });
    }

    /// Returns a text with all addresses that this command was told of: by its words, its environment, the user's configuration and
    /// the vaults that they have.
    fn addresses(&self, args: &[&str]) -> String {
        let mut text: String = args.iter().map(|word| format!("{word}\n")).collect();
        self.variables.iter().for_each(|(name, value)| text.extend([name, "=", value, "\n"]));
        let vaults = fs::read_dir(self.home().join(".skillmeat/vaults")).into_iter().flatten().flatten();
        let files = vaults.flat_map(|vault| [vault.path(), vault.path().join("config")]);
        for file in files.chain([self.home().join("gitconfig"), self.path(".git/config"), self.path("skillmeat.lock")])
        {
            text.push_str(&fs::read_to_string(file).unwrap_or_default());
        }
        text
    }
}

/// Says whether a command has to ask somebody.
fn asks(args: &[&str]) -> bool {
    let mut words = args.iter().skip_while(|word| **word != "vault");
    let is_vault = words.next().is_some() && words.next().is_some_and(|word| !READING.contains(word));
    let is_asking = |word: &&str| ASKING.contains(word) || REMOTE.iter().any(|start| word.starts_with(start));
    !args.contains(&"--offline") && (is_vault || args.iter().any(is_asking))
}

/// Checks that nothing was started but git and ssh-keygen, and nobody was asked over a network.
pub fn assert_nothing_started(calls: &str, what: &str) {
    assert_started(calls, what, |_, _| false);
    assert_asked(calls, what, "");
}

/// Checks that nobody was asked over a network but servers of this machine with these addresses.
fn assert_asked(calls: &str, what: &str, addresses: &str) {
    for call in calls.lines().filter(|call| call.contains("AF_INET")) {
        let port = call.split("htons(").nth(1).and_then(|rest| rest.split(')').next()).unwrap_or_default();
        let is_known =
            |host: &str| addresses.split(|c: char| "/\n ".contains(c)).any(|one| one == format!("{host}:{port}"));
        let is_here = call.contains("inet_addr(\"127.0.0.1\")") && (is_known("127.0.0.1") || is_known("localhost"));
        assert!(is_here, "{what}: {call}");
    }
}

/// Checks that nothing was started but git and ssh-keygen, and what is allowed by its path and the whole call.
fn assert_started(calls: &str, what: &str, is_allowed: impl Fn(&str, &str) -> bool) {
    assert!(calls.contains("execve("), "nothing was traced: {what}: {calls}");
    let is_failed = |call: &str| call.rsplit_once(") = ").is_some_and(|(_, end)| end.starts_with("-1 "));
    for call in calls.lines().filter(|call| call.contains("execve(") && !is_failed(call)) {
        let started = call.split('"').nth(1).unwrap_or_default();
        assert!(is_one_of(&KNOWN, started) || is_allowed(started, call), "{what}: {call}");
    }
}

fn is_one_of(names: &[&str], path: &str) -> bool {
    Path::new(path).file_name().is_some_and(|name| names.iter().any(|one| name == *one))
}

/// Returns a number of `/proc/PID/status`; 0 where the process is over.
fn kib(status: &str, key: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

/// Returns the time of the processor from `/proc/PID/stat`: the fields 14 and 15; the second, a name, may hold blanks.
fn processor(stat: &str) -> Duration {
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ').skip(11).take(2);
    Duration::from_millis(TICK_MS * fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>())
}

#[test]
fn what_is_started_and_asked_is_seen() {
    let fails = |check: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err();
    let git = "1 execve(\"/usr/bin/git\", [\"git\", \"version\"], 0x7f) = 0";
    let shell = "2 execve(\"/bin/sh\", [\"sh\", \"-c\", \"id\"], 0x7f) = 0";
    let absent = "2 execve(\"/opt/sh\", [\"sh\", \"-c\", \"id\"], 0x7f) = -1 ENOENT (No such file or directory)";
    let posing = "2 execve(\"/bin/sh\", [\"sh\", \"-c\", \"id) = -1 \"], 0x7f /* 5 vars */) = 0";
    let unknown = "3 execve(0x7f, 0x7f, 0x7f <unfinished ...>";
    let asked = "4 connect(5, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0";
    assert!(!fails(&|| assert_nothing_started(&[git, absent].join("\n"), "")));
    for calls in ["", shell, posing, unknown, &[git, shell].join("\n"), &[git, asked].join("\n")] {
        assert!(fails(&|| assert_nothing_started(calls, "")), "{calls}");
    }
    assert!(!fails(&|| assert_asked(asked, "", "http://127.0.0.1:4000/r.git")));
    for addresses in ["", "http://127.0.0.1:400/r.git", "http://127.0.0.1:40001/r.git", "http://127.0.0.2:4000/r.git"] {
        assert!(fails(&|| assert_asked(asked, "", addresses)), "{addresses}");
    }
    assert!(fails(&|| assert_asked(&asked.replace("127.0.0.1", "10.0.0.1"), "", "http://127.0.0.1:4000/")));
    let other =
        asked.replace("AF_INET,", "AF_INET6,").replace("inet_addr(\"127.0.0.1\")", "inet_pton(AF_INET6, \"::1\")");
    assert!(fails(&|| assert_asked(&other, "", "http://127.0.0.1:4000/")));
    for (args, is_asking) in [
        (&["vault", "pull", "team"][..], true),
        (&["vault", "pull", "team", "--offline"], false),
        (&["vault", "show", "team"], false),
        (&["import", "team:kit"], true),
        (&["--format", "json", "import", "team:kit", "--offline"], false),
        (&["verify", "kit.skillmeat-pack"], false),
        (&["import", "kit.skillmeat-pack", "--yes"], false),
    ] {
        assert_eq!(asks(args), is_asking, "{args:?}");
    }
}

#[test]
fn what_a_run_takes_is_seen() {
    let script =
        "import time\nheld = bytearray(b'x') * (100 << 20)\nwhile time.process_time() < 0.5: pass\nprint(len(held))";
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    let (ran, used) = Ran::measured(command);
    assert_eq!(ran.ok().stdout.trim(), (100 << 20).to_string());
    assert!((100 << 10..200 << 10).contains(&used.anonymous_kib), "{used:?}");
    assert!(used.resident_kib >= used.anonymous_kib && used.time >= Duration::from_millis(500), "{used:?}");
    assert!((300..5000).contains(&used.processor.as_millis()), "{used:?}");
    let too_much = Used { resident_kib: MAX_RESIDENT_KIB, ..used };
    let too_long = Used { time: MAX_TIME, ..used };
    let too_busy = Used { processor: MAX_PROCESSOR, ..used };
    for used in [too_much, too_long, too_busy] {
        assert!(std::panic::catch_unwind(|| used.assert_little("it")).is_err(), "{used:?}");
    }
}
