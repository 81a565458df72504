//! What a run takes, in time and memory: the last part of invariant N.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Ran;

/// Longest time in which hostile input is refused, whatever it is.
const MAX_TIME: Duration = Duration::from_secs(10);

/// Most memory that is resident while it is refused, in KiB. What the program maps of its own file counts too.
const MAX_RESIDENT_KIB: u64 = 256 * 1024;

/// How often a running program is looked at.
const PAUSE: Duration = Duration::from_micros(500);

/// What a run took; nothing of the programs that it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    pub time: Duration,
    /// Most memory that was resident, in KiB; 0 where the run was over before anyone looked.
    pub resident_kib: u64,
    /// Most of it that no file stands behind, in KiB, as far as it was seen.
    pub anonymous_kib: u64,
}

impl Used {
    /// Checks what hostile input may take at most.
    #[track_caller]
    pub fn assert_little(&self, what: &str) {
        assert!(self.time < MAX_TIME, "{what}: {self:?}");
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
        let status = format!("/proc/{}/status", child.id());
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut used = Used::default();
                while !is_over.load(Ordering::Relaxed) {
                    let text = fs::read_to_string(&status).unwrap_or_default();
                    used.resident_kib = used.resident_kib.max(kib(&text, "VmHWM:"));
                    used.anonymous_kib = used.anonymous_kib.max(kib(&text, "RssAnon:"));
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

/// Returns a number of `/proc/PID/status`; 0 where the process is over.
fn kib(status: &str, key: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(key));
    value.and_then(|value| value.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0)
}

#[test]
fn what_a_run_takes_is_seen() {
    let script = "import time\nheld = bytearray(b'x') * (100 << 20)\ntime.sleep(0.5)\nprint(len(held))";
    let mut command = Command::new("python3");
    command.args(["-c", script]);
    let (ran, used) = Ran::measured(command);
    assert_eq!(ran.ok().stdout.trim(), (100 << 20).to_string());
    assert!((100 << 10..200 << 10).contains(&used.anonymous_kib), "{used:?}");
    assert!(used.resident_kib >= used.anonymous_kib && used.time >= Duration::from_millis(500), "{used:?}");
    let too_much = Used { resident_kib: MAX_RESIDENT_KIB, ..used };
    let too_long = Used { time: MAX_TIME, ..used };
    for used in [too_much, too_long] {
        assert!(std::panic::catch_unwind(|| used.assert_little("it")).is_err(), "{used:?}");
    }
}
