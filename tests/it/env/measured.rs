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
    /// Runs the program once more, and checks that it starts nothing but git and ssh-keygen and talks to nobody.
    pub fn trace(&self, args: &[&str]) {
        // What has to ask somebody first starts what git and curl need for that.
        let remote = ["skillmeat-ref:", "team:", "ssh://"];
        let asks =
            |word: &str| word == "vault" || word == "--forge" || remote.iter().any(|start| word.starts_with(start));
        if std::env::var_os(TRACE).is_none() || args.iter().any(|word| asks(word)) {
            return;
        }
        let trace = tempfile::NamedTempFile::new().expect("a file");
        let mut command = self.command("strace");
        command.args(["-f", "-qq", "-e", "trace=execve,connect", "-o"]).arg(trace.path()).arg(program()).args(args);
        let ran = Ran::of(command);
        assert_nothing_started(&fs::read_to_string(trace.path()).expect("a trace"), &format!("{args:?}: {ran:?}"));
    }
}

/// Checks that nothing was started but git and ssh-keygen, and nobody was asked over a network.
pub fn assert_nothing_started(calls: &str, what: &str) {
    assert!(calls.contains("execve("), "nothing was traced: {what}: {calls}");
    for call in calls.lines().filter(|call| call.contains("execve(") && !call.contains(" ENOENT ")) {
        let started = call.split('"').nth(1).unwrap_or_default();
        let name = Path::new(started).file_name().and_then(|name| name.to_str());
        assert!(name.is_some_and(|name| KNOWN.contains(&name)), "{what}: {call}");
    }
    assert!(!calls.contains("AF_INET"), "{what}: {calls}");
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
